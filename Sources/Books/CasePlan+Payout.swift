internal import Kernel

extension CasePlan {
    /// The movement from clearing to the bank, with the fees, chargebacks and reserves of its rows. Under policy
    /// `payout` a settlement takes those of its rows that the policy claims; here they only leave clearing.
    mutating func planPayout(_ told: Told<Payout>) {
        let payout = told.body
        guard payout.status == .paid || payout.status == .failed else { return }
        let id = reference(.payout, told.id)
        let date = dated(day(told.at), id, source: told.id)
        var findings = soundRows(told)
        var sum = Gathering(netted: PayoutParts.netted)
        var covers = [told.id]
        for row in payout.rows {
            let settled = Settlements.claims(row, told, organisation, policies)
            switch PayoutParts(self, told).part(of: row, relievesOnly: settled) {
            case .success(let lines): for line in lines { sum.add(line, of: row.id) }
            case .failure(let finding): findings.append(finding)
            }
            if row.kind == .dispute || row.kind == .disputeReversal, let ref = row.ref, !settled, !covers.contains(ref) { covers.append(ref) }
        }
        if payout.rows.isEmpty { for line in PayoutParts(self, told).whole() { sum.add(line, of: told.id) } }
        if payout.status == .failed { for line in PayoutParts(self, told).returned() { sum.add(line, of: told.id) } }
        let debits = sum.lines.filter { $0.amount.currency == payout.amount.currency && $0.amount.minor > 0 }.map(\.amount).total(payout.amount.currency)
        var plan = PlannedPosting(
            subject: told.id, form: .payout, caseID: caseID, covers: covers, date: date.date,
            currency: payout.amount.currency, rate: payout.amount.currency == organisation.baseCurrency ? nil : payout.rate,
            total: payout.amount.isZero ? debits : payout.amount.magnitude, lines: sum.lines, party: "shop", findings: findings,
            reference: date.words, note: payout.status == .failed ? "failed: its money is in clearing again" : nil)
        plan.findings += unknownRows(told)
        if plan.findings.isEmpty { PayoutParts(self, told).value(&plan) }
        if !plan.lines.isEmpty || !plan.findings.isEmpty { postings.append(plan) }
    }

    /// Charges and refunds that are not in the books yet, in one finding: they come, or somebody has to look for them. A row that already says
    /// so for want of a value in base currency is not named twice.
    private func unknownRows(_ told: Told<Payout>) -> [Finding] {
        guard around.knowsBooks, policies.payoutRows == .matched else { return [] }
        let payout = told.body
        let missing = payout.rows.filter { row in
            guard row.kind == .charge || row.kind == .refund, let ref = row.ref, !carries(ref), !isValued(row, payout) else { return false }
            return around.cutOver.map { day(row.at ?? told.at) >= $0 } ?? true
        }
        guard !missing.isEmpty else { return [] }
        let names = missing.prefix(PlannerLimits.namesMost).compactMap(\.ref).joined(separator: ", ")
        let more = missing.count > PlannerLimits.namesMost ? " and \(missing.count - PlannerLimits.namesMost) more" : ""
        return [
            Finding(
                check: "waits_for_original", why: "\(missing.count) of its \(payout.rows.count) rows settle what is not in the books yet: \(names)\(more)",
                remedy: "none needed: released when they are posted; with policy payout_rows: any it is posted without them", position: "rows",
                figures: ["missing": missing.map(\.amount).total(payout.amount.currency)])
        ]
    }

    private func carries(_ ref: String) -> Bool { around.carried[ref] != nil || around.carried[String(ref.prefix { $0 != "/" })] != nil }

    /// The row needs a value in base currency, and is held by itself where there is none.
    private func isValued(_ row: PayoutRow, _ payout: Payout) -> Bool {
        let base = organisation.baseCurrency
        return (row.original ?? row.amount).currency != base || payout.amount.currency != base
    }

