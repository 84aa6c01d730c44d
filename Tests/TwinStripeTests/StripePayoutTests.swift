import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinStripe

@Suite("Stripe's payouts")
struct StripePayoutTests {
    /// Source: the vendor's sample of payout reconciliation: +6689 less 224, -1754, paid out 4711.
    @Test("the rows of an automatic payout, without its own, are its amount")
    func reconciles() throws {
        let desk = try StripeDesk()
        let intent = try #require(try desk.pay(6689).text("id"))
        try desk.post("refunds", [("payment_intent", intent), ("amount", "1754")])
        desk.wait(.seconds(2 * 86_400))
        // Paid a moment ago: not yet available.
        _ = try desk.pay(9999)
        let made = try desk.happens(.dayCloses)["payouts"]?.array ?? []
        let id = try #require(made.first?.string)
        #expect(made.count == 1)
        let payout = try desk.get("payouts/\(id)")
        #expect(payout.minor("amount") == 4711 && payout.flag("automatic") && payout.text("status") == "in_transit")
        let rows = try desk.get("balance_transactions", [("payout", id), ("limit", "100"), ("expand[]", "data.source")])["data"]?.array ?? []
        try #require(rows.map { $0.text("type") } == ["payout", "refund", "charge"])
        #expect(rows.filter { $0.text("type") != "payout" }.reduce(Int64(0)) { $0 + $1.minor("net") } == 4711)
        #expect(rows[0].minor("net") == -4711)
        #expect(rows[2].member("source", "amount")?.int == 6689)
        try desk.balanced()
        desk.wait(.seconds(86_400))
        #expect(try desk.happens(.dayCloses)["payouts"]?.array?.count == 0)
        let paid = try desk.get("payouts/\(id)")
        #expect(paid.text("status") == "paid" && paid.text("reconciliation_status") == "completed")
        #expect(Array(try desk.eventTypes().suffix(2)) == ["payout.paid", "payout.reconciliation_completed"])
    }

    @Test("more refunds than payments are taken from the bank as a negative payout")
    func negative() throws {
        let desk = try StripeDesk()
        let intent = try #require(try desk.pay(5000).text("id"))
        desk.wait(.seconds(2 * 86_400))
        try desk.happens(.dayCloses)
        try desk.post("refunds", [("payment_intent", intent)])
        let id = try #require(try desk.happens(.dayCloses)["payouts"]?[0]?.string)
        #expect(try desk.get("payouts/\(id)").minor("amount") == -5000)
        try desk.balanced()
    }

    @Test("a paid payout can fail days later: its money comes back and is in the next one")
    func fails() throws {
        let desk = try StripeDesk()
        _ = try desk.pay(6689)
        desk.wait(.seconds(2 * 86_400))
        let id = try #require(try desk.happens(.dayCloses)["payouts"]?[0]?.string)
        desk.wait(.seconds(86_400))
        try desk.happens(.dayCloses)
        try desk.happens(.payoutFails(id, code: "account_closed"))
        let failed = try desk.get("payouts/\(id)", [("expand[]", "failure_balance_transaction")])
        #expect(failed.text("status") == "failed" && failed.text("failure_code") == "account_closed")
        #expect(failed.member("failure_balance_transaction", "type")?.string == "payout_failure")
        #expect(failed.member("failure_balance_transaction", "amount")?.int == 6465)
        let next = try #require(try desk.happens(.dayCloses)["payouts"]?[0]?.string)
        #expect(try desk.get("payouts/\(next)").minor("amount") == 6465)
        #expect(throws: Fault.self) { try desk.happens(.payoutFails(next, code: "no_reason")) }
        try desk.balanced()
    }

    @Test("a manual payout takes what is available, no more, can be cancelled, and can't be taken apart")
    func manual() throws {
        let desk = try StripeDesk()
        _ = try desk.pay(10_000, method: "pm_card_bypassPending")
        let error = try desk.refusal(.post, "payouts", [("amount", "9681"), ("currency", "usd")])
        #expect(error.text("code") == "balance_insufficient")
        #expect(try desk.refusal(.post, "payouts", [("amount", "100"), ("currency", "eur")]).text("param") == "currency")
        let made = try desk.post("payouts", [("amount", "9680"), ("currency", "usd")])
        #expect(made.text("status") == "pending" && !made.flag("automatic") && made.text("reconciliation_status") == "not_applicable")
        let id = try #require(made.text("id"))
        #expect(try desk.refusal(.get, "balance_transactions", [("payout", id)]).text("message")?.contains("only be filtered on automatic") == true)
        let cancelled = try desk.post("payouts/\(id)/cancel")
        #expect(cancelled.text("status") == "canceled")
        #expect(try desk.refusal(.post, "payouts/\(id)/cancel").text("code") == "payout_not_cancelable")
        #expect(try desk.get("balance")["available"]?[0]?.minor("amount") == 9680)
        try desk.balanced()
    }

