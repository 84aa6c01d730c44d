internal import ConnectorKit
internal import Crypto
internal import FoundationEssentials
internal import HTTPServer
internal import Kernel
internal import Store
internal import Synchronization
internal import Telemetry
internal import Wire

/// Everything that answering takes, and the way from a request to its answer.
final class Desk: Sendable {
    let store: Store
    let connectors: [String: any Connector]
    /// Of those, the ones that deliver.
    let sources: [String: any SourceConnector]
    let configuration: ControlPlaneConfiguration
    let clocks: any Clocks
    let random: any RandomSource
    let log: Log
    let metrics: Metrics
    let router: Router
    let keyring: Keyring
    let intake: Intake
    let hooks: HookBook
    let sessions: Sessions
    let passwords: Passwords
    let pulse: Pulse
    /// For ids and salts.
    let drawn: DrawnRandom
    let tallies: RequestTallies
    private let descriptionPage: DescriptionPage
    let gauges = Locked<Duration?>(nil)
    /// Labels that each gauge has had, by its name.
    let shownLabels = Locked<[String: Set<String>]>([:])

    init(
        store: Store, connectors: [String: any Connector], configuration: ControlPlaneConfiguration, clocks: any Clocks, random: any RandomSource,
        log: Log, metrics: Metrics
    ) {
        self.store = store
        self.connectors = connectors
        sources = connectors.compactMapValues { $0 as? any SourceConnector }
        self.configuration = configuration
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
        router = Router(Endpoints.table)
        descriptionPage = DescriptionPage(version: configuration.version)
        keyring = Keyring(store: store, clocks: clocks)
        intake = Intake(store: store, clocks: clocks, log: log, metrics: metrics)
        hooks = HookBook(store: store, intakeKey: configuration.intakeKey, clocks: clocks)
        sessions = Sessions(store: store, clocks: clocks, random: random)
        passwords = Passwords(random: random)
        pulse = Pulse(store: store, clocks: clocks, log: log, boot: random.bytes(5).hexText)
        drawn = DrawnRandom(random)
        tallies = RequestTallies(metrics, Endpoints.table, platforms: connectors.keys)
    }

    /// What `/openapi.json` answers.
    var description: DescriptionPage.Page { descriptionPage.page }

    /// One request, from its route to its answer. Never throws and never answers nothing: whatever went wrong becomes a problem document. Runs
    /// on the server's poll thread: what memory knows is answered there.
    /// - Parameter peer: the numeric address that it came from.
    func respond(_ request: HTTPRequest, from peer: String = "") -> HTTPAnswer {
        let began = clocks.monotonic()
        let route: Router.Route
        do throws(Refusal) { route = try router.route(request) } catch { return .now(Call(self, request, nil, began, peer).finish(.failure(error))) }
        let call = Call(self, request, route, began, peer)
        do {
            guard case .key(let scope) = route.endpoint.access else { return perform(call, route, .nobody) }
            let digest = try Keyring.digest(request)
            guard let found = keyring.remembered(digest) else { return .task(inline: true) { await self.lookUp(digest, scope, call, route) } }
            return perform(call, route, try checked(found, scope, request, route.endpoint.takes))
        } catch { return .now(call.finish(.failure(error))) }
    }

    /// The answer itself, for those who ask without a server.
    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        await respond(request).response() ?? HTTPResponse(500)
    }

    /// The key is not remembered: everything after waits for the database.
    private func lookUp(_ digest: [UInt8], _ scope: Scope, _ call: Call, _ route: Router.Route) async -> HTTPResponse? {
        do {
            let asker = try checked(try await keyring.asker(digest: digest), scope, call.request, route.endpoint.takes)
            return await perform(call, route, asker).response()
        } catch { return call.finish(.failure(error)) }
    }

    private func perform(_ call: Call, _ route: Router.Route, _ asker: Asker) -> HTTPAnswer {
        let visit = Visit(call: call, parameters: route.parameters, asker: asker)
        switch route.endpoint.work {
        case .now(let work): return .now(call.finish(Result { try work(visit) }))
        case .waits(let work):
            return .task(inline: true) {
                do { return call.finish(.success(try await work(visit))) } catch { return call.finish(.failure(error)) }
            }
        case .hands(let work): return .later { done in work(visit) { done(call.finish($0)) } }
        }
    }

    func checked(_ asker: Asker?, _ scope: Scope, _ request: HTTPRequest, _ takes: String) throws -> Asker {
        guard let asker else { throw Refusal(401, "unauthenticated", "The API key is unknown or revoked.", remedy: "Ask your operator for a key.") }
        guard asker.scopes.contains(scope) else {
            throw Refusal(403, "scope_missing", "This key has not the scope '\(scope.rawValue)'.", remedy: "Use a key with that scope.")
        }
        try checkContentType(request, takes)
        return asker
    }

    /// A body is what the endpoint takes, mostly JSON, and says so.
    private func checkContentType(_ request: HTTPRequest, _ takes: String) throws {
        guard !request.body.isEmpty, [.post, .put, .patch].contains(request.method) else { return }
        let type = (request.fields["Content-Type"] ?? "").prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard takes == "application/json" else {
            guard type == takes else { throw Refusal(415, "unsupported_media_type", "The body must be \(takes).", remedy: "Send Content-Type: \(takes).") }
            return
        }
        guard type == "application/json" || type == "application/merge-patch+json" && request.method == .patch else {
            throw Refusal(415, "unsupported_media_type", "The body must be JSON.", remedy: "Send Content-Type: application/json.")
        }
    }
}

