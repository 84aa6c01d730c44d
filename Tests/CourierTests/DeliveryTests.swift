import ConnectorKit
@testable import Courier
import Kernel
import Testing
import Wire

@Suite("Deliveries")
struct DeliveryTests {
    private static let egress = Fault("egress_refused", stage: .http, disposition: .hold, summary: "the host may not be reached")

    @Test("an answer that was torn after a write is unknown, and the write is never sent again")
    func tornWrite() async {
        for turn in [Platform.Turn.torn, .swallowed, .answer(.text(500, "oops"))] {
            let bench = Bench()
            bench.platform.change { $0.turns = [turn] }
            let delivery = await bench.write()
            #expect(delivery.unknown != nil)
            #expect(bench.platform.calls == 1)
        }
    }

    @Test("a read whose answer was torn is asked again, four times in all")
    func tornRead() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.torn, .swallowed, .answer(.text(500, "oops"))] }
        #expect(await bench.read().output == "fine")
        #expect(bench.platform.calls == 4)
        bench.platform.change { $0.turns = Array(repeating: .torn, count: 4) }
        #expect(await bench.read().refusal?.code == "reply_torn")
        #expect(bench.platform.calls == 8)
    }

    @Test("a write that was certainly not sent is sent again; one that may not be sent at all is not")
    func notSent() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.notSent(Platform.unreachable), .answer(.text(503, "closed"))] }
        #expect(await bench.write().output == "fine")
        #expect(bench.platform.calls == 3)
        #expect(bench.platform.effects == 1)
        bench.platform.change { $0.turns = [.notSent(DeliveryTests.egress)] }
        #expect(await bench.write().refusal?.code == "egress_refused")
        #expect(bench.platform.calls == 4)
    }

    @Test("a status is nothing: what an answer means is for the connector alone to say")
    func verdicts() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(.text(200, "no")), .answer(.text(404, "fine")), .answer(.text(500, "no")), .answer(.text(204, "?"))] }
        #expect(await bench.write().refusal?.code == "refused_by_body")
        #expect(await bench.write().output == "fine")
        #expect(await bench.write().refusal?.code == "refused_by_body")
        #expect(await bench.write().refusal?.code == "refused")
        #expect(bench.platform.calls == 4)
    }

    @Test("a duplicate is a duplicate, sent once")
    func duplicate() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(.text(409, "there"))] }
        #expect(await bench.write().duplicate?.code == "there_already")
        #expect(bench.platform.calls == 1)
    }

    // MARK: - Several steps

    @Test(
        "what fails after an accepted write is unknown, however it fails", arguments: [400, 409, 429, 401, 500, 503] as [Int])
    func afterWrite(status: Int) async {
        for kind in [Call.Kind.read, .write] {
            let bench = Bench()
            let bad = Platform.Turn.answer(HTTPResponse(status, fields: ["Retry-After": "100"], body: Array("?".utf8)))
            bench.platform.change {
                $0.turns = [.answer(.text(200, "fine"))] + Array(repeating: bad, count: 9)
                $0.refresh = []
            }
            let delivery = await bench.run(Bench.chain([Bench.call(.write, "/a"), Bench.call(kind, "/b")]))
            #expect(delivery.unknown != nil, "\(kind) \(status)")
            #expect(bench.journal.lines.count { $0.hasSuffix("/a") } == 1)
        }
    }

    @Test("an exchange that gives up after an accepted write is unknown, and refused before one")
    func givesUp() async {
        let bench = Bench()
        let fault = Fault("unreadable_answer", stage: .post, disposition: .hold, summary: "no id in the answer")
        #expect(await bench.run(.send(Bench.call(.write)) { _ in .fail(fault) }).unknown == fault)
        #expect(await bench.run(.send(Bench.call(.read)) { _ in .fail(fault) }).refusal == fault)
        #expect(await bench.run(.fail(fault)).refusal == fault)
    }

    @Test("reads before a write that is refused leave it refused")
    func beforeWrite() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(.text(200, "fine")), .answer(.text(200, "fine")), .answer(.text(400, "?"))] }
        #expect(await bench.run(Bench.chain([Bench.call(.read, "/a"), Bench.call(.read, "/b"), Bench.call(.write, "/c")])).refusal?.code == "refused")
    }

    @Test("an exchange that never ends is ended, and is unknown when it wrote")
    func endless() async {
        @Sendable func forever(_ kind: Call.Kind) -> Exchange<String> { .send(Bench.call(kind)) { _ in forever(kind) } }
        let bench = Bench()
        let fault = await bench.run(forever(.read)).refusal
        #expect(fault?.code == "exchange_endless")
        #expect(fault?.disposition == .bug)
        #expect(bench.platform.calls == Courier.stepsMost)
        #expect(await bench.run(forever(.write)).unknown?.code == "exchange_endless")
    }

    @Test("a call that names another host takes no credential there", arguments: ["@evil.example/", "", "things", "https://evil.example/", ".evil.example/"])
    func host(_ target: String) async {
        let bench = Bench()
        #expect(await bench.run(Bench.one(.read, target)).refusal?.code == "target_not_a_path")
        #expect(bench.platform.calls == 0)
    }

    @Test("a request carries the host, the platform's headers and the token")
    func dressed() async throws {
        let bench = Bench()
        _ = await bench.read()
        let request = try #require(bench.platform.state.with { $0.requests.first })
        #expect(request.target == "https://plain.example/things")
        #expect(request.fields["X-Version"] == "1")
        #expect(request.fields["Authorization"] == "Bearer hush-a0")
    }

    // MARK: - Time

    @Test("a write starts only when its longest time ends before the lease, to the microsecond")
    func leaseOfWrite() async {
        let bench = Bench()
        bench.ends.with { $0 = Courier.requestMost }
        #expect(await bench.write().refusal?.code == "lease_ending")
        #expect(bench.platform.calls == 0)
        bench.ends.with { $0 = Courier.requestMost + .microseconds(1) }
        #expect(await bench.write().output == "fine")
    }

    @Test("a read starts until the lease ends, to the microsecond")
    func leaseOfRead() async {
        let bench = Bench()
        bench.ends.with { $0 = .zero }
        #expect(await bench.read().refusal?.code == "lease_ending")
        #expect(bench.platform.calls == 0)
        bench.ends.with { $0 = .microseconds(1) }
        #expect(await bench.read().output == "fine")
    }

    @Test("a write starts at its last moment and not after it, and no repeat of it does")
    func startBy() async {
        let bench = Bench()
        bench.clocks.advance(by: .seconds(5))
        #expect(await bench.write(startBy: .seconds(5)).output == "fine")
        #expect(await bench.write(startBy: .seconds(5) - .microseconds(1)).refusal?.code == "lease_ending")
        #expect(bench.platform.calls == 1)
        bench.platform.change { $0.turns = [.notSent(Platform.unreachable)] }
        #expect(await bench.write(startBy: .seconds(5)).refusal?.code == "lease_ending")
        #expect(bench.platform.effects == 1)
        // A read has no last moment.
        #expect(await bench.run(Bench.one(.read), startBy: .zero).output == "fine")
    }

    @Test("time that a budget or a refresh takes counts: a write that comes too late for its intent is not sent")
    func startByAfterWaiting() async {
        let waiting = Bench()
        waiting.store.change { $0.waits = [.seconds(2)] }
        #expect(await waiting.write(startBy: .seconds(1)).refusal?.code == "lease_ending")
        let refreshing = Bench(expired: true)
        refreshing.platform.onToken { refreshing.clocks.advance(by: .seconds(11)) }
        #expect(await refreshing.write(startBy: .seconds(10)).refusal?.code == "lease_ending")
        #expect(waiting.platform.calls + refreshing.platform.calls == 0)
    }

    @Test("no wait goes on beyond the lease")
    func waitsWithinLease() async {
        let bench = Bench()
        bench.platform.change { $0.turns = Array(repeating: .notSent(Platform.unreachable), count: 4) }
        bench.ends.with { $0 = .milliseconds(200) }
        #expect(await bench.read().refusal?.code == "connect_failed")
        #expect(bench.platform.calls == 1)
        #expect(bench.journal.count("sleep") == 0)
    }
}

