import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import WooCommerce

@Suite("Orders as sales and payments") struct OrderTests {
    @Test("a paid order is a sale with its lines, coupon, delivery and tax, and a payment called as its gateway calls it")
    func order() throws {
        let read = try normalized("order", try fixture("order"))
        let sale = try #require(read.sale)
        #expect(read.ids == ["1042", "ch_3QLpaYKJ2mNpQr5t1xYz0001"] && Set(read.documents.map(\.caseID)) == ["1042"])
        #expect(sale.total == usd(6_689) && !sale.taxIncluded && !sale.isDraft && sale.number == "1042" && sale.source == "shop")
        #expect(sale.lines.map(\.sku) == ["MUG-01", "TWL-07"] && sale.lines.map(\.quantity) == [ExactDecimal(2), .one])
        #expect((sale.lines[0].gross, sale.lines[0].discount, sale.lines[0].net) == (usd(3_600), usd(360), usd(3_240)))
        #expect((sale.lines[1].gross, sale.lines[1].discount, sale.lines[1].net) == (usd(2_450), usd(245), usd(2_205)))
        let tax = { TaxPart(jurisdiction: "US-CA", rate: ExactDecimal("0.0825"), amount: usd($0)) }
        #expect(sale.lines[0].taxes == [tax(267)] && sale.lines[1].taxes == [tax(182)])
        #expect(sale.shipping.map(\.net) == [usd(795)] && sale.shipping[0].taxes == [])
        #expect(read.payments == [Payment(gateway: "stripe", amount: usd(6_689), status: .success)])
        #expect(read.documents[0].at == Timestamp(rfc3339: "2026-11-14T17:21:05Z") && read.documents[1].at == Timestamp(rfc3339: "2026-11-14T17:21:08Z"))
        let planned = plans(read.documents)
        #expect(planned.allSatisfy { $0.findings.isEmpty })
        #expect(balances(planned) == [
            "clearing:stripe:USD": 6_689, "sales:unclassified": -6_050, "sales_discounts": 605, "shipping_income": -795, "tax_payable:US-CA": -449,
        ])
    }

    @Test("guests are told apart by a digest, never by their address; a customer with an account by its id")
    func customers() throws {
        let json = try fixture("order")
        let guest = try #require(try normalized("order", json).sale?.customer)
        #expect(guest.hasPrefix("guest-") && guest.count == 22 && !guest.contains("mara"))
        #expect(try normalized("order", json.changing("order", "billing", "email", to: "Mara.Lind@Example.com")).sale?.customer == guest)
        #expect(try normalized("order", json.changing("order", "customer_id", to: 81)).sale?.customer == "81")
        #expect(try normalized("order", json.changing("order", "billing", "email", to: "")).sale?.customer == "house")
    }

    @Test("gross prices that are kept unrounded come to the cent: tax as the order states it, the rest shared; tip, fee and gift card find their places")
    func inclusive() throws {
        let read = try normalized("order", try fixture("order-gb"))
        let sale = try #require(read.sale)
        #expect(sale.total == gbp(4_192) && sale.tip == gbp(300) && !sale.taxIncluded)
        #expect(sale.lines.map(\.sku) == ["CND-1", "SOP-1", "product-303", "fee-gift-wrap"] && sale.lines[2].title == "Brush large")
        let nets = sale.lines.compactMap(\.net), taxes = sale.lines.compactMap { $0.taxes?.first?.amount }
        #expect(nets.allSatisfy { $0 == gbp(832) || $0 == gbp(833) || $0 == gbp(417) || $0 == gbp(416) })
        #expect(taxes.total(.gbp) == gbp(583) && sale.shipping[0].taxes.map(\.amount) == [gbp(66)])
        #expect((nets + taxes).total(.gbp) + sale.shipping[0].net + gbp(66) + gbp(300) == sale.total)
        #expect(sale.lines[0].taxes?.first?.jurisdiction == "GB" && sale.lines[0].taxes?.first?.rate == ExactDecimal("0.2"))
        #expect(read.payments == [
            Payment(gateway: "gift_card", amount: gbp(1_000), status: .success, card: "GC-77"),
            Payment(gateway: "paypal", amount: gbp(3_192), status: .success),
        ])
        #expect(read.fulfilment?.lines.map(\.line) == ["61", "62", "63", "64"])
        let left = balances(plans(read.documents, base: .gbp))
        #expect(left["clearing:paypal:GBP"] == 3_192 && left["gift_card_liability"] == 1_000 && left["tips_payable"] == -300 && left["receivable:shop"] == nil)
    }

    @Test("cards that the plugin takes off the total without a fee are found by the sum; a sum that nothing explains is refused")
    func cards() throws {
        let json = try fixture("order").changing("order", "gift_cards", to: [["id": 3, "code": "AB-1", "amount": "16.89"]])
        let read = try normalized("order", json.changing("order", "total", to: "50.000000"))
        #expect(read.sale?.total == usd(6_689))
        #expect(read.payments.map(\.amount) == [usd(1_689), usd(5_000)] && read.payments[0].card == "AB-1")
        // Where the total says that no card was used, none was.
        #expect(try normalized("order", json).payments.map(\.amount) == [usd(6_689)])
        let odd = try #require(refusal("order", json.changing("order", "total", to: "49.000000")))
        #expect(odd.code == "unbalanced_record" && odd.position == "order.total" && odd.disposition == .hold)
    }

    @Test("what is sold as a gift card is a liability: by its SKU, or by what a plugin keeps with the line")
    func cardsSold() throws {
        let json = try fixture("order")
        #expect(try normalized("order", json, ["gift_card_skus": "mug-, X"]).sale?.lines.map(\.giftCard) == [true, false])
        let noted = json.changing("order", "line_items", "1", "meta_data", to: [["id": 1, "key": "wc_gc_giftcard_to_multiple", "value": "a@b.example"]])
        #expect(try normalized("order", noted).sale?.lines.map(\.giftCard) == [false, true])
    }

    @Test("statuses: drafts are nothing, the unpaid wait, on hold is a sale without a payment, and what was never paid ends as a note", arguments: [
        ("checkout-draft", 0, false), ("pending", 1, true), ("failed", 1, true), ("wc-quote", 1, true), ("on-hold", 1, false), ("processing", 1, false),
        ("cancelled", 1, false), ("trash", 1, false),
    ])
    func unpaid(status: String, count: Int, draft: Bool) throws {
        let json = try fixture("order").changing("order", "status", to: .string(status)).changing("order", "date_paid_gmt", to: .null)
        let read = try normalized("order", json)
        #expect(read.documents.count == count && read.payments.isEmpty)
        #expect((read.sale?.isDraft ?? false) == draft)
        #expect((read.cancellation != nil) == ["cancelled", "trash"].contains(status))
        if status == "cancelled" { #expect(balances(plans(read.documents)).isEmpty) }
    }

    @Test("a status of the shop's own counts as sold where the connection says so, and a part payment is never taken for the whole")
    func ownStatuses() throws {
        let open = try fixture("order").changing("order", "status", to: "awaiting-invoice").changing("order", "date_paid_gmt", to: .null)
        #expect(try normalized("order", open).sale?.isDraft == true)
        #expect(try normalized("order", open, ["sold_unpaid": "wc-awaiting-invoice"]).sale?.isDraft == false)
        let part = try normalized("order", try fixture("order").changing("order", "status", to: "partial-payment"))
        #expect(part.sale?.total == usd(6_689) && part.payments.isEmpty)
    }

    @Test("a paid order that is cancelled or thrown away keeps its sale and its money; one that is deleted for good asks a person")
    func cancelled() throws {
        for status in ["cancelled", "trash"] {
            let read = try normalized("order", try fixture("order").changing("order", "status", to: .string(status)))
            #expect(read.cancellation?.kind == .cancelled)
            #expect(balances(plans(read.documents))["clearing:stripe:USD"] == 6_689)
        }
        let gone = try normalized("order_gone", try fixture("order-gone"))
        #expect(gone.cancellation?.kind == .deleted && gone.ids == ["1042-cancelled"] && gone.documents[0].at == Timestamp(rfc3339: "2026-11-18T08:00:00Z"))
        let all = try normalized("order", try fixture("order")).documents + gone.documents
        #expect(plans(all).contains { $0.findings.contains { $0.check == "void_with_payments" } })
        // An order that nobody knew leaves nothing.
        #expect(plans(gone.documents).isEmpty)
    }

    @Test("an order of nothing has no payment, and a payment without the gateway's id is called by its order")
    func payments() throws {
        let json = try fixture("order")
        #expect(try normalized("order", json.changing("order", "transaction_id", to: "")).ids == ["1042", "1042-paid"])
        #expect(try normalized("order", json.changing("order", "transaction_id", to: "a b")).ids == ["1042", "1042-paid"])
        #expect(try normalized("order", json, ["payment_id": "order"]).ids == ["1042", "1042"])
        // Whatever it is called, it is all the money of the order but gift cards: another name later makes no second payment.
        let read = try normalized("order", json)
        #expect(read.lonePayments == Set(read.payments.isEmpty ? [] : [read.ids[1]]) && read.lonePayments.count == 1)
        #expect(try normalized("order", json.changing("order", "transaction_id", to: "")).lonePayments == ["1042-paid"])
        var free = json
        for name in ["total", "total_tax", "cart_tax", "shipping_total", "shipping_tax"] { free = free.changing("order", name, to: "0.00") }
        for name in ["line_items", "shipping_lines", "tax_lines"] { free = free.changing("order", name, to: []) }
        let nothing = try normalized("order", free)
        #expect(nothing.payments.isEmpty && nothing.lonePayments.isEmpty && nothing.sale?.total == usd(0))
    }

    @Test("gateways have one name each", arguments: [
        ("stripe", "stripe"), ("stripe_sepa_debit", "stripe"), ("ppcp-gateway", "paypal"), ("ppcp-credit-card-gateway", "paypal"), ("paypal", "paypal"),
        ("woocommerce_payments_bancontact", "woocommerce_payments"), ("bacs", "bank"), ("cod", "cash"), ("cheque", "cheque"), ("", "manual"),
        ("Mollie iDEAL", "mollie_ideal"), ("square_credit_card", "square"),
    ])
    func gateways(method: String, tender: String) throws {
        let json = try fixture("order").changing("order", "payment_method", to: .string(method))
        #expect(try normalized("order", json, ["gateways": "square_credit_card=square"]).payments.map(\.gateway) == [tender])
    }

    @Test("a plugin's rate becomes the sale's, either way round; none is made up")
    func rates() throws {
        let json = try fixture("order").changing("order", "currency", to: "EUR").changing("order", "meta_data", to: [
            ["id": 1, "key": "_rate", "value": "1.25"], ["id": 2, "key": "_woocs_order_rate", "value": .number("0.8")], ["id": 3, "key": "_bad", "value": "0"],
        ])
        #expect(try normalized("order", json).sale?.rate == nil)
        #expect(try normalized("order", json, ["rate_meta": "_rate"]).sale?.rate == ExactDecimal("1.25"))
        #expect(try normalized("order", json, ["rate_meta": "/_woocs_order_rate"]).sale?.rate == ExactDecimal("1.25"))
        #expect(try normalized("order", json, ["rate_meta": "/_bad"]).sale?.rate == nil)
    }

    @Test("of two states of an order the later counts, also within one second")
    func versions() throws {
        let json = try fixture("order")
        func version(_ changed: JSON) throws -> Int64 { try #require(try normalized("order", changed).documents.first).version }
        let paid = try version(json)
        #expect(try version(json.changing("order", "status", to: "on-hold").changing("order", "date_paid_gmt", to: .null)) < paid)
        #expect(paid < (try version(json.changing("order", "status", to: "completed"))))
        #expect(try version(json.changing("order", "status", to: "trash")) < version(json.changing("order", "date_modified_gmt", to: "2026-11-14T17:21:09")))
    }

    @Test("what can't be read is held by name", arguments: [
        ("currency", "euro", "order.currency"), ("date_created_gmt", "yesterday", "order.date_created_gmt"), ("total", "a lot", "order.total"),
        ("total", "", "order.total"), ("total", "99999999999999999999", "order.total"), ("line_items", "x", "order.line_items"), ("id", "x", "order.id"),
    ])
    func unreadable(name: String, value: String, position: String) throws {
        let fault = try #require(refusal("order", try fixture("order").changing("order", name, to: .string(value))))
        #expect(fault.code == "unreadable_record" && fault.position == position && fault.disposition == .hold)
    }

    @Test("a setting with a value that it can't have is named", arguments: [
        ("path", "shop"), ("path", "/a/../b"), ("path", "/"), ("permalinks", "ugly"), ("page_size", "0"), ("page_size", "101"), ("payment_id", "x"),
        ("gateways", "cod"), ("gateways", "cod=Cash!"), ("tax_place", "Europe"), ("gateway_fees", "Stripe Inc"), ("woopayments_payouts", "yes"),
        ("manual_refunds", "the bank"), ("fee_meta", "square"),
    ])
    func settings(key: String, value: String) throws {
        let fault = try #require(refusal("order", try fixture("order"), [key: value]))
        #expect(fault.code == "invalid_setting" && fault.position == "settings.\(key)" && fault.summary.contains(key))
    }
}

@Suite("Taxes and whose they are") struct TaxTests {
    private func jurisdiction(_ code: String, _ label: String) throws -> String? {
        let json: JSON = ["rate_id": 7, "rate_code": .string(code), "label": .string(label), "tax_total": "1.00"]
        return TaxRates.jurisdiction(try TaxLineRecord(Field(try JSONDocument(parsing: json.bytes).root, of: "a test")))
    }

    @Test("a rate's code names the country, and the state where states tax; the label what is below it", arguments: [
        ("US-CA-CA SALES TAX-1", "CA Sales Tax", "US-CA"), ("US-CO-JEFFERSON COUNTY TAX-2", "Jefferson County Tax", "US-CO-JEFFERSON"),
        ("US-CO-STATE TAX-1", "State Tax", "US-CO"), ("GB-VAT-1", "VAT", "GB"), ("DE-MWST. 19 %-1", "MwSt. 19 %", "DE"), ("CA-BC-PST-2", "PST", "CA-BC"),
        ("CA-BC-GST-1", "GST", "CA"), ("CA-GST-1", "GST", "CA"), ("IE-C-VAT-1", "VAT", "IE"), ("US-SALES-TAX-1", "Sales-Tax", "US"),
        ("VAT-1", "VAT", nil), ("TX-1", "TX", nil), ("", "Tax", nil), ("AVATAX-US-CA-1", "Tax", nil),
    ] as [(String, String, String?)])
    func named(code: String, label: String, name: String?) throws {
        #expect(try jurisdiction(code, label) == name)
    }

    @Test("a rate for all countries is whoever's the connection says, and nobody's without it")
    func placeless() throws {
        let json = try fixture("order").changing("order", "tax_lines", "0", "rate_code", to: "VAT-1")
        func place(_ setting: String?) throws -> String? {
            try normalized("order", json, setting.map { ["tax_place": $0] } ?? [:]).sale?.lines[0].taxes?[0].jurisdiction
        }
        #expect(try place(nil) == nil)
        #expect(try place("GB") == "GB")
        #expect(try place("US-NV") == "US-NV")
        #expect(try place("address") == "US-CA")
    }

    @Test("a rate of nothing stays a tax, a rate that did not apply is none, and a compound one states no percentage of its own")
    func zero() throws {
        let json = try fixture("order")
        let none = json.changing("order", "line_items", "0", "taxes", to: [["id": 7, "total": "2.673"], ["id": 8, "total": "0"], ["id": 9, "total": ""]])
        let zero = try #require(json["order"]?["tax_lines"]?[0]).changing("rate_id", to: 8).changing("tax_total", to: "0").changing("rate_percent", to: 0)
        let lines = json["order"]?["tax_lines"]?.array ?? []
        let sale = try #require(try normalized("order", none.changing("order", "tax_lines", to: .array(lines + [zero]))).sale)
        #expect(sale.lines[0].taxes?.map(\.amount) == [usd(267), usd(0)] && sale.lines[0].taxes?[1].rate == .zero)
        let compound = try #require(try normalized("order", json.changing("order", "tax_lines", "0", "compound", to: true)).sale)
        #expect(compound.lines[0].taxes?[0].rate == nil && compound.lines[0].taxes?[0].jurisdiction == "US-CA")
    }

    @Test("the order's own tax stands where the lines' rounding comes to a cent more or less; where it is more than rounding, nobody guesses")
    func forced() throws {
        let json = try fixture("order")
        func taxed(_ tax: JSON, _ total: JSON) -> JSON {
            json.changing("order", "cart_tax", to: tax).changing("order", "tax_lines", "0", "tax_total", to: tax).changing("order", "total", to: total)
        }
        let sale = try #require(try normalized("order", taxed("4.50", "66.90")).sale)
        #expect(sale.lines.flatMap { $0.taxes ?? [] }.map(\.amount).total(.usd) == usd(450) && sale.total == usd(6_690))
        #expect(refusal("order", taxed("4.90", "67.30"))?.code == "unbalanced_record")
    }

    @Test("a tax that no rate is named for is kept, and named by the place")
    func nameless() throws {
        let json = try fixture("order").changing("order", "tax_lines", to: []).changing("order", "line_items", "0", "taxes", to: [])
            .changing("order", "line_items", "1", "taxes", to: [])
        let sale = try #require(try normalized("order", json, ["tax_place": "US-CA"]).sale)
        #expect(sale.lines.flatMap { $0.taxes ?? [] } == [
            TaxPart(jurisdiction: "US-CA", rate: nil, amount: usd(267)), TaxPart(jurisdiction: "US-CA", rate: nil, amount: usd(182)),
        ])
    }
}
