internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// An order as its shop states it, amounts with all their places.
struct OrderRecord: Sendable {
    var id: String
    var number: String
    var status: String
    var createdVia: String
    var created: Timestamp
    var modified: Timestamp
    var paid: Timestamp?
    var completed: Timestamp?
    var currency: Currency
    var total: Exact
    var cartTax: Exact
    var shippingTax: Exact
    var discount: Exact
    var items: [LineRecord]
    var fees: [LineRecord]
    var shipping: [LineRecord]
    var taxes: [TaxLineRecord]
    var cards: [CardRecord]
    var method: String
    var transaction: String?
    /// The customer's account; `nil` for guests.
    var customer: String?
    var email: String?
    /// Where the goods go, else where the bill goes.
    var country: String
    var state: String
    /// Ids of the refunds that the order names.
    var refunds: [String]
    var meta: MetaRecord
    var field: Field

    init(_ told: Field) throws(Fault) {
        id = try told["id"].id()
        let order = told.named("order \(id)")
        field = order
        number = try order["number"].optionalLooseText() ?? id
        status = WooSettings.status(try order["status"].looseText())
        createdVia = try order["created_via"].optionalLooseText() ?? ""
        created = try order["date_created_gmt"].instant()
        modified = try order["date_modified_gmt"].optionalInstant() ?? created
        paid = try order["date_paid_gmt"].optionalInstant()
        completed = try order["date_completed_gmt"].optionalInstant()
        currency = try order["currency"].currency()
        guard !order["total"].isEmpty else { throw order["total"].unreadable("an amount") }
        total = try order["total"].exact()
        cartTax = try order["cart_tax"].exact()
        shippingTax = try order["shipping_tax"].exact()
        discount = try order["discount_total"].exact()
        items = try order["line_items"].each { field throws(Fault) in try LineRecord(field, .item) }
        fees = try order["fee_lines"].each { field throws(Fault) in try LineRecord(field, .fee) }
        shipping = try order["shipping_lines"].each { field throws(Fault) in try LineRecord(field, .shipping) }
        taxes = try order["tax_lines"].each { field throws(Fault) in try TaxLineRecord(field) }
        cards = try order["gift_cards"].each { field throws(Fault) in try CardRecord(field) }
        method = try order["payment_method"].optionalLooseText() ?? ""
        transaction = try order["transaction_id"].optionalLooseText()
        customer = order["customer_id"].view.int.flatMap { $0 > 0 ? "\($0)" : nil }
        email = try order["billing"]["email"].optionalLooseText()
        let goods = try order["shipping"]["country"].optionalLooseText() != nil ? order["shipping"] : order["billing"]
        country = try goods["country"].optionalLooseText() ?? ""
        state = try goods["state"].optionalLooseText() ?? ""
        refunds = try order["refunds"].each { field throws(Fault) in try field["id"].id() }
        meta = try MetaRecord(order["meta_data"])
        let ids = (items + fees + shipping).map(\.id)
        guard Set(ids).count == ids.count else { throw order["line_items"].unreadable("a list of lines with ids of their own") }
    }

    /// An order whose checkout nobody has finished.
    static func isDraft(_ status: String) -> Bool { ["checkout-draft", "auto-draft", "draft", "new"].contains(status) }

    /// Some deposit plugins have part of an order paid, and say so by its status alone.
    var isPaidInPart: Bool { ["partial-payment", "partially-paid", "partial-paid", "scheduled-payment", "pending-deposit"].contains(status) }

    var isCancelled: Bool { status == "cancelled" || status == "trash" }

    /// When it changed, and of several changes in one second how far it had come.
    var version: Int64 {
        let rank: Int64 =
            switch status {
            case "pending": 0
            case "failed": 1
            case "on-hold": 2
            case "processing": 4
            case "completed": 5
            case "cancelled": 6
            case "refunded": 7
            case "trash": 8
            default: 3
            }
        return max(1, modified.microseconds) + rank * 100_000 + Int64(min(refunds.count, 99)) * 1_000 + (paid == nil ? 0 : 500)
    }
}

/// A product, fee or delivery of an order, or what went back of one. Amounts are without tax, after coupons; those of refunds as the shop states them.
struct LineRecord: Sendable {
    enum Kind: Sendable { case item, fee, shipping }

    var id: String
    var kind: Kind
    var title: String
    var sku: String
    var quantity: ExactDecimal
    /// Before coupons.
    var subtotal: Exact
    var total: Exact
    var tax: Exact
    /// By rate, those of nothing included: they say that a rate of 0 % applied.
    var taxes: [(rate: String, amount: Exact)]
    var meta: MetaRecord
    /// Product and variation, to find the line that a refund is about where it does not say.
    var goods: String

