internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Square's ids: letters, digits, hyphens and underscores, opaque.
enum SquareID {
    static func isID(_ text: String) -> Bool {
        (1 ... SquareLimits.idBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { (48 ... 57).contains($0) || (65 ... 90).contains($0) || (97 ... 122).contains($0) || $0 == 95 || $0 == 45 }
    }

    /// Of an object.
    static func of(_ json: JSON?) -> String? { named(json?["id"]) }
    static func named(_ json: JSON?) -> String? { json?.string.flatMap { isID($0) ? $0 : nil } }
    static func named(_ view: JSONView) -> String? { view.string.flatMap { isID($0) ? $0 : nil } }
}

extension RecordRules {
    static let square = RecordRules(
        unreadable: "Look at it in Square's dashboard; if it is right there, report its raw event to support.",
        unbalanced: "Fetch it again; if it stays so, enter it by hand and report its raw event to support.",
        textCharacters: SquareLimits.textCharacters, parts: SquareLimits.parts)
}

extension Field {
    init(_ view: JSONView, _ path: String = "", of subject: String) { self.init(view, path, of: subject, .square) }

    func id() throws(Fault) -> String {
        guard let id = SquareID.named(view) else { throw unreadable("an id") }
        return id
    }

    func optionalID() throws(Fault) -> String? { isNull ? nil : try id() }

    /// One of Square's own words: `SQUARE_GIFT_CARD`.
    func word() throws(Fault) -> String {
        let text = try text()
        guard !text.isEmpty, text.utf8.allSatisfy({ (65 ... 90).contains($0) || (48 ... 57).contains($0) || $0 == 95 }) else { throw unreadable("a word") }
        return text
    }

    func optionalWord() throws(Fault) -> String? { isNull ? nil : try word() }

    func instant() throws(Fault) -> Timestamp {
        guard let text = view.string, let at = Timestamp(rfc3339: text), at.microseconds > 0 else { throw unreadable("a time with its offset") }
        return at
    }

    func optionalInstant() throws(Fault) -> Timestamp? { isNull ? nil : try instant() }

    /// A decimal as text; one where nobody says.
    func quantity() throws(Fault) -> ExactDecimal {
        if isNull { return .one }
        guard let text = view.string, let units = ExactDecimal(text), !units.isNegative, units.shortest.scale <= SquareLimits.quantityPlaces,
            units < ExactDecimal(SquareLimits.quantity)
        else { throw unreadable("a number of units") }
        return units.shortest
    }

    /// A percentage as text, as a fraction: `"8.25"` is 0.0825.
    func rate() throws(Fault) -> ExactDecimal? {
        if isNull { return nil }
        guard let text = view.string, let percent = ExactDecimal(text)?.shortest, !percent.isNegative, percent.scale <= 10,
            percent < ExactDecimal(1_000_000)
        else { throw unreadable("a percentage") }
        return ExactDecimal(coefficient: percent.coefficient, scale: percent.scale + 2).shortest
    }

    /// `{"amount", "currency"}`; payouts have been seen with `currency_code`.
    func money() throws(Fault) -> Money {
        let code = self["currency"].isNull ? self["currency_code"] : self["currency"]
        guard view.isObject, let text = code.view.string, text.utf8.count == 3, let currency = Currency(text) else {
            throw unreadable("an amount with its currency")
        }
        let amount = self["amount"]
        guard let minor = amount.view.int, minor.magnitude <= SquareLimits.amountMinor.magnitude else { throw amount.unreadable("an amount in \(currency)") }
        return Money(minor: Int64(minor), currency)
    }

    func money(_ currency: Currency) throws(Fault) -> Money {
        let money = try money()
        guard money.currency == currency else { throw unreadable("an amount in \(currency), as the rest of the record") }
        return money
    }

    /// Zero where it is absent.
    func moneyOrZero(_ currency: Currency) throws(Fault) -> Money { isNull ? .zero(currency) : try money(currency) }
}
