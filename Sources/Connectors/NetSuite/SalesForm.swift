internal import Books
internal import ConnectorKit
internal import Kernel

/// A planned sale, credit, bill or order as their forms show it: amounts positive on their own side, no line for what is owed, tax on the lines it was
/// charged on. Each line of a sale names an item, and the item its account; a bill's lines name their accounts.
struct SalesForm: Sendable {
    struct Tax: Sendable, Equatable {
        var code: TaxCode
        var minor: Int64
        /// Of a hundred; `nil` where the source does not say.
        var percent: ExactDecimal?
    }

    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Without tax.
        var minor: Int64
        var taxes: [Tax] = []

        var tax: Int64 { taxes.map(\.minor).reduce(0, +) }
    }

    private(set) var lines: [Line] = []
    /// Of a cash sale: where its total goes.
    private(set) var deposit: BoundAccount?
    /// What comes in there.
    private var deposited: Int64 = 0
    /// Debit-positive amounts times this are what the form shows.
    let sign: Int64

    /// - Throws: `no_lines`, `tax_code_unbound`, `tax_code_invalid`, `tax_without_line`, `negative_total`, `receipt_owes`, `no_deposit_account`,
    ///   `too_many_lines` (hold), `unbalanced` (bug).
    init(_ document: LedgerDocument, _ kind: Kind) throws(Fault) {
        sign = kind == .creditMemo || kind.isPurchase ? 1 : -1
        var tenders: [LedgerDocument.Line] = []
        for line in document.lines {
            switch line.plan.part {
            case .control:
                guard kind != .cashSale || line.plan.amount.isZero else {
                    throw NetSuite.refused(
                        "receipt_owes", "a sales receipt leaves something owed, and a cash sale can't", "Set the policy sale_form to invoice_payment.")
                }
            case .tax: continue
            case .tender where kind == .cashSale: tenders.append(line)
            default: try add(line)
            }
        }
        if kind == .cashSale { try addTenders(tenders) }
        for line in document.lines where line.plan.part == .tax { try addTax(line) }
        try check(document, kind)
    }

    /// What NetSuite shows as tax.
    var tax: Int64 { lines.map(\.tax).reduce(0, +) }
    /// What the form comes to.
    var total: Int64 { lines.map(\.minor).reduce(0, +) + tax }

    private mutating func add(_ line: LedgerDocument.Line) throws(Fault) {
        if let code = line.plan.taxCode, line.taxCode == nil { throw SalesForm.unbound(code) }
        var own = Line(source: line, minor: line.plan.amount.minor * sign)
        if let code = line.boundTaxCode { own.taxes.append(Tax(code: try SalesForm.code(code), minor: 0, percent: SalesForm.percent(line.plan.taxCode))) }
        lines.append(own)
    }

    /// The largest tender that takes deposits gets the total; others lower it, as lines of their own.
    private mutating func addTenders(_ tenders: [LedgerDocument.Line]) throws(Fault) {
        let main = tenders.indices.filter { tenders[$0].takesDeposits }.max { tenders[$0].plan.amount < tenders[$1].plan.amount }
        guard let main else {
            throw NetSuite.refused(
                "no_deposit_account", "the receipt's money goes to no clearing or bank account", "Set the policy sale_form to invoice_payment.")
        }
        deposit = tenders[main].account
        deposited = tenders[main].plan.amount.minor
        for index in tenders.indices where index != main { try add(tenders[index]) }
    }

    /// A tax that is bound to no code is a line of its own on its account. Another goes to the lines that it was charged on, by their amounts.
    private mutating func addTax(_ line: LedgerDocument.Line) throws(Fault) {
        let amount = line.plan.amount.minor * sign
        guard let text = line.boundTaxCode else {
            if amount == 0 { return }
            if line.taxCode == nil, let code = line.plan.taxCode { throw SalesForm.unbound(code) }
            lines.append(Line(source: line, minor: amount))
            return
        }
        let code = try SalesForm.code(text)
        let charged = lines.indices.filter { lines[$0].source.plan.part != .tax && ![.giftCard, .tip, .tender].contains(lines[$0].source.plan.part) }
        var at = charged.filter { lines[$0].source.plan.group == line.plan.group }
        // A tax of the whole document stands on lines of its own code.
        if at.isEmpty { at = charged.filter { index in lines[index].taxes.contains { $0.code == code } } }
        guard !at.isEmpty || amount == 0 else {
            throw NetSuite.refused(
                "tax_without_line", "a tax of \(line.plan.taxCode ?? "no stated code") has no line that could carry it",
                "Bind its code to NONE: it then becomes a line on its own account.")
        }
        let shares = Allocation.shares(of: amount, weights: at.map { max(0, lines[$0].minor) })
        for (index, share) in zip(at, shares) { lines[index].add(Tax(code: code, minor: share, percent: SalesForm.percent(line.plan.taxCode))) }
    }

    private func check(_ document: LedgerDocument, _ kind: Kind) throws(Fault) {
        let currency = document.plan.currency
        guard !lines.isEmpty else {
            throw NetSuite.refused("no_lines", "the document has no lines", "NetSuite takes no empty document: enter it there if it is needed.")
        }
        guard lines.count <= NetSuiteLimits.salesLines else {
            throw NetSuite.refused(
                "too_many_lines", "the document has \(lines.count) lines, and NetSuite takes \(NetSuiteLimits.salesLines)", "Split it in the source.")
        }
        guard total >= 0 else {
            throw NetSuite.refused(
                "negative_total", "the document comes to \(Money(minor: total, currency).text)",
                "NetSuite takes none below zero: enter it there as the opposite document.")
        }
        guard total == (kind == .cashSale ? deposited : document.plan.total.minor) else {
            throw NetSuite.unbalanced("its lines come to \(Money(minor: total, currency).text), its total is \(document.plan.total.text)")
        }
    }

    private static func code(_ text: String) throws(Fault) -> TaxCode {
        guard let code = TaxCode(text) else {
            throw NetSuite.refused(
                "tax_code_invalid", "the tax code \(cut(text, utf16: 60)) is no id of a tax code in NetSuite",
                "Bind the tax code to an id, with SuiteTax to type/code, or to NONE.")
        }
        return code
    }

    private static func unbound(_ code: String) -> Fault {
        NetSuite.refused(
            "tax_code_unbound", "no tax code of NetSuite's is bound to \(cut(plain(code), utf16: 80))", "Bind it under the account structure's tax codes.")
    }

    /// `US-CO@8.25` -> 8.25.
    private static func percent(_ code: String?) -> ExactDecimal? {
        code?.split(separator: "@").last.flatMap { ExactDecimal($0) }
    }
}

