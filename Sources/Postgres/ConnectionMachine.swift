import Kernel

/// One connection as a pure machine: what to send, in which order, and whose answer a reply is. It knows no socket; the
/// shell performs its actions and feeds it what libpq reports.
///
/// A *unit* is what ends with one sync: a statement, or a batch (one implicit transaction). Its outcome is known only
/// when the sync is answered, for that is where PostgreSQL commits.
struct ConnectionMachine: Sendable {
    enum Phase: Equatable { case connecting, idle, busy, closed }
    enum Verb: Equatable { case statements, commit, rollback }

    struct Unit: Sendable {
        var id: UInt64
        var keys: [StatementKey]
        var verb: Verb = .statements
        /// BEGIN goes ahead of it: the unit opens a transaction.
        var begins = false
        /// The unit is inside a transaction, where a failure before it would keep housekeeping from running.
        var inTransaction = false
        /// Parse anew: a kept statement has gone stale.
        var unprepared = false
    }

    enum Step: Equatable {
        case begin, commit, rollback
        case deallocate(String)
        case prepare(String, statement: Int)
        /// `nil`: parsed, bound and executed at once.
        case execute(String?, statement: Int)
    }

    enum Reply {
        case rows(PostgresRows)
        case failed(ServerError)
        /// Not run, because an earlier step of the unit failed.
        case aborted
        case sync
    }

    enum Action {
        /// Hand these to libpq in order, then a sync.
        case send(unit: UInt64, steps: [Step])
        case answer(unit: UInt64, Result<[PostgresRows], Fault>)
        /// Certainly not run: nothing of it was sent.
        case giveBack(unit: UInt64)
        /// The server's plan was stale and nothing ran: it may be sent again, unprepared.
        case again(unit: UInt64)
        case close
    }

    private struct Flight {
        var unit: Unit
        var steps: [Step]
        var answered = 0
        var rows: [PostgresRows] = []
        var failure: Fault?
        var fatal = false
        var stale = false
    }

    private(set) var phase: Phase = .connecting
    private var flights = Queue<Flight>()
    private var pending = Queue<Unit>()
    private var cache: StatementCache
    private var draining = false
    private let depth: Int

    init(preparedStatements: Int = PostgresLimits.preparedStatements, depth: Int = PostgresLimits.pipelineDepth) {
        cache = StatementCache(capacity: preparedStatements)
        self.depth = depth
    }

    /// Units sent and not yet answered.
    var inFlight: Int { flights.count }
    var waiting: Int { pending.count }

    mutating func connected() -> [Action] {
        guard phase == .connecting else { return [] }
        phase = .idle
        return sendPending()
    }

    mutating func submit(_ unit: Unit) -> [Action] {
        guard phase != .closed, !draining else { return [.giveBack(unit: unit.id)] }
        pending.append(unit)
        return phase == .connecting ? [] : sendPending()
    }

    /// Nothing new is taken; closes when all that was taken is answered.
    mutating func close() -> [Action] {
        draining = true
        return closeWhenDone()
    }

    mutating func received(_ reply: Reply) -> [Action] {
        // Taken out, not copied: a batch's rows would be copied with every reply.
        guard var flight = flights.popFirst() else { return [] }
        if case .sync = reply {
            phase = flights.isEmpty ? .idle : .busy
            return finish(flight) + sendPending() + closeWhenDone()
        }
        record(reply, in: &flight)
        flights.prepend(flight)
        return []
    }

    /// The connection is gone. What was sent may have run; what was not sent goes back.
    mutating func lost(_ fault: Fault) -> [Action] {
        guard phase != .closed else { return [] }
        phase = .closed
        var actions: [Action] = []
        while let flight = flights.popFirst() { actions.append(.answer(unit: flight.unit.id, lostOutcome(flight, fault))) }
        while let unit = pending.popFirst() { actions.append(.giveBack(unit: unit.id)) }
        return actions + [.close]
    }

    /// libpq took not even the first step of the unit sent last, so it comes back; the connection is unusable.
    mutating func refused(unit: UInt64, _ fault: Fault) -> [Action] {
        guard phase != .closed, flights.last?.unit.id == unit else { return lost(fault) }
        flights.removeLast()
        return [.giveBack(unit: unit)] + lost(fault)
    }

    // MARK: Sending

    private mutating func sendPending() -> [Action] {
        var actions: [Action] = []
        while flights.count < depth, let unit = pending.popFirst() {
            let steps = plan(unit)
            var flight = Flight(unit: unit, steps: steps)
            flight.rows.reserveCapacity(unit.keys.count)
            flights.append(flight)
            actions.append(.send(unit: unit.id, steps: steps))
        }
        if !flights.isEmpty { phase = .busy }
        return actions
    }

