internal import Books
internal import ConnectorKit
internal import Kernel

/// The lines of an invoice, adjustment, other receipt or bill, each with the taxes that it carries.
struct TradeLines: Sendable {
    struct Tax: Sendable, Equatable {
        /// The tax detail's id.
        var detail: String
        var minor: Int64
    }

    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Net, minor units: what is credited is positive, of a bill what is debited.
        var minor: Int64
        var taxes: [Tax] = []
    }

    private(set) var lines: [Line] = []
    /// Tax that stands in tax entries, positive as the lines are.
    private(set) var tax: Int64 = 0
    /// Debit-positive amounts times this are what the lines show.
    private let sign: Int64

    /// - Throws: `document_empty`, `document_too_long`, `tax_code_unbound`, `tax_code_invalid`, `tax_without_line`, `document_unbalanced`,
    ///   `lines_in_currencies`, `currency_precision` (all: reject), so that nothing is sent that would say something else than the plan.
    init(_ document: LedgerDocument, _ record: Record) throws(Fault) {
        let plan = document.plan
        sign = record == .bill ? 1 : -1
        try TradeLines.check(plan)
        let others = document.lines.filter { TradeLines.isLine($0, document, record) }
        for line in others where line.plan.part != .tax {
            if line.taxCode == nil, let code = line.plan.taxCode { throw TradeLines.unbound(code) }
            let details = try TradeLines.details(line.taxCode)
            lines.append(Line(source: line, minor: sign * line.plan.amount.minor, taxes: details.map { Tax(detail: $0, minor: 0) }))
        }
        for line in others where line.plan.part == .tax { try add(tax: line) }
        guard !lines.isEmpty else { throw SageIntacctConnector.refused("document_empty", "a document without lines", "Report it.") }
        guard lines.count <= IntacctLimits.lines else { throw TradeLines.tooLong(lines.count) }
        let sum = lines.map(\.minor).reduce(0, +) + tax
        guard sum == TradeLines.stated(document, record) else {
            let found = Money(minor: abs(sum), plan.currency).text
            throw SageIntacctConnector.refused("document_unbalanced", "the lines come to \(found), the document to \(plan.total.text)", "Report it.")
        }
    }

    /// Net by account number, debit positive.
    var accounts: [String: Int64] {
        var out: [String: Int64] = [:]
        for line in lines { out[line.source.account.code, default: 0] += sign * line.minor }
        return out.filter { $0.value != 0 }
    }

    var hasTaxEntries: Bool { lines.contains { !$0.taxes.isEmpty } }
    var sum: Int64 { lines.map(\.minor).reduce(0, +) + tax }

    // MARK: What goes in

    /// The other side is the platform's: what customers owe, and what suppliers are owed; of a receipt the account that gets the money.
    private static func isLine(_ line: LedgerDocument.Line, _ document: LedgerDocument, _ record: Record) -> Bool {
        switch record {
        case .receipt: line.plan.part != .tender
        case .adjustment where document.plan.form != .creditNote: !line.isReceivable
        default: line.plan.part != .control
        }
    }

    /// What it has to come to: credit memos are below zero.
    private static func stated(_ document: LedgerDocument, _ record: Record) -> Int64 {
        guard record == .adjustment else { return document.plan.total.minor }
        return document.plan.form == .creditNote ? -document.plan.total.minor : document.receivableSum
    }

    static func check(_ plan: PlannedPosting) throws(Fault) {
        guard plan.currency.decimals <= IntacctLimits.amountScale else {
            throw SageIntacctConnector.refused(
                "currency_precision", "Sage Intacct keeps two decimals, \(plan.currency) has \(plan.currency.decimals)", "Write it by hand.")
        }
        guard plan.lines.allSatisfy({ $0.amount.currency == plan.currency }) else {
            throw SageIntacctConnector.refused(
                "lines_in_currencies", "its lines are in several currencies, and a document in Sage Intacct has one", "Enter it by hand.")
        }
    }

    static func tooLong(_ count: Int) -> Fault {
        SageIntacctConnector.refused(
            "document_too_long", "it has \(count) lines, and Sage Intacct gives up on documents with thousands",
            "Set the policy posting to documents of fewer lines.")
    }

    // MARK: Tax

    /// A tax goes into entries of the lines that it was charged on. One that is bound to no tax detail, on lines that have none either, is a line of
    /// its own on its account: without a tax solution (the United States, Canada) receivables know no tax.
    private mutating func add(tax line: LedgerDocument.Line) throws(Fault) {
        let amount = sign * line.plan.amount.minor
        let details = try TradeLines.details(line.taxCode)
        let group = lines.indices.filter { lines[$0].source.plan.group == line.plan.group && lines[$0].source.plan.part != .tax }
        guard let detail = details.first else {
            if amount == 0 { return }
            if group.contains(where: { !lines[$0].taxes.isEmpty }) { throw TradeLines.unbound(line.plan.taxCode ?? line.plan.role.text) }
            lines.append(Line(source: line, minor: amount))
            return
        }
        guard details.count == 1 else {
            throw SageIntacctConnector.refused(
                "tax_code_invalid", "one tax of the source is bound to several tax details: \(cut(plain(line.taxCode ?? ""), characters: 60))",
                "Bind each of the source's taxes to one tax detail of Sage Intacct's.")
        }
        let carriers = carriers(of: detail, among: group)
        guard !carriers.isEmpty else {
            if amount == 0 { return }
            throw SageIntacctConnector.refused(
                "tax_without_line", "a tax of \(line.plan.taxCode ?? "no stated code") has no line that could carry it",
                "Sage Intacct takes tax on lines only: write this document by hand, then mark the posting as done.")
        }
        for (index, share) in zip(carriers, TradeLines.shares(of: amount, weights: carriers.map { lines[$0].minor })) {
            if let place = lines[index].taxes.firstIndex(where: { $0.detail == detail }) { lines[index].taxes[place].minor += share } else {
                lines[index].taxes.append(Tax(detail: detail, minor: share))
            }
        }
        tax += amount
    }

    /// The lines of the same source line with that detail; where none has it, those that can be taxed; then the document's with the detail.
    private func carriers(of detail: String, among group: [Int]) -> [Int] {
        func has(_ index: Int) -> Bool { lines[index].taxes.contains { $0.detail == detail } }
        let taxable = group.filter { ![.giftCard, .tip].contains(lines[$0].source.plan.part) && lines[$0].source.plan.taxCode == nil }
        return [group.filter(has), taxable, lines.indices.filter(has)].first { !$0.isEmpty } ?? []
    }

    /// In proportion to the lines' own amounts, a discount's below zero: running totals are rounded, so nothing is lost.
    static func shares(of amount: Int64, weights: [Int64]) -> [Int64] {
        let sum = weights.reduce(0, +)
        guard sum != 0 else { return weights.indices.map { $0 == 0 ? amount : 0 } }
        var run: Int64 = 0
        var given: Int64 = 0
        return weights.map { weight in
            run += weight
            let (n, d) = sum < 0 ? (-Int128(amount) * Int128(run), -Int128(sum)) : (Int128(amount) * Int128(run), Int128(sum))
            let total = Int64(clamping: ExactDecimal.divideHalfUp(n, d))
            defer { given = total }
            return total - given
        }
    }

    /// A ledger tax code: ids of tax details joined by `+`; `none` for no tax.
    private static func details(_ code: String?) throws(Fault) -> [String] {
        guard let code, code.lowercased() != "none" else { return [] }
        let ids = code.split(separator: "+", omittingEmptySubsequences: false).map { plain(String($0)) }
        guard ids.count <= 20, ids.allSatisfy({ !$0.isEmpty && $0.count <= IntacctLimits.setting }), Set(ids).count == ids.count else {
            throw SageIntacctConnector.refused(
                "tax_code_invalid", "the tax code \(cut(plain(code), characters: 60)) is no id of a tax detail",
                "Bind the tax code to the id of a tax detail, to several joined by +, or to none.")
        }
        return ids
    }

    private static func unbound(_ code: String) -> Fault {
        SageIntacctConnector.refused(
            "tax_code_unbound", "no tax detail of Sage Intacct's is bound to \(cut(plain(code), characters: 80))",
            "Bind it under the account structure's tax codes.")
    }
}

