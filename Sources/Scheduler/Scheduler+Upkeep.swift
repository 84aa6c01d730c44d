internal import Crypto
internal import Glibc
internal import Kernel
internal import Store
internal import Telemetry

extension Scheduler {
    // MARK: Leases of others here

    /// Takes over from schedulers of this machine that are gone or were stopped, worker by worker, as each is proven dead.
    func adopt() async throws(Fault) {
        for held in try await store.leasesHeld(on: host, notBy: holder) {
            switch Takeover.step(worker: held.pid.map(worker), scheduler: scheduler(held.holder), expired: held.expired) {
            case .leave: continue
            case .kill:
                if let pid = held.pid { ForeignProcess.kill(pid, isWorker) }
                log.warning(.workerKilled, ("tenant", held.lease.tenant.description), ("pid", "\(held.pid ?? 0)"), ("reason", "left_behind"))
            case .free:
                guard try await store.free(held) else { continue }
                metrics.count(.leases)
                bell.ring()
            }
        }
    }

    private func isWorker(_ words: [String]) -> Bool {
        guard let program = words.first, program == configuration.program || program.hasSuffix("/counterfoil") else { return false }
        return words.count > 1 && words[1] == configuration.workerArguments.first
    }

    private func worker(_ pid: Int32) -> Takeover.Presence {
        // A number of a child of ours is not the other scheduler's worker any more.
        if running.with({ $0.values.contains { !$0.over && $0.child.pid == pid } }) { return .gone }
        return ForeignProcess.presence(of: pid, isWorker)
    }

    private func scheduler(_ holder: String) -> Takeover.Presence {
        guard let pid = Takeover.schedulerPID(holder, on: host) else { return .unknowable }
        // Our own number with another name: one of before us.
        if pid == getpid() { return .gone }
        return ForeignProcess.presence(of: pid) { _ in true }
    }

    // MARK: Keys

    /// What binds a wrapped private key to its tenant.
    static func keyContext(_ tenant: TenantID) -> [UInt8] { Array("tenant key \(tenant)".utf8) }

    func giveKeys() async throws(Fault) {
        for tenant in try await store.keylessTenants(limit: 100) {
            let pair = try BoxPrivateKey.generate(random: SystemRandom())
            let wrapped = try configuration.masterKey.seal(pair.raw.reveal(), context: Scheduler.keyContext(tenant), random: SystemRandom())
            try await store.giveKeys(tenant, publicKey: pair.publicKey.bytes, wrapped: wrapped)
            log.info(.keysGiven, ("tenant", tenant.description))
        }
    }

    // MARK: Seals

    /// Of one owner at once.
    private static let sealRowsMost = 500
    private static let sealRoundsMost = 40

    /// Chains committed audit rows, owner by owner. However many one has, it keeps no other waiting.
    func seal(rows most: Int = Scheduler.sealRowsMost) async throws(Fault) {
        for _ in 0 ..< Scheduler.sealRoundsMost {
            let unsealed = try await store.unsealed(limit: most)
            for seal in AuditChain.seals(unsealed, limit: most) { try await add(seal) }
            let cut = AuditChain.cut(unsealed, limit: most)
            for owner in cut where owner.isOne { try await add(try await store.seal(ofTransaction: owner.first)) }
            if cut.isEmpty { return }
        }
    }

    private func add(_ seal: AuditSeal) async throws(Fault) {
        do throws(Fault) {
            try await store.addSeal(seal)
        } catch {
            // Another scheduler's sealer was first with this number: its seal stands.
            if error.code != "unique_violation" { throw error }
        }
    }
}
