internal import Kernel
internal import Wire

/// A search domain: Polish notation over conditions, as Odoo has it.
indirect enum OdooDomain: Sendable {
    case all
    case condition(path: [String], test: String, value: JSON)
    case and(OdooDomain, OdooDomain)
    case or(OdooDomain, OdooDomain)
    case not(OdooDomain)

    static let tests: Set<String> = [
        "=", "!=", "<>", "==", "<", ">", "<=", ">=", "in", "not in", "like", "ilike", "not like", "not ilike",
        "=like", "=ilike", "=?", "child_of", "parent_of", "any",
    ]
    /// Conditions and signs of one domain.
    static let most = 1000
    /// Steps of a path from field to field.
    static let stepsMost = 32

    /// - Throws: `ValueError` where it is no domain.
    init(_ json: JSON?) throws(OdooProblem) {
        guard let json, !json.isUnset else {
            self = .all
            return
        }
        guard let tokens = json.array, tokens.count <= Self.most else { throw .value("Invalid domain: \(json.text)") }
        // From the end: an operator finds its operands on the stack.
        var stack: [OdooDomain] = []
        for token in tokens.reversed() {
            switch token {
            case .string("!"):
                guard let one = stack.popLast() else { throw .value("Invalid domain: \(json.text)") }
                stack.append(.not(one))
            case .string("&"), .string("|"):
                guard let left = stack.popLast(), let right = stack.popLast() else { throw .value("Invalid domain: \(json.text)") }
                stack.append(token == "&" ? .and(left, right) : .or(left, right))
            default: stack.append(try Self.leaf(token))
            }
        }
        guard var whole = stack.popLast() else {
            self = .all
            return
        }
        while let next = stack.popLast() { whole = .and(whole, next) }
        self = whole
    }

    private static func leaf(_ token: JSON) throws(OdooProblem) -> OdooDomain {
        guard let parts = token.array, parts.count == 3, let test = parts[1].string?.lowercased(), tests.contains(test) else {
            throw .value("Invalid leaf \(token.text)")
        }
        // (1, "=", 1) and (0, "=", 1), as old code writes "all" and "none".
        if let one = parts[0].int { return one == parts[2].int ? .all : .not(.all) }
        let path = (parts[0].string ?? "").split(separator: ".").map(String.init)
        guard (1...stepsMost).contains(path.count) else { throw .value("Invalid leaf \(token.text)") }
        return .condition(path: path, test: test, value: parts[2])
    }

    /// The fields it asks about first.
    var fields: Set<String> {
        switch self {
        case .all: []
        case .condition(let path, _, _): Set(path.prefix(1))
        case .and(let a, let b), .or(let a, let b): a.fields.union(b.fields)
        case .not(let a): a.fields
        }
    }

    /// The ids it names with `id` at its top, where it does.
    var ids: [Int]? {
        switch self {
        case .condition(["id"], let test, let value) where ["=", "in"].contains(test): value.idList
        case .and(let a, let b): a.ids ?? b.ids
        default: nil
        }
    }
}

extension OdooDatabase {
    // MARK: - Searching

    /// Ids that the domain finds, in order.
    func search(_ model: String, _ domain: JSON?, order: String? = nil, offset: Int = 0, limit: Int? = nil) throws(OdooProblem) -> [Int] {
        guard let schema = schema.models[model] else { throw .value("Invalid model \(model)") }
        let tree = try OdooDomain(domain)
        let showsArchived = context["active_test"].map { !$0.isTrue } ?? false
        let hidesArchived = schema.fields["active"] != nil && !tree.fields.contains("active") && !showsArchived
        var found: [OdooRecord] = []
        let candidates = tree.ids.map { ids in Set(ids).sorted().compactMap { record(model, $0) } } ?? all(model)
        for record in candidates {
            if hidesArchived, let field = schema.fields["active"], !value(record, model, field).isTrue { continue }
            if try matches(record, schema, tree) { found.append(record) }
        }
        // A wrong field is an error also where there is nothing to look through.
        if candidates.isEmpty { try check(tree, schema) }
        let sorted = try sort(found, schema, order)
        let page = sorted.dropFirst(max(0, offset))
        return (limit.map { $0 > 0 ? page.prefix($0) : page } ?? page).map(\.id)
    }

