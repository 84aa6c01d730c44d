import Books
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("documents, postings and reports") struct BooksTests {
    /// One document in each state that there is, and one that two checks hold.
    private func day(_ bench: Bench, _ made: Furnished) async throws {
        let states = ["confirmed", "reconciled", "held", "rejected", "unknown", "manual", "superseded", "voided", "mapped", "cleared", "posting", "posted", "skipped"]
        for (n, state) in states.enumerated() {
            _ = try await bench.document(made, "O-\(state)")
            try await bench.posting(
                made, n, of: "O-\(state)", state: state, checks: state == "held" ? ["closed_period", "unmapped_code"] : [],
                fault: state == "rejected" ? "ledger_said_no" : state == "unknown" ? "outcome_unknown" : nil)
        }
        _ = try await bench.document(made, "O-dirty", dirty: true, planned: false)
        _ = try await bench.document(made, "O-nothing", kind: "payment")
        _ = try await bench.document(made, "O-unplannable", planned: false, fault: "stored_json_unreadable")
        // A document with one posting confirmed and one held is held.
        _ = try await bench.document(made, "O-mixed")
        try await bench.posting(made, 50, of: "O-mixed", state: "confirmed")
        try await bench.posting(made, 51, of: "O-mixed", state: "held", checks: ["closed_period"])
    }

    @Test("the report adds up: each document is in exactly one state") func report() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        _ = try await bench.root.pool.query("""
            INSERT INTO app.proofs VALUES (\(made.tenant.id), \(made.flow), '2026-11-14', 'USD', 10, 5, 0, 5, '[]', now()),
              (\(made.tenant.id), \(made.flow), '2026-11-13', 'USD', 10, 13, 0, -3, '[]', now())
            """)
        let answer = await bench.call(.get, "/v1/report?consultancy=\(made.tenant.consultancy)")
        let row = try #require(answer.json["tenants"]?[0])
        let expected: [String: Int] = [
            "confirmed": 2, "held": 3, "rejected": 1, "unknown": 1, "manual": 1, "superseded": 1, "voided": 1, "skipped": 2, "in_progress": 5, "documents": 17,
            "posted": 4, "unexplained_minor": 8, "events": 0,
        ]
        for (member, count) in expected { #expect(row[member]?.int == count, "\(member): \(row[member]?.text ?? "")") }
        #expect(row["ledger"]?.string == "books")
        let states = ["confirmed", "held", "rejected", "unknown", "manual", "superseded", "voided", "skipped", "in_progress"]
        #expect(states.compactMap { row[$0]?.int }.reduce(0, +) == row["documents"]?.int)
        let held = row["held_by"]?.array?.map { "\($0["check"]?.string ?? "")=\($0["count"]?.int ?? 0)" }
        #expect(held == ["closed_period=2", "stored_json_unreadable=1", "unmapped_code=1"])
    }

    @Test("the list of documents filters by the same state the report counts") func documentList() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        let path = "/v1/tenants/\(made.tenant.id)/documents"
        for (state, count) in [("held", 3), ("in_progress", 5), ("skipped", 2), ("confirmed", 2)] {
            #expect(await bench.call(.get, "\(path)?state=\(state)&limit=200").items.count == count, "\(state)")
        }
        #expect(await bench.call(.get, "\(path)?kind=payment").items.count == 1)
        #expect(await bench.call(.get, "\(path)?case=O-mixed").items.count == 1)
        #expect(await bench.call(.get, "\(path)?flow=\(FlowID(SystemRandom().uuid()))").items.isEmpty)
        var seen: Set<String> = []
        var cursor = ""
        for _ in 0 ..< 10 {
            let page = await bench.call(.get, "\(path)?limit=5\(cursor)")
            seen.formUnion(page.items.compactMap { $0["id"]?.string })
            guard let next = page.json["next"]?.string else { break }
            cursor = "&cursor=\(next)"
        }
        #expect(seen.count == 17)
    }

    @Test("every stopped posting is listed with the checks that stop it, over pages") func heldList() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        let all = await bench.call(.get, "/v1/report/held?tenant=\(made.tenant.id)")
        #expect(all.items.map { $0["subject"]?.string ?? "" }.sorted() == ["O-held", "O-manual", "O-mixed", "O-rejected", "O-unknown"])
        let held = try #require(all.items.first { $0["subject"]?.string == "O-held" })
        #expect(held["checks"] == ["closed_period", "unmapped_code"])
        #expect(held["ledger"]?.string == "books")
        #expect(held["form"]?.string == "invoice")
        #expect(held["reference"]?.string == "order O-held")
        #expect(all.items.first { $0["subject"]?.string == "O-rejected" }?["checks"] == ["ledger_said_no"])
        let first = await bench.call(.get, "/v1/report/held?limit=3")
        let rest = await bench.call(.get, "/v1/report/held?limit=3&cursor=\(first.json["next"]?.string ?? "")")
        #expect(first.items.count == 3)
        #expect(rest.items.count == 2)
        #expect(rest.json["next"]?.isNull == true)
    }

    @Test("pending counts what still moves, and nothing of a paused tenant") func pending() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        _ = try await bench.root.pool.query("DELETE FROM app.jobs")
        _ = try await bench.store.ingest([NewEvent(tenant: made.tenant.id, connection: made.source, topic: "t", deliveryID: "d", sealedBody: [1])], lane: .webhook)
        let busy = await bench.call(.get, "/v1/report/pending")
        #expect(busy.json == ["events_ingested": 1, "cases_dirty": 1, "postings_open": 5, "jobs_due": 1])
        _ = await bench.call(.patch, "/v1/tenants/\(made.tenant.id)", ["state": "paused"])
        #expect(await bench.call(.get, "/v1/report/pending").json == ["events_ingested": 0, "cases_dirty": 0, "postings_open": 0, "jobs_due": 0])
    }

    @Test("a document shows its body and its postings, not those of another flow with the same source id") func document() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let second = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/flows", [
            "slug": "second", "organisation": .string(made.organisation), "source": .string(made.source.description), "ledger": .string(made.ledger.description),
        ]).id()
        var other = made
        other.flow = try #require(FlowID(second))
        let id = try await bench.document(made, "O-1")
        let twin = try await bench.document(other, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "confirmed")
        let answer = await bench.call(.get, "/v1/documents/\(id)")
        #expect(answer.json["state"]?.string == "confirmed")
        #expect(answer.json["body"]?["number"]?.string == "1001")
        #expect(answer.json["postings"]?.array?.count == 1)
        let elsewhere = await bench.call(.get, "/v1/documents/\(twin)")
        #expect(elsewhere.json["state"]?.string == "skipped")
        #expect(elsewhere.json["postings"]?.array?.count == 0)
    }

    @Test("the preview is the request the connector would send, without credentials") func preview() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.chart(made)
        try await bench.root.saveReferences(made.tenant.id, made.ledger, [ReferenceRow(kind: "item", key: "HOM-1", name: "Mug", remoteID: "I7")])
        let id = try await bench.document(made, "O-1")
        try await bench.posting(made, 1, of: "O-1", state: "cleared")
        let answer = await bench.call(.get, "/v1/documents/\(id)/preview")
        let posting = try #require(answer.json["postings"]?[0])
        #expect(posting["action"]?.string == "create")
        let request = try #require(posting["requests"]?[0])
        #expect(request["method"]?.string == "POST")
        #expect(request["base"]?.string == "http://127.0.0.1:8099/books")
        #expect(request["target"]?.string == "/companies/9130/documents?attempt=preview")
        #expect(request["headers"]?.object?.contains { $0.key == "Accept" } == true)
        #expect(request["headers"]?["X-Token"]?.string == "***")
        let body = try #require(request["body"]?[0])
        #expect(body["lines"]?.array?.compactMap { $0["account"]?.string } == ["1200", "4010", "2200"])
        #expect(body["lines"]?.array?.compactMap { $0["minor"]?.int } == [1080, -1000, -80])
        #expect(body["lines"]?[1]?["item"]?.string == "I7")
        #expect(posting["not_yet_known"]?.array?.compactMap { $0["name"]?.string } == ["Shop customers"])
        let unplanned = try await bench.document(made, "O-2")
        #expect(await bench.call(.get, "/v1/documents/\(unplanned)/preview").code == "not_planned_yet")
    }

    @Test("a line that nothing binds is the preview's problem, by role") func unboundPreview() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.chart(made, ["1200"])
        let key = try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["unknown_account"])
        let answer = await bench.call(.get, "/v1/postings/\(key)/preview")
        #expect(answer.json["problem"]?["code"]?.string == "unbound_line")
        #expect(answer.json["problem"]?["position"]?.string == "sales:homeware")
        #expect(answer.json["requests"]?.array?.count == 0)
    }

    @Test("an explanation names for every line its account, the rule behind it and the source documents") func explain() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.chart(made)
        let key = try await bench.posting(made, 1, of: "O-1", state: "rejected", fault: "ledger_said_no")
        _ = try await bench.root.pool.query("""
            INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, evidence, settled_at)
            VALUES (\(made.tenant.id), \(key.text), 1, 'create', 'a1', '\\x01', 3, 'rejected', '{"code":"ledger_said_no"}', now())
            """)
        let answer = await bench.call(.get, "/v1/postings/\(key)/explain")
        let goods = try #require(answer.json["lines"]?[1])
        #expect(goods["role"]?.string == "sales:homeware")
        #expect(goods["account"]?["code"]?.string == "4010")
        #expect(goods["account"]?["name"]?.string == "Account 4010")
        #expect(goods["rule"]?.string == "structure v1: sales:*")
        #expect(goods["ledger_tax_code"]?.string == "TAX")
        #expect(goods["tax_rule"]?.string == "structure v1: US-CO@8")
        #expect(goods["derived_from"] == ["O-1/L1"])
        #expect(answer.json["intents"]?[0]?["state"]?.string == "rejected")
        #expect(answer.json["fault"]?["code"]?.string == "ledger_said_no")
        #expect(answer.json["total"]?.string == "10.80 USD")
    }

    @Test("postings are listed by flow, state and check") func postingList() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        let path = "/v1/tenants/\(made.tenant.id)/postings"
        #expect(await bench.call(.get, "\(path)?limit=200").items.count == 15)
        #expect(await bench.call(.get, "\(path)?state=held").items.count == 2)
        #expect(await bench.call(.get, "\(path)?check=unmapped_code").items.count == 1)
        #expect(await bench.call(.get, "\(path)?check=ledger_said_no").items.count == 1)
        #expect(await bench.call(.get, "\(path)?flow=\(made.flow)&case=O-mixed").items.count == 2)
        #expect(await bench.call(.get, "/v1/postings/\(Bench.key(2))").json["state"]?.string == "held")
        #expect(await bench.call(.get, "/v1/postings/nonsense").status == 404)
    }

    @Test("a held posting is released to be planned anew; a person holds one by making it manual, which planning leaves alone") func holdAndRelease() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let held = try await bench.posting(made, 1, of: "O-1", state: "held", checks: ["closed_period"])
        let cleared = try await bench.posting(made, 2, of: "O-2", state: "cleared")
        let released = await bench.call(.post, "/v1/postings/\(held)/release", ["reason": "period reopened"])
        #expect(released.status == 200)
        #expect(released.json["state"]?.string == "mapped")
        #expect(released.json["findings"]?.array?.count == 0)
        #expect(try await bench.count("SELECT count(*) FROM app.cases WHERE case_id = 'O-1' AND dirty") == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.jobs WHERE kind = 'map' AND lane = 'interactive' AND subject = \(made.flow.description)") == 1)
        let hold = await bench.call(.post, "/v1/postings/\(cleared)/hold", ["reason": "ask the client"])
        #expect(hold.json["state"]?.string == "manual")
        #expect(hold.json["findings"]?[0]?["check"]?.string == "held_by_person")
        #expect(hold.json["findings"]?[0]?["why"]?.string == "ask the client")
        #expect(await bench.call(.post, "/v1/postings/\(cleared)/release").json["state"]?.string == "mapped")
        let trail = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/audit?subject=posting%20\(cleared)")
        #expect(trail.items.compactMap { $0["action"]?.string } == ["posting.release", "posting.hold"])
        #expect(trail.items.last?["detail"]?["reason"]?.string == "ask the client")
    }

    @Test("orders that a state does not allow are refused: what is sent can't be held, what is open can't be retried") func wrongState() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await day(bench, made)
        let index = ["confirmed": 0, "unknown": 4, "posting": 10, "posted": 11, "cleared": 9, "rejected": 3]
        for (state, order) in [("posting", "hold"), ("posted", "hold"), ("unknown", "hold"), ("unknown", "release"), ("confirmed", "retry"), ("cleared", "retry"), ("posting", "retry"),
            ("confirmed", "accept"), ("rejected", "accept"), ("posting", "accept"), ("confirmed", "release")] {
            let answer = await bench.call(.post, "/v1/postings/\(Bench.key(try #require(index[state])))/\(order)")
            #expect(answer.status == 409, "\(order) \(state)")
            #expect(answer.code == "wrong_state")
        }
        #expect(await bench.call(.post, "/v1/postings/\(Bench.key(4))/retry").json["state"]?.string == "unknown")
        #expect(await bench.call(.post, "/v1/postings/\(Bench.key(3))/retry").json["state"]?.string == "mapped")
    }

    @Test("what the ledger shows of an invoice is accepted as it was found, with who said so; once") func accept() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let key = try await bench.voidedThere(made, 1, of: "O-1")
        let answer = await bench.call(.post, "/v1/postings/\(key)/accept", ["reason": "the client will not pay"])
        #expect(answer.json["state"]?.string == "confirmed")
        #expect(answer.json["accepted"]?["voided"]?.bool == true && answer.json["accepted"]?["total_minor"]?.int == 0)
        #expect(answer.json["accepted"]?["by"]?.string?.isEmpty == false && answer.json["findings"]?.array?.count == 0)
        #expect(await bench.call(.post, "/v1/postings/\(key)/accept").code == "wrong_state")
        let trail = await bench.call(.get, "/v1/tenants/\(made.tenant.id)/audit?subject=posting%20\(key)")
        #expect(trail.items.first?["action"]?.string == "posting.accept" && trail.items.first?["detail"]?["reason"]?.string == "the client will not pay")
        #expect(await bench.call(.post, "/v1/postings/\(key)/release").json["accepted"]?.isNull == true)
        // What it was accepted as is no proof of ours: stopped and tried again, it is compared with what was sent.
        #expect(await bench.call(.post, "/v1/postings/\(key)/hold").json["state"]?.string == "manual")
        #expect(await bench.call(.post, "/v1/postings/\(key)/retry").json["state"]?.string == "posted")
    }

    @Test("what was accepted as gone, and changed by the source since, is looked for by its key when it is released") func releaseOfGone() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let key = try await bench.voidedThere(made, 1, of: "O-1")
        try await bench.root.pool.query("""
            UPDATE app.postings SET state = 'held', shown_as = NULL, confirmed_as = '{}', accepted = '{"voided": true, "gone": true, "total_minor": 0}',
              findings = '[{"check": "decided_in_ledger", "why": "", "remedy": "", "position": ""}]', fault = NULL WHERE post_key = \(key.text)
            """)
        let answer = await bench.call(.post, "/v1/postings/\(key)/release").json
        #expect(answer["state"]?.string == "unknown" && answer["remote_id"]?.isNull == true && answer["accepted"]?.isNull == true)
        #expect(try await bench.count("SELECT count(*) FROM app.intents WHERE attempt LIKE 'gone-%' AND state = 'unknown'") == 1)
    }

    @Test("alerts and proofs are there to be read, newest proof first") func alertsAndProofs() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.store.raise(made.tenant.id, [
            AlertRow(key: "k1", severity: .critical, cause: "a", remedy: "b"), AlertRow(key: "k2", severity: .warning, cause: "c", remedy: "d"),
        ])
        #expect(await bench.call(.get, "/v1/alerts?state=open").items.count == 2)
        #expect(await bench.call(.get, "/v1/alerts?severity=critical&tenant=\(made.tenant.id)").items.count == 1)
        let page = await bench.call(.get, "/v1/alerts?limit=1")
        #expect(await bench.call(.get, "/v1/alerts?limit=1&cursor=\(page.json["next"]?.string ?? "")").items[0]["key"]?.string == "k2")
        _ = try await bench.root.pool.query("""
            INSERT INTO app.proofs SELECT \(made.tenant.id), \(made.flow), d::date, 'USD', 1, 1, 0, 0, '[]', now()
            FROM generate_series('2026-11-10'::date, '2026-11-14', '1 day') d
            """)
        let proofs = await bench.call(.get, "/v1/flows/\(made.flow)/proofs?limit=3")
        #expect(proofs.items.compactMap { $0["day"]?.string } == ["2026-11-14", "2026-11-13", "2026-11-12"])
        #expect(await bench.call(.get, "/v1/flows/\(made.flow)/proofs?limit=3&cursor=\(proofs.json["next"]?.string ?? "")").items.count == 2)
    }
}
