internal import Kernel
internal import Wire

/// What came back, or is to come back, in the words that all returns systems share. Amounts are minor units of a currency with two digits.
struct GoodsBack: Sendable {
    struct Line: Sendable {
        var content: JSON

        /// The shop's own id of the order's line.
        var line: String { content.text("line") ?? "" }
        var sku: String { content.text("sku") ?? "" }
        var title: String { content.text("title") ?? sku }
        var quantity: Int { content["quantity"]?.int ?? 1 }
        /// Of all units, before the discount.
        var price: Int64 { content.minor("price") }
        var discount: Int64 { content.minor("discount") }
        var tax: Int64 { content.minor("tax") }
        var reason: String? { content.text("reason") }
        /// The reason's group.
        var group: String? { content.text("group") }

        func worth(taxIncluded: Bool) -> Int64 { price - discount + (taxIncluded ? 0 : tax) }

        /// What one of the units has of an amount: the first ones get what does not divide.
        func share(_ amount: Int64, unit: Int) -> Int64 {
            let count = Int64(quantity)
            return amount / count + (Int64(unit) < amount % count ? 1 : 0)
        }
    }

    enum State: String, Sendable, CaseIterable { case open, review, closed, cancelled, expired }

    let store: String
    let id: String
    var content: JSON

    init(_ row: ReturnsRow) { (store, id, content) = (row.store, row.id, row.content) }
    init(store: String, id: String, _ content: JSON) { (self.store, self.id, self.content) = (store, id, content) }

    var row: ReturnsRow { ReturnsRow(store, .goodsReturn, id, content) }

    var state: State { content.text("state").flatMap(State.init) ?? .open }
    /// The shop's id of the order, and what people call it.
    var order: String { content.text("order") ?? "" }
    var orderName: String { content.text("order_name") ?? "#\(order)" }
    var currency: String { content.text("currency") ?? "USD" }
    /// Prices contain their tax.
    var taxIncluded: Bool { content["tax_included"]?.bool ?? false }
    /// Unix seconds.
    var created: Int { content["created"]?.int ?? 0 }
    var changed: Int { content["changed"]?.int ?? created }
    var settled: Int? { content["settled"]?.int }
    var approved: Int? { content["approved"]?.int }
    var received: Int? { content["received"]?.int }
    var isRestocked: Bool { content["restocked"]?.bool ?? false }
    var lines: [Line] { content.list("lines").map { Line(content: $0) } }
    var exchanges: [Line] { content.list("exchange").map { Line(content: $0) } }
    var fee: Int64 { content.minor("fee") }
    var bonus: Int64 { content.minor("bonus") }
    /// The shop's id of the refund that gives the money, and of the new order.
    var refundID: String? { content.text("refund_id") }
    var newOrder: String? { content.text("new_order") }
    var gateway: String { content.text("gateway") ?? "shopify_payments" }

    var worth: Int64 { lines.reduce(0) { $0 + $1.worth(taxIncluded: taxIncluded) } }
    var exchanged: Int64 { exchanges.reduce(0) { $0 + $1.worth(taxIncluded: taxIncluded) } }
    /// What is left for the customer; below zero, what he adds.
    var due: Int64 { worth + bonus - fee - exchanged }
    private var isCredit: Bool { content.text("to") == "credit" }
    /// Nothing is given before the return is settled.
    var refund: Int64 { settled != nil && !isCredit ? max(0, due) : 0 }
    var credit: Int64 { settled != nil && isCredit ? max(0, due) : 0 }
    var pays: Int64 { settled != nil ? max(0, -due) : 0 }

    static func amount(_ minor: Int64) -> String {
        let digits = "\(minor.magnitude % 100)"
        return "\(minor < 0 ? "-" : "")\(minor.magnitude / 100).\(digits.utf8.count < 2 ? "0" : "")\(digits)"
    }
}
