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
    /// Plans every case that changed, then checks what was planned.
    func mapAndClear(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Result {
        guard flow.row.state == "active" else { return .done }
        let mapper = try await mapper(flow, in: setup)
        var busy = false
        while true {
            let dirty = try await store.dirtyCases(tenant, flow.row.id, limit: Limits.batchDocuments)
            if dirty.isEmpty { break }
            let planned = try await map(dirty, flow, mapper)
            if planned == 0 {
                busy = true
                break
            }
        }
        try await preflight(flow, mapper)
        return busy ? .again(.seconds(1)) : .done
    }

    /// The tenant's structure and rules over the ledger's accounts as last read; reads them first when they never were.
    func mapper(_ flow: Setup.Flow, in setup: Setup) async throws(Fault) -> Mapper {
        var row = try await store.chart(tenant, flow.row.ledgerID)
        if row == nil {
            _ = try await readChart(flow.ledger, in: setup)
            row = try await store.chart(tenant, flow.row.ledgerID)
        }
        guard let row else { throw Fault("no_chart", stage: .map, disposition: .retry, summary: "the ledger's accounts could not be read yet") }
        let chart = try ChartCodec.decode(row)
        return Mapper(structure: setup.structure, rules: setup.rules, chart: chart)
    }

    /// Number of cases planned; those with a send under way are left for later.
    private func map(_ dirty: [DirtyCase], _ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) -> Int {
        let ids = dirty.map(\.caseID)
        let documents = Dictionary(grouping: try await store.documents(tenant, flow.row.id, cases: ids), by: \.caseID)
        let postings = Dictionary(grouping: try await store.postings(tenant, flow.row.id, cases: ids), by: \.caseID)
        let lockDate = try await store.chart(tenant, flow.row.ledgerID)?.lockDate
        var plan = Map.Output()
        var done: [DirtyCase] = []
        for item in dirty {
            let rows = postings[item.caseID] ?? []
            if rows.contains(where: { $0.state == "posting" || $0.state == "unknown" }) { continue }
            do throws(Fault) {
                var order = OrderCase(id: item.caseID)
                for row in documents[item.caseID] ?? [] {
                    let document = try DocumentCodec.decode(
                        kind: row.kind, id: row.sourceID, caseID: row.caseID, version: row.version, at: row.at, body: row.body)
                    order.merge(mapper.classify(document, on: flow.organisation.zone.date(of: document.at)))
                }
                try Map.plan(order, rows, flow, mapper, lockDate: lockDate, tenant: tenant, forbidsRevision: !revises(flow), into: &plan)
                done.append(item)
            } catch {
                let fault = error.json.bytes
                _ = try await store.pool.query(DocumentStatements.unplannable(tenant, flow.row.id, item, fault: fault))
                log.fault(.caseHeld, error, ("case", item.caseID))
                done.append(item)
            }
        }
        try await save(plan, done, flow)
        return done.count
    }

    private func revises(_ flow: Setup.Flow) -> Bool { connectors[flow.ledger.row.platform]?.spec.revisesPaidInvoices ?? false }

    private func save(_ plan: Map.Output, _ done: [DirtyCase], _ flow: Setup.Flow) async throws(Fault) {
        guard !done.isEmpty else { return }
        let tenant = tenant
        try await store.transaction { tx throws(Fault) in
            if !plan.rows.isEmpty {
                _ = try await tx.query(PostingStatements.map(tenant, flow.row.id, flow.row.ledgerID, plan.rows))
                _ = try await tx.query(PostingStatements.cover(tenant, plan.rows))
                try await tx.audit(tenant, plan.rows.map { AuditEntry(actor: "worker", action: "posting.mapped", subject: "posting \($0.key)") })
            }
            if !plan.superseded.isEmpty {
                _ = try await tx.query(PostingStatements.supersede(tenant, plan.superseded))
                try await tx.audit(tenant, plan.superseded.map { AuditEntry(actor: "worker", action: "posting.superseded", subject: "posting \($0)") })
            }
            _ = try await tx.query(DocumentStatements.setState(tenant, flow.row.id, state: "mapped", cases: done.map(\.caseID)))
            _ = try await tx.query(DocumentStatements.planned(tenant, flow.row.id, done))
        }
        metrics.count(.postings, ("state", "mapped"), by: Double(plan.rows.count))
    }
}

