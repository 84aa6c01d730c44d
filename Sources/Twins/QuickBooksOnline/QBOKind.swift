/// The entities this company knows, by the name they bear in bodies and queries.
enum QBOKind: String, CaseIterable, Sendable {
    case invoice = "Invoice"
    case creditMemo = "CreditMemo"
    case payment = "Payment"
    case journalEntry = "JournalEntry"
    case salesReceipt = "SalesReceipt"
    case refundReceipt = "RefundReceipt"
    case customer = "Customer"
    case item = "Item"
    case account = "Account"
    case taxCode = "TaxCode"
    case taxRate = "TaxRate"
    case taxAgency = "TaxAgency"
    case trackingClass = "Class"
    case department = "Department"
    case companyInfo = "CompanyInfo"
    case preferences = "Preferences"

    /// From the path segment (`journalentry`) or the query's `FROM` (any case).
    init?(name: some StringProtocol) {
        let wanted = name.lowercased()
        guard let kind = Self.allCases.first(where: { $0.rawValue.lowercased() == wanted }) else { return nil }
        self = kind
    }

    var isTransaction: Bool { isSalesForm || self == .payment || self == .journalEntry }

    /// Forms with sales lines, tax and a total.
    var isSalesForm: Bool {
        [.invoice, .creditMemo, .salesReceipt, .refundReceipt].contains(self)
    }

    /// Lists whose members are made inactive instead of deleted; queries hide inactive ones.
    var isNameList: Bool {
        [.customer, .item, .account, .trackingClass, .department, .taxCode, .taxRate].contains(self)
    }

    /// Kinds that the API writes.
    var isWritable: Bool {
        isTransaction || [.customer, .item, .account, .trackingClass, .department].contains(self)
    }

    /// Kinds that change data capture reports.
    /// - Source: QuickBooks Online docs, change data capture operation: no TaxRate, TaxCode or TaxAgency.
    var isInChangeFeed: Bool { ![.taxCode, .taxRate, .taxAgency, .companyInfo].contains(self) }

    /// Transactions number themselves from one sequence, every list from its own.
    var sequence: String { isTransaction ? "Txn" : rawValue }

    /// How error details spell a transaction type.
    var spoken: String {
        switch self {
        case .creditMemo: "Credit Memo"
        case .journalEntry: "Journal Entry"
        case .salesReceipt: "Sales Receipt"
        case .refundReceipt: "Refund"
        default: rawValue
        }
    }

    /// What "Invalid Reference Id" calls the table.
    var elements: String {
        switch self {
        case .customer: "Names"
        case .item: "Items"
        case .account: "Accounts"
        case .trackingClass: "Klasses"
        case .department: "Depts"
        case .taxCode: "TaxCodes"
        default: "Transactions"
        }
    }
}
