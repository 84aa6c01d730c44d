public import Books
public import ConnectorKit
public import Kernel
internal import Wire

/// A document as it was found.
struct Seen: Sendable {
    var place: Place
    var row: JSON
    /// Cancelled ones have no effect, whatever their figures.
    var readback: LedgerReadback
    var key: PostKey

    var isVoided: Bool { readback.voided }
}

/// All that was found of some documents.
struct Look: Sendable {
    var seen: [Seen] = []
    /// Drafts, by key, of documents that are nowhere else: `Drafts/7`.
    var drafts: [PostKey: String] = [:]

    func isDraft(_ document: LedgerDocument) -> Bool { drafts[document.key] != nil && !seen.contains { $0.key == document.key && !$0.isVoided } }

    /// What keeps anything from being changed. A change cancels what stands before it writes anew, so of ours never two stand at once; the command Duplicate,
    /// though, takes our reference along (general knowledge), and what a person made that way is not ours to cancel.
    func stopping(_ document: LedgerDocument) -> Fault? {
        if isDraft(document) { return SapBusinessOneConnector.pending }
        let standing = seen.filter { !$0.isVoided }
        return standing.count > 1 ? SapBusinessOneConnector.doubled(standing.map(\.readback.remoteID), in: "SAP Business One") : nil
    }
}

/// What documents are looked for by.
enum LookUp: Sendable {
    /// Our key alone.
    case find
    /// Their number.
    case fetch
    /// Both: whatever is there.
    case change
}

