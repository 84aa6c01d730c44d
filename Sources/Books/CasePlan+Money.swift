internal import Kernel

extension CasePlan {
    /// Money received for the sale; money paid back where it is negative. Only `success` counts. `early`: before the sale is in the books, as money
    /// owed to the customer.
    mutating func planPayment(_ told: Told<Payment>, early: Bool = false) {
        let payment = told.body
        guard payment.status == .success, !payment.amount.isZero else { return }
        if recordedInLedger(payment) { return }
        let form: PostingForm = early ? .deposit : payment.amount.minor < 0 ? .refundPayment : .payment
        let id = reference(form, told.id)
        let line = payment.gateway == "bank" ? around.bankLines[told.id] : nil
        // The bank's own day counts, once it is known.
        let kept = line == nil && sale?.body.exchangeOf != nil ? keptDay(id) : nil
        let date = dated(kept ?? day(line?.at ?? told.at), id, source: told.id, plain: payment.reference)
        let role = tender(payment.gateway, payment.amount.currency)
        let coin = roundings[told.id] ?? .zero(payment.amount.currency)
        let settled = payment.amount - coin
        let fee = line.map { payment.amount - $0.amount } ?? .zero(payment.amount.currency)
        var plan = PlannedPosting(
            subject: told.id, form: form, caseID: caseID, covers: [told.id] + [line?.line].compactMap(\.self), date: date.date,
            currency: payment.amount.currency,
            rate: rate(payment.amount.currency), total: payment.amount.magnitude,
            lines: [
                PostingLine(
                    .tender, role: role, amount: payment.amount - fee, derivedFrom: [fee.isZero ? told.id : line?.line ?? told.id],
                    text: payment.gateway, openItem: payment.card),
                early
                    ? PostingLine(.control, role: "customer_deposits", amount: -settled, derivedFrom: [told.id], text: "Deposit", openItem: told.id)
                    : PostingLine(.control, role: receivable, amount: -settled, derivedFrom: [told.id]),
            ], party: party, appliesTo: early ? nil : owing(settled), reference: date.words)
        settle(&plan, settled, "paid")
        plan.beside(.fee, "bank_fees", fee, [told.id] + [line?.line].compactMap(\.self), base: organisation.baseCurrency)
        plan.beside(.other, "rounding", -coin, [told.id], base: organisation.baseCurrency)
        if payment.gateway == "bank", around.hasBankFeed, line == nil { plan.notBefore = told.at + policies.bankWait }
        postings.append(plan)
    }

    /// The payment that somebody recorded in the ledger before the source told it: same reference, same amount.
    private func recordedInLedger(_ payment: Payment) -> Bool {
        around.ledgerPayments.contains { $0.of == saleReference && $0.isSame(as: payment) }
    }

    /// The document that a payment settles: the first of the sale's invoices that still owes as much, else the sale's own. A ledger takes
    /// no payment above what a document owes, and an edit under `delta` is an invoice of its own.
    private func owing(_ amount: Money) -> PlannedPosting.Reference? {
        let paid = postings.filter { $0.form == .payment }
        for invoice in postings where invoice.form == .invoice && invoice.effect == .post {
            let used = paid.filter { $0.appliesTo == invoice.id }.flatMap(\.lines).filter { $0.part == .control }.map { -$0.amount.minor }.reduce(0, +)
            if invoice.total.minor - used >= amount.minor { return invoice.id }
        }
        return saleReference
    }

    /// What cash payments are above or below what they settle, by payment: as the source says, or what the last of them
    /// leaves. More than the cap is no rounding: it stays open.
    func coinRoundings(_ total: Money) -> [String: Money] {
        guard let coin = policies.cashRounding, !coin.isZero else { return [:] }
        let cap = policies.roundingCap ?? coin
        let cash = payments.filter { $0.body.gateway == "cash" && $0.body.status == .success && $0.body.amount.minor > 0 }
        var out: [String: Money] = [:]
        for payment in cash {
            guard let stated = payment.body.cashRounding, !stated.isZero, stated.magnitude.decimal <= cap else { continue }
            out[payment.id] = stated
        }
        guard let last = cash.last, last.body.cashRounding == nil, isWhole(last.body.amount, coin) else { return out }
        let settled = payments.filter { $0.body.status == .success }.map { $0.body.amount - (out[$0.id] ?? .zero(total.currency)) }
        let rest = settled.total(total.currency) + (sale?.body.deposits.map(\.amount).total(total.currency) ?? .zero(total.currency)) - total
        if !rest.isZero, rest.magnitude.decimal <= cap { out[last.id] = rest }
        return out
    }

    /// It can be paid in these coins.
    private func isWhole(_ amount: Money, _ coin: ExactDecimal) -> Bool {
        guard let unit = Money(coin, amount.currency)?.minor, unit > 0 else { return false }
        return amount.minor % unit == 0
    }

