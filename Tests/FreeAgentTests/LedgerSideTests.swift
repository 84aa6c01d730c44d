import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

@Suite("Company, chart, contacts and changes")
struct LedgerSideTests {
    /// - Source: company.md, General company information.
    private let company = one("company", """
        {"url":"https://api.freeagent.com/v2/company","id":"12345","name":"My Company","subdomain":"mycompany","type":"UkLimitedCompany","currency":"GBP",
        "company_start_date":"2020-05-01","freeagent_start_date":"2020-05-01","sales_tax_registration_status":"Registered"}
        """)

    /// - Source: categories.md, List all categories; `bank_account` and the like by its table of attributes.
    private let categories = answer("""
        {"admin_expenses_categories":[{"url":"https://api.freeagent.com/v2/categories/285","description":"Accommodation and Meals","nominal_code":"285","auto_sales_tax_rate":"Standard rate"}],
        "cost_of_sales_categories":[{"url":"https://api.freeagent.com/v2/categories/102","description":"Commission Paid","nominal_code":"102"}],
        "income_categories":[{"url":"https://api.freeagent.com/v2/categories/001","description":"Sales","nominal_code":"001"}],
        "general_categories":[{"url":"https://api.freeagent.com/v2/categories/051","description":"Interest Received","nominal_code":"051"},
        {"url":"https://api.freeagent.com/v2/categories/750-1","description":"Bank Account: Default","nominal_code":"750-1","bank_account":"https://api.freeagent.com/v2/bank_accounts/1"},
        {"url":"https://api.freeagent.com/v2/categories/609-1","description":"Stock: Mugs","nominal_code":"609-1","stock_item":"https://api.freeagent.com/v2/stock_items/1"}]}
        """)

    private let banks = list("bank_accounts", [
        #"{"url":"https://api.freeagent.com/v2/bank_accounts/1","type":"StandardBankAccount","name":"Default bank account","status":"active","currency":"GBP"}"#,
        #"{"url":"https://api.freeagent.com/v2/bank_accounts/2","name":"Stripe EUR","status":"hidden","currency":"EUR"}"#,
    ])

