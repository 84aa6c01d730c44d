public import Books
public import ConnectorKit
internal import Kernel

/// WooCommerce as a source of orders, payments, refunds and what gateways noted of their fees: REST API `wc/v3` of a shop on a host of its own.
/// Webhooks only hint, because they come once and may be lost; sweeps find everything.
public struct WooCommerceConnector: SourceConnector {
    public init() {}

    /// An order that is completed has left, all of it.
    public var tells: Set<SourceFact> { [.payments, .fulfilments] }

    /// Facts on the platform, each with where it comes from.
    /// - Source: the pages named in `sources`.
    public var spec: PlatformSpec {
        PlatformSpec(
            id: "woocommerce", name: "WooCommerce", roles: [.source], productionBase: "https://{account}", sandboxBase: nil, auth: Self.authentication,
            headers: ["Accept": "application/json", "Cache-Control": "no-cache"],
            limits: [RateLimit(name: Self.bucket, scope: .connection, amount: 240, window: .seconds(60))],
            concurrency: 2, batchSizes: [:], pageSize: WooLimits.pageRows, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: true, findSettles: WooLimits.noteSettles),
            tax: .perLine, dimensions: [], revisesPaidInvoices: true, apiVersion: "wc/v3", sunset: nil, sources: Self.sources, objects: Self.objects,
            changeFeed: [
                .webhooks(signature: "HMAC-SHA256 over the body", topics: Self.topics), .sweep(by: "date_modified_gmt", overlap: WooLimits.overlap),
            ],
            currency: CurrencyAbility(foreign: true, rate: .stated))
    }

    /// The budget that calls charge.
    static let bucket = "minute"

    static let topics = ["order.created", "order.updated", "order.deleted", "order.restored"]

    private static let authentication = Authentication.basic(
        user: CredentialPart("consumer_key", "the key of an API key pair, ck_… (WooCommerce, Settings, Advanced, REST API)"),
        password: CredentialPart("consumer_secret", "its secret, cs_…, shown once when the pair is made"))

    private static let objects: [PlatformObject] = [
        PlatformObject("order", carries: ["sale", "payment"], [.receive, .list, .read]),
        PlatformObject("refund", carries: ["refund"], [.list]),
        PlatformObject("deposit", carries: ["payout"], [.list]),
        PlatformObject("order_note", carries: [], [.list, .create]),
        PlatformObject("setting", carries: [], [.list]),
    ]

    private static let sources: [String: String] = [
        "limits.minute": "our choice: the API has no limit of its own, the shop's hosting has (general knowledge); four calls a second burden no shop",
        "concurrency": "our choice, for the same reason",
        "page": "woocommerce-rest-api-docs, wp-api-v3, _introduction.md, Pagination: 10 by default, 100 at most; 50 is our choice",
        "idempotency": "notes beside orders are all that is written: each has a mark, and they are listed and searched for it before",
        "idempotency.search": "woocommerce-rest-api-docs, _order-notes.md: GET orders/{id}/notes lists all notes of an order",
        "idempotency.settles": "our choice: PHP goes on with a request whose caller has gone, up to the host's max_execution_time",
        "auth": "woocommerce-rest-api-docs, _authentication.md: HTTP Basic over HTTPS with the consumer key and secret",
        "webhooks": "woocommerce-rest-api-docs, _webhooks.md: headers, signature, disabled after five failures; no retry is general knowledge",
        "webhooks.delivery": "woocommerce, class-wc-webhook.php, get_new_delivery_id: a hash of the webhook's id and the second",
        "objects": "woocommerce-rest-api-docs, wp-api-v3, _orders.md and _order-refunds.md; arguments of a running WooCommerce 10.0.2",
        "changes": "arguments of a running WooCommerce 10.0.2: modified_after, dates_are_gmt, orderby=modified",
        "currency": "one currency an order; that plugins keep its rate in meta data is general knowledge",
        "fees": "meta data of the gateways' plugins (_stripe_fee, _wcpay_transaction_fee, _ppcp_paypal_fees): general knowledge",
        "deposits": "the plugin WooPayments' own API (payments/deposits): general knowledge, unconfirmed",
        "errors": "woocommerce-rest-api-docs, _introduction.md, Errors; what hosting says is general knowledge",
    ]
}

/// Bounds of this connector.
enum WooLimits {
    /// Orders of one page of a sweep, unless the connection says otherwise.
    static let pageRows = 50
    static let pageRowsMost = 100
    /// How far a sweep reaches back behind its start, beside the pipeline's own five minutes: what runs in the background shows late.
    static let overlap = Duration.seconds(300)
    /// How far back WooPayments' deposits are looked at: one takes days to arrive.
    static let depositsBack = Duration.seconds(14 * 86_400)
    /// A request that nobody heard the end of may still be at work at the host for as long, and write its note after it.
    static let noteSettles = Duration.seconds(180)
    /// Pages of one order's refunds.
    static let refundPages = 20
    static let depositPages = 50
    /// Lines, refunds, meta data and so on in one list of a record.
    static let parts = 5_000
    /// Whole units of a currency that are believed; with ten places an amount stays inside 128 bits, and so do sums.
    static let amount = 100_000_000_000
    static let quantity = 1_000_000_000
    static let textCharacters = 1_000
    static let idCharacters = 100
    static let headerBytes = 200
    /// Places in an answer that are tried as the beginning of its JSON, behind what a plugin printed.
    static let noiseStarts = 20
    /// Bytes of such noise.
    static let noiseBytes = 65_536
}
