internal import Crypto
internal import Kernel
internal import Wire

/// Lists, newest first, with cursors that are ids.
/// - Source: docs.stripe.com/api/pagination.
extension StripeState {
    static let pageDefault: Int64 = 10
    static let pageMost: Int64 = 100
    /// Parameters that every list has.
    static let listParams: Set<String> = ["limit", "starting_after", "ending_before", "created"]

    static func list(_ url: String, _ items: [JSON], more: Bool) -> JSON {
        .object([("object", "list"), ("data", .array(items)), ("has_more", .bool(more)), ("url", .string(url))])
    }

    /// One page of the rows that `belongs` lets through.
    func page(
        _ kind: StripeKind, _ call: StripeCall, filters: [String: String] = [:], where belongs: (StripeRow) -> Bool = { _ in true }
    ) throws(StripeProblem) -> JSON {
        let m = call.moment
        try call.params.only(Self.listParams.union(filters.keys))
        let limit = try Self.limit(call)
        let span = try StripeSpan(call.params, "created")
        var wanted: [(member: String, value: String)] = []
        for (param, member) in filters {
            if let value = try call.params.text(param) { wanted.append((member, value)) }
        }
        let all = rows.all(kind, in: m.scope).reversed().filter { row in
            guard !row.shown.flag("deleted"), span.contains(row.created), belongs(row) else { return false }
            return wanted.allSatisfy { Self.matches(render(row, at: m.at)[$0.member], $0.value) }
        }
        let (part, more) = try cut(all, limit, kind, call)
        return Self.list(call.text, part.map { render($0, at: m.at) }, more: more)
    }

    static func limit(_ call: StripeCall) throws(StripeProblem) -> Int {
        let limit = try call.params.int("limit") ?? pageDefault
        guard limit >= 1 else {
            throw .invalid("limit", "This value must be greater than or equal to 1.", code: "parameter_invalid_integer")
        }
        guard limit <= pageMost else {
            throw .invalid("limit", "This value must be less than or equal to \(pageMost) (it currently is '\(limit)').", code: "parameter_invalid_integer")
        }
        return Int(limit)
    }

    /// The page after or before a cursor. The cursor is a place in time and order: its row need not match the list's filters.
    private func cut(_ all: [StripeRow], _ limit: Int, _ kind: StripeKind, _ call: StripeCall) throws(StripeProblem) -> ([StripeRow], Bool) {
        let after = try call.params.text("starting_after"), before = try call.params.text("ending_before")
        if after != nil, before != nil {
            throw .invalid("ending_before", "You cannot use both `starting_after` and `ending_before` at the same time.")
        }
        guard let cursor = after ?? before else { return (Array(all.prefix(limit)), all.count > limit) }
        let param = after == nil ? "ending_before" : "starting_after"
        let row = try find(kind, cursor, call.moment, param: param)
        let place = all.firstIndex { $0.id == row.id }
        if after != nil {
            let rest = place.map { all[($0 + 1)...] } ?? all[(all.firstIndex { $0.created < row.created } ?? all.endIndex)...]
            return (Array(rest.prefix(limit)), rest.count > limit)
        }
        let rest = all[..<(place ?? all.firstIndex { $0.created <= row.created } ?? all.endIndex)]
        return (Array(rest.suffix(limit)), rest.count > limit)
    }

    static func matches(_ value: JSON?, _ text: String) -> Bool {
        switch value {
        case .string(let own)?: own == text
        case .number(let own)?: own == text
        case .bool(let own)?: "\(own)" == text
        default: false
        }
    }
}

/// `created=N`, or `created[gte]=N` and its like.
struct StripeSpan {
    private var least = Int64.min
    private var most = Int64.max

    init(_ params: StripeParams, _ name: String) throws(StripeProblem) {
        guard let value = params.json[name] else { return }
        if let text = value.string {
            guard let exact = Int64(text) else { throw .notInteger(name, text) }
            (least, most) = (exact, exact)
            return
        }
        for (key, bound) in value.object ?? [] {
            let text = bound.string ?? bound.text
            guard let number = Int64(text) else { throw .notInteger("\(name)[\(key)]", text) }
            switch key {
            case "gte": least = max(least, number)
            case "gt": least = max(least, number == .max ? number : number + 1)
            case "lte": most = min(most, number)
            case "lt": most = min(most, number == .min ? number : number - 1)
            default: throw .unknown("\(name)[\(key)]")
            }
        }
    }

