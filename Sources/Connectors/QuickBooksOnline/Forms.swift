internal import Books
internal import ConnectorKit
internal import Kernel

extension LedgerDocument {
    /// The one tender of a payment, where it can take a deposit and nothing stands beside it: what the bank kept, what the coins are off.
    var depositTender: Line? {
        let tenders = lines.filter { $0.plan.part == .tender }
        guard tenders.count == 1, tenders[0].takesDeposits, lines.allSatisfy({ $0.plan.part == .tender || $0.plan.part == .control }) else { return nil }
        return tenders[0]
    }

    /// What it may have been written as before: a payment that the bank took a fee from later is a journal from then on.
    func former(_ entity: Entity) -> Entity? {
        guard plan.form == .payment else { return nil }
        return entity == .payment ? .journalEntry : .payment
    }
}

extension LedgerDocument.Line {
    var isReceivable: Bool { plan.role.family == "receivable" }

    /// Bank and other current asset accounts take deposits; an account's type is not known here, its role is.
    var takesDeposits: Bool { plan.role.family == "clearing" || plan.role.family == "bank" }
}

/// A planned sale or credit as their sales forms show it: amounts positive on their own side, no line for the
/// receivable, tax as one figure.
struct SalesForm: Sendable {
    struct Line: Sendable {
        var source: LedgerDocument.Line
        /// As the form shows it.
        var minor: Int64
        var taxed = false
    }

    var lines: [Line] = []
    var discount: (account: BoundAccount, minor: Int64)?
    var tax: Int64 = 0
    /// Of a sales receipt: where its total goes.
    var deposit: BoundAccount?
    /// Its lines have tax codes with rates of their own, as they have outside of the United States: a discount is then a line for each code.
    let isCoded: Bool
    /// Debit-positive amounts times this are what the form shows.
    let sign: Int64

    /// `nil` for what is no sales form, and for a sales receipt that leaves something owed.
    init?(_ document: LedgerDocument, _ entity: Entity) {
        guard entity == .invoice || entity == .creditMemo || entity == .salesReceipt else { return nil }
        sign = entity == .creditMemo ? 1 : -1
        isCoded = document.lines.contains { $0.taxCode.map { !["TAX", "NON"].contains($0) } ?? false }
        var taxedGroups: Set<String> = []
        var discounts: [LedgerDocument.Line] = []
        var tenders: [LedgerDocument.Line] = []
        for line in document.lines {
            let minor = line.plan.amount.minor
            switch line.plan.part {
            case .control: if entity == .salesReceipt, minor != 0 { return nil }
            case .tax:
                tax += minor * sign
                if minor != 0 { taxedGroups.insert(line.plan.group) }
            case .discount: discounts.append(line)
            case .tender: tenders.append(line)
            case .goods, .giftCard, .shipping, .tip, .fee, .allowance, .other:
                lines.append(Line(source: line, minor: minor * sign))
            }
        }
        for index in lines.indices where taxedGroups.contains(lines[index].source.plan.group) {
            lines[index].taxed = true
        }
        markTaxed()
        addDiscounts(discounts)
        addTenders(tenders)
    }

    /// What the form comes to.
    var total: Int64 { lines.map(\.minor).reduce(0, +) - (discount?.minor ?? 0) + tax }

    /// A tax needs a line it is charged on; where none says so, it is the goods.
    /// - Source: at least one line must be TAX for a TotalTax other than zero.
    private mutating func markTaxed() {
        guard tax != 0, !lines.contains(where: { $0.taxed || $0.source.taxCode != nil }) else { return }
        let goods = lines.contains { $0.source.plan.part == .goods }
        for index in lines.indices where !goods || lines[index].source.plan.part == .goods { lines[index].taxed = true }
    }

    /// One account: their discount line, which takes only what lowers the total. Otherwise one sales line for each
    /// account, and where lines have codes for each of these too.
    private mutating func addDiscounts(_ discounts: [LedgerDocument.Line]) {
        var sums: [LedgerDocument.Line] = []
        for line in discounts {
            if let at = sums.firstIndex(where: {
                $0.account.code == line.account.code && $0.account.remoteID == line.account.remoteID && (!isCoded || $0.taxCode == line.taxCode)
            }) {
                sums[at].plan.amount += line.plan.amount
                // Not one product's discount any more.
                if sums[at].plan.text != line.plan.text { sums[at].plan.text = "Discount" }
            } else {
                sums.append(line)
            }
        }
        sums = sums.filter { !$0.plan.amount.isZero }
        if !isCoded, sums.count == 1, sums[0].plan.amount.minor * -sign > 0 {
            discount = (sums[0].account, sums[0].plan.amount.minor * -sign)
            return
        }
        for sum in sums { lines.append(Line(source: sum, minor: sum.plan.amount.minor * sign)) }
    }

    /// The largest tender that takes deposits gets the total; others lower it, as lines of their own.
    private mutating func addTenders(_ tenders: [LedgerDocument.Line]) {
        let main = tenders.indices.filter { tenders[$0].takesDeposits }.max {
            tenders[$0].plan.amount < tenders[$1].plan.amount
        }
        deposit = main.map { tenders[$0].account }
        for index in tenders.indices where index != main {
            lines.append(Line(source: tenders[index], minor: tenders[index].plan.amount.minor * sign))
        }
    }
}

extension SalesForm.Line {
    /// Quantity and unit price, only where they multiply out to the amount exactly: anything else is refused there.
    func multiplied(_ currency: Currency) -> (quantity: ExactDecimal, price: ExactDecimal)? {
        UnitPrice(minor, of: source.plan.quantity, currency, scaleMost: QuickBooksLimits.priceScale).map { ($0.quantity, $0.price) }
    }
}

/// A planned posting as a journal: one entry a line, receivable lines of one account summed up, nothing of zero.
struct JournalForm: Sendable {
    struct Entry: Sendable {
        var line: LedgerDocument.Line
        /// Debit positive.
        var minor: Int64
    }

    var entries: [Entry] = []
    /// A line is in another currency than the document, and has no value in that one.
    var isMixed = false

    init(_ document: LedgerDocument) {
        for line in document.lines {
            guard let minor = Self.minor(line.plan, document.plan) else {
                isMixed = true
                continue
            }
            if line.isReceivable,
                let at = entries.firstIndex(where: { $0.line.isReceivable && $0.line.account == line.account })
            {
                entries[at].minor += minor
            } else {
                entries.append(Entry(line: line, minor: minor))
            }
        }
        entries.removeAll { $0.minor == 0 }
    }

    /// In the document's currency: a processor's payout may settle sales of another one, at the value the books carry them at.
    private static func minor(_ line: PostingLine, _ plan: PlannedPosting) -> Int64? {
        if line.amount.currency == plan.currency { return line.amount.minor }
        guard plan.rate == nil, let base = line.base, base.currency == plan.currency else { return nil }
        return base.minor
    }
}
