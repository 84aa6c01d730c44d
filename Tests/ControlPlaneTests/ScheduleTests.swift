import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("schedules by the API") struct ScheduleTests {
    private func item(_ answer: Answer, _ schedule: String) -> JSON? {
        answer.json["items"]?.array?.first { $0["schedule"]?.string == schedule }
    }

    @Test("schedules are stated, shown with their next five runs in local time, kept when stated again, and taken away") func stated() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        let none = await bench.call(.get, path)
        #expect(none.status == 200 && none.json["items"]?.array?.count == 0 && none.json["time_zone"]?.string == "America/Chicago")
        let wanted: JSON = ["post": "0 6 * * 1-5 Europe/London", "payment": "realtime", "pull": "every 15 minutes"]
        let put = await bench.call(.put, path, wanted)
        #expect(put.status == 200, "\(put.text)")
        #expect(put.json["schedules"]?["post"]?.string == "0 6 * * 1-5 Europe/London")
        #expect(item(put, "post")?["next_runs"]?.array?.count == 5)
        #expect(item(put, "payment")?["next_run_at"]?.isNull == true)
        let next = item(put, "post")?["next_run_at"]?.string
        #expect(next != nil && item(put, "pull")?["state"]?.string == "active")
        try await bench.root.pool.query("UPDATE app.schedules SET next_run_at = '2026-01-05T06:00:00Z' WHERE subject = 'post'")
        let again = await bench.call(.put, path, wanted)
        #expect(item(again, "post")?["next_run_at"]?.string == "2026-01-05T06:00:00Z", "what is due is not put off")
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'schedules.changed'") == 1)
        #expect(await bench.call(.put, path, [:]).json["items"]?.array?.count == 0)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'schedules.changed'") == 2)
    }

    @Test("everything wrong with schedules is told at once, and nothing of them is kept") func findings() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        let bad: JSON = ["post": "60 25 * * *", "invoice": "daily at 6", "nonsense": "hourly", "payment": 5, "pull": "hourly"]
        for (method, path) in [(HTTPMethod.put, path), (.post, "\(path)/preview")] {
            let answer = await bench.call(method, path, bad)
            #expect(answer.status == 422)
            let fields = answer.json["errors"]?.array?.compactMap { $0["field"]?.string } ?? []
            #expect(fields.sorted() == ["schedules.invoice", "schedules.nonsense", "schedules.payment", "schedules.post", "schedules.post"])
        }
        #expect(await bench.call(.put, path, nil).status == 422)
        #expect(await bench.call(.put, path, .array([])).status == 422)
        #expect(try await bench.count("SELECT count(*) FROM app.schedules") == 0)
    }

    @Test("spaces around and between the words of a schedule are not kept") func spaces() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        #expect(await bench.call(.post, "\(path)/post/pause").status == 200)
        let put = await bench.call(.put, path, ["post": "realtime ", "pull": " daily  at 06:00 "])
        #expect(put.status == 200 && put.json["schedules"] == ["pull": "daily at 06:00", "post": "realtime"], "\(put.text)")
        #expect(item(await bench.call(.post, "\(path)/post/resume"), "post")?["state"]?.string == "active")
    }

    @Test("a preview tells the runs around a change of the clock and keeps nothing") func preview() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules/preview"
        let answer = await bench.call(.post, "\(path)?after=2026-10-31T12:00:00Z", ["post": "daily at 01:30"])
        let runs = answer.json["items"]?[0]?["next_runs"]?.array?.compactMap(\.string) ?? []
        #expect(runs == [
            "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-06:00", "2026-11-03T01:30:00-06:00", "2026-11-04T01:30:00-06:00", "2026-11-05T01:30:00-06:00",
        ])
        #expect(await bench.call(.post, "\(path)?after=yesterday", ["post": "hourly"]).status == 422)
        #expect(try await bench.count("SELECT count(*) FROM app.schedules") == 0)
    }

    @Test("a run asked for by hand lets through what is cleared, and leaves the clock's next run alone") func run() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        #expect(await bench.call(.put, path, ["post": "daily at 06:00"]).status == 200)
        try await bench.posting(made, 1, of: "O-1", state: "cleared")
        try await bench.root.pool.query("UPDATE app.postings SET cleared_at = clock_timestamp()")
        let before = await bench.call(.get, path)
        #expect(item(before, "post")?["waiting"]?.int == 1)
        #expect(await bench.call(.post, "\(path)/post/run").status == 202)
        let after = await bench.call(.get, path)
        #expect(item(after, "post")?["waiting"]?.int == 0)
        #expect(item(after, "post")?["next_run_at"] == item(before, "post")?["next_run_at"])
        #expect(item(after, "post")?["last_run_at"]?.string != nil)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'schedule.ran' AND detail->>'let_through' = '1'") == 1)
        #expect(await bench.call(.post, "\(path)/invoice/run").code == "wrong_state")
        #expect(await bench.call(.post, "\(path)/nonsense/run").status == 404)
        #expect(await bench.call(.post, "\(path)/pull/run").status == 202, "what has no schedule can be run all the same")
    }

    @Test("what is paused stays paused until it is resumed, whatever is stated meanwhile") func pause() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        #expect(await bench.call(.put, path, ["post": "hourly"]).status == 200)
        for schedule in ["post", "invoice"] {
            let paused = await bench.call(.post, "\(path)/\(schedule)/pause")
            #expect(item(paused, schedule)?["state"]?.string == "paused" && item(paused, schedule)?["next_runs"]?.array?.count == 0)
        }
        #expect(await bench.call(.post, "\(path)/post/pause").status == 200)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'schedule.paused'") == 2)
        #expect(item(await bench.call(.put, path, ["post": "daily at 06:00"]), "post")?["state"]?.string == "paused")
        let gone = await bench.call(.put, path, [:])
        #expect(item(gone, "post")?["state"]?.string == "paused" && item(gone, "post")?["stated"]?.bool == false)
        #expect(gone.json["schedules"]?.object?.count == 0)
        #expect(item(await bench.call(.put, path, ["post": "daily at 06:00"]), "post")?["stated"]?.bool == true)
        let resumed = await bench.call(.post, "\(path)/post/resume")
        #expect(item(resumed, "post")?["state"]?.string == "active" && item(resumed, "post")?["next_runs"]?.array?.count == 5)
        let rest = await bench.call(.post, "\(path)/invoice/resume")
        #expect(item(rest, "invoice") == nil && rest.json["items"]?.array?.count == 1, "it was there for its pause alone")
        #expect(await bench.call(.post, "\(path)/invoice/resume").status == 200)
        #expect(try await bench.count("SELECT count(*) FROM app.audit WHERE action = 'schedule.resumed'") == 2)
    }

    @Test("postings that a person hands over have no schedule") func byHand() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let paper = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/connections", ["slug": "paper", "platform": "paper", "account": "1"]).id()
        let flow = try await bench.call(.post, "/v1/tenants/\(made.tenant.id)/flows", [
            "slug": "by-hand", "organisation": .string(made.organisation), "source": .string(made.source.description), "ledger": .string(paper),
        ]).id()
        #expect(await bench.call(.put, "/v1/flows/\(flow)/schedules", ["post": "hourly"]).status == 422)
        #expect(await bench.call(.put, "/v1/flows/\(flow)/schedules", ["pull": "hourly"]).status == 200)
    }

    @Test("only a key that may change the flow states its schedules, and only one that may run it runs them") func scopes() async throws {
        let bench = try await Bench.make()
        let made = try await bench.furnished()
        let path = "/v1/flows/\(made.flow)/schedules"
        let read = try await bench.key("r", tenant: made.tenant.id, scopes: ["read"]), write = try await bench.key("w", tenant: made.tenant.id, scopes: ["write"])
        #expect(await bench.call(.get, path, key: read).status == 200)
        #expect(await bench.call(.post, "\(path)/preview", ["post": "hourly"], key: read).status == 200)
        #expect(await bench.call(.post, "\(path)/pull/run", key: read).status == 403)
        #expect(await bench.call(.post, "\(path)/pull/run", key: write).status == 202)
        #expect(await bench.call(.put, path, [:], key: write).status == 403)
    }
}
