public import Kernel

/// Sharing an amount so that nothing is lost: largest remainder in minor units.
public enum Allocation {
    /// `amount` shared in proportion to `weights` (not negative, same scale): the floor of each exact share,
    /// left-over units one each to the largest remainders, ties to the earlier. The shares always sum to `amount`;
    /// where all weights are zero they count as equal.
    public static func shares(of amount: Int64, weights: [Int64]) -> [Int64] {
        guard !weights.isEmpty else { return [] }
        if amount < 0 { return shares(of: -amount, weights: weights).map { -$0 } }
        let safe: [Int128] = weights.map { Int128(Swift.max(0, $0)) }
        let sum: Int128 = safe.reduce(0, +)
        let used: [Int128] = sum == 0 ? Array(repeating: 1, count: weights.count) : safe
        let whole: Int128 = sum == 0 ? Int128(weights.count) : sum
        let products: [Int128] = used.map { Int128(amount) * $0 }
        return withRemainders(
            total: Int128(amount), floors: products.map { $0 / whole }, remainders: products.map { $0 % whole })
    }

    public static func shares(of amount: Money, weights: [Money]) -> [Money] {
        shares(of: amount.minor, weights: weights.map(\.minor)).map { Money(minor: $0, amount.currency) }
    }

    /// Signed exact values floored towards minus infinity, left-over units of `total` by largest remainder, ties to
    /// the earlier. `numerators` / `denominator` are the exact values.
    static func signedShares(total: Int128, numerators: [Int128], denominator: Int128) -> [Int64] {
        let floors: [Int128] = numerators.map { n in
            let q = n / denominator
            return n % denominator < 0 ? q - 1 : q
        }
        let remainders: [Int128] = zip(numerators, floors).map { $0 - $1 * denominator }
        return withRemainders(total: total, floors: floors, remainders: remainders)
    }

    private static func withRemainders(total: Int128, floors: [Int128], remainders: [Int128]) -> [Int64] {
        var shares = floors
        var left = total - floors.reduce(0, +)
        let order = remainders.indices.sorted { (remainders[$0], $1) > (remainders[$1], $0) }
        guard !order.isEmpty else { return [] }
        var n = 0
        // Cumulative rounding can leave one unit more than there are shares, or one less than none: go round, or take
        // from the smallest.
        while left != 0, n < order.count * 4 {
            let at = left > 0 ? order[n % order.count] : order[order.count - 1 - n % order.count]
            shares[at] += left > 0 ? 1 : -1
            left -= left > 0 ? 1 : -1
            n += 1
        }
        if left != 0 { shares[order[0]] += left }
        return shares.map { Int64(clamping: $0) }
    }

    /// The running total after `units` of `whole` units: `round(amount × units / whole)`; all of it at the last unit.
    public static func upTo(_ units: ExactDecimal, of whole: ExactDecimal, amount: Money) -> Money {
        guard units < whole, !whole.isZero, !whole.isNegative else { return amount }
        let scale = max(units.shortest.scale, whole.shortest.scale)
        let (k, n) = (
            units.shortest.rounded(toScale: scale).coefficient, whole.shortest.rounded(toScale: scale).coefficient
        )
        return Money(minor: Int64(clamping: ExactDecimal.divideHalfUp(Int128(amount.minor) * k, n)), amount.currency)
    }
}

/// Tax arithmetic, half away from zero at the currency's decimals.
public enum Tax {
    /// `round(net × rate)`.
    public static func charged(on net: Money, rate: ExactDecimal) -> Money { scaled(net, rate, .one) }

    /// The tax contained in an amount: `round(amount × rate / (1 + sum))`, `sum` being all rates that the amount
    /// contains.
    public static func contained(in amount: Money, rate: ExactDecimal, sum: ExactDecimal) -> Money {
        scaled(amount, rate, .one + sum)
    }

    /// `round(amount / (1 + sum))`: an amount without the tax it contains.
    public static func stripped(_ amount: Money, sum: ExactDecimal) -> Money { scaled(amount, .one, .one + sum) }

    /// `US-CO@2.9`; the jurisdiction alone where the rate is unknown.
    public static func code(_ jurisdiction: String, rate: ExactDecimal?) -> String {
        guard let rate else { return jurisdiction }
        return "\(jurisdiction)@\((rate * ExactDecimal(100)).shortest)"
    }

    private static func scaled(_ amount: Money, _ numerator: ExactDecimal, _ denominator: ExactDecimal) -> Money {
        let (n, d) = (numerator.shortest, denominator.shortest)
        let scale = max(n.scale, d.scale)
        let over = d.rounded(toScale: scale).coefficient
        guard over > 0 else { return .zero(amount.currency) }
        let product = Int128(amount.minor) * n.rounded(toScale: scale).coefficient
        return Money(minor: Int64(clamping: ExactDecimal.divideHalfUp(product, over)), amount.currency)
    }
}
