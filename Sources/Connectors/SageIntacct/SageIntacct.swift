internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

/// Sage Intacct as a ledger: the XML gateway, version 3.0 of its document type.
public struct SageIntacctConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "sage-intacct", name: "Sage Intacct", roles: [.ledger], productionBase: "https://api.intacct.com",
            // A sandbox is a company of its own at the same address.
            sandboxBase: nil, auth: .session(Self.authentication), headers: ["Accept": "application/xml"],
            limits: [RateLimit(name: Budget.minute, scope: .connection, amount: IntacctLimits.callsPerMinute, window: .seconds(60))],
            concurrency: IntacctLimits.requestsInFlight, batchSizes: Self.batchSizes, pageSize: IntacctLimits.pageRows, fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(
                // A function whose control id was done before is refused, and how long that is remembered is not published: nothing rests on it.
                nativeKey: .control("controlid"), nativeKeyLifetime: nil, searchable: true, findSettles: IntacctLimits.requestLife),
            tax: .perLine, dimensions: Dimension.all.map(\.name), revisesPaidInvoices: false, apiVersion: "3.0", sunset: nil, sources: Self.sources,
            objects: Self.objects, changeFeed: [.sweep(by: "WHENMODIFIED", overlap: IntacctLimits.changesOverlap)],
            currency: CurrencyAbility(foreign: true, rate: .stated, digitsMost: IntacctLimits.amountScale))
    }

    private static let objects: [PlatformObject] = [
        PlatformObject("ARINVOICE", carries: ["invoice"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("ARADJUSTMENT", carries: ["credit_note", "refund_payment", "payment", "journal"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("ARPYMT", carries: ["payment"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("OTHERRECEIPTS", carries: ["sales_receipt"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject(
            "GLBATCH", carries: ["journal", "reversal", "deposit", "settlement", "payout", "summary"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("APBILL", carries: ["bill"], [.list, .find, .read, .create, .update, .void]),
        PlatformObject("VENDOR", carries: ["party"], [.find, .create]),
        PlatformObject("CUSTOMER", carries: ["party"], [.find, .create]),
        PlatformObject("GLACCOUNT", carries: ["account"], [.list]),
        PlatformObject("CHECKINGACCOUNT", carries: [], [.list]),
        PlatformObject("SAVINGSACCOUNT", carries: [], [.list]),
        PlatformObject("TAXDETAIL", carries: ["tax_code"], [.list]),
        PlatformObject("LOCATIONENTITY", carries: [], [.read]),
        PlatformObject("company", carries: [], [.read]),
    ]

    /// The sender is the operator's, user and company are the tenant's.
    private static let authentication = Authentication.Session(
        parts: [
            CredentialPart(
                "sender_id", "the Web Services sender id of whoever runs Counterfoil, which the company has to authorise", isSecret: false, isOperators: true),
            CredentialPart("sender_password", "the password of that sender", isOperators: true),
            CredentialPart("user_id", "a Web Services user of the company", isSecret: false),
            CredentialPart("user_password", "that user's password"),
        ],
        gives: [
            SessionValue("sessionid", .xml(["operation", "result", "data", "api", "sessionid"])),
            SessionValue("endpoint", .xml(["operation", "result", "data", "api", "endpoint"]), isRequired: false),
        ],
        ends: .at(.xml(["operation", "authentication", "sessiontimeout"])), moves: ("endpoint", ["intacct.com"])
    ) { Gateway.login($0) }

    private static let batchSizes: [String: Int] = {
        var out: [String: Int] = [:]
        for form in PostingForm.allCases where !Record.candidates(form).isEmpty { out[form.rawValue] = IntacctLimits.batchDocuments }
        return out
    }()

    private static let fieldLengths: [String: Int] = [
        "party_name": IntacctLimits.partyName, "line_note": IntacctLimits.memo, "document_number": IntacctLimits.number,
        // Behind `cf:<key> `.
        "reference": IntacctLimits.batchTitle - 20,
    ]

    private static let sources: [String: String] = [
        "limits.minute": "our choice: the company's tier decides, and only the refusal is published (developer.intacct.com, Error handling)",
        "concurrency": "our choice: the base tier takes few requests at once (general knowledge)",
        "batch": "our choice: functions of one request run one after the other, and requests time out (developer.intacct.com, XML Requests; Journal Entries)",
        "page": "developer.intacct.com, Queries: pagesize of query is 100 by default and 2000 at most",
        "idempotency": "developer.intacct.com, XML Requests: uniqueid, the control id of a function that was completed; no life time is stated",
        "idempotency.search": "developer.intacct.com, Queries and Invoices: query by RECORDID; that numbers may be unique by setting is general knowledge",
        "idempotency.settles": "our choice: a query reads what is there, but a lost request may run for five minutes (time-out of the vendor's SDKs)",
        "auth": "developer.intacct.com, XML Requests and API Sessions: sender, login, getAPISession, endpoint, sessiontimeout",
        "fields": "general knowledge: NAME 100, invoiceno 45, memo 1000, BATCH_TITLE 80; the reference is what BATCH_TITLE leaves behind our key",
        "tax": "developer.intacct.com, Invoices: taxentry with trx_tax, which overrides what is computed (AU, GB, ZA only); elsewhere tax is a line",
        "objects": "Intacct/intacct_dtd, v3.0/api.xsd of 2025 R1; developer.intacct.com, AR and GL pages",
        "currency": "developer.intacct.com, Invoices: exchrate; amounts of more than two decimals are rounded there, and refused by choice here",
        "changes": "developer.intacct.com, Queries: WHENMODIFIED of every object, in GMT",
        "errors": "developer.intacct.com, Error handling, XML Responses and FAQ; words of business rules are general knowledge",
    ]

    // MARK: Identity

    /// The company's name and base currency, of one entity where the settings name one: one read, two with an entity.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        configured(connection) { settings in
            setup(settings, functions: [Function("company", .list("company_info"))]) { answers, base in
                let company = answers.result("company")?.data?["company_info"]?["name"]?.words
                return self.entity(settings) { entity in
                    .finish(AccountIdentity(
                        account: connection.account, name: entity?["NAME"] ?? company ?? answers.company ?? connection.account,
                        currency: entity?["CURRENCY"] ?? base))
                }
            }
        }
    }

    /// What the company's books are kept in, and other functions of the same request. An answer to those is theirs to look at.
    func setup<Output: Sendable>(
        _ settings: Settings, functions: [Function], then next: @escaping @Sendable (Answers, String?) -> Exchange<Output>
    ) -> Exchange<Output> {
        .send(Gateway.call(.read, [Function("setup", .empty("getFinancialSetup"))] + functions)) { response in
            guard let answers = Answers(response), let setup = answers.result("setup") else { return .fail(Self.unreadable("the company's financial setup")) }
            if let base = settings.baseCurrency { return next(answers, base) }
            if let problem = setup.problem { return .fail(problem.fault) }
            return next(answers, setup.data?["financialSetup"]?["baseCurrency"]?.words)
        }
    }

    /// The entity that the settings name; `nil` where they name none.
    func entity<Output: Sendable>(_ settings: Settings, then next: @escaping @Sendable (Row?) -> Exchange<Output>) -> Exchange<Output> {
        guard let id = settings.entity else { return next(nil) }
        let query = Query("LOCATIONENTITY", ["LOCATIONID", "NAME", "CURRENCY"], .any("LOCATIONID", [id]))
        return rows([query]) { found in
            if let row = found["LOCATIONENTITY"]?.first(where: { $0["LOCATIONID"] == id }) { return next(row) }
            return .fail(Fault(
                "entity_unknown", stage: .post, disposition: .reject, summary: "Sage Intacct shows no entity \(id) to this user",
                remedy: "Set the connection's entity to the location id of one that the user may work in.", position: "entity"))
        }
    }
}

/// Names of the budgets that calls charge; every call costs one.
enum Budget {
    static let minute = "minute"
    static let one = [minute: 1]
}

/// Bounds of this connector.
enum IntacctLimits {
    static let callsPerMinute = 120
    static let requestsInFlight = 2
    /// Documents of one request.
    static let batchDocuments = 20
    /// Bytes of one request's functions.
    static let requestBytes = 20_000_000
    /// Lines of one document: with thousands the gateway times out.
    static let lines = 2_000
    static let pageRows = 1_000
    /// Requests for one set of lists before they are given up as endless.
    static let pages = 200
    /// Values of one `in`; the schema takes 1000.
    static let listed = 200
    /// Digits of a record number.
    static let recordDigits = 18
    static let number = 45
    static let poNumber = 25
    static let memo = 1_000
    static let batchTitle = 80
    static let partyName = 100
    static let partyID = 20
    static let setting = 100
    static let attempt = 40
    static let requestLife = Duration.seconds(300)
    static let changesOverlap = Duration.seconds(300)
    /// Digits after the point of a rate.
    static let rateScale = 10
    /// Digits after the point of an amount.
    static let amountScale = 2
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    static let errorText = 300
}
