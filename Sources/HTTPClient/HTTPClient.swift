internal import CCurl
internal import Kernel
internal import Synchronization
public import Wire

/// The one door to the outside: every outgoing exchange passes its policy. HTTP/1.1, and mail by SMTP (`Mail.swift`), by
/// libcurl on one thread of its own; no redirects, no proxy, no cookies, nothing packed, and
/// nothing of what libcurl would take from the environment.
public final class HTTPClient: Sendable {
    private let mailbox: Mailbox
    let policy: EgressPolicy
    let limits: ExchangeLimits
    private let nextID = Atomic<UInt64>(0)

    /// - Parameter connectionsPerHost: further exchanges with the same host queue; their time-out runs meanwhile.
    public convenience init(policy: EgressPolicy, connectionsPerHost: Int = 8) {
        self.init(policy: policy, connectionsPerHost: connectionsPerHost, certificatesFile: nil)
    }

    /// - Parameter certificatesFile: a PEM file of the authorities to trust instead of the system's.
    public convenience init(policy: EgressPolicy, connectionsPerHost: Int = 8, certificatesFile: String?) {
        self.init(
            policy: policy, connectionsPerHost: connectionsPerHost, certificatesFile: certificatesFile,
            limits: ExchangeLimits())
    }

    init(policy: EgressPolicy, connectionsPerHost: Int, certificatesFile: String?, limits: ExchangeLimits) {
        precondition(connectionsPerHost > 0, "a client needs at least one connection per host")
        let settings = EngineSettings(
            policy: policy, connectionsPerHost: connectionsPerHost, certificatesFile: certificatesFile, limits: limits)
        self.policy = policy
        self.limits = limits
        mailbox = Mailbox(exchangesMax: limits.exchangesMax)
        EngineThread.start(settings: settings, mailbox: mailbox)
    }

    deinit { mailbox.stop() }

    /// One exchange; never throws, because what matters is whether bytes may have left.
    ///
    /// A write (anything but GET, HEAD and OPTIONS) reaches a peer at most once: libcurl's silent second attempt on a
    /// fresh connection, made when a reused one dies before answering, is stopped and the outcome is `unknown`. Reads
    /// may be attempted again that way. When the calling task is cancelled, the exchange ends at once: `notSent` if
    /// nothing had left, else `unknown`.
    /// - Parameters:
    ///   - timeout: for the whole exchange, queueing included.
    ///   - startBy: time of `SystemClocks.monotonic` after which the request is not begun (`notSent`, `start_too_late`). Looked at with the
    ///     connection open, right before the first byte.
    public func send(_ request: HTTPRequest, timeout: Duration, startBy: Duration? = nil) async -> HTTPOutcome {
        let outgoing: Outgoing
        do throws(Fault) {
            outgoing = try Outgoing(request, timeout: timeout, policy: policy, limits: limits)
        } catch {
            return .notSent(error)
        }
        return switch await perform(outgoing, startBy: startBy) {
        case .answered(let reply): outgoing.judge(reply.response())
        case .notSent(let fault): .notSent(fault)
        case .unknown(let fault): .unknown(fault)
        }
    }

    /// One exchange on the engine's thread.
    func perform(_ outgoing: Outgoing, startBy: Duration?) async -> Ending {
        let id = nextID.add(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            if Task.isCancelled { return .notSent(.exchangeCancelled(nil)) }
            return await withCheckedContinuation { continuation in
                mailbox.submit(Submission(id: id, outgoing: outgoing, startBy: startBy, continuation: continuation))
                // The handler may have run before there was anything to cancel.
                if Task.isCancelled { mailbox.cancel(id) }
            }
        } onCancel: {
            mailbox.cancel(id)
        }
    }

    /// Ends what is under way (`unknown` or `notSent`), closes every connection and the thread. Later calls of `send`
    /// give `notSent`.
    public func shutdown() async {
        await withCheckedContinuation { mailbox.stop(waiter: $0) }
    }
}
