public import Kernel

/// The answer to one statement: its rows, copied once out of libpq, and the number of rows it touched.
public struct PostgresRows: Sendable, Sequence {
    /// Shared by all rows; never changes after it is made.
    final class Table: Sendable {
        let columns: [String]
        let oids: [UInt32]
        let rowCount: Int
        /// Every field's bytes in a row.
        let bytes: [UInt8]
        /// Where each field's bytes end and the next one's start; of a null the complement (`~`) of that.
        let ends: [Int]

        init(columns: [String], oids: [UInt32], rowCount: Int, bytes: [UInt8], ends: [Int]) {
            self.columns = columns
            self.oids = oids
            self.rowCount = rowCount
            self.bytes = bytes
            self.ends = ends
        }

        /// The bytes of field `n`, counted through all rows; `nil` for null.
        func field(_ n: Int) -> ArraySlice<UInt8>? {
            guard ends[n] >= 0 else { return nil }
            let start = n == 0 ? 0 : ends[n - 1]
            return bytes[(start < 0 ? ~start : start) ..< ends[n]]
        }
    }

    let table: Table?
    /// Rows that an insert, update, delete or merge touched, or that a select gave.
    public let affected: Int
    /// The command tag's words, such as `INSERT 0 1` or `ROLLBACK`.
    let tag: String

    init(table: Table?, affected: Int, tag: String = "") {
        self.table = table
        self.affected = affected
        self.tag = tag
    }

    public var count: Int { table?.rowCount ?? 0 }
    public var isEmpty: Bool { count == 0 }
    public var columns: [String] { table?.columns ?? [] }
    public var first: PostgresRow? { isEmpty ? nil : self[0] }

    public subscript(_ index: Int) -> PostgresRow {
        guard let table, index >= 0, index < table.rowCount else { preconditionFailure("there is no row \(index) of \(count)") }
        return PostgresRow(table: table, index: index)
    }

    public struct Iterator: IteratorProtocol {
        let rows: PostgresRows
        var position = 0

        public mutating func next() -> PostgresRow? {
            guard position < rows.count else { return nil }
            defer { position += 1 }
            return rows[position]
        }
    }

    public func makeIterator() -> Iterator { Iterator(rows: self) }
    public var underestimatedCount: Int { count }
}

/// One row. Fields are decoded when they are asked for.
public struct PostgresRow: Sendable {
    let table: PostgresRows.Table
    let index: Int

    /// The field of that name (the first, where two share it).
    /// - Throws: `column_missing`; `column_type` when the field's type or value does not fit `T`. Both name the column.
    public func get<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(Fault) -> T {
        guard let position = table.columns.firstIndex(of: column) else {
            throw Fault(
                "column_missing", stage: .database, disposition: .bug,
                summary: "the statement gives no column \(column)", remedy: "Name the column in the statement", position: column)
        }
        return try get(position, as: type)
    }

    /// The field at that position, from 0.
    /// - Throws: as by name.
    public func get<T: PostgresDecodable>(_ column: Int, as type: T.Type = T.self) throws(Fault) -> T {
        guard column >= 0, column < table.columns.count else {
            throw Fault(
                "column_missing", stage: .database, disposition: .bug,
                summary: "the statement gives \(table.columns.count) columns, not \(column + 1)", position: "column \(column)")
        }
        let cell = cell(column)
        guard let value = T(postgres: cell) else {
            let found = cell.bytes == nil ? "null" : PostgresOID.name(cell.oid)
            throw Fault(
                "column_type", stage: .database, disposition: .bug,
                summary: "column \(table.columns[column]) holds \(found), which does not fit \(T.self)",
                remedy: "Cast the column in the statement or read it as its own type", position: table.columns[column])
        }
        return value
    }

    /// The field as it came, for decoders of the caller's own.
    public func cell(_ column: Int) -> PostgresCell {
        PostgresCell(oid: table.oids[column], bytes: table.field(index * table.columns.count + column))
    }

    /// The field's value, or `nil` where it is missing, null or of another type.
    public subscript<T: PostgresDecodable>(_ column: String) -> T? {
        table.columns.firstIndex(of: column).flatMap { T(postgres: cell($0)) }
    }
}
