import ConnectorKit
import Courier
import FoundationEssentials
import Kernel
import Store
import Testing
import Wire

@Suite("Dead credentials")
struct DeadCredentialTests {
    @Test("a revoked grant is dead once and said once, and nothing more is sent")
    func once() async {
        let bench = Bench()
        bench.platform.revoke()
        #expect(await bench.read().refusal?.code == "credential_dead")
        let (calls, tokens) = (bench.platform.calls, bench.platform.tokenCalls)
        for _ in 0 ..< 5 {
            let fault = await bench.write().refusal
            #expect(fault?.code == "credential_dead")
            #expect(fault?.disposition == .reauthorise)
        }
        // A worker that comes later has nothing in memory, and the row says it.
        let other = bench.another()
        for _ in 0 ..< 3 { #expect(await bench.read(by: other).refusal?.code == "credential_dead") }
        #expect(bench.platform.calls == calls)
        #expect(bench.platform.tokenCalls == tokens)
        #expect(tokens == 1)
        #expect(bench.store.states == ["dead"])
        #expect(bench.store.alerts.map(\.key) == ["credential/\(Bench.connection)"])
        #expect(bench.store.alerts.first?.severity == .critical)
        #expect(bench.log.with { $0 }.components(of: "connection_dead") == 1)
    }

    @Test("fifty callers find the grant dead at the same time: one alert")
    func together() async {
        let bench = Bench(expired: true)
        bench.platform.revoke()
        let dead = await withTaskGroup(of: Bool.self) { group in
            for _ in 0 ..< 50 { group.addTask { await bench.read().refusal?.code == "credential_dead" } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(dead == 50)
        #expect(bench.store.alerts.count == 1)
        #expect(bench.platform.tokenCalls == 1)
        #expect(bench.platform.calls == 0)
    }

    @Test("a person connects anew: work goes on by itself, in the worker that saw the end too, even with a row read before")
    func resumes() async {
        let bench = Bench()
        let before = bench.connection
        bench.platform.revoke()
        #expect(await bench.read().refusal?.code == "credential_dead")
        bench.platform.change {
            $0.access = ["hush-a30"]
            $0.refresh = ["hush-r30"]
        }
        bench.store.connect(Bench.credential(30))
        #expect(bench.store.row.state == "new")
        #expect(await bench.run(Bench.one(.read), on: before).output == "fine")
        bench.store.identified()
        #expect(await bench.write().output == "fine")
        #expect(bench.store.alerts.isEmpty)
        #expect(bench.store.row.state == "live")
    }

    @Test("a person connects anew while a refresh is under way: the person's set stays, whatever comes of the refresh", arguments: [true, false])
    func meanwhile(granted: Bool) async {
        let bench = Bench(expired: true)
        bench.platform.change { if !granted { $0.refresh = [] } }
        let done = Locked(false)
        bench.platform.onToken {
            guard !done.with({ $0 }) else { return }
            done.with { $0 = true }
            bench.store.connect(Bench.credential(40))
        }
        bench.platform.onCall {
            bench.platform.change { $0.access.insert("hush-a40") }
        }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines.last == "call hush-a40 /things")
        #expect(Bench.opened(bench.store.row.credential)?.accessToken == Secret("hush-a40"))
        #expect(bench.store.row.credentialVersion == 2)
        #expect(bench.store.states.isEmpty)
        #expect(bench.store.alerts.isEmpty)
    }

    @Test("another caller takes over the person's set while a refresh of the old one is under way: it is not saved over")
    func adoptedMeanwhile() async {
        let bench = Bench(expired: true)
        let before = bench.connection
        bench.platform.change { $0.access = ["hush-a41"] }
        let asked = Gate()
        bench.platform.onToken { await asked.pass() }
        async let first = bench.run(Bench.one(.read), on: before)
        #expect(await eventually { asked.arrived == 1 })
        bench.store.connect(Bench.credential(41))
        #expect(await bench.read().output == "fine")
        bench.platform.onCall { bench.platform.change { $0.access.insert("hush-a41") } }
        asked.open()
        #expect(await first.output == "fine")
        #expect(Bench.opened(bench.store.row.credential)?.accessToken == Secret("hush-a41"))
        #expect(bench.store.row.credentialVersion == 2)
        #expect(bench.journal.count("save refused") == 1)
    }

    @Test("a person connects anew in the very moment that the connection is declared dead: it does not stay dead")
    func crossing() async {
        let bench = Bench(expired: true)
        bench.platform.revoke()
        // After the last look at the row, and before its state is written.
        bench.store.onState {
            bench.platform.change { $0.access = ["hush-a42"] }
            bench.store.connect(Bench.credential(42))
        }
        #expect(await bench.read().output == "fine")
        #expect(bench.store.row.state == "new")
        #expect(bench.store.states == ["dead", "new"])
    }

    @Test("an end that could not be written down is written down the next time, and nothing is sent in between")
    func unsaid() async {
        let bench = Bench()
        bench.platform.revoke()
        bench.store.change { $0.stateFaults = 1 }
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.store.row.state == "live")
        let calls = bench.platform.calls
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.store.row.state == "dead")
        #expect(bench.platform.calls == calls)
    }

