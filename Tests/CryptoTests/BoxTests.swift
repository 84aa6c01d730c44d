import Kernel
import Testing

@testable import Crypto

@Suite("Sealed boxes")
struct BoxTests {
    private let random = SeededRandom(seed: 7748)
    private let context = ascii("tenant 7 / oauth code")

    @Test("X25519 gives the results of RFC 7748, sections 5.2 and 6.1")
    func vectors() {
        let product = X25519.agree(
            secret: hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
            with: hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
        #expect(product?.hexText == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
        let alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        let alicePublic = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        let bobPublic = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        #expect(X25519.publicKey(of: alice) == alicePublic)
        #expect(X25519.publicKey(of: bob) == bobPublic)
        #expect(X25519.agree(secret: alice, with: bobPublic) == shared)
        #expect(X25519.agree(secret: bob, with: alicePublic) == shared)
    }

    @Test("who has the public key writes, who has the private key reads")
    func roundTrip() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let writer = try BoxPublicKey(key.publicKey.bytes)
        for count in [0, 1, 64, 100_000] {
            let plain = random.bytes(count)
            let sealed = try writer.seal(plain, context: context, random: random)
            #expect(sealed.count == count + 49)
            #expect(try key.open(sealed, context: context) == plain)
            #expect(try BoxPrivateKey(raw: key.raw).open(sealed, context: context) == plain)
        }
    }

    @Test("two boxes of the same text share neither sender nor ciphertext")
    func fresh() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let one = try key.publicKey.seal([1, 2, 3, 4], context: context, random: random)
        let two = try key.publicKey.seal([1, 2, 3, 4], context: context, random: random)
        #expect(one[1 ..< 33] != two[1 ..< 33])
        #expect(one[33...] != two[33...])
    }

    @Test("boxes of one agreement are read like others, and share no key")
    func agreement() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let writer = try key.publicKey.agreement(random: random)
        for count in [0, 1, 64, 100_000] {
            let plain = random.bytes(count)
            let one = try writer.seal(plain, context: context, random: random)
            let two = try writer.seal(plain, context: context, random: random)
            #expect(one.count == count + 65)
            #expect(one[..<33] == two[..<33])
            #expect(one[33 ..< 49] != two[33 ..< 49])
            #expect(one[49...] != two[49...])
            #expect(try key.open(one, context: context) == plain)
            #expect(try key.open(two, context: context) == plain)
        }
    }

    @Test("a box of an agreement with one changed bit, cut short, in another context or of another version is refused")
    func changedAgreement() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let sealed = try key.publicKey.agreement(random: random).seal(ascii("code=abc"), context: context, random: random)
        for position in sealed.indices {
            var other = sealed
            other[position] ^= 1 << UInt8(position % 8)
            expectRejected { try key.open(other, context: context) }
            expectRejected { try key.open(Array(sealed[..<position]), context: context) }
        }
        expectRejected { try key.open(sealed, context: context + [0]) }
        for version: UInt8 in [0, 1, 3, 255] { expectRejected { try key.open([version] + sealed.dropFirst(), context: context) } }
    }

    @Test("one changed bit anywhere is refused")
    func changed() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let sealed = try key.publicKey.seal(ascii("code=abc"), context: context, random: random)
        for position in sealed.indices {
            var other = sealed
            other[position] ^= 1 << UInt8(position % 8)
            expectRejected { try key.open(other, context: context) }
        }
    }

    @Test("a cut box, another context and another key are refused")
    func wrong() throws {
        let key = try BoxPrivateKey.generate(random: random)
        let sealed = try key.publicKey.seal([1, 2, 3], context: context, random: random)
        for count in 0 ..< sealed.count {
            expectRejected { try key.open(Array(sealed.prefix(count)), context: context) }
        }
        expectRejected { try key.open(sealed, context: ascii("tenant 8 / oauth code")) }
        let other = try BoxPrivateKey.generate(random: random)
        expectRejected { try other.open(sealed, context: context) }
    }

    @Test("a public key of small order is refused by writer and reader", arguments: [UInt8(0), 1])
    func smallOrder(first: UInt8) throws {
        let weak = [first] + [UInt8](repeating: 0, count: 31)
        let fault = #expect(throws: Fault.self) {
            try BoxPublicKey(weak).seal([1], context: [], random: SeededRandom(seed: 1))
        }
        #expect(fault?.code == "public_key_rejected")
        let key = try BoxPrivateKey.generate(random: random)
        expectRejected { try key.open([1] + weak + [UInt8](repeating: 0, count: 20), context: []) }
    }

    @Test("keys of another length are refused", arguments: [0, 31, 33])
    func lengths(count: Int) {
        let bytes = [UInt8](repeating: 5, count: count)
        let one = #expect(throws: Fault.self) { try BoxPrivateKey(raw: Secret(bytes)) }
        let two = #expect(throws: Fault.self) { try BoxPublicKey(bytes) }
        #expect(one?.code == "key_length_wrong")
        #expect(two?.code == "key_length_wrong")
    }
}
