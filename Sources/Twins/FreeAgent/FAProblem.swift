internal import Kernel
internal import Wire

/// Why a call is refused.
struct FAProblem: Error {
    enum Said: Sendable {
        /// What is wrong with what was sent, all of it.
        case findings([String])
        case one(String)
        case plain(String)
    }

    var status: Int
    var said: Said

    init(_ status: Int, _ message: String) {
        self.status = status
        said = .one(message)
    }

    private init(_ status: Int, said: Said) {
        self.status = status
        self.said = said
    }

    /// - Source: api-discuss.freeagent.com, topic 819, for the form of a refusal of what was sent.
    static func invalid(_ findings: [String]) -> FAProblem { FAProblem(422, said: .findings(findings)) }
    static func invalid(_ finding: String) -> FAProblem { invalid([finding]) }

    /// - Source: api-discuss.freeagent.com, topic 2045: what is named in a body and not there is this, too.
    static let notFound = FAProblem(404, "Resource not found")
    /// - Source: api-discuss.freeagent.com, topic 2877.
    static func locked(_ noun: String) -> FAProblem { FAProblem(403, "\(noun) is locked.") }
    static let forbidden = FAProblem(403, "You do not have permission to access this resource")
    static let unauthorised = FAProblem(401, "Access token not recognised")
    static func plain(_ status: Int, _ text: String) -> FAProblem { FAProblem(status, said: .plain(text)) }

    /// - Source: api-discuss.freeagent.com, topic 2224.
    static func type(_ key: String, _ expected: String) -> FAProblem { FAProblem(400, "'\(key)' parameter does not match expected type '\(expected)'") }

    /// One message is an object, several are a list.
    /// - Source: dev.freeagent.com/docs/depreciation_profiles, "Update Requests", for the first; topic 819 for the second.
    var response: HTTPResponse {
        switch said {
        case .findings(let list):
            .json(status, .object([("errors", .array(list.map { JSON.object([("message", .string($0))]) }))]))
        case .one(let message):
            .json(status, .object([("errors", .object([("error", .object([("message", .string(message))]))]))]))
        case .plain(let text): .text(status, text)
        }
    }
}
