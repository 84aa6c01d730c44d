internal import Books
public import ConnectorKit
public import Kernel
public import Wire

/// NetSuite as a ledger, by SuiteTalk's SOAP web services.
public struct NetSuiteSuiteTalkConnector: NetSuiteLedger {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "netsuite-suitetalk", name: "NetSuite (SuiteTalk)", roles: [.ledger],
            productionBase: "https://{account_host}.suitetalk.api.netsuite.com", sandboxBase: nil,
            // Both keys and both secrets stand in the body, the secrets in a signature.
            auth: .keys(Authentication.Keys(parts: Self.parts, headers: [])), headers: ["Accept": "text/xml"], limits: Facts.limits,
            concurrency: NetSuiteLimits.requestsInFlight, batchSizes: Self.batchSizes, pageSize: NetSuiteLimits.pageRows, fieldLengths: Facts.fieldLengths,
            idempotency: Facts.idempotency, tax: .perLine, dimensions: Settings.dimensions, revisesPaidInvoices: true, apiVersion: "2025.2",
            sunset: LocalDate(year: 2028, month: 8, day: 1), sources: Facts.sources.merging(Self.sources) { _, own in own },
            objects: Facts.objects(\.typeName) + Self.lists,
            changeFeed: [.sweep(by: "lastModifiedDate", overlap: NetSuiteLimits.changesOverlap)], currency: Facts.currency)
    }

    private static let lists: [PlatformObject] = [
        PlatformObject("Account", carries: ["account"], [.list]), PlatformObject("SalesTaxItem", carries: ["tax_code"], [.list]),
        PlatformObject("Currency", carries: [], [.list]), PlatformObject("AccountingPeriod", carries: [], [.list]),
        PlatformObject("Subsidiary", carries: [], [.read]),
    ]

    private static let parts: [CredentialPart] = [
        CredentialPart("consumer_key", "the consumer key of the integration record", isSecret: false),
        CredentialPart("consumer_secret", "its secret, shown once when the record is saved"),
        CredentialPart("token", "the token id of the user and role", isSecret: false),
        CredentialPart("token_secret", "its secret, shown once when the token is made"),
    ]

    private static let batchSizes: [String: Int] = {
        var out: [String: Int] = [:]
        for form in Facts.objects(\.typeName).flatMap(\.carries) where PostingForm(rawValue: form) != nil { out[form] = NetSuiteLimits.batchDocuments }
        return out
    }()

    private static let sources: [String: String] = [
        "auth": "Oracle NetSuite help, TokenPassport Complex Type; netsuitephp/netsuite-php, src/NetSuiteClient.php: base string, key and algorithm",
        "batch": "Oracle NetSuite help, Usage Notes for Transaction Record Types: addList takes 200 records; 20 are our choice, because fewer are faster",
        "page": "general knowledge: pages of a search have 5 to 1000 records",
        "idempotency": "Oracle NetSuite help, upsert: there is no key for a request; a second add with an external id is refused as DUP_RCRD",
        "idempotency.search": "Oracle NetSuite help, getList: records by external id, read from the records themselves",
        "sunset": "Oracle NetSuite help, Support for Existing WSDL Versions: SOAP ends with release 2028.2; that it comes in August is general knowledge",
        "errors": "Oracle NetSuite help, SOAP Fault Status Codes and Warnings, Errors, and Faults: a fault keeps every operation of a request from being done",
        "objects": "netsuitephp/netsuite-php, src/Classes, generated from the WSDL of 2024.1",
        "changes": "Oracle NetSuite help, search: lastModifiedDate of TransactionSearchBasic",
    ]

    // MARK: Judge

    /// The one switch. Faults come under a 500 and keep everything from being done; what was refused of a record comes under a 200. Of several
    /// documents each has its own status, which the exchange reads.
    /// - Source: docs/connectors/netsuite-suitetalk.md, Errors.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch SOAP.read(response) {
        case .fault(let fault)? where [200, 400, 403, 500].contains(response.status): return Self.verdict(fault, response, call)
        case .fault(let fault)? where Problem(fault).meaning == .throttled: return .throttled(after: Judging.retryAfter(response), bucket: nil)
        case .body? where (200 ..< 300).contains(response.status): return Self.verdict(response, call)
        default:
            return (200 ..< 300).contains(response.status)
                ? Problem.judging.unreadable(response, to: call) : Problem.judging.verdict(response, to: call)
        }
    }

    private static func verdict(_ fault: SOAP.Fault, _ response: HTTPResponse, _ call: Call) -> Verdict {
        let problem = Problem(fault)
        switch fault.kind?.lowercased() {
        case "exceededconcurrentrequestlimitfault", "exceededrequestlimitfault", "exceededusagelimitfault":
            return .throttled(after: Judging.retryAfter(response), bucket: nil)
        case "invalidcredentialsfault", "invalidaccountfault": return .reauthorize(Problem.judging.tokenRefused(problem.text))
        case "insufficientpermissionfault": return Problem(code: "INSUFFICIENT_PERMISSION", text: problem.text).verdict(response, to: call)
        case "exceededrecordcountfault", "exceededrequestsizefault":
            var together = problem.fault
            together.code = "batch_refused"
            return .rejected(together)
        case "invalidversionfault":
            return .rejected(NetSuite.refused(
                "version_mismatch", "NetSuite does not serve version \(Schema.version) of SOAP any more", "Connect the account by netsuite-rest."))
        // Nobody logs in, so no session can end; what says so did nothing.
        case "invalidsessionfault":
            return .unavailable(Fault(
                "unavailable", stage: .courier, disposition: .retry, summary: "NetSuite ended a session that there is not", underlying: problem.code))
        default: break
        }
        // Our own words were not understood.
        if fault.text.hasPrefix("org.xml.sax.SAXException") { return .rejected(problem.fault) }
        switch problem.meaning {
        case .throttled, .credential, .access: return problem.verdict(response, to: call)
        default: return Problem.judging.down(call, "a fault of \(fault.kind ?? "no name")", problem.text)
        }
    }

    private static func verdict(_ response: HTTPResponse, _ call: Call) -> Verdict {
        guard let results = Results(response), call.request.fields["SOAPAction"] == "\"\(results.operation)\"" else {
            return Problem.judging.unreadable(response, to: call)
        }
        if let problem = results.problem { return problem.verdict(response, to: call) }
        if call.kind == .write {
            guard results.each.count == 1, let problem = results.each[0].problem else { return .accepted }
            // A record that is not there can't be changed or deleted: the exchange knows what that means.
            return problem.meaning == .missing && results.operation != "addList" ? .accepted : problem.verdict(response, to: call)
        }
        let problem = results.each.lazy.compactMap(\.problem).first { $0.meaning != .missing }
        return problem?.verdict(response, to: call) ?? .accepted
    }

    // MARK: Work

    public func books(_ connection: ConnectionFacts) throws(Fault) -> Bookkeeping { Bookkeeping(link: try SOAPLink(connection)) }

    /// Everything goes with everything: nothing in a call refers to something that the same call creates.
    public func batchGroup(of _: LedgerDocument) -> String { "list" }

    // MARK: Changes

    /// Documents of ours by the time of their last change, in no order; pages of a search live a quarter of an hour.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        working(connection) { _ in
            let page = cursor.flatMap { Page($0) }
            let call = page.map { SOAPLink.moreCall($0.search, page: $0.number) } ?? Self.changed(since - NetSuiteLimits.changesOverlap)
            return .one(call) { answer throws(Fault) in
                guard let results = Results(answer), let listed = results.listed else { throw NetSuite.unreadable("it gives no list of changes") }
                var out = LedgerChanges(keys: [], next: nil, watermark: nil)
                var seen: Set<PostKey> = []
                for element in listed {
                    guard let key = ExternalID.key(element.attribute("externalId")) else { continue }
                    guard let time = element["lastModifiedDate"].flatMap({ Timestamp(rfc3339: $0.text) }) else {
                        throw NetSuite.unreadable("a change has no time")
                    }
                    if seen.insert(key).inserted { out.keys.append(key) }
                    out.watermark = max(out.watermark ?? time, time)
                }
                let number = page?.number ?? 1
                if let search = results.searchID, number < min(results.pages, NetSuiteLimits.pages) { out.next = "\(number + 1)/\(search)" }
                return out
            }
        }
    }

    private static func changed(_ since: Timestamp) -> Call {
        SOAPLink.searchCall("TransactionSearchBasic", Schema.common) { writer in
            writer.start("q:externalIdString", [("operator", "startsWith")])
            writer.element("c:searchValue", ExternalID.prefix)
            writer.end()
            writer.start("q:lastModifiedDate", [("operator", "onOrAfter")])
            writer.element("c:searchValue", Timestamp(seconds: since.seconds).text(offsetSeconds: 0))
            writer.end()
        }
    }
}

/// A further page of a search.
struct Page: Sendable, Equatable {
    var search: String
    var number: Int

    /// `2/WEBSERVICES_1234567_…`.
    init?(_ cursor: String) {
        let parts = cursor.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2, let number = Int(parts[0]), (2 ... NetSuiteLimits.pages).contains(number), parts[1].utf8.count <= 400 else { return nil }
        search = parts[1]
        self.number = number
    }
}

extension Problem {
    /// What a fault says: its detail's code and message, else its own text.
    init(_ fault: SOAP.Fault) {
        let detail = fault.detail?.children.first
        self.init(code: detail?["code"]?.text ?? "", text: detail?["message"]?.text ?? fault.text)
    }
}
