internal import Books
internal import ConnectorKit
internal import Kernel

/// What of Intacct's a posting becomes.
enum Record: String, Sendable, CaseIterable {
    case invoice = "ARINVOICE"
    /// A credit memo below zero, a debit memo above.
    case adjustment = "ARADJUSTMENT"
    case payment = "ARPYMT"
    case receipt = "OTHERRECEIPTS"
    case entry = "GLBATCH"
    case bill = "APBILL"

    /// `nil` for a form that has no counterpart there. What a payment or journal becomes depends on its lines too.
    init?(_ document: LedgerDocument) {
        let plan = document.plan
        switch plan.form {
        case .invoice: self = .invoice
        case .creditNote, .refundPayment: self = .adjustment
        case .payment: self = document.paysPlainly ? .payment : .adjustment
        case .journal: self = document.usesUpDeposit ? .adjustment : .entry
        case .salesReceipt: self = .receipt
        case .reversal, .deposit, .settlement, .payout, .summary: self = .entry
        case .bill: self = .bill
        case .memo, .purchaseOrder, .salesOrder: return nil
        }
    }

    /// All that a posting of this form may be there.
    static func candidates(_ form: PostingForm) -> [Record] {
        switch form {
        case .invoice: [.invoice]
        case .creditNote, .refundPayment: [.adjustment]
        case .payment: [.payment, .adjustment]
        case .journal: [.entry, .adjustment]
        case .salesReceipt: [.receipt]
        case .reversal, .deposit, .settlement, .payout, .summary: [.entry]
        case .bill: [.bill]
        case .memo, .purchaseOrder, .salesOrder: []
        }
    }

    /// The field that holds our key.
    var numberField: String {
        switch self {
        case .invoice, .adjustment, .bill: "RECORDID"
        case .payment, .receipt: "DOCNUMBER"
        case .entry: "REFERENCENO"
        }
    }

    /// The field that begins with our mark.
    var wordsField: String { self == .entry ? "BATCH_TITLE" : "DESCRIPTION" }

    /// - Source: fields by lookup of the objects, as public integrations list them; docs/connectors/sage-intacct.md, Reading back.
    var fields: [String] {
        let own: [String] =
            switch self {
            case .invoice: ["CUSTOMERID", "WHENCREATED", "WHENPOSTED", "CURRENCY", "TOTALENTERED", "TRX_TOTALENTERED"]
            case .adjustment: ["CUSTOMERID", "WHENCREATED", "WHENPOSTED", "CURRENCY", "TOTALENTERED", "TRX_TOTALENTERED"]
            case .payment:
                ["CUSTOMERID", "RECEIPTDATE", "CURRENCY", "TOTALENTERED", "TRX_TOTALENTERED", "FINANCIALENTITY", "UNDEPOSITEDACCOUNTNO"]
            case .receipt: ["WHENCREATED", "CURRENCY", "TOTALENTERED", "TRX_TOTALENTERED"]
            case .entry: ["BATCH_DATE"]
            case .bill: ["VENDORID", "WHENCREATED", "WHENPOSTED", "WHENDUE", "CURRENCY", "TOTALENTERED", "TRX_TOTALENTERED"]
            }
        return ["RECORDNO", numberField, "STATE", wordsField, "WHENMODIFIED"] + own
    }

    /// The object of its lines, and their field with its record number.
    var lines: (object: String, owner: String) {
        switch self {
        case .invoice: ("ARINVOICEITEM", "RECORDKEY")
        case .adjustment: ("ARADJUSTMENTITEM", "RECORDKEY")
        case .payment: ("ARPYMTDETAIL", "PAYMENTKEY")
        case .receipt: ("OTHERRECEIPTSENTRY", "RECORDKEY")
        case .entry: ("GLENTRY", "BATCHNO")
        case .bill: ("APBILLITEM", "RECORDKEY")
        }
    }
}

extension LedgerDocument.Line {
    var isReceivable: Bool { plan.role.family == "receivable" }

