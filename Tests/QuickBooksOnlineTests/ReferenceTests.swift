import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Customers and items")
struct ReferenceTests {
    let connector = Desk.connector

    private let party = ReferenceWant(kind: .party, key: "shop", name: "Shop customers", text: "Shop customers")
    private let mug = ReferenceWant(
        kind: .item, key: "MUG-1@4010", name: "Mug (MUG-1, 4010)", text: "Mug", account: "A4010")

    private func name(_ title: String, _ sku: String, _ code: String, role: Role = "sales:homeware") -> String {
        QuickBooksOnlineConnector.itemName(Desk.line(.goods, role, code, "-1.00", text: title, sku: sku))
    }

    @Test("an invoice needs its customer and one item for each SKU or role and account")
    func wants() {
        let wants = connector.references(for: Desk.invoice())
        #expect(wants.map(\.key) == ["shop", "MUG-1@4010", "shipping_income@4100"])
        #expect(wants.map(\.name) == ["shop", "Mug (MUG-1, 4010)", "Shipping income (4100)"])
        #expect(wants.map(\.account) == [nil, "A4010", "A4100"])
        let document = Desk.invoice()
        #expect(document.lines.map { connector.itemKey(of: $0) } == [nil, "MUG-1@4010", nil, "shipping_income@4100"])
    }

    @Test("payments need no items, journals without a receivable no customer")
    func fewWants() {
        #expect(connector.references(for: Desk.payment()).map(\.key) == ["shop"])
        let tips = Desk.document(
            .journal, total: "5.00",
            [
                Desk.line(.control, "tips_payable", "2320", "5.00"),
                Desk.line(.tender, "clearing:cash:USD", "1310", "-5.00"),
            ])
        #expect(connector.references(for: tips).isEmpty)
        #expect(connector.meant(tips).party == nil)
    }

    @Test("names are short, stay apart by title, SKU and account, and are the same every time")
    func names() {
        let long =
            "Hand-thrown stoneware serving platter with speckled oatmeal glaze, food safe, dishwasher safe, set of two – Édition d’automne"
        var names = [
            name(long + " with box", "P-1", "4010"), name(long + " without", "P-1", "4010"),
            name(long + " with box", "P-2", "4010"),
            name(long + " with box", "P-1", "4910"), name("Mug", "M", "4010"), name("Mug", "N", "4010"),
            name("", "M", "4010"),
            name("Mug", "", "4010"), name("", "", "4010", role: "sales:garden"),
        ]
        names.append(name(String(repeating: "é", count: 300), String(repeating: "S", count: 100), "4010"))
        names.append(name(String(repeating: "👨‍👩‍👧‍👦", count: 60), "E", "4010"))
        names.append(name("e" + String(repeating: "\u{301}", count: 300), "Z", "4010"))
        #expect(Set(names).count == names.count)
        for name in names { #expect(name.utf16.count <= 100 && !name.isEmpty) }
        #expect(names[0].hasSuffix(" (P-1, 4010)"))
        #expect(names[0] == name(long + " with box", "P-1", "4010"))
        #expect(names[7] == "Sales - homeware (4010)")
    }

    @Test("names hold no colon, control character or backslash, and no spaces at the ends")
    func cleaned() {
        #expect(QuickBooksOnlineConnector.cleaned(" A:B\tC\\D\n ") == "A-B C/D")
        #expect(QuickBooksOnlineConnector.cleaned(" \n ").isEmpty)
    }

    @Test("customers and items are found by name whatever its case; an item of another account is not the item")
    func find() throws {
        let answers = [
            Desk.answer(#"{"QueryResponse":{"Customer":[{"Id":"58","DisplayName":"shop customers","Active":true}]}}"#),
            Desk.answer(
                """
                {"QueryResponse":{"Item":[{"Id":"19","Name":"MUG (MUG-1, 4010)","IncomeAccountRef":{"value":"A4010"}},
                 {"Id":"20","Name":"Jug (J, 4010)","IncomeAccountRef":{"value":"A9999"}}]}}
                """),
        ]
        let jug = ReferenceWant(kind: .item, key: "J@4010", name: "Jug (J, 4010)", text: "", account: "A4010")
        let (ending, calls) = Desk.play(connector.findReferences([party, mug, jug], Desk.facts), answers)
        #expect(
            calls[0].request.query("query")?.contains("DisplayName in ('Shop customers','Shop customers (C)')") == true)
        guard case .finished(let found) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(found == ["shop": "58", "MUG-1@4010": "19"])
    }

    @Test("items are created in batches of 25, as services that sell into their account")
    func create() throws {
        let wants = (0 ..< 30).map {
            ReferenceWant(kind: .item, key: "k\($0)", name: "n\($0)", text: "t\($0)", account: "A4010")
        }
        func answer(_ range: Range<Int>) -> HTTPResponse {
            let items = range.map { #"{"bId":"b\#($0 - range.lowerBound + 1)","Item":{"Id":"\#($0)"}}"# }
            return Desk.answer(#"{"BatchItemResponse":[\#(items.joined(separator: ","))]}"#)
        }
        let (ending, calls) = Desk.play(
            connector.createReferences(wants, Desk.facts), [answer(0 ..< 25), answer(25 ..< 30)])
        #expect(calls.count == 2)
        let first = try JSON(parsing: calls[0].request.body)["BatchItemRequest"]?[0]
        #expect(
            first
                == (try Desk.json(
                    #"{"bId":"b1","operation":"create","Item":{"Name":"n0","Type":"Service","Description":"t0","IncomeAccountRef":{"value":"A4010"}}}"#
                )))
        guard case .finished(let made) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(made.count == 30 && made["k29"] == "29")
    }

    @Test("a product with two titles is created once")
    func twoTitles() throws {
        var renamed = mug
        renamed.name = "Large mug (MUG-1, 4010)"
        let calls = Desk.play(connector.createReferences([mug, renamed], Desk.facts), []).calls
        #expect(try JSON(parsing: calls[0].request.body)["BatchItemRequest"]?.array?.count == 1)
    }

    @Test("a name that exists already is looked up and used")
    func doubled() throws {
        let answers = [
            Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(Desk.fault("6240").dropFirst())]}"#),
            Desk.answer(
                #"{"QueryResponse":{"Item":[{"Id":"19","Name":"Mug (MUG-1, 4010)","IncomeAccountRef":{"value":"A4010"}}]}}"#
            ),
        ]
        #expect(try Desk.finished(connector.createReferences([mug], Desk.facts), answers) == ["MUG-1@4010": "19"])
    }

