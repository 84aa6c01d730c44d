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

/// One thing that can be asked for. A class: it is looked up for each request, and then one reference is counted instead of each of its parts'.
final class Endpoint: Sendable {
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
    /// What it is for, what it takes and what it answers.
    let about: About
    /// What a body is: JSON, unless it says otherwise.
    let takes: String

    init(_ method: HTTPMethod, _ pattern: String, _ access: Access, _ about: About, _ work: Work) {
        self.about = about
        takes = about.takes
        self.method = method
        self.pattern = pattern
        self.access = access
        self.work = work
    }

    convenience init(
        _ method: HTTPMethod, _ pattern: String, _ access: Access, _ about: About, _ handle: @escaping @Sendable (Visit) async throws -> HTTPResponse
    ) {
        self.init(method, pattern, access, about, .waits(handle))
    }
}

/// The decoded values of a path's parameters, few enough to be looked through.
struct PathParameters: Sendable {
    private(set) var list: [(name: String, value: String)] = []

    subscript(_ name: String) -> String? { list.first { $0.name == name }?.value }
    mutating func append(_ name: String, _ value: String) { list.append((name, value)) }
}

/// The table of endpoints. Pure: a request in, an endpoint and its path parameters out.
struct Router: Sendable {
    struct Route: Sendable {
        /// In the table.
        var number: Int
        var endpoint: Endpoint
        var parameters = PathParameters()
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

    /// - Throws: 404 for a path that nothing answers, 405 naming the methods that it does answer.
    func route(_ request: HTTPRequest) throws(Refusal) -> Route {
        let path = request.path
        var allowed: [String] = []
        if let routes = plain[path] {
            for route in routes {
                if Router.answers(route, request.method) { return route }
                allowed.append(route.endpoint.method.rawValue)
            }
        }
        if let route = matching(path, request.method, &allowed) { return route }
        guard !allowed.isEmpty else { throw Refusal.notFound("There is nothing at this path.") }
        var refusal = Refusal(405, "method_not_allowed", "This path does not answer \(request.method.rawValue).", remedy: "Use \(allowed.joined(separator: " or ")).")
        refusal.fields["Allow"] = allowed.joined(separator: ", ")
        throw refusal
    }

    /// HEAD is GET whose body the server leaves out.
    private static func answers(_ route: Route, _ method: HTTPMethod) -> Bool {
        route.endpoint.method == method || (method == .head && route.endpoint.method == .get)
    }

    /// The first route with parameters that the path fits and that answers the method; what those that fit would answer is added to `allowed`.
    private func matching(_ path: String, _ method: HTTPMethod, _ allowed: inout [String]) -> Route? {
        var path = path
        return path.withUTF8 { path in
            patterns.withUnsafeBufferPointer { patterns in
                var start = 0
                for number in ends.indices {
                    let pattern = patterns[start ..< ends[number]]
                    start = ends[number]
                    guard Router.walk(path, pattern, { _ in }) else { continue }
                    var route = patterned[number]
                    guard Router.answers(route, method) else {
                        allowed.append(route.endpoint.method.rawValue)
                        continue
                    }
                    var next = 0
                    _ = Router.walk(path, pattern) { range in
                        let part = UnsafeBufferPointer(rebasing: path[range]), text = String(decoding: part, as: UTF8.self)
                        route.parameters.append(names[number][next], part.contains(37) ? Form.unpercent(text) : text)
                        next += 1
                    }
                    return route
                }
                return nil
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
    /// Endpoints of one subject, as the description orders them.
    struct Group: Sendable {
        var name: String
        var meaning: String
        var endpoints: [Endpoint]

        init(_ name: String, _ meaning: String, _ endpoints: [Endpoint]) {
            self.name = name
            self.meaning = meaning
            self.endpoints = endpoints
        }
    }

    /// Deliveries first: nothing else is asked for as often.
    static let groups: [Group] = [
        Group("Webhooks", "What platforms deliver.", hooks + ledgerHooks),
        Group("Keys", "API keys and what they may do.", keys),
        Group("Users", "People who sign in to the console, and what they may do.", users),
        Group("Tenants", "Consultancies, their client businesses, and the legal entities of those.", consultancies + tenants + organisations),
        Group("Connections", "Accounts at platforms, and the secrets to them.", connections + secrets + quota),
        Group("Authorizations", "Links by which a person connects a platform in a browser, and the pages that follow.", consents + consentPages),
        Group("Contract", "Events and files of systems that write to a contract of ours.", contract),
        Group("Configuration", "Account structures, mapping rules, and flows from a source to a ledger.", versions + configuration + flows + mappings),
        Group("Schedules", "When a flow asks its source and sends its postings.", schedules),
        Group("Documents and postings", "What came in, what it becomes in the ledger, and why.", documents + postings),
        Group("The way back", "What sources are told of their documents.", reflections + reflectionBells),
        Group("Manual posting", "Files for ledgers that are not written to by an API.", batches),
        Group("Alerts", "What is wrong, who is told, and what people do about it.", alertRules + alerts),
        Group("Support", "Figures, held postings, proofs and the audit trail.", reports + trail + work),
        Group("Operation", "The process itself, and this description.", health + description),
    ]

    static let all: [Endpoint] = groups.flatMap(\.endpoints)

    /// With the pages for people, which the description leaves out.
    static let table: [Endpoint] = all + Console.endpoints
}
