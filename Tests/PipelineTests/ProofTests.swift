import Books
import ConnectorKit
import Courier
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

@Suite("Confirm, charts and proofs") struct ProofTests {
    @Test("a ledger that holds another amount, day or account is found out, field by field", arguments: ["total", "date", "account 4000"])
    func differs(field: String) async throws {
        try await Desk.with { desk in
            desk.books.script(.twist { entry in
                switch field {
                case "total": entry.total += 1
                case "date": entry.date = "2026-11-09"
                default: entry.accounts["4000", default: 0] += 1
                }
            })
            try await desk.run(sale())
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            #expect(try await desk.checks("invoice", "O-1") == ["drift"])
            #expect(try await desk.alerts().contains("variance/\(desk.house.flow)/\(field)"))
            try await desk.run(sale(cups: 3, version: 2))
            #expect(desk.books.writes.count == 1, "what waits for a person is not overwritten")
        }
    }

    @Test("a document that vanished from the ledger waits for a person after a few looks") func vanished() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            for kind in [Job.Kind.normalize, .map, .post] {
                let subject = kind == .normalize ? desk.house.source.description : desk.house.flow.description
                _ = try await desk.pipeline.run(Job(kind, subject, lane: .webhook), in: setup)
            }
            desk.books.state.with { $0.entries = [] }
            for _ in 0 ..< 7 { try await desk.later() }
            #expect(try await desk.states() == ["invoice O-1": "manual"])
        }
    }

    @Test("an account made inactive is noticed by a rejection, held by name, and released when it is active again") func chart() async throws {
        try await Desk.with { desk in
            try await desk.run(sale("O-0"))
            desk.books.state.with { $0.accounts = [("4000", false)] }
            desk.books.always(.reject(["O-1"]))
            try await desk.run(sale(), payment())
            #expect(try await desk.states()["invoice O-1"] == "held")
            #expect(try await desk.checks("invoice", "O-1").contains("inactive_account"))
            #expect(try await desk.states()["payment P-1"] == "held")
            desk.books.state.with { $0.accounts = [("4000", true)] }
            desk.books.always(.fine)
            try await desk.house.worker.ask(desk.house.tenant, [Job(.chart, desk.house.ledger.description, lane: .interactive)])
            try await desk.work()
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"])
        }
    }

    @Test("a chart that changed holds what was cleared under the old one") func clearedAgain() async throws {
        try await Desk.with { desk in
            try await desk.run(sale("O-0"))
            desk.books.always(.answer(429, retryAfter: 600))
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states()["invoice O-1"] == "cleared")
            desk.books.state.with { $0.accounts = [] }
            try await desk.house.worker.ask(desk.house.tenant, [Job(.chart, desk.house.ledger.description, lane: .interactive)])
            try await desk.later()
            #expect(try await desk.states()["invoice O-1"] == "held")
            #expect(try await desk.checks("invoice", "O-1").contains("unknown_account"))
        }
    }

    @Test("rules that change have what is held planned anew") func rules() async throws {
        try await Desk.with { desk in
            let id = desk.house.tenant
            try await desk.house.owner.query("UPDATE app.structures SET body = jsonb_set(body::jsonb, '{accounts}', (body::jsonb->'accounts') - 'sales:*')")
            try await desk.run(sale())
            #expect(try await desk.checks("invoice", "O-1").contains("unknown_account"))
            let rules = #"{"rules": [{"name": "all sales", "when": {"role": "sales:*"}, "set": {"account": "4000"}}]}"#
            _ = try await desk.house.supervisor.transaction { tx throws(Fault) in try await tx.putVersion(.rules, id, body: Array(rules.utf8), actor: "test") }
            try await desk.work()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("a dead connection keeps what waits, and coming back to life sets it going") func dead() async throws {
        try await Desk.with { desk in
            desk.books.script(.answer(401))
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.house.count("SELECT count(*) FROM app.connections WHERE slug = 'books' AND state = 'dead'") == 1)
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            try await desk.house.owner.query("DELETE FROM app.jobs")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.identify, desk.house.ledger.description, lane: .interactive)])
            try await desk.later()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("work that nobody asked for is found by the backstop") func forgotten() async throws {
        try await Desk.with { desk in
            for stop in ["ingested", "cleared", "posted"] {
                try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books' AND \(stop == "cleared")")
                try await desk.arrive(sale("O-\(stop)"))
                if stop != "ingested" { try await desk.work() }
                if stop == "posted" { try await desk.house.owner.query("UPDATE app.postings SET state = 'posted' WHERE subject = 'O-posted'") }
                try await desk.house.owner.batch(["DELETE FROM app.jobs", "UPDATE app.connections SET state = 'live'"])
                try await desk.house.supervisor.askForgotten()
                try await desk.work()
                try await desk.later()
                #expect(try await desk.states()["invoice O-\(stop)"] == "reconciled")
            }
            try await desk.house.owner.query("DELETE FROM app.jobs")
            try await desk.house.supervisor.askForgotten()
            #expect(try await desk.house.count("SELECT count(*) FROM app.jobs") == 0)
        }
    }

    @Test("a payment that the source takes back and the ledger keeps is unexplained") func stray() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment())
            try await desk.house.owner.query("DELETE FROM app.documents WHERE kind = 'payment'")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.reconcile, desk.house.flow.description, lane: .audit)])
            try await desk.work()
            #expect(try await desk.unexplained() == 10_000)
            #expect(try await desk.alerts().contains("unexplained/\(desk.house.flow)/2026-11-02"))
        }
    }
}

