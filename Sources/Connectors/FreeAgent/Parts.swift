internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A document that moves money of a bank account: each of its other lines is one explanation on that account, and they come to what the account gets.
struct MoneyForm: Sendable {
    /// What an explanation is about.
    enum Target: Sendable, Equatable {
        /// An invoice that is paid, or a credit note that is paid back.
        case settles(Kind, id: String)
        case transfer(bank: String)
        case category(String)
    }

    struct Part: Sendable, Equatable {
        var target: Target
        /// What the account gets, in its own currency; below zero: what leaves it.
        var value: Int64
        /// The same in the currency of what is settled, where that is another.
        var foreign: Money?
    }

    /// The account that the explanations stand on.
    let bank: String
    let currency: Currency
    private(set) var parts: [Part] = []
    /// What the account gets in all.
    let sum: Int64

    /// - Throws: `payment_not_bank`, `receivable_line`, `account_not_bound`, `refund_without_credit_note`, `payment_without_document`,
    ///   `bank_currency_differs`, `document_unbalanced`, `too_many_lines`, `currency_precision` (reject); `waits_for_document` (retry).
    init(_ document: LedgerDocument) throws(Fault) {
        let lines = document.lines.filter { !$0.plan.amount.isZero || !($0.plan.base?.isZero ?? true) }
        guard let own = MoneyForm.own(lines), let bank = own.account.bankID else { throw MoneyForm.noBank(document) }
        self.bank = bank
        let base = document.plan.rate == nil ? document.plan.currency : lines.lazy.compactMap(\.plan.base?.currency).first ?? document.plan.currency
        currency = own.account.currency ?? base
        guard currency.decimals <= FreeAgentLimits.amountScale else { throw SalesForm.digits(currency) }
        sum = try MoneyForm.value(own, in: currency)
        var isFirst = true
        for line in lines {
            if isFirst, line.plan == own.plan {
                isFirst = false
                continue
            }
            let value = -(try MoneyForm.value(line, in: currency))
            if value == 0 { continue }
            var part = Part(target: try MoneyForm.target(of: line, in: document, currency), value: value)
            if case .settles = part.target, line.plan.amount.currency != currency { part.foreign = -line.plan.amount }
            parts.append(part)
        }
        guard parts.map(\.value).reduce(0, +) == sum, !parts.isEmpty else {
            throw FreeAgentConnector.refused("document_unbalanced", "its lines don't come to what the bank account gets", "Report it.")
        }
        guard parts.count <= FreeAgentLimits.parts else {
            throw FreeAgentConnector.refused(
                "too_many_lines", "it takes \(parts.count) explanations in FreeAgent, and \(FreeAgentLimits.parts) are written together",
                "Enter it by hand, or have fewer kinds of fees told apart.")
        }
    }

    /// The processor's account rather than the bank's: what it holds back is explained where it happens.
    private static func own(_ lines: [LedgerDocument.Line]) -> LedgerDocument.Line? {
        let banks = lines.filter { $0.account.bankID != nil }
        return banks.first { $0.plan.role.family == "clearing" } ?? banks.first
    }

    private static func noBank(_ document: LedgerDocument) -> Fault {
        let line = document.lines.first { $0.plan.part == .tender } ?? document.lines.first { !MoneyForm.isReceivable($0) }
        let name = line.map { "\($0.plan.role)" } ?? "its money"
        return FreeAgentConnector.refused(
            "payment_not_bank", "\(name) is bound to \(line?.account.code ?? "nothing"), which is no bank account in FreeAgent, and money moves on those only",
            "Create a bank account in FreeAgent for \(name), as for a processor's balance, and bind the role to it.")
    }

    static func isReceivable(_ line: LedgerDocument.Line) -> Bool { line.plan.role.family == "receivable" }

