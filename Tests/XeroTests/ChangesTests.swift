import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

private let since = Timestamp(seconds: 1_763_640_000)

private func page(_ collection: String, _ rows: [String], at milliseconds: Int64 = 1_763_640_500_123) -> HTTPResponse {
    answer("{\"Id\":\"x\",\"Status\":\"OK\",\"DateTimeUTC\":\"/Date(\(milliseconds))/\",\"\(collection)\":[\(rows.joined(separator: ","))]}")
}

/// A row of a list without its lines, changed so many seconds after `since`.
private func row(_ n: Int, _ second: Int64 = 0, status: String = "AUTHORISED", reference: String? = nil) -> String {
    """
    {"InvoiceNumber":"\(key(n))","CreditNoteNumber":"\(key(n))","PurchaseOrderNumber":"\(key(n))","Reference":"\(reference ?? "cf:\(key(n)) order")",
    "Narration":"cf:\(key(n)) tips","Status":"\(status)","UpdatedDateUTC":"/Date(\((since.seconds + second) * 1_000 + 250)+0000)/"}
    """
}

@Suite("What changed in Xero")
struct ChangesTests {
    private func ask(_ cursor: String?, _ answer: HTTPResponse, since from: Timestamp = since) throws -> (LedgerChanges, HTTPRequest) {
        let (end, calls) = drive(try #require(connector.changes(since: from, cursor: cursor, facts)), [answer])
        return (try #require(end.output), try #require(calls.first).request)
    }

    @Test("every kind of document is asked for from a minute before, oldest change first, voided and deleted ones too")
    func round() throws {
        var cursor: String?
        var paths: [String] = []
        var keys: [PostKey] = []
        for (n, endpoint) in Endpoint.allCases.enumerated() {
            let status = ["AUTHORISED", "VOIDED", "DELETED"][n % 3]
            let (out, request) = try ask(cursor, page(endpoint.rawValue, [row(n + 1, 5, status: status), "{\"Reference\":\"rent\",\"Narration\":\"rent\"}"]))
            paths.append(request.path)
            keys += out.keys
            #expect(request.fields["If-Modified-Since"] == "2025-11-20T11:59:00")
            #expect(request.query("order") == "UpdatedDateUTC ASC" && request.query("page") == "1" && request.query("pageSize") == "100")
            #expect(request.query("summaryOnly") == (endpoint == .invoices ? "true" : nil))
            // Only the last says from when to ask next: by Xero's clock, when the first was read.
            #expect(out.watermark == (out.next == nil ? Timestamp(seconds: 1_763_640_500) : nil))
            cursor = out.next
        }
        #expect(cursor == nil)
        #expect(paths.map { $0.dropFirst(13) } == ["Invoices", "CreditNotes", "Payments", "ManualJournals", "BankTransactions", "PurchaseOrders"])
        #expect(keys == (1 ... 6).map { key($0) })
    }

    @Test("a bill is known by the key at the head of its number, and a key that is told twice is told once")
    func bills() throws {
        let bill = row(4).replacing("\"InvoiceNumber\":\"\(key(4))\"", with: "\"Type\":\"ACCPAY\",\"InvoiceNumber\":\"cf:\(key(4)) bill 9\"")
            .replacing("cf:\(key(4)) order", with: "")
        #expect(try ask(nil, page("Invoices", [bill, bill, row(5)])).0.keys == [key(4), key(5)])
    }

    @Test("one whose key was edited away is named by its id: somebody else's is as well, and stands for nothing of ours")
    func keyless() throws {
        for endpoint in Endpoint.allCases {
            let mark = "\(endpoint.rawValue)/1/1763639940/1763639940/"
            let other = "{\"\(endpoint.idField)\":\"\(guid(7))\",\"Reference\":\"rent\",\"Narration\":\"rent\"}"
            let out = try ask(mark, page(endpoint.rawValue, [row(1), other])).0
            #expect(out.keys == [key(1)] && out.remoteIDs == [guid(7)], "\(endpoint)")
        }
    }

    @Test("a full page goes on from its last second, because what changes meanwhile moves the others up")
    func goesOn() throws {
        let full = (0 ..< 100).map { row($0 + 1, Int64($0)) }
        let (first, _) = try ask(nil, page("Invoices", full))
        #expect(first.keys.count == 100)
        let (second, request) = try ask(first.next, page("Invoices", [row(100, 99), row(101, 100)], at: 9_000_000_000_000))
        #expect(request.fields["If-Modified-Since"] == "2025-11-20T12:01:38" && request.query("page") == "1")
        #expect(second.keys == [key(100), key(101)])
        // The next kind begins where all begin.
        #expect(try ask(second.next, page("CreditNotes", [])).1.fields["If-Modified-Since"] == "2025-11-20T11:59:00")
        #expect(second.next?.hasSuffix("/1763640500") == true)
    }

    @Test("a second that fills a page is gone through page by page, as is a list in no order, and neither without end")
    func counted() throws {
        let same = (0 ..< 100).map { row($0 + 1, 0) }
        var (out, request) = try ask(nil, page("Invoices", same))
        (out, request) = try ask(out.next, page("Invoices", same))
        #expect(request.query("page") == "1")
        (out, request) = try ask(out.next, page("Invoices", same))
        #expect(request.query("page") == "2" && request.fields["If-Modified-Since"] == "2025-11-20T11:59:59")
        let mixed = [row(1, 900)] + same.dropFirst()
        #expect(try ask(nil, page("Invoices", mixed)).0.next?.hasPrefix("Invoices/2/") == true)
        let untimed = ["{\"InvoiceNumber\":\"\(key(1))\"}"] + same.dropFirst()
        #expect(try ask(nil, page("Invoices", untimed)).0.next?.hasPrefix("Invoices/2/") == true)
        let last = try #require(connector.changes(since: since, cursor: "Invoices/\(XeroLimits.pages)/1763639999/1763639940/", facts))
        #expect(drive(last, [page("Invoices", same)]).end.fault?.code == "unreadable_answer")
    }

    @Test("an answer that says that nothing changed, by a status or an empty list, ends its kind; one that can't be read ends nothing")
    func nothing() throws {
        let (out, _) = try ask(nil, HTTPResponse(304))
        #expect(out.keys.isEmpty && out.next == "CreditNotes/1/1763639940/1763639940/")
        #expect(try ask(nil, page("Invoices", [])).0.next == "CreditNotes/1/1763639940/1763639940/1763640500")
        for text in ["", "{}", "{\"Invoices\":null}", "{\"Invoices\":{}}"] {
            let unread = try #require(connector.changes(since: since, cursor: nil, facts))
            #expect(drive(unread, [answer(text)]).end.fault != nil)
        }
        // Nobody said when: the next question begins where this one did.
        #expect(try ask("PurchaseOrders/1/1763639940/1763639940/", answer("{\"PurchaseOrders\":[]}")).0 == LedgerChanges(keys: [], next: nil, watermark: nil))
        // A 304 to anything else is no answer.
        #expect(connector.judge(HTTPResponse(304), to: Call(.read, HTTPRequest(.get, "/api.xro/2.0/Invoices"))) != .accepted)
    }

    @Test(
        "a cursor that is not ours begins anew",
        arguments: ["", "Invoices", "Nothing/1/1/1/1", "Invoices/0/1/1/1", "Invoices/101/1/1/1", "Invoices/x/1/1/1", "Invoices/1//1/1", "Invoices/1/1/1/1/1",
            "Invoices/1/99999999999999/1/1", "Invoices/1/1/1/x", "Invoices/1/1&where=a/1/1"])
    func strange(_ cursor: String) throws {
        let (_, request) = try ask(cursor, page("Invoices", []))
        #expect(request.query("page") == "1" && request.path == "/api.xro/2.0/Invoices" && request.fields["If-Modified-Since"] == "2025-11-20T11:59:00")
    }

    @Test("times are read in both forms, and what is none has none")
    func times() throws {
        func time(_ json: JSON) throws -> Timestamp? { XeroDate.time(try JSONDocument(parsing: json.bytes).root) }
        #expect(try time("/Date(1763640000250+0000)/") == Timestamp(microseconds: 1_763_640_000_250_000))
        // The offset says where it was, not when.
        #expect(try time("/Date(1763640000250+1300)/") == Timestamp(microseconds: 1_763_640_000_250_000))
        #expect(try time("2026-11-20T00:44:09.923") == Timestamp(rfc3339: "2026-11-20T00:44:09.923Z"))
        #expect(try time("2026-11-20T00:44:09.923Z") == Timestamp(rfc3339: "2026-11-20T00:44:09.923Z"))
        for none in ["", "soon", "2026-11-20", "/Date()/", 5, .null] as [JSON] { #expect(try time(none) == nil) }
    }
}
