internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// What a code of the consent page stands for.
struct SquareCode: Sendable {
    var merchant: String
    var scopes: [String]
    var expires: Timestamp
    var redirect: String
    /// The challenge of an application that keeps no secret.
    var challenge: String?
}

/// The consent page, tokens and their end.
/// - Source: developer.squareup.com/docs/oauth-api; square/connect-api-specification.
extension SquareState {
    static let codeSeconds: Int64 = 300
    static let accessSeconds: Int64 = 30 * 86_400
    static let shortSeconds: Int64 = 86_400
    /// Of refresh tokens that are good for one use.
    static let refreshDays: Int64 = 90

    static let scopes: Set<String> = [
        "MERCHANT_PROFILE_READ", "ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_READ", "PAYMENTS_WRITE", "PAYMENTS_WRITE_ADDITIONAL_RECIPIENTS",
        "PAYOUTS_READ", "SETTLEMENTS_READ", "ITEMS_READ", "ITEMS_WRITE", "INVENTORY_READ", "INVENTORY_WRITE", "CUSTOMERS_READ", "CUSTOMERS_WRITE",
        "INVOICES_READ", "INVOICES_WRITE", "CASH_DRAWER_READ", "GIFTCARDS_READ", "GIFTCARDS_WRITE", "DISPUTES_READ", "DISPUTES_WRITE",
        "BANK_ACCOUNTS_READ", "EMPLOYEES_READ",
    ]

    /// All three merchants have authorised the application before the first request.
    func isConnected(_ merchant: String) -> Bool { rows["grant/\(merchant)"]?.shown.flag("connected") ?? true }

    /// The refresh token of a merchant's grant: the same one as long as the grant lasts.
    private func refreshToken(_ merchant: SquareMerchant) -> String {
        rows["grant/\(merchant.id)"]?.shown.text("refresh") ?? "EQAASandbox" + merchant.keyName
    }

    // MARK: Consent

    /// The merchant says yes or no. `locale=en-GB` puts the British merchant first, `en-CA` the Canadian.
    mutating func consent(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        func refused(_ text: String) -> HTTPResponse { .text(400, text) }
        guard request.query("client_id") == SquareSeed.client else { return refused("The client_id is not known.") }
        guard let back = request.query("redirect_uri"), !back.isEmpty else { return refused("The redirect_uri is missing.") }
        let asked = (request.query("scope") ?? "MERCHANT_PROFILE_READ PAYMENTS_READ").split { $0 == " " || $0 == "+" }.map(String.init)
        guard asked.allSatisfy(Self.scopes.contains) else { return refused("A scope is not known.") }
        let wanted = request.query("locale")
        let merchant = merchants.values.first { $0.language == wanted && $0.id != SquareSeed.hub && wanted != "en-US" }?.id ?? SquareSeed.american
        let sellers = merchants.values.filter { $0.id != SquareSeed.hub }.sorted { ($0.id == merchant ? 0 : 1, $0.id) < ($1.id == merchant ? 0 : 1, $1.id) }
        let page = TwinConsent(platform: "Square", scopes: asked, choices: sellers.map { (id: $0.id, name: $0.name) }, what: "Business", agree: "Allow")
        return page.respond(request, back: back, kept: [("response_type", "code"), ("state", request.query("state") ?? "")]) { chosen in
            let code = "sq0cgp-" + SquareMoment.letters(random, 22)
            codes = codes.filter { $0.value.expires > now }
            codes[code] = SquareCode(
                merchant: chosen.first ?? merchant, scopes: asked, expires: now + .seconds(Self.codeSeconds), redirect: back,
                challenge: request.query("code_challenge"))
            return [("code", code)]
        }
    }

    // MARK: Tokens

    mutating func oauth(_ request: HTTPRequest, _ path: [String], at now: Timestamp, random: any RandomSource) throws(SquareProblem) -> JSON {
        guard request.method == .post else { throw .method }
        switch path.dropFirst().joined(separator: "/") {
        case "token": return try token(try Self.jsonBody(request), at: now, random: random)
        case "token/status": return try tokenStatus(request, at: now)
        case "revoke": return try revoke(request, at: now, random: random)
        default: throw .notFound()
        }
    }

