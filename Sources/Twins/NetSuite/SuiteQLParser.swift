internal import Kernel
internal import Wire

/// An expression of SuiteQL.
indirect enum SuiteExpression: Sendable {
    case column(table: String?, name: String)
    case literal(SuiteValue)
    /// `COUNT(*)` has no arguments.
    case call(String, [SuiteExpression])
    case compare(String, SuiteExpression, SuiteExpression)
    case arithmetic(String, SuiteExpression, SuiteExpression)
    case and(SuiteExpression, SuiteExpression)
    case or(SuiteExpression, SuiteExpression)
    case not(SuiteExpression)
    case isIn(SuiteExpression, [SuiteExpression])
    case like(SuiteExpression, SuiteExpression)
    case isNull(SuiteExpression)
    case between(SuiteExpression, SuiteExpression, SuiteExpression)

    static let sums: Set<String> = ["COUNT", "SUM", "MIN", "MAX"]

    /// Whether it stands for many rows at once.
    var isSum: Bool {
        switch self {
        case .call(let name, let arguments): Self.sums.contains(name) || arguments.contains { $0.isSum }
        case .arithmetic(_, let a, let b): a.isSum || b.isSum
        default: false
        }
    }
}

enum SuiteValue: Sendable, Hashable {
    case null
    case text(String)
    case number(ExactDecimal)
    case time(Timestamp)
}

struct SuiteQuery: Sendable {
    struct Table: Sendable {
        var name: String
        var alias: String
        /// `nil` of the first one.
        var on: SuiteExpression?
        var isOuter = false
    }

    /// `*` is a column of that name.
    var columns: [(expression: SuiteExpression, name: String)] = []
    var isDistinct = false
    var tables: [Table] = []
    var condition: SuiteExpression?
    var groups: [SuiteExpression] = []
    var order: [(expression: SuiteExpression, isDescending: Bool)] = []
    var most: Int?
}

/// Reads the part of SuiteQL that integrations use: one SELECT over tables and joins.
/// - Source: the sheet, "Objects"; the vendor's page "SuiteQL Syntax and Examples". What is left out: sub-queries, UNION, window functions.
struct SuiteQLParser {
    private enum Token: Equatable {
        case word(String)
        case text(String)
        case number(String)
        case sign(String)
    }

    /// Characters of a query: our choice.
    private static let most = 20_000
    private static let reserved: Set<String> = [
        "FROM", "WHERE", "GROUP", "ORDER", "INNER", "LEFT", "JOIN", "ON", "AND", "OR", "AS", "FETCH", "HAVING", "BY",
        "ASC", "DESC", "NOT", "IN", "IS", "LIKE", "BETWEEN",
    ]
    private var tokens: [Token] = []
    private var at = 0
    private var depth = 0

    static func read(_ text: String) throws(SuiteProblem) -> SuiteQuery {
        var parser = SuiteQLParser()
        try parser.tokenize(text)
        return try parser.query()
    }

    static func invalid(_ what: String) -> SuiteProblem {
        .parameter("Invalid search query. Detailed unprocessed description follows. Search error occurred: \(what)")
    }

    // MARK: - Tokens

    private mutating func tokenize(_ text: String) throws(SuiteProblem) {
        guard text.utf8.count <= Self.most else { throw Self.invalid("the query is too long.") }
        let bytes = Array(text.utf8)
        var n = 0
        func isLetter(_ b: UInt8) -> Bool { (b | 32 >= 97 && b | 32 <= 122) || b == 95 }
        func isDigit(_ b: UInt8) -> Bool { b >= 48 && b <= 57 }
        while n < bytes.count {
            let byte = bytes[n]
            let start = n
            if byte <= 32 {
                n += 1
            } else if byte == 39 {
                var inside: [UInt8] = []
                n += 1
                while n < bytes.count, bytes[n] != 39 || (n + 1 < bytes.count && bytes[n + 1] == 39) {
                    if bytes[n] == 39 { n += 1 }
                    inside.append(bytes[n])
                    n += 1
                }
                guard n < bytes.count else { throw Self.invalid("a text does not end.") }
                n += 1
                tokens.append(.text(String(decoding: inside, as: UTF8.self)))
            } else if isLetter(byte) {
                while n < bytes.count, isLetter(bytes[n]) || isDigit(bytes[n]) || bytes[n] == 46 { n += 1 }
                tokens.append(.word(String(decoding: bytes[start..<n], as: UTF8.self)))
            } else if isDigit(byte) {
                while n < bytes.count, isDigit(bytes[n]) || bytes[n] == 46 { n += 1 }
                tokens.append(.number(String(decoding: bytes[start..<n], as: UTF8.self)))
            } else {
                let two = n + 1 < bytes.count ? String(decoding: bytes[n...(n + 1)], as: UTF8.self) : ""
                let sign = ["<=", ">=", "<>", "!=", "||"].contains(two) ? two : String(decoding: [byte], as: UTF8.self)
                guard sign.count == 2 || "(),*=<>+-/;".contains(sign) else { throw Self.invalid("unexpected '\(sign)'.") }
                n += sign.utf8.count
                tokens.append(.sign(sign))
            }
        }
    }

