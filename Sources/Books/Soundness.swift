internal import Kernel

/// Bounds within which the arithmetic is exact. Beyond them a document is held, not computed.
enum SoundnessLimits {
    static let amountMinor: Int64 = 10_000_000_000_000
    static let rateScale = 12
    static let rate = ExactDecimal(1_000_000)
    static let quantityScale = 6
    static let quantity = ExactDecimal(1_000_000_000)
    static let partsPerDocument = 5_000
    /// What one order of goods may cost, and be worth in base currency.
    static let order = ExactDecimal(10_000_000_000)
    static let orderBase = ExactDecimal(10_000_000_000_000)
    /// Three amounts a row.
    static let partsPerPayout = 300_000
    /// All amounts of a case together in base currency.
    static let baseMinor: Int128 = 100_000_000_000_000_000
}

extension SourceDocument {
    var saleCurrency: Currency? {
        if case .sale(let sale) = body { return sale.currency }
        return nil
    }

    /// The currency of a document that states a rate of its own, and the rate.
    fileprivate var rated: (currency: Currency, rate: ExactDecimal?)? {
        switch body {
        case .sale(let sale): (sale.currency, sale.rate)
        case .payout(let payout): (payout.amount.currency, payout.rate)
        case .bill(let bill): (bill.currency, bill.rate)
        case .deposit(let deposit): (deposit.amount.currency, deposit.rate)
        default: nil
        }
    }

    /// Why the document cannot be computed with at all: amounts in another currency than its order's, or out of
    /// range. `nil` when sound.
    func fault(in currency: Currency?) -> Finding? {
        let parts = self.parts
        let wanted = currency ?? parts.amounts.first?.currency
        if let stranger = parts.amounts.first(where: { $0.currency != wanted }) {
            return Finding(
                check: "currency_mismatch",
                why:
                    "\(id) has an amount in \(stranger.currency), its order is in \(wanted?.code ?? "none")",
                remedy: "correct the document in the source; one order has one currency")
        }
        let amounts = (parts.amounts + parts.foreign).allSatisfy { $0.minor.magnitude <= SoundnessLimits.amountMinor.magnitude }
        let rates = parts.rates.allSatisfy {
            $0.shortest.scale <= SoundnessLimits.rateScale && !$0.isNegative && $0 < SoundnessLimits.rate
        }
        let quantities = parts.quantities.allSatisfy {
            $0.shortest.scale <= SoundnessLimits.quantityScale && !$0.isNegative && $0 < SoundnessLimits.quantity
        }
        var most = SoundnessLimits.partsPerDocument
        if case .payout = body { most = SoundnessLimits.partsPerPayout }
        guard amounts, rates, quantities, parts.amounts.count <= most else { return outOfRange }
        return nil
    }

    var outOfRange: Finding {
        Finding(
            check: "amount_out_of_range",
            why: "\(id) has an amount, rate or quantity beyond what can be computed exactly",
            remedy: "check the document in the source")
    }

