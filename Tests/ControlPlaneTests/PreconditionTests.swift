import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("changes of what somebody else changed") struct PreconditionTests {
    private func tag(_ bench: Bench, _ path: String) async throws -> String { try #require(await bench.call(.get, path).fields["ETag"]) }

    private func rules(_ sku: String) -> JSON { ["reason_codes": [], "rules": [["name": "a", "when": ["sku": .string(sku)], "set": ["group": "g"]]]] }

    @Test("structure, rules and both of them are not written over by whoever has not seen the newest; without If-Match they are, as ever") func versions() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/tenants/\(made.tenant.id)"
        let structure = Bench.structure.setting("house_customer", "Somebody")
        let bodies: [(String, JSON, JSON)] = [
            ("structure", structure, Bench.structure), ("rules", rules("B-*"), Bench.rules),
            ("configuration", .object([("rules", rules("C-*")), ("structure", structure)]), .object([("rules", Bench.rules)])),
        ]
        for (name, anns, bobs) in bodies {
            let seen = try await tag(bench, "\(path)/\(name)")
            let ann = await bench.call(.put, "\(path)/\(name)", anns, more: [("If-Match", seen)])
            #expect((200 ... 201).contains(ann.status), "\(name)")
            let now = try await tag(bench, "\(path)/\(name)")
            #expect(ann.fields["ETag"] == now, "\(name)")
            #expect(now != seen, "\(name)")
            let kept = await bench.call(.get, "\(path)/\(name)").text
            let bob = await bench.call(.put, "\(path)/\(name)", bobs, more: [("If-Match", seen)])
            #expect(bob.status == 412, "\(name)")
            #expect(bob.code == "changed_meanwhile")
            #expect(bob.json.text("remedy").contains("Read it again"))
            #expect(await bench.call(.get, "\(path)/\(name)").text == kept, "\(name)")
            #expect(await (200 ... 201).contains(bench.call(.put, "\(path)/\(name)", bobs, more: [("If-Match", "W/\(now)")]).status), "\(name)")
            #expect(await (200 ... 201).contains(bench.call(.put, "\(path)/\(name)", anns).status), "\(name)")
        }
    }

    @Test("a flow is not written over by whoever has not seen how it is now") func flows() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/flows/\(made.flow)"
        let seen = try await tag(bench, path)
        let ann = await bench.call(.patch, path, ["poll_seconds": 120], more: [("If-Match", seen)])
        #expect(ann.status == 200)
        #expect(await ann.fields["ETag"] == (try tag(bench, path)))
        let bob = await bench.call(.patch, path, ["policies": ["edit": "revise"]], more: [("If-Match", seen)])
        #expect(bob.status == 412)
        #expect(bob.code == "changed_meanwhile")
        #expect(await bench.call(.get, path).json["policies"]?.text("edit") == "delta")
        #expect(await bench.call(.patch, path, ["poll_seconds": 60], more: [("If-Match", "\"x\", \(ann.fields["ETag"] ?? "")")]).status == 200)
        #expect(await bench.call(.patch, path, ["poll_seconds": 61]).status == 200)
    }

    @Test("a connection is not written over by whoever has not seen how it is now; what its worker writes beside it is nobody's change") func connections() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/connections/\(made.source)"
        try await bench.root.pool.query("UPDATE app.connections SET state = 'live', credential = 'x', identity = '{}', identified = given WHERE id = \(made.source)")
        let seen = try await tag(bench, path)
        try await bench.root.pool.query("""
            UPDATE app.connections SET credential_version = credential_version + 1, swept_at = now(), watermark = now(), updated_at = now() + interval '1 minute' WHERE id = \(made.source)
            """)
        let ann = await bench.call(.patch, path, ["state": "paused"], more: [("If-Match", seen)])
        #expect(ann.status == 200, "\(ann.text)")
        #expect(await ann.fields["ETag"] == (try tag(bench, path)))
        #expect(ann.fields["ETag"] != seen)
        let bob = await bench.call(.patch, path, ["state": "live"], more: [("If-Match", seen)])
        #expect(bob.status == 412)
        #expect(bob.code == "changed_meanwhile")
        #expect(await bench.call(.get, path).json.text("state") == "paused")
        #expect(await bench.call(.patch, path, ["state": "live"], more: [("If-Match", ann.fields["ETag"] ?? "")]).status == 200)
        #expect(await bench.call(.patch, path, ["state": "paused"]).status == 200)
    }

    @Test("schedules are not written over by whoever has not seen them, a pause among them; when they ran changes nothing") func schedules() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/flows/\(made.flow)/schedules"
        let none = try await tag(bench, path)
        let ann = await bench.call(.put, path, ["post": "daily at 06:00"], more: [("If-Match", none)])
        #expect(ann.status == 200, "\(ann.text)")
        let seen = try await tag(bench, path)
        #expect(ann.fields["ETag"] == seen)
        #expect(await bench.call(.put, path, [:], more: [("If-Match", none)]).status == 412)
        try await bench.root.pool.query("UPDATE app.schedules SET last_run_at = now(), next_run_at = now() + interval '3 days'")
        #expect(try await tag(bench, path) == seen)
        let paused = await bench.call(.post, "\(path)/post/pause")
        let bob = await bench.call(.put, path, [:], more: [("If-Match", seen)])
        #expect(bob.status == 412)
        #expect(bob.code == "changed_meanwhile")
        #expect(try await bench.count("SELECT count(*) FROM app.schedules WHERE subject = 'post' AND state = 'paused'") == 1)
        #expect(await bench.call(.put, path, ["post": "daily at 07:00"], more: [("If-Match", paused.fields["ETag"] ?? "")]).status == 200)
        #expect(await bench.call(.put, path, [:]).status == 200)
    }

    @Test("who is told of what is not written over by whoever has not seen it, also where there was nothing") func alertRules() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished()
        for path in ["/v1/alerts/rules", "/v1/tenants/\(made.tenant.id)/alerts/rules"] {
            let none = try await tag(bench, path)
            #expect(none == "\"0\"")
            func silent(_ hours: Int) -> JSON { ["bounds": ["silent_hours": .number("\(hours)")]] }
            let both = await withTaskGroup(of: Int.self) { group in
                for n in 1 ... 4 { group.addTask { await bench.call(.put, path, silent(n), more: [("If-Match", none)]).status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(both.sorted() == [200, 412, 412, 412], "\(path)")
            let kept = await bench.call(.get, path), seen = try await tag(bench, path)
            #expect(seen == "\"1\"")
            // Also of what it says already.
            #expect(await bench.call(.put, path, kept.json["rules"] ?? .null, more: [("If-Match", none)]).status == 412)
            let again = await bench.call(.put, path, kept.json["rules"] ?? .null, more: [("If-Match", seen)])
            #expect(again.status == 200)
            #expect(again.fields["ETag"] == seen)
            #expect(await bench.call(.put, path, silent(20)).fields["ETag"] == "\"2\"")
            #expect(await bench.call(.put, path, silent(30), more: [("If-Match", seen)]).code == "changed_meanwhile")
            #expect(try await tag(bench, path) == "\"2\"")
        }
    }

    @Test("of two who set the same thing at the same moment one is refused") func race() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/tenants/\(made.tenant.id)/rules"
        let seen = try await tag(bench, path)
        let both = await withTaskGroup(of: Int.self) { group in
            for n in 0 ..< 4 { group.addTask { await bench.call(.put, path, self.rules("R\(n)-*"), more: [("If-Match", seen)]).status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(both.sorted() == [201, 412, 412, 412])
    }

    @Test("what is not there matches nothing, a star whatever is there, and what is no tag is said to be none") func odd() async throws {
        let bench = try await Bench.make(), bare = try await bench.tenant("bare"), path = "/v1/tenants/\(bare.id)"
        for wanted in ["*", "\"1\""] { #expect(await bench.call(.put, "\(path)/rules", Bench.rules, more: [("If-Match", wanted)]).status == 412) }
        #expect(try await tag(bench, "\(path)/configuration") == "\"0.0\"")
        #expect(await bench.call(.get, "\(path)/configuration").json["rules"]?.isNull == true)
        let first = await bench.call(.put, "\(path)/configuration", .object([("rules", Bench.rules), ("structure", Bench.structure)]), more: [("If-Match", "\"0.0\"")])
        #expect(first.status == 200)
        #expect(first.json.count("rules_version") == 1)
        #expect(await bench.call(.put, "\(path)/rules", Bench.rules, more: [("If-Match", "*")]).status == 200)
        for wrong in ["1", "\"1", "", "\"1\",,\"2\"", "\""] {
            let answer = await bench.call(.put, "\(path)/rules", Bench.rules, more: [("If-Match", wrong)])
            #expect(answer.status == 400, "\(wrong)")
            #expect(answer.code == "if_match_malformed", "\(wrong)")
        }
    }

    @Test("of structure and rules that are set together neither is set when one of them is wrong") func together() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/tenants/\(made.tenant.id)/configuration"
        let wrong = await bench.call(.put, path, .object([("structure", Bench.structure.setting("house_customer", "New")), ("rules", ["nonsense": 1])]))
        #expect(wrong.status == 422)
        #expect(try await tag(bench, path) == "\"1.1\"")
        let reader = try await bench.key("bob", tenant: made.tenant.id, scopes: ["read"])
        #expect(await bench.call(.put, path, .object([("rules", rules("Z"))]), key: reader).status == 403)
    }

    // MARK: The console

    private func page(_ bench: Bench, _ cookie: String, _ tenant: TenantID, _ fields: [(name: String, value: String)]) async -> HTTPResponse {
        await bench.raw(.post, "/tenants/\(tenant)/rules", Array(Form.encode(fields).utf8), fields: [
            "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
        ])
    }

    private func signIn(_ bench: Bench) async -> String {
        let login = await bench.raw(.post, "/session", Array(Form.encode([("key", bench.key)]).utf8), fields: [
            "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded",
        ])
        return String((login.fields["Set-Cookie"] ?? "").prefix { $0 != ";" })
    }

    private func hidden(_ name: String, _ page: HTTPResponse) -> String {
        let mark = "name=\"\(name)\" value=\""
        guard let at = page.bodyText.firstRange(of: mark) else { return "" }
        return String(page.bodyText[at.upperBound...].prefix { $0 != "\"" })
    }

    private func form(_ does: String, _ rules: JSON, versions: String, seen: String) -> [(name: String, value: String)] {
        [("structure", Bench.structure.text), ("rules", rules.text), ("versions", versions), ("seen", seen), ("do", does)]
    }

    @Test("what the editor puts in force is what it has shown the effect of") func previewed() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), tenant = made.tenant.id, cookie = await signIn(bench)
        let preview = await page(bench, cookie, tenant, form("preview", rules("A-*"), versions: "1.1", seen: ""))
        let seen = hidden("seen", preview)
        #expect(seen.count == 64)
        let edited = await page(bench, cookie, tenant, form("apply", rules("B-*"), versions: "1.1", seen: seen))
        #expect(edited.status == 200)
        #expect(edited.bodyText.contains("You changed it after the preview."))
        #expect(try await tag(bench, "/v1/tenants/\(tenant)/rules") == "\"1\"")
        let again = await page(bench, cookie, tenant, form("apply", rules("B-*"), versions: "1.1", seen: hidden("seen", edited)))
        #expect(again.status == 303)
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/rules").json["rules"] == rules("B-*"))
    }

    @Test("what somebody else put in force after a preview stays, and what was typed stays on the page") func outdated() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), tenant = made.tenant.id, cookie = await signIn(bench)
        let seen = hidden("seen", await page(bench, cookie, tenant, form("preview", rules("A-*"), versions: "1.1", seen: "")))
        #expect(await bench.call(.put, "/v1/tenants/\(tenant)/rules", rules("B-*")).status == 201)
        for does in ["apply", "preview"] {
            let late = await page(bench, cookie, tenant, form(does, rules("A-*"), versions: "1.1", seen: seen))
            #expect(late.bodyText.contains("somebody changed the rules or the account structure meanwhile"), "\(does)")
            #expect(late.bodyText.contains("A-*"), "\(does)")
            #expect(!late.bodyText.contains("Put in force</button>"), "\(does)")
        }
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/rules").json["rules"] == rules("B-*"))
    }
}

