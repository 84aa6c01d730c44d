import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

@Suite("Documents on their way") struct CaseTests {
    @Test("a payment waits for its invoice") func paymentWaits() async throws {
        try await Desk.with { desk in
            desk.books.script(.loseAnswer)
            try await desk.arrive(sale())
            try await desk.arrive(payment())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "unknown", "payment P-1": "cleared"])
            #expect(desk.books.writes == [["O-1"]])
            try await desk.later()
            #expect(desk.books.writes == [["O-1"], ["P-1"]])
        }
    }

    @Test("a refund that comes before its order is held by name and released by the order") func refundFirst() async throws {
        try await Desk.with { desk in
            try await desk.run(refund())
            #expect(Set(try await desk.states().values) == ["held"])
            #expect(desk.books.writes.isEmpty)
            try await desk.run(sale(), payment())
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a record that can't be read is held with an alert, and the others go on") func unreadable() async throws {
        try await Desk.with { desk in
            let bad = RawRecord(topic: "document", deliveryID: "bad", body: Array(#"{"kind": 7}"#.utf8))
            try await desk.arrive(records: [bad, ScriptedSource.record(sale(), delivery: "good")])
            try await desk.work()
            #expect(try await desk.house.count("SELECT count(*) FROM app.events WHERE state = 'held' AND fault->>'code' = 'unreadable_record'") == 1)
            #expect(desk.books.entries.map(\.subject) == ["O-1"])
            #expect(try await desk.alerts().contains("event/\(desk.house.source)/unreadable_record"))
        }
    }

    @Test("a record that can't be stored is held, and the others of its batch go on") func poison() async throws {
        try await Desk.with { desk in
            let bad = ScriptedSource.record(sale("O-2", title: "Cup\u{0}"), delivery: "bad")
            try await desk.arrive(records: [bad, ScriptedSource.record(sale(), delivery: "good")])
            try await desk.work()
            #expect(try await desk.house.count("SELECT count(*) FROM app.events WHERE state = 'held'") == 1)
            #expect(desk.books.entries.map(\.subject) == ["O-1"])
        }
    }

    @Test("a case that can't be planned keeps its reason, and the others go on") func unplannable() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.arrive(sale("O-2"))
            let normalize = Job(.normalize, desk.house.source.description, lane: .webhook)
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            _ = try await desk.pipeline.run(normalize, in: setup)
            try await desk.house.owner.query("UPDATE app.documents SET body = body - 'currency' WHERE source_id = 'O-2'")
            try await desk.work()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.cases WHERE case_id = 'O-2' AND fault->>'code' = 'stored_json_unreadable' AND NOT dirty") == 1)
            #expect(try await desk.alerts().contains("held/\(desk.house.flow)/stored_json_unreadable"))
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'case.held'") == 1)
        }
    }

    @Test("a stored plan that can't be read is held and keeps nobody else waiting") func unreadablePlan() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'")
            try await desk.work()
            try await desk.house.owner.batch([
                "UPDATE app.postings SET plan = '{}', state = 'mapped'", "UPDATE app.connections SET state = 'live' WHERE slug = 'books'",
            ])
            try await desk.run(sale("O-2"))
            #expect(try await desk.states() == ["invoice O-1": "held", "invoice O-2": "reconciled"])
        }
    }

    @Test("a stale version is ignored, also one between two that say the same") func stale() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(cups: 2, version: 1), sale(cups: 2, version: 3), sale(cups: 5, version: 2))
            #expect(desk.books.entries.map(\.total) == [10_000])
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.house.count("SELECT version FROM app.documents") == 3)
        }
    }

    @Test("a change of a posted sale becomes an update of the same ledger document") func revise() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            try await desk.run(sale(cups: 3, version: 2))
            #expect(desk.books.entries.map(\.total) == [15_000])
            #expect(try await desk.intents("O-1") == ["create posted", "update posted"])
            #expect(try await desk.posting("invoice", "O-1").revision == 2)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an update whose answer is lost is compared before it counts") func updateLost() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            desk.books.script(.loseRequest)
            try await desk.run(sale(cups: 3, version: 2))
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            #expect(desk.books.entries.map(\.total) == [10_000])
            try await desk.muchLater()
            try await desk.later()
            #expect(desk.books.entries.map(\.total) == [15_000])
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("a rejected change is tried again when the source changes, on what the ledger has") func rejectedChange() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            desk.books.script(.reject(["O-1"]))
            try await desk.run(sale(cups: 3, version: 2))
            #expect(try await desk.states() == ["invoice O-1": "rejected"])
            try await desk.run(sale(cups: 4, version: 3))
            #expect(desk.books.entries.map(\.total) == [20_000])
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("a rejected change that the source takes back leaves the posted document as it is") func takenBack() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            desk.books.script(.reject(["O-1"]))
            try await desk.run(sale(cups: 3, version: 2))
            let writes = desk.books.writes.count
            try await desk.run(sale(cups: 2, version: 3))
            #expect(desk.books.writes.count == writes)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a cancelled unpaid order's invoice is voided") func void() async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            try await desk.run(cancellation())
            #expect(desk.books.entries.map(\.voided) == [true])
            #expect(try await desk.states() == ["invoice O-1": "voided"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a cancelled order that was never posted never is") func voidUnposted() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), cancellation())
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.states().values.allSatisfy { $0 == "superseded" })
        }
    }

    @Test("a payment is voided before the invoice that it settled") func voidOrder() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment())
            try await desk.arrive(payment("P-1", 10_000, .voided, version: 2))
            try await desk.run(cancellation())
            #expect(desk.books.state.with { $0.voidOrder } == ["P-1", "O-1"])
            #expect(Set(try await desk.states().values) == ["voided"])
        }
    }

    @Test("under delta an edit becomes a document of its own") func delta() async throws {
        try await Desk.with(policies: [("edit", "delta")]) { desk in
            try await desk.run(sale())
            try await desk.run(edit())
            #expect(desk.books.entries.map(\.form) == ["invoice", "credit_note"])
            #expect(desk.books.entries.map(\.total) == [10_000, 5_000])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what is dated before the cut-over is not posted, and what depends on it waits by name") func cutOver() async throws {
        try await Desk.with(cutOver: LocalDate(year: 2026, month: 11, day: 3)) { desk in
            try await desk.run(sale(), payment(), refund())
            #expect(desk.books.writes.isEmpty)
            let states = try await desk.states()
            #expect(states["invoice O-1"] == nil)
            #expect(!states.values.contains("cleared"), "nothing waits in silence: \(states)")
        }
    }

    @Test("events that come before there is a flow wait for one") func noFlow() async throws {
        try await Desk.with { desk in
            try await desk.house.owner.batch(["CREATE TABLE public.kept AS SELECT * FROM app.flows", "DELETE FROM app.flows"])
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.house.count("SELECT count(*) FROM app.events WHERE state = 'ingested'") == 1)
            try await desk.house.owner.query("INSERT INTO app.flows SELECT * FROM public.kept")
            try await desk.later()
            #expect(desk.books.entries.count == 1)
        }
    }

    @Test("what a sweep would list while no flow can use it is listed again once one can", arguments: [
        ("DELETE FROM app.flows", "INSERT INTO app.flows SELECT * FROM public.kept"),
        (#"UPDATE app.flows SET policies = '{"edit": "nonsense"}'"#, "UPDATE app.flows f SET policies = k.policies FROM public.kept k WHERE k.id = f.id"),
    ] as [(SQL, SQL)])
    func listedTooSoon(breaks: SQL, mends: SQL) async throws {
        let now = SystemClocks().now()
        var source = ScriptedSource()
        source.listed = [sale()].map { SourceDocument(id: $0.id, caseID: $0.caseID, version: $0.version, at: now, body: $0.body) }
        try await Desk.with(source: source) { desk in
            func sweep() async throws {
                try await desk.house.worker.ask(desk.house.tenant, [Job(.sweep, desk.house.source.description, lane: .poll)])
                try await desk.work()
            }
            try await desk.house.owner.batch(["CREATE TABLE public.kept AS SELECT * FROM app.flows", breaks])
            try await sweep()
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE watermark IS NOT NULL") == 0)
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE swept_at IS NOT NULL") == 1, "or it is due at once, for ever")
            try await desk.house.owner.query(mends)
            try await sweep()
            try await desk.later()
            #expect(desk.books.entries.map(\.subject) == ["O-1"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE watermark IS NOT NULL") == 1)
        }
    }

    @Test("a case's documents in any order give the same postings", arguments: [1, 2, 3, 4] as [UInt64]) func anyOrder(seed: UInt64) async throws {
        try await Desk.with { desk in
            let random = SeededRandom(seed: seed)
            var documents = [sale(), sale(cups: 3, version: 2), payment("P-1", 10_000), payment("P-2", 5_000), refund(), refund("R-2"), payment("P-3", 1, .failure)]
            for i in documents.indices.reversed() { documents.swapAt(i, Int(random.number(below: UInt64(i + 1)))) }
            for document in documents {
                try await desk.arrive(document)
                if random.number(below: 2) == 0 { try await desk.work() }
            }
            try await desk.work()
            try await desk.later()
            try await desk.later()
            let totals = Dictionary(desk.books.entries.filter { !$0.voided }.map { ("\($0.form) \($0.subject)", $0.total) }) { a, b in a + b }
            #expect(
                totals == [
                    "invoice O-1": 15_000, "payment P-1": 10_000, "payment P-2": 5_000, "credit_note R-1": 5_000, "refund_payment R-1": 5_000,
                    "credit_note R-2": 5_000, "refund_payment R-2": 5_000,
                ], "seed \(seed)")
            #expect(Set(try await desk.states().values) == ["reconciled"], "seed \(seed)")
            #expect(try await desk.unexplained() == 0, "seed \(seed)")
        }
    }

    @Test("a payment that was told for the wrong order and is corrected before it is posted goes to the right one, whichever is planned first", arguments: [("O-1", "O-2"), ("O-2", "O-1")])
    func movesUnposted(right: String, wrong: String) async throws {
        try await Desk.with { desk in
            try await desk.run(payment(of: wrong))
            #expect(try await desk.states() == ["payment P-1": "held"])
            try await desk.run(sale(right), payment(of: right, version: 2))
            #expect(try await desk.states() == ["invoice \(right)": "reconciled", "payment P-1": "reconciled"])
            #expect(desk.books.entries.map(\.settles) == [nil, "D1"])
            // It belongs there for good: what changes of the order later leaves it as it is.
            try await desk.run(sale(right, cups: 3, version: 2))
            #expect(try await desk.states()["payment P-1"] == "reconciled" && desk.books.entries.allSatisfy { !$0.voided })
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a payment that stands on the wrong order's invoice moves to the right one and stands once, whichever is planned first", arguments: [("O-1", "O-2"), ("O-2", "O-1")])
    func movesPosted(right: String, wrong: String) async throws {
        for ledger in [ScriptedLedger(), ScriptedLedger(replaces: true)] {
            try await Desk.with(ledger: ledger) { desk in
                try await desk.run(sale(wrong), payment(of: wrong), sale(right))
                try await desk.run(payment(of: right, version: 2))
                let live = desk.books.entries.filter { !$0.voided }
                let invoice = live.first { $0.subject == right }?.id
                #expect(live.filter { $0.form == "payment" }.map(\.settles) == [invoice] && invoice != nil)
                #expect(Set(try await desk.states().values) == ["reconciled"])
                try await desk.run(sale(wrong, cups: 3, version: 2), sale(right, cups: 3, version: 2))
                #expect(desk.books.entries.filter { !$0.voided && $0.form == "payment" }.map(\.settles) == [invoice])
                #expect(try await desk.unexplained() == 0)
            }
        }
    }

    @Test("the void of an invoice that its payment is about to leave is made once the payment has moved, where a ledger keeps what is paid") func movesThenVoids() async throws {
        try await Desk.with { desk in
            desk.books.state.with { $0.keepsPaid = true }
            try await desk.run(sale("O-1"), payment(of: "O-1"))
            let nothing = Sale(number: "#O-1", source: "shop", currency: .usd, taxIncluded: false, lines: [], total: usd(0), isDraft: true)
            let gone = SourceDocument(id: "O-1", caseID: "O-1", version: 2, at: at("2026-11-02T10:00:00Z"), body: .sale(nothing))
            try await desk.run(sale("O-2"), payment(of: "O-2", version: 2), gone)
            try await desk.later()
            let live = desk.books.entries.filter { !$0.voided }
            #expect(live.map(\.subject).sorted() == ["O-2", "P-1"])
            #expect(live.filter { $0.form == "payment" }.map(\.settles) == [live.first { $0.subject == "O-2" }?.id])
            #expect(try await desk.states()["invoice O-1"] == "voided")
        }
    }

    @Test("a document that only belongs to another case by now is written no second time, and is not taken back") func movesUnchanged() async throws {
        try await Desk.with { desk in
            try await desk.run(sale("O-1"))
            try await desk.run(sale("O-1", version: 2).moved(to: "A-1"))
            #expect(desk.books.entries.map(\.voided) == [false] && desk.books.writes.count == 1)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            // What changes of it then is a change of the same document.
            try await desk.run(sale("O-1", cups: 3, version: 3).moved(to: "A-1"))
            #expect(desk.books.entries.map { "\($0.total) \($0.voided)" } == ["15000 false"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE case_id = 'A-1'") == 1)
        }
    }

    @Test("a posting whose outcome is open keeps the case that it moved to waiting, and no other") func movesUnderWay() async throws {
        try await Desk.with { desk in
            try await desk.run(sale("O-1"), sale("O-2"))
            desk.books.script(.loseRequest)
            try await desk.arrive(payment(of: "O-1"))
            try await desk.work()
            #expect(try await desk.states()["payment P-1"] == "unknown")
            try await desk.run(payment(of: "O-2", version: 2), sale("O-3"))
            #expect(try await desk.states()["payment P-1"] == "unknown" && desk.books.entries.contains { $0.subject == "O-3" })
            #expect(try await desk.house.count("SELECT count(*) FROM app.cases WHERE case_id = 'O-2' AND dirty") == 1)
            try await desk.muchLater()
            try await desk.later()
            try await desk.later()
            try await desk.later()
            let live = desk.books.entries.filter { !$0.voided }
            #expect(live.filter { $0.form == "payment" }.map(\.settles) == [live.first { $0.subject == "O-2" }?.id])
            #expect(Set(try await desk.states().values) == ["reconciled"])
        }
    }

    @Test("what was begun in the ledger and is called for no more is taken back there, and not completed") func begun() async throws {
        try await Desk.with(ledger: ScriptedLedger(settles: .seconds(86_400))) { desk in
            desk.books.script(.leaveDraft)
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            desk.books.always(.answer(503))
            try await desk.muchLater()
            try await desk.arrive(cancellation())
            try await desk.work()
            desk.books.always()
            try await desk.muchLater()
            try await desk.later()
            #expect(desk.books.entries.map(\.voided) == [true] && desk.books.state.with { $0.voidOrder } == ["O-1"])
            #expect(try await desk.states() == ["invoice O-1": "voided"])
            #expect(!desk.books.requests.contains("POST /update") || desk.books.requests.last { $0.hasPrefix("POST") } == "POST /void")
        }
    }
}

extension SourceDocument {
    fileprivate func moved(to other: String) -> SourceDocument {
        var made = self
        made.caseID = other
        return made
    }
}
