public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension FreeAgentConnector {
    /// Our key is in a field that no list can be asked by, but for a journal's tag: what changed since the send is listed and compared here, all of the
    /// list where nobody knows when that was. Money is looked for on every bank account, because the role may have been bound to another meanwhile.
    /// What is known by its id and not in the lists is read by that.
    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        if documents.isEmpty { return .finish([:]) }
        let sent = documents.compactMap(\.since)
        let since = sent.count == documents.count ? sent.min().map { $0 - FreeAgentLimits.clockSlack } : nil
        let sales: [Kind] = [.invoices, .creditNotes]
        return .each(sales[...], [:]) { kind, found in Self.sales(documents, kind, since, found) }.next { found in
            Self.money(documents.filter(\.mayMoveMoney), since, connection, found).next { found in
                .each(documents.filter(\.mayBeJournal)[...], found) { document, found in Self.journals(document, found) }.next { found in
                    let left = documents.filter { found[$0.key] == nil && $0.remoteID != nil }
                    return self.fetch(left, connection).map { found.merging($0) { one, _ in one } }
                }
            }
        }
    }

    private typealias Found = [PostKey: LedgerReadback]

    private static func sales(_ documents: [LedgerDocument], _ kind: Kind, _ since: Timestamp?, _ found: Found) -> Exchange<Found> {
        let wanted = documents.filter { PostedAs($0) == .sales(kind) }
        if wanted.isEmpty { return .finish(found) }
        return whole(kind, nested(kind) + updated(since)).reading { rows throws(Fault) in
            var out = found
            for row in rows {
                guard let key = row["reference"]?.string.flatMap({ PostKey($0) }), let document = wanted.first(where: { $0.key == key }) else { continue }
                guard let id = kind.id(of: row["url"]?.string) else { throw judging.notRead("a document has no url") }
                let seen = try readback(row, kind, id, of: document)
                out[key] = out[key].map { better($0, seen, document) } ?? seen
            }
            return out
        }
    }

    /// Of two with the same key: the one we know, else the one with effect, else the first.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if let id = document.remoteID, (a.remoteID == id) != (b.remoteID == id) { return a.remoteID == id ? a : b }
        return a.voided && !b.voided ? b : a
    }

    private static func nested(_ kind: Kind) -> [(name: String, value: String)] { [("nested_\(kind.items)", "true")] }
    private static func updated(_ since: Timestamp?) -> [(name: String, value: String)] { since.map { [("updated_since", self.since($0))] } ?? [] }

    // MARK: Money

    private static func money(
        _ documents: [LedgerDocument], _ since: Timestamp?, _ connection: ConnectionFacts, _ found: Found
    ) -> Exchange<Found> {
        let days = documents.map(\.plan.date)
        guard let first = days.min(), let last = days.max() else { return .finish(found) }
        let window = since == nil ? [("from_date", first.description), ("to_date", last.description)] : updated(since)
        return whole(.bankAccounts, []).next { banks in
            let ids = banks.compactMap { Kind.bankAccounts.id(of: $0["url"]?.string) }
            guard ids.count == banks.count else { return .fail(judging.notRead("a bank account has no url")) }
            let listed: Exchange<[JSON]> = .each(ids[...], []) { id, before in
                whole(.explanations, [("bank_account", Kind.bankAccounts.address(id, connection))] + window).map { before + $0 }
            }
            return listed.reading { rows throws(Fault) in
                var out = found
                let keyless = rows.filter { key(at: $0["description"]?.string) == nil && $0.member("paid_invoice") != nil }
                for document in documents {
                    let ids = Set(Seen.ids(document.remoteID).map(\.id))
                    let own = rows.filter { row in
                        key(at: row["description"]?.string) == document.key || Kind.explanations.id(of: row["url"]?.string).map(ids.contains) ?? false
                    }
                    if own.isEmpty {
                        try decide(document, keyless)
                        continue
                    }
                    let standing = Standing(seen: oneAccount(try own.map { row throws(Fault) in try Seen(row) }, document))
                    out[document.key] = try readback(standing, of: document)
                }
                return out
            }
        }
    }

    /// The parts of a document stand on one account; on another there may be the other half of a transfer.
    static func oneAccount(_ seen: [Seen], _ document: LedgerDocument) -> [Seen] {
        let byBank = Dictionary(grouping: seen) { $0.bank ?? "" }
        guard byBank.count > 1 else { return seen }
        if let own = (try? MoneyForm(document))?.bank, let parts = byBank[own] { return parts }
        let most = byBank.map(\.value.count).max() ?? 0
        return byBank.filter { $0.value.count == most }.min { $0.key < $1.key }?.value ?? seen
    }

    /// One without our key that pays the same document the same amount on the same day may be ours, if FreeAgent did not keep our words, or a person's.
    private static func decide(_ document: LedgerDocument, _ keyless: [JSON]) throws(Fault) {
        guard let form = try? MoneyForm(document) else { return }
        for row in keyless {
            let seen = try Seen(row)
            guard form.parts.contains(where: { $0.target == seen.target && seen.value.minor(form.currency) == $0.value }), seen.date == document.plan.date else { continue }
            throw Fault(
                "ledger_lookup_undecided", stage: .post, disposition: .hold,
                summary: "FreeAgent has a payment of the same amount for the same document on that day without our mark",
                remedy: "Look at the bank account in FreeAgent: put \(mark(document.key)) at the head of its description if it is this one, else change its day or delete it.")
        }
    }

    // MARK: Journals

    private static func journals(_ document: LedgerDocument, _ found: Found) -> Exchange<Found> {
        if found[document.key] != nil { return .finish(found) }
        let mark = mark(document.key)
        return whole(.journals, [("tag", mark)]).reading { rows throws(Fault) in
            var out = found
            for row in rows where row["tag"]?.string == mark {
                guard let id = Kind.journals.id(of: row["url"]?.string) else { throw judging.notRead("a journal has no url") }
                let seen = try readback(journal: row, id, of: document)
                out[document.key] = out[document.key].map { better($0, seen, document) } ?? seen
            }
            return out
        }
    }

    // MARK: By id

    /// Some of a kind by one read each; many by a list of what changed since the oldest of them was written, as far as that takes no more calls.
    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let sales: [Kind] = [.invoices, .creditNotes]
        return .each(sales[...], [:]) { kind, found in
            let known = documents.filter { PostedAs($0) == .sales(kind) && Kind.isID($0.remoteID ?? "") }
            return Self.rows(known, kind, Self.changes(known, kind)).reading { rows throws(Fault) in
                var out = found
                for document in known { if let id = document.remoteID, let row = rows[id] { out[document.key] = try Self.readback(row, kind, id, of: document) } }
                return out
            }
        }.next { found in
            let known = documents.filter { PostedAs($0) == .journal && Kind.isID($0.remoteID ?? "") }
            return Self.rows(known, .journals, Self.days(known)).next { rows in
                .trying { () throws(Fault) in
                    var out = found
                    for document in known { if let id = document.remoteID, let row = rows[id] { out[document.key] = try Self.readback(journal: row, id, of: document) } }
                    return Self.fetchMoney(documents.filter { PostedAs($0) == .money && !Seen.ids($0.remoteID).isEmpty }, connection, out)
                }
            }
        }
    }

    /// What has to have been changed since the oldest of these was written.
    private static func changes(_ documents: [LedgerDocument], _ kind: Kind) -> [(name: String, value: String)]? {
        let times = documents.compactMap { $0.remoteVersion.flatMap { Timestamp(rfc3339: $0) } }
        guard let oldest = times.min(), times.count == documents.count else { return nil }
        return nested(kind) + updated(oldest - .seconds(1))
    }

    private static func days(_ documents: [LedgerDocument]) -> [(name: String, value: String)]? {
        let days = documents.map(\.plan.date)
        guard let first = days.min(), let last = days.max() else { return nil }
        return [("from_date", first.description), ("to_date", last.description)]
    }

    /// Records by id; those that are gone are missing.
    private static func rows(_ documents: [LedgerDocument], _ kind: Kind, _ query: [(name: String, value: String)]?) -> Exchange<[String: JSON]> {
        let ids = documents.compactMap(\.remoteID).unique { $0 }
        let listed: Exchange<[JSON]> = query.flatMap { ids.count >= FreeAgentLimits.listedFrom ? list(kind, $0, most: max(1, ids.count / 2)).map(\.all) : nil } ?? .finish([])
        return listed.next { rows in
            var known: [String: JSON] = [:]
            for row in rows { if let id = kind.id(of: row["url"]?.string), ids.contains(id) { known[id] = row } }
            return .each(ids.filter { known[$0] == nil }[...], known) { id, known in
                record(kind, id).map { row in
                    var out = known
                    out[id] = row
                    return out
                }
            }
        }
    }

    private static func fetchMoney(_ documents: [LedgerDocument], _ connection: ConnectionFacts, _ found: Found) -> Exchange<Found> {
        let byBank = Dictionary(grouping: documents) { (try? MoneyForm($0))?.bank ?? "" }
        let lists = byBank.filter { $0.value.count >= FreeAgentLimits.listedFrom && !$0.key.isEmpty }.sorted { $0.key < $1.key }
        let listed: Exchange<[JSON]> = .each(lists[...], []) { entry, before in
            let query = [("bank_account", Kind.bankAccounts.address(entry.key, connection))] + (days(entry.value) ?? [])
            return list(.explanations, query, most: max(1, entry.value.count / 2)).map { before + $0.all }
        }
        return listed.next { rows in
            .each(documents[...], found) { document, found in
                .trying { () throws(Fault) in
                    let ids = Seen.ids(document.remoteID)
                    var standing = Standing()
                    for (id, _) in ids { if let row = rows.first(where: { Kind.explanations.id(of: $0["url"]?.string) == id }) { standing.seen.append(try Seen(row)) } }
                    let listed = standing
                    return byID(ids.filter { pair in !listed.seen.contains { $0.id == pair.id } }).reading { other throws(Fault) in
                        var out = found
                        out[document.key] = try readback(Standing(seen: listed.seen + other.seen, bare: other.bare), of: document)
                        return out
                    }
                }
            }
        }
    }
}

extension LedgerDocument {
    /// What it is can depend on the accounts that are bound, and these may have changed since it was sent.
    var mayBeJournal: Bool { [.deposit, .payout, .journal].contains(plan.form) }
    var mayMoveMoney: Bool { mayBeJournal || plan.form == .payment || plan.form == .refundPayment }
}
