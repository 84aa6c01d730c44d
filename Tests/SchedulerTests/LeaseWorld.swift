import Kernel
import Store

@testable import Scheduler

/// A world of two schedulers, their workers and one tenant's lease, small enough to visit every state of it. Time goes in steps of ten seconds; all times are
/// counted from now, so that states repeat. What decides is the program's own (`Vigil`, `Takeover`); the database's conditions are `LeaseStatements`' and
/// `TakeoverStatements`', which `LeaseRowTests` holds against PostgreSQL.
struct LeaseWorld: Hashable {
    static let step = 10
    static let lease = Limits.leaseSeconds / step
    /// Longest request, and how long after a lease's end another host may take it: 25 seconds, cut to whole steps.
    static let request = Limits.requestSeconds / step
    static let grace = 25 / step

    /// What the rules are; one of them broken shows that the search would notice.
    struct Rules: Hashable, Sendable {
        var grace = LeaseWorld.grace
        var workerChecksDeadline = true
        var requestEndsWithLease = true
        var pidBeforeAssignment = true
        /// Processes of this machine can be looked at: not so between containers that share its name but not its process table.
        var seesProcesses = true
    }

    struct Row: Hashable {
        var epoch = 0
        var holder: Int?
        var held = false
        /// Steps until it ends; not counted below the grace.
        var expires = 0
        var worker: Int?
    }

    /// `dying`: its end is on the way, and until then it runs.
    enum Life: Hashable { case running, stopped, dying, dead }

    struct SchedulerState: Hashable {
        var life = Life.running
        /// Of the lease it thinks it holds.
        var epoch = 0
        var phase = Phase.none
        var ends = 0
        var worker: Int?

        enum Phase: Hashable { case none, acquired, spawned, noted, working }
    }

    struct WorkerState: Hashable {
        var life = Life.running
        var epoch: Int
        var scheduler: Int
        /// `nil`: has no assignment.
        var deadline: Int?
        /// Steps until the request under way has ended.
        var request = 0
        /// Of a dead worker nothing starts any more. What it sent last may still arrive: the posting protocol looks for that before it sends again.
        var maySend: Bool { life != .dead && ((deadline ?? -1) > 0 || request > 0) }
    }

    let rules: Rules
    let sameHost: Bool
    var row = Row()
    var schedulers = [SchedulerState(), SchedulerState()]
    var workers: [Int: WorkerState] = [:]
    /// Restarts and stops that may still happen: they bound the search.
    var troubles: Int

    init(_ rules: Rules, sameHost: Bool, troubles: Int) {
        self.rules = rules
        self.sameHost = sameHost
        self.troubles = troubles
    }

    /// What must never be.
    var broken: String? {
        let sending = workers.values.filter(\.maySend)
        if sending.count > 1 { return "two workers may send: epochs \(sending.map(\.epoch).sorted())" }
        return nil
    }

    /// Every state that can be next.
    var next: [LeaseWorld] {
        // No time passes before a killed process is gone.
        var out = workers.values.contains { $0.life == .dying } ? [] : [passed()]
        for s in 0 ..< 2 {
            out += moves(s)
            if sameHost { out += adoption(by: s, of: 1 - s) }
        }
        for id in workers.keys.sorted() { out += workerMoves(id) }
        return out.filter { $0 != self }.map { $0.tidied() }
    }

    private func with(_ change: (inout LeaseWorld) -> Void) -> LeaseWorld {
        var out = self
        change(&out)
        return out
    }

    private func passed() -> LeaseWorld {
        with { w in
            w.row.expires = max(-LeaseWorld.grace - 1, w.row.expires - 1)
            for s in 0 ..< 2 { w.schedulers[s].ends = max(-1, w.schedulers[s].ends - 1) }
            w.workers = w.workers.mapValues { worker in
                var worker = worker
                // A request goes on by itself: it is on its way.
                worker.request = max(0, worker.request - 1)
                worker.deadline = worker.deadline.map { max(-1, $0 - 1) }
                return worker
            }
        }
    }

