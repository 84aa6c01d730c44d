import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("What a posting becomes in Odoo") struct BodyTests {
    @Test("an invoice: our key in ref, its own date, every line on its account with the taxes said, none included") func invoice() throws {
        var document = taxed()
        document.plan.note = "gift"
        #expect(try sent(document) == json(
            """
            {"move_type":"out_invoice","partner_id":58,"invoice_date":"2026-11-14","date":"2026-11-14","ref":"cf:0000000000000001 order 6120034117000 | gift",
            "invoice_origin":"order 6120034117000","payment_reference":"order 6120034117000","invoice_date_due":"2026-11-14","invoice_payment_term_id":false,
            "invoice_line_ids":[[0,0,{"name":"Mug","quantity":2,"price_unit":10.00,"discount":0,"account_id":200,"tax_ids":[[6,0,[5]]]}],
            [0,0,{"name":"Autumn","quantity":1,"price_unit":-2.00,"discount":0,"account_id":201,"tax_ids":[[6,0,[5]]]}]]}
            """))
        #expect(try sent(simple())["invoice_line_ids"]?[0]?[2]?["tax_ids"] == [[6, 0, []]])
    }

    @Test("a credit note is out_refund, positive, and falls due never") func creditNote() throws {
        let values = try sent(document(.creditNote, [line(.goods, "returns_allowances", 1000, 491, text: "Mug"), control(-1000)]))
        #expect(values["move_type"] == "out_refund" && values["invoice_date_due"] == nil)
        #expect(values["invoice_line_ids"]?[0]?[2]?["price_unit"] == .number("10.00"))
    }

    @Test("a payment is an entry on its own two accounts, with the contact on the receivable alone") func payments() throws {
        let values = try sent(payment())
        #expect(values["move_type"] == "entry" && values["ref"] == "cf:0000000000000001 transaction 1" && values["partner_id"] == 58)
        let lines = try #require(values["line_ids"]?.array)
        #expect(lines.map { $0[2]?["debit"]?.decimal } == [decimal("10"), .zero] && lines.map { $0[2]?["credit"]?.decimal } == [.zero, decimal("10")])
        #expect(lines.map { $0[2]?["account_id"]?.int } == [110, 61] && lines.map { $0[2]?["partner_id"]?.int } == [nil, 58])
    }

    @Test("every other form that goes is an entry; the rest is refused with a way out", arguments: PostingForm.allCases) func forms(form: PostingForm) throws {
        let entry = document(form, [control(1000), line(.other, "other", -1000, 300)])
        switch form {
        case .invoice, .creditNote, .bill, .purchaseOrder: break
        case .salesReceipt, .memo, .salesOrder: #expect(refused(entry) == "rejected form_unsupported")
        default: #expect(try sent(entry)["move_type"] == "entry")
        }
    }

    @Test("quantity and price only where they multiply out; otherwise one unit at the amount", arguments: [
        ("3", 1000, "1", "10.00"), ("4", 1000, "4", "2.50"), ("2.5", 1000, "2.5", "4.00"), ("0.125", 1000, "1", "10.00"), ("0", 1000, "1", "10.00"),
        ("-2", 1000, "1", "10.00"),
    ] as [(String, Int64, String, String)]) func quantities(_ asked: String, _ amount: Int64, _ quantity: String, _ price: String) throws {
        let values = try sent(document(.invoice, [control(amount), line(.goods, "sales", -amount, 200, quantity: asked)]))
        let item = try #require(values["invoice_line_ids"]?[0]?[2])
        #expect(item["quantity"]?.decimal == decimal(quantity) && item["price_unit"] == .number(price))
    }

    @Test("journals, company and lines without a title") func settings() throws {
        let connection = facts(["sales_journal": "7", "general_journal": "9", "company": "3"])
        let untitled = document(.invoice, [control(1000), line(.goods, "sales:home_ware", -1000, 200)])
        #expect(try sent(untitled, connection)["journal_id"] == 7 && sent(payment(), connection)["journal_id"] == 9)
        #expect(try sent(untitled)["invoice_line_ids"]?[0]?[2]?["name"] == "Sales: home ware")
        let call = try #require(drive(connector.create([untitled], attempt: "a", connection)).calls.first)
        #expect(try body(call)["context"] == json(#"{"lang":"en_US","allowed_company_ids":[3]}"#))
    }

    @Test("analytic accounts: by share from version 16, several together; one account before; what is no id is refused") func analytic() throws {
        func values(_ dimensions: [String: String], _ version: String) throws -> JSON? {
            let document = document(.invoice, [control(1000), line(.goods, "sales", -1000, 200, dimensions: dimensions)])
            return try sent(document, facts(["version": version]))["invoice_line_ids"]?[0]?[2]
        }
        #expect(try values(["analytic": "12", "return_reason": "broken"], "19")?["analytic_distribution"] == ["12": 100])
        #expect(try values(["analytic": "12", "analytic_project": "7"], "16")?["analytic_distribution"] == ["12,7": 100])
        #expect(try values(["analytic": "12"], "15")?["analytic_account_id"] == 12)
        #expect(try values(["class": "x"], "19")?["analytic_distribution"] == nil)
        let odd = document(.invoice, [control(1000), line(.goods, "sales", -1000, 200, dimensions: ["analytic": "Shop"])])
        #expect(refused(odd) == "rejected dimension_invalid")
    }

    @Test("a foreign document asks for its currency's id first, and states the rate where the version takes one", arguments: [("19", true), ("18", true), ("17", false), ("14", false)])
    func foreign(version: String, states: Bool) throws {
        let document = document(
            .invoice, [control(1000, currency: .eur, base: 860), line(.goods, "sales", -1000, 200, currency: .eur, base: -860)], currency: .eur, rate: "0.86")
        let transport = version == "19" ? "[{\"id\":4,\"name\":\"EUR\"}]" : #"{"jsonrpc":"2.0","id":1,"result":[{"id":4,"name":"EUR"}]}"#
        let calls = drive(connector.create([document], attempt: "a", facts(["version": version])), [answer(transport)]).calls
        #expect(names(calls) == ["res.currency/search_read", "account.move/create"])
        let list = try #require(try body(calls[1])["vals_list"]?.array ?? body(calls[1]).member("params", "args")?[5]?[0]?.array)
        #expect(list[0]["currency_id"] == 4)
        #expect(list[0]["invoice_currency_rate"] == (states ? .number("1.162790697674") : nil))
        // A currency that is not active there.
        let none = drive(connector.create([document], attempt: "a", facts), [answer("[]")])
        #expect(none.end.output?.map(word) == ["rejected currency_inactive"])
    }

    @Test("an entry in a foreign currency has both amounts") func foreignEntry() throws {
        let paid = document(
            .payment, [line(.tender, "clearing:card:EUR", 1000, 110, currency: .eur, base: 860), control(-1000, currency: .eur, base: -860)], currency: .eur,
            rate: "0.86", appliesTo: "77", against: .invoice)
        let calls = drive(connector.create([paid], attempt: "a", facts), [answer("[{\"id\":4,\"name\":\"EUR\"}]")]).calls
        let lines = try #require(try body(calls[1])["vals_list"]?[0]?["line_ids"]?.array)
        #expect(lines.map { $0[2]?["amount_currency"]?.decimal } == [decimal("10"), decimal("-10")])
        #expect(lines[0][2]?["debit"]?.decimal == decimal("8.6") && lines[0][2]?["currency_id"] == 4)
        var bare = paid
        bare.plan.lines[0].base = nil
        bare.lines[0].plan.base = nil
        #expect(drive(connector.create([bare], attempt: "a", facts), [answer("[]")]).end.output?.map(word) == ["rejected base_amount_missing"])
    }

    @Test("what can't be said is refused before anything is sent") func refusals() {
        var nobody = simple()
        nobody.party = nil
        var named = simple()
        named.party = "Shop customers"
        var unbound = simple()
        unbound.lines[1].account.remoteID = nil
        #expect(refused(nobody) == "rejected party_missing" && refused(named) == "rejected party_missing")
        #expect(refused(unbound) == "rejected account_not_bound")
        #expect(refused(document(.invoice, [control(1000)])) == "rejected document_empty")
        #expect(refused(document(.invoice, [control(900), line(.goods, "sales", -1000, 200)])) == "rejected document_unbalanced")
        #expect(refused(document(.invoice, [control(1000), line(.goods, "sales", 1000, 200)], total: -1000)) == "rejected total_negative")
        #expect(refused(document(.journal, [line(.other, "a", 1000, 1), line(.other, "b", -900, 2)])) == "rejected document_unbalanced")
        #expect(refused(document(.journal, [line(.other, "a", 0, 1)])) == "rejected document_empty")
        #expect(refused(document(.payment, [line(.tender, "a", 1000, 1), line(.other, "b", -1000, 2)])) == "rejected payment_malformed")
        #expect(refused(payment(on: nil)) == "throttled waits_for_document")
        #expect(refused(simple(effect: .void)) == "rejected void_not_created")
    }

    @Test("settings that can't be read send nothing and say which", arguments: [
        ["version": "13"], ["version": "20"], ["version": "x"], ["transport": "soap"], ["transport": "json2", "version": "18"], ["company": "-1"],
        ["company": "My Company"], ["sales_journal": "99999999999"], ["general_journal": "0"], ["purchase_journal": "-7"],
    ]) func settings(_ settings: [String: String]) {
        #expect(refused(simple(), facts(settings)) == "rejected setting_invalid")
        #expect(drive(connector.chart(facts(settings))).end.fault?.code == "setting_invalid")
        #expect(drive(connector.find([simple()], facts(settings))).end.fault?.code == "setting_invalid")
    }
}
