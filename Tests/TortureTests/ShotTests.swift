import Kernel
import Testing
import TwinKit
import TwinQuickBooksOnline
import TwinXero
import Wire

@testable import Sandbox

@Suite("What a request to a twin is for")
struct PurposeTests {
    @Test("QuickBooks requests are told apart by address and body", arguments: [
        ("POST", "/oauth2/v1/tokens/bearer", "", Purpose.token),
        ("POST", "/v3/company/1/invoice?minorversion=75", "{}", .write),
        ("POST", "/v3/company/1/batch", #"{"BatchItemRequest":[{"Invoice":{"TxnDate":"2026-11-14"}}]}"#, .write),
        ("POST", "/v3/company/1/batch", #"{"BatchItemRequest":[{"Item":{"Name":"x"}}]}"#, .reference),
        ("POST", "/v3/company/1/customer", "{}", .reference),
        ("GET", "/v3/company/1/query?query=select%20*%20from%20Invoice%20where%20Id%20in%20('1')", "", .readback),
        ("GET", "/v3/company/1/query?query=select%20*%20from%20Invoice%20where%20DocNumber%20in%20('a')", "", .lookup),
        ("GET", "/v3/company/1/query?query=select%20*%20from%20Payment%20where%20TxnDate%20=%20'2026-11-14'", "", .lookup),
        ("GET", "/v3/company/1/query?query=select%20*%20from%20Account", "", .other),
    ])
    func quickBooks(method: String, target: String, body: String, purpose: Purpose) throws {
        let request = HTTPRequest(try #require(HTTPMethod(rawValue: method)), target, body: Array(body.utf8))
        #expect(try QuickBooksOnlineTwin(journal: TwinJournal()).purpose(of: request) == purpose)
    }

    @Test("Xero requests are told apart by address", arguments: [
        ("POST", "/identity/connect/token", Purpose.token), ("PUT", "/api.xro/2.0/Payments", .write), ("POST", "/api.xro/2.0/Invoices?summarizeErrors=false", .write),
        ("POST", "/api.xro/2.0/Contacts", .reference), ("GET", "/api.xro/2.0/Invoices?InvoiceNumbers=0123456789abcdef", .lookup),
        ("GET", "/api.xro/2.0/Invoices?IDs=6a1b3d46-0000-4000-8000-000000000001&page=1", .readback),
        ("GET", "/api.xro/2.0/CreditNotes/6a1b3d46-0000-4000-8000-000000000001", .readback), ("GET", "/api.xro/2.0/CreditNotes/0123456789abcdef", .lookup),
        ("GET", "/api.xro/2.0/Payments?where=PaymentID%3d%3dguid(%226a1b%22)", .readback), ("GET", "/api.xro/2.0/Accounts", .other),
    ])
    func xero(method: String, target: String, purpose: Purpose) throws {
        let request = HTTPRequest(try #require(HTTPMethod(rawValue: method)), target)
        #expect(try XeroTwin(journal: TwinJournal()).purpose(of: request) == purpose)
    }

    @Test("a posting key is found where it stands alone, and nowhere else")
    func keys() {
        #expect(KeyText.keys(in: #"{"DocNumber":"0123456789abcdef","Note":"cf:zzzz456789abcdeg order"}"#.utf8) == ["0123456789abcdef", "zzzz456789abcdeg"])
        #expect(KeyText.keys(in: "0123456789abcdef0".utf8) == [])
        #expect(KeyText.keys(in: "X123456789abcdef0 0123456789abcdeI".utf8) == [])
        #expect(KeyText.keys(in: "".utf8) == [])
    }
}

@Suite("Aimed faults")
struct ShotTests {
    private let write = HTTPRequest(.put, "/api.xro/2.0/Payments", body: Array(#"{"Reference":"cf:0123456789abcdef"}"#.utf8))

    @Test("a shot meets as many requests of its kind as it was made for, and no others")
    func meets() throws {
        var range = Range()
        let shot = try range.add(["twin": "xero", "fate": "torn_reply", "purpose": "write", "count": 2], known: ["xero", "qbo"])
        #expect(range.draw(write, .readback, twin: "xero") == nil)
        #expect(range.draw(write, .write, twin: "qbo") == nil)
        #expect(range.draw(write, .write, twin: "xero")?.id == shot.id)
        #expect(range.draw(write, .write, twin: "xero")?.id == shot.id)
        #expect(range.draw(write, .write, twin: "xero") == nil)
        #expect(range[shot.id]?.met == 2)
    }

    @Test("a shot at a text passes by requests without it")
    func containing() throws {
        var range = Range()
        _ = try range.add(["twin": "xero", "fate": "lost_request", "containing": "/Invoices"], known: ["xero"])
        #expect(range.draw(write, .write, twin: "xero") == nil)
        #expect(range.draw(HTTPRequest(.post, "/api.xro/2.0/Invoices"), .write, twin: "xero")?.fate == .lost)
    }

    @Test("a request that is held is let go by releasing its shot, and a released shot meets nobody")
    func holding() throws {
        var range = Range()
        let shot = try range.add(["twin": "xero", "fate": "held_after"], known: ["xero"])
        #expect(range[shot.id]?.isHolding == false)
        _ = range.draw(write, .write, twin: "xero")
        #expect(range[shot.id]?.isHolding == true)
        #expect(!range.isReleased(shot.id))
        range.release(shot.id)
        #expect(range.isReleased(shot.id))
        range.over(shot.id)
        #expect(range[shot.id]?.isHolding == false)
        let unused = try range.add(["twin": "xero", "fate": "held_before"], known: ["xero"])
        range.release(unused.id)
        #expect(range.draw(write, .write, twin: "xero") == nil)
    }

    @Test("what is wrong with a shot is refused with its place", arguments: [
        (["twin": "sage", "fate": "torn_reply"], "twin"), (["twin": "xero", "fate": "explodes"], "fate"),
        (["twin": "xero", "fate": "torn_reply", "purpose": "fun"], "purpose"), (["twin": "xero", "fate": "torn_reply", "count": 0], "count"),
    ] as [(JSON, String)])
    func refused(body: JSON, position: String) {
        var range = Range()
        let fault = #expect(throws: Fault.self) { try range.add(body, known: ["xero"]) }
        #expect(fault?.code == "shot_refused")
        #expect(fault?.position == position)
    }

    @Test("a search that lags does not show what was written a moment ago, and shows the rest")
    func stale() throws {
        let body: JSON = ["QueryResponse": ["Invoice": [["DocNumber": "0123456789abcdef"], ["DocNumber": "zzzz456789abcdeg"]], "maxResults": 2]]
        let seen = try JSON(parsing: StaleSearch.without(["0123456789abcdef"], .json(200, body)).body)
        #expect(seen.member("QueryResponse", "Invoice")?.array?.count == 1)
        let none = try JSON(parsing: StaleSearch.without(["0123456789abcdef", "zzzz456789abcdeg"], .json(200, body)).body)
        #expect(none.member("QueryResponse", "Invoice") == nil)
        let xero: JSON = ["Invoices": [["InvoiceNumber": "0123456789abcdef"]]]
        #expect(try JSON(parsing: StaleSearch.without(["0123456789abcdef"], .json(200, xero)).body)["Invoices"]?.array?.isEmpty == true)
        #expect(StaleSearch.without([], .json(200, xero)).body == HTTPResponse.json(200, xero).body)
        let list: JSON = [["id": 1, "ref": "cf:0123456789abcdef order 1"], ["id": 2, "ref": false]]
        #expect(try JSON(parsing: StaleSearch.without(["0123456789abcdef"], .json(200, list)).body) == [["id": 2, "ref": false]])
        #expect(StaleSearch.without(["zzzz456789abcdeg"], .json(200, list)).body == HTTPResponse.json(200, list).body)
    }

    @Test("what was written is fresh for as long as the search lags")
    func fresh() {
        var traffic = Traffic()
        traffic.wrote(["0123456789abcdef"], at: .seconds(10), lag: .seconds(2))
        #expect(traffic.fresh(at: .seconds(11), lag: .seconds(2)) == ["0123456789abcdef"])
        #expect(traffic.fresh(at: .seconds(12), lag: .seconds(2)) == [])
    }
}
