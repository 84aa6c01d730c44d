internal import Kernel
internal import Wire

/// A row of the twin's memory: it knows how it is written into the journal.
protocol XeroRow: Sendable {
    /// The journal's word for it.
    static var kind: String { get }
    var id: String { get }
    var stored: JSON { get }
    init?(stored: JSON)
    /// Keys other rows are found by.
    var indexKeys: [String] { get }
}

extension XeroRow {
    var indexKeys: [String] { [] }
}

/// Rows of one kind in the order of their making, with undo to the last commit.
struct XeroTable<Row: XeroRow>: Sendable {
    private var rows: [String: Row] = [:]
    private var order: [String] = []
    private var index: [String: [String]] = [:]
    private var undo: [(id: String, old: Row?)] = []

    subscript(_ id: String) -> Row? { rows[id] }
    var count: Int { rows.count }
    var all: [Row] { order.compactMap { rows[$0] } }

    /// The rows under an index key, oldest first.
    func find(_ key: String) -> [Row] { (index[key] ?? []).compactMap { rows[$0] } }

    mutating func put(_ row: Row) {
        undo.append((row.id, rows[row.id]))
        replace(row.id, with: row)
    }

    /// A row that is there from the beginning: neither journalled nor undone.
    mutating func seed(_ row: Row) { replace(row.id, with: row) }

    /// Drops rows for good, outside the journal (expired things).
    mutating func forget(where gone: (Row) -> Bool) {
        let ids = order.filter { id in rows[id].map(gone) ?? false }
        guard !ids.isEmpty else { return }
        for id in ids { unindex(id) }
        for id in ids { rows[id] = nil }
        order.removeAll { rows[$0] == nil }
    }

    private mutating func unindex(_ id: String) {
        for key in rows[id]?.indexKeys ?? [] { index[key]?.removeAll { $0 == id } }
    }

    private mutating func replace(_ id: String, with row: Row?) {
        unindex(id)
        if rows[id] == nil, row != nil { order.append(id) }
        if row == nil { order.removeAll { $0 == id } }
        rows[id] = row
        for key in row?.indexKeys ?? [] { index[key, default: []].append(id) }
    }

    mutating func rollback() {
        for (id, old) in undo.reversed() { replace(id, with: old) }
        undo = []
    }

    mutating func commit() { undo = [] }

    /// The rows that changed since the last commit, and whether they are new.
    var touched: [(id: String, isNew: Bool)] {
        var seen: Set<String> = []
        return undo.compactMap { change in seen.insert(change.id).inserted ? (change.id, change.old == nil) : nil }
    }

    /// What changed since the last commit, as journal records.
    var changes: [JSON] {
        var seen: Set<String> = []
        var out: [JSON] = []
        for (id, _) in undo where seen.insert(id).inserted {
            guard let row = rows[id] else { continue }
            out.append(.object([("t", .string(Row.kind)), ("id", .string(id)), ("v", row.stored)]))
        }
        return out
    }

    /// Takes a journal record in, if it is of this kind.
    mutating func replay(_ record: JSON) -> Bool {
        guard record["t"]?.string == Row.kind else { return false }
        if let value = record["v"], let row = Row(stored: value) { replace(row.id, with: row) }
        return true
    }
}
