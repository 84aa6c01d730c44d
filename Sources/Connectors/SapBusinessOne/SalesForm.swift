internal import Books
internal import ConnectorKit
internal import Kernel

/// The lines of an invoice, credit note, bill or purchase order, each with its one tax code and the tax that the source charged on it.
struct SalesForm: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Net, minor units: a sale's credits, and the debits of a credit note or of what is bought, are positive.
        var minor: Int64
        var code: String?
        /// Of `minor`, with its sign.
        var tax: Int64 = 0
        /// Its code came from a tax of the source, not from the line.
        var isCodedByTax = false
    }

    private(set) var lines: [Line] = []
    /// Debit-positive amounts times this are what the form shows.
    let sign: Int64

    /// - Throws: `document_empty`, `tax_code_unbound`, `tax_codes_differ`, `tax_without_line`, `document_unbalanced`, `total_negative`,
    ///   `receivable_of_many` (all: reject), so that nothing is sent that would say something else than the plan.
    init(_ document: LedgerDocument) throws(Fault) {
        sign = document.plan.form == .creditNote || document.plan.form.isPurchase ? 1 : -1
        for line in document.lines where line.plan.part != .control && line.plan.part != .tax {
            lines.append(Line(source: line, minor: sign * line.plan.amount.minor, code: SalesForm.code(line.taxCode)))
        }
        for line in document.lines where line.plan.part == .tax { try tax(line) }
        guard !lines.isEmpty else { throw SalesForm.fault("document_empty", "a document without lines", "Report it.") }
        try check(document)
    }

    /// All tax that is shown as such.
    var tax: Int64 { lines.map(\.tax).reduce(0, +) }

    /// A bound tax code; `none` for no tax.
    private static func code(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.lowercased() != "none" else { return nil }
        return text
    }

    // MARK: Tax

    /// A tax goes to the lines that it was charged on, in proportion. One that is bound to no code, on lines that have none either, is a line of
    /// its own on its account: the books are right then, and the company's tax reports know nothing of it.
    private mutating func tax(_ line: LedgerDocument.Line) throws(Fault) {
        let amount = sign * line.plan.amount.minor
        let carriers = carriers(of: line)
        guard let code = SalesForm.code(line.taxCode) ?? carriers.compactMap({ lines[$0].code }).first else {
            if amount != 0 { lines.append(Line(source: line, minor: amount)) }
            return
        }
        guard !carriers.isEmpty else {
            if amount == 0 { return }
            throw SalesForm.fault(
                "tax_without_line", "a tax of \(plain(line.plan.taxCode ?? "no stated code")) has no line that could carry it",
                "SAP Business One takes tax on lines only: write this document by hand, then mark the posting as done.")
        }
        for index in carriers {
            if lines[index].code == nil {
                lines[index].code = code
                lines[index].isCodedByTax = true
            } else if lines[index].isCodedByTax, lines[index].code != code {
                throw SalesForm.fault(
                    "tax_codes_differ", "one line has the taxes \(cut(plain(lines[index].code ?? ""), utf16: 20)) and \(cut(plain(code), utf16: 20))",
                    "A line has one tax code in SAP Business One: bind all taxes of a sale to one that stands for all of them.")
            }
        }
        for (index, share) in zip(carriers, SalesForm.spread(amount, carriers.map { lines[$0].minor })) { lines[index].tax += share }
    }

    /// The lines of the same source line with that tax; where none has it, those with a code, then any that can be taxed, then the document's with it.
    private func carriers(of tax: LedgerDocument.Line) -> [Int] {
        let taxable = lines.indices.filter { ![.giftCard, .tip, .tax].contains(lines[$0].source.plan.part) }
        let group = taxable.filter { lines[$0].source.plan.group == tax.plan.group }
        func isOf(_ index: Int) -> Bool {
            guard let code = tax.plan.taxCode else { return false }
            return lines[index].source.plan.taxCode?.split(separator: "+").contains { $0 == code } ?? false
        }
        let choices: [[Int]] = [group.filter(isOf), group.filter { lines[$0].code != nil }, group, taxable.filter(isOf)]
        return choices.first { !$0.isEmpty } ?? []
    }

    /// In proportion to nets, a discount's share with its sign; what rounding leaves goes to the largest. All of it goes there where nets nearly
    /// take each other away.
    static func spread(_ amount: Int64, _ nets: [Int64]) -> [Int64] {
        guard let largest = nets.indices.max(by: { abs(nets[$0]) < abs(nets[$1]) }) else { return [] }
        var out = Array(repeating: Int64(0), count: nets.count)
        let sum = nets.reduce(Int128(0)) { $0 + Int128($1) }
        if sum.magnitude * 20 >= Int128(nets[largest]).magnitude, sum != 0 {
            let positive = sum < 0 ? -sum : sum
            for index in nets.indices {
                let product = Int128(amount) * Int128(nets[index]) * (sum < 0 ? -1 : 1)
                out[index] = Int64(clamping: ExactDecimal.divideHalfUp(product, positive))
            }
        }
        out[largest] += amount - out.reduce(0, +)
        return out
    }

    // MARK: Checking

    private func check(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        for line in lines where line.code == nil && line.source.taxCode == nil && line.source.plan.part != .tax {
            guard let code = line.source.plan.taxCode else { continue }
            throw SalesForm.fault(
                "tax_code_unbound", "no tax code of SAP Business One's is bound to \(cut(plain(code), utf16: 80))",
                "Bind it under the account structure's tax codes.")
        }
        if let other = document.lines.first(where: { $0.isReceivable && !$0.plan.amount.isZero && $0.plan.role.detail != plan.party }) {
            throw SalesForm.fault(
                "receivable_of_many", "it moves what \(plain(other.plan.role.detail)) owes, and the document is about another customer",
                "Set the policy customer: house where sales are summed up.")
        }
        let sum = lines.map { $0.minor + $0.tax }.reduce(0, +)
        guard sum == plan.total.minor else {
            let found = Money(minor: sum, plan.currency).text
            throw SalesForm.fault("document_unbalanced", "the lines come to \(found), the document to \(plan.total.text)", "Report it.")
        }
        guard sum >= 0 else {
            throw SalesForm.fault("total_negative", "SAP Business One takes no document below zero", "Correct the document in the source.")
        }
    }

    private static func fault(_ code: String, _ summary: String, _ remedy: String) -> Fault { SapBusinessOneConnector.refused(code, summary, remedy) }
}

extension SalesForm.Line {
    /// Quantity and unit price, where they multiply out to the amount exactly; otherwise one unit at the amount. What lowers a document has a
    /// quantity below zero: prices can't be.
    func multiplied(_ currency: Currency) -> (quantity: ExactDecimal, price: Money) {
        let sign = minor < 0 ? -1 : 1
        let one = (ExactDecimal(sign), Money(minor: abs(minor), currency))
        guard let quantity = source.plan.quantity?.shortest, quantity.scale <= B1Limits.quantityScale, quantity.coefficient > 0,
            quantity.coefficient < 1_000_000_000
        else { return one }
        let whole = (0 ..< quantity.scale).reduce(Int128(abs(minor))) { product, _ in product * 10 }
        guard whole % quantity.coefficient == 0, let price = Int64(exactly: whole / quantity.coefficient) else { return one }
        return (sign < 0 ? -quantity : quantity, Money(minor: price, currency))
    }
}
