internal import Kernel

/// Returns that their system settles itself: the shop sends no refund, the return is the credit note.
extension CasePlan {
    /// They read as refunds without money, in the order of their times.
    func settledReturns() -> [Told<Refund>] {
        returns.compactMap { told in
            let back = told.body
            guard let how = back.settlement, shares.settling.contains(told.id) else { return nil }
            let lines = back.lines.map { line in
                RefundLine(
                    line: line.line, quantity: line.quantity, net: line.net ?? share(of: line), taxes: line.taxes,
                    reasonCode: line.reasonCode, restocked: line.disposition.map { $0 == "restock" })
            }
            // Shares of what was sold are as the sale states it.
            let stated = back.lines.contains { $0.net != nil }
            let refund = Refund(
                currency: how.total.currency, taxIncluded: stated ? how.taxIncluded : sale?.body.taxIncluded ?? how.taxIncluded, lines: lines, shipping: how.shipping, fees: back.fees,
                total: how.total, transactions: how.refunds)
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
        guard amount.minor > 0, !isEarlyCredit(told.id, told.at) else { return }
        // Money given back beside it has the return's own name, but what stands keeps the name it has.
        let alone = reference(.refundPayment, told.id)
        let id = givesCredit(alone) ?? how.refunds.isEmpty ? alone : reference(.refundPayment, CasePlan.besideMoney(told.id))
        creditGiven(how, id, told.id, on: keptDay(credit) ?? day(told.at), of: receivable, against: credit)
    }

    /// The same, given before the sale counts: out of what is owed to the customer.
    mutating func planEarlyCredit(_ how: ReturnSettlement, _ back: Told<GoodsReturn>) {
        guard how.storeCredit.minor > 0, isEarlyCredit(back.id, back.at) else { return }
        let id = reference(.deposit, CasePlan.besideMoney(back.id))
        creditGiven(how, id, back.id, on: keptDay(id) ?? day(back.at), of: "customer_deposits", against: nil)
        guard let at = postings.indices.last, postings[at].lines.count > 1 else { return }
        (postings[at].lines[1].text, postings[at].lines[1].openItem) = ("Deposit given back", earlyPayment(of: id, by: back.at))
    }

    /// The name of credit that is given beside money.
    private static func besideMoney(_ back: String) -> String { "\(back)/credit" }

    /// Whether it is credit that stands there under that name; `nil` where nothing does.
    private func givesCredit(_ id: PlannedPosting.Reference) -> Bool? {
        guard let posted = ledger.posted[id], !posted.voided else { return nil }
        return posted.plan.lines.contains { $0.role == "gift_card_liability" || $0.role == "store_credit_liability" }
    }

    /// What the ledger has decides; nothing that settled an invoice there is taken back.
    private func isEarlyCredit(_ back: String, _ at: Timestamp) -> Bool {
        guard waitsForTrigger || recognisedAt != nil else { return false }
        if stands(.deposit, CasePlan.besideMoney(back)) { return true }
        if let sale, stands(saleForm, sale.id) { return false }
        if [back, CasePlan.besideMoney(back)].contains(where: { givesCredit(reference(.refundPayment, $0)) ?? false }) { return false }
        return waitsForTrigger || recognisedAt.map { at < $0 } ?? false
    }

    private mutating func creditGiven(
        _ how: ReturnSettlement, _ id: PlannedPosting.Reference, _ back: String, on own: LocalDate, of account: Role, against credit: PlannedPosting.Reference?
    ) {
        let amount = how.storeCredit, date = dated(own, id, source: back)
        let bonus = Money(minor: max(0, min(how.creditBonus.minor, amount.minor)), amount.currency)
        let value = amount - bonus
        var plan = PlannedPosting(
            subject: id.subject, form: id.form, caseID: caseID, covers: [back], date: date.date, currency: amount.currency,
            rate: rate(amount.currency), total: amount,
            lines: [
                PostingLine(
                    .tender, role: how.isGiftCard ? "gift_card_liability" : "store_credit_liability", amount: -value, derivedFrom: [back],
                    text: how.isGiftCard ? "Gift card" : "Store credit", openItem: how.storeCreditRef),
                PostingLine(.control, role: account, amount: value, derivedFrom: [back]),
            ], party: party, appliesTo: credit, reference: date.words)
        if let rate = plan.rate {
            let base = bases.next(value, "moved back", rate: rate, organisation.baseCurrency)
            (plan.lines[0].base, plan.lines[1].base) = (-base, base)
        }
        if !bonus.isZero {
            plan.lines[0].amount -= bonus
            var line = PostingLine(.other, role: "promotion_expense", amount: bonus, derivedFrom: [back], text: "Bonus credit")
            if let rate = plan.rate, let whole = plan.lines[0].base {
                let base = Money(rounding: bonus.decimal * rate, organisation.baseCurrency)
                line.base = base
                plan.lines[0].base = whole - base
            }
            plan.lines.append(line)
        }
        postings.append(plan)
    }

    /// The day under which the ledger has it. A returns system tells when a return changed last, which is no reason to date it anew.
    func keptDay(_ id: PlannedPosting.Reference) -> LocalDate? {
        guard let posted = ledger.standing(id), posted.plan.reference == nil else { return nil }
        return posted.plan.date
    }

    /// A bonus that helps to pay for the new order: promotion, and so much more credit.
    func addExchangeBonus(_ how: ReturnSettlement, _ draft: inout CreditDraft) {
        guard let bonus = how.exchangeBonus, bonus.minor > 0 else { return }
        draft.lines.append(
            PostingLine(.other, role: "promotion_expense", amount: bonus, group: "bonus", derivedFrom: [draft.id], text: "Bonus credit"))
    }

    /// The parts of a settlement must be the return, and a bonus only what store credit can hold.
    func oddSettlement(_ how: ReturnSettlement, _ id: String) -> [Finding] {
        let extra = how.exchangeBonus ?? .zero(how.total.currency)
        let isOdd = how.creditBonus.minor < 0 || how.creditBonus > how.storeCredit || how.storeCredit.minor < 0 || extra.minor < 0 || extra > how.exchanged
        guard isOdd else { return [] }
        let back = how.refunds.map(\.amount).total(how.total.currency)
        return [
            Finding(
                check: "unbalanced",
                why: "\(id) is worth \(how.total.text); exchanged \(how.exchanged.text), credited \(how.storeCredit.text), "
                    + "given back \(back.text), paid \(how.shopperPays.text)",
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
