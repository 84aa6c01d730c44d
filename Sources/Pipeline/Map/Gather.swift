internal import Books
internal import Courier
internal import Kernel
internal import Mapping
internal import Store

extension Pipeline {
    /// Plans the summary of each day whose parts changed. True when one was planned.
    func gather(_ flow: Setup.Flow) async throws(Fault) -> Bool {
        var planned = false
        while true {
            let days = try await store.dirtyDays(tenant, flow.row.id, limit: Limits.batchDocuments)
            if days.isEmpty { return planned }
            let lockDate = try await store.chart(tenant, flow.row.ledgerID)?.lockDate
            var waiting = 0
            for day in days {
                do throws(Fault) {
                    guard let output = try await summary(day, flow, lockDate) else {
                        waiting += 1
                        continue
                    }
                    try await save([(day, output)], flow)
                } catch {
                    guard error.disposition != .retry, error.disposition != .wait else { throw error }
                    try await unplannable(day, flow, error)
                }
            }
            if waiting == days.count { return planned }
            planned = true
        }
    }

    /// `nil` while a part is not checked yet: without it the document would be another one.
    private func summary(_ item: DirtyCase, _ flow: Setup.Flow, _ lockDate: LocalDate?) async throws(Fault) -> Map.Output? {
        guard let day = Map.day(item.caseID) else {
            throw Fault("day_malformed", stage: .map, disposition: .bug, summary: "the case \(item.caseID) gathers no day")
        }
        let rows = try await store.parts(tenant, flow.row.id, day: day)
        if rows.contains(where: { $0.state == "mapped" }) { return nil }
        let existing = try await store.postings(tenant, flow.row.id, cases: [item.caseID])
        return try Map.summary(item.caseID, day, parts: rows, existing, flow, lockDate: lockDate, tenant: tenant)
    }
}

extension Map {
    /// The case of a day's summaries, as `Summaries` names them.
    static func caseID(_ day: LocalDate) -> String { "\(day):shop" }
    static func day(_ caseID: String) -> LocalDate? { caseID.hasSuffix(":shop") ? LocalDate(caseID.dropLast(5)) : nil }

    /// What changes in the summaries of a day. A part that is held now takes part as it was when it was gathered last, if it was.
    static func summary(
        _ caseID: String, _ day: LocalDate, parts rows: [PostingRow], _ existing: [PostingRow], _ flow: Setup.Flow, lockDate: LocalDate?, tenant: TenantID
    ) throws(Fault) -> Output {
        var parts: [PlannedPosting] = []
        for row in rows {
            guard let body = row.state == "gathered" ? row.plan : row.sent else { continue }
            let plan = try PlanCodec.decode(body)
            if plan.date == day { parts.append(plan) }
        }
        let ledger = LedgerState(lockDate: lockDate, posted: try posted(existing))
        let made = Summaries.plan(parts, source: "shop", organisation: flow.organisation, policies: flow.policies, ledger: ledger)
            .filter { !$0.plan.lines.isEmpty }
        var out = Output()
        var plans: [PlannedPosting] = []
        for entry in made {
            var plan = entry.plan
            plan.caseID = caseID
            plans.append(plan)
            let into = Pipeline.key(tenant, flow.row.id, subject: plan.subject, form: plan.form)
            out.parts += entry.parts.map { (Pipeline.key(tenant, flow.row.id, subject: $0.subject, form: $0.form), into) }
        }
        let wanted = Set(plans.map(\.id))
        for state in ledger.posted.values.filter({ !wanted.contains($0.plan.id) && !$0.voided }).sorted(by: { $0.plan.subject < $1.plan.subject }) {
            var plan = state.plan
            plan.effect = .void
            plan.findings = []
            plans.append(plan)
        }
        differ(plans, existing, ledger, flow, tenant, into: &out)
        return out
    }
}
