internal import Kernel

extension ReactorLoop {
    final class Pool {
        let configuration: PostgresConfiguration
        var machine: PoolMachine
        var links: [Int: Link] = [:]
        var closers: [CheckedContinuation<Void, Never>] = []
        /// Set while closing: what has not ended by then is cut off.
        var closeBy: Duration?

        init(_ configuration: PostgresConfiguration, _ machine: PoolMachine) {
            self.configuration = configuration
            self.machine = machine
        }
    }

    func open(pool id: UInt64, _ configuration: PostgresConfiguration, size: Int, patience: Duration) {
        pools[id] = Pool(configuration, PoolMachine(size: size, patience: patience, seed: UInt64(clamping: now.wholeMicroseconds)))
    }

    func close(pool id: UInt64, _ continuation: CheckedContinuation<Void, Never>?) {
        guard let pool = pools[id] else {
            continuation?.resume()
            return
        }
        if let continuation { pool.closers.append(continuation) }
        if pool.closeBy == nil {
            pool.closeBy = now + .seconds(PostgresLimits.closeSeconds)
            perform(pool.machine.close(now: now), in: id)
        }
    }

    /// The pool has had its time to close.
    func abandon(_ id: UInt64) {
        guard let pool = pools[id] else { return }
        for link in Array(pool.links.values) { drop(link, PostgresFaults.closed) }
        forget(id)
    }

    private func forget(_ id: UInt64) {
        guard let pool = pools.removeValue(forKey: id) else { return }
        for closer in pool.closers { closer.resume() }
    }

    /// What an action finds broken is given back, which asks the pool anew while actions are left that it gave before: a connection that one of these names may be
    /// gone by its turn, and who was to have it waits for another.
    func perform(_ actions: [PoolMachine.Action], in id: UInt64) {
        guard let pool = pools[id] else { return }
        for action in actions {
            switch action {
            case .open(let number, let attempt): start(.pool(id, number: number), pool.configuration, attempt: attempt)
            case .assign(let request, let number):
                if let link = pool.links[number] { place(request, on: link) } else { givenBack(request) }
            case .lend(let lease, let number):
                if let link = pool.links[number] { lend(lease, link) } else { perform(pool.machine.resubmit(lease, exclusively: true, now: now), in: id) }
            case .fail(let waiter, let fault): fail(waiter, fault)
            case .close(let number):
                if let link = pool.links.removeValue(forKey: number) { perform(link.machine.close(), on: link) }
            case .closed: forget(id)
            }
        }
    }

    func connectFailed(pool id: UInt64, _ number: Int, _ error: ServerError) {
        guard let pool = pools[id] else { return }
        pool.links[number] = nil
        perform(pool.machine.failed(number, fault(connecting: error), refusal: error.isRefusal, now: now), in: id)
    }

    func fault(connecting error: ServerError) -> Fault {
        error.sqlstate.isEmpty ? Fault("database_down", stage: .database, disposition: .retry, summary: error.message) : error.fault
    }

    /// The pool forgets the connection before its units are answered or given back, so that these find a live one.
    func poolLost(_ id: UInt64, _ number: Int, _ fault: Fault, _ actions: [ConnectionMachine.Action]) {
        let link = pools[id]?.links.removeValue(forKey: number)
        for key in leases.keys where link != nil && leases[key]?.link === link { leases[key]?.state = .dead(fault) }
        if let pool = pools[id] { perform(pool.machine.lost(number, now: now), in: id) }
        for action in actions {
            switch action {
            case .answer(let unit, let answer): answered(unit, answer, on: nil)
            case .giveBack(let unit): givenBack(unit)
            case .send, .again, .close: break
            }
        }
    }

    // MARK: Requests

    func submit(_ request: Request, to id: UInt64) {
        guard let pool = pools[id] else {
            request.continuation?.resume(returning: .failure(PostgresFaults.closed))
            return
        }
        tickets[request.id] = Ticket(request: request, pool: id)
        perform(pool.machine.submit(request.id, exclusively: false, now: now), in: id)
    }

    func place(_ id: UInt64, on link: Link) {
        guard var ticket = tickets[id] else { return }
        ticket.placed = true
        tickets[id] = ticket
        perform(link.machine.submit(unit(ticket)), on: link)
    }

    private func unit(_ ticket: Ticket) -> ConnectionMachine.Unit {
        let keys = ticket.request.statements.map { StatementKey(text: $0.text, types: $0.binds.map(\.oid)) }
        return ConnectionMachine.Unit(
            id: ticket.request.id, keys: keys, verb: ticket.request.verb, begins: ticket.begins, inTransaction: ticket.lease != nil)
    }

    func sendAgain(_ id: UInt64, on link: Link) {
        guard let ticket = tickets[id] else { return }
        var unit = unit(ticket)
        unit.unprepared = true
        perform(link.machine.submit(unit), on: link)
    }

    /// A unit's outcome is known. `link` is `nil` when its connection is gone.
    func answered(_ id: UInt64, _ answer: Answer, on link: Link?) {
        guard let ticket = tickets.removeValue(forKey: id) else { return }
        var answer = answer
        if let lease = ticket.lease {
            answer = settle(answer, ticket, lease, link)
        } else if let link, case .pool(let pool, let number) = link.owner {
            if case .success(let rows) = answer, leavesTransactionOpen(rows) {
                drop(link, PostgresFaults.lost("a statement left a transaction open"))
                answer = .failure(PostgresFaults.statement("BEGIN outside of transaction()"))
            } else {
                if let shell = pools[pool] { perform(shell.machine.finished(number, now: now), in: pool) }
            }
        } else if let link, case .listener(let listener) = link.owner {
            listenAnswered(listener, answer, link)
        }
        ticket.request.continuation?.resume(returning: answer)
    }

    private func leavesTransactionOpen(_ rows: [PostgresRows]) -> Bool {
        let last = rows.last { ["BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK"].contains($0.tag) }
        return last?.tag == "BEGIN" || last?.tag == "START TRANSACTION"
    }

    /// The unit was certainly not run: once more on another connection, then the caller is told.
    func givenBack(_ id: UInt64) {
        guard var ticket = tickets[id] else { return }
        if let lease = ticket.lease {
            givenBack(ticket, lease)
            return
        }
        // On a connection that was gone by its turn it was no attempt.
        if ticket.placed { ticket.attempts += 1 }
        ticket.placed = false
        tickets[id] = ticket
        guard ticket.attempts <= 1, let poolID = ticket.pool, let pool = pools[poolID] else {
            fail(id, PostgresFaults.lost(""))
            return
        }
        perform(pool.machine.resubmit(id, exclusively: false, now: now), in: poolID)
    }

    /// Answers a request, or all requests of a transaction, that got no connection.
    func fail(_ waiter: UInt64, _ fault: Fault) {
        if let ticket = tickets.removeValue(forKey: waiter) {
            ticket.request.continuation?.resume(returning: .failure(fault))
        } else {
            failWaiting(lease: waiter, fault)
        }
    }

    func cancel(_ id: UInt64) {
        guard var ticket = tickets[id] else { return }
        ticket.request.continuation?.resume(returning: .failure(PostgresFaults.cancelled))
        ticket.request.continuation = nil
        tickets[id] = ticket
        guard !ticket.placed else { return }
        tickets[id] = nil
        if let lease = ticket.lease {
            withdraw(id, from: lease)
        } else if let poolID = ticket.pool, let pool = pools[poolID] {
            perform(pool.machine.cancel(id, now: now), in: poolID)
        }
    }
}
