import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: queries")
struct B1QueryTests {
    private func customers(_ bench: B1Bench, _ count: Int) throws {
        for n in 0..<count { try bench.post("BusinessPartners", "{\"CardCode\":\"S\(100 + n)\",\"CardName\":\"Shop \(n)\",\"CreditLimit\":\(n)}") }
    }

    @Test("pages hold twenty, and each says where the next is", arguments: [(1, "odata.nextLink"), (2, "@odata.nextLink")])
    func pages(version: Int, mark: String) throws {
        let bench = try B1Bench()
        bench.version = version
        try customers(bench, 42)
        var path: String? = "BusinessPartners?$select=CardCode&$filter=startswith(CardCode,'S')&$orderby=CardCode desc"
        var seen: [Int] = []
        var codes: Set<String> = []
        while let next = path {
            let page = try bench.get(next)
            codes.formUnion((page["value"]?.array ?? []).compactMap { $0["CardCode"]?.string })
            seen.append(page["value"]?.array?.count ?? 0)
            path = page[mark]?.string
            #expect(path?.hasPrefix("BusinessPartners?$select=CardCode&$filter=") ?? true)
        }
        #expect(seen == [20, 20, 2] && codes.count == 42)
    }

    @Test("a page's size can be asked for, and none at all")
    func preferred() throws {
        let bench = try B1Bench()
        try customers(bench, 30)
        func count(_ fields: HTTPFields, _ path: String = "BusinessPartners") throws -> (rows: Int, next: String?, applied: String?) {
            let answer = bench.send(.get, path, fields: fields)
            let page = try bench.json(answer)
            return (page["value"]?.array?.count ?? 0, page["@odata.nextLink"]?.string, answer.fields["Preference-Applied"])
        }
        let some = try count(["Prefer": "odata.maxpagesize=25"])
        #expect(some.rows == 25 && some.next == "BusinessPartners?$skip=25" && some.applied == "odata.maxpagesize=25")
        let all = try count(["Prefer": "odata.maxpagesize=0"])
        #expect(all.rows == 33 && all.next == nil)
        #expect(try count(["B1S-PageSize": "5"]).rows == 5)
        let top = try count([:], "BusinessPartners?$top=22&$skip=3")
        #expect(top.rows == 20 && top.next == "BusinessPartners?$top=2&$skip=23")
    }

    // Source: the guide, "Query Options", "Query Properties of the Enumeration Type", "… of the Datetime Type".
    @Test("filters find what they should", arguments: [
        ("CardType eq 'C'", 3), ("CardType eq 'cCustomer' and startswith(CardCode,'C')", 2), ("not (CardType eq 'cCustomer')", 1),
        ("CardCode eq 'C20000' or (CardCode eq 'C30000' and CardName eq 'Microchips')", 2), ("endswith(CardName,'chips')", 1), ("contains(CardName,'axi')", 1),
        ("substringof('axi', CardName)", 1), ("CardName eq 'it''s'", 1), ("Phone1 eq null", 4), ("Phone1 ne null", 0), ("GroupCode ge 101", 1),
        ("CreditLimit gt 7.4", 1), ("UpdateDate ge '2026-11-21'", 4), ("UpdateDate eq datetime'20261121'", 4), ("UpdateDate gt '2026-11-21T23:00:00'", 0),
        ("UpdateTime le '10:00:00' and UpdateTime ge '1000'", 4), ("contains(CardName,'AXI')", 0),
    ])
    func filters(filter: String, count: Int) throws {
        let bench = try B1Bench()
        bench.now = Timestamp(seconds: 1_795_255_200)
        try bench.post("BusinessPartners", "{\"CardCode\":\"X1\",\"CardName\":\"it's\",\"CreditLimit\":7.5}")
        for code in ["C20000", "C30000", "V10000"] { bench.done(.patch, "BusinessPartners('\(code)')", "{\"Notes\":\"seen\"}") }
        let text = Form.percent(filter)
        #expect(try bench.found("BusinessPartners?$filter=\(text)&$select=CardCode", "CardCode").count == count)
        #expect(bench.send(.get, "BusinessPartners/$count?$filter=\(text)").bodyText == "\(count)")
    }

    @Test("letters may be small or large where the client says so")
    func blind() throws {
        let bench = try B1Bench()
        let answer = bench.send(.get, "BusinessPartners?$filter=contains(CardName,'AXI')", fields: ["B1S-CaseInsensitive": "true"])
        #expect(try bench.json(answer)["value"]?.array?.count == 1)
    }

