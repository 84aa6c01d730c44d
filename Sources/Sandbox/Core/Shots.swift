internal import Kernel
internal import TwinKit
internal import Wire

/// What befalls one request.
enum Fate: Sendable, Equatable {
    /// Not handled, connection closed.
    case lost
    /// Handled and kept, connection closed without the answer.
    case torn
    /// Too many requests; the text of `Retry-After`, `nil` for none.
    case throttled(String?)
    case unavailable
    /// As if the access token had been revoked.
    case revokedToken
    /// Not handled; HTTP says success and the body says otherwise.
    case errorInSuccess
    /// Waits, then is handled and answered.
    case heldBefore
    /// Is handled, then waits for its answer.
    case heldAfter

    var name: String {
        switch self {
        case .lost: "lost_request"
        case .torn: "torn_reply"
        case .throttled: "throttled"
        case .unavailable: "unavailable"
        case .revokedToken: "revoked_token"
        case .errorInSuccess: "error_in_success"
        case .heldBefore: "held_before"
        case .heldAfter: "held_after"
        }
    }

    init?(_ json: JSON) {
        switch json["fate"]?.string {
        case "lost_request": self = .lost
        case "torn_reply": self = .torn
        case "throttled": self = .throttled(json["retry_after"]?.string)
        case "unavailable": self = .unavailable
        case "revoked_token": self = .revokedToken
        case "error_in_success": self = .errorInSuccess
        case "held_before": self = .heldBefore
        case "held_after": self = .heldAfter
        default: return nil
        }
    }
}

/// A fate for the next requests of a kind: what a fault plan leaves to chance, aimed.
struct Shot: Sendable {
    /// Longest that a request is held.
    static let holdMost = Duration.seconds(18)
    /// Waiting shots of one sandbox.
    static let most = 256

    var id: Int
    var twin: String
    /// `nil`: any purpose.
    var purpose: Purpose?
    /// A text that address or body must contain.
    var containing: String?
    var fate: Fate
    /// How many requests it meets.
    var left: Int
    /// The platform forgets the request's native idempotency key: a second send is not recognised by it.
    var forgetsKey: Bool
    /// How many it has met.
    var met = 0
    var isReleased = false
    /// A request is held by it now.
    var isHolding = false

    /// - Throws: `shot_refused` with the position of what is wrong.
    init(_ json: JSON, id: Int, known: [String]) throws(Fault) {
        guard let twin = json["twin"]?.string, known.contains(twin) else { throw Shot.refused("there is no such twin", "twin") }
        guard let fate = Fate(json) else { throw Shot.refused("there is no such fate", "fate") }
        if let name = json["purpose"]?.string {
            guard let purpose = Purpose(rawValue: name) else { throw Shot.refused("there is no such purpose", "purpose") }
            self.purpose = purpose
        }
        let count = json["count"]?.int ?? 1
        guard (1 ... 1000).contains(count) else { throw Shot.refused("a shot meets 1 to 1000 requests", "count") }
        self.id = id
        self.twin = twin
        self.fate = fate
        containing = json["containing"]?.string
        left = count
        forgetsKey = json["forgets_key"]?.bool ?? false
    }

    static func refused(_ summary: String, _ position: String) -> Fault {
        Fault("shot_refused", stage: .sandbox, disposition: .reject, summary: summary, remedy: "See the sandbox's documentation of the fault plan.", position: position)
    }

    func hits(_ request: HTTPRequest, _ purpose: Purpose, twin: String) -> Bool {
        guard left > 0, twin == self.twin, self.purpose.map({ $0 == purpose }) ?? true else { return false }
        guard let containing else { return true }
        return request.target.contains(containing) || String(decoding: request.body, as: UTF8.self).contains(containing)
    }

    var json: JSON {
        .object([
            ("id", .number("\(id)")), ("twin", .string(twin)), ("fate", .string(fate.name)), ("left", .number("\(left)")), ("met", .number("\(met)")),
            ("holding", .bool(isHolding)),
        ])
    }
}

/// The shots that wait and those that were fired, in memory only: a restart forgets them.
struct Range: Sendable {
    private var shots: [Shot] = []
    private var last = 0

