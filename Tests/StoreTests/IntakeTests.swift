import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Intake of events", .serialized, .timeLimit(.minutes(2))) struct EventTests {
    private func event(_ house: House, _ id: String, connection: ConnectionID? = nil) -> NewEvent {
        NewEvent(tenant: house.tenant, connection: connection ?? house.source, topic: "t", deliveryID: id, sealedBody: [1])
    }

    private func kept(_ house: House) async throws -> [String] {
        try await house.worker.ingested(house.tenant, house.source, limit: 50).map(\.deliveryID)
    }

    @Test("a delivery is kept once, however often and in whatever company it comes") func dedupe() async throws {
        try await Street.with { house async throws in
            #expect(try await house.worker.ingest([event(house, "a"), event(house, "b"), event(house, "a")], lane: .webhook) == 2)
            #expect(try await house.worker.ingest([event(house, "b"), event(house, "c")], lane: .webhook) == 1)
            #expect(try await house.worker.ingest([], lane: .webhook) == 0)
            #expect(try await kept(house).sorted() == ["a", "b", "c"])
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).map(\.kind) == [.normalize])
            let (worker, pair) = (house.worker, [event(house, "x"), event(house, "y")])
            let both = try await sideBySide(6) { n in try await worker.ingest(n % 2 == 0 ? pair : pair.reversed(), lane: .webhook) }
            #expect(both.reduce(0, +) == 2)
            #expect(try await kept(house).count == 5)
        }
    }

    @Test("naming what is new changes nothing in the statement of ordinary deliveries but its last line, which counts") func naming() throws {
        let random = SeededRandom(seed: 3)
        let events = [NewEvent(tenant: random.identifier(), connection: random.identifier(), topic: "t", deliveryID: "a", sealedBody: [1])]
        let plain = EventStatements.ingest(events, lane: .webhook), naming = EventStatements.ingestNaming(events, lane: .webhook)
        var lines = plain.text.split(separator: "\n"), others = naming.text.split(separator: "\n")
        let ends = (lines.popLast(), others.popLast())
        #expect(ends.0 == "SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM asked) AS asked")
        #expect(ends.1 == "SELECT delivery_id FROM fresh")
        #expect(lines == others)
        #expect(plain.text.matches(of: /RETURNING ([^\n]*)/).map { String($0.1) } == ["tenant_id, connection_id, delivery_id", "tenant_id, connection_id", "1"])
    }

    @Test("naming keeps what is new once, with its job, and remembers what it said apart from what was delivered") func named() async throws {
        try await Street.with { house async throws in
            let pool = house.worker.pool
            func named(_ ids: String...) async throws -> [String] {
                try await pool.texts(EventStatements.ingestNaming(ids.map { event(house, $0) }, lane: .webhook)).sorted()
            }
            #expect(try await named("a", "b", "a") == ["a", "b"])
            #expect(try await named("b", "c") == ["c"])
            #expect(try await kept(house).sorted() == ["a", "b", "c"])
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).map(\.kind) == [.normalize])
            for _ in 0 ..< 2 { try await pool.query(EventStatements.said(house.tenant, house.source, ["a#1", "b#2"])) }
            #expect(try await pool.texts(EventStatements.remembered(house.tenant, house.source, ["a#1", "b#1", "c#1"])) == ["a#1"])
            #expect(try await pool.texts(EventStatements.remembered(house.tenant, house.ledger, ["a#1"])).isEmpty)
        }
    }

    @Test("a delivery repeated asks for no work; a new one asks again while the job runs") func asked() async throws {
        try await Street.with { house async throws in
            _ = try await house.worker.ingest([event(house, "a")], lane: .webhook)
            let job = try #require(try await house.worker.dueJobs(house.tenant, limit: 5).first)
            _ = try await house.worker.ingest([event(house, "a")], lane: .webhook)
            try await house.worker.finish(house.tenant, job)
            #expect(try await house.worker.nextDue(house.tenant) == nil)
            _ = try await house.worker.ingest([event(house, "b")], lane: .webhook)
            let next = try #require(try await house.worker.dueJobs(house.tenant, limit: 5).first)
            _ = try await house.worker.ingest([event(house, "c")], lane: .webhook)
            try await house.worker.finish(house.tenant, next)
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).count == 1)
        }
    }

    @Test("what was delivered is known when its body is long gone") func outlives() async throws {
        try await Street.with { house async throws in
            _ = try await house.worker.ingest([event(house, "a")], lane: .webhook)
            try await house.owner.query("DELETE FROM app.events WHERE tenant_id = \(house.tenant)")
            #expect(try await house.worker.ingest([event(house, "a")], lane: .webhook) == 0)
        }
    }

    @Test("the same number from another connection or for another tenant is another delivery") func others() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let events = [event(house, "a"), event(house, "a", connection: house.ledger), event(other, "a")]
            #expect(try await house.supervisor.ingest(events, lane: .webhook) == 3)
            #expect(try await other.worker.ingested(other.tenant, other.source, limit: 5).count == 1)
            await other.worker.pool.close()
        }
    }

    @Test("one event that cannot be kept keeps all of its company out, to be delivered again") func whole() async throws {
        try await Street.with { house async throws in
            let strange = event(house, "b", connection: SystemRandom().identifier())
            #expect(await faultCode { _ = try await house.worker.ingest([event(house, "a"), strange], lane: .webhook) } == "foreign_key_violation")
            #expect(try await kept(house) == [])
            #expect(try await house.worker.ingest([event(house, "a")], lane: .webhook) == 1)
        }
    }

    @Test("a tenant cannot deliver to another") func foreign() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            #expect(await faultCode { _ = try await house.worker.ingest([event(other, "a")], lane: .webhook) } == "permission_denied")
            #expect(try await other.worker.ingested(other.tenant, other.source, limit: 5).isEmpty)
            await other.worker.pool.close()
        }
    }

    @Test("a job takes as many rows as it may, and names them before it has them") func batches() async throws {
        try await Street.with { house async throws in
            _ = try await house.worker.ingest([event(house, "a"), event(house, "b"), event(house, "c")], lane: .webhook)
            let named = Locked<[[String]]>([])
            let ids = try await Batches.$current.withValue(Batches(most: 2, begin: { rows in named.with { $0.append(rows) } })) {
                try await house.worker.ingested(house.tenant, house.source, limit: 100).map(\.id)
            }
            #expect(ids.count == 2)
            #expect(named.with { $0 } == [ids.map { "event \($0)" }])
            #expect(try await house.worker.ingested(house.tenant, house.source, limit: 100).count == 3)
        }
    }

    @Test("an event is normalised or held once, and only from where it came in") func states() async throws {
        try await Street.with { house async throws in
            _ = try await house.worker.ingest([event(house, "a"), event(house, "b")], lane: .webhook)
            let ids = try await house.worker.ingested(house.tenant, house.source, limit: 5).map(\.id)
            try await house.worker.pool.query(EventStatements.held(house.tenant, id: ids[0], fault: Array("{}".utf8)))
            #expect(try await house.worker.pool.query(EventStatements.normalized(house.tenant, ids: ids)).affected == 1)
            #expect(try await house.worker.pool.query(EventStatements.held(house.tenant, id: ids[1], fault: Array("{}".utf8))).affected == 0)
            #expect(try await house.texts("SELECT state FROM app.events WHERE tenant_id = \(house.tenant) ORDER BY id") == ["held", "normalized"])
        }
    }
}

