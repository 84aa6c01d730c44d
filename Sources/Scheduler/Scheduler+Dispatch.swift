internal import CSystem
internal import Crypto
internal import Glibc
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

func ownPID() -> Int32 { getpid() }

extension Scheduler {
    /// All that a worker inherits.
    private static var workerEnvironment: [String] {
        let own = ["LANG=C.UTF-8", "PATH=/usr/bin:/bin"]
        #if SABOTAGE
        return own + Sabotage.environment
        #else
        return own
        #endif
    }

    /// Wakes workers of ours that wait, and starts workers for those who are due, the least served first, as far as there is room.
    func dispatch() async throws(Fault) {
        try await wakeSleepers()
        var free = configuration.workersMost - running.with { $0.count }
        let now = clocks.monotonic()
        let except = Set(running.with { Array($0.keys) }).union(pacing.with { $0.resting(at: now) })
        let asked = Pacing.asked(room: free)
        guard asked > 0 else { return try await makeRoom(for: except, at: now) }
        let due = try await store.dueTenants(limit: asked, except: except.sorted())
        pacing.with { $0.saw(due) }
        guard !due.isEmpty, try await mayWork() else { return }
        for due in due where free > 0 {
            do throws(Fault) {
                if try await start(due) { free -= 1 }
            } catch {
                // One tenant that can't be started must not keep those behind it from starting.
                pacing.with { $0.startFailed(due.tenant, at: clocks.monotonic()) }
                note(error)
            }
        }
    }

    /// One line to each worker that waits though something is due for it. A worker that says that it waits rings the bell itself (`hear`): what was asked for
    /// between its last look and its word is found then, so none sleeps on over work. One that was woken is left alone until it says so again.
    func wakeSleepers() async throws(Fault) {
        let sleepers = running.with { running in running.filter { !$0.value.over && $0.value.vigil.isAsleep }.mapValues(\.lease) }
        for tenant in try await store.due(among: sleepers.keys.sorted()) {
            guard let lease = sleepers[tenant] else { continue }
            running.with { running in
                if running[tenant]?.lease == lease { running[tenant]?.vigil.woken() }
            }
            tell(tenant, lease, .object([("wake", .bool(true))]))
        }
    }

    /// Every place is taken: where tenants wait, workers that have had their turn are told to end when they have done what they have in hand.
    private func makeRoom(for except: Set<TenantID>, at now: Duration) async throws(Fault) {
        guard pacing.with({ $0.looksForRoom(at: now) }) else { return }
        let waiting = try await store.dueTenants(limit: configuration.workersMost, except: except.sorted())
        pacing.with { $0.saw(waiting) }
        guard !waiting.isEmpty else { return }
        let all = running.with { $0.filter { !$0.value.over && $0.value.isTold } }
        for tenant in Pacing.yielding(all.mapValues(\.vigil), waiting: waiting.count, at: now) {
            guard let lease = all[tenant]?.lease else { continue }
            running.with { running in
                if running[tenant]?.lease == lease { running[tenant]?.vigil.toldToYield(at: now) }
            }
            tell(tenant, lease, .object([("yield", .bool(true))]))
        }
    }

    /// A worker for the tenant, under a new lease; `false` when somebody else has it.
    private func start(_ due: DueTenant) async throws(Fault) -> Bool {
        let began = clocks.monotonic()
        guard let lease = try await store.acquire(due.tenant, holder: holder, seconds: Limits.leaseSeconds) else { return false }
        let vigil = Vigil(started: began, ends: began + .seconds(Limits.leaseSeconds))
        do throws(Fault) {
            let assignment = try await prepare(due, lease, vigil)
            let own = try ownUser()
            let child = try await spawner.start(
                configuration.program, configuration.workerArguments + ["\(getpid())"], environment: Scheduler.workerEnvironment,
                user: own.map { (uid: $0, gid: $0) } ?? configuration.workerUser, deathSignal: SIGKILL)
            let entry = Running(lease: lease, child: child, vigil: vigil, user: own)
            running.with { $0[due.tenant] = entry }
            watch(entry)
            // Noted first: without its assignment a worker can do nothing, and with it, it must be findable by whoever takes over.
            try await store.setWorker(lease, holder: holder, pid: child.pid)
            tell(due.tenant, lease, assignment, isFirst: true)
            metrics.set(.workers, to: Double(running.with { $0.count }))
            log.info(.workerStarted, ("tenant", due.tenant.description), ("pid", "\(child.pid)"), ("epoch", "\(lease.epoch)"))
            return true
        } catch {
            if end(due.tenant, lease, .notStarted) { throw error }
            do throws(Fault) { _ = try await store.release(lease, holder: holder, served: .zero, crashed: true) } catch { note(error) }
            throw error
        }
    }

