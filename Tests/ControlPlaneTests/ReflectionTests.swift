import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

extension Bench {
    /// States of the first posting that wait for a person, one after the other; their ids.
    func reflections(_ made: Furnished, _ count: Int, state: String = "held") async throws -> [String] {
        let says = #"{"posting": "0123456789abcdef", "subject": "O-1", "case": "O-1", "form": "invoice", "reference": "order O-1", "ledger": "Books", "remote_id": "1", "#
            + #""state": "edited", "currency": "USD", "total": "9.00", "paid": null, "date": "2026-11-02", "link": null}"#
        var out: [String] = []
        try await root.pool.query(#"UPDATE app.flows SET policies = policies || '{"reflect": "on"}' WHERE id = \#(made.flow)"#)
        for n in 1 ... count {
            let rows = try await root.pool.query(
                """
                INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, state, finding, seq, settled_at)
                VALUES (\(made.tenant.id), \(Bench.key(1).text), \(Int32(n)), \(made.flow), \(made.source), \(says)::jsonb, sha256('x'), \(state),
                  '{"check": "reflection_asked", "why": "amount: 10.00 USD, the ledger has 9.00 USD", "remedy": "Tell it or dismiss it."}'::jsonb,
                  CASE WHEN \(state) = 'kept' THEN \(Int64(n)) END, CASE WHEN \(state) = 'kept' THEN now() END) RETURNING id::text AS id
                """)
            out.append(try rows[0].get("id"))
        }
        return out
    }
}

@Suite("What sources are told, by the API") struct ReflectionTests {
    @Test("what is held shows both sides, is told or dismissed once, and ends the alert") func decided() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished(), tenant = made.tenant.id
        _ = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "confirmed")
        let ids = try await bench.reflections(made, 2)
        try await bench.store.raise(tenant, [AlertRow(key: AlertKey.reflection(made.flow), severity: .warning, cause: "asked", remedy: "decide")])
        let listed = await bench.call(.get, "/v1/tenants/\(tenant)/reflections?state=held").items
        #expect(listed.count == 2 && listed[0]["finding"]?["why"]?.string == "amount: 10.00 USD, the ledger has 9.00 USD")
        #expect(listed[0]["says"]?["total"]?.string == "9.00")
        try await bench.root.pool.query(#"UPDATE app.flows SET policies = policies || '{"reflect": "off"}'"#)
        let quiet = await bench.call(.post, "/v1/reflections/\(ids[0])/tell")
        #expect(quiet.status == 409 && quiet.text.contains("reflect: on"), "\(quiet.text)")
        try await bench.root.pool.query(#"UPDATE app.flows SET policies = policies || '{"reflect": "on"}'"#)
        let told = await bench.call(.post, "/v1/reflections/\(ids[0])/tell")
        #expect(told.status == 200 && told.json["state"]?.string == "due")
        #expect(await bench.call(.get, "/v1/alerts?state=open").items.count == 1)
        #expect(await bench.call(.post, "/v1/reflections/\(ids[1])/dismiss").json["state"]?.string == "dismissed")
        #expect(await bench.call(.get, "/v1/alerts?state=open").items.isEmpty)
        for verb in ["tell", "dismiss"] {
            let again = await bench.call(.post, "/v1/reflections/\(ids[1])/\(verb)")
            #expect(again.status == 409 && again.text.contains("wrong_state"))
        }
        #expect(await bench.call(.get, "/v1/reflections/\(ids[1])").json["number"]?.int == 2)
        #expect(await bench.call(.get, "/v1/reflections/0193a1b2-0000-7000-8000-000000000001").status == 404)
        #expect(await bench.call(.get, "/v1/reflections/nonsense").status == 404)
        #expect(await bench.call(.get, "/v1/tenants/\(tenant)/reflections?state=nonsense").status == 422)
    }

    @Test("a source fetches its list in order, from where it left off, and nobody else's") func fetched() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        _ = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "confirmed")
        _ = try await bench.reflections(made, 3, state: "kept")
        let path = "/v1/connections/\(made.source)/reflections"
        let all = await bench.call(.get, path)
        #expect(all.items.compactMap { $0["seq"]?.int } == [1, 2, 3] && all.items[0]["state"]?.string == "edited")
        let first = await bench.call(.get, "\(path)?limit=1&after=1")
        #expect(first.items.compactMap { $0["seq"]?.int } == [2])
        let next = try #require(first.json["next"]?.string)
        #expect(await bench.call(.get, "\(path)?limit=1&cursor=\(next)").items.compactMap { $0["seq"]?.int } == [3])
        #expect(await bench.call(.get, "\(path)?after=3").items.isEmpty)
        #expect(await bench.call(.get, "\(path)?after=-1").status == 422)
        #expect(await bench.call(.get, "/v1/connections/\(made.ledger)/reflections").items.isEmpty)
    }
}

