internal import Kernel
internal import Wire

/// The two wires: OData 3 below `/b1s/v1`, OData 4 below `/b1s/v2`.
enum B1Version: Int, Sendable {
    case three = 1
    case four = 2

    /// What stands before the names of annotations.
    var mark: String { self == .four ? "@odata." : "odata." }

    /// - Source: the guide's batch samples (`odata=minimalmetadata`); answers of public installations for version 4.
    var contentType: String {
        self == .four ? "application/json;odata.metadata=minimal;charset=utf-8" : "application/json;odata=minimalmetadata;charset=utf-8"
    }

    var header: (name: String, value: String) { self == .four ? ("OData-Version", "4.0") : ("DataServiceVersion", "3.0") }
}

/// A refusal: an HTTP status, Business One's own number and its sentence.
struct B1Problem: Error, Sendable {
    var status: Int
    var code: Int
    var message: String

    init(_ code: Int, _ message: String, status: Int = 400) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// - Source: the guide, "Session".
    static let session = B1Problem(301, "Invalid session or session already timeout.", status: 401)
    /// As installations have been seen to answer; SAP's guide shows no refused login.
    static let login = B1Problem(100_000_027, "Login failed", status: 401)
    /// - Source: answers to `GET` of a key that is not there, quoted by several public clients.
    static let missing = B1Problem(-2028, "No matching records found (ODBC -2028)", status: 404)
    static let duplicate = B1Problem(-2035, "This entry already exists in the following tables (ODBC -2035)")
    /// - Source: the guide, "ETag in Entity Update".
    static let changed = B1Problem(
        -2039, "Another user or another operation modified data; to continue, open the window again (ODBC -2039)", status: 412)
    /// The same, where two writes met.
    static let conflict = B1Problem(-2039, changed.message)
    /// - Source: the guide, "Deleting Entities".
    static let unsupported = B1Problem(-5006, "The requested action is not supported for this object.")
    /// - Source: the guide, "SQLQueries", authorisation.
    static let forbidden = B1Problem(-6006, "You are not permitted to perform this action", status: 403)
    static let path = B1Problem(200, "Unrecognized resource path.")
    static let fixed = B1Problem(-1029, "Field cannot be updated (ODBC -1029)")
    /// - Source: the guide, "Batch Response".
    static let batch = B1Problem(-1000, "Incomplete Batch Request Body!")
    /// - Source: failed requests quoted in public repositories, with number and text.
    static let locked = B1Problem(-4013, "Posting period locked; specify an alternative date")
    static let range = B1Problem(-5002, "Date deviates from permissible range")

    static func property(_ name: String, _ type: String) -> B1Problem { B1Problem(-1000, "Property '\(name)' of '\(type)' is invalid") }
    static func filter(_ name: String) -> B1Problem { B1Problem(201, "Property '\(name)' is invalid") }
    static func query(_ words: String) -> B1Problem { B1Problem(204, "Query string error: \(words)") }
    static func value(_ name: String, _ type: String) -> B1Problem { B1Problem(-1000, "Invalid value for property '\(name)' of '\(type)'") }
    static func long(_ name: String, _ type: String) -> B1Problem {
        B1Problem(-1000, "CServiceData::SetPropertyValueString failed; Value too long in property '\(name)' of '\(type)'")
    }

    /// What Business One's own rules refuse, with the place in its tables: `[OINV.CardCode] , 'X'`.
    static func invalid(_ words: String, _ place: String, line: Int? = nil, value: String? = nil) -> B1Problem {
        let row = line.map { "[line: \($0 + 1)]" } ?? ""
        return B1Problem(-5002, "\(words)  [\(place)]\(row)" + (value.map { " , '\($0)'" } ?? ""))
    }

    func json(_ version: B1Version) -> JSON {
        switch version {
        case .three:
            let text: JSON = .object([("lang", "en-us"), ("value", .string(message))])
            return .object([("error", .object([("code", .int(code)), ("message", text)]))])
        case .four:
            let details: JSON = .array([.object([("code", ""), ("message", "")])])
            return .object([("error", .object([("code", .string("\(code)")), ("details", details), ("message", .string(message))]))])
        }
    }

    func answer(_ version: B1Version) -> HTTPResponse { B1Answer.json(status, json(version), version) }
}

/// Answers as nodes and the balancer before them write them.
enum B1Answer {
    static func json(_ status: Int, _ body: JSON, _ version: B1Version) -> HTTPResponse {
        HTTPResponse(status, fields: [version.header.name: version.header.value, "Content-Type": version.contentType], body: body.bytes)
    }

    static func empty(_ version: B1Version) -> HTTPResponse { HTTPResponse(204, fields: [version.header.name: version.header.value]) }

    /// What Apache says by itself.
    private static func page(_ status: Int, _ words: String, _ text: String) -> HTTPResponse {
        let head = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>\(status) \(words)</title>\n</head>"
        let body = "\(head)<body>\n<h1>\(words)</h1>\n<p>\(text)</p>\n</body></html>\n"
        return HTTPResponse(status, fields: ["Content-Type": "text/html; charset=iso-8859-1"], body: Array(body.utf8))
    }

    static let notFound = page(404, "Not Found", "The requested URL was not found on this server.")
    static let tooLarge = page(413, "Request Entity Too Large", "The amount of data provided in the request exceeds the capacity limit.")
    static let badGateway = page(502, "Proxy Error", "The proxy server received an invalid response from an upstream server.")
    static let unavailable = page(
        503, "Service Unavailable",
        "The server is temporarily unable to service your request due to maintenance downtime or capacity problems. Please try again later.")
}
