internal import Kernel

extension ReactorLoop {
    /// A transaction's hold on a connection.
    struct Lease {
        enum State {
            /// For a connection, with the requests that came in the meantime.
            case waiting([UInt64])
            case held
            case dead(Fault)
        }

        var pool: UInt64
        var state: State
        var link: Link?
        /// Requests that wait behind the one being handed to the connection.
        var unplaced: [UInt64] = []
        /// Why the transaction is aborted; later statements are told this instead of "current transaction is aborted".
        var cause: Fault?
    }

    /// The first statement of a transaction asks for a connection and takes BEGIN along, which saves two waits.
    func transact(_ request: Request, lease id: UInt64, pool poolID: UInt64) {
        guard request.verb == .statements else {
            end(request, id)
            return
        }
        var ticket = Ticket(request: request, pool: poolID)
        ticket.lease = id
        guard let lease = leases[id] else {
            guard let pool = pools[poolID] else {
                request.continuation?.resume(returning: .failure(PostgresFaults.closed))
                return
            }
            tickets[request.id] = ticket
            leases[id] = Lease(pool: poolID, state: .waiting([request.id]))
            perform(pool.machine.submit(id, exclusively: true, now: now), in: poolID)
            return
        }
        switch lease.state {
        case .dead(let fault): request.continuation?.resume(returning: .failure(fault))
        case .waiting(let ids):
            tickets[request.id] = ticket
            leases[id]?.state = .waiting(ids + [request.id])
        case .held:
            tickets[request.id] = ticket
            if let link = lease.link { place(request.id, on: link) }
        }
    }

    private func end(_ request: Request, _ id: UInt64) {
        guard let lease = leases[id] else {  // nothing was ever sent
            request.continuation?.resume(returning: .success([]))
            return
        }
        switch lease.state {
        case .dead(let fault):
            leases[id] = nil
            request.continuation?.resume(returning: request.verb == .commit ? .failure(fault) : .success([]))
        case .waiting(let ids):
            leases[id] = nil
            if let pool = pools[lease.pool] { perform(pool.machine.cancel(id, now: now), in: lease.pool) }
            for waiting in ids { fail(waiting, PostgresFaults.transactionEnded) }
            request.continuation?.resume(returning: .success([]))
        case .held:
            var ticket = Ticket(request: request, pool: lease.pool)
            ticket.lease = id
            tickets[request.id] = ticket
            if let link = lease.link { place(request.id, on: link) }
        }
    }

    func lend(_ id: UInt64, _ link: Link) {
        guard let lease = leases[id], case .waiting(let ids) = lease.state else {
            if case .pool(let poolID, let number) = link.owner, let pool = pools[poolID] {
                perform(pool.machine.released(number, now: now), in: poolID)
            }
            return
        }
        leases[id]?.state = .held
        leases[id]?.link = link
        var rest = ids[...]
        while let request = rest.popFirst() {
            tickets[request]?.begins = request == ids.first
            leases[id]?.unplaced = Array(rest)
            place(request, on: link)
            guard case .held = leases[id]?.state, leases[id]?.link === link else { break }
        }
        // The connection broke under one of them: before the transaction had begun, all wait for another; after, they are told.
        if case .dead(let fault) = leases[id]?.state {
            for request in rest { fail(request, fault) }
        }
        if ids.isEmpty {
            // All who waited were cancelled; the transaction's end is on its way and finds nothing begun.
            leases[id] = nil
            if let pool = pools[lease.pool], case .pool(_, let number) = link.owner {
                perform(pool.machine.released(number, now: now), in: lease.pool)
            }
        }
    }

    /// What an answer means to its transaction; ends the lease after COMMIT and ROLLBACK.
    func settle(_ answer: Answer, _ ticket: Ticket, _ id: UInt64, _ link: Link?) -> Answer {
        guard let lease = leases[id] else { return answer }
        var answer = answer
        if case .failure(let fault) = answer, fault.code == "transaction_aborted", let cause = lease.cause {
            answer = .failure(cause)
        }
        guard ticket.request.verb != .statements else {
            if case .failure(let fault) = answer, lease.cause == nil { leases[id]?.cause = fault }
            return answer
        }
        if ticket.request.verb == .commit, case .success(let rows) = answer, rows.last?.tag == "ROLLBACK" {
            answer = .failure(lease.cause ?? ServerError(sqlstate: "25P02", message: "the transaction was rolled back").fault)
        }
        leases[id] = nil
        if let link, case .pool(let poolID, let number) = link.owner {
            if ticket.request.verb == .rollback, case .failure(let fault) = answer {
                drop(link, fault)  // nobody knows what state it is in
            } else if let pool = pools[poolID] {
                perform(pool.machine.released(number, now: now), in: poolID)
            }
        }
        return answer
    }

    func givenBack(_ ticket: Ticket, _ id: UInt64) {
        var ticket = ticket
        ticket.attempts += 1
        guard let lease = leases[id] else {
            fail(ticket.request.id, PostgresFaults.lost(""))
            return
        }
        switch ticket.request.verb {
        case .commit, .rollback:
            leases[id] = nil
            tickets[ticket.request.id] = nil
            let fault = lease.cause ?? PostgresFaults.lost("")
            ticket.request.continuation?.resume(returning: ticket.request.verb == .commit ? .failure(fault) : .success([]))
        case .statements:
            guard ticket.begins, ticket.attempts <= 1, let pool = pools[lease.pool] else {
                fail(ticket.request.id, lease.cause ?? PostgresFaults.lost(""))
                return
            }
            // Not even BEGIN was sent: the transaction may begin on another connection.
            ticket.placed = false
            ticket.begins = false
            tickets[ticket.request.id] = ticket
            leases[id] = Lease(pool: lease.pool, state: .waiting([ticket.request.id] + lease.unplaced))
            perform(pool.machine.resubmit(id, exclusively: true, now: now), in: lease.pool)
        }
    }

    func failWaiting(lease id: UInt64, _ fault: Fault) {
        guard let lease = leases[id], case .waiting(let ids) = lease.state else { return }
        leases[id]?.state = .dead(fault)
        for request in ids { fail(request, fault) }
    }

    func withdraw(_ request: UInt64, from id: UInt64) {
        guard case .waiting(let ids) = leases[id]?.state else { return }
        leases[id]?.state = .waiting(ids.filter { $0 != request })
    }
}