@Suite("A flow that begins to tell its source, by the API") struct ReflectBeginsTests {
    @Test("whoever sets it for a source without a place for it is told so, and nobody else") func noPlace() async throws {
        let bench = try await Bench.make()
        let path = "/v1/flows/\(try await bench.furnished().flow)"
        let set = await bench.call(.patch, path, ["policies": ["reflect": "on"]])
        #expect(set.status == 200 && set.json["notes"]?.array?.count == 1)
        #expect(set.json["notes"]?[0]?.string?.hasPrefix("reflect: ") == true && set.json["policies"]?["reflect"]?.string == "on")
        #expect(await bench.call(.get, path).json["notes"] == nil)
        #expect(await bench.call(.patch, path, ["policies": ["reflect": "off"]]).json["notes"] == nil)
    }

    @Test("set on by PATCH, once, all that the ledger has is looked at and payments that were ready are checked again; set on again, or off, is nothing") func begins() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished(), (tenant, flow) = (made.tenant.id, made.flow)
        _ = try await bench.document(made, "O-1")
        let invoice = try await bench.posting(made, 1, of: "O-1", state: "confirmed")
        try await bench.posting(made, 2, of: "O-2", state: "held", checks: ["x"])
        try await bench.posting(made, 3, of: "O-3", state: "cleared", appliesTo: invoice)
        try await bench.posting(made, 4, of: "O-4", state: "cleared")
        _ = try await bench.root.pool.query("UPDATE app.postings SET form = 'payment' WHERE post_key = \(Bench.key(3).text)")
        func reset() async throws {
            _ = try await bench.root.pool.query("UPDATE app.postings SET recheck_at = NULL WHERE recheck_at IS NOT NULL")
            _ = try await bench.root.pool.query("UPDATE app.postings SET state = 'cleared' WHERE form = 'payment'")
            _ = try await bench.root.pool.query("DELETE FROM app.jobs")
        }
        func patch(_ reflect: String, _ more: JSON = .object([])) async throws -> Int {
            let policies = (more.object ?? []).reduce(["reflect": .string(reflect)] as JSON) { $0.setting($1.key, $1.value) }
            return await bench.call(.patch, "/v1/flows/\(flow)", ["policies": policies]).status
        }
        func marked() async throws -> [String] {
            try await bench.root.pool.query("SELECT post_key FROM app.postings WHERE recheck_at IS NOT NULL ORDER BY 1").map { try $0.get("post_key") }
        }
        func asked() async throws -> Int { try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'confirm' AND subject = \(flow.description)") }

        try await reset()
        #expect(try await patch("on") == 200)
        #expect(try await marked() == [invoice.text])
        #expect(try await asked() == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.postings WHERE form = 'payment' AND state = 'mapped' AND tenant_id = \(tenant)") == 1)

        for (again, more) in [("on", JSON.object([])), ("on", ["masters": ["void": "ledger"]]), ("off", .object([]))] {
            try await reset()
            #expect(try await patch(again, more) == 200)
            let (looked, jobs) = (try await marked(), try await asked())
            #expect(looked.isEmpty && jobs == 0, "\(again) \(more.text)")
        }
        try await reset()
        #expect(try await patch("on") == 200)
        #expect(try await marked() == [invoice.text])
        // A returns system beside it is somebody who is told for the first time.
        let returns: JSON = ["returns": ["owner": "rms", "from": "shop"]]
        try await reset()
        #expect(try await patch("on", returns) == 200)
        #expect(try await marked() == [invoice.text])
        for same in [returns, .object([])] {
            try await reset()
            #expect(try await patch("on", same) == 200)
            #expect(try await marked().isEmpty, "\(same.text)")
        }
        // Where it stays as it was, or is refused, nothing is looked at.
        try await reset()
        #expect(await bench.call(.patch, "/v1/flows/\(flow)", ["state": "paused"]).status == 200)
        #expect(try await patch("sometimes") == 422)
        #expect(try await marked().isEmpty)
    }
}
