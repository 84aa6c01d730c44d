import Crypto
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("console and metrics") struct ConsoleTests {
    private func logIn(_ bench: Bench, _ key: String, origin: String? = "http://cf.test") async -> HTTPResponse {
        var fields: HTTPFields = ["Host": "cf.test", "Content-Type": "application/x-www-form-urlencoded"]
        if let origin { fields["Origin"] = origin }
        return await bench.raw(.post, "/session", Array(Form.encode([("key", key)]).utf8), fields: fields)
    }

    private func cookie(_ response: HTTPResponse) -> String { String((response.fields["Set-Cookie"] ?? "").prefix { $0 != ";" }) }

    @Test("whoever logs in sees their tenants' day; texts from outside are escaped") func page() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        _ = await bench.call(.patch, "/v1/tenants/\(made.tenant.id)", ["name": "<script>alert('x')</script> & \"Co\""])
        _ = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["<img src=x onerror=y>"])
        try await bench.store.raise(made.tenant.id, [AlertRow(key: "k", severity: .critical, cause: "</td><b>", remedy: "'")])
        #expect(await bench.raw(.get, "/").bodyText.contains("<label for=\"key\">"))
        let login = await logIn(bench, bench.key)
        #expect(login.status == 303)
        let text = await bench.raw(.get, "/", fields: ["Cookie": "other=1; \(cookie(login))"]).bodyText
        #expect(text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Co&quot;"))
        #expect(text.contains("because of &lt;img src=x onerror=y&gt;"))
        #expect(text.contains("&lt;/td&gt;&lt;b&gt;"))
        for raw in ["<script", "<img", "</td><b>"] { #expect(!text.contains(raw)) }
        #expect(text.contains("<th scope=\"row\">"))
        #expect(text.contains("http-equiv=\"refresh\""))
    }

    @Test("a tenant's key sees its tenant only") func ownOnly() async throws {
        let bench = try await Bench.make()
        let a = try await bench.tenant("alpha"), _ = try await bench.tenant("beta")
        let login = await logIn(bench, try await bench.key("a", tenant: a.id, scopes: ["read"]))
        let text = await bench.raw(.get, "/", fields: ["Cookie": cookie(login)]).bodyText
        #expect(text.contains("alpha"))
        #expect(!text.contains("beta"))
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

    @Test("a session ends by logging out, by time and with its key") func ends() async throws {
        let bench = try await Bench.make()
        let key = try await bench.key("temp", scopes: ["read"])
        func seesPage(_ cookie: String) async -> Bool { await bench.raw(.get, "/", fields: ["Cookie": cookie]).bodyText.contains("Log out") }
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

    @Test("pages forbid scripts, frames and foreign forms; the policy's hash is that of the style sheet") func headers() async throws {
        let bench = try await Bench.make()
        let page = await bench.raw(.get, "/")
        let policy = try #require(page.fields["Content-Security-Policy"])
        #expect(policy.hasPrefix("default-src 'none'"))
        let style = try #require(page.bodyText.split(separator: "<style>").last?.split(separator: "</style>").first)
        #expect(policy.contains("'sha256-\(Base64.encode(Digest.sha256(Array(style.utf8))))'"))
        #expect(!policy.contains("unsafe"))
        #expect(page.fields["X-Content-Type-Options"] == "nosniff")
        #expect(page.fields["Cache-Control"] == "no-store")
        #expect(page.fields["Referrer-Policy"] == "same-origin")
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
