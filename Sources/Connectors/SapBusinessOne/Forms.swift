internal import Books
internal import ConnectorKit
internal import Kernel

extension LedgerDocument.Line {
    var isReceivable: Bool { plan.role.family == "receivable" }
    var isPayable: Bool { plan.role.family == "payable" }
}

extension LedgerDocument {
    /// It is about another document that is not there yet, and can't go without it.
    var waits: Bool { (plan.form == .payment || plan.form == .refundPayment) && plan.appliesTo != nil && (appliesTo ?? "").isEmpty }
}

/// Money of one customer that comes in or goes out by one or two accounts: their payments know a transfer and cash, and nothing that lowers them.
struct PaymentForm: Sendable {
    /// The first is the transfer, the second the cash; positive.
    private(set) var tenders: [(account: BoundAccount, minor: Int64)] = []
    private(set) var total: Int64 = 0
    let isIncoming: Bool

    /// `nil` for what is no such payment: with a fee or a rounding beside it, more accounts, or against the direction of its form.
    init?(_ document: LedgerDocument) {
        let plan = document.plan
        guard plan.form == .payment || plan.form == .refundPayment else { return nil }
        isIncoming = plan.form == .payment
        let sign: Int64 = isIncoming ? 1 : -1
        var owed: Int64 = 0
        for line in document.lines where !line.plan.amount.isZero {
            let minor = sign * line.plan.amount.minor
            guard line.plan.amount.currency == plan.currency else { return nil }
            if line.isReceivable {
                owed -= minor
            } else {
                // A fee is no money that came in, though it lowers what is owed as well; a deposit that is drawn is.
                guard minor > 0, [.tender, .giftCard, .control].contains(line.plan.part) else { return nil }
                if let at = tenders.firstIndex(where: { $0.account.code == line.account.code && $0.account.remoteID == line.account.remoteID }) {
                    tenders[at].minor += minor
                } else {
                    tenders.append((line.account, minor))
                }
            }
        }
        total = tenders.map(\.minor).reduce(0, +)
        guard (1 ... 2).contains(tenders.count), owed == total else { return nil }
        if let other = plan.appliesTo?.form, other != (isIncoming ? .invoice : .creditNote) { return nil }
    }
}

/// A planned posting as lines of a journal entry: nothing of zero.
struct EntryForm: Sendable {
    struct Item: Sendable {
        var line: LedgerDocument.Line
        /// In the document's currency, debit positive.
        var minor: Int64
        /// In the company's currency; the same where that is the document's.
        var base: Money
    }

    private(set) var items: [Item] = []

    /// - Throws: `document_empty`, `document_unbalanced`, `base_amount_missing`, `receivable_of_many` (all: reject).
    init(_ document: LedgerDocument) throws(Fault) {
        let plan = document.plan
        for line in document.lines where !line.plan.amount.isZero || !(line.plan.base?.isZero ?? true) {
            if line.isReceivable, line.plan.role.detail != plan.party {
                throw SapBusinessOneConnector.refused(
                    "receivable_of_many", "it moves what \(plain(line.plan.role.detail)) owes, and the document is about another customer",
                    "Set the policy customer: house where sales are summed up.")
            }
            items.append(try EntryForm.item(line, plan))
        }
        guard !items.isEmpty else { throw SapBusinessOneConnector.refused("document_empty", "an entry that moves nothing", "Report it.") }
        guard items.map(\.minor).reduce(0, +) == 0, items.map(\.base.minor).reduce(0, +) == 0 else {
            throw SapBusinessOneConnector.refused("document_unbalanced", "the entry's lines don't come to zero", "Report it.")
        }
    }

    /// A processor's payout may settle sales of another currency, at the value that the books carry them at.
    private static func item(_ line: LedgerDocument.Line, _ plan: PlannedPosting) throws(Fault) -> Item {
        let missing = SapBusinessOneConnector.refused("base_amount_missing", "an entry in \(plan.currency) has no base amounts", "Report it.")
        if plan.rate != nil {
            guard let base = line.plan.base, line.plan.amount.currency == plan.currency else { throw missing }
            return Item(line: line, minor: line.plan.amount.minor, base: base)
        }
        if line.plan.amount.currency == plan.currency { return Item(line: line, minor: line.plan.amount.minor, base: line.plan.amount) }
        guard let base = line.plan.base, base.currency == plan.currency else { throw missing }
        return Item(line: line, minor: base.minor, base: base)
    }
}
