internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Poster {
    /// Settles unknown outcomes by looking: found = posted; not found = not sent, but only once a search can be believed. Nothing is ever
    /// sent while an outcome is unknown. A time to wait when the ledger can't be reached now.
    func recover() async throws(Fault) -> Duration? {
        let unsettled = try await store.unsettled(tenant, flow, limit: Limits.batchDocuments)
        return unsettled.isEmpty ? nil : try await recover(unsettled)
    }

    private func recover(_ unsettled: [UnsettledRow]) async throws(Fault) -> Duration? {
        #if SABOTAGE
        if Sabotage.skipFind.isOn {
            // Who doesn't look takes a refused number for a refusal: sent again it would be refused for ever.
            try await settle(unsettled.map { Settlement(key: $0.posting.key, attempt: $0.attempt, outcome: Recover.duplicate($0) ? .rejected : .notSent) })
            return nil
        }
        #endif
        guard connector.spec.idempotency.searchable else {
            let parked = unsettled.contains { !$0.isReleased } ? [Recover.parked(flow, connector.spec.name)] : []
            try await settle(unsettled.map(Recover.park), alerts: parked)
            return nil
        }
        var bound = try await bind(unsettled.map(\.posting), false)
        let sent = Dictionary(unsettled.map { ($0.posting.key, $0.since ?? clocks.now() - $0.age) }) { one, other in min(one, other) }
        for i in bound.documents.indices { bound.documents[i].since = sent[bound.documents[i].key] }
        for (row, fault) in bound.unbound { try await later([row.key], .seconds(60), fault) }
        if bound.documents.isEmpty { return nil }
        let found: [PostKey: LedgerReadback]
        switch await courier.run(connector.find(bound.documents, ledger.facts), connector: connector, connection: ledger) {
        case .done(let answer): found = answer
        case .refused(let fault), .unknown(let fault), .duplicate(let fault):
            // One that can't be searched for must not keep the others unknown.
            if Post.concernsDocument(fault), unsettled.count > 1 {
                for row in unsettled {
                    if let wait = try await recover([row]) { return wait }
                }
                return nil
            }
            let wait = fault.retryAfter ?? .seconds(5)
            try await later(unsettled.map(\.posting.key), wait, fault)
            return Post.concernsDocument(fault) ? nil : wait
        }
        let byKey = Dictionary(bound.documents.map { ($0.key, $0) }) { one, _ in one }
        var settlements: [Settlement] = []
        for row in unsettled {
            guard let document = byKey[row.posting.key] else { continue }
            settlements.append(Recover.settle(row, document, found[row.posting.key], connector: connector, settles: settles))
        }
        try await settle(settlements)
        return nil
    }
}