    private func check(_ domain: OdooDomain, _ schema: OdooModel) throws(OdooProblem) {
        switch domain {
        case .all: return
        case .condition(let path, let test, let value): _ = try field(path, schema, test, value)
        case .and(let a, let b), .or(let a, let b):
            try check(a, schema)
            try check(b, schema)
        case .not(let a): try check(a, schema)
        }
    }

    private func field(_ path: [String], _ schema: OdooModel, _ test: String, _ value: JSON) throws(OdooProblem) -> OdooField {
        if let field = schema.fields[path[0]] { return field }
        let leaf = "('\(path.joined(separator: "."))', '\(test)', \(value.text))"
        throw .value("Invalid field \(schema.name).\(path[0]) in \(version >= 19 ? "condition" : "leaf") \(leaf)")
    }

    func matches(_ record: OdooRecord, _ schema: OdooModel, _ domain: OdooDomain) throws(OdooProblem) -> Bool {
        switch domain {
        case .all: return true
        case .and(let a, let b): return try matches(record, schema, a) ? try matches(record, schema, b) : false
        case .or(let a, let b): return try matches(record, schema, a) ? true : try matches(record, schema, b)
        case .not(let a): return try !matches(record, schema, a)
        case .condition(let path, let test, let value): return try matches(record, schema, path, test, value)
        }
    }

    private func matches(_ record: OdooRecord, _ schema: OdooModel, _ path: [String], _ test: String, _ wanted: JSON) throws(OdooProblem) -> Bool {
        let field = try field(path, schema, test, wanted)
        let value = value(record, schema.name, field)
        guard let relation = field.relation else { return Self.holds(value, field, test, wanted) }
        let ids = value.idList
        guard let target = self.schema.models[relation] else { return false }
        if path.count > 1 || test == "any" {
            let inner = test == "any" ? try OdooDomain(wanted) : .condition(path: Array(path.dropFirst()), test: test, value: wanted)
            let negative = ["!=", "<>", "not in", "not like", "not ilike"].contains(test)
            if ids.isEmpty { return negative || wanted.isUnset && test == "=" }
            for next in ids.compactMap({ self.record(relation, $0) }) where try matches(next, target, inner) { return true }
            return false
        }
        return relates(ids, relation, target, test, wanted)
    }

    /// A relation against ids, a name, or nothing.
    private func relates(_ ids: [Int], _ relation: String, _ target: OdooModel, _ test: String, _ wanted: JSON) -> Bool {
        func named(_ pattern: String) -> Bool {
            ids.compactMap { record(relation, $0) }.contains { Self.like(displayName(relation, $0), pattern, anyCase: true, anywhere: true) }
        }
        switch test {
        case "=", "==", "in", "=?", "child_of", "parent_of":
            if test == "=?", wanted.isUnset { return true }
            if wanted.isUnset { return ids.isEmpty }
            if let text = wanted.string { return named(text) }
            if !Set(ids).isDisjoint(with: wanted.idList) { return true }
            if test == "child_of" { return ids.contains { descends($0, relation, from: wanted.idList) } }
            return test == "in" && ids.isEmpty && (wanted.array ?? []).contains { $0.isUnset }
        case "!=", "<>", "not in":
            if wanted.isUnset { return !ids.isEmpty }
            if let text = wanted.string { return !named(text) }
            if ids.isEmpty { return !(wanted.array ?? []).contains { $0.isUnset } }
            return Set(ids).isDisjoint(with: wanted.idList)
        case "like", "ilike", "=like", "=ilike": return named(wanted.string ?? "")
        case "not like", "not ilike": return !named(wanted.string ?? "")
        default:
            guard let id = ids.first, let bound = wanted.int else { return false }
            return Self.compare(.int(id), .int(bound), test)
        }
    }

    private func descends(_ id: Int, _ model: String, from roots: [Int]) -> Bool {
        var at: Int? = id
        for _ in 0 ..< 100 {
            guard let here = at else { return false }
            if roots.contains(here) { return true }
            at = record(model, here)?.int("parent_id")
        }
        return false
    }

