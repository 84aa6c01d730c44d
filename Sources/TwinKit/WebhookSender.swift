internal import HTTPClient
internal import Kernel
public import Wire

/// Carries webhooks out. Whoever plays a day is handed one, so that a test can stand where the network is.
public protocol WebhookSender: Sendable {
    /// The status the receiver answered with, `nil` when it gave no whole answer.
    func send(_ request: HTTPRequest) async -> Int?
    func close() async
}

/// The real one. Reaches the hosts it was made for and no other private address.
public struct NetworkWebhookSender: WebhookSender {
    /// Source: the vendor gives a receiver five seconds.
    public static let timeout = Duration.seconds(5)
    private let client: HTTPClient

    /// - Parameter inFlight: deliveries under way to one host at a time.
    public init(hosts: [String], inFlight: Int) {
        client = HTTPClient(policy: EgressPolicy(allowedHosts: hosts), connectionsPerHost: inFlight)
    }

    public func send(_ request: HTTPRequest) async -> Int? {
        guard case .answered(let response) = await client.send(request, timeout: Self.timeout) else { return nil }
        return response.status
    }

    public func close() async { await client.shutdown() }

    /// `host:port` of a URL, `nil` where it is none of http or https or names a user.
    public static func host(of url: String) -> String? {
        let parts = url.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0] == "http" || parts[0] == "https", parts[1].hasPrefix("//") else { return nil }
        let host = parts[1].dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !host.isEmpty, !host.contains("@") else { return nil }
        let named = host.contains("]") ? host.contains("]:") : host.contains(":")
        return named ? String(host) : host + (parts[0] == "http" ? ":80" : ":443")
    }
}
