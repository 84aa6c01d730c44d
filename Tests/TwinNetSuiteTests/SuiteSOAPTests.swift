import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: SuiteTalk SOAP")
struct SuiteSOAPTests {
    /// - Source: the sheet's example of an upsert.
    static let invoice = """
        <record xsi:type="s:Invoice" externalId="SHOP-INV-1001"><s:entity internalId="412"/><s:tranDate>2026-11-20T00:00:00.000Z</s:tranDate>
        <s:otherRefNum>#1001</s:otherRefNum><s:memo>Web order</s:memo><s:currency internalId="1"/><s:exchangeRate>1.0</s:exchangeRate>
        <s:itemList replaceAll="true"><s:item><s:item internalId="77"/><s:quantity>2.0</s:quantity><s:price internalId="-1"/>
        <s:rate>19.99</s:rate><s:amount>39.98</s:amount><s:taxCode internalId="7"/></s:item></s:itemList>
        <s:customFieldList><c:customField xsi:type="c:StringCustomFieldRef" scriptId="custbody_shop_id"><c:value>1001</c:value></c:customField></s:customFieldList></record>
        """

    @Test("an upsert adds once, and REST sees the same books")
    func upsert() throws {
        let bench = try SuiteBench()
        for _ in 0..<2 {
            let response = try bench.soap("upsert", Self.invoice)
            let base = try #require(response.at(["writeResponse", "baseRef"]))
            #expect(SuiteBench.written(response).code == nil && base.attribute("internalId") == "9001")
            #expect(base.attribute("externalId") == "SHOP-INV-1001" && base.attribute("type") == "invoice")
        }
        let row = try bench.read("invoice", 9001)
        #expect(row["total"] == .number("43.18") && row["otherRefNum"] == "#1001" && row["custbody_shop_id"] == "1001")
        #expect(bench.lines(9001) == ["1100: 4318", "4100: -3998", "2100: -320"])
        let read = try bench.soap("get", "<baseRef xsi:type=\"c:RecordRef\" type=\"invoice\" externalId=\"SHOP-INV-1001\"/>")
        let record = try #require(read.at(["readResponse", "record"]))
        #expect(record["total"]?.text == "43.18" && record["entity"]?.at(["name"])?.text == "Ann Doe" && record["status"]?.text == "Open")
        #expect(record["tranDate"]?.text == "2026-11-20T00:00:00.000Z" && record.at(["itemList", "item", "rate"])?.text == "19.99")
        #expect(record.at(["customFieldList", "customField", "value"])?.text == "1001")
    }