    mutating func add(_ json: JSON, known: [String]) throws(Fault) -> Shot {
        shots.removeAll { $0.left == 0 && !$0.isHolding && $0.id < last - Shot.most }
        guard shots.count < 2 * Shot.most else { throw Shot.refused("too many shots wait", "") }
        let shot = try Shot(json, id: last + 1, known: known)
        last += 1
        shots.append(shot)
        return shot
    }

    /// The shot that this request meets, if any.
    mutating func draw(_ request: HTTPRequest, _ purpose: Purpose, twin: String) -> Shot? {
        guard let index = shots.firstIndex(where: { $0.hits(request, purpose, twin: twin) }) else { return nil }
        shots[index].left -= 1
        shots[index].met += 1
        if [.heldBefore, .heldAfter].contains(shots[index].fate) { shots[index].isHolding = true }
        return shots[index]
    }

    subscript(_ id: Int) -> Shot? { shots.first { $0.id == id } }

    func isReleased(_ id: Int) -> Bool { self[id]?.isReleased ?? true }

    mutating func release(_ id: Int) {
        for index in shots.indices where shots[index].id == id {
            shots[index].isReleased = true
            shots[index].left = 0
        }
    }

    mutating func over(_ id: Int) {
        for index in shots.indices where shots[index].id == id { shots[index].isHolding = false }
    }
}

/// What has come to the twins since the sandbox was started, by purpose and by what befell it.
struct Traffic: Sendable {
    private var arrived: [String: [Purpose: Int]] = [:]
    private var befell: [String: Int] = [:]
    /// When a document write with this key was handled: for searches that lag.
    private var written: [String: Duration] = [:]

    mutating func count(_ twin: String, _ purpose: Purpose) { arrived[twin, default: [:]][purpose, default: 0] += 1 }
    mutating func count(_ fate: String) { befell[fate, default: 0] += 1 }

    mutating func wrote(_ keys: Set<String>, at now: Duration, lag: Duration) {
        written = written.filter { now - $0.value < lag }
        for key in keys where written[key] == nil { written[key] = now }
    }

    /// Keys that a search does not show yet.
    func fresh(at now: Duration, lag: Duration) -> Set<String> { Set(written.filter { now - $0.value < lag }.keys) }

    var json: JSON {
        let twins = arrived.sorted { $0.key < $1.key }.map { twin, counts -> (key: String, value: JSON) in
            let members = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { (key: $0.key.rawValue, value: JSON.number("\($0.value)")) }
            return (twin, .object([("requests", .number("\(counts.values.reduce(0, +))"))] + members))
        }
        return .object([("twins", .object(twins)), ("fates", .object(befell.sorted { $0.key < $1.key }.map { (key: $0.key, value: .number("\($0.value)")) }))])
    }
}

/// A search that lags: rows of documents written a moment ago are taken out of the vendor's own answer.
enum StaleSearch {
    static func without(_ fresh: Set<String>, _ response: HTTPResponse) -> HTTPResponse {
        guard response.status == 200, !fresh.isEmpty, let root = try? JSON(parsing: response.body), let pruned = prune(root, fresh) else { return response }
        var out = response
        out.body = pruned.bytes
        return out
    }

    /// `nil` when nothing is taken out. A list is the root itself, or stands in it or one level below.
    private static func prune(_ json: JSON, _ fresh: Set<String>, depth: Int = 0) -> JSON? {
        if depth == 0, let rows = json.array {
            let kept = rows.filter { KeyText.keys(in: $0.bytes).isDisjoint(with: fresh) }
            if kept.count == rows.count { return Optional.none }
            return .array(kept)
        }
        guard let members = json.object else { return nil }
        var changed = false
        var out: [(key: String, value: JSON)] = []
        for (key, value) in members {
            if let rows = value.array {
                let kept = rows.filter { KeyText.keys(in: $0.bytes).isDisjoint(with: fresh) }
                if kept.count != rows.count { changed = true }
                // QuickBooks leaves out a list without rows.
                if kept.isEmpty, !rows.isEmpty, depth > 0 { continue }
                out.append((key, .array(kept)))
            } else if depth == 0, let inner = prune(value, fresh, depth: 1) {
                changed = true
                out.append((key, inner))
            } else {
                out.append((key, value))
            }
        }
        return changed ? .object(out) : nil
    }
}
