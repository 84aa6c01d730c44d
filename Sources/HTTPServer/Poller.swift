internal import CSystem
internal import Glibc

/// Which descriptors the thread waits on, level-triggered, each under a token: epoll(7). A descriptor is forgotten before it is closed.
struct Poller: ~Copyable {
    struct Ready {
        var token: UInt64
        var readable: Bool
        var writable: Bool
        /// Both directions are down, or the descriptor failed.
        var broken: Bool
    }

    /// Below 0 when the system had none left; then nothing can be watched.
    private let descriptor: Int32
    private var known: Set<Int32> = []
    private let room = UnsafeMutableBufferPointer<cf_ready>.allocate(capacity: 256)

    init() { descriptor = cf_epoll() }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        room.deallocate()
    }

    /// Adds the descriptor or changes what it waits for. False when the system can't watch one more.
    mutating func watch(_ descriptor: Int32, token: UInt64, reading: Bool, writing: Bool) -> Bool {
        let isKnown = known.contains(descriptor)
        guard cf_epoll_watch(self.descriptor, descriptor, token, reading ? 1 : 0, writing ? 1 : 0, isKnown ? 1 : 0) == 0 else { return false }
        if !isKnown { known.insert(descriptor) }
        return true
    }

    mutating func forget(_ descriptor: Int32) {
        if known.remove(descriptor) != nil { _ = cf_epoll_forget(self.descriptor, descriptor) }
    }

    /// Waits for the first of them; a negative time waits for ever.
    func wait(milliseconds: Int32, into ready: inout [Ready]) {
        ready.removeAll(keepingCapacity: true)
        let count = cf_epoll_wait(descriptor, room.baseAddress, Int32(room.count), milliseconds)
        for one in room.prefix(Int(count)) {
            ready.append(Ready(token: one.token, readable: one.readable != 0, writable: one.writable != 0, broken: one.broken != 0))
        }
    }
}
