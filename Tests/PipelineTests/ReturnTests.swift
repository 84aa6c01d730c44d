import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

private let rms: [(name: String, value: String)] = [("edit", "revise"), ("returns.owner", "rms"), ("returns.from", "returns")]
private let shop: [(name: String, value: String)] = [("edit", "revise"), ("returns.owner", "shop"), ("returns.from", "returns"), ("rms_wait", "PT0S")]

/// One cup comes back: 50.00, of which 8.00 are kept.
func returned(
    _ id: String = "return:7", refund: String? = "R-1", version: Int64 = 1, inCredit: Bool = false, fee kept: Int64 = 800, day: String = "2026-11-03"
) -> SourceDocument {
    let settlement = ReturnSettlement(
        total: usd(5_000 - kept), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(inCredit ? 4_200 : 0),
        storeCreditRef: inCredit ? "SC-1" : nil,
        refunds: inCredit ? [] : [MoneyMovement(id: refund ?? "refund-1", gateway: "card", amount: usd(5_000 - kept), status: .success)])
    let line = ReturnedLine(line: "L1", quantity: .one, reasonCode: nil, net: usd(5_000), taxes: [])
    let fee = ReturnFee(id: "F1", kind: .restocking, amount: usd(kept))
    return SourceDocument(
        id: id, caseID: "O-1", version: version, at: at("\(day)T12:00:00Z"),
        body: .goodsReturn(GoodsReturn(state: "closed", refundRef: refund, lines: [line], fees: [fee], settlement: settlement)))
}

/// The shop's word on it.
func kept(_ given: Int64 = 4_200, version: Int64 = 1) -> SourceDocument {
    let line = RefundLine(line: "L1", quantity: .one, net: usd(5_000), taxes: [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: usd(0))])
    let body = Refund(
        currency: .usd, taxIncluded: false, lines: [line], adjustments: [RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-800))],
        total: usd(given), transactions: given == 0 ? [] : [MoneyMovement(id: "T1", gateway: "card", amount: usd(given), status: .success)])
    return SourceDocument(id: "R-1", caseID: "O-1", version: version, at: at("2026-11-03T10:00:00Z"), body: .refund(body))
}

extension Desk {
    /// A second source beside the shop, whose slug the policies name.
    func connectReturns(_ platform: String? = nil, credential: String? = nil) async throws -> ConnectionID {
        let id: ConnectionID = SystemRandom().identifier()
        try await house.owner.query("""
            INSERT INTO app.connections (tenant_id, id, slug, platform, account, base_url, state, credential, credential_version)
            SELECT tenant_id, \(id), 'returns', coalesce(\(platform), platform), 'returns-1', base_url, 'live', coalesce(\(credential.map { Array($0.utf8) }), credential), 1
            FROM app.connections WHERE tenant_id = \(house.tenant) AND id = \(house.source)
            """)
        return id
    }

    func tell(_ document: SourceDocument, by connection: ConnectionID) async throws {
        let record = ScriptedSource.record(document, delivery: next())
        _ = try await house.worker.ingest(
            [NewEvent(tenant: house.tenant, connection: connection, topic: record.topic, deliveryID: record.deliveryID, sealedBody: record.body)],
            lane: .webhook)
        try await work()
        try await later()
    }

    /// The returns system says this of its returns, and is asked; `later`: it has said so for a while.
    fileprivate func say(_ figures: String, by connection: ConnectionID, later: Bool) async throws {
        try await house.owner.query("""
            UPDATE app.connections SET settings = json_build_object('figures', \(figures)::text) WHERE tenant_id = \(house.tenant) AND id = \(connection)
            """)
        let setup = try await Setup.load(house.tenant, from: house.worker)
        let again = try await pipeline.run(Pipeline.figuresJob(connection), in: setup)
        #expect(again == .again(.seconds(15)) || again == .again(.seconds(30)))
        if later { try await house.owner.query("UPDATE app.return_figures SET since = since - interval '1 minute' WHERE tenant_id = \(house.tenant)") }
        _ = try await pipeline.run(Job(.reconcile, house.flow.description, lane: .audit), in: setup)
    }

    fileprivate func texts(_ sql: SQL) async throws -> [String] {
        var out: [String] = []
        for row in try await house.owner.query(sql) { out.append(try row.get(0)) }
        return out
    }

