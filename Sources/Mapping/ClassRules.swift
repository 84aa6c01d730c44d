internal import Books
internal import Kernel

/// The rules that classify documents, ready to be tried on many lines: what decides a line's group, in order, and whether any rule names
/// jurisdictions at all. Says what `RuleSet.first` says.
struct ClassRules: Sendable {
    private struct Condition: Sendable {
        var field: Rule.Field
        var pattern: Pattern
    }

    private struct Entry: Sendable {
        var conditions: [Condition]
        var from: LocalDate?
        var group: String
    }

    private var entries: [Entry] = []
    private(set) var nameJurisdictions = false

    init(_ rules: RuleSet) {
        for rule in rules.rules {
            if rule.set[.jurisdiction] != nil { nameJurisdictions = true }
            guard let group = rule.set[.group] else { continue }
            let conditions = rule.when.map { Condition(field: $0.key, pattern: Pattern($0.value)) }
            entries.append(Entry(conditions: conditions, from: rule.from, group: group))
        }
    }

    func group(of line: SaleLine, source: String, on date: LocalDate) -> String? {
        for i in entries.indices {
            if let from = entries[i].from, date < from { continue }
            if hold(entries[i].conditions, line, source) { return entries[i].group }
        }
        return nil
    }

    private func hold(_ conditions: [Condition], _ line: SaleLine, _ source: String) -> Bool {
        for i in conditions.indices {
            let holds =
                switch conditions[i].field {
                case .sku: conditions[i].pattern.matches(line.sku)
                case .title: conditions[i].pattern.matches(line.title)
                case .source: conditions[i].pattern.matches(source)
                case .location: line.location.map { conditions[i].pattern.matches($0) } ?? false
                default: false
                }
            if !holds { return false }
        }
        return true
    }
}

/// A `glob` pattern told apart beforehand: most are one text with a star behind it, or around it.
struct Pattern: Sendable {
    private enum Form: Sendable { case all, prefix([UInt8]), other(String) }
    private let form: Form

    init(_ text: String) {
        let stars = text.utf8.filter { $0 == 42 }.count
        if text == "*" {
            form = .all
        } else if stars == 1, text.utf8.last == 42 {
            form = .prefix(Array(text.utf8.dropLast()))
        } else {
            form = .other(text)
        }
    }

    func matches(_ text: String) -> Bool {
        switch form {
        case .all: true
        case .prefix(let start): text.utf8.starts(with: start)
        case .other(let pattern): glob(pattern, text)
        }
    }
}
