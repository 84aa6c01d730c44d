internal import Kernel
internal import Wire

/// Runs a query over the account's tables.
struct SuiteQLRun {
    let state: SuiteState
    let query: SuiteQuery
    /// Rows that joins may make on the way: our choice, against a query that would take the sandbox down.
    private static let most = 2_000_000

    typealias Joined = [SuiteRow?]

    func rows() throws(SuiteProblem) -> [[(name: String, value: SuiteValue)]] {
        for table in query.tables where SuiteTables.columns[table.name] == nil {
            throw SuiteQLParser.invalid("Record '\(table.name)' was not found.")
        }
        for column in query.columns { try check(column.expression) }
        for expression in [query.condition].compactMap({ $0 }) + query.groups { try check(expression) }
        var joined: [Joined] = state.rows(query.tables[0].name).map { [$0] }
        for index in query.tables.indices.dropFirst() { joined = try join(joined, index) }
        if let condition = query.condition {
            var kept: [Joined] = []
            for row in joined where try holds(condition, [row]) { kept.append(row) }
            joined = kept
        }
        var groups: [[Joined]]
        if query.columns.contains(where: { $0.expression.isSum }) || !query.groups.isEmpty {
            groups = try grouped(joined)
        } else {
            groups = joined.map { [$0] }
        }
        groups = try sorted(groups)
        var out: [[(name: String, value: SuiteValue)]] = []
        var seen: Set<[SuiteValue]> = []
        for group in groups {
            let row = try shown(group)
            if query.isDistinct, !seen.insert(row.map(\.value)).inserted { continue }
            out.append(row)
            if let most = query.most, out.count >= most { break }
        }
        return out
    }

    // MARK: - Names

    private func check(_ expression: SuiteExpression) throws(SuiteProblem) {
        switch expression {
        case .column(_, "*"), .literal: return
        case .column(let table, let name): _ = try place(table, name)
        case .call(let name, let arguments):
            guard Self.functions.contains(name) || SuiteExpression.sums.contains(name) else { throw SuiteQLParser.invalid("Unknown function '\(name)'.") }
            for argument in arguments { try check(argument) }
        case .compare(_, let a, let b), .arithmetic(_, let a, let b), .and(let a, let b), .or(let a, let b), .like(let a, let b):
            try check(a)
            try check(b)
        case .not(let a), .isNull(let a): try check(a)
        case .isIn(let a, let list):
            try check(a)
            for one in list { try check(one) }
        case .between(let a, let b, let c): for one in [a, b, c] { try check(one) }
        }
    }

    /// Which table a column is of. Custom fields are known of every transaction.
    private func place(_ table: String?, _ name: String) throws(SuiteProblem) -> Int {
        for (at, candidate) in query.tables.enumerated() where table == nil || candidate.alias == table {
            if SuiteTables.columns[candidate.name]?.contains(name) == true || name.hasPrefix("cust") && name.contains("_") { return at }
        }
        let known = query.tables.flatMap { SuiteTables.columns[$0.name] ?? [] }.sorted().joined(separator: ",")
        throw SuiteQLParser.invalid("Unknown identifier '\(name)'. Available identifiers are: {\(known)}")
    }

    // MARK: - Rows

    private func join(_ left: [Joined], _ index: Int) throws(SuiteProblem) -> [Joined] {
        let table = query.tables[index]
        let right = state.rows(table.name)
        var buckets: [SuiteValue: [SuiteRow]]?
        var key: SuiteExpression?
        // An equality finds its rows without looking at all of them.
        if case .compare("=", let a, let b)? = table.on {
            for (own, other) in [(a, b), (b, a)] where buckets == nil {
                guard case .column(let name, let column) = own, case .column(let far, let there) = other else { continue }
                guard try place(name, column) == index, try place(far, there) < index else { continue }
                buckets = Dictionary(grouping: right) { Self.plain(state.value(table.name, $0, column)) }
                key = other
            }
        }
        var out: [Joined] = []
        for row in left {
            var found = 0
            var candidates = right
            if let key { candidates = buckets?[Self.plain(try value(key, [row]))] ?? [] }
            for candidate in candidates {
                let whole = row + [candidate]
                if key == nil, let on = table.on, try !holds(on, [whole]) { continue }
                out.append(whole)
                found += 1
            }
            if found == 0, table.isOuter { out.append(row + [nil]) }
            guard out.count <= Self.most else { throw SuiteQLParser.invalid("the query takes too many rows.") }
        }
        return out
    }

    private static func plain(_ value: SuiteValue) -> SuiteValue {
        if case .text(let text) = value, let number = ExactDecimal(text) { return .number(number) }
        return value
    }

    private func grouped(_ rows: [Joined]) throws(SuiteProblem) -> [[Joined]] {
        guard !query.groups.isEmpty else { return [rows] }
        var order: [[SuiteValue]] = []
        var groups: [[SuiteValue]: [Joined]] = [:]
        for row in rows {
            var key: [SuiteValue] = []
            for group in query.groups { key.append(try value(group, [row])) }
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(row)
        }
        return order.map { groups[$0] ?? [] }
    }

    private func sorted(_ groups: [[Joined]]) throws(SuiteProblem) -> [[Joined]] {
        guard !query.order.isEmpty else { return groups }
        var keyed: [(keys: [SuiteValue], at: Int)] = []
        for (at, group) in groups.enumerated() {
            var keys: [SuiteValue] = []
            for (expression, _) in query.order { keys.append(try value(named(expression), group)) }
            keyed.append((keys, at))
        }
        keyed.sort { a, b in
            for (index, order) in query.order.enumerated() {
                let way = Self.compare(a.keys[index], b.keys[index])
                if way != 0 { return order.isDescending ? way > 0 : way < 0 }
            }
            return a.at < b.at
        }
        return keyed.map { groups[$0.at] }
    }

