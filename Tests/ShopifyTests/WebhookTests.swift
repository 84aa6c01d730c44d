import ConnectorKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct WebhookTests {
    private let body = Array(#"{"id":1042}"#.utf8)
    private let secret = Secret("shpss_test_secret")
    private let signature = "x+Ey10x7nKK+QXEnTJYDnhJ0xSzpGBchluUwOZdeTlU="

    private func fields(_ signature: String) -> HTTPFields {
        ["x-shopify-hmac-sha256": signature, "X-SHOPIFY-TOPIC": "orders/create", "X-Shopify-Webhook-Id": "b54557e4-1"]
    }

    @Test("the known vector verifies, and names topic and delivery")
    func vector() {
        #expect(
            connector.verify(fields(signature), body: body, secret: secret)
                == WebhookDelivery(topic: "orders/create", deliveryID: "b54557e4-1"))
    }

    @Test("a changed body, secret or signature does not verify")
    func wrong() {
        #expect(connector.verify(fields(signature), body: body + [10], secret: secret) == nil)
        #expect(connector.verify(fields(signature), body: body, secret: Secret("shpss_other")) == nil)
        for text in [
            "", "x+Ey", signature + "=", signature.lowercased(), String(signature.dropLast()),
            "\(signature)\(signature)",
        ] {
            #expect(connector.verify(fields(text), body: body, secret: secret) == nil)
        }
    }

    @Test("an empty secret verifies nothing")
    func emptySecret() {
        let forged = Base64.encode(HMAC.sha256(key: [], body))
        #expect(connector.verify(fields(forged), body: body, secret: Secret("")) == nil)
    }

    @Test("a delivery without signature, topic or id, or with one of them twice, does not verify")
    func missingFields() {
        for name in ["X-Shopify-Hmac-Sha256", "X-Shopify-Topic", "X-Shopify-Webhook-Id"] {
            var without = fields(signature)
            without[name] = nil
            #expect(connector.verify(without, body: body, secret: secret) == nil)
            var twice = fields(signature)
            twice.append(name, fields(signature)[name] ?? "")
            #expect(connector.verify(twice, body: body, secret: secret) == nil)
            var long = fields(signature)
            long[name] = String(repeating: "a", count: 300)
            #expect(connector.verify(long, body: body, secret: secret) == nil)
        }
    }

    @Test("a topic counts as of no use exactly where reading it gives nothing, whatever its body", arguments: [
        "orders", "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/edited", "order_transactions/create", "refunds/create",
        "products/update", "orders/fulfilled", "app/uninstalled", "ORDERS/CREATE", "",
    ])
    func uses(topic: String) {
        let connector = ShopifyConnector()
        let record = RawRecord(topic: topic, deliveryID: "d", body: Array(#"{"id": "no order"}"#.utf8))
        let isRead = (try? connector.normalize(record, ConnectionFacts(account: "shop"))) != Normalized(documents: [])
        // What a sweep lists comes by no webhook.
        #expect(connector.uses(topic: topic) == (isRead && topic != "orders"))
    }
}
