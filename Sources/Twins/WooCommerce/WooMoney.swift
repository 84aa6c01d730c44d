internal import Kernel
internal import TwinKit
internal import Wire

/// The twin's own books: one entry for each order that was paid and for each refund of one, debit positive, zero in all.
///
/// A shop holds no money; what its records say came in and went out is what its books must show. An order counts with what it is now, on the day it
/// was paid: whoever edits a paid order changes that. What is cancelled, thrown into the bin or deleted gives no money back; a refund does.
extension WooState {
    mutating func book(_ order: WooOrder, _ m: WooMoment) {
        guard let paid = order.paid else { return }
        let places = WooCurrency.places(order.currency)
        func sum(_ kinds: [WooItem.Kind]) -> Int64 { order.items.filter { kinds.contains($0.kind) }.map { $0.total.minor(places) }.reduce(0, +) }
        let total = order.total.minor(places)
        let parts = [("sales", sum([.line])), ("fees", sum([.fee])), ("shipping", sum([.shipping])), ("tax", order.totalTax.minor(places))]
        let fee = Self.gatewayFee(order).minor(places)
        var lines = parts.map { ($0.0, -$0.1) }
        lines.append(("rounding", parts.map(\.1).reduce(0, +) - total))
        lines += [("fee", fee), ("balance", total - fee)]
        enter("order-\(order.id)", "charge", lines, order.currency, at: paid, m)
    }

    mutating func book(_ refund: WooRefund, _ order: WooOrder, _ m: WooMoment) {
        guard order.paid != nil, !refund.amount.isZero else { return }
        let places = WooCurrency.places(order.currency)
        func sum(_ kinds: [WooItem.Kind]) -> Int64 { -refund.items.filter { kinds.contains($0.kind) }.map { $0.total.minor(places) }.reduce(0, +) }
        let tax = -refund.items(.tax).map { ($0.total + $0.totalTax).minor(places) }.reduce(0, +)
        let amount = refund.amount.minor(places)
        let parts = [("sales", sum([.line])), ("fees", sum([.fee])), ("shipping", sum([.shipping])), ("tax", tax)]
        var lines = parts
        // An amount that no line accounts for.
        lines += [("unallocated", amount - parts.map(\.1).reduce(0, +)), ("balance", -amount)]
        enter("refund-\(refund.id)", "refund", lines, order.currency, at: refund.created, m)
    }

    private mutating func enter(_ id: String, _ kind: String, _ lines: [(String, Int64)], _ currency: String, at seconds: Int64, _ m: WooMoment) {
        let shown = lines.filter { $0.1 != 0 }.map { JSON.object([("account", .string($0.0)), ("minor", .seconds($0.1))]) }
        let value: JSON = .object([("kind", .string(kind)), ("currency", .string(currency)), ("lines", .array(shown))])
        if let old = rows[m.shop, .entry, id] {
            guard old.shown != value else { return }
            rows.remove(old)
        }
        guard !shown.isEmpty else { return }
        rows.put(WooRow(shop: m.shop, kind: .entry, id: id, created: seconds, modified: m.seconds, shown: value))
    }

    /// What the payment provider kept, as its plugin wrote it on the order.
    static func gatewayFee(_ order: WooOrder) -> ExactDecimal {
        if let fee = order.meta["_stripe_fee"]?.decimal ?? order.meta["_wcpay_transaction_fee"]?.decimal { return fee.kept }
        return order.meta["_ppcp_paypal_fees"]?.member("paypal_fee", "value")?.decimal?.kept ?? .zero
    }

    func expectedMoney() -> [ExpectedMoney] {
        var sums: [String: ExpectedMoney] = [:]
        for shop in shops.keys.sorted() {
            for row in rows.all(.entry, in: shop) {
                let day = zone(shop).date(of: Timestamp(seconds: row.created))
                let currency = row.shown.text("currency") ?? ""
                func add(_ kind: ExpectedMoney.Kind, _ minor: Int64) {
                    guard minor != 0 else { return }
                    let key = "\(shop) \(day) \(currency) \(kind.rawValue)"
                    var sum = sums[key] ?? ExpectedMoney(account: shop, isLive: true, day: day, currency: currency, kind: kind, minor: 0, count: 0)
                    sum.minor += minor
                    sum.count += 1
                    sums[key] = sum
                }
                let lines = row.shown.list("lines").map { ($0.text("account") ?? "", Int64($0.whole("minor"))) }
                add(.fee, -lines.filter { $0.0 == "fee" }.map(\.1).reduce(0, +))
                let gross = -lines.filter { $0.0 != "fee" && $0.0 != "balance" }.map(\.1).reduce(0, +)
                add(row.shown.text("kind") == "refund" ? .refund : .charge, gross)
            }
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The accounts of a shop's books.
    func accounts(_ shop: String) -> [String: Int64] {
        var out: [String: Int64] = [:]
        for row in rows.all(.entry, in: shop) {
            for line in row.shown.list("lines") { out[line.text("account") ?? "", default: 0] += Int64(line.whole("minor")) }
        }
        return out
    }
}