@Suite("Budgets and throttles")
struct ThrottleTests {
    @Test("a short wait for a budget is waited for, a longer one goes back to the queue with the time it takes")
    func budget() async {
        let bench = Bench()
        bench.store.change { $0.waits = [.seconds(2)] }
        #expect(await bench.read().output == "fine")
        #expect(bench.journal.count("sleep 2000") == 1)
        bench.store.change { $0.waits = [.milliseconds(2001)] }
        let fault = await bench.read().refusal
        #expect(fault?.code == "budget_spent")
        #expect(fault?.disposition == .wait)
        #expect(fault?.retryAfter == .milliseconds(2001))
        #expect(bench.platform.calls == 1)
    }

    @Test("the operator's own budget counts too")
    func appBudget() async {
        let bench = Bench()
        bench.store.change { $0.appWaits = [.seconds(30)] }
        let call = Call(.read, HTTPRequest(.get, "/things"), cost: ["minute": 1, "appminute": 1])
        #expect(await bench.run(Bench.chain([call])).refusal?.retryAfter == .seconds(30))
        #expect(bench.platform.calls == 0)
        #expect(await bench.run(Bench.chain([call])).output == "end")
    }

    @Test("a budget that others always spend first does not hold a call for ever")
    func crowded() async {
        let bench = Bench()
        bench.store.change { $0.waits = Array(repeating: .milliseconds(1), count: 1000) }
        #expect(await bench.read().refusal?.code == "budget_spent")
        #expect(bench.journal.count("sleep") <= 100)
    }