/// One request on its way, until what is said of it is said: to its asker, in the log and in the metrics.
final class Call: Sendable {
    let desk: Desk
    let request: HTTPRequest
    let began: Duration
    /// The numeric address of the socket's other end; empty for pages of our own.
    let peer: String
    /// In the answer and in logs.
    let id: String
    /// `nil` for a path or method that nothing answers.
    let route: Router.Route?

    init(_ desk: Desk, _ request: HTTPRequest, _ route: Router.Route?, _ began: Duration, _ peer: String = "") {
        self.desk = desk
        self.peer = peer
        self.request = request
        self.route = route
        self.began = began
        // As long as a string may be that needs no memory of its own, and then two.
        id = base32Text(desk.drawn.bytes(9), characters: 13)
    }

    private var pattern: String { route?.endpoint.pattern ?? "none" }

    func finish(_ result: Result<HTTPResponse, any Error>) -> HTTPResponse {
        var response: HTTPResponse
        switch result {
        case .success(let given): response = given
        case .failure(let error):
            let refusal = Refusal(error)
            if refusal.status >= 500 {
                desk.log.fault(
                    .requestFailed, Fault.wrapping(error, stage: .api), ("request", id), ("route", pattern), ("status", "\(refusal.status)"))
            }
            response = isForPeople ? refusal.page(self) : refusal.response
        }
        response.fields.reserve(3)
        if response.fields["Cache-Control"] == nil { response.fields.append("Cache-Control", "no-store") }
        response.fields.append("X-Request-Id", id)
        response.fields.append("X-Content-Type-Options", "nosniff")
        desk.tallies.count(request.method, route, status: response.status, seconds: (desk.clocks.monotonic() - began).inSeconds)
        return response
    }
}

/// The metrics of every request, by route: the series are looked up once.
final class RequestTallies: Sendable {
    private let metrics: Metrics
    /// By the route's number; the last is for paths that nothing answers.
    private let seconds: [Metrics.Tally]
    private let requests = Mutex<[Int: Metrics.Tally]>([:])
    /// Deliveries that are kept and those that no document can come of, by platform.
    private let accepted, unused: [String: Metrics.Tally]

    init(_ metrics: Metrics, _ endpoints: [Endpoint], platforms: some Sequence<String>) {
        self.metrics = metrics
        func tallies(_ result: String) -> [String: Metrics.Tally] {
            Dictionary(uniqueKeysWithValues: platforms.map { ($0, metrics.tally(.webhooks, ("platform", $0), ("result", result))) })
        }
        (accepted, unused) = (tallies("accepted"), tallies("unused"))
        seconds = (endpoints.map(\.pattern) + ["none"]).map { metrics.tally(.httpSeconds, ("route", $0)) }
    }

    func accepted(_ platform: String) {
        if let tally = accepted[platform] { metrics.count(tally) }
    }

    func unused(_ platform: String) {
        if let tally = unused[platform] { metrics.count(tally) }
    }

    func count(_ method: HTTPMethod, _ route: Router.Route?, status: Int, seconds took: Double) {
        let number = route?.number ?? seconds.count - 1
        // Methods and statuses are few, so the table stays small.
        let key = (number * HTTPMethod.allCases.count + method.number) * 1_000 + status
        let tally = requests.withLock { requests in
            if let known = requests[key] { return known }
            let made = metrics.tally(.httpRequests, ("method", method.rawValue), ("route", route?.endpoint.pattern ?? "none"), ("status", "\(status)"))
            requests[key] = made
            return made
        }
        metrics.count(tally)
        metrics.observe(seconds[number], seconds: took)
    }
}

extension HTTPMethod {
    fileprivate var number: Int {
        switch self {
        case .get: 0
        case .post: 1
        case .put: 2
        case .patch: 3
        case .delete: 4
        case .head: 5
        case .options: 6
        }
    }
}

/// Random bytes drawn many at a time: a system call for each request is a part of what a request costs. For ids and salts, not for keys: what is
/// drawn lies in memory until it is used.
final class DrawnRandom: RandomSource {
    private struct State: Sendable {
        var drawn: [UInt8] = []
        var next = 0
    }

    private static let drawBytes = 1 << 10
    private let source: any RandomSource
    private let state = Mutex(State())

    init(_ source: any RandomSource) { self.source = source }

    func bytes(_ count: Int) -> [UInt8] {
        guard count <= DrawnRandom.drawBytes else { return source.bytes(count) }
        return state.withLock { state in
            if state.drawn.count - state.next < count { state = State(drawn: source.bytes(DrawnRandom.drawBytes)) }
            defer { state.next += count }
            return Array(state.drawn[state.next ..< state.next + count])
        }
    }
}
