import Books
import ConnectorKit
import Courier
import Crypto
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

extension Desk {
    /// Takes what is cleared in hand and hands it over, as a person would.
    fileprivate func handOver(findable: Bool = true) async throws -> BatchID {
        let house = house
        return try await house.supervisor.transaction { tx throws(Fault) -> BatchID in
            let (rows, next) = try await tx.takeable(house.tenant, house.ledger, until: nil, limit: 100)
            let content = Array("file".utf8)
            let items = rows.map { row in
                NewBatch.Item(
                    key: row.key, revision: row.revision, reference: "\(row.key.text)-\(row.revision)", currency: "USD", figureMinor: 1, findable: findable)
            }
            let new = NewBatch(
                id: SystemRandom().identifier(), connection: house.ledger, number: next, form: "journal-csv", formVersion: "1", fileName: "f.csv",
                mediaType: "text/csv", content: content, digest: Digest.sha256(content), rows: 1, notes: Array("[]".utf8), actor: "test", items: items)
            try await tx.keep(house.tenant, new)
            try await tx.handOver(house.tenant, try await tx.batch(house.tenant, new.id), actor: "test")
            return new.id
        }
    }

    fileprivate func settle(_ id: BatchID, confirm: Bool) async throws {
        let house = house
        try await house.supervisor.transaction { tx throws(Fault) in
            let head = try await tx.batch(house.tenant, id), items = try await tx.inHand(house.tenant, head)
            if confirm {
                try await tx.confirm(house.tenant, head, items, BatchWord(confirmed: items.map(\.key)), actor: "test", detail: Array("{}".utf8))
            } else {
                try await tx.withdraw(house.tenant, head, items, doubted: items.filter(\.findable).map(\.key), actor: "test", detail: Array("{}".utf8))
            }
        }
    }

    fileprivate func look() async throws {
        try await house.worker.ask(house.tenant, [Job(.look, house.ledger.description, lane: .interactive)])
        try await work()
    }

    /// The ledger is not live while a person works: what is cleared stays there.
    fileprivate func down(_ state: String = "paused") async throws {
        try await house.owner.query("UPDATE app.connections SET state = \(state) WHERE tenant_id = \(house.tenant) AND id = \(house.ledger)")
    }

    /// Checked and cleared while the ledger can't be written to.
    fileprivate func clear(_ document: SourceDocument) async throws {
        try await house.worker.ask(house.tenant, [Job(.chart, house.ledger.description, lane: .interactive)])
        try await work()
        try await arrive(document)
        try await down()
        try await work()
    }

    /// The file was imported, as `create` would have written it.
    fileprivate func imports(_ form: String, _ subject: String) async throws {
        let row = try await posting(form, subject)
        books.state.with {
            $0.entries.append(ScriptedBooks.Entry(
                key: row.key.text, id: "H1", subject: subject, form: form, total: row.totalMinor, date: row.date.description, accounts: ["4000": 0]))
        }
    }
}

