import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: protocols")
struct OdooProtocolTests {
    @Test("a login with password or key gives the user's id, and false with anything else", arguments: [14, 16, 19])
    func login(version: Int) throws {
        let bench = try OdooBench(version)
        func login(_ secret: String) throws -> JSON? {
            let body = """
                {jsonrpc: "2.0", id: 1, method: "call", params: {service: "common", method: "authenticate", args: ["odoo\(version)", "admin", "\(secret)", {}]}}
                """
            return try JSON(parsing: bench.send(.post, "/jsonrpc", try JSON(json5: body).text).body)["result"]
        }
        #expect(try login("admin") == 2)
        #expect(try login(OdooTwin.apiKey) == 2)
        #expect(try login("wrong") == false)
        #expect(try login("") == false)
    }

    @Test("a wrong key in a call is AccessDenied under HTTP 200")
    func denied() throws {
        let bench = try OdooBench()
        bench.secret = "wrong"
        #expect(try bench.refusal("res.partner", "search", "[[]]") == ("odoo.exceptions.AccessDenied", "Access Denied"))
        bench.secret = OdooTwin.apiKey
        bench.user = 6
        #expect(try bench.refusal("res.partner", "search", "[[]]").name == "odoo.exceptions.AccessDenied")
    }

    @Test("an error of JSON-RPC has the documented members and the request's id")
    func rpcError() throws {
        let bench = try OdooBench()
        let answer = try bench.answer("res.partner", "write", "[[999], {name: \"x\"}]")
        #expect(answer["jsonrpc"] == "2.0" && answer["id"] == 7)
        #expect(answer.member("error", "code") == 200 && answer.member("error", "message") == "Odoo Server Error")
        let data = try #require(answer.member("error", "data"))
        #expect(data["name"] == "odoo.exceptions.MissingError")
        #expect(data["message"] == "Record does not exist or has been deleted.\n(Record: res.partner(999,), User: 2)")
        #expect(data["arguments"]?[0] == data["message"] && data["context"] == .object([]))
        #expect(data["debug"]?.string?.hasPrefix("Traceback (most recent call last):\n") == true)
    }

