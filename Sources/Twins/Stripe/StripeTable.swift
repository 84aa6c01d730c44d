internal import Kernel
internal import Wire

/// Something that the twin keeps, in one business's one mode.
struct StripeRow: Sendable {
    let id: String
    let scope: StripeScope
    let kind: StripeKind
    /// Unix seconds.
    let created: Int64
    /// The object as the API shows it.
    var shown: JSON
    /// What the vendor keeps to itself: secrets, how a test card will behave, which payout a row is in.
    var inner: JSON = .object([])

    var record: JSON {
        .object([
            ("t", "row"), ("id", .string(id)), ("k", .string(kind.rawValue)), ("s", .string(scope.text)), ("c", .minor(created)), ("v", shown),
            ("i", inner),
        ])
    }

    init(id: String, scope: StripeScope, kind: StripeKind, created: Int64, shown: JSON, inner: JSON = .object([])) {
        self.id = id
        self.scope = scope
        self.kind = kind
        self.created = created
        self.shown = shown
        self.inner = inner
    }

    init?(_ record: JSON) {
        guard record.text("t") == "row", let id = record.text("id"), let kind = record.text("k").flatMap(StripeKind.init),
            let scope = record.text("s").flatMap(StripeScope.init), let created = record["c"]?.int, let shown = record["v"], let inner = record["i"]
        else { return nil }
        self.init(id: id, scope: scope, kind: kind, created: Int64(created), shown: shown, inner: inner)
    }
}

/// Rows by id, and in the order of their making by business and kind; with undo to the last commit.
struct StripeTable: Sendable {
    private struct Shelf: Hashable {
        var scope: StripeScope
        var kind: StripeKind
    }

    private var rows: [String: StripeRow] = [:]
    private var shelves: [Shelf: [String]] = [:]
    private var undo: [(id: String, old: StripeRow?)] = []

    subscript(_ id: String) -> StripeRow? { rows[id] }

    /// Oldest first.
    func all(_ kind: StripeKind, in scope: StripeScope) -> [StripeRow] {
        (shelves[Shelf(scope: scope, kind: kind)] ?? []).compactMap { rows[$0] }
    }

    /// Of all businesses and both modes.
    func all(_ kind: StripeKind) -> [StripeRow] {
        shelves.keys.filter { $0.kind == kind }.sorted { $0.scope.text < $1.scope.text }.flatMap { all(kind, in: $0.scope) }
    }

    mutating func put(_ row: StripeRow) {
        undo.append((row.id, rows[row.id]))
        replace(row.id, with: row)
    }

    mutating func remove(_ id: String) {
        guard let old = rows[id] else { return }
        undo.append((id, old))
        replace(id, with: nil)
    }

    private mutating func replace(_ id: String, with row: StripeRow?) {
        if let old = rows[id], row == nil {
            shelves[Shelf(scope: old.scope, kind: old.kind)]?.removeAll { $0 == id }
        } else if let row, rows[id] == nil {
            shelve(row)
        }
        rows[id] = row
    }

    /// Events of the world may be told out of order: the list stays in the order of their time.
    private mutating func shelve(_ row: StripeRow) {
        let shelf = Shelf(scope: row.scope, kind: row.kind)
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

    /// What changed since the last commit, as journal records.
    var changes: [JSON] {
        var seen: Set<String> = []
        return undo.compactMap { change in
            guard seen.insert(change.id).inserted else { return nil }
            return rows[change.id]?.record ?? .object([("t", "gone"), ("id", .string(change.id))])
        }
    }

    mutating func replay(_ record: JSON) {
        if let row = StripeRow(record) {
            replace(row.id, with: row)
        } else if record.text("t") == "gone", let id = record.text("id") {
            replace(id, with: nil)
        }
    }
}

/// Fixed windows of one second, in memory only.
struct StripeMeter: Sendable {
    private struct Window: Sendable {
        var second: Int64 = .min
        var used = 0
    }

    private var windows: [String: Window] = [:]

    /// Counts a request, or says which limit refuses it.
    mutating func admit(_ scope: StripeScope, _ endpoint: String, at second: Int64, _ limits: StripeLimits) -> String? {
        let most = scope.isLive ? limits.livePerSecond : limits.testPerSecond
        guard used(scope.text, second) < most else { return "global-rate" }
        let narrow = scope.text + " " + endpoint
        guard used(narrow, second) < limits.endpointPerSecond else { return "endpoint-rate" }
        // A bound on memory: the windows of seconds past are of no use.
        if windows.count > 1000 { windows = windows.filter { $0.value.second == second } }
        for key in [scope.text, narrow] { windows[key] = Window(second: second, used: used(key, second) + 1) }
        return nil
    }

    private func used(_ key: String, _ second: Int64) -> Int { windows[key].map { $0.second == second ? $0.used : 0 } ?? 0 }
}
