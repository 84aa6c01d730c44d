internal import Kernel
internal import TwinKit
internal import Wire

/// What the twin keeps of a shop.
enum WooKind: String, Sendable, Hashable {
    case order, refund, note, product, variation, customer, rate, coupon, webhook, setting, gateway, key
    case taxClass = "class"
    /// The last number given out in one of the shop's sequences.
    case counter
    /// A webhook that waits to be sent.
    case delivery
    /// One entry of the twin's own books.
    case entry
}

struct WooRow: Sendable {
    let shop: String
    let kind: WooKind
    let id: String
    /// Unix seconds.
    let created: Int64
    var modified: Int64
    /// As the API shows it, or what the shown is computed from.
    var shown: JSON
    /// What the shop keeps to itself.
    var inner: JSON = .object([])

    var number: Int { Int(id) ?? 0 }
    var key: String { Self.key(shop, kind, id) }

    /// The order that a refund or a note belongs to.
    var order: Int? {
        switch kind {
        case .refund: shown.whole("parent")
        case .note: shown.whole("order")
        default: nil
        }
    }

    static func key(_ shop: String, _ kind: WooKind, _ id: String) -> String { "\(shop)/\(kind.rawValue)/\(id)" }

    init(shop: String, kind: WooKind, id: String, created: Int64, modified: Int64, shown: JSON, inner: JSON = .object([])) {
        self.shop = shop
        self.kind = kind
        self.id = id
        self.created = created
        self.modified = modified
        self.shown = shown
        self.inner = inner
    }

    var record: JSON {
        .object([
            ("t", "row"), ("s", .string(shop)), ("k", .string(kind.rawValue)), ("id", .string(id)), ("c", .seconds(created)), ("m", .seconds(modified)),
            ("v", shown), ("i", inner),
        ])
    }

    init?(_ record: JSON) {
        guard record.text("t") == "row", let shop = record.text("s"), let kind = record.text("k").flatMap(WooKind.init), let id = record.text("id"),
            let created = record["c"]?.int, let modified = record["m"]?.int, let shown = record["v"], let inner = record["i"]
        else { return nil }
        self.init(shop: shop, kind: kind, id: id, created: Int64(created), modified: Int64(modified), shown: shown, inner: inner)
    }
}

extension WooRow: TwinRow {
    struct Shelf: Hashable, Comparable, Sendable {
        var shop: String
        var kind: WooKind
        /// Of refunds and notes, which stand in a list of their order as well.
        var order: Int?

        static func < (a: Shelf, b: Shelf) -> Bool { (a.shop, a.kind.rawValue, a.order ?? 0) < (b.shop, b.kind.rawValue, b.order ?? 0) }
    }

    static var keyName: String { "key" }
    /// Lists are in the order of their making, whatever the rows' own times say.
    var rank: Int64 { 0 }
    var shelves: [Shelf] {
        let all = Shelf(shop: shop, kind: kind)
        return order.map { [all, Shelf(shop: shop, kind: kind, order: $0)] } ?? [all]
    }
}

extension TwinTable<WooRow> {
    subscript(_ shop: String, _ kind: WooKind, _ id: String) -> WooRow? { self[WooRow.key(shop, kind, id)] }
    subscript(_ shop: String, _ kind: WooKind, _ id: Int) -> WooRow? { self[WooRow.key(shop, kind, "\(id)")] }

    /// Oldest first.
    func all(_ kind: WooKind, in shop: String) -> [WooRow] { all(on: .init(shop: shop, kind: kind)) }

    /// Refunds or notes of one order, oldest first.
    func all(_ kind: WooKind, of order: Int, in shop: String) -> [WooRow] { all(on: .init(shop: shop, kind: kind, order: order)) }

    mutating func remove(_ row: WooRow) { remove(row.key) }
}
