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
        guard let header = fields.only("Counterfoil-Signature"), let signed = DatedSignature(header) else { return nil }
        let keys = secret.reveal().split(whereSeparator: { [9, 10, 13, 32, 44].contains($0) }).prefix(InboundLimits.signatures)
        let payload = signed.time + [UInt8(ascii: ".")] + body
        var genuine = false
        for key in keys {
            let wanted = Array(HMAC.sha256(key: Array(key), payload).hexText.utf8)
            for signature in signed.signatures where constantTimeEquals(signature, wanted) { genuine = true }
        }
        guard genuine else { return nil }
        let at = Timestamp(seconds: signed.seconds), name = Self.name(of: body)
        return WebhookDelivery(
            topic: name?.topic ?? "unreadable", deliveryID: name?.id ?? "sha256:" + Digest.sha256(body).hexText,
            valid: at - InboundLimits.tolerance ... at + InboundLimits.tolerance, content: name?.content)
    }

    private static func name(of body: [UInt8]) -> (id: String, topic: String, content: [UInt8])? {
        do throws(Fault) {
            let event = try JSON(parsing: body)
            guard let id = event["id"]?.string, InboundID.isID(id), let topic = event["type"]?.string, isTopic(topic) else { return nil }
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

    static func isTopic(_ text: String) -> Bool {
        (1 ... 100).contains(text.utf8.count) && text.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 46 || $0 == 95 }
    }
}

/// `t=1794734466,v1=<64 hexadecimal digits>[,v1=…]`, read strictly.
struct DatedSignature: Sendable {
    var seconds: Int64
    /// As it is written: what was signed.
    var time: [UInt8]
    var signatures: [[UInt8]] = []

    init?(_ text: String) {
        guard text.utf8.count <= InboundLimits.signatureBytes else { return nil }
        var times: [[UInt8]] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let halves = part.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
            guard halves.count == 2, !halves[0].isEmpty else { return nil }
            let value = Array(halves[1])
            switch String(Substring(halves[0])) {
            case "t": times.append(value)
            case "v1":
                guard value.count == 64, value.allSatisfy({ (48 ... 57).contains($0) || (97 ... 102).contains($0) }) else { return nil }
                signatures.append(value)
            // What a later version may add is not ours to trust.
            default: break
            }
        }
        guard times.count == 1, let time = times.first, (1 ... 11).contains(time.count), time.allSatisfy({ (48 ... 57).contains($0) }),
            let seconds = Int64(String(decoding: time, as: UTF8.self)), (1 ... InboundLimits.signatures).contains(signatures.count)
        else { return nil }
        self.time = time
        self.seconds = seconds
    }
}
