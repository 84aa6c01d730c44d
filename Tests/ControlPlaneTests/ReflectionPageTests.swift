import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("the way back on the console") struct ReflectionPageTests {
    private struct Scene {
        var bench: Bench
        var made: Furnished
        var path: String { "/tenants/\(made.tenant.id)/reflections" }

        static func make() async throws -> Scene {
            let bench = try await Bench.make(), made = try await bench.furnished()
            _ = try await bench.document(made, "O-1")
            try await bench.posting(made, 1, of: "O-1", state: "confirmed")
            return Scene(bench: bench, made: made)
        }

        func page(_ path: String, _ cookie: String) async -> HTTPResponse { await bench.raw(.get, path, fields: ["Cookie": cookie]) }

        func order(_ order: String, _ id: String, _ cookie: String, origin: String? = "http://cf.test", more: String = "") async -> HTTPResponse {
            var fields: HTTPFields = ["Host": "cf.test", "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie]
            if let origin { fields["Origin"] = origin }
            return await bench.raw(.post, "\(path)/\(id)/orders", Array("order=\(order)\(more)".utf8), fields: fields)
        }

        func state(_ id: String) async -> String? { await bench.call(.get, "/v1/reflections/\(id)").json["state"]?.string }
    }

    @Test("what is held stands there with both values and two buttons; dismissed, it is gone from the questions, and the trail says by whom") func dismissed() async throws {
        let scene = try await Scene.make(), bench = scene.bench
        let id = try #require(try await bench.reflections(scene.made, 1).first), signed = cookie(await logIn(bench, bench.key))
        let shown = await scene.page(scene.path, signed).bodyText
        for words in [
            "Books has", "9.00\u{A0}USD", "10.80\u{A0}USD", "amount: 10.00 USD, the ledger has 9.00 USD.", "Tell it or dismiss it.", "id=\"reflection-\(id)\"",
            "aria-label=\"Do not tell: Invoice order O-1\"",
        ] { #expect(shown.contains(words), "\(words)") }
        let sent = await scene.order("dismiss", id, signed, more: "&connection=\(scene.made.source)")
        #expect(sent.status == 303 && sent.fields["Location"] == "\(scene.path)?connection=\(scene.made.source)&done=dismiss")
        #expect(await scene.state(id) == "dismissed")
        let after = await scene.page(sent.fields["Location"] ?? "", signed).bodyText
        #expect(after.contains("The source is not told.") && after.contains("Nothing waits for a decision.") && !after.contains("id=\"reflection-\(id)\""))
        let row = try #require(await bench.call(.get, "/v1/tenants/\(scene.made.tenant.id)/audit?limit=1").items.first)
        #expect(row.text("action") == "reflection.dismiss" && row.text("actor").hasPrefix("key operator ("))
        // It is decided by now: told so, and nothing changes.
        #expect(await scene.order("tell", id, signed).status == 409)
        #expect(await scene.state(id) == "dismissed")
    }

    @Test("what waits for a decision is in the inbox and its badge, is counted in the fleet, and its cause's page has both buttons") func inbox() async throws {
        let scene = try await Scene.make(), bench = scene.bench, tenant = scene.made.tenant.id
        let signed = cookie(await logIn(bench, bench.key))
        #expect(await scene.page("/inbox", signed).bodyText.contains("Nothing is stopped."))
        let ids = try await bench.reflections(scene.made, 3)
        let fault = #"{"code": "source_refused", "summary": "the shop says no", "remedy": "Ask it."}"#
        _ = try await bench.root.pool.query("UPDATE app.reflections SET state = 'refused', settled_at = now(), fault = \(fault)::jsonb WHERE id::text = \(ids[2])")
        let causes = await bench.call(.get, "/v1/report/causes?tenant=\(tenant)").json.list("causes")
        #expect(causes.map { "\($0.text("kind")) \($0.text("code")) \($0.count("count"))" } == ["reflection reflection_asked 2", "reflection source_refused 1"])
        #expect(causes.last?.text("why") == "the shop says no" && causes.last?.text("remedy") == "Ask it.")
        #expect(await bench.call(.get, "/v1/report/fleet").json.list("tenants").first { $0.text("tenant") == "\(tenant)" }?.count("reflections") == 3)
        let inbox = await scene.page("/inbox", signed).bodyText
        for words in ["Inbox <span class=\"badge warn\">3</span>", "answers to a source", "Reflection asked", "/inbox/reflection_asked?kind=reflection&amp;tenant=\(tenant)"] { #expect(inbox.contains(words), "\(words)") }
        #expect(!inbox.contains("more posting"))
        let page = await scene.page("/inbox/reflection_asked?kind=reflection&tenant=\(tenant)", signed).bodyText
        #expect(page.contains("reflection-\(ids[0])") && page.contains("reflection-\(ids[1])") && !page.contains(ids[2]))
        #expect(page.contains("Tell shop") && page.contains("Do not tell") && page.contains("action=\"\(scene.path)/\(ids[0])/orders\""))
        #expect(await scene.page("/inbox/source_refused?kind=reflection", signed).bodyText.contains("the shop says no"))
        for id in ids { #expect(await scene.order("dismiss", id, signed).status == 303) }
        #expect(await scene.page("/inbox", signed).bodyText.contains("Nothing is stopped."))
        #expect(await scene.page("/inbox/reflection_asked?kind=reflection", signed).bodyText.contains("Nothing waits for a decision any more."))
    }

    @Test("what is to be told is told; a refusal shows what the source said") func told() async throws {
        let scene = try await Scene.make(), bench = scene.bench
        let id = try #require(try await bench.reflections(scene.made, 1).first), signed = cookie(await logIn(bench, bench.key))
        _ = try await bench.root.pool.query("""
            UPDATE app.reflections SET state = 'refused', settled_at = now(), finding = NULL, fault = '{"code": "x", "summary": "the shop says <no>", "remedy": "Ask it."}'::jsonb
            """)
        let shown = await scene.page(scene.path, signed).bodyText
        #expect(shown.contains("the shop says &lt;no&gt;.") && shown.contains("Ask it."))
        #expect(await scene.order("tell", id, signed).status == 303)
        #expect(await scene.state(id) == "due")
    }

    @Test("forms of other sites, keys that only read, other tenants' keys and made-up orders change nothing") func refused() async throws {
        let scene = try await Scene.make(), bench = scene.bench
        let id = try #require(try await bench.reflections(scene.made, 1).first), signed = cookie(await logIn(bench, bench.key))
        for origin in ["http://evil.test", "null", nil] { #expect(await scene.order("dismiss", id, signed, origin: origin).status == 403) }
        let reader = cookie(await logIn(bench, try await bench.key("reader", tenant: scene.made.tenant.id, scopes: ["read"])))
        let shown = await scene.page(scene.path, reader).bodyText
        #expect(shown.contains("id=\"reflection-\(id)\"") && !shown.contains("/orders\""))
        #expect(await scene.order("dismiss", id, reader).status == 403)
        let foreign = try await bench.tenant("foreign")
        let stranger = cookie(await logIn(bench, try await bench.key("stranger", tenant: foreign.id, scopes: ["admin"])))
        #expect(await scene.page(scene.path, stranger).status == 404)
        #expect(await scene.order("dismiss", id, stranger).status == 404)
        #expect(await scene.order("forget", id, signed).status == 404)
        #expect(await scene.order("dismiss", "nonsense", signed).status == 404)
        #expect(await scene.order("dismiss", id, signed, more: "&connection=//evil.test").status == 404)
        #expect(await scene.order("dismiss", id, "").status == 401)
        #expect(await scene.state(id) == "held")
        #expect(await scene.page("\(scene.path)?connection=%2F..", signed).status == 404)
    }

    @Test("all of it is listed newest first, by source and state, and led to from the tenant and from a source, not from a ledger") func listed() async throws {
        let scene = try await Scene.make(), bench = scene.bench
        _ = try await bench.reflections(scene.made, 3, state: "kept")
        let signed = cookie(await logIn(bench, bench.key))
        func text(_ path: String) async -> String { await scene.page(path, signed).bodyText }
        #expect(await text("/tenants/\(scene.made.tenant.id)").contains("href=\"\(scene.path)\""))
        let own = "\(scene.path)?connection=\(scene.made.source)"
        #expect(await text("/connections/\(scene.made.source)").contains("href=\"\(own)\""))
        #expect(await !text("/connections/\(scene.made.ledger)").contains("Way back"))
        #expect(await text(own).components(of: "In its list</span>") == 3)
        #expect(await text("\(scene.path)?connection=\(scene.made.ledger)").components(of: "In its list</span>") == 0)
        #expect(await text("\(scene.path)?state=told").contains("nothing fits"))
        let list = "/v1/tenants/\(scene.made.tenant.id)/reflections?limit=2"
        let first = await bench.call(.get, list)
        #expect(first.items.compactMap { $0["number"]?.int } == [3, 2])
        let next = try #require(first.json["next"]?.string)
        #expect(await bench.call(.get, "\(list)&cursor=\(next)").items.compactMap { $0["number"]?.int } == [1])
        #expect(await bench.call(.get, "\(list)&connection=\(scene.made.ledger)").items.isEmpty)
        #expect(first.items[0]["planned_minor"]?.int == 1080)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int {
        var (count, rest) = (0, self[...])
        while let found = rest.firstRange(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
