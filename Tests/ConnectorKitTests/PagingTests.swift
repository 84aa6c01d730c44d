import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("Lists, page by page")
struct PagingTests {
    private func answer(_ body: String, link: String? = nil) -> HTTPResponse {
        var out = HTTPResponse(200, body: Array(body.utf8))
        if let link { out.fields["Link"] = link }
        return out
    }

    /// The targets that were asked for, and what came of it.
    private func read(_ paging: Paging, _ target: String, records: [String] = ["rows"], most: Int = 10, _ answers: [HTTPResponse]) -> (targets: [String], rows: [JSON]?, fault: Fault?) {
        var step = Exchange<[JSON]>.pages(Call(.read, HTTPRequest(.get, target)), paging, records: records, most: most)
        var targets: [String] = [], left = answers
        while true {
            switch step {
            case .finish(let rows): return (targets, rows, nil)
            case .fail(let fault): return (targets, nil, fault)
            case .send(let call, let then):
                targets.append(call.request.target)
                guard !left.isEmpty else { return (targets, nil, nil) }
                step = then(left.removeFirst())
            }
        }
    }

    @Test("OData: the query of the next link, absolute or relative, behind the path that was asked for")
    func odata() {
        for link in ["https://erp.example:50000/b1s/v2/Orders?$skip=20&$filter=a%20eq%201", "Orders?$skip=20&$filter=a%20eq%201", "/twin/b1s/v2/Orders?$skip=20&$filter=a%20eq%201#x"] {
            let out = read(.nextLink(["@odata.nextLink"]), "/b1s/v2/Orders?$filter=a%20eq%201", records: ["value"], [
                answer(#"{"value":[1,2],"@odata.nextLink":"\#(link)"}"#), answer(#"{"value":[3]}"#),
            ])
            #expect(out.targets == ["/b1s/v2/Orders?$filter=a%20eq%201", "/b1s/v2/Orders?$skip=20&$filter=a%20eq%201"], "\(link)")
            #expect(out.rows?.compactMap(\.int) == [1, 2, 3])
        }
    }

    @Test("a next page that leads elsewhere, back, or can't be sent ends the reading with a fault, never with half a list", arguments: [
        "https://evil.example/steal?x=1", "/b1s/v2/Invoices?$skip=20", "https://erp.example/b1s/v2/Orders", "/b1s/v2/Orders?$top=1", "/b1s/v2/Orders?a=\\u0000", "/b1s/v2/Orders?a=é",
        "/b1s/v2/Orders?a=b c", "javascript:alert(1)",
    ])
    func astray(_ link: String) {
        let out = read(.nextLink(["next"]), "/b1s/v2/Orders?$top=1", [answer("{\"rows\":[1],\"next\":\"\(link)\"}")])
        #expect(out.fault?.code == "unreadable_answer" && out.targets.count == 1)
    }

    @Test("Link headers: the one whose relation is next, wherever it stands")
    func linkHeader() {
        let links = "<https://shop.example/wp-json/wc/v3/orders?page=1>; rel=\"prev\", <https://shop.example/wp-json/wc/v3/orders?page=3&a=1,2>; title=\"x\"; rel=\"last next\""
        let out = read(.linkHeader, "/wc/v3/orders?page=2", records: [], [answer("[1]", link: links), answer("[2]", link: "<https://shop.example/orders?page=2>; rel=prev")])
        #expect(out.targets == ["/wc/v3/orders?page=2", "/wc/v3/orders?page=3&a=1,2"])
        #expect(out.rows?.count == 2)
        #expect(read(.linkHeader, "/orders", records: [], [answer("[1]", link: "<https://x/orders?page=2>; rel=NEXT"), answer("[]")]).targets.last == "/orders?page=2")
        for none in ["<https://x/orders?page=2>; rel=\"nextish\"", "rel=next", "<https://x/orders?page=2>", "", "<https://x/orders?page=2>; title=\"next\""] {
            #expect(read(.linkHeader, "/orders", records: [], [answer("[1]", link: none)]).rows?.count == 1, "\(none)")
        }
    }

    @Test("cursors are opaque: whatever is in them goes back as it came")
    func cursor() {
        let out = read(.cursor(at: ["page", "cursor"], query: "cursor"), "/v2/payments?limit=2&cursor=old", [
            answer(#"{"rows":[1,2],"page":{"cursor":"a+b/c=&d?"}}"#), answer(#"{"rows":[3],"page":{"cursor":""}}"#),
        ])
        #expect(out.targets.last == "/v2/payments?limit=2&cursor=a%2Bb%2Fc%3D%26d%3F")
        #expect(out.rows?.count == 3)
    }

    @Test("offsets, page numbers and last ids go on until a page says that it is the last")
    func counted() {
        let two = answer(#"{"rows":[{"id":"a"},{"id":"b"}],"has_more":true}"#), one = answer(#"{"rows":[{"id":"c"}],"has_more":false}"#)
        #expect(read(.offset(query: "offset", size: 2), "/x?limit=2", [two, two, one]).targets == ["/x?limit=2", "/x?limit=2&offset=2", "/x?limit=2&offset=4"])
        #expect(read(.number(query: "page", size: 2), "/x", [two, one]).targets == ["/x", "/x?page=2"])
        let ids = read(.lastID(at: ["id"], query: "starting_after", more: ["has_more"]), "/x", [two, one])
        #expect(ids.targets == ["/x", "/x?starting_after=b"] && ids.rows?.count == 3)
        #expect(read(.lastID(at: ["id"], query: "starting_after", more: ["has_more"]), "/x", [answer(#"{"rows":[],"has_more":true}"#)]).fault?.code == "unreadable_answer")
    }

    @Test("a list without its rows, and one without an end, are faults")
    func odd() {
        for body in ["", "<html>", "{}", #"{"rows":{}}"#, #"{"rows":null}"#] {
            #expect(read(.offset(query: "o", size: 2), "/x", [answer(body)]).fault?.code == "unreadable_answer", "\(body)")
        }
        let full = answer(#"{"rows":[1,2]}"#)
        let out = read(.offset(query: "o", size: 2), "/x", most: 3, [full, full, full, full])
        #expect(out.fault?.code == "list_too_long" && out.fault?.disposition == .hold && out.targets.count == 3)
        let same = answer(#"{"rows":[1],"c":"same"}"#)
        #expect(read(.cursor(at: ["c"], query: "c"), "/x", [same, same]).fault?.code == "unreadable_answer")
    }

    @Test("the one member of a query is set, the others stay as they were written")
    func query() throws {
        let request = HTTPRequest(.get, "/x?q=a+b%20c&page=1&page=2&%24top=5")
        #expect(try request.with("page", "3").target == "/x?q=a+b%20c&%24top=5&page=3")
        #expect(try request.with("$top", "6 7").target == "/x?q=a+b%20c&page=1&page=2&%24top=6%207")
    }
}

@Suite("What an answer means by its status alone")
struct JudgingTests {
    private let judging = Judging("Plain")
    private let read = Call(.read, HTTPRequest(.get, "/x")), write = Call(.write, HTTPRequest(.post, "/x"))

    @Test("total: nothing unknown to a write is taken for done or for not done", arguments: Array(100 ... 599) + [-1, 0, 99, 600, 999, .max])
    func total(status: Int) {
        let response = HTTPResponse(status)
        switch (judging.verdict(response, to: read), judging.verdict(response, to: write)) {
        case (.accepted, .accepted): #expect((200 ..< 300).contains(status))
        case (.reauthorize, .reauthorize): #expect(status == 401)
        case (.throttled, .throttled): #expect(status == 429)
        case (.unavailable, .outcomeUnknown): #expect(status == 408 || !(200 ..< 300).contains(status) && !(400 ..< 500).contains(status))
        case (.rejected, .rejected): #expect((400 ..< 500).contains(status) && ![401, 408, 429].contains(status))
        default: Issue.record("status \(status)")
        }
    }

    @Test("what can't be read is a failure to a read, and leaves a write open")
    func unreadable() {
        if case .unavailable(let fault) = judging.unreadable(HTTPResponse(200), to: read) { #expect(fault.disposition == .retry) } else { Issue.record("a read") }
        if case .outcomeUnknown(let fault) = judging.unreadable(HTTPResponse(200), to: write) { #expect(fault.code == "outcome_unknown") } else { Issue.record("a write") }
    }

    @Test("Retry-After: seconds, or a date against the answer's own clock; nothing that can't be meant", arguments: [
        ("30", .seconds(30)), ("0", .zero), ("999999999", .seconds(86_400)), ("-5", nil), ("soon", nil), ("1.5", nil), ("", nil), ("99999999999999999999", nil),
        ("Sun, 06 Nov 1994 08:50:37 GMT", .seconds(60)), ("Sun, 06 Nov 1994 08:48:37 GMT", .zero), ("Sunday, 06-Nov-94 08:50:37 GMT", nil), ("Sun, 32 Nov 1994 08:50:37 GMT", nil),
    ] as [(String, Duration?)])
    func retryAfter(_ text: String, _ wait: Duration?) {
        var response = HTTPResponse(429)
        response.fields["Date"] = "Sun, 06 Nov 1994 08:49:37 GMT"
        response.fields["Retry-After"] = text
        #expect(Judging.retryAfter(response) == wait)
    }

    @Test("an answer's own time, where it says one")
    func date() {
        #expect(HTTPResponse(404, fields: ["Date": "Sun, 06 Nov 1994 08:49:37 GMT"]).date == Timestamp(rfc3339: "1994-11-06T08:49:37Z"))
        #expect(HTTPResponse(404).date == nil && HTTPResponse(404, fields: ["Date": "yesterday"]).date == nil)
    }

    @Test("a platform's words become one short line")
    func short() {
        #expect(Judging.short("a\r\n b\u{0}\tc ") == "a b c")
        #expect(Judging.short(" \n ") == nil && Judging.short(nil) == nil)
        #expect(Judging.short(String(repeating: "é", count: 9000))?.count == 300)
    }
}

@Suite("SOAP")
struct SOAPTests {
    @Test("an envelope has its blanks in the header, its operation in SOAPAction, and words of people as words")
    func call() throws {
        let call = SOAP.call(.write, "/services/Port", action: "add", header: "<p>\(xml: .part("p"))</p>", body: "<add>\(bytes: Array("a&amp;b".utf8))</add>")
        #expect(call.request.fields["SOAPAction"] == "\"add\"" && call.request.fields["Content-Type"]?.hasPrefix("text/xml") == true)
        let envelope = try XMLElement(parsing: call.request.body)
        #expect(envelope.name.namespace == SOAP.namespace)
        #expect(envelope.at(["Header", "p"])?.text == "***" && envelope.at(["Body", "add"])?.text == "a&b")
    }

    @Test("an answer is a body, a fault with its detail, or none")
    func read() throws {
        func answer(_ body: String) -> SOAP.Answer? {
            SOAP.read(HTTPResponse(200, body: Array("<s:Envelope xmlns:s='\(SOAP.namespace)'><s:Body>\(body)</s:Body></s:Envelope>".utf8)))
        }
        guard case .body(let element)? = answer("<upsertResponse><x>1</x></upsertResponse>") else {
            Issue.record("no body")
            return
        }
        #expect(element.name.local == "upsertResponse" && element["x"]?.text == "1")
        let detail = "<detail><f:exceededConcurrentRequestLimitFault xmlns:f='urn:f'><f:code>WS_REQUEST_BLOCKED</f:code></f:exceededConcurrentRequestLimitFault></detail>"
        guard case .fault(let fault)? = answer("<s:Fault><faultcode>s:Server</faultcode><faultstring>Only one</faultstring>\(detail)</s:Fault>") else {
            Issue.record("no fault")
            return
        }
        #expect(fault.code == "s:Server" && fault.text == "Only one" && fault.kind == "exceededConcurrentRequestLimitFault")
        #expect(fault.detail?.at(["exceededConcurrentRequestLimitFault", "code"])?.text == "WS_REQUEST_BLOCKED")
        #expect(answer("") == nil)
        for body in ["", "<html/>", "{}", "<Envelope><Body><a/></Body></Envelope>"] { #expect(SOAP.read(HTTPResponse(200, body: Array(body.utf8))) == nil) }
        // A fault of another namespace is an answer of that name.
        if case .body? = answer("<Fault/>") {} else { Issue.record("a fault that is none") }
    }
}
