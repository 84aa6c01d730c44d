internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Webhook subscriptions: of the application, for all merchants that have authorised it.
/// - Source: square/connect-api-specification, `WebhookSubscription`; developer.squareup.com/docs/webhooks/webhook-subscriptions-api.
extension SquareState {
    static let subscriptionsMost = 100

    static let eventTypes: [String] = [
        "catalog.version.updated", "customer.created", "customer.deleted", "customer.updated", "dispute.created", "dispute.state.updated",
        "gift_card.activity.created", "gift_card.created", "gift_card.updated", "inventory.count.updated", "invoice.canceled", "invoice.created",
        "invoice.payment_made", "invoice.published", "invoice.refunded", "invoice.updated", "location.created", "location.updated",
        "oauth.authorization.revoked", "order.created", "order.fulfillment.updated", "order.updated", "payment.created", "payment.updated",
        "payout.failed", "payout.paid", "payout.sent", "refund.created", "refund.updated",
    ]

    mutating func webhooks(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        guard m.merchant == SquareSeed.hub else { throw .notForApplications }
        if call.method == .get, call.path == ["webhooks", "event-types"] {
            return .object([("event_types", .array(Self.eventTypes.map(JSON.string)))])
        }
        guard call.path.count >= 2, call.path[1] == "subscriptions" else { throw .notFound() }
        switch (call.method, call.path.count, call.path.count > 3 ? call.path[3] : "") {
        case (.get, 2, _):
            let all = call.parameter("include_disabled") == "true"
            let found = sorted(.subscription, m) { all || $0.shown.flag("enabled") }
            let ascending = try call.ascending(otherwise: true)
            return try page("subscriptions", call, found, ascending: ascending, limit: try call.limit(100, most: 100), cursor: call.cursor)
        case (.post, 2, _): return .object([("subscription", try subscribe(call))])
        case (.get, 3, _): return .object([("subscription", try subscription(call).shown)])
        case (.put, 3, _): return .object([("subscription", try changeSubscription(call))])
        case (.delete, 3, _):
            let id = try subscription(call).id
            for delivery in rows.all(.delivery) where delivery.inner.text("subscription") == id { rows.remove(delivery.id) }
            rows.remove(id)
            return .object([])
        case (.post, 4, "signature-key"):
            let key = Self.key(m)
            changeInner(try subscription(call).id, "key", .string(key))
            return .object([("signature_key", .string(key))])
        case (.post, 4, "test"): return .object([("subscription_test_result", try test(call))])
        default: throw .notFound()
        }
    }

    private func subscription(_ call: SquareCall) throws(SquareProblem) -> SquareRow {
        guard let row = find(.subscription, call.path[2], call.moment) else {
            throw .notFound("Webhook subscription with ID \(call.path[2]) not found.", "subscription_id")
        }
        return row
    }

    private static func key(_ m: SquareMoment) -> String { SquareMoment.letters(m.random, 22) }

    private static func address(_ body: SquareBody) throws(SquareProblem) -> String? {
        guard let url = try body.text("notification_url") else { return nil }
        guard let host = NetworkWebhookSender.host(of: url) else { throw .value("The notification URL is not valid.", body.at("notification_url")) }
        // TLS is wanted, but for this machine itself: that is where a rehearsal's intake is.
        let isHere = host.hasPrefix("127.") || host.hasPrefix("localhost:") || host.hasPrefix("[::1]")
        guard url.hasPrefix("https://") || isHere else { throw .value("The notification URL must use HTTPS.", body.at("notification_url")) }
        return url
    }

    private static func types(_ body: SquareBody) throws(SquareProblem) -> JSON? {
        guard let types = try body.texts("event_types") else { return nil }
        for type in types where !eventTypes.contains(type) { throw .value("`\(type)` is not a valid event type.", body.at("event_types")) }
        return .array(types.map(JSON.string))
    }

    private mutating func subscribe(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let body = try call.body.needObject("subscription")
        guard let url = try Self.address(body) else { throw .missing(body.at("notification_url")) }
        guard let types = try Self.types(body), types.array?.isEmpty == false else { throw .missing(body.at("event_types")) }
        guard rows.all(.subscription, of: m.merchant).count < Self.subscriptionsMost else { throw .bad("There are too many subscriptions.") }
        let id = "wbhk_" + m.hex(32), key = Self.key(m)
        var o = SquareFields()
        o.text("id", id)
        o.text("name", try body.need("name", most: 64))
        o.flag("enabled", try body.flag("enabled") ?? true)
        o.set("event_types", types)
        o.text("notification_url", url)
        o.text("api_version", try body.text("api_version") ?? SquareSeed.version)
        o.text("signature_key", key)
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        insert(.subscription, id, o.json.without("signature_key"), inner: .object([("key", .string(key))]), m)
        return o.json
    }

    private mutating func changeSubscription(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let row = try subscription(call)
        let body = try call.body.needObject("subscription")
        var changes: [(String, JSON)] = [("updated_at", .string(call.moment.text))]
        if let name = try body.text("name", most: 64) { changes.append(("name", .string(name))) }
        if let enabled = try body.flag("enabled") { changes.append(("enabled", .bool(enabled))) }
        if let url = try Self.address(body) { changes.append(("notification_url", .string(url))) }
        if let types = try Self.types(body) { changes.append(("event_types", types)) }
        return change(row.id, changes)
    }

    /// Sends an event without anything behind it.
    private mutating func test(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let row = try subscription(call)
        let type = try call.body.text("event_type") ?? row.shown.list("event_types").first?.string ?? ""
        guard row.shown.list("event_types").contains(where: { $0.string == type }) else { throw .value("The subscription has no such event.", "event_type") }
        let event = m.uuid()
        let body: JSON = .object([
            ("merchant_id", .string(m.merchant)), ("type", .string(type)), ("event_id", .string(event)), ("created_at", .string(m.text)),
            ("data", .object([("type", "test"), ("id", .string(m.id())), ("object", .object([]))])),
        ])
        insert(.event, event, body, m)
        let inner: JSON = .object([("subscription", .string(row.id)), ("event", .string(event)), ("attempts", 0), ("due", 0)])
        insert(.delivery, "delivery/\(event)/\(row.id)", .object([]), inner: inner, m)
        return .object([
            ("id", .string(event)), ("status_code", 200), ("payload", .string(body.bodyText)), ("created_at", .string(m.text)),
            ("updated_at", .string(m.text)),
        ])
    }
}
