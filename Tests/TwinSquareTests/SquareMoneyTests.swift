import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

@Suite("Square's payments, refunds and payouts")
struct SquareMoneyTests {
    private func id(_ out: JSON, _ name: String) throws -> String { try #require(out.text(name) ?? out.list(name).first?.string) }

    /// Source: the vendor's sample order, payment, refund and payout entries, put together in one story.
    @Test("the sale of two mugs and a towel: 58.94, a fee of 1.68 some time later, one mug back for 17.54 with its tax, and a payout of the rest")
    func story() throws {
        let desk = try SquareDesk()
        let sold = try desk.sale()
        let order = try desk.read("orders", try id(sold, "order"))
        #expect(order.text("state") == "COMPLETED" && order.amount("total_money") == 5894 && order.amount("net_amount_due_money") == 0)
        #expect(order.list("line_items").map { $0.amount("total_tax_money") } == [267, 182] && order.amount("total_tax_money") == 449)
        #expect(order.list("line_items").map { $0.amount("total_discount_money") } == [360, 245])
        #expect(order.list("line_items").map { $0.text("name") } == ["Ceramic Mug", "Linen Towel"])
        #expect(order.list("tenders").map { $0.text("type") } == ["CARD"])
        #expect(order.list("tenders").first?.text("payment_id") == sold.list("payments").first?.string)
        let payment = try id(sold, "payments")
        #expect(try desk.read("payments", payment)["processing_fee"] == nil, "the fee comes later")
        desk.wait(.seconds(45))
        let charged = try desk.read("payments", payment)
        #expect(charged.list("processing_fee").map { $0.amount("amount_money") } == [168])
        let back = try desk.happens(["do": "returns", "order": .string(try id(sold, "order")), "lines": [["line": "Li0001"]], "reason": "damaged"])
        let returned = try desk.read("orders", try id(back, "order"))
        let line = try #require(returned.list("returns").first?.list("return_line_items").first)
        #expect(line.amount("gross_return_money") == 1800 && line.amount("total_discount_money") == 180)
        #expect(line.amount("total_tax_money") == 134 && line.amount("total_money") == 1754 && line.text("source_line_item_uid") == "Li0001")
        #expect(returned.list("returns").first?.text("source_order_id") == order.text("id"))
        #expect(returned.list("returns").first?.list("return_taxes").map { $0.amount("applied_money") } == [134])
        #expect(returned.amount("net_amounts", "total_money") == -1754 && returned.amount("net_amounts", "tax_money") == -134)
        #expect(returned.amount("total_money") == 0 && returned.text("state") == "COMPLETED")
        #expect(try desk.read("orders", order.text("id") ?? "").amount("net_amounts", "total_money") == 5894, "the sale's own totals stay")
        #expect(try desk.read("refunds", try id(back, "refunds")).text("status") == "PENDING")
        desk.wait(.seconds(5))
        let refund = try desk.read("refunds", try id(back, "refunds"))
        #expect(refund.text("status") == "COMPLETED" && refund.text("order_id") == returned.text("id") && refund.text("payment_id") == payment)
        #expect(try desk.read("payments", payment).amount("refunded_money") == 1754)
        let payout = try id(try desk.happens(["do": "day_closes"]), "payouts")
        #expect(try desk.read("payouts", payout).amount("amount_money") == 5894 - 168 - 1754)
        #expect(try desk.read("payouts", payout).text("status") == "SENT")
        let entries = try desk.get("payouts/\(payout)/payout-entries", [("sort_order", "ASC")]).list("payout_entries")
        #expect(entries.map { $0.text("type") } == ["CHARGE", "REFUND"] && entries.map { $0.amount("fee_amount_money") } == [168, 0])
        #expect(entries.first?["type_charge_details"]?.text("payment_id") == payment)
        try desk.happens(["do": "payout_arrives", "payout": .string(payout)])
        #expect(try desk.read("payouts", payout).text("status") == "PAID")
        let money = desk.twin.expectedMoney().map { "\($0.day) \($0.kind.rawValue) \($0.minor)" }
        #expect(money == ["2026-11-14 charge 5894", "2026-11-14 fee -168", "2026-11-14 payout -3972", "2026-11-14 refund -1754"])
        #expect(desk.twin.owed(SquareTwin.american) == 0)
        try desk.balanced()
    }

    @Test("units that come back one by one come to exactly what was sold, and no more comes back than that")
    func oneByOne() throws {
        let desk = try SquareDesk()
        let sold = try desk.happens([
            "do": "sells",
            "lines": [["uid": "a", "name": "Cup", "quantity": "3", "base_price_money": ["amount": 333, "currency": "USD"]]],
            "taxes": [["name": "Tax", "percentage": "8.25", "scope": "ORDER"]], "discounts": [["name": "Off", "percentage": "7", "scope": "ORDER"]],
        ])
        let order = try desk.read("orders", try id(sold, "order"))
        var sums = [Int64](repeating: 0, count: 4)
        for _ in 0..<3 {
            let back = try desk.happens(["do": "returns", "order": order["id"] ?? JSON.null, "lines": [["line": "a", "quantity": "1"]]])
            let line = try #require(try desk.read("orders", try id(back, "order")).list("returns").first?.list("return_line_items").first)
            let names = ["gross_return_money", "total_discount_money", "total_tax_money", "total_money"]
            for (n, name) in names.enumerated() { sums[n] += line.amount(name) }
        }
        let line = try #require(order.list("line_items").first)
        #expect(sums == ["gross_sales_money", "total_discount_money", "total_tax_money", "total_money"].map { line.amount($0) })
        #expect(throws: Fault.self) { try desk.happens(["do": "returns", "order": order["id"] ?? JSON.null, "lines": [["line": "a"]]]) }
    }

    @Test("several payments for one order; what comes back goes by the first payment first; cash and house accounts never reach a payout")
    func tenders() throws {
        let desk = try SquareDesk()
        let sold = try desk.sale([("payments", [["with": "cash", "amount": 2000, "supplied": 5000], ["with": "external", "amount": 894], ["tip": 600]])])
        let order = try desk.read("orders", try id(sold, "order"))
        #expect(order.text("state") == "COMPLETED" && order.list("tenders").map { $0.text("type") } == ["CASH", "OTHER", "CARD"])
        #expect(order.amount("total_money") == 6494 && order.amount("total_tip_money") == 600)
        #expect(order.list("tenders").first?["cash_details"]?.amount("change_back_money") == 3000)
        let back = try desk.happens([
            "do": "returns", "order": order["id"] ?? JSON.null, "lines": [["line": "Li0001", "quantity": "2"]], "tip": 600,
        ])
        #expect(back.list("refunds").count == 3)
        let returned = try desk.read("orders", try id(back, "order"))
        #expect(returned.list("returns").first?["return_amounts"]?.amount("total_money") == 4107)
        #expect(returned.list("returns").first?.list("return_tips").first?.amount("applied_money") == 600)
        let refunds = try back.list("refunds").map { try desk.read("refunds", $0.string ?? "") }
        #expect(refunds.map { $0.amount("amount_money") } == [2000, 894, 1213])
        #expect(refunds.map { $0.text("status") } == ["COMPLETED", "COMPLETED", "PENDING"], "what Square does not hold is given back at once")
        desk.wait(.seconds(60))
        try desk.happens(["do": "day_closes"])
        #expect(desk.twin.expectedMoney().filter { $0.kind == .charge }.map(\.minor) == [3600])
        try desk.balanced()
    }

    @Test("five-cent coins: a cash total is rounded, one by card is not")
    func coins() throws {
        let desk = try SquareDesk(token: SquareDesk.canadian)
        let lines: JSON = [["catalog_object_id": "VARSYRUP0000000000000001", "quantity": "1"]]
        let taxes: JSON = [["catalog_object_id": "TAXHST130000000000000001", "scope": "ORDER"]]
        let card = try desk.happens(["do": "sells", "lines": lines, "taxes": taxes])
        let cash = try desk.happens(["do": "sells", "lines": lines, "taxes": taxes, "payments": [["with": "cash"]]])
        #expect(try desk.read("orders", try id(card, "order")).amount("total_money") == 1355)
        let small: JSON = [["name": "Candy", "quantity": "1", "base_price_money": ["amount": 101, "currency": "CAD"]]]
        let order = try desk.read("orders", try id(try desk.happens(["do": "sells", "lines": small, "payments": [["with": "cash"]]]), "order"))
        #expect(order["rounding_adjustment"]?.amount("amount_money") == -1 && order.amount("total_money") == 100 && order.text("state") == "COMPLETED")
        #expect(try desk.read("orders", try id(cash, "order"))["rounding_adjustment"] == nil)
        let lent = try desk.order(["location_id": .string(SquareDesk.corner), "line_items": small])
        let body: JSON = [
            "source_id": "CASH", "idempotency_key": desk.key(), "amount_money": ["amount": 100, "currency": "CAD"], "order_id": lent["id"] ?? JSON.null,
            "cash_details": ["buyer_supplied_money": ["amount": 500, "currency": "CAD"]],
        ]
        #expect(try desk.post("payments", body)["payment"]?["cash_details"]?.amount("change_back_money") == 400)
        #expect(try desk.read("orders", lent.text("id") ?? "")["rounding_adjustment"]?.amount("amount_money") == -1)
    }

    @Test("an exchange is one order: the dearer is paid for, the cheaper gives money back, the equal neither")
    func exchange() throws {
        let desk = try SquareDesk()
        func thing(_ minor: Int) -> JSON {
            [["uid": "x", "name": "Thing", "quantity": "1", "base_price_money": ["amount": .number("\(minor)"), "currency": "USD"]]]
        }
        for (price, paid, refunded) in [(2500, 1, 0), (1000, 0, 1), (2000, 0, 0)] {
            let source = try id(try desk.happens(["do": "sells", "lines": thing(2000)]), "order")
            let out = try desk.happens(["do": "sells", "lines": thing(price), "returns": ["order": .string(source), "lines": [["line": "x"]]]])
            let order = try desk.read("orders", try id(out, "order"))
            #expect(order.text("state") == "COMPLETED" && order.list("line_items").count == 1 && order.list("returns").count == 1)
            #expect(order.amount("net_amounts", "total_money") == Int64(price - 2000) && order.amount("net_amount_due_money") == 0)
            #expect(out.list("payments").count == paid && out.list("refunds").count == refunded)
        }
    }

    @Test("a tip changed after the sale changes payment, order, fee and what is paid out; after the payout it can't be")
    func tip() throws {
        let desk = try SquareDesk()
        let payment = try id(try desk.sale(), "payments")
        desk.wait(.seconds(50))
        try desk.happens(["do": "tips", "payment": .string(payment), "tip": 1000])
        let shown = try desk.read("payments", payment)
        #expect(shown.amount("total_money") == 6894 && shown.amount("tip_money") == 1000 && shown.amount("amount_money") == 5894)
        #expect(shown.list("processing_fee").map { $0.text("type") } == ["INITIAL", "ADJUSTMENT"])
        #expect(shown.list("processing_fee").reduce(0) { $0 + $1.amount("amount_money") } == 194)
        #expect(try desk.read("orders", shown.text("order_id") ?? "").amount("total_money") == 6894)
        let payout = try id(try desk.happens(["do": "day_closes"]), "payouts")
        #expect(try desk.read("payouts", payout).amount("amount_money") == 6700)
        #expect(throws: Fault.self) { try desk.happens(["do": "tips", "payment": .string(payment), "tip": 1]) }
        try desk.balanced()
    }

    @Test("disputes take the money and give it back when won; failed payouts come back; adjustments and instant payouts are entries of their own")
    func misfortunes() throws {
        let desk = try SquareDesk()
        let payment = try id(try desk.sale(), "payments")
        desk.wait(.seconds(50))
        let dispute = try id(try desk.happens(["do": "disputed", "payment": .string(payment), "reason": "NOT_AS_DESCRIBED"]), "dispute")
        #expect(try desk.read("disputes", dispute).text("state") == "EVIDENCE_REQUIRED")
        #expect(throws: Fault.self) { try desk.happens(["do": "disputed", "payment": .string(payment)]) }
        #expect(try desk.happens(["do": "day_closes"]).list("payouts").isEmpty, "what is owed to Square waits")
        try desk.happens(["do": "dispute_ends", "dispute": .string(dispute), "won": true])
        #expect(try desk.read("disputes", dispute).text("state") == "WON")
        try desk.happens(["do": "adjusts", "amount": -26])
        let payout = try id(try desk.happens(["do": "day_closes"]), "payouts")
        #expect(try desk.read("payouts", payout).amount("amount_money") == 5700)
        try desk.happens(["do": "payout_fails", "payout": .string(payout)])
        #expect(try desk.read("payouts", payout).text("status") == "FAILED" && desk.twin.owed(SquareTwin.american) == 5700)
        let again = try id(try desk.happens(["do": "pays_out", "instant": true]), "payout")
        #expect(try desk.read("payouts", again).amount("amount_money") == 5600)
        #expect(try desk.read("payouts", again).list("payout_fee").map { $0.amount("amount_money") } == [100])
        let types = try desk.get("payouts/\(again)/payout-entries").list("payout_entries").compactMap { $0.text("type") }
        #expect(Set(types) == ["RETURNED_PAYOUT", "DEPOSIT_FEE"])
        #expect(desk.twin.owed(SquareTwin.american) == 0)
        try desk.balanced()
        let second = try id(try desk.happens(["do": "disputed", "payment": .string(payment)]), "dispute")
        #expect(try desk.post("disputes/\(second)/accept", [:])["dispute"]?.text("state") == "ACCEPTED")
        #expect(try desk.refusal(.post, "disputes/\(second)/accept", [:]).text("code") == "BAD_REQUEST")
        #expect(try desk.ids("disputes", "disputes", [("states", "WON")]) == [dispute])
    }

    @Test("through the API: authorised and completed, cancelled, by itself after its time, declined, and paid together by PayOrder")
    func steps() throws {
        let desk = try SquareDesk()
        func pay(_ more: JSON, status: Int = 200) throws -> JSON {
            let body: JSON = ["source_id": "cnon:card-nonce-ok", "idempotency_key": desk.key(), "amount_money": ["amount": 1000, "currency": "USD"]]
            return try desk.call(.post, "payments", body.setting((more.object ?? []).map { ($0.key, $0.value) }), status: status)
        }
        let held = try #require(try pay(["autocomplete": false])["payment"])
        #expect(held.text("status") == "APPROVED" && held["card_details"]?.text("status") == "AUTHORIZED" && desk.twin.owed(SquareTwin.american) == 0)
        let id = held.text("id") ?? ""
        #expect(try desk.refusal(.post, "payments/\(id)/complete", ["version_token": "old"], status: 409).text("code") == "CONFLICT")
        let done = try desk.post("payments/\(id)/complete", ["version_token": held["version_token"] ?? JSON.null])["payment"]
        #expect(done?.text("status") == "COMPLETED" && desk.twin.owed(SquareTwin.american) == 1000)
        #expect(try desk.refusal(.post, "payments/\(id)/cancel", [:]).text("code") == "BAD_REQUEST")
        let other = try #require(try pay(["autocomplete": false])["payment"]?.text("id"))
        #expect(try desk.post("payments/\(other)/cancel", [:])["payment"]?.text("status") == "CANCELED")
        let third = try #require(try pay(["autocomplete": false, "delay_duration": "PT1H"])["payment"]?.text("id"))
        desk.wait(.seconds(3601))
        #expect(try desk.read("payments", third).text("status") == "CANCELED", "after its delay it ends by itself")
        let declined = try pay(["source_id": "cnon:card-nonce-declined"], status: 400)
        #expect(declined["errors"]?[0]?.text("code") == "GENERIC_DECLINE" && declined["errors"]?[0]?.text("category") == "PAYMENT_METHOD_ERROR")
        #expect(declined["payment"]?.text("status") == "FAILED")
        let order = try desk.order([
            "location_id": .string(SquareDesk.pier), "line_items": [["name": "A", "quantity": "1", "base_price_money": ["amount": 1500, "currency": "USD"]]],
        ])
        let mismatch = try pay(["order_id": order["id"] ?? JSON.null], status: 400)
        #expect(mismatch["errors"]?[0]?.text("detail") == "The total of the requested payments does not match the total of the sale order.")
        let first = try #require(try pay(["order_id": order["id"] ?? JSON.null, "autocomplete": false])["payment"]?["id"])
        let rest: JSON = ["order_id": order["id"] ?? JSON.null, "autocomplete": false, "amount_money": ["amount": 500, "currency": "USD"]]
        let second = try #require(try pay(rest)["payment"]?["id"])
        let path = "orders/\(order.text("id") ?? "")/pay"
        #expect(try desk.refusal(.post, path, ["idempotency_key": "p", "payment_ids": [first]]).text("code") == "BAD_REQUEST")
        let paid = try desk.post(path, ["idempotency_key": "q", "payment_ids": [first, second]])["order"]
        #expect(paid?.text("state") == "COMPLETED" && paid?.list("tenders").count == 2 && paid?.text("closed_at") != nil)
        try desk.balanced()
    }

    @Test("refunds through the API name an amount alone: their order has one line without tax; too much, too early and the like are refused")
    func refunds() throws {
        let desk = try SquareDesk()
        let payment = try id(try desk.sale(), "payments")
        func refund(_ minor: Int, status: Int = 200) throws -> JSON {
            let body: JSON = ["idempotency_key": desk.key(), "payment_id": .string(payment), "amount_money": ["amount": .number("\(minor)"), "currency": "USD"]]
            return try desk.call(.post, "refunds", body, status: status)
        }
        let made = try #require(try refund(1000)["refund"])
        let line = try #require(try desk.read("orders", made.text("order_id") ?? "").list("returns").first?.list("return_line_items").first)
        #expect(line.text("item_type") == "CUSTOM_AMOUNT" && line.amount("total_money") == 1000 && line["source_line_item_uid"] == nil)
        let much = try refund(4895, status: 400)["errors"]?[0]
        #expect(much?.text("category") == "REFUND_ERROR" && much?.text("code") == "REFUND_AMOUNT_INVALID")
        try desk.happens(["do": "refund_fails", "refund": made["id"] ?? JSON.null])
        #expect(try desk.read("refunds", made.text("id") ?? "").text("status") == "FAILED" && desk.read("payments", payment).amount("refunded_money") == 0)
        _ = try refund(5894)
        desk.wait(.seconds(120))
        #expect(try desk.refusal(.get, "refunds/none", status: 404).text("code") == "NOT_FOUND")
        #expect(desk.twin.owed(SquareTwin.american) == -168, "the fee is not given back")
        #expect(try desk.ids("refunds", "refunds", [("status", "COMPLETED")]).count == 1)
    }

    @Test("gift cards: bought, loaded, paid with, refunded onto; their money is not Square's")
    func giftCards() throws {
        let desk = try SquareDesk()
        let place = JSON.string(SquareDesk.pier)
        let sold = try desk.happens([
            "do": "sells",
            "lines": [["uid": "g", "name": "Gift card", "item_type": "GIFT_CARD", "quantity": "1", "base_price_money": ["amount": 5000, "currency": "USD"]]],
        ])
        let card = try #require(
            try desk.post("gift-cards", ["idempotency_key": desk.key(), "location_id": place, "gift_card": ["type": "DIGITAL"]])["gift_card"])
        let card_id = card["id"] ?? JSON.null
        let activate: JSON = [
            "type": "ACTIVATE", "location_id": place, "gift_card_id": card_id,
            "activate_activity_details": ["order_id": sold["order"] ?? JSON.null, "line_item_uid": "g"],
        ]
        let active = try desk.post("gift-cards/activities", ["idempotency_key": desk.key(), "gift_card_activity": activate])
        #expect(active["gift_card_activity"]?.amount("gift_card_balance_money") == 5000)
        #expect(try desk.refusal(.post, "gift-cards/activities", ["idempotency_key": desk.key(), "gift_card_activity": activate]).text("code") == "BAD_REQUEST")
        let before = desk.twin.owed(SquareTwin.american)
        let paid = try desk.sale([("payments", [["with": card_id, "amount": 5000], ["with": "card"]])])
        #expect(desk.twin.owed(SquareTwin.american) - before == 894)
        #expect(try desk.get("gift-cards/\(card.text("id") ?? "")")["gift_card"]?.amount("balance_money") == 0)
        let tender = try desk.read("orders", try id(paid, "order")).list("tenders").first
        #expect(tender?.text("type") == "SQUARE_GIFT_CARD")
        try desk.happens(["do": "refunded", "payment": .string(try id(paid, "payments")), "amount": 700])
        #expect(try desk.post("gift-cards/from-gan", ["gan": card["gan"] ?? JSON.null])["gift_card"]?.amount("balance_money") == 700)
        let types = try desk.get("gift-cards/activities").list("gift_card_activities").compactMap { $0.text("type") }
        #expect(types.sorted() == ["ACTIVATE", "REDEEM", "REFUND"])
        let over: JSON = ["with": card_id, "amount": 5894]
        #expect(throws: Fault.self) { try desk.sale([("payments", [over])]) }
    }

