internal import Kernel
internal import Wire

/// Amounts: decimal text outside, whole minor units inside.
enum IntacctAmount {
    /// No amount is larger, in minor units: sums of all lines of a company stay inside of 64 bits.
    static let most: Int64 = 1_000_000_000_000_000

    /// `nil` where it is no number, too large, or finer than the currency.
    static func minor(_ text: String, _ places: Int) -> Int64? {
        guard let value = ExactDecimal(text), let scaled = value.rescaled(toScale: places), scaled == value, let minor = scaled.smallCoefficient,
            (-most...most).contains(minor)
        else { return nil }
        return minor
    }

    /// As the vendor writes it: no zeros at the end.
    static func text(_ minor: Int64, _ places: Int) -> String { ExactDecimal(small: minor, scale: places).shortest.description }

    /// In minor units of the base currency, half away from zero.
    static func base(_ minor: Int64, _ places: Int, rate: ExactDecimal, _ basePlaces: Int) -> Int64 {
        let product = ExactDecimal(small: minor, scale: places).multiplied(by: rate)
        let value = product.flatMap { $0.rescaled(toScale: basePlaces)?.smallCoefficient } ?? 0
        return min(max(value, -most), most)
    }
}

/// Days and times as the gateway writes them.
enum IntacctTime {
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// `11/20/2026`.
    static func day(_ date: LocalDate) -> String {
        let (year, month, day) = date.civil
        return "\(two(month))/\(two(day))/\(year)"
    }

    static func day(_ text: String) -> LocalDate? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2].utf8.count == 4, parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }) else { return nil }
        guard let month = Int(parts[0]), let day = Int(parts[1]), let year = Int(parts[2]) else { return nil }
        return LocalDate(year: year, month: month, day: day)
    }

    /// Year, month and day in elements of their own.
    static func day(_ element: XMLElement?) -> LocalDate? {
        guard let element, let year = element.value("year").flatMap({ Int($0) }), let month = element.value("month").flatMap({ Int($0) }),
            let day = element.value("day").flatMap({ Int($0) }), (1900...2999).contains(year)
        else { return nil }
        return LocalDate(year: year, month: month, day: day)
    }

    static func date(_ at: Timestamp) -> LocalDate { LocalDate(daysSince1970: Int(at.seconds >= 0 ? at.seconds / 86_400 : 0)) }

    /// `11/20/2026 10:00:00`, in GMT.
    static func second(_ at: Timestamp) -> String {
        let second = Int(at.seconds) - date(at).daysSince1970 * 86_400
        return "\(day(date(at))) \(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
    }

    /// Seconds since 1970 of a time or of a day's beginning.
    static func seconds(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard let first = parts.first, parts.count <= 2, let day = day(String(first)) else { return nil }
        guard parts.count == 2 else { return day.daysSince1970 * 86_400 }
        let clock = parts[1].split(separator: ":", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0..<60).contains(clock[2]) else { return nil }
        return day.daysSince1970 * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }

    /// `2026-11-20T10:00:00+00:00`, as in an authentication block.
    static func zoned(_ at: Timestamp) -> String {
        let date = date(at)
        return "\(date)T\(second(at).suffix(8))+00:00"
    }
}
