internal import Kernel
internal import Wire

/// What users may see, by the level of their access.
/// - Source: dev.freeagent.com/docs/introduction, "About Access Levels".
enum FALevel: Int {
    case time = 1
    case myMoney = 2
    case contacts = 3
    case invoices = 4
    case bills = 5
    case banking = 6
    case accounting = 7
    case full = 8
}

/// One call that has been let in.
struct FACall {
    let request: HTTPRequest
    let now: Timestamp
    /// The parts after `/v2`: `["invoices", "3", "transitions", "mark_as_sent"]`.
    let path: [String]
    let user: FARow
    /// `https://api.freeagent.com/v2`, on the host that was asked.
    let base: String

    var method: HTTPMethod { request.method }
    var today: LocalDate { FADate.day(of: now) }
    var id: String { path.count > 1 ? path[1] : "" }

    func query(_ name: String) -> String? { request.query(name).flatMap { $0.isEmpty ? nil : $0 } }

    func url(_ kind: FAKind, _ key: String) -> String { "\(base)/\(kind.plural)/\(key)" }
    func url(_ row: FARow) -> String { url(row.kind, row.name) }

    /// - Throws: 403 where the user's access is less.
    func needs(_ level: FALevel) throws(FAProblem) {
        guard user.cents("permission_level") >= Int64(level.rawValue) else { throw .forbidden }
    }

    /// The object below `root` in the body.
    func sent(_ root: FAKind) throws(FAProblem) -> JSON {
        let body = try body()
        guard let value = body[root.rawValue] else { throw FAProblem(400, "Missing parameter: \(root.rawValue)") }
        guard value.object != nil else { throw .type(root.rawValue, "hash") }
        return value
    }

    func body() throws(FAProblem) -> JSON {
        guard request.fields["Content-Type"]?.lowercased().contains("json") ?? false else {
            throw FAProblem(400, "The request's content type is not supported")
        }
        do {
            return try JSON(parsing: request.body)
        } catch {
            throw FAProblem(400, "There was a problem in the JSON you submitted: \(error.position ?? "byte 0")")
        }
    }

    func created(_ row: FARow, _ json: JSON) -> HTTPResponse {
        var response = HTTPResponse.json(201, .object([(row.kind.rawValue, json)]))
        response.fields["Location"] = url(row)
        return response
    }

    func shown(_ row: FARow, _ json: JSON) -> HTTPResponse { .json(200, .object([(row.kind.rawValue, json)])) }

    /// The answer of updates, transitions and deletions: the pages show a status and no body.
    static let done = HTTPResponse(200)
}

// MARK: - Lists

extension FACall {
    /// Which rows of a list are asked for by time and day.
    /// - Source: dev.freeagent.com/docs/changes, 3 June 2025: the two may go together.
    func selected(_ rows: [FARow], byDay: Bool = true) throws(FAProblem) -> [FARow] {
        var rows = rows
        if let text = query("updated_since") {
            guard let since = Timestamp(rfc3339: text) ?? LocalDate(text).map({ Timestamp(seconds: Int64($0.daysSince1970) * 86_400) }) else {
                throw FAProblem(400, "updated_since is not a valid timestamp")
            }
            rows = rows.filter { $0.updated >= since }
        }
        guard byDay else { return rows }
        for (name, keeps) in [("from_date", { $0 >= $1 }), ("to_date", { $0 <= $1 })] as [(String, (LocalDate, LocalDate) -> Bool)] {
            guard let text = query(name) else { continue }
            guard let bound = FADate.parse(text) else { throw FAProblem(400, "\(name) is not a valid date") }
            rows = rows.filter { row in row.date("dated_on").map { keeps($0, bound) } ?? false }
        }
        return rows
    }

    /// The rows in the order that was asked for; `keys` are the orders there are, the first of them without being asked.
    func sorted(_ rows: [FARow], by keys: [String], text: (FARow) -> String = { $0.text("code") }) throws(FAProblem) -> [FARow] {
        let asked = query("sort") ?? keys[0]
        let falls = asked.hasPrefix("-")
        let key = falls ? String(asked.dropFirst()) : asked
        guard keys.contains(key) else { throw FAProblem(400, "sort is not valid") }
        let rising: [FARow]
        switch key {
        case "created_at": rising = rows
        case "updated_at": rising = Self.stable(rows) { $0.updated.microseconds < $1.updated.microseconds }
        default: rising = Self.stable(rows) { text($0).lowercased() < text($1).lowercased() }
        }
        return falls ? rising.reversed() : rising
    }

    private static func stable(_ rows: [FARow], _ less: (FARow, FARow) -> Bool) -> [FARow] {
        rows.enumerated().sorted { a, b in
            if less(a.element, b.element) { return true }
            return !less(b.element, a.element) && a.offset < b.offset
        }.map(\.element)
    }

    /// One page of a list.
    /// - Source: dev.freeagent.com/docs/introduction, "Pagination": 25 a page, at most 100; `Link` and `X-Total-Count`.
    func page<Row>(_ rows: [Row], as name: String, _ json: (Row) -> JSON) -> HTTPResponse {
        let size = min(max(query("per_page").flatMap { Int($0) } ?? 25, 1), 100)
        let number = min(max(query("page").flatMap { Int($0) } ?? 1, 1), 1_000_000)
        let last = max(1, (rows.count + size - 1) / size)
        let part = rows.dropFirst((number - 1) * size).prefix(size)
        var response = HTTPResponse.json(200, .object([(name, .array(part.map(json)))]))
        response.fields["X-Total-Count"] = "\(rows.count)"
        var links: [String] = []
        if number > 1 { links.append(link("prev", min(number - 1, last), size)) }
        if number < last { links.append(link("next", number + 1, size)) }
        if number > 1 { links.append(link("first", 1, size)) }
        if number < last { links.append(link("last", last, size)) }
        if !links.isEmpty { response.fields["Link"] = links.joined(separator: ", ") }
        return response
    }

    private func link(_ relation: String, _ page: Int, _ size: Int) -> String {
        var pairs = request.query.filter { $0.name != "page" && $0.name != "per_page" }
        pairs += [("page", "\(page)"), ("per_page", "\(size)")]
        return "<\(base)/\(path.joined(separator: "/"))?\(Form.encode(pairs))>; rel=\"\(relation)\""
    }
}
