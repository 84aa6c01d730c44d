import Kernel
import Testing
import Wire

@testable import TwinXero

@Suite struct XeroIdentityTests {
    @Test("a refresh answers a bearer token of three parts that lasts 1800 seconds, and a new refresh token")
    func refreshes() throws {
        let desk = try XeroDesk(connected: false)
        let answer = try JSON(parsing: desk.send(XeroDesk.tokenRequest("xero-refresh-0")).body)
        #expect(answer["access_token"]?.string?.split(separator: ".").count == 3)
        #expect(answer["expires_in"]?.int == 1800)
        #expect(answer["token_type"]?.string == "Bearer")
        let refresh = try #require(answer["refresh_token"]?.string)
        #expect(refresh != "xero-refresh-0")
    }

    @Test("wrong credentials, a strange refresh token and a strange grant are refused with OAuth's words")
    func refuses() throws {
        let desk = try XeroDesk(connected: false)
        let wrong = desk.send(XeroDesk.tokenRequest("xero-refresh-0", basic: "sandbox-client:wrong"))
        #expect(wrong.status == 400)
        #expect(wrong.bodyText == #"{"error":"invalid_client"}"#)
        let strange = desk.send(XeroDesk.tokenRequest("who knows"))
        #expect(strange.status == 400)
        #expect(strange.bodyText == #"{"error":"invalid_grant"}"#)
        var grant = XeroDesk.tokenRequest("x")
        grant.body = Array("grant_type=password".utf8)
        #expect(desk.send(grant).bodyText == #"{"error":"unsupported_grant_type"}"#)
        var json = XeroDesk.tokenRequest("xero-refresh-0")
        json.fields["Content-Type"] = "application/json"
        #expect(desk.send(json).bodyText == #"{"error":"invalid_request"}"#)
    }

    @Test("a used refresh token works for 30 minutes of grace and not a second longer, also after a restart")
    func grace() throws {
        let desk = try XeroDesk(connected: false)
        #expect(desk.send(XeroDesk.tokenRequest("xero-refresh-0")).status == 200)
        desk.now = desk.now + .seconds(1800)
        #expect(desk.send(XeroDesk.tokenRequest("xero-refresh-0")).status == 200)
        let again = try desk.reopened()
        again.now = desk.now + .seconds(1)
        #expect(again.send(XeroDesk.tokenRequest("xero-refresh-0")).bodyText == #"{"error":"invalid_grant"}"#)
    }

    @Test("an unused refresh token is dead after 60 days")
    func ages() throws {
        let desk = try XeroDesk()
        desk.now = desk.now + .seconds(60 * 86_400 + 1)
        #expect(desk.send(XeroDesk.tokenRequest(desk.refresh)).status == 400)
    }

    @Test("a call without, with a made-up and with an expired token gets Xero's 401, with the hour of expiry")
    func unauthorised() throws {
        let desk = try XeroDesk()
        var bare = try desk.request(.get, "Organisation")
        bare.fields["Authorization"] = nil
        let answer = desk.send(bare)
        #expect(answer.status == 401)
        let body = try JSON(parsing: answer.body)
        #expect(xeroMissing(["Type": nil, "Title": "Unauthorized", "Status": 401, "Extensions": [:]], in: body) == [])
        bare.fields["Authorization"] = "Bearer nonsense"
        #expect(desk.send(bare).status == 401)
        desk.now = desk.now + .seconds(1800)
        let late = try desk.raw(.get, "Organisation")
        #expect(late.status == 401)
        #expect(try JSON(parsing: late.body)["Detail"]?.string == "TokenExpired: token expired at 11/20/2026 09:30:00")
        try desk.connect()
        try desk.call(.get, "Organisation")
    }

    @Test("revoked access tokens are refused while the refresh token still works")
    func revoked() throws {
        let desk = try XeroDesk()
        desk.twin.revokeAccessTokens()
        #expect(try desk.raw(.get, "Organisation").status == 401)
        try desk.connect()
        try desk.call(.get, "Organisation")
    }

    @Test("no tenant, another tenant and a disconnected tenant get Xero's 403")
    func forbidden() throws {
        let desk = try XeroDesk()
        var request = try desk.request(.get, "Organisation")
        request.fields["xero-tenant-id"] = nil
        let answer = desk.send(request)
        #expect(answer.status == 403)
        let expected: JSON = [
            "Type": nil, "Title": "Forbidden", "Status": 403, "Detail": "AuthenticationUnsuccessful", "Extensions": [:],
        ]
        #expect(xeroMissing(expected, in: try JSON(parsing: answer.body)) == [])
        request.fields["xero-tenant-id"] = "fe79f7dd-b6d4-4a92-ba7b-538af6289c58"
        #expect(desk.send(request).status == 403)
        var drop = HTTPRequest(.delete, "/connections/" + XeroSeed.id("xero connection"))
        drop.fields["Authorization"] = "Bearer " + desk.token
        #expect(desk.send(drop).status == 204)
        #expect(try desk.raw(.get, "Organisation").status == 403)
        #expect(try desk.reopened().raw(.get, "Organisation").status == 403)
    }

