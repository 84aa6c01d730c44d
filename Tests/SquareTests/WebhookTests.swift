import ConnectorKit
import ConnectorTestKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Square

@Suite("Signatures and events") struct WebhookTests {
    private let url = "https://app.example/hooks/square"
    private let key = "sq_test_key"
    private let vector = "VJggODlFUNA+LmcjnBnemhIjRuX1gX8+P+Vmduz5rfI="
    private let body = Array(#"{"merchant_id":"M","type":"order.updated","event_id":"e-1042"}"#.utf8)

    private func signed(_ url: String, _ key: String) -> String { Base64.encode(HMAC.sha256(key: Array(key.utf8), Array(url.utf8) + body)) }

    private func verify(_ signature: String, _ secret: String) -> WebhookDelivery? {
        connector.verify(["x-square-hmacsha256-signature": signature], body: body, secret: Secret(secret))
    }

    /// Made with another program's HMAC: body `{"id":1042}`.
    @Test("the known vector is genuine for its URL alone, to the letter")
    func known() {
        let body = Array(#"{"id":1042}"#.utf8)
        #expect(SquareSignature.isGenuine(vector, body, Secret("\(url) \(key)")))
        for other in ["\(url)/", "http://app.example/hooks/square", "\(url)?a=1", "https://APP.example/hooks/square"] {
            #expect(!SquareSignature.isGenuine(vector, body, Secret("\(other) \(key)")), "\(other)")
        }
        #expect(!SquareSignature.isGenuine(vector, Array(#"{"id":1043}"#.utf8), Secret("\(url) \(key)")))
        #expect(!SquareSignature.isGenuine(vector, body, Secret("\(url) sq_test_ke")))
    }

    @Test("a delivery is named by its event; without the URL no key is any good")
    func named() {
        #expect(verify(signed(url, key), "\(url) \(key)") == WebhookDelivery(topic: "order.updated", deliveryID: "e-1042"))
        for secret in [key, "", " ", url, "\(key) \(url)"] { #expect(verify(signed(url, key), secret) == nil, "\(secret)") }
        #expect(verify(signed("", key), key) == nil)
    }

    @Test("keys that are being replaced and second URLs may stand beside each other")
    func several() {
        let other = "https://old.example/square"
        let secret = "\(url) new_key \(key)\n\(other) old_key"
        #expect(verify(signed(url, key), secret) != nil && verify(signed(url, "new_key"), secret) != nil && verify(signed(other, "old_key"), secret) != nil)
        #expect(verify(signed(other, key), secret) == nil && verify(signed(url, "old_key"), secret) == nil)
    }

    @Test("a body without event or type is no delivery", arguments: [
        "{}", "[]", #"{"type":"order.updated"}"#, #"{"event_id":"e"}"#, #"{"type":"order updated","event_id":"e"}"#,
            #"{"type":"order.updated","event_id":"a/b"}"#,
    ])
    func nameless(text: String) {
        let body = Array(text.utf8)
        let signature = Base64.encode(HMAC.sha256(key: Array(key.utf8), Array(url.utf8) + body))
        #expect(connector.verify(["x-square-hmacsha256-signature": signature], body: body, secret: Secret("\(url) \(key)")) == nil)
    }

    @Test("an event says what to fetch, once it can lead to anything", arguments: [
        ("order.updated", "order-event", "CAISENgvlJ6jLWAzERDzjyHVybY"), ("payment.updated", "payment-event", "CAISENgvlJ6jLWAzERDzjyHVybY"),
        ("refund.updated", "refund-event", "RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB"), ("payout.paid", "payout-event", "payout:po_070431e4-e351-11eb-a8bb-02420a140009"),
        ("dispute.created", "dispute-event", "dispute:XDgyFu7yo1E2S5lQGGpYn"),
    ])
    func events(topic: String, name: String, id: String) throws {
        let event = try fixture(name)
        #expect(connector.uses(topic: topic))
        #expect(try normalized(topic, event) == Normalized(documents: [], fetch: [id]))
        #expect(refusal(topic, event.changing("merchant_id", to: "SOMEBODY"))?.position == "merchant_id")
        #expect(refusal(topic, event.changing("data", "object", to: [:]))?.code == "unreadable_record")
    }

    @Test("what has moved no money yet is not asked for")
    func quiet() throws {
        #expect(try normalized("order.created", fixture("order-created-event")).fetch.isEmpty, "open")
        #expect(try normalized("order.created", fixture("order-created-event"), ["post": "paid"]).fetch.count == 1)
        let payment = try fixture("payment-event")
        func fetched(_ change: JSON) throws -> [String] { try normalized("payment.updated", change).fetch }
        #expect(try fetched(payment.changing("data", "object", "payment", "status", to: "APPROVED")).isEmpty)
        #expect(try fetched(payment.changing("data", "object", "payment", "status", to: "FAILED")).count == 1)
        #expect(try fetched(payment.changing("data", "object", "payment", "order_id", to: .null)) == ["payment:tPz0000000000000000000000001"])
        let refund = try fixture("refund-event").changing("data", "object", "refund", "order_id", to: .null)
        #expect(try normalized("refund.created", refund).fetch == ["refund:tPz0000000000000000000000001_rF1"])
        let payout = try fixture("payout-event").changing("data", "object", "payout", "status", to: "SENT").changing("type", to: "payout.sent")
        #expect(try normalized("payout.sent", payout).fetch.isEmpty && normalized("payout.sent", payout, ["payouts": "sent"]).fetch.count == 1)
        for (name, topic) in [("order-event", "order.updated"), ("payment-event", "payment.updated"), ("refund-event", "refund.updated"),
            ("payout-event", "payout.paid")] {
            #expect(try normalized(topic, fixture(name), ["locations": "LZ2"]).fetch.isEmpty, "\(topic) of another location")
        }
        #expect(!connector.uses(topic: "catalog.version.updated") && connector.uses(topic: "dispute.state.changed"))
        #expect(try normalized("catalog.version.updated", payment.changing("type", to: "catalog.version.updated")).fetch.isEmpty)
    }
}