extension SapBusinessOneConnector {
    /// By our key. What was cancelled counts only where it is the document that is known; a draft that waits for an approval is unfinished.
    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        if documents.isEmpty { return .finish([:]) }
        return speaking(connection) { dialect in
            look(documents, .find, dialect).map { look in
                var out: [PostKey: LedgerReadback] = [:]
                for seen in look.seen {
                    guard let document = documents.first(where: { $0.key == seen.key }) else { continue }
                    if seen.isVoided, Place(document) != seen.place { continue }
                    out[seen.key] = out[seen.key].map { Self.better($0, seen.readback, document) } ?? seen.readback
                }
                for (key, id) in look.drafts where out[key] == nil {
                    out[key] = LedgerReadback(
                        key: key, remoteID: id, version: nil, date: nil, currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:],
                        voided: true, unfinished: true)
                }
                return out
            }
        }
    }

    /// Of two with the same key: the one with effect, since a change leaves the known one cancelled; else the one that is known.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if a.voided != b.voided { return a.voided ? b : a }
        return b.remoteID == document.remoteID ? b : a
    }

    /// By their number.
    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let known = documents.filter { Place($0) != nil }
        if known.isEmpty { return .finish([:]) }
        return speaking(connection) { dialect in
            look(known, .fetch, dialect).map { look in
                var out: [PostKey: LedgerReadback] = [:]
                for document in known {
                    if let seen = look.seen.first(where: { $0.place == Place(document) }) { out[document.key] = seen.readback }
                }
                return out
            }
        }
    }

    // MARK: Looking

    func look(_ documents: [LedgerDocument], _ by: LookUp, _ dialect: Dialect) -> Exchange<Look> {
        var sets: [EntitySet] = []
        var queries: [Query] = []
        for set in EntitySet.allCases {
            var conditions: [String] = []
            for document in documents where EntitySet.all(document.plan.form).contains(set) {
                // Entries are told to be reversed by others of the same key.
                let place = Place(document)
                if by != .fetch || (set == .journalEntries && place?.set == set) { conditions.append(Self.condition(document.key, set, dialect)) }
                if by != .find, let place, place.set == set { conditions.append("\(set.key) eq \(place.id)") }
            }
            for part in conditions.parts(of: B1Limits.listed) {
                sets.append(set)
                queries.append(Query(set.rawValue, set.fields(dialect), filter: Query.anyOf(part), order: set.key))
            }
        }
        let asked = sets
        return rows(queries, dialect) { pages in
            var rows: [(set: EntitySet, row: JSON)] = []
            for (set, page) in zip(asked, pages) { rows += page.map { (set: set, row: $0) } }
            do throws(Fault) {
                let look = Look(seen: try Self.read(rows, documents, dialect))
                return by == .fetch ? .finish(look) : self.drafts(documents, look, dialect)
            } catch {
                return .fail(error)
            }
        }
    }

    static func condition(_ key: PostKey, _ set: EntitySet, _ dialect: Dialect) -> String {
        let (field, text) = (set.keyField(dialect), Query.text("cf:\(key)"))
        return set.isDocument ? "startswith(\(field),\(text))" : "\(field) eq \(text)"
    }

    /// What stands nowhere may wait for an approval: documents in one list, payments in another.
    private func drafts(_ documents: [LedgerDocument], _ look: Look, _ dialect: Dialect) -> Exchange<Look> {
        let missing = documents.filter { document in !look.seen.contains { $0.key == document.key && !$0.isVoided } }
        let documents = missing.filter { EntitySet($0)?.isDocument == true }, payments = missing.filter { EntitySet($0)?.isPayment == true }
        let queries = Self.drafts(of: documents, like: .invoices, "Drafts", ["DocEntry", "DocumentStatus"], dialect)
            + Self.drafts(of: payments, like: .incomingPayments, "PaymentDrafts", ["DocEntry", "AuthorizationStatus", "Cancelled"], dialect)
        return rows(queries, dialect) { pages in
            var out = look
            for (query, page) in zip(queries, pages) {
                let field = (query.set == "Drafts" ? EntitySet.invoices : .incomingPayments).keyField(dialect)
                for row in page where Self.waits(row) {
                    guard let key = Self.key(of: row[field]?.string), let id = row["DocEntry"]?.entry else { continue }
                    if missing.contains(where: { $0.key == key }) { out.drafts[key] = "\(query.set)/\(id)" }
                }
            }
            return .finish(out)
        }
    }

    private static func drafts(of documents: [LedgerDocument], like set: EntitySet, _ list: String, _ fields: [String], _ dialect: Dialect) -> [Query] {
        documents.map { condition($0.key, set, dialect) }.parts(of: B1Limits.listed).map { part in
            Query(list, fields + [set.keyField(dialect)], filter: Query.anyOf(part), order: "DocEntry")
        }
    }

    /// One that was added is closed, or generated, and its document was cancelled then.
    private static func waits(_ row: JSON) -> Bool {
        row["DocumentStatus"]?.string != "bost_Close" && row["Cancelled"]?.string != "tYES"
            && !["pasGenerated", "pasGeneratedbyAuthorizer"].contains(row["AuthorizationStatus"]?.string ?? "")
    }

    /// - Throws: `unreadable_answer`: a document believed missing is written again.
    private static func read(_ rows: [(set: EntitySet, row: JSON)], _ documents: [LedgerDocument], _ dialect: Dialect) throws(Fault) -> [Seen] {
        var out: [Seen] = []
        for (set, row) in rows {
            guard let id = row[set.key]?.entry else { throw unreadable("a document has no \(set.key)") }
            let place = Place(set, id)
            // The document that takes another one's effect back has its references too.
            if row["CancelStatus"]?.string == "csCancellation" || out.contains(where: { $0.place == place }) { continue }
            let key = key(of: row[set.keyField(dialect)]?.string)
            guard let document = documents.first(where: { $0.key == key && EntitySet.all($0.plan.form).contains(set) })
                // A number may be a draft's. What bears another posting's key is that one's.
                ?? (key == nil ? documents.first(where: { Place($0) == place }) : nil)
            else { continue }
            out.append(Seen(place: place, row: row, readback: try readback(row, place, of: document, dialect), key: document.key))
        }
        return reversed(out.sorted { ($0.place.set.rawValue, $0.place.id) < ($1.place.set.rawValue, $1.place.id) })
    }

    /// Entries of the same key that take each other away have no effect, both of them.
    private static func reversed(_ all: [Seen]) -> [Seen] {
        var out = all
        for later in out.indices where out[later].place.set == .journalEntries && !out[later].isVoided {
            let negated = out[later].readback.accounts.mapValues { -$0 }
            let earlier = out.indices.prefix(while: { $0 < later }).first { index in
                out[index].place.set == .journalEntries && out[index].key == out[later].key && !out[index].isVoided && out[index].readback.accounts == negated
            }
            guard let earlier else { continue }
            out[earlier].readback.voided = true
            out[later].readback.voided = true
        }
        return out
    }

    // MARK: Changes

    /// Invoices, credit notes, bills and purchase orders of ours by the day of their last change, from the day before on: the day is the server's, in a zone that is not
    /// told. What is told twice is told twice. Sales orders are for people to work with there: what they make of them is no news.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        speaking(connection) { dialect in
            let from = cursor.flatMap(Mark.init) ?? Mark(day: Zone.utc.date(of: since - B1Limits.changesOverlap), set: .invoices, skip: 0)
            let field = from.set.keyField(dialect)
            let query = Query(
                from.set.rawValue, ["DocEntry", field, "UpdateDate"],
                filter: "startswith(\(field),'cf:') and UpdateDate ge \(Query.text(from.day.description))",
                order: "DocEntry")
            return .send(query.call(dialect, skip: from.skip)) { answer in
                let unseen = from.set.isPurchase && Problem(answer)?.kind == .access
                guard let page = unseen ? Page(rows: [], goesOn: false) : Page(answer, dialect) else {
                    return .fail(Self.unreadable("it gives no list of changes"))
                }
                var out = LedgerChanges(keys: [], next: nil, watermark: nil)
                for row in page.rows {
                    guard let day = row["UpdateDate"]?.day else { return .fail(Self.unreadable("a change has no day")) }
                    if let key = Self.key(of: row[field]?.string), !out.keys.contains(key) { out.keys.append(key) }
                    let time = Zone.utc.instant(of: day)
                    out.watermark = max(out.watermark ?? time, time)
                }
                var next = from
                next.skip += page.rows.count
                if page.goesOn, next.skip <= B1Limits.pageRows * B1Limits.pages {
                    out.next = next.text
                } else if let at = Mark.sets.firstIndex(of: from.set), at + 1 < Mark.sets.count {
                    out.next = Mark(day: from.day, set: Mark.sets[at + 1], skip: 0).text
                }
                return .finish(out)
            }
        }
    }

    /// Where a list of changes goes on: `2026-11-20/CreditNotes/100`.
    private struct Mark: Sendable {
        /// One after the other.
        static let sets: [EntitySet] = EntitySet.allCases.filter { $0.isDocument && $0 != .orders }

        var day: LocalDate
        var set: EntitySet
        var skip: Int

        var text: String { "\(day)/\(set.rawValue)/\(skip)" }

        init(day: LocalDate, set: EntitySet, skip: Int) {
            self.day = day
            self.set = set
            self.skip = skip
        }

        init?(_ text: String) {
            let parts = text.split(separator: "/").map(String.init)
            guard parts.count == 3, let day = LocalDate(parts[0]), let set = EntitySet(rawValue: parts[1]), set.isDocument, let skip = Int(parts[2]),
                (0 ... B1Limits.pageRows * B1Limits.pages).contains(skip)
            else { return nil }
            self.init(day: day, set: set, skip: skip)
        }
    }
}
