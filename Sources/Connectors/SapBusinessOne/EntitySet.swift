internal import Books
internal import ConnectorKit
internal import Kernel

/// What documents of ours become there. The DI API's objects are the same ones: oInvoices (13), oCreditNotes (14), oIncomingPayments (24),
/// oPurchaseInvoices (18), oPurchaseOrders (22), oOrders (17), oVendorPayments (46), oJournalEntries (30).
enum EntitySet: String, Sendable, CaseIterable {
    case invoices = "Invoices"
    case creditNotes = "CreditNotes"
    case purchaseInvoices = "PurchaseInvoices"
    case purchaseOrders = "PurchaseOrders"
    case incomingPayments = "IncomingPayments"
    case vendorPayments = "VendorPayments"
    case journalEntries = "JournalEntries"
    case orders = "Orders"

    static let entryForms: Set<PostingForm> = [.journal, .reversal, .deposit, .settlement, .payout, .summary]

    /// What a form is as a rule; `nil` for a form that has no counterpart there.
    static func usual(_ form: PostingForm) -> EntitySet? {
        switch form {
        case .invoice: .invoices
        case .creditNote: .creditNotes
        case .bill: .purchaseInvoices
        case .purchaseOrder: .purchaseOrders
        case .salesOrder: .orders
        case .payment: .incomingPayments
        case .refundPayment: .vendorPayments
        case _ where entryForms.contains(form): .journalEntries
        default: nil
        }
    }

    /// All that documents of a form may be there. A payment with a fee beside it is an entry.
    static func all(_ form: PostingForm) -> [EntitySet] {
        guard let usual = usual(form) else { return [] }
        return usual.isPayment ? [usual, .journalEntries] : [usual]
    }

    /// What this document becomes.
    init?(_ document: LedgerDocument) {
        guard let usual = EntitySet.usual(document.plan.form) else { return nil }
        self = usual.isPayment && PaymentForm(document) == nil ? .journalEntries : usual
    }

    /// One of the documents that share their fields, lines and drafts: sold or bought.
    var isDocument: Bool { isPurchase || self == .invoices || self == .creditNotes || self == .orders }
    /// Its partner is a supplier.
    var isPurchase: Bool { self == .purchaseInvoices || self == .purchaseOrders }
    var isPayment: Bool { self == .incomingPayments || self == .vendorPayments }
    var key: String { self == .journalEntries ? "JdtNum" : "DocEntry" }

    /// What its lines are. What is bought is text on an account, whatever the setting says: goods on the lines of a bill would move stock there.
    func lines(_ dialect: Dialect) -> Dialect.Lines { isPurchase ? .service : dialect.lines }

    /// The field that holds our key.
    func keyField(_ dialect: Dialect) -> String {
        switch self {
        case .invoices, .creditNotes, .purchaseInvoices, .purchaseOrders, .orders: dialect.keyField ?? "NumAtCard"
        case .incomingPayments, .vendorPayments: "TransferReference"
        case .journalEntries: "Reference"
        }
    }

    func fields(_ dialect: Dialect) -> [String] {
        switch self {
        case .invoices, .creditNotes, .purchaseInvoices, .purchaseOrders, .orders:
            [
                "DocEntry", "DocNum", "CardCode", "DocDate", "DocDueDate", "DocCurrency", "DocTotal", "DocTotalFc", "VatSum", "VatSumFc", "Cancelled", "CancelStatus",
                "NumAtCard", "UpdateDate", "UpdateTime", "DocumentLines",
            ] + [dialect.keyField].compactMap(\.self) + (self == .orders ? ["DocType", "DocumentStatus", "Confirmed"] : [])
        case .incomingPayments, .vendorPayments:
            [
                "DocEntry", "DocNum", "CardCode", "DocDate", "DocCurrency", "Cancelled", "TransferAccount", "TransferSum", "TransferReference", "CashAccount",
                "CashSum", "PaymentInvoices",
            ]
        case .journalEntries: ["JdtNum", "ReferenceDate", "Reference", "Memo", "JournalEntryLines"]
        }
    }
}

/// Where a document is there: `812`, and `JournalEntries/812` where it is an entry though its form usually is something else.
struct Place: Sendable, Hashable {
    var set: EntitySet
    var id: Int

    init(_ set: EntitySet, _ id: Int) {
        self.set = set
        self.id = id
    }

    /// Of what is known of a document; `nil` where nothing is, or no such thing.
    init?(_ document: LedgerDocument) {
        guard let text = document.remoteID, let usual = EntitySet.usual(document.plan.form) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let last = parts.last, let id = recordID(last) else { return nil }
        switch parts.count {
        case 1: self.init(usual, id)
        case 2 where parts[0] == EntitySet.journalEntries.rawValue: self.init(.journalEntries, id)
        default: return nil
        }
    }

    func remoteID(_ form: PostingForm) -> String { set == EntitySet.usual(form) ? String(id) : "\(set.rawValue)/\(id)" }
}
