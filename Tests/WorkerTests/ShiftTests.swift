import Kernel
import Postgres
import Store
import Synchronization
import TestKit
import Testing

@testable import Worker

/// Time passes only by sleeping, or not even so.
private final class SleepClocks: Clocks {
    private struct State {
        var passed: Duration = .zero
        var slept: [Duration] = []
    }

    private let state = Locked(State())
    /// Whether a sleep ends by itself.
    private let ends: Bool

    init(ends: Bool) { self.ends = ends }

    var slept: [Duration] { state.with { $0.slept } }

    func now() -> Timestamp { Timestamp(seconds: 1_700_000_000) + monotonic() }
    func monotonic() -> Duration { state.with { $0.passed } }
    func pass(_ time: Duration) { state.with { $0.passed += time } }

    func sleep(for duration: Duration) async throws {
        state.with { state in
            state.slept.append(duration)
            if ends { state.passed += duration }
        }
        if ends { return }
        // Until cancelled.
        let gate = AsyncStream<Never>.makeStream()
        for await _ in gate.stream {}
        throw CancellationError()
    }
}

private let brief = (0 ..< 8).map { Job(.fetch, "c/\($0)", lane: .webhook) }

@Suite("A worker's shift", .timeLimit(.minutes(2)))
struct ShiftTests {
    private func shift(
        _ house: House, _ clocks: SleepClocks = SleepClocks(ends: true), bell: Bell = Bell(), idleMost: Duration = .zero,
        goesOn: @escaping @Sendable () -> Bool = { true }, asleep: @escaping @Sendable () -> Void = {}
    ) -> Shift {
        Shift(house.tenant, store: house.worker, clocks: clocks, bell: bell, idleMost: idleMost, goesOn: goesOn, asleep: asleep)
    }

    private func rows(_ house: House) async throws(Fault) -> Int {
        Int(try await house.owner.query("SELECT count(*) AS n FROM app.jobs WHERE tenant_id = \(house.tenant)")[0].get("n", as: Int64.self))
    }