    private static func jsonBody(_ request: HTTPRequest) throws(SquareProblem) -> SquareBody {
        guard let json = try? JSON(parsing: request.body), json.object != nil else {
            throw .invalid("EXPECTED_JSON_BODY", "Expected the request body to be JSON.")
        }
        return SquareBody(json)
    }

    private mutating func token(_ body: SquareBody, at now: Timestamp, random: any RandomSource) throws(SquareProblem) -> JSON {
        guard try body.need("client_id", most: 191) == SquareSeed.client else { throw .unauthorised("UNAUTHORIZED", "Not Authorized") }
        let secret = try body.text("client_secret", most: 1024)
        if let secret, !constantTimeEquals(Array(secret.utf8), Array(SquareSeed.secret.utf8)) { throw .unauthorised("UNAUTHORIZED", "Not Authorized") }
        switch try body.need("grant_type") {
        case "authorization_code":
            guard let code = codes.removeValue(forKey: try body.need("code", most: 191)), code.expires > now else {
                throw .invalid("UNAUTHORIZED", "Authorization code is expired, invalid, or already used.", "code")
            }
            if let redirect = try body.text("redirect_uri"), redirect != code.redirect { throw .value("The redirect URI does not match.", "redirect_uri") }
            let m = SquareMoment(merchant: code.merchant, at: now, random: random)
            if let challenge = code.challenge {
                let verifier = try body.need("code_verifier")
                let digest = Base64.encodeURL(Digest.sha256(Array(verifier.utf8)))
                guard digest == challenge else { throw .value("The code verifier does not match.", "code_verifier") }
            } else if secret == nil {
                throw .missing("client_secret")
            }
            connect(code.scopes, m)
            return try issue(code.scopes, body, isSecret: code.challenge == nil, m)
        case "refresh_token": return try refresh(body, secret: secret, at: now, random: random)
        case let other: throw .value("`\(other)` is not a supported grant type.", "grant_type")
        }
    }

    private mutating func connect(_ scopes: [String], _ m: SquareMoment) {
        let old = rows["grant/\(m.merchant)"]
        let wasConnected = old?.shown.flag("connected") ?? true
        // A grant that was ended is a new one, with a token of its own.
        let refresh = wasConnected ? old?.shown.text("refresh") : "EQAA" + SquareMoment.letters(m.random, 60)
        var o = SquareFields()
        o.flag("connected", true)
        o.text("refresh", refresh)
        o.set("scopes", .array(scopes.map(JSON.string)))
        rows.remove("grant/\(m.merchant)")
        insert(.grant, "grant/\(m.merchant)", o.json, m)
    }

    private mutating func refresh(
        _ body: SquareBody, secret: String?, at now: Timestamp, random: any RandomSource
    ) throws(SquareProblem) -> JSON {
        let token = try body.need("refresh_token", most: 1024)
        let invalid = SquareProblem.unauthorised("UNAUTHORIZED", "The refresh token is invalid.")
        let short = try body.texts("scopes")
        if let merchant = merchants.values.first(where: { $0.id != SquareSeed.hub && refreshToken($0) == token && isConnected($0.id) }) {
            guard secret != nil else { throw .missing("client_secret") }
            let granted = rows["grant/\(merchant.id)"]?.shown.list("scopes").compactMap(\.string) ?? Self.scopes.sorted()
            guard (short ?? []).allSatisfy(granted.contains) else { throw .value("The scopes must be among those that were granted.", "scopes") }
            let m = SquareMoment(merchant: merchant.id, at: now, random: random)
            return try issue(short ?? granted, body, isSecret: true, m)
        }
        guard let row = rows[Self.tokenID(token)], row.kind == .token, row.inner.flag("refresh") else { throw invalid }
        guard !row.shown.flag("revoked"), row.shown.minor("expires") > now.seconds else { throw invalid }
        rows.remove(row.id)
        let m = SquareMoment(merchant: row.merchant, at: now, random: random)
        return try issue(row.shown.list("scopes").compactMap(\.string), body, isSecret: false, m)
    }

