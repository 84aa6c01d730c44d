import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct ChartTests {
    private func organisation(_ more: String = "") -> HTTPResponse {
        answer(
            """
            {"Status":"OK","Organisations":[{"Name":"Thames Pottery Ltd","BaseCurrency":"GBP","CountryCode":"GB","Timezone":"GMTSTANDARDTIME"\(more)}]}
            """)
    }

    private let accounts = answer(
        """
        {"Accounts":[{"AccountID":"00000000-0000-4000-8000-000000000001","Code":"200","Name":"Homeware sales","Type":"REVENUE","Status":"ACTIVE"},
        {"AccountID":"00000000-0000-4000-8000-000000000002","Code":"202","Name":"Garden sales","Type":"REVENUE","Status":"ARCHIVED"},
        {"AccountID":"00000000-0000-4000-8000-000000000003","Code":"091","Name":"Clearing EUR","Type":"BANK","Status":"ACTIVE","CurrencyCode":"EUR"},
        {"AccountID":"00000000-0000-4000-8000-000000000004","Name":"Business Bank","Type":"BANK","Status":"ACTIVE","CurrencyCode":"GBP"}]}
        """)
    private let rates = answer(
        """
        {"TaxRates":[{"Name":"20% (VAT on Income)","TaxType":"OUTPUT2","Status":"ACTIVE","EffectiveRate":20.0000},
        {"Name":"Old","TaxType":"TAX009","Status":"DELETED"},{"Name":"5%","TaxType":"RROUTPUT","Status":"ACTIVE"}]}
        """)
    private let currencies = answer(
        "{\"Currencies\":[{\"Code\":\"GBP\",\"Description\":\"Pound\"},{\"Code\":\"EUR\",\"Description\":\"Euro\"}]}")

    @Test("the chart has every account, the active tax types, all currencies and the later lock date")
    func chart() throws {
        // 31 October and 31 July 2026.
        let locks =
            ",\"PeriodLockDate\":\"/Date(1793404800000+0000)/\",\"EndOfYearLockDate\":\"/Date(1785456000000+0000)/\""
        let (end, calls) = drive(connector.chart(facts), [organisation(locks), accounts, rates, currencies])
        #expect(
            calls.map(\.request.target)
                == ["Organisation", "Accounts", "TaxRates", "Currencies"].map { "/api.xro/2.0/" + $0 })
        let chart = try #require(end.output)
        #expect(chart.lockDate == LocalDate("2026-10-31"))
        #expect(chart.baseCurrency == "GBP")
        #expect(chart.currencies == ["GBP", "EUR"])
        #expect(chart.taxCodes == ["OUTPUT2", "RROUTPUT", "NONE"])
        #expect(
            chart.accounts == [
                LedgerAccount(code: "200", remoteID: guid(1), name: "Homeware sales", type: "REVENUE", active: true),
                LedgerAccount(code: "202", remoteID: guid(2), name: "Garden sales", type: "REVENUE", active: false),
                LedgerAccount(
                    code: "091", remoteID: guid(3), name: "Clearing EUR", type: "BANK", active: true, currency: "EUR"),
                LedgerAccount(
                    code: "Business Bank", remoteID: guid(4), name: "Business Bank", type: "BANK", active: true,
                    currency: "GBP"),
            ])
    }

    @Test("without lock dates nothing is locked, with one it counts")
    func locks() throws {
        #expect(
            try #require(drive(connector.chart(facts), [organisation(), accounts, rates, currencies]).end.output)
                .lockDate == nil)
        let year = organisation(",\"PeriodLockDate\":null,\"EndOfYearLockDate\":\"/Date(1785456000000+0000)/\"")
        #expect(
            drive(connector.chart(facts), [year, accounts, rates, currencies]).end.output?.lockDate
                == LocalDate("2026-07-31"))
    }

    @Test("a lock date that can't be read is not taken for none")
    func unreadable() {
        for text in ["\"soon\"", "5", "\"/Date(x)/\"", "{}"] {
            let end = drive(
                connector.chart(facts), [organisation(",\"PeriodLockDate\":\(text)"), accounts, rates, currencies]
            ).end
            #expect(end.fault?.code == "unreadable_answer")
        }
        #expect(
            drive(connector.chart(facts), [answer("{\"Organisations\":[]}"), accounts, rates, currencies]).end.fault
                != nil)
    }

    @Test("the organisation at the other end is named")
    func identity() {
        #expect(
            drive(connector.identify(facts), [organisation()]).end.output
                == AccountIdentity(
                    account: facts.account, name: "Thames Pottery Ltd", country: "GB", currency: "GBP",
                    timeZone: "GMTSTANDARDTIME"))
        #expect(
            drive(connector.identify(facts), [answer("{\"Organisations\":[{}]}")]).end.fault?.code
                == "unreadable_answer")
    }

    @Test(
        "dates are days of their own offset",
        arguments: [
            ("/Date(1763596800000+0000)/", "2025-11-20"), ("/Date(1763596800000)/", "2025-11-20"),
            ("/Date(1763596799999+0000)/", "2025-11-19"),
            ("/Date(1763596799999+0100)/", "2025-11-20"), ("/Date(1763596800000-0030)/", "2025-11-19"),
            ("/Date(-1)/", "1969-12-31"),
            ("/Date(-86400000+0000)/", "1969-12-31"), ("/Date(0)/", "1970-01-01"), ("2026-11-20", "2026-11-20"),
            ("2026-11-20T00:00:00", "2026-11-20"),
        ])
    func dates(_ text: String, _ expected: String) { #expect(XeroDate.day(text) == LocalDate(expected)) }

    @Test(
        "what is no date has no day",
        arguments: [
            "", "/Date()/", "/Date(", "/Date(-)/", "/Date(+0000)/", "/Date(12a)/", "/Date(1+00)/", "/Date(1+9900)/",
            "/Date(99999999999999999999)/",
            "/Date(999999999999999)/", "2026-13-01", "2026-11-20 00:00", "20 Nov 2026", "/Date(1-)/", "/Date(--1)/",
            "/Date(1+0000)/x",
        ])
    func noDates(_ text: String) { #expect(XeroDate.day(text) == nil) }
}
