internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// The places that webhooks are sent to.
/// - Source: woocommerce `WC_REST_Webhooks_Controller`, `class-wc-webhook.php`.
extension WooState {
    static let topics: [String] = ["order", "product", "customer", "coupon"].flatMap { resource in
        ["created", "updated", "deleted", "restored"].map { "\(resource).\($0)" }
    }.filter { $0 != "customer.restored" }

    static func isTopic(_ topic: String) -> Bool {
        if topic.hasPrefix("action.") {
            let hook = topic.dropFirst(7)
            return !hook.isEmpty && hook.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
        }
        return topics.contains(topic)
    }

    mutating func webhooks(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1):
            let filter = try WooFilter(call.args, zone(m.shop), by: ["date", "id", "title"])
            let status = try call.args.choice("status", of: ["all", "active", "paused", "disabled"]) ?? "all"
            let found = rows.all(.webhook, in: m.shop).filter { filter.admits($0) && (status == "all" || $0.shown.text("status") == status) }
            return try WooPage(call.args).answer(filter.sorted(found) { $0.shown.text("name") ?? "" }, call) { shown(webhook: $0, m) }
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(webhook: try webhook(try call.number(1), m), m))
        case (.post, 1): return try createWebhook(call)
        case (.post, 2), (.put, 2), (.patch, 2): return try updateWebhook(call)
        case (.delete, 2):
            guard try call.args.flag("force") ?? false else { throw .noTrash("Webhooks") }
            let row = try webhook(try call.number(1), m)
            for delivery in rows.all(.delivery, in: m.shop) where delivery.shown.whole("webhook") == row.number { rows.remove(delivery) }
            rows.remove(row)
            return WooAnswer(body: shown(webhook: row, m))
        default: throw .noRoute
        }
    }

    private func webhook(_ id: Int, _ m: WooMoment) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .webhook, id] else { throw .invalidID("shop_webhook") }
        return row
    }

    private mutating func createWebhook(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let missing = ["topic", "delivery_url"].filter { call.args.given($0) == nil }
        guard missing.isEmpty else { throw .missing(missing) }
        let topic = try Self.topic(call.args) ?? ""
        let url = try Self.url(call.args) ?? ""
        let status = try call.args.choice("status", of: ["active", "paused", "disabled"]) ?? "active"
        let id = next("webhook", m)
        let name = try call.args.text("name") ?? ""
        let given = try call.args.text("secret") ?? ""
        let shown: JSON = .object([
            ("id", .whole(id)), ("name", .string(name.isEmpty ? "Webhook created on \(WooDate.spoken(m.seconds, zone(m.shop)))" : name)),
            ("status", .string(status)), ("topic", .string(topic)), ("delivery_url", .string(url)),
        ])
        let secret = given.isEmpty ? m.letters(50) : given
        insert(.webhook, "\(id)", shown, inner: .object([("secret", .string(secret)), ("failures", 0), ("home", .string(m.home))]), m)
        ping(id, m)
        return .made(self.shown(webhook: try webhook(id, m), m), at: m.rest + "webhooks/\(id)")
    }

    private mutating func updateWebhook(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let row = try webhook(try call.number(1), m)
        var shown = row.shown
        if let topic = try Self.topic(call.args) { shown = shown.setting("topic", .string(topic)) }
        if let url = try Self.url(call.args) { shown = shown.setting("delivery_url", .string(url)) }
        if let name = try call.args.text("name"), !name.isEmpty { shown = shown.setting("name", .string(name)) }
        if let status = try call.args.choice("status", of: ["active", "paused", "disabled"]) { shown = shown.setting("status", .string(status)) }
        var inner = row.inner.setting("home", .string(m.home))
        if let secret = try call.args.text("secret"), !secret.isEmpty { inner = inner.setting("secret", .string(secret)) }
        change(row, shown, inner: inner, m)
        let isActive = shown.text("status") == "active"
        if isActive, row.shown.text("status") != "active" || row.shown.text("delivery_url") != shown.text("delivery_url") { ping(row.number, m) }
        return WooAnswer(body: self.shown(webhook: try webhook(row.number, m), m))
    }

    private static func topic(_ args: WooArgs) throws(WooProblem) -> String? {
        guard let topic = (try args.text("topic"))?.lowercased() else { return nil }
        guard isTopic(topic) else {
            throw WooProblem(400, "woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic must be valid.")
        }
        return topic
    }

    private static func url(_ args: WooArgs) throws(WooProblem) -> String? {
        guard let url = try args.text("delivery_url") else { return nil }
        guard NetworkWebhookSender.host(of: url) != nil else {
            throw WooProblem(
                400, "woocommerce_rest_shop_webhook_invalid_delivery_url",
                "Webhook delivery URL must be a valid URL starting with http:// or https://.")
        }
        return url
    }

    /// Never its secret.
    private func shown(webhook row: WooRow, _ m: WooMoment) -> JSON {
        let topic = row.shown.text("topic") ?? ""
        let parts = topic.split(separator: ".", maxSplits: 1).map(String.init)
        var o = WooFields()
        o.copy(["id", "name", "status", "topic"], from: row.shown)
        o.text("resource", parts.first)
        o.text("event", parts.last)
        o.set("hooks", .array(Self.hooks(topic).map(JSON.string)))
        o.copy(["delivery_url"], from: row.shown)
        o.date("date_created", row.created, zone(m.shop))
        o.date("date_modified", row.modified, zone(m.shop))
        o.set("_links", m.links([("self", "webhooks/\(row.id)"), ("collection", "webhooks")]))
        return o.json
    }

    private static func hooks(_ topic: String) -> [String] {
        switch topic {
        case "order.created": ["woocommerce_new_order"]
        case "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"]
        case "order.deleted": ["wp_trash_post", "woocommerce_trash_order"]
        case "order.restored": ["untrashed_post", "woocommerce_untrash_order"]
        case let topic where topic.hasPrefix("action."): [String(topic.dropFirst(7))]
        default: ["woocommerce_" + topic.split(separator: ".").reversed().joined(separator: "_")]
        }
    }
}

