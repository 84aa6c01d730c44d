internal import Crypto
internal import Kernel
internal import Wire

/// Who may come in: certificates and access tokens of OAuth 2.0, and nonces that were used.
struct SuiteAccess: Sendable {
    struct Certificate: Sendable {
        let key: VerificationKey
        let until: Timestamp
    }

    /// Life of an access token, seconds.
    static let tokenSeconds = 3600
    /// Longest life of a certificate, days.
    static let certificateDays = 731
    /// How far a client's clock may be off, seconds.
    /// - Source: the sheet, "about ±5 min accepted".
    static let clockSeconds: Int64 = 300
    /// Access tokens that are remembered.
    static let tokensMost = 10_000

    private(set) var certificates: [String: Certificate] = [:]
    /// When each ends, by the token.
    private var tokens: [String: Int64] = [:]
    private var nonces: [String: Int64] = [:]

    init() {
        let pem = NetSuiteTwin.privateKey
        guard let key = try? SigningKey(pem: Secret(pem)) else { return }
        certificates[NetSuiteTwin.certificateID] = Certificate(key: key.publicKey, until: Timestamp(seconds: 4_102_444_800))
    }

    mutating func add(_ id: String, _ certificate: Certificate) { certificates[id] = certificate }

    mutating func add(token: String, until: Int64) {
        if tokens.count >= Self.tokensMost, let oldest = tokens.min(by: { $0.value < $1.value })?.key { tokens[oldest] = nil }
        tokens[token] = until
    }

    mutating func revoke(_ token: String) { tokens[token] = nil }
    mutating func revokeAll() { tokens = [:] }
    func knows(_ token: String, _ now: Timestamp) -> Bool { tokens[token].map { $0 > now.seconds } ?? false }

    /// Whether nobody has used it before; a timestamp that is too old is refused before, so that old nonces can be forgotten.
    mutating func uses(nonce: String, _ now: Timestamp) -> Bool {
        if nonces.count > 100_000 { nonces = nonces.filter { $0.value > now.seconds - 2 * Self.clockSeconds } }
        guard nonces[nonce].map({ $0 <= now.seconds - 3 * Self.clockSeconds }) ?? true else { return false }
        nonces[nonce] = now.seconds
        return true
    }

    mutating func replay(_ record: JSON) {
        switch record["t"]?.string {
        case "token":
            guard let token = record["token"]?.string, let until = record["until"]?.int else { return }
            add(token: token, until: Int64(until))
        case "ended": revoke(record["token"]?.string ?? "")
        case "revoked": revokeAll()
        case "certificate":
            guard let id = record["id"]?.string, let der = record["der"]?.string.flatMap({ Base64.decode($0) }), let until = record["until"]?.int,
                let key = try? VerificationKey(der: der)
            else { return }
            certificates[id] = Certificate(key: key, until: Timestamp(seconds: Int64(until)))
        default: return
        }
    }
}

extension SuiteState {
    // MARK: - Tokens

    private static func refusal(_ status: Int, _ error: String) -> HTTPResponse { .json(status, .object([("error", .string(error))])) }

