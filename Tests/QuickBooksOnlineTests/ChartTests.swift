import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("The chart")
struct ChartTests {
    let connector = Desk.connector

    static func preferences(close: String = #""BookCloseDate":"2026-10-31""#, multi: Bool = false) -> HTTPResponse {
        Desk.answer(
            """
            {"Preferences":{"AccountingInfoPrefs":{\(close)},
             "CurrencyPrefs":{"MultiCurrencyEnabled":\(multi),"HomeCurrency":{"value":"USD"}}},"time":"x"}
            """)
    }

    static let accounts = Desk.answer(
        """
        {"QueryResponse":{"Account":[
         {"Id":"79","Name":"Homeware sales","AcctNum":"4010","AccountType":"Income","Active":true,"CurrencyRef":{"value":"USD"}},
         {"Id":"80","Name":"Garden sales","AcctNum":"4030","AccountType":"Income","Active":false},
         {"Id":"81","Name":"Euro bank","AccountType":"Bank","Active":true,"CurrencyRef":{"value":"EUR"}}]}}
        """)
    static let taxCodes = Desk.answer(
        #"{"QueryResponse":{"TaxCode":[{"Id":"TAX","Name":"TAX"},{"Id":"NON","Name":"NON"},{"Id":"9","Name":"Old","Active":false}]}}"#
    )

    @Test("accounts are known by number, by name where they have none, inactive ones too")
    func chart() throws {
        let (ending, calls) = Desk.play(
            connector.chart(Desk.facts), [Self.preferences(), Self.accounts, Self.taxCodes])
        #expect(calls[0].request.target == Desk.base + "/preferences?minorversion=75")
        #expect(calls[1].request.query("query")?.contains("from Account where Active in (true,false)") == true)
        guard case .finished(let chart) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(
            chart
                == Chart(
                    accounts: [
                        LedgerAccount(
                            code: "4010", remoteID: "79", name: "Homeware sales", type: "Income", active: true),
                        LedgerAccount(
                            code: "4030", remoteID: "80", name: "Garden sales", type: "Income", active: false),
                        LedgerAccount(
                            code: "Euro bank", remoteID: "81", name: "Euro bank", type: "Bank", active: true,
                            currency: "EUR"),
                    ], taxCodes: ["TAX", "NON"], lockDate: LocalDate("2026-10-31"), baseCurrency: "USD",
                    currencies: ["USD"]))
    }

    @Test("a company with several currencies names them")
    func currencies() throws {
        let list = Desk.answer(
            #"{"QueryResponse":{"CompanyCurrency":[{"Code":"EUR"},{"Code":"USD"},{"Code":"GBP","Active":false}]}}"#)
        let chart = try Desk.finished(
            connector.chart(Desk.facts), [Self.preferences(close: "", multi: true), Self.accounts, Self.taxCodes, list])
        #expect(chart.currencies == ["USD", "EUR"])
        #expect(chart.lockDate == nil)
    }

    @Test(
        "a closing date that can't be read stops the reading instead of opening the books",
        arguments: [
            #""BookCloseDate":"soon""#, #""BookCloseDate":20261031"#, #""BookCloseDate":["2026-10-31"]"#,
        ])
    func closing(_ text: String) {
        guard case .failed(let fault) = Desk.play(connector.chart(Desk.facts), [Self.preferences(close: text)]).ending
        else {
            Issue.record("read")
            return
        }
        #expect(fault.code == "unreadable_answer")
    }

    @Test(
        "no closing date, an empty one and null are open books",
        arguments: ["", #""BookCloseDate":"""#, #""BookCloseDate":null"#])
    func open(_ text: String) throws {
        #expect(try Preferences(Self.preferences(close: text)).closed == nil)
    }

    @Test("who is there is told by name, country and currency")
    func identity() throws {
        let company = Desk.answer(
            #"{"CompanyInfo":{"CompanyName":"Prairie Goods LLC","Country":"US","Id":"1"},"time":"x"}"#)
        let (ending, calls) = Desk.play(connector.identify(Desk.facts), [company, Self.preferences()])
        #expect(calls[0].request.path == Desk.base + "/companyinfo/9130350000000001")
        guard case .finished(let identity) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(
            identity
                == AccountIdentity(
                    account: "9130350000000001", name: "Prairie Goods LLC", country: "US", currency: "USD"))
    }

    @Test("an account number with odd characters can't leave its place in the path")
    func oddAccount() {
        let calls = Desk.play(connector.chart(ConnectionFacts(account: "12/../9?x=1")), []).calls
        #expect(calls[0].request.path == "/v3/company/12%2F..%2F9%3Fx%3D1/preferences")
    }
}
