import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct JudgeTests {
    enum Meaning: String { case accepted, throttled, unavailable, reauthorize, rejected, outcomeUnknown }
    struct Case: Sendable {
        var status: Int
        var body: String = "{}"
        var read: String
        var write: String
    }

    static let cases: [Case] = [
        Case(status: 200, body: #"{"data":{"shop":{"id":"1"}}}"#, read: "accepted", write: "accepted"),
        Case(status: 201, read: "accepted", write: "accepted"),
        Case(status: 200, body: "<html>", read: "unavailable", write: "outcomeUnknown"),
        Case(status: 200, body: "", read: "unavailable", write: "outcomeUnknown"),
        Case(status: 200, body: "[]", read: "unavailable", write: "outcomeUnknown"),
        Case(
            status: 200, body: #"{"errors":[{"extensions":{"code":"THROTTLED"}}]}"#, read: "throttled",
            write: "throttled"),
        Case(
            status: 200, body: #"{"errors":[{"extensions":{"code":"ACCESS_DENIED"},"path":["orders"]}],"data":null}"#,
            read: "reauthorize", write: "rejected"),
        Case(
            status: 200,
            body:
                #"{"errors":[{"extensions":{"code":"ACCESS_DENIED"},"path":["orders","nodes",0,"shippingAddress"]}],"data":{"orders":{}}}"#,
            read: "accepted", write: "accepted"),
        Case(
            status: 200,
            body:
                #"{"errors":[{"extensions":{"code":"ACCESS_DENIED"},"path":["orders","nodes",0,"transactions"]}],"data":{"orders":{}}}"#,
            read: "reauthorize", write: "rejected"),
        Case(
            status: 200, body: #"{"errors":[{"extensions":{"code":"MAX_COST_EXCEEDED"}}]}"#, read: "rejected",
            write: "rejected"),
        Case(
            status: 200, body: #"{"errors":[{"extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}"#, read: "unavailable",
            write: "outcomeUnknown"),
        Case(
            status: 200, body: #"{"errors":[{"extensions":{"code":"SHOP_INACTIVE"}}]}"#, read: "unavailable",
            write: "unavailable"),
        Case(
            status: 200, body: #"{"errors":[{"message":"Field 'x' doesn't exist"}]}"#, read: "rejected",
            write: "rejected"),
        Case(status: 200, body: #"{"errors":"gone wrong"}"#, read: "rejected", write: "rejected"),
        Case(
            status: 200, body: #"{"data":{"refundCreate":{"userErrors":[{"field":["input"],"message":"no"}]}}}"#,
            read: "rejected",
            write: "rejected"),
        Case(status: 200, body: #"{"data":{"refundCreate":{"userErrors":[]}}}"#, read: "accepted", write: "accepted"),
        Case(status: 301, read: "rejected", write: "rejected"), Case(status: 400, read: "rejected", write: "rejected"),
        Case(
            status: 401,
            body: #"{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}"#,
            read: "reauthorize", write: "reauthorize"),
        Case(status: 402, read: "unavailable", write: "unavailable"),
        Case(status: 403, read: "reauthorize", write: "rejected"),
        Case(status: 404, read: "rejected", write: "rejected"),
        Case(status: 406, read: "rejected", write: "rejected"),
        Case(status: 408, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 418, read: "rejected", write: "rejected"), Case(status: 422, read: "rejected", write: "rejected"),
        Case(status: 423, read: "unavailable", write: "unavailable"),
        Case(status: 429, read: "throttled", write: "throttled"),
        Case(status: 430, read: "throttled", write: "throttled"),
        Case(status: 499, read: "rejected", write: "rejected"),
        Case(status: 500, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 502, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 503, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 599, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 100, read: "unavailable", write: "outcomeUnknown"),
        Case(status: 999, read: "unavailable", write: "outcomeUnknown"),
    ]

    private func meaning(_ verdict: Verdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .throttled: "throttled"
        case .unavailable: "unavailable"
        case .reauthorize: "reauthorize"
        case .duplicate: "duplicate"
        case .rejected: "rejected"
        case .outcomeUnknown: "outcomeUnknown"
        }
    }

    @Test("every status and body has one meaning", arguments: cases)
    func table(_ item: Case) {
        let response = HTTPResponse(item.status, body: Array(item.body.utf8))
        let request = HTTPRequest(.post, ShopifyConnector.path)
        #expect(meaning(connector.judge(response, to: Call(.read, request))) == item.read)
        #expect(meaning(connector.judge(response, to: Call(.write, request))) == item.write)
    }

    @Test("no status traps, and every unknown 4xx is rejected")
    func total() {
        let request = HTTPRequest(.post, ShopifyConnector.path)
        for status in -1 ... 700 {
            let verdict = connector.judge(HTTPResponse(status), to: Call(.write, request))
            if (400 ..< 500).contains(status), ![401, 402, 403, 408, 423, 429, 430].contains(status) {
                #expect(meaning(verdict) == "rejected", "\(status)")
            }
            if status >= 500 { #expect(meaning(verdict) == "outcomeUnknown", "\(status)") }
        }
    }

    @Test("the wait of a throttled query is what is missing over what comes back each second")
    func throttleWait() {
        func verdict(_ wanted: String, _ left: String, _ rate: String) -> Verdict {
            let text = """
                {"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":\
                \(wanted),"actualQueryCost":null,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":\(left),\
                "restoreRate":\(rate)}}}}
                """
            return connector.judge(HTTPResponse(200, body: Array(text.utf8)), to: Call(.read, HTTPRequest(.post, "/")))
        }
        #expect(verdict("813", "13", "100.0") == .throttled(after: .seconds(8), bucket: "points"))
        #expect(verdict("813", "0.9", "100") == .throttled(after: .milliseconds(8130), bucket: "points"))
        #expect(verdict("10", "500", "100") == .throttled(after: .milliseconds(1), bucket: "points"))
        #expect(verdict("10", "5", "0") == .throttled(after: .seconds(1), bucket: "points"))
        #expect(verdict("\"x\"", "5", "100") == .throttled(after: .seconds(1), bucket: "points"))
        #expect(verdict("99999999", "0", "1") == .throttled(after: .seconds(3600), bucket: "points"))
    }

    @Test("Retry-After is read with its fraction, and nonsense in it is ignored")
    func retryAfter() {
        func verdict(_ text: String?) -> Verdict {
            var fields = HTTPFields()
            if let text { fields.append("Retry-After", text) }
            return connector.judge(HTTPResponse(429, fields: fields), to: Call(.read, HTTPRequest(.get, "/")))
        }
        #expect(verdict("2.0") == .throttled(after: .seconds(2), bucket: nil))
        #expect(verdict("0.25") == .throttled(after: .milliseconds(250), bucket: nil))
        for text in [nil, "", "soon", "-1", "1e30", "99999999999999999999", "0.1234567890123456789012345678"] {
            guard case .throttled(let after, _) = verdict(text) else {
                Issue.record("\(text ?? "none")")
                continue
            }
            #expect(after.map { $0 <= .seconds(1) } ?? true)
        }
    }

    @Test("points left are read from every answer, whole or with a fraction")
    func readings() {
        func left(_ text: String) -> [BudgetReading] {
            let body = #"{"data":{},"extensions":{"cost":{"throttleStatus":{"currentlyAvailable":"# + text + "}}}}"
            return connector.readings(HTTPResponse(200, body: Array(body.utf8)))
        }
        #expect(left("1983") == [BudgetReading(name: "points", remaining: 1983)])
        #expect(left("1983.7") == [BudgetReading(name: "points", remaining: 1983)])
        #expect(left("-5") == [])
        #expect(left("1e25") == [])
        #expect(connector.readings(HTTPResponse(200, body: Array("x".utf8))) == [])
        #expect(connector.readings(HTTPResponse(429)) == [])
    }

    @Test("a verdict's words hold nothing of the body but error codes")
    func safeWords() {
        let body =
            #"{"errors":[{"message":"secret shpat_1","extensions":{"code":"shpat 1 secret"}},{"extensions":{"code":"undefinedField"}}]}"#
        let verdict = connector.judge(
            HTTPResponse(200, body: Array(body.utf8)), to: Call(.read, HTTPRequest(.post, "/")))
        guard case .rejected(let fault) = verdict else {
            Issue.record("not rejected")
            return
        }
        #expect(!fault.description.contains("secret"))
        #expect(fault.description.contains("undefinedField"))
    }
}
