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
    struct Shelf: Hashable, Comparable, Sendable {
        var merchant: String
        var kind: SquareKind

        static func < (a: Shelf, b: Shelf) -> Bool { (a.merchant, a.kind.rawValue) < (b.merchant, b.kind.rawValue) }
    }

    static var keyName: String { "id" }
    var key: String { id }
    var shelves: [Shelf] { [Shelf(merchant: merchant, kind: kind)] }
    var rank: Int64 { created.microseconds }
}

extension TwinTable<SquareRow> {
    /// Oldest first.
    func all(_ kind: SquareKind, of merchant: String) -> [SquareRow] { all(on: .init(merchant: merchant, kind: kind)) }

    /// Of all merchants.
    func all(_ kind: SquareKind) -> [SquareRow] { all { $0.kind == kind } }
}
