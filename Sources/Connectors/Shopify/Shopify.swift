public import Books
public import ConnectorKit
internal import Kernel

/// Shopify as a source of orders, payments, refunds and edits. Swept by the GraphQL Admin API, told by REST-shaped
/// webhooks.
public struct ShopifyConnector: SourceConnector {
    public init() {}

    public var tells: Set<SourceFact> { [.payments, .fulfilments] }

    /// Facts on the platform, each with where it comes from.
    /// - Source: shopify.dev, pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "shopify", name: "Shopify", roles: [.source],
            productionBase: "https://{account}.myshopify.com", sandboxBase: nil,
            auth: .oauth2(Self.authentication),
            headers: ["Content-Type": "application/json", "Accept": "application/json"],
            limits: [RateLimit(name: Self.bucket, scope: .connection, amount: 2000, window: .seconds(20))],
            concurrency: 4, batchSizes: [:], pageSize: ShopifyLimits.ordersPerPage, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: ShopifyLimits.lineSettles),
            tax: .perLine, dimensions: [], revisesPaidInvoices: true, apiVersion: Self.version,
            sunset: LocalDate(year: 2027, month: 10, day: 1), sources: Self.sources, objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over the body", topics: Self.topics), .sweep(by: "updated_at", overlap: ShopifyLimits.overlap),
            ],
            currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    private static let topics = [
        "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/edited", "orders/partially_fulfilled", "orders/fulfilled",
        "order_transactions/create", "refunds/create",
    ]

    private static let objects: [PlatformObject] = [
        PlatformObject("Order", carries: ["sale"], [.receive, .list, .read]),
        PlatformObject("OrderTransaction", carries: ["payment"], [.receive, .list, .read]),
        PlatformObject("Refund", carries: ["refund"], [.receive, .list, .read]),
        PlatformObject("Fulfillment", carries: [], [.receive, .list, .read]),
        PlatformObject("Metafield", carries: [], [.read, .create, .update]),
        PlatformObject("Shop", carries: [], [.read]),
    ]

    /// Settings of a connection, with their meaning.
    public var settings: [String: String] {
        [
            ShopifySettings.currencyKey:
                "shop (default): amounts in the shop's currency; presentment: in the currency the customer saw",
            ShopifySettings.noteKey:
                "structured (default): reason codes and fees are read from a refund's note; ignore: notes say nothing",
            ShopifySettings.placeKey:
                "whose taxes an order without any address carries: a country, or country-province such as US-CO; "
                + "none by default",
        ]
    }

    /// The budget that calls charge, in GraphQL cost points.
    static let bucket = "points"
    static let version = "2026-10"
    static let path = "/admin/api/2026-10/graphql.json"

    private static let authentication = Authentication.OAuth2(
        authorizeURL: "https://{account}.myshopify.com/admin/oauth/authorize",
        tokenURL: "https://{account}.myshopify.com/admin/oauth/access_token", tokenPath: "/admin/oauth/access_token",
        clientProof: .body, scopes: ["read_orders"],
        // The previous refresh token works until its replacement is first used; a refresh token lives 90 days.
        refreshGrace: .seconds(7_776_000), tokenHeader: ("X-Shopify-Access-Token", ""),
        consent: .init(
            path: "/admin/oauth/authorize", scopeSeparator: ",", exchange: [("expiring", "1")], account: .callback("shop", ending: ".myshopify.com"),
            signature: .sortedPairs("hmac"), access: ["read orders with their payments and refunds"],
            told: (scopes: ["write_orders"], access: "write a line beside orders: what the ledger has of them")))

    private static let sources: [String: String] = [
        "limits.points":
            "shopify.dev, GraphQL Admin API rate limits: 100 points/s restored on Standard; a bucket of 20 times that "
            + "is general knowledge, corrected by throttleStatus of every answer",
        "concurrency": "our choice: the points of the bucket decide, not the number of requests",
        "page": "our choice: 27 orders with their lists stay below the 1000 points of a query",
        "query_cost": "shopify.dev, GraphQL Admin API rate limits: a single query may ask for 1000 points at most",
        "idempotency":
            "GraphQL Admin API schema 2025-01, metafieldsSet: a line of an order's metafield is all that is written; it has a mark, is read before, "
            + "and compareDigest lets it be written only over what was read",
        "idempotency.search": "GraphQL Admin API schema 2025-01: Order.metafield",
        "idempotency.settles": "our choice: whatever comes later than that changes nothing, by its compareDigest",
        "auth": "shopify.dev, Offline access tokens; changelog entries of 2025-12 and 2026-08",
        "auth.refresh_token_expires_in": "public clients and their tests: 7776000 s",
        "webhooks": "shopify.dev, Webhooks delivery structure; Verify webhook deliveries",
        "objects": "shopify.dev, GraphQL Admin API 2026-10: Order, OrderTransaction, Refund, Fulfillment, Metafield, Shop",
        "currency": "shopify.dev, MoneyBag: shop and presentment amounts of everything, whose quotient is the rate",
        "fields": "GraphQL Admin API schema 2025-01 as published in Shopify/dev-mcp",
        "errors": "shopify.dev, GraphQL Admin API rate limits; the codes other than THROTTLED are general knowledge",
        "sunset": "shopify.dev, API versioning: a version is supported for 12 months",
    ]
}

