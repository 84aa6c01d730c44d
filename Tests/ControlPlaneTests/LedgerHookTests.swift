import Kernel
import Postgres
import Store
import Telemetry
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("webhooks of ledgers") struct LedgerHookTests {
    private func tell(_ bench: Bench, _ lines: String..., key: String = "app-key", platform: String = "books") async -> HTTPResponse {
        await bench.raw(.post, "/v1/webhooks/\(platform)", Array(lines.joined(separator: "\n").utf8), fields: ["X-Key": key])
    }

    private func kept(_ bench: Bench) async throws -> [String] {
        var out: [String] = []
        for row in try await bench.root.pool.query("SELECT connection_id::text || ' ' || object || ' ' || remote_id || ' ' || change AS line FROM app.ledger_notices ORDER BY 1") {
            out.append(try row.get("line"))
        }
        return out
    }

    private func metric(_ bench: Bench, _ result: String, _ count: Int) -> Bool {
        bench.metrics.rendered().contains(#"counterfoil_webhooks_total{platform="books",result="\#(result)"} \#(count)"#)
    }

    @Test("a delivery is spread over the connections of its accounts, kept before the 200, and each is looked at") func spread() async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished(), b = try await bench.furnished("meadow", of: a.tenant.consultancy)
        try await bench.connected()
        try await bench.root.pool.query("UPDATE app.connections SET account = 'Realm-2' WHERE id = \(b.ledger)")
        let answer = await tell(bench, "9130 Invoice 145 updated n1", "realm-2 Invoice 12 deleted n2", "nobody Invoice 1 updated n3")
        #expect(answer.status == 200 && answer.body.isEmpty)
        #expect(try await kept(bench) == ["\(a.ledger) Invoice 145 updated", "\(b.ledger) Invoice 12 deleted"].sorted())
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'changes' AND lane = 'webhook'") == 2)
        #expect(metric(bench, "accepted", 1) && metric(bench, "unknown", 1))
        #expect(await tell(bench, "9130 Invoice 145 updated n1").status == 200)
        #expect(try await bench.count("SELECT max(generation) FROM app.jobs WHERE kind = 'changes'") == 1, "it was here before")
    }

    @Test("a connection that only claims the account, without a credential that works, gets nothing of it", arguments: [
        "state = 'new', credential = NULL", "state = 'new'", "state = 'dead'",
    ]) func claimed(_ change: String) async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished(), b = try await bench.furnished("meadow", of: a.tenant.consultancy)
        try await bench.connected()
        try await bench.root.pool.query("UPDATE app.connections SET \(unsafe: change) WHERE id = \(b.ledger)")
        #expect(await tell(bench, "9130 Invoice 145 updated n1").status == 200)
        #expect(try await kept(bench) == ["\(a.ledger) Invoice 145 updated"])
    }

    @Test("a wrong signature is 401 without a body, a delivery of nothing 200 without one: that is how a platform tries the address") func intent() async throws {
        let bench = try await Bench.make()
        _ = try await bench.furnished()
        let wrong = await tell(bench, "9130 Invoice 145014501450 updated", key: "other"), good = await tell(bench)
        #expect(wrong.status == 401 && wrong.body.isEmpty)
        #expect(good.status == 200 && good.body.isEmpty)
        #expect(await bench.raw(.post, "/v1/webhooks/books", Array("9130 Invoice 145014501450 updated".utf8)).status == 401)
        #expect(try await kept(bench) == [])
        #expect(metric(bench, "refused", 2))
        #expect(!bench.log.text.contains("app-key") && !bench.log.text.contains("145014501450"))
    }

    @Test("a genuine delivery that can't be read is acknowledged, counted and written down, and not asked for again") func unreadable() async throws {
        let bench = try await Bench.make()
        #expect(await tell(bench, "what").status == 200)
        #expect(metric(bench, "unreadable", 1))
        #expect(bench.log.text.contains("unreadable_notice"))
    }

    @Test("an address of no ledger, or of one without a key, is not there; neither takes other methods") func unknown() async throws {
        let bench = try await Bench.make()
        for platform in ["vault", "shop", "nowhere"] { #expect(await tell(bench, platform: platform).status == 404, "\(platform)") }
        #expect(await bench.raw(.get, "/v1/webhooks/books").status == 405)
    }

    @Test("names that no table can hold are left out, and keep nothing else back") func strange() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.connected()
        let long = String(repeating: "x", count: 201)
        let answer = await tell(bench, "9130 Invoice \(long) updated", "9130 In\u{0}voice 1 updated", "9130 Invoice 7 updated \(long)")
        #expect(answer.status == 200)
        #expect(try await kept(bench) == ["\(made.ledger) Invoice 7 updated"])
        #expect(try await bench.count("SELECT count(*) FROM app.deliveries WHERE delivery_id LIKE 'notice:sha256:%'") == 1)
    }

    @Test("what the database does not take is not acknowledged") func down() async throws {
        let bench = try await Bench.make()
        _ = try await bench.furnished()
        try await bench.connected()
        try await bench.root.pool.query("ALTER TABLE app.ledger_notices RENAME TO gone")
        #expect(await tell(bench, "9130 Invoice 145 updated").status >= 500)
    }
}
