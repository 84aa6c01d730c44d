internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Sends what is cleared and due: intent, commit, send, judge, commit. First settles what an earlier send left unknown.
    func post(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active", flow.ledger.row.state == "live" else { return .done }
        // What is cleared waits for a person who hands it over.
        if try ledger(flow.ledger) is any FileLedger { return .done }
        let mapper = try await mapper(flow, in: setup)
        let poster = Poster(
            tenant: tenant, epoch: epoch, flow: flow.row.id, ledger: flow.ledger, connector: try ledger(flow.ledger), findSettles: flow.findSettles,
            store: store, courier: courier, clocks: clocks, random: random, log: log, metrics: metrics
        ) { rows, create throws(Fault) in
            do throws(Fault) { return try await bind(rows, flow, mapper, create: create) } catch {
                // A refused party or item may be an account's doing that our chart does not know of yet: read again, what is held is checked again.
                if create, Post.concernsDocument(error) { try await store.ask(tenant, [Job(.chart, flow.ledger.row.id.description, lane: .interactive)]) }
                throw error
            }
        }
        guard flow.row.restoredAt != nil else { return try await poster.post() }
        // What a restore lost is looked for like a send whose answer was lost, before anything of it is sent.
        let more = try await store.doubt(tenant, flow.row.id, limit: Limits.batchDocuments)
        let result = try await poster.post()
        guard let more else { return result }
        if case .again(let wait) = result { return .again(min(wait, more)) }
        return .again(more)
    }

    /// Puts postings off.
    func later(_ keys: [PostKey], _ wait: Duration, _ fault: Fault?) async throws(Fault) {
        guard !keys.isEmpty else { return }
        try await store.retryLater(tenant, keys, by: wait, fault: fault?.json.bytes)
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

    /// Creates go together as far as the platform's batches allow, what failed once in fifths of that, what failed again alone: so the one
    /// document that spoils a call is found in few calls. Changes go alone, and first: what they take back may be what a new document needs.
    static func chunks(_ documents: [LedgerDocument], connector: any LedgerConnector, attempts: [PostKey: Int]) -> [[LedgerDocument]] {
        var changes: [[LedgerDocument]] = [], out: [[LedgerDocument]] = []
        var open: [(group: String, size: Int, items: [LedgerDocument])] = []
        for document in documents {
            let most = connector.spec.batchSizes[document.plan.form.rawValue] ?? connector.spec.batchSizes["*"] ?? 1
            let failed = attempts[document.key] ?? 0
            let size = failed == 0 ? most : failed == 1 ? most / 5 : 1
            guard action(document) == .create else {
                changes.append([document])
                continue
            }
            guard size > 1 else {
                out.append([document])
                continue
            }
            let group = connector.batchGroup(of: document)
            if let i = open.firstIndex(where: { $0.group == group && $0.size == size && $0.items.count < size }) {
                open[i].items.append(document)
            } else {
                open.append((group, size, [document]))
            }
        }
        return changes + open.map(\.items) + out
    }

    /// Per-document outcomes of a delivery; a call that failed as a whole gives each document the same.
    static func outcomes(_ delivery: Delivery<[PostOutcome]>, _ action: NewIntent.Action, _ count: Int) -> [PostOutcome] {
        switch delivery {
        case .done(let list) where list.count == count:
            #if SABOTAGE
            if Sabotage.trust2xx.isOn {
                return list.map { outcome in
                    if case .unknown = outcome { .posted(remoteID: "0", version: nil) } else { outcome }
                }
            }
            #endif
            return list
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
    static func wait(after delivery: Delivery<[PostOutcome]>) -> Duration? {
        guard case .refused(let fault) = delivery, turnsAway(fault) else { return nil }
        if fault.disposition == .reauthorise { return .seconds(60) }
        return max(fault.retryAfter ?? away, .milliseconds(100))
    }

    /// How long nothing is sent after a call that was turned away without a word on how long.
    private static let away = Duration.seconds(2)

    /// The fault holds for every other call too, and says nothing of the documents. `retry` of a connector (a document that must wait for
    /// another) is that document's own.
    static func turnsAway(_ fault: Fault) -> Bool {
        !concernsDocument(fault)
            && (fault.stage == .courier || fault.stage == .http || fault.disposition == .wait || fault.disposition == .reauthorise)
    }

    static func settlement(
        _ document: LedgerDocument, _ outcome: PostOutcome, attempt: String, settles: Duration, attempts: Int, together: Int
    ) -> Settlement {
        func settled(_ outcome: Settlement.Outcome, _ fault: Fault, again: Duration = .zero) -> Settlement {
            Settlement(
                key: document.key, attempt: attempt, outcome: outcome, evidence: fault.json.bytes, again: again,
                counts: outcome != .notSent || !turnsAway(fault))
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
    static func alerts(_ settlements: [Settlement], _ flow: FlowID) -> [AlertRow] {
        var byKey: [String: AlertRow] = [:]
        for s in settlements where s.outcome == .rejected {
            let fault = s.evidence.flatMap { try? JSON(parsing: $0) }
            let code = fault?["code"]?.string ?? "rejected"
            byKey[code] = AlertRow(
                key: AlertKey.rejected(flow, code), severity: .warning, cause: fault?["summary"]?.string ?? "the ledger refused a document",
                remedy: fault?["remedy"]?.string ?? "Open the posting: it names what the ledger said.")
        }
        return byKey.sorted { $0.key < $1.key }.map(\.value)
    }
}
