internal import Books
internal import ConnectorKit
internal import Kernel

/// The records that we write there. Both APIs call them and their fields alike; SOAP begins the name with a capital.
enum Kind: String, Sendable, CaseIterable {
    case invoice, creditMemo, cashSale, customerPayment, customerRefund, journalEntry, vendorBill, purchaseOrder
    case customer, vendor, nonInventorySaleItem, otherChargeSaleItem

    /// How a query of transactions calls it.
    /// - Source: `transaction.type` of the SuiteAnalytics records browser.
    var transactionType: String? {
        switch self {
        case .invoice: "CustInvc"
        case .creditMemo: "CustCred"
        case .cashSale: "CashSale"
        case .customerPayment: "CustPymt"
        case .customerRefund: "CustRfnd"
        case .journalEntry: "Journal"
        case .vendorBill: "VendBill"
        case .purchaseOrder: "PurchOrd"
        case .customer, .vendor, .nonInventorySaleItem, .otherChargeSaleItem: nil
        }
    }

    init?(transactionType: String) {
        guard let kind = Kind.allCases.first(where: { $0.transactionType == transactionType }) else { return nil }
        self = kind
    }

    var isSales: Bool { self == .invoice || self == .creditMemo || self == .cashSale }
    var isPurchase: Bool { self == .vendorBill || self == .purchaseOrder }
    var isPayment: Bool { self == .customerPayment || self == .customerRefund }

    /// The name of its type in SOAP.
    var typeName: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}

extension LedgerDocument.Line {
    var isReceivable: Bool { plan.role.family == "receivable" }

    /// Bank accounts take deposits; an account's type is not known here, its role is.
    var takesDeposits: Bool { plan.role.family == "clearing" || plan.role.family == "bank" }

    /// The ledger's tax code; `nil` where there is none or it is bound to no tax.
    var boundTaxCode: String? {
        guard let code = taxCode.map(plain), !code.isEmpty, code.uppercased() != TaxCode.none else { return nil }
        return code
    }
}

extension LedgerDocument {
    /// What it becomes there; `nil` for a form that we don't write. Money in or out by a clearing or bank account alone is a payment or a refund of
    /// a credit memo; anything else beside it makes it a journal. What moves money between accounts of our own or stands for many orders is one too.
    var kind: Kind? {
        switch plan.form {
        case .invoice: .invoice
        case .creditNote: .creditMemo
        case .salesReceipt: .cashSale
        case .payment: depositTender == nil ? .journalEntry : .customerPayment
        case .refundPayment: depositTender != nil && plan.appliesTo?.form == .creditNote ? .customerRefund : .journalEntry
        case .journal, .reversal, .settlement, .payout, .deposit, .summary: .journalEntry
        case .bill: .vendorBill
        case .purchaseOrder: .purchaseOrder
        case .memo, .salesOrder: nil
        }
    }

    /// What it may have been written as before: a payment that the bank took a fee from later is a journal from then on.
    var former: Kind? {
        switch plan.form {
        case .payment: kind == .customerPayment ? .journalEntry : .customerPayment
        case .refundPayment where plan.appliesTo?.form == .creditNote: kind == .customerRefund ? .journalEntry : .customerRefund
        default: nil
        }
    }

    /// The kinds that it can be found as, the present one first.
    var kinds: [Kind] { [kind, former].compactMap(\.self) }

    /// The one tender of a payment, where its account takes deposits and nothing stands beside it: what the bank kept, what the coins are off.
    var depositTender: Line? {
        let tenders = lines.filter { $0.plan.part == .tender }
        guard tenders.count == 1, tenders[0].takesDeposits, lines.allSatisfy({ $0.plan.part == .tender || $0.plan.part == .control }) else { return nil }
        return tenders[0]
    }

    /// It is about another document that is not there yet, and can't go without it.
    var waits: Bool { kind?.isPayment == true && plan.appliesTo != nil && (appliesTo ?? "").isEmpty }

    /// The line of the payable that it stands on.
    var payable: Line? { lines.first { $0.plan.part == .control && $0.plan.role.family == "payable" } }

    /// The line of the receivable that it moves.
    var receivable: Line? { lines.first { $0.plan.part == .control && $0.isReceivable } }

    /// How it is known there: unique among all transactions.
    var externalID: String { ExternalID.of(key) }
}

/// Our key as a transaction's external id.
enum ExternalID {
    static let prefix = "cf-"

    static func of(_ key: PostKey) -> String { prefix + key.text }

    static func key(_ text: String?) -> PostKey? {
        guard let text, text.hasPrefix(prefix) else { return nil }
        return PostKey(text.dropFirst(prefix.count))
    }
}

/// What account structures bind taxes to: the id of a tax code (`7`); with SuiteTax type and code (`5/9`).
struct TaxCode: Sendable, Equatable, Hashable {
    static let none = "NONE"

    /// Of SuiteTax alone.
    var type: String?
    var code: String

    /// `nil` for what is neither.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1 ... 2).contains(parts.count), parts.allSatisfy(isID), let last = parts.last else { return nil }
        type = parts.count == 2 ? parts[0] : nil
        code = last
    }
}

/// An internal id: digits, below zero for what NetSuite brought along.
func isID(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    return (1 ... 18).contains(digits.utf8.count) && digits.utf8.allSatisfy { (48 ... 57).contains($0) }
}