/// Bounds of this connector.
enum ShopifyLimits {
    /// Orders of one page of a sweep; with the nested lists the query stays below 1000 points.
    static let ordersPerPage = 27
    /// How far a sweep reaches back behind its start: changes become visible late.
    static let overlap = Duration.seconds(300)
    /// Points that one query may ask for.
    static let queryPoints = 1000
    /// Follow-up calls for one order; an order that needs more is held.
    static let followUps = 400
    /// Lines, refunds, transactions and so on in one list of a record.
    static let parts = 5_000
    /// Largest amount in minor units; as many of these as fit into a body stay inside 64 bits.
    static let amountMinor: Int64 = 1_000_000_000_000
    static let quantity = 1_000_000_000
    /// Characters of a value kept for people or used as an id.
    static let textCharacters = 1_000
    static let idCharacters = 100
    static let noteCharacters = 1_000
    /// Seconds that an answer may tell us to wait at most.
    static let waitSeconds: Int64 = 3_600
    /// After this a line that is not there was not written, or never will be.
    static let lineSettles = Duration.seconds(30)
    /// Bytes of a webhook's topic or delivery id.
    static let headerBytes = 200
}

/// What the connection's settings say.
struct ShopifySettings: Sendable {
    static let currencyKey = "post_currency"
    static let noteKey = "refund_note"
    static let placeKey = "tax_place"

    var presentment = false
    var readsNotes = true
    /// Where an order without any address was sold.
    var place: Place?

    /// - Throws: `invalid_setting` (hold) naming the setting and its allowed values.
    init(_ settings: [String: String]) throws(Fault) {
        switch settings[Self.currencyKey] {
        case nil, "shop": presentment = false
        case "presentment": presentment = true
        default: throw Self.invalid(Self.currencyKey, "shop, presentment")
        }
        switch settings[Self.noteKey] {
        case nil, "structured": readsNotes = true
        case "ignore": readsNotes = false
        default: throw Self.invalid(Self.noteKey, "structured, ignore")
        }
        if let text = settings[Self.placeKey], !text.isEmpty {
            guard let place = Place(setting: text) else { throw Self.invalid(Self.placeKey, "such as GB or US-CO") }
            self.place = place
        }
    }

    private static func invalid(_ key: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_setting", stage: .normalize, disposition: .hold,
            summary: "the Shopify connection's setting \(key) has a value it can't have",
            remedy: "Set \(key) to one of: \(allowed).", position: "settings.\(key)")
    }
}
