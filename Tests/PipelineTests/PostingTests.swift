import Books
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

@Suite("The posting protocol") struct PostingTests {
    @Test("a sale is posted once, confirmed and reconciled, and coming again changes nothing") func once() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment())
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(desk.books.entries.map(\.subject) == ["O-1", "P-1"])
            try await desk.run(sale(version: 2), payment(version: 2))
            #expect(desk.books.writes.count == 2)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a time-out after send is looked up, not sent again") func answerLost() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseAnswer)
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            try await desk.later()
            #expect(desk.books.writes.count == 1)
            #expect(desk.books.entries.count == 1)
            let row = try await desk.posting("invoice", "O-1")
            #expect(row.remoteID == "D1")
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.intents("O-1") == ["create posted"])
        }
    }

    @Test("what is looked for says since when it can be there: not before its send, and not after") func lookedForSince() async throws {
        try await Desk.with { desk in
            let began = SystemClocks().now().seconds
            desk.books.script(.loseRequest)
            try await desk.arrive(sale())
            try await desk.work()
            try await desk.later()
            try await desk.muchLater()
            let ended = SystemClocks().now().seconds
            let sinces = desk.books.state.with { $0.sinces }
            #expect(sinces.count >= 2 && sinces.allSatisfy { $0.map { $0 <= ended } ?? false })
            #expect(sinces.first.flatMap { $0 }.map { $0 >= began - 1 } ?? false)
            // An hour was put between send and search, by the database's clock.
            #expect(sinces.last.flatMap { $0 }.map { $0 <= ended - 3_600 } ?? false)
        }
    }

    @Test("not found proves nothing until a search can be believed, then it is sent again") func requestLost() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseRequest)
            try await desk.arrive(sale())
            try await desk.work()
            try await desk.later()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            #expect(desk.books.writes.count == 1)
            try await desk.muchLater()
            #expect(desk.books.writes.count == 2)
            #expect(desk.books.entries.count == 1)
            #expect(try await desk.intents("O-1") == ["create not_sent", "create posted"])
        }
    }

    @Test("a document that was created and never posted is gone on with by its id long before a search for nothing can be believed") func unfinished() async throws {
        try await Desk.with(ledger: ScriptedLedger(settles: .seconds(86_400))) { desk in
            desk.books.script(.leaveDraft)
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            try await desk.muchLater()
            try await desk.later()
            #expect(desk.books.entries.map { "\($0.id) \($0.voided)" } == ["D1 false"])
            #expect(desk.books.requests.filter { $0.hasPrefix("POST") } == ["POST /create", "POST /update"])
            #expect(try await desk.intents("O-1") == ["create not_sent", "update posted"])
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("a crash between intent and send is looked up by the next worker, and by the same one") func crash() async throws {
        for earlier in [0, 1] as [Int64] {
            try await Desk.with { desk in
                try await desk.arrive(sale())
                try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'")
                try await desk.work()
                try await desk.house.owner.batch([
                    """
                    INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, written_at)
                    SELECT tenant_id, post_key, 1, 'create', 'gone', 'x', \(desk.lease.epoch - earlier), now() - interval '1 hour' FROM app.postings
                    """,
                    "UPDATE app.postings SET state = 'posting'", "UPDATE app.connections SET state = 'live' WHERE slug = 'books'",
                ])
                try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
                try await desk.work()
                #expect(try await desk.intents("O-1") == ["create not_sent", "create posted"])
                #expect(desk.books.requests.firstIndex(of: "GET /find") ?? 99 < desk.books.requests.firstIndex(of: "POST /create") ?? -1)
                #expect(desk.books.entries.count == 1)
            }
        }
    }

    @Test("a crash after send before the commit of its outcome is looked up and not doubled") func crashAfter() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.work()
            try await desk.house.owner.batch([
                "UPDATE app.intents SET state = 'open', settled_at = NULL, remote_id = NULL, written_at = now() - interval '1 hour'",
                "UPDATE app.postings SET state = 'posting', remote_id = NULL, posted_at = NULL, confirmed_at = NULL, sent = NULL",
            ])
            try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
            try await desk.later()
            #expect(desk.books.entries.count == 1)
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.posting("invoice", "O-1").remoteID == "D1")
        }
    }

    @Test("a number that is taken leads to a search: ours is a success") func duplicateOurs() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseAnswer)
            try await desk.arrive(sale())
            try await desk.work()
            // The search sees nothing for an hour, so it is sent again; the ledger says it has the number.
            desk.books.state.with { $0.visible = false }
            try await desk.muchLater()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            desk.books.state.with { $0.visible = true }
            try await desk.later()
            #expect(desk.books.entries.count == 1)
            #expect(try await desk.posting("invoice", "O-1").remoteID == "D1")
        }
    }

    @Test("a number that somebody else's document has is rejected by name, not tried for ever") func duplicateTheirs() async throws {
        try await Desk.with { desk in
            desk.books.script(.answer(409))
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            try await desk.muchLater()
            #expect(try await desk.states() == ["invoice O-1": "rejected"])
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.alerts().contains("rejected/\(desk.house.flow)/number_taken"))
            // Released it is the same send, refused as long as the number is taken.
            let key = try await desk.posting("invoice", "O-1").key
            for (sends, isTaken) in [(2, true), (3, false)] {
                if isTaken { desk.books.script(.answer(409)) }
                try await desk.order(.release, key)
                for _ in 0 ..< 2 { try await desk.muchLater() }
                #expect(try await desk.states() == ["invoice O-1": isTaken ? "rejected" : "reconciled"])
                #expect(desk.books.writes.count == sends && desk.books.entries.count == (isTaken ? 0 : 1))
                #expect(try await desk.posting("invoice", "O-1").revision == 1)
            }
        }
    }

    @Test("a number that is taken and released is refused again and looked for: what is there after all is ours, and stands once") func takenByOurs() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseAnswer)
            try await desk.arrive(sale())
            try await desk.work()
            desk.books.state.with { $0.visible = false }
            for _ in 0 ..< 2 { try await desk.muchLater() }
            #expect(try await desk.states() == ["invoice O-1": "rejected"])
            let writes = desk.books.writes.count
            desk.books.state.with { $0.visible = true }
            try await desk.order(.release, try await desk.posting("invoice", "O-1").key)
            for _ in 0 ..< 2 { try await desk.muchLater() }
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(desk.books.writes.count == writes + 1 && desk.books.entries.count == 1)
            #expect(try await desk.posting("invoice", "O-1").remoteID == "D1")
        }
    }

    @Test("throttled goes back to the queue with the platform's wait, and nothing more is sent meanwhile") func throttled() async throws {
        try await Desk.with(ledger: ScriptedLedger(batch: 1)) { desk in
            desk.books.script(.answer(429, retryAfter: 60))
            try await desk.arrive(sale())
            try await desk.arrive(sale("O-2"))
            try await desk.work()
            #expect(desk.books.writes == [["O-1"]] || desk.books.writes == [["O-2"]])
            #expect(Set(try await desk.states().values) == ["cleared"])
            let wait = try await desk.house.count("SELECT (extract(epoch FROM max(next_attempt_at) - clock_timestamp()))::bigint FROM app.postings")
            #expect((50 ... 60).contains(wait))
            #expect(try await desk.house.count("SELECT count(*) FROM app.intents WHERE state = 'not_sent'") == 1)
            try await desk.later()
            #expect(desk.books.entries.count == 2)
        }
    }

    @Test("a rejected document leaves the rest of its batch posted") func rejectedAlone() async throws {
        try await Desk.with { desk in
            desk.books.always(.reject(["O-2"]))
            for order in ["O-1", "O-2", "O-3"] { try await desk.arrive(sale(order)) }
            try await desk.work()
            try await desk.later()
            #expect(desk.books.writes.first?.count == 3)
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "invoice O-2": "rejected", "invoice O-3": "reconciled"])
            #expect(try await desk.alerts().contains("rejected/\(desk.house.flow)/refused"))
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a batch that is refused as a whole is tried in fifths, then one by one, and only the bad one stays out") func batchRefused() async throws {
        try await Desk.with { desk in
            let orders = (1 ... 10).map { "O-\($0)" }
            desk.books.always(.refuseBatch(["O-7"]))
            for order in orders { try await desk.arrive(sale(order)) }
            try await desk.work()
            try await desk.later()
            #expect(desk.books.writes.map(\.count) == [10, 2, 2, 2, 2, 2, 1, 1])
            let states = try await desk.states()
            for order in orders { #expect(states["invoice \(order)"] == (order == "O-7" ? "rejected" : "reconciled")) }
        }
    }

    @Test("a call that was turned away at the door leaves its documents together") func turnedAway() async throws {
        try await Desk.with { desk in
            desk.books.script(.answer(429, retryAfter: 60), .answer(429, retryAfter: 60))
            for order in ["O-1", "O-2", "O-3"] { try await desk.arrive(sale(order)) }
            try await desk.work()
            try await desk.later()
            try await desk.later()
            #expect(desk.books.writes.map(\.count) == [3, 3, 3])
            #expect(desk.books.entries.count == 3)
        }
    }

    @Test("what the ledger refuses for a reason that was read while it was on its way is held for that reason") func explained() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'")
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            desk.books.state.with { $0.accounts = [("4000", false)] }
            desk.books.always(.reject(["O-1"]))
            try await desk.house.owner.batch([
                "UPDATE app.ledger_charts SET accounts = replace(accounts::text, 'true', 'false')::jsonb",
                "UPDATE app.connections SET state = 'live' WHERE slug = 'books'",
            ])
            try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
            try await desk.work()
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.states() == ["invoice O-1": "held"])
            #expect(try await desk.checks("invoice", "O-1").contains("inactive_account"))
        }
    }

    @Test("a lease that ended writes no intent and sends nothing") func leaseLost() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.house.owner.query("UPDATE app.leases SET epoch = epoch + 1")
            try await desk.work()
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.intents") == 0)
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
        }
    }

    @Test("past the lease's deadline nothing is sent, though the intent is there") func deadline() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.house.worker.ask(desk.house.tenant, [Job(.chart, desk.house.ledger.description, lane: .interactive)])
            try await desk.work()
            try await desk.arrive(sale("O-2"))
            let before = desk.books.requests.filter { $0.hasPrefix("POST") }.count
            desk.ends.with { $0 = SystemClocks().monotonic() + .seconds(Limits.requestSeconds - 1) }
            try await desk.work()
            #expect(desk.books.requests.filter { $0.hasPrefix("POST") }.count == before)
            #expect(try await desk.intents("O-2") == ["create not_sent"])
            #expect(try await desk.states()["invoice O-2"] == "cleared")
        }
    }

    @Test("a platform that can't be searched parks an unknown outcome for a person") func parked() async throws {
        try await Desk.with(ledger: ScriptedLedger(searchable: false)) { desk in
            desk.books.script(.loseAnswer)
            try await desk.arrive(sale())
            try await desk.work()
            try await desk.muchLater()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.alerts().contains("unknown/\(desk.house.flow)"))
        }
    }

    @Test("a late word on an earlier send settles nothing") func lateWord() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseRequest)
            try await desk.arrive(sale())
            try await desk.work()
            let key = try await desk.posting("invoice", "O-1").key
            let late = Settlement(key: key, attempt: "another", outcome: .posted, remoteID: "D9")
            let entry = AuditEntry(actor: "worker", action: "posting.posted", subject: "posting \(key)")
            try await desk.house.worker.settle(desk.house.tenant, [late], jobs: [], audit: [key: entry])
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'posting.posted'") == 0)
        }
    }

    @Test("a party that the ledger refuses stops its own document only, by name") func badParty() async throws {
        try await Desk.with(policies: [("customer", "per_customer")]) { desk in
            desk.books.state.with { $0.refusedReferences = ["mallory"] }
            var bad = sale("O-2")
            if case .sale(var body) = bad.body {
                body.customer = "mallory"
                bad.body = .sale(body)
            }
            try await desk.run(sale(), bad)
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "invoice O-2": "held"])
            #expect(try await desk.checks("invoice", "O-2") == ["reference_refused"])
        }
    }
}