    @Test("connections names the organisation with its tenant id")
    func connections() throws {
        let desk = try XeroDesk()
        var request = HTTPRequest(.get, "/connections")
        #expect(desk.send(request).status == 401)
        request.fields["Authorization"] = "Bearer " + desk.token
        let expected: JSON = [
            ["tenantId": .string(XeroTwin.tenantID), "tenantType": "ORGANISATION", "tenantName": "Thames Pottery Ltd"]
        ]
        #expect(xeroMissing(expected, in: try JSON(parsing: desk.send(request).body)) == [])
    }

    private static let asked = "/identity/connect/authorize?response_type=code&client_id=sandbox-client&redirect_uri=http%3A%2F%2Fapp%2Fcb&state=s1"

    /// Where the consent page sends the browser after this form.
    private func decided(_ desk: XeroDesk, _ form: String, more: String = "") throws -> HTTPRequest {
        let answer = desk.send(HTTPRequest(.post, Self.asked + more, body: Array(form.utf8)))
        #expect(answer.status == 302)
        return HTTPRequest(.get, try #require(answer.fields["Location"]))
    }

    private func exchange(_ desk: XeroDesk, _ back: HTTPRequest, _ more: [(String, String)] = [], to redirect: String = "http://app/cb") -> HTTPResponse {
        var request = XeroDesk.tokenRequest("")
        let pairs = [("grant_type", "authorization_code"), ("code", back.query("code") ?? ""), ("redirect_uri", redirect)] + more
        request.body = Array(Form.encode(pairs.map { (name: $0.0, value: $0.1) }).utf8)
        return desk.send(request)
    }

    @Test("the consent page asks, and sends back a code that is good for one exchange")
    func consent() throws {
        let desk = try XeroDesk(connected: false)
        let page = desk.send(HTTPRequest(.get, Self.asked))
        #expect(page.status == 200)
        for text in ["Thames Pottery Ltd", "Severn Glass Ltd"] { #expect(page.bodyText.contains(text)) }
        let back = try decided(desk, "decision=allow")
        #expect(back.path == "http://app/cb")
        #expect(back.query("state") == "s1")
        #expect(exchange(desk, back).status == 200)
        #expect(exchange(desk, back).bodyText == #"{"error":"invalid_grant"}"#)
        let no = try decided(desk, "decision=deny")
        #expect(no.query("error") == "access_denied" && no.query("code") == nil && no.query("state") == "s1")
    }

    @Test("a code is good with the address it was asked for, and with the verifier of its challenge only")
    func bound() throws {
        let desk = try XeroDesk(connected: false)
        #expect(exchange(desk, try decided(desk, "decision=allow"), to: "http://app/other").status == 400)
        // RFC 7636, appendix B.
        let challenge = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        #expect(exchange(desk, try decided(desk, "decision=allow", more: challenge)).status == 400)
        #expect(exchange(desk, try decided(desk, "decision=allow", more: challenge), [("code_verifier", String(verifier.reversed()))]).status == 400)
        #expect(exchange(desk, try decided(desk, "decision=allow", more: challenge), [("code_verifier", verifier)]).status == 200)
        #expect(desk.send(HTTPRequest(.get, Self.asked + "&code_challenge=x&code_challenge_method=plain")).status == 400)
    }

    @Test("two organisations may be connected by one consent; of the other one there is its name")
    func several() throws {
        let desk = try XeroDesk()
        let both = "decision=allow&choice=\(XeroTwin.tenantID)&choice=4d1c3b2a-90fe-4c77-9a51-7f0e2d6b8c13"
        #expect(exchange(desk, try decided(desk, both)).status == 200)
        var request = HTTPRequest(.get, "/connections", fields: ["Authorization": "Bearer " + desk.token])
        #expect(try JSON(parsing: desk.send(request).body).array?.count == 2)
        request.target = "/api.xro/2.0/Organisation"
        request.fields["Accept"] = "application/json"
        request.fields["xero-tenant-id"] = "4d1c3b2a-90fe-4c77-9a51-7f0e2d6b8c13"
        #expect(desk.send(request).bodyText.contains("Severn Glass Ltd"))
        request.target = "/api.xro/2.0/Invoices"
        #expect(desk.send(request).status == 403)
    }

    @Test("revocation kills the refresh token and the connection")
    func revocation() throws {
        let desk = try XeroDesk()
        var request = XeroDesk.tokenRequest("")
        request.target = "/identity/connect/revocation"
        request.body = Array(Form.encode([("token", desk.refresh)]).utf8)
        #expect(desk.send(request).status == 200)
        #expect(desk.send(XeroDesk.tokenRequest(desk.refresh)).status == 400)
        #expect(try desk.raw(.get, "Organisation").status == 403)
    }
}
