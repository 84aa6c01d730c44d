internal import Kernel
internal import Wire

/// What is set up rather than traded: organisation, accounts, tax rates, currencies.
extension XeroState {
    func organisation(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        guard call.method == .get else { throw .method }
        if call.path.count == 2, call.path[1].lowercased() == "actions" {
            let actions = [
                "CreateApprovedInvoice", "CreateDraftInvoice", "CreateApprovedBill", "CreateDraftBill",
                "CreateInvoicePayment",
                "UseMulticurrency",
            ]
            return Self.envelope(
                "Actions", actions.map { .object([("Name", .string($0)), ("Status", "ALLOWED")]) }, call)
        }
        guard call.path.count == 1 else { throw .notFound }
        let isOther = call.request.fields["xero-tenant-id"]?.lowercased() == XeroSeed.otherTenant
        let name = isOther ? XeroSeed.otherName : XeroSeed.organisationName
        var out = XeroMembers()
        out.text("Name", name)
        out.text("LegalName", name)
        out.flag("PaysTax", true)
        out.text("Version", "UK")
        out.text("OrganisationType", "COMPANY")
        out.text("BaseCurrency", XeroSeed.baseCurrency)
        out.text("CountryCode", "GB")
        out.flag("IsDemoCompany", false)
        out.text("OrganisationStatus", "ACTIVE")
        out.set("FinancialYearEndDay", 31)
        out.set("FinancialYearEndMonth", 3)
        out.text("SalesTaxBasis", "ACCRUALS")
        out.text("SalesTaxPeriod", "QUARTERLY")
        out.text("DefaultSalesTax", "Tax Inclusive")
        out.text("DefaultPurchasesTax", "Tax Inclusive")
        out.date("PeriodLockDate", settings.lockDate)
        out.date("EndOfYearLockDate", settings.yearEndLock)
        out.set("CreatedDateUTC", XeroDate.json(XeroSeed.founded))
        out.text("OrganisationEntityType", "COMPANY")
        out.text("Timezone", "GMTSTANDARDTIME")
        out.text("ShortCode", "!tHmsP")
        out.text("OrganisationID", isOther ? XeroSeed.otherTenant : XeroSeed.tenant)
        out.text("Edition", "BUSINESS")
        out.text("Class", "PREMIUM")
        out.empty("Addresses", "Phones", "ExternalLinks")
        out.set("PaymentTerms", .object([]))
        return Self.envelope("Organisations", [out.json], call)
    }

    // MARK: - Accounts

    mutating func accounts(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(accounts.all, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
            return Self.envelope("Accounts", rows.map { json($0) }, call)
        case (.get, 2): return Self.envelope("Accounts", [json(try account(named: call.path[1]))], call)
        case (.put, 1):
            return try write(call, "Accounts", kind: "Account") { (state, element) throws(XeroProblem) in
                try state.put(account: element, onto: nil, call)
            }
        case (.post, 2):
            let existing = try account(named: call.path[1])
            return try write(call, "Accounts", kind: "Account") { (state, element) throws(XeroProblem) in
                try state.put(account: element, onto: existing, call)
            }
        default: throw .notFound
        }
    }

    private func account(named name: String) throws(XeroProblem) -> XeroAccount {
        guard let id = XeroID(name), let found = accounts[id.description] else { throw .notFound }
        return found
    }

    private func field(of row: XeroAccount, _ path: String) -> XeroValue? {
        switch path {
        case "accountid": .guid(row.id)
        case "code": .text(row.code)
        case "name": .text(row.name)
        case "type": .text(row.type)
        case "class": .text(row.accountClass)
        case "status": .text(row.active ? "ACTIVE" : "ARCHIVED")
        case "taxtype": .text(row.taxType)
        case "systemaccount": .optional(row.system)
        case "currencycode": .optional(row.currency)
        case "enablepaymentstoaccount": .flag(row.paymentsEnabled)
        case "updateddateutc": .moment(row.updated)
        default: nil
        }
    }

    static let accountTypes: Set<String> = [
        "BANK", "CURRENT", "CURRLIAB", "DEPRECIATN", "DIRECTCOSTS", "EQUITY", "EXPENSE", "FIXED", "INVENTORY",
        "LIABILITY",
        "NONCURRENT", "OTHERINCOME", "OVERHEADS", "PREPAYMENT", "REVENUE", "SALES", "TERMLIAB",
    ]

