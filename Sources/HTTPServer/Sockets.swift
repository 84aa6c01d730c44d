internal import Glibc
internal import Kernel

/// The socket calls the server needs. Every descriptor it makes is non-blocking and closed on exec.
enum Sockets {
    private static let streamType =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    enum Accepted {
        case connection(Int32, peer: String)
        case none
        /// The process or the system is out of descriptors or memory.
        case exhausted
    }

    enum Transfer: Equatable {
        case bytes(Int)
        case wouldBlock
        case end
        case broken
    }

    /// A bound, listening socket and its port.
    /// - Throws: `listen_failed`.
    static func listen(host: String, port: Int) throws(Fault) -> (Int32, port: Int) {
        guard let wanted = UInt16(exactly: port), var address = SocketAddress(host: host, port: wanted) else {
            throw failure("a server listens on a numeric address and a port from 0 to 65535", underlying: nil)
        }
        let descriptor = socket(address.family, streamType, 0)
        guard descriptor >= 0 else { throw failure("no socket", underlying: errno) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, Int32(ServerLimits.backlog)) == 0,
            let bound = SocketAddress(ofLocalEnd: descriptor)
        else {
            let code = errno
            close(descriptor)
            throw failure("could not listen on \(host), port \(port)", underlying: code)
        }
        return (descriptor, bound.port)
    }

    private static func failure(_ summary: String, underlying code: Int32?) -> Fault {
        Fault(
            "listen_failed", stage: .http, disposition: .hold, summary: summary,
            remedy: "See whether another program holds the port and whether the address belongs to this machine",
            underlying: code.map { String(cString: strerror($0)) }
        )
    }

    /// Two connected sockets.
    /// - Throws: `server_descriptors`.
    static func pair() throws(Fault) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, streamType, 0, &ends) == 0 else { throw noDescriptors }
        return (ends[0], ends[1])
    }

    /// Made right after the call that failed.
    static var noDescriptors: Fault {
        Fault(
            "server_descriptors", stage: .http, disposition: .retry, summary: "no descriptors left for a server",
            remedy: "Raise the process's limit of open files", underlying: String(cString: strerror(errno))
        )
    }

    static func accept(_ listener: Int32) -> Accepted {
        while true {
            var peer = SocketAddress()
            let descriptor = peer.fill { Glibc.accept(listener, $0, $1) }
            guard descriptor >= 0 else {
                switch errno {
                case EINTR, ECONNABORTED, EPROTO, EPERM: continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
                default: return .none
                }
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            return .connection(descriptor, peer: peer.text)
        }
    }

    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno != EINTR { return errno == EAGAIN ? .wouldBlock : .broken }
        }
    }

    /// Never raises SIGPIPE.
    static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool) -> Transfer {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .bytes(count) }
            if errno != EINTR { return errno == EAGAIN ? .wouldBlock : .broken }
        }
    }

    /// For the wake-up pair: a full buffer means a wake-up is due anyway.
    static func sendByte(_ descriptor: Int32) {
        var octet: UInt8 = 1
        _ = withUnsafeBytes(of: &octet) { send(descriptor, $0, more: false) }
    }

    /// No more bytes from us; the other end sees the end of the stream.
    static func shutdownWriting(_ descriptor: Int32) { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next `close` throws unsent bytes away and resets the connection.
    static func resetOnClose(_ descriptor: Int32) {
        var none = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &none, socklen_t(MemoryLayout<linger>.size))
    }

    /// close(2) is never repeated: after EINTR Linux has closed the descriptor already.
    static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}

/// A `sockaddr` of either family.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    init() {}

    /// `nil` unless `host` is a numeric address or `localhost`.
    init?(host: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: four, as: sockaddr_in.self) }
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
        } else if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: six, as: sockaddr_in6.self) }
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        } else {
            return nil
        }
    }

    /// The address a socket is bound to.
    init?(ofLocalEnd descriptor: Int32) {
        guard fill({ getsockname(descriptor, $0, $1) }) == 0 else { return nil }
    }

    var family: Int32 { Int32(storage.ss_family) }

    var port: Int {
        withUnsafeBytes(of: storage) { bytes in
            family == AF_INET6
                ? Int(bytes.loadUnaligned(as: sockaddr_in6.self).sin6_port.bigEndian)
                : Int(bytes.loadUnaligned(as: sockaddr_in.self).sin_port.bigEndian)
        }
    }

    /// The numeric address; empty for a family that has none.
    var text: String {
        var out = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let found = withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET:
                var address = bytes.loadUnaligned(as: sockaddr_in.self).sin_addr
                return inet_ntop(AF_INET, &address, &out, socklen_t(out.count)) != nil
            case AF_INET6:
                var address = bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr
                return inet_ntop(AF_INET6, &address, &out, socklen_t(out.count)) != nil
            default: return false
            }
        }
        return found ? String(decoding: out.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : ""
    }

    mutating func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        let length = length
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    mutating func fill(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> Int32 {
        withUnsafeMutablePointer(to: &storage) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }
}
