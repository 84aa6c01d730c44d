public import ConnectorKit
internal import Kernel
internal import Wire

/// What we need of a company's preferences.
struct Preferences: Sendable {
    var homeCurrency: String?
    var multiCurrency: Bool
    /// The last closed day.
    var closed: LocalDate?
    var classAtDocument = false
    var classAtLine = false
    var departments = false
    /// Sales tax, VAT or GST is switched on; `nil` where they do not say.
    var usesSalesTax: Bool?

    /// Whether the company has the feature on.
    func tracks(_ dimension: String) -> Bool { dimension == "class" ? classAtDocument || classAtLine : departments }

    /// - Throws: `unreadable_answer`, also for a closing date that is no date: guessing there would post into a
    ///   closed period.
    init(_ answer: HTTPResponse) throws(Fault) {
        let root = try JSONDocument(parsing: answer.body).root
        let inner = root["Preferences"]
        let listed = root["QueryResponse"]["Preferences"].elements.first
        let all = inner.exists ? inner : listed ?? inner
        guard all.exists else { throw QuickBooksOnlineConnector.unreadable("preferences are missing") }
        let currency = all["CurrencyPrefs"]
        homeCurrency = currency["HomeCurrency"]["value"].string
        multiCurrency = currency["MultiCurrencyEnabled"].bool ?? false
        let accounting = all["AccountingInfoPrefs"]
        classAtDocument = accounting["ClassTrackingPerTxn"].bool ?? false
        classAtLine = accounting["ClassTrackingPerTxnLine"].bool ?? false
        departments = accounting["TrackDepartments"].bool ?? false
        usesSalesTax = all["TaxPrefs"]["UsingSalesTax"].bool
        let date = accounting["BookCloseDate"]
        guard let text = date.string, !text.isEmpty else {
            guard date.isNull || date.string != nil else {
                throw QuickBooksOnlineConnector.unreadable("BookCloseDate is no text")
            }
            return
        }
        guard let day = LocalDate(text) else { throw QuickBooksOnlineConnector.unreadable("BookCloseDate is no date") }
        closed = day
    }
}

extension QuickBooksOnlineConnector {
    /// All accounts (inactive ones too), the tax codes and what the preferences say of currencies and the closed
    /// period. Three reads and one more for each further thousand accounts or, with several currencies, for their
    /// list.
    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> {
        .send(read("preferences", [], connection)) { answer in
            do throws(Fault) {
                let preferences = try Preferences(answer)
                guard let home = preferences.homeCurrency, !home.isEmpty else {
                    throw Self.unreadable("preferences name no home currency")
                }
                // Inactive accounts are listed only when asked for by name.
                var queries = [Query("Account", where: "Active in (true,false)", ordered: true), Query("TaxCode")]
                if preferences.multiCurrency { queries.append(Query("CompanyCurrency")) }
                return self.rows(queries, connection) { rows in
                    do throws(Fault) {
                        return .finish(try Self.chart(rows, home: home, closed: preferences.closed))
                    } catch {
                        return .fail(error)
                    }
                }
            } catch {
                return .fail(error)
            }
        }
    }

    private static func chart(_ rows: [Row], home: String, closed: LocalDate?) throws(Fault) -> Chart {
        var chart = Chart(accounts: [], taxCodes: [], lockDate: closed, baseCurrency: home, currencies: [home])
        for row in rows {
            let fields = row.fields
            switch row.entity {
            case "Account": chart.accounts.append(try account(fields, home: home))
            case "TaxCode":
                // What a line's TaxCodeRef takes: TAX and NON in the United States, a number elsewhere.
                if let id = fields["Id"].string, fields["Active"].bool ?? true { chart.taxCodes.append(id) }
            default:
                if let code = fields["Code"].string, fields["Active"].bool ?? true, !chart.currencies.contains(code) {
                    chart.currencies.append(code)
                }
            }
        }
        return chart
    }

    private static func account(_ fields: JSONView, home: String) throws(Fault) -> LedgerAccount {
        guard let id = fields["Id"].string, !id.isEmpty, let name = fields["Name"].string, !name.isEmpty else {
            throw unreadable("an account has no Id or Name")
        }
        let code = fields["AcctNum"].string ?? ""
        let currency = fields["CurrencyRef"]["value"].string
        return LedgerAccount(
            code: code.isEmpty ? name : code, remoteID: id, name: name, type: fields["AccountType"].string ?? "",
            active: fields["Active"].bool ?? true,
            // Accounts in home currency take documents of any currency.
            currency: currency == home ? nil : currency)
    }
}
