internal import Books
internal import Kernel

/// The rules that classify documents, ready to be tried on many lines: what decides a line's group, in order, and whether any rule names
/// jurisdictions at all. Says what `RuleSet.first` says.
struct ClassRules: Sendable {
    private struct Entry: Sendable {
        var conditions: [(field: Rule.Field, pattern: String)]
        var from: LocalDate?
        var group: String
    }

    private var entries: [Entry] = []
    private(set) var nameJurisdictions = false

    init(_ rules: RuleSet) {
        for rule in rules.rules {
            if rule.set[.jurisdiction] != nil { nameJurisdictions = true }
            guard let group = rule.set[.group] else { continue }
            entries.append(Entry(conditions: rule.when.map { ($0.key, $0.value) }, from: rule.from, group: group))
        }
    }

    func group(of line: SaleLine, source: String, on date: LocalDate) -> String? {
        entries.first { entry in
            if let from = entry.from, date < from { return false }
            return entry.conditions.allSatisfy { condition in
                switch condition.field {
                case .sku: glob(condition.pattern, line.sku)
                case .title: glob(condition.pattern, line.title)
                case .source: glob(condition.pattern, source)
                case .location: line.location.map { glob(condition.pattern, $0) } ?? false
                default: false
                }
            }
        }?.group
    }
}
