import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

@Suite("Orders as sales") struct OrderTests {
    @Test("an order is its lines with their discounts and taxes to the cent, paid by its tenders")
    func plain() throws {
        let found = try normalized("order", fixture("order"))
        let sale = try #require(found.sale)
        #expect(found.ids == ["CAISENgvlJ6jLWAzERDzjyHVybY", "tPz0000000000000000000000001", "CAISENgvlJ6jLWAzERDzjyHVybY-completed"])
        #expect(sale.number == "till-2-1042" && sale.source == "pos" && sale.customer == "3Z2V8NCG2QK8T0R1" && sale.total == usd(5_894) && !sale.taxIncluded)
        #expect(sale.lines.map(\.gross) == [usd(3_600), usd(2_450)] && sale.lines.map(\.discount) == [usd(360), usd(245)])
        #expect(sale.lines.map(\.net) == [usd(3_240), usd(2_205)] && sale.lines.map(\.title) == ["Ceramic Mug, Blue", "Linen Towel"])
        #expect(sale.lines[0].taxes == [TaxPart(jurisdiction: "US-CA", rate: ExactDecimal("0.0825"), amount: usd(267))])
        #expect(sale.lines.map(\.location) == ["LRJNZCB190DTQ", "LRJNZCB190DTQ"] && sale.lines[0].sku == "W62UWFY35CWMYGVWK6TWJDNI")
        let paid = try #require(found.payments.first)
        #expect(paid == Payment(gateway: "square", amount: usd(5_894), status: .success))
        let document = found.documents[0]
        #expect(document.at == Timestamp(rfc3339: "2026-11-14T17:20:48.910Z") && document.version == Timestamp(rfc3339: "2026-11-14T17:20:49Z")?.microseconds)
        let made = plans(found.documents)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        #expect(balances(made) == ["clearing:square:USD": 5_894, "sales:unclassified": -6_050, "sales_discounts": 605, "tax_payable:US-CA": -449])
    }

