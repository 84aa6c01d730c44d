import Kernel
import Testing

@testable import Crypto

@Suite("Passwords")
struct PasswordTests {
    @Test("scrypt gives the keys of RFC 7914, section 12")
    func scryptVectors() {
        let empty = PasswordHash.scrypt([], salt: [], cost: .init(log2N: 4, r: 1, p: 1), count: 64)
        let emptyExpected = hex(
            """
            77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442
            fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
            """)
        #expect(empty == emptyExpected)
        let salted = PasswordHash.scrypt(
            ascii("password"), salt: ascii("NaCl"), cost: .init(log2N: 10, r: 8, p: 16), count: 64)
        let saltedExpected = hex(
            """
            fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162
            2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
            """)
        #expect(salted == saltedExpected)
    }

    @Test("the stored form is the one another scrypt writes, and only the password matches it")
    func stored() throws {
        let salt: [UInt8] = Array(0 ..< 16)
        let text = try PasswordHash.make(Secret("correct horse"), random: PreparedRandom(salt))
        #expect(text == "$scrypt$ln=15,r=8,p=3$AAECAwQFBgcICQoLDA0ODw$ANYWwrwG9exM4wRn3uDhnkTuLMG27uj4k9dz5KrBPkg")
        #expect(PasswordHash.verify(Secret("correct horse"), against: text))
        #expect(!PasswordHash.verify(Secret("Correct horse"), against: text))
        #expect(!PasswordHash.verify(Secret(""), against: text))
        #expect(PasswordHash.isCurrent(text))
    }

    @Test("nobody's hash costs what a user's does, and no password is its")
    func nobody() {
        #expect(PasswordHash.isCurrent(PasswordHash.ofNobody))
        for password in ["", "correct horse", "\u{0}"] { #expect(!PasswordHash.verify(Secret(password), against: PasswordHash.ofNobody)) }
    }

    @Test("a hash of an older cost still verifies and asks to be made again")
    func older() {
        let old = PasswordHash.Cost(log2N: 10, r: 8, p: 1)
        let salt: [UInt8] = Array(0 ..< 16)
        guard let hash = PasswordHash.scrypt(ascii("pw"), salt: salt, cost: old, count: 32) else {
            Issue.record("scrypt failed")
            return
        }
        let text = "$scrypt$ln=10,r=8,p=1$\(Base64.encodeURL(salt))$\(Base64.encodeURL(hash))"
        #expect(PasswordHash.verify(Secret("pw"), against: text))
        #expect(!PasswordHash.verify(Secret("pW"), against: text))
        #expect(!PasswordHash.isCurrent(text))
    }

    @Test(
        "a malformed or ruinously costly stored form matches nothing",
        arguments: [
            "", "$", "pw", "$scrypt$ln=15,r=8,p=3$AAECAwQFBgcICQoLDA0ODw$", "$argon2$ln=15,r=8,p=3$AAECAwQFBgcICQ$AAAA",
            "$scrypt$ln=40,r=8,p=3$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=15,r=8,p=9999$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=15,r=0,p=0$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$r=8,p=3,ln=15$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ])
    func malformed(text: String) {
        #expect(!PasswordHash.verify(Secret("pw"), against: text))
        #expect(!PasswordHash.isCurrent(text))
    }

    @Test("a password over 1024 bytes is refused, not cut")
    func long() {
        let password = Secret([UInt8](repeating: 97, count: 1025))
        let fault = #expect(throws: Fault.self) { try PasswordHash.make(password, random: SeededRandom(seed: 1)) }
        #expect(fault?.code == "password_too_long")
        #expect(fault.map { !$0.description.contains("aaaa") } == true)
    }

    @Test("an API key's digest is its SHA-256 in hexadecimal")
    func apiKey() {
        #expect(
            APIKeyDigest.hex(Secret("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("a SCRAM verifier proves the exchange of RFC 7677: its stored key checks the client, its server key signs")
    func scram() throws {
        let salt = try #require(Base64.decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
        let text = try scramVerifier(password: Secret("pencil"), random: PreparedRandom(salt))
        let parts = text.split(separator: "$")
        try #require(parts.count == 3)
        #expect(parts[0] == "SCRAM-SHA-256")
        #expect(parts[1] == "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
        let keys = parts[2].split(separator: ":")
        try #require(keys.count == 2)
        let stored = try #require(Base64.decode(String(keys[0])))
        let server = try #require(Base64.decode(String(keys[1])))

        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        let exchange = ascii(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r=\(nonce),s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=\(nonce)")
        let proof = try #require(Base64.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
        let clientKey = zip(proof, HMAC.sha256(key: stored, exchange)).map { $0 ^ $1 }
        #expect(Digest.sha256(clientKey) == stored)
        #expect(
            Base64.encode(HMAC.sha256(key: server, exchange)) == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    }

    @Test("two verifiers of one password differ, and neither holds the password")
    func scramSalted() throws {
        let random = SeededRandom(seed: 5802)
        let one = try scramVerifier(password: Secret("pencil"), random: random)
        #expect(try scramVerifier(password: Secret("pencil"), random: random) != one)
        #expect(!one.contains("pencil"))
    }

    @Test(
        "a database password that would need SASLprep is refused",
        arguments: ["", "pässword", "tab\there", "nul\u{0}"])
    func scramASCII(password: String) {
        let fault = #expect(throws: Fault.self) {
            try scramVerifier(password: Secret(password), random: SeededRandom(seed: 1))
        }
        #expect(fault?.code == "password_not_ascii")
    }
}
