public import Crypto
public import Kernel
public import Postgres
public import Store
public import Telemetry

/// How a scheduler runs on its host.
public struct SchedulerConfiguration: Sendable {
    /// The program that workers run.
    public var program: String
    /// Its arguments; the scheduler's process id comes after them.
    public var workerArguments: [String]
    /// Where workers log in; user and password are the tenant's own.
    public var database: PostgresConfiguration
    public var masterKey: AEADKey
    /// Hosts that connections may name besides public ones.
    public var allowedHosts: [String]
    /// Workers at once on this host.
    public var workersMost: Int
    /// The user that workers run as; `nil`: ours.
    public var workerUser: (uid: UInt32, gid: UInt32)?
    /// Numeric users instead, one for each running worker, each its own group: no two may signal or trace each other. This host's schedulers share none.
    public var workerUsers: ClosedRange<UInt32>?
    /// How the program is started to look for alerts and tell people of them; `nil`: somebody else does.
    public var alerts: (arguments: [String], environment: [String])?
    /// Notices a database that was brought back to an older state; `nil`: nobody does.
    public var mark: MarkKeeper?

    public init(
        program: String, workerArguments: [String] = ["worker"], database: PostgresConfiguration, masterKey: AEADKey, allowedHosts: [String], workersMost: Int,
        workerUser: (uid: UInt32, gid: UInt32)?
    ) {
        self.program = program
        self.workerArguments = workerArguments
        self.database = database
        self.masterKey = masterKey
        self.allowedHosts = allowedHosts
        self.workersMost = workersMost
        self.workerUser = workerUser
    }
}

/// Finds tenants with due work, fairly, and gives each a worker process under a lease. The only holder of the master key; never looks
/// into a tenant's payloads.
///
/// This file is the shell: loops and what they share. Decisions are in `Pacing`, `Vigil`, `CrashRules` and `Takeover`, which are pure.
public final class Scheduler: Service {
    public let name = "scheduler"
    let configuration: SchedulerConfiguration
    let store: Store
    let clocks: any Clocks
    let random: any RandomSource
    let log: Log
    let metrics: Metrics
    let spawner: Spawner
    let watcher: Watcher
    /// This machine, boot and process table: leases with this beginning are of processes that can be looked for here.
    let host: String
    let holder: String
    let running = Locked<[TenantID: Running]>([:])
    let pacing = Locked(Pacing())
    /// The user that was given last, where each worker has one of its own.
    let lastUser = Locked<UInt32?>(nil)
    let bell = Bell()
    /// The process that tells people, while it runs.
    let alertsChild = Locked<Child?>(nil)

    /// A worker of ours, from its start until its lease is given back.
    struct Running: Sendable {
        var lease: Lease
        var child: Child
        var vigil: Vigil
        /// Its user, where each has one of its own.
        var user: UInt32?
        /// It has its assignment.
        var isTold = false
        /// Its process has ended: its descriptors are closed, and their numbers may be others' by now.
        var over = false
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
        host = Takeover.hostName()
        holder = Takeover.holder(on: host, pid: ownPID(), random: random)
    }

    /// Every loop below waits at most this long before it looks again by itself.
    private static let pollMost = Duration.milliseconds(500)

    public func run() async throws {
        // What an earlier scheduler here left behind is taken over before anything else is looked at.
        do throws(Fault) { try await adopt() } catch { note(error) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.listen() }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.adopt() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.giveKeys() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in if try await self.store.askDueSweeps() { self.bell.ring() } } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in if try await self.store.askDueChanges() { self.bell.ring() } } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in _ = try await self.store.runDueSchedules() } }
            group.addTask { await self.every(.seconds(30)) { () throws(Fault) in try await self.store.askForgotten() } }
            group.addTask { await self.every(.seconds(Limits.heartbeatSeconds / 2)) { () throws(Fault) in try await self.beat() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.seal() } }
            group.addTask { await self.every(.seconds(1)) { () throws(Fault) in try await self.keepMark() } }
            group.addTask { await self.keepAlerts() }
            group.addTask { await self.dispatchLoop() }
            try await group.waitForAll()
        }
        await stopAlerts()
        await stopAll()
    }

    private func listen() async {
        for await _ in postgresNotifications(configuration.database, channel: "counterfoil_work") { bell.ring() }
    }

    private func every(_ period: Duration, _ body: @Sendable () async throws(Fault) -> Void) async {
        while !Task.isCancelled {
            do throws(Fault) { try await body() } catch { note(error) }
            do { try await clocks.sleep(for: period) } catch { return }
        }
    }

    private func dispatchLoop() async {
        while !Task.isCancelled {
            do throws(Fault) { try await dispatch() } catch {
                note(error)
                do { try await clocks.sleep(for: .milliseconds(200)) } catch { return }
            }
            await bell.wait(Scheduler.pollMost)
        }
    }

    func note(_ fault: Fault) {
        metrics.count(.databaseFaults, ("code", fault.code))
        if fault.code != "cancelled" { log.fault(.failed, fault) }
    }
}
