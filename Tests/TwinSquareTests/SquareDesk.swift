import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

/// Someone with a token for the twin: sends requests, moves the clock, lets things happen.
final class SquareDesk {
    static let american = "EAAASandboxPierGoods"
    static let british = "EAAASandboxThamesPottery"
    static let canadian = "EAAASandboxMapleCorner"
    static let hub = "EAAASandboxCounterfoilHub"
    static let pier = "LRJNZCB190DTQ"
    static let market = "LMARKETSTALL2"
    static let studio = "LTHAMESSTUDIO"
    static let corner = "LMAPLECORNER1"

    let journal: TwinJournal
    let twin: SquareTwin
    var token: String
    // A Saturday morning in Los Angeles.
    var now = Timestamp(rfc3339: "2026-11-14T17:20:11.412Z") ?? Timestamp(seconds: 0)
    private var keys = 0

    init(
        journal: TwinJournal = TwinJournal(inMemory: []), token: String = SquareDesk.american,
        limits: SquareLimits = SquareLimits(perSecond: 1_000_000, tokensPerSecond: 1_000_000), retries: SquareRetries = .vendor, seed: UInt64 = 1
    ) throws {
        self.journal = journal
        self.token = token
        twin = try SquareTwin(journal: journal, limits: limits, retries: retries, random: SeededRandom(seed: seed))
    }

    /// The same twin as a restart finds it.
    func reopened() throws -> SquareDesk {
        let desk = try SquareDesk(journal: journal, token: token, seed: 99)
        desk.now = now
        return desk
    }

    func wait(_ duration: Duration) { now = now + duration }

    /// An idempotency key that nobody has used.
    func key() -> JSON {
        keys += 1
        return .string("key-\(keys)")
    }

    var merchant: String {
        switch token {
        case Self.british: SquareTwin.british
        case Self.canadian: SquareTwin.canadian
        default: SquareTwin.american
        }
    }

    func request(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil, query: [(String, String)] = []) -> HTTPRequest {
        var request = HTTPRequest(method, "/v2/" + path)
        request.fields["Authorization"] = "Bearer " + token
        if !query.isEmpty { request.target += "?" + Form.encode(query.map { (name: $0.0, value: $0.1) }) }
        if let body {
            request.fields["Content-Type"] = "application/json"
            request.body = body.bytes
        }
        return request
    }

    /// The parsed answer of a request that must have the given status.
    @discardableResult
    func call(
        _ method: HTTPMethod, _ path: String, _ body: JSON? = nil, query: [(String, String)] = [], status: Int = 200,
        at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let answer = twin.respond(request(method, path, body, query: query), at: now)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    @discardableResult
    func get(_ path: String, _ query: [(String, String)] = [], at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try call(.get, path, query: query, at: place)
    }

    @discardableResult
    func post(_ path: String, _ body: JSON, at place: SourceLocation = #_sourceLocation) throws -> JSON { try call(.post, path, body, at: place) }

    /// The first error of a refused request.
    @discardableResult
    func refusal(
        _ method: HTTPMethod, _ path: String, _ body: JSON? = nil, query: [(String, String)] = [], status: Int = 400,
        at place: SourceLocation = #_sourceLocation
    ) throws -> JSON {
        let answer = try call(method, path, body, query: query, status: status, at: place)
        return try #require(answer["errors"]?[0], sourceLocation: place)
    }

    /// What an order would cost.
    func price(_ order: JSON, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(try post("orders/calculate", ["order": order], at: place)["order"], sourceLocation: place)
    }

    func order(_ order: JSON, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(try post("orders", ["order": order, "idempotency_key": key()], at: place)["order"], sourceLocation: place)
    }

    func read(_ kind: String, _ id: String, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let name = kind == "payments" ? "payment" : kind == "refunds" ? "refund" : kind == "payouts" ? "payout" : kind == "disputes" ? "dispute" : "order"
        return try #require(try get("\(kind)/\(id)", at: place)[name], sourceLocation: place)
    }

    @discardableResult
    func happens(_ happening: JSON) throws -> JSON { try twin.happen(happening.setting("merchant", .string(merchant)), at: now) }

    /// The ids of a list's rows.
    func ids(_ path: String, _ name: String, _ query: [(String, String)] = [], at place: SourceLocation = #_sourceLocation) throws -> [String] {
        try get(path, query, at: place).list(name).compactMap { $0.text("id") }
    }

    /// The sale of the story: two mugs and a towel, 10 % off, 8.25 % tax on top.
    @discardableResult
    func sale(_ more: [(String, JSON)] = []) throws -> JSON {
        let sale: JSON = [
            "do": "sells", "reference_id": "till-2-1042",
            "lines": [
                ["uid": "Li0001", "catalog_object_id": "W62UWFY35CWMYGVWK6TWJDNI", "quantity": "2"],
                ["uid": "Li0002", "catalog_object_id": "NFTA5XCSRK6EHGNM6OQ3HWNA", "quantity": "1"],
            ],
            "taxes": [["uid": "tax1", "catalog_object_id": "WSEEBKNOSIGDYXFCWFE6ENNH", "scope": "ORDER"]],
            "discounts": [["uid": "disc1", "name": "Welcome 10%", "percentage": "10", "scope": "ORDER"]],
        ]
        return try happens(sale.setting(more))
    }

    /// What every test of the money ends with: payout entries, payouts and the twin's books are one sum.
    func balanced(at place: SourceLocation = #_sourceLocation) throws {
        var entries: Int64 = 0, payouts: Int64 = 0
        let merchants = try get("locations", at: place).list("locations").compactMap { $0.text("id") }
        for location in merchants {
            for payout in try get("payouts", [("location_id", location)], at: place).list("payouts") {
                var sum: Int64 = 0
                var cursor: [(String, String)] = []
                for _ in 0..<100 {
                    let page = try get("payouts/\(payout.text("id") ?? "")/payout-entries", [("limit", "2")] + cursor, at: place)
                    for entry in page.list("payout_entries") {
                        let net = entry.amount("net_amount_money")
                        #expect(entry.amount("gross_amount_money") - entry.amount("fee_amount_money") == net, sourceLocation: place)
                        sum += net
                    }
                    guard let next = page.text("cursor") else { break }
                    cursor = [("cursor", next)]
                }
                #expect(sum == payout.amount("amount_money"), sourceLocation: place)
                entries += sum
                payouts += payout.amount("amount_money")
            }
        }
        let expected = twin.expectedMoney().filter { $0.account == merchant }
        let sent = expected.filter { $0.kind == .payout }.reduce(0) { $0 + $1.minor }
        #expect(sent == -payouts, sourceLocation: place)
        #expect(expected.reduce(0) { $0 + $1.minor } == twin.owed(merchant), sourceLocation: place)
    }
}
