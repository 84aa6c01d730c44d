internal import CCurl
internal import Kernel

/// One call of `send`, on its way to the engine.
struct Submission: Sendable {
    var id: UInt64
    var outgoing: Outgoing
    var startBy: Duration?
    /// To be filled: its caller's memory, which its caller gives back.
    var reply = ReplyCollector(headRoom: 1 << 10, bodyRoom: 4 << 10)
    var continuation: CheckedContinuation<Ending, Never>
}

/// What callers want of the engine's thread.
struct Orders: Sendable {
    var submissions: [Submission] = []
    /// Some may have ended meanwhile.
    var cancelled: [UInt64] = []
    var stop = false
}

/// The only thing callers and the engine's thread share.
final class Mailbox: Sendable {
    /// libcurl's multi handle, here for `curl_multi_wakeup` alone, which any thread may call. Guarded by `state`'s
    /// lock: the engine takes it away under that lock before it frees the handle.
    private struct Bell: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private struct State: Sendable {
        var orders = Orders()
        var bell: Bell?
        /// The engine looks into the box before it sleeps: only who finds it asleep has to ring, and once is enough.
        var asleep = false
        /// Something came that the engine has not taken.
        var unread = false
        /// Exchanges submitted and not answered.
        var open = 0
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        mutating func ring() {
            unread = true
            guard asleep, let bell else { return }
            asleep = false
            curl_multi_wakeup(bell.multi)
        }
    }

    private let state = Locked(State())
    private let exchangesMax: Int

    init(exchangesMax: Int) { self.exchangesMax = exchangesMax }

    // What callers do.

    func submit(_ submission: Submission) {
        let most = exchangesMax
        let refusal: Fault? = state.with { state in
            if state.orders.stop || state.ended { return .clientStopped }
            if state.open >= most { return .clientBusy }
            state.open += 1
            state.orders.submissions.append(submission)
            state.ring()
            return nil
        }
        if let refusal { submission.continuation.resume(returning: .notSent(refusal)) }
    }

    /// Comes after the submission that it concerns; one that comes after its end says nothing.
    func cancel(_ id: UInt64) {
        state.with { state in
            guard !state.ended else { return }
            state.orders.cancelled.append(id)
            state.ring()
        }
    }

    func stop(waiter: CheckedContinuation<Void, Never>? = nil) {
        let ended: Bool = state.with { state in
            state.orders.stop = true
            state.ring()
            if !state.ended, let waiter { state.waiters.append(waiter) }
            return state.ended
        }
        if ended { waiter?.resume() }
    }

    // What the engine does.

    func attach(multi: UnsafeMutableRawPointer) {
        let bell = Bell(multi: multi)
        state.with { $0.bell = bell }
    }

    /// After this nobody rings any more and the multi handle may be freed.
    func detach() {
        state.with { $0.bell = nil }
    }

    /// Takes what has come, and leaves the room of an earlier one, emptied, for what comes next.
    func take(room: [Submission] = []) -> Orders {
        state.with { state in
            let orders = state.orders
            state.orders.submissions = room
            state.orders.cancelled = []
            state.unread = false
            state.asleep = false
            return orders
        }
    }

    /// So many exchanges are about to be answered: there is room for as many more.
    func answered(_ count: Int) {
        state.with { $0.open -= count }
    }

    /// Whether the engine may sleep; from then on whoever brings something wakes it.
    func rest() -> Bool {
        state.with { state in
            state.asleep = !state.unread
            return state.asleep
        }
    }

    /// The thread is about to end, or never began.
    func end() {
        let (late, waiters) = state.with { state in
            state.ended = true
            let found = (state.orders.submissions, state.waiters)
            state.orders.submissions = []
            state.waiters = []
            return found
        }
        for submission in late { submission.continuation.resume(returning: .notSent(.clientStopped)) }
        for waiter in waiters { waiter.resume() }
    }
}

extension Fault {
    static var clientStopped: Fault {
        Fault(
            "http_client_stopped", stage: .http, disposition: .retry, summary: "the HTTP client has been shut down",
            remedy: "The request goes out after the restart")
    }

    static var clientBusy: Fault {
        Fault(
            "http_client_busy", stage: .http, disposition: .retry,
            summary: "the HTTP client holds as many exchanges as it may", remedy: "Lower the number of jobs per worker")
    }

    static func exchangeCancelled(_ place: String?) -> Fault {
        Fault(
            "cancelled", stage: .http, disposition: .retry,
            summary: place.map { "the exchange with \($0) was cancelled" } ?? "the exchange was cancelled")
    }
}
