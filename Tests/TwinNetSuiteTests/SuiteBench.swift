import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

/// Someone with all keys to the account: calls REST with a bearer token, SOAP with a passport, moves the clock.
final class SuiteBench {
    let journal: TwinJournal
    let twin: NetSuiteTwin
    var now = Timestamp(rfc3339: "2026-11-20T09:00:00Z") ?? Timestamp(seconds: 0)
    var bearer = ""
    private var nonces = 0

    static let version = "2025_2"
    static let host = "127.0.0.1:4000"

    init(journal: TwinJournal = TwinJournal(inMemory: []), limits: NetSuiteLimits = NetSuiteLimits(), seed: UInt64 = 1) throws {
        self.journal = journal
        twin = try NetSuiteTwin(journal: journal, limits: limits, random: SeededRandom(seed: seed))
        bearer = try logIn()
    }

    /// The same account as a twin opened on the same journal sees it.
    func reopened() throws -> SuiteBench {
        let bench = try SuiteBench(journal: journal, seed: 99)
        bench.now = now
        return bench
    }

    // MARK: - OAuth 2.0

    static func encoded(_ json: String) throws -> String { Base64.encodeURL(try JSON(json5: json).bytes) }

    /// A signed assertion; the claims are written over the right ones.
    func assertion(
        header: String = "{typ: \"JWT\", alg: \"ES256\", kid: \"custcertificate1\"}", claims: [String: JSON] = [:], key: String = NetSuiteTwin.privateKey
    ) throws -> String {
        var all: [String: JSON] = [
            "iss": .string(NetSuiteTwin.clientID), "scope": "rest_webservices", "aud": .string("http://\(Self.host)/netsuite/services/rest/auth/oauth2/v1/token"),
            "iat": .number(String(now.seconds)), "exp": .number(String(now.seconds + 300)),
        ]
        for (name, value) in claims { all[name] = value }
        let body = JSON.object(all.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) })
        let signed = "\(try Self.encoded(header)).\(Base64.encodeURL(body.bytes))"
        let signature = try SigningKey(pem: Secret(key)).sign(Array(signed.utf8))
        return "\(signed).\(Base64.encodeURL(signature))"
    }

    func token(_ assertion: String) -> HTTPResponse {
        let form = Form.encode([
            ("grant_type", "client_credentials"), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ])
        let fields: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded", "Host": Self.host]
        return twin.respond(HTTPRequest(.post, "/services/rest/auth/oauth2/v1/token", fields: fields, body: Array(form.utf8)), at: now)
    }

    func logIn() throws -> String {
        let answer = token(try assertion())
        #expect(answer.status == 200, "\(answer.bodyText)")
        return try JSON(parsing: answer.body)["access_token"]?.string ?? ""
    }

    // MARK: - REST

    func request(_ method: HTTPMethod, _ path: String, _ body: String = "", _ more: HTTPFields = [:]) throws -> HTTPRequest {
        var fields: HTTPFields = ["Host": Self.host, "Authorization": "Bearer \(bearer)", "X-NetSuite-PropertyNameValidation": "Error"]
        if !body.isEmpty { fields["Content-Type"] = "application/json" }
        for field in more.list { fields[field.name] = field.value }
        return HTTPRequest(method, "/services/rest" + path, fields: fields, body: body.isEmpty ? [] : try JSON(json5: body).bytes)
    }

    func send(_ method: HTTPMethod, _ path: String, _ body: String = "", _ more: HTTPFields = [:]) throws -> HTTPResponse {
        twin.respond(try request(method, path, body, more), at: now)
    }

    /// Creates a record and reads its id from `Location`.
    @discardableResult
    func create(_ type: String, _ body: String, at place: SourceLocation = #_sourceLocation) throws -> Int {
        let answer = try send(.post, "/record/v1/\(type)", body)
        #expect(answer.status == 204 && answer.body.isEmpty, "\(answer.bodyText)", sourceLocation: place)
        let location = try #require(answer.fields["Location"], sourceLocation: place)
        return try #require(location.split(separator: "/").last.flatMap { Int($0) }, sourceLocation: place)
    }

    func read(_ type: String, _ id: Int, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = try send(.get, "/record/v1/\(type)/\(id)?expandSubResources=true&simpleEnumFormat=true")
        #expect(answer.status == 200, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    /// Status, code and words of a request that must fail.
    func refusal(_ method: HTTPMethod, _ path: String, _ body: String = "", _ more: HTTPFields = [:]) throws -> (status: Int, code: String, detail: String) {
        let answer = try send(method, path, body, more)
        let error = (try? JSON(parsing: answer.body))?["o:errorDetails"]?[0]
        return (answer.status, error?["o:errorCode"]?.string ?? "", error?["detail"]?.string ?? answer.bodyText)
    }

    func suiteQL(_ text: String, _ page: String = "", at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = try send(.post, "/query/v1/suiteql\(page)", JSON.object([("q", .string(text))]).text, ["Prefer": "transient"])
        #expect(answer.status == 200, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    /// One column of all rows.
    func column(_ text: String, _ name: String, at place: SourceLocation = #_sourceLocation) throws -> [String] {
        (try suiteQL(text, at: place)["items"]?.array ?? []).map { $0[name]?.string ?? "" }
    }

    // MARK: - SOAP

    static func passport(
        nonce: String, timestamp: Int64, algorithm: String = "HMAC-SHA256", secret: String = NetSuiteTwin.tokenSecret, more: String = ""
    ) -> String {
        let base = "\(NetSuiteTwin.account)&\(NetSuiteTwin.consumerKey)&\(NetSuiteTwin.tokenID)&\(nonce)&\(timestamp)"
        let signature = Base64.encode(HMAC.sha256(key: Array("\(NetSuiteTwin.consumerSecret)&\(secret)".utf8), Array(base.utf8)))
        return """
            <tokenPassport xmlns="urn:messages_\(version).platform.webservices.netsuite.com" xmlns:c="urn:core_\(version).platform.webservices.netsuite.com">
            <c:account>\(NetSuiteTwin.account)</c:account><c:consumerKey>\(NetSuiteTwin.consumerKey)</c:consumerKey><c:token>\(NetSuiteTwin.tokenID)</c:token>
            <c:nonce>\(nonce)</c:nonce><c:timestamp>\(timestamp)</c:timestamp><c:signature algorithm="\(algorithm)">\(signature)</c:signature></tokenPassport>\(more)
            """
    }

    func envelope(_ body: String, header: String? = nil) -> HTTPRequest {
        nonces += 1
        let head = header ?? Self.passport(nonce: "nonce\(100_000 + nonces)", timestamp: now.seconds)
        let text = """
            <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
              xmlns:c="urn:core_\(Self.version).platform.webservices.netsuite.com" xmlns:s="urn:sales_\(Self.version).transactions.webservices.netsuite.com"
              xmlns:cu="urn:customers_\(Self.version).transactions.webservices.netsuite.com" xmlns:g="urn:general_\(Self.version).transactions.webservices.netsuite.com"
              xmlns:p="urn:common_\(Self.version).platform.webservices.netsuite.com" xmlns:r="urn:relationships_\(Self.version).lists.webservices.netsuite.com">
            <soapenv:Header>\(head)</soapenv:Header><soapenv:Body>\(body)</soapenv:Body></soapenv:Envelope>
            """
        let fields: HTTPFields = ["Content-Type": "text/xml; charset=utf-8", "SOAPAction": "\"call\"", "Host": Self.host]
        return HTTPRequest(.post, "/services/NetSuitePort_\(Self.version)", fields: fields, body: Array(text.utf8))
    }

    /// The response element of an operation that is answered.
    func soap(
        _ operation: String, _ inner: String, attributes: String = "", header: String? = nil, at place: SourceLocation = #_sourceLocation
    ) throws -> XMLElement {
        let message = "<\(operation) xmlns=\"urn:messages_\(Self.version).platform.webservices.netsuite.com\"\(attributes)>\(inner)</\(operation)>"
        let answer = twin.respond(envelope(message, header: header), at: now)
        #expect(answer.status == 200, "\(answer.bodyText)", sourceLocation: place)
        return try #require(try XMLElement(parsing: answer.body).at(["Body", "\(operation)Response"]), "\(answer.bodyText)", sourceLocation: place)
    }

    /// Code and words of a fault.
    func fault(
        _ operation: String, _ inner: String, header: String? = nil, namespace: String = SuiteBench.version
    ) throws -> (name: String, code: String, text: String) {
        let message = "<\(operation) xmlns=\"urn:messages_\(namespace).platform.webservices.netsuite.com\">\(inner)</\(operation)>"
        let answer = twin.respond(envelope(message, header: header), at: now)
        #expect(answer.status == 500)
        let fault = try #require(try XMLElement(parsing: answer.body).at(["Body", "Fault"]), "\(answer.bodyText)")
        let detail = fault["detail"]?.children.first
        return (detail?.name.local ?? "", detail?["code"]?.text ?? "", fault["faultstring"]?.text ?? "")
    }

    /// Whether a write went well, else its code; and the id.
    static func written(_ response: XMLElement) -> (code: String?, id: Int?, message: String) {
        let write = response["writeResponse"] ?? response.at(["writeResponseList", "writeResponse"])
        let detail = write?.at(["status", "statusDetail"])
        let id = write?["baseRef"]?.attribute("internalId").flatMap { Int($0) }
        return (write?["status"]?.attribute("isSuccess") == "true" ? nil : detail?["code"]?.text ?? "?", id, detail?["message"]?.text ?? "")
    }

    // MARK: - Books

    /// An invoice over `amount` with 8 % on it.
    @discardableResult
    func invoice(
        _ amount: String = "100.00", external: String? = nil, more: String = "", date: String = "2026-11-14", at place: SourceLocation = #_sourceLocation
    ) throws -> Int {
        let id = external.map { "externalId: \"\($0)\"," } ?? ""
        return try create(
            "invoice", "{\(id) entity: {id: \"412\"}, tranDate: \"\(date)\", \(more) item: {items: [{item: {id: \"77\"}, amount: \(amount), taxCode: {id: \"7\"}}]}}", at: place)
    }

    /// Lines of a transaction as `number: cents`, in the order of the books.
    func lines(_ id: Int) -> [String] {
        let entry = twin.entries().first { $0.id == String(id) }
        return (entry?.lines ?? []).map { "\($0.account): \($0.baseMinor)" }
    }
}
