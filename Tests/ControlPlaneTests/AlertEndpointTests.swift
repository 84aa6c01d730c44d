import AlertRules
import Books
import ConnectorKit
import Crypto
import FoundationEssentials
import Kernel
import Postgres
import Store
import Testing
import TestKit
import Wire

@testable import ControlPlane

@Suite("alerts") struct AlertEndpointTests {
    private let good: JSON = ["routes": [
        ["name": "books", "email": ["to": ["ann@example.com"], "server": "smtps://mail.example.com", "from": "cf@example.com", "user": "cf", "password": "hush-hush"]],
        ["name": "hook", "webhook": ["url": "https://hooks.example.com/x", "secret": "hush-hush-hush-hush"]],
    ]]

    /// With somebody who delivers.
    private func bench() async throws -> (Bench, BoxPrivateKey) {
        let bench = try await Bench.make()
        let key = try BoxPrivateKey.generate(random: SystemRandom())
        try await bench.store.setAlertKey(key.publicKey.bytes)
        return (bench, key)
    }

    private func raise(_ bench: Bench, _ tenant: TenantID, _ key: String = "held/f/x") async throws -> String {
        try await bench.store.raise(tenant, [AlertRow(key: key, severity: .warning, cause: "nine are held", remedy: "mend it")])
        let rows = await bench.call(.get, "/v1/alerts?tenant=\(tenant)").items
        return try #require(rows.first { $0["key"]?.string == key }?["id"]?.string)
    }

