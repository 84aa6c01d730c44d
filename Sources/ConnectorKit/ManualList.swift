public import Books
public import Kernel
internal import Wire

/// What a person brings back of the ledger: a list of what it has, by reference, with sums where the list has amounts.
public struct ManualList: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        /// The sum of the amounts without their signs; `nil` where the list has none.
        public var figure: ExactDecimal?
        public var lines: Int
    }

    /// By reference.
    public var rows: [String: Row]

    /// Rows of a list that is read at most.
    static let rowsMost = 20_000

    /// Reads a list in the form's own columns, as the ledger exports it again, or in the two columns `reference` and `debit` (or `amount`).
    /// - Throws: `malformed_csv`; `manual_list_unreadable` naming the column or line.
    public static func read(_ bytes: [UInt8], _ form: ManualForm) throws(Fault) -> ManualList {
        var csv = CSVForm()
        csv.separator = bytes.prefix { $0 != 10 && $0 != 13 }.contains(9) ? 9 : 44
        csv.ragged = true
        var reader = CSVReader(form.writing.encoding == .windows1252 ? utf8(bytes) : bytes, form: csv)
        guard let heading = try reader.next() else { throw unreadable("the list is empty", nil) }
        let names = heading.map(plain), own = form.heading.last ?? []
        func place(_ column: Int, _ others: [String]) -> Int? {
            let wanted = (own.indices.contains(column) ? [plain(own[column])] : []) + others
            return wanted.lazy.compactMap { names.firstIndex(of: $0) }.first
        }
        guard let at = place(form.columns.reference, ["reference"]) else { throw unreadable("the list has no column of references", "line 1") }
        let amounts = place(form.columns.figure, ["debit", "amount"])
        // So few and so small that their sum is exact.
        let most = ExactDecimal(1_000_000_000_000)
        var out: [String: Row] = [:], line = 1
        while let row = try reader.next() {
            line += 1
            guard line <= rowsMost else { throw unreadable("the list has more than \(rowsMost) rows", nil) }
            guard row.indices.contains(at) else { continue }
            let reference = form.readsReference(trimmed(row[at]))
            if reference.isEmpty { continue }
            var found = out[reference] ?? Row(figure: amounts == nil ? nil : .zero, lines: 0)
            found.lines += 1
            if let amounts, row.indices.contains(amounts), case let text = trimmed(row[amounts]), !text.isEmpty {
                guard text.utf8.count <= 30, let amount = ExactDecimal(text), amount.scale <= 6, amount < most, -amount < most else {
                    throw unreadable("an amount can't be read", "line \(line)")
                }
                if let sum = found.figure { found.figure = amount.isNegative ? sum - amount : sum + amount }
            }
            out[reference] = found
        }
        return ManualList(rows: out)
    }

    /// Nothing but references: a person's word for each.
    public init(references: [String]) { rows = Dictionary(references.map { ($0, Row(figure: nil, lines: 1)) }) { one, _ in one } }

    init(rows: [String: Row]) { self.rows = rows }

    /// What the list says of an item: `nil` where it is there as meant, a sentence where it is there otherwise.
    public func finding(_ reference: String, figure_minor: Int64, _ currency: Currency) -> String?? {
        guard let row = rows[reference] else { return .none }
        guard let figure = row.figure else { return .some(.none) }
        let meant = Money(minor: figure_minor, currency)
        guard let there = Money(figure, currency) else { return .some(.some("the ledger has \(figure), which is no amount of \(currency)")) }
        if there == meant { return .some(.none) }
        let (twice, over) = meant.minor.multipliedReportingOverflow(by: 2)
        let doubled = !over && twice != 0 && there.minor == twice
        return .some(.some("meant \(meant.text), the ledger has \(there.text)\(doubled ? ": it looks as if the file was imported twice" : "")"))
    }

    private static func utf8(_ bytes: [UInt8]) -> [UInt8] {
        if String(validating: bytes, as: UTF8.self) != nil { return bytes }
        return Array(String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })).utf8)
    }

    private static func plain(_ text: String) -> String { trimmed(text).lowercased().filter { $0 != "*" } }

    private static func trimmed(_ text: String) -> String {
        var part = text[...]
        while let first = part.first, first == " " || first == "'" { part.removeFirst() }
        while part.last == " " { part.removeLast() }
        return String(part)
    }

    private static func unreadable(_ why: String, _ position: String?) -> Fault {
        Fault("manual_list_unreadable", stage: .api, disposition: .reject, summary: why,
            remedy: "Send the ledger's own export of what was imported, or the columns reference and debit, without thousands marks.", position: position)
    }
}
