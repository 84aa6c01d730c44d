import Kernel

/// Which connection serves whom, as a pure machine. Single statements and batches share connections (pipelined, up to
/// `depth` each) once there are as many as there may be; a transaction has one to itself. Both are served in the order
/// of arrival: an older transaction reserves a connection, which then takes nothing new until it is free.
struct PoolMachine: Sendable {
    enum Action: Equatable {
        /// Open a connection under this number; `attempt` counts failures so far and picks the host to begin with.
        case open(Int, attempt: Int)
        /// Send the waiter's unit on this connection.
        case assign(UInt64, connection: Int)
        /// The connection belongs to the waiter until `released`.
        case lend(UInt64, connection: Int)
        case fail(UInt64, Fault)
        case close(Int)
        /// All connections of a closed pool are gone.
        case closed
    }

    private enum Phase { case connecting, open }
    private struct Slot {
        var phase: Phase = .connecting
        var inFlight = 0
        var lease: UInt64?
        var reserved = false
        var served = false
        var opened: Duration = .zero
        /// Since when it serves nobody.
        var idleSince: Duration = .zero
        /// It has lived long enough: it takes nothing new.
        var retires = false

        var isIdle: Bool { phase == .open && lease == nil && inFlight == 0 }
    }
    private struct Waiter {
        var id: UInt64
        var arrival: UInt64
        var deadline: Duration
    }

    /// Waiters in their order. One that goes away is passed over when its turn comes: 50,000 may go at once.
    private struct Line: Sendable {
        private var queue = Queue<Waiter>()
        private var here: Set<UInt64> = []

        var count: Int { here.count }
        var isEmpty: Bool { here.isEmpty }
        /// Never one that has gone away.
        var first: Waiter? { queue.first }

        mutating func append(_ waiter: Waiter) {
            here.insert(waiter.id)
            queue.append(waiter)
        }

        mutating func prepend(_ waiter: Waiter) {
            here.insert(waiter.id)
            queue.prepend(waiter)
        }

        mutating func remove(_ id: UInt64) {
            guard here.remove(id) != nil else { return }
            // Now and then, so that those who are gone are never more than those who wait.
            if queue.count > 2 * here.count + 64 { queue.removeAll { !here.contains($0.id) } }
            passOver()
        }

        @discardableResult
        mutating func popFirst() -> Waiter? {
            guard let waiter = queue.popFirst() else { return nil }
            here.remove(waiter.id)
            passOver()
            return waiter
        }

        private mutating func passOver() {
            while let next = queue.first, !here.contains(next.id) { queue.removeFirst() }
        }
    }

    let size: Int
    let depth: Int
    let patience: Duration
    private var slots: [Int: Slot] = [:]
    private var single = Line()
    private var exclusive = Line()
    private var arrivals: UInt64 = 0
    private var nextConnection = 1
    private var failures = 0
    private var retryAt: Duration?
    private var lastFault: Fault?
    private var closing = false
    private var jitter: UInt64

    init(size: Int, depth: Int = PostgresLimits.pipelineDepth, patience: Duration, seed: UInt64 = 0) {
        precondition(size > 0, "a pool needs room for one connection")
        self.size = size
        self.depth = depth
        self.patience = patience
        jitter = seed
    }

    var connections: Int { slots.count }
    var waiters: Int { single.count + exclusive.count }

    mutating func submit(_ id: UInt64, exclusively: Bool, now: Duration) -> [Action] {
        guard !closing else { return [.fail(id, PostgresFaults.closed)] }
        guard waiters < PostgresLimits.waiters else { return [.fail(id, PostgresFaults.full)] }
        arrivals += 1
        let waiter = Waiter(id: id, arrival: arrivals, deadline: now + patience)
        if exclusively { exclusive.append(waiter) } else { single.append(waiter) }
        return serve(now)
    }

    /// A waiter that was given a connection, but could not be sent, goes to the head of its queue.
    mutating func resubmit(_ id: UInt64, exclusively: Bool, now: Duration) -> [Action] {
        guard !closing else { return [.fail(id, PostgresFaults.closed)] }
        let waiter = Waiter(id: id, arrival: 0, deadline: now + patience)
        if exclusively { exclusive.prepend(waiter) } else { single.prepend(waiter) }
        return serve(now)
    }

