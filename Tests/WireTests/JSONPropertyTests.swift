import Kernel
import Testing
import Wire

/// Random documents, and documents broken at random. A failure prints its seed; the same seed replays it.
@Suite struct JSONPropertyTests {
    @Test("what is written is read back the same, compact and pretty", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func roundTrip(seed: UInt64) throws {
        let source = Generator(SeededRandom(seed: seed))
        for round in 0 ..< 150 {
            let tree = source.value(depth: 0)
            let bytes = tree.bytes
            let back = try JSON(parsing: bytes)
            #expect(back == tree, "seed \(seed), round \(round)")
            #expect(back.bytes == bytes, "seed \(seed), round \(round)")
            #expect(try JSON(parsing: Array(tree.pretty().utf8)) == tree, "seed \(seed), round \(round)")
            #expect(try JSON(json5: tree.text) == tree, "seed \(seed), round \(round)")
        }
    }

    @Test("exact decimals survive writing and reading to the last digit", arguments: [11, 12] as [UInt64])
    func decimals(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        for _ in 0 ..< 500 {
            let whole = Int128(random.number(below: .max)) * Int128(1 + random.number(below: 1 << 50))
            let decimal = ExactDecimal(
                coefficient: random.number(below: 2) == 0 ? whole : -whole, scale: Int(random.number(below: 31)))
            let view = try JSONDocument(parsing: JSON.array([.decimal(decimal), .string(decimal.description)]).bytes)
                .root
            for element in view.elements {
                #expect(element.decimal?.coefficient == decimal.coefficient, "seed \(seed)")
                #expect(element.decimal?.scale == decimal.scale, "seed \(seed)")
            }
        }
    }

    @Test(
        "broken documents never trap, and what is accepted survives a round trip",
        arguments: [21, 22, 23, 24] as [UInt64])
    func fuzz(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let corpus = Self.corpus(Generator(random))
        var accepted = 0
        for round in 0 ..< 3000 {
            let bytes = Self.mutate(corpus[Int(random.number(below: UInt64(corpus.count)))], corpus, random)
            guard let document = try? JSONDocument(parsing: bytes) else { continue }
            accepted += 1
            let tree = document.root.tree
            #expect(try JSON(parsing: tree.bytes) == tree, "seed \(seed), round \(round)")
            Self.walk(document.root, tree)
        }
        #expect(accepted > 100, "seed \(seed): the mutations are so wild that the test tests nothing")
    }

    @Test("broken configuration texts never trap", arguments: [31, 32] as [UInt64])
    func fuzzJSON5(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let corpus = Self.corpus(Generator(random)) + JSON5Tests.documents.map { Array($0.utf8) }
        for round in 0 ..< 1000 {
            let bytes = Self.mutate(corpus[Int(random.number(below: UInt64(corpus.count)))], corpus, random)
            let text = String(decoding: bytes, as: UTF8.self)
            if let tree = try? JSON(json5: text) {
                #expect(try JSON(parsing: tree.bytes) == tree, "seed \(seed), round \(round)")
            } else {
                #expect(
                    (try? JSON(parsing: Array(text.utf8))) == Optional<JSON>.none,
                    "seed \(seed), round \(round): JSON is JSON5")
            }
        }
    }

    /// Every accessor of every view agrees with the tree.
    static func walk(_ view: JSONView, _ tree: JSON) {
        #expect(view.string.map(JSON.string) ?? tree == tree)
        #expect(view.int == tree.int)
        #expect(view.bool == tree.bool)
        #expect(view.decimal == tree.decimal)
        #expect((try? JSON(parsing: Array(view.rawBytes))) == tree)
        #expect(view.elements.count == tree.array?.count ?? 0)
        for (element, value) in zip(view.elements, tree.array ?? []) { walk(element, value) }
        #expect(view.members.map(\.key) == tree.object?.map(\.key) ?? [])
        for (member, value) in zip(view.members, tree.object ?? []) {
            #expect(view[member.key].rawBytes == member.value.rawBytes)
            walk(member.value, value.value)
        }
    }

    static func corpus(_ source: Generator) -> [[UInt8]] {
        JSONGrammarTests.accepted.map { Array($0.utf8) } + [Array(JSONReadingTests.order.utf8)]
            + (0 ..< 20).map { _ in source.value(depth: 0).bytes }
    }

    /// One to three cuts, flips, insertions, doublings or splices.
    static func mutate(_ bytes: [UInt8], _ corpus: [[UInt8]], _ random: SeededRandom) -> [UInt8] {
        let spice = Array("\"\\{}[],:0-.eEu \n\u{0}d8".utf8) + [0x80, 0xc3, 0xed, 0xf0, 0xff]
        func pick(_ bound: Int) -> Int { Int(random.number(below: UInt64(max(1, bound)))) }
        var out = bytes
        for _ in 0 ... pick(3) {
            let at = pick(out.count)
            switch pick(7) {
            case 0 where !out.isEmpty: out[at] = spice[pick(spice.count)]
            case 1 where !out.isEmpty: out[at] ^= UInt8(1) << UInt8(pick(8))
            case 2: out.insert(spice[pick(spice.count)], at: at)
            case 3 where !out.isEmpty: out.remove(at: at)
            case 4: out.removeSubrange(min(out.count, at + pick(20))...)
            case 5:
                let part = out[at ..< min(out.count, at + pick(20))]
                out.insert(contentsOf: part, at: at)
            default:
                let other = corpus[pick(corpus.count)]
                out.replaceSubrange(at ..< min(out.count, at + pick(6)), with: other)
            }
        }
        return out
    }
}

/// Random JSON trees with keys, digits and strings of every awkward kind.
struct Generator {
    let random: SeededRandom

    init(_ random: SeededRandom) { self.random = random }

    func pick(_ bound: Int) -> Int { Int(random.number(below: UInt64(bound))) }

    func value(depth: Int) -> JSON {
        switch pick(depth > 4 ? 5 : 8) {
        case 0: return .null
        case 1: return .bool(pick(2) == 0)
        case 2, 3: return .number(number())
        case 4: return .string(string())
        case 5: return .array((0 ..< pick(6)).map { _ in value(depth: depth + 1) })
        default:
            var members: [(key: String, value: JSON)] = []
            for _ in 0 ..< pick(8) {
                let key = string()
                if !members.contains(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
                    members.append((key, value(depth: depth + 1)))
                }
            }
            return .object(members)
        }
    }

    func number() -> String {
        func digits(_ most: Int) -> String { (0 ... pick(most)).map { _ in String(pick(10)) }.joined() }
        var text = pick(2) == 0 ? "-" : ""
        text += pick(3) == 0 ? "0" : String(1 + pick(9)) + digits(25)
        if pick(2) == 0 { text += "." + digits(12) }
        if pick(4) == 0 { text += ["e", "E", "e-", "E+"][pick(4)] + digits(2) }
        return text
    }

    func string() -> String {
        let pieces = [
            "a", "key", "\"", "\\", "\n", "\u{0}", "\u{1f}", "é", "e\u{301}", "😀", "\u{ffff}", "\u{2028}", "/",
            "0123456789abcdef", " ",
        ]
        return (0 ..< pick(6)).map { _ in pieces[pick(pieces.count)] }.joined()
    }
}
