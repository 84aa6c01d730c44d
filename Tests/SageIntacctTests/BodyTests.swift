import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SageIntacct

/// - Source: Intacct/intacct_dtd, v3.0/api.xsd; developer.intacct.com, Invoices, AR Adjustments, AR Payments, Other Receipts, Journal Entries.
@Suite("What a posting becomes in Sage Intacct") struct BodyTests {
    @Test("an invoice has its elements in the schema's order, its number is our key") func invoice() throws {
        let sale = try sent(simple())
        #expect(sale.name.local == "create_invoice")
        #expect(sale.order == [
            "customerid", "datecreated", "dateposted", "datedue", "action", "invoiceno", "ponumber", "description", "basecurr", "currency", "exchratetype",
            "invoiceitems",
        ])
        #expect(sale.text("customerid") == "C100" && sale.text("invoiceno") == key().text && sale.text("action") == "Submit")
        #expect(sale["datecreated"]?.order == ["year", "month", "day"] && sale.text("datedue", "month") == "11" && sale.text("datedue", "day") == "14")
        #expect(sale.text("description") == "cf:\(key()) order 6120034117000" && sale.text("ponumber") == "order 6120034117000")
        let item = try #require(sale.at(["invoiceitems", "lineitem"]))
        #expect(item.order == ["glaccountno", "amount", "memo"])
        #expect(item.text("glaccountno") == "4000" && item.text("amount") == "10.00" && item.text("memo") == "Blue mug")
    }

    @Test("a credit note is a credit memo: amounts below zero") func creditMemo() throws {
        let memo = try sent(credit())
        #expect(memo.name.local == "create_aradjustment")
        #expect(memo.order == [
            "customerid", "datecreated", "dateposted", "adjustmentno", "action", "description", "basecurr", "currency", "exchratetype", "aradjustmentitems",
        ])
        #expect(memo.text("aradjustmentitems", "lineitem", "amount") == "-10.00" && memo.text("aradjustmentitems", "lineitem", "glaccountno") == "4910")
    }

    @Test("a payment names its invoice, and holds its money on the bound account or at the bank of that account") func pays() throws {
        let held = try #require(try sent(payment())["ARPYMT"])
        #expect(held.text("UNDEPOSITEDACCOUNTNO") == "1105" && held["FINANCIALENTITY"] == nil && held.text("PAYMENTMETHOD") == "Credit Card")
        #expect(held.text("DOCNUMBER") == key(3).text && held.text("RECEIPTDATE") == "11/14/2026" && held.text("CURRENCY") == "USD")
        let detail = try #require(held.at(["ARPYMTDETAILS", "ARPYMTDETAIL"]))
        #expect(detail.order == ["RECORDKEY", "TRX_PAYMENTAMOUNT"] && detail.text("RECORDKEY") == "20634" && detail.text("TRX_PAYMENTAMOUNT") == "10.00")
        let banked = try #require(try sent(payment(type: "bank:BOA"))["ARPYMT"])
        #expect(banked.text("FINANCIALENTITY") == "BOA" && banked["UNDEPOSITEDACCOUNTNO"] == nil)
    }

    @Test("a payment with a fee is a credit memo on both accounts; a refund is a debit memo on the tender's") func adjustments() throws {
        let lines = [line(.tender, "clearing:card:USD", 970, "1105"), line(.fee, "fees", 30, "6100"), control(-1000)]
        let withFee = try sent(document(.payment, lines, total: 1000, appliesTo: "20634", against: .invoice))
        #expect(withFee.name.local == "create_aradjustment")
        #expect(withFee["aradjustmentitems"]?.all("lineitem").map { $0.text("amount") } == ["-9.70", "-0.30"])
        let back = try sent(refund())
        #expect(back.text("aradjustmentitems", "lineitem", "amount") == "10.00" && back.text("aradjustmentitems", "lineitem", "glaccountno") == "1105")
    }

    @Test("a deposit that an invoice uses up is a credit memo on the deposit's account") func deposit() throws {
        let lines = [line(.control, "customer_deposits", 500, "2300"), control(-500)]
        let memo = try sent(document(.journal, lines, total: 500, appliesTo: "20634", against: .invoice))
        #expect(memo.name.local == "create_aradjustment" && memo.text("aradjustmentitems", "lineitem", "glaccountno") == "2300")
        #expect(memo.text("aradjustmentitems", "lineitem", "amount") == "-5.00")
    }

    @Test("a sale over the counter is another receipt") func receipt() throws {
        let lines = [
            line(.tender, "cash:till-1", 1080, "1010"), line(.goods, "sales:homeware", -1000, "4000", group: "L1"),
            line(.tax, "tax_payable:US", -80, "2200", group: "L1"),
        ]
        let receipt = try sent(document(.salesReceipt, lines, total: 1080))
        #expect(receipt.name.local == "record_otherreceipt")
        #expect(receipt.order == [
            "paymentdate", "payee", "receiveddate", "paymentmethod", "undepglaccountno", "refid", "description", "currency", "exchratetype", "receiptitems",
        ])
        #expect(receipt.text("paymentmethod") == "Cash" && receipt.text("undepglaccountno") == "1010" && receipt.text("refid") == key().text)
        #expect(receipt["receiptitems"]?.all("lineitem").map { $0.text("amount") } == ["10.00", "0.80"])
        let banked = try sent(document(.salesReceipt, [line(.tender, "bank:USD", 1000, "1000", type: "bank:BOA"), lines[1]], total: 1000))
        let bank = try #require(banked.order.firstIndex(of: "bankaccountid"))
        #expect(banked.order.firstIndex(of: "depositdate") == bank + 1)
    }

    @Test("an entry has a side and an amount without sign on each line") func entry() throws {
        let batch = try #require(try sent(journal())["GLBATCH"])
        #expect(batch.text("JOURNAL") == "GJ" && batch.text("BATCH_DATE") == "11/14/2026" && batch.text("REFERENCENO") == key(5).text)
        let lines = batch["ENTRIES"]?.all("GLENTRY") ?? []
        #expect(lines.map { $0.text("TR_TYPE") } == ["1", "1", "-1"] && lines.map { $0.text("TRX_AMOUNT") } == ["9.70", "0.30", "10.00"])
        #expect(lines.allSatisfy { $0.text("CURRENCY") == "USD" && $0.text("EXCH_RATE_TYPE_ID") == "Intacct Daily Rate" })
        #expect(try sent(journal(), facts(["journal": "CF"])).at(["GLBATCH", "JOURNAL"])?.text == "CF")
    }

    @Test("dimensions stand where the schema wants them, those of the settings where no rule says otherwise") func dimensions() throws {
        let sale = document(.invoice, [
            control(1500), line(.goods, "sales", -1000, "4000", dimensions: ["class": "WEB", "project": "P1", "item": "MUG", "colour": "blue"]),
            line(.goods, "sales", -500, "4000", dimensions: ["location": "200"]),
        ])
        let items = try sent(sale, facts(["entity": "100", "department": "20"]))["invoiceitems"]?.all("lineitem") ?? []
        #expect(items.first?.order == ["glaccountno", "amount", "memo", "locationid", "departmentid", "projectid", "itemid", "classid"])
        #expect(items.map { $0.text("locationid") } == ["100", "200"] && items.first?.text("classid") == "WEB")
        let entry = try sent(journal(), facts(["location": "100"])).at(["GLBATCH", "ENTRIES", "GLENTRY"])
        #expect(entry?.text("LOCATION") == "100")
        let odd = document(.invoice, [control(1000), line(.goods, "sales", -1000, "4000", dimensions: ["task": "T1"])])
        #expect(refused(odd) == "rejected dimension_invalid")
    }

    @Test("the bound receivable is named only where the settings say so") func receivable() throws {
        #expect(try sent(simple()).at(["invoiceitems", "lineitem", "offsetglaccountno"]) == nil)
        #expect(try sent(simple(), facts(["receivable": "bound"])).text("invoiceitems", "lineitem", "offsetglaccountno") == "1200")
    }

    @Test("a foreign sale states its rate; a rate of too many digits is rounded to ten") func foreign() throws {
        let lines = [control(1000, currency: .eur, base: 1085), line(.goods, "sales", -1000, "4000", currency: .eur, base: -1085)]
        let sale = try sent(document(.invoice, lines, currency: .eur, rate: "1.085000000049"))
        #expect(sale.text("basecurr") == "USD" && sale.text("currency") == "EUR" && sale.text("exchrate") == "1.085" && sale["exchratetype"] == nil)
        #expect(refused(document(.invoice, lines, currency: .eur, rate: "0")) == "rejected rate_out_of_range")
    }

    @Test("a foreign entry keeps its currency where base follows from the rate, and is in the base currency otherwise") func foreignEntry() throws {
        func entry(_ bases: [Int64], _ amounts: [Int64] = [1000, -1000]) throws -> XMLElement? {
            let lines = zip(amounts, bases).map { line(.other, "clearing:card:EUR", $0, "1105", currency: .eur, base: $1) }
            return try sent(document(.journal, lines, currency: .eur, total: 1000, rate: "1.085")).at(["GLBATCH", "ENTRIES"])
        }
        let own = try #require(try entry([1085, -1085])).all("GLENTRY")
        #expect(own.allSatisfy { $0.text("CURRENCY") == "EUR" && $0.text("EXCHANGE_RATE") == "1.085" && $0.text("TRX_AMOUNT") == "10.00" })
        let base = try #require(try entry([1085, -1086, 1], [1000, -1000, 0])).all("GLENTRY")
        #expect(base.allSatisfy { $0.text("CURRENCY") == "USD" } && base.map { $0.text("TRX_AMOUNT") } == ["10.85", "10.86", "0.01"])
    }

    @Test("text of people stays text, in one line") func words() throws {
        let sale = document(
            .invoice, [control(1000), line(.goods, "sales", -1000, "4000", text: "Mug </memo><amount>9\u{0}\r\nblue & \"white\"")], reference: "order <1>\n")
        let item = try #require(try sent(sale).at(["invoiceitems", "lineitem"]))
        #expect(item.text("memo") == "Mug </memo><amount>9 blue & \"white\"" && item.text("amount") == "10.00")
        #expect(try sent(sale).text("description") == "cf:\(key()) order <1>")
    }

    @Test("what would say something else than the plan is not sent") func wrong() {
        #expect(refused(document(.invoice, [control(999), line(.goods, "sales", -1000, "4000")])) == "rejected document_unbalanced")
        #expect(refused(document(.invoice, [control(0)])) == "rejected document_empty")
        #expect(refused(document(.invoice, [control(1000), line(.goods, "sales", -1000, "4000")], party: nil)) == "rejected party_missing")
        #expect(refused(document(.journal, [line(.other, "a", 5, "1"), line(.other, "b", -4, "2")], total: 5)) == "rejected document_unbalanced")
        #expect(refused(document(.purchaseOrder, [control(1000)])) == "rejected form_unsupported")
        #expect(refused(payment(on: nil)) == "throttled waits_for_document")
        #expect(refused(simple(effect: .void)) == "rejected void_not_created")
        let kwd = Currency("KWD") ?? .usd
        let dinars = [control(1, currency: kwd), line(.goods, "s", -1, "4000", currency: kwd)]
        #expect(refused(document(.invoice, dinars, currency: kwd)) == "rejected currency_precision")
        let long = (0 ..< 2_001).map { _ in line(.goods, "sales", -1, "4000") }
        #expect(refused(document(.invoice, [control(2_001)] + long)) == "rejected document_too_long")
    }

    @Test("what stands in its way is said before anything is sent, whatever is looked up later") func objections() {
        #expect(connector.objections(to: document(.invoice, [control(1000), line(.goods, "s", -1000, "4000")], party: nil), facts).isEmpty)
        #expect(connector.objections(to: payment(on: nil), facts).isEmpty)
        #expect(connector.objections(to: document(.purchaseOrder, [control(1000)]), facts).map(\.code) == ["form_unsupported"])
        #expect(connector.objections(to: simple(), facts(["receivable": "maybe"])).map(\.code) == ["setting_invalid"])
    }
}

