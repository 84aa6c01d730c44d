internal import Kernel
internal import Wire

/// What the company holds before anyone has posted to it. Account ids are 31 and up in the order below.
///
/// | id | number | name | type |
/// |---|---|---|---|
/// | 31 | 1000 | Checking | Bank |
/// | 32 | 1200 | Accounts Receivable (A/R) | Accounts Receivable |
/// | 33 | 1250 | Undeposited Funds | Other Current Asset |
/// | 34, 35 | 1310, 1320 | Shopify Payments clearing, PayPal clearing | Other Current Asset |
/// | 36 | 2200 | Sales Tax Payable | Other Current Liability, the automated sales tax liability |
/// | 37, 38 | 2310, 2320 | Gift cards outstanding, Tips payable | Other Current Liability |
/// | 39 | 4000 | Services | Income, account of the item Services |
/// | 40 ... 43 | 4010 ... 4040 | Homeware, Stationery, Garden, Apparel sales | Income |
/// | 44, 45, 46 | 4100, 4110, 4120 | Shipping income, Restocking fees, Return shipping fees | Income |
/// | 47, 48 | 4900, 4910 | Discounts given, Returns and allowances | Income |
/// | 49 | 7900 | Rounding | Other Expense |
/// | 50 | 2000 | Accounts Payable (A/P) | Accounts Payable |
/// | 51 | 2100 | Business card | Credit Card |
/// | 52 | 5000 | Cost of goods sold | Cost of Goods Sold |
/// | 53, 54 | 6000, 6100 | Supplies, Payment fees | Expense |
///
/// Item 1 is `Services`; tax codes are `TAX`, `NON` and `3` (an 8 % rate, id 4); class 1 is `Online`, department 1 `Web
/// shop`.
enum QBOSeed {
    static let firstAccount = 31
    static let receivable = "32"
    static let undeposited = "33"
    static let payable = "50"
    static let salesTax = "36"
    static let shipping = "44"
    static let discounts = "47"
    static let servicesItem = "1"
    static let taxCode = "3"
    static let taxRate = "4"
    /// Percent that automated sales tax works out where a document brings no tax of its own.
    static let taxPercent = ExactDecimal(8)
    static let closedThrough = "2026-10-31"
    /// The special item of a shipping line.
    static let shippingItem = "SHIPPING_ITEM_ID"

    private struct Ledger {
        var number: String
        var name: String
        var type: String
        var subType: String
        var classification: String
    }

    private static func ledger(
        _ number: String, _ name: String, _ type: String, _ subType: String, _ side: String
    ) -> Ledger {
        Ledger(number: number, name: name, type: type, subType: subType, classification: side)
    }

    private static var ledgers: [Ledger] {
        let asset = "Other Current Asset"
        let debt = "Other Current Liability"
        var all: [Ledger] = []
        all.append(ledger("1000", "Checking", "Bank", "Checking", "Asset"))
        all.append(ledger("1200", "Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable", "Asset"))
        all.append(ledger("1250", "Undeposited Funds", asset, "UndepositedFunds", "Asset"))
        all.append(ledger("1310", "Shopify Payments clearing", asset, "OtherCurrentAssets", "Asset"))
        all.append(ledger("1320", "PayPal clearing", asset, "OtherCurrentAssets", "Asset"))
        all.append(ledger("2200", "Sales Tax Payable", debt, "GlobalTaxPayable", "Liability"))
        all.append(ledger("2310", "Gift cards outstanding", debt, "OtherCurrentLiabilities", "Liability"))
        all.append(ledger("2320", "Tips payable", debt, "OtherCurrentLiabilities", "Liability"))
        let income: [(String, String, String)] = [
            ("4000", "Services", "ServiceFeeIncome"), ("4010", "Homeware sales", "SalesOfProductIncome"),
            ("4020", "Stationery sales", "SalesOfProductIncome"), ("4030", "Garden sales", "SalesOfProductIncome"),
            ("4040", "Apparel sales", "SalesOfProductIncome"), ("4100", "Shipping income", "OtherPrimaryIncome"),
            ("4110", "Restocking fees", "OtherPrimaryIncome"), ("4120", "Return shipping fees", "OtherPrimaryIncome"),
            ("4900", "Discounts given", "DiscountsRefundsGiven"),
            ("4910", "Returns and allowances", "DiscountsRefundsGiven"),
        ]
        for (number, name, subType) in income { all.append(ledger(number, name, "Income", subType, "Revenue")) }
        all.append(ledger("7900", "Rounding", "Other Expense", "OtherMiscellaneousExpense", "Expense"))
        all.append(ledger("2000", "Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable", "Liability"))
        all.append(ledger("2100", "Business card", "Credit Card", "CreditCard", "Liability"))
        all.append(ledger("5000", "Cost of goods sold", "Cost of Goods Sold", "SuppliesMaterialsCogs", "Expense"))
        all.append(ledger("6000", "Supplies", "Expense", "SuppliesMaterials", "Expense"))
        all.append(ledger("6100", "Payment fees", "Expense", "BankCharges", "Expense"))
        return all
    }

