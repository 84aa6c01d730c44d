internal import Kernel
internal import Wire

/// One ledger document that the day must lead to, or must not.
struct ExpectedEntry: Sendable, Equatable {
    enum Effect: String, Sendable { case posted, held, none }

    struct Line: Sendable, Equatable {
        var account: String
        /// Debit positive, in the document's currency.
        var minor: Int64
    }

    /// `qbo`, `qbo2` or `xero`.
    var ledger: String
    /// The source reference, such as `order 6120034117000`.
    var ref: String
    /// `invoice`, `credit_note`, `payment` or `refund_payment`.
    var kind: String
    var date: LocalDate
    var currency: String
    var lines: [Line]
    var effect: Effect
    /// What holds it; only with `held`.
    var check: String?

    var json: JSON {
        var members: [(key: String, value: JSON)] = [
            ("ledger", .string(ledger)), ("ref", .string(ref)), ("kind", .string(kind)),
            ("date", .string(date.description)),
            ("currency", .string(currency)),
            (
                "lines",
                .array(lines.map { .object([("account", .string($0.account)), ("minor", .number(String($0.minor)))]) })
            ),
            ("effect", .string(effect.rawValue)),
        ]
        if let check { members.append(("check", .string(check))) }
        return .object(members)
    }

    /// - Throws: `expected_entries_damaged`.
    init(_ json: JSON) throws(Fault) {
        guard let ledger = json["ledger"]?.string, let ref = json["ref"]?.string, let kind = json["kind"]?.string,
            let date = json["date"]?.string.flatMap({ LocalDate($0) }), let currency = json["currency"]?.string,
            let effect = json["effect"]?.string.flatMap(Effect.init), let array = json["lines"]?.array
        else { throw Self.damaged }
        self.ledger = ledger
        self.ref = ref
        self.kind = kind
        self.date = date
        self.currency = currency
        self.effect = effect
        check = json["check"]?.string
        lines = []
        for line in array {
            guard let account = line["account"]?.string, let minor = line["minor"]?.int else { throw Self.damaged }
            lines.append(Line(account: account, minor: Int64(minor)))
        }
    }

    init(
        ledger: String, ref: String, kind: String, date: LocalDate, currency: String, lines: [Line], effect: Effect,
        check: String? = nil
    ) {
        self.ledger = ledger
        self.ref = ref
        self.kind = kind
        self.date = date
        self.currency = currency
        self.lines = lines
        self.effect = effect
        self.check = check
    }

    private static let damaged = Fault(
        "expected_entries_damaged", stage: .sandbox, disposition: .hold,
        summary: "a line of the expected entries is not one",
        remedy: "Prepare the day again in an empty sandbox folder.")
}

/// The accounts of one of the businesses.
struct DayAccounts: Sendable {
    var ledger: String
    var receivable: String
    var tax: String
    var sales: [String: String]
    var discounts: String
    var returns: String
    var shipping: String
    var restocking: String
    var returnShipping: String
    var tips: String
    var giftCards: String
    /// Clearing account by gateway; euros have one of their own.
    var clearing: [String: String]
    var euroClearing: String

    static let american = DayAccounts(
        ledger: "qbo", receivable: "1200", tax: "2200",
        sales: ["HOM": "4010", "STA": "4020", "GAR": "4030", "APP": "4040", "GIFT": "2310"], discounts: "4900",
        returns: "4910",
        shipping: "4100", restocking: "4110", returnShipping: "4120", tips: "2320", giftCards: "2310",
        clearing: ["shopify_payments": "1310", "paypal": "1320", "gift_card": "2310"], euroClearing: "1310")

    /// The business that has its returns in Loop: the same chart in a company of its own.
    static let own: DayAccounts = {
        var own = american
        own.ledger = "qbo2"
        return own
    }()

    static let british = DayAccounts(
        ledger: "xero", receivable: "610", tax: "820",
        sales: ["HOM": "200", "BOO": "201", "GAR": "202", "NUR": "203", "GIFT": "831"], discounts: "205",
        returns: "206",
        shipping: "210", restocking: "211", returnShipping: "212", tips: "832", giftCards: "831",
        clearing: ["shopify_payments": "611", "paypal": "612", "gift_card": "831"], euroClearing: "091")
}
