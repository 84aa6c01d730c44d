internal import Kernel
internal import Wire

/// The arithmetic of orders.
/// - Source: developer.squareup.com/docs/orders-api/price-adjustments: "Bankers' Rounding".
enum SquareRounding {
    /// `numerator / denominator`, half to the even neighbour; `denominator` is positive.
    static func halfEven(_ numerator: Int128, _ denominator: Int128) -> Int128 {
        let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
        let twice = remainder.magnitude * 2
        if twice < denominator.magnitude { return quotient }
        if twice == denominator.magnitude, quotient % 2 == 0 { return quotient }
        return numerator < 0 ? quotient - 1 : quotient + 1
    }

    static func halfEven(_ minor: Int64, _ numerator: Int128, _ denominator: Int128) -> Int64 {
        Int64(halfEven(Int128(minor) * numerator, denominator))
    }

    /// Shares of a total in proportion to the weights: each is cut down to whole units, and what is left goes to those who lost most, the earlier
    /// first. The vendor's documented samples come out of this to the cent.
    static func apportion(_ total: Int64, _ weights: [Int64]) -> [Int64] {
        let sum = weights.reduce(Int128(0)) { $0 + Int128($1) }
        guard sum > 0 else { return weights.map { _ in 0 } }
        let parts = weights.map { (Int128(total) * Int128($0)).quotientAndRemainder(dividingBy: sum) }
        var out = parts.map { Int64($0.quotient) }
        let left = Int(total - out.reduce(0, +))
        let order = parts.indices.sorted { (-parts[$0].remainder, $0) < (-parts[$1].remainder, $1) }
        for place in order.prefix(max(0, left)) { out[place] += 1 }
        return out
    }

    /// What is added to a cash total so that it can be paid in coins: to the nearest coin, half of one up.
    static func toCoin(_ total: Int64, _ coin: Int64) -> Int64 {
        guard coin > 1 else { return 0 }
        return (total + coin / 2) / coin * coin - total
    }
}

/// A percentage in hundred-thousandths of a percent: `8.25` is 825 000.
struct SquarePercent: Sendable {
    static let whole: Int128 = 10_000_000
    var units: Int128

    init(units: Int128) { self.units = units }

    /// `nil` for what is no percentage from 0 to 100 with at most five places.
    init?(_ text: String) {
        guard text.utf8.count <= 10, let value = ExactDecimal(text)?.shortest, !value.isNegative, value.scale <= 5 else { return nil }
        var units = value.coefficient
        for _ in value.scale..<5 { units *= 10 }
        guard units <= Self.whole else { return nil }
        self.units = units
    }
}

/// A quantity: a decimal with at most five places.
enum SquareQuantity {
    /// In hundred-thousandths.
    static func units(_ text: String) -> Int64? {
        guard text.utf8.count <= 12, let value = ExactDecimal(text)?.shortest, !value.isNegative, value.scale <= 5,
            let coefficient = value.smallCoefficient
        else { return nil }
        var units = coefficient
        for _ in value.scale..<5 {
            let (product, overflow) = units.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            units = product
        }
        return units
    }

    static func text(_ units: Int64) -> String { ExactDecimal(small: units, scale: 5).shortest.description }
}