    private mutating func issue(_ scopes: [String], _ body: SquareBody, isSecret: Bool, _ m: SquareMoment) throws(SquareProblem) -> JSON {
        let isShort = try body.flag("short_lived") ?? false
        let expires = m.at.seconds + (isShort ? Self.shortSeconds : Self.accessSeconds)
        let access = "EAAA" + SquareMoment.letters(m.random, 60)
        keepToken(access, scopes, expires: expires, isRefresh: false, m)
        var refresh = rows["grant/\(m.merchant)"]?.shown.text("refresh") ?? "EQAASandbox" + merchant(m).keyName
        let refreshExpires = m.at.seconds + Self.refreshDays * 86_400
        if !isSecret {
            refresh = "EQAA" + SquareMoment.letters(m.random, 60)
            keepToken(refresh, scopes, expires: refreshExpires, isRefresh: true, m)
        }
        return .object([
            ("access_token", .string(access)), ("token_type", "bearer"), ("expires_at", .string(Timestamp(seconds: expires).description)),
            ("merchant_id", .string(m.merchant)), ("refresh_token", .string(refresh)), ("short_lived", .bool(isShort)),
            ("refresh_token_expires_at", isSecret ? .null : .string(Timestamp(seconds: refreshExpires).description)),
        ])
    }

    private mutating func keepToken(_ token: String, _ scopes: [String], expires: Int64, isRefresh: Bool, _ m: SquareMoment) {
        let shown: [(key: String, value: JSON)] = [("scopes", .array(scopes.map(JSON.string))), ("expires", .minor(expires)), ("revoked", false)]
        insert(.token, Self.tokenID(token), .object(shown), inner: .object([("refresh", .bool(isRefresh))]), m)
    }

    private func tokenStatus(_ request: HTTPRequest, at now: Timestamp) throws(SquareProblem) -> JSON {
        let access = try authenticate(request, at: now)
        let token = String((request.fields["Authorization"] ?? "").dropFirst(7))
        let expires = rows[Self.tokenID(token)]?.shown.minor("expires")
        var o = SquareFields()
        o.set("scopes", .array((access.scopes ?? Self.scopes).sorted().map(JSON.string)))
        o.text("expires_at", expires.map { Timestamp(seconds: $0).description })
        o.text("client_id", SquareSeed.client)
        o.text("merchant_id", access.merchant)
        return o.json
    }

    // MARK: The end

    private mutating func revoke(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) throws(SquareProblem) -> JSON {
        guard request.fields["Authorization"] == "Client " + SquareSeed.secret else { throw .unauthorised("UNAUTHORIZED", "Not Authorized") }
        let body = try Self.jsonBody(request)
        guard try body.need("client_id", most: 191) == SquareSeed.client else { throw .unauthorised("UNAUTHORIZED", "Not Authorized") }
        let token = try body.text("access_token", most: 1024), named = try body.text("merchant_id")
        guard (token == nil) != (named == nil) else { throw .bad("Exactly one of `access_token` and `merchant_id` must be given.") }
        let merchant: String
        if let token {
            guard let row = rows[Self.tokenID(token)], !row.shown.flag("revoked") else { throw .notFound("Access token not found.", "access_token") }
            if try body.flag("revoke_only_access_token") ?? false {
                change(row.id, [("revoked", true)])
                return .object([("success", true)])
            }
            merchant = row.merchant
        } else {
            merchant = named ?? ""
        }
        guard merchants[merchant] != nil, merchant != SquareSeed.hub, isConnected(merchant) else {
            throw .notFound("The merchant has not authorized the application.", "merchant_id")
        }
        disconnect(by: "APPLICATION", SquareMoment(merchant: merchant, at: now, random: random))
        return .object([("success", true)])
    }

    /// Every token of the merchant's ends.
    mutating func disconnect(by revoker: String, _ m: SquareMoment) {
        rows.remove("grant/\(m.merchant)")
        insert(.grant, "grant/\(m.merchant)", .object([("connected", false), ("refresh", "")]), m)
        for row in rows.all(.token, of: m.merchant) { change(row.id, [("revoked", true)]) }
        let revocation: JSON = .object([("revoked_at", .string(m.text)), ("revoker_type", .string(revoker))])
        emit("oauth.authorization.revoked", "revocation", m.uuid(), .object([("revocation", revocation)]), m)
    }
}
