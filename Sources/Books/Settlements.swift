internal import Kernel

/// Policy `payout`: what a payout pays for is one settlement against clearing, split at month ends; the payout then
/// moves clearing to the bank.
public enum Settlements {
    /// What becomes of the postings under the policy.
    public struct Outcome: Sendable {
        public var settled: [GatheredPosting] = []
        /// No payout will bring them: posted on their own, dated as they are.
        public var single: [PlannedPosting] = []
        /// Their payout has not come yet.
        public var waiting: [PlannedPosting] = []

        public init() {}
    }

    /// Tenders that never reach a payout.
    static let unsettled: Set<String> = ["cash", "gift_card", "store_credit", "bank", "manual", "external"]

    /// `payouts`: all of the flow; `parts`: postings that passed every check of their own and whose day is under the policy.
    public static func plan(
        _ payouts: [SourceDocument], parts: [PlannedPosting], organisation: Organisation, policies: Policies, ledger: LedgerState,
        around: Surroundings = Surroundings()
    ) -> Outcome {
        var desk = Desk(parts, organisation, policies, ledger, around)
        for document in payouts.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) {
            guard case .payout(let payout) = document.body, payout.status == .paid || payout.status == .failed else { continue }
            desk.settle(Told(id: document.id, at: document.at, body: payout), caseID: document.caseID)
        }
        desk.sortRest()
        return desk.out
    }

    /// Whether a row goes to a settlement: the policy holds on the payout's day and on the row's own, and nothing was converted.
    static func claims(_ row: PayoutRow, _ told: Told<Payout>, _ organisation: Organisation, _ policies: Policies) -> Bool {
        let currency = told.body.amount.currency
        return currency == organisation.baseCurrency && row.original.map { $0.currency == currency } ?? true
            && policies.posting(on: policies.day(of: told.at, in: organisation.zone)) == .payout
            && policies.posting(on: policies.day(of: row.at ?? told.at, in: organisation.zone)) == .payout
    }
}

/// Settling in progress.
private struct Desk {
    let organisation: Organisation
    let policies: Policies
    let ledger: LedgerState
    let around: Surroundings
    let parts: [PlannedPosting]
    private var taken: Set<PlannedPosting.Reference> = []
    private var byCover: [String: [Int]] = [:]
    private var byCase: [String: [Int]] = [:]
    var out = Settlements.Outcome()

    init(_ parts: [PlannedPosting], _ organisation: Organisation, _ policies: Policies, _ ledger: LedgerState, _ around: Surroundings) {
        self.parts = parts.filter { $0.effect == .post }
        self.organisation = organisation
        self.policies = policies
        self.ledger = ledger
        self.around = around
        for (n, part) in self.parts.enumerated() {
            for id in part.covers { byCover[id, default: []].append(n) }
            byCase[part.caseID, default: []].append(n)
        }
    }

    mutating func settle(_ told: Told<Payout>, caseID: String) {
        let own = policies.day(of: told.at, in: organisation.zone)
        var slices: [String: [PayoutRow]] = [:]
        for row in told.body.rows where Settlements.claims(row, told, organisation, policies) {
            var day = policies.day(of: row.at ?? told.at, in: organisation.zone)
            if policies.monthEndSplit == .off || month(day) > month(own) { day = own }
            slices[month(day), default: []].append(row)
        }
        for slice in slices.keys.sorted() {
            let date = slice == month(own) ? own : lastDay(of: slice) ?? own
            if let made = settlement(told, slices[slice] ?? [], subject: "\(told.id):\(slice)", date: date, caseID: caseID) { out.settled.append(made) }
        }
    }

    private func month(_ day: LocalDate) -> String { String(day.description.dropLast(3)) }

    private func lastDay(of month: String) -> LocalDate? {
        guard let first = LocalDate("\(month)-01") else { return nil }
        return (28 ... 31).reversed().lazy.map { first.adding(days: $0 - 1) }.first { self.month($0) == month }
    }

    private mutating func settlement(
        _ told: Told<Payout>, _ rows: [PayoutRow], subject: String, date: LocalDate, caseID: String
    ) -> GatheredPosting? {
        var sum = Gathering(netted: ["receivable", "clearing", "processor_reserve", "marketplace_tax_memo", "processor_fees"], namesOpenOnly: ["receivable"])
        var stands: [PlannedPosting] = []
        var covers: [String] = []
        var missing: [String] = []
        let currency = told.body.amount.currency
        for row in rows {
            let mine = claim(row, told.body.gateway)
            // Money that came before its sale counted is in the books by itself.
            let isKnown = row.ref.map { around.carried[$0] != nil } ?? false
            if mine.isEmpty, !isKnown, [.charge, .refund].contains(row.kind) { missing.append(row.ref ?? row.id) }
            stands += mine
            let share = rowPart(row, told, caseID: caseID)
            if !share.lines.isEmpty { stands.append(share) }
            covers += share.covers
        }
        for part in stands {
            sum.add(part)
            covers += part.covers
        }
        var seen: Set<String> = []
        covers = covers.filter { seen.insert($0).inserted }
        var lines = sum.lines
        guard !lines.isEmpty else { return nil }
        for i in lines.indices where lines[i].role.family == "clearing" { lines[i].derivedFrom = rows.map { "\(told.id)/\($0.id)" } }
        let id = PlannedPosting.Reference(form: .settlement, subject: subject)
        let dated = moved(date, id)
        let clearing = lines.filter { $0.role.family == "clearing" }.map(\.amount).total(currency)
        var plan = PlannedPosting(
            subject: subject, form: .settlement, caseID: subject, covers: covers, date: dated.date, currency: currency,
            total: clearing.magnitude, lines: lines, party: "shop", reference: dated.words)
        if !missing.isEmpty { plan.note = "clearing stays open by \(missing.sorted().joined(separator: ", ")): not in the books" }
        return GatheredPosting(plan: plan, parts: stands)
    }

