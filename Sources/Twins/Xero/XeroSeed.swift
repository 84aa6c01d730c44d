internal import Kernel

/// The organisation as the sandbox begins: identities, chart of accounts, tax rates.
enum XeroSeed {
    static let tenant = "aef86862-2015-4b6b-88bc-d89032cecc50"
    /// An organisation of the same user that the twin keeps no books for: there to be chosen from, or by mistake.
    static let otherTenant = "4d1c3b2a-90fe-4c77-9a51-7f0e2d6b8c13"
    static let otherName = "Severn Glass Ltd"
    static let zeroID = "00000000-0000-0000-0000-000000000000"
    static let clientID = "sandbox-client"
    static let clientSecret = "sandbox-secret"
    static let refreshToken = "xero-refresh-0"
    static let baseCurrency = "GBP"
    static let organisationName = "Thames Pottery Ltd"
    static let provider = "Counterfoil"
    static let receivable = "610"
    static let payable = "800"
    static let vat = "820"
    static let rounding = "860"
    static let currencyGain = "499"
    /// 2026-10-31.
    static let lockDate = LocalDate(year: 2026, month: 10, day: 31)
    /// When the organisation was made: 2026-01-01T00:00:00Z.
    static let founded = Timestamp(seconds: 1_767_225_600)

    /// The same GUID for the same name, on every machine and in every run.
    static func id(_ name: String) -> String {
        // FNV-1a, 64 bit; only a seed, so its weakness does not matter.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return SeededRandom(seed: hash).identifier(XeroObjectKind.self).description
    }

    /// - Source: the United Kingdom's rates of developer.xero.com, "Tax types".
    struct TaxRate: Sendable {
        var type: String
        var name: String
        /// Percent.
        var percent: ExactDecimal
        var report: String
        /// Account classes it may be used with.
        var classes: Set<String>
    }

    static let taxRates: [TaxRate] = {
        let sales: Set<String> = ["ASSET", "EQUITY", "LIABILITY", "REVENUE"]
        let all: Set<String> = ["ASSET", "EQUITY", "LIABILITY", "REVENUE", "EXPENSE"]
        let purchases: Set<String> = ["ASSET", "EQUITY", "LIABILITY", "EXPENSE"]
        return [
            TaxRate(
                type: "OUTPUT2", name: "20% (VAT on Income)", percent: ExactDecimal(20), report: "OUTPUT",
                classes: sales),
            TaxRate(
                type: "RROUTPUT", name: "5% (VAT on Income)", percent: ExactDecimal(5), report: "OUTPUT", classes: sales
            ),
            TaxRate(
                type: "ZERORATEDOUTPUT", name: "Zero Rated Income", percent: .zero, report: "OUTPUT", classes: sales),
            TaxRate(
                type: "INPUT2", name: "20% (VAT on Expenses)", percent: ExactDecimal(20), report: "INPUT",
                classes: purchases),
            TaxRate(type: "NONE", name: "No VAT", percent: .zero, report: "NONE", classes: all),
        ]
    }()

    static func taxRate(_ type: String) -> TaxRate? { taxRates.first { $0.type == type } }

    static let accounts: [XeroAccount] = {
        var out: [XeroAccount] = []
        func add(
            _ code: String, _ name: String, _ type: String, tax: String = "NONE",
            _ set: (inout XeroAccount) -> Void = { _ in }
        ) {
            var account = XeroAccount(
                id: id("xero account \(code)"), code: code, name: name, type: type, taxType: tax, updated: founded)
            set(&account)
            out.append(account)
        }
        add("090", "Business Bank GBP", "BANK") { $0.currency = "GBP" }
        add("091", "Shopify clearing EUR", "BANK") { $0.currency = "EUR" }
        for (code, name) in [
            ("200", "Homeware sales"), ("201", "Books and cards"), ("202", "Garden sales"), ("203", "Nursery sales"),
            ("205", "Discounts given"), ("206", "Returns and allowances"), ("210", "Shipping income"),
            ("211", "Restocking fees"), ("212", "Return shipping fees"),
        ] {
            add(code, name, "REVENUE", tax: "OUTPUT2")
        }
        add("310", "Cost of goods sold", "DIRECTCOSTS", tax: "INPUT2")
        add("429", "General expenses", "EXPENSE", tax: "INPUT2")
        add("404", "Payment fees", "EXPENSE")
        add(currencyGain, "Realised Currency Gains", "EXPENSE") { $0.system = "REALISEDCURRENCYGAIN" }
        add(receivable, "Accounts Receivable", "CURRENT") { $0.system = "DEBTORS" }
        add("611", "Shopify Payments clearing GBP", "CURRENT") { $0.paymentsEnabled = true }
        add("612", "PayPal clearing GBP", "CURRENT") { $0.paymentsEnabled = true }
        add(payable, "Accounts Payable", "CURRLIAB") { $0.system = "CREDITORS" }
        add(vat, "VAT", "CURRLIAB") { $0.system = "GST" }
        add("831", "Gift cards outstanding", "CURRLIAB") { $0.paymentsEnabled = true }
        add("832", "Tips payable", "CURRLIAB") { $0.paymentsEnabled = true }
        add(rounding, "Rounding", "CURRLIAB") { $0.system = "ROUNDING" }
        return out
    }()
}