    private mutating func plan(_ unit: Unit) -> [Step] {
        switch unit.verb {
        case .commit: return [.commit]
        case .rollback: return [.rollback]
        case .statements: break
        }
        var steps: [Step] = unit.begins ? [.begin] : []
        if unit.begins || !unit.inTransaction { steps += cache.takeRetired().map(Step.deallocate) }
        steps.reserveCapacity(steps.count + unit.keys.count)
        // Batches mostly run one statement again and again: it is looked up once.
        var last: (key: StatementKey, name: String)?
        for (index, key) in unit.keys.enumerated() {
            if let last, last.key == key {
                steps.append(.execute(last.name, statement: index))
                continue
            }
            switch unit.unprepared ? .unnamed : cache.plan(key, unit: unit.id) {
            case .unnamed: steps.append(.execute(nil, statement: index))
            case .prepare(let name): steps += [.prepare(name, statement: index), .execute(name, statement: index)]
            case .prepared(let name):
                steps.append(.execute(name, statement: index))
                last = (key, name)
            }
        }
        return steps
    }

    // MARK: Receiving

    private mutating func record(_ reply: Reply, in flight: inout Flight) {
        let step = flight.answered < flight.steps.count ? flight.steps[flight.answered] : nil
        flight.answered += 1
        switch (reply, step) {
        case (.rows, .prepare(_, let n)): cache.confirm(flight.unit.keys[n])
        case (.rows(let rows), .execute), (.rows(let rows), .commit), (.rows(let rows), .rollback): flight.rows.append(rows)
        case (.rows, _): break
        case (.failed(let error), _):
            fail(&flight, error, at: step)
        case (.aborted, .prepare(_, let n)): cache.forget(flight.unit.keys[n])
        case (.aborted, _), (.sync, _): break
        }
    }

    /// A failure with no step left comes from the commit at the sync, such as a deferred constraint's.
    private mutating func fail(_ flight: inout Flight, _ error: ServerError, at step: Step?) {
        flight.fatal = flight.fatal || error.fatal
        var statement: Int?
        switch step {
        case .prepare(_, let n):
            cache.forget(flight.unit.keys[n])
            statement = n
        case .execute(let name, let n):
            statement = n
            if let name, error.isStaleStatement {
                cache.retire(flight.unit.keys[n], name, known: !error.isUnknownStatement)
                flight.stale = true
            }
        // Only housekeeping failed, and the name is gone from our list by now: nothing of the unit has run.
        case .deallocate where error.isUnknownStatement: flight.stale = true
        default: break
        }
        guard flight.failure == nil else { return }
        var fault = error.fault
        if let statement, flight.unit.keys.count > 1 {
            let place = "statement \(statement + 1) of \(flight.unit.keys.count)"
            fault.underlying = fault.underlying.map { "\($0), \(place)" } ?? place
        }
        flight.failure = fault
    }

    private func finish(_ flight: Flight) -> [Action] {
        let unit = flight.unit
        if let failure = flight.failure {
            if flight.stale, !unit.inTransaction, !unit.begins, !unit.unprepared { return [.again(unit: unit.id)] }
            return [.answer(unit: unit.id, .failure(failure))]
        }
        // Its tag is the only proof that it was done.
        if case .commit = unit.verb, flight.rows.isEmpty { return [.answer(unit: unit.id, .failure(PostgresFaults.commitUnknown))] }
        return [.answer(unit: unit.id, .success(flight.rows))]
    }

    private func lostOutcome(_ flight: Flight, _ fault: Fault) -> Result<[PostgresRows], Fault> {
        switch flight.unit.verb {
        case .commit:
            // The server sends COMMIT's tag after it has committed, before the sync.
            if flight.failure == nil, !flight.rows.isEmpty { return .success(flight.rows) }
            if let failure = flight.failure, !flight.fatal { return .failure(failure) }
            return .failure(PostgresFaults.commitUnknown)
        case .rollback: return .success([])  // without a connection there is no transaction either
        case .statements: return .failure(flight.failure ?? fault)
        }
    }

    private mutating func closeWhenDone() -> [Action] {
        guard draining, phase != .closed, flights.isEmpty, pending.isEmpty else { return [] }
        phase = .closed
        return [.close]
    }
}

/// First in, first out, in constant time.
struct Queue<Element: Sendable>: Sendable {
    private var items: [Element?] = []
    private var head = 0

    var count: Int { items.count - head }
    var isEmpty: Bool { count == 0 }
    var last: Element? { isEmpty ? nil : items[items.count - 1] }

    var first: Element? { isEmpty ? nil : items[head] }

    mutating func append(_ element: Element) { items.append(element) }

    mutating func prepend(_ element: Element) {
        if head > 0 {
            head -= 1
            items[head] = element
        } else {
            items.insert(element, at: 0)
        }
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head > 32, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func removeFirst() { popFirst() }
    mutating func removeLast() { if !isEmpty { items.removeLast() } }
    mutating func removeAll(where unwanted: (Element) -> Bool) {
        items = items[head...].filter { $0.map { !unwanted($0) } ?? false }
        head = 0
    }
}
