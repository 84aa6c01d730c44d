internal import Kernel
internal import Wire

/// The life of one connection: read, hand to the handler, answer, read on or close.
extension ServeLoop {
    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Tells the poller what the connection waits for now.
    func watch(_ connection: Connection) {
        let wants = Connection.Interest(reading: connection.wantsBytes, writing: !connection.outbox.isEmpty)
        guard connection.phase != .closed, connection.watched != wants else { return }
        guard poller.watch(connection.descriptor, token: connection.id, reading: wants.reading, writing: wants.writing) else { return close(connection) }
        connection.watched = wants
    }

    /// Reads what is there, within a turn's bound so that one client can't hold up the others.
    func read(_ connection: Connection) {
        for _ in 0 ..< ServerLimits.readsPerTurn where connection.wantsBytes {
            switch Sockets.receive(connection.descriptor, into: scratch) {
            case .bytes(let count):
                if connection.phase == .lingering {
                    connection.lingeredBytes += count
                    if connection.lingeredBytes > ServerLimits.lingerBytes { return close(connection) }
                } else {
                    connection.parser.receive(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<count]), &rooms)
                    advance(connection)
                }
                if count < scratch.count { return watch(connection) }
            case .wouldBlock: return watch(connection)
            case .end:
                connection.sawEnd = true
                // With an answer still due, the client has only closed its sending side.
                if connection.isReading || connection.phase == .lingering { return close(connection) }
            case .broken: return close(connection)
            }
        }
        watch(connection)
    }

    /// Takes the parser's events until more bytes are needed, an answer is awaited or not all sent, or the turn's share is used up.
    private func advance(_ connection: Connection) {
        var requests = 0
        defer { connection.parser.rest(&rooms) }
        while connection.isReading, let event = connection.parser.next(&rooms) {
            switch event {
            case .head(let head):
                connection.head = head
                connection.phase = .body
                connection.parser.bodyBytesMost =
                    configuration.maxBodyBytesFor?(head.target) ?? configuration.maxBodyBytes
                setDeadline(connection, timeouts.body)
            case .body(let piece):
                guard heldBytes + piece.count <= configuration.maxHeldBodyBytes else {
                    refuse(connection, .tooManyBodies)
                    continue
                }
                heldBytes += piece.count
                connection.heldBytes += piece.count
                if connection.body.isEmpty { connection.body = piece } else { connection.body += piece }
            case .end:
                dispatch(connection)
                requests += 1
                if requests == ServerLimits.requestsPerTurn, connection.parser.bufferedBytes > 0 { return queue(connection) }
            case .refused(let refusal): refuse(connection, refusal)
            }
        }
        if connection.phase == .idle, !connection.parser.isIdle {
            connection.phase = .head
            setDeadline(connection, timeouts.head)
        } else if connection.phase == .head, connection.parser.isIdle {
            // All that came was a blank line, in two pieces. There is but one to a request.
            connection.phase = .idle
            setDeadline(connection, timeouts.idle)
        } else if connection.phase == .body, connection.head?.expectsContinue == true, !connection.saidContinue,
            connection.body.isEmpty, connection.parser.bufferedBytes == 0
        {
            connection.saidContinue = true
            connection.outbox.append(Self.continueLine)
            flush(connection)
        }
    }

    /// Goes on with what the client has sent ahead, and closes when nothing more can come.
    func proceed(_ connection: Connection) {
        advance(connection)
        if connection.isReading, connection.sawEnd, !connection.isQueued { return close(connection) }
        watch(connection)
    }

    /// One client's many requests must not hold up the others: the rest has its turn when they have had theirs.
    private func queue(_ connection: Connection) {
        guard connection.isReading else { return }
        connection.isQueued = true
        backlog.append(connection.id)
    }

    func resume(_ connection: Connection) {
        connection.isQueued = false
        proceed(connection)
    }

    private func dispatch(_ connection: Connection) {
        guard let head = connection.head else { return refuse(connection, .malformedRequestLine) }
        // A handler whose client has left keeps its place: or those who leave and come again would have any number of handlers at work.
        guard exchanges.count < configuration.maxConnections else { return refuse(connection, .tooManyConnections) }
        connection.phase = .handling
        setDeadline(connection, nil)
        let request = HTTPRequest(head.method, head.target, fields: head.fields, body: connection.body)
        let (id, mailbox) = (nextExchange, mailbox)
        nextExchange += 1
        switch responder(request, connection.peer) {
        case .now(let response):
            answer(connection, response)
            return
        case .task(let inline, let body):
            let work: @Sendable () async -> Void = { mailbox.post(.answer(exchange: id, await body())) }
            let task = inline ? Task.immediateDetached(operation: work) : Task.detached(operation: work)
            exchanges[id] = Exchange(connection: connection.id, heldBytes: connection.heldBytes, task: task)
        case .later(let begin):
            exchanges[id] = Exchange(connection: connection.id, heldBytes: connection.heldBytes)
            begin { mailbox.post(.answer(exchange: id, $0)) }
        }
        // It is the handler's now, and goes when the handler is done with it.
        connection.body = []
        connection.heldBytes = 0
    }

    func answer(_ connection: Connection, _ response: HTTPResponse?) {
        guard let response, let head = connection.head else { return close(connection) }
        send(connection, response, to: head, keeps: head.keepsAlive && !stopping && !connection.sawEnd)
    }

    /// Answers a request that no handler sees, and closes.
    func refuse(_ connection: Connection, _ refusal: HTTPRefusal) {
        send(connection, .text(refusal.status, refusal.code + "\n"), to: nil, keeps: false)
        watch(connection)
    }

    private func send(_ connection: Connection, _ response: HTTPResponse, to head: HTTPRequestHead?, keeps: Bool) {
        release(connection)
        let encoder = ResponseEncoder(method: head?.method, keeps: keeps, names10: head?.minorVersion == 0, date: dateLine())
        let answer = encoder.encode(response)
        connection.outbox.append(answer)
        connection.closesAfterAnswer = !answer.keeps
        connection.phase = .answering
        setDeadline(connection, timeouts.write)
        flush(connection)
    }

    /// Sends what can be sent; the rest when the socket has room. Whoever calls it goes on with `proceed` or `watch`.
    func flush(_ connection: Connection) {
        let (stands, moved) = connection.outbox.flush(connection.descriptor)
        guard stands else { return close(connection) }
        guard connection.phase == .answering else { return }
        if connection.outbox.isEmpty { return answered(connection) }
        if moved { setDeadline(connection, timeouts.write) }
    }

    private func answered(_ connection: Connection) {
        guard !connection.closesAfterAnswer, !stopping else { return linger(connection) }
        connection.beginNextRequest()
        setDeadline(connection, timeouts.idle)
    }

    private func linger(_ connection: Connection) {
        guard !connection.sawEnd else { return close(connection) }
        connection.phase = .lingering
        Sockets.shutdownWriting(connection.descriptor)
        setDeadline(connection, timeouts.linger)
        watch(connection)
    }

    private func release(_ connection: Connection) {
        if connection.phase == .handling { rooms.recycle(connection.body) }
        connection.body = []
        heldBytes -= connection.heldBytes
        connection.heldBytes = 0
    }

    func close(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        release(connection)
        connection.phase = .closed
        poller.forget(connection.descriptor)
        Sockets.close(connection.descriptor)
        connections[connection.id] = nil
    }
}
