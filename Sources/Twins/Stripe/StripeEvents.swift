internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Events, and their way to the webhook endpoints.
extension StripeState {
    /// How long an event can be read.
    /// - Source: docs.stripe.com/api/events: 30 days.
    static let eventDays: Int64 = 30

    /// Writes an event with a snapshot of the object, and a delivery for each endpoint that wants it.
    mutating func emit(_ type: String, _ object: JSON, previous: JSON? = nil, _ m: StripeMoment) {
        let endpoints = listeners(type, m.scope)
        let id = m.id("evt")
        var data = StripeFields()
        data.set("object", object)
        if let previous { data.set("previous_attributes", previous) }
        var o = StripeFields(.event, id)
        o.text("api_version", StripeSeed.version)
        o.int("created", m.seconds)
        o.set("data", data.json)
        o.flag("livemode", m.scope.isLive)
        o.int("pending_webhooks", Int64(endpoints.count))
        o.set("request", .object([("id", .optional(m.requestID)), ("idempotency_key", .optional(m.key))]))
        o.text("type", type)
        insert(.event, id, o.json, m)
        // Due at once: the world may run on another clock than the wall's.
        for endpoint in endpoints {
            let inner: JSON = .object([("endpoint", .string(endpoint.id)), ("event", .string(id)), ("attempts", 0), ("due", 0)])
            insert(.delivery, "delivery/\(id)/\(endpoint.id)", .object([]), inner: inner, m)
        }
    }

    /// Endpoints of the account itself, and those of the platform that listen to connected accounts.
    private func listeners(_ type: String, _ scope: StripeScope) -> [StripeRow] {
        let own = rows.all(.webhookEndpoint, in: scope).filter { !$0.inner.flag("connect") }
        let hub = StripeScope(account: StripeSeed.platform, isLive: scope.isLive)
        let listens = scope != hub && (isConnected(scope.account) || type == "account.application.deauthorized")
        let connect = listens ? rows.all(.webhookEndpoint, in: hub).filter { $0.inner.flag("connect") } : []
        return (own + connect).filter { row in
            guard row.shown.text("status") == "enabled" else { return false }
            return (row.shown["enabled_events"]?.array ?? []).contains { $0.string == "*" || $0.string == type }
        }
    }

