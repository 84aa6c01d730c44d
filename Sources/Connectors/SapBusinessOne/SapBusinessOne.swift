internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

/// SAP Business One as a ledger: its Service Layer, version 10.0, over OData 4 (`/b1s/v2`) or OData 3 (`/b1s/v1`).
public struct SapBusinessOneConnector: LedgerConnector {
    public init() {}

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "sap-business-one", name: "SAP Business One", roles: [.ledger],
            // Every company runs on a server of its own or of its partner's: a connection names its base. A host below `invalid` never answers.
            productionBase: "https://sap-business-one.invalid", sandboxBase: nil, auth: .session(Self.authentication),
            headers: ["Accept": "application/json"],
            limits: [RateLimit(name: Budget.minute, scope: .connection, amount: B1Limits.callsPerMinute, window: .seconds(60))],
            concurrency: 1, batchSizes: Self.batchSizes, pageSize: B1Limits.pageRows, fieldLengths: Self.fieldLengths,
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: B1Limits.requestLife),
            tax: .perLine, dimensions: Self.dimensionNames.map(\.ours), revisesPaidInvoices: false, apiVersion: "v1, v2", sunset: nil,
            endings: [Ending(setting: "api", values: ["v1"], until: nil)], sources: Self.sources, objects: Self.objects,
            changeFeed: [.sweep(by: "UpdateDate", overlap: B1Limits.changesOverlap)],
            currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    private static let objects: [PlatformObject] = [
        PlatformObject("Invoices", carries: ["invoice"], [.find, .read, .create, .update, .void, .list]),
        PlatformObject("CreditNotes", carries: ["credit_note"], [.find, .read, .create, .update, .void, .list]),
        PlatformObject("PurchaseInvoices", carries: ["bill"], [.find, .read, .create, .update, .void, .list]),
        PlatformObject("PurchaseOrders", carries: ["purchase_order"], [.find, .read, .create, .update, .void, .list]),
        PlatformObject("Orders", carries: ["sales_order"], [.find, .read, .create, .update, .void]),
        PlatformObject("IncomingPayments", carries: ["payment"], [.find, .read, .create, .update, .void]),
        PlatformObject("VendorPayments", carries: ["refund_payment"], [.find, .read, .create, .update, .void]),
        PlatformObject(
            "JournalEntries", carries: ["payment", "refund_payment"] + EntitySet.entryForms.map(\.rawValue).sorted(), [.find, .read, .create, .update, .void]),
        PlatformObject("Drafts", carries: [], [.find]),
        PlatformObject("PaymentDrafts", carries: [], [.find]),
        PlatformObject("BusinessPartners", carries: ["party"], [.find, .create]),
        PlatformObject("Items", carries: ["item"], [.find, .create]),
        PlatformObject("ChartOfAccounts", carries: ["account"], [.list]),
        PlatformObject("VatGroups", carries: ["tax_code"], [.list]),
        PlatformObject("SalesTaxCodes", carries: ["tax_code"], [.list]),
        PlatformObject("Currencies", carries: [], [.list]),
        PlatformObject("CompanyService", carries: [], [.read]),
    ]

    /// Both cookies go with every call: ROUTEID keeps the load balancer on the node that knows the session.
    private static let authentication = Authentication.Session(
        parts: [
            CredentialPart("user", "the user's code in SAP Business One, with a licence for the Service Layer", isSecret: false),
            CredentialPart("password", "the user's password"),
        ],
        gives: [
            SessionValue("B1SESSION", .first([.cookie("B1SESSION"), .json(["SessionId"])])),
            SessionValue("ROUTEID", .cookie("ROUTEID"), isRequired: false),
        ],
        headers: [FilledHeader("Cookie", .cookies(["B1SESSION", "ROUTEID"]))]
    ) { facts in
        // 3 is English: what a refusal is about is known by its words.
        let body: FilledBody = "{\"CompanyDB\":\(json: .account),\"UserName\":\(json: .part("user")),\"Password\":\(json: .part("password")),\"Language\":3}"
        let version = (try? Dialect(facts))?.version ?? .v2
        return Call(.read, HTTPRequest(.post, "\(version.root)/Login", fields: jsonFields), body: body, cost: Budget.one)
    }

    private static let batchSizes: [String: Int] = {
        var out: [String: Int] = [:]
        for form in EntitySet.entryForms.union([.invoice, .creditNote, .bill, .purchaseOrder, .salesOrder, .payment, .refundPayment]) { out[form.rawValue] = 1 }
        return out
    }()

    private static let fieldLengths: [String: Int] = [
        "party_name": B1Limits.name, "item_name": B1Limits.name, "line_note": B1Limits.lineText, "document_note": B1Limits.comments,
        "reference": B1Limits.numAtCard - 20,
    ]

    /// Our dimensions and theirs: distribution rules of the five dimensions, and the project.
    static let dimensionNames: [(ours: String, theirs: String)] = [
        ("costing_code", "CostingCode"), ("costing_code2", "CostingCode2"), ("costing_code3", "CostingCode3"), ("costing_code4", "CostingCode4"),
        ("costing_code5", "CostingCode5"), ("project", "ProjectCode"),
    ]

    private static let sources: [String: String] = [
        "limits.minute": "no quota is published: a node is bounded by its workers, its database and licences; the figure is our choice",
        "concurrency": "writes to the same customer or item deadlock (general knowledge): one call at a time for a company",
        "batch": "our choice: each document is a transaction of its own; a $batch would save a round trip and take its errors together",
        "page": "SAP Learning, Leveraging the SAP Business One Service Layer: 20 rows unless Prefer: odata.maxpagesize asks for others; 100 is our choice",
        "idempotency": "there is no key for a request (Service Layer API Reference names none)",
        "idempotency.search": "Service Layer: $filter on NumAtCard, TransferReference, Reference; properties by $metadata",
        "idempotency.settles": "our choice: long documents take seconds, a balancer gives up after minutes (general knowledge)",
        "auth": "SAP Learning, Leveraging the SAP Business One Service Layer; bgmulinari/B1SLayer: Login, B1SESSION, ROUTEID, 30 minutes",
        "fields": "SAP Business One SDK Help, OINV, OCRD, OITM: NumAtCard 100, CardCode 15, CardName 100, Comments 254; by version (general knowledge)",
        "tax": "general knowledge: TaxTotal of a line is taken where the company allows that tax is changed by hand",
        "objects": "Service Layer $metadata, version 10.0 (SoftwareDesign-Solution/b1slayer-model-generator-node, servicelayer_metadata_v4.xml)",
        "currency": "Service Layer $metadata: DocCurrency, DocRate, RowTotalFC; that a rate may be stated is general knowledge",
        "changes": "Service Layer $metadata: UpdateDate is a day, UpdateTime a time of it, in the server's zone (general knowledge)",
        "sunset": "general knowledge: OData 3 (v1) is deprecated and still served; no end is announced",
        "errors": "bgmulinari/B1SLayer and public clients: codes 301, -2028, -5002; the others are general knowledge",
    ]

    // MARK: Identity

    /// The company's name, country and currency: two reads. Where its currency is set by hand, the list of currencies alone.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        speaking(connection) { dialect in
            company(dialect) { company in
                let name = company.name ?? connection.account
                return .finish(AccountIdentity(account: connection.account, name: name, country: company.country, currency: company.base))
            }
        }
    }
}

/// Names of the budgets that calls charge; every call costs one.
enum Budget {
    static let minute = "minute"
    static let one = [minute: 1]
}

/// Bounds of this connector.
enum B1Limits {
    static let callsPerMinute = 240
    static let pageRows = 100
    /// Pages of one list before it is given up as endless.
    static let pages = 500
    /// Keys, ids or names in one filter.
    static let listed = 10
    /// In UTF-16 units, as all lengths there.
    static let numAtCard = 100
    static let name = 100
    static let lineText = 100
    static let comments = 254
    static let memo = 50
    static let cardCode = 15
    static let itemCode = 50
    /// Of a distribution rule.
    static let costingCode = 8
    static let projectCode = 20
    /// An entry of a table.
    static let ids = 1 ... 2_147_483_647
    static let requestLife = Duration.seconds(300)
    /// UpdateDate is a day in a zone that is not told.
    static let changesOverlap = Duration.seconds(86_400)
    /// Digits after the point of a rate.
    static let rateScale = 6
    static let quantityScale = 2
    /// Largest amount in an answer, in minor units; sums of a whole answer stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
}
