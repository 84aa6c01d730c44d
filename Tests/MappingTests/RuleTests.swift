import Books
import Kernel
import Mapping
import Testing

extension Seeded {
    /// A rule that its reading accepts.
    mutating func rule(_ name: String) -> Rule {
        let settings: [Rule.Setting] = [.group, .jurisdiction, .account, .item, .taxCode]
        let setting = pick(settings)
        var when: [Rule.Field: String] = [:]
        for field in setting.known.sorted(by: { $0.rawValue < $1.rawValue }) where flip(4) { when[field] = pattern() }
        let dimension: [String: String] =
            setting.known == Rule.Field.ofLines && flip(3) ? ["class": "c\(int(0 ... 3))"] : [:]
        return Rule(
            name: name, when: when, set: [setting: "v\(int(0 ... 5))"], dimension: dimension,
            from: flip(5) ? today.adding(days: int(-5 ... 5)) : nil)
    }

    mutating func pattern() -> String { (0 ..< int(0 ... 5)).map { _ in pick(["a", "b", "*", "*", "é"]) }.joined() }
    mutating func plain() -> String { (0 ..< int(0 ... 7)).map { _ in pick(["a", "b", "é"]) }.joined() }
    mutating func values() -> [Rule.Field: String] {
        var out: [Rule.Field: String] = [:]
        for field in Rule.Field.allCases where flip() { out[field] = plain() }
        return out
    }
}

/// Matching as one would write it without a thought for speed; written apart from the rules' own.
private func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == UInt8(ascii: "*") {
        return (text.startIndex ... text.endIndex).contains { matches(pattern.dropFirst(), text[$0...]) }
    }
    return text.first == first && matches(pattern.dropFirst(), text.dropFirst())
}

@Suite("Rules")
struct RuleTests {
    private func holds(_ pattern: String, _ value: String) -> Bool {
        rule("r", [.sku: pattern], account: "1").matches([.sku: value], on: nil)
    }

    @Test("a star stands for any run of characters, everything else for itself, and case counts")
    func stars() {
        for (pattern, value) in [
            ("HOM-*", "HOM-1"), ("HOM-*", "HOM-"), ("*", ""), ("*", "x"), ("**", "x"), ("", ""), ("*-XL", "TEE-XL"),
            ("A*B*C", "A12B34C"), ("A*B*C", "ABBCBC"),
            ("sales:*", "sales:homeware"), ("*é*", "café"), ("a?", "a?"), ("[a]", "[a]"),
        ] { #expect(holds(pattern, value), "\(pattern) \(value)") }
        for (pattern, value) in [
            ("HOM-*", "hom-1"), ("HOM-*", "xHOM-1"), ("", "x"), ("*-XL", "TEE-XLL"), ("A*B*C", "AC"), ("a?", "ab"),
            ("[a]", "a"), ("sales:*", "sales"),
        ] { #expect(!holds(pattern, value), "\(pattern) \(value)") }
    }

    @Test("matching agrees with the plain definition", arguments: UInt64(1) ... 200)
    func definition(seed: UInt64) {
        var chance = Seeded(seed)
        for _ in 0 ..< 50 {
            let (pattern, text) = (chance.pattern(), chance.plain())
            #expect(
                holds(pattern, text) == matches(Array(pattern.utf8)[...], Array(text.utf8)[...]),
                "seed \(seed): \(pattern) \(text)")
        }
    }

    @Test("a pattern of many stars on a long text ends soon")
    func hostile() {
        let text = String(repeating: "a", count: 4_000)
        #expect(!holds(String(repeating: "*a", count: 200) + "b", text))
        #expect(holds(String(repeating: "*a", count: 200) + "*", text))
    }

    @Test("all conditions must hold, and one on a field without a value does not")
    func conditions() {
        let both = rule("r", [.sku: "A*", .currency: "USD"], account: "1")
        #expect(both.matches([.sku: "A1", .currency: "USD"], on: nil))
        #expect(!both.matches([.sku: "A1", .currency: "GBP"], on: nil))
        #expect(!both.matches([.sku: "A1"], on: nil))
        #expect(!rule("r", [.location: "*"], account: "1").matches([.sku: "A1"], on: nil))
        #expect(rule("r", [:], account: "1").matches([:], on: nil))
    }

    @Test("a rule holds from its first day on")
    func dates() {
        let dated = rule("r", [:], account: "1", from: today)
        #expect(
            dated.matches([:], on: today) && dated.matches([:], on: today.adding(days: 400))
                && dated.matches([:], on: nil))
        #expect(!dated.matches([:], on: today.adding(days: -1)))
    }

