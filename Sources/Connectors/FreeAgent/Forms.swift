internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a planned posting becomes there.
enum PostedAs: Sendable, Equatable {
    /// An invoice or a credit note.
    case sales(Kind)
    /// Explanations of bank transactions.
    case money
    /// A journal set.
    case journal

    /// `nil` for a form that has no counterpart there. Journals take no bank accounts: what moves money of one is money. What is there already is what its
    /// id says, whatever its accounts are bound to by now: the same number may be another kind's record, and somebody else's.
    init?(_ document: LedgerDocument) {
        switch document.plan.form {
        case .invoice: self = .sales(.invoices)
        case .creditNote: self = .sales(.creditNotes)
        case .payment, .refundPayment: self = .money
        case .deposit, .payout, .journal:
            let isMoney = document.lines.contains { $0.account.bankID != nil && !$0.plan.amount.isZero }
            self = document.remoteID.map(Seen.isMoney) ?? isMoney ? .money : .journal
        default: return nil
        }
    }
}

/// The tax of a line: a rate, or none of two kinds.
enum TaxRate: Sendable, Hashable {
    case percent(ExactDecimal)
    case exempt
    /// Out of the tax's scope.
    case none

    /// A ledger tax code: `20`, `17.5`, `exempt`, `none`.
    init?(_ code: String) {
        switch code.lowercased() {
        case "none", "out_of_scope": self = .none
        case "exempt": self = .exempt
        default:
            let digits = code.hasSuffix("%") ? code.dropLast() : code[...]
            guard let rate = ExactDecimal(digits)?.shortest, !rate.isNegative, rate.scale <= 4, rate < ExactDecimal(1_000) else { return nil }
            self = .percent(rate)
        }
    }

    var code: String {
        switch self {
        case .percent(let rate): rate.description
        case .exempt: "exempt"
        case .none: "none"
        }
    }

    /// The members of a line.
    /// - Source: sales_tax.md, Invoices; the words of `sales_tax_status`: credit_notes.md, bank_transaction_explanations.md.
    var members: [(key: String, value: JSON)] {
        switch self {
        case .percent(let rate): [("sales_tax_status", "TAXABLE"), ("sales_tax_rate", .string(rate.description))]
        case .exempt: [("sales_tax_status", "EXEMPT"), ("sales_tax_rate", "0")]
        case .none: [("sales_tax_status", "OUT_OF_SCOPE"), ("sales_tax_rate", "0")]
        }
    }

    /// `round(net × percent / 100)`, half away from zero.
    func tax(on net: Int64) -> Int64 {
        guard case .percent(let rate) = self else { return 0 }
        let whole = (0 ..< rate.scale + 2).reduce(Int128(1)) { product, _ in product * 10 }
        return Int64(clamping: ExactDecimal.divideHalfUp(Int128(net) * rate.coefficient, whole))
    }

    /// The net whose tax is just this, the nearest to nothing; `nil` where no net has it.
    func net(taxed tax: Int64) -> Int64? {
        guard case .percent(let rate) = self, rate.coefficient > 0 else { return nil }
        let whole = (0 ..< rate.scale + 2).reduce(Int128(1)) { product, _ in product * 10 }
        let near = Int64(clamping: ExactDecimal.divideHalfUp(Int128(tax) * whole, rate.coefficient))
        return [near, near - tax.signum(), near + tax.signum()].first { self.tax(on: $0) == tax }
    }

    /// A rate as answers write it: `"20.0"`, a number, or an object with a `percentage`.
    static func percentage(_ value: JSON) -> String? {
        guard let text = (value.decimal ?? value["percentage"]?.decimal)?.shortest.description, case .percent? = TaxRate(text) else { return nil }
        return text
    }
}

/// The lines of an invoice or credit note: positive is what the document is for, and FreeAgent makes the tax of them.
struct SalesForm: Sendable {
    struct Line: Sendable {
        var text: String
        /// Nominal code.
        var category: String
        /// Net, minor units.
        var net: Int64
        var rate: TaxRate
    }

    private(set) var lines: [Line] = []
    /// What it has to come to.
    private(set) var tax: Int64 = 0
    let total: Int64
    let currency: Currency

    /// - Throws: `document_empty`, `account_not_bound`, `bank_account_line`, `tax_code_unbound`, `tax_code_invalid`, `tax_without_line`,
    ///   `tax_not_by_rate`, `document_unbalanced`, `total_negative`, `currency_precision` (all: reject), so that nothing is sent that would say
    ///   something else than the plan.
    init(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        currency = plan.currency
        total = plan.total.minor
        guard plan.currency.decimals <= FreeAgentLimits.amountScale else { throw SalesForm.digits(plan.currency) }
        let sign: Int64 = plan.form == .creditNote ? 1 : -1
        var pools = Pools()
        let taxes = document.lines.filter { $0.plan.part == .tax }
        for line in document.lines where line.plan.part != .control && line.plan.part != .tax {
            let rate = try SalesForm.rate(of: line, taxes)
            lines.append(Line(
                text: FreeAgentConnector.description(line.plan), category: try FreeAgentConnector.category(line), net: sign * line.plan.amount.minor, rate: rate))
            pools.carry(rate, group: line.plan.group)
        }
        guard !lines.isEmpty else { throw FreeAgentConnector.refused("document_empty", "a document without lines", "Report it.") }
        for line in taxes {
            let amount = sign * line.plan.amount.minor
            tax += amount
            try pools.add(amount, line)
        }
        for (rate, meant) in pools.sums.sorted(by: { $0.key.code < $1.key.code }) { try settle(rate, meant) }
        try check(plan)
    }

