import Books
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing

@testable import Pipeline

private func came(_ id: String, _ minor: Int64, _ time: String) -> SourceDocument {
    SourceDocument(id: id, caseID: "O-1", version: 1, at: at(time), body: .payment(Payment(gateway: "card", amount: usd(minor), status: .success)))
}

private func left(_ cups: Int, _ time: String, _ id: String = "F-1") -> SourceDocument {
    SourceDocument(id: id, caseID: "O-1", version: 1, at: at(time), body: .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(cups))])))
}

/// A cup comes back for a card of 42.00.
private func inCredit() -> SourceDocument {
    var back = returned(refund: nil, inCredit: true)
    if case .goodsReturn(var body) = back.body {
        body.settlement?.isGiftCard = true
        back.body = .goodsReturn(body)
    }
    return back
}

private let waiting: [(name: String, value: String)] = [("triggers.sale", "fulfilled"), ("returns.owner", "rms"), ("returns.from", "returns")]

extension Desk {
    fileprivate func replan(_ policies: String) async throws {
        try await house.owner.query("UPDATE app.flows SET policies = \(policies)::jsonb")
        try await house.supervisor.transaction { tx throws(Fault) in try await tx.replan(house.tenant) }
        try await work()
        try await later()
    }
}

@Suite("Sales that wait, at work") struct WaitingSaleTests {
    @Test("an order from before the cut-over is not posted when its money comes; the money waits for a person by name") func formers() async throws {
        try await Desk.with(policies: [("triggers.sale", "paid")], cutOver: LocalDate(year: 2026, month: 11, day: 1)) { desk in
            try await desk.run(sale(at: "2026-10-31T10:00:00Z"), payment())
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.states() == ["payment P-1": "held"])
            #expect(try await desk.checks("payment", "P-1") == ["waits_for_original"])
        }
    }

    @Test("a receipt of an order from before the cut-over is held with its money, on the day of that") func formersReceipt() async throws {
        let cut = LocalDate(year: 2026, month: 11, day: 1)
        try await Desk.with(policies: [("triggers.sale", "paid"), ("sale_form", "sales_receipt")], cutOver: cut) { desk in
            try await desk.run(sale(at: "2026-10-31T10:00:00Z"), payment())
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.states() == ["sales_receipt O-1": "held"])
            #expect(try await desk.checks("sales_receipt", "O-1") == ["waits_for_original"])
            #expect(try await desk.posting("sales_receipt", "O-1").date.description == "2026-11-02")
        }
    }

    @Test("what settles an invoice that a closed period moved past the cut-over goes where that is; other orders of that day stay out") func goesOn() async throws {
        try await Desk.with(policies: [("closed_period", "first_open_day")]) { desk in
            func lock() async throws { try await desk.house.owner.query("UPDATE app.ledger_charts SET lock_date = '2026-10-31'") }
            try await desk.run(sale("O-9"))
            try await lock()
            try await desk.run(sale(at: "2026-10-31T10:00:00Z"))
            #expect(try await desk.posting("invoice", "O-1").date.description == "2026-11-01")
            try await desk.house.owner.query("UPDATE app.flows SET cut_over = '2026-11-01'")
            try await lock()
            try await desk.run(came("P-1", 10_000, "2026-10-31T10:01:00Z"), sale("O-2", at: "2026-10-31T11:00:00Z"))
            #expect(try await desk.states().keys.sorted() == ["invoice O-1", "invoice O-9", "payment P-1"])
            #expect(desk.books.entries.map(\.subject) == ["O-9", "O-1", "P-1"])
            #expect(try await desk.posting("payment", "P-1").date.description == "2026-11-01")
        }
    }

    @Test("what went back before the sale counted comes with the payout that brings the sale", arguments: [false, true]) func paidOut(payoutFirst: Bool) async throws {
        try await Desk.with(policies: [("triggers.sale", "fulfilled"), ("posting", "payout")]) { desk in
            func payout(_ id: String, _ time: String, _ rows: [(ref: String, amount: Int64)]) -> SourceDocument {
                let rows = rows.map { row in
                    PayoutRow(id: row.ref, kind: row.amount < 0 ? .refund : .charge, ref: row.ref, amount: usd(row.amount), fee: usd(0), net: usd(row.amount))
                }
                let body = Payout(gateway: "card", amount: rows.map(\.net).total(.usd), rows: rows)
                return SourceDocument(id: id, caseID: id, version: 1, at: at(time), body: .payout(body))
            }
            let second = payout("PO-2", "2026-11-10T08:00:00Z", [("P-2", 5_000)])
            try await desk.run(sale(cups: 3), payment(), refund())
            try await desk.run(payout("PO-1", "2026-11-05T08:00:00Z", [("P-1", 10_000), ("R-1/T1", -5_000)]))
            if payoutFirst { try await desk.run(second) }
            try await desk.run(left(2, "2026-11-07T10:00:00Z"), came("P-2", 5_000, "2026-11-08T10:00:00Z"))
            if !payoutFirst { try await desk.run(second) }
            try await desk.later()
            try await desk.later()
            let states = try await desk.states(), parts = ["credit_note R-1", "invoice O-1", "journal O-1/P-1", "payment P-2"]
            #expect(states.filter { $0.value == "gathered" }.keys.sorted() == parts, "\(states)")
            #expect(Set(states.filter { !parts.contains($0.key) }.values) == ["reconciled"], "\(states)")
            let lines = try PlanCodec.decode(try await desk.posting("settlement", "PO-2:2026-11").plan).lines.map { "\($0.role) \($0.amount.text)" }
            #expect(lines.sorted() == ["clearing:card:USD 50.00", "customer_deposits 50.00", "returns_allowances 50.00", "sales:cups -150.00"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what a closed period moves past the cut-over is as old as it was") func moved() async throws {
        try await Desk.with(policies: [("closed_period", "first_open_day")], cutOver: LocalDate(year: 2026, month: 11, day: 1)) { desk in
            try await desk.run(sale("O-9"))
            let setup = try await Setup.load(desk.house.tenant, from: desk.house.worker), flow = try #require(setup.flows.first)
            let mapper = try await desk.pipeline.mapper(flow, in: setup)
            func planned(_ time: String, lock: LocalDate?) throws -> [String] {
                var out = Map.Output()
                try Map.plan(
                    OrderCase(id: "O-1", [sale(at: time)]), [], flow, mapper, lockDate: lock, tenant: desk.house.tenant, forbidsRevision: false, into: &out)
                return out.rows.map(\.date.description)
            }
            let lock = LocalDate(year: 2026, month: 11, day: 4)
            #expect(try planned("2026-10-31T10:00:00Z", lock: lock) == [])
            #expect(try planned("2026-11-02T10:00:00Z", lock: lock) == ["2026-11-05"])
        }
    }

    @Test("a till's day that is short counts where sales wait for their money: kept as such from end to end") func till() async throws {
        try await Desk.with(policies: [("triggers.sale", "paid")]) { desk in
            var day = sale()
            if case .sale(var body) = day.body {
                body.isTillDay = true
                day.body = .sale(body)
            }
            try await desk.run(day, payment("P-1", 9_950))
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a return that both systems tell of is explained while its sale waits, and once it counts", arguments: [true, false])
    func explained(shopFirst: Bool) async throws {
        try await Desk.with(policies: waiting) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            if shopFirst { try await desk.run(refund()) }
            if shopFirst { #expect(try await desk.checks("deposit", "R-1") == ["waits_for_return"]) }
            try await desk.tell(returned(fee: 0), by: returns)
            if !shopFirst { try await desk.run(refund()) }
            let states = try await desk.states()
            #expect(states["deposit P-1"] == "reconciled" && states["deposit return:7"] == "reconciled" && states["deposit R-1"] ?? "superseded" == "superseded")
            #expect(try await desk.unexplained() == 0)
            try await desk.run(left(1, "2026-11-18T10:00:00Z"))
            try await desk.later()
            #expect(try await desk.states()["credit_note return:7"] == "reconciled")
            #expect(try await desk.states()["journal O-1/P-1"] == "reconciled")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("the shop's word that went out first explains its return while the sale waits, whoever owns returns by then") func kept() async throws {
        try await Desk.with(policies: [("triggers.sale", "fulfilled"), ("returns.owner", "shop"), ("returns.from", "returns"), ("rms_wait", "PT0S")]) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), refund())
            #expect(try await desk.states()["deposit R-1"] == "reconciled")
            try await desk.replan(#"{"triggers.sale": "fulfilled", "returns.owner": "rms", "returns.from": "returns"}"#)
            try await desk.tell(returned(fee: 0), by: returns)
            #expect(try await desk.states() == ["deposit P-1": "reconciled", "deposit R-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
            #expect(desk.books.entries.map(\.total) == [10_000, 5_000])
        }
    }

    @Test("two sums of one return: one is posted, the other held with both, and the day is explained") func differing() async throws {
        try await Desk.with(policies: waiting) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment(), refund())
            try await desk.tell(returned(fee: 300), by: returns)
            #expect(try await desk.states() == ["deposit P-1": "reconciled", "deposit R-1": "held", "deposit return:7": "reconciled"])
            #expect(try await desk.checks("deposit", "R-1") == ["unbalanced"])
            #expect(desk.books.entries.map(\.total) == [10_000, 4_700])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("store credit is in the books and proven while its sale waits, and once") func credit() async throws {
        try await Desk.with(policies: waiting) { desk in
            let returns = try await desk.connectReturns()
            try await desk.run(sale(), payment())
            try await desk.tell(inCredit(), by: returns)
            #expect(try await desk.states() == ["deposit P-1": "reconciled", "deposit return:7/credit": "reconciled"])
            #expect(try await desk.unexplained() == 0)
            try await desk.run(left(2, "2026-11-18T10:00:00Z"))
            try await desk.later()
            #expect(Set(try await desk.states().keys) == ["deposit P-1", "deposit return:7/credit", "invoice O-1", "journal O-1/P-1", "credit_note return:7"])
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a journal of which people were told to enter it by hand does not come as a part of the day after all", arguments: ["held", "skipped"])
    func byHand(state: String) async throws {
        try await Desk.with(policies: [("triggers.sale", "paid"), ("posting", "daily_summary"), ("edit", "revise")]) { desk in
            try await desk.run(sale(), came("P-1", 1_000, "2026-11-03T10:00:00Z"), came("P-2", 9_000, "2026-11-05T10:00:00Z"))
            #expect(try await desk.states()["journal O-1/P-1"] == "gathered")
            // As it was once: by itself, to where its invoice does not stand by itself.
            try await desk.house.owner.query("""
                UPDATE app.postings SET state = \(state), part_of = NULL, sent = NULL, sent_digest = NULL,
                  findings = '[{"check": "original_gathered", "why": "w", "remedy": "r"}]' WHERE form = 'journal'
                """)
            try await desk.run(sale(version: 2, title: "Blue cup"))
            let journal = try await desk.posting("journal", "O-1/P-1")
            #expect(journal.partOf == nil && journal.state == state)
            let day = try PlanCodec.decode(try await desk.posting("summary", "2026-11-05:shop").plan)
            #expect(!day.lines.contains { $0.role == "customer_deposits" })
        }
    }

    @Test("a journal that was held for another reason, of which nobody was told that, comes as a part of the day") func notByHand() async throws {
        try await Desk.with(policies: [("triggers.sale", "paid"), ("posting", "daily_summary"), ("edit", "revise")]) { desk in
            try await desk.run(sale(), came("P-1", 1_000, "2026-11-03T10:00:00Z"), came("P-2", 9_000, "2026-11-05T10:00:00Z"))
            try await desk.house.owner.query("""
                UPDATE app.postings SET state = 'held', part_of = NULL, sent = NULL, sent_digest = NULL,
                  findings = '[{"check": "waits_for_original", "why": "w", "remedy": "r"}]' WHERE form = 'journal'
                """)
            try await desk.run(sale(version: 2, title: "Blue cup"))
            let journal = try await desk.posting("journal", "O-1/P-1")
            #expect(journal.partOf != nil && journal.state == "gathered")
            let day = try PlanCodec.decode(try await desk.posting("summary", "2026-11-05:shop").plan)
            #expect(day.lines.filter { $0.role == "customer_deposits" }.map(\.amount) == [usd(1_000)])
        }
    }

    @Test("a sale that is dated by its money keeps its day when the policy changes, by a mark that its ledger never sees") func mark() async throws {
        try await Desk.with(policies: [("triggers.sale", "paid")]) { desk in
            try await desk.run(sale(), came("P-1", 10_000, "2026-11-18T10:00:00Z"))
            let plan = try PlanCodec.decode(try await desk.posting("invoice", "O-1").plan)
            #expect(plan.countsWhenPaid && plan.note == nil)
            try await desk.replan("{}")
            #expect(try await desk.posting("invoice", "O-1").date.description == "2026-11-18")
            #expect(desk.books.writes.count == 2)
        }
    }
}
