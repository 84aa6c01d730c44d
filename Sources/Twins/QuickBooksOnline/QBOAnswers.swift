internal import Kernel
internal import Wire

// Reading: single objects, queries, change data capture.
extension QBOCompany {
    /// `GET /{entity}/{id}`; preferences have no id, the company's is the realm.
    func read(_ kind: QBOKind, _ id: String?) throws(QBOError) -> JSON {
        switch kind {
        case .preferences: return preferences
        case .companyInfo:
            guard id == Self.realm || id == "1" else { throw .notFound() }
            return object(.companyInfo, "1") ?? [:]
        default:
            guard let id else { throw .missing("Id") }
            guard let object = object(kind, id) else { throw .notFound() }
            return shown(kind, object)
        }
    }

    /// The `QueryResponse` of a query.
    func answer(_ text: String) throws(QBOError) -> JSON {
        let query = try QBOQueryParser.parse(text)
        var rows = candidates(query)
        // Balances are only worked out where the query looks at them; the page gets them below.
        let asksBalance =
            query.conditions.contains { $0.field.hasSuffix("Balance") }
            || query.order.contains { $0.field.hasSuffix("Balance") }
        if asksBalance { rows = shown(query.kind, rows) }
        if query.kind.isNameList, !query.conditions.contains(where: { $0.field == "Active" }) {
            rows = rows.filter { $0.flag("Active") != false }
        }
        let (links, own) = (query.conditions.filter { $0.field.hasPrefix("AttachableRef.") }, query.conditions.filter { !$0.field.hasPrefix("AttachableRef.") })
        for condition in own { rows = rows.filter { Self.matches($0, condition) } }
        // One of an attachment's references has to fulfil all that is asked of references.
        if !links.isEmpty {
            rows = rows.filter { row in
                (row["AttachableRef"]?.array ?? []).contains { reference in links.allSatisfy { Self.matches(["AttachableRef": reference], $0) } }
            }
        }
        if query.isCount { return ["totalCount": .number(String(rows.count))] }
        for order in query.order.reversed() { rows = Self.sorted(rows, order.field, order.descending) }
        let page = Array(rows.dropFirst(query.start - 1).prefix(query.page))
        guard !page.isEmpty else { return [:] }
        return [
            query.kind.rawValue: .array(shown(query.kind, page)), "startPosition": .number(String(query.start)),
            "maxResults": .number(String(page.count)), "totalCount": .number(String(rows.count)),
        ]
    }

