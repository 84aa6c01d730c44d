import Books
import Kernel
import Mapping
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

/// A return whose reason nobody has mapped, from the inbox to the next version of the rules.
@Suite("mappings chosen at the console") struct MappingTests {
    /// A held credit note over a reason code.
    private func held(_ bench: Bench, _ made: Furnished, _ n: Int, reason: String, more: [String] = []) async throws {
        var plan = Bench.plan("R-\(n)")
        plan.form = .creditNote
        plan.lines[1].role = "returns_allowances"
        plan.lines[1].reasonCode = reason
        plan.lines[1].text = "Mug"
        try await bench.posting(made, n, of: "R-\(n)", state: "held", checks: ["unmapped_code"] + more, plan: plan)
    }

    private func ready() async throws -> (Bench, Furnished) {
        let bench = try await Bench.make(), made = try await bench.furnished()
        var structure = Bench.structure
        structure = structure.setting("accounts", (structure["accounts"] ?? .null).setting("returns_allowances", "4910"))
        let put = await bench.call(.put, "/v1/tenants/\(made.tenant.id)/structure", structure)
        #expect(put.status == 201)
        try await bench.chart(made, ["1200", "1310", "2200", "4010", "4910", "4915"])
        return (bench, made)
    }

    private func signIn(_ bench: Bench, _ key: String) async -> String {
        let login = await bench.raw(.post, "/session", Array(Form.encode([("key", key)]).utf8), fields: [
            "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded",
        ])
        return String((login.fields["Set-Cookie"] ?? "").prefix { $0 != ";" })
    }

    private func post(_ bench: Bench, _ cookie: String, _ path: String, _ fields: [(name: String, value: String)], origin: String = "http://cf.test") async -> HTTPResponse {
        await bench.raw(.post, path, Array(Form.encode(fields).utf8), fields: [
            "Host": "cf.test", "Origin": origin, "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
        ])
    }

    /// - Parameter previewed: the account that was looked at, when it is another one.
    private func form(
        _ made: Furnished, _ does: String, account: String, previewed: String? = nil, versions: String = "2.1", value: String = "faded"
    ) -> [(name: String, value: String)] {
        var fix = MappingFix(
            tenant: made.tenant.id.description, code: "unmapped_code",
            .object([("kind", "reason_code"), ("value", .string(value)), ("ledger", .string(made.ledger.description))]), .object([]))
        (fix.account, fix.versions) = (previewed ?? account, versions)
        return [("seen", fix.seal), ("code", "unmapped_code"), ("kind", "reason_code"), ("value", value), ("ledger", made.ledger.description), ("versions", versions), ("account", account), ("do", does)]
    }