    /// Every amount, rate and quantity; `foreign` may be in another currency than the rest.
    fileprivate var parts: Parts {
        var amounts: [Money?] = []
        var foreign: [Money?] = []
        var rates: [ExactDecimal?] = []
        var quantities: [ExactDecimal] = []
        func add(_ taxes: [TaxPart]) {
            amounts += taxes.map(\.amount)
            rates += taxes.map(\.rate)
        }
        func add(_ line: SaleLine) {
            amounts += [line.gross, line.discount, line.net]
            quantities.append(line.quantity)
            add(line.taxes ?? [])
        }
        func add(_ line: ShippingLine) {
            amounts += [line.amount, line.discount, line.net]
            add(line.taxes)
        }
        switch body {
        case .sale(let sale):
            sale.lines.forEach(add)
            sale.shipping.forEach(add)
            amounts += sale.discounts.map(\.amount) + [sale.tip, sale.total, sale.relief?.dueFromCustomer]
            amounts += sale.deposits.map(\.amount) + sale.duties.map(\.amount)
            add(sale.orderTaxes.map(\.part))
            rates.append(sale.rate)
        case .payment(let payment): amounts += [payment.amount, payment.cashRounding]
        case .refund(let refund):
            for line in refund.lines {
                amounts.append(line.net)
                quantities.append(line.quantity)
                add(line.taxes ?? [])
            }
            refund.shipping.forEach(add)
            amounts += refund.adjustments.map(\.amount) + refund.fees.flatMap { [$0.amount, $0.tax] }
            refund.adjustments.forEach { add($0.taxes) }
            amounts += refund.transactions.map(\.amount) + [refund.total, refund.tip]
        case .edit(let edit):
            edit.added.forEach(add)
            for removed in edit.removed {
                amounts.append(removed.net)
                quantities.append(removed.quantity)
                add(removed.taxes ?? [])
            }
            amounts += edit.transactions.map(\.amount) + [edit.orderTotal]
        case .goodsReturn(let back):
            for line in back.lines {
                amounts += [line.net, line.tax]
                quantities.append(line.quantity)
                add(line.taxes ?? [])
            }
            if let how = back.settlement {
                amounts += [how.total, how.exchanged, how.shopperPays, how.storeCredit, how.exchangeBonus] + how.refunds.map(\.amount)
                how.shipping.forEach(add)
            }
            amounts += back.fees.flatMap { [$0.amount, $0.tax] }
        case .tipPayout(let payout): amounts.append(payout.amount)
        case .payout(let payout):
            amounts += [payout.amount] + payout.rows.flatMap { [$0.amount, $0.fee, $0.net] }
            foreign += payout.rows.map(\.original)
            rates.append(payout.rate)
        case .deposit(let deposit):
            amounts.append(deposit.amount)
            rates.append(deposit.rate)
        case .giftCardExpiry(let expiry): amounts.append(expiry.amount)
        case .dispute(let dispute): foreign.append(dispute.amount)
        case .bankLine(let line): amounts.append(line.amount)
        case .registerClosure(let closure): amounts += [closure.expected, closure.counted]
        case .fulfilment(let goods): quantities += goods.lines.map(\.quantity)
        case .stock(let stock):
            amounts += stock.lines.map(\.value) + [stock.amount]
            // A count may find less than there should be.
            quantities += stock.lines.map { $0.quantity.isNegative && stock.kind == .count ? -$0.quantity : $0.quantity }
        case .bill(let bill):
            bill.lines.forEach(add)
            amounts.append(bill.total)
            rates.append(bill.rate)
        case .stockLevel(let level):
            rates.append(level.rate)
            quantities += [level.onHand, level.threshold, level.quantity ?? .zero].map { $0.isNegative ? -$0 : $0 }
        case .cancellation: break
        }
        return Parts(
            amounts: amounts.compactMap(\.self), foreign: foreign.compactMap(\.self), rates: rates.compactMap(\.self),
            quantities: quantities)
    }

    fileprivate struct Parts {
        var amounts: [Money]
        var foreign: [Money]
        var rates: [ExactDecimal]
        var quantities: [ExactDecimal]
    }
}

extension OrderCase {
    /// The sale at whose rate the amounts of the case, all together, leave the range of base amounts; `nil` for none.
    func overflowing(_ base: Currency) -> SourceDocument? {
        for document in documents {
            guard let rated = document.rated else { continue }
            guard rated.currency != base, let rate = rated.rate?.shortest else { return nil }
            let sum = documents.flatMap(\.parts.amounts).reduce(Int128(0)) { $0 + Int128($1.minor.magnitude) }
            // base = sum × rate × 10^(decimals of base - decimals of the document)
            let up = max(0, base.decimals - rated.currency.decimals)
            let down = max(0, rated.currency.decimals - base.decimals) + rate.scale
            let (wide, over) = Self.power(up).multipliedReportingOverflow(by: sum)
            let (product, more) = wide.multipliedReportingOverflow(by: rate.coefficient)
            let fits = !over && !more && product / Self.power(min(down, 37)) <= SoundnessLimits.baseMinor
            return fits ? nil : document
        }
        return nil
    }

    private static func power(_ n: Int) -> Int128 { (0 ..< n).reduce(Int128(1)) { product, _ in product * 10 } }
}

extension CasePlan {
    /// A posting without lines that keeps an unsound document in sight.
    mutating func hold(_ document: SourceDocument, _ finding: Finding, _ currency: Currency?) {
        let form: PostingForm
        switch document.body {
        case .sale: form = saleForm
        case .payment: form = .payment
        case .refund, .goodsReturn: form = .creditNote
        case .edit, .cancellation: form = .invoice
        case .tipPayout, .giftCardExpiry, .stock, .fulfilment, .dispute, .bankLine, .registerClosure: form = .journal
        case .payout: form = .payout
        case .deposit: form = .deposit
        case .stockLevel: form = .purchaseOrder
        case .bill: form = .bill
        }
        let unit = currency ?? organisation.baseCurrency
        postings.append(
            PlannedPosting(
                subject: document.id, form: form, caseID: caseID, covers: [document.id], date: day(document.at),
                currency: unit, total: .zero(unit),
                lines: [], party: "shop", findings: [finding]))
    }
}