    @Test("service charges, a gratuity, tips, two taxes, weights and three tenders come to the order's total")
    func dinner() throws {
        let found = try normalized("order", fixture("dinner"))
        let sale = try #require(found.sale)
        #expect(sale.lines.map(\.id) == ["d1", "d2", "s1", "s2"] && sale.lines.map(\.sku) == ["BURGER", "", "service_charge", "service_charge"])
        #expect(sale.number == "Table 7" && sale.tip == usd(500) && sale.total == usd(6_914) && sale.lines[1].quantity == ExactDecimal("0.375"))
        #expect(sale.lines[0].taxes?.map(\.jurisdiction) == ["US-CA", "US-CA-ALAMEDA"] && sale.lines[2].taxes?.map(\.amount) == [usd(29)])
        #expect(found.payments.map(\.gateway) == ["square", "gift_card", "cash"] && found.payments.map(\.amount) == [usd(3_500), usd(2_500), usd(914)])
        #expect(found.payments[1].card == "gftc:00113070ba5745f0b2377c1b9570cb03")
        let made = plans(found.documents)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        #expect(balances(made) == [
            "clearing:square:USD": 3_500, "gift_card_liability": 2_500, "clearing:cash:USD": 914, "sales:unclassified": -6_505, "sales_discounts": 500,
            "tips_payable": -500, "tax_payable:US-CA": -319, "tax_payable:US-CA-ALAMEDA": -90,
        ])
        let owed = try normalized("order", fixture("dinner"), ["auto_gratuity": "tip"])
        #expect(owed.sale?.lines.map(\.id) == ["d1", "d2", "s1"] && owed.sale?.tip == usd(1_355) && owed.sale?.total == usd(6_914))
        #expect(balances(plans(owed.documents))["tips_payable"] == -1_355)
    }

    @Test("a tip that changed after the sale is a newer version of it and of its payment")
    func laterTip() throws {
        let first = try normalized("order", fixture("order")).documents
        let order = try fixture("order").changing("order", "updated_at", to: "2026-11-15T01:00:00Z")
            .changing("order", "total_tip_money", to: ["amount": 600, "currency": "USD"]).changing("order", "total_money", "amount", to: 6_494)
            .changing("order", "tenders", "0", "amount_money", "amount", to: 6_494)
        let second = try normalized("order", order).documents
        #expect(zip(first, second).allSatisfy { $0.id == $1.id && $0.at == $1.at && $0.version < $1.version })
        let made = plans(first + second)
        #expect(made.allSatisfy { $0.findings.isEmpty } && balances(made)["tips_payable"] == -600 && balances(made)["clearing:square:USD"] == 6_494)
        // Some tills state the order's total without its tips.
        let without = try normalized("order", order.changing("order", "total_money", "amount", to: 5_894))
        #expect(without.sale?.total == usd(6_494))
    }

    @Test("prices that contain the tax stay so; where some contain it and some do not, lines are stated without")
    func contained() throws {
        let british = try normalized("order", fixture("order-gb"))
        let sale = try #require(british.sale)
        #expect(sale.taxIncluded && sale.source == "shop" && sale.lines.map(\.net) == [gbp(4_320), gbp(1_080)]
            && sale.lines.map(\.gross) == [gbp(4_800), gbp(1_200)])
        #expect(sale.lines[0].taxes?.first == TaxPart(jurisdiction: "GB", rate: ExactDecimal("0.2"), amount: gbp(720)))
        let made = plans(british.documents, base: .gbp)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        #expect(balances(made)["tax_payable:GB"] == -720 && balances(made)["clearing:square:GBP"] == 5_400)

        let canadian = try normalized("order", fixture("order-ca"))
        let lamp = try #require(canadian.sale?.lines.first), cad = lamp.gross.currency
        // 90.03 hold 4.29 of GST; the discount of 10.00 loses the same share.
        #expect(canadian.sale?.taxIncluded == false && lamp.net?.minor == 8_574 && lamp.discount?.minor == 952 && lamp.gross.minor == 9_526)
        #expect(lamp.taxes?.map(\.jurisdiction) == ["CA", "CA-BC"] && lamp.taxes?.map(\.amount.minor) == [429, 600])
        #expect(canadian.sale?.total.minor == 9_603 && canadian.payments.first?.cashRounding == Money(minor: 2, cad))
        var coins = Policies()
        coins.cashRounding = ExactDecimal("0.05")
        let posted = plans(canadian.documents, base: cad, coins)
        #expect(posted.allSatisfy { $0.findings.isEmpty })
        #expect(balances(posted) == [
            "clearing:cash:CAD": 9_605, "rounding": -2, "sales:unclassified": -9_526, "sales_discounts": 952, "tax_payable:CA": -429, "tax_payable:CA-BC": -600,
        ])
    }

    @Test("gift cards sold are owed to who holds them, card by card")
    func cards() throws {
        let found = try normalized("order", fixture("gift-cards"))
        #expect(found.sale?.lines.map(\.giftCard) == [true, true] && found.sale?.lines.map(\.giftCardRef) == ["gftc:aaa", "gftc:bbb"])
        #expect(balances(plans(found.documents)) == ["clearing:square:USD": 7_500, "gift_card_liability": -7_500])
    }

    @Test("a charge that is shared over the lines is part of their prices, once")
    func shared() throws {
        let order = try fixture("order").changing("order", "service_charges", to: [
            ["uid": "s", "name": "Venue", "treatment_type": "APPORTIONED_TREATMENT", "applied_money": ["amount": 100, "currency": "USD"],
                "total_money": ["amount": 100, "currency": "USD"]]
        ]).changing("order", "line_items", "0", "total_service_charge_money", "amount", to: 100)
            .changing("order", "line_items", "0", "total_money", "amount", to: 3_607)
            .changing("order", "total_money", "amount", to: 5_994)
        let sale = try #require(try normalized("order", order).sale)
        #expect(sale.lines.count == 2 && sale.lines[0].gross == usd(3_700) && sale.lines[0].net == usd(3_340) && sale.total == usd(5_994))
    }

    @Test("an order counts when it is closed, or by setting when it is paid; a draft never")
    func states() throws {
        let order = try fixture("order")
        func found(_ state: JSON, _ settings: [String: String] = [:], due: JSON = 5_894) throws -> Normalized {
            try normalized("order", order.changing("order", "state", to: state).changing("order", "tenders", "0", "amount_money", "amount", to: due), settings)
        }
        #expect(try found("OPEN").documents.isEmpty && found("DRAFT").documents.isEmpty && found("CANCELED").documents.isEmpty)
        #expect(try found("OPEN", ["post": "paid"]).ids.count == 2 && found("OPEN", ["post": "paid"], due: 5_893).documents.isEmpty)
        let open = try found("OPEN", ["post": "paid"]), closed = try found("COMPLETED", ["post": "paid"])
        #expect(Array(closed.documents.map(\.at).prefix(2)) == open.documents.map(\.at), "paid and closed later, it keeps its day")
        #expect(closed.fulfilment != nil && open.fulfilment == nil)
        let gone = try found("CANCELED", ["post": "paid"])
        #expect(gone.isVoided && gone.documents.last?.id == "CAISENgvlJ6jLWAzERDzjyHVybY-cancelled")
        #expect(try found("COMPLETED", ["locations": "LZ2"]).documents.isEmpty)
        #expect(refusal("order", order.changing("order", "state", to: "MISLAID"))?.position == "order.state")
    }

    @Test("what its payment says counts where a tender only says that it is under way")
    func underWay() throws {
        let order = try fixture("order").changing("order", "tenders", "0", "type", to: "BANK_ACCOUNT")
            .changing("order", "tenders", "0", "card_details", to: .null)
        func status(_ word: JSON) throws -> Payment.Status? {
            let payment: JSON = ["id": "tPz0000000000000000000000001", "status": word, "updated_at": "2026-11-20T00:00:00Z"]
            return try normalized("order", order.changing("payments", to: [payment])).payments.first?.status
        }
        #expect(try status("COMPLETED") == .success && status("FAILED") == .failure && status("PENDING") == .pending && status("CANCELED") == .voided)
        #expect(refusal("order", order.changing("payments", to: [["id": "tPz0000000000000000000000001", "status": "SHRUG"]])) != nil)
        let held = try fixture("order").changing("order", "tenders", "0", "card_details", "status", to: "AUTHORIZED")
        #expect(try normalized("order", held).payments.first?.status == .authorised)
        #expect(try Gathering.needsMore(JSONDocument(parsing: held.bytes).root["order"])
            && Gathering.needsMore(JSONDocument(parsing: order.bytes).root["order"]))
        #expect(try !Gathering.needsMore(JSONDocument(parsing: fixture("order").bytes).root["order"]))
    }

    @Test("a payment without an order is a sale of its own with its tip, and a refund of all of it takes that back")
    func lone() throws {
        let found = try normalized("payment", fixture("payment")), back = try normalized("refund", fixture("refund"))
        #expect(found.sale?.total == usd(5_894) && found.sale?.tip == usd(400) && found.sale?.lines.first?.title == "Repair")
        #expect(back.documents[0].caseID == "tPz0000000000000000000000001" && back.refunds[0].tip == usd(400))
        let made = plans(found.documents + back.documents)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        #expect(balances(made) == ["sales:unclassified": -5_494, "returns_allowances": 5_494])
        let part = try normalized("refund", fixture("refund").changing("refund", "amount_money", "amount", to: 500))
        #expect(part.refunds[0].adjustments == [RefundAdjustment(id: "amount", kind: .goodwill, amount: usd(500))])
        let failed = try normalized("payment", fixture("payment").changing("payment", "status", to: "FAILED"))
        #expect(failed.sale == nil && failed.payments.first?.status == .failure)
        #expect(try normalized("payment", fixture("payment").changing("payment", "status", to: "APPROVED")).documents.isEmpty)
        #expect(refusal("payment", try fixture("payment").changing("payment", "tip_money", "amount", to: 401))?.code == "unbalanced_record")
    }

    @Test("an order whose sums do not agree is held with both figures", arguments: [
        (["order", "total_money", "amount"], 5_895), (["order", "line_items", "0", "total_money", "amount"], 3_508),
        (["order", "line_items", "0", "total_tax_money", "amount"], 268), (["order", "line_items", "1", "total_discount_money", "amount"], 244),
        (["order", "total_tax_money", "amount"], 450),
    ])
    func unbalanced(path: [String], amount: Int) throws {
        var json = try fixture("order")
        let value = JSON.number("\(amount)")
        json = path.count == 3 ? json.changing(path[0], path[1], path[2], to: value) : json.changing(path[0], path[1], path[2], path[3], path[4], to: value)
        let fault = try #require(refusal("order", json))
        #expect(fault.code == "unbalanced_record" && fault.disposition == .hold && fault.position?.hasPrefix("order.") == true)
    }

    @Test("what is no amount, id, quantity, time or word is named by its place", arguments: [
        ("total_money", JSON.object([("amount", .number("58.94")), ("currency", "USD")]), "order.total_money.amount"),
        ("total_money", .object([("amount", 5_894), ("currency", "US")]), "order.total_money"),
        ("total_money", .object([("amount", .number("9000000000000")), ("currency", "USD")]), "order.total_money.amount"),
        ("total_tip_money", .object([("amount", 0), ("currency", "EUR")]), "order.total_tip_money"), ("id", "a/b", "order.id"),
            ("location_id", .null, "order.location_id"),
        ("closed_at", "yesterday", "order.closed_at"), ("taxes", .object([]), "order.taxes"), ("line_items", .array([7]), "order.line_items[0]"),
    ])
    func unreadable(member: String, value: JSON, place: String) throws {
        let fault = try #require(refusal("order", try fixture("order").changing("order", member, to: value)))
        #expect(fault.code == "unreadable_record" && fault.position == place)
    }

    @Test("a tax belongs to the state of the order's location, or to the place that the settings name")
    func places() throws {
        func first(_ json: JSON, _ settings: [String: String] = [:]) throws -> String? {
            try normalized("order", json, settings).sale?.lines[0].taxes?[0].jurisdiction
        }
        let order = try fixture("order")
        #expect(try first(order.changing("location", to: .null)) == nil, "held by preflight")
        #expect(try first(order.changing("location", "state", to: .null)) == nil && first(order.changing("location", "id", to: "LZ2")) == nil)
        let plain = order.changing("order", "taxes", "0", "name", to: "Sales Tax")
        #expect(try first(plain, ["tax_place": "US-NV"]) == "US-NV" && first(order, ["tax_place": "US-NV"]) == "US-NV-CA")
        #expect(try first(plain, ["tax_place": "US-NV, LRJNZCB190DTQ=US-OR"]) == "US-OR")
        let california = try #require(TaxPlace(setting: "US-CA")), columbia = try #require(TaxPlace(setting: "CA-BC")),
            britain = try #require(TaxPlace(setting: "GB"))
        for (title, name) in [
            ("CA Sales Tax", "US-CA"), ("Sales Tax", "US-CA"), ("", "US-CA"), ("State of California", "US-CA"), ("Alameda County Tax", "US-CA-ALAMEDA"),
            ("City of Los Angeles", "US-CA-LOS-ANGELES"), ("County", "US-CA-COUNTY"),
        ] { #expect(california.jurisdiction(title) == name, "\(title)") }
        #expect(columbia.jurisdiction("GST") == "CA" && columbia.jurisdiction("BC PST") == "CA-BC" && britain.jurisdiction("VAT (20%)") == "GB")
        #expect(TaxPlace(setting: "us-CA") == nil && TaxPlace(setting: "US-") == nil && TaxPlace(setting: "") == nil)
    }

    @Test("a setting that can't be is named", arguments: [
        ("post", "later"), ("payouts", "never"), ("cash_drawers", "yes"), ("auto_gratuity", "both"), ("gateway", "Square!"), ("tax_place", "California"),
        ("tax_place", "A=B=US-CA"), ("locations", "a/b"), ("locations", ","),
    ])
    func settings(name: String, value: String) throws {
        let fault = try #require(refusal("order", try fixture("order"), [name: value]))
        #expect(fault.code == "invalid_setting" && fault.position == "settings.\(name)")
        #expect(play(connector.sweep(since: Timestamp(seconds: 1), cursor: nil,
            ConnectionFacts(account: account, settings: [name: value]))) { _ in ok() }.fault == fault)
    }
}
