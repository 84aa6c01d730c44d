internal import Kernel
internal import Wire

/// What every company database holds from the beginning.
enum B1Seed {
    /// Years with posting periods.
    static let years = 2024...2027
    /// The last day of the locked periods.
    static let locked = LocalDate(year: 2026, month: 9, day: 30)
    /// Largest total that a clerk may post without somebody's approval, in minor units.
    static let approvalsFrom: Int64 = 1_000_000

    /// Accounts by their place in the chart: plain numbers in the company of Great Britain, `_SYS` and eleven digits in that of the United States, where
    /// numbers are made of segments.
    private static let chart: [(number: String, name: String, type: String, marks: String)] = [
        ("10000", "Current assets", "at_Other", "title"), ("11000", "Petty cash", "at_Other", "cash"), ("11100", "Checking account", "at_Other", "cash"),
        ("11200", "Shopify clearing", "at_Other", "cash"), ("11300", "Card clearing", "at_Other", "cash"), ("12000", "Accounts receivable", "at_Other", "control"),
        ("13000", "Inventory", "at_Other", ""), ("20000", "Accounts payable", "at_Other", "control"), ("22000", "Sales tax payable", "at_Other", ""),
        ("22100", "Input tax", "at_Other", ""), ("23000", "Gift card liability", "at_Other", ""), ("40000", "Sales revenue", "at_Revenues", ""),
        ("40100", "Freight revenue", "at_Revenues", ""), ("40200", "Gift card breakage", "at_Revenues", ""), ("50000", "Cost of goods sold", "at_Expenses", ""),
        ("60000", "Payment fees", "at_Expenses", ""), ("61000", "Office expenses", "at_Expenses", ""), ("70000", "Exchange differences", "at_Expenses", ""),
        ("71000", "Rounding differences", "at_Expenses", ""),
    ]

    /// The code of an account by its number, in this company.
    static func account(_ number: String, _ company: B1Company) -> String { account(number, usesVAT: company.usesVAT) }

    static func account(_ number: String, usesVAT: Bool) -> String {
        guard !usesVAT, let place = chart.firstIndex(where: { $0.number == number }) else { return number }
        let digits = "\(place + 1)"
        return "_SYS" + String(repeating: "0", count: 11 - digits.utf8.count) + digits
    }

    static func fill(_ company: inout B1Company) {
        let usesVAT = company.usesVAT
        func code(_ number: String) -> JSON { .string(account(number, usesVAT: usesVAT)) }
        for (number, name, type, marks) in chart {
            let key = account(number, usesVAT: usesVAT)
            company.put("ChartOfAccounts", key, [
                "Code": .string(key), "Name": .string(name), "AccountType": .string(type), "ActiveAccount": .yes(marks != "title"), "AcctCurrency": "##",
                "CashAccount": .yes(marks == "cash"), "LockManualTransaction": .yes(marks == "control"), "FormatCode": .string(number + (usesVAT ? "" : "01001")),
                "FatherAccountKey": marks == "title" ? .null : code("10000"), "AccountLevel": marks == "title" ? 2 : 4, "FrozenFor": "tNO", "ValidFor": "tYES",
            ])
        }
        taxes(&company, code)
        partners(&company, code)
        items(&company, code)
        others(&company, code)
    }

    private static func taxes(_ company: inout B1Company, _ code: (String) -> JSON) {
        if company.usesVAT {
            let groups = [("O1", "Output 20%", "20", true), ("O2", "Output 5%", "5", true), ("O0", "Output 0%", "0", true), ("I1", "Input 20%", "20", false), ("I0", "Input 0%", "0", false)]
            for (key, name, rate, isOutput) in groups {
                let line: JSON = .object([("Effectivefrom", "2011-01-04"), ("Rate", .number(rate)), ("EqualizationTax", 0), ("DatevCode", .null)])
                company.put("VatGroups", key, [
                    "Code": .string(key), "Name": .string(name), "Category": .string(isOutput ? "bovcOutputTax" : "bovcInputTax"),
                    "TaxAccount": code(isOutput ? "22000" : "22100"), "EU": "tNO", "Inactive": "tNO", "VatGroups_Lines": .array([line]),
                ])
            }
            return
        }
        for (key, name, rate) in [("CA", "California", "8.25"), ("NY", "New York", "8.875"), ("EX", "Exempt", "0")] {
            company.put("SalesTaxCodes", key, [
                "Code": .string(key), "Name": .string(name), "Rate": .number(rate), "ValidForAR": "tYES", "ValidForAP": "tYES", "Freight": "tNO", "IsItemLevel": "tNO",
                "Inactive": "tNO", "SalesTaxCodes_Lines": .array([]),
            ])
        }
    }

