internal import Books
internal import Kernel

/// What only the whole order tells about its refunds.
struct RefundContext {
    var documents: OrderDocuments
    var splits: [String: TaxSplit]
}

/// Makes a refund's document, from its record alone or with the order at hand.
struct RefundDocument {
    let refund: RefundRecord
    let readsNotes: Bool
    private var note: RefundNote?

    init(_ refund: RefundRecord, readsNotes: Bool) {
        self.refund = refund
        self.readsNotes = readsNotes
        note =
            readsNotes
            ? refund.note.flatMap { RefundNote($0, lines: refund.lines.count, currency: refund.currency) } : nil
    }

    private var zero: Money { .zero(refund.currency) }
    private var fees: Money { (note?.fees ?? []).map(\.amount).total(refund.currency) }
    private var net: Money { refund.lines.map(\.net).total(refund.currency) + refund.shipping }
    private var tax: Money { refund.lines.map(\.tax).total(refund.currency) + refund.shippingTax }

    /// From the webhook's body alone; `nil` where it can't tell: which jurisdiction a tax on delivery belongs to,
    /// whether prices contained it, whether money without goods belongs to an edit.
    func alone() -> SourceDocument? {
        guard refund.shippingTax.isZero, !refund.movements.isEmpty, let included = inferredInclusion() else {
            return nil
        }
        let bare = refund.lines.isEmpty && !refund.refundsShipping
        if bare, refund.adjustments.allSatisfy(\.pending) { return nil }
        let adjustments = adjustments(included: included, documents: nil)
        guard let adjustments else { return nil }
        return document(
            included: included,
            lines: refund.lines.indices.map { line($0, taxes: refund.lines[$0].tax.isZero ? [] : nil) },
            shippingTaxes: [], adjustments: adjustments, version: refund.version)
    }

    /// With the order: stated taxes are taken apart by jurisdiction where the running total would not give them.
    func within(_ context: inout RefundContext) -> SourceDocument {
        var known = false
        var lines: [RefundLine] = []
        for (index, stated) in refund.lines.enumerated() {
            var split = context.splits[stated.line] ?? TaxSplit([], quantity: 0)
            let (amounts, natural) = split.take(stated.quantity, stated: stated.tax)
            context.splits[stated.line] = split
            var taxes: [TaxPart]? = stated.tax.isZero ? [] : nil
            if !natural, !stated.tax.isZero {
                known = true
                taxes =
                    amounts.isEmpty
                    ? [TaxPart(jurisdiction: nil, rate: nil, amount: stated.tax)]
                    : context.documents.parts(split.taxes, amounts: amounts)
            }
            lines.append(line(index, taxes: taxes))
        }
        let order = context.documents.order
        let charges = order.shipping.flatMap(\.taxes)
        let shares = Allocation.shares(of: refund.shippingTax, weights: charges.map(\.amount))
        var shippingTaxes = refund.shippingTax.isZero ? [] : context.documents.parts(charges, amounts: shares)
        if shippingTaxes.isEmpty, !refund.shippingTax.isZero {
            shippingTaxes = [TaxPart(jurisdiction: nil, rate: nil, amount: refund.shippingTax)]
        }
        let adjustments = adjustments(included: order.taxIncluded, documents: context.documents) ?? []
        return document(
            included: order.taxIncluded && !tax.isZero, lines: lines, shippingTaxes: shippingTaxes,
            adjustments: adjustments,
            // A webhook may have taken the customer's currency for the shop's.
            version: refund.version + (known || !order.side.single ? 1 : 0))
    }

    /// Says that the refund is none: what a webhook may have told too soon is an edit's.
    func retraction() -> SourceDocument {
        let nothing = Refund(currency: refund.currency, taxIncluded: false, lines: [], total: zero, transactions: [])
        return SourceDocument(
            id: refund.id, caseID: refund.order, version: refund.version + 1, at: refund.at, body: .refund(nothing))
    }

    private func document(
        included: Bool, lines: [RefundLine], shippingTaxes: [TaxPart], adjustments: [RefundAdjustment], version: Int64
    ) -> SourceDocument {
        var shipping: [ShippingLine] = []
        if refund.refundsShipping {
            shipping = [
                ShippingLine(
                    id: "shipping", title: "Shipping", amount: refund.shipping, discount: zero, net: refund.shipping,
                    taxes: shippingTaxes)
            ]
        }
        let body = Refund(
            currency: refund.currency, taxIncluded: included, lines: lines, shipping: shipping,
            adjustments: adjustments,
            fees: note?.fees ?? [], total: refund.settled, transactions: refund.movements)
        return SourceDocument(id: refund.id, caseID: refund.order, version: version, at: refund.at, body: .refund(body))
    }

