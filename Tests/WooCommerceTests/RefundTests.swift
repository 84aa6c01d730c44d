import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import WooCommerce

@Suite("Refunds, and what gateways kept") struct RefundTests {
    /// The order of the fixture with these refunds.
    private func refunded(_ refunds: [JSON]) throws -> JSON {
        let named = refunds.map { JSON.object([("id", $0["id"] ?? .null), ("total", "-1")]) }
        return try fixture("order-refunded").changing("order", "refunds", to: .array(named)).changing("refunds", to: .array(refunds))
    }

    private func refund(_ id: Int, _ amount: String, lines: [JSON] = [], fees: [JSON] = [], shipping: [JSON] = [], gateway: Bool = true) -> JSON {
        [
            "id": .number("\(id)"), "date_created_gmt": .string("2026-11-16T19:0\(id % 10):00"), "amount": .string(amount), "reason": "",
            "refunded_payment": .bool(gateway), "line_items": .array(lines), "fee_lines": .array(fees), "shipping_lines": .array(shipping), "tax_lines": [],
        ]
    }

    private func line(_ id: Int, of sold: Int, _ quantity: Int, _ total: String, tax: String) -> JSON {
        [
            "id": .number("\(id)"), "name": "x", "product_id": 93, "quantity": .number("\(quantity)"), "total": .string(total), "total_tax": .string(tax),
            "taxes": [["id": 7, "total": .string(tax)]], "meta_data": [["id": 1, "key": "_refunded_item_id", "value": .number("\(sold)")]],
        ]
    }

