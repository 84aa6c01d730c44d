internal import Glibc
internal import Kernel
internal import Synchronization

typealias Answer = Result<[PostgresRows], Fault>

/// What a caller wants sent: statements that end with one sync, or the end of a transaction.
struct Request: Sendable {
    var id: UInt64
    var statements: [SQL]
    var verb: ConnectionMachine.Verb = .statements
    /// `nil`: nobody waits for the answer.
    var continuation: CheckedContinuation<Answer, Never>?
}

enum Command: Sendable {
    case open(pool: UInt64, PostgresConfiguration, size: Int, patience: Duration)
    case close(pool: UInt64, CheckedContinuation<Void, Never>?)
    case submit(pool: UInt64, Request)
    case transact(pool: UInt64, lease: UInt64, Request)
    case cancel(request: UInt64)
    case listen(UInt64, PostgresConfiguration, channel: String, AsyncStream<String>.Continuation)
    case unlisten(UInt64)
    case copy(UInt64, PostgresConfiguration, text: String)
    case copyNext(UInt64, CheckedContinuation<Result<[UInt8]?, Fault>, Never>)
    case copyEnd(UInt64)
    /// A name's addresses; none where it is unknown.
    case resolved(String, [String])
}

/// The one thread that owns every PostgreSQL connection of the process. Callers leave commands in its inbox and are
/// resumed by it; it sleeps in poll(2) and is woken through a pipe.
public final class PostgresReactor: Sendable {
    /// The process's reactor; its thread starts on first use and never ends.
    public static let shared = PostgresReactor()

    private struct Inbox {
        var commands: [Command] = []
        /// The bell was rung since the inbox was last emptied.
        var signalled = false
    }

    private let inbox = Mutex(Inbox())
    private let ids = Atomic<UInt64>(1)
    /// Readable when the inbox holds something; the other end is `bell`.
    let wakeDescriptor: Int32
    private let bell: Int32

    let resolver: Resolver

    /// - look: how hosts' names become addresses; may block, it has threads of its own.
    init(look: @escaping Resolver.Look = { HostNames.addresses(of: $0) }) {
        resolver = Resolver(look)
        // Swift can't see eventfd(2); a pipe wakes as well.
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "no descriptor is left for the database thread")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeDescriptor, bell) = (ends[0], ends[1])
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let reactor = Unmanaged<PostgresReactor>.fromOpaque(raw).takeRetainedValue()
                // Signals belong to the thread that waits for them.
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_SETMASK, &all, nil)
                ReactorLoop(reactor).run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "the database thread can't start: error \(code)")
        pthread_detach(thread)
    }

    /// A number no other pool, request, lease or listener of the process has.
    func newID() -> UInt64 { ids.wrappingAdd(1, ordering: .relaxed).newValue }

    func post(_ command: Command) {
        let wake = inbox.withLock { inbox in
            inbox.commands.append(command)
            defer { inbox.signalled = true }
            return !inbox.signalled
        }
        if wake {
            var one: UInt8 = 1
            _ = write(bell, &one, 1)
        }
    }

    func takeCommands() -> [Command] {
        inbox.withLock { inbox in
            inbox.signalled = false
            defer { inbox.commands = [] }
            return inbox.commands
        }
    }

    /// Posts what `command` makes of a continuation and waits for the answer. A cancelled caller stops waiting; a
    /// statement already sent runs to its end on the server and its answer is dropped.
    func ask(_ command: (Request) -> Command, _ statements: [SQL], _ verb: ConnectionMachine.Verb = .statements) async -> Answer {
        let id = newID()
        // The end of a transaction is never abandoned: its outcome is what the caller needs to know.
        if verb != .statements {
            return await withCheckedContinuation { continuation in
                post(command(Request(id: id, statements: statements, verb: verb, continuation: continuation)))
            }
        }
        return await withTaskCancellationHandler {
            if Task.isCancelled { return .failure(PostgresFaults.cancelled) }
            return await withCheckedContinuation { continuation in
                post(command(Request(id: id, statements: statements, verb: verb, continuation: continuation)))
                // The handler may have run before the request was posted, and so have found nothing.
                if Task.isCancelled { post(.cancel(request: id)) }
            }
        } onCancel: {
            post(.cancel(request: id))
        }
    }
}
