import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

private func row(_ id: String, _ kind: PayoutRow.Kind, _ ref: String?, _ amount: Int64, fee: Int64 = 0, at time: String? = nil) -> PayoutRow {
    PayoutRow(id: id, kind: kind, ref: ref, amount: usd(amount), fee: usd(fee), net: usd(amount - fee), at: time.map { at($0) })
}

/// 100.00 charged, 50.00 given back, 3.20 of fees and 1.00 for the month: 45.80.
private let usual = [
    row("b1", .charge, "P-1", 10_000, fee: 320), row("b2", .refund, "R-1/T1", -5_000), row("b3", .fee, nil, -100),
]

private func payout(
    _ id: String = "PO-1", _ minor: Int64 = 4_580, _ rows: [PayoutRow] = usual, status: Payout.Status = .paid, version: Int64 = 1,
    at time: String = "2026-11-04T08:00:00Z"
) -> SourceDocument {
    SourceDocument(
        id: id, caseID: id, version: version, at: at(time), body: .payout(Payout(gateway: "card", amount: usd(minor), status: status, rows: rows)))
}

extension Desk {
    /// What an account's proofs say, by item: what is left and why.
    fileprivate func clearing() async throws -> [String] {
        var out: [String] = []
        let sql: SQL = """
            SELECT account || ' ' || (i->>'document') || ' ' || (i->>'amount_minor') || ' ' || (i->>'why') AS line
            FROM app.proofs p, jsonb_array_elements(p.items) i WHERE account <> '' ORDER BY 1
            """
        for row in try await house.owner.query(sql) { out.append(try row.get("line")) }
        return out
    }

    fileprivate func lines(_ form: String, _ subject: String) async throws -> [String] {
        try PlanCodec.decode(try await posting(form, subject).plan).lines.map { "\($0.role) \($0.amount.text)" }.sorted()
    }

    fileprivate func finding(_ form: String, _ subject: String) async throws -> Finding? {
        try PlanCodec.findings(try await posting(form, subject).findings).first
    }
}

