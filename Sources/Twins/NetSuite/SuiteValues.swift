internal import Kernel
internal import Wire

/// Amounts as the twin counts them: whole minor units.
enum SuiteAmount {
    /// Largest amount of a document, in minor units: keeps sums over all documents inside of 64 bits.
    static let most: Int64 = 10_000_000_000_000

    /// Half away from zero.
    static func minor(_ value: ExactDecimal, _ places: Int) throws(SuiteProblem) -> Int64 {
        guard let minor = value.rescaled(toScale: places)?.smallCoefficient, minor.magnitude < most else { throw .overflow }
        return minor
    }

    static func product(_ a: ExactDecimal, _ b: ExactDecimal) throws(SuiteProblem) -> ExactDecimal {
        guard let product = a.rescaled(toScale: 9)?.multiplied(by: b.rescaled(toScale: 9) ?? b) else { throw .overflow }
        return product
    }

    /// `amount` × `rate`, in whole units of a currency that has the same places.
    static func base(_ minor: Int64, _ rate: ExactDecimal) -> Int64 {
        ExactDecimal(small: minor, scale: 0).multiplied(by: rate)?.rescaled(toScale: 0)?.smallCoefficient.map { min(max($0, -most * 1000), most * 1000) } ?? 0
    }

    /// Per cent of an amount.
    static func percent(_ minor: Int64, _ percent: ExactDecimal) throws(SuiteProblem) -> Int64 {
        guard let product = ExactDecimal(small: minor, scale: 2).multiplied(by: percent)?.rescaled(toScale: 0)?.smallCoefficient,
            product.magnitude < most
        else { throw .overflow }
        return product
    }

    /// The tax within a gross amount.
    static func included(_ minor: Int64, _ percent: ExactDecimal) -> Int64 {
        let rate = percent.rescaled(toScale: 6)?.coefficient ?? 0
        let whole = Int128(100_000_000) + rate
        guard whole > 0 else { return 0 }
        return Int64(clamping: ExactDecimal.divideHalfUp(Int128(minor) * rate, whole))
    }

    /// As a double is written: `39.98`, `3.3`, `5.0`.
    static func number(_ value: ExactDecimal) -> JSON {
        let text = value.shortest.description
        return .number(text.contains(".") ? text : text + ".0")
    }

    static func json(_ minor: Int64, _ places: Int) -> JSON { number(ExactDecimal(small: minor, scale: places)) }

    /// A percentage, `-10.0%`, or a plain number.
    static func rate(_ text: String) -> (value: ExactDecimal, isPercent: Bool)? {
        let bare = text.hasSuffix("%") ? String(text.dropLast()) : text
        let trimmed = bare.drop { $0 == " " || $0 == "+" }
        return ExactDecimal(trimmed).map { ($0, text.hasSuffix("%")) }
    }
}

/// Days and times as the account writes them. The account's zone is UTC: days don't move.
enum SuiteTime {
    /// `11/20/2026`, the account's format of dates.
    static func american(_ date: LocalDate) -> String {
        let (year, month, day) = date.civil
        return "\(month)/\(day)/\(year)"
    }

    static func american(_ text: String) -> LocalDate? {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 3, let month = Int(parts[0]), let day = Int(parts[1]), let year = Int(parts[2]) else { return nil }
        return LocalDate(year: year, month: month, day: day)
    }

    /// What filters and queries may say: `2026-11-20`, `11/20/2026`, either with a time.
    static func read(_ text: String) -> Timestamp? {
        if let whole = Timestamp(rfc3339: text) { return whole }
        let halves = text.split(whereSeparator: { $0 == " " || $0 == "T" }).map(String.init)
        guard let first = halves.first, let date = LocalDate(first) ?? american(first) else { return nil }
        var seconds = 0
        if halves.count > 1 {
            let clock = halves[1].prefix { $0 != "." && $0 != "Z" }.split(separator: ":").compactMap { Int($0) }
            guard (2...3).contains(clock.count), clock[0] < 24, clock[1] < 60 else { return nil }
            seconds = clock[0] * 3600 + clock[1] * 60 + (clock.count > 2 ? clock[2] : 0)
            switch halves.count > 2 ? halves[2].uppercased() : "" {
            case "PM": seconds += clock[0] < 12 ? 43_200 : 0
            case "AM": seconds -= clock[0] == 12 ? 43_200 : 0
            default: break
            }
        }
        return Timestamp(seconds: Int64(date.daysSince1970) * 86_400 + Int64(seconds))
    }

    static func day(_ at: Timestamp) -> LocalDate { LocalDate(daysSince1970: Int(at.seconds >= 0 ? at.seconds / 86_400 : 0)) }

    /// `2026-11-20T10:12:00.000Z` for SOAP, without the fraction for REST.
    static func soap(_ text: String) -> String {
        guard let at = Timestamp(rfc3339: text) ?? read(text) else { return text }
        return String(Timestamp(seconds: at.seconds).description.prefix(19)) + ".000Z"
    }

    static func rest(_ at: Timestamp) -> String { String(Timestamp(seconds: at.seconds).description.prefix(19)) + "Z" }
}

extension JSON {
    static func int(_ value: Int) -> JSON { .number(String(value)) }

    var isTrue: Bool { self == .bool(true) }
}

/// Draws letters and digits.
enum SuiteRandom {
    static func text(_ random: any RandomSource, _ count: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: random.bytes(count).map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }
}
