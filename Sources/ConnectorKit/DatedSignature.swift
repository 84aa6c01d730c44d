internal import Crypto
public import Kernel
internal import Wire

/// `t=1794734466,v1=<64 hexadecimal digits>[,v1=…]` in a webhook's header, read strictly: HMAC-SHA256 over time, point and raw body. What is not of this
/// form was not written by who should have; further schemes (`v0`) are passed over, for they are not ours to trust.
/// - Source: docs.stripe.com, Webhooks, "Verify webhook signatures manually"; our own inbound contract has the same.
public struct DatedSignature: Sendable {
    /// When it was signed, Unix seconds.
    public let seconds: Int64
    /// The time as it is written: what was signed.
    private let time: [UInt8]
    private let signatures: [[UInt8]]
    /// Signatures of a header, and keys of a secret, at most.
    private let most: Int

    /// `nil` for what is not of this form.
    /// - Parameters:
    ///   - bytes: longest header that is read.
    ///   - most: signatures that it may have, and keys that a secret may have.
    public init?(_ text: String, bytes: Int, most: Int) {
        guard text.utf8.count <= bytes else { return nil }
        var times: [[UInt8]] = []
        var signatures: [[UInt8]] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let halves = part.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
            guard halves.count == 2, !halves[0].isEmpty else { return nil }
            let value = Array(halves[1])
            switch String(Substring(halves[0])) {
            case "t": times.append(value)
            case "v1":
                guard value.count == 64, value.allSatisfy({ (48 ... 57).contains($0) || (97 ... 102).contains($0) }) else { return nil }
                signatures.append(value)
            default: break
            }
        }
        guard times.count == 1, let time = times.first, (1 ... 11).contains(time.count), time.allSatisfy({ (48 ... 57).contains($0) }),
            let seconds = Int64(String(decoding: time, as: UTF8.self)), (1 ... most).contains(signatures.count)
        else { return nil }
        self.time = time
        self.seconds = seconds
        self.signatures = signatures
        self.most = most
    }

    /// When the delivery may be taken: what is older was sent before, by whomever; what is younger by nobody whose clock is right.
    public func valid(within tolerance: Duration) -> ClosedRange<Timestamp> {
        let at = Timestamp(seconds: seconds)
        return at - tolerance ... at + tolerance
    }

    /// Whether one of its signatures is of `body` under one of the keys that `secret` has, separated by spaces, commas or lines; in constant time.
    public func isGenuine(_ body: [UInt8], _ secret: Secret) -> Bool {
        let keys = secret.reveal().split(whereSeparator: { [9, 10, 13, 32, 44].contains($0) }).prefix(most)
        let payload = time + [UInt8(ascii: ".")] + body
        var genuine = false
        for key in keys {
            let wanted = Array(HMAC.sha256(key: Array(key), payload).hexText.utf8)
            for signature in signatures where constantTimeEquals(signature, wanted) { genuine = true }
        }
        return genuine
    }
}

extension WebhookDelivery {
    /// Whether it is a topic as such platforms write them: `charge.refunded`.
    public static func isTopic(_ text: String) -> Bool {
        (1 ... 100).contains(text.utf8.count) && text.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 46 || $0 == 95 }
    }
}