    /// A row whose figures do not add up, or rows that are not the payout.
    private func soundRows(_ told: Told<Payout>) -> [Finding] {
        let payout = told.body
        guard !payout.rows.isEmpty else { return [] }
        var out: [Finding] = []
        for row in payout.rows where row.amount - row.fee != row.net {
            out.append(
                Finding(
                    check: "unbalanced", why: "row \(row.id): \(row.amount.text) less \(row.fee.text) is not \(row.net.text)",
                    remedy: "read the payout again; ask the processor if it stays so", position: "rows[\(row.id)]",
                    figures: ["stated": row.net, "computed": row.amount - row.fee]))
        }
        let sum = payout.rows.map(\.net).total(payout.amount.currency)
        if sum != payout.amount {
            out.append(
                Finding(
                    check: "unbalanced", why: "its rows come to \(sum.text), \(payout.amount.text) was paid out",
                    remedy: "read the payout again when the processor has finished its list of rows", position: "amount",
                    figures: ["stated": payout.amount, "computed": sum]))
        }
        if Set(payout.rows.map(\.id)).count != payout.rows.count {
            out.append(
                Finding(
                    check: "unbalanced", why: "two of its rows have one id", remedy: "read the payout again", position: "rows"))
        }
        return out
    }
}

/// What each row of a payout does to the books. Lines are in the payout's currency, clearing in that of the sale.
struct PayoutParts {
    /// Each of these is one line of the document, its two sides netted.
    static let netted: Set<String> = [
        "clearing", "processor_reserve", "marketplace_tax_memo", "processor_fees", "bank", "fx_gain_loss", "chargebacks", "chargeback_fees",
    ]

    enum Outcome {
        case success([PostingLine])
        case failure(Finding)
    }

    let id: String
    let payout: Payout
    private let base: Currency
    private let around: Surroundings
    private let bank: Role

    init(_ plan: CasePlan, _ told: Told<Payout>) {
        self.init(told, base: plan.organisation.baseCurrency, around: plan.around)
    }

    init(_ told: Told<Payout>, base: Currency, around: Surroundings) {
        id = told.id
        payout = told.body
        self.base = base
        self.around = around
        bank = Role("bank:\(told.body.amount.currency)")
    }

    private var currency: Currency { payout.amount.currency }
    private func clearing(_ currency: Currency) -> Role { Role("clearing:\(payout.gateway):\(currency)") }
    /// The name under which clearing holds what no row tells apart.
    private var balance: String { "balance of \(payout.gateway)" }
    private func reserve() -> Role { Role("processor_reserve:\(payout.gateway):\(currency)") }

    /// A row's lines with the bank's. `relievesOnly`: all of it leaves clearing, a settlement says what it was.
    func part(of row: PayoutRow, relievesOnly: Bool) -> Outcome {
        let toBank = PostingLine(.tender, role: bank, amount: row.net, derivedFrom: [id])
        if relievesOnly {
            let item = row.kind == .retained ? balance : row.ref ?? "\(id)/\(row.id)"
            return .success([toBank, PostingLine(.control, role: clearing(currency), amount: -row.net, derivedFrom: [id], openItem: item)])
        }
        switch effect(of: row) {
        case .success(let lines): return .success([toBank] + lines)
        case .failure(let finding): return .failure(finding)
        }
    }

