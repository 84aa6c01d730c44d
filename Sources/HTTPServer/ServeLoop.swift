internal import Kernel
internal import Wire

/// The poll thread's work: owns every socket of one server. Made, used and left on that one thread; see `Connection` about its unchecked
/// properties.
final class ServeLoop {
    private static let listenerToken: UInt64 = 0
    private static let mailboxToken: UInt64 = 1

    let configuration: HTTPServerConfiguration
    /// A request whose answer is awaited; it outlives its connection when the client leaves.
    struct Exchange {
        var connection: UInt64
        /// Bytes of its body, which the handler has until it answers.
        var heldBytes: Int
        var task: Task<Void, Never>?
    }

    let responder: HTTPResponder
    let mailbox: Mailbox
    let timeouts: Timeouts
    @exclusivity(unchecked) var poller = Poller()
    @exclusivity(unchecked) var connections: [UInt64: Connection] = [:]
    /// By a number of its own: an answer given twice finds nothing, and never the connection's next request.
    @exclusivity(unchecked) var exchanges: [UInt64: Exchange] = [:]
    var nextExchange: UInt64 = 0
    /// Connections that have had their share of this turn and hold more requests.
    var backlog: [UInt64] = []
    /// Bytes of bodies received and not yet answered, whether or not their clients are still there.
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
    private var dateIsFresh = false
    /// Lent to the connection that has something in hand.
    @exclusivity(unchecked) var rooms = HTTPParser.Rooms()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ServerLimits.readBytes, alignment: 16)

    init(_ configuration: HTTPServerConfiguration, listener: Int32, mailbox: Mailbox, responder: @escaping HTTPResponder) {
        self.configuration = configuration
        timeouts = Timeouts(configuration)
        self.listener = listener
        self.mailbox = mailbox
        self.responder = responder
    }

    deinit { scratch.deallocate() }

    /// Serves until told to stop and everything in flight has ended or run out of grace.
    func run() -> Result<Void, Fault> {
        guard poller.watch(listener, token: Self.listenerToken, reading: true, writing: false),
            poller.watch(mailbox.wakeDescriptor, token: Self.mailboxToken, reading: true, writing: false)
        else {
            Sockets.close(listener)
            return .failure(Sockets.noDescriptors)
        }
        var ready: [Poller.Ready] = []
        while true {
            readClock()
            poller.wait(milliseconds: backlog.isEmpty && mailbox.maySleep() ? waitTime() : 0, into: &ready)
            readClock()
            for message in mailbox.take() { handle(message) }
            for id in takeBacklog() { if let connection = connections[id] { resume(connection) } }
            for one in ready { handle(one) }
            if now >= nextDeadline { expire() }
            if now >= acceptResumes { resumeAccepting() }
            guard stopping else { continue }
            if connections.isEmpty, exchanges.isEmpty { return .success(()) }
            if now >= abandons { return .failure(leftBehind()) }
            if now >= graceEnds { endGrace() }
        }
    }

    private func readClock() {
        now = configuration.clocks.monotonic().wholeMicroseconds
        dateIsFresh = false
    }

    private func takeBacklog() -> [UInt64] {
        if backlog.isEmpty { return [] }
        defer { backlog = [] }
        return backlog
    }

    /// Milliseconds until something is due, rounded up; -1 for never.
    private func waitTime() -> Int32 {
        let due = min(nextDeadline, acceptResumes, graceEnds, abandons)
        guard due != .max else { return -1 }
        return Int32(clamping: max(0, (due - now + 999) / 1000))
    }

    private func handle(_ message: Mailbox.Message) {
        switch message {
        case .answer(let id, let response):
            guard let exchange = exchanges.removeValue(forKey: id) else { return }
            heldBytes -= exchange.heldBytes
            guard let connection = connections[exchange.connection] else { return }
            answer(connection, response)
            proceed(connection)
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
            if ready.writable {
                flush(connection)
                proceed(connection)
            }
            if ready.readable { read(connection) }
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
                _ = poller.watch(listener, token: Self.listenerToken, reading: false, writing: false)
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
        guard connection.phase != .closed else { return }
        if surplus >= 0 { return refuse(connection, .tooManyConnections) }
        setDeadline(connection, timeouts.head)
    }

    private func resumeAccepting() {
        acceptResumes = .max
        if listener >= 0 { _ = poller.watch(listener, token: Self.listenerToken, reading: true, writing: false) }
    }

    // MARK: Deadlines

    /// - Parameter timeout: microseconds; `nil` for none.
    func setDeadline(_ connection: Connection, _ timeout: Int64?) {
        guard let timeout else {
            connection.deadline = .max
            return
        }
        let (sum, over) = now.addingReportingOverflow(timeout)
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
        for connection in Array(connections.values) where connection.phase == .idle && !connection.isQueued { close(connection) }
    }

    private func endGrace() {
        graceEnds = .max
        abandons = now + configuration.cancelGrace.wholeMicroseconds
        for connection in Array(connections.values) { close(connection) }
        for exchange in exchanges.values { exchange.task?.cancel() }
    }

    private func leftBehind() -> Fault {
        Fault(
            "handlers_left_behind", stage: .http, disposition: .bug,
            summary: "\(exchanges.count) handlers did not end when they were cancelled"
        )
    }

    /// The `Date` line: made once a second, the clock read once a turn.
    func dateLine() -> [UInt8] {
        guard !dateIsFresh else { return dateText }
        dateIsFresh = true
        let time = configuration.clocks.now()
        if time.seconds != dateSecond {
            dateSecond = time.seconds
            dateText = Array("Date: \(HTTPDate.text(time))\r\n".utf8)
        }
        return dateText
    }
}

/// The configuration's times in microseconds: they are set anew with every request.
struct Timeouts {
    var head, body, idle, write, linger: Int64

    init(_ configuration: HTTPServerConfiguration) {
        head = configuration.headReadTimeout.wholeMicroseconds
        body = configuration.bodyReadTimeout.wholeMicroseconds
        idle = configuration.idleTimeout.wholeMicroseconds
        write = configuration.writeTimeout.wholeMicroseconds
        linger = configuration.lingerTimeout.wholeMicroseconds
    }
}
