import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("What Odoo's answers mean") struct JudgeTests {
    private func call(_ method: String, _ kind: Call.Kind, _ transport: String, ids: [Int]? = [1]) throws -> Call {
        try Dialect(facts(["transport": transport])).call(Asking(kind, "account.move", method, ids: ids))
    }

    private func jsonrpc(_ name: String, _ message: String) -> HTTPResponse {
        .json(200, [
            "jsonrpc": "2.0", "id": 1,
            "error": ["code": 200, "message": "Odoo Server Error", "data": ["name": .string(name), "message": .string(message), "arguments": [], "context": [:], "debug": "Traceback"]],
        ])
    }

    private func xmlrpc(_ code: Int, _ text: String) -> HTTPResponse {
        var writer = XMLWriter()
        writer.element("string", text)
        let words = String(decoding: writer.bytes, as: UTF8.self)
        return answer("""
            <?xml version='1.0'?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>\(code)</int></value></member>\
            <member><name>faultString</name><value>\(words)</value></member></struct></value></fault></methodResponse>
            """)
    }

    @Test("an exception means the same by all three transports, under a 200 too", arguments: [
        ("odoo.exceptions.UserError", 422, 2, "You cannot add/modify entries prior to and inclusive of the lock date 10/31/2026.", "rejected ledger_period_closed"),
        ("odoo.exceptions.UserError", 422, 2, "You need to add a line before posting.", "rejected ledger_refused"),
        ("odoo.exceptions.ValidationError", 422, 2, "The account 400 is deprecated.", "rejected ledger_account_invalid"),
        ("odoo.exceptions.UserError", 422, 2, "The field 'Customer' is required, please complete it to validate the Customer Invoice.", "rejected ledger_party_invalid"),
        ("odoo.exceptions.AccessError", 403, 4, "You are not allowed to create 'Journal Entry' (account.move) records.", "rejected ledger_access_refused"),
        ("odoo.exceptions.AccessDenied", 403, 3, "Access Denied", "reauthorize"),
        ("odoo.exceptions.MissingError", 404, 1, "Record does not exist or has been deleted.", "rejected ledger_document_missing"),
        ("odoo.exceptions.LockError", 409, 1, "Cannot grab a lock on records", "unavailable unavailable"),
    ] as [(String, Int, Int, String, String)])
    func exceptions(name: String, status: Int, code: Int, message: String, expected: String) throws {
        #expect(word(connector.judge(refusal(message, name, status: status), to: try call("create", .write, "json2", ids: nil))) == expected)
        #expect(word(connector.judge(jsonrpc(name, message), to: try call("create", .write, "jsonrpc", ids: nil))) == expected)
        let text = code == 1 ? "Traceback (most recent call last):\n  File \"odoo/http.py\", line 1, in x\n\(name): \(message)\n" : message
        #expect(word(connector.judge(xmlrpc(code, text), to: try call("create", .write, "xmlrpc", ids: nil))) == expected)
    }

    @Test("an exception of Python's rolled everything back where it came under a 200; a 500 leaves it open", arguments: ["builtins.ValueError", "psycopg2.errors.UniqueViolation", "odd"])
    func python(name: String) throws {
        #expect(word(connector.judge(jsonrpc(name, "x"), to: try call("create", .write, "jsonrpc", ids: nil))) == "rejected ledger_refused")
        #expect(word(connector.judge(refusal("x", name, status: 500), to: try call("create", .write, "json2", ids: nil))) == "unknown outcome_unknown")
        #expect(word(connector.judge(refusal("x", name, status: 500), to: try call("search_read", .read, "json2", ids: nil))) == "unavailable unavailable")
    }

    @Test("a conflict of transactions may be asked again; a database that is not there may not") func busy() throws {
        let call = try call("create", .write, "jsonrpc", ids: nil)
        #expect(word(connector.judge(jsonrpc("psycopg2.errors.SerializationFailure", "could not serialize access"), to: call)) == "unavailable unavailable")
        #expect(word(connector.judge(jsonrpc("psycopg2.OperationalError", "FATAL:  database \"x\" does not exist"), to: call)) == "rejected ledger_refused")
    }

    @Test("a database that fails under a write leaves its outcome open: it may have been committed", arguments: [
        ("psycopg2.OperationalError", "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n"),
        ("psycopg2.InterfaceError", "connection already closed"), ("psycopg2.DatabaseError", "SSL SYSCALL error: EOF detected"),
        ("psycopg2.pool.PoolError", "The Connection Pool Is Full"), ("psycopg2.errors.AdminShutdown", "terminating connection due to administrator command"),
    ])
    func broken(name: String, message: String) throws {
        for method in ["create", "action_post", "write"] {
            for (transport, no) in [("jsonrpc", jsonrpc(name, message)), ("xmlrpc", xmlrpc(1, "Traceback (most recent call last):\n  File \"odoo/http.py\", line 1, in x\n\(name): \(message)\n"))] {
                #expect(word(connector.judge(no, to: try call(method, .write, transport, ids: nil))) == "unknown outcome_unknown", "\(method) by \(transport)")
                #expect(word(connector.judge(no, to: try call("search_read", .read, transport, ids: nil))) == "unavailable unavailable")
            }
        }
    }

    @Test("what the database calls a conflict was rolled back, whatever its exception is called", arguments: [
        "could not serialize access due to concurrent update", "deadlock detected\n\tDETAIL: Process 1 waits", "could not obtain lock on row in relation \"account_move\"",
        "canceling statement due to lock timeout",
    ])
    func conflicts(message: String) throws {
        #expect(word(connector.judge(jsonrpc("psycopg2.OperationalError", message), to: try call("create", .write, "jsonrpc", ids: nil))) == "unavailable unavailable")
        let text = "Traceback (most recent call last):\n  File \"odoo/http.py\", line 1, in x\npsycopg2.OperationalError: \(message)\n"
        #expect(word(connector.judge(xmlrpc(1, text), to: try call("create", .write, "xmlrpc", ids: nil))) == "unavailable unavailable")
    }

    @Test("the empty result that XML-RPC can't write came after the work was done") func none() throws {
        let fault = xmlrpc(1, "Traceback (most recent call last):\n  …\nTypeError: cannot marshal None unless allow_none is enabled\n")
        let call = try call("button_draft", .write, "xmlrpc")
        #expect(connector.judge(fault, to: call) == .accepted && Answer(fault, .xmlrpc) == .value(.null))
    }

    @Test("a clear no to a step goes to the exchange; an unclear one does not", arguments: ["action_post", "button_draft", "button_cancel", "unlink", "write", "reconcile"])
    func steps(method: String) throws {
        for (transport, no) in [("json2", refusal("no")), ("jsonrpc", jsonrpc("odoo.exceptions.UserError", "no")), ("xmlrpc", xmlrpc(2, "no"))] {
            let call = try call(method, .write, transport)
            #expect(connector.judge(no, to: call) == .accepted, "\(transport)")
            #expect(word(connector.judge(HTTPResponse(502), to: call)) == "unknown outcome_unknown")
            #expect(word(connector.judge(answer("<html>"), to: call)) == "unknown outcome_unknown")
        }
        #expect(word(connector.judge(refusal("denied", "odoo.exceptions.AccessDenied", status: 403), to: try call(method, .write, "json2"))) == "reauthorize")
    }

    @Test("a login that is refused says so in each transport") func login() throws {
        for (transport, no) in [
            ("jsonrpc", answer(#"{"jsonrpc":"2.0","id":1,"result":false}"#)),
            ("xmlrpc", answer("<methodResponse><params><param><value><boolean>0</boolean></value></param></params></methodResponse>")),
            ("json2", refusal("Invalid apikey", "werkzeug.exceptions.Unauthorized", status: 401)),
        ] {
            let call = Dialect.login(facts(["transport": transport]))
            #expect(word(connector.judge(no, to: call)) == "reauthorize", "\(transport)")
            #expect(word(connector.judge(HTTPResponse(503), to: call)) == "unavailable unavailable")
        }
    }

    @Test("an Odoo without JSON-2 says so by a page that is not found") func older() throws {
        for call in [Dialect.login(facts), try Dialect(facts).versionCall(), try call("create", .write, "json2", ids: nil)] {
            #expect(word(connector.judge(answer("<html>404: Not Found</html>", status: 404), to: call)) == "rejected version_mismatch")
        }
        #expect(word(connector.judge(HTTPResponse(404), to: try call("create", .write, "jsonrpc", ids: nil))) == "rejected platform_refused")
    }

    @Test("answers of another transport, or of none, are no answers", arguments: ["[812]", "{\"result\":", "<html></html>", "", "null", "7"]) func foreign(_ text: String) throws {
        for transport in ["jsonrpc", "xmlrpc"] {
            #expect(word(connector.judge(answer(text), to: try call("create", .write, transport, ids: nil))) == "unknown outcome_unknown", "\(transport)")
        }
    }

    @Test("what Odoo says is told in one line and cut") func words() throws {
        guard case .rejected(let fault) = connector.judge(refusal(String(repeating: "no\n", count: 900) + "."), to: try call("create", .write, "json2", ids: nil)) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.summary.count < 400 && !fault.summary.contains("\n"))
    }
}