    @Test("a business with two currencies gets a payout in each")
    func currencies() throws {
        let desk = try StripeDesk(key: StripeDesk.british)
        _ = try desk.pay(5000, "gbp")
        _ = try desk.pay(5000, "eur")
        desk.wait(.seconds(2 * 86_400))
        try desk.happens(.dayCloses)
        let payouts = try desk.get("payouts")["data"]?.array ?? []
        #expect(Set(payouts.compactMap { $0.text("currency") }) == ["gbp", "eur"])
        #expect(Set(payouts.map { $0.minor("amount") }) == [4905, 4900])
        #expect(try desk.get("payouts", [("expand[]", "data.destination")])["data"]?[0]?.member("destination", "object")?.string == "bank_account")
        try desk.balanced()
    }
}

@Suite("The platform's application fees")
struct StripeApplicationFeeTests {
    @Test("the platform's share is in the payment's fees and in the platform's own balance, and goes back with a refund where that is asked")
    func share() throws {
        let desk = try StripeDesk(key: StripeDesk.hub)
        desk.account = StripeTwin.british
        let intent = try desk.pay(10_000, "gbp", more: [("application_fee_amount", "500")])
        let row = try #require(intent.member("latest_charge", "balance_transaction"))
        #expect(row.minor("fee") == 670 && row.minor("net") == 9330)
        #expect((row["fee_details"]?.array ?? []).map { $0.text("type") } == ["stripe_fee", "application_fee"])
        let feeID = try #require(intent.member("latest_charge", "application_fee")?.string)
        desk.account = nil
        let fee = try desk.get("application_fees/\(feeID)", [("expand[]", "balance_transaction"), ("expand[]", "charge")])
        #expect(fee.minor("amount") == 500 && fee.text("account") == StripeTwin.british && fee.text("currency") == "gbp")
        #expect(fee.member("balance_transaction", "currency")?.string == "usd")
        #expect(fee.member("charge", "amount")?.int == 10_000)
        desk.account = StripeTwin.british
        let refund = try desk.post(
            "refunds", [
                ("payment_intent", try #require(intent.text("id"))), ("amount", "5000"), ("refund_application_fee", "true"),
                ("expand[]", "balance_transaction"),
            ])
        #expect(refund.member("balance_transaction", "fee")?.int == -250)
        #expect(refund.member("balance_transaction", "net")?.int == -4750)
        desk.account = nil
        #expect(try desk.get("application_fees/\(feeID)").minor("amount_refunded") == 250)
        try desk.post("application_fees/\(feeID)/refunds", [("amount", "100")])
        #expect(try desk.ids("application_fees/\(feeID)/refunds").count == 2)
        #expect(try desk.refusal(.post, "application_fees/\(feeID)/refunds", [("amount", "151")]).text("param") == "amount")
        try desk.balanced()
        desk.key = StripeDesk.british
        try desk.balanced()
    }

    @Test("a merchant by itself can't take a fee for the platform")
    func notByItself() throws {
        let desk = try StripeDesk()
        let error = try desk.refusal(.post, "payment_intents", [("amount", "1000"), ("currency", "usd"), ("application_fee_amount", "100")])
        #expect(error.text("param") == "application_fee_amount")
    }
}

@Suite("Stripe's books")
struct StripeBooksTests {
    @Test("whatever happens, by whatever seed, books, balance transactions and balance stay one sum, and a restart shows the same")
    func anything() throws {
        for seed in UInt64(1)...6 {
            var random = Seeded(seed)
            let desk = try StripeDesk(key: seed % 2 == 0 ? StripeDesk.british : StripeDesk.american, seed: seed)
            var intents: [String] = []
            var disputes: [String] = []
            var payouts: [String] = []
            let methods = ["pm_card_visa", "pm_card_bypassPending", "pm_card_refundFail", "pm_card_createDispute", "pm_card_chargeDeclined"]
            for _ in 0..<120 {
                desk.wait(.seconds(Int64(random.int(1...20_000))))
                switch random.int(0...6) {
                case 0, 1, 2:
                    var payment = StripePayment(amount: Int64(random.int(100...90_000)) * 10, currency: random.pick(["usd", "gbp", "eur", "jpy", "kwd"]))
                    payment.method = random.pick(methods)
                    payment.customerEmail = "c\(random.int(1...5))@example.com"
                    if random.flip(5) { payment.applicationFee = 10 }
                    let outcome = try desk.happens(.pays(payment))
                    if let charge = outcome.text("charge") { intents.append(charge) }
                case 3:
                    let amount: Int64? = random.flip() ? nil : Int64(random.int(1...900))
                    // Nothing left to give back is a refusal like any other.
                    if !intents.isEmpty { _ = try? desk.happens(.refunded(random.pick(intents), amount: amount, reason: nil)) }
                case 4:
                    guard !intents.isEmpty else { continue }
                    let dispute = StripeHappening.disputed(random.pick(intents), amount: nil, reason: "general", inquiry: random.flip(4))
                    if let id = (try? desk.happens(dispute))?.text("dispute") { disputes.append(id) }
                case 5: payouts += (try desk.happens(.dayCloses)["payouts"]?.array ?? []).compactMap(\.string)
                default:
                    if !disputes.isEmpty { try desk.happens(.disputeEnds(random.pick(disputes), won: random.flip())) }
                    if !payouts.isEmpty, random.flip(3) { try desk.happens(.payoutFails(random.pick(payouts), code: "account_frozen")) }
                }
            }
            try desk.balanced()
            let again = try desk.reopened()
            try again.balanced()
            #expect(again.twin.expectedMoney() == desk.twin.expectedMoney(), "seed \(seed)")
            #expect(try again.ids("events", [("limit", "100")]) == (try desk.ids("events", [("limit", "100")])), "seed \(seed)")
        }
    }

