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
    struct Shelf: Hashable {
        var scope: StripeScope
        var kind: StripeKind
    }

    var shelf: Shelf { Shelf(scope: scope, kind: kind) }
    var order: Int64 { created }
}

/// Rows by id, and in the order of their making by business and kind; with undo to the last commit.
typealias StripeTable = RowTable<StripeRow>

extension RowTable where Row == StripeRow {
    /// Oldest first.
    func all(_ kind: StripeKind, in scope: StripeScope) -> [StripeRow] { all(on: StripeRow.Shelf(scope: scope, kind: kind)) }

    /// Of all businesses and both modes.
    func all(_ kind: StripeKind) -> [StripeRow] {
        shelves.filter { $0.kind == kind }.sorted { $0.scope.text < $1.scope.text }.flatMap { all(on: $0) }
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
