import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

private func payable(_ amount: Int64) -> LedgerDocument.Line { line(.control, "payable:Clayworks", amount, 80) }

/// 200.00 of clay with 40.00 of tax by Odoo's tax 7.
private func bill(_ n: Int = 1, code: String? = "7", remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .bill,
        [
            line(.goods, "purchases:clay", 20_000, 600, tax: "purchase:GB@20", code: code, group: "L1", text: "CW-4711: Clay", quantity: "4"),
            line(.tax, "input_tax:GB", 4_000, 131, tax: "purchase:GB@20", code: code, group: "L1"), payable(-24_000),
        ], key: key(n), total: 24_000, reference: "bill BI-7", note: "No. CW-4711", effect: effect, remoteID: remoteID)
}

private func order(
    _ n: Int = 2, amount: Int64 = 8_000, quantity: String? = "40", item: String? = "12", remoteID: String? = nil, effect: PlannedPosting.Effect = .post
) -> LedgerDocument {
    var goods = line(.goods, "inventory", amount, 131, group: "PEN-1", text: "Pen", sku: "PEN-1", quantity: quantity)
    goods.item = item
    return document(
        .purchaseOrder, [goods, payable(-amount)], key: key(n), total: amount, reference: "purchase order PEN-1@2", note: "18 of PEN-1 left, below 20",
        effect: effect, remoteID: remoteID)
}

/// An order as Odoo lists it.
private func seen(_ id: Int, _ n: Int = 2, state: String = "purchase", total: String = "80.0", currency: String = "GBP") -> String {
    """
    {"id":\(id),"origin":"cf:\(key(n)) purchase order PEN-1@2","name":"P00007","state":"\(state)","date_order":"2026-11-14 12:00:00","partner_id":[58,"Clayworks"],\
    "currency_id":[1,"\(currency)"],"amount_total":\(total),"amount_tax":0.0,"write_date":"2026-11-14 10:00:00"}
    """
}

