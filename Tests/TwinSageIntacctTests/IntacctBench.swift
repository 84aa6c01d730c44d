import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSageIntacct

/// A partner at one company: sends functions, moves the clock.
final class IntacctBench {
    let journal: TwinJournal
    let twin: SageIntacctTwin
    var company: String
    var now = Timestamp(rfc3339: "2026-11-20T10:00:00Z") ?? Timestamp(seconds: 0)
    var user = SageIntacctTwin.userID
    /// Where the login is; empty for the top.
    var entity = "100"
    private var count = 0

    init(
        _ company: String = SageIntacctTwin.company, journal: TwinJournal = TwinJournal(inMemory: []),
        limits: SageIntacctLimits = SageIntacctLimits(callsPerSecond: 1000, burst: 100_000), seed: UInt64 = 1
    ) throws {
        self.journal = journal
        self.company = company
        twin = try SageIntacctTwin(journal: journal, limits: limits, random: SeededRandom(seed: seed))
        if company.hasPrefix("Solo") { entity = "" }
    }

    /// The same companies as a twin opened on the same journal sees them.
    func reopened() throws -> IntacctBench {
        let bench = try IntacctBench(company, journal: journal, seed: 99)
        (bench.now, bench.entity) = (now, entity)
        return bench
    }

    // MARK: - Requests

    var login: String {
        "<login><userid>\(user)</userid><companyid>\(company)</companyid><password>\(SageIntacctTwin.userPassword)</password>"
            + "<locationid>\(entity)</locationid></login>"
    }

    static func session(_ id: String) -> String { "<sessionid>\(id)</sessionid>" }

    static func control(_ more: String = "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>", sender: String = SageIntacctTwin.senderID,
        password: String = SageIntacctTwin.senderPassword) -> String {
        "<control><senderid>\(sender)</senderid><password>\(password)</password><controlid>request-1</controlid>\(more)</control>"
    }

    static func function(_ body: String, id: String) -> String { "<function controlid=\"\(id)\">\(body)</function>" }

    func post(_ body: String, fields: HTTPFields = ["Content-Type": "application/xml", "Host": "127.0.0.1:8081"]) -> HTTPResponse {
        twin.respond(HTTPRequest(.post, "/ia/xml/xmlgw.phtml", fields: fields, body: Array(body.utf8)), at: now)
    }

    /// A whole request around functions.
    func request(_ functions: String, control: String = IntacctBench.control(), login: String? = nil, transaction: Bool = false) -> String {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<request>\(control)<operation\(transaction ? " transaction=\"true\"" : "")>"
        return head + "<authentication>\(login ?? self.login)</authentication><content>\(functions)</content></operation></request>"
    }

    func send(_ functions: String, control: String = IntacctBench.control(), login: String? = nil, transaction: Bool = false) throws -> XMLElement {
        let answer = post(request(functions, control: control, login: login, transaction: transaction))
        #expect(answer.status == 200)
        return try XMLElement(parsing: answer.body)
    }

    /// The result of one function.
    func result(_ body: String, unique: Bool = false, id: String? = nil, at place: SourceLocation = #_sourceLocation) throws -> XMLElement {
        count += 1
        let control = Self.control("<uniqueid>\(unique)</uniqueid><dtdversion>3.0</dtdversion>")
        let answer = try send(Self.function(body, id: id ?? "f\(count)"), control: control)
        return try #require(answer.at(["operation", "result"]), "\(answer)", sourceLocation: place)
    }

    /// The result of a function that must succeed.
    @discardableResult
    func call(_ body: String, at place: SourceLocation = #_sourceLocation) throws -> XMLElement {
        let result = try result(body, at: place)
        #expect(result.value("status") == "success", "\(Self.texts(result))", sourceLocation: place)
        return result
    }

    /// The key of what a function of old writes.
    func key(_ body: String, at place: SourceLocation = #_sourceLocation) throws -> String {
        try #require(try call(body, at: place).value("key"), sourceLocation: place)
    }

    /// Number and text of the first error of a function that must fail.
    func refusal(_ body: String, at place: SourceLocation = #_sourceLocation) throws -> (number: String, text: String) {
        let result = try result(body, at: place)
        #expect(result.value("status") == "failure", sourceLocation: place)
        let error = try #require(result.at(["errormessage", "error"]), sourceLocation: place)
        return (error.value("errorno") ?? "", error.value("description2") ?? "")
    }

    static func texts(_ result: XMLElement) -> [String] { result["errormessage"]?.all("error").compactMap { $0.value("description2") } ?? [] }

    // MARK: - Reading