    init(_ line: Field, _ kind: Kind) throws(Fault) {
        self.kind = kind
        id = try line["id"].id()
        let name = kind == .shipping ? line["method_title"] : line["name"]
        title = Self.plain(try name.optionalLooseText() ?? "")
        let product = line["product_id"].view.int ?? 0, variation = line["variation_id"].view.int ?? 0
        goods = variation > 0 ? "variation-\(variation)" : product > 0 ? "product-\(product)" : ""
        // A refund states negative units.
        let stated = line["quantity"].view.decimal.map { $0.isNegative ? -$0 : $0 }
        switch kind {
        case .item:
            guard let units = stated?.shortest, units.scale <= 6, units < ExactDecimal(WooLimits.quantity) else {
                throw line["quantity"].unreadable("a number of units")
            }
            quantity = units
            sku = try line["sku"].optionalLooseText() ?? (goods.isEmpty ? "line" : goods)
        case .fee, .shipping:
            quantity = .one
            sku = kind == .fee ? "fee" + Self.slug(title) : ""
        }
        total = try line["total"].exact()
        subtotal = line["subtotal"].isEmpty ? total : try line["subtotal"].exact()
        tax = try line["total_tax"].exact()
        taxes = []
        for entry in try line["taxes"].list() where !entry["total"].isEmpty {
            let rate = try entry["id"].looseText(), amount = try entry["total"].exact()
            if let at = taxes.firstIndex(where: { $0.rate == rate }) { taxes[at].amount += amount } else { taxes.append((rate, amount)) }
        }
        // Some plugins state a line's tax without saying of which rate.
        if taxes.allSatisfy(\.amount.isZero), !tax.isZero { taxes = [(TaxLineRecord.nameless, tax)] }
        meta = try MetaRecord(line["meta_data"])
    }

    /// Names may hold the markup of a variation.
    private static func plain(_ text: String) -> String {
        guard text.contains("<") else { return text }
        var out = "", isTag = false
        for character in text {
            if character == "<" { isTag = true } else if character == ">" { isTag = false } else if !isTag { out.append(character) }
        }
        return out
    }

    /// `-gift-wrap`.
    private static func slug(_ text: String) -> String {
        let words = text.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "-")
        return words.isEmpty ? "" : "-" + words.prefix(60)
    }
}

/// What an order says of one of its tax rates.
struct TaxLineRecord: Sendable {
    /// Stands for a tax that nobody named.
    static let nameless = ""

    var rate: String
    /// `US-CA-CA SALES TAX-1`.
    var code: String
    var label: String
    var isCompound: Bool
    var percent: ExactDecimal?
    var cart: Exact
    var shipping: Exact

    init(_ line: Field) throws(Fault) {
        rate = try line["rate_id"].looseText()
        code = try line["rate_code"].optionalLooseText() ?? ""
        label = try line["label"].optionalLooseText() ?? ""
        isCompound = try line["compound"].flag()
        percent = try line["rate_percent"].percent()
        cart = try line["tax_total"].exact()
        shipping = try line["shipping_tax_total"].exact()
    }
}

/// A gift card that an order was paid with, as the plugin Gift Cards states it.
struct CardRecord: Sendable {
    var code: String?
    var amount: Exact

    init(_ card: Field) throws(Fault) {
        code = try card["code"].optionalLooseText()
        amount = try card["amount"].exact()
    }
}

/// What plugins keep with an order, a line or a refund: keys and values of any kind.
struct MetaRecord: Sendable {
    private let entries: [(key: String, value: JSONView)]

    init(_ list: Field) throws(Fault) {
        guard list.view.isArray else {
            entries = []
            return
        }
        guard list.view.count <= WooLimits.parts else { throw list.unreadable("a list of at most \(WooLimits.parts) entries") }
        entries = list.view.elements.compactMap { entry in entry["key"].string.map { ($0, entry["value"]) } }
    }

    subscript(_ key: String) -> JSONView? { entries.first { $0.key == key }?.value }

    func text(_ key: String) -> String? {
        guard let value = self[key], let text = value.string ?? value.numberText, !text.isEmpty else { return nil }
        return String(text.prefix(WooLimits.textCharacters))
    }

    /// A number, written as such or as text.
    func decimal(_ key: String) -> ExactDecimal? { self[key]?.decimal }

    /// A key of any of these beginnings.
    func has(prefix: String) -> Bool { entries.contains { $0.key.hasPrefix(prefix) } }
}
