internal import Kernel

/// Several postings as one: the lines of a day's summary, a payout, a settlement.
struct Gathering {
    /// What is summed together.
    private struct Unit: Hashable {
        var role: Role
        /// `nil`: both sides are netted.
        var debit: Bool?
        var code: String?
        var dimension: [String: String]
        var currency: Currency
    }

    private struct Sum {
        var line: PostingLine
        /// What each case left open here; only those count as its origin.
        var cases: [String: (amount: Int64, from: [String])] = [:]
        var order: [String] = []
    }

    /// Families whose two sides are one line, left out at zero.
    let netted: Set<String>
    /// Of a receivable only orders that leave something open are named as its origin: paid ones say nothing.
    let namesOpenOnly: Set<String>
    private var units: [Unit: Sum] = [:]
    private var order: [Unit] = []

    init(netted: Set<String>, namesOpenOnly: Set<String> = []) {
        self.netted = netted
        self.namesOpenOnly = namesOpenOnly
    }

    mutating func add(_ line: PostingLine, of caseID: String) {
        guard !line.amount.isZero || line.base.map({ !$0.isZero }) ?? false else { return }
        let unit = Unit(
            role: line.role, debit: netted.contains(line.role.family) ? nil : line.amount.minor > 0, code: line.taxCode,
            dimension: line.dimension, currency: line.amount.currency)
        var sum = units[unit] ?? Sum(line: line)
        if units[unit] == nil {
            order.append(unit)
            sum.line.group = ""
            sum.line.quantity = nil
            sum.line.sku = ""
        } else {
            sum.line.amount += line.amount
            sum.line.base = sum.line.base.flatMap { known in line.base.map { known + $0 } }
            if sum.line.text != line.text { sum.line.text = "" }
            if sum.line.reasonCode != line.reasonCode { sum.line.reasonCode = nil }
            if sum.line.openItem != line.openItem { sum.line.openItem = nil }
        }
        if sum.cases[caseID] == nil { sum.order.append(caseID) }
        let known = sum.cases[caseID] ?? (0, [])
        sum.cases[caseID] = (known.amount + line.amount.minor, known.from + line.derivedFrom)
        units[unit] = sum
    }

    mutating func add(_ posting: PlannedPosting) { for line in posting.lines { add(line, of: posting.caseID) } }

    /// In the order in which they were first met.
    var lines: [PostingLine] {
        order.compactMap { unit in
            guard let sum = units[unit] else { return nil }
            var line = sum.line
            if line.amount.isZero, line.base?.isZero ?? true { return nil }
            let openOnly = namesOpenOnly.contains(unit.role.family)
            var from: [String] = []
            var seen: Set<String> = []
            for id in sum.order {
                guard let part = sum.cases[id], !openOnly || part.amount != 0 else { continue }
                for origin in part.from where seen.insert(origin).inserted { from.append(origin) }
            }
            line.derivedFrom = from
            return line
        }
    }
}

extension PostingLine {
    /// Its base value: stated, or the amount itself where that is in base currency.
    public func value(in base: Currency) -> Money? {
        guard let value = self.base ?? (amount.currency == base ? amount : nil), value.currency == base else { return nil }
        return value
    }
}

extension PlannedPosting {
    /// What the lines are apart: in the document's currency, or in base currency where the lines have several.
    /// `nil`: a line in a foreign currency has no base value.
    public func imbalance(base: Currency) -> Money? {
        if lines.allSatisfy({ $0.amount.currency == currency }) { return lines.map(\.amount).total(currency) }
        return baseSum(base)
    }

    /// What the lines come to in base currency; `nil` where one has no value in it.
    func baseSum(_ base: Currency) -> Money? {
        var sum = Money.zero(base)
        for line in lines {
            guard let value = line.value(in: base) else { return nil }
            sum += value
        }
        return sum
    }

    /// What the reference of a document says that a closed period moved: `R-1, source date 2026-10-30`.
    static let movedMark = ", source date "

    /// Money that was owed to the customer settles a sale: it goes where the sale goes.
    public var usesUpDeposit: Bool {
        form == .journal && appliesTo?.form == .invoice && lines.count == 2
            && lines.contains { $0.role == "customer_deposits" } && lines.contains { $0.role.family == "receivable" }
    }

    /// Its lines may be in several currencies: a processor converts between what it took and what it pays out.
    public var convertsCurrency: Bool { form == .payout || form == .settlement }
}