    @Test("a long throttle pauses the bucket, not the worker: nothing is sent before it ends")
    func long() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "45"]))] }
        let fault = await bench.write().refusal
        #expect(fault?.code == "throttled")
        #expect(fault?.retryAfter == .seconds(45))
        #expect(bench.journal.lines.last == "pause minute 45000")
        #expect(await bench.write().refusal?.code == "budget_spent")
        // Another worker is bound by it as well.
        #expect(await bench.read(by: bench.another()).refusal?.retryAfter == .seconds(45))
        #expect(bench.platform.calls == 1)
        bench.clocks.advance(by: .seconds(45))
        #expect(await bench.write().output == "fine")
    }

    @Test("a short throttle is waited for and the write then sent once")
    func short() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "1"]))] }
        #expect(await bench.write().output == "fine")
        #expect(bench.platform.effects == 1)
        #expect(bench.clocks.monotonic() >= .seconds(1))
        #expect(bench.clocks.monotonic() <= .milliseconds(1250))
    }

    @Test("a bucket that the platform names is paused alone, one that it does not know of pauses what the call costs")
    func buckets() async {
        let bench = Bench()
        let call = Call(.read, HTTPRequest(.get, "/things"), cost: ["minute": 1, "day": 1])
        for (bucket, paused) in [("day", ["day"]), ("appminute", ["day", "minute"]), ("bogus", ["day", "minute"])] {
            bench.store.change { $0.pausedUntil = [:] }
            bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "100", "Bucket": bucket]))] }
            _ = await bench.run(Bench.chain([call]))
            #expect(bench.store.state.with { $0.pausedUntil.keys.sorted() } == paused)
            bench.clocks.advance(by: .seconds(1000))
        }
        bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "100"]))] }
        bench.store.change { $0.pausedUntil = [:] }
        _ = await bench.run(Bench.chain([Call(.read, HTTPRequest(.get, "/free"), cost: [:])]))
        #expect(bench.store.state.with { $0.pausedUntil.keys.sorted() } == ["calls"])
    }

    @Test(
        "a waiting time that can't be meant is bounded",
        arguments: ["9223372036854775807", "100000000", "-1", "-9223372036854775808", "0", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
    func absurd(_ text: String) async throws {
        let bench = Bench()
        bench.platform.change { $0.turns = Array(repeating: .answer(HTTPResponse(429, fields: ["Retry-After": text])), count: 4) }
        if let fault = await bench.write().refusal {
            let wait = try #require(fault.retryAfter)
            #expect(wait >= .milliseconds(50))
            #expect(wait <= .seconds(300))
        }
        #expect(bench.platform.calls <= 4)
        bench.clocks.advance(by: .seconds(300))
        bench.platform.change { $0.turns = [] }
        #expect(await bench.write().output == "fine")
    }

    @Test("the day's limit may last a day")
    func day() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "50000", "Bucket": "day"]))] }
        #expect(await bench.read().refusal?.retryAfter == .seconds(50_000))
    }

    @Test("throttles in a row without a time make longer pauses, calls under way together count once, and an accepted call ends the row")
    func streak() async {
        let bench = Bench()
        var pauses: [Duration] = []
        for _ in 0 ..< 3 {
            bench.platform.change { $0.turns = [.answer(.text(429, "")), .answer(.text(429, "")), .answer(.text(429, "")), .answer(.text(429, ""))] }
            pauses.append(await bench.read().refusal?.retryAfter ?? .zero)
            bench.clocks.advance(by: .seconds(60))
        }
        #expect(pauses == pauses.sorted())
        #expect(pauses[2] > pauses[0])
        bench.platform.change { $0.turns = [] }
        #expect(await bench.read().output == "fine")
        bench.platform.change { $0.turns = [.answer(.text(429, ""))] }
        #expect(await bench.read().output == "fine")
        let together = Bench()
        together.platform.onCall { _ = await eventually { together.platform.calls >= 20 } }
        together.platform.change { $0.turns = Array(repeating: .answer(.text(429, "")), count: 20) }
        together.clocks.onSleep { _ in _ = await eventually { together.journal.count("pause") >= 20 } }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0 ..< 20 { group.addTask { _ = await together.read() } }
        }
        #expect(together.journal.lines.filter { $0.hasPrefix("pause") }.allSatisfy { $0 == "pause minute 2000" })
    }

    @Test("what the platform says is left corrects the count, also when it refuses")
    func readings() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(HTTPResponse(400, fields: ["Left": "7"]))] }
        _ = await bench.write()
        #expect(bench.store.state.with { $0.corrected } == ["minute": 7])
    }

    @Test("a platform that says how long to stay away is asked again then, whatever count it gives beside it")
    func readingsOfThrottle() async {
        let bench = Bench()
        bench.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "1", "Left": "0"]))] }
        _ = await bench.read()
        #expect(bench.store.state.with { $0.corrected["minute"] } != 0)
        let silent = Bench()
        silent.platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Left": "0"]))] }
        _ = await silent.read()
        #expect(silent.store.state.with { $0.corrected["minute"] } == 0)
    }
}
