import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("One vocabulary over three transports") struct DialectTests {
    private func sent(_ call: Call, parts: [String: String] = ["uid": "2", "api_key": "hush-hush-key", "login": "bot@example.com"], login: Bool = false) throws -> HTTPRequest {
        let hand = Materials(parts: parts.mapValues { Secret($0) }, accessToken: Secret(""), account: facts.account, at: Timestamp(seconds: 0), nonce: "")
        return try Dressing.request(call, connector, facts, base: "https://x.odoo.com", hand, login: login).request
    }

    private let asking = Asking(.write, "account.move", "action_post", ids: [812])

    @Test("JSON-2: model and method in the path, ids and arguments by name, the key as bearer, the database in its header") func json2() throws {
        let request = try sent(Dialect(facts).call(asking))
        #expect(request.target == "https://x.odoo.com/json/2/account.move/action_post")
        #expect(try JSON(parsing: request.body) == json(#"{"ids":[812],"context":{"lang":"en_US"}}"#))
        #expect(request.fields["Authorization"] == "bearer hush-hush-key" && request.fields["X-Odoo-Database"] == "thames-pottery")
    }

    @Test("JSON-RPC: execute_kw with database, user and key in the body and nowhere else") func jsonrpc() throws {
        let request = try sent(Dialect(facts(["transport": "jsonrpc"])).call(asking))
        #expect(request.target == "https://x.odoo.com/jsonrpc" && request.fields["Authorization"] == nil)
        #expect(try JSON(parsing: request.body) == json(
            """
            {"jsonrpc":"2.0","method":"call","id":1,"params":{"service":"object","method":"execute_kw",
            "args":["thames-pottery",2,"hush-hush-key","account.move","action_post",[[812]],{"context":{"lang":"en_US"}}]}}
            """))
    }

    @Test("XML-RPC: the same values") func xmlrpc() throws {
        let request = try sent(Dialect(facts(["transport": "xmlrpc"])).call(asking))
        #expect(request.target == "https://x.odoo.com/xmlrpc/2/object")
        let asked = try #require(XMLRPC.asked(request.body))
        #expect(asked.method == "execute_kw")
        #expect(JSON.array(asked.values) == (try json(#"["thames-pottery",2,"hush-hush-key","account.move","action_post",[[812]],{"context":{"lang":"en_US"}}]"#)))
    }

    @Test("what create and write take goes by place, what others take by name") func places() throws {
        let dialect = try Dialect(facts(["transport": "jsonrpc"]))
        func args(_ asking: Asking) throws -> JSON? { try JSON(parsing: dialect.call(asking).request.body).member("params", "args") }
        let create = try args(Asking(.write, "account.move", "create", [("vals_list", [["ref": "x"]])]))
        #expect(create?[5] == [[["ref": "x"]]] && create?[6] == ["context": ["lang": "en_US"]])
        #expect(try args(Asking(.write, "account.move", "write", ids: [7], [("vals", ["ref": "x"])]))?[5] == [[7], ["ref": "x"]])
        let search = try args(Listing("res.currency", [], ["id"]).asking(offset: 0))
        #expect(search?[5] == [] && search?[6]?["fields"] == ["id"] && search?[6]?["limit"] == 500)
    }

    @Test("what was asked is read from the call again, by each transport", arguments: ["json2", "jsonrpc", "xmlrpc"]) func asked(transport: String) throws {
        let dialect = try Dialect(facts(["transport": transport]))
        let post = try #require(Asked(dialect.call(asking).request))
        #expect(post.transport.rawValue == transport && post.model == "account.move" && post.method == "action_post" && post.isStep)
        let create = try #require(Asked(dialect.call(Asking(.write, "account.move", "create", [("vals_list", [[:], [:], [:]])])).request))
        #expect(create.records == 3 && !create.isStep)
        #expect(Asked(dialect.versionCall().request)?.model == "" && Asked(Dialect.login(facts(["transport": .init(transport)])).request)?.isStep == false)
    }

    @Test("the whole way of a sale is the same by each transport", arguments: [["transport": "json2"], ["transport": "jsonrpc"], ["transport": "xmlrpc"], ["transport": "xmlrpc", "version": "14"], ["version": "16"]])
    func sale(settings: [String: String]) throws {
        let dialect = try Dialect(facts(settings))
        func said(_ text: String) throws -> HTTPResponse {
            switch dialect.transport {
            case .json2: return answer(text)
            case .jsonrpc: return answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\(text)}")
            case .xmlrpc:
                // Written by the same hand that writes a call's values.
                let call = String(decoding: XMLRPC.call(.read, "/", method: "m", [.value(try json(text))]).request.body, as: UTF8.self)
                let params = call.replacing("<methodCall><methodName>m</methodName>", with: "<methodResponse>")
                return answer(params.replacing("</methodCall>", with: "</methodResponse>"))
            }
        }
        let rows = "[\(item(1, move: 812, account: 200, "-10.0")),\(receivable(2, move: 812, "10.0"))]"
        let (end, calls) = drive(connector.create([simple()], attempt: "a", facts(settings)), [try said("[812]"), try said(rows), try said("false")])
        #expect(end.output?.map(word) == ["posted 812"])
        #expect(names(calls) == ["account.move/create", "account.move.line/search_read", "account.move/action_post"])
    }

    @Test("the login asks by each transport's own way, and its id is found where that transport puts it") func login() throws {
        let json2 = try sent(Dialect.login(facts), login: true)
        #expect(json2.target.hasSuffix("/json/2/res.users/context_get") && json2.fields["Authorization"] == "bearer hush-hush-key")
        let rpc = try sent(Dialect.login(facts(["version": "15"])), login: true)
        #expect(try JSON(parsing: rpc.body).member("params", "args") == json(#"["thames-pottery","bot@example.com","hush-hush-key",{}]"#))
        let xml = try sent(Dialect.login(facts(["transport": "xmlrpc"])), login: true)
        #expect(XMLRPC.asked(xml.body)?.method == "authenticate" && xml.target.hasSuffix("/xmlrpc/2/common"))
        guard case .session(let session) = connector.spec.auth, let uid = session.gives.first else { Issue.record("no session"); return }
        for text in [#"{"lang":"en_US","tz":false,"uid":2}"#, #"{"jsonrpc":"2.0","id":1,"result":2}"#, "<methodResponse><params><param><value><int>2</int></value></param></params></methodResponse>"] {
            #expect(uid.place.value(in: answer(text)) == "2")
        }
        // Without a login JSON-2 goes on, the others can't.
        #expect(throws: Never.self) { try sent(Dialect.login(facts), parts: ["api_key": "hush-hush-key"], login: true) }
        #expect(throws: Fault.self) { try sent(Dialect.login(facts(["transport": "jsonrpc"])), parts: ["api_key": "hush-hush-key"], login: true) }
    }

    @Test("each version has its own names", arguments: 14 ... 19) func versions(version: Int) throws {
        let dialect = try Dialect(facts(["version": "\(version).0"]))
        #expect(dialect.transport == (version == 19 ? .json2 : .jsonrpc))
        #expect(dialect.accountType.field == (version < 16 ? "account_internal_type" : "account_type"))
        #expect(dialect.lockDates.contains("period_lock_date") == (version < 18) && dialect.lockDates.contains("sale_lock_date") == (version >= 18))
    }
}
