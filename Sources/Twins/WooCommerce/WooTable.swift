internal import Kernel
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

/// Rows by key, and in the order of their making by shop and kind; with undo to the last commit.
struct WooTable: Sendable {
    private struct Shelf: Hashable {
        var shop: String
        var kind: WooKind
        var order: Int?
    }

    private var rows: [String: WooRow] = [:]
    private var shelves: [Shelf: [String]] = [:]
    private var undo: [(key: String, old: WooRow?)] = []

    subscript(_ shop: String, _ kind: WooKind, _ id: String) -> WooRow? { rows[WooRow.key(shop, kind, id)] }
    subscript(_ shop: String, _ kind: WooKind, _ id: Int) -> WooRow? { rows[WooRow.key(shop, kind, "\(id)")] }

    /// Oldest first.
    func all(_ kind: WooKind, in shop: String) -> [WooRow] { (shelves[Shelf(shop: shop, kind: kind)] ?? []).compactMap { rows[$0] } }

    /// Refunds or notes of one order, oldest first.
    func all(_ kind: WooKind, of order: Int, in shop: String) -> [WooRow] {
        (shelves[Shelf(shop: shop, kind: kind, order: order)] ?? []).compactMap { rows[$0] }
    }

    mutating func put(_ row: WooRow) {
        undo.append((row.key, rows[row.key]))
        replace(row.key, with: row)
    }

    mutating func remove(_ row: WooRow) {
        guard let old = rows[row.key] else { return }
        undo.append((row.key, old))
        replace(row.key, with: nil)
    }

    private mutating func replace(_ key: String, with row: WooRow?) {
        if let old = rows[key], row == nil {
            for shelf in Self.shelves(old) { shelves[shelf]?.removeAll { $0 == key } }
        } else if let row, rows[key] == nil {
            for shelf in Self.shelves(row) { shelves[shelf, default: []].append(key) }
        }
        rows[key] = row
    }

    private static func shelves(_ row: WooRow) -> [Shelf] {
        let all = Shelf(shop: row.shop, kind: row.kind)
        return row.order.map { [all, Shelf(shop: row.shop, kind: row.kind, order: $0)] } ?? [all]
    }

    mutating func rollback() {
        for (key, old) in undo.reversed() { replace(key, with: old) }
        undo = []
    }

    /// How far back `rollback(to:)` can go.
    var mark: Int { undo.count }

    mutating func rollback(to mark: Int) {
        while undo.count > mark, let (key, old) = undo.popLast() { replace(key, with: old) }
    }

    mutating func commit() { undo = [] }

    /// What changed since the last commit, as journal records.
    var changes: [JSON] {
        var seen: Set<String> = []
        return undo.compactMap { change in
            guard seen.insert(change.key).inserted else { return nil }
            return rows[change.key]?.record ?? .object([("t", "gone"), ("key", .string(change.key))])
        }
    }

    mutating func replay(_ record: JSON) {
        if let row = WooRow(record) {
            replace(row.key, with: row)
        } else if record.text("t") == "gone", let key = record.text("key") {
            replace(key, with: nil)
        }
    }
}
