internal import Kernel
internal import Wire

/// What a database holds before anyone has posted to it. Ids are in the order below, from 1.
///
/// | code | account | type |
/// |---|---|---|
/// | 101401, 101402 | Bank, Bank Suspense | cash, current assets |
/// | 101403, 101404 | Outstanding Receipts, Outstanding Payments | current assets, reconciled |
/// | 101501 | Cash | cash |
/// | 101601, 101602 | Shopify Payments clearing, PayPal clearing | cash, each with its journal |
/// | 121000, 131000 | Account Receivable, Tax Paid | receivable, current assets |
/// | 211000, 251000 | Account Payable, Tax Received | payable, current liabilities |
/// | 252000, 253000 | Gift cards outstanding, Tips payable | current liabilities |
/// | 400000 … 400500 | Product Sales, Homeware, Stationery, Garden, Apparel, Shipping income | income |
/// | 400510, 400520 | Restocking fees, Return shipping fees | income |
/// | 400900, 400910 | Discounts given, Returns and allowances | income |
/// | 441000, 641000 | Foreign Exchange Gain, Foreign Exchange Loss | other income, expenses |
/// | 600000, 620000, 999000 | Expenses, Bank Fees, Rounding | expenses |
///
/// Journals 1 to 9: INV, BILL, MISC, EXCH, CABA, BNK1, CSH1, SHOP, PAYP. Taxes: 1 8 % on sales, 2 20 % in the price, 3 8 % on purchases,
/// 4 0 % on sales. Partners: 1 the company, 3 the administrator, 7 `Shop customers`, 8 `Pottery supplies`. Users: 2 `admin`, 6 `reader`, who may
/// only look, each with its login as its password.
enum OdooSeed {
    static let receivable = "121000"
    static let payable = "211000"
    static let company = "Lakeside Outfitters"
    static let users = [(id: 2, login: "admin", name: "Mitchell Admin", partner: 3), (id: 6, login: "reader", name: "Rita Reader", partner: 9)]
    static let reader = 6
    /// 2026-10-31.
    static let lockDate = LocalDate(year: 2026, month: 10, day: 31)
    static let dollar = 1
    private static let founded = Timestamp(seconds: 1_767_225_600)

    private static let accounts: [(code: String, name: String, type: String)] = [
        ("101401", "Bank", "asset_cash"), ("101402", "Bank Suspense Account", "asset_current"), ("101403", "Outstanding Receipts", "asset_current"),
        ("101404", "Outstanding Payments", "asset_current"), ("101501", "Cash", "asset_cash"), ("101601", "Shopify Payments clearing", "asset_cash"),
        ("101602", "PayPal clearing", "asset_cash"), ("121000", "Account Receivable", "asset_receivable"), ("131000", "Tax Paid", "asset_current"),
        ("211000", "Account Payable", "liability_payable"), ("251000", "Tax Received", "liability_current"),
        ("252000", "Gift cards outstanding", "liability_current"),
        ("253000", "Tips payable", "liability_current"), ("400000", "Product Sales", "income"), ("400100", "Homeware sales", "income"),
        ("400200", "Stationery sales", "income"), ("400300", "Garden sales", "income"), ("400400", "Apparel sales", "income"),
        ("400500", "Shipping income", "income"), ("400510", "Restocking fees", "income"), ("400520", "Return shipping fees", "income"),
        ("400900", "Discounts given", "income"), ("400910", "Returns and allowances", "income"), ("441000", "Foreign Exchange Gain", "income_other"),
        ("600000", "Expenses", "expense"), ("620000", "Bank Fees", "expense"), ("641000", "Foreign Exchange Loss", "expense"),
        ("999000", "Rounding", "expense"),
    ]

    static func account(_ code: String, _ database: OdooDatabase) -> Int? { database.all("account.account").first { $0.text("code") == code }?.id }

    private static func id(_ code: String) -> JSON { .orFalse(accounts.firstIndex { $0.code == code }.map { $0 + 1 }) }