@Suite("The proof's arithmetic") struct ReconcileTests {
    private let today = LocalDate(year: 2026, month: 11, day: 2) ?? LocalDate(daysSince1970: 0)

    private func source(_ minor: Int64 = 100, cancelled: Bool = false, pending: Bool = false) -> SourceAmount {
        SourceAmount(side: "sale", sourceID: "O-1", day: today, currency: "USD", minor: minor, cancelled: cancelled, pending: pending)
    }

    private func posting(_ state: String, _ minor: Int64 = 100, _ id: String = "O-1", side: String = "sale", why: String = "closed_period") -> PostingAmount {
        PostingAmount(side: side, sourceID: id, state: state, minor: minor, why: why, day: today, currency: "USD")
    }

    @Test("both sides equal is a proof of zero") func zero() throws {
        let proof = try #require(Reconcile.prove([source()], [posting("confirmed")], cutOver: nil).first)
        #expect((proof.source, proof.posted, proof.open, proof.unexplained) == (100, 100, 0, 0))
        #expect(proof.items.isEmpty)
    }

    @Test("every kind of difference has its name") func names() throws {
        func why(_ s: [SourceAmount], _ p: [PostingAmount], cutOver: LocalDate? = nil) throws -> [String] {
            try #require(Reconcile.prove(s, p, cutOver: cutOver).first).items.map(\.why)
        }
        #expect(try why([source()], [posting("held")]) == ["closed_period"])
        #expect(try why([source()], [posting("rejected", why: "refused")]) == ["refused"])
        #expect(try why([source()], []) == ["unexplained"])
        #expect(try why([source(pending: true)], []) == ["not planned yet"])
        #expect(try why([source(cancelled: true)], [posting("voided")]) == ["cancelled"])
        #expect(try why([source()], [], cutOver: today.adding(days: 1)) == ["before the cut-over"])
        #expect(try why([source()], [posting("confirmed", 99)]) == ["unexplained"])
        #expect(try why([], [posting("confirmed")]) == ["unexplained"])
    }

    @Test("what a held posting names to the cent is that posting's own difference; a cent more, another amount or another state is unexplained", arguments: [1, -1] as [Int64])
    func held(sign: Int64) throws {
        func proof(_ says: Int64, _ planned: Int64, _ state: String = "held", gap: PostingAmount.Gap? = .init(stated: 100, instead: 115)) throws -> Reconcile.Proof {
            var held = posting(state, sign * planned, why: "unbalanced")
            held.gaps = gap.map { [$0] } ?? []
            return try #require(Reconcile.prove([source(sign * says)], [held], cutOver: nil).first)
        }
        let told = try proof(100, 115)
        #expect(told.unexplained == 0 && told.open == sign * 100 && told.items.map(\.why) == ["unbalanced", "unbalanced"])
        for (other, rest) in [(try proof(101, 115), 14), (try proof(100, 114), 14), (try proof(100, 116), 16), (try proof(115, 100), 15)] {
            #expect(other.unexplained == rest && other.items.map(\.why) == ["unbalanced", "unexplained"])
        }
        #expect(try proof(100, 115, gap: nil).unexplained == 15)
        #expect(try proof(100, 115, "confirmed").unexplained == 15, "what the ledger has is no more held")
    }

    @Test("differences of both signs do not cancel out") func noNetting() throws {
        let other = SourceAmount(side: "sale", sourceID: "O-2", day: today, currency: "USD", minor: 100)
        let proofs = Reconcile.prove([source(), other], [posting("confirmed", 90), posting("confirmed", 110, "O-2")], cutOver: nil)
        #expect(proofs.map(\.unexplained) == [20])
        #expect(proofs.map(\.posted) == [200])
    }

    @Test("what is superseded, voided or skipped counts for nothing") func gone() {
        for state in ["superseded", "voided", "skipped"] {
            #expect(Reconcile.prove([], [posting(state)], cutOver: nil).isEmpty)
            #expect(Reconcile.prove([source()], [posting(state)], cutOver: nil).map(\.unexplained) == [100])
        }
    }

    @Test("a settlement or a journal is no sale") func otherSides() {
        #expect(Reconcile.prove([], [posting("confirmed", 100, "J-1", side: "journal")], cutOver: nil).isEmpty)
    }
}