    /// The waiter has gone away; no effect once it has its connection.
    mutating func cancel(_ id: UInt64, now: Duration) -> [Action] {
        single.remove(id)
        exclusive.remove(id)
        return serve(now)
    }

    mutating func opened(_ connection: Int, now: Duration) -> [Action] {
        slots[connection]?.phase = .open
        slots[connection]?.opened = now
        slots[connection]?.idleSince = now
        failures = 0
        retryAt = nil
        lastFault = nil
        return closing ? closeIdle() : serve(now)
    }

    /// An attempt to connect failed. `refusal`: another attempt can't help, so nobody is kept waiting for one.
    mutating func failed(_ connection: Int, _ fault: Fault, refusal: Bool, now: Duration) -> [Action] {
        slots[connection] = nil
        backOff(now)
        lastFault = fault
        var actions: [Action] = []
        if refusal, !slots.values.contains(where: { $0.phase == .open }) {
            while let waiter = single.popFirst() { actions.append(.fail(waiter.id, fault)) }
            while let waiter = exclusive.popFirst() { actions.append(.fail(waiter.id, fault)) }
        }
        return actions + (closing ? closeIdle() : serve(now))
    }

    /// An open connection has ended. One that ended before it served anything counts as a failed attempt.
    mutating func lost(_ connection: Int, now: Duration) -> [Action] {
        guard let slot = slots.removeValue(forKey: connection) else { return [] }
        if !slot.served, !closing { backOff(now) }
        return closing ? closeIdle() : serve(now)
    }

    /// A single unit on the connection was answered.
    mutating func finished(_ connection: Int, now: Duration) -> [Action] {
        guard var slot = slots[connection] else { return [] }
        slot.inFlight = max(0, slot.inFlight - 1)
        slot.served = true
        slot.idleSince = now
        slots[connection] = slot
        return closing ? closeIdle() : serve(now)
    }

    /// A transaction gave its connection back.
    mutating func released(_ connection: Int, now: Duration) -> [Action] {
        slots[connection]?.lease = nil
        slots[connection]?.served = true
        slots[connection]?.idleSince = now
        return closing ? closeIdle() : serve(now)
    }

    mutating func close(now: Duration) -> [Action] {
        closing = true
        var actions: [Action] = []
        while let waiter = single.popFirst() { actions.append(.fail(waiter.id, PostgresFaults.closed)) }
        while let waiter = exclusive.popFirst() { actions.append(.fail(waiter.id, PostgresFaults.closed)) }
        return actions + closeIdle()
    }

    /// Time has passed: who waited too long is told why, and a connection may be tried again.
    mutating func tick(_ now: Duration) -> [Action] {
        var actions: [Action] = []
        let reason = lastFault.map { PostgresFaults.down($0) } ?? PostgresFaults.busy
        while let waiter = single.first, waiter.deadline <= now {
            single.popFirst()
            actions.append(.fail(waiter.id, reason))
        }
        while let waiter = exclusive.first, waiter.deadline <= now {
            exclusive.popFirst()
            actions.append(.fail(waiter.id, reason))
        }
        return actions + (closing ? [] : serve(now))
    }

    /// When `tick` has something to do.
    var wakeAt: Duration? {
        var times: [Duration] = []
        if let waiter = single.first { times.append(waiter.deadline) }
        if let waiter = exclusive.first { times.append(waiter.deadline) }
        if let retryAt, waiters > 0 { times.append(retryAt) }
        if !closing, let next = nextRetirement { times.append(next) }
        return times.min()
    }

    /// Whether the connection of this number is being made.
    func isConnecting(_ connection: Int) -> Bool { slots[connection]?.phase == .connecting }

    // MARK: Giving back

    /// When the first connection is to be closed, or to take nothing new.
    private var nextRetirement: Duration? {
        var next: Duration?
        for slot in slots.values where slot.phase == .open && (slot.isIdle || !slot.retires) {
            var at = slot.opened + PoolMachine.lifeMost
            if slot.isIdle, slots.count > 1 { at = min(at, slot.idleSince + PoolMachine.idleMost) }
            next = min(next ?? at, at)
        }
        return next
    }

