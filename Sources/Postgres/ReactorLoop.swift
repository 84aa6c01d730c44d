internal import Glibc
internal import Kernel

/// All that the reactor's thread owns: connections, pools, transactions, listeners. Performs what the pure machines
/// decide. Lives and dies on that thread; not Sendable, so it has no locks.
final class ReactorLoop {
    /// One connection: libpq's side and the machine's side of it.
    final class Link {
        enum Owner {
            case pool(UInt64, number: Int), listener(UInt64), copy(UInt64)
            /// Nobody's: of a copy that has ended, for the next one that logs in the same way.
            case spare(Login)
        }

        var owner: Owner
        let session: Session
        var machine: ConnectionMachine
        /// What poll(2) waits for while connecting.
        var interest: Int16 = Int16(POLLOUT)
        var unflushed = false
        /// Nobody has asked for what the socket holds.
        var paused = false
        var deadline: Duration?

        init(owner: Owner, session: Session, preparedStatements: Int, deadline: Duration) {
            self.owner = owner
            self.session = session
            self.deadline = deadline
            machine = ConnectionMachine(preparedStatements: preparedStatements)
        }

        var isConnecting: Bool { machine.phase == .connecting }
    }

    /// A request on its way.
    struct Ticket {
        var request: Request
        var pool: UInt64?
        var lease: UInt64?
        var attempts = 0
        var placed = false
        var begins = false
    }

    let reactor: PostgresReactor
    let clocks = SystemClocks()
    var now: Duration
    var links: [ObjectIdentifier: Link] = [:]
    var tickets: [UInt64: Ticket] = [:]
    var pools: [UInt64: Pool] = [:]
    var leases: [UInt64: Lease] = [:]
    var listeners: [UInt64: Listener] = [:]
    var copies: [UInt64: Copy] = [:]
    var lookups: [UInt64: Lookup] = [:]
    /// Links with bytes libpq has buffered since the last flush.
    private var dirty: [Link] = []

    init(_ reactor: PostgresReactor) {
        self.reactor = reactor
        now = clocks.monotonic()
    }

    func run() {
        while true { turn() }
    }

