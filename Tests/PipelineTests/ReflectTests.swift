import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
@testable import Store
import TestKit
import Testing
import Wire

let written = ScriptedSource(reflectionPlace: .written)

private func policies(_ more: [(name: String, value: String)] = []) -> [(name: String, value: String)] {
    [("customer", "house"), ("edit", "revise"), ("reflect", "on")] + more
}

/// Money that came into the bank.
func wire(_ id: String = "P-1", of order: String = "O-1", _ minor: Int64 = 10_000, version: Int64 = 1) -> SourceDocument {
    SourceDocument(
        id: id, caseID: order, version: version, at: at("2026-11-02T10:01:00Z"), body: .payment(Payment(gateway: "bank", amount: usd(minor), status: .success)))
}

extension Desk {
    /// A flow that tells its source.
    static func reflecting(
        _ more: [(name: String, value: String)] = [], source: ScriptedSource = written, _ body: @Sendable (Desk) async throws -> Void
    ) async throws {
        try await Desk.with(policies: policies(more), ledger: ScriptedLedger(tells: true), source: source) { desk in
            try await desk.house.owner.query(
                "UPDATE app.connections SET base_url = (SELECT base_url FROM app.connections WHERE id = \(desk.house.ledger)) WHERE id = \(desk.house.source)")
            try await body(desk)
        }
    }

    /// Somebody changes an entry there, and the ledger says so by webhook.
    func there(_ subject: String, _ change: @Sendable (inout ScriptedBooks.Entry) -> Void) async throws {
        let id = books.state.with { state -> String in
            for i in state.entries.indices where state.entries[i].subject == subject {
                change(&state.entries[i])
                state.entries[i].version += 1
                return state.entries[i].id
            }
            return ""
        }
        try await notice(id)
    }

    func notice(_ id: String) async throws {
        let notice = NoticeRow(object: "Invoice", remoteID: id, change: "updated", at: nil)
        try await house.supervisor.keep([NewNotice(tenant: house.tenant, connection: house.ledger, notice: notice, id: nil)])
        try await work()
    }

    /// What the source was told, without marks.
    var told: [String] {
        books.state.with { $0.notes.map { note in note.text.split(separator: " ").dropLast().joined(separator: " ") } }
    }

    func reflections() async throws -> [String] {
        var out: [String] = []
        for row in try await house.owner.query("SELECT says->>'state' || ' ' || state AS line FROM app.reflections ORDER BY post_key, number") { out.append(try row.get("line")) }
        return out
    }

    func finding() async throws -> [String] {
        var out: [String] = []
        for row in try await house.owner.query("SELECT finding->>'check' || ': ' || (finding->>'why') AS line FROM app.reflections WHERE state = 'held'") {
            out.append(try row.get("line"))
        }
        return out
    }

    /// Reflections that wait are due, their last try long past.
    func reflectionsLater() async throws {
        try await house.owner.query("UPDATE app.reflections SET next_attempt_at = clock_timestamp() - interval '1 second' WHERE state IN ('due', 'sent')")
        try await house.worker.ask(house.tenant, [Job(.reflect, house.flow.description, lane: .poll)])
        try await later()
    }
}

