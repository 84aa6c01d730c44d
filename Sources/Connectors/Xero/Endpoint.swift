internal import ConnectorKit
internal import Books

/// The kinds of document that we write there.
enum Endpoint: String, Sendable, CaseIterable {
    case invoices = "Invoices"
    case creditNotes = "CreditNotes"
    case payments = "Payments"
    case manualJournals = "ManualJournals"
    case bankTransactions = "BankTransactions"
    case purchaseOrders = "PurchaseOrders"

    /// `nil` for a form that has no counterpart there. Bills are invoices of another type. Money that reaches or leaves a bank account of theirs
    /// is a bank transaction, because manual journals take no bank account; a deposit that an invoice uses up is a payment of it; what stands
    /// for many orders is an invoice over what they leave open, a credit note where that is below zero.
    init?(_ document: LedgerDocument) {
        switch document.plan.form {
        case .invoice, .bill: self = .invoices
        case .creditNote: self = .creditNotes
        case .payment, .refundPayment: self = .payments
        case .journal where document.settlesInvoice: self = .payments
        case .journal, .deposit, .payout: self = document.bankLines.count == 1 ? .bankTransactions : .manualJournals
        case .summary, .settlement: self = document.stillOwed < 0 ? .creditNotes : .invoices
        case .purchaseOrder: self = .purchaseOrders
        default: return nil
        }
    }

    /// Every kind that the document may be there, whatever its accounts are bound to today: what was money at a bank account when it was written is
    /// looked for as that too once the account is bound otherwise, or to nothing.
    static func mayHold(_ document: LedgerDocument) -> [Endpoint] {
        guard let endpoint = Endpoint(document) else { return [] }
        return document.mayHaveMoved ? [endpoint, endpoint.former].compactMap(\.self) : [endpoint]
    }

    /// Can't be changed there, only deleted and written anew.
    var isReplaced: Bool { self == .payments || self == .bankTransactions }

    /// What a document of this kind may have been before: a payout that came back reaches no bank any more.
    var former: Endpoint? {
        switch self {
        case .bankTransactions: .manualJournals
        case .manualJournals: .bankTransactions
        case .invoices: .creditNotes
        case .creditNotes: .invoices
        case .payments, .purchaseOrders: nil
        }
    }

    /// `Invoice`.
    var object: String { String(rawValue.dropLast()) }

    var idField: String { object + "ID" }

    /// The field that holds our key, on all but bills alone; `nil` where there is none and the key stands at the head of a text.
    var numberField: String? {
        switch self {
        case .invoices, .creditNotes, .purchaseOrders: object + "Number"
        case .payments, .manualJournals, .bankTransactions: nil
        }
    }

    /// The field whose text starts with `cf:<key> `.
    var textField: String { self == .manualJournals ? "Narration" : "Reference" }

    /// What takes a document's effect away.
    var voidStatus: String { self == .payments || self == .bankTransactions || self == .purchaseOrders ? "DELETED" : "VOIDED" }

    /// Its lines are somebody's: a customer's, a supplier's.
    var hasContact: Bool { self != .payments && self != .manualJournals }

    /// Asks for unit amounts as exact as Xero keeps them.
    var decimals: [(name: String, value: String)] {
        self == .invoices || self == .creditNotes || self == .bankTransactions ? [("unitdp", "4")] : []
    }
}
