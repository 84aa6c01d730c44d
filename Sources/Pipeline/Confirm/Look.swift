internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Store

extension Pipeline {
    /// Looks in the ledger for what was handed over in files. What is found goes on as if it had been sent, and is compared with what was meant; what is not
    /// found stays in hand: nobody knows whether the file will still be imported.
    func look(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        let connector = try ledger(connection)
        guard connection.row.state == "live", !(connector is any FileLedger), connector.spec.idempotency.searchable else { return .done }
        var after = ""
        while true {
            let handed = try await store.handedOver(tenant, connection.row.id, after: after, limit: Limits.batchDocuments)
            guard let last = handed.last else { return .done }
            after = last.key.text
            let batches = Dictionary(handed.map { ($0.key, $0.batch) }) { one, _ in one }
            let rows = try await store.postings(tenant, keys: handed.map(\.key))
            for flow in setup.flows(into: connection.row.id) {
                let own = rows.filter { $0.flow == flow.row.id }
                if !own.isEmpty { try await look(own, batches, flow, connector, in: setup) }
            }
        }
    }

    private func look(
        _ rows: [PostingRow], _ batches: [PostKey: BatchID], _ flow: Setup.Flow, _ connector: any LedgerConnector, in setup: Setup
    ) async throws(Fault) {
        let bound = try await bind(rows, flow, try await mapper(flow, in: setup), create: false)
        if bound.documents.isEmpty { return }
        let seen = try await read(connector.find(bound.documents, flow.ledger.facts), connector, flow.ledger)
        // A draft there has no effect yet: somebody has to approve it.
        var found: [BatchID: [(key: PostKey, remoteID: String, version: String?)]] = [:]
        for document in bound.documents {
            guard let there = seen[document.key], !there.unfinished, !there.voided, let batch = batches[document.key] else { continue }
            found[batch, default: []].append((document.key, there.remoteID, there.version))
        }
        for (batch, own) in found { try await store.settleFound(tenant, batch, own) }
    }
}