    static func fill(_ database: inout OdooDatabase, lockDate: LocalDate?) {
        database.now = founded
        database.user = 1
        world(&database)
        chart(&database)
        journals(&database)
        taxes(&database)
        people(&database)
        things(&database)
        var company: [String: JSON] = ["name": .string(Self.company), "partner_id": 1, "currency_id": .int(dollar), "country_id": 233, "active": true]
        company["fiscalyear_last_day"] = 31
        company["fiscalyear_last_month"] = "12"
        company["fiscalyear_lock_date"] = .orFalse(lockDate?.description)
        company["tax_calculation_rounding_method"] = database.version >= 19 ? "round_globally" : "round_per_line"
        company["account_price_include"] = "tax_excluded"
        company["account_sale_tax_id"] = 1
        company["account_purchase_tax_id"] = 3
        company["currency_exchange_journal_id"] = 4
        company["income_currency_exchange_account_id"] = id("441000")
        company["expense_currency_exchange_account_id"] = id("641000")
        company["account_journal_suspense_account_id"] = id("101402")
        database.insert("res.company", company)
        names(&database)
        database.user = 2
    }

    private static func world(_ database: inout OdooDatabase) {
        for (id, name, symbol, places) in [(dollar, "USD", "$", 2), (125, "EUR", "€", 2), (142, "GBP", "£", 2), (25, "JPY", "¥", 0), (4, "CAD", "C$", 2)] {
            let values: [String: JSON] = [
                "name": .string(name), "symbol": .string(symbol), "decimal_places": .int(places), "active": .bool(["USD", "EUR", "GBP"].contains(name)),
                "rounding": .number(places == 0 ? "1.0" : "0.01"), "position": "before",
            ]
            database.insert("res.currency", values, id: id)
        }
        for (currency, day, rate) in [(125, "2026-01-01", "0.9"), (125, "2026-11-01", "0.92"), (142, "2026-01-01", "0.8")] {
            database.insert("res.currency.rate", ["name": .string(day), "currency_id": .int(currency), "rate": .number(rate), "company_id": 1])
        }
        for (id, name, code) in [(233, "United States", "US"), (231, "United Kingdom", "GB"), (38, "Canada", "CA"),
            (57, "Germany", "DE"), (75, "France", "FR")] {
            database.insert("res.country", ["name": .string(name), "code": .string(code), "currency_id": 1], id: id)
        }
        for (name, code) in [("New York", "NY"), ("California", "CA"), ("Texas", "TX"), ("Wisconsin", "WI")] {
            database.insert("res.country.state", ["name": .string(name), "code": .string(code), "country_id": 233])
        }
    }

    private static func chart(_ database: inout OdooDatabase) {
        for (name, type) in OdooAccounts.types where database.version <= 15 {
            let group = OdooAccounts.internalGroup(type, database.version)
            database.insert("account.account.type", ["name": .string(name), "type": .string(OdooAccounts.internalType(type)), "internal_group": .string(group)])
        }
        let reconciled = ["101403", "101404", receivable, payable]
        for (code, name, type) in accounts {
            var values: [String: JSON] = ["code": .string(code), "name": .string(name), "account_type": .string(type), "company_id": 1]
            values["reconcile"] = .bool(reconciled.contains(code))
            if database.version <= 15 { values["user_type_id"] = .orFalse(OdooAccounts.types.firstIndex { $0.type == type }.map { $0 + 1 }) }
            database.insert("account.account", values)
        }
    }