@Suite("Payouts") struct PayoutTests {
    @Test("a payout moves clearing to the bank with its fees, once, and clearing proves to nothing") func thin() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), refund(), payout())
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.lines("payout", "PO-1") == ["bank:USD 45.80", "clearing:card:USD -50.00", "processor_fees 4.20"])
            #expect(desk.books.entries.filter { $0.form == "payout" }.map(\.total) == [4_580])
            #expect(try await desk.clearing() == [])
            #expect(try await desk.house.count("SELECT count(*) FROM app.proofs WHERE account = 'clearing:card:USD' AND source_minor = posted_minor") == 2)
            #expect(try await desk.unexplained() == 0)
            let writes = desk.books.writes.count
            try await desk.run(payout(version: 2))
            #expect(desk.books.writes.count == writes)
        }
    }

    @Test("a statement that pays nothing out books its fee, and its day proves") func statement() async throws {
        try await Desk.with { desk in
            let rows = [row("b1", .charge, "P-1", 10_000, fee: 320), row("kept", .retained, nil, -9_680)]
            try await desk.run(sale(), payment(), payout("S-1", 0, rows))
            #expect(try await desk.lines("payout", "S-1") == ["clearing:card:USD -3.20", "processor_fees 3.20"])
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.clearing() == ["clearing:card:USD balance of card 9680 retained"])
        }
    }

    @Test("a payout waits by name for charges that have not come, and goes on when they are posted") func waits() async throws {
        try await Desk.with { desk in
            try await desk.run(payout())
            #expect(try await desk.states() == ["payout PO-1": "held"])
            let finding = try #require(try await desk.finding("payout", "PO-1"))
            #expect(finding.check == "waits_for_original")
            #expect(finding.why.contains("2 of its 3 rows") && finding.why.contains("P-1, R-1/T1"))
            #expect(finding.figures["missing"] == usd(5_000))
            try await desk.run(sale(), payment())
            #expect(try await desk.finding("payout", "PO-1")?.why.contains("1 of its 3 rows") == true)
            #expect(desk.books.entries.allSatisfy { $0.form != "payout" })
            try await desk.run(refund())
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.clearing() == [])
        }
    }

    @Test("members and payout in any order come to the same books", arguments: 1 ... 6 as ClosedRange<UInt64>) func anyOrder(seed: UInt64) async throws {
        try await Desk.with { desk in
            let random = SeededRandom(seed: seed)
            var documents = [
                sale(), payment(), refund(), sale("O-2"), payment("P-2", of: "O-2"), payout(),
                payout("PO-2", 9_700, [row("c1", .charge, "P-2", 10_000, fee: 300)], at: "2026-11-05T08:00:00Z"),
            ]
            for i in documents.indices.reversed() { documents.swapAt(i, Int(random.number(below: UInt64(i + 1)))) }
            for document in documents {
                try await desk.arrive(document)
                if random.number(below: 2) == 0 { try await desk.work() }
            }
            for _ in 0 ..< 3 { try await desk.later() }
            #expect(Set(try await desk.states().values) == ["reconciled"], "seed \(seed)")
            #expect(Dictionary(grouping: desk.books.entries, by: \.key).values.allSatisfy { $0.count == 1 }, "seed \(seed)")
            #expect(desk.books.entries.filter { $0.form == "payout" }.map(\.total).sorted() == [4_580, 9_700], "seed \(seed)")
            #expect(try await desk.clearing() == [], "seed \(seed)")
            #expect(try await desk.unexplained() == 0, "seed \(seed)")
        }
    }

    @Test("one cent missing between a payout and its rows holds it by name, with both figures") func cent() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), refund(), payout("PO-1", 4_579))
            #expect(try await desk.states()["payout PO-1"] == "held")
            let finding = try #require(try await desk.finding("payout", "PO-1"))
            #expect(finding.check == "unbalanced" && finding.position == "amount")
            #expect(finding.figures == ["stated": usd(4_579), "computed": usd(4_580)])
            #expect(try await desk.alerts().contains("held/\(desk.house.flow)/unbalanced"))
            #expect(desk.books.entries.allSatisfy { $0.form != "payout" })
            #expect(try await desk.unexplained() == 0, "what is held is open by name")
        }
    }

    @Test("a row of another sum than its charge is unexplained in the account's proof") func otherSum() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), payout("PO-1", 9_999, [row("b1", .charge, "P-1", 9_999)]))
            #expect(try await desk.clearing() == ["clearing:card:USD P-1 1 unexplained"])
            #expect(try await desk.unexplained() == 1)
            #expect(try await desk.alerts().contains("unexplained/\(desk.house.flow)/2026-11-02"))
        }
    }

    @Test("a payout that changes after it was posted becomes a revision; one that is cancelled is voided") func changes() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), refund(), payout())
            try await desk.run(payout("PO-1", 4_480, usual + [row("b4", .fee, nil, -100)], version: 2))
            #expect(try await desk.intents("PO-1") == ["create posted", "update posted"])
            #expect(desk.books.entries.filter { $0.form == "payout" }.map(\.total) == [4_480])
            #expect(try await desk.posting("payout", "PO-1").revision == 2)
            try await desk.run(payout("PO-1", 4_480, usual + [row("b4", .fee, nil, -100)], status: .cancelled, version: 3))
            #expect(try await desk.states()["payout PO-1"] == "voided")
            #expect(try await desk.clearing() == [], "without payouts there is nothing to prove")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a payout that comes back stands in clearing again, by its own name") func failed() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), refund(), payout())
            try await desk.run(payout(status: .failed, version: 2))
            #expect(try await desk.lines("payout", "PO-1") == ["clearing:card:USD -4.20", "processor_fees 4.20"])
            #expect(try await desk.clearing() == ["clearing:card:USD PO-1 4580 balance"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a dispute takes money and its fee, and gives the money back when it is won") func dispute() async throws {
        try await Desk.with { desk in
            func dispute(_ status: String, version: Int64) -> SourceDocument {
                SourceDocument(
                    id: "DP-1", caseID: "O-1", version: version, at: at("2026-11-05T08:00:00Z"),
                    body: .dispute(Dispute(payment: "P-1", amount: usd(10_000), status: status)))
            }
            try await desk.run(sale(), payment(), payout("PO-1", 9_700, [row("b1", .charge, "P-1", 10_000, fee: 300)]))
            try await desk.run(dispute("funds_withdrawn", version: 1))
            try await desk.run(payout("PO-2", -11_500, [row("d1", .dispute, "DP-1", -10_000, fee: 1_500)], at: "2026-11-06T08:00:00Z"))
            #expect(try await desk.lines("payout", "PO-2") == ["bank:USD -115.00", "chargeback_fees 15.00", "chargebacks 100.00"])
            try await desk.run(dispute("won", version: 2))
            try await desk.run(payout("PO-3", 10_000, [row("d2", .disputeReversal, "DP-1", 10_000)], at: "2026-11-09T08:00:00Z"))
            #expect(try await desk.lines("payout", "PO-3") == ["bank:USD 100.00", "chargebacks -100.00"])
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.clearing() == [])
            let covered = try await desk.house.count("SELECT count(*) FROM app.posting_documents WHERE source_id = 'DP-1'")
            #expect(covered == 2)
        }
    }

    @Test("a worker that dies between the intent and the commit of a payout leaves one payout in the ledger") func killed() async throws {
        for sent in [false, true] {
            try await Desk.with { desk in
                try await desk.run(sale(), payment(), refund())
                if !sent { try await desk.house.owner.query("UPDATE app.connections SET state = 'paused' WHERE slug = 'books'") }
                try await desk.arrive(payout())
                try await desk.work()
                if sent {
                    try await desk.house.owner.batch([
                        """
                        UPDATE app.intents i SET state = 'open', settled_at = NULL, remote_id = NULL, written_at = now() - interval '1 hour'
                        FROM app.postings p WHERE p.post_key = i.post_key AND p.form = 'payout'
                        """,
                        """
                        UPDATE app.postings SET state = 'posting', remote_id = NULL, posted_at = NULL, confirmed_at = NULL, sent = NULL, sent_digest = NULL
                        WHERE form = 'payout'
                        """,
                    ])
                } else {
                    try await desk.house.owner.batch([
                        """
                        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, written_at)
                        SELECT tenant_id, post_key, 1, 'create', 'gone', 'x', \(desk.lease.epoch - 1), now() - interval '1 hour' FROM app.postings
                        WHERE form = 'payout'
                        """,
                        "UPDATE app.postings SET state = 'posting' WHERE form = 'payout'", "UPDATE app.connections SET state = 'live' WHERE slug = 'books'",
                    ])
                }
                try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
                try await desk.work()
                try await desk.later()
                #expect(desk.books.entries.filter { $0.form == "payout" }.count == 1, "sent: \(sent)")
                #expect(try await desk.states()["payout PO-1"] == "reconciled", "sent: \(sent)")
            }
        }
    }

    @Test("rows from before the cut-over are not waited for, and are named in the proof") func cutOver() async throws {
        try await Desk.with(cutOver: LocalDate(year: 2026, month: 11, day: 3)) { desk in
            try await desk.run(payout("PO-1", 9_700, [row("b1", .charge, "P-0", 10_000, fee: 300, at: "2026-11-01T08:00:00Z")]))
            #expect(try await desk.states() == ["payout PO-1": "reconciled"])
            #expect(try await desk.clearing() == ["clearing:card:USD P-0 -10000 before the cut-over"])
        }
    }

    @Test("with payout_rows any a payout does not wait, and what nobody knows is open by name") func any() async throws {
        try await Desk.with(policies: [("payout_rows", "any")]) { desk in
            try await desk.run(payout("PO-1", 9_700, [row("b1", .charge, "ch_9", 10_000, fee: 300)]))
            #expect(try await desk.states() == ["payout PO-1": "reconciled"])
            #expect(try await desk.clearing() == ["clearing:card:USD ch_9 -10000 not in the books"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what is not paid out yet is open in the account's proof by its own name") func open() async throws {
        try await Desk.with { desk in
            try await desk.run(sale(), payment(), sale("O-2"), payment("P-2", of: "O-2"))
            try await desk.run(payout("PO-1", 9_700, [row("b1", .charge, "P-1", 10_000, fee: 300)]))
            #expect(try await desk.clearing() == ["clearing:card:USD P-2 10000 not paid out yet"])
        }
    }

    @Test("a processor that is a source of its own pays out what a shop sold, and each flow proves what came in by it") func twoFlows() async throws {
        try await Desk.with { desk in
            let house = desk.house, random = SystemRandom()
            let processor: ConnectionID = random.identifier(), flow: FlowID = random.identifier()
            try await house.owner.batch([
                """
                INSERT INTO app.connections (tenant_id, id, slug, platform, account, state, credential, credential_version)
                SELECT tenant_id, \(processor), 'processor', platform, 'acct-1', 'live', credential, 1 FROM app.connections WHERE slug = 'shop'
                """,
                """
                INSERT INTO app.flows (tenant_id, id, slug, organisation_id, source_id, ledger_id, policies)
                SELECT tenant_id, \(flow), 'processor-to-books', organisation_id, \(processor), ledger_id, policies FROM app.flows WHERE slug = 'shop-to-books'
                """,
            ])
            let record = ScriptedSource.record(payout(), delivery: "po-1")
            _ = try await house.worker.ingest(
                [NewEvent(tenant: house.tenant, connection: processor, topic: record.topic, deliveryID: record.deliveryID, sealedBody: record.body)], lane: .webhook)
            try await desk.work()
            #expect(try await desk.checks("payout", "PO-1") == ["waits_for_original"])
            try await desk.run(sale(), payment(), refund())
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.clearing() == [])
            #expect(try await house.count("SELECT count(*) FROM app.proofs WHERE account <> '' AND flow_id = \(house.flow) AND source_minor <> 0") == 2)
            #expect(try await house.count("SELECT count(*) FROM app.proofs WHERE account <> '' AND flow_id = \(flow) AND source_minor <> 0") == 0)
            #expect(try await desk.unexplained() == 0)
        }
    }
}

