internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Events, and their way to the subscriptions.
/// - Source: developer.squareup.com/docs/webhooks; square/connect-api-specification.
extension SquareState {
    /// How long an event can be searched for.
    static let eventDays: Int64 = 28

    /// Writes an event, and a delivery for each subscription that wants it. Nothing is told of a merchant who has not authorised the application.
    mutating func emit(_ type: String, _ kind: String, _ id: String, _ object: JSON?, location: String? = nil, _ m: SquareMoment) {
        guard isConnected(m.merchant) || type == "oauth.authorization.revoked" else { return }
        let event = m.uuid()
        var data = SquareFields()
        data.text("type", kind)
        data.text("id", id)
        if type == "customer.deleted" { data.flag("deleted", true) }
        if let object { data.set("object", object) }
        var o = SquareFields()
        o.text("merchant_id", m.merchant)
        o.text("location_id", location)
        o.text("type", type)
        o.text("event_id", event)
        o.text("created_at", m.text)
        o.set("data", data.json)
        insert(.event, event, o.json, m)
        let wanted = rows.all(.subscription).filter { row in
            row.shown.flag("enabled") && row.shown.list("event_types").contains { $0.string == type }
        }
        // Due at once: the world may run on another clock than the wall's.
        for subscription in wanted {
            let inner: JSON = .object([("subscription", .string(subscription.id)), ("event", .string(event)), ("attempts", 0), ("due", 0)])
            insert(.delivery, "delivery/\(event)/\(subscription.id)", .object([]), inner: inner, m)
        }
    }

    mutating func emitOrder(_ type: String, _ order: JSON, _ m: SquareMoment) {
        let name = type == "order.created" ? "order_created" : "order_updated"
        var o = SquareFields()
        o.text("order_id", order.text("id"))
        o.copy(["version", "location_id", "state", "created_at"], of: order)
        if type == "order.updated" { o.copy(["updated_at"], of: order) }
        emit(type, name, order.text("id") ?? "", .object([(name, o.json)]), m)
    }

    mutating func emitPayment(_ type: String, _ id: String, _ m: SquareMoment) {
        let version = rows[id]?.inner.minor("version") ?? 0
        emit(type, "payment", id, .object([("payment", shown(id).setting("version", .minor(version)))]), m)
    }

    mutating func emitRefund(_ type: String, _ id: String, _ m: SquareMoment) {
        let version = rows[id]?.inner.minor("version") ?? 0
        emit(type, "refund", id, .object([("refund", shown(id).setting("version", .minor(version)))]), m)
    }

    mutating func emitPayout(_ type: String, _ id: String, _ m: SquareMoment) {
        emit(type, "payout", id, .object([("payout", shown(id))]), location: shown(id).text("location_id"), m)
    }

    mutating func emitDispute(_ type: String, _ id: String, _ m: SquareMoment) {
        emit(type, "dispute", id, .object([("dispute", shown(id))]), location: shown(id).text("location_id"), m)
    }

    mutating func emitCustomer(_ type: String, _ customer: JSON, _ m: SquareMoment) {
        emit(type, "customer", customer.text("id") ?? "", .object([("customer", customer)]), m)
    }

    mutating func emitGiftCard(_ type: String, _ id: String, _ m: SquareMoment) {
        emit(type, "gift_card", id, .object([("gift_card", shown(id))]), m)
    }

    mutating func emitActivity(_ id: String, _ m: SquareMoment) {
        emit("gift_card.activity.created", "gift_card_activity", id, .object([("gift_card_activity", shown(id))]), m)
    }

    mutating func emitCatalog(_ m: SquareMoment) {
        emit("catalog.version.updated", "catalog", "", .object([("catalog_version", .object([("updated_at", .string(m.text))]))]), m)
    }

