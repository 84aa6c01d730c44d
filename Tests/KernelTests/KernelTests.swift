import Kernel
import Testing

@Suite struct RandomTests {
    @Test("SplitMix64 gives its published sequence")
    func published() {
        // Source: the reference sequence for seed 1234567 of Vigna's splitmix64.c.
        let random = SeededRandom(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ]
        #expect((0 ..< 5).map { _ in random.next() } == expected)
    }

    @Test("the same seed gives the same bytes, another seed others")
    func reproducible() {
        let (a, b, c) = (SeededRandom(seed: 7), SeededRandom(seed: 7), SeededRandom(seed: 8))
        let first = a.bytes(100)
        #expect(first == b.bytes(100))
        #expect(first != c.bytes(100))
        #expect(first != a.bytes(100))
        for count in [0, 1, 7, 8, 9] { #expect(a.bytes(count).count == count) }
    }

    @Test("bounded numbers stay below the bound and reach all of it")
    func bounded() {
        let random = SeededRandom(seed: 3)
        var seen: Set<UInt64> = []
        for _ in 0 ..< 500 { seen.insert(random.number(below: 7)) }
        #expect(seen == Set(0 ..< 7))
        #expect(random.number(below: 1) == 0)
        #expect(random.number(below: .max) < .max)
    }

    @Test("identifiers are version 4 UUIDs, printed in lower case and read back")
    func identifiers() throws {
        let id: TenantID = SeededRandom(seed: 5).identifier()
        let text = id.description
        #expect(text.utf8.count == 36 && text == text.lowercased())
        #expect(Array(text)[14] == "4" && "89ab".contains(Array(text)[19]))
        #expect(TenantID(text) == id)
        #expect(TenantID(text.uppercased()) == id)
        #expect(id.hex.utf8.count == 32 && !id.hex.contains("-"))
        for wrong in [
            "", "x", String(text.dropLast()), text + "0", "{" + text + "}", String(text.dropLast()) + "g", id.hex,
        ] {
            #expect(TenantID(wrong) == nil)
        }
        let other: TenantID = SeededRandom(seed: 6).identifier()
        #expect((id < other) == (text < other.description) && id != other)
    }

    @Test("the kernel's random bytes are as many as asked for and differ")
    func system() {
        #expect(SystemRandom().bytes(0).isEmpty)
        #expect(SystemRandom().bytes(1000).count == 1000)
        #expect(SystemRandom().bytes(32) != SystemRandom().bytes(32))
    }
}

@Suite struct TextTests {
    @Test("base32 is five bits a character, most significant first")
    func base32() {
        #expect(base32Text([0x00, 0x44, 0x32, 0x14, 0xc7] as [UInt8], characters: 8) == "01234567")
        #expect(base32Text([0xff, 0xff, 0xff, 0xff, 0xff] as [UInt8], characters: 8) == "zzzzzzzz")
        #expect(base32Text([0x80] as [UInt8], characters: 8) == "g", "the last three bits fill no character")
        #expect(base32Text([] as [UInt8], characters: 8) == "")
        #expect(base32Text([0xff] as [UInt8], characters: 0) == "")
    }

    @Test("base32 takes as many characters as asked for, however many bytes there are")
    func base32Cut() {
        let bytes = [UInt8](repeating: 0xa5, count: 200)
        let all = base32Text(bytes, characters: 320)
        #expect(all.utf8.count == 320)
        for characters in [1, 4, 25, 26, 319] {
            #expect(base32Text(bytes, characters: characters) == all.prefix(characters))
        }
        #expect(!all.contains { "ilou".contains($0) })
    }

    @Test("hexadecimal is two lower-case digits a byte")
    func hex() {
        #expect(([0x00, 0x0f, 0xa0, 0xff] as [UInt8]).hexText == "000fa0ff")
        #expect(([] as [UInt8]).hexText == "")
        #expect([UInt8](hexText: "000fa0ff") == [0x00, 0x0f, 0xa0, 0xff])
        #expect([UInt8](hexText: "") == [])
        for wrong in ["0", "0g", "0A", "é0", " 00", "0x00"] { #expect([UInt8](hexText: wrong) == nil, "\(wrong)") }
    }
}

@Suite struct SecretTests {
    private struct Credentials {
        var name = "n"
        var secret: Secret
    }

    @Test("a secret prints as stars, however it is printed and wherever it lies")
    func neverPrints() {
        let secret = Secret("hunter2")
        let nested = Credentials(secret: secret)
        var dumped = ""
        dump(secret, to: &dumped)
        dump(nested, to: &dumped)
        dump([secret], to: &dumped)
        let printed = [
            "\(secret)", secret.description, secret.debugDescription, String(describing: secret),
            String(reflecting: secret), "\(nested)",
            String(reflecting: nested), "\([secret])", "\(["k": secret])", "\(Optional(secret) as Any)", dumped,
        ]
        for text in printed {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104, 117"), "nor as the numbers of its bytes")
        }
        #expect("\(secret)" == "***")
    }

    @Test("a secret is revealed on demand only, and compares by content")
    func reveals() {
        #expect(Secret("hunter2").revealText() == "hunter2")
        #expect(Secret("a").reveal() == [97])
        #expect(Secret("a") == Secret([97]) && Secret("a") != Secret("b"))
        #expect(Secret("").isEmpty && Secret("abc").count == 3)
    }
}

@Suite struct FaultTests {
    @Test("a description names stage, code, place, cause and remedy")
    func description() {
        let fault = Fault(
            "some_code", stage: .wire, disposition: .reject, summary: "it went wrong", remedy: "Mend it.",
            position: "byte 3", underlying: "cause")
        #expect(fault.description == "wire/some_code: it went wrong (at byte 3): cause. Mend it.")
        #expect(Fault("c", stage: .post, disposition: .bug, summary: "s").description == "post/c: s")
    }

    @Test("an unknown error is wrapped by its type alone, a fault stays itself, a cancellation is retried")
    func wrapping() {
        struct Leaky: Error, CustomStringConvertible { var description: String { "password=hunter2" } }
        let wrapped = Fault.wrapping(Leaky(), stage: .http)
        #expect(wrapped.code == "unexpected_error" && wrapped.disposition == .bug && wrapped.stage == .http)
        #expect(!wrapped.description.contains("hunter2"))
        #expect(Fault.wrapping(wrapped, stage: .post) == wrapped)
        #expect(Fault.wrapping(CancellationError(), stage: .post).disposition == .retry)
    }

    @Test("small state behind a lock is changed by one at a time")
    func locked() async {
        let counter = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0 ..< 50 {
                group.addTask { for _ in 0 ..< 200 { counter.with { $0 += 1 } } }
            }
        }
        #expect(counter.with { $0 } == 10_000)
    }
}
