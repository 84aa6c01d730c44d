import Books
import Crypto
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

extension House {
    fileprivate func batch(_ keys: [PostKey], number: Int = 1, findable: Bool = false) -> NewBatch {
        let content = Array("file \(number)\r\n".utf8)
        return NewBatch(
            id: SystemRandom().identifier(), connection: ledger, number: number, form: "journal-csv", formVersion: "generic-journal/1",
            fileName: "f-\(number).csv",
            mediaType: "text/csv", content: content, digest: Digest.sha256(content), rows: keys.count, notes: Array("[]".utf8), actor: "test",
            items: keys.map { NewBatch.Item(key: $0, revision: 1, reference: $0.text.uppercased(), currency: "USD", figureMinor: 1, findable: findable) })
    }

    fileprivate func keep(_ new: NewBatch) async throws { try await supervisor.transaction { tx throws(Fault) in try await tx.keep(tenant, new) } }

    /// Takes in hand what there is; `nil` when there is nothing.
    fileprivate func take(_ limit: Int = 100, findable: Bool = false) async throws -> BatchID? {
        try await supervisor.transaction { tx throws(Fault) -> BatchID? in
            let (rows, next) = try await tx.takeable(tenant, ledger, until: nil, limit: limit)
            if rows.isEmpty { return nil }
            let new = batch(rows.map(\.key), number: next, findable: findable)
            try await tx.keep(tenant, new)
            return new.id
        }
    }

    fileprivate func handOver(_ id: BatchID) async throws {
        try await supervisor.transaction { tx throws(Fault) in try await tx.handOver(tenant, try await tx.batch(tenant, id), actor: "test") }
    }

    fileprivate func confirm(_ id: BatchID, _ keys: [PostKey]? = nil) async throws {
        try await supervisor.transaction { tx throws(Fault) in
            let head = try await tx.batch(tenant, id), items = try await tx.inHand(tenant, head)
            try await tx.confirm(tenant, head, items, BatchWord(confirmed: keys ?? items.map(\.key)), actor: "test", detail: Array("{}".utf8))
        }
    }

    fileprivate func withdraw(_ id: BatchID) async throws {
        try await supervisor.transaction { tx throws(Fault) in
            let head = try await tx.batch(tenant, id), items = try await tx.inHand(tenant, head)
            try await tx.withdraw(
                tenant, head, items, doubted: head.state == "handed_over" ? items.filter(\.findable).map(\.key) : [], actor: "test", detail: Array("{}".utf8))
        }
    }

    fileprivate func state(_ id: BatchID) async throws -> String? { try await text("SELECT state FROM app.batches WHERE tenant_id = \(tenant) AND id = \(id)") }
}

