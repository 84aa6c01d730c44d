import Crypto
import Kernel
import Testing

@Suite("Base64")
struct Base64Tests {
    static let rfc4648: [(String, String)] = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("the vectors of RFC 4648 go both ways", arguments: rfc4648)
    func vectors(plain: String, text: String) {
        #expect(Base64.encode(ascii(plain)) == text)
        #expect(Base64.decode(text) == ascii(plain))
        let bare = String(text.prefix { $0 != "=" })
        #expect(Base64.encodeURL(ascii(plain)) == bare)
        #expect(Base64.decodeURL(bare) == ascii(plain))
    }

    @Test("the two alphabets differ in two characters and don't take each other's")
    func alphabets() {
        let bytes: [UInt8] = [0xfb, 0xff, 0xfe]
        #expect(Base64.encode(bytes) == "+//+")
        #expect(Base64.encodeURL(bytes) == "-__-")
        #expect(Base64.decode("-__-") == nil)
        #expect(Base64.decodeURL("+//+") == nil)
    }

    @Test(
        "text that is not exactly what encode writes is refused",
        arguments: [
            "Zg", "Zg=", "Zg===", "Zm8", "Z===", "====", "=", "==", "Zg==Zg==", "Z=g=", "Zm9v\n", " Zm9v", "Zm9v====",
            "Zm9*", "Zh==", "Zm9=", "Zm9véé", "Zg==\u{0}",
        ])
    func refused(text: String) { #expect(Base64.decode(text) == nil) }

    @Test(
        "URL text with padding, a lone character or stray low bits is refused",
        arguments: ["Zg==", "Z", "Zh", "Zm9", "Zm9v="])
    func refusedURL(text: String) { #expect(Base64.decodeURL(text) == nil) }

    @Test("bytes of every length and value come back as they went")
    func roundTrip() {
        let random = SeededRandom(seed: 4648)
        for count in 0 ..< 260 {
            let bytes = random.bytes(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
        }
    }
}
