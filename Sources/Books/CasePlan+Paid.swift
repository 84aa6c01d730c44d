internal import Kernel

/// Policy `triggers.sale: paid`: a sale is in the books once nothing of it is left to pay. What came before that is owed to the customer, as under `fulfilled`.
extension CasePlan {
    /// What says something about how much of the sale is still to be paid.
    private enum Step {
        case payment(Told<Payment>)
        case edit(Told<SaleEdit>)
        case refund(Told<Refund>)
        case goodsReturn(Told<GoodsReturn>)
    }

    /// When what had come in first was all that the sale still came to; `nil` as long as something is left to pay, and where all of it was given back
    /// before. Follows from the times at which things happened, not from the order in which they were told.
    func paidInFull(_ sale: Told<Sale>) -> Timestamp? {
        var known = self
        (known.payments, known.edits, known.refunds, known.returns) = ([], [], [], [])
        (known.postings, known.recognisedAt, known.receiptFrom, known.waitsForTrigger) = ([], nil, nil, false)
        if known.isPaid(sale) { return sale.at }
        for (at, step) in steps {
            switch step {
            case .payment(let told): known.payments.append(told)
            case .edit(let told): known.edits.append(told)
            case .refund(let told): known.refunds.append(told)
            case .goodsReturn(let told): known.returns.append(told)
            }
            if known.isPaid(sale) { return at }
        }
        return nil
    }

    /// In the order of their times; what happened at one time: the order is changed, paid, given back.
    private var steps: [(at: Timestamp, step: Step)] {
        var out: [(at: Timestamp, rank: Int, id: String, step: Step)] = edits.map { ($0.at, 0, $0.id, .edit($0)) }
        out += payments.filter { $0.body.status == .success && !$0.body.amount.isZero }.map { ($0.at, 1, $0.id, .payment($0)) }
        out += refunds.map { ($0.at, 2, $0.id, .refund($0)) }
        out += returns.map { ($0.at, 3, $0.id, .goodsReturn($0)) }
        return out.sorted { ($0.at, $0.rank, $0.id) < ($1.at, $1.rank, $1.id) }.map { ($0.at, $0.step) }
    }

    /// Nothing is left to pay of what is left of the sale, and something is left of it.
    private func isPaid(_ sale: Told<Sale>) -> Bool {
        var draft = self
        var lines = soldFigures(sale)
        var unused: [Finding] = []
        for edit in edits { apply(edit, to: &lines, &unused) }
        (draft.figures, draft.pair.figures) = (lines, lines)
        let currency = sale.body.currency, total = totals(lines, sale.body).ours
        draft.roundings = coinRoundings(total)
        var rest = total
        var due = total - draft.came(for: sale.body) + edits.flatMap(\.body.transactions).filter { $0.status == .success }.map(\.amount).total(currency)
        if !refunds.isEmpty || !returns.isEmpty {
            draft.planRefunds(sale)
            let there = draft.standing, held = Set(draft.refunds.filter { draft.unlessReturned($0, there) != nil }.map(\.id))
            for plan in draft.postings where plan.effect == .post && !held.contains(plan.covers.first ?? "") && !plan.findings.contains(where: { Self.notGiven.contains($0.check) }) {
                switch plan.form {
                case .creditNote: (rest, due) = (rest - plan.total, due - plan.total)
                // Of credit with a bonus, what it takes of the sale alone.
                case .refundPayment: due += plan.lines.filter { $0.role == receivable }.map(\.amount).total(currency)
                default: break
                }
            }
        }
        let isFree = total.isZero && edits.isEmpty && refunds.isEmpty && returns.isEmpty
        return due.minor <= 0 && (!rest.isZero || isFree)
    }

    /// What holds a refund that is not one for the books yet, or never will be.
    private static let notGiven: Set<String> = ["refund_exceeds_remaining", "waits_for_money", "waits_for_return", "waits_for_original"]

    /// What came for the sale: payments as far as they settle it, and deposits that it uses up.
    func came(for sale: Sale) -> Money {
        let paid = payments.filter { $0.body.status == .success }.map { $0.body.amount - (roundings[$0.id] ?? .zero(sale.currency)) }
        return (paid + sale.deposits.map(\.amount)).total(sale.currency)
    }

    /// When a receipt counts, where that is not the sale's own time: under `paid` with the money that completes it. What stands keeps its day.
    func receiptAt(_ sale: Told<Sale>) -> Timestamp? {
        guard saleForm == .salesReceipt else { return nil }
        guard let stands = ledger.standing(reference(saleForm, sale.id)) else { return policies.saleTrigger == .paid && !isFormers(sale) ? paidInFull(sale) : nil }
        let own = stands.plan.ownDate
        guard own != day(sale.at), policies.saleTrigger == .paid || stands.plan.countsWhenPaid else { return nil }
        if let at = paidInFull(sale), day(max(at, sale.at)) == own { return at }
        return organisation.zone.instant(of: own, secondOfDay: 86_399)
    }

    /// A receipt has its money in it. That of an order from before the cut-over is held where it came since, on the day of its money: nobody knows whether
    /// the former books have the sale.
    func holdFormers(_ plan: inout PlannedPosting, _ sale: Told<Sale>, _ came: @autoclosure () -> Timestamp?) {
        guard saleForm == .salesReceipt, isFormers(sale), !stands(saleForm, sale.id), let at = came(), let cut = around.cutOver, day(at) >= cut else { return }
        (plan.date, plan.reference) = (day(at), nil)
        plan.findings.append(
            Finding(
                check: "waits_for_original", why: "order \(sale.id) is from before the cut-over: the former books may have it",
                remedy: "enter its money in the ledger by hand, and the sale too where the former books do not have it"))
    }

    /// The sale's document is marked where it is dated by its money: when the policy changes, it keeps its day.
    func markWhenPaid(_ plan: inout PlannedPosting, _ sale: Told<Sale>) {
        let isPaid = policies.saleTrigger == .paid || (ledger.standing(plan.id)?.plan.countsWhenPaid ?? false)
        plan.countsWhenPaid = isPaid && (recognisedAt != nil || receiptAt(sale) != nil)
    }

    /// The day of a document that changes the sale's: never before that is there. What stands under its own day keeps it.
    func dayOfChange(_ at: Timestamp, _ id: PlannedPosting.Reference) -> LocalDate {
        let own = day(at), since = recognisedAt ?? receiptFrom
        return ledger.standing(id)?.plan.ownDate == own ? own : day(max(at, since ?? at))
    }
}
