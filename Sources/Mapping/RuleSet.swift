internal import Books
public import Kernel
internal import Wire

/// One rule of a tenant: where all conditions hold, its settings apply. Rules are tried in order; for each setting the first rule that has it wins.
public struct Rule: Sendable, Equatable {
    /// What conditions may look at.
    public enum Field: String, Sendable, CaseIterable {
        case role, sku, title, group, reasonCode = "reason_code", fee, gateway, tax, taxCode = "tax_code", currency, location, customer, source
        case organisation, form

        /// What is known of a line of a planned posting: where accounts, items, tax codes and dimensions are decided.
        public static let ofLines: Set<Field> = [
            .role, .sku, .title, .group, .reasonCode, .fee, .gateway, .taxCode, .currency, .customer, .form,
        ]
    }

    /// What a rule may set.
    public enum Setting: String, Sendable, CaseIterable {
        /// The sales group of a line.
        case group
        /// Another role than the usual one.
        case role
        /// The account's code in the ledger.
        case account
        /// The item's name in the ledger.
        case item
        /// The ledger's tax code.
        case taxCode = "tax_code"
        /// The jurisdiction of a tax line that the source names otherwise.
        case jurisdiction

        /// What is known where this is decided. A condition on anything else would never hold.
        public var known: Set<Field> {
            switch self {
            case .group: [.sku, .title, .source, .location]
            case .jurisdiction: [.tax]
            case .role: [.reasonCode]
            case .account, .item, .taxCode: Field.ofLines
            }
        }
    }

    public var name: String
    /// Field -> pattern. `*` stands for any run of characters; case counts.
    public var when: [Field: String]
    public var set: [Setting: String]
    public var dimension: [String: String]
    /// First day it holds; `nil`: always.
    public var from: LocalDate?

    public init(name: String, when: [Field: String], set: [Setting: String], dimension: [String: String] = [:], from: LocalDate? = nil) {
        self.name = name
        self.when = when
        self.set = set
        self.dimension = dimension
        self.from = from
    }

    /// Whether all conditions hold for these values; a condition on a field without a value fails.
    public func matches(_ values: [Field: String], on date: LocalDate?) -> Bool {
        if let from, let date, date < from { return false }
        return when.allSatisfy { field, pattern in
            guard let value = values[field] else { return false }
            return glob(pattern, value)
        }
    }
}

/// `*` matches any run of characters, everything else itself. Linear in practice, never exponential.
func glob(_ pattern: String, _ text: String) -> Bool {
    var pattern = pattern, text = text
    return pattern.withUTF8 { p in text.withUTF8 { t in glob(p, t) } }
}

private func glob(_ p: UnsafeBufferPointer<UInt8>, _ t: UnsafeBufferPointer<UInt8>) -> Bool {
    var i = 0, j = 0, star = -1, mark = 0
    while j < t.count {
        if i < p.count, p[i] == 42 {
            star = i
            mark = j
            i += 1
        } else if i < p.count, p[i] == t[j] {
            i += 1
            j += 1
        } else if star >= 0 {
            i = star + 1
            mark += 1
            j = mark
        } else {
            return false
        }
    }
    while i < p.count, p[i] == 42 { i += 1 }
    return i == p.count
}

/// A tenant's account structure: which account each role is bound to, and the tax codes. One version of it.
public struct AccountStructure: Sendable, Equatable {
    public var version: Int
    /// Role pattern -> account code, in order of writing: `sales:homeware` -> `4010`, `tax_payable:*` -> `2200`.
    public var accounts: [(role: String, code: String)]
    /// Canonical tax code pattern -> the ledger's own: `GB@20` -> `OUTPUT2`.
    public var taxCodes: [(code: String, ledger: String)]
    /// Name of the house customer in the ledger.
    public var houseCustomer: String

    public init(version: Int, accounts: [(role: String, code: String)], taxCodes: [(code: String, ledger: String)], houseCustomer: String) {
        self.version = version
        self.accounts = accounts
        self.taxCodes = taxCodes
        self.houseCustomer = houseCustomer
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.version == b.version && a.houseCustomer == b.houseCustomer
            && a.accounts.elementsEqual(b.accounts) { $0 == $1 } && a.taxCodes.elementsEqual(b.taxCodes) { $0 == $1 }
    }
}

/// The ordered rules of a tenant and the reason codes it has accepted. One version of them.
public struct RuleSet: Sendable, Equatable {
    public var version: Int
    public var rules: [Rule]
    public var reasonCodes: [String]

    public init(version: Int, rules: [Rule], reasonCodes: [String]) {
        self.version = version
        self.rules = rules
        self.reasonCodes = reasonCodes
    }

    /// The first rule that matches and has the setting, with its value.
    public func first(_ setting: Rule.Setting, for values: [Rule.Field: String], on date: LocalDate?) -> (value: String, rule: String)? {
        for rule in rules {
            if let value = rule.set[setting], rule.matches(values, on: date) { return (value, "rules v\(version): \(rule.name)") }
        }
        return nil
    }

    /// Dimensions of all rules that match, earlier rules winning.
    public func dimensions(for values: [Rule.Field: String], on date: LocalDate?) -> [String: String] {
        var out: [String: String] = [:]
        for rule in rules where !rule.dimension.isEmpty && rule.matches(values, on: date) { out.merge(rule.dimension) { old, _ in old } }
        return out
    }
}
