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
        do throws(Fault) { return next(try Dialect(connection)) } catch { return .fail(error) }
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

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .post, disposition: .retry, summary: "Odoo's answer can't be read: \(why)",
            remedy: "It is asked again; if this stays, report it with the time.")
    }

    static func lost(_ why: String) -> Fault {
        Fault(
            "outcome_unknown", stage: .post, disposition: .retry, summary: "Odoo's answer does not tell what became of the document: \(why)",
            remedy: "None needed: it is looked up.")
    }

    static func refused(_ code: String, _ summary: String, _ remedy: String) -> Fault {
        Fault(code, stage: .post, disposition: .reject, summary: summary, remedy: remedy)
    }
}

/// What came of a step.
enum Step: Sendable {
    case done(JSON)
    case refused(Fault)
    case unreadable
}

extension Array {
    /// Slices of at most `size`, in order.
    func parts(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0 ..< Swift.min($0 + size, count)]) }
    }
}

/// The beginning of a text, cut between characters.
func cut(_ text: String, limit: Int) -> String { text.count <= limit ? text : String(text.prefix(limit)) }

/// A text of one line without control characters and without blanks at its ends.
func plain(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let control = scalar.value < 32 || (127 ... 159).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
        if control || scalar == " " {
            if let last = out.last, last != " " { out.append(" ") }
        } else {
            out.append(scalar)
        }
    }
    if out.last == " " { out.removeLast() }
    return String(out)
}
