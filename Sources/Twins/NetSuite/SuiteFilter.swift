internal import Kernel
internal import Wire

/// The `q` of a collection: conditions joined by AND and OR.
/// - Source: the sheet, "Change feed", and the vendor's page "Record Collection Filtering".
indirect enum SuiteFilter: Sendable {
    case condition(field: String, test: String, values: [String])
    case and(SuiteFilter, SuiteFilter)
    case or(SuiteFilter, SuiteFilter)

    /// Words and signs of one filter.
    private static let most = 500
    private static let bare: Set<String> = ["EMPTY", "EMPTY_NOT"]
    private static let tests: Set<String> = [
        "IS", "IS_NOT", "CONTAIN", "CONTAIN_NOT", "START_WITH", "START_WITH_NOT", "END_WITH", "END_WITH_NOT", "EMPTY", "EMPTY_NOT", "EQUAL", "EQUAL_NOT",
        "GREATER", "GREATER_OR_EQUAL", "LESS", "LESS_OR_EQUAL", "BETWEEN", "BETWEEN_NOT", "ANY_OF", "ANY_OF_NOT", "AFTER", "AFTER_NOT", "BEFORE", "BEFORE_NOT",
        "ON", "ON_NOT", "ON_OR_AFTER", "ON_OR_BEFORE", "WITHIN", "WITHIN_NOT",
    ]

    /// - Throws: `INVALID_PARAMETER`.
    init(_ text: String, _ type: SuiteType) throws(SuiteProblem) {
        var tokens = try Self.tokens(text)[...]
        self = try Self.either(&tokens, type, depth: 0)
        guard tokens.isEmpty else { throw Self.invalid(tokens.first?.text ?? "") }
    }

    private struct Token {
        var text: String
        var isQuoted: Bool
    }

    private static func invalid(_ what: String) -> SuiteProblem { .parameter("Invalid query parameter: the filter can't be read at '\(what.prefix(60))'.") }

    private static func tokens(_ text: String) throws(SuiteProblem) -> [Token] {
        var out: [Token] = []
        var word = ""
        var quoted: String?
        func close() {
            if !word.isEmpty { out.append(Token(text: word, isQuoted: false)) }
            word = ""
        }
        for character in text {
            if let inside = quoted {
                if character == "\"" {
                    out.append(Token(text: inside, isQuoted: true))
                    quoted = nil
                } else {
                    quoted = inside + String(character)
                }
                continue
            }
            switch character {
            case "\"": quoted = ""
            case " ", "\n", "\t": close()
            case "(", ")", "[", "]", ",":
                close()
                out.append(Token(text: String(character), isQuoted: false))
            default: word.append(character)
            }
        }
        close()
        guard quoted == nil, !out.isEmpty, out.count <= most else { throw invalid(text) }
        return out
    }

    private static func either(_ tokens: inout ArraySlice<Token>, _ type: SuiteType, depth: Int) throws(SuiteProblem) -> SuiteFilter {
        var left = try both(&tokens, type, depth: depth)
        while tokens.first?.text.uppercased() == "OR", tokens.first?.isQuoted == false {
            tokens.removeFirst()
            left = .or(left, try both(&tokens, type, depth: depth))
        }
        return left
    }

    private static func both(_ tokens: inout ArraySlice<Token>, _ type: SuiteType, depth: Int) throws(SuiteProblem) -> SuiteFilter {
        var left = try one(&tokens, type, depth: depth)
        while tokens.first?.text.uppercased() == "AND", tokens.first?.isQuoted == false {
            tokens.removeFirst()
            left = .and(left, try one(&tokens, type, depth: depth))
        }
        return left
    }

    private static func one(_ tokens: inout ArraySlice<Token>, _ type: SuiteType, depth: Int) throws(SuiteProblem) -> SuiteFilter {
        guard depth < 30, let first = tokens.popFirst() else { throw invalid("the end") }
        if first.text == "(", !first.isQuoted {
            let inner = try either(&tokens, type, depth: depth + 1)
            guard tokens.popFirst()?.text == ")" else { throw invalid("a missing bracket") }
            return inner
        }
        let field = first.text.hasSuffix(".id") ? String(first.text.dropLast(3)) : first.text
        guard !first.isQuoted, ["id", "externalId", "internalId"].contains(field) || type.field(field) != nil else {
            throw .parameter("Invalid query parameter: the field '\(first.text.prefix(60))' can't be filtered by.")
        }
        guard let test = tokens.popFirst()?.text.uppercased(), tests.contains(test) else { throw invalid(first.text) }
        if bare.contains(test) { return .condition(field: field, test: test, values: []) }
        guard let value = tokens.popFirst() else { throw invalid(test) }
        guard value.text == "[", !value.isQuoted else { return .condition(field: field, test: test, values: [value.text]) }
        var values: [String] = []
        while let next = tokens.popFirst(), next.isQuoted || next.text != "]" {
            if next.isQuoted || next.text != "," { values.append(next.text) }
        }
        return .condition(field: field, test: test, values: values)
    }

    func matches(_ record: SuiteRecord, _ state: SuiteState) -> Bool {
        switch self {
        case .and(let a, let b): return a.matches(record, state) && b.matches(record, state)
        case .or(let a, let b): return a.matches(record, state) || b.matches(record, state)
        case .condition(let field, let test, let values):
            if test.hasSuffix("_NOT") { return !Self.test(String(test.dropLast(4)), Self.have(field, record, state), values) }
            if test == "IS_NOT" { return !Self.test("IS", Self.have(field, record, state), values) }
            return Self.test(test, Self.have(field, record, state), values)
        }
    }

    private static func have(_ field: String, _ record: SuiteRecord, _ state: SuiteState) -> String {
        switch field {
        case "id", "internalId": return String(record.id)
        case "externalId": return record.externalID ?? ""
        case "lastModifiedDate": return record.modified.description
        case "createdDate", "dateCreated": return record.created.description
        default:
            let value = record.values[field] ?? state.shown(record)[field]
            return value?.bool.map { $0 ? "true" : "false" } ?? value?.plain ?? ""
        }
    }

    private static func test(_ test: String, _ have: String, _ values: [String]) -> Bool {
        let first = values.first ?? ""
        let (low, want) = (have.lowercased(), first.lowercased())
        switch test {
        case "IS": return low == want || ("true" == low && want == "t") || ("false" == low && want == "f")
        case "CONTAIN": return low.contains(want)
        case "START_WITH": return low.hasPrefix(want)
        case "END_WITH": return low.hasSuffix(want)
        case "EMPTY": return have.isEmpty
        case "ANY_OF": return values.contains(have)
        case "AFTER", "BEFORE", "ON", "ON_OR_AFTER", "ON_OR_BEFORE", "WITHIN": return date(test, have, values)
        default: break
        }
        guard let a = ExactDecimal(have), let b = ExactDecimal(first) else { return test == "EQUAL" && low == want }
        switch test {
        case "EQUAL": return a == b
        case "GREATER": return a > b
        case "GREATER_OR_EQUAL": return a >= b
        case "LESS": return a < b
        case "LESS_OR_EQUAL": return a <= b
        default: return a >= b && values.count > 1 && ExactDecimal(values[1]).map { a <= $0 } ?? false
        }
    }

    private static func date(_ test: String, _ have: String, _ values: [String]) -> Bool {
        guard let at = SuiteTime.read(have), let want = values.first.flatMap({ SuiteTime.read($0) }) else { return false }
        switch test {
        case "AFTER": return at > want
        case "BEFORE": return at < want
        case "ON": return SuiteTime.day(at) == SuiteTime.day(want)
        case "ON_OR_AFTER": return at >= want
        case "ON_OR_BEFORE": return at <= want
        default: return at >= want && values.count > 1 && SuiteTime.read(values[1]).map { at <= $0 } ?? false
        }
    }
}
