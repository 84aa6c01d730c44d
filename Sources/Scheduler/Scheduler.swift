internal import CSystem
public import Crypto
internal import FoundationEssentials
internal import Glibc
public import Kernel
public import Postgres
public import Store
public import Telemetry
internal import Wire

/// How a scheduler runs on its host.
public struct SchedulerConfiguration: Sendable {
    /// The program that workers run, `worker` being its first argument.
    public var program: String
    /// Where workers log in; user and password are the tenant's own.
    public var database: PostgresConfiguration
    public var masterKey: AEADKey
    /// Hosts that connections may name besides public ones.
    public var allowedHosts: [String]
    /// Workers at once on this host.
    public var workersMost: Int
    /// The user that workers run as; `nil`: ours.
    public var workerUser: (uid: UInt32, gid: UInt32)?

    public init(
        program: String, database: PostgresConfiguration, masterKey: AEADKey, allowedHosts: [String], workersMost: Int,
        workerUser: (uid: UInt32, gid: UInt32)?
    ) {
        self.program = program
        self.database = database
        self.masterKey = masterKey
        self.allowedHosts = allowedHosts
        self.workersMost = workersMost
        self.workerUser = workerUser
    }
}

/// Finds tenants with due work, fairly, and gives each a worker process under a lease. The only holder of the master key; never looks
/// into a tenant's payloads.
public final class Scheduler: Service {
    public let name = "scheduler"
    private let configuration: SchedulerConfiguration
    private let store: Store
    private let clocks: any Clocks
    private let random: any RandomSource
    private let log: Log
    private let metrics: Metrics
    private let spawner: Spawner
    private let watcher: Watcher
    /// This machine and boot: leases with this beginning are of processes that can be looked for here.
    private let host: String
    private let holder: String
    private let running = Locked<[TenantID: Running]>([:])
    private let backoffs = Locked<[TenantID: Duration]>([:])
    private let bell = Bell()

    struct Running: Sendable {
        var lease: Lease
        var child: Child
        var started: Duration
        var ends: Duration
    }