    /// A user that no running worker has, where each has one of its own: the one that was given longest ago.
    private func ownUser() throws(Fault) -> UInt32? {
        guard let users = configuration.workerUsers else { return nil }
        let taken = Set(running.with { $0.values.compactMap(\.user) })
        guard let user = Scheduler.user(of: users, after: lastUser.with { $0 }, taken: taken) else {
            throw Fault("no_worker_user", stage: .scheduler, disposition: .retry, summary: "every user for workers has one already", remedy: "Give --worker-uids more numbers than --workers.")
        }
        lastUser.with { $0 = user }
        return user
    }

    /// The next free one, round and round: what a worker may have left behind under its user has the longest time to be found before the user is another's.
    static func user(of users: ClosedRange<UInt32>, after last: UInt32?, taken: Set<UInt32>) -> UInt32? {
        let start = last.flatMap { users.contains($0) && $0 < users.upperBound ? $0 + 1 : nil } ?? users.lowerBound
        return (start ... users.upperBound).first { !taken.contains($0) } ?? (users.lowerBound ..< start).first { !taken.contains($0) }
    }

    /// Opens the tenant's role under the lease; what its worker is to be told.
    private func prepare(_ due: DueTenant, _ lease: Lease, _ vigil: Vigil) async throws(Fault) -> JSON {
        let key = try configuration.masterKey.open(due.wrappedPrivateKey, context: Scheduler.keyContext(due.tenant))
        let password = Secret(random.bytes(24).hexText)
        let verifier = try scramVerifier(password: password, random: SystemRandom())
        // A lease taken over may have left sessions behind, on a host that can't be asked.
        try await store.closeRole(lease, holder: holder)
        let role = try await store.openRole(lease, holder: holder, verifier: verifier, seconds: Limits.workerLifeSeconds + 60)
        let lot: [(key: String, value: JSON)] = [
            ("tenant", .string(due.tenant.description)), ("epoch", .number("\(lease.epoch)")), ("lease_ends_ns", .number("\(vigil.ends.wholeNanoseconds)")),
            ("role", .string(role)), ("password", .string(password.revealText())),
            ("private_key", .string(key.hexText)), ("allowed_hosts", .array(configuration.allowedHosts.map { .string($0) })),
        ]
        return .object(lot + Scheduler.place(configuration.database))
    }

    /// Where a worker finds the database, and by the same way as we: what we verify of it, it verifies.
    static func place(_ database: PostgresConfiguration) -> [(key: String, value: JSON)] {
        [
            ("host", .string(database.host)), ("port", .string(database.port)), ("database", .string(database.database)),
            ("database_way", .object(database.way([:]).sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
        ]
    }

    /// One line down the worker's pipe; nothing when it has ended, for its descriptor's number may be another's by now.
    /// - isFirst: its assignment. It takes the first line for that, whatever it says: nothing goes before it, and what is said of the lease until then is said again
    ///   at the next heartbeat.
    func tell(_ tenant: TenantID, _ lease: Lease, _ json: JSON, isFirst: Bool = false) {
        let bytes = json.bytes + [10]
        running.with { running in
            guard let entry = running[tenant], entry.lease == lease, !entry.over, entry.isTold != isFirst else { return }
            running[tenant]?.isTold = true
            _ = bytes.withUnsafeBytes { Glibc.send(entry.child.control, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        }
    }

    /// Kills the worker that runs under the lease; its end is seen to like any other. `false` when there is none.
    @discardableResult
    func end(_ tenant: TenantID, _ lease: Lease, _ reason: Vigil.Reason) -> Bool {
        running.with { running in
            guard let entry = running[tenant], entry.lease == lease else { return false }
            if !entry.over {
                running[tenant]?.vigil.kill(reason)
                _ = cf_pidfd_signal(entry.child.pidfd, SIGKILL)
            }
            return true
        }
    }
}

extension Duration {
    /// Whole nanoseconds; enough for 292 years.
    var wholeNanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
