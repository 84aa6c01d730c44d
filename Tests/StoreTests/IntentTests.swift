import Books
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

extension House {
    /// A posting in this state, with the little that its table wants of it; the ledger has it when `remote` says so.
    func posting(_ state: String, remote: String? = nil, appliesTo: PostKey? = nil, form: String = "invoice") async throws -> PostKey {
        let key = PostKey(String(SystemRandom().bytes(8).hexText))
        guard let key else { throw Fault("key", stage: .database, disposition: .bug, summary: "hexadecimal digits are of a key's alphabet") }
        let fault: PostgresJSON? = ["unknown", "rejected"].contains(state) ? PostgresJSON(json) : nil
        try await owner.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference,
              ledger_date, currency, total_minor, remote_id, posted_at, fault, findings, applies_to)
            VALUES (\(tenant), \(key.text), \(flow), \(ledger), 'O-1', 'O-1', \(form), 'post', \(state), '{"n": 1}', 'x', 'r', '2026-11-02', 'USD', 1, \(remote),
              CASE WHEN \(remote)::text IS NOT NULL THEN now() END, \(fault), '[{}]', \(appliesTo?.text))
            """)
        return key
    }

    /// `state remote attempts sent?` of a posting.
    func look(_ key: PostKey) async throws -> String? {
        try await text("""
            SELECT state || ' ' || coalesce(remote_id, '-') || ' ' || attempts || CASE WHEN sent IS NOT NULL THEN ' sent' ELSE '' END
            FROM app.postings WHERE tenant_id = \(tenant) AND post_key = \(key.text)
            """)
    }

    /// `attempt state remote` of a posting's intents, oldest first.
    func sends(_ key: PostKey) async throws -> [String] {
        try await texts("""
            SELECT attempt || ' ' || state || ' ' || coalesce(remote_id, '-') FROM app.intents
            WHERE tenant_id = \(tenant) AND post_key = \(key.text) ORDER BY id
            """)
    }
}

private let json = Array(#"{"code": "x"}"#.utf8)

@Suite("Intents", .serialized, .timeLimit(.minutes(2))) struct IntentTests {
    private func intent(_ key: PostKey, _ attempt: String = "a") -> NewIntent {
        NewIntent(key: key, revision: 1, action: .create, attempt: attempt, requestDigest: [1])
    }

    /// A posting whose send `a` is under way.
    private func sent(_ house: House, _ lease: Lease) async throws -> PostKey {
        let key = try await house.posting("cleared")
        try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent(key)], audit: [])
        return key
    }

    private func settle(_ house: House, _ row: Settlement) async throws {
        let entry = AuditEntry(actor: "worker", action: "posting.settled", subject: "posting \(row.key)")
        try await house.worker.settle(house.tenant, [row], jobs: [], audit: [row.key: entry])
    }

    private func trail(_ house: House, _ key: PostKey) async throws -> Int {
        try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant) AND subject = \("posting \(key)")")
    }

    @Test("an intent is written under a live lease of the worker's own epoch, or not at all") func epoch() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared")
            func write(_ epoch: Int64) async -> String? {
                await faultCode { try await house.worker.writeIntents(house.tenant, epoch: epoch, [intent(key)], audit: [AuditEntry(actor: "worker", action: "a", subject: "s")]) }
            }
            #expect(await write(1) == "lease_lost", "there is no lease at all")
            let lease = try await house.lease()
            for epoch in [lease.epoch - 1, lease.epoch + 1] { #expect(await write(epoch) == "lease_lost") }
            try await house.owner.query("UPDATE app.leases SET expires_at = clock_timestamp() WHERE tenant_id = \(house.tenant)")
            #expect(await write(lease.epoch) == "lease_lost", "ended")
            _ = try await house.supervisor.release(lease, holder: "test", served: .zero, crashed: false)
            try await house.owner.query("UPDATE app.leases SET expires_at = now() + interval '1 hour' WHERE tenant_id = \(house.tenant)")
            #expect(await write(lease.epoch) == "lease_lost", "given back")
            let next = try await house.lease()
            #expect(await write(lease.epoch) == "lease_lost", "the next worker's epoch")
            #expect(try await house.sends(key) == [])
            #expect(try await house.look(key) == "cleared - 0")
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)") == 0)
            #expect(await write(next.epoch) == nil)
            #expect(try await house.sends(key) == ["a open -"])
            #expect(try await house.look(key) == "posting - 1")
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)") == 1)
        }
    }

    @Test("intents are written all or none: one posting that moved keeps the others from being sent", arguments: ["mapped", "held", "posting", "posted", "manual", "superseded"])
    func allOrNone(state: String) async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let ready = try await house.posting("cleared")
            let moved = try await house.posting(state, remote: state == "posted" ? "1" : nil)
            #expect(await faultCode {
                try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent(ready), intent(moved)], audit: [])
            } == "posting_moved")
            #expect(try await house.sends(ready) == [])
            #expect(try await house.look(ready) == "cleared - 0")
        }
    }

    @Test("a posting has one open send at a time, whoever writes and however many at once") func single() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let key = try await house.posting("cleared")
            let (worker, tenant) = (house.worker, house.tenant)
            let codes = try await sideBySide(6) { n in
                await faultCode {
                    try await worker.writeIntents(
                        tenant, epoch: lease.epoch, [NewIntent(key: key, revision: 1, action: .create, attempt: "a\(n)", requestDigest: [1])], audit: [])
                }
            }
            #expect(codes.count { $0 == nil } == 1)
            #expect(try await house.sends(key).count == 1)
            // Even where the posting's state would allow it, and even for the superuser.
            for state in ["open", "unknown"] {
                try await house.owner.batch([
                    "UPDATE app.postings SET state = 'cleared' WHERE tenant_id = \(tenant) AND post_key = \(key.text)",
                    "UPDATE app.intents SET state = \(state) WHERE tenant_id = \(tenant) AND post_key = \(key.text)",
                ])
                #expect(await faultCode { try await worker.writeIntents(tenant, epoch: lease.epoch, [intent(key, "b")], audit: []) } == "unique_violation")
                #expect(await faultCode {
                    try await house.owner.query("""
                        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state)
                        VALUES (\(tenant), \(key.text), 2, 'create', 'c', '', 1, 'unknown')
                        """)
                } == "unique_violation")
            }
        }
    }

    @Test("each outcome moves the send and its posting together, first known or after a doubt", arguments: [false, true]) func outcomes(doubted: Bool) async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let table: [(outcome: Settlement.Outcome, intent: String, posting: String)] = [
                (.posted, "a posted 77", "posted 77 0 sent"), (.rejected, "a rejected -", "rejected - 1"), (.unknown, "a unknown -", "unknown - 1"),
                (.notSent, "a not_sent -", "cleared - 1"),
            ]
            for (outcome, intent, posting) in table {
                let key = try await sent(house, lease)
                if doubted { try await settle(house, Settlement(key: key, attempt: "a", outcome: .unknown, evidence: json)) }
                let remote = outcome == .posted ? "77" : nil
                try await settle(house, Settlement(key: key, attempt: "a", outcome: outcome, remoteID: remote, evidence: json, again: .seconds(600)))
                #expect(try await house.sends(key) == [intent])
                #expect(try await house.look(key) == posting)
                #expect(try await trail(house, key) == (doubted ? 2 : 1))
                let settled = "settled_at IS NOT NULL", faulty = "fault IS NOT NULL"
                #expect(try await house.count("SELECT count(*) FROM app.intents WHERE post_key = \(key.text) AND \(unsafe: settled)") == (outcome == .unknown ? 0 : 1))
                #expect(try await house.count("SELECT count(*) FROM app.postings WHERE post_key = \(key.text) AND \(unsafe: faulty)") == (outcome == .posted ? 0 : 1))
                #expect(try await house.count("SELECT count(*) FROM app.postings WHERE post_key = \(key.text) AND next_attempt_at > now() + interval '500 seconds'") == 1)
            }
        }
    }

    @Test("what is settled stays so: a second word changes nothing, and leaves no trail", arguments: [Settlement.Outcome.posted, .rejected, .notSent])
    func once(outcome: Settlement.Outcome) async throws {
        try await Street.with { house async throws in
            let key = try await sent(house, try await house.lease())
            try await settle(house, Settlement(key: key, attempt: "a", outcome: outcome, remoteID: outcome == .posted ? "77" : nil, evidence: json))
            let (posting, sends) = (try await house.look(key), try await house.sends(key))
            for late in [Settlement.Outcome.posted, .rejected, .unknown, .notSent] {
                try await settle(house, Settlement(key: key, attempt: "a", outcome: late, remoteID: "88", evidence: json))
            }
            #expect(try await house.look(key) == posting)
            #expect(try await house.sends(key) == sends)
            #expect(try await trail(house, key) == 1)
        }
    }

    @Test("a late word on an earlier send settles nothing of the present one") func late() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let key = try await sent(house, lease)
            try await settle(house, Settlement(key: key, attempt: "a", outcome: .notSent, evidence: json))
            try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent(key, "b")], audit: [])
            for late in [Settlement.Outcome.posted, .rejected, .unknown, .notSent] {
                try await settle(house, Settlement(key: key, attempt: "a", outcome: late, remoteID: "88", evidence: json))
            }
            try await settle(house, Settlement(key: key, attempt: "never made", outcome: .posted, remoteID: "88"))
            #expect(try await house.sends(key) == ["a not_sent -", "b open -"])
            #expect(try await house.look(key) == "posting - 2")
            #expect(try await trail(house, key) == 1)
            try await settle(house, Settlement(key: key, attempt: "b", outcome: .posted, remoteID: "99"))
            #expect(try await house.look(key) == "posted 99 0 sent")
        }
    }

    @Test("words about many sends at once and side by side: each posting moves once") func crowd() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            var keys: [PostKey] = []
            for _ in 0 ..< 6 { keys.append(try await house.posting("cleared")) }
            let (worker, tenant, all) = (house.worker, house.tenant, keys)
            try await worker.writeIntents(tenant, epoch: lease.epoch, all.map { intent($0) }, audit: [])
            let audit = Dictionary(uniqueKeysWithValues: all.map { ($0, AuditEntry(actor: "worker", action: "posting.posted", subject: "posting \($0)")) })
            let codes = try await sideBySide(6) { n in
                let rows = (n % 2 == 0 ? all : all.reversed()).map { Settlement(key: $0, attempt: "a", outcome: .posted, remoteID: "\(n)") }
                return await faultCode { try await worker.settle(tenant, rows, jobs: [], audit: audit) }
            }
            // Opposite orders may meet in a deadlock, which the server ends: whoever loses may try again.
            #expect(codes.allSatisfy { $0 == nil || $0 == "serialization" })
            for key in all {
                #expect(try await house.look(key)?.hasPrefix("posted ") == true)
                #expect(try await trail(house, key) == 1)
            }
        }
    }

    @Test("outcomes are committed with what follows from them, or not at all") func together() async throws {
        try await Street.with { house async throws in
            let key = try await sent(house, try await house.lease())
            let row = Settlement(key: key, attempt: "a", outcome: .posted, remoteID: "77")
            let torn = AuditEntry(actor: "worker", action: "a", subject: "s", detail: Array("{".utf8))
            #expect(await faultCode { try await house.worker.settle(house.tenant, [row], jobs: [Job(.confirm, "f", lane: .webhook)], audit: [key: torn]) } != nil)
            #expect(try await house.look(key) == "posting - 1")
            #expect(try await house.worker.nextDue(house.tenant) == nil)
            let alert = AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")
            try await house.worker.settle(house.tenant, [row], jobs: [Job(.confirm, "f", lane: .webhook)], audit: [:], alerts: [alert])
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).map(\.kind) == [.confirm])
            #expect(try await house.count("SELECT hits FROM app.alerts WHERE tenant_id = \(house.tenant)") == 1)
        }
    }

    @Test("what settles a rejected document is checked again before it is sent") func dependants() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let invoice = try await sent(house, lease)
            let payment = try await house.posting("cleared", appliesTo: invoice, form: "payment")
            let gone = try await house.posting("posted", remote: "5", appliesTo: invoice, form: "payment")
            try await settle(house, Settlement(key: invoice, attempt: "a", outcome: .rejected, evidence: json))
            #expect(try await house.look(payment) == "mapped - 0")
            #expect(try await house.look(gone) == "posted 5 0")
        }
    }

    @Test("sends of earlier leases that nobody settled become unknown, those of this lease do not") func orphans() async throws {
        try await Street.with { house async throws in
            let first = try await house.lease()
            let old = try await sent(house, first)
            #expect(try await house.worker.orphanIntents(house.tenant, epoch: first.epoch) == 0)
            _ = try await house.supervisor.release(first, holder: "test", served: .zero, crashed: false)
            let second = try await house.lease()
            let new = try await sent(house, second)
            #expect(try await house.worker.orphanIntents(house.tenant, epoch: second.epoch) == 1)
            #expect(try await house.worker.orphanIntents(house.tenant, epoch: second.epoch) == 0)
            #expect(try await house.sends(old) == ["a unknown -"])
            #expect(try await house.look(old) == "unknown - 1")
            #expect(try await house.look(new) == "posting - 1")
            #expect(try await trail(house, old) == 1)
            let row = try #require(try await house.worker.unsettled(house.tenant, house.flow, limit: 5).first)
            #expect(row.posting.key == old && row.attempt == "a" && row.action == .create && row.evidence != nil)
            #expect(row.age >= .zero && row.age < .seconds(100))
            try await house.worker.pool.query(PostingStatements.retryLater(house.tenant, [old], by: .seconds(600), fault: json))
            #expect(try await house.worker.unsettled(house.tenant, house.flow, limit: 5).isEmpty, "not before its time")
        }
    }
}
