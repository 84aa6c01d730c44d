internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Tokens and connections.
/// - Source: xero-identity.yaml; developer.xero.com, "The standard authorization code flow", "Token types".
extension XeroState {
    static let accessSeconds: Int64 = 1800
    static let graceSeconds: Int64 = 1800
    static let refreshDays: Int64 = 60
    static let scope =
        "offline_access accounting.invoices accounting.payments accounting.manualjournals "
        + "accounting.banktransactions accounting.contacts accounting.settings accounting.attachments"

    mutating func identity(_ request: HTTPRequest, _ path: [String], at now: Timestamp, random: any RandomSource)
        -> HTTPResponse
    {
        switch (request.method, path.last?.lowercased()) {
        case (.post, "token"): token(request, at: now, random: random)
        case (.post, "revocation"): revocation(request)
        case (.get, "authorize"), (.post, "authorize"): authorize(request, random: random)
        default: XeroProblem.notFound.response
        }
    }

    private static func refused(_ error: String, _ status: Int = 400) -> HTTPResponse {
        .json(status, .object([("error", .string(error))]))
    }

    /// The client's credentials: Basic, or in the form as some SDKs send them.
    private static func knowsClient(_ request: HTTPRequest, _ form: [(name: String, value: String)]) -> Bool {
        let expected = Array("\(XeroSeed.clientID):\(XeroSeed.clientSecret)".utf8)
        if let header = request.fields["Authorization"] {
            guard header.lowercased().hasPrefix("basic "), let sent = Base64.decode(String(header.dropFirst(6))) else {
                return false
            }
            return constantTimeEquals(sent, expected)
        }
        let id = form.first { $0.name == "client_id" }?.value ?? ""
        let secret = form.first { $0.name == "client_secret" }?.value ?? ""
        return constantTimeEquals(Array("\(id):\(secret)".utf8), expected)
    }

    private mutating func token(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        guard request.fields["Content-Type"]?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false
        else {
            return Self.refused("invalid_request")
        }
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        guard Self.knowsClient(request, form) else { return Self.refused("invalid_client") }
        func value(_ name: String) -> String { form.first { $0.name == name }?.value ?? "" }
        switch value("grant_type") {
        case "refresh_token":
            guard var grant = grants[value("refresh_token")], usable(grant, at: now) else {
                return Self.refused("invalid_grant")
            }
            // A second use within the grace time does not lengthen it.
            if grant.rotated == nil { grant.rotated = now }
            grants.put(grant)
        case "authorization_code":
            guard let code = codes.removeValue(forKey: value("code")), code.redirect == value("redirect_uri"),
                code.challenge.map({ TwinConsent.proves(value("code_verifier"), $0) }) ?? true
            else { return Self.refused("invalid_grant") }
            var settings = settings
            if code.organisations.contains(XeroSeed.tenant) { settings.connected = true }
            if code.organisations.contains(XeroSeed.otherTenant) { settings.otherConnected = true }
            settingsTable.put(settings)
        default: return Self.refused("unsupported_grant_type")
        }
        return issue(at: now, random: random)
    }

    private func usable(_ grant: XeroGrant, at now: Timestamp) -> Bool {
        guard !grant.revoked else { return false }
        if let rotated = grant.rotated { return now <= rotated + .seconds(Self.graceSeconds) }
        // The token everybody knows from the documentation never ages; all others do.
        return grant.id == XeroSeed.refreshToken || now <= grant.issued + .seconds(Self.refreshDays * 86_400)
    }

    private mutating func issue(at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        let expires = now + .seconds(Self.accessSeconds)
        sessions.forget { $0.expires + .seconds(86_400) < now }
        let jti = random.bytes(16).hexText
        func part(_ json: JSON) -> String { Base64.encodeURL(json.bytes) }
        let header = part(["alg": "RS256", "kid": "1CAF8E66772D6DC028D6726FD0261581570EFC19", "typ": "JWT"])
        let claims: JSON = .object([
            ("nbf", .number(String(now.seconds))), ("exp", .number(String(expires.seconds))),
            ("iss", "https://identity.xero.com"), ("aud", "https://identity.xero.com/resources"),
            ("client_id", .string(XeroSeed.clientID)), ("xero_userid", .string(XeroSeed.id("xero user"))),
            ("authentication_event_id", .string(XeroSeed.id("xero authentication event"))), ("jti", .string(jti)),
            ("scope", .array(Self.scope.split(separator: " ").map { .string(String($0)) })),
        ])
        // The signature is random: nobody but this twin checks it, and it looks the token up.
        let access = "\(header).\(part(claims)).\(Base64.encodeURL(random.bytes(256)))"
        let refresh = Base64.encodeURL(random.bytes(32))
        sessions.put(XeroSession(id: Digest.sha256(Array(access.utf8)).hexText, expires: expires))
        grants.put(XeroGrant(id: refresh, issued: now))
        return .json(
            200,
            .object([
                ("access_token", .string(access)), ("expires_in", .number(String(Self.accessSeconds))),
                ("token_type", "Bearer"),
                ("refresh_token", .string(refresh)), ("scope", .string(Self.scope)),
            ]))
    }

