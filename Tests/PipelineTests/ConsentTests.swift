import ConnectorKit
import Courier
import Crypto
import Kernel
@testable import Pipeline
import Postgres
import QuickBooksOnline
import Store
import TestKit
import Testing
import TwinKit
import TwinQuickBooksOnline
import TwinXero
import Wire
import Xero

/// A twin at whose consent page somebody says yes, and the worker that has the answer.
private struct Consenting {
    let desk: Desk
    let twin: any LedgerTwin
    /// Requests to the token endpoint.
    let traded: Locked<Int>

    static let back = "https://cf.test/oauth/callback/x"
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let otherXero = "4d1c3b2a-90fe-4c77-9a51-7f0e2d6b8c13"
    static let realm = "9130350000000001"

    /// - account: empty for a connection that learns it.
    static func with(
        _ connector: any LedgerConnector, _ twin: any LedgerTwin, account: String = "", token: HTTPResponse? = nil,
        _ body: @Sendable (Consenting) async throws -> Void
    ) async throws {
        let traded = Locked(0), clocks = SystemClocks()
        var plan = House.Plan()
        plan.ledgerAccount = "before"
        try await Desk.with(plan, connector: connector, answering: { request in
            if request.method == .post, request.path.contains("token") {
                traded.with { $0 += 1 }
                if let token { return token }
            }
            return twin.respond(request, at: clocks.now())
        }) { desk in
            _ = try await desk.house.owner.query("""
                UPDATE app.connections SET account = \(account), state = 'new', credential = NULL, credential_version = 0 WHERE id = \(desk.house.ledger)
                """)
            try await body(Consenting(desk: desk, twin: twin, traded: traded))
        }
    }

    static func quickBooks() throws -> QuickBooksOnlineTwin {
        try QuickBooksOnlineTwin(journal: TwinJournal(inMemory: []), limits: .none, random: SeededRandom(seed: 7))
    }

