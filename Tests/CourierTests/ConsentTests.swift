import ConnectorKit
@testable import Courier
import HTTPClient
import Kernel
import Store
import Testing
import Wire

@Suite("The code of a consent")
struct ConsentTests {
    private static func auth(_ proof: Authentication.OAuth2.ClientProof = .body, exchange: [(name: String, value: String)] = []) -> Authentication {
        .oauth2(.init(
            authorizeURL: "https://plain.example/authorize", tokenURL: "https://plain.example/token", tokenPath: "/token", clientProof: proof, scopes: [],
            refreshGrace: .zero, consent: .init(path: "/authorize", takesChallenge: true, exchange: exchange, account: .identified, access: [])))
    }

    private func code(_ verifier: String? = "hush-verifier") -> ConsentCode {
        ConsentCode(
            code: Secret("hush-code"), verifier: verifier.map { Secret($0) }, redirectURI: "https://cf.test/back?a=b", clientID: "app", clientSecret: Secret("hush-client"))
    }

    private func connection(_ bench: Bench) -> CourierConnection { CourierConnection(row: bench.store.row, facts: ConnectionFacts(account: "acme")) }

    private func trade(_ bench: Bench, _ turn: Platform.Turn?) async -> CodeTraded {
        bench.platform.change { $0.tokenTurns = turn.map { [$0] } ?? [] }
        return await bench.courier.trade(code(), connector: bench.connector, connection: connection(bench))
    }

