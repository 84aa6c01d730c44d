internal import Books
internal import Checks
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Pipeline {
    /// Runs every check on every mapped posting, case by case, and clears or holds it.
    func preflight(_ flow: Setup.Flow, _ mapper: Mapper) async throws(Fault) {
        let context = checkContext(flow, mapper, try await store.chart(tenant, flow.row.ledgerID))
        let objections = try objections(flow, mapper), byFile = try ledger(flow.ledger) is any FileLedger
        while true {
            let cases = try await store.mappedCases(tenant, flow.row.id, limit: Limits.batchDocuments)
            if cases.isEmpty { return }
            let grouped = Dictionary(grouping: try await store.postings(tenant, flow.row.id, cases: cases), by: \.caseID)
            var results: [(key: PostKey, findings: [UInt8], held: Bool)] = []
            var held: [Preflight.Held] = [], told: [Preflight.Held] = []
            var voids: [PostKey] = []
            let paid = try await paidThere(grouped.values.flatMap { $0 }, flow)
            let parts = grouped.values.joined().filter { $0.state == "mapped" && $0.partOf != nil }
            let doubted = byFile && flow.row.restoredAt != nil ? try await store.doubted(tenant, grouped.values.joined().filter { $0.partOf == nil }.map(\.key)) : []
            for (_, rows) in grouped.sorted(by: { $0.key < $1.key }) {
                let waiting = byFile ? [] : Preflight.waitForFile(rows), decided = try Preflight.decided(rows)
                let objects: Preflight.Objections = { row throws(Fault) in
                    if let finding = decided.held[row.key] { return [finding] }
                    return try objections(row)
                }
                for var result in Preflight.judge(rows, context, mapper, objects) {
                    if result.findings.isEmpty, let finding = decided.held[result.key] { result.findings = [finding] }
                    if result.findings.isEmpty, decided.voids.contains(result.key) {
                        voids.append(result.key)
                        continue
                    }
                    if result.findings.isEmpty, let finding = paid[result.key] { result.findings = [finding] }
                    if result.findings.isEmpty, doubted.contains(result.key) { result.findings = [Preflight.restored] }
                    let findings = result.findings.isEmpty && waiting.contains(result.key) ? [Preflight.waitsForBatch] : result.findings
                    results.append((result.key, JSON.array(findings.map(PlanCodec.finding)).bytes, !result.findings.isEmpty))
                    if !result.findings.isEmpty { held.append(result) } else if !findings.isEmpty { told.append(Preflight.Held(key: result.key, findings: findings)) }
                }
            }
            try await save(results, held, told, cases, parts, flow)
            if !voids.isEmpty { try await store.voidedThere(tenant, flow.row.id, voids) }
        }
    }

    /// What the ledger's connector says it can't write, as findings.
    private func objections(_ flow: Setup.Flow, _ mapper: Mapper) throws(Fault) -> @Sendable (PostingRow) throws(Fault) -> [Finding] {
        let connector = try ledger(flow.ledger), facts = flow.ledger.facts
        return { row throws(Fault) in
            let document = try Binding.document(row, mapper, appliesTo: nil, strict: false)
            return connector.objections(to: document, facts).map { fault in
                Finding(check: fault.code, why: fault.summary, remedy: fault.remedy, position: fault.position)
            }
        }
    }

    private func checkContext(_ flow: Setup.Flow, _ mapper: Mapper, _ chart: ChartRow?) -> CheckContext {
        let spec = connectors[flow.ledger.row.platform]?.spec
        let limits = LedgerLimits(
            itemName: spec?.fieldLengths["item_name"], lineNote: spec?.fieldLengths["line_note"], reference: spec?.fieldLengths["reference"],
            documentNote: spec?.fieldLengths["document_note"], partyName: spec?.fieldLengths["party_name"])
        let currencies = Set((chart?.currencies ?? []).compactMap { Currency($0) })
        return CheckContext(
            organisation: flow.organisation, policies: flow.policies,
            ledger: LedgerState(lockDate: chart?.lockDate, forbidsRevision: !(spec?.revisesPaidInvoices ?? false)),
            ledgerLimits: limits, currencies: currencies.isEmpty ? nil : currencies, account: { mapper.account(for: $0, of: $1) })
    }

    /// Cases with a posting that the ledger refused, where the checks can say why by now: what changed in the ledger was read while the
    /// posting was on its way.
    func explained(_ flow: Setup.Flow, _ mapper: Mapper, _ chart: ChartRow) async throws(Fault) -> [String] {
        let cases = try await store.stoppedCases(tenant, flow.row.id, limit: Limits.batchDocuments)
        if cases.isEmpty { return [] }
        let context = checkContext(flow, mapper, chart)
        let objections = try objections(flow, mapper)
        let grouped = Dictionary(grouping: try await store.postings(tenant, flow.row.id, cases: cases), by: \.caseID)
        return grouped.filter { Preflight.explains($0.value, context, mapper, objections) }.map(\.key).sorted()
    }

    private func save(
        _ results: [(key: PostKey, findings: [UInt8], held: Bool)], _ held: [Preflight.Held], _ told: [Preflight.Held], _ cases: [String], _ parts: [PostingRow],
        _ flow: Setup.Flow
    ) async throws(Fault) {
        let tenant = tenant
        let entries = results.map {
            AuditEntry(
                actor: "worker", action: $0.held ? "posting.held" : "posting.cleared", subject: "posting \($0.key)",
                detail: Array("{\"findings\":".utf8) + $0.findings + Array("}".utf8))
        }
        let alerts = Preflight.alerts(held + told, flow.row.id)
        // Also of the days that they leave.
        var dates: [LocalDate] = parts.map(\.date)
        for case let body? in parts.map(\.sent) { dates.append(try PlanCodec.decode(body).date) }
        let days = Set(dates.filter { flow.policies.posting(on: $0) != .payout })
        try await store.transaction { tx throws(Fault) in
            _ = try await tx.query(PostingStatements.lock(tenant, results.map(\.key)))
            _ = try await tx.query(PostingStatements.clear(tenant, results))
            _ = try await tx.query(DocumentStatements.setState(tenant, flow.row.id, state: "cleared", cases: cases))
            if !days.isEmpty { _ = try await tx.query(MemberStatements.dirtyDays(tenant, flow.row.id, cases: days.map(Map.caseID))) }
            if flow.policies.settles, !parts.isEmpty {
                _ = try await tx.query(MemberStatements.dirtySettlements(tenant, flow.row.id, keys: parts.map(\.key), members: []))
            }
            _ = try await tx.query(JobStatements.ask(tenant, [Job(.post, flow.row.id.description, lane: .webhook), Job(.reconcile, flow.row.id.description, lane: .audit)]))
            try await tx.raise(tenant, alerts)
            try await tx.audit(tenant, entries)
        }
        metrics.count(.postings, ("state", "cleared"), by: Double(results.filter { !$0.held }.count))
        metrics.count(.postings, ("state", "held"), by: Double(held.count))
    }
}

