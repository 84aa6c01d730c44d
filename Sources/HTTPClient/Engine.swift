internal import CCurl
internal import Glibc
internal import Kernel

/// What an engine is made with.
struct EngineSettings: Sendable {
    var policy: EgressPolicy
    var connectionsPerHost: Int
    var certificatesFile: String?
    var limits: ExchangeLimits
}

/// Starts the thread that an engine owns.
enum EngineThread {
    private static let libraryReady: Bool = cf_global_init() == CURLE_OK

    private final class Start {
        let settings: EngineSettings
        let mailbox: Mailbox

        init(_ settings: EngineSettings, _ mailbox: Mailbox) {
            self.settings = settings
            self.mailbox = mailbox
        }
    }

    /// When no thread can be had, the mailbox is closed and every `send` says so.
    static func start(settings: EngineSettings, mailbox: Mailbox) {
        guard libraryReady else { return mailbox.end() }
        let start = Unmanaged.passRetained(Start(settings, mailbox))
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        let code = pthread_create(&thread, &attributes, { argument in
            guard let argument else { return nil }
            let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
            // Signals are for the main thread; a blocked SIGPIPE also makes a write to a closed socket an error code.
            // Those that a fault of the thread itself raises stay open, or a crash would leave no trace.
            var blocked = sigset_t()
            sigfillset(&blocked)
            for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&blocked, fault) }
            pthread_sigmask(SIG_BLOCK, &blocked, nil)
            Engine(settings: start.settings, mailbox: start.mailbox)?.run()
            start.mailbox.end()
            return nil
        }, start.toOpaque())
        if code != 0 {
            start.release()
            mailbox.end()
        }
    }
}

/// The thread's inside: one multi handle and the transfers on it. Never leaves its thread.
final class Engine {
    private let settings: EngineSettings
    private let mailbox: Mailbox
    private let multi: UnsafeMutableRawPointer
    /// TLS sessions, so that a new connection to a known host resumes. Used by this thread alone, hence without lock
    /// functions.
    private let share: UnsafeMutableRawPointer
    private let sockets = OpenSockets()
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    /// Handles of exchanges that ended well, every option reset: making one costs more than a short exchange.
    private var spares: [UnsafeMutableRawPointer] = []

    init?(settings: EngineSettings, mailbox: Mailbox) {
        guard let multi = curl_multi_init() else { return nil }
        guard let share = curl_share_init() else {
            curl_multi_cleanup(multi)
            return nil
        }
        self.settings = settings
        self.mailbox = mailbox
        self.multi = multi
        self.share = share
        cf_share_long(share, CURLSHOPT_SHARE, Int(CURL_LOCK_DATA_SSL_SESSION.rawValue))
        cf_multi_setopt_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        cf_multi_setopt_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, settings.connectionsPerHost)
        cf_multi_setopt_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, settings.limits.connectionsMax)
        cf_multi_setopt_long(multi, CURLMOPT_MAXCONNECTS, settings.limits.connectionsMax)
        mailbox.attach(multi: multi)
    }

    deinit {
        mailbox.detach()
        for easy in spares { curl_easy_cleanup(easy) }
        curl_multi_cleanup(multi)
        curl_share_cleanup(share)
    }

    /// Returns after a stop order, with every transfer answered.
    func run() {
        var room: [Submission] = []
        while true {
            var orders = mailbox.take(room: room)
            room = []
            for submission in orders.submissions { begin(submission) }
            // Let go of before anything is received: a reply that two hold is copied when it is written to.
            orders.submissions.removeAll(keepingCapacity: true)
            swap(&room, &orders.submissions)
            for id in orders.cancelled { cancel(id) }
            if orders.stop { break }
            var running: Int32 = 0
            let code = curl_multi_perform(multi, &running)
            if code != CURLM_OK { abortAll { .exchangeBroken($0, "libcurl's multi handle failed (\(code.rawValue))") } }
            finishDone()
            guard mailbox.rest() else { continue }
            // Wakes for sockets, for libcurl's own timers (every time-out is one) and for the mailbox's bell.
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        abortAll { _ in .clientStopped }
    }

    private func begin(_ submission: Submission) {
        guard let easy = spares.popLast() ?? curl_easy_init() else {
            mailbox.answered(1)
            return submission.continuation.resume(returning: .notSent(.exchangeBroken(submission.outgoing.place, "memory ran out")))
        }
        add(Transfer(submission, settings: settings, share: share, sockets: sockets, handle: easy))
    }

    private func add(_ transfer: Transfer) {
        let code = curl_multi_add_handle(multi, transfer.easy)
        guard code == CURLM_OK else {
            mailbox.answered(1)
            return transfer.finish(.notSent(.exchangeBroken(transfer.place, "libcurl took no further transfer (\(code.rawValue))")))
        }
        transfers[ObjectIdentifier(transfer)] = transfer
    }

    private func finishDone() {
        var left: Int32 = 0
        // Answered together, at the end: callers who go on at once would take the cores from the rest of this turn. The transfers end before: what they hold
        // of their callers' memory is then given back by these.
        var done: [(caller: CheckedContinuation<Ending, Never>, ending: Ending)] = []
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle, let transfer = Transfer.of(easy) else { continue }
            // The message dies with the handle's removal: read it first.
            let result = message.pointee.data.result
            remove(transfer)
            if result != CURLE_OK, transfer.beginsAnew() {
                add(transfer)
                continue
            }
            let ending = transfer.judge(result)
            if result == CURLE_OK, spares.count < settings.limits.spareHandlesMax { spares.append(transfer.giveUpHandle()) }
            done.append((transfer.continuation, ending))
        }
        guard !done.isEmpty else { return }
        mailbox.answered(done.count)
        for (caller, ending) in done { caller.resume(returning: ending) }
    }

    private func cancel(_ id: UInt64) {
        if let transfer = transfers.values.first(where: { $0.id == id }) { abort(transfer) { .exchangeCancelled($0) } }
    }

    private func abort(_ transfer: Transfer, _ fault: (String) -> Fault) {
        remove(transfer)
        mailbox.answered(1)
        transfer.finish(transfer.interrupted(fault(transfer.place)))
    }

    private func abortAll(_ fault: (String) -> Fault) {
        for transfer in Array(transfers.values) { abort(transfer, fault) }
    }

    private func remove(_ transfer: Transfer) {
        transfers[ObjectIdentifier(transfer)] = nil
        curl_multi_remove_handle(multi, transfer.easy)
    }
}

extension Duration {
    /// Rounded towards zero, within 24 days.
    var wholeMilliseconds: Int {
        let most: Int64 = 2_000_000
        let (seconds, attoseconds) = components
        guard seconds < most else { return Int(most) * 1000 }
        guard seconds > -most else { return Int(-most) * 1000 }
        return Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
