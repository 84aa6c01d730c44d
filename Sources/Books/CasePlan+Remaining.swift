internal import Kernel

extension CasePlan {
    /// A refund above the units, net, tax or total still there: named with what is left. `nil` when all is within.
    func exceeds(_ next: Refunded, _ told: Told<Refund>, _ sale: Sale) -> Finding? {
        let left = whatRemains(sale)
        var over: [String] = []
        for (id, line) in next.lines.sorted(by: { $0.key < $1.key }) {
            guard let figure = figures.first(where: { $0.line.id == id }) else { continue }
            if line.quantity > figure.now.quantity { over.append("units of \(id)") }
            if line.net > figure.now.net.minor { over.append("net of \(id)") }
            for (jurisdiction, amount) in line.taxes.sorted(by: { $0.key < $1.key }) {
                let charged = figure.now.taxes.filter { ($0.jurisdiction ?? "") == jurisdiction }.map(\.amount.minor)
                    .reduce(0, +)
                if amount > charged { over.append("tax of \(id)") }
            }
        }
        if next.shipping > sale.shipping.map(\.net.minor).reduce(0, +) { over.append("shipping") }
        if next.tip > sale.tip?.minor ?? 0 { over.append("tip") }
        for (jurisdiction, amount) in next.taxes.sorted(by: { $0.key < $1.key }) {
            let lines = figures.flatMap(\.now.taxes) + sale.shipping.flatMap(\.taxes)
            if amount > lines.filter({ ($0.jurisdiction ?? "") == jurisdiction }).map(\.amount.minor).reduce(0, +) {
                over.append("tax of \(jurisdiction)")
            }
        }
        if next.total > totals(figures, sale).ours.minor { over.append("total") }
        guard !over.isEmpty else { return nil }
        let asked = told.body.total
        var numbers = ["asked": asked, "remaining_order": left.total]
        if let first = told.body.lines.first, let line = left.lines.first(where: { $0.line == first.line }) {
            numbers["remaining_line"] = line.total
        }
        return Finding(
            check: "refund_exceeds_remaining",
            why:
                "refund of \(asked.text) against \(left.total.text) remaining (above: \(over.joined(separator: ", ")))",
            remedy:
                "cancel it in the source if it was given twice, tell it there as goodwill if it was for no line; what left beyond the whole order stays held by name: enter it in the ledger by hand",
            figures: numbers)
    }

    /// What is left after the refunds counted so far.
    func whatRemains(_ sale: Sale) -> Remaining {
        let lines: [Remaining.Line] = figures.map { figure in
            let done = refunded.lines[figure.line.id] ?? Refunded.Line()
            let net = Money(minor: figure.now.net.minor - done.net, sale.currency)
            var taxes: [String: Money] = [:]
            for tax in figure.now.taxes where !tax.channelLiable {
                taxes[tax.jurisdiction ?? "", default: .zero(sale.currency)] += tax.amount
            }
            for name in taxes.keys { taxes[name]?.minor -= done.taxes[name, default: 0] }
            let total = sale.taxIncluded ? net : net + taxes.values.total(sale.currency)
            return Remaining.Line(
                line: figure.line.id, quantity: figure.now.quantity - done.quantity, net: net, taxes: taxes,
                total: total)
        }
        let total = totals(figures, sale).ours
        return Remaining(lines: lines, total: Money(minor: total.minor - refunded.total, sale.currency))
    }
}

extension [PostingLine] {
    /// Base values of a document that will not be posted as it is: each line by itself, so that cumulative sums stay
    /// untouched.
    mutating func addBaseAlone(rate: ExactDecimal, currency: Currency) {
        guard let control = lastIndex(where: { $0.part == .control }) else { return }
        self[control].base = Money(rounding: self[control].amount.decimal * rate, currency)
        addBase(rate: rate, currency: currency)
    }
}