    @Test("a name held by an item of another account is never used")
    func otherAccount() {
        let answers = [
            Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(Desk.fault("6240").dropFirst())]}"#),
            Desk.answer(
                #"{"QueryResponse":{"Item":[{"Id":"19","Name":"Mug (MUG-1, 4010)","IncomeAccountRef":{"value":"A1"}}]}}"#
            ),
        ]
        guard case .failed(let fault) = Desk.play(connector.createReferences([mug], Desk.facts), answers).ending else {
            Issue.record("it was used")
            return
        }
        #expect(fault.code == "item_account_mismatch")
    }

    @Test("a customer whose name a vendor has gets a mark of its own")
    func vendorsName() throws {
        let answers = [
            Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(Desk.fault("6240").dropFirst())]}"#),
            Desk.answer(#"{"QueryResponse":{}}"#),
            Desk.answer(#"{"BatchItemResponse":[{"bId":"b1","Customer":{"Id":"60"}}]}"#),
        ]
        let (ending, calls) = Desk.play(connector.createReferences([party], Desk.facts), answers)
        #expect(
            try JSON(parsing: calls[2].request.body)["BatchItemRequest"]?[0]?["Customer"]?["DisplayName"]
                == "Shop customers (C)")
        guard case .finished(let made) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(made == ["shop": "60"])
    }

    @Test("names that stay taken end the attempt instead of going round")
    func staysTaken() {
        let taken = Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(Desk.fault("6240").dropFirst())]}"#)
        let none = Desk.answer(#"{"QueryResponse":{}}"#)
        let (ending, calls) = Desk.play(
            connector.createReferences([party], Desk.facts), [taken, none, taken, none, taken, none])
        #expect(calls.count == 4)
        guard case .failed(let fault) = ending else {
            Issue.record("no end")
            return
        }
        #expect(fault.code == "name_taken")
    }

    @Test("what succeeded is kept where another one failed; a failure alone is told")
    func partial() throws {
        let bad = Desk.fault("2500").dropFirst()
        let both = Desk.answer(#"{"BatchItemResponse":[{"bId":"b1","Customer":{"Id":"58"}},{"bId":"b2",\#(bad)]}"#)
        #expect(try Desk.finished(connector.createReferences([party, mug], Desk.facts), [both]) == ["shop": "58"])
        let alone = Desk.answer(#"{"BatchItemResponse":[{"bId":"b1",\#(bad)]}"#)
        guard case .failed(let fault) = Desk.play(connector.createReferences([mug], Desk.facts), [alone]).ending else {
            Issue.record("no failure")
            return
        }
        #expect(fault.code == "invalid_reference")
    }
}
