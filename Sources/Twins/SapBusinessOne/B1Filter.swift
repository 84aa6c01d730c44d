internal import Kernel
internal import Wire

/// What `$filter` asks.
/// - Source: the guide, "Query Options": `and or not`, six comparisons, `startswith endswith contains substringof`, parentheses; nothing else.
indirect enum B1Filter: Sendable {
    enum Comparison: String, Sendable { case eq, ne, gt, ge, lt, le }
    enum Part: String, Sendable { case startswith, endswith, contains, substringof }

    case both(B1Filter, B1Filter)
    case either(B1Filter, B1Filter)
    case not(B1Filter)
    case compare(B1Property, Comparison, JSON)
    case text(B1Property, Part, String)

    func holds(_ record: B1Record, isBlind: Bool) -> Bool {
        switch self {
        case .both(let a, let b): return a.holds(record, isBlind: isBlind) && b.holds(record, isBlind: isBlind)
        case .either(let a, let b): return a.holds(record, isBlind: isBlind) || b.holds(record, isBlind: isBlind)
        case .not(let a): return !a.holds(record, isBlind: isBlind)
        case .compare(let property, let comparison, let wanted):
            let value = record[property.name]
            if wanted.isNull { return (value == nil) == (comparison == .eq) }
            // As in SQL, a value that is not there compares with nothing.
            guard let value else { return false }
            return Self.holds(comparison, B1Order.compare(property.kind, value, wanted, isBlind: isBlind))
        case .text(let property, let part, let wanted):
            guard var value = record[property.name]?.string else { return false }
            var piece = wanted
            if isBlind { (value, piece) = (value.lowercased(), piece.lowercased()) }
            switch part {
            case .startswith: return value.hasPrefix(piece)
            case .endswith: return value.hasSuffix(piece)
            case .contains, .substringof: return piece.isEmpty || value.split(separator: piece, omittingEmptySubsequences: false).count > 1
            }
        }
    }

    private static func holds(_ comparison: Comparison, _ order: Int) -> Bool {
        switch comparison {
        case .eq: order == 0
        case .ne: order != 0
        case .gt: order > 0
        case .ge: order >= 0
        case .lt: order < 0
        case .le: order <= 0
        }
    }

    /// True where every record that holds has one of these properties at a given value.
    func demands(_ names: Set<String>) -> Bool {
        switch self {
        case .both(let a, let b): a.demands(names) || b.demands(names)
        case .either(let a, let b): a.demands(names) && b.demands(names)
        case .compare(let property, .eq, _): names.contains(property.name)
        default: false
        }
    }
}

/// `$orderby`, and what is before what.
enum B1Order {
    /// Negative, 0 or positive.
    static func compare(_ kind: B1Kind, _ a: JSON, _ b: JSON, isBlind: Bool = false) -> Int {
        switch kind {
        case .int, .double:
            guard let left = a.decimal, let right = b.decimal else { return 0 }
            return left == right ? 0 : left < right ? -1 : 1
        default:
            var (left, right) = (a.string ?? "", b.string ?? "")
            if isBlind { (left, right) = (left.lowercased(), right.lowercased()) }
            return left == right ? 0 : left < right ? -1 : 1
        }
    }

    static func sorted(_ rows: [B1Record], by text: String, _ properties: [B1Property], _ type: String) throws(B1Problem) -> [B1Record] {
        var keys: [(property: B1Property, isDown: Bool)] = []
        for part in text.split(separator: ",") {
            let words = part.split(separator: " ").map(String.init)
            guard let name = words.first, words.count <= 2, words.count == 1 || ["asc", "desc"].contains(words[1]) else { throw .query("invalid $orderby") }
            guard let property = properties.first(where: { $0.name == name }) else { throw .property(name, type) }
            keys.append((property, words.count == 2 && words[1] == "desc"))
        }
        return rows.enumerated().sorted { a, b in
            for (property, isDown) in keys {
                let order: Int =
                    switch (a.element[property.name], b.element[property.name]) {
                    case (nil, nil): 0
                    case (nil, _): -1
                    case (_, nil): 1
                    case (let left?, let right?): compare(property.kind, left, right)
                    }
                if order != 0 { return isDown ? order > 0 : order < 0 }
            }
            return a.offset < b.offset
        }.map(\.element)
    }
}

/// Reads `$filter`.
struct B1FilterReader {
    /// Deepest nesting, and the longest text.
    static let depthMost = 50
    static let bytesMost = 20_000

    private enum Token: Equatable {
        case word(String)
        case text(String)
        case open, close, comma, end
    }

    private var tokens: [Token] = []
    private var place = 0
    private let properties: [B1Property]
    private let type: String