    @Test("each version says itself, at its own host and on the server of all")
    func versions() throws {
        let bench = try OdooBench()
        for version in 14...19 {
            let about = try JSON(parsing: bench.send(.post, "/odoo\(version)/web/webclient/version_info", #"{"jsonrpc":"2.0","id":3,"params":{}}"#).body)
            #expect(about.member("result", "server_version") == .string("\(version).0") && about["id"] == 3)
            #expect(bench.send(.get, "/odoo\(version)/web/version").status == (version >= 19 ? 200 : 404))
            #expect(bench.send(.post, "/odoo\(version)/json/2/res.partner/search", "{}").status == (version >= 19 ? 401 : 404))
        }
        let plain = try JSON(parsing: bench.send(.get, "/web/version").body)
        #expect(plain.text == #"{"version_info":[19,0,0,"final",0,""],"version":"19.0"}"#)
    }

    @Test("a database exists under every name that ends in its version, and under no other")
    func databases() throws {
        let bench = try OdooBench()
        #expect(try bench.json2("res.company/search", "{domain: []}", database: "acme-19").status == 200)
        #expect(try bench.json2("res.company/search", "{domain: []}", database: "acme-16").status == 404)
        #expect(try bench.json2("res.company/search", "{domain: []}", database: "acme").status == 404)
        #expect(try bench.json2("res.company/search", "{domain: []}", database: nil).status == 404)
        let body = #"{"jsonrpc":"2.0","id":1,"params":{"service":"common","method":"login","args":["nothing","admin","admin"]}}"#
        let answer = try JSON(parsing: bench.send(.post, "/jsonrpc", body).body)
        #expect(answer.member("error", "data", "message")?.string?.contains("database \"nothing\" does not exist") == true)
        // The host of one database has no other.
        let other = #"{"jsonrpc":"2.0","id":1,"params":{"service":"common","method":"login","args":["odoo17","admin","admin"]}}"#
        #expect(try JSON(parsing: bench.send(.post, "/odoo16/jsonrpc", other).body)["result"] == nil)
        #expect(try JSON(parsing: bench.send(.post, "/odoo17/jsonrpc", other).body)["result"] == 2)
    }

    @Test("what one database is told another does not know")
    func apart() throws {
        let bench = try OdooBench(16)
        try bench.create("res.partner", "{name: \"Only here\"}")
        #expect(try bench.call("res.partner", "search_count", "[[[\"name\", \"=\", \"Only here\"]]]") == 1)
        let other = try OdooBench(17, journal: bench.journal)
        #expect(try other.call("res.partner", "search_count", "[[[\"name\", \"=\", \"Only here\"]]]") == 0)
    }

    // MARK: - JSON-2

    /// - Source: odoo/documentation `external_api.rst`, the example of a bad key.
    @Test("a bad key of JSON-2 is 401 with the documented body")
    func badKey() throws {
        let bench = try OdooBench()
        for key in ["wrong", "", nil] {
            let (status, body) = try bench.json2("res.partner/search_read", "{}", key: key)
            #expect(status == 401)
            #expect(body["name"] == "werkzeug.exceptions.Unauthorized" && body["message"] == "Invalid apikey" && body["arguments"] == ["Invalid apikey", 401])
        }
    }

    @Test("JSON-2 has a status for each kind of error", arguments: [
        ("res.partner/search", "{ids: [1], domain: []}", 422, "cannot call res.partner.search with ids"), ("res.partner/search", "{}", 422, "missing a required argument: 'domain'"),
        ("res.partner/search", "{domain: [], where: 1}", 422, "got an unexpected keyword argument 'where'"), ("res.nothing/search", "{}", 404, "the model 'res.nothing' does not exist"),
        ("res.partner/nothing", "{}", 404, "The method 'res.partner.nothing' does not exist"),
        ("res.partner/_write", "{}", 403, "Private methods (such as 'res.partner._write') cannot be called remotely."),
        ("res.partner/read", "{ids: [999]}", 404, "Record does not exist or has been deleted.\n(Record: res.partner(999,), User: 2)"),
        ("res.partner/create", "{vals_list: [{email: \"x\"}]}", 422, "Contacts require a name"),
        ("res.partner/create", "{vals_list: [{nam: \"x\"}]}", 500, "Invalid field 'nam' on model 'res.partner'"),
    ])
    func statuses(path: String, body: String, status: Int, message: String) throws {
        let answer = try OdooBench().json2(path, body)
        #expect(answer.status == status)
        #expect(answer.body["message"]?.string == message)
    }

    @Test("JSON-2 gives ids for records made, null for None, and wants JSON")
    func json2() throws {
        let bench = try OdooBench()
        let made = try bench.json2("res.partner/create", "{vals_list: [{name: \"A\"}, {name: \"B\"}]}")
        #expect(made.status == 200 && made.body.array?.count == 2)
        #expect(try bench.json2("res.partner/create", "{vals_list: {name: \"C\"}}").body.array?.count == 1)
        let id = try bench.invoice()
        #expect(try bench.json2("account.move/action_post", "{ids: [\(id)]}").body == false)
        let reset = try bench.json2("account.move/button_draft", "{ids: [\(id)]}")
        #expect(reset.status == 200 && reset.body.isNull)
        let form = bench.send(.post, "/json/2/res.partner/search", "domain=[]", ["Content-Type": "application/x-www-form-urlencoded", "X-Odoo-Database": "odoo19"])
        #expect(form.status == 400)
        let torn = bench.send(.post, "/json/2/res.partner/search", "{\"domain\":", ["Content-Type": "application/json", "X-Odoo-Database": "odoo19", "Authorization": "bearer \(OdooTwin.apiKey)"])
        #expect(torn.status == 400)
        #expect(bench.send(.get, "/json/2/res.partner/search").status == 404)
        #expect(try bench.json2("res.users/context_get", "").body["uid"] == 2)
    }

    @Test("keys made by a program live for three months at most, are ten at most, and end when they are revoked")
    func keys() throws {
        let bench = try OdooBench()
        func generate(_ until: String) throws -> (status: Int, body: JSON) {
            try bench.json2("res.users.apikeys/generate", "{key: \"\(OdooTwin.apiKey)\", scope: \"rpc\", name: \"next\", expiration_date: \"\(until)\"}")
        }
        #expect(try generate("2027-02-19").status == 422)
        let key = try #require(try generate("2027-02-18").body.string)
        #expect(key.count == 40)
        #expect(try bench.json2("res.company/search", "{domain: []}", key: key).status == 200)
        bench.now = try #require(Timestamp(rfc3339: "2027-02-18T00:00:01Z"))
        #expect(try bench.json2("res.company/search", "{domain: []}", key: key).status == 401)
        bench.now = try #require(Timestamp(rfc3339: "2026-11-20T09:00:00Z"))
        #expect(try bench.json2("res.users.apikeys/revoke", "{key: \"\(key)\"}").status == 200)
        #expect(try bench.json2("res.company/search", "{domain: []}", key: key).status == 401)
        for _ in 0 ..< 9 { #expect(try generate("2027-01-01").status == 200) }
        #expect(try generate("2027-01-01").status == 422)
        let last = try #require(try bench.json2("res.users.apikeys/search_count", "{domain: []}").body.int)
        bench.twin.revokeAccessTokens()
        #expect(try bench.json2("res.users.apikeys/search_count", "{domain: []}").body.int == last - 9)
        #expect(try bench.json2("res.company/search", "{domain: []}").status == 200)
    }

    // MARK: - XML-RPC

    @Test("XML-RPC answers with typed values, and with Odoo's fault codes")
    func xml() throws {
        let bench = try OdooBench(15)
        let version = try XMLElement(parsing: bench.send(.post, "/odoo15/xmlrpc/2/common", OdooBench.xml("version", [])).body)
        #expect(version.at(["params", "param", "value", "struct"])?.all("member").first?["value"]?["string"]?.text == "15.0")
        let read = try bench.xml(
            "res.currency", "read", "<value><array><data><value><int>1</int></value></data></array></value>",
            "<struct><member><name>fields</name><value><array><data><value><string>rounding</string></value><value>active</value></data></array></value></member></struct>")
        let row = try #require(read.at(["params", "param", "value", "array", "data", "value", "struct"]))
        #expect(row.all("member").map { $0["name"]?.text } == ["id", "rounding", "active"])
        #expect(row.all("member").map { $0["value"]?.children.first?.name.local } == ["int", "double", "boolean"])
        #expect(row.all("member").map { $0["value"]?.children.first?.text } == ["1", "0.01", "1"])
        #expect(OdooBench.fault(try bench.xml("res.partner", "read", "<value><array><data><value><int>999</int></value></data></array></value>"))?.code == "2")
        #expect(OdooBench.fault(try bench.xml("res.nothing", "read", ""))?.text == "Object res.nothing doesn't exist")
        let python = try #require(OdooBench.fault(try bench.xml("res.partner", "nothing", "")))
        #expect(python.code == "1" && python.text.contains("type object 'res.partner' has no attribute 'nothing'"))
        bench.secret = "wrong"
        #expect(OdooBench.fault(try bench.xml("res.partner", "read", ""))?.code == "3")
        (bench.user, bench.secret) = (6, "reader")
        #expect(OdooBench.fault(try bench.xml("res.partner", "unlink", "<value><array><data><value><int>7</int></value></data></array></value>"))?.code == "4")
        let torn = try XMLElement(parsing: bench.send(.post, "/xmlrpc/2/object", "<methodCall>").body)
        #expect(OdooBench.fault(torn)?.code == "1")
    }

    @Test("a method that gives None fails in XML-RPC after its work is kept")
    func none() throws {
        let bench = try OdooBench(16)
        let id = try bench.post(try bench.invoice())
        let answer = try bench.xml("account.move", "button_draft", "<value><array><data><value><int>\(id)</int></value></data></array></value>")
        #expect(OdooBench.fault(answer)?.text.contains("cannot marshal None unless allow_none is enabled") == true)
        #expect(try bench.read("account.move", id, "state")["state"] == "draft")
        // JSON-RPC leaves the result out.
        try bench.post(id)
        let rpc = try bench.answer("account.move", "button_draft", "[[\(id)]]")
        #expect(rpc["result"] == nil && rpc["error"] == nil)
    }

    @Test("nulls and entities are read from XML, and document types are refused")
    func hardXML() throws {
        let bench = try OdooBench()
        let made = try bench.xml("res.partner", "create", "<value><struct><member><name>name</name><value><string>A &amp; B &lt;é&gt;</string></value></member><member><name>email</name><value><nil/></value></member></struct></value>")
        let id = try #require(made.at(["params", "param", "value", "int"]).flatMap { Int($0.text) })
        #expect(try bench.read("res.partner", id, "name", "email").text == "{\"id\":\(id),\"name\":\"A & B <é>\",\"email\":false}")
        let evil = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + OdooBench.xml("version", []).dropFirst(21)
        #expect(OdooBench.fault(try XMLElement(parsing: bench.send(.post, "/xmlrpc/2/common", evil).body))?.code == "1")
    }

    // MARK: - Arguments

    @Test("arguments come by place or by name, and wrong ones are TypeErrors", arguments: [
        ("[]", "{}", "search() missing 1 required positional argument: 'domain'"), ("[[], 0, 1, \"id\", 5]", "{}", "search() takes 5 positional arguments but 6 were given"),
        ("[[]]", "{where: 1}", "search() got an unexpected keyword argument 'where'"), ("[[]]", "{domain: []}", "search() got multiple values for argument 'domain'"),
    ])
    func arguments(args: String, named: String, message: String) throws {
        #expect(try OdooBench().refusal("res.partner", "search", args, named) == ("builtins.TypeError", message))
    }

    @Test("the plain execute takes arguments in a row")
    func execute() throws {
        let bench = try OdooBench()
        let body = """
            {jsonrpc: "2.0", id: 1, params: {service: "object", method: "execute", args: ["odoo19", 2, "admin", "res.company", "read", [1], ["name"]]}}
            """
        let answer = try JSON(parsing: bench.send(.post, "/jsonrpc", try JSON(json5: body).text).body)
        #expect(answer["result"]?.text == #"[{"id":1,"name":"Lakeside Outfitters"}]"#)
        #expect(bench.send(.post, "/jsonrpc", "not json").status == 400)
        #expect(bench.send(.post, "/jsonrpc", "{}").status == 200)
        #expect(bench.send(.get, "/nothing").status == 404)
    }

    @Test("somebody who may only look is told so, in words that name the model")
    func rights() throws {
        let bench = try OdooBench()
        (bench.user, bench.secret) = (6, "reader")
        #expect(try bench.call("res.partner", "search_count", "[[]]").int ?? 0 > 3)
        let refusal = try bench.refusal("account.move", "create", "[{}]")
        #expect(refusal.name == "odoo.exceptions.AccessError")
        #expect(refusal.message.hasPrefix("You are not allowed to create 'Journal Entry' (account.move) records."))
        #expect(try bench.refusal("res.partner", "search", "[[]]", "{context: {allowed_company_ids: [9]}}").message == "Access to unauthorized or invalid companies.")
    }

    @Test("a company tells its country as a code", arguments: [14, 19])
    func country(version: Int) throws {
        let bench = try OdooBench(version)
        #expect(try bench.call("res.company", "read", "[[1], [\"country_code\"]]")[0]?["country_code"]?.string == "US")
    }
}