    @Test("a drawer counts its cash: sales, refunds, what is put in and taken out, and what was found in it")
    func drawer() throws {
        let desk = try SquareDesk()
        let shift = try id(try desk.happens(["do": "opens_drawer", "amount": 10_000, "description": "Till 2"]), "shift")
        let sold = try desk.sale([("payments", [["with": "cash"]])])
        try desk.happens(["do": "returns", "order": sold["order"] ?? JSON.null, "lines": [["line": "Li0001"]]])
        try desk.happens(["do": "cash_in", "amount": 500])
        try desk.happens(["do": "cash_out", "amount": 200, "description": "stamps"])
        try desk.happens(["do": "closes_drawer", "amount": 14_400])
        let place = [("location_id", SquareDesk.pier)]
        let shown = try #require(try desk.get("cash-drawers/shifts/\(shift)", place)["cash_drawer_shift"])
        #expect(shown.amount("expected_cash_money") == 10_000 + 5894 - 1754 + 500 - 200 && shown.amount("closed_cash_money") == 14_400)
        #expect(shown.amount("cash_payment_money") == 5894 && shown.amount("cash_refunds_money") == -1754 && shown.text("state") == "CLOSED")
        #expect(try desk.get("cash-drawers/shifts", place).list("cash_drawer_shifts").first?["cash_payment_money"] == nil, "the list has summaries")
        let events = try desk.get("cash-drawers/shifts/\(shift)/events", place).list("cash_drawer_shift_events").compactMap { $0.text("event_type") }
        #expect(events.sorted() == ["CASH_TENDER_PAYMENT", "CASH_TENDER_REFUND", "PAID_IN", "PAID_OUT"])
        #expect(try desk.refusal(.get, "cash-drawers/shifts").text("field") == "location_id")
        #expect(throws: Fault.self) { try desk.happens(["do": "closes_drawer", "amount": 1]) }
    }
}
