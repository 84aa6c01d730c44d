import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: records")
struct OdooRecordTests {
    @Test("records are made, read, changed and removed; what is not set reads as false")
    func life() throws {
        let bench = try OdooBench()
        let id = try bench.create("res.partner", "{name: \"Ann\", email: \"ann@example.com\", country_id: 233}")
        let row = try bench.read("res.partner", id, "name", "email", "phone", "country_id", "is_company", "customer_rank")
        #expect(row.text == "{\"id\":\(id),\"name\":\"Ann\",\"email\":\"ann@example.com\",\"phone\":false,\"country_id\":[233,\"United States\"],\"is_company\":false,\"customer_rank\":0}")
        try bench.call("res.partner", "write", "[[\(id)], {phone: \"5\", email: false, is_company: true}]")
        #expect(try bench.read("res.partner", id, "phone", "email", "company_type").text == "{\"id\":\(id),\"phone\":\"5\",\"email\":false,\"company_type\":\"company\"}")
        let plain = try bench.call("res.partner", "read", "[[\(id)], [\"country_id\"]]", "{load: false}")
        #expect(plain[0]?["country_id"] == 233)
        #expect(try bench.call("res.partner", "unlink", "[[\(id)]]") == true)
        #expect(try bench.call("res.partner", "exists", "[[7, \(id)]]") == [7])
        #expect(try bench.refusal("res.partner", "unlink", "[[\(id)]]").name == "odoo.exceptions.MissingError")
    }

    @Test("a list of values makes records together, or none of them")
    func together() throws {
        let bench = try OdooBench()
        #expect(try bench.call("res.partner", "create", "[[{name: \"A\"}, {name: \"B\"}]]").array?.count == 2)
        let before = try bench.call("res.partner", "search_count", "[[]]")
        #expect(try bench.refusal("res.partner", "create", "[[{name: \"C\"}, {name: \"D\", country_id: 99999}]]").name == "odoo.exceptions.MissingError")
        #expect(try bench.call("res.partner", "search_count", "[[]]") == before)
    }

    @Test("wrong values are refused in Python's words", arguments: [
        ("{credit_limit: \"much\"}", "builtins.ValueError", "could not convert string to float: 'much'"),
        ("{type: \"nothing\"}", "builtins.ValueError", "Wrong value for res.partner.type: 'nothing'"),
        ("{country_id: \"US\"}", "builtins.ValueError", "Wrong value for res.partner.country_id: 'US'"),
        ("{nothing: 1}", "builtins.ValueError", "Invalid field 'nothing' on model 'res.partner'"),
        ("{name: false}", "odoo.exceptions.ValidationError", "Contacts require a name"),
        ("[1]", "builtins.AttributeError", "'list' object has no attribute 'items'"),
        ("{credit_limit: 1e29}", "builtins.ValueError", "numeric field overflow"),
    ])
    func wrongValues(vals: String, name: String, message: String) throws {
        #expect(try OdooBench().refusal("res.partner", "write", "[[7], \(vals)]") == (name, message))
    }

    @Test("a mandatory field that is missing is named, in each version's words")
    func mandatory() throws {
        let new = try OdooBench(18).refusal("account.tax.group", "create", "[{}]")
        #expect(new.message == "Missing required value for the field 'Name' (name).\nModel: 'Tax Group' (account.tax.group)")
        let old = try OdooBench(15).refusal("account.account", "create", "[{name: \"x\", user_type_id: 13}]")
        #expect(old.message.hasSuffix("Model: Account (account.account), Field: Code (code)"))
    }

    // MARK: - Searching

