import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("What documents become")
struct BodyTests {
    let connector = Desk.connector

    @Test("a sale is an invoice with net lines, taxed lines marked, and the tax as charged")
    func plainInvoice() throws {
        let expected = try Desk.json(
            """
            {"DocNumber":"k7q2m9x4wz3r8t01","TxnDate":"2026-11-14","DueDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "PrivateNote":"cf:k7q2m9x4wz3r8t01 order 6120034117000","CustomerRef":{"value":"58"},
             "Line":[{"Description":"Mug","Amount":40.00,"DetailType":"SalesItemLineDetail",
               "SalesItemLineDetail":{"ItemRef":{"value":"19"},"Qty":2,"UnitPrice":20,"TaxCodeRef":{"value":"TAX"}}},
              {"Description":"Post","Amount":5.00,"DetailType":"SalesItemLineDetail",
               "SalesItemLineDetail":{"ItemRef":{"value":"20"},"Qty":1,"UnitPrice":5,"TaxCodeRef":{"value":"NON"}}}],
             "TxnTaxDetail":{"TotalTax":3.28}}
            """)
        #expect(try Desk.sent(Desk.invoice()) == expected)
    }

    @Test("amounts keep two digits and never pass through floating point")
    func exactAmounts() throws {
        let document = Desk.document(
            .invoice, total: "90071992547409.93",
            [Desk.line(.goods, "sales:homeware", "4010", "-90071992547409.93", text: "Gold", sku: "G", item: "1")])
        let line = try Desk.sent(document)["Line"]?[0]
        #expect(line?["Amount"] == .number("90071992547409.93"))
        #expect(line?["SalesItemLineDetail"]?["Qty"] == nil)
    }

