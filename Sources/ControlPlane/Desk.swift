internal import ConnectorKit
internal import Crypto
internal import FoundationEssentials
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

/// Everything that answering takes, and the way from a request to its answer.
final class Desk: Sendable {
    let store: Store
    let connectors: [String: any Connector]
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
    let gauges = Locked<Duration?>(nil)

    init(
        store: Store, connectors: [String: any Connector], configuration: ControlPlaneConfiguration, clocks: any Clocks, random: any RandomSource,
        log: Log, metrics: Metrics
    ) {
        self.store = store
        self.connectors = connectors
        self.configuration = configuration
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
        router = Router(Endpoints.all)
        keyring = Keyring(store: store, clocks: clocks)
        intake = Intake(store: store, clocks: clocks, log: log, metrics: metrics)
        hooks = HookBook(store: store, intakeKey: configuration.intakeKey, clocks: clocks)
        sessions = Sessions(clocks: clocks, random: random)
    }

    /// One request, from its route to its answer. Never throws: whatever went wrong becomes a problem document.
    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let began = clocks.monotonic()
        let id = random.bytes(8).hexText
        var route = "none"
        var response: HTTPResponse
        do {
            let (endpoint, parameters) = try router.route(request)
            route = endpoint.pattern
            response = try await serve(request, endpoint, parameters, id: id)
        } catch {
            let refusal = Refusal(error)
            if refusal.status >= 500 {
                log.fault(.requestFailed, Fault.wrapping(error, stage: .api), ("request", id), ("route", route), ("status", "\(refusal.status)"))
            }
            response = refusal.response
        }
        response.fields["X-Request-Id"] = id
        response.fields["X-Content-Type-Options"] = "nosniff"
        if response.fields["Cache-Control"].map({ $0.isEmpty }) ?? true { response.fields["Cache-Control"] = "no-store" }
        metrics.count(.httpRequests, ("method", request.method.rawValue), ("route", route), ("status", "\(response.status)"))
        metrics.observe(.httpSeconds, ("route", route), seconds: (clocks.monotonic() - began).inSeconds)
        return response
    }

    private func serve(_ request: HTTPRequest, _ endpoint: Endpoint, _ parameters: [String: String], id: String) async throws -> HTTPResponse {
        guard case .key(let scope) = endpoint.access else {
            return try await endpoint.handle(Visit(desk: self, request: request, parameters: parameters, asker: .nobody, id: id))
        }
        let asker = try await keyring.asker(request)
        guard asker.scopes.contains(scope) else {
            throw Refusal(403, "scope_missing", "This key has not the scope '\(scope.rawValue)'.", remedy: "Use a key with that scope.")
        }
        try checkContentType(request)
        return try await endpoint.handle(Visit(desk: self, request: request, parameters: parameters, asker: asker, id: id))
    }

    /// A body is JSON and says so.
    private func checkContentType(_ request: HTTPRequest) throws {
        guard !request.body.isEmpty, [.post, .put, .patch].contains(request.method) else { return }
        let type = (request.fields["Content-Type"] ?? "").prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard type == "application/json" || type == "application/merge-patch+json" && request.method == .patch else {
            throw Refusal(415, "unsupported_media_type", "The body must be JSON.", remedy: "Send Content-Type: application/json.")
        }
    }
}