    /// A line's amount in the account's currency, debit positive.
    private static func value(_ line: LedgerDocument.Line, in currency: Currency) throws(Fault) -> Int64 {
        if line.plan.amount.currency == currency { return line.plan.amount.minor }
        if let base = line.plan.base, base.currency == currency { return base.minor }
        throw FreeAgentConnector.refused(
            "bank_currency_differs", "it moves \(line.plan.amount.magnitude), and its bank account in FreeAgent is kept in \(currency)",
            "Bind the role to a bank account in FreeAgent of the money's currency, or enter it by hand.")
    }

    private static func target(of line: LedgerDocument.Line, in document: LedgerDocument, _ currency: Currency) throws(Fault) -> Target {
        if isReceivable(line) { return try settled(line, document) }
        if let bank = line.account.bankID {
            guard line.account.currency ?? currency == currency else {
                throw FreeAgentConnector.refused(
                    "bank_currency_differs", "it moves money between bank accounts of two currencies", "Enter it by hand: both amounts have to be stated.")
            }
            return .transfer(bank: bank)
        }
        return .category(try FreeAgentConnector.category(line))
    }

    private static func settled(_ line: LedgerDocument.Line, _ document: LedgerDocument) throws(Fault) -> Target {
        let kind: Kind
        switch (document.plan.appliesTo?.form, line.plan.amount.minor < 0) {
        case (.invoice, true): kind = .invoices
        case (.creditNote, false): kind = .creditNotes
        case (.invoice, false):
            throw FreeAgentConnector.refused(
                "refund_without_credit_note", "FreeAgent pays money back on a credit note, and takes money in on an invoice",
                "Give the refund its credit note in the source, or enter it by hand.")
        default:
            throw FreeAgentConnector.refused(
                "receivable_line", "it moves \(line.plan.amount.magnitude.text) of what customers owe and settles no invoice or credit note",
                "Enter it by hand.")
        }
        guard let id = document.appliesTo, !id.isEmpty else {
            throw Fault(
                "waits_for_document", stage: .post, disposition: .retry, summary: "the document that the payment settles is not in FreeAgent yet",
                remedy: "None needed: it is tried again.")
        }
        return .settles(kind, id: id)
    }

    // MARK: In FreeAgent's words

    /// The body that writes a part. Money that settles nothing is out of the tax's scope: a category's own rate would take tax out of it.
    /// - Source: bank_transaction_explanations.md, Attributes.
    func body(of part: Part, number: Int, _ document: LedgerDocument, _ connection: ConnectionFacts) -> JSON {
        var members: [(key: String, value: JSON)] = [
            ("bank_account", .string(Kind.bankAccounts.address(bank, connection))), ("dated_on", .string(document.plan.date.description)),
            ("description", .string(description(of: document, number))), ("gross_value", .string(Money(minor: part.value, currency).text)),
        ]
        switch part.target {
        case .settles(let kind, let id):
            members.append(("paid_invoice", .string(kind.address(id, connection))))
            if let foreign = part.foreign { members.append(("foreign_currency_value", .string(foreign.text))) }
        case .transfer(let bank): members.append(("transfer_bank_account", .string(Kind.bankAccounts.address(bank, connection))))
        case .category(let code):
            members.append(("category", .string(Kind.categories.address(code, connection))))
            members += TaxRate.none.members
        }
        return .object([(Kind.explanations.root, .object(members))])
    }

    /// `cf:<key> 1/2 <reference>`.
    private func description(of document: LedgerDocument, _ number: Int) -> String {
        let words = [document.reference, document.plan.reference, document.plan.note].compactMap(\.self).map(plain).filter { !$0.isEmpty }
        let head = "\(FreeAgentConnector.mark(document.key)) \(number)/\(parts.count)"
        return plain(cut("\(head) \(words.joined(separator: " | "))", characters: FreeAgentLimits.name))
    }

