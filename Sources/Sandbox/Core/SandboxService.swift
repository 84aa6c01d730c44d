internal import HTTPServer
public import Kernel
internal import TwinKit
public import Wire

/// The sandbox: every twin on one server, each below its prefix, and the control endpoints below `/_sandbox/`. All it
/// promised is in journals in its folder, so it may be killed at any moment and started again.
public final class SandboxService: Service {
    public let name = "sandbox"

    let twins: [any Twin]
    let player: DayPlayer
    let folder: String
    let clocks: any Clocks
    let journal: TwinJournal
    let faults: Locked<FaultPlan>
    let range = Locked(Range())
    let traffic = Locked(Traffic())
    /// The last refresh token each twin gave out: for a second client that refreshes behind the first one's back.
    let refreshTokens = Locked<[String: String]>([:])
    /// What happened at the businesses of `tenants/mixed`, in this run.
    let trading = Locked<TradeWorld?>(nil)
    /// What was brought by file to the one of them whose ledger has no API.
    let papers = Locked<[LedgerEntry]>([])
    /// How far the twins' wall clock is off.
    let skew: Locked<Duration>
    /// Carries the webhooks of those twins that send them by themselves.
    let courier: WebhookCourier
    private let pause: @Sendable (Duration) async -> Void
    private let server: Locked<HTTPServer?>

    /// - Throws: what replaying the journal throws.
    init(
        folder: String, twins: [any Twin], player: DayPlayer, journal: TwinJournal, clocks: any Clocks,
        sender: @escaping @Sendable ([String]) -> any WebhookSender = { NetworkWebhookSender(hosts: $0, inFlight: WebhookCourier.inFlight) },
        pause: @escaping @Sendable (Duration) async -> Void
    ) throws(Fault) {
        self.folder = folder
        self.twins = twins
        self.player = player
        self.journal = journal
        self.clocks = clocks
        self.pause = pause
        server = Locked(nil)
        var latest: JSON = .object([])
        try journal.replay { latest = $0["faults"] ?? latest }
        let faults = Locked(try FaultPlan(latest, known: twins.map { String($0.prefix.dropFirst()) }))
        let skew = Locked(Duration.zero)
        self.faults = faults
        self.skew = skew
        courier = WebhookCourier(
            sources: twins.compactMap { $0 as? any LivingTwin }, now: { clocks.now() + skew.with { $0 } }, sender: sender, pause: pause,
            fate: { name in faults.with { $0.drawWebhook(name) } })
    }

    /// Binds the port; called once, before `run`.
    /// - Throws: `listen_failed`.
    func listen(host: String, port: Int) throws(Fault) {
        var configuration = HTTPServerConfiguration(host: host, port: port)
        configuration.clocks = clocks
        configuration.maxBodyBytesFor = { [twins] target in
            guard let twin = twins.first(where: { target.hasPrefix($0.prefix + "/") }) else { return Limits.apiBodyBytes }
            return twin.bodyBytesMost(String(target.dropFirst(twin.prefix.utf8.count)))
        }
        let bound = try HTTPServer(configuration) { [weak self] request, _ in await self?.respond(request) }
        server.with { $0 = bound }
    }

    /// The port it listens on, 0 before it does.
    public var port: Int { server.with { $0?.port ?? 0 } }

