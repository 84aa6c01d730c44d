/// A decimal number without rounding: `coefficient` × 10^-`scale`. For rates, quantities and amounts as other systems write them;
/// money itself is `Money` in Books. Up to 37 digits. Operators trap with a sentence where the result would need more: they are for numbers
/// whose size is known. `adding`, `subtracting`, `multiplied` and `rescaled` give `nil` instead: they are for numbers that come from outside.
public struct ExactDecimal: Sendable, CustomStringConvertible {
    // The coefficient as two words: an `Int128` would align every array and every box with a decimal in it to sixteen
    // bytes, and those are allocated the slow way.
    @usableFromInline let high: Int64
    @usableFromInline let low: UInt64
    @usableFromInline let places: UInt8

    public static let zero = ExactDecimal(0)
    public static let one = ExactDecimal(1)

    @inlinable public init(_ value: Int) { self.init(small: Int64(value), scale: 0) }

    /// `coefficient` × 10^-`scale`; `scale` in 0 ... 30.
    @inlinable public init(coefficient: Int128, scale: Int) {
        precondition((0 ... 30).contains(scale), "a decimal's scale is 0 to 30")
        high = Int64(truncatingIfNeeded: coefficient >> 64)
        low = UInt64(truncatingIfNeeded: coefficient)
        places = UInt8(truncatingIfNeeded: scale)
    }

    /// The same, of a coefficient that fits 64 bits.
    @inlinable public init(small coefficient: Int64, scale: Int) {
        precondition((0 ... 30).contains(scale), "a decimal's scale is 0 to 30")
        high = coefficient >> 63
        low = UInt64(bitPattern: coefficient)
        places = UInt8(truncatingIfNeeded: scale)
    }

    @inlinable public var coefficient: Int128 { Int128(high) << 64 | Int128(low) }

    /// The coefficient where it fits 64 bits, as nearly every one does.
    @inlinable public var smallCoefficient: Int64? {
        let word = Int64(bitPattern: low)
        return high == word >> 63 ? word : nil
    }

    /// Digits after the point, 0 ... 30.
    @inlinable public var scale: Int { Int(places) }

    /// Parses `-12.340`, `5`, `1.5e-3`. `nil` for anything else (no spaces, no leading `+`, no bare point) and for more than 37 digits
    /// or an exponent beyond ±30.
    public init?(_ text: some StringProtocol) { self.init(utf8: text.utf8) }

