internal import Kernel
internal import Wire

extension SuiteQLRun {
    func value(_ expression: SuiteExpression, _ group: [Joined]) throws(SuiteProblem) -> SuiteValue {
        switch expression {
        case .literal(let value): return value
        case .column(let table, let name):
            guard let row = group.first else { return .null }
            for (at, candidate) in query.tables.enumerated() where (table == nil || candidate.alias == table) && at < row.count {
                guard SuiteTables.columns[candidate.name]?.contains(name) == true || name.hasPrefix("cust") else { continue }
                return row[at].map { state.value(candidate.name, $0, name) } ?? .null
            }
            throw SuiteQLParser.invalid("Unknown identifier '\(name)'.")
        case .call(let name, let arguments):
            return SuiteExpression.sums.contains(name) ? try sum(name, arguments, group) : try call(name, arguments, group)
        case .arithmetic(let sign, let a, let b): return try arithmetic(sign, try value(a, group), try value(b, group))
        default: return .text(try holds(expression, group) ? "T" : "F")
        }
    }

    private func arithmetic(_ sign: String, _ a: SuiteValue, _ b: SuiteValue) throws(SuiteProblem) -> SuiteValue {
        if sign == "||" { return .text(Self.text(a) + Self.text(b)) }
        guard let x = Self.number(a), let y = Self.number(b) else { return .null }
        let result = sign == "+" ? x.adding(y) : sign == "-" ? x.subtracting(y) : x.multiplied(by: y)
        guard let result else { throw SuiteQLParser.invalid("a number is too large.") }
        return .number(result.shortest)
    }

    private func sum(_ name: String, _ arguments: [SuiteExpression], _ group: [Joined]) throws(SuiteProblem) -> SuiteValue {
        guard let argument = arguments.first else { return .number(ExactDecimal(group.count)) }
        var values: [SuiteValue] = []
        for row in group {
            let value = try value(argument, [row])
            if value != .null { values.append(value) }
        }
        switch name {
        case "COUNT": return .number(ExactDecimal(values.count))
        case "MIN": return values.min { Self.compare($0, $1) < 0 } ?? .null
        case "MAX": return values.max { Self.compare($0, $1) < 0 } ?? .null
        default:
            guard !values.isEmpty else { return .null }
            var total = ExactDecimal.zero
            for value in values {
                guard let number = Self.number(value), let next = total.adding(number) else { throw SuiteQLParser.invalid("a sum is too large.") }
                total = next
            }
            return .number(total.shortest)
        }
    }

    private func call(_ name: String, _ arguments: [SuiteExpression], _ group: [Joined]) throws(SuiteProblem) -> SuiteValue {
        if name == "SYSDATE" { return .time(state.now) }
        guard let argument = arguments.first else { throw SuiteQLParser.invalid("\(name) needs an argument.") }
        let first = try value(argument, group)
        switch name {
        case "UPPER": return first == .null ? .null : .text(Self.text(first).uppercased())
        case "LOWER": return first == .null ? .null : .text(Self.text(first).lowercased())
        case "TO_NUMBER": return Self.number(first).map { .number($0) } ?? .null
        case "ABS": return Self.number(first).map { .number($0.isNegative ? -$0 : $0) } ?? .null
        case "ROUND":
            let places = arguments.count > 1 ? Self.number(try value(arguments[1], group)) : .zero
            return Self.number(first)?.rescaled(toScale: min(max(Int(places?.shortest.coefficient ?? 0), 0), 30)).map { .number($0.shortest) } ?? .null
        case "NVL", "COALESCE":
            if first != .null { return first }
            for other in arguments.dropFirst() {
                let value = try value(other, group)
                if value != .null { return value }
            }
            return .null
        case "CONCAT": return .text(Self.text(first) + (arguments.count > 1 ? Self.text(try value(arguments[1], group)) : ""))
        case "TRUNC":
            guard case .time(let at) = first else { return first }
            return .time(Timestamp(seconds: Int64(SuiteTime.day(at).daysSince1970) * 86_400))
        case "TO_DATE", "TO_TIMESTAMP":
            guard case .text(let text) = first else { return first }
            guard let at = SuiteTime.read(text) else { throw SuiteQLParser.invalid("'\(text.prefix(40))' is no date.") }
            return .time(at)
        case "TO_CHAR":
            guard arguments.count > 1, case .time(let at) = first, case .text(let format) = try value(arguments[1], group) else {
                return first == .null ? .null : .text(Self.text(first))
            }
            return .text(Self.written(at, format))
        case "BUILTIN.DF": return try display(argument, first)
        default: throw SuiteQLParser.invalid("\(name) is not known to this sandbox.")
        }
    }

