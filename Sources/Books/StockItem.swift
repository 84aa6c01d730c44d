public import Kernel

/// What is on hand of one item, and what it cost: one pool, or layers from the oldest to the youngest. Quantities and
/// values are kept exactly; no unit cost is ever rounded in between.
struct StockItem {
    struct Layer {
        /// The receipt's line, for costs that arrive later.
        var origin: String
        var quantity: ExactDecimal
        var value: Money
        var received: ExactDecimal
    }

    let fifo: Bool
    private(set) var layers: [Layer] = []

    init(fifo: Bool) { self.fifo = fifo }

    var quantity: ExactDecimal { layers.map(\.quantity).reduce(.zero, +) }
    func value(_ currency: Currency) -> Money { layers.map(\.value).total(currency) }

    /// What so many units cost on average.
    func average(of units: ExactDecimal, _ currency: Currency) -> Money {
        guard !quantity.isZero else { return .zero(currency) }
        return StockItem.scaled(value(currency), units, over: quantity)
    }

    mutating func receive(_ units: ExactDecimal, _ value: Money, origin: String) {
        guard !fifo, !layers.isEmpty else {
            layers.append(Layer(origin: origin, quantity: units, value: value, received: units))
            return
        }
        layers[0].quantity = layers[0].quantity + units
        layers[0].value += value
    }

    /// Takes units out; `nil`, and nothing changes, where there are not that many.
    mutating func issue(_ units: ExactDecimal, _ currency: Currency) -> Money? {
        guard units <= quantity, !units.isNegative else { return nil }
        var left = units
        var cost = Money.zero(currency)
        while !left.isZero, let layer = layers.first {
            let part = left < layer.quantity ? left : layer.quantity
            let taken = Allocation.upTo(part, of: layer.quantity, amount: layer.value)
            cost += taken
            left = left - part
            layers[0].quantity = layer.quantity - part
            layers[0].value = layer.value - taken
            if layers[0].quantity.isZero { layers.removeFirst() }
        }
        return cost
    }

    /// Takes units out that a count does not find, at average cost; `nil` where there are not that many.
    mutating func lose(_ units: ExactDecimal, _ currency: Currency) -> Money? {
        let cost = average(of: units, currency)
        guard let first = issue(units, currency) else { return nil }
        // Layers give their own cost: what that is off the average stays with the oldest left.
        guard !layers.isEmpty else { return first }
        layers[0].value += first - cost
        return cost
    }

    /// Units of a receipt's line that are still here.
    func left(of origin: String, received: ExactDecimal) -> ExactDecimal {
        if fifo { return layers.first { $0.origin == origin }?.quantity ?? .zero }
        return quantity < received ? quantity : received
    }

    /// More cost for units that are here already.
    mutating func add(_ value: Money, to origin: String) {
        guard let at = fifo ? layers.firstIndex(where: { $0.origin == origin }) : layers.indices.first else { return }
        layers[at].value += value
    }

    /// `round(amount × units / whole)`, also above the whole.
    static func scaled(_ amount: Money, _ units: ExactDecimal, over whole: ExactDecimal) -> Money {
        let scale = max(units.shortest.scale, whole.shortest.scale)
        let n = whole.shortest.rounded(toScale: scale).coefficient
        guard n > 0 else { return .zero(amount.currency) }
        let product = Int128(amount.minor) * units.shortest.rounded(toScale: scale).coefficient
        return Money(minor: Int64(clamping: ExactDecimal.divideHalfUp(product, n)), amount.currency)
    }
}

/// When stock of an item is ordered anew.
public struct ReorderPoint: Sendable, Equatable {
    public var sku: String
    /// Fewer units than this.
    public var threshold: ExactDecimal
    public var quantity: ExactDecimal

    public init(sku: String, threshold: ExactDecimal, quantity: ExactDecimal) {
        self.sku = sku
        self.threshold = threshold
        self.quantity = quantity
    }
}
