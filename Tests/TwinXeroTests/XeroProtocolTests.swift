import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

@Suite struct XeroProtocolTests {
    @Test("each answer carries the remaining calls and a correlation id")
    func headers() throws {
        let desk = try XeroDesk(limits: XeroLimits())
        let first = try desk.raw(.get, "Organisation")
        #expect(first.fields["X-MinLimit-Remaining"] == "59")
        #expect(first.fields["X-DayLimit-Remaining"] == "4999")
        #expect(first.fields["X-AppMinLimit-Remaining"] == "9999")
        let second = try desk.raw(.get, "Organisation")
        #expect(second.fields["X-MinLimit-Remaining"] == "58")
        let (a, b) = (first.fields["Xero-Correlation-Id"], second.fields["Xero-Correlation-Id"])
        #expect(a?.count == 36 && a != b)
    }

    @Test("the 61st call of a minute is refused with the seconds left, and the next minute is free again")
    func minute() throws {
        let desk = try XeroDesk(limits: XeroLimits())
        for _ in 0..<60 { #expect(try desk.raw(.get, "Organisation").status == 200) }
        desk.now = desk.now + .seconds(20)
        let refused = try desk.raw(.get, "Organisation")
        #expect(refused.status == 429)
        #expect(refused.fields["X-Rate-Limit-Problem"] == "minute")
        #expect(refused.fields["Retry-After"] == "40")
        #expect(refused.fields["X-MinLimit-Remaining"] == "0")
        desk.now = desk.now + .seconds(40)
        #expect(try desk.raw(.get, "Organisation").status == 200)
    }

    @Test("the day's limit is told apart from the minute's and lasts to the end of its window")
    func day() throws {
        let desk = try XeroDesk(limits: XeroLimits(callsPerMinute: 10, callsPerDay: 3))
        for _ in 0..<3 { #expect(try desk.raw(.get, "Organisation").status == 200) }
        let refused = try desk.raw(.get, "Organisation")
        #expect(refused.fields["X-Rate-Limit-Problem"] == "day")
        #expect(refused.fields["Retry-After"] == "86400")
    }

    @Test("a throttled write leaves nothing behind")
    func throttledWrite() throws {
        let desk = try XeroDesk(limits: XeroLimits(callsPerMinute: 1))
        try desk.invoice("inv-1", "10.00")
        let body = #"{Invoices: [{Type: "ACCREC", Contact: {Name: "x"}, LineItems: [{Description: "x"}]}]}"#
        #expect(try desk.raw(.put, "Invoices", body).status == 429)
        #expect(desk.twin.entries().count == 1)
    }

    @Test("the same key and body give the stored answer and one document, also after a restart")
    func idempotent() throws {
        let desk = try XeroDesk()
        let body = """
            {Invoices: [{Type: "ACCREC", Contact: {Name: "Shop customers"}, LineItems: [{Description: "x", LineAmount: 5}]}]}
            """
        let first = try desk.raw(.put, "Invoices", body, key: "k-1")
        let second = try desk.raw(.put, "Invoices", body, key: "k-1")
        #expect(first.status == 200 && first.body == second.body)
        let third = try desk.reopened().raw(.put, "Invoices", body, key: "k-1")
        #expect(first.body == third.body)
        #expect(desk.twin.entries().count == 1)
    }

    @Test("a key with another body, target or method is refused; a key of 129 characters too")
    func idempotentMisuse() throws {
        let desk = try XeroDesk()
        let body = #"{Contacts: [{Name: "A"}]}"#
        #expect(try desk.raw(.put, "Contacts", body, key: "k").status == 200)
        for (method, path, other) in [
            (HTTPMethod.put, "Contacts", #"{Contacts: [{Name: "B"}]}"#), (.post, "Contacts", body),
            (.put, "Contacts?x=1", body),
        ] {
            let answer = try desk.raw(method, path, other, key: "k")
            #expect(answer.status == 400)
            #expect(answer.bodyText.contains("Idempotency Key: k is used with a different request."))
        }
        #expect(try desk.raw(.put, "Contacts", body, key: String(repeating: "k", count: 129)).status == 400)
    }

    @Test("a stored refusal is repeated too; after six minutes the key is free")
    func idempotentLife() throws {
        let desk = try XeroDesk()
        let body = #"{Contacts: [{Name: "A"}]}"#
        try desk.call(.put, "Contacts", body)
        #expect(try desk.raw(.put, "Contacts", body, key: "k").status == 400)
        try desk.call(.post, "Contacts", #"{Contacts: [{Name: "A", ContactStatus: "ARCHIVED"}]}"#)
        desk.now = desk.now + .seconds(360)
        #expect(try desk.raw(.put, "Contacts", body, key: "k").status == 400)
        desk.now = desk.now + .seconds(1)
        #expect(try desk.raw(.put, "Contacts", body, key: "k").status == 200)
    }

    @Test("a body that is no JSON, has a wrong type, or is not sent as JSON gets ErrorNumber 14")
    func badData() throws {
        let desk = try XeroDesk()
        var request = try desk.request(.put, "Invoices", "{Invoices: []}")
        request.body = Array("{\"Invoices\": [".utf8)
        for body in [
            #"{"Invoices": ["#, #"{"Invoices": 5}"#, #"{"Invoices": [{"Type": "ACCREC", "Date": "soon"}]}"#,
            #"{"Invoices": [{"Type": "ACCREC", "LineItems": [{"Quantity": "many"}]}]}"#,
            #"{"Invoices": [{"Type": "ACCREC", "LineAmountTypes": "Net"}]}"#,
        ] {
            request.body = Array(body.utf8)
            let answer = desk.send(request)
            #expect(answer.status == 400)
            let expected: JSON = ["ErrorNumber": 14, "Type": "PostDataInvalidException"]
            #expect(xeroMissing(expected, in: try JSON(parsing: answer.body)) == [], "\(body)")
        }
        request.body = Array("{\"Invoices\":[{}]}".utf8)
        request.fields["Content-Type"] = nil
        #expect(try JSON(parsing: desk.send(request).body)["ErrorNumber"]?.int == 14)
    }

    @Test("an empty body or list gets ErrorNumber 17")
    func noData() throws {
        let desk = try XeroDesk()
        let answer = try desk.call(.put, "Invoices", "{Invoices: []}", status: 400)
        #expect(xeroMissing(["ErrorNumber": 17, "Type": "NoDataProcessedException"], in: answer) == [])
    }

    @Test("a body over 3.5 MB is refused unread")
    func tooLarge() throws {
        let desk = try XeroDesk()
        var request = try desk.request(.put, "Invoices", "{}")
        request.body = [UInt8](repeating: 32, count: 3_500_001)
        #expect(desk.send(request).status == 413)
    }

    @Test("unknown paths and ids are 404 without JSON")
    func notFound() throws {
        let desk = try XeroDesk()
        for path in [
            "Nothing", "Invoices/no-such-number", "Invoices/ed255415-e141-4150-aab7-89c3bbbb851c", "Payments/5",
            "ManualJournals/x",
        ] {
            let answer = try desk.raw(.get, path)
            #expect(answer.status == 404)
            #expect(answer.fields["Content-Type"]?.hasPrefix("text/html") == true)
        }
    }

    @Test("who does not ask for JSON gets XML")
    func xml() throws {
        let desk = try XeroDesk()
        var request = try desk.request(.get, "Organisation")
        request.fields["Accept"] = nil
        let answer = desk.send(request)
        #expect(answer.status == 200)
        #expect(answer.bodyText.hasPrefix("<Response>"))
    }

    @Test("a bare object is read as the one element, and the envelope's name in any case")
    func envelopes() throws {
        let desk = try XeroDesk()
        try desk.call(.put, "Contacts", #"{Name: "Bare"}"#)
        try desk.call(.put, "Contacts", #"{contacts: [{Name: "Lower"}]}"#)
        #expect(try desk.call(.get, "Contacts")["Contacts"]?.array?.count == 2)
    }

    @Test("properties that Xero does not have are ignored and counted")
    func unknownProperties() throws {
        let desk = try XeroDesk()
        try desk.invoice("inv-1", "10.00")
        #expect(desk.twin.unknownProperties.isEmpty)
        try desk.call(
            .put, "Invoices",
            """
            {Invoices: [{Type: "ACCREC", Contact: {Name: "Shop customers"}, InvoiceNo: "7", LineItems: [
              {Description: "x", Amount: 5}, {Description: "y", Amount: 6}]}]}
            """)
        #expect(desk.twin.unknownProperties == ["Invoice.InvoiceNo": 1, "LineItem.Amount": 2])
    }

    @Test("dates are read in all three spellings and come back as .NET dates of UTC midnight")
    func dates() throws {
        for text in [
            "2026-11-20", "2026-11-20T00:00:00", "2026-11-20T00:00:00+11:00", "/Date(1795132800000+0000)/",
            "/Date(1795132800000)/",
        ] {
            #expect(XeroDate.parse(text)?.description == "2026-11-20", "\(text)")
        }
        for text in ["", "2026-13-01", "20/11/2026", "2026-11-20T25:00:00", "/Date(x)/"] {
            #expect(XeroDate.parse(text) == nil, "\(text)")
        }
        let day = try #require(LocalDate("2026-11-20"))
        #expect(XeroDate.json(day) == "/Date(1795132800000+0000)/")
        #expect(XeroDate.json(try #require(LocalDate("1969-12-31"))) == "/Date(-86400000+0000)/")
        #expect(XeroDate.spoken(try #require(LocalDate("2026-07-01"))) == "01-Jul-2026")
        #expect(XeroDate.moment("Fri, 20 Nov 2026 09:00:00 GMT") == Timestamp(rfc3339: "2026-11-20T09:00:00Z"))
    }

    @Test("the twin's own throttling and outage look like Xero's")
    func faults() throws {
        let desk = try XeroDesk()
        let throttled = desk.twin.throttled(retryAfterSeconds: 7)
        #expect(throttled.status == 429)
        #expect(throttled.fields["X-Rate-Limit-Problem"] == "minute")
        #expect(throttled.fields["Retry-After"] == "7")
        #expect(desk.twin.throttled(retryAfterSeconds: nil).fields["Retry-After"] == nil)
        #expect(desk.twin.unavailable().status == 503)
        #expect(desk.send(desk.twin.withRevokedToken(try desk.request(.get, "Organisation"))).status == 401)
    }
}
