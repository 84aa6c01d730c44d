import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

/// Someone at a desk with an approved app: sends calls, moves the clock.
final class FreeAgentDesk {
    static let base = "https://api.freeagent.com/v2"
    static let many = FreeAgentLimits(callsPerMinute: 1_000_000, callsPerHour: 1_000_000, refreshesPerMinute: 1_000_000)

    let journal: TwinJournal
    let twin: FreeAgentTwin
    var now = Timestamp(rfc3339: "2026-11-20T09:00:00Z") ?? Timestamp(seconds: 0)
    private(set) var token = ""
    private(set) var refresh: String

    init(
        journal: TwinJournal = TwinJournal(inMemory: []), limits: FreeAgentLimits = FreeAgentDesk.many, seed: UInt64 = 1,
        refresh: String = FreeAgentTwin.refreshToken, connected: Bool = true
    ) throws {
        self.journal = journal
        self.refresh = refresh
        twin = try FreeAgentTwin(journal: journal, limits: limits, random: SeededRandom(seed: seed))
        if connected { try connect() }
    }

    /// The same company as a twin opened on the same journal sees it.
    func reopened() throws -> FreeAgentDesk {
        let desk = try FreeAgentDesk(journal: journal, seed: 99, connected: false)
        desk.now = now
        desk.token = token
        return desk
    }

    static func tokenRequest(_ pairs: [(String, String)], basic: String? = "sandbox-client:sandbox-secret") -> HTTPRequest {
        var request = HTTPRequest(.post, "/v2/token_endpoint", body: Array(Form.encode(pairs.map { (name: $0.0, value: $0.1) }).utf8))
        request.fields["Content-Type"] = "application/x-www-form-urlencoded"
        request.fields["Authorization"] = basic.map { "Basic " + Base64.encode(Array($0.utf8)) }
        return request
    }

    func connect() throws {
        let answer = twin.respond(Self.tokenRequest([("grant_type", "refresh_token"), ("refresh_token", refresh)]), at: now)
        let body = try JSON(parsing: answer.body)
        token = try #require(body["access_token"]?.string)
        refresh = try #require(body["refresh_token"]?.string)
    }

    func request(_ method: HTTPMethod, _ path: String, _ body: String = "") throws -> HTTPRequest {
        var request = HTTPRequest(method, "/v2/" + path)
        request.fields["Authorization"] = "Bearer " + token
        request.fields["User-Agent"] = "desk"
        request.fields["Accept"] = "application/json"
        request.fields["Content-Type"] = "application/json"
        if !body.isEmpty { request.body = try JSON(json5: body).bytes }
        return request
    }

    func send(_ request: HTTPRequest) -> HTTPResponse { twin.respond(request, at: now) }

    func raw(_ method: HTTPMethod, _ path: String, _ body: String = "") throws -> HTTPResponse { send(try request(method, path, body)) }

    /// The parsed answer of a call that must have the given status; `null` where it has no body.
    @discardableResult
    func call(_ method: HTTPMethod, _ path: String, _ body: String = "", status: Int? = nil, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = try raw(method, path, body)
        let isNew = method == .post && !path.contains("statement") && !path.hasSuffix("send_email") && !path.hasSuffix("duplicate")
        #expect(answer.status == status ?? (isNew ? 201 : 200), "\(answer.bodyText)", sourceLocation: place)
        return answer.body.isEmpty ? .null : try JSON(parsing: answer.body)
    }

    /// The messages of a call that is refused for what was sent.
    func refusal(_ method: HTTPMethod, _ path: String, _ body: String = "", at place: SourceLocation = #_sourceLocation) throws -> [String] {
        let answer = try call(method, path, body, status: 422, at: place)
        return (answer["errors"]?.array ?? []).compactMap { $0["message"]?.string }
    }

    func url(_ path: String) -> String { Self.base + "/" + path }

    // MARK: - What tests begin with

