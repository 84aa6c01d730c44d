import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct MoneyTests {
    // MARK: Payments

    @Test(
        "kind and status of a transaction make a payment's state",
        arguments: [
            ("sale", "success", "success"), ("capture", "success", "success"), ("sale", "pending", nil),
            ("sale", "awaiting_response", nil), ("sale", "unknown", nil), ("capture", "failure", "failure"),
            ("sale", "error", "failure"), ("authorization", "success", "authorised"),
            ("emv_authorization", "success", "authorised"),
            ("authorization", "failure", "failure"), ("void", "success", "voided"), ("void", "failure", "failure"),
            ("refund", "success", nil), ("change", "success", nil), ("suggested_refund", "success", nil),
        ] as [(String, String, String?)])
    func states(_ kind: String, _ status: String, _ wanted: String?) throws {
        let body = try fixture("us-capture-webhook").with("kind", .string(kind)).with("status", .string(status))
        let read = try normalized("order_transactions/create", body)
        guard let wanted else {
            #expect(read.documents.isEmpty)
            return
        }
        guard case .payment(let payment)? = read.documents.first?.body else {
            Issue.record("no payment")
            return
        }
        #expect(payment.status.rawValue == wanted)
        #expect(payment.of == "7300400500102")
        #expect(payment.gateway == "shopify_payments")
        #expect(payment.amount == usd("100"))
        #expect(read.documents[0].id == "7300400500103")
        #expect(read.documents[0].caseID == "6120034117001")
    }

    @Test("a transaction without amount_set is read from amount and currency")
    func plainAmount() throws {
        let body = try fixture("us-capture-webhook")
        #expect(
            try normalized("order_transactions/create", body.without("amount_set"))
                == normalized("order_transactions/create", body))
    }

    @Test("an amount in another currency than is posted is never taken: the order is asked for")
    func otherCurrency() throws {
        let body = try fixture("eur-sale-webhook").without("amount_set")
        let ask = Normalized(documents: [], fetch: ["6120034117003"])
        #expect(try normalized("order_transactions/create", body, ["post_currency": "presentment"]) == ask)
        let unsettled: JSON = [
            "shop_money": ["amount": "0.0", "currency_code": "GBP"],
            "presentment_money": ["amount": "0.0", "currency_code": "EUR"],
        ]
        let shown = body.with("total_unsettled_set", unsettled).with("amount", "30.24").with("currency", "EUR")
        #expect(try normalized("order_transactions/create", shown) == ask)
        let read = try normalized("order_transactions/create", shown, ["post_currency": "presentment"])
        guard case .payment(let payment)? = read.documents.first?.body else {
            Issue.record("no payment")
            return
        }
        #expect(payment.amount == eur("30.24"))
        let refund = try fixture("eur-refund-webhook").without("transactions.0.amount_set")
            .without("refund_line_items.0.subtotal_set")
        #expect(try normalized("refunds/create", refund, ["post_currency": "presentment"]) == ask)
    }

    @Test("a refund whose money is stated in the customer's currency alone is asked for, and the order's word of it is newer")
    func refundInCustomersCurrency() throws {
        let ask = Normalized(documents: [], fetch: ["6120034117003"])
        let body = try fixture("eur-refund-webhook")
        let shown = body.without("transactions.0.amount_set").with("transactions.0.amount", "14.40").with("transactions.0.currency", "EUR")
        for settings in [[:], ["post_currency": "presentment"]] as [[String: String]] {
            #expect(try normalized("refunds/create", shown, settings) == ask)
            #expect(try normalized("refunds/create", body, settings).documents.count == 1)
        }
        // The shop's own currency says what it is; none at all doesn't.
        let own = body.without("transactions.0.amount_set").with("transactions.0.amount", "12.00").with("transactions.0.currency", "GBP")
        #expect(try normalized("refunds/create", own) == normalized("refunds/create", body))
        #expect(try normalized("refunds/create", own.without("refund_line_items.0.subtotal_set")) == ask)
        #expect(try normalized("refunds/create", own.without("transactions.0.currency")) == ask)
        let order = try normalized("orders", try fixture("eur-order-node")).refunds
        let told = try normalized("refunds/create", body).refunds
        #expect(order.map(\.id) == told.map(\.id) && order[0].version > told[0].version)
        let one = try normalized("orders", try fixture("us-order-node")).refunds
        #expect(one.map(\.version) == (try normalized("refunds/create", try fixture("us-refund-webhook")).refunds.map(\.version)))
    }

    // MARK: Refunds

    private func refund(_ body: JSON, _ settings: [String: String] = [:]) throws -> Refund {
        try #require(try normalized("refunds/create", body, settings).refundBody)
    }

    @Test("a refund carries lines, reason, fee and money; the discrepancy that the fee explains is not told twice")
    func structured() throws {
        let refund = try refund(try fixture("us-refund-webhook"))
        #expect(refund.lines.map(\.line) == ["15600100220101"])
        #expect(refund.lines[0].net == usd("18"))
        #expect(refund.lines[0].taxes == nil)
        #expect(refund.lines[0].reasonCode == "damaged")
        #expect(refund.lines[0].restocked == false)
        #expect(refund.fees == [ReturnFee(id: "restocking", kind: .restocking, amount: usd("3"))])
        #expect(refund.adjustments == [])
        #expect(refund.total == usd("16.15"))
        #expect(refund.transactions.map(\.id) == ["7300400500111"])
        #expect(!refund.taxIncluded)
    }

    @Test("with notes ignored the discrepancy stands as kept back, whichever sign the platform gave it")
    func ignored() throws {
        let body = try fixture("us-refund-webhook")
        for sign in ["-3.00", "3.00"] {
            let own = body.with("order_adjustments.0.amount", .string(sign)).with(
                "order_adjustments.0.amount_set.shop_money.amount", .string(sign))
            let refund = try refund(own, ["refund_note": "ignore"])
            #expect(refund.adjustments == [RefundAdjustment(id: "8001", kind: .refundDiscrepancy, amount: usd("-3"))])
            #expect(refund.fees == [])
            #expect(refund.lines[0].reasonCode == nil)
        }
    }

    @Test("a discrepancy other than the fees is kept beside them")
    func feesAndMore() throws {
        let body = try fixture("us-refund-webhook").with("note", "restocking=2.00")
        let refund = try refund(body)
        #expect(refund.fees.map(\.amount) == [usd("2")])
        #expect(refund.adjustments.map(\.amount) == [usd("-3")])
    }

    @Test("money without goods is goodwill, from a webhook and from the order alike")
    func goodwill() throws {
        for amount in ["-16.15", "16.15"] {
            let body = try fixture("us-refund-webhook").with("refund_line_items", []).with("note", .null)
                .with("order_adjustments.0.amount", .string(amount)).with(
                    "order_adjustments.0.amount_set.shop_money.amount", .string(amount))
            let refund = try refund(body)
            #expect(refund.adjustments == [RefundAdjustment(id: "8001", kind: .goodwill, amount: usd("16.15"))])
            let node = try fixture("us-order-node").with("refunds.0.refundLineItems.nodes", []).with(
                "refunds.0.note", .null
            )
            .with("refunds.0.orderAdjustments.nodes.0.amountSet.shopMoney.amount", .string(amount))
            #expect(try normalized("orders", node).refundBody == refund)
        }
        let bare = try fixture("us-order-node").with("refunds.0.refundLineItems.nodes", []).with(
            "refunds.0.note", .null
        )
        .with("refunds.0.orderAdjustments.nodes", [])
        #expect(
            try normalized("orders", bare).refundBody?.adjustments
                == [RefundAdjustment(id: "goodwill", kind: .goodwill, amount: usd("16.15"))])
    }

    @Test(
        "delivery given back is a shipping line, positive on both ways; with tax the order must tell its jurisdiction")
    func shipping() throws {
        let adjustment: JSON = [
            "id": 9001, "kind": "shipping_refund", "reason": "Shipping refund", "amount": "-6.00", "tax_amount": "0.00",
            "amount_set": ["shop_money": ["amount": "-6.00", "currency_code": "USD"]],
        ]
        let body = try fixture("us-refund-webhook").with("order_adjustments", [adjustment]).with("note", .null)
            .with("refund_line_items", []).with("transactions.0.amount", "6.00").without("transactions.0.amount_set")
        let told = try refund(body)
        #expect(
            told.shipping == [
                ShippingLine(
                    id: "shipping", title: "Shipping", amount: usd("6"), discount: usd("0"), net: usd("6"), taxes: [])
            ])
        #expect(told.adjustments == [])
        let charge: JSON = [
            "id": "gid://shopify/RefundShippingLine/1", "subtotalAmountSet": ["shopMoney": ["amount": "6.0"]],
            "taxAmountSet": ["shopMoney": ["amount": "0.17"]],
        ]
        let node = try fixture("us-order-node").with("refunds.0.refundShippingLines.nodes", [charge])
        let whole = try #require(try normalized("orders", node).refundBody)
        #expect(
            whole.shipping.first?.taxes == [
                TaxPart(jurisdiction: "US-CO", rate: ExactDecimal("0.029"), amount: usd("0.17"))
            ])
        let taxed = body.with("order_adjustments.0.tax_amount", "-0.17")
        #expect(try normalized("refunds/create", taxed) == Normalized(documents: [], fetch: ["6120034117001"]))
    }

    @Test("a refund of nothing, or whose money does not show whether prices contained tax, asks for the order")
    func cantTell() throws {
        let body = try fixture("us-refund-webhook")
        let ask = Normalized(documents: [], fetch: ["6120034117001"])
        #expect(try normalized("refunds/create", body.with("transactions", [])) == ask)
        let odd = body.with("transactions.0.amount", "9.99").without("transactions.0.amount_set")
        #expect(try normalized("refunds/create", odd) == ask)
    }

    @Test("a pending refund has moved nothing yet; its success is newer")
    func pending() throws {
        let body = try fixture("us-refund-webhook")
        let waiting = try #require(
            try normalized("refunds/create", body.with("transactions.0.status", "pending")).refunds.first)
        let done = try #require(try normalized("refunds/create", body).refunds.first)
        #expect(done.version > waiting.version)
        guard case .refund(let refund) = waiting.body else {
            Issue.record("no refund")
            return
        }
        #expect(refund.total == usd("0"))
        #expect(refund.transactions.map(\.status) == [.pending])
        let stand: JSON = [
            "id": 8002, "kind": "refund_discrepancy", "reason": "Pending refund discrepancy", "amount": "19.15",
            "tax_amount": "0.00",
        ]
        let own = body.with("order_adjustments", [stand]).with("note", .null).with("transactions.0.status", "pending")
            .with("transactions.0.amount_set.shop_money.amount", "19.15")
        #expect(try self.refund(own).adjustments == [])
    }

    @Test("money of a refund that settles later is told by the order's own webhook")
    func settledLater() throws {
        let refund = try fixture("us-refund-webhook")
        let order = try fixture("us-order-webhook").with("refunds", [refund])
        let first = try normalized("refunds/create", refund.with("transactions.0.status", "pending")).refunds
        let later = try normalized("orders/updated", order).refunds
        #expect(later == (try normalized("refunds/create", refund)).refunds)
        #expect(later.count == 1)
        #expect(later[0].version > first[0].version)
        #expect(try normalized("orders/create", order).refunds.isEmpty)
        // What the refund alone can't tell is left to the fetch that its own webhook asks for.
        #expect(try normalized("orders/updated", order.with("refunds.0.transactions", [])).refunds.isEmpty)
    }

    @Test(
        "a stated tax that the running total would not give is taken apart by jurisdiction, and newer than the webhook's word"
    )
    func oddTax() throws {
        let node = try fixture("us-order-node").with(
            "refunds.0.refundLineItems.nodes.0.totalTaxSet.shopMoney.amount", "1.16")
        let read = try normalized("orders", node)
        let parts = try #require(read.refundBody?.lines.first?.taxes)
        #expect(parts.map(\.amount).total(.usd) == usd("1.16"))
        #expect(parts.map(\.jurisdiction) == ["US-CO", "US-CO-JEFFERSON", "US-CO-LAKEWOOD"])
        let told = try #require(try normalized("refunds/create", try fixture("us-refund-webhook")).refunds.first)
        #expect(read.refunds[0].version == told.version + 1)
        let none = try fixture("us-order-node").with(
            "refunds.0.refundLineItems.nodes.0.totalTaxSet.shopMoney.amount", "0.0")
        #expect(try normalized("orders", none).refundBody?.lines.first?.taxes == [])
    }

    @Test("prices with tax contained are seen from the money moved")
    func inclusion() throws {
        let refund = try refund(try fixture("eur-refund-webhook"))
        #expect(refund.taxIncluded)
        #expect(refund.total == Money("12", .gbp))
        #expect(refund.lines[0].reasonCode == nil)
    }

    // MARK: Notes

    @Test("notes of the grammar are read, whatever the spacing and order")
    func notes() throws {
        let note = try #require(
            RefundNote(" return_shipping = 4.50;reason=too_small , damaged;restocking=3", lines: 2, currency: .usd))
        #expect(note.reasons == ["too_small", "damaged"])
        #expect(note.reason(1) == "damaged")
        #expect(note.reason(2) == nil)
        #expect(note.fees.map(\.kind) == [.restocking, .returnShipping])
        #expect(note.fees.map(\.amount) == [usd("3"), usd("4.50")])
        #expect(RefundNote("reason=damaged", lines: 3, currency: .usd)?.reason(2) == "damaged")
        #expect(RefundNote("restocking=0.00", lines: 1, currency: .usd)?.fees == [])
    }

    @Test(
        "any other note is free text",
        arguments: [
            "", "damaged", "reason=", "reason=a,,b", "reason=a,b", "reason=a b", "reason=a; reason=b",
            "restocking=3.005", "restocking=-3",
            "restocking=3 USD", "restocking=1e40", "fee=3", "reason=a;", "reason=a=b", "the reason=damaged", "reason=é",
            ";",
            "restocking=99999999999999.00",
        ])
    func freeText(_ text: String) {
        #expect(RefundNote(text, lines: 3, currency: .usd) == nil)
    }

    // MARK: Places

    @Test(
        "a tax is named after its country, state, county or city",
        arguments: [
            ("US", "CO", "Colorado State Tax", "US-CO"), ("US", "CO", "Jefferson County Tax", "US-CO-JEFFERSON"),
            ("US", "CO", "Lakewood City Tax", "US-CO-LAKEWOOD"),
            ("US", "CO", "Special District RTD Tax", "US-CO-SPECIAL-DISTRICT-RTD"),
            ("US", "CO", "Tax", "US-CO"), ("US", "CO", "County Tax", "US-CO-COUNTY"),
            ("US", "TX", "Private Lane Tax", "US-TX-PRIVATE-LANE"),
            ("GB", "ENG", "VAT", "GB"), ("GB", nil, "GB VAT", "GB"), ("DE", nil, "MwSt", "DE"),
            ("IT", "MI", "IVA", "IT"),
            ("AU", "NSW", "GST", "AU"), ("CA", "ON", "GST", "CA"), ("CA", "QC", "QST", "CA-QC-QST"),
            ("US", nil, "Sales Tax", "US"),
            ("US", "US-CO", "Colorado State Tax", "US-CO"),
        ] as [(String, String?, String, String)])
    func jurisdiction(_ country: String, _ province: String?, _ title: String, _ wanted: String) {
        #expect(Jurisdictions(Place(country: country, province: province), titles: [title])[title] == wanted)
    }

    @Test("a title in ASCII is named as its words are, with or without County and City", arguments: [1, 2, 3] as [UInt64])
    func plainTitles(seed: UInt64) throws {
        var chance = Seeded(seed)
        let words = [
            "State", "TAX", "tax", "County", "city", "CITY", "VAT", "gst", "Denver", "RTD", "9th", "St", "taxes", "Statewide", "COUNTYWIDE", "a",
            "Supercalifragilisticexpialidocious", "ville\u{e9}", "ÉTAT",
        ]
        let between = [" ", "  ", "-", ", ", "/", "'", "\u{7f}", "@", "[", "`", "{", "_", "\t"]
        for _ in 0 ..< 1_000 {
            var title = chance.flip(4) ? chance.pick(between) : ""
            for _ in 0 ..< chance.int(0 ... 6) { title += chance.pick(words) + chance.pick(between) }
            for (country, province) in [("US", "CO"), ("CA", "ON"), ("US", nil), ("GB", "ENG")] {
                let place = try #require(Place(country: country, province: province))
                let state = province.map { "\(country)-\($0)" } ?? country
                for whole in [false, true] {
                    let plain = Jurisdictions.name(title, in: place, state, whole: whole)
                    let isTold = province != nil && country != "GB"
                    let wanted = isTold ? Jurisdictions.name(words: Jurisdictions.words(of: title), in: country, state, whole: whole) : country
                    #expect(plain == wanted, "seed \(seed): \(title)")
                }
            }
        }
    }

    @Test("taxes that change their order from line to line keep their own names and amounts")
    func taxesInAnyOrder() throws {
        let base = try fixture("us-order-webhook")
        let line = try #require(base.member("line_items")?[0])
        func tax(_ title: JSON, _ cents: Int) -> JSON {
            ["title": title, "rate": 0, "price": .string("0.0\(cents)"), "channel_liable": false]
        }
        let lists: [[JSON]] = [
            [tax("Colorado State Tax", 1), tax("Denver County Tax", 2)], [tax("Denver County Tax", 3), tax("Colorado State Tax", 4)],
            [tax("Denver County Tay", 5), tax("Denver County Tax", 6), tax("Boulder City Tax", 7)], [], [tax("Boulder City Tax", 8)],
        ]
        let lines = lists.enumerated().map { (n, taxes) in line.setting("id", .number("\(n + 1)")).setting("tax_lines", .array(taxes)) }
        let sale = try #require(try normalized("orders/create", base.with("line_items", .array(lines))).saleBody)
        let wanted: [[String]] = [
            ["US-CO 1", "US-CO-DENVER 2"], ["US-CO-DENVER 3", "US-CO 4"], ["US-CO-DENVER-TAY 5", "US-CO-DENVER 6", "US-CO-BOULDER 7"], [], ["US-CO-BOULDER 8"],
        ]
        #expect(sale.lines.map { ($0.taxes ?? []).map { "\($0.jurisdiction ?? "none") \($0.amount.minor)" } } == wanted)
        let escaped = String(decoding: base.with("line_items", .array(lines)).bytes, as: UTF8.self).replacing("Denver County Tay", with: "Denver\\u0020County Tay")
        let body = RawRecord(topic: "orders/create", deliveryID: "d", body: Array(escaped.utf8))
        #expect(try connector.normalize(body, facts).saleBody == sale)
    }

    @Test("a county and a city of one name keep the word; the state's tax keeps its own")
    func collision() {
        let names = Jurisdictions(
            Place(country: "US", province: "CO"),
            titles: ["Denver County Tax", "Denver City Tax", "Colorado State Tax", "Tax"])
        #expect(names["Denver County Tax"] == "US-CO-DENVER-COUNTY")
        #expect(names["Denver City Tax"] == "US-CO-DENVER-CITY")
        #expect(names["Colorado State Tax"] == "US-CO")
        #expect(names["Tax"] == "US-CO")
    }

    @Test("of many titles each is named as it would be among few")
    func manyTitles() throws {
        let place = Place(country: "US", province: "CO")
        let titles = (0 ..< 40).flatMap { ["District \($0) County Tax", "District \($0 / 2) City Tax"] }
        let names = Jurisdictions(place, titles: titles)
        for n in 0 ..< 40 {
            // A city of the same name makes both keep their words.
            let wanted = n < 20 ? "US-CO-DISTRICT-\(n)-COUNTY" : "US-CO-DISTRICT-\(n)"
            #expect(names["District \(n) County Tax"] == wanted)
            #expect(names["District \(n / 2) City Tax"] == "US-CO-DISTRICT-\(n / 2)-CITY")
        }
        #expect(names["District 40 County Tax"] == nil)
    }

    @Test("a name given once stays when a later line's tax collides with it")
    func laterCollision() {
        var names = Jurisdictions(Place(country: "US", province: "CO"), titles: ["Denver City Tax"])
        names.name(["Denver City Tax", "Denver County Tax"])
        #expect(names["Denver City Tax"] == "US-CO-DENVER")
        #expect(names["Denver County Tax"] == "US-CO-DENVER-COUNTY")
    }
}
