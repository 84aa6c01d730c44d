internal import CSystem
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Store

/// What becomes of leases that another scheduler of this machine holds or left held. Pure.
///
/// A lease is passed on only when no process can be working under it any more: its worker is gone, or none had got its assignment and the scheduler that would
/// have handed it over is gone. A worker that lives under a lease nobody renewed (its scheduler was stopped) is killed first. What a living scheduler has in
/// order is left to it.
enum Takeover {
    enum Presence: Sendable, Hashable, CaseIterable {
        case gone, alive
        /// It can't be told: another user's, or hidden.
        case unknowable
    }

    enum Step: Sendable, Hashable { case free, kill, leave }

    /// - worker: of the process noted in the lease, `nil` when none is: a worker gets its assignment only after it is noted.
    static func step(worker: Presence?, scheduler: Presence, expired: Bool) -> Step {
        switch worker {
        case .gone: scheduler == .alive && !expired ? .leave : .free
        case .alive: expired ? .kill : .leave
        case .unknowable: .leave
        case nil: scheduler == .gone ? .free : .leave
        }
    }

    /// Names this machine, boot and process table: within it a process id means the same to everybody. Containers share machine and boot but not the table.
    static func hostName() -> String {
        func file(_ path: String) -> String {
            let text = (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) } ?? "?"
            return String(text.filter { !$0.isWhitespace })
        }
        var link = [CChar](repeating: 0, count: 100)
        let n = readlink("/proc/self/ns/pid", &link, link.count)
        let table = n > 0 ? String(decoding: link.prefix(n).map { UInt8(bitPattern: $0) }, as: UTF8.self) : "?"
        return "\(file("/etc/machine-id"))/\(file("/proc/sys/kernel/random/boot_id"))/\(table)/"
    }

    /// A scheduler's name in leases: where it runs, its process, and which of that number it is.
    static func holder(on host: String, pid: Int32, random: any RandomSource) -> String { "\(host)\(pid)/\(random.uuid().uuidString.lowercased())" }

    /// The process in a holder's name; `nil` for a name of another form.
    static func schedulerPID(_ holder: String, on host: String) -> Int32? {
        guard holder.hasPrefix(host) else { return nil }
        return holder.dropFirst(host.count).split(separator: "/").first.flatMap { Int32($0) }
    }
}

/// A process that may not be our child, through a descriptor that names exactly this one.
struct ForeignProcess: ~Copyable {
    enum Missing: Error { case gone, unknowable }

    private let pidfd: Int32

    init(pid: Int32) throws(Missing) {
        pidfd = cf_pidfd_open(pid)
        guard pidfd >= 0 else { throw pidfd == -ESRCH || pidfd == -EINVAL ? .gone : .unknowable }
    }

    deinit { close(pidfd) }

    /// A zombie has ended: it sends nothing any more.
    var hasEnded: Bool {
        var one = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        return poll(&one, 1, 0) == 1
    }

    /// The first words of its command line; `nil` where that is hidden from us.
    static func words(of pid: Int32) -> [String]? {
        guard let data = try? Data(contentsOf: URL(filePath: "/proc/\(pid)/cmdline")), !data.isEmpty else { return nil }
        return data.split(separator: 0).prefix(2).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the process with this number is one that `isOurs` by its command line; another one with the number means that ours is gone.
    static func presence(of pid: Int32, _ isOurs: ([String]) -> Bool) -> Takeover.Presence {
        do throws(Missing) {
            let process = try ForeignProcess(pid: pid)
            let words = ForeignProcess.words(of: pid)
            // Looked at before and after: the words are its own.
            if process.hasEnded { return .gone }
            guard let words else { return .unknowable }
            return isOurs(words) ? .alive : .gone
        } catch {
            return error == .gone ? .gone : .unknowable
        }
    }

    /// Has the process killed if it is one that `isOurs`; that it is gone shows when it is looked at again.
    static func kill(_ pid: Int32, _ isOurs: ([String]) -> Bool) {
        guard let process = try? ForeignProcess(pid: pid), let words = ForeignProcess.words(of: pid), isOurs(words), !process.hasEnded else { return }
        _ = cf_pidfd_signal(process.pidfd, SIGKILL)
    }
}
