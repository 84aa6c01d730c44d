import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

@Suite struct FreeAgentIdentityTests {
    private func refresh(_ desk: FreeAgentDesk, _ token: String) throws -> (status: Int, body: JSON) {
        let answer = desk.send(FreeAgentDesk.tokenRequest([("grant_type", "refresh_token"), ("refresh_token", token)]))
        return (answer.status, try JSON(parsing: answer.body))
    }

    @Test("a code of the consent page gives a token pair once, within fifteen minutes, to the address it was made for")
    func code() throws {
        let desk = try FreeAgentDesk(connected: false)
        func approve() throws -> String {
            let path = "/v2/approve_app?client_id=sandbox-client&response_type=code&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb&state=xyz"
            #expect(desk.send(HTTPRequest(.get, path)).bodyText.contains("Approve"))
            let answer = desk.send(HTTPRequest(.post, path, body: Array("decision=allow".utf8)))
            #expect(answer.status == 302)
            let location = try #require(answer.fields["Location"])
            #expect(location.hasPrefix("https://client.example.com/cb?code=") && location.hasSuffix("&state=xyz"))
            return String(location.dropFirst("https://client.example.com/cb?code=".count).dropLast("&state=xyz".count))
        }
        func exchange(_ code: String, back: String = "https://client.example.com/cb") throws -> HTTPResponse {
            desk.send(FreeAgentDesk.tokenRequest([("grant_type", "authorization_code"), ("code", code), ("redirect_uri", back)]))
        }
        let code = try approve()
        let answer = try exchange(code)
        #expect(answer.status == 200)
        let body = try JSON(parsing: answer.body)
        // Source: dev.freeagent.com/docs/oauth, "The Access Token Request".
        #expect(freeAgentMissing(["token_type": "bearer", "expires_in": 3600, "refresh_token_expires_in": 631_151_957], in: body) == [])
        #expect(try exchange(code).status == 400)
        #expect(try exchange(try approve(), back: "https://elsewhere.example.com/").status == 400)
        let late = try approve()
        desk.now = desk.now + .seconds(900)
        #expect(try exchange(late).status == 400)
    }

    @Test("an app nobody knows is not shown a consent page")
    func unknownApp() throws {
        let desk = try FreeAgentDesk(connected: false)
        for query in ["client_id=other&response_type=code&redirect_uri=https://a.example", "client_id=sandbox-client&response_type=token&redirect_uri=https://a.example", ""] {
            #expect(desk.send(HTTPRequest(.get, "/v2/approve_app?" + query)).status == 400)
        }
    }

    @Test("the client proves itself by Basic or among the parameters, and no other way")
    func client() throws {
        let desk = try FreeAgentDesk(connected: false)
        let grant = [("grant_type", "refresh_token"), ("refresh_token", FreeAgentTwin.refreshToken)]
        let wrong = desk.send(FreeAgentDesk.tokenRequest(grant, basic: "sandbox-client:wrong"))
        #expect(wrong.status == 401 && wrong.bodyText.hasPrefix("HTTP Basic: Access denied."))
        #expect(desk.send(FreeAgentDesk.tokenRequest(grant, basic: nil)).status == 401)
        let inBody = grant + [("client_id", "sandbox-client"), ("client_secret", "sandbox-secret")]
        #expect(desk.send(FreeAgentDesk.tokenRequest(inBody, basic: nil)).status == 200)
        let query = Form.encode(inBody.map { (name: $0.0, value: $0.1) })
        #expect(desk.send(HTTPRequest(.post, "/v2/token_endpoint?" + query)).status == 200)
        #expect(desk.send(FreeAgentDesk.tokenRequest([("grant_type", "password")])).status == 400)
    }

    @Test("an access token ends after an hour, and one that was never given is refused")
    func expiry() throws {
        let desk = try FreeAgentDesk()
        desk.now = desk.now + .seconds(3599)
        try desk.call(.get, "company")
        desk.now = desk.now + .seconds(1)
        let refused = try desk.call(.get, "company", status: 401)
        #expect(refused.member("errors", "error", "message") == "Access token not recognised")
        try desk.connect()
        try desk.call(.get, "company")
        #expect(desk.send(desk.twin.withRevokedToken(try desk.request(.get, "company"))).status == 401)
        desk.twin.revokeAccessTokens()
        #expect(try desk.raw(.get, "company").status == 401)
    }

    @Test("a refresh token ends when the access token of its successor is used, so a lost answer costs nothing")
    func rotation() throws {
        let desk = try FreeAgentDesk()
        let second = desk.refresh
        // The answer to this one is lost: nobody has what it gave.
        #expect(try refresh(desk, second).status == 200)
        #expect(try refresh(desk, second).status == 200)
        try desk.connect()
        #expect(desk.refresh != second)
        #expect(try refresh(desk, second).status == 200)
        try desk.call(.get, "company")
        let refused = try refresh(desk, second)
        #expect(refused.status == 400)
        #expect(refused.body == ["error": "invalid_grant"])
        #expect(try refresh(try desk.reopened(), second).status == 400)
        // What stands in the documentation never ends.
        #expect(try refresh(desk, FreeAgentTwin.refreshToken).status == 200)
    }

    @Test("an assistant who may do invoices sees neither bank nor journals, and makes no category")
    func levels() throws {
        let desk = try FreeAgentDesk(refresh: FreeAgentTwin.assistantRefreshToken)
        try desk.invoice("INV-1", "10.00")
        for path in ["bank_accounts", "bank_transaction_explanations?bank_account=1", "journal_sets", "bills", "accounting/trial_balance/summary", "account_locks"] {
            #expect(try desk.raw(.get, path).status == 403, "\(path)")
        }
        for path in ["company", "categories", "contacts", "users/me", "price_list_items", "credit_notes"] {
            #expect(try desk.raw(.get, path).status == 200, "\(path)")
        }
        #expect(try desk.raw(.post, "categories", #"{category: {description: "X", nominal_code: "048", category_group: "income"}}"#).status == 403)
        #expect(try desk.call(.get, "users/me").member("user", "permission_level") == 4)
    }

    @Test("tokens outlive a restart of the twin")
    func restart() throws {
        let desk = try FreeAgentDesk()
        try desk.call(.get, "company")
        let again = try desk.reopened()
        try again.call(.get, "company")
        #expect(try refresh(again, desk.refresh).status == 200)
    }
}
