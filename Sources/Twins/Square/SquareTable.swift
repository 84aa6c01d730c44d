internal import Kernel
internal import Wire

/// Something that the twin keeps for one merchant.
struct SquareRow: Sendable {
    let id: String
    let merchant: String
    let kind: SquareKind
    let created: Timestamp
    /// The object as the API shows it.
    var shown: JSON
    /// What the vendor keeps to itself.
    var inner: JSON = .object([])

    var record: JSON {
        .object([
            ("t", "row"), ("id", .string(id)), ("m", .string(merchant)), ("k", .string(kind.rawValue)), ("c", .minor(created.microseconds)),
            ("v", shown), ("i", inner),
        ])
    }

    init(id: String, merchant: String, kind: SquareKind, created: Timestamp, shown: JSON, inner: JSON = .object([])) {
        self.id = id
        self.merchant = merchant
        self.kind = kind
        self.created = created
        self.shown = shown
        self.inner = inner
    }

    init?(_ record: JSON) {
        guard record.text("t") == "row", let id = record.text("id"), let kind = record.text("k").flatMap(SquareKind.init),
            let merchant = record.text("m"), let created = record["c"]?.int, let shown = record["v"], let inner = record["i"]
        else { return nil }
        self.init(id: id, merchant: merchant, kind: kind, created: Timestamp(microseconds: Int64(created)), shown: shown, inner: inner)
    }
}

/// Rows by id, and in the order of their time by merchant and kind; with undo to the last commit.
struct SquareTable: Sendable {
    private struct Shelf: Hashable {
        var merchant: String
        var kind: SquareKind
    }

    private var rows: [String: SquareRow] = [:]
    private var shelves: [Shelf: [String]] = [:]
    private var undo: [(id: String, old: SquareRow?)] = []

    subscript(_ id: String) -> SquareRow? { rows[id] }

    /// Oldest first.
    func all(_ kind: SquareKind, of merchant: String) -> [SquareRow] {
        (shelves[Shelf(merchant: merchant, kind: kind)] ?? []).compactMap { rows[$0] }
    }

    /// Of all merchants.
    func all(_ kind: SquareKind) -> [SquareRow] {
        shelves.keys.filter { $0.kind == kind }.sorted { $0.merchant < $1.merchant }.flatMap { all(kind, of: $0.merchant) }
    }

    mutating func put(_ row: SquareRow) {
        undo.append((row.id, rows[row.id]))
        replace(row.id, with: row)
    }

    mutating func remove(_ id: String) {
        guard let old = rows[id] else { return }
        undo.append((id, old))
        replace(id, with: nil)
    }

    private mutating func replace(_ id: String, with row: SquareRow?) {
        if let old = rows[id], row == nil {
            shelves[Shelf(merchant: old.merchant, kind: old.kind)]?.removeAll { $0 == id }
        } else if let row, rows[id] == nil {
            shelve(row)
        }
        rows[id] = row
    }

    /// The world may be told out of order: the list stays in the order of its time.
    private mutating func shelve(_ row: SquareRow) {
        let shelf = Shelf(merchant: row.merchant, kind: row.kind)
        var list = shelves.removeValue(forKey: shelf) ?? []
        var place = list.count
        while place > 0, let earlier = rows[list[place - 1]], earlier.created > row.created { place -= 1 }
        list.insert(row.id, at: place)
        shelves[shelf] = list
    }

    mutating func rollback() {
        for (id, old) in undo.reversed() { replace(id, with: old) }
        undo = []
    }

    mutating func commit() { undo = [] }

    /// How far the changes go by now: a point to go back to.
    var mark: Int { undo.count }

    /// Takes back what changed since the mark.
    mutating func rollback(to mark: Int) {
        while undo.count > mark, let (id, old) = undo.popLast() { replace(id, with: old) }
    }

    /// What changed since the last commit, as journal records.
    var changes: [JSON] {
        var seen: Set<String> = []
        return undo.compactMap { change in
            guard seen.insert(change.id).inserted else { return nil }
            return rows[change.id]?.record ?? .object([("t", "gone"), ("id", .string(change.id))])
        }
    }

    mutating func replay(_ record: JSON) {
        if let row = SquareRow(record) {
            replace(row.id, with: row)
        } else if record.text("t") == "gone", let id = record.text("id") {
            replace(id, with: nil)
        }
    }
}

/// Fixed windows of one second, in memory only.
struct SquareMeter: Sendable {
    private struct Window: Sendable {
        var second: Int64 = .min
        var used = 0
    }

    private var windows: [String: Window] = [:]

    /// Counts a request of that sort, or says that it is one too many.
    mutating func admits(_ what: String, at second: Int64, most: Int) -> Bool {
        let used = windows[what].map { $0.second == second ? $0.used : 0 } ?? 0
        guard used < most else { return false }
        // A bound on memory: the windows of seconds past are of no use.
        if windows.count > 1000 { windows = windows.filter { $0.value.second == second } }
        windows[what] = Window(second: second, used: used + 1)
        return true
    }
}
