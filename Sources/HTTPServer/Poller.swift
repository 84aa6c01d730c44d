internal import Glibc

/// Which descriptors the thread waits on, level-triggered, each under a token.
///
/// poll(2), because the Swift overlay of the C library shows neither epoll(7) nor eventfd(2). Its cost grows with the
/// open connections; the interface is what an epoll one would have.
struct Poller {
    struct Ready {
        var token: UInt64
        var readable: Bool
        var writable: Bool
        /// Both directions are down, or the descriptor failed.
        var broken: Bool
    }

    private var entries: [pollfd] = []
    private var tokens: [UInt64] = []
    private var slots: [Int32: Int] = [:]

    /// Adds the descriptor or changes what it waits for.
    mutating func watch(_ descriptor: Int32, token: UInt64, reading: Bool, writing: Bool) {
        let events = Int16((reading ? POLLIN : 0) | (writing ? POLLOUT : 0))
        if let slot = slots[descriptor] {
            entries[slot].events = events
            tokens[slot] = token
        } else {
            slots[descriptor] = entries.count
            entries.append(pollfd(fd: descriptor, events: events, revents: 0))
            tokens.append(token)
        }
    }

    mutating func forget(_ descriptor: Int32) {
        guard let slot = slots.removeValue(forKey: descriptor), let last = entries.popLast(),
            let token = tokens.popLast()
        else { return }
        guard slot < entries.count else { return }
        entries[slot] = last
        tokens[slot] = token
        slots[last.fd] = slot
    }

    /// Waits for the first of them; a negative time waits for ever.
    mutating func wait(milliseconds: Int32, into ready: inout [Ready]) {
        ready.removeAll(keepingCapacity: true)
        var left = poll(&entries, nfds_t(entries.count), milliseconds)
        guard left > 0 else { return }
        for (slot, entry) in entries.enumerated() where entry.revents != 0 {
            let events = Int32(entry.revents)
            ready.append(
                Ready(
                    token: tokens[slot], readable: events & POLLIN != 0, writable: events & POLLOUT != 0,
                    broken: events & (POLLERR | POLLHUP | POLLNVAL) != 0
                ))
            left -= 1
            if left == 0 { break }
        }
    }
}
