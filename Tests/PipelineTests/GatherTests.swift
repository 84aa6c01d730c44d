import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

private let summaries: [(name: String, value: String)] = [("posting", "daily_summary"), ("edit", "revise")]
private let day = "2026-11-02:shop"

extension Desk {
    fileprivate var live: [ScriptedBooks.Entry] { books.entries.filter { !$0.voided } }
}

@Suite("Daily summaries") struct SummaryTests {
    @Test("a day's sales and payments are one document, and each is proven") func thin() async throws {
        try await Desk.with(policies: summaries) { desk in
            try await desk.run(sale(), payment(), sale("O-2", cups: 1))
            #expect(desk.books.entries.map(\.form) == ["summary"])
            #expect(desk.books.entries.map(\.subject) == [day])
            #expect(
                try await desk.states() == [
                    "invoice O-1": "gathered", "payment P-1": "gathered", "invoice O-2": "gathered", "summary \(day)": "reconciled",
                ])
            let lines = try PlanCodec.decode(try await desk.posting("summary", day).plan).lines.map { "\($0.role) \($0.amount.text)" }
            #expect(Set(lines) == ["receivable:shop 50.00", "sales:cups -150.00", "clearing:card:USD 100.00"])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.house.count("SELECT count(*) FROM app.posting_documents d JOIN app.postings p USING (tenant_id, post_key) WHERE form = 'summary'") == 3)
        }
    }

    @Test("a member that changes after the day was posted becomes a revision of its summary") func member() async throws {
        try await Desk.with(policies: summaries) { desk in
            try await desk.run(sale(), sale("O-2", cups: 1))
            try await desk.run(sale("O-2", cups: 3, version: 2))
            #expect(desk.books.entries.map(\.total) == [25_000])
            #expect(try await desk.intents(day) == ["create posted", "update posted"])
            try await desk.run(sale("O-3", cups: 1))
            #expect(desk.books.entries.map(\.total) == [30_000])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an order that is cancelled leaves its day; a day without orders is voided") func leaves() async throws {
        try await Desk.with(policies: summaries) { desk in
            try await desk.run(sale(), sale("O-2", cups: 1))
            try await desk.run(cancellation(of: "O-2"))
            #expect(desk.live.map(\.total) == [10_000])
            #expect(try await desk.states()["invoice O-2"] == "superseded")
            try await desk.run(cancellation())
            #expect(desk.live.isEmpty)
            #expect(try await desk.states()["summary \(day)"] == "voided")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a held part keeps nobody else waiting and joins its day when it is released") func held() async throws {
        try await Desk.with(policies: summaries) { desk in
            try await desk.run(sale(), refund("R-9", of: "O-9"))
            #expect(try await desk.states()["credit_note R-9"] == "held")
            #expect(desk.books.entries.map(\.subject) == [day])
            try await desk.run(sale("O-9"))
            #expect(Set(try await desk.states().filter { !$0.key.hasPrefix("summary") }.values) == ["gathered"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a summary whose answer is lost is looked up, not sent again") func lost() async throws {
        try await Desk.with(policies: summaries) { desk in
            desk.books.script(.loseAnswer)
            desk.books.state.with { $0.visible = false }
            try await desk.arrive(sale())
            try await desk.work()
            #expect(try await desk.states()["summary \(day)"] == "unknown")
            // A member changes meanwhile: the day waits for what became of it.
            try await desk.arrive(sale(cups: 3, version: 2))
            try await desk.work()
            #expect(desk.books.writes.count == 1)
            desk.books.state.with { $0.visible = true }
            try await desk.later()
            try await desk.later()
            #expect(desk.books.entries.map(\.total) == [15_000])
            #expect(try await desk.intents(day) == ["create posted", "update posted"])
            #expect(try await desk.states()["summary \(day)"] == "reconciled")
        }
    }

    @Test("a worker that dies between the intent and the commit leaves one summary") func killed() async throws {
        try await Desk.with(policies: summaries) { desk in
            try await desk.arrive(sale())
            try await desk.work()
            try await desk.house.owner.batch([
                "UPDATE app.intents SET state = 'open', settled_at = NULL, remote_id = NULL, written_at = now() - interval '1 hour'",
                """
                UPDATE app.postings SET state = 'posting', remote_id = NULL, posted_at = NULL, confirmed_at = NULL, sent = NULL, sent_digest = NULL
                WHERE form = 'summary'
                """,
            ])
            try await desk.house.worker.ask(desk.house.tenant, [Job(.post, desk.house.flow.description, lane: .webhook)])
            try await desk.later()
            try await desk.later()
            #expect(desk.books.entries.count == 1)
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.states()["summary \(day)"] == "reconciled")
        }
    }

    @Test("two workers that map the same day at once plan it once") func twoWorkers() async throws {
        try await Desk.with(policies: summaries) { desk in
            for n in 1 ... 12 { try await desk.arrive(sale("O-\(n)")) }
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            _ = try await desk.pipeline.run(Job(.normalize, desk.house.source.description, lane: .webhook), in: setup)
            let map = Job(.map, desk.house.flow.description, lane: .webhook)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0 ..< 3 { group.addTask { _ = try await desk.pipeline.run(map, in: setup) } }
                try await group.waitForAll()
            }
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE form = 'summary'") == 1)
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'posting.mapped' AND subject IN (SELECT 'posting ' || post_key FROM app.postings WHERE form = 'invoice')") == 12)
            try await desk.work()
            try await desk.later()
            #expect(desk.books.entries.map(\.total) == [120_000])
            #expect(try await desk.intents(day) == ["create posted"])
        }
    }

    @Test("a plan made of what was read before somebody else planned is not kept") func stalePlan() async throws {
        try await Desk.with { desk in
            try await desk.arrive(sale())
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker)
            _ = try await desk.pipeline.run(Job(.normalize, desk.house.source.description, lane: .webhook), in: setup)
            let store = desk.house.worker, tenant = desk.house.tenant, flow = try #require(setup.flows.first)
            let dirty = try await store.dirtyCases(tenant, flow.row.id, limit: 10)
            var output = Map.Output()
            let mapper = try await desk.pipeline.mapper(flow, in: setup)
            try Map.plan(
                OrderCase(id: "O-1", [sale(cups: 1)]), [], flow, mapper, lockDate: nil, tenant: tenant, forbidsRevision: false, into: &output)
            try await desk.arrive(sale(cups: 3, version: 2))
            try await desk.work()
            let late = output
            try await desk.pipeline.save(dirty.map { ($0, late) }, flow)
            #expect(try await desk.posting("invoice", "O-1").totalMinor == 15_000)
            #expect(desk.books.entries.map(\.total) == [15_000])
        }
    }

    @Test("a payment that stands by itself for an order in a summary is held by name") func mixed() async throws {
        try await Desk.with(policies: [("posting", "daily_summary, per_document from 2026-11-03")]) { desk in
            let late = SourceDocument(
                id: "P-1", caseID: "O-1", version: 1, at: at("2026-11-04T10:00:00Z"),
                body: .payment(Payment(gateway: "card", amount: usd(10_000), status: .success)))
            try await desk.run(sale(), late)
            #expect(try await desk.states() == ["invoice O-1": "gathered", "summary \(day)": "reconciled", "payment P-1": "held"])
            #expect(try await desk.checks("payment", "P-1") == ["original_gathered"])
        }
    }
}

