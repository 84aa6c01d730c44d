internal import ConnectorKit
internal import Kernel
internal import Wire

extension WooCommerceConnector {
    /// Settings of a connection, with their meaning.
    public var settings: [String: String] {
        [
            WooSettings.pathKey: "where WordPress is below the host, such as /shop; nothing by default",
            WooSettings.permalinksKey: "pretty (default): the API is at /wp-json; plain: the shop's permalinks are plain, and it is at ?rest_route=",
            WooSettings.pageKey: "orders of one page, 1 to 100; 50 by default, fewer where the shop's host gives up on large answers",
            WooSettings.soldKey: "further statuses in which an unpaid order is a sale, separated by commas; on-hold, processing and completed ones always are",
            WooSettings.paymentKey: "transaction (default): a payment is called by the gateway's transaction id; order: by the order's id",
            WooSettings.gatewaysKey: "tenders of payment methods, such as cod=cash,bacs=bank; beside those that docs/connectors/woocommerce.md lists",
            WooSettings.manualKey: "the tender of refunds that no gateway carried out, such as bank; the order's own by default",
            WooSettings.tipsKey: "words in a fee's name that make it a tip, separated by commas; tip, tips, gratuity by default",
            WooSettings.cardsKey: "words in a negative fee's name that make it a payment by gift card; gift card, gift voucher, store credit by default",
            WooSettings.cardSKUsKey: "beginnings of SKUs that are gift cards sold, separated by commas; none by default",
            WooSettings.placeKey:
                "whose taxes rates without a country are: a country, country-state such as US-CO, or address for where goods go; none by default",
            WooSettings.rateKey:
                "the order's meta data that holds units of the shop's currency for one of the order's; with a slash before it, such as "
                + "/_woocs_order_rate, the reverse",
            WooSettings.feesKey:
                "gateways whose fees are booked from the orders' meta data, such as stripe,paypal, or all; none (default) where the gateway has a "
                + "connection of its own",
            WooSettings.feeMetaKey: "where else a gateway notes its fee, such as square=_square_fee, separated by commas",
            WooSettings.depositsKey: "ignore (default); read: WooPayments' deposits become payouts, together with gateway_fees woocommerce_payments",
        ]
    }
}

/// What the connection's settings say.
struct WooSettings: Sendable {
    static let pathKey = "path"
    static let permalinksKey = "permalinks"
    static let pageKey = "page_size"
    static let soldKey = "sold_unpaid"
    static let paymentKey = "payment_id"
    static let gatewaysKey = "gateways"
    static let manualKey = "manual_refunds"
    static let tipsKey = "tip_words"
    static let cardsKey = "gift_card_words"
    static let cardSKUsKey = "gift_card_skus"
    static let placeKey = "tax_place"
    static let rateKey = "rate_meta"
    static let feesKey = "gateway_fees"
    static let feeMetaKey = "fee_meta"
    static let depositsKey = "woopayments_payouts"

    enum Fees: Sendable { case none, all, some(Set<String>) }
    enum Place: Sendable, Equatable { case none, address, fixed(TaxPlace) }

