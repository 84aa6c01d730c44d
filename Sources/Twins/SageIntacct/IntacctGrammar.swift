internal import Wire

/// What may stand inside of an element, and in which order.
indirect enum IntacctModel: Sendable {
    case name(String)
    case sequence([IntacctModel])
    case choice([IntacctModel])
    /// Each at most once, in any order; the flag tells what must be there.
    case all([(name: String, isRequired: Bool)])
    case many(IntacctModel, least: Int, most: Int)
    /// Whatever, unchecked.
    case any
}

/// Reads models: `a, b?, (c | d)+` in order, `{a, b?}` in any order, `ANY` for no check. An element without a model holds text alone.
struct IntacctModelReader {
    private var rest: Substring

    static func read(_ text: String) -> IntacctModel {
        var reader = IntacctModelReader(rest: Substring(text.filter { !$0.isWhitespace }))
        return reader.list()
    }

    private init(rest: Substring) { self.rest = rest }

    private mutating func take(_ letter: Character) -> Bool {
        guard rest.first == letter else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func list() -> IntacctModel {
        if take("{") { return every() }
        var parts = [part()]
        if rest.first == "|" {
            while take("|") { parts.append(part()) }
            return .choice(parts)
        }
        while take(",") { parts.append(part()) }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func every() -> IntacctModel {
        var members: [(name: String, isRequired: Bool)] = []
        repeat {
            let name = word()
            members.append((name, !take("?")))
        } while take(",")
        _ = take("}")
        return .all(members)
    }

    private mutating func part() -> IntacctModel {
        var one: IntacctModel
        if take("(") {
            one = list()
            _ = take(")")
        } else {
            let name = word()
            one = name == "ANY" ? .any : .name(name)
        }
        if take("?") {
            one = .many(one, least: 0, most: 1)
        } else if take("*") {
            one = .many(one, least: 0, most: .max)
        } else if take("+") {
            one = .many(one, least: 1, most: .max)
        }
        return one
    }

    private mutating func word() -> String {
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(name.count)
        return String(name)
    }
}

/// Holds the children of one element against its model.
struct IntacctMatch {
    private let names: [String]
    private var furthest = 0
    private var expected: [String] = []

    init(_ element: XMLElement) { names = element.children.map(\.name.local) }

    /// `nil` when they fit; else what is wrong, in the words of the vendor's validator.
    mutating func problem(_ model: IntacctModel, of element: String) -> String? {
        switch model {
        case .any: return nil
        case .all(let members): return every(members, of: element)
        default: break
        }
        if ends(model, 0).contains(names.count) { return nil }
        var list: [String] = []
        for name in expected where !list.contains(name) { list.append(name) }
        let wanted = list.isEmpty ? "" : " Expected is \(list.count > 1 ? "one of " : "")( \(list.prefix(8).joined(separator: ", ")) )."
        if furthest < names.count { return "Element '\(names[furthest])': This element is not expected.\(wanted)" }
        return "Element '\(element)': Missing child element(s).\(wanted)"
    }

    private func every(_ members: [(name: String, isRequired: Bool)], of element: String) -> String? {
        var seen: Set<String> = []
        for name in names {
            guard members.contains(where: { $0.name == name }), seen.insert(name).inserted else { return "Element '\(name)': This element is not expected." }
        }
        if let lacking = members.first(where: { $0.isRequired && !seen.contains($0.name) }) {
            return "Element '\(element)': Missing child element(s). Expected is ( \(lacking.name) )."
        }
        return nil
    }

    /// Where the model may end when it begins at `start`.
    private mutating func ends(_ model: IntacctModel, _ start: Int) -> Set<Int> {
        switch model {
        case .any: return [names.count]
        case .all: return []
        case .name(let name):
            if start < names.count, names[start] == name { return [start + 1] }
            if start > furthest { (furthest, expected) = (start, []) }
            if start == furthest { expected.append(name) }
            return []
        case .sequence(let parts):
            var at: Set<Int> = [start]
            for part in parts {
                var next: Set<Int> = []
                for place in at { next.formUnion(ends(part, place)) }
                at = next
            }
            return at
        case .choice(let parts):
            var out: Set<Int> = []
            for part in parts { out.formUnion(ends(part, start)) }
            return out
        case .many(let part, let least, let most):
            var out: Set<Int> = least == 0 ? [start] : []
            var at: Set<Int> = [start]
            var seen: Set<Int> = [start]
            var count = 0
            while count < most, !at.isEmpty {
                var next: Set<Int> = []
                for place in at { next.formUnion(ends(part, place)) }
                next.subtract(seen)
                seen.formUnion(next)
                count += 1
                if count >= least { out.formUnion(next) }
                at = next
            }
            return out
        }
    }
}