    static func xero() throws -> XeroTwin { try XeroTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 7)) }

    /// What the browser brings back after this form.
    func consent(_ path: String, _ more: [(String, String)], form: String = "decision=allow") throws -> HTTPRequest {
        let query = [("client_id", "sandbox-client"), ("response_type", "code"), ("redirect_uri", Consenting.back), ("state", "s")] + more
        let target = path + "?" + Form.encode(query.map { (name: $0.0, value: $0.1) })
        let answer = twin.respond(HTTPRequest(.post, target, body: Array(form.utf8)), at: SystemClocks().now())
        return HTTPRequest(.get, try #require(answer.fields["Location"]))
    }

    func quickBooksConsent(_ form: String = "decision=allow") throws -> HTTPRequest {
        try consent("/connect/oauth2", [("scope", "com.intuit.quickbooks.accounting")], form: form)
    }

    func xeroConsent(_ form: String = "decision=allow") throws -> HTTPRequest {
        let challenge = Base64.encodeURL(Digest.sha256(Array(Consenting.verifier.utf8)))
        return try consent("/identity/connect/authorize", [("code_challenge", challenge), ("code_challenge_method", "S256")], form: form)
    }

    /// The row that the control plane would have left, and the job that it would have raised.
    func receive(_ back: HTTPRequest, verifier: String? = nil, state: String = "received") async throws -> ConsentID {
        let id: ConsentID = SystemRandom().identifier(), house = desk.house
        let answer = JSON.object([
            ("code", .string(back.query("code") ?? "")), ("client_id", "sandbox-client"), ("client_secret", "sandbox-secret"), ("redirect_uri", .string(Consenting.back)),
        ]).bytes
        let digest = Digest.sha256(Array(id.description.utf8)), verifier = verifier.map { Array($0.utf8) }
        _ = try await house.owner.query("""
            INSERT INTO app.consents (tenant_id, id, connection_id, kind, state, link_digest, browser_digest, state_digest, verifier, answer, account, created_by, expires_at)
            VALUES (\(house.tenant), \(id), \(house.ledger), 'direct', \(state), \(digest), \(digest), \(digest), \(verifier), \(answer), \(back.query("realmId")), 'a',
              now() + interval '1 hour')
            """)
        try await house.worker.ask(house.tenant, [Job(.consent, id.description, lane: .interactive)])
        return id
    }

    func row(_ id: ConsentID) async throws -> (state: String, code: String?, found: JSON) {
        let row = try #require(try await desk.house.owner.query("SELECT state, fault->>'code' AS code, coalesce(found, '[]') AS found FROM app.consents WHERE id = \(id)").first)
        return (try row.get("state"), try row.get("code"), try JSON(parsing: try row.get("found", as: PostgresJSON.self).bytes))
    }

    func confirm(_ id: ConsentID, _ account: String) async throws {
        let rows = try await desk.house.supervisor.pool.query(ConsentStatements.confirm(desk.house.tenant, id, account: account, at: SystemClocks().now()))
        #expect(rows.count == 1)
        try await desk.house.worker.ask(desk.house.tenant, [Job(.identify, desk.house.ledger.description, lane: .interactive)])
        try await desk.work()
    }

    func connection() async throws -> ConnectionRow { try #require(try await desk.house.worker.connection(desk.house.tenant, desk.house.ledger)) }
}

@Suite("What becomes of a consent") struct ConsentTests {
    @Test("QuickBooks Online: the code becomes a token set, the company of the callback shows itself, and a yes brings the connection to life")
    func quickBooks() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks()) { c in
            let id = try await c.receive(try c.quickBooksConsent())
            try await c.desk.work()
            let found = try await c.row(id)
            #expect(found.state == "found")
            #expect(found.found == [["account": .string(Consenting.realm), "name": "Prairie Goods LLC", "country": "US", "currency": "USD", "time_zone": .null]])
            var connection = try await c.connection()
            #expect(connection.credential == nil && connection.account == "" && connection.state == "new")
            try await c.confirm(id, Consenting.realm)
            connection = try await c.connection()
            #expect(connection.state == "live" && connection.account == Consenting.realm && connection.credentialVersion == 1)
            let kept = try Credential(json: try #require(connection.credential))
            #expect(kept.clientID == "sandbox-client" && kept.refreshToken != nil && kept.expiresAt != nil)
            #expect(c.traded.with { $0 } == 1)
            #expect(try await c.desk.house.count("SELECT count(*) FROM app.consents WHERE coalesce(verifier, answer, credential) IS NOT NULL") == 0)
            #expect(try await c.desk.house.count("SELECT count(*) FROM app.audit WHERE action IN ('consent.sent', 'consent.granted', 'consent.found')") == 3)
        }
    }

    @Test("Xero: the verifier goes with the code, and of several organisations all are shown with country and currency")
    func xero() async throws {
        try await Consenting.with(XeroConnector(), try Consenting.xero()) { c in
            let back = try c.xeroConsent("decision=allow&choice=\(XeroTwin.tenantID)&choice=\(Consenting.otherXero)")
            let id = try await c.receive(back, verifier: Consenting.verifier)
            try await c.desk.work()
            let found = try await c.row(id)
            #expect(found.state == "found")
            #expect(found.found.array?.compactMap { $0["name"]?.string } == ["Thames Pottery Ltd", "Severn Glass Ltd"])
            #expect(found.found.array?.compactMap { $0["currency"]?.string } == ["GBP", "GBP"])
            try await c.confirm(id, XeroTwin.tenantID)
            #expect(try await c.connection().state == "live")
        }
    }

    @Test("Xero: a connection that has its organisation is shown that one alone, and any other is refused with nothing kept", arguments: [true, false])
    func xeroAgain(_ own: Bool) async throws {
        try await Consenting.with(XeroConnector(), try Consenting.xero(), account: own ? XeroTwin.tenantID : "aaaaaaaa-0000-4000-8000-000000000000") { c in
            let id = try await c.receive(try c.xeroConsent("decision=allow&choice=\(XeroTwin.tenantID)&choice=\(Consenting.otherXero)"), verifier: Consenting.verifier)
            try await c.desk.work()
            let row = try await c.row(id)
            #expect(row.state == (own ? "found" : "failed") && row.code == (own ? nil : "consent_other_account"))
            #expect(row.found.array?.count == (own ? 1 : 0))
            #expect(try await c.connection().credential == nil)
            #expect(try await c.desk.house.count("SELECT count(*) FROM app.consents WHERE credential IS NOT NULL") == (own ? 1 : 0))
        }
    }

    @Test("a code that the platform does not take, a verifier that is not the right one, and an account that lets nobody in end it with what to do")
    func refusals() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks()) { c in
            let stale = try await c.receive(HTTPRequest(.get, "/?code=made-up&realmId=\(Consenting.realm)"))
            try await c.desk.work()
            #expect(try await c.row(stale).code == "consent_code_refused")
            let shut = try await c.receive(try c.quickBooksConsent("decision=allow&choice=9130350000000002"))
            try await c.desk.work()
            #expect(try await c.row(shut).state == "failed")
        }
        try await Consenting.with(XeroConnector(), try Consenting.xero()) { c in
            let id = try await c.receive(try c.xeroConsent(), verifier: "another-verifier-of-enough-characters-to-be-one")
            try await c.desk.work()
            #expect(try await c.row(id).code == "consent_code_refused")
        }
    }

    @Test("a code whose exchange nobody knows the outcome of is never sent again: not after an odd answer, not by the next worker")
    func onceOnly() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks(), token: HTTPResponse(500)) { c in
            let id = try await c.receive(try c.quickBooksConsent())
            try await c.desk.work()
            #expect(try await c.row(id).code == "consent_outcome_lost")
            let other = try await c.receive(try c.quickBooksConsent(), state: "sent")
            try await c.desk.later()
            #expect(try await c.row(other).code == "consent_outcome_lost")
            #expect(c.traded.with { $0 } == 1)
        }
    }

    @Test("while too little of the lease is left the code is not sent, and is as good afterwards")
    func leaseEnding() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks()) { c in
            let id = try await c.receive(try c.quickBooksConsent()), ends = c.desk.ends.with { $0 }
            c.desk.ends.with { $0 = SystemClocks().monotonic() + .seconds(5) }
            try await c.desk.work()
            #expect(try await c.row(id).state == "received")
            #expect(c.traded.with { $0 } == 0)
            c.desk.ends.with { $0 = ends }
            try await c.desk.later()
            #expect(try await c.row(id).state == "found")
        }
    }

    @Test("a consent that ran out of time is not traded")
    func late() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks()) { c in
            let id = try await c.receive(try c.quickBooksConsent())
            _ = try await c.desk.house.owner.query("UPDATE app.consents SET expires_at = now() - interval '1 second'")
            try await c.desk.work()
            #expect(try await c.row(id).state == "received")
            #expect(c.traded.with { $0 } == 0)
        }
    }

    @Test("the old credential works on until the new one is confirmed, and the connection keeps its own after a refusal")
    func oldStays() async throws {
        try await Consenting.with(QuickBooksOnlineConnector(), try Consenting.quickBooks(), account: Consenting.realm) { c in
            _ = try await c.desk.house.owner.query("UPDATE app.connections SET credential = 'old', credential_version = 5, state = 'live' WHERE id = \(c.desk.house.ledger)")
            let id = try await c.receive(try c.quickBooksConsent())
            try await c.desk.work()
            #expect(try await c.row(id).state == "found")
            #expect(try await c.connection().credential == Array("old".utf8))
            try await c.confirm(id, Consenting.realm)
            let after = try await c.connection()
            #expect(after.credentialVersion == 6 && after.state == "live" && after.credential != Array("old".utf8))
        }
    }
}
