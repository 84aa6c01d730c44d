import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct BodyTests {
    @Test("a plain sale becomes an authorised invoice numbered by the key, net amounts by account code")
    func plainSale() throws {
        let call = try #require(drive(connector.create([simple()], attempt: "try-1", facts)).calls.first)
        #expect(call.kind == .write)
        #expect(call.request.method == .put)
        #expect(call.request.target == "/api.xro/2.0/Invoices?summarizeErrors=false&unitdp=4")
        #expect(call.request.fields["Idempotency-Key"] == "try-1")
        #expect(call.request.fields["Content-Type"] == "application/json")
        #expect(call.cost == ["minute": 1, "day": 1, "appminute": 1])
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"Invoices":[{"Type":"ACCREC","Status":"AUTHORISED","Contact":{"ContactID":"430fa14a-f945-44d3-9f97-5df5e28441b8"},
                    "InvoiceNumber":"0000000000000001","Reference":"cf:0000000000000001 order 6120034117000","Date":"2026-11-14",
                    "DueDate":"2026-11-14","LineAmountTypes":"Exclusive","CurrencyCode":"GBP","LineItems":[
                    {"Description":"Mug","Quantity":1,"UnitAmount":10.00,"AccountCode":"200","TaxType":"NONE"}]}]}
                    """))
    }

    @Test("VAT of inclusive prices at two rates with a discount goes on the lines exactly as it was charged")
    func inclusive() throws {
        // A mug of 24.00 with 2.40 off (VAT 3.60 inside 21.60), a book at 5 % of 10.50, a card at zero.
        let sale = document([
            control(3610),
            line(.goods, "sales:homeware", -2000, "200", tax: "GB@20", type: "OUTPUT2", group: "L1", text: "Mug"),
            line(
                .discount, "sales_discounts", 200, "205", tax: "GB@20", type: "OUTPUT2", group: "L1",
                text: "Discount: Mug"),
            vat(-360, group: "L1"),
            line(.goods, "sales:books", -1000, "201", tax: "GB@5", type: "RROUTPUT", group: "L2", text: "Pad"),
            vat(-50, "GB@5", group: "L2"),
            line(.goods, "sales:books", -400, "201", tax: "GB@0", type: "ZERORATEDOUTPUT", group: "L3", text: "Card"),
        ])
        let lines = try #require(try sent(sale)["LineItems"])
        #expect(
            lines
                == (try json(
                    """
                    [{"Description":"Mug","Quantity":1,"UnitAmount":20.00,"AccountCode":"200","TaxType":"OUTPUT2","TaxAmount":4.00},
                    {"Description":"Discount: Mug","Quantity":1,"UnitAmount":-2.00,"AccountCode":"205","TaxType":"OUTPUT2","TaxAmount":-0.40},
                    {"Description":"Pad","Quantity":1,"UnitAmount":10.00,"AccountCode":"201","TaxType":"RROUTPUT","TaxAmount":0.50},
                    {"Description":"Card","Quantity":1,"UnitAmount":4.00,"AccountCode":"201","TaxType":"ZERORATEDOUTPUT","TaxAmount":0.00}]
                    """)))
    }

    @Test("a gift card sold and a tip carry no tax, whatever the goods carry")
    func giftCardAndTip() throws {
        let sale = document([
            control(3900),
            line(.goods, "sales:homeware", -1000, "200", tax: "GB@20", type: "OUTPUT2", group: "L1", text: "Mug"),
            vat(-200, group: "L1"),
            line(.giftCard, "gift_card_liability", -2500, "831", group: "L2", text: "Gift card"),
            line(.tip, "tips_payable", -200, "832", group: "tip", text: "Tip"),
        ])
        let lines = try #require(try sent(sale)["LineItems"]?.array)
        #expect(lines.map { $0["TaxType"]?.string } == ["OUTPUT2", "NONE", "NONE"])
        #expect(lines.map { $0["AccountCode"]?.string } == ["200", "831", "832"])
        #expect(lines[1].member("TaxAmount") == nil)
        #expect(lines[2].member("TaxAmount") == nil)
    }

    @Test("a sale that a discount brings to zero has its tax cancelled on the discount line")
    func zeroTotal() throws {
        let sale = document(
            [
                line(.goods, "sales:homeware", -2000, "200", tax: "GB@20", type: "OUTPUT2", group: "L1", text: "Mug"),
                line(
                    .discount, "sales_discounts", 2000, "205", tax: "GB@20", type: "OUTPUT2", group: "L1",
                    text: "Discount: Mug"),
            ], total: 0)
        let lines = try #require(try sent(sale)["LineItems"]?.array)
        #expect(lines.map { $0["UnitAmount"] } == [.number("20.00"), .number("-20.00")])
        #expect(lines.map { $0["TaxAmount"] } == [.number("4.00"), .number("-4.00")])
    }

    private func euro(_ rate: String) -> LedgerDocument {
        document(
            [
                control(1000, currency: .eur),
                line(.goods, "sales:homeware", -1000, "200", group: "L1", text: "Mug", currency: .eur),
            ],
            currency: .eur, rate: decimal(rate))
    }

    @Test("a sale in euros states document units per base unit, to six places")
    func euros() throws {
        let body = try sent(euro("0.86"))
        #expect(body["CurrencyCode"] == "EUR")
        #expect(body["CurrencyRate"] == .number("1.162791"))
        #expect(try sent(euro("0.8547008547"))["CurrencyRate"] == .number("1.170000"))
        #expect(try sent(euro("188.6792453"))["CurrencyRate"] == .number("0.005300"))
        #expect(try sent(simple()).member("CurrencyRate") == nil)
    }

    @Test("a connection can turn the rate's direction round")
    func direction() throws {
        let turned = ConnectionFacts(account: facts.account, settings: ["rate_direction": "base_per_document"])
        #expect(try sent(euro("0.8600004"), turned)["CurrencyRate"] == .number("0.860000"))
    }

    @Test("a rate that six places can't say is refused", arguments: ["0", "-1", "90000000"])
    func badRate(_ rate: String) throws { #expect(try refusal(euro(rate)).code == "rate_out_of_range") }

    @Test("a credit note has positive lines, kept fees negative, and no due date")
    func creditNote() throws {
        let note = document(
            .creditNote,
            [
                line(
                    .goods, "returns_allowances", 2000, "206", tax: "GB@20", type: "OUTPUT2", group: "L1", text: "Mug"),
                vat(400, group: "L1"),
                line(
                    .shipping, "shipping_income", 300, "210", tax: "GB@20", type: "OUTPUT2", group: "S1", text: "Post"),
                vat(60, group: "S1"),
                line(
                    .fee, "restocking_fee_income", -250, "211", tax: "GB@20", type: "OUTPUT2", group: "fee",
                    text: "Restocking fee"),
                vat(-50, group: "fee"), control(-2460),
            ], reference: "refund 9", against: .invoice)
        let call = try #require(drive(connector.create([note], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/api.xro/2.0/CreditNotes?summarizeErrors=false&unitdp=4")
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"CreditNotes":[{"Type":"ACCRECCREDIT","Status":"AUTHORISED","Contact":{"ContactID":"430fa14a-f945-44d3-9f97-5df5e28441b8"},
                    "CreditNoteNumber":"0000000000000001","Reference":"cf:0000000000000001 refund 9","Date":"2026-11-14",
                    "LineAmountTypes":"Exclusive","CurrencyCode":"GBP","LineItems":[
                    {"Description":"Mug","Quantity":1,"UnitAmount":20.00,"AccountCode":"206","TaxType":"OUTPUT2","TaxAmount":4.00},
                    {"Description":"Post","Quantity":1,"UnitAmount":3.00,"AccountCode":"210","TaxType":"OUTPUT2","TaxAmount":0.60},
                    {"Description":"Restocking fee","Quantity":1,"UnitAmount":-2.50,"AccountCode":"211","TaxType":"OUTPUT2","TaxAmount":-0.50}]}]}
                    """))
    }

    @Test("a payment goes to the clearing account of its tender, against the invoice")
    func pays() throws {
        let call = try #require(drive(connector.create([payment()], attempt: "a", facts)).calls.first)
        #expect(call.request.method == .put)
        #expect(call.request.target == "/api.xro/2.0/Payments?summarizeErrors=false")
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"Payments":[{"Invoice":{"InvoiceID":"00000000-0000-4000-8000-000000000077"},"Account":{"Code":"611"},"Date":"2026-11-14",
                    "Amount":10.00,"Reference":"cf:0000000000000001 transaction 1"}]}
                    """))
    }

    @Test("a gift card redeemed is a payment from the liability account")
    func giftCardTender() throws {
        let body = try sent(payment(account: "831"))
        #expect(body["Account"] == ["Code": "831"])
        #expect(body["Invoice"] == ["InvoiceID": .string(guid(77))])
    }

    @Test("money paid back is a payment on the credit note")
    func refunds() throws {
        #expect(
            try sent(refund(account: "612"))
                == json(
                    """
                    {"CreditNote":{"CreditNoteID":"00000000-0000-4000-8000-000000000088"},"Account":{"Code":"612"},"Date":"2026-11-14",
                    "Amount":10.00,"Reference":"cf:0000000000000001 refund 1"}
                    """))
    }

    @Test("a payment in euros carries the rate")
    func euroPayment() throws {
        let paid = document(
            .payment,
            [line(.tender, "clearing:card:EUR", 1000, "091", currency: .eur), control(-1000, currency: .eur)],
            currency: .eur,
            rate: decimal("0.8"), appliesTo: guid(77), against: .invoice)
        #expect(try sent(paid)["CurrencyRate"] == .number("1.250000"))
    }

    @Test("money back on an invoice is refused with what to do")
    func refundOnInvoice() throws {
        let back = document(
            .refundPayment, [control(1000), line(.tender, "clearing:card:GBP", -1000, "611")], appliesTo: guid(77),
            against: .invoice)
        let fault = try refusal(back)
        #expect(fault.code == "refund_without_credit_note")
        #expect(!fault.remedy.isEmpty)
    }

    @Test("a payment whose invoice is not there yet waits, and is not sent")
    func waits() throws {
        var early = payment()
        early.appliesTo = nil
        let (end, calls) = drive(connector.create([early], attempt: "a", facts))
        #expect(calls.isEmpty)
        guard case .throttled(let fault)? = end.output?.first else {
            Issue.record("not waiting")
            return
        }
        #expect(fault.code == "waits_for_document")
    }

    @Test("a sales receipt is refused and says which policy to use")
    func salesReceipt() throws {
        let fault = try refusal(
            document(
                .salesReceipt,
                [line(.tender, "clearing:card:GBP", 1000, "611"), line(.goods, "sales:x", -1000, "200")], total: 1000))
        #expect(fault.code == "form_unsupported")
        #expect(fault.remedy.contains("invoice_payment"))
    }

    @Test("every form is either sent or refused", arguments: PostingForm.allCases)
    func forms(_ form: PostingForm) {
        let some = document(form, [control(1000), line(.goods, "sales:x", -1000, "200")])
        let (end, calls) = drive(connector.create([some], attempt: "a", facts))
        #expect(calls.count == 1 || end.output?.count == 1)
    }

    @Test("a journal is posted in base currency with its key at the head of the narration")
    func journal() throws {
        let tips = document(
            .journal,
            [
                line(.control, "tips_payable", 500, "832", text: "Tips paid to staff"),
                line(.tender, "clearing:cash:GBP", -500, "612", text: "cash"),
            ], total: 500, reference: "tips 2026-11-14")
        let call = try #require(drive(connector.create([tips], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/api.xro/2.0/ManualJournals?summarizeErrors=false")
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"ManualJournals":[{"Narration":"cf:0000000000000001 tips 2026-11-14","Date":"2026-11-14","Status":"POSTED",
                    "LineAmountTypes":"NoTax","JournalLines":[
                    {"LineAmount":5.00,"AccountCode":"832","Description":"Tips paid to staff","TaxType":"NONE"},
                    {"LineAmount":-5.00,"AccountCode":"612","Description":"cash","TaxType":"NONE"}]}]}
                    """))
        let foreign = document(
            .journal,
            [
                line(.control, "tips_payable", 500, "832", currency: .eur, base: 430),
                line(.tender, "cash", -500, "612", currency: .eur, base: -430),
            ], currency: .eur, total: 500, rate: decimal("0.86"))
        #expect(try sent(foreign)["JournalLines"]?[0]?["LineAmount"] == .number("4.30"))
        #expect(connector.meant(foreign).accounts == ["832": 430, "612": -430])
    }

    // MARK: Texts

    @Test("a title longer than the field is cut between characters, one without letters is named by its role")
    func descriptions() throws {
        let family = "👩‍👩‍👧‍👦"
        let long = document([
            control(100), line(.goods, "sales:x", -100, "200", text: String(repeating: family, count: 1_000)),
        ])
        let text = try #require(try sent(long)["LineItems"]?[0]?["Description"]?.string)
        #expect(text.utf16.count <= 4_000)
        #expect(text.count == 4_000 / family.utf16.count)
        #expect(text.allSatisfy { String($0) == family })
        let bare = document([control(100), line(.other, "marketplace_tax_memo", -100, "200", text: " \n ")])
        #expect(try sent(bare)["LineItems"]?[0]?["Description"] == "Marketplace tax memo")
        let sku = document([control(100), line(.goods, "sales:x", -100, "200", sku: "MUG-1")])
        #expect(try sent(sku)["LineItems"]?[0]?["Description"] == "MUG-1")
    }

    @Test("the plan's words follow the reference only where all of them fit")
    func references() throws {
        var sale = simple()
        sale.plan.reference = "sale of 2026-10-30"
        sale.plan.note = String(repeating: "n", count: 300)
        #expect(try sent(sale)["Reference"] == "cf:0000000000000001 order 6120034117000 | sale of 2026-10-30")
        sale.reference = String(repeating: "é", count: 400)
        let text = try #require(try sent(sale)["Reference"]?.string)
        #expect(text.utf16.count == 255)
        #expect(text.hasPrefix("cf:0000000000000001 éé"))
    }

    @Test("a payment's reference has nothing in it that a search could not say")
    func quotes() throws {
        var paid = payment()
        paid.reference = "order \"A\\1\"\u{0}"
        paid.plan.note = "a note"
        #expect(try sent(paid)["Reference"] == "cf:0000000000000001 order 'A/1'")
    }

    @Test("an account without a code goes by its id, also when read back")
    func codeless() throws {
        let id = guid(5)
        let tender = line(.tender, "clearing:card:GBP", 1000, "Business Bank", id: id, name: "Business Bank")
        let paid = document(.payment, [tender, control(-1000)], appliesTo: guid(77), against: .invoice)
        #expect(try sent(paid)["Account"] == ["AccountID": .string(id)])
        #expect(connector.meant(paid).accounts == [id: 1000])
        let sale = document([
            control(100), line(.goods, "sales:x", -100, "Sales of everything", id: id, name: "Sales of everything"),
        ])
        #expect(try sent(sale)["LineItems"]?[0]?["AccountID"] == .string(id))
    }

    // MARK: What is not sent

    @Test("what Xero can't take is refused here, each by its name")
    func notSent() throws {
        func sale(_ lines: [LedgerDocument.Line], _ total: Int64) -> LedgerDocument { document(lines, total: total) }
        let untyped = line(.goods, "sales:x", -1000, "200", tax: "GB@20", group: "L1")
        #expect(try refusal(sale([untyped, vat(-200, group: "L1")], 1200)).code == "tax_code_unbound")
        // A zero rate is no tax to the shop but a box of the VAT return to Xero.
        #expect(
            try refusal(sale([line(.goods, "sales:x", -1000, "200", tax: "GB@0", group: "L1")], 1000)).code
                == "tax_code_unbound")
        #expect(try refusal(sale([vat(-200, group: "L1")], 200)).code == "document_empty")
        let card = line(.giftCard, "gift_card_liability", -1000, "831", group: "L1")
        #expect(try refusal(sale([card, vat(-200, group: "L2")], 1200)).code == "tax_without_line")
        #expect(try refusal(sale([line(.goods, "sales:x", -1000, "200")], 999)).code == "document_unbalanced")
        #expect(try refusal(sale([line(.goods, "sales:x", 1000, "200")], -1000)).code == "total_negative")
        let dinar = try #require(Currency("KWD"))
        #expect(
            try refusal(
                document([line(.goods, "sales:x", -1000, "200", currency: dinar)], currency: dinar, total: 1000)
            ).code == "currency_precision")
        #expect(
            try refusal(document([control(1000), line(.goods, "sales:x", -1000, "200")], party: nil)).code
                == "party_missing")
        #expect(
            try refusal(document(.payment, [control(-1000)], appliesTo: guid(1), against: .invoice)).code
                == "payment_malformed")
        #expect(
            try refusal(document(.journal, [line(.control, "a", 5, "1"), line(.tender, "b", -4, "2")], total: 5)).code
                == "document_unbalanced")
    }
}