    /// Its own code's, else that of the taxes that were charged on it.
    private static func rate(of line: LedgerDocument.Line, _ taxes: [LedgerDocument.Line]) throws(Fault) -> TaxRate {
        if let code = line.taxCode { return try parsed(code) }
        if let code = line.plan.taxCode { throw unbound(code) }
        if [.giftCard, .tip].contains(line.plan.part) { return .none }
        var rates: Set<TaxRate> = []
        for tax in taxes where tax.plan.group == line.plan.group {
            guard let code = tax.taxCode else { throw unbound(tax.plan.taxCode ?? tax.plan.role.text) }
            rates.insert(try parsed(code))
        }
        guard rates.count <= 1 else {
            throw FreeAgentConnector.refused(
                "tax_several", "a line bears \(rates.count) taxes, and a line in FreeAgent has one rate",
                "Bind the taxes of a place together to one rate under the account structure's tax codes, or write this document by hand.")
        }
        return rates.first ?? .none
    }

    private static func parsed(_ code: String) throws(Fault) -> TaxRate {
        guard let rate = TaxRate(plain(code)) else {
            throw FreeAgentConnector.refused(
                "tax_code_invalid", "the tax code \(cut(plain(code), characters: 60)) is no rate", "Bind the tax code to a rate such as 20, to exempt, or to none.")
        }
        return rate
    }

    private static func unbound(_ code: String) -> Fault {
        FreeAgentConnector.refused(
            "tax_code_unbound", "no rate of FreeAgent's is bound to \(cut(plain(code), characters: 80))", "Bind it under the account structure's tax codes.")
    }

    static func digits(_ currency: Currency) -> Fault {
        FreeAgentConnector.refused("currency_precision", "FreeAgent keeps two decimals, \(currency) has \(currency.decimals)", "Write it by hand.")
    }

    // MARK: Tax

    /// Brings the tax of a rate to the source's: FreeAgent makes `net × rate` of each line and takes no other. What is off by a cent or so is taxed
    /// as a net of its own, which is taken back untaxed on the same category: account, tax and total come out to the cent.
    private mutating func settle(_ rate: TaxRate, _ meant: Int64) throws(Fault) {
        let bearing = lines.indices.filter { lines[$0].rate == rate }
        let off = meant - bearing.map { rate.tax(on: lines[$0].net) }.reduce(0, +)
        if off == 0 { return }
        // Rounding of each line costs half a cent at most, that of a share of a discount another.
        guard let pair = SalesForm.pair(off, rate, lines), abs(off) <= Int64(bearing.count) + 1 else {
            throw FreeAgentConnector.refused(
                "tax_not_by_rate",
                "the source charged \(Money(minor: meant, currency).text) of tax at \(rate.code) %, and FreeAgent makes \(Money(minor: meant - off, currency).text) of these lines",
                "FreeAgent takes no tax but by rate: bind the tax code to the rate that was charged, or write this document by hand.")
        }
        lines += pair
    }

    /// Two lines on one category that come to nothing and to so much tax, on the largest line of that rate.
    static func pair(_ tax: Int64, _ rate: TaxRate, _ lines: [Line]) -> [Line]? {
        guard let net = rate.net(taxed: tax), let largest = lines.filter({ $0.rate == rate }).max(by: { abs($0.net) < abs($1.net) }) else { return nil }
        return [
            Line(text: "Rounding of tax", category: largest.category, net: net, rate: rate),
            Line(text: "Rounding of tax", category: largest.category, net: -net, rate: .percent(.zero)),
        ]
    }

    /// The same for a draft whose tax came out so far off, whatever it was rounded by.
    func correction(_ off: Int64) -> [Line]? {
        let rates = lines.filter { $0.rate.tax(on: 10_000) > 0 }.max { abs($0.net) < abs($1.net) }
        guard let rate = rates?.rate, abs(off) <= Int64(lines.count) else { return nil }
        return SalesForm.pair(off, rate, lines)
    }

    private func check(_ plan: PlannedPosting) throws(Fault) {
        let sum = lines.map(\.net).reduce(0, +) + tax
        guard sum == total else {
            throw FreeAgentConnector.refused(
                "document_unbalanced", "the lines come to \(Money(minor: sum, currency).text), the document to \(plan.total.text)", "Report it.")
        }
        guard sum >= 0 else {
            throw FreeAgentConnector.refused("total_negative", "an invoice below zero would be a credit note", "Correct the document in the source.")
        }
    }
}

/// What each rate's tax has to come to.
private struct Pools {
    private(set) var sums: [TaxRate: Int64] = [:]
    private var byGroup: [String: TaxRate] = [:]

    /// A line of that rate: its tax comes to nothing at least.
    mutating func carry(_ rate: TaxRate, group: String) {
        guard case .percent = rate else { return }
        sums[rate, default: 0] += 0
        if byGroup[group] == nil { byGroup[group] = rate }
    }

    /// To the rate of the lines that it was charged on, else to its own where a line bears that.
    mutating func add(_ amount: Int64, _ line: LedgerDocument.Line) throws(Fault) {
        let own = line.taxCode.flatMap { TaxRate($0) }
        guard let rate = byGroup[line.plan.group] ?? own.flatMap({ sums[$0] == nil ? nil : $0 }) else {
            if amount == 0 { return }
            throw FreeAgentConnector.refused(
                "tax_without_line", "a tax of \(line.plan.taxCode ?? "no stated code") has no line that could carry it",
                "FreeAgent takes tax on lines only: write this document by hand, then mark the posting as done.")
        }
        sums[rate, default: 0] += amount
    }
}
