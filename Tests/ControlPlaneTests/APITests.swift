import Kernel
import Postgres
import Store
import Telemetry
import Testing
import Wire

@testable import ControlPlane

@Suite("the API") struct APITests {
    @Test("a tenant is furnished from nothing to a flow, and every change has its audit row") func furnish() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let flow = await bench.call(.get, "/v1/flows/\(made.flow)")
        #expect(flow.status == 200)
        #expect(flow.json["ledger"]?.string == made.ledger.description)
        #expect(flow.json["cut_over"]?.string == "2026-11-01")
        #expect(flow.json["policies"]?["edit"]?.string == "delta")
        let trail = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/audit?limit=200")
        let actions = Set(trail.items.compactMap { $0["action"]?.string })
        #expect(actions.isSuperset(of: [
            "tenant.created", "tenant.keyed", "organisation.created", "connection.created", "structure.changed", "rules.changed", "flow.created",
        ]))
        #expect(trail.items.allSatisfy { $0["actor"]?.string.map { $0 == "scheduler" || $0.hasPrefix("key operator (") } == true })
        let one = await bench.call(.get, "/v1/tenants/\(made.tenant.id)")
        #expect(one.json["state"]?.string == "active")
        #expect(one.json["summary"]?["documents"]?.int == 0)
    }

    @Test("without a key, with an unknown one or with two the answer is 401") func unauthenticated() async throws {
        let bench = try await Bench.make()
        for fields: HTTPFields in [
            [:], ["Authorization": "Bearer cf_" + String(repeating: "0", count: 32)], ["Authorization": "Basic abc"], ["Authorization": "Bearer \(bench.key)x"],
            ["Authorization": "Bearer \(bench.key)", "authorization": "Bearer \(bench.key)"],
        ] {
            let answer = Answer(await bench.raw(.get, "/v1/tenants", fields: fields))
            #expect(answer.status == 401)
            #expect(answer.code == "unauthenticated")
            #expect(answer.fields["WWW-Authenticate"] != nil)
        }
    }

    @Test("a scope that the key has not is 403, and each scope includes the lesser ones") func scopes() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let read = try await bench.key("reader", tenant: made.tenant.id, scopes: ["read"])
        let write = try await bench.key("writer", tenant: made.tenant.id, scopes: ["write"])
        #expect(await bench.call(.get, "/v1/flows/\(made.flow)", key: read).status == 200)
        #expect(await bench.call(.post, "/v1/flows/\(made.flow)/pull", key: read).code == "scope_missing")
        #expect(await bench.call(.post, "/v1/flows/\(made.flow)/pull", key: write).status == 202)
        #expect(await bench.call(.get, "/v1/flows/\(made.flow)", key: write).status == 200)
        let patch = await bench.call(.patch, "/v1/flows/\(made.flow)", ["state": "paused"], key: write)
        #expect(patch.status == 403)
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep' AND lane = 'interactive'") == 1)
    }

    @Test("another tenant's things are not there, whoever's key it is and whatever the path") func foreign() async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished("alpha")
        let b = try await bench.furnished("beta")
        let own = try await bench.key("alpha", tenant: a.tenant.id, scopes: ["admin"])
        let consultancy = try await bench.key("alphas", consultancy: a.tenant.consultancy, scopes: ["admin"])
        let paths: [(HTTPMethod, String, JSON?)] = [
            (.get, "/v1/tenants/\(b.tenant.id)", nil), (.patch, "/v1/tenants/\(b.tenant.id)", ["name": "mine"]),
            (.get, "/v1/tenants/\(b.tenant.id)/connections", nil), (.get, "/v1/tenants/\(b.tenant.id)/audit", nil),
            (.get, "/v1/tenants/\(b.tenant.id)/structure", nil), (.put, "/v1/tenants/\(b.tenant.id)/structure", Bench.structure),
            (.get, "/v1/tenants/\(b.tenant.id)/documents", nil), (.get, "/v1/tenants/\(b.tenant.id)/postings", nil),
            (.get, "/v1/connections/\(b.source)", nil), (.patch, "/v1/connections/\(b.source)", ["state": "paused"]),
            (.put, "/v1/connections/\(b.source)/credential", ["access_token": "x"]), (.put, "/v1/connections/\(b.source)/webhook-secret", ["secret": "x"]),
            (.get, "/v1/flows/\(b.flow)", nil), (.patch, "/v1/flows/\(b.flow)", ["state": "paused"]), (.post, "/v1/flows/\(b.flow)/pull", nil),
            (.get, "/v1/flows/\(b.flow)/schedules", nil), (.put, "/v1/flows/\(b.flow)/schedules", [:]), (.post, "/v1/flows/\(b.flow)/schedules/post/run", nil),
            (.post, "/v1/flows/\(b.flow)/schedules/preview", [:]), (.post, "/v1/flows/\(b.flow)/schedules/pull/pause", nil),
            (.get, "/v1/flows/\(b.flow)/proofs", nil), (.get, "/v1/organisations/\(b.organisation)", nil),
            (.get, "/v1/consultancies/\(b.tenant.consultancy)", nil),
            (.post, "/v1/tenants/\(b.tenant.id)/organisations", ["slug": "x"]), (.post, "/v1/tenants/\(b.tenant.id)/flows", ["slug": "x"]),
            (.post, "/v1/tenants/\(b.tenant.id)/connections", ["slug": "x"]),
        ]
        for key in [own, consultancy] {
            for (method, path, body) in paths {
                let answer = await bench.call(method, path, body, key: key)
                #expect(answer.status == 404, "\(method.rawValue) \(path)")
                #expect(!answer.text.contains("beta"))
            }
            #expect(await bench.call(.get, "/v1/tenants", key: key).items.compactMap { $0["slug"]?.string } == ["alpha"])
            #expect(await bench.call(.get, "/v1/report", key: key).json["tenants"]?.array?.count == 1)
            #expect(await bench.call(.get, "/v1/report?tenant=\(b.tenant.id)", key: key).json["tenants"]?.array?.count == 0)
            #expect(await bench.call(.get, "/v1/consultancies", key: key).items.count == 1)
        }
        #expect(await bench.call(.get, "/v1/tenants").items.count == 2)
    }

    @Test("a flow can't join another tenant's connection or organisation") func foreignMembers() async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished("alpha"), b = try await bench.furnished("beta")
        let answer = await bench.call(.post, "/v1/tenants/\(a.tenant.id)/flows", [
            "slug": "theft", "organisation": .string(b.organisation), "source": .string(b.source.description), "ledger": .string(b.ledger.description),
        ])
        #expect(answer.status == 422)
        #expect(Set(answer.json["errors"]?.array?.compactMap { $0["field"]?.string } ?? []) == ["organisation", "source", "ledger"])
    }

    @Test("a flow that comes later gets what its source sent before") func lateFlow() async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished("alpha"), tenant = a.tenant.id
        _ = try await bench.store.ingest([NewEvent(tenant: tenant, connection: a.source, topic: "orders", deliveryID: "d", sealedBody: [1])], lane: .webhook)
        try await bench.store.pool.query("UPDATE app.events SET state = 'normalized', normalized_at = now() WHERE tenant_id = \(tenant)")
        try await bench.store.pool.query("DELETE FROM app.jobs WHERE tenant_id = \(tenant)")
        let made = await bench.call(.post, "/v1/tenants/\(tenant)/flows", [
            "slug": "second", "organisation": .string(a.organisation), "source": .string(a.source.description), "ledger": .string(a.ledger.description),
        ])
        #expect(made.status == 201)
        #expect(try await bench.store.ingested(tenant, a.source, limit: 5).count == 1)
        for kind in ["normalize", "sweep"] {
            let jobs = try await bench.store.pool.query("SELECT 1 FROM app.jobs WHERE tenant_id = \(tenant) AND kind = \(kind) AND subject = \(a.source.description)")
            #expect(jobs.count == 1, "\(kind): what was not sent is asked for as well")
        }
        // Whose books they are to be is new to whoever was connected before.
        try await bench.root.pool.query("UPDATE app.connections SET credential = 'x' WHERE id = \(a.ledger)")
        #expect(await bench.call(.post, "/v1/tenants/\(tenant)/flows", [
            "slug": "third", "organisation": .string(a.organisation), "source": .string(a.source.description), "ledger": .string(a.ledger.description),
        ]).status == 201)
        let asked = try await bench.store.pool.query("SELECT subject FROM app.jobs WHERE tenant_id = \(tenant) AND kind = 'identify' ORDER BY subject")
        #expect(try asked.map { row throws(Fault) in try row.get("subject", as: String.self) } == [a.ledger.description])
    }

    @Test("a held event is read again and a job that was put aside tried again when a person says so, once") func release() async throws {
        let bench = try await Bench.make()
        let a = try await bench.furnished("alpha"), tenant = a.tenant.id, path = "/v1/tenants/\(tenant)"
        let b = try await bench.furnished("beta")
        _ = try await bench.store.ingest([NewEvent(tenant: tenant, connection: a.source, topic: "orders", deliveryID: "d", sealedBody: [1])], lane: .webhook)
        try await bench.store.pool.query("UPDATE app.events SET state = 'held', fault = '{\"code\": \"malformed_json\"}' WHERE tenant_id = \(tenant)")
        let held = await bench.call(.get, "\(path)/events?state=held").items
        #expect(held.count == 1 && held[0]["fault"]?["code"]?.string == "malformed_json" && held[0]["delivery"]?.string == "d")
        let id = try #require(held.first?["id"]?.int)
        #expect(await bench.call(.post, "/v1/tenants/\(b.tenant.id)/events/\(id)/retry").code == "wrong_state")
        #expect(await bench.call(.post, "\(path)/events/\(id)/retry").status == 202)
        #expect(await bench.call(.post, "\(path)/events/\(id)/retry").status == 409)
        #expect(try await bench.store.ingested(tenant, a.source, limit: 5).count == 1)

        let subject = a.source.description
        try await bench.store.pool.query("INSERT INTO app.crashes (tenant_id, kind, subject, crashes, quarantined_until) VALUES (\(tenant), 'normalize', \(subject), 3, now() + interval '6 hours')")
        try await bench.store.pool.query("UPDATE app.jobs SET due_at = now() + interval '6 hours' WHERE tenant_id = \(tenant)")
        let job = await bench.call(.get, "\(path)/jobs").items.first { $0["kind"]?.string == "normalize" }
        #expect(job?["crashes"]?.int == 3 && job?["quarantined_until"]?.string != nil)
        #expect(await bench.call(.post, "\(path)/jobs/release", ["kind": "nonsense", "subject": "x"]).status == 422)
        #expect(await bench.call(.post, "\(path)/jobs/release", ["kind": "normalize", "subject": .string(subject)]).status == 202)
        #expect(await bench.call(.post, "\(path)/jobs/release", ["kind": "normalize", "subject": .string(subject)]).code == "wrong_state")
        #expect(try await bench.store.dueJobs(tenant, limit: 50).contains { $0.kind == .normalize })
        #expect(await bench.call(.get, "\(path)/audit?subject=job%20normalize%20\(subject)").items.first?["action"]?.string == "job.released")
    }

    @Test("unknown paths, wrong methods, wrong types and broken JSON each have their problem") func problems() async throws {
        let bench = try await Bench.make()
        let missing = await bench.call(.get, "/v1/nothing")
        #expect(missing.status == 404)
        #expect(missing.fields["Content-Type"] == "application/problem+json")
        for member in ["type", "title", "detail", "code", "remedy"] { #expect(missing.json[member]?.string != nil, "\(member)") }
        #expect(missing.json["type"]?.string == "https://counterfoil.dev/errors/not_found")
        #expect(missing.json["status"]?.int == 404)
        #expect(missing.fields["X-Request-Id"]?.count == 13)
        let method = await bench.call(.delete, "/v1/tenants")
        #expect(method.status == 405)
        #expect(method.fields["Allow"] == "POST, GET")
        #expect(await bench.call(.get, "/v1/tenants/").status == 404)
        #expect(await bench.call(.get, "/v1/tenants/not-an-id").status == 404)
        let text = Answer(await bench.raw(.post, "/v1/consultancies", Array("{}".utf8), fields: ["Authorization": "Bearer \(bench.key)", "Content-Type": "text/plain"]))
        #expect(text.status == 415)
        let broken = Answer(await bench.raw(.post, "/v1/consultancies", Array("{".utf8), fields: ["Authorization": "Bearer \(bench.key)", "Content-Type": "application/json"]))
        #expect(broken.status == 400)
        #expect(broken.code == "malformed_json")
        #expect(await bench.call(.post, "/v1/consultancies", .array([])).status == 422)
    }

    @Test("everything wrong with a body is told at once, with place and remedy") func findings() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant()
        let answer = await bench.call(.post, "/v1/tenants/\(tenant.id)/organisations", [
            "slug": "No Good", "country": "gb", "base_currency": "XX", "time_zone": "Mars/Base", "colour": "red",
        ])
        #expect(answer.status == 422)
        let fields = answer.json["errors"]?.array?.compactMap { $0["field"]?.string } ?? []
        #expect(Set(fields) == ["slug", "name", "country", "base_currency", "time_zone", "colour"])
        #expect(answer.json["errors"]?.array?.allSatisfy { $0["why"]?.string?.isEmpty == false && $0["remedy"]?.string?.isEmpty == false } == true)
        let structure = await bench.call(.put, "/v1/tenants/\(tenant.id)/structure", ["accounts": ["nonsense:x": "1", "sales:*": 5]])
        #expect(structure.status == 422)
        #expect(structure.json["errors"]?.array?.count == 2)
        let twice = await bench.call(.post, "/v1/consultancies", ["slug": "c-prairie", "name": "Again"])
        #expect(twice.status == 409)
        #expect(twice.code == "already_exists")
    }

    @Test("pages follow each other by cursor without gaps or repeats, and end with null") func cursors() async throws {
        let bench = try await Bench.make()
        let owner = try await bench.consultancy()
        for n in 0 ..< 7 { _ = try await bench.tenant("t\(n)", of: owner, keys: false) }
        var seen: [String] = []
        var cursor = ""
        for _ in 0 ..< 10 {
            let page = await bench.call(.get, "/v1/tenants?limit=3\(cursor)")
            #expect(page.items.count <= 3)
            seen += page.items.compactMap { $0["slug"]?.string }
            guard let next = page.json["next"]?.string else { break }
            cursor = "&cursor=\(next)"
        }
        #expect(seen == (0 ..< 7).map { "t\($0)" })
        for bad in ["limit=0", "limit=201", "limit=x", "cursor=%21", "cursor=e30"] {
            #expect(await bench.call(.get, "/v1/tenants?\(bad)").status == 422, "\(bad)")
        }
    }

    @Test("a repeated request with its idempotency key has the first answer and one effect") func idempotency() async throws {
        let bench = try await Bench.make()
        let body: JSON = ["slug": "north", "name": "North"]
        let first = await bench.call(.post, "/v1/consultancies", body, more: [("Idempotency-Key", "k1")])
        let second = await bench.call(.post, "/v1/consultancies", body, more: [("Idempotency-Key", "k1")])
        #expect(first.status == 201)
        #expect(second.status == 201)
        #expect(second.text == first.text)
        #expect(second.fields["Location"] == first.fields["Location"])
        #expect(second.fields["Idempotent-Replayed"] == "true")
        #expect(try await bench.count("SELECT count(*) FROM app.consultancies") == 1)
        let other = await bench.call(.post, "/v1/consultancies", ["slug": "south", "name": "South"], more: [("Idempotency-Key", "k1")])
        #expect(other.status == 409)
        #expect(other.code == "idempotency_key_reused")
        #expect(try await bench.count("SELECT count(*) FROM app.consultancies") == 1)
    }

    @Test("many at once with one idempotency key make one thing") func concurrentIdempotency() async throws {
        let bench = try await Bench.make()
        let statuses = await withTaskGroup(of: Answer.self) { group in
            for _ in 0 ..< 12 {
                group.addTask { await bench.call(.post, "/v1/consultancies", ["slug": "north", "name": "North"], more: [("Idempotency-Key", "same")]) }
            }
            return await group.reduce(into: [Answer]()) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0.status == 201 })
        #expect(Set(statuses.map(\.text)).count == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.consultancies") == 1)
    }

    @Test("a request that failed may be repeated with its idempotency key") func idempotentFailure() async throws {
        let bench = try await Bench.make()
        _ = try await bench.consultancy("north")
        let taken = await bench.call(.post, "/v1/consultancies", ["slug": "north", "name": "North"], more: [("Idempotency-Key", "k")])
        #expect(taken.status == 409)
        let mended = await bench.call(.post, "/v1/consultancies", ["slug": "south", "name": "South"], more: [("Idempotency-Key", "k")])
        #expect(mended.status == 201)
    }

    @Test("a revoked key stops working within the cache's five seconds") func revoked() async throws {
        let bench = try await Bench.make()
        let key = try await bench.key("gone", scopes: ["read"])
        #expect(await bench.call(.get, "/v1/tenants", key: key).status == 200)
        _ = try await bench.root.pool.query("UPDATE app.api_keys SET revoked_at = now() WHERE label = 'gone'")
        bench.clocks.step(.seconds(6))
        #expect(await bench.call(.get, "/v1/tenants", key: key).status == 401)
    }

    @Test("an unchanged structure makes no version; a changed one makes the next") func versions() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/tenants/\(made.tenant.id)/structure"
        let same = await bench.call(.put, path, Bench.structure)
        #expect(same.status == 200)
        #expect(same.json["version"]?.int == 1)
        let next = await bench.call(.put, path, Bench.structure.setting("house_customer", "Walk-in"))
        #expect(next.status == 201)
        #expect(next.json["version"]?.int == 2)
        #expect(await bench.call(.get, "\(path)?version=1").json["structure"]?["house_customer"]?.string == "Shop customers")
        #expect(await bench.call(.get, path).json["structure"]?["house_customer"]?.string == "Walk-in")
        #expect(await bench.call(.get, "\(path)/versions").items.compactMap { $0["version"]?.int } == [2, 1])
        #expect(await bench.call(.get, "\(path)?version=9").status == 404)
    }

    @Test("new rules have what is held planned anew, and faulted jobs tried at once") func replan() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let (t, f) = (made.tenant.id, made.flow)
        _ = try await bench.root.pool.query("INSERT INTO app.cases (tenant_id, flow_id, case_id, dirty, fault) VALUES (\(t), \(f), 'c1', false, '{}')")
        _ = try await bench.root.pool.query(
            "INSERT INTO app.jobs (tenant_id, kind, subject, lane, due_at, fault) VALUES (\(t), 'identify', 'x', 'poll', now() + interval '1 hour', '{}')")
        _ = try await bench.root.pool.query("DELETE FROM app.jobs WHERE kind = 'map'")
        #expect(await bench.call(.put, "/v1/tenants/\(t)/rules", ["reason_codes": [], "rules": []]).status == 201)
        #expect(try await bench.count("SELECT count(*) FROM app.cases WHERE dirty") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'map' AND subject = \(f.description)") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE due_at > now() + interval '1 minute'") == 0)
    }

    @Test("unknown and unsupported policies are refused by name") func policies() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let answer = await bench.call(.patch, "/v1/flows/\(made.flow)", ["policies": ["edit": "sometimes", "nonsense": "x", "inventory": "fifo"]])
        #expect(answer.status == 422)
        let fields = answer.json["errors"]?.array?.compactMap { $0["field"]?.string } ?? []
        #expect(fields.contains("policies.edit"))
        #expect(fields.contains("policies.nonsense"))
        #expect(fields.contains("policies"))
        #expect(await bench.call(.patch, "/v1/flows/\(made.flow)", ["cut_over": .null, "state": "paused"]).json["cut_over"]?.isNull == true)
    }

    @Test("a policy that waits for what the flow's sources do not tell is refused by name, with what it is") func triggers() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)"
        let refused = await bench.call(.patch, path, ["policies": ["triggers": ["sale": "fulfilled", "refund": "returned"], "revenue": "at_fulfilment"]])
        #expect(refused.status == 422)
        let fields = refused.json["errors"]?.array?.compactMap { $0["field"]?.string } ?? []
        #expect(fields == ["policies", "policies.triggers.sale", "policies.triggers.refund", "policies.revenue"], "\(refused.text)")
        #expect(refused.text.contains("shop does not tell: when goods have left"))
        let kept = await bench.call(.patch, path, ["policies": ["triggers": ["sale": "paid", "refund": "paid"]]])
        #expect(kept.status == 200 && kept.json["policies"]?["triggers.sale"]?.string == "paid", "\(kept.text)")
        #expect(await bench.call(.patch, path, ["policies": ["triggers": ["sale": "soon"]]]).status == 422)
    }

    @Test("orders are mirrored only into a ledger that takes them") func salesOrders() async throws {
        let bench = try await Bench.make()
        let path = "/v1/flows/\(try await bench.furnished().flow)"
        let refused = await bench.call(.patch, path, ["policies": ["sales_orders": "mirror"]])
        #expect(refused.status == 422 && refused.json["errors"]?.array?.compactMap { $0["field"]?.string } == ["policies.sales_orders"], "\(refused.text)")
        #expect(await bench.call(.patch, path, ["policies": ["sales_orders": "off"]]).status == 200)
    }

    @Test("a flow that couldn't be used reads what came meanwhile when it is mended, and any other change of policies reads nothing again") func mended() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)"
        func reread() async throws -> Int64 {
            try await bench.root.pool.query("SELECT count(*) AS n FROM app.jobs WHERE kind = 'normalize'").first?.get("n") ?? 0
        }
        try await bench.root.pool.query(
            "INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, state, normalized_at) VALUES (\(made.tenant.id), \(made.source), 'document', 'd', '', 'normalized', now())")
        #expect(await bench.call(.patch, path, ["policies": ["edit": "delta"]]).status == 200)
        #expect(try await reread() == 0)
        try await bench.root.pool.query("UPDATE app.flows SET policies = '{\"edit\": \"of old\"}'")
        #expect(await bench.call(.patch, path, ["policies": ["edit": "delta"]]).status == 200)
        #expect(try await reread() == 1)
    }

    @Test("a flow names by its slug the source whose returns belong to it, as a group or singly, and no other connection") func returns() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let given = await bench.call(.patch, "/v1/flows/\(made.flow)", ["policies": ["edit": "delta", "returns": ["owner": "rms", "from": "shop"]]])
        #expect(given.status == 200 && given.json["policies"]?["returns.owner"]?.string == "rms" && given.json["policies"]?["returns.from"]?.string == "shop")
        for (from, field) in [("nowhere", "policies.returns.from"), ("books", "policies.returns.from")] {
            let refused = await bench.call(.patch, "/v1/flows/\(made.flow)", ["policies": ["returns.from": .string(from)]])
            #expect(refused.status == 422 && refused.json["errors"]?[0]?["field"]?.string == field, "\(from)")
        }
        #expect(await bench.call(.patch, "/v1/flows/\(made.flow)", ["policies": ["returns": ["owner": "customer"]]]).status == 422)
    }

    @Test("a tenant is paused and resumed; a new one can't be") func pause() async throws {
        let bench = try await Bench.make()
        let tenant = try await bench.tenant("a"), new = try await bench.tenant("b", keys: false)
        #expect(await bench.call(.patch, "/v1/tenants/\(tenant.id)", ["state": "paused"]).json["state"]?.string == "paused")
        #expect(await bench.call(.patch, "/v1/tenants/\(tenant.id)", ["state": "active"]).json["state"]?.string == "active")
        #expect(await bench.call(.patch, "/v1/tenants/\(new.id)", ["state": "active"]).code == "wrong_state")
    }

    @Test("a key makes keys that see no more than itself, shows each once, and revokes them") func keys() async throws {
        let bench = try await Bench.make()
        let a = try await bench.tenant("alpha"), b = try await bench.tenant("beta")
        let own = try await bench.key("alphas", consultancy: a.consultancy, scopes: ["admin"])
        let made = await bench.call(.post, "/v1/keys", ["label": "clerk", "scopes": ["read"], "tenant": .string(a.id.description)], key: own)
        #expect(made.status == 201)
        let clerk = try #require(made.json["key"]?.string)
        #expect(await bench.call(.get, "/v1/tenants", key: clerk).items.count == 1)
        #expect(await bench.call(.get, "/v1/keys", key: clerk).status == 403)
        let unbound = await bench.call(.post, "/v1/keys", ["label": "same", "scopes": ["read"]], key: own)
        #expect(unbound.json["consultancy"]?.string == a.consultancy)
        for body: JSON in [
            ["label": "x", "scopes": ["read"], "tenant": .string(b.id.description)], ["label": "x", "scopes": ["read"], "consultancy": .string(b.consultancy)],
            ["label": "x", "scopes": []], ["label": "x", "scopes": ["root"]], ["label": "x", "scopes": "read"], ["scopes": ["read"]],
        ] { #expect(await bench.call(.post, "/v1/keys", body, key: own).status == 422, "\(body.text)") }
        #expect(await bench.call(.post, "/v1/keys", ["label": "x", "scopes": ["read"]], key: own, more: [("Idempotency-Key", "k")]).status == 400)
        let list = await bench.call(.get, "/v1/keys", key: own)
        #expect(list.items.compactMap { $0["label"]?.string } == ["alphas", "clerk", "same"])
        #expect(!list.text.contains("cf_"))
        let all = await bench.call(.get, "/v1/keys?limit=200")
        let operatorID = try #require(all.items.first { $0["label"]?.string == "operator" }?["id"]?.string)
        #expect(await bench.call(.delete, "/v1/keys/\(operatorID)", key: own).status == 404)
        let clerkID = try #require(list.items.first { $0["label"]?.string == "clerk" }?["id"]?.string)
        #expect(await bench.call(.delete, "/v1/keys/\(clerkID)", key: own).status == 204)
        bench.clocks.step(.seconds(6))
        #expect(await bench.call(.get, "/v1/tenants", key: clerk).status == 401)
    }
}
