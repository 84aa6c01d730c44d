internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

extension ShopWebhook {
    /// The request as the vendor sends it; names and signature as documented, the signature over the very bytes of the
    /// body.
    /// - Source: Shopify, "Webhooks delivery structure" and "Verify webhook deliveries".
    func request(to url: String, shop: Shop) -> HTTPRequest {
        let signature = Self.signature(of: body, secret: shop.secret)
        let fields: HTTPFields = [
            "Content-Type": "application/json", "User-Agent": "Shopify-Captain-Hook", "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": shop.domain, "X-Shopify-API-Version": ShopifyTwin.version,
            "X-Shopify-Webhook-Id": id,
            "X-Shopify-Event-Id": eventID, "X-Shopify-Triggered-At": triggeredAt.description,
            "X-Shopify-Hmac-Sha256": signature,
        ]
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    /// `X-Shopify-Hmac-Sha256`: base64 of the HMAC-SHA256 over the raw body.
    static func signature(of body: [UInt8], secret: String) -> String {
        Base64.encode(HMAC.sha256(key: Array(secret.utf8), body))
    }
}