    /// - Source: account_locks, List Account Locks for a company.
    private let locks = answer("""
        {"account_locks":[{"locked_to_date":"2024-03-31","user_lock":true,"locked_by_description":"Nathan Barley","locked_by_url":"https://api.freeagent.com/v2/users/1"},
        {"locked_to_date":"2026-09-30","locked_by_description":"VAT Return 09 26"}],"earliest_lock_date":"2026-10-01","latest_lock_date":"2026-11-22"}
        """)
    private let open = answer(#"{"account_locks":[]}"#)

    @Test("a company is known by its subdomain") func identity() {
        let (output, calls, _, _) = drive(connector.identify(facts), [company])
        #expect(output == AccountIdentity(account: "mycompany", name: "My Company", country: "GB", currency: "GBP") && said(calls) == ["GET /v2/company"])
        #expect(drive(connector.identify(facts), [one("company", #"{"name":"x"}"#)]).fault?.code == "unreadable_answer")
    }

    @Test("the chart has four lists of categories and the bank accounts, each bank account once and by its nominal code") func chart() throws {
        let (output, calls, _, _) = drive(connector.chart(facts), [company, categories, banks, open])
        let chart = try #require(output)
        #expect(said(calls) == ["GET /v2/company", "GET /v2/categories?sub_accounts=true", "GET /v2/bank_accounts?per_page=100&page=1", "GET /v2/account_locks"])
        #expect(chart.accounts.map { "\($0.code) \($0.remoteID) \($0.type)" } == [
            "001 001 income", "102 102 cost_of_sales", "285 285 admin_expenses", "051 051 general", "609-1 609-1 stock", "750-1 bank_accounts/1 bank",
            "Stripe EUR bank_accounts/2 bank",
        ])
        #expect(chart.accounts.map(\.active) == [true, true, true, true, true, true, false] && chart.accounts.last?.currency == "EUR" && chart.accounts[5].currency == nil)
        #expect(chart.lockDate == LocalDate("2020-04-30") && chart.baseCurrency == "GBP" && chart.currencies.first == "GBP")
        #expect(chart.taxCodes == ["20", "5", "0", "exempt", "none"])
        #expect(chart.currencies.allSatisfy { Currency($0).map { $0.decimals <= 2 } ?? false } && Set(chart.currencies).count == chart.currencies.count)
    }

    @Test("rates are the company's own, outside of the UK those of its periods") func rates() throws {
        // sales_tax_periods.md, List all sales tax periods.
        let periods = list("sales_tax_periods", [#"{"sales_tax_rate_1":"2.0","sales_tax_rate_2":"3.0","sales_tax_rate_3":"4.0"}"#, #"{"sales_tax_rate_1":"2.0","sales_tax_rate_2":null}"#])
        let american = one("company", #"{"name":"Us","subdomain":"us","type":"UsSoleProprietor","currency":"USD","sales_tax_rates":["8.25",0,"x"]}"#)
        let (output, _, _, _) = drive(connector.chart(facts), [american, categories, banks, periods, open])
        #expect(output?.taxCodes == ["8.25", "0", "2", "3", "4", "exempt", "none"] && output?.lockDate == nil)
    }

    @Test("a chart that can't be read is none", arguments: [
        #"{"income_categories":[]}"#, #"{"admin_expenses_categories":[],"cost_of_sales_categories":[],"income_categories":[{"description":"x"}],"general_categories":[]}"#,
    ])
    func badChart(text: String) { #expect(drive(connector.chart(facts), [company, answer(text), banks, open]).fault?.code == "unreadable_answer") }

    @Test("the last closed day is that of the latest lock, and at least the one before the books begin") func lockDates() {
        func locked(_ answer: HTTPResponse) -> LocalDate? { drive(connector.chart(facts), [company, categories, banks, answer]).output?.lockDate }
        #expect(locked(locks) == LocalDate("2026-09-30"))
        #expect(locked(answer(#"{"account_locks":[{"locked_to_date":"2019-12-31"},{"locked_to_date":null}]}"#)) == LocalDate("2020-04-30"))
        // A user who may not see locks can post all the same.
        #expect(locked(HTTPResponse(403, body: Array(#"{"errors":{"error":{"message":"Access denied"}}}"#.utf8))) == LocalDate("2020-04-30"))
    }

    @Test("locks that can't be read stop the chart: nothing is posted into a period that may be closed", arguments: [
        #"{"account_locks":{}}"#, #"{"locks":[]}"#, #"{"account_locks":[{"locked_to_date":"soon"}]}"#,
    ])
    func badLocks(text: String) { #expect(drive(connector.chart(facts), [company, categories, banks, answer(text)]).fault?.code == "unreadable_answer") }

    @Test("a first day of the books that can't be read stops the chart") func badStart() {
        let odd = one("company", #"{"name":"x","subdomain":"x","currency":"GBP","freeagent_start_date":"May"}"#)
        #expect(drive(connector.chart(facts), [odd, categories, banks]).fault?.code == "unreadable_answer")
    }

    // MARK: Contacts

    private func want(_ name: String, key: String? = nil) -> ReferenceWant { ReferenceWant(kind: .party, key: key ?? name, name: name, text: name) }

    @Test("sales have a contact, money and journals none") func references() {
        #expect(connector.references(for: sale()).map(\.key) == ["shop"] && connector.references(for: refundNote()).count == 1)
        #expect(connector.references(for: payment()).isEmpty && connector.references(for: tips()).isEmpty && connector.itemKey(of: goods(-1)) == nil)
    }

    @Test("a contact is found by its exact name, else in another case; active ones go before hidden ones") func contacts() {
        func row(_ id: Int, _ name: String, _ status: String = "Active") -> String {
            #"{"url":"https://api.freeagent.com/v2/contacts/\#(id)","organisation_name":"\#(name)","status":"\#(status)"}"#
        }
        let person = #"{"url":"https://api.freeagent.com/v2/contacts/6","organisation_name":null,"first_name":"test","last_name":"me","status":"Active"}"#
        let rows = [row(1, "Shop", "Hidden"), row(2, "Shop"), row(3, "SHOP sales"), row(4, "Shop sales"), row(5, "Old", "Hidden"), person]
        let (output, calls, _, _) = drive(
            connector.findReferences([want("Shop"), want("Shop sales"), want("old"), want("Test Me"), want("None")], facts), [list("contacts", rows)])
        #expect(output == ["Shop": "2", "Shop sales": "4", "old": "5", "Test Me": "6"])
        #expect(said(calls) == ["GET /v2/contacts?view=all&per_page=100&page=1"])
    }

    @Test("each name is created once") func created() throws {
        let made = one("contact", #"{"organisation_name":"Shop"}"#, status: 201, at: "contacts/70")
        let (output, calls, _, _) = drive(connector.createReferences([want("Shop"), want("Shop", key: "again")], facts), [made])
        #expect(output == ["Shop": "70", "again": "70"] && calls.count == 1)
        #expect(try body(calls[0]) == ["contact": ["organisation_name": "Shop"]])
        #expect(drive(connector.createReferences([want("Shop")], facts), [one("contact", "{}", status: 201)]).fault?.code == "outcome_unknown")
    }

    // MARK: Changes

    @Test("changes are read list by list, then bank account by bank account, and end") func changes() throws {
        var cursor: String?, keys: [PostKey] = [], others: [String] = [], asked: [String] = [], watermark: Timestamp?
        let since = try #require(Timestamp(rfc3339: "2026-11-14T10:00:00Z"))
        for _ in 0 ..< 6 {
            let exchange = try #require(connector.changes(since: since, cursor: cursor, facts))
            let (output, calls, _, _) = play(exchange)
            asked += said(calls).filter { !$0.contains("/bank_accounts?") }
            let page = try #require(output)
            keys += page.keys
            others += page.remoteIDs
            watermark = max(watermark ?? since, page.watermark ?? since)
            cursor = page.next
            if cursor == nil { break }
        }
        #expect(cursor == nil && keys == [key(1), key(2), key(3), key(4)])
        #expect(others == ["9", "12@8"], "whose key was edited away is named as we know it")
        #expect(watermark == Timestamp(rfc3339: "2026-11-14T10:00:04Z"))
        #expect(asked.count == 5 && asked[0] == "GET /v2/invoices?updated_since=2026-11-14T09%3A55%3A00.000Z&sort=updated_at&per_page=100&page=1")
    }

    private func play(_ exchange: Exchange<LedgerChanges>) -> (output: LedgerChanges?, calls: [Call], fault: Fault?, verdict: Verdict?) {
        var step = exchange, calls: [Call] = []
        while case .send(let call, let then) = step {
            calls.append(call)
            step = then(changed(call.request.target))
        }
        if case .finish(let output) = step { return (output, calls, nil, nil) }
        return (nil, calls, nil, nil)
    }

    private func changed(_ target: String) -> HTTPResponse {
        let times = (1 ... 4).map { #""updated_at":"2026-11-14T10:00:0\#($0).000Z""# }
        if target.contains("/invoices?") { return list("invoices", [#"{"reference":"0000000000000001",\#(times[0])}"#, #"{"url":"https://api.freeagent.com/v2/invoices/9","reference":"INV-7",\#(times[0])}"#]) }
        if target.contains("/credit_notes?") { return list("credit_notes", [#"{"reference":"0000000000000002",\#(times[1])}"#]) }
        if target.contains("/journal_sets?") { return list("journal_sets", [#"{"tag":"cf:0000000000000003",\#(times[2])}"#, #"{"tag":null,\#(times[2])}"#]) }
        if target.contains("/bank_accounts?") { return banks }
        let other = #"{"url":"\#(host)/bank_transaction_explanations/12","bank_transaction":"\#(host)/bank_transactions/8","description":"rent",\#(times[3])}"#
        return list("bank_transaction_explanations", target.contains("accounts%2F2") ? [#"{"description":"cf:0000000000000004 1/1 x",\#(times[3])}"#, other] : [])
    }

    @Test("a cursor that is none of ours begins anew", arguments: ["", "x", "invoices", "invoices/0", "../1/2"]) func cursors(text: String) throws {
        let exchange = try #require(connector.changes(since: Timestamp(seconds: 0), cursor: text, facts))
        #expect(said(drive(exchange).calls).first?.hasPrefix("GET /v2/invoices?") == true)
    }
}

@Suite("What FreeAgent says")
struct AnswerTests {
    private let read = FreeAgentConnector.get("/v2/company"), write = FreeAgentConnector.write(.post, "/v2/invoices", [:], calls: 2)
    private let step = FreeAgentConnector.write(.put, "/v2/invoices/3/transitions/mark_as_sent", calls: 0)

    @Test("its words decide what a person has to do", arguments: [
        (422, "invoice_items.description is locked and cannot be changed", "ledger_document_fixed"), (422, "Dated on is in a VAT return that has been filed", "ledger_period_closed"),
        (422, "Category is invalid", "ledger_account_invalid"), (422, "bank_account must exist", "ledger_account_invalid"), (422, "Contact can't be blank", "ledger_party_invalid"),
        (422, "invoice_items contain errors", "ledger_refused"), (400, "'invoice_items' parameter does not match expected type 'array'", "ledger_refused"),
        (403, "Invoice is locked.", "ledger_period_closed"), (422, "dated_on is in a locked period", "ledger_period_closed"),
        (404, "no", "ledger_document_missing"), (406, "no", "ledger_refused"),
    ])
    func words(status: Int, message: String, code: String) {
        let fault = rejected(connector.judge(refusal(message, status: status), to: write))
        #expect(fault?.code == code && fault?.disposition == .reject)
    }

    @Test("a user who may not is the connection's trouble, not the document's; a step behind a write is told of it") func access() {
        guard case .reauthorize(let fault) = connector.judge(refusal("no", status: 403), to: write) else {
            Issue.record("it is not the credential's")
            return
        }
        #expect(fault.code == "ledger_access_refused" && fault.disposition == .reauthorise)
        #expect(word(connector.judge(refusal("no", status: 403), to: read)) == "reauthorize" && connector.judge(refusal("no", status: 403), to: step) == .accepted)
    }

    @Test("errors come as a list, as one, or as words", arguments: [
        #"{"errors":[{"message":"no"},{"message":"no"}]}"#, #"{"errors":{"error":{"message":"no"}}}"#, #"{"errors":{"error":[{"message":"no"}]}}"#, #"{"errors":["no"]}"#,
    ])
    func shapes(text: String) { #expect(Problem(answer(text, status: 422)).text == "no") }

    @Test("a clear no to a step is read by the exchange; what is unclear is not") func steps() {
        #expect(connector.judge(refusal("no"), to: step) == .accepted && connector.judge(HTTPResponse(404), to: step) == .accepted)
        #expect(word(connector.judge(HTTPResponse(502), to: step)) == "outcomeUnknown" && word(connector.judge(HTTPResponse(401), to: step)) == "reauthorize")
        #expect(word(connector.judge(HTTPResponse(429), to: step)) == "throttled" && word(connector.judge(refusal("no"), to: write)) == "rejected")
    }

    private func word(_ verdict: Verdict) -> String { String("\(verdict)".prefix { $0 != "(" }) }

    /// - Source: introduction.md, Respecting the Rate Limits.
    @Test("too fast pauses the budget that it names, as long as it says") func throttled() {
        func verdict(_ text: String) -> Verdict { connector.judge(answer(text, status: 429, ["Retry-After": "60"]), to: read) }
        #expect(verdict("You must not exceed 15 requests per 60 seconds") == .throttled(after: .seconds(60), bucket: "minute"))
        #expect(verdict("You must not exceed 3600 requests per 3600 seconds") == .throttled(after: .seconds(60), bucket: "hour"))
        #expect(verdict("") == .throttled(after: .seconds(60), bucket: nil))
    }

    @Test("a record that is gone is no error to who asks for it; an error under a success is no success") func bodies() {
        #expect(connector.judge(HTTPResponse(404), to: FreeAgentConnector.get("/v2/invoices/3")) == .accepted)
        #expect(word(connector.judge(HTTPResponse(404), to: read)) == "rejected" && word(connector.judge(refusal("no", status: 200), to: write)) == "outcomeUnknown")
        #expect(word(connector.judge(answer("", status: 201), to: write)) == "outcomeUnknown" && word(connector.judge(answer("<html>"), to: read)) == "unavailable")
        #expect(connector.judge(nothing, to: step) == .accepted, "a transition's answer is documented without a body")
    }

    @Test("only addresses of the right kind name a record", arguments: [
        ("https://api.freeagent.com/v2/invoices/3", "3"), ("http://127.0.0.1:8090/freeagent/v2/invoices/3?x=1", "3"), ("/v2/invoices/3", "3"),
        ("https://api.freeagent.com/v2/credit_notes/3", nil), ("https://api.freeagent.com/v2/invoices/", nil), ("https://api.freeagent.com/v2/invoices/../1", nil), ("", nil),
    ] as [(String, String?)])
    func addresses(text: String, id: String?) { #expect(Kind.invoices.id(of: text) == id) }
}
