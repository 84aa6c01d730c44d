public import Books
public import ConnectorKit
internal import Kernel

/// Stripe as a source of money: charges, refunds, disputes, fees and payouts, and of sales where no shop has them. Told by signed events, swept by
/// the list of events and by the balance; every document is made from what is read with our own version of the API. Told in turn what the ledger has.
public struct StripeConnector: SourceConnector {
    public init() {}

    /// An invoice is told once it is finalised.
    public var tells: Set<SourceFact> { [.drafts, .payments] }

    /// Facts on the platform, each with where it comes from.
    /// - Source: docs.stripe.com, pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "stripe", name: "Stripe", roles: [.source], productionBase: "https://api.stripe.com", sandboxBase: nil, auth: .oauth2(Self.authentication),
            headers: ["Accept": "application/json", "Stripe-Version": Self.version],
            limits: [RateLimit(name: Self.bucket, scope: .connection, amount: 25, window: .seconds(1))],
            concurrency: 4, batchSizes: [:], pageSize: StripeLimits.pageRows, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: StripeLimits.memberSettles),
            tax: .perLine, dimensions: [], revisesPaidInvoices: true, apiVersion: Self.version, sunset: nil, sources: Self.sources, objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over time and body, valid for 300 s", topics: Self.topics),
                .sweep(by: "created of events, balance transactions and payouts", overlap: StripeLimits.overlap),
            ],
            currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    static let version = "2026-10-28.endive"
    /// The budget that calls charge.
    static let bucket = "second"

    /// Twenty, because that many types is what one list of events can be asked for.
    static let topics = [
        "charge.succeeded", "charge.captured", "charge.updated", "charge.failed", "refund.created", "refund.updated", "refund.failed",
        "charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "invoice.finalized",
        "invoice.paid", "invoice.voided", "credit_note.created", "credit_note.voided", "invoice_payment.paid", "payout.paid", "payout.failed",
        "payout.reconciliation_completed",
    ]

    private static let objects: [PlatformObject] = [
        PlatformObject("Charge", carries: ["sale", "payment"], [.receive, .read, .update]),
        PlatformObject("Invoice", carries: ["invoice"], [.receive, .read, .update]),
        PlatformObject("InvoicePayment", carries: ["payment"], [.receive, .list]),
        PlatformObject("CheckoutSession", carries: ["sale"], [.list]),
        PlatformObject("Refund", carries: ["refund"], [.receive, .list, .read]),
        PlatformObject("CreditNote", carries: ["refund"], [.receive, .list]),
        PlatformObject("ApplicationFee", carries: ["sale", "payment", "refund"], [.receive, .read]),
        PlatformObject("Dispute", carries: ["dispute"], [.receive, .read]),
        PlatformObject("Payout", carries: ["payout"], [.receive, .list, .read]),
        PlatformObject("BalanceTransaction", carries: ["payout"], [.list]),
        PlatformObject("TaxRate", carries: [], [.read]),
        PlatformObject("Account", carries: [], [.read]),
    ]

    /// A key of the account works as an access token without end; a consent gives one as well.
    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://connect.stripe.com/oauth/authorize", tokenURL: "https://connect.stripe.com/oauth/token", tokenPath: "/oauth/token",
        clientProof: .secret, scopes: ["read_write"], refreshGrace: .zero,
        consent: .init(
            path: "/oauth/authorize", account: .identified,
            access: [
                "read payments, refunds, disputes, payouts and fees",
                "write (Stripe grants reading alone to few apps; all that is written is what the books have of a charge or invoice, into its metadata, where that is asked for)",
            ]))

    private static let sources: [String: String] = [
        "limits.second":
            "docs.stripe.com, Rate limits: 25 requests a second for each endpoint, and for everything in test mode; 100 in live mode altogether. We keep to 25",
        "concurrency": "our choice: Stripe limits requests in flight without saying to how many",
        "page": "docs.stripe.com, API reference, Pagination: limit is 1 to 100",
        "idempotency": "metadata of charges and invoices is all that is written: one member for each document, with a mark that is looked for before",
        "idempotency.search": "docs.stripe.com, API reference, Retrieve a charge, Retrieve an invoice: metadata is shown whole",
        "idempotency.settles": "our choice: nobody says how long Stripe works on after its answer is lost",
        "auth": "docs.stripe.com, API keys; Connect, OAuth reference: a key travels as Authorization: Bearer",
        "auth.no_expiry": "docs.stripe.com, Connect, OAuth reference: the access token of a standard account does not expire; unconfirmed for 2026",
        "auth.refreshGrace": "our choice: with tokens that do not expire nothing is renewed",
        "webhooks": "docs.stripe.com, Webhooks, Verify manually; the algorithm and 300 s as in stripe-python, _webhook.py",
        "objects": "docs.stripe.com, API reference; openapi/fixtures3.json of stripe/openapi, commit f6c2a48f",
        "events": "docs.stripe.com, API reference, List all events: 30 days back, at most 20 types",
        "payouts": "docs.stripe.com, Payout reconciliation: rows only of automatic payouts, when reconciliation is completed",
        "currency": "docs.stripe.com, Supported currencies: zero-decimal, three-decimal and special cases",
        "errors": "docs.stripe.com, Error codes; Advanced error handling",
    ]
}

/// Bounds of this connector.
enum StripeLimits {
    static let pageRows = 100
    /// Pipeline's own overlap is five minutes; events are listed as they happen.
    static let overlap = Duration.zero
    /// How far before a sweep's start payouts are looked at: one takes days to arrive, and may fail days later.
    static let payoutsBack = Duration.seconds(14 * 86_400)
    /// Rows of one payout: 500 pages.
    static let payoutPages = 500
    static let listPages = 20
    /// A request that nobody heard the end of may still be at work for as long.
    static let memberSettles = Duration.seconds(90)
    /// Tax rates, charges and credit notes of one invoice that are read one by one.
    static let followUps = 50
    /// Lines, refunds and so on in one list of a record; rows of a payout.
    static let parts = 5_000
    static let rows = 50_000
    /// Largest amount in the currency's minor units; as many of these as there are rows stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    static let quantity = 1_000_000_000
    static let textCharacters = 1_000
    static let idBytes = 255
    /// Seconds since 1970 that are believed: up to the year 2255.
    static let instant = 9_000_000_000
    /// How long a signature is good for, to either side.
    static let tolerance = Duration.seconds(300)
    static let signatureBytes = 4_096
    static let signatures = 20
}
