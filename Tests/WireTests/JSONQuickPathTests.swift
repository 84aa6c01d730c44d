import Kernel
import Testing

@testable import Wire

/// The short ways of the parser and the views, against the plain ones.
@Suite struct JSONQuickPathTests {
    @Test("where a plain text ends is found at any place, with any byte there", arguments: [false, true])
    func plainEnds(stopAtNonASCII: Bool) {
        var chance = Seeded(7)
        for byte in UInt8.min ... .max {
            for length in [0, 1, 7, 8, 9, 16, 23] {
                var bytes = (0 ..< length).map { _ in UInt8(ascii: chance.pick(["a", "!", "#", "~", " ", "]", "["])) }
                if length > 0 { bytes[chance.int(0 ... length - 1)] = byte }
                if length > 2, chance.flip() { bytes[chance.int(0 ... length - 1)] = chance.pick([0, 31, 32, 34, 92, 128, 160, 255]) }
                let from = chance.int(0 ... length)
                let wanted = bytes.indices.first { $0 >= from && (bytes[$0] < 32 || [34, 92].contains(bytes[$0]) || stopAtNonASCII && bytes[$0] >= 128) } ?? length
                let found = bytes.withUnsafeBufferPointer { plainEnd($0, from: from, stopAtNonASCII: stopAtNonASCII) }
                #expect(found == wanted, "\(bytes) from \(from)")
            }
        }
    }

    @Test("two texts are the same only where every byte is")
    func same() {
        for length in 0 ... 40 {
            let a = (0 ..< length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(a.withUnsafeBytes { a in a.baseAddress.map { isSame($0, $0, length) } ?? true })
            for at in 0 ..< length {
                var b = a
                b[at] ^= 1
                let same = a.withUnsafeBytes { a in b.withUnsafeBytes { b in zip(a.baseAddress, b.baseAddress).map { isSame($0, $1, length) } } }
                #expect(same == false, "\(length) bytes, differing at \(at)")
            }
        }
    }

    @Test("an amount is read as its decimal says, or not at all", arguments: [1, 2, 3, 4] as [UInt64])
    func scaled(seed: UInt64) throws {
        var chance = Seeded(seed)
        for _ in 0 ..< 2_000 {
            var text = chance.flip(3) ? "-" : ""
            for _ in 0 ..< chance.int(0 ... 19) { text += "\(chance.int(0 ... 9))" }
            if chance.flip() { text += "." }
            for _ in 0 ..< chance.int(0 ... 4) { text += chance.flip(3) ? "0" : "\(chance.int(0 ... 9))" }
            if chance.flip(8) { text += chance.pick(["e2", "E-1", ".", "x", " ", "-", "e", "\\u0030"]) }
            let places = chance.int(0 ... 4)
            let number = (try? JSONDocument(parsing: Array(text.utf8)))?.root
            let views = [try JSONDocument(parsing: Array("\"\(text)\"".utf8)).root] + (number.map { [$0] } ?? [])
            for view in views {
                #expect(view.scaled(places: places) == Self.plainly(view.decimal, places), "seed \(seed): \(text) at \(places)")
            }
        }
        for text in ["null", "true", "[1]", "{}", "\"\""] { #expect(try JSONDocument(parsing: Array(text.utf8)).root.scaled(places: 2) == nil) }
        #expect(try JSONDocument(parsing: Array("{}".utf8)).root["a"].scaled(places: 2) == nil)
        let most = try JSONDocument(parsing: Array("[\"92233720368547758.07\", -9223372036854775808, 9223372036854775808]".utf8)).root.elements
        #expect(most[0].scaled(places: 2) == .max && most[1].scaled(places: 0) == .min && most[2].scaled(places: 0) == nil)
    }

    private static func plainly(_ decimal: ExactDecimal?, _ places: Int) -> Int64? {
        guard let shortest = decimal?.shortest, shortest.scale <= places else { return nil }
        var value = shortest.coefficient
        for _ in shortest.scale ..< places {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
        }
        return Int64(exactly: value)
    }

    @Test("a text is the known one where its bytes are, and its own anywhere else")
    func known() throws {
        let texts = ["", "a", "Colorado State Tax", "Colorado State Tay", "colorado State Tax", "été", "e\u{301}te\u{301}", "a \"quoted\" one", "\u{1f600}"]
        for text in texts {
            let view = try JSONDocument(parsing: JSON.string(text).bytes).root
            for known in texts {
                let read = try #require(view.string(like: known))
                #expect(Array(read.utf8) == Array(text.utf8), "\(text) like \(known)")
            }
            #expect(view.withUTF8 { Array($0) } == Array(text.utf8))
            #expect(view.withUTF8 { _ in Int?.none } == nil)
        }
        for other in ["null", "12", "[\"a\"]", "{}", "true"] {
            let view = try JSONDocument(parsing: Array(other.utf8)).root
            #expect(view.string(like: "a") == nil && view.withUTF8 { Array($0) } == nil && view["x"].string(like: "") == nil)
        }
    }

    @Test("a member is found under a literal, a string and a part of one alike; a bracket may lead to none")
    func keys() throws {
        let text = "{\"a\": 1, \"amount\": 2, \"current_quantity\": 3, \"\": 4, \"\\u0062\": 5, \"é\": 6, \"in\": {\"to\": {\"it\": 7}}}"
        for bytes in [text, String(text.dropLast()) + ", \"g\": 0, \"h\": 0}"] {
            let root = try JSONDocument(parsing: Array(bytes.utf8)).root
            #expect([root["a"].int, root["amount"].int, root["current_quantity"].int, root[""].int, root["b"].int, root["é"].int] == [1, 2, 3, 4, 5, 6])
            for key in ["a", "amount", "current_quantity", "", "b", "é"] {
                #expect(root[key].int == root["x\(key)".dropFirst()].int && root[key].int != nil, "\(key)")
                #expect(!root["\(key)?"].exists && !root["a"][key].exists && !root["none"][key].exists, "\(key)")
            }
            #expect(root["in", "to", "it"].int == 7 && !root["in", "no", "it"].exists && !root["a", "to", "it"].exists)
            #expect(root[text.isEmpty ? "a" : "amount"].int == 2)
        }
    }

    @Test("words and numbers are taken whole or refused, whatever comes behind them")
    func scalars() {
        let ends = ["", ",", "}", "]", " ", "e", "E", ".", "0", "x", "-", "+", "\""]
        for start in ["true", "false", "null", "tru", "fals", "nul", "0", "7", "12", "-", "-1", "01", "1.5", "1.", "1e5", "1e", "123456789012345678901234567890"] {
            for end in ends {
                for text in ["{\"a\":\(start)\(end)", "[\(start)\(end)", "\(start)\(end)"] {
                    for closed in [text, text + "}", text + "]"] {
                        let read = try? JSONDocument(parsing: Array(closed.utf8))
                        #expect((read != nil) == ((try? JSON(json5: closed)) != nil && Self.isStrict(closed)), "\(closed)")
                    }
                }
            }
        }
    }

    /// Of the texts above: what JSON5 takes and JSON does not.
    private static func isStrict(_ text: String) -> Bool {
        let value = text.drop { "{\"a:[ ".contains($0) && !text.hasPrefix("a") }.prefix { !",}] ".contains($0) }
        let commaAtEnd = text.contains(",}") || text.contains(",]")
        return !commaAtEnd && (["true", "false", "null"].contains(value) || isJSONNumber(String(value)))
    }
}

private func zip<A, B>(_ a: A?, _ b: B?) -> (A, B)? { if let a, let b { (a, b) } else { nil } }
