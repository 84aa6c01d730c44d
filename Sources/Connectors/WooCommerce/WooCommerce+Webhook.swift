public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension WooCommerceConnector {
    /// Checks `X-WC-Webhook-Signature` (base64 of HMAC-SHA256 over the raw body) in constant time. WooCommerce's delivery id is a hash of the webhook
    /// and the second: two orders that change in one second have the same, so the body's digest is part of the name.
    /// - Source: woocommerce-rest-api-docs, `_webhooks.md`; woocommerce, `class-wc-webhook.php`, `get_new_delivery_id`.
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard !secret.isEmpty, let signature = single(fields, "X-WC-Webhook-Signature"), let stated = Base64.decode(signature),
            constantTimeEquals(stated, HMAC.sha256(key: secret.reveal(), body)),
            let topic = single(fields, "X-WC-Webhook-Topic"), let id = single(fields, "X-WC-Webhook-Delivery-ID")
        else { return nil }
        return WebhookDelivery(topic: topic, deliveryID: "\(id):\(Digest.sha256(body).hexText.prefix(16))")
    }

    /// What a shop posts when a webhook is saved: `webhook_id=55` as a form, with no header of a delivery. Anything but 200 is shown to whoever saves it.
    /// - Source: woocommerce, `class-wc-webhook.php`, `deliver_ping`.
    public func isTrial(_ fields: HTTPFields, body: [UInt8]) -> Bool {
        let start = Array("webhook_id=".utf8)
        guard fields["X-WC-Webhook-Signature"] == nil, fields["X-WC-Webhook-Topic"] == nil, body.starts(with: start) else { return false }
        let id = body.dropFirst(start.count)
        return (1 ... 20).contains(id.count) && id.allSatisfy { (48 ... 57).contains($0) }
    }
    public func tells(of topic: String) -> Bool { topic == WooTopic.order }

    /// Of the many that a shop may send.
    public func uses(topic: String) -> Bool { Self.topics.contains(topic) }

    /// The field's one value, printable and short; `nil` when it is repeated: which one was meant nobody knows.
    private func single(_ fields: HTTPFields, _ name: String) -> String? {
        guard let value = fields.only(name), (1 ... WooLimits.headerBytes).contains(value.utf8.count), value.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            return nil
        }
        return value
    }
}
