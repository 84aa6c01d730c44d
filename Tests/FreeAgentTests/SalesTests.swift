import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

@Suite("Invoices and credit notes")
struct SalesTests {
    @Test("an invoice is a draft with our key as its reference and a rate on each line, then it is sent") func create() throws {
        let (output, calls, _, _) = drive(
            connector.create([sale()], attempt: "a", facts), [one("invoice", shown(), status: 201, at: "invoices/3"), nothing])
        #expect(output == [.posted(remoteID: "3", version: "2026-11-14T10:00:00Z")])
        #expect(said(calls) == ["POST /v2/invoices", "PUT /v2/invoices/3/transitions/mark_as_sent"])
        #expect(calls.map(\.cost) == [["minute": 2, "hour": 2], [:]], "the first write pays for both")
        // Members as on invoices.md, sales_tax.md.
        #expect(try body(calls[0]) == [
            "invoice": [
                "contact": "https://api.freeagent.com/v2/contacts/2", "dated_on": "2026-11-14", "payment_terms_in_days": 0, "reference": "0000000000000001",
                "currency": "GBP", "po_reference": "order 1",
                "invoice_items": [
                    [
                        "description": "Mug", "item_type": "Products", "quantity": "1", "price": "100.00", "category": "https://api.freeagent.com/v2/categories/001",
                        "sales_tax_status": "TAXABLE", "sales_tax_rate": "20",
                    ]
                ],
            ]
        ])
    }

    /// - Source: credit_notes.md, Create a credit note: amounts of -100.0, -20.0 and -120.0.
    @Test("a credit note has prices below zero") func creditNote() throws {
        let record = """
            {"url":"\(host)/credit_notes/3","status":"Draft","net_value":"-100.0","sales_tax_value":"-20.0","total_value":"-120.0","updated_at":"2020-01-21T11:43:12.000Z"}
            """
        let (output, calls, _, _) = drive(connector.create([refundNote()], attempt: "a", facts), [one("credit_note", record, status: 201), nothing])
        #expect(output == [.posted(remoteID: "3", version: "2020-01-21T11:43:12.000Z")])
        #expect(said(calls) == ["POST /v2/credit_notes", "PUT /v2/credit_notes/3/transitions/mark_as_sent"])
        #expect(try body(calls[0]).member("credit_note")?["credit_note_items"]?[0]?["price"] == "-100.00")
    }

    @Test("records are named below the connection's own base, in its sandbox or twin") func bases() throws {
        for base in ["https://api.sandbox.freeagent.com", "http://127.0.0.1:8090/freeagent", "http://127.0.0.1:8090/freeagent/"] {
            let facts = ConnectionFacts(account: "mycompany", base: base)
            let call = try #require(drive(connector.create([sale()], attempt: "a", facts)).calls.first)
            let bare = base.hasSuffix("/") ? String(base.dropLast()) : base
            #expect(try body(call).member("invoice", "contact")?.string == "\(bare)/v2/contacts/2")
            #expect(call.request.target == "/v2/invoices")
        }
    }

    @Test("a foreign document states its rate, base for one of its own") func foreign() throws {
        let lines = [
            owed(12_000, .eur, base: 10_000), goods(-10_000, .eur), vat(-2_000, .eur),
        ]
        let call = try #require(drive(connector.create([document(.invoice, lines, currency: .eur, rate: ExactDecimal("0.83333333333333"))], attempt: "a", facts)).calls.first)
        #expect(try body(call).member("invoice", "currency")?.string == "EUR" && body(call).member("invoice", "exchange_rate")?.string == "0.8333333333")
    }

    // MARK: What goes wrong on the way

    @Test("a draft whose tax came out otherwise is mended once, and sent when it is right") func mended() throws {
        let answers = [
            one("invoice", shown(total: "119.99", tax: "19.99"), status: 201), nothing, one("invoice", shown()), nothing,
        ]
        let (output, calls, _, _) = drive(connector.create([sale()], attempt: "a", facts), answers)
        #expect(output == [.posted(remoteID: "3", version: "2026-11-14T10:00:00Z")])
        #expect(said(calls) == ["POST /v2/invoices", "PUT /v2/invoices/3", "GET /v2/invoices/3", "PUT /v2/invoices/3/transitions/mark_as_sent"])
        let items = try #require(body(calls[1]).member("invoice", "invoice_items")?.array)
        #expect(items.map { $0["price"]?.string } == ["0.05", "-0.05"] && items.map { $0["sales_tax_rate"]?.string } == ["20", "0"])
    }

    @Test("a draft that can't be brought to the cent is deleted and the document refused", arguments: [("130.00", "30.00"), ("121.00", "20.00"), ("110.00", "20.00")])
    func differs(total: String, tax: String) {
        let (output, calls, _, _) = drive(connector.create([sale()], attempt: "a", facts), [one("invoice", shown(total: total, tax: tax), status: 201), nothing])
        let fault = rejected(output?.first)
        #expect(fault?.code == "tax_differs" && said(calls).last == "DELETE /v2/invoices/3")
    }

    @Test("one that stays off after it was mended is deleted too") func stubborn() {
        let off = one("invoice", shown(total: "119.99", tax: "19.99"), status: 201)
        let (output, calls, _, _) = drive(
            connector.create([sale()], attempt: "a", facts), [off, nothing, one("invoice", shown(total: "119.99", tax: "19.99")), nothing])
        let fault = rejected(output?.first)
        #expect(fault?.code == "tax_differs" && said(calls).last == "DELETE /v2/invoices/3")
    }

    @Test("a draft that is refused when it is sent is deleted; a taken number is looked up") func refusedOnTheWay() {
        let made = one("invoice", shown(), status: 201)
        let (locked, calls, _, _) = drive(connector.create([sale()], attempt: "a", facts), [made, refusal("dated_on is in a locked VAT return period"), nothing])
        let fault = rejected(locked?.first)
        #expect(fault?.code == "ledger_period_closed" && said(calls).last == "DELETE /v2/invoices/3")
        let (taken, _, _, _) = drive(connector.create([sale()], attempt: "a", facts), [made, refusal("reference has already been taken"), nothing])
        #expect(isDuplicate(taken?.first))
        let (left, _, _, _) = drive(connector.create([sale()], attempt: "a", facts), [made, refusal("no"), refusal("not this either", status: 403)])
        #expect(isUnknown(left?.first), "a draft that stays is not nothing")
    }

    @Test("an answer that names no record leaves the outcome open") func nameless() {
        let (output, calls, _, _) = drive(connector.create([sale()], attempt: "a", facts), [answer(#"{"invoice":{"status":"Draft"}}"#, status: 201)])
        #expect(isUnknown(output?.first))
        #expect(calls.count == 1)
    }

    @Test("the Location names the record where its body does not, as in the vendor's own sample") func location() {
        // invoices.md, Create an invoice: no url in the body.
        let sample = one("invoice", #"{"reference":"003","net_value":"100.0","total_value":"120.0","sales_tax_value":"20.0","status":"Draft","updated_at":"2011-08-29T00:00:00Z"}"#, status: 201, at: "invoices/33")
        let (output, _, _, _) = drive(connector.create([sale()], attempt: "a", facts), [sample, nothing])
        #expect(output == [.posted(remoteID: "33", version: "2011-08-29T00:00:00Z")])
    }

    @Test("what is refused at once was not done") func refusedAtOnce() {
        let (_, calls, _, verdict) = drive(connector.create([sale()], attempt: "a", facts), [refusal("contact is invalid")])
        let fault = rejected(verdict)
        #expect(fault?.code == "ledger_party_invalid" && calls.count == 1)
        #expect(isDuplicate(drive(connector.create([sale()], attempt: "a", facts), [refusal("Reference must be unique")]).verdict))
    }

    // MARK: Change

    @Test("a sent invoice becomes a draft, gets all lines anew, is compared and sent again") func update() throws {
        let changed = document(.invoice, [owed(6_000), goods(-5_000), vat(-1_000)], remoteID: "3")
        let answers = [one("invoice", shown(status: "Open")), nothing, nothing, one("invoice", shown(total: "60.0", tax: "10.0")), nothing]
        let (output, calls, _, _) = drive(connector.update(changed, attempt: "a", facts), answers)
        #expect(output == .posted(remoteID: "3", version: "2026-11-14T10:00:00Z"))
        #expect(said(calls) == [
            "GET /v2/invoices/3", "PUT /v2/invoices/3/transitions/mark_as_draft", "PUT /v2/invoices/3", "GET /v2/invoices/3",
            "PUT /v2/invoices/3/transitions/mark_as_sent",
        ])
        #expect(try body(calls[2]).member("invoice", "invoice_items")?[0] == ["id": 9, "_destroy": 1])
        #expect(try body(calls[2]).member("invoice", "invoice_items")?[1]?["price"] == "50.00")
    }

    @Test("a draft that an earlier attempt left is gone on with") func goesOn() {
        let (output, calls, _, _) = drive(connector.update(sale(remoteID: "3"), attempt: "a", facts), [one("invoice", shown()), nothing, one("invoice", shown()), nothing])
        #expect(output == .posted(remoteID: "3", version: "2026-11-14T10:00:00Z"))
        #expect(said(calls)[1 ... 2] == ["PUT /v2/invoices/3", "GET /v2/invoices/3"])
    }

    @Test("one with money on it is left alone", arguments: ["0.0", "70.0"]) func paid(due: String) {
        let (output, calls, _, _) = drive(connector.update(sale(remoteID: "3"), attempt: "a", facts), [one("invoice", shown(status: "Open", due: due))])
        let fault = rejected(output)
        #expect(fault?.code == "ledger_document_fixed" && calls.count == 1)
    }

    @Test("a change that is refused gives the old invoice its effect back") func restored() {
        let answers = [one("invoice", shown(status: "Open")), nothing, refusal("invoice_items.price is invalid"), nothing]
        let (output, calls, _, _) = drive(connector.update(sale(remoteID: "3"), attempt: "a", facts), answers)
        let fault = rejected(output)
        #expect(fault?.code == "ledger_refused" && said(calls).last == "PUT /v2/invoices/3/transitions/mark_as_sent" && fault?.summary.contains("draft") == false)
    }

    @Test("what can't be written does not cost what stands") func nothingLost() {
        let bad = document(.invoice, [owed(13_000), goods(-10_000), vat(-3_000)], remoteID: "3")
        let (output, calls, _, _) = drive(connector.update(bad, attempt: "a", facts))
        let fault = rejected(output)
        #expect(fault?.code == "tax_not_by_rate" && calls.isEmpty)
    }

    @Test("one that is gone is looked for by its key, then written anew") func anew() {
        let (found, calls, _, _) = drive(
            connector.update(sale(remoteID: "3"), attempt: "a", facts),
            [HTTPResponse(404), list("invoices", [shown(id: "4")]), one("invoice", shown(id: "4")), nothing, one("invoice", shown(id: "4")), nothing])
        #expect(found == .posted(remoteID: "4", version: "2026-11-14T10:00:00Z") && said(calls)[2] == "GET /v2/invoices/4")
        #expect(said(calls)[1] == "GET /v2/invoices?sort=-created_at&per_page=100&page=1")
        let (made, _, _, _) = drive(
            connector.update(sale(remoteID: "3"), attempt: "a", facts), [HTTPResponse(404), list("invoices"), one("invoice", shown(id: "7"), status: 201), nothing])
        #expect(made == .posted(remoteID: "7", version: "2026-11-14T10:00:00Z"))
    }

    @Test("where one is gone and two have its key, neither is written over; one that two pages list is one") func doubled() {
        let (output, calls, _, _) = drive(connector.update(sale(remoteID: "3"), attempt: "a", facts), [HTTPResponse(404), list("invoices", [shown(id: "4"), shown(id: "5")])])
        #expect(rejected(output)?.code == "ledger_document_doubled" && calls.allSatisfy { $0.kind == .read })
        let (once, _, _, _) = drive(
            connector.update(sale(remoteID: "3"), attempt: "a", facts),
            [HTTPResponse(404), list("invoices", [shown(id: "4"), shown(id: "4")]), one("invoice", shown(id: "4")), nothing, one("invoice", shown(id: "4")), nothing])
        #expect(once == .posted(remoteID: "4", version: "2026-11-14T10:00:00Z"))
    }

    @Test("a void makes it a draft and deletes it, and finds it gone the second time") func void() {
        let gone = sale(remoteID: "3", effect: .void)
        let (output, calls, _, _) = drive(connector.void(gone, attempt: "a", facts), [one("invoice", shown(status: "Overdue")), nothing, nothing])
        #expect(output == .posted(remoteID: "3", version: nil))
        #expect(said(calls) == ["GET /v2/invoices/3", "PUT /v2/invoices/3/transitions/mark_as_draft", "DELETE /v2/invoices/3"])
        #expect(drive(connector.void(gone, attempt: "a", facts), [HTTPResponse(404)]).output == .posted(remoteID: "3", version: nil))
        #expect(rejected(drive(connector.void(gone, attempt: "a", facts), [one("invoice", shown(status: "Paid", due: "0.0"))]).output) != nil)
    }

    @Test("documents without an id, a party or a form that FreeAgent has are refused before anything is sent") func unsendable() {
        var lone = sale()
        lone.party = nil
        let receipt = document(.salesReceipt, [line(.tender, "clearing:card:GBP", 1_000, bank(5)), goods(-1_000, rate: nil)])
        for (output, code) in [
            (drive(connector.create([lone], attempt: "a", facts)), "party_missing"), (drive(connector.create([receipt], attempt: "a", facts)), "form_unsupported"),
            (drive(connector.create([sale(effect: .void)], attempt: "a", facts)), "void_not_created"),
            (drive(connector.update(sale(), attempt: "a", facts).map { [$0] }), "remote_id_missing"),
            (drive(connector.void(sale(remoteID: "../1"), attempt: "a", facts).map { [$0] }), "remote_id_missing"),
        ] {
            let fault = rejected(output.output?.first)
            #expect(fault?.code == code && output.calls.isEmpty)
        }
    }
}
