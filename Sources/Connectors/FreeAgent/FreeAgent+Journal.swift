internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// The entries of a journal set: amounts in the books' currency, debit positive.
struct JournalForm: Sendable {
    struct Entry: Sendable {
        var text: String
        var category: String
        var minor: Int64
    }

    private(set) var entries: [Entry] = []
    let currency: Currency

    /// - Throws: `bank_account_line`, `receivable_line`, `account_needs_more`, `account_not_bound`, `base_amount_missing`, `lines_in_currencies`,
    ///   `document_unbalanced`, `currency_precision` (reject).
    init(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        var currencies: Set<Currency> = []
        for line in document.lines {
            if line.plan.amount.isZero, line.plan.base?.isZero ?? true { continue }
            if MoneyForm.isReceivable(line) { throw JournalForm.receivable(line) }
            if let special = FreeAgentConnector.special.first(where: { $0.type == line.account.type }) {
                throw FreeAgentConnector.refused(
                    "account_needs_more", "\(line.plan.role) is bound to \(line.account.code), and FreeAgent's journals want to know the \(special.field) there",
                    "Bind \(line.plan.role) to a category that stands for itself.")
            }
            let own = plan.rate == nil && line.plan.amount.currency == plan.currency
            guard let amount = own ? line.plan.amount : line.plan.base else {
                throw FreeAgentConnector.refused("base_amount_missing", "a journal in \(plan.currency) has no base amounts", "Report it.")
            }
            currencies.insert(amount.currency)
            if amount.isZero { continue }
            entries.append(Entry(text: FreeAgentConnector.description(line.plan), category: try FreeAgentConnector.category(line), minor: amount.minor))
        }
        guard currencies.count <= 1 else {
            throw FreeAgentConnector.refused("lines_in_currencies", "its lines are in several currencies, and FreeAgent's journals are in one", "Enter it by hand.")
        }
        currency = currencies.first ?? plan.currency
        guard currency.decimals <= FreeAgentLimits.amountScale else { throw SalesForm.digits(currency) }
        guard !entries.isEmpty, entries.map(\.minor).reduce(0, +) == 0 else {
            throw FreeAgentConnector.refused("document_unbalanced", "the journal's lines don't come to zero", "Report it.")
        }
    }

    private static func receivable(_ line: LedgerDocument.Line) -> Fault {
        FreeAgentConnector.refused(
            "receivable_line", "it moves \(line.plan.amount.magnitude.text) of what customers owe, which FreeAgent changes by invoices, credit notes and money only",
            "Bind the other account to a bank account in FreeAgent that stands for it, as for deposits, or enter it by hand.")
    }

    /// By account, debit positive.
    var accounts: [String: Int64] {
        var out: [String: Int64] = [:]
        for entry in entries { out[entry.category, default: 0] += entry.minor }
        return out.filter { $0.value != 0 }
    }

    var debits: Int64 { entries.map { max(0, $0.minor) }.reduce(0, +) }
}

extension FreeAgentConnector {
    /// The tag is our key: sets are found by it, and people can't change a tagged one by mistake.
    /// - Source: journal_sets.md, tag.
    private static func journalBody(_ document: LedgerDocument, _ connection: ConnectionFacts, taking old: [JSON] = []) throws(Fault) -> JSON {
        let form = try JournalForm(document)
        let words = [document.reference, document.plan.reference, document.plan.note].compactMap(\.self).map(plain).filter { !$0.isEmpty }
        let entries: [JSON] = form.entries.map { entry in
            [
                "category": .string(Kind.categories.address(entry.category, connection)), "description": .string(entry.text),
                "debit_value": .string(Money(minor: entry.minor, form.currency).text),
            ]
        }
        let set: JSON = [
            "dated_on": .string(document.plan.date.description), "description": .string(cut(words.joined(separator: " | "), characters: FreeAgentLimits.name)),
            "tag": .string(mark(document.key)), "journal_entries": .array(old + entries),
        ]
        return .object([(Kind.journals.root, set)])
    }

    func createJournal(_ document: LedgerDocument, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let kind = Kind.journals
            return .send(Self.write(.post, "/v2/\(kind.rawValue)", try Self.journalBody(document, connection), calls: 1)) { answer in
                let record = (try? JSON(parsing: answer.body))?.member(kind.root)
                guard let id = kind.created(answer, record) else { return .finish(.unknown(Self.judging.notTold("it has no address of the journal"))) }
                return .finish(.posted(remoteID: id, version: record.flatMap(Self.version)))
            }
        }
    }

    /// All entries anew, in one write. One that is gone is written anew, where none has its tag.
    func updateJournal(_ document: LedgerDocument, _ connection: ConnectionFacts, isLookedFor: Bool = false) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            _ = try Self.journalBody(document, connection)
            let kind = Kind.journals, id = try Self.id(of: document)
            return Self.record(kind, id).next { record in
                guard let record else {
                    if isLookedFor { return .fail(Self.judging.notRead("a journal is listed and is not there")) }
                    return Self.whole(kind, [("tag", Self.mark(document.key))]).next { rows in
                        let standing = rows.compactMap { kind.id(of: $0["url"]?.string) }.unique(by: \.self)
                        guard standing.count < 2 else { return .finish(.rejected(Self.doubled(standing, in: "FreeAgent"))) }
                        var other = document
                        other.remoteID = standing.first
                        return other.remoteID == nil ? self.createJournal(other, connection) : self.updateJournal(other, connection, isLookedFor: true)
                    }
                }
                return .refusing { () throws(Fault) in
                    try Self.checkOurs(record, document)
                    var old: [JSON] = []
                    for row in record["journal_entries"]?.array ?? [] {
                        guard let url = row["url"]?.string, !url.isEmpty else { throw Self.judging.notRead("a journal entry has no url") }
                        old.append(["url": .string(url), "_destroy": true])
                    }
                    let body = try Self.journalBody(document, connection, taking: old)
                    return .send(Self.write(.put, kind.path(id), body, calls: 1)) { answer in
                        let shown = (try? JSON(parsing: answer.body))?.member(kind.root)
                        return .finish(.posted(remoteID: id, version: Self.version(shown ?? record)))
                    }
                }
            }
        }
    }

    func voidJournal(_ document: LedgerDocument) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let id = try Self.id(of: document)
            let gone = PostOutcome.posted(remoteID: id, version: nil)
            return Self.record(.journals, id).next { record in
                guard let record else { return .finish(gone) }
                return .refusing { () throws(Fault) in
                    try Self.checkOurs(record, document)
                    return .send(Self.write(.delete, Kind.journals.path(id), calls: 1)) { _ in .finish(gone) }
                }
            }
        }
    }

    /// An id may be one of another kind of record, as earlier versions kept it: the journal of that number is then somebody else's.
    private static func checkOurs(_ record: JSON, _ document: LedgerDocument) throws(Fault) {
        guard record["tag"]?.string == mark(document.key) else {
            throw refused("remote_id_missing", "the journal that FreeAgent has under the document's id does not bear the document's tag", "Report it; nothing was changed there.")
        }
    }
}
