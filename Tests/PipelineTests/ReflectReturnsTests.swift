import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
import Returns
import Store
import TestKit
import Testing
import TwinKit
import TwinReturns
import Wire

private let rms: [(name: String, value: String)] = [("returns.owner", "rms"), ("returns.from", "returns")]
private let shop: [(name: String, value: String)] = [("returns.owner", "shop"), ("returns.from", "returns"), ("rms_wait", "PT0S")]

extension Desk {
    /// What each was told, without marks and in no order: what begins with `return` the returns system, the rest the shop.
    fileprivate func toldSorted(_ isReturns: Bool) -> [String] { told.filter { $0.hasPrefix("return ") == isReturns }.sorted() }

    /// Somebody changes an entry of a form there, and the ledger says so by webhook.
    fileprivate func changes(_ form: String, _ change: @Sendable (inout ScriptedBooks.Entry) -> Void) async throws {
        let id: String = books.state.with { state in
            for i in state.entries.indices where state.entries[i].form == form {
                change(&state.entries[i])
                state.entries[i].version += 1
                return state.entries[i].id
            }
            return ""
        }
        try await notice(id)
    }

    /// So long that what was under way to documents has arrived, and they have been looked at again; and that what was lost has been looked for.
    fileprivate func allLater() async throws {
        try await house.owner.query("UPDATE app.postings SET recheck_at = clock_timestamp() - interval '1 second' WHERE recheck_at IS NOT NULL")
        try await house.worker.ask(house.tenant, [Job(.confirm, house.flow.description, lane: .poll)])
        try await later()
        try await reflectionsLater()
    }

    fileprivate func live(_ form: String) -> [Int64] { books.entries.filter { $0.form == form && !$0.voided }.map(\.total) }

    /// An order that is paid, and whose return and refund are told, each by who knows of it.
    fileprivate func comesBack(_ returns: ConnectionID, shopFirst: Bool) async throws {
        try await run(sale(), payment())
        if shopFirst { try await run(kept()) }
        try await tell(returned(), by: returns)
        if !shopFirst { try await run(kept()) }
        try await allLater()
    }
}

@Suite("A returns system is told what the ledger has") struct ReflectReturnsTests {
    @Test("whoever owns returns, the return hears of its credit note and of the money, once each, and the shop of its documents", arguments: [true, false], [true, false])
    func told(shopOwns: Bool, shopFirst: Bool) async throws {
        try await Desk.reflecting(shopOwns ? shop : rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.comesBack(returns, shopFirst: shopFirst)
            #expect(desk.live("credit_note") == [4_200] && desk.live("refund_payment") == [4_200])
            #expect(desk.toldSorted(true) == ["return 7 credit_note credited 42.00", "return 7 refund_payment posted 42.00"])
            #expect(Set(desk.toldSorted(false)) == ["posted 100.00", "credited 42.00"])
            let told = desk.told.count
            for _ in 0 ..< 3 {
                for entry in desk.books.entries { try await desk.notice(entry.id) }
                try await desk.allLater()
            }
            #expect(desk.told.count == told)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a credit note that is used, voided or edited in the ledger, and money that is voided there, are told to the return", arguments: [true, false])
    func changed(shopOwns: Bool) async throws {
        try await Desk.reflecting((shopOwns ? shop : rms) + [("masters.void", "ledger"), ("masters.amount", "ledger")]) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            if shopOwns { try await desk.run(kept()) }
            try await desk.tell(returned(inCredit: false), by: returns)
            try await desk.allLater()
            try await desk.changes("credit_note") { $0.total = 4_100 }
            #expect(desk.toldSorted(true).contains("return 7 credit_note edited 41.00"))
            try await desk.changes("refund_payment") { $0.voided = true }
            #expect(desk.toldSorted(true).contains("return 7 refund_payment voided 42.00"))
            #expect(desk.toldSorted(true).count == 4)
            // The credit note stands as the ledger shows it; money that is gone is a person's matter.
            let manual = try await desk.states().filter { $0.value == "manual" }.keys.sorted()
            #expect(manual.count == 1 && manual.allSatisfy { $0.hasPrefix("refund_payment ") }, "\(manual)")
        }
    }

    @Test("credit that a bookkeeper sets against something is told; our own refund of it is not, nor does it hold a payment of the customer") func used() async throws {
        try await Desk.reflecting(rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment("P-0", 5_000))
            try await desk.tell(returned(), by: returns)
            try await desk.allLater()
            for entry in desk.books.entries { try await desk.notice(entry.id) }
            #expect(desk.live("refund_payment") == [4_200] && !desk.toldSorted(true).contains { $0.contains("paid") })
            try await desk.changes("credit_note") { $0.theirs = 500 }
            try await desk.allLater()
            #expect(desk.toldSorted(true).filter { $0.contains("paid") } == ["return 7 credit_note part_paid 42.00 5.00"])
            try await desk.run(payment("P-1", 5_000))
            #expect(try await desk.states()["payment P-1"] == "reconciled")
        }
    }

