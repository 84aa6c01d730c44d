import Kernel
import Postgres
import Store
import TestKit
import Testing

@testable import Scheduler

/// A worker that looks, says that it waits, and waits; a scheduler that hears of what is asked for and wakes it. Small enough to visit every order in which their
/// steps can happen. What the scheduler knows is the program's own (`Vigil`).
private struct WakeWorld: Hashable {
    enum Worker: Hashable { case looking, foundNothing, waiting }
    enum Dispatch: Hashable {
        case resting
        /// Has read who waits and not yet asked the database.
        case asking(asleep: Bool)
        /// Has its answer.
        case answered(due: Bool)
    }

    /// Whether a worker's word that it waits makes the scheduler look.
    var looksWhenTold = true
    /// Commits that may still come.
    var asks = 2
    /// Times that a worker which waits may still look by itself; it says again that it waits, which tells nothing new.
    var looks = 2
    var due = false
    /// NOTIFY is on its way.
    var notices = 0
    var bell = false
    var dispatch = Dispatch.resting
    var vigil = Vigil(started: .zero, ends: .seconds(30))
    var worker = Worker.looking
    /// Lines under way.
    var toScheduler: [Bool] = []
    var toWorker = 0
    var rung = false

    private func with(_ change: (inout WakeWorld) -> Void) -> WakeWorld {
        var out = self
        change(&out)
        return out
    }

    /// All that can happen next.
    var next: [WakeWorld] {
        var out: [WakeWorld] = []
        if asks > 0 { out.append(with { $0.asks -= 1; $0.due = true; $0.notices += 1 }) }
        if notices > 0 { out.append(with { $0.notices -= 1; $0.bell = true }) }
        if let asleep = toScheduler.first {
            out.append(with { w in
                w.toScheduler.removeFirst()
                let fellAsleep = w.vigil.hear(asleep ? .asleep : .beat, at: .zero)
                if fellAsleep, looksWhenTold { w.bell = true }
            })
        }
        if toWorker > 0 { out.append(with { $0.toWorker -= 1; $0.rung = true }) }
        switch dispatch {
        case .resting: if bell { out.append(with { $0.bell = false; $0.dispatch = .asking(asleep: $0.vigil.isAsleep) }) }
        case .asking(let asleep): out.append(with { $0.dispatch = .answered(due: asleep && $0.due) })
        case .answered(let due):
            out.append(with { w in
                w.dispatch = .resting
                if due { w.vigil.woken(); w.toWorker += 1 }
            })
        }
        switch worker {
        case .looking: out.append(with { w in if w.due { w.due = false; w.toScheduler.append(false) } else { w.worker = .foundNothing } })
        case .foundNothing: out.append(with { $0.toScheduler.append(true); $0.worker = .waiting })
        case .waiting:
            if rung { out.append(with { $0.rung = false; $0.worker = .looking }) }
            if looks > 0 { out.append(with { $0.looks -= 1; $0.worker = .looking }) }
        }
        return out
    }

    /// Nothing more can happen, and a job is due.
    static func sleepsOn(_ first: WakeWorld) -> Bool {
        var seen: Set<WakeWorld> = [first]
        var open = [first]
        while let world = open.popLast() {
            let next = world.next
            if next.isEmpty, world.due { return true }
            for one in next where seen.insert(one).inserted { open.append(one) }
        }
        return false
    }
}

@Suite("Waking a worker that waits")
struct WakeTests {
    @Test("in no order of steps does a worker sleep on over work; it would if its word that it waits were not looked after")
    func everyOrder() {
        #expect(!WakeWorld.sleepsOn(WakeWorld()))
        #expect(WakeWorld.sleepsOn(WakeWorld(looksWhenTold: false)))
    }

