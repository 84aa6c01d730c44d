import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

private func payable(_ amount: Int64) -> LedgerDocument.Line { line(.control, "payable:clayworks", -amount, "800") }

private func bill(_ n: Int = 1, reference: String = "bill CW-4711", remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .bill,
        [
            line(.goods, "inventory", 20_000, "630", tax: "GB@20", type: "INPUT2", group: "L1", text: "Clay, 200 kg"),
            line(.tax, "tax_payable:GB", 4_000, "820", tax: "GB@20", group: "L1"), payable(24_000),
        ], key: key(n), reference: reference, effect: effect, remoteID: remoteID)
}

private func order(_ n: Int = 2, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        .purchaseOrder, [line(.goods, "inventory", 20_000, "630", group: "L1", text: "Clay, 200 kg"), payable(20_000)], key: key(n),
        reference: "order MUG/1", effect: effect, remoteID: remoteID)
}

private func paid(_ account: String = "090", remoteID: String? = nil) -> LedgerDocument {
    document(
        .payment, [payable(-24_000), line(.tender, "bank:GBP", -24_000, account)], key: key(3), reference: "payment 3", appliesTo: guid(77), against: .bill,
        remoteID: remoteID)
}

/// What was sent, as Xero shows it afterwards: OpenAPI's samples of a bill and a purchase order, with our figures.
private func shown(_ document: LedgerDocument, _ more: String) throws -> String {
    let body = try sent(document)
    let lines: [JSON] = (body["LineItems"]?.array ?? []).map {
        .object(($0.object ?? []) + [("LineAmount", $0["UnitAmount"] ?? .null), ("Tracking", [])])
    }
    let members = (body.object ?? []).filter { $0.key != "LineItems" } + [("LineItems", .array(lines))]
    return String(String(decoding: JSON.object(members).bytes, as: UTF8.self).dropLast()) + "," + more + "}"
}

