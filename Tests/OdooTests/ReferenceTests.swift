import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("Company, accounts, taxes and contacts") struct ReferenceTests {
    private static let company = """
        {"id":1,"name":"Thames Pottery Ltd","country_code":"GB","currency_id":[1,"GBP"],"fiscalyear_lock_date":"2025-12-31","tax_lock_date":"2026-10-31",\
        "sale_lock_date":false,"hard_lock_date":false,"period_lock_date":"2026-09-30"}
        """

    private func rpc(_ text: String, _ version: String) -> HTTPResponse { answer(version == "19" ? text : "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\(text)}") }

    @Test("who is there: name, country, currency, when the version is the one that is set", arguments: [
        ("19", #"{"version_info":[19,0,0,"final",0,""],"version":"19.0"}"#), ("17", #"{"server_version":"saas~17.4","server_version_info":[17,4]}"#),
        ("14", #"{"server_version":"14.0+e","server_version_info":[14,0,0,"final",0,"e"]}"#),
    ]) func identity(version: String, said: String) throws {
        let (end, calls) = drive(connector.identify(facts(["version": version])), [rpc(said, version), rpc("[\(Self.company)]", version)])
        #expect(end.output == AccountIdentity(account: "thames-pottery", name: "Thames Pottery Ltd", country: "GB", currency: "GBP"))
        #expect(calls.allSatisfy { $0.kind == .read })
        let other = drive(connector.identify(facts(["version": version])), [rpc(#"{"version":"12.0","server_version":"12.0"}"#, version)])
        #expect(other.end.fault?.code == "version_mismatch" && other.end.fault?.remedy.contains("12") == true)
        #expect(drive(connector.identify(facts(["version": version])), [rpc("{}", version)]).end.fault?.code == "unreadable_answer")
    }

    @Test("a user of several companies has to say which; one that is not his is told") func companies() throws {
        let version = answer(#"{"version":"19.0"}"#)
        #expect(drive(connector.identify(facts), [version, list(Self.company, Self.company)]).end.fault?.code == "company_ambiguous")
        #expect(drive(connector.identify(facts(["company": "3"])), [version, list()]).end.fault?.code == "company_unknown")
        let calls = drive(connector.identify(facts(["company": "3"])), [version]).calls
        #expect(try body(calls[1])["domain"] == json(#"[["id","=",3]]"#))
    }

    @Test("the chart: accounts by their ids, sales taxes, currencies, and the latest lock date", arguments: ["19", "18", "14"]) func chart(version: String) throws {
        let off = version == "19" ? "\"active\":false" : "\"deprecated\":true", on = version == "19" ? "\"active\":true" : "\"deprecated\":false"
        let type = version == "14" ? "\"internal_type\":\"other\"" : "\"account_type\":\"income\""
        let accounts = """
            [{"id":200,"code":"400000","name":"Sales",\(type),"currency_id":false,\(on)},{"id":201,"code":false,"name":"Old",\(type),"currency_id":[2,"EUR"],\(off)}]
            """
        let answers = ["[\(Self.company)]", accounts, "[{\"id\":5,\"name\":\"20%\"}]", "[{\"id\":1,\"name\":\"GBP\"},{\"id\":2,\"name\":\"EUR\"}]"].map { rpc($0, version) }
        let (end, calls) = drive(connector.chart(facts(["version": version])), answers)
        let chart = try #require(end.output)
        #expect(chart.accounts.map(\.code) == ["400000", "Old"] && chart.accounts.map(\.active) == [true, false])
        #expect(chart.accounts.map(\.currency) == [nil, "EUR"] && chart.accounts[0].remoteID == "200" && !chart.accounts[0].type.isEmpty)
        #expect(chart.taxCodes == ["5", "none"] && chart.currencies == ["GBP", "EUR"] && chart.baseCurrency == "GBP")
        #expect(chart.lockDate?.description == "2026-10-31")
        let asked = String(decoding: calls[1].request.body, as: UTF8.self)
        #expect(asked.contains("company_ids") == (version != "14") && asked.contains("active_test") == (version == "19"))
    }

    @Test("a lock date that is there but is none stops the chart", arguments: ["\"31/10/2026\"", "7", "true"]) func lockDates(_ text: String) {
        let company = Self.company.replacing("\"2026-10-31\"", with: text)
        let answers = [list(company), list(), list(), list()]
        #expect(drive(connector.chart(facts), answers).end.fault?.code == "unreadable_answer")
    }

    @Test("accounts without a name, taxes without an id and lists that are none stop it too") func odd() {
        let company = list(Self.company)
        #expect(drive(connector.chart(facts), [company, list(#"{"id":1}"#), list(), list()]).end.fault?.code == "unreadable_answer")
        #expect(drive(connector.chart(facts), [company, list(), list(#"{"name":"x"}"#), list()]).end.fault?.code == "unreadable_answer")
        #expect(drive(connector.chart(facts), [company, answer("{}")]).end.fault?.code == "unreadable_answer")
    }

    // MARK: Contacts

    @Test("sales and entries on the receivable need a contact; other entries none") func wants() {
        #expect(connector.references(for: simple()).map(\.key) == ["shop"] && connector.references(for: payment()).map(\.key) == ["shop"])
        #expect(connector.references(for: document(.journal, [line(.other, "a", 100, 1), line(.other, "b", -100, 2)])).isEmpty)
        #expect(connector.references(for: document(.salesReceipt, [control(1)])).isEmpty)
        #expect(connector.itemKey(of: simple().lines[1]) == nil)
    }

    private func want(_ name: String, key: String = "shop") -> ReferenceWant { ReferenceWant(kind: .party, key: key, name: name, text: name) }

    @Test("contacts by their exact name, the oldest of several, of this company or of none") func find() throws {
        let rows = list(#"{"id":58,"name":"Shop customers"}"#, #"{"id":59,"name":"Shop customers"}"#, #"{"id":60,"name":"shop customers"}"#)
        let (end, calls) = drive(connector.findReferences([want("Shop customers"), want("Ann", key: "c-1")], facts(["company": "3"])), [rows])
        #expect(end.output == ["shop": "58"])
        #expect(try body(calls[0])["domain"] == json(#"[["name","in",["Ann","Shop customers"]],["parent_id","=",false],["company_id","in",[false,3]]]"#))
        #expect(drive(connector.findReferences([], facts)).calls.isEmpty)
    }

    @Test("contacts are created in one call; what the answer leaves out is not guessed") func create() throws {
        let wants = [want("Ann", key: "c-1"), want("Bob", key: "c-2"), want("Ann", key: "c-3")]
        let (end, calls) = drive(connector.createReferences(wants, facts), [answer("[70,71]")])
        #expect(end.output == ["c-1": "70", "c-2": "71", "c-3": "70"])
        #expect(try body(calls[0])["vals_list"] == json(#"[{"name":"Ann","customer_rank":1},{"name":"Bob","customer_rank":1}]"#))
        #expect(drive(connector.createReferences(wants, facts), [answer("[70]")]).end.fault?.code == "unreadable_answer")
    }

    @Test("a name of several lines or none at all is still a name") func names() {
        #expect(OdooConnector.name(want(" a\nb ")) == "a b" && OdooConnector.name(want("\u{1b}", key: "c-9")) == "c-9")
        #expect(OdooConnector.name(want(String(repeating: "x", count: 900))).count == OdooLimits.partyName)
    }

    @Test("amounts: a hair beside the cent is the cent, anything else is none") func amounts() throws {
        for (text, minor) in [("44.980000000000004", 4498), ("-0.0", 0), ("1e2", 10_000), ("-3.7", -370), ("10", 1000)] as [(String, Int64)] {
            #expect(try Items.minor(.number(text), .gbp, "x") == minor, "\(text)")
        }
        for value in [JSON.number("0.005"), .number("1e30"), .number("1e-40"), "1.00", false, .null] {
            if case .number("1e-40") = value { continue }
            #expect(throws: Fault.self) { try Items.minor(value, .gbp, "x") }
        }
        #expect(throws: Fault.self) { try Items.minor(nil, .gbp, "x") }
    }
}
