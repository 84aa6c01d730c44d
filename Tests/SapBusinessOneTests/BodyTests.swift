import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("What is written") struct BodyTests {
    @Test("a sale is a service invoice: lines by account, each with its tax code and the source's tax") func sale() throws {
        #expect(try sent(taxed()) == json(#"""
            {"CardCode":"C20000","DocType":"dDocument_Service","DocDate":"2026-11-20","TaxDate":"2026-11-20","DocDueDate":"2026-11-20","DiscountPercent":0,
             "NumAtCard":"cf:0000000000000001 order 1001","DocCurrency":"GBP","Comments":"order 1001",
             "DocumentLines":[
              {"ItemDescription":"Mug","AccountCode":"400000","LineTotal":20.00,"VatGroup":"O1","TaxTotal":4.00},
              {"ItemDescription":"Autumn","AccountCode":"400100","LineTotal":-2.00,"VatGroup":"O1","TaxTotal":-0.40}]}
            """#))
        let call = try #require(drive(connector.create([taxed()], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/b1s/v2/Invoices" && call.kind == .write && call.cost == ["minute": 1])
    }

    @Test("the version that the connection names is spoken, to the login too") func version() throws {
        let call = try #require(drive(connector.create([simple()], attempt: "a", facts(["api": "v1"]))).calls.first)
        #expect(call.request.target == "/b1s/v1/Invoices")
        guard case .session(let session) = connector.spec.auth else { Issue.record("no session"); return }
        #expect(session.login(facts(["api": "v1"])).request.target == "/b1s/v1/Login" && session.login(facts).request.target == "/b1s/v2/Login")
        #expect(try body(session.login(facts))["Language"] == 3)
    }

    @Test("lines may be items: quantity and price where they multiply out, below zero by the quantity") func items() throws {
        let goods = line(.goods, "sales:homeware", -3998, "400000", group: "L1", text: "Mug", sku: "A00001", quantity: "2", item: "A00001")
        let discount = line(.discount, "discounts", 500, "400100", group: "L1", text: "Autumn", item: "discounts")
        let items = facts(["lines": "items", "tax_codes": "sales_tax_codes", "exempt_code": "EX"])
        let sent = try sent(document(.invoice, [control(3498), goods, discount]), items)
        #expect(sent["DocType"] == "dDocument_Items")
        #expect(try sent["DocumentLines"] == json(#"""
            [{"ItemCode":"A00001","ItemDescription":"Mug","AccountCode":"400000","Quantity":2,"UnitPrice":19.99,"DiscountPercent":0,
              "TaxCode":"EX","TaxTotal":0.00},
             {"ItemCode":"discounts","ItemDescription":"Autumn","AccountCode":"400100","Quantity":-1,"UnitPrice":5.00,"DiscountPercent":0,
              "TaxCode":"EX","TaxTotal":0.00}]
            """#))
        #expect(refused(simple(), facts(["lines": "items"])) == "rejected item_missing")
    }

    @Test("our key goes into a user field where the connection names one, and the customer's reference is the shop's") func keyField() throws {
        let sent = try sent(simple(), facts(["key_field": "U_ExtId", "branch": "1"]))
        #expect(sent["U_ExtId"] == "cf:0000000000000001" && sent["NumAtCard"] == "order 1001" && sent["BPL_IDAssignedToInvoice"] == 1)
    }

    @Test("dimensions: distribution rules and the project") func dimensions() throws {
        let dimensions = ["costing_code": "DEP1", "costing_code5": "W", "project": "P1", "class": "x"]
        let goods = line(.goods, "sales:homeware", -1000, "400000", text: "Mug", dimensions: dimensions)
        let sent = try sent(document(.invoice, [control(1000), goods]))
        #expect(try sent.at(["DocumentLines", "0"]) == json(#"""
            {"ItemDescription":"Mug","AccountCode":"400000","LineTotal":10.00,"CostingCode":"DEP1","CostingCode5":"W","ProjectCode":"P1"}
            """#))
    }

    @Test("a dimension that is longer than their codes would be another one's when cut, so it is refused before") func longDimension() {
        func goods(_ name: String, _ code: String) -> LedgerDocument {
            document(.invoice, [control(1000), line(.goods, "sales:homeware", -1000, "400000", text: "Mug", dimensions: [name: code])])
        }
        #expect(refused(goods("costing_code2", "DEPARTMENT")) == "rejected dimension_invalid")
        #expect(connector.objections(to: goods("costing_code2", "DEPARTMENT"), facts).map(\.code) == ["dimension_invalid"])
        #expect(connector.objections(to: goods("costing_code2", "DEPARTME"), facts).isEmpty)
        #expect(refused(goods("project", String(repeating: "P", count: 21))) == "rejected dimension_invalid")
        let entry = document(.payout, [line(.tender, "bank:GBP", 9700, "161500", dimensions: ["project": String(repeating: "P", count: 21)]),
            line(.other, "clearing:card:GBP", -9700, "161000")], total: 9700)
        #expect(refused(entry) == "rejected dimension_invalid")
    }

    @Test("a document in a foreign currency states its rate, in the company's own codes and the company's way") func foreign() throws {
        let usd = document(
            .invoice, [control(1000, currency: .usd, base: 800), line(.goods, "sales:homeware", -1000, "400000", text: "Mug", currency: .usd, base: -800)],
            currency: .usd, rate: "0.8")
        let direct = try sent(usd, facts(["currencies": "USD=$"]))
        #expect(direct["DocCurrency"] == "$" && direct["DocRate"] == .number("0.8") && direct.at(["DocumentLines", "0", "RowTotalFC"]) == .number("10.00"))
        #expect(direct.at(["DocumentLines", "0", "LineTotal"]) == nil)
        #expect(try sent(usd, facts(["rate": "indirect"]))["DocRate"] == .number("1.25"))
    }

    @Test("money in is a transfer from a customer that pays his invoice") func incoming() throws {
        #expect(try sent(payment()) == json(#"""
            {"DocType":"rCustomer","CardCode":"C20000","DocDate":"2026-11-20","TaxDate":"2026-11-20","DueDate":"2026-11-20","DocCurrency":"GBP",
             "TransferAccount":"161000","TransferDate":"2026-11-20","TransferReference":"cf:0000000000000001","TransferSum":10.00,"Remarks":"transaction 1",
             "PaymentInvoices":[{"LineNum":0,"DocEntry":77,"InvoiceType":"it_Invoice","SumApplied":10.00}]}
            """#))
        let two = document(
            .payment, [line(.tender, "clearing:card:GBP", 700, "161000"), line(.tender, "gift_cards", 300, "230000"), control(-1000)],
            appliesTo: "77", against: .invoice)
        let sent = try sent(two)
        #expect(sent["TransferSum"] == .number("7.00") && sent["CashAccount"] == "230000" && sent["CashSum"] == .number("3.00"))
    }

    @Test("money back is a payment to the customer against his credit note") func outgoing() throws {
        let call = try #require(drive(connector.create([refund()], attempt: "a", facts)).calls.first)
        #expect(call.request.path == "/b1s/v2/VendorPayments")
        #expect(try body(call)["PaymentInvoices"] == json(#"[{"LineNum":0,"DocEntry":31,"InvoiceType":"it_CredItnote","SumApplied":10.00}]"#))
        #expect(try body(call)["DocType"] == "rCustomer")
    }

    @Test("a payment with a fee beside it is an entry on the customer") func withFee() throws {
        let call = try #require(drive(connector.create([payment(fee: 30)], attempt: "a", facts)).calls.first)
        #expect(call.request.path == "/b1s/v2/JournalEntries")
        #expect(try body(call)["JournalEntryLines"] == json(#"""
            [{"AccountCode":"161000","Debit":9.70},{"ShortName":"C20000","Credit":10.00},{"AccountCode":"620000","Debit":0.30}]
            """#))
    }

    @Test("a deposit that is drawn pays the invoice; a difference beside money makes it an entry") func deposit() throws {
        let drawn = document(
            .payment, [line(.control, "customer_deposits", 1000, "222000"), line(.control, "receivable:shop", -1000, "120000")], total: 1000, appliesTo: "77",
            against: .invoice)
        #expect(try sent(drawn)["TransferAccount"] == "222000")
        let beside = [line(.tender, "clearing:card:GBP", 990, "161000"), line(.other, "rounding", 10, "999000"), control(-1000)]
        let call = try #require(drive(connector.create([document(.payment, beside, appliesTo: "77", against: .invoice)], attempt: "a", facts)).calls.first)
        #expect(call.request.path == "/b1s/v2/JournalEntries")
    }

    @Test("an entry: reference, memo, sides") func entry() throws {
        #expect(try sent(payout()) == json(#"""
            {"ReferenceDate":"2026-11-20","DueDate":"2026-11-20","TaxDate":"2026-11-20","Memo":"payout 55","Reference":"cf:0000000000000001",
             "JournalEntryLines":[{"AccountCode":"161500","Debit":97.00},{"AccountCode":"620000","Debit":3.00},{"AccountCode":"161000","Credit":100.00}]}
            """#))
    }

    @Test("an entry in a foreign currency states both amounts; a difference of rates is a line without one of its own") func foreignEntry() throws {
        let lines = [
            line(.tender, "bank:USD", 1000, "161500", currency: .usd, base: 810),
            line(.other, "clearing:card:USD", -1000, "161000", currency: .usd, base: -800),
            line(.other, "exchange_gain", 0, "770000", currency: .usd, base: -10),
        ]
        let sent = try sent(document(.payout, lines, currency: .usd, total: 1000, rate: "0.81"))
        #expect(try sent["JournalEntryLines"] == json(#"""
            [{"AccountCode":"161500","Debit":8.10,"FCDebit":10.00,"FCCurrency":"USD"},
             {"AccountCode":"161000","Credit":8.00,"FCCredit":10.00,"FCCurrency":"USD"},
             {"AccountCode":"770000","Credit":0.10}]
            """#))
    }

    @Test("texts are as long as the fields, in their units, and of one line") func lengths() throws {
        let long = String(repeating: "👩‍👩‍👧‍👦", count: 60)
        let goods = line(.goods, "sales:homeware", -1000, "400000", text: long)
        let sent = try sent(document(.invoice, [control(1000), goods], reference: long, note: "a\nb\u{0}c"))
        for (value, most) in [(sent["NumAtCard"], 100), (sent["Comments"], 254), (sent.at(["DocumentLines", "0", "ItemDescription"]), 100)] {
            let text = try #require(value?.string)
            #expect(text.utf16.count <= most && !text.isEmpty && text.allSatisfy { $0.isASCII || $0 == "👩‍👩‍👧‍👦" }, "\(most)")
        }
        #expect(try self.memo(String(repeating: "x", count: 90)) == String(repeating: "x", count: 50))
    }

    private func memo(_ reference: String) throws -> String? {
        try sent(document(.payout, payout().lines, total: 10_000, reference: reference))["Memo"]?.string
    }

    @Test("what can't be said there is not sent") func refusals() {
        #expect(refused(document(.salesReceipt, [])) == "rejected form_unsupported")
        #expect(refused(simple(effect: .void)) == "rejected void_not_created")
        #expect(refused(payment(on: nil)) == "throttled waits_for_document")
        #expect(refused(payment(on: "x")) == "rejected remote_id_missing")
        #expect(refused(document(.invoice, simple().lines, party: nil)) == "rejected party_missing")
        #expect(refused(document(.invoice, simple().lines, total: 1001)) == "rejected document_unbalanced")
        #expect(refused(document(.invoice, [control(-1000), line(.discount, "discounts", 1000, "400100")], total: -1000)) == "rejected total_negative")
        #expect(refused(document(.invoice, [control(0)])) == "rejected document_empty")
        #expect(refused(document(.journal, [control(1000, of: "7"), line(.other, "sales", -1000, "400000")])) == "rejected receivable_of_many")
        #expect(refused(document(.invoice, [control(1000, of: "7"), line(.goods, "sales", -1000, "400000")])) == "rejected receivable_of_many")
        #expect(refused(document(.journal, [line(.other, "a", 1000, "1"), line(.other, "b", -999, "2")], total: 1000)) == "rejected document_unbalanced")
        let dollars = [line(.other, "a", 1000, "1", currency: .usd), line(.other, "b", -1000, "2", currency: .usd)]
        #expect(refused(document(.journal, dollars, currency: .usd, total: 1000, rate: "0.8")) == "rejected base_amount_missing")
        #expect(refused(simple(), facts(["api": "v3"])) == "rejected setting_invalid")
        var unbound = simple()
        unbound.lines[1].account.remoteID = nil
        #expect(refused(unbound) == "rejected account_not_bound")
    }

    @Test("what keeps a document from being written is told before, without what is looked up later") func objections() {
        #expect(connector.objections(to: document(.payment, payment().lines, party: nil, against: .invoice), facts).isEmpty)
        #expect(connector.objections(to: document(.memo, []), facts).map(\.code) == ["form_unsupported"])
        #expect(connector.objections(to: document(.invoice, simple().lines, total: 1001, party: nil), facts).map(\.code) == ["document_unbalanced"])
        #expect(connector.objections(to: simple(), facts(["branch": "main"])).map(\.code) == ["setting_invalid"])
        #expect(connector.objections(to: simple(), facts(["lines": "items"])).isEmpty)
    }
}