@Suite("Batches handed over", .serialized, .timeLimit(.minutes(2))) struct BatchTests {
    private func send(_ house: House, _ lease: Lease, _ key: PostKey, _ attempt: String = "a") async throws {
        try await house.worker.writeIntents(
            house.tenant, epoch: lease.epoch, [NewIntent(key: key, revision: 1, action: .create, attempt: attempt, requestDigest: [1])], audit: [])
    }

    @Test(
        "a batch takes what is cleared and nothing else",
        arguments: ["mapped", "held", "posting", "unknown", "posted", "rejected", "manual", "superseded", "gathered"])
    func takes(state: String) async throws {
        try await Street.with { house async throws in
            let ready = try await house.posting("cleared")
            if state != "gathered" { _ = try await house.posting(state, remote: state == "posted" ? "1" : nil) }
            _ = try await house.posting("cleared", remote: "77")
            let id = try #require(try await house.take())
            #expect(try await house.texts("SELECT post_key FROM app.batch_postings WHERE tenant_id = \(house.tenant) AND batch_id = \(id)") == [ready.text])
            #expect(try await house.look(ready) == "manual - 0")
            #expect(try await house.take() == nil, "what is in hand is not taken again")
        }
    }

    @Test("what a batch has in hand is not sent, not due, not released, not held and not planned") func inHand() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let key = try await house.posting("cleared")
            let id = try #require(try await house.take())
            #expect(await faultCode { try await send(house, lease, key) } == "posting_moved")
            #expect(try await house.worker.duePostings(house.tenant, house.flow, limit: 10).isEmpty)
            for order in PostingOrder.allCases {
                let code = await faultCode {
                    try await house.supervisor.transaction { tx throws(Fault) in
                        _ = try await tx.order(order, house.tenant, key, findings: Array("[]".utf8), detail: Array("{}".utf8), actor: "test")
                    }
                }
                #expect(code == "wrong_state", "\(order)")
            }
            let code = await faultCode { try await house.owner.query("UPDATE app.postings SET state = 'cleared' WHERE post_key = \(key.text)") }
            #expect(code == "check_violation", "the table itself refuses")
            try await house.handOver(id)
            #expect(await faultCode { try await send(house, lease, key) } == "posting_moved")
            #expect(try await house.sends(key) == [])
        }
    }

    @Test("what is being sent is in no batch, and a batch of what began to be sent meanwhile is not kept") func sending() async throws {
        try await Street.with { house async throws in
            let lease = try await house.lease()
            let key = try await house.posting("cleared")
            try await send(house, lease, key)
            #expect(try await house.take() == nil)
            #expect(await faultCode { try await house.keep(house.batch([key])) } == "posting_moved")
            #expect(try await house.count("SELECT count(*) FROM app.batches WHERE tenant_id = \(house.tenant)") == 0)
        }
    }

    @Test("a file never changes, what was handed over stays so, and what is settled stays settled") func kept() async throws {
        try await Street.with { house async throws in
            _ = try await house.posting("cleared")
            let id = try #require(try await house.take())
            func code(_ sql: SQL) async -> String? { await faultCode { try await house.owner.query(sql) } }
            #expect(await code("UPDATE app.batches SET content = 'other', digest = sha256('other') WHERE id = \(id)") != nil)
            #expect(await code("UPDATE app.batches SET digest = 'x' WHERE id = \(id)") != nil)
            #expect(await code("UPDATE app.batches SET number = 9 WHERE id = \(id)") != nil)
            try await house.handOver(id)
            #expect(await code("UPDATE app.batches SET state = 'open', handed_over_at = NULL WHERE id = \(id)") != nil)
            try await house.confirm(id)
            #expect(await code("UPDATE app.batches SET state = 'withdrawn' WHERE id = \(id)") != nil)
            #expect(await faultCode { try await house.withdraw(id) } == "wrong_state")
            #expect(await faultCode { try await house.handOver(id) } == "wrong_state")
            let before = try await house.texts("SELECT to_jsonb(p)::text FROM app.postings p WHERE p.tenant_id = \(house.tenant)")
            let rows = try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)")
            try await house.confirm(id)
            #expect(try await house.texts("SELECT to_jsonb(p)::text FROM app.postings p WHERE p.tenant_id = \(house.tenant)") == before)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant)") == rows, "confirmed twice, nothing changes")
            #expect(await faultCode { try await house.supervisor.pool.query("DELETE FROM app.batches WHERE id = \(id)") } != nil)
        }
    }

    @Test("only what was handed over is confirmed; it then stands there by hand, and nothing sends its changes or what settles it")
    func confirmed() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared")
            let id = try #require(try await house.take())
            #expect(await faultCode { try await house.confirm(id) } == "wrong_state")
            try await house.handOver(id)
            try await house.confirm(id)
            #expect(try await house.state(id) == "confirmed")
            #expect(try await house.look(key) == "confirmed \(key.text.uppercased()) 0 sent")
            let payment = try await house.posting("cleared", appliesTo: key, form: "payment")
            try await house.owner.query("UPDATE app.postings SET state = 'cleared' WHERE tenant_id = \(house.tenant) AND post_key = \(key.text)")
            #expect(try await house.worker.duePostings(house.tenant, house.flow, limit: 10).isEmpty)
            let next = try #require(try await house.take())
            let taken = try await house.texts("SELECT post_key FROM app.batch_postings WHERE tenant_id = \(house.tenant) AND batch_id = \(next)")
            #expect(Set(taken) == [key.text, payment.text], "changes and settlements go by hand too")
        }
    }

    @Test("one part confirmed, the rest withdrawn: the rest is planned anew, and the batch is confirmed") func partly() async throws {
        try await Street.with { house async throws in
            let (one, two) = (try await house.posting("cleared"), try await house.posting("cleared"))
            let id = try #require(try await house.take())
            try await house.handOver(id)
            try await house.confirm(id, [one])
            #expect(try await house.state(id) == "handed_over")
            try await house.withdraw(id)
            #expect(try await house.state(id) == "confirmed")
            #expect(try await house.look(two) == "mapped - 0")
            #expect(try await house.look(one) == "confirmed \(one.text.uppercased()) 0 sent")
        }
    }

    @Test("what is withdrawn after it was handed over is looked for before it is sent, where the ledger can be asked") func doubted() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared")
            let open = try #require(try await house.take(findable: true))
            try await house.withdraw(open)
            #expect(try await house.state(open) == "withdrawn")
            #expect(try await house.look(key) == "mapped - 0", "its file never left")
            try await house.owner.query("UPDATE app.postings SET state = 'cleared' WHERE post_key = \(key.text)")
            let id = try #require(try await house.take(findable: true))
            try await house.handOver(id)
            try await house.withdraw(id)
            #expect(try await house.look(key) == "unknown - 0")
            #expect(try await house.sends(key) == ["batch-\(id) unknown -"])
            let unsettled = try await house.worker.unsettled(house.tenant, house.flow, limit: 10)
            #expect(unsettled.map(\.posting.key) == [key])
            #expect(try await house.take() == nil, "nothing hands over what may be there")
        }
    }

    @Test("what the ledger's API shows goes on as posted, once") func found() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared")
            let id = try #require(try await house.take(findable: true))
            #expect(try await house.worker.handedOver(house.tenant, house.ledger, after: "", limit: 10).isEmpty, "not handed over yet")
            try await house.handOver(id)
            #expect(try await house.worker.handedOver(house.tenant, house.ledger, after: "", limit: 10).map(\.key) == [key])
            for _ in 0 ..< 2 { try await house.worker.settleFound(house.tenant, id, [(key, "42", "1")]) }
            #expect(try await house.look(key) == "posted 42 0 sent")
            #expect(try await house.state(id) == "confirmed")
            #expect(try await house.worker.handedOver(house.tenant, house.ledger, after: "", limit: 10).isEmpty)
        }
    }

    @Test("batches that are made side by side share no posting and no number") func sideBySideBatches() async throws {
        try await Street.with { house async throws in
            for _ in 0 ..< 12 { _ = try await house.posting("cleared") }
            let made = try await sideBySide(6) { _ in try await house.take(3) }
            #expect(made.compactMap(\.self).count >= 4)
            #expect(try await house.count("SELECT count(*) FROM app.batch_postings WHERE tenant_id = \(house.tenant)") == 12)
            #expect(try await house.count("SELECT count(DISTINCT post_key) FROM app.batch_postings WHERE tenant_id = \(house.tenant)") == 12)
        }
    }

    @Test("what is in hand takes no plan, is not superseded and not given another state by any statement of the pipeline") func pipeline() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared"), t = house.tenant
            let id = try #require(try await house.take())
            try await house.handOver(id)
            let before = try await house.texts("SELECT to_jsonb(p)::text FROM app.postings p WHERE p.tenant_id = \(t)")
            let findings = Array("[]".utf8)
            let statements: [SQL] = [
                PostingStatements.supersede(t, [(key, "O-1")]), PostingStatements.clear(t, [(key, findings, false)]), PostingStatements.confirmed(t, [(key, nil, nil)]),
                PostingStatements.hold(t, key, findings: findings), PostingStatements.retryLater(t, [key], by: .seconds(1), fault: nil),
                PostingStatements.recheckDependants(t, [key]), PostingStatements.differs(t, key, findings: findings, fault: Array("{}".utf8), shown: nil),
                MemberStatements.gather(t, [(key, key)]),
            ]
            for statement in statements { _ = try await house.worker.pool.query(statement) }
            #expect(try await house.texts("SELECT to_jsonb(p)::text FROM app.postings p WHERE p.tenant_id = \(t)") == before)
        }
    }

    @Test("another tenant's worker sees no batch") func isolation() async throws {
        try await Street.with { house async throws in
            _ = try await house.posting("cleared")
            _ = try #require(try await house.take())
            try await Street.with { other async throws in
                #expect(try await other.worker.pool.query("SELECT id FROM app.batches").isEmpty)
                #expect(try await other.worker.pool.query("SELECT post_key FROM app.batch_postings").isEmpty)
            }
            #expect(await faultCode { try await house.worker.pool.query("UPDATE app.batches SET content = 'x'") } != nil)
            #expect(await faultCode { try await house.worker.pool.query("INSERT INTO app.batches DEFAULT VALUES") } != nil)
        }
    }
}

