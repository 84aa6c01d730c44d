import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct JudgeTests {
    private static let read = Call(.read, HTTPRequest(.get, "/api.xro/2.0/Invoices?page=1"))
    private static let single = Call(.read, HTTPRequest(.get, "/api.xro/2.0/CreditNotes/0000000000000001?unitdp=4"))
    private static let write = Call(
        .write, HTTPRequest(.put, "/api.xro/2.0/Invoices", body: Array("{\"Invoices\":[{}]}".utf8)))
    private static let batch = Call(
        .write, HTTPRequest(.put, "/api.xro/2.0/Invoices", body: Array("{\"Invoices\":[{},{}]}".utf8)))

    private func words(_ verdict: Verdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .throttled(let after, let bucket): "throttled \(after?.components.seconds ?? -1) \(bucket ?? "-")"
        case .unavailable(let fault): "unavailable \(fault.code)"
        case .reauthorize(let fault): "reauthorize \(fault.code)"
        case .duplicate(let fault): "duplicate \(fault.code)"
        case .rejected(let fault): "rejected \(fault.code)"
        case .outcomeUnknown(let fault): "outcomeUnknown \(fault.code)"
        }
    }

    private func invalid(_ message: String) -> String {
        """
        {"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",
        "Elements":[{"InvoiceNumber":"SO-10231","LineItems":[],"ValidationErrors":[{"Message":"\(message)"}]}]}
        """
    }

    @Test(
        "each status means one thing to a read and one to a write",
        arguments: [
            (200, "accepted", "accepted"), (204, "accepted", "accepted"),
            (401, "reauthorize token_refused", "reauthorize token_refused"),
            (403, "reauthorize not_connected", "reauthorize not_connected"),
            (404, "rejected ledger_document_missing", "rejected ledger_document_missing"),
            (400, "rejected ledger_refused", "rejected ledger_refused"),
            (412, "rejected ledger_refused", "rejected ledger_refused"),
            (418, "rejected ledger_refused", "rejected ledger_refused"),
            (500, "unavailable unavailable", "outcomeUnknown outcome_unknown"),
            (503, "unavailable unavailable", "outcomeUnknown outcome_unknown"),
            (599, "unavailable unavailable", "outcomeUnknown outcome_unknown"),
            (302, "unavailable unavailable", "outcomeUnknown outcome_unknown"),
        ])
    func table(_ status: Int, _ read: String, _ write: String) {
        #expect(words(connector.judge(HTTPResponse(status), to: Self.read)) == read)
        #expect(words(connector.judge(HTTPResponse(status), to: Self.write)) == write)
    }

    @Test("judge is total: an unknown 4xx is rejected, any 5xx to a write is unknown")
    func total() {
        for status in 100 ..< 600 {
            for call in [Self.read, Self.single, Self.write, Self.batch] {
                let word = words(
                    connector.judge(HTTPResponse(status, body: Array("The Organisation is offline".utf8)), to: call)
                ).split(separator: " ")[0]
                switch status {
                case 200 ..< 300: #expect(word == "accepted")
                case 401, 403: #expect(word == "reauthorize")
                case 429: #expect(word == "throttled")
                case 404: #expect(word == (call.request.target == Self.single.request.target ? "accepted" : "rejected"))
                case 408: #expect(word == (call.kind == .read ? "unavailable" : "outcomeUnknown"))
                case 400 ..< 500: #expect(word == "rejected")
                default: #expect(word == (call.kind == .read ? "unavailable" : "outcomeUnknown"))
                }
            }
        }
    }

    @Test(
        "a 404 answers a read of one record by id or number, nothing else",
        arguments: [
            ("/api.xro/2.0/CreditNotes/x", true), ("/api.xro/2.0/Payments/x?a=b", true),
            ("/api.xro/2.0/ManualJournals/x", true),
            ("/api.xro/2.0/CreditNotes", false), ("/api.xro/2.0/Organisation", false),
            ("/api.xro/2.0/Accounts/x", false),
            ("/api.xro/2.0/CreditNotes/x/Allocations", false),
        ])
    func missing(_ target: String, _ accepted: Bool) {
        #expect(
            (connector.judge(HTTPResponse(404), to: Call(.read, HTTPRequest(.get, target))) == .accepted) == accepted)
        #expect(connector.judge(HTTPResponse(404), to: Call(.write, HTTPRequest(.post, target))) != .accepted)
    }

    @Test("a 400 to several documents refuses the batch, to one it gives the document's own reason")
    func batch() {
        let closed = invalid(
            "The document date cannot be before the end of year lock date, currently set at 31-Jul-2026")
        #expect(words(connector.judge(answer(closed, status: 400), to: Self.batch)) == "rejected batch_refused")
        #expect(words(connector.judge(answer(closed, status: 400), to: Self.write)) == "rejected ledger_period_closed")
        #expect(
            words(connector.judge(answer(invalid("Invoice # must be unique."), status: 400), to: Self.write))
                == "duplicate ledger_duplicate_number")
        guard case .rejected(let fault) = connector.judge(answer(closed, status: 400), to: Self.batch) else { return }
        // Only a refusal makes the pipeline try each alone.
        #expect(fault.disposition == .reject)
    }

    @Test("a fault repeats Xero's message and its correlation id, and no more")
    func texts() {
        var response = answer(invalid("Account code '999' is not a valid code for this document."), status: 400)
        response.fields["Xero-Correlation-Id"] = "7cb5-ab"
        guard case .rejected(let fault) = connector.judge(response, to: Self.write) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.code == "ledger_account_invalid")
        #expect(fault.summary == "Xero refuses the document: Account code '999' is not a valid code for this document")
        #expect(fault.underlying == "Xero-Correlation-Id 7cb5-ab")
        response.fields["Xero-Correlation-Id"] = "a b\nc"
        guard case .rejected(let other) = connector.judge(response, to: Self.write) else { return }
        #expect(other.underlying == nil)
    }

    @Test(
        "a 429 pauses the budget it names for as long as it says",
        arguments: [
            ("minute", "17", "throttled 17 minute"), ("day", "40000", "throttled 40000 day"),
            ("appminute", nil, "throttled 10 appminute"),
            ("concurrent", nil, "throttled 1 minute"), (nil, nil, "throttled 10 minute"),
            ("Day", nil, "throttled 3600 day"),
            ("minute", "99999999", "throttled 86400 minute"), ("minute", "-5", "throttled 10 minute"),
            ("minute", "Fri, 20 Nov 2026 00:00:00 GMT", "throttled 10 minute"), ("lunar", "0", "throttled 0 minute"),
        ] as [(String?, String?, String)])
    func throttled(_ problem: String?, _ after: String?, _ expected: String) {
        var response = HTTPResponse(429)
        response.fields["X-Rate-Limit-Problem"] = problem
        response.fields["Retry-After"] = after
        #expect(words(connector.judge(response, to: Self.write)) == expected)
    }

    @Test("what is left of minute and day is read from the headers, nonsense is not")
    func readings() {
        let good: HTTPFields = [
            "x-minlimit-remaining": "59", "X-DayLimit-Remaining": "4711", "X-AppMinLimit-Remaining": "9999",
        ]
        #expect(
            connector.readings(HTTPResponse(200, fields: good)) == [
                BudgetReading(name: "minute", remaining: 59), BudgetReading(name: "day", remaining: 4711),
            ])
        #expect(
            connector.readings(
                HTTPResponse(200, fields: ["X-MinLimit-Remaining": "-1", "X-DayLimit-Remaining": "many"])) == [])
        #expect(connector.readings(HTTPResponse(200)) == [])
    }
}
