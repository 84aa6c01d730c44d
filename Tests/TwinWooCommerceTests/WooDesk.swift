import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinWooCommerce

/// Someone with keys to one of the twin's shops: sends requests, moves the clock, lets things happen.
final class WooDesk {
    let journal: TwinJournal
    let twin: WooCommerceTwin
    var shop: String
    var permissions = "read_write"
    // A Saturday: 09:21:05 in Oakland.
    var now = Timestamp(rfc3339: "2026-11-14T17:21:05Z") ?? Timestamp(seconds: 0)

    init(_ shop: String = "prairie", journal: TwinJournal = TwinJournal(inMemory: []), seed: UInt64 = 1) throws {
        self.journal = journal
        self.shop = shop
        twin = try WooCommerceTwin(journal: journal, random: SeededRandom(seed: seed))
    }

    /// The same twin as a restart finds it.
    func reopened() throws -> WooDesk {
        let desk = try WooDesk(shop, journal: journal, seed: 99)
        desk.now = now
        return desk
    }

    func wait(_ duration: Duration) { now = now + duration }

    func request(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil) -> HTTPRequest {
        var request = HTTPRequest(method, "/\(shop)/wp-json/wc/v3/\(path)")
        request.fields["Host"] = "shop.test"
        if let (key, secret) = WooCommerceTwin.key(shop, permissions) {
            request.fields["Authorization"] = "Basic " + Base64.encode(Array("\(key):\(secret)".utf8))
        }
        if let body {
            request.fields["Content-Type"] = "application/json"
            request.body = body.bytes
        }
        return request
    }

    func raw(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil) -> HTTPResponse { twin.respond(request(method, path, body), at: now) }

    /// The parsed answer of a request that must have the given status.
    @discardableResult
    func call(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil, status: Int = 200, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = raw(method, path, body)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    @discardableResult
    func get(_ path: String, at place: SourceLocation = #_sourceLocation) throws -> JSON { try call(.get, path, at: place) }

    @discardableResult
    func post(_ path: String, _ body: JSON, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try call(.post, path, body, status: 201, at: place)
    }

    @discardableResult
    func put(_ path: String, _ body: JSON, at place: SourceLocation = #_sourceLocation) throws -> JSON { try call(.put, path, body, at: place) }

    /// The code of a refusal.
    func refusal(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil, status: Int = 400, at place: SourceLocation = #_sourceLocation) throws -> String? {
        try call(method, path, body, status: status, at: place).text("code")
    }

    func ids(_ path: String, at place: SourceLocation = #_sourceLocation) throws -> [Int] { (try get(path, at: place).array ?? []).map { $0.whole("id") } }

    @discardableResult
    func happens(_ happening: JSON) throws -> JSON { try twin.happen(happening.setting("shop", .string(shop)), at: now) }

    /// An order as the world places it; its number.
    func placed(_ items: [(String, Int)], _ more: [(String, JSON)] = []) throws -> Int {
        let lines = items.map { JSON.object([("sku", .string($0.0)), ("quantity", .whole($0.1))]) }
        return try happens(JSON.object([("do", "placed"), ("items", .array(lines))]).setting(more)).whole("order")
    }

    /// What every test of the money ends with: each order's lines make its total, refunds do not exceed it, the books are zero in all.
    func balanced(at place: SourceLocation = #_sourceLocation) throws {
        var charged = Int64(0)
        var given = Int64(0)
        for order in try get("orders?per_page=100&status=any&dp=2", at: place).array ?? [] {
            let parts = ["line_items", "fee_lines", "shipping_lines"].flatMap { order.list($0) }.map { $0.amount("total") }.sum
            let taxes = order.list("tax_lines").map { $0.amount("tax_total") + $0.amount("shipping_tax_total") }.sum
            let total = order.amount("total")
            let off = (parts + taxes - total).magnitude
            // Where taxes are rounded once an order, what is shown of the lines is a cent or two off now and then.
            let most = ExactDecimal(small: shop == "liffey" ? 4 : 0, scale: 2)
            #expect(off <= most, "\(order.text("total") ?? "")", sourceLocation: place)
            #expect((taxes - order.amount("total_tax")).magnitude <= most, sourceLocation: place)
            let refunded = order.list("refunds").map { $0.amount("total") }.sum
            #expect(refunded.magnitude <= max(total, .zero), sourceLocation: place)
            guard order["date_paid_gmt"]?.string != nil else { continue }
            charged += total.minor(2)
            given += refunded.minor(2)
        }
        let books = twin.accounts(shop)
        #expect(books.values.reduce(0, +) == 0, sourceLocation: place)
        let money = twin.expectedMoney().filter { $0.account == shop }
        #expect(money.filter { $0.kind == .charge }.map(\.minor).reduce(0, +) == charged, sourceLocation: place)
        #expect(money.filter { $0.kind == .refund }.map(\.minor).reduce(0, +) == given, sourceLocation: place)
        #expect(money.map(\.minor).reduce(0, +) == books["balance"] ?? 0, sourceLocation: place)
    }
}
