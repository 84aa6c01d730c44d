internal import Kernel
internal import TwinKit
internal import Wire

/// Compares what had to be with what is. It reads the expected entries and the ledgers' own books, and nothing of the
/// product.
struct Judge {
    private struct Identity: Hashable {
        var ledger: String
        var ref: String
        var kind: String
    }

    /// Where amounts are summed: no account, currency or day nets against another.
    private struct Cell: Hashable {
        var ledger: String
        var account: String
        var currency: String
        var date: String
    }

    /// Most findings of one kind that the verdict lists; all are counted.
    static let listed = 100

    private let expected: [ExpectedEntry]
    private let kinds: [String: [String]]
    private let live: [(ledger: String, entry: LedgerEntry, identity: Identity)]

    /// - Parameter books: the entries of each ledger, by its name in the expected entries (`qbo`, `xero`).
    init(expected: [ExpectedEntry], books: [(ledger: String, entries: [LedgerEntry])]) {
        self.expected = expected
        var kinds: [String: [String]] = [:]
        for entry in expected { kinds["\(entry.ledger) \(entry.ref)", default: []].append(entry.kind) }
        self.kinds = kinds
        live = books.flatMap { book in
            book.entries.filter(\.live).map { entry in
                let ref = Self.sourceReference(entry.reference)
                // A journal stands for whatever the reference expects: payments and refund payments take that form in
                // one ledger.
                let known = kinds["\(book.ledger) \(ref)"] ?? []
                let kind = entry.kind == "journal" ? known.first { $0.hasSuffix("payment") } ?? "journal" : entry.kind
                return (book.ledger, entry, Identity(ledger: book.ledger, ref: ref, kind: kind))
            }
        }
    }

    /// `cf:<PostKey> order 612… | free text` → `order 612…`; so does `cf:<PostKey> 1/2 order 612…`, where a ledger keeps a document in parts.
    static func sourceReference(_ stored: String) -> String {
        var text = Substring(stored)
        if text.hasPrefix("cf:") {
            text = text.drop { $0 != " " }.drop { $0 == " " }
            let word = text.prefix { $0 != " " }.split(separator: "/", omittingEmptySubsequences: false)
            if word.count == 2, word.allSatisfy({ Int($0) != nil }) { text = text.drop { $0 != " " }.drop { $0 == " " } }
        }
        text = text.prefix { $0 != "|" }
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }

    func verdict() -> JSON {
        var found: [Identity: [LedgerEntry]] = [:]
        for item in live { found[item.identity, default: []].append(item.entry) }
        var lost: [JSON] = []
        var doubled: [JSON] = []
        var doubledCount = 0
        var unexpected: [JSON] = []
        var altered: [JSON] = []
        var posted: Set<Identity> = []
        // Document by document, where nothing nets against another document of the same day.
        var apart: Int64 = 0
        for entry in expected where entry.effect == .posted {
            let identity = Identity(ledger: entry.ledger, ref: entry.ref, kind: entry.kind)
            posted.insert(identity)
            let documents = found[identity] ?? []
            guard let document = documents.first else {
                lost.append(Self.shown(identity))
                continue
            }
            if documents.count > 1 {
                doubledCount += documents.count - 1
                doubled.append(Self.shown(identity).setting("ids", .array(documents.map { .string($0.id) })))
            }
            if let difference = Self.difference(entry, document) {
                apart += difference.minor
                altered.append(
                    Self.shown(identity).setting("id", .string(document.id)).setting("differs", .string(difference.words)))
            }
        }
        let named = Set(expected.map { Identity(ledger: $0.ledger, ref: $0.ref, kind: $0.kind) })
        for item in live where !posted.contains(item.identity) {
            let known = kinds["\(item.identity.ledger) \(item.identity.ref)"] != nil
            // A second form of something known is a double; what ought to be held, or never posted, is not.
            if known, !named.contains(item.identity) { doubledCount += 1 }
            unexpected.append(
                Self.shown(item.identity).setting("id", .string(item.entry.id)).setting("reference_known", .bool(known))
            )
        }
        let cells = differences()
        let held = expected.filter { $0.effect == .held }.map { entry in
            Self.shown(Identity(ledger: entry.ledger, ref: entry.ref, kind: entry.kind)).setting(
                "check", .optional(entry.check))
        }
        let unexplained = cells.reduce(Int64(0)) { $0 + ($1.expected - $1.actual).magnitude.clamped }
        let clean = lost.isEmpty && doubledCount == 0 && unexplained == 0 && unexpected.isEmpty && altered.isEmpty
        return .object([
            ("clean", .bool(clean)), ("expected", counts { $0.effect == .posted }),
            ("held", counts { $0.effect == .held }),
            ("none", counts { $0.effect == .none }), ("live", liveCounts()), ("lost", Self.number(lost.count)),
            ("doubled", Self.number(doubledCount)), ("unexplained_minor", .number(String(unexplained))), ("apart_minor", .number(String(apart))),
            ("unexpected", Self.number(unexpected.count)), ("altered", Self.number(altered.count)),
            ("lost_list", .array(Array(lost.prefix(Self.listed)))),
            ("doubled_list", .array(Array(doubled.prefix(Self.listed)))),
            ("unexpected_list", .array(Array(unexpected.prefix(Self.listed)))),
            ("altered_list", .array(Array(altered.prefix(Self.listed)))),
            ("differences", .array(cells.prefix(Self.listed).map(Self.shown))), ("held_expected", .array(held)),
        ])
    }

