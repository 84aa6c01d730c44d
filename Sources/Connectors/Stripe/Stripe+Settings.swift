internal import Kernel
internal import Wire

extension StripeConnector {
    /// Settings of a connection, with their meaning.
    public var settings: [String: String] {
        [
            StripeSettings.salesKey:
                "own (default): each invoice, and each charge without one, is a sale; shop: a shop's connection has the sales, Stripe tells disputes "
                + "and payouts alone; by_reference: charges that name an order are the shop's, all others sales of their own",
            StripeSettings.orderKey: "members of a charge's metadata that name the shop's order, separated by commas; order_id by default",
            StripeSettings.orderTextKey: "how a description names the order, with {} in its place, such as 'Order {}'; not looked at by default",
            StripeSettings.referenceKey:
                "what a payout's row calls the payment: charge (default), payment_intent, order, or metadata:<member>; whatever the shop's payments are called",
            StripeSettings.payoutsKey:
                "automatic (default): payouts name their rows; manual: they don't, and each day's balance transactions become a statement of their own",
            StripeSettings.gatewayKey: "the tender's name, which names the clearing account; stripe by default",
            StripeSettings.baseKey:
                "currency of the books, such as USD: charges that Stripe converted into it state Stripe's rate; without it no sale states a rate",
            StripeSettings.placeKey: "whose taxes tax rates without a country are: a country, or country-state such as US-CO; none by default",
            StripeSettings.connectKey:
                "own (default): the key or token is the account's own; platform: it is a Connect platform's, and requests name the account in Stripe-Account",
        ]
    }
}

/// What the connection's settings say.
struct StripeSettings: Sendable {
    static let salesKey = "sales"
    static let orderKey = "order_key"
    static let orderTextKey = "order_text"
    static let referenceKey = "payment_reference"
    static let payoutsKey = "payouts"
    static let gatewayKey = "gateway"
    static let baseKey = "base_currency"
    static let placeKey = "tax_place"
    static let connectKey = "key_of"

    enum Sales: Sendable { case own, shop, byReference }
    enum Reference: Sendable, Equatable { case charge, paymentIntent, order, metadata(String) }

    var sales = Sales.own
    var orderKeys = ["order_id"]
    /// What stands before and behind an order's name in a description.
    var orderText: (before: String, behind: String)?
    var reference = Reference.charge
    var manualPayouts = false
    var gateway = "stripe"
    /// Upper case.
    var base: String?
    var place: TaxPlace?

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        func given(_ key: String) -> String? { settings[key].flatMap { $0.isEmpty ? nil : $0 } }
        switch given(Self.salesKey) {
        case nil, "own": sales = .own
        case "shop": sales = .shop
        case "by_reference": sales = .byReference
        default: throw Self.invalid(Self.salesKey, "own, shop, by_reference")
        }
        switch given(Self.payoutsKey) {
        case nil, "automatic": manualPayouts = false
        case "manual": manualPayouts = true
        default: throw Self.invalid(Self.payoutsKey, "automatic, manual")
        }
        guard ["own", "platform"].contains(given(Self.connectKey) ?? "own") else { throw Self.invalid(Self.connectKey, "own, platform") }
        if let text = given(Self.orderKey) {
            orderKeys = text.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty }
            guard !orderKeys.isEmpty else { throw Self.invalid(Self.orderKey, "names such as order_id") }
        }
        if let text = given(Self.orderTextKey) {
            guard let place = text.firstRange(of: "{}") else { throw Self.invalid(Self.orderTextKey, "words with {} in the order's place") }
            orderText = (String(text[..<place.lowerBound]), String(text[place.upperBound...]))
        }
        try take(reference: given(Self.referenceKey))
        if let text = given(Self.gatewayKey) {
            guard text.utf8.count <= 40, text.utf8.allSatisfy({ (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 95 }) else {
                throw Self.invalid(Self.gatewayKey, "a word such as stripe")
            }
            gateway = text
        }
        if let text = given(Self.baseKey) {
            guard text.utf8.count == 3, text.utf8.allSatisfy({ (65 ... 90).contains($0) }) else { throw Self.invalid(Self.baseKey, "a code such as USD") }
            base = text
        }
        if let text = given(Self.placeKey) {
            guard let place = TaxPlace(setting: text) else { throw Self.invalid(Self.placeKey, "such as GB or US-CO") }
            self.place = place
        }
    }

    private mutating func take(reference text: String?) throws(Fault) {
        let prefix = "metadata:"
        switch text {
        case nil, "charge": reference = .charge
        case "payment_intent": reference = .paymentIntent
        case "order": reference = .order
        case let text? where text.hasPrefix(prefix) && text.utf8.count > prefix.utf8.count: reference = .metadata(String(text.dropFirst(prefix.count)))
        default: throw Self.invalid(Self.referenceKey, "charge, payment_intent, order, metadata:<member>")
        }
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold, summary: "the Stripe connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }

    // MARK: Whose charge it is

    /// The shop's order that a charge, refund or payment names; `nil` for none.
    func order(of object: JSONView) -> String? {
        for key in orderKeys {
            if let name = object["metadata"][key].string, !name.isEmpty { return String(name.prefix(StripeLimits.textCharacters)) }
        }
        guard let (before, behind) = orderText, let text = object["description"].string, text.hasPrefix(before), text.hasSuffix(behind),
            text.count > before.count + behind.count
        else { return nil }
        return String(text.dropFirst(before.count).dropLast(behind.count).prefix(StripeLimits.textCharacters))
    }

    /// The sale of this charge is told by a shop.
    func isShops(_ charge: JSONView) -> Bool {
        switch sales {
        case .own: false
        case .shop: true
        case .byReference: order(of: charge) != nil
        }
    }

    /// What a row calls what it settles: a charge, or a refund.
    func name(of object: JSONView, id: String) -> String {
        switch reference {
        case .charge: id
        case .paymentIntent: object["object"].string == "refund" ? id : StripeID.of(object["payment_intent"]) ?? id
        case .order: order(of: object) ?? id
        case .metadata(let member): object["metadata"][member].string.flatMap { $0.isEmpty ? nil : String($0.prefix(StripeLimits.textCharacters)) } ?? id
        }
    }
}
