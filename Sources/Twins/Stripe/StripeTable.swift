internal import Kernel
internal import TwinKit
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

extension StripeRow: TwinRow {
    struct Shelf: Hashable, Comparable, Sendable {
        var scope: StripeScope
        var kind: StripeKind

        static func < (a: Shelf, b: Shelf) -> Bool { (a.scope.text, a.kind.rawValue) < (b.scope.text, b.kind.rawValue) }
    }

    static var keyName: String { "id" }
    var key: String { id }
    var shelves: [Shelf] { [Shelf(scope: scope, kind: kind)] }
    var rank: Int64 { created }
}

extension TwinTable<StripeRow> {
    /// Oldest first.
    func all(_ kind: StripeKind, in scope: StripeScope) -> [StripeRow] { all(on: .init(scope: scope, kind: kind)) }

    /// Of all businesses and both modes.
    func all(_ kind: StripeKind) -> [StripeRow] { all { $0.kind == kind } }
}

extension SecondMeter {
    /// Counts a request, or says which limit refuses it.
    mutating func admit(_ scope: StripeScope, _ endpoint: String, at second: Int64, _ limits: StripeLimits) -> String? {
        let most = scope.isLive ? limits.livePerSecond : limits.testPerSecond
        guard used(scope.text, at: second) < most else { return "global-rate" }
        let narrow = scope.text + " " + endpoint
        guard used(narrow, at: second) < limits.endpointPerSecond else { return "endpoint-rate" }
        for what in [scope.text, narrow] { count(what, at: second) }
        return nil
    }
}