/// What is sent, and when no more.
extension WooState {
    /// Something happened to a resource. A request tells each webhook of it once, and what still waits to be sent is not told twice: it will show the
    /// resource as it is then.
    /// - Source: woocommerce `WC_Webhook::process`, `wc_webhook_process_delivery`.
    mutating func tell(_ topic: String, _ id: Int, _ m: WooMoment) {
        for webhook in rows.all(.webhook, in: m.shop) where webhook.shown.text("topic") == topic && webhook.shown.text("status") == "active" {
            guard told.insert("\(m.shop)/\(webhook.id)/\(id)").inserted else { continue }
            let waits = rows.all(.delivery, in: m.shop).contains {
                $0.shown.whole("webhook") == webhook.number && $0.shown.whole("arg") == id && $0.shown.text("topic") == topic && !underway.contains($0.key)
            }
            guard !waits else { continue }
            queue([("webhook", .whole(webhook.number)), ("topic", .string(topic)), ("arg", .whole(id))], m)
        }
    }

    mutating func ping(_ webhook: Int, _ m: WooMoment) { queue([("webhook", .whole(webhook)), ("topic", "ping"), ("arg", 0)], m) }

    mutating func queue(_ members: [(key: String, value: JSON)], _ m: WooMoment) {
        insert(.delivery, "\(next("delivery", m))", .object(members), m)
    }

    private func waiting() -> [WooRow] { shops.keys.sorted().flatMap { rows.all(.delivery, in: $0) }.filter { !underway.contains($0.key) } }

    /// Due at once: the world may run on another clock than the wall's.
    func nextDelivery() -> Timestamp? { waiting().isEmpty ? nil : Timestamp(seconds: 0) }

    mutating func takeDeliveries(at now: Timestamp, most: Int, random: any RandomSource) -> [DueWebhook] {
        var out: [DueWebhook] = []
        for row in waiting().sorted(by: { ($0.created, $0.number) < ($1.created, $1.number) }).prefix(most) {
            underway.insert(row.key)
            guard let request = request(row, at: now, random: random) else {
                rows.remove(row)
                underway.remove(row.key)
                continue
            }
            out.append(DueWebhook(id: row.key, request: request))
        }
        return out
    }

