internal import Kernel

/// Policy `revenue: at_fulfilment`: what is sold is owed to the customer until it leaves.
extension CasePlan {
    /// Income of a sale as a liability; taxes, tips, cards and duties stay what they are.
    func deferred(_ body: [PostingLine]) -> [PostingLine] {
        body.map { line in
            guard [.goods, .discount, .shipping].contains(line.part) else { return line }
            var out = line
            out.role = "deferred_revenue"
            return out
        }
    }

    /// Each fulfilment releases its units; the first one the delivery charge too.
    mutating func planFulfilments(_ sale: Told<Sale>) {
        guard policies.revenue == .atFulfilment, !fulfilments.isEmpty,
            let document = postings.first(where: { $0.id == saleReference && $0.effect == .post })
        else { return }
        var plain = self.plain(sale)
        // What the document carries, in base currency too, in the same order.
        let carried = document.lines.filter { $0.role == "deferred_revenue" }
        guard carried.count == plain.count else { return }
        for i in plain.indices { (plain[i].amount, plain[i].base) = (carried[i].amount, carried[i].base) }
        var done: [String: ExactDecimal] = [:]
        for (n, told) in fulfilments.enumerated() {
            planFulfilment(told, plain, &done, withShipping: n == 0)
        }
    }

    /// The income lines of the sale under their own roles.
    private func plain(_ sale: Told<Sale>) -> [PostingLine] {
        var body: [PostingLine] = []
        for figure in figures where !(figure.now.quantity.isZero && figure.now.net.isZero && !figure.touchedBy.isEmpty) {
            body += lines(of: figure, sale: sale.body)
        }
        for shipping in sale.body.shipping { body += lines(of: shipping, sale: sale.body, from: "\(sale.id)/\(shipping.id)") }
        return body.filter { [.goods, .discount, .shipping].contains($0.part) }
    }

    private mutating func planFulfilment(
        _ told: Told<Fulfilment>, _ plain: [PostingLine], _ done: inout [String: ExactDecimal], withShipping: Bool
    ) {
        var out: [PostingLine] = []
        var findings: [Finding] = []
        for goods in told.body.lines {
            guard let figure = figures.first(where: { $0.line.id == goods.line }) else {
                findings.append(unknownLine(goods.line, told.id))
                continue
            }
            let before = done[goods.line] ?? .zero
            let after = before + goods.quantity
            guard after <= figure.now.quantity else {
                findings.append(
                    Finding(
                        check: "unbalanced", why: "\(told.id) fulfils more of line \(goods.line) than its \(figure.now.quantity) units",
                        remedy: "check the order in the source; an edit may not have arrived yet", position: "lines[\(goods.line)]"))
                continue
            }
            done[goods.line] = after
            func share(_ amount: Money) -> Money {
                Allocation.upTo(after, of: figure.now.quantity, amount: amount)
                    - (before.isZero ? .zero(amount.currency) : Allocation.upTo(before, of: figure.now.quantity, amount: amount))
            }
            for line in plain where line.group == goods.line && line.part != .shipping {
                var released = line
                (released.amount, released.base, released.quantity) = (share(line.amount), line.base.map(share), goods.quantity)
                out.append(released)
            }
        }
        if withShipping { out += plain.filter { $0.part == .shipping } }
        out.removeAll { $0.amount.isZero }
        guard !out.isEmpty || !findings.isEmpty, let currency = sale?.body.currency else { return }
        var back = Gathering(netted: ["deferred_revenue"])
        for line in out {
            var owed = line
            (owed.part, owed.role, owed.amount, owed.base) = (.control, "deferred_revenue", -line.amount, line.base.map { -$0 })
            (owed.dimension, owed.derivedFrom, owed.text) = ([:], [told.id], "")
            back.add(owed, of: caseID)
        }
        let id = reference(.journal, told.id)
        let date = dated(day(told.at), id, source: told.id)
        postings.append(
            PlannedPosting(
                subject: told.id, form: .journal, caseID: caseID, covers: [told.id], date: date.date, currency: currency,
                rate: rate(currency), total: -out.map(\.amount).total(currency), lines: back.lines + out, party: party,
                appliesTo: saleReference, findings: findings, reference: date.words))
    }
}
