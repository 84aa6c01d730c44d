import ConnectorKit
import Crypto
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

/// Each way in which a consent is turned against somebody, and what it comes to: a page that says so, a row in the trail, a code.
@Suite("attacks on a consent") struct ConsentAttackTests {
    private func refused(_ answer: HTTPResponse, _ status: Int, _ code: String) {
        #expect(answer.status == status && answer.bodyText.contains(">\(code)<"), "\(answer.status) \(answer.bodyText.suffix(300))")
        #expect(answer.bodyText.contains("role=\"alert\""))
    }

    @Test("an answer with a state that nobody asked with is turned away, and the trail of the browser's own consent tells of it") func wrongState() async throws {
        let journey = try await Journey.asked()
        refused(await journey.answer([("code", "evil"), ("state", "made-up"), ("realmId", "9130")]), 400, "consent_state_wrong")
        refused(await journey.answer([("code", "evil"), ("realmId", "9130")]), 400, "consent_state_wrong")
        refused(await journey.answer([("code", "evil"), ("state", journey.state), ("state", journey.state)]), 400, "consent_state_wrong")
        refused(await journey.answer(journey.good.map { ($0.0, $0.0 == "state" ? "" : $0.1) }, by: Browser(journey.bench)), 400, "consent_state_wrong")
        #expect(try await journey.trail().filter { $0 == "consent.turned_away consent_state_wrong" }.count == 3)
        // The consent itself is as it was: nobody can end it by guessing.
        #expect(await journey.answer(journey.good).status == 303)
        try await journey.stands("received")
    }

    @Test("another browser with the right state ends the consent: the code has leaked, or somebody is lured into it") func foreignBrowser() async throws {
        let journey = try await Journey.asked()
        refused(await journey.answer(journey.good, by: Browser(journey.bench)), 403, "consent_foreign_browser")
        try await journey.stands("failed", "consent_foreign_browser")
        #expect(try await journey.trail().last == "consent.failed consent_foreign_browser")
        #expect(try await journey.bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'consent'") == 0)
        refused(await journey.answer(journey.good), 409, "consent_replayed")
        // Nobody is led there with somebody else's consent either.
        let lured = try await Journey.asked(journey.bench)
        refused(await lured.answer(lured.good, by: journey.browser), 403, "consent_foreign_browser")
    }

    @Test("an answer counts once; the same again, from whichever browser, changes nothing that goes on") func replayed() async throws {
        let journey = try await Journey.asked()
        #expect(await journey.answer(journey.good).status == 303)
        refused(await journey.answer(journey.good), 409, "consent_replayed")
        refused(await journey.answer([("code", "other"), ("state", journey.state), ("realmId", "9130")]), 409, "consent_replayed")
        refused(await journey.answer(journey.good, by: Browser(journey.bench)), 403, "consent_foreign_browser")
        try await journey.stands("received")
        #expect(try await journey.trail().filter { $0.hasSuffix("consent_replayed") }.count == 2)
        try await journey.found([["account": "9130", "name": "P"]])
        refused(await journey.answer(journey.good), 409, "consent_replayed")
        try await journey.stands("found")
    }

    @Test("two answers at once are taken once") func race() async throws {
        let journey = try await Journey.asked()
        async let first = journey.answer(journey.good)
        async let second = journey.answer(journey.good)
        let statuses = await [first.status, second.status].sorted()
        #expect(statuses == [303, 409])
        #expect(try await journey.trail().filter { $0 == "consent.received" }.count == 1)
    }

