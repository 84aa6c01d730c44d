internal import Glibc
public import Kernel
public import Wire

/// Who is at the other end of the connection.
public struct HTTPPeer: Sendable {
    /// The numeric IP address of the socket's other end. Behind a proxy that is the proxy.
    public var address: String

    public init(address: String) { self.address = address }
}

/// Answers one request. `nil` closes the connection without an answer.
///
/// A handler runs as a task of its own and is not cancelled when its client leaves: half-done work would be worse than
/// an answer nobody reads. It has no time limit from the server. When the server stops, handlers still running after
/// the grace are cancelled.
public typealias HTTPHandler = @Sendable (HTTPRequest, HTTPPeer) async -> HTTPResponse?

/// How the answer to a request comes about; `nil` instead of a response closes the connection without one.
public enum HTTPAnswer: Sendable {
    /// It is there.
    case now(HTTPResponse?)
    /// A task makes it, with the rights and duties of an `HTTPHandler`. `inline`: it begins on the poll thread and moves to the pool where it first
    /// waits.
    case task(inline: Bool, @Sendable () async -> HTTPResponse?)
    /// It will be given to the closure that `begin` is handed, from any thread, once: for work that goes on without a task of its own. Not
    /// cancelled: it must end by itself within the grace of a stop.
    case later(begin: @Sendable (_ done: @escaping @Sendable (HTTPResponse?) -> Void) -> Void)
}

extension HTTPAnswer {
    /// The response itself, waited for: for those who ask a responder without a server.
    public func response() async -> HTTPResponse? {
        switch self {
        case .now(let response): response
        case .task(_, let body): await body()
        case .later(let begin):
            await withCheckedContinuation { continuation in begin { continuation.resume(returning: $0) } }
        }
    }
}

/// Answers one request or says where its answer will come from. Runs on the poll thread, as do an inline task's beginning and `begin`: they must
/// never block, and compute for no longer than microseconds.
public typealias HTTPResponder = @Sendable (HTTPRequest, HTTPPeer) -> HTTPAnswer

/// How a server listens and what it bears.
public struct HTTPServerConfiguration: Sendable {
    /// A numeric IPv4 or IPv6 address, or `localhost`.
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    public var maxBodyBytes = Limits.apiBodyBytes
    /// The limit for one target, asked after the head and before the body is read. Called on the poll thread: must not
    /// wait.
    public var maxBodyBytesFor: (@Sendable (_ target: String) -> Int)?
    /// From a request's first byte (of a new connection: from its beginning) to the end of its head.
    public var headReadTimeout: Duration = .seconds(Limits.headReadSeconds)
    /// From the end of the head to the end of the body.
    public var bodyReadTimeout: Duration = .seconds(Limits.bodyReadSeconds)
    /// Between two requests.
    public var idleTimeout: Duration = .seconds(Limits.idleConnectionSeconds)
    /// Without the client taking a single byte of its answer.
    public var writeTimeout: Duration = .seconds(ServerLimits.writeSeconds)
    /// After the last answer, for the client to close its side.
    public var lingerTimeout: Duration = .seconds(ServerLimits.lingerSeconds)
    /// For requests in flight when the server stops.
    public var stopGrace: Duration = .seconds(ServerLimits.stopGraceSeconds)
    /// For handlers to end after they are cancelled.
    public var cancelGrace: Duration = .seconds(ServerLimits.cancelGraceSeconds)
    /// Connections at one time; one more is answered 503 and closed. Fewer where the process may not open as many descriptors and 256 beside.
    public var maxConnections = Limits.serverConnections
    /// Bytes of request bodies held at one time, over all connections; a body beyond them is refused with 503.
    public var maxHeldBodyBytes = ServerLimits.heldBodyBytes
    public var parserBounds = HTTPParser.Bounds()
    public var clocks: any Clocks = SystemClocks()

    public init(
        host: String = "127.0.0.1", port: Int = 0, maxBodyBytes: Int = Limits.apiBodyBytes,
        maxBodyBytesFor: (@Sendable (_ target: String) -> Int)? = nil
    ) {
        self.host = host
        self.port = port
        self.maxBodyBytes = maxBodyBytes
        self.maxBodyBytesFor = maxBodyBytesFor
    }
}

/// An HTTP/1.1 server without TLS: a proxy such as nginx ends TLS in front of it, so it should listen on a private
/// address only.
///
/// One thread owns every socket, reads, parses and writes; what a responder knows at once it answers on that thread,
/// handlers run on the cooperative pool and hand their answers back to it. Requests of one connection are handled one
/// after another, in order.
public final class HTTPServer: Service {
    let configuration: HTTPServerConfiguration
    private let responder: HTTPResponder
    /// The listening socket until `run` takes it; -1 after.
    private let listener: Locked<Int32>
    private let mailbox: Mailbox
    /// The bound port.
    public let port: Int
    public var name: String { "http" }

    /// Binds and listens at once; connections wait in the backlog until `run`.
    /// - Throws: `listen_failed`, `server_descriptors`.
    public init(_ configuration: HTTPServerConfiguration, responder: @escaping HTTPResponder) throws(Fault) {
        var bounded = configuration
        bounded.maxConnections = min(configuration.maxConnections, Descriptors.connections(of: Descriptors.most))
        self.configuration = bounded
        self.responder = responder
        mailbox = try Mailbox()
        let (socket, port) = try Sockets.listen(host: configuration.host, port: configuration.port)
        listener = Locked(socket)
        self.port = port
    }

    /// Every request is a task on the pool.
    /// - Throws: `listen_failed`, `server_descriptors`.
    public convenience init(_ configuration: HTTPServerConfiguration, handler: @escaping HTTPHandler) throws(Fault) {
        try self.init(configuration, responder: { request, peer in .task(inline: false) { await handler(request, peer) } })
    }

    deinit {
        let socket = take()
        if socket >= 0 { Sockets.close(socket) }
    }

    /// Serves until cancelled; then stops accepting, finishes the requests in flight within the grace, and closes.
    /// - Throws: `server_ran_already`, `server_thread`, `handlers_left_behind` when handlers ignore their cancellation.
    public func run() async throws {
        let socket = take()
        guard socket >= 0 else {
            throw Fault("server_ran_already", stage: .http, disposition: .bug, summary: "a server runs only once")
        }
        let (configuration, responder, mailbox) = (configuration, responder, mailbox)
        let outcome: Result<Void, Fault> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let started = OwnedThread.start {
                    let loop = ServeLoop(configuration, listener: socket, mailbox: mailbox, responder: responder)
                    continuation.resume(returning: loop.run())
                }
                guard !started else { return }
                Sockets.close(socket)
                continuation.resume(
                    returning: .failure(
                        Fault(
                            "server_thread", stage: .http, disposition: .retry,
                            summary: "the server's thread could not be started"
                        )))
            }
        } onCancel: {
            mailbox.post(.stop)
        }
        try outcome.get()
    }

    private func take() -> Int32 {
        listener.with { socket in
            defer { socket = -1 }
            return socket
        }
    }
}