    /// A plain value against what is wanted.
    static func holds(_ value: JSON, _ field: OdooField, _ test: String, _ wanted: JSON) -> Bool {
        switch test {
        case "=", "==": return same(value, wanted, field)
        case "=?": return wanted.isUnset || same(value, wanted, field)
        case "!=", "<>": return !same(value, wanted, field)
        case "in": return (wanted.array ?? [wanted]).contains { same(value, $0, field) }
        case "not in": return !(wanted.array ?? [wanted]).contains { same(value, $0, field) }
        case "like", "ilike": return like(text(value), text(wanted), anyCase: test == "ilike", anywhere: true)
        case "=like", "=ilike": return like(text(value), text(wanted), anyCase: test == "=ilike", anywhere: false)
        case "not like", "not ilike": return !like(text(value), text(wanted), anyCase: test == "not ilike", anywhere: true)
        default: return !(value.isUnset && field.isText) && compare(value, wanted, test)
        }
    }

    private static func text(_ json: JSON) -> String { json.string ?? json.decimal?.description ?? "" }

    private static func same(_ value: JSON, _ wanted: JSON, _ field: OdooField) -> Bool {
        if field.kind == .boolean { return value.isTrue == wanted.isTrue }
        if wanted.isUnset { return field.isNumber ? !value.isTrue : value.isUnset }
        if field.isNumber, let a = value.decimal, let b = wanted.decimal { return a == b }
        if field.kind == .date, let a = value.string, let b = wanted.string { return a.prefix(10) == b.prefix(10) }
        return value == wanted
    }

    static func compare(_ a: JSON, _ b: JSON, _ test: String) -> Bool {
        if case .number = a, let x = a.decimal, let y = b.decimal { return ordered(x, y, test) }
        return ordered(text(a), text(b), test)
    }

    private static func ordered<Value: Comparable>(_ a: Value, _ b: Value, _ test: String) -> Bool {
        switch test {
        case "<": a < b
        case ">": a > b
        case "<=": a <= b
        default: a >= b
        }
    }

    /// SQL's LIKE: `%` any text, `_` any character; `anywhere` puts `%` around it.
    static func like(_ text: String, _ pattern: String, anyCase: Bool, anywhere: Bool) -> Bool {
        let text = Array(anyCase ? text.lowercased() : text)
        let pattern = Array((anywhere ? "%" : "") + (anyCase ? pattern.lowercased() : pattern) + (anywhere ? "%" : ""))
        var (i, j) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while i < text.count {
            if j < pattern.count, pattern[j] == "%" {
                star = (j, i)
                j += 1
            } else if j < pattern.count, pattern[j] == "_" || pattern[j] == text[i] {
                i += 1
                j += 1
            } else if let back = star {
                star = (back.pattern, back.text + 1)
                i = back.text + 1
                j = back.pattern + 1
            } else {
                return false
            }
        }
        return pattern[j...].allSatisfy { $0 == "%" }
    }

    // MARK: - Ordering

    private func sort(_ records: [OdooRecord], _ schema: OdooModel, _ order: String?) throws(OdooProblem) -> [OdooRecord] {
        let text = order.flatMap { $0.isEmpty ? nil : $0 } ?? schema.order
        var terms: [(field: OdooField, descends: Bool)] = []
        for part in text.split(separator: ",") {
            let words = part.split(separator: " ").map { String($0) }
            guard let name = words.first, let field = schema.fields[name] else {
                throw .value(order == nil ? "Invalid order of \(schema.name)" : "Invalid field '\(words.first ?? "")' on model '\(schema.name)'")
            }
            terms.append((field, words.count > 1 && words[1].lowercased() == "desc"))
        }
        let keyed = records.map { record in (record, terms.map { sortKey(value(record, schema.name, $0.field), $0.field) }) }
        return keyed.sorted { a, b in
            for (n, term) in terms.enumerated() where a.1[n] != b.1[n] {
                // PostgreSQL puts what is not set last going up and first going down.
                if a.1[n].isUnset || b.1[n].isUnset { return a.1[n].isUnset == term.descends }
                return Self.compare(a.1[n], b.1[n], term.descends ? ">" : "<")
            }
            return a.0.id < b.0.id
        }.map(\.0)
    }

    private func sortKey(_ value: JSON, _ field: OdooField) -> JSON {
        switch field.kind {
        case .boolean: return value.isTrue ? 1 : 0
        case .many2one:
            guard let relation = field.relation, let record = record(relation, value.int) else { return .bool(false) }
            return .string(displayName(relation, record))
        default: return value
        }
    }
}