/// - Source: developer.intacct.com, Invoices: taxentries.
@Suite("Tax in Sage Intacct") struct TaxTests {
    @Test("a tax detail carries the source's own cents, a discount's below zero") func entries() throws {
        let sale = try sent(taxed(vat: 361), facts(["tax_solution": "United Kingdom - VAT"]))
        #expect(sale.text("taxsolutionid") == "United Kingdom - VAT")
        let items = sale["invoiceitems"]?.all("lineitem") ?? []
        #expect(items.map { $0.text("amount") } == ["20.00", "-2.00"])
        #expect(items.map { $0.text("taxentries", "taxentry", "trx_tax") } == ["4.01", "-0.40"])
        #expect(items.first?.text("taxentries", "taxentry", "detailid") == "UK Sale Standard")
        #expect(connector.meant(taxed(vat: 361)).tax_minor == 361 && connector.meant(taxed(vat: 361)).total_minor == 2161)
    }

    @Test("where nothing is bound to a tax detail a tax is a line on its account") func lines() throws {
        let sale = document(.invoice, [
            control(1080), line(.goods, "sales", -1000, "4000", code: "none", group: "L1"),
            line(.tax, "tax_payable:US", -80, "2200", tax: "US-CO@8", code: "none", group: "L1"),
        ])
        let items = try sent(sale)["invoiceitems"]?.all("lineitem") ?? []
        #expect(items.map { $0.text("glaccountno") } == ["4000", "2200"] && items.allSatisfy { $0["taxentries"] == nil })
        #expect(try sent(sale, facts(["tax_solution": "X"]))["taxsolutionid"] == nil)
        #expect(connector.meant(sale).accounts == ["4000": -1000, "2200": -80] && connector.meant(sale).tax_minor == 0)
    }

