@testable import Courier
import Kernel
import Testing

/// Every order of what can happen to a refresh, against a model of the database, the platform, another worker and a person.
@Suite("Token refresh: every order")
struct TokenRefreshEveryOrder {
    /// A token set is a number: `hush-a7` and `hush-r7`.
    struct World {
        var machine = TokenRefresh()
        // The database.
        var version = 1
        var set = 0
        var before: Int?
        /// Every set that was ever saved.
        var saved: Set<Int> = [0]
        /// What a set was made from; a person's from nothing.
        var parent: [Int: Int] = [:]
        // The platform: refresh tokens that it takes.
        var good: Set<Int> = [0]
        var grace: Bool
        /// Sets are made anew from what a person gave, not by refresh tokens.
        var logsIn = false
        var issued = 0
        // What may still go wrong on this path.
        var faults: Int
        var persons: Int
        var others: Int
        var revocations: Int
        /// Another worker has this new set and is about to save it over that version.
        var pending: (set: Int, version: Int)?
        // This run.
        var used = 1
        var steps = 0
        var changedSinceRead = false
        var trace: [String] = []

        var row: TokenRefresh.Row {
            .init(version: version, credential: credential(set), before: before.map { credential($0) })
        }

        func credential(_ n: Int) -> Credential {
            var out = Bench.credential(n)
            out.isRemade = logsIn
            return out
        }
    }

    final class Tally {
        var runs = 0
        var outcomes: [String: Int] = [:]
    }

    @Test(
        "with faults, a revocation, a person and another worker in between: only saved sets are held, nobody's set is written over, none is buried alive",
        arguments: [false, true], [1, 2])
    func everyOrder(grace: Bool, runs: Int) {
        var world = World(grace: grace, faults: runs == 1 ? 3 : 2, persons: 1, others: 1, revocations: 1)
        world.machine.adopt(world.row)
        let tally = Tally()
        explore(world, world.machine.copyAction { $0.renew(used: 1) }, runs: runs, tally)
        #expect(tally.runs > 500)
        // All ways out were met, or the model is not what it says.
        #expect(Set(tally.outcomes.keys) == ["inForce", "failed", "dead"])
    }

    @Test("the same holds for what a login makes anew", arguments: [1, 2])
    func everyLogin(runs: Int) {
        var world = World(grace: true, logsIn: true, faults: runs == 1 ? 3 : 2, persons: 1, others: 1, revocations: 1)
        world.machine.adopt(world.row)
        let tally = Tally()
        explore(world, world.machine.copyAction { $0.renew(used: 1) }, runs: runs, tally)
        #expect(tally.runs > 500)
        #expect(Set(tally.outcomes.keys) == ["inForce", "failed", "dead"])
    }

    private func explore(_ world: World, _ started: (TokenRefresh, TokenRefresh.Action), runs: Int, _ tally: Tally) {
        var world = world
        world.machine = started.0
        step(world, started.1, runs: runs, tally)
    }

    private func step(_ world: World, _ action: TokenRefresh.Action, runs: Int, _ tally: Tally) {
        check(world, action)
        guard world.steps < 60 else {
            Issue.record("a run that does not end: \(world.trace)")
            return
        }
        if case .end(let outcome) = action {
            tally.runs += 1
            return ended(world, outcome, runs: runs, tally)
        }
        for between in betweens(world) {
            for (next, event) in answers(between, action) {
                var next = next
                next.steps += 1
                next.trace.append("\(event)")
                let following = next.machine.received(event)
                step(next, following, runs: runs, tally)
            }
        }
    }

    /// What others may do before the next thing happens.
    private func betweens(_ world: World) -> [World] {
        var out = [world]
        if world.persons > 0 {
            var person = world
            person.persons -= 1
            person.issued += 1
            person.set = person.issued
            person.before = nil
            person.good.insert(person.set)
            person.version += 1
            person.saved.insert(person.set)
            person.changedSinceRead = true
            person.trace.append("person")
            out.append(person)
        }
        if world.others > 0, world.pending == nil, world.good.contains(world.set) {
            var other = world
            other.others -= 1
            let new = other.issue(from: other.set)
            other.pending = (new, other.version)
            other.trace.append("other trades")
            out.append(other)
        }
        if world.pending != nil { out.append(saveOther(world)) }
        if world.revocations > 0 {
            var revoked = world
            revoked.revocations -= 1
            revoked.good = []
            revoked.trace.append("revoked")
            out.append(revoked)
        }
        return out
    }

    private func saveOther(_ world: World) -> World {
        guard let pending = world.pending else { return world }
        var out = world
        out.pending = nil
        guard out.version == pending.version else { return out }
        out.before = out.set
        out.set = pending.set
        out.version += 1
        out.saved.insert(pending.set)
        out.changedSinceRead = true
        out.trace.append("other saves")
        return out
    }

