internal import Kernel
internal import Wire

/// The poll thread's work: owns every socket of one server. Made, used and left on that one thread.
final class ServeLoop {
    private static let listenerToken: UInt64 = 0
    private static let mailboxToken: UInt64 = 1

    let configuration: HTTPServerConfiguration
    let handler: HTTPHandler
    let mailbox: Mailbox
    var poller = Poller()
    var connections: [UInt64: Connection] = [:]
    /// Handlers running, by the connection they answer; one outlives its connection when the client leaves.
    var tasks: [UInt64: Task<Void, Never>] = [:]
    /// Bytes of bodies received and not yet answered.
    var heldBytes = 0
    /// Monotonic microseconds at the start of this turn.
    private(set) var now: Int64 = 0
    private var listener: Int32
    private var nextID: UInt64 = 2
    private var nextDeadline = Int64.max
    private var acceptResumes = Int64.max
    private(set) var stopping = false
    private var graceEnds = Int64.max
    private var abandons = Int64.max
    private var dateSecond = Int64.min
    private var dateText: [UInt8] = []
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ServerLimits.readBytes, alignment: 16)

    init(_ configuration: HTTPServerConfiguration, listener: Int32, mailbox: Mailbox, handler: @escaping HTTPHandler) {
        self.configuration = configuration
        self.listener = listener
        self.mailbox = mailbox
        self.handler = handler
    }

    deinit { scratch.deallocate() }

    /// Serves until told to stop and everything in flight has ended or run out of grace.
    func run() -> Result<Void, Fault> {
        poller.watch(listener, token: Self.listenerToken, reading: true, writing: false)
        poller.watch(mailbox.wakeDescriptor, token: Self.mailboxToken, reading: true, writing: false)
        var ready: [Poller.Ready] = []
        while true {
            readClock()
            poller.wait(milliseconds: mailbox.maySleep() ? waitTime() : 0, into: &ready)
            readClock()
            for message in mailbox.take() { handle(message) }
            for one in ready { handle(one) }
            if now >= nextDeadline { expire() }
            if now >= acceptResumes { resumeAccepting() }
            guard stopping else { continue }
            if connections.isEmpty, tasks.isEmpty { return .success(()) }
            if now >= abandons { return .failure(leftBehind()) }
            if now >= graceEnds { endGrace() }
        }
    }

    private func readClock() { now = configuration.clocks.monotonic().wholeMicroseconds }

    /// Milliseconds until something is due, rounded up; -1 for never.
    private func waitTime() -> Int32 {
        let due = min(nextDeadline, acceptResumes, graceEnds, abandons)
        guard due != .max else { return -1 }
        return Int32(clamping: max(0, (due - now + 999) / 1000))
    }

    private func handle(_ message: Mailbox.Message) {
        switch message {
        case .answer(let id, let response):
            tasks[id] = nil
            if let connection = connections[id] { answer(connection, response) }
        case .stop: stop()
        }
    }

    private func handle(_ ready: Poller.Ready) {
        switch ready.token {
        case Self.listenerToken: acceptWaiting()
        case Self.mailboxToken: _ = Sockets.receive(mailbox.wakeDescriptor, into: scratch)
        default:
            guard let connection = connections[ready.token] else { return }
            if ready.broken { return close(connection) }
            if ready.writable { flush(connection) }
            if ready.readable, connection.phase != .closed { read(connection) }
        }
    }

    // MARK: Accepting

    private func acceptWaiting() {
        guard listener >= 0 else { return }
        for _ in 0 ..< ServerLimits.acceptsPerTurn {
            switch Sockets.accept(listener) {
            case .none: return
            case .exhausted:
                // The listener stays readable: without a pause the thread would spin on it.
                poller.watch(listener, token: Self.listenerToken, reading: false, writing: false)
                acceptResumes = now + Int64(ServerLimits.acceptPause_ms) * 1000
                return
            case .connection(let descriptor, let peer): admit(descriptor, peer)
            }
        }
    }

    private func admit(_ descriptor: Int32, _ peer: String) {
        let surplus = connections.count - configuration.maxConnections
        guard surplus < ServerLimits.refusedConnections else { return Sockets.close(descriptor) }
        let parser = HTTPParser(bounds: configuration.parserBounds, bodyBytesMost: configuration.maxBodyBytes)
        let connection = Connection(id: nextID, descriptor: descriptor, peer: HTTPPeer(address: peer), parser: parser)
        nextID += 1
        connections[connection.id] = connection
        watch(connection)
        if surplus >= 0 { return refuse(connection, .tooManyConnections) }
        setDeadline(connection, configuration.headReadTimeout)
    }

    private func resumeAccepting() {
        acceptResumes = .max
        if listener >= 0 { poller.watch(listener, token: Self.listenerToken, reading: true, writing: false) }
    }

    // MARK: Deadlines

    func setDeadline(_ connection: Connection, _ timeout: Duration?) {
        guard let timeout else {
            connection.deadline = .max
            return
        }
        let (sum, over) = now.addingReportingOverflow(timeout.wholeMicroseconds)
        connection.deadline = over ? .max : sum
        nextDeadline = min(nextDeadline, connection.deadline)
    }

    /// Deadlines move far more often than they pass, so they are looked at all together, when the earliest once set is
    /// due.
    private func expire() {
        for connection in Array(connections.values) where now >= connection.deadline {
            switch connection.phase {
            case .head, .body: refuse(connection, .requestTimeout)
            case .answering:
                // What the client does not take would stay in the kernel long after a plain close.
                Sockets.resetOnClose(connection.descriptor)
                close(connection)
            default: close(connection)
            }
        }
        let earliest = connections.values.lazy.map(\.deadline).min() ?? .max
        nextDeadline = earliest == .max ? .max : max(earliest, now + Int64(ServerLimits.deadlineScan_ms) * 1000)
    }

    // MARK: Stopping

    private func stop() {
        guard !stopping else { return }
        // Whoever connected or sent before the stop is served: a reset would be the only other answer.
        for _ in 0 ..< ServerLimits.backlog / ServerLimits.acceptsPerTurn { acceptWaiting() }
        for connection in Array(connections.values) where connection.isReading { read(connection) }
        stopping = true
        poller.forget(listener)
        Sockets.close(listener)
        (listener, acceptResumes) = (-1, .max)
        graceEnds = now + configuration.stopGrace.wholeMicroseconds
        for connection in Array(connections.values) where connection.phase == .idle { close(connection) }
    }

    private func endGrace() {
        graceEnds = .max
        abandons = now + configuration.cancelGrace.wholeMicroseconds
        for connection in Array(connections.values) { close(connection) }
        for task in tasks.values { task.cancel() }
    }

    private func leftBehind() -> Fault {
        Fault(
            "handlers_left_behind", stage: .http, disposition: .bug,
            summary: "\(tasks.count) handlers did not end when they were cancelled"
        )
    }

    /// The `Date` line; made once a second.
    func dateLine() -> [UInt8] {
        let time = configuration.clocks.now()
        if time.seconds != dateSecond {
            dateSecond = time.seconds
            dateText = Array("Date: \(ResponseEncoder.date(time))\r\n".utf8)
        }
        return dateText
    }
}
