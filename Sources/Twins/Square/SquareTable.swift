internal import Kernel
internal import TwinKit
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

extension SquareRow: TwinRow {
    struct Shelf: Hashable {
        var merchant: String
        var kind: SquareKind
    }

    var shelf: Shelf { Shelf(merchant: merchant, kind: kind) }
    var order: Int64 { created.microseconds }
}

/// Rows by id, and in the order of their time by merchant and kind; with undo to the last commit.
typealias SquareTable = RowTable<SquareRow>

extension RowTable where Row == SquareRow {
    /// Oldest first.
    func all(_ kind: SquareKind, of merchant: String) -> [SquareRow] { all(on: SquareRow.Shelf(merchant: merchant, kind: kind)) }

    /// Of all merchants.
    func all(_ kind: SquareKind) -> [SquareRow] {
        shelves.filter { $0.kind == kind }.sorted { $0.merchant < $1.merchant }.flatMap { all(on: $0) }
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