    private func peek(_ word: String) -> Bool {
        guard at < tokens.count, case .word(let text) = tokens[at] else { return false }
        return text.uppercased() == word
    }

    private mutating func take(_ word: String) -> Bool {
        guard peek(word) else { return false }
        at += 1
        return true
    }

    private mutating func takeSign(_ sign: String) -> Bool {
        guard at < tokens.count, tokens[at] == .sign(sign) else { return false }
        at += 1
        return true
    }

    private mutating func need(_ word: String) throws(SuiteProblem) {
        guard take(word) else { throw Self.invalid("\(word) is missing near \(near).") }
    }

    private var near: String {
        guard at < tokens.count else { return "the end" }
        switch tokens[at] {
        case .word(let text), .text(let text), .number(let text), .sign(let text): return "'\(text.prefix(40))'"
        }
    }

    private mutating func name() throws(SuiteProblem) -> String {
        guard at < tokens.count, case .word(let text) = tokens[at] else { throw Self.invalid("a name is missing near \(near).") }
        at += 1
        return text
    }

    // MARK: - The statement

    private mutating func query() throws(SuiteProblem) -> SuiteQuery {
        var query = SuiteQuery()
        try need("SELECT")
        query.isDistinct = take("DISTINCT")
        if take("TOP"), at < tokens.count, case .number(let text) = tokens[at] {
            query.most = Int(text)
            at += 1
        }
        repeat { query.columns.append(try column(query.columns.count)) } while takeSign(",")
        try need("FROM")
        query.tables.append(try table())
        while true {
            let isOuter = take("LEFT")
            if isOuter { _ = take("OUTER") } else { _ = take("INNER") }
            guard take("JOIN") else { break }
            var joined = try table()
            try need("ON")
            joined.on = try either()
            joined.isOuter = isOuter
            query.tables.append(joined)
            guard query.tables.count <= 6 else { throw Self.invalid("too many joins.") }
        }
        if take("WHERE") { query.condition = try either() }
        if take("GROUP") {
            try need("BY")
            repeat { query.groups.append(try sum()) } while takeSign(",")
        }
        if take("ORDER") {
            try need("BY")
            repeat {
                let key = try sum()
                let isDescending = take("DESC")
                if !isDescending { _ = take("ASC") }
                query.order.append((key, isDescending))
            } while takeSign(",")
        }
        if take("FETCH") {
            guard take("FIRST") || take("NEXT"), at < tokens.count, case .number(let text) = tokens[at] else {
                throw Self.invalid("FETCH FIRST needs a number.")
            }
            at += 1
            query.most = Int(text)
            _ = take("ROWS") || take("ROW")
            try need("ONLY")
        }
        _ = takeSign(";")
        guard at == tokens.count else { throw Self.invalid("unexpected \(near).") }
        return query
    }

    private mutating func column(_ index: Int) throws(SuiteProblem) -> (expression: SuiteExpression, name: String) {
        if takeSign("*") { return (.column(table: nil, name: "*"), "*") }
        let expression = try sum()
        if take("AS") { return (expression, try name().lowercased()) }
        if at < tokens.count, case .word(let text) = tokens[at], !Self.reserved.contains(text.uppercased()) {
            at += 1
            return (expression, text.lowercased())
        }
        if case .column(_, let name) = expression { return (expression, name) }
        return (expression, "expr\(index + 1)")
    }

    private mutating func table() throws(SuiteProblem) -> SuiteQuery.Table {
        let name = try name().lowercased()
        _ = take("AS")
        if at < tokens.count, case .word(let text) = tokens[at], !Self.reserved.contains(text.uppercased()) {
            at += 1
            return SuiteQuery.Table(name: name, alias: text.lowercased())
        }
        return SuiteQuery.Table(name: name, alias: name)
    }

    // MARK: - Conditions

