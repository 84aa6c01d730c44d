import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: what the fault plan sees and does")
struct B1TrafficTests {
    @Test("a request's place in the posting protocol is told by its address", arguments: [
        (HTTPMethod.post, "Login", Purpose.token), (.post, "Logout", .other), (.post, "Invoices", .write), (.patch, "Invoices(1)", .write), (.post, "Invoices(1)/Cancel", .write),
        (.post, "$batch", .write), (.post, "JournalEntries", .write), (.post, "VendorPayments", .write), (.post, "BusinessPartners", .reference), (.patch, "Items('x')", .reference),
        (.get, "Invoices?$filter=NumAtCard%20eq%20'x'", .lookup), (.get, "Invoices", .lookup), (.get, "Invoices?$filter=DocEntry%20eq%207", .readback), (.get, "Invoices(7)", .readback),
        (.get, "Invoices(7)/DocNum", .readback), (.get, "BusinessPartners", .other), (.get, "$metadata", .other), (.post, "CompanyService_GetAdminInfo", .other), (.get, "Nothing(", .other),
    ])
    func purposes(method: HTTPMethod, path: String, purpose: Purpose) throws {
        let bench = try B1Bench()
        #expect(bench.twin.purpose(of: HTTPRequest(method, "/b1s/v2/\(path)")) == purpose)
    }

    @Test("a revoked session is refused, and the session itself lives on")
    func revoked() throws {
        let bench = try B1Bench()
        let request = bench.request(.get, "Items")
        #expect(bench.twin.respond(bench.twin.withRevokedToken(request), at: bench.now).status == 401)
        #expect(bench.twin.respond(request, at: bench.now).status == 200)
        let login = HTTPRequest(.post, "/b1s/v2/Login")
        #expect(bench.twin.withRevokedToken(login).fields == login.fields)
    }

    @Test("answers of a plan look as the balancer's own")
    func planned() throws {
        let bench = try B1Bench()
        #expect(bench.twin.throttled(retryAfterSeconds: 3).status == 503 && bench.twin.throttled(retryAfterSeconds: 3).fields["Retry-After"] == "3")
        #expect(bench.twin.unavailable().status == 503 && bench.twin.unavailable().bodyText.contains("Service Unavailable"))
        #expect(bench.twin.refresh(with: "x") == nil)
    }

    @Test("every so many writes meet another and lose, and leave nothing")
    func conflicts() throws {
        let bench = try B1Bench(limits: SapBusinessOneLimits(conflictsEvery: 2))
        _ = try bench.invoice()
        let refusal = try bench.refusal(.post, "Invoices", B1Bench.sale())
        #expect(refusal.status == 400 && refusal.code == -2039)
        #expect(bench.twin.entries().count == 1)
    }

    @Test("a body that is too large is refused, and by the balancer")
    func large() throws {
        let bench = try B1Bench(limits: SapBusinessOneLimits(bodyBytes: 100))
        #expect(bench.send(.post, "Invoices", B1Bench.sale()).status == 413)
    }

    @Test("the books are as they were when the sandbox begins again")
    func reopened() throws {
        let bench = try B1Bench()
        let entry = try bench.invoice()
        try bench.post("IncomingPayments", B1Bench.payment("48.28", B1Bench.applied(entry, "48.28")))
        bench.done(.patch, "Invoices(\(entry))", "{\"Comments\":\"kept\"}")
        bench.twin.setLockDate(nil)
        bench.twin.setAccountActive("_SYS00000000016", false)
        let later = try bench.reopened()
        #expect(try later.get("Invoices(\(entry))")["Comments"] == "kept")
        #expect(later.twin.entries().map { "\($0.id) \($0.lines.map(\.baseMinor))" } == bench.twin.entries().map { "\($0.id) \($0.lines.map(\.baseMinor))" })
        #expect(try later.post("Invoices", B1Bench.sale(date: "2026-02-01"))["DocNum"] == 2)
        try later.login("SBODemoUS-new")
        #expect(try later.get("ChartOfAccounts('_SYS00000000016')")["FrozenFor"] == "tYES")
    }

    @Test("bodies that are torn anywhere are answered, and nothing of them is booked")
    func torn() throws {
        let bench = try B1Bench()
        let whole = Array(B1Bench.sale().utf8)
        for length in stride(from: 1, to: whole.count, by: 5) {
            #expect(bench.send(.post, "Invoices", String(decoding: whole.prefix(length), as: UTF8.self)).status == 400, "\(length)")
        }
        #expect(bench.twin.entries().isEmpty)
    }

    @Test("whatever is sent, the answer is an error and the twin goes on", arguments: [
        ("Invoices", "{\"CardCode\":\"C20000\",\"DocumentLines\":[{\"ItemCode\":\"A00001\",\"Quantity\":1e30}]}"), ("Invoices", "{\"CardCode\":\"C20000\",\"DocumentLines\":[[]]}"),
        ("Invoices", "{\"CardCode\":\"C20000\",\"DocumentLines\":[{\"ItemCode\":\"A00001\",\"Quantity\":999999999,\"UnitPrice\":999999999}]}"),
        ("Invoices", "{\"CardCode\":\"C20000\",\"DocRate\":-1,\"DocCurrency\":\"CAD\",\"DocumentLines\":[{\"ItemCode\":\"A00001\"}]}"), ("Invoices", "{\"CardCode\":null}"), ("Invoices", "{}"),
        ("IncomingPayments", "{\"CardCode\":\"C20000\",\"TransferSum\":1e17,\"TransferAccount\":\"_SYS00000000003\"}"), ("JournalEntries", "{\"JournalEntryLines\":[{},{}]}"),
        ("Invoices(1)/Cancel", ""), ("Orders(0)/Close", ""), ("UserFieldsMD", "{\"TableName\":\"\",\"Name\":\"\",\"Type\":\"db_Alpha\"}"),
    ])
    func hostile(path: String, body: String) throws {
        let bench = try B1Bench()
        let status = bench.send(.post, path, body).status
        #expect((400..<500).contains(status))
        #expect(bench.twin.entries().isEmpty)
        _ = try bench.invoice()
    }

    @Test("no more companies are opened than a server has room for")
    func companies() throws {
        let bench = try B1Bench()
        for n in 0..<80 { try bench.login("SBODemoUS\(n)") }
        #expect(try bench.login("SBODemoUS1").status == 200)
        #expect(try bench.login("SBODemoUS79").status == 401)
    }
}
