public import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension OdooConnector {
    /// By our key at the head of `ref`, of orders at that of `origin`. What was cancelled counts only where it is the document that is known: a draft that was taken back is no
    /// document.
    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        if documents.isEmpty { return .finish([:]) }
        let (orders, moves) = Self.parted(documents)
        return speaking(connection) { dialect in
            func lists(_ model: String, _ field: String, _ documents: [LedgerDocument], _ fields: [String]) -> [Listing] {
                documents.map(\.key).parts(of: OdooLimits.listed).map { keys in
                    Listing(model, .array(Listing.anyOf(keys.map { [.string(field), "=like", .string("cf:\($0)%")] }) + Self.within(dialect)), fields)
                }
            }
            @Sendable func owner(_ row: JSON, _ id: Int, _ field: String, _ documents: [LedgerDocument]) -> LedgerDocument? {
                guard let key = Self.key(of: row[field]?.string), let document = documents.first(where: { $0.key == key }) else { return nil }
                return row["state"]?.string == "cancel" && recordID(document.remoteID) != id ? nil : document
            }
            let ordered = lists("purchase.order", "origin", orders, Self.orderFields)
            return rows(lists("account.move", "ref", moves, Self.moveFields), dialect) { rows in
                self.read(rows, moves, dialect) { row, id in owner(row, id, "ref", moves) }
            }.next { found in
                self.readOrders(ordered, dialect) { row, id in owner(row, id, "origin", orders) }.map { found.merging($0) { one, _ in one } }
            }
        }
    }

    private static func parted(_ documents: [LedgerDocument]) -> (orders: [LedgerDocument], moves: [LedgerDocument]) {
        (documents.filter { OdooForm($0.plan.form) == .order }, documents.filter { OdooForm($0.plan.form) != .order })
    }

    /// By Odoo's id.
    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let known = documents.filter { recordID($0.remoteID) != nil }
        if known.isEmpty { return .finish([:]) }
        let (orders, moves) = Self.parted(known)
        return speaking(connection) { dialect in
            let ordered = orders.compactMap { recordID($0.remoteID) }.parts(of: OdooLimits.listed).map {
                Listing("purchase.order", [["id", "in", .ids($0)]], Self.orderFields)
            }
            return rows(Self.moves(moves.compactMap { recordID($0.remoteID) }), dialect) { rows in
                self.read(rows, moves, dialect) { _, id in moves.first { recordID($0.remoteID) == id } }
            }.next { found in
                self.readOrders(ordered, dialect) { _, id in orders.first { recordID($0.remoteID) == id } }.map { found.merging($0) { one, _ in one } }
            }
        }
    }

    static let moveFields = [
        "id", "ref", "name", "state", "move_type", "payment_state", "date", "partner_id", "currency_id", "amount_total", "amount_tax",
        "amount_residual", "write_date", "invoice_date_due",
    ]

    static func moves(_ ids: [Int]) -> [Listing] {
        ids.parts(of: OdooLimits.listed).map { Listing("account.move", [["id", "in", .ids($0)]], moveFields) }
    }

    /// Only documents of the company.
    private static func within(_ dialect: Dialect) -> [JSON] { dialect.company.map { [["company_id", "=", .id($0)]] } ?? [] }

    // MARK: Reading

    private func read(
        _ moves: [JSON], _ documents: [LedgerDocument], _ dialect: Dialect, owner: (JSON, Int) -> LedgerDocument?
    ) -> Exchange<[PostKey: LedgerReadback]> {
        var owned: [(id: Int, row: JSON, document: LedgerDocument)] = []
        for row in moves {
            guard let id = row["id"]?.id else { return .fail(Self.unreadable("a document has no id")) }
            if let document = owner(row, id) { owned.append((id, row, document)) }
        }
        let found = owned
        // Of what has no effect, lines don't matter.
        let standing = owned.filter { $0.row["state"]?.string == "posted" }.map(\.id)
        return rows(Self.items(of: standing, dialect), dialect) { items in
            self.reversed(found.filter { Self.mayBeReversed($0.row) }.map(\.id), items, dialect) { reversed in
                let settling = found.filter { $0.document.plan.appliesTo != nil && OdooForm($0.document.plan.form) == .entry }.map(\.id)
                return self.settled(Self.owed(settling, items, dialect), dialect) { settled in
                    var out: [PostKey: LedgerReadback] = [:]
                    do throws(Fault) {
                        for (id, row, document) in found {
                            let own = items.filter { $0["move_id"]?.id == id }
                            var seen = try Self.readback(row, id, own, of: document, dialect, isReversed: reversed.contains(id))
                            if seen.voided == false, settling.contains(id) { seen.appliesTo = settled[id] ?? "" }
                            out[document.key] = out[document.key].map { Self.better($0, seen, document) } ?? seen
                        }
                    } catch {
                        return .fail(error)
                    }
                    return .finish(out)
                }
            }
        }
    }

    /// Of two with the same key: the one we know, else the one with effect, else the first.
    static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if let id = document.remoteID, (a.remoteID == id) != (b.remoteID == id) { return a.remoteID == id ? a : b }
        return a.voided && !b.voided ? b : a
    }

    /// Items of these moves on the receivable, and where it is asked for on the payable, each with its move.
    private static func owed(_ moves: [Int], _ items: [JSON], _ dialect: Dialect, andPayable: Bool = false) -> [Int: Int] {
        let type = dialect.accountType
        var out: [Int: Int] = [:]
        for row in items where row[type.field]?.string == type.receivable || andPayable && row[type.field]?.string == type.payable {
            if let id = row["id"]?.id, let move = row["move_id"]?.id, moves.contains(move) { out[id] = move }
        }
        return out
    }

    // MARK: Reversals

    /// What Odoo calls reversed. It says so of documents that stand as well: of a credit note whose money entries gave back, and of an invoice that a
    /// credit note and entries settle together.
    /// - Source: odoo/odoo 16.0, addons/account/models/account_move.py, `_compute_payment_state`: by the types of what settles it alone.
    static func mayBeReversed(_ row: JSON) -> Bool { row["state"]?.string == "posted" && row["payment_state"]?.string == "reversed" }

    /// Those of the documents that a reversal takes back: posted reversals of their own settle them, and nothing else does. Asks nothing for none.
    func reversed<Output: Sendable>(
        _ ids: [Int], _ items: [JSON], _ dialect: Dialect, then next: @escaping @Sendable (Set<Int>) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard !ids.isEmpty else { return next([]) }
        return settled(Self.owed(ids, items, dialect, andPayable: true), dialect) { settled in
            let lists = ids.parts(of: OdooLimits.listed).map {
                Listing("account.move", [["reversed_entry_id", "in", .ids($0)], ["state", "=", "posted"]], ["id", "reversed_entry_id"])
            }
            return self.rows(lists, dialect) { rows in
                var reversals: [Int: Set<String>] = [:]
                for row in rows {
                    if let id = row["id"]?.id, let of = row["reversed_entry_id"]?.id { reversals[of, default: []].insert(String(id)) }
                }
                return next(Set(ids.filter { id in
                    let settling = Set((settled[id] ?? "").split(separator: ",").map(String.init))
                    return !settling.isEmpty && settling.isSubset(of: reversals[id] ?? [])
                }))
            }
        }
    }

    // MARK: What is settled

    /// The documents that entries settle, by entry: one id, or several joined by commas. `own`: items of the entries, each with its entry.
    private func settled<Output: Sendable>(
        _ own: [Int: Int], _ dialect: Dialect, then next: @escaping @Sendable ([Int: String]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard !own.isEmpty else { return next([:]) }
        // Those two are journal items, whatever their names say.
        let lists = own.keys.sorted().parts(of: OdooLimits.listed).map { part in
            Listing(
                "account.partial.reconcile", ["|", ["debit_move_id", "in", .ids(part)], ["credit_move_id", "in", .ids(part)]],
                ["id", "debit_move_id", "credit_move_id"])
        }
        return rows(lists, dialect) { partials in
            var pairs: [(own: Int, other: Int)] = []
            for row in partials {
                guard let debit = row["debit_move_id"]?.id, let credit = row["credit_move_id"]?.id else { continue }
                if own[debit] != nil { pairs.append((debit, credit)) }
                if own[credit] != nil { pairs.append((credit, debit)) }
            }
            let found = pairs
            let others = Set(pairs.map(\.other)).sorted().parts(of: OdooLimits.listed)
            let fields = ["id", "move_id", "amount_currency"]
            return self.rows(others.map { Listing("account.move.line", [["id", "in", .ids($0)]], fields) }, dialect) { rows in
                var moves: [Int: Int] = [:]
                for row in rows {
                    // Items without an amount in their currency are differences of exchange rates, which Odoo books by itself.
                    if let id = row["id"]?.id, let move = row["move_id"]?.id, row["amount_currency"]?.decimal?.isZero != true { moves[id] = move }
                }
                var out: [Int: Set<Int>] = [:]
                for (item, other) in found { if let entry = own[item], let move = moves[other] { out[entry, default: []].insert(move) } }
                return next(out.mapValues { $0.sorted().map(String.init).joined(separator: ",") })
            }
        }
    }

    // MARK: Changes

    /// Documents of ours by the time of their last change, oldest first, without orders. Times are shown in seconds and kept in microseconds, so each page begins
    /// with the second that the one before ended in, and the first one reaches back some seconds: what is told twice is told twice.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        speaking(connection) { dialect in
            let from = cursor.flatMap(Self.mark) ?? (since - OdooLimits.changesOverlap, 0)
            let domain: [JSON] = [["ref", "=like", "cf:%"], ["write_date", ">=", .string(Self.datetime(from.time))]] + Self.within(dialect)
            let list = Listing("account.move", .array(domain), ["id", "ref", "write_date"], order: "write_date asc, id asc")
            return .send(dialect.call(list.asking(offset: from.skip))) { answer in
                guard let rows = Answer(answer, dialect.transport)?.value?.array else { return .fail(Self.unreadable("it gives no list of changes")) }
                do throws(Fault) { return .finish(try Self.changes(rows, from)) } catch { return .fail(error) }
            }
        }
    }

    private static func changes(_ rows: [JSON], _ from: (time: Timestamp, skip: Int)) throws(Fault) -> LedgerChanges {
        var out = LedgerChanges(keys: [], next: nil, watermark: nil)
        var seen: Set<PostKey> = []
        var first: Timestamp?
        for row in rows {
            guard let time = row["write_date"]?.string.flatMap(timestamp) else { throw unreadable("a change has no time") }
            if let key = key(of: row["ref"]?.string), seen.insert(key).inserted { out.keys.append(key) }
            first = first ?? time
            out.watermark = max(out.watermark ?? time, time)
        }
        guard rows.count >= OdooLimits.pageRows, let last = out.watermark else { return out }
        // A second that fills a page by itself is gone through by number.
        let skip = last == first ? (last == Timestamp(seconds: from.time.seconds) ? from.skip : 0) + rows.count : 0
        out.next = "\(datetime(last))/\(skip)"
        return out
    }

    private static func mark(_ cursor: String) -> (time: Timestamp, skip: Int)? {
        let parts = cursor.split(separator: "/").map(String.init)
        guard parts.count == 2, let time = timestamp(parts[0]), let skip = Int(parts[1]), (0 ... OdooLimits.pageRows * OdooLimits.pages).contains(skip)
        else { return nil }
        return (time, skip)
    }

    /// `2026-11-20 10:00:00`, UTC.
    static func datetime(_ time: Timestamp) -> String {
        String(Timestamp(seconds: time.seconds).text(offsetSeconds: 0).replacing("T", with: " ").prefix(19))
    }

    static func timestamp(_ text: String) -> Timestamp? {
        // With microseconds where somebody asked for them.
        Timestamp(rfc3339: text.prefix(19).replacing(" ", with: "T") + "Z")
    }
}
