import Crypto
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("console and metrics") struct ConsoleTests {
    @Test("whoever logs in sees their tenants' day; texts from outside are escaped") func page() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        _ = await bench.call(.patch, "/v1/tenants/\(made.tenant.id)", ["name": "<script>alert('x')</script> & \"Co\""])
        _ = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["<img src=x onerror=y>"])
        try await bench.store.raise(made.tenant.id, [AlertRow(key: "k", severity: .critical, cause: "</td><b>", remedy: "'")])
        #expect(await bench.raw(.get, "/").bodyText.contains("<label for=\"key\">"))
        let tenant = made.tenant.id
        let login = await logIn(bench, bench.key)
        #expect(login.status == 303)
        var text = ""
        for path in ["/", "/tenants/\(tenant)", "/inbox", "/alerts", "/postings/\(Bench.key(1))", "/tenants/\(tenant)/watch?posting=\(Bench.key(1))", "/tenants/\(tenant)/rules"] {
            let page = await bench.raw(.get, path, fields: ["Cookie": "other=1; \(cookie(login))"])
            #expect(page.status == 200, "\(path)")
            #expect(page.bodyText.contains("<script type=\"module\" src=\"/assets/console.js?"), "\(path)")
            for raw in ["<script>", "<img", "</td><b>", "<b>"] { #expect(!page.bodyText.contains(raw), "\(path)") }
            text += page.bodyText
        }
        #expect(text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Co&quot;"))
        #expect(text.contains("because of &lt;img src=x onerror=y&gt;"))
        #expect(text.contains("&lt;/td&gt;&lt;b&gt;"))
        #expect(text.contains("<th scope=\"row\">"))
        #expect(!text.contains("http-equiv=\"refresh\"") && text.contains("<button type=\"button\" id=\"live\" class=\"live\""))
    }

    @Test("a tenant's key sees its tenant only") func ownOnly() async throws {
        let bench = try await Bench.make()
        let a = try await bench.tenant("alpha"), b = try await bench.tenant("beta")
        let login = await logIn(bench, try await bench.key("a", tenant: a.id, scopes: ["read"]))
        let text = await bench.raw(.get, "/", fields: ["Cookie": cookie(login)]).bodyText
        #expect(text.contains("/tenants/\(a.id)/rules"))
        #expect(!text.contains("beta"))
        for path in ["/tenants/\(b.id)", "/tenants/\(b.id)/rules", "/inbox/unmapped_code?tenant=\(b.id)", "/tenants/\(b.id)/documents", "/tenants/\(b.id)/watch"] {
            #expect(await bench.raw(.get, path, fields: ["Cookie": cookie(login)]).status == (path.hasPrefix("/inbox") ? 200 : 404), "\(path)")
        }
        #expect(await !bench.raw(.get, "/inbox?tenant=\(b.id)", fields: ["Cookie": cookie(login)]).bodyText.contains("beta"))
    }

    @Test("a consultancy's key sees its tenants and nobody else's, with what needs somebody first") func fleet() async throws {
        let bench = try await Bench.make()
        let north = try await bench.consultancy("north")
        let calm = try await bench.tenant("calm", of: north), loud = try await bench.furnished("loud", of: north), _ = try await bench.tenant("foreign")
        try await bench.posting(loud, 1, of: "O-1", state: "held", checks: ["x"])
        let key = try await bench.key("north", consultancy: north, scopes: ["read"])
        let signed = cookie(await logIn(bench, key))
        func page(_ path: String) async -> String { await bench.raw(.get, path, fields: ["Cookie": signed]).bodyText }
        let text = await page("/")
        let first = try #require(text.firstRange(of: "/tenants/\(loud.tenant.id)\"")), second = try #require(text.firstRange(of: "/tenants/\(calm.id)\""))
        #expect(first.lowerBound < second.lowerBound)
        #expect(!text.contains("foreign"))
        #expect(await !page("/?health=ok").contains("/tenants/\(loud.tenant.id)\""))
        #expect(await page("/?q=nobody").contains("No tenant fits."))
        #expect(await !page("/?q=CALM").contains("/tenants/\(loud.tenant.id)\""))
        #expect(await page("/?sort=stopped&order=up").contains("aria-sort=\"ascending\""))
        // Whatever somebody writes into an address: a figure that no memory holds must not end the process.
        for number in [Int.min, Int.max, -1] {
            for path in ["/inbox/held?done=\(number)&left=\(number)", "/tenants/\(loud.tenant.id)/watch?fixed=\(number)&of=\(number)"] {
                #expect(await page(path).contains("</html>"), "\(path)")
            }
        }
        #expect(await !page("/tenants/\(loud.tenant.id)").contains("Pull now"))
    }

    @Test("whoever comes without a session signs in and is led where they wanted to go, and never to another site") func next() async throws {
        let bench = try await Bench.make()
        let away = await bench.raw(.get, "/inbox?tenant=a b")
        #expect(away.status == 303)
        #expect(away.fields["Location"] == "/sign-in?next=%2Finbox%3Ftenant%3Da%20b")
        func to(_ next: String) async -> String? {
            await bench.raw(.post, "/session", Array(Form.encode([("key", bench.key), ("next", next)]).utf8), fields: [
                "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded",
            ]).fields["Location"]
        }
        #expect(await to("/inbox?tenant=1") == "/inbox?tenant=1")
        for foreign in ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/a\r\nSet-Cookie: x", ""] { #expect(await to(foreign) == "/", "\(foreign)") }
    }

    @Test("the cookie is out of scripts' and other sites' reach, and is not the key") func cookieFlags() async throws {
        let bench = try await Bench.make()
        let set = try #require(await logIn(bench, bench.key).fields["Set-Cookie"])
        for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] { #expect(set.contains(flag)) }
        #expect(!set.contains(bench.key))
        #expect(!set.contains("Secure"))
        let proxied = await bench.raw(.post, "/session", Array("key=\(bench.key)".utf8), fields: [
            "Host": "cf.test", "Origin": "https://cf.test", "Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https",
        ])
        #expect(proxied.fields["Set-Cookie"]?.contains("Secure") == true)
    }

    @Test("forms of other sites, and wrong keys, open no session") func refused() async throws {
        let bench = try await Bench.make()
        for origin in ["http://evil.test", "null", "http://cf.test.evil.test", nil] {
            let answer = await logIn(bench, bench.key, origin: origin)
            #expect(answer.status == 403)
            #expect(answer.fields["Set-Cookie"] == nil)
        }
        let wrong = await logIn(bench, "cf_" + String(repeating: "0", count: 32))
        #expect(wrong.status == 401)
        #expect(wrong.fields["Set-Cookie"] == nil)
        #expect(wrong.bodyText.contains("role=\"alert\""))
        #expect(await bench.raw(.get, "/", fields: ["Cookie": "cf_session=\(String(repeating: "0", count: 64))"]).bodyText.contains("API key"))
    }

    @Test("no page counts a tenant's documents to say its name") func lightPages() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished(), tenant = made.tenant.id
        try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["x"])
        let signed = cookie(await logIn(bench, bench.key))
        // What only the report's figures are counted from.
        _ = try await bench.root.pool.query("REVOKE SELECT ON app.posting_documents FROM counterfoil_supervisor")
        for path in ["/", "/tenants/\(tenant)", "/inbox?tenant=\(tenant)", "/alerts?tenant=\(tenant)", "/inbox/x?tenant=\(tenant)", "/tenants/\(tenant)/rules", "/tenants/\(tenant)/watch?posting=\(Bench.key(1))", "/connections/\(made.source)"] {
            #expect(await bench.raw(.get, path, fields: ["Cookie": signed]).status == 200, "\(path)")
        }
    }

    @Test("a look that the database gave up is said to have taken too long") func tooLong() {
        let refusal = Refusal(Fault("sql_57014", stage: .database, disposition: .retry, summary: "canceling statement"))
        #expect(refusal.status == 503)
        #expect(refusal.code == "looked_too_long")
        #expect(refusal.fields["Retry-After"] != nil)
    }

    @Test("what is unexplained shows on the tenant's page however old it is, and in whichever account; all days can be paged through") func unexplained() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), (t, f) = (made.tenant.id, made.flow)
        _ = try await bench.root.pool.query("""
            INSERT INTO app.proofs (tenant_id, flow_id, day, currency, account, source_minor, posted_minor, open_minor, unexplained_minor, items, proved_at)
            SELECT \(t), \(f), '2026-11-22'::date - n, 'USD', a, 100, 100, 0, CASE WHEN n = 120 THEN 4321 WHEN n = 2 AND a <> '' THEN 1234 ELSE 0 END, '[]', now()
            FROM generate_series(1, 130) n, unnest(ARRAY['', 'clearing:stripe:USD', 'clearing:paypal:USD']) a WHERE a <> 'clearing:paypal:USD' OR n < 100
            """)
        let signed = cookie(await logIn(bench, bench.key))
        func page(_ path: String) async -> String { await bench.raw(.get, path, fields: ["Cookie": signed]).bodyText }
        let text = await page("/tenants/\(t)")
        for words in ["Unexplained in accounts and on older days", "43.21", "12.34", "clearing:<wbr>stripe", "21 Nov", "8 Nov", "All days and accounts"] { #expect(text.contains(words), "\(words)") }
        #expect(!text.contains(">7 Nov"))
        #expect(await !page("/tenants/\(t)/proofs").contains("43.21"))
        let only = await page("/tenants/\(t)/proofs?flow=\(f)&unexplained=true")
        #expect(only.contains("43.21") && only.contains("12.34") && !only.contains("agrees"))
        let path = "/v1/flows/\(f)/proofs"
        #expect(await bench.call(.get, "\(path)?unexplained=true&of=day").items.map { $0.text("day") } == ["2026-07-25"])
        #expect(await bench.call(.get, "\(path)?of=account&limit=2").items.map { $0.text("account") } == ["clearing:paypal:USD", "clearing:stripe:USD"])
        // Page by page down to the oldest.
        var (next, days) = ("/tenants/\(t)/proofs?flow=\(f)", 0)
        while days < 10 {
            let shown = await page(next)
            days += 1
            guard let at = shown.firstRange(of: "class=\"button\" href=\"") else { break }
            next = String(shown[at.upperBound...].prefix { $0 != "\"" }).replacing("&amp;", with: "&")
        }
        #expect(days == 4)
    }

    @Test("what a cause stops is found by its code, however many others are newer") func beyondTheFirst() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), (t, s) = (made.tenant.id, made.source)
        _ = try await bench.root.pool.query("""
            INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, state, fault)
            SELECT \(t), \(s), 'orders', 'd' || n, '\\x00', 'held', json_build_object('code', CASE WHEN n = 1 THEN 'rare' ELSE 'common' END, 'summary', 'no ' || n) FROM generate_series(1, 402) n
            """)
        _ = try await bench.document(made, "O-rare", fault: "rare_case")
        let signed = cookie(await logIn(bench, bench.key))
        func page(_ path: String) async -> String { await bench.raw(.get, path, fields: ["Cookie": signed]).bodyText }
        #expect(await page("/inbox/rare?kind=event&tenant=\(t)").contains("<small>d1</small>"))
        #expect(await page("/inbox/rare_case?kind=case&tenant=\(t)").contains("O-rare"))
        let first = await page("/inbox/common?kind=event&tenant=\(t)")
        #expect(first.contains("<small>d402</small>") && !first.contains("<small>d2</small>"))
        let at = try #require(first.firstRange(of: "class=\"button\" href=\"/inbox"))
        let next = "/inbox" + first[at.upperBound...].prefix { $0 != "\"" }.replacing("&amp;", with: "&")
        #expect(await page(next).contains("<small>d202</small>"))
        #expect(await bench.call(.get, "/v1/tenants/\(t)/documents?code=rare_case").items.count == 1)
        #expect(await bench.call(.get, "/v1/tenants/\(t)/documents?code=other").items.isEmpty)
    }

    @Test("without scripts no page loads itself anew, and says so") func keepsForms() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished()
        try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["x"])
        let signed = cookie(await logIn(bench, bench.key))
        for path in ["/tenants/\(made.tenant.id)", "/inbox", "/inbox/x", "/alerts"] {
            let text = await bench.raw(.get, path, fields: ["Cookie": signed]).bodyText
            #expect(!text.contains("http-equiv=\"refresh\""), "\(path)")
            #expect(text.contains("<noscript><p class=\"soft\"><a href=\"\(path)\">Load this page again</a>"), "\(path)")
        }
    }

    @Test("a form that was sent after its session had ended is kept over the new sign-in, and carried out only when the person says so") func sentTooLate() async throws {
        let bench = try await Bench.make(), made = try await bench.furnished(), path = "/tenants/\(made.tenant.id)/rules"
        let fields: HTTPFields = ["Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded"]
        let typed = "{\n  \"rules\": [\"<typed> & 'kept'\"]}"
        let late = await bench.raw(.post, path, Array(Form.encode([("rules", typed), ("structure", "{}"), ("do", "preview")]).utf8), fields: fields)
        #expect(late.status == 401)
        func hidden(_ page: HTTPResponse) -> [(name: String, value: String)] {
            page.bodyText.split(separator: "<input type=\"hidden\" name=\"").dropFirst().map { part in
                let bits = part.split(separator: "\"", omittingEmptySubsequences: false)
                var value = String(bits[2])
                for (entity, letter) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] { value = value.replacing(entity, with: letter) }
                return (String(bits[0]), value)
            }
        }
        let wrong = await bench.raw(.post, "/session", Array(Form.encode(hidden(late) + [("key", "cf_wrong")]).utf8), fields: fields)
        #expect(wrong.status == 401)
        let signed = await bench.raw(.post, "/session", Array(Form.encode(hidden(wrong) + [("key", bench.key)]).utf8), fields: fields)
        #expect(signed.status == 200)
        #expect(signed.bodyText.contains("<form method=\"post\" action=\"\(path)\">"))
        var own = fields
        own["Cookie"] = cookie(signed)
        let again = await bench.raw(.post, path, Array(Form.encode(hidden(signed)).utf8), fields: own)
        #expect(again.bodyText.contains("&lt;typed&gt; &amp; &#39;kept&#39;"))
        // It leads to our own pages only.
        for foreign in ["//evil.test", "https://evil.test/x", ""] {
            let page = await bench.raw(.post, "/session", Array(Form.encode([("sent", foreign), ("sent.a", "b"), ("key", bench.key)]).utf8), fields: fields)
            #expect(page.status == 303, "\(foreign)")
        }
    }

    @Test("whoever opens many sessions ends his own oldest, and nobody else's") func fairSessions() async throws {
        let bench = try await Bench.make(), (a, b) = (try await bench.tenant("alpha"), try await bench.tenant("beta")), sessions = bench.plane.desk.sessions
        func row(_ key: String) async throws -> SignedIn { .key(try #require(try await bench.plane.desk.keyring.row(key: key))) }
        let (mine, theirs) = (try await row(try await bench.key("a", tenant: a.id, scopes: ["read"])), try await row(try await bench.key("b", tenant: b.id, scopes: ["read"])))
        let first = try #require(try await sessions.open(for: mine, against: nil)), other = try #require(try await sessions.open(for: theirs, against: nil))
        var last = ""
        for _ in 0 ..< ControlPlaneLimits.sessionsEach {
            bench.clocks.step(.milliseconds(1))
            last = try #require(try await sessions.open(for: mine, against: nil))
        }
        #expect(try await sessions.asker(first) == nil)
        #expect(try await sessions.asker(last)?.label == "a")
        #expect(try await sessions.asker(other)?.label == "b")
        #expect(try await bench.count("SELECT count(*) FROM adm.sessions") == ControlPlaneLimits.sessionsEach + 1)
    }

    @Test("a session ends by logging out, by time and with its key") func ends() async throws {
        let bench = try await Bench.make()
        let key = try await bench.key("temp", scopes: ["read"])
        func seesPage(_ cookie: String) async -> Bool { await bench.raw(.get, "/", fields: ["Cookie": cookie]).bodyText.contains("Sign out") }
        let first = cookie(await logIn(bench, key))
        #expect(await seesPage(first))
        _ = await bench.raw(.post, "/session/end", fields: ["Host": "cf.test", "Origin": "http://cf.test", "Cookie": first])
        #expect(await !seesPage(first))
        let second = cookie(await logIn(bench, key))
        bench.clocks.step(.seconds(ControlPlaneLimits.sessionSeconds + 1))
        #expect(await !seesPage(second))
        let third = cookie(await logIn(bench, key))
        _ = try await bench.root.pool.query("UPDATE app.api_keys SET revoked_at = now() WHERE label = 'temp'")
        bench.clocks.step(.seconds(6))
        #expect(await !seesPage(third))
    }

    @Test("pages take style, script and events from this site only; nothing stands inline") func headers() async throws {
        let bench = try await Bench.make()
        let page = await bench.raw(.get, "/")
        let policy = try #require(page.fields["Content-Security-Policy"])
        #expect(policy.hasPrefix("default-src 'none'"))
        for part in ["style-src 'self'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] { #expect(policy.contains(part)) }
        #expect(!policy.contains("unsafe"))
        for inline in ["<style", "style=\"", "onclick", "<script>"] { #expect(!page.bodyText.contains(inline)) }
        #expect(page.fields["X-Content-Type-Options"] == "nosniff")
        #expect(page.fields["Cache-Control"] == "no-store")
        #expect(page.fields["Referrer-Policy"] == "same-origin")
        let tag = try #require(await bench.raw(.get, "/assets/console.js").fields["ETag"])
        #expect(await bench.raw(.get, "/assets/console.js", fields: ["If-None-Match": tag]).status == 304)
        #expect(await bench.raw(.get, "/assets/console.css").fields["Content-Type"] == "text/css; charset=utf-8")
    }

    @Test("metrics are Prometheus text: each line a name, labels and a number, with the database's gauges") func metrics() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["x"])
        let text = await bench.raw(.get, "/metrics").bodyText
        #expect(text.contains("counterfoil_postings{state=\"held\"} 1\n"))
        #expect(text.contains("counterfoil_postings{state=\"rejected\"} 0\n"))
        #expect(text.contains("counterfoil_alerts_open{severity=\"critical\"} 0\n"))
        #expect(text.contains("counterfoil_http_requests_total{method=\"POST\",route=\"/v1/consultancies\",status=\"201\"} 1\n"))
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let value = line.split(separator: " ").last ?? ""
            #expect(Double(value) != nil, "\(line)")
            #expect(line.hasPrefix("counterfoil_"), "\(line)")
        }
        // Routes are patterns: ids in them would make a series each.
        #expect(!text.contains(made.tenant.id.description))
    }
}
