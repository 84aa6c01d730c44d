import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import Wire

/// A database goes back to an older state while the ledger goes on.
@Suite("A restored database", .timeLimit(.minutes(5))) struct RestoredTests {
    private static let again = "2026-11-02T10:00:00Z"

    /// Orders with what became of them, in the order in which a source told of it.
    private static func told(_ seed: UInt64) -> [SourceDocument] {
        var dice = Seeded(seed)
        var out: [SourceDocument] = []
        for n in 1 ... 7 {
            let order = "O-\(n)"
            out.append(sale(order))
            switch dice.int(0 ... 4) {
            case 0: out.append(cancellation(of: order))
            case 1: out += [payment("P-\(n)", of: order), refund("R-\(n)", of: order)]
            case 2: out.append(editUp("E-\(n)", of: order))
            case 3: out.append(payment("P-\(n)", of: order))
            default: break
            }
        }
        return out
    }

    @Test("each document stands in the ledger once, however much was posted since and whatever the ledger takes twice", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func once(seed: UInt64) async throws {
        try await Desk.with { desk in
            desk.books.state.with { $0.takesTwice = true }
            var dice = Seeded(seed)
            let told = Self.told(seed), cut = dice.int(1 ... told.count - 1)
            for document in told[..<cut] { try await desk.arrive(document) }
            try await desk.work()
            if dice.flip() { try await desk.later() }
            try await desk.keepState()
            // What is lost: some of it has happened altogether, of some the answer was never heard.
            if dice.flip() { desk.books.script(.loseAnswer) }
            for document in told[cut...] {
                try await desk.arrive(document)
                if dice.flip() { try await desk.work() }
            }
            try await desk.work()
            if dice.flip() { try await desk.later() }
            try await desk.goBack()
            _ = try await desk.declareRestored()
            // Sources are read from the old watermark: everything comes again.
            for document in told { try await desk.arrive(document) }
            try await desk.readAgain()
            for _ in 0 ..< 4 { try await desk.hourPasses() }
            for (key, entries) in Dictionary(grouping: desk.books.entries.filter { !$0.voided }, by: \.key) {
                #expect(entries.count == 1, "seed \(seed): \(key) \(entries.map { "\($0.form) \($0.subject) \($0.total)" })")
            }
            // As if nothing had happened.
            let there = desk.books.entries.filter { !$0.voided }.map { "\($0.form) \($0.subject) \($0.total)" }.sorted()
            let wanted = try await Self.undisturbed(told)
            #expect(there == wanted, "seed \(seed)")
            let states = try await desk.states()
            #expect(Set(states.values).isSubset(of: ["confirmed", "reconciled", "voided", "superseded"]), "seed \(seed): \(states)")
            #expect(try await desk.unexplained() == 0)
        }
    }

    /// What the ledger has in the end where nothing goes wrong.
    private static func undisturbed(_ told: [SourceDocument]) async throws -> [String] {
        let out = Locked<[String]>([])
        try await Desk.with { desk in
            for document in told { try await desk.arrive(document) }
            try await desk.work()
            for _ in 0 ..< 3 { try await desk.hourPasses() }
            let there = desk.books.entries.filter { !$0.voided }.map { "\($0.form) \($0.subject) \($0.total)" }.sorted()
            out.with { $0 = there }
        }
        return out.with { $0 }
    }

    @Test("without the word that it was restored, what is sent again is there twice: what these tests look for can be seen") func undeclared() async throws {
        try await Desk.with { desk in
            desk.books.state.with { $0.takesTwice = true }
            try await desk.keepState()
            try await desk.run(sale())
            try await desk.goBack()
            try await desk.run(sale())
            #expect(desk.books.entries.map(\.subject) == ["O-1", "O-1"])
        }
    }

    @Test("nothing is looked for before the sources were read again, and nothing sent before it was looked for; what is new since is sent after a look") func inOrder() async throws {
        try await Desk.with { desk in
            try await desk.keepState()
            try await desk.run(sale())
            try await desk.goBack()
            let report = try await desk.declareRestored()
            #expect(report.flows == 1 && report.tenants == 1)
            try await desk.arrive(sale(), sale("O-2"))
            try await desk.work()
            #expect(Set(try await desk.states().values) == ["cleared"])
            try await desk.readAgain()
            #expect(["posted", "confirmed", "reconciled"].contains(try await desk.states()["invoice O-1"]))
            // A search that finds nothing is not believed at once.
            #expect(try await desk.states()["invoice O-2"] == "unknown")
            #expect(desk.books.entries.count == 1)
            for _ in 0 ..< 3 { try await desk.hourPasses() }
            #expect(desk.books.entries.map(\.subject) == ["O-1", "O-2"])
            #expect(try await desk.intents("O-1") == ["create posted"])
            #expect(try await desk.intents("O-2") == ["create not_sent", "create posted"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'database.restored'") == 1)
            // The look reaches back to before the state that was brought back.
            let sinces = desk.books.state.with { $0.sinces }
            #expect(!sinces.isEmpty && sinces.allSatisfy { $0.map { $0 < SystemClocks().now().seconds - 86_000 } ?? false })
        }
    }

    @Test("a change and a void that were sent since are found as they are, and not sent again") func changed() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), sale("O-2"))
            try await desk.keepState()
            try await desk.run(editUp(), cancellation(of: "O-2"))
            let sent = desk.books.requests.count { $0 == "POST /update" || $0 == "POST /void" }
            #expect(sent == 2)
            try await desk.goBack()
            _ = try await desk.declareRestored()
            try await desk.arrive(editUp(), cancellation(of: "O-2"))
            try await desk.readAgain()
            for _ in 0 ..< 3 { try await desk.hourPasses() }
            #expect(desk.books.requests.count { $0 == "POST /update" || $0 == "POST /void" } == sent)
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "invoice O-2": "voided"])
        }
    }

    @Test("what was about to be sent then, was sent since and is called off now is taken back, not forgotten") func calledOff() async throws {
        try await Desk.with { desk in
            try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'")
            try await desk.arrive(sale())
            try await desk.house.worker.ask(desk.house.tenant, [Job(.chart, desk.house.ledger.description, lane: .interactive)])
            try await desk.work()
            try await desk.house.owner.query("UPDATE app.connections SET state = 'live' WHERE slug = 'books'")
            try await desk.keepState()
            try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
            try await desk.work()
            #expect(desk.books.entries.count == 1)
            try await desk.goBack()
            _ = try await desk.declareRestored()
            try await desk.arrive(cancellation())
            try await desk.readAgain()
            for _ in 0 ..< 4 { try await desk.hourPasses() }
            #expect(desk.books.entries.map(\.voided) == [true])
            #expect(try await desk.states() == ["invoice O-1": "voided"])
        }
    }

    @Test("a worker that read its list before the word was given sends nothing of it") func readBefore() async throws {
        try await Desk.with { desk in
            try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'")
            try await desk.arrive(sale())
            try await desk.work()
            let due = try await desk.house.worker.duePostings(desk.house.tenant, desk.house.flow, limit: 10)
            #expect(due.count == 1)
            _ = try await desk.declareRestored()
            let intents = due.map { NewIntent(key: $0.key, revision: $0.revision, action: .create, attempt: "a", requestDigest: [1]) }
            let fault = await #expect(throws: Fault.self) {
                try await desk.house.worker.writeIntents(desk.house.tenant, epoch: desk.lease.epoch, intents, audit: [])
            }
            #expect(fault?.code == "posting_moved")
            #expect(try await desk.house.count("SELECT count(*) FROM app.intents") == 0)
        }
    }

    @Test("a ledger that can't be searched has what is in doubt parked for a person, and nothing is sent") func unsearchable() async throws {
        try await Desk.with(ledger: ScriptedLedger(searchable: false)) { desk in
            try await desk.keepState()
            try await desk.run(sale())
            try await desk.goBack()
            _ = try await desk.declareRestored()
            try await desk.arrive(sale())
            try await desk.readAgain()
            for _ in 0 ..< 2 { try await desk.hourPasses() }
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            #expect(desk.books.entries.count == 1)
        }
    }

    @Test("a ledger of files holds what is in doubt, with what to do, and a person's release lets it be handed over") func byFile() async throws {
        var plan = House.Plan()
        plan.policies = [("customer", "house")]
        try await Desk.with(plan, connector: PaperBooks(), answering: { _ in .text(500, "nobody asks") }) { desk in
            let house = desk.house
            try await house.worker.saveChart(house.tenant, house.ledger, PaperBooks.chart)
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            func takeable() async throws -> Int {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.takeable(house.tenant, house.ledger, until: nil, limit: 10).rows.count }
            }
            #expect(try await takeable() == 1)
            _ = try await desk.declareRestored()
            #expect(try await takeable() == 0)
            try await desk.later()
            try await house.worker.ask(house.tenant, [Job(.map, house.flow.description, lane: .webhook)])
            try await desk.work()
            #expect(try await desk.checks("invoice", "O-1") == ["restored"])
            // What is checked again for another reason stays held.
            try await house.owner.query("UPDATE app.cases SET dirty = true")
            try await house.owner.query("UPDATE app.postings SET state = 'mapped'")
            try await house.worker.ask(house.tenant, [Job(.map, house.flow.description, lane: .webhook)])
            try await desk.work()
            #expect(try await desk.checks("invoice", "O-1") == ["restored"])
            let key = try await desk.posting("invoice", "O-1").key
            _ = try await house.supervisor.transaction { tx throws(Fault) in
                try await tx.order(.release, house.tenant, key, findings: Array("[]".utf8), detail: Array("{}".utf8), actor: "somebody")
            }
            try await desk.work()
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            #expect(try await takeable() == 1)
            // An order of a time after the restore can't have been handed over before it.
            let today = LocalDate(daysSince1970: Int(SystemClocks().now().seconds / 86_400))
            try await house.owner.query("UPDATE app.flows SET restored_at = restored_at - interval '10 days'")
            try await desk.arrive(sale("O-2", at: "\(today.adding(days: -3))T10:00:00Z"))
            try await desk.work()
            #expect(try await desk.states()["invoice O-2"] == "cleared")
            #expect(try await takeable() == 2)
        }
    }

    @Test("a document of which nothing here knows, posted and called off in the lost time, is an alert once the ledger lists it") func orphan() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            try await desk.keepState()
            try await desk.run(sale("O-2"))
            try await desk.goBack()
            _ = try await desk.declareRestored()
            try await desk.readAgain()
            let keys = desk.books.entries.map { (key: $0.key, version: Optional("1")) }
            desk.books.state.with { $0.told = [ScriptedBooks.Told(keys: keys)] }
            try await desk.house.owner.query("UPDATE app.connections SET changes_watermark = now() - interval '1 hour', changes_due_at = NULL WHERE slug = 'books'")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.changes, desk.house.ledger.description, lane: .poll)])
            try await desk.work()
            #expect(try await desk.alerts().contains("orphaned/\(desk.house.ledger)"))
            let cause = try await desk.house.owner.query("SELECT cause FROM app.alerts WHERE key LIKE 'orphaned/%'")[0].get("cause", as: String.self)
            let lost = try #require(desk.books.entries.last)
            #expect(cause.contains(lost.key) && !cause.contains("more"))
        }
    }

    @Test("in the twins, too, each document stands once", arguments: [Country.america, .britain, .kingdom, .workshop].indices) func twins(index: Int) async throws {
        let here = [Country.america, .britain, .kingdom, .workshop][index]
        try await here.with { desk, twin in
            try await desk.run(here.sale("O-0", 1_000))
            try await desk.keepState()
            try await desk.run(here.sale(), here.payment())
            try await desk.later()
            let stood = twin.entries().filter(\.live).count
            #expect(stood >= 3, "\(here.name)")
            try await desk.goBack()
            _ = try await desk.declareRestored()
            try await desk.arrive(here.sale("O-0", 1_000, version: 2), here.sale(), here.payment(), here.sale("O-2", 700))
            try await desk.readAgain()
            for _ in 0 ..< 4 { try await desk.hourPasses() }
            #expect(twin.entries().filter(\.live).count == stood + 1, "\(here.name)")
            let states = try await desk.states()
            #expect(Set(states.values) == ["reconciled"], "\(here.name): \(states)")
        }
    }
}

