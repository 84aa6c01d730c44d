public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension ReturnsConnector {
    /// Checks the signature (base64 of HMAC-SHA256) in constant time, over each form of the body that the system may have signed. A genuine delivery
    /// that can't be named is kept by its digest, and held where it is read.
    /// - Source: docs.loopreturns.com, "Return webhook"; aftership.com/docs/returns, "Webhook signature".
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        let dialect = dialect
        guard !secret.isEmpty, let header = fields.only(dialect.signatureHeader), header.utf8.count <= ReturnsLimits.headerBytes,
            header.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), let stated = Base64.decode(header)
        else { return nil }
        let key = secret.reveal()
        var isGenuine = false
        for form in dialect.signed(body) where constantTimeEquals(stated, HMAC.sha256(key: key, form)) { isGenuine = true }
        guard isGenuine else { return nil }
        let digest = Digest.sha256(body).hexText.prefix(24)
        guard let hint = Self.hint(body, dialect), WebhookDelivery.isTopic(hint.topic) else {
            return WebhookDelivery(topic: ReturnsTopic.unreadable, deliveryID: "sha256:\(digest)")
        }
        return WebhookDelivery(topic: hint.topic, deliveryID: "\(hint.topic):\(hint.id ?? "none"):\(digest)")
    }

    private static func hint(_ body: [UInt8], _ dialect: any Dialect) -> (topic: String, id: String?)? {
        do throws(Fault) { return dialect.hint(try JSONDocument(parsing: body).root) } catch { return nil }
    }
    public func tells(of topic: String) -> Bool { topic == ReturnsTopic.told }

    /// Of labels, restocks and drop-offs the books learn nothing that the return itself does not say.
    public func uses(topic: String) -> Bool { topic == ReturnsTopic.unreadable || dialect.topics.contains(topic) }
}

enum ReturnsTopic {
    /// A return as it was read from the system itself.
    static let told = "return"
    /// A genuine delivery that nobody can name.
    static let unreadable = "unreadable"
}

/// Ids as both systems write them: letters, digits, hyphens and underscores, or a whole number.
enum ReturnID {
    static func of(_ view: JSONView) -> String? { checked(view.string ?? view.int.map(String.init)) }
    static func of(_ json: JSON?) -> String? { checked(json?.string ?? json?.int.map(String.init)) }

    static func checked(_ text: String?) -> String? {
        guard let text, (1 ... ReturnsLimits.idBytes).contains(text.utf8.count),
            text.utf8.allSatisfy({ (48 ... 57).contains($0) || (65 ... 90).contains($0) || (97 ... 122).contains($0) || $0 == 45 || $0 == 95 })
        else { return nil }
        return text
    }
}