@Suite("Batches, whatever happens", .serialized, .timeLimit(.minutes(3))) struct BatchPropertyTests {
    /// Never: a posting in two open batches, one that is handed over and being sent, one that is handed over and may be sent.
    private func invariants(_ house: House, _ seed: UInt64, _ step: Int) async throws {
        let t = house.tenant
        let twice = try await house.count("""
            SELECT count(*) FROM (SELECT post_key FROM app.batch_postings WHERE tenant_id = \(t) AND state = 'in_hand' GROUP BY 1 HAVING count(*) > 1) x
            """)
        let both = try await house.count("""
            SELECT count(*) FROM app.batch_postings b JOIN app.intents i ON i.tenant_id = b.tenant_id AND i.post_key = b.post_key
            WHERE b.tenant_id = \(t) AND b.state = 'in_hand' AND i.state IN ('open', 'unknown')
            """)
        let loose = try await house.count("""
            SELECT count(*) FROM app.batch_postings b JOIN app.postings p ON p.tenant_id = b.tenant_id AND p.post_key = b.post_key
            WHERE b.tenant_id = \(t) AND (b.state = 'in_hand') <> (p.batch_id IS NOT DISTINCT FROM b.batch_id)
            """)
        let effects = try await house.count("""
            SELECT count(*) FROM (SELECT post_key FROM app.intents WHERE tenant_id = \(t) AND state = 'posted'
              UNION ALL SELECT post_key FROM app.batch_postings WHERE tenant_id = \(t) AND state = 'confirmed') x GROUP BY post_key HAVING count(*) > 1
            """)
        let ended = try await house.count("""
            SELECT count(*) FROM app.batches b WHERE tenant_id = \(t) AND (state IN ('open', 'handed_over'))
              <> EXISTS (SELECT FROM app.batch_postings i WHERE i.tenant_id = b.tenant_id AND i.batch_id = b.id AND i.state = 'in_hand')
            """)
        #expect([twice, both, loose, effects, ended] == [0, 0, 0, 0, 0], "seed \(seed), step \(step)")
    }

    @Test("no posting is ever in two open batches, or both sent and handed over", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func property(seed: UInt64) async throws {
        try await Street.with { house async throws in
            let random = SeededRandom(seed: seed), lease = try await house.lease()
            var keys: [PostKey] = []
            for _ in 0 ..< 8 { keys.append(try await house.posting("cleared")) }
            func pick(_ n: Int) -> Int { Int(random.bytes(1)[0]) % n }
            for step in 0 ..< 60 {
                let ids = try await house.texts("SELECT id::text FROM app.batches WHERE tenant_id = \(house.tenant) ORDER BY number").compactMap { BatchID($0) }
                let id = ids.isEmpty ? nil : ids[pick(ids.count)], key = keys[pick(keys.count)], findable = pick(2) == 0
                // Whatever is not allowed is refused; what is refused changes nothing.
                _ = await faultCode {
                    switch pick(9) {
                    case 0, 1: _ = try await house.take(1 + pick(4), findable: findable)
                    case 2: if let id { try await house.handOver(id) }
                    case 3: if let id { try await house.confirm(id, pick(2) == 0 ? nil : [key]) }
                    case 4: if let id { try await house.withdraw(id) }
                    case 5, 6:
                        let intent = NewIntent(key: key, revision: 1, action: .create, attempt: "s\(step)", requestDigest: [1])
                        try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent], audit: [])
                    case 7:
                        let open = try await house.texts("""
                            SELECT attempt FROM app.intents WHERE tenant_id = \(house.tenant) AND post_key = \(key.text) AND state IN ('open', 'unknown')
                            """)
                        let outcome: Settlement.Outcome = [.posted, .notSent, .unknown, .notSent][pick(4)]
                        if let attempt = open.first {
                            let row = Settlement(
                                key: key, attempt: attempt, outcome: outcome, remoteID: outcome == .posted ? "r\(step)" : nil, evidence: Array("{}".utf8))
                            try await house.worker.settle(house.tenant, [row], jobs: [], audit: [:])
                        }
                    // What is planned anew passes its checks.
                    default: try await house.owner.query("UPDATE app.postings SET state = 'cleared' WHERE tenant_id = \(house.tenant) AND state = 'mapped'")
                    }
                }
                try await invariants(house, seed, step)
            }
        }
    }
}
