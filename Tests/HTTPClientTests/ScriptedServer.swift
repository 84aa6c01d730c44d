import Dispatch
import Glibc
import Kernel

/// A raw TCP server that does what a test tells it, well-behaved or not. One thread accepts, one serves each
/// connection.
final class ScriptedServer: Sendable {
    /// One request as it arrived.
    struct Received: Sendable {
        /// Counted over all connections, from 1.
        var number: Int
        /// Which connection, from 1.
        var connection: Int
        var line: String
        var head: String
        var body: [UInt8]
    }

    enum Action: Sendable {
        /// Write and wait for the next request.
        case reply(String)
        case replyBytes([UInt8])
        /// Write and close.
        case replyAndClose(String)
        /// Write; once the test calls `goOn`, write what nobody asked for, and close if told so.
        case replyThen(String, unasked: String, closes: Bool)
        /// Close without a word; the client sees an orderly end.
        case close
        /// Close so that the client sees a reset.
        case reset
        /// Keep the connection open and say nothing until the server stops.
        case silence
        /// Write the first text at once and the second byte by byte, one every so many milliseconds, then fall silent; a peer that hangs up ends it.
        case drip(String, slowly: String, every_ms: Int32)
    }

    private struct State: Sendable {
        var received: [Received] = []
        var connections = 0
        /// TLS sessions that came about.
        var sessions = 0
        var sockets: Set<Int32> = []
        var threads = 0
        var stopping = false
        var closed = 0
        var unasked = 0
        var waiters: [(isMet: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    let port: Int
    private let listener: Int32
    private let readsRequests: Bool
    private let identity: TLSIdentity?
    private let script: @Sendable (Received) -> Action
    private let state = Locked(State())
    private let gate = DispatchSemaphore(value: 0)

    /// - Parameter readsRequests: when false, each connection is closed (`reset`: with unread bytes) as soon as
    ///   accepted.
    /// - Parameter identity: what it shows over TLS; without one it speaks in plain.
    init(readsRequests: Bool = true, identity: TLSIdentity? = nil, _ script: @escaping @Sendable (Received) -> Action) {
        (listener, port) = listeningSocket()
        self.readsRequests = readsRequests
        self.identity = identity
        self.script = script
        state.with { $0.threads += 1 }
        startThread { self.accept() }
    }

    var received: [Received] { state.with { $0.received } }
    var connections: Int { state.with { $0.connections } }
    var sessions: Int { state.with { $0.sessions } }
    func url(_ path: String = "/", scheme: String = "http", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
    var host: String { "127.0.0.1:\(port)" }

    /// Returns when `count` requests have arrived whole.
    func waitForRequests(_ count: Int) async { await wait { $0.received.count >= count } }
    /// Returns when the server has closed `count` connections.
    func waitForClosed(_ count: Int) async { await wait { $0.closed >= count } }

    /// Has the server write what nobody asked for, and returns when it has.
    func goOn() async {
        gate.signal()
        await wait { $0.unasked > 0 }
    }

    /// Closes everything and returns when every thread has ended.
    func stop() async {
        state.with { state in
            state.stopping = true
            for socket in state.sockets { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
        await wait { $0.threads == 0 }
        close(listener)
    }

    private func wait(_ isMet: @escaping @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let met: Bool = state.with { state in
                if isMet(state) { return true }
                state.waiters.append((isMet, continuation))
                return false
            }
            if met { continuation.resume() }
        }
    }

    private func change<R: Sendable>(_ body: @Sendable (inout State) -> R) -> R {
        let (result, met) = state.with { state in
            let result = body(&state)
            let met = state.waiters.filter { $0.isMet(state) }.map(\.continuation)
            state.waiters = state.waiters.filter { !$0.isMet(state) }
            return (result, met)
        }
        for continuation in met { continuation.resume() }
        return result
    }

    private func accept() {
        while true {
            let socket = Glibc.accept(listener, nil, nil)
            guard socket >= 0 else { break }
            let number: Int? = change { state in
                guard !state.stopping else { return nil }
                state.connections += 1
                state.threads += 1
                state.sockets.insert(socket)
                return state.connections
            }
            guard let number else {
                close(socket)
                break
            }
            startThread {
                self.serve(socket, connection: number)
                self.change { $0.threads -= 1 }
            }
        }
        change { $0.threads -= 1 }
    }

    private func serve(_ socket: Int32, connection: Int) {
        var ending = Action.close
        if readsRequests, let line = Line.over(socket, identity) {
            if identity != nil { change { $0.sessions += 1 } }
            ending = talk(line, connection: connection)
            line.end()
        }
        if case .reset = ending {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        state.with { _ = $0.sockets.remove(socket) }
        close(socket)
        change { $0.closed += 1 }
    }

    /// Answers one request after the other; returns with how the connection is to end.
    private func talk(_ line: Line, connection: Int) -> Action {
        while let (head, body) = readRequest(line) {
            let request: Received = change { state in
                let first = String(head.prefix { $0 != "\r\n" && $0 != "\r" })
                let request = Received(
                    number: state.received.count + 1, connection: connection, line: first, head: head, body: body)
                state.received.append(request)
                return request
            }
            let action = script(request)
            switch action {
            case .reply(let text): line.write(Array(text.utf8))
            case .replyBytes(let bytes): line.write(bytes)
            case .replyAndClose(let text):
                line.write(Array(text.utf8))
                return .close
            case .replyThen(let text, let unasked, let closes):
                line.write(Array(text.utf8))
                gate.wait()
                line.write(Array(unasked.utf8))
                if closes { line.endWriting() }
                change { $0.unasked += 1 }
            case .close, .reset: return action
            case .silence:
                line.waitForEnd()
                return .close
            case .drip(let text, let slowly, let every_ms):
                line.write(Array(text.utf8))
                for byte in slowly.utf8 {
                    if line.hangsUp(within_ms: every_ms) { return .close }
                    line.write([byte])
                }
                line.waitForEnd()
                return .close
            }
        }
        return .close
    }
}

/// A bound, listening socket on the loopback address and its port.
func listeningSocket() -> (socket: Int32, port: Int) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let ready = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listener, $0, size) == 0 && listen(listener, 256) == 0 && getsockname(listener, $0, &size) == 0
        }
    }
    precondition(ready, "a test server needs a loopback port")
    return (listener, Int(UInt16(bigEndian: address.sin_port)))
}

func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, { argument in
        if let argument {
            // The client may be gone when the server writes.
            var pipe = sigset_t()
            sigemptyset(&pipe)
            sigaddset(&pipe, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &pipe, nil)
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        }
        return nil
    }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(code == 0, "a test server needs a thread")
    pthread_detach(thread)
}

/// Head and body of the next request; nil when the connection ends first.
private func readRequest(_ line: Line) -> (head: String, body: [UInt8])? {
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
        guard let byte = line.read(1)?.first else { return nil }
        head.append(byte)
    }
    let text = String(decoding: head, as: UTF8.self)
    let lengthLine = text.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("content-length:") }
    let length = lengthLine.flatMap { Int($0.drop { $0 != ":" }.dropFirst().filter { !$0.isWhitespace }) } ?? 0
    guard let body = line.read(length) else { return nil }
    return (text, body)
}

/// A complete reply with a length.
func ok(_ body: String = "ok", status: String = "200 OK", _ fields: String...) -> String {
    let extra = fields.map { $0 + "\r\n" }.joined()
    return "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(extra)\r\n\(body)"
}