    /// A draft of one line; its number.
    @discardableResult
    func draft(
        _ reference: String, _ price: String, rate: String = "0", kind: String = "invoice", terms: Int = 0, more: String = "", at place: SourceLocation = #_sourceLocation
    ) throws -> String {
        let body = """
            {\(kind): {contact: "\(url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: \(terms), reference: "\(reference)", \(more)
              \(kind)_items: [{description: "Mug", item_type: "Products", quantity: "1.0", price: "\(price)", sales_tax_rate: "\(rate)",
                category: "\(url("categories/001"))"}]}}
            """
        let answer = try call(.post, kind + "s", body, at: place)
        return try #require(answer.member(kind, "url")?.string?.split(separator: "/").last.map(String.init), sourceLocation: place)
    }

    /// The same, sent.
    @discardableResult
    func invoice(
        _ reference: String, _ price: String, rate: String = "0", terms: Int = 0, more: String = "", at place: SourceLocation = #_sourceLocation
    ) throws -> String {
        let id = try draft(reference, price, rate: rate, terms: terms, more: more, at: place)
        try call(.put, "invoices/\(id)/transitions/mark_as_sent", at: place)
        return id
    }

    @discardableResult
    func creditNote(_ reference: String, _ price: String, at place: SourceLocation = #_sourceLocation) throws -> String {
        let id = try draft(reference, price, kind: "credit_note", at: place)
        try call(.put, "credit_notes/\(id)/transitions/mark_as_sent", at: place)
        return id
    }

    func explanation(_ gross: String, _ more: String, account: Int = 1) -> String {
        """
        {bank_transaction_explanation: {bank_account: "\(url("bank_accounts/\(account)"))", dated_on: "2026-11-15", gross_value: "\(gross)", \(more)}}
        """
    }

    /// Why such an explanation is refused.
    func unexplained(_ gross: String, _ more: String, at place: SourceLocation = #_sourceLocation) throws -> [String] {
        try refusal(.post, "bank_transaction_explanations", explanation(gross, more), at: place)
    }

    /// An explanation that makes its own transaction; its number.
    @discardableResult
    func explain(_ gross: String, _ more: String, account: Int = 1, at place: SourceLocation = #_sourceLocation) throws -> String {
        let answer = try call(.post, "bank_transaction_explanations", explanation(gross, more, account: account), at: place)
        return try #require(answer.member("bank_transaction_explanation", "url")?.string?.split(separator: "/").last.map(String.init), sourceLocation: place)
    }

    @discardableResult
    func pay(_ invoice: String, _ gross: String, more: String = "", at place: SourceLocation = #_sourceLocation) throws -> String {
        try explain(gross, "paid_invoice: \"\(url("invoices/\(invoice)"))\" \(more)", at: place)
    }

    /// One document of a kind, as it is shown.
    func shown(_ kind: String, _ id: String, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(try call(.get, "\(kind)s/\(id)", at: place)[kind], sourceLocation: place)
    }

    /// The lines of one entry of the books: account and hundredths of the base currency.
    func lines(_ id: String) -> [String] {
        (twin.entries().first { $0.id == id }?.lines ?? []).map { "\($0.account) \($0.baseMinor)" }.sorted()
    }
}

/// Whether all that `expected` says is so in `actual`: members of objects may be more, arrays and digits must agree.
func freeAgentMissing(_ expected: JSON, in actual: JSON?, path: String = "$") -> [String] {
    guard let actual else { return ["\(path) is absent"] }
    if let members = expected.object { return members.flatMap { freeAgentMissing($0.value, in: actual[$0.key], path: "\(path).\($0.key)") } }
    if let list = expected.array {
        guard actual.array?.count == list.count else { return ["\(path) has \(actual.array?.count ?? -1) elements, not \(list.count)"] }
        return list.enumerated().flatMap { freeAgentMissing($0.element, in: actual[$0.offset], path: "\(path)[\($0.offset)]") }
    }
    return expected == actual ? [] : ["\(path) is \(actual.text), not \(expected.text)"]
}
