import Kernel
import Testing

@testable import Books

private func policies(_ values: (name: String, value: String)...) throws -> Policies {
    var out = Policies()
    for (name, value) in values { try out.set(name, to: value) }
    return out
}

private let whenPaid: Policies = {
    var out = Policies()
    out.saleTrigger = .paid
    return out
}()

private func came(_ id: String, _ amount: Int64, _ time: Timestamp, _ status: Payment.Status = .success, gateway: String = "card") -> SourceDocument {
    document(id, time, .payment(Payment(gateway: gateway, amount: usd(amount), status: status)))
}

private func leaves(_ units: Int, _ time: Timestamp, _ id: String = "F-1") -> SourceDocument {
    document(id, time, .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(units))])))
}

/// Everything that the ledger has after each document came by itself, in this order; every plan that is not held is posted at once.
private func worked(_ documents: [SourceDocument], _ policies: Policies, _ organisation: Organisation = shopUS) -> (ledger: LedgerState, voided: [String]) {
    var ledger = LedgerState()
    var voided: [String] = []
    for n in documents.indices {
        let plans = planned(Array(documents[...n]), organisation, policies, ledger: ledger)
        for plan in plans where plan.findings.isEmpty && ledger.action(for: plan) != .nothing {
            if plan.effect == .void, ledger.posted[plan.id].map({ !$0.voided }) ?? false { voided.append("\(plan.form.rawValue):\(plan.subject)") }
            ledger.posted[plan.id] = PostedState(plan: plan, voided: plan.effect == .void)
        }
    }
    return (ledger, voided)
}

private func live(_ ledger: LedgerState) -> [PlannedPosting] { ledger.posted.values.filter { !$0.voided }.map(\.plan) }

@Suite("Sales that count when they are paid") struct PaidTests {
    private let early = at("2026-11-03T10:00:00Z"), later = at("2026-11-18T10:00:00Z")

    @Test("a part of the money is owed to the customer; with the rest the sale is in the books, on the day that the rest came")
    func inParts() {
        let first = [sale(), came("P-1", 1_000, early)]
        let before = planned(first, shopUS, whenPaid)
        #expect(names(before) == ["deposit:P-1"] && before.first?.date == day("2026-11-03"))
        #expect(sums(before.first) == ["clearing:card:USD": 1_000, "customer_deposits": -1_000])
        let outcome = Planner.outcome(OrderCase(id: "O-1", first), organisation: shopUS, policies: whenPaid, ledger: LedgerState(), codes: CodeBook())
        #expect(outcome.waiting == ["O-1"])
        let all = first + [came("P-2", 9_600, later)]
        let plans = planned(all, shopUS, whenPaid)
        #expect(names(plans) == ["deposit:P-1", "invoice:O-1", "payment:P-2", "journal:O-1/P-1"])
        #expect(plans.map(\.date) == [day("2026-11-03"), day("2026-11-18"), day("2026-11-18"), day("2026-11-18")])
        #expect(sums(plans.last) == ["customer_deposits": 1_000, "receivable:shop": -1_000] && plans[0] == before[0])
        #expect(balances(plans) == balances(planned(all)) && plans.flatMap(\.findings).isEmpty)
        #expect(planned(all, shopUS, whenPaid, ledger: posted(plans)).allSatisfy { posted(plans).action(for: $0) == .unchanged })
    }

    @Test("paid at once, on another day than ordered: the invoice is of the day of the money")
    func atOnce() {
        let plans = planned([sale(), came("P-1", 10_600, early)], shopUS, whenPaid)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1"] && plans.map(\.date) == [day("2026-11-03"), day("2026-11-03")])
        let soon = planned([sale(), came("P-1", 10_600, at("2026-11-02T09:59:00Z"))], shopUS, whenPaid)
        #expect(names(soon) == ["invoice:O-1", "payment:P-1"], "money a moment before its order is no deposit")
    }