    var path = ""
    var isPlain = false
    var pageRows = WooLimits.pageRows
    var soldUnpaid: Set<String> = ["on-hold", "processing", "completed", "refunded"]
    var namesByTransaction = true
    private var tenders: [String: String] = [:]
    var manualTender: String?
    private var tipWords = ["tip", "tips", "gratuity"]
    private var cardWords = ["gift card", "gift voucher", "store credit"]
    private var cardSKUs: [String] = []
    var place = Place.none
    /// The key, and whether it holds units of the order's currency for one of the shop's.
    var rateMeta: (key: String, isReverse: Bool)?
    private var fees = Fees.none
    var feeMeta: [String: String] = [:]
    var readsDeposits = false

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        func given(_ key: String) -> String? { settings[key].flatMap { $0.isEmpty ? nil : $0 } }
        func list(_ key: String) -> [String] { (given(key) ?? "").split(separator: ",").map { Self.trimmed($0) }.filter { !$0.isEmpty } }
        if let text = given(Self.pathKey) {
            let isPlainPath = text.utf8.allSatisfy(Self.isPath) && !text.contains("//") && !text.contains("..")
            guard isPlainPath, text.hasPrefix("/"), !text.hasSuffix("/"), text.utf8.count <= 200 else {
                throw Self.invalid(Self.pathKey, "a path such as /shop")
            }
            path = text
        }
        isPlain = try Self.choice(given(Self.permalinksKey), Self.permalinksKey, ["pretty", "plain"]) == 1
        namesByTransaction = try Self.choice(given(Self.paymentKey), Self.paymentKey, ["transaction", "order"]) == 0
        readsDeposits = try Self.choice(given(Self.depositsKey), Self.depositsKey, ["ignore", "read"]) == 1
        if let text = given(Self.pageKey) {
            guard let rows = Int(text), (1 ... WooLimits.pageRowsMost).contains(rows) else { throw Self.invalid(Self.pageKey, "1 to 100") }
            pageRows = rows
        }
        for status in list(Self.soldKey) { soldUnpaid.insert(Self.status(status)) }
        tenders = try Self.pairs(list(Self.gatewaysKey), Self.gatewaysKey, "pairs such as cod=cash")
        for (method, tender) in tenders { tenders[method] = try Self.tender(tender, Self.gatewaysKey) }
        feeMeta = try Self.pairs(list(Self.feeMetaKey), Self.feeMetaKey, "pairs such as square=_square_fee")
        manualTender = try given(Self.manualKey).map { text throws(Fault) in try Self.tender(text, Self.manualKey) }
        if given(Self.tipsKey) != nil { tipWords = list(Self.tipsKey).map { $0.lowercased() } }
        if given(Self.cardsKey) != nil { cardWords = list(Self.cardsKey).map { $0.lowercased() } }
        cardSKUs = list(Self.cardSKUsKey).map { $0.lowercased() }
        try take(place: given(Self.placeKey), fees: list(Self.feesKey))
        if let text = given(Self.rateKey) {
            let isReverse = text.hasPrefix("/")
            rateMeta = (String(text.dropFirst(isReverse ? 1 : 0)), isReverse)
        }
    }

    private mutating func take(place text: String?, fees names: [String]) throws(Fault) {
        switch text {
        case nil: place = .none
        case "address": place = .address
        case let text?:
            guard let fixed = TaxPlace(setting: text) else { throw Self.invalid(Self.placeKey, "address, or a place such as GB or US-CO") }
            place = .fixed(fixed)
        }
        switch names {
        case [], ["none"]: fees = .none
        case ["all"]: fees = .all
        default: fees = .some(Set(try names.map { name throws(Fault) in try Self.tender(name, Self.feesKey) }))
        }
    }

    // MARK: Words

    private static func isPath(_ byte: UInt8) -> Bool {
        (97 ... 122).contains(byte) || (65 ... 90).contains(byte) || (47 ... 57).contains(byte) || byte == 45 || byte == 46 || byte == 95 || byte == 126
    }

    private static func trimmed(_ text: some StringProtocol) -> String { text.split(separator: " ").joined(separator: " ") }

    private static func choice(_ text: String?, _ key: String, _ words: [String]) throws(Fault) -> Int {
        guard let text else { return 0 }
        guard let at = words.firstIndex(of: text) else { throw invalid(key, words.joined(separator: ", ")) }
        return at
    }

    private static func pairs(_ list: [String], _ key: String, _ allowed: String) throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        for entry in list {
            let halves = entry.split(separator: "=", maxSplits: 1).map { trimmed($0) }
            guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else { throw invalid(key, allowed) }
            out[word(halves[0])] = halves[1]
        }
        return out
    }

    private static func tender(_ text: String, _ key: String) throws(Fault) -> String {
        guard word(text) == text, (1 ... 40).contains(text.utf8.count) else { throw invalid(key, "words such as stripe or bank") }
        return text
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold, summary: "the WooCommerce connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }

    /// A payment method as a word of ours: `ppcp-gateway` is `ppcp_gateway`.
    private static func word(_ text: String) -> String {
        String(text.lowercased().prefix(40).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// Without the prefix that the database has and the API drops.
    static func status(_ text: String) -> String {
        let lower = text.lowercased()
        return lower.hasPrefix("wc-") ? String(lower.dropFirst(3)) : lower
    }

    /// Who holds the money of a payment method.
    func tender(of method: String) -> String {
        let word = Self.word(method)
        if let own = tenders[word] { return own }
        switch word {
        case "": return "manual"
        case "bacs": return "bank"
        case "cod": return "cash"
        case "paypal", "ppec_paypal": return "paypal"
        default:
            let families = [("stripe_", "stripe"), ("ppcp_", "paypal"), ("woocommerce_payments_", "woocommerce_payments")]
            return families.first { word.hasPrefix($0.0) }?.1 ?? word
        }
    }

    func isTip(_ name: String) -> Bool { Self.says(name, tipWords) }
    func isCard(_ name: String) -> Bool { Self.says(name, cardWords) }

    func isCardSold(_ sku: String) -> Bool {
        let lower = sku.lowercased()
        return cardSKUs.contains { lower.hasPrefix($0) }
    }

    func booksFees(of tender: String) -> Bool {
        switch fees {
        case .none: false
        case .all: true
        case .some(let names): names.contains(tender)
        }
    }

    /// Whole words: a `tip` is none of `multiple`.
    private static func says(_ name: String, _ words: [String]) -> Bool {
        let plain = " " + name.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: " ") + " "
        return words.contains { plain.contains(" \($0) ") }
    }
}