    @Test("discounts to one account are one discount line")
    func discount() throws {
        let document = Desk.document(
            .invoice, total: "44.60",
            [
                Desk.line(.control, "receivable:shop", "1200", "44.60"),
                Desk.line(
                    .goods, "sales:homeware", "4010", "-40.00", group: "L1", text: "Mug", sku: "MUG-1", quantity: 2,
                    item: "19"),
                Desk.line(.discount, "sales_discounts", "4900", "4.00", group: "L1", text: "Discount: Mug"),
                Desk.line(
                    .goods, "sales:homeware", "4010", "-10.00", group: "L2", text: "Bowl", sku: "B", quantity: 3,
                    item: "21"),
                Desk.line(.discount, "sales_discounts", "4900", "1.40", group: "L2", text: "Discount: Bowl"),
            ])
        let body = try Desk.sent(document)
        #expect(body["Line"]?.array?.count == 3)
        #expect(
            body["Line"]?[2]
                == (try Desk.json(
                    """
                    {"Amount":5.40,"DetailType":"DiscountLineDetail",
                     "DiscountLineDetail":{"PercentBased":false,"DiscountAccountRef":{"value":"A4900"}}}
                    """)))
        #expect(body["TxnTaxDetail"]?["TotalTax"] == .number("0.00"))
        // Ten by three does not come out even.
        #expect(body["Line"]?[1]?["SalesItemLineDetail"]?["UnitPrice"] == nil)
        #expect(connector.references(for: document).allSatisfy { !$0.key.contains("4900") })
    }

    @Test("discounts to two accounts are negative lines with items of their own")
    func twoDiscounts() throws {
        let document = Desk.document(
            .invoice, total: "34.00",
            [
                Desk.line(
                    .goods, "sales:homeware", "4010", "-40.00", group: "L1", text: "Mug", sku: "MUG-1", item: "19"),
                Desk.line(.discount, "sales_discounts", "4900", "4.00", group: "L1", item: "41"),
                Desk.line(.discount, "sales_discounts:staff", "4901", "2.00", group: "L1", item: "42"),
            ])
        let lines = try #require(try Desk.sent(document)["Line"]?.array)
        #expect(lines.map { $0["Amount"] } == [.number("40.00"), .number("-4.00"), .number("-2.00")])
        #expect(lines[2]["SalesItemLineDetail"]?["ItemRef"]?["value"] == "42")
        let keys = connector.references(for: document).map(\.key)
        #expect(keys == ["shop", "MUG-1@4010", "sales_discounts@4900", "sales_discounts:staff@4901"])
    }

    @Test("a gift card sold and a tip are lines without tax")
    func giftCardAndTip() throws {
        let document = Desk.document(
            .invoice, total: "57.50",
            [
                Desk.line(
                    .giftCard, "gift_card_liability", "2310", "-50.00", group: "L1", text: "Gift card", sku: "GC-50",
                    quantity: 1, item: "61"),
                Desk.line(
                    .goods, "sales:homeware", "4010", "-4.00", group: "L2", text: "Card", sku: "C", quantity: 1,
                    item: "62"),
                Desk.line(.tax, "tax_payable:US-CO", "2200", "-0.50", group: "L2"),
                Desk.line(.tip, "tips_payable", "2320", "-3.00", group: "tip", text: "Tip", item: "63"),
            ])
        let lines = try #require(try Desk.sent(document)["Line"]?.array)
        let codes = lines.map { $0["SalesItemLineDetail"]?["TaxCodeRef"]?["value"] }
        #expect(codes == ["NON", "TAX", "NON"])
        #expect(connector.references(for: document).first { $0.key == "GC-50@2310" }?.account == "A2310")
    }

    @Test("a title of any length stands whole in the line's note, cut only between characters")
    func longTitle() throws {
        let family = "👨‍👩‍👧‍👦"
        let title = String(repeating: family, count: 500)
        let document = Desk.document(
            .invoice, total: "1.00",
            [Desk.line(.goods, "sales:homeware", "4010", "-1.00", text: title, sku: "F", item: "1")])
        let note = try #require(try Desk.sent(document)["Line"]?[0]?["Description"]?.string)
        #expect(note.utf16.count <= 4_000)
        #expect(note == String(repeating: family, count: 4_000 / family.utf16.count))
    }

    @Test("a sale of nothing is an invoice of nothing that states its tax of nothing")
    func zeroTotal() throws {
        let document = Desk.document(
            .invoice, total: "0.00",
            [
                Desk.line(
                    .goods, "sales:homeware", "4010", "-20.00", group: "L1", text: "Mug", sku: "MUG-1", quantity: 1,
                    item: "19"),
                Desk.line(.discount, "sales_discounts", "4900", "20.00", group: "L1"),
            ])
        let body = try Desk.sent(document)
        #expect(body["TxnTaxDetail"]?["TotalTax"] == .number("0.00"))
        #expect(connector.meant(document).total_minor == 0)
    }

    @Test("only the lines that were taxed are marked, delivery too")
    func taxedLines() throws {
        let document = Desk.document(
            .invoice, total: "58.68",
            [
                Desk.line(.goods, "sales:books", "4020", "-10.00", group: "L1", sku: "B", item: "1"),
                Desk.line(.tax, "tax_payable:US-CO", "2200", "0.00", group: "L1"),
                Desk.line(.goods, "sales:homeware", "4010", "-40.00", group: "L2", sku: "M", item: "2"),
                Desk.line(.tax, "tax_payable:US-CO", "2200", "-3.28", group: "L2"),
                Desk.line(.shipping, "shipping_income", "4100", "-5.00", group: "S1", item: "3"),
                Desk.line(.tax, "tax_payable:US-CO", "2200", "-0.25", group: "S1"),
                Desk.line(.tax, "tax_payable:US-CO-DENVER", "2200", "-0.15", group: "S1"),
            ])
        let body = try Desk.sent(document)
        #expect(
            body["Line"]?.array?.map { $0["SalesItemLineDetail"]?["TaxCodeRef"]?["value"] } == ["NON", "TAX", "TAX"])
        #expect(body["TxnTaxDetail"]?["TotalTax"] == .number("3.68"))
    }

    @Test("a tax that no line is charged with marks the goods")
    func strayTax() throws {
        let document = Desk.document(
            .invoice, total: "48.28",
            [
                Desk.line(.goods, "sales:homeware", "4010", "-40.00", group: "L1", sku: "M", item: "19"),
                Desk.line(.shipping, "shipping_income", "4100", "-5.00", group: "S1", item: "20"),
                Desk.line(.tax, "tax_payable:US-CO", "2200", "-3.28", group: "order"),
            ])
        let lines = try #require(try Desk.sent(document)["Line"]?.array)
        #expect(lines.map { $0["SalesItemLineDetail"]?["TaxCodeRef"]?["value"] } == ["TAX", "NON"])
    }

    @Test("a refund is a credit memo of positive amounts; a kept fee lowers it")
    func creditMemo() throws {
        let expected = try Desk.json(
            """
            {"DocNumber":"k7q2m9x4wz3r8t04","TxnDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "PrivateNote":"cf:k7q2m9x4wz3r8t04 refund 939100200011","CustomerRef":{"value":"58"},
             "Line":[{"Description":"Mug","Amount":20.00,"DetailType":"SalesItemLineDetail",
               "SalesItemLineDetail":{"ItemRef":{"value":"31"},"Qty":1,"UnitPrice":20,"TaxCodeRef":{"value":"TAX"}}},
              {"Description":"Restocking fee","Amount":-3.00,"DetailType":"SalesItemLineDetail",
               "SalesItemLineDetail":{"ItemRef":{"value":"32"},"TaxCodeRef":{"value":"NON"}}}],
             "TxnTaxDetail":{"TotalTax":1.64}}
            """)
        #expect(try Desk.sent(Desk.credit()) == expected)
    }

    @Test("money into a clearing account is a payment on its invoice")
    func payment() throws {
        let expected = try Desk.json(
            """
            {"PaymentRefNum":"k7q2m9x4wz3r8t02","TxnDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "PrivateNote":"cf:k7q2m9x4wz3r8t02 transaction 7300400500001","CustomerRef":{"value":"58"},
             "TotalAmt":48.28,"DepositToAccountRef":{"value":"A1310"},
             "Line":[{"Amount":48.28,"LinkedTxn":[{"TxnId":"145","TxnType":"Invoice"}]}]}
            """)
        #expect(try Desk.sent(Desk.payment()) == expected)
    }

    @Test("a gift card redeemed is a journal: a liability takes no deposit")
    func giftCardTender() throws {
        let document = Desk.document(
            .payment, 5, total: "30.00", appliesTo: "145", reference: "transaction 7300400500002",
            [
                Desk.line(.tender, "gift_card_liability", "2310", "30.00"),
                Desk.line(.control, "receivable:shop", "1200", "-30.00"),
            ])
        let expected = try Desk.json(
            """
            {"DocNumber":"k7q2m9x4wz3r8t05","TxnDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "PrivateNote":"cf:k7q2m9x4wz3r8t05 transaction 7300400500002",
             "Line":[{"Description":"transaction 7300400500002","Amount":30.00,"DetailType":"JournalEntryLineDetail",
               "JournalEntryLineDetail":{"PostingType":"Debit","AccountRef":{"value":"A2310"}}},
              {"Description":"transaction 7300400500002","Amount":30.00,"DetailType":"JournalEntryLineDetail",
               "JournalEntryLineDetail":{"PostingType":"Credit","AccountRef":{"value":"A1200"},
                "Entity":{"Type":"Customer","EntityRef":{"value":"58"}}}}]}
            """)
        #expect(try Desk.sent(document) == expected)
    }

    @Test("money given back is a journal from the receivable to the clearing account")
    func refundJournal() throws {
        let body = try Desk.sent(Desk.refund())
        let details = body["Line"]?.array?.compactMap { $0["JournalEntryLineDetail"] } ?? []
        #expect(details.map { $0["PostingType"] } == ["Debit", "Credit"])
        #expect(details.map { $0["AccountRef"]?["value"] } == ["A1200", "A1310"])
        #expect(details[0]["Entity"]?["EntityRef"]?["value"] == "58")
        #expect(details[1]["Entity"] == nil)
        #expect(body["PrivateNote"] == "cf:k7q2m9x4wz3r8t03 refund 939100200011")
    }

    @Test("a receipt goes to its largest tender; other tenders lower it")
    func salesReceipt() throws {
        let document = Desk.document(
            .salesReceipt, total: "40.00",
            [
                Desk.line(.tender, "clearing:card:USD", "1310", "30.00"),
                Desk.line(.tender, "gift_card_liability", "2310", "10.00", item: "77"),
                Desk.line(.goods, "sales:homeware", "4010", "-40.00", sku: "MUG-1", item: "19"),
            ])
        let body = try Desk.sent(document)
        #expect(body["DepositToAccountRef"]?["value"] == "A1310")
        #expect(body["Line"]?[1]?["Amount"] == .number("-10.00"))
        let meant = connector.meant(document)
        #expect(meant.total_minor == 3_000)
        #expect(meant.accounts == ["item:19": -4_000, "item:77": 1_000, "deposit:A1310": 3_000])
    }

    @Test("a foreign document states currency and rate, and needs a customer of that currency")
    func foreign() throws {
        let document = Desk.document(
            .invoice, total: "10.00", rate: "1.0850", currency: .eur,
            [Desk.line(.goods, "sales:homeware", "4010", "-10.00", sku: "M", item: "1", currency: .eur)])
        let body = try Desk.sent(document)
        #expect(body["CurrencyRef"]?["value"] == "EUR")
        #expect(body["ExchangeRate"] == .number("1.085"))
        let party = try #require(connector.references(for: document).first)
        #expect(party.key == "shop@EUR")
        #expect(QuickBooksOnlineConnector.names(of: party) == ["shop (EUR)", "shop (EUR) (C)"])
    }

    @Test("the note holds key, reference and words, on one line within its length")
    func note() {
        let document = Desk.document(
            .invoice, total: "0.00", note: "line one\nline two" + String(repeating: "x", count: 5_000), [])
        let note = QuickBooksOnlineConnector.note(of: document)
        #expect(note.hasPrefix("cf:k7q2m9x4wz3r8t01 order 6120034117000 | line one line two"))
        #expect(note.utf16.count == 4_000)
    }

    @Test(
        "what can't be written is refused with its reason and never sent",
        arguments: [
            (
                "party_not_found",
                Desk.document(
                    .invoice, total: "1.00", party: nil, [Desk.line(.goods, "sales:a", "4010", "-1.00", item: "1")])
            ),
            ("item_not_found", Desk.document(.invoice, total: "1.00", [Desk.line(.goods, "sales:a", "4010", "-1.00")])),
            ("no_lines", Desk.document(.invoice, total: "0.00", [])),
            (
                "tax_without_line",
                Desk.document(.creditNote, total: "1.00", [Desk.line(.tax, "tax_payable:US", "2200", "1.00")])
            ),
            (
                "unbalanced",
                Desk.document(.invoice, total: "2.00", [Desk.line(.goods, "sales:a", "4010", "-1.00", item: "1")])
            ),
            (
                "negative_total",
                Desk.document(
                    .creditNote, total: "1.00", [Desk.line(.fee, "restocking_fee_income", "4110", "-1.00", item: "1")])
            ),
            ("unsupported_form", Desk.document(.memo, total: "1.00", [])),
            ("void_not_created", Desk.document(.invoice, total: "0.00", effect: .void, [])),
            ("unbalanced", Desk.document(.journal, total: "1.00", [Desk.line(.other, "write_off", "7900", "1.00")])),
            ("unbalanced", Desk.document(.journal, total: "0.00", [])),
            (
                "two_receivables",
                Desk.document(
                    .journal, total: "1.00",
                    [
                        Desk.line(.control, "receivable:shop", "1200", "1.00"),
                        Desk.line(.control, "receivable:b2b", "1201", "-1.00"),
                    ])
            ),
        ])
    func refused(_ code: String, _ document: LedgerDocument) throws {
        let played = Desk.play(connector.create([document], attempt: "a", Desk.facts), [])
        #expect(played.calls.isEmpty)
        guard case .finished(let outcomes) = played.ending, case .rejected(let fault) = try #require(outcomes.first)
        else {
            Issue.record("it was not refused")
            return
        }
        #expect(fault.code == code)
    }

    @Test("an account that is not bound, or an invoice that is not there, refuses the payment")
    func unboundPayment() throws {
        var unbound = Desk.payment()
        unbound.lines[0].account = Desk.account("1310", bound: false)
        var waiting = Desk.payment()
        waiting.appliesTo = nil
        let outcomes = try Desk.finished(connector.create([unbound, waiting], attempt: "a", Desk.facts), [])
        let codes = outcomes.map { outcome in
            if case .rejected(let fault) = outcome { fault.code } else { "" }
        }
        #expect(codes == ["account_not_bound", "original_not_posted"])
    }

    @Test(
        "quantity and price are stated only where they multiply out exactly",
        arguments: [
            ("10.00", "3", nil), ("10.00", "4", "2.5"), ("0.05", "8", "0.00625"), ("1.00", "0", nil),
            ("7.50", "2.5", "3"),
            ("0.00", "2", "0"), ("0.01", "0.000001", "10000"),
        ] as [(String, String, String?)])
    func multiplied(_ amount: String, _ quantity: String, _ price: String?) throws {
        var source = Desk.line(.goods, "sales:a", "4010", "-" + amount)
        source.plan.quantity = ExactDecimal(quantity)
        let line = SalesForm.Line(source: source, minor: Desk.usd(amount).minor)
        let found = line.multiplied(.usd)
        #expect(found?.price.description == price)
        if let found { #expect(found.price * found.quantity == Desk.usd(amount).decimal) }
    }
}
