import Kernel
import Testing

@testable import Crypto

/// A source that gives prepared bytes, in order.
final class PreparedRandom: RandomSource {
    private let left: Locked<[UInt8]>

    init(_ bytes: [UInt8]) { left = Locked(bytes) }

    func bytes(_ count: Int) -> [UInt8] {
        left.with { left in
            let given = Array(left.prefix(count))
            left.removeFirst(given.count)
            return given
        }
    }
}

@Suite("AES-256-GCM")
struct AEADTests {
    private let random = SeededRandom(seed: 38)
    private let context = ascii("tenant 7 / webhook body 42")

    @Test("the cipher gives the ciphertexts and tags of the GCM specification, test cases 13, 14 and 16")
    func vectors() throws {
        let zero = [UInt8](repeating: 0, count: 32)
        let none = [UInt8](repeating: 0, count: 12)
        #expect(
            try AESGCM.seal([], key: zero, nonce: none, context: []) == hex("530f8afbc74536b9a963b4f1c4cb738b"))
        #expect(
            try AESGCM.seal(Array(zero.prefix(16)), key: zero, nonce: none, context: [])
                == hex("cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"))
        let plain = hex(
            """
            d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
            1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39
            """)
        let expected = hex(
            """
            522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
            8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
            76fc6ece0f4e1768cddf8853bb2d551b
            """)
        let key = hex("feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308")
        let nonce = hex("cafebabefacedbaddecaf888")
        let context = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        #expect(try AESGCM.seal(plain, key: key, nonce: nonce, context: context) == expected)
        #expect(try AESGCM.open(expected, key: key, nonce: nonce, context: context) == plain)
    }

    @Test("what is sealed opens again, empty and large texts and an empty context included")
    func roundTrip() throws {
        let key = AEADKey.random(random)
        for count in [0, 1, 15, 16, 17, 4096, 1 << 20] {
            let plain = random.bytes(count)
            let sealed = try key.seal(plain, context: context, random: random)
            #expect(sealed.count == count + 29)
            #expect(try key.open(sealed, context: context) == plain)
        }
        #expect(try key.open(key.seal([9], context: [], random: random), context: []) == [9])
    }

    @Test("the format is version, nonce, ciphertext, tag, and a copy of the key opens it")
    func format() throws {
        let nonce = hex("cafebabefacedbaddecaf888")
        let key = AEADKey.random(random)
        let sealed = try key.seal([1, 2, 3], context: context, random: PreparedRandom(nonce))
        #expect(sealed[0] == 1)
        #expect(Array(sealed[1 ..< 13]) == nonce)
        #expect(sealed.count == 32)
        #expect(try AEADKey(key.secret).open(sealed, context: context) == [1, 2, 3])
    }

    @Test("the same text sealed twice looks different")
    func nonces() throws {
        let key = AEADKey.random(random)
        let first = try key.seal([1, 2, 3], context: context, random: random)
        #expect(try key.seal([1, 2, 3], context: context, random: random) != first)
    }

    @Test("one changed bit anywhere is refused")
    func changed() throws {
        let key = AEADKey.random(random)
        let sealed = try key.seal(ascii("amount 119.00"), context: context, random: random)
        for position in sealed.indices {
            var other = sealed
            other[position] ^= 1 << UInt8(position % 8)
            expectRejected { try key.open(other, context: context) }
        }
    }

    @Test("cut and lengthened texts are refused")
    func cut() throws {
        let key = AEADKey.random(random)
        let sealed = try key.seal([1, 2, 3], context: context, random: random)
        for count in 0 ..< sealed.count {
            expectRejected { try key.open(Array(sealed.prefix(count)), context: context) }
        }
        expectRejected { try key.open(sealed + [0], context: context) }
    }

    @Test("another context or another key is refused")
    func wrongContextOrKey() throws {
        let key = AEADKey.random(random)
        let sealed = try key.seal([1, 2, 3], context: context, random: random)
        expectRejected { try key.open(sealed, context: ascii("tenant 8 / webhook body 42")) }
        expectRejected { try key.open(sealed, context: []) }
        expectRejected { try AEADKey.random(random).open(sealed, context: context) }
    }

    @Test("a key of another length is refused", arguments: [0, 16, 31, 33, 64])
    func keyLength(count: Int) {
        let fault = #expect(throws: Fault.self) { try AEADKey(Secret([UInt8](repeating: 1, count: count))) }
        #expect(fault?.code == "key_length_wrong")
    }

    @Test("no description of a key, a secret or a fault shows key bytes")
    func descriptions() throws {
        let secret = Secret(ascii("0123456789abcdef0123456789abcdef"))
        let key = try AEADKey(secret)
        let box = try BoxPrivateKey(raw: secret)
        var dumped = ""
        dump(key, to: &dumped)
        dump(box, to: &dumped)
        dump([key], to: &dumped)
        let fault = #expect(throws: Fault.self) { try key.open(ascii("0123456789abcdef"), context: []) }
        let texts: [String] = [
            "\(key)", String(reflecting: key), "\(box)", String(reflecting: box), dumped, "\(secret)",
            String(reflecting: secret), "\([key])", fault?.description ?? "",
        ]
        for text in texts {
            #expect(!text.contains("0123456789abcdef"))
            #expect(!text.contains("48, 49, 50"))
        }
        #expect("\(key)" == "***")
        #expect("\(box)" == "***")
    }
}

/// Expects the one fault that says nothing about what differed.
func expectRejected(_ open: () throws -> [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    let fault = #expect(throws: Fault.self, sourceLocation: sourceLocation) { _ = try open() }
    #expect(fault?.code == "sealed_bytes_rejected", sourceLocation: sourceLocation)
    #expect(fault?.disposition == .hold, sourceLocation: sourceLocation)
}
