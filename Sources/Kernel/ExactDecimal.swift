/// A decimal number without rounding: `coefficient` × 10^-`scale`. For rates, quantities and amounts as other systems write them;
/// money itself is `Money` in Books. Up to 37 digits; arithmetic that would need more returns `nil` or traps with a sentence.
public struct ExactDecimal: Sendable, CustomStringConvertible {
    public private(set) var coefficient: Int128
    /// Digits after the point, 0 ... 30.
    public private(set) var scale: Int

    public static let zero = ExactDecimal(0)
    public static let one = ExactDecimal(1)

    public init(_ value: Int) {
        coefficient = Int128(value)
        scale = 0
    }

    /// `coefficient` × 10^-`scale`; `scale` in 0 ... 30.
    public init(coefficient: Int128, scale: Int) {
        precondition((0 ... 30).contains(scale), "a decimal's scale is 0 to 30")
        self.coefficient = coefficient
        self.scale = scale
    }

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
        coefficient = negative ? -value : value
        scale = s
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
        var c = coefficient
        var s = scale
        while s > 0, c % 10 == 0 {
            c /= 10
            s -= 1
        }
        return ExactDecimal(coefficient: c, scale: s)
    }

    public var isZero: Bool { coefficient == 0 }
    public var isNegative: Bool { coefficient < 0 }

    static func power(_ n: Int) -> Int128 {
        var p: Int128 = 1
        for _ in 0 ..< n { p *= 10 }
        return p
    }

    /// Both coefficients at the larger scale.
    static func aligned(_ a: ExactDecimal, _ b: ExactDecimal) -> (Int128, Int128, Int) {
        let s = max(a.scale, b.scale)
        let (x, ox) = a.coefficient.multipliedReportingOverflow(by: power(s - a.scale))
        let (y, oy) = b.coefficient.multipliedReportingOverflow(by: power(s - b.scale))
        precondition(!ox && !oy, "a decimal needs more than 37 digits")
        return (x, y, s)
    }

    public static func + (a: Self, b: Self) -> Self {
        let (x, y, s) = aligned(a, b)
        let (sum, overflow) = x.addingReportingOverflow(y)
        precondition(!overflow, "a sum needs more than 37 digits")
        return Self(coefficient: sum, scale: s)
    }

    public static func - (a: Self, b: Self) -> Self {
        let (x, y, s) = aligned(a, b)
        let (difference, overflow) = x.subtractingReportingOverflow(y)
        precondition(!overflow, "a difference needs more than 37 digits")
        return Self(coefficient: difference, scale: s)
    }

    public static prefix func - (a: Self) -> Self { Self(coefficient: -a.coefficient, scale: a.scale) }

    public static func * (a: Self, b: Self) -> Self {
        let (x, y) = (a.shortest, b.shortest)
        let (product, overflow) = x.coefficient.multipliedReportingOverflow(by: y.coefficient)
        precondition(!overflow && x.scale + y.scale <= 30, "a product needs more than 37 digits")
        return Self(coefficient: product, scale: x.scale + y.scale)
    }

    /// Half away from zero at `scale` digits after the point.
    public func rounded(toScale target: Int) -> ExactDecimal {
        guard target < scale else {
            let (wide, overflow) = coefficient.multipliedReportingOverflow(by: Self.power(target - scale))
            precondition(!overflow, "a decimal needs more than 37 digits")
            return ExactDecimal(coefficient: wide, scale: target)
        }
        return ExactDecimal(coefficient: Self.divideHalfUp(coefficient, Self.power(scale - target)), scale: target)
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