    private static func partners(_ company: inout B1Company, _ code: (String) -> JSON) {
        for (key, name, isCustomer) in [("C20000", "Maxi-Teq", true), ("C30000", "Microchips", true), ("V10000", "Acme Associates", false)] {
            company.put("BusinessPartners", key, [
                "CardCode": .string(key), "CardName": .string(name), "CardType": .string(isCustomer ? "cCustomer" : "cSupplier"), "GroupCode": isCustomer ? 100 : 101,
                "Currency": "##", "PayTermsGrpCode": 1, "DebitorAccount": code(isCustomer ? "12000" : "20000"), "Valid": "tYES", "Frozen": "tNO",
                "EmailAddress": .string("\(key.lowercased())@example.com"), "BPAddresses": .array([]), "ContactEmployees": .array([]),
            ])
        }
        for (key, name, type) in [(100, "Customers", "bbpgt_CustomerGroup"), (101, "Vendors", "bbpgt_VendorGroup")] {
            company.put("BusinessPartnerGroups", "\(key)", ["Code": .int(key), "Name": .string(name), "Type": .string(type)])
        }
    }

    private static func items(_ company: inout B1Company, _ code: (String) -> JSON) {
        let currency = JSON.string(company.localCurrency)
        let list: [(String, String, String, String?)] = [("A00001", "Blue mug", "19.99", nil), ("B10000", "Glass jug", "30", "5"), ("SHIP", "Shipping", "5", nil)]
        for (key, name, price, stock) in list {
            let row: JSON = .object([
                ("WarehouseCode", "01"), ("InStock", .number(stock ?? "0")), ("Committed", 0), ("Ordered", 0), ("StandardAveragePrice", .number(stock == nil ? "0" : "8")),
            ])
            company.put("Items", key, [
                "ItemCode": .string(key), "ItemName": .string(name), "ItemsGroupCode": 100, "VatLiable": "tYES", "PurchaseItem": "tYES", "SalesItem": "tYES",
                "InventoryItem": .yes(stock != nil), "IncomeAccount": code(key == "SHIP" ? "40100" : "40000"), "ExpanseAccount": code("61000"), "ItemType": "itItems",
                "QuantityOnStock": .number(stock ?? "0"), "AvgStdPrice": .number(stock == nil ? "0" : "8"), "Valid": "tYES", "Frozen": "tNO",
                "ItemPrices": .array([.object([("PriceList", 1), ("Price", .number(price)), ("Currency", currency)])]),
                "ItemWarehouseInfoCollection": .array([row]),
            ])
        }
        for (key, name) in [("01", "General warehouse"), ("02", "West warehouse")] {
            company.put("Warehouses", key, ["WarehouseCode": .string(key), "WarehouseName": .string(name), "Inactive": "tNO"])
        }
    }

    private static func others(_ company: inout B1Company, _ code: (String) -> JSON) {
        for (key, name) in [("USD", "US Dollar"), ("EUR", "Euro"), ("GBP", "Pound Sterling"), ("CAD", "Canadian Dollar")] {
            company.put("Currencies", key, ["Code": .string(key), "Name": .string(name), "DocumentsCode": .string(key), "EnglishName": .string(name)])
        }
        for day in 1...30 where company.localCurrency != "EUR" {
            guard let date = LocalDate(year: 2026, month: 11, day: day) else { continue }
            company.put("_RATES", "EUR \(date)", ["Rate": .number(company.usesVAT ? "0.85" : "1.1")])
        }
        for (key, name, days) in [(-1, "Cash basic", 0), (1, "Net 30", 30)] {
            company.put("PaymentTermsTypes", "\(key)", [
                "GroupNumber": .int(key), "PaymentTermsGroupName": .string(name), "StartFrom": "pdt_None", "NumberOfAdditionalMonths": 0, "NumberOfAdditionalDays": .int(days),
            ])
        }
        for (key, name) in [("DEP1", "Online"), ("DEP2", "Stores")] {
            company.put("ProfitCenters", key, ["CenterCode": .string(key), "CenterName": .string(name), "InWhichDimension": 1, "Active": "tYES"])
            company.put("DistributionRules", key, [
                "FactorCode": .string(key), "FactorDescription": .string(name), "TotalFactor": 100, "Direct": "Y", "InWhichDimension": 1, "Active": "tYES",
            ])
        }
        company.put("Projects", "P1", ["Code": "P1", "Name": "Web shop", "Active": "tYES"])
        company.put("CreditCards", "1", ["CreditCardCode": 1, "CreditCardName": "Visa", "GLAccount": code("11300")])
        company.put("AdditionalExpenses", "1", [
            "ExpensCode": 1, "Name": "Freight", "RevenuesAccount": code("40100"), "ExpenseAccount": code("61000"), "TaxLiable": "tYES",
        ])
        if company.hasBranches {
            for (key, name) in [(1, "Main"), (2, "North")] {
                company.put("BusinessPlaces", "\(key)", ["BPLID": .int(key), "BPLName": .string(name), "MainBPL": .yes(key == 1), "Disabled": "tNO"])
            }
        }
        for (place, table) in ["OINV", "ORCT", "OJDT", "OCRD", "OITM"].enumerated() {
            company.put("UserFieldsMD", "\(table),\(place)", [
                "TableName": .string(table), "FieldID": .int(place), "Name": "ExtId", "Type": "db_Alpha", "Size": 50, "Description": "External id", "Mandatory": "tNO", "_SINCE": 0,
            ])
        }
    }
}