    func contains(_ value: Int64) -> Bool { value >= least && value <= most }
}

/// `expand[]`: ids become the objects they name.
/// - Source: docs.stripe.com/api/expanding_objects: at most four levels.
extension StripeState {
    static let expandMost = 4

    func expanded(_ json: JSON, _ call: StripeCall) throws(StripeProblem) -> JSON {
        var out = json
        for path in try call.params.list("expand") ?? [] {
            let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= Self.expandMost else {
                throw .invalid("expand", "You cannot expand more than \(Self.expandMost) levels of a property. Property: \(path)")
            }
            out = try expand(out, parts[...], path, call.moment)
        }
        return out
    }

    private func expand(_ json: JSON, _ path: ArraySlice<String>, _ whole: String, _ m: StripeMoment) throws(StripeProblem) -> JSON {
        guard let name = path.first else { return json }
        if let elements = json.array {
            var out: [JSON] = []
            for element in elements { out.append(try expand(element, path, whole, m)) }
            return .array(out)
        }
        let value = json[name] ?? hidden(name, of: json, m)
        guard let value else { throw Self.notExpandable(whole) }
        if value.isNull { return json }
        var opened = value
        if let id = value.string {
            guard let object = object(id, m) else { throw Self.notExpandable(whole) }
            opened = object
        } else if path.count == 1, value.array == nil, value["object"]?.string == nil {
            throw Self.notExpandable(whole)
        }
        return json.setting(name, try expand(opened, path.dropFirst(), whole, m))
    }

    private static func notExpandable(_ path: String) -> StripeProblem { .invalid("expand", "This property cannot be expanded (\(path)).") }

    /// Members that are only there when they are asked for.
    private func hidden(_ name: String, of json: JSON, _ m: StripeMoment) -> JSON? {
        guard name == "refunds", json.text("object") == "charge", let id = json.text("id") else { return nil }
        let refunds = rows.all(.refund, in: m.scope).reversed().filter { $0.shown.text("charge") == id }
        return Self.list("/v1/charges/\(id)/refunds", refunds.prefix(10).map(\.shown), more: refunds.count > 10)
    }

    /// The object of an id in the account's own data, or of the fee that a platform took of it.
    private func object(_ id: String, _ m: StripeMoment) -> JSON? {
        if id.hasPrefix("ba_"), let business = business(m.scope), let currency = business.holds.first(where: { business.bank($0) == id }) {
            return Self.bankAccount(business, currency)
        }
        if let business = businesses[id] { return Self.account(business) }
        guard let row = rows[id], row.scope == m.scope || row.kind == .applicationFee || m.scope.account == StripeSeed.platform else { return nil }
        return render(row, at: m.at)
    }

    static func bankAccount(_ business: StripeBusiness, _ currency: String) -> JSON {
        var o = StripeFields(.bankAccount, business.bank(currency))
        o.text("account", business.id)
        o.text("account_holder_name", business.name)
        o.text("bank_name", "STRIPE TEST BANK")
        o.text("country", business.country)
        o.text("currency", currency)
        o.text("last4", "6789")
        o.set("metadata", .object([]))
        o.text("status", "new")
        return o.json
    }
}

/// `query=metadata['order_id']:'1042' AND status:'succeeded'`.
/// - Source: docs.stripe.com/search, "Search query language".
extension StripeState {
    func search(_ kind: StripeKind, _ call: StripeCall, fields: Set<String>) throws(StripeProblem) -> JSON {
        try call.params.only(["query", "limit", "page"])
        let query = try StripeQuery(try call.params.need("query"), fields: fields)
        let limit = try Self.limit(call)
        let all = rows.all(kind, in: call.moment.scope).reversed().filter { !$0.shown.flag("deleted") && query.matches($0.shown) }
        let page = try call.params.text("page")
        let from = page.flatMap { Base64.decode($0) }.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
        if page != nil, from.map({ $0 < 0 || $0 > all.count }) ?? true { throw .invalid("page", "Invalid page token.") }
        let rest = all.dropFirst(from ?? 0)
        let more = rest.count > limit
        let next = Base64.encode(Array("\((from ?? 0) + limit)".utf8))
        return .object([
            ("object", "search_result"), ("data", .array(rest.prefix(limit).map(\.shown))), ("has_more", .bool(more)),
            ("next_page", more ? .string(next) : .null), ("url", .string(call.text)),
        ])
    }
}

