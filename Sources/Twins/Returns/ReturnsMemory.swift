internal import Kernel
internal import TwinKit
internal import Wire

/// One thing that a twin keeps of a store.
struct ReturnsRow: TwinRow {
    enum Kind: String, Sendable {
        case goodsReturn = "return"
        case hook
        case note
        /// The last number given out.
        case counter
    }

    struct Shelf: Hashable, Comparable, Sendable {
        var store: String
        var kind: String

        static func < (a: Shelf, b: Shelf) -> Bool { (a.store, a.kind) < (b.store, b.kind) }
    }

    static let keyName = "key"

    var store: String
    var kind: Kind
    var id: String
    var content: JSON

    var key: String { Self.key(store, kind, id) }
    var shelves: [Shelf] { [Self.shelf(store, kind)] }
    var rank: Int64 { 0 }
    var record: JSON {
        .object([("t", "row"), ("store", .string(store)), ("kind", .string(kind.rawValue)), ("id", .string(id)), ("content", content)])
    }

    static func key(_ store: String, _ kind: Kind, _ id: String) -> String { "\(store)/\(kind.rawValue)/\(id)" }
    static func shelf(_ store: String, _ kind: Kind) -> Shelf { Shelf(store: store, kind: kind.rawValue) }

    init(_ store: String, _ kind: Kind, _ id: String, _ content: JSON) {
        self.store = store
        self.kind = kind
        self.id = id
        self.content = content
    }

    init?(_ record: JSON) {
        guard record["t"]?.string == "row", let store = record["store"]?.string, let kind = record["kind"]?.string.flatMap(Kind.init),
            let id = record["id"]?.string, let content = record["content"]
        else { return nil }
        self.init(store, kind, id, content)
    }
}

/// All that one of the twins remembers.
struct ReturnsMemory: TwinMemory {
    var rows = TwinTable<ReturnsRow>()
    var queue = WebhookQueue()
    /// Calls of each key; what was counted before a restart is forgotten.
    var meter = SecondMeter()

    var changes: [JSON] { rows.changes + queue.changes }

    mutating func commit() {
        rows.commit()
        queue.commit()
    }

    mutating func rollback() {
        rows.rollback()
        queue.rollback()
    }

    mutating func replay(_ record: JSON) { if !queue.replay(record) { rows.replay(record) } }

    /// The next number of a store.
    mutating func next(_ name: String, in store: String, from first: Int) -> Int {
        let number = (rows[ReturnsRow.key(store, .counter, name)]?.content.int ?? first) + 1
        rows.put(ReturnsRow(store, .counter, name, .whole(number)))
        return number
    }

    /// What was written beside a return, oldest first.
    func notes(of back: String, in store: String) -> [ReturnsRow] {
        rows.all(on: ReturnsRow.shelf(store, .note)).filter { $0.content.text("return") == back }.sorted { (Int($0.id) ?? 0) < (Int($1.id) ?? 0) }
    }

    /// Writes one, and says that the return has changed.
    mutating func note(_ content: String, on id: String, in store: String, at now: Timestamp) throws(Fault) {
        guard var back = self[store, id] else { throw Happening.refused("the store has no such return", "id") }
        let number = next("note", in: store, from: 700), second = JSON.whole(Int(now.seconds))
        rows.put(ReturnsRow(store, .note, "\(number)", .object([("return", .string(id)), ("content", .string(content)), ("created", second)])))
        back.content = back.content.setting("changed", second)
        rows.put(back.row)
        try tell(back, .corrected, .loop)
    }

    /// A store's returns, oldest first.
    func returns(of store: String) -> [GoodsBack] { rows.all(on: ReturnsRow.shelf(store, .goodsReturn)).map { GoodsBack($0) } }

    subscript(_ store: String, _ id: String) -> GoodsBack? { rows[ReturnsRow.key(store, .goodsReturn, id)].map { GoodsBack($0) } }
}

extension JSON {
    static func whole(_ value: Int) -> JSON { .number("\(value)") }
    static func whole(_ value: Int64) -> JSON { .number("\(value)") }
    static func when(_ seconds: Int?) -> JSON { seconds.map { .string("\(Timestamp(seconds: Int64($0)))") } ?? JSON.null }

    func text(_ key: String) -> String? { self[key]?.string }
    func minor(_ key: String) -> Int64 { Int64(self[key]?.int ?? 0) }
    func list(_ key: String) -> [JSON] { self[key]?.array ?? [] }
}
