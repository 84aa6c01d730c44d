internal import Glibc

/// The sockets of an engine's connections, found again by their own end. Never leaves the engine's thread.
///
/// libcurl before 8.1 takes a connection on which bytes wait for a living one, and those bytes for the answer to what it sends next: a `408` that a proxy sent while the
/// connection was idle, or another call's answer, would become the answer to a write.
/// - Source: curl's issue 10646, mended by its pull request 10690.
final class OpenSockets {
    /// An open connection, as libcurl tells of it: our port, and the other end's port and address. Our port alone may be several connections' to different ends.
    struct Ends: Hashable {
        private var local: Int32
        private var peer: Int32
        /// Of the address's text (FNV-1a): it is made for every request.
        private var address: UInt64 = 0xcbf2_9ce4_8422_2325

        init(local: Int32, peer: Int32, address: UnsafePointer<CChar>?) {
            self.local = local
            self.peer = peer
            guard var next = address else { return }
            while next.pointee != 0 {
                self.address = (self.address ^ UInt64(UInt8(bitPattern: next.pointee))) &* 0x0100_0000_01b3
                next += 1
            }
        }

        /// Of a socket that is connected; `nil` for any other.
        init?(of socket: Int32) {
            guard let near = Ends.end(of: socket, getsockname), let far = Ends.end(of: socket, getpeername) else { return nil }
            self.init(local: near.port, peer: far.port, address: far.address)
        }

        private typealias Look = (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32

        private static func end(of socket: Int32, _ look: Look) -> (port: Int32, address: [CChar])? {
            var storage = sockaddr_storage(), size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let port: UInt16? = withUnsafeMutableBytes(of: &storage) { bytes in
                guard let base = bytes.baseAddress, look(socket, base.assumingMemoryBound(to: sockaddr.self), &size) == 0 else { return nil }
                let family = Int32(base.assumingMemoryBound(to: sockaddr.self).pointee.sa_family)
                let offset = family == AF_INET6 ? MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) : MemoryLayout<sockaddr_in>.offset(of: \.sin_addr)
                guard family == AF_INET || family == AF_INET6, let offset, inet_ntop(family, base + offset, &text, socklen_t(text.count)) != nil else { return nil }
                // Both families have it in the same place.
                return bytes.loadUnaligned(fromByteOffset: MemoryLayout<sockaddr_in>.offset(of: \.sin_port) ?? 2, as: UInt16.self)
            }
            return port.map { (Int32(UInt16(bigEndian: $0)), text) }
        }
    }

    private var known: [Ends: [Int32]] = [:]
    private var ends: [Int32: Ends] = [:]
    /// Opened, and no request went over them yet.
    private var fresh: Set<Int32> = []

    func opened(_ socket: Int32) {
        // Whoever has the number now is another one.
        forget(socket)
        fresh.insert(socket)
    }

    func forget(_ socket: Int32) {
        fresh.remove(socket)
        guard let place = ends.removeValue(forKey: socket) else { return }
        known[place]?.removeAll { $0 == socket }
        if known[place]?.isEmpty ?? false { known[place] = nil }
    }

    /// Whether a request went over the connection before and something waits there to be read: bytes that nobody asked for, or its end. A new connection may have some:
    /// TLS 1.3 servers hand out tickets before anything is asked.
    func hasUnaskedBytes(_ place: Ends) -> Bool {
        if !fresh.isEmpty, let socket = fresh.first(where: { Ends(of: $0) == place }) {
            fresh.remove(socket)
            ends[socket] = place
            known[place, default: []].append(socket)
            return false
        }
        return known[place]?.contains(where: OpenSockets.isReadable) ?? false
    }

    private static func isReadable(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) >= 0 || (errno != EAGAIN && errno != EINTR)
    }
}