    @Test("for each setting the first matching rule that has it wins, named with the version")
    func order() {
        let set = RuleSet(
            version: 7,
            rules: [
                Rule(name: "only item", when: [.sku: "A*"], set: [.item: "I"]), rule("wide", [.sku: "*"], account: "1"),
                rule("narrow", [.sku: "A-1"], account: "2"),
            ], reasonCodes: [])
        let found = set.first(.account, for: [.sku: "A-1"], on: nil)
        #expect(found?.value == "1" && found?.rule == "rules v7: wide")
        #expect(set.first(.item, for: [.sku: "A-1"], on: nil)?.rule == "rules v7: only item")
        #expect(set.first(.taxCode, for: [.sku: "A-1"], on: nil) == nil)
    }

    @Test("dimensions of all matching rules add up, earlier ones winning a tie")
    func dimensions() {
        func dimension(_ name: String, _ when: [Rule.Field: String], _ values: [String: String]) -> Rule {
            Rule(name: name, when: when, set: [:], dimension: values)
        }
        let set = RuleSet(
            version: 1,
            rules: [
                dimension("a", [.sku: "A*"], ["class": "first"]), dimension("b", [.sku: "B*"], ["team": "never"]),
                dimension("c", [:], ["class": "second", "department": "d"]),
            ], reasonCodes: [])
        #expect(set.dimensions(for: [.sku: "A"], on: nil) == ["class": "first", "department": "d"])
    }

    @Test(
        "matching is total and the same each time; what is given was set by the first rule that really matches",
        arguments: UInt64(1) ... 150)
    func property(seed: UInt64) {
        var chance = Seeded(seed)
        let set = RuleSet(
            version: 2, rules: (0 ..< chance.int(0 ... 8)).map { chance.rule("rule \($0)") }, reasonCodes: [])
        for _ in 0 ..< 20 {
            let (values, date) = (chance.values(), today.adding(days: chance.int(-6 ... 6)))
            for setting in Rule.Setting.allCases {
                let found = set.first(setting, for: values, on: date)
                let again = set.first(setting, for: values, on: date)
                #expect(found?.value == again?.value && found?.rule == again?.rule, "seed \(seed)")
                let right = set.rules.first { rule in
                    rule.set[setting] != nil && rule.from.map { $0 <= date } ?? true
                        && rule.when.allSatisfy { field, pattern in
                            values[field].map { matches(Array(pattern.utf8)[...], Array($0.utf8)[...]) } ?? false
                        }
                }
                #expect(
                    found?.value == right?.set[setting] && found?.rule == right.map { "rules v2: \($0.name)" },
                    "seed \(seed)")
            }
        }
    }

    @Test("a rule that does not match may stand anywhere", arguments: UInt64(1) ... 60)
    func irrelevant(seed: UInt64) {
        var chance = Seeded(seed)
        let values = chance.values()
        let rules = (0 ..< 6).map { chance.rule("rule \($0)") }
        let (on, off) = (
            rules.filter { $0.matches(values, on: today) }, rules.filter { !$0.matches(values, on: today) }
        )
        for mixed in [on + off, off + on] {
            let set = RuleSet(version: 1, rules: mixed, reasonCodes: [])
            for setting in Rule.Setting.allCases {
                #expect(
                    set.first(setting, for: values, on: today)?.value
                        == on.first { $0.set[setting] != nil }?.set[setting], "seed \(seed)")
            }
        }
    }
}