@Suite("Money and goods beside orders") struct BesideTests {
    private func bankPayment(_ id: String = "P-1", reference: String = "HB-1") -> SourceDocument {
        SourceDocument(
            id: id, caseID: "O-1", version: 1, at: at("2026-11-02T10:01:00Z"),
            body: .payment(Payment(gateway: "bank", amount: usd(10_000), status: .success, reference: reference)))
    }

    private func line(_ id: String = "BL-1", _ minor: Int64 = 9_985, _ reference: String = "HARBOUR HB-1") -> SourceDocument {
        SourceDocument(
            id: id, caseID: id, version: 1, at: at("2026-11-04T00:00:00Z"),
            body: .bankLine(BankLine(account: "bank:USD", amount: usd(minor), reference: reference)))
    }

    @Test("a bank line dates and sizes its payment, whatever comes first", arguments: [false, true]) func bank(lineFirst: Bool) async throws {
        try await Desk.with { desk in
            try await desk.run(sale())
            if lineFirst {
                try await desk.run(line())
                #expect(try await desk.checks("memo", "BL-1") == ["bank_line_unmatched"])
                try await desk.run(bankPayment())
            } else {
                try await desk.run(line("BL-0", 1, "nothing"), bankPayment(), line())
            }
            try await desk.later()
            let row = try await desk.posting("payment", "P-1")
            #expect(row.date == LocalDate(year: 2026, month: 11, day: 4))
            #expect(try PlanCodec.decode(row.plan).lines.map { "\($0.role) \($0.amount.text)" } == ["bank:USD 99.85", "receivable:shop -100.00", "bank_fees 0.15"])
            let states = try await desk.states()
            #expect(states["payment P-1"] == "reconciled")
            #expect(states["memo BL-1"] ?? "superseded" == "superseded")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a line that names no payment is held by its own name") func unmatched() async throws {
        try await Desk.with { desk in
            try await desk.run(line("BL-9", 1_234, "who knows"))
            #expect(try await desk.states() == ["memo BL-9": "held"])
            #expect(try await desk.checks("memo", "BL-9") == ["bank_line_unmatched"])
            #expect(desk.books.writes.isEmpty)
        }
    }

    @Test("a deposit and the rest of a gift card are posted and proven") func journals() async throws {
        try await Desk.with { desk in
            let deposit = SourceDocument(
                id: "DE-1", caseID: "J-1", version: 1, at: at("2026-11-02T10:00:00Z"), body: .deposit(Deposit(gateway: "card", amount: usd(5_000))))
            let expiry = SourceDocument(
                id: "GX-1", caseID: "GX-1", version: 1, at: at("2026-11-02T10:00:00Z"), body: .giftCardExpiry(GiftCardExpiry(card: "G-1", amount: usd(1_200))))
            try await desk.run(deposit, expiry)
            #expect(try await desk.states() == ["deposit DE-1": "reconciled", "journal GX-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.house.count("SELECT source_minor FROM app.proofs WHERE account = ''") == 6_200)
        }
    }

    @Test("revenue that waits for its goods is posted when they leave") func fulfilment() async throws {
        try await Desk.with(policies: [("revenue", "at_fulfilment")]) { desk in
            try await desk.run(sale(), payment())
            let goods = SourceDocument(
                id: "F-1", caseID: "O-1", version: 1, at: at("2026-11-05T10:00:00Z"),
                body: .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(2))])))
            try await desk.run(goods)
            let journals = desk.books.entries.filter { $0.form == "journal" }
            #expect(journals.map(\.total) == [10_000])
            #expect(Set(try await desk.states().values) == ["reconciled"])
        }
    }
}

