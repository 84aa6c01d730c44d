import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: sessions")
struct B1SessionTests {
    @Test("a login answers with the session in its body and in two cookies", arguments: [1, 2])
    func login(version: Int) throws {
        let bench = try B1Bench()
        bench.version = version
        let answer = try bench.login("SBODemoUS")
        let body = try bench.json(answer)
        let id = try #require(body["SessionId"]?.string)
        #expect(body["SessionTimeout"] == 30 && body["Version"] == "1000190")
        #expect(answer.fields.all("Set-Cookie") == ["B1SESSION=\(id);HttpOnly;", "ROUTEID=.node1; path=/sapb1/b1s"])
        let context = "http://localhost:50000/sapb1/b1s/v\(version)/$metadata#B1Sessions/"
        #expect(body[version == 2 ? "@odata.context" : "odata.metadata"]?.string == context + (version == 2 ? "$entity" : "@Element"))
    }

    // Source: the guide, "Session", and the shape of version 4 in public clients.
    @Test("without a session nothing is answered", arguments: [
        (1, "{\"error\":{\"code\":301,\"message\":{\"lang\":\"en-us\",\"value\":\"Invalid session or session already timeout.\"}}}"),
        (2, "{\"error\":{\"code\":\"301\",\"details\":[{\"code\":\"\",\"message\":\"\"}],\"message\":\"Invalid session or session already timeout.\"}}"),
    ])
    func without(version: Int, body: String) throws {
        let bench = try B1Bench()
        bench.version = version
        for path in ["Orders", "$metadata", "CompanyService_GetCompanyInfo"] {
            let answer = bench.send(.get, path, cookie: "ROUTEID=.node1")
            #expect(answer.status == 401 && answer.bodyText == body)
        }
    }

    @Test("wrong credentials and unknown databases are refused alike", arguments: [("SBODemoUS", "manager", "wrong"), ("SBODemoUS", "nobody", SapBusinessOneTwin.password), ("Other", "manager", SapBusinessOneTwin.password)])
    func wrong(company: String, user: String, password: String) throws {
        let answer = try B1Bench().login(company, user, password: password)
        #expect(answer.status == 401 && answer.bodyText.contains("100000027") && answer.bodyText.contains("Login failed"))
        #expect(answer.fields["Set-Cookie"] == nil)
    }

    @Test("a session ends half an hour after its last use, and not before")
    func idle() throws {
        let bench = try B1Bench()
        for _ in 0..<3 {
            bench.now = bench.now + .seconds(29 * 60)
            #expect(bench.send(.get, "Items").status == 200)
        }
        bench.now = bench.now + .seconds(30 * 60)
        #expect(try bench.refusal(.get, "Items").code == 301)
        #expect(try bench.refusal(.get, "Items").status == 401)
    }

    @Test("a logout ends the session, and so does the administrator")
    func logout() throws {
        let bench = try B1Bench()
        bench.done(.post, "Logout")
        #expect(try bench.refusal(.get, "Items").code == 301)
        try bench.login("SBODemoUS")
        bench.twin.revokeAccessTokens()
        #expect(try bench.refusal(.post, "Logout").code == 301)
    }

    @Test("the balancer's cookie is not needed, and a strange one does no harm")
    func route() throws {
        let bench = try B1Bench()
        let session = try #require(bench.cookie.split(separator: ";").first)
        for cookie in ["\(session)", "\(session); ROUTEID=None", "ROUTEID=.node9; \(session)"] {
            #expect(bench.send(.get, "Items", cookie: cookie).status == 200)
        }
    }

    @Test("sessions are licences: no more of them than there are")
    func licences() throws {
        let bench = try B1Bench(limits: SapBusinessOneLimits(sessions: 2))
        try bench.login("SBODemoUS")
        #expect(try bench.login("SBODemoUS").status == 500)
        bench.now = bench.now + .seconds(1800)
        #expect(try bench.login("SBODemoUS").status == 200)
    }

