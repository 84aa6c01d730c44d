internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

// OAuth 2.0 as the vendor runs it: one grant is one company.
extension QBOCompany {
    static let clientID = "sandbox-client"
    static let clientSecret = "sandbox-secret"

    /// `POST /oauth2/v1/tokens/bearer`.
    mutating func token(_ request: HTTPRequest, random: any RandomSource) -> HTTPResponse {
        guard Self.isOurClient(request) else {
            return Self.oauthError(401, "invalid_client", "the client credentials are wrong")
        }
        guard request.fields["Content-Type"]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
            return Self.oauthError(400, "invalid_request", "the body must be form-encoded")
        }
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        func value(_ name: String) -> String? { form.first { $0.name == name }?.value }
        switch value("grant_type") {
        case "refresh_token":
            guard let token = value("refresh_token"), grants.refresh(token, at: now) != nil else {
                return Self.oauthError(400, "invalid_grant", "Incorrect or invalid refresh token")
            }
            return issue(from: token, random)
        case "authorization_code":
            guard let back = value("redirect_uri") else {
                return Self.oauthError(400, "invalid_request", "redirect_uri is missing")
            }
            guard let code = value("code"), grants.code(code, at: now, redirect: back) else {
                return Self.oauthError(400, "invalid_grant", "Incorrect or expired authorization code")
            }
            return issue(from: code, random)
        default: return Self.oauthError(400, "unsupported_grant_type", "grant_type is not supported")
        }
    }

    private mutating func issue(from: String, _ random: any RandomSource) -> HTTPResponse {
        let access = "qbo-access-" + random.bytes(20).hexText
        let refresh = "qbo-refresh-" + random.bytes(20).hexText
        changeGrants(.issue(access: access, refresh: refresh, at: now.seconds, from: from))
        return .json(
            200,
            [
                "token_type": "bearer", "access_token": .string(access),
                "expires_in": .number(String(QBOGrants.accessSeconds)),
                "refresh_token": .string(refresh),
                "x_refresh_token_expires_in": .number(String(QBOGrants.refreshSeconds)),
            ])
    }

    /// `POST /v2/oauth2/tokens/revoke`: either token ends the whole grant.
    mutating func revoke(_ request: HTTPRequest) -> HTTPResponse {
        guard Self.isOurClient(request) else {
            return Self.oauthError(401, "invalid_client", "the client credentials are wrong")
        }
        guard let body = try? JSON(parsing: request.body), let token = body.text("token"),
            grants.refresh(token, at: now) != nil || grants.access(token, at: now) != nil
        else { return Self.oauthError(400, "invalid_request", "the token is unknown") }
        changeGrants(.revoke)
        return HTTPResponse(200)
    }

    /// A company of the same user that the twin keeps no books for: there to be chosen by mistake.
    static let otherRealm = "9130350000000002"
    static let otherName = "Lakeview Antiques"

    /// `/connect/oauth2`: the user chooses one company and says yes or no, and the browser goes back.
    mutating func consent(_ request: HTTPRequest, random: any RandomSource) -> HTTPResponse {
        guard request.query("client_id") == Self.clientID, request.query("response_type") == "code",
            let back = request.query("redirect_uri"), back.hasPrefix("http"), let state = request.query("state"),
            request.query("scope")?.split(separator: " ").contains("com.intuit.quickbooks.accounting") == true
        else {
            return .text(
                400, "The authorization request lacks client_id, response_type=code, scope, redirect_uri or state.")
        }
        let page = TwinConsent(
            platform: "QuickBooks Online", scopes: ["Access your QuickBooks company and its transactions"],
            choices: [(Self.realm, Self.name), (Self.otherRealm, Self.otherName)])
        return page.respond(request, back: back, kept: [("state", state)]) { chosen in
            let code = "qbo-code-" + random.bytes(16).hexText, realm = chosen.first ?? Self.realm
            changeGrants(.code(code, at: now.seconds, realm: realm, redirect: back))
            return [("code", code), ("realmId", realm)]
        }
    }

    /// `nil` when the bearer token is good for the realm; the refusal otherwise. The first use of a new access token
    /// ends the refresh values before it.
    mutating func authorize(_ request: HTTPRequest, realm: String) -> HTTPResponse? {
        let header = request.fields["Authorization"] ?? ""
        guard header.lowercased().hasPrefix("bearer "), let pair = grants.access(String(header.dropFirst(7)), at: now)
        else {
            return refusal(401, code: "3200", message: "AuthenticationFailed", type: "AUTHENTICATION")
        }
        guard realm == Self.realm, pair.realm == realm else {
            return refusal(403, code: "3100", message: "ApplicationAuthorizationFailed", type: "AUTHORIZATION")
        }
        if !pair.used { changeGrants(.use(number: pair.number)) }
        return nil
    }

    /// Authentication faults come in lower case from another layer of the vendor's.
    private func refusal(_ status: Int, code: String, message: String, type: String) -> HTTPResponse {
        let text = "message=\(message); errorCode=00\(code); statusCode=\(status)"
        return .json(
            status,
            [
                "warnings": nil, "intuitObject": nil,
                "fault": [
                    "error": [["message": .string(text), "detail": nil, "code": .string(code), "element": nil]],
                    "type": .string(type),
                ],
                "report": nil, "queryResponse": nil, "batchItemResponse": [], "requestId": nil,
                "time": .number(String(now.microseconds / 1000)), "status": nil,
            ])
    }

    private static func isOurClient(_ request: HTTPRequest) -> Bool {
        let header = request.fields["Authorization"] ?? ""
        guard header.lowercased().hasPrefix("basic ") else { return false }
        return header.dropFirst(6) == Base64.encode(Array("\(clientID):\(clientSecret)".utf8))
    }

    private static func oauthError(_ status: Int, _ code: String, _ detail: String) -> HTTPResponse {
        .json(status, ["error": .string(code), "error_description": .string(detail)])
    }
}
