import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinWooCommerce

@Suite("WooCommerce's webhooks")
struct WooWebhookTests {
    private func subscribe(_ desk: WooDesk, _ topic: String) throws -> Int {
        let made = try desk.post("webhooks", ["topic": .string(topic), "delivery_url": "http://127.0.0.1:9/hook", "secret": "s3cret"])
        // The ping.
        for webhook in desk.twin.takeWebhooks(at: desk.now, most: 10) { desk.twin.settleWebhook(webhook.id, status: 200, at: desk.now) }
        return made.whole("id")
    }

    /// Takes what is due and says how it went; the requests.
    @discardableResult
    private func carry(_ desk: WooDesk, status: Int? = 200) -> [HTTPRequest] {
        desk.twin.takeWebhooks(at: desk.now, most: 100).map { webhook in
            desk.twin.settleWebhook(webhook.id, status: status, at: desk.now)
            return webhook.request
        }
    }

    /// Source: base 64 of HMAC-SHA256 over the body, computed by another implementation.
    @Test("the signature is the vendor's")
    func vector() {
        #expect(WooState.signature(Array("{\"id\":1042}".utf8), secret: "wc_test_secret") == "nPxoVBwpcOxYjfbhrEIW9exATgvInBc/ftoNCV0hxfo=")
    }

    @Test("a new webhook is pinged without a signature and never shows its secret")
    func ping() throws {
        let desk = try WooDesk()
        let made = try desk.post("webhooks", ["topic": "order.updated", "delivery_url": "http://127.0.0.1:9/hook", "secret": "s3cret"])
        #expect(made.whole("id") == 55 && made["secret"].map { _ in true } == nil && made.text("status") == "active" && made.text("event") == "updated")
        #expect(made.text("name") == "Webhook created on Nov 14, 2026 @ 09:21 AM")
        let ping = try #require(carry(desk).first)
        #expect(String(decoding: ping.body, as: UTF8.self) == "webhook_id=55" && ping.fields["X-WC-Webhook-Topic"] == nil)
        #expect(ping.fields["Content-Type"]?.hasPrefix("application/x-www-form-urlencoded") == true)
        try desk.put("webhooks/55", ["status": "paused"])
        #expect(carry(desk).isEmpty)
        try desk.put("webhooks/55", ["status": "active"])
        #expect(carry(desk).count == 1)
    }

    @Test("topics and addresses that are none are refused, and what is missing is named")
    func refused() throws {
        let desk = try WooDesk()
        #expect(try desk.call(.post, "webhooks", [:], status: 400).text("message") == "Missing parameter(s): topic, delivery_url")
        let topic: JSON = ["topic": "order.refunded", "delivery_url": "http://a.example"]
        #expect(try desk.refusal(.post, "webhooks", topic) == "woocommerce_rest_shop_webhook_invalid_topic")
        let address: JSON = ["topic": "order.updated", "delivery_url": "a.example"]
        #expect(try desk.refusal(.post, "webhooks", address) == "woocommerce_rest_shop_webhook_invalid_delivery_url")
        #expect(try desk.refusal(.get, "webhooks/9", status: 404) == "woocommerce_rest_shop_webhook_invalid_id")
        let id = try subscribe(desk, "action.woocommerce_anything")
        #expect(try desk.refusal(.delete, "webhooks/\(id)", status: 501) == "woocommerce_rest_trash_not_supported")
        #expect(try desk.call(.delete, "webhooks/\(id)?force=true").whole("id") == id)
        #expect(try desk.ids("webhooks").isEmpty)
    }

    @Test("a delivery is the order as the API shows it, signed, with the vendor's headers")
    func delivers() throws {
        let desk = try WooDesk()
        let id = try subscribe(desk, "order.created")
        let order = try desk.placed([("MUG-01", 1)])
        let request = try #require(carry(desk).first)
        #expect(request.body == (try desk.get("orders/\(order)")).bytes)
        #expect(request.fields["X-WC-Webhook-Signature"] == WooState.signature(request.body, secret: "s3cret"))
        let headers = ["Source", "Topic", "Resource", "Event", "ID"].map { request.fields["X-WC-Webhook-" + $0] }
        #expect(headers == ["http://shop.test/woocommerce/prairie/", "order.created", "order", "created", "\(id)"])
        #expect(request.fields["X-WC-Webhook-Delivery-ID"]?.count == 32 && request.fields["User-Agent"]?.hasPrefix("WooCommerce/10.3.0 Hookshot") == true)
        #expect(desk.twin.nextWebhook() == nil)
    }