/// The pure core of preflight.
enum Preflight {
    struct Held {
        var key: PostKey
        var findings: [Finding]
    }

    typealias Objections = @Sendable (PostingRow) throws(Fault) -> [Finding]

    /// Nobody can be asked whether a file of the time that was lost has been imported.
    static let restored = Finding(
        check: "restored", why: "the database was restored to an older state, and this ledger can't be asked whether it got the document from a file since",
        remedy: "Look for it there by its reference. Not there: release it. There: hold it.")

    /// What the ledger has by a person's hand is changed and settled by hand: cleared it is, but nothing sends it.
    static let waitsForBatch = Finding(
        check: "waits_for_batch", why: "the ledger has the document by a file: what changes or settles it is not sent",
        remedy: "Hand it over in a batch, or enter it in the ledger by hand.")

    /// Of a case's rows, those that only a file takes there.
    static func waitForFile(_ rows: [PostingRow]) -> Set<PostKey> {
        let byHand = Set(rows.filter(\.byHand).map(\.key))
        return Set(rows.filter { $0.partOf == nil && ($0.byHand || $0.appliesTo.map(byHand.contains) ?? false) }.map(\.key))
    }

    /// The findings of each mapped posting of one case; none = cleared. A case that can't be checked is held as a whole.
    static func judge(_ rows: [PostingRow], _ context: CheckContext, _ mapper: Mapper, _ objections: Objections) -> [Held] {
        do throws(Fault) {
            return try check(rows, context, mapper, objections)
        } catch {
            let finding = Finding(check: error.code, why: error.summary, remedy: "Report it: what is stored of this case can't be read.", position: error.position)
            return rows.filter { $0.state == "mapped" }.map { Held(key: $0.key, findings: [finding]) }
        }
    }

    /// Whether a check now finds something where the ledger had to say no, or where another cause is noted.
    static func explains(_ rows: [PostingRow], _ context: CheckContext, _ mapper: Mapper, _ objections: Objections) -> Bool {
        let stopped = rows.filter { $0.state == "rejected" || $0.state == "held" }
        let again = rows.map { row in
            var row = row
            if row.state == "rejected" || row.state == "held" { row.state = "mapped" }
            return row
        }
        let found = Dictionary(judge(again, context, mapper, objections).map { ($0.key, Set($0.findings.map(\.check))) }) { one, _ in one }
        return stopped.contains { row in
            guard let now = found[row.key], !now.isEmpty else { return false }
            let noted = (try? PlanCodec.findings(row.findings))?.map(\.check) ?? []
            return now != Set(noted)
        }
    }