    @Test("what is done is said with the next claim, in one commit, and nothing is left") func together() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, brief)
            let done = Locked<[String]>([])
            try await shift(house).run { jobs, completions throws(Fault) in
                for job in jobs {
                    try await completions.before(job)
                    done.with { $0.append(job.subject) }
                    try await completions.done(job)
                }
                let left = try await rows(house)
                #expect(left == brief.count, "said with the next claim, not before")
            }
            #expect(done.with { $0 } == brief.map(\.subject))
            #expect(try await rows(house) == 0)
        }
    }

    @Test("a job that may take long, one that had failed and one that is put off take along what is done before") func saidBefore() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, brief.prefix(3) + [Job(.post, "f", lane: .poll)])
            let seen = Locked<[Int]>([])
            try await shift(house).run { jobs, completions throws(Fault) in
                for job in jobs {
                    try await completions.before(job)
                    let left = try await rows(house)
                    seen.with { $0.append(left) }
                    try await completions.done(job)
                }
                let left = try await rows(house)
                seen.with { $0.append(left) }
            }
            #expect(seen.with { $0 } == [4, 4, 4, 1, 0], "three kept back, said before the posting, which is said at once")
            try await house.worker.ask(house.tenant, Array(brief.prefix(4)))
            _ = try await house.owner.query("UPDATE app.jobs SET attempts = 2 WHERE subject = 'c/1'")
            seen.with { $0 = [] }
            try await shift(house).run { jobs, completions throws(Fault) in
                for (n, job) in jobs.enumerated() {
                    if n == 3 { try await completions.putOff(job, by: .seconds(60), fault: nil) } else { try await completions.done(job) }
                    let left = try await rows(house)
                    seen.with { $0.append(left) }
                }
            }
            #expect(seen.with { $0 } == [4, 2, 2, 1], "the one that had failed is said at once; the last is put off, and there still")
        }
    }

    @Test("a shift that may not go on, says what is done before it ends") func ends() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, Array(brief))
            let claims = Atomic<Int>(0)
            try await shift(house, goesOn: { claims.load(ordering: .relaxed) == 0 }).run { jobs, completions throws(Fault) in
                claims.add(1, ordering: .relaxed)
                for job in jobs.prefix(5) { try await completions.done(job) }
            }
            #expect(claims.load(ordering: .relaxed) == 1)
            #expect(try await rows(house) == 3)
        }
    }

    @Test("a claim is over after a moment: what is left of it comes again, behind what is more urgent by then") func urgent() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, Array(brief))
            let clocks = SleepClocks(ends: true)
            let done = Locked<[String]>([])
            try await shift(house, clocks).run { jobs, completions throws(Fault) in
                for (n, job) in jobs.enumerated() {
                    if n > 0, completions.isOver { return }
                    if job.subject == "c/1" {
                        clocks.pass(Completions.claimLasts)
                        try await house.supervisor.ask(house.tenant, [Job(.map, "urgent", lane: .interactive)])
                    }
                    done.with { $0.append(job.subject) }
                    try await completions.done(job)
                }
            }
            #expect(done.with { $0 }.prefix(4) == ["c/0", "c/1", "urgent", "c/2"])
            #expect(done.with { $0 }.count == 9)
        }
    }

    @Test("a claim's moment begins with its first job: what is loaded before takes none of it") func loaded() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, Array(brief))
            let clocks = SleepClocks(ends: true)
            let claims = Atomic<Int>(0)
            try await shift(house, clocks).run { jobs, completions throws(Fault) in
                claims.add(1, ordering: .relaxed)
                clocks.pass(Completions.claimLasts)
                for (n, job) in jobs.enumerated() {
                    if n > 0, completions.isOver { return }
                    // What a crash is suspected of is begun by saying what is done.
                    if n == 0 { try await completions.flush() } else { try await completions.before(job) }
                    if n == 5 { clocks.pass(Completions.claimLasts) }
                    try await completions.done(job)
                }
            }
            #expect(claims.load(ordering: .relaxed) == 2)
        }
    }

    @Test("an end that was committed is not said again because of a deadlock behind it: what was asked for anew meanwhile is there") func saidOnce() async throws {
        try await House.with { house in
            // The first who puts off a newer program's job meets a deadlock there, as soon as the key is free.
            try await house.owner.batch([
                "ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check", "CREATE SEQUENCE app.tries",
                """
                CREATE FUNCTION app.collide() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                  PERFORM pg_advisory_xact_lock(42);
                  IF nextval('app.tries') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
                  RETURN NEW;
                END $$
                """,
                "CREATE TRIGGER collide BEFORE UPDATE ON app.jobs FOR EACH ROW WHEN (OLD.kind = 'distil') EXECUTE FUNCTION app.collide()",
            ])
            let tenant = house.tenant, job = brief[0]
            try await house.worker.ask(tenant, [job])
            let held = AsyncStream<Void>.makeStream()
            let asking = Task {
                try await house.owner.transaction { tx throws(Fault) in
                    try await tx.query("SELECT pg_advisory_xact_lock(42)")
                    held.continuation.finish()
                    while try await tx.query(house.waitsForKey).isEmpty {}
                    try await house.supervisor.ask(tenant, [job])
                }
            }
            for await _ in held.stream {}
            try await shift(house).run { jobs, completions throws(Fault) in
                try await house.owner.query("INSERT INTO app.jobs (tenant_id, kind, subject, lane) VALUES (\(tenant), 'distil', 'x', 'webhook')")
                for job in jobs { try await completions.done(job) }
            }
            try await asking.value
            #expect(try await house.worker.dueJobs(tenant, limit: 10).map(\.subject) == [job.subject])
        }
    }

    @Test("whoever asks while nothing is due wakes the sleeper: no time has to pass") func woken() async throws {
        try await House.with { house in
            let clocks = SleepClocks(ends: false)
            let bell = Bell()
            let over = Locked(false)
            let asked = Locked(0)
            // Both between the look and the sleep, and in the midst of it.
            let sleeping = AsyncStream<Void>.makeStream()
            let asking = Task {
                for await _ in sleeping.stream {
                    try await house.supervisor.ask(house.tenant, [Job(.map, "asked while asleep", lane: .interactive)])
                    bell.ring()
                }
            }
            let done = Locked<[String]>([])
            try await shift(house, clocks, bell: bell, idleMost: .seconds(60), goesOn: { !over.with { $0 } }, asleep: {
                let n = asked.with { asked in
                    asked += 1
                    return asked
                }
                if n <= 3 { sleeping.continuation.yield() } else {
                    over.with { $0 = true }
                    bell.ring()
                }
            }).run { jobs, completions throws(Fault) in
                for job in jobs {
                    done.with { $0.append(job.subject) }
                    try await completions.done(job)
                }
            }
            sleeping.continuation.finish()
            try await asking.value
            #expect(done.with { $0 }.count == 3)
            #expect(clocks.monotonic() == .zero, "nothing was waited for")
        }
    }

    @Test("it sleeps until its next job's time, and for a second at most; when nothing was due for its idle time it ends") func sleeps() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, [Job(.map, "later", lane: .poll)], after: .milliseconds(300_000))
            let far = SleepClocks(ends: true)
            try await shift(house, far, idleMost: .milliseconds(2500)).run { _, _ throws(Fault) in #expect(Bool(false), "nothing is due") }
            #expect(far.slept == [.seconds(1), .seconds(1), .milliseconds(500)])
            _ = try await house.owner.query("UPDATE app.jobs SET due_at = clock_timestamp() + interval '600 milliseconds'")
            let near = SleepClocks(ends: false)
            let over = Locked(false)
            let bell = Bell()
            try await shift(house, near, bell: bell, idleMost: .seconds(60), goesOn: { !over.with { $0 } }, asleep: {
                over.with { $0 = true }
                bell.ring()
            }).run { _, _ throws(Fault) in #expect(Bool(false), "nothing is due") }
            #expect(near.slept.allSatisfy { $0 <= .milliseconds(600) })
        }
    }

    /// Workers that die at any point, and people who ask at any point: everything that was asked for is begun after it was asked for.
    @Test("whoever dies between the end of a job and its being said loses nothing that was asked for", arguments: 1 ... 6)
    func deaths(seed: UInt64) async throws {
        try await House.with { house in
            let random = Locked(Seeded(seed))
            let names = (0 ..< 5).map { "c/\($0)" }
            /// By subject: asked for, and not begun since.
            let open = Locked<Set<String>>([])
            let tenant = house.tenant
            let ask: @Sendable () async throws(Fault) -> Void = { () throws(Fault) in
                let chosen = random.with { random in names.filter { _ in random.flip() } }
                try await house.supervisor.ask(tenant, chosen.map { Job(.fetch, $0, lane: .webhook) })
                open.with { $0.formUnion(chosen) }
            }
            var deaths = 0
            for _ in 0 ..< 25 {
                try await ask()
                do throws(Fault) {
                    try await shift(house).run { jobs, completions throws(Fault) in
                        for job in jobs {
                            try await completions.before(job)
                            _ = open.with { $0.remove(job.subject) }
                            if random.with({ $0.flip(3) }) { try await ask() }
                            if random.with({ $0.flip(9) }) { throw Fault("died", stage: .worker, disposition: .bug, summary: "kill -9") }
                            try await completions.done(job)
                        }
                        if random.with({ $0.flip(4) }) { throw Fault("died", stage: .worker, disposition: .bug, summary: "kill -9") }
                    }
                    #expect(open.with { $0 }.isEmpty, "seed \(seed): all was begun after it was asked for")
                    let left = try await rows(house)
                    #expect(left == 0)
                } catch {
                    #expect(error.code == "died", "seed \(seed): \(error)")
                    deaths += 1
                    let left = try await house.worker.dueJobs(tenant, limit: 100).map(\.subject)
                    #expect(open.with { $0 }.isSubset(of: left), "seed \(seed): what was asked for is there")
                }
            }
            #expect(deaths > 0, "seed \(seed): nobody died")
        }
    }
}

@Suite("What the scheduler says")
struct SchedulerOrderTests {
    @Test("a line that wakes, one that asks for the place, and any other") func lines() {
        #expect(SchedulerOrder(Array(#"{"wake":true}"#.utf8)) == .wake)
        #expect(SchedulerOrder(Array(#"{"yield":true}"#.utf8)) == .yield)
        for other in ["", "{", "null", #"{"wake":false}"#, #"{"yield":1}"#, #"{"lease_ends_ns":5}"#] { #expect(SchedulerOrder(Array(other.utf8)) == nil) }
    }
}