extension SalesForm.Line {
    mutating func add(_ tax: SalesForm.Tax) {
        if let at = taxes.firstIndex(where: { $0.code == tax.code }) {
            taxes[at].minor += tax.minor
            taxes[at].percent = tax.percent ?? taxes[at].percent
        } else {
            taxes.append(tax)
        }
    }

    /// Quantity and unit price, where they multiply out to the amount exactly; otherwise one unit at the amount.
    func multiplied(_ currency: Currency) -> (quantity: ExactDecimal, price: ExactDecimal) {
        let one = (ExactDecimal.one, Money(minor: minor, currency).decimal)
        guard let quantity = source.plan.quantity?.shortest, quantity.scale <= 5, quantity.coefficient > 0, quantity.coefficient < 1_000_000_000_000
        else { return one }
        for scale in currency.decimals ... max(currency.decimals, NetSuiteLimits.priceScale) {
            let zeros = scale - currency.decimals + quantity.scale
            let scaled = (0 ..< zeros).reduce(Int128(minor)) { product, _ in product * 10 }
            if scaled % quantity.coefficient == 0 { return (quantity, ExactDecimal(coefficient: scaled / quantity.coefficient, scale: scale).shortest) }
        }
        return one
    }
}

/// A planned posting as a journal: one entry a line, receivable lines of one account summed up, nothing of zero.
struct JournalForm: Sendable {
    struct Entry: Sendable {
        var line: LedgerDocument.Line
        /// Debit positive.
        var minor: Int64
    }

    private(set) var entries: [Entry] = []

    /// - Throws: `lines_in_currencies`, `receivable_of_many`, `too_many_lines` (hold), `unbalanced` (bug).
    init(_ document: LedgerDocument) throws(Fault) {
        for line in document.lines {
            guard let minor = JournalForm.minor(line.plan, document.plan) else {
                throw NetSuite.refused(
                    "lines_in_currencies", "its lines are in several currencies, and a journal has one",
                    "Have the processor pay out in the currency of the sales or in the base currency, or enter it by hand.")
            }
            if line.isReceivable, let at = entries.firstIndex(where: { $0.line.isReceivable && $0.line.account == line.account }) {
                entries[at].minor += minor
            } else {
                entries.append(Entry(line: line, minor: minor))
            }
        }
        entries.removeAll { $0.minor == 0 }
        guard !entries.isEmpty else { throw NetSuite.unbalanced("it moves nothing") }
        let sum = entries.map(\.minor).reduce(0, +)
        guard sum == 0 else { throw NetSuite.unbalanced("debits and credits differ by \(Money(minor: sum, document.plan.currency).text)") }
        guard entries.count <= NetSuiteLimits.journalLines else {
            throw NetSuite.refused(
                "too_many_lines", "the journal has \(entries.count) lines, and NetSuite takes \(NetSuiteLimits.journalLines)", "Sum up fewer days or sales.")
        }
        if [.summary, .settlement].contains(document.plan.form),
            let other = document.lines.first(where: { $0.isReceivable && $0.plan.role.detail != document.plan.party && !$0.plan.amount.isZero })
        {
            throw NetSuite.refused(
                "receivable_of_many", "it leaves something owed by \(other.plan.role.detail), and it is written for one customer",
                "Set the policy customer: house where sales are summed up.")
        }
    }

    /// In the document's currency: a processor's payout may settle sales of another one, at the value the books carry them at.
    private static func minor(_ line: PostingLine, _ plan: PlannedPosting) -> Int64? {
        if line.amount.currency == plan.currency { return line.amount.minor }
        guard plan.rate == nil, let base = line.base, base.currency == plan.currency else { return nil }
        return base.minor
    }
}

extension NetSuite {
    static func unbalanced(_ why: String) -> Fault {
        Fault("unbalanced", stage: .post, disposition: .bug, summary: "the document does not add up: \(why)", remedy: "Report it.")
    }
}