/// The pure core of map: a case and what is stored of it, to the rows that change.
enum Map {
    struct Output {
        var rows: [PlanRow] = []
        var superseded: [PostKey] = []
    }

    static func plan(
        _ order: OrderCase, _ rows: [PostingRow], _ flow: Setup.Flow, _ mapper: Mapper, lockDate: LocalDate?, tenant: TenantID, forbidsRevision: Bool,
        into out: inout Output
    ) throws(Fault) {
        let ledger = LedgerState(lockDate: lockDate, posted: try posted(rows), forbidsRevision: forbidsRevision)
        let reasons = mapper.reasons(on: order.documents.last.map { flow.organisation.zone.date(of: $0.at) } ?? LocalDate(daysSince1970: 0))
        let plans = Planner.plan(
            order, organisation: flow.organisation, policies: flow.policies, ledger: ledger, codes: CodeBook(known: reasons.known, rules: reasons.rules))
        let byKey = Dictionary(uniqueKeysWithValues: rows.map { ($0.key, $0) })
        var wanted: Set<PostKey> = []
        for plan in plans {
            let key = Pipeline.key(tenant, flow.row.id, subject: plan.subject, form: plan.form)
            let existing = byKey[key]
            if existing?.remoteID == nil, let cut = flow.row.cutOver, plan.date < cut { continue }
            let revision: Int
            switch ledger.action(for: plan) {
            case .nothing, .unchanged: continue
            case .create: revision = 1
            case .revise(let n), .void(let n): revision = n
            }
            wanted.insert(key)
            let body = PlanCodec.encode(plan).bytes
            let digest = Digest.sha256(body)
            if let existing, existing.planDigest == digest, existing.revision == revision, ["cleared", "mapped", "manual"].contains(existing.state) { continue }
            out.rows.append(PlanRow(
                key: key, caseID: plan.caseID, subject: plan.subject, form: plan.form.rawValue, effect: plan.effect.rawValue, revision: revision, plan: body,
                planDigest: digest, reference: reference(plan), date: plan.date, currency: plan.currency.code, totalMinor: plan.total.minor,
                appliesTo: plan.appliesTo.map { Pipeline.key(tenant, flow.row.id, subject: $0.subject, form: $0.form) }, covers: plan.covers))
        }
        out.superseded += rows.filter { $0.remoteID == nil && !wanted.contains($0.key) && $0.state != "superseded" && $0.state != "skipped" }.map(\.key)
    }

    /// What the ledger has of the case.
    static func posted(_ rows: [PostingRow]) throws(Fault) -> [PlannedPosting.Reference: PostedState] {
        var out: [PlannedPosting.Reference: PostedState] = [:]
        for row in rows where row.remoteID != nil {
            guard let sent = row.sent else { continue }
            let plan = try PlanCodec.decode(sent)
            let pending = row.sentDigest != row.planDigest
            out[plan.id] = PostedState(plan: plan, revision: pending ? max(1, row.revision - 1) : row.revision, voided: plan.effect == .void)
        }
        return out
    }

    /// How the document names its source, for people and for searches: `order 6120034117000 edit 2`.
    static func reference(_ plan: PlannedPosting) -> String {
        switch plan.form {
        case .payment: return "transaction \(plan.subject)"
        case .refundPayment:
            let from = plan.lines.first { $0.part == .tender }?.derivedFrom.first ?? plan.lines.flatMap(\.derivedFrom).first { $0.contains("/") } ?? plan.subject
            return "transaction \(from.split(separator: "/").last.map(String.init) ?? plan.subject)"
        default: break
        }
        let parts = plan.subject.split(separator: "/", maxSplits: 1).map(String.init)
        if parts.count == 2 {
            let prefix = "\(plan.caseID)-edit-"
            let edit = parts[1].hasPrefix(prefix) ? String(parts[1].dropFirst(prefix.count)) : parts[1]
            return "order \(parts[0]) edit \(edit)"
        }
        return plan.form == .creditNote ? "refund \(plan.subject)" : "order \(plan.subject)"
    }
}
