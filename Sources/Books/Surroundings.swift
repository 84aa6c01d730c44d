public import Kernel

/// What the planning of one case must know of documents that belong to other cases. Gathered by whoever keeps them;
/// what is missing holds a posting, and never changes one silently.
public struct Surroundings: Sendable {
    /// Money as the books carry it on a clearing account.
    public struct Carried: Sendable, Equatable {
        public var amount: Money
        /// In base currency.
        public var base: Money

        public init(amount: Money, base: Money) {
            self.amount = amount
            self.base = base
        }
    }

    /// By the source document that put it there: `P-1601`, `R-1702`, `R-1702/T1`.
    public var carried: [String: Carried] = [:]
    /// The bank line of each payment that has one, by the payment's id.
    public var bankLines: [String: BankMatch] = [:]
    /// The bank's lines are known at all: payments to a bank wait for theirs.
    public var hasBankFeed = false
    /// Payments that somebody recorded in the ledger.
    public var ledgerPayments: [LedgerPayment] = []
    /// By the order's document: the invoices for it that the ledger has, as it has them.
    public var billed: [String: [PostedState]] = [:]
    /// `carried` is all there is: a payout waits for charges and refunds that are not in it.
    public var knowsBooks = false
    /// The first day of the books: what entered a processor's balance earlier never comes.
    public var cutOver: LocalDate?
    /// Source documents because of which money went back before their sale counted: refunds, edits, returns.
    public var wentBackEarly: Set<String> = []

    public init() {}

    /// Takes note of money that went back out of what was owed to the customer.
    public mutating func noteEarly(_ posting: PlannedPosting) {
        if posting.effect == .post, posting.givesBack { wentBackEarly.formUnion(posting.covers) }
    }

    /// Takes note of what a posting put on clearing accounts.
    public mutating func note(_ posting: PlannedPosting, base: Currency) {
        guard posting.effect == .post, [.payment, .refundPayment, .salesReceipt, .deposit].contains(posting.form) else { return }
        for line in posting.lines where line.role.family == "clearing" {
            guard let value = line.value(in: base), let from = line.derivedFrom.first else { continue }
            let owner = String(from.prefix { $0 != "/" })
            for key in Set([owner, from]) {
                let known = carried[key] ?? Carried(amount: .zero(line.amount.currency), base: .zero(base))
                guard known.amount.currency == line.amount.currency else { continue }
                carried[key] = Carried(amount: known.amount + line.amount, base: known.base + value)
            }
        }
    }
}

/// A payment that a person, or another program, recorded in the ledger. One of the source with the same reference and
/// amount is the same payment and not posted again.
public struct LedgerPayment: Sendable, Equatable {
    public var id: String
    public var reference: String
    public var amount: Money
    /// The ledger document it pays.
    public var of: PlannedPosting.Reference

    public init(id: String, reference: String, amount: Money, of: PlannedPosting.Reference) {
        self.id = id
        self.reference = reference
        self.amount = amount
        self.of = of
    }

    /// The source tells of this very payment.
    public func isSame(as payment: Payment) -> Bool {
        guard let named = payment.reference, !named.isEmpty else { return false }
        return named == reference && payment.amount == amount
    }
}

/// A bank line and the payment it stands for.
public struct BankMatch: Sendable, Equatable {
    public var line: String
    public var at: Timestamp
    public var amount: Money

    public init(line: String, at: Timestamp, amount: Money) {
        self.line = line
        self.at = at
        self.amount = amount
    }
}

/// Which bank line stands for which payment: by the payment's reference, never by the amount alone.
public enum BankMatching {
    /// By the payment's id. A line stands for a payment of its currency whose reference it contains as a whole word, if
    /// it is not above the payment and at most `feeCap` short of it. Each line and each payment is used once; equal
    /// amounts come first, then the earlier line.
    public static func match(
        lines: [(id: String, at: Timestamp, line: BankLine)], payments: [(id: String, payment: Payment)], feeCap: ExactDecimal
    ) -> [String: BankMatch] {
        var out: [String: BankMatch] = [:]
        var used: Set<String> = []
        let wanted = payments.filter { $0.payment.gateway == "bank" && $0.payment.status == .success && !($0.payment.reference ?? "").isEmpty }
        for exact in [true, false] {
            for line in lines.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) where !used.contains(line.id) {
                let fitting = wanted.first { entry in
                    let payment = entry.payment
                    guard out[entry.id] == nil, payment.amount.currency == line.line.amount.currency,
                        names(line.line.reference, payment.reference ?? "")
                    else { return false }
                    let short = payment.amount - line.line.amount
                    return exact ? short.isZero : short.minor > 0 && line.line.amount.minor > 0 && short.decimal <= feeCap
                }
                guard let fitting else { continue }
                used.insert(line.id)
                out[fitting.id] = BankMatch(line: line.id, at: line.at, amount: line.line.amount)
            }
        }
        return out
    }

    /// What holds a line that belongs to no payment.
    public static func unmatched(_ id: String, _ line: BankLine) -> Finding {
        Finding(
            check: "bank_line_unmatched", why: "\(id): \(line.amount.text) '\(line.reference)' names no payment that is open for it",
            remedy: "allocate it to a customer by hand, or pay it back", figures: ["amount": line.amount])
    }

    /// `HARBOUR HB-1` names `HB-1`, and not `HB-12`.
    private static func names(_ text: String, _ reference: String) -> Bool {
        let words = text.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "/" || $0 == ".") }
        let wanted = reference.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "/" || $0 == ".") }
        guard !wanted.isEmpty, words.count >= wanted.count else { return false }
        return (0 ... words.count - wanted.count).contains { Array(words[$0 ..< $0 + wanted.count]) == Array(wanted) }
    }
}