    /// What people see of a column: the name of what it leads to.
    private func display(_ argument: SuiteExpression, _ value: SuiteValue) throws(SuiteProblem) -> SuiteValue {
        guard case .column(_, let column) = argument, let id = Self.number(value)?.shortest, id.scale == 0 else { return value }
        let families = [
            "entity": "entity", "currency": "currency", "subsidiary": "subsidiary", "department": "department", "class": "classification",
            "location": "location", "postingperiod": "accountingPeriod",
            "account": "account", "item": "item", "transaction": "transaction", "createdfrom": "transaction",
            "expenseaccount": "account",
        ]
        guard let family = families[column], let name = state.name(family, Int(exactly: id.coefficient)) else { return value }
        return .text(name)
    }

    static func number(_ value: SuiteValue) -> ExactDecimal? {
        switch value {
        case .number(let number): number
        case .text(let text): ExactDecimal(text)
        default: nil
        }
    }

    /// Values as answers have them: texts, all of them; dates in the account's format.
    static func text(_ value: SuiteValue) -> String {
        switch value {
        case .null: ""
        case .text(let text): text
        case .number(let number): number.shortest.description
        case .time(let at): SuiteTime.american(SuiteTime.day(at))
        }
    }

    /// `YYYY-MM-DD"T"HH24:MI:SS` and the like.
    private static func written(_ at: Timestamp, _ format: String) -> String {
        let iso = SuiteTime.rest(at)
        func part(_ from: Int, _ count: Int) -> String { String(iso.dropFirst(from).prefix(count)) }
        let marks = [("YYYY", part(0, 4)), ("HH24", part(11, 2)), ("MM", part(5, 2)), ("DD", part(8, 2)), ("MI", part(14, 2)), ("SS", part(17, 2))]
        var out = ""
        var rest = Substring(format)
        while let first = rest.first {
            if let (mark, text) = marks.first(where: { rest.uppercased().hasPrefix($0.0) }) {
                out += text
                rest = rest.dropFirst(mark.count)
            } else {
                if first != "\"" { out.append(first) }
                rest = rest.dropFirst()
            }
        }
        return out
    }
}

extension SuiteState {
    /// Rows that a query gives in all.
    /// - Source: the sheet, "Limits".
    private static let rowsMost = 100_000

    func suiteQL(_ request: HTTPRequest) throws(SuiteProblem) -> HTTPResponse {
        guard request.method == .post else { throw SuiteProblem(status: 405, code: "METHOD_NOT_ALLOWED", message: "Only POST is allowed here.") }
        guard (request.fields["Prefer"] ?? "").lowercased().contains("transient") else {
            throw SuiteProblem(code: "INVALID_HEADER", message: "Invalid value for the header 'Prefer'. The value has to be 'transient'.")
        }
        guard let text = (try? JSON(parsing: request.body))?["q"]?.string else { throw .content("Invalid content in the request body: q is missing.") }
        let (limit, offset) = try page(request)
        let rows = try SuiteQLRun(state: self, query: try SuiteQLParser.read(text)).rows().prefix(Self.rowsMost)
        let items = rows.dropFirst(offset).prefix(limit).map { row -> JSON in
            var members: [(key: String, value: JSON)] = [("links", .array([]))]
            for (name, value) in row where value != .null && !members.contains(where: { $0.key == name }) {
                members.append((name, .string(SuiteQLRun.text(value))))
            }
            return .object(members)
        }
        let address = "\(SuiteRoutes.base(request))/services/rest/query/v1/suiteql?limit=\(limit)"
        return .jsonResource(Self.collection(Array(items), total: rows.count, limit, offset, address), "collection")
    }
}