struct StripeQuery {
    private struct Clause {
        var path: [String]
        var sign: Character
        var value: String
        var isNegated: Bool
    }

    private var clauses: [Clause] = []
    private var isAny = false

    init(_ text: String, fields: Set<String>) throws(StripeProblem) {
        var rest = Substring(text)
        var joints: Set<String> = []
        while true {
            clauses.append(try Self.clause(&rest, fields))
            rest = rest.drop { $0 == " " }
            if rest.isEmpty { break }
            let word = String(rest.prefix { $0 != " " }).uppercased()
            // Two clauses with nothing but a space between are joined by AND.
            guard word == "AND" || word == "OR" else { throw Self.unreadable }
            joints.insert(word)
            rest = rest.dropFirst(word.count).drop { $0 == " " }
        }
        guard joints.count < 2, clauses.count <= 10 else { throw Self.unreadable }
        isAny = joints == ["OR"]
    }

    private static func clause(_ rest: inout Substring, _ fields: Set<String>) throws(StripeProblem) -> Clause {
        let negated = rest.first == "-"
        if negated { rest = rest.dropFirst() }
        let name = rest.prefix { $0.isLetter || $0 == "_" || $0 == "." }
        rest = rest.dropFirst(name.count)
        var path = name.split(separator: ".").map(String.init)
        if rest.first == "[" {
            rest = rest.dropFirst()
            path.append(try quoted(&rest))
            guard rest.first == "]" else { throw unreadable }
            rest = rest.dropFirst()
        }
        guard let field = path.first, fields.contains(field) else {
            throw .invalid("query", "Field `\(name)` is an unsupported search field for resource.")
        }
        guard let sign = rest.first, ":~<>".contains(sign) else { throw unreadable }
        rest = rest.dropFirst()
        var full = String(sign)
        if sign == "<" || sign == ">", rest.first == "=" {
            rest = rest.dropFirst()
            full = sign == "<" ? "l" : "g"
        }
        let value: String
        if rest.first == "'" || rest.first == "\"" {
            value = try quoted(&rest)
        } else {
            value = String(rest.prefix { $0 != " " })
            guard !value.isEmpty, value == "null" || Int64(value) != nil else { throw unreadable }
            rest = rest.dropFirst(value.count)
        }
        return Clause(path: path, sign: Character(full), value: value, isNegated: negated)
    }

    private static func quoted(_ rest: inout Substring) throws(StripeProblem) -> String {
        guard let mark = rest.first, mark == "'" || mark == "\"" else { throw unreadable }
        var out = ""
        var escaped = false
        rest = rest.dropFirst()
        while let letter = rest.first {
            rest = rest.dropFirst()
            if escaped {
                out.append(letter)
                escaped = false
            } else if letter == "\\" {
                escaped = true
            } else if letter == mark {
                return out
            } else {
                out.append(letter)
            }
        }
        throw unreadable
    }

    private static let unreadable = StripeProblem.invalid(
        "query",
        "We were unable to parse your search query. Try using the format `metadata[\"key\"]:\"value\"` to query for metadata "
            + "or key:\"value\" to query for other fields.")

    func matches(_ json: JSON) -> Bool {
        isAny ? clauses.contains { Self.holds($0, json) } : clauses.allSatisfy { Self.holds($0, json) }
    }

    private static func holds(_ clause: Clause, _ json: JSON) -> Bool {
        var value: JSON? = json
        for key in clause.path { value = value?[key] }
        return compares(clause, value) != clause.isNegated
    }

    private static func compares(_ clause: Clause, _ value: JSON?) -> Bool {
        if clause.value == "null" { return value?.isNull ?? true }
        guard let value, !value.isNull else { return false }
        if clause.sign == ":" {
            // Texts are compared without case, as the vendor does.
            return value.string.map { $0.lowercased() == clause.value.lowercased() } ?? StripeState.matches(value, clause.value)
        }
        if clause.sign == "~" { return value.string?.lowercased().contains(clause.value.lowercased()) ?? false }
        guard let own = value.int, let bound = Int(clause.value) else { return false }
        switch clause.sign {
        case "<": return own < bound
        case ">": return own > bound
        case "l": return own <= bound
        default: return own >= bound
        }
    }
}
