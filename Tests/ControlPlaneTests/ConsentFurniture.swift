import ConnectorKit
import Crypto
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

/// A person's browser: it keeps cookies, and sends forms from our own pages.
final class Browser: Sendable {
    let bench: Bench
    private let cookies = Locked<[String: String]>([:])

    init(_ bench: Bench) { self.bench = bench }

    func open(_ url: String) async -> HTTPResponse { await send(.get, url, []) }
    func submit(_ url: String, _ form: [(String, String)] = [], origin: String? = "https://cf.test") async -> HTTPResponse {
        await send(.post, url, Array(Form.encode(form.map { (name: $0.0, value: $0.1) }).utf8), origin: origin)
    }

    private func send(_ method: HTTPMethod, _ url: String, _ body: [UInt8], origin: String? = nil) async -> HTTPResponse {
        var fields: HTTPFields = ["Host": "cf.test", "Cookie": cookies.with { $0.map { "\($0.key)=\($0.value)" }.joined(separator: "; ") }]
        if let origin { fields["Origin"] = origin }
        if method == .post { fields["Content-Type"] = "application/x-www-form-urlencoded" }
        let answer = await bench.raw(method, url.replacing("https://cf.test", with: ""), body, fields: fields)
        for set in answer.fields.all("Set-Cookie") {
            let pair = set.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { cookies.with { $0[String(pair[0])] = String(pair[1]) } }
        }
        return answer
    }
}

/// A consent on its way, as a test leads it.
struct Journey {
    let bench: Bench
    let made: Furnished
    let browser: Browser
    let connection: String
    var id = ""
    var link = ""
    /// Where the browser was sent, and what was asked there.
    var asked = HTTPRequest(.get, "/")

    /// - Parameters:
    ///   - platform: whose connection is made; `books` is asked for a realm, `stall` signs.
    ///   - account: empty where it is learned.
    static func make(_ bench: Bench? = nil, platform: String = "books", account: String? = nil) async throws -> Journey {
        var own = bench
        if own == nil { own = try await Bench.make() }
        guard let bench = own else { throw Missing(what: "bench") }
        let made = try await bench.furnished("t\(SystemRandom().bytes(3).hexText)")
        var body: [(key: String, value: JSON)] = [("slug", "new"), ("platform", .string(platform))]
        if let account { body.append(("account", .string(account))) }
        let id = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", .object(body)).id()
        return Journey(bench: bench, made: made, browser: Browser(bench), connection: id)
    }

    /// Asks for a link.
    mutating func begin(_ kind: String = "authorization") async throws {
        let answer = await bench.call(.post, "/v1/connections/\(connection)/\(kind)", kind == "invitation" ? JSON.object([]) : nil)
        id = try answer.id()
        link = try #require(answer.json["url"]?.string)
    }

    /// Presses the button, and goes where the page leads.
    mutating func goOn() async throws {
        let page = await browser.submit(link)
        #expect(page.status == 200, "\(page.bodyText)")
        let url = try #require(page.bodyText.split(separator: "href=\"").last?.prefix { $0 != "\"" })
        asked = HTTPRequest(.get, String(url).replacing("&amp;", with: "&"))
    }

    /// To the platform and back, ready for its answer.
    static func asked(_ bench: Bench? = nil, platform: String = "books", account: String? = nil) async throws -> Journey {
        var journey = try await make(bench, platform: platform, account: account)
        try await journey.begin()
        try await journey.goOn()
        return journey
    }

    var state: String { asked.query("state") ?? "" }

    /// The platform's answer.
    func answer(_ pairs: [(String, String)], by other: Browser? = nil, platform: String = "books") async -> HTTPResponse {
        await (other ?? browser).open("/oauth/callback/\(platform)?\(Form.encode(pairs.map { (name: $0.0, value: $0.1) }))")
    }

    var good: [(String, String)] { [("code", "code-1"), ("state", state), ("realmId", "9130")] }

    func standing() async throws -> JSON { await bench.call(.get, "/v1/authorizations/\(id)").json }

    func stands(_ state: String, _ code: String? = nil) async throws {
        let json = try await standing()
        #expect(json["state"]?.string == state)
        #expect(json["fault"]?["code"]?.string == code)
    }

    /// Actions and fault codes of the trail, oldest first: `consent.failed consent_declined`.
    func trail() async throws -> [String] {
        let rows = try await bench.root.pool.query("""
            SELECT action || coalesce(' ' || (detail->>'fault'), '') AS line FROM app.audit
            WHERE tenant_id = \(made.tenant.id) AND detail->>'consent' = \(id) ORDER BY id
            """)
        return try rows.map { try $0.get("line") }
    }

    /// What the worker does with a received answer: the token set and the accounts that it reaches.
    func found(_ accounts: JSON, credential: String = "sealed") async throws {
        guard let consent = ConsentID(id) else { throw Missing(what: "consent") }
        let (t, move) = (made.tenant.id, ConsentMove(made.tenant.id, consent, of: made.ledger, actor: "worker", action: "consent.test"))
        _ = try await bench.store.move(ConsentStatements.send(t, consent, back: false), move)
        _ = try await bench.store.move(ConsentStatements.grant(t, consent, credential: Array(credential.utf8)), move)
        #expect(try await bench.store.move(ConsentStatements.find(t, consent, found: accounts.bytes), move))
    }
}
