public import Books
public import ConnectorKit
internal import Kernel

/// Square as a source: sales of tills and of its online shop with their payments and tips, returns, disputes, payouts with their fees, and cash
/// drawers. Told by signed events, swept by what changed since; every document is made from what is read with our own version of the API.
public struct SquareConnector: SourceConnector {
    public init() {}

    /// A cash drawer's shift that was counted is a till that was closed; what an order's fulfilments have handed over, or a till, has left.
    public var tells: Set<SourceFact> { [.payments, .closures, .fulfilments] }

    /// Facts on the platform, each with where it comes from.
    /// - Source: developer.squareup.com, pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "square", name: "Square", roles: [.source], productionBase: "https://connect.squareup.com",
            sandboxBase: "https://connect.squareupsandbox.com", auth: .oauth2(Self.authentication),
            headers: ["Accept": "application/json", "Square-Version": Self.version],
            limits: [RateLimit(name: Self.bucket, scope: .connection, amount: 10, window: .seconds(1))],
            concurrency: 4, batchSizes: [:], pageSize: SquareLimits.pageRows, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero),
            tax: .perLine, dimensions: [], revisesPaidInvoices: true, apiVersion: Self.version, sunset: nil, sources: Self.sources,
            objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over the notification URL and the body", topics: Self.topics),
                .sweep(by: "updated_at of refunds, orders, payments and disputes; begin_time of payouts and drawers", overlap: SquareLimits.overlap),
            ],
            currency: CurrencyAbility(foreign: false, rate: .none))
    }

    static let version = "2026-09-16"
    /// The budget that calls charge.
    static let bucket = "second"

    static let topics = [
        "order.created", "order.updated", "payment.created", "payment.updated", "refund.created", "refund.updated", "dispute.created",
        "dispute.state.updated", "payout.sent", "payout.paid", "payout.failed",
    ]

    private static let objects: [PlatformObject] = [
        PlatformObject("Order", carries: ["sale", "payment", "refund"], [.receive, .list, .read]),
        PlatformObject("Payment", carries: ["sale", "payment"], [.receive, .list, .read]),
        PlatformObject("PaymentRefund", carries: ["refund"], [.receive, .list, .read]),
        PlatformObject("Dispute", carries: ["dispute"], [.receive, .list, .read]),
        PlatformObject("Payout", carries: ["payout"], [.receive, .list, .read]),
        PlatformObject("PayoutEntry", carries: ["payout"], [.list]),
        PlatformObject("CashDrawerShift", carries: ["register_closure"], [.list]),
        PlatformObject("GiftCardActivity", carries: [], [.list]),
        PlatformObject("Location", carries: [], [.list]),
    ]

    /// A personal access token works as an access token without end; a consent gives one for 30 days.
    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://connect.squareup.com/oauth2/authorize", tokenURL: "https://connect.squareup.com/oauth2/token", tokenPath: "/oauth2/token",
        clientProof: .body,
        scopes: [
            "MERCHANT_PROFILE_READ", "ORDERS_READ", "PAYMENTS_READ", "PAYOUTS_READ", "DISPUTES_READ", "GIFTCARDS_READ", "CASH_DRAWER_READ",
        ],
        refreshGrace: .seconds(30 * 86_400), writing: .json,
        refusals: ["UNAUTHORIZED", "ACCESS_TOKEN_REVOKED", "ACCESS_TOKEN_EXPIRED", "CLIENT_DISABLED", "APPLICATION_DISABLED"],
        // With a challenge the refresh tokens would be good for one use and 90 days each; our secret proves as much.
        consent: .init(
            path: "/oauth2/authorize", parameters: [("session", "false")], account: .identified,
            access: ["read orders, payments, refunds and disputes", "read payouts, gift cards and cash drawers", "read the business's name and locations"]))

    private static let sources: [String: String] = [
        "limits.second": "our choice: Square publishes no figure (developer.squareup.com, Handling errors: RATE_LIMITED); 10 requests a second and seller",
        "concurrency": "our choice: Square publishes no figure",
        "page": "developer.squareup.com, API reference: lists have at most 100 rows, SearchOrders 1,000, BatchRetrieveOrders 100; we take 100 and 200 orders",
        "idempotency": "read only: nothing is written, so nothing can happen twice",
        "auth": "developer.squareup.com, OAuth API: Obtain token; Access tokens: a personal token travels as Authorization: Bearer, as one of OAuth does",
        "auth.lifetime": "developer.squareup.com, OAuth API: access tokens last 30 days; renew them every 7 days or less",
        "auth.refreshGrace":
            "developer.squareup.com, OAuth API, code flow: a refresh gives the same refresh token again, which does not expire; we count on 30 days",
        "auth.refusals": "api.json of square/connect-api-specification, ErrorCode; that the token endpoint uses these is unconfirmed",
        "webhooks": "developer.squareup.com, Webhooks, Verify and validate; utils/webhooks_helper.py of the square-python-sdk",
        "objects": "api.json of square/connect-api-specification, commit 5733f662 (2025-08-20)",
        "orders": "developer.squareup.com, Orders API, Search orders: sort field = filter field, at most 10 locations, eventually consistent",
        "payouts": "developer.squareup.com, Payouts API: entries of BATCH payouts add up to the payout; SIMPLE ones show in a later one",
        "currency": "developer.squareup.com, Working with monetary amounts: whole minor units; a location has one currency",
        "errors": "developer.squareup.com, Handling errors; ErrorCategory and ErrorCode of api.json",
    ]
}

/// Bounds of this connector.
enum SquareLimits {
    static let pageRows = 100
    static let orderRows = 200
    static let locationsPerSearch = 10
    static let locations = 2_000
    /// On top of the pipeline's own: searching lags behind.
    static let overlap = Duration.seconds(600)
    /// How far before a sweep's start payouts are looked at: they are listed by when they were created, and decided days later.
    static let payoutsBack = Duration.seconds(14 * 86_400)
    /// The same of drawers, which are listed by when they were opened.
    static let drawersBack = Duration.seconds(7 * 86_400)
    /// Rows of one payout: 500 pages.
    static let payoutPages = 500
    static let listPages = 10
    /// Payments and refunds of one order that are read one by one.
    static let followUps = 50
    /// Refunds of one payout whose orders are looked up.
    static let payoutRefunds = 500
    /// Lines, taxes and so on in one list of a record; rows of a payout.
    static let parts = 5_000
    static let rows = 50_000
    /// Largest amount in the currency's minor units; as many of these as there are rows stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    static let quantity = 1_000_000_000
    static let quantityPlaces = 5
    static let textCharacters = 1_000
    static let idBytes = 192
    static let signatureBytes = 200
    static let secretWords = 40
}