    private static let domains: [(String, [String])] = [
        ("[]", ["a1", "a2", "b1", "b2"]), ("[[\"ref\", \"=\", \"a1\"]]", ["a1"]), ("[[\"ref\", \"!=\", \"a1\"]]", ["a2", "b1", "b2"]),
        ("[[\"ref\", \"in\", [\"a1\", \"b2\", \"zz\"]]]", ["a1", "b2"]), ("[[\"ref\", \"not in\", [\"a1\", \"b2\"]]]", ["a2", "b1"]),
        ("[[\"ref\", \"like\", \"A\"]]", []), ("[[\"ref\", \"ilike\", \"A\"]]", ["a1", "a2"]), ("[[\"ref\", \"=like\", \"_1\"]]", ["a1", "b1"]),
        ("[[\"ref\", \"not ilike\", \"a\"]]", ["b1", "b2"]), ("[\"|\", [\"ref\", \"=\", \"a1\"], [\"ref\", \"=\", \"b1\"]]", ["a1", "b1"]),
        ("[\"!\", [\"ref\", \"=\", \"a1\"]]", ["a2", "b1", "b2"]), ("[\"&\", \"|\", [\"ref\", \"=\", \"a1\"], [\"ref\", \"=\", \"b1\"], [\"email\", \"=\", false]]", ["b1"]),
        ("[[\"email\", \"=\", false]]", ["b1", "b2"]), ("[[\"email\", \"!=\", false], [\"ref\", \"!=\", \"a2\"]]", ["a1"]),
        ("[[\"customer_rank\", \">=\", 2]]", ["a2", "b1"]), ("[[\"customer_rank\", \"<\", 2], [\"customer_rank\", \">\", 0]]", ["a1"]),
        ("[[\"customer_rank\", \"=\", false]]", ["b2"]), ("[[\"country_id\", \"=\", 57]]", ["a1", "b1"]), ("[[\"country_id\", \"=\", \"Germany\"]]", ["a1", "b1"]),
        ("[[\"country_id.code\", \"=\", \"DE\"]]", ["a1", "b1"]), ("[[\"country_id\", \"=\", false]]", ["b2"]), ("[[\"country_id\", \"not in\", [57]]]", ["a2", "b2"]),
        ("[[1, \"=\", 1]]", ["a1", "a2", "b1", "b2"]), ("[[0, \"=\", 1]]", []), ("[[\"active\", \"=\", false]]", ["c1"]),
        ("[[\"active\", \"in\", [true, false]], [\"ref\", \"=like\", \"_1\"]]", ["a1", "b1", "c1"]),
    ]

    @Test("a domain finds what it says", arguments: 0 ..< domains.count)
    func domain(number: Int) throws {
        let (domain, wanted) = Self.domains[number]
        let bench = try OdooBench()
        try bench.create("res.partner", "{name: \"p1\", ref: \"a1\", email: \"x@example.com\", country_id: 57, customer_rank: 1}")
        try bench.create("res.partner", "{name: \"p2\", ref: \"a2\", email: \"y@example.com\", country_id: 75, customer_rank: 2}")
        try bench.create("res.partner", "{name: \"p3\", ref: \"b1\", country_id: 57, customer_rank: 30}")
        try bench.create("res.partner", "{name: \"p4\", ref: \"b2\"}")
        try bench.create("res.partner", "{name: \"p5\", ref: \"c1\", active: false}")
        let tokens = try JSON(json5: domain).array ?? []
        let whole = JSON.array(["&", .array(["name", "=like", "p_"])] + (tokens.isEmpty ? [[1, "=", 1]] : Self.joined(tokens)))
        let rows = try bench.call("res.partner", "search_read", "[\(whole.text), [\"ref\"]]", "{order: \"ref\"}")
        #expect((rows.array ?? []).compactMap { $0["ref"]?.string } == wanted, "\(domain)")
    }

    /// The domain with its implicit "and" written out.
    private static func joined(_ tokens: [JSON]) -> [JSON] {
        var operands = 0
        for token in tokens.reversed() { operands += token == "&" || token == "|" ? -1 : token == "!" ? 0 : 1 }
        return [JSON](repeating: "&", count: operands - 1) + tokens
    }

    @Test("a wrong domain is a ValueError, also over an empty model", arguments: [
        (19, "[[\"nothing\", \"=\", 1]]", "Invalid field account.move.nothing in condition ('nothing', '=', 1)"),
        (16, "[[\"nothing\", \"=\", 1]]", "Invalid field account.move.nothing in leaf ('nothing', '=', 1)"),
        (19, "[[\"name\", \"is\", 1]]", "Invalid leaf [\"name\",\"is\",1]"), (19, "[\"&\", [\"name\", \"=\", 1]]", "Invalid domain: [\"&\",[\"name\",\"=\",1]]"),
    ])
    func wrongDomain(version: Int, domain: String, message: String) throws {
        #expect(try OdooBench(version).refusal("account.move", "search", "[\(domain)]") == ("builtins.ValueError", message))
    }