    @Test("what waits is told once and shows the order as it is when it is sent")
    func coalesces() throws {
        let desk = try WooDesk()
        _ = try subscribe(desk, "order.updated")
        let order = try desk.placed([("MUG-01", 1)])
        try desk.happens(["do": "completed", "order": .whole(order)])
        try desk.happens(["do": "refunded", "order": .whole(order)])
        let sent = carry(desk)
        #expect(sent.count == 1)
        let body = try JSON(parsing: try #require(sent.first).body)
        #expect(body.text("status") == "refunded" && body.list("refunds").count == 1)
    }

    @Test("two deliveries of one webhook in one second have one delivery id, as the vendor makes it")
    func deliveryIDs() throws {
        let desk = try WooDesk()
        _ = try subscribe(desk, "order.created")
        for _ in 0..<2 { _ = try desk.placed([("MUG-01", 1)]) }
        let together = carry(desk)
        #expect(together.count == 2 && together[0].body != together[1].body)
        #expect(together[0].fields["X-WC-Webhook-Delivery-ID"] == together[1].fields["X-WC-Webhook-Delivery-ID"])
        desk.wait(.seconds(1))
        _ = try desk.placed([("MUG-01", 1)])
        #expect(carry(desk).first?.fields["X-WC-Webhook-Delivery-ID"] != together[0].fields["X-WC-Webhook-Delivery-ID"])
    }

    @Test("there is no second attempt, and after more than five failures in a row the webhook is disabled")
    func disabled() throws {
        let desk = try WooDesk()
        let id = try subscribe(desk, "order.created")
        func status() throws -> String? { try desk.get("webhooks/\(id)").text("status") }
        for n in 0..<6 {
            _ = try desk.placed([("MUG-01", 1)])
            #expect(carry(desk, status: n % 2 == 0 ? 500 : nil).count == 1)
            #expect(desk.twin.nextWebhook() == nil)
            #expect(try status() == "active")
        }
        _ = try desk.placed([("MUG-01", 1)])
        // A redirect counts as success, and a success begins anew.
        carry(desk, status: 302)
        for _ in 0..<7 {
            #expect(try status() == "active")
            _ = try desk.placed([("MUG-01", 1)])
            carry(desk, status: 404)
        }
        #expect(try status() == "disabled" && desk.ids("webhooks?status=disabled") == [id])
        _ = try desk.placed([("MUG-01", 1)])
        #expect(carry(desk).isEmpty)
        try desk.put("webhooks/\(id)", ["status": "active"])
        _ = try desk.placed([("MUG-01", 1)])
        #expect(carry(desk).count == 2)
    }

    @Test("the bin is told with the number alone, deletion for good is not told, and a refund is an update")
    func topics() throws {
        let desk = try WooDesk()
        for topic in ["order.created", "order.updated", "order.deleted", "order.restored", "product.updated", "customer.created"] {
            _ = try subscribe(desk, topic)
        }
        func topics() -> [String] { carry(desk).compactMap { $0.fields["X-WC-Webhook-Topic"] }.sorted() }
        let order = try desk.placed([("MUG-01", 1)])
        #expect(topics() == ["order.created", "order.updated", "product.updated"])
        try desk.happens(["do": "refunded", "order": .whole(order), "amount": "1.00"])
        #expect(topics() == ["order.updated"])
        try desk.call(.delete, "orders/\(order)")
        let bin = try #require(carry(desk).first)
        #expect(String(decoding: bin.body, as: UTF8.self) == "{\"id\":\(order)}" && bin.fields["X-WC-Webhook-Topic"] == "order.deleted")
        try desk.happens(["do": "restored", "order": .whole(order)])
        #expect(topics() == ["order.restored"])
        try desk.call(.delete, "orders/\(order)?force=true")
        #expect(topics() == [])
        try desk.post("customers", ["email": "a@example.com"])
        #expect(topics() == ["customer.created"])
        desk.shop = "thames"
        _ = try desk.placed([("BOWL-1", 1)])
        #expect(topics() == [])
    }

    @Test("hooks of payments and refunds can be listened to; they name what they are about and no more")
    func actions() throws {
        let desk = try WooDesk()
        for hook in ["payment_complete", "order_refunded", "refund_created", "refund_deleted"] { _ = try subscribe(desk, "action.woocommerce_" + hook) }
        func told() throws -> [String] { try carry(desk).map { try JSON(parsing: $0.body) }.map { "\($0.text("action") ?? "") \($0.whole("arg"))" } }
        let order = try desk.placed([("MUG-01", 1)])
        #expect(try told() == ["woocommerce_payment_complete \(order)"])
        let refund = try desk.post("orders/\(order)/refunds", ["amount": "1.00"]).whole("id")
        #expect(try told() == ["woocommerce_order_refunded \(order)", "woocommerce_refund_created \(refund)"])
        try desk.happens(["do": "refund_deleted", "refund": .whole(refund)])
        #expect(try told() == ["woocommerce_refund_deleted \(refund)"])
    }

    @Test("a restart goes on with what was not sent, and with nothing else")
    func restart() throws {
        let desk = try WooDesk()
        _ = try subscribe(desk, "order.created")
        for _ in 0..<3 { _ = try desk.placed([("MUG-01", 1)]) }
        let taken = desk.twin.takeWebhooks(at: desk.now, most: 2)
        desk.twin.settleWebhook(try #require(taken.first).id, status: nil, at: desk.now)
        let again = try desk.reopened()
        #expect(try carry(again).map { try JSON(parsing: $0.body).whole("id") } == [1043, 1044])
    }
}
