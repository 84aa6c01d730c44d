internal import Kernel
internal import Wire

/// The life of one connection: read, hand to the handler, answer, read on or close.
extension ServeLoop {
    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Tells the poller what the connection waits for now.
    func watch(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        poller.watch(
            connection.descriptor, token: connection.id, reading: connection.wantsBytes,
            writing: !connection.outbox.isEmpty
        )
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
                    connection.parser.receive(
                        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<count]))
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

    /// Takes the parser's events until a request is whole or more bytes are needed.
    private func advance(_ connection: Connection) {
        while connection.isReading, let event = connection.parser.next() {
            switch event {
            case .head(let head):
                connection.head = head
                connection.phase = .body
                connection.parser.bodyBytesMost =
                    configuration.maxBodyBytesFor?(head.target) ?? configuration.maxBodyBytes
                setDeadline(connection, configuration.bodyReadTimeout)
            case .body(let piece):
                guard heldBytes + piece.count <= configuration.maxHeldBodyBytes else {
                    refuse(connection, .tooManyBodies)
                    continue
                }
                heldBytes += piece.count
                connection.heldBytes += piece.count
                if connection.body.isEmpty { connection.body = piece } else { connection.body += piece }
            case .end: dispatch(connection)
            case .refused(let refusal): refuse(connection, refusal)
            }
        }
        if connection.phase == .idle, !connection.parser.isIdle {
            connection.phase = .head
            setDeadline(connection, configuration.headReadTimeout)
        } else if connection.phase == .body, connection.head?.expectsContinue == true, !connection.saidContinue,
            connection.body.isEmpty, connection.parser.bufferedBytes == 0
        {
            connection.saidContinue = true
            connection.outbox.append(Self.continueLine)
            flush(connection)
        }
    }

    private func dispatch(_ connection: Connection) {
        guard let head = connection.head else { return refuse(connection, .malformedRequestLine) }
        connection.phase = .handling
        setDeadline(connection, nil)
        let request = HTTPRequest(head.method, head.target, fields: head.fields, body: connection.body)
        connection.body = []
        let (id, peer, handler, mailbox) = (connection.id, connection.peer, handler, mailbox)
        let work: @Sendable () async -> Void = {
            let response = await handler(request, peer)
            mailbox.post(.answer(connection: id, response.map { ResponseEncoder.encode($0, method: request.method) }))
        }
        tasks[id] = configuration.startsHandlersInline ? Task.immediateDetached(operation: work) : Task.detached(operation: work)
    }

    /// Sends the handler's response; `nil` closes without one.
    func answer(_ connection: Connection, _ response: EncodedResponse?) {
        guard let response, let head = connection.head else { return close(connection) }
        let keeps = head.keepsAlive && !response.closes && !stopping && !connection.sawEnd
        send(connection, response, keeps: keeps, names10: head.minorVersion == 0)
    }

    /// Answers a request that no handler sees, and closes.
    func refuse(_ connection: Connection, _ refusal: HTTPRefusal) {
        send(connection, ResponseEncoder.encode(refusal), keeps: false, names10: false)
    }

    private func send(_ connection: Connection, _ response: EncodedResponse, keeps: Bool, names10: Bool) {
        var head = response.head
        if !response.hasDate { head += dateLine() }
        if !keeps { head += "Connection: close\r\n".utf8 } else if names10 { head += "Connection: keep-alive\r\n".utf8 }
        head.append(Octets.carriageReturn)
        head.append(Octets.lineFeed)
        release(connection)
        connection.closesAfterAnswer = !keeps
        connection.phase = .answering
        // One packet for small answers; large bodies are not copied.
        if response.body.count <= ServerLimits.keptBufferBytes {
            connection.outbox.append(head + response.body)
        } else {
            connection.outbox.append(head)
            connection.outbox.append(response.body)
        }
        setDeadline(connection, configuration.writeTimeout)
        flush(connection)
    }

    /// Sends what can be sent; the rest when the socket has room.
    func flush(_ connection: Connection) {
        let (stands, moved) = connection.outbox.flush(connection.descriptor)
        guard stands else { return close(connection) }
        guard connection.phase == .answering else { return watch(connection) }
        if connection.outbox.isEmpty { return answered(connection) }
        if moved { setDeadline(connection, configuration.writeTimeout) }
        watch(connection)
    }

    private func answered(_ connection: Connection) {
        guard !connection.closesAfterAnswer, !stopping else { return linger(connection) }
        connection.beginNextRequest()
        setDeadline(connection, configuration.idleTimeout)
        advance(connection)
        if connection.isReading, connection.sawEnd { return close(connection) }
        watch(connection)
    }

    private func linger(_ connection: Connection) {
        guard !connection.sawEnd else { return close(connection) }
        connection.phase = .lingering
        Sockets.shutdownWriting(connection.descriptor)
        setDeadline(connection, configuration.lingerTimeout)
        watch(connection)
    }

    private func release(_ connection: Connection) {
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
