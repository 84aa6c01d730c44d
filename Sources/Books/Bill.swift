public import Kernel

/// What a supplier wants to be paid, as a source states it: amounts without tax, tax as charged on each line.
public struct Bill: Sendable, Equatable {
    /// The supplier's own number.
    public var number: String
    /// Who sells to us, as the ledger calls him.
    public var supplier: String
    public var currency: Currency
    /// Base currency units per one unit of `currency`; `nil` when they are the same or the source does not say.
    public var rate: ExactDecimal?
    /// `net` without tax; `group` decides the account: `purchases:clay`.
    public var lines: [SaleLine]
    public var total: Money
    /// When the supplier wants to be paid; `nil` where the source does not say: at once.
    public var due: Timestamp?
    /// Not entered yet, taken back or deleted: the ledger is to have nothing of it.
    public var isVoid: Bool

    public init(
        number: String, supplier: String, currency: Currency, rate: ExactDecimal? = nil, lines: [SaleLine], total: Money, due: Timestamp? = nil, isVoid: Bool = false
    ) {
        self.number = number
        self.supplier = supplier
        self.currency = currency
        self.rate = rate
        self.lines = lines
        self.total = total
        self.due = due
        self.isVoid = isVoid
    }

    /// What makes a tax code one of what is bought: it stands in other boxes of a return than that of what is sold.
    public static let taxMark = "purchase:"
}
