public import ConnectorKit
public import Kernel
public import Wire

extension StripeConnector {
    /// Checks `Stripe-Signature` in constant time: any of its `v1` must be the HMAC-SHA256 of time, point and raw body under any of the secrets.
    /// `secret` may hold several, separated by spaces, commas or lines: while one is rolled, or where an account has two endpoints. The delivery is
    /// named by the event's own id; one that Stripe sends again is signed anew, with a new time, and has the same id.
    /// - Source: docs.stripe.com, Webhooks, "Verify webhook signatures manually"; stripe-python, `_webhook.py`.
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard let header = fields.only("Stripe-Signature"),
            let signed = DatedSignature(header, bytes: StripeLimits.signatureBytes, most: StripeLimits.signatures), signed.isGenuine(body, secret),
            let root = Self.parsed(body), let id = root["id"].string, StripeID.isID(id), let topic = root["type"].string, WebhookDelivery.isTopic(topic)
        else { return nil }
        return WebhookDelivery(topic: topic, deliveryID: id, valid: signed.valid(within: StripeLimits.tolerance))
    }
    /// Its list of events is that of its webhooks.
    public func tells(of topic: String) -> Bool { uses(topic: topic) }

    /// Of the many that an account may subscribe to.
    public func uses(topic: String) -> Bool { Self.topics.contains(topic) || Self.otherTopics.contains(topic) }

    /// Understood, and not asked for by sweeps: a refunded charge says what a refund says, in older words; what a platform earns the balance shows.
    private static let otherTopics: Set<String> = ["charge.refunded", "application_fee.created", "application_fee.refunded"]

    private static func parsed(_ body: [UInt8]) -> JSONView? {
        do throws(Fault) { return try JSONDocument(parsing: body).root } catch { return nil }
    }
}
