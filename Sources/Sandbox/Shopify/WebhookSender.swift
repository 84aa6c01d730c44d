internal import Crypto
internal import HTTPClient
internal import Kernel
internal import Wire

/// Carries webhooks out. The day's player is handed one, so that a test can stand where the network is.
protocol WebhookSender: Sendable {
    /// The status the receiver answered with, `nil` when it gave no whole answer.
    func send(_ request: HTTPRequest) async -> Int?
    func close() async
}

/// The real one. Reaches the hosts it was made for and no other private address.
struct NetworkWebhookSender: WebhookSender {
    /// Source: the vendor gives a receiver five seconds.
    static let timeout = Duration.seconds(5)
    private let client: HTTPClient

    init(hosts: [String]) {
        client = HTTPClient(policy: EgressPolicy(allowedHosts: hosts), connectionsPerHost: DayPlayer.inFlight)
    }

    func send(_ request: HTTPRequest) async -> Int? {
        guard case .answered(let response) = await client.send(request, timeout: Self.timeout) else { return nil }
        return response.status
    }

    func close() async { await client.shutdown() }
}

extension ShopWebhook {
    /// The request as the vendor sends it; names and signature as documented, the signature over the very bytes of the
    /// body.
    /// - Source: Shopify, "Webhooks delivery structure" and "Verify webhook deliveries".
    func request(to url: String, shop: Shop) -> HTTPRequest {
        let signature = Self.signature(of: body, secret: shop.secret)
        let fields: HTTPFields = [
            "Content-Type": "application/json", "User-Agent": "Shopify-Captain-Hook", "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": shop.domain, "X-Shopify-API-Version": ShopifyTwin.version,
            "X-Shopify-Webhook-Id": id,
            "X-Shopify-Event-Id": eventID, "X-Shopify-Triggered-At": triggeredAt.description,
            "X-Shopify-Hmac-Sha256": signature,
        ]
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    /// `X-Shopify-Hmac-Sha256`: base64 of the HMAC-SHA256 over the raw body.
    static func signature(of body: [UInt8], secret: String) -> String {
        Base64.encode(HMAC.sha256(key: Array(secret.utf8), body))
    }

    /// `host:port` of a URL, `nil` where it is none of http or https or names a user.
    static func host(of url: String) -> String? {
        let parts = url.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0] == "http" || parts[0] == "https", parts[1].hasPrefix("//") else { return nil }
        let host = parts[1].dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !host.isEmpty, !host.contains("@") else { return nil }
        let named = host.contains("]") ? host.contains("]:") : host.contains(":")
        return named ? String(host) : host + (parts[0] == "http" ? ":80" : ":443")
    }
}
