internal import Kernel
internal import Wire

/// What a company holds before anyone has posted to it.
///
/// | account | title |
/// |---|---|
/// | 1000, 1010, 1020 | Checking, Cash on hand, Barclays current |
/// | 1050, 1060, 1070 | Shopify Payments clearing, PayPal clearing, Undeposited funds |
/// | 1200, 1300, 1350 | Accounts receivable, Inventory, VAT on purchases |
/// | 2000, 2200, 2210, 2300, 2350 | Accounts payable, Sales tax payable, VAT on sales, Gift cards outstanding, Customer deposits |
/// | 2360 | Tips payable |
/// | 4000 … 4400 | Sales, Homeware, Stationery, Garden, Apparel |
/// | 4500, 4510, 4520 | Shipping income, Restocking fees, Return shipping fees |
/// | 4900, 4910 | Discounts given, Returns and allowances |
/// | 5000, 6000, 6200, 7100, 9990 | Cost of goods sold, Expenses, Bank and payment fees, Exchange gain or loss, Rounding |
///
/// Journals GJ, APJ, ARJ, CRJ. Bank accounts BOA (1000), CASH (1010), SHOPIFY (1050), PAYPAL (1060) in US dollars and BARC (1020) in pounds. Customers
/// C100 `Shop customers` and C200; vendors V100 and V200; items MUG, GLASS, SHIP; departments 10, 20; classes WEB, STORE; project P-1; terms N30, Due on
/// receipt. In a company of several entities, locations 100 (US dollars, with 110 below) and 200 (pounds, tax solution `UK VAT`). Periods are closed up to
/// 2026-10-31.
enum IntacctSeed {
    static let receivable = "1200"
    static let payable = "2000"
    static let exchangeGain = "7100"
    static let rateType = "Intacct Daily Rate"
    static let closed = LocalDate(year: 2026, month: 10, day: 31)
    /// 2026-01-01.
    private static let founded = Timestamp(seconds: 1_767_225_600)

    private static let accounts: [(number: String, title: String, balance: String)] = [
        ("1000", "Checking", "debit"), ("1010", "Cash on hand", "debit"), ("1020", "Barclays current", "debit"), ("1050", "Shopify Payments clearing", "debit"),
        ("1060", "PayPal clearing", "debit"), ("1070", "Undeposited funds", "debit"), ("1200", "Accounts receivable", "debit"), ("1300", "Inventory", "debit"),
        ("1350", "VAT on purchases", "debit"), ("2000", "Accounts payable", "credit"), ("2200", "Sales tax payable", "credit"),
        ("2210", "VAT on sales", "credit"),
        ("2300", "Gift cards outstanding", "credit"), ("2350", "Customer deposits", "credit"), ("2360", "Tips payable", "credit"), ("4000", "Sales", "credit"),
        ("4100", "Homeware sales", "credit"), ("4200", "Stationery sales", "credit"), ("4300", "Garden sales", "credit"), ("4400", "Apparel sales", "credit"),
        ("4500", "Shipping income", "credit"), ("4510", "Restocking fees", "credit"), ("4520", "Return shipping fees", "credit"),
        ("4900", "Discounts given", "debit"), ("4910", "Returns and allowances", "debit"), ("5000", "Cost of goods sold", "debit"),
        ("6000", "Expenses", "debit"),
        ("6200", "Bank and payment fees", "debit"), ("7100", "Exchange gain or loss", "credit"), ("9990", "Rounding", "debit"),
    ]

    static func fill(_ company: inout IntacctCompany, closed: LocalDate?) {
        company.now = founded
        company.insert("_COMPANY", ["CLOSED": closed.map { IntacctTime.day($0) } ?? ""], no: 1)
        chart(&company)
        if company.isMultiEntity { entities(&company) }
        banks(&company)
        taxes(&company)
        people(&company)
        things(&company)
        rates(&company)
    }

    private static func chart(_ company: inout IntacctCompany) {
        for account in accounts {
            let isBalance = account.number < "4000"
            company.insert("GLACCOUNT", [
                "ACCOUNTNO": account.number, "TITLE": account.title, "NORMALBALANCE": account.balance,
                "ACCOUNTTYPE": isBalance ? "balancesheet" : "incomestatement",
                "CLOSINGTYPE": isBalance ? "non-closing account" : "closing account", "STATUS": "active", "TAXABLE": "false", "REQUIRELOC": "false",
                "REQUIREDEPT": "false",
            ])
        }
        for (symbol, title) in [
            ("GJ", "General journal"), ("APJ", "Accounts payable journal"), ("ARJ", "Accounts receivable journal"), ("CRJ", "Cash receipts journal"),
        ] {
            company.insert("JOURNAL", ["SYMBOL": symbol, "TITLE": title, "STATUS": "active", "BOOKID": "ACCRUAL"])
        }
        for term in ["ARTERM", "APTERM"] {
            for (name, days) in [("N30", "30"), ("Due on receipt", "0")] {
                company.insert(term, ["NAME": name, "STATUS": "active", "DUEDATE": days, "DUEFROM": "from invoice/bill date"])
            }
        }
        company.insert("ARACCOUNTLABEL", ["ACCOUNTLABEL": "Sales", "GLACCOUNTNO": "4000", "STATUS": "active"])
        company.insert("APACCOUNTLABEL", ["ACCOUNTLABEL": "Expenses", "GLACCOUNTNO": "6000", "STATUS": "active"])
    }