@Suite("What was handed over") struct LookTests {
    @Test("nothing of it is sent while it is in hand, however often the ledger comes back") func notSent() async throws {
        try await Desk.with { desk in
            try await desk.clear(sale())
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            _ = try await desk.handOver()
            try await desk.down("live")
            for _ in 0 ..< 3 {
                try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .interactive)])
                try await desk.later()
            }
            try await desk.look()
            #expect(try await desk.states() == ["invoice O-1": "manual"] && desk.books.writes.isEmpty)
        }
    }

    @Test("a batch withdrawn after it was imported is found in the ledger and not sent again") func withdrawnButThere() async throws {
        try await Desk.with { desk in
            try await desk.clear(sale())
            let id = try await desk.handOver()
            try await desk.imports("invoice", "O-1")
            try await desk.settle(id, confirm: false)
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            try await desk.down("live")
            try await desk.later()
            try await desk.muchLater()
            #expect(desk.books.writes.isEmpty && desk.books.entries.count == 1)
            #expect(try await desk.posting("invoice", "O-1").remoteID == "H1")
        }
    }

    @Test("a batch withdrawn and never imported is sent, once a search for it can be believed") func withdrawnAndNotThere() async throws {
        try await Desk.with { desk in
            try await desk.clear(sale())
            let id = try await desk.handOver()
            try await desk.settle(id, confirm: false)
            try await desk.down("live")
            try await desk.later()
            #expect(desk.books.writes.isEmpty, "not found proves nothing yet")
            try await desk.muchLater()
            #expect(desk.books.writes.count == 1 && desk.books.entries.count == 1)
        }
    }

    @Test("what the ledger shows is taken for posted and compared; what it does not show stays in hand") func look() async throws {
        try await Desk.with { desk in
            try await desk.clear(sale())
            _ = try await desk.handOver()
            try await desk.down("live")
            try await desk.look()
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            try await desk.imports("invoice", "O-1")
            try await desk.look()
            #expect(try await desk.posting("invoice", "O-1").remoteID == "H1" && desk.books.writes.isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.batches WHERE state = 'confirmed'") == 1)
        }
    }

    @Test("a change of what went there by hand is planned, and never sent by the API") func changed() async throws {
        try await Desk.with { desk in
            try await desk.clear(sale())
            let id = try await desk.handOver(findable: false)
            try await desk.settle(id, confirm: true)
            try await desk.down("live")
            try await desk.later()
            let state = try await desk.states()["invoice O-1"] ?? ""
            #expect(["confirmed", "reconciled"].contains(state))
            try await desk.arrive(payment())
            try await desk.later()
            #expect(try await desk.states()["payment P-1"] == "cleared", "it settles what the API does not know")
            #expect(try await desk.checks("payment", "P-1") == ["waits_for_batch"], "and says so")
            #expect(try await desk.alerts() == ["held/\(desk.house.flow)/waits_for_batch"])
            #expect(desk.books.writes.isEmpty)
        }
    }
}

@Suite("What changes while a file has it in hand") struct ChangedInHandTests {
    private func handed(_ desk: Desk) async throws -> BatchID {
        try await desk.clear(sale())
        let id = try await desk.handOver(findable: false)
        try await desk.down("live")
        return id
    }

    @Test("it is told by name with its remedy, and nothing of it is sent; what changes back is not told any more") func told() async throws {
        try await Desk.with { desk in
            let id = try await handed(desk)
            try await desk.run(sale(cups: 3, version: 2))
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            #expect(try await desk.checks("invoice", "O-1") == ["changed_in_hand"])
            #expect(try await desk.alerts() == ["changed_in_hand/\(id)"])
            #expect(try await desk.posting("invoice", "O-1").totalMinor == 10_000, "what stands in the file stays")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.reconcile, desk.house.flow.description, lane: .audit)])
            try await desk.work()
            #expect(try await desk.unexplained() == 0, "the difference is open by name")
            try await desk.run(sale(cups: 4, version: 3))
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'posting.changed_in_hand'") == 1, "once is enough")
            try await desk.run(sale(cups: 2, version: 4))
            #expect(try await desk.checks("invoice", "O-1") == [])
            #expect(desk.books.writes.isEmpty)
        }
    }

    @Test("what no ledger is told of is no change: which order it is drawn from, and the mark that it counted when it was paid", arguments: [
        #"{"drawn_from": {"form": "sales_order", "subject": "O-1"}}"#, #"{"note": "counts since it was paid"}"#,
    ])
    func mark(was: String) async throws {
        try await Desk.with { desk in
            _ = try await handed(desk)
            // As an earlier version wrote it.
            try await desk.house.owner.query("UPDATE app.postings SET plan = plan || \(was)::text::jsonb, plan_digest = decode(repeat('00', 32), 'hex')")
            try await desk.run(sale(version: 2))
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            #expect(try await desk.checks("invoice", "O-1") == [])
            try await desk.run(sale(cups: 3, version: 3))
            #expect(try await desk.checks("invoice", "O-1") == ["changed_in_hand"])
        }
    }

