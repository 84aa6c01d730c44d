import Crypto
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("secrets and hosts") struct SecretTests {
    @Test("a credential is sealed for its tenant, asks for identification, and comes out nowhere") func credential() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/connections/\(made.ledger)"
        let body: JSON = [
            "access_token": "AT-hush", "refresh_token": "RT-hush", "expires_at": "2026-11-14T10:00:00Z", "client_id": "cid", "client_secret": "CS-hush",
        ]
        let empty = await bench.call(.put, "\(path)/credential", ["access_token": "x", "client_secret": .null])
        #expect(empty.status == 422 && empty.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["client_secret"], "\(empty.text)")
        let put = await bench.call(.put, "\(path)/credential", body)
        #expect(put.status == 200)
        #expect(put.json["credential"]?["present"]?.bool == true)
        #expect(put.json["credential"]?["version"]?.int == 1)
        let sealed: [UInt8] = try #require(try await bench.root.pool.query("SELECT credential FROM app.connections WHERE id = \(made.ledger)").first).get("credential")
        let opened = try JSON(parsing: try made.tenant.privateKey.open(sealed, context: Array("credential \(made.tenant.id) \(made.ledger)".utf8)))
        #expect(opened == .object((body.object ?? []) + [("operators", .bool(false))]))
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND lane = 'interactive' AND subject = \(made.ledger.description)") == 1)
        _ = await bench.call(.put, "/v1/connections/\(made.source)/webhook-secret", ["secret": "WS-hush"])
        var seen = put.text + bench.log.text + bench.database.cluster.log
        for target in [path, "/v1/tenants/\(made.tenant.id)/connections", "/v1/tenants/\(made.tenant.id)/audit?limit=200", "/v1/connections/\(made.source)", "/metrics"] {
            seen += await bench.call(.get, target).text
        }
        #expect(!seen.contains("hush"))
        #expect(!seen.contains(bench.key))
        #expect(await bench.call(.get, "\(path)/credential").status == 405)
    }

    @Test("a credential refused for its shape is not shown in the refusal") func refusedCredential() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let answer = await bench.call(.put, "/v1/connections/\(made.ledger)/credential", ["access_token": ["hush"], "refresh_token": "hush", "expires_at": "hush"])
        #expect(answer.status == 422)
        #expect(!answer.text.contains("hush"))
        #expect(await bench.call(.put, "/v1/connections/\(made.ledger)/credential", [:]).status == 422)
    }

    @Test("a refresh token alone will do") func refreshOnly() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        #expect(await bench.call(.put, "/v1/connections/\(made.ledger)/credential", ["refresh_token": "r"]).status == 200)
    }

    @Test("a credential of several parts is what its platform's connector says, no more and no less") func parts() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let id = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "v", "platform": "vault", "account": "acme"]).id()
        let path = "/v1/connections/\(id)/credential"
        #expect(await bench.call(.put, path, ["company": "acme", "password": "hush"]).status == 200)
        let sealed: [UInt8] = try #require(try await bench.root.pool.query("SELECT credential FROM app.connections WHERE id::text = \(id)").first).get("credential")
        let opened = try JSON(parsing: try made.tenant.privateKey.open(sealed, context: Array("credential \(made.tenant.id) \(id)".utf8)))
        #expect(opened == ["parts": ["company": "acme", "password": "hush"], "operators": false])
        let wrong: [(body: JSON, fields: [String])] = [
            ([:], ["company", "password"]), (["company": "acme"], ["password"]), (["company": "acme", "password": ""], ["password"]),
            (["company": "acme", "password": ["hush"]], ["password"]), (["company": "acme\r\nX: 1", "password": "hush"], ["company"]),
            (["company": "acme", "password": "hush", "access_token": "hush"], ["access_token"]),
            (["company": "acme", "password": "hush", "private_key": "hush"], ["private_key"]),
        ]
        for (body, fields) in wrong {
            let answer = await bench.call(.put, path, body)
            #expect(answer.status == 422)
            #expect(answer.json["errors"]?.array?.compactMap { $0["field"]?.string }.sorted() == fields, "\(answer.text)")
            #expect(!answer.text.contains("hush"))
        }
        #expect(!bench.log.text.contains("hush"))
    }

    @Test("what is the operator's for all connections is sealed with each, unless the connection has its own; nothing else is taken from him")
    func operators() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let id = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "g", "platform": "gate", "account": "acme"]).id()
        let path = "/v1/connections/\(id)/credential"
        func opened() async throws -> JSON {
            let sealed: [UInt8] = try #require(try await bench.root.pool.query("SELECT credential FROM app.connections WHERE id::text = \(id)").first).get("credential")
            return try JSON(parsing: try made.tenant.privateKey.open(sealed, context: Array("credential \(made.tenant.id) \(id)".utf8)))
        }
        let put = await bench.call(.put, path, ["user": "ws"])
        #expect(put.status == 200 && !put.text.contains("operators-hush"))
        #expect(try await opened() == ["parts": ["sender": "house", "sender_password": "operators-hush", "user": "ws"], "operators": true])
        #expect(await bench.call(.put, path, ["user": "ws", "sender": "own", "sender_password": "mine"]).status == 200)
        #expect(try await opened() == ["parts": ["sender": "own", "sender_password": "mine", "user": "ws"], "operators": false])
        // A part of the tenant's is never the operator's; one that is given wrongly is not mended by his.
        #expect(await bench.call(.put, path, [:]).json["errors"]?.array?.compactMap { $0["field"]?.string } == ["user"])
        #expect(await bench.call(.put, path, ["user": "ws", "sender": ""]).status == 422)
        #expect(!bench.log.text.contains("operators-hush"))
    }

    @Test("a long-lived token is one part, and its platform takes no token set") func token() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/connections/\(made.source)/credential"
        #expect(await bench.call(.put, path, ["access_token": "x"]).status == 200)
        #expect(await bench.call(.put, path, ["access_token": "x", "refresh_token": "y"]).status == 422)
        #expect(await bench.call(.put, path, ["refresh_token": "y"]).status == 422)
    }

    @Test("while the scheduler makes a tenant's keys a credential waits; without a scheduler it is told to come again") func keysPending() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant(keys: false)
        let id = try await bench.call(.post, "/v1/tenants/\(tenant.id)/connections", ["slug": "b", "platform": "books", "account": "1"]).id()
        let answered = Locked(false)
        let patient = Task {
            defer { answered.with { $0 = true } }
            return await bench.call(.put, "/v1/connections/\(id)/credential", ["access_token": "x"])
        }
        while !answered.with({ $0 }) {
            bench.clocks.step(.milliseconds(20))
            await Task.yield()
        }
        let pending = await patient.value
        #expect(pending.status == 503)
        #expect(pending.code == "tenant_keys_pending")
        #expect(pending.fields["Retry-After"] != nil)
        async let waiting = bench.call(.put, "/v1/connections/\(id)/credential", ["access_token": "x"])
        try await bench.store.giveKeys(tenant.id, publicKey: tenant.privateKey.publicKey.bytes, wrapped: [1])
        #expect(await waiting.status == 200)
    }

    @Test("a webhook secret is sealed under the intake key, bound to its place") func webhookSecret() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        _ = await bench.call(.put, "/v1/connections/\(made.source)/webhook-secret", ["secret": "whs"])
        let sealed: [UInt8] = try #require(try await bench.root.pool.query("SELECT webhook_secret FROM app.connections WHERE id = \(made.source)").first).get("webhook_secret")
        #expect(try bench.intakeKey.open(sealed, context: HookBook.context(made.tenant.id, made.source)) == Array("whs".utf8))
        #expect(throws: Fault.self) { try bench.intakeKey.open(sealed, context: HookBook.context(made.tenant.id, made.ledger)) }
        #expect(await bench.call(.put, "/v1/connections/\(made.ledger)/webhook-secret", ["secret": "x"]).status == 422)
    }

    @Test("what is the operator's goes to no host of a tenant's choice, unless the operator says so for that platform") func operatorsHost() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let id = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "g", "platform": "gate", "account": "acme", "base_url": "http://127.0.0.1:8099"]).id()
        let path = "/v1/connections/\(id)"
        let refused = await bench.call(.put, "\(path)/credential", ["user": "ws"])
        #expect(refused.status == 422 && refused.code == "host_not_allowed", "\(refused.text)")
        #expect(refused.json["remedy"]?.string?.contains("gate=127.0.0.1:8099") == true && !refused.text.contains("operators-hush"))
        #expect(await bench.call(.get, path).json["credential"]?["present"]?.bool == false)
        #expect(await bench.call(.put, "\(path)/credential", ["user": "ws", "sender": "own", "sender_password": "mine"]).status == 200)
        let listed = await bench.call(.patch, path, ["base_url": "http://127.0.0.1:8090"])
        #expect(listed.status == 200 && listed.json["credential"]?["present"]?.bool == false, "\(listed.text)")
        #expect(await bench.call(.put, "\(path)/credential", ["user": "ws"]).status == 200)
        // The entry is for that platform alone.
        #expect(await bench.call(.patch, "/v1/connections/\(made.ledger)", ["base_url": "http://127.0.0.1:8090"]).code == "host_not_allowed")
        let consent = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "s", "platform": "stall", "account": "acme", "base_url": "https://books.example.com"]).id()
        for way in ["authorization", "invitation"] {
            let answer = await bench.call(.post, "/v1/connections/\(consent)/\(way)", way == "invitation" ? JSON.object([]) : nil)
            #expect(answer.status == 422 && answer.code == "host_not_allowed", "\(answer.text)")
        }
    }

    @Test("a base of another place drops the credential, in the answer and in the trail; another path of the same place keeps it") func movedBase() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/connections/\(made.ledger)"
        _ = await bench.call(.put, "\(path)/credential", ["access_token": "AT", "refresh_token": "RT"])
        try await bench.root.pool.query("UPDATE app.connections SET state = 'live', credential_before = 'x' WHERE id = \(made.ledger)")
        let same = await bench.call(.patch, path, ["base_url": "HTTP://127.0.0.1:8099/other", "state": "paused"])
        #expect(same.json["credential"]?["present"]?.bool == true && same.json["state"]?.string == "paused", "\(same.text)")
        let moved = await bench.call(.patch, path, ["base_url": .null, "state": "live"])
        #expect(moved.status == 200 && moved.json["state"]?.string == "new" && moved.json["credential"]?["present"]?.bool == false, "\(moved.text)")
        #expect(moved.json["credential"]?["version"]?.int == 2 && moved.json["state_reason"]?.string?.contains("dropped") == true)
        #expect(try await bench.count("SELECT count(*) FROM app.connections WHERE id = \(made.ledger) AND credential IS NULL AND credential_before IS NULL") == 1)
        let trail = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/audit?limit=200").text
        #expect(trail.contains(#""credential":"dropped""#), "\(trail)")
        _ = await bench.call(.put, "\(path)/credential", ["access_token": "AT"])
        let own = await bench.call(.patch, path, ["base_url": "https://books.example.com:443/v2"])
        #expect(own.json["credential"]?["present"]?.bool == true, "the platform's own place, written out: \(own.text)")
    }

    @Test("what a person paused stays paused while it moves, and is identified before it is live again") func movedWhilePaused() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/connections/\(made.ledger)"
        _ = await bench.call(.put, "\(path)/credential", ["access_token": "AT"])
        try await bench.root.pool.query("UPDATE app.connections SET state = 'paused', identity = '{}' WHERE id = \(made.ledger)")
        let moved = await bench.call(.patch, path, ["base_url": .null])
        #expect(moved.json["credential"]?["present"]?.bool == false && moved.json["state"]?.string == "paused", "\(moved.text)")
        let given = await bench.call(.put, "\(path)/credential", ["access_token": "AT2"])
        #expect(given.json["state"]?.string == "paused")
        try await bench.root.pool.query("DELETE FROM app.jobs")
        #expect(await bench.call(.patch, path, ["state": "live"]).json["state"]?.string == "new")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND subject = \("\(made.ledger)")") == 1, "it is asked at once")
        try await bench.root.pool.query("UPDATE app.connections SET state = 'paused', identity = '{}' WHERE id = \(made.ledger)")
        #expect(await bench.call(.patch, path, ["state": "live"]).json["state"]?.string == "new", "known there, but not with this credential")
        try await bench.root.pool.query("UPDATE app.connections SET state = 'paused', identified = given WHERE id = \(made.ledger)")
        #expect(await bench.call(.patch, path, ["state": "live"]).json["state"]?.string == "live")
        #expect(await bench.call(.put, "\(path)/credential", ["access_token": "AT3"]).json["state"]?.string == "new", "nor does one that replaces it work before")
    }

    @Test("a connection is paused before its account is known, by the API and on its page, and not before there is a credential; making a flow asks nothing with a paused one") func pausedWhileNew() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished(), path = "/v1/connections/\(made.ledger)", signed = cookie(await logIn(bench, bench.key))
        func page() async -> String { await bench.raw(.get, "/connections/\(made.ledger)", fields: ["Cookie": signed]).bodyText }
        #expect(await bench.call(.patch, path, ["state": "paused"]).code == "wrong_state")
        #expect(await !page().contains("Pause this connection"))
        _ = await bench.call(.put, "\(path)/credential", ["access_token": "AT"])
        #expect(await page().contains("Pause this connection"))
        #expect(await bench.call(.patch, path, ["state": "live"]).code == "wrong_state")
        #expect(await bench.call(.patch, path, ["state": "paused"]).json["state"]?.string == "paused")
        #expect(await page().contains("Resume this connection"))
        try await bench.root.pool.query("DELETE FROM app.jobs")
        let flow = await bench.call(.post, "/v1/tenants/\(made.tenant.id)/flows", [
            "slug": "second", "organisation": .string(made.organisation), "source": .string(made.source.description), "ledger": .string(made.ledger.description),
        ])
        #expect(flow.status == 201, "\(flow.text)")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND subject = \("\(made.ledger)")") == 0)
        #expect(await bench.call(.patch, path, ["state": "live"]).json["state"]?.string == "new")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND subject = \("\(made.ledger)")") == 1)
    }

    @Test("a base that somebody changed meanwhile was not compared: the credential for it goes, too") func movedTwice() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        _ = await bench.call(.put, "/v1/connections/\(made.ledger)/credential", ["access_token": "AT"])
        let late = BaseChange(url: "http://127.0.0.1:8099/x", former: "http://127.0.0.1:8099/before", moves: false)
        _ = try await bench.root.pool.query(AdminConnectionStatements.update(made.tenant.id, made.ledger, settings: nil, base: late, state: nil))
        #expect(try await bench.count("SELECT count(*) FROM app.connections WHERE id = \(made.ledger) AND credential IS NULL AND state = 'new'") == 1)
    }

    @Test("a refused host names itself and the remedy, on creation and on change") func refusedHost() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let create = await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "x", "platform": "shop", "account": "a", "base_url": "http://10.0.0.1:80/"])
        let change = await bench.call(.patch, "/v1/connections/\(made.source)", ["base_url": "http://10.0.0.1:80/"])
        for answer in [create, change] {
            #expect(answer.status == 422)
            #expect(answer.code == "host_not_allowed")
            #expect(answer.json["remedy"]?.string?.contains("10.0.0.1:80") == true)
            #expect(answer.json["field"]?.string == "base_url")
        }
        #expect(await bench.call(.patch, "/v1/connections/\(made.source)", ["base_url": .null]).json["base_url"]?.isNull == true)
    }

    @Test("accounts that could bend a host name, unknown platforms and unknown settings are refused") func connectionFields() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant()
        let path = "/v1/tenants/\(tenant.id)/connections"
        for account in ["evil.com/", "a b", "a@b", "x#", ".hidden", "a:1", "é"] {
            let answer = await bench.call(.post, path, ["slug": "x", "platform": "shop", "account": .string(account)])
            #expect(answer.status == 422, "\(account)")
        }
        let answer = await bench.call(.post, path, ["slug": "x", "platform": "nothing", "account": "a"])
        #expect(answer.json["errors"]?[0]?["remedy"]?.string?.contains("books, erp, gate, inbox, paper, shop, stall, vault") == true)
        let settings = await bench.call(.post, path, ["slug": "x", "platform": "shop", "account": "a", "settings": ["nonsense": "1", "post_currency": 5]])
        #expect(settings.json["errors"]?.array?.count == 2)
        #expect(await bench.call(.post, path, ["slug": "x", "platform": "shop", "account": "a", "settings": ["post_currency": "shop"]]).status == 201)
    }
}