    /// What has been received for the sale: payments as far as they settle it, and deposits it uses up.
    func received(_ sale: Sale) -> Money {
        // What only the ledger knows of was received all the same.
        let recorded = around.ledgerPayments.filter { entry in
            entry.of == saleReference && entry.amount.currency == sale.currency
                && !payments.contains { $0.body.status == .success && entry.isSame(as: $0.body) }
        }
        return came(for: sale) + recorded.map(\.amount).total(sale.currency)
    }

    /// Both sides of a two-line document take the same rounded base value.
    private mutating func settle(_ plan: inout PlannedPosting, _ amount: Money, _ key: String) {
        guard let rate = plan.rate else { return }
        let base = bases.next(amount, key, rate: rate, organisation.baseCurrency)
        plan.lines[0].base = base
        plan.lines[1].base = -base
    }

    /// Money that went back because of a refund or an edit: one posting, or one for each tender where there are
    /// several. `early`: before the sale is in the books, out of the money that came then.
    mutating func planMovements(
        _ movements: [MoneyMovement], of owner: String, at: Timestamp, against: PlannedPosting.Reference?,
        notBefore: Timestamp? = nil, on kept: LocalDate? = nil, covering: [String] = [], isNamed: Bool = false, early: Bool = false
    ) {
        let moved = movements.filter { $0.status == .success && $0.amount.minor > 0 && isEarly($0, of: owner, at: at) == early }
        let form: PostingForm = early ? .deposit : .refundPayment
        for movement in moved {
            let id = name(form, movement, of: owner, isOnly: moved.count == 1)
            let date = dated(movement.at == nil ? kept ?? day(at) : day(movement.at ?? at), id, source: owner)
            var plan = PlannedPosting(
                subject: id.subject, form: form, caseID: caseID, covers: [owner] + covering + (movement.isNamed ? [movement.id] : []), date: date.date,
                currency: movement.amount.currency,
                rate: rate(movement.amount.currency), total: movement.amount,
                lines: [
                    early
                        ? PostingLine(
                            .control, role: "customer_deposits", amount: movement.amount, derivedFrom: [owner], text: "Deposit given back",
                            openItem: earlyPayment(of: id, by: movement.at ?? at))
                        : PostingLine(.control, role: receivable, amount: movement.amount, derivedFrom: [owner]),
                    PostingLine(
                        .tender, role: tender(movement.gateway, movement.amount.currency), amount: -movement.amount,
                        // A processor names what it pays out by the shop's refund.
                        derivedFrom: (isNamed || movement.isNamed ? [movement.id] : []) + ["\(owner)/\(movement.id)"], text: movement.gateway, openItem: card(movement.gateway)),
                ], party: party, appliesTo: against, reference: date.words, notBefore: notBefore)
            settle(&plan, movement.amount, "moved back")
            postings.append(plan)
        }
    }

    /// One movement is named as what it is of, one of several by itself too. What stands in the ledger keeps its name, whatever settles beside it later.
    private func name(_ form: PostingForm, _ movement: MoneyMovement, of owner: String, isOnly: Bool) -> PlannedPosting.Reference {
        let own = reference(form, "\(owner)/\(movement.id)"), whole = reference(form, owner)
        if let stands = ledger.posted[whole], !stands.voided { return stands.plan.lines.contains { $0.derivedFrom.contains(own.subject) } ? whole : own }
        if let stands = ledger.posted[own], !stands.voided { return own }
        return isOnly ? whole : own
    }

    /// The gift card that the order was paid with, if it was one: what goes back to a card goes back to that.
    private func card(_ gateway: String) -> String? {
        guard gateway == "gift_card" else { return nil }
        let cards = Set(payments.filter { $0.body.gateway == gateway && $0.body.status == .success }.compactMap(\.body.card))
        return cards.count == 1 ? cards.first : nil
    }

    /// Documents whose order is not known yet: planned from themselves and held, so that nothing is lost from sight.
    mutating func planOrphans() {
        let waits = Finding(
            check: "waits_for_original", why: "order \(caseID) is not known yet",
            remedy: "none needed: released when the order arrives; after 72 h ask the source for it")
        let from = postings.count
        for payment in payments { planPayment(payment) }
        for edit in edits {
            let currency =
                edit.body.orderTotal?.currency ?? edit.body.added.first?.gross.currency
                ?? edit.body.transactions.first?.amount.currency
            guard let currency = currency ?? edit.body.removed.first?.net?.currency else { continue }
            let delta = policies.edit == .delta
            let id = reference(.invoice, delta ? "\(caseID)/\(edit.id)" : caseID)
            if let at = postings.firstIndex(where: { $0.id == id }) {
                postings[at].covers.append(edit.id)
            } else {
                postings.append(
                    PlannedPosting(
                        subject: id.subject, form: id.form, caseID: caseID, covers: [edit.id], date: day(edit.at),
                        currency: currency,
                        total: .zero(currency), lines: [], party: party))
            }
            planMovements(edit.body.transactions, of: edit.id, at: edit.at, against: id)
        }
        planRefunds(nil)
        // Where no shop tells of orders, a return stands for itself.
        let own = policies.returnsAlone ? shares.settling : []
        for i in from ..< postings.count where !own.contains(where: { postings[i].covers.contains($0) }) { postings[i].findings = [waits] }
    }
}
