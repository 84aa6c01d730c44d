import Books
import Kernel
import Testing

private func changed(_ document: SourceDocument, _ change: (inout Sale) -> Void) -> SourceDocument {
    guard case .sale(var sale) = document.body else { return document }
    change(&sale)
    var out = document
    out.body = .sale(sale)
    return out
}

private func policies(_ change: (inout Policies) -> Void) -> Policies {
    var out = Policies()
    change(&out)
    return out
}

@Suite("Deposits, cards, coins, bank lines")
struct TenderTests {
    private func deposit(_ status: Payment.Status = .success) -> SourceDocument {
        SourceDocument(
            id: "D-1", caseID: "JOB", version: 1, at: at("2026-11-01T10:00:00Z"),
            body: .deposit(Deposit(gateway: "card", amount: usd(5_000), status: status)))
    }

    @Test("a deposit is owed to the customer; an invoice that uses it is paid by as much")
    func deposits() {
        #expect(sums(planned([deposit()]).first) == ["clearing:card:USD": 5_000, "customer_deposits": -5_000])
        #expect(planned([deposit(.failure)]).isEmpty)
        let invoice = changed(sale()) { $0.deposits = [DepositApplied(id: "A", deposit: "D-1", amount: usd(5_000))] }
        let plans = planned([invoice, payment("P-1", 5_600)])
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "journal:O-1/A"] && plans.flatMap(\.findings).isEmpty)
        #expect(balances(plans)["receivable:shop"] == nil && balances(plans)["customer_deposits"] == 5_000)
        #expect(plans.last?.lines.first?.openItem == "D-1" && plans.last?.appliesTo == plans.first?.id)
    }

    @Test("deposits above the invoice hold their application; a sales receipt takes them as a tender")
    func applied() {
        let invoice = changed(sale()) { $0.deposits = [DepositApplied(id: "A", deposit: "D-1", amount: usd(10_601))] }
        #expect(checks(planned([invoice])) == ["unbalanced"])
        let part = changed(sale()) { $0.deposits = [DepositApplied(id: "A", deposit: "D-1", amount: usd(600))] }
        let receipt = planned([part, payment("P-1", 10_000)], shopUS, policies { $0.saleForm = .salesReceipt })
        #expect(names(receipt) == ["sales_receipt:O-1"] && receipt[0].covers == ["O-1", "P-1"] && receipt[0].total == usd(10_600))
        #expect(sums(receipt.first)["customer_deposits"] == 600)
    }

    @Test("a draft posts nothing; money for it waits")
    func draft() {
        let draft = changed(sale()) { $0.isDraft = true }
        #expect(planned([draft]).isEmpty)
        #expect(checks(planned([draft, payment()])) == ["waits_for_original"])
    }

    @Test("a card that ran out is income; one that holds less than nothing is held")
    func expiry() {
        func card(_ minor: Int64) -> [PlannedPosting] {
            planned([document("X", at("2026-11-01T10:00:00Z"), .giftCardExpiry(GiftCardExpiry(card: "GC", amount: usd(minor))))])
        }
        #expect(sums(card(700).first) == ["gift_card_liability": 700, "breakage_income": -700] && card(700)[0].lines[0].openItem == "GC")
        #expect(card(0).isEmpty && checks(card(-1)) == ["unbalanced"])
    }

    @Test(
        "cash is off by what the coins leave, up to the cap, and cards never",
        arguments: [
            // paid by, paid, stated by the source, off
            ("cash", 10_605, nil, 5), ("cash", 10_595, nil, -5), ("cash", 10_602, 2, 2), ("card", 10_605, nil, 0), ("cash", 10_590, nil, 0),
            ("cash", 10_601, nil, 0), ("cash", 10_660, 60, 0),
        ] as [(String, Int64, Int64?, Int64)])
    func coins(gateway: String, paid: Int64, stated: Int64?, off: Int64) {
        var tender = payment("P-1", paid, gateway: gateway)
        if let stated, case .payment(var body) = tender.body {
            body.cashRounding = usd(stated)
            tender.body = .payment(body)
        }
        let plans = planned([sale(), tender], shopUS, policies { $0.cashRounding = d("0.05") })
        let booked: [Int64] = plans.flatMap(\.lines).filter { $0.role == "rounding" }.map(\.amount.minor)
        #expect(booked.reduce(0, +) == -off)
        #expect(balances(plans)["receivable:shop", default: 0] == 10_600 - paid + off)
        let receipt = planned([sale(), tender], shopUS, policies { ($0.cashRounding, $0.saleForm) = (d("0.05"), .salesReceipt) })
        if off != 0 { #expect(names(receipt) == ["sales_receipt:O-1"] && receipt[0].total == usd(paid) && receipt[0].findings.isEmpty) }
        for plan in plans + receipt where !plan.lines.isEmpty { #expect(plan.lines.map(\.amount).total(.usd).isZero) }
        #expect(!planned([sale(), tender]).flatMap(\.lines).contains { $0.role == "rounding" }, "without the policy nothing is rounded")
    }

    private func bank(_ id: String, _ reference: String, _ amount: Int64, day: Int64 = 0) -> (id: String, at: Timestamp, line: BankLine) {
        (id, Timestamp(seconds: 1_793_000_000 + day * 86_400), BankLine(account: "bank:USD", amount: usd(amount), reference: reference))
    }

    private func transfer(_ id: String, _ reference: String?, _ amount: Int64, gateway: String = "bank") -> (id: String, payment: Payment) {
        (id, Payment(gateway: gateway, amount: usd(amount), status: .success, reference: reference))
    }

    @Test("a bank line belongs to the payment whose reference it names as a word, never by its amount alone")
    func matching() {
        func match(_ lines: [(id: String, at: Timestamp, line: BankLine)], _ payments: [(id: String, payment: Payment)]) -> [String: String] {
            BankMatching.match(lines: lines, payments: payments, feeCap: d("15")).mapValues(\.line)
        }
        #expect(match([bank("B", "ACME INV-7 THANKS", 500)], [transfer("P", "inv-7", 500)]) == ["P": "B"])
        #expect(match([bank("B", "ACME INV-77", 500)], [transfer("P", "INV-7", 500)]).isEmpty)
        #expect(match([bank("B", "ACME", 500)], [transfer("P", "INV-7", 500), transfer("Q", nil, 500), transfer("R", "", 500)]).isEmpty)
        #expect(match([bank("B", "INV-7", 500)], [transfer("P", "INV-7", 500, gateway: "card")]).isEmpty)
        #expect(match([bank("B", "INV-7", 501)], [transfer("P", "INV-7", 500)]).isEmpty, "more than the payment is something else")
        #expect(match([bank("B", "INV-7", 8_500)], [transfer("P", "INV-7", 10_000)]) == ["P": "B"])
        #expect(match([bank("B", "INV-7", 8_499)], [transfer("P", "INV-7", 10_000)]).isEmpty, "above the cap")
        // The equal amount first, each once.
        #expect(match([bank("A", "X-1", 90), bank("B", "X-1", 100, day: 1)], [transfer("P", "X-1", 100)]) == ["P": "B"])
        #expect(match([bank("A", "X-1", 100), bank("B", "X-1", 100, day: 1)], [transfer("P", "X-1", 100), transfer("Q", "X-1", 100)]) == ["P": "A", "Q": "B"])
    }

    @Test("a payment takes the day and the size of its bank line, and waits for it where there is a feed")
    func bankLine() throws {
        var tender = payment("P-1", gateway: "bank")
        if case .payment(var body) = tender.body {
            body.reference = "REF"
            tender.body = .payment(body)
        }
        func plan(_ around: Surroundings, ledger: LedgerState = LedgerState()) -> PlannedPosting? {
            Planner.plan(
                OrderCase(id: "O-1", [sale(), tender]), organisation: shopUS, policies: Policies(), ledger: ledger, codes: CodeBook(), around: around
            ).first { $0.form == .payment }
        }
        var around = Surroundings()
        #expect(plan(around)?.notBefore == nil && plan(around)?.reference == "REF")
        around.hasBankFeed = true
        let waiting = try #require(plan(around))
        #expect(waiting.notBefore == tender.at + .seconds(72 * 3_600))
        around.bankLines["P-1"] = BankMatch(line: "B", at: at("2026-11-05T00:00:00Z"), amount: usd(9_800))
        let matched = try #require(plan(around, ledger: posted([waiting])))
        #expect(matched.date == day("2026-11-05") && matched.notBefore == nil && matched.covers == ["P-1", "B"])
        #expect(sums(matched) == ["bank:USD": 9_800, "bank_fees": 800, "receivable:shop": -10_600])
    }

    @Test("a payment that stands in the ledger is not posted again, and an invoice under it is not voided")
    func recorded() {
        var tender = payment("P-1", gateway: "bank")
        if case .payment(var body) = tender.body {
            body.reference = "WIRE"
            tender.body = .payment(body)
        }
        var around = Surroundings()
        around.ledgerPayments = [LedgerPayment(id: "LP", reference: "WIRE", amount: usd(10_600), of: .init(form: .invoice, subject: "O-1"))]
        func plans(_ documents: [SourceDocument]) -> [PlannedPosting] {
            Planner.plan(OrderCase(id: "O-1", documents), organisation: shopUS, policies: Policies(), ledger: LedgerState(), codes: CodeBook(), around: around)
        }
        #expect(names(plans([sale(), tender])) == ["invoice:O-1"])
        #expect(names(plans([sale(), payment("P-2", gateway: "bank")])) == ["invoice:O-1", "payment:P-2"], "another reference is another payment")
        #expect(checks(plans([sale(), cancel(.voided)])) == ["void_with_payments"])
    }
}

@Suite("Reverse charge, export, duty, exchanges, fulfilment")
struct TradeTests {
    private func untaxed(_ kind: TaxRelief.Kind, number: String? = "SE1", code: String? = "GB-X", tax: Int64 = 0, duty: Int64 = 0) -> SourceDocument {
        changed(sale(total: 10_000 + tax + duty, taxes: tax == 0 ? [] : [TaxPart(jurisdiction: "GB", rate: d("0.06"), amount: usd(tax))])) {
            $0.relief = TaxRelief(kind: kind, customerNumber: number, dueFromCustomer: usd(2_000))
            $0.lines[0].taxCode = code
            if duty > 0 { $0.duties = [Duty(id: "D", amount: usd(duty), jurisdiction: "US")] }
        }
    }

    @Test("a line keeps the code that its source states, in the sale and in its credit note")
    func codes() {
        let plans = planned([untaxed(.domesticReverseCharge), refund(total: 5_000)], shopGB)
        #expect(plans.flatMap(\.findings).isEmpty)
        #expect(plans.flatMap(\.lines).filter { $0.part == .goods }.map(\.taxCode) == ["GB-X", "GB-X"])
        #expect(!plans.flatMap(\.lines).contains { $0.role.family == "tax_payable" })
        #expect(plans[0].memo == ["vat_due_from_customer": usd(2_000)])
    }

    @Test("a reverse charge needs the customer's number, an export does not", arguments: TaxRelief.Kind.allCases)
    func number(kind: TaxRelief.Kind) {
        for number in [nil, "", "  "] {
            #expect(checks(planned([untaxed(kind, number: number)])) == (kind.needsNumber ? ["missing_tax_number"] : []))
        }
        #expect(checks(planned([untaxed(kind)])) == [])
        #expect(kind.needsNumber == (kind != .export))
    }

    @Test("tax charged where somebody else accounts for it holds the invoice")
    func charged() {
        #expect(checks(planned([untaxed(.domesticReverseCharge, tax: 600)])) == ["tax_difference"])
    }

    @Test("duty is owed to others, without a tax code, and part of what the customer pays")
    func duty() {
        let plans = planned([untaxed(.export, duty: 720)], shopGB)
        #expect(plans.flatMap(\.findings).isEmpty && sums(plans.first) == ["receivable:shop": 10_720, "sales:cups": -10_000, "duties": -720])
        #expect(plans[0].lines.first { $0.role == "duties" }?.taxCode == nil)
    }

    private func returned(storeCredit: Int64, exchanged: Int64 = 0, pays: Int64 = 0, total: Int64 = 5_300, state: String = "closed") -> SourceDocument {
        document(
            "T-1", at("2026-11-08T10:00:00Z"),
            .goodsReturn(
                GoodsReturn(
                    state: state, refundRef: nil, lines: [ReturnedLine(line: "L1", quantity: .one, reasonCode: nil)], fees: [],
                    settlement: ReturnSettlement(
                        total: usd(total), taxIncluded: false, exchangeOrder: exchanged > 0 ? "X-1" : nil, exchanged: usd(exchanged), shopperPays: usd(pays),
                        storeCredit: usd(storeCredit), storeCreditRef: "SC"))))
    }

    @Test("a return that its system settles is the credit note; store credit leaves the receivable, a bonus is promotion")
    func settled() {
        let plans = planned([sale(), payment(), returned(storeCredit: 5_800)])
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "credit_note:T-1", "refund_payment:T-1"] && plans.flatMap(\.findings).isEmpty)
        #expect(sums(plans[2]) == ["returns_allowances": 5_000, "tax_payable:US-PA": 300, "receivable:shop": -5_300])
        #expect(sums(plans[3]) == ["receivable:shop": 5_300, "promotion_expense": 500, "store_credit_liability": -5_800])
        #expect(plans[3].lines[0].openItem == "SC" && plans[3].appliesTo == plans[2].id)
        #expect(planned([sale(), payment(), returned(storeCredit: 5_300, state: "open")]).count == 2)
    }

    @Test("an exchange leaves the credit on the receivable for the new order")
    func exchanged() {
        let plans = planned([sale(), payment(), returned(storeCredit: 0, exchanged: 8_000, pays: 2_700)])
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "credit_note:T-1"] && balances(plans)["receivable:shop"] == -5_300)
        #expect(planned([changed(sale()) { $0.exchangeOf = "T-1" }])[0].note == "settled by the credit of T-1")
    }

    @Test(
        "a settlement that is not what the return is worth holds the credit note",
        arguments: [(5_200, 0, 0), (0, 8_000, 0), (100, 8_000, 2_000)] as [(Int64, Int64, Int64)])
    func odd(storeCredit: Int64, exchanged: Int64, pays: Int64) {
        #expect(checks(planned([sale(), payment(), returned(storeCredit: storeCredit, exchanged: exchanged, pays: pays)])) == ["unbalanced"])
    }

    @Test("no return settles more than is left of the order")
    func exceeds() {
        let plans = planned([sale(), payment(), refund(units: 2, total: 10_600, time: at("2026-11-06T10:00:00Z")), returned(storeCredit: 5_300)])
        #expect(checks(plans.filter { $0.subject == "T-1" }).first == "refund_exceeds_remaining")
    }

    private func goods(_ id: String, _ units: Int, hour: Int) -> SourceDocument {
        let goods = Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(units))])
        return document(id, Timestamp(seconds: 1_793_700_000 + Int64(hour) * 3_600), .fulfilment(goods))
    }

    @Test("what is sold is owed until it leaves; shipping goes with the first, tax is due at once", arguments: UInt64(1) ... 60)
    func fulfilled(seed: UInt64) {
        var maker = CaseMaker(seed: seed, currency: seed % 2 == 0 ? .eur : .usd)
        maker.sale(rate: seed % 2 == 0 ? d("0.8731") : nil, lineCount: 1)
        guard case .sale(let body) = maker.documents[0].body, let units = Int(body.lines[0].quantity.shortest.description) else { return }
        let shop = seed % 2 == 0 ? shopGB : shopUS
        let policy = policies { $0.revenue = .atFulfilment }
        let left = (0 ..< units).map { goods("F-\($0)", 1, hour: $0) }
        let plans = planned(maker.documents + left, shop, policy)
        #expect(plans.flatMap(\.findings).isEmpty, "seed \(seed)")
        let owed: [PostingLine] = plans.flatMap(\.lines).filter { $0.role == "deferred_revenue" }
        let amounts: [Int64] = owed.map(\.amount.minor)
        let bases: [Int64] = owed.compactMap(\.base?.minor)
        #expect(amounts.reduce(0, +) == 0 && bases.reduce(0, +) == 0, "seed \(seed)")
        for plan in plans { #expect(plan.lines.map(\.amount).total(plan.currency).isZero, "seed \(seed)") }
        #expect(balances(plans) == balances(planned(maker.documents, shop)), "seed \(seed): all fulfilled is as sold")
        #expect(checks(planned(maker.documents + left + [goods("F-more", 1, hour: 99)], shop, policy)) == ["unbalanced"], "seed \(seed)")
    }

    @Test("goods of a line that the order does not have hold their revenue")
    func unknownGoods() {
        let odd = document("F", at("2026-11-05T10:00:00Z"), .fulfilment(Fulfilment(lines: [.init(line: "L9", quantity: .one)])))
        #expect(checks(planned([sale(), odd], shopUS, policies { $0.revenue = .atFulfilment })) == ["unknown_line"])
    }

    @Test("a till that held more or less than it should posts the difference, one that held what it should nothing")
    func till() throws {
        func closed(_ counted: Int64) -> [PlannedPosting] {
            let closure = RegisterClosure(gateway: "cash", expected: usd(41_210), counted: usd(counted), register: "Till 2")
            return planned([document("T-1", at("2026-11-14T22:00:00Z"), .registerClosure(closure))])
        }
        let short = try #require(closed(41_000).first)
        #expect(short.form == .journal && short.total == usd(210) && short.covers == ["T-1"] && short.findings.isEmpty)
        #expect(sums(short) == ["cash_over_short": 210, "clearing:cash:USD": -210])
        #expect(sums(closed(41_211).first) == ["cash_over_short": -1, "clearing:cash:USD": 1])
        #expect(closed(41_210).isEmpty)
        #expect(checks(closed(20_000_000_000_000)) == ["amount_out_of_range"])
    }
}