    @Test("confirmed, its change waits for another batch by name; handed over and confirmed too, everything stands once") func confirmed() async throws {
        try await Desk.with { desk in
            let id = try await handed(desk)
            try await desk.run(sale(cups: 3, version: 2))
            try await desk.settle(id, confirm: true)
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            #expect(try await desk.checks("invoice", "O-1") == ["waits_for_batch"])
            #expect(try await desk.alerts() == ["held/\(desk.house.flow)/waits_for_batch"], "the batch is settled")
            let next = try await desk.handOver(findable: false)
            let change = try await desk.posting("invoice", "O-1")
            #expect(change.revision == 2 && change.totalMinor == 15_000 && change.sent != nil)
            try await desk.settle(next, confirm: true)
            try await desk.later()
            #expect(["confirmed", "reconciled"].contains(try await desk.states()["invoice O-1"] ?? ""))
            #expect(try await desk.unexplained() == 0 && desk.books.writes.isEmpty)
        }
    }

    @Test("withdrawn, it is planned as it is by now and sent once") func withdrawn() async throws {
        try await Desk.with { desk in
            let id = try await handed(desk)
            try await desk.run(sale(cups: 3, version: 2))
            try await desk.settle(id, confirm: false)
            try await desk.later()
            #expect(desk.books.entries.map(\.total) == [15_000] && desk.books.writes.count == 1)
            #expect(!(try await desk.alerts()).contains("changed_in_hand/\(id)"))
        }
    }

    @Test("an order that is cancelled meanwhile is told; confirmed, it is taken back by a batch; withdrawn, nothing is left of it", arguments: [true, false])
    func cancelled(confirm: Bool) async throws {
        try await Desk.with { desk in
            let id = try await handed(desk)
            try await desk.run(cancellation())
            #expect(try await desk.checks("invoice", "O-1") == ["changed_in_hand"])
            try await desk.settle(id, confirm: confirm)
            try await desk.later()
            let row = try await desk.posting("invoice", "O-1")
            #expect("\(row.effect) \(row.state)" == (confirm ? "void cleared" : "post superseded"))
            #expect(desk.books.writes.isEmpty)
        }
    }

    @Test("a payment that comes meanwhile waits by name for the batch, and follows by hand what went by hand") func payments() async throws {
        try await Desk.with { desk in
            let id = try await handed(desk)
            try await desk.run(payment())
            #expect(try await desk.states() == ["invoice O-1": "manual", "payment P-1": "held"])
            #expect(try await desk.checks("payment", "P-1") == ["waits_for_original"])
            try await desk.settle(id, confirm: true)
            try await desk.later()
            #expect(try await desk.states()["payment P-1"] == "cleared")
            #expect(desk.books.writes.isEmpty)
            _ = try await desk.handOver(findable: false)
            #expect(try await desk.states()["payment P-1"] == "manual")
        }
    }

    @Test("the parts of a summary in hand stay in it: none is gathered anew or sent by itself until its batch is settled") func parts() async throws {
        let policies: [(name: String, value: String)] = [("posting", "daily_summary"), ("edit", "revise")]
        let day = "2026-11-02:shop"
        try await Desk.with(policies: policies) { desk in
            let id = try await handed(desk)
            #expect(try await desk.states() == ["invoice O-1": "gathered", "summary \(day)": "manual"])
            // Another day's summary would have it, while the file has it too.
            try await desk.run(sale(version: 2, at: "2026-11-03T10:00:00Z"))
            #expect(try await desk.states() == ["invoice O-1": "gathered", "summary \(day)": "manual"])
            #expect(try await desk.checks("summary", day) == ["changed_in_hand"])
            #expect(desk.books.writes.isEmpty)
            try await desk.settle(id, confirm: false)
            try await desk.later()
            #expect(desk.books.entries.map(\.subject) == ["2026-11-03:shop"], "it stands once, on its new day")
            #expect(try await desk.unexplained() == 0)
        }
    }
}
