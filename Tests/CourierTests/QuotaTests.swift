import ConnectorKit
import Courier
import Kernel
import Store
import Testing
import Wire

/// A platform whose app has so many reads a month, over all connections.
private let metered = PlainConnector(limits: [
    RateLimit(name: "minute", scope: .connection, amount: 60, window: .seconds(60)),
    RateLimit(name: "day", scope: .connection, amount: 5_000, window: .seconds(86_400)),
    RateLimit(name: "reads", scope: .app, amount: 500_000, window: .seconds(30 * 86_400)),
])

extension Bench {
    fileprivate func ask(canWait: Bool = false) async -> Delivery<String> {
        let call = Call(.read, HTTPRequest(.get, "/things"), cost: ["minute": 1, "day": 1, "reads": 1])
        return await courier.run(
            .one(call) { response throws(Fault) in response.bodyText }, connector: connector, connection: connection, canWait: canWait)
    }

    /// The next read is turned away as the platform does it, whichever of its limits it means.
    fileprivate func turnAway() {
        platform.change { $0.turns = [.answer(HTTPResponse(429, fields: ["Retry-After": "60", "Bucket": "reads"]))] }
    }
}

@Suite("Quotas of months") struct QuotaTests {
    @Test("reads that are turned away rest by themselves: writes go on")
    func writes() async {
        let bench = Bench(metered)
        bench.turnAway()
        #expect(await bench.ask().refusal?.code == "throttled")
        #expect(bench.store.state.with { $0.pausedUntil.keys.sorted() } == ["reads"])
        #expect(await bench.ask().refusal?.code == "budget_spent")
        #expect(await bench.write().output == "fine")
    }

    @Test("turned away after each pause, the month is spent: pauses grow to an hour, a person is told, and an accepted read ends it")
    func spent() async {
        let bench = Bench(metered)
        var pauses: [Int] = [], codes: [String] = []
        for _ in 0 ..< 8 {
            bench.turnAway()
            let fault = await bench.ask().refusal
            codes.append(fault?.code ?? "")
            let pause = fault?.retryAfter ?? .zero
            pauses.append(Int(pause.wholeMilliseconds / 1000))
            #expect(await bench.write().output == "fine")
            bench.clocks.advance(by: pause)
        }
        #expect(pauses == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
        #expect(codes == ["throttled", "throttled", "throttled"] + Array(repeating: "quota_spent", count: 5))
        #expect(Set(bench.store.alerts.map(\.key)) == ["quota_spent/\(Bench.connection)/reads"])
        #expect(await bench.ask().output == "fine")
        bench.turnAway()
        #expect(await bench.ask().refusal?.retryAfter == .seconds(60))
    }

    @Test("what posting does not need leaves a tenth of a long budget to what it needs, and nothing of a short one")
    func reserve() async {
        let bench = Bench(metered)
        #expect(await bench.ask(canWait: true).output == "fine")
        func reserves() -> [String: Int] { Dictionary(bench.store.state.with { $0.lastCharges }.map { ($0.name, $0.reserve) }) { one, _ in one } }
        #expect(reserves() == ["minute": 0, "day": 500, "reads": 50_000])
        #expect(await bench.ask().output == "fine")
        #expect(reserves() == ["minute": 0, "day": 0, "reads": 0])
        #expect(bench.store.state.with { $0.appAmounts } == [450_000, 500_000])
    }
}
