internal import Kernel
internal import Wire

/// Amounts: JSON numbers outside, whole minor units inside. A company counts two decimals in whatever currency.
enum B1Amount {
    static let places = 2
    /// No amount is larger, in minor units: sums of all lines of a company stay inside of 64 bits.
    static let most: Int64 = 1_000_000_000_000_000

    /// Rounded half away from zero; `nil` where it is no number or too large.
    static func minor(_ value: ExactDecimal?) -> Int64? {
        guard let minor = value?.rescaled(toScale: places)?.smallCoefficient, (-most...most).contains(minor) else { return nil }
        return minor
    }

    static func minor(_ json: JSON?) -> Int64? { json.flatMap { $0.isNull ? nil : minor($0.decimal) } }

    static func decimal(_ minor: Int64) -> ExactDecimal { ExactDecimal(small: minor, scale: places) }

    static func json(_ minor: Int64) -> JSON { .number(decimal(minor).shortest.description) }

    /// `amount` × `numerator` / `denominator`, half away from zero; 0 where the denominator is.
    static func share(_ amount: Int64, _ numerator: Int64, of denominator: Int64) -> Int64 {
        guard denominator != 0 else { return 0 }
        let sign: Int128 = denominator < 0 ? -1 : 1
        return clamp(ExactDecimal.divideHalfUp(sign * Int128(amount) * Int128(numerator), sign * Int128(denominator)))
    }

    /// `amount` × `percent` / 100.
    static func percent(_ amount: Int64, _ percent: ExactDecimal) -> Int64 {
        clamp(ExactDecimal.divideHalfUp(Int128(amount) * percent.coefficient, Int128(100) * power(percent.scale)))
    }

    /// The tax inside of a gross amount.
    static func within(_ gross: Int64, _ percent: ExactDecimal) -> Int64 {
        let whole = Int128(100) * power(percent.scale) + percent.coefficient
        guard whole > 0 else { return 0 }
        return clamp(ExactDecimal.divideHalfUp(Int128(gross) * percent.coefficient, whole))
    }

    /// In local currency, at a rate of local units for one.
    static func local(_ amount: Int64, _ rate: ExactDecimal) -> Int64 {
        clamp(ExactDecimal.divideHalfUp(Int128(amount) * rate.coefficient, power(rate.scale)))
    }

    /// What a local amount is in a currency of that rate.
    static func foreign(_ local: Int64, _ rate: ExactDecimal) -> Int64 {
        guard rate.coefficient > 0 else { return 0 }
        return clamp(ExactDecimal.divideHalfUp(Int128(local) * power(rate.scale), rate.coefficient))
    }

    private static func power(_ scale: Int) -> Int128 { (0..<min(scale, 12)).reduce(Int128(1)) { ten, _ in ten * 10 } }

    private static func clamp(_ value: Int128) -> Int64 { Int64(min(max(value, Int128(-most)), Int128(most))) }
}

/// Days and times as they are kept: `2026-11-20` and `10:00:00`.
enum B1Time {
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    static func date(_ at: Timestamp) -> LocalDate { LocalDate(daysSince1970: Int(at.seconds >= 0 ? at.seconds / 86_400 : 0)) }

    static func clock(_ at: Timestamp) -> String {
        let second = Int(max(0, at.seconds) % 86_400)
        return "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
    }

    /// A day in any of the forms that the Service Layer takes; what follows the day is ignored.
    /// - Source: "Working with SAP Business One Service Layer", "Query Properties of the Datetime Type".
    static func day(_ text: String) -> LocalDate? {
        let bytes = Array(text.utf8)
        if bytes.count >= 10, bytes[4] == 45, bytes.count == 10 || bytes[10] == 84 || bytes[10] == 32 { return LocalDate(text.prefix(10)) }
        guard bytes.count == 8 || bytes.count == 14, bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return LocalDate("\(text.prefix(4))-\(text.dropFirst(4).prefix(2))-\(text.dropFirst(6).prefix(2))")
    }

    /// A time in any of the forms that the Service Layer takes.
    /// - Source: the same, "Query Properties of the Time Type".
    static func time(_ text: String) -> String? {
        var rest = text.split(separator: "T", maxSplits: 1).last.map(String.init) ?? text
        if rest.hasSuffix("Z") { rest.removeLast() }
        let digits = rest.filter { $0 != ":" }
        guard digits.utf8.count == 4 || digits.utf8.count == 6, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        let parts = stride(from: 0, to: digits.utf8.count, by: 2).compactMap { Int(digits.dropFirst($0).prefix(2)) }
        guard parts[0] < 24, parts[1] < 60, parts.count < 3 || parts[2] < 60 else { return nil }
        return "\(two(parts[0])):\(two(parts[1])):\(parts.count > 2 ? two(parts[2]) : "00")"
    }
}

extension String {
    /// `nil` for the empty text.
    var filled: String? { isEmpty ? nil : self }
}

extension JSON {
    static func int(_ value: Int) -> JSON { .number("\(value)") }
    static func yes(_ value: Bool) -> JSON { .string(value ? "tYES" : "tNO") }
}
