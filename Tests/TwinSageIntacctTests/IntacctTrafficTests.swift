import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSageIntacct

@Suite("Sage Intacct: what the fault plan sees and does")
struct IntacctTrafficTests {
    private func request(_ bench: IntacctBench, _ body: String, login: String? = nil) -> HTTPRequest {
        let text = bench.request(IntacctBench.function(body, id: "f"), control: IntacctBench.control("<dtdversion>3.0</dtdversion>"), login: login)
        return HTTPRequest(.post, "/ia/xml/xmlgw.phtml", fields: ["Content-Type": "application/xml"], body: Array(text.utf8))
    }

    @Test("a request's place in the posting protocol is told by its functions", arguments: [
        ("<getAPISession/>", Purpose.token), (IntacctBench.invoice(), .write), ("<reverse_arpayment key=\"1\"/>", .write),
        ("<create><GLBATCH/></create>", .write),
        ("<create><CUSTOMER/></create>", .reference), ("<create_supdoc/>", .reference), ("<delete><object>ARINVOICE</object><keys>1</keys></delete>", .write),
        ("<query><object>ARINVOICE</object><filter><equalto><field>RECORDID</field><value>x</value></equalto></filter></query>", .lookup),
        ("<query><object>ARINVOICE</object><filter><equalto><field>RECORDNO</field><value>1</value></equalto></filter></query>", .readback),
        ("<query><object>ARINVOICEITEM</object><filter><equalto><field>RECORDKEY</field><value>1</value></equalto></filter></query>", .readback),
        ("<readByQuery><object>GLBATCH</object><query>REFERENCENO = 'x'</query></readByQuery>", .lookup),
        ("<read><object>GLBATCH</object><keys>1</keys></read>", .readback),
        ("<query><object>GLACCOUNT</object></query>", .other), ("<lookup><object>ARINVOICE</object></lookup>", .other),
    ])
    func purposes(body: String, purpose: Purpose) throws {
        let bench = try IntacctBench()
        #expect(bench.twin.purpose(of: request(bench, body)) == purpose)
    }

    @Test("a revoked session is refused, and a login goes on")
    func revoked() throws {
        let bench = try IntacctBench()
        let id = try #require(try bench.call("<getAPISession/>").at(["data", "api"])?.value("sessionid"))
        let call = request(bench, "<getDimensions/>", login: IntacctBench.session(id))
        #expect(bench.twin.respond(bench.twin.withRevokedToken(call), at: bench.now).status == 401)
        #expect(bench.twin.respond(call, at: bench.now).bodyText.contains("<dimensions>"))
        let login = request(bench, "<getAPISession/>")
        #expect(bench.twin.withRevokedToken(login).body == login.body)
    }

    @Test("without the platform's key a function runs a second time")
    func forgotten() throws {
        let bench = try IntacctBench()
        let call = request(bench, IntacctBench.batch(IntacctBench.entry("1000", 1, "1") + IntacctBench.entry("1050", -1, "1")))
        for _ in 0 ..< 2 { _ = bench.twin.respond(call, at: bench.now) }
        #expect(bench.twin.entries().count == 1)
        #expect(bench.twin.respond(bench.twin.withoutNativeKey(call), at: bench.now).bodyText.contains("<uniqueid>false</uniqueid>"))
        #expect(bench.twin.entries().count == 2)
    }

    @Test("a search that lags finds less, and counts less")
    func staleSearch() throws {
        let bench = try IntacctBench()
        try bench.call(IntacctBench.invoice("0123456789abcdef"))
        try bench.call(IntacctBench.invoice("A-2").replacing("cf:0123456789abcdef", with: "cf:"))
        let asked = bench.request(
            IntacctBench.function("<query><object>ARINVOICE</object><select><field>RECORDID</field></select></query>", id: "q"), control: IntacctBench.control())
        let answer = bench.post(asked)
        let stale = try #require(bench.twin.withoutFound(["0123456789abcdef"], in: answer))
        let data = try XMLElement(parsing: stale.body).at(["operation", "result", "data"])
        #expect(data?.attribute("totalcount") == "1" && data?.attribute("count") == "1" && data?.children.map { $0.value("RECORDID") } == ["A-2"])
        #expect(bench.twin.withoutFound(["zzzz456789abcdef"], in: answer)?.body == answer.body)
    }

    @Test("answers of a plan look as the gateway's own")
    func planned() throws {
        let bench = try IntacctBench()
        let throttled = bench.twin.throttled(retryAfterSeconds: 3)
        #expect(throttled.status == 429 && throttled.fields["Retry-After"] == "3" && throttled.bodyText.contains("GW-0010"))
        #expect(bench.twin.unavailable().status == 503)
        let error = try XMLElement(parsing: bench.twin.errorInSuccess().body)
        #expect(bench.twin.errorInSuccess().status == 200 && error.at(["control", "status"])?.value == "failure")
        #expect(bench.twin.refresh(with: "x") == nil)
    }

    @Test("what the journal can't keep is not done")
    func journal() throws {
        let bench = try IntacctBench()
        bench.twin.setLockDate(nil)
        let later = try bench.reopened()
        try later.call(IntacctBench.invoice(day: 1, month: 1))
        later.company = "Lakeside-sandbox"
        try later.call(IntacctBench.invoice(day: 1, month: 1))
        #expect(Set(later.twin.entries().map { $0.id.split(separator: "/").first.map(String.init) }) == ["Lakeside", "Lakeside-sandbox"])
    }
}