    private static func entities(_ company: inout IntacctCompany) {
        for (id, name, currency, country, solution) in [
            ("100", "Lakeside US", "USD", "United States", ""), ("200", "Lakeside UK", "GBP", "United Kingdom", "UK VAT"),
        ] {
            company.insert("LOCATION", ["LOCATIONID": id, "NAME": name, "CURRENCY": currency, "STATUS": "active"])
            company.insert("LOCATIONENTITY", [
                "LOCATIONID": id, "NAME": name, "CURRENCY": currency, "STATUS": "active", "FIRSTMONTH": "January", "WEEKSTART": "Sunday", "LEGALNAME": name,
                "LEGALCOUNTRY": country, "OPCOUNTRY": country, "TAXSOLUTIONID": solution, "HAS_IE_RELATION": "false",
            ])
        }
        company.insert("LOCATION", ["LOCATIONID": "110", "NAME": "Lakeside web shop", "PARENTID": "100", "CURRENCY": "USD", "STATUS": "active"])
    }

    private static func banks(_ company: inout IntacctCompany) {
        for (id, account, name, currency) in [
            ("BOA", "1000", "Bank of America", "USD"), ("CASH", "1010", "Cash", "USD"), ("SHOPIFY", "1050", "Shopify Payments", "USD"),
            ("PAYPAL", "1060", "PayPal", "USD"), ("BARC", "1020", "Barclays", "GBP"),
        ] {
            company.insert("CHECKINGACCOUNT", [
                "BANKACCOUNTID": id, "BANKACCOUNTNO": "0001\(account)", "GLACCOUNTNO": account, "BANKNAME": name, "CURRENCY": currency,
                "BANKACCOUNTTYPE": "business",
                "STATUS": "active",
            ])
        }
    }

    private static func taxes(_ company: inout IntacctCompany) {
        company.insert("TAXSOLUTION", [
            "SOLUTIONID": "UK VAT", "DESCRIPTION": "United Kingdom - VAT", "TAXMETHOD": "VAT", "STATUS": "active", "TYPE": "Predefined",
            "SHOWMULTILINETAX": "false",
            "GLACCOUNTSALE": "2210", "GLACCOUNTPURCHASE": "1350",
        ])
        let rows: [(name: String, type: String, rate: String, account: String, solution: String)] = [
            ("UK Sale Standard", "Sale", "20", "2210", "UK VAT"), ("UK Sale Reduced", "Sale", "5", "2210", "UK VAT"),
            ("UK Sale Zero", "Sale", "0", "2210", "UK VAT"),
            ("UK Purchase Standard", "Purchase", "20", "1350", "UK VAT"), ("NY State", "Sale", "4", "2200", ""),
        ]
        for row in rows {
            company.insert("TAXDETAIL", [
                "DETAILID": row.name, "DESCRIPTION": row.name, "TAXTYPE": row.type, "VALUE": row.rate, "TAXRATE": row.rate == "0" ? "Zero" : "Standard",
                "GLACCOUNT": row.account, "STATUS": "active", "TAXSOLUTIONID": row.solution, "REVERSECHARGE": "false",
            ])
        }
    }

    private static func people(_ company: inout IntacctCompany) {
        for (object, id, name, term) in [
            ("CUSTOMER", "C100", "Shop customers", "N30"), ("CUSTOMER", "C200", "Garden centre", "Due on receipt"),
            ("VENDOR", "V100", "Pottery supplies", "N30"),
            ("VENDOR", "V200", "Parcel carrier", "N30"),
        ] {
            let contact = "\(name)(\(object.prefix(1))\(id))"
            company.insert(object, [
                object + "ID": id, "NAME": name, "TERMNAME": term, "STATUS": "active", "ONETIME": "false", "ONHOLD": "false",
                "DISPLAYCONTACT.CONTACTNAME": contact,
                "DISPLAYCONTACT.PRINTAS": name, "ENTITY": object.prefix(1) + id,
            ])
            company.insert("CONTACT", ["CONTACTNAME": contact, "PRINTAS": name, "STATUS": "active"])
        }
    }

    private static func things(_ company: inout IntacctCompany) {
        for (id, name) in [("MUG", "Blue mug"), ("GLASS", "Glass"), ("SHIP", "Shipping")] {
            company.insert("ITEM", ["ITEMID": id, "NAME": name, "ITEMTYPE": "Non-Inventory", "STATUS": "active", "TAXABLE": "true"])
        }
        for (id, title) in [("10", "Administration"), ("20", "Sales")] {
            company.insert("DEPARTMENT", ["DEPARTMENTID": id, "TITLE": title, "STATUS": "active"])
        }
        for (id, name) in [("WEB", "Web"), ("STORE", "Store")] { company.insert("CLASS", ["CLASSID": id, "NAME": name, "STATUS": "active"]) }
        company.insert("PROJECT", ["PROJECTID": "P-1", "NAME": "Relaunch", "PROJECTCATEGORY": "Internal", "STATUS": "active"])
        company.insert("_SUPDOCFOLDER", ["NAME": "Shop"])
    }

    private static func rates(_ company: inout IntacctCompany) {
        for (from, to, rate) in [
            ("EUR", "USD", "1.1"), ("GBP", "USD", "1.25"), ("CAD", "USD", "0.72"), ("JPY", "USD", "0.0065"), ("USD", "GBP", "0.8"), ("EUR", "GBP", "0.86"),
        ] {
            company.insert("_RATE", ["TYPE": rateType, "FROM": from, "TO": to, "DATE": "01/01/2026", "RATE": rate])
        }
        company.insert("_RATE", ["TYPE": rateType, "FROM": "EUR", "TO": "USD", "DATE": "11/16/2026", "RATE": "1.12"])
    }
}