    private func request(_ row: WooRow, at now: Timestamp, random: any RandomSource) -> HTTPRequest? {
        var fields: HTTPFields = ["User-Agent": "WooCommerce/\(WooSeed.version) Hookshot (WordPress/\(WooSeed.wordpress))"]
        if row.shown.text("topic") == "keys", let url = row.shown.text("url"), let keys = row.shown["keys"] {
            fields["Content-Type"] = "application/json;charset=UTF-8"
            return HTTPRequest(.post, url, fields: fields, body: keys.bytes)
        }
        guard let webhook = rows[row.shop, .webhook, row.shown.whole("webhook")], let url = webhook.shown.text("delivery_url") else { return nil }
        let topic = row.shown.text("topic") ?? ""
        guard topic != "ping" else {
            fields["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            return HTTPRequest(.post, url, fields: fields, body: Array("webhook_id=\(webhook.id)".utf8))
        }
        let home = webhook.inner.text("home") ?? ""
        let moment = WooMoment(shop: row.shop, at: now, random: random, home: home)
        let body = payload(topic, row.shown.whole("arg"), moment).bytes
        let parts = topic.split(separator: ".", maxSplits: 1).map(String.init)
        fields["Content-Type"] = "application/json"
        fields["X-WC-Webhook-Source"] = home + "/"
        fields["X-WC-Webhook-Topic"] = topic
        fields["X-WC-Webhook-Resource"] = parts.first
        fields["X-WC-Webhook-Event"] = parts.last
        fields["X-WC-Webhook-Signature"] = Self.signature(body, secret: webhook.inner.text("secret") ?? "")
        fields["X-WC-Webhook-ID"] = webhook.id
        fields["X-WC-Webhook-Delivery-ID"] = Self.deliveryID(row.shop, webhook.id, at: now)
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    static func signature(_ body: [UInt8], secret: String) -> String { Base64.encode(HMAC.sha256(key: Array(secret.utf8), body)) }

    /// The vendor makes it of the webhook and the second alone: two deliveries of one webhook in one second have the same.
    /// - Source: woocommerce `WC_Webhook::get_new_delivery_id`.
    static func deliveryID(_ shop: String, _ webhook: String, at now: Timestamp) -> String {
        String(Digest.sha256(Array("\(shop) \(webhook) \(now.seconds)".utf8)).hexText.prefix(32))
    }

    /// The resource as it is when the webhook is sent, not as it was when something happened.
    private func payload(_ topic: String, _ id: Int, _ m: WooMoment) -> JSON {
        if topic.hasSuffix(".deleted") { return .object([("id", .whole(id))]) }
        if topic.hasPrefix("action.") { return .object([("action", .string(String(topic.dropFirst(7)))), ("arg", .whole(id))]) }
        let resource = topic.prefix { $0 != "." } + "s"
        var copy = self
        do throws(WooProblem) {
            return try copy.run(WooCall(method: .get, path: [String(resource), "\(id)"], args: WooArgs(), moment: m)).body
        } catch {
            return error.body
        }
    }

    /// There is no second attempt. Anything up to 302 is a success; after five failures in a row the sixth is counted still and the seventh disables.
    /// - Source: woocommerce `WC_Webhook::log_delivery`, `failed_delivery`.
    mutating func settleDelivery(_ key: String, status: Int?, at now: Timestamp) {
        underway.remove(key)
        guard let row = shops.keys.lazy.compactMap({ [rows] shop in rows.all(.delivery, in: shop).first { $0.key == key } }).first else { return }
        rows.remove(row)
        let topic = row.shown.text("topic") ?? ""
        guard topic != "ping", topic != "keys", let webhook = rows[row.shop, .webhook, row.shown.whole("webhook")] else { return }
        var changed = webhook
        let failures = webhook.inner.whole("failures")
        if let status, (200..<303).contains(status) {
            guard failures != 0 else { return }
            changed.inner = changed.inner.setting("failures", 0)
        } else if failures > 5 {
            changed.shown = changed.shown.setting("status", "disabled")
        } else {
            changed.inner = changed.inner.setting("failures", .whole(failures + 1))
        }
        changed.modified = now.seconds
        rows.put(changed)
    }
}