    public init(
        _ configuration: SchedulerConfiguration, store: Store, clocks: any Clocks, random: any RandomSource, log: Log, metrics: Metrics
    ) throws(Fault) {
        self.configuration = configuration
        self.store = store
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
        spawner = try Spawner()
        watcher = try Watcher()
        func file(_ path: String) -> String {
            ((try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) } ?? "?").trimmingSuffix()
        }
        host = "\(file("/etc/machine-id"))/\(file("/proc/sys/kernel/random/boot_id"))/"
        holder = host + random.uuid().uuidString.lowercased()
    }

    /// Every loop below waits at most this long before it looks again by itself.
    private static let pollMost = Duration.milliseconds(500)

    public func run() async throws {
        try await adopt()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.listen() }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.giveKeys() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.store.askDueSweeps() } }
            group.addTask { await self.every(.seconds(30)) { () throws(Fault) in try await self.store.askForgotten() } }
            group.addTask { await self.every(.seconds(Limits.heartbeatSeconds / 2)) { () throws(Fault) in try await self.beat() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.seal() } }
            group.addTask { await self.dispatchLoop() }
            try await group.waitForAll()
        }
        await stopAll()
    }

    // MARK: Leases left behind

    /// Workers of an earlier scheduler on this host die with it; their leases are freed once each is proven gone.
    private func adopt() async throws(Fault) {
        for (lease, pid) in try await store.leasesLeft(by: host, notBy: holder) {
            if let pid { await end(pid) }
            try await store.closeRole(lease.tenant)
            try await store.free(lease)
            metrics.count(.leases)
        }
    }

    /// Kills the process if it is one of our workers, and waits until it is gone.
    private func end(_ pid: Int32) async {
        for _ in 0 ..< 500 {
            guard let data = try? Data(contentsOf: URL(filePath: "/proc/\(pid)/cmdline")) else { return }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard words.count > 1, words[0] == configuration.program || words[0].hasSuffix("/counterfoil"), words[1] == "worker" else { return }
            kill(pid, SIGKILL)
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: Dispatch

    private func listen() async {
        for await _ in postgresNotifications(configuration.database, channel: "counterfoil_work") { bell.ring() }
    }

    private func every(_ period: Duration, _ body: @Sendable () async throws(Fault) -> Void) async {
        while !Task.isCancelled {
            do throws(Fault) { try await body() } catch { note(error) }
            do { try await Task.sleep(for: period) } catch { return }
        }
    }

    private func note(_ fault: Fault) {
        metrics.count(.databaseFaults, ("code", fault.code))
        if fault.code != "cancelled" { log.fault(.failed, fault) }
    }

    private func dispatchLoop() async {
        while !Task.isCancelled {
            do throws(Fault) { try await dispatch() } catch {
                note(error)
                try? await Task.sleep(for: .milliseconds(200))
            }
            await bell.wait(Scheduler.pollMost)
        }
    }

    private func dispatch() async throws(Fault) {
        let room = configuration.workersMost - running.with { $0.count }
        guard room > 0 else { return }
        let now = clocks.monotonic()
        backoffs.with { $0 = $0.filter { $0.value > now } }
        let except = Set(running.with { Array($0.keys) } + backoffs.with { Array($0.keys) })
        var free = room
        for due in try await store.dueTenants(limit: room + 4, except: except.sorted()) where free > 0 {
            do throws(Fault) {
                if try await start(due) { free -= 1 }
            } catch {
                // One tenant that can't be started must not keep those behind it from starting.
                backoffs.with { $0[due.tenant] = clocks.monotonic() + Scheduler.startAgain }
                note(error)
            }
        }
    }

    private static let startAgain = Duration.seconds(5)

    /// A worker for the tenant, under a new lease; `false` when somebody else has it.
    private func start(_ due: DueTenant) async throws(Fault) -> Bool {
        let tenant = due.tenant
        let began = clocks.monotonic()
        let ends = began + .seconds(Limits.leaseSeconds)
        guard let lease = try await store.acquire(tenant, holder: holder, seconds: Limits.leaseSeconds) else { return false }
        do throws(Fault) {
            let key = try configuration.masterKey.open(due.wrappedPrivateKey, context: Scheduler.keyContext(tenant))
            let password = Secret(random.bytes(24).hexText)
            let verifier = try scramVerifier(password: password, random: SystemRandom())
            // A lease taken over may have left sessions behind, on a host that can't be asked.
            try await store.closeRole(tenant)
            let role = try await store.openRole(tenant, verifier: verifier, until: clocks.now() + .seconds(Limits.workerLifeSeconds + 60))
            let user = configuration.workerUser
            let child = try await spawner.start(
                configuration.program, ["worker", "\(getpid())"], environment: ["LANG=C.UTF-8", "PATH=/usr/bin:/bin"], user: user, deathSignal: SIGKILL)
            let entry = Running(lease: lease, child: child, started: began, ends: ends)
            running.with { $0[tenant] = entry }
            watch(entry)
            send(entry, [
                ("tenant", .string(tenant.description)), ("epoch", .number("\(lease.epoch)")), ("lease_ends_ns", .number("\(ends.wholeNanoseconds)")),
                ("host", .string(configuration.database.host)), ("port", .string(configuration.database.port)),
                ("database", .string(configuration.database.database)), ("role", .string(role)), ("password", .string(password.revealText())),
                ("private_key", .string(key.hexText)), ("allowed_hosts", .array(configuration.allowedHosts.map { .string($0) })),
            ])
            try await store.setWorker(lease, pid: child.pid)
            metrics.set(.workers, to: Double(running.with { $0.count }))
            log.info(.workerStarted, ("tenant", tenant.description), ("pid", "\(child.pid)"), ("epoch", "\(lease.epoch)"))
            return true
        } catch {
            if running.with({ $0[tenant] == nil }) { _ = try? await store.release(lease, holder: holder, served: .zero, crashed: true) }
            throw error
        }
    }

    private func send(_ entry: Running, _ members: [(key: String, value: JSON)]) {
        let bytes = JSON.object(members).bytes + [10]
        _ = bytes.withUnsafeBytes { Glibc.send(entry.child.control, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    // MARK: Watching

    private func watch(_ entry: Running) {
        let tenant = entry.lease.tenant
        let pending = Locked<[UInt8]>([])
        watcher.watch(entry.child.control) { [metrics] in
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            let n = chunk.withUnsafeMutableBytes { recv(entry.child.control, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
            if n <= 0 { return n < 0 && (errno == EAGAIN || errno == EINTR) }
            let lines: [[UInt8]] = pending.with { bytes in
                bytes += chunk.prefix(n)
                var out: [[UInt8]] = []
                while let end = bytes.firstIndex(of: 10) {
                    out.append(Array(bytes[..<end]))
                    bytes.removeSubrange(...end)
                }
                if bytes.count > 1 << 20 { bytes = [] }
                return out
            }
            for line in lines {
                guard let json = try? JSON(parsing: line), let list = json["metrics"]?.array else { continue }
                for text in list.compactMap(\.string) { metrics.absorb(text) }
            }
            return true
        }
        watcher.watch(entry.child.pidfd) {
            var status: Int32 = 0
            let reaped = cf_reap(entry.child.pid, &status)
            if reaped == 0 { return true }
            // A worker that ends with any fault is given time: started again at once it would fail again at once.
            let crashed = cf_exited(status) == 0 || cf_exit_code(status) != 0
            let signal = cf_term_signal(status)
            Task.detached { await self.ended(tenant, entry, crashed: crashed, signal: signal) }
            return false
        }
    }

    private func ended(_ tenant: TenantID, _ entry: Running, crashed: Bool, signal: Int32) async {
        watcher.close([entry.child.pidfd, entry.child.control])
        metrics.set(.workers, to: Double(max(0, running.with { $0.count } - 1)))
        metrics.count(.workerRuns, ("result", crashed ? "crashed" : "ended"))
        log.info(.workerEnded, ("tenant", tenant.description), ("pid", "\(entry.child.pid)"), ("signal", "\(signal)"), ("crashed", "\(crashed)"))
        // The worker is reaped: whatever it was doing has ended, so its lease may pass on at once.
        for attempt in 0 ..< 20 {
            do throws(Fault) {
                try await store.closeRole(tenant)
                let crashes = try await store.release(entry.lease, holder: holder, served: clocks.monotonic() - entry.started, crashed: crashed)
                // A worker that somebody kills is not at fault; one that traps on a document would do it again at once.
                if crashes > 2 { backoffs.with { $0[tenant] = clocks.monotonic() + .milliseconds(min(200 << min(crashes, 8), signal == SIGKILL ? 500 : 30_000)) } }
                break
            } catch {
                note(error)
                do { try await Task.sleep(for: .milliseconds(100 << min(attempt, 5))) } catch { break }
            }
        }
        running.with { $0[tenant] = nil }
        bell.ring()
    }

    /// Renews every lease and tells its worker; one that is past its end is killed.
    private func beat() async throws(Fault) {
        for (tenant, entry) in running.with({ $0 }) {
            let now = clocks.monotonic()
            if now > entry.ends {
                _ = cf_pidfd_signal(entry.child.pidfd, SIGKILL)
                log.warning(.workerKilled, ("tenant", tenant.description), ("pid", "\(entry.child.pid)"))
                continue
            }
            guard now - entry.started < .seconds(Limits.workerLifeSeconds) else { continue }
            do throws(Fault) {
                guard try await store.renew(entry.lease, holder: holder, seconds: Limits.leaseSeconds) else {
                    _ = cf_pidfd_signal(entry.child.pidfd, SIGKILL)
                    continue
                }
            } catch {
                note(error)
                continue
            }
            let ends = now + .seconds(Limits.leaseSeconds)
            running.with { $0[tenant]?.ends = ends }
            send(entry, [("lease_ends_ns", .number("\(ends.wholeNanoseconds)"))])
        }
    }

    /// Kills what still runs and waits, for a while, until each is reaped and its lease given back.
    private func stopAll() async {
        for (_, entry) in running.with({ $0 }) { _ = cf_pidfd_signal(entry.child.pidfd, SIGKILL) }
        // Not cancelled with the rest.
        await Task.detached { [running] in
            for _ in 0 ..< 500 where !running.with({ $0.isEmpty }) {
                do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
            }
        }.value
    }

    // MARK: Keys

    /// What binds a wrapped private key to its tenant.
    static func keyContext(_ tenant: TenantID) -> [UInt8] { Array("tenant key \(tenant)".utf8) }

    private func giveKeys() async throws(Fault) {
        for tenant in try await store.keylessTenants(limit: 100) {
            let pair = try BoxPrivateKey.generate(random: SystemRandom())
            let wrapped = try configuration.masterKey.seal(pair.raw.reveal(), context: Scheduler.keyContext(tenant), random: SystemRandom())
            try await store.giveKeys(tenant, publicKey: pair.publicKey.bytes, wrapped: wrapped)
            log.info(.keysGiven, ("tenant", tenant.description))
        }
    }

    // MARK: Seals

    /// Chains committed audit rows, tenant by tenant.
    private func seal() async throws(Fault) {
        for seal in AuditChain.seals(try await store.unsealed(limit: Scheduler.sealRowsMost), limit: Scheduler.sealRowsMost) {
            do throws(Fault) {
                try await store.addSeal(seal.tenant, number: seal.number, beforeXID: seal.beforeXID, rows: seal.rows, digest: seal.digest)
            } catch {
                // Another scheduler's sealer was first with this number: its seal stands.
                if error.code != "unique_violation" { throw error }
            }
        }
    }

    private static let sealRowsMost = 20_000
}

/// The audit chain: each seal's digest covers the one before and every row since, in (transaction, id) order.
public enum AuditChain {
    public static let start = [UInt8](repeating: 0, count: 32)

    /// One seal to be added.
    public struct Seal: Sendable, Equatable {
        public var tenant: TenantID
        public var number: Int64
        public var beforeXID: String
        public var rows: Int
        public var digest: [UInt8]
    }

    /// The seals that cover these rows, which come by tenant, transaction and id. As many rows as `limit`: the last transaction of the last
    /// tenant may be cut off and is left for the next round.
    public static func seals(_ unsealed: [UnsealedRow], limit: Int) -> [Seal] {
        var out: [Seal] = []
        var start = 0
        while start < unsealed.count {
            let tenant = unsealed[start].tenant
            let end = unsealed[start...].firstIndex { $0.tenant != tenant } ?? unsealed.count
            var rows = Array(unsealed[start ..< end])
            var bound = rows[0].beforeXID
            if end == unsealed.count, unsealed.count >= limit {
                bound = rows[rows.count - 1].xid
                rows.removeAll { $0.xid == bound }
            }
            start = end
            guard let first = rows.first else { continue }
            out.append(Seal(
                tenant: tenant, number: (first.last?.number ?? 0) + 1, beforeXID: bound, rows: rows.count,
                digest: extend(first.last?.digest ?? AuditChain.start, rows)))
        }
        return out
    }

    /// SHA-256 over the previous digest and, for each row, the digest of its length-prefixed members.
    public static func extend(_ previous: [UInt8], _ rows: [UnsealedRow]) -> [UInt8] {
        var chain = previous
        for row in rows {
            var bytes: [UInt8] = []
            for member in [row.tenant.description, "\(row.id)", row.at.description, row.actor, row.action, row.subject] {
                bytes += Array("\(member.utf8.count):".utf8) + Array(member.utf8)
            }
            bytes += Array("\(row.detail.count):".utf8) + row.detail
            chain = Digest.sha256(chain + Digest.sha256(bytes))
        }
        return chain
    }
}

/// Something that can be rung from anywhere and waited for, with a limit.
final class Bell: Sendable {
    private struct State {
        var rung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    func ring() {
        let waiter = state.with { state in
            state.rung = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when rung since the last wait, after `limit`, or when cancelled. One waiter at a time.
    func wait(_ limit: Duration) async {
        let timer = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            self.ring()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Bool = state.with { state in
                    if state.rung || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if now { continuation.resume() }
            }
        } onCancel: {
            self.ring()
        }
        timer.cancel()
        state.with { $0.rung = false }
    }
}

extension Duration {
    /// Whole nanoseconds; enough for 292 years.
    var wholeNanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

extension String {
    fileprivate func trimmingSuffix() -> String { String(self.reversed().drop { $0.isWhitespace }.reversed()) }
}
