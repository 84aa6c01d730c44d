import Kernel
import Testing

@testable import Wire

@Suite struct JSONStreamTests {
    @Test("what is written piece by piece is what a tree writes", arguments: [1, 2, 3, 4] as [UInt64], [0, 64, 300, 5_000])
    func pieces(seed: UInt64, capacity: Int) {
        for round in 0 ..< 60 {
            var first = Seeded(seed * 1_000 + UInt64(round))
            var second = first
            let wanted = Self.tree(&first, depth: 0)
            var calls = 0
            let written = JSONStream.bytes(capacity: capacity) { out in
                calls += 1
                var chance = second
                Self.write(&chance, to: &out, depth: 0)
            }
            second = first
            #expect(written == wanted.bytes, "seed \(seed), round \(round): \(wanted.text)")
            #expect(calls <= 2, "seed \(seed), round \(round): room was guessed more than once")
        }
    }

    @Test("amounts and decimals of every size have their point in its place")
    func numbers() {
        let values: [Int64] = [0, 1, -1, 9, 10, 11, 99, 100, 999, 1_000, 9_999, 10_000, 12_345, 99_999, 100_000, -123_456_789, .max, .min, .min + 1]
        for value in values {
            for places in 0 ... 30 {
                let decimal = ExactDecimal(small: value, scale: places)
                let written = JSONStream.bytes(capacity: 0) { out in
                    out.beginArray()
                    out.decimal(decimal)
                    out.amount(value, places: places, unit: (65, 66, 67))
                    out.letters((97, 98, 99))
                    out.endArray()
                }
                let wanted: JSON = [.string(decimal.description), .string("\(decimal) ABC"), "abc"]
                #expect(written == wanted.bytes, "\(value) at \(places)")
            }
        }
        let wide = ExactDecimal(coefficient: Int128(Int64.max) + 1, scale: 4)
        #expect(JSONStream.bytes(capacity: 9) { $0.decimal(wide) } == JSON.string(wide.description).bytes)
    }

    @Test("nothing written is nothing")
    func nothing() { #expect(JSONStream.bytes(capacity: 100) { _ in }.isEmpty) }

    private static let names: [StaticString] = ["a", "ab", "id", "sku", "name", "gross", "amount", "channel_liable", "a_name_of_more_than_thirty_two_letters"]

    private static func text(_ chance: inout Seeded) -> String {
        let odd = ["", "\"", "\\", "\n", "\u{0}", "é", "👩‍👩‍👧", " ", "/", "\u{7f}"]
        return (0 ..< chance.int(0 ... 12)).map { _ in chance.flip(6) ? chance.pick(odd) : "letters".prefix(chance.int(0 ... 7)) + "" }.joined()
    }

    /// The same calls as `write`, so that the same numbers lead to the same document.
    private static func tree(_ chance: inout Seeded, depth: Int) -> JSON {
        switch chance.int(0 ... (depth < 4 ? 5 : 3)) {
        case 0: return .string(text(&chance))
        case 1: return .bool(chance.flip())
        case 2: return .string(ExactDecimal(small: Int64(chance.int(-99_999 ... 99_999)), scale: chance.int(0 ... 8)).description)
        case 3: return .number("\(chance.int(0 ... 9))")
        case 4: return .array((0 ..< chance.int(0 ... 4)).map { _ in tree(&chance, depth: depth + 1) })
        default:
            return .object((0 ..< chance.int(0 ... 5)).map { _ in (chance.pick(names).description, tree(&chance, depth: depth + 1)) })
        }
    }

    private static func write(_ chance: inout Seeded, to out: inout JSONStream, depth: Int) {
        switch chance.int(0 ... (depth < 4 ? 5 : 3)) {
        case 0: out.string(text(&chance))
        case 1: out.bool(chance.flip())
        case 2: out.decimal(ExactDecimal(small: Int64(chance.int(-99_999 ... 99_999)), scale: chance.int(0 ... 8)))
        case 3: out.value(.number("\(chance.int(0 ... 9))"))
        case 4:
            out.beginArray()
            for _ in 0 ..< chance.int(0 ... 4) { write(&chance, to: &out, depth: depth + 1) }
            out.endArray()
        default:
            out.beginObject()
            for _ in 0 ..< chance.int(0 ... 5) {
                out.key(chance.pick(names))
                write(&chance, to: &out, depth: depth + 1)
            }
            out.endObject()
        }
    }
}