    /// A name that a column was given.
    private func named(_ expression: SuiteExpression) -> SuiteExpression {
        guard case .column(nil, let name) = expression, let column = query.columns.first(where: { $0.name == name }) else { return expression }
        return column.expression
    }

    private func shown(_ group: [Joined]) throws(SuiteProblem) -> [(name: String, value: SuiteValue)] {
        var out: [(name: String, value: SuiteValue)] = []
        for column in query.columns {
            guard case .column(_, "*") = column.expression else {
                out.append((column.name, try value(column.expression, group)))
                continue
            }
            for (at, table) in query.tables.enumerated() {
                for name in (SuiteTables.columns[table.name] ?? []).sorted() {
                    out.append((name, group.first?[at].map { state.value(table.name, $0, name) } ?? .null))
                }
            }
        }
        return out
    }

    // MARK: - Values

    static let functions: Set<String> = [
        "UPPER", "LOWER", "TO_DATE", "TO_TIMESTAMP", "TO_CHAR", "TO_NUMBER", "BUILTIN.DF", "NVL", "COALESCE", "ABS", "TRUNC",
        "SYSDATE", "SUBSTR", "CONCAT", "ROUND",
    ]

    func holds(_ expression: SuiteExpression, _ group: [Joined]) throws(SuiteProblem) -> Bool {
        switch expression {
        case .and(let a, let b):
            guard try holds(a, group) else { return false }
            return try holds(b, group)
        case .or(let a, let b):
            if try holds(a, group) { return true }
            return try holds(b, group)
        // What is not known is not so, nor is its opposite.
        case .not(.compare(let sign, let a, let b)): return try known([a, b], group, but: .compare(sign, a, b))
        case .not(.isIn(let a, let list)): return try known([a], group, but: .isIn(a, list))
        case .not(.like(let a, let b)): return try known([a, b], group, but: .like(a, b))
        case .not(.between(let a, let b, let c)): return try known([a, b, c], group, but: .between(a, b, c))
        case .not(let a): return try !holds(a, group)
        case .isNull(let a): return try value(a, group) == .null
        case .compare(let sign, let a, let b):
            let (left, right) = (try value(a, group), try value(b, group))
            guard left != .null, right != .null else { return false }
            let way = Self.compare(left, right)
            switch sign {
            case "=": return way == 0
            case "<": return way < 0
            case ">": return way > 0
            case "<=": return way <= 0
            case ">=": return way >= 0
            default: return way != 0
            }
        case .isIn(let a, let list):
            let left = try value(a, group)
            guard left != .null else { return false }
            for one in list {
                if Self.compare(left, try value(one, group)) == 0 { return true }
            }
            return false
        case .like(let a, let b):
            guard case .text(let text) = Self.asText(try value(a, group)), case .text(let pattern) = try value(b, group) else { return false }
            return Self.isLike(Array(text.utf8), Array(pattern.utf8))
        case .between(let a, let b, let c):
            let whole = try value(a, group)
            guard try isKnown([a, b, c], group) else { return false }
            let (low, high) = (try value(b, group), try value(c, group))
            return Self.compare(whole, low) >= 0 && Self.compare(whole, high) <= 0
        default: throw SuiteQLParser.invalid("a condition is missing.")
        }
    }

    /// Whether all of these are there and the other is not so.
    private func known(_ expressions: [SuiteExpression], _ group: [Joined], but other: SuiteExpression) throws(SuiteProblem) -> Bool {
        guard try isKnown(expressions, group) else { return false }
        return try !holds(other, group)
    }

    private func isKnown(_ expressions: [SuiteExpression], _ group: [Joined]) throws(SuiteProblem) -> Bool {
        for expression in expressions {
            if try value(expression, group) == .null { return false }
        }
        return true
    }

    private static func asText(_ value: SuiteValue) -> SuiteValue {
        if case .number(let number) = value { return .text(number.shortest.description) }
        return value
    }

    /// `%` and `_`, without going back more than one `%`.
    private static func isLike(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        var (t, p) = (0, 0)
        var star: Int?
        var from = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == 37 {
                star = p
                from = t
                p += 1
            } else if p < pattern.count, pattern[p] == 95 || pattern[p] == text[t] {
                (t, p) = (t + 1, p + 1)
            } else if let back = star {
                p = back + 1
                from += 1
                t = from
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == 37 { p += 1 }
        return p == pattern.count
    }

    static func compare(_ a: SuiteValue, _ b: SuiteValue) -> Int {
        switch (a, b) {
        case (.null, .null): return 0
        // Oracle sorts what is not there to the end.
        case (.null, _): return 1
        case (_, .null): return -1
        case (.number(let x), .number(let y)): return x < y ? -1 : x == y ? 0 : 1
        case (.time(let x), .time(let y)): return x < y ? -1 : x == y ? 0 : 1
        case (.time(let x), .text(let text)): return SuiteTime.read(text).map { x < $0 ? -1 : x == $0 ? 0 : 1 } ?? -1
        case (.text, .time), (.text, .number): return -compare(b, a)
        case (.number(let x), .text(let text)): return ExactDecimal(text).map { x < $0 ? -1 : x == $0 ? 0 : 1 } ?? -1
        case (.text(let x), .text(let y)):
            if let m = ExactDecimal(x), let n = ExactDecimal(y) { return m < n ? -1 : m == n ? 0 : 1 }
            return x == y ? 0 : x < y ? -1 : 1
        case (.number, .time), (.time, .number): return -1
        }
    }
}
