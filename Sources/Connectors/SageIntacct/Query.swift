internal import ConnectorKit
internal import Kernel
internal import Wire

/// One list of objects.
struct Query: Sendable {
    indirect enum Filter: Sendable {
        /// The field has one of these values.
        case any(String, [String])
        case like(String, String)
        case from(String, String)
        case all([Filter])
        case either([Filter])
    }

    var object: String
    var fields: [String]
    var filter: Filter?
    /// Sorted by these, ascending.
    var order: [String]
    /// What its rows come back under, where it is not the object.
    var label: String
    var offset = 0
    var size = IntacctLimits.pageRows
    /// The user or the company may lack the application that it belongs to: it is then empty.
    var isOptional = false

    init(_ object: String, _ fields: [String], _ filter: Filter? = nil, order: [String] = ["RECORDNO"], label: String? = nil) {
        self.object = object
        self.fields = fields
        self.filter = filter
        self.order = order
        self.label = label ?? object
    }

    var optional: Query {
        var out = self
        out.isOptional = true
        return out
    }

    /// - Source: developer.intacct.com, Queries, and api.xsd: query.
    func function(_ controlID: String) -> Function {
        Function(controlID, Function.Content("query") { writer in
            writer.element("object", object)
            writer.start("select")
            for field in fields { writer.element("field", field) }
            writer.end()
            if let filter {
                writer.start("filter")
                Query.write(filter, &writer)
                writer.end()
            }
            writer.start("orderby")
            for field in order {
                writer.start("order")
                writer.element("field", field)
                writer.start("ascending")
                writer.end()
                writer.end()
            }
            writer.end()
            writer.element("pagesize", "\(size)")
            writer.element("offset", "\(offset)")
        })
    }

    private static func write(_ filter: Filter, _ writer: inout XMLWriter) {
        switch filter {
        case .any(let field, let values): condition(values.count == 1 ? "equalto" : "in", field, values, &writer)
        case .like(let field, let value): condition("like", field, [value], &writer)
        case .from(let field, let value): condition("greaterthanorequalto", field, [value], &writer)
        case .all(let filters): joined("and", filters, &writer)
        case .either(let filters): joined("or", filters, &writer)
        }
    }

    private static func condition(_ name: String, _ field: String, _ values: [String], _ writer: inout XMLWriter) {
        writer.start(name)
        writer.element("field", field)
        for value in values { writer.element("value", value) }
        writer.end()
    }

    /// The schema wants two or more.
    private static func joined(_ name: String, _ filters: [Filter], _ writer: inout XMLWriter) {
        guard filters.count > 1 else { return filters.forEach { write($0, &writer) } }
        writer.start(name)
        for filter in filters { write(filter, &writer) }
        writer.end()
    }
}

/// One object of a list.
struct Row: Sendable, Equatable {
    var element: XMLElement

    /// The value of a field; `nil` where it is empty.
    subscript(_ field: String) -> String? { element[field]?.words }
}

/// Lists by their labels.
typealias Found = [String: [Row]]

extension SageIntacctConnector {
    /// Goes on with the connection's settings, where they can be read.
    func configured<Output: Sendable>(_ connection: ConnectionFacts, _ next: (Settings) -> Exchange<Output>) -> Exchange<Output> {
        .trying { () throws(Fault) in next(try Settings(connection)) }
    }

    /// Asks all lists to their last page, as many as are open in each request, then goes on with the rows.
    func rows<Output: Sendable>(_ queries: [Query], then next: @escaping @Sendable (Found) -> Exchange<Output>) -> Exchange<Output> {
        rows(queries, page: 0, [:], then: next)
    }

    private func rows<Output: Sendable>(
        _ queries: [Query], page: Int, _ found: Found, then next: @escaping @Sendable (Found) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard !queries.isEmpty else { return next(found) }
        guard page < IntacctLimits.pages else { return .fail(Self.unreadable("a list does not end")) }
        let ids = Self.controlIDs(queries)
        let call = Gateway.call(.read, zip(queries, ids).map { $0.function($1) })
        return .send(call) { response in
            guard let answers = Answers(response) else { return .fail(Self.unreadable("it gives no lists")) }
            var open: [Query] = []
            var all = found
            do throws(Fault) {
                for (query, id) in zip(queries, ids) {
                    let part = try Self.page(query, answers.result(id))
                    all[query.label, default: []] += part.rows
                    if let rest = part.rest { open.append(rest) }
                }
            } catch {
                return .fail(error)
            }
            return self.rows(open, page: page + 1, all, then: next)
        }
    }

    /// The labels, numbered where several lists have one, as slices of values do.
    private static func controlIDs(_ queries: [Query]) -> [String] {
        var seen: [String: Int] = [:]
        return queries.map { query in
            seen[query.label, default: 0] += 1
            let count = seen[query.label] ?? 1
            return count == 1 ? query.label : "\(query.label).\(count)"
        }
    }

    /// The rows of one page, and the query for those behind it.
    /// - Throws: `unreadable_answer`; what the gateway refuses the list for.
    static func page(_ query: Query, _ result: Answers.Result?) throws(Fault) -> (rows: [Row], rest: Query?) {
        guard let result else { throw unreadable("it leaves out the list of \(query.object)") }
        if let problem = result.problem {
            if query.isOptional, problem.kind == .access || problem.kind == .query { return ([], nil) }
            throw problem.fault
        }
        // "Nothing there" must be said, not be a misreading: a document believed missing is written again.
        guard let data = result.data, let count = data.attribute("count").flatMap({ Int($0) }), count == data.children.count else {
            throw unreadable("it gives no list of \(query.object)")
        }
        guard let left = data.attribute("numremaining").flatMap({ Int($0) }), left >= 0, left == 0 || count > 0 else {
            throw unreadable("a list of \(query.object) does not say whether it ends")
        }
        let rows = data.children.map { Row(element: $0) }
        guard left > 0 else { return (rows, nil) }
        var rest = query
        rest.offset += count
        return (rows, rest)
    }

    static func unreadable(_ why: String) -> Fault { judging.notRead(why) }
    static func lost(_ why: String) -> Fault { judging.notTold(why) }
}
