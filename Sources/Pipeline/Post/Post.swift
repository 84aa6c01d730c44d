internal import Books
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Sends what is cleared and due: intent, commit, send, judge, commit. First settles what an earlier send left unknown.
    func post(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active", flow.ledger.row.state == "live" else { return .done }
        // Nothing is being sent now. An open intent, of this lease too, is a send whose outcome was never recorded.
        let lost = try await store.orphanIntents(tenant, epoch: epoch + 1)
        if lost > 0 { log.warning(.outcomeUnknown, ("count", "\(lost)")) }
        let mapper = try await mapper(flow, in: setup)
        if let wait = try await recover(flow, mapper) { return .again(wait) }
        while true {
            let due = try await store.duePostings(tenant, flow.row.id, limit: Limits.batchDocuments)
            if due.isEmpty { break }
            if let wait = try await send(due, flow, mapper) { return .again(wait) }
        }
        if let next = try await store.nextAttempt(tenant, flow.row.id) { return .again(max(next, .milliseconds(50))) }
        return .done
    }

    /// `nil` when all were tried; a time to wait when the ledger can't be reached or wants no more now: what is left stays as it is.
    private func send(_ rows: [PostingRow], _ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) -> Duration? {
        let connector = try ledger(flow.ledger)
        let bound: Bound
        do throws(Fault) {
            bound = try await bind(rows, flow, mapper, create: true)
        } catch {
            guard Post.concernsDocument(error) else { throw error }
            // A party or item that the ledger refuses stops its own document only.
            guard rows.count > 1 else {
                try await hold(rows[0], "reference_refused", error)
                return nil
            }
            for row in rows {
                if let wait = try await send([row], flow, mapper) { return wait }
            }
            return nil
        }
        for (row, fault) in bound.unbound { try await hold(row, fault.code == "unbound_line" ? "unknown_account" : fault.code, fault) }
        let attempts = Dictionary(rows.map { ($0.key, $0.attempts) }) { one, _ in one }
        for chunk in Post.chunks(bound.documents, connector: connector, attempts: attempts) {
            if let wait = try await send(chunk, flow, connector, attempts) { return wait }
        }
        return nil
    }

    /// What can't be sent as things stand waits by name; it is planned again when the configuration or the ledger's accounts change.
    private func hold(_ row: PostingRow, _ check: String, _ fault: Fault) async throws(Fault) {
        let finding = Finding(check: check, why: fault.summary, remedy: fault.remedy, position: fault.position)
        let alert = AlertRow(key: "held/\(check)/\(fault.position ?? "")", severity: .warning, cause: fault.summary, remedy: fault.remedy)
        try await store.hold(tenant, row.flow, row.key, findings: JSON.array([PlanCodec.finding(finding)]).bytes, alert: alert)
        log.fault(.postingHeld, fault, ("posting", row.key.text))
    }

    /// One call to the ledger for these documents, with its intents before and its outcomes after.
    private func send(_ chunk: [LedgerDocument], _ flow: Setup.Flow, _ connector: any LedgerConnector, _ attempts: [PostKey: Int]) async throws(Fault) -> Duration? {
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
        let delivery = await deliver(chunk, action, attempt, flow, connector, startBy: startBy)
        let outcomes = Post.outcomes(delivery, action, chunk.count)
        let settles = flow.findSettles ?? connector.spec.idempotency.findSettles
        let settlements = zip(chunk, outcomes).map { document, outcome in
            Post.settlement(document, outcome, attempt: attempt, settles: settles, attempts: attempts[document.key] ?? 0, together: chunk.count)
        }
        try await settle(settlements, flow)
        return Post.wait(after: delivery, attempts: chunk.map { attempts[$0.key] ?? 0 }.max() ?? 0)
    }

    private func deliver(
        _ chunk: [LedgerDocument], _ action: NewIntent.Action, _ attempt: String, _ flow: Setup.Flow, _ connector: any LedgerConnector, startBy: Duration
    ) async -> Delivery<[PostOutcome]> {
        let facts = flow.ledger.facts
        let exchange: Exchange<[PostOutcome]> = switch action {
        case .create: connector.create(chunk, attempt: attempt, facts)
        case .update: connector.update(chunk[0], attempt: attempt, facts).map { [$0] }
        case .void: connector.void(chunk[0], attempt: attempt, facts).map { [$0] }
        }
        return await courier.run(exchange, connector: connector, connection: flow.ledger, startBy: startBy)
    }

    /// Commits outcomes, asks for what follows, and says what people should know.
    func settle(_ settlements: [Settlement], _ flow: Setup.Flow, alerts: [AlertRow] = []) async throws(Fault) {
        let subject = flow.row.id.description
        var jobs: [Job] = []
        if settlements.contains(where: { $0.outcome == .posted }) {
            jobs += [Job(.post, subject, lane: .webhook), Job(.confirm, subject, lane: .webhook)]
        }
        // A case that changed while this was under way has waited for it.
        if settlements.contains(where: { $0.outcome != .unknown }) { jobs.append(Job(.map, subject, lane: .webhook)) }
        if settlements.contains(where: { $0.outcome == .rejected }) {
            jobs += [Job(.chart, flow.row.ledgerID.description, lane: .interactive), Job(.reconcile, subject, lane: .audit)]
        }
        var entries: [PostKey: AuditEntry] = [:]
        for s in settlements {
            entries[s.key] = AuditEntry(
                actor: "worker", action: "posting.\(s.outcome.rawValue)", subject: "posting \(s.key)", detail: s.evidence ?? Array("{}".utf8))
        }
        try await store.settle(tenant, settlements, jobs: jobs, audit: entries, alerts: alerts + Post.alerts(settlements))
        let posted = settlements.filter { $0.outcome == .posted }.map(\.key.text)
        if !posted.isEmpty { _ = try await store.pool.query(DocumentStatements.dirtyRejected(tenant, flow.row.id, beside: posted)) }
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

/// The pure core of post.
enum Post {
    /// Longest time from an intent to the start of its last request: what is later is not sent, so that recovery knows when "not found" can
    /// be believed.
    static let sendWithin = Duration.seconds(10)

    static func action(_ document: LedgerDocument) -> NewIntent.Action {
        if document.remoteID == nil { return .create }
        return document.plan.effect == .void ? .void : .update
    }

    /// The fault is about what was asked, not about the way there: other documents may fare better.
    static func concernsDocument(_ fault: Fault) -> Bool {
        guard ![Fault.Stage.courier, .http, .database, .scheduler, .worker].contains(fault.stage) else { return false }
        switch fault.disposition {
        case .reject, .hold, .bug: return true
        case .retry, .wait, .reauthorise: return false
        }
    }

    /// Creates go together as far as the platform's batches allow; changes and whatever failed before go alone.
    static func chunks(_ documents: [LedgerDocument], connector: any LedgerConnector, attempts: [PostKey: Int]) -> [[LedgerDocument]] {
        var out: [[LedgerDocument]] = []
        var open: [(group: String, form: PostingForm, items: [LedgerDocument])] = []
        for document in documents {
            let size = connector.spec.batchSizes[document.plan.form.rawValue] ?? connector.spec.batchSizes["*"] ?? 1
            guard action(document) == .create, attempts[document.key] ?? 0 == 0, size > 1 else {
                out.append([document])
                continue
            }
            let group = connector.batchGroup(of: document)
            if let i = open.firstIndex(where: { $0.group == group && $0.items.count < size }) {
                open[i].items.append(document)
            } else {
                open.append((group, document.plan.form, [document]))
            }
        }
        return open.map(\.items) + out
    }

    /// Per-document outcomes of a delivery; a call that failed as a whole gives each document the same.
    static func outcomes(_ delivery: Delivery<[PostOutcome]>, _ action: NewIntent.Action, _ count: Int) -> [PostOutcome] {
        switch delivery {
        case .done(let list) where list.count == count: return list
        case .done:
            let fault = Fault("answer_incomplete", stage: .post, disposition: .bug, summary: "the ledger's answer has another number of documents than were sent")
            return Array(repeating: .unknown(fault), count: count)
        case .duplicate(let fault):
            guard action == .create else { return Array(repeating: .rejected(fault), count: count) }
            if count == 1 { return [.duplicate(fault)] }
            var together = fault
            together.code = "batch_refused"
            return Array(repeating: .rejected(together), count: count)
        case .refused(let fault): return Array(repeating: concernsDocument(fault) ? .rejected(fault) : .throttled(fault), count: count)
        case .unknown(let fault): return Array(repeating: .unknown(fault), count: count)
        }
    }

    /// How long to leave the ledger alone after a call that was refused for reasons that hold for every other call too.
    static func wait(after delivery: Delivery<[PostOutcome]>, attempts: Int) -> Duration? {
        guard case .refused(let fault) = delivery, !concernsDocument(fault) else { return nil }
        // `retry` of a connector (a document that must wait for another) is that document's own.
        guard fault.stage == .courier || fault.stage == .http || fault.disposition == .wait || fault.disposition == .reauthorise else { return nil }
        if fault.disposition == .reauthorise { return .seconds(60) }
        return max(fault.retryAfter ?? backoff(attempts), .milliseconds(100))
    }

    static func settlement(
        _ document: LedgerDocument, _ outcome: PostOutcome, attempt: String, settles: Duration, attempts: Int, together: Int
    ) -> Settlement {
        func settled(_ outcome: Settlement.Outcome, _ fault: Fault, again: Duration = .zero) -> Settlement {
            Settlement(key: document.key, attempt: attempt, outcome: outcome, evidence: fault.json.bytes, again: again)
        }
        switch outcome {
        case .posted(let remoteID, let version):
            return Settlement(key: document.key, attempt: attempt, outcome: .posted, remoteID: remoteID, remoteVersion: version)
        // Somebody holds our number: find tells whether it is our own earlier send.
        case .duplicate(let fault):
            let evidence = JSON.object((fault.json.object ?? []) + [("duplicate", .bool(true))])
            return Settlement(key: document.key, attempt: attempt, outcome: .unknown, evidence: evidence.bytes)
        case .unknown(let fault): return settled(.unknown, fault, again: min(settles, .seconds(5)))
        case .stale(let fault): return settled(.notSent, fault, again: max(.seconds(1), backoff(attempts)))
        case .throttled(let fault):
            if concernsDocument(fault) { return settled(.rejected, fault) }
            return settled(.notSent, fault, again: fault.retryAfter ?? backoff(attempts))
        case .rejected(let fault):
            // One bad document can make a platform refuse the whole call: each is tried alone before it counts as rejected.
            if together > 1, fault.code == "batch_refused" { return settled(.notSent, fault) }
            return settled(.rejected, fault)
        }
    }

    /// Doubles from half a second to a minute.
    static func backoff(_ attempts: Int) -> Duration {
        .milliseconds(min(Limits.backoffFirst_ms << min(attempts, 10), Limits.backoffMost_ms))
    }

    /// One alert per cause of rejection, not per document.
    static func alerts(_ settlements: [Settlement]) -> [AlertRow] {
        var byKey: [String: AlertRow] = [:]
        for s in settlements where s.outcome == .rejected {
            let fault = s.evidence.flatMap { try? JSON(parsing: $0) }
            let code = fault?["code"]?.string ?? "rejected"
            byKey["rejected/\(code)"] = AlertRow(
                key: "rejected/\(code)", severity: .warning, cause: fault?["summary"]?.string ?? "the ledger refused a document",
                remedy: fault?["remedy"]?.string ?? "Open the posting: it names what the ledger said.")
        }
        return byKey.sorted { $0.key < $1.key }.map(\.value)
    }
}