    private func moves(_ s: Int) -> [LeaseWorld] {
        let me = schedulers[s]
        var out: [LeaseWorld] = []
        if troubles > 0 {
            if me.life == .running { out.append(with { $0.schedulers[s].life = .stopped; $0.troubles -= 1 }) }
            if me.life != .dead { out.append(with { $0.kill(scheduler: s); $0.troubles -= 1 }) }
        }
        switch me.life {
        case .stopped: out.append(with { $0.schedulers[s].life = .running })
        case .dead, .dying: out.append(with { $0.schedulers[s] = SchedulerState() })
        case .running: out += steps(s)
        }
        return out
    }

    private func mine(_ s: Int) -> Bool { row.held && row.holder == s && row.epoch == schedulers[s].epoch }

    private func steps(_ s: Int) -> [LeaseWorld] {
        let me = schedulers[s]
        switch me.phase {
        case .none:
            // The boundary is allowed: real time is finer than these steps.
            guard !row.held || row.expires <= -rules.grace else { return [] }
            return [with { w in
                w.row = Row(epoch: w.row.epoch + 1, holder: s, held: true, expires: LeaseWorld.lease)
                w.schedulers[s] = SchedulerState(epoch: w.row.epoch, phase: .acquired, ends: LeaseWorld.lease)
            }]
        case .acquired:
            return [with { w in
                let id = (w.workers.keys.max() ?? 0) + 1
                w.workers[id] = WorkerState(epoch: me.epoch, scheduler: s, deadline: rules.pidBeforeAssignment ? nil : me.ends)
                w.schedulers[s].worker = id
                w.schedulers[s].phase = .spawned
            }]
        case .spawned:
            return [with { w in
                if mine(s) {
                    w.row.worker = me.worker
                    w.schedulers[s].phase = .noted
                } else if let id = me.worker {
                    w.workers[id]?.life = .dying
                    w.schedulers[s].phase = .working
                }
            }]
        case .noted:
            return [with { w in
                if let id = me.worker, w.workers[id] != nil { w.workers[id]?.deadline = me.ends }
                w.schedulers[s].phase = .working
            }]
        case .working: return [beat(s), reap(s)].compactMap { $0 }
        }
    }

    /// A heartbeat, as `Vigil` decides it.
    private func beat(_ s: Int) -> LeaseWorld? {
        let me = schedulers[s]
        guard let id = me.worker, let life = workers[id]?.life, life != .dead, life != .dying else { return nil }
        var vigil = Vigil(started: .zero, ends: .seconds(me.ends * LeaseWorld.step))
        return with { w in
            switch vigil.beat(at: .zero) {
            case .leave: break
            case .kill: w.workers[id]?.life = .dying
            case .renew:
                guard mine(s) else {
                    w.workers[id]?.life = .dying
                    return
                }
                w.row.expires = LeaseWorld.lease
                w.schedulers[s].ends = LeaseWorld.lease
                if w.workers[id]?.deadline != nil { w.workers[id]?.deadline = LeaseWorld.lease }
            }
        }
    }

    /// Its worker has ended: the lease is given back.
    private func reap(_ s: Int) -> LeaseWorld? {
        guard let id = schedulers[s].worker, workers[id].map({ $0.life == .dead }) ?? true else { return nil }
        return with { $0.end(of: s) }
    }

    private mutating func end(of s: Int) {
        if mine(s) { row.held = false }
        schedulers[s] = SchedulerState(life: schedulers[s].life)
    }

    /// Its children die with it.
    private mutating func kill(scheduler s: Int) {
        schedulers[s] = SchedulerState(life: .dead)
        for id in workers.keys where workers[id]?.scheduler == s && workers[id]?.life != .dead { workers[id]?.life = .dying }
    }

    /// One scheduler looks at the lease of another of its machine, as `Takeover` decides it.
    private func adoption(by s: Int, of other: Int) -> [LeaseWorld] {
        guard schedulers[s].life == .running, row.held, row.holder == other else { return [] }
        // A scheduler that was started anew is another one: the holder of the lease is gone.
        let holderLives = schedulers[other].life != .dead && schedulers[other].phase != .none && schedulers[other].epoch == row.epoch
        let worker: Takeover.Presence? = row.worker.map { id in rules.seesProcesses && (workers[id]?.life ?? .dead) != .dead ? .alive : .gone }
        switch Takeover.step(worker: worker, scheduler: rules.seesProcesses && holderLives ? .alive : .gone, expired: row.expires < 0) {
        case .leave: return []
        case .free: return [with { $0.row.held = false }]
        case .kill: return [with { w in if let id = w.row.worker { w.workers[id]?.life = .dying } }]
        }
    }

