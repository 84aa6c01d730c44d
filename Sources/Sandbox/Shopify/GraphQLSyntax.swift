/// The part of the GraphQL language that clients of the Admin API use: operations, variables with defaults, fields with
/// aliases and arguments, nested selections, fragments, and the directives `@include` and `@skip`.
/// - Source: GraphQL specification, October 2021, section 2 (Language).
enum GraphQL {
    struct Location: Sendable, Equatable {
        var line: Int
        var column: Int
    }

    /// What is wrong with a query, in the words of the vendor's server.
    struct Problem: Error, Sendable {
        var message: String
        var location: Location
        /// The vendor's code, as in `extensions.code`.
        var code: String?
        var path: [String] = []
        var extensions: [(String, String)] = []
    }

    indirect enum Value: Sendable {
        case variable(String)
        /// A number as written.
        case number(String)
        case string(String)
        case bool(Bool)
        case null
        case enumeration(String)
        case list([Value])
        case object([(name: String, value: Value)])
    }

    struct Directive: Sendable {
        var name: String
        var arguments: [(name: String, value: Value)]
    }

    struct Field: Sendable {
        var alias: String?
        var name: String
        var arguments: [(name: String, value: Value)]
        var directives: [Directive]
        var selections: [Selection]
        var location: Location

        var key: String { alias ?? name }
    }

    indirect enum Selection: Sendable {
        case field(Field)
        case inline(type: String?, directives: [Directive], selections: [Selection])
        case spread(name: String, directives: [Directive], location: Location)
    }

    struct Variable: Sendable {
        var name: String
        var type: String
        var required: Bool
        var fallback: Value?
    }

    struct Operation: Sendable {
        /// `query`, `mutation` or `subscription`.
        var kind: String
        var name: String?
        var variables: [Variable]
        var selections: [Selection]
        var location: Location
    }

    struct Document: Sendable {
        var operations: [Operation]
        var fragments: [String: [Selection]]
    }

    /// Deepest nesting of selections and values, tokens of a query.
    static let depth = 24
    static let tokens = 20_000

    static func parse(_ text: String) throws(Problem) -> Document {
        var parser = GraphQLParser(tokens: try GraphQLLexer.tokens(of: text))
        return try parser.document()
    }
}

enum GraphQLToken: Sendable, Equatable {
    case name(String)
    case number(String)
    case string(String)
    /// `{ } ( ) [ ] : = ! $ @ |` and `...`.
    case mark(String)
    case end

    var shown: String {
        switch self {
        case .name(let text), .number(let text), .mark(let text): "\"\(text)\""
        case .string: "a string"
        case .end: "end of file"
        }
    }
}

/// Cuts a query into tokens; commas and comments are blank.
struct GraphQLLexer {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var lineStart = 0

    private init(_ text: String) { bytes = Array(text.utf8) }

    static func tokens(of text: String) throws(GraphQL.Problem) -> [(token: GraphQLToken, location: GraphQL.Location)] {
        var lexer = GraphQLLexer(text)
        var tokens: [(token: GraphQLToken, location: GraphQL.Location)] = []
        while true {
            lexer.skipBlank()
            let location = lexer.location
            guard tokens.count < GraphQL.tokens else {
                throw GraphQL.Problem(message: "Query is too long", location: location, code: "MAX_COST_EXCEEDED")
            }
            let token = try lexer.next()
            tokens.append((token, location))
            if token == .end { return tokens }
        }
    }

    private var location: GraphQL.Location { GraphQL.Location(line: line, column: at - lineStart + 1) }

    private func problem(_ message: String) -> GraphQL.Problem { GraphQL.Problem(message: message, location: location) }

    private mutating func skipBlank() {
        while at < bytes.count {
            switch bytes[at] {
            case 10:
                at += 1
                line += 1
                lineStart = at
            case 9, 13, 32, 44: at += 1
            case 0xef where bytes[at...].starts(with: [0xef, 0xbb, 0xbf]): at += 3
            case 35: while at < bytes.count, bytes[at] != 10 { at += 1 }
            default: return
            }
        }
    }

    private mutating func next() throws(GraphQL.Problem) -> GraphQLToken {
        guard at < bytes.count else { return .end }
        let first = bytes[at]
        switch first {
        case 65...90, 97...122, 95: return .name(take(Self.isNameByte))
        case 45, 48...57:
            return .number(take { $0 == 43 || $0 == 45 || $0 == 46 || ($0 >= 48 && $0 <= 57) || $0 | 32 == 101 })
        case 34: return .string(bytes[at...].starts(with: [34, 34, 34]) ? try block() : try quoted())
        case 46 where bytes[at...].starts(with: [46, 46, 46]):
            at += 3
            return .mark("...")
        default:
            guard "{}()[]:=!$@|".utf8.contains(first) else {
                throw problem("Unexpected character: \(String(decoding: [first], as: UTF8.self))")
            }
            at += 1
            return .mark(String(decoding: [first], as: UTF8.self))
        }
    }

    private mutating func take(_ belongs: (UInt8) -> Bool) -> String {
        let start = at
        while at < bytes.count, belongs(bytes[at]) { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private static func isNameByte(_ b: UInt8) -> Bool {
        (b >= 48 && b <= 57) || (b >= 65 && b <= 90) || (b >= 97 && b <= 122) || b == 95
    }

    private mutating func quoted() throws(GraphQL.Problem) -> String {
        at += 1
        var out: [UInt8] = []
        while at < bytes.count, bytes[at] != 10 {
            let b = bytes[at]
            at += 1
            if b == 34 { return String(decoding: out, as: UTF8.self) }
            guard b == 92 else {
                out.append(b)
                continue
            }
            guard at < bytes.count else { break }
            let escape = bytes[at]
            at += 1
            switch escape {
            case 34, 92, 47: out.append(escape)
            case 98: out.append(8)
            case 102: out.append(12)
            case 110: out.append(10)
            case 114: out.append(13)
            case 116: out.append(9)
            case 117:
                let digits = String(decoding: bytes[at..<min(at + 4, bytes.count)], as: UTF8.self)
                guard digits.utf8.count == 4, let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code)
                else {
                    throw problem("Bad unicode escape in string")
                }
                at += 4
                out += Array(String(Character(scalar)).utf8)
            default: throw problem("Bad character escape sequence in string")
            }
        }
        throw problem("Unterminated string")
    }

    /// A block string; its common indentation is kept, which no query of ours minds.
    private mutating func block() throws(GraphQL.Problem) -> String {
        at += 3
        let start = at
        while at < bytes.count {
            if bytes[at...].starts(with: [34, 34, 34]) {
                at += 3
                return String(decoding: bytes[start..<at - 3], as: UTF8.self)
            }
            if bytes[at] == 10 {
                line += 1
                lineStart = at + 1
            }
            at += 1
        }
        throw problem("Unterminated string")
    }
}
