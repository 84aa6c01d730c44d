/// The entities this company knows, by the name they bear in bodies and queries.
enum QBOKind: String, CaseIterable, Sendable {
    case invoice = "Invoice"
    case creditMemo = "CreditMemo"
    case payment = "Payment"
    case journalEntry = "JournalEntry"
    case salesReceipt = "SalesReceipt"
    case refundReceipt = "RefundReceipt"
    case bill = "Bill"
    case vendorCredit = "VendorCredit"
    case billPayment = "BillPayment"
    case purchaseOrder = "PurchaseOrder"
    case customer = "Customer"
    case vendor = "Vendor"
    case item = "Item"
    case account = "Account"
    case taxCode = "TaxCode"
    case taxRate = "TaxRate"
    case taxAgency = "TaxAgency"
    case trackingClass = "Class"
    case department = "Department"
    case attachable = "Attachable"
    case companyInfo = "CompanyInfo"
    case preferences = "Preferences"

    /// From the path segment (`journalentry`) or the query's `FROM` (any case).
    init?(name: some StringProtocol) {
        let wanted = name.lowercased()
        guard let kind = Self.allCases.first(where: { $0.rawValue.lowercased() == wanted }) else { return nil }
        self = kind
    }

    var isTransaction: Bool { isSalesForm || isPurchaseForm || isSettlement || self == .journalEntry }

    /// Forms with sales lines, tax and a total.
    var isSalesForm: Bool {
        [.invoice, .creditMemo, .salesReceipt, .refundReceipt].contains(self)
    }

    /// Forms with lines of expenses.
    var isPurchaseForm: Bool { [.bill, .vendorCredit, .purchaseOrder].contains(self) }

    /// Transactions that settle others.
    var isSettlement: Bool { self == .payment || self == .billPayment }

    /// Transactions that change the books: an order does not.
    var isPosting: Bool { isTransaction && self != .purchaseOrder }

    /// Kinds that are deleted for good; the others are made inactive.
    var isDeletable: Bool { isTransaction || self == .attachable }

    /// - Source: QuickBooks Online docs: invoice by `operation=void`; payment, sales receipt and bill payment by `include=void`. A bill is deleted.
    var isVoidable: Bool { [.invoice, .salesReceipt, .payment, .billPayment].contains(self) }

    /// Lists whose members are made inactive instead of deleted; queries hide inactive ones.
    var isNameList: Bool {
        [.customer, .vendor, .item, .account, .trackingClass, .department, .taxCode, .taxRate].contains(self)
    }

    /// Kinds that the API writes.
    var isWritable: Bool {
        isTransaction || [.customer, .vendor, .item, .account, .trackingClass, .department, .attachable].contains(self)
    }

    /// Kinds that change data capture reports.
    /// - Source: QuickBooks Online docs, change data capture operation: no TaxRate, TaxCode or TaxAgency; attachments are not in its list.
    var isInChangeFeed: Bool { ![.taxCode, .taxRate, .taxAgency, .companyInfo, .attachable].contains(self) }

    /// Kinds whose changes webhooks tell of.
    /// - Source: QuickBooks Online docs, "Webhooks", supported entities.
    var isInWebhooks: Bool { ![.taxCode, .taxRate, .companyInfo, .attachable].contains(self) }

    /// Transactions number themselves from one sequence, every list from its own.
    var sequence: String { isTransaction ? "Txn" : rawValue }

    /// How error details spell a transaction type.
    var spoken: String {
        switch self {
        case .creditMemo: "Credit Memo"
        case .journalEntry: "Journal Entry"
        case .salesReceipt: "Sales Receipt"
        case .refundReceipt: "Refund"
        case .vendorCredit: "Vendor Credit"
        case .billPayment: "Bill Payment (Check)"
        case .purchaseOrder: "Purchase Order"
        default: rawValue
        }
    }

    /// What "Invalid Reference Id" calls the table.
    var elements: String {
        switch self {
        case .customer, .vendor: "Names"
        case .item: "Items"
        case .account: "Accounts"
        case .trackingClass: "Klasses"
        case .department: "Depts"
        case .taxCode: "TaxCodes"
        default: "Transactions"
        }
    }
}
