import Crypto
import Kernel
import Testing

@Suite("Digest, HMAC and HKDF")
struct DigestTests {
    @Test(
        "SHA-256 gives the digests of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(message: String, digest: String) {
        #expect(Digest.sha256(ascii(message)).hexText == digest)
    }

    @Test("SHA-256 of a million letters a is that of FIPS 180-4")
    func sha256Long() {
        let digest = Digest.sha256([UInt8](repeating: 97, count: 1_000_000))
        #expect(digest.hexText == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    struct Vector: Sendable {
        var key: [UInt8]
        var message: [UInt8]
        var code: String
    }

    static let rfc4231: [Vector] = [
        Vector(
            key: [UInt8](repeating: 0x0b, count: 20), message: ascii("Hi There"),
            code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Vector(
            key: ascii("Jefe"), message: ascii("what do ya want for nothing?"),
            code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Vector(
            key: [UInt8](repeating: 0xaa, count: 20), message: [UInt8](repeating: 0xdd, count: 50),
            code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Vector(
            key: [UInt8](repeating: 0xaa, count: 131),
            message: ascii("Test Using Larger Than Block-Size Key - Hash Key First"),
            code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Vector(key: [], message: [], code: "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]

    @Test("HMAC-SHA-256 gives the codes of RFC 4231, and takes an empty key and message", arguments: rfc4231)
    func hmac(vector: Vector) {
        #expect(HMAC.sha256(key: vector.key, vector.message).hexText == vector.code)
    }

    @Test("one HMAC leaves nothing behind for the next")
    func hmacIndependent() {
        let first = HMAC.sha256(key: ascii("Jefe"), ascii("what do ya want for nothing?"))
        _ = HMAC.sha256(key: [], ascii("another"))
        #expect(HMAC.sha256(key: ascii("Jefe"), ascii("what do ya want for nothing?")) == first)
    }

    @Test("HMACs computed by many tasks at once do not disturb each other")
    func hmacConcurrent() async {
        let wrong = await withTaskGroup(of: Int.self) { group in
            for _ in 0 ..< 8 {
                group.addTask {
                    (0 ..< 200).filter { n in
                        let vector = Self.rfc4231[n % Self.rfc4231.count]
                        return HMAC.sha256(key: vector.key, vector.message).hexText != vector.code
                    }.count
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    @Test("HMAC-SHA-1 gives the code of RFC 2202")
    func hmacSHA1() {
        let code = HMAC.sha1(key: ascii("Jefe"), ascii("what do ya want for nothing?"))
        #expect(code.hexText == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
    }

    @Test("a Shopify webhook's signature is HMAC-SHA-256 over the raw body in base 64")
    func shopify() {
        let code = HMAC.sha256(key: ascii("shpss_test_secret"), ascii(#"{"id":1042}"#))
        #expect(Base64.encode(code) == "x+Ey10x7nKK+QXEnTJYDnhJ0xSzpGBchluUwOZdeTlU=")
        let other = HMAC.sha256(key: ascii("shpss_test_secret"), ascii(#"{"id":1043}"#))
        #expect(!constantTimeEquals(code, other))
    }

    @Test("HKDF-SHA-256 gives the keys of RFC 5869, test cases 1 to 3")
    func hkdf() {
        let input = [UInt8](repeating: 0x0b, count: 22)
        let one = HKDF.sha256(
            secret: input, salt: hex("000102030405060708090a0b0c"), info: hex("f0f1f2f3f4f5f6f7f8f9"), count: 42)
        #expect(
            one.hexText == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
        let two = HKDF.sha256(
            secret: Array(0x00 ... 0x4f), salt: Array(0x60 ... 0xaf), info: Array(0xb0 ... 0xff), count: 82)
        let twoExpected = hex(
            """
            b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
            59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
            cc30c58179ec3e87c14c01d5c1f3434f1d87
            """)
        #expect(two == twoExpected)
        let three = HKDF.sha256(secret: input, salt: [], info: [], count: 42)
        #expect(
            three.hexText == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    }

    @Test("constant-time comparison tells equal from different, shorter and longer")
    func compare() {
        #expect(constantTimeEquals([], []))
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEquals([0, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        #expect(!constantTimeEquals([], [0]))
    }
}