    private static func journals(_ database: inout OdooDatabase) {
        database.insert("account.payment.method", ["name": "Manual", "code": "manual", "payment_type": "inbound"])
        database.insert("account.payment.method", ["name": "Manual", "code": "manual", "payment_type": "outbound"])
        let list: [(code: String, name: String, type: String, account: String)] = [
            ("INV", "Customer Invoices", "sale", "400000"), ("BILL", "Vendor Bills", "purchase", "600000"), ("MISC", "Miscellaneous Operations", "general", ""),
            ("EXCH", "Exchange Difference", "general", ""), ("CABA", "Cash Basis Taxes", "general", ""), ("BNK1", "Bank", "bank", "101401"),
            ("CSH1", "Cash", "cash", "101501"), ("SHOP", "Shopify Payments", "bank", "101601"), ("PAYP", "PayPal", "bank", "101602"),
        ]
        for (n, (code, name, type, account)) in list.enumerated() {
            let isBank = ["bank", "cash"].contains(type)
            var values: [String: JSON] = [
                "code": .string(code), "name": .string(name), "type": .string(type), "active": true, "sequence": .int(5 + n), "company_id": 1,
                "default_account_id": id(account), "refund_sequence": .bool(["sale", "purchase"].contains(type)), "payment_sequence": .bool(isBank),
                "invoice_reference_type": "invoice", "invoice_reference_model": "odoo",
            ]
            // A bank's own account moves with its statements; money on its way stands elsewhere until then.
            let (received, paid) = code == "BNK1" ? (id("101403"), id("101404")) : (id(account), id(account))
            if isBank, database.version <= 14 {
                values["payment_debit_account_id"] = received
                values["payment_credit_account_id"] = paid
                values["inbound_payment_method_ids"] = .ids([1])
                values["outbound_payment_method_ids"] = .ids([2])
            }
            let journal = database.insert("account.journal", values)
            guard isBank, database.version >= 15 else { continue }
            for (side, method, account) in [("inbound", 1, received), ("outbound", 2, paid)] {
                let line: [String: JSON] = [
                    "name": "Manual Payment", "payment_method_id": .int(method), "\(side)_journal_id": .int(journal),
                    "payment_account_id": account, "sequence": 10,
                ]
                database.insert("account.payment.method.line", line)
            }
        }
    }

    private static func taxes(_ database: inout OdooDatabase) {
        database.insert("account.tax.group", ["name": "Taxes", "sequence": 10])
        let list: [(name: String, amount: String, use: String, included: Bool)] = [
            ("8%", "8.0", "sale", false), ("20% incl.", "20.0", "sale", true), ("8% purchase", "8.0", "purchase", false), ("0% exempt", "0.0", "sale", false),
        ]
        for (name, amount, use, included) in list {
            let values: [String: JSON] = [
                "name": .string(name), "amount": .number(amount), "amount_type": "percent", "type_tax_use": .string(use), "active": true,
                "price_include": .bool(included), "sequence": 1, "company_id": 1, "tax_group_id": 1, "country_id": 233,
                "tax_exigibility": "on_invoice", "tax_account_id": id(use == "sale" ? "251000" : "131000"),
            ]
            database.insert("account.tax", values)
        }
        for (name, days) in [("Immediate Payment", 0), ("15 Days", 15), ("30 Days", 30)] {
            database.insert("account.payment.term", ["name": .string(name), "nb_days": .int(days), "active": true, "sequence": 10])
        }
        database.insert("account.fiscal.position", ["name": "Domestic", "active": true, "company_id": 1, "sequence": 1])
    }

    private static func people(_ database: inout OdooDatabase) {
        let list: [(id: Int, name: String, isCompany: Bool)] = [
            (1, company, true), (3, "Mitchell Admin", false), (7, "Shop customers", false), (8, "Pottery supplies", true), (9, "Rita Reader", false),
        ]
        for (id, name, isCompany) in list {
            let values: [String: JSON] = [
                "name": .string(name), "is_company": .bool(isCompany), "active": true, "type": "contact", "lang": "en_US", "country_id": 233,
                "property_account_receivable_id": self.id(receivable), "property_account_payable_id": self.id(payable),
            ]
            database.insert("res.partner", values, id: id)
        }
        for user in users {
            let values: [String: JSON] = [
                "name": .string(user.name), "login": .string(user.login), "password": .string(user.login), "active": true, "company_id": 1,
                "company_ids": .ids([1]), "partner_id": .int(user.partner), "lang": "en_US", "tz": "UTC", "email": .string("\(user.login)@example.com"),
            ]
            database.insert("res.users", values, id: user.id)
        }
        let key: [String: JSON] = ["name": "Integration", "user_id": 2, "scope": "rpc", "key": .string(OdooTwin.apiKey)]
        database.insert("res.users.apikeys", key)
    }