    /// `POST /v2/events`: events of the last weeks, newest first.
    func searchEvents(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        guard call.method == .post, call.path.count == 1 else { throw .notFound() }
        let limit = try call.body.int("limit") ?? 100
        guard (1...100).contains(limit) else { throw .invalid("VALUE_TOO_HIGH", "`limit` must be from 1 to 100.", "limit") }
        let query = try call.body.object("query")
        let filter = try query?.object("filter")
        let types = try filter?.texts("event_types"), merchants = try filter?.texts("merchant_ids")
        let span = try SquareSpan(try filter?.object("created_at"))
        let oldest = m.at - .seconds(Self.eventDays * 86_400)
        let all = rows.all(.event).filter { row in
            row.created >= oldest && span.contains(row.created) && types?.contains(row.shown.text("type") ?? "") ?? true
                && merchants?.contains(row.merchant) ?? true
        }
        let ascending = try query?.object("sort")?.choice("order", of: ["ASC", "DESC"]) == "ASC"
        let found = all.map { SquareSorted(time: $0.created, row: $0) }
        return try page("events", call, found, ascending: ascending, limit: Int(limit), cursor: try call.body.text("cursor"))
    }

    // MARK: Deliveries

    private func waiting() -> [(row: SquareRow, due: Int64)] {
        rows.all(.delivery).filter { !underway.contains($0.id) }.map { ($0, $0.inner.minor("due")) }
    }

    func nextDelivery() -> Timestamp? { waiting().map(\.due).min().map { Timestamp(microseconds: $0) } }

    mutating func takeDeliveries(at now: Timestamp, most: Int) -> [DueWebhook] {
        let due = waiting().filter { $0.due <= now.microseconds }.sorted { ($0.due, $0.row.created) < ($1.due, $1.row.created) }
        var out: [DueWebhook] = []
        for (row, _) in due.prefix(most) {
            guard let request = webhook(row, at: now) else { continue }
            if row.inner["began"] == nil { changeInner(row.id, "began", .minor(now.microseconds)) }
            underway.insert(row.id)
            out.append(DueWebhook(id: row.id, request: request))
        }
        return out
    }

    private func webhook(_ delivery: SquareRow, at now: Timestamp) -> HTTPRequest? {
        guard let subscription = rows[delivery.inner.text("subscription") ?? ""], let event = rows[delivery.inner.text("event") ?? ""],
            let url = subscription.shown.text("notification_url"), let key = subscription.inner.text("key")
        else { return nil }
        let body = event.shown.bytes
        let began = delivery.inner["began"]?.int.map { Timestamp(microseconds: Int64($0)) } ?? now
        var fields: HTTPFields = [
            "Content-Type": "application/json", "User-Agent": "Square Connect v2", "square-environment": "Production",
            "x-square-hmacsha256-signature": SquareSignature.header(body, url: url, key: key), "square-subscription-id": subscription.id,
            "square-initial-delivery-timestamp": SquareTime.text(began),
        ]
        let attempts = delivery.inner.minor("attempts")
        if attempts > 0 {
            fields["square-retry-number"] = "\(attempts)"
            fields["square-retry-reason"] = delivery.inner.text("reason")
        }
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    /// 2xx is an acknowledgement and nothing else is.
    mutating func settleDelivery(_ id: String, status: Int?, at now: Timestamp) {
        underway.remove(id)
        guard var row = rows[id] else { return }
        if let status, (200..<300).contains(status) {
            rows.remove(id)
            return
        }
        let attempts = Int(row.inner.minor("attempts")) + 1
        guard let wait = retries.wait(after: attempts) else {
            rows.remove(id)
            return
        }
        row.inner = row.inner.setting([
            ("attempts", .minor(Int64(attempts))), ("due", .minor((now + wait).microseconds)),
            ("reason", .string(status == nil ? "http_timeout" : "http_error")),
        ])
        rows.put(row)
    }
}

/// - Source: squareup 46.0.0, `utils/webhooks_helper`; developer.squareup.com/docs/webhooks/step3validate.
enum SquareSignature {
    /// The base64 of HMAC-SHA256 over the URL as it was registered and the body, keyed with the whole key as text.
    static func header(_ body: [UInt8], url: String, key: String) -> String {
        Base64.encode(HMAC.sha256(key: Array(key.utf8), Array(url.utf8) + body))
    }
}