    private static let stamp: JSON = [
        "CreateTime": "2026-01-02T08:00:00-08:00", "LastUpdatedTime": "2026-01-02T08:00:00-08:00",
    ]

    private static func base(_ id: String) -> JSON {
        ["domain": "QBO", "sparse": false, "Id": .string(id), "SyncToken": "0", "MetaData": stamp]
    }

    private static func merged(_ id: String, _ fields: JSON) -> JSON {
        .object((base(id).object ?? []) + (fields.object ?? []))
    }

    /// Every object of the empty company. One in Britain has the same accounts, and tax codes of its own.
    static func objects(_ country: QuickBooksOnlineCountry, name: String) -> [(QBOKind, JSON)] {
        var all: [(QBOKind, JSON)] = []
        for (index, ledger) in ledgers.enumerated() {
            all.append(
                (
                    .account,
                    merged(
                        String(firstAccount + index),
                        [
                            "Name": .string(ledger.name), "SubAccount": false,
                            "FullyQualifiedName": .string(ledger.name), "Active": true,
                            "Classification": .string(ledger.classification), "AccountType": .string(ledger.type),
                            "AccountSubType": .string(ledger.subType), "AcctNum": .string(ledger.number),
                            "CurrencyRef": country.currency,
                        ])
                ))
        }
        all.append(
            (
                .item,
                merged(
                    servicesItem,
                    [
                        "Name": "Services", "FullyQualifiedName": "Services", "Active": true, "Taxable": true,
                        "UnitPrice": 0, "Type": "Service",
                        "IncomeAccountRef": ["value": "39", "name": "Services"], "PurchaseCost": 0,
                        "TrackQtyOnHand": false,
                    ])
            ))
        all += country.isAmerican ? taxes : britishTaxes
        all.append(
            (
                .trackingClass,
                merged("1", ["Name": "Online", "SubClass": false, "FullyQualifiedName": "Online", "Active": true])
            ))
        all.append(
            (
                .department,
                merged(
                    "1", ["Name": "Web shop", "SubDepartment": false, "FullyQualifiedName": "Web shop", "Active": true])
            ))
        all.append((.companyInfo, companyInfo(country, name)))
        all.append((.preferences, preferences(country)))
        return all
    }

    private static var taxes: [(QBOKind, JSON)] {
        let rates: JSON = [
            "TaxRateDetail": [
                [
                    "TaxRateRef": ["value": .string(taxRate), "name": "Illinois"], "TaxTypeApplicable": "TaxOnAmount",
                    "TaxOrder": 0,
                ]
            ]
        ]
        return [
            (
                .taxCode,
                merged(
                    "TAX", ["Name": "TAX", "Description": "TAX", "Active": true, "Taxable": true, "TaxGroup": false])
            ),
            (
                .taxCode,
                merged(
                    "NON", ["Name": "NON", "Description": "NON", "Active": true, "Taxable": false, "TaxGroup": false])
            ),
            (
                .taxCode,
                merged(
                    taxCode,
                    [
                        "Name": "Illinois", "Description": "Illinois", "Active": true, "Taxable": true,
                        "TaxGroup": true,
                        "SalesTaxRateList": rates,
                    ])
            ),
            (
                .taxRate,
                merged(
                    taxRate,
                    [
                        "Name": "Illinois", "Description": "Illinois", "Active": true,
                        "RateValue": .decimal(taxPercent),
                        "AgencyRef": ["value": "1"], "SpecialTaxType": "NONE", "DisplayType": "ReadOnly",
                    ])
            ),
            (.taxAgency, merged("1", ["DisplayName": "Illinois Department of Revenue", "TaxTrackedOnSales": true])),
        ]
    }

