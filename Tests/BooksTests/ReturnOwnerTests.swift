import Books
import Kernel
import Testing

/// One of two units comes back: 50.00 and 3.00 of tax, 8.00 kept, 45.00 given back.
private func returned(
    _ id: String = "return:7", refund: String? = "R-1", movement: String = "R-1", worth: Int64 = 4_500, given: Int64 = 4_500, state: String = "closed",
    time: Timestamp = at("2026-11-08T12:00:00Z"), _ change: (inout ReturnSettlement) -> Void = { _ in }
) -> SourceDocument {
    let money = given == 0 ? [] : [MoneyMovement(id: movement, gateway: "card", amount: usd(given), status: .success)]
    var how = ReturnSettlement(
        total: usd(worth), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(0), refunds: money)
    change(&how)
    let line = ReturnedLine(line: "L1", quantity: .one, reasonCode: "too_small", net: usd(5_000), taxes: [tax(300)])
    let fee = ReturnFee(id: "F1", kind: .restocking, amount: usd(800))
    return document(
        id, time, .goodsReturn(GoodsReturn(state: state, refundRef: refund, lines: [line], fees: worth == 5_300 ? [] : [fee], settlement: how)))
}

/// The shop's word on the same: 45.00 given back, 8.00 kept for a reason that it does not tell.
private func shops(_ id: String = "R-1", time: Timestamp = at("2026-11-08T10:00:00Z")) -> SourceDocument {
    refund(id, adjustments: [RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-800))], total: 4_500, time: time)
}

private let codes = CodeBook(known: ["too_small"], rules: [:])

private func owned(by owner: Policies.ReturnsOwner) -> Policies {
    var out = Policies()
    out.returnsOwner = owner
    out.returnsFrom = "returns"
    return out
}

private func orders<Item>(_ items: [Item]) -> [[Item]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { at in
        var rest = items
        let first = rest.remove(at: at)
        return orders(rest).map { [first] + $0 }
    }
}

/// A ledger that takes whatever is planned as soon as it is planned.
private struct Books {
    var posted: [PlannedPosting.Reference: PostedState] = [:]

    /// A closed period, or a ledger that refuses.
    var voidsNothing = false

    mutating func take(_ documents: [SourceDocument], _ policies: Policies) {
        for plan in planned(documents, shopUS, policies, ledger: LedgerState(posted: posted), codes: codes) where plan.findings.isEmpty {
            if voidsNothing, plan.effect == .void { continue }
            // What settles or corrects a document that is held goes with it.
            if plan.effect == .post, let original = plan.appliesTo, posted[original] == nil { continue }
            let known = posted[plan.id]
            posted[plan.id] = PostedState(plan: plan, revision: (known?.revision ?? 0) + 1, voided: plan.effect == .void)
        }
    }

    var live: [PlannedPosting] { posted.values.filter { !$0.voided }.map(\.plan) }
    func count(_ form: PostingForm) -> Int { live.filter { $0.form == form }.count }
}

@Suite("Whose word makes the credit note of a return")
struct ReturnOwnerTests {
    private static let wanted: [Role: Int64] = [
        "sales:cups": -10_000, "tax_payable:US-PA": -300, "clearing:card:USD": 6_100, "returns_allowances": 5_000, "restocking_fee_income": -800,
    ]

    @Test("one refund, whoever owns it and in whatever order shop and returns system tell of it", arguments: Policies.ReturnsOwner.allCases)
    func once(owner: Policies.ReturnsOwner) {
        for documents in orders([sale(), payment(), shops(), returned()]) {
            var books = Books()
            for n in documents.indices {
                books.take(Array(documents[...n]), owned(by: owner))
                #expect(books.count(.refundPayment) <= 1 && books.count(.creditNote) <= 1, "\(documents[...n].map(\.id))")
            }
            #expect(balances(books.live) == Self.wanted, "\(documents.map(\.id))")
            #expect(books.count(.refundPayment) == 1 && books.count(.creditNote) == 1)
            // Told again, nothing changes.
            let before = books.posted.mapValues(\.plan)
            books.take(documents + documents, owned(by: owner))
            #expect(books.posted.mapValues(\.plan) == before)
        }
    }

