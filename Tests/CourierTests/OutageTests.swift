import ConnectorKit
@testable import Courier
import Kernel
import Testing
import Wire

@Suite("A platform that does not answer")
struct OutageTests {
    private let gone = Platform.Turn.notSent(Platform.unreachable)

    private func fail(_ bench: Bench, _ turn: Platform.Turn? = nil, times: Int = 100) {
        let turn = turn ?? gone
        bench.platform.change { $0.turns = Array(repeating: turn, count: times) }
    }

    @Test("after five faults in a row every budget of the connection rests, also for the next worker")
    func opens() async {
        let bench = Bench()
        fail(bench)
        #expect(await bench.read().refusal?.code == "connect_failed")
        #expect(bench.platform.calls == 4)
        #expect(bench.journal.count("pause") == 0)
        let fault = await bench.read().refusal
        #expect(bench.platform.calls == 5)
        #expect(fault?.retryAfter.map { $0 >= .seconds(5) && $0 <= .milliseconds(6250) } == true)
        #expect(Set(bench.store.state.with { $0.pausedUntil.keys }) == ["minute", "day", "calls"])
        #expect(await bench.read().refusal?.code == "circuit_open")
        #expect(await bench.read(by: bench.another()).refusal?.code == "budget_spent")
        #expect(bench.platform.calls == 5)
    }

    @Test("that a platform is down is written down once, and the first answer after it, be it to another worker")
    func written() async {
        let bench = Bench()
        fail(bench, times: 7)
        for _ in 0 ..< 4 { _ = await bench.read() }
        #expect(bench.store.downs.count == 1 && bench.store.downs.first??.isEmpty == false)
        bench.platform.change { $0.turns = [] }
        bench.clocks.advance(by: .seconds(600))
        let next = bench.another()
        for _ in 0 ..< 3 { _ = await bench.read(by: next) }
        #expect(bench.store.downs.count == 2 && bench.store.downs.last == .some(nil), "\(bench.store.downs)")
    }

    @Test("a clock that is minutes off is written down with the first such answer, and when it is right again, be it by another worker; a kept answer says nothing of it")
    func clocks() async {
        let bench = Bench()
        func answer(_ courier: Courier? = nil, ahead: Int64, age: Bool = false) async {
            let date = HTTPDate.text(Timestamp(seconds: bench.clocks.now().seconds + ahead))
            bench.platform.change { $0.turns = [.answer(HTTPResponse(200, fields: age ? ["Date": date, "Age": "500"] : ["Date": date]))] }
            _ = if let courier { await bench.read(by: courier) } else { await bench.read() }
        }
        await answer(ahead: -400, age: true)
        for ahead: Int64 in [120, -120, 0] { await answer(ahead: ahead) }
        #expect(bench.store.ahead.isEmpty)
        for ahead: Int64 in [400, 405, -500] { await answer(ahead: ahead) }
        #expect(bench.store.ahead == [400], "said once")
        await answer(bench.another(), ahead: 400)
        #expect(bench.store.ahead == [400], "by whom it was not said")
        await answer(bench.another(), ahead: -30)
        #expect(bench.store.ahead == [400, nil])
        await answer(bench.another(), ahead: -121)
        #expect(bench.store.ahead == [400, nil, -121])
    }

    @Test("an answer that was minutes on its way is no clock that is minutes off")
    func slow() async {
        let bench = Bench()
        let date = HTTPDate.text(bench.clocks.now())
        bench.platform.change { $0.turns = [.answer(HTTPResponse(200, fields: ["Date": date]))] }
        bench.platform.onCall { bench.clocks.advance(by: .seconds(200)) }
        _ = await bench.read()
        #expect(bench.platform.calls == 1 && bench.store.ahead.isEmpty)
    }

    @Test("after each pause one call probes; pauses grow while none is answered, and an answer ends it")
    func probes() async {
        let bench = Bench()
        fail(bench)
        _ = await bench.read()
        var pauses: [Duration] = []
        for n in 0 ..< 8 {
            let before = bench.platform.calls
            guard let pause = await bench.read().refusal?.retryAfter else { return }
            #expect(bench.platform.calls == before + 1, "pause \(n)")
            pauses.append(pause)
            bench.clocks.advance(by: pause)
        }
        #expect(zip(pauses, pauses.dropFirst()).prefix(5).allSatisfy { $0 < $1 })
        #expect(pauses.allSatisfy { $0 <= Circuit.pauseMost * 5 / 4 })
        bench.platform.change { $0.turns = [] }
        #expect(await bench.read().output == "fine")
        // Closed: one more fault is waited out inside the call.
        bench.platform.change { $0.turns = [.notSent(Platform.unreachable)] }
        #expect(await bench.read().output == "fine")
    }

    @Test("of many calls after the pause one is sent")
    func oneProbe() async {
        let bench = Bench()
        fail(bench, times: 5)
        _ = await bench.read()
        _ = await bench.read()
        bench.clocks.advance(by: .seconds(7))
        let before = bench.platform.calls
        let gate = Gate()
        bench.platform.onCall { await gate.pass() }
        async let all = withTaskGroup(of: Bool.self) { group in
            for _ in 0 ..< 20 { group.addTask { await bench.read().output != nil } }
            var done = 0
            for await one in group {
                if !one { done += 1 }
                if done == 19 { gate.open() }
            }
            return done
        }
        #expect(await all == 19)
        #expect(bench.platform.calls == before + 1)
        #expect(await bench.read().output == "fine")
    }

    @Test("refusals, duplicates and refused tokens never open it, however many")
    func refusals() async {
        let bench = Bench()
        for status in [400, 409, 404, 422] {
            for _ in 0 ..< 10 {
                bench.platform.change { $0.turns = [.answer(.text(status, "?"))] }
                _ = await bench.write()
            }
        }
        fail(bench, .notSent(Fault("egress_refused", stage: .http, disposition: .hold, summary: "x")), times: 20)
        for _ in 0 ..< 20 { _ = await bench.write() }
        #expect(bench.journal.count("pause") == 0)
    }

    @Test("one record that the platform always chokes on counts once a call")
    func poison() async {
        let bench = Bench()
        for _ in 0 ..< 4 {
            fail(bench, .answer(.text(503, "oops")), times: 4)
            #expect(await bench.read().refusal?.code == "maintenance")
        }
        #expect(bench.platform.calls == 16)
        #expect(bench.journal.count("pause") == 0)
        bench.platform.change { $0.turns = [] }
        #expect(await bench.read().output == "fine")
        for _ in 0 ..< 5 {
            fail(bench, .answer(.text(503, "oops")), times: 4)
            _ = await bench.read()
        }
        #expect(bench.journal.count("pause") == 3)
    }

    @Test("a write that was torn counts, and its outcome stays unknown")
    func torn() async {
        let bench = Bench()
        fail(bench, .torn)
        for _ in 0 ..< 5 { #expect(await bench.write().unknown != nil) }
        #expect(bench.journal.count("pause") == 3)
        #expect(await bench.write().refusal?.code == "circuit_open")
        #expect(bench.platform.calls == 5)
    }
}
