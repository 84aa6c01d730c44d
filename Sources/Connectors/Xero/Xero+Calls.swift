internal import ConnectorKit
internal import Books
internal import Kernel
internal import Wire

/// One read without its page.
struct Query: Sendable {
    /// Below `/api.xro/2.0/`.
    var path: String
    /// The member of the answer that lists the rows.
    var collection: String
    var parameters: [(name: String, value: String)]
    var paged: Bool
    /// One record by its id or number, where 404 says that there is none.
    var single: Bool
    /// The same in reads of one condition each, for organisations in which Xero refuses many together.
    var apart: [Query] = []

    init(
        _ path: String, collection: String? = nil, _ parameters: [(name: String, value: String)] = [],
        paged: Bool = true, single: Bool = false
    ) {
        self.path = path
        self.collection = collection ?? path
        self.parameters = parameters
        self.paged = paged && !single
        self.single = single
    }

    static let organisation = Query("Organisation", collection: "Organisations", paged: false)

    static let anyOf = " OR "

    /// `a OR b …` in as many reads as needed.
    static func anyOf(_ conditions: [String], of path: String, _ more: [(name: String, value: String)] = []) -> [Query]
    {
        conditions.parts(of: XeroLimits.conditions).map { part in
            var query = Query(path, [("where", part.joined(separator: anyOf))] + more)
            if part.count > 1 { query.apart = part.map { Query(path, [("where", $0)] + more) } }
            return query
        }
    }

    func target(page: Int) -> String {
        var all = parameters
        if paged { all += [("page", String(page)), ("pageSize", String(XeroLimits.pageRows))] }
        return XeroConnector.target(path, all)
    }

    func call(page: Int) -> Call { Call(.read, HTTPRequest(.get, target(page: page)), cost: Budget.one) }
}

extension XeroConnector {
    /// `/api.xro/2.0/…?…`.
    static func target(_ path: String, _ parameters: [(name: String, value: String)] = []) -> String {
        let query = parameters.map { "\($0.name)=\(Form.percent($0.value))" }.joined(separator: "&")
        return "/api.xro/2.0/" + path + (query.isEmpty ? "" : "?" + query)
    }

    static func write(
        _ method: HTTPMethod, _ path: String, _ parameters: [(name: String, value: String)], key: String?, _ body: JSON,
        cost: [String: Int] = Budget.one
    ) -> Call {
        write(HTTPRequest(method, target(path, parameters), fields: ["Content-Type": "application/json"], body: body.bytes), key: key, cost: cost)
    }

    static func write(_ request: HTTPRequest, key: String?, cost: [String: Int] = Budget.one) -> Call {
        var request = request
        if let key { request.fields["Idempotency-Key"] = String(key.prefix(XeroLimits.idempotencyKey)) }
        return Call(.write, request, cost: cost)
    }

    /// Asks all queries to their last page, then goes on with the rows.
    func rows<Output: Sendable>(
        _ queries: [Query], then next: @escaping @Sendable ([JSONView]) -> Exchange<Output>
    ) -> Exchange<Output> {
        rows(queries, page: 1, [], then: next)
    }

    private func rows<Output: Sendable>(
        _ queries: [Query], page: Int, _ found: [JSONView],
        then next: @escaping @Sendable ([JSONView]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let query = queries.first else { return next(found) }
        guard page <= XeroLimits.pages else {
            return .fail(Self.unreadable("a list of \(query.collection) has more than \(XeroLimits.pages) pages"))
        }
        return .send(query.call(page: page)) { answer in
            if answer.status == 400 {
                guard !query.apart.isEmpty else { return .fail(Self.unreadable("it will not look for so few")) }
                return self.rows(query.apart + queries.dropFirst(), page: 1, found, then: next)
            }
            do throws(Fault) {
                let (some, last) = try Self.page(answer, of: query, page)
                return self.rows(
                    last ? Array(queries.dropFirst()) : queries, page: last ? 1 : page + 1, found + some, then: next)
            } catch {
                return .fail(error)
            }
        }
    }

    /// The rows of one answer, and whether it is the last page.
    static func page(_ answer: HTTPResponse, of query: Query, _ page: Int) throws(Fault) -> (
        rows: [JSONView], last: Bool
    ) {
        if (query.single && answer.status == 404) || answer.status == 304 { return ([], true) }
        let root = try JSONDocument(parsing: answer.body).root
        let list = root[query.collection]
        // "Nothing there" must be said, not be a misreading: a document believed missing is written again.
        guard list.rawBytes.first == UInt8(ascii: "[") else {
            throw unreadable("an answer has no list of \(query.collection)")
        }
        let rows = list.elements
        guard query.paged, !rows.isEmpty else { return (rows, true) }
        if let pages = root["pagination"]["pageCount"].int { return (rows, page >= pages) }
        return (rows, rows.count < XeroLimits.pageRows)
    }

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .post, disposition: .retry, summary: "Xero's answer can't be read: \(why)",
            remedy: "It is asked again; if this stays, report it with the time.")
    }
}

/// Eight, four, four, four and twelve hexadecimal digits.
func isGUID(_ text: String) -> Bool {
    let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return groups.map(\.count) == [8, 4, 4, 4, 12]
        && groups.allSatisfy { $0.allSatisfy { (48 ... 57).contains($0) || (97 ... 102).contains($0 | 32) } }
}
