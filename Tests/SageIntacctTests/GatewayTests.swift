import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SageIntacct

/// - Source: developer.intacct.com, XML Requests, API Sessions, Error handling; Intacct/intacct-sdk-php, test/Intacct/Xml.
@Suite("The gateway's requests and answers") struct GatewayTests {
    @Test("a request names the sender, is unique where it writes, and has a place for the session") func envelope() throws {
        let write = try #require(drive(connector.create([simple()], attempt: "a", facts)).calls.first)
        let root = try XMLElement(parsing: write.request.body)
        #expect(write.request.target == "/ia/xml/xmlgw.phtml" && write.request.fields["Content-Type"] == "application/xml")
        #expect(root["control"]?.order == ["senderid", "password", "controlid", "uniqueid", "dtdversion", "includewhitespace"])
        #expect(root.text("control", "uniqueid") == "true" && root.text("control", "dtdversion") == "3.0")
        #expect(root.text("operation", "authentication", "sessionid") == "***" && root["operation"]?.attribute("transaction") == "false")
        #expect(write.blanks?.names == ["sender_id", "sender_password", "sessionid"])
        let read = try #require(drive(connector.find([simple()], facts)).calls.first)
        #expect(try XMLElement(parsing: read.request.body).text("control", "uniqueid") == "false")
    }

    @Test("the login is the user's, of one entity where the settings name it, and gives session, host and end") func login() throws {
        guard case .session(let session) = connector.spec.auth else { Issue.record("no session"); return }
        let call = session.login(facts(["entity": "1&00"]))
        let root = try XMLElement(parsing: call.request.body)
        #expect(root.at(["operation", "authentication", "login"])?.order == ["userid", "companyid", "password", "locationid"])
        #expect(root.text("operation", "authentication", "login", "locationid") == "1&00")
        #expect(root.text("operation", "content", "function", "getAPISession", "locationid") == "1&00")
        let plain = try XMLElement(parsing: session.login(facts).request.body)
        #expect(plain.at(["operation", "authentication", "login", "locationid"]) == nil)
        let given = answer(done(
            "session", data: "<data><api><sessionid>nOTaReAl..</sessionid><endpoint>https://na12.intacct.com/ia/xml/xmlgw.phtml</endpoint></api></data>"))
        #expect(session.gives.map { $0.place.value(in: given) } == ["nOTaReAl..", "https://na12.intacct.com/ia/xml/xmlgw.phtml"])
        guard case .at(let place)? = session.ends else { Issue.record("no end"); return }
        #expect(place.value(in: given) == "2026-11-14T12:00:00+00:00")
        #expect(session.parts.filter(\.isOperators).map(\.name) == ["sender_id", "sender_password"])
    }

