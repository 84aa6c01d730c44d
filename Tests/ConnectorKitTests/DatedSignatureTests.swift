import ConnectorKit
import Kernel
import Testing

@Suite("Dated signatures of webhooks") struct DatedSignatureTests {
    private let body = Array(#"{"id":"evt_1","type":"charge.refunded"}"#.utf8)
    private let time = "1794734466"
    // Of time, point and body by Python's hmac, under the keys whsec_one, whsec_two and whsec_three.
    private let one = "846f263961090865250d70ccc3badb1421ce89110543f49328ce68c2346a0654"
    private let two = "cca9fdf88af57780fc905531f794e62d7936f3395b32bb40f674006410c33cd9"
    private let three = "3553ee5c1b072dcda7bda4672889249235d44a89de3b31d4e781035bd5600451"

    private func read(_ text: String, bytes: Int = 1_000, most: Int = 2) -> DatedSignature? { DatedSignature(text, bytes: bytes, most: most) }

    private func isGenuine(_ text: String, _ secret: String = "whsec_one", most: Int = 2) -> Bool {
        read(text, most: most)?.isGenuine(body, Secret(secret)) ?? false
    }

    @Test("a signature of time, point and body is genuine, and no byte of the three may differ")
    func known() throws {
        let signed = try #require(read("t=\(time),v1=\(one)"))
        #expect(signed.seconds == 1_794_734_466)
        #expect(signed.isGenuine(body, Secret("whsec_one")))
        #expect(!signed.isGenuine(body + [10], Secret("whsec_one")))
        #expect(!signed.isGenuine(Array(body.dropLast()), Secret("whsec_one")))
        #expect(!signed.isGenuine([], Secret("whsec_one")))
        #expect(!signed.isGenuine(body, Secret("whsec_on")))
        #expect(!isGenuine("t=1794734467,v1=\(one)"))
        #expect(!isGenuine("t=0\(time),v1=\(one)"), "the time is signed as it is written")
        for place in [0, 31, 63] {
            var digits = Array(one)
            digits[place] = digits[place] == "0" ? "1" : "0"
            #expect(!isGenuine("t=\(time),v1=\(String(digits))"))
        }
    }

    @Test("any of its signatures will do, and any of our keys, however they are separated")
    func several() {
        #expect(isGenuine("t=\(time),v1=\(two),v1=\(one)"))
        #expect(isGenuine("v1=\(one),t=\(time)"))
        for secret in ["whsec_two whsec_one", "whsec_two,whsec_one", "whsec_one\r\nwhsec_two\n", "\twhsec_one ,", "whsec_two\n\nwhsec_one"] {
            #expect(isGenuine("t=\(time),v1=\(one)", secret))
        }
        #expect(!isGenuine("t=\(time),v1=\(one)", "whsec_two whsec_three"))
        #expect(!isGenuine("t=\(time),v1=\(two),v1=\(three)"))
    }

    @Test("keys beyond the most that a secret may have are not tried")
    func keys() {
        #expect(isGenuine("t=\(time),v1=\(one)", "whsec_two whsec_one", most: 2))
        #expect(!isGenuine("t=\(time),v1=\(one)", "whsec_two whsec_three whsec_one", most: 2))
        #expect(isGenuine("t=\(time),v1=\(one)", "whsec_two whsec_three whsec_one", most: 3))
    }

    @Test("without a key nothing is genuine", arguments: ["", " ", ",", "\n", " ,\t\r\n"])
    func noKey(secret: String) { #expect(!isGenuine("t=\(time),v1=\(one)", secret)) }

    @Test("other schemes are passed over: they make nothing genuine and keep nothing from being so")
    func schemes() {
        #expect(isGenuine("t=\(time),v0=\(two),v1=\(one),v2=x"))
        #expect(!isGenuine("t=\(time),v1=\(two),v0=\(one)"))
        #expect(read("t=\(time),v0=\(one)") == nil)
        #expect(isGenuine("t=\(time),v0=,v1=\(one)"))
    }

    @Test("no time, two times, and times that are none are refused", arguments: [
        "v1=S", "t=,v1=S", "t=1794734466,t=1794734466,v1=S", "t=1794734466,t=1,v1=S", "t=-1,v1=S", "t=+1,v1=S", "t=1.5,v1=S", "t=0x10,v1=S", "t=now,v1=S",
        "t= 1794734466,v1=S", "t=1794734466 ,v1=S", "T=1794734466,v1=S", "t=١٢٣,v1=S", "t=100000000000,v1=S", "t=99999999999999999999,v1=S",
    ])
    func times(text: String) { #expect(read(text.replacing("S", with: one)) == nil) }

    @Test("the longest time that is read has eleven digits")
    func longTime() { #expect(read("t=99999999999,v1=\(one)")?.seconds == 99_999_999_999) }

    @Test("a digest that is not 64 small hexadecimal digits is refused, even beside a good one")
    func digests() {
        let bad = [one.uppercased(), String(one.dropLast()), one + "0", String(one.dropLast()) + "g", String(one.dropLast()) + " ", "", String(one.dropLast()) + "é"]
        for digest in bad {
            #expect(read("t=\(time),v1=\(digest)") == nil)
            #expect(read("t=\(time),v1=\(one),v1=\(digest)") == nil)
        }
    }

    @Test("what is not names and values between commas is refused", arguments: [
        "", ",", "=", "t", "t=1794734466", "t=1794734466,", "t=1794734466,v1=S,", ",t=1794734466,v1=S", "t=1794734466,,v1=S", "t=1794734466,v1",
        "t=1794734466,v1=S=", "t==1794734466,v1=S", "t=1794734466,=S,v1=S", "t=1794734466;v1=S", "t=1794734466, v1=S", "t=1794734466,v1=\"S\"", "S",
    ])
    func form(text: String) { #expect(read(text.replacing("S", with: one)) == nil) }

    @Test("too many signatures are refused, and so is a header that is too long")
    func bounds() {
        let header = "t=\(time),v1=\(one),v1=\(two)"
        #expect(read(header, most: 2) != nil)
        #expect(read(header + ",v1=\(three)", most: 2) == nil)
        #expect(read(header, bytes: header.utf8.count) != nil)
        #expect(read(header, bytes: header.utf8.count - 1) == nil)
        #expect(read("t=\(time),v1=\(one)" + String(repeating: ",a=b", count: 300)) == nil)
    }

    @Test("a delivery may be taken around its time, and neither when it is too old nor when it comes from the future")
    func age() throws {
        let valid = try #require(read("t=\(time),v1=\(one)")).valid(within: .seconds(300))
        #expect(valid == Timestamp(seconds: 1_794_734_166) ... Timestamp(seconds: 1_794_734_766))
        #expect(!valid.contains(Timestamp(microseconds: 1_794_734_766_000_001)))
        #expect(!valid.contains(Timestamp(seconds: 1_794_734_165)))
        let oldest = try #require(read("t=0,v1=\(one)")).valid(within: .seconds(300))
        #expect(!oldest.contains(Timestamp(seconds: 1_794_734_466)))
    }

    @Test("a topic is small letters, digits, points and underscores", arguments: [
        ("charge.refunded", true), ("v2.core_event.1", true), ("a", true), ("", false), ("Charge.refunded", false), ("charge refunded", false),
        ("charge/refunded", false), ("charge.refunded\n", false), ("größe", false),
    ])
    func topics(text: String, isOne: Bool) {
        #expect(WebhookDelivery.isTopic(text) == isOne)
        #expect(WebhookDelivery.isTopic(String(repeating: "a", count: 100)))
        #expect(!WebhookDelivery.isTopic(String(repeating: "a", count: 101)))
    }
}
