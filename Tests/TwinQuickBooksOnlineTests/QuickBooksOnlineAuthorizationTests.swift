import Kernel
import TwinQuickBooksOnline
import Testing
import Wire

@Suite struct QuickBooksOnlineAuthorizationTests {
    @Test("a refresh gives an hour of access and a new refresh value")
    func refresh() throws {
        let bench = try QuickBooksOnlineBench(connect: false)
        let body = try bench.refresh("qbo-refresh-0")
        #expect(body.shown("token_type") == "bearer")
        #expect(body.shown("expires_in") == "3600")
        #expect(body.shown("x_refresh_token_expires_in") == "8726400")
        #expect(body.shown("refresh_token") != "qbo-refresh-0")
        #expect(!body.shown("access_token").isEmpty)
    }

    @Test("the token endpoint refuses wrong credentials, grants and kinds of grant")
    func refusedGrants() throws {
        let bench = try QuickBooksOnlineBench(connect: false)
        let path = "/oauth2/v1/tokens/bearer"
        let good = [("grant_type", "refresh_token"), ("refresh_token", "qbo-refresh-0")]
        #expect(bench.form(path, good, secret: "wrong").status == 401)
        let cases: [([(String, String)], String)] = [
            ([("grant_type", "refresh_token"), ("refresh_token", "made-up")], "invalid_grant"),
            ([("grant_type", "refresh_token"), ("refresh_token", "")], "invalid_grant"),
            ([("grant_type", "password")], "unsupported_grant_type"),
            ([("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "https://x")], "invalid_grant"),
        ]
        for (pairs, error) in cases {
            let response = bench.form(path, pairs)
            #expect(response.status == 400)
            #expect(try JSON(parsing: response.body).shown("error") == error)
        }
        #expect(bench.form(path, good).status == 200)
    }

    @Test("an expired or unknown access token is answered with the lower-case fault")
    func unauthorized() throws {
        let bench = try QuickBooksOnlineBench()
        bench.clocks.advance(by: .seconds(3599))
        #expect(bench.call(.get, "preferences").status == 200)
        bench.clocks.advance(by: .seconds(1))
        let response = bench.call(.get, "preferences")
        #expect(response.status == 401)
        let body = try JSON(parsing: response.body)
        #expect(body["warnings"] == .null)
        #expect(body.shown("fault", "type") == "AUTHENTICATION")
        #expect(body.shown("fault", "error", "0", "code") == "3200")
        #expect(
            body.shown("fault", "error", "0", "message")
                == "message=AuthenticationFailed; errorCode=003200; statusCode=401")
        var stranger = bench
        stranger.token = ""
        #expect(stranger.call(.get, "preferences").status == 401)
    }

    @Test("another company's realm is refused to this grant")
    func wrongRealm() throws {
        let bench = try QuickBooksOnlineBench()
        let request = HTTPRequest(
            .get, "/v3/company/42/preferences",
            fields: ["Authorization": "Bearer \(bench.token)", "Accept": "application/json"])
        #expect(bench.send(request).status == 403)
    }

    @Test("an old refresh value works until the new access token is first used")
    func overlap() throws {
        var bench = try QuickBooksOnlineBench(connect: false)
        let lost = try bench.refresh("qbo-refresh-0")
        let second = try bench.refresh("qbo-refresh-0")
        #expect(!second.shown("access_token").isEmpty, "the first answer may have been lost")
        bench.token = second.shown("access_token")
        #expect(bench.call(.get, "preferences").status == 200)
        #expect(try bench.refresh("qbo-refresh-0").shown("error") == "invalid_grant")
        #expect(try bench.refresh(lost.shown("refresh_token")).shown("error") == "invalid_grant")
        let third = try bench.refresh(second.shown("refresh_token"))
        #expect(!third.shown("refresh_token").isEmpty)
        let reopened = try bench.restarted()
        #expect(try reopened.refresh("qbo-refresh-0").shown("error") == "invalid_grant")
        #expect(reopened.call(.get, "preferences").status == 200, "access tokens outlive a restart")
    }

    @Test("a replaced refresh value dies after a day, an unused one after a hundred")
    func refreshExpiry() throws {
        let bench = try QuickBooksOnlineBench(connect: false)
        let first = try bench.refresh("qbo-refresh-0")
        bench.clocks.advance(by: .seconds(86_400))
        #expect(try bench.refresh("qbo-refresh-0").shown("error") == "invalid_grant")
        bench.clocks.advance(by: .seconds(8_726_400 - 86_400 - 1))
        let second = try bench.refresh(first.shown("refresh_token"))
        #expect(!second.shown("access_token").isEmpty)
        bench.clocks.advance(by: .seconds(8_726_400))
        #expect(try bench.refresh(second.shown("refresh_token")).shown("error") == "invalid_grant")
    }

    @Test("revoking ends the grant; the consent page starts a new one")
    func revokeAndReconnect() throws {
        var bench = try QuickBooksOnlineBench()
        var revoke = HTTPRequest(.post, "/v2/oauth2/tokens/revoke", body: Array("{\"token\":\"\(bench.token)\"}".utf8))
        #expect(bench.send(revoke).status == 401, "the client's credentials are needed")
        revoke.fields["Authorization"] = "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="
        #expect(bench.send(revoke).status == 200)
        #expect(bench.call(.get, "preferences").status == 401)
        #expect(try bench.refresh("qbo-refresh-0").shown("error") == "invalid_grant")

        let page = bench.send(Self.consent("decision=allow"))
        #expect(page.status == 302)
        let back = HTTPRequest(.get, page.fields["Location"] ?? "")
        #expect(back.path == "https://us.example/callback")
        #expect(back.query("realmId") == "9130350000000001")
        #expect(back.query("state") == "s/1")
        let pairs = [
            ("grant_type", "authorization_code"), ("code", back.query("code") ?? ""),
            ("redirect_uri", "https://us.example/callback"),
        ]
        let grant = try JSON(parsing: bench.form("/oauth2/v1/tokens/bearer", pairs).body)
        bench.token = grant.shown("access_token")
        #expect(bench.call(.get, "preferences").status == 200)
        #expect(bench.form("/oauth2/v1/tokens/bearer", pairs).status == 400, "a code works once")
    }

    /// The consent page, and with a form what is decided there.
    private static func consent(_ form: String? = nil) -> HTTPRequest {
        let query = Form.encode([
            ("client_id", "sandbox-client"), ("response_type", "code"), ("scope", "com.intuit.quickbooks.accounting"),
            ("redirect_uri", "https://us.example/callback"), ("state", "s/1"),
        ])
        return HTTPRequest(form == nil ? .get : .post, "/connect/oauth2?" + query, body: Array((form ?? "").utf8))
    }

    @Test("the consent page shows the companies and asks; a no goes back as access_denied, and what is neither is refused")
    func deny() throws {
        let bench = try QuickBooksOnlineBench()
        let page = bench.send(Self.consent())
        #expect(page.status == 200 && page.fields["Content-Type"] == "text/html; charset=utf-8")
        for text in ["Prairie Goods LLC", "Lakeview Antiques", "value=\"allow\"", "value=\"deny\""] { #expect(page.bodyText.contains(text)) }
        let no = HTTPRequest(.get, bench.send(Self.consent("decision=deny&choice=9130350000000001")).fields["Location"] ?? "")
        #expect(no.query("error") == "access_denied" && no.query("state") == "s/1" && no.query("code") == nil)
        for form in ["", "decision=maybe", "decision=allow&choice=1", "decision=allow&choice=9130350000000001&choice=9130350000000002"] {
            #expect(bench.send(Self.consent(form)).status == 400, "\(form)")
        }
    }

    @Test("a code is for the company that was chosen and the address that was given")
    func otherCompany() throws {
        var bench = try QuickBooksOnlineBench()
        let back = HTTPRequest(.get, bench.send(Self.consent("decision=allow&choice=9130350000000002")).fields["Location"] ?? "")
        #expect(back.query("realmId") == "9130350000000002")
        var pairs = [("grant_type", "authorization_code"), ("code", back.query("code") ?? ""), ("redirect_uri", "https://evil.example/callback")]
        #expect(bench.form("/oauth2/v1/tokens/bearer", pairs).status == 400)
        pairs[2].1 = "https://us.example/callback"
        bench.token = try JSON(parsing: bench.form("/oauth2/v1/tokens/bearer", pairs).body).shown("access_token")
        #expect(bench.call(.get, "preferences").status == 403)
    }

    @Test("revoked access tokens leave the refresh value alive")
    func accessRevoked() throws {
        let bench = try QuickBooksOnlineBench(connect: false)
        let grant = try bench.refresh("qbo-refresh-0")
        var caller = bench
        caller.token = grant.shown("access_token")
        bench.twin.revokeAccessTokens()
        #expect(caller.call(.get, "preferences").status == 401)
        #expect(!(try bench.refresh(grant.shown("refresh_token")).shown("access_token").isEmpty))
    }

    @Test("a fault plan's revoked token hits the accounting API and leaves the token endpoint alone")
    func faultPlan() throws {
        let bench = try QuickBooksOnlineBench()
        let call = HTTPRequest(
            .get, QuickBooksOnlineBench.company + "preferences",
            fields: ["Authorization": "Bearer \(bench.token)", "Accept": "application/json"])
        #expect(bench.send(call).status == 200)
        #expect(bench.send(bench.twin.withRevokedToken(call)).status == 401)
        let token = HTTPRequest(.post, "/oauth2/v1/tokens/bearer", fields: ["Authorization": "Basic x"])
        #expect(bench.twin.withRevokedToken(token).fields == token.fields)
        #expect(bench.twin.throttled(retryAfterSeconds: 3).fields["Retry-After"] == "3")
        #expect(bench.twin.throttled(retryAfterSeconds: nil).bodyText.contains("ThrottleExceeded"))
        #expect(bench.twin.unavailable().status == 503)
    }

    @Test("the eleventh call of a second is throttled in XML without Retry-After")
    func perSecond() throws {
        let bench = try QuickBooksOnlineBench(limits: QuickBooksOnlineLimits())
        for _ in 0 ..< 10 { #expect(bench.call(.get, "preferences").status == 200) }
        let response = bench.call(.get, "preferences")
        #expect(response.status == 429)
        #expect(response.fields["Retry-After"] == nil)
        #expect(response.bodyText.contains("<Fault type=\"SERVICE\"><Error code=\"3001\">"))
        #expect(response.bodyText.contains("message=ThrottleExceeded; errorCode=003001; statusCode=429"))
        #expect(response.bodyText.contains("The request limit was reached. Try again later"))
        bench.clocks.advance(by: .seconds(1))
        #expect(bench.call(.get, "preferences").status == 200)
    }

    @Test("the five hundred and first call of a minute and the forty-first batch are throttled")
    func perMinute() throws {
        let bench = try QuickBooksOnlineBench(limits: QuickBooksOnlineLimits())
        for _ in 0 ..< 500 {
            #expect(bench.call(.get, "preferences").status == 200)
            bench.clocks.advance(by: .milliseconds(110))
        }
        #expect(bench.call(.get, "preferences").status == 429)
        bench.clocks.advance(by: .seconds(60))
        for _ in 0 ..< 40 {
            #expect(
                bench.call(.post, "batch", "{\"BatchItemRequest\":[{\"bId\":\"1\",\"Query\":\"select * from Item\"}]}")
                    .status == 200)
            bench.clocks.advance(by: .milliseconds(110))
        }
        #expect(bench.call(.post, "batch", "{}").status == 429)
        #expect(bench.call(.get, "preferences").status == 200, "other calls go on")
    }
}
