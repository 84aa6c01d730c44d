import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: traffic, faults and restarts")
struct SuiteLifeTests {
    @Test("the account is the same after a restart")
    func restart() throws {
        let bench = try SuiteBench()
        let invoice = try bench.invoice(external: "E-1")
        try bench.create("customerPayment", "{customer: {id: \"412\"}, payment: 8, account: {id: \"103\"}, apply: {items: [{doc: {id: \"\(invoice)\"}, apply: true, amount: 8}]}}")
        let gone = try bench.invoice("5.00")
        #expect(try bench.send(.delete, "/record/v1/invoice/\(gone)").status == 204)
        let bearer = bench.bearer
        let again = try bench.reopened()
        again.bearer = bearer
        #expect(try again.read("invoice", invoice) == bench.read("invoice", invoice))
        #expect(again.twin.entries().map(\.id) == bench.twin.entries().map(\.id) && again.lines(invoice) == bench.lines(invoice))
        #expect(try again.invoice("1.00") == gone + 1)
        #expect(try again.read("invoice", gone + 1)["tranId"] == "INV1003")
    }

    @Test("a refused request leaves nothing behind")
    func rollback() throws {
        let bench = try SuiteBench(limits: NetSuiteLimits(conflictsEvery: 2))
        try bench.invoice()
        let lost = try bench.refusal(.post, "/record/v1/invoice", "{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}")
        #expect(lost.status == 409 && lost.code == "RCRD_HAS_BEEN_CHANGED" && bench.twin.entries().count == 1)
        #expect(try bench.reopened().twin.entries().count == 1)
    }

