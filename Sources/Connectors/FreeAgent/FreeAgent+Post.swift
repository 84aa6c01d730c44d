internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension FreeAgentConnector {
    /// There are no batches.
    public func batchGroup(of document: LedgerDocument) -> String { document.key.text }

    /// All that keeps a document from being written, tax that no rate makes included; the contact, and what a payment settles, are looked up later.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        // What is bound to nothing is held by a check of its own.
        guard document.plan.effect == .post, document.lines.allSatisfy(\.account.known) else { return [] }
        var known = document
        known.party = known.party ?? "1"
        if known.plan.appliesTo != nil { known.appliesTo = known.appliesTo ?? "1" }
        do throws(Fault) {
            switch PostedAs(known) {
            case .sales(let kind): _ = try Self.salesBody(of: known, kind, connection)
            case .money: _ = try MoneyForm(known)
            case .journal: _ = try JournalForm(known)
            case nil: throw Self.unsupported(known.plan.form)
            }
            return []
        } catch {
            return [error]
        }
    }

    public func create(_ documents: [LedgerDocument], attempt _: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        .each(documents[...], []) { document, before in self.create(document, connection).map { before + [$0] } }
    }

    private func create(_ document: LedgerDocument, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        guard document.plan.effect == .post else {
            return .finish(.rejected(Self.refused("void_not_created", "a document that is void was never in FreeAgent", "Report it: nothing is to be sent.")))
        }
        return switch PostedAs(document) {
        case .sales(let kind): createSale(document, kind, connection)
        case .money: createMoney(document, connection)
        case .journal: createJournal(document, connection)
        case nil: .finish(.rejected(Self.unsupported(document.plan.form)))
        }
    }

    public func update(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        switch PostedAs(document) {
        case .sales(let kind): updateSale(document, kind, connection)
        case .money: updateMoney(document, connection)
        case .journal: updateJournal(document, connection)
        case nil: .finish(.rejected(Self.unsupported(document.plan.form)))
        }
    }

    public func void(_ document: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> {
        switch PostedAs(document) {
        case .sales(let kind): voidSale(document, kind)
        case .money: voidMoney(document)
        case .journal: voidJournal(document)
        case nil: .finish(.rejected(Self.unsupported(document.plan.form)))
        }
    }

    // MARK: Fields

    /// The full title; the SKU or the role's name where a line has none, because a line needs some words.
    static func description(_ line: PostingLine) -> String {
        for text in [line.text, line.sku].map(plain) where !text.isEmpty { return cut(text, characters: FreeAgentLimits.text) }
        let words = line.role.text.replacing("_", with: " ").replacing(":", with: ": ")
        return cut(words.prefix(1).uppercased() + words.dropFirst(), characters: FreeAgentLimits.text)
    }

    /// The nominal code of a line's category.
    static func category(_ line: LedgerDocument.Line) throws(Fault) -> String {
        if line.account.bankID != nil {
            throw refused(
                "bank_account_line", "\(line.plan.role) is bound to \(line.account.code), a bank account in FreeAgent, and this takes a category",
                "Bind \(line.plan.role) to a category.")
        }
        guard let category = line.account.category else {
            throw refused("account_not_bound", "account \(line.account.code) is not in FreeAgent", "Create the category or bind the role anew.")
        }
        return category
    }

    static let noID = refused("remote_id_missing", "FreeAgent's id of the document is not known", "Report it.")

    /// The id of a document that is one record.
    static func id(of document: LedgerDocument) throws(Fault) -> String {
        guard let id = document.remoteID, Kind.isID(id) else { throw noID }
        return id
    }

    /// There are no versions: the time of the last change tells that there was one.
    static func version(_ record: JSON) -> String? { record.member("updated_at")?.string.map { String($0.prefix(64)) } }

    static func unsupported(_ form: PostingForm) -> Fault {
        let remedy =
            switch form {
            case .salesReceipt: "FreeAgent has no sales receipts: set the policy sale_form to invoice_payment."
            case .summary, .settlement: "Set the policy posting to per_document: neither invoices nor journals of FreeAgent take sales and money together."
            default: form.remedyWhereUnsupported
            }
        return refused("form_unsupported", "FreeAgent takes no \(form.rawValue.replacing("_", with: " ")) from us", remedy)
    }
}
