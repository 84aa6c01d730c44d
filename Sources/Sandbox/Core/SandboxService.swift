internal import HTTPServer
public import Kernel
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
    private let pause: @Sendable (Duration) async -> Void
    private let server: Locked<HTTPServer?>

    /// - Throws: what replaying the journal throws.
    init(
        folder: String, twins: [any Twin], player: DayPlayer, journal: TwinJournal, clocks: any Clocks,
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
        faults = Locked(try FaultPlan(latest, known: twins.map { String($0.prefix.dropFirst()) }))
    }

    /// Binds the port; called once, before `run`.
    /// - Throws: `listen_failed`.
    func listen(host: String, port: Int) throws(Fault) {
        var configuration = HTTPServerConfiguration(host: host, port: port)
        configuration.clocks = clocks
        let bound = try HTTPServer(configuration) { [weak self] request, _ in await self?.respond(request) }
        server.with { $0 = bound }
    }

    /// The port it listens on, 0 before it does.
    public var port: Int { server.with { $0?.port ?? 0 } }

    public func run() async throws {
        let (bound, player) = (server.with { $0 }, player)
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let bound { group.addTask { try await bound.run() } }
            group.addTask { try await player.run() }
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
        let (fault, latency) = faults.with { $0.draw(String(twin.prefix.dropFirst())) }
        if latency > 0 { await pause(.milliseconds(latency)) }
        switch fault {
        case .none: return twin.respond(inner, at: clocks.now())
        case .lostRequest: return nil
        case .tornReply:
            _ = twin.respond(inner, at: clocks.now())
            return nil
        case .throttled(let seconds): return twin.throttled(retryAfterSeconds: seconds)
        case .unavailable: return twin.unavailable()
        case .revokedToken: return twin.respond(twin.withRevokedToken(inner), at: clocks.now())
        }
    }

    /// The ledger twins by their name in the expected entries.
    var ledgers: [(name: String, twin: any LedgerTwin)] {
        twins.compactMap { twin in (twin as? any LedgerTwin).map { (String(twin.prefix.dropFirst()), $0) } }
    }
}
