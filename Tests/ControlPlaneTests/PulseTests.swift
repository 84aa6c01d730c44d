import Kernel
import Postgres
import Store
import Testing
import Wire

@testable import ControlPlane

@Suite("news for open pages") struct PulseTests {
    private let a: TenantID = SystemRandom().identifier(), b: TenantID = SystemRandom().identifier()
    private let north: ConsultancyID = SystemRandom().identifier(), south: ConsultancyID = SystemRandom().identifier()

    @Test("whoever asks hears of what they see, from where they were; what is not known any more is said to be") func news() {
        let changes = [
            Pulse.Change(number: 4, tenant: a, consultancy: north), Pulse.Change(number: 5, tenant: b, consultancy: south), Pulse.Change(number: 6, tenant: a, consultancy: north),
        ]
        #expect(Pulse.news(changes, newest: 6, since: 6, .all) == .quiet)
        #expect(Pulse.news(changes, newest: 6, since: 4, .all) == .changes(Array(changes.dropFirst())))
        #expect(Pulse.news(changes, newest: 6, since: 3, Visibility(tenant: b)) == .changes([changes[1]]))
        #expect(Pulse.news(changes, newest: 6, since: 5, Visibility(consultancy: south)) == .quiet)
        #expect(Pulse.news(changes, newest: 6, since: 2, .all) == .unknown)
        #expect(Pulse.news(changes, newest: 6, since: 7, .all) == .unknown)
    }

    private func cookie(_ bench: Bench, _ key: String) async -> String {
        let login = await bench.raw(.post, "/session", Array(Form.encode([("key", key)]).utf8), fields: [
            "Host": "cf.test", "Origin": "http://cf.test", "Content-Type": "application/x-www-form-urlencoded",
        ])
        return String((login.fields["Set-Cookie"] ?? "").prefix { $0 != ";" })
    }

    @Test("a page that waits is told of its tenant's change, once, and of nobody else's") func change() async throws {
        let bench = try await Bench.make(), pulse = bench.plane.desk.pulse
        let made = try await bench.furnished(), other = try await bench.tenant("other")
        let signed = await cookie(bench, bench.key)
        await pulse.look()
        let hello = await bench.raw(.get, "/console/events?tenant=\(made.tenant.id)", fields: ["Cookie": signed])
        #expect(hello.bodyText.contains("id: \(pulse.boot)-0\nevent: quiet\n"))
        async let waiting = bench.raw(.get, "/console/events?tenant=\(made.tenant.id)", fields: ["Cookie": signed, "Last-Event-ID": "\(pulse.boot)-0"])
        while pulse.waiting == 0 { await Task.yield() }
        _ = await bench.call(.patch, "/v1/tenants/\(other.id)", ["name": "Renamed"])
        await pulse.look()
        #expect(pulse.waiting == 1)
        _ = await bench.call(.patch, "/v1/tenants/\(made.tenant.id)", ["name": "Renamed"])
        await pulse.look()
        let told = await waiting
        #expect(told.fields["Content-Type"] == "text/event-stream")
        #expect(told.bodyText.contains("event: change\ndata: {\"tenants\":[\"\(made.tenant.id)\"]}"))
        #expect(told.bodyText.contains("id: \(pulse.boot)-2\n"))
        await pulse.look()
        #expect(pulse.newest == 2)
        // It was away meanwhile and says what it has seen.
        let missed = await bench.raw(.get, "/console/events", fields: ["Cookie": signed, "Last-Event-ID": "\(pulse.boot)-0"])
        #expect(missed.bodyText.contains("event: change"))
        let elsewhere = await bench.raw(.get, "/console/events", fields: ["Cookie": signed, "Last-Event-ID": "0123456789-7"])
        #expect(elsewhere.bodyText.contains("event: reset"))
    }

    @Test("one tenant's many open pages keep nobody else's from waiting") func fair() async throws {
        let bench = try await Bench.make(), pulse = bench.plane.desk.pulse
        await pulse.look()
        let many = Visibility(tenant: a), few = Visibility(tenant: b)
        try await withThrowingTaskGroup(of: Pulse.News.self) { group in
            for _ in 0 ..< ControlPlaneLimits.pulseWaitingEach { group.addTask { await pulse.wait(many, of: many, since: 0) } }
            while pulse.waiting < ControlPlaneLimits.pulseWaitingEach { await Task.yield() }
            #expect(pulse.isCrowded(many))
            #expect(await pulse.wait(many, of: many, since: 0) == .quiet)
            #expect(!pulse.isCrowded(few))
            group.addTask { await pulse.wait(few, of: few, since: 0) }
            while pulse.waiting <= ControlPlaneLimits.pulseWaitingEach { await Task.yield() }
            bench.clocks.step(.milliseconds(ControlPlaneLimits.pulseHeld_ms + 1))
            await pulse.look()
            for try await news in group { #expect(news == .quiet) }
        }
    }

    @Test("after a while without news the answer says so; without a session, or for another's tenant, it ends for good") func quiet() async throws {
        let bench = try await Bench.make(), pulse = bench.plane.desk.pulse
        let own = try await bench.tenant("own"), other = try await bench.tenant("other")
        let signed = await cookie(bench, try await bench.key("own", tenant: own.id, scopes: ["read"]))
        await pulse.look()
        async let waiting = bench.raw(.get, "/console/events?after=\(pulse.boot)-0", fields: ["Cookie": signed])
        while pulse.waiting == 0 { await Task.yield() }
        bench.clocks.step(.milliseconds(ControlPlaneLimits.pulseHeld_ms + 1))
        await pulse.look()
        #expect(await waiting.bodyText.contains("event: quiet"))
        #expect(await bench.raw(.get, "/console/events").status == 204)
        #expect(await bench.raw(.get, "/console/events?tenant=\(other.id)", fields: ["Cookie": signed]).status == 204)
    }
}