    private func workerMoves(_ id: Int) -> [LeaseWorld] {
        guard let me = workers[id] else { return [] }
        var out: [LeaseWorld] = []
        switch me.life {
        case .dead: break
        case .dying: out.append(with { $0.workers[id]?.life = .dead })
        case .stopped: out.append(with { $0.workers[id]?.life = .running })
        case .running:
            if troubles > 0 { out.append(with { $0.workers[id]?.life = .stopped; $0.troubles -= 1 }) }
            if let deadline = me.deadline, me.request == 0 {
                let needed = rules.requestEndsWithLease ? LeaseWorld.request : 0
                if !rules.workerChecksDeadline || deadline > needed { out.append(with { $0.workers[id]?.request = LeaseWorld.request }) }
                if deadline <= 0 { out.append(with { $0.workers[id]?.life = .dead }) }
            }
        }
        return out
    }

    /// The dead of whom nobody speaks are forgotten, epochs and names counted from the lowest: states repeat.
    private func tidied() -> LeaseWorld {
        var out = self
        for (id, worker) in out.workers where worker.life == .dead {
            if out.row.worker != id, !out.schedulers.contains(where: { $0.worker == id }) { out.workers[id] = nil }
        }
        let ids = out.workers.keys.sorted() + [out.row.worker, out.schedulers[0].worker, out.schedulers[1].worker].compactMap { $0 }.filter { out.workers[$0] == nil }
        let names = Dictionary(Set(ids).sorted().enumerated().map { ($1, $0 + 1) }) { a, _ in a }
        let epochs = Set([out.row.epoch] + out.schedulers.filter { $0.phase != .none }.map(\.epoch) + out.workers.values.map(\.epoch)).sorted()
        let low = Dictionary(uniqueKeysWithValues: epochs.enumerated().map { ($1, $0 + 1) })
        out.row.epoch = low[out.row.epoch] ?? 0
        out.row.worker = out.row.worker.flatMap { names[$0] }
        for s in 0 ..< 2 {
            out.schedulers[s].epoch = out.schedulers[s].phase == .none ? 0 : low[out.schedulers[s].epoch] ?? 0
            out.schedulers[s].worker = out.schedulers[s].worker.flatMap { names[$0] }
            if out.schedulers[s].phase == .none { out.schedulers[s].ends = 0 }
        }
        out.workers = Dictionary(uniqueKeysWithValues: out.workers.map { id, worker in
            var worker = worker
            worker.epoch = low[worker.epoch] ?? 0
            return (names[id] ?? 0, worker)
        })
        if !out.row.held { out.row.expires = 0 }
        return out
    }

    /// Visits every state that can be reached; the way to the first that must not be, and how many there are.
    static func explore(_ rules: Rules, sameHost: Bool, troubles: Int, most: Int = 3_000_000) -> (broken: String?, way: [LeaseWorld], states: Int) {
        let start = LeaseWorld(rules, sameHost: sameHost, troubles: troubles)
        var before: [LeaseWorld: LeaseWorld] = [start: start]
        var open = [start]
        var at = 0
        while at < open.count {
            let world = open[at]
            at += 1
            if let broken = world.broken {
                var way = [world]
                while let last = way.last, let earlier = before[last], earlier != last { way.append(earlier) }
                return (broken, way.reversed(), before.count)
            }
            for next in world.next where before[next] == nil {
                before[next] = world
                open.append(next)
            }
            if before.count > most { return ("more than \(most) states: the search is not whole", [], before.count) }
        }
        return (nil, [], before.count)
    }
}

extension LeaseWorld: CustomStringConvertible {
    var description: String {
        let lease = row.held ? "lease \(row.epoch) of \(row.holder ?? -1) for \(row.expires), worker \(row.worker ?? 0)" : "lease free"
        let who = schedulers.map { "\($0.life) \($0.phase) \($0.epoch) ends \($0.ends) worker \($0.worker ?? 0)" }.joined(separator: " | ")
        let all = workers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.life) \($0.value.epoch) deadline \($0.value.deadline ?? -9) request \($0.value.request)" }
        return "\n\(lease) || \(who) || \(all.joined(separator: "; "))"
    }
}
