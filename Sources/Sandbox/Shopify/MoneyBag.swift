internal import Wire

/// Shopify's name for one amount in two currencies, in minor units: what the shop settles in and what the customer saw.
/// Both sides are exact numbers of their own; neither is computed from the other after the unit price.
struct MoneyBag: Sendable, Equatable {
    var shop: Int64
    var presentment: Int64

    static let zero = MoneyBag(shop: 0, presentment: 0)

    /// The same arithmetic on either side.
    func each(_ body: (Int64) -> Int64) -> MoneyBag { MoneyBag(shop: body(shop), presentment: body(presentment)) }

    var isZero: Bool { shop == 0 && presentment == 0 }

    static func + (a: Self, b: Self) -> Self { Self(shop: a.shop + b.shop, presentment: a.presentment + b.presentment) }
    static func - (a: Self, b: Self) -> Self { Self(shop: a.shop - b.shop, presentment: a.presentment - b.presentment) }
    static prefix func - (a: Self) -> Self { Self(shop: -a.shop, presentment: -a.presentment) }
    static func * (a: Self, n: Int) -> Self { a.each { $0 * Int64(n) } }
    static func += (a: inout Self, b: Self) { a = a + b }
    static func -= (a: inout Self, b: Self) { a = a - b }
}

extension Sequence {
    /// The sum of one amount of every element.
    func total(_ amount: (Element) -> MoneyBag) -> MoneyBag { reduce(.zero) { $0 + amount($1) } }
}

/// `1234` → `12.34`, as REST and webhooks print money.
func paddedAmount(_ minor: Int64) -> String {
    let digits = String(minor.magnitude)
    let padded = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    return (minor < 0 ? "-" : "") + padded.dropLast(2) + "." + padded.suffix(2)
}

/// `1800` → `18.0`, `1805` → `18.05`: GraphQL prints money without padding, but always with one decimal.
func shortAmount(_ minor: Int64) -> String {
    let text = paddedAmount(minor)
    return text.hasSuffix("0") ? String(text.dropLast()) : text
}

/// The first decimal amount of the text in minor units, `nil` unless it has exactly two decimals.
func minorUnits(_ text: some StringProtocol) -> Int64? {
    let halves = text.split(separator: ".", omittingEmptySubsequences: false)
    guard halves.count == 2, halves[1].utf8.count == 2, !halves[0].isEmpty else { return nil }
    return Int64(String(halves[0]) + String(halves[1]))
}

/// A tax rate in millionths as the JSON number Shopify prints: `82500` → `0.0825`, `0` → `0.0`.
func rateNumber(_ millionths: Int64) -> JSON {
    var fraction = String(millionths % 1_000_000)
    fraction = String(repeating: "0", count: 6 - fraction.count) + fraction
    while fraction.hasSuffix("0"), fraction.count > 1 { fraction.removeLast() }
    return .number("\(millionths / 1_000_000).\(fraction)")
}

/// `numerator / denominator`, half away from zero.
func dividedHalfUp(_ numerator: Int64, _ denominator: Int64) -> Int64 {
    let quotient = numerator / denominator
    let remainder = (numerator % denominator).magnitude
    guard remainder * 2 >= denominator.magnitude else { return quotient }
    return (numerator < 0) == (denominator < 0) ? quotient + 1 : quotient - 1
}
