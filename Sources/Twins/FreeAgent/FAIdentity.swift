internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Tokens.
/// - Source: dev.freeagent.com/docs/oauth.
extension FAState {
    static let accessSeconds: Int64 = 3600
    static let refreshSeconds: Int64 = 631_151_957
    static let codeSeconds: Int64 = 900

    /// The consent page: a yes goes back with a code.
    mutating func approve(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) throws(FAProblem) -> HTTPResponse {
        guard request.method == .get || request.method == .post, request.query("client_id") == FreeAgentTwin.clientID, request.query("response_type") == "code",
            let back = request.query("redirect_uri"), back.hasPrefix("http")
        else { throw .plain(400, "The request is missing a required parameter, or its value is not valid.") }
        let page = TwinConsent(platform: "FreeAgent", scopes: ["Everything that you may do there yourself"], agree: "Approve")
        return page.respond(request, back: back, kept: request.query("state").map { [("state", $0)] } ?? []) { _ in
            codes = codes.filter { now < $0.value.issued + .seconds(Self.codeSeconds) }
            let code = Base64.encodeURL(random.bytes(24))
            codes[code] = FACode(user: "1", redirect: back, issued: now)
            return [("code", code)]
        }
    }

    /// The form is in the body whatever the content type says (the pages' own samples say JSON), or in the address.
    private static func form(_ request: HTTPRequest) -> [(name: String, value: String)] {
        let members = (try? JSON(parsing: request.body))?.object ?? []
        let sent = members.isEmpty ? Form.decode(String(decoding: request.body, as: UTF8.self)) : members.map { ($0.key, $0.value.string ?? "") }
        return sent + request.query
    }

    /// The client's id and secret: by Basic, or among the parameters as the pages' own sample of a 429 has them.
    private static func isClient(_ request: HTTPRequest, _ form: [(name: String, value: String)]) -> Bool {
        let expected = Array("\(FreeAgentTwin.clientID):\(FreeAgentTwin.clientSecret)".utf8)
        if let header = request.fields["Authorization"], header.lowercased().hasPrefix("basic ") {
            return Base64.decode(String(header.dropFirst(6))).map { constantTimeEquals($0, expected) } ?? false
        }
        func value(_ name: String) -> String { form.first { $0.name == name }?.value ?? "" }
        return constantTimeEquals(Array("\(value("client_id")):\(value("client_secret"))".utf8), expected)
    }

    mutating func token(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) throws(FAProblem) -> HTTPResponse {
        guard request.method == .post else { throw .notFound }
        if let refusal = meter.admitRefresh(at: now) { return refusal }
        let form = Self.form(request)
        func value(_ name: String) -> String { form.first { $0.name == name }?.value ?? "" }
        // Source: api-discuss.freeagent.com, topic 693.
        guard Self.isClient(request, form) else { throw .plain(401, "HTTP Basic: Access denied.\n") }
        func refused(_ error: String) -> HTTPResponse { .json(400, .object([("error", .string(error))])) }
        switch value("grant_type") {
        case "authorization_code":
            guard let code = codes.removeValue(forKey: value("code")), now < code.issued + .seconds(Self.codeSeconds), value("redirect_uri") == code.redirect
            else { return refused("invalid_grant") }
            return issue(to: code.user, replacing: nil, at: now, random: random)
        case "refresh_token":
            guard let grant = find(.grant, value("refresh_token")) else { return refused("invalid_grant") }
            return issue(to: grant.text("user"), replacing: grant, at: now, random: random)
        default: return refused("unsupported_grant_type")
        }
    }

    private mutating func issue(to user: String, replacing old: FARow?, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        for session in all(.session) where session.cents("expires") + 86_400 < now.seconds { rows.remove(session.key) }
        let access = Base64.encodeURL(random.bytes(32))
        let refresh = Base64.encodeURL(random.bytes(32))
        rows.put(FARow(.grant, refresh, at: now, .object([("user", .string(user))])))
        let session: JSON = .object([
            ("user", .string(user)), ("expires", .number("\(now.seconds + Self.accessSeconds)")), ("replaces", .optional(old?.name)),
        ])
        rows.put(FARow(.session, Digest.sha256(Array(access.utf8)).hexText, at: now, session))
        return .json(
            200,
            .object([
                ("access_token", .string(access)), ("token_type", "bearer"), ("expires_in", .number("\(Self.accessSeconds)")),
                ("refresh_token", .string(refresh)), ("refresh_token_expires_in", .number("\(Self.refreshSeconds)")),
            ]))
    }

    /// A refresh token ends when the access token that came for it is used: by then its successor has arrived. The pages say only that each answer
    /// has a new one; that the old one ends, and when, is ours. The two that stand in the documentation never end.
    mutating func confirm(_ session: FARow, at now: Timestamp) {
        let old = session.text("replaces")
        guard !old.isEmpty else { return }
        var session = session
        session.set("replaces", .null)
        rows.put(session)
        guard !FASeed.lastingGrants.contains(old), find(.grant, old) != nil else { return }
        rows.remove(FARow.key(.grant, old))
    }
}
