internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

let jsonFields: HTTPFields = ["Content-Type": "application/json"]

/// One list of an entity set.
struct Query: Sendable, Equatable {
    var set: String
    var select: [String]
    var filter: String?
    var order: String?

    init(_ set: String, _ select: [String], filter: String? = nil, order: String? = nil) {
        self.set = set
        self.select = select
        self.filter = filter
        self.order = order
    }

    /// `field eq 'a' or field eq 'b'`.
    static func anyOf(_ conditions: [String]) -> String { conditions.joined(separator: " or ") }

    /// Text as a filter has it: quotes doubled.
    static func text(_ value: String) -> String { "'\(value.replacing("'", with: "''"))'" }

    func call(_ dialect: Dialect, skip: Int = 0) -> Call {
        var query: [String] = []
        if !select.isEmpty { query.append("$select=\(select.joined(separator: ","))") }
        if let filter { query.append("$filter=\(Form.percent(filter))") }
        if let order { query.append("$orderby=\(Form.percent(order))") }
        if skip > 0 { query.append("$skip=\(skip)") }
        let target = "\(dialect.version.root)/\(set)" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        return Call(.read, HTTPRequest(.get, target, fields: ["Prefer": "odata.maxpagesize=\(B1Limits.pageRows)"]), cost: Budget.one)
    }
}

/// A page of a list.
struct Page: Sendable {
    var rows: [JSON]
    var goesOn: Bool

    init(rows: [JSON], goesOn: Bool) {
        self.rows = rows
        self.goesOn = goesOn
    }

    /// `nil` for what is no list: "nothing there" must be said, not be a misreading.
    init?(_ response: HTTPResponse, _ dialect: Dialect) {
        guard let json = try? JSON(parsing: response.body), let rows = json["value"]?.array, rows.allSatisfy({ $0.object != nil }) else { return nil }
        self.rows = rows
        // The next page is asked for by its number: a link of theirs may lead anywhere, and may be written with blanks.
        goesOn = !rows.isEmpty && (json[dialect.version.nextLink]?.string ?? json["@odata.nextLink"]?.string ?? json["odata.nextLink"]?.string) != nil
    }
}

extension SapBusinessOneConnector {
    /// Goes on with the connection's dialect, where its settings can be read.
    func speaking<Output: Sendable>(_ connection: ConnectionFacts, _ next: (Dialect) -> Exchange<Output>) -> Exchange<Output> {
        .trying { () throws(Fault) in next(try Dialect(connection)) }
    }

    /// Asks all lists to their last page, then goes on with the rows of each.
    func rows<Output: Sendable>(
        _ queries: [Query], _ dialect: Dialect, then next: @escaping @Sendable ([[JSON]]) -> Exchange<Output>
    ) -> Exchange<Output> {
        rows(queries[...], dialect, page: 0, [], [], then: next)
    }

    private func rows<Output: Sendable>(
        _ queries: ArraySlice<Query>, _ dialect: Dialect, page: Int, _ current: [JSON], _ found: [[JSON]],
        then next: @escaping @Sendable ([[JSON]]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let query = queries.first else { return next(found) }
        guard page < B1Limits.pages else { return .fail(Self.unreadable("a list of \(query.set) does not end")) }
        return .send(query.call(dialect, skip: current.count)) { answer in
            guard let part = Page(answer, dialect) else {
                // Companies without drafts of this kind have no such list.
                guard answer.status == 404, query.set.hasSuffix("Drafts") else { return .fail(Self.unreadable("it gives no list of \(query.set)")) }
                return self.rows(queries.dropFirst(), dialect, page: 0, [], found + [[]], then: next)
            }
            let all = current + part.rows
            if part.goesOn { return self.rows(queries, dialect, page: page + 1, all, found, then: next) }
            return self.rows(queries.dropFirst(), dialect, page: 0, [], found + [all], then: next)
        }
    }

    /// Creates an entity.
    static func post(_ set: String, _ body: JSON, _ dialect: Dialect) -> Call {
        Call(.write, HTTPRequest(.post, "\(dialect.version.root)/\(set)", fields: jsonFields, body: body.bytes), cost: Budget.one)
    }

    /// Changes the fields that are named.
    static func patch(_ place: Place, _ body: JSON, _ dialect: Dialect) -> Call {
        Call(.write, HTTPRequest(.patch, "\(dialect.version.root)/\(place.set.rawValue)(\(place.id))", fields: jsonFields, body: body.bytes), cost: Budget.one)
    }

    /// An action of an entity: `Invoices(812)/Cancel`.
    static func action(_ place: Place, _ name: String, _ dialect: Dialect) -> Call {
        Call(.write, HTTPRequest(.post, "\(dialect.version.root)/\(place.set.rawValue)(\(place.id))/\(name)", fields: jsonFields), cost: Budget.one)
    }

    static func unreadable(_ why: String) -> Fault { judging.notRead(why) }
    static func lost(_ why: String) -> Fault { judging.notTold(why) }
}

extension JSON {
    /// A text; `nil` for an empty one.
    var words: String? { string.flatMap { $0.isEmpty ? nil : $0 } }

    /// The number of an entry.
    var entry: Int? { int.flatMap { B1Limits.ids.contains($0) ? $0 : nil } }

    /// `2026-11-20`, also where v2 has `2026-11-20T00:00:00Z`.
    var day: LocalDate? {
        guard let text = string, text.utf8.count == 10 || text.dropFirst(10).hasPrefix("T") else { return nil }
        return LocalDate(text.prefix(10))
    }

    /// The amount that is written there. Sums of binary fractions may be a hair beside it.
    func minor(_ currency: Currency) -> Int64? {
        guard case .number = self, let decimal, decimal.scale <= 30, decimal.coefficient.magnitude < 1_000_000_000_000_000_000_000_000_000 else { return nil }
        let rounded = decimal.rounded(toScale: currency.decimals)
        let hair = ExactDecimal(coefficient: 1, scale: currency.decimals + 3)
        let off = decimal - rounded
        guard off < hair, -off < hair, let money = Money(rounded, currency), abs(money.minor) <= B1Limits.amountMinor else { return nil }
        return money.minor
    }
}

/// A name in at most so many UTF-16 units; two names that differ anywhere stay two.
func fitted(_ text: String, limit: Int) -> String {
    var characters = limit
    var out = shortName(text, limit: characters)
    while out.utf16.count > limit, characters > 10 {
        characters -= 5
        // A name that is short in characters and long in units is shortened by its characters.
        out = shortName(text, limit: min(characters, text.count - 1))
    }
    return cut(out, utf16: limit)
}
