internal import Kernel
internal import Wire

enum IntacctOperator: String, Sendable {
    case equal, less, lessOrEqual, greater, greaterOrEqual, like, oneOf, between, null
}

/// A condition on the fields of a record.
indirect enum IntacctPredicate: Sendable {
    case compare(field: String, IntacctOperator, [String])
    case and([IntacctPredicate])
    case or([IntacctPredicate])
    case not(IntacctPredicate)

    /// All fields that it looks at.
    var fields: [String] {
        switch self {
        case .compare(let field, _, _): [field]
        case .and(let parts), .or(let parts): parts.flatMap(\.fields)
        case .not(let part): part.fields
        }
    }

    /// Values that a field must have for this to hold; `nil` where that is not said.
    func demanded(_ field: String) -> [String]? {
        switch self {
        case .compare(let name, .equal, let values), .compare(let name, .oneOf, let values): name == field ? values : nil
        case .and(let parts): parts.lazy.compactMap { $0.demanded(field) }.first
        default: nil
        }
    }

    /// Every value can be read as what its field holds.
    func isReadable(_ object: IntacctObject) -> Bool {
        switch self {
        case .compare(_, .null, _), .compare(_, .like, _): true
        case .compare(let field, _, let values): values.allSatisfy { IntacctValue.isReadable($0, object.kind(field) ?? .text) }
        case .and(let parts), .or(let parts): parts.allSatisfy { $0.isReadable(object) }
        case .not(let part): part.isReadable(object)
        }
    }

    func holds(_ value: (String) -> String, _ object: IntacctObject, isFolded: Bool) -> Bool {
        switch self {
        case .and(let parts): return parts.allSatisfy { $0.holds(value, object, isFolded: isFolded) }
        case .or(let parts): return parts.contains { $0.holds(value, object, isFolded: isFolded) }
        case .not(let part): return !part.holds(value, object, isFolded: isFolded)
        case .compare(let field, let how, let values):
            let kind = object.kind(field) ?? .text
            let fold: (String) -> String = { isFolded && kind == .text ? $0.lowercased() : $0 }
            let held = fold(value(field))
            if how == .null { return held.isEmpty }
            // Nothing compares with what is not there, as in SQL; an equal that asks for nothing finds it.
            guard !held.isEmpty else { return how == .equal && values.first?.isEmpty == true }
            let wanted = values.map(fold)
            switch how {
            case .null: return false
            case .like: return IntacctValue.matches(held, wanted.first ?? "")
            case .oneOf: return wanted.contains { IntacctValue.order(held, $0, kind) == 0 }
            case .between:
                guard wanted.count == 2 else { return false }
                return IntacctValue.order(held, wanted[0], kind) >= 0 && IntacctValue.order(held, wanted[1], kind) <= 0
            case .equal: return IntacctValue.order(held, wanted.first ?? "", kind) == 0
            case .less: return IntacctValue.order(held, wanted.first ?? "", kind) < 0
            case .lessOrEqual: return IntacctValue.order(held, wanted.first ?? "", kind) <= 0
            case .greater: return IntacctValue.order(held, wanted.first ?? "", kind) > 0
            case .greaterOrEqual: return IntacctValue.order(held, wanted.first ?? "", kind) >= 0
            }
        }
    }
}

/// How values of fields compare.
enum IntacctValue {
    static func isReadable(_ text: String, _ kind: IntacctKind) -> Bool {
        switch kind {
        case .text, .flag: true
        case .integer, .decimal: ExactDecimal(text) != nil
        case .day, .time: IntacctTime.seconds(text) != nil
        }
    }

    /// Negative where `a` comes first.
    static func order(_ a: String, _ b: String, _ kind: IntacctKind) -> Int {
        switch kind {
        case .integer, .decimal:
            if let x = ExactDecimal(a), let y = ExactDecimal(b) { return x < y ? -1 : x == y ? 0 : 1 }
        case .day, .time:
            if let x = IntacctTime.seconds(a), let y = IntacctTime.seconds(b) { return x < y ? -1 : x == y ? 0 : 1 }
        case .text, .flag: break
        }
        return a < b ? -1 : a == b ? 0 : 1
    }

    /// SQL's `like`: `%` for anything, `_` for one character.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        let (letters, signs) = (Array(text), Array(pattern))
        var (place, sign) = (0, 0)
        var retry: (sign: Int, place: Int)?
        while place < letters.count {
            if sign < signs.count, signs[sign] == "%" {
                retry = (sign, place)
                sign += 1
            } else if sign < signs.count, signs[sign] == "_" || signs[sign] == letters[place] {
                (place, sign) = (place + 1, sign + 1)
            } else if let last = retry {
                retry = (last.sign, last.place + 1)
                (place, sign) = (last.place + 1, last.sign + 1)
            } else {
                return false
            }
        }
        return signs[sign...].allSatisfy { $0 == "%" }
    }
}