    /// The rows of a query by one field.
    func rows(_ object: String, _ fields: [String], _ filter: String = "", more: String = "",
        at place: SourceLocation = #_sourceLocation) throws -> [[String]] {
        let picks = fields.map { "<field>\($0)</field>" }.joined()
        let asked = filter.isEmpty ? "" : "<filter>\(filter)</filter>"
        let result = try call("<query><object>\(object)</object><select>\(picks)</select>\(asked)\(more)</query>", at: place)
        return result["data"]?.children.map { row in fields.map { row.value($0) ?? "" } } ?? []
    }

    static func equal(_ field: String, _ value: String) -> String { "<equalto><field>\(field)</field><value>\(value)</value></equalto>" }

    func row(_ object: String, _ key: String, _ fields: String..., at place: SourceLocation = #_sourceLocation) throws -> [String] {
        try #require(try rows(object, fields, Self.equal("RECORDNO", key), at: place).first, sourceLocation: place)
    }

    // MARK: - Documents

    static func day(_ name: String, _ day: Int, month: Int = 11) -> String { "<\(name)><year>2026</year><month>\(month)</month><day>\(day)</day></\(name)>" }

    static func line(_ account: String, _ amount: String, more: String = "") -> String {
        "<lineitem><glaccountno>\(account)</glaccountno><amount>\(amount)</amount>\(more)</lineitem>"
    }

    /// An invoice of two lines: goods of 39.98 and tax of 3.20.
    static func invoice(
        _ number: String = "SHOP-1001", customer: String = "C100", day: Int = 20, month: Int = 11, money: String = "", action: String = "Submit",
        lines: String = line("4000", "39.98", more: "<memo>Blue mug x2</memo>") + line("2200", "3.20")
    ) -> String {
        """
        <create_invoice><customerid>\(customer)</customerid>\(Self.day("datecreated", day, month: month))<termname>N30</termname><action>\(action)</action>
        <invoiceno>\(number)</invoiceno><ponumber>#1001</ponumber><description>cf:0123456789abcdef order 1001</description>\(money)
        <invoiceitems>\(lines)</invoiceitems></create_invoice>
        """
    }

    static func payment(_ details: [(key: String, more: String)], day: String = "11/21/2026",
        more: String = "<FINANCIALENTITY>BOA</FINANCIALENTITY>") -> String {
        let list = details.map { "<ARPYMTDETAIL><RECORDKEY>\($0.key)</RECORDKEY>\($0.more)</ARPYMTDETAIL>" }.joined()
        return """
            <create><ARPYMT><PAYMENTMETHOD>EFT</PAYMENTMETHOD><DOCNUMBER>ch_77</DOCNUMBER><DESCRIPTION>cf:zzzz456789abcdef</DESCRIPTION>
            <CUSTOMERID>C100</CUSTOMERID><RECEIPTDATE>\(day)</RECEIPTDATE><PAYMENTDATE>\(day)</PAYMENTDATE>\(more)<ARPYMTDETAILS>\(list)
            </ARPYMTDETAILS></ARPYMT></create>
            """
    }

    static func entry(_ account: String, _ type: Int?, _ amount: String, more: String = "<LOCATION>100</LOCATION>") -> String {
        let way = type.map { "<TR_TYPE>\($0)</TR_TYPE>" } ?? ""
        return "<GLENTRY><ACCOUNTNO>\(account)</ACCOUNTNO>\(way)<TRX_AMOUNT>\(amount)</TRX_AMOUNT>\(more)</GLENTRY>"
    }

    static func batch(_ entries: String, date: String = "11/20/2026", more: String = "") -> String {
        """
        <create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_DATE>\(date)</BATCH_DATE><BATCH_TITLE>Payout 55</BATCH_TITLE>
        <REFERENCENO>cf:0123456789abcdef</REFERENCENO>\(more)
        <ENTRIES>\(entries)</ENTRIES></GLBATCH></create>
        """
    }

    /// The record number that a generic `create` gave.
    func made(_ body: String, at place: SourceLocation = #_sourceLocation) throws -> String {
        try #require(try call(body, at: place)["data"]?.children.first?.value("RECORDNO"), sourceLocation: place)
    }

    // MARK: - Books

    func entry(_ object: String, _ key: String) -> LedgerEntry? { twin.entries().first { $0.id == "\(company)/\(object)/\(key)" } }

    /// Lines as `account: cents`, of the base currency.
    func lines(_ object: String, _ key: String) -> [String] { (entry(object, key)?.lines ?? []).map { "\($0.account): \($0.baseMinor)" } }

    /// Every live entry balances, in its own currency and in base.
    func balances() -> Bool {
        twin.entries().allSatisfy { entry in
            entry.lines.reduce(Int64(0)) { $0 + $1.baseMinor } == 0 && (entry.kind == "journal" || entry.lines.reduce(Int64(0)) { $0 + $1.minor } == 0)
        }
    }
}
