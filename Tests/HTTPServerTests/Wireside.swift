import Glibc
@testable import HTTPServer
import Kernel
import Wire

/// What a test's own side of a connection met.
struct TalkFailure: Error, CustomStringConvertible {
    var description: String
}

/// An answer as the test reads it, with a reader of its own.
struct Reply: Sendable {
    var status: Int
    var fields: [(name: String, value: String)]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func all(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value) }
    subscript(_ name: String) -> String? { all(name).first }
}

/// A blocking client socket, for use on a thread of its own; gives up after 20 seconds rather than hang a test.
final class Client: Sendable {
    let descriptor: Int32
    private let received = Locked<[UInt8]>([])
    private let isClosed = Locked(false)

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard var address = SocketAddress(host: "127.0.0.1", port: UInt16(port)),
            address.withPointer({ connect(descriptor, $0, $1) }) == 0
        else { throw TalkFailure(description: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close() }

    private func close() {
        let was = isClosed.with { closed in
            defer { closed = true }
            return closed
        }
        if !was { Glibc.close(descriptor) }
    }

    /// Leaves without a farewell: the server's next look at the connection finds it broken.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw TalkFailure(description: "send: \(String(cString: strerror(errno)))") }
            offset += count
        }
    }

    /// Sends until the other side has taken nothing for 300 ms, and says how much went out.
    func sendWhileTaken(_ bytes: [UInt8]) -> Int {
        var offset = 0
        while offset < bytes.count {
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = bytes[offset...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            if count > 0 {
                offset += count
                continue
            }
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard errno == EAGAIN, poll(&entry, 1, 300) == 1 else { break }
        }
        return offset
    }

    func closeWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Blocks until the other side has reset the connection; `false` after 20 seconds.
    func waitForReset() -> Bool {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&entry, 1, 20_000) == 1 && Int32(entry.revents) & (POLLERR | POLLHUP) != 0
    }

    /// The next bytes; empty at the end of the stream.
    private func more() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw TalkFailure(description: "recv: \(String(cString: strerror(errno)))") }
        buffer.removeLast(buffer.count - count)
        return buffer
    }

    /// Everything up to the end of the stream.
    func readToEnd() throws -> String {
        var all = received.with { bytes in
            defer { bytes = [] }
            return bytes
        }
        while true {
            let piece = try more()
            if piece.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += piece
        }
    }

    /// The next bytes up to and with a blank line.
    private func readHead() throws -> String {
        var all = received.with { $0 }
        while true {
            if let end = all.indices.first(where: { all[$0...].starts(with: [13, 10, 13, 10]) }) {
                let rest = Array(all[(end + 4)...])
                received.with { $0 = rest }
                return String(decoding: all[..<end], as: UTF8.self)
            }
            let piece = try more()
            guard !piece.isEmpty else {
                throw TalkFailure(description: "the stream ended within a head of \(all.count) bytes")
            }
            all += piece
        }
    }

    /// The next answer; `bodyless` for answers to HEAD.
    func reply(bodyless: Bool = false) throws -> Reply {
        let lines = try readHead().split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        let parts = lines[0].split(separator: " ", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[0] == "HTTP/1.1", let status = Int(parts[1]) else {
            throw TalkFailure(description: "status line: \(lines[0])")
        }
        var reply = Reply(status: status, fields: [], body: [])
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw TalkFailure(description: "field line: \(line)") }
            reply.fields.append((String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " })))
        }
        let length = bodyless ? 0 : reply["Content-Length"].flatMap { Int($0) } ?? 0
        var bytes = received.with { $0 }
        while bytes.count < length {
            let piece = try more()
            guard !piece.isEmpty else { throw TalkFailure(description: "the stream ended within a body") }
            bytes += piece
        }
        reply.body = Array(bytes.prefix(length))
        let rest = Array(bytes.dropFirst(length))
        received.with { $0 = rest }
        return reply
    }

    func ask(_ text: String) throws -> Reply {
        try send(text)
        return try reply()
    }
}

/// Returns when the server has read all that was sent before: one thread reads every connection, so an answer to a
/// request sent later comes later.
func letServerRead(_ port: Int) throws {
    _ = try Client(port: port).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Runs blocking code on a thread of its own, away from the cooperative pool.
func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    let result: Result<R, any Error> = await withCheckedContinuation { continuation in
        let started = OwnedThread.start { continuation.resume(returning: Result { try body() }) }
        if !started { continuation.resume(returning: .failure(TalkFailure(description: "no thread"))) }
    }
    return try result.get()
}

/// Opens once; everyone who waits goes on.
final class Gate: Sendable {
    private struct State: Sendable {
        var open = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())

    func open() {
        let waiting = state.with { state in
            defer { state.waiting = [] }
            state.open = true
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let opened = state.with { state in
                if !state.open { state.waiting.append(continuation) }
                return state.open
            }
            if opened { continuation.resume() }
        }
    }
}

/// Answers with what it was asked: method, target and body.
let mirror: HTTPHandler = { request, _ in
    .text(200, "\(request.method.rawValue) \(request.target) \(String(decoding: request.body, as: UTF8.self))")
}

/// A running server for the time of `talk`, which runs on a thread of its own.
func withServer<R: Sendable>(
    _ change: (inout HTTPServerConfiguration) -> Void = { _ in }, handler: @escaping HTTPHandler = mirror,
    talk: @escaping @Sendable (_ port: Int) throws -> R
) async throws -> R {
    try await withRunningServer(change, handler: handler) { port, _ in
        try await onThread { try talk(port) }
    }
}

/// A running server for the time of `talk`, which may stop it itself by cancelling the task it is given.
func withRunningServer<R: Sendable>(
    _ change: (inout HTTPServerConfiguration) -> Void = { _ in }, handler: @escaping HTTPHandler = mirror,
    talk: (_ port: Int, _ running: Task<Void, any Error>) async throws -> R
) async throws -> R {
    var configuration = HTTPServerConfiguration()
    configuration.lingerTimeout = .milliseconds(200)
    change(&configuration)
    let server = try HTTPServer(configuration, handler: handler)
    let running = Task { try await server.run() }
    do {
        let result = try await talk(server.port, running)
        running.cancel()
        try await running.value
        return result
    } catch {
        running.cancel()
        _ = await running.result
        throw error
    }
}