    public func run() async throws {
        let (bound, player, courier) = (server.with { $0 }, player, courier)
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let bound { group.addTask { try await bound.run() } }
            group.addTask { try await player.run() }
            group.addTask { try await courier.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Answers one request; `nil` closes the connection without an answer, which is how a fault plan tears a reply.
    public func respond(_ request: HTTPRequest) async -> HTTPResponse? {
        let path = request.path
        if path == "/healthz" || path.hasPrefix("/_sandbox/") { return control(request) }
        guard let twin = twins.first(where: { path == $0.prefix || path.hasPrefix($0.prefix + "/") }) else {
            return .text(404, "No twin lives here. Twins: \(twins.map(\.prefix).sorted().joined(separator: ", ")).\n")
        }
        var inner = request
        inner.target = String(request.target.dropFirst(twin.prefix.utf8.count))
        if !inner.target.hasPrefix("/") { inner.target = "/" + inner.target }
        return await serve(inner, twin)
    }

    private func serve(_ request: HTTPRequest, _ twin: any Twin) async -> HTTPResponse? {
        let name = String(twin.prefix.dropFirst())
        let purpose = twin.purpose(of: request)
        traffic.with { $0.count(name, purpose) }
        if let shot = range.with({ $0.draw(request, purpose, twin: name) }) { return await meet(shot, request, twin, purpose) }
        let (fault, latency) = faults.with { $0.draw(name) }
        if latency > 0 { await pause(.milliseconds(latency)) }
        let fate: Fate
        switch fault {
        case .none: return handle(request, twin, purpose)
        case .lostRequest: fate = .lost
        case .tornReply: fate = .torn
        case .throttled(let seconds): fate = .throttled(seconds.map { "\($0)" })
        case .unavailable: fate = .unavailable
        case .revokedToken: fate = .revokedToken
        }
        return suffer(fate, request, twin, purpose)
    }

    /// A request that a shot meets.
    private func meet(_ shot: Shot, _ request: HTTPRequest, _ twin: any Twin, _ purpose: Purpose) async -> HTTPResponse? {
        let request = shot.forgetsKey ? twin.withoutNativeKey(request) : request
        guard shot.fate == .heldBefore || shot.fate == .heldAfter else { return suffer(shot.fate, request, twin, purpose) }
        traffic.with { $0.count(shot.fate.name) }
        let early = shot.fate == .heldAfter ? handle(request, twin, purpose) : nil
        let until = clocks.monotonic() + Shot.holdMost
        while clocks.monotonic() < until, !range.with({ $0.isReleased(shot.id) }) { await pause(.milliseconds(10)) }
        let answer = early ?? handle(request, twin, purpose)
        range.with { $0.over(shot.id) }
        return answer
    }

    private func suffer(_ fate: Fate, _ request: HTTPRequest, _ twin: any Twin, _ purpose: Purpose) -> HTTPResponse? {
        traffic.with { $0.count(fate.name) }
        switch fate {
        case .lost: return nil
        case .torn:
            _ = handle(request, twin, purpose)
            return nil
        case .throttled(let text):
            var response = twin.throttled(request, retryAfterSeconds: nil)
            if let text { response.fields["Retry-After"] = text }
            return response
        case .unavailable: return twin.unavailable(request)
        case .revokedToken: return handle(twin.withRevokedToken(request), twin, purpose)
        case .errorInSuccess: return twin.errorInSuccess(request)
        case .heldBefore, .heldAfter: return handle(request, twin, purpose)
        }
    }

    /// The twin's own answer.
    private func handle(_ request: HTTPRequest, _ twin: any Twin, _ purpose: Purpose) -> HTTPResponse {
        let name = String(twin.prefix.dropFirst())
        let lag = faults.with { $0.searchLag(name) }
        let now = clocks.now() + skew.with { $0 }
        var response = twin.respond(request, at: now)
        if response.fields["Date"] == nil { response.fields["Date"] = HTTPDate.text(now) }
        if twin is any LivingTwin { courier.wake() }
        switch purpose {
        case .write where lag > .zero && response.status < 300:
            traffic.with { $0.wrote(KeyText.keys(in: request.body), at: clocks.monotonic(), lag: lag) }
        case .lookup where lag > .zero:
            let fresh = traffic.with { $0.fresh(at: clocks.monotonic(), lag: lag) }
            let seen = twin.withoutFound(fresh, in: response) ?? StaleSearch.without(fresh, response)
            if seen.body != response.body { traffic.with { $0.count("stale_search") } }
            return seen
        case .token where response.status == 200:
            if let token = (try? JSON(parsing: response.body))?["refresh_token"]?.string { refreshTokens.with { $0[name] = token } }
        default: break
        }
        return response
    }

    /// The twins in whose world something can be made to happen, by their names.
    var living: [(name: String, twin: any LivingTwin)] {
        twins.compactMap { twin in (twin as? any LivingTwin).map { (String(twin.prefix.dropFirst()), $0) } }
    }

    /// The source twins by their names.
    var sources: [(name: String, twin: any SourceTwin)] {
        twins.compactMap { twin in (twin as? any SourceTwin).map { (String(twin.prefix.dropFirst()), $0) } }
    }

    /// The ledger twins by their name in the expected entries.
    var ledgers: [(name: String, twin: any LedgerTwin)] {
        twins.compactMap { twin in (twin as? any LedgerTwin).map { (String(twin.prefix.dropFirst()), $0) } }
    }
}