    @Test("a refund of units: its lines with their tax, and the money back through the gateway")
    func lines() throws {
        let read = try normalized("order", try fixture("order-refunded"))
        let refund = try #require(read.refunds.first)
        #expect(read.ids == ["1042", "ch_3QLpaYKJ2mNpQr5t1xYz0001", "1043"] && read.documents[2].at == Timestamp(rfc3339: "2026-11-16T19:02:40Z"))
        #expect(refund.lines == [
            RefundLine(
                line: "501", quantity: .one, net: usd(1_620), taxes: [TaxPart(jurisdiction: "US-CA", rate: ExactDecimal("0.0825"), amount: usd(134))])
        ])
        #expect(refund.total == usd(1_754) && refund.adjustments.isEmpty && !refund.taxIncluded)
        #expect(refund.transactions.map(\.gateway) == ["stripe"] && refund.transactions.map(\.amount) == [usd(1_754)])
        let planned = plans(read.documents)
        #expect(planned.allSatisfy { $0.findings.isEmpty })
        let left = balances(planned)
        #expect(left["clearing:stripe:USD"] == 4_935 && left["returns_allowances"] == 1_620 && left["tax_payable:US-CA"] == -315)
    }

    @Test("units one by one never come to more than was sold, whatever their rounding: the last one takes the rest")
    func running() throws {
        // 2.67 of tax on two units: 1.34 each would be a cent too many.
        let one = refund(1044, "17.54", lines: [line(600, of: 501, -1, "-16.20", tax: "-1.34")])
        let two = refund(1045, "17.53", lines: [line(601, of: 501, -1, "-16.20", tax: "-1.34")])
        let read = try normalized("order", try refunded([two, one]))
        #expect(read.refunds.map(\.total) == [usd(1_754), usd(1_753)])
        #expect(read.refunds.map { $0.lines[0].taxes?.map(\.amount) } == [[usd(134)], [usd(133)]])
        let planned = plans(read.documents)
        #expect(planned.allSatisfy { $0.findings.isEmpty }, "\(planned.flatMap(\.findings))")
    }

    @Test("money without a word on what for: all that is left where it is all of it, goodwill where not")
    func amounts() throws {
        let part = try normalized("order", try refunded([refund(1043, "5.00", gateway: false)]))
        #expect(part.refunds[0].lines.isEmpty && part.refunds[0].adjustments.map(\.kind) == [.goodwill] && part.refunds[0].total == usd(500))
        let units = refund(1043, "17.54", lines: [line(600, of: 501, -1, "-16.20", tax: "-1.34")])
        let read = try normalized("order", try refunded([units, refund(1046, "49.35")]))
        let rest = read.refunds[1]
        #expect(rest.lines.map(\.line) == ["501", "502"] && rest.lines.map(\.quantity) == [.one, .one] && rest.lines.map(\.net) == [usd(1_620), usd(2_205)])
        #expect(rest.shipping.map(\.net) == [usd(795)] && rest.adjustments.isEmpty)
        let left = balances(plans(read.documents))
        #expect(left["clearing:stripe:USD"] == nil && left["receivable:shop"] == nil && left["tax_payable:US-CA"] == nil && left["shipping_income"] == nil)
    }

    @Test("the amount counts: more than the lines is goodwill, less is kept back")
    func differing() throws {
        let lines = [line(600, of: 501, -1, "-16.20", tax: "-1.34")]
        let more = try normalized("order", try refunded([refund(1043, "20.00", lines: lines)])).refunds[0]
        #expect(more.adjustments.map(\.kind) == [.goodwill] && more.adjustments.map(\.amount) == [usd(246)])
        let less = try normalized("order", try refunded([refund(1043, "12.54", lines: lines)]))
        #expect(less.refunds[0].adjustments.map(\.kind) == [.refundDiscrepancy] && less.refunds[0].adjustments.map(\.amount) == [usd(-500)])
        let planned = plans(less.documents)
        #expect(planned.allSatisfy { $0.findings.isEmpty } && balances(planned)["receivable:shop"] == nil)
    }

    @Test("a price adjustment has no units, a delivery goes back as one, and a line that is gone is money without goods")
    func kinds() throws {
        let json = try refunded([
            refund(
                1043, "12.04", lines: [line(600, of: 501, 0, "-2.00", tax: "-0.17"), line(601, of: 999, -1, "-1.92", tax: "0")],
                shipping: [[
                    "id": 602, "method_title": "Flat rate", "total": "-7.95", "total_tax": "0", "taxes": [],
                    "meta_data": [["key": "_refunded_item_id", "value": "504"]],
                ]])
        ])
        let refund = try #require(try normalized("order", json).refunds.first)
        #expect(refund.lines.map(\.quantity) == [.zero] && refund.lines.map(\.net) == [usd(200)] && refund.shipping.map(\.id) == ["504"])
        #expect(refund.adjustments.map(\.amount) == [usd(192)] && refund.total == usd(1_204))
    }

    @Test("a tip given back is goodwill, a fee goes back as its line")
    func fees() throws {
        let gb = try fixture("order-gb").changing("order", "refunds", to: [["id": 2002, "total": "-8.00"]])
        let fee: JSON = [
            "id": 70, "name": "Gift wrap", "total": "-4.166667", "total_tax": "-0.833333", "taxes": [["id": 3, "total": "-0.833333"]],
            "meta_data": [["key": "_refunded_item_id", "value": "64"]],
        ]
        let tip: JSON = ["id": 71, "name": "Tip", "total": "-3.00", "total_tax": "0", "taxes": [], "meta_data": [["key": "_refunded_item_id", "value": "65"]]]
        let read = try normalized("order", gb.changing("refunds", to: [refund(2002, "8.00", fees: [fee, tip])]))
        let refund = try #require(read.refunds.first)
        #expect(refund.lines.map(\.line) == ["64"] && refund.lines.map(\.quantity) == [.one] && refund.adjustments.map(\.amount) == [gbp(300)])
        #expect(plans(read.documents, base: .gbp).allSatisfy { $0.findings.isEmpty })
    }

    @Test("before any payment a refund moves nothing; by hand it leaves through the tender that the connection names")
    func unpaid() throws {
        let open = try refunded([refund(1043, "17.54", lines: [line(600, of: 501, -1, "-16.20", tax: "-1.34")])])
            .changing("order", "date_paid_gmt", to: .null).changing("order", "status", to: "on-hold")
        let read = try normalized("order", open)
        #expect(read.payments.isEmpty && read.refunds[0].total == usd(0) && read.refunds[0].transactions.isEmpty)
        #expect(balances(plans(read.documents))["receivable:shop"] == 4_935)
        let byHand = try refunded([refund(1043, "5.00", gateway: false)])
        #expect(try normalized("order", byHand).refunds[0].transactions.map(\.gateway) == ["stripe"])
        #expect(try normalized("order", byHand, ["manual_refunds": "bank"]).refunds[0].transactions.map(\.gateway) == ["bank"])
    }

    @Test("a refund that the order names and nobody shows holds the order, and a refund below zero is none")
    func missing() throws {
        let json = try fixture("order-refunded")
        let fault = try #require(refusal("order", json.changing("refunds", to: [])))
        #expect(fault.code == "unreadable_record" && fault.position == "refunds")
        #expect(refusal("order", json.changing("refunds", "0", "amount", to: "-1.00"))?.position == "refunds[0].amount")
    }

    @Test("fees are booked only where the connection asks for it: a statement of nothing that takes them and what went back")
    func gatewayFees() throws {
        let json = try fixture("order-refunded")
        #expect(try normalized("order", json).payouts.isEmpty)
        #expect(try normalized("order", json, ["gateway_fees": "paypal"]).payouts.isEmpty)
        for setting in ["all", "stripe", "paypal, stripe"] {
            let read = try normalized("order", json, ["gateway_fees": setting])
            let statement = try #require(read.payouts.first)
            #expect(statement.amount == usd(0) && statement.gateway == "stripe" && read.ids.last == "1042-fee")
            #expect(statement.rows.map(\.kind) == [.charge, .refund, .retained] && statement.rows.map(\.net) == [usd(6_465), usd(-1_754), usd(-4_711)])
            #expect(statement.rows[0].ref == "ch_3QLpaYKJ2mNpQr5t1xYz0001" && statement.rows[0].fee == usd(224) && statement.rows[1].ref == "1043")
            let left = balances(plans(read.documents))
            #expect(left["processor_fees"] == 224 && left["clearing:stripe:USD"] == 4_711 && left["bank:USD"] == nil)
        }
    }

    @Test("each gateway's plugin notes its fee in its own way")
    func feeKeys() throws {
        let gb = try normalized("order", try fixture("order-gb"), ["gateway_fees": "paypal"])
        #expect(gb.payouts.first?.rows.first?.fee == gbp(123))
        let json = try fixture("order")
        func fee(_ method: String, _ key: String, _ value: JSON, _ more: [String: String] = [:]) throws -> Money? {
            let meta: JSON = [["key": .string(key), "value": value]]
            let changed = json.changing("order", "payment_method", to: .string(method)).changing("order", "meta_data", to: meta)
            return try normalized("order", changed, more.merging(["gateway_fees": "all"]) { a, _ in a }).payouts.first?.rows.first?.fee
        }
        #expect(try fee("woocommerce_payments", "_wcpay_transaction_fee", .number("1.75")) == usd(175))
        #expect(try fee("paypal", "PayPal Transaction Fee", "2.20") == usd(220))
        #expect(try fee("square_credit_card", "_square_fee", "2.10") == nil)
        #expect(try fee("square_credit_card", "_square_fee", "2.10", ["fee_meta": "square=_square_fee", "gateways": "square_credit_card=square"]) == usd(210))
        #expect(try fee("stripe", "_stripe_fee", "99.00") == nil)
        #expect(try fee("stripe", "_stripe_fee", "none") == nil)
    }

    @Test("a gateway that settles in another currency states both amounts")
    func converted() throws {
        let meta: JSON = [["key": "_stripe_fee", "value": "2.00"], ["key": "_stripe_net", "value": "58.00"], ["key": "_stripe_currency", "value": "eur"]]
        let json = try fixture("order").changing("order", "meta_data", to: meta)
        let row = try #require(try normalized("order", json, ["gateway_fees": "all"]).payouts.first?.rows.first)
        #expect(row.amount == Money(minor: 6_000, .eur) && row.fee == Money(minor: 200, .eur) && row.original == usd(6_689))
        // After a refund the plugin's net is no longer the charge's.
        #expect(try normalized("order", try fixture("order-refunded").changing("order", "meta_data", to: meta), ["gateway_fees": "all"]).payouts.isEmpty)
    }

    @Test("a deposit of WooPayments is a payout without rows, dated as it says; a withdrawal takes from the bank")
    func deposits() throws {
        let json = try fixture("deposit")
        let read = try normalized("deposit", json)
        #expect(read.payouts == [Payout(gateway: "woocommerce_payments", amount: usd(4_711), rows: [], reference: "wcpay_po_1QNa7R")])
        #expect(read.documents[0].at == Timestamp(seconds: 1_795_046_400))
        #expect(try normalized("deposit", json.changing("deposit", "type", to: "withdrawal")).payouts[0].amount == usd(-4_711))
        let instant = try normalized("deposit", json.changing("deposit", "fee", to: 70)).payouts[0]
        #expect(instant.rows.map(\.kind) == [.retained] && instant.rows[0].amount == usd(4_781) && instant.rows[0].net == usd(4_711))
        let failed = try normalized("deposit", json.changing("deposit", "status", to: "failed"))
        #expect(failed.payouts[0].status == .failed && failed.documents[0].version > read.documents[0].version)
        #expect(try normalized("deposit", json.changing("deposit", "status", to: "in_transit")).payouts[0].status == .pending)
        #expect(refusal("deposit", json.changing("deposit", "id", to: "a b"))?.position == "deposit.id")
    }
}
