internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Settles unknown outcomes by looking: found = posted; not found = not sent, but only once a search can be believed. Nothing is ever
    /// sent while an outcome is unknown.
    func recover(_ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) {
        let connector = try ledger(flow.ledger)
        let unsettled = try await store.unsettled(tenant, flow.row.id, limit: Limits.batchDocuments)
        if unsettled.isEmpty { return }
        let documents = try await bind(unsettled.map(\.posting), flow, mapper, create: false)
        let found: [PostKey: LedgerReadback]
        switch await courier.run(connector.find(documents, flow.ledger.facts), connector: connector, connection: flow.ledger) {
        case .done(let answer): found = answer
        case .refused(let fault), .duplicate(let fault), .unknown(let fault):
            let wait = fault.retryAfter ?? .seconds(5)
            _ = try await store.pool.query(PostingStatements.retryLater(tenant, unsettled.map(\.posting.key), by: wait, fault: fault.json.bytes))
            return
        }
        let byKey = Dictionary(uniqueKeysWithValues: documents.map { ($0.key, $0) })
        let now = clocks.now()
        var settlements: [Settlement] = []
        for row in unsettled {
            guard let document = byKey[row.posting.key] else { continue }
            settlements.append(Recover.settle(
                row, document, found[row.posting.key], connector: connector, age: now - row.writtenAt))
        }
        try await settle(settlements, flow)
    }
}

/// The pure core of recovery.
enum Recover {
    /// `age`: since the intent was written.
    static func settle(_ row: UnsettledRow, _ document: LedgerDocument, _ seen: LedgerReadback?, connector: any LedgerConnector, age: Duration) -> Settlement {
        let key = row.posting.key
        let settles = connector.spec.idempotency.findSettles
        // The longest request may still be under way for its time-out after the intent was written.
        let believable = settles + .seconds(Limits.requestSeconds)
        func evidence(_ why: String) -> [UInt8] { JSON.object([("why", .string(why)), ("attempt", .string(row.attempt))]).bytes }
        switch row.action {
        case .create:
            if let seen { return Settlement(key: key, outcome: .posted, remoteID: seen.remoteID, remoteVersion: seen.version, evidence: evidence("found by its key")) }
        case .void:
            if let seen, seen.voided { return Settlement(key: key, outcome: .posted, remoteID: seen.remoteID, remoteVersion: seen.version, evidence: evidence("found voided")) }
            if seen == nil, row.posting.remoteID != nil, age > believable {
                return Settlement(key: key, outcome: .posted, remoteID: row.posting.remoteID, evidence: evidence("found gone"))
            }
        case .update:
            if let seen, Confirm.differences(meant: connector.meant(document), seen: seen).isEmpty {
                return Settlement(key: key, outcome: .posted, remoteID: seen.remoteID, remoteVersion: seen.version, evidence: evidence("found as meant"))
            }
        }
        guard age > believable else {
            return Settlement(key: key, outcome: .unknown, evidence: evidence("not found yet"), again: min(max(believable - age, .milliseconds(200)), .seconds(5)))
        }
        return Settlement(key: key, outcome: .notSent, evidence: evidence("not found after a search that can be believed"))
    }
}