    private static var britishTaxes: [(QBOKind, JSON)] {
        var all: [(QBOKind, JSON)] = []
        for code in QuickBooksOnlineCountry.british {
            var fields: JSON = [
                "Name": .string(code.name), "Description": .string(code.name), "Active": true, "Taxable": .bool(code.percent != nil), "TaxGroup": .bool(code.percent != nil),
            ]
            for (member, rate) in [("SalesTaxRateList", code.sales), ("PurchaseTaxRateList", code.purchases)] {
                guard let percent = code.percent else { continue }
                fields = fields.setting(
                    member, ["TaxRateDetail": [["TaxRateRef": ["value": .string(rate), "name": .string(code.name)], "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0]]])
                let name = member == "SalesTaxRateList" ? code.name : "\(code.name) (Purchases)"
                all.append((.taxRate, merged(rate, [
                    "Name": .string(name), "Description": .string(name), "Active": true, "RateValue": .number("\(percent)"), "AgencyRef": ["value": "1"],
                    "SpecialTaxType": "NONE", "DisplayType": "ReadOnly",
                ])))
            }
            all.append((.taxCode, merged(code.id, fields)))
        }
        return all + [(.taxAgency, merged("1", ["DisplayName": "HM Revenue & Customs (VAT)", "TaxTrackedOnSales": true, "TaxTrackedOnPurchases": true]))]
    }

    private static func companyInfo(_ country: QuickBooksOnlineCountry, _ name: String) -> JSON {
        var address: JSON = ["Id": "1", "Line1": "1 Prairie Avenue", "City": "Chicago", "CountrySubDivisionCode": "IL", "PostalCode": "60616"]
        if !country.isAmerican { address = ["Id": "1", "Line1": "1 Strand", "City": "London", "PostalCode": "WC2N 5HR"] }
        return merged(
            "1",
            [
                "CompanyName": .string(name), "LegalName": .string(name), "Country": .string(country.rawValue),
                "CompanyAddr": address,
                "CompanyStartDate": "2026-01-02", "FiscalYearStartMonth": "January", "SupportedLanguages": "en",
                "DefaultTimeZone": .string(country.timeZone),
                "NameValue": [
                    ["Name": "OfferingSku", "Value": "QuickBooks Online Plus"],
                    ["Name": "NeoEnabled", "Value": "true"],
                ],
            ])
    }

    private static func preferences(_ country: QuickBooksOnlineCountry) -> JSON {
        var prefs: JSON = ["UsingSalesTax": true, "PartnerTaxEnabled": true, "TaxGroupCodeRef": ["value": .string(taxCode)]]
        if !country.isAmerican { prefs = ["UsingSalesTax": true] }
        return merged(
            "1",
            [
                "AccountingInfoPrefs": [
                    "UseAccountNumbers": true, "FirstMonthOfFiscalYear": "January", "TaxYearMonth": "January",
                    "ClassTrackingPerTxn": false, "ClassTrackingPerTxnLine": true, "TrackDepartments": true,
                    "CustomerTerminology": "Customers", "BookCloseDate": .string(closedThrough),
                ],
                "SalesFormsPrefs": [
                    "CustomTxnNumbers": true, "AllowDeposit": false, "AllowDiscount": true,
                    "DefaultDiscountAccount": .string(discounts),
                    "AllowEstimates": false, "AllowServiceDate": false, "AllowShipping": true,
                    "DefaultShippingAccount": .string(shipping), "AutoApplyCredit": false,
                ],
                "TaxPrefs": prefs,
                "CurrencyPrefs": ["MultiCurrencyEnabled": false, "HomeCurrency": ["value": .string(country.currencyCode)]],
                "OtherPrefs": ["NameValue": [["Name": "SalesFormsPrefs.WarnDuplicateDocNumber", "Value": "true"]]],
            ])
    }
}