    /// The bank account of Intacct's cash management that the account is kept for. `chart` puts it into the account's type.
    var bank: String? {
        guard account.type.hasPrefix(LedgerDocument.Line.bankType) else { return nil }
        let id = String(account.type.dropFirst(LedgerDocument.Line.bankType.count))
        return id.isEmpty ? nil : id
    }

    static let bankType = "bank:"
}

extension LedgerDocument {
    var tenders: [Line] { lines.filter { $0.plan.part == .tender } }

    /// Money of one account for one invoice and nothing beside: a payment as Intacct has them.
    var paysPlainly: Bool {
        plan.form == .payment && plan.appliesTo?.form == .invoice && tenders.count == 1 && tenders[0].plan.amount == plan.total && plan.total.minor > 0
            && lines.allSatisfy { $0.plan.part == .tender || $0.plan.part == .control }
    }

    /// A journal that takes what is owed off an invoice: a credit memo there, for only the receivables ledger settles invoices.
    var usesUpDeposit: Bool { plan.form == .journal && plan.appliesTo?.form == .invoice && receivableSum < 0 }

    var receivableSum: Int64 { lines.filter(\.isReceivable).map(\.plan.amount.minor).reduce(0, +) }

    /// An adjustment that is matched with another document: its record number and what is matched.
    var match: (other: String, minor: Int64)? {
        guard Record(self) == .adjustment, plan.effect == .post, let form = plan.appliesTo?.form, let other = appliesTo, isRecordNumber(other) else {
            return nil
        }
        switch (plan.form, form) {
        case (.payment, .invoice) where receivableSum < 0, (.journal, .invoice) where receivableSum < 0: return (other, -receivableSum)
        case (.refundPayment, .creditNote) where receivableSum > 0: return (other, receivableSum)
        default: return nil
        }
    }

    /// It is about another document that is not there yet, and can't go without it.
    var waits: Bool {
        let settles = plan.form == .payment || plan.form == .refundPayment || usesUpDeposit
        return settles && plan.appliesTo != nil && (appliesTo ?? "").isEmpty
    }

    /// The document number of the payment that matches an adjustment.
    var matchNumber: String { "\(key)-a" }
}

/// A dimension of a line, as rules, functions of the older kind and objects name it.
struct Dimension: Sendable {
    var name: String
    var old: String
    var new: String

    init(_ name: String, _ old: String, _ new: String) {
        self.name = name
        self.old = old
        self.new = new
    }

    /// In the order that the schema wants them in a line.
    static let all: [Dimension] = [
        Dimension("location", "locationid", "LOCATION"), Dimension("department", "departmentid", "DEPARTMENT"), Dimension("project", "projectid", "PROJECTID"),
        Dimension("task", "taskid", "TASKID"), Dimension("cost_type", "costtypeid", "COSTTYPEID"), Dimension("customer", "customerid", "CUSTOMERID"),
        Dimension("vendor", "vendorid", "VENDORID"), Dimension("employee", "employeeid", "EMPLOYEEID"), Dimension("item", "itemid", "ITEMID"),
        Dimension("class", "classid", "CLASSID"), Dimension("contract", "contractid", "CONTRACTID"), Dimension("warehouse", "warehouseid", "WAREHOUSEID"),
    ]

    /// Values of a line by name. Other dimensions are left out.
    /// - Throws: `dimension_invalid`.
    static func values(_ line: LedgerDocument.Line, _ settings: Settings) throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        out["location"] = settings.location
        out["department"] = settings.department
        for dimension in all {
            guard let value = line.dimensions[dimension.name], !value.isEmpty else { continue }
            guard value == plain(value), value.count <= IntacctLimits.setting else { throw invalid(dimension.name, "is no id that Sage Intacct could have") }
            out[dimension.name] = value
        }
        if out["task"] != nil, out["project"] == nil { throw invalid("task", "needs a project") }
        if out["cost_type"] != nil, out["task"] == nil { throw invalid("cost_type", "needs a task") }
        return out
    }

    private static func invalid(_ name: String, _ why: String) -> Fault {
        SageIntacctConnector.refused("dimension_invalid", "the dimension \(name) \(why)", "Set it to an id of Sage Intacct's by a rule, or leave it out.")
    }
}
