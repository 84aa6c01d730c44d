internal import Kernel
internal import Wire

/// Numbers as FreeAgent writes and reads them: decimals in strings with at least one place. Amounts are hundredths of their currency.
enum FANumber {
    /// Amounts, prices and quantities beyond this are refused, so that products and sums of them never overflow.
    static let most = ExactDecimal(10_000_000_000)

    static func text(_ number: ExactDecimal) -> String {
        let short = number.shortest
        return short.scale == 0 ? short.rounded(toScale: 1).description : short.description
    }

    static func text(_ cents: Int64) -> String { text(amount(cents)) }
    static func json(_ cents: Int64) -> JSON { .string(text(cents)) }
    static func json(_ number: ExactDecimal) -> JSON { .string(text(number)) }
    static func amount(_ cents: Int64) -> ExactDecimal { ExactDecimal(coefficient: Int128(cents), scale: 2) }

    /// The number at no more than six places; `nil` beyond `most`.
    static func bounded(_ number: ExactDecimal) -> ExactDecimal? {
        guard -most < number, number < most else { return nil }
        return number.scale > 6 ? number.rounded(toScale: 6) : number
    }

    /// Hundredths, half away from zero; `nil` beyond `most`.
    static func cents(_ number: ExactDecimal) -> Int64? {
        guard -most < number, number < most else { return nil }
        return Int64(number.rounded(toScale: 2).coefficient)
    }

    /// `cents × factor`, half away from zero: in another currency.
    static func times(_ cents: Int64, _ factor: ExactDecimal) -> Int64 {
        Int64(clamping: ExactDecimal.divideHalfUp(Int128(cents) * factor.coefficient, unit(factor)))
    }

    /// `cents × percent ÷ 100`, half away from zero.
    static func share(_ cents: Int64, percent: ExactDecimal) -> Int64 {
        Int64(clamping: ExactDecimal.divideHalfUp(Int128(cents) * percent.coefficient, unit(percent) * 100))
    }

    /// One, at the places of a number.
    private static func unit(_ number: ExactDecimal) -> Int128 { ExactDecimal.one.rounded(toScale: number.scale).coefficient }

    /// The tax in an amount that includes it, in percent.
    static func taxWithin(_ cents: Int64, percent: ExactDecimal) -> Int64 {
        let rate = percent.rounded(toScale: 6).coefficient
        let scaled = Int128(cents) * rate
        let tax = ExactDecimal.divideHalfUp(scaled < 0 ? -scaled : scaled, rate + 100_000_000)
        return Int64(clamping: scaled < 0 ? -tax : tax)
    }

    /// `cents ÷ factor`, half away from zero; the factor is positive.
    static func divided(_ cents: Int64, by factor: ExactDecimal) -> Int64 {
        Int64(clamping: ExactDecimal.divideHalfUp(Int128(cents) * unit(factor), factor.coefficient))
    }
}

/// Dates as FreeAgent writes and reads them.
enum FADate {
    /// `2020-01-01`, the date of a moment, or `16-11-2015`.
    /// - Source: dev.freeagent.com/docs/sales_tax, "Invoices", has a moment; api-discuss.freeagent.com, topic 335, the last.
    static func parse(_ text: String) -> LocalDate? {
        if let date = LocalDate(text) { return date }
        if text.utf8.count > 10, Timestamp(rfc3339: text) != nil { return LocalDate(String(text.prefix(10))) }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[2].utf8.count == 4 else { return nil }
        return LocalDate("\(parts[2])-\(parts[1])-\(parts[0])")
    }

    /// `2020-08-10T15:06:28.225Z`.
    static func text(_ moment: Timestamp) -> String {
        let whole = Timestamp(seconds: moment.seconds).description
        let rest = (moment.microseconds - moment.seconds * 1_000_000) / 1000
        let digits = "00\(rest)".suffix(3)
        return "\(whole.prefix(19)).\(digits)Z"
    }

    /// The day in London's winter, which is UTC's.
    static func day(of moment: Timestamp) -> LocalDate { LocalDate(daysSince1970: Int(moment.seconds.floorDays)) }
}

extension Int64 {
    fileprivate var floorDays: Int64 { self >= 0 ? self / 86_400 : (self - 86_399) / 86_400 }
}