/// A ledger without an API, and its accounts.
private struct PaperBooks: FileLedger {
    static let chart = ChartRow(
        lockDate: nil, baseCurrency: "USD", currencies: ["USD"], taxCodes: [],
        accounts: Array(#"[{"code": "4000", "remote_id": "4000", "name": "4000", "type": "any", "active": true}]"#.utf8), readAt: Timestamp(seconds: 1_790_000_000))

    var spec: PlatformSpec {
        PlatformSpec(
            id: "paper", name: "Paper", roles: [.ledger], productionBase: "http://127.0.0.1:1", sandboxBase: nil, auth: .header("X-Token"), headers: [:], limits: [],
            concurrency: 1, batchSizes: [:], pageSize: 100, fieldLengths: [:], idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero),
            tax: .none, dimensions: [], revisesPaidInvoices: false, apiVersion: "1", sunset: nil, sources: [:])
    }

    var settings: [String: String] { [:] }
    func accounts(_: [UInt8]) throws(Fault) -> [LedgerAccount] { [] }
    func objections(to _: LedgerDocument, _: ConnectionFacts) -> [Fault] { [] }
}

extension Desk {
    /// Keeps all tables as they are, to go back to.
    func keepState() async throws {
        try await script("""
            DO $$ DECLARE t record; BEGIN
              CREATE SCHEMA past;
              FOR t IN SELECT schemaname s, tablename n FROM pg_tables WHERE schemaname IN ('app', 'adm') LOOP
                EXECUTE format('CREATE TABLE past.%I AS TABLE %I.%I', t.s || '_' || t.n, t.s, t.n);
              END LOOP;
            END $$
            """)
    }

