import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing
import Wire

extension Desk {
    /// Asks the ledger what changed, and does what follows.
    fileprivate func askChanges() async throws {
        try await house.owner.query("UPDATE app.connections SET changes_due_at = NULL")
        try await house.worker.ask(house.tenant, [Job(.changes, house.ledger.description, lane: .poll)])
        try await work()
    }

    /// The ledger says of these that they changed.
    fileprivate func tell(_ subjects: String...) {
        books.state.with { state in
            state.told = [.init(keys: state.entries.filter { subjects.contains($0.subject) }.map { ($0.key, "\($0.version)") }, at: "2026-11-03T00:00:00Z")]
        }
    }

    /// Somebody changes an entry there.
    fileprivate func byHand(_ subject: String, _ change: @Sendable (inout ScriptedBooks.Entry) -> Void) {
        books.state.with { state in
            for i in state.entries.indices where state.entries[i].subject == subject {
                change(&state.entries[i])
                state.entries[i].version += 1
            }
        }
        tell(subject)
    }

    fileprivate func findings(_ form: String, _ subject: String) async throws -> [Finding] { try PlanCodec.findings(try await posting(form, subject).findings) }

    fileprivate var fetches: Int { books.requests.count { $0 == "GET /fetch" } }

    /// How often each that is marked was not found.
    fileprivate func looks() async throws -> [Int] {
        try await house.owner.query("SELECT looks FROM app.postings WHERE recheck_at IS NOT NULL ORDER BY post_key")
            .map { row in Int(try row.get("looks", as: Int32.self)) }
    }

    fileprivate func marked() async throws -> Int { try await house.count("SELECT count(*) FROM app.postings WHERE recheck_at IS NOT NULL") }

    fileprivate func watermark() async throws -> String? {
        try await house.owner.query("SELECT to_char(changes_watermark AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') AS w FROM app.connections WHERE id = \(house.ledger)")
            .first?.get("w")
    }
}