    @Test("nothing is authorised, under way or failed money; a gift card is money")
    func kinds() {
        for status in [Payment.Status.authorised, .pending, .failure, .voided] {
            #expect(planned([sale(), came("P-1", 10_600, early, status)], shopUS, whenPaid).isEmpty, "\(status)")
        }
        let plans = planned([sale(), came("P-1", 600, early, gateway: "gift_card"), came("P-2", 10_000, later)], shopUS, whenPaid)
        #expect(sums(plans.first) == ["gift_card_liability": 600, "customer_deposits": -600] && balances(plans)["customer_deposits"] == nil)
        #expect(plans[1].form == .invoice && plans[1].date == day("2026-11-18"))
    }

    @Test("a sale of nothing counts at once; one that is overpaid counts, and what is too much stays the customer's")
    func edges() {
        let free = document("O-1", at("2026-11-02T10:00:00Z"), .sale(Sale(number: "#1", source: "shop", currency: .usd, taxIncluded: false, lines: [
            SaleLine(id: "L1", sku: "CUP", title: "Cup", quantity: .one, gross: usd(5_000), discount: usd(5_000), net: usd(0), taxes: []),
        ], total: usd(0))))
        #expect(names(planned([free], shopUS, whenPaid)) == ["invoice:O-1"])
        let plans = planned([sale(), came("P-1", 600, early), came("P-2", 12_000, later)], shopUS, whenPaid)
        #expect(names(plans) == ["deposit:P-1", "invoice:O-1", "payment:P-2", "journal:O-1/P-1"])
        #expect(balances(plans)["receivable:shop"] == -2_000 && balances(plans)["customer_deposits"] == nil)
    }

    @Test("what is given back before all was paid goes out of the customer's money, and need not be paid any more")
    func refundedBefore() {
        let back = refund(time: at("2026-11-08T10:00:00Z"))
        let part = [sale(), came("P-1", 6_000, early), back]
        #expect(names(planned(part, shopUS, whenPaid)) == ["deposit:P-1", "deposit:R-1"])
        let plans = planned(part + [came("P-2", 4_600, later)], shopUS, whenPaid)
        #expect(names(plans) == ["deposit:P-1", "deposit:R-1", "invoice:O-1", "payment:P-2", "journal:O-1/P-1", "credit_note:R-1"])
        #expect(plans[2].date == day("2026-11-18") && plans[5].date == day("2026-11-18") && plans.flatMap(\.findings).isEmpty)
        #expect(balances(plans)["customer_deposits"] == nil && balances(plans)["receivable:shop"] == nil)
        // Credited without money: the rest is all there is to pay.
        let credited = [sale(), came("P-1", 5_300, early), refund(total: 0, time: later, money: false)]
        let settled = planned(credited, shopUS, whenPaid)
        #expect(names(settled) == ["deposit:P-1", "invoice:O-1", "journal:O-1/P-1", "credit_note:R-1"] && settled[1].date == day("2026-11-18"))
        #expect(balances(settled)["receivable:shop"] == nil && balances(settled)["customer_deposits"] == nil)
    }

