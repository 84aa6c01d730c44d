import Crypto
import HTTPClient
import Kernel
import Postgres
import Store
import Telemetry
import TestKit
import Testing
import Wire

@testable import Alerts

extension Tower {
    /// The source's bell, at the receiver unless elsewhere.
    fileprivate func bell(at place: String? = nil, secret: String = Tower.secret) async throws {
        let key = try #require(try await house.supervisor.alertKey())
        let sealed = try BoxPublicKey(key).seal(Array(secret.utf8), context: ReflectionBell.context(house.tenant, house.source), random: SystemRandom())
        _ = try await house.supervisor.pool.query(
            ReflectionBellStatements.put(house.tenant, house.source, url: place ?? url + "/bell", secret: sealed, actor: "test"))
    }

    /// A state comes into the source's list at this place.
    fileprivate func keep(_ seq: Int64) async throws {
        let (t, key) = (house.tenant, "000000000000000\(seq)")
        try await house.owner.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date, currency, total_minor)
            VALUES (\(t), \(key), \(house.flow), \(house.ledger), 'O', 'O', 'invoice', 'post', 'cleared', '{}', '\\x00', 'O', '2026-11-14', 'USD', 1)
            """)
        try await house.owner.query("""
            INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, state, settled_at, seq)
            VALUES (\(t), \(key), 1, \(house.flow), \(house.source), '{"total": "540.00"}', sha256('x'), 'kept', now(), \(seq))
            """)
    }

    fileprivate func stands() async throws -> JSON { try JSON(parsing: try #require(try await house.supervisor.adminBell(house.tenant, house.source)).json) }
    fileprivate func due() async throws { try await house.owner.query("UPDATE app.reflection_bells SET next_at = now()") }
}

@Suite("Bells of sources that fetch their list", .timeLimit(.minutes(2))) struct RingingTests {
    @Test("a source is told once that there is more and from where on, never what; then nothing until there is more again") func once() async throws {
        try await Tower.with { tower in
            try await tower.bell()
            #expect(try await tower.service.ring() == 0)
            try await tower.keep(1)
            try await tower.keep(2)
            #expect(try await tower.service.ring() == 1)
            #expect(try await tower.service.ring() == 0)
            let request = try #require(tower.receiver.requests.first), body = try JSON(parsing: request.body)
            #expect(body["type"] == "reflections.available" && body["after"]?.int == 0 && body["newest"]?.int == 2)
            #expect(body["url"]?.string == "https://books.example.com/v1/connections/\(tower.house.source)/reflections?after=0")
            #expect(body["connection"]?.string == tower.house.source.description && !body.text.contains("540"))
            try await tower.keep(3)
            #expect(try await tower.service.ring() == 1)
            #expect(try JSON(parsing: try #require(tower.receiver.requests.last).body)["after"]?.int == 2)
            #expect(try await tower.stands()["heard_seq"]?.int == 3)
        }
    }

    @Test("it is signed over the time of its try and its raw body, and says nothing of the secret") func signature() async throws {
        try await Tower.with { tower in
            try await tower.bell()
            try await tower.keep(1)
            try await tower.service.ring()
            let request = try #require(tower.receiver.requests.first), header = try #require(request.fields["Counterfoil-Signature"])
            let time = header.dropFirst(2).prefix { $0 != "," }
            #expect(header == "t=\(time),v1=\(HMAC.sha256(key: Array(Tower.secret.utf8), Array("\(time).".utf8) + request.body).hexText)")
            #expect(abs(try #require(Int64(time)) - SystemClocks().now().seconds) < 60 && request.fields["Counterfoil-Attempt"] == "1")
            let said = try await tower.stands().text + String(decoding: request.body, as: UTF8.self)
            #expect(!said.contains(Tower.secret))
        }
    }

    @Test("one that is not heard is rung again, later each time, never given up, and from the same place on with what came meanwhile") func unheard() async throws {
        try await Tower.with { tower in
            try await tower.bell()
            try await tower.keep(1)
            tower.receiver.next(500, 410, 302)
            try await tower.service.ring()
            #expect(try await tower.stands()["outcome"] == "the receiver answered 500")
            #expect(try await tower.house.count("SELECT count(*) FROM app.reflection_bells WHERE next_at > now() + interval '3 seconds'") == 1)
            #expect(try await tower.service.ring() == 0)
            try await tower.keep(2)
            for _ in 0 ..< 3 {
                try await tower.due()
                #expect(try await tower.service.ring() == 1)
            }
            let bodies = try tower.bodies()
            #expect(bodies.map { $0["after"]?.int } == [0, 0, 0, 0] && bodies.map { $0["newest"]?.int } == [1, 2, 2, 2])
            #expect(tower.receiver.requests.map { $0.fields["Counterfoil-Attempt"] } == ["1", "2", "3", "4"])
            let stands = try await tower.stands()
            #expect(stands["attempts"]?.int == 0 && stands["heard_seq"]?.int == 2 && stands["outcome"] == "heard")
            // However long nobody heard: five minutes at most.
            try await tower.keep(3)
            try await tower.house.owner.query("UPDATE app.reflection_bells SET attempts = 5000")
            tower.receiver.next(500)
            #expect(try await tower.service.ring() == 1)
            #expect(try await tower.house.count("SELECT count(*) FROM app.reflection_bells WHERE next_at BETWEEN now() + interval '4 minutes' AND now() + interval '5 minutes'") == 1)
        }
    }

    @Test("addresses that are not public get nothing, whoever set them, and are told of as such") func guarded() async throws {
        try await Tower.with { tower in
            try await tower.keep(1)
            for place in ["https://127.0.0.1:9/x", "https://169.254.169.254/latest", "https://[::1]/", "https://localhost/", "http://10.0.0.1/"] {
                try await tower.bell(at: place)
                #expect(try await tower.service.ring() == 1, "\(place)")
                let stands = try await tower.stands()
                #expect(stands["heard_seq"]?.int == 0 && stands["outcome"]?.string?.isEmpty == false && stands["outcome"] != "heard", "\(place)")
            }
            #expect(tower.receiver.requests.isEmpty)
        }
    }

    @Test("a secret that this host can't open is said so and nothing is sent unsigned") func sealed() async throws {
        try await Tower.with { tower in
            try await tower.bell()
            try await tower.keep(1)
            // Sealed for another connection: it opens nowhere else.
            let key = try BoxPublicKey(try #require(try await tower.house.supervisor.alertKey()))
            let foreign = try key.seal(Array(Tower.secret.utf8), context: ReflectionBell.context(tower.house.tenant, tower.house.ledger), random: SystemRandom())
            try await tower.house.owner.query("UPDATE app.reflection_bells SET secret = \(foreign)")
            try await tower.service.ring()
            #expect(tower.receiver.requests.isEmpty)
            #expect(try await tower.stands()["outcome"]?.string?.contains("secrets/alerts.key") == true)
        }
    }

    @Test("paused sources and businesses are not rung; a bell that moved while it rang is rung where it is by then") func moved() async throws {
        try await Tower.with { tower in
            try await tower.bell()
            try await tower.keep(1)
            let (house, source) = (tower.house, tower.house.source)
            try await house.owner.query("UPDATE app.connections SET state = 'paused' WHERE id = \(source)")
            #expect(try await tower.service.ring() == 0)
            // A system that is never called has no credential to prove, and stays as it was made.
            try await house.owner.query("UPDATE app.connections SET state = 'new' WHERE id = \(source)")
            try await house.owner.query("UPDATE app.tenants SET state = 'paused'")
            #expect(try await tower.service.ring() == 0)
            try await house.owner.query("UPDATE app.tenants SET state = 'active'")
            let taken = try #require(try await house.supervisor.claimBells(limit: 1, for: .seconds(60)).first)
            #expect(try await house.supervisor.claimBells(limit: 1, for: .seconds(60)).isEmpty, "it is one's to ring")
            try await tower.bell(at: tower.url + "/elsewhere")
            try await house.supervisor.settle(taken, again: nil, outcome: "heard")
            #expect(try await tower.stands()["heard_seq"]?.int == 0)
            #expect(try await tower.service.ring() == 1)
            #expect(tower.receiver.requests.map(\.path) == ["/elsewhere"])
        }
    }
}
