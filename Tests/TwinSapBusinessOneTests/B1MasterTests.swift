import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: masters")
struct B1MasterTests {
    private static let customer = """
        {"CardCode":"C20001","CardName":"Ann Doe","CardType":"cCustomer","GroupCode":100,"Currency":"##","EmailAddress":"a@example.com","Phone1":"555-0100","FederalTaxID":"1",
        "BPAddresses":[{"AddressName":"Bill to","AddressType":"bo_BillTo","Street":"Main 1","City":"Reno","ZipCode":"89501","Country":"US","State":"NV"}]}
        """

    // Source: the guide, "Creating Entities".
    @Test("a customer is made, and made once")
    func customer() throws {
        let bench = try B1Bench()
        let answer = bench.send(.post, "BusinessPartners", Self.customer)
        let made = try bench.json(answer)
        #expect(answer.status == 201 && answer.fields["Location"] == "http://localhost:50000/sapb1/b1s/v2/BusinessPartners('C20001')")
        #expect(made["CardName"] == "Ann Doe" && made.member("BPAddresses")?[0]?["BPCode"] == "C20001" && made["@odata.context"]?.string?.hasSuffix("#BusinessPartners/$entity") == true)
        let again = try bench.refusal(.post, "BusinessPartners", Self.customer)
        #expect(again == Refusal(code: -10, text: "1320000140 - Business partner code 'C20001' already assigned to a business partner; enter a unique business partner code"))
    }

    @Test("a code may come from a series, and must come from somewhere")
    func series() throws {
        let bench = try B1Bench()
        #expect(try bench.post("BusinessPartners", "{\"CardName\":\"x\",\"Series\":71}")["CardCode"] == "C000001")
        #expect(try bench.post("BusinessPartners", "{\"CardName\":\"y\",\"Series\":71}")["CardCode"] == "C000002")
        #expect(try bench.refusal(.post, "BusinessPartners", "{\"CardName\":\"x\"}") == Refusal(code: -5002, text: "Enter valid code  [OCRD.CardCode]"))
    }

    @Test("what does not fit is refused", arguments: [
        ("BusinessPartners", "{\"CardCode\":\"C2000000000000000\"}", "CServiceData::SetPropertyValueString failed; Value too long in property 'CardCode' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"Nothing\":1}", "Property 'Nothing' of 'BusinessPartner' is invalid"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"CardType\":\"cOther\"}", "Invalid value for property 'CardType' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"GroupCode\":\"x\"}", "Invalid value for property 'GroupCode' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"ValidFrom\":\"soon\"}", "Invalid value for property 'ValidFrom' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"CreditLimit\":true}", "Invalid value for property 'CreditLimit' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"BPAddresses\":{}}", "Invalid value for property 'BPAddresses' of 'BusinessPartner'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"BPAddresses\":[{\"Nothing\":1}]}", "Property 'Nothing' of 'BPAddress' is invalid"),
        ("BusinessPartners", "{\"CardCode\":\"A\",", "Invalid JSON format"), ("BusinessPartners", "[1]", "Invalid JSON format"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"GroupCode\":7}", "Invalid 'GroupCode'  [OCRD.GroupCode]"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"Currency\":\"XXX\"}", "Invalid currency  [OCRD.Currency] , 'XXX'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"DebitorAccount\":\"_SYS00000000003\"}", "Invalid control account  [OCRD.DebPayAcct] , '_SYS00000000003'"),
        ("BusinessPartners", "{\"CardCode\":\"A\",\"U_ExtId\":\"123456789012345678901234567890123456789012345678901\"}",
            "CServiceData::SetPropertyValueString failed; Value too long in property 'U_ExtId' of 'BusinessPartner'"),
        ("Items", "{\"ItemCode\":\"A00001\"}", "Item code 'A00001' already exists"), ("Items", "{\"ItemName\":\"x\"}", "Enter valid code  [OITM.ItemCode]"),
        ("Items", "{\"ItemCode\":\"X\",\"IncomeAccount\":\"none\"}", "Invalid account code  [OITM.IncomeAccount] , 'none'"),
        ("Projects", "{\"Code\":\"P1\"}", "This entry already exists in the following tables (ODBC -2035)"), ("Projects", "{\"Name\":\"x\"}", "Enter valid code  [OPRJ.Code]"),
    ])
    func refused(set: String, body: String, text: String) throws {
        let bench = try B1Bench()
        let refusal = try bench.refusal(.post, set, body)
        #expect(refusal.status == 400 && refusal.text == text)
        #expect(try bench.found("BusinessPartners", "CardCode") == ["C20000", "C30000", "V10000"])
    }

    @Test("both the name and the value of a choice are taken, and numbers as texts")
    func choices() throws {
        let bench = try B1Bench()
        let made = try bench.post("BusinessPartners", "{\"CardCode\":\"V2\",\"CardType\":\"S\",\"CreditLimit\":\"7.50\",\"Phone1\":5550100}")
        #expect(made["CardType"] == "cSupplier" && made["CreditLimit"] == .number("7.5") && made["Phone1"] == "5550100" && made["GroupCode"] == 101)
    }