@Suite("The arithmetic of clearing accounts") struct ClearingTests {
    private let flow: FlowID = SystemRandom().identifier()
    private let today = LocalDate(daysSince1970: 20_759), later = LocalDate(daysSince1970: 20_761)

    private func captured(_ item: String, _ minor: Int64) -> ClearingLine {
        ClearingLine(flow: flow, day: today, role: "clearing:card:USD", item: item, amount: usd(minor))
    }

    private func taken(_ item: String, _ minor: Int64, kind: String = "charge", entered: LocalDate? = nil) -> Clearing.Taken {
        Clearing.Taken(
            flow: flow, payout: "PO-1", day: later, entered: entered ?? later, role: "clearing:card:USD", item: item, amount: usd(-minor), kind: kind)
    }

    @Test("every rest has its name, and differences of both signs do not cancel out") func names() {
        let proofs = Clearing.prove(
            [captured("P-1", 100), captured("P-2", 100), captured("P-3", 100), captured("P-4", 70)],
            [
                taken("P-1", 100), taken("P-2", 90), taken("P-3", 110), taken("P-0", 50, entered: today.adding(days: -9)), taken("PO-1/b9", -20, kind: "adjustment"),
                taken("P-9", 5),
            ], flow: flow, cutOver: today)
        let first = proofs.first { $0.day == today }, second = proofs.first { $0.day == later }
        #expect(first?.source == 370 && first?.posted == 300 && first?.open == 70 && first?.unexplained == 20)
        #expect(first?.items.map { "\($0.document) \($0.amount) \($0.why)" } == ["P-2 10 unexplained", "P-3 -10 unexplained", "P-4 70 not paid out yet"])
        #expect(
            second?.items.map { "\($0.document) \($0.amount) \($0.why)" } == ["P-0 -50 before the cut-over", "P-9 -5 not in the books", "PO-1/b9 20 adjustment"])
        #expect(second?.unexplained == 0)
    }

    @Test("without a payout there is nothing to prove, and another flow's money is that flow's proof") func others() {
        #expect(Clearing.prove([captured("P-1", 100)], [], flow: flow, cutOver: nil).isEmpty)
        #expect(Clearing.prove([captured("P-1", 100)], [taken("P-1", 100)], flow: SystemRandom().identifier(), cutOver: nil).isEmpty)
    }
}
