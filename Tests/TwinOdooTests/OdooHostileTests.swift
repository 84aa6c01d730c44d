import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: input that means harm")
struct OdooHostileTests {
    @Test("whatever is sent, the answer is an error and the twin goes on", arguments: [
        ("res.partner", "search", "[[[\".\", \"=\", 1]]]"), ("res.partner", "search", "[[[[], \"=\", 1]]]"), ("res.partner", "search", "[[[\"parent_id..\", \"any\", 5]]]"),
        ("res.partner", "search", "[\"x\"]"), ("res.partner", "search", "[[\"|\"]]"), ("res.partner", "load", "[[\"id\", \"name\"], [[\".\", \"x\"], [1]]]"),
        ("account.payment.term", "create", "[{name: \"x\", sequence: 1, nb_days: 9223372036854775807}]"), ("res.partner", "write", "[[1], {credit_limit: -1e25}]"),
        ("account.move", "create", "[{move_type: \"entry\", line_ids: [[9]]}]"), ("account.move", "create", "[{line_ids: [[0, 0, {account_id: 14, debit: 1e12}]]}]"),
        ("account.move", "create", "[{line_ids: [[1, 77, {debit: 1}]]}]"), ("account.move", "write", "[[{}], {}]"), ("account.move.line", "create", "[{}]"),
        ("account.payment", "create", "[{amount: 1, journal_id: 8, currency_id: 999}]"), ("account.move.reversal", "refund_moves", "[[5]]"), ("account.payment.register", "action_create_payments", "[[]]"),
        ("res.currency.rate", "create", "[{currency_id: 125, rate: 1e-30}]"), ("account.move", "js_assign_outstanding_line", "[[], 1]"), ("res.partner", "name_search", "[{}, 5]"),
    ])
    func calls(model: String, method: String, args: String) throws {
        let bench = try OdooBench()
        _ = try bench.answer(model, method, args)
        #expect(try bench.call("res.company", "search", "[[]]") == [1])
    }

    @Test("bodies that are torn anywhere are answered")
    func torn() throws {
        let bench = try OdooBench()
        let whole = try bench.request("account.move", "create", "[{move_type: \"entry\", line_ids: []}]").body
        let xml = Array(OdooBench.xml("execute_kw", ["<string>odoo19</string>", "<int>2</int>", "<string>admin</string>", "<string>res.partner</string>"]).utf8)
        for length in stride(from: 0, to: whole.count, by: 7) {
            let status = bench.twin.respond(HTTPRequest(.post, "/jsonrpc", body: Array(whole.prefix(length))), at: bench.now).status
            #expect(status == 400, "\(length)")
        }
        for length in stride(from: 0, to: xml.count, by: 7) {
            #expect(bench.twin.respond(HTTPRequest(.post, "/xmlrpc/2/object", body: Array(xml.prefix(length))), at: bench.now).status == 200)
        }
    }

    @Test("a circle of parents is refused, whichever way it is made")
    func circles() throws {
        let bench = try OdooBench()
        let upper = try bench.create("res.partner", "{name: \"upper\"}")
        let lower = try bench.create("res.partner", "{name: \"lower\", parent_id: \(upper)}")
        for vals in ["{parent_id: \(lower)}", "{parent_id: \(upper)}", "{child_ids: [[4, \(upper)]]}"] {
            #expect(try bench.refusal("res.partner", "write", "[[\(upper)], \(vals)]").message == "You cannot create recursive Partner hierarchies.")
        }
        #expect(try bench.refusal("res.partner", "write", "[[\(lower)], {child_ids: [[6, 0, [\(upper)]]]}]").name == "odoo.exceptions.ValidationError")
        #expect(try bench.read("res.partner", lower, "commercial_partner_id", "display_name")["display_name"] == "upper, lower")
    }

    @Test("the greatest amounts and the strangest rates balance")
    func extremes() throws {
        let bench = try OdooBench()
        try bench.create("res.currency.rate", "{name: \"2026-11-14\", currency_id: 125, rate: 0.00000001}")
        let id = try bench.post(try bench.invoice("9999999999", taxes: "[1, 2, 3]", more: "currency_id: 125,"))
        let entry = try #require(bench.twin.entries().last)
        #expect(entry.id.hasSuffix("/\(id)") && entry.lines.reduce(Int64(0)) { $0 + $1.baseMinor } == 0)
        try bench.pay([id])
        #expect(try bench.read("account.move", id, "payment_state")["payment_state"] == "paid")
    }

    @Test("no more databases are opened than a server has room for")
    func databases() throws {
        let bench = try OdooBench()
        for n in 0 ..< 80 { _ = try bench.json2("res.company/search", "{domain: []}", database: "db\(n)-19") }
        #expect(try bench.json2("res.company/search", "{domain: []}", database: "db1-19").status == 200)
        #expect(try bench.json2("res.company/search", "{domain: []}", database: "db79-19").status == 404)
    }
}