    /// The same, from UTF-8 bytes.
    public init?(utf8 bytes: some Sequence<UInt8>) {
        var value: Int128 = 0
        var digits = 0, fraction = 0, exponent = 0, exponentDigits = 0
        var negative = false, seenPoint = false, any = false, inExponent = false, exponentSigned = false, exponentNegative = false
        var index = 0
        for c in bytes {
            defer { index += 1 }
            switch c {
            case 48 ... 57:
                if inExponent {
                    exponent = exponent * 10 + Int(c - 48)
                    exponentDigits += 1
                    guard exponentDigits <= 3 else { return nil }
                } else {
                    any = true
                    if value != 0 || c != 48 { digits += 1 }
                    guard digits <= 37 else { return nil }
                    value = value * 10 + Int128(c - 48)
                    if seenPoint { fraction += 1 }
                }
            case 45 where index == 0: negative = true
            case 43 where inExponent && exponentDigits == 0 && !exponentSigned: exponentSigned = true
            case 45 where inExponent && exponentDigits == 0 && !exponentSigned:
                exponentSigned = true
                exponentNegative = true
            case 46 where !seenPoint && !inExponent && any: seenPoint = true
            case 69, 101:
                guard any, !inExponent else { return nil }
                inExponent = true
            default: return nil
            }
        }
        guard any, !inExponent || exponentDigits > 0, !seenPoint || fraction > 0 else { return nil }
        var s = fraction - (exponentNegative ? -exponent : exponent)
        while s < 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow, s >= -30 else { return nil }
            value = product
            s += 1
        }
        while s > 30, value % 10 == 0 {
            if value == 0 {
                s = 0
                break
            }
            value /= 10
            s -= 1
        }
        guard s <= 30, value < Self.power(37) else { return nil }
        self.init(coefficient: negative ? -value : value, scale: s)
    }

    /// Plain digits, never an exponent; keeps the written scale (`2.50` stays `2.50`).
    public var description: String {
        var digits = String(coefficient.magnitude)
        if scale > 0 {
            if digits.count <= scale { digits = String(repeating: "0", count: scale - digits.count + 1) + digits }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
        }
        return coefficient < 0 ? "-" + digits : digits
    }

    /// The same number without trailing zeros after the point: `8.250` → `8.25`, `20.0` → `20`.
    public var shortest: ExactDecimal {
        var s = scale
        if var c = smallCoefficient {
            while s > 0, c % 10 == 0 {
                c /= 10
                s -= 1
            }
            return ExactDecimal(small: c, scale: s)
        }
        var c = coefficient
        while s > 0, c % 10 == 0 {
            c /= 10
            s -= 1
        }
        return ExactDecimal(coefficient: c, scale: s)
    }

    public var isZero: Bool { high == 0 && low == 0 }
    public var isNegative: Bool { high < 0 }

    static func power(_ n: Int) -> Int128 {
        var p: Int128 = 1
        for _ in 0 ..< n { p *= 10 }
        return p
    }

    /// Both coefficients at the larger scale; `nil` where one of them would need more than 37 digits there.
    private static func aligned(_ a: ExactDecimal, _ b: ExactDecimal) -> (Int128, Int128, Int)? {
        let s = max(a.scale, b.scale)
        let (x, ox) = a.coefficient.multipliedReportingOverflow(by: power(s - a.scale))
        let (y, oy) = b.coefficient.multipliedReportingOverflow(by: power(s - b.scale))
        return ox || oy ? nil : (x, y, s)
    }

    /// The sum; `nil` where it would need more than 37 digits.
    public func adding(_ other: Self) -> Self? {
        guard let (x, y, s) = Self.aligned(self, other) else { return nil }
        let (sum, overflow) = x.addingReportingOverflow(y)
        return Self.fitting(sum, overflow, s)
    }

    /// The difference; `nil` where it would need more than 37 digits.
    public func subtracting(_ other: Self) -> Self? {
        guard let (x, y, s) = Self.aligned(self, other) else { return nil }
        let (difference, overflow) = x.subtractingReportingOverflow(y)
        return Self.fitting(difference, overflow, s)
    }

    /// The product; `nil` where it would need more than 37 digits, or more than 30 after the point.
    public func multiplied(by other: Self) -> Self? {
        let (x, y) = (shortest, other.shortest)
        let (product, overflow) = x.coefficient.multipliedReportingOverflow(by: y.coefficient)
        return Self.fitting(product, overflow, x.scale + y.scale)
    }

    /// At exactly `target` digits after the point (0 ... 30), half away from zero; `nil` where that would need more than 37 digits.
    public func rescaled(toScale target: Int) -> ExactDecimal? {
        guard target < scale else {
            let (wide, overflow) = coefficient.multipliedReportingOverflow(by: Self.power(target - scale))
            return Self.fitting(wide, overflow, target)
        }
        return ExactDecimal(coefficient: Self.divideHalfUp(coefficient, Self.power(scale - target)), scale: target)
    }

    private static let most = power(37)

    private static func fitting(_ coefficient: Int128, _ overflow: Bool, _ scale: Int) -> Self? {
        guard !overflow, scale <= 30, coefficient > -most, coefficient < most else { return nil }
        return Self(coefficient: coefficient, scale: scale)
    }

    public static func + (a: Self, b: Self) -> Self {
        guard let sum = a.adding(b) else { preconditionFailure("a sum needs more than 37 digits") }
        return sum
    }

    public static func - (a: Self, b: Self) -> Self {
        guard let difference = a.subtracting(b) else { preconditionFailure("a difference needs more than 37 digits") }
        return difference
    }

    public static prefix func - (a: Self) -> Self { Self(coefficient: -a.coefficient, scale: a.scale) }

    public static func * (a: Self, b: Self) -> Self {
        guard let product = a.multiplied(by: b) else { preconditionFailure("a product needs more than 37 digits") }
        return product
    }

    /// Half away from zero at `scale` digits after the point.
    public func rounded(toScale target: Int) -> ExactDecimal {
        guard let rounded = rescaled(toScale: target) else { preconditionFailure("a decimal needs more than 37 digits") }
        return rounded
    }

    /// `numerator / denominator`, half away from zero; `denominator` must be positive.
    public static func divideHalfUp(_ numerator: Int128, _ denominator: Int128) -> Int128 {
        precondition(denominator > 0, "a division needs a positive denominator")
        let q = numerator / denominator
        let r = (numerator % denominator).magnitude
        guard r * 2 >= denominator.magnitude else { return q }
        return numerator < 0 ? q - 1 : q + 1
    }
}

extension ExactDecimal: Comparable, Hashable {
    public static func == (a: Self, b: Self) -> Bool {
        let (x, y) = (a.shortest, b.shortest)
        return x.coefficient == y.coefficient && x.scale == y.scale
    }

    public static func < (a: Self, b: Self) -> Bool {
        if a.places == b.places { return a.coefficient < b.coefficient }
        if let x = a.smallCoefficient, let y = b.smallCoefficient, abs(a.scale - b.scale) <= 18 {
            // Two words' product has room in four.
            var up: Int64 = 1
            for _ in 0 ..< abs(a.scale - b.scale) { up &*= 10 }
            return a.scale < b.scale ? Int128(x) * Int128(up) < Int128(y) : Int128(x) < Int128(y) * Int128(up)
        }
        // Never traps: sizes far apart are told by their whole parts, and those differ wherever the scales can't be aligned.
        let (x, y) = (a.shortest, b.shortest)
        let s = max(x.scale, y.scale)
        let (p, op) = x.coefficient.multipliedReportingOverflow(by: power(s - x.scale))
        let (q, oq) = y.coefficient.multipliedReportingOverflow(by: power(s - y.scale))
        if op || oq { return op ? x.isNegative : !y.isNegative }
        return p < q
    }

    public func hash(into hasher: inout Hasher) {
        let s = shortest
        hasher.combine(s.coefficient)
        hasher.combine(s.scale)
    }
}
