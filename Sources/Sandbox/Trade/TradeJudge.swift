internal import Kernel
internal import TwinKit
internal import Wire

/// Holds what trade had to lead to against the ledgers' own books, document by document and account by account. A document is known by its reference
/// alone: which of its own forms a ledger keeps it in is the ledger's affair.
struct TradeJudge {
    static let listed = 100

    var expected: [TradeEntry]
    /// By the ledger twin's name.
    var books: [String: [LedgerEntry]]
    /// What the processors' own books say was paid out, by source twin; minor units, positive.
    var paidOut: [String: Int64]

    func verdict() -> JSON {
        var lost: [JSON] = []
        var doubled: [JSON] = []
        var altered: [JSON] = []
        var unexpected: [JSON] = []
        var unexplained: Int64 = 0
        var documents: [(key: String, value: JSON)] = []
        var banked: [String: Int64] = [:]
        for business in TradeBusiness.allCases {
            let found = standing(in: business.ledger)
            let wanted = expected.filter { $0.business == business }
            documents.append((business.rawValue, .number("\(wanted.count)")))
            for entry in wanted {
                let there = found[entry.reference] ?? []
                if there.isEmpty { lost.append(Self.shown(business, entry.reference)) }
                if there.count > 1 {
                    doubled.append(Self.shown(business, entry.reference))
                    unexplained += there.dropFirst().flatMap(\.lines).reduce(0) { $0 + max(0, $1.minor) }
                }
                if let apart = Self.difference(entry, there) {
                    unexplained += apart.minor
                    if !there.isEmpty { altered.append(Self.shown(business, entry.reference).setting("differs", .string(apart.words))) }
                }
            }
            let known = Set(wanted.map(\.reference))
            for (reference, there) in found where !known.contains(reference) {
                unexpected.append(Self.shown(business, reference))
                unexplained += there.flatMap(\.lines).reduce(0) { $0 + max(0, $1.minor) }
            }
            for line in found.values.joined().flatMap(\.lines) where line.account == business.accounts.bank {
                banked[business.source, default: 0] += line.minor
            }
        }
        // The other witness: the processors' own double entry.
        for (source, minor) in paidOut { unexplained += Int64((minor - (banked[source] ?? 0)).magnitude) }
        func number(_ n: some BinaryInteger) -> JSON { .number("\(n)") }
        return .object([
            ("documents", .object(documents)), ("expected", number(expected.count)), ("lost", number(lost.count)), ("doubled", number(doubled.count)),
            ("unexplained_minor", number(unexplained)), ("unexpected", number(unexpected.count)), ("altered", number(altered.count)),
            ("paid_out", .object(paidOut.sorted { $0.key < $1.key }.map { ($0.key, number($0.value)) })),
            ("lost_list", .array(Array(lost.prefix(Self.listed)))),
            ("doubled_list", .array(Array(doubled.prefix(Self.listed)))), ("altered_list", .array(Array(altered.prefix(Self.listed)))),
            ("unexpected_list", .array(Array(unexpected.prefix(Self.listed)))),
        ])
    }

    /// Live documents that move something, by source reference. What only joins two others moves nothing.
    private func standing(in ledger: String) -> [String: [LedgerEntry]] {
        Dictionary(grouping: (books[ledger] ?? []).filter { $0.live && $0.lines.contains { $0.minor != 0 } }) { Judge.sourceReference($0.reference) }
    }

    private static func difference(_ entry: TradeEntry, _ there: [LedgerEntry]) -> (words: String, minor: Int64)? {
        var sums = entry.sums
        for line in there.first?.lines ?? [] { sums[line.account, default: 0] -= line.minor }
        let apart = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        let minor = apart.reduce(Int64(0)) { $0 + Int64($1.value.magnitude) }
        if let day = entry.day, let document = there.first, document.date.description != day { return ("date \(document.date), expected \(day)", minor) }
        return apart.isEmpty ? nil : (apart.map { "\($0.key) by \(-$0.value)" }.joined(separator: ", "), minor)
    }

    private static func shown(_ business: TradeBusiness, _ reference: String) -> JSON {
        .object([("tenant", .string(business.rawValue)), ("ledger", .string(business.ledger)), ("ref", .string(reference))])
    }
}