    @Test("an add of what is there, an unknown reference and a closed period have their codes")
    func codes() throws {
        let bench = try SuiteBench()
        #expect(SuiteBench.written(try bench.soap("add", Self.invoice)).code == nil)
        #expect(SuiteBench.written(try bench.soap("add", Self.invoice)).code == "DUP_RCRD")
        let other = Self.invoice.replacing("SHOP-INV-1001", with: "X")
        let unknown = SuiteBench.written(try bench.soap("add", other.replacing("internalId=\"77\"", with: "internalId=\"770\"")))
        #expect(unknown.code == "INVALID_KEY_OR_REF" && unknown.message == "Invalid item reference key 770.")
        #expect(SuiteBench.written(try bench.soap("add",
            other.replacing("entity internalId=\"412\"", with: "entity externalId=\"none\""))).code == "NONEXISTENT_EXTERNAL_ID")
        #expect(SuiteBench.written(try bench.soap("add", other.replacing("2026-11-20", with: "2026-10-20"))).code == "TRAN_PERIOD_CLOSED")
        let long = other.replacing("Web order", with: String(repeating: "x", count: 1000))
        #expect(SuiteBench.written(try bench.soap("add", long)).code == "EXCEEDED_MAX_FIELD_LENGTH")
        #expect(SuiteBench.written(try bench.soap("add",
            other.replacing("<s:memo>Web order</s:memo>", with: "<s:total>1</s:total>"))).code == "INSUFFICIENT_PERMISSION")
        #expect(SuiteBench.written(try bench.soap("update", other)).code == "RCRD_DSNT_EXIST")
        let missing = try bench.soap("get", "<baseRef xsi:type=\"c:RecordRef\" type=\"invoice\" internalId=\"5\"/>")
        #expect(missing.at(["readResponse", "status", "statusDetail", "code"])?.text == "RCRD_DSNT_EXIST")
        #expect(bench.twin.entries().count == 1)
    }

    @Test("elements that there are not, a namespace of another version and no action are faults")
    func faults() throws {
        let bench = try SuiteBench()
        #expect(try bench.fault("add", Self.invoice.replacing("s:memo", with: "s:memoo")).text.contains("Invalid element in com.netsuite.webservices"))
        #expect(try bench.fault("add", Self.invoice, namespace: "2024_1").text.contains("No such operation"))
        #expect(try bench.fault("add", "<record xsi:type=\"s:Nothing\"/>").text.contains("could not find deserializer"))
        #expect(try bench.fault("frobnicate", "").text.contains("No such operation"))
        var bare = bench.envelope("<getServerTime xmlns=\"urn:messages_2025_2.platform.webservices.netsuite.com\"/>")
        bare.fields["SOAPAction"] = nil
        #expect(bench.twin.respond(bare, at: bench.now).bodyText.contains("no SOAPAction header!"))
        bare.body = Array("<a".utf8)
        #expect(bench.twin.respond(bare, at: bench.now).status == 500)
        let many = String(repeating: "<record xsi:type=\"s:Invoice\"/>", count: 201)
        #expect(try bench.fault("addList", many).name == "exceededRecordCountFault")
    }

    @Test("a list is not atomic: every record has its answer")
    func lists() throws {
        let bench = try SuiteBench()
        let bad = Self.invoice.replacing("SHOP-INV-1001", with: "B").replacing("internalId=\"412\"", with: "internalId=\"1\"")
        let response = try bench.soap("upsertList", Self.invoice + bad + Self.invoice.replacing("SHOP-INV-1001", with: "C"))
        let writes = response["writeResponseList"]?.all("writeResponse") ?? []
        #expect(writes.map { $0["status"]?.attribute("isSuccess") } == ["true", "false", "true"])
        #expect(bench.twin.entries().count == 2)
        let deleted = try bench.soap("deleteList",
            "<baseRef xsi:type=\"c:RecordRef\" type=\"invoice\" externalId=\"C\"/><baseRef xsi:type=\"c:RecordRef\" type=\"invoice\" internalId=\"1\"/>")
        #expect((deleted["writeResponseList"]?.all("writeResponse") ?? []).map { $0["status"]?.attribute("isSuccess") } == ["true", "false"])
        let filter = "<getDeletedFilter><c:type operator=\"anyOf\"><c:searchValue>invoice</c:searchValue></c:type></getDeletedFilter><pageIndex>1</pageIndex>"
        let gone = try bench.soap("getDeleted", filter).at(["getDeletedResult", "deletedRecordList", "deletedRecord", "record"])
        #expect(gone?.attribute("internalId") == "9002" && bench.twin.entries().map(\.live) == [true, false])
    }

    @Test("an update wipes lines that are not sent, unless it says otherwise")
    func replaceAll() throws {
        let bench = try SuiteBench()
        _ = try bench.soap("add", Self.invoice)
        func update(_ attribute: String, _ line: String) throws {
            let record = "<record xsi:type=\"s:Invoice\" internalId=\"9001\"><s:itemList\(attribute)><s:item>\(line)</s:item></s:itemList></record>"
            #expect(SuiteBench.written(try bench.soap("update", record)).code == nil)
        }
        try update(" replaceAll=\"false\"", "<s:item internalId=\"82\"/><s:amount>5</s:amount>")
        #expect(bench.lines(9001) == ["1100: 4818", "4100: -3998", "4000: -500", "2100: -320"])
        try update(" replaceAll=\"false\"", "<s:line>2</s:line><s:amount>6</s:amount>")
        #expect(bench.lines(9001).contains("4000: -600"))
        try update("", "<s:item internalId=\"82\"/><s:amount>5</s:amount>")
        #expect(bench.lines(9001) == ["1100: 500", "4000: -500"])
    }

    @Test("searches find by reference and by time, and give their pages by id")
    func searches() throws {
        let bench = try SuiteBench()
        for n in 1...12 { try bench.invoice("\(n).00", external: "E-\(n)") }
        func search(_ criteria: String, _ type: String = "p:TransactionSearchBasic") throws -> XMLElement {
            try #require(try bench.soap("search", "<searchRecord xsi:type=\"\(type)\">\(criteria)</searchRecord>", header: SuiteBench.passport(
                nonce: "search\(Int.random(in: 100_000...999_999))", timestamp: bench.now.seconds,
                more: "<searchPreferences xmlns=\"urn:messages_2025_2.platform.webservices.netsuite.com\"><pageSize>5</pageSize></searchPreferences>"))["searchResult"])
        }
        let one = try search("<p:externalId operator=\"anyOf\"><c:searchValue externalId=\"E-3\" type=\"invoice\"/></p:externalId>")
        #expect(one["totalRecords"]?.text == "1" && one.at(["recordList", "record"])?.attribute("internalId") == "9003")
        #expect(one.at(["recordList", "record", "itemList"]) == nil)
        let all = try search("<p:type operator=\"anyOf\"><c:searchValue>_invoice</c:searchValue></p:type>")
        #expect(all["totalRecords"]?.text == "12" && all["totalPages"]?.text == "3" && all["recordList"]?.children.count == 5)
        let id = all["searchId"]?.text ?? ""
        let last = try bench.soap("searchMoreWithId", "<searchId>\(id)</searchId><pageIndex>3</pageIndex>")["searchResult"]
        #expect(last?["recordList"]?.children.count == 2 && last?["pageIndex"]?.text == "3")
        #expect(try bench.soap("searchMoreWithId",
            "<searchId>\(id)</searchId><pageIndex>4</pageIndex>").at(["searchResult", "status", "statusDetail", "code"])?.text == "INVALID_SEARCH_PAGE_INDEX")
        let late = "<p:lastModifiedDate operator=\"onOrAfter\"><c:searchValue>2026-11-20T10:00:00.000Z</c:searchValue></p:lastModifiedDate>"
        #expect(try search(late)["totalRecords"]?.text == "0")
        bench.now = bench.now + .seconds(901)
        #expect(try bench.soap("searchMoreWithId",
            "<searchId>\(id)</searchId><pageIndex>1</pageIndex>").at(["searchResult", "status", "statusDetail", "code"])?.text == "INVALID_SEARCH_MORE")
        #expect(try search("<p:basic><p:entityId operator=\"startsWith\"><c:searchValue>ann</c:searchValue></p:entityId></p:basic>",
            "r:CustomerSearch")["totalRecords"]?.text == "1")
        #expect(try bench.fault("search", "<searchRecord xsi:type=\"p:TransactionSearchBasic\"><p:nothing/></searchRecord>").text.contains("Invalid element"))
    }

    @Test("a record is begun from another one")
    func initialize() throws {
        let bench = try SuiteBench()
        let id = try bench.invoice()
        let asked = "<initializeRecord><c:type>creditMemo</c:type><c:reference type=\"invoice\" internalId=\"\(id)\"/></initializeRecord>"
        let record = try bench.soap("initialize", asked).at(["readResponse", "record"])
        #expect(record?["createdFrom"]?.attribute("internalId") == "\(id)" && record?.at(["applyList", "apply", "doc"])?.text == "\(id)")
        #expect(record?.attribute("internalId") == nil && record?.at(["itemList", "item", "amount"])?.text == "100.0")
        let wrong = "<initializeRecord><c:type>cashRefund</c:type><c:reference type=\"invoice\" internalId=\"\(id)\"/></initializeRecord>"
        #expect(try bench.soap("initialize", wrong).at(["readResponse", "status"])?.attribute("isSuccess") == "false")
    }

    @Test("the data centre is told to anyone, the time to those who may come in")
    func service() throws {
        let bench = try SuiteBench()
        let urls = try bench.soap("getDataCenterUrls", "<account>1234567_SB1</account>",
            header: "").at(["getDataCenterUrlsResult", "dataCenterUrls", "webservicesDomain"])
        #expect(urls?.text == "https://1234567-sb1.suitetalk.api.netsuite.com")
        #expect(try bench.soap("getServerTime", "").at(["getServerTimeResult", "serverTime"])?.text == "2026-11-20T09:00:00.000Z")
        let currencies = try bench.soap("getAll", "<record recordType=\"currency\"/>").at(["getAllResult", "recordList"])
        #expect(currencies?.children.map { $0["symbol"]?.text } == ["USD", "GBP", "CAD", "EUR", "JPY"])
    }

    @Test("the WSDL of every version names schemas that are served", arguments: ["2019_1", "2024_1", "2025_2"])
    func wsdl(version: String) throws {
        let bench = try SuiteBench()
        func get(_ path: String) -> HTTPResponse { bench.twin.respond(HTTPRequest(.get, path, fields: ["Host": SuiteBench.host]), at: bench.now) }
        let wsdl = try XMLElement(parsing: get("/wsdl/v\(version)_0/netsuite.wsdl").body)
        let imports = wsdl.at(["types", "schema"])?.children ?? []
        #expect(imports.count == SuiteWSDL.schemas.count)
        for place in imports {
            let path = (place.attribute("schemaLocation") ?? "").replacing("../..", with: "")
            let schema = try XMLElement(parsing: get(path).body)
            #expect(schema.attribute("targetNamespace") == place.attribute("namespace"))
        }
        let general = try XMLElement(parsing: get("/xsd/transactions/v\(version)_0/general.xsd").body).all("complexType").compactMap { $0.attribute("name") }
        #expect(general.prefix(3) == ["JournalEntry", "JournalEntryLine", "JournalEntryLineList"] && general.contains("AdvInterCompanyJournalEntryLineList"))
        #expect(wsdl.at(["service", "port", "address"])?.attribute("location") == "http://127.0.0.1:4000/netsuite/services/NetSuitePort_\(version)")
        #expect(get("/wsdl/v2016_1_0/netsuite.wsdl").status == 404 && get("/xsd/platform/v\(version)_0/nothing.xsd").status == 404)
    }
}
