internal import Kernel

/// Policy `sales_orders: mirror`: what is ordered and not yet a sale stands in the ledger as an order. It moves no account, and nothing of it counts as
/// income or as owed; the invoice is drawn from it, and then nothing of it is open any more.
extension CasePlan {
    mutating func planSalesOrder() {
        guard let sale, sale.body.exchangeOf == nil else { return }
        if sale.body.isInvoice {
            // Whether the order stands there is known when the invoice is written.
            if let order = sale.body.bills { draw(from: reference(.salesOrder, order)) }
            return
        }
        let id = reference(.salesOrder, sale.id)
        let there = ledger.posted[id].flatMap { $0.voided ? nil : $0.plan }
        // What stands there goes its way to the end when the policy is taken away.
        guard policies.salesOrders == .mirror || there != nil else { return }
        if there != nil { draw(from: id) }
        guard sale.body.isDraft || waiting.contains(sale.id) else { return planSold(there) }
        // What is not called for is taken back.
        guard cancellations.isEmpty else { return }
        let next = salesOrder(sale), billed = around.billed[sale.id] ?? []
        guard !billed.isEmpty else {
            // Shops tell of orders before they tell what is ordered: nothing of that is called for.
            return next.lines.contains { $0.part != .control } ? postings.append(next) : ()
        }
        // One that is told after its first invoice would be open beside it.
        guard let there else { return }
        postings.append(isBilled(next, by: billed.map(\.plan)) ? closed(there, behind: billed) : changed(there, to: next))
    }

    /// The invoices come to the order as it is now, by its goods: delivery may be billed first, or more of it than was ordered.
    private func isBilled(_ order: PlannedPosting, by invoices: [PlannedPosting]) -> Bool {
        func goods(_ plan: PlannedPosting) -> Int128 {
            plan.lines.filter { [.goods, .giftCard, .discount].contains($0.part) }.reduce(Int128(0)) { $0 - Int128($1.amount.minor) }
        }
        func total(_ plan: PlannedPosting) -> Int128 { Int128(plan.total.minor) }
        // What is billed in another currency can't be set against it.
        let like = invoices.filter { $0.currency == order.currency }, worth = goods(order) == 0 ? total : goods
        return !like.isEmpty && like.reduce(Int128(0)) { $0 + worth($1) } >= worth(order)
    }

    /// An order whose sale is one for the books: it stays open for its invoice, and no longer. It is never written after that.
    private mutating func planSold(_ there: PlannedPosting?) {
        guard let there, let id = saleReference else { return }
        let isCalledFor = postings.contains { $0.id == id && $0.effect == .post }
        // An invoice that is taken back opens its order again: that goes first.
        guard stands(saleForm, id.subject) else { return isCalledFor ? postings.append(there) : () }
        postings.append(isCalledFor ? closed(there, behind: ledger.posted[id].map { [$0] } ?? []) : there)
    }

    private mutating func draw(from order: PlannedPosting.Reference) {
        for i in postings.indices where postings[i].id == saleReference && postings[i].form == .invoice { postings[i].drawnFrom = order }
    }

    /// Behind every change of an invoice anew: the ledger opens the order again when it takes the former one back.
    private func closed(_ order: PlannedPosting, behind invoices: [PostedState]) -> PlannedPosting {
        var out = order
        (out.isClosed, out.findings, out.note) = (true, [], "closed: invoiced")
        out.closedBehind = invoices.isEmpty ? nil : invoices.map { "\($0.plan.subject)@\($0.revision)" }.sorted().joined(separator: ", ")
        return out
    }

    /// Of an order that is invoiced in part the ledger changes nothing: what is told of it since waits by name.
    private func changed(_ order: PlannedPosting, to next: PlannedPosting) -> PlannedPosting {
        var out = order
        (out.isClosed, out.closedBehind) = (next.isClosed, next.closedBehind)
        if next.hasSameContent(as: out) { return next }
        out = next
        out.findings.append(
            Finding(
                check: "order_billed", why: "order \(order.subject) was changed after a part of it was invoiced",
                remedy: "change the order in the ledger by hand; this is over when it is invoiced in full"))
        return out
    }

    private func salesOrder(_ told: Told<Sale>) -> PlannedPosting {
        let sale = told.body, id = reference(.salesOrder, told.id)
        let dated = dated(day(told.at), id, source: told.id)
        var lines = soldFigures(told)
        var findings: [Finding] = []
        for edit in edits { apply(edit, to: &lines, &findings) }
        let body = saleLines(told, lines)
        let owed = -body.map(\.amount).total(sale.currency)
        let control = PostingLine(.control, role: receivable, amount: owed, derivedFrom: ["\(told.id)/total"], text: sale.number)
        var plan = PlannedPosting(
            subject: told.id, form: .salesOrder, caseID: caseID, covers: [told.id] + edits.map(\.id), date: dated.date, currency: sale.currency,
            rate: rate(sale.currency), total: owed, lines: [control] + body, party: party, findings: findings, reference: dated.words)
        if let rate = plan.rate { plan.lines.addBaseAlone(rate: rate, currency: organisation.baseCurrency) }
        return plan
    }
}
