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

    /// How its answer comes about.
    enum Work: Sendable {
        /// From memory, on the thread that read the request.
        case now(@Sendable (Visit) throws -> HTTPResponse)
        /// In a task: it waits, mostly for the database.
        case waits(@Sendable (Visit) async throws -> HTTPResponse)
        /// Without a task: the closure is told how it ended, once, from any thread.
        case hands(@Sendable (Visit, @escaping @Sendable (Result<HTTPResponse, any Error>) -> Void) -> Void)
    }

    let method: HTTPMethod
    /// `/v1/flows/{flow}/pull`.
    let pattern: String
    let access: Access
    let work: Work

    init(_ method: HTTPMethod, _ pattern: String, _ access: Access, _ work: Work) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.work = work
    }

    init(_ method: HTTPMethod, _ pattern: String, _ access: Access, _ handle: @escaping @Sendable (Visit) async throws -> HTTPResponse) {
        self.init(method, pattern, access, .waits(handle))
    }
}

/// The table of endpoints. Pure: a request in, an endpoint and its path parameters out.
struct Router: Sendable {
    struct Route: Sendable {
        /// In the table.
        var number: Int
        var endpoint: Endpoint
        var parameters: [String: String] = [:]
    }

    /// Without parameters, by their whole path.
    private let plain: [String: [Route]]
    /// With parameters, and the parameters' names.
    private let patterned: [Route]
    private let names: [[String]]
    /// The patterns of those, one after another, and where each ends: looking through them counts no references.
    private let patterns: [UInt8]
    private let ends: [Int]

    init(_ endpoints: [Endpoint]) {
        let all = endpoints.enumerated().map { Route(number: $0.offset, endpoint: $0.element) }
        plain = Dictionary(grouping: all.filter { !$0.endpoint.pattern.contains("{") }, by: \.endpoint.pattern)
        patterned = all.filter { $0.endpoint.pattern.contains("{") }
        names = patterned.map { route in
            route.endpoint.pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
        }
        var octets: [UInt8] = []
        var ends: [Int] = []
        for route in patterned {
            octets += route.endpoint.pattern.utf8
            ends.append(octets.count)
        }
        (patterns, self.ends) = (octets, ends)
    }

    /// Fails with 404 for a path that nothing answers, 405 naming the methods that it does answer.
    func route(_ request: HTTPRequest) -> Result<Route, Refusal> {
        let path = request.path
        var allowed: [String] = []
        for route in plain[path] ?? [] {
            if Router.answers(route, request.method) { return .success(route) }
            allowed.append(route.endpoint.method.rawValue)
        }
        for (number, values) in matching(path) {
            var route = patterned[number]
            guard Router.answers(route, request.method) else {
                allowed.append(route.endpoint.method.rawValue)
                continue
            }
            for (name, value) in zip(names[number], values) { route.parameters[name] = value }
            return .success(route)
        }
        guard !allowed.isEmpty else { return .failure(Refusal.notFound("There is nothing at this path.")) }
        var refusal = Refusal(405, "method_not_allowed", "This path does not answer \(request.method.rawValue).", remedy: "Use \(allowed.joined(separator: " or ")).")
        refusal.fields["Allow"] = allowed.joined(separator: ", ")
        return .failure(refusal)
    }

    /// HEAD is GET whose body the server leaves out.
    private static func answers(_ route: Route, _ method: HTTPMethod) -> Bool {
        route.endpoint.method == method || (method == .head && route.endpoint.method == .get)
    }

    /// The patterns that the path fits, by number, with the values of their parameters.
    private func matching(_ path: String) -> [(number: Int, values: [String])] {
        var path = path
        return path.withUTF8 { path in
            patterns.withUnsafeBufferPointer { patterns in
                var found: [(Int, [String])] = []
                var start = 0
                for number in ends.indices {
                    let pattern = patterns[start ..< ends[number]]
                    if Router.walk(path, pattern, { _ in }) {
                        var values: [String] = []
                        _ = Router.walk(path, pattern) { values.append(Form.unpercent(String(decoding: path[$0], as: UTF8.self))) }
                        found.append((number, values))
                    }
                    start = ends[number]
                }
                return found
            }
        }
    }

    /// Whether the path fits. A parameter is one whole part of it, not an empty one. Most patterns are left at their second octet.
    private static func walk(_ path: UnsafeBufferPointer<UInt8>, _ pattern: Slice<UnsafeBufferPointer<UInt8>>, _ parameter: (Range<Int>) -> Void) -> Bool {
        var (p, at) = (pattern.startIndex, 0)
        while p < pattern.endIndex {
            if pattern[p] == 123 {
                let start = at
                while at < path.count, path[at] != 47 { at += 1 }
                guard at > start else { return false }
                parameter(start ..< at)
                while p < pattern.endIndex, pattern[p] != 125 { p += 1 }
            } else {
                guard at < path.count, pattern[p] == path[at] else { return false }
                at += 1
            }
            p += 1
        }
        return at == path.count
    }
}

/// Every endpoint there is.
enum Endpoints {
    static let all: [Endpoint] = keys + consultancies + tenants + organisations + connections + secrets + versions + flows + documents + postings
        + trail + work + reports + hooks + health + console
}