extension IntacctPredicate {
    /// The `<filter>` of `query`; its form is checked already.
    init?(_ element: XMLElement) {
        let field = element.value("field") ?? ""
        let values = element.all("value").map(\.value)
        switch element.name.local {
        case "and": self = .and(element.children.compactMap { IntacctPredicate($0) })
        case "or": self = .or(element.children.compactMap { IntacctPredicate($0) })
        case "equalto": self = .compare(field: field, .equal, values)
        case "notequalto": self = .not(.compare(field: field, .equal, values))
        case "lessthan": self = .compare(field: field, .less, values)
        case "lessthanorequalto": self = .compare(field: field, .lessOrEqual, values)
        case "greaterthan": self = .compare(field: field, .greater, values)
        case "greaterthanorequalto": self = .compare(field: field, .greaterOrEqual, values)
        case "between": self = .compare(field: field, .between, values)
        case "in": self = .compare(field: field, .oneOf, values)
        case "notin": self = .not(.compare(field: field, .oneOf, values))
        case "like": self = .compare(field: field, .like, values)
        case "notlike": self = .not(.compare(field: field, .like, values))
        case "isnull": self = .compare(field: field, .null, [])
        case "isnotnull": self = .not(.compare(field: field, .null, []))
        default: return nil
        }
    }
}

/// The conditions of `readByQuery`: `A = 'x' and (B in ('1', '2') or not C like 'y%')`.
/// - Source: developer.intacct.com, "Queries": the operators, and that texts are case-sensitive.
struct IntacctConditionReader {
    private enum Token: Equatable {
        case word(String)
        case text(String)
        case sign(String)
    }

    private var tokens: [Token] = []
    private var place = 0

    /// `nil` for what is not such a condition.
    static func read(_ text: String) -> IntacctPredicate? {
        guard var reader = IntacctConditionReader(text), let out = reader.any(0), reader.place == reader.tokens.count else { return nil }
        return out
    }

    private init?(_ text: String) {
        var rest = Substring(text)
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if first == "'" {
                rest.removeFirst()
                var value = ""
                while true {
                    guard let letter = rest.popFirst() else { return nil }
                    if letter == "\\", let next = rest.popFirst() {
                        value.append(next)
                    } else if letter == "'", rest.first != "'" {
                        break
                    } else {
                        if letter == "'" { rest.removeFirst() }
                        value.append(letter)
                    }
                }
                tokens.append(.text(value))
            } else if "<>=!".contains(first) {
                let sign = rest.prefix { "<>=!".contains($0) }
                rest = rest.dropFirst(sign.count)
                tokens.append(.sign(String(sign)))
            } else if "(),".contains(first) {
                rest.removeFirst()
                tokens.append(.sign(String(first)))
            } else {
                let word = rest.prefix { !$0.isWhitespace && !"<>=!(),'".contains($0) }
                rest = rest.dropFirst(word.count)
                tokens.append(.word(String(word)))
            }
            if tokens.count > 4000 { return nil }
        }
    }

    private var next: Token? { place < tokens.count ? tokens[place] : nil }

    private mutating func takes(_ sign: String) -> Bool {
        guard next == .sign(sign) else { return false }
        place += 1
        return true
    }

    private mutating func says(_ keyword: String) -> Bool {
        guard case .word(let word)? = next, word.lowercased() == keyword else { return false }
        place += 1
        return true
    }

    private mutating func any(_ depth: Int) -> IntacctPredicate? {
        guard let first = every(depth) else { return nil }
        var parts = [first]
        while says("or") {
            guard let more = every(depth) else { return nil }
            parts.append(more)
        }
        return parts.count == 1 ? first : .or(parts)
    }

    private mutating func every(_ depth: Int) -> IntacctPredicate? {
        guard let first = one(depth) else { return nil }
        var parts = [first]
        while says("and") {
            guard let more = one(depth) else { return nil }
            parts.append(more)
        }
        return parts.count == 1 ? first : .and(parts)
    }

    private mutating func one(_ depth: Int) -> IntacctPredicate? {
        guard depth < 30 else { return nil }
        if says("not") { return one(depth + 1).map { .not($0) } }
        if takes("(") {
            guard let inner = any(depth + 1), takes(")") else { return nil }
            return inner
        }
        guard case .word(let field)? = next else { return nil }
        place += 1
        return comparison(field)
    }

    private mutating func comparison(_ field: String) -> IntacctPredicate? {
        let isNegated = says("not")
        var out: IntacctPredicate?
        if says("like") {
            out = value().map { .compare(field: field, .like, [$0]) }
        } else if says("in") {
            out = list().map { .compare(field: field, .oneOf, $0) }
        } else if !isNegated, says("is") {
            let isFilled = says("not")
            guard says("null") else { return nil }
            let empty = IntacctPredicate.compare(field: field, .null, [])
            out = isFilled ? .not(empty) : empty
        } else if !isNegated, case .sign(let sign)? = next {
            let signs: [String: IntacctOperator] = ["=": .equal, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual]
            place += 1
            guard let value = value() else { return nil }
            if sign == "!=" || sign == "<>" { return .not(.compare(field: field, .equal, [value])) }
            out = signs[sign].map { .compare(field: field, $0, [value]) }
        }
        return isNegated ? out.map { .not($0) } : out
    }

    private mutating func list() -> [String]? {
        guard takes("(") else { return nil }
        var out: [String] = []
        repeat {
            guard let one = value() else { return nil }
            out.append(one)
        } while takes(",")
        return takes(")") ? out : nil
    }

    private mutating func value() -> String? {
        switch next {
        case .text(let text)?, .word(let text)?:
            place += 1
            return text
        default: return nil
        }
    }
}
