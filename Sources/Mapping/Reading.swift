public import Books
internal import Kernel
public import Wire

/// Reads account structures and rules from JSON, collecting every finding with its position rather than stopping at the first.
public struct Findings: Sendable {
    public private(set) var list: [Finding] = []
    public init() {}
    public mutating func add(_ position: String, _ why: String, _ remedy: String) {
        list.append(Finding(check: "invalid_configuration", why: why, remedy: remedy, position: position))
    }
}

extension AccountStructure {
    /// `{"accounts": {"sales:homeware": "4010", …}, "tax_codes": {"GB@20": "OUTPUT2"}, "house_customer": "Shop customers"}`.
    public static func read(_ json: JSON, version: Int, into findings: inout Findings, at position: String = "structure") -> AccountStructure {
        func pairs(_ key: String) -> [(String, String)] {
            guard let member = json[key] else { return [] }
            guard let object = member.object else {
                findings.add("\(position).\(key)", "must be an object", "Write { \"role\": \"account\" } pairs.")
                return []
            }
            return object.compactMap { entry in
                guard let text = entry.value.string, !text.isEmpty else {
                    findings.add("\(position).\(key).\(entry.key)", "must be a non-empty string", "Write the account's code in quotes.")
                    return nil
                }
                return (entry.key, text)
            }
        }
        for key in (json.object ?? []).map(\.key) where !["accounts", "tax_codes", "house_customer"].contains(key) {
            findings.add("\(position).\(key)", "is not a known member", "Known are accounts, tax_codes, house_customer.")
        }
        let accounts = pairs("accounts")
        if accounts.isEmpty { findings.add("\(position).accounts", "binds no role to an account", "Bind at least the roles your sales use.") }
        for (role, _) in accounts where !knownFamilies.contains(Role(role).family) {
            findings.add("\(position).accounts.\(role)", "is not a known role", "Known are \(knownFamilies.sorted().joined(separator: ", ")).")
        }
        return AccountStructure(
            version: version, accounts: accounts, taxCodes: pairs("tax_codes"),
            houseCustomer: json["house_customer"]?.string ?? "Shop customers")
    }

    public var json: JSON {
        .object([
            ("accounts", .object(accounts.map { ($0.role, .string($0.code)) })),
            ("tax_codes", .object(taxCodes.map { ($0.code, .string($0.ledger)) })),
            ("house_customer", .string(houseCustomer)),
        ])
    }
}

/// The families of roles that plans use.
let knownFamilies: Set<String> = [
    "sales", "sales_discounts", "returns_allowances", "shipping_income", "restocking_fee_income", "return_shipping_income", "breakage_income",
    "promotion_expense", "tax_payable", "receivable", "clearing", "processor_reserve", "bank", "bank_fees", "processor_fees", "chargebacks",
    "chargeback_fees", "fx_gain_loss", "rounding", "write_off", "gift_card_liability", "store_credit_liability", "deferred_revenue",
    "customer_deposits", "tips_payable", "inventory", "cogs", "inventory_adjustment", "grni", "landed_cost_clearing", "marketplace_tax_memo",
    "duties", "intercompany", "cash_over_short", "payable",
    "purchases", "input_tax",
]