    private mutating func either() throws(SuiteProblem) -> SuiteExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth < 40 else { throw Self.invalid("too many brackets.") }
        var left = try both()
        while take("OR") { left = .or(left, try both()) }
        return left
    }

    private mutating func both() throws(SuiteProblem) -> SuiteExpression {
        var left = try negated()
        while take("AND") { left = .and(left, try negated()) }
        return left
    }

    private mutating func negated() throws(SuiteProblem) -> SuiteExpression {
        if take("NOT") { return .not(try condition()) }
        return try condition()
    }

    private mutating func condition() throws(SuiteProblem) -> SuiteExpression {
        let start = at
        if takeSign("(") {
            // A bracket holds a condition, or a value that is compared.
            let inner = try either()
            guard takeSign(")") else { throw Self.invalid("a bracket is missing near \(near).") }
            let isValue = at < tokens.count && [.sign("="), .sign("<"), .sign(">"), .sign("<="), .sign(">="), .sign("<>"), .sign("!=")].contains(tokens[at])
            if !isValue { return inner }
            at = start
        }
        let left = try sum()
        for sign in ["=", "<>", "!=", "<=", ">=", "<", ">"] where takeSign(sign) { return .compare(sign, left, try sum()) }
        if take("IS") {
            let isNot = take("NOT")
            try need("NULL")
            return isNot ? .not(.isNull(left)) : .isNull(left)
        }
        let isNot = take("NOT")
        if take("IN") {
            guard takeSign("(") else { throw Self.invalid("IN needs a list.") }
            var list: [SuiteExpression] = []
            repeat { list.append(try sum()) } while takeSign(",")
            guard takeSign(")") else { throw Self.invalid("a bracket is missing near \(near).") }
            guard list.count <= 1000 else { throw Self.invalid("a list may hold 1000 values.") }
            return isNot ? .not(.isIn(left, list)) : .isIn(left, list)
        }
        if take("LIKE") {
            let right = try sum()
            return isNot ? .not(.like(left, right)) : .like(left, right)
        }
        if take("BETWEEN") {
            let low = try sum()
            try need("AND")
            let high = try sum()
            return isNot ? .not(.between(left, low, high)) : .between(left, low, high)
        }
        return left
    }

    // MARK: - Values

    private mutating func sum() throws(SuiteProblem) -> SuiteExpression {
        var left = try product()
        while true {
            if takeSign("+") {
                left = .arithmetic("+", left, try product())
            } else if takeSign("-") {
                left = .arithmetic("-", left, try product())
            } else if takeSign("||") {
                left = .arithmetic("||", left, try product())
            } else {
                return left
            }
        }
    }

    private mutating func product() throws(SuiteProblem) -> SuiteExpression {
        var left = try value()
        while takeSign("*") { left = .arithmetic("*", left, try value()) }
        return left
    }

    private mutating func value() throws(SuiteProblem) -> SuiteExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth < 40, at < tokens.count else { throw Self.invalid("a value is missing near \(near).") }
        if takeSign("-") { return .arithmetic("-", .literal(.number(.zero)), try value()) }
        if takeSign("(") {
            let inner = try sum()
            guard takeSign(")") else { throw Self.invalid("a bracket is missing near \(near).") }
            return inner
        }
        defer { at = min(at, tokens.count) }
        switch tokens[at] {
        case .text(let text):
            at += 1
            return .literal(.text(text))
        case .number(let text):
            at += 1
            guard let number = ExactDecimal(text) else { throw Self.invalid("'\(text.prefix(40))' is no number.") }
            return .literal(.number(number))
        case .sign(let sign): throw Self.invalid("unexpected '\(sign)'.")
        case .word(let word):
            at += 1
            if word.uppercased() == "NULL" { return .literal(.null) }
            guard takeSign("(") else {
                let parts = word.lowercased().split(separator: ".").map(String.init)
                guard parts.count <= 2, let last = parts.last else { throw Self.invalid("'\(word.prefix(40))' is no column.") }
                return .column(table: parts.count == 2 ? parts[0] : nil, name: last)
            }
            if takeSign("*") {
                guard takeSign(")") else { throw Self.invalid("a bracket is missing near \(near).") }
                return .call(word.uppercased(), [])
            }
            var arguments: [SuiteExpression] = []
            if !takeSign(")") {
                repeat { arguments.append(try sum()) } while takeSign(",")
                guard takeSign(")") else { throw Self.invalid("a bracket is missing near \(near).") }
            }
            return .call(word.uppercased(), arguments)
        }
    }
}
