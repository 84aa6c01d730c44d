internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

/// Postings bound to their ledger documents, and those that can't be, with the reason.
struct Bound {
    var documents: [LedgerDocument] = []
    var unbound: [(row: PostingRow, fault: Fault)] = []
}

/// A stored posting with everything bound that its ledger needs.
enum Binding {
    /// `strict`: to be sent. What is only looked for, read back or voided needs no accounts, and must be found whatever has become of them.
    /// - Throws: `unbound_line` when a line's account is not bound any more; `stored_json_unreadable`.
    static func document(_ row: PostingRow, _ mapper: Mapper, appliesTo: String?, strict: Bool) throws(Fault) -> LedgerDocument {
        let plan = try PlanCodec.decode(row.plan)
        var lines: [LedgerDocument.Line] = []
        for line in plan.lines {
            let account = mapper.account(for: line, of: plan)
            if strict, plan.effect == .post, account?.known != true {
                throw Fault("unbound_line", stage: .post, disposition: .hold, summary: "the role \(line.role) is not bound to an account of the ledger",
                    remedy: "Bind it in the account structure.", position: line.role.text)
            }
            lines.append(LedgerDocument.Line(
                plan: line, account: account ?? BoundAccount(code: "", remoteID: nil, name: "", active: false, rule: ""),
                taxCode: mapper.taxCode(for: line, of: plan)?.value, item: nil, dimensions: mapper.dimensions(for: line, of: plan)))
        }
        return LedgerDocument(
            key: row.key, revision: row.revision, plan: plan, lines: lines, reference: row.reference, party: nil, appliesTo: appliesTo,
            remoteID: row.remoteID, remoteVersion: row.remoteVersion)
    }
}

extension Binding {
    /// One want for each key, in the order of keys: documents of one call may name the same customer or item in several ways.
    static func once(_ wants: Set<ReferenceWant>) -> [ReferenceWant] {
        Dictionary(wants.map { ($0.key, $0) }) { one, other in one.name <= other.name ? one : other }.values.sorted { $0.key < $1.key }
    }
}

extension Pipeline {
    /// Binds postings to their ledger documents, in the order given; with `create`, parties and items are found or created once.
    func bind(_ rows: [PostingRow], _ flow: Setup.Flow, _ mapper: Mapper, create: Bool) async throws(Fault) -> Bound {
        let connector = try ledger(flow.ledger)
        let remotes = try await store.remoteIDs(tenant, rows.compactMap(\.appliesTo))
        var out = Bound()
        for row in rows {
            do throws(Fault) {
                out.documents.append(try Binding.document(row, mapper, appliesTo: row.appliesTo.flatMap { remotes[$0] }, strict: create))
            } catch {
                log.fault(.postingHeld, error, ("posting", row.key.text))
                out.unbound.append((row, error))
            }
        }
        try await draw(&out.documents, flow)
        let wants = out.documents.map { document in
            create && document.plan.effect == .void ? [] : connector.references(for: document).map { want in named(want, mapper) }
        }
        let known = try await references(Set(wants.flatMap { $0 }), flow, connector, create: create)
        for i in out.documents.indices {
            for want in wants[i] {
                guard let remote = known["\(want.kind.rawValue)/\(want.key)"] else { continue }
                out.documents[i].bind(want, to: remote, by: connector.itemKey(of:))
            }
        }
        return out
    }

    /// Names the orders that invoices are drawn from, as far as the ledger has them.
    private func draw(_ documents: inout [LedgerDocument], _ flow: Setup.Flow) async throws(Fault) {
        func order(_ document: LedgerDocument) -> PostKey? {
            document.plan.drawnFrom.map { Pipeline.key(tenant, flow.row.id, subject: $0.subject, form: $0.form) }
        }
        let keys = documents.compactMap(order)
        guard !keys.isEmpty else { return }
        let remotes = try await store.remoteIDs(tenant, keys)
        for i in documents.indices { documents[i].drawnFrom = order(documents[i]).flatMap { remotes[$0] } }
    }

    /// The house customer's name is the tenant's choice.
    private func named(_ want: ReferenceWant, _ mapper: Mapper) -> ReferenceWant {
        guard want.kind == .party, want.key == "shop" || want.key.hasPrefix("shop@") else { return want }
        var out = want
        // What a platform adds for a customer of another currency stays: ` (EUR)`.
        out.name = mapper.structure.houseCustomer + want.name.dropFirst("shop".count)
        out.text = out.name
        return out
    }

    /// Remote ids by `kind/key`: from the store, else found by name, else created. The tenant's lease makes this the only creator.
    private func references(_ wants: Set<ReferenceWant>, _ flow: Setup.Flow, _ connector: any LedgerConnector, create: Bool) async throws(Fault) -> [String: String] {
        var known: [String: String] = [:]
        for row in try await store.references(tenant, flow.row.ledgerID) { known["\(row.kind)/\(row.key)"] = row.remoteID }
        guard create else { return known }
        for kind in [ReferenceWant.Kind.dimension, .party, .vendor, .item] {
            var missing = Binding.once(wants.filter { $0.kind == kind && known["\(kind.rawValue)/\($0.key)"] == nil })
            if missing.isEmpty { continue }
            let found = try await read(connector.findReferences(missing, flow.ledger.facts), connector, flow.ledger)
            try await remember(found, missing, flow, &known)
            missing = missing.filter { found[$0.key] == nil }
            if missing.isEmpty { continue }
            let made = try await read(connector.createReferences(missing, flow.ledger.facts), connector, flow.ledger)
            try await remember(made, missing, flow, &known)
        }
        return known
    }

    private func remember(_ found: [String: String], _ wants: [ReferenceWant], _ flow: Setup.Flow, _ known: inout [String: String]) async throws(Fault) {
        let rows = wants.compactMap { want in found[want.key].map { ReferenceRow(kind: want.kind.rawValue, key: want.key, name: want.name, remoteID: $0) } }
        try await store.saveReferences(tenant, flow.row.ledgerID, rows)
        for row in rows { known["\(row.kind)/\(row.key)"] = row.remoteID }
    }
}
