import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

/// Someone at a desk with a connected Xero organisation: sends calls, moves the clock.
final class XeroDesk {
    let journal: TwinJournal
    let twin: XeroTwin
    var now = Timestamp(rfc3339: "2026-11-20T09:00:00Z") ?? Timestamp(seconds: 0)
    private(set) var token = ""
    private(set) var refresh = "xero-refresh-0"

    init(
        journal: TwinJournal = TwinJournal(inMemory: []),
        limits: XeroLimits = XeroLimits(
            callsPerMinute: 1_000_000, callsPerDay: 1_000_000, appCallsPerMinute: 1_000_000),
        seed: UInt64 = 1, connected: Bool = true
    ) throws {
        self.journal = journal
        twin = try XeroTwin(journal: journal, limits: limits, random: SeededRandom(seed: seed))
        if connected { try connect() }
    }

    /// The same organisation as a twin opened on the same journal sees it.
    func reopened(seed: UInt64 = 99) throws -> XeroDesk {
        let desk = try XeroDesk(journal: journal, seed: seed, connected: false)
        desk.now = now
        desk.token = token
        return desk
    }

    static func tokenRequest(_ refresh: String, basic: String = "sandbox-client:sandbox-secret") -> HTTPRequest {
        let form = Form.encode([("grant_type", "refresh_token"), ("refresh_token", refresh)])
        return HTTPRequest(
            .post, "/identity/connect/token",
            fields: ["Authorization": "Basic " + xeroBase64(basic), "Content-Type": "application/x-www-form-urlencoded"],
            body: Array(form.utf8))
    }

    func connect() throws {
        let answer = twin.respond(Self.tokenRequest(refresh), at: now)
        let body = try JSON(parsing: answer.body)
        token = try #require(body["access_token"]?.string)
        refresh = try #require(body["refresh_token"]?.string)
    }

    func request(_ method: HTTPMethod, _ path: String, _ body: String = "", key: String? = nil) throws -> HTTPRequest {
        var request = HTTPRequest(method, "/api.xro/2.0/" + path)
        request.fields["Authorization"] = "Bearer " + token
        request.fields["xero-tenant-id"] = XeroTwin.tenantID
        request.fields["Accept"] = "application/json"
        request.fields["Idempotency-Key"] = key
        if !body.isEmpty {
            request.fields["Content-Type"] = "application/json"
            request.body = try JSON(json5: body).bytes
        }
        return request
    }

    func send(_ request: HTTPRequest) -> HTTPResponse { twin.respond(request, at: now) }

    func raw(_ method: HTTPMethod, _ path: String, _ body: String = "", key: String? = nil) throws -> HTTPResponse {
        send(try request(method, path, body, key: key))
    }

    /// The parsed answer of a call that must have the given status.
    @discardableResult
    func call(
        _ method: HTTPMethod, _ path: String, _ body: String = "", status: Int = 200,
        at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let answer = try raw(method, path, body)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    /// The messages a refused write carries.
    func refusal(_ method: HTTPMethod, _ path: String, _ body: String, at place: SourceLocation = #_sourceLocation)
        throws -> [String]
    {
        let answer = try call(method, path, body, status: 400, at: place)
        #expect(answer["ErrorNumber"]?.int == 10, sourceLocation: place)
        let errors = (answer["Elements"]?.array ?? []).flatMap { $0["ValidationErrors"]?.array ?? [] }
        return errors.compactMap { $0["Message"]?.string }
    }

    /// An invoice with one line of `amount` (Exclusive, no tax), approved; its id.
    @discardableResult
    func invoice(_ number: String, _ amount: String, more: String = "", at place: SourceLocation = #_sourceLocation)
        throws -> String
    {
        let body = """
            {Invoices: [{Type: "ACCREC", Status: "AUTHORISED", Contact: {Name: "Shop customers"}, InvoiceNumber: "\(number)",
              Reference: "cf:\(number) order 1", Date: "2026-11-14", DueDate: "2026-11-14", \(more)
              LineItems: [{Description: "Mug", Quantity: 1, UnitAmount: \(amount), AccountCode: "200", TaxType: "NONE"}]}]}
            """
        let answer = try call(.put, "Invoices", body, at: place)
        return try #require(answer.member("Invoices")?[0]?["InvoiceID"]?.string, sourceLocation: place)
    }

    @discardableResult
    func creditNote(_ number: String, _ amount: String, at place: SourceLocation = #_sourceLocation) throws -> String {
        let body = """
            {CreditNotes: [{Type: "ACCRECCREDIT", Status: "AUTHORISED", Contact: {Name: "Shop customers"},
              CreditNoteNumber: "\(number)", Reference: "cf:\(number) refund 1", Date: "2026-11-14",
              LineItems: [{Description: "Mug back", Quantity: 1, UnitAmount: \(amount), AccountCode: "206", TaxType: "NONE"}]}]}
            """
        let answer = try call(.put, "CreditNotes", body, at: place)
        return try #require(answer.member("CreditNotes")?[0]?["CreditNoteID"]?.string, sourceLocation: place)
    }

    /// A payment on an invoice; the answer's element.
    @discardableResult
    func pay(
        _ invoice: String, _ amount: String, account: String = "611", more: String = "",
        at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let body = """
            {Payments: [{Invoice: {InvoiceID: "\(invoice)"}, Account: {Code: "\(account)"}, Date: "2026-11-14", Amount: \(amount),
              Reference: "cf:aaaabbbbccccdddd transaction 1" \(more)}]}
            """
        return try #require(try call(.put, "Payments", body, at: place).member("Payments")?[0], sourceLocation: place)
    }
}

/// Standard base64 of a text, written apart from the product's.
func xeroBase64(_ text: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var out = ""
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = Array(bytes[start..<min(start + 3, bytes.count)])
        let value = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
        for i in 0..<4 { out.append(i <= group.count ? alphabet[value >> (18 - 6 * i) & 63] : "=") }
    }
    return out
}

/// Whether all that `expected` says is so in `actual`: members of objects may be more, arrays and digits must agree.
func xeroMissing(_ expected: JSON, in actual: JSON?, path: String = "$") -> [String] {
    guard let actual else { return ["\(path) is absent"] }
    if let members = expected.object {
        return members.flatMap { xeroMissing($0.value, in: actual[$0.key], path: "\(path).\($0.key)") }
    }
    if let list = expected.array {
        guard actual.array?.count == list.count else {
            return ["\(path) has \(actual.array?.count ?? -1) elements, not \(list.count)"]
        }
        return list.enumerated().flatMap { xeroMissing($0.element, in: actual[$0.offset], path: "\(path)[\($0.offset)]") }
    }
    return expected == actual ? [] : ["\(path) is \(actual.text), not \(expected.text)"]
}
