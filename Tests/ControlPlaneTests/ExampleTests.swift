import Books
import Crypto
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

/// Sends the description's own examples, as somebody would who reads nothing else.
@Suite("examples of the description") struct ExampleTests {
    /// A tenant in which every example finds what it is about.
    private struct Scene {
        var bench: Bench
        /// Values by the name of a parameter or a member, and by `PUT /v1/… name` where one endpoint needs another.
        var values: [String: String]

        func value(_ endpoint: Endpoint, _ name: String) -> String? { values["\(endpoint.name) \(name)"] ?? values[name] }
    }

    private func scene() async throws -> Scene {
        let bench = try await Bench.make()
        let made = try await bench.furnished(), tenant = made.tenant.id, path = "/v1/tenants/\(tenant)"
        try await bench.store.setAlertKey(try BoxPrivateKey.generate(random: SystemRandom()).publicKey.bytes)
        try await bench.chart(made)
        let document = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "cleared")
        let held = try await bench.posting(made, 2, of: "O-2", state: "held", checks: ["unknown_account"])
        let rejected = try await bench.posting(made, 3, of: "O-3", state: "rejected", fault: "account_not_bound")
        let stopped = try await bench.posting(made, 4, of: "O-4", state: "held", checks: ["unknown_account"])
        let voided = try await bench.voidedThere(made, 9, of: "O-9")
        for n in 5 ... 8 { try await bench.posting(made, n, of: "O-\(n)", state: "cleared") }
        var batches: [String] = []
        for _ in 0 ..< 3 {
            let answer = await bench.call(.post, "/v1/connections/\(made.ledger)/batches", ["limit": 1])
            batches.append(try #require(answer.json["batches"]?[0]?["id"]?.string, "\(answer.text)"))
        }
        for batch in batches.dropFirst() { #expect(await bench.call(.post, "/v1/batches/\(batch)/hand-over").status == 200) }
        _ = await bench.call(.put, "\(path)/alerts/routes", Thing.exampleAlertRoutes)
        _ = await bench.call(.put, "/v1/alerts/routes", Thing.exampleAlertRoutes)
        let delivery = await bench.call(.post, "\(path)/alerts/routes/bookkeeper/test", [:]).json["deliveries"]?[0]?.string
        let own = await bench.call(.post, "/v1/alerts/routes/bookkeeper/test", [:]).json["deliveries"]?[0]?.string
        try await bench.store.raise(tenant, [AlertRow(key: "held/f/x", severity: .warning, cause: "nine are held", remedy: "mend it")])
        let alert = await bench.call(.get, "/v1/alerts").items.first?["id"]?.string
        let paper = try await bench.call(.post, "\(path)/connections", ["slug": "paper", "platform": "paper", "account": "1"]).id()
        let inbox = try await bench.call(.post, "\(path)/connections", ["slug": "erp", "platform": "erp", "account": "1"]).id()
        let spare = await bench.call(.post, "/v1/keys", ["label": "spare", "scopes": ["read"]])
        let spareID = await bench.call(.get, "/v1/keys").items.first { $0["label"]?.string == "spare" }?["id"]?.string
        #expect(spare.status == 201)
        #expect(await bench.call(.put, "/v1/connections/\(inbox)/reflections/bell", ["url": "https://erp.example.com/a", "secret": "0123456789abcdef"]).status == 200)
        let user = await bench.call(.post, "/v1/users", ["name": "spare", "scopes": ["read"], "password": "a long and quiet sentence"]).json["id"]?.string
        let consent = await bench.call(.post, "/v1/connections/\(made.ledger)/authorization").json["id"]?.string
        let event = try await event(bench, made), asked = try await bench.reflections(made, 2)
        return Scene(bench: bench, values: [
            "reflection": asked[0], "POST /v1/reflections/{reflection}/dismiss reflection": asked[1],
            "consent": consent ?? "", "link": String(repeating: "0", count: 32),
            "tenant": tenant.description, "consultancy": made.tenant.consultancy, "organisation": made.organisation, "source": made.source.description,
            "ledger": made.ledger.description, "connection": made.ledger.description, "flow": made.flow.description, "document": document.description,
            "posting": Bench.key(1).text, "batch": batches[0], "alert": alert ?? "", "delivery": delivery ?? "", "route": "bookkeeper", "schedule": "post", "key": spareID ?? "", "user": user ?? "", "event": "\(event)",
            "POST /v1/tenants/{tenant}/flows slug": "second", "POST /v1/tenants/{tenant}/connections slug": "third", "POST /v1/tenants/{tenant}/organisations slug": "second",
            "POST /v1/alerts/{alert}/mute until": (SystemClocks().now() + .seconds(86_400)).description, "platform": "shop", "subject": made.source.description, "POST /v1/postings/{posting}/hold posting": stopped.text, "POST /v1/postings/{posting}/release posting": held.text,
            "POST /v1/postings/{posting}/retry posting": rejected.text, "POST /v1/postings/{posting}/accept posting": voided.text, "GET /v1/alerts/deliveries/{delivery} delivery": own ?? "",
            "PUT /v1/connections/{connection}/credential connection": made.ledger.description, "PUT /v1/connections/{connection}/webhook-secret connection": made.source.description,
            "PUT /v1/connections/{connection}/accounts connection": paper, "POST /v1/connections/{connection}/events connection": inbox,
            "PUT /v1/connections/{connection}/reflections/bell connection": inbox, "GET /v1/connections/{connection}/reflections/bell connection": inbox,
            "DELETE /v1/connections/{connection}/reflections/bell connection": inbox,
            "POST /v1/connections/{connection}/files connection": inbox, "POST /v1/batches/{batch}/file batch": batches[1], "POST /v1/batches/{batch}/confirm batch": batches[1],
            "POST /v1/batches/{batch}/withdraw batch": batches[2], "PATCH /v1/connections/{connection} connection": paper,
        ])
    }

    /// One that is held, and a job that was put aside.
    private func event(_ bench: Bench, _ made: Furnished) async throws -> Int {
        let tenant = made.tenant.id, subject = made.source.description
        _ = try await bench.store.ingest([NewEvent(tenant: tenant, connection: made.source, topic: "orders", deliveryID: "d", sealedBody: [1])], lane: .webhook)
        _ = try await bench.root.pool.query("UPDATE app.events SET state = 'held', fault = '{\"code\": \"malformed_json\"}' WHERE tenant_id = \(tenant)")
        _ = try await bench.root.pool.query(
            "INSERT INTO app.crashes (tenant_id, kind, subject, crashes, quarantined_until) VALUES (\(tenant), 'normalize', \(subject), 3, now() + interval '6 hours')")
        _ = try await bench.root.pool.query("UPDATE app.connections SET state = 'live', credential = '\\x01' WHERE tenant_id = \(tenant)")
        return try #require(await bench.call(.get, "/v1/tenants/\(tenant)/events").items.first?["id"]?.int)
    }

    private func path(_ endpoint: Endpoint, _ scene: Scene) throws -> String {
        var path = endpoint.pattern
        for name in endpoint.pathParameters { path = path.replacing("{\(name)}", with: try #require(scene.value(endpoint, name), "\(endpoint.name): a test must know a value for \(name)")) }
        return path
    }

    /// The example, with ids that there are.
    private func body(_ endpoint: Endpoint, _ scene: Scene) -> (bytes: [UInt8], type: String)? {
        func filled(_ json: JSON) -> JSON {
            .object((json.object ?? []).map { key, value in (key, value.isNull ? value : scene.value(endpoint, key).map { .string($0) } ?? value) })
        }
        switch endpoint.about.body {
        case .none: return nil
        case .members(let members): return (filled(members.example(.theirs)).bytes, "application/json")
        case .whole(_, let example): return (example.bytes, "application/json")
        case .content(let type, _, let example): return (Array(example.utf8), type)
        }
    }

    private func fields(_ scene: Scene, _ type: String?) -> HTTPFields {
        var fields: HTTPFields = ["Authorization": "Bearer \(scene.bench.key)"]
        if let type { fields.append("Content-Type", type) }
        return fields
    }

    @Test("every example of a body is taken as it stands, and every member that a body declares is read") func bodies() async throws {
        let scene = try await scene(), reads = Reads()
        var declared: Set<String> = []
        try await Reads.$log.withValue(reads) {
            // Deliveries are signed by their platform, the log-in is a form of our own page.
            for endpoint in Endpoints.all where endpoint.hasBody && !endpoint.pattern.hasPrefix("/hooks/") && !endpoint.pattern.hasPrefix("/v1/webhooks/") && endpoint.pattern != "/session" && !endpoint.pattern.hasPrefix("/consents/") {
                let sent = try #require(self.body(endpoint, scene))
                var target = try path(endpoint, scene)
                for parameter in endpoint.about.query where parameter.isRequired { target += "?\(parameter.name)=\(parameter.example?.string ?? "")" }
                let answer = Answer(await scene.bench.raw(endpoint.method, target, sent.bytes, fields: fields(scene, sent.type)))
                #expect((200 ... 299).contains(answer.status), "\(endpoint.name) \(String(decoding: sent.bytes, as: UTF8.self)) \(answer.text)")
                if case .members(let members) = endpoint.about.body { for member in members { declared.insert("\(endpoint.name) \(member.name)") } }
            }
        }
        #expect(declared.subtracting(reads.list).sorted() == [])
    }

    @Test("every parameter of a query that is declared is read, and wrong ones are refused by name") func queries() async throws {
        let scene = try await scene(), reads = Reads()
        for endpoint in Endpoints.all where !endpoint.about.parameters.isEmpty && !endpoint.hasBody {
            let target = try path(endpoint, scene)
            for parameter in endpoint.about.parameters where parameter.name != "cursor" {
                let example = parameter.example ?? parameter.shape.example
                let text = example.string ?? example.text
                let answer = await Reads.$log.withValue(reads) { await scene.bench.call(endpoint.method, "\(target)?\(parameter.name)=\(text.replacing(" ", with: "%20"))") }
                #expect(answer.status == 200 || answer.status == 404, "\(endpoint.name)?\(parameter.name) \(answer.text)")
                #expect(reads.list.contains("\(endpoint.name)? \(parameter.name)"), "\(endpoint.name) declares \(parameter.name) and does not read it")
                // The zero byte is what no text, number or id has.
                let wrong = await scene.bench.call(endpoint.method, "\(target)?\(parameter.name)=%00")
                #expect(wrong.status == 422 && wrong.json["field"]?.string == parameter.name, "\(endpoint.name)?\(parameter.name) \(wrong.text)")
            }
        }
    }

    @Test("everything that can be read is as declared") func answers() async throws {
        let scene = try await scene()
        // Pages are for browsers, and answer what their link or cookie is good for.
        for endpoint in Endpoints.all where endpoint.method == .get && !Endpoints.consentPages.contains(where: { $0 === endpoint }) {
            let answer = await scene.bench.call(.get, try path(endpoint, scene))
            // Answers are held against their declaration by the bench itself.
            #expect(answer.status == 200 || answer.status == 404 && endpoint.pattern.contains("rules"), "\(endpoint.name) \(answer.text)")
        }
    }

    @Test("a body that is read as a whole has the members that its reader knows, and no others") func whole() async throws {
        let scene = try await scene(), tenant = try #require(scene.values["tenant"])
        func known(_ path: String, _ body: JSON) async -> [String] {
            let answer = await scene.bench.call(.put, "/v1/tenants/\(tenant)/\(path)", body)
            return (answer.json["errors"]?.array ?? []).filter { $0["why"]?.string == "is not a known member" }.compactMap { $0["remedy"]?.string }
        }
        func told(_ members: [Member]) -> [String] { [members.map(\.name).sorted().joined(separator: ", ")] }
        func sorted(_ remedies: [String]) -> [String] {
            remedies.map { $0.replacing("Known are ", with: "").replacing("Known is ", with: "").replacing(".", with: "").split(separator: ", ").sorted().joined(separator: ", ") }
        }
        func members(_ shape: Shape) -> [Member] {
            if case .object(let members) = shape { members } else { [] }
        }
        let bodies: [(String, Shape)] = [("structure", .structure), ("rules", .rules), ("alerts/rules", .alertRules), ("alerts/routes", .alertRoutes)]
        for (path, shape) in bodies {
            #expect(sorted(await known(path, ["nonsense": 1])) == told(members(shape)), "\(path)")
        }
        #expect(sorted(await known("rules", ["rules": [["name": "a", "nonsense": 1]]])) == told(Shape.ruleMembers))
        #expect(sorted(await known("alerts/rules", ["rules": [["name": "a", "nonsense": 1]]])) == told(Shape.alertRuleMembers))
        #expect(sorted(await known("alerts/rules", ["bounds": ["nonsense": 1]])) == told(Shape.boundMembers))
        #expect(sorted(await known("alerts/routes", ["routes": [["name": "a", "nonsense": 1]]])) == told(Shape.alertRouteMembers))
    }
}
