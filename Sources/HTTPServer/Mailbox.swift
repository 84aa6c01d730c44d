internal import Glibc
internal import Kernel
internal import Synchronization
internal import Wire

/// What other threads tell the poll thread: a locked queue, and a socket pair that wakes the thread when it sleeps.
final class Mailbox: Sendable {
    enum Message: Sendable {
        /// The answer to a request that was not answered at once; `nil` closes its connection without one.
        case answer(exchange: UInt64, HTTPResponse?)
        case stop
    }

    private struct State: Sendable {
        var messages: [Message] = []
        var asleep = false
    }

    private let state = Mutex(State())
    /// Becomes readable when there is mail and the poll thread sleeps.
    let wakeDescriptor: Int32
    private let knockDescriptor: Int32

    /// - Throws: `server_descriptors`.
    init() throws(Fault) {
        (wakeDescriptor, knockDescriptor) = try Sockets.pair()
    }

    deinit {
        Sockets.close(wakeDescriptor)
        Sockets.close(knockDescriptor)
    }

    /// From any thread; never waits.
    func post(_ message: Message) {
        let knocks = state.withLock { state in
            state.messages.append(message)
            defer { state.asleep = false }
            return state.asleep
        }
        // One knock a sleep at most, so the pair's buffer can't fill.
        if knocks { Sockets.sendByte(knockDescriptor) }
    }

    /// Said by the poll thread right before it waits; `false`: there is mail, don't.
    func maySleep() -> Bool {
        state.withLock { state in
            state.asleep = state.messages.isEmpty
            return state.asleep
        }
    }

    /// All mail, in order of arrival.
    func take() -> [Message] {
        state.withLock { state in
            state.asleep = false
            if state.messages.isEmpty { return [] }
            let all = state.messages
            state.messages = []
            return all
        }
    }
}