    /// The fees, chargebacks and reserves of a row, against clearing.
    private func rowPart(_ row: PayoutRow, _ told: Told<Payout>, caseID: String) -> PlannedPosting {
        let maker = PayoutParts(told, base: organisation.baseCurrency, around: around)
        let currency = told.body.amount.currency
        let clearing = Role("clearing:\(told.body.gateway):\(currency)")
        var lines: [PostingLine] = []
        if case .success(let effect) = maker.effect(of: row) {
            lines = effect.filter { $0.role != clearing }
            let rest = lines.map(\.amount).total(currency)
            if !rest.isZero {
                lines.append(PostingLine(.control, role: clearing, amount: -rest, derivedFrom: ["\(told.id)/\(row.id)"], openItem: row.ref))
            }
        }
        let isDispute = row.kind == .dispute || row.kind == .disputeReversal
        return PlannedPosting(
            subject: "\(told.id)/\(row.id)", form: .settlement, caseID: caseID, covers: isDispute ? [row.ref].compactMap(\.self) : [],
            date: policies.day(of: told.at, in: organisation.zone), currency: currency, total: row.net.magnitude, lines: lines, party: "shop")
    }

    /// The postings that a row pays for and that no earlier row claimed.
    private mutating func claim(_ row: PayoutRow, _ gateway: String) -> [PlannedPosting] {
        guard let ref = row.ref, row.kind == .charge || row.kind == .refund else { return [] }
        let owner = byCover[ref] == nil ? String(ref.prefix { $0 != "/" }) : ref
        var found = (byCover[owner] ?? []).filter { n in
            let part = parts[n]
            // Of money that went back before its sale counted, the credit note is no part of the payout that took the money: it is later than that.
            guard part.form != .creditNote && part.form != .reversal else { return row.kind != .refund || !wentBackEarly(part) }
            // What of a refund went back to tenders that no payout brings goes with it.
            return gateways(part).contains(gateway) || (row.kind == .refund && gateways(part).isSubset(of: Settlements.unsettled))
        }
        // With its first payment comes the sale itself, with what was given back of it before it counted, and what of it was paid by tenders that no
        // payout brings.
        if row.kind == .charge {
            for n in found {
                found += (byCase[parts[n].caseID] ?? []).filter { other in
                    let part = parts[other]
                    if part.form == .invoice || part.usesUpDeposit { return true }
                    if part.form == .creditNote { return wentBackEarly(part) }
                    return part.form == .payment && gateways(part).isSubset(of: Settlements.unsettled)
                }
            }
        }
        var claimed: [PlannedPosting] = []
        for n in Set(found).sorted() where taken.insert(parts[n].id).inserted { claimed.append(parts[n]) }
        return claimed
    }

    /// Its money is in the books by itself, from before its sale counted.
    private func wentBackEarly(_ part: PlannedPosting) -> Bool { !around.wentBackEarly.isDisjoint(with: part.covers) }

    /// Where the money of a posting stands: gateways of clearing accounts, and other tenders by name.
    private func gateways(_ part: PlannedPosting) -> Set<String> {
        Set(
            part.lines.filter { $0.part == .tender }.map { line in
                switch line.role.family {
                case "clearing": String(line.role.detail.prefix { $0 != ":" })
                case "gift_card_liability": "gift_card"
                case "store_credit_liability": "store_credit"
                default: line.role.family
                }
            })
    }

    private func moved(_ own: LocalDate, _ id: PlannedPosting.Reference) -> (date: LocalDate, words: String?) {
        if let posted = ledger.posted[id], !posted.voided { return (posted.plan.date, posted.plan.reference) }
        guard policies.closedPeriod != .hold, let lock = ledger.lockDate, own <= lock else { return (own, nil) }
        return (lock.adding(days: 1), "\(id.subject), source date \(own)")
    }

    /// What no row claimed: money that a processor holds waits for its payout, with all of its order; the rest goes alone.
    mutating func sortRest() {
        for (n, part) in parts.enumerated() where !taken.contains(part.id) {
            let siblings = byCase[part.caseID] ?? [n]
            let waits = siblings.contains { other in
                !taken.contains(parts[other].id) && !gateways(parts[other]).isSubset(of: Settlements.unsettled)
            }
            let orderTaken = siblings.contains { taken.contains(parts[$0].id) && parts[$0].form == .invoice }
            if waits, !(orderTaken && gateways(part).isSubset(of: Settlements.unsettled) && part.form == .payment) {
                out.waiting.append(part)
            } else {
                var alone = part
                let due = organisation.zone.instant(of: part.date.adding(days: 1), secondOfDay: policies.dayCutOff) + PlannerLimits.payoutWait
                alone.notBefore = max(part.notBefore ?? due, due)
                out.single.append(alone)
            }
        }
    }
}
