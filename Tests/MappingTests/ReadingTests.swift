import Books
import Kernel
import Mapping
import Testing
import Wire

@Suite("Reading structures and rules")
struct ReadingTests {
    private func rules(_ text: String) throws -> (rules: RuleSet, positions: [String]) {
        var findings = Findings()
        let read = RuleSet.read(try json(text), version: 3, into: &findings)
        return (read, findings.list.compactMap(\.position))
    }

    private func structure(_ text: String) throws -> (structure: AccountStructure, positions: [String]) {
        var findings = Findings()
        let read = AccountStructure.read(try json(text), version: 3, into: &findings)
        return (read, findings.list.compactMap(\.position))
    }

    @Test("good rules are read in their order, with version, reason codes and first day")
    func good() throws {
        let (read, positions) = try rules(
            """
            {"reason_codes": ["damaged", "late"], "rules": [
              {"name": "b", "when": {"sku": "HOM-*", "source": "pos"}, "set": {"group": "homeware"}},
              {"name": "a", "when": {"role": "sales:*"}, "set": {"account": "4000"}, "dimension": {"class": "shop"}, "from": "2026-11-01"}]}
            """)
        #expect(positions.isEmpty)
        #expect(read.version == 3 && read.reasonCodes == ["damaged", "late"])
        #expect(
            read.rules == [
                Rule(name: "b", when: [.sku: "HOM-*", .source: "pos"], set: [.group: "homeware"]),
                Rule(
                    name: "a", when: [.role: "sales:*"], set: [.account: "4000"], dimension: ["class": "shop"],
                    from: LocalDate("2026-11-01")),
            ])
    }

    @Test(
        "each mistake in rules is named by its place",
        arguments: [
            (#"{"rule": []}"#, "rules.rule"), (#"{"rules": {}}"#, "rules.rules"),
            (#"{"reason_codes": "damaged"}"#, "rules.reason_codes"),
            (#"{"reason_codes": ["a", 1]}"#, "rules.reason_codes[1]"),
            (#"{"rules": [{"set": {"group": "g"}}]}"#, "rules.rules[0].name"),
            (#"{"rules": [7]}"#, "rules.rules[0].name"),
            (#"{"rules": [{"name": "", "set": {"group": "g"}}]}"#, "rules.rules[0].name"),
            (
                #"{"rules": [{"name": "a", "set": {"group": "g"}}, {"name": "a", "set": {"group": "g"}}]}"#,
                "rules.rules[1].name"
            ),
            (#"{"rules": [{"name": "a", "if": {}, "set": {"group": "g"}}]}"#, "rules.rules[0].if"),
            (
                #"{"rules": [{"name": "a", "when": {"colour": "red"}, "set": {"group": "g"}}]}"#,
                "rules.rules[0].when.colour"
            ),
            (#"{"rules": [{"name": "a", "when": {"sku": 7}, "set": {"group": "g"}}]}"#, "rules.rules[0].when.sku"),
            (#"{"rules": [{"name": "a", "set": {"group": ""}, "dimension": {"a": "b"}}]}"#, "rules.rules[0].set.group"),
            (
                #"{"rules": [{"name": "a", "set": {"ledger": "x"}, "dimension": {"a": "b"}}]}"#,
                "rules.rules[0].set.ledger"
            ),
            (
                #"{"rules": [{"name": "a", "set": {"group": "g"}, "dimension": {"a": 1}}]}"#,
                "rules.rules[0].dimension.a"
            ),
            (#"{"rules": [{"name": "a", "set": {"group": "g"}, "from": "1 November"}]}"#, "rules.rules[0].from"),
            (#"{"rules": [{"name": "a", "set": {"group": "g"}, "from": "2026-02-30"}]}"#, "rules.rules[0].from"),
            (#"{"rules": [{"name": "a", "when": {"sku": "x"}}]}"#, "rules.rules[0]"),
        ])
    func mistakes(text: String, position: String) throws { #expect(try rules(text).positions == [position]) }

    @Test(
        "a condition on what is not known where the setting is decided is refused: the rule would never apply",
        arguments: [
            ("location", "account"), ("source", "account"), ("tax", "tax_code"), ("organisation", "item"),
            ("role", "group"), ("sku", "jurisdiction"),
            ("location", "role"), ("currency", "group"),
        ])
    func dead(field: String, setting: String) throws {
        let reason = setting == "role" ? #", "reason_code": "damaged""# : ""
        let text = #"{"rules": [{"name": "a", "when": {"\#(field)": "x"\#(reason)}, "set": {"\#(setting)": "v"}}]}"#
        #expect(try rules(text).positions == ["rules.rules[0].when.\(field)"])
    }

    @Test("the same holds for dimensions, and for roles, which one reason code alone decides")
    func deadRoles() throws {
        #expect(
            try rules(#"{"rules": [{"name": "a", "when": {"source": "pos"}, "dimension": {"class": "c"}}]}"#).positions
                == ["rules.rules[0].when.source"])
        for when in ["{}", #"{"reason_code": "dam*"}"#] {
            #expect(
                try rules(#"{"rules": [{"name": "a", "when": \#(when), "set": {"role": "write_off"}}]}"#).positions == [
                    "rules.rules[0].when.reason_code"
                ])
        }
        #expect(
            try rules(#"{"rules": [{"name": "a", "when": {"reason_code": "lost"}, "set": {"role": "write_off"}}]}"#)
                .positions.isEmpty)
    }

    @Test("every condition that the reading accepts for a setting can hold there")
    func alive() {
        for setting in Rule.Setting.allCases {
            #expect(!setting.known.isEmpty)
            guard setting.known == Rule.Field.ofLines else { continue }
            let rich = PostingLine(
                .goods, role: "clearing:card:USD", amount: Money(minor: 1, .usd), taxCode: "GB@20", derivedFrom: ["O"],
                text: "Mug", sku: "M", reasonCode: "late")
            var seen = Set(mapper().values(rich, of: posting()).keys)
            seen.formUnion(mapper().values(line("sales:homeware"), of: posting()).keys)
            seen.formUnion(mapper().values(line("restocking_fee_income"), of: posting()).keys)
            #expect(seen == setting.known, "\(setting)")
        }
    }

    @Test("every mistake is found at once, not the first only")
    func all() throws {
        let text = #"{"x": 1, "reason_codes": [1], "rules": [{"name": "a", "when": {"b": "c"}, "from": 1}, {}]}"#
        #expect(
            try rules(text).positions == [
                "rules.x", "rules.reason_codes[0]", "rules.rules[0].when.b", "rules.rules[0].from", "rules.rules[0]",
                "rules.rules[1].name",
            ])
    }

    @Test("a structure keeps the order of its bindings, and its default for the house customer")
    func structures() throws {
        let (read, positions) = try structure(
            #"{"accounts": {"sales:z": "2", "sales:*": "1"}, "tax_codes": {"GB@20": "OUTPUT2", "GB@*": "X"}}"#)
        #expect(positions.isEmpty)
        #expect(
            read.accounts.map(\.role) == ["sales:z", "sales:*"] && read.taxCodes.map(\.ledger) == ["OUTPUT2", "X"])
        #expect(read.houseCustomer == "Shop customers" && read.version == 3)
    }

    @Test(
        "each mistake in a structure is named by its place",
        arguments: [
            (#"{}"#, "structure.accounts"), (#"{"accounts": []}"#, "structure.accounts"),
            (#"{"accounts": {"sale": "1"}}"#, "structure.accounts.sale"),
            (#"{"accounts": {"sales": ""}}"#, "structure.accounts.sales"),
            (#"{"accounts": {"sales": 4000}}"#, "structure.accounts.sales"),
            (#"{"accounts": {"sales": "1"}, "tax_codes": ["GB"]}"#, "structure.tax_codes"),
            (#"{"accounts": {"sales": "1"}, "tax_codes": {"GB@20": null}}"#, "structure.tax_codes.GB@20"),
            (#"{"accounts": {"sales": "1"}, "house": "x"}"#, "structure.house"),
        ])
    func structureMistakes(text: String, position: String) throws {
        #expect(try structure(text).positions.first == position)
    }

    @Test("what was read is shown in the words it was written in", arguments: UInt64(1) ... 60)
    func roundTrip(seed: UInt64) {
        var chance = Seeded(seed)
        var findings = Findings()
        let set = RuleSet(
            version: 9, rules: (0 ..< chance.int(0 ... 6)).map { chance.rule("rule \($0)") },
            reasonCodes: ["damaged", "late"])
        #expect(RuleSet.read(set.json, version: 9, into: &findings) == set, "seed \(seed)")
        let structure = AccountStructure(
            version: 2, accounts: [("sales:*", "1"), ("bank", "2")], taxCodes: [("GB@*", "A")],
            houseCustomer: chance.word())
        #expect(AccountStructure.read(structure.json, version: 2, into: &findings) == structure, "seed \(seed)")
        #expect(findings.list.isEmpty, "seed \(seed): \(findings.list)")
    }

    @Test("the order of an object's members means nothing in a rule; the order of rules does")
    func order() throws {
        func read(_ text: String) throws -> RuleSet { try rules(text).rules }
        let a = #"{"name": "a", "when": {"sku": "A-*", "title": "*"}, "set": {"group": "x"}}"#
        let shuffled = #"{"set": {"group": "x"}, "when": {"title": "*", "sku": "A-*"}, "name": "a"}"#
        let b = #"{"name": "b", "when": {"sku": "A-1"}, "set": {"group": "y"}}"#
        #expect(try read(#"{"rules": [\#(a), \#(b)]}"#) == read(#"{"rules": [\#(shuffled), \#(b)]}"#))
        let values: [Rule.Field: String] = [.sku: "A-1", .title: "t"]
        #expect(try read(#"{"rules": [\#(a), \#(b)]}"#).first(.group, for: values, on: nil)?.value == "x")
        #expect(try read(#"{"rules": [\#(b), \#(a)]}"#).first(.group, for: values, on: nil)?.value == "y")
    }

    @Test("configuration that is nonsense gives findings, never a stop", arguments: UInt64(1) ... 150)
    func fuzz(seed: UInt64) throws {
        var chance = Seeded(seed)
        let set = RuleSet(version: 1, rules: (0 ..< 4).map { chance.rule("rule \($0)") }, reasonCodes: ["late"])
        let good = JSON.object([
            ("rules", set.json),
            (
                "structure",
                AccountStructure(version: 1, accounts: [("bank", "1")], taxCodes: [], houseCustomer: "x").json
            ),
        ])
        for _ in 0 ..< 10 {
            let bytes = chance.spoiled(good)
            guard let value = try? JSON(parsing: bytes) else { continue }
            var findings = Findings()
            let rules = RuleSet.read(value["rules"] ?? value, version: 1, into: &findings)
            let structure = AccountStructure.read(value["structure"] ?? value, version: 1, into: &findings)
            #expect(findings.list.allSatisfy { $0.position?.isEmpty == false && !$0.remedy.isEmpty }, "seed \(seed)")
            guard findings.list.isEmpty else { continue }
            #expect(RuleSet.read(rules.json, version: 1, into: &findings) == rules, "seed \(seed)")
            #expect(AccountStructure.read(structure.json, version: 1, into: &findings) == structure, "seed \(seed)")
        }
    }
}
