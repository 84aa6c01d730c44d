public import Kernel
public import Wire

/// A twin in whose world trade happens: customers pay, ask for their money back, the platform pays out. It is what a day that is played needs of
/// a source: something happens, webhooks go out, and in the end the twin's own books say which money there must be.
public protocol SourceTwin: LivingTwin {
    /// The money that moved, by the twin's own double entry: sums for each account, day, currency and kind, in this order.
    func expectedMoney() -> [ExpectedMoney]
}

/// What one kind of movement did, over one day, to the money that a platform holds for a business.
public struct ExpectedMoney: Sendable, Hashable {
    /// Closed list, so that whoever judges knows them all.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Customers' payments, gross.
        case charge
        /// What the platform keeps, its fee for a dispute too.
        case fee
        /// What a third party keeps of a payment on its way.
        case applicationFee = "application_fee"
        case refund
        /// A refund that did not arrive came back.
        case refundFailure = "refund_failure"
        case dispute
        /// A dispute was won and its money came back.
        case disputeReversal = "dispute_reversal"
        /// To the business's bank.
        case payout
        /// A payout that did not arrive, or was cancelled, came back.
        case payoutReversal = "payout_reversal"
        case adjustment
    }

    /// The platform's id of the business.
    public var account: String
    /// False for the money of a platform's test mode.
    public var isLive: Bool
    /// The business's own calendar day.
    public var day: LocalDate
    /// ISO 4217, upper case: the currency in which the platform holds the money.
    public var currency: String
    public var kind: Kind
    /// Minor units as the platform counts them; positive where the business gets more.
    public var minor: Int64
    /// How many movements these are.
    public var count: Int

    public init(account: String, isLive: Bool, day: LocalDate, currency: String, kind: Kind, minor: Int64, count: Int) {
        self.account = account
        self.isLive = isLive
        self.day = day
        self.currency = currency
        self.kind = kind
        self.minor = minor
        self.count = count
    }

    public var json: JSON {
        .object([
            ("account", .string(account)), ("live", .bool(isLive)), ("day", .string(day.description)), ("currency", .string(currency)),
            ("kind", .string(kind.rawValue)), ("minor", .number("\(minor)")), ("count", .number("\(count)")),
        ])
    }
}