    @Test("credit that is used in the ledger while ours of it waits is a conflict: a person is asked, for each who would be told") func conflict() async throws {
        try await Desk.reflecting(rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            // No account is bound for store credit: the credit itself is held.
            try await desk.tell(returned(refund: nil, inCredit: true), by: returns)
            #expect(try await desk.states()["refund_payment return:7"] == "held")
            try await desk.changes("credit_note") { $0.theirs = 500 }
            try await desk.allLater()
            let why = "reflection_conflict: paid: the ledger has 5.00 USD that the source did not tell of, the source 42.00 that the ledger lacks"
            #expect(try await desk.finding() == [why, why])
            #expect(!desk.told.contains { $0.contains("paid") })
        }
    }

    @Test("two returns that one refund gives each hear of it, under marks of their own") func shared() async throws {
        try await Desk.reflecting(shop) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            let line = RefundLine(line: "L1", quantity: ExactDecimal(2), net: usd(10_000), taxes: [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: usd(0))])
            let body = Refund(
                currency: .usd, taxIncluded: false, lines: [line], total: usd(10_000),
                transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(10_000), status: .success)])
            try await desk.run(SourceDocument(id: "R-1", caseID: "O-1", version: 1, at: at("2026-11-03T10:00:00Z"), body: .refund(body)))
            try await desk.tell(returned(fee: 0), by: returns)
            try await desk.tell(returned("return:8", fee: 0), by: returns)
            try await desk.allLater()
            #expect(desk.live("credit_note") == [10_000] && desk.live("refund_payment") == [10_000])
            #expect(desk.toldSorted(true) == [7, 8].flatMap { ["return \($0) credit_note credited 100.00", "return \($0) refund_payment posted 100.00"] })
            #expect(Set(desk.books.state.with { $0.notes.map { $0.text.split(separator: " ").last ?? "" } }).count == desk.told.count)
        }
    }

    @Test("a returns system that is not connected now keeps no shop from being told, and hears of it once it is") func asleep() async throws {
        try await Desk.reflecting(rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            #expect(desk.toldSorted(true).count == 2)
            try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE id = \(returns)")
            try await desk.changes("credit_note") { $0.total = 4_100 }
            try await desk.house.owner.query("UPDATE app.reflections SET state = 'due', finding = NULL WHERE state = 'held'")
            try await desk.allLater()
            #expect(desk.toldSorted(false).contains("edited 41.00"))
            #expect(desk.toldSorted(true).count == 2)
            try await desk.house.owner.query("UPDATE app.connections SET state = 'live' WHERE id = \(returns)")
            try await desk.allLater()
            #expect(desk.toldSorted(true).contains("return 7 credit_note edited 41.00"))
        }
    }

    @Test("a returns system without a place is told nothing, and each state says so by name") func noPlace() async throws {
        try await Desk.reflecting(rms, source: ScriptedSource(reflectionPlace: .none)) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            #expect(desk.told.isEmpty)
            let sql: SQL = "SELECT count(*) FROM app.reflections WHERE state = 'none' AND fault->>'code' = 'no_place'"
            #expect(try await desk.house.count(sql) == 4)
            #expect(try await desk.alerts().isEmpty)
        }
    }

    @Test("systems that write to the contract find it in their list, by their own id of the return") func contract() async throws {
        try await Desk.reflecting(rms, source: ScriptedSource(reflectionPlace: .fetched)) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            let list = try await desk.house.supervisor.fetchedReflections(desk.house.tenant, returns, after: 0, limit: 50)
            let items = try list.map { row throws(Fault) in try JSON(parsing: row.json) }
            #expect(Set(items.map { "\($0["subject"]?.string ?? "") \($0["form"]?.string ?? "") \($0["state"]?.string ?? "")" }) == ["7 credit_note credited", "7 refund_payment posted"])
            #expect(items.compactMap { $0["seq"]?.int } == [1, 2] && items.allSatisfy { $0["case"]?.string == "O-1" })
            let shops = try await desk.house.supervisor.fetchedReflections(desk.house.tenant, desk.house.source, after: 0, limit: 50)
            #expect(shops.count == 2)
        }
    }
}