    @Test("pages follow each other without a gap, in the order asked for")
    func pages() throws {
        let bench = try OdooBench()
        for n in 1...7 {
            bench.now = Timestamp(seconds: 1_795_000_000 + Int64(n / 3))
            try bench.create("res.partner", "{name: \"q\(n)\", customer_rank: \(n % 3)}")
        }
        var seen: [String] = []
        for offset in stride(from: 0, to: 9, by: 3) {
            let page = try bench.call("res.partner", "search_read", "[[[\"name\", \"=like\", \"q%\"]], [\"name\"], \(offset), 3, \"customer_rank desc, name\"]")
            seen += (page.array ?? []).compactMap { $0["name"]?.string }
        }
        #expect(seen == ["q2", "q5", "q1", "q4", "q7", "q3", "q6"])
        #expect(try bench.call("res.partner", "search_count", "[[[\"name\", \"=like\", \"q%\"]]]") == 7)
        #expect(try bench.refusal("res.partner", "search", "[[]]", "{order: \"nothing\"}").message == "Invalid field 'nothing' on model 'res.partner'")
    }

    @Test("write_date is compared with its microseconds and shown without")
    func writeDate() throws {
        let bench = try OdooBench()
        bench.now = try #require(Timestamp(rfc3339: "2026-11-20T10:00:00.25Z"))
        let id = try bench.create("res.partner", "{name: \"late\"}")
        #expect(try bench.read("res.partner", id, "write_date", "create_date")["write_date"] == "2026-11-20 10:00:00")
        #expect(try bench.call("res.partner", "search", "[[[\"write_date\", \">\", \"2026-11-20 10:00:00\"]]]") == .array([.int(id)]))
        #expect(try bench.call("res.partner", "search", "[[[\"write_date\", \">\", \"2026-11-20 10:00:01\"]]]") == [])
    }

    @Test("archived records are found only when asked for")
    func archive() throws {
        let bench = try OdooBench()
        try bench.call("res.partner", "write", "[[7], {active: false}]")
        #expect(try bench.call("res.partner", "search", "[[[\"id\", \"=\", 7]]]") == [])
        #expect(try bench.call("res.partner", "search", "[[[\"id\", \"=\", 7]]]", "{context: {active_test: false}}") == [7])
        #expect(try bench.call("res.partner", "search", "[[[\"id\", \"=\", 7], [\"active\", \"=\", false]]]") == [7])
    }

    // MARK: - About fields

    @Test("fields_get says what each version has", arguments: [
        ("account.payment", "memo", 18, 19), ("account.payment", "ref", 14, 17), ("account.move.line", "analytic_distribution", 16, 19),
        ("account.move.line", "analytic_account_id", 14, 15), ("account.account", "account_type", 16, 19), ("account.account", "user_type_id", 14, 15),
        ("account.account", "company_ids", 18, 19), ("account.tax", "price_include_override", 18, 19), ("res.company", "hard_lock_date", 18, 19),
        ("account.move.reversal", "refund_method", 14, 16), ("account.payment", "payment_method_line_id", 15, 19), ("res.partner", "__last_update", 14, 16),
    ])
    func fieldsByVersion(model: String, field: String, first: Int, last: Int) throws {
        for version in 14...19 {
            let fields = try OdooBench(version).call(model, "fields_get", "[]", "{attributes: [\"type\"]}")
            #expect((fields[field] != nil) == (first...last).contains(version), "\(field) in \(version)")
        }
    }

    @Test("fields_get gives types, relations and keys")
    func fields() throws {
        let fields = try OdooBench().call("account.move", "fields_get", "[[\"move_type\", \"partner_id\", \"invoice_line_ids\", \"amount_total\"]]")
        #expect(fields.object?.count == 4)
        #expect(fields.member("partner_id", "type") == "many2one" && fields.member("partner_id", "relation") == "res.partner")
        #expect(fields.member("invoice_line_ids", "relation_field") == "move_id")
        #expect(fields.member("move_type", "selection")?[1] == ["out_invoice", "Out Invoice"])
        #expect(fields.member("amount_total", "readonly") == true && fields.member("amount_total", "type") == "monetary")
    }

    @Test("names are searched by more than the name")
    func names() throws {
        let bench = try OdooBench()
        #expect(try bench.call("account.account", "name_search", "[\"4001\"]") == [[15, "400100 Homeware sales"]])
        #expect(try bench.call("product.product", "name_search", "[\"mug\"]", "{limit: 1}") == [[1, "[MUG-BLUE] Blue mug"]])
        #expect(try bench.call("res.partner", "name_search", "[\"nobody\"]") == [])
        #expect(try OdooBench(16).call("res.partner", "name_search", "[]", "{name: \"shop\", args: []}") == [[7, "Shop customers"]])
        #expect(try OdooBench(16).call("res.partner", "name_get", "[[7]]") == [[7, "Shop customers"]])
        #expect(try bench.refusal("res.partner", "name_get", "[[7]]").name == "builtins.AttributeError")
    }