    /// A row's lines without the bank's.
    func effect(of row: PayoutRow) -> Outcome {
        let from = "\(id)/\(row.id)"
        var out: [PostingLine] = []
        func put(_ part: PostingLine.Part, _ role: Role, _ amount: Money, _ also: [String?] = [], item: String? = nil) {
            guard !amount.isZero else { return }
            out.append(PostingLine(part, role: role, amount: amount, derivedFrom: [from] + also.compactMap(\.self), openItem: item))
        }
        switch row.kind {
        case .charge, .refund, .refundFailure, .adjustment, .transfer, .payoutFailure, .retained:
            switch relief(row) {
            case .success(let lines): out += lines
            case .failure(let finding): return .failure(finding)
            }
            put(.fee, "processor_fees", row.fee)
        case .fee:
            // Some processors state it as the amount, others as the fee of a row of nothing.
            put(.fee, "processor_fees", row.fee - row.amount)
        case .dispute, .disputeReversal:
            put(.other, "chargebacks", -row.amount, [row.ref])
            put(.fee, "chargeback_fees", row.fee)
        case .reserveHold, .reserveRelease:
            put(.control, reserve(), -row.amount)
            put(.fee, "processor_fees", row.fee)
        }
        return .success(out)
    }

    /// What leaves clearing: in the currency of the sale at the value it is carried at; the rest is a gain or loss.
    private func relief(_ row: PayoutRow) -> Outcome {
        let from = "\(id)/\(row.id)"
        let money = row.original ?? row.amount
        let item = row.kind == .retained ? balance : row.ref ?? from
        guard money.currency != base || currency != base else {
            return .success([PostingLine(.control, role: clearing(base), amount: -money, derivedFrom: [from], openItem: item)])
        }
        guard let value = carried(row, money) else {
            return .failure(
                Finding(
                    check: "waits_for_original",
                    why: "row \(row.id) settles \(row.ref ?? "something unnamed") in \(money.currency), which is not in the books yet",
                    remedy: "none needed: released when \(row.ref ?? "it") is posted; otherwise see what the row is", position: "rows[\(row.id)]"))
        }
        var relief = PostingLine(.control, role: clearing(money.currency), amount: -money, derivedFrom: [from], openItem: item)
        if money.currency != base { relief.base = -value }
        var out = [relief]
        // At a payout into base currency the processor's amounts count; into another, the rest falls out at the end.
        if currency == base {
            let rest = value - row.amount
            if !rest.isZero {
                out.append(PostingLine(.other, role: "fx_gain_loss", amount: rest, derivedFrom: [from] + [row.ref].compactMap(\.self)))
            }
        }
        return .success(out)
    }

    /// The base value of what leaves clearing: all that is carried, or its share.
    private func carried(_ row: PayoutRow, _ money: Money) -> Money? {
        if money.currency == base { return money }
        guard let ref = row.ref, let known = around.carried[ref], known.amount.currency == money.currency, !known.amount.isZero else { return nil }
        guard known.amount != money else { return known.base }
        let share = Allocation.upTo(
            ExactDecimal(Int(money.minor.magnitude)), of: ExactDecimal(Int(known.amount.minor.magnitude)), amount: known.base.magnitude)
        return money.minor < 0 ? -share : share
    }

    /// A payout that its processor does not take apart.
    func whole() -> [PostingLine] {
        [
            PostingLine(.tender, role: bank, amount: payout.amount, derivedFrom: [id]),
            PostingLine(.control, role: clearing(currency), amount: -payout.amount, derivedFrom: [id], openItem: balance),
        ]
    }

    /// One that came back: the money never reached the bank.
    func returned() -> [PostingLine] {
        [
            PostingLine(.tender, role: bank, amount: -payout.amount, derivedFrom: [id]),
            PostingLine(.control, role: clearing(currency), amount: payout.amount, derivedFrom: [id], openItem: id),
        ]
    }

    /// Base values of a payout in a foreign currency: its own lines at the rate of its day, the rest a gain or loss.
    func value(_ plan: inout PlannedPosting) {
        guard currency != base, let rate = plan.rate else { return }
        for i in plan.lines.indices where plan.lines[i].base == nil && plan.lines[i].amount.currency != base {
            plan.lines[i].base = Money(rounding: plan.lines[i].amount.decimal * rate, base)
        }
        guard let rest = plan.baseSum(base), !rest.isZero else { return }
        plan.lines.append(PostingLine(.other, role: "fx_gain_loss", amount: -rest, derivedFrom: [id]))
    }
}
