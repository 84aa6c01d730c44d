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

    /// Takes a line's texts one by one: a whole line costs a dozen references to hand over.
    func group(sku: String, title: String, location: String?, source: String, on date: LocalDate) -> String? {
        for i in entries.indices {
            if let from = entries[i].from, date < from { continue }
            var holds = true
            for k in entries[i].conditions.indices where holds {
                switch entries[i].conditions[k].field {
                case .sku: holds = entries[i].conditions[k].pattern.matches(sku)
                case .title: holds = entries[i].conditions[k].pattern.matches(title)
                case .source: holds = entries[i].conditions[k].pattern.matches(source)
                case .location: holds = location.map { entries[i].conditions[k].pattern.matches($0) } ?? false
                default: holds = false
                }
            }
            if holds { return entries[i].group }
        }
        return nil
    }
}

/// A `glob` pattern told apart beforehand: most are one text with a star behind it, or around it.
struct Pattern: Sendable {
    private enum Form: Sendable { case all, prefix([UInt8]), part([UInt8]), other(String) }
    private let form: Form

    init(_ text: String) {
        let bytes = Array(text.utf8)
        let stars = bytes.count { $0 == 42 }
        if text == "*" {
            form = .all
        } else if stars == 1, bytes.last == 42 {
            form = .prefix(bytes.dropLast())
        } else if stars == 2, bytes.count > 2, bytes.first == 42, bytes.last == 42 {
            form = .part(Array(bytes[1 ..< bytes.count - 1]))
        } else {
            form = .other(text)
        }
    }

    func matches(_ text: String) -> Bool {
        switch form {
        case .all: return true
        case .prefix(let start):
            return text.utf8.withContiguousStorageIfAvailable { Self.stands(start, in: $0, at: 0) } ?? text.utf8.starts(with: start)
        case .part(let part):
            var text = text
            return text.withUTF8 { text in
                var at = 0
                while at + part.count <= text.count {
                    if Self.stands(part, in: text, at: at) { return true }
                    at += 1
                }
                return false
            }
        case .other(let pattern): return glob(pattern, text)
        }
    }

    private static func stands(_ part: [UInt8], in text: UnsafeBufferPointer<UInt8>, at: Int) -> Bool {
        guard at + part.count <= text.count else { return false }
        for i in part.indices where part[i] != text[at + i] { return false }
        return true
    }
}
