import Kernel

/// One tenant's lease, two hosts with a scheduler each, and their workers, in steps of five seconds. A host may stand still, worker and
/// scheduler alike, and go on later with its old view.
struct LeaseMachine {
    struct Holder: Equatable {
        var host: Int
        var epoch: Int64
        /// Monotonic end of the lease, as the worker was told.
        var ends: Int
        var intended = false
        /// When the request under way ends at the latest.
        var request: Int?
    }

    static let step = 5000
    static let horizon = 80_000
    static let holdersMost = 3

    var tables = Simulation.emptyTables()
    /// One a host at most.
    var workers: [Holder?] = [nil, nil]
    var frozen = [false, false]
    var taken = 0
    var now = 0
    var wrong: String?

    static var explorer: Explorer<LeaseMachine> {
        Explorer(
            name: { m in
                let lease = m.tables.lease.map { "\($0.epoch) \($0.holder) \($0.held) \($0.expires - m.now)" } ?? "none"
                let workers = m.workers.map { w in w.map { "\($0.epoch) \($0.ends - m.now) \($0.intended) \($0.request.map { $0 - m.now } ?? -1)" } ?? "none" }
                return "\(lease) \(workers) \(m.frozen) \(m.taken) \(m.now)"
            },
            moves: { $0.moves() },
            broken: { m in
                if let wrong = m.wrong { return wrong }
                return m.workers.filter { $0?.request != nil }.count > 1 ? "two holders have a request under way" : nil
            },
            isGoal: { m in m.now >= horizon || m.taken >= holdersMost || m.workers.contains { $0.map { m.tables.holdsLease($0.epoch, m.now) } ?? false } })
    }

    private func with(_ what: String, _ change: (inout LeaseMachine) -> Void) -> (what: String, state: LeaseMachine) {
        var next = self
        change(&next)
        return (what, next)
    }

    func moves() -> [(what: String, state: LeaseMachine)] {
        guard wrong == nil, now < LeaseMachine.horizon else { return [] }
        var out = [with("five seconds pass") { m in
            m.now += LeaseMachine.step
            for h in m.workers.indices where m.workers[h]?.request.map({ $0 <= m.now }) ?? false { m.workers[h]?.request = nil }
        }]
        for host in [0, 1] {
            out.append(with(frozen[host] ? "\(host) thaws" : "\(host) stands still") { $0.frozen[host].toggle() })
            if !frozen[host] { out += moves(of: host) }
        }
        return out
    }

    private func moves(of host: Int) -> [(what: String, state: LeaseMachine)] {
        let name = "host-\(host)/"
        guard let worker = workers[host] else {
            guard taken < LeaseMachine.holdersMost else { return [] }
            return [with("\(host) asks for the lease") { m in
                guard let epoch = m.tables.acquire(name, seconds: Limits.leaseSeconds, m.now) else { return }
                if epoch != Int64(m.taken + 1) { m.wrong = "epoch \(epoch) comes after \(m.taken)" }
                m.taken += 1
                m.workers[host] = Holder(host: host, epoch: epoch, ends: m.now + Limits.leaseSeconds * 1000)
            }]
        }
        var out = [
            with("\(host) renews") { m in
                if m.tables.renew(worker.epoch, name, seconds: Limits.leaseSeconds, m.now) { m.workers[host]?.ends = m.now + Limits.leaseSeconds * 1000 }
            },
            // Dead and reaped: its requests are gone with it, and the lease is given back.
            with("\(host) loses its worker") { m in
                m.workers[host] = nil
                _ = m.tables.release(worker.epoch, name)
            },
        ]
        if !worker.intended, tables.mayIntend(worker.epoch, now) {
            out.append(with("\(host) intends") { m in
                if !m.tables.holdsLease(worker.epoch, m.now) { m.wrong = "an intent of epoch \(worker.epoch) without a lease" }
                m.workers[host]?.intended = true
            })
        }
        // As `Courier` checks right before a write.
        let longest = Limits.requestSeconds * 1000
        if worker.intended, worker.request == nil, now + longest < worker.ends {
            out.append(with("\(host) sends") { m in
                m.workers[host]?.intended = false
                m.workers[host]?.request = m.now + longest
            })
        }
        return out
    }
}