    /// Closes what has lived long enough, so that a server that came back, or another behind the same name, gets its share; and what nobody has needed for a
    /// while, but for the last one.
    private mutating func retire(_ now: Duration) -> [Action] {
        guard let next = nextRetirement, next <= now else { return [] }
        var actions: [Action] = []
        for (key, slot) in slots where slot.phase == .open && now - slot.opened >= PoolMachine.lifeMost {
            slots[key]?.retires = true
            if slot.isIdle { actions.append(.close(key)) }
        }
        for case .close(let key) in actions { slots[key] = nil }
        let unused = slots.filter { $0.value.isIdle && now - $0.value.idleSince >= PoolMachine.idleMost }
        // The longest unused first.
        for (key, _) in unused.sorted(by: { ($0.value.idleSince, $1.key) < ($1.value.idleSince, $0.key) }) where slots.count > 1 {
            slots[key] = nil
            actions.append(.close(key))
        }
        return actions
    }

    static let idleMost = Duration.seconds(PostgresLimits.poolIdleSeconds)
    static let lifeMost = Duration.seconds(PostgresLimits.poolLifeSeconds)

    // MARK: Choosing

    private mutating func serve(_ now: Duration) -> [Action] {
        var actions: [Action] = []
        var crowded = false
        while true {
            if exclusive.isEmpty, reservations > 0 { for key in slots.keys { slots[key]?.reserved = false } }
            let olderIsExclusive = (exclusive.first?.arrival ?? .max) < (single.first?.arrival ?? .max)
            if olderIsExclusive, let waiter = exclusive.first {
                if let idle = idleSlot() {
                    exclusive.popFirst()
                    slots[idle]?.lease = waiter.id
                    slots[idle]?.reserved = false
                    actions.append(.lend(waiter.id, connection: idle))
                    continue
                }
                reserve()
            }
            guard let waiter = single.first, let slot = leastLoaded(below: depth) else { break }
            if slots[slot]?.inFlight ?? 0 > 0 {
                // Behind a slow statement it would stay: better the next connection that opens or falls idle.
                if canGrow { break }
                crowded = true
            }
            single.popFirst()
            slots[slot]?.inFlight += 1
            actions.append(.assign(waiter.id, connection: slot))
        }
        return actions + retire(now) + grow(crowded, now)
    }

    /// Another connection is coming, or will be asked for at once.
    private var canGrow: Bool { failures == 0 && (slots.count < size || slots.values.contains { $0.phase == .connecting }) }

    private func idleSlot() -> Int? { leastLoaded(below: 1, reservedToo: true) }

    private mutating func reserve() {
        guard reservations < exclusive.count, let slot = leastLoaded(below: .max) else { return }
        slots[slot]?.reserved = true
    }

    private var reservations: Int { slots.values.count { $0.reserved } }

    /// The open connection with the fewest units that is nobody's own; the lowest number among equals.
    private func leastLoaded(below limit: Int, reservedToo: Bool = false) -> Int? {
        var best: (key: Int, load: Int)?
        for (key, slot) in slots where slot.phase == .open && slot.lease == nil && slot.inFlight < limit && !slot.retires {
            if slot.reserved, !reservedToo { continue }
            if let best, (best.load, best.key) < (slot.inFlight, key) { continue }
            best = (key, slot.inFlight)
        }
        return best?.key
    }

    private mutating func grow(_ crowded: Bool, _ now: Duration) -> [Action] {
        let connecting = slots.values.count { $0.phase == .connecting }
        var wanted = max(waiters, crowded ? 1 : 0) - connecting
        if failures > 0 { wanted = min(wanted, connecting == 0 ? 1 : 0) }  // one scout while the server is away
        if let retryAt, retryAt > now { return [] }
        var actions: [Action] = []
        while wanted > 0, slots.count < size {
            slots[nextConnection] = Slot()
            actions.append(.open(nextConnection, attempt: failures))
            nextConnection += 1
            wanted -= 1
        }
        return actions
    }

    private mutating func closeIdle() -> [Action] {
        let idle = slots.filter { $0.value.lease == nil && $0.value.inFlight == 0 }.keys.sorted()
        for key in idle { slots[key] = nil }
        return idle.map(Action.close) + (slots.isEmpty ? [.closed] : [])
    }

    private mutating func backOff(_ now: Duration) {
        let step = PostgresLimits.backoffFirst_ms << min(failures, 10)
        failures += 1
        jitter = jitter &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let capped = min(step, PostgresLimits.backoffMost_ms)
        retryAt = now + .milliseconds(capped / 2 + Int(jitter >> 33) % max(1, capped / 2))
    }
}