private let units = list(#"{"id":12,"uom_id":[1,"Units"]}"#), pounds = list(#"{"id":1,"name":"GBP"}"#)
private let use = list(#"{"id":7,"type_tax_use":"purchase"}"#)

@Suite("What is bought") struct PurchaseTests {
    // MARK: Bills

    private static let items = [
        item(1, move: 812, account: 600, "200.0", type: "expense"), item(2, move: 812, account: 131, "40.0", type: "asset_current", tax: 7, display: "tax"),
        item(3, move: 812, account: 80, "-240.0", type: "liability_payable", display: "payment_term"),
    ]

    @Test("a bill is in_invoice with positive lines on the bound accounts, its supplier's number on the payment") func bills() throws {
        let (end, calls) = drive(
            connector.create([bill()], attempt: "a", facts(["purchase_journal": "4"])),
            [use, answer("[812]"), list(Self.items[0], Self.items[1], Self.items[2]), answer("false")])
        #expect(end.output?.map(word) == ["posted 812"])
        #expect(names(calls) == ["account.tax/search_read", "account.move/create", "account.move.line/search_read", "account.move/action_post"])
        #expect(try body(calls[1])["vals_list"]?[0] == json(
            """
            {"move_type":"in_invoice","partner_id":58,"invoice_date":"2026-11-14","date":"2026-11-14","ref":"cf:0000000000000001 bill BI-7 | No. CW-4711",
            "invoice_origin":"bill BI-7","payment_reference":"No. CW-4711","invoice_date_due":"2026-11-14","invoice_payment_term_id":false,"journal_id":4,
            "invoice_line_ids":[[0,0,{"name":"CW-4711: Clay","quantity":4,"price_unit":50.00,"discount":0,"account_id":600,"tax_ids":[[6,0,[7]]]}]]}
            """))
    }

    @Test("it is due when the supplier says") func due() throws {
        var later = bill(code: nil).untaxed()
        later.plan.due = day.adding(days: 30)
        #expect(try sent(later)["invoice_date_due"] == "2026-12-14" && connector.meant(later).due == day.adding(days: 30))
    }

    @Test("a tax of other cents is set, and the payable is the one that is bound", arguments: ["19", "15"]) func amended(version: String) throws {
        let rows = [
            item(1, move: 812, account: 600, "200.0", type: "expense"), item(2, move: 812, account: 131, "39.99", type: "asset_current", tax: 7, display: "tax"),
            item(3, move: 812, account: 81, "-239.99", type: "liability_payable", display: "payment_term"),
        ].map { version == "15" ? $0.replacing(#""account_internal_type":"other""#, with: $0.contains("liability_payable") ? #""account_internal_type":"payable""# : #""account_internal_type":"other""#) : $0 }
        let parsed = try rows.map { try JSON(parsing: Array($0.utf8)) }
        let values = try #require(try Amendment(bill(), parsed, Dialect(facts(["version": version]))).values)
        let commands = try #require(values.first { $0.key == "line_ids" }?.value.array)
        #expect(commands.map { $0[1]?.int } == [2, 3] && commands[1][2]?["account_id"] == 80)
        if version == "19" {
            #expect(commands[0][2]?["balance"]?.decimal == decimal("40") && commands[1][2]?["balance"] == nil)
        } else {
            #expect(commands[0][2]?["debit"]?.decimal == decimal("40") && commands[1][2]?["credit"]?.decimal == decimal("240"))
        }
    }

    @Test("a tax that is for sales, or not there, is refused before anything is written", arguments: [#"{"id":7,"type_tax_use":"sale"}"#, nil]) func wrongTax(row: String?) {
        let (end, calls) = drive(connector.create([bill()], attempt: "a", facts), [row.map { list($0) } ?? list()])
        #expect(end.output?.map(word) == ["rejected tax_code_invalid"] && !calls.contains { $0.kind == .write })
        let changed = drive(connector.update(bill(remoteID: "41"), attempt: "a", facts), [row.map { list($0) } ?? list()])
        #expect(changed.end.output.map(word) == "rejected tax_code_invalid" && !changed.calls.contains { $0.kind == .write })
    }

    @Test("where purchases have no tax codes, their tax is a cost on its own account") func costs() throws {
        let values = try sent(bill(code: nil).untaxed())
        let lines = try #require(values["invoice_line_ids"]?.array)
        #expect(lines.map { $0[2]?["account_id"]?.int } == [600, 131] && lines.allSatisfy { $0[2]?["tax_ids"] == [[6, 0, []]] })
    }

    @Test("a bill reads back as it was meant, payable and tax apart; another sign is another document") func readback() throws {
        let (end, calls) = drive(
            connector.find([bill(remoteID: "812")], facts),
            [list(move(812, type: "in_invoice", total: "240.0", tax: "40.0", ref: "cf:0000000000000001 bill BI-7")), list(Self.items[0], Self.items[1], Self.items[2])])
        #expect(names(calls) == ["account.move/search_read", "account.move.line/search_read"])
        var meant = connector.meant(bill(remoteID: "812"))
        #expect(meant.due == day)
        meant.due = nil
        meant.version = "2026-11-14 10:00:00"
        meant.open_minor = 24_000
        #expect(end.output?[key()] == meant && meant.accounts == ["600": 20_000] && meant.tax_minor == 4_000 && meant.party == "58")
    }

    @Test("a bill goes back to draft and is posted anew, and is left alone once something is paid on it") func changes() throws {
        let open = move(41, type: "in_invoice", total: "240.0", tax: "40.0", ref: "cf:0000000000000001 bill BI-7")
        let rows = Self.items.map { $0.replacing("812", with: "41") }
        let done = drive(
            connector.update(bill(remoteID: "41"), attempt: "a", facts), [use, list(open), answer("true"), answer("true"), list(rows[0], rows[1], rows[2]), answer("false")])
        #expect(done.end.output.map(word) == "posted 41" && names(done.calls).suffix(2) == ["account.move.line/search_read", "account.move/action_post"])
        #expect(try body(done.calls[3])["vals"]?["invoice_line_ids"]?[0] == [5, 0, 0])
        let paid = drive(connector.void(bill(remoteID: "41", effect: .void), attempt: "a", facts), [list(open.replacing(#""amount_residual":240.0"#, with: #""amount_residual":40.0"#))])
        #expect(paid.end.output.map(word) == "rejected ledger_document_fixed")
        let gone = drive(connector.void(bill(remoteID: "41", effect: .void), attempt: "a", facts), [list(open), answer("true"), answer("true")])
        #expect(gone.end.output.map(word) == "posted 41" && names(gone.calls).last == "account.move/button_cancel")
    }

    // MARK: Orders

    @Test("an order is a request by product, unit and currency, read back, and confirmed", arguments: [("19", "tax_ids", "product_uom_id", true), ("18", "taxes_id", "product_uom", true), ("16", "taxes_id", "product_uom", false)])
    func orders(version: String, taxes: String, unit: String, discounts: Bool) throws {
        func rpc(_ answer: HTTPResponse) -> HTTPResponse { version == "19" ? answer : byRPC(answer) }
        let (end, calls) = drive(
            connector.create([order()], attempt: "a", facts(["version": version])),
            [units, pounds, answer("[7]"), list(seen(7, state: "draft")), answer("true")].map(rpc))
        #expect(end.output?.map(word) == ["posted 7"])
        #expect(names(calls) == [
            "product.product/search_read", "res.currency/search_read", "purchase.order/create", "purchase.order/search_read", "purchase.order/button_confirm",
        ])
        #expect(calls.map { $0.cost["minute"] ?? 0 } == [1, 1, 5, 0, 0])
        let values = try #require(try body(calls[2])["vals_list"]?[0] ?? body(calls[2]).member("params", "args")?[5]?[0]?[0])
        #expect(try values == json(
            """
            {"partner_id":58,"date_order":"2026-11-14 12:00:00","origin":"cf:0000000000000002 purchase order PEN-1@2 | 18 of PEN-1 left, below 20","currency_id":1,
            "order_line":[[0,0,{"product_id":12,"name":"Pen","product_qty":40,"\(unit)":1,"price_unit":2,"date_planned":"2026-11-14 12:00:00",
            "\(taxes)":[[6,0,[]]]\(discounts ? ",\"discount\":0" : "")}]]}
            """))
    }

    @Test("a request that comes to something else, or that Odoo won't confirm, is taken back") func takenBack() throws {
        let reads = [units, pounds, answer("[7]")]
        let differs = drive(connector.create([order()], attempt: "a", facts), reads + [list(seen(7, state: "draft", total: "81.2")), answer("true"), answer("true")])
        #expect(differs.end.output?.map(word) == ["rejected price_differs"])
        #expect(names(differs.calls).suffix(2) == ["purchase.order/button_cancel", "purchase.order/unlink"])
        let foreign = drive(connector.create([order()], attempt: "a", facts), reads + [list(seen(7, state: "draft", currency: "EUR")), answer("true"), answer("true")])
        #expect(foreign.end.output?.map(word) == ["rejected price_differs"])
        let no = drive(connector.create([order()], attempt: "a", facts), reads + [list(seen(7, state: "draft")), refusal("Some order lines are missing a product."), answer("true"), refusal("no")])
        #expect(no.end.output?.map(word) == ["rejected ledger_refused"], "a cancelled request that stays has no effect")
        let stuck = drive(connector.create([order()], attempt: "a", facts), reads + [list(seen(7, state: "draft")), refusal("no"), refusal("no")])
        #expect(stuck.end.output?.map(word) == ["unknown outcome_unknown"])
        #expect(drive(connector.create([order()], attempt: "a", facts), reads + [list()]).end.output?.map(word) == ["unknown unreadable_answer"])
    }

    @Test("how many is never guessed: what has no exact price, product, currency or supplier is refused before it is sent") func refusals() {
        #expect(refused(order(amount: 100, quantity: "3")) == "rejected price_not_exact")
        #expect(refused(order(quantity: "0.125")) == "rejected price_not_exact")
        #expect(refused(order(item: nil)) == "rejected item_not_found")
        var short = order()
        short.plan.total = Money(minor: 7_999, .gbp)
        #expect(refused(short) == "rejected document_unbalanced")
        var nobody = order()
        nobody.party = nil
        #expect(refused(nobody) == "rejected party_missing")
        #expect(refused(document(.purchaseOrder, [payable(0)], total: 0)) == "rejected document_empty")
        #expect(refused(order(effect: .void)) == "rejected void_not_created")
        #expect(drive(connector.create([order()], attempt: "a", facts), [units, list()]).end.output?.map(word) == ["rejected currency_inactive"])
        #expect(drive(connector.create([order()], attempt: "a", facts), [list(), pounds]).end.output?.map(word) == ["rejected item_not_found"])
    }

    @Test("what can never be written is told before anything is sent") func objections() {
        #expect(connector.objections(to: order(item: nil), facts).isEmpty && connector.objections(to: bill(), facts).isEmpty && connector.objections(to: simple(), facts).isEmpty)
        #expect(connector.objections(to: order(amount: 100, quantity: "3", item: nil), facts).map(\.code) == ["price_not_exact"])
        #expect(connector.objections(to: bill(code: "VAT"), facts).map(\.code) == ["tax_code_invalid"])
        #expect(connector.objections(to: document(.salesReceipt, [control(1)]), facts).map(\.code) == ["form_unsupported"])
        #expect(connector.objections(to: payment(on: nil), facts).isEmpty)
    }

    @Test("orders are found by the head of their origin and read back with what is ordered; a request is unfinished, a cancelled one nothing") func finds() throws {
        let goods = list(#"{"id":1,"order_id":[7,"P00007"],"product_id":[12,"[PEN-1] Pen"],"price_subtotal":80.0}"#)
        let (end, calls) = drive(connector.find([simple(1), order()], facts(["company": "3"])), [list(), list(seen(7)), goods])
        #expect(names(calls) == ["account.move/search_read", "purchase.order/search_read", "purchase.order.line/search_read"])
        #expect(try body(calls[1])["domain"] == json(#"[["origin","=like","cf:0000000000000002%"],["company_id","=",3]]"#))
        var meant = connector.meant(order(remoteID: "7"))
        meant.version = "2026-11-14 10:00:00"
        #expect(end.output == [key(2): meant] && meant.accounts == ["product:12": 8_000])
        let draft = drive(connector.fetch([order(remoteID: "7")], facts), [list(seen(7, state: "draft")), list()]).end.output?[key(2)]
        #expect(draft?.unfinished == true && draft?.voided == true)
        #expect(drive(connector.find([order()], facts), [list(seen(7, state: "cancel")), list()]).end.output?.isEmpty == true)
        #expect(drive(connector.find([order(remoteID: "7")], facts), [list(seen(7, state: "to approve")), goods]).end.output?[key(2)]?.voided == false)
        #expect(drive(connector.find([order()], facts), [list(seen(7, state: "odd")), list()]).end.fault?.code == "unreadable_answer")
    }

    @Test("a broken-off request is gone on with, a confirmed order stays as it is, and is cancelled once") func orderChanges() throws {
        let anew = drive(
            connector.update(order(remoteID: "7"), attempt: "a", facts), [list(seen(7, state: "draft")), units, pounds, answer("true"), list(seen(7, state: "draft")), answer("true")])
        #expect(anew.end.output.map(word) == "posted 7")
        #expect(names(anew.calls).suffix(3) == ["purchase.order/write", "purchase.order/search_read", "purchase.order/button_confirm"])
        #expect(try body(anew.calls[3])["vals"]?["order_line"]?[0] == [5, 0, 0])
        let stands = drive(connector.update(order(remoteID: "7"), attempt: "a", facts), [list(seen(7))])
        #expect(stands.end.output.map(word) == "rejected ledger_document_fixed" && !stands.calls.contains { $0.kind == .write })
        let void = order(remoteID: "7", effect: .void)
        #expect(drive(connector.void(void, attempt: "a", facts), [list(seen(7)), answer("null")]).end.output.map(word) == "posted 7")
        #expect(drive(connector.void(void, attempt: "a", facts), [list(seen(7, state: "cancel"))]).calls.count == 1)
        let billed = refusal("Unable to cancel purchase order(s): P00007. You must first cancel their related vendor bills.")
        #expect(drive(connector.void(void, attempt: "a", facts), [list(seen(7)), billed]).end.output.map(word) == "rejected ledger_refused")
    }

    // MARK: References

    @Test("bills and orders need their supplier, orders their products by internal reference; both are created once") func references() throws {
        #expect(connector.references(for: bill()).map(\.kind) == [.vendor])
        let wants = connector.references(for: order(item: nil))
        #expect(wants.map(\.kind) == [.vendor, .item] && wants[1].key == "PEN-1" && connector.itemKey(of: order().lines[0]) == "PEN-1")
        let (found, calls) = drive(
            connector.findReferences(wants, facts(["company": "3"])), [list(), list(#"{"id":12,"default_code":"PEN-1"}"#, #"{"id":13,"default_code":"PEN-1"}"#)])
        #expect(found.output == ["PEN-1": "12"])
        #expect(try body(calls[1])["domain"] == json(#"[["default_code","in",["PEN-1"]],["company_id","in",[false,3]]]"#))
        let made = drive(connector.createReferences(wants, facts), [answer("[70]"), answer("[14]")])
        #expect(made.end.output?.values.sorted() == ["14", "70"])
        #expect(try body(made.calls[0])["vals_list"]?[0]?["supplier_rank"] == 1)
        #expect(try body(made.calls[1])["vals_list"] == json(#"[{"name":"Pen","default_code":"PEN-1","type":"consu","purchase_ok":true,"sale_ok":false}]"#))
        #expect(drive(connector.createReferences(wants, facts), [answer("[70]"), answer("[14,15]")]).end.fault?.code == "unreadable_answer")
    }
}

extension LedgerDocument {
    /// The same without a tax code of its lines, as where only taxes have one.
    fileprivate func untaxed() -> LedgerDocument {
        var out = self
        for i in out.lines.indices where out.lines[i].plan.part == .goods { out.lines[i].plan.taxCode = nil }
        return out
    }
}

/// The same answer by JSON-RPC.
private func byRPC(_ answer: HTTPResponse) -> HTTPResponse {
    HTTPResponse(200, body: Array("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\(answer.bodyText)}".utf8))
}
