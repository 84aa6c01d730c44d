import Books
import Kernel
import Testing

@Suite("Planning refunds")
struct RefundPlanTests {
    @Test("a refund of an order that is only part paid lowers what is owed by what was not paid")
    func partPaid() {
        let plans = planned([sale(), payment("P-1", 6_000), refund(units: 2, total: 6_000)])
        #expect(checks(plans).isEmpty && balances(plans)["receivable:shop"] == nil)
        #expect(plans.first { $0.form == .creditNote }?.total == usd(10_600))
    }

    @Test("a refund that does not add up is held")
    func odd() { #expect(checks(planned([sale(), payment(), refund(total: 5_000)])) == ["unbalanced"]) }

    @Test("a line that the order does not have is named")
    func unknownLine() { #expect(checks(planned([sale(), payment(), refund(line: "L9")])).first == "unknown_line") }

    @Test("units above those sold are held whole, figures named, and the next refund is judged without them")
    func exceeds() throws {
        let plans = planned([
            sale(), payment(), refund("R-1", units: 3, total: 15_900),
            refund("R-2", units: 2, total: 10_600, time: at("2026-11-09T00:00:00Z")),
        ])
        let held = try #require(plans.first { $0.subject == "R-1" }?.findings.first)
        #expect(held.check == "refund_exceeds_remaining")
        #expect(held.figures == ["asked": usd(15_900), "remaining_order": usd(10_600), "remaining_line": usd(10_600)])
        #expect(plans.first { $0.subject == "R-2" }?.findings.isEmpty == true)
    }

    @Test(
        "a refund within units and total is held all the same when its net or its tax is above the line's",
        arguments: [
            (Int64(10_001), Int64(0)), (Int64(0), Int64(601)),
        ])
    func exceedsPart(net: Int64, tax minor: Int64) {
        let line = RefundLine(
            line: "L1", quantity: .one, net: usd(net),
            taxes: [TaxPart(jurisdiction: "US-PA", rate: nil, amount: usd(minor))])
        let asked = usd(net + minor)
        let back = document(
            "R-1", at("2026-11-08T10:00:00Z"),
            .refund(
                Refund(
                    currency: .usd, taxIncluded: false, lines: [line], total: asked,
                    transactions: [MoneyMovement(id: "T1", gateway: "card", amount: asked, status: .success)])))
        #expect(checks(planned([sale(), payment(), back])) == ["refund_exceeds_remaining"])
    }

    @Test("a tip that goes back is owed to staff no more; one above the sale's is held")
    func tips() throws {
        func tipped(_ back: Int64) throws -> [PlannedPosting] {
            guard case .sale(var order) = sale(total: 11_000).body, case .refund(var refund) = refund(total: 5_300 + back).body else { throw Missing() }
            order.tip = usd(400)
            refund.tip = usd(back)
            return planned([
                document("O-1", at("2026-11-02T10:00:00Z"), .sale(order)), payment("P-1", 11_000), document("R-1", at("2026-11-08T10:00:00Z"), .refund(refund)),
            ])
        }
        let plans = try tipped(150)
        #expect(checks(plans).isEmpty)
        #expect(balances(plans)["tips_payable"] == -250 && balances(plans)["receivable:shop"] == nil && balances(plans)["clearing:card:USD"] == 11_000 - 5_450)
        #expect(try checks(tipped(401)) == ["refund_exceeds_remaining"])
    }

    private struct Missing: Error {}

    @Test("the shop's refund waits for the return that explains it, and no longer than the policy says")
    func rmsWait() throws {
        var wait = Policies()
        wait.rmsWait = .seconds(86_400)
        let alone = planned([sale(), payment(), refund()], shopUS, wait).filter { $0.covers.contains("R-1") }
        #expect(alone.count == 2 && alone.allSatisfy { $0.notBefore == at("2026-11-09T10:00:00Z") })
        #expect(planned([sale(), payment(), refund()]).allSatisfy { $0.notBefore == nil })
        let back = document(
            "RT-1", at("2026-11-08T11:00:00Z"),
            .goodsReturn(GoodsReturn(state: "closed", refundRef: "R-1", lines: [], fees: [])))
        let explained = planned([sale(), payment(), refund(), back], shopUS, wait)
        #expect(explained.allSatisfy { $0.notBefore == nil } && explained[2].covers == ["R-1", "RT-1"])
    }

    @Test("an open return explains nothing")
    func openReturn() {
        let fee = ReturnFee(id: "F1", kind: .restocking, amount: usd(500))
        let back = document(
            "RT-1", at("2026-11-08T11:00:00Z"),
            .goodsReturn(GoodsReturn(state: "created", refundRef: "R-1", lines: [], fees: [fee])))
        #expect(balances(planned([sale(), payment(), refund(), back]))["restocking_fee_income"] == nil)
    }

    @Test("money kept back without a fee that explains it lowers the allowance; a fee above what was kept is held")
    func kept() {
        let kept = RefundAdjustment(id: "A1", kind: .refundDiscrepancy, amount: usd(-300))
        let plans = planned([sale(), payment(), refund(adjustments: [kept], total: 5_000)])
        #expect(checks(plans).isEmpty && balances(plans)["returns_allowances"] == 4_700)
        let fee = ReturnFee(id: "F1", kind: .returnShipping, amount: usd(400))
        #expect(
            checks(planned([sale(), payment(), refund(adjustments: [kept], fees: [fee], total: 5_000)])) == [
                "unbalanced"
            ])
        let small = ReturnFee(id: "F1", kind: .returnShipping, amount: usd(300))
        let fits = planned([
            sale(), payment(),
            refund(
                adjustments: [kept], fees: [small], total: 5_000),
        ])
        #expect(checks(fits).isEmpty && balances(fits)["return_shipping_income"] == -300)
    }

    @Test(
        "known reasons pass into the dimension, rules win, unknown ones hold; two reasons of a line split by units"
    )
    func reasons() {
        let known = CodeBook(
            known: ["damaged", "late"], rules: ["late": (role: "write_off", dimension: ["team": "post"])])
        func lines(_ reason: String) -> [PostingLine] {
            planned([sale(), payment(), refund(reason: reason)], codes: known).filter { $0.form == .creditNote }
                .flatMap(\.lines)
        }
        #expect(lines("damaged").first?.dimension == ["return_reason": "damaged"])
        #expect(lines("late").first?.role == "write_off" && lines("late").first?.dimension == ["team": "post"])
        #expect(checks(planned([sale(), payment(), refund(reason: "odd")], codes: known)) == ["unmapped_code"])
        let back = document(
            "RT-1", at("2026-11-08T11:00:00Z"),
            .goodsReturn(
                GoodsReturn(
                    state: "closed", refundRef: "R-1",
                    lines: [
                        ReturnedLine(line: "L1", quantity: .one, reasonCode: "damaged"),
                        ReturnedLine(line: "L1", quantity: .one, reasonCode: "late"),
                    ], fees: [])))
        let split = planned([sale(), payment(), refund(units: 2, total: 10_600), back], codes: known)
        #expect(balances(split)["write_off"] == 5_000 && balances(split)["returns_allowances"] == 5_000)
    }

    @Test("a tax-only refund touches tax alone, and not more of it than was charged")
    func taxRefund() {
        func back(_ amount: Int64) -> [PlannedPosting] {
            planned([
                sale(), payment(),
                refund(
                    units: 0, adjustments: [RefundAdjustment(id: "A1", kind: .taxRefund, amount: usd(amount))],
                    total: amount),
            ])
        }
        #expect(
            sums(back(600).first { $0.form == .creditNote }) == ["receivable:shop": -600, "tax_payable:US-PA": 600])
        #expect(checks(back(601)) == ["refund_exceeds_remaining"])
    }

