import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSageIntacct

@Suite("Sage Intacct: the gateway")
struct IntacctGatewayTests {
    /// - Source: the request of Sage's "XML requests" and of intacct-sdk-php.
    @Test("a login gives a session, with which one works on until it ends")
    func session() throws {
        let bench = try IntacctBench()
        let answer = try bench.send(IntacctBench.function("<getAPISession/>", id: "f1"))
        #expect(answer.at(["control", "status"])?.value == "success" && answer.at(["control", "controlid"])?.value == "request-1")
        #expect(answer["operation"]?["authentication"]?.value("locationid") == "100")
        #expect(answer["operation"]?["authentication"]?.value("sessiontimestamp") == "2026-11-20T10:00:00+00:00")
        #expect(answer["operation"]?["authentication"]?.value("sessiontimeout") == "2026-11-20T22:00:00+00:00")
        let api = try #require(answer.at(["operation", "result", "data", "api"]))
        #expect(api.value("endpoint") == "http://127.0.0.1:8081/intacct/ia/xml/xmlgw.phtml" && api.value("locationid") == "100")
        let session = IntacctBench.session(api.value("sessionid") ?? "")
        let query = IntacctBench.function("<getDimensions/>", id: "f2")
        #expect(try bench.send(query, login: session).at(["operation", "result", "status"])?.value == "success")
        bench.now = bench.now + .seconds(12 * 3600)
        let ended = try bench.send(query, login: session)
        #expect(ended.at(["control", "status"])?.value == "success" && ended.at(["operation", "authentication", "status"])?.value == "failure")
        #expect(ended.at(["operation", "errormessage", "error", "errorno"])?.value == "XL03000006" && ended.at(["operation", "result"]) == nil)
    }

    @Test("a session at another entity is asked for by its location")
    func entitySession() throws {
        let bench = try IntacctBench()
        let api = try bench.call("<getAPISession><locationid>200</locationid></getAPISession>").at(["data", "api"])
        #expect(api?.value("locationid") == "200")
        let answer = try bench.send(IntacctBench.function("<getDimensions/>", id: "a"), login: IntacctBench.session(api?.value("sessionid") ?? ""))
        #expect(answer.at(["operation", "authentication", "locationid"])?.value == "200")
        #expect(try bench.refusal("<getAPISession><locationid>999</locationid></getAPISession>").text.hasPrefix("Invalid location '999' specified."))
    }

    @Test("sessions survive a restart and end when they are revoked")
    func restart() throws {
        let bench = try IntacctBench()
        let id = try #require(try bench.call("<getAPISession/>").at(["data", "api"])?.value("sessionid"))
        let function = IntacctBench.function("<getDimensions/>", id: "f")
        let later = try bench.reopened()
        #expect(try later.send(function, login: IntacctBench.session(id)).at(["operation", "authentication", "status"])?.value == "success")
        later.twin.revokeAccessTokens()
        #expect(try later.send(function, login: IntacctBench.session(id)).at(["operation", "authentication", "status"])?.value == "failure")
    }

    /// - Source: the failures of PsIntacct (sender), intacct-sdk-php (user; unknown company) and Sage's FAQ (authorisation).
    @Test("who may not come in is told at the level where it failed")
    func refused() throws {
        let bench = try IntacctBench()
        let function = IntacctBench.function("<getAPISession/>", id: "f1")
        let sender = try bench.send(function, control: IntacctBench.control(password: "wrong"))
        #expect(sender.at(["control", "status"])?.value == "failure" && sender["operation"] == nil)
        #expect(sender.at(["errormessage", "error", "description2"])?.value.hasPrefix("Incorrect Intacct XML Partner ID or password.") == true)
        bench.user = "nobody"
        let user = try bench.send(function)
        #expect(user.at(["operation", "authentication", "status"])?.value == "failure")
        #expect(user.at(["operation", "errormessage", "error", "description2"])?.value.hasPrefix("Sign-in information is incorrect") == true)
        bench.user = SageIntacctTwin.userID
        let stranger = try bench.send(function, control: IntacctBench.control(sender: SageIntacctTwin.strangerID))
        #expect(stranger.at(["operation", "errormessage", "error", "description"])?.value == "Invalid Web Services Authorization")
        bench.company = "Nowhere"
        let nowhere = bench.post(bench.request(function))
        #expect(nowhere.status == 401 && nowhere.bodyText.contains("<errorno>XMLGW_JPP0002</errorno>"))
        #expect(bench.post(bench.request(function, login: IntacctBench.session("unknown.."))).status == 401)
    }

