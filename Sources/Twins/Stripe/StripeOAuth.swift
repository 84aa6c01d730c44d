internal import Kernel
internal import TwinKit
internal import Wire

/// Connect's consent page and token endpoint, which the vendor has at `connect.stripe.com`.
/// - Source: docs.stripe.com/connect/oauth-reference.
extension StripeState {
    mutating func oauth(
        _ request: HTTPRequest, _ path: [String], at now: Timestamp, random: any RandomSource, requestID: String
    ) throws(StripeProblem) -> StripeAnswer {
        switch (request.method, path.dropFirst().joined(separator: "/")) {
        case (.post, "token"): return token(request, at: now, random: random)
        case (.post, "deauthorize"): return deauthorise(request, at: now, random: random, requestID: requestID)
        default: throw .unrecognised(request.method.rawValue, request.path)
        }
    }

    /// The merchant says yes or no. `stripe_user[country]=GB` puts the British business first.
    mutating func consent(_ request: HTTPRequest, random: any RandomSource) -> HTTPResponse {
        guard request.query("client_id") == StripeSeed.client, request.query("response_type") == "code" else {
            return .json(400, Self.refusal("invalid_client", "No application matches the supplied client identifier").body)
        }
        guard let back = request.query("redirect_uri") else {
            return .json(400, Self.refusal("invalid_redirect_uri", "Missing required request parameter: redirect_uri").body)
        }
        let scope = request.query("scope") ?? "read_only"
        let order = request.query("stripe_user[country]") == "GB" ? [StripeSeed.british, StripeSeed.american] : [StripeSeed.american, StripeSeed.british]
        let page = TwinConsent(
            platform: "Stripe", scopes: [scope], choices: order.map { (id: $0, name: businesses[$0]?.name ?? $0) }, what: "Account", agree: "Connect")
        return page.respond(request, back: back, kept: [("state", request.query("state") ?? "")]) { chosen in
            let code = "ac_" + StripeMoment.letters(random, 32)
            codes[code] = chosen.first ?? order[0]
            return [("scope", scope), ("code", code)]
        }
    }

    private static func refusal(_ error: String, _ text: String, status: Int = 400) -> StripeAnswer {
        StripeAnswer(status: status, body: .object([("error", .string(error)), ("error_description", .string(text))]))
    }

    /// The platform's key: in the form, or as any request has it.
    private func platformMode(_ request: HTTPRequest, _ form: [(name: String, value: String)]) -> Bool? {
        var asked = request
        if let secret = form.first(where: { $0.name == "client_secret" })?.value { asked.fields["Authorization"] = "Bearer " + secret }
        guard let access = try? authenticate(asked), access.scope.account == StripeSeed.platform, !access.isRestricted else { return nil }
        return access.scope.isLive
    }

    private mutating func token(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> StripeAnswer {
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        func value(_ name: String) -> String? { form.first { $0.name == name }?.value }
        guard let isLive = platformMode(request, form) else { return Self.refusal("invalid_client", "No such API key.", status: 401) }
        guard let type = value("grant_type") else { return Self.refusal("invalid_request", "No grant type specified") }
        let account: String
        switch type {
        case "authorization_code":
            guard let code = value("code"), let found = codes.removeValue(forKey: code) else {
                return Self.refusal("invalid_grant", "Authorization code does not exist: \(value("code") ?? "")")
            }
            account = found
        case "refresh_token":
            let owner = value("refresh_token").flatMap { token in businesses.values.first { "rt_\($0.keyName)" == token }?.id }
            guard let found = owner, isConnected(found) else {
                return Self.refusal("invalid_grant", "Refresh token does not exist")
            }
            account = found
        default: return Self.refusal("unsupported_grant_type", "Unsupported grant type: \(type)")
        }
        if !isConnected(account) || rows["grant/\(account)"] == nil { setConnected(account, true, at: now) }
        let name = businesses[account]?.keyName ?? ""
        let mode = isLive ? "live" : "test"
        return StripeAnswer(
            body: .object([
                ("access_token", .string("sk_\(mode)_\(name)")), ("livemode", .bool(isLive)), ("refresh_token", .string("rt_\(name)")),
                ("token_type", "bearer"), ("stripe_publishable_key", .string("pk_\(mode)_\(name)")), ("stripe_user_id", .string(account)),
                ("scope", "read_write"),
            ]))
    }

    private mutating func deauthorise(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource, requestID: String) -> StripeAnswer {
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        func value(_ name: String) -> String? { form.first { $0.name == name }?.value }
        guard let isLive = platformMode(request, form) else { return Self.refusal("invalid_client", "No such API key.", status: 401) }
        guard value("client_id") == StripeSeed.client, let account = value("stripe_user_id"), isConnected(account) else {
            return Self.refusal(
                "invalid_client",
                "This application is not connected to stripe account \(value("stripe_user_id") ?? ""), or that account does not exist.", status: 401)
        }
        setConnected(account, false, at: now)
        let scope = StripeScope(account: account, isLive: isLive)
        let application: JSON = .object([("id", .string(StripeSeed.client)), ("object", "application"), ("name", "Counterfoil Hub")])
        emit("account.application.deauthorized", application, StripeMoment(scope: scope, at: now, random: random, requestID: requestID))
        return StripeAnswer(body: .object([("stripe_user_id", .string(account))]))
    }
}
