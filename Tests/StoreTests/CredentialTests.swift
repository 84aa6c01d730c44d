import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Credentials", .serialized, .timeLimit(.minutes(2))) struct CredentialTests {
    private func now(_ house: House) async throws -> ConnectionRow { try #require(try await house.worker.connection(house.tenant, house.ledger)) }

    private func save(_ house: House, _ sealed: [UInt8], expecting version: Int) async -> String? {
        await faultCode { _ = try await house.worker.saveCredential(house.tenant, house.ledger, sealed: sealed, expecting: version) }
    }

    private func trail(_ house: House, _ action: String) async throws -> Int {
        try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant) AND action = \(action)")
    }

    @Test("a new token set keeps the one before beside it until it has worked") func rotate() async throws {
        try await Street.with { house async throws in
            let first = try await now(house)
            #expect(try await house.worker.saveCredential(house.tenant, house.ledger, sealed: [2], expecting: 1) == 2)
            var row = try await now(house)
            #expect(row.credential == [2] && row.credentialBefore == first.credential && row.credentialVersion == 2)
            try await house.worker.forgetOldCredential(house.tenant, house.ledger, version: 1)
            #expect(try await now(house).credentialBefore != nil, "a word on another version")
            try await house.worker.forgetOldCredential(house.tenant, house.ledger, version: 2)
            row = try await now(house)
            #expect(row.credentialBefore == nil && row.credential == [2] && row.credentialVersion == 2)
            #expect(try await trail(house, "connection.refreshed") == 1)
        }
    }

    @Test("of many refreshes at once one is kept, and the others are told") func conflict() async throws {
        try await Street.with { house async throws in
            let (worker, tenant, ledger) = (house.worker, house.tenant, house.ledger)
            let codes = try await sideBySide(6) { n in
                await faultCode { _ = try await worker.saveCredential(tenant, ledger, sealed: [UInt8(n)], expecting: 1) }
            }
            #expect(codes.count { $0 == nil } == 1)
            #expect(codes.count { $0 == "credential_conflict" } == 5)
            #expect(try await now(house).credentialVersion == 2)
            #expect(try await trail(house, "connection.refreshed") == 1)
            for version in [0, 1, 3] { #expect(await save(house, [9], expecting: version) == "credential_conflict") }
        }
    }

    @Test("what a person gives wins over a refresh under way, and wakes a dead connection") func person() async throws {
        try await Street.with { house async throws in
            #expect(await save(house, [2], expecting: 1) == nil)
            try await house.worker.setConnectionState(house.tenant, house.ledger, state: "dead", reason: "revoked", actor: "worker")
            let rows = try await house.supervisor.pool.query(AdminConnectionStatements.putCredential(house.tenant, house.ledger, sealed: [5])).adminRows()
            let shown = String(decoding: try #require(rows.first).json, as: UTF8.self)
            #expect(shown.contains(#""present" : true"#) && shown.contains(#""version" : 3"#))
            let row = try await now(house)
            #expect(row.state == "new" && row.credential == [5] && row.credentialBefore == nil)
            #expect(await save(house, [3], expecting: 2) == "credential_conflict")
            #expect(try await now(house).credential == [5])
        }
    }

    private func give(_ house: House, _ sealed: [UInt8]) async throws -> ConnectionRow {
        _ = try await house.supervisor.pool.query(AdminConnectionStatements.putCredential(house.tenant, house.ledger, sealed: sealed))
        return try await now(house)
    }

    private func state(_ house: House, _ state: String) async throws -> String {
        _ = try await house.supervisor.pool.query(AdminConnectionStatements.update(house.tenant, house.ledger, settings: nil, base: nil, state: state))
        return try await now(house).state
    }

    @Test("what a person gives to a live connection works once its account is known, and an answer to a question that was put with the one before says nothing of it")
    func given() async throws {
        try await Street.with { house async throws in
            let identity = Array(#"{"name": "Books"}"#.utf8)
            let row = try await give(house, [5])
            #expect(row.state == "new" && row.given == 1)
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, identity, given: 0) == false)
            #expect(try await now(house).state == "new")
            // What a worker renews is of the same grant.
            #expect(await save(house, [6], expecting: row.credentialVersion) == nil)
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, identity, given: 1))
            #expect(try await now(house).state == "live")
            #expect(try await trail(house, "connection.identified") == 1)
        }
    }

    @Test("an order that waits to be fetched is fetched at once when its connection is live") func fetches() async throws {
        try await Street.with { house async throws in
            try await house.worker.ask(house.tenant, [Job(.fetch, "\(house.source)/O-1", lane: .poll), Job(.fetch, "\(house.ledger)/O-2", lane: .poll)], after: .seconds(60))
            #expect(try await house.worker.saveIdentity(house.tenant, house.source, Array("{}".utf8), given: 0))
            #expect(try await house.worker.dueJobs(house.tenant, limit: 9).map(\.subject) == ["\(house.source)/O-1"])
        }
    }

    @Test("a pause outlives another credential, and ends in the question whose it is unless that was answered meanwhile") func givenWhilePaused() async throws {
        try await Street.with { house async throws in
            #expect(try await state(house, "paused") == "paused")
            #expect(try await now(house).isIdentified)
            let given = try await give(house, [5])
            #expect(given.state == "paused" && !given.isIdentified)
            #expect(try await state(house, "live") == "new")
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, Array("{}".utf8), given: 1))
            #expect(try await state(house, "paused") == "paused")
            #expect(try await state(house, "live") == "live", "known with this very credential")
            #expect(try await state(house, "paused") == "paused")
            #expect(try await give(house, [6]).given == 2)
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, Array("{}".utf8), given: 2))
            #expect(try await now(house).state == "paused")
            #expect(try await state(house, "live") == "live")
        }
    }

    @Test("a pause outlives a credential that is found dead meanwhile, and nothing is asked with it before a person resumes the connection") func deadWhilePaused() async throws {
        try await Street.with { house async throws in
            func asked() async throws -> Int {
                _ = try await house.supervisor.pool.query(AdminConnectionStatements.askWho(house.tenant, [house.ledger]))
                return try await house.count("SELECT count(*) FROM app.jobs WHERE tenant_id = \(house.tenant) AND kind = 'identify'")
            }
            func found(_ state: String) async throws -> String {
                try await house.worker.setConnectionState(house.tenant, house.ledger, state: state, reason: "revoked", actor: "worker")
                return try await now(house).state
            }
            #expect(try await state(house, "paused") == "paused")
            #expect(try await asked() == 0)
            for other in ["dead", "new"] { #expect(try await found(other) == "paused") }
            #expect(try await trail(house, "connection.dead") == 0)
            // Dead, it was `new` with the next credential, and live once that was identified.
            #expect(try await give(house, [5]).state == "paused")
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, Array("{}".utf8), given: 1))
            #expect(try await now(house).state == "paused")
            #expect(try await state(house, "live") == "live")
            #expect(try await asked() == 1)
            #expect(try await found("dead") == "dead")
        }
    }

    @Test("a connection with a credential is paused also before its account is known; what was said of that stays through the pause, which ends in the question whose it is") func pausedWhileNew() async throws {
        try await Street.with { house async throws in
            #expect(try await give(house, [5]).state == "new")
            try await house.owner.query("UPDATE app.connections SET state_reason = 'it belongs to acme' WHERE tenant_id = \(house.tenant) AND id = \(house.ledger)")
            #expect(try await state(house, "live") == "new")
            for _ in 0 ..< 2 { #expect(try await state(house, "paused") == "paused") }
            #expect(try await house.count("SELECT count(*) FROM app.connections WHERE tenant_id = \(house.tenant) AND id = \(house.ledger) AND state_reason = 'it belongs to acme'") == 1)
            #expect(try await state(house, "live") == "new")
            for other in ["'dead'", "'new', credential = NULL"] {
                try await house.owner.query("UPDATE app.connections SET state = \(unsafe: other) WHERE tenant_id = \(house.tenant) AND id = \(house.ledger)")
                #expect(try await state(house, "paused") != "paused", "\(other)")
            }
        }
    }

    private func facts(_ house: House) async throws -> [String] {
        try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.map(\.key).filter { !$0.hasPrefix("lag/") }.sorted()
    }

    @Test("a platform that is away stays so for a credential that can't be looked at meanwhile, however long that takes; of a connection that never worked it is not told") func downWhileNew() async throws {
        try await House.with { house async throws in
            try await house.owner.query("UPDATE app.connections SET identity = '{}' WHERE id = \(house.ledger)")
            try await house.worker.setDown(house.tenant, house.ledger, reason: "no answer")
            _ = try await give(house, [5])
            try await house.owner.query("UPDATE app.connections SET updated_at = updated_at - interval '2 hours'")
            #expect(try await facts(house) == ["credential/\(house.ledger)", "down/\(house.ledger)"])
            try await house.owner.query("UPDATE app.connections SET identity = NULL")
            #expect(try await facts(house) == ["credential/\(house.ledger)"])
        }
    }

    @Test("an account that is not the connection's ends what goes on there, once and with its alert, which stands until another credential is identified; what the platform's state was before is no news meanwhile")
    func refused() async throws {
        try await House.with { house async throws in
            let wrong = AlertRow(key: AlertKey.credential(house.ledger), severity: .critical, cause: "it belongs to acme", remedy: "Connect the right one.")
            func refuse(_ given: Int) async throws { try await house.worker.refuseIdentity(house.tenant, house.ledger, given: given, alert: wrong, fault: Array("{}".utf8)) }
            func facts() async throws -> [String] { try await self.facts(house) }
            try await house.owner.query("UPDATE app.connections SET identity = '{}' WHERE id = \(house.ledger)")
            try await house.worker.setDown(house.tenant, house.ledger, reason: "no answer")
            #expect(try await facts() == ["down/\(house.ledger)"])
            _ = try await give(house, [5])
            #expect(try await facts() == ["credential/\(house.ledger)", "down/\(house.ledger)"])
            try await refuse(0)
            #expect(try await house.count("SELECT count(*) FROM app.alerts") == 0, "there is another credential by now")
            for _ in 0 ..< 2 { try await refuse(1) }
            #expect(try await now(house).state == "new")
            #expect(try await trail(house, "connection.refused") == 1)
            #expect(try await house.count("SELECT hits::bigint FROM app.alerts WHERE state = 'open' AND severity = 'critical'") == 2)
            #expect(try await facts().contains("credential/\(house.ledger)"), "what is surveyed keeps it open")
            try await house.worker.setDown(house.tenant, house.ledger, reason: nil)
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, Array("{}".utf8), given: 1))
            #expect(try await facts().isEmpty)
            // On a live one it ends what goes on; a pause stays, and so does what is told of it.
            try await refuse(1)
            #expect(try await now(house).state == "new")
            #expect(try await house.worker.saveIdentity(house.tenant, house.ledger, Array("{}".utf8), given: 1))
            _ = try await state(house, "paused")
            try await refuse(1)
            #expect(try await now(house).state == "paused")
            #expect(try await facts() == ["credential/\(house.ledger)"])
            #expect(try await state(house, "live") == "new")
        }
    }

    @Test("what the control plane shows of a connection holds no credential and no secret") func shown() async throws {
        try await Street.with { house async throws in
            let secret = Array("hush-hush".utf8)
            _ = try await house.supervisor.pool.batch([
                AdminConnectionStatements.putCredential(house.tenant, house.ledger, sealed: secret),
                AdminConnectionStatements.putWebhookSecret(house.tenant, house.ledger, sealed: secret),
            ])
            let row = try #require(try await house.supervisor.adminConnection(house.ledger, .all))
            let text = String(decoding: row.json, as: UTF8.self)
            #expect(text.contains(#""webhook_secret" : {"present" : true}"#))
            #expect(!text.contains("hush") && !text.contains(secret.hexText))
            #expect(try await house.supervisor.intake(house.ledger)?.webhookSecret == secret)
        }
    }

    @Test("a state changes once, with its audit row, and a connection without a credential never goes live") func states() async throws {
        try await Street.with { house async throws in
            for _ in 0 ..< 2 { try await house.worker.setConnectionState(house.tenant, house.ledger, state: "dead", reason: "r", actor: "worker") }
            #expect(try await trail(house, "connection.dead") == 1)
            try await house.worker.saveIdentity(house.tenant, house.ledger, Array(#"{"name": "Books"}"#.utf8), given: 0)
            #expect(try await now(house).state == "live")
            try await house.worker.setConnectionState(house.tenant, house.ledger, state: "paused", reason: nil, actor: "worker")
            try await house.worker.saveIdentity(house.tenant, house.ledger, Array(#"{"name": "Books"}"#.utf8), given: 0)
            #expect(try await now(house).state == "paused", "a person's pause is a person's to end")
            try await house.owner.query("UPDATE app.connections SET credential = NULL WHERE tenant_id = \(house.tenant) AND id = \(house.ledger)")
            #expect(await faultCode {
                try await house.worker.setConnectionState(house.tenant, house.ledger, state: "live", reason: nil, actor: "worker")
            } == "check_violation")
            #expect(try await trail(house, "connection.live") == 0)
        }
    }

    @Test("a watermark never goes back, and a sweep without news keeps it") func watermark() async throws {
        try await Street.with { house async throws in
            let noon = Timestamp(seconds: 1_790_000_000)
            for step in [nil, noon, noon - .seconds(60), nil] as [Timestamp?] {
                try await house.worker.saveWatermark(house.tenant, house.source, step)
            }
            #expect(try await house.worker.connection(house.tenant, house.source)?.watermark == noon)
            try await house.worker.saveWatermark(house.tenant, house.source, noon + .seconds(1))
            #expect(try await house.worker.connection(house.tenant, house.source)?.watermark == noon + .seconds(1))
        }
    }
}
