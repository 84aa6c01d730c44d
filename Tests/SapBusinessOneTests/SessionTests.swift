import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("Logging in to a company") struct SessionTests {
    private func session() throws -> Authentication.Session {
        guard case .session(let session) = connector.spec.auth else { throw Fault("no_session", stage: .courier, disposition: .bug, summary: "no session") }
        return session
    }

    private func dressed(_ call: Call, _ parts: [String: String], login: Bool = false) throws -> HTTPRequest {
        let hand = Materials(
            parts: parts.mapValues { Secret($0) }, accessToken: Secret(""), account: facts.account, at: Timestamp(seconds: 1_795_000_000), nonce: "")
        return try Dressing.request(call, connector, facts, base: "https://b1.example.com:50000", hand, login: login).request
    }

    private func welcome(_ cookies: [String], body: String = #"{"SessionId":"ac79876e-1e72-11ed","Version":"1000190","SessionTimeout":30}"#) -> HTTPResponse {
        var response = answer(body)
        for cookie in cookies { response.fields.append("Set-Cookie", cookie) }
        return response
    }

    @Test("the login names the company, the user, the password and English, whatever characters they have") func login() throws {
        let call = try session().login(facts)
        let sent = try dressed(call, ["user": "manager", "password": #"a"b\c"#], login: true)
        #expect(sent.target == "https://b1.example.com:50000/b1s/v2/Login" && sent.fields["Cookie"] == nil)
        #expect(try JSON(parsing: sent.body) == ["CompanyDB": "SBODemoGB", "UserName": "manager", "Password": #"a"b\c"#, "Language": 3])
        #expect(call.kind == .read && call.cost == ["minute": 1])
    }

    @Test("both cookies are taken, without their paths; the body's number where the cookie is missing") func gives() throws {
        let session = try session()
        func given(_ response: HTTPResponse) -> [String?] { session.gives.map { $0.place.value(in: response) } }
        #expect(given(welcome(["B1SESSION=ac79876e;HttpOnly;", "ROUTEID=.node1; path=/b1s"])) == ["ac79876e", ".node1"])
        #expect(given(welcome([])) == ["ac79876e-1e72-11ed", nil])
        #expect(given(welcome([], body: "{}")) == [nil, nil])
        #expect(session.gives.map(\.isRequired) == [true, false])
    }

    @Test("every call has both cookies, or the one that there is") func cookies() throws {
        let call = try #require(drive(connector.find([simple()], facts)).calls.first)
        let both = ["user": "manager", "password": "secret-password", "B1SESSION": "ac79876e", "ROUTEID": ".node1"]
        #expect(try dressed(call, both).fields["Cookie"] == "B1SESSION=ac79876e; ROUTEID=.node1")
        var one = both
        one["ROUTEID"] = nil
        #expect(try dressed(call, one).fields["Cookie"] == "B1SESSION=ac79876e")
        // Nothing of the password goes with a call.
        #expect(!String(decoding: try dressed(call, both).body, as: UTF8.self).contains("secret-password"))
    }

    @Test("a session that has ended is told from one that may not do this, in both versions and for reads and writes") func ended() {
        let calls = [Call(.read, HTTPRequest(.get, "/b1s/v2/Invoices")), Call(.write, HTTPRequest(.post, "/b1s/v2/Invoices"))]
        for call in calls {
            for response in [
                refusal("Invalid session or session already timeout.", 301, status: 401),
                answer(#"{"error":{"code":301,"message":{"lang":"en-us","value":"Invalid session or session already timeout."}}}"#, status: 401),
                answer(#"{"error":{"code":301,"message":{"lang":"en-us","value":"Invalid session."}}}"#, status: 403), HTTPResponse(401),
            ] {
                guard case .reauthorize = connector.judge(response, to: call) else { Issue.record("\(response.bodyText)"); continue }
            }
            guard case .rejected(let fault) = connector.judge(refusal("You are not authorized to perform this action", -1, status: 403), to: call) else {
                Issue.record("a right that is missing is no end of a session")
                continue
            }
            #expect(fault.code == "ledger_access_refused")
        }
    }
}