    static func check(_ rows: [PostingRow], _ blank: CheckContext, _ mapper: Mapper, _ objections: Objections) throws(Fault) -> [Held] {
        var context = blank
        context.ledger.posted = try Map.posted(rows)
        var plans: [PlannedPosting] = []
        for row in rows where row.state != "superseded" && row.state != "skipped" { plans.append(try PlanCodec.decode(row.plan)) }
        let found = Checks.run(plans, in: context)
        let byKey = Dictionary(rows.map { ($0.key, $0) }) { one, _ in one }
        var out: [Held] = []
        for row in rows where row.state == "mapped" {
            let plan = try PlanCodec.decode(row.plan)
            var findings = found[plan.id] ?? []
            if findings.isEmpty, plan.effect == .post, let original = row.appliesTo { findings = try waits(plan, for: byKey[original]) }
            if plan.effect == .post { findings += unmapped(plan, mapper) }
            if findings.isEmpty, plan.effect == .post, row.partOf == nil {
                if let original = row.appliesTo.flatMap({ byKey[$0] }), original.partOf != nil { findings = [gathered(plan)] }
                findings += try objections(row)
            }
            out.append(Held(key: row.key, findings: findings))
        }
        chain(&out, byKey)
        return out
    }

    /// What depends on a posting that waits, waits too, to the end of the chain.
    private static func chain(_ out: inout [Held], _ rows: [PostKey: PostingRow]) {
        var more = true
        while more {
            more = false
            let held = Set(out.filter { !$0.findings.isEmpty }.map(\.key))
            for i in out.indices where out[i].findings.isEmpty {
                guard let row = rows[out[i].key], row.effect == "post", let original = row.appliesTo, held.contains(original), rows[original]?.remoteID == nil
                else { continue }
                out[i].findings = [Finding(check: "waits_for_original", why: "what it settles or corrects is held", remedy: "released with it")]
                more = true
            }
        }
    }

    /// A summary can't be paid or corrected for one order.
    private static func gathered(_ plan: PlannedPosting) -> Finding {
        Finding(
            check: "original_gathered", why: "what it settles or corrects stands in a day's summary, not by itself",
            remedy: "Begin the flow's daily summaries on a day from which all of the order counts, or enter it in the ledger by hand.",
            position: plan.appliesTo?.subject)
    }

    /// What settles or corrects a document that will not come to the ledger waits by name rather than in silence.
    private static func waits(_ plan: PlannedPosting, for original: PostingRow?) throws(Fault) -> [Finding] {
        let form = plan.appliesTo?.form.rawValue.split(separator: "_").joined(separator: " ") ?? "original"
        guard let original, original.state != "superseded" else {
            return [Finding(
                check: "waits_for_original", why: "its \(form) is not to be posted: it may be dated before the cut-over",
                remedy: "Enter it in the ledger by hand, or move the flow's cut-over day.", position: plan.appliesTo?.subject)]
        }
        if original.remoteID == nil, original.batch != nil {
            return [Finding(
                check: "waits_for_original", why: "its \(form) is in hand of a batch", remedy: "released when that batch is settled", position: plan.appliesTo?.subject)]
        }
        if original.remoteID == nil, ["held", "manual"].contains(original.state) {
            return [Finding(check: "waits_for_original", why: "its \(form) is held", remedy: "released with it", position: plan.appliesTo?.subject)]
        }
        guard original.state == "rejected" else { return [] }
        if original.remoteID != nil, let sent = original.sent {
            // The document stands; only what comes of the refused change waits for it.
            let change = Set(try PlanCodec.decode(original.plan).covers).subtracting(try PlanCodec.decode(sent).covers)
            if !plan.covers.contains(where: { change.contains($0) }) { return [] }
        }
        return [Finding(
            check: "waits_for_original", why: "its \(form) was rejected by the ledger", remedy: "released when that document is posted",
            position: plan.appliesTo?.subject)]
    }

    /// Tax codes that sit on lines and that nothing binds: the ledger could only guess.
    private static func unmapped(_ plan: PlannedPosting, _ mapper: Mapper) -> [Finding] {
        guard !mapper.structure.taxCodes.isEmpty else { return [] }
        var seen: Set<String> = []
        var out: [Finding] = []
        for line in plan.lines {
            guard let code = line.taxCode, line.part != .tax, seen.insert(code).inserted, mapper.taxCode(for: line, of: plan) == nil else { continue }
            out.append(Finding(
                check: "unmapped_tax_code", why: "no tax code of the ledger is bound to \(code)",
                remedy: "Add \(code) to tax_codes of the account structure.", position: code))
        }
        return out
    }

    /// One alert per cause, not per document: what waits for another is not a cause of its own, and a refund without its return is one after a while.
    static func alerts(_ held: [Held], _ flow: FlowID) -> [AlertRow] {
        var byKey: [String: AlertRow] = [:]
        for finding in held.flatMap(\.findings) where finding.check != "waits_for_original" && !PatientChecks.names.contains(finding.check) {
            let key = AlertKey.held(flow, finding.check, finding.cause)
            byKey[key] = AlertRow(key: key, severity: .warning, cause: finding.why, remedy: finding.remedy)
        }
        return byKey.sorted { $0.key < $1.key }.map(\.value)
    }
}
