internal import Books
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Kernel
internal import Mapping
internal import Store
internal import Telemetry
internal import Wire

/// The posting protocol of one flow into one ledger, under one lease. Clock, network, chance and store are what it is given: a simulation
/// runs this very code.
struct Poster: Sendable {
    let tenant: TenantID
    let epoch: Int64
    let flow: FlowID
    let ledger: CourierConnection
    let connector: any LedgerConnector
    /// How long a search that finds nothing proves nothing.
    let settles: Duration
    let store: any PostingStore
    let courier: Courier
    let clocks: any Clocks
    let random: any RandomSource
    let log: Log
    let metrics: Metrics
    /// Postings bound to ledger documents; with `true`, to be sent: parties and items are found or created.
    let bind: @Sendable ([PostingRow], Bool) async throws(Fault) -> Bound

    init(
        tenant: TenantID, epoch: Int64, flow: FlowID, ledger: CourierConnection, connector: any LedgerConnector, findSettles: Duration?,
        store: any PostingStore, courier: Courier, clocks: any Clocks, random: any RandomSource, log: Log, metrics: Metrics,
        bind: @escaping @Sendable ([PostingRow], Bool) async throws(Fault) -> Bound
    ) {
        self.tenant = tenant
        self.epoch = epoch
        self.flow = flow
        self.ledger = ledger
        self.connector = connector
        settles = findSettles ?? connector.spec.idempotency.findSettles
        self.store = store
        self.courier = courier
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
        self.bind = bind
    }

    /// Settles what is unknown, then sends what is due until nothing is.
    func post() async throws(Fault) -> Pipeline.Result {
        // Nothing is being sent now. An open intent, of this lease too, is a send whose outcome was never recorded.
        let lost = try await store.orphanIntents(tenant, epoch: epoch + 1)
        if lost > 0 { log.warning(.outcomeUnknown, ("count", "\(lost)")) }
        if let wait = try await recover() { return .again(wait) }
        while true {
            let due = try await store.duePostings(tenant, flow, limit: Limits.batchDocuments)
            if due.isEmpty { break }
            // What an invoice is drawn from goes first, so that the invoice knows its number.
            let orders = due.filter { $0.form == PostingForm.salesOrder.rawValue }
            if let wait = try await send(orders.isEmpty ? due : orders) { return .again(wait) }
        }
        if let next = try await store.nextAttempt(tenant, flow) { return .again(max(next, .milliseconds(50))) }
        return .done
    }

    func later(_ keys: [PostKey], _ wait: Duration, _ fault: Fault?) async throws(Fault) {
        guard !keys.isEmpty else { return }
        try await store.retryLater(tenant, keys, by: wait, fault: fault?.json.bytes)
    }

    /// `nil` when all were tried; a time to wait when the ledger can't be reached or wants no more now: what is left stays as it is.
    private func send(_ rows: [PostingRow]) async throws(Fault) -> Duration? {
        let bound: Bound
        do throws(Fault) {
            bound = try await bind(rows, true)
        } catch {
            guard Post.concernsDocument(error) else { throw error }
            // A party or item that the ledger refuses stops its own document only.
            guard rows.count > 1 else {
                try await hold(rows[0], "reference_refused", error)
                return nil
            }
            for row in rows {
                if let wait = try await send([row]) { return wait }
            }
            return nil
        }
        for (row, fault) in bound.unbound { try await hold(row, fault.code == "unbound_line" ? "unknown_account" : fault.code, fault) }
        let attempts = Dictionary(rows.map { ($0.key, $0.attempts) }) { one, _ in one }
        for chunk in Post.chunks(bound.documents, connector: connector, attempts: attempts) {
            if let wait = try await send(chunk, attempts) { return wait }
        }
        return nil
    }

    /// What can't be sent as things stand waits by name; it is planned again when the configuration or the ledger's accounts change.
    private func hold(_ row: PostingRow, _ check: String, _ fault: Fault) async throws(Fault) {
        let finding = Finding(check: check, why: fault.summary, remedy: fault.remedy, position: fault.position)
        let alert = AlertRow(key: AlertKey.held(row.flow, check), severity: .warning, cause: fault.summary, remedy: fault.remedy)
        try await store.hold(tenant, row.flow, row.key, findings: JSON.array([PlanCodec.finding(finding)]).bytes, alert: alert)
        log.fault(.postingHeld, fault, ("posting", row.key.text))
    }