    func events(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        let oldest = m.seconds - Self.eventDays * Self.day
        switch (call.method, call.path.count) {
        case (.get, 1):
            let types = try call.params.list("types")
            var inner = call
            // Whether all endpoints have taken an event is in `pending_webhooks`.
            let taken = try call.params.flag("delivery_success")
            inner.params = call.params.without("types").without("delivery_success")
            guard types == nil || !call.params.has("type") else { throw .invalid("types", "You may pass either `type` or `types`, but not both.") }
            guard (types?.count ?? 0) <= 20 else { throw .invalid("types", "You can only specify up to 20 types.") }
            return try page(.event, inner, filters: ["type": "type"]) { row in
                guard row.created >= oldest, taken.map({ $0 == (row.shown.minor("pending_webhooks") == 0) }) ?? true else { return false }
                return types?.contains(row.shown.text("type") ?? "") ?? true
            }
        case (.get, 2):
            let row = try find(.event, call.id, m)
            guard row.created >= oldest else { throw .noSuch(.event, call.id, param: "id", isReference: false) }
            return row.shown
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    // MARK: Deliveries

    private func waiting() -> [(row: StripeRow, due: Int64)] {
        rows.all(.delivery).filter { !underway.contains($0.id) }.map { ($0, $0.inner.minor("due")) }
    }

    func nextDelivery() -> Timestamp? { waiting().map(\.due).min().map { Timestamp(microseconds: $0) } }

    mutating func takeDeliveries(at now: Timestamp, most: Int) -> [DueWebhook] {
        let due = waiting().filter { $0.due <= now.microseconds }.sorted { ($0.due, $0.row.created) < ($1.due, $1.row.created) }
        var out: [DueWebhook] = []
        for (row, _) in due.prefix(most) {
            guard let request = webhook(row, at: now) else { continue }
            underway.insert(row.id)
            out.append(DueWebhook(id: row.id, request: request))
        }
        return out
    }

    private func webhook(_ delivery: StripeRow, at now: Timestamp) -> HTTPRequest? {
        guard let endpoint = rows[delivery.inner.text("endpoint") ?? ""], let event = rows[delivery.inner.text("event") ?? ""],
            let url = endpoint.shown.text("url"), let secret = endpoint.inner.text("secret")
        else { return nil }
        var body = event.shown
        if let version = endpoint.shown.text("api_version") { body = body.setting("api_version", .string(version)) }
        if endpoint.inner.flag("connect") { body = body.setting("account", .string(event.scope.account)) }
        let bytes = body.bytes
        var secrets = [secret]
        if let old = endpoint.inner.text("old_secret"), endpoint.inner.minor("old_until") > now.seconds { secrets.append(old) }
        let signature = StripeSignature.header(bytes, secrets: secrets, at: now.seconds, isLive: event.scope.isLive)
        let fields: HTTPFields = [
            "Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml",
            "Cache-Control": "no-cache", "Stripe-Signature": signature,
        ]
        return HTTPRequest(.post, url, fields: fields, body: bytes)
    }

    /// 2xx is an acknowledgement and nothing else is, redirects neither.
    mutating func settleDelivery(_ id: String, status: Int?, at now: Timestamp) {
        underway.remove(id)
        guard var row = rows[id] else { return }
        if let status, (200..<300).contains(status) {
            rows.remove(id)
            if let event = rows[row.inner.text("event") ?? ""] {
                change(event.id, [("pending_webhooks", .minor(max(0, event.shown.minor("pending_webhooks") - 1)))])
            }
            return
        }
        let attempts = Int(row.inner.minor("attempts")) + 1
        guard let wait = retries.wait(after: attempts, isLive: row.scope.isLive) else {
            rows.remove(id)
            return
        }
        row.inner = row.inner.setting([("attempts", .minor(Int64(attempts))), ("due", .minor((now + wait).microseconds))])
        rows.put(row)
    }
}

/// - Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".
enum StripeSignature {
    /// `t=1794734466,v1=<hex>`: one `v1` for each secret that is good, and in test mode a `v0` that means nothing.
    static func header(_ body: [UInt8], secrets: [String], at second: Int64, isLive: Bool) -> String {
        let real = secrets.map { "v1=" + digest(body, secret: $0, at: second) }
        let fake = isLive ? [] : ["v0=" + digest(body, secret: "v0", at: second)]
        return (["t=\(second)"] + real + fake).joined(separator: ",")
    }

    /// HMAC-SHA256 over time, a full stop and the body, keyed with the whole secret as text.
    private static func digest(_ body: [UInt8], secret: String, at second: Int64) -> String {
        HMAC.sha256(key: Array(secret.utf8), Array("\(second).".utf8) + body).hexText
    }
}

/// The places that webhooks are sent to.
extension StripeState {
    /// - Source: docs.stripe.com/webhooks: 16 endpoints in each mode.
    static let endpointsMost = 16

    mutating func webhookEndpoints(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1): return try page(.webhookEndpoint, call)
        case (.get, 2): return try find(.webhookEndpoint, call.id, m).shown
        case (.post, 1): return try createEndpoint(call)
        case (.post, 2): return try updateEndpoint(call)
        case (.delete, 2):
            let id = try find(.webhookEndpoint, call.id, m).id
            for delivery in rows.all(.delivery) where delivery.inner.text("endpoint") == id { rows.remove(delivery.id) }
            rows.remove(id)
            return .object([("id", .string(id)), ("object", "webhook_endpoint"), ("deleted", true)])
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    private mutating func createEndpoint(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(["url", "enabled_events", "api_version", "connect", "description", "metadata"])
        let m = call.moment
        let url = try Self.url(try call.params.need("url"), m)
        let events = try Self.enabled(call.params) ?? []
        guard !events.isEmpty else { throw .missing("enabled_events") }
        guard rows.all(.webhookEndpoint, in: m.scope).count < Self.endpointsMost else {
            throw StripeProblem(400, nil, "You have reached the maximum of \(Self.endpointsMost) \(m.scope.isLive ? "live" : "test") webhook endpoints.")
        }
        let secret = "whsec_" + StripeMoment.letters(m.random, 32)
        let id = m.id("we")
        var o = StripeFields(.webhookEndpoint, id)
        o.text("api_version", try call.params.text("api_version"))
        o.nulls("application")
        o.int("created", m.seconds)
        o.text("description", try call.params.text("description"))
        o.set("enabled_events", .array(events.map(JSON.string)))
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", try call.params.metadata())
        o.text("status", "enabled")
        o.text("url", url)
        let connect = try call.params.flag("connect") ?? false
        insert(.webhookEndpoint, id, o.json, inner: .object([("secret", .string(secret)), ("connect", .bool(connect))]), m)
        return o.json.setting("secret", .string(secret))
    }

    /// As somebody does in the vendor's dashboard: a new secret, beside which the old one is good for a while yet.
    mutating func rollSecret(_ id: String, overlapSeconds: Int64, _ m: StripeMoment) -> String {
        let secret = "whsec_" + StripeMoment.letters(m.random, 32)
        changeInner(id, "old_secret", rows[id]?.inner["secret"] ?? .null)
        changeInner(id, "old_until", .minor(m.seconds + overlapSeconds))
        changeInner(id, "secret", .string(secret))
        return secret
    }

    private mutating func updateEndpoint(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(["url", "enabled_events", "disabled", "description", "metadata"])
        let row = try find(.webhookEndpoint, call.id, call.moment)
        var changes: [(String, JSON)] = []
        if let url = try call.params.text("url") { changes.append(("url", .string(try Self.url(url, call.moment)))) }
        if let events = try Self.enabled(call.params) { changes.append(("enabled_events", .array(events.map(JSON.string)))) }
        if let disabled = try call.params.flag("disabled") { changes.append(("status", disabled ? "disabled" : "enabled")) }
        if call.params.has("description") { changes.append(("description", .optional(try call.params.text("description")))) }
        if call.params.has("metadata") { changes.append(("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))) }
        return change(row.id, changes)
    }

    /// Live mode wants TLS, but for this machine itself: that is where a rehearsal's intake is.
    private static func url(_ text: String, _ m: StripeMoment) throws(StripeProblem) -> String {
        guard let host = NetworkWebhookSender.host(of: text) else {
            throw .invalid("url", "Invalid URL: An explicit scheme (such as https) must be provided.", code: "url_invalid")
        }
        let isHere = host.hasPrefix("127.") || host.hasPrefix("localhost:") || host.hasPrefix("[::1]")
        guard text.hasPrefix("https://") || !m.scope.isLive || isHere else {
            throw .invalid("url", "Invalid URL: URL must begin with https.", code: "url_invalid")
        }
        return text
    }

    private static func enabled(_ params: StripeParams) throws(StripeProblem) -> [String]? {
        guard let events = try params.list("enabled_events") else { return nil }
        for (n, event) in events.enumerated() {
            let isWritten = event.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 46 }
            guard event == "*" || (isWritten && event.contains(".")) else {
                throw .invalid("enabled_events[\(n)]", "Invalid enabled_events[\(n)]: \(event) is not an event type.")
            }
        }
        return events
    }
}