    private static func things(_ database: inout OdooDatabase) {
        database.insert("uom.uom", ["name": "Units", "active": true, "rounding": .number("0.01")])
        let category: [String: JSON] = ["name": "All", "property_account_income_categ_id": id("400000"), "property_account_expense_categ_id": id("600000")]
        database.insert("product.category", category)
        var mug: [String: JSON] = [
            "name": "Blue mug", "default_code": "MUG-BLUE", "list_price": .number("19.99"), "standard_price": .number("8.0"), "type": "consu", "active": true,
            "sale_ok": true, "purchase_ok": true, "categ_id": 1, "uom_id": 1, "taxes_id": .ids([1]), "supplier_taxes_id": .ids([3]),
            "property_account_income_id": id("400100"),
        ]
        mug["product_tmpl_id"] = .int(database.insert("product.template", mug))
        database.insert("product.product", mug)
        database.insert("account.analytic.plan", ["name": "Project", "sequence": 10])
        for (name, code) in [("Online", "ON"), ("Stores", "ST")] {
            database.insert("account.analytic.account", ["name": .string(name), "code": .string(code), "active": true, "company_id": 1, "plan_id": 1])
        }
        database.insert("account.analytic.tag", ["name": "Campaign", "active": true])
    }

    /// External ids of what every database has.
    private static func names(_ database: inout OdooDatabase) {
        let known: [(module: String, name: String, model: String, id: Int)] = [
            ("base", "main_company", "res.company", 1), ("base", "main_partner", "res.partner", 1), ("base", "user_admin", "res.users", 2),
            ("base", "USD", "res.currency", dollar), ("base", "EUR", "res.currency", 125), ("base", "us", "res.country", 233),
            ("uom", "product_uom_unit", "uom.uom", 1),
        ]
        for (module, name, model, id) in known {
            database.insert("ir.model.data", ["module": .string(module), "name": .string(name), "model": .string(model), "res_id": .int(id)])
        }
        for model in database.schema.models.values.sorted(by: { $0.name < $1.name }) {
            database.insert("ir.model", ["model": .string(model.name), "name": .string(model.label)])
        }
    }

    /// What a new record has when nothing was said of it.
    static func defaults(_ model: String, _ database: OdooDatabase) -> [String: JSON] {
        var out: [String: JSON] = [:]
        if database.schema.models[model]?.fields["active"] != nil, model != "account.account" { out["active"] = true }
        if database.schema.models[model]?.fields["company_id"]?.required ?? false { out["company_id"] = 1 }
        switch model {
        case "res.partner":
            out["type"] = "contact"
            out["lang"] = "en_US"
            out["property_account_receivable_id"] = id(receivable)
            out["property_account_payable_id"] = id(payable)
        case "account.account":
            out["company_id"] = 1
            out["company_ids"] = .ids([1])
            if database.version >= 16 { out["account_type"] = "asset_current" }
        case "account.tax":
            out = out.merging(["amount_type": "percent", "type_tax_use": "sale", "amount": 0, "sequence": 1,
                "tax_group_id": 1, "country_id": 233]) { old, _ in old }
            out["tax_account_id"] = id("251000")
        case "account.journal":
            out = out.merging(["type": "general", "sequence": 10, "invoice_reference_type": "invoice", "invoice_reference_model": "odoo"]) { old, _ in old }
            out["refund_sequence"] = true
        case "account.payment.term": out["sequence"] = 10
        case "account.analytic.plan", "account.fiscal.position": out["sequence"] = 10
        case "product.product", "product.template":
            let units: [String: JSON] = ["type": "consu", "uom_id": 1, "categ_id": 1, "sale_ok": true, "purchase_ok": true]
            out = out.merging(units) { old, _ in old }
            out["taxes_id"] = .ids([1])
            out["supplier_taxes_id"] = .ids([3])
            out["list_price"] = 1
        case "res.currency.rate":
            out["name"] = .string(database.today.description)
            out["company_id"] = 1
        case "ir.attachment":
            out["type"] = "binary"
            out["mimetype"] = "application/octet-stream"
        default: break
        }
        return out
    }
}
