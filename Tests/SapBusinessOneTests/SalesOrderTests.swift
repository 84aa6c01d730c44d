import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

/// - Source: Service Layer $metadata: Orders are Documents, with the fields of Invoices; BaseType, BaseEntry and BaseLine of DocumentLine.
@Suite("Sales orders, in SAP Business One") struct SalesOrderTests {
    /// Two mugs of 10.00 less 2.00, and delivery of 5.00.
    private func sold(_ form: PostingForm, mugs: Int64 = 2, key n: Int = 1, drawnFrom: String? = nil, closed: Bool = false, effect: PlannedPosting.Effect = .post, remoteID: String? = nil) -> LedgerDocument {
        var out = document(
            form,
            [
                control(1000 * mugs + 300), line(.goods, "sales:homeware", -1000 * mugs, "400000", group: "L1", text: "Mug", sku: "MUG", quantity: "\(mugs)", item: "MUG"),
                line(.discount, "discounts", 200, "400100", group: "L1", text: "Autumn", item: "discounts"),
                line(.shipping, "shipping", -500, "401000", group: "S1", text: "Delivery", item: "shipping"),
            ], key: key(n), effect: effect, remoteID: remoteID)
        (out.drawnFrom, out.plan.isClosed) = (drawnFrom, closed)
        return out
    }

    /// One that is listed, as services; `left`: what is open of the first line where lines are items.
    private func listed(
        _ status: String = "bost_Open", left: String? = nil, cancelled: String = "tNO", card: String = "C20000", key n: Int = 1, confirmed: String = "tYES", whole: String = "2.0",
        mug: String = "20.0", total: String = "23.0", lineStatus: String = "bost_Open", reference: String? = nil
    ) -> String {
        func row(_ n: Int, _ text: String, _ account: String, _ net: String, _ item: String, _ quantity: String, _ left: String) -> String {
            """
            {"LineNum":\(n),"ItemDescription":"\(text)","AccountCode":"\(account)","LineTotal":\(net),"LineStatus":"\(n == 0 ? lineStatus : "bost_Open")",\
            "ItemCode":"\(item)","Quantity":\(quantity),"RemainingOpenQuantity":\(left)}
            """
        }
        let isItems = left != nil
        let rows = [
            row(0, "Mug", "400000", mug, "MUG", isItems ? whole : "1.0", left ?? "1.0"), row(1, "Autumn", "400100", "-2.0", "discounts", isItems ? "-1.0" : "1.0", isItems ? "-1.0" : "1.0"),
            row(3, "Delivery", "401000", "5.0", "shipping", "1.0", "1.0"),
        ]
        return """
            {"DocEntry":41,"DocNum":9,"DocType":"\(isItems ? "dDocument_Items" : "dDocument_Service")","CardCode":"\(card)","DocDate":"2026-11-20T00:00:00Z","DocDueDate":"2026-11-20",\
            "DocCurrency":"GBP","DocTotal":\(total),"VatSum":0.0,"Cancelled":"\(cancelled)","CancelStatus":"\(cancelled == "tYES" ? "csYes" : "csNo")","DocumentStatus":"\(status)",\
            "Confirmed":"\(confirmed)","NumAtCard":"\(reference ?? "cf:\(key(n)) sales order 1001")","DocumentLines":[\(rows.joined(separator: ","))]}
            """
    }

