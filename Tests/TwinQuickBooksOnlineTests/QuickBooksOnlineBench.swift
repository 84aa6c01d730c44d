import Crypto
import Kernel
import TwinKit
import TwinQuickBooksOnline
import Wire

/// A company, a caller with a token, and a clock that moves only when told to.
struct QuickBooksOnlineBench {
    let journal: TwinJournal
    let twin: QuickBooksOnlineTwin
    let clocks: ManualClocks
    var token = ""
    static let company = "/v3/company/9130350000000001/"

    init(
        journal: TwinJournal = TwinJournal(inMemory: []), limits: QuickBooksOnlineLimits = .none,
        at now: String = "2026-11-14T18:00:00Z", connect: Bool = true, seed: UInt64 = 7, country: QuickBooksOnlineCountry = .unitedStates
    ) throws {
        self.journal = journal
        twin = try QuickBooksOnlineTwin(country: country, journal: journal, limits: limits, random: SeededRandom(seed: seed))
        clocks = ManualClocks(Timestamp(rfc3339: now) ?? Timestamp(seconds: 0))
        if connect { token = try refresh("qbo-refresh-0")["access_token"]?.string ?? "" }
    }

    /// The same journal behind a new process, at the same time and with the same token.
    func restarted(limits: QuickBooksOnlineLimits = .none) throws -> QuickBooksOnlineBench {
        var bench = try QuickBooksOnlineBench(
            journal: journal, limits: limits, at: clocks.now().description, connect: false, seed: 99)
        bench.token = token
        return bench
    }

    func send(_ request: HTTPRequest) -> HTTPResponse { twin.respond(request, at: clocks.now()) }

    /// A call with the headers the vendor asks for.
    func call(
        _ method: HTTPMethod, _ path: String, _ body: String = "", type: String = "application/json"
    ) -> HTTPResponse {
        send(
            HTTPRequest(
                method, Self.company + path,
                fields: ["Authorization": "Bearer \(token)", "Accept": "application/json", "Content-Type": type],
                body: Array(body.utf8)))
    }

    /// Posts a body written as JSON5 and reads the answer.
    func post(_ path: String, _ json5: String) throws -> (status: Int, body: JSON) {
        let response = call(.post, path, try JSON(json5: json5).text)
        return (response.status, try JSON(parsing: response.body))
    }

    func get(_ path: String) throws -> (status: Int, body: JSON) {
        let response = call(.get, path)
        return (response.status, try JSON(parsing: response.body))
    }

    func query(_ text: String) throws -> JSON {
        try get("query?query=\(Form.percent(text))&minorversion=75").body
    }

    /// Posts what must succeed and returns the object.
    func make(_ entity: String, _ json5: String) throws -> JSON {
        let (status, body) = try post(entity.lowercased(), json5)
        guard status == 200, let object = body[entity] else { throw Refused(body: body.text) }
        return object
    }

    /// The code of the refusal that a body provokes; "" when it was accepted.
    func refusal(_ path: String, _ json5: String) throws -> String {
        let (_, body) = try post(path, json5)
        return body.member("Fault")?["Error"]?[0]?["code"]?.string ?? ""
    }

    // MARK: - Token endpoint

    func form(_ path: String, _ pairs: [(String, String)], secret: String = "sandbox-secret") -> HTTPResponse {
        send(
            HTTPRequest(
                .post, path,
                fields: [
                    "Authorization": "Basic " + Base64.encode(Array("sandbox-client:\(secret)".utf8)),
                    "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded",
                ], body: Array(Form.encode(pairs.map { (name: $0.0, value: $0.1) }).utf8)))
    }

    func refresh(_ token: String) throws -> JSON {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)]
        return try JSON(parsing: form("/oauth2/v1/tokens/bearer", pairs).body)
    }

    // MARK: - Ready-made objects

    func customer(_ name: String = "Shop customers") throws -> String {
        try make("Customer", "{DisplayName: '\(name)'}")["Id"]?.string ?? ""
    }

    /// An item that posts to the account with that id.
    func item(_ name: String, account: String) throws -> String {
        try make("Item", "{Name: '\(name)', Type: 'Service', IncomeAccountRef: {value: '\(account)'}}")["Id"]?.string
            ?? ""
    }

    /// The double entry of one document as text: `1200 +44.28`, sorted.
    func lines(_ id: String) -> [String] {
        guard let entry = twin.entries().first(where: { $0.id == id }) else { return [] }
        return entry.lines.map { "\($0.account) \($0.minor)" }.sorted()
    }
}

struct Refused: Error { var body: String }

extension JSON {
    /// `path("Invoice", "Balance")` as text, whatever its type.
    func shown(_ path: String...) -> String {
        var value: JSON? = self
        for key in path { value = Int(key).flatMap { value?[$0] } ?? value?[key] }
        return value?.string ?? value?.decimal?.description ?? value?.bool.map { "\($0)" } ?? ""
    }
}
