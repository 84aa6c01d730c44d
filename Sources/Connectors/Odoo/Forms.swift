internal import Books
internal import ConnectorKit
internal import Kernel

/// What a planned posting becomes there: of the model `account.move`, but for orders.
enum OdooForm: Sendable, Equatable {
    /// `out_invoice`, `out_refund`: lines by account, tax and receivable made by Odoo and then set to what is meant.
    case sales(isCredit: Bool)
    /// `in_invoice`: the same on the payable.
    case bill
    /// `purchase.order`: lines by product, in no books.
    case order
    /// `entry`: every line stated. One with a receivable line settles the document it is about.
    case entry

    /// `nil` for a form that has no counterpart there.
    init?(_ form: PostingForm) {
        switch form {
        case .invoice: self = .sales(isCredit: false)
        case .creditNote: self = .sales(isCredit: true)
        case .bill: self = .bill
        case .purchaseOrder: self = .order
        case _ where OdooForm.entryForms.contains(form): self = .entry
        default: return nil
        }
    }

    static let entryForms: Set<PostingForm> = [.payment, .refundPayment, .journal, .reversal, .deposit, .settlement, .payout, .summary]
    /// Those that settle another document, each by a call of its own.
    static let settling: Set<PostingForm> = [.payment, .refundPayment, .journal]

    /// `nil` for an order, which is no move.
    var moveType: String? {
        switch self {
        case .sales(let isCredit): isCredit ? "out_refund" : "out_invoice"
        case .bill: "in_invoice"
        case .entry: "entry"
        case .order: nil
        }
    }

    /// What is sold or bought: Odoo makes its tax and what is owed of its lines.
    var isTrade: Bool { self != .entry && self != .order }
}

extension LedgerDocument.Line {
    var isReceivable: Bool { plan.role.family == "receivable" }
    var isPayable: Bool { plan.role.family == "payable" }
}

extension LedgerDocument {
    /// The other document whose receivable this one's receivable line takes away: an invoice's by a credit, a credit note's by a debit.
    var settles: String? {
        guard OdooForm(plan.form) == .entry, plan.effect == .post, let other = plan.appliesTo, let id = appliesTo, !id.isEmpty else { return nil }
        let sum = lines.filter(\.isReceivable).map(\.plan.amount.minor).reduce(0, +)
        switch other.form {
        case .invoice: return sum < 0 ? id : nil
        case .creditNote: return sum > 0 ? id : nil
        default: return nil
        }
    }

    /// It is about another document that is not there yet, and can't go without it.
    var waits: Bool { (plan.form == .payment || plan.form == .refundPayment) && plan.appliesTo != nil && (appliesTo ?? "").isEmpty }
}

/// A ledger tax code: ids of Odoo's taxes joined by `+` (`5`, `5+7`); `none` for no tax.
/// - Returns: `nil` for what is neither.
func taxIDs(_ code: String) -> [Int]? {
    if code.lowercased() == "none" { return [] }
    let ids = code.split(separator: "+", omittingEmptySubsequences: false).map { recordID(plain(String($0))) }
    let known = ids.compactMap(\.self)
    return known.count == ids.count && known.count <= OdooLimits.taxesPerLine ? known : nil
}

