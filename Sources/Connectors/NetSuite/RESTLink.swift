internal import ConnectorKit
internal import Kernel
internal import Wire

/// The record API and SuiteQL: one record a call.
struct RESTLink: Link {
    let settings: Settings
    let documentsMost = 1

    static let records = "/services/rest/record/v1"
    static let query = "/services/rest/query/v1/suiteql"

    init(_ connection: ConnectionFacts) throws(Fault) { settings = try Settings(connection) }

    // MARK: Lists

    func rows(_ list: List) -> Exchange<[Row]> {
        if list == .taxCodes, settings.tax == .legacy { return ids("salesTaxItem") }
        return rows(Query(list).parts[...], [])
    }

    private func rows(_ queries: ArraySlice<Query.Part>, _ found: [Row]) -> Exchange<[Row]> {
        guard let query = queries.first else { return .finish(found) }
        return select(query.text).next { items in self.rows(queries.dropFirst(), found + items.map { Self.row($0, query.columns) }) }
    }

    /// All rows of a question. Values are texts, what has none is left out.
    func select(_ text: String) -> Exchange<[JSON]> {
        .pages(
            Self.ask(text), .offset(query: "offset", size: NetSuiteLimits.pageRows), records: ["items"], most: NetSuiteLimits.pages)
    }

    static func ask(_ text: String, offset: Int = 0) -> Call {
        // Without the header there is no answer.
        let fields: HTTPFields = ["Content-Type": "application/json", "Prefer": "transient"]
        let target = "\(query)?limit=\(NetSuiteLimits.pageRows)&offset=\(offset)"
        return Call(.read, HTTPRequest(.post, target, fields: fields, body: JSON.object([("q", .string(text))]).bytes))
    }

    static func row(_ item: JSON, _ columns: [(ours: String, theirs: String)]) -> Row {
        var out: Row = [:]
        for (ours, theirs) in columns {
            switch item[theirs] {
            case .string(let text)?, .number(let text)?: out[ours] = text
            default: continue
            }
        }
        return out
    }

    /// Ids of a collection of records, which shows nothing else of them.
    private func ids(_ record: String) -> Exchange<[Row]> {
        let call = Call(.read, HTTPRequest(.get, "\(Self.records)/\(record)?limit=\(NetSuiteLimits.pageRows)&offset=0"))
        return Exchange<[JSON]>.pages(call, .offset(query: "offset", size: NetSuiteLimits.pageRows), records: ["items"], most: NetSuiteLimits.pages)
            .map { items in items.map { Self.row($0, [("id", "id")]) } }
    }

    // MARK: Records

    /// Ids at once; keys by one question for many, because a search by record costs a call each.
    func records(_ wants: [Want]) -> Exchange<[Record]> {
        var known: [(kinds: [Kind], id: String)] = []
        var keys: [String: [Kind]] = [:], order: [String] = []
        for want in wants {
            switch want.by {
            case .id(let id):
                if let at = known.firstIndex(where: { $0.id == id }) { known[at].kinds.append(want.kind) } else { known.append(([want.kind], id)) }
            case .external(let key):
                if keys[key] == nil { order.append(key) }
                keys[key, default: []].append(want.kind)
            }
        }
        let given = known, kinds = keys
        let queries = order.parts(of: NetSuiteLimits.listed).map { Query.transactions($0) }
        return rows(queries[...], []).next { rows in
            var found = given
            for row in rows {
                guard let id = row["id"], isID(id), let key = row["external"], let wanted = kinds[key] else { continue }
                // The type tells what it is; where it does not, it is tried.
                let kind = row["type"].flatMap { Kind(transactionType: $0) }
                found.append((kind.map { [$0] } ?? wanted, id))
            }
            return self.read(found[...], [])
        }
    }

    private func read(_ left: ArraySlice<(kinds: [Kind], id: String)>, _ found: [Record]) -> Exchange<[Record]> {
        guard let first = left.first, let kind = first.kinds.first else { return left.isEmpty ? .finish(found) : read(left.dropFirst(), found) }
        let target = "\(Self.path(kind))/\(first.id)?expandSubResources=true&simpleEnumFormat=true"
        let rest = Array(left)
        return .send(Call(.read, HTTPRequest(.get, target))) { answer in
            do throws(Fault) {
                // Only a word of NetSuite's own gets here.
                if answer.status == 404 {
                    var next = rest
                    next[0].kinds.removeFirst()
                    return self.read(next[...], found)
                }
                guard let record = Record(kind, try answer.json()), record.id == first.id else { throw NetSuite.unreadable("a \(kind.rawValue) has no id") }
                return self.read(rest.dropFirst(), found + [record])
            } catch { return .fail(error) }
        }
    }

    static func path(_ kind: Kind) -> String { "\(records)/\(kind.rawValue)" }

    // MARK: Writes

    private static func write(_ method: HTTPMethod, _ target: String, _ body: [UInt8] = []) -> Call {
        Call(.write, HTTPRequest(method, target, fields: body.isEmpty ? [:] : ["Content-Type": "application/json"], body: body))
    }

    /// The answer has no body; the id stands in its `Location`.
    func add(_ records: [Record]) -> Exchange<[PostOutcome]> {
        guard let record = records.first else { return .finish([]) }
        return .send(Self.write(.post, Self.path(record.kind), record.json.bytes)) { answer in
            if let problem = Problem(answer) { return .finish([problem.outcome]) }
            guard let id = Self.created(answer, record.kind) else { return .finish([.unknown(NetSuite.lost("it names no id of what was created"))]) }
            return .finish([.posted(remoteID: id, version: nil)])
        }
    }

