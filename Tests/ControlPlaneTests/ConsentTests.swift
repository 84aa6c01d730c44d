import Crypto
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("consent in a browser") struct ConsentTests {
    @Test("from link to confirmed account: the code is sealed for the worker, the token set waits for the person's yes, and secrets show nowhere") func whole() async throws {
        var journey = try await Journey.make()
        try await journey.begin("invitation")
        let bench = journey.bench, browser = journey.browser
        let offer = await browser.open(journey.link)
        for text in ["North Advisers", "Prairie Goods", "read and write invoices", "Continue to books"] { #expect(offer.bodyText.contains(text), "\(text)") }
        try await journey.goOn()
        #expect(journey.asked.path == "https://books.example.com/authorize")
        for (name, value) in [("response_type", "code"), ("client_id", "books-app"), ("redirect_uri", "https://cf.test/oauth/callback/books"), ("code_challenge_method", "S256")] {
            #expect(journey.asked.query(name) == value)
        }
        let back = await journey.answer(journey.good)
        #expect(back.status == 303 && back.fields["Location"] == "/consents/\(journey.id)")
        #expect(await browser.open("/consents/\(journey.id)").bodyText.contains("http-equiv=\"refresh\""))
        try await journey.stands("received")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'consent' AND lane = 'interactive' AND subject = \(journey.id)") == 1)
        let row = try #require(try await bench.root.pool.query("SELECT verifier, answer, account FROM app.consents WHERE id::text = \(journey.id)").first)
        let consent = try #require(ConsentID(journey.id)), tenant = journey.made.tenant
        let answer = try JSON(parsing: try tenant.privateKey.open(try row.get("answer"), context: ConsentRow.context("answer", tenant.id, consent)))
        #expect(answer == ["code": "code-1", "client_id": "books-app", "client_secret": "books-hush", "redirect_uri": "https://cf.test/oauth/callback/books"])
        let verifier = try tenant.privateKey.open(try row.get("verifier"), context: ConsentRow.context("verifier", tenant.id, consent))
        #expect(Base64.encodeURL(Digest.sha256(verifier)) == journey.asked.query("code_challenge"))
        #expect(try row.get("account", as: String.self) == "9130")

        try await journey.found([["account": "9130", "name": "Prairie Goods", "country": "US", "currency": "USD"]])
        let question = await browser.open("/consents/\(journey.id)").bodyText
        for text in ["Is this the right account?", "Prairie Goods", "9130", "USD", "Yes, connect it"] { #expect(question.contains(text)) }
        #expect(!question.contains("differs"))
        let connection = "/v1/connections/\(journey.connection)"
        #expect(await bench.call(.get, connection).json["credential"]?["present"]?.bool == false)
        #expect(await browser.submit("/consents/\(journey.id)/confirm", [("account", "9130")]).status == 303)
        let now = await bench.call(.get, connection).json
        #expect(now["account"]?.string == "9130" && now["credential"]?["version"]?.int == 1 && now["state"]?.string == "new")
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'identify' AND subject = \(journey.connection)") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.consents WHERE id::text = \(journey.id) AND coalesce(credential, answer, verifier) IS NULL AND state = 'confirmed'") == 1)
        #expect(try await journey.trail().filter { $0 != "consent.test" } == ["consent.invited", "consent.asked", "consent.received", "consent.confirmed"])
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'consent.confirmed' AND detail->>'account' = '9130' AND detail->>'consent' = \(journey.id)") == 1)
        let shown = try await journey.standing().text
        let seen = bench.log.text + bench.database.cluster.log + shown + question
        for secret in ["books-hush", "code-1", journey.state, String(journey.link.suffix(32))] { #expect(!seen.contains(secret)) }
    }

    @Test("a source that is told what the ledger has is asked for the right to write, and the page says so; one that is not, is not") func told() async throws {
        for reflects in [false, true] {
            var journey = try await Journey.make(platform: "stall", account: "prairie")
            if reflects {
                _ = try await journey.bench.root.pool.query(
                    "UPDATE app.flows SET source_id = \(journey.connection)::uuid, policies = policies || '{\"reflect\": \"on\"}' WHERE id = \(journey.made.flow)")
            }
            try await journey.begin()
            #expect(await journey.browser.open(journey.link).bodyText.contains("write a line beside orders") == reflects)
            try await journey.goOn()
            #expect(journey.asked.query("scope") == (reflects ? "a,b,c" : "a,b"))
        }
    }

    @Test("with an API key go the links that were made with it, however far they have got; others stay") func revokedKey() async throws {
        let bench = try await Bench.make()
        var open = try await Journey.make(bench), asked = try await Journey.make(bench), other = try await Journey.make(bench)
        let label = "ann", key = try await bench.key(label, scopes: ["admin"])
        for (n, kind) in ["invitation", "authorization"].enumerated() {
            let journey = n == 0 ? open : asked
            let made = await bench.call(.post, "/v1/connections/\(journey.connection)/\(kind)", kind == "invitation" ? JSON.object([]) : nil, key: key)
            let (id, link) = (try made.id(), made.json["url"]?.string ?? "")
            if n == 0 { (open.id, open.link) = (id, link) } else { (asked.id, asked.link) = (id, link) }
        }
        try await other.begin("invitation")
        try await asked.goOn()
        let id = try #require(await bench.call(.get, "/v1/keys").items.first { $0["label"]?.string == label }?["id"]?.string)
        #expect(await bench.call(.delete, "/v1/keys/\(id)").status == 204)
        for journey in [open, asked] {
            try await journey.stands("revoked")
            #expect(try await journey.trail().last == "consent.revoked")
            #expect(try await bench.count("SELECT count(*) FROM app.consents WHERE id::text = \(journey.id) AND coalesce(credential, answer, verifier) IS NULL") == 1)
        }
        let gone = await open.browser.open(open.link)
        #expect(gone.status == 410 && gone.bodyText.contains("consent_revoked"))
        #expect(await asked.answer(asked.good).status >= 400)
        try await other.stands("open")
        // Where the key is still remembered, it makes no link any more.
        let late = await bench.call(.post, "/v1/connections/\(open.connection)/invitation", .object([]), key: key)
        #expect(late.status == 401)
        #expect(try await bench.count("SELECT count(*) FROM app.consents WHERE connection_id::text = \(open.connection)") == 1)
    }

    @Test("a paused business says that it is, and the link works once it is resumed") func pausedTenant() async throws {
        var journey = try await Journey.make()
        try await journey.begin("invitation")
        let bench = journey.bench, tenant = "/v1/tenants/\(journey.made.tenant.id)"
        #expect(await bench.call(.patch, tenant, ["state": "paused"]).status == 200)
        for page in [await journey.browser.open(journey.link), await journey.browser.submit(journey.link)] {
            #expect(page.status == 409)
            #expect(page.bodyText.contains("Prairie Goods is paused"))
            #expect(page.bodyText.contains("North Advisers"))
        }
        try await journey.stands("open")
        #expect(await bench.call(.patch, tenant, ["state": "active"]).status == 200)
        try await journey.goOn()
        #expect(await bench.call(.patch, tenant, ["state": "paused"]).status == 200)
        #expect(await journey.answer(journey.good).status == 303)
        let waits = await journey.browser.open("/consents/\(journey.id)")
        #expect(waits.bodyText.contains("is paused"))
        #expect(waits.bodyText.contains("http-equiv=\"refresh\""))
    }

    @Test("whatever goes wrong on a page for people is told on a page") func pagesForPeople() async throws {
        var journey = try await Journey.make()
        try await journey.begin()
        let bench = journey.bench
        func isPage(_ answer: HTTPResponse, _ status: Int, _ what: String) {
            #expect(answer.status == status, "\(what)")
            #expect(answer.fields["Content-Type"]?.hasPrefix("text/html") == true, "\(what)")
            #expect(answer.fields["Content-Security-Policy"] != nil, "\(what)")
        }
        isPage(await journey.browser.submit(journey.link, origin: "https://evil.test"), 403, "foreign form")
        isPage(await journey.browser.submit("/consents/\(journey.id)/confirm", origin: "https://evil.test"), 403, "foreign confirmation")
        isPage(await journey.browser.open("/oauth/callback/nobody?state=1"), 404, "platform")
        let form: HTTPFields = ["Host": "cf.test", "Origin": "http://evil.test", "Content-Type": "application/x-www-form-urlencoded"]
        isPage(await bench.raw(.post, "/session", Array("key=x".utf8), fields: form), 403, "sign-in")
        isPage(await bench.raw(.post, "/tenants/x/rules", [], fields: form), 403, "console")
        isPage(await bench.raw(.get, "/nowhere", fields: ["Accept": "text/html,*/*"]), 404, "nowhere")
        _ = try await bench.root.pool.query("REVOKE SELECT ON app.consents FROM counterfoil_supervisor")
        isPage(await journey.browser.open(journey.link), 500, "database")
        #expect(await bench.raw(.get, "/v1/nowhere", fields: ["Accept": "text/html"]).fields["Content-Type"] == "application/problem+json")
        #expect(await bench.raw(.get, "/nowhere").fields["Content-Type"] == "application/problem+json")
    }

    @Test("the link is shown once, kept as a digest, asked for by an administrator, and ends when it is taken back") func links() async throws {
        var journey = try await Journey.make()
        let bench = journey.bench, path = "/v1/connections/\(journey.connection)"
        try await journey.begin("invitation")
        #expect(journey.link.hasPrefix("https://cf.test/connect/"))
        let digest = Digest.sha256(Array(journey.link.suffix(32).utf8))
        #expect(try await bench.count("SELECT count(*) FROM app.consents WHERE link_digest = \(digest)") == 1)
        #expect(await !bench.call(.get, "\(path)/authorizations").text.contains(journey.link.suffix(32)))
        #expect(await bench.call(.get, "\(path)/authorizations").items.map { $0["kind"]?.string } == ["invitation"])
        let reader = try await bench.key("r", tenant: journey.made.tenant.id, scopes: ["write"])
        for kind in ["authorization", "invitation"] {
            #expect(await bench.call(.post, "\(path)/\(kind)", key: reader).code == "scope_missing")
            #expect(await bench.call(.post, "\(path)/\(kind)", more: [("Idempotency-Key", "k")]).code == "idempotency_not_kept")
        }
        let stranger = try await bench.key("s", tenant: try await bench.tenant("other").id, scopes: ["admin"])
        #expect(await bench.call(.post, "\(path)/authorization", key: stranger).status == 404)
        #expect(await bench.call(.get, "/v1/authorizations/\(journey.id)", key: stranger).status == 404)
        #expect(await bench.call(.delete, "/v1/authorizations/\(journey.id)", key: stranger).status == 404)
        #expect(await bench.call(.post, "\(path)/invitation", ["valid_hours": 0]).status == 422)
        #expect(await bench.call(.delete, "/v1/authorizations/\(journey.id)").status == 204)
        #expect(await bench.call(.delete, "/v1/authorizations/\(journey.id)").code == "wrong_state")
        let gone = await journey.browser.open(journey.link)
        #expect(gone.status == 410 && gone.bodyText.contains("consent_revoked"))
        #expect(await journey.browser.submit(journey.link).status == 410)
        #expect(try await journey.trail() == ["consent.invited", "consent.revoked", "consent.turned_away consent_revoked", "consent.turned_away consent_revoked"])
    }

    @Test("a link works in one browser: another one is told that it was used, and the first is led to where it stands") func usedTwice() async throws {
        let journey = try await Journey.asked()
        let thief = Browser(journey.bench)
        for answer in [await thief.open(journey.link), await thief.submit(journey.link)] {
            #expect(answer.status == 410 && answer.bodyText.contains("consent_link_used"))
            #expect(answer.fields["Set-Cookie"] == nil)
        }
        #expect(await thief.open("/consents/\(journey.id)").status == 403)
        #expect(try await journey.trail().suffix(2) == ["consent.turned_away consent_link_used", "consent.turned_away consent_link_used"])
        // What goes on is not disturbed.
        #expect(await journey.answer(journey.good).status == 303)
        for answer in [await journey.browser.open(journey.link), await journey.browser.submit(journey.link)] {
            #expect(answer.status == 303 && answer.fields["Location"] == "/consents/\(journey.id)")
        }
    }

    @Test("the browser that began may press again or go back: it asks anew in the time that it had, and nobody is alarmed") func again() async throws {
        var journey = try await Journey.make()
        try await journey.begin("invitation")
        // A double click: the page was read, and neither press knows of the other's answer.
        #expect(await journey.browser.open(journey.link).status == 200)
        let (browser, link) = (journey.browser, journey.link)
        async let one = browser.submit(link)
        async let two = browser.submit(link)
        #expect(await [one.status, two.status] == [200, 200])
        let ends = try #require(try await journey.standing()["expires_at"]?.string)
        journey.bench.clocks.step(.seconds(60))
        #expect(await journey.browser.open(journey.link).bodyText.contains("Continue to books"))
        try await journey.goOn()
        let former = journey
        try await journey.goOn()
        #expect(former.state != journey.state && former.asked.query("code_challenge") != journey.asked.query("code_challenge"))
        #expect(try await journey.standing()["expires_at"]?.string == ends)
        #expect(await Browser(journey.bench).submit(journey.link).status == 410)
        #expect(await former.answer(former.good).status == 400)
        #expect(await journey.answer(journey.good).status == 303)
        try await journey.stands("received")
        #expect(try await journey.trail() == ["consent.invited"] + Array(repeating: "consent.asked", count: 4)
            + ["consent.turned_away consent_link_used", "consent.turned_away consent_state_wrong", "consent.received"])
    }

    @Test("asking again ends with the time that it had, and is written into the trail up to a bound") func againBounded() async throws {
        let journey = try await Journey.asked()
        let many = journey.bench.root
        _ = try await many.pool.query("UPDATE app.consents SET refusals = 99 WHERE id::text = \(journey.id)")
        #expect(await journey.browser.submit(journey.link).status == 200)
        #expect(await journey.browser.submit(journey.link).status == 410)
        let late = try await Journey.asked(journey.bench)
        journey.bench.clocks.step(.seconds(ControlPlaneLimits.consentSeconds + 1))
        #expect(await late.browser.submit(late.link).fields["Location"] == "/consents/\(late.id)")
        #expect(await late.browser.open("/consents/\(late.id)").bodyText.contains("consent_expired"))
    }

    @Test("an account that was found is not asked about after its time: the page says that it is over") func foundLate() async throws {
        let journey = try await Journey.asked()
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "9130", "name": "Other Co", "country": "GB", "currency": "GBP"]])
        journey.bench.clocks.step(.seconds(ControlPlaneLimits.consentSeconds + 1))
        let page = await journey.browser.open("/consents/\(journey.id)")
        #expect(page.status == 410 && page.bodyText.contains("consent_expired") && !page.bodyText.contains("id=\"confirm\""))
        let pressed = await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130")])
        #expect(pressed.status == 410 && pressed.bodyText.contains("consent_expired"))
    }

    @Test("a base that is the platform's own leads to the platform's own consent page, another one to its own") func bases() async throws {
        let bench = try await Bench.make()
        for (base, page) in [
            ("https://sandbox.stall.example.com", "https://acme.stall.example.com/authorize"), ("https://stall.example.com", "https://acme.stall.example.com/authorize"),
            ("http://127.0.0.1:8099", "http://127.0.0.1:8099/authorize"),
        ] {
            var journey = try await Journey.make(bench, platform: "stall", account: "acme")
            #expect(await bench.call(.patch, "/v1/connections/\(journey.connection)", ["base_url": .string(base)]).status == 200)
            try await journey.begin()
            try await journey.goOn()
            #expect(journey.asked.path == page)
        }
    }

    @Test("a base of another place ends every link to the connection: no code of theirs is taken any more") func movedBase() async throws {
        let journey = try await Journey.asked()
        #expect(await journey.bench.call(.patch, "/v1/connections/\(journey.connection)", ["base_url": "https://plain.example.com"]).status == 200)
        try await journey.stands("revoked")
        _ = await journey.answer(journey.good)
        try await journey.stands("revoked")
        #expect(try await journey.bench.count("SELECT count(*) FROM app.consents WHERE id::text = \(journey.id) AND answer IS NULL") == 1)
    }

    @Test("an answer is not sealed with the operator's secret where the base became another behind the link's back") func changedBase() async throws {
        let journey = try await Journey.asked()
        try await journey.bench.root.pool.query("UPDATE app.connections SET base_url = 'https://plain.example.com' WHERE id::text = \(journey.connection)")
        _ = await journey.answer(journey.good)
        try await journey.stands("failed", "consent_base_changed")
        #expect(try await journey.bench.count("SELECT count(*) FROM app.consents WHERE id::text = \(journey.id) AND answer IS NULL") == 1)
        var other = try await Journey.make(journey.bench)
        try await other.begin()
        try await journey.bench.root.pool.query("UPDATE app.connections SET base_url = 'https://plain.example.com' WHERE id::text = \(other.connection)")
        for page in [await other.browser.open(other.link), await other.browser.submit(other.link)] {
            #expect(page.status == 409 && page.bodyText.contains("consent_base_changed") && page.fields["Location"] == nil)
        }
    }

    @Test("where not all accounts of a consent are shown the page says so") func cut() async throws {
        let journey = try await Journey.asked()
        _ = await journey.answer(journey.good)
        try await journey.found([["account": "A", "name": "Alpha", "reaches": 31], ["account": "B", "name": "Beta", "reaches": 31]])
        let page = await journey.browser.open("/consents/\(journey.id)").bodyText
        #expect(page.contains("reaches 31 accounts; only 2 of them are shown"))
    }

    @Test("reading a link uses nothing up, a link ends with its time, and what is no link says so") func reading() async throws {
        var journey = try await Journey.make()
        try await journey.begin()
        for _ in 0 ..< 3 { #expect(await Browser(journey.bench).open(journey.link).status == 200) }
        journey.bench.clocks.step(.seconds(ControlPlaneLimits.directSeconds + 1))
        let late = await journey.browser.submit(journey.link)
        #expect(late.status == 410 && late.bodyText.contains("consent_expired"))
        try await journey.bench.store.expireConsents(at: journey.bench.clocks.now())
        try await journey.stands("expired")
        #expect(try await journey.trail() == ["consent.begun", "consent.turned_away consent_expired", "consent.expired"])
        for link in ["/connect/x", "/connect/\(String(repeating: "0", count: 32))"] {
            let answer = await journey.browser.open(link)
            #expect(answer.status == 404 && answer.bodyText.contains("consent_link_unknown"))
        }
    }

    @Test("forms of other sites change nothing") func foreignForms() async throws {
        let journey = try await Journey.asked()
        var fresh = try await Journey.make(journey.bench)
        try await fresh.begin()
        for origin in ["https://evil.test", nil] {
            #expect(await fresh.browser.submit(fresh.link, origin: origin).status == 403)
            #expect(await journey.browser.submit("/consents/\(journey.id)/confirm", [("account", "9130")], origin: origin).status == 403)
            #expect(await journey.browser.submit("/consents/\(journey.id)/refuse", origin: origin).status == 403)
        }
        try await fresh.stands("open")
        try await journey.stands("asked")
    }

    @Test("pages forbid scripts, frames and foreign forms, tell other sites nothing, and stay out of caches and indexes") func headers() async throws {
        var journey = try await Journey.make()
        try await journey.begin()
        for page in [await journey.browser.open(journey.link), await journey.browser.submit(journey.link), await journey.browser.open("/consents/\(journey.id)")] {
            let policy = try #require(page.fields["Content-Security-Policy"])
            #expect(policy.hasPrefix("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
            let style = try #require(page.bodyText.split(separator: "<style>").last?.split(separator: "</style>").first)
            #expect(policy.contains("'sha256-\(Base64.encode(Digest.sha256(Array(style.utf8))))'"))
            #expect(page.fields["Cache-Control"] == "no-store" && page.fields["Referrer-Policy"] == "same-origin" && page.fields["X-Frame-Options"] == "DENY")
            #expect(page.bodyText.contains("noindex") && page.bodyText.contains("<html lang=\"en\">") && !page.bodyText.contains("<script"))
        }
    }

    @Test("the cookie is out of scripts' reach and goes over TLS where we have it") func cookie() {
        let id: ConsentID = SeededRandom(seed: 3).identifier()
        let (secure, plain) = (ConsentCookie(isSecure: true), ConsentCookie(isSecure: false))
        let secret = String(repeating: "a1", count: 32), other = String(repeating: "b2", count: 32)
        let safe = secure.set(id, secret), open = plain.set(id, secret)
        for flag in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] { #expect(safe.contains(flag)) }
        #expect(safe.hasPrefix("__Host-") && !safe.contains("Domain") && !open.contains("Secure") && !open.contains("__Host-"))
        func request(_ cookies: String...) -> HTTPRequest {
            HTTPRequest(.get, "/", fields: ["Cookie": (["a=b"] + cookies.map { String($0.prefix { $0 != ";" }) }).joined(separator: "; ")])
        }
        let good = request(safe, "__Host-cf_consent_zz=1")
        #expect(secure.ids(good) == [id] && secure.digest(good, id) == Digest.sha256(Array(secret.utf8)))
        // What another host or a plain connection could have set counts for nothing over https.
        #expect(secure.digest(request(open), id) == nil && secure.digest(request(open, safe), id) == Digest.sha256(Array(secret.utf8)))
        // Of two nobody knows which is ours.
        #expect(secure.digest(request(safe, secure.set(id, other)), id) == nil && secure.digest(request(safe, safe), id) == nil)
        for odd in ["", "x", secret + "a", secret.uppercased()] { #expect(secure.digest(request(secure.set(id, odd)), id) == nil) }
    }

    @Test("without an address, an app, or a platform that is connected so, there is no link; of too many open ones neither") func notReady() async throws {
        let bench = try await Bench.make(publicURL: "http://books.example.com")
        let journey = try await Journey.make(bench)
        let path = "/v1/connections/\(journey.connection)/authorization"
        #expect(await bench.call(.post, path).code == "consent_no_address")
        // Nobody has stated one: none is guessed.
        let unstated = try await Journey.make(try await Bench.make(publicURL: nil))
        #expect(await unstated.bench.call(.post, "/v1/connections/\(unstated.connection)/authorization").code == "consent_no_address")
        #expect(await bench.call(.post, "/v1/connections/\(journey.made.source)/authorization").code == "consent_not_offered")
        for (url, good) in [("https://a.example", true), ("http://127.0.0.1:8080", true), ("http://localhost:80", true), ("http://127.0.0.1.evil.example", false), ("http://a.example", false), ("", false)] {
            #expect(ConsentLink.isGood(url) == good, "\(url)")
        }
        let ready = try await Journey.make()
        let open = "/v1/connections/\(ready.connection)/authorization"
        for _ in 0 ..< ControlPlaneLimits.consentsOpen { #expect(await ready.bench.call(.post, open).status == 201) }
        #expect(await ready.bench.call(.post, open).code == "consents_too_many")
    }

    @Test("a connection learns its account by consent, unless the consent page's address names it; until then it takes no credential") func learned() async throws {
        let journey = try await Journey.make()
        let bench = journey.bench
        #expect(await bench.call(.get, "/v1/connections/\(journey.connection)").json["account"]?.string == "")
        #expect(await bench.call(.put, "/v1/connections/\(journey.connection)/credential", ["access_token": "x"]).code == "account_unknown")
        let path = "/v1/tenants/\(journey.made.tenant.id)/connections"
        #expect(await bench.call(.post, path, ["slug": "s", "platform": "stall"]).status == 422)
        #expect(await bench.call(.post, path, ["slug": "s", "platform": "books", "account": ""]).status == 422)
        #expect(await bench.call(.post, path, ["slug": "s", "platform": "shop"]).status == 422)
    }
}
