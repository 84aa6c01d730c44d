internal import ConnectorKit
internal import Crypto
internal import HTTPClient
internal import Kernel
internal import Store
internal import Wire

/// OAuth 2 at the platform's token endpoint: the request for a token, and what its answer says. Pure.
/// - Source: RFC 6749, sections 2.3.1, 4.4, 5.1, 5.2 and 6; RFC 7523, sections 2.2 and 3.
struct TokenEndpoint: Sendable {
    var platform: String
    var url: String
    /// Codes beyond OAuth's own words that end a grant.
    var refusals: Set<String> = []

    init(_ oauth: Authentication.OAuth2, platform: String, row: ConnectionRow) {
        self.platform = platform
        url = row.baseURL.map { $0 + oauth.tokenPath } ?? Address.of(oauth.tokenURL, account: row.account)
        refusals = oauth.refusals
    }

    init(_ client: Authentication.ClientCredentials, platform: String, row: ConnectionRow) {
        self.platform = platform
        url = row.baseURL.map { $0 + client.tokenPath } ?? Address.of(client.tokenURL, account: row.account)
    }

    /// Longest life of an access token that is believed; what says more is renewed when it is refused.
    static let lifeMost = 10 * 366 * 86_400

    /// Trades a refresh token.
    func request(_ oauth: Authentication.OAuth2, refresh: Secret, from set: Credential) -> HTTPRequest {
        proved([("grant_type", "refresh_token"), ("refresh_token", refresh.revealText())], oauth, set)
    }

    /// Trades the code of a consent.
    /// - Source: RFC 6749, section 4.1.3; RFC 7636, section 4.5.
    func request(_ oauth: Authentication.OAuth2, code: ConsentCode) -> HTTPRequest {
        var pairs: [(name: String, value: String)] = [
            ("grant_type", "authorization_code"), ("code", code.code.revealText()), ("redirect_uri", code.redirectURI),
        ]
        if let verifier = code.verifier { pairs.append(("code_verifier", verifier.revealText())) }
        return proved(pairs + (oauth.consent?.exchange ?? []), oauth, code.app)
    }

    /// With the client's own proof.
    private func proved(_ given: [(name: String, value: String)], _ oauth: Authentication.OAuth2, _ set: Credential) -> HTTPRequest {
        var pairs = given
        let clientID = set.clientID ?? "", clientSecret = set.clientSecret?.revealText() ?? ""
        switch oauth.clientProof {
        case .basic: return post(pairs, oauth.writing, basic: "\(clientID):\(clientSecret)")
        case .body: pairs += [("client_id", clientID), ("client_secret", clientSecret)]
        case .secret: pairs.append(("client_secret", clientSecret))
        }
        return post(pairs, oauth.writing)
    }

    /// Asks for a token on the client's own account.
    /// - Throws: `credential_unreadable` for a private key that is none; `signature_failed`.
    func request(_ client: Authentication.ClientCredentials, from set: Credential, at now: Timestamp, random: any RandomSource) throws(Fault) -> HTTPRequest {
        var pairs: [(name: String, value: String)] = [("grant_type", "client_credentials")]
        let scopes = client.scopes.joined(separator: " ")
        let clientID = set.clientID ?? "", clientSecret = set.clientSecret?.revealText() ?? ""
        switch client.proof {
        case .basic, .body:
            if !scopes.isEmpty { pairs.append(("scope", scopes)) }
            if case .basic = client.proof { return post(pairs, .form, basic: "\(clientID):\(clientSecret)") }
            pairs += [("client_id", clientID), ("client_secret", clientSecret)]
        case .assertion(let assertion):
            if !assertion.claimsScopes, !scopes.isEmpty { pairs.append(("scope", scopes)) }
            pairs.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
            let jwt = ClientAssertion(claims: assertion, scopes: client.scopes, audience: url)
            pairs.append(("client_assertion", try jwt.text(set, at: now, random: random)))
        }
        return post(pairs, .form)
    }

    private func post(_ pairs: [(name: String, value: String)], _ writing: Authentication.OAuth2.Writing, basic: String? = nil) -> HTTPRequest {
        var fields: HTTPFields = ["Content-Type": writing == .form ? "application/x-www-form-urlencoded" : "application/json", "Accept": "application/json"]
        if let basic { fields["Authorization"] = "Basic " + Base64.encode(Array(basic.utf8)) }
        let body = writing == .form ? Array(Form.encode(pairs).utf8) : JSON.object(pairs.map { ($0.name, .string($0.value)) }).bytes
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    /// What came of the request, as the machine hears it. `now`: when the answer was there.
    func event(_ outcome: HTTPOutcome, from set: Credential, at now: Timestamp) -> TokenRefresh.Event {
        switch outcome {
        case .answered(let response) where response.status == 200: return issued(response, from: set, at: now)
        case .answered(let response) where response.status == 400 || response.status == 401:
            // Only a refusal in OAuth's own words is one; anything else may be a proxy's page.
            guard let word = word(TokenEndpoint.json(response)), !word.isEmpty else { return .failed(down("status \(response.status) without a reason")) }
            return TokenEndpoint.passing.contains(word) ? .failed(down("it says \(word)")) : .refused
        case .answered(let response): return .failed(down("status \(response.status)"))
        case .notSent(let fault), .unknown(let fault):
            return .failed(fault.code == "cancelled" ? fault : down(fault.code))
        }
    }

    private func word(_ json: JSON?) -> String? {
        if let word = json?["error"]?.string { return word }
        return json?["errors"]?[0]?["code"]?.string.flatMap { refusals.contains($0) ? $0 : nil }
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
        let instant = json["expires_at"]?.string.flatMap { Timestamp(rfc3339: $0) }
        let end = life.flatMap { $0 >= 0 && $0 <= TokenEndpoint.lifeMost ? now + .seconds($0) : nil } ?? instant
        out.expiresAt = end.flatMap { $0 <= now + .seconds(TokenEndpoint.lifeMost) ? $0 : nil }
        return .issued(out)
    }

    private func down(_ why: String) -> Fault {
        Fault("token_endpoint_down", stage: .courier, disposition: .retry, summary: "the token endpoint of \(platform) gives no token now", underlying: why)
    }

    private static func json(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) { return try JSON(parsing: response.body) } catch { return nil }
    }
}
