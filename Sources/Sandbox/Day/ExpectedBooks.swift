internal import Kernel
internal import Wire

/// The books an order of the day must lead to, by the house's conventions: sales gross, discount beside it, shipping
/// after its own discount, tax exactly as the shop charged it, goods returned on their own account, kept fees as
/// income.
struct ExpectedBooks {
    let day: DayOrder
    let shop: Shop
    let accounts: DayAccounts

    init(_ day: DayOrder, shop: Shop) {
        self.day = day
        self.shop = shop
        accounts = shop.taxesIncluded ? .british : .american
    }

    private var order: ShopOrder { day.order }
    private var euro: Bool { order.presentmentCurrency != shop.currency }
    private var currency: String { order.presentmentCurrency }
    /// The side of every amount that is posted.
    private func minor(_ money: MoneyBag) -> Int64 { euro ? money.presentment : money.shop }
    private func date(_ at: Timestamp) -> LocalDate { shop.zone.date(of: at) }

    /// Every document of the order, in order of time.
    func entries() -> [ExpectedEntry] {
        var list = [document("order \(order.id)", "invoice", order.processedAt, sale(), held: saleCheck)]
        if day.role == .cancelled { list[0].effect = .none }
        list += order.transactions.filter(\.isReceipt).map(payment)
        for event in day.events {
            switch event.change {
            case .created, .cancelled, .fulfilled, .fulfilmentCancelled: break
            case .paid(let transaction): if transaction.isReceipt { list.append(payment(transaction)) }
            case .edited(let edit): list.append(change(edit))
            case .refunded(let refund):
                let check = refundCheck
                if !refund.lines.isEmpty {
                    list.append(document("refund \(refund.id)", "credit_note", refund.at, credit(refund), held: check))
                }
                list += refund.transactions.map { refundPayment($0, held: check != nil) }
            }
        }
        return list
    }

    // MARK: What is held

    private var saleCheck: String? {
        if day.role == .closedPeriod { return "closed_period" }
        if day.role == .late, !day.morning { return "closed_period" }
        if day.role == .garden, !day.morning { return "inactive_account" }
        return nil
    }

    private var refundCheck: String? {
        if saleCheck != nil { return "waits_for_original" }
        return day.unknownReason ? "unmapped_code" : nil
    }

    // MARK: Documents

    private func document(
        _ ref: String, _ kind: String, _ at: Timestamp, _ sums: [String: Int64], held check: String?
    ) -> ExpectedEntry {
        let lines = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            .map { ExpectedEntry.Line(account: $0.key, minor: $0.value) }
        return ExpectedEntry(
            ledger: accounts.ledger, ref: ref, kind: kind, date: date(at), currency: currency, lines: lines,
            effect: check == nil ? .posted : .held, check: check)
    }

    private func sale() -> [String: Int64] {
        var sums: [String: Int64] = [accounts.receivable: minor(order.total)]
        for line in order.lines { addSale(line, to: &sums) }
        for charge in order.shipping {
            sums[accounts.shipping, default: 0] -= minor(charge.net) - (shop.taxesIncluded ? minor(charge.tax) : 0)
            sums[accounts.tax, default: 0] -= minor(charge.tax)
        }
        sums[accounts.tips, default: 0] -= minor(order.tip)
        return sums
    }

    /// Credits sales and tax with a line, and debits its discount; both without tax where prices contain it.
    private func addSale(_ line: ShopLine, to sums: inout [String: Int64]) {
        let account = accounts.sales[line.product.group] ?? "unknown group \(line.product.group)"
        let (net, tax, discount) = (minor(line.net), minor(line.tax), minor(line.discount))
        if shop.taxesIncluded {
            let given = DayArithmetic.without(tax: line.taxes.first?.rate ?? 0, discount)
            sums[account, default: 0] -= net - tax + given
            sums[accounts.discounts, default: 0] += given
        } else {
            sums[account, default: 0] -= net + discount
            sums[accounts.discounts, default: 0] += discount
        }
        sums[accounts.tax, default: 0] -= tax
    }

    private func clearing(_ gateway: String) -> String {
        if gateway == "gift_card" { return accounts.giftCards }
        return euro ? accounts.euroClearing : accounts.clearing[gateway] ?? "unknown gateway \(gateway)"
    }

    private func payment(_ transaction: ShopTransaction) -> ExpectedEntry {
        let amount = minor(transaction.amount)
        return document(
            "transaction \(transaction.id)", "payment", transaction.processedAt,
            [clearing(transaction.gateway): amount, accounts.receivable: -amount],
            held: saleCheck == nil ? nil : "waits_for_original")
    }

    private func refundPayment(_ transaction: ShopTransaction, held: Bool) -> ExpectedEntry {
        let amount = minor(transaction.amount)
        return document(
            "transaction \(transaction.id)", "refund_payment", transaction.processedAt,
            [clearing(transaction.gateway): -amount, accounts.receivable: amount],
            held: held ? "waits_for_original" : nil)
    }

    /// Units added are a further invoice, units taken out a credit note that lowers sales; both dated by the edit.
    private func change(_ edit: ShopEdit) -> ExpectedEntry {
        var sums: [String: Int64] = [:]
        for line in edit.added { addSale(line, to: &sums) }
        for part in edit.removed {
            let line = order.lines[part.line]
            let account = accounts.sales[line.product.group] ?? "unknown group \(line.product.group)"
            sums[account, default: 0] += minor(part.net) - (shop.taxesIncluded ? minor(part.tax) : 0)
            sums[accounts.tax, default: 0] += minor(part.tax)
        }
        sums[accounts.receivable] = -sums.values.reduce(0, +)
        let kind = edit.added.isEmpty ? "credit_note" : "invoice"
        return document("order \(order.id) edit 1", kind, edit.at, sums, held: nil)
    }

    private func credit(_ refund: ShopRefund) -> [String: Int64] {
        var sums: [String: Int64] = [:]
        let goods = minor(refund.lines.total(\.subtotal))
        let tax = minor(refund.lines.total(\.tax))
        sums[accounts.returns] = shop.taxesIncluded ? goods - tax : goods
        sums[accounts.tax] = tax
        for part in refund.adjustments where part.kind == "shipping_refund" {
            let (amount, tax) = (-minor(part.amount), -minor(part.tax))
            sums[accounts.shipping, default: 0] += shop.taxesIncluded ? amount - tax : amount
            sums[accounts.tax, default: 0] += tax
        }
        if let note = refund.told ?? RefundNote(refund.note) {
            // A kept fee contains tax at the rate of the line it was kept from, where prices contain tax.
            let rate = refund.lines.first.map { order.lines[$0.line].taxes.first?.rate ?? 0 } ?? 0
            for (account, fee) in [
                (accounts.restocking, note.restocking), (accounts.returnShipping, note.returnShipping),
            ] {
                let within = shop.taxesIncluded ? DayArithmetic.taxWithin(fee, rate: rate) : 0
                sums[account, default: 0] -= fee - within
                sums[accounts.tax, default: 0] -= within
            }
        }
        sums[accounts.receivable] = -minor(refund.total)
        return sums
    }
}
