internal import Kernel
internal import Wire

/// What is said of an endpoint, where it is declared. Its body and its query are read by this, `/openapi.json` is written of it, and no answer
/// may be other than it says.
struct About: Sendable {
    /// What a request carries.
    enum Body: Sendable, ExpressibleByArrayLiteral {
        case none
        /// A JSON object whose members the handler reads one by one.
        case members([Member])
        /// JSON that is handed to a reader as a whole.
        case whole(Shape, example: JSON)
        /// Not JSON. `type`: `text/csv`.
        case content(type: String, _ meaning: String, example: String)

        init(arrayLiteral members: Member...) { self = .members(members) }
    }

    /// One line: what it does.
    var summary: String
    /// What it is for, and what to know beforehand.
    var detail: String
    var query: [Member]
    var body: Body
    var replies: [Reply]
    /// Whether a POST heeds an `Idempotency-Key`.
    var isRepeatable: Bool
    /// Whether a change heeds `If-Match`.
    var isGuarded = false

    init(_ summary: String, _ detail: String, query: [Member] = [], body: Body = .none, isRepeatable: Bool = true, _ replies: Reply...) {
        self.summary = summary
        self.detail = detail
        self.query = query
        self.body = body
        self.replies = replies
        self.isRepeatable = isRepeatable
    }

    /// Where the summary says all.
    init(_ summary: String, query: [Member] = [], body: Body = .none, isRepeatable: Bool = true, _ replies: Reply...) {
        self.init(summary, "", query: query, body: body, isRepeatable: isRepeatable)
        self.replies = replies
    }

    /// The same, with an `ETag` in what it answers.
    func tagged() -> About {
        var out = self
        for n in replies.indices where (200 ... 201).contains(replies[n].status) { out.replies[n].fields.append(("ETag", "Of what is there now, for `If-Match`.")) }
        return out
    }

    /// The same for a change that heeds `If-Match`.
    func guarded() -> About {
        var out = tagged()
        out.isGuarded = true
        return out
    }

    /// The query as it is read: with the page's parameters where a list is given page by page.
    var parameters: [Member] { query + (replies.contains(where: \.isPage) ? Reply.pageParameters : []) }

    var takes: String {
        if case .content(let type, _, _) = body { type } else { "application/json" }
    }
}

/// An answer by its status.
struct Reply: Sendable {
    var status: Int
    var meaning: String
    /// `nil`: without a body.
    var type: String?
    /// Of JSON.
    var shape: Shape?
    /// Given page by page.
    var isPage = false
    /// Header fields that it has besides those that every answer has, and what they say.
    var fields: [(name: String, meaning: String)] = []

    init(_ status: Int, _ meaning: String, type: String? = nil, shape: Shape? = nil) {
        self.status = status
        self.meaning = meaning
        self.type = type
        self.shape = shape
    }

    static func json(_ status: Int, _ shape: Shape, _ meaning: String) -> Reply { Reply(status, meaning, type: "application/json", shape: shape) }

    /// 200 and the thing.
    static func one(_ thing: Thing, _ meaning: String = "") -> Reply { json(200, .thing(thing), meaning.isEmpty ? thing.meaning : meaning) }

    /// 201 and the thing, which was made.
    static func made(_ thing: Thing) -> Reply {
        var out = json(201, .thing(thing), "It was made.")
        out.fields = [("Location", "The path of what was made.")]
        return out
    }

    /// 200 and some of them, with `next` where there may be more.
    static func page(_ thing: Thing, _ meaning: String = "") -> Reply {
        let next = Member.must("next", .orNull(.line(most: 4_000)), "Pass it on as `cursor` for the next page; null on the last.", example: .null)
        var out = json(200, .object([.must("items", .list(.thing(thing), 0 ... Limits.pageRows)), next]), meaning.isEmpty ? "A page of them." : meaning)
        out.isPage = true
        return out
    }

    /// Not JSON.
    static func content(_ status: Int, _ type: String, _ meaning: String) -> Reply { Reply(status, meaning, type: type) }

    static func empty(_ status: Int, _ meaning: String) -> Reply { Reply(status, meaning) }

    /// A problem document. `why`: its code and when it comes: "`wrong_state`: it is not held".
    static func refused(_ status: Int, _ why: String) -> Reply {
        var out = Reply(status, why, type: problem, shape: .thing(.problem))
        if status == 503 { out.fields = [("Retry-After", "Seconds to wait before the request is sent again.")] }
        return out
    }

    static let problem = "application/problem+json"
    static let html = "text/html"

    fileprivate static let pageParameters: [Member] = [
        .may("limit", .integer(1 ... Limits.pageRows), "How many on a page; 50 when absent.", example: 50),
        .may("cursor", .line(most: 4_000), "The `next` of the page before."),
    ]
}

extension Endpoint {
    /// `POST /v1/tenants`.
    var name: String { "\(method.rawValue) \(pattern)" }

    /// Names of the path's parameters.
    var pathParameters: [String] { pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) } }

    var hasBody: Bool {
        if case .none = about.body { false } else { true }
    }

    /// Whether it heeds an `Idempotency-Key`.
    var isRepeatable: Bool {
        guard case .key = access, method == .post else { return false }
        return about.isRepeatable
    }

    /// Every answer that it may give: those that it declares, and the refusals that come of what it is. A status has an answer for each type of content;
    /// the words of its refusals are put together.
    var replies: [Reply] {
        var out: [Reply] = []
        let type = isForPeople ? Reply.html : Reply.problem
        func add(_ status: Int, _ why: String) {
            if let n = out.firstIndex(where: { $0.status == status && $0.type == type }) {
                out[n].meaning += out[n].meaning.contains(why) ? "" : " " + why
            } else {
                out.append(isForPeople ? .content(status, type, why) : .refused(status, why))
            }
        }
        for reply in about.replies {
            if reply.type == Reply.problem || (reply.type == type && reply.status >= 400) { add(reply.status, reply.meaning) } else { out.append(reply) }
        }
        if hasBody { out.append(.content(413, "text/plain", "`body_too_large`, said before anything else is looked at.")) }
        if case .key(let scope) = access {
            add(401, "`unauthenticated`: without a key, or with one that is unknown or revoked.")
            add(403, "`scope_missing`: the key has not the scope `\(scope.rawValue)`.")
            if !pathParameters.isEmpty { add(404, "`not_found`: there is no such thing, or not for this key.") }
            if hasBody {
                add(400, "`malformed_json`: the body is no JSON.")
                add(415, "`unsupported_media_type`: the body is not \(about.takes).")
            }
            if isRepeatable {
                add(400, "`idempotency_key_malformed`.")
                add(409, "`idempotency_key_reused`: the `Idempotency-Key` was used for another request.")
            }
            if about.isGuarded {
                add(400, "`if_match_malformed`.")
                add(412, "`changed_meanwhile`: it is another one by now than `If-Match` names.")
            }
            if hasBody || !about.parameters.isEmpty { add(422, "`invalid_request`: with everything that is wrong, in `errors`.") }
            add(503, "`database_unavailable`: send it again.")
        }
        add(500, "A mistake of ours: tell the operator the `X-Request-Id`.")
        return out.sorted { $0.status < $1.status }
    }
}