    @Test("queries that make no sense are refused", arguments: [
        ("$filter=DocStatus eq 'O'", 201, "Property 'DocStatus' is invalid"), ("$select=DocEntry,DocStatus", -1000, "Property 'DocStatus' of 'Document' is invalid"),
        ("$orderby=DocStatus", -1000, "Property 'DocStatus' of 'Document' is invalid"), ("$filter=toupper(CardName) eq 'X'", -1000, "Property 'toupper' of 'Document' is invalid"),
        ("$filter=DocumentLines eq 1", 201, "Property 'DocumentLines' is invalid"), ("$filter=DocDate ge 'soon'", 204, "Query string error: invalid value for 'DocDate'"),
        ("$filter=DocTotal gt 'much'", 204, "Query string error: invalid value for 'DocTotal'"), ("$filter=CardCode eq", 204, "Query string error: invalid value for 'CardCode'"),
        ("$filter=(CardCode eq 'x'", 204, "Query string error: a parenthesis is missing"), ("$filter=CardCode eq 'x", 204, "Query string error: a quotation mark is missing"),
        ("$filter=CardCode eq 'x' 'y'", 204, "Query string error: unexpected text behind the filter"), ("$filter=CardCode like 'x'", 204, "Query string error: an operator is missing behind CardCode"),
        ("$filter=DocumentStatus eq 'open'", 204, "Query string error: invalid value for 'DocumentStatus'"), ("$top=-1", 204, "Query string error: invalid $top"),
        ("$skip=x", 204, "Query string error: invalid $skip"), ("$apply=aggregate($count as N)", -1000, "$apply is not served here"), ("$expand=BusinessPartner", -1000, "$expand is not served here"),
    ])
    func nonsense(query: String, code: Int, text: String) throws {
        let path = "Orders?" + query.split(separator: "=", maxSplits: 1).enumerated().map { $0.offset == 0 ? String($0.element) : Form.percent(String($0.element)) }.joined(separator: "=")
        #expect(try B1Bench().refusal(.get, path) == Refusal(code: code, text: text))
    }

    @Test("a filter that is nested without end is refused")
    func deep() throws {
        let bench = try B1Bench()
        let text = String(repeating: "(", count: 400) + "CardCode eq 'x'" + String(repeating: ")", count: 400)
        #expect(try bench.refusal(.get, "Orders?$filter=\(Form.percent(text))").text == "Query string error: nested too deeply")
        let nots = String(repeating: "not ", count: 400) + "CardCode eq 'x'"
        #expect(try bench.refusal(.get, "Orders?$filter=\(Form.percent(nots))").text == "Query string error: nested too deeply")
    }

    // Source: the guide, "inlinecount": a text in version 3.
    @Test("a count comes with the rows where it is asked for")
    func counted() throws {
        let bench = try B1Bench()
        #expect(try bench.get("Items?$count=true&$top=1")["@odata.count"] == 3)
        bench.version = 1
        #expect(try bench.get("Items?$inlinecount=allpages&$top=1")["odata.count"] == "3")
        #expect(try bench.get("Items?$inlinecount=none")["odata.count"] == nil)
        #expect(try bench.refusal(.get, "Items?$inlinecount=some").code == 204)
    }

    @Test("days and errors look as each version has them", arguments: [
        (1, "2026-11-20", "{\"error\":{\"code\":-2028,\"message\":{\"lang\":\"en-us\",\"value\":\"No matching records found (ODBC -2028)\"}}}"),
        (2, "2026-11-20T00:00:00Z", "{\"error\":{\"code\":\"-2028\",\"details\":[{\"code\":\"\",\"message\":\"\"}],\"message\":\"No matching records found (ODBC -2028)\"}}"),
    ])
    func shapes(version: Int, day: String, missing: String) throws {
        let bench = try B1Bench()
        bench.version = version
        let entry = try bench.invoice()
        let read = try bench.get("Invoices(\(entry))")
        #expect(read["DocDate"]?.string == day && read["DocRate"] == .number("1.0") && read["DocTotal"] == .number("48.28"))
        #expect(read["Project"]?.isNull == true && read.member("DocumentLines")?[1]?["CostingCode"]?.isNull == true)
        let gone = bench.send(.get, "Invoices(99)")
        #expect(gone.status == 404 && gone.bodyText == missing)
        #expect(bench.send(.get, "Invoices(\(entry))").fields[version == 2 ? "OData-Version" : "DataServiceVersion"] == (version == 2 ? "4.0" : "3.0"))
    }

    @Test("keys are written in several ways")
    func keys() throws {
        let bench = try B1Bench()
        try bench.post("BusinessPartners", "{\"CardCode\":\"O'B/1\",\"CardName\":\"x\"}")
        for key in ["'C20000'", "CardCode='C20000'", "%27C20000%27"] { #expect(try bench.get("BusinessPartners(\(key))")["CardName"] == "Maxi-Teq") }
        #expect(try bench.get("BusinessPartners('O''B%2F1')")["CardName"] == "x")
        #expect(try bench.get("UserFieldsMD(TableName='OINV',FieldID=0)")["Name"] == "ExtId")
        #expect(try bench.get("PaymentTermsTypes(-1)")["PaymentTermsGroupName"] == "Cash basic")
        for key in ["C20000", "'C20000", "CardName='x'", "1,2", ""] { #expect(try bench.refusal(.get, "BusinessPartners(\(key))").code == -1000) }
        #expect(try bench.refusal(.get, "Orders('x')").code == -1000)
    }

    @Test("one property can be read by itself, and some of all")
    func properties() throws {
        let bench = try B1Bench()
        #expect(try bench.get("Items('A00001')/ItemName")["value"] == "Blue mug")
        #expect(try bench.refusal(.get, "Items('A00001')/Nothing").code == -1000)
        let some = try bench.get("Items('A00001')?$select=ItemCode, ItemName")
        #expect(some.object?.map(\.key) == ["@odata.context", "@odata.etag", "ItemCode", "ItemName"])
    }
}