    @Test("expected money is told by the business's own day, currency and kind")
    func expected() throws {
        let desk = try StripeDesk()
        // 2026-11-15T03:00Z is still the 14th in Chicago.
        desk.wait(.seconds(17 * 3600))
        let intent = try #require(try desk.pay(6689).text("id"))
        desk.wait(.seconds(6 * 3600))
        try desk.post("refunds", [("payment_intent", intent), ("amount", "1754")])
        func money(_ day: String, _ kind: ExpectedMoney.Kind, _ minor: Int64) throws -> ExpectedMoney {
            ExpectedMoney(account: StripeTwin.american, isLive: false, day: try #require(LocalDate(day)), currency: "USD", kind: kind, minor: minor, count: 1)
        }
        #expect(desk.twin.expectedMoney() == [
            try money("2026-11-14", .charge, 6689), try money("2026-11-14", .fee, -224), try money("2026-11-15", .refund, -1754),
        ])
    }

    @Test("the world is told in JSON as well, and nonsense is refused with its place")
    func inJSON() throws {
        let desk = try StripeDesk()
        let paid = try desk.twin.happen(
            [
                "do": "pays", "account": .string(StripeTwin.british), "amount": 2500, "currency": "gbp", "metadata": ["order_id": "7"],
                "customer_email": "a@example.com",
            ],
            at: desk.now)
        desk.key = StripeDesk.british
        #expect(try desk.get("charges/\(try #require(paid.text("charge")))").member("metadata", "order_id")?.string == "7")
        let declined = try desk.twin.happen(
            ["do": "pays", "account": .string(StripeTwin.british), "amount": 2500, "currency": "gbp", "method": "pm_card_chargeDeclined"], at: desk.now)
        #expect(declined.text("refused") == "card_declined")
        let wrong: [(JSON, String)] = [
            (["do": "explodes"], "do"), (["do": "pays", "currency": "gbp"], "amount"), (["do": "pays", "amount": 2500, "currency": "zzz"], "currency"),
            (["do": "refunded", "payment": "ch_none"], "charge"), (["do": "day_closes", "account": "acct_none"], "account"), (["do": "refund_fails"], "refund"),
        ]
        for (happening, place) in wrong {
            let fault = #expect(throws: Fault.self) { try desk.twin.happen(happening, at: desk.now) }
            #expect(fault?.code == "happening_refused")
            #expect(fault?.position == place)
        }
    }
}
