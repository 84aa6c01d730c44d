import Kernel
import Testing

@testable import Books

private let whenFulfilled: Policies = {
    var out = Policies()
    out.saleTrigger = .fulfilled
    return out
}()

private func left(_ units: Int, _ time: Timestamp, _ id: String = "F-1", line: String = "L1") -> SourceDocument {
    document(id, time, .fulfilment(Fulfilment(lines: [.init(line: line, quantity: ExactDecimal(units))])))
}

private func waiting(_ documents: [SourceDocument], _ policies: Policies) -> [String] {
    Planner.outcome(OrderCase(id: "O-1", documents), organisation: shopUS, policies: policies, ledger: LedgerState(), codes: CodeBook()).waiting
}

@Suite("Triggers") struct TriggerTests {
    private let later = at("2026-11-18T10:00:00Z")

    @Test("before the goods leave, only their money is in the books, and it is owed to the customer")
    func early() {
        let documents = [sale(), payment()]
        let plans = planned(documents, shopUS, whenFulfilled)
        #expect(names(plans) == ["deposit:P-1"] && plans.flatMap(\.findings).isEmpty)
        #expect(sums(plans.first) == ["clearing:card:USD": 10_600, "customer_deposits": -10_600])
        #expect(plans.first?.date == day("2026-11-02") && plans.first?.lines[1].openItem == "P-1")
        #expect(waiting(documents, whenFulfilled) == ["O-1"])
        #expect(planned([sale()], shopUS, whenFulfilled).isEmpty)
        #expect(waiting([sale(), payment()], Policies()) == [])
    }

    @Test("once all has left, the sale is in the books on that day, and uses the money up")
    func recognised() {
        let documents = [sale(), payment(), left(2, later)]
        let plans = planned(documents, shopUS, whenFulfilled)
        #expect(names(plans) == ["deposit:P-1", "invoice:O-1", "journal:O-1/P-1"])
        #expect(plans.map(\.date) == [day("2026-11-02"), day("2026-11-18"), day("2026-11-18")])
        #expect(sums(plans[2]) == ["customer_deposits": 10_600, "receivable:shop": -10_600] && plans[2].appliesTo == plans[1].id)
        #expect(balances(plans) == balances(planned(documents)))
        #expect(waiting(documents, whenFulfilled) == [])
        #expect(planned([sale(), payment()], shopUS, whenFulfilled)[0] == plans[0], "what is posted stays as it is")
    }

    @Test("a part that left is not all; the day counts on which the last of it left")
    func partly() {
        let first = left(1, at("2026-11-05T10:00:00Z"))
        #expect(names(planned([sale(), payment(), first], shopUS, whenFulfilled)) == ["deposit:P-1"])
        let plans = planned([sale(), payment(), first, left(1, later, "F-2")], shopUS, whenFulfilled)
        #expect(plans[1].form == .invoice && plans[1].date == day("2026-11-18"))
    }

    @Test("what is refunded before it leaves goes out of the customer's money, and the rest of the order needs no more than the rest")
    func refundedBefore() {
        let before = planned([sale(), payment(), refund()], shopUS, whenFulfilled)
        #expect(names(before) == ["deposit:P-1", "deposit:R-1"])
        #expect(sums(before[1]) == ["customer_deposits": 5_300, "clearing:card:USD": -5_300])
        #expect(waiting([sale(), payment(), refund()], whenFulfilled) == ["O-1", "R-1"])
        let documents = [sale(), payment(), refund(), left(1, later)]
        let plans = planned(documents, shopUS, whenFulfilled)
        #expect(names(plans) == ["deposit:P-1", "deposit:R-1", "invoice:O-1", "journal:O-1/P-1", "credit_note:R-1"])
        #expect(plans[3].total == usd(5_300) && plans[4].date == day("2026-11-18"))
        #expect(plans.flatMap(\.findings).isEmpty && balances(plans) == balances(planned(documents)))
    }

    @Test("an order whose money went back before anything left never comes into the books; one cancelled before any money leaves nothing")
    func cancelled() {
        let all = refund(units: 2, total: 10_600)
        let plans = planned([sale(), payment(), all, cancel()], shopUS, whenFulfilled)
        #expect(names(plans) == ["deposit:P-1", "deposit:R-1"] && balances(plans).isEmpty)
        #expect(planned([sale(), cancel()], shopUS, whenFulfilled).isEmpty)
        #expect(names(planned([sale(), payment(), cancel()], shopUS, whenFulfilled)) == ["deposit:P-1"], "money that is still there is still owed")
    }

