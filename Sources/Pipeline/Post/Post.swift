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
        let mapper = try await mapper(flow, in: setup)
        try await recover(flow, mapper)
        while true {
            let due = try await store.duePostings(tenant, flow.row.id, limit: Limits.batchDocuments)
            if due.isEmpty { break }
            try await send(due, flow, mapper)
        }
        if let next = try await store.nextAttempt(tenant, flow.row.id) { return .again(max(next, .milliseconds(50))) }
        return .done
    }

    private func send(_ rows: [PostingRow], _ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) {
        let connector = try ledger(flow.ledger)
        let documents = try await bind(rows, flow, mapper, create: true)
        let bound = Set(documents.map(\.key))
        let unbound = rows.filter { !bound.contains($0.key) }
        if !unbound.isEmpty { _ = try await store.pool.query(PostingStatements.retryLater(tenant, unbound.map(\.key), by: .seconds(60), fault: nil)) }
        let attempts = Dictionary(uniqueKeysWithValues: rows.map { ($0.key, $0.attempts) })
        for chunk in Post.chunks(documents, connector: connector, attempts: attempts) {
            try await send(chunk, flow, connector, attempts)
        }
    }

    /// One call to the ledger for these documents, with its intents before and its outcomes after.
    private func send(_ chunk: [LedgerDocument], _ flow: Setup.Flow, _ connector: any LedgerConnector, _ attempts: [PostKey: Int]) async throws(Fault) {
        let attempt = base32Text(random.bytes(12), characters: 18)
        let action = Post.action(chunk[0])
        let intents = chunk.map { document in
            NewIntent(
                key: document.key, revision: document.revision, action: action, attempt: attempt,
                requestDigest: Digest.sha256(PlanCodec.encode(document.plan).bytes))
        }
        try await store.writeIntents(
            tenant, epoch: epoch, intents, audit: chunk.map { AuditEntry(actor: "worker", action: "posting.posting", subject: "posting \($0.key)") })
        let outcomes: [PostOutcome]
        switch action {
        case .create: outcomes = Post.outcomes(await courier.run(connector.create(chunk, attempt: attempt, flow.ledger.facts), connector: connector, connection: flow.ledger), chunk.count)
        case .update:
            outcomes = Post.outcomes(
                await courier.run(connector.update(chunk[0], attempt: attempt, flow.ledger.facts).map { [$0] }, connector: connector, connection: flow.ledger), 1)
        case .void:
            outcomes = Post.outcomes(
                await courier.run(connector.void(chunk[0], attempt: attempt, flow.ledger.facts).map { [$0] }, connector: connector, connection: flow.ledger), 1)
        }
        let settles = connector.spec.idempotency.findSettles
        let settlements = zip(chunk, outcomes).map { document, outcome in
            Post.settlement(document, outcome, settles: settles, attempts: attempts[document.key] ?? 0, together: chunk.count)
        }
        try await settle(settlements, flow)
    }

    /// Commits outcomes, asks for what follows, and says what people should know.
    func settle(_ settlements: [Settlement], _ flow: Setup.Flow) async throws(Fault) {
        let subject = flow.row.id.description
        var jobs: [Job] = []
        if settlements.contains(where: { $0.outcome == .posted }) {
            jobs += [Job(.post, subject, lane: .webhook), Job(.confirm, subject, lane: .webhook), Job(.map, subject, lane: .webhook)]
        }
        if settlements.contains(where: { $0.outcome == .rejected }) {
            jobs += [Job(.chart, flow.row.ledgerID.description, lane: .interactive), Job(.map, subject, lane: .webhook)]
        }
        let entries = settlements.map { AuditEntry(actor: "worker", action: "posting.\($0.outcome.rawValue)", subject: "posting \($0.key)", detail: $0.evidence ?? Array("{}".utf8)) }
        try await store.settle(tenant, settlements, jobs: jobs, audit: entries)
        let rejected = settlements.filter { $0.outcome == .rejected }
        if !rejected.isEmpty { _ = try await store.pool.query(PostingStatements.recheckDependants(tenant, rejected.map(\.key))) }
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
    static func action(_ document: LedgerDocument) -> NewIntent.Action {
        if document.remoteID == nil { return .create }
        return document.plan.effect == .void ? .void : .update
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
    static func outcomes(_ delivery: Delivery<[PostOutcome]>, _ count: Int) -> [PostOutcome] {
        switch delivery {
        case .done(let list) where list.count == count: return list
        case .done:
            let fault = Fault("answer_incomplete", stage: .post, disposition: .bug, summary: "the ledger's answer has another number of documents than were sent")
            return Array(repeating: .unknown(fault), count: count)
        case .refused(let fault):
            return Array(repeating: fault.disposition == .reject ? .rejected(fault) : .throttled(fault), count: count)
        case .unknown(let fault): return Array(repeating: .unknown(fault), count: count)
        }
    }

    static func settlement(_ document: LedgerDocument, _ outcome: PostOutcome, settles: Duration, attempts: Int, together: Int) -> Settlement {
        switch outcome {
        case .posted(let remoteID, let version): return Settlement(key: document.key, outcome: .posted, remoteID: remoteID, remoteVersion: version)
        // Somebody holds our number: find tells whether it is our own earlier send.
        case .duplicate(let fault): return Settlement(key: document.key, outcome: .unknown, evidence: fault.json.bytes, again: .zero)
        case .unknown(let fault): return Settlement(key: document.key, outcome: .unknown, evidence: fault.json.bytes, again: settles)
        case .stale(let fault): return Settlement(key: document.key, outcome: .notSent, evidence: fault.json.bytes, again: .seconds(1))
        case .throttled(let fault):
            return Settlement(key: document.key, outcome: .notSent, evidence: fault.json.bytes, again: fault.retryAfter ?? backoff(attempts))
        case .rejected(let fault):
            // One bad document can make a platform refuse the whole call: each is tried alone before it counts as rejected.
            if together > 1, fault.code == "batch_refused" { return Settlement(key: document.key, outcome: .notSent, evidence: fault.json.bytes) }
            return Settlement(key: document.key, outcome: .rejected, evidence: fault.json.bytes)
        }
    }

    /// Doubles from half a second to a minute.
    static func backoff(_ attempts: Int) -> Duration {
        .milliseconds(min(Limits.backoffFirst_ms << min(attempts, 10), Limits.backoffMost_ms))
    }
}
