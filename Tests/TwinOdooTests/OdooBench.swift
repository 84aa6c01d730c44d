import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

/// Someone with the administrator's key at one database: calls methods by JSON-RPC, XML-RPC or JSON-2, moves the clock.
final class OdooBench {
    let journal: TwinJournal
    let twin: OdooTwin
    let database: String
    var now = Timestamp(rfc3339: "2026-11-20T09:00:00Z") ?? Timestamp(seconds: 0)
    var user = 2
    var secret = OdooTwin.apiKey

    init(
        _ version: Int = 19, journal: TwinJournal = TwinJournal(inMemory: []), limits: OdooLimits = OdooLimits(callsPerSecond: 1000, burst: 100_000), seed: UInt64 = 1
    ) throws {
        self.journal = journal
        database = "odoo\(version)"
        twin = try OdooTwin(journal: journal, limits: limits, random: SeededRandom(seed: seed))
    }

    var version: Int { Int(database.suffix(2)) ?? 0 }

    /// The same databases as a twin opened on the same journal sees them.
    func reopened() throws -> OdooBench {
        let bench = try OdooBench(version, journal: journal, seed: 99)
        bench.now = now
        return bench
    }

    func send(_ method: HTTPMethod, _ path: String, _ body: String = "", _ fields: HTTPFields = ["Content-Type": "application/json"]) -> HTTPResponse {
        twin.respond(HTTPRequest(method, path, fields: fields, body: Array(body.utf8)), at: now)
    }

    // MARK: - JSON-RPC

    func request(_ model: String, _ method: String, _ args: String, _ named: String = "{}") throws -> HTTPRequest {
        let params = """
            {jsonrpc: "2.0", method: "call", id: 7, params: {service: "object", method: "execute_kw",
             args: ["\(database)", \(user), "\(secret)", "\(model)", "\(method)", \(args), \(named)]}}
            """
        return HTTPRequest(.post, "/jsonrpc", fields: ["Content-Type": "application/json"], body: try JSON(json5: params).bytes)
    }

    func answer(_ model: String, _ method: String, _ args: String, _ named: String = "{}") throws -> JSON {
        let answer = twin.respond(try request(model, method, args, named), at: now)
        #expect(answer.status == 200)
        return try JSON(parsing: answer.body)
    }

    /// The result of a call that must succeed; `null` for none.
    @discardableResult
    func call(_ model: String, _ method: String, _ args: String, _ named: String = "{}", at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = try answer(model, method, args, named)
        #expect(answer["error"] == nil, "\(answer.member("error", "data", "message")?.text ?? "")", sourceLocation: place)
        return answer["result"] ?? .null
    }

    /// The exception's name and message of a call that must fail.
    func refusal(
        _ model: String, _ method: String, _ args: String, _ named: String = "{}", at place: SourceLocation = #_sourceLocation) throws -> (name: String, message: String
    ) {
        let answer = try answer(model, method, args, named)
        let name = try #require(answer.member("error", "data", "name")?.string, "\(answer.text)", sourceLocation: place)
        return (name, answer.member("error", "data", "message")?.string ?? "")
    }

    @discardableResult
    func create(_ model: String, _ vals: String, context: String = "{}", at place: SourceLocation = #_sourceLocation) throws -> Int {
        try #require(try call(model, "create", "[\(vals)]", "{context: \(context)}", at: place).int, sourceLocation: place)
    }

    func read(_ model: String, _ id: Int, _ fields: String..., at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let names = fields.map { "\"\($0)\"" }.joined(separator: ",")
        return try #require(try call(model, "read", "[[\(id)], [\(names)]]", at: place)[0], sourceLocation: place)
    }

    // MARK: - JSON-2

    func json2(_ path: String, _ body: String, key: String? = OdooTwin.apiKey, database: String? = "odoo19") throws -> (status: Int, body: JSON) {
        var fields: HTTPFields = ["Content-Type": "application/json"]
        fields["Authorization"] = key.map { "bearer \($0)" }
        fields["X-Odoo-Database"] = database
        let answer = send(.post, "/json/2/" + path, body.isEmpty ? "" : try JSON(json5: body).text, fields)
        return (answer.status, (try? JSON(parsing: answer.body)) ?? .null)
    }

    // MARK: - XML-RPC

    static func xml(_ method: String, _ params: [String]) -> String {
        let list = params.map { "<param><value>\($0)</value></param>" }.joined()
        return "<?xml version='1.0'?>\n<methodCall>\n<methodName>\(method)</methodName>\n<params>\n\(list)\n</params>\n</methodCall>\n"
    }

    /// `execute_kw` with its arguments as XML values.
    func xml(_ model: String, _ method: String, _ args: String, _ named: String = "<struct></struct>") throws -> XMLElement {
        let params = [
            "<string>\(database)</string>", "<int>\(user)</int>", "<string>\(secret)</string>", "<string>\(model)</string>", "<string>\(method)</string>",
            "<array><data>\(args)</data></array>", named,
        ]
        let answer = send(.post, "/xmlrpc/2/object", Self.xml("execute_kw", params), ["Content-Type": "text/xml"])
        #expect(answer.status == 200 && answer.fields["Content-Type"]?.hasPrefix("text/xml") == true)
        return try XMLElement(parsing: answer.body)
    }

    static func fault(_ element: XMLElement) -> (code: String, text: String)? {
        guard let members = element.at(["fault", "value", "struct"])?.all("member"), members.count == 2 else { return nil }
        return (members[0].at(["value", "int"])?.text ?? "", members[1].at(["value", "string"])?.text ?? "")
    }

    // MARK: - Documents

    /// A draft invoice over one mug of `price`, 8 % tax on it.
    func invoice(
        _ price: String = "100.0", taxes: String = "[1]", more: String = "", type: String = "out_invoice", at place: SourceLocation = #_sourceLocation
    ) throws -> Int {
        let vals = """
            {move_type: "\(type)", partner_id: 7, invoice_date: "2026-11-14", ref: "cf:0123456789abcdef order 1001", \(more)
             invoice_line_ids: [[0, 0, {name: "Mug", quantity: 1, price_unit: \(price), account_id: 15, tax_ids: [[6, 0, \(taxes)]]}]]}
            """
        return try create("account.move", vals, at: place)
    }

    @discardableResult
    func post(_ id: Int, at place: SourceLocation = #_sourceLocation) throws -> Int {
        try call("account.move", "action_post", "[[\(id)]]", at: place)
        return id
    }

    /// Pays by the wizard; what the wizard's action says.
    @discardableResult
    func pay(_ invoices: [Int], _ vals: String = "{payment_date: \"2026-11-15\", journal_id: 8}", at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let context = "{context: {active_model: \"account.move\", active_ids: \(invoices)}}"
        let wizard = try #require(try call("account.payment.register", "create", "[\(vals)]", context, at: place).int, sourceLocation: place)
        return try call("account.payment.register", "action_create_payments", "[[\(wizard)]]", context, at: place)
    }

    /// Lines of an entry as `code: cents`, in the order of the books.
    func lines(_ id: Int) -> [String] {
        let entry = twin.entries().first { $0.id == "\(database)/\(id)" }
        return (entry?.lines ?? []).map { "\($0.account): \($0.baseMinor)" }
    }
}
