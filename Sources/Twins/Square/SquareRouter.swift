internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// A request that has been let in.
struct SquareCall: Sendable {
    var method: HTTPMethod
    /// The parts after `/v2`.
    var path: [String]
    var query: [(name: String, value: String)]
    var body: SquareBody
    var moment: SquareMoment

    var id: String { path.count > 1 ? path[1] : "" }
    var action: String { path.count > 2 ? path[2] : "" }
}

/// Whose token it is and what it may do.
struct SquareAccess: Sendable {
    var merchant: String
    /// `nil`: everything, as a personal access token may.
    var scopes: Set<String>?
}

extension SquareState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        let path = request.path.split(separator: "/").map { Form.unpercent($0) }
        if request.method == .get || request.method == .post, path == ["oauth2", "authorize"] { return consent(request, at: now, random: random) }
        let version = request.fields["Square-Version"] ?? SquareSeed.version
        let mark = rows.mark
        var answer: SquareAnswer
        do throws(SquareProblem) {
            guard LocalDate(version) != nil else {
                throw .invalid("INVALID_SQUARE_VERSION_FORMAT", "The Square-Version `\(version)` is not of the form YYYY-MM-DD.")
            }
            answer = try admitted(request, path, at: now, random: random)
        } catch {
            if !error.keepsChanges { rows.rollback(to: mark) }
            answer = error.answer
        }
        var response = HTTPResponse.json(answer.status, answer.body)
        response.fields["Square-Version"] = version
        return response
    }

    private mutating func admitted(
        _ request: HTTPRequest, _ path: [String], at now: Timestamp, random: any RandomSource
    ) throws(SquareProblem) -> SquareAnswer {
        if path.first == "oauth2" {
            guard meter.admits("oauth2", at: now.seconds, most: limits.tokensPerSecond) else { throw .limited }
            return SquareAnswer(body: try oauth(request, path, at: now, random: random))
        }
        let access = try authenticate(request, at: now)
        guard meter.admits(access.merchant, at: now.seconds, most: limits.perSecond) else { throw .limited }
        guard path.count >= 2, path[0] == "v2" else { throw Self.nowhere(request) }
        let parts = Array(path.dropFirst())
        if let scope = Self.scope(request.method, parts), let scopes = access.scopes, !scopes.contains(scope) { throw .forbidden(scope) }
        let moment = SquareMoment(merchant: access.merchant, at: now, random: random)
        let call = SquareCall(method: request.method, path: parts, query: request.query, body: try Self.body(request), moment: moment)
        do throws(SquareProblem) {
            return try once(call)
        } catch {
            // What lies at no address at all says so with the address.
            throw error.detail == SquareProblem.notFound().detail && error.field == nil ? Self.nowhere(request) : error
        }
    }

    private static func nowhere(_ request: HTTPRequest) -> SquareProblem {
        .notFound("API endpoint for URL path `\(request.path)` and HTTP method `\(request.method.rawValue)` is not found.")
    }

    private static func body(_ request: HTTPRequest) throws(SquareProblem) -> SquareBody {
        guard request.method == .post || request.method == .put, !request.body.isEmpty else { return SquareBody(.object([])) }
        let type = request.fields["Content-Type"]?.lowercased() ?? ""
        guard type.hasPrefix("application/json") else { throw .invalid("INVALID_CONTENT_TYPE", "Content-Type must be application/json.") }
        guard let json = try? JSON(parsing: request.body), json.object != nil else {
            throw .invalid("EXPECTED_JSON_BODY", "Expected the request body to be JSON.")
        }
        return SquareBody(json)
    }

    // MARK: Who asks

    func authenticate(_ request: HTTPRequest, at now: Timestamp) throws(SquareProblem) -> SquareAccess {
        guard let header = request.fields["Authorization"], header.hasPrefix("Bearer ") else { throw .unauthorised() }
        let token = String(header.dropFirst(7))
        if let owner = merchants.values.first(where: { "EAAASandbox" + $0.keyName == token }) { return SquareAccess(merchant: owner.id, scopes: nil) }
        if token.hasPrefix("revoked") { throw .unauthorised("ACCESS_TOKEN_REVOKED", "The access token has been revoked.") }
        guard let row = rows[Self.tokenID(token)], row.kind == .token, !row.inner.flag("refresh") else { throw .unauthorised() }
        if row.shown.flag("revoked") { throw .unauthorised("ACCESS_TOKEN_REVOKED", "The access token has been revoked.") }
        if row.shown.minor("expires") <= now.seconds { throw .unauthorised("ACCESS_TOKEN_EXPIRED", "The access token has expired.") }
        return SquareAccess(merchant: row.merchant, scopes: Set(row.shown.list("scopes").compactMap(\.string)))
    }

    static func tokenID(_ token: String) -> String { "token/" + Digest.sha256(Array(token.utf8)).hexText }

    /// What a token must be good for.
    /// - Source: developer.squareup.com/docs/oauth-api/square-permissions.
    static func scope(_ method: HTTPMethod, _ path: [String]) -> String? {
        let isRead = method == .get || ["search", "batch-retrieve", "calculate", "from-gan"].contains(path.last ?? "")
        let names = [
            "orders": "ORDERS", "payments": "PAYMENTS", "refunds": "PAYMENTS", "disputes": "DISPUTES", "customers": "CUSTOMERS", "catalog": "ITEMS",
            "gift-cards": "GIFTCARDS", "inventory": "INVENTORY", "invoices": "INVOICES",
        ]
        switch path.first ?? "" {
        case "payouts": return "PAYOUTS_READ"
        case "cash-drawers": return "CASH_DRAWER_READ"
        case "merchants", "locations": return "MERCHANT_PROFILE_READ"
        case let other: return names[other].map { $0 + (isRead ? "_READ" : "_WRITE") }
        }
    }

    // MARK: Idempotency

    /// The longest key of a call, and whether it must have one; `nil` where keys mean nothing.
    /// - Source: square/connect-api-specification.
    private static func keyRule(_ call: SquareCall) -> (most: Int, isNeeded: Bool)? {
        guard call.method == .post || call.method == .put else { return nil }
        switch (call.path.first ?? "", call.path.dropFirst().joined(separator: "/")) {
        case ("payments", "cancel"): return nil
        case ("payments", ""), ("refunds", ""): return (45, true)
        case ("payments", _) where call.method == .put: return (45, true)
        case ("orders", let rest) where !["search", "batch-retrieve", "calculate"].contains(rest): return (192, rest.hasSuffix("/pay"))
        case ("catalog", "object"): return (128, true)
        case ("gift-cards", ""), ("gift-cards", "activities"): return (128, true)
        case ("customers", ""): return (45, false)
        case ("webhooks", "subscriptions"): return (45, false)
        default: return nil
        }
    }

    /// Answers a known key from memory; remembers what became of a new one.
    private mutating func once(_ call: SquareCall) throws(SquareProblem) -> SquareAnswer {
        guard let rule = Self.keyRule(call) else { return SquareAnswer(body: try dispatch(call)) }
        let given = rule.isNeeded ? try call.body.need("idempotency_key", most: rule.most) : try call.body.text("idempotency_key", most: rule.most)
        guard let key = given, !key.isEmpty else { return SquareAnswer(body: try dispatch(call)) }
        let m = call.moment
        let place = "\(call.method.rawValue) \(call.path.joined(separator: "/"))"
        let id = "answer/\(m.merchant)/\(place)/\(key)"
        let digest = Digest.sha256(call.body.json.bytes).hexText
        if let kept = rows[id], kept.created.seconds + limits.keySeconds > m.at.seconds {
            guard kept.inner.text("digest") == digest else { throw .keyReused(key) }
            return SquareAnswer(status: Int(kept.inner.minor("status")), body: kept.shown)
        }
        let mark = rows.mark
        var answer: SquareAnswer
        do throws(SquareProblem) {
            answer = SquareAnswer(body: try dispatch(call))
        } catch {
            guard error.keepsChanges else {
                rows.rollback(to: mark)
                throw error
            }
            answer = error.answer
        }
        rows.remove(id)
        insert(.answer, id, answer.body, inner: .object([("digest", .string(digest)), ("status", .minor(Int64(answer.status)))]), m)
        return answer
    }

    // MARK: Running

    private mutating func dispatch(_ call: SquareCall) throws(SquareProblem) -> JSON {
        switch call.path[0] {
        case "orders": return try orders(call)
        case "payments": return try payments(call)
        case "refunds": return try refunds(call)
        case "payouts": return try payouts(call)
        case "disputes": return try disputes(call)
        case "customers": return try customers(call)
        case "catalog": return try catalog(call)
        case "merchants": return try merchants(call)
        case "locations": return try locations(call)
        case "gift-cards": return try giftCards(call)
        case "cash-drawers": return try drawers(call)
        case "webhooks": return try webhooks(call)
        case "events":
            guard call.moment.merchant == SquareSeed.hub else { throw .notForApplications }
            return try searchEvents(call)
        default: return try nothingThere(call)
        }
    }

    /// Lists of what the twin's merchants do not have: they keep no stock here and write no invoices.
    private func nothingThere(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let empty: Set<String> = [
            "GET invoices", "POST invoices/search", "POST inventory/counts/batch-retrieve", "POST inventory/changes/batch-retrieve",
            "POST team-members/search", "POST subscriptions/search", "GET bank-accounts", "GET cards",
        ]
        guard empty.contains("\(call.method.rawValue) \(call.path.joined(separator: "/"))") else { throw .notFound() }
        return .object([])
    }
}