    @Test("another platform's callback does not answer for the one that was asked") func mixUp() async throws {
        let journey = try await Journey.asked()
        let answer = await journey.answer([("code", "c"), ("state", journey.state), ("shop", "a.stall.example.com"), ("hmac", "x")], platform: "stall")
        #expect(answer.status == 303)
        refused(await journey.browser.open("/consents/\(journey.id)"), 200, "consent_platform_wrong")
        try await journey.stands("failed", "consent_platform_wrong")
        for platform in ["shop", "nothing"] { #expect(await journey.answer(journey.good, platform: platform).status == 404) }
    }

    @Test("an issuer that is not the platform's ends it; the platform's own is taken", arguments: [
        ("https://evil.example", false), ("https://books.example.com.evil.example", false), ("https://books.example.com", true), ("https://books.example.com/", false),
    ]) func issuer(_ issuer: String, _ good: Bool) async throws {
        let journey = try await Journey.asked()
        #expect(await journey.answer(journey.good + [("iss", issuer)]).status == 303)
        try await journey.stands(good ? "received" : "failed", good ? nil : "consent_issuer_wrong")
    }

    @Test("a no, an error and an answer without its parts each say what happened", arguments: [
        (["error": "access_denied"], "consent_declined"), (["error": "server_error"], "consent_refused"), (["error": "<script>"], "consent_refused"),
        (["code": "", "realmId": "1"], "consent_answer_incomplete"), (["code": "c"], "consent_answer_incomplete"),
        (["code": "c", "realmId": "../x"], "consent_answer_incomplete"), (["code": "c d", "realmId": "1"], "consent_answer_incomplete"),
    ]) func errors(_ pairs: [String: String], _ code: String) async throws {
        let journey = try await Journey.asked()
        #expect(await journey.answer(pairs.map { ($0.key, $0.value) } + [("state", journey.state)]).status == 303)
        let page = await journey.browser.open("/consents/\(journey.id)")
        refused(page, 200, code)
        #expect(!page.bodyText.contains("<script"))
        try await journey.stands("failed", code)
        #expect(try await journey.trail().last == "consent.failed \(code)")
    }

    @Test("an answer that comes too late is not taken") func late() async throws {
        let journey = try await Journey.asked()
        journey.bench.clocks.step(.seconds(ControlPlaneLimits.consentSeconds + 1))
        #expect(await journey.answer(journey.good).status == 303)
        try await journey.stands("failed", "consent_expired")
        // And what the tidying found first is told the same.
        let other = try await Journey.asked(journey.bench)
        journey.bench.clocks.step(.seconds(ControlPlaneLimits.consentSeconds + 1))
        try await journey.bench.store.expireConsents(at: journey.bench.clocks.now())
        refused(await other.answer(other.good), 409, "consent_expired")
    }

    @Test("another company than the connection's is refused before its code is used, in words that name both") func otherAccount() async throws {
        let journey = try await Journey.asked(account: "9130")
        #expect(await journey.answer([("code", "c"), ("state", journey.state), ("realmId", "4620")]).status == 303)
        let page = await journey.browser.open("/consents/\(journey.id)")
        refused(page, 200, "consent_other_account")
        #expect(page.bodyText.contains("4620") && page.bodyText.contains("9130"))
        #expect(try await journey.bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'consent'") == 0)
    }

    private func signedPairs(_ journey: Journey, shop: String, secret: String = "stall-hush") -> [(String, String)] {
        let pairs = [("code", "c"), ("shop", shop), ("state", journey.state), ("timestamp", "1794734466")]
        let text = pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        return pairs + [("hmac", HMAC.sha256(key: Array(secret.utf8), Array(text.utf8)).hexText)]
    }

    @Test("where answers are signed a wrong signature, another shop and an answer without one are refused") func signatures() async throws {
        let bench = try await Bench.make()
        func trial(_ change: (Journey) -> [(String, String)]) async throws -> String? {
            let journey = try await Journey.asked(bench, platform: "stall", account: "acme")
            #expect(journey.asked.path == "https://acme.stall.example.com/authorize" && journey.asked.query("scope") == "a,b")
            #expect(journey.asked.query("code_challenge") == nil)
            _ = await journey.answer(change(journey), platform: "stall")
            return try await journey.standing()["fault"]?["code"]?.string
        }
        #expect(try await trial { signedPairs($0, shop: "acme.stall.example.com") } == nil)
        #expect(try await trial { signedPairs($0, shop: "acme.stall.example.com", secret: "guess") } == "consent_signature_wrong")
        #expect(try await trial { Array(signedPairs($0, shop: "acme.stall.example.com").dropLast()) } == "consent_signature_wrong")
        #expect(try await trial { signedPairs($0, shop: "acme.stall.example.com").map { ($0.0, $0.0 == "code" ? "d" : $0.1) } } == "consent_signature_wrong")
        #expect(try await trial { signedPairs($0, shop: "evil.stall.example.com") } == "consent_other_account")
        #expect(try await trial { signedPairs($0, shop: "acme.evil.example") } == "consent_answer_incomplete")
    }

    @Test("the platform's own example of a signed callback is taken")
    func vector() {
        let pairs = [("code", "abc123"), ("host", "YWRtaW4"), ("shop", "acme.myshopify.com"), ("state", "s1"), ("timestamp", "1794734466")]
        let text = pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        #expect(HMAC.sha256(key: Array("shpss_test_secret".utf8), Array(text.utf8)).hexText == "64150fa1d9b9234455e732d21f5341cc60319c4e93cadf727e3b21b777cdfe72")
    }

    // MARK: The question

    @Test("only an account that was found can be confirmed, once, and by the browser that began") func confirming() async throws {
        let journey = try await Journey.asked()
        let path = "/consents/\(journey.id)/confirm", bench = journey.bench
        _ = await journey.answer(journey.good)
        _ = await journey.browser.submit(path, [("account", "9130")])
        try await journey.stands("received")
        try await journey.found([["account": "9130", "name": "Prairie Goods", "country": "US", "currency": "USD"]])
        _ = await journey.browser.submit(path, [("account", "4620")])
        _ = await journey.browser.submit(path)
        try await journey.stands("found")
        refused(await Browser(bench).submit(path, [("account", "9130")]), 403, "consent_foreign_browser")
        refused(await Browser(bench).open("/consents/\(journey.id)"), 403, "consent_foreign_browser")
        for _ in 0 ..< 2 { #expect(await journey.browser.submit(path, [("account", "9130")]).status == 303) }
        try await journey.stands("confirmed")
        #expect(await bench.call(.get, "/v1/connections/\(journey.connection)").json["credential"]?["version"]?.int == 1)
    }

    @Test("what differs from the organisation is marked in words, and confirmed only by saying so") func differing() async throws {
        let journey = try await Journey.asked()
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "9130", "name": "Other <b>Co</b>", "country": "GB", "currency": "GBP"]])
        let page = await journey.browser.open("/consents/\(journey.id)").bodyText
        #expect(page.split(separator: ">differs<").count == 4 && page.contains("Other &lt;b&gt;Co&lt;/b&gt;") && page.contains("type=\"checkbox\"") && !page.contains("Finish what you begin"))
        let again = await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130")])
        #expect(again.status == 422 && again.bodyText.contains("role=\"alert\""))
        try await journey.stands("found")
        #expect(await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130"), ("differs", "yes")]).status == 303)
        try await journey.stands("confirmed")
    }

    @Test("another company of the same country and currency is marked, and confirmed only by saying so") func otherCompany() async throws {
        let journey = try await Journey.asked()
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "9130", "name": "Prairie Goods Canada LLC", "country": "US", "currency": "USD"]])
        let page = await journey.browser.open("/consents/\(journey.id)").bodyText
        #expect(page.split(separator: ">differs<").count == 2 && page.contains("type=\"checkbox\""))
        #expect(await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130")]).status == 422)
        try await journey.stands("found")
    }

    @Test("companies are the same however they write their kind, points and accents; what the platform does not say is no difference") func companyNames() {
        func differs(_ found: JSON, _ expected: String...) -> Bool {
            FoundAccount(found)?.differences(from: expected.map { FoundAccount(account: "", name: $0, country: nil, currency: nil) }) == ["name"]
        }
        for same in ["Prairie Goods LLC", "PRAIRIE GOODS, L.L.C.", "The Prairie  Goods Co.", "prairie goods", "Prairie Goods Inc."] {
            #expect(!differs(["account": "1", "name": .string(same)], "Thames Pottery Ltd", "Prairie Goods LLC"), "\(same)")
        }
        for other in ["Prairie", "Prairie Goods Canada LLC", "Goods Prairie", "PrairieGoods"] { #expect(differs(["account": "1", "name": .string(other)], "Prairie Goods LLC"), "\(other)") }
        #expect(!differs(["account": "1", "name": "Oak and Clay GmbH"], "Oak & Clay"))
        #expect(!differs(["account": "1", "name": "M\u{00FC}ller AG"], "Mueller"))
        #expect(!differs(["account": "1"], "Prairie Goods LLC"))
        #expect(!differs(["account": "1", "name": "Anything"]))
        #expect(!differs(["account": "1", "name": "Anything"], ""))
        // Of a name that is nothing but a kind something stays.
        #expect(!differs(["account": "1", "name": "Severn Glas GmbH & Co. KG"], "severn glas"))
        #expect(CompanyName.plain("The Limited") == "the limited")
        #expect(differs(["account": "1", "name": "The Limited"], "Co"))
        // Connected before, the very name counts.
        let before = FoundAccount(account: "1", name: "Prairie Goods LLC", country: nil, currency: nil)
        #expect(FoundAccount(["account": "1", "name": "Prairie Goods"])?.differences(from: [before]) == ["name"])
    }

    @Test("of several accounts the person chooses one; a no keeps nothing") func choosing() async throws {
        let journey = try await Journey.asked()
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "A", "name": "Alpha", "country": "US", "currency": "USD"], ["account": "B", "name": "Beta", "country": "NZ", "currency": "NZD"]])
        let page = await journey.browser.open("/consents/\(journey.id)").bodyText
        #expect(page.split(separator: "type=\"radio\"").count == 3 && page.contains("differs in country and currency and name"))
        _ = await journey.browser.submit("/consents/\(journey.id)/refuse")
        try await journey.stands("failed", "consent_not_confirmed")
        #expect(try await journey.bench.count("SELECT count(*) FROM app.consents WHERE credential IS NOT NULL") == 0)
        #expect(await journey.bench.call(.get, "/v1/connections/\(journey.connection)").json["account"]?.string == "")
    }

    @Test("two consents to a connection without an account can't give it two") func twoAtOnce() async throws {
        let first = try await Journey.asked()
        var second = first
        try await second.begin()
        try await second.goOn()
        for (journey, realm) in [(first, "1"), (second, "2")] {
            _ = await journey.answer([("code", "c"), ("state", journey.state), ("realmId", realm)])
            try await journey.found([["account": .string(realm), "name": "Prairie Goods"]])
        }
        _ = await first.browser.submit("/consents/\(first.id)/confirm", [("account", "1")])
        _ = await second.browser.submit("/consents/\(second.id)/confirm", [("account", "2")])
        try await first.stands("confirmed")
        try await second.stands("failed", "consent_other_account")
        #expect(await first.bench.call(.get, "/v1/connections/\(first.connection)").json["account"]?.string == "1")
    }

    @Test("connecting again keeps the connection with all that it knows; only the credential is new, and works once its account is known, whether one did before or not", arguments: ["dead", "live"]) func reconnect(_ before: String) async throws {
        let journey = try await Journey.asked(account: "9130")
        let root = journey.bench.root
        _ = try await root.pool.query("""
            UPDATE app.connections SET credential = 'old', credential_version = 3, state = \(before), state_reason = 'x', watermark = '2026-11-01',
              identity = '{"account": "9130", "name": "Prairie Goods", "country": "US", "currency": "USD"}' WHERE id::text = \(journey.connection)
            """)
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "9130", "name": "Renamed Inc", "country": "US", "currency": "USD"]])
        let page = await journey.browser.open("/consents/\(journey.id)").bodyText
        #expect(page.contains("As it was before") && page.contains(">differs<"))
        #expect(page.contains("Finish what you begin"))
        _ = await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130"), ("differs", "yes")])
        let row = try #require(try await root.pool.query("SELECT credential, credential_version, state, watermark::date::text AS day FROM app.connections WHERE id::text = \(journey.connection)").first)
        #expect(try row.get("credential", as: [UInt8].self) == Array("sealed".utf8))
        #expect(try row.get("credential_version", as: Int32.self) == 4)
        #expect(try row.get("state", as: String.self) == "new" && row.get("day", as: String.self) == "2026-11-01")
    }

    @Test("whoever is turned away again and again does not fill the trail") func flood() async throws {
        let journey = try await Journey.asked()
        let thief = Browser(journey.bench)
        for _ in 0 ..< 105 { _ = await thief.open(journey.link) }
        #expect(try await journey.trail().filter { $0.hasPrefix("consent.turned_away") }.count == 100)
    }
}
