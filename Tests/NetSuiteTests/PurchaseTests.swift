import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

private func payable(_ amount: Int64) -> LedgerDocument.Line { line(.control, "payable:Clayworks", amount, 80, item: nil) }

/// 200.00 of clay with 40.00 of tax by this code of NetSuite's.
private func bill(_ code: String? = "7", remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .bill,
        [
            line(.goods, "purchases:clay", 20_000, 600, tax: "purchase:GB@20", code: code, group: "L1", text: "CW-4711: Clay", quantity: "4", item: nil),
            line(.tax, "input_tax:GB", 4_000, 131, tax: "purchase:GB@20", code: code, group: "L1", item: nil), payable(-24_000),
        ], total: 24_000, reference: "bill BI-7", note: "No. CW-4711", effect: effect, remoteID: remoteID)
}

private func order(_ amount: Int64 = 8_000, quantity: String? = "40", item: String? = "12", remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .purchaseOrder, [line(.goods, "inventory", amount, 120, group: "PEN-1", text: "Pen", sku: "PEN-1", quantity: quantity, item: item), payable(-amount)],
        key: key(2), total: amount, reference: "purchase order PEN-1@2", effect: effect, remoteID: remoteID)
}

@Suite("What is bought in NetSuite") struct PurchaseTests {
    // MARK: Bills

