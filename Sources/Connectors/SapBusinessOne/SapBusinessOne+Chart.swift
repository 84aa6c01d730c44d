internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SapBusinessOneConnector {
    /// Accounts that can be posted to and those that can't be any more, tax codes, currencies, and the last closed day.
    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> {
        speaking(connection) { dialect in
            company(dialect) { company in
                self.locked(dialect) { lock in
                    // Sales tax codes are few, and which of their properties an older version has is not told.
                    let taxes = dialect.taxCodes == .vatGroups
                        ? Query("VatGroups", ["Code", "Name", "Category", "Inactive"], order: "Code") : Query("SalesTaxCodes", [], order: "Code")
                    let accounts = Query(
                        "ChartOfAccounts", ["Code", "FormatCode", "Name", "AccountType", "ActiveAccount", "AcctCurrency", "FrozenFor", "LockManualTransaction"],
                        order: "Code")
                    return self.rows([accounts, taxes], dialect) { pages in
                        do throws(Fault) { return .finish(try Self.chart(company, lock, pages, dialect)) } catch { return .fail(error) }
                    }
                }
            }
        }
    }

    private static func chart(_ company: Company, _ lock: LocalDate?, _ pages: [[JSON]], _ dialect: Dialect) throws(Fault) -> Chart {
        guard pages.count == 2 else { throw unreadable("a list is missing") }
        var chart = Chart(accounts: [], taxCodes: [], lockDate: lock, baseCurrency: company.base, currencies: company.currencies)
        for row in pages[0] { chart.accounts.append(try account(row, company.base, dialect)) }
        for row in pages[1] {
            guard let code = row["Code"]?.words else { throw unreadable("a tax code has no Code") }
            // Those of sales and of purchases, in either list.
            if (row["ValidForAR"]?.string == "tNO" && row["ValidForAP"]?.string == "tNO") || row["Inactive"]?.string == "tYES" { continue }
            if !chart.taxCodes.contains(code) { chart.taxCodes.append(code) }
        }
        chart.taxCodes.append("none")
        return chart
    }

    private static func account(_ row: JSON, _ base: String, _ dialect: Dialect) throws(Fault) -> LedgerAccount {
        guard let code = row["Code"]?.words else { throw unreadable("an account has no Code") }
        let shown = code.hasPrefix("_SYS") ? row["FormatCode"]?.words ?? code : code
        // Titles can't be posted to. Control accounts can: by way of their partners.
        let active = row["ActiveAccount"]?.string == "tYES" && row["FrozenFor"]?.string != "tYES"
        let currency = row["AcctCurrency"]?.words.map { dialect.iso($0) }
        return LedgerAccount(
            code: shown, remoteID: code, name: row["Name"]?.words ?? shown,
            type: row["LockManualTransaction"]?.string == "tYES" ? "control" : row["AccountType"]?.words ?? "", active: active,
            currency: currency == base || currency == "##" ? nil : currency)
    }

    // MARK: Company

    struct Company: Sendable {
        var name: String?
        var country: String?
        /// ISO codes.
        var base: String
        var currencies: [String]
    }

    /// What the company says of itself, and its currencies. Some have codes of the company's own (`$`), which the settings must name: each document
    /// is written and read by them.
    func company<Output: Sendable>(_ dialect: Dialect, then next: @escaping @Sendable (Company) -> Exchange<Output>) -> Exchange<Output> {
        rows([Query("Currencies", ["Code", "Name", "DocumentsCode"], order: "Code")], dialect) { pages in
            let rows = Array(pages.joined())
            let known = Set(rows.compactMap { Self.currency($0, dialect) })
            if let base = dialect.base {
                return next(Company(name: nil, country: nil, base: base, currencies: [base] + known.subtracting([base]).sorted()))
            }
            return self.settings(of: dialect) { info in
                guard let local = info?["LocalCurrency"]?.words else { return .fail(Self.unreadable("the company names no LocalCurrency")) }
                let own: JSON = rows.first { $0["Code"]?.string == local } ?? ["Code": .string(local)]
                guard let base = Self.currency(own, dialect) else { return .fail(Self.currencyUnknown(local, own["DocumentsCode"]?.words)) }
                return next(Company(
                    name: info?["CompanyName"]?.words, country: info?["Country"]?.words, base: base,
                    currencies: [base] + known.subtracting([base]).sorted()))
            }
        }
    }

    /// The company's own settings. OData 4 has them as a function, which is got, OData 3 as an operation, which is posted; servers that have moved
    /// half of the way take the other.
    private func settings<Output: Sendable>(of dialect: Dialect, then next: @escaping @Sendable (JSON?) -> Exchange<Output>) -> Exchange<Output> {
        let posted = Self.ask(HTTPRequest.companySettings, [:], dialect)
        guard dialect.version == .v2 else { return .send(posted) { next(try? JSON(parsing: $0.body)) } }
        let got = Call(.read, HTTPRequest(.get, "\(dialect.version.root)/\(HTTPRequest.companySettings)"), cost: Budget.one)
        return .send(got) { answer in
            if (200 ..< 300).contains(answer.status) { return next(try? JSON(parsing: answer.body)) }
            return .send(posted) { next(try? JSON(parsing: $0.body)) }
        }
    }

    /// The ISO code of a currency of theirs; `nil` where its own code is another one and the settings don't name it.
    private static func currency(_ row: JSON, _ dialect: Dialect) -> String? {
        guard let code = row["Code"]?.words else { return nil }
        let iso = dialect.iso(code)
        if iso != code { return iso }
        if let other = row["DocumentsCode"]?.words, other != code, Currency(other) != nil { return nil }
        return Currency(code)?.code
    }

    private static func currencyUnknown(_ code: String, _ iso: String?) -> Fault {
        let (code, iso) = (cut(plain(code), utf16: 20), cut(plain(iso ?? "USD"), utf16: 20))
        return Fault(
            "currency_code_unknown", stage: .post, disposition: .reject, summary: "the company's currency is \(code), which is no ISO code",
            remedy: "Name it under the connection's setting currencies: \(iso)=\(code).", position: "currencies")
    }

    // MARK: Posting periods

    /// The later of the day that the settings name and the end of the locked periods before the first open one.
    private func locked<Output: Sendable>(_ dialect: Dialect, then next: @escaping @Sendable (LocalDate?) -> Exchange<Output>) -> Exchange<Output> {
        guard dialect.readsPeriods else { return next(dialect.lockedUntil) }
        return .send(Self.ask("CompanyService_GetPeriods", [:], dialect)) { answer in
            guard let years = Self.list(answer) else { return .fail(Self.unreadable("the company names no period categories")) }
            let entries = years.compactMap { $0["AbsoluteEntry"]?.entry }
            guard entries.count == years.count else { return .fail(Self.unreadable("a period category has no AbsoluteEntry")) }
            return self.periods(entries[...], dialect, []) { periods in
                let lock = Self.lastClosed(periods)
                return next([lock, dialect.lockedUntil].compactMap(\.self).max())
            }
        }
    }

    /// A posting period: it is closed to all, or somebody may still post.
    struct Period: Sendable, Equatable {
        var from: LocalDate
        var to: LocalDate
        var isLocked: Bool
    }

    private func periods<Output: Sendable>(
        _ years: ArraySlice<Int>, _ dialect: Dialect, _ found: [Period], then next: @escaping @Sendable ([Period]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let year = years.first else { return next(found) }
        return .send(Self.ask("CompanyService_GetFinancePeriods", ["PeriodCategoryParams": ["AbsoluteEntry": .id(year)]], dialect)) { answer in
            guard let rows = Self.list(answer) else { return .fail(Self.unreadable("a year has no posting periods")) }
            var all = found
            for row in rows {
                // Guessing a lock that is there but unreadable would post into a closed period.
                guard let period = Self.period(row) else { return .fail(Self.unreadable("a posting period says neither its days nor its state")) }
                all.append(period)
            }
            return self.periods(years.dropFirst(), dialect, all, then: next)
        }
    }

    /// The names of the days are written in more than one way.
    static func period(_ row: JSON) -> Period? {
        func day(_ name: String) -> LocalDate? { row.object?.first { $0.key.lowercased() == name }?.value.day }
        guard let from = day("postingdatefrom") ?? day("fromdate"), let to = day("postingdateto") ?? day("todate"), from <= to else { return nil }
        let states = (row.object ?? []).compactMap { $0.value.string }.filter { $0.hasPrefix("lt") }
        guard states.count == 1, ["ltUnlocked", "ltUnlockedExceptSales", "ltPeriodClosing", "ltLocked"].contains(states[0]) else { return nil }
        return Period(from: from, to: to, isLocked: states[0] == "ltLocked")
    }

    static func lastClosed(_ periods: [Period]) -> LocalDate? {
        let open = periods.filter { !$0.isLocked }.map(\.from).min()
        return periods.filter { period in period.isLocked && open.map { period.from < $0 } ?? true }.map(\.to).max()
    }

    private static func ask(_ name: String, _ body: JSON, _ dialect: Dialect) -> Call {
        Call(.read, HTTPRequest(.post, "\(dialect.version.root)/\(name)", fields: jsonFields, body: body.bytes), cost: Budget.one)
    }

    private static func list(_ answer: HTTPResponse) -> [JSON]? { (try? JSON(parsing: answer.body))?["value"]?.array }
}
