internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// The kinds of document that we write there.
enum Entity: String, Sendable, CaseIterable {
    case invoice = "Invoice"
    case creditMemo = "CreditMemo"
    case salesReceipt = "SalesReceipt"
    case payment = "Payment"
    case journalEntry = "JournalEntry"
    case bill = "Bill"
    case purchaseOrder = "PurchaseOrder"

    var path: String { rawValue.lowercased() }
    /// What is bought: its party is a vendor.
    var isPurchase: Bool { self == .bill || self == .purchaseOrder }
}

/// One row of a query's answer.
struct Row: Sendable {
    var entity: String
    var fields: JSONView
}

/// One query, without its page.
struct Query: Sendable {
    var entity: String
    /// After `where `; empty for all.
    var condition: String
    /// Lists that can have several pages need an order to turn them in.
    var ordered: Bool

    init(_ entity: String, where condition: String = "", ordered: Bool = false) {
        self.entity = entity
        self.condition = condition
        self.ordered = ordered
    }

    /// `\` and `'` escaped, in quotes.
    static func quoted(_ text: String) -> String {
        var out = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { out.unicodeScalars.append("\\") }
            out.unicodeScalars.append(scalar)
        }
        return out + "'"
    }

    /// `field in ('a', 'b')`, in as many queries as URLs of a sensible length need.
    static func anyOf(_ values: [String], field: String, of entity: String) -> [Query] {
        var queries: [Query] = []
        var part: [String] = []
        var bytes = 0
        func flush() {
            if !part.isEmpty { queries.append(Query(entity, where: "\(field) in (\(part.joined(separator: ",")))")) }
            part = []
            bytes = 0
        }
        for value in values {
            let text = quoted(value)
            let size = Form.percent(text).utf8.count + 3
            if bytes + size > QuickBooksLimits.queryBytes || part.count == QuickBooksLimits.wantsPerQuery { flush() }
            part.append(text)
            bytes += size
        }
        flush()
        return queries
    }

    func page(from start: Int) -> String {
        let filter = condition.isEmpty ? "" : " where \(condition)"
        let order = ordered ? " orderby Id" : ""
        return "select * from \(entity)\(filter)\(order) startposition \(start) maxresults \(QuickBooksLimits.pageRows)"
    }
}

extension QuickBooksOnlineConnector {
    /// `/v3/company/…/rest?minorversion=75&…`.
    func target(_ rest: String, _ parameters: [(String, String)], _ connection: ConnectionFacts) -> String {
        var out =
            "/v3/company/\(Form.percent(connection.account))/\(rest)?minorversion=\(QuickBooksLimits.minorVersion)"
        for (name, value) in parameters { out += "&\(name)=\(Form.percent(value))" }
        return out
    }

    func read(_ rest: String, _ parameters: [(String, String)], _ connection: ConnectionFacts) -> Call {
        Call(
            .read, HTTPRequest(.get, target(rest, parameters, connection)),
            cost: [Budget.minute: 1, Budget.second: 1, Budget.reads: 1])
    }

    /// A write of one object.
    func write(
        _ rest: String, _ parameters: [(String, String)], attempt: String, _ body: JSON, _ connection: ConnectionFacts
    ) -> Call {
        let id = requestID(attempt, limit: QuickBooksLimits.requestID)
        return Call(
            .write, post(target(rest, parameters + [("requestid", id)], connection), body),
            cost: [Budget.minute: 1, Budget.second: 1])
    }

    /// A batch call; `items` in the order of their ids b1, b2 …
    /// - Source: Intuit docs, Batch operation; each item is metered as a call.
    func batch(_ items: [[(key: String, value: JSON)]], attempt: String?, _ connection: ConnectionFacts) -> Call {
        var requests: [JSON] = []
        for (index, item) in items.enumerated() {
            requests.append(.object([("bId", .string(bID(index))), ("operation", "create")] + item))
        }
        let parameters = attempt.map { [("requestid", requestID($0, limit: QuickBooksLimits.batchRequestID))] } ?? []
        return Call(
            .write, post(target("batch", parameters, connection), ["BatchItemRequest": .array(requests)]),
            cost: [Budget.minute: items.count, Budget.second: 1, Budget.batch: 1])
    }

