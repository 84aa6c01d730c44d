import ConnectorKit
import ConnectorTestKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Inbound

@Suite("Signed deliveries")
struct WebhookTests {
    private let body = Array(#"{"id":"evt-1","type":"invoice.created"}"#.utf8)

    private func signature(_ key: String, _ time: String, _ body: [UInt8]) -> String {
        HMAC.sha256(key: Array(key.utf8), Array("\(time).".utf8) + body).hexText
    }

    private func verified(_ header: String, _ body: [UInt8], secret: String) -> WebhookDelivery? {
        erp.verify(["Counterfoil-Signature": header], body: body, secret: Secret(secret))
    }

    @Test("while a key is replaced either of both is good, and a third is not")
    func rotation() {
        let header = "t=1794734466,v1=\(signature("old", "1794734466", body))"
        for secret in ["old", "old new", "new,old", "new\nold\n"] { #expect(verified(header, body, secret: secret)?.deliveryID == "evt-1") }
        #expect(verified(header, body, secret: "new other") == nil)
        let both = "t=1794734466,v1=\(signature("new", "1794734466", body)),v1=\(signature("old", "1794734466", body))"
        #expect(verified(both, body, secret: "old") != nil && verified(both, body, secret: "new") != nil)
    }

    @Test("a delivery is good for five minutes to either side of its time")
    func window() throws {
        let found = try #require(verified("t=1794734466,v1=\(signature("k", "1794734466", body))", body, secret: "k"))
        let at = Timestamp(seconds: 1_794_734_466)
        #expect(found.valid == at - .seconds(300) ... at + .seconds(300) && found.topic == "invoice.created")
    }

    @Test(
        "a signature over another time, or without one, is none",
        arguments: ["", "t=1", "v1=", "t=1,t=1,v1=", "t=-1,v1=", "t=1794734467,v1=", "t=1794734466;v1="])
    func forms(prefix: String) {
        #expect(verified(prefix + signature("k", "1794734466", body), body, secret: "k") == nil)
    }

    @Test("a secret of separators alone signs nothing")
    func empty() {
        #expect(verified("t=1794734466,v1=\(signature("", "1794734466", body))", body, secret: " ,\n") == nil)
    }

    @Test("a genuine delivery that names nothing is kept under its digest, to be held where it is read")
    func unnamed() throws {
        for text in ["{", "{}", "[]", #"{"id":"a b","type":"invoice.created"}"#, #"{"id":"e","type":"Invoice\n"}"#] {
            let body = Array(text.utf8)
            let found = try #require(verified("t=1794734466,v1=\(signature("k", "1794734466", body))", body, secret: "k"))
            #expect(found.topic == "unreadable" && found.deliveryID == "sha256:" + Digest.sha256(body).hexText && erp.uses(topic: found.topic))
        }
    }
}
