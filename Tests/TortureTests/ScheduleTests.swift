import Testing

@testable import Sandbox

@Suite("The schedule of a torture run")
struct ScheduleTests {
    private func full(_ seed: UInt64, rounds: Int = 1) -> TortureSchedule { TortureSchedule(seed: seed, size: .full(rounds: rounds)) }

    @Test("the same seed and size give the same schedule, another seed another one")
    func replays() {
        #expect(full(7) == full(7))
        #expect(full(7).steps != full(8).steps)
        #expect(TortureSchedule(seed: 7, size: .small) == TortureSchedule(seed: 7, size: .small))
    }

    @Test("a full run strikes every fault at every point it can strike at, whatever the seed", arguments: [1, 2, 99, 20_771] as [UInt64])
    func complete(seed: UInt64) {
        let schedule = full(seed)
        for fault in TortureFault.allCases {
            for point in fault.points {
                #expect(schedule.steps.contains { $0.fault == fault && $0.point == point }, "\(fault) at \(point)")
                #expect(schedule.requiredPairs.contains { $0.fault == fault && $0.point == point })
            }
        }
    }

    @Test("a full run has every fault that is not a matter of the day's own chance")
    func everyFault() {
        let byTheDay: Set<TortureFault> = [.staleSearch, .clockSkew, .lockDateMoved, .tenantRemoved, .webhookLost, .webhookDuplicated, .webhookReordered]
        let drawn = Set(full(3).steps.map(\.fault))
        #expect(TortureFault.allCases.filter { !drawn.contains($0) && !byTheDay.contains($0) } == [])
    }

    @Test("what a small run requires, it strikes")
    func small() {
        for seed in 1 ... 50 as ClosedRange<UInt64> {
            let schedule = TortureSchedule(seed: seed, size: .small)
            #expect(!schedule.required.isEmpty)
            for pair in schedule.requiredPairs { #expect(schedule.steps.contains { $0.fault == pair.fault && $0.point == pair.point }) }
        }
    }

    @Test("two hundred documents are enough for every pair, fewer are not asked for it, and many more are tortured longer")
    func sizes() {
        #expect(TortureSchedule.size(for: 199) == .small)
        #expect(TortureSchedule.size(for: 200) == .full(rounds: 1))
        #expect(TortureSchedule.size(for: 20_000) == .full(rounds: 8))
        #expect(full(5, rounds: 2).steps.count > full(5).steps.count)
    }

    @Test("both ledgers meet faults at points in each run")
    func bothLedgers() {
        for seed in 1 ... 20 as ClosedRange<UInt64> {
            let ledgers = Set(full(seed).steps.filter { $0.point != nil }.map(\.ledger))
            #expect(ledgers == ["qbo", "xero"])
        }
    }
}

@Suite("The table of hits")
struct HitTableTests {
    @Test("a pair that was never hit is named, and one that was is not")
    func missing() {
        var table = HitTable()
        table.add(.kill, .confirm)
        #expect(table.missing([(.kill, .confirm), (.kill, .sendReply), (.tornReply, .confirm)]) == ["kill at send_reply", "torn_reply at confirm"])
        table.add(.kill, .sendReply, 3)
        #expect(table[.kill, .sendReply] == 3)
        #expect(table.missing([(.kill, .confirm), (.kill, .sendReply)]) == [])
    }

    @Test("rows have a count for every point that a fault can strike at, and none elsewhere")
    func rows() {
        var table = HitTable()
        table.add(.tornReply, .sendReply)
        let row = table.rows.first { $0.fault == .tornReply }
        #expect(row?.counts == [0, nil, 1, nil, 0])
        #expect(table.rows.map(\.fault) == [.kill, .stop, .postgresCrash, .tornReply, .lostRequest])
    }
}