    @Test("money that comes after the goods settles the sale; a refund after them is what it always was")
    func after() {
        let paid = document("P-1", at("2026-11-20T10:00:00Z"), .payment(Payment(gateway: "card", amount: usd(10_600), status: .success)))
        let back = refund(time: at("2026-11-25T10:00:00Z"))
        let plans = planned([sale(), left(2, later), paid, back], shopUS, whenFulfilled)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "credit_note:R-1", "refund_payment:R-1"])
        #expect(plans[0].date == day("2026-11-18") && plans[2].date == day("2026-11-25"))
    }

    @Test("an edit made before the goods leave is part of the sale, whatever the policy on edits says", arguments: Policies.Edit.allCases)
    func edited(_ how: Policies.Edit) {
        var policies = whenFulfilled
        policies.edit = how
        let documents = [sale(), payment(), edit(), left(1, later)]
        let plans = planned(documents, shopUS, policies)
        #expect(names(plans) == ["deposit:P-1", "deposit:E-1", "invoice:O-1", "journal:O-1/P-1"])
        #expect(plans[2].total == usd(5_300) && plans[2].covers == ["O-1", "E-1"] && plans.flatMap(\.findings).isEmpty)
        #expect(balances(plans) == balances(planned(documents)))
    }

    @Test("more money back than came in before the goods left is held")
    func tooMuch() {
        let plans = planned([sale(), payment("P-1", 4_000), refund()], shopUS, whenFulfilled)
        #expect(checks(plans) == ["refund_exceeds_remaining"])
        #expect(plans.last?.findings.first?.figures["difference"] == usd(1_300))
    }

    @Test("what the ledger has from a time when sales were posted as created stays as it is")
    func policyChanged() {
        let documents = [sale(), payment()]
        let ledger = posted(planned(documents))
        for after in [documents, documents + [left(2, later)]] {
            let plans = planned(after, shopUS, whenFulfilled, ledger: ledger)
            #expect(names(plans) == ["invoice:O-1", "payment:P-1"] && plans == planned(documents))
        }
        let new = posted(planned(documents + [left(2, later)], shopUS, whenFulfilled))
        #expect(planned(documents + [left(2, later)], shopUS, whenFulfilled, ledger: new).allSatisfy { new.action(for: $0) == .unchanged })
    }

    @Test("whichever way the policy changes, no money that the ledger has is taken back or told twice")
    func bothWays() {
        let paid = [sale(), payment()], sameDay = left(2, at("2026-11-02T15:00:00Z"))
        // Fulfilled, then created: what is owed stays owed until the goods leave, and what was recognised keeps its day.
        let owed = posted(planned(paid, shopUS, whenFulfilled))
        #expect(names(planned(paid, ledger: owed)) == ["deposit:P-1"])
        let plans = planned(paid + [left(2, later)], ledger: owed)
        #expect(plans == planned(paid + [left(2, later)], shopUS, whenFulfilled))
        #expect(planned(paid + [left(2, later)], ledger: posted(plans)) == plans)
        let afterwards = document("P-1", at("2026-11-20T10:00:00Z"), .payment(Payment(gateway: "card", amount: usd(10_600), status: .success)))
        let late = planned([sale(), left(2, later), afterwards], shopUS, whenFulfilled)
        #expect(planned([sale(), left(2, later), afterwards], ledger: posted(late)) == late, "an invoice keeps its day")
        // Created, then fulfilled, all of it on one day.
        let settled = planned(paid + [sameDay])
        #expect(planned(paid + [sameDay], shopUS, whenFulfilled, ledger: posted(settled)) == settled)
        #expect(planned(paid + [left(2, later)], shopUS, whenFulfilled, ledger: posted(planned(paid))) == planned(paid))
        for ledger in [owed, posted(plans), posted(settled)] {
            for policies in [Policies(), whenFulfilled] {
                #expect(planned(paid + [left(2, later)], shopUS, policies, ledger: ledger).allSatisfy { $0.effect == .post }, "nothing is voided")
            }
        }
    }

    @Test("an order that is completed once more, or earlier than was known, moves nothing that the ledger has")
    func completedAgain() {
        let paid = [sale(), payment()], back = refund(time: at("2026-11-19T10:00:00Z"))
        for (first, again) in [(later, at("2026-11-20T10:00:00Z")), (at("2026-11-20T10:00:00Z"), later)] {
            let known = paid + [left(2, first), back], told = paid + [left(2, again), back]
            var ledger = posted(planned(known, shopUS, whenFulfilled))
            #expect(ledger.posted.keys.contains { $0.form == .deposit })
            for lock in [nil, LocalDate("2026-11-18")] {
                ledger.lockDate = lock
                let plans = planned(told, shopUS, whenFulfilled, ledger: ledger)
                let changed = plans.filter { ledger.action(for: $0) != .unchanged }
                #expect(names(changed) == [])
                #expect(Set(plans.map(\.id)) == Set(ledger.posted.keys), "nothing is voided, nothing is new")
            }
        }
        // Without money: the invoice alone, which keeps its day.
        let unpaid = posted(planned([sale(), left(2, later)], shopUS, whenFulfilled))
        let plans = planned([sale(), left(2, at("2026-11-25T10:00:00Z"))], shopUS, whenFulfilled, ledger: unpaid)
        #expect(plans.count == 1 && plans.allSatisfy { unpaid.action(for: $0) == .unchanged })
    }

    @Test("an edit that was made before the goods left and told after a closed invoice stands is a document of its own, not before the invoice")
    func lateEdit() throws {
        var policies = whenFulfilled
        policies.closedPeriod = .firstOpenDay
        let documents = [sale(), payment(), left(2, later)]
        var ledger = posted(planned(documents, shopUS, policies))
        ledger.lockDate = LocalDate("2026-11-30")
        func changed(_ policies: Policies) -> [PlannedPosting] {
            planned(documents + [edit()], shopUS, policies, ledger: ledger).filter { ledger.action(for: $0) != .unchanged }
        }
        let closed = changed(policies)
        #expect(closed.allSatisfy { ledger.action(for: $0) == .create && $0.date == LocalDate("2026-12-01") && $0.findings.isEmpty }, "\(names(closed))")
        #expect(closed.map(\.form) == [.creditNote, .refundPayment])
        ledger.lockDate = nil
        policies.edit = .delta
        let open = changed(policies)
        #expect(open.map(\.form) == [.creditNote, .refundPayment] && open.first?.date == LocalDate("2026-11-18"), "\(names(open))")
        #expect(open.allSatisfy { ledger.action(for: $0) == .create })
    }

    @Test("without a trigger, an invoice that a closed period moved to the day the goods left is no sale that waited for them")
    func movedByLock() throws {
        var policies = Policies()
        policies.closedPeriod = .firstOpenDay
        let leaves = at("2026-11-03T10:00:00Z")
        var ledger = LedgerState(lockDate: LocalDate("2026-11-02"))
        let first = planned([sale()], shopUS, policies, ledger: ledger)
        #expect(first.map(\.date) == [LocalDate("2026-11-03")])
        ledger.posted = posted(first).posted
        #expect(names(planned([sale(), payment(), left(2, leaves)], shopUS, policies, ledger: ledger)) == ["invoice:O-1", "payment:P-1"])
    }

    @Test("an invoice that stands is not taken back because sales wait for their money from now on")
    func paidFromNowOn() {
        var policies = Policies()
        policies.saleTrigger = .paid
        #expect(planned([sale()], shopUS, policies).isEmpty)
        let ledger = posted(planned([sale()]))
        let plans = planned([sale()], shopUS, policies, ledger: ledger)
        #expect(names(plans) == ["invoice:O-1"] && plans.allSatisfy { ledger.action(for: $0) == .unchanged })
    }

    @Test("a gift card need not leave")
    func giftCard() {
        let line = SaleLine(id: "L1", sku: "GC", title: "Card", quantity: .one, gross: usd(5_000), discount: usd(0), net: usd(5_000), taxes: [], giftCard: true)
        let card = document("O-1", at("2026-11-02T10:00:00Z"), .sale(Sale(number: "#1", source: "shop", currency: .usd, taxIncluded: false, lines: [line], total: usd(5_000))))
        #expect(names(planned([card, payment("P-1", 5_000)], shopUS, whenFulfilled)) == ["invoice:O-1", "payment:P-1"])
    }

    @Test("whatever came before, the books end as if the sale had been posted at once, in both currencies, to the cent", arguments: UInt64(1) ... 150)
    func same(seed: UInt64) {
        let foreign = seed % 2 == 0
        var maker = CaseMaker(seed: seed, currency: foreign ? .eur : .usd)
        maker.sale(rate: foreign ? d("0.8731") : nil)
        maker.pay()
        if seed % 3 > 0 { maker.refund("R-1") }
        if seed % 3 > 1 { maker.refund("R-2") }
        guard case .sale(let body) = maker.documents[0].body, let last = maker.documents.map(\.at).max() else { return }
        let shop = foreign ? shopGB : shopUS
        // Goods leave at the end, or between the other events.
        let time = seed % 5 == 0 ? maker.documents[maker.documents.count / 2].at : last + .seconds(3_600)
        let goods = Fulfilment(lines: body.lines.map { .init(line: $0.id, quantity: $0.quantity) })
        let documents = maker.documents + [document("F-1", time, .fulfilment(goods))]
        let plans = planned(documents, shop, whenFulfilled), plain = planned(documents, shop)
        #expect(plans.flatMap(\.findings).isEmpty, "seed \(seed): \(checks(plans))")
        #expect(balances(plans) == balances(plain), "seed \(seed)")
        func bases(_ plans: [PlannedPosting]) -> [Role: Int64] {
            var out: [Role: Int64] = [:]
            for line in plans.flatMap(\.lines) { out[line.role, default: 0] += line.base?.minor ?? 0 }
            return out.filter { $0.value != 0 }
        }
        #expect(bases(plans)["customer_deposits"] == nil, "seed \(seed)")
        #expect(bases(plans)["receivable:shop"] == bases(plain)["receivable:shop"], "seed \(seed)")
        for plan in plans {
            #expect(plan.lines.map(\.amount).total(plan.currency).isZero, "seed \(seed): \(plan.subject)")
            if foreign { #expect(plan.lines.compactMap(\.base?.minor).reduce(0, +) == 0, "seed \(seed): \(plan.subject)") }
        }
        let before = planned(maker.documents.filter { $0.at < time }, shop, whenFulfilled)
        #expect(before.allSatisfy { $0.form == .deposit && plans.contains($0) }, "seed \(seed): what is posted before stays as it is")
        #expect(planned(documents.reversed(), shop, whenFulfilled) == plans, "seed \(seed): the order of arrival does not matter")
    }

    @Test("a refund can wait until its money has gone back, or until a closed return names it")
    func refunds() {
        var paid = Policies(), returned = Policies()
        (paid.refundTrigger, returned.refundTrigger) = (.paid, .returned)
        let documents = [sale(), payment(), refund(money: false)]
        #expect(checks(planned(documents, shopUS, paid)) == ["waits_for_money"])
        #expect(checks(planned([sale(), payment(), refund()], shopUS, paid)) == [])
        var underWay = refund()
        if case .refund(var told) = underWay.body {
            told.total = usd(0)
            for i in told.transactions.indices { told.transactions[i].status = .pending }
            underWay.body = .refund(told)
        }
        #expect(checks(planned([sale(), payment(), underWay], shopUS, paid)) == ["waits_for_money"], "on its way is not given back")
        let held = planned([sale(), payment(), refund()], shopUS, returned)
        #expect(checks(held) == ["waits_for_return", "waits_for_return"], "with the money that it gives")
        let back = document("T-1", later, .goodsReturn(GoodsReturn(state: "closed", refundRef: "R-1", lines: [], fees: [])))
        #expect(checks(planned([sale(), payment(), refund(), back], shopUS, returned)) == [])
        let open = document("T-1", later, .goodsReturn(GoodsReturn(state: "open", refundRef: "R-1", lines: [], fees: [])))
        #expect(checks(planned([sale(), payment(), refund(), open], shopUS, returned)).count == 2)
        let ledger = posted(planned([sale(), payment(), refund()]))
        #expect(checks(planned([sale(), payment(), refund()], shopUS, returned, ledger: ledger)) == [], "what is posted is not held")
        let goodwill = refund(units: 0, adjustments: [RefundAdjustment(id: "A1", kind: .goodwill, amount: usd(500))], total: 500)
        #expect(checks(planned([sale(), payment(), goodwill], shopUS, returned)) == [], "nothing comes back for goodwill")
    }

    @Test("triggers are policies, the older name of one included; values and mixtures that can't be are refused by name")
    func policies() throws {
        var policies = Policies()
        try policies.set("triggers.sale", to: "fulfilled")
        try policies.set("triggers.refund", to: "returned")
        try policies.set("triggers.payment", to: "paid")
        #expect(policies.saleTrigger == .fulfilled && policies.refundTrigger == .returned && policies.unsupported.isEmpty)
        #expect(Set(policies.needs.map(\.fact)) == [.fulfilments, .payments, .returns])
        var tills = Policies()
        try tills.set("triggers.summary", to: "day_closed")
        #expect(tills.needs.map(\.fact) == [.closures] && tills.unsupported.isEmpty)
        for (name, value) in [("triggers.sale", "shipped"), ("triggers.refund", ""), ("triggers.payment", "created"), ("triggers.nothing", "paid"), ("post_on", "fulfilled")] {
            #expect(throws: Fault.self, "\(name)") { try policies.set(name, to: value) }
        }
        for (name, value) in [("sale_form", "sales_receipt"), ("revenue", "at_fulfilment")] {
            var mixed = policies
            try mixed.set(name, to: value)
            #expect(mixed.unsupported.contains { $0.hasPrefix("triggers.sale") }, "\(name)")
        }
        for (name, value) in [("posting", "payout"), ("posting", "daily_summary"), ("posting", "per_document, daily_summary from 2027-01-01"), ("returns.owner", "rms")] {
            var mixed = policies
            try mixed.set(name, to: value)
            #expect(mixed.unsupported.isEmpty, "\(name)")
        }
        try policies.set("post_on", to: "paid")
        #expect(policies.saleTrigger == .paid)
        try policies.set("post_on", to: "order")
        #expect(policies.saleTrigger == .created)
        var revenue = Policies()
        revenue.revenue = .atFulfilment
        #expect(revenue.needs.map(\.policy) == ["revenue"])
    }
}