@Suite("What is bought")
struct PurchaseTests {
    @Test("a bill is an invoice of a supplier, whose number on the screen begins with our key and has no comma")
    func bills() throws {
        let call = try #require(drive(connector.create([bill(reference: "bill CW-4711, part 2")], attempt: "a", facts)).calls.first)
        #expect(call.request.method == .put && call.request.target == "/api.xro/2.0/Invoices?summarizeErrors=false&unitdp=4")
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"Invoices":[{"Type":"ACCPAY","Status":"AUTHORISED","Contact":{"ContactID":"\(contact)"},
                    "InvoiceNumber":"cf:0000000000000001 bill CW-4711; part 2","Date":"2026-11-14","DueDate":"2026-11-14",
                    "LineAmountTypes":"Exclusive","CurrencyCode":"GBP","LineItems":[
                    {"Description":"Clay, 200 kg","Quantity":1,"UnitAmount":200.00,"AccountCode":"630","TaxType":"INPUT2","TaxAmount":40.00}]}]}
                    """))
        #expect(connector.references(for: bill()).map(\.kind) == [.vendor])
        var later = bill()
        later.plan.due = LocalDate("2026-12-14")
        #expect(try sent(later)["DueDate"] == "2026-12-14")
        #expect(try sent(bill(reference: String(repeating: "ü", count: 500)))["InvoiceNumber"]?.string?.utf16.count == 120)
    }

    @Test("a purchase order has our key for its number, and no parameter that its list does not know")
    func orders() throws {
        let call = try #require(drive(connector.create([order()], attempt: "a", facts)).calls.first)
        #expect(call.request.method == .put && call.request.target == "/api.xro/2.0/PurchaseOrders?summarizeErrors=false")
        #expect(
            try JSON(parsing: call.request.body)
                == json(
                    """
                    {"PurchaseOrders":[{"Status":"AUTHORISED","Contact":{"ContactID":"\(contact)"},"PurchaseOrderNumber":"0000000000000002",
                    "Reference":"cf:0000000000000002 order MUG/1","Date":"2026-11-14","LineAmountTypes":"Exclusive","CurrencyCode":"GBP","LineItems":[
                    {"Description":"Clay, 200 kg","Quantity":1,"UnitAmount":200.00,"AccountCode":"630","TaxType":"NONE"}]}]}
                    """))
        #expect(connector.references(for: order()).map(\.kind) == [.vendor])
    }

    @Test("an order says how many: as a quantity where its price has two decimals, else in words", arguments: [
        (ExactDecimal(40), "Clay, 200 kg", "40", "5"), (ExactDecimal(3), "3 × PEN-1, Clay, 200 kg", "1", "200.00"), (.one, "Clay, 200 kg", "1", "200.00"),
    ])
    func counted(quantity: ExactDecimal, text: String, count: String, price: String) throws {
        var counted = order()
        counted.lines[0].plan.quantity = quantity
        counted.lines[0].plan.sku = "PEN-1"
        let line = try sent(counted)["LineItems"]?[0]
        #expect(line?["Quantity"]?.text == count && line?["UnitAmount"]?.text == price, "\(String(describing: line))")
        #expect(line?["Description"]?.string?.contains(text) == true, "\(String(describing: line))")
    }

    @Test("what can't be bought there is refused before it is sent")
    func refused() throws {
        #expect(try refusal(document(.bill, [payable(0)], total: 0)).code == "document_empty")
        #expect(try refusal(document(.bill, [line(.goods, "inventory", -100, "630"), payable(-100)], total: -100)).code == "total_negative")
        var banked = bill()
        banked.lines[0].account.type = "BANK"
        #expect(try refusal(banked).code == "bank_account_line")
        var homeless = order()
        homeless.party = nil
        #expect(try refusal(homeless).code == "party_missing")
        #expect(connector.objections(to: document(.purchaseOrder, [], total: 100), facts).map(\.code) == ["document_empty"])
        #expect(connector.objections(to: bill(), facts).isEmpty)
    }

    @Test("bills are found by their whole number, purchase orders one by one by theirs, and both read back as meant")
    func finds() throws {
        let seen = try shown(bill(), "\"InvoiceID\":\"\(guid(41))\",\"SubTotal\":200.00,\"TotalTax\":40.00,\"Total\":240.00")
        let placed = try shown(order(), "\"PurchaseOrderID\":\"\(guid(61))\",\"Type\":\"PURCHASEORDER\",\"SubTotal\":200.00,\"TotalTax\":0.00,\"Total\":200.00")
        let (end, calls) = drive(
            connector.find([bill(), simple(9), order()], facts),
            [FindTests.list("Invoices", []), FindTests.list("Invoices", [seen]), FindTests.list("PurchaseOrders", [placed])])
        #expect(calls.map { $0.request.query("InvoiceNumbers") } == ["0000000000000009", "cf:0000000000000001 bill CW-4711", nil])
        #expect(calls[2].request.target == "/api.xro/2.0/PurchaseOrders/0000000000000002")
        let found = try #require(end.output)
        #expect(found.count == 2)
        for document in [bill(), order()] {
            let there = try #require(found[document.key])
            #expect(FindTests.differences(connector.meant(document), there) == [])
        }
        #expect(found[key(1)]?.accounts == ["630": 20_000] && found[key(1)]?.tax_minor == 4_000)
        // A sale of that number is another document.
        let sale = seen.replacing("ACCPAY", with: "ACCREC")
        #expect(drive(connector.find([bill()], facts), [FindTests.list("Invoices", [sale])]).end.output?.isEmpty == true)
        #expect(drive(connector.find([order()], facts), [answer("", status: 404)]).end.output?.isEmpty == true)
    }

    @Test("they are fetched by id: bills forty in a call, purchase orders each alone")
    func fetches() throws {
        let orders = (1 ... 2).map { order($0, remoteID: guid(60 + $0)) }
        let empty = answer("", status: 404)
        #expect(
            drive(connector.fetch(orders, facts), [empty, empty]).calls.map(\.request.target) == [
                "/api.xro/2.0/PurchaseOrders/\(guid(61))", "/api.xro/2.0/PurchaseOrders/\(guid(62))",
            ])
        #expect(drive(connector.fetch([bill(remoteID: guid(41))], facts)).calls.first?.request.query("IDs") == guid(41))
    }

    @Test("a bill is voided, a purchase order deleted, and a change sends all lines again")
    func changes() throws {
        func sent(_ exchange: Exchange<PostOutcome>) throws -> (String, JSON) {
            let call = try #require(drive(exchange).calls.first)
            return ("\(call.request.method.rawValue) \(call.request.target.dropFirst(13))", try JSON(parsing: call.request.body))
        }
        let voided = try sent(connector.void(bill(remoteID: guid(41), effect: .void), attempt: "a", facts))
        #expect(voided.0 == "POST Invoices/\(guid(41))?unitdp=4")
        #expect(try voided.1 == json("{\"Invoices\":[{\"InvoiceID\":\"\(guid(41))\",\"Status\":\"VOIDED\"}]}"))
        let deleted = try sent(connector.void(order(remoteID: guid(61), effect: .void), attempt: "a", facts))
        #expect(deleted.0 == "POST PurchaseOrders/\(guid(61))")
        #expect(try deleted.1 == json("{\"PurchaseOrders\":[{\"PurchaseOrderID\":\"\(guid(61))\",\"Status\":\"DELETED\"}]}"))
        let changed = try sent(connector.update(order(remoteID: guid(61)), attempt: "a", facts))
        #expect(changed.0 == "POST PurchaseOrders/\(guid(61))")
        #expect(changed.1["PurchaseOrders"]?[0]?["PurchaseOrderID"] == .string(guid(61)))
        #expect(changed.1["PurchaseOrders"]?[0]?["LineItems"]?.array?.count == 1)
    }

    @Test("money for a bill leaves the account that it is paid from")
    func pays() throws {
        #expect(
            try sent(paid())
                == json(
                    """
                    {"Invoice":{"InvoiceID":"\(guid(77))"},"Account":{"Code":"090"},"Date":"2026-11-14","Amount":240.00,
                    "Reference":"cf:0000000000000003 payment 3"}
                    """))
        let row = FindTests.paid(3, id: 53, amount: "240.00", type: "ACCPAYPAYMENT").replacing("transaction 3", with: "payment 3").replacing("611", with: "090")
        let found = try #require(drive(connector.find([paid()], facts), [FindTests.list("Payments", [row])]).end.output?[key(3)])
        #expect(FindTests.differences(connector.meant(paid()), found) == [])
        #expect(found.accounts == ["090": -24_000] && found.appliesTo == guid(77))
        // Money that came in instead is a difference.
        let wrong = row.replacing("ACCPAYPAYMENT", with: "ACCRECPAYMENT")
        let other = try #require(drive(connector.find([paid()], facts), [FindTests.list("Payments", [wrong])]).end.output?[key(3)])
        #expect(FindTests.differences(connector.meant(paid()), other) == ["090"])
    }

    @Test("of several purchase orders the refused one has its reason, in the words of OpenAPI's sample, and the others are there")
    func partly() throws {
        let good = "{\"PurchaseOrderID\":\"\(guid(61))\",\"PurchaseOrderNumber\":\"\(key(1))\",\"StatusAttributeString\":\"OK\"}"
        let bad = """
            {"PurchaseOrderID":"56204648-8fbe-46f8-b09c-2125f7939533","PurchaseOrderNumber":"\(key(2))","StatusAttributeString":"ERROR",\
            "ValidationErrors":[{"Message":"Order number must be unique"}]}
            """
        let (end, calls) = drive(
            connector.create([order(1), order(2)], attempt: "a", facts), [FindTests.list("PurchaseOrders", [bad, good])])
        #expect(calls.count == 1)
        guard case .posted(guid(61), _)? = end.output?[0], case .duplicate(let fault)? = end.output?[1] else {
            Issue.record("\(end)")
            return
        }
        #expect(fault.code == "ledger_duplicate_number")
    }
}