    // MARK: Amounts

    private func differences() -> [(cell: Cell, expected: Int64, actual: Int64)] {
        var sums: [Cell: (expected: Int64, actual: Int64)] = [:]
        for entry in expected where entry.effect == .posted {
            for line in entry.lines {
                let cell = Cell(
                    ledger: entry.ledger, account: line.account, currency: entry.currency, date: entry.date.description)
                sums[cell, default: (0, 0)].expected += line.minor
            }
        }
        for item in live {
            for line in item.entry.lines {
                let cell = Cell(
                    ledger: item.ledger, account: line.account, currency: item.entry.currency,
                    date: item.entry.date.description)
                sums[cell, default: (0, 0)].actual += line.minor
            }
        }
        return sums.filter { $0.value.expected != $0.value.actual }
            .map { (cell: $0.key, expected: $0.value.expected, actual: $0.value.actual) }
            .sorted { a, b in
                (a.cell.ledger, a.cell.date, a.cell.account, a.cell.currency) < (
                    b.cell.ledger, b.cell.date, b.cell.account, b.cell.currency
                )
            }
    }

    /// The first thing in which one document differs: its date, its currency, or an account's amount.
    private static func difference(_ entry: ExpectedEntry, _ document: LedgerEntry) -> (words: String, minor: Int64)? {
        var sums: [String: Int64] = [:]
        for line in entry.lines { sums[line.account, default: 0] += line.minor }
        for line in document.lines { sums[line.account, default: 0] -= line.minor }
        let minor = sums.values.reduce(Int64(0)) { $0 + $1.magnitude.clamped }
        if entry.date != document.date { return ("date \(document.date), expected \(entry.date)", minor) }
        if entry.currency != document.currency { return ("currency \(document.currency), expected \(entry.currency)", minor) }
        let accounts = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { "\($0.key) by \(-$0.value)" }
        return accounts.isEmpty ? nil : ("accounts " + accounts.joined(separator: ", "), minor)
    }

    // MARK: Showing

    private func counts(_ belongs: (ExpectedEntry) -> Bool) -> JSON {
        var sums: [String: Int] = ["qbo": 0, "xero": 0]
        for entry in expected where belongs(entry) { sums[entry.ledger, default: 0] += 1 }
        return .object(sums.sorted { $0.key < $1.key }.map { (key: $0.key, value: Self.number($0.value)) })
    }

    private func liveCounts() -> JSON {
        var sums: [String: Int] = ["qbo": 0, "xero": 0]
        for item in live { sums[item.ledger, default: 0] += 1 }
        return .object(sums.sorted { $0.key < $1.key }.map { (key: $0.key, value: Self.number($0.value)) })
    }

    private static func number(_ value: Int) -> JSON { .number(String(value)) }

    private static func shown(_ identity: Identity) -> JSON {
        .object([
            ("ledger", .string(identity.ledger)), ("ref", .string(identity.ref)), ("kind", .string(identity.kind)),
        ])
    }

    private static func shown(_ item: (cell: Cell, expected: Int64, actual: Int64)) -> JSON {
        .object([
            ("ledger", .string(item.cell.ledger)), ("account", .string(item.cell.account)),
            ("currency", .string(item.cell.currency)), ("date", .string(item.cell.date)),
            ("expected_minor", .number(String(item.expected))), ("actual_minor", .number(String(item.actual))),
        ])
    }
}

extension UInt64 {
    fileprivate var clamped: Int64 { Int64(clamping: self) }
}
