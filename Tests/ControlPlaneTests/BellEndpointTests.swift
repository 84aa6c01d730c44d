import Crypto
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("bells, by the API") struct BellEndpointTests {
    private static let secret = "hush-hush-hush-hush"

    private struct Scene {
        var bench: Bench
        var key: BoxPrivateKey
        var tenant: TenantID
        var source: ConnectionID
        var path: String { "/v1/connections/\(source)/reflections/bell" }

        static func make() async throws -> Scene {
            let bench = try await Bench.make(), place = try await bench.tenant(), key = try BoxPrivateKey.generate(random: SystemRandom())
            let id = try await bench.call(.post, "/v1/tenants/\(place.id)/connections", ["slug": "erp", "platform": "erp", "account": "1"]).id()
            return Scene(bench: bench, key: key, tenant: place.id, source: try #require(ConnectionID(id)))
        }
    }

    @Test("a bell is set, read without its secret, moved and taken away, each in the trail; what is kept opens with its own key alone") func life() async throws {
        let scene = try await Scene.make(), bench = scene.bench
        let body: JSON = ["url": "https://erp.example.com/cf?x=1", "secret": .string(Self.secret)]
        #expect(await bench.call(.get, scene.path).status == 404)
        #expect(await bench.call(.put, scene.path, body).code == "alert_key_pending")
        try await bench.store.setAlertKey(scene.key.publicKey.bytes)
        let made = await bench.call(.put, scene.path, body)
        #expect(made.status == 200 && made.json["url"] == "https://erp.example.com/cf?x=1" && made.json["secret"] == ["present": true] && made.json["heard_seq"]?.int == 0)
        #expect(await bench.call(.get, scene.path).json == made.json)
        let kept: [UInt8] = try #require(try await bench.root.pool.query("SELECT secret FROM app.reflection_bells").first?.get("secret"))
        #expect(try scene.key.open(kept, context: ReflectionBell.context(scene.tenant, scene.source)) == Array(Self.secret.utf8))
        #expect(await bench.call(.put, scene.path, ["url": "https://erp.example.com/two", "secret": .string(Self.secret)]).json["url"] == "https://erp.example.com/two")
        #expect(await bench.call(.delete, scene.path).status == 204)
        #expect(await bench.call(.delete, scene.path).status == 404)
        #expect(await bench.call(.get, scene.path).status == 404)
        let trail = await bench.call(.get, "/v1/tenants/\(scene.tenant)/audit?limit=3")
        #expect(trail.items.map { $0.text("action") } == ["connection.bell_removed", "connection.bell", "connection.bell"])
        for text in [made.text, trail.text, bench.log.text, bench.database.cluster.log] { #expect(!text.contains(Self.secret)) }
    }

    @Test("addresses that are none, plain http, short secrets and secrets left out are refused with their place; nothing is kept", arguments: [
        ("ftp://a.test/x", secret, "bell.url"), ("https://user@a.test/", secret, "bell.url"), ("http://erp.example.com/x", secret, "bell.url"), ("https:///x", secret, "bell.url"),
        ("https://a.test/ x", secret, "bell.url"), ("https://a.test/x", "short", "bell.secret"),
    ]) func refused(_ url: String, _ secret: String, _ field: String) async throws {
        let scene = try await Scene.make(), bench = scene.bench
        try await bench.store.setAlertKey(scene.key.publicKey.bytes)
        let answer = await bench.call(.put, scene.path, ["url": .string(url), "secret": .string(secret)])
        #expect(answer.status == 422 && answer.json["errors"]?[0]?["field"]?.string == field, "\(answer.text)")
        #expect(await bench.call(.put, scene.path, ["url": "https://a.test/x"]).status == 422)
        #expect(try await bench.count("SELECT count(*) FROM app.reflection_bells") == 0)
    }

    @Test("only sources that fetch have one, only administrators set it, and other tenants' are not there") func whose() async throws {
        let scene = try await Scene.make(), bench = scene.bench, body: JSON = ["url": "https://a.test/x", "secret": .string(Self.secret)]
        try await bench.store.setAlertKey(scene.key.publicKey.bytes)
        let made = try await bench.furnished("second")
        for connection in [made.source, made.ledger] {
            #expect(await bench.call(.put, "/v1/connections/\(connection)/reflections/bell", body).code == "nothing_to_fetch")
        }
        let writer = try await bench.key("w", tenant: scene.tenant, scopes: ["write"]), stranger = try await bench.key("s", tenant: made.tenant.id, scopes: ["admin"])
        #expect(await bench.call(.put, scene.path, body, key: writer).code == "scope_missing")
        #expect(await bench.call(.delete, scene.path, key: writer).code == "scope_missing")
        #expect(await bench.call(.put, scene.path, body, key: stranger).status == 404)
        #expect(await bench.call(.put, scene.path, body).status == 200)
        for method in [HTTPMethod.get, .delete] { #expect(await bench.call(method, scene.path, key: stranger).status == 404) }
        #expect(await bench.call(.get, scene.path, key: writer).status == 200)
        // The page of the connection says how it stands.
        _ = try await bench.root.pool.query("UPDATE app.reflection_bells SET attempts = 2, outcome = 'the receiver answered <500>'")
        let signed = cookie(await logIn(bench, writer))
        let page = await bench.raw(.get, "/connections/\(scene.source)", fields: ["Cookie": signed]).bodyText
        #expect(page.contains("https://a.test/x") && page.contains("2 tries: the receiver answered &lt;500&gt;") && !page.contains(Self.secret))
        let other = cookie(await logIn(bench, bench.key))
        #expect(await !bench.raw(.get, "/connections/\(made.source)", fields: ["Cookie": other]).bodyText.contains("<dt>Bell</dt>"))
    }
}
