public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension InboundConnector {
    /// Checks `Counterfoil-Signature: t=<Unix seconds>,v1=<hex>` in constant time: any of its `v1` must be the HMAC-SHA256 of time, point and raw
    /// body under any of the secrets. `secret` may hold several, separated by spaces, commas or lines, while one is replaced. The delivery is
    /// named by the event's id; a genuine one that can't be named is kept by its digest, and held where it is read.
    /// - Source: docs/inbound.md.
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard let header = fields.only("Counterfoil-Signature"),
            let signed = DatedSignature(header, bytes: InboundLimits.signatureBytes, most: InboundLimits.signatures), signed.isGenuine(body, secret)
        else { return nil }
        let name = Self.name(of: body)
        return WebhookDelivery(
            topic: name?.topic ?? "unreadable", deliveryID: name?.id ?? "sha256:" + Digest.sha256(body).hexText,
            valid: signed.valid(within: InboundLimits.tolerance), content: name?.content)
    }

    private static func name(of body: [UInt8]) -> (id: String, topic: String, content: [UInt8])? {
        do throws(Fault) {
            let event = try JSON(parsing: body)
            guard let id = event["id"]?.string, InboundID.isID(id), let topic = event["type"]?.string, WebhookDelivery.isTopic(topic) else { return nil }
            return (id, topic, content(of: event))
        } catch { return nil }
    }

    /// What an event says, whatever blanks it has and in whatever order its members stand.
    static func content(of event: JSON) -> [UInt8] { Digest.sha256(ordered(event).bytes) }

    private static func ordered(_ value: JSON) -> JSON {
        switch value {
        case .object(let members):
            let inner = members.map { (key: $0.key, value: ordered($0.value)) }
            return .object(inner.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        case .array(let elements): return .array(elements.map { ordered($0) })
        default: return value
        }
    }
}
