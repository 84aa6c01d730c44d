import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Bills and purchase orders")
struct PurchaseTests {
    let connector = Desk.connector

    @Test("a bill names its vendor, its payable and an account for each line, with how much of what was bought")
    func bill() throws {
        let body = try Desk.sent(Desk.bill())
        let line = #"{"Description":"20 × CUP-1, Cup","Amount":80.00,"DetailType":"AccountBasedExpenseLineDetail","AccountBasedExpenseLineDetail":{"AccountRef":{"value":"A1400"}}}"#
        let freight = #"{"Description":"Freight","Amount":12.50,"DetailType":"AccountBasedExpenseLineDetail","AccountBasedExpenseLineDetail":{"AccountRef":{"value":"A2150"}}}"#
        #expect(
            try body == Desk.json(
                """
                {"DocNumber":"\(Desk.key(5))","TxnDate":"2026-11-14","CurrencyRef":{"value":"USD"},"PrivateNote":"cf:\(Desk.key(5)) bill 7",
                 "DueDate":"2026-11-14","VendorRef":{"value":"58"},"APAccountRef":{"value":"A2000"},"Line":[\(line),\(freight)]}
                """))
        let call = Desk.play(connector.create([Desk.bill()], attempt: "a", Desk.facts), []).calls[0]
        #expect(call.request.path == Desk.base + "/bill")
        #expect(Desk.play(connector.create([Desk.order()], attempt: "a", Desk.facts), []).calls[0].request.path == Desk.base + "/purchaseorder")
        #expect(try Desk.sent(Desk.order())["DueDate"] == nil)
        var later = Desk.bill()
        later.plan.due = LocalDate("2026-12-14")
        #expect(try Desk.sent(later)["DueDate"] == "2026-12-14")
    }

    @Test("a line with an item is written by it; tax is the form's where lines have codes for it, else a cost of its own")
    func lines() throws {
        var order = Desk.order()
        order.lines[0].item = "19"
        let detail = try Desk.sent(order)["Line"]?[0]?["ItemBasedExpenseLineDetail"]
        #expect(try detail == Desk.json(#"{"ItemRef":{"value":"19"},"Qty":20,"UnitPrice":4}"#))
        var taxed = Desk.bill()
        taxed.lines.append(Desk.line(.tax, "tax_receivable:GB", "2210", "18.50"))
        taxed.plan.total = Desk.usd("111.00")
        #expect(try Desk.sent(taxed)["Line"]?[2]?["AccountBasedExpenseLineDetail"]?["AccountRef"]?["value"] == "A2210")
        for i in taxed.lines.indices where taxed.lines[i].plan.part == .goods { taxed.lines[i].taxCode = "7" }
        let body = try Desk.sent(taxed)
        #expect(try body["TxnTaxDetail"] == Desk.json(#"{"TotalTax":18.50}"#))
        #expect(body["Line"]?.array?.count == 2)
        #expect(body["Line"]?[0]?["AccountBasedExpenseLineDetail"]?["TaxCodeRef"]?["value"] == "7")
    }

    @Test("what can't be a purchase is refused without being sent")
    func refusals() throws {
        func refusal(_ change: (inout LedgerDocument) -> Void) throws -> String? {
            var document = Desk.bill()
            change(&document)
            let (ending, calls) = Desk.play(connector.create([document], attempt: "a", Desk.facts), [])
            #expect(calls.isEmpty)
            guard case .finished(let outcomes) = ending, case .rejected(let fault)? = outcomes.first else { return nil }
            return fault.code
        }
        #expect(try refusal { $0.party = nil } == "party_not_found")
        #expect(try refusal { $0.lines = [] } == "no_lines")
        #expect(try refusal { $0.plan.total = Desk.usd("92.51") } == "unbalanced")
        #expect(try refusal { $0.lines[0].account = Desk.account("1400", bound: false) } == "account_not_bound")
        #expect(try refusal { $0.lines[0].plan.amount = Desk.usd("-80.00"); $0.plan.total = Desk.usd("-67.50") } == "negative_total")
    }

    @Test("outside of the United States a line without a tax code holds what is bought, before anything is sent")
    func abroad() {
        var canada = Desk.facts
        canada.country = "CA"
        var america = canada
        america.country = "US"
        var bill = Desk.bill()
        for i in bill.lines.indices where bill.lines[i].plan.part != .control { bill.lines[i].plan.taxCode = "purchase:CA-ON-HST@13" }
        let held = connector.objections(to: bill, canada)
        #expect(held.map(\.code) == ["tax_code_unbound"] && held[0].disposition == .hold && held[0].remedy.contains("purchase:CA-ON-HST@13") == true)
        #expect(held[0].summary.contains("CA") && connector.objections(to: bill, america).isEmpty && connector.objections(to: bill, Desk.facts).isEmpty)
        for i in bill.lines.indices where bill.lines[i].plan.part != .control { bill.lines[i].taxCode = "5" }
        #expect(connector.objections(to: bill, canada).isEmpty)
        #expect(connector.objections(to: Desk.bill(), canada)[0].remedy.contains("tax_code") == true)
        #expect(connector.objections(to: Desk.order(), canada)[0].remedy.contains("by hand") == true)
        var void = bill
        void.plan.effect = .void
        #expect(connector.objections(to: void, canada).isEmpty)
    }

    @Test("a bill is found by its number and reads back as it was meant")
    func found() throws {
        let answer = Desk.answer(
            """
            {"QueryResponse":{"Bill":[{"Id":"225","SyncToken":"0","DocNumber":"\(Desk.key(5))","TxnDate":"2026-11-14","DueDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "VendorRef":{"value":"58","name":"Potter"},"APAccountRef":{"value":"A2000"},"TotalAmt":92.50,"Balance":92.50,"PrivateNote":"cf:\(Desk.key(5)) bill 7",
             "Line":[{"Id":"1","Amount":80.00,"DetailType":"AccountBasedExpenseLineDetail","AccountBasedExpenseLineDetail":{"AccountRef":{"value":"A1400"}}},
              {"Id":"2","Amount":12.50,"DetailType":"AccountBasedExpenseLineDetail","AccountBasedExpenseLineDetail":{"AccountRef":{"value":"A2150"}}}]}]}}
            """)
        let found = try Desk.finished(connector.find([Desk.bill()], Desk.facts), [answer])
        var meant = connector.meant(Desk.bill())
        (meant.remoteID, meant.version, meant.open_minor) = ("225", "0", 9_250)
        #expect(found == [Desk.key(5): meant])
        #expect(meant.accounts == ["A1400": 8_000, "A2150": 1_250] && meant.party == "58" && meant.total_minor == 9_250)
    }

    @Test("it is changed in place and taken back by deleting it; in a closed period neither")
    func changed() throws {
        let there = Desk.answer(#"{"QueryResponse":{"Bill":[{"Id":"225","SyncToken":"3","TotalAmt":92.50}]}}"#)
        let written = Desk.answer(#"{"Bill":{"Id":"225","SyncToken":"4"}}"#)
        let update = Desk.play(connector.update(Desk.bill(remoteID: "225"), attempt: "a", Desk.facts), [there, written])
        let body = try JSON(parsing: update.calls[1].request.body)
        #expect(body["SyncToken"] == "3" && body["sparse"] == true)
        let void = Desk.play(connector.void(Desk.bill(remoteID: "225"), attempt: "a", Desk.facts), [there, written])
        #expect(void.calls[1].request.query("operation") == "delete")
        #expect(try JSON(parsing: void.calls[1].request.body) == ["Id": "225", "SyncToken": "3"])
        let closed = Desk.answer(Desk.fault("6210", "Account Period Closed, Cannot Update Through Services API"), 400)
        for exchange in [
            connector.void(Desk.bill(remoteID: "225"), attempt: "a", Desk.facts), connector.update(Desk.bill(remoteID: "225"), attempt: "a", Desk.facts),
        ] {
            guard case .judged(.rejected(let fault)) = Desk.play(exchange, [there, closed]).ending else {
                Issue.record("not refused")
                continue
            }
            #expect(fault.code == "period_closed")
        }
    }

    @Test("its vendor is found and made as a vendor, and has a name of its own where a customer has it")
    func vendor() throws {
        let wants = connector.references(for: Desk.bill())
        #expect(wants.map(\.kind) == [.vendor])
        let found = Desk.play(connector.findReferences(wants, Desk.facts), [Desk.answer(#"{"QueryResponse":{"Vendor":[{"Id":"77","DisplayName":"shop (V)"}]}}"#)])
        #expect(found.calls[0].request.query("query") == "select * from Vendor where DisplayName in ('shop','shop (V)') startposition 1 maxresults 1000")
        guard case .finished(let ids) = found.ending else { throw Desk.Unfinished() }
        #expect(ids == ["shop": "77"])
        let taken = Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(Desk.fault("6240", "Duplicate Name Exists Error").dropFirst().dropLast())}]}"#)
        let made = Desk.play(
            connector.createReferences(wants, Desk.facts),
            [taken, Desk.answer(#"{"QueryResponse":{}}"#), Desk.answer(#"{"BatchItemResponse":[{"bId":"b1","Vendor":{"Id":"78","SyncToken":"0"}}]}"#)])
        #expect(try JSON(parsing: made.calls[2].request.body)["BatchItemRequest"]?[0]?["Vendor"]?["DisplayName"] == "shop (V)")
        guard case .finished(let new) = made.ending else { throw Desk.Unfinished() }
        #expect(new == ["shop": "78"])
    }
}
