internal import Kernel
internal import TwinKit
internal import Wire

/// All the twin remembers.
struct WooState: TabledMemory {
    static let prefix = "/woocommerce"

    let shops: [String: WooShop]
    var rows = TwinTable<WooRow>()
    var nonces = WooNonces()
    /// Webhooks that are under way.
    var underway: Set<String> = []
    /// What a request has already told a webhook of: one request tells of one thing once.
    var told: Set<String> = []
    /// The address at which each shop was last seen.
    var homes: [String: String] = [:]

    init(shops: [String: WooShop]) {
        self.shops = shops
        for shop in shops.values {
            for row in WooSeed.rows(shop) { rows.put(row) }
        }
        rows.commit()
    }

    func zone(_ shop: String) -> Zone { shops[shop]?.zone ?? .utc }

    /// The next number of one of the shop's sequences; what is deleted is never given out again.
    mutating func next(_ sequence: String, _ m: WooMoment) -> Int {
        let number = (rows[m.shop, .counter, sequence]?.shown.int ?? 0) + 1
        rows.put(WooRow(shop: m.shop, kind: .counter, id: sequence, created: WooSeed.opened, modified: m.seconds, shown: .whole(number)))
        return number
    }

    mutating func insert(_ kind: WooKind, _ id: String, _ shown: JSON, inner: JSON = .object([]), _ m: WooMoment) {
        rows.put(WooRow(shop: m.shop, kind: kind, id: id, created: m.seconds, modified: m.seconds, shown: shown, inner: inner))
    }

    /// Puts a row back with other content, modified now.
    mutating func change(_ row: WooRow, _ shown: JSON, inner: JSON? = nil, _ m: WooMoment) {
        var row = row
        row.shown = shown
        row.inner = inner ?? row.inner
        row.modified = m.seconds
        rows.put(row)
    }

    /// Free data that plugins and integrations hang on things: entries with an id or a known key replace, null takes away.
    mutating func merged(_ kept: [WooMeta], _ given: [JSON]?, _ m: WooMoment) -> [WooMeta] {
        var out = kept
        for entry in given ?? [] {
            guard let key = entry.text("key") else { continue }
            let value = entry["value"] ?? JSON.null
            let place = entry["id"]?.int.flatMap { id in out.firstIndex { $0.id == id } } ?? out.firstIndex { $0.key == key }
            if let place {
                if value.isNull { out.remove(at: place) } else { out[place] = WooMeta(id: out[place].id, key: key, value: value) }
            } else if !value.isNull {
                out.append(WooMeta(id: next("meta", m), key: key, value: value))
            }
        }
        return out
    }
}

/// One entry of `meta_data`.
struct WooMeta: Sendable {
    var id: Int
    var key: String
    var value: JSON

    init(id: Int, key: String, value: JSON) {
        self.id = id
        self.key = key
        self.value = value
    }

    init(_ json: JSON) { self.init(id: json.whole("id"), key: json.text("key") ?? "", value: json["value"] ?? JSON.null) }

    var json: JSON { .object([("id", .whole(id)), ("key", .string(key)), ("value", value)]) }

    /// As it is shown on an order's line.
    var onLine: JSON {
        .object([("id", .whole(id)), ("key", .string(key)), ("value", value), ("display_key", .string(key)), ("display_value", value)])
    }
}

extension [WooMeta] {
    init(_ json: JSON?) { self = (json?.array ?? []).map { WooMeta($0) } }

    subscript(_ key: String) -> JSON? { first { $0.key == key }?.value }
    var json: JSON { .array(map(\.json)) }
}
