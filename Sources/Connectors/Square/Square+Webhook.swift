public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension SquareConnector {
    /// Checks `x-square-hmacsha256-signature` in constant time: base64 of HMAC-SHA256 over the notification URL as it was registered, and the raw
    /// body. Nobody but who registered it knows the URL to the letter, so the secret is both, with a space between: the URL, then the signature
    /// key. More keys may follow while one is replaced, and more URLs each with theirs. The delivery is named by the event's own id, which stays
    /// when Square sends it again.
    /// - Source: developer.squareup.com, Webhooks, "Verify and validate an event notification"; square-python-sdk, `webhooks_helper.py`.
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard let signature = fields.only("x-square-hmacsha256-signature"), SquareSignature.isGenuine(signature, body, secret),
            let root = Self.parsed(body), let id = root["event_id"].string, SquareID.isID(id), let topic = root["type"].string, WebhookDelivery.isTopic(topic)
        else { return nil }
        return WebhookDelivery(topic: topic, deliveryID: id)
    }

    /// Of the many that an application may subscribe to.
    public func uses(topic: String) -> Bool { Self.topics.contains(topic) || topic == Self.formerTopic }
    public func tells(of topic: String) -> Bool { [Topic.order, Topic.payment, Topic.refund].contains(topic) }

    /// What `dispute.state.updated` was called before.
    private static let formerTopic = "dispute.state.changed"

    private static func parsed(_ body: [UInt8]) -> JSONView? {
        do throws(Fault) { return try JSONDocument(parsing: body).root } catch { return nil }
    }
}

enum SquareSignature {
    /// `secret`: words separated by spaces or lines; a URL, and after it the keys that deliveries to it are signed with.
    static func isGenuine(_ signature: String, _ body: [UInt8], _ secret: Secret) -> Bool {
        guard (1 ... SquareLimits.signatureBytes).contains(signature.utf8.count) else { return false }
        let given = Array(signature.utf8)
        var url: [UInt8]?
        var genuine = false
        for word in secret.reveal().split(whereSeparator: { $0 == 32 || $0 == 10 || $0 == 13 || $0 == 9 }).prefix(SquareLimits.secretWords) {
            if word.starts(with: "https://".utf8) || word.starts(with: "http://".utf8) {
                url = Array(word)
            } else if let url {
                let wanted = Base64.encode(HMAC.sha256(key: Array(word), url + body))
                if constantTimeEquals(given, Array(wanted.utf8)) { genuine = true }
            }
        }
        return genuine
    }
}