@Suite("The way back") struct ReflectTests {
    @Test("a document that is confirmed is told to its source once; without the policy nobody is told") func posted() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale(), payment())
            #expect(desk.told == ["posted 100.00"])
            for _ in 0 ..< 3 { try await desk.reflectionsLater() }
            #expect(desk.told.count == 1)
            #expect(try await desk.reflections() == ["posted told"])
        }
        try await Desk.with(policies: [("edit", "revise")], source: written) { desk in
            try await desk.run(sale())
            #expect(try await desk.reflections().isEmpty)
        }
    }

    @Test("a payment that somebody enters in the ledger is told by webhook; repeated by the source it waits for a person, named in the proof, and nothing more is said") func paidThere() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.theirs = 10_000 }
            #expect(desk.told == ["posted 100.00", "paid 100.00 100.00"])
            try await desk.run(wire())
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "held"])
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"])
            #expect(try await desk.alerts().contains("held/\(desk.house.flow)/paid_in_ledger"))
            #expect(desk.books.entries.map(\.form) == ["invoice"])
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.unexplained() == 0)
            try await desk.notice(desk.books.entries[0].id)
            try await desk.reflectionsLater()
            #expect(desk.told.count == 2)
        }
    }

    @Test("our own payments are none of theirs, in whatever order the ledger tells of them") func ours() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.run(payment("P-1", 4_000))
            try await desk.notice(desk.books.entries[0].id)
            try await desk.run(payment("P-2", 6_000))
            try await desk.notice(desk.books.entries[0].id)
            try await desk.reflectionsLater()
            #expect(desk.books.entries.map(\.form) == ["invoice", "payment", "payment"])
            #expect(desk.told == ["posted 100.00"])
            try await desk.there("O-1") { $0.theirs = 500 }
            #expect(desk.told.last == "part_paid 100.00 5.00" || desk.told.last == "paid 100.00 5.00")
        }
    }

    @Test("a payment that waited because of the ledger's is sent once that is deleted there") func deletedThere() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.theirs = 10_000 }
            try await desk.run(wire())
            #expect(desk.books.entries.map(\.form) == ["invoice"])
            try await desk.there("O-1") { $0.theirs = 0 }
            try await desk.later()
            #expect(desk.books.entries.map(\.form) == ["invoice", "payment"])
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            try await desk.notice(desk.books.entries[0].id)
            try await desk.later()
            #expect(desk.books.writes == [["O-1"], ["P-1"]])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("of two payments neither is taken for the ledger's by its amount") func two() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.theirs = 4_000 }
            try await desk.arrive(wire("P-1", 6_000), wire("P-2", 4_000))
            try await desk.work()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "held", "payment P-2": "held"])
            #expect(desk.books.entries.map(\.total) == [10_000])
        }
    }

    @Test("of several invoices in a case each is told for itself; a payment of the source waits whichever of them was paid in the ledger, and goes once none is")
    func several() async throws {
        try await Desk.reflecting([("edit", "delta")]) { desk in
            try await desk.run(sale())
            try await desk.run(editUp())
            try #require(desk.books.entries.map(\.total) == [10_000, 5_000])
            let second = desk.books.entries[1].subject
            try await desk.there(second) { $0.theirs = 5_000 }
            #expect(desk.told == ["posted 100.00", "posted 50.00", "paid 50.00 50.00"])
            // The first one's money, by its amount; by its case it may be anybody's.
            try await desk.arrive(wire("P-1", 10_000))
            try await desk.work()
            try await desk.later()
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"])
            #expect(desk.books.entries.map(\.total) == [10_000, 5_000])
            #expect(try await desk.unexplained() == 0)
            // The other one paid there as well changes nothing; one of both taken back is not enough.
            try await desk.there("O-1") { $0.theirs = 10_000 }
            try await desk.there(second) { $0.theirs = 0 }
            try await desk.later()
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"])
            #expect(desk.told.suffix(2) == ["paid 100.00 100.00", "posted 50.00"])
            try await desk.there("O-1") { $0.theirs = 0 }
            try await desk.later()
            #expect(desk.books.entries.map(\.total) == [10_000, 5_000, 10_000])
        }
    }

    @Test("where a payment of ours stands beside the document, or a file has one in hand, nobody claims to know what was paid there") func uncertain() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.run(payment("P-1", 4_000))
            let invoice = try await desk.posting("invoice", "O-1").key
            func settled() async throws -> SettledSum? { try await desk.house.worker.settling(desk.house.tenant, [invoice])[invoice] }
            #expect(try await settled() == SettledSum(minor: 4_000, isCertain: true, isMoving: false, waitingMinor: 0))
            try await desk.house.owner.query("UPDATE app.postings SET confirmed_as = confirmed_as - 'applies_to' WHERE form = 'payment'")
            #expect(try await settled() == SettledSum(minor: 0, isCertain: false, isMoving: false, waitingMinor: 0))
            try await desk.notice(desk.books.entries[0].id)
            #expect(desk.told == ["posted 100.00"])
            try await desk.house.owner.query("UPDATE app.postings SET state = 'manual', remote_id = NULL WHERE form = 'payment'")
            #expect(try await settled()?.isCertain == false)
            try await desk.house.owner.query(
                "UPDATE app.postings SET state = 'confirmed', form = 'journal', remote_id = 'D9', sent = '{\"lines\": [{\"role\": \"customer_deposits\"}]}' WHERE subject = 'P-1'")
            #expect(try await settled()?.isCertain == true)
            try await desk.house.owner.query("UPDATE app.postings SET sent = '{\"lines\": [{\"role\": \"receivable:shop\"}]}' WHERE subject = 'P-1'")
            #expect(try await settled()?.isCertain == false)
        }
    }

    @Test("while something of ours is under way to a document its look is no answer: it stays marked, and payments wait for the next") func moving() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.run(payment("P-1", 4_000))
            try await desk.house.owner.query("UPDATE app.postings SET state = 'unknown', fault = '{}', next_attempt_at = now() + interval '1 hour' WHERE form = 'payment'")
            try await desk.there("O-1") { $0.theirs = 6_000 }
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE recheck_at > clock_timestamp() AND form = 'invoice'") == 1)
            try await desk.arrive(wire("P-2", of: "O-1", 6_000))
            try await desk.work()
            #expect(try await desk.states()["payment P-2"] == nil)
            #expect(desk.books.entries.count == 2)
            // It is settled, and the look that follows sees the other's money.
            try await desk.house.owner.query("UPDATE app.postings SET state = 'confirmed', fault = NULL, confirmed_at = now() WHERE subject = 'P-1'")
            try await desk.house.owner.query("UPDATE app.postings SET recheck_at = recheck_at - interval '1 minute' WHERE recheck_at IS NOT NULL")
            let flow = desk.house.flow.description
            try await desk.house.worker.ask(desk.house.tenant, [Job(.confirm, flow, lane: .webhook), Job(.map, flow, lane: .webhook)])
            try await desk.work()
            try await desk.later()
            try #require(try await desk.states()["payment P-2"] == "held")
            #expect(try await desk.checks("payment", "P-2") == ["paid_in_ledger"])
            #expect(desk.told.last == "paid 100.00 60.00")
        }
    }

    @Test("a flow that begins to tell its source looks at what it has first, and payments that were ready are checked again") func begins() async throws {
        try await Desk.with(policies: [("customer", "house"), ("edit", "revise")], ledger: ScriptedLedger(tells: true), source: ScriptedSource()) { desk in
            try await desk.run(sale())
            desk.books.state.with { $0.entries[0].theirs = 10_000 }
            desk.books.always(.answer(429, retryAfter: 600))
            try await desk.arrive(wire())
            try await desk.work()
            #expect(try await desk.states()["payment P-1"] == "cleared")
            desk.books.always(.fine)
            let house = desk.house
            try await house.owner.query("UPDATE app.flows SET policies = policies::jsonb || '{\"reflect\": \"on\"}'")
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.beginReflecting(house.tenant, house.flow, actor: "test") }
            try await desk.later()
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"])
            #expect(desk.books.entries.map(\.form) == ["invoice"])
        }
    }

    @Test("without the policy a payment waits for no look") func off() async throws {
        try await Desk.with(policies: [("customer", "house"), ("edit", "revise")], ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            try await desk.house.owner.query("UPDATE app.postings SET recheck_at = now() + interval '1 hour'")
            try await desk.run(payment())
            #expect(desk.books.entries.map(\.form) == ["invoice", "payment"])
        }
    }

    @Test("a source that can't be searched is not told twice: a person looks") func unsearchable() async throws {
        try await Desk.reflecting(source: ScriptedSource(reflectionPlace: .written, searchable: false)) { desk in
            desk.books.state.with { $0.noteScript = [.loseAnswer] }
            try await desk.run(sale())
            try await desk.reflectionsLater()
            #expect(desk.told.count == 1)
            #expect(try await desk.reflections() == ["posted refused"])
            #expect(try await desk.alerts().contains("reflection/\(desk.house.flow)"))
        }
    }

    @Test("another amount than the ledger's is held with both, and nothing is paid twice; once theirs is gone ours goes there") func otherAmount() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.theirs = 4_000 }
            try await desk.run(payment())
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"])
            #expect(desk.books.entries.count == 1)
            #expect(try await desk.alerts().contains("held/\(desk.house.flow)/paid_in_ledger"))
            try await desk.there("O-1") { $0.theirs = 0 }
            try await desk.later()
            #expect(try await desk.states()["payment P-1"] == "reconciled")
            #expect(desk.books.entries.map(\.total) == [10_000, 10_000])
            #expect(desk.told.first == "posted 100.00" && desk.told.last == "posted 100.00")
        }
    }

    @Test("a note whose answer got lost is looked for and not written again; one whose request got lost is written later") func lost() async throws {
        try await Desk.reflecting { desk in
            desk.books.state.with { $0.noteScript = [.loseAnswer] }
            try await desk.run(sale())
            #expect(try await desk.reflections() == ["posted sent"])
            try await desk.later()
            #expect(desk.told.count == 1)
            try await desk.reflectionsLater()
            #expect(desk.told.count == 1)
            #expect(try await desk.reflections() == ["posted told"])
            desk.books.state.with { $0.noteScript = [.loseRequest] }
            try await desk.there("O-1") { $0.theirs = 10_000 }
            #expect(desk.told.count == 1)
            try await desk.reflectionsLater()
            #expect(desk.told == ["posted 100.00", "paid 100.00 100.00"])
        }
    }

    @Test("what was not told before the next change is not told any more") func overtaken() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            desk.books.state.with { $0.noteScript = [.loseRequest] }
            try await desk.there("O-1") { $0.theirs = 4_000 }
            try await desk.there("O-1") { $0.theirs = 10_000 }
            try await desk.reflectionsLater()
            #expect(desk.told == ["posted 100.00", "paid 100.00 100.00"])
            #expect(try await desk.reflections() == ["posted told", "part_paid superseded", "paid told"])
        }
    }

    @Test("a refusal is told by name, and the document stays as it is") func refused() async throws {
        try await Desk.reflecting { desk in
            desk.books.state.with { $0.noteScript = [.answer(400)] }
            try await desk.run(sale())
            #expect(try await desk.reflections() == ["posted refused"])
            #expect(try await desk.alerts() == ["reflection/\(desk.house.flow)"])
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("what somebody changed or voided there is asked about, told, or kept from the source, as the flow's masters say", arguments: ["ask", "ledger", "source"])
    func masters(word: String) async throws {
        try await Desk.reflecting([("masters.amount", word), ("masters.void", word)]) { desk in
            try await desk.run(sale(), sale("O-2"))
            try await desk.there("O-1") { $0.total = 9_000 }
            try await desk.there("O-2") { $0.voided = true }
            let state = word == "ledger" ? "reconciled" : "manual"
            #expect(try await desk.states() == ["invoice O-1": state, "invoice O-2": state])
            #expect(desk.books.writes.flatMap { $0 }.sorted() == ["O-1", "O-2"])
            let told = desk.told.dropFirst(2)
            switch word {
            case "ask":
                #expect(told.isEmpty)
                #expect(try await desk.finding().sorted() == [
                    "reflection_asked: amount: total: confirmed as 100.00 USD, the ledger has 90.00 USD",
                    "reflection_asked: void: voided: confirmed as false, the ledger has true",
                ])
                // The documents that differ are told of, and nothing besides; what lets one stand there lets its source hear of it.
                let alerts = try await desk.alerts()
                #expect(alerts.count { $0.hasPrefix("variance/") } == 2 && !alerts.contains { $0.hasPrefix("reflection/") })
                for order in ["O-1", "O-2"] { try await desk.order(.accept, try await desk.posting("invoice", order).key) }
                #expect(desk.told.dropFirst(2).sorted() == ["edited 90.00", "voided 100.00"])
                #expect(try await desk.finding().isEmpty)
            case "ledger": #expect(told.sorted() == ["edited 90.00", "voided 100.00"])
            default: #expect(try await desk.reflections() == ["posted told", "posted told"])
            }
        }
    }

    @Test("a flow that is to tell its source nothing any more tells nothing, by nobody's word, and what was held or due waits; a later state never overtakes one on its way")
    func quiet() async throws {
        try await Desk.reflecting([("masters.amount", "ask")]) { desk in
            let house = desk.house
            func tell(_ word: String) async throws {
                try await house.owner.query("UPDATE app.flows SET policies = policies || jsonb_build_object('reflect', \(word)::text)")
            }
            func answer() async throws {
                let key = try await desk.posting("invoice", "O-1").key
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.answerReflections(house.tenant, house.flow, key, actor: "test") }
            }
            try await desk.run(sale())
            try await desk.there("O-1") { $0.total = 9_000 }
            try await tell("off")
            try await answer()
            #expect(try await desk.reflections() == ["posted told", "edited held"])
            let id = try #require(try await house.owner.query("SELECT id FROM app.reflections WHERE state = 'held'").first)
            await #expect(throws: Fault.self) { try await house.supervisor.transaction { tx throws(Fault) in try await tx.order(.tell, house.tenant, try id.get("id"), actor: "test") } }
            // One that was due when it was turned off.
            try await house.owner.query("UPDATE app.reflections SET state = 'due' WHERE state = 'held'")
            try await desk.reflectionsLater()
            try await house.supervisor.askForgotten()
            #expect(try await house.count("SELECT count(*) FROM app.jobs WHERE kind = 'reflect'") == 0)
            #expect(desk.told == ["posted 100.00"])
            try await house.owner.query("UPDATE app.reflections SET state = 'held', next_attempt_at = clock_timestamp() + interval '2 minutes' WHERE state = 'due'")
            try await tell("on")
            try await answer()
            try await desk.work()
            #expect(try await desk.reflections() == ["posted told", "edited due"])
            #expect(desk.told == ["posted 100.00"])
            try await desk.reflectionsLater()
            #expect(desk.told == ["posted 100.00", "edited 90.00"])
        }
    }

    @Test("what a person let stand while the flow told nothing is told when it begins again, and what nobody decided is still asked") func stoodMeanwhile() async throws {
        try await Desk.reflecting([("masters.amount", "ask")]) { desk in
            let house = desk.house
            func tell(_ word: String) async throws {
                try await house.owner.query("UPDATE app.flows SET policies = policies || jsonb_build_object('reflect', \(word)::text)")
            }
            func begin() async throws {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.beginReflecting(house.tenant, house.flow, actor: "test") }
                try await desk.work()
            }
            try await desk.run(sale(), sale("O-2"))
            try await desk.there("O-1") { $0.total = 9_000 }
            try await desk.there("O-2") { $0.total = 8_000 }
            try await tell("off")
            try await desk.order(.accept, try await desk.posting("invoice", "O-1").key)
            try await begin()
            #expect(try await desk.finding().count == 2, "it tells nothing")
            try await tell("on")
            try await begin()
            try await desk.reflectionsLater()
            #expect(desk.told.dropFirst(2) == ["edited 90.00"])
            #expect(try await desk.finding() == ["reflection_asked: amount: total: confirmed as 100.00 USD, the ledger has 80.00 USD"])
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE action = 'reflection.tell' AND actor = 'test'") == 1)
            // Accepted once, and changed there again: that is another question.
            try await desk.there("O-1") { $0.total = 7_000 }
            try await begin()
            #expect(try await desk.finding().count == 2)
            #expect(desk.told.count == 3)
        }
    }

    @Test("what a document that differs has its source told of is that document's alert alone: another's ends without it") func alone() async throws {
        try await Desk.reflecting([("masters.amount", "ask")]) { desk in
            let house = desk.house, key = AlertKey.reflection(house.flow)
            func over() async throws -> Bool {
                try await house.worker.raise(house.tenant, [Reflect.alert(house.flow)])
                try await house.worker.transaction { tx throws(Fault) in try await tx.over(house.tenant, house.flow) }
                return try await !desk.alerts().contains(key)
            }
            try await desk.run(sale())
            try await house.worker.raise(house.tenant, [Reflect.alert(house.flow)])
            try await desk.there("O-1") { $0.total = 9_000 }
            #expect(try await desk.finding().count == 1)
            #expect(try await !desk.alerts().contains(key), "over with the very look that holds it")
            #expect(try await over())
            try await house.owner.query("UPDATE app.postings SET state = 'confirmed', fault = NULL, findings = '[]'")
            #expect(try await !over(), "nothing else tells of it")
        }
    }

    @Test("credit that somebody sets against a document there is told as credit, not as money, and holds no payment") func credit() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale(), sale("O-2"))
            try await desk.there("O-1") { $0.credited = 10_000 }
            #expect(try await desk.reflections().filter { $0.hasPrefix("credit") } == ["credit_applied told"])
            #expect(desk.told.last == "credit_applied 100.00")
            #expect(try await desk.house.count("SELECT count(*) FROM app.reflections WHERE says->>'credited' = '100.00' AND says->>'paid' IS NULL") == 1)
            try await desk.there("O-2") { entry in
                entry.credited = 4_000
                entry.theirs = 6_000
            }
            #expect(desk.told.last == "paid 100.00 60.00")
            try await desk.there("O-1") { $0.credited = 0 }
            #expect(desk.told.last == "posted 100.00")
            let count = desk.told.count
            try await desk.notice(desk.books.entries[0].id)
            #expect(desk.told.count == count)
        }
        // A credit note of ours: whose credit it is can't be told, and the source knows of its own.
        try await Desk.reflecting { desk in
            try await desk.run(sale(), payment(), refund())
            try await desk.there("O-1") { $0.credited = 5_000 }
            #expect(!desk.told.contains { $0.hasPrefix("credit_applied") })
        }
    }

    @Test("both sides changed is for a person, whoever is master") func conflict() async throws {
        try await Desk.reflecting([("masters.amount", "ledger")]) { desk in
            try await desk.run(sale())
            let key = try await desk.posting("invoice", "O-1").key
            desk.books.state.with { state in
                state.entries[0].total = 9_000
                state.entries[0].version += 1
            }
            // Marked, and not looked at yet, when the source's own change comes.
            try await desk.house.worker.mark(desk.house.tenant, desk.house.ledger, keys: [(key, nil)])
            try await desk.house.owner.query("DELETE FROM app.jobs WHERE kind = 'confirm'")
            try await desk.arrive(editUp())
            try await desk.work()
            try await desk.house.supervisor.askForgotten()
            try await desk.work()
            #expect(try await desk.finding() == [
                "reflection_conflict: total: confirmed as 100.00 USD, the ledger has 90.00 USD; the source has changed it too, to 150.00 USD",
            ])
            #expect(desk.told == ["posted 100.00"])
            #expect(desk.books.entries.map(\.total) == [9_000])
        }
    }

    @Test("taken back in the ledger before anybody decided, the question is over and the source is told nothing") func takenBack() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.total = 9_000 }
            #expect(try await desk.finding().count == 1)
            try await desk.there("O-1") { $0.total = 10_000 }
            try await desk.order(.retry, try await desk.posting("invoice", "O-1").key)
            #expect(try await desk.finding().isEmpty)
            #expect(try await desk.alerts().contains("reflection/\(desk.house.flow)") == false)
            #expect(desk.told == ["posted 100.00"])
        }
    }

    @Test("a source that fetches finds each state in its list, in order; one without a place for it is told nothing") func places() async throws {
        try await Desk.reflecting(source: ScriptedSource(reflectionPlace: .fetched)) { desk in
            try await desk.run(sale(), sale("O-2"))
            try await desk.there("O-1") { $0.theirs = 10_000 }
            #expect(desk.told.isEmpty)
            #expect(try await desk.reflections().sorted() == ["paid kept", "posted kept", "posted kept"])
            var list: [Int64] = []
            for row in try await desk.house.owner.query("SELECT seq FROM app.reflections ORDER BY created_at, seq") { list.append(try row.get("seq")) }
            #expect(list == [1, 2, 3])
        }
        try await Desk.reflecting(source: ScriptedSource()) { desk in
            try await desk.run(sale())
            #expect(desk.told.isEmpty)
            #expect(try await desk.reflections() == ["posted none"])
        }
    }
}