    @Test("an alert is read with its cause, summary, remedy, count and state, alone and in lists by each filter") func read() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        let id = try await raise(bench, place.id)
        _ = try await raise(bench, place.id, "credential/c")
        let one = await bench.call(.get, "/v1/alerts/\(id)").json
        #expect(one["cause"]?.string == "held" && one["summary"]?.string == "nine are held" && one["remedy"]?.string == "mend it" && one["state"]?.string == "open")
        #expect(one["count"]?.int == 1 && one["episode"]?.int == 1 && one["tenant_slug"]?.string == "prairie")
        #expect(await bench.call(.get, "/v1/alerts?cause=held").items.count == 1)
        #expect(await bench.call(.get, "/v1/alerts?state=unresolved").items.count == 2)
        #expect(await bench.call(.get, "/v1/alerts?state=resolved").items.isEmpty)
        let bad = await bench.call(.get, "/v1/alerts?state=new&severity=bad&cause=odd")
        #expect(bad.status == 422 && bad.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["state", "severity", "cause"])
        #expect(await bench.call(.get, "/v1/alerts/\(UUID().uuidString)").status == 404)
        #expect(await bench.call(.get, "/v1/alerts/nonsense").status == 404)
    }

    @Test("another tenant's alerts, rules, routes and deliveries are not there, nor the operator's") func visibility() async throws {
        let (bench, _) = try await bench()
        let owner = try await bench.consultancy()
        let a = try await bench.tenant("alpha", of: owner), b = try await bench.tenant("beta", of: owner)
        let id = try await raise(bench, b.id)
        let key = try await bench.key("a", tenant: a.id, scopes: ["admin"])
        for (method, path) in [
            (HTTPMethod.get, "/v1/alerts/\(id)"), (.get, "/v1/alerts/\(id)/deliveries"), (.post, "/v1/alerts/\(id)/acknowledge"), (.post, "/v1/alerts/\(id)/unmute"),
            (.get, "/v1/tenants/\(b.id)/alerts/rules"), (.get, "/v1/tenants/\(b.id)/alerts/routes"), (.get, "/v1/tenants/\(b.id)/alerts/deliveries"),
            (.post, "/v1/tenants/\(b.id)/alerts/routes/books/test"),
        ] { #expect(await bench.call(method, path, method == .post ? [:] : nil, key: key).status == 404, "\(path)") }
        #expect(await bench.call(.get, "/v1/alerts", key: key).items.isEmpty)
        for path in ["rules", "routes", "deliveries"] {
            let answer = await bench.call(.get, "/v1/alerts/\(path)", key: key)
            #expect(answer.status == 403 && answer.code == "operator_only", "\(path)")
        }
        let firm = try await bench.key("firm", consultancy: owner, scopes: ["admin"])
        #expect(await bench.call(.get, "/v1/alerts", key: firm).items.count == 1)
        #expect(await bench.call(.put, "/v1/alerts/rules", ["rules": []], key: firm).status == 403)
    }

    @Test("acknowledging says by whom, the first time counts, and what is resolved is not acknowledged; each is in the trail") func acknowledge() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        let id = try await raise(bench, place.id)
        let reader = try await bench.key("reader", tenant: place.id, scopes: ["read"]), ann = try await bench.key("ann", tenant: place.id, scopes: ["write"])
        #expect(await bench.call(.post, "/v1/alerts/\(id)/acknowledge", [:], key: reader).code == "scope_missing")
        let first = await bench.call(.post, "/v1/alerts/\(id)/acknowledge", ["note": "on it"], key: ann)
        #expect(first.status == 200 && first.json["state"]?.string == "acknowledged" && first.json["acknowledged_by"]?.string?.hasPrefix("key ann (") == true && first.json["note"]?.string == "on it")
        let second = await bench.call(.post, "/v1/alerts/\(id)/acknowledge", [:])
        #expect(second.json["acknowledged_by"]?.string?.hasPrefix("key ann (") == true && second.json["note"]?.string == "on it")
        #expect(await bench.call(.post, "/v1/alerts/\(id)/acknowledge", ["nota": "x"]).status == 422)
        try await bench.store.resolveAlerts(place.id, keyPrefix: "held")
        #expect(await bench.call(.post, "/v1/alerts/\(id)/acknowledge", [:]).status == 409)
        let trail = await bench.call(.get, "/v1/tenants/\(place.id)/audit?subject=alert%20\(id)").items
        #expect(trail.compactMap { $0["action"]?.string } == ["alert.acknowledged", "alert.acknowledged"])
        #expect(trail.last?["actor"]?.string?.hasPrefix("key ann (") == true)
    }

    @Test("muting needs an end, in the future and not for ever; unmuting ends it") func mute() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        let id = try await raise(bench, place.id)
        let now = bench.clocks.now()
        for body: JSON in [[:], ["until": "tomorrow"], ["until": .string((now - .seconds(60)).description)], ["until": .string((now + .seconds(91 * 86_400)).description)]] {
            let answer = await bench.call(.post, "/v1/alerts/\(id)/mute", body)
            #expect(answer.status == 422 && answer.json["field"]?.string == "until", "\(body)")
        }
        let until = Timestamp(seconds: now.seconds + 3600)
        let muted = await bench.call(.post, "/v1/alerts/\(id)/mute", ["until": .string(until.description), "note": "known"])
        #expect(muted.json["state"]?.string == "muted" && muted.json["muted_by"]?.string?.hasPrefix("key operator (") == true)
        #expect(Timestamp(rfc3339: muted.json["muted_until"]?.string ?? "") == until)
        #expect(await bench.call(.post, "/v1/alerts/\(id)/unmute", [:]).json["state"]?.string == "open")
        #expect(await bench.call(.post, "/v1/alerts/\(id)/unmute", [:]).status == 409)
    }

    @Test("routes are kept without showing a secret, sealed for whoever delivers and nobody else") func routes() async throws {
        let (bench, key) = try await bench()
        let place = try await bench.tenant()
        let path = "/v1/tenants/\(place.id)/alerts/routes"
        let put = await bench.call(.put, path, good)
        #expect(put.status == 200, "\(put.text)")
        #expect(!put.text.contains("hush"))
        let items = try #require(put.json["routes"]?.array)
        #expect(items.map { $0["name"]?.string } == ["books", "hook"] && items.allSatisfy { $0.member("secret", "present")?.bool == true })
        #expect(items[0].member("email", "user")?.string == "cf" && items[0]["per_hour"]?.int == 20)
        let row = try #require(try await bench.store.alertRoute(AlertOwner(place.id), "hook"))
        #expect(try key.open(try #require(row.secret), context: AlertRoute.context(place.id, "hook")) == Array("hush-hush-hush-hush".utf8))
        #expect(throws: Fault.self) { try key.open(try #require(row.secret), context: AlertRoute.context(place.id, "books")) }
        #expect(!bench.log.text.contains("hush"))
    }

    @Test("a route keeps its secret while it leads to the same place; elsewhere it wants it anew; with its name alone it stays as it is") func secrets() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        let path = "/v1/tenants/\(place.id)/alerts/routes"
        _ = await bench.call(.put, path, good)
        let before = try #require(try await bench.store.alertRoute(AlertOwner(place.id), "books"))
        let same = await bench.call(.put, path, ["routes": [
            ["name": "books", "per_hour": 3, "email": ["to": ["bob@example.com"], "server": "smtps://mail.example.com", "from": "cf@example.com", "user": "cf"]], ["name": "hook"],
        ]])
        #expect(same.status == 200, "\(same.text)")
        let after = try #require(try await bench.store.alertRoute(AlertOwner(place.id), "books"))
        #expect(after.secret == before.secret && after.settings != before.settings)
        let other = await bench.call(.put, path, ["routes": [
            ["name": "books", "email": ["to": ["bob@example.com"], "server": "smtps://mail.evil.example", "from": "cf@example.com", "user": "cf"]],
            ["name": "hook", "webhook": ["url": "https://evil.example/x"]], ["name": "new"],
        ]])
        #expect(other.status == 422)
        #expect(other.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["routes[0].email.password", "routes[1].webhook.secret", "routes[2]"])
        #expect(try await bench.store.alertRoute(AlertOwner(place.id), "books") == after, "nothing was changed")
    }

    @Test("rules and routes are refused with every finding at once, and name each other") func findings() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        let path = "/v1/tenants/\(place.id)/alerts"
        let early = await bench.call(.put, "\(path)/rules", ["rules": [["name": "a", "routes": ["books"]], ["name": "b", "severity": "bad", "routes": ["books"]]]])
        #expect(early.status == 422)
        #expect(early.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["rules.rules[0].routes", "rules.rules[1].routes", "rules.rules[1].severity"])
        _ = await bench.call(.put, "\(path)/routes", good)
        let put = await bench.call(.put, "\(path)/rules", ["bounds": ["lag_minutes": 5], "rules": [["name": "a", "routes": ["books"]]]])
        #expect(put.status == 200 && put.json["version"]?.int == 1 && put.json.member("rules", "bounds", "lag_minutes")?.int == 5, "\(put.text)")
        #expect(await bench.call(.get, "\(path)/rules").json["rules"] == put.json["rules"])
        let gone = await bench.call(.put, "\(path)/routes", ["routes": [["name": "hook"]]])
        #expect(gone.status == 422 && gone.text.contains("the rule a tells the route books"))
        let plain = await bench.call(.put, "\(path)/routes", ["routes": [["name": "books"], ["name": "p", "webhook": ["url": "http://10.0.0.1/x", "secret": "hush-hush-hush-hush"]]], "more": 1])
        #expect(plain.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["more", "routes[1].webhook.url"])
        let listed = await bench.call(.put, "\(path)/routes", ["routes": [["name": "books"], ["name": "p", "webhook": ["url": "http://127.0.0.1:8097/x", "secret": "hush-hush-hush-hush"]]]])
        #expect(listed.status == 200, "on the operator's list: \(listed.text)")
        let another = await bench.call(.put, "\(path)/routes", ["routes": [["name": "books"], ["name": "p", "webhook": ["url": "http://127.0.0.1:8099/x", "secret": "hush-hush-hush-hush"]]]])
        #expect(another.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["routes[1].webhook.url"], "listed for connections: \(another.text)")
        #expect(await bench.call(.put, "\(path)/rules", .array([])).status == 422)
        #expect(await bench.call(.get, "/v1/alerts/rules").json["version"]?.int == 0)
    }

    @Test("until somebody has delivered here no secret can be sealed, and the answer says so; a route without one can be put") func pending() async throws {
        let bench = try await Bench.make()
        let place = try await bench.tenant()
        let path = "/v1/tenants/\(place.id)/alerts/routes"
        let answer = await bench.call(.put, path, good)
        #expect(answer.status == 503 && answer.code == "alert_key_pending" && answer.fields["Retry-After"] != nil)
        #expect(await bench.call(.put, path, ["routes": [["name": "plain", "email": ["to": ["ann@example.com"]]]]]).status == 200)
    }

    @Test("a test message is a delivery for each receiver, whose outcome can be read; too many within the hour are refused") func tests() async throws {
        let (bench, _) = try await bench()
        _ = await bench.call(.put, "/v1/alerts/routes", ["routes": [["name": "plain", "email": ["to": ["ann@example.com", "bob@example.com"]]]]])
        let asked = await bench.call(.post, "/v1/alerts/routes/plain/test", [:])
        #expect(asked.status == 202, "\(asked.text)")
        let ids = (asked.json["deliveries"]?.array ?? []).compactMap(\.string)
        try #require(ids.count == 2)
        let one = await bench.call(.get, "/v1/alerts/deliveries/\(ids[1])").json
        #expect(one["state"]?.string == "waiting" && one["purpose"]?.string == "test" && one["receiver"]?.string == "bob@example.com")
        #expect(await bench.call(.get, "/v1/alerts/deliveries?route=plain&state=waiting").items.count == 2)
        #expect(await bench.call(.get, "/v1/alerts/deliveries?limit=1").items.count == 1)
        #expect(await bench.call(.post, "/v1/alerts/routes/nobody/test", [:]).status == 404)
        for _ in 0 ..< 19 { _ = await bench.call(.post, "/v1/alerts/routes/plain/test", [:]) }
        #expect(await bench.call(.post, "/v1/alerts/routes/plain/test", [:]).code == "too_many_tests")
        try await bench.root.pool.query("UPDATE app.alert_deliveries SET route = 'former' WHERE route = 'plain'")
        #expect(await bench.call(.post, "/v1/alerts/routes/plain/test", [:]).code == "too_many_tests", "another name is no new start")
    }

    @Test("what a person alone can tell to be over is over when he says so, and what he can't is not") func acknowledgementEnds() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        for (key, ends) in [("differs_by_hand/b", true), ("attachment/c", true), ("held/f/x", false)] {
            let id = try await raise(bench, place.id, key)
            let answer = await bench.call(.post, "/v1/alerts/\(id)/acknowledge", ["note": "deleted there"]).json
            #expect(answer["state"]?.string == (ends ? "resolved" : "acknowledged"), "\(key)")
            #expect(answer["acknowledged_by"]?.string != nil && (answer["resolved_at"]?.string != nil) == ends)
        }
    }

    @Test("an alert about the operator's own app is his to see and to acknowledge, and nobody else's") func operators() async throws {
        let (bench, _) = try await bench()
        let place = try await bench.tenant()
        try await bench.store.raise(AlertOwner.operator.id, [AlertRow(key: AlertKey.appQuota("books", "reads"), severity: .warning, cause: "c", remedy: "r")])
        let alert = try #require(await bench.call(.get, "/v1/alerts").items.first)
        let id = try #require(alert["id"]?.string)
        #expect(alert["tenant_slug"]?.string == "operator" && alert["cause"]?.string == "quota")
        let key = try await bench.key("own", tenant: place.id, scopes: ["read", "write"])
        #expect(await bench.call(.get, "/v1/alerts", key: key).items.isEmpty)
        #expect(await bench.call(.post, "/v1/alerts/\(id)/acknowledge", [:], key: key).status == 404)
        #expect(await bench.call(.post, "/v1/alerts/\(id)/acknowledge", [:]).json["state"]?.string == "acknowledged")
    }

    @Test("a connection's quota tells each budget's limit, what is used, what is left, when it begins anew, and by whose word") func quota() async throws {
        let (bench, _) = try await bench()
        let made = try await bench.furnished()
        let path = "/v1/tenants/\(made.tenant.id)/connections/\(made.ledger)/quota"
        let spec = try #require(bench.plane.desk.connectors["books"]?.spec)
        let limit = try #require(spec.limits.first { $0.scope == .connection })
        let fresh = await bench.call(.get, path).json
        #expect(fresh["budgets"]?.array?.first?["name"]?.string == limit.name && fresh["budgets"]?.array?.first?["remaining"]?.int == limit.amount)
        #expect(fresh.member("concurrency", "limit")?.int == spec.concurrency && fresh.member("concurrency", "in_flight")?.int == 0)
        _ = try await bench.root.take(made.tenant.id, made.ledger, [BudgetCharge(name: limit.name, amount: limit.amount, window: .seconds(3600), cost: 1)])
        let ours = try #require(await bench.call(.get, path).json["budgets"]?.array?.first)
        #expect(ours["used"]?.int == 1 && ours["said_by"]?.string == "counterfoil" && ours["resets_at"]?.string != nil && ours["platform_remaining"]?.isNull == true)
        try await bench.root.correct(made.tenant.id, made.ledger, name: limit.name, remaining: 0)
        let theirs = try #require(await bench.call(.get, path).json["budgets"]?.array?.first)
        #expect(theirs["said_by"]?.string == "platform" && theirs["remaining"]?.int == 0 && theirs["platform_remaining"]?.int == 0)
        try await bench.root.correct(made.tenant.id, made.ledger, name: limit.name, remaining: limit.amount)
        try await bench.root.pool.query("UPDATE app.budgets SET paused_until = now() + interval '1 hour', window_ms = 3600000")
        let refused = try #require(await bench.call(.get, path).json["budgets"]?.array?.first)
        #expect(refused["refused"]?.bool == true && refused["remaining"]?.int == 0 && refused["used"]?.int == 0)
        let other = try await bench.furnished("other")
        #expect(await bench.call(.get, "/v1/tenants/\(other.tenant.id)/connections/\(made.ledger)/quota").status == 404)
        let key = try await bench.key("own", tenant: made.tenant.id, scopes: ["read"])
        #expect(await bench.call(.get, path, key: key).json["app_budgets"] == nil, "what others use is none of a tenant's business")
    }

    @Test("the gauges count alerts by cause, lag, quotas and messages, name no tenant, and fall to zero again") func gauges() async throws {
        let (bench, _) = try await bench()
        let made = try await bench.furnished()
        _ = try await raise(bench, made.tenant.id)
        _ = try await bench.root.take(made.tenant.id, made.ledger, [BudgetCharge(name: "day", amount: 10, window: .seconds(3600), cost: 9)])
        try await bench.root.setDown(made.tenant.id, made.ledger, reason: "no answer")
        try await bench.root.pool.query("UPDATE app.connections SET state = 'live', credential = 'x' WHERE tenant_id = \(made.tenant.id)")
        try await bench.root.pool.query("INSERT INTO app.jobs (tenant_id, kind, subject, lane, due_at) VALUES (\(made.tenant.id), 'map', 'f', 'poll', now() - interval '10 minutes')")
        try await bench.root.pool.query("INSERT INTO adm.app_budgets VALUES ('books', 'app', 4, 86400000, now(), 3)")
        let concurrency = try #require(bench.plane.desk.connectors["books"]?.spec.concurrency)
        func look() async -> String {
            bench.clocks.step(.seconds(10))
            return await bench.raw(.get, "/metrics").bodyText
        }
        let text = await look()
        for line in [
            "counterfoil_alerts{cause=\"held\",severity=\"warning\"} 1\n", "counterfoil_quota_used_ratio{platform=\"books\",budget=\"day\",window=\"long\"} 0.9\n",
            "counterfoil_connection_quota_used_ratio{connection=\"\(made.ledger)\",platform=\"books\",budget=\"day\",window=\"long\"} 0.9\n",
            "counterfoil_app_quota_used_ratio{platform=\"books\",budget=\"app\",window=\"long\"} 0.75\n",
            "counterfoil_connection_concurrency_limit{connection=\"\(made.ledger)\",platform=\"books\"} \(concurrency)\n",
            "counterfoil_connection_writes_in_flight{connection=\"\(made.ledger)\",platform=\"books\"} 0\n",
            "counterfoil_connections_down{platform=\"books\"} 1\n", "counterfoil_lagging_tenants 1\n",
        ] { #expect(text.contains(line), "\(line) in \(text)") }
        #expect(text.contains("counterfoil_lag_seconds 60"))
        #expect(!text.contains(made.tenant.id.description) && !text.contains("prairie"))
        try await bench.store.resolveAlerts(made.tenant.id, keyPrefix: "held")
        try await bench.root.setDown(made.tenant.id, made.ledger, reason: nil)
        try await bench.root.pool.query("UPDATE app.budgets SET window_start = now() - interval '2 hours'")
        let after = await look()
        #expect(after.contains("counterfoil_alerts{cause=\"held\",severity=\"warning\"} 0\n") && after.contains("counterfoil_connections_down{platform=\"books\"} 0\n"))
        #expect(!after.contains("counterfoil_connection_quota_used_ratio{"), "the window turned")
    }
}
