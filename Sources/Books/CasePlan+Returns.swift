internal import Kernel

/// Returns that their system settles itself: the shop sends no refund, the return is the credit note.
extension CasePlan {
    /// They read as refunds without money, in the order of their times.
    func settledReturns() -> [Told<Refund>] {
        returns.compactMap { told in
            let back = told.body
            guard let how = back.settlement, back.state == "closed", back.refundRef == nil else { return nil }
            let lines = back.lines.map { line in
                RefundLine(
                    line: line.line, quantity: line.quantity, net: line.net ?? share(of: line), taxes: line.taxes,
                    reasonCode: line.reasonCode, restocked: line.disposition.map { $0 == "restock" })
            }
            let refund = Refund(
                currency: how.total.currency, taxIncluded: how.taxIncluded, lines: lines, fees: back.fees, total: how.total,
                transactions: [])
            return Told(id: told.id, at: told.at, body: refund)
        }
    }

    private func share(of line: ReturnedLine) -> Money {
        guard let now = figures.first(where: { $0.line.id == line.line })?.now else { return .zero(sale?.body.currency ?? organisation.baseCurrency) }
        return Allocation.upTo(line.quantity, of: now.quantity, amount: now.net)
    }

    /// Credit that the shop has to give: Dr the receivable, and what goes beyond the return is promotion.
    mutating func planStoreCredit(_ how: ReturnSettlement, _ told: Told<Refund>, against credit: PlannedPosting.Reference) {
        let amount = how.storeCredit
        guard amount.minor > 0 else { return }
        let bonus = Money(minor: max(0, min(how.bonus.minor, amount.minor)), amount.currency)
        let id = reference(.refundPayment, told.id)
        let date = dated(day(told.at), id, source: told.id)
        let value = amount - bonus
        var plan = PlannedPosting(
            subject: told.id, form: .refundPayment, caseID: caseID, covers: [told.id], date: date.date, currency: amount.currency,
            rate: rate(amount.currency), total: amount,
            lines: [
                PostingLine(
                    .tender, role: "store_credit_liability", amount: -value, derivedFrom: [told.id], text: "Store credit",
                    openItem: how.storeCreditRef),
                PostingLine(.control, role: receivable, amount: value, derivedFrom: [told.id]),
            ], party: party, appliesTo: credit, reference: date.words)
        if let rate = plan.rate {
            let base = bases.next(value, "moved back", rate: rate, organisation.baseCurrency)
            (plan.lines[0].base, plan.lines[1].base) = (-base, base)
        }
        if !bonus.isZero {
            plan.lines[0].amount -= bonus
            var line = PostingLine(.other, role: "promotion_expense", amount: bonus, derivedFrom: [told.id], text: "Bonus credit")
            if let rate = plan.rate, let whole = plan.lines[0].base {
                let base = Money(rounding: bonus.decimal * rate, organisation.baseCurrency)
                line.base = base
                plan.lines[0].base = whole - base
            }
            plan.lines.append(line)
        }
        postings.append(plan)
    }

    /// The parts of a settlement must be the return, and a bonus only what store credit can hold.
    func oddSettlement(_ how: ReturnSettlement, _ id: String) -> [Finding] {
        guard how.bonus.minor < 0 || how.bonus > how.storeCredit || how.storeCredit.minor < 0 else { return [] }
        return [
            Finding(
                check: "unbalanced",
                why: "\(id) is worth \(how.total.text); exchanged \(how.exchanged.text), credited \(how.storeCredit.text), paid \(how.shopperPays.text)",
                remedy: "check the return in the returns system", position: "settlement", figures: ["difference": how.bonus])
        ]
    }

    /// The code that every line of the sale states, if it is one.
    var commonCode: String? {
        let codes = Set(figures.map(\.line.taxCode))
        guard codes.count == 1, let code = codes.first else { return nil }
        return code
    }
}
