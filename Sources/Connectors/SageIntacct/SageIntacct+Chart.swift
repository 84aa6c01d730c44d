public import ConnectorKit
internal import Kernel
internal import Wire

extension SageIntacctConnector {
    /// All accounts (those too that are out of use), which of them are kept for bank accounts, tax details of sales and purchases, currencies, and the day up to which
    /// the books are closed: two requests, one more for an entity, more where a list has more pages.
    public func chart(_ connection: ConnectionFacts) -> Exchange<Chart> {
        configured(connection) { settings in
            let functions = [Function("closed", .empty("get_closedbooksdate")), Function("currencies", .list("trxcurrencies"))]
            return setup(settings, functions: functions) { answers, base in
                self.entity(settings) { entity in
                    guard let base = settings.baseCurrency ?? entity?["CURRENCY"] ?? base else { return .fail(Self.noBase) }
                    return self.rows(Self.chartQueries) { found in
                        do throws(Fault) {
                            var chart = Chart(accounts: [], taxCodes: [], lockDate: nil, baseCurrency: base, currencies: [base])
                            chart.lockDate = try Self.lockDate(answers.result("closed"))
                            chart.currencies += try Self.currencies(answers.result("currencies")).filter { $0 != base }
                            chart.accounts = try Self.accounts(found)
                            chart.taxCodes = try Self.taxCodes(found["TAXDETAIL"] ?? [])
                            return .finish(chart)
                        } catch {
                            return .fail(error)
                        }
                    }
                }
            }
        }
    }

    private static let chartQueries: [Query] = [
        Query("GLACCOUNT", ["RECORDNO", "ACCOUNTNO", "TITLE", "ACCOUNTTYPE", "STATUS"], order: ["ACCOUNTNO"]),
        Query("CHECKINGACCOUNT", ["BANKACCOUNTID", "GLACCOUNTNO", "STATUS"], order: ["BANKACCOUNTID"]).optional,
        Query("SAVINGSACCOUNT", ["BANKACCOUNTID", "GLACCOUNTNO", "STATUS"], order: ["BANKACCOUNTID"]).optional,
        Query("TAXDETAIL", ["RECORDNO", "DETAILID", "TAXTYPE", "STATUS"]).optional,
    ]

    private static let noBase = Fault(
        "base_currency_unknown", stage: .post, disposition: .reject, summary: "the company keeps books in several base currencies, and none is named",
        remedy: "Set the connection's entity to the one whose books these are, or its base_currency.", position: "base_currency")

    /// A number that is an account's is written to by its number, and bank accounts of cash management are told by the type.
    private static func accounts(_ found: Found) throws(Fault) -> [LedgerAccount] {
        var banks: [String: String] = [:]
        for row in (found["CHECKINGACCOUNT"] ?? []) + (found["SAVINGSACCOUNT"] ?? []) where isActive(row) {
            // Of several with one account, the first.
            if let id = row["BANKACCOUNTID"], let account = row["GLACCOUNTNO"], banks[account] == nil { banks[account] = id }
        }
        var out: [LedgerAccount] = []
        var seen: Set<String> = []
        for row in found["GLACCOUNT"] ?? [] {
            guard let number = row["ACCOUNTNO"] else { throw unreadable("an account has no number") }
            // An entity's own account may have the number of another entity's.
            guard seen.insert(number).inserted else { continue }
            let type = banks[number].map { LedgerDocument.Line.bankType + $0 } ?? row["ACCOUNTTYPE"] ?? ""
            out.append(LedgerAccount(code: number, remoteID: number, name: row["TITLE"] ?? number, type: type, active: isActive(row)))
        }
        return out
    }

    private static func isActive(_ row: Row) -> Bool { !["inactive", "f", "false"].contains(row["STATUS"]?.lowercased() ?? "") }

    private static func taxCodes(_ rows: [Row]) throws(Fault) -> [String] {
        var out: [String] = []
        for row in rows where isActive(row) {
            guard let id = row["DETAILID"] else { throw unreadable("a tax detail has no id") }
            if !out.contains(id) { out.append(id) }
        }
        return out + ["none"]
    }

    /// `nil` where nothing is closed, or the user may not see it: the ledger refuses what is before it all the same.
    /// - Throws: `unreadable_answer`: guessing a day that is there but unreadable would post into a closed period.
    private static func lockDate(_ result: Answers.Result?) throws(Fault) -> LocalDate? {
        guard let result else { throw unreadable("up to when the books are closed") }
        if result.problem != nil { return nil }
        guard let element = result.data?["closedbooksdate"], !element.children.isEmpty else { return nil }
        let parts = ["year", "month", "day"].map { element[$0]?.words }
        if parts.allSatisfy({ $0 == nil }) { return nil }
        let numbers = parts.compactMap { $0.flatMap { Int($0) } }
        guard numbers.count == 3, (1 ... 9_999).contains(numbers[0]), let day = LocalDate(year: numbers[0], month: numbers[1], day: numbers[2]) else {
            throw unreadable("up to when the books are closed")
        }
        return day
    }

    /// Empty where there are no others than the base currency, or the user may not see them.
    private static func currencies(_ result: Answers.Result?) throws(Fault) -> [String] {
        guard let result else { throw unreadable("what currencies there are") }
        var out: [String] = []
        for element in result.problem == nil ? result.data?.children ?? [] : [] {
            if let code = element["code"]?.words, !out.contains(code) { out.append(code) }
        }
        return out
    }
}
