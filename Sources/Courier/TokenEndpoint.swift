internal import ConnectorKit
internal import Crypto
internal import HTTPClient
internal import Kernel
internal import Store
internal import Wire

/// OAuth 2 at the platform's token endpoint: the request for a refresh, and what its answer says. Pure.
/// - Source: RFC 6749, sections 2.3.1, 5.1, 5.2 and 6.
struct TokenEndpoint: Sendable {
    var oauth: Authentication.OAuth2
    var platform: String
    var url: String

    init(_ oauth: Authentication.OAuth2, platform: String, row: ConnectionRow) {
        self.oauth = oauth
        self.platform = platform
        url = row.baseURL.map { $0 + oauth.tokenPath } ?? oauth.tokenURL.replacing("{account}", with: row.account)
    }

    /// Longest life of an access token that is believed; what says more is renewed when it is refused.
    static let lifeMost = 10 * 366 * 86_400

    func request(refresh: Secret, from set: Credential) -> HTTPRequest {
        var pairs: [(name: String, value: String)] = [("grant_type", "refresh_token"), ("refresh_token", refresh.revealText())]
        var fields: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"]
        let clientID = set.clientID ?? "", clientSecret = set.clientSecret?.revealText() ?? ""
        switch oauth.clientProof {
        case .basic:
            fields["Authorization"] = "Basic " + Base64.encode(Array("\(clientID):\(clientSecret)".utf8))
        case .body:
            pairs.append(("client_id", clientID))
            pairs.append(("client_secret", clientSecret))
        }
        return HTTPRequest(.post, url, fields: fields, body: Array(Form.encode(pairs).utf8))
    }

    /// What came of the request, as the machine hears it. `now`: when the answer was there.
    func event(_ outcome: HTTPOutcome, from set: Credential, at now: Timestamp) -> TokenRefresh.Event {
        switch outcome {
        case .answered(let response) where response.status == 200: return issued(response, from: set, at: now)
        case .answered(let response) where response.status == 400 || response.status == 401:
            // Only a refusal in OAuth's own words is one; anything else may be a proxy's page.
            guard let word = TokenEndpoint.json(response)?["error"]?.string, !word.isEmpty else {
                return .failed(down("status \(response.status) without a reason"))
            }
            return TokenEndpoint.passing.contains(word) ? .failed(down("it says \(word)")) : .refused
        case .answered(let response): return .failed(down("status \(response.status)"))
        case .notSent(let fault), .unknown(let fault):
            return .failed(fault.code == "cancelled" ? fault : down(fault.code))
        }
    }

    /// Error words that speak of the endpoint, not of the grant.
    private static let passing: Set<String> = [
        "temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded", "too_many_requests", "internal_error", "internal_server_error",
    ]

    private func issued(_ response: HTTPResponse, from set: Credential, at now: Timestamp) -> TokenRefresh.Event {
        guard let json = TokenEndpoint.json(response), let access = json["access_token"]?.string, !access.isEmpty else {
            return .failed(Fault("token_answer_unreadable", stage: .courier, disposition: .retry, summary: "the token endpoint's answer has no access token"))
        }
        var out = set
        out.accessToken = Secret(access)
        if let refresh = json["refresh_token"]?.string, !refresh.isEmpty { out.refreshToken = Secret(refresh) }
        let life = json["expires_in"].flatMap { value in value.int ?? value.string.flatMap { Int($0) } }
        out.expiresAt = life.flatMap { $0 >= 0 && $0 <= TokenEndpoint.lifeMost ? now + .seconds($0) : nil }
        return .issued(out)
    }

    private func down(_ why: String) -> Fault {
        Fault("token_endpoint_down", stage: .courier, disposition: .retry, summary: "the token endpoint of \(platform) gives no token now", underlying: why)
    }

    private static func json(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) { return try JSON(parsing: response.body) } catch { return nil }
    }
}
