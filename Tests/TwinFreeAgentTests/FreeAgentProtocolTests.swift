import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

@Suite struct FreeAgentProtocolTests {
    @Test("the 121st call of a minute of the clock is refused, the next minute is free, and a new user counts for himself")
    func minute() throws {
        let desk = try FreeAgentDesk(limits: FreeAgentLimits())
        desk.now = desk.now + .seconds(50)
        for _ in 0..<120 { #expect(try desk.raw(.get, "company").status == 200) }
        let refused = try desk.raw(.get, "company")
        #expect(refused.status == 429)
        #expect(refused.fields["Retry-After"] == "60")
        #expect(refused.fields["Content-Type"]?.hasPrefix("text/plain") == true)
        #expect(refused.bodyText == "You must not exceed 120 requests per 60 seconds")
        desk.now = desk.now + .seconds(10)
        #expect(try desk.raw(.get, "company").status == 200)
    }

    @Test("an hour has its own limit")
    func hour() throws {
        let desk = try FreeAgentDesk(limits: FreeAgentLimits(callsPerMinute: 100, callsPerHour: 3))
        for _ in 0..<3 { #expect(try desk.raw(.get, "company").status == 200) }
        #expect(try desk.raw(.get, "company").bodyText == "You must not exceed 3 requests per 3600 seconds")
        desk.now = desk.now + .seconds(3600)
        try desk.connect()
        #expect(try desk.raw(.get, "company").status == 200)
    }

    @Test("whoever asks for it is limited to five calls a minute")
    func test() throws {
        let desk = try FreeAgentDesk(limits: FreeAgentLimits())
        var request = try desk.request(.get, "company")
        request.fields["X-RateLimit-Test"] = "true"
        for _ in 0..<5 { #expect(desk.send(request).status == 200) }
        #expect(desk.send(request).bodyText == "You must not exceed 5 requests per 60 seconds")
        #expect(try desk.raw(.get, "company").status == 200)
    }

    @Test("pages have twenty-five rows, at most a hundred, with links in the vendor's form and the count of all")
    func pages() throws {
        let desk = try FreeAgentDesk()
        for n in 1...53 { try desk.draft("INV-\(n)", "1.00") }
        let first = try desk.raw(.get, "invoices")
        #expect(try JSON(parsing: first.body)["invoices"]?.array?.count == 25)
        #expect(first.fields["X-Total-Count"] == "53")
        #expect(
            first.fields["Link"] == "<https://api.freeagent.com/v2/invoices?page=2&per_page=25>; rel=\"next\", "
                + "<https://api.freeagent.com/v2/invoices?page=3&per_page=25>; rel=\"last\"")
        let middle = try desk.raw(.get, "invoices?view=draft&page=2&per_page=20")
        #expect(
            middle.fields["Link"] == "<https://api.freeagent.com/v2/invoices?view=draft&page=1&per_page=20>; rel=\"prev\", "
                + "<https://api.freeagent.com/v2/invoices?view=draft&page=3&per_page=20>; rel=\"next\", "
                + "<https://api.freeagent.com/v2/invoices?view=draft&page=1&per_page=20>; rel=\"first\", "
                + "<https://api.freeagent.com/v2/invoices?view=draft&page=3&per_page=20>; rel=\"last\"")
        #expect(try desk.call(.get, "invoices?per_page=500")["invoices"]?.array?.count == 53)
        let beyond = try desk.raw(.get, "invoices?page=9")
        #expect(try JSON(parsing: beyond.body)["invoices"]?.array?.isEmpty == true)
        #expect(beyond.fields["Link"]?.contains("rel=\"next\"") == false)
        let all = try (1...3).flatMap { try desk.call(.get, "invoices?page=\($0)")["invoices"]?.array ?? [] }
        #expect(Set(all.compactMap { $0["url"]?.string }).count == 53)
    }

    @Test("what changed since a moment is listed, by its day too, and in the order of its change")
    func changes() throws {
        let desk = try FreeAgentDesk()
        let old = try desk.invoice("INV-1", "10.00")
        desk.now = desk.now + .seconds(60)
        try desk.draft("INV-2", "5.00")
        desk.now = desk.now + .seconds(60)
        try desk.pay(old, "10.00")
        func references(_ query: String) throws -> [String] {
            (try desk.call(.get, "invoices?" + query)["invoices"]?.array ?? []).compactMap { $0["reference"]?.string }
        }
        #expect(try references("updated_since=2026-11-20T09:02:00.000Z") == ["INV-1"])
        #expect(try references("updated_since=2026-11-20T09:00:30.000Z") == ["INV-1", "INV-2"])
        #expect(try references("sort=updated_at") == ["INV-2", "INV-1"])
        #expect(try references("sort=-updated_at") == ["INV-1", "INV-2"])
        #expect(try references("sort=-created_at") == ["INV-2", "INV-1"])
        #expect(try references("from_date=2026-11-15") == [])
        #expect(try references("from_date=2026-11-14&to_date=2026-11-14&updated_since=2026-11-20T09:01:00Z").count == 2)
        for query in ["updated_since=yesterday", "from_date=soon", "sort=price", "view=odd"] {
            #expect(try desk.raw(.get, "invoices?" + query).status == 400, "\(query)")
        }
    }

    @Test("URLs are on the host that was asked")
    func host() throws {
        let desk = try FreeAgentDesk()
        var request = try desk.request(.get, "contacts/1")
        request.fields["Host"] = "127.0.0.1:8930"
        #expect(try JSON(parsing: desk.send(request).body).member("contact", "url") == "http://127.0.0.1:8930/freeagent/v2/contacts/1")
        let sent = #"{invoice: {contact: "http://127.0.0.1:8930/freeagent/v2/contacts/1", dated_on: "2026-11-14", payment_terms_in_days: 0}}"#
        #expect(try desk.call(.post, "invoices", sent).member("invoice", "contact") == "https://api.freeagent.com/v2/contacts/1")
    }

    @Test("what a body names and is not there, or is of another kind, is not found")
    func references() throws {
        let desk = try FreeAgentDesk()
        for contact in ["https://api.freeagent.com/v2/contacts/99", "https://api.freeagent.com/v2/users/1", "1", "https://api.freeagent.com/v2/contacts"] {
            let answer = try desk.call(.post, "invoices", #"{invoice: {contact: "\#(contact)", dated_on: "2026-11-14"}}"#, status: 404)
            #expect(answer == ["errors": ["error": ["message": "Resource not found"]]])
        }
        for path in ["nothing", "invoices/1", "invoices/x", "contacts/1/more", "invoices/1/transitions/mark_as_sent", "attachments/1", "accounting/other"] {
            #expect(try desk.raw(.get, path).status == 404, "\(path)")
        }
        #expect(desk.send(HTTPRequest(.get, "/v1/invoices")).status == 404)
    }

    @Test("a body that can't be read says where, and a parameter of another type what it must be")
    func malformed() throws {
        let desk = try FreeAgentDesk()
        func message(_ body: String, type: String = "application/json") throws -> String {
            var request = try desk.request(.post, "invoices")
            request.body = Array(body.utf8)
            request.fields["Content-Type"] = type
            let answer = desk.send(request)
            #expect(answer.status == 400)
            return try JSON(parsing: answer.body).member("errors", "error", "message")?.string ?? ""
        }
        #expect(try message("{\"invoice\": ").hasPrefix("There was a problem in the JSON you submitted"))
        #expect(try message("{}") == "Missing parameter: invoice")
        #expect(try message("{\"invoice\": []}") == "'invoice' parameter does not match expected type 'hash'")
        // Source: api-discuss.freeagent.com, topic 2224: what form libraries make of a list.
        #expect(
            try message(#"{"invoice": {"invoice_items": {"0": {"description": "x"}}}}"#) == "'invoice_items' parameter does not match expected type 'array'")
        #expect(try message("invoice[reference]=1", type: "application/x-www-form-urlencoded") == "The request's content type is not supported")
    }

    @Test("a client that does not name itself, or wants XML, is told so")
    func manners() throws {
        let desk = try FreeAgentDesk()
        var nameless = try desk.request(.get, "company")
        nameless.fields["User-Agent"] = nil
        #expect(desk.send(nameless).status == 400)
        var xml = try desk.request(.get, "company")
        xml.fields["Accept"] = "application/xml"
        #expect(desk.send(xml).status == 406)
        xml.fields["Accept"] = "*/*"
        #expect(desk.send(xml).status == 200)
    }

    @Test("all that is wrong with what was sent is said at once, and nothing of it is kept")
    func findings() throws {
        let desk = try FreeAgentDesk()
        let sent = """
            {invoice: {dated_on: "soon", payment_terms_in_days: "many", currency: "XXX", discount_percent: 101, ec_status: "Moon",
              invoice_items: [{quantity: "x", sales_tax_rate: 17}, {item_type: "Fish", description: "y", price: 1}]}}
            """
        let findings = try desk.refusal(.post, "invoices", sent)
        #expect(
            findings == [
                "contact can't be blank", "dated_on is not a valid date", "payment_terms_in_days is not a number", "dated_on can't be blank",
                "discount_percent must be between 0 and 100", "currency is not included in the list", "ec_status is not included in the list",
                "invoice_items.price can't be blank", "invoice_items.quantity is not a number", "invoice_items.description can't be blank",
                "invoice_items.sales_tax_rate is not a valid sales tax rate", "invoice_items.item_type is not included in the list",
                "invoice_items contain errors",
            ])
        #expect(desk.twin.entries().isEmpty)
        #expect(try desk.raw(.get, "invoices").fields["X-Total-Count"] == "0")
    }

    @Test("numbers are read from strings and numbers, to the cent, and huge ones refused")
    func numbers() throws {
        #expect(FANumber.text(Int64(-12_345)) == "-123.45")
        #expect(FANumber.text(Int64(20_000)) == "200.0")
        #expect(FANumber.text(ExactDecimal(coefficient: 67_319, scale: 5)) == "0.67319")
        #expect(FANumber.taxWithin(-73_000, percent: ExactDecimal(20)) == -12_167)
        #expect(FANumber.share(12_345, percent: ExactDecimal(coefficient: 255, scale: 1)) == 3148)
        #expect(FANumber.share(-1, percent: ExactDecimal(50)) == -1)
        #expect(FANumber.divided(FANumber.times(8600, ExactDecimal(coefficient: 5, scale: 1)), by: ExactDecimal(coefficient: 86, scale: 2)) == 5000)
        let desk = try FreeAgentDesk()
        let huge = #"{price_list_item: {code: "a", description: "b", item_type: "Products", price: 1e12, quantity: 1}}"#
        #expect(try desk.refusal(.post, "price_list_items", huge).first == "price is not a number")
        for text in ["2020-01-01", "2020-01-01T23:59:59Z", "01-01-2020"] { #expect(FADate.parse(text)?.description == "2020-01-01") }
        for text in ["", "2020-13-01", "1/1/2020", "2020-01-01T99", "a-b-cdef"] { #expect(FADate.parse(text) == nil, "\(text)") }
    }

    @Test("the fault plan knows what each request is for, and its throttling and outage look like the vendor's")
    func traffic() throws {
        let desk = try FreeAgentDesk()
        let twin = desk.twin
        func purpose(_ method: HTTPMethod, _ path: String) -> Purpose { twin.purpose(of: HTTPRequest(method, path)) }
        #expect(purpose(.post, "/v2/token_endpoint") == .token)
        #expect(purpose(.post, "/v2/invoices") == .write)
        #expect(purpose(.put, "/v2/invoices/3/transitions/mark_as_sent") == .write)
        #expect(purpose(.post, "/v2/contacts") == .reference)
        #expect(purpose(.get, "/v2/invoices?updated_since=2026-11-20") == .lookup)
        #expect(purpose(.get, "/v2/journal_sets?tag=x") == .lookup)
        #expect(purpose(.get, "/v2/invoices/3") == .readback)
        #expect(purpose(.get, "/v2/company") == .other)
        let throttled = twin.throttled(retryAfterSeconds: 7)
        #expect(throttled.status == 429 && throttled.fields["Retry-After"] == "7")
        #expect(twin.throttled(retryAfterSeconds: nil).fields["Retry-After"] == nil)
        #expect(twin.unavailable().status == 503)
        let refresh = try #require(twin.refresh(with: FreeAgentTwin.refreshToken))
        #expect(desk.send(refresh).status == 200)
    }
}