    func bID(_ index: Int) -> String { "b\(index + 1)" }

    private func post(_ target: String, _ body: JSON) -> HTTPRequest {
        HTTPRequest(.post, target, fields: ["Content-Type": "application/json"], body: body.bytes)
    }

    /// The attempt itself where it fits; what does not fit is marked by its whole, so that two attempts never share
    /// an id.
    func requestID(_ attempt: String, limit: Int) -> String { fitted(attempt, limit: limit) }

    /// Asks all queries to their last page, then goes on with the rows.
    func rows<Output: Sendable>(
        _ queries: [Query], _ connection: ConnectionFacts,
        then next: @escaping @Sendable ([Row]) -> Exchange<Output>
    ) -> Exchange<Output> {
        rows(queries[...], page: 0, [], connection, then: next)
    }

    private func rows<Output: Sendable>(
        _ queries: ArraySlice<Query>, page: Int, _ found: [Row], _ connection: ConnectionFacts,
        then next: @escaping @Sendable ([Row]) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let query = queries.first else { return next(found) }
        guard page < QuickBooksLimits.pages else {
            return .fail(Self.unreadable("a list of \(query.entity) has more than \(QuickBooksLimits.pages) pages"))
        }
        let text = query.page(from: page * QuickBooksLimits.pageRows + 1)
        return .send(read("query", [("query", text)], connection)) { answer in
            do throws(Fault) {
                let some = try Self.pageRows(answer, of: query.entity)
                // Only a full page can have another one behind it.
                let more = some.count >= QuickBooksLimits.pageRows
                return self.rows(
                    more ? queries : queries.dropFirst(), page: more ? page + 1 : 0, found + some, connection,
                    then: next)
            } catch {
                return .fail(error)
            }
        }
    }

    /// The rows of one answer; `{"QueryResponse":{}}` has none.
    private static func pageRows(_ answer: HTTPResponse, of entity: String) throws(Fault) -> [Row] {
        let response = try JSONDocument(parsing: answer.body).root["QueryResponse"]
        guard response.rawBytes.first == UInt8(ascii: "{") else {
            throw unreadable("a query's answer has no QueryResponse")
        }
        let list = response[entity]
        // "Nothing there" must be said, not be a misreading: a document believed missing is written again.
        guard !list.exists || list.rawBytes.first == UInt8(ascii: "[") else {
            throw unreadable("a query's answer has no list of \(entity)")
        }
        return list.elements.map { Row(entity: entity, fields: $0) }
    }

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .post, disposition: .retry,
            summary: "QuickBooks Online's answer can't be read: \(why)",
            remedy: "It is asked again; if this stays, report it with the time.")
    }
}

/// Text that fits a field of `limit` characters however they are counted (characters, code points, UTF-16 units); a
/// longer one is shortened between characters and marked, so that two texts stay two.
func fitted(_ text: String, limit: Int) -> String {
    var characters = limit
    var out = shortName(text, limit: characters)
    while out.utf16.count > limit, characters > 1 {
        characters = max(1, characters - max(1, (out.utf16.count - limit) / 2))
        out = shortName(text, limit: characters)
    }
    // A single character can be longer than any field: its mark stands for it.
    return out.utf16.count <= limit ? out : shortName(text + "~~~~~~~~~~", limit: min(limit, 9))
}

/// `{"value": id}`.
func reference(_ id: String) -> JSON { .object([("value", .string(id))]) }

/// The number with the currency's own digits: never through floating point.
func number(_ minor: Int64, _ currency: Currency) -> JSON { .number(Money(minor: minor, currency).text) }