    @Test("a user who may only look writes nothing")
    func reader() throws {
        let bench = try IntacctBench()
        bench.user = SageIntacctTwin.readerID
        #expect(try bench.rows("DEPARTMENT", ["DEPARTMENTID"]).count == 2)
        #expect(try bench.refusal(IntacctBench.invoice()).text.hasPrefix("You do not have permission for API operation CREATE_INVOICE"))
    }

    // MARK: - Form

    @Test("what is no XML, or XML in another order, is refused as a whole", arguments: [
        ("<request>", "XML Parse schema error"), ("<reques/>", "Element 'reques'"),
        ("<request><operation/></request>", "Element 'operation': This element is not expected."),
        ("<request><control><password>x</password></control><operation/></request>", "Element 'password': This element is not expected."),
        ("<!DOCTYPE request><request/>", "XML Parse schema error"),
    ])
    func malformed(body: String, text: String) throws {
        let bench = try IntacctBench()
        let answer = try XMLElement(parsing: bench.post(body).body)
        #expect(answer.at(["control", "status"])?.value == "failure" && answer["operation"] == nil)
        #expect(answer.at(["errormessage", "error", "errorno"])?.value == "XL03000003")
        #expect(answer.at(["errormessage", "error", "description2"])?.value.contains(text) == true, "\(answer)")
    }

    @Test("elements of a function have their order, and nothing is done where one is out of it", arguments: [
        ("<create_invoice><datecreated/></create_invoice>", "Element 'datecreated': This element is not expected. Expected is ( customerid )."),
        ("<create_invoice><customerid>C100</customerid></create_invoice>", "Element 'create_invoice': Missing child element(s). Expected is ( datecreated )."),
        ("<reverse_invoice><datereversed/></reverse_invoice>", "The attribute 'key' is required but missing."),
        ("<query><object>CUSTOMER</object></query>", "Element 'query': Missing child element(s). Expected is ( select )."),
        ("<query><object>CUSTOMER</object><select><field>NAME</field></select><filter><and><isnull><field>NAME</field></isnull></and></filter></query>",
        "Element 'and'"),
        ("<launch_rocket/>", "Element 'launch_rocket': This element is not expected."),
    ])
    func order(function: String, text: String) throws {
        let bench = try IntacctBench()
        let answer = try bench.send(IntacctBench.function(function, id: "f1"))
        #expect(answer.at(["control", "status"])?.value == "failure")
        #expect(answer.at(["errormessage", "error", "description2"])?.value.contains(text) == true, "\(answer)")
    }

    @Test("the currency block takes a type or a rate, never both")
    func currencyBlock() throws {
        let bench = try IntacctBench()
        let both = "<basecurr>USD</basecurr><currency>EUR</currency><exchratetype>Intacct Daily Rate</exchratetype><exchrate>1.1</exchrate>"
        let answer = try bench.send(IntacctBench.function(IntacctBench.invoice(money: both), id: "f"))
        #expect(answer.at(["errormessage", "error", "description2"])?.value.contains("Element 'exchrate': This element is not expected.") == true)
    }

    @Test("other methods, paths and types are the web server's business")
    func web() throws {
        let bench = try IntacctBench()
        #expect(bench.twin.respond(HTTPRequest(.get, "/ia/xml/xmlgw.phtml"), at: bench.now).status == 405)
        #expect(bench.twin.respond(HTTPRequest(.post, "/ia/xml"), at: bench.now).status == 404)
        let form = bench.post("<request/>", fields: ["Content-Type": "application/x-www-form-urlencoded"])
        #expect(form.status == 400 && form.bodyText.contains("GW-0011"))
    }

    @Test("answers have blanks between elements where they are asked for")
    func whitespace() throws {
        let bench = try IntacctBench()
        let control = IntacctBench.control("<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>true</includewhitespace>")
        let answer = bench.post(bench.request(IntacctBench.function("<getDimensions/>", id: "f"), control: control))
        #expect(answer.bodyText.contains("\n  <control>\n    <status>success</status>"))
        #expect(try XMLElement(parsing: answer.body).at(["operation", "result", "function"])?.value == "getDimensions")
    }

    @Test("asynchronous requests are not taken")
    func policy() throws {
        let bench = try IntacctBench()
        let answer = try bench.send(
            IntacctBench.function("<getDimensions/>", id: "f"),
                control: IntacctBench.control("<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><policyid>night</policyid>"))
        #expect(answer.at(["errormessage", "error", "description2"])?.value.hasPrefix("night is not a valid transport policy.") == true)
    }