@Suite("bodies that are read as a whole") struct StrictBodyTests {
    @Test("what the description calls text is text, without control characters, and each finding names its place") func strict() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/v1/tenants/\(made.tenant.id)"
        let rule: JSON = ["name": "a", "when": ["sku": "A"], "set": ["group": "g"]]
        let wrong: [(String, JSON, String)] = [
            ("structure", Bench.structure.setting("house_customer", .null), "structure.house_customer"),
            ("structure", Bench.structure.setting("house_customer", 5), "structure.house_customer"),
            ("structure", Bench.structure.setting("house_customer", "a\nb"), "structure.house_customer"),
            ("structure", Bench.structure.setting("house_customer", ""), "structure.house_customer"),
            ("structure", Bench.structure.setting("house_customer", .string(String(repeating: "x", count: 201))), "structure.house_customer"),
            ("structure", Bench.structure.setting("tax_codes", ["GB@20": "A\u{7f}"]), "structure.tax_codes.GB@20"),
            ("structure", Bench.structure.setting("accounts", ["sales:a\u{7}": "4010"]), "structure.accounts.sales:a\u{7}"),
            ("rules", .object([("rules", [rule.setting("when", .null)])]), "rules.rules[0].when"),
            ("rules", .object([("rules", [rule.setting("set", "group")])]), "rules.rules[0].set"),
            ("rules", .object([("rules", [rule.setting("name", "a\tb")])]), "rules.rules[0].name"),
            ("rules", .object([("rules", .null)]), "rules.rules"),
            ("alerts/routes", ["routes": [["name": "a", "email": ["to": ["ann@example.com"], "server": .null]]]], "routes[0].email.server"),
        ]
        for (name, body, field) in wrong {
            let answer = await bench.call(.put, "\(path)/\(name)", body)
            #expect(answer.status == 422, "\(name) \(body.text)")
            #expect(answer.json.list("errors").contains { $0.text("field") == field }, "\(name) \(answer.text)")
            guard !name.hasPrefix("alerts") else { continue }
            #expect(await bench.call(.put, "\(path)/configuration", .object([(name, body)])).status == 422, "\(body.text)")
            #expect(await bench.call(.post, "\(path)/rehearsal", .object([(name, body)])).status == 422, "\(body.text)")
        }
        #expect(await bench.call(.get, "\(path)/configuration").json.count("structure_version") == 1)
    }
}
