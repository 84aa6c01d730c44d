internal import Kernel

extension CasePlan {
    /// The source's tax against rate × base, per jurisdiction. The source's tax is kept in any case; above the cap
    /// the document is held.
    func taxDifference(_ lines: [LineFigures], _ sale: Sale) -> (
        findings: [Finding], override: PlannedPosting.TaxOverride?
    ) {
        var stated: [String: Money] = [:]
        var computed: [String: Money] = [:]
        let zero = Money.zero(sale.currency)
        func add(_ tax: TaxPart, _ sum: Money) {
            guard let name = tax.jurisdiction, !tax.channelLiable else { return }
            stated[name, default: zero] += tax.amount
            computed[name, default: zero] += sum
        }
        func gives(_ tax: TaxPart, _ net: Money, _ all: [TaxPart]) -> Money? {
            guard let rate = tax.rate else { return nil }
            // Whoever accounts for it, it is not the seller: any tax charged is one too many.
            if sale.relief != nil { return .zero(sale.currency) }
            return sale.taxIncluded
                ? Tax.contained(in: net, rate: rate, sum: all.sumOfRates) : Tax.charged(on: net, rate: rate)
        }
        for figure in lines where figure.taxFrom.isEmpty {
            for tax in figure.now.taxes { if let sum = gives(tax, figure.now.net, figure.now.taxes) { add(tax, sum) } }
        }
        for shipping in sale.shipping {
            for tax in shipping.taxes { if let sum = gives(tax, shipping.net, shipping.taxes) { add(tax, sum) } }
        }
        // A tax stated for the whole order is judged on the whole order: its shares are ours, not the source's.
        let shared = lines.filter { !$0.taxFrom.isEmpty }
        if let first = shared.first {
            let base = shared.map(\.now.net).total(sale.currency)
            for (i, tax) in first.now.taxes.enumerated() {
                guard let sum = gives(tax, base, first.now.taxes) else { continue }
                var whole = tax
                whole.amount = shared.compactMap { i < $0.now.taxes.count ? $0.now.taxes[i].amount : nil }.total(
                    sale.currency)
                add(whole, sum)
            }
        }
        return judge(stated, computed, sale)
    }

    private func judge(
        _ stated: [String: Money], _ computed: [String: Money], _ sale: Sale
    ) -> (findings: [Finding], override: PlannedPosting.TaxOverride?) {
        let zero = Money.zero(sale.currency)
        var findings: [Finding] = []
        for name in stated.keys.sorted() {
            let (source, ours) = (stated[name] ?? zero, computed[name] ?? zero)
            let difference = source - ours
            let exempt = sale.taxExempt && source.minor >= 0 && difference.minor <= 0
            guard difference.magnitude.decimal > policies.taxDifferenceCap, !exempt else { continue }
            findings.append(
                Finding(
                    check: "tax_difference",
                    why:
                        "source tax \(source.text), computed \(ours.text): \(difference.text) off, above the cap",
                    remedy: "correct the order, or raise the policy tax_difference_cap where the source's tax is right",
                    position: "tax_payable:\(name)",
                    figures: ["source": source, "computed": ours, "difference": difference]))
        }
        let (source, ours) = (stated.values.total(sale.currency), computed.values.total(sale.currency))
        let differs = stated.contains { $0.value != computed[$0.key] ?? zero }
        return (findings, differs ? PlannedPosting.TaxOverride(source: source, computed: ours) : nil)
    }

    /// The sale's own taxes with their amounts, by jurisdiction and rate, in the order in which they first appear.
    func saleTaxes() -> [TaxPart] {
        var out: [TaxPart] = []
        for tax in figures.flatMap(\.now.taxes) + (sale?.body.shipping.flatMap(\.taxes) ?? []) where !tax.channelLiable
        {
            if let at = out.firstIndex(where: { $0.jurisdiction == tax.jurisdiction && $0.rate == tax.rate }) {
                out[at].amount += tax.amount
            } else {
                out.append(tax)
            }
        }
        return out
    }

    /// Refunds often state a tax without its rate: the original's.
    func rated(_ taxes: [TaxPart], like original: [TaxPart]) -> [TaxPart] {
        taxes.map { tax in
            guard let match = original.first(where: { $0.jurisdiction == tax.jurisdiction }) else { return tax }
            var out = tax
            out.rate = tax.rate ?? match.rate
            out.channelLiable = tax.channelLiable || match.channelLiable
            return out
        }
    }
}