/// The pure core of recovery.
enum Recover {
    static func settle(
        _ row: UnsettledRow, _ document: LedgerDocument, _ seen: LedgerReadback?, connector: any LedgerConnector, settles: Duration
    ) -> Settlement {
        // The request may have started this late, and may have been under way for its time-out.
        let over = Post.sendWithin + .seconds(Limits.requestSeconds)
        let believable = over + settles
        let isBegun = seen.map { $0.unfinished || (row.action == .create && settlesNothing(document, connector, $0)) } ?? false
        // In the time that a restore lost, what we know by its id may have been replaced by another document of ours.
        let replaced = row.isDoubt && seen?.voided == false
        func settled(_ outcome: Settlement.Outcome, _ why: String, again: Duration = .zero) -> Settlement {
            // What is there is gone on from: a send without its id would write another one.
            let there = outcome == .posted || (outcome == .notSent && (isBegun || replaced))
            return Settlement(
                key: row.posting.key, attempt: row.attempt, outcome: outcome, remoteID: there ? seen?.remoteID ?? row.posting.remoteID : nil,
                remoteVersion: there ? seen?.version : nil, evidence: evidence(row, why), again: again)
        }
        // Its last request may be under way still, on this very document.
        if isBegun {
            guard row.age > over else { return settled(.unknown, "found unfinished", again: min(max(over - row.age, .milliseconds(200)), .seconds(5))) }
            return settled(.notSent, "found unfinished: it is gone on with")
        }
        switch row.action {
        case .create:
            // What was voided there before is not what somebody wants written again. What waits for an approval is: it may have its effect yet.
            if let seen, !(row.isReleased && seen.voided && !seen.waits) { return settled(.posted, "found by its key") }
        case .void:
            if let seen, seen.voided { return settled(.posted, "found voided") }
            if seen == nil, row.posting.remoteID != nil, row.age > believable { return settled(.posted, "found gone") }
        case .update:
            if let seen, Confirm.differences(document, connector: connector, seen: seen).isEmpty { return settled(.posted, "found as meant") }
        }
        guard row.age > believable else {
            return settled(.unknown, "not found yet", again: min(max(believable - row.age, .milliseconds(200)), .seconds(5)))
        }
        guard row.action == .create, duplicate(row) else {
            // A platform that replaces what it can't change may have taken the old one back and not written the new one: `update` goes on from there.
            let halfway = row.action == .update && seen?.voided == true
            return settled(.notSent, halfway ? "found taken back, with nothing in its place" : "not found after a search that can be believed")
        }
        let fault = Fault(
            "number_taken", stage: .post, disposition: .reject, summary: "the ledger says that it has a document with this posting's number, and shows none of ours",
            remedy: """
                Look for it in the ledger by its reference, customer and amount: somebody may have given it another number. Ours: give it back its number, which is the \
                posting's key. Another document that has the number: correct that. Nowhere, as where somebody deleted it: enter it there by hand under that number. Then release: \
                what is there by then is found, and nothing is written beside it.
                """)
        return Settlement(key: row.posting.key, attempt: row.attempt, outcome: .rejected, evidence: fault.json.bytes)
    }

    /// Whether all that is missing is the tie to the document that it settles: some ledgers tie in a step of their own, whose answer was lost.
    private static func settlesNothing(_ document: LedgerDocument, _ connector: any LedgerConnector, _ seen: LedgerReadback) -> Bool {
        let differs = Confirm.differences(document, connector: connector, seen: seen).compactMap(\.position)
        return differs == ["applies_to"] && seen.appliesTo == ""
    }

    /// Nothing can tell what became of it: a person has to look.
    static func park(_ row: UnsettledRow) -> Settlement {
        if row.isReleased {
            return Settlement(key: row.posting.key, attempt: row.attempt, outcome: .notSent, evidence: evidence(row, "released by a person who looked for it"))
        }
        return Settlement(
            key: row.posting.key, attempt: row.attempt, outcome: .unknown, evidence: evidence(row, "the platform can't be searched for our key"),
            again: .seconds(86_400))
    }

    static func parked(_ flow: FlowID, _ platform: String) -> AlertRow {
        AlertRow(
            key: AlertKey.unknown(flow), severity: .critical, cause: "\(platform) did not say whether it took a document and can't be searched for it",
            remedy: "Look for the document in the ledger by its reference.")
    }

    fileprivate static func duplicate(_ row: UnsettledRow) -> Bool {
        row.evidence.flatMap { try? JSON(parsing: $0) }?["duplicate"]?.bool ?? false
    }

    /// Kept as the posting's fault too, hence the code and the sentence.
    private static func evidence(_ row: UnsettledRow, _ why: String) -> [UInt8] {
        var members: [(key: String, value: JSON)] = [
            ("code", "outcome_unknown"), ("summary", .string(why)), ("attempt", .string(row.attempt)), ("age_ms", .number("\(row.age.wholeMilliseconds)")),
        ]
        if duplicate(row) { members.append(("duplicate", .bool(true))) }
        return JSON.object(members).bytes
    }
}
