public import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Raw events of one connection become canonical documents of every flow that reads from it. Without such a flow they wait for one.
    func normalize(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        let connector = try source(connection)
        let flows = setup.flows(from: connection.row.id)
        if flows.isEmpty { return try await store.ingested(tenant, connection.row.id, limit: 1).isEmpty ? .done : .again(.seconds(60)) }
        while true {
            let events = try await store.ingested(tenant, connection.row.id, limit: Limits.batchDocuments)
            if events.isEmpty { return .done }
            var read: [(event: EventRow, said: Normalized)] = []
            for event in events {
                do throws(Fault) {
                    let body = try open(event.sealedBody, Credential.eventContext(tenant, connection.row.id))
                    #if SABOTAGE
                    Sabotage.swallow(body)
                    #endif
                    let record = RawRecord(topic: event.topic, deliveryID: event.deliveryID, body: body)
                    read.append((event, try connector.normalize(record, connection.facts)))
                } catch {
                    try await hold(event, of: connection.row.id, error)
                }
            }
            do throws(Fault) {
                try await keep(read, connection, flows)
            } catch {
                guard error.disposition != .retry, error.disposition != .wait else { throw error }
                // A record that can't be stored must not keep the others from being stored.
                for one in read {
                    do throws(Fault) { try await keep([one], connection, flows) } catch {
                        guard error.disposition != .retry, error.disposition != .wait else { throw error }
                        try await hold(one.event, of: connection.row.id, error)
                    }
                }
            }
        }
    }

    /// A record that cannot be read waits for a person; the others go on.
    private func hold(_ event: EventRow, of connection: ConnectionID, _ fault: Fault) async throws(Fault) {
        let tenant = tenant
        try await store.transaction { tx throws(Fault) in
            _ = try await tx.query(EventStatements.held(tenant, id: event.id, fault: fault.json.bytes))
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "event.held", subject: "event \(event.id)", detail: fault.json.bytes)])
            try await tx.raise(tenant, [AlertRow(key: AlertKey.event(connection, fault.code), severity: .warning, cause: fault.summary, remedy: fault.remedy)])
        }
        log.fault(.recordHeld, fault, ("event_id", "\(event.id)"))
        metrics.count(.events, ("result", "held"))
    }

    private func keep(_ read: [(event: EventRow, said: Normalized)], _ connection: CourierConnection, _ flows: [Setup.Flow]) async throws(Fault) {
        guard !read.isEmpty else { return }
        let hints = Set(read.flatMap(\.said.fetch))
        let events = read.map(\.event.id)
        var byFlow: [(flow: Setup.Flow, rows: [DocumentRow])] = []
        for flow in flows { byFlow.append((flow, rows(try await named(read.map(\.said), in: flow.row.id)))) }
        let tenant = tenant, wanted = byFlow
        let fetches = hints.sorted().map { Job(.fetch, "\(connection.row.id)/\($0)", lane: .webhook) }
        try await store.transaction { tx throws(Fault) in
            for (flow, rows) in wanted {
                var cases: [String] = []
                let kept = rows.filter { !$0.isNote }, notes = rows.filter(\.isNote)
                if !kept.isEmpty { for row in try await tx.query(DocumentStatements.upsert(tenant, flow.row.id, kept)) { cases.append(try row.get("case_id")) } }
                if !notes.isEmpty { for row in try await tx.query(DocumentStatements.upsertNotes(tenant, flow.row.id, notes)) { cases.append(try row.get("case_id")) } }
                guard !cases.isEmpty else { continue }
                _ = try await tx.query(DocumentStatements.markDirty(tenant, flow.row.id, cases: cases))
                _ = try await tx.query(JobStatements.ask(tenant, [Job(.map, flow.row.id.description, lane: .webhook)]))
                try await tx.audit(tenant, Set(cases).sorted().map { AuditEntry(actor: "worker", action: "case.changed", subject: "case \($0)") })
            }
            if !fetches.isEmpty { _ = try await tx.query(JobStatements.ask(tenant, fetches)) }
            _ = try await tx.query(EventStatements.normalized(tenant, ids: events))
        }
        metrics.count(.documents, ("result", "kept"), by: Double(byFlow.map(\.rows.count).max() ?? 0))
        metrics.count(.events, ("result", "normalized"), by: Double(events.count))
    }

    private func rows(_ said: [Normalized]) -> [DocumentRow] {
        Normalize.newest(said.flatMap(\.documents)).map { document in
            let (kind, isNote) = DocumentCodec.kind(of: document)
            return DocumentRow(
                kind: kind, isNote: isNote, sourceID: document.id, id: random.identifier(), caseID: document.caseID, version: document.version,
                at: document.at, body: DocumentCodec.bytes(of: document.body))
        }
    }

    /// The same with payments by the names that they have in the flow already, where their source has one for a case. Asks nothing for others.
    private func named(_ said: [Normalized], in flow: FlowID) async throws(Fault) -> [Normalized] {
        let cases = Set(said.filter { !$0.lonePayments.isEmpty }.flatMap(\.documents).map(\.caseID)).sorted()
        guard !cases.isEmpty else { return said }
        var known: [String: [String]] = [:]
        for row in try await store.documents(tenant, flow, cases: cases) where row.kind == DocumentKind.payment.rawValue {
            let document = try DocumentCodec.decode(row)
            if document.isMoneyOfCase { known[document.caseID, default: []].append(document.id) }
        }
        return Normalize.named(said, known: known)
    }
}

/// The pure core of normalise.
public enum Normalize {
    /// Of several versions of one document the highest: one statement can't touch a row twice.
    public static func newest(_ documents: [SourceDocument]) -> [SourceDocument] {
        var best: [String: SourceDocument] = [:]
        for document in documents {
            let identity = DocumentCodec.kind(of: document).kind + "\u{1f}" + document.id
            if let known = best[identity], known.version >= document.version { continue }
            best[identity] = document
        }
        return best.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What a source calls a case's one payment by now goes by the name that it had first, with what names it in the same record: under another name it would
    /// be the same money twice. `known`: names of payments by case, oldest first.
    static func named(_ said: [Normalized], known: [String: [String]]) -> [Normalized] {
        var names = known
        return said.map { one in
            var renamed: [String: String] = [:]
            for document in one.documents where one.lonePayments.contains(document.id) && document.isMoneyOfCase {
                guard let first = names[document.caseID]?.first else {
                    names[document.caseID] = [document.id]
                    continue
                }
                if names[document.caseID]?.contains(document.id) == false { renamed[document.id] = first }
            }
            return renamed.isEmpty ? one : one.calling(renamed)
        }
    }
}

extension SourceDocument {
    /// A payment by anything but a gift card.
    fileprivate var isMoneyOfCase: Bool { if case .payment(let payment) = body { payment.gateway != "gift_card" } else { false } }
}

extension Normalized {
    fileprivate func calling(_ names: [String: String]) -> Normalized {
        var out = self
        for i in out.documents.indices {
            switch out.documents[i].body {
            case .payment: out.documents[i].id = names[out.documents[i].id] ?? out.documents[i].id
            case .payout(var payout):
                for row in payout.rows.indices { payout.rows[row].ref = payout.rows[row].ref.map { names[$0] ?? $0 } }
                out.documents[i].body = .payout(payout)
            default: break
            }
        }
        return out
    }
}
