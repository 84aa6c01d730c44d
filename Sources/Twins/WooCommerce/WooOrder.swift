internal import Kernel
internal import Wire

/// An order as the twin keeps it.
struct WooOrder: Sendable {
    var id: Int
    /// What nothing is computed from: number, key, addresses, payment method and so on.
    var plain: JSON
    var status = "pending"
    /// Unix seconds.
    var created: Int64
    var paid: Int64?
    var completed: Int64?
    var items: [WooItem] = []
    var meta: [WooMeta] = []
    var discountTotal: ExactDecimal = .zero
    var discountTax: ExactDecimal = .zero
    var shippingTotal: ExactDecimal = .zero
    var shippingTax: ExactDecimal = .zero
    var cartTax: ExactDecimal = .zero
    var total: ExactDecimal = .zero
    /// Whether its goods have been taken out of stock.
    var hasReducedStock = false

    init(id: Int, plain: JSON, created: Int64) {
        self.id = id
        self.plain = plain
        self.created = created
    }

    func items(_ kind: WooItem.Kind) -> [WooItem] { items.filter { $0.kind == kind } }
    var currency: String { plain.text("currency") ?? "" }
    var customer: Int { plain.whole("customer_id") }
    var method: String { plain.text("payment_method") ?? "" }
    var isEditable: Bool { ["pending", "on-hold", "auto-draft"].contains(status) }
    var needsPayment: Bool { ["pending", "failed"].contains(status) && total.isPositive }
    var totalTax: ExactDecimal { cartTax + shippingTax }

    // MARK: Keeping

    init?(_ row: WooRow) {
        guard let plain = row.shown["p"] else { return nil }
        let json = row.shown
        self.init(id: row.number, plain: plain, created: row.created)
        status = json.text("s") ?? ""
        paid = json["paid"]?.int.map { Int64($0) }
        completed = json["completed"]?.int.map { Int64($0) }
        items = json.list("items").compactMap { WooItem($0) }
        meta = [WooMeta](json["m"])
        discountTotal = json.amount("dt")
        discountTax = json.amount("dx")
        shippingTotal = json.amount("st")
        shippingTax = json.amount("sx")
        cartTax = json.amount("cx")
        total = json.amount("t")
        hasReducedStock = json.flag("stock")
    }

    var record: JSON {
        .object([
            ("p", plain), ("s", .string(status)), ("paid", .seconds(paid)), ("completed", .seconds(completed)), ("items", .array(items.map(\.record))),
            ("m", meta.json), ("dt", discountTotal.keptJSON), ("dx", discountTax.keptJSON), ("st", shippingTotal.keptJSON), ("sx", shippingTax.keptJSON),
            ("cx", cartTax.keptJSON), ("t", total.keptJSON), ("stock", .bool(hasReducedStock)),
        ])
    }
}

/// A refund of an order; amounts of its lines are negative, its own is not.
struct WooRefund: Sendable {
    var id: Int
    var parent: Int
    var created: Int64
    var amount: ExactDecimal
    var reason: String
    var by: Int
    /// Whether the gateway was told to pay back.
    var isPaidBack: Bool
    var items: [WooItem]
    var meta: [WooMeta] = []

    init(id: Int, parent: Int, created: Int64, amount: ExactDecimal, reason: String, by: Int, isPaidBack: Bool, items: [WooItem]) {
        self.id = id
        self.parent = parent
        self.created = created
        self.amount = amount
        self.reason = reason
        self.by = by
        self.isPaidBack = isPaidBack
        self.items = items
    }

    init(_ row: WooRow) {
        let json = row.shown
        self.init(
            id: row.number, parent: json.whole("parent"), created: row.created, amount: json.amount("amount"), reason: json.text("reason") ?? "",
            by: json.whole("by"), isPaidBack: json.flag("paid"), items: json.list("items").compactMap { WooItem($0) })
        meta = [WooMeta](json["m"])
    }

    var record: JSON {
        .object([
            ("parent", .whole(parent)), ("amount", amount.keptJSON), ("reason", .string(reason)), ("by", .whole(by)), ("paid", .bool(isPaidBack)),
            ("items", .array(items.map(\.record))), ("m", meta.json),
        ])
    }

    func items(_ kind: WooItem.Kind) -> [WooItem] { items.filter { $0.kind == kind } }
}
