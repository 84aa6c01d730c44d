import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct ReferenceTests {
    private func want(_ name: String, key: String = "shop") -> ReferenceWant {
        ReferenceWant(kind: .party, key: key, name: name, text: name)
    }

    private func contacts(_ rows: [(id: Int, name: String, more: String)]) -> HTTPResponse {
        let list = rows.map { row in
            "{\"ContactID\":\"\(guid(row.id))\",\"Name\":\(JSON.string(row.name).text)\(row.more)}"
        }
        return answer("{\"Contacts\":[\(list.joined(separator: ","))]}")
    }

    @Test("invoices and credit notes need a contact; payments and journals need nothing, and no line needs an item")
    func wants() {
        #expect(connector.references(for: simple()).map(\.key) == ["shop"])
        #expect(connector.references(for: payment()).isEmpty)
        #expect(connector.references(for: refund()).isEmpty)
        #expect(connector.references(for: document(.salesReceipt, [])).isEmpty)
        #expect(connector.itemKey(of: line(.goods, "sales:x", -1, "200", sku: "MUG-1")) == nil)
    }

    @Test("a contact is found by its exact name before one in another case, and never an archived one")
    func finds() throws {
        let rows = contacts([
            (1, "Shop customers", ",\"ContactStatus\":\"ARCHIVED\""), (2, "SHOP CUSTOMERS", ""),
            (3, "Shop customers", ",\"ContactStatus\":\"ACTIVE\""),
        ])
        let (end, calls) = drive(
            connector.findReferences([want("Shop customers"), want("Nobody", key: "n")], facts), [rows])
        #expect(calls.first?.request.query("where") == "Name==\"Shop customers\" OR Name==\"Nobody\"")
        #expect(end.output == ["shop": guid(3)])
        let upper = contacts([(2, "SHOP CUSTOMERS", "")])
        #expect(
            drive(connector.findReferences([want("Shop customers")], facts), [upper]).end.output == ["shop": guid(2)])
        let gone = contacts([(1, "Shop customers", ",\"ContactStatus\":\"ARCHIVED\"")])
        #expect(drive(connector.findReferences([want("Shop customers")], facts), [gone]).end.output == [:])
    }

    /// Of an issue of xero-python, with what else a 400 has.
    private static let highVolume = answer(
        """
        {"ErrorNumber":14,"Type":"HighVolumeException","Message":"Your request is not filtering Contacts efficiently, given the extremely high volume \
        for this organisation. Please check https://developer.xero.com/documentation/api/efficient-data-retrieval for tips."}
        """, status: 400)

    @Test("an organisation with very many contacts is asked for each alone, and a refusal of even that is no sign that there is none")
    func manyContacts() throws {
        let wants = [want("A", key: "a"), want("B", key: "b")]
        let (end, calls) = drive(
            connector.findReferences(wants, facts), [Self.highVolume, contacts([(1, "A", "")]), contacts([(2, "B", "")])])
        #expect(calls.map { $0.request.query("where") } == ["Name==\"A\" OR Name==\"B\"", "Name==\"A\"", "Name==\"B\""])
        #expect(end.output == ["a": guid(1), "b": guid(2)])
        let (refused, _) = drive(connector.findReferences(wants, facts), [Self.highVolume, Self.highVolume])
        #expect(refused.fault?.code == "ledger_refused")
        // Words of people that look like two conditions are one all the same.
        let (odd, asked) = drive(connector.findReferences([want("A OR B")], facts), [Self.highVolume])
        #expect(odd.fault?.code == "unreadable_answer" && asked.count == 1)
        // Any other 400 is about the question.
        let (other, _) = drive(connector.findReferences(wants, facts), [answer("{\"Message\":\"bad\"}", status: 400)])
        #expect(other.fault?.code == "ledger_refused")
    }

    @Test("who sells to us is found and made as who buys is")
    func suppliers() throws {
        let supplier = ReferenceWant(kind: .vendor, key: "clay", name: "Clayworks", text: "")
        #expect(drive(connector.findReferences([supplier], facts), [contacts([(3, "Clayworks", "")])]).end.output == ["clay": guid(3)])
        #expect(drive(connector.createReferences([supplier], facts), [contacts([(4, "Clayworks", "")])]).end.output == ["clay": guid(4)])
    }

    @Test("a name with quotes is searched for by its plain part and compared whole")
    func quotes() throws {
        let name = "The \"Old\" Pottery Shop"
        let rows = contacts([(1, "The Old Pottery Shop", ""), (2, name, "")])
        let (end, calls) = drive(connector.findReferences([want(name)], facts), [rows])
        #expect(calls.first?.request.query("where") == nil)
        #expect(calls.first?.request.query("searchTerm") == "Pottery Shop")
        #expect(end.output == ["shop": guid(2)])
        // Nothing to search for: not there, without a call.
        #expect(drive(connector.findReferences([want("\"\"")], facts)).end.output == [:])
    }

    @Test("a name longer than the field is shortened to the same name every time")
    func long() throws {
        let full = String(repeating: "Kundenstamm ", count: 60)
        let call = try #require(drive(connector.createReferences([want(full)], facts)).calls.first)
        let name = try #require(try JSON(parsing: call.request.body)["Contacts"]?[0]?["Name"]?.string)
        #expect(name.utf16.count <= 255)
        #expect(
            drive(connector.findReferences([want(full)], facts), [contacts([(4, name, "")])]).end.output == [
                "shop": guid(4)
            ])
        let emoji = XeroConnector.contactName(want(String(repeating: "👩‍👩‍👧‍👦", count: 200)))
        #expect(emoji.utf16.count <= 255)
    }

    @Test("contacts are created by PUT, which never changes one that is there")
    func creates() throws {
        let made = contacts([(7, "Shop customers", ",\"StatusAttributeString\":\"OK\"")])
        let (end, calls) = drive(connector.createReferences([want("Shop customers")], facts), [made])
        let call = try #require(calls.first)
        #expect(call.request.method == .put)
        #expect(call.request.target == "/api.xro/2.0/Contacts?summarizeErrors=false")
        #expect(try JSON(parsing: call.request.body) == json("{\"Contacts\":[{\"Name\":\"Shop customers\"}]}"))
        #expect(end.output == ["shop": guid(7)])
    }

    @Test("a name that is taken after all is looked up; taken by what can't be used it is a person's to mend")
    func taken() throws {
        let message =
            "The contact name Shop customers is already assigned to another contact. The contact name must be unique across all active contacts."
        let refused = answer(
            """
            {"Contacts":[{"ContactID":"00000000-0000-0000-0000-000000000000","Name":"Shop customers","HasValidationErrors":true,
            "ValidationErrors":[{"Message":"\(message)"}]}]}
            """)
        let (end, calls) = drive(
            connector.createReferences([want("Shop customers")], facts),
            [refused, contacts([(8, "shop customers", "")])])
        #expect(calls.map(\.kind) == [.write, .read])
        #expect(end.output == ["shop": guid(8)])
        let hopeless = drive(connector.createReferences([want("Shop customers")], facts), [refused, contacts([])]).end
        #expect(hopeless.fault?.code == "ledger_name_taken")
        #expect(hopeless.fault?.disposition == .hold)
    }

    @Test("what was created is kept even where another one failed")
    func partly() {
        let both = answer(
            """
            {"Contacts":[{"ContactID":"\(guid(7))","Name":"A"},{"Name":"B","ValidationErrors":[{"Message":"no"}]}]}
            """)
        let end = drive(connector.createReferences([want("A", key: "a"), want("B", key: "b")], facts), [both]).end
        #expect(end.output == ["a": guid(7)])
        let none = drive(connector.createReferences([want("A")], facts), [answer("{\"Contacts\":[]}")]).end
        #expect(none.fault?.code == "unreadable_answer")
    }
}
