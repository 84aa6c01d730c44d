internal import Crypto
public import Kernel
public import TwinKit
public import Wire

/// A returns system beside a shop: Loop Returns below `/loop`, AfterShip Returns below `/aftership`. Both know the same world (`GoodsBack`); each has its
/// own face. A store exists under every name of lower-case letters, digits and hyphens; its keys and its webhooks' secret follow from the name.
/// - Source: docs.loopreturns.com, aftership.com/docs/returns.
public final class ReturnsTwin: SourceTwin {
    public enum Platform: String, Sendable, CaseIterable { case loop, aftership }

    public let platform: Platform
    public let prefix: String
    private let state: Remembered<ReturnsMemory>
    private let waits: WebhookWaits

    /// A key that may read a store's returns.
    public static func key(of store: String) -> String { "returns_\(store)" }
    /// One that is the store's own and may not.
    public static func otherKey(of store: String) -> String { "orders_\(store)" }
    /// What a store's webhooks are signed with unless whoever subscribes gives another.
    public static func secret(of store: String) -> String { "whsec_\(store)" }

    /// Opens the twin on what `journal` remembers.
    /// - Throws: the journal's faults.
    public init(_ platform: Platform, journal: TwinJournal, waits: WebhookWaits = .rehearsal) throws(Fault) {
        self.platform = platform
        self.waits = waits
        prefix = "/\(platform.rawValue)"
        state = try Remembered(ReturnsMemory(), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        let face = platform.face
        return state.change { face.respond(request, &$0, at: now) } ifLost: { _, _ in face.problem(500, "The request could not be kept.") }
    }

    // MARK: The world

    /// Lets something happen in a store: `do` is `requested`, `approved`, `received`, `settled`, `reviewed`, `cancelled`, `expired`, `corrected`,
    /// `subscribes` or `unsubscribes`; `store` is where.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let platform = platform
        guard let store = happening["store"]?.string, Self.isStore(store) else {
            throw Happening.refused("a store has a name of lower-case letters, digits and hyphens", "store")
        }
        return try state.happen { memory throws(Fault) in try memory.happen(happening, in: store, at: now, platform) }
    }

    static func isStore(_ name: String) -> Bool {
        (1 ... 60).contains(name.utf8.count) && name.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 }
    }

    /// What was given back in money, by the day on which it was settled (UTC).
    public func expectedMoney() -> [ExpectedMoney] {
        struct Cell: Hashable {
            var store, day, currency: String
        }
        var sums: [Cell: (day: LocalDate, minor: Int64, count: Int)] = [:]
        for back in state.look({ $0.all }) where back.refund > 0 {
            let day = Zone.utc.date(of: Timestamp(seconds: Int64(back.settled ?? 0)))
            let cell = Cell(store: back.store, day: day.description, currency: back.currency)
            let known = sums[cell] ?? (day, 0, 0)
            sums[cell] = (day, known.minor - back.refund, known.count + 1)
        }
        return sums.sorted { ($0.key.store, $0.key.day, $0.key.currency) < ($1.key.store, $1.key.day, $1.key.currency) }.map { cell, sum in
            ExpectedMoney(account: cell.store, isLive: true, day: sum.day, currency: cell.currency, kind: .refund, minor: sum.minor, count: sum.count)
        }
    }

    // MARK: Webhooks

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        let face = platform.face
        return state.change { memory in
            memory.queue.take(at: now, most: most, inOrder: false).compactMap { item in
                guard let hook = memory.rows[item.note], let url = hook.content.text("url") else {
                    _ = memory.queue.settle(item.id, acknowledged: true, at: now, waits: .rehearsal)
                    return nil
                }
                let key = Array((hook.content.text("secret") ?? "").utf8)
                let fields: HTTPFields = ["Content-Type": "application/json", face.signatureField: Base64.encode(HMAC.sha256(key: key, item.body))]
                return DueWebhook(id: item.id, request: HTTPRequest(.post, url, fields: fields, body: item.body))
            }
        }
    }

    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) {
        let waits = waits
        state.change { _ = $0.queue.settle(id, acknowledged: status.map { (200 ..< 300).contains($0) } ?? false, at: now, waits: waits) }
    }

    public func nextWebhook() -> Timestamp? { state.look { $0.queue.next(inOrder: false) } }

    // MARK: Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = platform.face.problem(429, "Too many requests.")
        if let retryAfterSeconds { response.fields["Retry-After"] = "\(retryAfterSeconds)" }
        return response
    }

    public func unavailable() -> HTTPResponse { platform.face.problem(503, "Service unavailable.") }

    public func errorInSuccess() -> HTTPResponse {
        var response = platform.face.problem(500, "Something went wrong.")
        response.status = 200
        return response
    }

    /// Keys do not end by themselves; one that was withdrawn is not known.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        if revoked.fields[platform.face.keyField] != nil { revoked.fields[platform.face.keyField] = "revoked-by-the-fault-plan" }
        return revoked
    }
}

extension ReturnsMemory {
    /// Every return of every store.
    var all: [GoodsBack] { rows.all { $0.kind == ReturnsRow.Kind.goodsReturn.rawValue }.map { GoodsBack($0) } }
}

/// How a platform looks from outside.
protocol ReturnsFace: Sendable {
    var keyField: String { get }
    var signatureField: String { get }
    func respond(_ request: HTTPRequest, _ memory: inout ReturnsMemory, at now: Timestamp) -> HTTPResponse
    /// The refusal of a whole request, as the platform words it.
    func problem(_ status: Int, _ message: String) -> HTTPResponse
    /// Webhooks that follow from what happened: the topic, and the body of a delivery with this number.
    func told(_ back: GoodsBack, _ event: ReturnsEvent) -> [(topic: String, body: (String) -> JSON)]
}

extension ReturnsTwin.Platform {
    var face: any ReturnsFace {
        switch self {
        case .loop: LoopFace()
        case .aftership: AfterShipFace()
        }
    }

    /// As the platform numbers its returns.
    func id(_ number: Int) -> String {
        switch self {
        case .loop: "\(number)"
        case .aftership: String(Digest.sha256(Array("return \(number)".utf8)).hexText.prefix(32))
        }
    }
}

extension ReturnsFace {
    /// Whose key it is, and whether it may read returns.
    func store(_ request: HTTPRequest) -> (name: String, mayRead: Bool)? {
        guard let key = request.fields[keyField] else { return nil }
        for (start, mayRead) in [("returns_", true), ("orders_", false)] where key.hasPrefix(start) {
            let name = String(key.dropFirst(start.utf8.count))
            if ReturnsTwin.isStore(name) { return (name, mayRead) }
        }
        return nil
    }
}
