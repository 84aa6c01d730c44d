public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension ShopifyConnector {
    /// Checks `X-Shopify-Hmac-Sha256` (base64 of HMAC-SHA256 over the raw body, keyed with the app's secret) in
    /// constant time. `nil` also where topic or webhook id are missing: without them the delivery can't be told from
    /// another.
    /// - Source: shopify.dev, "Verify webhook deliveries"; "Webhooks delivery structure".
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard !secret.isEmpty, let signature = single(fields, "X-Shopify-Hmac-Sha256"),
            let stated = Base64.decode(signature),
            constantTimeEquals(stated, HMAC.sha256(key: secret.reveal(), body)),
            let topic = single(fields, "X-Shopify-Topic"), let id = single(fields, "X-Shopify-Webhook-Id")
        else { return nil }
        return WebhookDelivery(topic: topic, deliveryID: id)
    }

    /// The field's one value, printable and short; `nil` when it is repeated: which one was meant nobody knows.
    private func single(_ fields: HTTPFields, _ name: String) -> String? {
        guard var value = fields.only(name), !value.isEmpty,
            value.utf8.count <= ShopifyLimits.headerBytes,
            value.withUTF8({ $0.allSatisfy { $0 > 32 && $0 < 127 } })
        else { return nil }
        return value
    }
}