extension RuleSet {
    /// `{"reason_codes": ["damaged"], "rules": [{"name": "…", "when": {"sku": "HOM-*"}, "set": {"group": "homeware"}, "dimension": {…}, "from": "2026-11-01"}]}`.
    public static func read(_ json: JSON, version: Int, into findings: inout Findings, at position: String = "rules") -> RuleSet {
        var rules: [Rule] = []
        var names: Set<String> = []
        for key in (json.object ?? []).map(\.key) where !["reason_codes", "rules"].contains(key) {
            findings.add("\(position).\(key)", "is not a known member", "Known are reason_codes, rules.")
        }
        for key in ["reason_codes", "rules"] where json[key].map({ $0.array == nil }) ?? false {
            findings.add("\(position).\(key)", "must be a list", "Write it in square brackets.")
        }
        for (n, code) in (json["reason_codes"]?.array ?? []).enumerated() where code.string == nil {
            findings.add("\(position).reason_codes[\(n)]", "must be a string", "Write the source's code in quotes.")
        }
        for (n, entry) in (json["rules"]?.array ?? []).enumerated() {
            let place = "\(position).rules[\(n)]"
            guard let name = entry["name"]?.string, !name.isEmpty else {
                findings.add("\(place).name", "is missing", "Give each rule a name that people recognise: it is shown in explanations.")
                continue
            }
            if !names.insert(name).inserted { findings.add("\(place).name", "'\(name)' is used twice", "Rule names are unique.") }
            for key in (entry.object ?? []).map(\.key) where !["name", "when", "set", "dimension", "from"].contains(key) {
                findings.add("\(place).\(key)", "is not a known member", "Known are name, when, set, dimension, from.")
            }
            var rule = Rule(name: name, when: [:], set: [:])
            for (key, value) in entry["when"]?.object ?? [] {
                guard let field = Rule.Field(rawValue: key), let pattern = value.string else {
                    let known = Rule.Field.allCases.map(\.rawValue).joined(separator: ", ")
                    findings.add("\(place).when.\(key)", "is not a condition", "Conditions are strings on \(known).")
                    continue
                }
                rule.when[field] = pattern
            }
            for (key, value) in entry["set"]?.object ?? [] {
                guard let setting = Rule.Setting(rawValue: key), let text = value.string, !text.isEmpty else {
                    let known = Rule.Setting.allCases.map(\.rawValue).joined(separator: ", ")
                    findings.add("\(place).set.\(key)", "is not a setting", "Settings are non-empty strings: \(known).")
                    continue
                }
                rule.set[setting] = text
            }
            for (key, value) in entry["dimension"]?.object ?? [] {
                guard let text = value.string else {
                    findings.add("\(place).dimension.\(key)", "must be a string", "Name the dimension's value.")
                    continue
                }
                rule.dimension[key] = text
            }
            if let from = entry["from"] {
                rule.from = from.string.flatMap { LocalDate($0) }
                if rule.from == nil { findings.add("\(place).from", "is not a day", "Write YYYY-MM-DD.") }
            }
            if rule.set.isEmpty && rule.dimension.isEmpty {
                findings.add(place, "sets nothing", "Give it a set or a dimension member.")
            }
            findDead(rule, at: place, into: &findings)
            rules.append(rule)
        }
        let codes = (json["reason_codes"]?.array ?? []).compactMap(\.string)
        return RuleSet(version: version, rules: rules, reasonCodes: codes)
    }

    /// Conditions on what is not known where the rule would decide: it would never apply, and nobody would see why.
    private static func findDead(_ rule: Rule, at place: String, into findings: inout Findings) {
        var settings = rule.set.keys.sorted { $0.rawValue < $1.rawValue }.map { ($0.rawValue, $0.known) }
        if !rule.dimension.isEmpty { settings.append(("dimension", Rule.Field.ofLines)) }
        for (setting, known) in settings {
            for field in rule.when.keys.filter({ !known.contains($0) }).sorted(by: { $0.rawValue < $1.rawValue }) {
                let words = known.map(\.rawValue).sorted().joined(separator: ", ")
                findings.add("\(place).when.\(field.rawValue)", "is not known where \(setting) is decided", "There, conditions are on \(words).")
            }
        }
        if rule.set[.role] != nil, rule.when[.reasonCode].map({ $0.contains("*") }) ?? true {
            findings.add("\(place).when.reason_code", "must be one reason code where the rule sets a role", "Write one rule for each code.")
        }
    }

    public var json: JSON {
        .object([
            ("reason_codes", .array(reasonCodes.map { .string($0) })),
            ("rules", .array(rules.map { rule in
                var members: [(key: String, value: JSON)] = [("name", .string(rule.name))]
                let when = rule.when.sorted { $0.key.rawValue < $1.key.rawValue }
                members.append(("when", .object(when.map { ($0.key.rawValue, .string($0.value)) })))
                let set = rule.set.sorted { $0.key.rawValue < $1.key.rawValue }
                if !set.isEmpty { members.append(("set", .object(set.map { ($0.key.rawValue, .string($0.value)) }))) }
                let dimension = rule.dimension.sorted { $0.key < $1.key }
                if !dimension.isEmpty { members.append(("dimension", .object(dimension.map { ($0.key, .string($0.value)) }))) }
                if let from = rule.from { members.append(("from", .string(from.description))) }
                return .object(members)
            })),
        ])
    }
}