    /// `…/services/rest/record/v1/invoice/9001` -> 9001; whatever host it names, and only of the record that was sent.
    static func created(_ answer: HTTPResponse, _ kind: Kind) -> String? {
        guard answer.status == 204, let location = answer.fields["Location"] else { return nil }
        let parts = location.prefix { $0 != "?" && $0 != "#" }.split(separator: "/").suffix(2).map(String.init)
        guard parts.count == 2, parts[0].lowercased() == kind.rawValue.lowercased(), isID(parts[1]) else { return nil }
        return parts[1]
    }

    func change(_ record: Record) -> Exchange<Changed> {
        var body = record.fields
        // What it is written in can't be changed, and need not be.
        body.remove("currency")
        let sublists = ["item", "expense", "taxDetails", "apply", "line"].filter { body[$0] != nil }.joined(separator: ",")
        let target = "\(Self.path(record.kind))/\(record.id)" + (sublists.isEmpty ? "" : "?replace=\(Form.percent(sublists))")
        return .send(Self.write(.patch, target, body.json.bytes)) { .finish(Self.changed($0, record.id)) }
    }

    func remove(_ kind: Kind, _ id: String) -> Exchange<Changed> {
        .send(Self.write(.delete, "\(Self.path(kind))/\(id)")) { .finish(Self.changed($0, id)) }
    }

    private static func changed(_ answer: HTTPResponse, _ id: String) -> Changed {
        if answer.status == 404 { return .absent }
        if let problem = Problem(answer) { return .outcome(problem.outcome) }
        return .outcome(.posted(remoteID: id, version: nil))
    }
}

/// A question in SuiteQL, with what its columns are to us.
struct Query: Sendable {
    struct Part: Sendable {
        var text: String
        var columns: [(ours: String, theirs: String)]
    }

    var parts: [Part]

    /// - Source: names of tables and columns: the SuiteAnalytics records browser (accountingperiod) and fivetran/dbt_netsuite_source.
    init(_ list: List) {
        switch list {
        case .accounts:
            parts = [Part(
                text: "SELECT id, acctnumber, fullname, accttype, isinactive, currency FROM account ORDER BY id",
                columns: [
                    ("id", "id"), ("number", "acctnumber"), ("name", "fullname"), ("type", "accttype"), ("inactive", "isinactive"), ("currency", "currency"),
                ])]
        case .currencies:
            parts = [Part(
                text: "SELECT id, symbol, isbasecurrency, isinactive FROM currency ORDER BY id",
                columns: [("id", "id"), ("code", "symbol"), ("base", "isbasecurrency"), ("inactive", "isinactive")])]
        case .subsidiary(let id):
            parts = [Part(
                text: "SELECT id, name, country, currency FROM subsidiary WHERE id = \(isID(id) ? id : "0")",
                columns: [("id", "id"), ("name", "name"), ("country", "country"), ("currency", "currency")])]
        case .taxCodes:
            parts = [Part(
                text: "SELECT id, taxtype, isinactive FROM salestaxitem ORDER BY id", columns: [("id", "id"), ("type", "taxtype"), ("inactive", "isinactive")])]
        case .closedPeriods:
            let months = "isquarter = 'F' AND isyear = 'F'", closed = "closed = 'T' OR arlocked = 'T' OR alllocked = 'T'"
            parts = [Part(
                text: "SELECT id, TO_CHAR(enddate, 'YYYY-MM-DD') AS enddate FROM accountingperiod WHERE \(months) AND (\(closed)) ORDER BY id",
                columns: [("id", "id"), ("end", "enddate")])]
        case .customers(let names):
            parts = names.parts(of: NetSuiteLimits.listed).map { some in
                Part(
                    text: "SELECT id, companyname, isinactive FROM customer WHERE companyname IN (\(Query.quoted(some))) ORDER BY id",
                    columns: [("id", "id"), ("name", "companyname"), ("inactive", "isinactive")])
            }
        case .vendors(let names):
            parts = names.parts(of: NetSuiteLimits.listed).map { some in
                Part(
                    text: "SELECT id, companyname, isinactive FROM vendor WHERE companyname IN (\(Query.quoted(some))) ORDER BY id",
                    columns: [("id", "id"), ("name", "companyname"), ("inactive", "isinactive")])
            }
        case .items(let names):
            parts = names.parts(of: NetSuiteLimits.listed).map { some in
                Part(
                    text: "SELECT id, itemid, incomeaccount, isinactive, itemtype, subtype FROM item WHERE itemid IN (\(Query.quoted(some))) ORDER BY id",
                    columns: [("id", "id"), ("name", "itemid"), ("account", "incomeaccount"), ("inactive", "isinactive"), ("type", "itemtype"), ("subtype", "subtype")])
            }
        }
    }

    static func transactions(_ keys: [String]) -> Part {
        Part(
            text: "SELECT id, externalid, type FROM transaction WHERE externalid IN (\(quoted(keys))) ORDER BY id",
            columns: [("id", "id"), ("external", "externalid"), ("type", "type")])
    }

    /// `'a','it''s'`.
    static func quoted(_ values: [String]) -> String { values.map { "'" + $0.replacing("'", with: "''") + "'" }.joined(separator: ",") }
}

extension Problem {
    /// The first error of a REST answer.
    init?(_ response: HTTPResponse) {
        guard let json = try? JSON(parsing: response.body), let error = json["o:errorDetails"]?[0] else { return nil }
        self.init(code: error["o:errorCode"]?.string ?? "", text: error["detail"]?.string ?? json["title"]?.string ?? "")
    }
}
