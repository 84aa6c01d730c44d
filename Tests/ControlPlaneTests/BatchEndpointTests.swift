import Books
import ConnectorKit
import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("manual posting by the API") struct BatchEndpointTests {
    private func ready(_ count: Int = 2) async throws -> (bench: Bench, made: Furnished, keys: [PostKey]) {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        try await bench.chart(made)
        var keys: [PostKey] = []
        for n in 1 ... count { keys.append(try await bench.posting(made, n, of: "O-\(n)", state: "cleared")) }
        return (bench, made, keys)
    }

    private func create(_ bench: Bench, _ made: Furnished, _ body: JSON = ["form": "journal-csv"]) async -> Answer {
        await bench.call(.post, "/v1/connections/\(made.ledger)/batches", body)
    }

    private func states(_ bench: Bench, _ made: Furnished) async throws -> [String] {
        var out: [String] = []
        let sql: SQL = "SELECT state FROM app.postings WHERE tenant_id = \(made.tenant.id) ORDER BY post_key"
        for row in try await bench.root.pool.query(sql) { out.append(try row.get(0)) }
        return out
    }

    @Test("a batch is made, handed over, given out once and confirmed by the ledger's own list, to the cent") func way() async throws {
        let (bench, made, keys) = try await ready()
        let answer = await create(bench, made)
        #expect(answer.status == 201, "\(answer.text)")
        let batch = try #require(answer.json["batches"]?[0]), path = "/v1/batches/\(batch["id"]?.string ?? "")"
        #expect(batch["number"]?.int == 1 && batch["postings"]?.int == 2 && batch["rows"]?.int == 7)
        #expect(try await states(bench, made) == ["manual", "manual"])
        #expect(await create(bench, made).json["batches"]?.array?.isEmpty == true, "nothing is taken twice")
        #expect(await bench.call(.post, "\(path)/file").status == 409, "not before it is handed over")
        #expect(await bench.call(.post, "\(path)/confirm", ["all": true]).status == 409)
        #expect(await bench.call(.post, "\(path)/hand-over").json["state"]?.string == "handed_over")
        let file = await bench.call(.post, "\(path)/file")
        #expect(file.status == 200 && file.text.hasPrefix("journal_ref,line_no,date,") && file.text.contains("\r\n"))
        #expect(file.fields["Content-Disposition"] == "attachment; filename=\"books-journal-csv-0001.csv\"")
        #expect(await bench.call(.post, "\(path)/file").code == "batch_downloaded")
        #expect(await bench.call(.post, "\(path)/file", ["copy": true]).fields["Content-Disposition"]?.contains("-COPY.csv") == true)
        let wrong = "reference,debit\r\n\(keys[0].text.uppercased()),10.80\r\n\(keys[1].text.uppercased()),21.60\r\nOTHER,5\r\n"
        let first = await bench.call(.post, "\(path)/confirm", ["list": .string(wrong)])
        #expect(first.json["confirmed"]?.int == 1 && first.json["differs"]?[0]?["why"]?.string?.contains("twice") == true)
        #expect(first.json["batch"]?["state"]?.string == "handed_over" && first.json["batch"]?["postings"]?["in_hand"]?.int == 1)
        let items = await bench.call(.get, "\(path)/postings")
        #expect(items.items.map { $0["state"]?.string } == ["confirmed", "in_hand"] && items.items[1]["finding"]?.string?.contains("twice") == true)
        let second = await bench.call(.post, "\(path)/confirm", ["list": .string(file.text)])
        #expect(second.json["batch"]?["state"]?.string == "confirmed" && second.json["confirmed"]?.int == 1)
        #expect(try await states(bench, made) == ["confirmed", "confirmed"])
        // Said again, it changes nothing; a second import shows.
        let settled = try await bench.root.pool.query("SELECT settled_at FROM app.batches").first?.get(0, as: Timestamp.self)
        let third = await bench.call(.post, "\(path)/confirm", ["list": .string(file.text)])
        #expect(third.status == 200 && third.json["confirmed"]?.int == 0 && third.json["differs"]?.array?.isEmpty == true)
        #expect(try await bench.root.pool.query("SELECT settled_at FROM app.batches").first?.get(0, as: Timestamp.self) == settled)
        let again = await bench.call(.post, "\(path)/confirm", ["list": .string(wrong)])
        #expect(again.status == 200 && again.json["differs"]?.array?.count == 1)
        #expect(try await bench.count("SELECT count(*) FROM app.alerts WHERE key LIKE 'differs_by_hand/%' AND severity = 'critical'") == 1)
        #expect(await bench.call(.post, "\(path)/withdraw", ["not_imported": true]).status == 409)
        let posting = await bench.call(.get, "/v1/postings/\(keys[0])")
        #expect(posting.json["by_hand"]?.bool == true && posting.json["remote_id"]?.string == keys[0].text.uppercased())
        let whole = await bench.call(.get, path)
        #expect(whole.json["steps"]?.array?.isEmpty == false && whole.json["file"]?["downloads"]?.int == 2)
    }

    @Test("what was handed over is withdrawn only by a person's word that it was not imported; then it is looked for or planned anew")
    func withdraw() async throws {
        let (bench, made, _) = try await ready(1)
        let open = await create(bench, made).json["batches"]?[0]?["id"]?.string ?? ""
        #expect(await bench.call(.post, "/v1/batches/\(open)/withdraw").json["state"]?.string == "withdrawn")
        #expect(try await states(bench, made) == ["mapped"])
        _ = try await bench.root.pool.query("UPDATE app.postings SET state = 'cleared'")
        let next = await create(bench, made)
        let path = "/v1/batches/\(next.json["batches"]?[0]?["id"]?.string ?? "")"
        #expect(next.json["batches"]?[0]?["number"]?.int == 2)
        _ = await bench.call(.post, "\(path)/hand-over")
        #expect(await bench.call(.post, "\(path)/withdraw").code == "not_imported_missing")
        #expect(await bench.call(.post, "\(path)/withdraw", ["not_imported": true]).status == 200)
        #expect(try await states(bench, made) == ["mapped"])
        #expect(await bench.call(.post, "\(path)/file", ["copy": true]).status == 409, "a withdrawn file is not given out")
        #expect(await bench.call(.post, "\(path)/confirm", ["all": true]).status == 409)
    }

    @Test("what settles a document goes with it or after it; what has no account is left with the reason") func left() async throws {
        let (bench, made, keys) = try await ready(1)
        let lone = try await bench.posting(made, 8, of: "O-8", state: "held", checks: ["closed_period"])
        let waiting = try await bench.posting(made, 9, of: "O-9", state: "cleared", appliesTo: lone)
        let with = try await bench.posting(made, 10, of: "O-10", state: "cleared", appliesTo: keys[0])
        let answer = await create(bench, made)
        #expect(answer.json["left"]?.array?.map { "\($0["post_key"]?.string ?? "") \($0["code"]?.string ?? "")" } == ["\(waiting) manual_waits"])
        #expect(answer.json["batches"]?[0]?["postings"]?.int == 2)
        #expect(await bench.call(.get, "/v1/postings/\(with)").json["batch"]?.string == answer.json["batches"]?[0]?["id"]?.string)
        try await bench.chart(made, ["4010"])
        let bare = try await bench.posting(made, 11, of: "O-11", state: "cleared")
        let second = await create(bench, made)
        #expect(second.json["batches"]?.array?.isEmpty == true)
        #expect(second.json["left"]?.array?.contains { $0["post_key"]?.string == bare.text && $0["code"]?.string == "unbound_line" } == true)
    }

    @Test("what is in hand and what waits for a batch stand among what waits for people, each with its batch or remedy") func inbox() async throws {
        let (bench, made, keys) = try await ready(1)
        let id = await create(bench, made).json["batches"]?[0]?["id"]?.string ?? ""
        _ = await bench.call(.post, "/v1/batches/\(id)/hand-over")
        let waiting = try await bench.posting(made, 2, of: "O-2", state: "cleared", checks: ["waits_for_batch"])
        _ = try await bench.posting(made, 3, of: "O-3", state: "cleared")
        let rows = await bench.call(.get, "/v1/report/held?tenant=\(made.tenant.id)").items
        #expect(rows.map { $0["post_key"]?.string } == [keys[0].text, waiting.text])
        #expect(rows[0]["batch"]?.string == id && rows[1]["checks"]?[0]?.string == "waits_for_batch")
        for order in ["release", "retry", "hold"] {
            #expect(await bench.call(.post, "/v1/postings/\(keys[0])/\(order)", ["reason": "x"]).status == 409, "\(order)")
        }
    }

    @Test("a ledger without an API takes an empty credential and a list of accounts, and no other settings than its own") func paper() async throws {
        let (bench, made, _) = try await ready(1)
        let path = "/v1/tenants/\(made.tenant.id)/connections"
        let wrong: JSON = ["slug": "paper", "platform": "paper", "account": "file", "settings": ["import_date": "dmy"]]
        #expect(await bench.call(.post, path, wrong).status == 422)
        let id = try await bench.call(.post, path, ["slug": "paper", "platform": "paper", "account": "file", "settings": ["import_dates": "dmy"]]).id()
        #expect(await bench.call(.put, "/v1/connections/\(id)/credential", ["token": "x"]).status == 422)
        #expect(await bench.call(.put, "/v1/connections/\(id)/credential", [:]).status == 200)
        let list = "number,name,type\r\n1200,Receivable,asset\r\n4010,Sales,income\r\n"
        let accounts = "/v1/connections/\(id)/accounts"
        #expect(await bench.call(.put, accounts, ["list": .string(list)]).status == 422, "the books' currency is missing")
        #expect(await bench.call(.put, accounts, ["list": "nothing\r\n", "base_currency": "USD"]).code == "chart_unreadable")
        #expect(await bench.call(.put, accounts, ["list": .string(list), "base_currency": "USD", "lock_date": "2026-10-31"]).json["accounts"]?.int == 2)
        let connection = try #require(ConnectionID(id))
        let chart = try #require(try await bench.root.chart(made.tenant.id, connection))
        #expect(chart.baseCurrency == "USD" && chart.lockDate == LocalDate("2026-10-31"))
        #expect(String(decoding: chart.accounts, as: UTF8.self).contains("\"4010\""))
    }

    @Test("wrong requests are refused with their field, foreign keys see nothing, and a repeated request makes one batch") func refusals() async throws {
        let (bench, made, _) = try await ready(1)
        #expect(await create(bench, made, ["form": "nonsense"]).status == 422)
        #expect(await create(bench, made, ["until": "soon"]).status == 422)
        #expect(await create(bench, made, ["limit": 0]).status == 422)
        #expect(await create(bench, made, ["until": "2026-11-13"]).json["batches"]?.array?.isEmpty == true)
        let stranger = try await bench.key("other", tenant: try await bench.tenant("other").id, scopes: ["admin"])
        #expect(await bench.call(.post, "/v1/connections/\(made.ledger)/batches", [:], key: stranger).status == 404)
        let more = [("Idempotency-Key", "k-1")]
        let one = await bench.call(.post, "/v1/connections/\(made.ledger)/batches", [:], more: more)
        let two = await bench.call(.post, "/v1/connections/\(made.ledger)/batches", [:], more: more)
        #expect(one.status == 201 && one.text == two.text)
        let path = "/v1/batches/\(one.json["batches"]?[0]?["id"]?.string ?? "")"
        for verb in ["hand-over", "file", "confirm", "withdraw"] {
            #expect(await bench.call(.post, "\(path)/\(verb)", [:], key: stranger).status == 404, "\(verb)")
        }
        #expect(await bench.call(.get, path, key: stranger).status == 404)
        _ = await bench.call(.post, "\(path)/hand-over")
        let wrong: [JSON] = [
            [:], ["all": false], ["all": true, "list": "x"], ["references": []], ["references": "A"], ["list": 5], ["list": "no,columns\r\n"],
            ["list": "reference,debit\r\nA,b\r\n"],
        ]
        for body in wrong {
            #expect(await bench.call(.post, "\(path)/confirm", body).status == 422, "\(body.text)")
        }
        #expect(await bench.call(.post, "\(path)/confirm", ["references": ["elsewhere"]]).json["missing"]?.array?.count == 1)
        #expect(await bench.call(.put, "/v1/connections/\(made.ledger)/accounts", ["list": "x"]).code == "not_by_file")
        #expect(await bench.call(.get, "/v1/connections/\(made.ledger)/forms").items.map { $0["id"]?.string } == ["journal-csv"])
        #expect(await bench.call(.post, "/v1/connections/\(made.ledger)/look").status == 202)
        #expect(await bench.call(.get, "/v1/connections/\(made.ledger)/batches?state=handed_over").items.count == 1)
    }
}
