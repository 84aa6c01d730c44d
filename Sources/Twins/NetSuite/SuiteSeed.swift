internal import Kernel
internal import Wire

/// What the account holds before anyone has posted to it.
///
/// | number | account | type |
/// |---|---|---|
/// | 1000, 1010, 1020, 1021 | Checking, Undeposited Funds, Shopify Payments clearing, PayPal clearing | Bank, other current assets |
/// | 1100, 1200, 1310 | Accounts Receivable, Inventory Asset, Tax Paid | receivable, other current assets |
/// | 2000, 2100, 2110 | Accounts Payable, Sales Taxes Payable, VAT on Sales | payable, other current liabilities |
/// | 2200, 2210, 3200 | Gift cards outstanding, Tips payable, Retained Earnings | other current liabilities, equity |
/// | 4000 … 4500 | Sales, Homeware, Stationery, Garden, Apparel, Shipping income | income |
/// | 4510, 4520, 4900, 4910 | Restocking fees, Return shipping fees, Discounts given, Returns and allowances | income |
/// | 5000, 6000, 6200 | Cost of Goods Sold, Expenses, Bank fees | cost of goods sold, expenses |
/// | 7000, 9990 | Realized Gain/Loss, Rounding Gain/Loss | other expenses |
///
/// Ids of accounts are in that order, from 101. Subsidiaries: 1 in dollars, 2 in pounds. Currencies: 1 USD, 2 GBP, 3 CAD, 4 EUR, 5 JPY.
/// Tax codes: 5 none, 7 8 %, 8 20 % (subsidiary 2), 9 8.25 %, 10 5 %. Items: 71 shipping, 72 gift card, 73 tip, 74 restocking fee, 75 return shipping,
/// 76 discount, 77 Blue mug at 19.99, 78 Notebook, 79 Garden rake, 80 Shirt, 81 allowance, 82 sale, 83 Kettle (inventory), 84 rounding.
/// Customers: 401 Shop customers, 402 UK shop customers (subsidiary 2), 412 Ann Doe; vendor 421. Departments 1 to 3 and 4 (subsidiary 2), classes
/// 1 and 2, locations 1 and 2 (subsidiary 2). Monthly periods of 2025 to 2027, closed through October 2026.
enum SuiteSeed {
    static let host = "1234567-sb1.suitetalk.api.netsuite.com"
    static let receivable = "1100"
    static let undeposited = "1010"
    static let payable = "2000"
    static let shipping = "4500"
    static let exchange = "7000"
    static let rounding = "9990"
    static let lockDate = LocalDate(year: 2026, month: 10, day: 31)
    private static let founded = Timestamp(seconds: 1_735_689_600)

    static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static let accounts: [(number: String, name: String, type: String)] = [
        ("1000", "Checking", "Bank"), ("1010", "Undeposited Funds", "OthCurrAsset"), ("1020", "Shopify Payments clearing", "Bank"),
        ("1021", "PayPal clearing", "Bank"), ("1100", "Accounts Receivable", "AcctRec"), ("1200", "Inventory Asset", "OthCurrAsset"),
        ("1310", "Tax Paid", "OthCurrAsset"), ("2000", "Accounts Payable", "AcctPay"), ("2100", "Sales Taxes Payable", "OthCurrLiab"),
        ("2110", "VAT on Sales", "OthCurrLiab"), ("2200", "Gift cards outstanding", "OthCurrLiab"), ("2210", "Tips payable", "OthCurrLiab"),
        ("3200", "Retained Earnings", "Equity"), ("4000", "Sales", "Income"), ("4100", "Homeware sales", "Income"), ("4200", "Stationery sales", "Income"),
        ("4300", "Garden sales", "Income"), ("4400", "Apparel sales", "Income"), ("4500", "Shipping income", "Income"), ("4510", "Restocking fees", "Income"),
        ("4520", "Return shipping fees", "Income"), ("4900", "Discounts given", "Income"), ("4910", "Returns and allowances", "Income"),
        ("5000", "Cost of Goods Sold", "COGS"), ("6000", "Expenses", "Expense"), ("6200", "Bank fees", "Expense"),
        ("7000", "Realized Gain/Loss", "OthExpense"), ("9990", "Rounding Gain/Loss", "OthExpense"),
    ]