    /// Source, books, open and unexplained of the returns' proofs.
    fileprivate func returnProof() async throws -> [[Int64]] {
        var out: [[Int64]] = []
        for row in try await house.owner.query("""
            SELECT source_minor, posted_minor, open_minor, unexplained_minor FROM app.proofs WHERE account = 'returns:closed' ORDER BY day
            """)
        {
            out.append([try row.get("source_minor"), try row.get("posted_minor"), try row.get("open_minor"), try row.get("unexplained_minor")])
        }
        return out
    }

    fileprivate func live(_ form: String) -> [ScriptedBooks.Entry] { books.entries.filter { $0.form == form && !$0.voided } }
}

@Suite("Returns beside a shop") struct ReturnTests {
    @Test("the returns system's return joins the shop's order and is its one refund; the shop's own word changes nothing") func owned() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            #expect(try await desk.states() == [
                "invoice O-1": "reconciled", "payment P-1": "reconciled", "credit_note return:7": "reconciled", "refund_payment return:7": "reconciled",
            ])
            try await desk.run(kept())
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.alerts().isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.proofs WHERE source_minor <> posted_minor") == 0)
        }
    }

    @Test("the shop's word first is held by name until its return is told, and then it is one refund") func shopFirst() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), kept())
            #expect(try await desk.states()["credit_note R-1"] == "held")
            #expect(desk.live("refund_payment").isEmpty)
            try await desk.tell(returned(), by: returns)
            #expect(try await desk.states()["credit_note R-1"] == "superseded")
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a shop's refund of another sum than its return is held with both sums, explained in the day's proof, and let go when they agree", arguments: [true, false])
    func differing(isFirst: Bool) async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            if isFirst { try await desk.run(kept(4_300)) }
            try await desk.tell(returned(), by: returns)
            if !isFirst { try await desk.run(kept(4_300)) }
            let note = try await desk.posting("credit_note", "R-1")
            let words = String(decoding: note.findings, as: UTF8.self)
            #expect(note.state == "held" && words.contains("unbalanced") && words.contains("43.00 USD") && words.contains("42.00 USD"))
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.alerts().contains { $0.hasPrefix("held/") && $0.hasSuffix("/unbalanced") })
            try await desk.run(kept(4_200, version: 2))
            #expect(try await desk.states()["credit_note R-1"] == "superseded")
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a refund posted while the shop owned returns stays the one credit note once the returns system owns them, whether the sums agree or not", arguments: [4_200, 4_300] as [Int64])
    func standing(gave: Int64) async throws {
        try await Desk.with(policies: shop) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), kept(gave))
            #expect(desk.live("credit_note").map(\.total) == [gave])
            try await desk.house.owner.query("UPDATE app.flows SET policies = policies || '{\"returns.owner\":\"rms\"}' WHERE tenant_id = \(desk.house.tenant)")
            try await desk.tell(returned(), by: returns)
            #expect(desk.live("credit_note").map(\.total) == [gave] && desk.live("refund_payment").map(\.total) == [gave])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.alerts() == (gave == 4_200 ? [] : ["held/\(desk.house.flow)/unbalanced"]))
        }
    }

    @Test("a return posted while the returns system owned returns stays the one credit note once the shop owns them, whether the sums agree or not", arguments: [4_200, 4_300] as [Int64])
    func returnStanding(gave: Int64) async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            #expect(desk.live("credit_note").map(\.total) == [4_200])
            try await desk.house.owner.query("UPDATE app.flows SET policies = policies || '{\"returns.owner\":\"shop\",\"rms_wait\":\"PT0S\"}' WHERE tenant_id = \(desk.house.tenant)")
            try await desk.run(kept(gave))
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            #expect(try await desk.intents("return:7").allSatisfy { !$0.hasPrefix("void") })
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.alerts() == (gave == 4_200 ? [] : ["held/\(desk.house.flow)/unbalanced"]))
        }
    }

    @Test("a refund within a summary that stands stays the one refund once the returns system owns returns") func summed() async throws {
        try await Desk.with(policies: shop + [("posting", "daily_summary")]) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), kept())
            #expect(try await desk.states()["credit_note R-1"] == "gathered")
            try await desk.house.owner.query("UPDATE app.flows SET policies = policies || '{\"returns.owner\":\"rms\"}' WHERE tenant_id = \(desk.house.tenant)")
            try await desk.tell(returned(), by: returns)
            let states = try await desk.states()
            #expect(states["credit_note R-1"] == "gathered" && states["credit_note return:7"] == nil)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a return within a summary that stands keeps its day when its system tells of it anew: it is in that summary and in no other") func keepsItsDay() async throws {
        try await Desk.with(policies: rms + [("posting", "daily_summary")]) { desk in
            let returns = try await desk.connectReturns()
            func days() async throws -> [String] {
                try await desk.texts("SELECT DISTINCT ledger_date::text FROM app.postings WHERE form = 'summary' AND state <> 'superseded' AND effect = 'post' ORDER BY 1")
            }
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            #expect(try await days() == ["2026-11-02", "2026-11-03"])
            try await desk.tell(returned(version: 2, day: "2026-11-10"), by: returns)
            #expect(try await days() == ["2026-11-02", "2026-11-03"])
            #expect(try await desk.texts("SELECT ledger_date::text FROM app.postings WHERE form = 'credit_note'") == ["2026-11-03"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a return that its system tells otherwise than the shop is one alert, of what is held; a cent that is not held for is one of its own") func oneAlert() async throws {
        try await Desk.with(policies: shop) { desk in
            let returns = try await desk.connectReturns(), held = "held/\(desk.house.flow)/unbalanced"
            try await desk.run(sale(), payment(), kept())
            try await desk.tell(returned(), by: returns)
            try await desk.tell(returned(version: 2, fee: 1_300), by: returns)
            try await desk.say("return:7 closed 3700 R-1", by: returns, later: true)
            #expect(try await desk.alerts() == [held])
            #expect(try await desk.unexplained() == 0)
            #expect(desk.live("credit_note").map(\.total) == [4_200], "what the ledger has is as it was")
            try await desk.say("return:7 closed 3699 R-1", by: returns, later: true)
            #expect(try await desk.alerts() == [held, "returns_differ/\(desk.house.flow)"])
            try await desk.say("return:7 closed 4200 R-1", by: returns, later: true)
            try await desk.tell(returned(version: 3), by: returns)
            #expect(try await !desk.alerts().contains { $0.hasPrefix("unexplained") || $0.hasPrefix("returns_differ") })
        }
    }

    @Test("a shop's refund without a return is held by a name of its own and is no alert yet") func alone() async throws {
        try await Desk.with(policies: rms) { desk in
            _ = try await desk.connectReturns()
            try await desk.run(sale(), payment(), kept())
            let words = String(decoding: try await desk.posting("credit_note", "R-1").findings, as: UTF8.self)
            #expect(words.contains("waits_for_return"))
            #expect(try await desk.alerts().isEmpty)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test(
        "where the shop owns returns, credit alone is proven whether the shop tells of nothing, of a refund of nothing, or of as much as of a refund",
        arguments: [nil, 0, 4_200] as [Int64?], [true, false])
    func credit(shops: Int64?, isNamed: Bool) async throws {
        try await Desk.with(policies: shop) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(refund: isNamed && shops != nil ? "R-1" : nil, inCredit: true), by: returns)
            if let shops { try await desk.run(kept(shops)) }
            #expect(desk.live("credit_note").map(\.total) == [4_200])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("where the shop owns returns, the return's word after the refund was posted becomes a revision of it", arguments: [true, false])
    func enriched(isLate: Bool) async throws {
        try await Desk.with(policies: shop) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            if isLate {
                try await desk.run(kept())
                try await desk.tell(returned(), by: returns)
            } else {
                try await desk.tell(returned(), by: returns)
                try await desk.run(kept())
            }
            #expect(desk.live("credit_note").map(\.total) == [4_200] && desk.live("refund_payment").map(\.total) == [4_200])
            let plan = try PlanCodec.decode(try await desk.posting("credit_note", "R-1").plan)
            #expect(plan.lines.contains { $0.role == "restocking_fee_income" && $0.amount == usd(-800) })
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what the returns system says it gave is held against shop and books, told just now or for a while; what differs is one alert until it agrees")
    func totals() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns(), alert = "returns_differ/\(desk.house.flow)"
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            try await desk.say("return:7 closed 4200 R-1;return:8 open 0 R-9", by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_200, 4_200, 0, 0]])
            try await desk.say("return:7 closed 4300 R-1", by: returns, later: false)
            #expect(try await desk.returnProof() == [[4_300, 4_200, 100, 0]])
            #expect(try await desk.alerts().isEmpty)
            try await desk.say("return:7 closed 4300 R-1", by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_300, 4_200, 0, 100]])
            #expect(try await desk.alerts() == [alert])
            try await desk.tell(returned("return:9", refund: "R-2"), by: returns)
            #expect(try await desk.alerts() == [alert], "what happens meanwhile does not make it go")
            try await desk.say("return:7 closed 4200 R-1;return:9 closed 4200 R-2", by: returns, later: true)
            #expect(try await desk.alerts().isEmpty)
            #expect(try await desk.returnProof() == [[8_400, 8_400, 0, 0]])
        }
    }

    @Test("a return that its system tells of and no sweep has brought yet is open by name, for two sweeps and no longer") func underWay() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.say("return:7 closed 4200 R-1", by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_200, 0, 4_200, 0]])
            #expect(try await desk.alerts().isEmpty)
            try await desk.house.owner.query("UPDATE app.return_figures SET since = since - interval '1 hour' WHERE tenant_id = \(desk.house.tenant)")
            try await desk.say("return:7 closed 4200 R-1", by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_200, 0, 0, 4_200]])
        }
    }

    @Test("what is saved asks, with it, for the sweep that brings the documents and for the proof, and is read again soon while it is awaited; what is known asks for nothing")
    func asks() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.house.owner.query("UPDATE app.connections SET settings = '{\"figures\": \"return:7 closed 4200 R-1\"}' WHERE id = \(returns)")
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            func asked() async throws -> [String] {
                try await desk.house.owner.query("DELETE FROM app.jobs")
                let again = try await desk.pipeline.run(Pipeline.figuresJob(returns), in: setup)
                return ["\(again)"] + (try await desk.texts("SELECT kind FROM app.jobs ORDER BY kind"))
            }
            #expect(try await asked() == ["\(Pipeline.Result.again(.seconds(15)))", "reconcile", "sweep"])
            #expect(try await asked() == ["\(Pipeline.Result.again(.seconds(15)))", "reconcile"], "still awaited")
            try await desk.house.owner.query("UPDATE app.return_figures SET since = since - interval '1 day'")
            #expect(try await asked() == ["\(Pipeline.Result.again(.seconds(30)))"])
            try await desk.house.owner.query("UPDATE app.return_figures SET money_minor = 1")
            #expect(try await asked() == ["\(Pipeline.Result.again(.seconds(15)))", "reconcile", "sweep"])
        }
    }

    @Test("where a schedule says when the source is asked, what it was not asked for yet is no variance, and what it did not bring is one")
    func unpulled() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns(), figure = "return:7 closed 4200 R-1"
            try await desk.run(sale(), payment())
            try await desk.house.owner.query("""
                INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone, last_run_at, next_run_at)
                VALUES (\(desk.house.tenant), \(desk.house.flow), 'pull', 'daily at 06:00', 'Europe/London', now() - interval '12 hours', now() + interval '12 hours')
                """)
            try await desk.house.owner.query("UPDATE app.connections SET swept_at = now() - interval '12 hours' WHERE id = \(returns)")
            try await desk.say(figure, by: returns, later: false)
            try await desk.house.owner.query("UPDATE app.return_figures SET since = since - interval '6 hours'")
            try await desk.say(figure, by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_200, 0, 4_200, 0]])
            #expect(try await desk.alerts().isEmpty)
            #expect(try await desk.house.count("SELECT count(*) FROM app.proofs WHERE items::text LIKE '%not pulled yet%'") == 1)
            #expect(try await desk.house.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep'") == 0, "the schedule says when")
            // The run has just been: what it brought is on its way; and then it is not.
            try await desk.house.owner.query("UPDATE app.connections SET swept_at = now() WHERE id = \(returns)")
            try await desk.say(figure, by: returns, later: false)
            #expect(try await desk.alerts().isEmpty)
            try await desk.house.owner.query("UPDATE app.connections SET swept_at = now() - interval '2 minutes' WHERE id = \(returns)")
            try await desk.say(figure, by: returns, later: false)
            #expect(try await desk.alerts() == ["returns_differ/\(desk.house.flow)"])
        }
    }

    @Test("a return that the list does not tell of any more is asked for by itself, however long ago it was: it proves, and is missed when it changes")
    func old() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            try await desk.say("return:7 closed 4200 R-1 old", by: returns, later: true)
            #expect(try await desk.returnProof() == [[4_200, 4_200, 0, 0]])
            try await desk.say("return:7 closed 4300 R-1 old", by: returns, later: true)
            #expect(try await desk.alerts() == ["returns_differ/\(desk.house.flow)"])
            try await desk.say("return:8 open 0 R-9", by: returns, later: true)
            #expect(try await desk.alerts().isEmpty, "its system has it no more")
            #expect(try await desk.house.count("SELECT count(*) FROM app.return_figures") == 1)
        }
    }

    @Test("a return that says something else is asked for by itself, unless its document was told just now or a schedule says when its source is asked")
    func askedAlone() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            let asked: SQL = "SELECT subject FROM app.jobs WHERE kind = 'fetch'"
            try await desk.run(sale(), payment())
            try await desk.tell(returned(), by: returns)
            try await desk.say("return:7 closed 4200 R-1", by: returns, later: true)
            try await desk.say("return:7 closed 4250 R-1", by: returns, later: true)
            #expect(try await desk.texts(asked) == [], "its document is seconds old")
            try await desk.house.owner.query("UPDATE app.notes SET updated_at = updated_at - interval '100 days'")
            try await desk.say("return:7 closed 4250 R-1;return:8 closed 100 R-2", by: returns, later: true)
            #expect(try await desk.texts(asked) == [], "nothing says otherwise than before, and of the other there is no document")
            try await desk.house.owner.query(
                "INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone, next_run_at) VALUES (\(desk.house.tenant), \(desk.house.flow), 'pull', 'hourly', 'UTC', now() + interval '1 hour')")
            try await desk.say("return:7 closed 4260 R-1", by: returns, later: true)
            #expect(try await desk.texts(asked) == [], "the schedule says when")
            try await desk.house.owner.query("DELETE FROM app.schedules")
            try await desk.say("return:7 closed 4300 R-1 old", by: returns, later: true)
            #expect(try await desk.texts(asked) == ["\(returns)/7"])
        }
    }

    @Test("what a webhook told after it was read last is awaited, not missed") func newerNote() async throws {
        try await Desk.with(policies: shop) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), kept())
            try await desk.tell(returned(), by: returns)
            try await desk.say("return:7 closed 4200 R-1", by: returns, later: true)
            try await desk.house.owner.query("UPDATE app.return_figures SET money_minor = 4300, read_at = read_at - interval '20 seconds'")
            try await desk.house.owner.query("UPDATE app.notes SET updated_at = clock_timestamp() WHERE kind = 'goods_return'")
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            _ = try await desk.pipeline.run(Job(.reconcile, desk.house.flow.description, lane: .audit), in: setup)
            #expect(try await desk.alerts().isEmpty)
            try await desk.house.owner.query("UPDATE app.return_figures SET read_at = clock_timestamp()")
            _ = try await desk.pipeline.run(Job(.reconcile, desk.house.flow.description, lane: .audit), in: setup)
            #expect(try await desk.alerts() == ["returns_differ/\(desk.house.flow)"])
        }
    }

    @Test("a flow whose returns come from nowhere says so and stands still") func unknown() async throws {
        try await Desk.with(policies: rms) { desk in
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            #expect(setup.broken.values.map(\.code) == ["invalid_policy"])
        }
    }

    @Test("the returns system is swept as often as the flow's source") func swept() async throws {
        try await Desk.with(policies: rms) { desk in
            let returns = try await desk.connectReturns()
            try await desk.house.supervisor.askDueSweeps()
            let asked = try await desk.house.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep' AND subject = \(returns.description)")
            #expect(asked == 1)
        }
    }
}
