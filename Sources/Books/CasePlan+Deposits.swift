internal import Kernel

extension CasePlan {
    /// Money taken before there is an invoice is owed to the customer.
    mutating func planDeposit(_ told: Told<Deposit>) {
        let deposit = told.body
        guard deposit.status == .success, deposit.amount.minor > 0 else { return }
        let id = reference(.deposit, told.id)
        let date = dated(day(told.at), id, source: told.id)
        let owner = policies.customer == .perCustomer && deposit.customer != "house" ? deposit.customer : "shop"
        let own = deposit.amount.currency == organisation.baseCurrency
        var plan = PlannedPosting(
            subject: told.id, form: .deposit, caseID: caseID, covers: [told.id], date: date.date,
            currency: deposit.amount.currency, rate: own ? nil : deposit.rate, total: deposit.amount,
            lines: [
                PostingLine(
                    .tender, role: tender(deposit.gateway, deposit.amount.currency), amount: deposit.amount,
                    derivedFrom: [told.id], text: deposit.gateway),
                PostingLine(
                    .control, role: "customer_deposits", amount: -deposit.amount, derivedFrom: [told.id], text: "Deposit",
                    openItem: told.id),
            ], party: owner, reference: date.words)
        plan.valueBothSides(organisation.baseCurrency)
        postings.append(plan)
    }

    /// An invoice uses deposits up: they no longer are owed, and it is paid by as much.
    mutating func planDepositsApplied(_ sale: Told<Sale>) {
        for applied in sale.body.deposits where !applied.amount.isZero {
            let id = reference(.journal, "\(sale.id)/\(applied.id)")
            let date = dated(recognisedAt == nil ? day(sale.at) : countsOn(sale), id, source: sale.id, withSale: true)
            let from = ["\(sale.id)/\(applied.id)"]
            var plan = PlannedPosting(
                subject: id.subject, form: .journal, caseID: caseID, covers: [sale.id], date: date.date,
                currency: applied.amount.currency, rate: rate(applied.amount.currency), total: applied.amount,
                lines: [
                    PostingLine(
                        .control, role: "customer_deposits", amount: applied.amount, derivedFrom: from,
                        text: "Deposit \(applied.deposit)", openItem: applied.deposit),
                    PostingLine(.control, role: receivable, amount: -applied.amount, derivedFrom: from),
                ], party: party, appliesTo: saleReference, findings: overApplied(applied, sale.body), reference: date.words)
            if let rate = plan.rate {
                let base = bases.next(applied.amount, "paid", rate: rate, organisation.baseCurrency)
                (plan.lines[0].base, plan.lines[1].base) = (base, -base)
            }
            postings.append(plan)
        }
    }

    private func overApplied(_ applied: DepositApplied, _ sale: Sale) -> [Finding] {
        let all = sale.deposits.map(\.amount).total(sale.currency)
        let total = totals(figures, sale).ours
        guard applied.amount.minor < 0 || all > total else { return [] }
        return [
            Finding(
                check: "unbalanced", why: "deposits of \(all.text) are applied to an invoice of \(total.text)",
                remedy: "correct the deposits applied in the source", position: "deposits[\(applied.id)]",
                figures: ["applied": all, "total": total])
        ]
    }

    /// What is left on a card that ran out is income.
    mutating func planExpiry(_ told: Told<GiftCardExpiry>) {
        let amount = told.body.amount
        guard !amount.isZero else { return }
        let id = reference(.journal, told.id)
        let date = dated(day(told.at), id, source: told.id)
        var findings: [Finding] = []
        if amount.minor < 0 {
            findings = [
                Finding(
                    check: "unbalanced", why: "card \(told.body.card) is said to hold \(amount.text)",
                    remedy: "check the card in the source: it cannot hold less than nothing", position: "amount")
            ]
        }
        postings.append(
            PlannedPosting(
                subject: told.id, form: .journal, caseID: caseID, covers: [told.id], date: date.date, currency: amount.currency,
                total: amount,
                lines: [
                    PostingLine(
                        .giftCard, role: "gift_card_liability", amount: amount, derivedFrom: [told.id],
                        text: "Gift card \(told.body.card) ran out", openItem: told.body.card),
                    PostingLine(.other, role: "breakage_income", amount: -amount, derivedFrom: [told.id], text: "Gift card \(told.body.card)"),
                ], party: "shop", findings: findings, reference: date.words))
    }

    /// What a sale says beside its figures: whose tax it is, what proves it, what pays for it.
    func addTerms(of sale: Sale, to plan: inout PlannedPosting) {
        if let due = sale.relief?.dueFromCustomer { plan.memo["vat_due_from_customer"] = due }
        var words: [String] = []
        if let origin = sale.exchangeOf { words.append("settled by the credit of \(origin)") }
        if let evidence = sale.relief?.evidence { words.append("export evidence \(evidence)") }
        if !words.isEmpty { plan.note = words.joined(separator: "; ") }
        guard let relief = sale.relief, relief.kind.needsNumber, (relief.customerNumber ?? "").allSatisfy(\.isWhitespace) else { return }
        plan.findings.append(
            Finding(
                check: "missing_tax_number", why: "reverse charge is claimed for \(sale.customer), who has no tax number",
                remedy: "add the customer's tax number in the source, or charge the tax there", position: "customer"))
    }
}

extension PlannedPosting {
    /// A line beside the two of a payment: what the bank kept, what the coins are off. Its base value comes off the first line's.
    mutating func beside(_ part: PostingLine.Part, _ role: Role, _ amount: Money, _ from: [String], base: Currency) {
        guard !amount.isZero else { return }
        var line = PostingLine(part, role: role, amount: amount, derivedFrom: from)
        if let rate, let whole = lines[0].base {
            let value = Money(rounding: amount.decimal * rate, base)
            line.base = value
            lines[0].base = whole - value
        }
        lines.append(line)
    }

    /// Both sides of a two-line document take the same rounded base value.
    mutating func valueBothSides(_ base: Currency) {
        guard let rate, lines.count == 2 else { return }
        let value = Money(rounding: lines[0].amount.decimal * rate, base)
        (lines[0].base, lines[1].base) = (value, -value)
    }
}