    @Test("a worker that waits is sent one line when something is due for it, and none when not", .timeLimit(.minutes(1)))
    func line() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await house.supervisor.ask(house.tenant, [Job(.map, "f", lane: .webhook)])
            let scheduler = try yard.scheduler(#"read a <&3; printf '{"asleep":true}\n' >&3; read b <&3; case "$b" in *wake*) exit 0;; esac; exit 75"#)
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_started")
            // Its word is what rings: nothing was asked for since.
            await scheduler.bell.wait(.seconds(600))
            #expect(scheduler.running.with { $0[house.tenant]?.vigil.isAsleep } == true)
            _ = try await house.owner.query("UPDATE app.jobs SET due_at = clock_timestamp() + interval '1 hour'")
            try await scheduler.dispatch()
            #expect(scheduler.running.with { $0[house.tenant]?.vigil.isAsleep } == true, "nothing is due: it is left alone")
            try await house.supervisor.ask(house.tenant, [Job(.map, "g", lane: .webhook)])
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_ended").first?.contains("\"ending\":\"ended\"") == true, "it got the line and ended well")
        }
    }

    @Test("where every place is taken and somebody waits, who has had a turn is told to end, and who waits is next", .timeLimit(.minutes(1)))
    func place() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            let second = try await house.neighbour()
            for one in [house, second] { try await yard.key(one.tenant) }
            try await house.supervisor.ask(house.tenant, [Job(.map, "f", lane: .webhook)])
            let clocks = ManualClocks(SystemClocks().now())
            let scheduler = try yard.scheduler(#"read a <&3; printf '{"job":{"kind":"map","subject":"f"}}\n' >&3; read b <&3; case "$b" in *yield*) exit 0;; esac; exit 75"#, clocks: clocks, workersMost: 1)
            try await scheduler.dispatch()
            await scheduler.heard(house.tenant) { $0.hand != nil }
            clocks.advance(by: Pacing.turn)
            try await scheduler.dispatch()
            #expect(scheduler.running.with { $0[house.tenant]?.vigil.toldAt } == .some(nil), "nobody waits")
            try await second.supervisor.ask(second.tenant, [Job(.map, "f", lane: .webhook)])
            clocks.advance(by: Pacing.roomEvery)
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_ended").first?.contains("\"ending\":\"ended\"") == true)
            try await scheduler.dispatch()
            await yard.logged.wait(2, "worker_started")
            #expect(scheduler.running.with { Array($0.keys) } == [second.tenant])
            await scheduler.stopAll()
        }
    }

    @Test("places are asked of those who wait for work first, then of those who have had theirs longest; nobody is asked before his turn is over, or twice")
    func whose() {
        let names = (1 ... 4).map { TenantID(SeededRandom(seed: $0).uuid()) }
        func vigil(_ started: Int, asleep: Bool = false, told: Int? = nil) -> Vigil {
            var out = Vigil(started: .seconds(started), ends: .seconds(started + 30))
            if asleep { out.hear(.asleep, at: .seconds(started + 1)) }
            if let told { out.toldToYield(at: .seconds(told)) }
            return out
        }
        let running = [names[0]: vigil(100), names[1]: vigil(90), names[2]: vigil(99, asleep: true), names[3]: vigil(80)]
        #expect(Pacing.yielding(running, waiting: 0, at: .seconds(101)) == [])
        #expect(Pacing.yielding(running, waiting: 1, at: .seconds(101)) == [names[2]])
        #expect(Pacing.yielding(running, waiting: 9, at: .seconds(101)) == [names[2], names[3], names[1]])
        var told = running
        told[names[3]] = vigil(80, told: 100)
        #expect(Pacing.yielding(told, waiting: 1, at: .seconds(101)) == [], "the one that was told makes room")
        #expect(Pacing.yielding(told, waiting: 2, at: .seconds(101)) == [names[2]])
        // It has something in hand that takes long: who waits does not wait for that.
        #expect(Pacing.yielding(told, waiting: 1, at: .seconds(100) + Pacing.yieldWithin) == [names[2]])
        told[names[2]] = vigil(99, asleep: true, told: 102)
        #expect(Pacing.yielding(told, waiting: 1, at: .seconds(103)) == [])
        #expect(Pacing.yielding(told, waiting: 2, at: .seconds(103)) == [names[1]])
        told[names[1]]?.toldToYield(at: .seconds(103))
        told[names[1]]?.toldToYield(at: .seconds(109))
        #expect(told[names[1]]?.toldAt == .seconds(103))
        #expect(Pacing.yielding(told, waiting: 9, at: .seconds(109)) == [], "nobody is told twice, nor before his turn is over")
    }

    @Test("a word that says again what is known rings for nobody") func again() {
        var vigil = Vigil(started: .zero, ends: .seconds(30))
        var rings: [Bool] = []
        for word in [.beat, .asleep, .asleep, .metrics(["x"]), .asleep, .idle, .asleep] as [WorkerReport] { rings.append(vigil.hear(word, at: .seconds(1))) }
        #expect(rings == [false, true, false, false, false, false, true])
        vigil.woken()
        let after = vigil.hear(.asleep, at: .seconds(2))
        #expect(after, "whether it was said before or after it was woken can't be told")
    }

    @Test("one that was served little in a year and has hours of work is counted as a minute behind who waits, and no more", .timeLimit(.minutes(1)))
    func history() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            let old = try await house.neighbour()
            for one in [house, old] { try await yard.key(one.tenant) }
            try await house.owner.query("INSERT INTO app.tenant_shares VALUES (\(old.tenant), 3600000)")
            for one in [house, old] { try await one.supervisor.ask(one.tenant, [Job(.map, "f", lane: .webhook)]) }
            let clocks = ManualClocks(SystemClocks().now())
            let scheduler = try yard.scheduler(#"read a <&3; printf '{"job":{"kind":"map","subject":"f"}}\n' >&3; read b <&3; exit 0"#, clocks: clocks, workersMost: 1)
            try await scheduler.dispatch()
            await scheduler.heard(house.tenant) { $0.hand != nil }
            clocks.advance(by: Pacing.turn)
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            let counted = try await house.count("SELECT served_ms FROM app.tenant_shares WHERE tenant_id = \(house.tenant)")
            #expect(counted == 3_600_000 - 60_000 + 10_000)
        }
    }

    @Test("nothing is said to a worker before its assignment: it takes its first line for that", .timeLimit(.minutes(1)))
    func first() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await house.supervisor.ask(house.tenant, [Job(.map, "f", lane: .webhook)])
            // Whoever notes a worker's process waits, before it has locked anything, while the key is held.
            try await house.owner.batch([
                """
                CREATE FUNCTION app.slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                  IF current_query() LIKE 'UPDATE%' THEN PERFORM pg_advisory_xact_lock(42); END IF;
                  RETURN NULL;
                END $$
                """,
                "CREATE TRIGGER slow BEFORE UPDATE OF pid ON app.leases FOR EACH STATEMENT EXECUTE FUNCTION app.slow()",
            ])
            let scheduler = try yard.scheduler(#"read a <&3; case "$a" in *private_key*) exit 0;; esac; exit 75"#)
            try await house.owner.transaction { tx throws(Fault) in
                try await tx.query("SELECT pg_advisory_xact_lock(42)")
                _ = Task { try await scheduler.dispatch() }
                while try await tx.query(house.waitsForKey).isEmpty {}
                try await scheduler.beat()
            }
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_ended").first?.contains("\"ending\":\"ended\"") == true, "\(yard.logged.all("worker_ended"))")
            let moved = try await house.count("SELECT (extract(epoch FROM expires_at - acquired_at) * 1000)::bigint FROM app.leases")
            #expect(moved > Limits.leaseSeconds * 1000, "the lease itself was renewed")
        }
    }
}
