internal import Books
internal import ConnectorKit
internal import Kernel

/// The lines of an invoice or credit note as Xero wants them: positive is what the document is for, tax on each line.
struct SalesLines: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// Net, minor units: a sale's credits and a credit note's debits are positive.
        var net: Int64
        /// Of `net`, with its sign.
        var tax: Int64 = 0
    }

    private(set) var lines: [Line]
    /// The sum of the plan's tax lines, and of the lines' tax.
    private(set) var tax: Int64

    /// - Throws: `document_empty`, `tax_without_line`, `tax_code_unbound`, `document_unbalanced`, `total_negative`
    ///   (all: reject), so that
    /// nothing is sent that would say something else than the plan.
    init(_ document: LedgerDocument) throws(Fault) {
        let sign = document.salesSign
        lines = document.salesLines.map { Line(source: $0, net: sign * $0.plan.amount.minor) }
        if document.isGathered {
            // Sales and refunds of a day have their taxes apart.
            for i in lines.indices { lines[i].source.plan.group = lines[i].net < 0 ? "back" : "sold" }
        }
        guard !lines.isEmpty else { throw Self.fault("document_empty", "a document without lines", "Report it.") }
        var pools = Pools()
        for line in document.lines where line.plan.part == .tax {
            let amount = sign * line.plan.amount.minor
            pools.add(amount, group: document.isGathered ? (amount < 0 ? "back" : "sold") : line.plan.group, code: line.plan.taxCode ?? "")
        }
        tax = pools.all.map(\.amount).reduce(0, +)
        // A discount has its share of a tax that comes to nothing in sum, too.
        for line in lines where line.source.plan.part == .discount {
            for code in Self.codes(line) { pools.add(0, group: line.source.plan.group, code: code) }
        }
        for pool in pools.all { try place(pool) }
        try check(document)
    }

    private static func codes(_ line: Line) -> [String] {
        line.source.plan.taxCode?.split(separator: "+").map(String.init) ?? []
    }

    // MARK: Tax

    /// Shares one tax of a source line over the lines it was charged on: a discount takes `round(net × percent)`, the
    /// others what is left.
    private mutating func place(_ pool: Pools.Pool) throws(Fault) {
        let carriers = carriers(of: pool)
        if carriers.isEmpty {
            if pool.amount == 0 { return }
            throw Self.fault(
                "tax_without_line",
                "a tax of \(pool.code.isEmpty ? "no stated code" : pool.code) has no line that could carry it",
                "Xero takes tax on lines only: write this document by hand, then mark the posting as done.")
        }
        let discounts = carriers.filter { lines[$0].source.plan.part == .discount }
        let others = carriers.filter { lines[$0].source.plan.part != .discount }
        var left = pool.amount
        if !others.isEmpty, let percent = Self.percent(pool.code) {
            for i in discounts {
                let share = Self.share(of: lines[i].net, percent)
                lines[i].tax += share
                left -= share
            }
        }
        let takers = others.isEmpty ? discounts : others
        for (i, share) in zip(takers, Allocation.shares(of: left, weights: takers.map { abs(lines[$0].net) })) {
            lines[i].tax += share
        }
    }

    /// The lines of the same source line with that code; where none has it, its coded lines, then any of them that
    /// can be taxed, then the document's lines with the code.
    private func carriers(of pool: Pools.Pool) -> [Int] {
        let taxable = lines.indices.filter {
            lines[$0].source.plan.part != .giftCard && lines[$0].source.plan.part != .tip
        }
        let group = taxable.filter { lines[$0].source.plan.group == pool.group }
        let choices: [[Int]] = [
            group.filter { Self.codes(lines[$0]).contains(pool.code) },
            group.filter { lines[$0].source.taxCode != nil }, group,
            taxable.filter { Self.codes(lines[$0]).contains(pool.code) },
        ]
        return choices.first { !$0.isEmpty } ?? []
    }

    /// `GB@20` → 20; `nil` where the code states none.
    private static func percent(_ code: String) -> ExactDecimal? {
        guard let at = code.lastIndex(of: "@"), let percent = ExactDecimal(code[code.index(after: at)...])?.shortest,
            !percent.isNegative, percent.scale <= 10, percent.coefficient < 1_000_000_000_000
        else { return nil }
        return percent
    }

    /// `round(|net| × percent / 100)` with the sign of `net`.
    private static func share(of net: Int64, _ percent: ExactDecimal) -> Int64 {
        let whole = (0 ..< percent.scale + 2).reduce(Int128(1)) { product, _ in product * 10 }
        return Int64(clamping: ExactDecimal.divideHalfUp(Int128(net) * percent.coefficient, whole))
    }

    // MARK: Checking

    private func check(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        for line in lines where line.source.taxCode == nil && (line.tax != 0 || line.source.plan.taxCode != nil) {
            throw Self.fault(
                "tax_code_unbound",
                "no Xero tax type is bound to \(line.source.plan.taxCode ?? "the tax of \(line.source.plan.role)")",
                "Bind it under the account structure's tax codes.")
        }
        guard plan.currency.decimals <= XeroLimits.amountScale else {
            throw Self.fault(
                "currency_precision", "Xero keeps two decimals, \(plan.currency) has \(plan.currency.decimals)",
                "Write it by hand.")
        }
        let sum = lines.map(\.net).reduce(0, +) + lines.map(\.tax).reduce(0, +)
        let stated = document.salesTotal
        guard sum == stated.minor else {
            let stated = stated.text, found = Money(minor: sum, plan.currency).text
            throw Self.fault(
                "document_unbalanced", "the lines come to \(found), the document to \(stated)", "Report it.")
        }
        guard sum >= 0 else {
            throw Self.fault(
                "total_negative", "Xero takes no document below zero", "Correct the document in the source.")
        }
    }

    private static func fault(_ code: String, _ summary: String, _ remedy: String) -> Fault {
        Fault(code, stage: .post, disposition: .reject, summary: summary, remedy: remedy)
    }
}

/// Taxes of a document by source line and code, in the order of their first appearance.
private struct Pools {
    struct Pool {
        var group: String
        var code: String
        var amount: Int64
    }

    private(set) var all: [Pool] = []

    mutating func add(_ amount: Int64, group: String, code: String) {
        if let at = all.firstIndex(where: { $0.group == group && $0.code == code }) {
            all[at].amount += amount
        } else {
            all.append(Pool(group: group, code: code, amount: amount))
        }
    }
}