    /// Waits, then reads before it sends: a connection that has died in the meantime is noticed before anything is sent
    /// on it.
    func turn() {
        var polled: [pollfd] = [pollfd(fd: reactor.wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        var order: [Link] = []
        for link in links.values {
            let events = link.isConnecting ? link.interest : (link.paused ? 0 : Int16(POLLIN)) | (link.unflushed ? Int16(POLLOUT) : 0)
            polled.append(pollfd(fd: link.session.descriptor, events: events, revents: 0))
            order.append(link)
        }
        let ready = poll(&polled, UInt(polled.count), timeout())
        now = clocks.monotonic()
        if ready > 0 {
            for (index, link) in order.enumerated() where polled[index + 1].revents != 0 { service(link) }
            if polled[0].revents != 0 {
                var rung: UInt64 = 0
                _ = read(reactor.wakeDescriptor, &rung, 8)
            }
        }
        for command in reactor.takeCommands() { perform(command) }
        expire()
        flushDirty()
    }

    /// Milliseconds until something is due, rounded up; -1 for never.
    private func timeout() -> Int32 {
        var due: [Duration] = links.values.compactMap(\.deadline)
        for pool in pools.values { due += [pool.closeBy, pool.machine.wakeAt].compactMap { $0 } }
        due += listeners.values.compactMap(\.retryAt)
        due += lookups.values.map(\.deadline)
        guard let first = due.min() else { return -1 }
        let wait = (first - clocks.monotonic()).wholeMicroseconds
        return Int32(clamping: max(0, (wait + 999) / 1000))
    }

    private func expire() {
        for link in Array(links.values) where links[ObjectIdentifier(link)] != nil {
            if let deadline = link.deadline, deadline <= now {
                if case .copy(let id) = link.owner, link.session.isSettling {
                    abandonSettling(link, copy: id)
                    continue
                }
                let late = ServerError(sqlstate: "", message: "connecting took longer than \(Limits.connectSeconds) s")
                connectFailed(link, link.session.hasFailed ? link.session.connectError : late)
            }
        }
        if !lookups.isEmpty { expireLookups() }
        for (id, pool) in pools {
            if let wakeAt = pool.machine.wakeAt, wakeAt <= now { perform(pool.machine.tick(now), in: id) }
            if let closeBy = pool.closeBy, closeBy <= now { abandon(id) }
        }
        for (id, listener) in listeners {
            if let retryAt = listener.retryAt, retryAt <= now { connect(listener: id) }
        }
    }

    private func perform(_ command: Command) {
        switch command {
        case .open(let id, let configuration, let size, let patience):
            open(pool: id, configuration, size: size, patience: patience)
        case .close(let id, let continuation): close(pool: id, continuation)
        case .submit(let pool, let request): submit(request, to: pool)
        case .transact(let pool, let lease, let request): transact(request, lease: lease, pool: pool)
        case .cancel(let id): cancel(id)
        case .listen(let id, let configuration, let channel, let continuation):
            listeners[id] = Listener(configuration: configuration, channel: channel, continuation: continuation)
            connect(listener: id)
        case .unlisten(let id): unlisten(id)
        case .copy(let id, let configuration, let text): open(copy: id, configuration, text)
        case .copyNext(let id, let continuation): next(of: id, continuation)
        case .copyEnd(let id): end(copy: id)
        case .resolved(let name, let addresses): resolved(name, addresses)
        }
    }

    // MARK: Connections

    private func service(_ link: Link) {
        guard links[ObjectIdentifier(link)] != nil else { return }  // ended earlier in this turn
        if link.isConnecting {
            progress(link)
        } else {
            receive(link)
            if link.unflushed { markDirty(link) }
        }
    }

    private func progress(_ link: Link) {
        switch link.session.connect() {
        case .reading: link.interest = Int16(POLLIN)
        case .writing: link.interest = Int16(POLLOUT)
        case .failed(let error): connectFailed(link, error)
        case .open:
            link.deadline = nil
            perform(link.machine.connected(), on: link)
            switch link.owner {
            case .pool(let id, let number): if let pool = pools[id] { perform(pool.machine.opened(number, now: now), in: id) }
            case .listener(let id): listening(id, link)
            case .copy(let id): begin(copy: id, link)
            case .spare: break
            }
        }
    }

    func connectFailed(_ link: Link, _ error: ServerError) {
        links[ObjectIdentifier(link)] = nil
        connectFailed(link.owner, error)
    }

    private func receive(_ link: Link) {
        switch link.owner {
        case .copy(let id) where !link.session.isSettling: return pump(copy: id, link)
        case .copy, .spare: return settle(link)
        case .pool, .listener: break
        }
        let alive = link.session.consume()
        // libpq parses only while it is asked for results; so it is asked even when none are due, to see notices and
        // notifications.
        var separators = 0
        replies: while separators < 2 {
            switch link.session.next() {
            case .none: break replies
            case .separator: separators += 1
            case .unusable:
                drop(link, PostgresFaults.statement("COPY can't run on a pooled connection"))
                return
            case .reply(let reply):
                separators = 0
                // libpq's own word, not the server's: what it belongs to can't be told, so nothing that was under way counts as answered.
                if case .failed(let error) = reply, error.sqlstate.isEmpty {
                    drop(link, PostgresFaults.lost(link.session.hasFailed ? link.session.reason : error.message))
                    return
                }
                perform(link.machine.received(reply), on: link)
                if links[ObjectIdentifier(link)] == nil { return }
            }
        }
        if case .listener(let id) = link.owner {
            while let note = link.session.notification() { deliver(note.channel, note.payload, to: id) }
        }
        if !alive || link.session.hasFailed { drop(link, PostgresFaults.lost(link.session.reason)) }
    }

    /// The connection is of no more use.
    func drop(_ link: Link, _ fault: Fault) {
        guard links.removeValue(forKey: ObjectIdentifier(link)) != nil else { return }
        lost(link, fault, link.machine.lost(fault))
    }

    private func lost(_ link: Link, _ fault: Fault, _ actions: [ConnectionMachine.Action]) {
        switch link.owner {
        case .pool(let id, let number): poolLost(id, number, fault, actions)
        case .listener(let id):
            for case .answer(let unit, _) in actions { tickets[unit] = nil }
            for case .giveBack(let unit) in actions { tickets[unit] = nil }
            retry(listener: id)
        case .copy(let id): finish(copy: id, fault)
        case .spare: break
        }
    }

    func perform(_ actions: [ConnectionMachine.Action], on link: Link) {
        for action in actions {
            switch action {
            case .send(let unit, let steps): send(unit, steps, on: link)
            case .answer(let unit, let answer): answered(unit, answer, on: link)
            case .giveBack(let unit): givenBack(unit)
            case .again(let unit): sendAgain(unit, on: link)
            case .close: links[ObjectIdentifier(link)] = nil
            }
        }
    }

    private func send(_ unit: UInt64, _ steps: [ConnectionMachine.Step], on link: Link) {
        guard links[ObjectIdentifier(link)] != nil else { return }  // a send before this one has failed; its unit was answered there
        let statements = tickets[unit]?.request.statements ?? []
        if link.session.send(steps, statements) {
            markDirty(link)
        } else {
            links[ObjectIdentifier(link)] = nil
            let fault = PostgresFaults.lost(link.session.reason)
            lost(link, fault, link.machine.refused(unit: unit, fault))
        }
    }

    func markDirty(_ link: Link) {
        if !dirty.contains(where: { $0 === link }) { dirty.append(link) }
    }

    private func flushDirty() {
        while let link = dirty.popLast() {
            guard links[ObjectIdentifier(link)] != nil else { continue }
            if let more = link.session.flush() {
                link.unflushed = more
            } else {
                drop(link, PostgresFaults.lost(link.session.reason))
            }
        }
    }
}
