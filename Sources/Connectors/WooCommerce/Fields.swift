internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension RecordRules {
    static let woo = RecordRules(
        unreadable: "Look at it in the shop; if it is right there, report its raw event to support.",
        unbalanced: "Recalculate the order in the shop and fetch it again; if it stays so, enter it by hand.",
        textCharacters: WooLimits.textCharacters, parts: WooLimits.parts)
}

extension Field {
    init(_ view: JSONView, _ path: String = "", of subject: String) { self.init(view, path, of: subject, .woo) }

    /// Null, or the empty text that PHP writes for nothing.
    var isEmpty: Bool { view.isNull || view.string == "" }

    // MARK: Words

    /// A positive whole number, as digits.
    func id() throws(Fault) -> String {
        guard let number = view.int, number > 0 else { throw unreadable("an id") }
        return "\(number)"
    }

    /// `nil` for null and empty; numbers, which PHP writes for texts of digits, as they are written.
    func optionalLooseText() throws(Fault) -> String? {
        if isEmpty { return nil }
        guard let text = view.string ?? view.numberText else { throw unreadable("a text") }
        return cut(text, characters: WooLimits.textCharacters)
    }

    func looseText() throws(Fault) -> String {
        guard let text = try optionalLooseText() else { throw unreadable("a text") }
        return text
    }

    /// Absent means no.
    func flag() throws(Fault) -> Bool {
        if isNull { return false }
        guard let flag = view.bool else { throw unreadable("true or false") }
        return flag
    }

    /// A time of a `_gmt` field: without a zone, in UTC.
    func instant() throws(Fault) -> Timestamp {
        guard let text = view.string, let at = WooTime.instant(text) else { throw unreadable("a time in UTC") }
        return at
    }

    func optionalInstant() throws(Fault) -> Timestamp? { isEmpty ? nil : try instant() }

    // MARK: Numbers

    func currency() throws(Fault) -> Currency {
        guard let code = view.string, let currency = Currency(code) else { throw unreadable("a currency code") }
        return currency
    }

    /// An amount with all its places; zero where nothing is written.
    func exact() throws(Fault) -> Exact {
        if isEmpty { return .zero }
        guard let decimal = view.decimal, let exact = Exact(decimal) else { throw unreadable("an amount") }
        return exact
    }

    /// Units, not negative, with at most six places.
    func quantity() throws(Fault) -> ExactDecimal {
        guard let units = view.decimal?.shortest, !units.isNegative, units.scale <= 6, units < ExactDecimal(WooLimits.quantity) else {
            throw unreadable("a number of units")
        }
        return units
    }

    /// `8.25`, `8.2500` as a fraction; `nil` where the shop does not say.
    func percent() throws(Fault) -> ExactDecimal? {
        if isEmpty { return nil }
        guard let rate = view.decimal, !rate.isNegative, rate < ExactDecimal(10_000) else { throw unreadable("a rate in percent") }
        let short = rate.scale <= 10 ? rate : rate.rounded(toScale: 10)
        return ExactDecimal(coefficient: short.coefficient, scale: short.scale + 2).shortest
    }
}

/// Times as the API writes and reads them.
enum WooTime {
    /// `2026-11-14T17:21:05`, in UTC; one with its own zone is taken as well.
    static func instant(_ text: String) -> Timestamp? {
        guard text.utf8.count <= 40 else { return nil }
        return Timestamp(rfc3339: text + "Z") ?? Timestamp(rfc3339: text)
    }

    /// Without a zone, to the second.
    static func text(_ at: Timestamp) -> String { String(Timestamp(seconds: at.seconds).description.prefix(19)) }
}

/// An amount of one currency with ten places: a shop computes with more of them than its currency has.
struct Exact: Sendable, Equatable {
    static let places = 10
    static let zero = Exact(units: 0)

    var units: Int128

    init(units: Int128) { self.units = units }

    /// `nil` beyond any sensible amount.
    init?(_ decimal: ExactDecimal) {
        guard decimal < ExactDecimal(WooLimits.amount), ExactDecimal(-WooLimits.amount) < decimal, let scaled = decimal.rescaled(toScale: Exact.places) else {
            return nil
        }
        units = scaled.coefficient
    }

    init(_ money: Money) { units = Int128(money.minor) * Exact.perMinor(money.currency) }

    var isZero: Bool { units == 0 }
    var isNegative: Bool { units < 0 }

    /// Half away from zero.
    func money(_ currency: Currency) -> Money {
        Money(minor: Int64(clamping: ExactDecimal.divideHalfUp(units, Exact.perMinor(currency))), currency)
    }

    /// Units of this type in the currency's smallest one.
    static func perMinor(_ currency: Currency) -> Int128 {
        var out: Int128 = 1
        for _ in 0 ..< places - min(places, currency.decimals) { out *= 10 }
        return out
    }

    static func + (a: Self, b: Self) -> Self { Exact(units: a.units + b.units) }
    static func - (a: Self, b: Self) -> Self { Exact(units: a.units - b.units) }
    static prefix func - (a: Self) -> Self { Exact(units: -a.units) }
    static func += (a: inout Self, b: Self) { a = a + b }
}

extension [Exact] {
    var sum: Exact { reduce(.zero, +) }
}

/// Whole minor units for amounts with more places, so that nothing is lost and nothing added.
enum Rounding {
    /// Each amount rounded down, and what is missing to `total` one unit each to the largest remainders, larger amounts first. Amounts of nothing stay
    /// nothing. `nil` where the amounts come to something else than `total` by more than rounding explains: half a unit for each, and `slack` halves.
    static func shares(_ amounts: [Exact], of total: Money, slack: Int = 2) -> [Money]? {
        let unit = Exact.perMinor(total.currency)
        let open = amounts.indices.filter { !amounts[$0].isZero }
        let distance = (amounts.sum.units - Int128(total.minor) * unit).magnitude
        guard distance * 2 <= UInt128(open.count + slack) * unit.magnitude else { return nil }
        guard !open.isEmpty else { return total.isZero ? amounts.map { _ in total } : nil }
        var floors = amounts.map { amount -> Int128 in
            let (q, r) = amount.units.quotientAndRemainder(dividingBy: unit)
            return r < 0 ? q - 1 : q
        }
        var left = Int128(total.minor) - floors.reduce(0, +)
        let rest = { (i: Int) -> Int128 in amounts[i].units - floors[i] * unit }
        let before = { (a: Int, b: Int) -> Bool in
            let (one, other) = (rest(a), rest(b))
            if one != other { return left > 0 ? one > other : one < other }
            let (big, small) = (amounts[a].units.magnitude, amounts[b].units.magnitude)
            return big == small ? a < b : big > small
        }
        let order = open.sorted(by: before)
        var n = 0
        while left != 0 {
            let step: Int128 = left > 0 ? 1 : -1
            floors[order[n % order.count]] += step
            left -= step
            n += 1
        }
        return floors.map { Money(minor: Int64(clamping: $0), total.currency) }
    }
}
