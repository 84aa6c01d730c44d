import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: traffic and faults")
struct OdooTrafficTests {
    @Test("requests are told apart by what they call", arguments: [
        ("account.move", "create", "[{}]", Purpose.write), ("account.move", "action_post", "[[1]]", .write), ("account.payment.register", "action_create_payments", "[[1]]", .write),
        ("res.partner", "create", "[{}]", .reference), ("product.product", "write", "[[1], {}]", .reference),
        ("account.move", "search_read", "[[[\"ref\", \"=\", \"x\"]]]", .lookup), ("account.move", "search", "[[[\"id\", \"in\", [1]]]]", .readback),
        ("account.move", "read", "[[1]]", .readback), ("account.payment", "search_count", "[[]]", .lookup), ("account.account", "search_read", "[[]]", .other),
        ("account.move", "fields_get", "[]", .other),
    ])
    func purposes(model: String, method: String, args: String, purpose: Purpose) throws {
        let bench = try OdooBench()
        #expect(bench.twin.purpose(of: try bench.request(model, method, args)) == purpose)
        let values = try (JSON(json5: args).array ?? []).map { OdooTrafficTests.xml($0) }.joined()
        let names = ["odoo16", "", OdooTwin.apiKey, model, method].map { "<value><string>\($0)</string></value>" }
        let list = names.map { "<param>\($0)</param>" }.joined() + "<param><value><array><data>\(values)</data></array></value></param>"
        let body = "<?xml version='1.0'?><methodCall><methodName>execute_kw</methodName><params>\(list)</params></methodCall>"
        #expect(bench.twin.purpose(of: HTTPRequest(.post, "/odoo16/xmlrpc/2/object", body: Array(body.utf8))) == purpose)
    }

    private static func xml(_ value: JSON) -> String {
        if let list = value.array { return "<value><array><data>\(list.map { xml($0) }.joined())</data></array></value>" }
        if value.object != nil { return "<value><struct></struct></value>" }
        return value.int.map { "<value><int>\($0)</int></value>" } ?? "<value><string>\(value.string ?? "")</string></value>"
    }

    @Test("JSON-2 says by its address what it is for", arguments: [
        ("account.move/create", "{\"vals_list\":[]}", Purpose.write), ("account.move/search_read", "{\"domain\":[[\"ref\",\"=\",\"x\"]]}", .lookup),
        ("account.move/search_read", "{\"domain\":[[\"id\",\"=\",1]]}", .readback), ("account.move/read", "{\"ids\":[1]}", .readback), ("res.partner/create", "{}", .reference),
        ("res.users/context_get", "{}", .other),
    ])
    func json2Purposes(path: String, body: String, purpose: Purpose) throws {
        let twin = try OdooBench().twin
        for prefix in ["", "/odoo19"] {
            #expect(twin.purpose(of: HTTPRequest(.post, "\(prefix)/json/2/\(path)", body: Array(body.utf8))) == purpose)
        }
    }

    @Test("a login is a token's request, and what is no call is nothing")
    func otherPurposes() throws {
        let twin = try OdooBench().twin
        let login = #"{"params":{"service":"common","method":"authenticate","args":["odoo19","admin","admin",{}]}}"#
        #expect(twin.purpose(of: HTTPRequest(.post, "/jsonrpc", body: Array(login.utf8))) == .token)
        for body in ["", "x", "{}", "<a/>"] {
            #expect(twin.purpose(of: HTTPRequest(.post, "/jsonrpc", body: Array(body.utf8))) == .other)
            #expect(twin.purpose(of: HTTPRequest(.post, "/xmlrpc/2/object", body: Array(body.utf8))) == .other)
        }
        #expect(twin.purpose(of: HTTPRequest(.get, "/web/version")) == .other)
    }

    @Test("a revoked key is refused wherever it stands")
    func revoked() throws {
        let bench = try OdooBench()
        let rpc = try JSON(parsing: bench.twin.respond(bench.twin.withRevokedToken(try bench.request("res.company", "search", "[[]]")), at: bench.now).body)
        #expect(rpc.member("error", "data", "name") == "odoo.exceptions.AccessDenied")
        let fields: HTTPFields = ["Authorization": "bearer \(OdooTwin.apiKey)", "Content-Type": "application/json", "X-Odoo-Database": "odoo19"]
        let json2 = HTTPRequest(.post, "/json/2/res.company/search", fields: fields, body: Array(#"{"domain":[]}"#.utf8))
        #expect(bench.twin.respond(bench.twin.withRevokedToken(json2), at: bench.now).status == 401)
        #expect(bench.twin.respond(json2, at: bench.now).status == 200)
    }

    @Test("a failure inside of success is an error of JSON-RPC under 200")
    func insideSuccess() throws {
        let answer = try OdooBench().twin.errorInSuccess()
        #expect(answer.status == 200)
        #expect(try JSON(parsing: answer.body).member("error", "data", "name") == "psycopg2.errors.SerializationFailure")
    }

    @Test("the proxy stops a flood with 429, then shuts the door, and opens it as time goes on")
    func proxy() throws {
        let bench = try OdooBench(limits: OdooLimits(callsPerSecond: 1, burst: 3))
        func status() throws -> Int { bench.send(.get, "/web/version").status }
        #expect(try (0 ..< 4).map { _ in try status() } == [200, 200, 200, 429])
        #expect(bench.send(.get, "/web/version").bodyText.contains("nginx"))
        for _ in 0 ..< 5 { _ = try status() }
        #expect(try status() == 503)
        bench.now = bench.now + .seconds(2)
        #expect(try (0 ..< 3).map { _ in try status() } == [200, 200, 429])
        #expect(bench.twin.throttled(retryAfterSeconds: 4).fields["Retry-After"] == "4" && bench.twin.unavailable().status == 503)
    }

    @Test("two transactions that meet: one is told so and nothing of it is kept", arguments: [true, false])
    func conflict(isJSON2: Bool) throws {
        let bench = try OdooBench(limits: OdooLimits(callsPerSecond: 1000, burst: 1000, conflictsEvery: 2))
        _ = try bench.invoice()
        if isJSON2 {
            let answer = try bench.json2("account.move/create", "{vals_list: [{move_type: \"entry\"}]}")
            #expect(answer.status == 409 && answer.body["name"] == "psycopg2.errors.SerializationFailure")
        } else {
            let refusal = try bench.refusal("account.move", "create", "[{move_type: \"entry\"}]")
            #expect(refusal == ("psycopg2.errors.SerializationFailure", "could not serialize access due to concurrent update\n"))
        }
        #expect(try bench.call("account.move", "search_count", "[[]]") == 1)
        _ = try bench.invoice()
    }

    @Test("a body beyond the proxy's bound is refused")
    func tooLarge() throws {
        let bench = try OdooBench(limits: OdooLimits(bodyBytes: 10))
        #expect(bench.send(.post, "/jsonrpc", "{\"jsonrpc\": \"2.0\"}").status == 413)
    }
}
