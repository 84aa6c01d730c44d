internal import ConnectorKit
internal import Kernel
internal import Wire

/// What an answer says, whatever transport it came by.
enum Answer: Sendable, Equatable {
    case value(JSON)
    case problem(Problem)

    /// `nil` for what is no answer of Odoo's.
    init?(_ response: HTTPResponse, _ transport: Dialect.Transport) {
        switch transport {
        case .json2:
            guard let json = try? JSON(parsing: response.body) else { return nil }
            if let problem = Problem(json, status: response.status) { self = .problem(problem) } else { self = .value(json) }
        case .jsonrpc:
            guard let json = try? JSON(parsing: response.body), json.object != nil else { return nil }
            if let error = json.member("error") {
                guard let problem = Problem(error["data"] ?? .null, status: nil) ?? Problem(bare: error) else { return nil }
                self = .problem(problem)
            } else if let result = json["result"] {
                self = .value(result)
            } else if json["jsonrpc"]?.string == "2.0", json["id"]?.int != nil {
                // What returns nothing may say nothing.
                self = .value(.null)
            } else {
                return nil
            }
        case .xmlrpc:
            switch XMLRPC.read(response) {
            case .value(let value): self = .value(value)
            // The work was done and committed; only its empty result could not be written.
            case .fault(_, let text) where text.contains("cannot marshal None"): self = .value(.null)
            case .fault(let code, let text): self = .problem(Problem(faultCode: code, text))
            case nil: return nil
            }
        }
    }

    var value: JSON? { if case .value(let value) = self { value } else { nil } }
}

/// One list of records.
struct Listing: Sendable {
    var model: String
    var domain: JSON
    var fields: [String]
    var order: String
    var context: [(key: String, value: JSON)]
    /// A write before it paid for it.
    var isPaid = false

    init(_ model: String, _ domain: JSON, _ fields: [String], order: String = "id asc", context: [(key: String, value: JSON)] = []) {
        self.model = model
        self.domain = domain
        self.fields = fields
        self.order = order
        self.context = context
    }

    var paid: Listing {
        var out = self
        out.isPaid = true
        return out
    }

    /// `[cond, cond]` joined by OR.
    static func anyOf(_ conditions: [JSON]) -> [JSON] { Array(repeating: "|", count: max(0, conditions.count - 1)) + conditions }

    func asking(offset: Int, limit: Int = OdooLimits.pageRows) -> Asking {
        var out = Asking(
            .read, model, "search_read",
            [
                ("domain", domain), ("fields", .array(fields.map { .string($0) })), ("offset", .number("\(offset)")), ("limit", .number("\(limit)")),
                ("order", .string(order)),
            ])
        out.context = context
        if isPaid { out.units = 0 }
        return out
    }
}

extension OdooConnector {
    /// Goes on with the connection's dialect, where its settings can be read.
    func speaking<Output: Sendable>(_ connection: ConnectionFacts, _ next: (Dialect) -> Exchange<Output>) -> Exchange<Output> {
        .trying { () throws(Fault) in next(try Dialect(connection)) }
    }

    /// Asks all lists to their last page, then goes on with the rows.
    func rows<Output: Sendable>(
        _ lists: [Listing], _ dialect: Dialect, then next: @escaping @Sendable ([JSON]) -> Exchange<Output>
    ) -> Exchange<Output> {
        rows(lists[...], dialect, page: 0, [], then: next)
    }

    private func rows<Output: Sendable>(
        _ lists: ArraySlice<Listing>, _ dialect: Dialect, page: Int, _ found: [JSON], then next: @escaping @Sendable ([JSON]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let list = lists.first else { return next(found) }
        guard page < OdooLimits.pages else { return .fail(Self.unreadable("a list of \(list.model) does not end")) }
        return .send(dialect.call(list.asking(offset: page * OdooLimits.pageRows))) { answer in
            // "Nothing there" must be said, not be a misreading: a document believed missing is written again.
            guard let rows = Answer(answer, dialect.transport)?.value?.array, rows.allSatisfy({ $0.object != nil }) else {
                return .fail(Self.unreadable("it gives no list of \(list.model)"))
            }
            let last = rows.count < OdooLimits.pageRows
            return self.rows(last ? lists.dropFirst() : lists, dialect, page: last ? 0 : page + 1, found + rows, then: next)
        }
    }

    /// A step behind which only yes or no matters.
    func step<Output: Sendable>(
        _ asking: Asking, _ dialect: Dialect, then next: @escaping @Sendable (Step) -> Exchange<Output>
    ) -> Exchange<Output> {
        .send(dialect.call(asking)) { answer in
            switch Answer(answer, dialect.transport) {
            case .value(let value): next(.done(value))
            case .problem(let problem): next(.refused(problem.fault))
            case nil: next(.unreadable)
            }
        }
    }

    static func unreadable(_ why: String) -> Fault { judging.notRead(why) }
    static func lost(_ why: String) -> Fault { judging.notTold(why) }
}

/// What came of a step.
enum Step: Sendable {
    case done(JSON)
    case refused(Fault)
    case unreadable
}
