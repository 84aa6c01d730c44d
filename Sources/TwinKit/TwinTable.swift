public import Wire

/// A row of a twin's memory: it knows how it is written into the journal, and the lists it stands in.
public protocol TwinRow: Sendable {
    associatedtype Shelf: Hashable & Comparable & Sendable

    /// The journal's name for `key` in the record of a row that is gone.
    static var keyName: String { get }
    /// Unlike every other row's.
    var key: String { get }
    /// The lists that it stands in; the same as long as it lives.
    var shelves: [Shelf] { get }
    /// Its place in a list: behind those of the same or a smaller rank.
    var rank: Int64 { get }
    var record: JSON { get }
    /// `nil` for a record of something else.
    init?(_ record: JSON)
}

/// Rows by key, and in the order of their rank by shelf; with undo to the last commit, or to a mark.
public struct TwinTable<Row: TwinRow>: Sendable {
    private var rows: [String: Row] = [:]
    private var shelves: [Row.Shelf: [String]] = [:]
    private var undo: [(key: String, old: Row?)] = []

    public init() {}

    public subscript(_ key: String) -> Row? { rows[key] }

    /// Lowest rank first.
    public func all(on shelf: Row.Shelf) -> [Row] { (shelves[shelf] ?? []).compactMap { rows[$0] } }

    /// Those of several shelves, shelf by shelf.
    public func all(where isWanted: (Row.Shelf) -> Bool) -> [Row] { shelves.keys.filter(isWanted).sorted().flatMap { all(on: $0) } }

    public mutating func put(_ row: Row) {
        undo.append((row.key, rows[row.key]))
        replace(row.key, with: row)
    }

    public mutating func remove(_ key: String) {
        guard let old = rows[key] else { return }
        undo.append((key, old))
        replace(key, with: nil)
    }

    private mutating func replace(_ key: String, with row: Row?) {
        if let old = rows[key], row == nil {
            for shelf in old.shelves { shelves[shelf]?.removeAll { $0 == key } }
        } else if let row, rows[key] == nil {
            for shelf in row.shelves { place(row, on: shelf) }
        }
        rows[key] = row
    }

    /// The world may be told out of order: a list stays in the order of its rank.
    private mutating func place(_ row: Row, on shelf: Row.Shelf) {
        // Taken out while it grows, so that it is not copied for each row.
        var list = shelves.removeValue(forKey: shelf) ?? []
        var place = list.count
        while place > 0, let earlier = rows[list[place - 1]], earlier.rank > row.rank { place -= 1 }
        list.insert(row.key, at: place)
        shelves[shelf] = list
    }

    // MARK: Undo

    /// How far the changes go by now: a point to go back to.
    public var mark: Int { undo.count }

    /// Takes back what changed since the mark; without one, since the last commit.
    public mutating func rollback(to mark: Int = 0) {
        while undo.count > mark, let (key, old) = undo.popLast() { replace(key, with: old) }
    }

    public mutating func commit() { undo = [] }

    // MARK: Journal

    /// What changed since the last commit, as journal records.
    public var changes: [JSON] {
        var seen: Set<String> = []
        return undo.compactMap { change in
            guard seen.insert(change.key).inserted else { return nil }
            return rows[change.key]?.record ?? .object([("t", "gone"), (Row.keyName, .string(change.key))])
        }
    }

    /// Takes a journal record in; those of other things are left out.
    public mutating func replay(_ record: JSON) {
        if let row = Row(record) {
            replace(row.key, with: row)
        } else if record["t"]?.string == "gone", let key = record[Row.keyName]?.string {
            replace(key, with: nil)
        }
    }
}

/// A memory all of which is in one table.
public protocol TabledMemory: TwinMemory {
    associatedtype Row: TwinRow
    var rows: TwinTable<Row> { get set }
}

extension TabledMemory {
    public var changes: [JSON] { rows.changes }
    public mutating func commit() { rows.commit() }
    public mutating func rollback() { rows.rollback() }
    public mutating func replay(_ record: JSON) { rows.replay(record) }
}
