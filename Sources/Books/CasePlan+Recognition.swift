public import Kernel

/// Policies `triggers.sale: fulfilled` and `paid`: a sale is in the books once all of it has left, or is paid. Money taken before then is owed to the customer,
/// and settles the sale when it comes.
extension CasePlan {
    enum Recognition: Equatable {
        /// As soon as it is known.
        case always
        case from(Timestamp)
        case waits
    }

    /// The ledger decides before the policy: what stands there stays as it is, and keeps its day, when the policy or what is told changes.
    func recognition(_ sale: Told<Sale>) -> Recognition {
        guard saleForm == .invoice else { return .always }
        let waits = policies.saleTrigger == .fulfilled || policies.saleTrigger == .paid
        // Money that is owed there is used up by the sale, and by nothing else.
        let isOwed = payments.contains { stands(.deposit, $0.id) }
        if let posted = ledger.standing(reference(saleForm, sale.id)) {
            // The day that it is about, not the one that a closed period moved it to.
            let own = posted.plan.ownDate, keepsDay = isOwed || waits || posted.plan.countsWhenPaid
            if own == day(sale.at), !isOwed { return .always }
            for from in [fulfilled(sale), keepsDay ? paidInFull(sale) : nil] { if let from, day(max(from, sale.at)) == own { return .from(from) } }
            // Told late, or completed once more: an invoice keeps its day.
            return keepsDay ? .from(organisation.zone.instant(of: own, secondOfDay: 86_399)) : .always
        }
        guard waits || isOwed else { return .always }
        // Nobody tells what of it is paid or has left: a till's difference stays for a person to book, the credit of a return pays for its exchange.
        if sale.body.isTillDay || sale.body.exchangeOf != nil { return isOwed ? .from(sale.at) : .always }
        if isFormers(sale), !isOwed { return .always }
        let from = recognisedFrom(sale)
        if isOwed { return from.map { .from($0) } ?? .waits }
        // A payment that stands there settled the sale as it was created.
        if payments.contains(where: { payment in stands(.payment, payment.id) && (from.map { payment.at < $0 } ?? true) }) { return .always }
        return from.map { .from($0) } ?? .waits
    }

    /// Under `paid`, an order from before the cut-over is in the former books, whenever its money comes: it keeps its own day, on which nothing is posted.
    func isFormers(_ sale: Told<Sale>) -> Bool { policies.saleTrigger == .paid && around.cutOver.map { day(sale.at) < $0 } ?? false }

    /// By the policy. Without one that waits, money that is owed waits for what it may have been taken for: that the goods leave, or that the rest is paid.
    private func recognisedFrom(_ sale: Told<Sale>) -> Timestamp? {
        switch policies.saleTrigger {
        case .paid: return paidInFull(sale)
        case .fulfilled: return fulfilled(sale)
        case .created, .finalised:
            if let at = fulfilled(sale) { return at }
            return paidInFull(sale).flatMap { at in payments.contains { $0.at == at && !stands(.deposit, $0.id) } ? at : nil }
        }
    }

    /// The ledger has it, with that total where one is given.
    func stands(_ form: PostingForm, _ id: String, _ total: Money? = nil) -> Bool {
        ledger.standing(reference(form, id)).map { total == nil || $0.plan.total == total } ?? false
    }

    /// The day of the sale's document: its own, that on which it began to count, or the one that it stands under.
    func countsOn(_ sale: Told<Sale>) -> LocalDate {
        guard let at = recognisedAt ?? receiptAt(sale) else { return day(sale.at) }
        return ledger.standing(reference(saleForm, sale.id))?.plan.ownDate ?? day(max(at, sale.at))
    }

    /// Since when nothing of the order is still to leave: what was taken out of it or refunded need not, and a gift card never does.
    private func fulfilled(_ sale: Told<Sale>) -> Timestamp? {
        allHasLeft(sale) ?? (sale.body.lines.allSatisfy { $0.giftCard || $0.quantity.isZero } ? sale.at : nil)
    }

    /// - Parameter evenNothing: also of an order that all went back before any of it left.
    func allHasLeft(_ sale: Told<Sale>, evenNothing: Bool = false) -> Timestamp? {
        let changes = edits.map(\.at) + refunds.map(\.at) + fulfilments.map(\.at)
        return Set(changes).sorted().first { hasLeft(sale, by: $0, evenNothing) }
    }

    private func hasLeft(_ sale: Told<Sale>, by time: Timestamp, _ evenNothing: Bool) -> Bool {
        var left: [String: ExactDecimal] = [:], back: [String: ExactDecimal] = [:]
        for line in fulfilments.filter({ $0.at <= time }).flatMap(\.body.lines) { left[line.line] = (left[line.line] ?? .zero) + line.quantity }
        guard evenNothing || !left.isEmpty else { return false }
        for line in refunds.filter({ $0.at <= time }).flatMap(\.body.lines) { back[line.line] = (back[line.line] ?? .zero) + line.quantity }
        var figures = soldFigures(sale)
        var unused: [Finding] = []
        for edit in edits where edit.at <= time { apply(edit, to: &figures, &unused) }
        return figures.allSatisfy { figure in
            figure.line.giftCard || figure.now.quantity <= (left[figure.line.id] ?? .zero) + (back[figure.line.id] ?? .zero)
        }
    }