    /// Drops the connections of the user, as the real endpoint does for every organisation.
    private mutating func revocation(_ request: HTTPRequest) -> HTTPResponse {
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        guard Self.knowsClient(request, form) else { return Self.refused("invalid_client") }
        guard var grant = grants[form.first { $0.name == "token" }?.value ?? ""] else { return HTTPResponse(200) }
        grant.revoked = true
        grants.put(grant)
        disconnect()
        return HTTPResponse(200)
    }

    private mutating func disconnect() {
        var settings = settings
        settings.connected = false
        settings.otherConnected = false
        settingsTable.put(settings)
    }

    /// The consent page: the user lets one or several organisations be connected.
    private mutating func authorize(_ request: HTTPRequest, random: any RandomSource) -> HTTPResponse {
        guard request.query("client_id") == XeroSeed.clientID, request.query("response_type") == "code",
            let back = request.query("redirect_uri"), back.hasPrefix("http"),
            request.query("code_challenge") == nil || request.query("code_challenge_method") == "S256"
        else { return Self.refused("invalid_request") }
        let scope = request.query("scope") ?? Self.scope
        let page = TwinConsent(
            platform: "Xero", scopes: scope.split(separator: " ").map(String.init),
            choices: [(XeroSeed.tenant, XeroSeed.organisationName), (XeroSeed.otherTenant, XeroSeed.otherName)],
            what: "Organisations", takesSeveral: true, agree: "Allow access")
        return page.respond(request, back: back, kept: request.query("state").map { [("state", $0)] } ?? []) { chosen in
            let code = Base64.encodeURL(random.bytes(24))
            if codes.count >= 100 { codes = [:] }
            codes[code] = XeroCode(redirect: back, challenge: request.query("code_challenge"), organisations: Set(chosen))
            return [("code", code), ("scope", scope)]
        }
    }

    /// `nil` when the bearer token is good; else Xero's 401.
    func unauthorised(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse? {
        let header = request.fields["Authorization"] ?? ""
        guard header.lowercased().hasPrefix("bearer "),
            let session = sessions[Digest.sha256(Array(header.dropFirst(7).utf8)).hexText], !session.revoked
        else { return Self.problem(401, "Unauthorized", "AuthenticationUnsuccessful", random) }
        guard now < session.expires else {
            let at = session.expires.description
            let day = XeroDate.day(of: session.expires).civil
            let text =
                "TokenExpired: token expired at \(Self.two(day.month))/\(Self.two(day.day))/\(day.year) "
                + at.dropFirst(11).prefix(8)
            return Self.problem(401, "Unauthorized", text, random)
        }
        return nil
    }

    private static func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }

    /// `nil` when the organisation asked for is connected; else Xero's 403.
    func forbidden(_ request: HTTPRequest, random: any RandomSource) -> HTTPResponse? {
        let tenant = request.fields["xero-tenant-id"]?.lowercased()
        // Of the other organisation there is its name and no more.
        if settings.otherConnected, tenant == XeroSeed.otherTenant, request.method == .get, request.path.hasSuffix("/Organisation") { return nil }
        guard settings.connected, tenant == XeroSeed.tenant else {
            return Self.problem(403, "Forbidden", "AuthenticationUnsuccessful", random)
        }
        return nil
    }

    private static func problem(_ status: Int, _ title: String, _ detail: String, _ random: any RandomSource)
        -> HTTPResponse
    {
        .json(
            status,
            .object([
                ("Type", .null), ("Title", .string(title)), ("Status", .number(String(status))),
                ("Detail", .string(detail)),
                ("Instance", .string(random.identifier(XeroObjectKind.self).description)), ("Extensions", .object([])),
            ]))
    }

    mutating func connections(_ request: HTTPRequest, _ path: [String]) -> HTTPResponse {
        let id = XeroSeed.id("xero connection")
        switch (request.method, path.count) {
        case (.get, 1):
            func row(_ id: String, _ tenant: String, _ name: String) -> JSON {
                .object([
                    ("id", .string(id)), ("authEventId", .string(XeroSeed.id("xero authentication event"))),
                    ("tenantId", .string(tenant)), ("tenantType", "ORGANISATION"),
                    ("tenantName", .string(name)), ("createdDateUtc", "2026-01-01T00:00:00.0000000"),
                    ("updatedDateUtc", "2026-01-01T00:00:00.0000000"),
                ])
            }
            let own = row(id, XeroSeed.tenant, XeroSeed.organisationName)
            let other = row(XeroSeed.id("xero other connection"), XeroSeed.otherTenant, XeroSeed.otherName)
            return .json(200, .array((settings.connected ? [own] : []) + (settings.otherConnected ? [other] : [])))
        case (.delete, 2):
            guard settings.connected, path[1].lowercased() == id else { return HTTPResponse(404) }
            disconnect()
            return HTTPResponse(204)
        default: return XeroProblem.notFound.response
        }
    }
}
