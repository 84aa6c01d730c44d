internal import Kernel

extension CasePlan {
    /// Money received for the sale; money paid back where it is negative. Only `success` counts.
    mutating func planPayment(_ told: Told<Payment>) {
        let payment = told.body
        guard payment.status == .success, !payment.amount.isZero else { return }
        let form: PostingForm = payment.amount.minor < 0 ? .refundPayment : .payment
        let id = reference(form, told.id)
        let date = dated(day(told.at), id, source: told.id)
        let role = tender(payment.gateway, payment.amount.currency)
        var plan = PlannedPosting(
            subject: told.id, form: form, caseID: caseID, covers: [told.id], date: date.date,
            currency: payment.amount.currency,
            rate: rate(payment.amount.currency), total: payment.amount.magnitude,
            lines: [
                PostingLine(
                    .tender, role: role, amount: payment.amount, derivedFrom: [told.id], text: payment.gateway,
                    openItem: payment.card),
                PostingLine(.control, role: receivable, amount: -payment.amount, derivedFrom: [told.id]),
            ], party: party, appliesTo: owing(payment.amount), reference: date.words)
        settle(&plan, payment.amount, "paid")
        postings.append(plan)
    }

    /// The document that a payment settles: the first of the sale's invoices that still owes as much, else the sale's own. A ledger takes
    /// no payment above what a document owes, and an edit under `delta` is an invoice of its own.
    private func owing(_ amount: Money) -> PlannedPosting.Reference? {
        let paid = postings.filter { $0.form == .payment }
        for invoice in postings where invoice.form == .invoice && invoice.effect == .post {
            let used = paid.filter { $0.appliesTo == invoice.id }.map(\.total.minor).reduce(0, +)
            if invoice.total.minor - used >= amount.minor { return invoice.id }
        }
        return saleReference
    }

    /// Both sides of a two-line document take the same rounded base value.
    private mutating func settle(_ plan: inout PlannedPosting, _ amount: Money, _ key: String) {
        guard let rate = plan.rate else { return }
        let base = bases.next(amount, key, rate: rate, organisation.baseCurrency)
        plan.lines[0].base = base
        plan.lines[1].base = -base
    }

    /// Money that went back because of a refund or an edit: one posting, or one for each tender where there are
    /// several.
    mutating func planMovements(
        _ movements: [MoneyMovement], of owner: String, at: Timestamp, against: PlannedPosting.Reference?,
        notBefore: Timestamp? = nil
    ) {
        let moved = movements.filter { $0.status == .success && $0.amount.minor > 0 }
        for movement in moved {
            let id = reference(.refundPayment, moved.count == 1 ? owner : "\(owner)/\(movement.id)")
            let date = dated(day(movement.at ?? at), id, source: owner)
            var plan = PlannedPosting(
                subject: id.subject, form: .refundPayment, caseID: caseID, covers: [owner], date: date.date,
                currency: movement.amount.currency,
                rate: rate(movement.amount.currency), total: movement.amount,
                lines: [
                    PostingLine(.control, role: receivable, amount: movement.amount, derivedFrom: [owner]),
                    PostingLine(
                        .tender, role: tender(movement.gateway, movement.amount.currency), amount: -movement.amount,
                        derivedFrom: ["\(owner)/\(movement.id)"], text: movement.gateway),
                ], party: party, appliesTo: against, reference: date.words, notBefore: notBefore)
            settle(&plan, movement.amount, "moved back")
            postings.append(plan)
        }
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
        for i in from ..< postings.count { postings[i].findings = [waits] }
    }
}