    /// Edits made before the sale came into the books are part of it from the start, but those that the ledger has as documents of their own.
    func recognised(_ split: (revised: [Told<SaleEdit>], further: [Told<SaleEdit>]), _ sale: Told<Sale>) -> (revised: [Told<SaleEdit>], further: [Told<SaleEdit>]) {
        // An invoice that stands took up what was told by then; what is told late goes by policy and period, like any edit of an invoice.
        guard let from = recognisedAt, !stands(saleForm, sale.id) else { return split }
        let early = Set(split.further.filter { edit in
            edit.at <= from && ![PostingForm.invoice, .creditNote, .reversal].contains {
                ledger.posted[reference($0, "\(sale.id)/\(edit.id)")].map { !$0.voided } ?? false
            }
        }.map(\.id))
        let revised = edits.filter { edit in early.contains(edit.id) || split.revised.contains { $0.id == edit.id } }
        return (revised, split.further.filter { !early.contains($0.id) })
    }

    /// It happened before the sale came into the books, or that has not come yet.
    private func isEarly(_ at: Timestamp) -> Bool { waitsForTrigger || recognisedAt.map { at < $0 } ?? false }

    /// The same of a payment. What the ledger has of it decides: a sale that is completed once more, or told of late, moves no money that stands.
    func isEarly(_ payment: Told<Payment>) -> Bool {
        guard waitsForTrigger || recognisedAt != nil, !stands(.deposit, payment.id) else { return waitsForTrigger || recognisedAt != nil }
        return !stands(.payment, payment.id) && isEarly(payment.at)
    }

    /// The same of money that went back because of `owner`, a refund or an edit.
    func isEarly(_ movement: MoneyMovement, of owner: String, at: Timestamp) -> Bool {
        guard waitsForTrigger || recognisedAt != nil else { return false }
        let subjects = [owner, "\(owner)/\(movement.id)"]
        if subjects.contains(where: { stands(.deposit, $0, movement.amount) }) { return true }
        // What was owed to the customer has settled the invoice that stands: money told of late goes back from there.
        if let sale, stands(saleForm, sale.id) { return false }
        // The edit that leaves nothing to pay, or to leave, gives back what came too much.
        if let from = recognisedAt, let edit = edits.first(where: { $0.id == owner }), edit.at == from, (movement.at ?? at) <= from {
            return payments.contains { $0.body.status == .success && isEarly($0) } && !subjects.contains { stands(.refundPayment, $0, movement.amount) }
        }
        return !subjects.contains { stands(.refundPayment, $0, movement.amount) } && isEarly(movement.at ?? at)
    }

    /// The one payment that had come early by the time at which that money went back; `nil` where there are several. What stands keeps the one it names.
    func earlyPayment(of id: PlannedPosting.Reference, by time: Timestamp) -> String? {
        if let stands = ledger.standing(id)?.plan.held { return stands.openItem }
        let found = payments.filter { $0.body.status == .success && $0.at <= time && isEarly($0) }
        return found.count == 1 ? found.first?.id : nil
    }

    /// What was taken and given back before the sale counts, as money owed to the customer.
    mutating func planEarlyMoney() {
        let from = postings.count
        for payment in payments where isEarly(payment) { planPayment(payment, early: true) }
        for edit in edits { planMovements(edit.body.transactions, of: edit.id, at: edit.at, against: nil, early: true) }
        let there = standing
        shares = ReturnShares(returns, of: refunds, owner: policies.returnsOwner, standing: there)
        for refund in refunds where !shares.isCovered(refund.id) {
            let (first, before) = (postings.count, bases)
            planMovements(
                refund.body.transactions, of: refund.id, at: refund.at, against: nil, covering: (shares.explained[refund.id] ?? []).map(\.id), early: true)
            holdEarly(from: first, before, unlessReturned(refund, there) ?? shares.doubtful[refund.id].map { CasePlan.doubt(refund.id, $0) })
        }
        // A return that gives the money itself, and the shop's refund that says nothing beyond it.
        for back in returns where shares.settling.contains(back.id) {
            let (first, before) = (postings.count, bases)
            planMovements(
                back.body.settlement?.refunds ?? [], of: back.id, at: back.at, against: nil, covering: shares.covered[back.id] ?? [],
                isNamed: back.body.refundRef != nil, early: true)
            guard let how = back.body.settlement else { continue }
            planEarlyCredit(how, back)
            holdEarly(from: first, before, oddSettlement(how, back.id).first ?? shares.doubtful[back.id].map { CasePlan.doubt(back.id, $0) })
        }
        // What is held is in no books: it takes nothing off what is owed.
        early = postings[from...].filter(\.findings.isEmpty)
        let owed = early.compactMap(\.held).map { -$0.amount.minor }.reduce(0, +)
        if owed < 0, let last = postings[from...].lastIndex(where: { $0.findings.isEmpty && $0.givesBack }) {
            let more = Money(minor: -owed, postings[last].currency)
            postings[last].findings.append(
                Finding(
                    check: "refund_exceeds_remaining", why: "\(more.text) more went back than had come in before the sale counted",
                    remedy: "check the order's payments in the source: one may not have arrived yet", figures: ["difference": more]))
        }
    }

