import Crypto
import Kernel
import Testing

@Suite("Signatures that others check")
struct SignatureTests {
    @Test("ES256: the signature that RFC 7515, A.3 prints is good, and any other is not")
    func published256() throws {
        let key = try VerificationKey(
            der: bytes("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ=="))
        let input = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        let signature = try #require(Base64.decodeURL("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"))
        refuses(key, signature, Array(input.utf8), .es256)
    }

    @Test("PS384: the signature that RFC 7520, 4.2 prints is good, and any other is not")
    func published384() throws {
        let key = try VerificationKey(der: bytes(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAn4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8/KuKPEHLd4rHVTeT+O+XV2jRojdNhxJWTDvNd7"
            + "nqQ0VEiZQHz/AJmSCpMaJMRBSFKrKb2wqVwGU/NsYOYL+QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj+oBHqFEHYpPe7Tpe+OfVfHd1E6cS6M1"
            + "FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3+tVTU4fg/3L/vniUFAKwuCLqKnS2BYwdq/mzSnbLY7h/qixoR7jig3//kRhu"
            + "axwUkRz5iaiQkqgc5gHdrNP5zwIDAQAB"))
        let input = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbyw"
            + "gZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5"
            + "vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
        let signature = try #require(Base64.decodeURL(
            "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMx"
            + "bbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8c"
            + "BE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"))
        refuses(key, signature, Array(input.utf8), .ps384)
    }

    @Test("PS256: what OpenSSL's command signed is good, with a salt as long as the hash")
    func command256() throws {
        let signature = bytes(
            "hQSwc2g1CxLMN+Ldec7Z/RMeicWVX1Y+pnRExAtPlopnR00urIlrpl8p7IuPp5+73Unc8e8HTtf+7uSD7q8okSpQKdxw2lLZUYm+SKuWKSMMyyOe2l3gOx6C"
            + "z6o3aFtGCNkmTi3y0TNGGninLRp3b26IHebayTcoRhjkvrTTEg+qWYac8TEbPgiDoJ6CQ5QQQu7j+p63vdOIx/FhkerWuJcdbrNmbJSHxGOjoE8DzmR/cCPr"
            + "EPSUXTpSNXyj/xOitCLArYImz1ov9qOOBAK7e3S0BB6NP7AMjfwHNz9oXNi346KY1eOHjIYzyvmPL4NUpqGJOL8vVMK7mqbHVQtqUQ==")
        refuses(try SigningKey(pem: Secret(SigningKeys.rsa)).publicKey, signature, Array("counterfoil".utf8), .ps256)
    }

    @Test("what a key signs its public half finds good, in the length that a JWT wants", arguments: [
        (SigningKeys.rsa, SignatureAlgorithm.ps256, 256), (SigningKeys.p256, .es256, 64), (SigningKeys.p256Older, .es256, 64), (SigningKeys.p384, .es384, 96),
        (SigningKeys.p521, .es512, 132),
    ])
    func round(_ pem: String, _ algorithm: SignatureAlgorithm, _ count: Int) throws {
        let key = try SigningKey(pem: Secret(pem))
        #expect(key.algorithm == algorithm)
        // ECDSA's numbers are shorter now and then: each has its full length all the same.
        for n in 0 ..< 64 {
            let message = Array("message \(n)".utf8)
            let signature = try key.sign(message)
            #expect(signature.count == count)
            #expect(key.publicKey.verifies(signature, of: message, algorithm))
        }
        let other: SignatureAlgorithm = algorithm == .ps256 ? .es256 : .ps256
        #expect(!key.publicKey.verifies(try key.sign([1]), of: [1], other))
    }

    @Test("what can't be signed with is refused, and shows nothing of itself", arguments: [
        "", "hush", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n", SigningKeys.rsaTooShort, SigningKeys.ed25519, SigningKeys.encrypted,
        String(SigningKeys.rsa.prefix(300)),
    ])
    func unreadable(_ pem: String) {
        let fault = #expect(throws: Fault.self) { try SigningKey(pem: Secret(pem)) }
        #expect(fault?.code == "key_unreadable")
        #expect(fault.map { !"\($0)".contains("hush") && !"\($0)".contains("MII") } == true)
    }

    @Test("a key prints as stars")
    func prints() throws {
        let key = try SigningKey(pem: Secret(SigningKeys.p256))
        #expect("\(key)" == "***" && String(reflecting: key) == "***")
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("BEGIN"))
    }

    @Test("a public key that is none is refused")
    func publicKeys() {
        for der in [[], [0x30], Array("hush".utf8)] { #expect(throws: Fault.self) { try VerificationKey(der: der) } }
    }

    private func bytes(_ text: String) -> [UInt8] { Base64.decode(text) ?? [] }

    /// Good as it is; bad with a bit turned in signature or message, cut, longer, empty, or under another algorithm.
    private func refuses(_ key: VerificationKey, _ signature: [UInt8], _ message: [UInt8], _ algorithm: SignatureAlgorithm) {
        #expect(key.verifies(signature, of: message, algorithm))
        for place in [0, signature.count / 2, signature.count - 1] {
            var bent = signature
            bent[place] ^= 1
            #expect(!key.verifies(bent, of: message, algorithm))
        }
        var other = message
        other[0] ^= 1
        #expect(!key.verifies(signature, of: other, algorithm))
        for wrong in [[], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: signature.count)] {
            #expect(!key.verifies(wrong, of: message, algorithm))
        }
        for name in SignatureAlgorithm.allCases where name != algorithm { #expect(!key.verifies(signature, of: message, name)) }
    }
}