/// A store in Loop beside the scripted shop, with one return of its order; answers to its notes may get lost.
private struct LoopStore: Sendable {
    enum Act: Sendable { case fine, loseRequest, loseAnswer }

    let twin: ReturnsTwin
    let clocks = SystemClocks()
    /// What happens to the next notes that are written.
    let acts = Locked([Act]())
    /// Notes whose writing the twin was asked for.
    let writes = Locked(0)

    init() throws {
        twin = try ReturnsTwin(.loop, journal: TwinJournal(inMemory: []))
        _ = try twin.happen(
            [
                "do": "requested", "store": "mesa", "id": "55120", "order": "O-1", "order_name": "#O-1", "fee": 800,
                "lines": [["line": "L1", "sku": "CUP", "title": "Cup", "price": 5_000]],
            ], at: clocks.now())
        _ = try twin.happen(["do": "settled", "store": "mesa", "id": "55120", "refund_id": "R-1", "gateway": "card"], at: clocks.now())
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse? {
        guard request.path.hasPrefix("/api/v1/") else { return nil }
        guard request.method == .post, request.path.hasSuffix("/note") else { return twin.respond(request, at: clocks.now()) }
        let act = acts.with { $0.isEmpty ? .fine : $0.removeFirst() }
        if act == .loseRequest { return HTTPResponse(502) }
        writes.with { $0 += 1 }
        let answer = twin.respond(request, at: clocks.now())
        return act == .loseAnswer ? HTTPResponse(502) : answer
    }

    /// Ours beside the return.
    func notes() throws -> [String] {
        var request = HTTPRequest(.get, "/api/v1/warehouse/return/55120/notes")
        request.fields["X-Authorization"] = "returns_mesa"
        return (try JSON(parsing: twin.respond(request, at: clocks.now()).body)["notes"]?.array ?? []).compactMap { $0["content"]?.string }
    }

    func with(_ policies: [(name: String, value: String)], _ body: @escaping @Sendable (Desk, ConnectionID) async throws -> Void) async throws {
        try await Desk.with(
            policies: [("customer", "house"), ("edit", "revise"), ("reflect", "on")] + policies, ledger: ScriptedLedger(tells: true), source: ScriptedSource(),
            more: [ReturnsConnector(.loop)], beside: { self.answer($0) }
        ) { desk in
            let returns = try await desk.connectReturns("loop-returns", credential: #"{"parts": {"api_key": "returns_mesa"}}"#)
            try await desk.house.owner.query(
                "UPDATE app.connections SET base_url = (SELECT base_url FROM app.connections WHERE id = \(desk.house.ledger)) WHERE id = \(returns)")
            try await body(desk, returns)
        }
    }
}

extension Desk {
    /// Loop is asked what changed, as by its schedule.
    fileprivate func sweep(_ returns: ConnectionID) async throws {
        try await house.worker.ask(house.tenant, [Job(.sweep, returns.description, lane: .poll)])
        try await later()
    }
}

@Suite("A returns system hears the echo of its notes") struct ReturnsEchoTests {
    /// Whatever happens to our writes, and whatever Loop says of them, in any order, doubled or not at all.
    @Test("any loss of notes and of their answers, and any echo of them, leaves each note there once and posts nothing more", arguments: [1, 2, 3, 4, 5, 6] as [UInt64], [true, false])
    func interleaved(seed: UInt64, shopOwns: Bool) async throws {
        let loop = try LoopStore(), random = SeededRandom(seed: seed)
        @Sendable func any(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
        let fates: [LoopStore.Act] = [.fine, .loseRequest, .loseAnswer]
        loop.acts.with { acts in for _ in 0 ..< 8 { acts.append(fates[any(3)]) } }
        try await loop.with(shopOwns ? shop : rms) { desk, returns in
            try await desk.run(sale(), payment())
            let shopFirst = any(2) == 0
            if shopFirst { try await desk.run(kept()) }
            try await desk.sweep(returns)
            if !shopFirst { try await desk.run(kept()) }
            func echo() async throws {
                switch any(5) {
                case 0: try await desk.sweep(returns)
                case 1: try await desk.allLater()
                case 2: try await desk.work()
                case 3: try await desk.arrive(records: [Self.webhook(desk.next())], to: returns)
                default: for entry in desk.books.entries { try await desk.notice(entry.id) }
                }
            }
            for _ in 0 ..< 6 { try await echo() }
            // Whatever was lost has been looked for by then.
            for _ in 0 ..< 8 { try await desk.allLater() }
            let notes = try loop.notes()
            #expect(notes.count == 2 && notes.contains { $0.contains("credit note for") } && notes.contains { $0.contains("refund payment for") }, "seed \(seed): \(notes)")
            let entries = desk.books.entries.map { "\($0.form) \($0.total)" }.sorted(), writes = desk.books.writes.count, asked = loop.writes.with { $0 }
            #expect(entries == ["credit_note 4200", "invoice 10000", "payment 10000", "refund_payment 4200"], "seed \(seed)")
            for _ in 0 ..< 8 { try await echo() }
            try await desk.sweep(returns)
            try await desk.allLater()
            #expect(try loop.notes() == notes && loop.writes.with { $0 } == asked && desk.books.writes.count == writes, "seed \(seed)")
            #expect(try await desk.reflections().filter { $0.hasSuffix(" sent") || $0.hasSuffix(" due") } == [], "seed \(seed)")
            #expect(try await desk.unexplained() == 0, "seed \(seed)")
        }
    }

    /// As Loop sends it after each note.
    private static func webhook(_ delivery: String) -> RawRecord {
        RawRecord(topic: "return.updated", deliveryID: delivery, body: Array(#"{"topic":"return","trigger":"return.updated","id":"55120"}"#.utf8))
    }

    @Test("a note whose answer Loop lost is left alone for three minutes, then found and not written again") func lost() async throws {
        let loop = try LoopStore()
        loop.acts.with { $0 = [.loseAnswer] }
        try await loop.with(rms) { desk, returns in
            try await desk.run(sale(), payment())
            try await desk.sweep(returns)
            let wait: SQL = "SELECT count(*) FROM app.reflections WHERE state = 'sent' AND next_attempt_at - sent_at >= interval '180 seconds'"
            #expect(try await desk.house.count(wait) == 1)
            for _ in 0 ..< 3 {
                try await desk.house.worker.ask(desk.house.tenant, [Job(.reflect, desk.house.flow.description, lane: .interactive)])
                try await desk.later()
            }
            #expect(loop.writes.with { $0 } == 2, "the other one was told meanwhile")
            try await desk.allLater()
            #expect(loop.writes.with { $0 } == 2)
            #expect(try loop.notes().count == 2)
            #expect(try await desk.house.count("SELECT count(*) FROM app.reflections WHERE state = 'told' AND remote_id ~ '^[0-9]+$'") == 1)
        }
    }
}
