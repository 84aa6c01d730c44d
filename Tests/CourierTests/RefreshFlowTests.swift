import ConnectorKit
import Courier
import Kernel
import Store
import Testing
import Wire

@Suite("Token refresh: the whole way")
struct RefreshFlowTests {
    @Test("fifty callers with an expired token make one refresh, and all go on with the new one")
    func one() async {
        let bench = Bench(expired: true)
        bench.platform.onToken { _ = await eventually { bench.store.state.with { $0.charges } == 50 } }
        let done = await withTaskGroup(of: Bool.self) { group in
            for _ in 0 ..< 50 { group.addTask { await bench.read().output == "fine" } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 50)
        #expect(bench.platform.tokenCalls == 1)
        #expect(bench.journal.count("save v2") == 1)
        #expect(bench.journal.count("call hush-a1") == 50)
        #expect(bench.journal.count("call hush-a0") == 0)
    }

    @Test("fifty callers whose token is refused make one refresh")
    func refused() async {
        let bench = Bench()
        bench.platform.change { $0.access = [] }
        bench.platform.onCall { if bench.platform.tokenCalls == 0 { _ = await eventually { bench.platform.calls >= 50 } } }
        let done = await withTaskGroup(of: Bool.self) { group in
            for _ in 0 ..< 50 { group.addTask { await bench.read().output == "fine" } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 50)
        #expect(bench.platform.tokenCalls == 1)
        #expect(bench.platform.calls == 100)
    }

    @Test("a new token is saved before it is used, and the old one kept until the new one has worked")
    func order() async throws {
        let bench = Bench(expired: true)
        let kept = Locked<Bool?>(nil)
        bench.platform.onCall { kept.with { $0 = bench.store.row.credentialBefore != nil } }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines == ["token hush-r0", "save v2 hush-a1", "call hush-a1 /things"])
        #expect(kept.with { $0 } == true)
        #expect(bench.store.row.credentialBefore == nil)
        #expect(bench.store.state.with { $0.forgotten } == [2])
        _ = await bench.read()
        #expect(bench.store.state.with { $0.forgotten } == [2])
    }

    @Test("a token about to end is renewed ahead; where that fails it is used as long as it works, and the endpoint is left alone a while")
    func ahead() async {
        let bench = Bench()
        bench.clocks.advance(by: .seconds(1800 - 59))
        bench.platform.change { $0.tokenTurns = [.answer(.text(503, "later"))] }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines == ["token hush-r0", "call hush-a0 /things"])
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 1)
        bench.clocks.advance(by: .seconds(11))
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 2)
        #expect(bench.journal.lines.last == "call hush-a1 /things")
    }

    @Test("tokens that live half a minute are not renewed for every call")
    func short() async {
        let bench = Bench(expired: true)
        bench.platform.change { $0.expiresIn = .number("30") }
        for _ in 0 ..< 5 { #expect(await bench.read().output == "fine") }
        #expect(bench.platform.tokenCalls == 1)
        bench.clocks.advance(by: .seconds(23))
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 2)
    }

    // MARK: - Answers that get lost

    @Test("the answer to a refresh is lost: the old refresh token is tried again, and works where the platform leaves some grace")
    func lostWithGrace() async {
        let bench = Bench(expired: true)
        bench.platform.change {
            $0.grace = true
            $0.tokenTurns = [.torn]
        }
        let first = await bench.read()
        #expect(first.refusal?.code == "token_endpoint_down")
        #expect(first.refusal?.disposition == .retry)
        #expect(bench.platform.calls == 0)
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines.prefix(2) == ["token hush-r0", "token hush-r0"])
        #expect(bench.store.alerts.isEmpty)
    }

    @Test("the answer to a refresh is lost for good: the connection waits for a person, and a new connection ends the wait")
    func lostWithoutGrace() async {
        let bench = Bench(expired: true)
        bench.platform.change { $0.tokenTurns = [.torn] }
        #expect(await bench.read().refusal?.code == "token_endpoint_down")
        #expect(await bench.read().refusal?.code == "credential_dead")
        #expect(bench.store.row.state == "dead")
        bench.platform.change {
            $0.access = ["hush-a70"]
            $0.refresh = ["hush-r70"]
        }
        bench.store.connect(Bench.credential(70))
        bench.store.identified()
        #expect(await bench.read().output == "fine")
    }

    @Test("the set of the row never worked: the one before it is tried")
    func setBefore() async {
        let bench = Bench(expired: true)
        bench.store.change { state in
            state.row.credentialBefore = state.row.credential
            state.row.credential = Bench.sealed(Bench.credential(8, expires: Timestamp(seconds: 1)))
            state.savedTokens.insert("hush-a8")
        }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines.prefix(3) == ["token hush-r8", "token hush-r0", "save v2 hush-a1"])
    }

    @Test("a set before that can't be read is no obstacle")
    func unreadableBefore() async {
        let bench = Bench(expired: true)
        bench.store.change { $0.row.credentialBefore = [1, 2, 3] }
        #expect(await bench.read().output == "fine")
    }

    // MARK: - Saves that fail

    @Test("a new set that can't be saved is not used; it is saved first the next time, without another refresh")
    func saveFails() async {
        let bench = Bench(expired: true)
        bench.store.change { $0.saveFaults = [.lost, .lost, .lost] }
        #expect(await bench.read().refusal?.code == "database_down")
        #expect(bench.platform.calls == 0)
        #expect(bench.store.row.credentialVersion == 1)
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 1)
        let lines = bench.journal.lines.filter { !$0.hasPrefix("sleep") }
        #expect(lines == ["token hush-r0", "save failed", "save failed", "save failed", "save v2 hush-a1", "call hush-a1 /things"])
    }

    @Test("one failed save is tried again at once")
    func saveFailsOnce() async {
        let bench = Bench(expired: true)
        bench.store.change { $0.saveFaults = [.lost] }
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 1)
    }

    @Test("a save that happened and was not answered is recognised: nothing is saved twice")
    func saveUnanswered() async {
        let bench = Bench(expired: true)
        bench.store.change { $0.saveFaults = [.unanswered] }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines == ["token hush-r0", "save v2 hush-a1", "call hush-a1 /things"])
        #expect(bench.store.row.credentialVersion == 2)
    }

    @Test("a set that waits to be saved is not saved over the one that a person gave meanwhile")
    func saveGivenUp() async {
        let bench = Bench(expired: true)
        bench.store.change { $0.saveFaults = [.lost, .lost, .lost] }
        #expect(await bench.read().refusal?.code == "database_down")
        bench.platform.change {
            $0.access = ["hush-a50"]
            $0.refresh = ["hush-r50"]
        }
        bench.store.connect(Bench.credential(50))
        #expect(await bench.read().output == "fine")
        // Later the person's own token is renewed: with the person's refresh token.
        bench.platform.change { $0.access = [] }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.lines.filter { $0.hasPrefix("token") } == ["token hush-r0", "token hush-r50"])
        #expect(bench.journal.count("save v3") == 1)
    }

    // MARK: - Two workers

    @Test("two workers refresh one connection: the loser's refusal is not the end, it takes over the winner's set")
    func twoWorkers() async {
        let bench = Bench(expired: true)
        let other = bench.another()
        let saving = Gate()
        bench.store.onSave { await saving.pass() }
        bench.clocks.onSleep { _ in
            saving.open()
            _ = await eventually { bench.store.row.credentialVersion == 2 }
        }
        async let first = bench.read()
        #expect(await eventually { saving.arrived == 1 })
        async let second = bench.read(by: other)
        #expect(await first.output == "fine")
        #expect(await second.output == "fine")
        #expect(bench.platform.tokenCalls == 2)
        #expect(bench.journal.count("save v2") == 1)
        #expect(bench.store.alerts.isEmpty)
        #expect(bench.store.row.state == "live")
    }

    @Test("two workers are both given a set: the one that saves second takes over the first's and never uses its own")
    func twoWorkersWithGrace() async {
        let bench = Bench(expired: true)
        bench.platform.change { $0.grace = true }
        let other = bench.another()
        let saving = Gate()
        let saves = Locked(0)
        bench.store.onSave {
            let mine = saves.with { n in
                n += 1
                return n
            }
            if mine == 1 { await saving.pass() }
        }
        async let first = bench.read()
        #expect(await eventually { saving.arrived == 1 })
        let second = await bench.read(by: other)
        #expect(second.output == "fine")
        // The platform honours the newest only: the first one's save loses.
        saving.open()
        #expect(await first.output == "fine")
        #expect(bench.journal.count("save refused") == 1)
        #expect(bench.journal.count("call hush-a1") == 0)
        #expect(bench.store.row.credentialVersion == 2)
        #expect(bench.store.alerts.isEmpty)
    }

    // MARK: - What is no revocation

    @Test(
        "a page of a proxy, an overloaded endpoint or a torn answer is no revocation: work waits and goes on by itself",
        arguments: ["<html><h1>400</h1></html>", #"{"error":"temporarily_unavailable"}"#, "{}", ""])
    func noRevocation(_ body: String) async {
        let bench = Bench(expired: true)
        bench.platform.change { $0.tokenTurns = [.answer(HTTPResponse(400, body: Array(body.utf8)))] }
        let delivery = await bench.read()
        #expect(delivery.refusal?.code == "token_endpoint_down")
        #expect(bench.store.row.state == "live")
        #expect(bench.store.alerts.isEmpty)
        #expect(await bench.read().output == "fine")
    }

    @Test("no refresh starts that could still be under way when the lease ends")
    func leaseEnds() async {
        let bench = Bench(expired: true)
        bench.ends.with { $0 = .seconds(20) }
        #expect(await bench.read().refusal?.code == "lease_ending")
        #expect(bench.platform.tokenCalls == 0)
        bench.ends.with { $0 = .seconds(20) + .microseconds(1) }
        #expect(await bench.read().output == "fine")
    }

    @Test("a token that the platform does not know yet gets a moment before anything is concluded")
    func notYetKnown() async {
        let bench = Bench(expired: true)
        bench.platform.change { $0.turns = [.answer(.text(401, "who?"))] }
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.tokenCalls == 1)
        #expect(bench.journal.count("sleep 2000") == 1)
        #expect(bench.store.row.state == "live")
    }
}
