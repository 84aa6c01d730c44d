internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension FreeAgentConnector {
    /// Documents of ours by the time of their last change: a page of one list after the other, invoices, credit notes, journals, then the explanations
    /// on each bank account. A list that was read is not read again in the same round, so each round reaches back some minutes: what is told twice is
    /// told twice. What was deleted there is in none of them.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        let query = [("updated_since", Self.since(since - FreeAgentLimits.changesOverlap)), ("sort", "updated_at")]
        let mark = cursor.flatMap(Mark.init) ?? Mark(list: Kind.invoices.rawValue, page: 1)
        guard let kind = Kind(rawValue: mark.list), Self.lists.contains(kind) else {
            // Bank accounts in the order of their ids, each time read anew.
            return Self.whole(.bankAccounts, []).next { rows in
                let ids = rows.compactMap { Kind.bankAccounts.id(of: $0["url"]?.string) }.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
                guard let bank = ids.first(where: { ($0.utf8.count, $0) >= (mark.list.utf8.count, mark.list) }) else {
                    return .finish(LedgerChanges(keys: [], next: nil, watermark: nil))
                }
                let next = ids.first { ($0.utf8.count, $0) > (bank.utf8.count, bank) }.map { Mark(list: $0, page: 1) }
                // No order is offered there.
                let own = [("bank_account", Kind.bankAccounts.address(bank, connection)), query[0]]
                return Self.page(.explanations, own, Mark(list: bank, page: bank == mark.list ? mark.page : 1), then: next)
            }
        }
        let at = Self.lists.firstIndex(of: kind).map { $0 + 1 } ?? Self.lists.count
        return Self.page(kind, query, mark, then: Mark(list: at < Self.lists.count ? Self.lists[at].rawValue : "0", page: 1))
    }

    private static let lists: [Kind] = [.invoices, .creditNotes, .journals]

    /// Where a round stands: a list, or the id of a bank account, and its page.
    private struct Mark: Sendable {
        var list: String
        var page: Int

        init(list: String, page: Int) {
            self.list = list
            self.page = page
        }

        init?(_ cursor: String) {
            let parts = cursor.split(separator: "/").map(String.init)
            guard parts.count == 2, parts[0].utf8.count <= 20, let page = Int(parts[1]), (1 ... 100_000).contains(page) else { return nil }
            self.init(list: parts[0], page: page)
        }

        var text: String { "\(list)/\(page)" }
    }

    private static func page(_ kind: Kind, _ query: [(name: String, value: String)], _ mark: Mark, then next: Mark?) -> Exchange<LedgerChanges> {
        let asked = query + [("per_page", "\(FreeAgentLimits.pageRows)"), ("page", "\(mark.page)")]
        return .one(get("/v2/\(kind.rawValue)", asked)) { answer throws(Fault) in
            let (rows, isLast) = try read(answer, kind)
            var out = LedgerChanges(keys: [], next: isLast ? next?.text : Mark(list: mark.list, page: mark.page + 1).text, watermark: nil)
            for row in rows {
                guard let time = row["updated_at"]?.string.flatMap({ Timestamp(rfc3339: $0) }) else { throw judging.notRead("a change has no time") }
                out.watermark = max(out.watermark ?? time, time)
                if let key = key(of: row, kind) {
                    if !out.keys.contains(key) { out.keys.append(key) }
                } else if let id = remoteID(of: row, kind) {
                    // Somebody else's, or one of ours whose key was edited away.
                    out.remoteIDs.append(id)
                }
            }
            return out
        }
    }

    /// As a document of one record is known by; of one that is several explanations a part says nothing.
    private static func remoteID(of row: JSON, _ kind: Kind) -> String? {
        guard let id = kind.id(of: row["url"]?.string) else { return nil }
        return kind == .explanations ? Seen.remoteID(id, Kind.bankTransactions.id(of: row["bank_transaction"]?.string)) : id
    }

    private static func key(of row: JSON, _ kind: Kind) -> PostKey? {
        switch kind {
        case .invoices, .creditNotes: row["reference"]?.string.flatMap { PostKey($0) }
        case .journals: key(at: row["tag"]?.string)
        default: key(at: row["description"]?.string)
        }
    }
}