    @Test("too many requests are turned away without being read")
    func throttled() throws {
        let bench = try IntacctBench(limits: SageIntacctLimits(callsPerSecond: 1, burst: 2))
        for _ in 0 ..< 2 { try bench.call("<getDimensions/>") }
        let answer = bench.post("nothing")
        #expect(answer.status == 429 && answer.bodyText.contains("<errorno>GW-0010</errorno>") && answer.fields["Retry-After"] == nil)
        bench.now = bench.now + .seconds(1)
        try bench.call("<getDimensions/>")
    }

    // MARK: - Functions together

    /// - Source: intacct-sdk-php, `OnlineClientTest` and `ResultTest`.
    @Test("in a transaction all functions are done or none")
    func transaction() throws {
        let bench = try IntacctBench()
        let functions = IntacctBench.function(IntacctBench.invoice("A-1"), id: "f1")
            + IntacctBench.function(IntacctBench.invoice("A-2", customer: "C999"), id: "f2")
        let together = try bench.send(functions, transaction: true)["operation"]?.all("result") ?? []
        #expect(together.map { $0.value("status") } == ["aborted", "failure"] && together.map { $0.value("controlid") } == ["f1", "f2"])
        #expect(IntacctBench.texts(together[0]) == ["The entire transaction in this operation has been rolled back due to an error."])
        #expect(together[1]["errormessage"]?.all("error").last?.value("errorno") == "XL03000009" && bench.twin.entries().isEmpty)
        let apart = try bench.send(functions)["operation"]?.all("result") ?? []
        #expect(apart.map { $0.value("status") } == ["success", "failure"] && bench.twin.entries().count == 1)
        let alone = try bench.send(IntacctBench.function(IntacctBench.invoice("A-3", customer: "C999"), id: "f3"), transaction: true)
        #expect(alone.at(["operation", "result", "status"])?.value == "aborted" && alone.at(["operation", "result", "errormessage"])?.all("error").count == 3)
    }

    @Test("a function whose controlid was executed is refused while uniqueid is true, and does not tell what came of it")
    func unique() throws {
        let bench = try IntacctBench()
        #expect(try bench.result(IntacctBench.invoice("A-1", customer: "C999"), unique: true, id: "once").value("status") == "failure")
        let first = try bench.result(IntacctBench.invoice("A-1"), unique: true, id: "once")
        #expect(first.value("status") == "success")
        let second = try bench.result(IntacctBench.invoice("A-2"), unique: true, id: "once")
        #expect(second.value("status") == "failure" && second["key"] == nil && IntacctBench.texts(second)[0].contains("was already executed"))
        #expect(try bench.reopened().result(IntacctBench.invoice("A-2"), unique: true, id: "once").value("status") == "failure")
        #expect(try bench.result(IntacctBench.invoice("A-2"), unique: false, id: "once").value("status") == "success")
        #expect(bench.twin.entries().count == 2)
    }

    @Test("uniqueid is true where nothing is said")
    func uniqueByDefault() throws {
        let bench = try IntacctBench()
        let control = IntacctBench.control("<dtdversion>3.0</dtdversion>")
        let function = IntacctBench.function(IntacctBench.invoice("A-1"), id: "once")
        #expect(try bench.send(function, control: control).at(["control", "uniqueid"])?.value == "true")
        #expect(try bench.send(function, control: control).at(["operation", "result", "status"])?.value == "failure")
    }

    @Test("what a transaction took back may come again with the same controlids")
    func uniqueAborted() throws {
        let bench = try IntacctBench()
        let control = IntacctBench.control("<uniqueid>true</uniqueid><dtdversion>3.0</dtdversion>")
        let good = IntacctBench.function(IntacctBench.invoice("A-1"), id: "one")
        _ = try bench.send(good + IntacctBench.function(IntacctBench.invoice("A-2", customer: "C999"), id: "two"), control: control, transaction: true)
        #expect(try bench.send(good, control: control, transaction: true).at(["operation", "result", "status"])?.value == "success")
    }

    @Test("everything answered is there after a restart, to the number")
    func durable() throws {
        let bench = try IntacctBench()
        let invoice = try bench.key(IntacctBench.invoice())
        let payment = try bench.made(IntacctBench.payment([(invoice, "<TRX_PAYMENTAMOUNT>10</TRX_PAYMENTAMOUNT>")]))
        let later = try bench.reopened()
        #expect(later.lines("ARINVOICE", invoice) == bench.lines("ARINVOICE", invoice) && later.lines("ARPYMT", payment) == ["1000: 1000", "1200: -1000"])
        #expect(try later.row("ARINVOICE", invoice, "STATE", "TRX_TOTALDUE") == ["Partially Paid", "33.18"])
        #expect(try Int(later.key(IntacctBench.invoice("SHOP-2"))) == (Int(payment) ?? 0) + 1)
    }
}
