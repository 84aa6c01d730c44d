import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinStripe

/// Someone with keys to the twin: sends requests, moves the clock, lets things happen.
final class StripeDesk {
    static let american = "sk_test_51PrairieGoods"
    static let british = "sk_test_51ThamesPottery"
    static let hub = "sk_test_51CounterfoilHub"

    let journal: TwinJournal
    let twin: StripeTwin
    var key: String
    /// `Stripe-Account`.
    var account: String?
    // A Saturday: 2026-11-14T10:00:00Z.
    var now = Timestamp(rfc3339: "2026-11-14T10:00:00Z") ?? Timestamp(seconds: 0)

    init(
        journal: TwinJournal = TwinJournal(inMemory: []), key: String = StripeDesk.american,
        limits: StripeLimits = StripeLimits(livePerSecond: 1_000_000, testPerSecond: 1_000_000, endpointPerSecond: 1_000_000),
        retries: StripeRetries = .vendor, seed: UInt64 = 1
    ) throws {
        self.journal = journal
        self.key = key
        twin = try StripeTwin(journal: journal, limits: limits, retries: retries, random: SeededRandom(seed: seed))
    }

    /// The same twin as a restart finds it.
    func reopened() throws -> StripeDesk {
        let desk = try StripeDesk(journal: journal, key: key, seed: 99)
        desk.now = now
        return desk
    }

    func wait(_ duration: Duration) { now = now + duration }

    func request(_ method: HTTPMethod, _ path: String, _ pairs: [(String, String)] = [], once: String? = nil) -> HTTPRequest {
        let form = Form.encode(pairs.map { (name: $0.0, value: $0.1) })
        var request = HTTPRequest(method, "/v1/" + path)
        request.fields["Authorization"] = "Bearer " + key
        request.fields["Stripe-Account"] = account
        request.fields["Idempotency-Key"] = once
        if method == .post {
            request.fields["Content-Type"] = "application/x-www-form-urlencoded"
            request.body = Array(form.utf8)
        } else if !pairs.isEmpty {
            request.target += "?" + form
        }
        return request
    }

    func raw(_ method: HTTPMethod, _ path: String, _ pairs: [(String, String)] = [], once: String? = nil) -> HTTPResponse {
        twin.respond(request(method, path, pairs, once: once), at: now)
    }

    /// The parsed answer of a request that must have the given status.
    @discardableResult
    func call(
        _ method: HTTPMethod, _ path: String, _ pairs: [(String, String)] = [], once: String? = nil, status: Int = 200,
        at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let answer = raw(method, path, pairs, once: once)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    @discardableResult
    func get(_ path: String, _ pairs: [(String, String)] = [], at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try call(.get, path, pairs, at: place)
    }

    @discardableResult
    func post(_ path: String, _ pairs: [(String, String)] = [], at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try call(.post, path, pairs, at: place)
    }

    /// The error of a refused request.
    func refusal(
        _ method: HTTPMethod, _ path: String, _ pairs: [(String, String)] = [], status: Int = 400, at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        try #require(try call(method, path, pairs, status: status, at: place)["error"], sourceLocation: place)
    }

    /// The ids of a list's rows.
    func ids(_ path: String, _ pairs: [(String, String)] = [], at place: SourceLocation = #_sourceLocation) throws -> [String] {
        (try get(path, pairs, at: place)["data"]?.array ?? []).compactMap { $0.text("id") }
    }

    /// A payment by a card; the intent with its charge and that charge's balance transaction.
    func pay(
        _ amount: Int64, _ currency: String = "usd", method: String = "pm_card_visa", more: [(String, String)] = [], at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let pairs = [
            ("amount", "\(amount)"), ("currency", currency), ("payment_method", method), ("confirm", "true"),
            ("expand[]", "latest_charge.balance_transaction"),
        ]
        return try post("payment_intents", pairs + more, at: place)
    }

    @discardableResult
    func happens(_ happening: StripeHappening) throws -> JSON {
        try twin.happen(happening, account: key.hasSuffix("ThamesPottery") ? StripeTwin.british : StripeTwin.american, at: now)
    }

    /// The types of the account's events, oldest first.
    func eventTypes() throws -> [String] { (try get("events", [("limit", "100")])["data"]?.array ?? []).reversed().compactMap { $0.text("type") } }

    /// What every test of the money ends with: books, balance transactions and the balance are one sum.
    func balanced(at place: SourceLocation = #_sourceLocation) throws {
        let balance = try get("balance", at: place)
        var shown: [String: Int64] = [:]
        for part in ["available", "pending"] {
            for row in balance[part]?.array ?? [] { shown[row.text("currency") ?? "", default: 0] += row.minor("amount") }
        }
        var rows: [String: Int64] = [:]
        var cursor: [(String, String)] = []
        for _ in 0..<1000 {
            let page = try get("balance_transactions", [("limit", "100")] + cursor, at: place)
            let data = page["data"]?.array ?? []
            for row in data {
                #expect(row.minor("amount") - row.minor("fee") == row.minor("net"), sourceLocation: place)
                let details = (row["fee_details"]?.array ?? []).reduce(Int64(0)) { $0 + $1.minor("amount") }
                #expect(details == row.minor("fee"), sourceLocation: place)
                rows[row.text("currency") ?? "", default: 0] += row.minor("net")
            }
            guard page.flag("has_more"), let last = data.last?.text("id") else { break }
            cursor = [("starting_after", last)]
        }
        let account = key.hasSuffix("ThamesPottery") ? StripeTwin.british : key.hasSuffix("PrairieGoods") ? StripeTwin.american : StripeTwin.platform
        let owed = twin.owed(account)
        var expected: [String: Int64] = [:]
        for sum in twin.expectedMoney() where sum.account == account && !sum.isLive { expected[sum.currency.lowercased(), default: 0] += sum.minor }
        for currency in Set(shown.keys).union(rows.keys).union(owed.keys) {
            #expect(shown[currency] ?? 0 == rows[currency] ?? 0, "\(currency)", sourceLocation: place)
            #expect(owed[currency] ?? 0 == rows[currency] ?? 0, "\(currency)", sourceLocation: place)
            #expect(expected[currency] ?? 0 == rows[currency] ?? 0, "\(currency)", sourceLocation: place)
        }
    }
}
