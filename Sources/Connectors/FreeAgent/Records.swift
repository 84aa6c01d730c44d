internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// The kinds of record that we read and write there. Each is named by a whole address, `https://api.freeagent.com/v2/invoices/3`; we keep its end.
enum Kind: String, Sendable, CaseIterable {
    case invoices
    case creditNotes = "credit_notes"
    case journals = "journal_sets"
    case explanations = "bank_transaction_explanations"
    case bankTransactions = "bank_transactions"
    case bankAccounts = "bank_accounts"
    case contacts
    case categories
    case invoiceItems = "invoice_items"
    case taxPeriods = "sales_tax_periods"

    /// The member that one record stands under: `invoice`.
    var root: String { self == .categories ? "category" : String(rawValue.dropLast()) }
    /// The list of an invoice's or credit note's lines.
    var items: String { root + "_items" }
    /// What has been paid on it.
    var settledField: String { self == .creditNotes ? "refunded_value" : "paid_value" }
    /// Amounts of a credit note are negative there.
    /// - Source: credit_notes.md: net_value -100.0, total_value -120.0 of a price of -100.0.
    var sign: Int64 { self == .creditNotes ? -1 : 1 }

    func path(_ id: String, _ more: String = "") -> String { "/v2/\(rawValue)/\(Form.percent(id))\(more)" }

    /// The whole address of a record, as bodies and queries want it: below the host that the connection speaks to.
    func address(_ id: String, _ connection: ConnectionFacts) -> String {
        let base = connection.base ?? Address.of(FreeAgentConnector().spec.productionBase, account: connection.account)
        return (base.hasSuffix("/") ? String(base.dropLast()) : base) + path(id)
    }

    /// The id at the end of an address of this kind, wherever its host; `nil` for anything else.
    func id(of address: String?) -> String? {
        guard let address, address.utf8.count <= 500 else { return nil }
        let parts = address.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[parts.count - 2] == rawValue, let id = parts.last.map(String.init), Kind.isID(id) else { return nil }
        return id
    }

    /// Digits; of categories also nominal codes with a sub code: `750-1`.
    static func isID(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 20 && text.utf8.allSatisfy { (48 ... 57).contains($0) || $0 == 45 } && text.utf8.first != 45
    }

    /// The id of what a call has just created: by the `Location`, else by the record's own `url`.
    func created(_ answer: HTTPResponse, _ record: JSON?) -> String? { id(of: answer.fields["Location"]) ?? id(of: record?["url"]?.string) }
}

/// What a bank account's remote id begins with here, to be told from a category's.
let bankPrefix = "\(Kind.bankAccounts.rawValue)/"

extension BoundAccount {
    /// The bank account's id there; `nil` for a category.
    var bankID: String? {
        guard let remoteID, remoteID.hasPrefix(bankPrefix) else { return nil }
        let id = String(remoteID.dropFirst(bankPrefix.count))
        return Kind.isID(id) ? id : nil
    }

    /// The category's nominal code; `nil` for a bank account.
    var category: String? { remoteID.flatMap { Kind.isID($0) ? $0 : nil } }
}

/// The company, as far as it matters here.
struct Company: Sendable {
    let name: String
    let subdomain: String
    let currency: String
    let type: String
    let start: LocalDate?
    /// Rates as the company shows them.
    let rates: [String]

    var isUK: Bool { type.hasPrefix("Uk") }

    /// - Throws: `unreadable_answer`.
    init(_ answer: HTTPResponse) throws(Fault) {
        guard let company = try answer.json().member("company"), let name = company["name"]?.string, !name.isEmpty,
            let subdomain = company["subdomain"]?.string, !subdomain.isEmpty, let currency = company["currency"]?.string, !currency.isEmpty
        else { throw FreeAgentConnector.judging.notRead("the company has no name, subdomain or currency") }
        self.name = name
        self.subdomain = subdomain
        self.currency = currency
        type = company["type"]?.string ?? ""
        // Guessing a date that is there but unreadable would post before the books begin.
        if let text = company.member("freeagent_start_date")?.string {
            guard let day = LocalDate(text) else { throw FreeAgentConnector.judging.notRead("freeagent_start_date is no date") }
            start = day
        } else {
            start = nil
        }
        rates = (company["sales_tax_rates"]?.array ?? []).compactMap { TaxRate.percentage($0) }
    }
}

extension JSON {
    /// An amount as the API writes it, `"120.0"`, in minor units.
    func minor(_ currency: Currency) -> Int64? {
        guard let value = decimal, let money = Money(value, currency), abs(money.minor) <= FreeAgentLimits.amountMinor else { return nil }
        return money.minor
    }
}
