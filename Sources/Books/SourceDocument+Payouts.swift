public import Kernel

/// Money that a processor paid out to a bank account, or took from it, and what it is made of.
public struct Payout: Sendable, Equatable {
    public enum Status: String, Sendable, CaseIterable {
        /// It is under way or announced: nothing is posted.
        case pending
        case paid
        /// It came back: its money stands in clearing again until a later payout brings it.
        case failed
        case cancelled
    }

    /// Whose money it was, as payments name it: `stripe`, `square`, `shopify_payments`.
    public var gateway: String
    /// What reached the bank; negative: taken from it.
    public var amount: Money
    public var status: Status
    /// The balance rows it settles. Empty where the processor does not say: then all of it is against clearing, as
    /// money of the balance.
    public var rows: [PayoutRow]
    /// Base units per one unit of `amount`'s currency on the day of the payout; `nil` in base currency or unknown.
    public var rate: ExactDecimal?
    /// What the bank statement shows.
    public var reference: String?

    public init(
        gateway: String, amount: Money, status: Status = .paid, rows: [PayoutRow], rate: ExactDecimal? = nil,
        reference: String? = nil
    ) {
        self.gateway = gateway
        self.amount = amount
        self.status = status
        self.rows = rows
        self.rate = rate
        self.reference = reference
    }
}

/// One row of a processor's balance: something that a payout settles. Amounts are in the payout's currency, positive
/// where they add to it; `net` = `amount` − `fee`. A processor's own row of the payout itself is left out.
public struct PayoutRow: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A payment of a customer; `ref` is the payment.
        case charge
        /// Money given back; `ref` is the refund, or `refund/transaction`.
        case refund
        /// A refund that did not reach the customer and came back.
        case refundFailure = "refund_failure"
        /// Money that a customer's bank took back; `ref` is the dispute.
        case dispute
        /// A dispute that was won.
        case disputeReversal = "dispute_reversal"
        /// A fee of its own: subscription, instant payout, tax on fees.
        case fee
        /// Money kept back, and given free.
        case reserveHold = "reserve_hold"
        case reserveRelease = "reserve_release"
        /// An earlier payout that came back.
        case payoutFailure = "payout_failure"
        /// What stays on the processor's balance, or comes from it: where a balance is paid out in other sums than its
        /// rows, a statement of `amount` nothing settles the rows, and a payout without rows takes the money.
        case retained
        /// A correction, a loan's instalment, a transfer to another account: against clearing, where it stays open by
        /// name until a person says what it is.
        case adjustment, transfer
    }

    public var id: String
    public var kind: Kind
    /// The source document it settles, where known: a payment, refund or dispute.
    public var ref: String?
    public var amount: Money
    /// Negative where a fee is given back.
    public var fee: Money
    public var net: Money
    /// When it entered the processor's balance.
    public var at: Timestamp?
    /// The amount in the currency of the sale, where the processor converted it; signed like `amount`.
    public var original: Money?

    public init(
        id: String, kind: Kind, ref: String? = nil, amount: Money, fee: Money, net: Money, at: Timestamp? = nil,
        original: Money? = nil
    ) {
        self.id = id
        self.kind = kind
        self.ref = ref
        self.amount = amount
        self.fee = fee
        self.net = net
        self.at = at
        self.original = original
    }
}

/// A customer's bank asks for money back. By itself it posts nothing: the row of a payout does.
public struct Dispute: Sendable, Equatable {
    public var payment: String
    public var amount: Money
    /// As the source says it: `funds_withdrawn`, `won`, `lost`.
    public var status: String
    public var reason: String?

    public init(payment: String, amount: Money, status: String, reason: String? = nil) {
        self.payment = payment
        self.amount = amount
        self.status = status
        self.reason = reason
    }
}

/// Money taken before there is an invoice.
public struct Deposit: Sendable, Equatable {
    public var gateway: String
    public var amount: Money
    public var status: Payment.Status
    public var customer: String
    /// Base units per one unit of `amount`'s currency; `nil` in base currency or unknown.
    public var rate: ExactDecimal?

    public init(
        gateway: String, amount: Money, status: Payment.Status = .success, customer: String = "house",
        rate: ExactDecimal? = nil
    ) {
        self.gateway = gateway
        self.amount = amount
        self.status = status
        self.customer = customer
        self.rate = rate
    }
}

/// Part of a deposit that an invoice uses up.
public struct DepositApplied: Sendable, Equatable {
    public var id: String
    /// The deposit's document.
    public var deposit: String
    public var amount: Money

    public init(id: String, deposit: String, amount: Money) {
        self.id = id
        self.deposit = deposit
        self.amount = amount
    }
}

/// A line of a bank statement or feed. It posts nothing: it dates and sizes the payment it belongs to.
public struct BankLine: Sendable, Equatable {
    /// The bank account's role: `bank:GBP`.
    public var account: String
    /// Positive: money came in.
    public var amount: Money
    /// What the statement says.
    public var reference: String

    public init(account: String, amount: Money, reference: String) {
        self.account = account
        self.amount = amount
        self.reference = reference
    }
}

/// A till that was counted and closed. What it should have held and what was in it differ by what is over or short.
public struct RegisterClosure: Sendable, Equatable {
    /// The tender it holds, as payments name it: `cash`.
    public var gateway: String
    public var expected: Money
    public var counted: Money
    /// What people call the till.
    public var register: String?
    public var location: String?

    public init(gateway: String, expected: Money, counted: Money, register: String? = nil, location: String? = nil) {
        self.gateway = gateway
        self.expected = expected
        self.counted = counted
        self.register = register
        self.location = location
    }

    /// Positive: more was there than should have been.
    public var over: Money { counted - expected }
}

/// What was left on a gift card when it ran out.
public struct GiftCardExpiry: Sendable, Equatable {
    public var card: String
    public var amount: Money

    public init(card: String, amount: Money) {
        self.card = card
        self.amount = amount
    }
}