    private let made = answer(#"{"DocEntry":77,"DocDate":"2026-11-20","DocCurrency":"GBP","CardCode":"C20000","DocTotal":23.0,"VatSum":0.0,"Cancelled":"tNO","DocumentLines":[]}"#, status: 201)

    private func bases(_ call: Call?) throws -> [String] {
        (try body(try #require(call))["DocumentLines"]?.array ?? []).map { line in
            line["BaseType"].map { "\($0.text)/\(line["BaseEntry"]?.text ?? "")/\(line["BaseLine"]?.text ?? "")" } ?? "-"
        }
    }

    @Test("an order is a sale's document in the list of orders, wanted from its own day on, under our key") func written() throws {
        let call = try #require(drive(connector.create([sold(.salesOrder)], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/b1s/v2/Orders" && call.kind == .write)
        let sent = try body(call)
        #expect(sent["DocDueDate"] == "2026-11-20" && sent["NumAtCard"] == "cf:0000000000000001 order 1001" && sent["CardCode"] == "C20000")
        #expect(sent["DocumentLines"]?.array?.count == 3 && sent["DocumentLines"]?[0]?["BaseType"] == nil)
        #expect(connector.references(for: sold(.salesOrder)).contains(ReferenceWant(kind: .party, key: "shop", name: "shop", text: "shop")))
        #expect(connector.objections(to: sold(.salesOrder), facts).isEmpty)
        let seen = try #require(drive(connector.find([sold(.salesOrder)], facts), [list(listed())]).end.output?[key()])
        #expect(SapBusinessOneConnector.isAsMeant(seen, connector.meant(sold(.salesOrder))) && seen.remoteID == "41")
        #expect(seen.accounts == ["400000": -2000, "400100": 200, "401000": -500])
    }

    @Test("an invoice is drawn line by line from its order, which is looked at first") func drawn() throws {
        let (end, calls) = drive(connector.create([sold(.invoice, key: 2, drawnFrom: "41")], attempt: "a", facts), [list(listed()), made])
        #expect(names(calls) == ["GET Orders", "POST Invoices"] && filter(calls[0]) == "DocEntry eq 41")
        #expect(try bases(calls.last) == ["17/41/0", "17/41/1", "17/41/3"])
        #expect(end.output?.first.map(word) == "posted 77")
    }

    @Test("what is not open as it was ordered is not drawn; the invoice goes as it is", arguments: [
        ("closed", ["-", "-", "-"]), ("cancelled", ["-", "-", "-"]), ("another's", ["-", "-", "-"]), ("not approved", ["-", "-", "-"]), ("no key", ["-", "-", "-"]), ("items", ["-", "-", "-"]),
        ("a line is closed", ["-", "17/41/1", "17/41/3"]), ("less is left", ["-", "17/41/1", "17/41/3"]), ("more is left", ["17/41/0", "17/41/1", "17/41/3"]), ("gone", ["-", "-", "-"]),
    ])
    func undrawn(_ why: String, _ wanted: [String]) throws {
        let row: String? =
            switch why {
            case "closed": listed("bost_Close")
            case "cancelled": listed(cancelled: "tYES")
            case "another's": listed(card: "C30000")
            case "not approved": listed(confirmed: "tNO")
            case "no key": listed(reference: "order 1001")
            case "items": listed(left: "2.0")
            case "a line is closed": listed(lineStatus: "bost_Close")
            case "less is left": listed(mug: "19.99")
            case "more is left": listed(mug: "30.0")
            default: nil
            }
        // What finds nothing open may have been invoiced by a person: looked for by the order's key.
        let looks = wanted.contains("-") && !["no key", "gone"].contains(why)
        let answers = [row.map { list($0) } ?? list()] + (looks ? [list()] : []) + [made]
        let (end, calls) = drive(connector.create([sold(.invoice, key: 2, drawnFrom: "41")], attempt: "a", facts), answers)
        #expect(names(calls) == ["GET Orders"] + (looks ? ["GET Invoices"] : []) + ["POST Invoices"] && end.output?.first.map(word) == "posted 77")
        if looks { #expect(filter(calls[1]) == "startswith(NumAtCard,'cf:\(key(1))')") }
        #expect(try bases(calls.last) == wanted)
    }

    /// An invoice that a person made of the order, under the order's reference.
    private func theirs(_ id: Int = 5001, cancelled: String = "tNO", status: String = "csNo", key n: Int = 1) -> String {
        #"{"DocEntry":\#(id - 4000),"DocNum":\#(id),"Cancelled":"\#(cancelled)","CancelStatus":"\#(status)","NumAtCard":"cf:\#(key(n)) sales order 1001"}"#
    }

    @Test("what a person invoiced of an order is not invoiced a second time", arguments: ["bost_Close", "drawn in part", "closed by a line"]) func invoicedThere(state: String) throws {
        let row = state == "bost_Close" ? listed(state) : state == "drawn in part" ? listed(left: "1.0") : listed(lineStatus: "bost_Close")
        let settings = facts(state == "drawn in part" ? ["lines": "items"] : [:]), invoice = sold(.invoice, key: 2, drawnFrom: "41")
        let (end, calls) = drive(connector.create([invoice], attempt: "a", settings), [list(row), list(theirs(), theirs(5002))])
        #expect(names(calls) == ["GET Orders", "GET Invoices"])
        guard case .rejected(let fault)? = end.output?.first else {
            Issue.record("\(end)")
            return
        }
        #expect(fault.code == "ledger_order_invoiced" && fault.summary.hasSuffix("already: 5001, 5002") && fault.remedy.hasPrefix("Cancel that invoice there, then release"))
        // Cancelled, by whichever mark, it is none; nor is one that only begins like it.
        let none = list(theirs(cancelled: "tYES"), theirs(status: "csYes"), theirs(status: "csCancellation"), theirs(key: 3))
        #expect(drive(connector.create([invoice], attempt: "a", settings), [list(row), none, made]).end.output?.first.map(word) == "posted 77")
    }

    @Test("a change that would stand beside a person's invoice of the order leaves ours where it is") func changeBesideTheirs() {
        let more = sold(.invoice, mugs: 3, key: 2, drawnFrom: "41", remoteID: "77"), standing = list(sale(77, key: 2))
        let (end, calls) = drive(connector.update(more, attempt: "a", facts), [standing, list(listed("bost_Close")), list(theirs())])
        #expect(names(calls) == ["GET Invoices", "GET Orders", "GET Invoices"] && end.output.map(word) == "rejected ledger_order_invoiced")
        let free = drive(connector.update(more, attempt: "a", facts), [standing, list(listed("bost_Close")), list(), done, list(listed(mug: "30.0")), answer(made.bodyText.replacing("23.0", with: "33.0"), status: 201)])
        #expect(names(free.calls).suffix(3) == ["POST Invoices(77)/Cancel", "GET Orders", "POST Invoices"] && free.end.output.map(word) == "posted 77")
    }

    @Test("of items as many are drawn as are open, and never more", arguments: [("2.0", true), ("5.0", true), ("1.0", false), ("0.0", false)])
    func quantities(left: String, isDrawn: Bool) throws {
        let items = facts(["lines": "items"])
        let answers = [list(listed(left: left, whole: "5.0"))] + (isDrawn ? [] : [list()]) + [made]
        let (_, calls) = drive(connector.create([sold(.invoice, key: 2, drawnFrom: "41")], attempt: "a", items), answers)
        #expect(try bases(calls.last) == [isDrawn ? "17/41/0" : "-", "17/41/1", "17/41/3"])
    }

    @Test("a clear no to an invoice that is drawn is answered without its order; nobody's guess is") func refusedBase() throws {
        let no = refusal("One of the base documents has already been closed  [INV1.BaseEntry][line: 1]")
        let invoice = sold(.invoice, key: 2, drawnFrom: "41"), looks = ["GET Orders", "POST Invoices", "GET Invoices", "GET Drafts", "GET Invoices"]
        func tried(_ answers: HTTPResponse...) -> (outcome: String?, calls: [Call]) {
            let (end, calls) = drive(connector.create([invoice], attempt: "a", facts), [list(listed()), no] + answers)
            return (end.output?.first.map(word), calls)
        }
        let (outcome, calls) = tried(list(), list(), list(), made)
        #expect(names(calls) == looks + ["POST Invoices"] && outcome == "posted 77")
        #expect(try bases(calls.last) == ["-", "-", "-"])
        // Somebody invoiced the order in between.
        let late = tried(list(), list(), list(theirs()))
        #expect(names(late.calls) == looks && late.outcome == "rejected ledger_order_invoiced")
        // A draft that waits for an approval is there, whatever was said of it; so may the document be.
        let draft = tried(list(), list(#"{"DocEntry":7,"DocumentStatus":"bost_Open","NumAtCard":"cf:\#(key(2)) order 1001"}"#))
        #expect(names(draft.calls) == Array(looks.prefix(4)) && draft.outcome?.hasPrefix("unknown ") == true)
        #expect(tried(list(sale(78, key: 2))).outcome?.hasPrefix("unknown ") == true)
        let torn = drive(connector.create([sold(.invoice, key: 2, drawnFrom: "41")], attempt: "a", facts), [list(listed()), HTTPResponse(502)])
        #expect(names(torn.calls) == ["GET Orders", "POST Invoices"])
        // Without an order a no is a no.
        let plain = drive(connector.create([sold(.invoice, key: 2)], attempt: "a", facts), [no])
        #expect(names(plain.calls) == ["POST Invoices"])
    }

    @Test("an order is changed under its number; of another day or customer it is cancelled and written anew") func changes() throws {
        let more = sold(.salesOrder, mugs: 3, remoteID: "41")
        let (end, calls) = drive(connector.update(more, attempt: "a", facts), [list(listed()), done])
        #expect(names(calls) == ["GET Orders", "PATCH Orders(41)"] && end.output.map(word) == "posted 41")
        #expect(calls[1].request.fields["B1S-ReplaceCollectionsOnPatch"] == "true")
        #expect(try body(calls[1])["DocumentLines"]?[0]?["LineTotal"] == .number("30.00"))
        // What planners set stays: when it is wanted, and their remarks.
        #expect(try body(calls[1]).object?.map(\.key) == ["DocumentLines", "NumAtCard"])
        let row = listed(reference: "PO 7").replacing("\"NumAtCard\"", with: "\"U_ExtId\":\"cf:\(key())\",\"NumAtCard\"")
        let named = drive(connector.update(more, attempt: "a", facts(["key_field": "U_ExtId"])), [list(row), done]).calls
        try #require(names(named).last == "PATCH Orders(41)")
        #expect(try body(named[1]).object?.map(\.key) == ["DocumentLines"])
        var moved = more
        moved.party = "C30000"
        let again = drive(connector.update(moved, attempt: "a", facts), [list(listed()), done, answer(#"{"DocEntry":42}"#, status: 201)])
        #expect(names(again.calls) == ["GET Orders", "POST Orders(41)/Cancel", "POST Orders"] && again.end.output.map(word) == "posted 42")
        let same = drive(connector.update(sold(.salesOrder, remoteID: "41"), attempt: "a", facts), [list(listed())])
        #expect(names(same.calls) == ["GET Orders"] && same.end.output.map(word) == "posted 41")
    }

    @Test("what was drawn from is changed by people; what is closed is left alone") func fixed() throws {
        let more = sold(.salesOrder, mugs: 3, remoteID: "41")
        for row in [listed(lineStatus: "bost_Close"), listed(left: "1.0")] {
            let (end, calls) = drive(connector.update(more, attempt: "a", facts), [list(row)])
            #expect(names(calls) == ["GET Orders"] && end.output.map(word) == "rejected ledger_document_fixed")
        }
        let (end, calls) = drive(connector.update(more, attempt: "a", facts), [list(listed("bost_Close"))])
        #expect(names(calls) == ["GET Orders"] && end.output.map(word) == "posted 41")
        let seen = try #require(drive(connector.fetch([more], facts), [list(listed("bost_Close"))]).end.output?[key()])
        #expect(SapBusinessOneConnector.isAsMeant(seen, connector.meant(more)) && !seen.voided)
        #expect(drive(connector.fetch([more], facts), [list(listed("bost_Close", cancelled: "tYES"))]).end.output?[key()]?.voided == true)
    }

    @Test("of an order that is invoiced nothing stays open: it is cancelled, or closed where something was drawn from it", arguments: [
        (["bost_Open"], ["POST Orders(41)/Cancel"]), (["bost_Open", "drawn"], ["POST Orders(41)/Close"]), (["bost_Close"], []), (["bost_Close", "tYES"], []),
    ])
    func closes(_ state: [String], _ wanted: [String]) throws {
        let closed = sold(.salesOrder, closed: true, remoteID: "41")
        let row = listed(state[0], cancelled: state.contains("tYES") ? "tYES" : "tNO", lineStatus: state.contains("drawn") ? "bost_Close" : "bost_Open")
        let (end, calls) = drive(connector.update(closed, attempt: "a", facts), [list(row), done])
        #expect(Array(names(calls).dropFirst().filter { $0 != "GET Drafts" }) == wanted && end.output.map(word)?.hasPrefix("posted 41") == true, "\(names(calls))")
        let seen = try #require(drive(connector.fetch([closed], facts), [list(row)]).end.output?[key()])
        #expect(SapBusinessOneConnector.isAsMeant(seen, connector.meant(closed)) == wanted.isEmpty)
        let void = drive(connector.void(sold(.salesOrder, effect: .void, remoteID: "41"), attempt: "a", facts), [list(row), wanted.isEmpty ? list() : done])
        #expect(Array(names(void.calls).dropFirst().filter { $0 != "GET Drafts" }) == wanted && void.end.output.map(word)?.hasPrefix("posted 41") == true)
    }

    @Test("an order that can't be cancelled is closed; one that can't be closed is told") func uncancelled() throws {
        let void = sold(.salesOrder, effect: .void, remoteID: "41"), no = refusal("Document is drawn into another; it cannot be cancelled  [ORDR.DocStatus]")
        let (end, calls) = drive(connector.void(void, attempt: "a", facts), [list(listed()), no, done])
        #expect(names(calls).suffix(2) == ["POST Orders(41)/Cancel", "POST Orders(41)/Close"] && end.output.map(word) == "posted 41")
        #expect(drive(connector.void(void, attempt: "a", facts), [list(listed()), no, no]).end.output.map(word) == "rejected ledger_document_fixed")
        // Closed, it would stand beside the one that is written anew, with the same key.
        var moved = sold(.salesOrder, remoteID: "41")
        moved.party = "C30000"
        let anew = drive(connector.update(moved, attempt: "a", facts), [list(listed()), no])
        #expect(names(anew.calls) == ["GET Orders", "POST Orders(41)/Cancel"] && anew.end.output.map(word) == "rejected ledger_document_fixed")
    }

    @Test("a draft of an order that waits for somebody is unfinished and not written again") func draft() {
        let draft = #"{"DocEntry":7,"DocumentStatus":"bost_Open","NumAtCard":"cf:\#(key()) sales order 1001"}"#
        let seen = drive(connector.find([sold(.salesOrder)], facts), [list(), list(draft)]).end.output?[key()]
        #expect(seen?.unfinished == true && seen?.remoteID == "Drafts/7")
        let order = sold(.salesOrder, remoteID: "Drafts/7")
        #expect(drive(connector.update(order, attempt: "a", facts), [list(), list(draft)]).end.output.map(word) == "rejected ledger_approval_pending")
    }
}