    /// Every order of what is told, and at each step either owner: each planned into a ledger that voids nothing.
    private func everyWay(_ shops: SourceDocument, _ back: SourceDocument, _ check: (Books, _ way: String) -> Void) {
        for documents in orders([sale(), payment(), shops, back]) {
            for owners in 0 ..< 32 {
                var books = Books(voidsNothing: true)
                let owner = { (step: Int) in owned(by: owners >> step & 1 == 0 ? .shop : .rms) }
                let way = "\(documents.map(\.id)) \(owners)"
                for n in documents.indices {
                    books.take(Array(documents[...n]), owner(n))
                    #expect(books.count(.creditNote) <= 1 && books.count(.refundPayment) <= 1, "\(way) at \(n)")
                }
                // And once more after all is told.
                books.take(documents, owner(4))
                check(books, way)
            }
        }
    }

    @Test("one refund and never two, in whatever order shop and returns system tell and however often the owner changes in between, where no void ever goes through", arguments: [true, false])
    func switched(isNamed: Bool) {
        everyWay(shops(), isNamed ? returned() : returned(refund: nil, movement: "refund-1")) { books, way in
            #expect(balances(books.live) == Self.wanted, "\(way)")
            #expect(books.count(.creditNote) == 1 && books.count(.refundPayment) == 1, "\(way)")
        }
        let back = isNamed ? returned() : returned(refund: nil, movement: "refund-1")
        everyWay(Self.more, back) { books, way in
            #expect(books.count(.creditNote) == books.count(.refundPayment), "\(way): of other sums")
            // Where neither is there, both are in sight.
            let plans = planned([sale(), payment(), Self.more, back], shopUS, owned(by: .shop), ledger: LedgerState(posted: books.posted), codes: codes)
            #expect(books.count(.creditNote) == 1 || checks(plans).contains("unbalanced"), "\(way): of other sums")
        }
    }

