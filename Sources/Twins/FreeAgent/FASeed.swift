internal import Kernel
internal import Wire

/// The company as the sandbox begins.
enum FASeed {
    static let currency = "GBP"
    /// 2026-01-01T00:00:00Z.
    static let founded = Timestamp(seconds: 1_767_225_600)
    /// What comes before is outside of the books.
    static let begins = "2011-05-01"
    static let lastingGrants: Set<String> = [FreeAgentTwin.refreshToken, FreeAgentTwin.assistantRefreshToken]

    /// - Source: dev.freeagent.com/docs/balance_sheet and transactions have these codes and names in their samples.
    static let receivable = "681"
    static let payable = "796"
    static let taxReclaimed = "818"
    static let taxCharged = "819"
    static let bank = "750"
    /// Codes of ours: the pages name none for the two.
    static let badDebts = "380"
    static let currencyGain = "390"

    /// The rates of a company in the United Kingdom, in percent.
    static let taxRates = ["20", "5", "0"]
    /// What a unit of each currency is worth in pounds where nobody says it, on any day: the sandbox has no XE.com.
    static let dayRates: [String: ExactDecimal] = [
        "EUR": ExactDecimal(coefficient: 86, scale: 2), "USD": ExactDecimal(coefficient: 76, scale: 2), "CAD": ExactDecimal(coefficient: 55, scale: 2),
        "AUD": ExactDecimal(coefficient: 50, scale: 2), "CHF": ExactDecimal(coefficient: 93, scale: 2),
    ]

    static func rate(of currency: String) -> ExactDecimal? { currency == self.currency ? .one : dayRates[currency] }

    static let rows: [FARow] = users + grants + contacts + bankAccounts + FACategory.seeds

    private static let users: [FARow] = [
        FARow(
            .user, "1", at: founded,
            ["first_name": "Mara", "last_name": "Lindqvist", "email": "mara@thames-pottery.example", "role": "Director", "permission_level": 8]),
        FARow(
            .user, "2", at: founded,
            ["first_name": "Tom", "last_name": "Abara", "email": "tom@thames-pottery.example", "role": "Employee", "permission_level": 4]),
    ]

    private static let grants: [FARow] = [
        FARow(.grant, FreeAgentTwin.refreshToken, at: founded, ["user": "1"]),
        FARow(.grant, FreeAgentTwin.assistantRefreshToken, at: founded, ["user": "2"]),
    ]

    private static let contacts: [FARow] = [
        FARow(.contact, "1", at: founded, ["organisation_name": "Shop customers", "country": "United Kingdom", "charge_sales_tax": "Auto"]),
        FARow(.contact, "2", at: founded, ["organisation_name": "Packaging Supplies Ltd", "country": "United Kingdom", "charge_sales_tax": "Auto"]),
        FARow(.counter, FAKind.contact.rawValue, at: founded, ["last": 2]),
    ]

    private static let bankAccounts: [FARow] = {
        var out: [FARow] = []
        for (name, type, currency) in [
            ("Business Current Account", "StandardBankAccount", "GBP"), ("Shopify Payments clearing", "StandardBankAccount", "GBP"),
            ("PayPal", "PaypalAccount", "GBP"), ("Stripe clearing", "StandardBankAccount", "GBP"), ("Euro account", "StandardBankAccount", "EUR"),
        ] {
            let isPrimary = out.isEmpty
            out.append(
                FARow(
                    .bankAccount, "\(out.count + 1)", at: founded,
                    .object([
                        ("name", .string(name)), ("type", .string(type)), ("currency", .string(currency)), ("status", "active"), ("opening_balance", 0),
                        ("is_primary", .bool(isPrimary)),
                    ])))
        }
        out.append(FARow(.counter, FAKind.bankAccount.rawValue, at: founded, .object([("last", .number("\(out.count)"))])))
        return out
    }()
}