    @Test("who may only look does not write")
    func reader() throws {
        let bench = try B1Bench(user: "reader")
        #expect(bench.send(.get, "BusinessPartners").status == 200)
        #expect(bench.send(.post, "CompanyService_GetCompanyInfo").status == 200)
        let refusal = Refusal(status: 403, code: -6006, text: "You are not permitted to perform this action")
        #expect(try bench.refusal(.post, "Invoices", B1Bench.sale()) == refusal)
        #expect(try bench.refusal(.patch, "Items('A00001')", "{\"ItemName\":\"x\"}") == refusal)
    }

    @Test("addresses that are no node's are the balancer's to refuse, and those that are none of the service's the node's")
    func addresses() throws {
        let bench = try B1Bench()
        #expect(bench.twin.respond(HTTPRequest(.get, "/b1s/v3/Items"), at: bench.now).status == 404)
        #expect(bench.twin.respond(HTTPRequest(.get, "/ping/"), at: bench.now).bodyText == "pong")
        #expect(try bench.refusal(.get, "Nothing(1)") == Refusal(code: 200, text: "Unrecognized resource path."))
        for path in ["Items('A00001')/ItemName/more", "Nothing", "Items/Nothing", "Login"] { #expect(try bench.refusal(.get, path).code == 200) }
        #expect(try bench.refusal(.post, "NoService_Get").code == 200)
    }

    @Test("the company says what it keeps books in")
    func info() throws {
        for (company, currency) in [("SBODemoUS", "USD"), ("SBODemoGB", "GBP")] {
            let bench = try B1Bench(company)
            let admin = try bench.json(bench.send(.post, "CompanyService_GetAdminInfo"))
            #expect(admin["LocalCurrency"]?.string == currency && admin["TotalsAccuracy"] == 2 && admin["EnableBranches"] == "tNO")
            #expect(try bench.json(bench.send(.post, "CompanyService_GetCompanyInfo"))["CompanyName"]?.string?.hasPrefix("OEC Computers") == true)
        }
    }

    // Source: the metadata: functions in version 4, operations that are posted in version 3.
    @Test("what version 4 calls a function is got as well")
    func functions() throws {
        let bench = try B1Bench()
        #expect(try bench.get("CompanyService_GetAdminInfo")["LocalCurrency"] == "USD")
        bench.version = 1
        #expect(try bench.refusal(.get, "CompanyService_GetAdminInfo").code == 200)
    }

    @Test("posting periods are months, and those up to the lock are locked")
    func periods() throws {
        let bench = try B1Bench()
        let years = try bench.json(bench.send(.post, "CompanyService_GetPeriods"))["value"]?.array ?? []
        #expect(years.compactMap { $0["AbsoluteEntry"]?.int } == [1, 2, 3, 4])
        let months = try bench.json(bench.send(.post, "CompanyService_GetFinancePeriods", "{\"PeriodCategoryParams\":{\"AbsoluteEntry\":3}}"))["value"]?.array ?? []
        #expect(months.count == 12 && months[8]["PeriodStatus"] == "ltLocked" && months[9]["PeriodStatus"] == "ltUnlocked" && months[1]["PostingDateTo"] == "2026-02-28T00:00:00Z")
        #expect(try bench.refusal(.post, "CompanyService_GetFinancePeriods", "{}").status == 404)
    }

    @Test("the metadata says what there is, in either version", arguments: [(1, "Edm.DateTime\"", "FunctionImport"), (2, "Edm.DateTimeOffset\"", "ActionImport")])
    func metadata(version: Int, date: String, word: String) throws {
        let bench = try B1Bench()
        bench.version = version
        let answer = bench.send(.get, "$metadata")
        let root = try XMLElement(parsing: answer.body)
        let schema = try #require(root.at(["DataServices", "Schema"]))
        let document = try #require(schema.all("EntityType").first { $0.attribute("Name") == "Document" })
        #expect(document.at(["Key", "PropertyRef"])?.attribute("Name") == "DocEntry")
        #expect(document.all("Property").contains { $0.attribute("Name") == "U_ExtId" })
        #expect(answer.bodyText.contains(date) && answer.bodyText.contains(word))
        #expect(schema["EntityContainer"]?.all("EntitySet").count == B1Schema.sets.count)
        #expect(try bench.get("")["value"]?.array?.count == B1Schema.sets.count)
    }
}