    // Source: the guide, "ETag in Entity Update".
    @Test("a change against an old version is refused, and one without a version is not")
    func versions() throws {
        let bench = try B1Bench()
        let read = bench.send(.get, "Items('A00001')")
        let old = try #require(read.fields["ETag"])
        #expect(try bench.json(read)["@odata.etag"]?.string == old && old.hasPrefix("W/\"") && old.utf8.count == 44)
        bench.done(.patch, "Items('A00001')", "{\"ItemName\":\"Blue mug 2\"}")
        let text = "Another user or another operation modified data; to continue, open the window again (ODBC -2039)"
        for method in [HTTPMethod.patch, .delete] {
            #expect(try bench.refusal(method, "Items('A00001')", "{\"ItemName\":\"x\"}", fields: ["If-Match": old]) == Refusal(status: 412, code: -2039, text: text))
        }
        let fresh = try #require(bench.send(.get, "Items('A00001')").fields["ETag"])
        #expect(bench.send(.patch, "Items('A00001')", "{\"ItemName\":\"x\"}", fields: ["If-Match": fresh]).status == 204)
        #expect(try bench.get("Items('A00001')")["ItemName"] == "x")
    }

    @Test("rows of a master are merged, or replaced where the client says so")
    func rows() throws {
        let bench = try B1Bench()
        try bench.post("BusinessPartners", Self.customer)
        let change = "{\"BPAddresses\":[{\"AddressName\":\"Bill to\",\"AddressType\":\"bo_BillTo\",\"City\":\"Elko\"},{\"AddressName\":\"Ship to\",\"AddressType\":\"bo_ShipTo\"}]}"
        bench.done(.patch, "BusinessPartners('C20001')", change)
        let merged = try bench.get("BusinessPartners('C20001')")["BPAddresses"]?.array ?? []
        #expect(merged.map { $0["AddressName"]?.string } == ["Bill to", "Ship to"] && merged[0]["City"] == "Elko" && merged[0]["Street"] == "Main 1")
        let answer = bench.send(.patch, "BusinessPartners('C20001')", change, fields: ["B1S-ReplaceCollectionsOnPatch": "true"])
        #expect(answer.status == 204)
        #expect(try bench.get("BusinessPartners('C20001')")["BPAddresses"]?[0]?["Street"]?.isNull == true)
    }

    @Test("what is used stays, and what is not goes")
    func removal() throws {
        let bench = try B1Bench()
        try bench.post("BusinessPartners", Self.customer)
        bench.done(.delete, "BusinessPartners('C20001')")
        #expect(try bench.refusal(.get, "BusinessPartners('C20001')").status == 404)
        _ = try bench.invoice()
        for path in ["BusinessPartners('C20000')", "Items('SHIP')", "ChartOfAccounts('_SYS00000000012')"] {
            #expect(try bench.refusal(.delete, path).text.hasPrefix("Cannot remove; transactions are linked to it"))
        }
        #expect(try bench.refusal(.put, "Items('SHIP')", "{}") == Refusal(code: -5006, text: "The requested action is not supported for this object."))
    }

    @Test("a method may be written in a header")
    func override() throws {
        let bench = try B1Bench()
        #expect(bench.send(.post, "Items('SHIP')", "{\"ItemName\":\"Post\"}", fields: ["X-HTTP-Method-Override": "PATCH"]).status == 204)
        #expect(try bench.get("Items('SHIP')")["ItemName"] == "Post")
    }

    // Source: the guide: new user fields are seen once the metadata is read anew.
    @Test("a user field is there for sessions that begin after it, on all marketing documents")
    func userFields() throws {
        let bench = try B1Bench()
        let body = "{\"TableName\":\"ORDR\",\"Name\":\"ShopId\",\"Type\":\"db_Numeric\",\"Description\":\"Shop\"}"
        #expect(try bench.post("UserFieldsMD", body)["TableName"] == "OINV")
        #expect(try bench.refusal(.post, "UserFieldsMD", body).code == -2035)
        let sale = B1Bench.sale(more: "\"U_ShopId\":7,")
        #expect(try bench.refusal(.post, "Invoices", sale).text == "Property 'U_ShopId' of 'Document' is invalid")
        bench.now = bench.now + .seconds(2)
        try bench.login("SBODemoUS")
        #expect(try bench.post("Invoices", sale)["U_ShopId"] == 7)
        #expect(try bench.found("Invoices?$filter=U_ShopId eq 7", "U_ShopId") == ["7"])
        #expect(try bench.refusal(.post, "UserFieldsMD", "{\"TableName\":\"OINV\",\"Name\":\"a b\",\"Type\":\"db_Alpha\"}").text == "Invalid field name  [CUFD.AliasID] , 'a b'")
    }

    @Test("the chart has codes of segments in one company and plain ones in the other")
    func chart() throws {
        #expect(try B1Bench().get("ChartOfAccounts('_SYS00000000012')")["Name"] == "Sales revenue")
        let british = try B1Bench("SBODemoGB")
        #expect(try british.get("ChartOfAccounts('40000')")["Name"] == "Sales revenue")
        #expect(try british.found("VatGroups?$filter=Category eq 'bovcOutputTax'", "Code") == ["O0", "O1", "O2"])
        #expect(try british.found("SalesTaxCodes", "Code") == [])
    }

    @Test("a series is there for every object, and says its next number")
    func documentSeries() throws {
        let bench = try B1Bench()
        _ = try bench.invoice()
        let answer = try bench.json(bench.send(.post, "SeriesService_GetDocumentSeries", "{\"DocumentTypeParams\":{\"Document\":\"13\"}}"))
        #expect(answer["value"]?[0]?["NextNumber"] == 2 && answer["value"]?[0]?["Series"] == 13)
        #expect(try bench.refusal(.post, "SeriesService_GetDocumentSeries", "{}").status == 404)
    }
}
