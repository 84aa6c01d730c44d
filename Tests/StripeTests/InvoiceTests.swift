import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("Invoices") struct InvoiceTests {
    private let id = "in_1QLqB2KJ2mNpQr5tInv00001"

    @Test("an invoice is the sale, its charge the payment, and a credit note says what a refund is for")
    func whole() throws {
        let read = try normalized("invoice", try fixture("invoice"))
        #expect(read.ids == [id, "ch_3QLqB2KJ2mNpQr5t1xYz0010", "re_1QLqB2KJ2mNpQr5t1Rfd0002"])
        #expect(Set(read.documents.map(\.caseID)) == [id])
        let sale = try #require(read.sale)
        #expect(sale.isInvoice && sale.number == "7F3A91C2-0012" && sale.customer == "cus_RKq9Ab8Cd7Ef6G" && sale.total == gbp(11_760))
        #expect(sale.lines[0].quantity == ExactDecimal(2) && sale.lines[0].sku == "prod_SeatTeam")
        #expect(sale.lines[0].taxes == [TaxPart(jurisdiction: "GB", rate: ExactDecimal("0.2"), amount: gbp(1_960))])
        #expect(read.documents[0].at == Timestamp(seconds: 1_794_733_600))
        let refund = try #require(read.refunds.first)
        #expect(refund.total == gbp(5_880) && refund.lines.map(\.net) == [gbp(4_900)] && refund.lines[0].taxes?.map(\.amount) == [gbp(980)])
        let posted = plans(read.documents, base: .gbp)
        #expect(posted.allSatisfy { $0.findings.isEmpty })
        #expect(balances(posted) == [
            "clearing:stripe:GBP": 5_880, "sales:unclassified": -9_800, "returns_allowances": 4_900, "tax_payable:GB": -980,
        ])
    }

    @Test("a refund that no credit note explains is goodwill")
    func unexplained() throws {
        let read = try normalized("invoice", try fixture("invoice").changing("credit_notes", to: []))
        #expect(read.refunds[0].adjustments.map(\.amount) == [gbp(5_880)])
        let explained = try normalized("invoice", try fixture("invoice"))
        // The note is the newer word, whichever arrives first.
        #expect(read.documents.last?.id == explained.documents.last?.id)
        #expect(try #require(read.documents.last?.version) < #require(explained.documents.last?.version))
    }

    @Test("credit that the customer keeps goes to the customer's balance, and what was owed less needs no money")
    func credit() throws {
        let note = try fixture("invoice").changing("credit_notes", "0", "refunds", to: [])
        let kept = try normalized("invoice", note.changing("credit_notes", "0", "customer_balance_transaction", to: "cbtxn_1")
            .changing("payments", "0", "charges", "0", "refunds", to: []))
        #expect(kept.documents.last?.id == "cn_1QMabcKJ2mNpQr5tCn000001")
        #expect(kept.refunds[0].transactions.map(\.gateway) == ["store_credit"] && kept.refunds[0].total == gbp(5_880))
        #expect(balances(plans(kept.documents, base: .gbp))["store_credit_liability"] == -5_880)
        let before = note.changing("credit_notes", "0", "pre_payment_amount", to: 5_880).changing("credit_notes", "0", "post_payment_amount", to: 0)
            .changing("payments", "0", "charges", "0", "refunds", to: []).changing("payments", "0", "charges", "0", "charge", "amount_captured", to: 5_880)
            .changing("payments", "0", "invoice_payment", "amount_paid", to: 5_880)
        let owedLess = plans(try normalized("invoice", before).documents, base: .gbp)
        #expect(owedLess.allSatisfy { $0.findings.isEmpty })
        #expect(balances(owedLess)["receivable:shop"] == nil && balances(owedLess)["clearing:stripe:GBP"] == 5_880)
        let void = try normalized("invoice", before.changing("credit_notes", "0", "status", to: "void"))
        #expect(balances(plans(void.documents, base: .gbp))["returns_allowances"] == nil)
    }

    @Test("the customer's balance that an invoice used pays its part")
    func balance() throws {
        let json = try fixture("invoice").changing("credit_notes", to: []).changing("invoice", "starting_balance", to: -2_000)
            .changing("payments", "0", "charges", "0", "charge", "amount_captured", to: 9_760)
            .changing("payments", "0", "invoice_payment", "amount_paid", to: 9_760).changing("payments", "0", "charges", "0", "refunds", to: [])
        let read = try normalized("invoice", json)
        #expect(read.payments.map(\.gateway) == ["stripe", "store_credit"] && read.payments.map(\.amount) == [gbp(9_760), gbp(2_000)])
        #expect(balances(plans(read.documents, base: .gbp))["receivable:shop"] == nil)
    }

    @Test("a void invoice is voided, a draft says nothing, an open one is owed")
    func states() throws {
        let unpaid = try fixture("invoice").changing("payments", to: []).changing("credit_notes", to: [])
        let gone = unpaid.changing("invoice", "status", to: "void").changing("invoice", "status_transitions", "voided_at", to: 1_794_900_000)
        let void = try normalized("invoice", gone)
        #expect(void.isVoided && balances(plans(void.documents, base: .gbp)).isEmpty)
        #expect(try normalized("invoice", unpaid.changing("invoice", "status", to: "draft")).documents.isEmpty)
        let open = try normalized("invoice", unpaid.changing("invoice", "status", to: "open"))
        #expect(balances(plans(open.documents, base: .gbp))["receivable:shop"] == 11_760)
    }

    @Test("tax rounded once for the whole invoice is Stripe's own total, on the last line of its rate")
    func rounding() throws {
        let json = try fixture("invoice").changing("credit_notes", to: []).changing("invoice", "total_taxes", "0", "amount", to: 1_961)
            .changing("invoice", "total", to: 11_761)
        #expect(try normalized("invoice", json).sale?.lines[0].taxes?.map(\.amount) == [gbp(1_961)])
        let far = json.changing("invoice", "total_taxes", "0", "amount", to: 1_990).changing("invoice", "total", to: 11_790)
        #expect(refusal("invoice", far)?.code == "unbalanced_record")
    }

    @Test("delivery carries its own tax, contained or added, and a credit note takes it back")
    func delivery() throws {
        let rate: JSON = ["country": "GB", "jurisdiction": "GB", "percentage": .number("20.0"), "inclusive": false, "tax_type": "vat"]
        let tax: JSON = ["amount": 100, "rate": rate, "taxable_amount": 500]
        let cost: JSON = ["amount_subtotal": 500, "amount_tax": 100, "amount_total": 600, "taxes": .array([tax])]
        let json = try fixture("invoice").changing("invoice", "shipping_cost", to: cost).changing("invoice", "total", to: 12_360)
            .changing("invoice", "total_taxes", "0", "amount", to: 2_060).changing("credit_notes", "0", "shipping_cost", to: cost)
            .changing("credit_notes", "0", "total", to: 6_480)
        let read = try normalized("invoice", json)
        #expect(read.sale?.shipping.map(\.net) == [gbp(500)] && read.sale?.shipping[0].taxes.map(\.amount) == [gbp(100)])
        #expect(read.refunds[0].shipping.map(\.net) == [gbp(500)])
        let odd = json.changing("invoice", "shipping_cost", "amount_tax", to: 99)
        #expect(refusal("invoice", odd)?.code == "unbalanced_record")
    }

    @Test("reverse charge, exemption and payments outside of Stripe are told as such")
    func terms() throws {
        let json = try fixture("invoice").changing("credit_notes", to: [])
        let reversed = json.changing("invoice", "total_taxes", "0", "taxability_reason", to: "reverse_charge")
        #expect(try normalized("invoice", reversed).sale?.relief == TaxRelief(kind: .reverseChargeServices, customerNumber: "GB123456789"))
        #expect(try normalized("invoice", json.changing("invoice", "customer_tax_exempt", to: "exempt")).sale?.taxExempt == true)
        let outside = json.changing("payments", "0", "charges", to: []).changing("payments", "0", "invoice_payment", "payment", to: ["type": "payment_record"])
        #expect(try normalized("invoice", outside).payments == [Payment(gateway: "external", amount: gbp(11_760), status: .success)])
    }

    @Test("sums that do not agree are refused by name", arguments: [
        ["invoice", "total"], ["lines", "0", "amount"], ["payments", "0", "invoice_payment", "amount_paid"], ["credit_notes", "0", "total"],
        ["credit_notes", "0", "lines", "0", "amount"],
    ])
    func unbalanced(path: [String]) throws {
        var json = try fixture("invoice")
        switch path.count {
        case 2: json = json.changing(path[0], path[1], to: 7)
        case 3: json = json.changing(path[0], path[1], path[2], to: 7)
        case 4: json = json.changing(path[0], path[1], path[2], path[3], to: 7)
        default: json = json.changing(path[0], path[1], path[2], path[3], path[4], to: 7)
        }
        let fault = try #require(refusal("invoice", json))
        #expect(fault.code == "unbalanced_record" && fault.disposition == .hold && fault.position?.isEmpty == false)
    }

    @Test("a tax rate is its country's, or its state's where states tax", arguments: [
        (#"{"country":"DE","jurisdiction":"Germany","tax_type":"vat"}"#, "DE"), (#"{"country":null,"jurisdiction":"GB"}"#, "GB"),
        (#"{"country":"US","state":"CO","jurisdiction_level":"state","jurisdiction":"Colorado","tax_type":"sales_tax"}"#, "US-CO"),
        (#"{"country":"US","state":"CO","jurisdiction_level":"city","jurisdiction":"City of Lakewood"}"#, "US-CO-LAKEWOOD"),
        (#"{"country":"US","state":"CO","jurisdiction_level":"multiple","jurisdiction":"Colorado"}"#, "US-CO"),
        (#"{"country":"CA","state":"BC","jurisdiction":"British Columbia","tax_type":"pst"}"#, "CA-BC"),
        (#"{"country":"CA","jurisdiction":"Canada","tax_type":"gst"}"#, "CA"), (#"{"jurisdiction":"somewhere"}"#, "FR"), ("{}", "FR"),
    ])
    func jurisdictions(rate: String, name: String) throws {
        let rates = TaxRates(try JSONDocument(parsing: Array("{}".utf8)).root, TaxPlace(setting: "FR"))
        #expect(rates.jurisdiction(try JSONDocument(parsing: Array(rate.utf8)).root) == name)
    }
}