    /// The database is as it was, the ledger is not.
    func goBack() async throws {
        try await script("""
            DO $$ DECLARE t record; BEGIN
              SET LOCAL session_replication_role = replica;
              EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname IN ('app', 'adm'));
              FOR t IN SELECT schemaname s, tablename n FROM pg_tables WHERE schemaname IN ('app', 'adm') LOOP
                EXECUTE format('INSERT INTO %I.%I OVERRIDING SYSTEM VALUE TABLE past.%I', t.s, t.n, t.s || '_' || t.n);
              END LOOP;
            END $$
            """)
    }

    private func script(_ text: String) async throws { try await postgresScript(house.database.superuser, text) }

    func declareRestored() async throws -> RestoreReport {
        try await house.supervisor.declareRestored(to: nil, lineage: SystemRandom().identifier(), actor: "operator")
    }

    /// What has arrived is planned, and then the sources say that this is all.
    func readAgain() async throws {
        try await work()
        try await house.owner.query("UPDATE app.connections SET swept_at = clock_timestamp() WHERE id = \(house.source)")
        try await house.worker.ask(house.tenant, [.map, .post].map { Job($0, house.flow.description, lane: .webhook) })
        try await later()
        try await later()
    }

    /// An hour, for sends and for the restore alike.
    func hourPasses() async throws {
        try await house.owner.batch([
            "UPDATE app.intents SET written_at = written_at - interval '1 hour'", "UPDATE app.flows SET restored_at = restored_at - interval '1 hour'",
        ])
        try await house.worker.ask(house.tenant, [.map, .post, .confirm].map { Job($0, house.flow.description, lane: .webhook) })
        try await later()
        try await later()
    }
}
