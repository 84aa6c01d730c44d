public import ConnectorKit
internal import Kernel
public import Wire

extension WooCommerceConnector {
    /// An error that a plugin or a host turned into a success counts as what it says. A page where JSON should be is somebody between us and the shop:
    /// maintenance, a cache, a firewall.
    /// - Source: woocommerce-rest-api-docs, `_introduction.md`, Errors; `code`, `message`, `data.status`.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let judging = Judging("WooCommerce")
        let body = WooBody.json(response)
        let error = body.flatMap(WooError.init)
        switch response.status {
        case 200 ..< 300:
            guard let body, body.object != nil || body.array != nil else { return judging.unreadable(response, to: call) }
            guard let error, let status = error.status, status >= 400 else { return .accepted }
            // Who knows what a host did with the status: only a refusal is believed.
            return status < 500 ? .rejected(judging.refused("an error under a success: \(error.code)", error.message)) : judging.down(call, error.code)
        // An order that is gone is an answer to who asked for it.
        case 404 where call.kind == .read && error?.isMissing == true: return .accepted
        case 404 where error?.code == "rest_no_route": return .rejected(Self.noRoute(error?.message))
        // A key that may only read still reads: a note that it may not write is no reason to stop that.
        case 401 where call.kind == .write && error != nil, 403 where call.kind == .write && error != nil:
            return .rejected(Self.mayNotWrite(error?.message))
        case 403:
            guard let error else { return .unavailable(Self.fenced(judging, response)) }
            return .reauthorize(Self.denied(error.message))
        case 429: return .throttled(after: Judging.retryAfter(response), bucket: Self.bucket)
        default: return judging.verdict(response, to: call, says: error?.message)
        }
    }

    private static func noRoute(_ text: String?) -> Fault {
        Fault(
            "route_missing", stage: .courier, disposition: .reject, summary: "the host knows no WooCommerce API at that path",
            remedy: "Check that WooCommerce is active and the connection's path is right; with plain permalinks set permalinks to plain.",
            underlying: Judging.short(text))
    }

    private static func denied(_ text: String?) -> Fault {
        Fault(
            "access_denied", stage: .courier, disposition: .reauthorise, summary: "the shop denies the API key a right",
            remedy: "Make the key for a user who may manage the shop, with the right to read.", underlying: Judging.short(text))
    }

    private static func mayNotWrite(_ text: String?) -> Fault {
        Fault(
            "write_denied", stage: .post, disposition: .reject, summary: "the shop's API key may not write notes beside orders",
            remedy: "Make a key with the permission Read/Write and give it to the connection, or set the policy reflect: off. Then tell it again.",
            underlying: Judging.short(text))
    }

    /// A request that never came to the shop.
    private static func fenced(_ judging: Judging, _ response: HTTPResponse) -> Fault {
        Fault(
            "firewall", stage: .courier, disposition: .retry, summary: "something before the WooCommerce shop refuses our requests (status \(response.status))",
            remedy: "Let the shop's host or firewall pass requests to /wp-json/wc/v3 from this system's addresses.")
    }
}

/// `{"code":"…","message":"…","data":{"status":404}}`.
private struct WooError {
    var code: String
    var message: String?
    var status: Int?

    init?(_ json: JSON) {
        guard json.object != nil, let code = json["code"]?.string, code.utf8.count <= 200, json["id"] == nil else { return nil }
        self.code = String(code.prefix(100))
        message = json["message"]?.string
        status = json.member("data", "status")?.int
    }

    var isMissing: Bool { code.hasPrefix("woocommerce_rest_") && code.hasSuffix("invalid_id") }
}