    @Test("a call under way goes nowhere with what a person gave since, whoever took that up; until it is known whose account it opens only that is asked") func givenSince() async {
        let bench = Bench()
        let before = bench.connection, who: Exchange<AccountIdentity> = .one(Bench.call(.read, "/me")) { _ throws(Fault) in AccountIdentity(account: "acme", name: "Acme") }
        #expect(await bench.read().output == "fine")
        // Its token is refused, and what it finds then is another company's, for all it knows.
        bench.platform.change { $0.access = ["hush-a60"] }
        bench.store.give(Bench.credential(60))
        let calls = bench.platform.calls
        #expect(await bench.run(Bench.one(.write), on: before).refusal?.code == "connection_moved")
        #expect(bench.platform.calls == calls + 1 && bench.platform.tokenCalls == 0)
        #expect(await bench.write().refusal?.code == "connection_moved")
        #expect(bench.platform.calls == calls + 1)
        #expect(await bench.courier.run(who, connector: bench.connector, connection: bench.connection).output?.account == "acme")
        #expect(await bench.run(Bench.one(.write), on: before).refusal?.code == "connection_moved")
        bench.store.identified()
        #expect(await bench.write().output == "fine")
        #expect(bench.store.states.isEmpty && bench.store.alerts.isEmpty)
    }

    @Test("the question who is there may be asked of a dead connection: that is how it comes back to life") func identify() async {
        let bench = Bench()
        bench.platform.revoke()
        #expect(await bench.read().refusal?.code == "credential_dead")
        let who: Exchange<AccountIdentity> = .one(Bench.call(.read, "/me")) { _ throws(Fault) in AccountIdentity(account: "acme", name: "Acme") }
        func ask() async -> Delivery<AccountIdentity> { await bench.courier.run(who, connector: bench.connector, connection: bench.connection) }
        #expect(await ask().refusal?.code == "credential_dead")
        #expect(bench.store.alerts.count == 1)
        #expect(bench.store.states == ["dead"])
        // The platform was wrong about it.
        bench.platform.change { $0.access = ["hush-a0"] }
        #expect(await ask().output?.account == "acme")
        #expect(await bench.read().refusal?.code == "credential_dead")
        bench.store.identified()
        #expect(await bench.read().output == "fine")
    }

