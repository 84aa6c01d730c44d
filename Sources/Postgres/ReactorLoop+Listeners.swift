internal import Kernel

extension ReactorLoop {
    struct Listener {
        let configuration: PostgresConfiguration
        let channel: String
        let continuation: AsyncStream<String>.Continuation
        var link: Link?
        var failures = 0
        var retryAt: Duration?

        init(configuration: PostgresConfiguration, channel: String, continuation: AsyncStream<String>.Continuation) {
            self.configuration = configuration
            self.channel = channel
            self.continuation = continuation
        }
    }

    func connect(listener id: UInt64) {
        guard let listener = listeners[id] else { return }
        listeners[id]?.retryAt = nil
        start(.listener(id), listener.configuration, attempt: listener.failures)
    }

    /// Connected: LISTEN goes out as this connection's only statement.
    func listening(_ id: UInt64, _ link: Link) {
        guard let listener = listeners[id] else { return }
        let name = listener.channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        let request = Request(id: reactor.newID(), statements: [SQL("LISTEN \"\(name)\"", binds: [])])
        tickets[request.id] = Ticket(request: request)
        place(request.id, on: link)
    }

    /// From here on nothing is missed; what came before may have been, so the reader is told to look.
    func listenAnswered(_ id: UInt64, _ answer: Answer, _ link: Link) {
        switch answer {
        case .success:
            listeners[id]?.failures = 0
            listeners[id]?.continuation.yield("")
        case .failure(let fault): drop(link, fault)
        }
    }

    func deliver(_ channel: String, _ payload: String, to id: UInt64) {
        guard let listener = listeners[id], listener.channel == channel else { return }
        listener.continuation.yield(payload)
    }

    func retry(listener id: UInt64) {
        guard let listener = listeners[id] else { return }
        listeners[id]?.link = nil
        let step = min(PostgresLimits.backoffFirst_ms << min(listener.failures, 10), PostgresLimits.backoffMost_ms)
        listeners[id]?.failures += 1
        listeners[id]?.retryAt = now + .milliseconds(step)
    }

    func unlisten(_ id: UInt64) {
        guard let listener = listeners.removeValue(forKey: id), let link = listener.link else { return }
        links[ObjectIdentifier(link)] = nil
    }
}