    @Test("a refund's second tender that settles later takes no name from the first, whatever the period; one that fails later leaves the other its name")
    func tenders() throws {
        func back(_ second: Payment.Status) -> SourceDocument {
            let line = RefundLine(line: "L1", quantity: .one, net: usd(5_000), taxes: nil)
            return document(
                "R-1", at("2026-11-08T10:00:00Z"),
                .refund(
                    Refund(
                        currency: .usd, taxIncluded: false, lines: [line], total: usd(5_300),
                        transactions: [
                            MoneyMovement(id: "T1", gateway: "card", amount: usd(3_300), status: .success),
                            MoneyMovement(id: "T2", gateway: "card", amount: usd(2_000), status: second),
                        ])))
        }
        func names(_ plans: [PlannedPosting]) -> [String] {
            plans.filter { $0.form == .refundPayment }.map { "\($0.effect) \($0.subject) \($0.total.minor)" }.sorted()
        }
        let early = planned([sale(), payment(), back(.pending)])
        #expect(names(early) == ["post R-1 3300"])
        for lock in [nil, day("2026-11-30")] {
            let late = Planner.plan(
                OrderCase(id: "O-1", [sale(), payment(), back(.success)]), organisation: shopUS, policies: Policies(),
                ledger: posted(early, lockDate: lock), codes: CodeBook())
            #expect(names(late) == ["post R-1 3300", "post R-1/T2 2000"])
        }
        let both = planned([sale(), payment(), back(.success)])
        #expect(names(both) == ["post R-1/T1 3300", "post R-1/T2 2000"])
        let failed = Planner.plan(
            OrderCase(id: "O-1", [sale(), payment(), back(.failure)]), organisation: shopUS, policies: Policies(), ledger: posted(both), codes: CodeBook())
        #expect(names(failed) == ["post R-1/T1 3300", "void R-1/T2 2000"])
    }
}