@Suite("What changed in the ledger") struct ChangesTests {
    @Test("an amount that somebody changed there is held with the field, both values and what to do, and nothing is sent") func changed() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), payment())
            desk.byHand("O-1") { $0.total = 12_000 }
            try await desk.askChanges()
            #expect(try await desk.states() == ["invoice O-1": "manual", "payment P-1": "reconciled"])
            let found = try await desk.findings("invoice", "O-1")
            #expect(found.map(\.check) == ["drift"])
            #expect(found.map(\.position) == ["total"])
            #expect(found.first?.why == "total: confirmed as 100.00 USD, the ledger has 120.00 USD")
            #expect(found.first?.remedy.contains("release to write ours again") == true)
            #expect(try await desk.alerts() == ["variance/\(desk.house.flow)/total"])
            try await desk.later()
            #expect(desk.books.entries.first?.total == 12_000)
            #expect(desk.books.writes.count == 2)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("taken back there and compared again it is confirmed as before; released, ours is written again") func decided() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            desk.byHand("O-1") { $0.date = "2026-11-09" }
            try await desk.askChanges()
            let key = try await desk.posting("invoice", "O-1").key
            desk.byHand("O-1") { $0.date = "2026-11-02" }
            try await desk.order(.retry, key)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(desk.books.writes.count == 1)
            desk.byHand("O-1") { $0.accounts = ["4999": -10_000] }
            try await desk.askChanges()
            #expect(try await desk.findings("invoice", "O-1").map(\.position) == ["account 4000", "account 4999"])
            try await desk.order(.release, key)
            #expect(desk.books.entries.map(\.accounts) == [["4000": -10_000]])
            #expect(try await desk.intents("O-1") == ["create posted", "update posted"])
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("our own write comes back as a change and is nothing: a version that was seen is not even read again") func echo() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), payment())
            let before = desk.fetches
            desk.tell("O-1", "P-1")
            try await desk.askChanges()
            #expect(desk.fetches == before)
            // A payment moves its invoice's version on.
            desk.books.state.with { state in
                for i in state.entries.indices { state.entries[i].version += 1 }
            }
            desk.tell("O-1", "P-1")
            try await desk.askChanges()
            #expect(desk.fetches == before + 1)
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(try await desk.marked() == 0)
            try await desk.askChanges()
            #expect(desk.fetches == before + 1)
        }
    }

    @Test("what changed of other people's documents concerns nobody") func theirs() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            let before = desk.fetches
            desk.books.state.with { $0.told = [.init(keys: [("0123456789abcdef", nil)], ids: ["D77"])] }
            try await desk.askChanges()
            #expect(desk.fetches == before)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("voided there it is held; deleted there too, once it was not found three times, and a release writes it anew") func gone() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), sale("O-2"))
            desk.byHand("O-1") { $0.voided = true }
            try await desk.askChanges()
            #expect(try await desk.findings("invoice", "O-1").map(\.why) == ["voided: confirmed as false, the ledger has true"])
            let row = try await desk.posting("invoice", "O-2")
            desk.books.state.with { state in
                state.entries.removeAll { $0.subject == "O-2" }
                state.told = [.init(ids: [row.remoteID ?? ""])]
            }
            try await desk.askChanges()
            #expect(try await desk.states()["invoice O-2"] == "reconciled")
            for _ in 0 ..< 2 {
                try await desk.house.owner.query("UPDATE app.postings SET recheck_at = recheck_at - interval '1 minute'")
                try await desk.later()
            }
            #expect(try await desk.findings("invoice", "O-2").map(\.position) == ["gone"])
            #expect(desk.books.entries.count == 1)
            let finds = desk.books.requests.count { $0 == "GET /find" }
            try await desk.order(.release, row.key)
            #expect(try await desk.states()["invoice O-2"] == "unknown")
            try await desk.muchLater()
            try await desk.later()
            #expect(desk.books.requests.count { $0 == "GET /find" } > finds, "it is looked for by its key before it is written again")
            #expect(desk.books.entries.map(\.subject) == ["O-1", "O-2"])
            #expect(try await desk.intents("O-2") == ["create posted", "create not_sent", "create posted"])
            #expect(try await desk.posting("invoice", "O-2").revision == 2, "a ledger that remembers its requests would take it for the first")
            #expect(try await desk.states()["invoice O-2"] == "reconciled")
        }
    }

    @Test("what stands there under another id, or waits for an approval, is found when it is released as gone, and not written twice; what was voided is not it")
    func goneUnderItsID() async throws {
        for (isVoided, waits) in [(false, false), (true, false), (true, true)] {
            let isAnew = isVoided && !waits
            try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
                try await desk.run(sale())
                let row = try await desk.posting("invoice", "O-1")
                desk.books.state.with { state in
                    state.entries[0].id = "D99"
                    (state.entries[0].voided, state.entries[0].waits) = (isVoided, waits)
                    state.told = [.init(ids: [row.remoteID ?? ""])]
                }
                try await desk.askChanges()
                for _ in 0 ..< 2 {
                    try await desk.house.owner.query("UPDATE app.postings SET recheck_at = recheck_at - interval '1 minute'")
                    try await desk.later()
                }
                #expect(try await desk.findings("invoice", "O-1").map(\.position) == ["gone"])
                try await desk.order(.release, row.key)
                try await desk.muchLater()
                try await desk.later()
                #expect(desk.books.writes.count == (isAnew ? 2 : 1))
                #expect(try await desk.intents("O-1") == ["create posted"] + (isAnew ? ["create not_sent", "create posted"] : ["create posted"]))
                #expect(try await desk.posting("invoice", "O-1").remoteID == (isAnew ? "D2" : "D99"))
                if waits {
                    #expect(try await desk.states() == ["invoice O-1": "manual"], "a person is told that it has no effect")
                    desk.books.state.with { ($0.entries[0].voided, $0.entries[0].waits) = (false, false) }
                    try await desk.order(.retry, row.key)
                }
                #expect(desk.books.entries.count { !$0.voided } == 1)
                #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            }
        }
    }

    @Test("what is released as gone is checked again before it is written: what a check holds by now is not sent") func goneAndHeld() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.house.owner.query("UPDATE app.postings SET state = 'manual', findings = '[{\"check\": \"drift\", \"why\": \"gone\", \"remedy\": \"\", \"position\": \"gone\"}]'")
            desk.books.state.with { $0.entries.removeAll() }
            try await desk.house.owner.query(
                "INSERT INTO app.structures (tenant_id, version, body, actor) VALUES (\(desk.house.tenant), 2, '{\"accounts\": {\"receivable:*\": \"1200\"}}'::json, 'test')")
            try await desk.order(.release, key)
            try await desk.muchLater()
            #expect(try await desk.states() == ["invoice O-1": "held"])
            #expect(desk.books.writes.count == 1)
        }
    }

    @Test("tries of posting a change are no looks: one that failed often is not gone because it was not found once") func looks() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            let row = try await desk.posting("invoice", "O-1")
            try await desk.house.owner.query("UPDATE app.postings SET state = 'rejected', fault = '{}', attempts = 9")
            desk.books.state.with { state in
                state.entries.removeAll()
                state.told = [.init(ids: [row.remoteID ?? ""])]
            }
            try await desk.askChanges()
            #expect(try await desk.posting("invoice", "O-1").state == "rejected")
            #expect(try await desk.marked() == 1)
            #expect(try await desk.looks() == [1])
        }
    }

    @Test("one document whose answer can't be read keeps no other from being looked at") func unreadable() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), sale("O-2"), sale("O-3"))
            desk.books.state.with { state in
                state.unreadable = ["O-2"]
                for i in state.entries.indices where state.entries[i].subject != "O-2" { state.entries[i].voided = true }
                state.told = [.init(keys: state.entries.map { ($0.key, "7") }, at: "2026-11-03T00:00:00Z")]
            }
            try await desk.askChanges()
            #expect(try await desk.states() == ["invoice O-1": "manual", "invoice O-2": "reconciled", "invoice O-3": "manual"])
            #expect(try await desk.marked() == 1)
            #expect(try await desk.looks() == [0])
        }
    }

    @Test("a change of ours that waits is not sent over a change of theirs") func overwritten() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            desk.byHand("O-1") { $0.total = 11_000 }
            // The mark is there and nobody has looked when the shop's own change arrives.
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.house.worker.mark(desk.house.tenant, desk.house.ledger, keys: [(key, nil)])
            try await desk.house.owner.query("DELETE FROM app.jobs WHERE kind = 'confirm'")
            try await desk.arrive(editUp())
            try await desk.work()
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.states()["invoice O-1"] == "cleared")
            // The backstop for a look that nobody was asked for.
            try await desk.house.supervisor.askForgotten()
            try await desk.work()
            #expect(desk.books.writes.count == 1)
            #expect(desk.books.entries.map(\.total) == [11_000])
            #expect(try await desk.states()["invoice O-1"] == "manual")
            try await desk.order(.release, key)
            #expect(desk.books.entries.map(\.total) == [15_000])
        }
    }

    @Test("a change of ours goes on once its document was found as it was") func goesOn() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.house.worker.mark(desk.house.tenant, desk.house.ledger, keys: [(key, nil)])
            try await desk.run(editUp())
            #expect(desk.books.entries.map(\.total) == [15_000])
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
        }
    }

    @Test("a held change whose document was changed there is compared with what it was, and goes on once that is taken back") func heldChange() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            desk.byHand("O-1") { $0.total = 11_000 }
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.house.worker.mark(desk.house.tenant, desk.house.ledger, keys: [(key, nil)])
            try await desk.run(editUp())
            #expect(try await desk.states()["invoice O-1"] == "manual")
            try await desk.order(.retry, key)
            #expect(try await desk.findings("invoice", "O-1").map(\.position) == ["total"])
            desk.byHand("O-1") { $0.total = 10_000 }
            try await desk.order(.retry, key)
            #expect(desk.books.entries.map(\.total) == [15_000])
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
        }
    }

    @Test("bindings that changed since say nothing of what was confirmed under the old ones") func rebound() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            try await desk.house.owner.query(
                "UPDATE app.ledger_charts SET accounts = replace(accounts::text, '\"4000\"', '\"4001\"')::jsonb")
            desk.books.state.with { state in state.entries[0].version += 1 }
            desk.tell("O-1")
            try await desk.askChanges()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("the watermark moves once the last page is taken, and what an earlier page told is looked at all the same") func broken() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), sale("O-2"))
            desk.byHand("O-1") { $0.total = 12_000 }
            desk.books.state.with { state in
                state.told[0].at = "2026-11-02T12:00:00Z"
                state.told.append(.init(at: "2026-11-05T12:00:00Z", fails: true))
            }
            try await desk.askChanges()
            #expect(try await desk.watermark() == nil)
            #expect(try await desk.marked() == 1)
            desk.books.state.with { state in state.told[1].fails = false }
            try await desk.later()
            #expect(try await desk.states()["invoice O-1"] == "manual")
            let moved = try #require(try await desk.watermark())
            try await desk.askChanges()
            let asked = desk.books.state.with { $0.asked }
            #expect(asked.count == 3 && asked[0] == asked[1])
            // From before the watermark on, again and again.
            let last = try #require(asked.last.flatMap { Timestamp(rfc3339: $0) }), mark = try #require(Timestamp(rfc3339: moved + "Z"))
            #expect(mark - last >= .seconds(299) && mark - last < .seconds(302))
        }
    }

    @Test("a watermark never stands later than when its round began") func notAhead() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            desk.books.state.with { $0.told = [.init(at: "2099-01-01T00:00:00Z")] }
            try await desk.askChanges()
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE changes_watermark <= clock_timestamp()") == 1)
        }
    }

    @Test("where the ledger lists less than has changed, all that is there is looked at") func notWhole() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), sale("O-2"))
            desk.byHand("O-2") { $0.total = 1 }
            desk.books.state.with { $0.told = [.init(whole: false)] }
            try await desk.askChanges()
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "invoice O-2": "manual"])
        }
    }

    @Test("after a time longer than the ledger reaches back, all that is there is looked at") func reach() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true, changesReach: .seconds(30 * 86_400))) { desk in
            try await desk.run(sale())
            desk.byHand("O-1") { $0.total = 1 }
            desk.books.state.with { $0.told = [] }
            try await desk.house.owner.query("UPDATE app.connections SET changes_watermark = now() - interval '40 days' WHERE id = \(desk.house.ledger)")
            try await desk.askChanges()
            #expect(try await desk.states() == ["invoice O-1": "manual"])
        }
    }

    @Test("a ledger that can't be asked is not asked, and is left alone until its accounts are to be read again") func never() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            try await desk.askChanges()
            #expect(!desk.books.requests.contains { $0.contains("/changes") })
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE changes_due_at BETWEEN now() + interval '14 minutes' AND now() + interval '16 minutes'") == 1)
        }
    }

    @Test("the interval is the connection's own, else its flows'") func interval() async throws {
        #expect(Changes.interval(ConnectionFacts(account: "a")) == nil)
        #expect(Changes.interval(ConnectionFacts(account: "a", settings: ["changes_seconds": "90"])) == .seconds(90))
        #expect(Changes.interval(ConnectionFacts(account: "a", settings: ["changes_seconds": "1"])) == .seconds(10))
        #expect(Changes.interval(ConnectionFacts(account: "a", settings: ["changes_seconds": "soon"])) == nil)
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            try await desk.house.owner.query("UPDATE app.flows SET poll_seconds = 700")
            try await desk.askChanges()
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE changes_due_at BETWEEN now() + interval '650 seconds' AND now() + interval '750 seconds'") == 1)
        }
    }

    @Test("what a webhook names is looked at, and nothing else; the ledger is not asked for more before it is time") func noticed() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale(), sale("O-2"))
            try await desk.askChanges()
            let asked = desk.books.state.with { $0.asked.count }
            let (house, row) = (desk.house, try await desk.posting("invoice", "O-2"))
            desk.byHand("O-1") { $0.total = 1 }
            desk.byHand("O-2") { $0.total = 2 }
            let notice = NoticeRow(object: "Invoice", remoteID: row.remoteID ?? "", change: "updated", at: nil)
            try await house.supervisor.keep([NewNotice(tenant: house.tenant, connection: house.ledger, notice: notice, id: "n1")])
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "invoice O-2": "manual"])
            #expect(desk.books.state.with { $0.asked.count } == asked)
            #expect(try await house.count("SELECT count(*) FROM app.ledger_notices") == 0)
            try await house.supervisor.keep([NewNotice(tenant: house.tenant, connection: house.ledger, notice: notice, id: "n1")])
            #expect(try await house.count("SELECT count(*) FROM app.ledger_notices") == 0)
        }
    }

    @Test("what cannot be compared is no difference: a readback is kept to the last field") func codec() throws {
        let key = try #require(PostKey("0123456789abcdef"))
        let shown = LedgerReadback(
            key: key, remoteID: "145", version: "3", date: LocalDate("2026-11-02"), currency: "JPY", total_minor: 10_000, tax_minor: 0, party: "58",
            accounts: ["item:19": -10_000, "deposit:35": 10_000], voided: false, appliesTo: "12")
        #expect(try ReadbackCodec.decode(ReadbackCodec.encode(shown).bytes) == shown)
        let bare = LedgerReadback(
            key: nil, remoteID: "1", version: nil, date: nil, currency: nil, total_minor: -1, tax_minor: nil, party: nil, accounts: [:], voided: true)
        #expect(try ReadbackCodec.decode(ReadbackCodec.encode(bare).bytes) == bare)
        #expect(throws: Fault.self) { try ReadbackCodec.decode(Array("{}".utf8)) }
    }
}

extension Desk {
    /// A person's order, and what follows.
    func order(_ order: PostingOrder, _ key: PostKey) async throws {
        let house = house
        _ = try await house.supervisor.transaction { tx throws(Fault) in
            try await tx.order(order, house.tenant, key, findings: Array("[]".utf8), detail: Array("{}".utf8), actor: "test")
        }
        try await work()
        try await later()
    }
}
