public import Kernel

/// An exact amount: whole minor units (cents) of one currency. Adding two currencies is a programmer's error and traps.
public struct Money: Hashable, Sendable, CustomStringConvertible {
    public var minor: Int64
    public let currency: Currency

    public init(minor: Int64, _ currency: Currency) {
        self.minor = minor
        self.currency = currency
    }

    public static func zero(_ currency: Currency) -> Money { Money(minor: 0, currency) }

    /// The amount a decimal stands for; `nil` when it has more decimals than the currency (trailing zeros aside) or
    /// is out of range.
    public init?(_ decimal: ExactDecimal, _ currency: Currency) {
        if decimal.scale == currency.decimals, let minor = decimal.smallCoefficient, minor != .min {
            self.init(minor: minor, currency)
            return
        }
        let d = decimal.shortest
        guard d.scale <= currency.decimals else { return nil }
        guard let scaled = d.rescaled(toScale: currency.decimals)?.coefficient, let minor = Int64(exactly: scaled), minor != .min
        else { return nil }
        self.init(minor: minor, currency)
    }

    /// `"12.30"`; `nil` when it isn't an amount of this currency.
    public init?(_ text: some StringProtocol, _ currency: Currency) {
        guard let decimal = ExactDecimal(text) else { return nil }
        self.init(decimal, currency)
    }

    /// Rounds half away from zero to the currency's decimals. For amounts whose size is known: one that is out of range
    /// traps.
    public init(rounding decimal: ExactDecimal, _ currency: Currency) {
        let scaled = decimal.rounded(toScale: currency.decimals).coefficient
        precondition(scaled.magnitude < UInt128(Int64.max), "an amount is out of range")
        self.init(minor: Int64(scaled), currency)
    }

    public var decimal: ExactDecimal { ExactDecimal(small: minor, scale: currency.decimals) }
    /// The number with the currency's decimals, without its code: `-12.30`.
    public var text: String { decimal.description }
    public var description: String { "\(text) \(currency)" }
    public var isZero: Bool { minor == 0 }
    public var magnitude: Money { Money(minor: abs(minor), currency) }

    public static func + (a: Money, b: Money) -> Money {
        precondition(a.currency == b.currency, "amounts of two currencies cannot be added")
        return Money(minor: a.minor + b.minor, a.currency)
    }

    public static func - (a: Money, b: Money) -> Money { a + -b }
    public static prefix func - (a: Money) -> Money { Money(minor: -a.minor, a.currency) }
    public static func += (a: inout Money, b: Money) { a = a + b }
    public static func -= (a: inout Money, b: Money) { a = a - b }

    public static func < (a: Money, b: Money) -> Bool {
        precondition(a.currency == b.currency, "amounts of two currencies cannot be compared")
        return a.minor < b.minor
    }
    public static func > (a: Money, b: Money) -> Bool { b < a }
}

extension Sequence<Money> {
    /// The sum; zero of `currency` for none.
    public func total(_ currency: Currency) -> Money { reduce(.zero(currency), +) }
}

extension [Money] {
    /// The sum; zero of `currency` for none.
    public func total(_ currency: Currency) -> Money {
        var sum = Money.zero(currency)
        for amount in self { sum += amount }
        return sum
    }
}
