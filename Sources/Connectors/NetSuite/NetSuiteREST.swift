internal import Books
public import ConnectorKit
public import Kernel
public import Wire

/// NetSuite as a ledger, by its REST record API and SuiteQL.
public struct NetSuiteRESTConnector: NetSuiteLedger {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "netsuite-rest", name: "NetSuite (REST)", roles: [.ledger],
            // A sandbox is an account of its own, `1234567_SB1`, at a host of its own.
            productionBase: "https://{account_host}.suitetalk.api.netsuite.com", sandboxBase: nil, auth: .clientCredentials(Self.authentication),
            headers: [
                "Accept": "application/json",
                // By default what is misspelt is left out without a word.
                "X-NetSuite-PropertyNameValidation": "Error", "X-NetSuite-PropertyValueValidation": "Error",
            ],
            limits: Facts.limits, concurrency: NetSuiteLimits.requestsInFlight, batchSizes: [:], pageSize: NetSuiteLimits.pageRows,
            fieldLengths: Facts.fieldLengths, idempotency: Facts.idempotency, tax: .perLine, dimensions: Settings.dimensions, revisesPaidInvoices: true,
            apiVersion: "record and query API v1, browser 2026.1", sunset: nil, sources: Facts.sources.merging(Self.sources) { _, own in own },
            objects: Facts.objects { $0.rawValue } + Self.lists,
            changeFeed: [.sweep(by: "lastmodifieddate", overlap: NetSuiteLimits.changesOverlap)], currency: Facts.currency)
    }

    private static let lists: [PlatformObject] = [
        PlatformObject("account", carries: ["account"], [.list]), PlatformObject("salesTaxItem", carries: ["tax_code"], [.list]),
        PlatformObject("transaction", carries: [], [.find]), PlatformObject("currency", carries: [], [.list]),
        PlatformObject("accountingPeriod", carries: [], [.list]), PlatformObject("subsidiary", carries: [], [.read]),
    ]

    private static let authentication = Authentication.ClientCredentials(
        tokenURL: "https://{account_host}.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token", tokenPath: "/services/rest/auth/oauth2/v1/token",
        proof: .assertion(.init(claimsScopes: true, claimsSubject: false)), scopes: ["rest_webservices"])

    private static let sources: [String: String] = [
        "auth": "Oracle NetSuite help, POST Request to the Token Endpoint and The Request Token Structure: client credentials, PS256 and ES256 assertions",
        "page": "Oracle NetSuite help, Record Collection Filtering: 1000 at most; SuiteQL's 1000 is general knowledge, its 100,000 rows are confirmed",
        "idempotency": "Oracle NetSuite help, Sending an Asynchronous Request Using an Idempotency Key: synchronous calls have none",
        "idempotency.search": "Oracle NetSuite help, Using the Upsert Operation: external ids; SuiteQL on transaction.externalid",
        "errors": "Oracle NetSuite help, Error Handling in REST Web Services: o:errorDetails; words of USER_ERROR from public error samples",
        "objects": "wsjmnh/netsuite-record-rest-docs, browser 2026.1: records, fields, methods",
        "changes": "SuiteQL over transaction.lastmodifieddate; that its time is the account's is general knowledge",
    ]

    // MARK: Judge

    /// The one switch. A record that is not there, where it is asked for, changed or deleted by its id, and one that is there already are accepted
    /// here and read by the exchange.
    /// - Source: docs/connectors/netsuite-rest.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch response.status {
        case 200 ..< 300 where call.kind == .write: return response.status == 204 ? .accepted : Problem.judging.unreadable(response, to: call)
        case 200 ..< 300:
            if let problem = Problem(response) { return problem.verdict(response, to: call) }
            guard let json = try? JSON(parsing: response.body), json.object != nil else { return Problem.judging.unreadable(response, to: call) }
            return .accepted
        case 401, 408, 429: return Problem.judging.verdict(response, to: call, says: Problem(response)?.text)
        case 400 ..< 500:
            guard let problem = Problem(response) else { return Problem.judging.verdict(response, to: call) }
            if response.status == 404, problem.meaning == .missing, call.request.method != .post { return .accepted }
            return problem.verdict(response, to: call)
        default: return Problem.judging.verdict(response, to: call, says: Problem(response)?.text)
        }
    }

    // MARK: Work

    public func books(_ connection: ConnectionFacts) throws(Fault) -> Bookkeeping { Bookkeeping(link: try RESTLink(connection)) }

    /// Every document goes alone.
    public func batchGroup(of document: LedgerDocument) -> String { document.key.text }

    // MARK: Changes

    /// Documents of ours by the time of their last change. Pages go on behind the last row by time and id, so that what changes meanwhile moves to
    /// the end instead of moving the pages.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        working(connection) { book in
            let settings = book.link.settings
            let overlap = settings.offsetMinutes == nil ? NetSuiteLimits.changesOverlapUnzoned : NetSuiteLimits.changesOverlap
            let mark = cursor.flatMap { Mark($0) } ?? Mark(time: Mark.text(since - overlap, settings.offsetMinutes ?? 0), id: "0")
            return .one(RESTLink.ask(mark.question)) { answer throws(Fault) in
                guard let rows = try answer.json()["items"]?.array else { throw NetSuite.unreadable("it gives no list of changes") }
                return try mark.changes(rows, offsetMinutes: settings.offsetMinutes ?? 0)
            }
        }
    }
}