    private static let items: [(id: Int, type: String, name: String, account: String, price: String?)] = [
        (71, "otherChargeSaleItem", "Shipping", "4500", nil), (72, "nonInventorySaleItem", "Gift card", "2200", nil),
        (73, "otherChargeSaleItem", "Tip", "2210", nil),
        (74, "otherChargeSaleItem", "Restocking fee", "4510", nil), (75, "otherChargeSaleItem", "Return shipping", "4520", nil),
        (77, "nonInventorySaleItem", "Blue mug", "4100", "19.99"), (78, "nonInventorySaleItem", "Notebook", "4200", "4.50"),
        (79, "nonInventorySaleItem", "Garden rake", "4300", "29.00"), (80, "nonInventorySaleItem", "Shirt", "4400", "25.00"),
        (81, "otherChargeSaleItem", "Allowance", "4910", nil), (82, "serviceSaleItem", "Sale", "4000", nil), (83, "inventoryItem", "Kettle", "4100", "39.00"),
        (84, "otherChargeSaleItem", "Rounding", "9990", nil),
    ]

    static func fill(_ state: inout SuiteState) {
        state.now = founded
        func add(_ type: String, _ id: Int, _ values: [String: JSON], external: String? = nil) {
            state.put(SuiteRecord(type: type, id: id, externalID: external, values: values, at: founded))
        }
        let currencies = [
            ("US Dollar", "USD", "1", 2), ("British pound", "GBP", "1.26", 2), ("Canadian Dollar", "CAD", "0.73", 2), ("Euro", "EUR", "1.087", 2),
            ("Yen", "JPY", "0.0065", 0),
        ]
        for (n, (name, symbol, rate, places)) in currencies.enumerated() {
            let values: [String: JSON] = [
                "name": .string(name), "symbol": .string(symbol), "exchangeRate": .number(rate), "currencyPrecision": .int(places),
                "isBaseCurrency": .bool(n == 0), "isInactive": false,
            ]
            add("currency", n + 1, values)
        }
        add("subsidiary", 1, ["name": "Lakeside Outfitters", "legalName": "Lakeside Outfitters Inc.", "country": "US", "currency": "1", "isInactive": false])
        let british: [String: JSON] = ["name": "Lakeside Outfitters UK", "legalName": "Lakeside Outfitters Ltd", "country": "GB", "currency": "2"]
        add("subsidiary", 2, british.merging(["parent": "1", "isInactive": false]) { $1 })
        for (n, (number, name, type)) in accounts.enumerated() {
            add("account", 101 + n, ["acctNumber": .string(number), "acctName": .string(name), "acctType": .string(type), "isInactive": false])
        }
        segments(add)
        taxes(state, add)
        trade(state, add)
        people(add)
        periods(add)
    }

    private static func segments(_ add: (String, Int, [String: JSON], String?) -> Void) {
        for (n, name) in ["Retail", "Wholesale", "Web"].enumerated() { add("department", n + 1, ["name": .string(name), "isInactive": false], nil) }
        add("department", 4, ["name": "London", "subsidiary": "2", "isInactive": false], nil)
        for (n, name) in ["Online", "Shop"].enumerated() { add("classification", n + 1, ["name": .string(name), "isInactive": false], nil) }
        add("location", 1, ["name": "Warehouse", "subsidiary": "1", "isInactive": false], nil)
        add("location", 2, ["name": "London warehouse", "subsidiary": "2", "isInactive": false], nil)
    }

