import Kernel
import Store
import Testing
import Wire

@testable import Scheduler

@Suite("A job that kills workers")
struct CrashRulesTests {
    private let job = JobName(.normalize, "c-1")

    /// Runs the job over rows of which some are poison, batch by batch, until it comes to an end or is left alone.
    private func play(_ rows: [Int], poison: Set<Int>, stuck: Bool = false, canHold: Bool = true) -> (held: [String], crashes: Int, quarantined: Bool, rest: Duration) {
        var left = rows, suspicion = Suspicion(), held: [String] = [], crashes = 0
        var rest = Duration.zero
        while !left.isEmpty {
            let batch = Array(left.prefix(suspicion.batch ?? 100))
            guard batch.contains(where: poison.contains) else {
                left.removeFirst(batch.count)
                continue
            }
            crashes += 1
            let items = batch.map { "event \($0)" }
            let settled = CrashRules.settle(job, suspicion, items, stuck: stuck, canHold: canHold)
            #expect(settled.suspicion.batch.map { $0 >= 1 } ?? true)
            suspicion = settled.suspicion
            rest += settled.putOff
            if let hold = settled.hold {
                held.append(hold)
                left.removeAll { "event \($0)" == hold }
            }
            if settled.suspicion.quarantined != nil { return (held, crashes, true, rest) }
            #expect(crashes < 1000, "it never ends")
            if crashes >= 1000 { break }
        }
        return (held, crashes, false, rest)
    }

    @Test("one poison row in a hundred is found by halving and held, and the other ninety-nine go through", arguments: [0, 1, 37, 50, 98, 99])
    func one(at poison: Int) {
        let outcome = play(Array(0 ..< 100), poison: [poison])
        #expect(outcome.held == ["event \(poison)"])
        #expect(!outcome.quarantined)
        #expect(outcome.crashes <= 8)
        #expect(outcome.rest < .seconds(20))
    }

    @Test("a row alone from the start is tried twice before it is held")
    func single() {
        let first = CrashRules.settle(job, Suspicion(), ["event 7"], stuck: false, canHold: true)
        #expect(first.hold == nil)
        #expect(first.alert == nil)
        #expect(first.suspicion == Suspicion(crashes: 1, batch: 1, items: ["event 7"]))
        let second = CrashRules.settle(job, first.suspicion, ["event 7"], stuck: false, canHold: true)
        #expect(second.hold == "event 7")
        #expect(second.putOff == .zero)
        #expect(second.alert?.severity == .critical)
        #expect(second.alert.map { !$0.cause.isEmpty && !$0.remedy.isEmpty } == true)
    }

    @Test("of two ends over two rows, each alone in hand, neither row is held; the one that is there a second time is, and what is known of the other stays")
    func unrelated() {
        let first = CrashRules.settle(job, Suspicion(), ["event 7"], stuck: false, canHold: true)
        let second = CrashRules.settle(job, first.suspicion, ["event 8"], stuck: true, canHold: true)
        #expect(second.hold == nil && second.alert == nil && second.suspicion == Suspicion(crashes: 2, batch: 1, items: ["event 7", "event 8"]))
        let none = CrashRules.settle(job, second.suspicion, [], stuck: false, canHold: true)
        #expect(none.suspicion.items == ["event 7", "event 8"] && none.suspicion.quarantined != nil)
        let third = CrashRules.settle(job, second.suspicion, ["event 7"], stuck: false, canHold: true)
        #expect(third.hold == "event 7" && third.suspicion == Suspicion(crashes: 0, batch: 1, items: ["event 8"]))
    }

    @Test("a job that ends each time over another row alone holds none of them, and is left alone in the end")
    func everywhere() {
        var suspicion = Suspicion()
        for n in 1 ... CrashRules.narrowingsMost {
            #expect(suspicion.quarantined == nil)
            let settled = CrashRules.settle(job, suspicion, ["event \(n)"], stuck: false, canHold: true)
            #expect(settled.hold == nil && settled.suspicion.items.count <= CrashRules.aloneMost)
            suspicion = settled.suspicion
        }
        #expect(suspicion.quarantined == CrashRules.quarantine)
    }

    @Test("several poison rows are all held, whatever the seed puts where", arguments: 1 ... 40 as ClosedRange<UInt64>)
    func several(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let rows = Array(0 ..< 50 + Int(random.number(below: 300)))
        let poison = Set((0 ..< 1 + Int(random.number(below: 6))).map { _ in Int(random.number(below: UInt64(rows.count))) })
        let outcome = play(rows, poison: poison, stuck: seed % 2 == 0)
        #expect(Set(outcome.held) == Set(poison.map { "event \($0)" }), "seed \(seed)")
        #expect(!outcome.quarantined, "seed \(seed)")
    }

    @Test("a job that names no rows is left alone after three crashes in a row, with cause and remedy")
    func unnamed() {
        var suspicion = Suspicion()
        for n in 1 ... 2 {
            let settled = CrashRules.settle(job, suspicion, [], stuck: false, canHold: true)
            #expect(settled.suspicion == Suspicion(crashes: n))
            #expect(settled.alert == nil)
            #expect(settled.putOff > .zero)
            suspicion = settled.suspicion
        }
        let settled = CrashRules.settle(job, suspicion, [], stuck: true, canHold: true)
        #expect(settled.suspicion.quarantined == CrashRules.quarantine)
        #expect(settled.putOff == CrashRules.quarantine)
        #expect(settled.alert?.key == "quarantined/normalize c-1")
        #expect(settled.alert?.cause.contains("hung 3 times") == true)
        let fault = try? JSON(parsing: settled.fault)
        #expect(fault?["code"]?.string == "job_quarantined")
        #expect(fault?["disposition"]?.string == "hold")
    }

    @Test("a row that can't be held ends in the job's quarantine, not in an endless loop")
    func cannotHold() {
        let outcome = play(Array(0 ..< 100), poison: [3], canHold: false)
        #expect(outcome.held.isEmpty)
        #expect(outcome.quarantined)
        #expect(outcome.crashes <= CrashRules.narrowingsMost)
    }

    @Test("a worker that names more rows than it was allowed, each time, is not believed for ever")
    func liar() {
        var suspicion = Suspicion()
        for n in 1 ... 1000 {
            let settled = CrashRules.settle(job, suspicion, (0 ..< 1000).map { "event \($0)" }, stuck: false, canHold: true)
            suspicion = settled.suspicion
            if settled.suspicion.quarantined != nil {
                #expect(n == CrashRules.narrowingsMost)
                return
            }
        }
        #expect(Bool(false), "it was tried for ever")
    }
}