    private mutating func put(
        account element: XeroElement, onto existing: XeroAccount?, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        let code = try element.filled("Code") ?? existing?.code ?? ""
        let name = try element.filled("Name") ?? existing?.name ?? ""
        let type = try element.filled("Type") ?? existing?.type ?? ""
        if code.isEmpty || code.count > 10 { problems.append("Code must be 1 to 10 characters") }
        if name.isEmpty || name.count > 150 { problems.append("Name must be 1 to 150 characters") }
        if !Self.accountTypes.contains(type) { problems.append("Type is not a valid account type") }
        if accounts.find("code:" + code.lowercased()).contains(where: { $0.id != existing?.id }) {
            problems.append("Please enter a unique Code.")
        }
        if accounts.all.contains(where: { $0.name.lowercased() == name.lowercased() && $0.id != existing?.id }) {
            problems.append("Please enter a unique Name.")
        }
        var row =
            existing
            ?? XeroAccount(
                id: call.newID(), code: code, name: name, type: type, taxType: "NONE", updated: call.now)
        row.code = code
        row.name = name
        row.type = type
        row.updated = call.now
        row.taxType = try element.filled("TaxType") ?? row.taxType
        if XeroSeed.taxRate(row.taxType) == nil { problems.append("TaxType is not valid") }
        row.description = try element.text("Description") ?? row.description
        row.paymentsEnabled = try element.flag("EnablePaymentsToAccount") ?? row.paymentsEnabled
        if let currency = try element.filled("CurrencyCode") { row.currency = currency }
        if let currency = row.currency, currencies[currency] == nil {
            problems.append("The current organisation is not subscribed to currency '\(currency)'.")
        }
        switch try element.filled("Status") {
        case "ARCHIVED" where row.system != nil: problems.append("You cannot archive a system account")
        case "ARCHIVED": row.active = false
        case "ACTIVE" where existing?.active == false:
            problems.append("An archived account cannot be restored by the API")
        default: break
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "AccountID", id: existing?.id, problems: problems)
        }
        accounts.put(row)
        return .saved(json(row))
    }

    private func json(_ row: XeroAccount) -> JSON {
        var out = XeroMembers()
        out.text("AccountID", row.id)
        out.text("Code", row.code)
        out.text("Name", row.name)
        out.text("Status", row.active ? "ACTIVE" : "ARCHIVED")
        out.text("Type", row.type)
        out.text("TaxType", row.taxType)
        out.text("Description", row.description)
        out.text("Class", row.accountClass)
        out.text("SystemAccount", row.system)
        out.flag("EnablePaymentsToAccount", row.paymentsEnabled)
        out.flag("ShowInExpenseClaims", false)
        if row.isBank {
            out.text("BankAccountNumber", "200000" + row.code)
            out.text("BankAccountType", "BANK")
            out.text("CurrencyCode", row.currency ?? XeroSeed.baseCurrency)
        }
        out.text("ReportingCode", row.accountClass.prefix(3).description)
        tell(attachments: "Accounts", row.id, alone: false, &out)
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.flag("AddToWatchlist", false)
        return out.json
    }

    // MARK: - Tax rates

    func taxRates(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        guard call.method == .get else { throw .method }
        var rates = XeroSeed.taxRates
        if call.path.count == 2 {
            rates = rates.filter { $0.type == call.path[1] }
            guard !rates.isEmpty else { throw .notFound }
        }
        rates = try select(
            rates, call, updated: nil,
            field: { rate, path in
                switch path {
                case "taxtype": .text(rate.type)
                case "name": .text(rate.name)
                case "status": .text("ACTIVE")
                case "effectiverate", "displaytaxrate": .number(rate.percent)
                default: nil
                }
            })
        return Self.envelope("TaxRates", rates.map { Self.json($0) }, call)
    }

    private static func json(_ rate: XeroSeed.TaxRate) -> JSON {
        var out = XeroMembers()
        out.text("Name", rate.name)
        out.text("TaxType", rate.type)
        out.text("ReportTaxType", rate.report)
        out.flag("CanApplyToAssets", rate.classes.contains("ASSET"))
        out.flag("CanApplyToEquity", rate.classes.contains("EQUITY"))
        out.flag("CanApplyToExpenses", rate.classes.contains("EXPENSE"))
        out.flag("CanApplyToLiabilities", rate.classes.contains("LIABILITY"))
        out.flag("CanApplyToRevenue", rate.classes.contains("REVENUE"))
        out.decimal("DisplayTaxRate", rate.percent, scale: 4)
        out.decimal("EffectiveRate", rate.percent, scale: 4)
        out.text("Status", "ACTIVE")
        out.set(
            "TaxComponents",
            .array([
                .object([
                    ("Name", "VAT"), ("Rate", .number(rate.percent.rounded(toScale: 4).description)),
                    ("IsCompound", false),
                    ("IsNonRecoverable", false),
                ])
            ]))
        return out.json
    }

    // MARK: - Currencies

    mutating func currencies(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(
                currencies.all, call, updated: nil,
                field: { row, path in
                    path == "code" ? .text(row.code) : nil
                })
            return Self.envelope("Currencies", rows.map { Self.json($0) }, call)
        case (.put, 1):
            return try write(call, "Currencies", kind: "Currency") { (state, element) throws(XeroProblem) in
                let code = try element.filled("Code") ?? ""
                guard code.count == 3, code == code.uppercased() else {
                    return .refusal(
                        element.json, idName: "CurrencyID", id: nil, problems: ["Code is not a valid currency code"])
                }
                let row = XeroCurrency(code: code, name: try element.filled("Description") ?? code)
                if state.currencies[code] == nil { state.currencies.put(row) }
                return .saved(Self.json(row))
            }
        default: throw .notFound
        }
    }

    private static func json(_ row: XeroCurrency) -> JSON {
        .object([("Code", .string(row.code)), ("Description", .string(row.name))])
    }
}
