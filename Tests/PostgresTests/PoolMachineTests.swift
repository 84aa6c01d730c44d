import Kernel
import Testing

@testable import Postgres

@Suite("the pool's machine") struct PoolMachineTests {
    private let start: Duration = .seconds(100)

    private func pool(size: Int, depth: Int = 4, open: Int) -> PoolMachine {
        var machine = PoolMachine(size: size, depth: depth, patience: .seconds(20))
        guard open > 0 else { return machine }
        // A waiter each makes the pool open that many.
        for n in 0 ..< open { _ = machine.submit(UInt64(9_000 + n), exclusively: false, now: start) }
        for n in 0 ..< open { _ = machine.cancel(UInt64(9_000 + n), now: start) }
        for n in 1 ... open { _ = machine.opened(n, now: start) }
        return machine
    }

    @Test("nothing is opened before somebody asks, then one for each waiter up to the size") func lazy() {
        var machine = PoolMachine(size: 2, patience: .seconds(20))
        #expect(machine.wakeAt == nil)
        #expect(machine.submit(1, exclusively: false, now: start) == [.open(1, attempt: 0)])
        #expect(machine.submit(2, exclusively: true, now: start) == [.open(2, attempt: 0)])
        #expect(machine.submit(3, exclusively: false, now: start) == [])
        #expect(machine.opened(1, now: start) == [.assign(1, connection: 1), .assign(3, connection: 1)]
            || machine.connections == 2)
    }

    @Test("single statements go to the least loaded connection, up to the depth") func spread() {
        var machine = pool(size: 2, depth: 2, open: 2)
        #expect(machine.submit(1, exclusively: false, now: start) == [.assign(1, connection: 1)])
        #expect(machine.submit(2, exclusively: false, now: start) == [.assign(2, connection: 2)])
        #expect(machine.submit(3, exclusively: false, now: start) == [.assign(3, connection: 1)])
        #expect(machine.submit(4, exclusively: false, now: start) == [.assign(4, connection: 2)])
        #expect(machine.submit(5, exclusively: false, now: start) == [])
        #expect(machine.finished(2, now: start) == [.assign(5, connection: 2)])
    }

    @Test("no statement is put behind another's while the pool can grow: it takes the connection that opens, or one that falls idle first") func grows() {
        var machine = pool(size: 2, open: 1)
        #expect(machine.submit(1, exclusively: false, now: start) == [.assign(1, connection: 1)])
        #expect(machine.submit(2, exclusively: false, now: start) == [.open(2, attempt: 0)])
        #expect(machine.submit(3, exclusively: false, now: start) == [])
        #expect(machine.finished(1, now: start) == [.assign(2, connection: 1)])
        #expect(machine.opened(2, now: start) == [.assign(3, connection: 2)])
        // It is as large as it may be: from now on they share.
        #expect(machine.submit(4, exclusively: false, now: start) == [.assign(4, connection: 1)])
    }

    @Test("statements share what there is while no connection can be added") func shares() {
        var machine = pool(size: 2, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        #expect(machine.submit(2, exclusively: false, now: start) == [.open(2, attempt: 0)])
        let full = Fault("database_refuses_writes", stage: .database, disposition: .wait, summary: "too many clients already")
        #expect(machine.failed(2, full, refusal: false, now: start) == [.assign(2, connection: 1)])
        #expect(machine.submit(3, exclusively: false, now: start) == [.assign(3, connection: 1)])
    }

    @Test("a transaction has its connection to itself") func exclusive() {
        var machine = pool(size: 2, open: 2)
        #expect(machine.submit(1, exclusively: true, now: start) == [.lend(1, connection: 1)])
        #expect(machine.submit(2, exclusively: false, now: start) == [.assign(2, connection: 2)])
        #expect(machine.submit(3, exclusively: false, now: start) == [.assign(3, connection: 2)])
        #expect(machine.released(1, now: start) == [])
        #expect(machine.submit(4, exclusively: false, now: start) == [.assign(4, connection: 1)])
    }

    @Test("a waiting transaction is not starved by a stream of statements") func fair() {
        var machine = pool(size: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        #expect(machine.submit(2, exclusively: true, now: start) == [])
        #expect(machine.submit(3, exclusively: false, now: start) == [])  // younger than the transaction
        #expect(machine.finished(1, now: start) == [.lend(2, connection: 1)])
        #expect(machine.submit(4, exclusively: true, now: start) == [])
        // And statements are not starved by transactions.
        #expect(machine.released(1, now: start) == [.assign(3, connection: 1)])
        #expect(machine.finished(1, now: start) == [.lend(4, connection: 1)])
    }

    @Test("a reservation ends when its transaction gives up") func givesUp() {
        var machine = pool(size: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.submit(2, exclusively: true, now: start)
        _ = machine.submit(3, exclusively: false, now: start)
        #expect(machine.cancel(2, now: start) == [.assign(3, connection: 1)])
    }

    @Test("failed attempts back off, one scout at a time, and waiting ends with the reason") func backOff() throws {
        var machine = PoolMachine(size: 3, patience: .seconds(2), seed: 7)
        #expect(machine.submit(1, exclusively: false, now: start) == [.open(1, attempt: 0)])
        #expect(machine.submit(2, exclusively: true, now: start) == [.open(2, attempt: 0)])
        let down = Fault("database_down", stage: .database, disposition: .retry, summary: "no server")
        #expect(machine.failed(1, down, refusal: false, now: start) == [])
        #expect(machine.failed(2, down, refusal: false, now: start) == [])
        let first = try #require(machine.wakeAt)
        #expect(first > start && first <= start + .milliseconds(100))
        #expect(machine.tick(first) == [.open(3, attempt: 2)])
        #expect(machine.tick(first) == [])
        _ = machine.failed(3, down, refusal: false, now: first)
        let later = try #require(machine.wakeAt)
        #expect(later > first)
        let ended = machine.tick(start + .seconds(2))
        let failed = ended.compactMap { if case .fail(let id, let fault) = $0 { "\(id) \(fault.code)" } else { nil } }
        #expect(failed == ["1 database_down", "2 database_down"])
        #expect(machine.waiters == 0)
    }

    @Test("a refused login fails all who wait, unless a connection still lives") func refusal() {
        let refused = Fault("login_refused", stage: .database, disposition: .reauthorise, summary: "no")
        var machine = PoolMachine(size: 2, patience: .seconds(2))
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.submit(2, exclusively: true, now: start)
        #expect(machine.failed(1, refused, refusal: true, now: start) == [.fail(1, refused), .fail(2, refused)])
        var living = pool(size: 2, depth: 1, open: 1)
        _ = living.submit(1, exclusively: false, now: start)
        #expect(living.submit(2, exclusively: false, now: start) == [.open(2, attempt: 0)])
        #expect(living.failed(2, refused, refusal: true, now: start) == [])
        #expect(living.finished(1, now: start) == [.assign(2, connection: 1)])
    }

    @Test("a lost connection is replaced at once, one that served nothing only after a pause") func replaced() {
        var machine = pool(size: 1, depth: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.finished(1, now: start)
        #expect(machine.lost(1, now: start) == [])
        #expect(machine.submit(2, exclusively: false, now: start) == [.open(2, attempt: 0)])
        _ = machine.opened(2, now: start)
        #expect(machine.lost(2, now: start) == [])
        #expect(machine.submit(3, exclusively: false, now: start) == [])
        #expect(machine.tick(start + .seconds(1)) == [.open(3, attempt: 1)])
    }

    @Test("a unit given back goes ahead of those behind it") func resubmitted() {
        var machine = pool(size: 1, depth: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.finished(1, now: start)
        _ = machine.submit(2, exclusively: false, now: start)
        _ = machine.submit(3, exclusively: false, now: start)
        #expect(machine.lost(1, now: start) == [.open(2, attempt: 0)])
        #expect(machine.resubmit(2, exclusively: false, now: start) == [])
        #expect(machine.opened(2, now: start) == [.assign(2, connection: 2)])
    }

    @Test("patience ends for who waits, not for who is served") func patience() {
        var machine = pool(size: 1, depth: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.submit(2, exclusively: false, now: start)
        #expect(machine.wakeAt == start + .seconds(20))
        #expect(machine.tick(start + .seconds(19)) == [])
        #expect(machine.tick(start + .seconds(20)) == [.fail(2, PostgresFaults.busy)])
        #expect(machine.wakeAt == start + PoolMachine.lifeMost, "nothing but its connection's age is left to look after")
    }

    @Test("connections that nobody has needed for a minute are given back, the longest unused first, and the last one is kept") func givenBack() {
        var machine = pool(size: 3, open: 3)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.submit(2, exclusively: true, now: start)
        #expect(machine.finished(1, now: start + .seconds(10)) == [])
        #expect(machine.wakeAt == start + PoolMachine.idleMost, "the third has served nobody since it opened")
        #expect(machine.tick(start + .seconds(59)) == [])
        #expect(machine.tick(start + .seconds(60)) == [.close(3)])
        #expect(machine.tick(start + .seconds(70)) == [.close(1)], "the other one is lent, and so not the last that is idle")
        #expect(machine.released(2, now: start + .seconds(100)) == [])
        #expect(machine.connections == 1)
        #expect(machine.tick(start + .seconds(1000)) == [])
        #expect(machine.wakeAt == start + PoolMachine.lifeMost)
        // It grows again when it is needed.
        #expect(machine.submit(3, exclusively: true, now: start + .seconds(1000)) == [.lend(3, connection: 2)])
        #expect(machine.submit(4, exclusively: true, now: start + .seconds(1000)) == [.open(4, attempt: 0)])
    }

    @Test("a connection that has lived long enough takes nothing new and is closed when it falls idle, the last one too") func life() {
        var machine = pool(size: 1, open: 1)
        let old = start + PoolMachine.lifeMost
        _ = machine.submit(1, exclusively: false, now: old - .seconds(1))
        #expect(machine.tick(old) == [])
        #expect(machine.wakeAt == nil, "what is busy is looked at when it is done")
        #expect(machine.submit(2, exclusively: false, now: old + .seconds(1)) == [], "nothing new is put on it")
        #expect(machine.finished(1, now: old + .seconds(2)) == [.close(1), .open(2, attempt: 0)])
        #expect(machine.opened(2, now: old + .seconds(3)) == [.assign(2, connection: 2)])
        _ = machine.finished(2, now: old + .seconds(4))
        #expect(machine.tick(old + PoolMachine.lifeMost + .seconds(3)) == [.close(2)])
        #expect(machine.wakeAt == nil)
        _ = machine.close(now: old)
        // A closing pool has nothing to do by the clock: it would be asked again and again.
        var closing = pool(size: 1, open: 1)
        _ = closing.submit(1, exclusively: true, now: start)
        _ = closing.close(now: old)
        #expect(closing.wakeAt == nil)
    }

    @Test("fifty thousand who go away are passed over, and whoever is left has his turn") func manyGone() {
        var machine = pool(size: 1, depth: 1, open: 1)
        _ = machine.submit(1, exclusively: false, now: start)
        let all = (UInt64(2) ..< 50_000).map { $0 }
        for id in all { _ = machine.submit(id, exclusively: id % 3 == 0, now: start) }
        for id in all where id != 40_000 && id != 40_001 { #expect(machine.cancel(id, now: start) == []) }
        _ = machine.cancel(7, now: start)
        #expect(machine.waiters == 2)
        #expect(machine.finished(1, now: start) == [.assign(40_000, connection: 1)])
        #expect(machine.finished(1, now: start) == [.assign(40_001, connection: 1)])
        #expect(machine.waiters == 0)
    }

    @Test("closing fails who waits, spares who runs, and ends with the last connection") func closing() {
        var machine = pool(size: 2, depth: 1, open: 2)
        _ = machine.submit(1, exclusively: false, now: start)
        _ = machine.submit(2, exclusively: true, now: start)
        _ = machine.submit(3, exclusively: false, now: start)
        #expect(machine.close(now: start) == [.fail(3, PostgresFaults.closed)])
        #expect(machine.submit(4, exclusively: false, now: start) == [.fail(4, PostgresFaults.closed)])
        #expect(machine.finished(1, now: start) == [.close(1)])
        #expect(machine.released(2, now: start) == [.close(2), .closed])
        var empty = PoolMachine(size: 1, patience: .seconds(1))
        #expect(empty.close(now: start) == [.closed])
    }

    @Test("any order of events keeps the count of units within the depth and loses nobody", arguments: 0 ..< 40 as Range<UInt64>)
    func invariants(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var machine = PoolMachine(size: 3, depth: 3, patience: .seconds(5), seed: seed)
        var now = start
        var ids: UInt64 = 0
        var waiting: Set<UInt64> = []
        var flying: [Int: Int] = [:]
        var leased: Set<Int> = []
        var connecting: Set<Int> = []
        func absorb(_ actions: [PoolMachine.Action]) {
            for action in actions {
                switch action {
                case .open(let n, _): connecting.insert(n)
                case .assign(let id, let n):
                    #expect(waiting.remove(id) != nil)
                    #expect(!leased.contains(n) && flying[n] != nil)
                    flying[n, default: 0] += 1
                    #expect(flying[n, default: 0] <= 3)
                case .lend(let id, let n):
                    #expect(waiting.remove(id) != nil)
                    #expect(flying[n] == 0 && leased.insert(n).inserted)
                case .fail(let id, _): #expect(waiting.remove(id) != nil)
                case .close, .closed: Issue.record("nobody closed the pool")
                }
            }
            #expect(connecting.count + flying.count <= 3)
            #expect(machine.waiters == waiting.count)
        }
        for _ in 0 ..< 400 {
            now += .milliseconds(Int(random.number(below: 40)))
            switch random.number(below: 10) {
            case 0 ... 3:
                ids += 1
                waiting.insert(ids)
                absorb(machine.submit(ids, exclusively: random.number(below: 3) == 0, now: now))
            case 4:
                if let n = connecting.sorted().first {
                    connecting.remove(n)
                    if random.number(below: 4) == 0 {
                        absorb(machine.failed(n, PostgresFaults.lost(""), refusal: false, now: now))
                    } else {
                        flying[n] = 0
                        absorb(machine.opened(n, now: now))
                    }
                }
            case 5, 6:
                if let n = flying.filter({ $0.value > 0 }).keys.sorted().first {
                    flying[n, default: 1] -= 1
                    absorb(machine.finished(n, now: now))
                }
            case 7:
                if let n = leased.sorted().first {
                    leased.remove(n)
                    absorb(machine.released(n, now: now))
                }
            case 8:
                if random.number(below: 4) == 0, let n = flying.keys.sorted().first {
                    flying[n] = nil
                    leased.remove(n)
                    absorb(machine.lost(n, now: now))
                }
            default: absorb(machine.tick(now))
            }
        }
        // Whoever still waits is served once everything works again.
        for _ in 0 ..< 400 where !waiting.isEmpty {
            now += .milliseconds(10)
            for n in connecting.sorted() {
                connecting.remove(n)
                flying[n] = 0
                absorb(machine.opened(n, now: now))
            }
            for n in flying.keys.sorted() where flying[n, default: 0] > 0 {
                flying[n, default: 1] -= 1
                absorb(machine.finished(n, now: now))
            }
            for n in leased.sorted() {
                leased.remove(n)
                absorb(machine.released(n, now: now))
            }
            absorb(machine.tick(now))
        }
        #expect(waiting.isEmpty)
    }
}