    @Test("a bill by REST stands on the accounts of its lines and on the payable that is bound, its tax stated") func bills() throws {
        #expect(try sent(bill()) == json(
            """
            {"externalId":"cf-0000000000000001","entity":{"id":"58"},"tranDate":"2026-11-14","memo":"bill BI-7 | No. CW-4711","dueDate":"2026-11-14",
            "account":{"id":"80"},"expense":{"items":[{"account":{"id":"600"},"amount":200.00,"memo":"CW-4711: Clay","taxCode":{"id":"7"},"tax1Amt":40.00,"grossAmt":240.00}]}}
            """))
        let call = try #require(drive(rest, rest.create([bill()], attempt: "a", facts)).calls.first)
        #expect(call.request.path == "/services/rest/record/v1/vendorBill")
    }

    @Test("the same bill by SOAP: the same fields in the order of the schema of purchases") func bySOAP() throws {
        let record = try soapSent(bill())
        #expect(record.attributes.first { $0.name.local == "type" }?.value == "s:VendorBill")
        #expect(record["entity"]?.name.namespace == "urn:purchases_2025_2.transactions.webservices.netsuite.com")
        #expect(sketch(record) == """
            record(account#80 entity#58 tranDate=2026-11-14T12:00:00.000Z dueDate=2026-11-14T12:00:00.000Z memo=bill BI-7 | No. CW-4711 \
            expenseList(expense(account#600 amount=200.00 tax1Amt=40.00 memo=CW-4711: Clay grossAmt=240.00 taxCode#7)))
            """)
    }

    @Test("it is due when the supplier says") func due() throws {
        var later = bill()
        later.plan.due = day.adding(days: 30)
        #expect(try sent(later)["dueDate"] == "2026-12-14" && rest.meant(later).due == day.adding(days: 30))
    }

    @Test("with SuiteTax its tax is a detail; in the United States without it a line on its own account, and nothing is said of lines") func taxes() throws {
        let values = try sent(bill("5/9"), facts(["tax": "suitetax"]))
        #expect(values["taxDetailsOverride"] == true && values["expense"]?["items"]?[0]?["taxDetailsReference"] == "L1")
        #expect(values["taxDetails"]?["items"]?[0]?["taxAmount"] == .number("40.00") && values["taxDetails"]?["items"]?[0]?["taxRate"] == .number("20"))
        let american = try sent(bill("NONE"), facts(["tax": "legacy_us"]))
        let lines = try #require(american["expense"]?["items"]?.array)
        #expect(lines.map { $0["account"]?["id"] } == ["600", "131"] && lines.allSatisfy { $0["isTaxable"] == nil && $0["taxCode"] == nil })
        #expect(refused(bill(), facts(["tax": "legacy_us"])) == "rejected tax_code_invalid")
        #expect(refused(bill(nil)) == "rejected tax_code_unbound")
    }

    @Test("it reads back by accounts, tax apart, whatever its amount is called; a line of an item is a difference") func readback() throws {
        var meant = rest.meant(bill(remoteID: "41"))
        #expect(meant.accounts == ["600": 20_000] && meant.tax_minor == 4_000 && meant.total_minor == 24_000 && meant.party == "58")
        #expect(meant.due == day)
        meant.due = nil
        let found = rows(#""id":"41","externalid":"cf-0000000000000001","type":"VendBill""#)
        let read = #"{"id":"41","externalId":"cf-0000000000000001","tranDate":"2026-11-14","entity":{"id":"58"},"userTotal":240.0,"taxTotal":40.0,"expense":{"items":[{"account":{"id":"600"},"amount":200.0}]}}"#
        meant.currency = nil
        #expect(drive(rest, rest.find([bill(remoteID: "41")], facts), [found, answer(read)]).end.output?[key()] == meant)
        let other = read.replacing(#""expense":{"items":["#, with: #""item":{"items":[{"item":{"id":"9"},"amount":5.0}]},"expense":{"items":["#)
        let seen = try #require(drive(rest, rest.find([bill(remoteID: "41")], facts), [found, answer(other)]).end.output?[key()])
        #expect(seen.accounts == ["600": 20_000, "item:9": 500] && seen.total_minor == 24_500)
        let element = record("VendorBill", "41", """
            <s:entity internalId="58"/><s:tranDate>2026-11-14T12:00:00.000Z</s:tranDate><s:taxTotal>40.0</s:taxTotal>\
            <s:expenseList><s:expense><s:account internalId="600"/><s:amount>200.0</s:amount></s:expense></s:expenseList>
            """)
        #expect(drive(soap, soap.fetch([bill(remoteID: "41")], facts), [got("\(success())\(element)")]).end.output?[key()] == meant)
    }

    @Test("a change sends all lines anew, a void deletes it; one that is paid stays, with NetSuite's word") func changes() throws {
        let changed = drive(rest, rest.update(bill(remoteID: "41"), attempt: "a", facts), [done])
        #expect(word(changed.end.output) == "posted 41")
        #expect(changed.calls.first?.request.target == "/services/rest/record/v1/vendorBill/41?replace=expense")
        let gone = drive(rest, rest.void(bill(remoteID: "41", effect: .void), attempt: "a", facts), [done])
        #expect(word(gone.end.output) == "posted 41" && gone.calls.map(\.request.method) == [.delete])
    }

    @Test("below zero, without lines, without its vendor or an account it is refused before anything is sent") func refusals() {
        #expect(refused(document(.bill, [line(.goods, "purchases:clay", -100, 600, item: nil), payable(100)], total: -100)) == "rejected negative_total")
        #expect(refused(document(.bill, [payable(0)], total: 0)) == "rejected no_lines")
        var nobody = bill()
        nobody.party = nil
        #expect(refused(nobody) == "rejected party_not_found")
        var homeless = bill()
        homeless.lines[0].account.remoteID = nil
        #expect(refused(homeless) == "rejected account_not_bound")
        var wrong = bill()
        wrong.plan.total = Money(minor: 23_999, .gbp)
        #expect(refused(wrong) == "rejected unbalanced")
    }

    // MARK: Orders

    @Test("an order counts what it orders by an item that can be bought; without one it stands on its account and says how many") func orders() throws {
        #expect(try sent(order()) == json(
            """
            {"externalId":"cf-0000000000000002","entity":{"id":"58"},"tranDate":"2026-11-14","memo":"purchase order PEN-1@2",
            "item":{"items":[{"item":{"id":"12"},"quantity":40,"description":"Pen","rate":2,"amount":80.00}]}}
            """))
        #expect(try sent(order(item: nil))["expense"] == json(#"{"items":[{"account":{"id":"120"},"amount":80.00,"memo":"40 × PEN-1, Pen"}]}"#))
        // No price gives it back: in words, and never as one unit.
        #expect(try sent(order(100, quantity: "3"))["expense"]?["items"]?[0]?["memo"] == "3 × PEN-1, Pen")
        #expect(sketch(try soapSent(order())) == """
            record(entity#58 tranDate=2026-11-14T12:00:00.000Z memo=purchase order PEN-1@2 \
            itemList(item(item#12 quantity=40 description=Pen rate=2 amount=80.00)))
            """)
        let classified = try sent(order(), facts(["department": "3"]))
        #expect(classified["department"] == ["id": "3"] && classified["item"]?["items"]?[0]?["department"] == ["id": "3"])
    }

    @Test("it reads back by what its lines come to: tax that NetSuite adds by itself is none of its") func orderReadback() throws {
        var meant = rest.meant(order(remoteID: "61"))
        #expect(meant.accounts == ["ordered": 8_000] && meant.total_minor == 8_000 && meant.tax_minor == nil)
        let found = rows(#""id":"61","externalid":"cf-0000000000000002","type":"PurchOrd""#)
        let read = #"{"id":"61","externalId":"cf-0000000000000002","tranDate":"2026-11-14","entity":{"id":"58"},"total":96.0,"taxTotal":16.0,"item":{"items":[{"item":{"id":"12"},"amount":80.0}]}}"#
        meant.currency = nil
        let (end, calls) = drive(rest, rest.find([order(remoteID: "61")], facts), [found, answer(read)])
        #expect(end.output?[key(2)] == meant && calls.last?.request.path == "/services/rest/record/v1/purchaseOrder/61")
        #expect(rest.meant(order(item: nil)).accounts == ["ordered": 8_000], "whether an item was found makes no difference later")
    }

    @Test("an order that stands is never changed, and deleted where it is void", arguments: [rest, soap] as [any LedgerConnector]) func orderChanges(it: any LedgerConnector) {
        let (end, calls) = drive(it, it.update(order(remoteID: "61"), attempt: "a", facts))
        #expect(word(end.output) == "rejected ledger_document_fixed" && calls.isEmpty)
        let answers = it is NetSuiteRESTConnector ? [done] : [written("delete", "\(success())\(base("61"))")]
        #expect(word(drive(it, it.void(order(remoteID: "61", effect: .void), attempt: "a", facts), answers).end.output) == "posted 61")
    }

    // MARK: References

    @Test("bills and orders need their vendor, one of each currency; orders look for an item by its name that can be bought") func wants() throws {
        #expect(rest.references(for: bill()).map(\.kind) == [.vendor])
        var foreign = bill()
        foreign.plan.rate = decimal("0.86")
        foreign.plan.currency = .eur
        #expect(rest.references(for: foreign).map(\.key) == ["shop@EUR"])
        let wants = rest.references(for: order(item: nil))
        #expect(wants.map(\.kind) == [.vendor, .item] && wants[1].key == "bought:PEN-1" && wants[1].name == "PEN-1")
        #expect(rest.itemKey(of: order().lines[0]) == "bought:PEN-1" && rest.itemKey(of: simple().lines[1]) == "MUG@2000")
        let items = rows(
            #""id":"11","itemid":"PEN-1","itemtype":"NonInvtPart","subtype":"Sale""#, #""id":"12","itemid":"pen-1","itemtype":"InvtPart""#,
            #""id":"13","itemid":"PEN-1","itemtype":"NonInvtPart","subtype":"Resale""#)
        let (found, calls) = drive(rest, rest.findReferences(wants, facts), [rows(), items])
        #expect(found.output == ["bought:PEN-1": "12"])
        #expect(try body(calls[0])["q"]?.string?.contains("FROM vendor WHERE companyname IN ('shop')") == true)
        #expect(try body(calls[1])["q"]?.string?.contains("itemtype, subtype FROM item") == true)
    }

    @Test("by SOAP an item's own type says whether it can be bought", arguments: [
        ("InventoryItem", true), ("NonInventoryResaleItem", true), ("NonInventoryPurchaseItem", true), ("AssemblyItem", true), ("NonInventorySaleItem", false), ("ServiceSaleItem", false),
    ]) func soapItems(type: String, bought: Bool) {
        let want = ReferenceWant(kind: .item, key: "bought:PEN-1", name: "PEN-1", text: "Pen")
        let found = drive(soap, soap.findReferences([want], facts), [searched(record(type, "12", external: nil, "<s:itemId>PEN-1</s:itemId>"))])
        #expect(found.end.output == (bought ? ["bought:PEN-1": "12"] : [:]))
    }

    @Test("the vendor is created where it is missing, an item never") func creates() throws {
        let wants = rest.references(for: order(item: nil))
        let (end, calls) = drive(rest, rest.createReferences(wants, facts(["subsidiary": "2"])), [created("vendor", "71")])
        #expect(end.output == ["shop": "71"] && calls.count == 1)
        #expect(try body(calls[0]) == json(#"{"isPerson":false,"companyName":"shop","subsidiary":{"id":"2"}}"#))
        #expect(calls[0].request.path == "/services/rest/record/v1/vendor")
        let bySOAP = drive(soap, soap.createReferences(wants, facts), [added("\(success())\(base("71"))")])
        #expect(bySOAP.end.output == ["shop": "71"])
        #expect(String(decoding: try #require(bySOAP.calls.first).request.body, as: UTF8.self).contains("s:Vendor"))
    }

    @Test("what can never be written is told before anything is sent", arguments: [rest, soap] as [any LedgerConnector]) func objections(it: any LedgerConnector) {
        var unknown = order(item: nil)
        unknown.party = nil
        #expect(it.objections(to: unknown, facts).isEmpty && it.objections(to: bill(), facts).isEmpty)
        #expect(it.objections(to: bill("VAT"), facts).map(\.code) == ["tax_code_invalid"])
    }
}
