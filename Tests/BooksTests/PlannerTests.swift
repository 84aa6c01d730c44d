import Books
import Kernel
import Testing

@Suite("Planning")
struct PlannerTests {
    // MARK: Sales

    @Test("who owes: the shop's one receivable, a customer's, or a channel's whatever the customer")
    func receivable() {
        var per = Policies()
        per.customer = .perCustomer
        #expect(planned([sale(customer: "c-7")]).first?.party == "shop")
        #expect(planned([sale(customer: "c-7")], shopUS, per).first?.party == "c-7")
        #expect(planned([sale()], shopUS, per).first?.party == "shop")
        #expect(planned([sale(source: "bazaar", customer: "bazaar")]).first?.party == "bazaar")
        #expect(
            planned([sale(source: "bazaar", customer: "c-7", taxes: [tax(600, channel: true)])]).first?.party
                == "bazaar")
    }

    @Test("a total that is not the sum of its parts is held, and the plan balances all the same")
    func totals() throws {
        let plan = try #require(planned([sale(total: 10_601)]).first)
        #expect(plan.findings.map(\.check) == ["unbalanced"] && plan.findings.first?.position == "total")
        #expect(plan.lines.map(\.amount).total(.usd).isZero)
    }

    @Test("net discounts leave sales after discount and no discount line")
    func netDiscounts() {
        let discount = OrderDiscount(id: "D1", code: "TEN", amount: usd(1_000))
        var net = Policies()
        net.discounts = .net
        let documents = [sale(total: 9_600, discounts: [discount])]
        let wide = { (plans: [PlannedPosting]) in balances(plans) }
        net.taxDifferenceCap = ExactDecimal(9)
        #expect(
            wide(planned(documents, shopUS, net)) == [
                "receivable:shop": 9_600, "sales:cups": -9_000, "tax_payable:US-PA": -600,
            ])
        #expect(wide(planned(documents))["sales_discounts"] == 1_000)
    }

    @Test("money that did not arrive is not booked, and nothing is posted before money under post_on paid")
    func unpaid() {
        let documents = [
            sale(), payment("P-1", 10_600, .authorised), payment("P-2", 10_600, .failure),
            payment("P-3", 10_600, .pending),
        ]
        #expect(names(planned(documents)) == ["invoice:O-1"])
        var paid = Policies()
        paid.saleTrigger = .paid
        #expect(planned(documents, shopUS, paid).isEmpty)
        #expect(names(planned(documents + [payment("P-4")], shopUS, paid)) == ["invoice:O-1", "payment:P-4"])
    }

    @Test("money paid back as a negative payment is a refund payment")
    func negative() {
        let plans = planned([sale(), payment(), payment("P-2", -600)])
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "refund_payment:P-2"])
        #expect(plans.last?.total == usd(600))
    }

    @Test("a payment that later turns out void is voided in the ledger, not forgotten")
    func retired() {
        let ledger = posted(planned([sale(), payment()]))
        let plans = planned([sale(), payment("P-1", 10_600, .voided, version: 2)], ledger: ledger)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1 void"])
        #expect(plans.map { ledger.action(for: $0) } == [.unchanged, .void(2)])
    }

    @Test(
        "a receipt waits until all is paid, then covers sale and payments; what is paid above stays the customer's"
    )
    func receipts() throws {
        var receipt = Policies()
        receipt.saleForm = .salesReceipt
        #expect(planned([sale()], shopUS, receipt).isEmpty)
        let part = planned([sale(), payment("P-1", 600)], shopUS, receipt)
        #expect(checks(part) == ["waits_for_payment"] && part.first?.notBefore == at("2026-11-03T10:01:00Z"))
        let full = try #require(
            planned([sale(), payment("P-1", 600), payment("P-2", 10_100, gateway: "cash")], shopUS, receipt).first)
        #expect(full.form == .salesReceipt && full.covers == ["O-1", "P-1", "P-2"] && full.total == usd(10_600))
        #expect(sums(full)["clearing:cash:USD"] == 10_100 && sums(full)["receivable:shop"] == -100)
    }

    @Test("pass_through books the channel's tax and owes it to the channel, memo leaves it out")
    func channelTax() {
        let documents = [sale(source: "marketplace", taxes: [tax(600, channel: true)])]
        #expect(balances(planned(documents)) == ["receivable:marketplace": 10_000, "sales:cups": -10_000])
        #expect(planned(documents).first?.memo == ["marketplace_tax_memo": usd(600)])
        var through = Policies()
        through.marketplaceTax = .passThrough
        #expect(balances(planned(documents, shopUS, through))["marketplace_tax_memo"] == -600)
        #expect(checks(planned(documents, shopUS, through)).isEmpty)
    }

    // MARK: Changes of what is posted

    @Test(
        "a ledger that cannot revise a paid document gets a further one; before it is posted there is nothing to revise"
    )
    func forbidden() {
        let documents = [sale(), payment(), edit()]
        #expect(
            names(planned(documents, ledger: LedgerState(forbidsRevision: true))) == [
                "invoice:O-1", "payment:P-1", "refund_payment:E-1",
            ])
        let ledger = posted(planned([sale(), payment()]), forbidsRevision: true)
        let plans = planned(documents, ledger: ledger)
        #expect(names(plans) == ["invoice:O-1", "credit_note:O-1/E-1", "payment:P-1", "refund_payment:E-1"])
        #expect(ledger.action(for: plans[0]) == .unchanged && plans[3].appliesTo == plans[1].id)
    }

    @Test("an edit once posted as a document of its own stays one, an edit once taken up stays taken up")
    func settledEdits() {
        var delta = Policies()
        delta.edit = .delta
        let apart = planned([sale(), payment(), edit()], shopUS, delta)
        #expect(planned([sale(), payment(), edit()], ledger: posted(apart)) == apart)
        let within = planned([sale(), payment(), edit()])
        #expect(planned([sale(), payment(), edit()], shopUS, delta, ledger: posted(within)) == within)
    }

    @Test("a document moved to the first open day keeps that date when the lock date moves on, and names its own")
    func redated() {
        var open = Policies()
        open.closedPeriod = .firstOpenDay
        let documents = [sale(), payment(), refund()]
        let first = planned(documents, shopUS, open, ledger: LedgerState(lockDate: day("2026-11-08")))
        #expect(first.map(\.date) == Array(repeating: day("2026-11-09"), count: 4))
        #expect(first.allSatisfy { $0.reference?.contains("source date 2026-11-0") ?? false })
        #expect(planned(documents, shopUS, open, ledger: posted(first, lockDate: day("2026-11-30"))) == first)
        #expect(
            planned(documents, shopUS, Policies(), ledger: LedgerState(lockDate: day("2026-11-08"))).allSatisfy {
                $0.reference == nil
            })
    }

    @Test("late refunds under reversal_pair: each mirrors what stood before it, and planning again changes nothing")
    func pairs() {
        var policies = Policies()
        policies.closedPeriod = .reversalPair
        let documents = [sale(), payment(), refund("R-1"), refund("R-2", time: at("2026-11-09T10:00:00Z"))]
        let ledger = posted(planned([sale(), payment()]), lockDate: day("2026-11-30"))
        let plans = planned(documents, shopUS, policies, ledger: ledger)
        #expect(
            names(plans) == [
                "invoice:O-1", "payment:P-1", "reversal:O-1/R-1", "invoice:O-1/R-1", "refund_payment:R-1",
                "reversal:O-1/R-2", "invoice:O-1/R-2", "refund_payment:R-2",
            ])
        #expect(plans[2].appliesTo == plans[0].id && plans[5].appliesTo == plans[3].id && plans[6].total == usd(0))
        #expect(plans[2...].allSatisfy { $0.date == day("2026-12-01") })
        #expect(balances(plans).isEmpty)
        var after = posted(plans, lockDate: day("2026-12-31"))
        #expect(planned(documents, shopUS, policies, ledger: after).allSatisfy { after.action(for: $0) == .unchanged })
        after = posted(planned([sale(), payment(), refund("R-1")]), lockDate: day("2026-11-30"))
        #expect(
            !names(planned([sale(), payment(), refund("R-1")], shopUS, policies, ledger: after)).contains(
                "reversal:O-1/R-1"))
    }

    @Test("a void of an unpaid invoice voids it; of a paid one is held; of a closed one is a credit note on sales")
    func voids() {
        #expect(names(planned([sale(), cancel(.voided)])) == ["invoice:O-1 void"])
        let paid = planned([sale(), payment(), cancel(.voided)])
        #expect(names(paid) == ["invoice:O-1 void", "payment:P-1"] && checks(paid) == ["void_with_payments"])
        #expect(checks(planned([sale(), payment(), cancel(.cancelled)])).isEmpty)
        var open = Policies()
        open.closedPeriod = .firstOpenDay
        let ledger = posted(planned([sale()]), lockDate: day("2026-11-04"))
        let closed = planned([sale(), cancel(.voided)], shopUS, open, ledger: ledger)
        #expect(names(closed) == ["credit_note:C-1", "invoice:O-1"] && closed[0].date == day("2026-11-05"))
        #expect(sums(closed[0]) == ["receivable:shop": -10_600, "sales:cups": 10_000, "tax_payable:US-PA": 600])
        #expect(
            planned([sale(), cancel(.voided)], shopUS, open, ledger: posted(closed, lockDate: day("2026-11-30")))
                == closed)
    }

    @Test("the refund of nothing that shops write for a cancelled unpaid order adds nothing to the void")
    func cancelledUnpaid() {
        let plans = planned([sale(), cancel(), refund(units: 2, total: 0, money: false)])
        #expect(names(plans) == ["invoice:O-1 void"] && plans[0].covers == ["O-1", "C-1", "R-1"])
    }

    // MARK: Incomplete and broken cases

    @Test("whatever comes before its order is planned and waits for it")
    func orphans() {
        let plans = planned([payment(), refund(), edit()])
        #expect(
            Set(names(plans)) == [
                "payment:P-1", "invoice:O-1", "refund_payment:E-1", "credit_note:R-1", "refund_payment:R-1",
            ])
        #expect(
            plans.allSatisfy {
                $0.findings.map(\.check) == ["waits_for_original"] && $0.lines.map(\.amount).total(.usd).isZero
            })
    }

    @Test("a document in another currency than its order is held alone")
    func currencies() {
        let stray = document(
            "P-2", at("2026-11-02T10:02:00Z"),
            .payment(Payment(gateway: "card", amount: Money(minor: 5, .eur), status: .success)))
        let plans = planned([sale(), payment(), stray])
        #expect(checks(plans) == ["currency_mismatch"] && plans.first { !$0.findings.isEmpty }?.subject == "P-2")
        #expect(balances(plans)["receivable:shop"] == nil)
    }

    @Test("an amount beyond exact arithmetic is held, not computed")
    func range() { #expect(checks(planned([sale(), payment("P-1", .max)])) == ["amount_out_of_range"]) }

    @Test("a rate that takes base amounts beyond exact arithmetic holds the order, not the process")
    func baseRange() {
        func foreign(_ minor: Int64, rate: StaticString) -> SourceDocument {
            var out = sale(total: minor, taxes: [tax(0)])
            guard case .sale(var body) = out.body else { return out }
            body.currency = .eur
            body.rate = d(rate)
            body.lines[0].gross = Money(minor: minor, .eur)
            body.lines[0].net = Money(minor: minor, .eur)
            body.lines[0].discount = Money(minor: 0, .eur)
            body.lines[0].taxes = [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: Money(minor: 0, .eur))]
            body.total = Money(minor: minor, .eur)
            out.body = .sale(body)
            return out
        }
        let paid = document(
            "P-1", at("2026-11-02T10:01:00Z"),
            .payment(Payment(gateway: "card", amount: Money(minor: 10_000_000_000_000, .eur), status: .success)))
        #expect(checks(planned([foreign(10_000_000_000_000, rate: "999999.999999"), paid])).contains("amount_out_of_range"))
        #expect(checks(planned([foreign(10_000_000_000_000, rate: "1.16"), paid])) == [])
    }

    @Test("of two versions the higher counts, of two equals the first, and each says so")
    func merge() {
        var order = OrderCase(id: "O-1")
        #expect(order.merge(payment(version: 2)) == .new)
        #expect(order.merge(payment(version: 2)) == .same)
        #expect(order.merge(payment("P-1", 99, version: 2)) == .stale)
        #expect(order.merge(payment(version: 1)) == .stale)
        #expect(order.merge(payment("P-1", 99, version: 3)) == .newer)
        #expect(order.documents.count == 1)
    }

    @Test("a change names the document that calls for it")
    func cause() {
        let ledger = posted(planned([sale(), payment()]))
        let plans = planned([sale(), payment(), edit()], ledger: ledger)
        #expect(ledger.cause(of: plans[0]) == "E-1" && ledger.action(for: plans[0]) == .revise(2))
        #expect(LedgerState().cause(of: plans[0]) == "O-1" && LedgerState().action(for: plans[0]) == .create)
    }
}
