internal import AlertRules
public import Crypto
public import HTTPClient
public import Kernel
internal import Mapping
internal import Postgres
public import Store
public import Telemetry
internal import Wire

/// The operator's own mail server, for routes that name none.
public struct MailServer: Sendable {
    public var server: String
    public var from: String
    public var user: String?
    public var password: Secret?

    /// `{"server": "smtps://mail.example.com", "from": "counterfoil@example.com", "user": "…", "password": "…"}`.
    /// - Throws: `mail_server_unreadable`.
    public init(json bytes: [UInt8]) throws(Fault) {
        guard let json = try? JSON(parsing: bytes), let server = json["server"]?.string, AlertRoute.isMailServer(server), let from = json["from"]?.string,
            AlertRoute.isAddress(from)
        else {
            throw Fault(
                "mail_server_unreadable", stage: .configuration, disposition: .hold, summary: "the file secrets/mail.json does not name a mail server and a sender",
                remedy: "Write {\"server\": \"smtps://HOST\", \"from\": \"ADDRESS\", \"user\": \"…\", \"password\": \"…\"}.")
        }
        self.server = server
        self.from = from
        user = json["user"]?.string
        password = json["password"]?.string.map { Secret($0) }
    }
}

/// What the service that looks for alerts and tells people is made with.
public struct AlertConfiguration: Sendable {
    /// Where the console is, for links; without a slash at its end.
    public var base: String
    /// Opens the secrets of routes.
    public var key: BoxPrivateKey
    /// `nil`: mail goes by routes that name a server.
    public var mail: MailServer?

    public init(base: String, key: BoxPrivateKey, mail: MailServer?) {
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        self.key = key
        self.mail = mail
    }
}

/// Looks every few seconds at what is so, opens and resolves alerts, decides who is told, and delivers. A shell around `Observing`, `Board`, `Routing` and
/// `Messages`, which are pure. Any number may run: one at a time looks, and each message is one's to send.
public final class AlertService: Service {
    public let name = "alerts"
    let configuration: AlertConfiguration
    let store: Store
    let client: HTTPClient
    let clocks: any Clocks
    let random: any RandomSource
    let log: Log
    let metrics: Metrics
    private let held = HeldFacts()

    static let lookEvery = Duration.seconds(5)
    static let deliverEvery = Duration.seconds(1)

    public init(
        _ configuration: AlertConfiguration, store: Store, client: HTTPClient, clocks: any Clocks, random: any RandomSource, log: Log, metrics: Metrics
    ) {
        self.configuration = configuration
        self.store = store
        self.client = client
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
    }

    public func run() async throws {
        // With another key than the database knows no secret could be opened: messages are left to who can.
        while !Task.isCancelled {
            do throws(Fault) {
                try await store.setAlertKey(configuration.key.publicKey.bytes)
                break
            } catch {
                log.fault(.failed, error)
                do { try await clocks.sleep(for: AlertService.lookEvery) } catch { return }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.every(AlertService.lookEvery) { () throws(Fault) in try await self.look() } }
            group.addTask { await self.every(AlertService.deliverEvery) { () throws(Fault) in try await self.deliver() } }
            group.addTask { await self.every(AlertService.deliverEvery) { () throws(Fault) in try await self.ring() } }
            try await group.waitForAll()
        }
    }

    private func every(_ period: Duration, _ body: @Sendable () async throws(Fault) -> Void) async {
        while !Task.isCancelled {
            do throws(Fault) { try await body() } catch { log.fault(.failed, error) }
            do { try await clocks.sleep(for: period) } catch { return }
        }
    }

    // MARK: Looking

    /// One look, in one transaction: what it finds and what it decides to tell are there together or not at all.
    /// - Returns: `false` when another looks, or has just looked.
    @discardableResult
    func look(every period: Duration = lookEvery) async throws(Fault) -> Bool {
        try await store.watchAlerts(every: period) { tx, now, counts throws(Fault) in
            let books = try await self.books(tx)
            try await self.survey(tx, books, now: now, counts: counts)
            var routes: [AlertOwner: [AlertRoute]] = [:]
            for row in try await tx.alertRoutes() {
                if let route = AlertRoute(name: row.name, kind: row.kind, settings: try JSON(parsing: row.settings)) { routes[row.owner, default: []].append(route) }
            }
            guard !routes.isEmpty else { return }
            let decision = Routing(
                alerts: try await tx.standingAlerts(), books: books, routes: routes, notices: try await tx.alertNotices(), sent: try await tx.alertsSentInHour(),
                refreshed: try await tx.alertsRefreshed(), now: now
            ).decide()
            let messages = Messages(base: self.configuration.base, from: self.configuration.mail?.from, now: now)
            try await tx.tell(decision.tellings.flatMap { messages.deliveries($0) { self.random.uuid() } }, decision.notices)
            for telling in decision.tellings {
                self.log.info(.alertTold, ("route", telling.route.name), ("purpose", telling.purpose.rawValue), ("alerts", "\(telling.alerts.count)"))
            }
        }
    }

    /// Rules as written; what can't be read any more counts as none, and its owner is told when he writes them next.
    private func books(_ tx: PostgresTransaction) async throws(Fault) -> [AlertOwner: RuleBook] {
        var out: [AlertOwner: RuleBook] = [:]
        for (owner, body) in try await tx.alertRules() {
            var findings = Findings()
            out[owner] = RuleBook.read(try JSON(parsing: body), routes: nil, isOperator: owner.isOperator, into: &findings)
        }
        return out
    }

    /// Opens what is new, counts what stays, resolves what is gone. The board is read before the world: what a worker raises in between is seen next time.
    private func survey(_ tx: PostgresTransaction, _ books: [AlertOwner: RuleBook], now: Timestamp, counts: Bool) async throws(Fault) {
        try await tx.restAlerts(kept: AlertCause.kept)
        let standing = try await tx.standingAlerts()
        func bounds(_ tenant: TenantID) -> AlertBounds { RuleBook.bounds(own: books[AlertOwner(tenant)], operators: books[.operator]) }
        var seen = try await tx.surveyAlerts(held).compactMap { Observing.seen($0, bounds($0.tenant), now: now) }
        seen += try await tx.spentQuotas().compactMap { Observing.seen($0, bounds($0.tenant), now: now) }
        seen += try await tx.spentAppQuotas().compactMap { Observing.seen($0, bounds(AlertOwner.operator.id), now: now) }
        var looked = Set(AlertCause.allCases)
        if counts {
            try await tx.countSourceHours()
            try await tx.pruneAlertDeliveries()
            seen += try await tx.quietSources().compactMap { Observing.seen($0, bounds($0.tenant), now: now) }
        } else {
            looked.remove(.silent)
        }
        let changes = Board.step(standing, seen, looked: looked, now: now)
        try await tx.openAlerts(changes.open)
        try await tx.refreshAlerts(changes.refresh)
        try await tx.resolveAlerts(changes.resolve)
    }
}
