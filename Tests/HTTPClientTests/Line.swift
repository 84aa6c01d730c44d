import COpenSSL
import Glibc

/// A connection's bytes as a test server reads and writes them: in plain, or under TLS. One thread's.
final class Line {
    private let socket: Int32
    /// OpenSSL's session; nil in plain.
    private let session: OpaquePointer?

    /// Nil when no TLS session came about.
    static func over(_ socket: Int32, _ identity: TLSIdentity?) -> Line? {
        guard let identity else { return Line(socket, nil) }
        let session = SSL_new(identity.context)
        guard session != nil, SSL_set_fd(session, socket) == 1, SSL_accept(session) == 1 else {
            SSL_free(session)
            return nil
        }
        return Line(socket, session)
    }

    private init(_ socket: Int32, _ session: OpaquePointer?) {
        self.socket = socket
        self.session = session
    }

    deinit { SSL_free(session) }

    /// Exactly so many bytes; nil when the connection ends before.
    func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more = bytes.withUnsafeMutableBytes { room -> Int in
                let rest = UnsafeMutableRawBufferPointer(rebasing: room[filled...])
                return session == nil ? Glibc.read(socket, rest.baseAddress, rest.count) : Int(SSL_read(session, rest.baseAddress, Int32(rest.count)))
            }
            guard more > 0 else { return nil }
            filled += more
        }
        return bytes
    }

    /// As much as the peer takes.
    func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let more = bytes.withUnsafeBytes { all -> Int in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                return session == nil ? Glibc.write(socket, rest.baseAddress, rest.count) : Int(SSL_write(session, rest.baseAddress, Int32(rest.count)))
            }
            guard more > 0 else { return }
            sent += more
        }
    }

    /// Returns when the peer has hung up, or the server stops.
    func waitForEnd() { while read(1) != nil {} }

    /// Waits so long for the peer; whether it hung up meanwhile.
    func hangsUp(within_ms milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, milliseconds) > 0
    }

    /// Says that nothing more will be written; what the peer writes is still read.
    func endWriting() {
        if session != nil { SSL_shutdown(session) }
        shutdown(socket, Int32(SHUT_WR))
    }

    /// Says good-bye, as a server does before it closes.
    func end() { if session != nil { SSL_shutdown(session) } }
}