    /// By account, debit positive: what customers owe is left out.
    var accounts: [String: Int64] {
        var out = [bankPrefix + bank: sum]
        for part in parts {
            switch part.target {
            case .settles: break
            case .transfer(let bank): out[bankPrefix + bank, default: 0] -= part.value
            case .category(let code): out[code, default: 0] -= part.value
            }
        }
        return out.filter { $0.value != 0 }
    }

    /// What it settles.
    var settles: String? { parts.lazy.compactMap { if case .settles(_, let id) = $0.target { id } else { nil } }.first }

    /// What is debited in all.
    var total: Int64 { max(0, sum) + parts.map { max(0, -$0.value) }.reduce(0, +) }
}

/// An explanation as it stands there.
struct Seen: Sendable {
    let id: String
    /// The bank transaction that it explains, made with it.
    let transaction: String?
    let key: PostKey?
    let bank: String?
    let date: LocalDate
    /// `nil` for what is none of ours: a user's money, an asset.
    let target: MoneyForm.Target?
    let value: JSON
    let tax: JSON?
    let foreign: JSON?
    let isFixed: Bool
    let version: String?

    /// - Throws: `unreadable_answer`.
    init(_ row: JSON, id known: String? = nil) throws(Fault) {
        guard let id = Kind.explanations.id(of: row["url"]?.string) ?? known, let value = row["gross_value"], value.decimal != nil,
            let date = row["dated_on"]?.string.flatMap({ LocalDate($0.prefix(10)) })
        else { throw FreeAgentConnector.judging.notRead("an explanation has no url, value or date") }
        self.id = id
        self.value = value
        self.date = date
        transaction = Kind.bankTransactions.id(of: row["bank_transaction"]?.string)
        bank = Kind.bankAccounts.id(of: row["bank_account"]?.string)
        key = FreeAgentConnector.key(at: row["description"]?.string)
        tax = row.member("sales_tax_value")
        foreign = row.member("foreign_currency_value")
        isFixed = row["is_locked"]?.bool ?? false || row["is_deletable"]?.bool == false
        version = FreeAgentConnector.version(row)
        let paid = row.member("paid_invoice")?.string
        let other = (row.member("transfer_bank_account") ?? row.member("linked_transfer_account"))?.string
        if let id = Kind.invoices.id(of: paid) {
            target = .settles(.invoices, id: id)
        } else if let id = Kind.creditNotes.id(of: paid) {
            target = .settles(.creditNotes, id: id)
        } else if let bank = Kind.bankAccounts.id(of: other) {
            target = .transfer(bank: bank)
        } else {
            target = Kind.categories.id(of: row.member("category")?.string).map { .category($0) }
        }
    }

    /// `12@8`: with its bank transaction, which has to go when it goes.
    var remoteID: String { Seen.remoteID(id, transaction) }

    /// `12@` where nobody said which bank transaction it is of.
    static func remoteID(_ id: String, _ transaction: String?) -> String { "\(id)@\(transaction ?? "")" }

    /// A remote id is that of explanations, not of a journal.
    static func isMoney(_ remoteID: String) -> Bool { remoteID.contains("@") }

    /// It says what the part says, on that day and that account.
    func isSame(as part: MoneyForm.Part, on form: MoneyForm, _ date: LocalDate) -> Bool {
        bank == form.bank && self.date == date && target == part.target && value.minor(form.currency) == part.value && (tax?.decimal?.isZero ?? true)
            && (part.foreign == nil || foreign?.decimal == part.foreign?.decimal)
    }

    /// A document's remote id, taken apart: `12@8,13@9`.
    static func ids(_ remoteID: String?) -> [(id: String, transaction: String?)] {
        (remoteID ?? "").split(separator: ",").compactMap { piece in
            let halves = piece.split(separator: "@", maxSplits: 1).map(String.init)
            guard let id = halves.first, Kind.isID(id), halves.dropFirst().allSatisfy(Kind.isID) else { return nil }
            return (id, halves.dropFirst().first)
        }
    }
}