    @Test("each of the three levels can say no") func levels() throws {
        let read = try #require(drive(connector.find([simple()], facts)).calls.first)
        func verdict(_ response: HTTPResponse) -> String {
            switch connector.judge(response, to: read) {
            case .accepted: "accepted"
            case .reauthorize: "reauthorize"
            case .rejected(let fault): "rejected \(fault.code)"
            case .throttled: "throttled"
            case .unavailable: "unavailable"
            case .duplicate: "duplicate"
            case .outcomeUnknown: "outcomeUnknown"
            }
        }
        let schema = errors("XL03000003", "XML Parse schema error: Fatal Error 76: Opening and ending tag mismatch: delete line 16 and function.")
        #expect(verdict(xml(schema, control: "failure")) == "rejected ledger_refused")
        #expect(verdict(xml(errors("XL03000006", "test is not a valid transport policy."), control: "failure")) == "reauthorize")
        #expect(verdict(xml(errors("PL04000055", "This company is a demo company and has expired."), control: "failure")) == "reauthorize")
        #expect(verdict(xml(errors("GW-0010", ""), control: "failure")) == "throttled")
        let why = errors("XL03000006", "Sign-in information is incorrect")
        let refused = "<operation><authentication><status>failure</status></authentication>\(why)</operation>"
        #expect(verdict(xml(refused)) == "reauthorize")
        #expect(verdict(answer(failed("ARINVOICE", "Object definition VENDOR9 not found", number: "Query Failed"))) == "rejected ledger_refused")
        // What is no answer of the gateway's: no operation, no authentication, no result, no known status.
        let odd = ["", "<operation/>", "<operation><authentication><status>success</status></authentication></operation>",
            "<operation><authentication><status>maybe</status></authentication></operation>"]
        for body in odd { #expect(verdict(xml(body)) == "unavailable", "\(body)") }
        #expect(verdict(answer("<result><status>odd</status><controlid>a</controlid></result>")) == "unavailable")
    }

    @Test("what Intacct says no for is told by its words", arguments: [
        ("Invalid customer 'C999' specified. [Support ID: EsppO%7EZEcj0]", "ledger_party_invalid"),
        ("Invalid GL account 4999 in line item 2.", "ledger_account_invalid"),
        ("Periods are closed. Your transaction date 11/14/2026 is within a period that's been closed", "ledger_period_closed"),
        ("Tax details are either missing or don't belong to the tax solution", "ledger_tax_invalid"),
        ("Location is a required dimension for this account.", "ledger_dimension_invalid"),
        ("The invoice cannot be deleted because it has been paid.", "ledger_document_fixed"),
        ("You do not have permission for API operation CREATE on objects of type arinvoice", "ledger_access_refused"),
        ("Something nobody has seen yet.", "ledger_refused"), ("", "ledger_refused"),
    ])
    func words(_ text: String, _ code: String) throws {
        let (end, _) = drive(connector.create([simple()], attempt: "a", facts), [answer(failed("\(key()).1.create", text))])
        guard case .judged(.rejected(let fault)) = end else { Issue.record("not rejected: \(end)"); return }
        #expect(fault.code == code && !fault.description.contains("Support ID"))
    }

    @Test("a number or control id that was used before is looked up, not refused", arguments: [
        "The control ID 0000000000000001.1.create is not unique.", "A document with the number 0000000000000001 already exists", "Duplicate transaction",
    ])
    func duplicate(_ text: String) {
        let (end, _) = drive(connector.create([simple()], attempt: "a", facts), [answer(failed("\(key()).1.create", text))])
        guard case .judged(.duplicate) = end else { Issue.record("\(end)"); return }
    }

    @Test("settings that say nothing are refused by name", arguments: [
        ["receivable": "x"], ["customer_ids": "x"], ["base_currency": "usd"], ["entity": "a\nb"], ["journal": String(repeating: "J", count: 101)],
    ])
    func settings(_ given: [String: String]) {
        #expect(drive(connector.chart(facts(given))).end.fault?.position == given.keys.first)
        #expect(drive(connector.chart(facts(given))).end.fault?.code == "setting_invalid")
    }
}

@Suite("Lists") struct QueryTests {
    @Test("several lists are asked for at once, and each that goes on is asked further") func pages() throws {
        let wants = [ReferenceWant(kind: .party, key: "shop", name: "Shop customers", text: "Shop customers")]
        let first = list("CUSTOMER", [["CUSTOMERID": "C1", "NAME": "Other"]], left: 1)
        let second = list("CUSTOMER", [["CUSTOMERID": "C2", "NAME": "Shop customers"]])
        let (end, calls) = drive(connector.findReferences(wants, facts), [answer(first), answer(second)])
        #expect(end.output == ["shop": "C2"] && calls.count == 2)
        let asked = try calls.map { try #require(try functions($0).first).content }
        #expect(asked.map { $0.text("offset") } == ["0", "1"] && asked[0].text("pagesize") == "1000")
        #expect(asked[0].at(["orderby", "order"])?.order == ["field", "ascending"])
    }

    @Test("an answer that does not say what there is is no empty list", arguments: [
        "", done("ARINVOICE"), done("ARINVOICE", data: "<data/>"), done("ARINVOICE", data: "<data count=\"1\" numremaining=\"0\"/>"),
        done("ARINVOICE", data: "<data count=\"0\" numremaining=\"3\"/>"), done("ARINVOICE", data: "<data count=\"0\"/>"),
        list("ARINVOICE", [], id: "other"),
    ])
    func unreadable(_ result: String) {
        let (end, _) = drive(connector.find([simple()], facts), [answer(result + done("x"))])
        #expect(end.fault?.code == "unreadable_answer")
    }
}
