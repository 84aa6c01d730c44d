internal import Crypto
public import Kernel
public import TwinKit
public import Wire

/// Shopify's twin: two shops, read by GraphQL and REST. `/{shop}/…` below its prefix stands for
/// `https://{shop}.myshopify.com/…`. Orders come from the day that is played (`DayPlayer`), tokens from its own
/// journal.
/// - Source: Shopify Admin API 2026-10 (GraphQL and REST), its rate limits and its error bodies.
public final class ShopifyTwin: Twin {
    public let prefix = "/shopify"

    static let version = "2026-10"
    static let versions = ["2026-01", "2026-04", "2026-07", "2026-10", "unstable"]

    struct State: Sendable {
        var stores: [String: ShopStore]
        var tokens: [String: ShopTokens] = [:]
        var graph: [String: LeakyBucket] = [:]
        var rest: [String: LeakyBucket] = [:]
        var requests = 0
        /// By shop and order.
        var metafields: [String: [Int64: [ShopMetafield]]] = [:]
    }

    let state: Locked<State>
    let journal: TwinJournal
    /// Held by who sets metafields.
    let metafieldTurn = Locked(())

    /// - Throws: `journal_damaged`, `journal_unusable`, `unknown_time_zone`.
    public init(journal: TwinJournal) throws(Fault) {
        var initial = State(stores: [:])
        for shop in try Self.shops() {
            initial.stores[shop.name] = ShopStore(shop: shop)
            initial.tokens[shop.name] = ShopTokens()
            // Source: the limits of the Standard plan.
            initial.graph[shop.name] = LeakyBucket(capacity: 2000, restorePerSecond: 100)
            initial.rest[shop.name] = LeakyBucket(capacity: 40, restorePerSecond: 2)
        }
        try journal.replay { record in initial.replay(record) }
        state = Locked(initial)
        self.journal = journal
    }

    /// The two shops of the sandbox.
    static func shops() throws(Fault) -> [Shop] {
        [
            Shop(
                name: "prairie-goods", id: 954_889, currency: "USD", zone: try Zone.named("America/Chicago"),
                taxesIncluded: false),
            Shop(
                name: "thames-pottery", id: 954_890, currency: "GBP", zone: try Zone.named("Europe/London"),
                taxesIncluded: true),
        ]
    }

    func shop(_ name: String) -> Shop? { state.with { $0.stores[name]?.shop } }

    /// Lets something happen in a shop.
    func apply(_ event: ShopEvent) -> [ShopWebhook] { state.with { $0.stores[event.shop]?.apply(event) ?? [] } }

    /// The order as it stands now.
    func order(_ id: Int64, of shop: String) -> ShopOrder? { state.with { $0.stores[shop]?.orders[id] } }

