public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension StripeConnector {
    /// Checks `Stripe-Signature` in constant time: any of its `v1` must be the HMAC-SHA256 of time, point and raw body under any of the secrets.
    /// `secret` may hold several, separated by spaces, commas or lines: while one is rolled, or where an account has two endpoints. The delivery is
    /// named by the event's own id; one that Stripe sends again is signed anew, with a new time, and has the same id.
    /// - Source: docs.stripe.com, Webhooks, "Verify webhook signatures manually"; stripe-python, `_webhook.py`.
    public func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? {
        guard let header = fields.only("Stripe-Signature"), let signed = SignatureHeader(header), signed.isGenuine(body, secret),
            let root = Self.parsed(body), let id = root["id"].string, StripeID.isID(id), let topic = root["type"].string, Self.isTopic(topic)
        else { return nil }
        let at = Timestamp(seconds: signed.seconds)
        return WebhookDelivery(topic: topic, deliveryID: id, valid: at - StripeLimits.tolerance ... at + StripeLimits.tolerance)
    }

    /// Of the many that an account may subscribe to.
    public func uses(topic: String) -> Bool { Self.topics.contains(topic) || Self.otherTopics.contains(topic) }

    /// Understood, and not asked for by sweeps: a refunded charge says what a refund says, in older words; what a platform earns the balance shows.
    private static let otherTopics: Set<String> = ["charge.refunded", "application_fee.created", "application_fee.refunded"]

    private static func parsed(_ body: [UInt8]) -> JSONView? {
        do throws(Fault) { return try JSONDocument(parsing: body).root } catch { return nil }
    }

    private static func isTopic(_ text: String) -> Bool {
        (1 ... 100).contains(text.utf8.count) && text.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 46 || $0 == 95 }
    }
}

/// `t=1794734466,v1=<64 hexadecimal digits>[,v1=…][,v0=…]`, read strictly: what is not of this form was not written by Stripe.
struct SignatureHeader: Sendable {
    var seconds: Int64
    /// The time as it is written: what was signed.
    private var time: [UInt8]
    private var signatures: [[UInt8]] = []

    init?(_ text: String) {
        guard text.utf8.count <= StripeLimits.signatureBytes else { return nil }
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
            // Other schemes are not ours to trust: `v0` is for tests.
            default: break
            }
        }
        guard times.count == 1, let time = times.first, (1 ... 11).contains(time.count), time.allSatisfy({ (48 ... 57).contains($0) }),
            let seconds = Int64(String(decoding: time, as: UTF8.self)), (1 ... StripeLimits.signatures).contains(signatures.count)
        else { return nil }
        self.time = time
        self.seconds = seconds
    }

    func isGenuine(_ body: [UInt8], _ secret: Secret) -> Bool {
        let keys = secret.reveal().split(whereSeparator: { $0 == 32 || $0 == 44 || $0 == 10 || $0 == 13 || $0 == 9 }).prefix(StripeLimits.signatures)
        let payload = time + [UInt8(ascii: ".")] + body
        var genuine = false
        for key in keys {
            let wanted = Array(HMAC.sha256(key: Array(key), payload).hexText.utf8)
            for signature in signatures where constantTimeEquals(signature, wanted) { genuine = true }
        }
        return genuine
    }
}