    @Test("the exchange names the same address as the consent page was told, and carries the verifier and what the platform wants besides")
    func request() async throws {
        let bench = Bench(PlainConnector(Self.auth(exchange: [("expiring", "1")])))
        _ = await trade(bench, .answer(.json(200, ["access_token": "A", "refresh_token": "R", "expires_in": 60])))
        let sent = try #require(bench.platform.state.with { $0.tokenRequests.first })
        let form = Form.decode(String(decoding: sent.body, as: UTF8.self))
        #expect(form.map { "\($0.name)=\($0.value)" } == [
            "grant_type=authorization_code", "code=hush-code", "redirect_uri=https://cf.test/back?a=b", "code_verifier=hush-verifier", "expiring=1", "client_id=app",
            "client_secret=hush-client",
        ])
        #expect(sent.target == "https://plain.example/token")
        let basic = Bench(PlainConnector(Self.auth(.basic)))
        _ = await basic.courier.trade(code(nil), connector: basic.connector, connection: connection(basic))
        let other = try #require(basic.platform.state.with { $0.tokenRequests.first })
        #expect(other.fields["Authorization"] == "Basic YXBwOmh1c2gtY2xpZW50")
        #expect(Form.decode(String(decoding: other.body, as: UTF8.self)).map(\.name) == ["grant_type", "code", "redirect_uri"])
    }

    @Test("a token set comes with the app that it belongs to, and is nowhere kept yet")
    func issued() async {
        let bench = Bench(PlainConnector(Self.auth()))
        let answer = await trade(bench, .answer(.json(200, ["access_token": "A", "refresh_token": "R", "expires_in": 60])))
        guard case .issued(let set) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(set.isOperators)
        var expected = set
        expected.isOperators = false
        #expect(expected == Credential(
            accessToken: Secret("A"), refreshToken: Secret("R"), expiresAt: bench.clocks.now() + .seconds(60), clientID: "app", clientSecret: Secret("hush-client")))
        #expect(bench.store.row.credentialVersion == 1)
        #expect(!bench.log.with { $0 }.contains("hush"))
    }

    @Test("the app's secret is in no token set that nothing renews: not where it alone is the proof, not without a refresh token")
    func appForgotten() async {
        func kept(_ proof: Authentication.OAuth2.ClientProof, _ answer: JSON) async -> Credential? {
            let bench = Bench(PlainConnector(Self.auth(proof)))
            guard case .issued(let set) = await trade(bench, .answer(.json(200, answer))) else { return nil }
            return set
        }
        #expect(await kept(.secret, ["access_token": "A", "refresh_token": "R"]) == Credential(accessToken: Secret("A")))
        #expect(await kept(.secret, ["access_token": "A"]) == Credential(accessToken: Secret("A")))
        #expect(await kept(.body, ["access_token": "A"]) == Credential(accessToken: Secret("A")))
        #expect(await kept(.basic, ["access_token": "A", "refresh_token": "R"])?.clientSecret == Secret("hush-client"))
    }

    @Test("a credential that was issued a moment ago may not be known everywhere: a refusal is tried again twice, after a pause, and then stands")
    func freshRefusals() async {
        let bench = Bench(PlainConnector(Self.auth()))
        let exchange = Exchange<String>.one(Call(.read, HTTPRequest(.get, "/who"))) { answer throws(Fault) in answer.bodyText }
        let mine = Credential(accessToken: Secret("hush-mine"))
        bench.platform.change { $0.access = [] }
        let began = bench.clocks.monotonic()
        let answer = await bench.courier.run(exchange, connector: bench.connector, connection: connection(bench), borrowed: mine)
        #expect(answer.refusal?.code == "unauthorised")
        #expect(bench.clocks.monotonic() - began == .seconds(4))
        #expect(bench.journal.lines.filter { $0.contains("hush-mine") }.count == 3, "\(bench.journal.lines)")
    }

    @Test("only a clear no is a refusal; only what never left may be sent again; all else is unknown")
    func outcomes() async {
        let bench = Bench(PlainConnector(Self.auth()))
        func word(_ turn: Platform.Turn?) async -> String {
            switch await trade(bench, turn) {
            case .issued: "issued"
            case .refused: "refused"
            case .notSent: "not sent"
            case .unknown: "unknown"
            }
        }
        #expect(await word(.answer(.json(400, ["error": "invalid_grant"]))) == "refused")
        #expect(await word(.answer(.json(401, ["error": "invalid_client"]))) == "refused")
        #expect(await word(.notSent(Platform.unreachable)) == "not sent")
        for turn: Platform.Turn in [
            .torn, .swallowed, .answer(.text(200, "<html>")), .answer(.json(200, [:])), .answer(.text(400, "<html>")), .answer(.text(502, "")), .answer(.text(302, "")),
            .answer(.json(400, ["error": "temporarily_unavailable"])),
        ] { #expect(await word(turn) == "unknown", "\(turn)") }
        bench.ends.with { $0 = bench.clocks.monotonic() + .seconds(5) }
        #expect(await word(nil) == "not sent")
        #expect(!bench.log.with { $0 }.contains("hush"))
    }

    @Test("calls with a borrowed credential use it and leave the connection's own alone: nothing is renewed, proved or declared dead")
    func borrowed() async {
        let bench = Bench(PlainConnector(Self.auth()), Bench.credential(0), expired: true)
        let mine = Credential(accessToken: Secret("hush-mine"), refreshToken: Secret("hush-r9"), clientID: "app", clientSecret: Secret("hush-client"))
        let exchange = Exchange<String>.one(Call(.read, HTTPRequest(.get, "/who"))) { answer throws(Fault) in answer.bodyText }
        func run() async -> Delivery<String> { await bench.courier.run(exchange, connector: bench.connector, connection: connection(bench), borrowed: mine) }
        bench.platform.change { $0.access = ["hush-mine"] }
        guard case .done("fine") = await run() else {
            Issue.record("it was not used")
            return
        }
        bench.platform.change { $0.access = [] }
        guard case .refused(let fault) = await run() else {
            Issue.record("a refusal was taken for an answer")
            return
        }
        #expect(fault.code == "unauthorised")
        #expect(bench.platform.tokenCalls == 0)
        #expect(bench.store.row.state == "live" && bench.store.row.credentialVersion == 1)
        #expect(bench.journal.lines.allSatisfy { $0.contains("hush-mine") || $0.hasPrefix("sleep") }, "\(bench.journal.lines)")
    }
}