    @Test("what nothing maps is listed once, with the postings that wait for it") func gaps() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        try await held(bench, made, 2, reason: "faded")
        try await held(bench, made, 3, reason: "odour")
        let open = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/unmapped")
        #expect(open.items.map { $0.text("value") } == ["faded", "odour"])
        #expect(open.items.map { $0.count("count") } == [2, 1])
        #expect(open.items.first?.list("postings").count == 2)
        #expect(open.items.allSatisfy { $0.text("kind") == "reason_code" && $0.text("ledger") == made.ledger.description })
    }

    @Test("a rehearsal tells each line's account before and after, and what would go on; it changes nothing") func rehearsal() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        try await held(bench, made, 2, reason: "faded", more: ["closed_period"])
        let path = "/v1/tenants/\(made.tenant.id)"
        let rules = Bench.rules.setting("rules", [["name": "reason faded", "when": ["reason_code": "faded"], "set": ["account": "4915"]]])
        let told = await bench.call(.post, "\(path)/rehearsal", .object([("rules", rules)]))
        #expect(told.status == 200)
        #expect(told.json.count("freed") == 1)
        #expect(told.json.count("changed") == 2)
        let first = try #require(told.json.list("postings").first)
        #expect(first["frees"]?.bool == true)
        #expect(told.json.list("postings").last?.list("left").compactMap(\.string) == ["closed_period"])
        let line = try #require(first.list("lines").first { $0.text("role") == "returns_allowances" })
        #expect(line["before"]?.text("code") == "4910")
        #expect(line["after"]?.text("code") == "4915")
        #expect(line["after"]?.text("rule") == "rules v2: reason faded")
        #expect(await bench.call(.get, "\(path)/rules").json.count("version") == 1)
        let wrong = await bench.call(.post, "\(path)/rehearsal", ["rules": ["rules": [["name": "x", "when": ["colour": "red"], "set": ["account": "1"]]]]])
        #expect(wrong.status == 422)
        #expect(wrong.json.list("errors").isEmpty == false)
    }

    @Test("an account chosen for a code is previewed on the page, put in force, and what waited is planned anew") func fix() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        let tenant = made.tenant.id, cookie = await signIn(bench, try await bench.key("ann", tenant: tenant, scopes: ["admin"]))
        let page = await bench.raw(.get, "/inbox/unmapped_code", fields: ["Cookie": cookie]).bodyText
        #expect(page.contains("The shop says <code>faded</code>"))
        #expect(page.contains("<option value=\"4915\">4915 · Account 4915</option>"))
        let preview = await post(bench, cookie, "/tenants/\(tenant)/mapping", form(made, "preview", account: "4915"))
        #expect(preview.status == 200)
        #expect(preview.bodyText.contains("1 posting goes on at once"))
        #expect(preview.bodyText.contains("Apply as rules version 2"))
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/rules").json.count("version") == 1)
        let applied = await post(bench, cookie, "/tenants/\(tenant)/mapping", form(made, "apply", account: "4915"))
        #expect(applied.status == 303)
        #expect(applied.fields["Location"]?.hasPrefix("/tenants/\(tenant)/watch?posting=\(Bench.key(1))&fixed=") == true)
        let rules = await bench.call(.get, "/v1/tenants/\(tenant)/rules").json
        #expect(rules.count("version") == 2)
        #expect(rules.text("actor").hasPrefix("key ann ("))
        #expect(rules["rules"]?.list("rules").first?["when"]?.text("reason_code") == "faded")
        #expect(rules["rules"]?.list("rules").count == 2)
        let watch = await bench.raw(.get, applied.fields["Location"] ?? "", fields: ["Cookie": cookie]).bodyText
        #expect(watch.contains("0 of 1 confirmed"))
    }

    @Test("what is applied is what was previewed: another account is previewed first") func bound() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        let tenant = made.tenant.id, path = "/tenants/\(tenant)/mapping"
        let cookie = await signIn(bench, try await bench.key("ann", tenant: tenant, scopes: ["admin"]))
        let other = await post(bench, cookie, path, form(made, "apply", account: "4910", previewed: "4915"))
        #expect(other.status == 200)
        #expect(other.bodyText.contains("The choice is another one than was looked at."))
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/rules").json.count("version") == 1)
        #expect(await post(bench, cookie, path, form(made, "apply", account: "4910")).status == 303)
    }

    @Test("a rehearsal looks at so much and so long, and says that there is more") func bounded() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        var large = Bench.plan("L-1")
        large.lines += Array(repeating: large.lines[1], count: 100)
        try await bench.posting(made, 2, of: "L-1", state: "held", checks: ["unknown_account"], plan: large)
        let few = Rehearsal.Allowance(bench.clocks, bytes: 4_000, always: 0)
        var first = few
        let loaded = try await Rehearsal.load(made.tenant.id, bench.plane.desk, &first)
        #expect(loaded.entries.count == 1)
        #expect(first.isCut)
        var late = few
        bench.clocks.step(.milliseconds(ControlPlaneLimits.rehearsal_ms))
        #expect(try await loaded.outcomes(structure: nil, rules: nil, &late).isEmpty)
        #expect(try await loaded.gaps(&late).isEmpty)
        #expect(late.isCut)
        #expect(try await Rehearsal.load(made.tenant.id, bench.plane.desk, &late).entries.isEmpty)
    }

    @Test("rules that are larger than any book needs are refused with their size") func large() async throws {
        let (bench, made) = try await ready()
        let rule: JSON = ["name": .string(String(repeating: "x", count: ControlPlaneLimits.configurationBytes)), "when": ["sku": "A"], "set": ["account": "4010"]]
        for (method, path, body) in [(HTTPMethod.put, "rules", JSON.object([("rules", [rule])])), (.post, "rehearsal", ["rules": ["rules": [rule]]])] {
            let answer = await bench.call(method, "/v1/tenants/\(made.tenant.id)/\(path)", body)
            #expect(answer.status == 422, "\(path)")
            #expect(answer.json["field"]?.string == "rules", "\(path)")
        }
    }

    @Test("a choice made on rules that somebody changed meanwhile is refused, and so are foreign forms and keys that may not") func refused() async throws {
        let (bench, made) = try await ready()
        try await held(bench, made, 1, reason: "faded")
        let tenant = made.tenant.id, path = "/tenants/\(tenant)/mapping"
        let cookie = await signIn(bench, try await bench.key("ann", tenant: tenant, scopes: ["admin"]))
        #expect(await post(bench, cookie, path, form(made, "apply", account: "4915", versions: "1.1")).status == 412)
        #expect(await post(bench, cookie, path, form(made, "apply", account: "4915"), origin: "http://evil.test").status == 403)
        #expect(await post(bench, "", path, form(made, "apply", account: "4915")).status == 401)
        #expect(await post(bench, cookie, path, form(made, "apply", account: "4915", value: "a*")).status == 422)
        let reader = await signIn(bench, try await bench.key("bob", tenant: tenant, scopes: ["read"]))
        #expect(await post(bench, reader, path, form(made, "apply", account: "4915")).status == 403)
        #expect(await bench.raw(.get, "/inbox/unmapped_code", fields: ["Cookie": reader]).bodyText.contains("A key with the scope <code>admin</code>"))
        let other = try await bench.tenant("other")
        let foreign = await signIn(bench, try await bench.key("eve", tenant: other.id, scopes: ["admin"]))
        #expect(await post(bench, foreign, path, form(made, "apply", account: "4915")).status == 404)
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/rules").json.count("version") == 1)
    }

    @Test("a role, a tax code and a code accepted as it is change what they are kept in, and nothing else") func changes() throws {
        let structure: JSON = ["accounts": ["sales:*": "4010"], "tax_codes": [:], "house_customer": "Shop"], rules: JSON = ["reason_codes": ["damaged"], "rules": []]
        let role = try MappingFix.change(kind: "role", value: "shipping_income", account: "4100", structure: structure, rules: rules)
        #expect(role.structure?["accounts"]?.text("shipping_income") == "4100")
        #expect(role.structure?.text("house_customer") == "Shop")
        #expect(role.rules == nil)
        let tax = try MappingFix.change(kind: "tax_code", value: "GB@20", account: "OUTPUT2", structure: structure, rules: rules)
        #expect(tax.structure?["tax_codes"]?.text("GB@20") == "OUTPUT2")
        let accepted = try MappingFix.change(kind: "reason_code", value: "faded", account: "", structure: structure, rules: rules)
        #expect(accepted.structure == nil)
        #expect(accepted.rules?.list("reason_codes").compactMap(\.string) == ["damaged", "faded"])
    }

    @Test("what is ticked in the inbox is released at once; what had gone on meanwhile is counted, not an error") func bulk() async throws {
        let (bench, made) = try await ready()
        for n in 1 ... 3 { try await bench.posting(made, n, of: "O-\(n)", state: "held", checks: ["closed_period"]) }
        try await bench.posting(made, 4, of: "O-4", state: "confirmed")
        let cookie = await signIn(bench, bench.key)
        let page = await bench.raw(.get, "/inbox", fields: ["Cookie": cookie]).bodyText
        #expect(page.contains("Closed period"))
        #expect(page.contains("3</span><span class=\"soft small\">postings"))
        let released = await post(bench, cookie, "/inbox/closed_period/orders", [("order", "release")] + (1 ... 4).map { ("posting", Bench.key($0).text) })
        #expect(released.fields["Location"] == "/inbox/closed_period?done=3&left=1")
        #expect(try await bench.count("SELECT count(*) FROM app.postings WHERE state = 'mapped'") == 3)
        try await bench.posting(made, 5, of: "O-5", state: "rejected", fault: "account_not_bound")
        let again = await post(bench, cookie, "/inbox/account_not_bound/orders", [("order", "retry"), ("posting", Bench.key(5).text)])
        #expect(again.fields["Location"] == "/inbox/account_not_bound?done=1&left=0")
        #expect(try await bench.count("SELECT count(*) FROM app.postings WHERE state = 'mapped'") == 4)
        #expect(await post(bench, cookie, "/inbox/closed_period/orders", [("order", "release")]).status == 422)
        #expect(await post(bench, cookie, "/inbox/closed_period/orders", [("order", "delete"), ("posting", Bench.key(1).text)]).status == 404)
    }
}