    /// The rows to look at: by document number or id where the query names them, else all.
    private func candidates(_ query: QBOQuery) -> [JSON] {
        let table = table(query.kind)
        for condition in query.conditions where condition.comparison == .equal || condition.comparison == .within {
            if condition.field == "DocNumber" {
                return Set(condition.values.flatMap { table.numbered($0) }).sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
                    .compactMap { table.rows[$0] }
            }
            if condition.field == "Id" {
                return Set(condition.values).sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }.compactMap { table.rows[$0] }
            }
        }
        return table.all
    }

    private static func value(_ object: JSON, _ field: String) -> String? {
        var value = object
        for part in field.split(separator: ".") {
            guard let next = value[String(part)] else { return nil }
            value = next
        }
        switch value {
        case .string(let text): return text
        case .number(let digits): return digits
        case .bool(let flag): return flag ? "true" : "false"
        case .object: return value.text("value")
        default: return nil
        }
    }

    private static func matches(_ object: JSON, _ condition: QBOQuery.Condition) -> Bool {
        guard let found = value(object, condition.field) else { return false }
        guard let wanted = condition.values.first else { return false }
        switch condition.comparison {
        case .within: return condition.values.contains { compare(found, $0) == 0 }
        case .like: return like(Array(found.lowercased().unicodeScalars), Array(wanted.lowercased().unicodeScalars))
        case .equal: return compare(found, wanted) == 0
        case .less: return compare(found, wanted) < 0
        case .greater: return compare(found, wanted) > 0
        case .lessEqual: return compare(found, wanted) <= 0
        case .greaterEqual: return compare(found, wanted) >= 0
        }
    }

    /// Numbers by value, times by instant, other text without regard to case.
    private static func compare(_ found: String, _ wanted: String) -> Int {
        if let a = comparable(found), let b = comparable(wanted) { return a < b ? -1 : a == b ? 0 : 1 }
        if let a = Timestamp(rfc3339: found), let b = Timestamp(rfc3339: wanted) { return a < b ? -1 : a == b ? 0 : 1 }
        let (a, b) = (found.lowercased(), wanted.lowercased())
        return a < b ? -1 : a == b ? 0 : 1
    }

    /// Document numbers can look like enormous numbers (`1e30`); only plain amounts and ids compare as numbers.
    private static func comparable(_ text: String) -> ExactDecimal? {
        guard text.utf8.count <= 18, !text.lowercased().contains("e") else { return nil }
        return ExactDecimal(text)
    }

    /// `%` stands for any run of characters.
    private static func like(_ text: [Unicode.Scalar], _ pattern: [Unicode.Scalar]) -> Bool {
        var t = 0
        var p = 0
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == "%" {
                star = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                p = last.pattern + 1
                t = last.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "%" }
    }

    private static func sorted(_ rows: [JSON], _ field: String, _ descending: Bool) -> [JSON] {
        let keyed = rows.enumerated().map { (place: $0.offset, key: value($0.element, field) ?? "", row: $0.element) }
        return keyed.sorted { a, b in
            let order = compare(a.key, b.key)
            return order == 0 ? a.place < b.place : (descending ? order > 0 : order < 0)
        }.map(\.row)
    }

    // MARK: - Change data capture

    static let changeDays = 30
    static let mostChanges = 1000

    /// `GET /cdc?entities=…&changedSince=…`.
    func changes(entities: String?, since: String?) throws(QBOError) -> JSON {
        guard let entities, !entities.isEmpty else { throw .missing("entities") }
        guard let since else { throw .missing("changedSince") }
        guard
            let from = Timestamp(rfc3339: since)
                ?? LocalDate(since).flatMap({ Timestamp(rfc3339: "\($0)T00:00:00-08:00") })
        else {
            throw .invalidDate("changedSince")
        }
        guard from >= now - .seconds(Self.changeDays * 86_400) else {
            throw .business("changedSince can be at most \(Self.changeDays) days back.", "changedSince")
        }
        var left = Self.mostChanges
        var answers: [JSON] = []
        for name in entities.split(separator: ",") {
            let plain = name.filter { $0 != " " }
            guard let kind = QBOKind(name: plain), kind.isInChangeFeed else {
                throw QBOError(
                    code: "2000", message: "Invalid or unsupported object name", detail: "Object Name: \(plain)",
                    element: "entities")
            }
            let rows = Array(changed(kind, from).prefix(left))
            left -= rows.count
            answers.append(
                rows.isEmpty
                    ? [:]
                    : [
                        kind.rawValue: .array(rows), "startPosition": 1, "maxResults": .number(String(rows.count)),
                        "totalCount": .number(String(rows.count)),
                    ])
        }
        return .array([["QueryResponse": .array(answers)]])
    }

    private func changed(_ kind: QBOKind, _ from: Timestamp) -> [JSON] {
        // A change within the same second counts: MetaData has whole seconds.
        let second = Timestamp(seconds: from.seconds)
        func isNew(_ time: String?) -> Bool { time.flatMap { Timestamp(rfc3339: $0) }.map { $0 >= second } ?? false }
        let table = table(kind)
        let rows = table.all.filter { isNew($0.member("MetaData", "LastUpdatedTime")?.string) }
        let gone = table.tombstones.filter { isNew($0.value) }.sorted { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }
        let stubs: [JSON] = gone.map {
            [
                "domain": "QBO", "status": "Deleted", "Id": .string($0.key),
                "MetaData": ["LastUpdatedTime": .string($0.value)],
            ]
        }
        return shown(kind, rows) + stubs
    }
}
