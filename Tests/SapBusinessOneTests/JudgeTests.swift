import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("What the Service Layer's answers mean") struct JudgeTests {
    private let read = Call(.read, HTTPRequest(.get, "/b1s/v2/Invoices"))
    private let write = Call(.write, HTTPRequest(.post, "/b1s/v2/Invoices"))

    private func word(_ response: HTTPResponse, _ call: Call) -> String { ConnectorTestKit.word(connector.judge(response, to: call)) }

    private func old(_ code: Int, _ message: String, _ status: Int) -> HTTPResponse {
        .json(status, ["error": ["code": .number("\(code)"), "message": ["lang": "en-us", "value": .string(message)]]])
    }

    @Test("an error means the same in both versions", arguments: [
        (401, 301, "Invalid session or session already timeout.", "reauthorize"), (401, 100_000_027, "Login failed", "reauthorize"),
        (400, 301, "Invalid session.", "reauthorize"), (404, -2028, "No matching records found (ODBC -2028)", "rejected ledger_document_missing"),
        (400, -2035, "This entry already exists", "duplicate ledger_document_exists"), (400, -2039, "Another user modified data", "unavailable unavailable"),
        (400, -10, "(1) This entry already exists in the following tables (ODBC -2035)", "duplicate ledger_document_exists"),
        (400, -1, "Record was changed (ODBC -2039)", "unavailable unavailable"),
        (412, -2039, "Another user modified data", "unavailable unavailable"), (400, -1, "Transaction deadlock victim", "unavailable unavailable"),
        (400, -5002, "Date deviates from permissible range [OINV.DocDate]", "rejected ledger_period_closed"),
        (400, -10, "You cannot post to a locked period", "rejected ledger_period_closed"),
        (400, -5002, "Invalid value [INV1.AcctCode]: G/L account is inactive", "rejected ledger_account_invalid"),
        (400, -5002, "Business partner C20000 is inactive", "rejected ledger_party_invalid"),
        (400, -5002, "Enter exchange rate for USD", "rejected ledger_rate_missing"),
        (400, -5002, "Base document has already been closed", "rejected ledger_document_fixed"),
        (403, -1, "You are not authorized to perform this action", "rejected ledger_access_refused"),
        (403, -6006, "You are not permitted to perform this action", "rejected ledger_access_refused"),
        (400, -4013, "Posting period locked; specify an alternative date", "rejected ledger_period_closed"),
        (400, -10, "Invoice is already closed or blocked   [Message 3524-20]", "rejected ledger_document_fixed"),
        (400, -5002, "Invalid BP code  [OINV.CardCode] , 'C9'", "rejected ledger_party_invalid"),
        (400, -10, "Quantity falls into negative inventory [INV1.ItemCode][line: 1]", "rejected ledger_refused"),
        (400, 1001, "A rule of ours.", "rejected ledger_refused"),
    ] as [(Int, Int, String, String)])
    func codes(status: Int, code: Int, message: String, expected: String) {
        #expect(word(refusal(message, code, status: status), write) == expected)
        #expect(word(old(code, message, status), write) == expected)
    }

    @Test("nobody knows how far a server got that fails, whatever it says") func servers() {
        for status in [500, 502, 503, 408] {
            #expect(word(refusal("no", -5002, status: status), write) == "unknown outcome_unknown")
            #expect(word(refusal("no", -5002, status: status), read) == "unavailable unavailable")
        }
        #expect(word(HTTPResponse(429), write) == "throttled")
    }

    @Test("a clear no to a cancellation, and a customer that is there already, go to the exchange") func steps() {
        let cancel = Call(.write, HTTPRequest(.post, "/b1s/v2/Invoices(41)/Cancel")), customer = Call(.write, HTTPRequest(.post, "/b1s/v2/BusinessPartners"))
        #expect(word(refusal("already closed"), cancel) == "accepted" && word(refusal("exists", -2035), cancel) == "duplicate ledger_document_exists")
        #expect(word(refusal("x", 301, status: 401), cancel) == "reauthorize" && word(refusal("x", status: 500), cancel) == "unknown outcome_unknown")
        #expect(word(HTTPResponse(400), cancel) == "rejected platform_refused")
        #expect(word(refusal("exists", -2035), customer) == "accepted" && word(refusal("bad"), customer) == "rejected ledger_refused")
    }

    @Test("an error under a success is none, and a list must be readable") func odd() {
        #expect(word(refusal("no", -5002, status: 200), write) == "unknown outcome_unknown")
        #expect(word(answer("<html>"), read) == "unavailable unreadable_answer" && word(answer("[]"), read) == "unavailable unreadable_answer")
        #expect(word(HTTPResponse(204), write) == "accepted")
    }

    @Test("a login that is refused for want of a licence is tried again; for its password it is not") func login() {
        let call = Call(.read, HTTPRequest(.post, "/b1s/v2/Login"))
        #expect(word(refusal("Login failed", 100_000_027, status: 401), call) == "reauthorize")
        #expect(word(refusal("No license is available for this user.", -1, status: 401), call) == "unavailable unavailable")
        #expect(word(refusal("You are not authorized", -1, status: 401), write) == "reauthorize")
        #expect(word(refusal("Switch company error: -1102", 305, status: 500), call) == "unavailable unavailable")
    }

    @Test("a customer's code that is taken is there already") func taken() {
        let customer = Call(.write, HTTPRequest(.post, "/b1s/v2/BusinessPartners"))
        let words = "1320000140 - Business partner code 'CF-shop' already assigned to a business partner; enter a unique business partner code"
        #expect(word(refusal(words, -10), customer) == "accepted")
        #expect(word(refusal("Business partner CF-shop is inactive", -10), customer) == "rejected ledger_party_invalid")
    }

    @Test("company settings that can't be got are posted for; nothing else is") func companySettings() {
        let got = Call(.read, HTTPRequest(.get, "/b1s/v2/CompanyService_GetAdminInfo"))
        for status in [404, 405] { #expect(word(HTTPResponse(status), got) == "accepted") }
        #expect(word(refusal("x", 301, status: 401), got) == "reauthorize" && word(HTTPResponse(403), got) == "rejected platform_refused")
        #expect(word(HTTPResponse(405), read) == "rejected platform_refused")
    }

    @Test("no list of drafts is an answer; any other list that is not there is none") func drafts() {
        #expect(word(HTTPResponse(404), Call(.read, HTTPRequest(.get, "/b1s/v2/Drafts?$select=DocEntry"))) == "accepted")
        #expect(word(HTTPResponse(404), read) == "rejected platform_refused")
    }

    @Test("what is told of a refusal is what it says, without its full stop") func words() throws {
        let problem = try #require(Problem(refusal("A sales employee is mandatory.\nAsk Ann..", 1001)))
        #expect(problem.fault.summary == "SAP Business One refuses it: A sales employee is mandatory. Ask Ann" && problem.fault.underlying == "code 1001")
        #expect(Problem(answer(#"{"error":"teapot"}"#, status: 400)) == nil && Problem(answer(#"{"error":{"code":1}}"#, status: 400)) == nil)
    }
}
