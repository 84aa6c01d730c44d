public import ConnectorKit
internal import Kernel
internal import Wire

/// QuickBooks Online as a ledger: Intuit's Accounting API, version 3, JSON.
public struct QuickBooksOnlineConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "quickbooks-online", name: "QuickBooks Online", roles: [.ledger],
            productionBase: "https://quickbooks.api.intuit.com",
            sandboxBase: "https://sandbox-quickbooks.api.intuit.com",
            auth: .oauth2(Self.authentication),
            headers: ["Accept": "application/json"],
            limits: Self.limits, concurrency: QuickBooksLimits.requestsInFlight,
            batchSizes: Self.batchSizes, pageSize: QuickBooksLimits.pageRows,
            fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(
                // `requestid` is sent with every write, but how long it is remembered is not published: nothing may
                // rest on it.
                nativeKey: .parameter("requestid"), nativeKeyLifetime: nil, searchable: true, findSettles: QuickBooksLimits.requestLife),
            tax: .documentTotal, dimensions: ["class", "department"], revisesPaidInvoices: true,
            apiVersion: "v3, minorversion \(QuickBooksLimits.minorVersion)", sunset: nil, sources: Self.sources, objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over the body, with the app's verifier token", topics: Entity.allCases.map(\.rawValue) + ["Account"]),
                .sweep(by: "changedSince", overlap: QuickBooksLimits.changesOverlap),
            ],
            currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    private static let written: [PlatformObject.Operation] = [.receive, .list, .find, .read, .create, .update, .void]

    private static let objects: [PlatformObject] = [
        PlatformObject("Invoice", carries: ["invoice"], Self.written),
        PlatformObject("CreditMemo", carries: ["credit_note"], Self.written),
        PlatformObject("SalesReceipt", carries: ["sales_receipt"], Self.written),
        PlatformObject("Payment", carries: ["payment"], Self.written),
        PlatformObject(
            "JournalEntry", carries: ["payment", "refund_payment", "journal", "reversal", "settlement", "payout", "deposit", "summary"], Self.written),
        PlatformObject("Bill", carries: ["bill"], Self.written),
        PlatformObject("PurchaseOrder", carries: ["purchase_order"], Self.written),
        PlatformObject("Attachable", carries: [], [.find, .create]),
        PlatformObject("Customer", carries: ["party"], [.find, .create]),
        PlatformObject("Vendor", carries: ["party"], [.find, .create]),
        PlatformObject("Item", carries: ["item"], [.find, .create]),
        PlatformObject("Class", carries: [], [.find]),
        PlatformObject("Department", carries: [], [.find]),
        PlatformObject("Account", carries: ["account"], [.receive, .list]),
        PlatformObject("TaxCode", carries: ["tax_code"], [.list]),
        PlatformObject("CompanyInfo", carries: [], [.read]),
    ]

    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://appcenter.intuit.com/connect/oauth2",
        tokenURL: "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer", tokenPath: "/oauth2/v1/tokens/bearer",
        clientProof: .basic, scopes: ["com.intuit.quickbooks.accounting"],
        // The value changes about once a day; the one before it lives on for a while that nobody states exactly.
        refreshGrace: .seconds(86_400),
        // The company's id comes in the callback and nowhere else.
        consent: .init(
            path: "/connect/oauth2", account: .callback("realmId"), mayEndFormer: true,
            access: ["read and write invoices, credits, payments, bills and journal entries", "read accounts, taxes, customers and the company's name"]))

    private static let limits: [RateLimit] = [
        RateLimit(name: Budget.minute, scope: .connection, amount: 500, window: .seconds(60)),
        RateLimit(name: Budget.second, scope: .connection, amount: 10, window: .seconds(1)),
        RateLimit(name: Budget.batch, scope: .connection, amount: 40, window: .seconds(60)),
        RateLimit(name: Budget.reads, scope: .app, amount: 500_000, window: .seconds(30 * 86_400)),
    ]

    private static let batchSizes: [String: Int] = [
        "invoice": QuickBooksLimits.batchItems, "credit_note": QuickBooksLimits.batchItems,
        "payment": QuickBooksLimits.batchItems, "refund_payment": QuickBooksLimits.batchItems,
        "sales_receipt": QuickBooksLimits.batchItems, "journal": QuickBooksLimits.batchItems,
        "reversal": QuickBooksLimits.batchItems, "settlement": QuickBooksLimits.batchItems,
        "payout": QuickBooksLimits.batchItems, "deposit": QuickBooksLimits.batchItems,
        "summary": QuickBooksLimits.batchItems, "bill": QuickBooksLimits.batchItems,
        "purchase_order": QuickBooksLimits.batchItems,
    ]

    private static let fieldLengths: [String: Int] = [
        "item_name": QuickBooksLimits.itemName, "party_name": QuickBooksLimits.partyName,
        "line_note": QuickBooksLimits.lineNote, "document_note": QuickBooksLimits.documentNote,
        "document_number": QuickBooksLimits.documentNumber, "payment_reference": QuickBooksLimits.documentNumber,
        // The reference stands in the document's note, behind `cf:<key> `.
        "reference": QuickBooksLimits.documentNote - 20,
    ]

    private static let sources: [String: String] = [
        "limits.minute": "Intuit docs, API call limits and throttles: 500 requests a minute and company",
        "limits.second": "Intuit docs, API call limits and throttles: 10 requests a second, company and app",
        "limits.batch": "Intuit docs, Batch operation: 40 batch calls a minute, company and app",
        "limits.reads": "Intuit blog, Understanding Builder tier API limits (January 2026): 500,000 CorePlus calls a "
            + "month; that queries count and writes do not is general knowledge",
        "concurrency": "Intuit docs, an older rule: 10 requests in flight, company and app",
        "batch_items": "intuit/QuickBooks-V3-PHP-SDK, src/DataService/Batch.php refuses more than 25; the docs say 30",
        "page": "Intuit docs, Query operations: MAXRESULTS at most 1000",
        "idempotency": "Intuit blog, Request ID update: requestid of 50 characters, of 36 in a batch with bId of 10; "
            + "its retention is unpublished",
        "idempotency.search":
            "Intuit docs, Query operations; DocNumber is filterable by the Finance XSD, not for Payment",
        "idempotency.settles": "Intuit docs: a request is cut at 120 s; until then a lost one may still land",
        "auth": "intuit-oauth package; Intuit blog, Important changes to refresh token policy (November 2025)",
        "auth.former": "unconfirmed: Intuit does not say whether the tokens of a company's earlier consent work beside those of a new one",
        "auth.grace": "general knowledge: overlap of old refresh values",
        "fields": "intuit/QuickBooks-V3-PHP-SDK, src/XSD/Finance.xsd: DocNumber 21, Description and PrivateNote 4000, "
            + "Item.Name 100, DisplayName 500; PaymentRefNum 21 is general knowledge",
        "tax": "Intuit blog, Using QuickBooks Online API for automated sales tax: TotalTax overrides; in other countries TxnTaxDetail.TaxLine, of which the Finance XSD has OverrideDeltaAmount",
        "objects": "Intuit docs, API reference: the entities of the Accounting API, minor version as stated",
        "currency": "Intuit docs, Invoice: CurrencyRef, ExchangeRate in units of the home currency",
        "changes": "Intuit docs, Change data capture operation: 30 days, 1000 objects; Webhooks: intuit-signature; Intuit blog, Upcoming change to "
            + "webhooks payload structure: CloudEvents",
        "attachments": "Intuit docs, Attachable: upload with file_metadata_01 and file_content_01",
        "dimensions": "Intuit docs, Preferences: ClassTrackingPerTxn, ClassTrackingPerTxnLine, TrackDepartments",
        "errors": "Intuit docs, Handling common errors; 6200, 3100, 620 and 2010 to 2050 are general knowledge",
        "errors.throttled": "intuit/QuickBooks-V3-PHP-SDK issue 54: the body of a 429 is XML",
    ]

    // MARK: Identity

    /// The company's name, country and home currency: two reads.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        let company = read("companyinfo/\(Form.percent(connection.account))", [], connection)
        return .send(company) { answer in
            do throws(Fault) {
                let info = try JSONDocument(parsing: answer.body).root["CompanyInfo"]
                guard let name = info["CompanyName"].string, !name.isEmpty else {
                    throw Self.unreadable("companyinfo has no CompanyName")
                }
                let known = AccountIdentity(
                    account: connection.account, name: name, country: info["Country"].string,
                    timeZone: info["DefaultTimeZone"].string)
                return .one(self.read("preferences", [], connection)) { answer throws(Fault) in
                    var identity = known
                    identity.currency = try Preferences(answer).homeCurrency
                    return identity
                }
            } catch {
                return .fail(error)
            }
        }
    }
}