/// A planned posting as lines of a journal entry: one each line, nothing of zero.
struct EntryLines: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Debit positive.
        var amount: Money
    }

    private(set) var lines: [Line] = []
    /// Base units per unit of the lines' currency; `nil` where they are in the base currency.
    private(set) var rate: ExactDecimal?
    let currency: Currency

    /// In the document's own currency where its base amounts follow from the rate, to the cent and line by line; otherwise in the base currency,
    /// for the books balance there.
    /// - Throws: `document_empty`, `document_unbalanced`, `document_too_long`, `base_amount_missing`, what `TradeLines.check` throws (all: reject).
    init(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        try TradeLines.check(plan)
        let moving = document.lines.filter { !$0.plan.amount.isZero || !($0.plan.base?.isZero ?? true) }
        if let rate = plan.rate {
            guard moving.allSatisfy({ $0.plan.base != nil }) else {
                throw SageIntacctConnector.refused("base_amount_missing", "an entry in \(plan.currency) has no base amounts", "Report it.")
            }
            if EntryLines.follow(moving, rate) {
                self.rate = rate
                currency = plan.currency
                lines = moving.map { Line(source: $0, amount: $0.plan.amount) }
            } else {
                currency = moving.first?.plan.base?.currency ?? plan.currency
                lines = moving.map { Line(source: $0, amount: $0.plan.base ?? $0.plan.amount) }.filter { !$0.amount.isZero }
            }
        } else {
            currency = plan.currency
            lines = moving.map { Line(source: $0, amount: $0.plan.amount) }
        }
        guard lines.count > 1 else { throw SageIntacctConnector.refused("document_empty", "an entry that moves nothing", "Report it.") }
        guard lines.count <= IntacctLimits.lines else { throw TradeLines.tooLong(lines.count) }
        guard lines.allSatisfy({ $0.amount.currency == currency }), lines.map(\.amount.minor).reduce(0, +) == 0 else {
            throw SageIntacctConnector.refused("document_unbalanced", "the entry's lines don't come to zero", "Report it.")
        }
    }

    private static func follow(_ lines: [LedgerDocument.Line], _ rate: ExactDecimal) -> Bool {
        guard rate.shortest.scale <= IntacctLimits.rateScale, lines.map(\.plan.amount.minor).reduce(0, +) == 0 else { return false }
        return lines.allSatisfy { line in
            guard let base = line.plan.base, !line.plan.amount.isZero, let value = line.plan.amount.decimal.multiplied(by: rate) else { return false }
            return value.rescaled(toScale: base.currency.decimals).flatMap { Money($0, base.currency) } == base
        }
    }

    var debits: Int64 { lines.map { max(0, $0.amount.minor) }.reduce(0, +) }

    /// By account number, debit positive.
    var accounts: [String: Int64] {
        var out: [String: Int64] = [:]
        for line in lines { out[line.source.account.code, default: 0] += line.amount.minor }
        return out.filter { $0.value != 0 }
    }
}
