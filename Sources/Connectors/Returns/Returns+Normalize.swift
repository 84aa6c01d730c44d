internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension ReturnsConnector {
    /// A webhook says only what to fetch: it names no time of change, and may be older than what is known. What was fetched becomes documents.
    /// - Throws: `malformed_json`; `unreadable_record` naming the field, `unbalanced_record` where the system's own sums do not agree,
    ///   `invalid_setting` (all hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try ReturnsSettings(connection.settings), dialect = dialect
        let root = try JSONDocument(parsing: record.body).root
        let field = try Field(root, of: "a record of topic \(cut(record.topic, characters: 60))", dialect.rules).object()
        guard record.topic == ReturnsTopic.told else {
            guard uses(topic: record.topic) else { return Normalized(documents: []) }
            guard let hint = dialect.hint(root), let id = hint.id else { throw field["id"].unreadable("the id of a return") }
            return Normalized(documents: [], fetch: [id])
        }
        let id = try field["id"].returnID()
        let named = field.named("return \(id)")
        let told = try dialect.reading(named, settings)
        return Normalized(documents: try told.documents(ownExchanges: settings.ownExchanges) { named.unbalanced($0) })
    }

    public var settings: [String: String] { ReturnsSettings.meanings }
}

/// What the connection's settings say.
struct ReturnsSettings: Sendable {
    var ownExchanges = false
    var fee: ReturnFee.Kind?
    /// Whose tax the system's figures are; `nil`: taxes follow from what was sold.
    var taxPlace: String?
    /// How money goes back where the system does not say.
    var gateway = "unknown"
    var pageRows = ReturnsLimits.pageRows

    static let meanings = [
        "exchanges":
            "shop (default): a new order for an exchange comes from the shop; own: no shop tells of it, its lines become a sale of their own",
        "fee": "restocking or return_shipping: what a fee kept from the customer is for; left out, Loop's handling fee is restocking, AfterShip's cost of return is shipping",
        "tax_place": "whose tax the returned and exchanged lines carry, such as US-CA or GB; left out, taxes given back follow from the order",
        "gateway": "how money goes back or comes in where the system does not say, as payments name it, such as shopify_payments",
        "page_rows": "returns of one page, 1 to 100 (100)",
    ]

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        switch settings["exchanges"] ?? "" {
        case "", "shop": ownExchanges = false
        case "own": ownExchanges = true
        default: throw Self.invalid("exchanges", "shop, own")
        }
        if let word = settings["fee"], !word.isEmpty {
            guard let kind = ReturnFee.Kind(rawValue: word) else { throw Self.invalid("fee", "restocking, return_shipping") }
            fee = kind
        }
        taxPlace = settings["tax_place"].flatMap { $0.isEmpty ? nil : $0 }
        if let word = settings["gateway"], !word.isEmpty { gateway = word }
        if let text = settings["page_rows"], !text.isEmpty {
            guard let rows = Int(text), (1 ... ReturnsLimits.pageRows).contains(rows) else { throw Self.invalid("page_rows", "1 to 100") }
            pageRows = rows
        }
    }

    /// The taxes of one line, where the setting says whose they are.
    func taxes(_ amount: Money) -> [TaxPart]? {
        guard let taxPlace else { return nil }
        return amount.isZero ? [] : [TaxPart(jurisdiction: taxPlace, rate: nil, amount: amount)]
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold, summary: "the connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }
}

/// Values as returns systems write them.
extension Field {
    func returnID() throws(Fault) -> String {
        guard let id = ReturnID.of(view) else { throw unreadable("an id") }
        return id
    }

    func optionalReturnID() throws(Fault) -> String? { isNull ? nil : try returnID() }

    func instant() throws(Fault) -> Timestamp {
        guard let at = view.string.flatMap({ Timestamp(rfc3339: $0) }), at.seconds >= 0 else { throw unreadable("a time with its offset") }
        return at
    }

    func optionalInstant() throws(Fault) -> Timestamp? { isNull ? nil : try instant() }

    func currencyCode() throws(Fault) -> Currency {
        guard let code = view.string, code.utf8.count == 3, let currency = Currency(code.uppercased()) else { throw unreadable("a currency code") }
        return currency
    }

    /// A decimal in quotes; zero where it is absent.
    func decimalMoney(_ currency: Currency) throws(Fault) -> Money {
        if isNull { return .zero(currency) }
        guard let text = view.string, text.utf8.count <= 20, let value = ExactDecimal(text), !value.isNegative,
            value < ExactDecimal(ReturnsLimits.amount), let money = Money(value.shortest, currency)
        else { throw unreadable("an amount in \(currency) in quotes") }
        return money
    }

    /// Whole units, not negative; zero where absent.
    func units() throws(Fault) -> Int {
        if isNull { return 0 }
        guard let units = view.int, (0 ... ReturnsLimits.quantity).contains(units) else { throw unreadable("a number of units") }
        return units
    }
}