    @Test("external ids make a record once and change it after", arguments: [14, 19])
    func load(version: Int) throws {
        let bench = try OdooBench(version)
        func load(_ name: String) throws -> JSON {
            try bench.call("res.partner", "load", "[[\"id\", \"name\", \"country_id\"], [[\"__ipaas__.p1\", \"\(name)\", \"Germany\"]]]")
        }
        let first = try load("One")
        let second = try load("Two")
        #expect(first["messages"] == [] && second["ids"] == first["ids"])
        let id = try #require(first["ids"]?[0]?.int)
        #expect(try bench.read("res.partner", id, "name", "country_id").text == "{\"id\":\(id),\"name\":\"Two\",\"country_id\":[57,\"Germany\"]}")
        #expect(try bench.call("ir.model.data", "check_object_reference", "[\"__ipaas__\", \"p1\"]") == .array(["res.partner", .int(id)]))
        let wrong = try bench.call("res.partner", "load", "[[\"id\", \"name\", \"country_id/id\"], [[\"__ipaas__.p2\", \"x\", \"\"], [\"__ipaas__.p3\", \"y\", \"base.nowhere\"]]]")
        #expect(wrong["ids"] == false && wrong["messages"]?[0]?["record"] == 1)
        #expect(try bench.call("ir.model.data", "search_count", "[[[\"module\", \"=\", \"__ipaas__\"]]]") == 1)
    }

    @Test("products and their templates are one thing told twice")
    func products() throws {
        let bench = try OdooBench()
        let id = try bench.create("product.product", "{name: \"Plate\", default_code: \"PL\", lst_price: 7.5}")
        let row = try bench.read("product.product", id, "product_tmpl_id", "list_price", "display_name", "taxes_id")
        #expect(row["display_name"] == "[PL] Plate" && row["list_price"] == .number("7.5") && row["taxes_id"] == [1])
        let template = try #require(row["product_tmpl_id"]?[0]?.int)
        try bench.call("product.template", "write", "[[\(template)], {list_price: 8}]")
        #expect(try bench.read("product.product", id, "lst_price")["lst_price"] == .number("8.0"))
        let other = try bench.create("product.template", "{name: \"Bowl\"}")
        #expect(try bench.read("product.template", other, "product_variant_ids", "product_variant_count")["product_variant_count"] == 1)
    }

    @Test("codes of accounts and journals are unique; accounts in use can't be removed")
    func unique() throws {
        let bench = try OdooBench(18)
        #expect(try bench.refusal("account.account", "create", "[{code: \"400000\", name: \"Again\", account_type: \"income\"}]").message.contains("duplicate codes: 400000"))
        #expect(try bench.refusal("account.journal", "create", "[{code: \"INV\", name: \"Again\", type: \"sale\"}]").name == "odoo.exceptions.ValidationError")
        _ = try bench.invoice()
        #expect(try bench.refusal("account.account", "unlink", "[[15]]").name == "odoo.exceptions.UserError")
        #expect(try bench.refusal("res.partner", "unlink", "[[7]]").name == "odoo.exceptions.ValidationError")
        #expect(try bench.call("account.account", "unlink", "[[16]]") == true)
    }

    @Test("what was answered is there when the twin is opened again, and ids are not given twice")
    func journal() throws {
        let bench = try OdooBench(17)
        let gone = try bench.create("res.partner", "{name: \"gone\"}")
        try bench.call("res.partner", "unlink", "[[\(gone)]]")
        let id = try bench.post(try bench.invoice())
        try bench.pay([id])
        let again = try bench.reopened()
        #expect(try again.read("account.move", id, "name", "payment_state", "write_date") == bench.read("account.move", id, "name", "payment_state", "write_date"))
        #expect(again.twin.entries().map(\.id) == bench.twin.entries().map(\.id))
        #expect(try again.create("res.partner", "{name: \"next\"}") == gone + 1)
        #expect(try again.read("account.move", again.post(again.invoice()), "name")["name"] == "INV/2026/00002")
    }
}