    static func read(_ text: String, _ properties: [B1Property], _ type: String) throws(B1Problem) -> B1Filter {
        var reader = B1FilterReader(properties: properties, type: type)
        try reader.scan(text)
        let filter = try reader.either(0)
        guard reader.peek == .end else { throw .query("unexpected text behind the filter") }
        return filter
    }

    private init(properties: [B1Property], type: String) {
        self.properties = properties
        self.type = type
    }

    private mutating func scan(_ text: String) throws(B1Problem) {
        guard text.utf8.count <= Self.bytesMost else { throw .query("too long") }
        var rest = Substring(text)
        while let first = rest.first {
            switch first {
            case " ": rest.removeFirst()
            case "(", ")", ",":
                tokens.append(first == "(" ? .open : first == ")" ? .close : .comma)
                rest.removeFirst()
            case "'":
                rest.removeFirst()
                tokens.append(.text(try quoted(&rest)))
            default:
                let word = rest.prefix { !" (),'".contains($0) }
                rest = rest.dropFirst(word.count)
                tokens.append(.word(String(word)))
            }
        }
        tokens.append(.end)
    }

    private func quoted(_ rest: inout Substring) throws(B1Problem) -> String {
        var out = ""
        while let character = rest.popFirst() {
            guard character == "'" else {
                out.append(character)
                continue
            }
            guard rest.first == "'" else { return out }
            out.append("'")
            rest.removeFirst()
        }
        throw .query("a quotation mark is missing")
    }

    private var peek: Token { tokens[place] }

    private mutating func take() -> Token {
        defer { if place + 1 < tokens.count { place += 1 } }
        return tokens[place]
    }

    private mutating func either(_ depth: Int) throws(B1Problem) -> B1Filter {
        guard depth < Self.depthMost else { throw .query("nested too deeply") }
        var left = try both(depth)
        while peek == .word("or") {
            _ = take()
            left = .either(left, try both(depth))
        }
        return left
    }

    private mutating func both(_ depth: Int) throws(B1Problem) -> B1Filter {
        var left = try one(depth)
        while peek == .word("and") {
            _ = take()
            left = .both(left, try one(depth))
        }
        return left
    }

    private mutating func one(_ depth: Int) throws(B1Problem) -> B1Filter {
        switch take() {
        case .open:
            let inner = try either(depth + 1)
            guard take() == .close else { throw .query("a parenthesis is missing") }
            return inner
        case .word("not"):
            guard depth < Self.depthMost else { throw .query("nested too deeply") }
            return .not(try one(depth + 1))
        case .word(let name):
            return peek == .open ? try function(name) : try comparison(name)
        default: throw .query("a property is missing")
        }
    }

    private func property(_ name: String) throws(B1Problem) -> B1Property {
        guard let found = properties.first(where: { $0.name == name }) else { throw .filter(name) }
        if case .list = found.kind { throw .filter(name) }
        return found
    }

    private mutating func function(_ name: String) throws(B1Problem) -> B1Filter {
        // A function that is not there is taken for a property.
        guard let part = B1Filter.Part(rawValue: name) else { throw .property(name, type) }
        _ = take()
        let first = take()
        guard take() == .comma else { throw .query("\(name) takes two arguments") }
        let second = take()
        guard take() == .close else { throw .query("a parenthesis is missing") }
        switch (part, first, second) {
        case (.substringof, .text(let text), .word(let field)), (.startswith, .word(let field), .text(let text)), (.endswith, .word(let field), .text(let text)),
            (.contains, .word(let field), .text(let text)):
            return .text(try property(field), part, text)
        default: throw .query("\(name) takes a property and a text")
        }
    }

    private mutating func comparison(_ name: String) throws(B1Problem) -> B1Filter {
        let property = try property(name)
        guard case .word(let word) = take(), let comparison = B1Filter.Comparison(rawValue: word) else { throw .query("an operator is missing behind \(name)") }
        return .compare(property, comparison, try literal(property))
    }

    /// A literal as the property's kind takes it.
    private mutating func literal(_ property: B1Property) throws(B1Problem) -> JSON {
        var token = take()
        if token == .word("null") { return .null }
        if [.word("datetime"), .word("time")].contains(token) { token = take() }
        let wrong = B1Problem.query("invalid value for '\(property.name)'")
        switch (property.kind, token) {
        case (.int, .word(let text)), (.double, .word(let text)), (.int, .text(let text)), (.double, .text(let text)):
            guard ExactDecimal(text) != nil else { throw wrong }
            return .number(text)
        case (.date, .text(let text)):
            guard let day = B1Time.day(text) else { throw wrong }
            return .string(day.description)
        case (.time, .text(let text)):
            guard let time = B1Time.time(text) else { throw wrong }
            return .string(time)
        case (.choice(let list), .text(let text)):
            guard let name = B1Schema.choice(list, text) else { throw wrong }
            return .string(name)
        case (.text, .text(let text)): return .string(text)
        default: throw wrong
        }
    }
}
