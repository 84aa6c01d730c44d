internal import Books
internal import Courier
internal import Kernel
internal import Mapping
internal import Store

extension Pipeline {
    /// Plans the summary of each day and the settlement of each payout whose parts changed. True when one was planned.
    func gather(_ flow: Setup.Flow) async throws(Fault) -> Bool {
        var planned = false
        while true {
            let found = try await store.dirtyGatherings(tenant, flow.row.id, limit: Limits.batchDocuments)
            if found.isEmpty { return planned }
            let lockDate = try await store.chart(tenant, flow.row.ledgerID)?.lockDate
            var waiting = 0
            for (item, ofPayout) in found {
                do throws(Fault) {
                    let output = ofPayout ? try await settlement(item, flow, lockDate) : try await summary(item, flow, lockDate)
                    guard let output else {
                        waiting += 1
                        continue
                    }
                    try await save([(item, output)], flow)
                } catch {
                    guard error.disposition != .retry, error.disposition != .wait else { throw error }
                    try await unplannable(item, flow, error)
                }
            }
            if waiting == found.count { return planned }
            planned = true
        }
    }

    /// What the payout pays for, less what earlier ones paid for already. `nil` while a part is not checked yet.
    private func settlement(_ item: DirtyCase, _ flow: Setup.Flow, _ lockDate: LocalDate?) async throws(Fault) -> Map.Output? {
        var own: [SourceDocument] = []
        for row in try await store.documents(tenant, flow.row.id, cases: [String(item.caseID.dropLast(Map.settlementMark.count))]) {
            let document = try DocumentCodec.decode(row)
            if case .payout = document.body { own.append(document) }
        }
        var members: Set<String> = []
        for case .payout(let payout) in own.map(\.body) { members.formUnion(Map.members(of: payout)) }
        let rows = try await store.parts(tenant, flow.row.id, members: members.sorted())
        if rows.contains(where: { $0.state == "mapped" }) { return nil }
        let parts = try Map.gathered(rows).filter { Summaries.policy(of: $0, flow.policies) == .payout }
        var payouts = own
        for row in try await store.payouts(tenant, flow.row.id, lookingAt: Set(parts.flatMap(\.covers)).sorted()) where !own.contains(where: { $0.id == row.sourceID }) {
            payouts.append(try DocumentCodec.decode(row))
        }
        let existing = try await store.postings(tenant, flow.row.id, cases: [item.caseID])
        let ledger = LedgerState(lockDate: lockDate, posted: try Map.posted(existing))
        let outcome = Settlements.plan(
            payouts, parts: parts, organisation: flow.organisation, policies: flow.policies, ledger: ledger,
            around: try await standing(members, beside: parts, flow))
        let made = outcome.settled.filter { entry in own.contains { entry.plan.subject.hasPrefix("\($0.id):") } }
        return try Map.gather(made, into: item.caseID, existing, ledger, flow, tenant)
    }

    /// What stands in the ledger for these documents, and what money of the parts' orders went back early: as planned, for it may be on its way.
    private func standing(_ members: Set<String>, beside parts: [PlannedPosting], _ flow: Setup.Flow) async throws(Fault) -> Surroundings {
        var out = try await standing(members, flow)
        let cases = Set(parts.filter { $0.form == .creditNote }.map(\.caseID)).sorted()
        guard !cases.isEmpty else { return out }
        let deposits = try await store.postings(tenant, flow.row.id, cases: cases).filter { $0.form == PostingForm.deposit.rawValue && $0.state != "superseded" }
        for row in deposits { out.noteEarly(try PlanCodec.decode(row.plan)) }
        return out
    }

    /// `nil` while a part is not checked yet: without it the document would be another one.
    private func summary(_ item: DirtyCase, _ flow: Setup.Flow, _ lockDate: LocalDate?) async throws(Fault) -> Map.Output? {
        guard let day = Map.day(item.caseID) else {
            throw Fault("day_malformed", stage: .map, disposition: .bug, summary: "the case \(item.caseID) gathers no day")
        }
        let rows = try await store.parts(tenant, flow.row.id, day: day)
        if rows.contains(where: { $0.state == "mapped" }) { return nil }
        let existing = try await store.postings(tenant, flow.row.id, cases: [item.caseID])
        var isClosed = true
        if flow.policies.summaryTrigger == .dayClosed {
            let (zone, cutOff) = (flow.organisation.zone, flow.policies.dayCutOff)
            isClosed = try await store.hasClosure(
                tenant, flow.row.id, from: zone.instant(of: day, secondOfDay: cutOff), before: zone.instant(of: day.adding(days: 1), secondOfDay: cutOff))
        }
        return try Map.summary(item.caseID, day, parts: rows, existing, flow, lockDate: lockDate, tenant: tenant, isClosed: isClosed)
    }
}

extension Map {
    /// The case of a day's summaries, as `Summaries` names them.
    static func caseID(_ day: LocalDate) -> String { "\(day):shop" }
    static func day(_ caseID: String) -> LocalDate? { caseID.hasSuffix(":shop") ? LocalDate(caseID.dropLast(5)) : nil }

    /// What changes in the summaries of a day. A part that is held now takes part as it was when it was gathered last, if it was.
    static func summary(
        _ caseID: String, _ day: LocalDate, parts rows: [PostingRow], _ existing: [PostingRow], _ flow: Setup.Flow, lockDate: LocalDate?, tenant: TenantID,
        isClosed: Bool = true
    ) throws(Fault) -> Output {
        let parts = try gathered(rows).filter { $0.date == day && Summaries.policy(of: $0, flow.policies) != .payout }
        let ledger = LedgerState(lockDate: lockDate, posted: try posted(existing))
        var made = Summaries.plan(parts, source: "shop", organisation: flow.organisation, policies: flow.policies, ledger: ledger)
            .filter { !$0.plan.lines.isEmpty }
        // What was posted before goes on.
        for i in made.indices where !isClosed && ledger.posted[made[i].plan.id] == nil {
            made[i].plan.findings.append(Finding(
                check: "waits_for_closing", why: "no till has been closed on \(day) yet",
                remedy: "none needed: released when the source tells of a closing. Tills counted after midnight need day_cut_off, days without a till triggers.summary: day_over"))
        }
        return try gather(made, into: caseID, existing, ledger, flow, tenant)
    }

    /// The case of a payout's settlements is the payout's, with this behind it.
    static let settlementMark = ":settlement"

    /// Parts as they take part: as they are, and what is held now as it was when it was gathered last.
    static func gathered(_ rows: [PostingRow]) throws(Fault) -> [PlannedPosting] {
        var parts: [PlannedPosting] = []
        for row in rows {
            if let body = row.state == "gathered" ? row.plan : row.sent { parts.append(try PlanCodec.decode(body)) }
        }
        return parts
    }

    /// What changes in a case of gathered documents; what nothing calls for any more is voided.
    static func gather(
        _ made: [GatheredPosting], into caseID: String, _ existing: [PostingRow], _ ledger: LedgerState, _ flow: Setup.Flow, _ tenant: TenantID
    ) throws(Fault) -> Output {
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
        try differ(plans, existing, ledger, flow, tenant, into: &out)
        // Its parts stay as they are while it is in hand, so that it says the same whatever became of them: what was told of it stays told.
        out.sameInHand = []
        return out
    }
}