    private static func taxes(_ state: SuiteState, _ add: (String, Int, [String: JSON], String?) -> Void) {
        add("taxType", 1, ["name": "Sales Tax", "country": "US", "isInactive": false], nil)
        add("taxType", 2, ["name": "VAT", "country": "GB", "isInactive": false], nil)
        let codes = [
            (5, "NT", "0.0%", 1, "2100"), (7, "STATE8", "8.0%", 1, "2100"), (8, "VAT20", "20.0%", 2, "2110"), (9, "CA825", "8.25%", 1, "2100"),
            (10, "VAT5", "5.0%", 2, "2110"),
        ]
        for (id, name, rate, type, account) in codes {
            let values: [String: JSON] = [
                "itemId": .string(name), "displayName": .string(name), "rate": .string(rate), "taxType": .string(String(type)), "isInactive": false,
                "saleAccount": .string(String(state.account(account) ?? 0)), "purchaseAccount": .string(String(state.account("1310") ?? 0)),
            ]
            add("salesTaxItem", id, values, nil)
        }
    }

    private static func trade(_ state: SuiteState, _ add: (String, Int, [String: JSON], String?) -> Void) {
        func account(_ code: String) -> JSON { .string(String(state.account(code) ?? 0)) }
        for item in items {
            var values: [String: JSON] = ["itemId": .string(item.name), "displayName": .string(item.name), "isInactive": false]
            values["incomeAccount"] = account(item.account)
            if let price = item.price { values["rate"] = .number(price) }
            values["expenseAccount"] = account(item.type == "inventoryItem" ? "5000" : "6000")
            if item.type == "inventoryItem" {
                values["assetAccount"] = account("1200")
                values["cogsAccount"] = account("5000")
            }
            add(item.type, item.id, values, nil)
        }
        add("discountItem", 76, ["itemId": "Discount", "displayName": "Discount", "account": account("4900"), "isInactive": false], nil)
        for (n, name) in ["Cash", "Check", "Discover", "MasterCard", "VISA", "American Express", "PayPal"].enumerated() {
            add("paymentMethod", n + 1, ["name": .string(name), "undepFunds": true, "isInactive": false], nil)
        }
        for (n, days) in [15, 30, 60].enumerated() {
            add("term", n + 1, ["name": .string("Net \(days)"), "daysUntilNetDue": .int(days), "isInactive": false], nil)
        }
    }

    private static func people(_ add: (String, Int, [String: JSON], String?) -> Void) {
        let every: JSON = .array((1...5).map { .object([("currency", .string(String($0)))]) })
        func customer(_ id: Int, _ name: String, _ subsidiary: String, _ currency: String, _ more: [String: JSON] = [:]) {
            let values: [String: JSON] = [
                "entityId": .string(name), "companyName": .string(name), "isPerson": false, "subsidiary": .string(subsidiary), "currency": .string(currency),
                "currencyList": every, "isInactive": false,
            ]
            add("customer", id, values.merging(more) { $1 }, nil)
        }
        customer(401, "Shop customers", "1", "1")
        customer(402, "UK shop customers", "2", "2")
        customer(412, "Ann Doe", "1", "1", ["isPerson": true, "firstName": "Ann", "lastName": "Doe", "email": "ann@example.com"])
        let vendor: [String: JSON] = [
            "entityId": "Pottery supplies", "companyName": "Pottery supplies", "subsidiary": "1", "currency": "1", "isInactive": false, "isPerson": false,
        ]
        add("vendor", 421, vendor, nil)
    }

    private static func periods(_ add: (String, Int, [String: JSON], String?) -> Void) {
        for n in 0..<36 {
            let (year, month) = (2025 + n / 12, n % 12 + 1)
            guard let start = LocalDate(year: year, month: month, day: 1),
                let next = LocalDate(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1)
            else { continue }
            let end = next.adding(days: -1)
            let isClosed = lockDate.map { end <= $0 } ?? false
            let values: [String: JSON] = [
                "periodName": .string("\(months[month - 1]) \(year)"), "startDate": .string(start.description), "endDate": .string(end.description),
                "closed": .bool(isClosed), "arLocked": .bool(isClosed), "apLocked": .bool(isClosed), "allLocked": .bool(isClosed), "isAdjust": false,
                "isQuarter": false, "isYear": false,
            ]
            add("accountingPeriod", 101 + n, values, nil)
        }
    }
}
