import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

/// A twin with a client that is logged in.
final class B1Bench {
    let journal: TwinJournal
    private(set) var twin: SapBusinessOneTwin
    var now = Timestamp(seconds: 1_795_255_200)
    var version = 2
    var cookie = ""

    init(_ company: String = "SBODemoUS", user: String = "manager", limits: SapBusinessOneLimits = SapBusinessOneLimits(), journal: TwinJournal = TwinJournal()) throws {
        self.journal = journal
        twin = try SapBusinessOneTwin(journal: journal, limits: limits, random: SeededRandom(seed: 7))
        try login(company, user)
    }

    @discardableResult
    func login(_ company: String, _ user: String = "manager", password: String = SapBusinessOneTwin.password, at place: SourceLocation = #_sourceLocation) throws -> HTTPResponse {
        let body = "{\"CompanyDB\":\"\(company)\",\"UserName\":\"\(user)\",\"Password\":\"\(password)\",\"Language\":3}"
        let answer = send(.post, "Login", body, cookie: "")
        if answer.status == 200 { cookie = answer.fields.all("Set-Cookie").compactMap { $0.split(separator: ";").first.map(String.init) }.joined(separator: "; ") }
        return answer
    }

    func request(_ method: HTTPMethod, _ path: String, _ body: String = "", fields: HTTPFields = [:], cookie: String? = nil) -> HTTPRequest {
        var fields = fields
        fields["Host"] = "localhost:50000"
        if let cookie = (cookie ?? self.cookie).filled { fields["Cookie"] = cookie }
        let target = path.split(separator: " ", omittingEmptySubsequences: false).joined(separator: "%20")
        return HTTPRequest(method, "/b1s/v\(version)/\(target)", fields: fields, body: Array(body.utf8))
    }

    func send(_ method: HTTPMethod, _ path: String, _ body: String = "", fields: HTTPFields = [:], cookie: String? = nil) -> HTTPResponse {
        twin.respond(request(method, path, body, fields: fields, cookie: cookie), at: now)
    }

    func json(_ answer: HTTPResponse, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(try? JSON(parsing: answer.body), "\(answer.status) \(answer.bodyText)", sourceLocation: place)
    }

    /// What was made, or read.
    @discardableResult
    func post(_ path: String, _ body: String, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = send(.post, path, body)
        try #require(answer.status == 201, "\(answer.status) \(answer.bodyText)", sourceLocation: place)
        return try json(answer, at: place)
    }

    func get(_ path: String, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = send(.get, path)
        try #require(answer.status == 200, "\(answer.status) \(answer.bodyText)", sourceLocation: place)
        return try json(answer, at: place)
    }

    /// A request that is answered with nothing.
    func done(_ method: HTTPMethod, _ path: String, _ body: String = "", at place: SourceLocation = #_sourceLocation) {
        let answer = send(method, path, body)
        #expect(answer.status == 204, "\(answer.status) \(answer.bodyText)", sourceLocation: place)
    }

    /// Status, number and text of a refusal.
    func refusal(_ method: HTTPMethod, _ path: String, _ body: String = "", fields: HTTPFields = [:], at place: SourceLocation = #_sourceLocation) throws -> Refusal {
        let answer = send(method, path, body, fields: fields)
        let error = try #require(try json(answer, at: place)["error"], "\(answer.status) \(answer.bodyText)", sourceLocation: place)
        let code = error["code"]?.int ?? error["code"]?.string.flatMap { Int($0) } ?? 0
        return Refusal(status: answer.status, code: code, text: error["message"]?.string ?? error.member("message", "value")?.string ?? "")
    }

    /// What a search finds of one property.
    func found(_ path: String, _ field: String, at place: SourceLocation = #_sourceLocation) throws -> [String] {
        (try get(path, at: place)["value"]?.array ?? []).map { $0[field]?.string ?? $0[field]?.decimal?.shortest.description ?? "" }
    }

    // MARK: - Documents

    static let mugs = "{\"ItemCode\":\"A00001\",\"Quantity\":2,\"UnitPrice\":19.99,\"TaxCode\":\"CA\",\"WarehouseCode\":\"01\",\"CostingCode\":\"DEP1\",\"ProjectCode\":\"P1\"}"
    static let shipping = "{\"ItemCode\":\"SHIP\",\"Quantity\":1,\"UnitPrice\":5.00,\"TaxCode\":\"EX\"}"

    static func sale(_ number: String = "SHOP-1001", customer: String = "C20000", date: String = "2026-11-20", more: String = "", lines: String = mugs + "," + shipping) -> String {
        """
        {"CardCode":"\(customer)","DocDate":"\(date)","TaxDate":"\(date)","DocDueDate":"2026-12-20","NumAtCard":"\(number)","Comments":"Web order 1001",\(more)
        "DocumentLines":[\(lines)]}
        """
    }

    /// The number of an invoice for 48.28.
    func invoice(_ number: String = "SHOP-1001", more: String = "", lines: String = mugs + "," + shipping, at place: SourceLocation = #_sourceLocation) throws -> Int {
        try #require(try post("Invoices", Self.sale(number, more: more, lines: lines), at: place)["DocEntry"]?.int, sourceLocation: place)
    }

    static func payment(_ sum: String, _ applied: String, more: String = "", account: String = "_SYS00000000003") -> String {
        """
        {"DocType":"rCustomer","CardCode":"C20000","DocDate":"2026-11-21","TransferAccount":"\(account)","TransferDate":"2026-11-21","TransferReference":"ch_77",
        "TransferSum":\(sum),\(more)"PaymentInvoices":[\(applied)]}
        """
    }

    static func applied(_ entry: Int, _ sum: String, type: String = "it_Invoice") -> String {
        "{\"LineNum\":0,\"DocEntry\":\(entry),\"InvoiceType\":\"\(type)\",\"SumApplied\":\(sum)}"
    }

    // MARK: - Books

    func entry(_ set: String, _ key: Int) -> LedgerEntry? { twin.entries().first { $0.id.hasSuffix("/\(set)/\(key)") } }

    /// Lines as `number of the account: cents` of local currency; accounts of the United States by their plain numbers.
    func lines(_ set: String, _ key: Int) -> [String] { (entry(set, key)?.lines ?? []).map { "\(Self.plain($0.account)): \($0.baseMinor)" } }

    static func plain(_ code: String) -> String {
        let numbers = ["10000", "11000", "11100", "11200", "11300", "12000", "13000", "20000", "22000", "22100", "23000", "40000", "40100", "40200", "50000", "60000", "61000", "70000", "71000"]
        return numbers.first { B1Seed.account($0, usesVAT: false) == code } ?? code
    }

    /// Every entry balances, in local currency and where it is foreign in that.
    var balances: Bool {
        twin.entries().allSatisfy { $0.lines.reduce(Int64(0)) { $0 + $1.baseMinor } == 0 }
    }

    /// The twin as its journal says it was.
    func reopened(_ company: String = "SBODemoUS") throws -> B1Bench {
        let bench = try B1Bench(company, journal: journal)
        bench.now = now
        return bench
    }
}

struct Refusal: Equatable {
    var status: Int
    var code: Int
    var text: String

    init(status: Int = 400, code: Int, text: String) {
        self.status = status
        self.code = code
        self.text = text
    }
}