/// Names of the budgets that calls charge.
enum Budget {
    static let minute = "minute"
    static let second = "second"
    static let batch = "batch"
    static let reads = "reads"
}

/// Bounds of this connector.
enum QuickBooksLimits {
    static let minorVersion = 75
    static let requestsInFlight = 10
    /// Items of one batch call.
    static let batchItems = 25
    static let pageRows = 1000
    /// Pages of one list before it is given up as endless.
    static let pages = 200
    /// Numbers or ids asked for in one query; with the escapes of a URL this stays below `queryBytes`.
    static let wantsPerQuery = 100
    /// Percent-encoded bytes of the values listed in one query.
    static let queryBytes = 3_500
    /// Payments are asked for by day and amount; with more amounts of one day than this, by day.
    static let amountsPerDay = 4
    /// Objects that one answer on changes has at most.
    static let changedObjects = 1_000
    /// How far back changes can be asked for, and how far behind they may show.
    static let changesReach = Duration.seconds(30 * 86_400)
    static let changesOverlap = Duration.seconds(300)
    static let requestID = 50
    static let batchRequestID = 36
    /// The vendor cuts requests after this time; a lost one may land until then.
    static let requestLife = Duration.seconds(120)
    static let throttlePause = Duration.seconds(60)
    /// Longest pause that an answer may ask for.
    static let longestPauseSeconds = 3_600
    static let itemName = 100
    static let partyName = 500
    static let lineNote = 4_000
    static let documentNote = 4_000
    static let documentNumber = 21
    /// Characters of an error's text that are kept.
    static let errorText = 300
    /// Digits after the point of a unit price.
    static let priceScale = 5
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
}
