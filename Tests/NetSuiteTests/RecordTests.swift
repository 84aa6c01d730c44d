import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("What a posting becomes in NetSuite") struct RecordTests {
    @Test("an invoice by REST: our key as external id, its own due date, every line by its item at a price of its own") func invoice() throws {
        var one = document(
            .invoice, [control(2500), line(.goods, "sales:homeware", -2500, 200, text: "Mug", sku: "MUG", quantity: "2")], words: "late", note: "gift")
        one.lines[1].dimensions = ["department": "3"]
        #expect(try sent(one) == json(
            """
            {"externalId":"cf-0000000000000001","entity":{"id":"58"},"tranDate":"2026-11-14","memo":"order 1001 | late | gift","dueDate":"2026-11-14",
            "otherRefNum":"order 1001","account":{"id":"61"},"department":{"id":"3"},
            "item":{"items":[{"item":{"id":"19"},"description":"Mug","quantity":2,"price":{"id":"-1"},"rate":12.5,"amount":25.00,"department":{"id":"3"}}]}}
            """))
    }

    @Test("the same invoice by SOAP: the same fields in the order of the schema, its day at noon, its lists replaced") func invoiceBySOAP() throws {
        let record = try soapSent(taxed())
        #expect(record.attributes.first { $0.name.local == "type" }?.value == "s:Invoice" && record.attribute("externalId") == "cf-0000000000000001")
        #expect(sketch(record) == """
            record(entity#58 tranDate=2026-11-14T12:00:00.000Z dueDate=2026-11-14T12:00:00.000Z otherRefNum=order 1001 memo=order 1001 account#61 \
            itemList(item(item#19 description=Mug amount=20.00 quantity=2 price#-1 rate=10 grossAmt=23.60 tax1Amt=3.60 taxCode#7) \
            item(item#31 description=Autumn amount=-2.00 quantity=1 price#-1 rate=-2.00 grossAmt=-2.00 tax1Amt=0.00 taxCode#7)))
            """)
        #expect(record["itemList"]?.attribute("replaceAll") == "true")
        #expect(record.name.namespace == messages && record["entity"]?.name.namespace == "urn:sales_2025_2.transactions.webservices.netsuite.com")
        #expect(try soapSent(simple(), facts(["utc_offset": "-08:00"]))["tranDate"]?.text == "2026-11-14T12:00:00.000-08:00")
    }

    @Test("a credit memo is positive and applied to nothing") func creditNote() throws {
        let memo = document(.creditNote, [line(.goods, "returns_allowances", 1000, 491, text: "Mug"), control(-1000)])
        let values = try sent(memo)
        #expect(values["autoApply"] == false && values["dueDate"] == nil && values["item"]?["items"]?[0]?["amount"] == .number("10.00"))
        #expect(sketch(try soapSent(memo)).contains("memo=order 1001 account#61 autoApply=false itemList"))
    }

    @Test("a receipt is a cash sale into its largest deposit account, whatever else was tendered lowers it as a line") func receipt() throws {
        let receipt = document(
            .salesReceipt,
            [
                tender(800), tender(200, "gift_card_liability", 833), line(.goods, "sales:homeware", -1000, 200, sku: "MUG"),
                line(.shipping, "shipping_income", 0, 410),
            ], total: 1000)
        let values = try sent(receipt)
        #expect(values["account"] == ["id": "110"] && values["undepFunds"] == ["id": "F"])
        #expect(values["item"]?["items"]?.array?.compactMap { $0["amount"]?.decimal } == [decimal("10"), .zero, decimal("-2")])
        #expect(sketch(try soapSent(receipt)).contains("undepFunds=false account#110"))
        #expect(rest.meant(receipt).accounts["deposit:110"] == 800 && rest.meant(receipt).total_minor == 800)
        #expect(refused(document(.salesReceipt, [tender(800), control(200), line(.goods, "sales", -1000, 200)], total: 1000)) == "rejected receipt_owes")
        #expect(refused(document(.salesReceipt, [tender(1000, "gift_card_liability", 833), line(.goods, "sales", -1000, 200)], total: 1000)) == "rejected no_deposit_account")
    }

    @Test("a payment goes into the tender's account and is applied to its invoice; a refund to its credit memo") func payments() throws {
        #expect(try sent(payment()) == json(
            """
            {"externalId":"cf-0000000000000001","customer":{"id":"58"},"tranDate":"2026-11-14","memo":"transaction 1","arAcct":{"id":"61"},"payment":10.00,
            "autoApply":false,"undepFunds":{"id":"F"},"account":{"id":"110"},"apply":{"items":[{"apply":true,"doc":{"id":"77"},"amount":10.00}]}}
            """))
        #expect(sketch(try soapSent(payment())) == """
            record(arAcct#61 customer#58 payment=10.00 autoApply=false tranDate=2026-11-14T12:00:00.000Z memo=transaction 1 undepFunds=false account#110 \
            applyList(apply(apply=true doc=77 amount=10.00)))
            """)
        #expect(try sent(refund()) == json(
            """
            {"externalId":"cf-0000000000000001","customer":{"id":"58"},"tranDate":"2026-11-14","memo":"refund 1","arAcct":{"id":"61"},"account":{"id":"110"},
            "apply":{"items":[{"apply":true,"doc":{"id":"78"},"amount":10.00}]}}
            """))
        #expect(refused(payment(on: nil)) == "throttled waits_for_document" && refused(refund(on: nil)) == "throttled waits_for_document")
    }

    @Test("a payment with a fee, or from a gift card, is a journal; so is money back for nothing that is there") func journals() throws {
        let values = try sent(feePayment())
        #expect(values["approved"] == true && values["subsidiary"] == nil)
        let lines = try #require(values["line"]?["items"]?.array)
        #expect(lines.map { $0["account"]?["id"]?.string } == ["110", "440", "61"])
        #expect(lines.map { $0["debit"]?.decimal } == [decimal("9.7"), decimal("0.3"), nil] && lines.map { $0["credit"]?.decimal } == [nil, nil, decimal("10")])
        #expect(lines.map { $0["entity"]?["id"]?.string } == [nil, nil, "58"])
        #expect(try sent(document(.payment, [tender(1000, "gift_card_liability", 833), control(-1000)]))["line"] != nil)
        #expect(try sent(document(.refundPayment, [control(1000), tender(-1000)]))["line"] != nil)
        #expect(try sent(feePayment(), facts(["subsidiary": "2"]))["subsidiary"] == ["id": "2"])
        #expect(sketch(try soapSent(feePayment(), facts(["subsidiary": "2"]))).contains("subsidiary#2 memo=transaction 1 approved=true lineList(line(account#110 debit=9.70 memo=transaction 1)"))
    }

    @Test("quantity and price only where they multiply out; otherwise one unit at the amount", arguments: [
        ("3", 1000, "1", "10.00"), ("4", 1000, "4", "2.5"), ("2.5", 1000, "2.5", "4"), ("0.125", 1000, "0.125", "80"), ("0", 1000, "1", "10.00"), ("-2", 1000, "1", "10.00"),
    ] as [(String, Int64, String, String)]) func quantities(_ asked: String, _ amount: Int64, _ quantity: String, _ rate: String) throws {
        let values = try sent(document(.invoice, [control(amount), line(.goods, "sales", -amount, 200, quantity: asked)]))
        let item = try #require(values["item"]?["items"]?[0])
        #expect(item["quantity"] == .number(quantity) && item["rate"]?.decimal == decimal(rate) && item["amount"]?.decimal == decimal("10"))
    }

    @Test("department, class and location: a line's own before the connection's, on the document where all agree; what is no id is refused") func classes() throws {
        let two = document(
            .invoice,
            [
                control(2000), line(.goods, "sales", -1000, 200, dimensions: ["class": "4", "department": "3"]),
                line(.goods, "sales", -1000, 200, dimensions: ["class": "5", "return_reason": "x"]),
            ])
        let values = try sent(two, facts(["location": "1"]))
        #expect(values["location"] == ["id": "1"] && values["class"] == nil && values["department"] == ["id": "3"])
        let lines = try #require(values["item"]?["items"]?.array)
        #expect(lines.map { $0["class"]?["id"]?.string } == ["4", "5"] && lines.map { $0["location"]?["id"]?.string } == ["1", "1"])
        #expect(refused(two, facts(["classify": "header"])) == "rejected dimension_invalid")
        let one = document(.invoice, [control(1000), line(.goods, "sales", -1000, 200, dimensions: ["class": "4"])])
        let header = try sent(one, facts(["classify": "header", "location": "1"]))
        #expect(header["class"] == ["id": "4"] && header["location"] == ["id": "1"] && header["item"]?["items"]?[0]?["class"] == nil)
        #expect(refused(document(.invoice, [control(1000), line(.goods, "sales", -1000, 200, dimensions: ["class": "Shop"])])) == "rejected dimension_invalid")
    }

    @Test("a foreign document asks for its currency's id and states its rate; one that is not active is refused") func foreign() throws {
        let euro = document(
            .invoice, [control(1000, currency: .eur, base: 860), line(.goods, "sales", -1000, 200, currency: .eur, base: -860)], currency: .eur, rate: "0.86")
        let list = rows(#""id":"1","symbol":"GBP","isbasecurrency":"T""#, #""id":"4","symbol":"EUR","isinactive":"F""#)
        let calls = drive(rest, rest.create([euro], attempt: "a", facts), [list]).calls
        #expect(calls.map(\.kind) == [.read, .write] && calls[0].request.fields["Prefer"] == "transient")
        let values = try body(calls[1])
        #expect(values["currency"] == ["id": "4"] && values["exchangeRate"] == .number("0.86"))
        let none = drive(rest, rest.create([euro], attempt: "a", facts), [rows(#""id":"4","symbol":"EUR","isinactive":"T""#)])
        #expect(word(none.end.output?.first) == "rejected currency_inactive" && none.calls.count == 1)
    }

    @Test("every form goes or is refused with a way out, the same by both", arguments: PostingForm.allCases) func forms(form: PostingForm) throws {
        let some = document(form, [control(1000), line(.other, "other", -1000, 300)])
        switch form {
        case .memo, .salesOrder:
            #expect(refused(some) == "rejected form_unsupported" && rest.objections(to: some, facts).map(\.code) == ["form_unsupported"])
        case .salesReceipt, .creditNote, .bill, .purchaseOrder: break
        default: #expect(try !sketch(soapSent(some)).isEmpty && sent(some)["externalId"] == "cf-0000000000000001")
        }
    }

    @Test("what can't be said is refused before anything is sent") func refusals() {
        var nobody = simple(), named = simple(), unbound = simple(), itemless = simple()
        nobody.party = nil
        named.party = "Shop customers"
        unbound.lines[0].account.remoteID = nil
        itemless.lines[1].item = nil
        #expect(refused(nobody) == "rejected party_not_found" && refused(named) == "rejected party_not_found")
        #expect(refused(unbound) == "rejected account_not_bound" && refused(itemless) == "rejected item_not_found")
        #expect(refused(document(.invoice, [control(1000)])) == "rejected no_lines")
        #expect(refused(document(.invoice, [control(900), line(.goods, "sales", -1000, 200)])) == "rejected unbalanced")
        #expect(refused(document(.invoice, [control(1000), line(.goods, "sales", 1000, 200)])) == "rejected negative_total")
        #expect(refused(document(.journal, [line(.other, "a", 1000, 1), line(.other, "b", -900, 2)])) == "rejected unbalanced")
        #expect(refused(document(.journal, [line(.other, "a", 0, 1)])) == "rejected unbalanced")
        #expect(refused(document(.journal, [line(.other, "a", 1000, 1), line(.other, "b", -1000, 2, currency: .eur)])) == "rejected lines_in_currencies")
        #expect(refused(document(.summary, [line(.control, "receivable:anna", 1000, 61), line(.other, "b", -1000, 2)])) == "rejected receivable_of_many")
        #expect(refused(simple(effect: .void)) == "rejected void_not_created")
        let many = (0 ..< 1_001).map { _ in line(.other, "a", 1, 1) } + [line(.other, "b", -1001, 2)]
        #expect(refused(document(.journal, many)) == "rejected too_many_lines")
        #expect(soap.objections(to: document(.journal, many), facts).map(\.code) == ["too_many_lines"])
        #expect(rest.objections(to: nobody, facts).isEmpty && soap.objections(to: itemless, facts).isEmpty && rest.objections(to: payment(on: nil), facts).isEmpty)
    }

    @Test("settings that can't be read send nothing and say which", arguments: [
        ["tax": "vat"], ["subsidiary": "Parent"], ["classify": "both"], ["utc_offset": "8"], ["utc_offset": "+15:00"], ["location": "x"], ["tax_schedule": "-"],
    ]) func settings(_ settings: [String: String]) {
        #expect(refused(simple(), facts(settings)) == "failed setting_invalid")
        #expect(drive(rest, rest.chart(facts(settings))).end.fault?.position == settings.keys.first)
        #expect(rest.objections(to: simple(), facts(settings)).map(\.code) == ["setting_invalid"])
    }
}
