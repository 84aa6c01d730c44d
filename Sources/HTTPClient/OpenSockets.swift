internal import Glibc

/// The sockets of an engine's connections, found again by their own end. Never leaves the engine's thread.
///
/// libcurl before 8.1 takes a connection on which bytes wait for a living one, and those bytes for the answer to what it sends next: a `408` that a proxy sent while the
/// connection was idle, or another call's answer, would become the answer to a write.
/// - Source: curl's issue 10646, mended by its pull request 10690.
final class OpenSockets {
    /// An open connection, as libcurl tells of it. Two to different hosts may have the same.
    struct Ends: Hashable {
        var local: Int32
        var peer: Int32
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
        if !fresh.isEmpty, let socket = fresh.first(where: { OpenSockets.port(of: $0) == place.local }) {
            fresh.remove(socket)
            ends[socket] = place
            known[place, default: []].append(socket)
            return false
        }
        return known[place]?.contains(where: OpenSockets.isReadable) ?? false
    }

    private static func isReadable(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK.rawValue | MSG_DONTWAIT.rawValue)) >= 0 || (errno != EAGAIN && errno != EINTR)
    }

    private static func port(of socket: Int32) -> Int32? {
        var storage = sockaddr_storage(), size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let port: UInt16? = withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress, getsockname(socket, base.assumingMemoryBound(to: sockaddr.self), &size) == 0 else { return nil }
            // Both families have it in the same place.
            return bytes.loadUnaligned(fromByteOffset: MemoryLayout<sockaddr_in>.offset(of: \.sin_port) ?? 2, as: UInt16.self)
        }
        return port.map { Int32(UInt16(bigEndian: $0)) }
    }
}