/// Where a page of changes begins: behind this time and id.
struct Mark: Sendable, Equatable {
    /// `2026-11-20 10:00:00`, as the account's clock has it.
    var time: String
    var id: String

    init(time: String, id: String) {
        self.time = time
        self.id = id
    }

    /// `2026-11-20 10:00:00/9001`.
    init?(_ cursor: String) {
        let parts = cursor.split(separator: "/").map(String.init)
        guard parts.count == 2, Mark.timestamp(parts[0], 0) != nil, isID(parts[1]) else { return nil }
        self.init(time: parts[0], id: parts[1])
    }

    private static let format = "YYYY-MM-DD HH24:MI:SS"

    var question: String {
        let shown = "TO_CHAR(lastmodifieddate, '\(Mark.format)')", from = "TO_TIMESTAMP('\(time)', '\(Mark.format)')"
        return "SELECT id, externalid, \(shown) AS lastmodifieddate FROM transaction WHERE externalid LIKE '\(ExternalID.prefix)%' "
            + "AND (lastmodifieddate > \(from) OR (lastmodifieddate = \(from) AND id > \(id))) ORDER BY lastmodifieddate, id"
    }

    func changes(_ rows: [JSON], offsetMinutes: Int) throws(Fault) -> LedgerChanges {
        var out = LedgerChanges(keys: [], next: nil, watermark: nil)
        var seen: Set<PostKey> = []
        for row in rows {
            guard let text = row["lastmodifieddate"]?.string, let time = Mark.timestamp(text, offsetMinutes) else {
                throw NetSuite.unreadable("a change has no time")
            }
            if let key = ExternalID.key(row["externalid"]?.string), seen.insert(key).inserted { out.keys.append(key) }
            out.watermark = max(out.watermark ?? time, time)
        }
        guard rows.count >= NetSuiteLimits.pageRows, let last = rows.last, let text = last["lastmodifieddate"]?.string,
            let id = last["id"]?.string ?? last["id"]?.int.map(String.init), isID(id)
        else { return out }
        out.next = "\(text.prefix(19))/\(id)"
        return out
    }

    static func text(_ time: Timestamp, _ offsetMinutes: Int) -> String {
        String(Timestamp(seconds: time.seconds).text(offsetSeconds: offsetMinutes * 60).replacing("T", with: " ").prefix(19))
    }

    static func timestamp(_ text: String, _ offsetMinutes: Int) -> Timestamp? {
        Timestamp(rfc3339: text.prefix(19).replacing(" ", with: "T") + "Z").map { $0 - .seconds(offsetMinutes * 60) }
    }
}