    @Test("a code that is not bound, is no id, or has no line is refused") func wrong() {
        func sale(_ goods: String?, _ tax: String?, canonical: String? = "GB@20", group: String = "L1") -> LedgerDocument {
            document(.invoice, [
                control(1200), line(.goods, "sales", -1000, "4000", tax: canonical, code: goods, group: "L1"),
                line(.tax, "tax_payable:GB", -200, "2200", tax: "GB@20", code: tax, group: group),
            ])
        }
        #expect(refused(sale(nil, "UK")) == "rejected tax_code_unbound")
        #expect(refused(sale("UK", nil)) == "rejected tax_code_unbound")
        #expect(refused(sale("UK+", "UK")) == "rejected tax_code_invalid")
        #expect(refused(sale("UK", "UK+EU")) == "rejected tax_code_invalid")
        #expect(refused(sale("none", "UK", group: "L2")) == "rejected tax_without_line")
    }

    @Test("shares of a tax always come to it", arguments: [
        (100, [1, 1, 1]), (-7, [3, -1]), (1, [0, 0]), (361, [2000, -200]), (5, [-3, -2]), (0, [1, -1]), (9, [1, -1]), (3, []),
    ] as [(Int64, [Int64])])
    func shares(_ amount: Int64, _ weights: [Int64]) {
        let shares = TradeLines.shares(of: amount, weights: weights)
        #expect(shares.count == weights.count && (weights.isEmpty || shares.reduce(0, +) == amount))
    }
}
