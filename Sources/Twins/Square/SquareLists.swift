internal import Crypto
internal import Kernel
internal import Wire

/// A row in the order of a list: by a time, then by id.
struct SquareSorted: Sendable {
    var time: Timestamp
    var row: SquareRow
}

/// Pages with opaque cursors.
/// - Source: developer.squareup.com/docs/build-basics/common-api-patterns/pagination: a cursor goes with the query it came from.
enum SquarePage {
    /// One page, and the cursor of the next. A cursor holds the place in the order and a digest of the query, so that what is made meanwhile neither
    /// repeats nor skips anything, and another query refuses it.
    static func cut(
        _ rows: [SquareSorted], ascending: Bool, limit: Int, cursor: String?, query: String
    ) throws(SquareProblem) -> (rows: [SquareRow], cursor: String?) {
        let mark = Digest.sha256(Array("\(query)|\(ascending)".utf8)).hexText.prefix(12)
        let sorted = rows.sorted { a, b in
            let first = (a.time.microseconds, a.row.id), second = (b.time.microseconds, b.row.id)
            return ascending ? first < second : first > second
        }
        var rest = sorted[...]
        if let cursor, !cursor.isEmpty {
            let place = try place(cursor, mark: String(mark))
            rest = sorted.drop { one in
                let own = (one.time.microseconds, one.row.id)
                return ascending ? own <= place : own >= place
            }
        }
        let page = rest.prefix(limit)
        guard rest.count > limit, let last = page.last else { return (page.map(\.row), nil) }
        let next = "\(mark) \(last.time.microseconds) \(last.row.id)"
        return (page.map(\.row), Base64.encodeURL(Array(next.utf8)))
    }

    private static func place(_ cursor: String, mark: String) throws(SquareProblem) -> (Int64, String) {
        guard let bytes = Base64.decodeURL(cursor) else { throw .cursor }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[0] == mark, let time = Int64(parts[1]) else { throw .cursor }
        return (time, parts[2])
    }
}

extension SquareState {
    /// A page as the answer shows it: the rows under a name, and `cursor` where there are more.
    func page(
        _ name: String, _ call: SquareCall, _ rows: [SquareSorted], ascending: Bool, limit: Int, cursor: String?, show: (SquareRow) -> JSON = { $0.shown }
    ) throws(SquareProblem) -> JSON {
        let page = try SquarePage.cut(rows, ascending: ascending, limit: limit, cursor: cursor, query: call.queryWithoutCursor)
        var o = SquareFields()
        // A list without rows has no member, as the vendor's messages have none for what is empty.
        if !page.rows.isEmpty { o.set(name, .array(page.rows.map(show))) }
        o.text("cursor", page.cursor)
        return o.json
    }

    /// The rows of a query's list, each with the time it is sorted by.
    func sorted(
        _ kind: SquareKind, _ m: SquareMoment, by time: (SquareRow) -> Timestamp = { $0.created }, where belongs: (SquareRow) -> Bool
    ) -> [SquareSorted] {
        rows.all(kind, of: m.merchant).filter(belongs).map { SquareSorted(time: time($0), row: $0) }
    }
}

extension SquareRow {
    /// A time that the object shows.
    func time(_ key: String) -> Timestamp { shown.text(key).flatMap { Timestamp(rfc3339: $0) } ?? created }
}

extension SquareCall {
    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// `ASC` or `DESC`.
    func ascending(_ name: String = "sort_order", otherwise: Bool) throws(SquareProblem) -> Bool {
        switch parameter(name) {
        case nil: return otherwise
        case "ASC": return true
        case "DESC": return false
        case .some(let other): throw .invalid("INVALID_SORT_ORDER", "`\(other)` is not a valid sort order.", name)
        }
    }

    /// At least 1; what is more than the most counts as the most.
    func limit(_ normal: Int, most: Int) throws(SquareProblem) -> Int {
        guard let text = parameter("limit") else { return normal }
        guard let limit = Int(text) else { throw .expected("INTEGER", "limit") }
        guard limit >= 1 else { throw .invalid("VALUE_TOO_LOW", "`limit` must be greater than or equal to 1.", "limit") }
        return min(limit, most)
    }

    var cursor: String? { parameter("cursor") }

    /// The whole query but for the cursor: what a cursor goes with.
    var queryWithoutCursor: String {
        let pairs = query.filter { $0.name != "cursor" && $0.name != "limit" }.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
        let own = body.json.without("cursor").without("limit")
        return path.joined(separator: "/") + "?" + Form.encode(pairs) + own.bodyText
    }
}

extension JSON {
    var bodyText: String { String(decoding: bytes, as: UTF8.self) }
}
