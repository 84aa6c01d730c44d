public import Wire

/// Something that a twin keeps, and can write into its journal.
public protocol TwinRow: Sendable {
    /// What rows are listed by: their kind, and whose they are.
    associatedtype Shelf: Hashable & Sendable
    /// One for each row of a table.
    var id: String { get }
    var shelf: Shelf { get }
    /// Rows of a shelf stand in this order, and in that of their making where it is the same.
    var order: Int64 { get }
    /// As the journal keeps it: an object whose `t` is `row`.
    var record: JSON { get }
    /// `nil` for a record of something else.
    init?(_ record: JSON)
}

/// A twin's rows, by id and in order by shelf; with undo to the last commit.
public struct RowTable<Row: TwinRow>: Sendable {
    private var rows: [String: Row] = [:]
    private var lists: [Row.Shelf: [String]] = [:]
    private var undo: [(id: String, old: Row?)] = []

    public init() {}

    public subscript(_ id: String) -> Row? { rows[id] }

    /// Every shelf that ever had a row, in no order.
    public var shelves: [Row.Shelf] { Array(lists.keys) }

    /// Lowest order first.
    public func all(on shelf: Row.Shelf) -> [Row] { (lists[shelf] ?? []).compactMap { rows[$0] } }

    public mutating func put(_ row: Row) {
        undo.append((row.id, rows[row.id]))
        replace(row.id, with: row)
    }

    /// A row that is there from the beginning: neither undone nor in the journal.
    public mutating func seed(_ row: Row) { replace(row.id, with: row) }

    public mutating func remove(_ id: String) {
        guard let old = rows[id] else { return }
        undo.append((id, old))
        replace(id, with: nil)
    }

    private mutating func replace(_ id: String, with row: Row?) {
        if let old = rows[id], row == nil {
            lists[old.shelf]?.removeAll { $0 == id }
        } else if let row, rows[id] == nil {
            shelve(row)
        }
        rows[id] = row
    }

    /// The world may be told out of order: the list stays in its own.
    private mutating func shelve(_ row: Row) {
        var list = lists.removeValue(forKey: row.shelf) ?? []
        var place = list.count
        while place > 0, let earlier = rows[list[place - 1]], earlier.order > row.order { place -= 1 }
        list.insert(row.id, at: place)
        lists[row.shelf] = list
    }

    public mutating func rollback() { rollback(to: 0) }

    public mutating func commit() { undo = [] }

    /// How far the changes go by now: a point to go back to.
    public var mark: Int { undo.count }

    /// Takes back what changed since the mark.
    public mutating func rollback(to mark: Int) {
        while undo.count > mark, let (id, old) = undo.popLast() { replace(id, with: old) }
    }

    /// What changed since the last commit, as journal records.
    public var changes: [JSON] {
        var seen: Set<String> = []
        return undo.compactMap { change in
            guard seen.insert(change.id).inserted else { return nil }
            return rows[change.id]?.record ?? .object([("t", "gone"), ("id", .string(change.id))])
        }
    }

    /// Takes a journal record in.
    public mutating func replay(_ record: JSON) {
        if let row = Row(record) {
            replace(row.id, with: row)
        } else if record["t"]?.string == "gone", let id = record["id"]?.string {
            replace(id, with: nil)
        }
    }
}