    // MARK: Answering

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard let name = parts.first, let shop = shop(name), parts.count > 1 else {
            return .json(404, .object([("errors", "Not Found")]))
        }
        var response = route(request, shop: shop, path: Array(parts.dropFirst()), at: now)
        let number = state.with { state in
            state.requests += 1
            return state.requests
        }
        response.fields["X-Request-Id"] = stableUUID("\(name)/\(number)/\(now)")
        return response
    }

    private func route(_ request: HTTPRequest, shop: Shop, path: [String], at now: Timestamp) -> HTTPResponse {
        if path.starts(with: ["admin", "oauth"]) {
            return oauth(request, shop: shop, step: path.dropFirst(2).first ?? "", at: now)
        }
        guard path.count >= 4, path[0] == "admin", path[1] == "api" else {
            return .json(404, .object([("errors", "Not Found")]))
        }
        let served = Self.versions.contains(path[2]) ? path[2] : Self.versions[0]
        var response: HTTPResponse
        if !opens(shop, request.fields["X-Shopify-Access-Token"], at: now) {
            response = .json(
                401,
                .object([("errors", "[API] Invalid API key or access token (unrecognized login or wrong password)")]))
        } else if path[3...] == ["graphql.json"] {
            let token = request.fields["X-Shopify-Access-Token"] ?? ""
            response = graph(request, shop: shop, writes: writes(shop, token), at: now)
        } else {
            response = rest(request, shop: shop, version: path[2], resource: Array(path[3...]), at: now)
        }
        response.fields["X-Shopify-API-Version"] = served
        return response
    }

    private func opens(_ shop: Shop, _ token: String?, at now: Timestamp) -> Bool {
        guard let token else { return false }
        return constantTimeEquals(Array(token.utf8), Array(shop.token.utf8))
            || state.with { $0.tokens[shop.name]?.opens(token, at: now) ?? false }
    }

    /// A custom app's token may all that its owner gave it; others what was asked for when the app was installed.
    private func writes(_ shop: Shop, _ token: String) -> Bool {
        token == shop.token || state.with { $0.tokens[shop.name]?.scopes(of: token).contains("write_orders") ?? false }
    }

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        let text = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
        var response = HTTPResponse.json(429, .object([("errors", .string(text))]))
        if let retryAfterSeconds { response.fields["Retry-After"] = "\(retryAfterSeconds).0" }
        return response
    }

    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        var revoked = request
        revoked.fields["X-Shopify-Access-Token"] = "shpat_revoked"
        return revoked
    }

    // MARK: OAuth

    private func oauth(_ request: HTTPRequest, shop: Shop, step: String, at now: Timestamp) -> HTTPResponse {
        switch (request.method, step) {
        case (.get, "authorize"), (.post, "authorize"): authorise(request, shop: shop, at: now)
        case (.post, "access_token"): token(request, shop: shop, at: now)
        default: .json(404, .object([("errors", "Not Found")]))
        }
    }

    /// The merchant installs the app: back to it with a code and Shopify's signature over the query. Whoever does not is sent nowhere.
    private func authorise(_ request: HTTPRequest, shop: Shop, at now: Timestamp) -> HTTPResponse {
        guard let redirect = request.query("redirect_uri"), let state = request.query("state") else {
            return .text(400, "Oauth error invalid_request: The redirect_uri is missing or not whitelisted")
        }
        let scopes = (request.query("scope") ?? "").split(separator: ",").map(String.init)
        let page = TwinConsent(platform: "Shopify", scopes: scopes, choices: [(shop.domain, shop.domain)], what: "Store", agree: "Install")
        guard request.method == .post else { return page.page }
        switch page.decision(request) {
        case .allowed?: break
        case .denied?: return .text(200, "The app was not installed.")
        case nil: return .text(400, "The form says neither yes nor no.")
        }
        let record = self.state.with { $0.tokens[shop.name]?.newCode(shop: shop.name, scopes: scopes) ?? .null }
        guard let code = record["code"]?.string, keep(record, of: shop) else { return unavailable() }
        let pairs: [(name: String, value: String)] = [
            ("code", code), ("host", Base64.encode(Array("admin.shopify.com/store/\(shop.name)".utf8))),
            ("shop", shop.domain), ("state", state), ("timestamp", String(now.seconds)),
        ]
        let signature = Self.callbackSignature(pairs, secret: shop.secret)
        let query = Form.encode(pairs + [(name: "hmac", value: signature)])
        return HTTPResponse(302, fields: ["Location": redirect + (redirect.contains("?") ? "&" : "?") + query])
    }

    /// The `hmac` of a callback: the pairs in order of their names, joined by `&`; lower-case hexadecimal.
    static func callbackSignature(_ pairs: [(name: String, value: String)], secret: String) -> String {
        let signed = pairs.sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return HMAC.sha256(key: Array(secret.utf8), Array(signed.utf8)).hexText
    }

    private func token(_ request: HTTPRequest, shop: Shop, at now: Timestamp) -> HTTPResponse {
        var values: [String: String] = [:]
        if let body = try? JSON(parsing: request.body), let members = body.object {
            for (key, value) in members { values[key] = value.string ?? value.int.map { String($0) } ?? "" }
        } else {
            for (name, value) in Form.decode(String(decoding: request.body, as: UTF8.self)) { values[name] = value }
        }
        func refuse(_ error: String, _ text: String) -> HTTPResponse {
            .json(400, .object([("error", .string(error)), ("error_description", .string(text))]))
        }
        guard values["client_secret"] == shop.secret else {
            return refuse("application_cannot_be_found", "The client_id or client_secret is not known.")
        }
        let refreshing = values["grant_type"] == "refresh_token"
        let record = state.with { state in
            state.tokens[shop.name]?.newTokens(
                shop: shop.name, code: refreshing ? nil : values["code"] ?? "",
                refreshToken: refreshing ? values["refresh_token"] ?? "" : nil,
                expiring: values["expiring"] == "1", at: now)
        }
        guard let record else {
            return refreshing
                ? refuse("invalid_grant", "The refresh token is invalid or has expired.")
                : refuse("invalid_request", "The authorization code was not found or was already used")
        }
        guard keep(record, of: shop) else { return unavailable() }
        let more = state.with { $0.tokens[shop.name]?.scopes(of: record["access"]?.string ?? "") ?? [] }.filter { $0 == "write_orders" }
        var members: [(key: String, value: JSON)] = [
            ("access_token", record["access"] ?? .null),
            ("scope", .string((["read_orders", "read_all_orders", "read_products", "read_returns"] + more).joined(separator: ","))),
        ]
        if let refresh = record["refresh"] {
            members.append(("expires_in", .number(String(ShopTokens.accessSeconds))))
            members.append(("refresh_token", refresh))
            members.append(("refresh_token_expires_in", .number(String(ShopTokens.refreshSeconds))))
        }
        return .json(200, .object(members))
    }

    /// Journals, then applies; false when the disk refuses.
    func keep(_ record: JSON, of shop: Shop) -> Bool {
        guard (try? journal.append([record])) != nil else { return false }
        state.with { $0.replay(record) }
        return true
    }
}
