import Kernel
import Testing

@testable import Books

private func policies(_ values: (name: String, value: String)...) throws -> Policies {
    var out = Policies()
    for (name, value) in values { try out.set(name, to: value) }
    return out
}

private func came(_ id: String, _ amount: Int64, _ time: Timestamp, gateway: String = "card") -> SourceDocument {
    document(id, time, .payment(Payment(gateway: gateway, amount: usd(amount), status: .success)))
}

private func leaves(_ units: Int, _ time: Timestamp, _ id: String = "F-1") -> SourceDocument {
    document(id, time, .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(units))])))
}

private func changed(_ document: SourceDocument, at time: Timestamp? = nil, _ change: (inout Sale) -> Void = { _ in }) -> SourceDocument {
    var out = document
    out.at = time ?? out.at
    if case .sale(var body) = document.body {
        change(&body)
        out.body = .sale(body)
    }
    return out
}

/// Three cups of 53.00, tax included in the sum: 159.00.
private let three = changed(sale(total: 15_900)) { body in
    body.lines = [
        SaleLine(
            id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: ExactDecimal(3), gross: usd(15_000), discount: usd(0), net: usd(15_000), taxes: [tax(900)])
    ]
}

/// One of them comes back, and so much is given for it: in money by the shop's `R-1`, or in credit.
private func comesBack(_ given: Int64, credit: Int64 = 0, of bonus: Int64 = 0, on time: Timestamp = at("2026-11-09T10:00:00Z")) -> SourceDocument {
    let money = given == 0 ? [] : [MoneyMovement(id: "R-1", gateway: "card", amount: usd(given), status: .success)]
    let how = ReturnSettlement(
        total: usd(given + credit - bonus), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(credit), storeCreditRef: "SC-1",
        refunds: money)
    let kept = 5_300 - (given + credit - bonus), fees = kept == 0 ? [] : [ReturnFee(id: "F1", kind: .restocking, amount: usd(kept))]
    return document(
        "T-1", time,
        .goodsReturn(
            GoodsReturn(
                state: "closed", refundRef: given == 0 ? nil : "R-1",
                lines: [ReturnedLine(line: "L1", quantity: .one, reasonCode: nil, net: usd(5_000), tax: usd(300), taxes: [tax(300)])], fees: fees, settlement: how)))
}

