public import Books
public import Kernel

/// A quantity and what one unit costs, where both multiply out to an amount exactly.
public struct UnitPrice: Sendable, Equatable {
    public var quantity: ExactDecimal
    public var price: ExactDecimal

    /// - Parameters:
    ///   - minor: the amount, in minor units.
    ///   - scaleMost: digits after the point that a price may have; at least as many as the currency has.
    /// - Returns: `nil` where nothing multiplies out, for a negative amount, and without a quantity.
    public init?(_ minor: Int64, of quantity: ExactDecimal?, _ currency: Currency, scaleMost: Int) {
        guard minor >= 0, let quantity = quantity?.shortest, quantity.coefficient > 0 else { return nil }
        for scale in currency.decimals ... max(currency.decimals, scaleMost) {
            // price × 10^scale = minor × 10^(scale - decimals) × 10^quantity.scale / quantity.coefficient
            let zeros = scale - currency.decimals + quantity.scale
            guard zeros <= 15 else { return nil }
            var scaled = Int128(minor)
            for _ in 0 ..< zeros { scaled *= 10 }
            guard scaled % quantity.coefficient == 0 else { continue }
            self.quantity = quantity
            price = ExactDecimal(coefficient: scaled / quantity.coefficient, scale: scale).shortest
            return
        }
        return nil
    }
}
