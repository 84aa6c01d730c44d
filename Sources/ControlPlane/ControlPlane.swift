public import ConnectorKit
internal import HTTPServer
public import Kernel
public import Store
public import Telemetry
internal import Wire

/// The HTTP face of the program: the API, the webhook intake and the console. Trusted code: it logs in as the supervisor and holds every
/// question to what its asker may see. It never reads a tenant's credential or raw event: what it is given it seals.
public final class ControlPlane: Service {
    public let name = "control-plane"
    let desk: Desk
    private let server: HTTPServer

    /// The bound port.
    public var port: Int { server.port }

    /// Binds at once; serves from `run`.
    /// - Parameters:
    ///   - store: logged in as the supervisor.
    ///   - connectors: by platform id; of each only its spec, `verify`, and for previews what it would send.
    /// - Throws: `listen_failed`, `server_descriptors`.
    public init(
        store: Store, connectors: [String: any Connector], configuration: ControlPlaneConfiguration, clocks: any Clocks, random: any RandomSource,
        log: Log, metrics: Metrics
    ) throws(Fault) {
        let desk = Desk(
            store: store, connectors: connectors, configuration: configuration, clocks: clocks, random: random, log: log, metrics: metrics)
        self.desk = desk
        let http = HTTPServerConfiguration(
            host: configuration.host, port: configuration.port,
            maxBodyBytesFor: { Endpoints.carriesEvents($0) ? Limits.webhookBodyBytes : Limits.apiBodyBytes })
        server = try HTTPServer(http, responder: { request, peer in desk.respond(request, from: peer.address) })
    }

    /// Serves until cancelled; requests in flight are finished.
    public func run() async throws {
        desk.log.info(.listening, ("port", "\(port)"), ("version", desk.configuration.version))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.run() }
            group.addTask { await self.tidy() }
            group.addTask { await self.desk.pulse.run() }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// States the limits of the operator's apps; forgets first answers older than a day, and what nobody ended in time. Ends with the server.
    private func tidy() async {
        let limits = desk.connectors.values.flatMap { connector in
            connector.spec.limits.filter { $0.scope == .app }.map { AppLimit(platform: connector.spec.id, name: $0.name, amount: $0.amount, window: $0.window) }
        }
        do throws(Fault) { try await desk.store.declareApp(limits) } catch { desk.log.fault(.failed, error) }
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(ControlPlaneLimits.tidySeconds)) } catch { return }
            do throws(Fault) {
                try await desk.store.forgetAnswers()
                try await desk.store.expireConsents(at: desk.clocks.now())
                try await desk.store.forgetSessions(at: desk.clocks.now(), window: SignInGuard.window)
            } catch { desk.log.fault(.failed, error) }
        }
    }
}

/// Bounds of the control plane. Units last in the name.
enum ControlPlaneLimits {
    static let keyCacheSeconds = 5
    static let connectionCacheSeconds = 2
    static let gaugeCacheSeconds = 5
    static let cacheEntries = 10_000
    static let tidySeconds = 600
    /// Deliveries of one commit.
    static let intakeBatch = 200
    /// Bytes of bodies of one commit, unless one body alone is larger.
    static let intakeBatchBytes = 16 << 20
    /// Deliveries that wait for a commit; one more is told to come again.
    static let intakeWaiting = 5_000
    /// Platforms hang up after five seconds; an answer before that can be acted upon.
    static let intakePatience_ms = 4_000
    static let intakeWatch_ms = 100
    /// Larger bodies are checked and sealed on the pool: the poll thread has other clients.
    static let inlineBodyBytes = 64 << 10
    static let retryAfterSeconds = 5
    /// How long a credential waits for the scheduler to make the tenant's keys.
    static let keysWait_ms = 5_000
    static let keysPoll_ms = 100
    static let readySeconds = 1
    /// Passwords that are worked on or wait for it; a quarter of a second each.
    static let passwordsWaiting = 40
    /// Of one tenant, one consultancy, or the operator.
    static let sessionsEach = 200
    static let sessionSeconds = 12 * 3600
    static let textCharacters = 200
    /// Of a page, when nobody says how many.
    static let pageRows = 50
    static let noteCharacters = 1_000
    /// Of one route within an hour.
    static let alertTests = 20
    static let muteSeconds = 90 * 86_400
    /// Postings that one request takes in hand.
    static let batchPostings = 2_000
    static let secretBytes = 8 << 10
    static let settings = 50
    /// Of an account structure, and of rules.
    static let configurationBytes = 512 << 10
    static let previewDocuments = 20
    /// Looked at to say what another mapping would change.
    static let rehearsedPostings = 1_000
    /// Of all their plans; one that is larger than what is left is not looked at.
    static let rehearsedBytes = 8 << 20
    static let rehearsalPage = 100
    /// What was not looked at by then is said to be more.
    static let rehearsal_ms = 2_000
    /// Steps (a posting read, a line judged) that are made whatever the time.
    static let rehearsedAlways = 200
    /// One look for all who watch.
    static let pulse_ms = 700
    /// How long a request for news is held; shorter than what proxies allow.
    static let pulseHeld_ms = 20_000
    /// Without anybody who watches nothing is looked at any more.
    static let pulseIdle_ms = 60_000
    static let pulseWaiting = 2_000
    /// Of one tenant, one consultancy, or the operator.
    static let pulseWaitingEach = 200
    static let pulseKept = 1_000
    /// Notices of one delivery of a ledger; what is beyond shows when the ledger is asked next.
    static let noticesMost = 10_000
    /// Events of one request.
    static let contractEvents = 500
    /// How long a link works for whoever asked for it himself, and for whom it is sent to.
    static let directSeconds = 15 * 60
    static let invitationHours = 72
    static let invitationHoursMost = 14 * 24
    /// From the link's use to the confirmed account.
    static let consentSeconds = 30 * 60
    /// Links to one connection that may still lead somewhere.
    static let consentsOpen = 20
    /// Pages that wait for the worker ask again after this long.
    static let consentRefreshSeconds = 2
}
