public import ConnectorKit
internal import Kernel
internal import Wire

extension OdooConnector {
    /// All accounts (those too that are out of use), taxes of sales and purchases by their ids, active currencies, and the latest of the lock dates: four reads, more
    /// where a list has more pages.
    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> {
        speaking(connection) { dialect in
            company(dialect, fields: ["id", "name", "currency_id"] + dialect.lockDates) { company in
                guard let id = company["id"]?.id, let base = company["currency_id"]?.named else {
                    return .fail(Self.unreadable("the company has no id or currency"))
                }
                return self.rows([Self.accounts(of: id, dialect)], dialect) { accounts in
                    self.rows([Listing("account.tax", [["type_tax_use", "in", ["sale", "purchase"]], ["company_id", "=", .id(id)]], ["id", "name"])], dialect) { taxes in
                        self.rows([Listing("res.currency", [], ["id", "name"])], dialect) { currencies in
                            do throws(Fault) {
                                return .finish(try Self.chart(company, base, accounts, taxes, currencies, dialect))
                            } catch {
                                return .fail(error)
                            }
                        }
                    }
                }
            }
        }
    }

    private static func accounts(of company: Int, _ dialect: Dialect) -> Listing {
        let domain: JSON = dialect.sharesAccounts ? [["company_ids", "in", .ids([company])]] : [["company_id", "=", .id(company)]]
        return Listing(
            "account.account", domain, ["id", "code", "name", dialect.typeOfAccount, "currency_id", dialect.archivesAccounts ? "active" : "deprecated"],
            context: dialect.archivesAccounts ? [("active_test", false)] : [])
    }

    private static func chart(
        _ company: JSON, _ base: String, _ accounts: [JSON], _ taxes: [JSON], _ currencies: [JSON], _ dialect: Dialect
    ) throws(Fault) -> Chart {
        var locks: [LocalDate] = []
        for field in dialect.lockDates {
            // Guessing a lock date that is there but unreadable would post into a closed period.
            guard let value = company[field], value != false, value != .null else { continue }
            guard let day = value.string.flatMap({ LocalDate($0) }) else { throw unreadable("\(field) is no date") }
            locks.append(day)
        }
        var chart = Chart(accounts: [], taxCodes: [], lockDate: locks.max(), baseCurrency: base, currencies: [base])
        for row in accounts { chart.accounts.append(try account(row, base, dialect)) }
        for row in taxes {
            guard let id = row["id"]?.id else { throw unreadable("a tax has no id") }
            chart.taxCodes.append(String(id))
        }
        chart.taxCodes.append("none")
        for row in currencies {
            if let code = row["name"]?.words, !chart.currencies.contains(code) { chart.currencies.append(code) }
        }
        return chart
    }

    private static func account(_ row: JSON, _ base: String, _ dialect: Dialect) throws(Fault) -> LedgerAccount {
        guard let id = row["id"]?.id, let name = row["name"]?.words else { throw unreadable("an account has no id or name") }
        let currency = row["currency_id"]?.named
        return LedgerAccount(
            // Of a company that shares its accounts, some have no code here.
            code: row["code"]?.words ?? name, remoteID: String(id), name: name, type: row[dialect.typeOfAccount]?.words ?? "",
            active: dialect.archivesAccounts ? row["active"]?.bool ?? false : !(row["deprecated"]?.bool ?? false),
            currency: currency == base ? nil : currency)
    }
}