    @Test("an order that was given up before it was paid never comes into the books; what is still there of its money is owed")
    func givenUp() {
        let part = [sale(), came("P-1", 6_000, early)]
        let back = document("R-1", later, .refund(Refund(
            currency: .usd, taxIncluded: false, lines: [RefundLine(line: "L1", quantity: ExactDecimal(2), net: usd(10_000), taxes: nil)], total: usd(6_000),
            transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(6_000), status: .success)])))
        let plans = planned(part + [cancel(), back], shopUS, whenPaid)
        #expect(names(plans) == ["deposit:P-1", "deposit:R-1"] && balances(plans).isEmpty)
        #expect(names(planned(part + [cancel()], shopUS, whenPaid)) == ["deposit:P-1"])
        #expect(planned([sale(), cancel()], shopUS, whenPaid).isEmpty)
    }

    @Test("an edit may leave nothing to pay: the sale counts then, as it then is", arguments: Policies.Edit.allCases)
    func edited(_ how: Policies.Edit) {
        var policies = whenPaid
        policies.edit = how
        let plans = planned([sale(), came("P-1", 10_500, early), edit()], shopUS, policies)
        #expect(names(plans) == ["deposit:P-1", "deposit:E-1"], "5,200 of 5,300: a dollar is owed")
        let paid = planned([sale(), came("P-1", 10_600 - 1, early), document("E-1", later, .edit(SaleEdit(
            added: [], removed: [RemovedUnits(line: "L1", quantity: .one, net: nil, taxes: nil)], orderTotal: usd(5_300),
            transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(5_299), status: .success)])))], shopUS, policies)
        #expect(names(paid) == ["deposit:P-1", "deposit:E-1", "invoice:O-1", "journal:O-1/P-1"] && paid.flatMap(\.findings).isEmpty)
        #expect(paid[2].total == usd(5_300) && paid[2].date == day("2026-11-18") && paid[3].total == usd(5_300))
        #expect(balances(paid)["receivable:shop"] == nil && balances(paid)["customer_deposits"] == nil)
    }

    @Test("whatever is in the ledger from a time when the first cent counted stays as it is, and the rest settles it")
    func upgraded() {
        let part = [sale(), came("P-1", 1_000, early)]
        // As it was planned before: the whole invoice with the first money, of the day of the order.
        let ledger = posted(planned(part))
        #expect(ledger.posted[.init(form: .invoice, subject: "O-1")]?.plan.date == day("2026-11-02"))
        #expect(planned(part, shopUS, whenPaid, ledger: ledger).allSatisfy { ledger.action(for: $0) == .unchanged })
        let all = part + [came("P-2", 9_600, later), refund(time: at("2026-11-20T10:00:00Z"))]
        let plans = planned(all, shopUS, whenPaid, ledger: ledger)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "payment:P-2", "credit_note:R-1", "refund_payment:R-1"])
        #expect(plans == planned(all))
    }

    @Test("whichever way the policy changes, what stands keeps its word and its day")
    func changes() throws {
        let fulfilled = try policies(("triggers.sale", "fulfilled"))
        let cases: [[SourceDocument]] = [
            [sale(), came("P-1", 10_600, early)], [sale(), came("P-1", 600, early), came("P-2", 10_000, later)],
            [sale(), came("P-1", 600, early), came("P-2", 10_000, at("2026-11-03T11:00:00Z"))], [sale(), came("P-1", 600, early)],
        ]
        for documents in cases {
            for first in [whenPaid, fulfilled, Policies()] {
                let ledger = posted(planned(documents, shopUS, first))
                for second in [whenPaid, fulfilled, Policies()] {
                    for plan in planned(documents, shopUS, second, ledger: ledger) {
                        let action = ledger.action(for: plan)
                        #expect(action == .unchanged || action == .create, "\(names([plan])) \(action)")
                    }
                }
            }
        }
        // What is owed is settled by the rest, though sales count as they are created by now.
        let ledger = posted(planned(cases[3], shopUS, whenPaid))
        let plans = planned(cases[1], ledger: ledger)
        #expect(names(plans) == ["deposit:P-1", "invoice:O-1", "payment:P-2", "journal:O-1/P-1"])
        #expect(planned(cases[1], ledger: posted(plans)).allSatisfy { posted(plans).action(for: $0) == .unchanged })
        #expect(balances(plans) == balances(planned(cases[1])))
    }

    @Test("a date that the source corrects is followed where the sale does not wait for its money, as ever")
    func corrected() {
        let ledger = posted(planned([sale(), came("P-1", 10_600, at("2026-11-02T10:01:00Z"))]))
        var earlier = sale()
        (earlier.at, earlier.version) = (at("2026-11-01T10:00:00Z"), 2)
        let plans = planned([earlier, came("P-1", 10_600, at("2026-11-02T10:01:00Z"))], ledger: ledger)
        #expect(plans.first?.date == day("2026-11-01"))
    }

    @Test("however the documents come, one by one, in whichever order, no money stands twice and nothing stays owed that is settled")
    func anyOrder() {
        let documents = [sale(), came("P-1", 1_000, early), came("P-2", 4_000, at("2026-11-05T10:00:00Z")), came("P-3", 5_600, later)]
        let wanted = balances(planned(documents))
        for order in orders(of: documents) {
            let (ledger, _) = worked(order, whenPaid)
            #expect(balances(live(ledger)) == wanted, "\(order.map(\.id))")
            #expect(live(ledger).filter { $0.form == .invoice }.count == 1)
            #expect(planned(order, shopUS, whenPaid) == planned(documents, shopUS, whenPaid))
        }
    }

    private func orders(of list: [SourceDocument]) -> [[SourceDocument]] {
        guard list.count > 1 else { return [list] }
        return list.indices.flatMap { n -> [[SourceDocument]] in
            var rest = list
            let first = rest.remove(at: n)
            return orders(of: rest).map { [first] + $0 }
        }
    }

    @Test("whatever came before, the books end as if the sale had been posted at once, in both currencies, to the cent", arguments: UInt64(1) ... 150)
    func same(seed: UInt64) {
        let foreign = seed % 2 == 0, shop = foreign ? shopGB : shopUS
        var maker = CaseMaker(seed: seed, currency: foreign ? .eur : .usd)
        maker.sale(rate: foreign ? d("0.8731") : nil)
        maker.pay()
        if seed % 4 == 3 { maker.edit("E-1") }
        if seed % 3 > 0 { maker.refund("R-1") }
        if seed % 3 > 1 { maker.refund("R-2") }
        let documents = maker.documents, plans = planned(documents, shop, whenPaid), plain = planned(documents, shop)
        guard plain.flatMap(\.findings).isEmpty else { return }
        #expect(plans.flatMap(\.findings).isEmpty, "seed \(seed): \(checks(plans))")
        #expect(planned(documents.reversed(), shop, whenPaid) == plans, "seed \(seed): the order of arrival does not matter")
        for plan in plans {
            #expect(plan.lines.map(\.amount).total(plan.currency).isZero, "seed \(seed): \(plan.subject)")
            if foreign { #expect(plan.lines.compactMap(\.base?.minor).reduce(0, +) == 0, "seed \(seed): \(plan.subject)") }
        }
        // An edit after the last payment may leave something to pay: then all that came is owed.
        guard plans.contains(where: { $0.form == .invoice }) else {
            #expect(plans.allSatisfy { $0.form == .deposit })
            return
        }
        #expect(balances(plans) == balances(plain), "seed \(seed)")
        var base: [Role: Int64] = [:], plainly: [Role: Int64] = [:]
        for line in plans.flatMap(\.lines) { base[line.role, default: 0] += line.base?.minor ?? 0 }
        for line in plain.flatMap(\.lines) { plainly[line.role, default: 0] += line.base?.minor ?? 0 }
        #expect(base["customer_deposits", default: 0] == 0 && base["receivable:shop", default: 0] == plainly["receivable:shop", default: 0], "seed \(seed)")
        let counted = plans.first { $0.form == .invoice }?.date
        let before = planned(documents.filter { shop.zone.date(of: $0.at) < counted ?? day("2026-01-01") }, shop, whenPaid)
        #expect(before.allSatisfy { $0.form == .deposit && plans.contains($0) }, "seed \(seed): what is posted before stays as it is")
        let (ledger, voided) = worked(documents, whenPaid, shop)
        #expect(balances(live(ledger)) == balances(plain) && voided == [], "seed \(seed): one by one")
    }

    @Test("a receipt is of the day of the money that completes it, and stays there")
    func receipts() throws {
        let policies = try policies(("triggers.sale", "paid"), ("sale_form", "sales_receipt"))
        let documents = [sale(), came("P-1", 600, early), came("P-2", 10_000, later)]
        let plans = planned(documents, shopUS, policies)
        #expect(names(plans) == ["sales_receipt:O-1"] && plans.first?.date == day("2026-11-18"))
        #expect(checks(planned(Array(documents.prefix(2)), shopUS, policies)) == ["waits_for_payment"])
        var created = policies
        created.saleTrigger = .created
        #expect(planned(documents, shopUS, created).first?.date == day("2026-11-02"))
        for (first, second) in [(policies, created), (created, policies)] {
            let ledger = posted(planned(documents, shopUS, first))
            #expect(planned(documents, shopUS, second, ledger: ledger).allSatisfy { ledger.action(for: $0) == .unchanged })
        }
    }

    @Test("under daily summaries the sale and what settles it are in the summary of the day that it counts on; money before is by itself")
    func summed() throws {
        for (trigger, last) in [("paid", came("P-2", 9_600, later)), ("fulfilled", leaves(2, later))] {
            let policies = try policies(("triggers.sale", trigger), ("posting", "daily_summary"))
            let plans = planned([sale(), came("P-1", trigger == "paid" ? 1_000 : 10_600, early), last], shopUS, policies)
            let (parts, alone) = (plans.filter { Summaries.policy(of: $0, policies) == .dailySummary }, plans.filter { Summaries.policy(of: $0, policies) == .perDocument })
            #expect(names(alone) == ["deposit:P-1"] && parts.count == plans.count - 1)
            let made = Summaries.plan(parts, source: "shop", organisation: shopUS, policies: policies, ledger: LedgerState())
            #expect(made.map(\.plan.subject) == ["2026-11-18:shop"] && balances(made.map(\.plan))["receivable:shop"] == nil, "\(trigger)")
            #expect(balances(made.map(\.plan) + alone) == balances(plans) && balances(plans)["customer_deposits"] == nil)
        }
    }

    @Test("a return of a system that owns returns gives its money out of what is owed, once, also where the shop tells of it too")
    func returned() throws {
        let owned = try policies(("triggers.sale", "fulfilled"), ("returns.owner", "rms"))
        let settlement = ReturnSettlement(total: usd(5_300), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(0), refunds: [MoneyMovement(id: "R-1", gateway: "card", amount: usd(5_300), status: .success)])
        let back = document("T-1", at("2026-11-09T10:00:00Z"), .goodsReturn(GoodsReturn(
            state: "closed", refundRef: "R-1", lines: [ReturnedLine(line: "L1", quantity: .one, reasonCode: nil, net: usd(5_000), tax: usd(300), taxes: [tax(300)])], fees: [],
            settlement: settlement)))
        for documents in [[sale(), came("P-1", 10_600, early), back], [sale(), came("P-1", 10_600, early), refund(), back]] {
            let before = planned(documents, shopUS, owned)
            #expect(names(before) == ["deposit:P-1", "deposit:T-1"], "\(names(before))")
            #expect(balances(before) == ["clearing:card:USD": 5_300, "customer_deposits": -5_300])
        }
        // The shop told of it first: its word stands.
        let told = [sale(), came("P-1", 10_600, early), refund()]
        var shop = owned
        shop.returnsOwner = .shop
        let ledger = posted(planned(told, shopUS, shop))
        let plans = planned(told + [back], shopUS, owned, ledger: ledger)
        #expect(names(plans) == ["deposit:P-1", "deposit:R-1"] && plans.allSatisfy { ledger.action(for: $0) == .unchanged })
    }
}

