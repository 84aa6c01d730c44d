internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension FreeAgentConnector {
    /// Categories with their sub accounts, bank accounts (hidden ones too), the rates of tax that lines may have, and the last closed day: that of the
    /// latest lock, at least the day before the books begin. Four reads, five for companies outside of the UK, more where there are many bank accounts.
    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> {
        .send(Self.get("/v2/company")) { answer in
            .trying { () throws(Fault) in
                let company = try Company(answer)
                return .send(Self.get("/v2/categories", [("sub_accounts", "true")])) { answer in
                    .trying { () throws(Fault) in
                        let categories = try Self.categories(answer)
                        return Self.whole(.bankAccounts, []).next { banks in
                            Self.periods(of: company).next { periods in
                                Self.lockedUntil().reading { locked throws(Fault) in try Self.chart(company, categories, banks, periods, locked) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Only companies of the US and the universal kind have them.
    private static func periods(of company: Company) -> Exchange<[JSON]> { company.isUK ? .finish([]) : whole(.taxPeriods, []) }

    /// The last day that a lock covers, whoever set it: a user, a filed return. `nil` where there is none, or where the user who consented may not see
    /// them: then the ledger's own refusal is all there is.
    /// - Source: account_locks.md, List Account Locks: `locked_to_date`; the level Full Access.
    private static func lockedUntil() -> Exchange<LocalDate?> {
        .one(get(locksPath)) { answer throws(Fault) in
            if answer.status == 403 { return nil }
            guard let rows = try answer.json()["account_locks"]?.array else { throw judging.notRead("it gives no list of account_locks") }
            var days: [LocalDate] = []
            for row in rows {
                guard let text = row.member("locked_to_date")?.string else { continue }
                guard let day = LocalDate(text) else { throw judging.notRead("the day of a lock is none") }
                days.append(day)
            }
            return days.max()
        }
    }

    static let locksPath = "/v2/account_locks"

    /// The four lists, each with the word for what is in it.
    private static let groups: [(member: String, type: String)] = [
        ("income_categories", "income"), ("cost_of_sales_categories", "cost_of_sales"), ("admin_expenses_categories", "admin_expenses"),
        ("general_categories", "general"),
    ]

    /// Sub accounts of these kinds need more in a journal than an amount.
    static let special: [(field: String, type: String)] = [
        ("capital_asset_type", "capital_asset"), ("stock_item", "stock"), ("hire_purchase", "hire_purchase"), ("user", "user"),
    ]

    private struct Category: Sendable {
        var row: JSON
        var type: String
    }

    private static func categories(_ answer: HTTPResponse) throws(Fault) -> [Category] {
        let json = try answer.json()
        var out: [Category] = []
        for group in groups {
            guard let rows = json[group.member]?.array else { throw judging.notRead("it gives no \(group.member)") }
            out += rows.map { row in Category(row: row, type: special.first { row.member($0.field) != nil }?.type ?? group.type) }
        }
        return out
    }

    private static func chart(_ company: Company, _ categories: [Category], _ banks: [JSON], _ periods: [JSON], _ locked: LocalDate?) throws(Fault) -> Chart {
        // `750-1` is a bank account's code among the categories.
        var codes: [String: String] = [:]
        var accounts: [LedgerAccount] = []
        for category in categories {
            guard let code = category.row["nominal_code"]?.string, Kind.isID(code), let name = category.row["description"]?.string else {
                throw judging.notRead("a category has no code or description")
            }
            if let bank = Kind.bankAccounts.id(of: category.row.member("bank_account")?.string) {
                codes[bank] = code
            } else {
                accounts.append(LedgerAccount(code: code, remoteID: code, name: name, type: category.type, active: true))
            }
        }
        for row in banks {
            guard let id = Kind.bankAccounts.id(of: row["url"]?.string), let name = row["name"]?.string else {
                throw judging.notRead("a bank account has no url or name")
            }
            let currency = row.member("currency")?.string
            accounts.append(LedgerAccount(
                code: codes[id] ?? name, remoteID: bankPrefix + id, name: name, type: "bank", active: row["status"]?.string != "hidden",
                currency: currency == company.currency ? nil : currency))
        }
        return Chart(
            accounts: accounts, taxCodes: taxCodes(company, periods), lockDate: [company.start?.adding(days: -1), locked].compactMap(\.self).max(),
            baseCurrency: company.currency, currencies: [company.currency] + currencies.filter { $0 != company.currency })
    }

    /// Rates of the company's own, and what bears none.
    private static func taxCodes(_ company: Company, _ periods: [JSON]) -> [String] {
        var rates = company.rates
        for period in periods { rates += (1 ... 3).compactMap { period.member("sales_tax_rate_\($0)").flatMap { TaxRate.percentage($0) } } }
        // A company of the UK has the country's; some answers leave them out.
        if company.isUK, rates.isEmpty { rates = ["20", "5", "0"] }
        return rates.unique { $0 } + [TaxRate.exempt.code, TaxRate.none.code]
    }

    /// - Source: currencies.md. Without those of three digits, which amounts of two can't say.
    static let currencies: [String] = """
        AED AMD AOA ARS AUD AWG AZN BBD BDT BGN BRL BWP CAD CHF CLP CNY COP CRC CUC CUP CZK DKK DOP EGP EUR FJD GBP GEL GHS GTQ GYD HKD HNL HRK HUF IDR \
        ILS INR ISK JMD JPY KES KRW KYD KZT LAK LBP LKR LTL LVL MAD MDL MGA MUR MVR MWK MXN MYR MZN NAD NGN NOK NPR NZD PEN PHP PKR PLN QAR RON RSD RUB \
        RWF SAR SCR SEK SGD THB TRY TTD TWD TZS UAH UGX USD UYU VEF VND VUV XAF XCD XOF ZAR ZMK
        """.split(separator: " ").map(String.init)
}
