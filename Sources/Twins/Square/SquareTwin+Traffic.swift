internal import Crypto
internal import Kernel
public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests.
extension SquareTwin {
    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        if path == ["oauth2", "token"] { return .token }
        guard path.count >= 2, path[0] == "v2" else { return .other }
        let isDocument = ["orders", "payments", "refunds", "disputes", "payouts", "gift-cards"].contains(path[1])
        switch request.method {
        case .post where path.count == 3 && path[2] == "search": return .lookup
        case .post where path.count == 3 && path[2] == "batch-retrieve": return .readback
        case .post where path.count == 3 && path[2] == "calculate": return .other
        case .post, .put: return isDocument ? .write : .reference
        // The vendor's lists of payments and refunds are eventually consistent.
        case .get where path.count == 2 && ["payments", "refunds"].contains(path[1]): return .lookup
        case .get where path.count == 3: return isDocument ? .readback : .other
        default: return .other
        }
    }

    /// The key is in the body here. Another takes its place, as some calls can't be without.
    public func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest {
        guard let body = try? JSON(parsing: request.body), let key = body.text("idempotency_key") else { return request }
        var other = request
        other.body = body.setting("idempotency_key", .string(String(Digest.sha256(Array(key.utf8)).hexText.prefix(40)))).bytes
        return other
    }

    public func refresh(with refreshToken: String) -> HTTPRequest? {
        let body: JSON = .object([
            ("client_id", .string(SquareSeed.client)), ("client_secret", .string(SquareSeed.secret)), ("grant_type", "refresh_token"),
            ("refresh_token", .string(refreshToken)),
        ])
        return HTTPRequest(.post, "/oauth2/token", fields: ["Content-Type": "application/json"], body: body.bytes)
    }
}