@Suite("Documents and cases", .serialized, .timeLimit(.minutes(2))) struct DocumentTests {
    private let noon = Timestamp(seconds: 1_790_000_000)

    private func row(_ id: String, _ version: Int64, _ body: String = "{}", caseID: String = "O-1", note: Bool = false, at: Timestamp? = nil) -> DocumentRow {
        DocumentRow(
            kind: note ? "edit" : "sale", isNote: note, sourceID: id, id: SystemRandom().identifier(), caseID: caseID, version: version, at: at ?? noon,
            body: Array(body.utf8))
    }

    /// The cases that changed, sorted.
    private func upsert(_ house: House, _ rows: DocumentRow...) async throws -> [String] {
        let note = rows.contains(where: \.isNote)
        let sql = note ? DocumentStatements.upsertNotes(house.tenant, house.flow, rows) : DocumentStatements.upsert(house.tenant, house.flow, rows)
        return try await house.worker.pool.texts(sql).sorted()
    }

    private func stored(_ house: House) async throws -> [String] {
        try await house.worker.documents(house.tenant, house.flow, cases: ["O-1", "O-2"]).map { "\($0.sourceID) \($0.version) \(String(decoding: $0.body, as: UTF8.self))" }
    }

    @Test("newer versions win, older and equal ones are ignored, whatever the order they come in", arguments: [false, true]) func versions(note: Bool) async throws {
        try await Street.with { house async throws in
            #expect(try await upsert(house, row("a", 2, #"{"n": 2}"#, note: note)) == ["O-1"])
            #expect(try await upsert(house, row("a", 1, #"{"n": 1}"#, note: note)) == [])
            #expect(try await upsert(house, row("a", 2, #"{"n": 9}"#, note: note)) == [])
            #expect(try await stored(house) == [#"a 2 {"n": 2}"#])
            #expect(try await upsert(house, row("a", 3, #"{"n": 3}"#, note: note)) == ["O-1"])
            #expect(try await stored(house) == [#"a 3 {"n": 3}"#])
        }
    }

    @Test("a newer version that says the same changes no case, but no version between the two can win any more", arguments: [false, true])
    func same(note: Bool) async throws {
        try await Street.with { house async throws in
            _ = try await upsert(house, row("a", 1, #"{"n": 1}"#, note: note))
            #expect(try await upsert(house, row("a", 5, #"{"n":1}"#, note: note)) == [])
            #expect(try await upsert(house, row("a", 3, #"{"n": 3}"#, note: note)) == [])
            #expect(try await stored(house) == [#"a 5 {"n": 1}"#])
            #expect(try await upsert(house, row("a", 6, #"{"n": 1}"#, note: note, at: noon + .seconds(1))) == ["O-1"], "its time is part of what it says")
        }
    }

    @Test("a document that moves to another case changes both", arguments: [false, true]) func moved(note: Bool) async throws {
        try await Street.with { house async throws in
            _ = try await upsert(house, row("a", 1, note: note))
            #expect(try await upsert(house, row("a", 2, caseID: "O-2", note: note)) == ["O-1", "O-2"])
        }
    }

    @Test("a case that changes while it is planned stays to be planned") func dirty() async throws {
        try await Street.with { house async throws in
            let (tenant, flow, worker) = (house.tenant, house.flow, house.worker)
            try await worker.pool.query(DocumentStatements.markDirty(tenant, flow, cases: ["O-1", "O-2", "O-1"]))
            let read = try await worker.dirtyCases(tenant, flow, limit: 5)
            #expect(read.map(\.caseID).sorted() == ["O-1", "O-2"])
            try await worker.pool.query(DocumentStatements.markDirty(tenant, flow, cases: ["O-2"]))
            try await worker.pool.query(DocumentStatements.planned(tenant, flow, read))
            #expect(try await worker.dirtyCases(tenant, flow, limit: 5).map(\.caseID) == ["O-2"])
            let now = try await worker.dirtyCases(tenant, flow, limit: 5)
            try await worker.pool.query(DocumentStatements.planned(tenant, flow, now))
            #expect(try await worker.anyDirty(tenant, flow) == false)
        }
    }

    @Test("a case with a send under way waits, and keeps nobody behind it waiting", arguments: ["posting", "unknown"]) func waits(state: String) async throws {
        try await Street.with { house async throws in
            _ = try await house.posting(state)
            try await house.worker.pool.query(DocumentStatements.markDirty(house.tenant, house.flow, cases: ["O-1", "O-2"]))
            #expect(try await house.worker.dirtyCases(house.tenant, house.flow, limit: 1).map(\.caseID) == ["O-2"])
            #expect(try await house.worker.anyDirty(house.tenant, house.flow))
        }
    }

    @Test("a case that cannot be planned says why once, and is tried again when the configuration changes") func unplannable() async throws {
        try await Street.with { house async throws in
            let alert = AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")
            try await house.worker.pool.query(DocumentStatements.markDirty(house.tenant, house.flow, cases: ["O-1"]))
            let read = try #require(try await house.worker.dirtyCases(house.tenant, house.flow, limit: 5).first)
            for _ in 0 ..< 2 {
                try await house.worker.unplannable(house.tenant, house.flow, read, fault: Array("{}".utf8), alert: alert)
                // The second time the case has changed since it was read.
                try await house.worker.pool.query(DocumentStatements.markDirty(house.tenant, house.flow, cases: ["O-1"]))
            }
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(house.tenant) AND action = 'case.held'") == 1)
            let again = try #require(try await house.worker.dirtyCases(house.tenant, house.flow, limit: 5).first)
            try await house.worker.unplannable(house.tenant, house.flow, again, fault: Array("{}".utf8), alert: alert)
            #expect(try await house.worker.anyDirty(house.tenant, house.flow) == false)
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.replan(house.tenant) }
            #expect(try await house.worker.dirtyCases(house.tenant, house.flow, limit: 5).map(\.caseID) == ["O-1"])
        }
    }

    @Test("parts are known by their id in either kind") func known() async throws {
        try await Street.with { house async throws in
            _ = try await upsert(house, row("a", 1))
            _ = try await upsert(house, row("b", 1, note: true))
            #expect(try await house.worker.knownParts(house.tenant, house.flow, ids: ["a", "b", "c"]) == ["sale a", "edit b"])
        }
    }

    @Test("what money is on its way of is not known until that has settled: its end is told under the same id") func open() async throws {
        try await Street.with { house async throws in
            for (id, status) in [("r1", "success"), ("r2", "pending"), ("r3", "authorised"), ("r4", "failure")] {
                _ = try await upsert(house, row(id, 1))
                try await house.owner.query(
                    "UPDATE app.documents SET body = jsonb_build_object('transactions', jsonb_build_array(jsonb_build_object('status', \(status)::text), jsonb_build_object('status', 'success'))) WHERE source_id = \(id)")
            }
            #expect(try await house.worker.knownParts(house.tenant, house.flow, ids: ["r1", "r2", "r3", "r4"]) == ["sale r1", "sale r4"])
        }
    }
}