    /// One call to the ledger for these documents, with its intents before and its outcomes after.
    private func send(_ chunk: [LedgerDocument], _ attempts: [PostKey: Int]) async throws(Fault) -> Duration? {
        let attempt = base32Text(random.bytes(12), characters: 18)
        let action = Post.action(chunk[0])
        let startBy = clocks.monotonic() + Post.sendWithin
        let intents = chunk.map { document in
            NewIntent(
                key: document.key, revision: document.revision, action: action, attempt: attempt,
                requestDigest: Digest.sha256(PlanCodec.encode(document.plan).bytes))
        }
        try await store.writeIntents(
            tenant, epoch: epoch, intents, audit: chunk.map { AuditEntry(actor: "worker", action: "posting.posting", subject: "posting \($0.key)") })
        let delivery = await deliver(chunk, action, attempt, startBy: startBy)
        let outcomes = Post.outcomes(delivery, action, chunk.count)
        let settlements = zip(chunk, outcomes).map { document, outcome in
            Post.settlement(document, outcome, attempt: attempt, settles: settles, attempts: attempts[document.key] ?? 0, together: chunk.count)
        }
        try await settle(settlements)
        return Post.wait(after: delivery)
    }

    private func deliver(
        _ chunk: [LedgerDocument], _ action: NewIntent.Action, _ attempt: String, startBy: Duration
    ) async -> Delivery<[PostOutcome]> {
        let facts = ledger.facts
        let exchange: Exchange<[PostOutcome]> = switch action {
        case .create: connector.create(chunk, attempt: attempt, facts)
        case .update: connector.update(chunk[0], attempt: attempt, facts).map { [$0] }
        case .void: connector.void(chunk[0], attempt: attempt, facts).map { [$0] }
        }
        let delivery = await courier.run(exchange, connector: connector, connection: ledger, startBy: startBy)
        #if SABOTAGE
        if Sabotage.doubleIntent.isOn, case .unknown = delivery {
            return await courier.run(exchange, connector: connector, connection: ledger, startBy: startBy)
        }
        #endif
        return delivery
    }

    /// Commits outcomes, asks for what follows, and says what people should know.
    func settle(_ settlements: [Settlement], alerts: [AlertRow] = []) async throws(Fault) {
        let subject = flow.description
        var jobs: [Job] = []
        if settlements.contains(where: { $0.outcome == .posted }) {
            jobs += [Job(.post, subject, lane: .webhook), Job(.confirm, subject, lane: .webhook)]
        }
        // A case that changed while this was under way has waited for it.
        if settlements.contains(where: { $0.outcome != .unknown }) { jobs.append(Job(.map, subject, lane: .webhook)) }
        if settlements.contains(where: { $0.outcome == .rejected }) {
            jobs += [Job(.chart, ledger.row.id.description, lane: .interactive), Job(.reconcile, subject, lane: .audit)]
        }
        var entries: [PostKey: AuditEntry] = [:]
        for s in settlements {
            entries[s.key] = AuditEntry(
                actor: "worker", action: "posting.\(s.outcome.rawValue)", subject: "posting \(s.key)", detail: s.evidence ?? Array("{}".utf8))
        }
        try await store.settle(tenant, settlements, jobs: jobs, audit: entries, alerts: alerts + Post.alerts(settlements, flow))
        let posted = settlements.filter { $0.outcome == .posted }.map(\.key)
        if !posted.isEmpty { try await store.replanRejected(tenant, flow, beside: posted) }
        for s in settlements {
            metrics.count(.postings, ("state", s.outcome.rawValue))
            switch s.outcome {
            case .rejected: log.warning(.rejected, ("posting", s.key.text))
            case .unknown: log.warning(.outcomeUnknown, ("posting", s.key.text))
            default: break
            }
        }
    }
}