    @Test("a live connection whose credential may do its work, and not ask whose account it is, goes on; the work's own refusal ends it, and a new one is dead by that question", arguments: [true, false])
    func mayNotAsk(isRenewed: Bool) async {
        let bench = isRenewed ? Bench() : Bench(PlainConnector(.header("X-Token")), Credential(accessToken: Secret("hush-a0")))
        let who: Exchange<AccountIdentity> = .one(Bench.call(.read, "/me")) { _ throws(Fault) in AccountIdentity(account: "acme", name: "Acme") }
        func ask() async -> Delivery<AccountIdentity> { await bench.courier.run(who, connector: bench.connector, connection: bench.connection) }
        for _ in 0 ..< 2 {
            bench.platform.change { $0.turns = Array(repeating: .answer(.text(401, "not for you")), count: 20) }
            #expect(await ask().refusal?.code == "credential_dead")
            bench.platform.change { $0.turns = [] }
            #expect(await bench.write().output == "fine")
        }
        #expect(bench.store.states.isEmpty && bench.store.alerts.isEmpty && bench.store.row.state == "live")
        bench.platform.revoke()
        #expect(await ask().refusal?.code == "credential_dead")
        #expect(bench.store.row.state == "live")
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.store.states == ["dead"] && bench.store.alerts.count == 1)
        bench.store.give(isRenewed ? Bench.credential(60) : Credential(accessToken: Secret("hush-a60")))
        #expect(await ask().refusal?.code == "credential_dead")
        #expect(bench.store.states == ["dead", "dead"] && bench.store.row.state == "dead")
    }

    @Test("a worker that saw the end goes on when another one brought the connection to life") func revivedElsewhere() async {
        let bench = Bench()
        bench.platform.revoke()
        #expect(await bench.read().refusal?.code == "credential_dead")
        bench.platform.change { $0.access = ["hush-a0"] }
        bench.store.identified()
        #expect(await bench.read().output == "fine")
        #expect(bench.store.row.state == "live")
    }

    @Test("a fixed key that is refused is dead at once, without a token endpoint")
    func fixed() async {
        let bench = Bench(PlainConnector(.header("X-Token")), Credential(accessToken: Secret("hush-a0")))
        #expect(await bench.read().output == "fine")
        bench.platform.revoke()
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.platform.tokenCalls == 0)
        #expect(bench.store.alerts.count == 1)
    }

    @Test("new tokens that are refused again and again end in a dead connection, with two refreshes")
    func useless() async {
        let bench = Bench()
        bench.platform.change { $0.turns = Array(repeating: .answer(.text(401, "who?")), count: 20) }
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.platform.tokenCalls == 2)
        #expect(bench.platform.calls == 5)
        #expect(bench.store.row.state == "dead")
    }

    @Test("a new token that the platform ended before its first use is traded once more, and nobody is asked to connect")
    func endedBeforeUse() async {
        let bench = Bench(expired: true)
        let platform = bench.platform
        platform.onCall { if platform.calls == 1 { platform.change { $0.access = [] } } }
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 2)
        #expect(bench.store.row.state == "live" && bench.store.alerts.isEmpty)
    }

    @Test("a connection without a credential, and one that is gone, say so and send nothing")
    func missing() async {
        let bench = Bench(PlainConnector(), nil)
        #expect(await bench.read().refusal?.code == "not_connected")
        #expect(bench.store.alerts.isEmpty)
        let gone = Bench(expired: true)
        let before = gone.connection
        gone.store.change { $0.row = Bench.elsewhere($0.row) }
        #expect(await gone.run(Bench.one(.read), on: before).refusal?.code == "unknown_connection")
        #expect(gone.platform.calls + gone.platform.tokenCalls + bench.platform.calls == 0)
    }

    @Test("a credential that can't be read is said once and waits for a person", arguments: ["{", "{}", #"{"access_token":""}"#, "[]"])
    func unreadable(_ text: String) async {
        let bench = Bench()
        bench.store.change { $0.row.credential = Bench.sealedBytes(text) }
        for _ in 0 ..< 3 { #expect(await bench.read().refusal?.code == "credential_unreadable") }
        #expect(bench.store.alerts.count == 1)
        #expect(bench.store.row.state == "dead")
        #expect(bench.platform.calls == 0)
        bench.store.connect(Bench.credential(0))
        bench.store.identified()
        #expect(await bench.read().output == "fine")
    }

    @Test("a box of another tenant or connection does not open, and that is no death")
    func foreign() async {
        let tenant = TenantID(UUID(uuid: (9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)))
        let connection = ConnectionID(UUID(uuid: (8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8)))
        for place in ["credential \(tenant) \(Bench.connection)", "credential \(Bench.tenant) \(connection)", "credential \(Bench.tenant)", "credential"] {
            let bench = Bench()
            bench.store.change { $0.row.credential = Bench.sealed(Bench.credential(0), for: place) }
            #expect(await bench.read().refusal?.code == "box_closed", "\(place)")
            #expect(bench.store.row.state == "live")
            #expect(bench.platform.calls == 0)
        }
    }

    /// The words are written out here: whoever seals in the control plane can't import this room.
    @Test("a box sealed for this tenant and connection, in the words that the control plane seals with, opens")
    func own() async {
        let bench = Bench()
        bench.store.change { $0.row.credential = Bench.sealed(Bench.credential(0), for: "credential \(Bench.tenant) \(Bench.connection)") }
        #expect(await bench.read().output == "fine")
    }

    @Test("a raw body is opened in the words that the control plane seals it with, which name tenant and connection")
    func event() {
        #expect(Credential.eventContext(Bench.tenant, Bench.connection) == Array("event \(Bench.tenant) \(Bench.connection)".utf8))
    }
}

extension String {
    func components(of word: String) -> Int { ranges(of: word).count }
}