    @Test("returns that share the shop's refund with one that stands stay credit notes with it: nothing of the refund is lost and nothing is there twice")
    func boundTogether() {
        let both = refund(
            "R-1", units: 2, adjustments: [RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-1_600))], total: 9_000, time: at("2026-11-09T10:00:00Z"))
        var books = Books(voidsNothing: true)
        books.take([sale(), payment(), returned()], owned(by: .rms))
        for _ in 0 ..< 2 { books.take([sale(), payment(), returned(), both, returned("return:8")], owned(by: .shop)) }
        #expect(Set(books.live.filter { $0.form == .creditNote }.map(\.subject)) == ["return:7", "return:8"])
        #expect(balances(books.live)["clearing:card:USD"] == 1_600)
    }

    @Test("what stands within a summary, a settlement or a file in hand stays the one credit note like what stands by itself", arguments: [PostingForm.creditNote, .refundPayment])
    func within(form: PostingForm) {
        func plans(_ subject: String, _ owner: Policies.ReturnsOwner, inHand: Bool) -> Set<String> {
            let plan = PlannedPosting(
                subject: subject, form: form, caseID: "O-1", covers: [subject], date: day("2026-11-08"), currency: .usd, rate: nil, total: usd(4_500), lines: [], party: "shop")
            let ledger = inHand ? LedgerState(inHand: [plan.id]) : LedgerState(within: [plan.id: PostedState(plan: plan)])
            return Set(planned([sale(), payment(), shops(), returned()], shopUS, owned(by: owner), ledger: ledger, codes: codes).filter { $0.form == .creditNote }.map(\.subject))
        }
        for inHand in [true, false] {
            #expect(plans("R-1", .rms, inHand: inHand) == ["R-1"] && plans("return:7", .shop, inHand: inHand) == ["return:7"])
            #expect(plans("R-9", .rms, inHand: inHand) == ["return:7"] && plans("return:9", .shop, inHand: inHand) == ["R-1"])
        }
    }

    @Test("a return that gave credit and stands stays the credit note when the shop tells of the same as of a refund, where no void goes through", arguments: [nil, "R-1"])
    func creditStanding(named: String?) {
        let back = returned(refund: named, given: 0) { $0.storeCredit = usd(4_500) }
        var books = Books(voidsNothing: true)
        books.take([sale(), payment(), refund("R-1", total: 0, money: false), back], owned(by: .shop))
        #expect(books.live.filter { $0.form == .creditNote }.map(\.subject) == ["return:7"])
        for _ in 0 ..< 2 { books.take([sale(), payment(), shops(), back], owned(by: .shop)) }
        #expect(books.live.filter { $0.form == .creditNote }.map(\.subject) == ["return:7"] && books.count(.refundPayment) == 1)
    }

    @Test("what stands within a summary keeps its day when its system tells of it anew, and so does an exchange that stands")
    func keepsItsDay() throws {
        let first = planned([sale(), payment(), returned()], shopUS, owned(by: .rms), codes: codes)
        let again = [sale(), payment(), returned(time: at("2026-12-08T12:00:00Z"))]
        let ledger = LedgerState(lockDate: LocalDate("2026-11-30"), within: Dictionary(uniqueKeysWithValues: first.map { ($0.id, PostedState(plan: $0)) }))
        #expect(planned(again, shopUS, owned(by: .rms), ledger: ledger, codes: codes).map(\.date) == first.map(\.date))
        func exchange(_ time: Timestamp) -> [SourceDocument] {
            guard case .sale(var body) = sale().body else { return [] }
            body.exchangeOf = "return:7"
            return [document("O-1", time, .sale(body)), document("P-1", time, payment().body)]
        }
        let sold = planned(exchange(at("2026-11-08T12:00:00Z")), shopUS, owned(by: .rms), codes: codes)
        let later = planned(exchange(at("2026-12-08T12:00:00Z")), shopUS, owned(by: .rms), ledger: posted(sold), codes: codes)
        #expect(later.map(\.date) == sold.map(\.date) && later.count == 2)
    }

    @Test("a return that names no refund explains the one that gives just as much for just the same units")
    func nameless() {
        let other = returned(refund: nil, movement: "refund-1")
        for documents in orders([sale(), payment(), shops(), other]) {
            var books = Books()
            for n in documents.indices { books.take(Array(documents[...n]), owned(by: .shop)) }
            #expect(balances(books.live) == Self.wanted)
        }
        let plans = planned([sale(), payment(), shops(), returned(refund: nil, movement: "refund-1", given: 4_400) { $0.total = usd(4_400) }], shopUS, owned(by: .shop), codes: codes)
        #expect(balances(plans)["restocking_fee_income"] == nil && balances(plans)["clearing:card:USD"] == 6_100, "another sum is another refund")
    }

    @Test("store credit that the shop tells of as a refund is credited once, whichever is told first")
    func storeCredit() {
        let back = returned(refund: nil, given: 0) { $0.storeCredit = usd(4_500) }
        for documents in orders([sale(), payment(), shops(), back]) {
            var books = Books()
            for n in documents.indices { books.take(Array(documents[...n]), owned(by: .shop)) }
            #expect(books.count(.creditNote) == 1 && books.count(.refundPayment) == 1, "\(documents.map(\.id))")
            // A return that stands stays: then the credit is what its system says, else what the shop says.
            var sums = balances(books.live)
            #expect([6_100, 10_600].contains(sums["clearing:card:USD"] ?? 0))
            sums["clearing:card:USD", default: 0] += sums.removeValue(forKey: "store_credit_liability") ?? 0
            #expect(sums == Self.wanted, "\(documents.map(\.id))")
        }
    }

    @Test("credit and a refund of the same lines with other sums are held, both, for a person to tell apart")
    func doubtful() {
        let back = returned(refund: nil, worth: 4_000, given: 0) { $0.storeCredit = usd(4_000) }
        let plans = planned([sale(), payment(), shops(), back], shopUS, owned(by: .shop), codes: codes)
        let held = plans.filter { !$0.findings.isEmpty }
        #expect(Set(held.map(\.subject)) == ["R-1", "return:7"])
        #expect(plans.allSatisfy { $0.form != .creditNote || !$0.findings.isEmpty })
    }

    @Test("two returns that name one refund both explain it")
    func together() {
        let both = refund(
            "R-1", adjustments: [RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-1_600))], total: 9_000, time: at("2026-11-08T10:00:00Z"))
        let documents = [sale(), payment(), both, returned(), returned("return:8")]
        let plans = planned(documents, shopUS, owned(by: .shop), codes: codes)
        #expect(plans.filter { $0.form == .creditNote }.map { Set($0.covers) } == [["R-1", "return:7", "return:8"]])
    }

    @Test("two returns alike take two refunds alike, one each")
    func twins() {
        let documents = [
            sale(), payment(), shops(), shops("R-2", time: at("2026-11-09T10:00:00Z")), returned(refund: nil, movement: "refund-1"),
            returned("return:8", refund: nil, movement: "refund-1", time: at("2026-11-09T12:00:00Z")),
        ]
        let plans = planned(documents, shopUS, owned(by: .shop), codes: codes)
        #expect(checks(plans).isEmpty && balances(plans)["restocking_fee_income"] == -1_600 && balances(plans)["clearing:card:USD"] == 1_600)
        #expect(plans.filter { $0.form == .creditNote }.map { $0.covers } == [["R-1", "return:7"], ["R-2", "return:8"]])
    }

    @Test("the shop's refund waits a day for its return where a returns system is connected, and not where that one owns returns")
    func wait() {
        let alone = planned([sale(), payment(), shops()], shopUS, owned(by: .shop), codes: codes).filter { $0.covers.contains("R-1") }
        #expect(alone.count == 2 && alone.allSatisfy { $0.notBefore == at("2026-11-09T10:00:00Z") })
        let both = planned([sale(), payment(), shops(), returned()], shopUS, owned(by: .shop), codes: codes)
        #expect(both.allSatisfy { $0.notBefore == nil })
    }

    @Test("a refund of the shop that no return gives is held where the returns system owns returns, and keeps no return waiting")
    func unknownRefund() throws {
        let plans = planned([sale(), payment(), shops("R-9"), returned()], shopUS, owned(by: .rms), codes: codes)
        let held = plans.filter { !$0.findings.isEmpty }
        #expect(Set(held.map(\.subject)) == ["R-9"] && checks(held) == ["waits_for_return", "waits_for_original"])
        #expect(balances(plans.filter(\.findings.isEmpty)) == Self.wanted)
    }

    @Test("a shop's refund of another sum than the return that gives it is held with both amounts, whichever is told first, and covered once they agree")
    func differing() throws {
        let more = refund("R-1", total: 5_500, time: at("2026-11-08T10:00:00Z"))
        for documents in orders([sale(), payment(), more, returned()]) {
            var books = Books()
            for n in documents.indices { books.take(Array(documents[...n]), owned(by: .rms)) }
            #expect(balances(books.live) == Self.wanted, "\(documents.map(\.id))")
            let held = planned(documents, shopUS, owned(by: .rms), ledger: LedgerState(posted: books.posted), codes: codes).filter { !$0.findings.isEmpty }
            let finding = try #require(held.first { $0.subject == "R-1" }?.findings.first)
            #expect(finding.check == "unbalanced" && finding.figures == ["shop": usd(5_500), "returned": usd(4_500)])
            #expect(finding.why.contains(usd(5_500).text) && finding.why.contains(usd(4_500).text) && finding.why.contains("return:7"))
            books.take([sale(), payment(), shops(), returned()], owned(by: .rms))
            #expect(balances(books.live) == Self.wanted && books.count(.creditNote) == 1)
        }
        let none = refund("R-1", units: 0, total: 0, money: false)
        #expect(checks(planned([sale(), payment(), none, returned()], shopUS, owned(by: .rms), codes: codes)) == ["unbalanced"], "the shop gave nothing")
    }

    @Test("what several returns and refunds share is compared as one, store credit beside the money or not, and what the shop has not told yet is not missed")
    func shared() {
        let both = refund("R-1", units: 2, adjustments: [RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-1_600))], total: 9_000)
        #expect(checks(planned([sale(), payment(), both, returned(), returned("return:8")], shopUS, owned(by: .rms), codes: codes)).isEmpty)
        let less = refund("R-1", units: 2, total: 8_999)
        #expect(Set(checks(planned([sale(), payment(), less, returned(), returned("return:8")], shopUS, owned(by: .rms), codes: codes))) == ["unbalanced", "waits_for_original"])
        let credit = returned(given: 3_000) { $0.storeCredit = usd(1_500) }
        for total in [Int64(3_000), 4_500] {
            let told = refund("R-1", total: total)
            #expect(checks(planned([sale(), payment(), told, credit], shopUS, owned(by: .rms), codes: codes)).isEmpty, "\(total)")
        }
        let twice = returned(given: 3_000) { $0.refunds.append(MoneyMovement(id: "R-2", gateway: "card", amount: usd(1_500), status: .success)) }
        #expect(checks(planned([sale(), payment(), refund("R-1", total: 3_000), twice], shopUS, owned(by: .rms), codes: codes)).isEmpty)
    }

    private static let more = refund("R-1", total: 5_300, time: at("2026-11-08T10:00:00Z"))

    /// Books that have the shop's refund as the shop told it, before a returns system was asked.
    private static func shopsWord(_ refund: SourceDocument) -> Books {
        var books = Books()
        books.take([sale(), payment(), refund], owned(by: .shop))
        return books
    }

    @Test("a refund that stands in the ledger on the shop's word stays the one credit note where the returns system becomes the owner, also if no void ever goes through", arguments: [true, false])
    func standing(isNamed: Bool) {
        let back = isNamed ? returned() : returned(refund: nil, movement: "refund-1")
        var books = Self.shopsWord(shops())
        for _ in 0 ..< 2 {
            let plans = planned([sale(), payment(), shops(), back], shopUS, owned(by: .rms), ledger: LedgerState(posted: books.posted), codes: codes)
            #expect(checks(plans).isEmpty && plans.allSatisfy { $0.effect == .post && $0.subject != "return:7" })
            books.take([sale(), payment(), shops(), back], owned(by: .rms))
            #expect(balances(books.live) == Self.wanted && books.count(.creditNote) == 1 && books.count(.refundPayment) == 1)
        }
    }

    @Test("a return of another sum than the refund that stands is held, by name and with both sums, and posts nothing; its own credit note beside it goes")
    func standingDiffering() throws {
        var books = Self.shopsWord(Self.more)
        let before = balances(books.live), documents = [sale(), payment(), Self.more, returned()]
        books.take(documents, owned(by: .rms))
        #expect(balances(books.live) == before && books.count(.creditNote) == 1 && books.count(.refundPayment) == 1)
        let held = planned(documents, shopUS, owned(by: .rms), ledger: LedgerState(posted: books.posted), codes: codes).filter { !$0.findings.isEmpty }
        let finding = try #require(held.first?.findings.first)
        #expect(finding.figures == ["shop": usd(5_300), "returned": usd(4_500)] && finding.remedy.contains("the ledger has refund R-1"))
        var twice = Self.shopsWord(Self.more)
        for plan in planned([sale(), payment(), returned()], shopUS, owned(by: .rms), codes: codes) { twice.posted[plan.id] = PostedState(plan: plan) }
        #expect(twice.count(.creditNote) == 2)
        twice.take(documents, owned(by: .rms))
        #expect(twice.count(.creditNote) == 1 && twice.live.allSatisfy { $0.subject != "return:7" }, "what was booked twice is not any more")
    }

    @Test("where what stands would stay as it is, the return is the posting that is held")
    func standingShown() throws {
        let plain = document(
            "return:7", at("2026-11-08T12:00:00Z"),
            .goodsReturn(GoodsReturn(
                state: "closed", refundRef: "R-1", lines: [ReturnedLine(line: "L1", quantity: .one, reasonCode: nil, net: usd(5_000), taxes: [tax(300)])], fees: [],
                settlement: ReturnSettlement(
                    total: usd(4_500), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(0),
                    refunds: [MoneyMovement(id: "R-1", gateway: "card", amount: usd(4_500), status: .success)]))))
        let books = Self.shopsWord(Self.more), ledger = LedgerState(posted: books.posted)
        let plans = planned([sale(), payment(), Self.more, plain], shopUS, owned(by: .rms), ledger: ledger, codes: codes)
        let shown = try #require(plans.first { $0.subject == "return:7" })
        #expect(shown.findings.map(\.check) == ["unbalanced"] && shown.total.isZero && shown.lines.isEmpty)
        #expect(plans.filter { ledger.action(for: $0) != .unchanged }.map(\.subject) == ["return:7"])
    }

    @Test("what shares a return with a refund that stands is the shop's as well, each sum once")
    func standingTogether() {
        var books = Self.shopsWord(shops())
        let both = returned { $0.refunds = ["R-1", "R-2"].map { MoneyMovement(id: $0, gateway: "card", amount: usd(4_500), status: .success) } }
        let other = returned("return:8", refund: "R-2", movement: "R-2")
        for _ in 0 ..< 2 { books.take([sale(), payment(), shops(), shops("R-2", time: at("2026-11-09T10:00:00Z")), both, other], owned(by: .rms)) }
        #expect(books.live.allSatisfy { !$0.subject.hasPrefix("return:") } && books.count(.refundPayment) <= 2)
    }

    @Test("a return that names nothing and is of another sum than a posted refund of the same lines is held: they may be one")
    func standingUnnamed() {
        var books = Self.shopsWord(Self.more)
        let documents = [sale(), payment(), Self.more, returned(refund: nil, movement: "refund-1")]
        let plans = planned(documents, shopUS, owned(by: .rms), ledger: LedgerState(posted: books.posted), codes: codes)
        #expect(plans.first { $0.subject == "return:7" && $0.form == .creditNote }?.findings.map(\.check) == ["unbalanced"])
        books.take(documents, owned(by: .rms))
        #expect(books.count(.creditNote) == 1)
    }

    @Test("before it is closed, and when it is cancelled, a return makes nothing", arguments: ["open", "cancelled"])
    func states(state: String) {
        let plans = planned([sale(), payment(), returned(state: state)], shopUS, owned(by: .rms), codes: codes)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1"])
    }

    @Test("money, credit and exchange of one return leave the receivable at what the new order costs; a bonus is promotion")
    func settled() {
        let back = returned(given: 1_000) {
            $0.exchanged = usd(3_200)
            $0.storeCredit = usd(600)
            $0.isGiftCard = true
            $0.exchangeBonus = usd(300)
        }
        let plans = planned([sale(), payment(), back], shopUS, owned(by: .rms), codes: codes)
        #expect(checks(plans).isEmpty)
        #expect(names(plans) == ["invoice:O-1", "payment:P-1", "credit_note:return:7", "refund_payment:return:7", "refund_payment:return:7/credit"])
        let sums = balances(plans)
        #expect(sums["promotion_expense"] == 300 && sums["gift_card_liability"] == -600 && sums["receivable:shop"] == -3_200)
        for plan in plans { #expect(plan.lines.map(\.amount).total(plan.currency).isZero) }
    }

    @Test("a shop's refund of nothing, for a return without money, is not a second credit note", arguments: Policies.ReturnsOwner.allCases)
    func moneyless(owner: Policies.ReturnsOwner) {
        let back = returned(refund: nil, worth: 5_300, given: 0) { $0.exchanged = usd(5_300) }
        let zero = refund("R-0", total: 0, money: false)
        for documents in orders([sale(), payment(), zero, back]) {
            let plans = planned(documents, shopUS, owned(by: owner), codes: codes)
            #expect(checks(plans).isEmpty && names(plans).filter { $0.hasPrefix("credit_note") } == ["credit_note:return:7"])
            #expect(plans.first { $0.form == .creditNote }?.covers == ["return:7", "R-0"])
        }
    }

    @Test("where the returns system is the only source a return stands for itself, and one whose parts do not add up is held")
    func alone() {
        var policies = owned(by: .rms)
        policies.returnsAlone = true
        let plans = planned([returned()], shopUS, policies, codes: codes)
        #expect(checks(plans).isEmpty && balances(plans) == [
            "returns_allowances": 5_000, "tax_payable:US-PA": 300, "restocking_fee_income": -800, "clearing:card:USD": -4_500,
        ])
        let odd = planned([returned { $0.total = usd(4_400); $0.refunds[0].amount = usd(4_400) }], shopUS, policies, codes: codes)
        #expect(checks(odd) == ["unbalanced"])
        #expect(Set(checks(planned([returned()], shopUS, owned(by: .rms), codes: codes))) == ["waits_for_original"])
    }

    @Test("a processor's payout finds the refund by the shop's name for it, whoever owns it", arguments: Policies.ReturnsOwner.allCases)
    func paidOut(owner: Policies.ReturnsOwner) throws {
        let plans = planned([sale(), payment(), shops(), returned()], shopUS, owned(by: owner), codes: codes)
        let money = try #require(plans.first { $0.form == .refundPayment })
        var around = Surroundings()
        around.note(money, base: .usd)
        #expect(around.carried["R-1"]?.amount == usd(-4_500) && money.covers.contains("R-1"))
    }

    @Test("a return that changes later keeps the day under which it was posted")
    func kept() {
        var books = Books()
        books.take([sale(), payment(), returned()], owned(by: .rms))
        let first = books.posted.mapValues(\.plan.date)
        books.take([sale(), payment(), returned(time: at("2026-11-19T12:00:00Z"))], owned(by: .rms))
        #expect(books.posted.mapValues(\.plan.date) == first)
    }

    @Test("the policies are read by name, and what they can't be is refused")
    func policies() throws {
        var policies = Policies()
        try policies.set("returns.owner", to: "rms")
        try policies.set("returns.from", to: "loop-2")
        #expect(policies.returnsOwner == .rms && policies.returnsFrom == "loop-2" && policies.returnWait == nil)
        for (name, value) in [("returns.owner", "customer"), ("returns.from", ""), ("returns.from", "Loop returns")] {
            #expect(throws: Fault.self) { try policies.set(name, to: value) }
        }
    }
}