/// The lines of an invoice, credit note or bill, and what each of Odoo's taxes has to come to.
struct TradeForm: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Net, minor units: a sale's credits and the debits of a credit note or bill are positive.
        var minor: Int64
        var taxes: [Int]
    }

    private(set) var lines: [Line] = []
    /// By Odoo's tax, positive as the lines are.
    private(set) var taxes: [Int: Int64] = [:]
    /// Base-currency values of those, debit positive, where the document is in a foreign currency.
    private(set) var base: [Int: Int64] = [:]
    /// Debit-positive amounts times this are what the form shows.
    let sign: Int64

    /// - Throws: `document_empty`, `tax_code_unbound`, `tax_code_invalid`, `tax_without_line`, `document_unbalanced`, `total_negative` (all: reject),
    ///   so that nothing is sent that would say something else than the plan.
    init(_ document: LedgerDocument) throws(Fault) {
        sign = document.plan.form == .creditNote || document.plan.form == .bill ? 1 : -1
        for line in document.lines where line.plan.part != .control && line.plan.part != .tax { try add(line) }
        for line in document.lines where line.plan.part == .tax { try tax(line) }
        guard !lines.isEmpty else { throw OdooConnector.refused("document_empty", "a document without lines", "Report it.") }
        try check(document)
    }

    /// All tax that Odoo shows as such.
    var tax: Int64 { taxes.values.reduce(0, +) }

    private mutating func add(_ line: LedgerDocument.Line) throws(Fault) {
        if line.taxCode == nil, let code = line.plan.taxCode { throw TradeForm.unbound(code) }
        lines.append(Line(source: line, minor: sign * line.plan.amount.minor, taxes: try TradeForm.ids(line.taxCode)))
    }

    /// A tax goes to the lines that it was charged on. One that is bound to no tax of Odoo's, on lines that have none either, is a line of its own on
    /// its account: in countries where only the tax knows its code, as the United States, the books need no tax of Odoo's.
    private mutating func tax(_ line: LedgerDocument.Line) throws(Fault) {
        let ids = try TradeForm.ids(line.taxCode)
        let amount = sign * line.plan.amount.minor
        let group = lines.indices.filter { lines[$0].source.plan.group == line.plan.group && lines[$0].source.plan.part != .tax }
        guard let id = ids.first else {
            if amount == 0 { return }
            if group.contains(where: { !lines[$0].taxes.isEmpty }) { throw TradeForm.unbound(line.plan.taxCode ?? line.plan.role.text) }
            lines.append(Line(source: line, minor: amount, taxes: []))
            return
        }
        guard ids.count == 1 else {
            throw OdooConnector.refused(
                "tax_code_invalid", "one tax of the source is bound to several of Odoo's: \(cut(line.taxCode ?? "", characters: 60))",
                "Bind each of the source's taxes to one of Odoo's.")
        }
        var carried = lines.contains { $0.source.plan.part != .tax && !$0.taxes.isEmpty && $0.source.plan.taxCode != nil }
        for index in group where lines[index].source.plan.taxCode == nil && ![.giftCard, .tip].contains(lines[index].source.plan.part) {
            if !lines[index].taxes.contains(id) { lines[index].taxes.append(id) }
            carried = true
        }
        guard carried || amount == 0 else {
            throw OdooConnector.refused(
                "tax_without_line", "a tax of \(line.plan.taxCode ?? "no stated code") has no line that could carry it",
                "Odoo makes tax of lines only: write this document by hand, then mark the posting as done.")
        }
        taxes[id, default: 0] += amount
        if let value = line.plan.base { base[id, default: 0] += value.minor }
    }

    private func check(_ document: LedgerDocument) throws(Fault) {
        let sum = lines.map(\.minor).reduce(0, +) + tax
        guard sum == document.plan.total.minor else {
            let found = Money(minor: sum, document.plan.currency).text
            throw OdooConnector.refused("document_unbalanced", "the lines come to \(found), the document to \(document.plan.total.text)", "Report it.")
        }
        guard sum >= 0 else {
            throw OdooConnector.refused("total_negative", "Odoo posts no document below zero", "Correct the document in the source.")
        }
    }

    private static func ids(_ code: String?) throws(Fault) -> [Int] {
        guard let code else { return [] }
        guard let ids = taxIDs(code) else {
            throw OdooConnector.refused(
                "tax_code_invalid", "the tax code \(cut(plain(code), characters: 60)) is no id of a tax in Odoo",
                "Bind the tax code to the id of a tax, to several joined by +, or to none.")
        }
        return ids
    }

    private static func unbound(_ code: String) -> Fault {
        OdooConnector.refused(
            "tax_code_unbound", "no tax of Odoo's is bound to \(cut(plain(code), characters: 80))", "Bind it under the account structure's tax codes.")
    }
}

extension TradeForm.Line {
    /// Quantity and unit price, where they multiply out to the amount exactly with the digits that Odoo keeps; otherwise one unit at the amount.
    func multiplied(_ currency: Currency) -> (quantity: ExactDecimal, price: Money) {
        let one = (ExactDecimal.one, Money(minor: minor, currency))
        guard let quantity = source.plan.quantity?.shortest, quantity.scale <= OdooLimits.quantityScale, quantity.coefficient > 0,
            quantity.coefficient < 1_000_000_000
        else { return one }
        let whole = (0 ..< quantity.scale).reduce(Int128(minor)) { product, _ in product * 10 }
        guard whole % quantity.coefficient == 0, let price = Int64(exactly: whole / quantity.coefficient) else { return one }
        return (quantity, Money(minor: price, currency))
    }
}

/// A planned posting as journal items: one each line, nothing of zero.
struct EntryForm: Sendable {
    struct Item: Sendable {
        var line: LedgerDocument.Line
        /// In the document's currency, debit positive.
        var minor: Int64
        /// In the company's currency; the same where that is the document's.
        var base: Money
    }

    private(set) var items: [Item] = []

    /// - Throws: `document_empty`, `document_unbalanced`, `base_amount_missing`, `payment_malformed` (all: reject).
    init(_ document: LedgerDocument) throws(Fault) {
        for line in document.lines where !line.plan.amount.isZero || !(line.plan.base?.isZero ?? true) {
            guard document.plan.rate == nil || line.plan.base != nil else {
                throw OdooConnector.refused("base_amount_missing", "an entry in \(document.plan.currency) has no base amounts", "Report it.")
            }
            let base = document.plan.rate == nil ? line.plan.amount : line.plan.base ?? line.plan.amount
            items.append(Item(line: line, minor: line.plan.amount.minor, base: base))
        }
        guard !items.isEmpty else { throw OdooConnector.refused("document_empty", "an entry that moves nothing", "Report it.") }
        guard items.map(\.minor).reduce(0, +) == 0, items.map(\.base.minor).reduce(0, +) == 0 else {
            throw OdooConnector.refused("document_unbalanced", "the entry's lines don't come to zero", "Report it.")
        }
        let form = document.plan.form
        guard form != .payment && form != .refundPayment || items.contains(where: \.line.isReceivable) else {
            throw OdooConnector.refused("payment_malformed", "a payment needs a line on the receivable", "Report it.")
        }
    }
}
