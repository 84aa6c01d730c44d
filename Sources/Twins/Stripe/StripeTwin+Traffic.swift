public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests.
extension StripeTwin {
    public func purpose(of request: HTTPRequest) -> Purpose {
        let path = request.path.split(separator: "/").map(String.init)
        if path == ["oauth", "token"] { return .token }
        guard path.count >= 2, path[0] == "v1" else { return .other }
        let isDocument = ["payment_intents", "charges", "refunds", "disputes", "payouts", "application_fees"].contains(path[1])
        switch request.method {
        case .post: return isDocument ? .write : .reference
        case .get where path.count == 3 && path[2] == "search": return .lookup  // Lists never lag, searches do.
        case .get where path.count == 3: return isDocument ? .readback : .other
        default: return .other
        }
    }

    /// A key that has been rolled; Basic carries it as well as Bearer.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        guard request.fields["Authorization"] != nil, request.path.hasPrefix("/v1/") else { return request }
        var revoked = request
        revoked.fields["Authorization"] = "Bearer sk_test_revoked"
        return revoked
    }

    public func refresh(with refreshToken: String) -> HTTPRequest? {
        let form = Form.encode([("grant_type", "refresh_token"), ("refresh_token", refreshToken), ("client_secret", "sk_test_51CounterfoilHub")])
        return HTTPRequest(.post, "/oauth/token", fields: ["Content-Type": "application/x-www-form-urlencoded"], body: Array(form.utf8))
    }
}
