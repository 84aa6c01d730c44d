public import Kernel

/// What a source says of an item's stock at one time, and what it wants ordered when that is below the threshold. Each reading is a document of its
/// own: whether an order is due follows from all of them.
public struct StockLevel: Sendable, Equatable {
    public var sku: String
    /// What people call it.
    public var title: String
    public var location: String?
    /// May be below zero: more was sold than was there.
    public var onHand: ExactDecimal
    /// Fewer units than this are too few.
    public var threshold: ExactDecimal
    /// Units to order; `nil`: the source does not say.
    public var quantity: ExactDecimal?
    /// What one unit costs, in `currency`.
    public var unitCost: ExactDecimal?
    /// `nil`: the books' own.
    public var currency: Currency?
    /// Base currency units per one unit of `currency`.
    public var rate: ExactDecimal?
    /// Who sells it, as the ledger calls him.
    public var supplier: String?
    /// False once the source watches the item no more: nothing is ordered then.
    public var isWatched: Bool

    public init(
        sku: String, title: String = "", location: String? = nil, onHand: ExactDecimal, threshold: ExactDecimal, quantity: ExactDecimal? = nil,
        unitCost: ExactDecimal? = nil, currency: Currency? = nil, rate: ExactDecimal? = nil, supplier: String? = nil, isWatched: Bool = true
    ) {
        self.sku = sku
        self.title = title
        self.location = location
        self.onHand = onHand
        self.threshold = threshold
        self.quantity = quantity
        self.unitCost = unitCost
        self.currency = currency
        self.rate = rate
        self.supplier = supplier
        self.isWatched = isWatched
    }

    /// As little is there as calls for an order.
    public var isShort: Bool { isWatched && onHand < threshold }

    /// What the units to order cost, exactly; `nil` where the source does not say, or where it is more than can be computed with.
    public var cost: ExactDecimal? {
        guard let quantity, let unitCost else { return nil }
        return unitCost.multiplied(by: quantity)
    }
}