    /// The token endpoint, and where tokens are revoked.
    mutating func authorize(_ request: HTTPRequest, _ random: any RandomSource) -> HTTPResponse {
        guard request.method == .post, request.fields["Content-Type"]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
            return Self.refusal(400, "invalid_request")
        }
        let form = Dictionary(Form.decode(String(decoding: request.body, as: UTF8.self)).map { ($0.name, $0.value) }) { first, _ in first }
        if request.path.hasSuffix("/revoke") {
            guard let token = form["token"] else { return Self.refusal(400, "invalid_request") }
            access.revoke(token)
            pending.append(.object([("t", "ended"), ("token", .string(token))]))
            return HTTPResponse(200)
        }
        guard form["grant_type"] == "client_credentials" else {
            return Self.refusal(400, form["grant_type"] == nil ? "invalid_request" : "unsupported_grant_type")
        }
        guard form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", let assertion = form["client_assertion"] else {
            return Self.refusal(400, "invalid_request")
        }
        if let refusal = refuse(assertion, request) { return refusal }
        let parts = [Array(#"{"alg":"RS256","typ":"JWT"}"#.utf8), random.bytes(48), random.bytes(32)]
        let token = parts.map { Base64.encodeURL($0) }.joined(separator: ".")
        let until = now.seconds + Int64(SuiteAccess.tokenSeconds)
        access.add(token: token, until: until)
        pending.append(.object([("t", "token"), ("token", .string(token)), ("until", .number(String(until)))]))
        // A text, unlike everywhere else.
        return .json(200, .object([("access_token", .string(token)), ("expires_in", .string(String(SuiteAccess.tokenSeconds))), ("token_type", "bearer")]))
    }

    /// Why a signed assertion is not taken; `nil` where it is.
    private func refuse(_ assertion: String, _ request: HTTPRequest) -> HTTPResponse? {
        let parts = assertion.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]), let signature = Base64.decodeURL(parts[2]) else {
            return Self.refusal(400, "invalid_request")
        }
        // RS256 is none of them.
        guard let algorithm = header["alg"]?.string.flatMap({ SignatureAlgorithm(rawValue: $0) }), ["JWT", nil].contains(header["typ"]?.string) else {
            return Self.refusal(400, "invalid_request")
        }
        guard let certificate = access.certificates[header["kid"]?.string ?? ""], certificate.until > now, claims["iss"]?.string == NetSuiteTwin.clientID,
            certificate.key.verifies(signature, of: Array("\(parts[0]).\(parts[1])".utf8), algorithm)
        else { return Self.refusal(401, "invalid_client") }
        guard audiences(request).contains(claims["aud"]?.string ?? claims["aud"]?[0]?.string ?? "") else { return Self.refusal(400, "invalid_request") }
        guard let issued = claims["iat"]?.int, let ends = claims["exp"]?.int, Int64(issued) <= now.seconds + SuiteAccess.clockSeconds,
            Int64(ends) > now.seconds, ends > issued, ends - issued <= 3600
        else { return Self.refusal(400, "invalid_grant") }
        let words = (claims["scope"]?.string ?? "").split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
        let scopes = claims["scope"]?.array?.compactMap(\.string) ?? words
        let known: Set<String> = ["rest_webservices", "restlets", "suite_analytics"]
        guard scopes.contains("rest_webservices"), scopes.allSatisfy({ known.contains($0) }) else { return Self.refusal(400, "invalid_scope") }
        return nil
    }

    /// The token endpoint's address at the vendor, and here.
    private func audiences(_ request: HTTPRequest) -> [String] {
        let host = request.fields["Host"] ?? ""
        // At the root of a host stands a twin that is alone there.
        return ["https://\(SuiteSeed.host)\(SuiteRoutes.token)"] + ["http://", "https://"].flatMap { scheme in
            ["", "/netsuite"].map { "\(scheme)\(host)\($0)\(SuiteRoutes.token)" }
        }
    }

    private static func object(_ part: String) -> JSON? {
        guard let bytes = Base64.decodeURL(part), let json = try? JSON(parsing: bytes), json.object != nil else { return nil }
        return json
    }

    // MARK: - Certificates

    /// What an administrator does at Setup > Integration > OAuth 2.0 Client Credentials: uploads a certificate, which is mapped to the integration's
    /// user and role. The body is a PEM text of a certificate, or of a public key for one that lasts two years; the answer names its id.
    mutating func register(_ request: HTTPRequest, _ random: any RandomSource) -> HTTPResponse {
        let text = String(decoding: request.body, as: UTF8.self)
        guard let der = SuiteCertificate.der(ofPEM: text) else { return SuiteProblem.plain(400, "INVALID_CONTENT", "This is no PEM text.") }
        let longest = Timestamp(seconds: now.seconds + Int64(SuiteAccess.certificateDays) * 86_400)
        let read = text.contains("BEGIN CERTIFICATE") ? SuiteCertificate.read(der) : SuiteCertificate(key: der, from: now, until: longest, bits: nil)
        guard let read, let key = try? VerificationKey(der: read.key) else {
            return SuiteProblem.plain(400, "INVALID_CONTENT", "The certificate is none, or its key is neither RSA nor EC.")
        }
        guard read.until > now, read.until - read.from <= .seconds(SuiteAccess.certificateDays * 86_400) else {
            return SuiteProblem.plain(400, "INVALID_CONTENT", "A certificate is valid for two years at most.")
        }
        let id = "custcertificate\(access.certificates.count + 1)"
        access.add(id, SuiteAccess.Certificate(key: key, until: read.until))
        let kept: [(key: String, value: JSON)] = [
            ("t", "certificate"), ("id", .string(id)), ("der", .string(Base64.encode(read.key))), ("until", .number(String(read.until.seconds))),
        ]
        pending.append(.object(kept))
        return .json(201, .object([("certificateId", .string(id)), ("clientId", .string(NetSuiteTwin.clientID))]))
    }
}
