import Books
import ConnectorKit
import Courier
import Kernel
@testable import Pipeline
@testable import Store
import Telemetry

/// Schedulers, the person who connects accounts, and whoever changes plans: what goes on around the workers.
extension World {
    static let tenant: TenantID = SeededRandom(seed: 1).identifier()
    static let flow: FlowID = SeededRandom(seed: 2).identifier()
    static let connection: ConnectionID = SeededRandom(seed: 3).identifier()

    /// Has the schedulers look at this time at the latest.
    func wake(at time: Int) {
        let after: Int? = with { state in
            let at = max(time, state.now)
            if let planned = state.wakeAt, planned <= at, planned > state.now { return nil }
            state.wakeAt = at
            return at - state.now
        }
        if let after { plan(after) { if !$0 { self.look() } } }
    }

    /// A scheduler looks for due work and takes the lease for it.
    func look() {
        enum Found { case nothing, later(Int), start(host: Int) }
        let found: Found = with { state in
            if state.wakeAt.map({ $0 <= state.now }) ?? false { state.wakeAt = nil }
            if state.isSettled { return .nothing }
            if state.tables.job == nil, state.tables.connection.state == "live" { state.tables.ask(state.now) }
            guard let job = state.tables.job else { return .later(state.now + 5000) }
            if job.due > state.now { return .later(job.due) }
            if let lease = state.tables.lease, lease.held, lease.expires + 25_000 >= state.now {
                #if SABOTAGE
                if Sabotage.skipEpoch.isOn { return lease.expires < state.now ? .start(host: state.dice.below(2)) : .later(lease.expires + 1) }
                #endif
                return .later(lease.expires + 25_001)
            }
            let frozen = state.alive.filter { state.procs[$0].hostFrozen }.map { state.procs[$0].host }
            guard let host = [state.dice.below(2), 0, 1].first(where: { !frozen.contains($0) }) else { return .later(state.now + 5000) }
            return .start(host: host)
        }
        switch found {
        case .nothing: break
        case .later(let time): wake(at: min(time, with { $0.now } + 20_000))
        case .start(let host): start(host)
        }
    }

    private static func holder(_ host: Int) -> String { "host-\(host)/" }

    private func start(_ host: Int) {
        let proc: Proc? = with { state in
            guard let epoch = state.tables.acquire(World.holder(host), seconds: Limits.leaseSeconds, state.now) else { return nil }
            if !state.alive.isEmpty { state.counts.takeovers += 1 }
            let proc = Proc(
                id: state.procs.count, host: host, epoch: epoch, lane: Lane(), ends: state.now + Limits.leaseSeconds * 1000,
                skew: state.dice.within(-90_000 ... 90_000), born: state.now)
            state.procs.append(proc)
            state.alive.append(proc.id)
            return proc
        }
        guard let proc else { return wake(at: with { $0.now } + 1000) }
        note("start", proc.id, "epoch \(proc.epoch) on host \(host)")
        plan(Limits.heartbeatSeconds * 500) { if !$0 { self.beat(proc.id) } }
        let world = self
        Task(executorPreference: proc.lane) { await Worker(world, proc.id).work() }
        wake(at: with { $0.now } + 20_000)
    }

    /// The process's scheduler renews its lease, or kills it when it is past its end.
    private func beat(_ id: Int) {
        enum Act { case none, kill, go }
        let act: Act = with { state in
            let p = state.procs[id]
            if p.dead { return .none }
            if p.hostFrozen { return .go }
            if state.now > p.ends { return .kill }
            guard p.renewed else { return .go }
            guard state.tables.renew(p.epoch, World.holder(p.host), seconds: Limits.leaseSeconds, state.now) else { return .kill }
            state.procs[id].ends = state.now + Limits.leaseSeconds * 1000
            return .go
        }
        switch act {
        case .none: break
        case .kill: end(id, "killed")
        case .go: plan(Limits.heartbeatSeconds * 500) { if !$0 { self.beat(id) } }
        }
    }

    /// The process is gone: none of its tasks goes on. Its scheduler reaps it and gives the lease back.
    func end(_ id: Int, _ why: String) {
        let dead: Bool = with { state in
            if state.procs[id].dead { return true }
            state.procs[id].dead = true
            state.alive.removeAll { $0 == id }
            return false
        }
        if dead { return }
        note("end", id, why)
        plan(with { 5 + $0.dice.below(500) }) { ended in
            if ended { return }
            let frozen: Bool = self.with { state in
                let p = state.procs[id]
                if p.hostFrozen { return true }
                _ = state.tables.release(p.epoch, World.holder(p.host))
                return false
            }
            if !frozen { self.wake(at: 0) }
        }
    }

    /// What the seed wants to happen to whatever process runs now.
    func befall(_ mishap: Mishap, _ id: Int) {
        note("mishap", id, "\(mishap.kind) \(mishap.lasts)")
        switch mishap.kind {
        case .crash:
            with { $0.counts.crashes += 1 }
            end(id, "crashed")
        case .loseRenewals: with { $0.procs[id].renewed = false }
        case .freeze, .freezeHost:
            with { state in
                state.counts.freezes += 1
                state.procs[id].frozen = true
                state.procs[id].hostFrozen = mishap.kind == .freezeHost
            }
            plan(mishap.lasts) { ended in
                if ended { return }
                self.note("thaw", id)
                self.with { $0.procs[id].frozen = false }
                // Its scheduler wakes too, a moment later.
                self.plan(self.with { $0.dice.below(5000) }) { ended in
                    if ended { return }
                    self.with { $0.procs[id].hostFrozen = false }
                    self.wake(at: 0)
                }
            }
        }
    }

