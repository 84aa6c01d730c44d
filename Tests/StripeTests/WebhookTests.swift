import ConnectorKit
import ConnectorTestKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Stripe

@Suite("Signatures of deliveries") struct WebhookTests {
    private let secret = "whsec_test_secret"
    private let vector = "9e132e128a22b4c192ff541f1b3850323ef71b96c7fb5e5ce8b59a0a6ec22d37"
    private let body = Array(#"{"id":"evt_1042","type":"charge.succeeded"}"#.utf8)
    private let time = 1_794_734_466

    private func signed(_ body: [UInt8], _ secret: String, at time: Int) -> String {
        HMAC.sha256(key: Array(secret.utf8), Array("\(time).".utf8) + body).hexText
    }

    private func verify(_ header: String, secret: String? = nil) -> WebhookDelivery? {
        connector.verify(["Stripe-Signature": header], body: body, secret: Secret(secret ?? self.secret))
    }

    /// Made with another program's HMAC: body `{"id":1042}`.
    @Test("the known vector is genuine, and no byte of it may differ")
    func known() throws {
        let header = try #require(DatedSignature("t=\(time),v1=\(vector)", bytes: StripeLimits.signatureBytes, most: StripeLimits.signatures))
        #expect(header.seconds == 1_794_734_466)
        #expect(header.isGenuine(Array(#"{"id":1042}"#.utf8), Secret(secret)))
        #expect(!header.isGenuine(Array(#"{"id":1043}"#.utf8), Secret(secret)))
        #expect(!header.isGenuine(Array(#"{"id":1042}"#.utf8), Secret("whsec_test_secre")))
        let later = try #require(DatedSignature("t=\(time + 1),v1=\(vector)", bytes: StripeLimits.signatureBytes, most: StripeLimits.signatures))
        #expect(!later.isGenuine(Array(#"{"id":1042}"#.utf8), Secret(secret)))
    }

    @Test("a delivery is named by its event and is good for five minutes to either side of its time")
    func named() throws {
        let delivery = try #require(verify("t=\(time),v1=\(signed(body, secret, at: time))"))
        #expect(delivery.deliveryID == "evt_1042" && delivery.topic == "charge.succeeded")
        #expect(delivery.valid == Timestamp(seconds: 1_794_734_166) ... Timestamp(seconds: 1_794_734_766))
        // Sent again it is signed anew, and is the same delivery.
        let again = try #require(verify("t=\(time + 9_000),v1=\(signed(body, secret, at: time + 9_000))"))
        #expect(again.deliveryID == delivery.deliveryID)
        #expect(again.valid?.contains(Timestamp(seconds: 1_794_734_466)) == false)
    }

    @Test("while a secret is rolled either signature will do, and either of our secrets; other schemes count for nothing")
    func rolled() {
        let good = signed(body, secret, at: time), other = signed(body, "whsec_new", at: time)
        #expect(verify("t=\(time),v1=\(other),v1=\(good)") != nil)
        #expect(verify("t=\(time),v1=\(good),v0=\(other)") != nil)
        #expect(verify("t=\(time),v0=\(good)") == nil)
        #expect(verify("t=\(time),v1=\(other),v0=\(good)") == nil)
        for secrets in ["whsec_new \(secret)", "\(secret),whsec_new", "whsec_new\n\(secret)\n"] {
            #expect(verify("t=\(time),v1=\(good)", secret: secrets) != nil)
        }
        #expect(verify("t=\(time),v1=\(good)", secret: "whsec_new whsec_old") == nil)
    }

    @Test("an empty secret verifies nothing")
    func empty() {
        let forged = signed(body, "", at: time)
        for secret in ["", " ", ",", "\n"] { #expect(verify("t=\(time),v1=\(forged)", secret: secret) == nil) }
    }

    @Test("what is not of the header's form is refused", arguments: [
        "", "t=", "v1=", ",", "=", "t=1794734466", "t=x,v1=G", "t=1794734466,t=1794734466,v1=G", "t=-1,v1=G", "t=+1794734466,v1=G",
        "t=99999999999999999999,v1=G", " t=1794734466,v1=G", "t=1794734466, v1=G", "t=1794734466,v1=G,", "t=1794734466,v1=G=", "t=1794734466;v1=G",
        "t=1794734466,v1=\"G\"", "v1=G",
    ])
    func malformed(text: String) { #expect(verify(text.replacing("G", with: signed(body, secret, at: time))) == nil) }

    @Test("a digest in capitals, cut or prolonged is refused, and so are hundreds of them")
    func digests() {
        let good = signed(body, secret, at: time)
        for digest in [good.uppercased(), String(good.dropLast()), good + "0", String(good.dropLast()) + "g"] {
            #expect(verify("t=\(time),v1=\(digest)") == nil)
        }
        #expect(verify("t=\(time)" + String(repeating: ",v1=\(good)", count: 21)) == nil)
        #expect(verify("t=\(time),v1=\(good)" + String(repeating: ",a=b", count: 2_000)) == nil)
    }

    @Test("a signed body that names no event is refused", arguments: [
        #"{"id":1042}"#, #"{"id":"evt_1"}"#, #"{"id":"","type":"a.b"}"#, #"{"id":"evt 1","type":"a.b"}"#, #"{"id":"evt_1","type":"A B"}"#, "[]", "{", "",
    ])
    func nameless(text: String) {
        let body = Array(text.utf8)
        #expect(connector.verify(["Stripe-Signature": "t=\(time),v1=\(signed(body, secret, at: time))"], body: body, secret: Secret(secret)) == nil)
    }

    @Test("topics that lead nowhere are not kept")
    func topics() {
        #expect(StripeConnector.topics.count == 20 && Set(StripeConnector.topics).count == 20)
        for topic in StripeConnector.topics + ["charge.refunded"] { #expect(connector.uses(topic: topic)) }
        for topic in ["customer.updated", "payment_intent.succeeded", "plan.created", ""] { #expect(!connector.uses(topic: topic)) }
    }
}