    private func line(_ index: Int, taxes: [TaxPart]?) -> RefundLine {
        let stated = refund.lines[index]
        return RefundLine(
            line: stated.line, quantity: ExactDecimal(stated.quantity), net: stated.net, taxes: taxes,
            reasonCode: note?.reason(index), restocked: stated.restocked)
    }

    /// A refund's body does not say whether its prices contain the tax; the money moved does. `nil` where both would
    /// fit.
    private func inferredInclusion() -> Bool? {
        if tax.isZero { return false }
        let fits = { (calculated: Money) -> Bool in
            let difference = refund.moved - calculated
            return difference.isZero || difference == refund.stated || difference == -refund.stated
                || difference == -fees
        }
        switch (fits(net), fits(net + tax)) {
        case (true, false): return true
        case (false, true): return false
        default: return nil
        }
    }
}

extension RefundDocument {
    /// What was given or kept beyond the calculated amount. `nil` where a tax in it has no known jurisdiction.
    private func adjustments(included: Bool, documents: OrderDocuments?) -> [RefundAdjustment]? {
        let bare = refund.lines.isEmpty && !refund.refundsShipping
        let open = refund.adjustments.filter { !$0.pending }
        if bare, open.isEmpty {
            return refund.moved.isZero ? [] : [RefundAdjustment(id: "goodwill", kind: .goodwill, amount: refund.moved)]
        }
        let sign = sign(calculated: included ? net : net + tax)
        var out: [RefundAdjustment] = []
        for adjustment in open {
            let amount = Money(minor: sign * (adjustment.amount + adjustment.tax).minor, refund.currency)
            if adjustment.amount.isZero, !adjustment.tax.isZero {
                out.append(RefundAdjustment(id: adjustment.id, kind: .taxRefund, amount: adjustment.tax.magnitude))
            } else if amount.minor < 0 {
                out.append(RefundAdjustment(id: adjustment.id, kind: .refundDiscrepancy, amount: amount))
            } else if amount.minor > 0 {
                var taxes: [TaxPart] = []
                if !adjustment.tax.isZero {
                    guard let documents else { return nil }
                    taxes = spread(adjustment.tax.magnitude, documents)
                }
                out.append(RefundAdjustment(id: adjustment.id, kind: .goodwill, amount: amount, taxes: taxes))
            }
        }
        return withoutFees(out)
    }

    /// Which way the platform counts: what was kept back is negative here, whatever its sign there. The money moved
    /// decides; where it does not, the sign stays.
    private func sign(calculated: Money) -> Int64 {
        let difference = refund.moved - calculated
        return !refund.stated.isZero && difference == -refund.stated ? -1 : 1
    }

    /// A discrepancy that the stated fees explain is not told twice.
    private func withoutFees(_ adjustments: [RefundAdjustment]) -> [RefundAdjustment] {
        guard !fees.isZero else { return adjustments }
        let kept = adjustments.filter { $0.kind == .refundDiscrepancy }
        if kept.map(\.amount).total(refund.currency) == -fees {
            return adjustments.filter { $0.kind != .refundDiscrepancy }
        }
        guard let one = adjustments.firstIndex(where: { $0.kind == .refundDiscrepancy && $0.amount == -fees }) else {
            return adjustments
        }
        var out = adjustments
        out.remove(at: one)
        return out
    }

    /// A tax over all taxes of the order, by their amounts.
    private func spread(_ tax: Money, _ documents: OrderDocuments) -> [TaxPart] {
        var sums: [TaxRecord] = []
        for part in documents.order.lines.flatMap(\.taxes) + documents.order.shipping.flatMap(\.taxes) {
            if let at = sums.firstIndex(where: { $0.title == part.title && $0.rate == part.rate }) {
                sums[at].amount += part.amount
            } else {
                sums.append(part)
            }
        }
        if sums.isEmpty { return [TaxPart(jurisdiction: nil, rate: nil, amount: tax)] }
        return documents.parts(sums, amounts: Allocation.shares(of: tax, weights: sums.map(\.amount)))
    }
}