    @Test("an account that is inactive is posted to by nobody")
    func inactive() throws {
        let bench = try SuiteBench()
        bench.twin.setAccountActive("4100", false)
        #expect(try bench.refusal(.post, "/record/v1/invoice",
            "{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, amount: 1}]}}").detail.contains("Invalid account reference key 115"))
        bench.twin.setAccountActive("4100", true)
        try bench.invoice()
    }

    @Test("too many requests at one time are refused in the caller's protocol")
    func concurrency() throws {
        let bench = try SuiteBench(limits: NetSuiteLimits(concurrency: 2, requestLasts: .seconds(10)))
        for _ in 0..<2 { #expect(try bench.send(.get, "/record/v1/currency/1").status == 200) }
        #expect(try bench.refusal(.get, "/record/v1/currency/1") == (429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."))
        let fault = try bench.fault("getServerTime", "")
        #expect(fault.name == "exceededConcurrentRequestLimitFault" && fault.code == "WS_REQUEST_BLOCKED")
        bench.now = bench.now + .seconds(10)
        #expect(try bench.send(.get, "/record/v1/currency/1").status == 200)
    }

    @Test("the fault plan speaks the caller's protocol")
    func planned() throws {
        let bench = try SuiteBench()
        let rest = try bench.request(.get, "/record/v1/invoice/1")
        let soap = bench.envelope("<add xmlns=\"urn:messages_2025_2.platform.webservices.netsuite.com\">\(SuiteSOAPTests.invoice)</add>")
        #expect(bench.twin.throttled(rest, retryAfterSeconds: 3).status == 429 && bench.twin.throttled(rest, retryAfterSeconds: 3).fields["Retry-After"] == nil)
        #expect(bench.twin.throttled(soap, retryAfterSeconds: nil).bodyText.contains("WS_REQUEST_BLOCKED"))
        #expect(bench.twin.unavailable(rest).status == 503 && bench.twin.unavailable(soap).bodyText.contains("unexpectedErrorFault"))
        #expect(bench.twin.errorInSuccess(soap).status == 200 && bench.twin.errorInSuccess(soap).bodyText.contains("isSuccess=\"false\""))
        #expect(bench.twin.respond(bench.twin.withRevokedToken(rest), at: bench.now).status == 401)
        #expect(bench.twin.respond(bench.twin.withRevokedToken(soap), at: bench.now).bodyText.contains("INVALID_LOGIN_ATTEMPT"))
        #expect(bench.twin.respond(soap, at: bench.now).status == 200)
    }

    @Test("requests are told apart by what they are for", arguments: [
        (HTTPMethod.post, "/record/v1/invoice", "{}", Purpose.write), (.patch, "/record/v1/journalEntry/1", "{}", .write),
        (.put, "/record/v1/invoice/eid:a", "{}", .write),
        (.post, "/record/v1/customer", "{}", .reference), (.get, "/record/v1/invoice/9001", "", .readback), (.get, "/record/v1/invoice/eid:a", "", .lookup),
        (.get, "/record/v1/invoice?q=x", "", .lookup), (.get, "/record/v1/account/1", "", .other), (.post, "/auth/oauth2/v1/token", "{}", .token),
        (.post, "/query/v1/suiteql", "{q: \"SELECT id FROM transaction WHERE externalid = 'x'\"}", .lookup),
        (.post, "/query/v1/suiteql", "{q: \"SELECT foreigntotal FROM transaction WHERE id = 1\"}", .readback),
        (.post, "/query/v1/suiteql", "{q: \"SELECT id FROM account\"}", .other),
    ])
    func purposes(method: HTTPMethod, path: String, body: String, purpose: Purpose) throws {
        let bench = try SuiteBench()
        #expect(bench.twin.purpose(of: try bench.request(method, path, body)) == purpose)
    }

    @Test("SOAP operations are told apart by their records", arguments: [
        ("add", "<record xsi:type=\"s:Invoice\"/>", Purpose.write), ("upsertList", "<record xsi:type=\"g:JournalEntry\"/>", .write),
        ("add", "<record xsi:type=\"r:Customer\"/>", .reference), ("delete", "<baseRef type=\"invoice\" internalId=\"1\"/>", .write),
        ("get", "<baseRef type=\"invoice\" internalId=\"1\"/>", .readback), ("get", "<baseRef type=\"invoice\" externalId=\"1\"/>", .lookup),
        ("search", "<searchRecord xsi:type=\"p:TransactionSearchBasic\"><p:externalIdString/></searchRecord>", .lookup),
        ("search", "<searchRecord xsi:type=\"p:AccountSearchBasic\"/>", .other), ("getServerTime", "", .other),
    ])
    func soapPurposes(operation: String, inner: String, purpose: Purpose) throws {
        let bench = try SuiteBench()
        let message = "<\(operation) xmlns=\"urn:messages_2025_2.platform.webservices.netsuite.com\">\(inner)</\(operation)>"
        #expect(bench.twin.purpose(of: bench.envelope(message)) == purpose)
    }

    @Test("what means harm is answered, not fallen over")
    func hostile() throws {
        let bench = try SuiteBench()
        for body in ["", "{", "[]", "\u{0}", "{\"item\":{\"items\":[1]}}", "{\"item\":[]}"] {
            let raw = HTTPRequest(.post, "/services/rest/record/v1/invoice", fields: ["Authorization": "Bearer \(bench.bearer)"], body: Array(body.utf8))
            #expect(bench.twin.respond(raw, at: bench.now).status == 400)
        }
        for path in ["/", "//", "/services", "/services/rest/", "/services/rest/record", "/services/rest/record/v1", "/services/NetSuitePort_1999_1", "/wsdl",
            "/xsd/a/b", "/services/rest/record/v1/invoice/%"] {
            #expect((400...499).contains(bench.twin.respond(HTTPRequest(.get, path, fields: ["Authorization": "Bearer \(bench.bearer)"]),
                at: bench.now).status))
        }
        for header in ["", "Bearer", "OAuth ", "OAuth a=b", "OAuth realm=\"", "Basic x"] {
            #expect(bench.twin.respond(HTTPRequest(.get, "/services/rest/record/v1/invoice", fields: ["Authorization": header]), at: bench.now).status == 401)
        }
        let huge = String(Int.max)
        #expect(try bench.refusal(.get, "/record/v1/invoice?limit=\(huge)").status == 400)
        #expect(try bench.refusal(.patch, "/record/v1/invoice/\(huge)", "{memo: \"x\"}").status == 404)
        #expect(try bench.refusal(.post, "/record/v1/invoice",
            "{entity: {id: \"412\"}, item: {items: [{item: {id: \"77\"}, line: \(huge), amount: 1}, {item: {id: \"77\"}, amount: 1}]}}").status == 204)
    }
}