    /// The same holds money that went back early as would hold its credit note, but where it stands already. What is held leaves the base values of
    /// the rest as they are.
    private mutating func holdEarly(from first: Int, _ basesBefore: BaseRunning, _ finding: Finding?) {
        guard let finding else { return }
        let held = postings.indices[first...].filter { ledger.standing(postings[$0].id) == nil }
        for i in held { postings[i].findings.append(finding) }
        if !held.isEmpty, held.count == postings.count - first { bases = basesBefore }
    }

    /// What is left of early money settles the sale, deposit by deposit; what went back is taken from the first ones.
    mutating func planEarlyMoneyApplied(_ sale: Told<Sale>) {
        guard recognisedAt != nil else { return }
        let held = early.compactMap { plan in plan.held.map { (plan, $0) } }
        var back = held.filter { $0.1.amount.minor > 0 }.map(\.1.amount.minor).reduce(0, +)
        var backBase = held.filter { $0.1.amount.minor > 0 }.compactMap(\.1.base?.minor).reduce(0, +)
        for (plan, line) in held where line.amount.minor < 0 {
            let used = min(back, -line.amount.minor)
            var base = line.base.map { -$0 }
            if let whole = base {
                let usedBase = used == back ? backBase : whole.minor
                base = Money(minor: whole.minor - usedBase, whole.currency)
                backBase -= usedBase
            }
            back -= used
            let amount = Money(minor: -line.amount.minor - used, line.amount.currency)
            guard !amount.isZero else { continue }
            let id = reference(.journal, "\(sale.id)/\(plan.subject)"), date = dated(countsOn(sale), id, source: sale.id, withSale: true), origin = ["\(sale.id)/\(plan.subject)"]
            postings.append(
                PlannedPosting(
                    subject: id.subject, form: .journal, caseID: caseID, covers: [sale.id], date: date.date, currency: amount.currency, rate: plan.rate,
                    total: amount,
                    lines: [
                        PostingLine(
                            .control, role: "customer_deposits", amount: amount, base: base, derivedFrom: origin, text: "Deposit \(plan.subject)",
                            openItem: plan.subject),
                        PostingLine(.control, role: receivable, amount: -amount, base: base.map { -$0 }, derivedFrom: origin),
                    ], party: party, appliesTo: saleReference, reference: date.words))
        }
    }

    /// Nothing of the sale is in the books yet, but the money that came for it; what waits is named, so that the day's proof knows it.
    mutating func planWaiting(_ sale: Told<Sale>) {
        waitsForTrigger = true
        planEarlyMoney()
        waiting = [sale.id] + refunds.map(\.id) + returns.filter { $0.body.settlement != nil && $0.body.state == "closed" }.map(\.id)
    }

    /// Policy `triggers.refund`: what a refund still waits for; `nil` for nothing.
    func refundWaits(_ told: Told<Refund>) -> Finding? {
        switch policies.refundTrigger {
        case .created: return nil
        case .paid:
            let moved = told.body.transactions.contains { $0.status == .success && $0.amount.minor > 0 }
            let onItsWay = told.body.transactions.contains { ($0.status == .pending || $0.status == .authorised) && $0.amount.minor > 0 }
            guard !moved, told.body.total.minor > 0 || onItsWay else { return nil }
            return Finding(
                check: "waits_for_money", why: "the money of refund \(told.id) has not gone back yet",
                remedy: "none needed: released when the source says that it has", figures: ["total": told.body.total])
        case .returned:
            guard !told.body.lines.isEmpty, !shares.named.contains(told.id), shares.explained[told.id] == nil else { return nil }
            return Finding(
                check: "waits_for_return", why: "no closed return is known that refund \(told.id) is for",
                remedy: "none needed: released when the goods are back; where nothing comes back, post refunds as they are created")
        }
    }

    /// Plans it in sight, and leaves what is counted as refunded as it was.
    mutating func holdRefund(_ told: Told<Refund>, _ sale: Told<Sale>?, _ finding: Finding) {
        let (refundedBefore, basesBefore, from) = (refunded, bases, postings.count)
        planRefund(told, sale)
        (refunded, bases) = (refundedBefore, basesBefore)
        for i in from ..< postings.count { postings[i].findings = [finding] }
    }
}

extension PlannedPosting {
    /// The day that it is about: where a closed period moved it, not the one that it was moved to.
    public var ownDate: LocalDate {
        guard let reference, let mark = reference.firstRange(of: PlannedPosting.movedMark) else { return date }
        return LocalDate(String(reference[mark.upperBound...])) ?? date
    }

    /// A deposit of less than nothing: what was owed to the customer went back.
    var givesBack: Bool { (held?.amount.minor ?? 0) > 0 }

    /// What a deposit owes to the customer (negative), or takes off what is owed.
    fileprivate var held: PostingLine? { form == .deposit ? lines.first { $0.role == "customer_deposits" } : nil }
}