private func stays(_ documents: [SourceDocument], _ policies: Policies, _ ledger: LedgerState, _ comment: Comment? = nil) {
    let plans = planned(documents, shopUS, policies, ledger: ledger)
    for plan in plans where ledger.standing(plan.id) != nil { #expect(ledger.action(for: plan) == .unchanged, comment ?? "\(names([plan]))") }
}

@Suite("Sales that wait, and the books around them") struct WaitingSaleTests {
    private let early = at("2026-11-02T10:01:00Z"), later = at("2026-11-18T10:00:00Z")

    @Test("an order from before the cut-over keeps its day, whenever its money comes: the former books have it") func formers() throws {
        var around = Surroundings()
        around.cutOver = day("2026-11-01")
        let before = changed(sale(), at: at("2026-10-31T10:00:00Z"))
        func plan(_ documents: [SourceDocument], _ policies: Policies, _ ledger: LedgerState = LedgerState()) -> [PlannedPosting] {
            Planner.plan(OrderCase(id: "O-1", documents), organisation: shopUS, policies: policies, ledger: ledger, codes: CodeBook(), around: around)
        }
        let paid = try policies(("triggers.sale", "paid"))
        let plans = plan([before, came("P-1", 10_600, early)], paid)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1"] && plans.map(\.date) == [day("2026-10-31"), day("2026-11-02")])
        let receipt = plan([before, came("P-1", 10_600, early)], try policies(("triggers.sale", "paid"), ("sale_form", "sales_receipt")))
        // It has its money in it, which came since.
        #expect(names(receipt) == ["sales_receipt:O-1"] && receipt.first?.date == day("2026-11-02") && checks(receipt) == ["waits_for_original"])
        let receipts = try policies(("triggers.sale", "paid"), ("sale_form", "sales_receipt")), part = plan([before, came("P-1", 1_000, early)], receipts)
        #expect(part.map(\.date) == [day("2026-11-02")] && checks(part) == ["waits_for_payment", "waits_for_original"])
        let then = plan([before, came("P-1", 10_600, at("2026-10-31T11:00:00Z"))], receipts)
        #expect(then.map(\.date) == [day("2026-10-31")] && checks(then) == [], "all of it is of the former books")
        #expect(checks(plan([sale(), came("P-1", 10_600, early)], receipts)) == [])
        // What the ledger owes for it is used up by it all the same.
        let owed = posted(planned([before, came("P-0", 600, early)], shopUS, paid))
        let rest = plan([before, came("P-0", 600, early), came("P-1", 10_000, later)], paid, owed)
        #expect(names(rest) == ["deposit:P-0", "invoice:O-1", "payment:P-1", "journal:O-1/P-0"] && rest[1].date == day("2026-11-18"))
        #expect(plan([sale(), came("P-1", 10_600, later)], paid).first?.date == day("2026-11-18"), "placed since")
        // Goods that leave after the cut-over make the sale one of these books, as ever.
        let left = plan([before, came("P-1", 10_600, early), leaves(2, later)], try policies(("triggers.sale", "fulfilled")))
        #expect(names(left) == ["deposit:P-1", "invoice:O-1", "journal:O-1/P-1"] && left[1].date == day("2026-11-18"))
    }

    @Test("a till's day and an exchange count at once: nobody tells when the rest is paid, or what left", arguments: ["paid", "fulfilled"])
    func atOnce(trigger: String) throws {
        let policies = try policies(("triggers.sale", trigger))
        let counted = at("2026-11-02T10:00:00Z")
        let till = changed(sale(total: 10_600)) { $0.isTillDay = true }
        let short = [till, came("O-1/cash", 4_550, counted, gateway: "cash"), came("O-1/card", 6_000, counted)]
        let plans = planned(short, shopUS, policies)
        #expect(names(plans) == ["invoice:O-1", "payment:O-1/card", "payment:O-1/cash"] && Set(plans.map(\.date)) == [day("2026-11-02")])
        #expect(balances(plans)["receivable:shop"] == 50, "half a dollar is missing in the till")
        stays(short, policies, posted(plans))
        let exchange = changed(sale()) { $0.exchangeOf = "T-1" }
        #expect(names(planned([exchange, came("P-1", 2_700, later)], shopUS, policies)) == ["invoice:O-1", "payment:P-1"])
        #expect(names(planned([exchange], shopUS, policies)) == ["invoice:O-1"])
        #expect(planned([sale()], shopUS, policies).isEmpty, "any other order waits")
    }

    @Test("money that both systems tell of in other sums goes out once: the shop's word is held while its sale waits, too") func differing() throws {
        let policies = try policies(("triggers.sale", "fulfilled"), ("returns.owner", "rms"))
        let documents = [three, came("P-1", 15_900, early), leaves(1, at("2026-11-05T10:00:00Z")), refund(), comesBack(5_000)]
        for known in [documents, documents.reversed()] {
            let plans = planned(Array(known), shopUS, policies)
            #expect(names(plans) == ["deposit:P-1", "deposit:R-1", "deposit:T-1"])
            #expect(plans.map { $0.findings.map(\.check) } == [[], ["unbalanced"], []])
            #expect(plans[1].findings.first?.figures == ["shop": usd(5_300), "returned": usd(5_000)])
        }
        let counted = planned(documents + [leaves(1, later, "F-2")], shopUS, policies), free = counted.filter(\.findings.isEmpty)
        #expect(names(free) == ["deposit:P-1", "deposit:T-1", "invoice:O-1", "journal:O-1/P-1", "credit_note:T-1"], "\(names(counted)) \(checks(counted))")
        #expect(free.first { $0.form == .journal }?.total == usd(10_900), "159.00 less the 50.00 that went back")
        #expect(balances(free)["customer_deposits"] == nil && balances(free)["receivable:shop"] == nil)
        // The shop's alone waits for its return; what stands already is not touched.
        let alone = planned(Array(documents.prefix(4)), shopUS, policies)
        #expect(names(alone) == ["deposit:P-1", "deposit:R-1"] && checks(alone) == ["waits_for_return"])
        var shop = policies
        shop.returnsOwner = .shop
        let ledger = posted(planned(Array(documents.prefix(4)), shopUS, shop))
        let after = planned(documents, shopUS, policies, ledger: ledger)
        #expect(names(after) == ["deposit:P-1", "deposit:R-1"] && after.allSatisfy { ledger.action(for: $0) == .unchanged })
        #expect(after[1].covers == ["R-1", "T-1"], "the return that it explains")
    }

    @Test("what is held because both systems say other sums is nothing that need not be paid any more") func differingWhenPaid() throws {
        let policies = try policies(("triggers.sale", "paid"), ("returns.owner", "rms"))
        let known = [three, came("P-1", 10_000, early), refund(), comesBack(5_000), came("P-2", 600, later)]
        #expect(names(planned(known, shopUS, policies)) == ["deposit:P-1", "deposit:P-2", "deposit:R-1", "deposit:T-1"])
        let plans = planned(known + [came("P-3", 5_300, at("2026-11-20T10:00:00Z"))], shopUS, policies), free = plans.filter(\.findings.isEmpty)
        #expect(free.first { $0.form == .invoice }?.date == day("2026-11-20") && checks(plans).allSatisfy { $0 == "unbalanced" })
        #expect(balances(free)["customer_deposits"] == nil && balances(free)["receivable:shop"] == nil)
    }

    /// What a payout of that time makes of the parts, beside what else of the order is in the books.
    private func settled(_ rows: [(ref: String, amount: Int64)], _ plans: [PlannedPosting], _ policies: Policies) -> Settlements.Outcome {
        var around = Surroundings()
        for plan in plans { around.noteEarly(plan) }
        let rows = rows.map { row in
            PayoutRow(id: row.ref, kind: row.amount < 0 ? .refund : .charge, ref: row.ref, amount: usd(row.amount), fee: usd(0), net: usd(row.amount))
        }
        let payout = SourceDocument(
            id: "PO-2", caseID: "PO-2", version: 1, at: at("2026-11-10T06:00:00Z"),
            body: .payout(Payout(gateway: "card", amount: rows.map(\.net).total(.usd), status: .paid, rows: rows)))
        let parts = plans.filter { Summaries.policy(of: $0, policies) == .payout }
        return Settlements.plan([payout], parts: parts, organisation: shopUS, policies: policies, ledger: LedgerState(), around: around)
    }

    @Test("what went back before the sale counted goes with the sale, into the payout of the money that completes it", arguments: ["paid", "fulfilled"])
    func completed(trigger: String) throws {
        let policies = try policies(("triggers.sale", trigger), ("posting", "payout"))
        let back = refund(time: at("2026-11-05T10:00:00Z"))
        let documents = [three, came("P-1", 10_600, early), back, leaves(2, at("2026-11-07T10:00:00Z")), came("P-2", 5_300, at("2026-11-08T10:00:00Z"))]
        let plans = planned(documents, shopUS, policies)
        #expect(names(plans).sorted() == ["credit_note:R-1", "deposit:P-1", "deposit:R-1", "invoice:O-1", "journal:O-1/P-1", "payment:P-2"])
        let outcome = settled([("P-2", 5_300)], plans, policies)
        #expect(outcome.settled.map { names($0.parts.filter { $0.form != .settlement }).sorted() } == [["credit_note:R-1", "invoice:O-1", "journal:O-1/P-1", "payment:P-2"]])
        #expect(outcome.single.isEmpty && outcome.waiting.isEmpty)
        let sums = balances(outcome.settled.map(\.plan))
        #expect(sums["receivable:shop"] == nil && sums["clearing:card:USD"] == 5_300 && sums["customer_deposits"] == 5_300, "\(sums)")
        // The row that took the money back then takes no part of it.
        #expect(settled([("P-1", 10_600), ("R-1", -5_300)], plans, policies).settled.flatMap(\.parts).filter { $0.form != .settlement }.isEmpty)
    }

    @Test("a credit note that a payout takes stays there, though nothing tells of its money any more") func takenStays() throws {
        let policies = try policies(("posting", "payout"))
        let plans = planned([sale(), came("P-1", 10_600, early), refund(money: false)], shopUS, policies)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "credit_note:R-1"])
        let outcome = settled([("P-1", 10_600), ("R-1", -5_300)], plans, policies)
        let taken = outcome.settled.map { names($0.parts.filter { $0.form != .settlement }).sorted() }
        #expect(taken == [["credit_note:R-1", "invoice:O-1", "payment:P-1"]] && outcome.single.isEmpty)
    }

    @Test("a payout takes no credit note of money that went back before the sale counted") func payouts() throws {
        let policies = try policies(("triggers.sale", "fulfilled"), ("posting", "payout"))
        let plans = planned([sale(), came("P-1", 10_600, early), refund(), leaves(1, later)], shopUS, policies)
        let parts = plans.filter { Summaries.policy(of: $0, policies) == .payout }
        #expect(names(parts) == ["invoice:O-1", "journal:O-1/P-1", "credit_note:R-1"])
        let outcome = settled([("P-1", 10_600), ("R-1", -5_300)], plans, policies)
        #expect(outcome.settled.flatMap(\.parts).filter { $0.form == .creditNote }.isEmpty)
        #expect(names(outcome.single) == names(parts) && outcome.waiting.isEmpty)
    }

    @Test("store credit that is given before the sale counts is owed at once, and taken from the customer's money once", arguments: [0, 500] as [Int64])
    func credit(bonus: Int64) throws {
        let policies = try policies(("triggers.sale", "fulfilled"), ("returns.owner", "rms"))
        let back = comesBack(0, credit: 5_300 + bonus, of: bonus), known = [three, came("P-1", 15_900, early), back]
        let before = planned(known, shopUS, policies)
        #expect(names(before) == ["deposit:P-1", "deposit:T-1/credit"] && before.flatMap(\.findings).isEmpty, "\(checks(before))")
        #expect(before[1].date == day("2026-11-09") && before[1].total == usd(5_300 + bonus) && before[1].lines[1].openItem == "P-1")
        let promotion: [Role: Int64] = bonus == 0 ? [:] : ["promotion_expense": bonus]
        #expect(sums(before[1]) == ["customer_deposits": 5_300, "store_credit_liability": -5_300 - bonus].merging(promotion) { one, _ in one })
        let all = known + [leaves(3, later)], counted = planned(all, shopUS, policies, ledger: posted(before))
        #expect(names(counted) == ["deposit:P-1", "deposit:T-1/credit", "invoice:O-1", "journal:O-1/P-1", "credit_note:T-1"])
        #expect(counted[3].total == usd(10_600) && counted.flatMap(\.findings).isEmpty)
        var plain = policies
        plain.saleTrigger = .created
        #expect(balances(counted) == balances(planned(all, shopUS, plain)))
        #expect(counted == planned(all, shopUS, policies))
        stays(all, policies, posted(counted))
        // What stands as credit against a credit note stays that.
        let settled = posted(planned(all, shopUS, plain))
        stays(all, policies, settled)
        #expect(planned(all, shopUS, policies, ledger: settled).allSatisfy { $0.effect == .post })
    }

    @Test("a bonus in store credit is nothing that the customer has to pay") func creditWhenPaid() throws {
        let policies = try policies(("triggers.sale", "paid"), ("returns.owner", "rms"))
        let known = [sale(), came("P-1", 6_000, at("2026-11-03T10:00:00Z")), comesBack(0, credit: 5_800, of: 500)]
        #expect(names(planned(known, shopUS, policies)) == ["deposit:P-1", "deposit:T-1/credit"])
        let plans = planned(known + [came("P-2", 4_600, later)], shopUS, policies)
        #expect(names(plans) == ["deposit:P-1", "deposit:T-1/credit", "invoice:O-1", "payment:P-2", "journal:O-1/P-1", "credit_note:T-1"])
        #expect(balances(plans)["customer_deposits"] == nil && balances(plans)["receivable:shop"] == nil && plans.flatMap(\.findings).isEmpty)
    }

    @Test("credit with a bonus that is none is held, early as well") func oddCredit() throws {
        let policies = try policies(("triggers.sale", "fulfilled"), ("returns.owner", "rms"))
        var back = comesBack(0, credit: 5_300)
        if case .goodsReturn(var body) = back.body {
            body.settlement?.total = usd(5_400)
            back.body = .goodsReturn(body)
        }
        let plans = planned([three, came("P-1", 15_900, early), back], shopUS, policies)
        #expect(names(plans) == ["deposit:P-1", "deposit:T-1/credit"] && checks(plans) == ["unbalanced"])
    }

    @Test("a sale that is told late into a closed day is in a late sheet with what uses its deposit up; a deposit told later is in a later one")
    func lateSheets() throws {
        let policies = try policies(("triggers.sale", "fulfilled"), ("posting", "daily_summary"), ("closed_period", "first_open_day"))
        let closed = LedgerState(lockDate: day("2026-11-18")), documents = [sale(), came("P-1", 10_000, early), leaves(2, later)]
        func summaries(_ plans: [PlannedPosting], _ ledger: LedgerState) -> [GatheredPosting] {
            let parts = plans.filter { Summaries.policy(of: $0, policies) == .dailySummary }
            return Summaries.plan(parts, source: "shop", organisation: shopUS, policies: policies, ledger: ledger)
        }
        let plans = planned(documents, shopUS, policies, ledger: closed)
        #expect(plans.filter { $0.form != .deposit }.map(\.date) == [day("2026-11-18"), day("2026-11-18")] && plans.compactMap(\.reference).count == 1)
        let made = summaries(plans, closed)
        #expect(made.map(\.plan.subject) == ["2026-11-18:shop/late-1"] && made.map(\.plan.date) == [day("2026-11-19")])
        #expect(made.first.map { names($0.parts) } == ["invoice:O-1", "journal:O-1/P-1"])
        // In time; the day is closed then, and another deposit of the sale is told.
        let first = summaries(planned(documents, shopUS, policies), LedgerState())
        let ledger = LedgerState(
            lockDate: day("2026-11-18"), posted: Dictionary(uniqueKeysWithValues: first.map { ($0.plan.id, PostedState(plan: $0.plan)) }),
            within: Dictionary(uniqueKeysWithValues: first.flatMap(\.parts).map { ($0.id, PostedState(plan: $0)) }))
        let told = planned(documents + [came("P-0", 600, early)], shopUS, policies, ledger: ledger)
        let sheets = summaries(told, ledger)
        #expect(sheets.map { names($0.parts) } == [["invoice:O-1", "journal:O-1/P-1"], ["journal:O-1/P-0"]], "\(sheets.map { names($0.parts) })")
        #expect(sheets.first.map { ledger.action(for: $0.plan) } == .unchanged && sheets.last?.plan.date == day("2026-11-19"))
    }

    @Test("revenue line by line can't be released from a summary or a settlement: refused by name") func refused() throws {
        for posting in ["daily_summary", "payout", "per_document, daily_summary from 2027-01-01", "per_document, payout from 2027-01-01"] {
            let mixed = try policies(("revenue", "at_fulfilment"), ("posting", posting))
            #expect(mixed.unsupported.count == 1 && mixed.unsupported[0].hasPrefix("revenue: at_fulfilment with posting:"), "\(posting)")
        }
        #expect(try policies(("revenue", "at_fulfilment")).unsupported.isEmpty)
        // What was once, and is no more, stops no flow that works.
        for posting in ["daily_summary, per_document from 2026-12-01", "payout, daily_summary from 2026-10-01, per_document from 2026-12-01"] {
            #expect(try policies(("revenue", "at_fulfilment"), ("posting", posting)).unsupported.isEmpty, "\(posting)")
        }
    }

    @Test("nothing changes a receipt before it is there, and a change that stands keeps its day") func receipts() throws {
        let policies = try policies(("triggers.sale", "paid"), ("sale_form", "sales_receipt"))
        let documents = [sale(), came("P-1", 6_000, early), refund(), came("P-2", 4_600, later)]
        let plans = planned(documents, shopUS, policies)
        #expect(names(plans) == ["sales_receipt:O-1", "credit_note:R-1", "refund_payment:R-1"] && plans.flatMap(\.findings).isEmpty)
        #expect(plans.map(\.date) == [day("2026-11-18"), day("2026-11-18"), day("2026-11-08")])
        stays(documents, policies, posted(plans))
        var old = posted(plans)
        old.posted[plans[1].id]?.plan.date = day("2026-11-08")
        stays(documents, policies, old, "of a time when it was dated by itself")
    }

    @Test("money that is owed there settles an invoice, though sales are receipts by now: nothing is voided, and no money told twice", arguments: ["paid", "created"])
    func owedThenReceipts(trigger: String) throws {
        let known = [sale(), came("P-1", 600, early)], ledger = posted(planned(known, shopUS, try policies(("triggers.sale", "paid"))))
        let receipts = try policies(("triggers.sale", trigger), ("sale_form", "sales_receipt"))
        #expect(names(planned(known, shopUS, receipts, ledger: ledger)) == ["deposit:P-1"])
        let all = known + [came("P-2", 10_000, later)], plans = planned(all, shopUS, receipts, ledger: ledger)
        #expect(names(plans) == ["deposit:P-1", "invoice:O-1", "payment:P-2", "journal:O-1/P-1"] && plans.allSatisfy { $0.effect == .post })
        stays(all, receipts, posted(plans))
        #expect(names(planned(all, shopUS, receipts)) == ["sales_receipt:O-1"])
        stays(all, receipts, posted(planned(all, shopUS, receipts)), "a receipt that stands stays one")
    }

    @Test("what is told after an invoice stands is dated with it, and stays there once it is posted") func furtherStays() throws {
        var policies = try policies(("triggers.sale", "fulfilled"), ("edit", "delta"))
        let documents = [sale(), came("P-1", 10_600, early), leaves(2, later)]
        let ledger = posted(planned(documents, shopUS, policies))
        let plans = planned(documents + [edit()], shopUS, policies, ledger: ledger)
        #expect(plans.first { $0.form == .creditNote }?.date == day("2026-11-18"))
        stays(documents + [edit()], policies, posted(plans))
        policies.saleTrigger = .created
        stays(documents + [edit()], policies, posted(plans))
    }

    @Test("what comes later changes nothing that stands: a later refund no release, a later deposit no money that went back") func untouched() throws {
        let deferred = try policies(("revenue", "at_fulfilment"))
        let first = [sale(), payment(), refund(), leaves(1, later)], plans = planned(first, shopUS, deferred)
        #expect(plans.first { $0.subject == "O-1/never-left" }?.covers == ["R-1"])
        let again = first + [refund("R-2", time: at("2026-11-20T10:00:00Z"))]
        stays(again, deferred, posted(plans))
        #expect(planned(again, shopUS, deferred).first { $0.subject == "O-1/never-left" }?.covers == ["R-1"])
        let fulfilled = try policies(("triggers.sale", "fulfilled"))
        let known = [sale(), came("P-1", 6_000, early), refund()], before = planned(known, shopUS, fulfilled)
        #expect(before[1].lines[0].openItem == "P-1")
        let more = known + [came("P-2", 4_600, at("2026-11-10T10:00:00Z"))]
        stays(more, fulfilled, posted(before))
        #expect(planned(more, shopUS, fulfilled).contains(before[1]))
        let late = known + [came("P-0", 4_600, at("2026-11-02T09:00:00Z"))]
        stays(late, fulfilled, posted(before), "told late, of before")
    }

    @Test("the mark of a sale that is dated by its money is nothing that people read") func mark() throws {
        let paid = try policies(("triggers.sale", "paid"))
        let plans = planned([sale(), came("P-1", 10_600, later)], shopUS, paid)
        #expect(plans.map(\.countsWhenPaid) == [true, false] && plans.allSatisfy { $0.note == nil })
        #expect(planned([sale(), came("P-1", 10_600, later)]).allSatisfy { !$0.countsWhenPaid })
        stays([sale(), came("P-1", 10_600, later)], Policies(), posted(plans))
    }
}
