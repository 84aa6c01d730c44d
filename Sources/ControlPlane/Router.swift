internal import Kernel
internal import Wire

/// What a key may do; each scope includes those before it.
enum Scope: String, Sendable, CaseIterable {
    /// Look.
    case read
    /// Run: pull, retry, hold, release.
    case write
    /// Change the configuration: tenants, connections, structures, rules, flows.
    case admin
}

/// One thing that can be asked for.
struct Endpoint: Sendable {
    enum Access: Sendable {
        /// Without an API key: the endpoint has its own means, or nothing to hide.
        case open
        case key(Scope)
    }

    let method: HTTPMethod
    /// `/v1/flows/{flow}/pull`.
    let pattern: String
    let access: Access
    let handle: @Sendable (Visit) async throws -> HTTPResponse

    init(_ method: HTTPMethod, _ pattern: String, _ access: Access, _ handle: @escaping @Sendable (Visit) async throws -> HTTPResponse) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.handle = handle
    }
}

/// The table of endpoints. Pure: a request in, an endpoint and its path parameters out.
struct Router: Sendable {
    private struct Entry: Sendable {
        let parts: [Substring]
        let endpoint: Endpoint
    }

    /// By the number of parts of a path.
    private let entries: [Int: [Entry]]

    init(_ endpoints: [Endpoint]) {
        let all = endpoints.map { Entry(parts: $0.pattern.split(separator: "/", omittingEmptySubsequences: false), endpoint: $0) }
        entries = Dictionary(grouping: all, by: \.parts.count)
    }

    /// - Throws: 404 for a path that nothing answers, 405 naming the methods that it does answer.
    func route(_ request: HTTPRequest) throws -> (endpoint: Endpoint, parameters: [String: String]) {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false)
        var allowed: [String] = []
        for entry in entries[path.count] ?? [] {
            guard let parameters = Router.match(entry.parts, path) else { continue }
            // HEAD is GET whose body the server leaves out.
            if entry.endpoint.method == request.method || (request.method == .head && entry.endpoint.method == .get) { return (entry.endpoint, parameters) }
            allowed.append(entry.endpoint.method.rawValue)
        }
        guard !allowed.isEmpty else { throw Refusal.notFound("There is nothing at this path.") }
        var refusal = Refusal(405, "method_not_allowed", "This path does not answer \(request.method.rawValue).", remedy: "Use \(allowed.joined(separator: " or ")).")
        refusal.fields["Allow"] = allowed.joined(separator: ", ")
        throw refusal
    }

    private static func match(_ parts: [Substring], _ path: [Substring]) -> [String: String]? {
        // The last fixed part tells most endpoints apart.
        guard parts.count == path.count, let last = parts.last, let given = path.last, last.utf8.first == 123 || last == given else { return nil }
        var out: [String: String] = [:]
        for (part, given) in zip(parts, path) {
            if part.utf8.first == 123 {
                guard !given.isEmpty else { return nil }
                out[String(part.dropFirst().dropLast())] = Form.unpercent(given)
            } else if part != given {
                return nil
            }
        }
        return out
    }
}

/// Every endpoint there is.
enum Endpoints {
    static let all: [Endpoint] = keys + consultancies + tenants + organisations + connections + secrets + versions + flows + documents + postings
        + trail + work + reports + hooks + health + console
}