private let settled: [(name: String, value: String)] = [("posting", "payout"), ("edit", "revise")]

@Suite("Settlements of payouts") struct SettlementTests {
    private func payout(
        _ id: String = "PO-1", _ rows: [(ref: String, amount: Int64, fee: Int64)], version: Int64 = 1, at time: String = "2026-11-04T08:00:00Z"
    ) -> SourceDocument {
        let rows = rows.enumerated().map { n, row in
            PayoutRow(
                id: "b\(n)", kind: row.amount < 0 ? .refund : .charge, ref: row.ref, amount: usd(row.amount), fee: usd(row.fee), net: usd(row.amount - row.fee))
        }
        let body = Payout(gateway: "card", amount: rows.map(\.net).total(.usd), rows: rows)
        return SourceDocument(id: id, caseID: id, version: version, at: at(time), body: .payout(body))
    }

    private func lines(_ desk: Desk, _ subject: String) async throws -> [String] {
        try PlanCodec.decode(try await desk.posting("settlement", subject).plan).lines.map { "\($0.role) \($0.amount.text)" }.sorted()
    }

    @Test("orders wait for their payout and are one document with its fees; the payout then empties clearing", arguments: [false, true])
    func thin(payoutFirst: Bool) async throws {
        try await Desk.with(policies: settled) { desk in
            let paid = payout("PO-1", [("P-1", 10_000, 320), ("P-2", 5_000, 180)])
            if payoutFirst { try await desk.run(paid) }
            try await desk.run(sale(), payment())
            if !payoutFirst { #expect(desk.books.writes.isEmpty, "no payout has come yet") }
            try await desk.run(sale("O-2", cups: 1), payment("P-2", of: "O-2", 5_000))
            if !payoutFirst { try await desk.run(paid) }
            try await desk.later()
            try await desk.later()
            #expect(try await lines(desk, "PO-1:2026-11") == ["clearing:card:USD 145.00", "processor_fees 5.00", "sales:cups -150.00"])
            let states = try await desk.states()
            #expect(Set(states.filter { $0.key.hasPrefix("invoice") || $0.key.hasPrefix("payment") }.values) == ["gathered"])
            #expect(states["settlement PO-1:2026-11"] == "reconciled" && states["payout PO-1"] == "reconciled")
            let live = desk.books.entries.filter { !$0.voided }
            #expect(live.map(\.form).sorted() == ["payout", "settlement"])
            #expect(live.first { $0.form == "payout" }?.total == 14_500)
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.house.count("SELECT count(*) FROM app.proofs, jsonb_array_elements(items) WHERE account <> ''") == 0)
        }
    }

    @Test("a refund comes with the payout that takes it, and a change of an order is a revision of its settlement")
    func later() async throws {
        try await Desk.with(policies: settled) { desk in
            try await desk.run(sale(), payment(), payout("PO-1", [("P-1", 10_000, 320)]))
            try await desk.later()
            try await desk.run(refund())
            #expect(try await desk.states()["credit_note R-1"] == "gathered")
            try await desk.run(payout("PO-2", [("R-1/T1", -5_000, 0)], at: "2026-11-06T08:00:00Z"))
            try await desk.later()
            #expect(try await lines(desk, "PO-2:2026-11") == ["clearing:card:USD -50.00", "returns_allowances 50.00"])
            try await desk.run(sale(cups: 3, version: 2))
            try await desk.later()
            #expect(try await lines(desk, "PO-1:2026-11").contains("receivable:shop 50.00"))
            #expect(try await desk.intents("PO-1:2026-11") == ["create posted", "update posted"])
            #expect(try await desk.intents("PO-2:2026-11") == ["create posted"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what no payout will bring goes alone") func alone() async throws {
        try await Desk.with(policies: settled) { desk in
            let cash = SourceDocument(
                id: "P-1", caseID: "O-1", version: 1, at: at("2026-11-02T10:01:00Z"),
                body: .payment(Payment(gateway: "cash", amount: usd(10_000), status: .success)))
            try await desk.run(sale(), cash)
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(desk.books.entries.map(\.form) == ["invoice", "payment"])
        }
    }
}
