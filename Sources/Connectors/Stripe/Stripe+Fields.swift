internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension RecordRules {
    static let stripe = RecordRules(
        unreadable: "Look at it in Stripe's dashboard; if it is right there, report its raw event to support.",
        unbalanced: "Fetch it again; if it stays so, enter it by hand and report its raw event to support.",
        textCharacters: StripeLimits.textCharacters, parts: StripeLimits.parts)
}

extension Field {
    init(_ view: JSONView, _ path: String = "", of subject: String) { self.init(view, path, of: subject, .stripe) }

    func id() throws(Fault) -> String {
        guard let id = StripeID.of(view) else { throw unreadable("an id") }
        return id
    }

    func optionalID() throws(Fault) -> String? { isNull ? nil : try id() }

    func word() throws(Fault) -> String {
        let text = try text()
        guard !text.isEmpty, text.utf8.allSatisfy({ (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 95 }) else { throw unreadable("a word") }
        return text
    }

    func flag() throws(Fault) -> Bool {
        guard let flag = view.bool else { throw unreadable("true or false") }
        return flag
    }

    func instant() throws(Fault) -> Timestamp {
        guard let seconds = view.int, (0 ... StripeLimits.instant).contains(seconds) else { throw unreadable("a time in Unix seconds") }
        return Timestamp(seconds: Int64(seconds))
    }

    func optionalInstant() throws(Fault) -> Timestamp? { isNull ? nil : try instant() }

    /// Whole units, not negative; one where nobody says.
    func quantity() throws(Fault) -> ExactDecimal {
        if isNull { return .one }
        guard let units = view.int, (0 ... StripeLimits.quantity).contains(units) else { throw unreadable("a number of units") }
        return ExactDecimal(units)
    }

    func currency() throws(Fault) -> Currency {
        guard let code = view.string, code.utf8.count == 3, let currency = Currency(code.uppercased()) else { throw unreadable("a currency code") }
        return currency
    }

    func money(_ currency: Currency) throws(Fault) -> Money {
        guard let minor = view.int, let money = StripeMoney.money(Int64(minor), currency) else { throw unreadable("an amount in \(currency)") }
        return money
    }

    /// Zero where it is absent.
    func moneyOrZero(_ currency: Currency) throws(Fault) -> Money { isNull ? .zero(currency) : try money(currency) }

    /// `exchange_rate`, or a tax rate: at most twelve places.
    func rate() throws(Fault) -> ExactDecimal? {
        if isNull { return nil }
        guard let rate = view.decimal, !rate.isNegative, rate < ExactDecimal(1_000_000) else { throw unreadable("a rate") }
        return rate.scale <= 12 ? rate.shortest : rate.rounded(toScale: 12).shortest
    }
}

/// Stripe's whole numbers and what they are worth in a currency's own minor units.
/// - Source: docs.stripe.com, "Supported currencies": zero-decimal currencies, three-decimal currencies, special cases.
enum StripeMoney {
    /// Written in whole units. Ariary have a fifth as minor unit elsewhere, and none at Stripe.
    private static let whole: Set<String> = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
    private static let thousandths: Set<String> = ["BHD", "JOD", "KWD", "OMR", "TND"]

    /// Digits after the point that Stripe's numbers have. Krónur and shillings of Uganda have none in use and are written with two all the same.
    static func digits(_ currency: Currency) -> Int {
        let code = currency.code
        return whole.contains(code) ? 0 : thousandths.contains(code) ? 3 : 2
    }

    /// `nil` for what has fractions that the currency lacks, and beyond any sensible amount.
    static func money(_ number: Int64, _ currency: Currency) -> Money? {
        guard number.magnitude <= StripeLimits.amountMinor.magnitude else { return nil }
        var minor = number
        for _ in 0 ..< max(0, currency.decimals - digits(currency)) { minor *= 10 }
        for _ in 0 ..< max(0, digits(currency) - currency.decimals) {
            guard minor % 10 == 0 else { return nil }
            minor /= 10
        }
        return minor.magnitude <= StripeLimits.amountMinor.magnitude ? Money(minor: minor, currency) : nil
    }

    /// Of several amounts that may have been converted, the one that Stripe's rate makes `settled` of; the last where none does.
    static func rate(stated: ExactDecimal?, candidates: [Money], settled: Money) -> (rate: ExactDecimal, charged: Money)? {
        let rates = candidates.map { (rate: rate(stated: stated, charged: $0, settled: settled), charged: $0) }
        guard let found = rates.first(where: { stated != nil && $0.rate == stated }) ?? rates.last, let rate = found.rate else { return nil }
        return (rate, found.charged)
    }

    /// Units of `settled` for one of `charged` so that exactly this comes out: Stripe's own rate where it does, else the quotient.
    static func rate(stated: ExactDecimal?, charged: Money, settled: Money) -> ExactDecimal? {
        guard charged.minor > 0, settled.minor > 0 else { return nil }
        if let stated, !stated.isZero, let product = charged.decimal.multiplied(by: stated)?.rescaled(toScale: settled.currency.decimals),
            product == settled.decimal
        {
            return stated
        }
        var over = Int128(settled.minor) * 1_000_000_000_000
        var under = Int128(charged.minor)
        for _ in 0 ..< charged.currency.decimals { over *= 10 }
        for _ in 0 ..< settled.currency.decimals { under *= 10 }
        let rate = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(over, under), scale: 12).shortest
        return rate.isZero || !(rate < ExactDecimal(1_000_000)) ? nil : rate
    }
}