@Suite("Income that is deferred until goods leave") struct DeferredTests {
    private let later = at("2026-11-18T10:00:00Z")
    private var deferred: Policies {
        var out = Policies()
        out.revenue = .atFulfilment
        return out
    }

    @Test("what is refunded before it leaves is released when nothing is to leave any more: nothing stays deferred")
    func refunded() {
        let documents = [sale(), payment(), refund(), leaves(1, later)]
        let plans = planned(documents, shopUS, deferred)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "journal:F-1", "journal:O-1/never-left", "credit_note:R-1", "refund_payment:R-1"])
        #expect(plans[2].total == usd(5_000) && plans[3].total == usd(5_000) && plans[3].date == day("2026-11-18") && plans[3].covers == ["R-1"])
        #expect(balances(plans) == balances(planned(documents)))
        let all = [sale(), payment(), refund(units: 2, total: 10_600)]
        #expect(balances(planned(all, shopUS, deferred)) == balances(planned(all)), "all went back before any of it left")
        let open = planned([sale(), payment(), refund()], shopUS, deferred)
        #expect(balances(open)["deferred_revenue"] == -10_000, "one is still to leave")
    }

    @Test("what left beyond all that was to leave changes nothing that stands")
    func again() {
        let returned = [sale(), payment(), leaves(1, at("2026-11-04T10:00:00Z")), refund()]
        let ledger = posted(planned(returned, shopUS, deferred))
        #expect(ledger.posted.keys.contains { $0.subject == "O-1/never-left" })
        let plans = planned(returned + [leaves(1, later, "F-2")], shopUS, deferred, ledger: ledger)
        #expect(plans.allSatisfy { ledger.action(for: $0) == .unchanged } && balances(plans)["deferred_revenue"] == nil)
    }

    @Test("a sale that counts when it is paid defers its income then, and releases nothing before")
    func paid() {
        var policies = deferred
        policies.saleTrigger = .paid
        let plans = planned([sale(), leaves(2, at("2026-11-04T10:00:00Z")), document("P-1", later, .payment(Payment(gateway: "card", amount: usd(10_600), status: .success)))], shopUS, policies)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "journal:F-1"] && plans.map(\.date) == [day("2026-11-18"), day("2026-11-18"), day("2026-11-18")])
        #expect(balances(plans)["deferred_revenue"] == nil)
    }

    @Test("in as many parts as goods leave, all that was deferred is released to the cent, in both currencies", arguments: UInt64(1) ... 80)
    func parts(seed: UInt64) {
        let foreign = seed % 2 == 0, shop = foreign ? shopGB : shopUS
        var maker = CaseMaker(seed: seed, currency: foreign ? .eur : .usd)
        maker.sale(rate: foreign ? d("0.8731") : nil)
        maker.pay()
        if seed % 3 > 0 { maker.refund("R-1") }
        guard case .sale(let body) = maker.documents[0].body, var time = maker.documents.map(\.at).max() else { return }
        var documents = maker.documents
        var back: [String: ExactDecimal] = [:]
        for document in documents { if case .refund(let told) = document.body { for line in told.lines { back[line.line] = line.quantity } } }
        for line in body.lines {
            var left = line.quantity - (back[line.id] ?? .zero)
            while !left.isZero {
                time = time + .seconds(86_400)
                documents.append(document("F-\(documents.count)", time, .fulfilment(Fulfilment(lines: [.init(line: line.id, quantity: .one)]))))
                left = left - .one
            }
        }
        let plans = planned(documents, shop, deferred)
        #expect(plans.flatMap(\.findings).isEmpty, "seed \(seed): \(checks(plans))")
        #expect(balances(plans) == balances(planned(documents, shop)), "seed \(seed)")
        let base = plans.flatMap(\.lines).filter { $0.role == "deferred_revenue" }.compactMap(\.base?.minor).reduce(0, +)
        #expect(base == 0, "seed \(seed)")
        #expect(planned(documents.reversed(), shop, deferred) == plans, "seed \(seed)")
    }
}