    /// Everything that may come of an action.
    private func answers(_ world: World, _ action: TokenRefresh.Action) -> [(World, TokenRefresh.Event)] {
        let fault = Fault("x", stage: .database, disposition: .retry, summary: "x")
        var bad = world
        bad.faults -= 1
        let mayFail = world.faults > 0
        switch action {
        case .read:
            var read = world
            read.changedSinceRead = false
            return [(read, .row(read.row))] + (mayFail ? [(bad, .failed(fault))] : [])
        case .exchange, .login:
            let n = traded(action)
            guard world.good.contains(n) else { return [(world, .refused)] + (mayFail ? [(bad, .failed(fault))] : []) }
            var given = world
            let new = given.issue(from: n)
            var torn = bad
            _ = torn.issue(from: n)
            return [(given, .issued(world.credential(new)))] + (mayFail ? [(torn, .failed(fault)), (bad, .failed(fault))] : [])
        case .save(let credential, let version):
            guard world.version == version else { return [(world, .failed(fault))] }
            let kept = keep(world, number(credential.refreshToken), over: version)
            return [(kept, .saved(version: kept.version))] + (mayFail ? [(keep(bad, number(credential.refreshToken), over: version), .failed(fault)), (bad, .failed(fault))] : [])
        case .wait(let time):
            // A rest is longer than another worker's save takes.
            let rested = time == TokenRefresh.rest ? saveOther(world) : world
            return [(rested, .waited)]
        case .end: return []
        }
    }

    private func keep(_ world: World, _ n: Int, over version: Int) -> World {
        var out = world
        // Made from the set that it takes the place of, or from the one before that.
        let origin = out.parent[n]
        #expect(origin == out.set || (origin != nil && origin == out.before), "\(n) from \(origin ?? -1) over \(out.set): \(out.trace)")
        out.before = out.set
        out.set = n
        out.version = version + 1
        out.saved.insert(n)
        return out
    }

    /// The set that an action makes another of.
    private func traded(_ action: TokenRefresh.Action) -> Int {
        switch action {
        case .exchange(let refresh, _): number(refresh)
        case .login(let set): number(set.refreshToken)
        case .read, .save, .wait, .end: -1
        }
    }

    private func number(_ secret: Secret?) -> Int { Int(secret?.revealText().dropFirst(6) ?? "") ?? -1 }

    private func check(_ world: World, _ action: TokenRefresh.Action) {
        if let held = world.machine.held {
            #expect(world.saved.contains(number(held.credential.refreshToken)), "a set in use that was never saved: \(world.trace)")
        }
        let trades = traded(action)
        if trades >= 0 {
            #expect(world.saved.contains(trades), "\(world.trace)")
            #expect(world.machine.unsaved == nil, "a set waits to be saved, and another is asked for: \(world.trace)")
        }
    }

    private func ended(_ world: World, _ outcome: TokenRefresh.Outcome, runs: Int, _ tally: Tally) {
        let held = world.machine.held
        switch outcome {
        case .inForce:
            tally.outcomes["inForce", default: 0] += 1
            #expect((held?.version ?? 0) > world.used, "\(world.trace)")
            #expect(world.machine.unsaved == nil, "\(world.trace)")
        case .failed:
            tally.outcomes["failed", default: 0] += 1
            #expect(held != nil, "\(world.trace)")
        case .dead(let version):
            tally.outcomes["dead", default: 0] += 1
            #expect(version == held?.version)
            // Nothing that the row holds is good any more, unless it changed after the last look.
            let alive = world.good.contains(world.set) || world.before.map { world.good.contains($0) } ?? false
            #expect(!alive || world.changedSinceRead, "buried alive: \(world.trace)")
            #expect(world.pending == nil || world.changedSinceRead, "another worker's set was about to be saved: \(world.trace)")
        }
        settles(world, outcome)
        guard runs > 1, case .failed = outcome else { return }
        again(world, runs: runs - 1, tally)
    }

    private func again(_ world: World, runs: Int, _ tally: Tally) {
        var next = world
        next.steps = 0
        next.trace.append("again")
        next.used = next.machine.held?.version ?? 0
        let used = next.used
        // The same worker, and one that starts anew.
        explore(next, next.machine.copyAction { $0.renew(used: used) }, runs: runs, tally)
        var new = next
        new.machine = TokenRefresh()
        new.machine.adopt(new.row)
        new.used = new.version
        let version = new.version
        explore(new, new.machine.copyAction { $0.renew(used: version) }, runs: runs, tally)
    }

    /// From wherever it ended: when nothing goes wrong any more, one run finds a token that works, as long as there is one to be had.
    private func settles(_ world: World, _ outcome: TokenRefresh.Outcome) {
        var world = saveOther(world)
        if case .dead = outcome, world.machine.isDead, !world.changedSinceRead { return }
        world.faults = 0
        world.persons = 0
        world.others = 0
        world.revocations = 0
        let unsaved = world.machine.unsaved.map { $0.base == world.version && world.good.contains(number($0.credential.refreshToken)) } ?? false
        let row = world.good.contains(world.set) || world.before.map { world.good.contains($0) } ?? false
        guard unsaved || row, let used = world.machine.held?.version else { return }
        var action = world.machine.renew(used: used)
        for _ in 0 ..< 20 {
            if case .end(let last) = action {
                #expect(last == .inForce, "does not settle: \(world.trace)")
                let held = number(world.machine.held?.credential.refreshToken)
                #expect(world.good.contains(held), "settles on a dead token: \(world.trace)")
                return
            }
            guard let (next, event) = answers(world, action).first else { return }
            world = next
            action = world.machine.received(event)
        }
        Issue.record("does not settle: \(world.trace)")
    }
}

extension TokenRefreshEveryOrder.World {
    mutating func issue(from n: Int) -> Int {
        issued += 1
        parent[issued] = n
        if !grace { good.remove(n) }
        good.insert(issued)
        return issued
    }
}

extension TokenRefresh {
    /// The machine after the call, and what it said.
    func copyAction(_ body: (inout TokenRefresh) -> Action) -> (TokenRefresh, Action) {
        var copy = self
        let action = body(&copy)
        return (copy, action)
    }
}