    /// A person connects the account anew.
    func connectAnew() {
        note("connect")
        with { state in
            let n = state.provider.connect(now: state.now)
            state.tables.connection.credential = World.credential(n)
            state.tables.connection.credentialBefore = nil
            state.tables.connection.credentialVersion += 1
            state.tables.connection.state = "live"
            state.guards.savedTokens.formUnion(["a\(n)", "r\(n)"])
            state.tables.ask(state.now)
        }
        wake(at: 0)
    }

    /// The account at the other end is the one that was connected before.
    func identify() {
        with { state in
            guard state.tables.connection.state == "new" else { return }
            state.tables.connection.state = "live"
            state.tables.ask(state.now)
        }
        wake(at: 0)
    }

    static func credential(_ n: Int) -> [UInt8] {
        Credential(accessToken: Secret("a\(n)"), refreshToken: Secret("r\(n)"), clientID: "c").jsonForSealing()
    }
}

/// A worker process's work: what `TenantWorker` does, with the one job that matters here.
struct Worker: Sendable {
    let world: World
    let id: Int
    let epoch: Int64
    let store: MemoryStore
    let clocks: SimClocks
    let courier: Courier
    let connector: SimConnector
    let log: Log
    let metrics: Metrics

    init(_ world: World, _ id: Int) {
        self.world = world
        self.id = id
        store = MemoryStore(world: world, proc: id)
        clocks = SimClocks(world: world, proc: id)
        let (epoch, nature) = world.with { ($0.procs[id].epoch, $0.ledger.nature) }
        self.epoch = epoch
        connector = SimConnector(nature)
        let world = world
        log = Log(component: "sim", least: world.traces ? .debug : .error, clocks: clocks) { bytes in
            if world.traces { world.remark(String(decoding: bytes, as: UTF8.self)) }
        }
        metrics = Metrics()
        let same: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, _ throws(Fault) in bytes }
        courier = Courier(
            tenant: World.tenant, store: store, client: SimTransport(world: world, proc: id), clocks: clocks, random: SimRandom(world: world), log: log,
            metrics: metrics, seal: same, open: same,
            deadline: { .milliseconds(world.with { $0.procs[id].ends }) })
    }

    private enum Job: Sendable { case none, later(Int), due(generation: Int, attempts: Int) }

    func work() async {
        do throws(Fault) {
            _ = try await store.orphanIntents(World.tenant, epoch: epoch)
            var idle = 0
            while clocks.monotonic() + .seconds(2) < .milliseconds(world.with { $0.procs[id].ends }), idle < 5000 {
                let job: Job = world.with { state in
                    guard let job = state.tables.job, !state.over else { return .none }
                    return job.due <= state.now ? .due(generation: job.generation, attempts: job.attempts) : .later(job.due - state.now)
                }
                switch job {
                case .none: idle += try await rest(5000)
                case .later(let ms): idle += try await rest(min(ms, 5000))
                case .due(let generation, let attempts):
                    idle = 0
                    try await post(generation, attempts)
                }
            }
        } catch { world.note("fault", id, error.code) }
        if !world.isOver { world.end(id, "ended") }
    }

    private func rest(_ ms: Int) async throws(Fault) -> Int {
        do { try await clocks.sleep(for: .milliseconds(ms)) } catch { throw Fault.wrapping(error, stage: .worker) }
        return max(1, ms)
    }

    private func post(_ generation: Int, _ attempts: Int) async throws(Fault) {
        do throws(Fault) {
            let row = world.with { $0.tables.connection }
            let again = row.state == "live" ? try await poster(row).post() : .done
            world.change { state in
                guard state.tables.job?.generation == generation else { return }
                if case .again(let delay) = again {
                    state.tables.job?.due = state.now + Int(delay.wholeMilliseconds)
                    state.tables.job?.attempts = 0
                } else {
                    state.tables.job = nil
                }
            }
            world.note("job", generation, "\(again)")
        } catch {
            if error.code == "lease_lost" || error.code == "over" { throw error }
            world.note("failed", id, error.code)
            let backoff = min(Limits.backoffFirst_ms << min(attempts, 10), Limits.backoffMost_ms)
            let delay = error.disposition == .wait ? error.retryAfter.map { Int($0.wholeMilliseconds) } ?? backoff : backoff
            world.change { state in
                if state.tables.job?.generation == generation {
                    state.tables.job?.due = state.now + delay
                    state.tables.job?.attempts += 1
                }
            }
        }
    }

    private func poster(_ row: ConnectionRow) -> Poster {
        let world = world, id = id
        return Poster(
            tenant: World.tenant, epoch: epoch, flow: World.flow, ledger: CourierConnection(row: row, facts: ConnectionFacts(account: "sim")),
            connector: connector, findSettles: nil, store: store, courier: courier, clocks: clocks, random: SimRandom(world: world), log: log, metrics: metrics
        ) { rows, _ throws(Fault) in
            world.note("bind", id)
            return SimConnector.bind(rows)
        }
    }
}
