internal import CSystem
internal import Glibc
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Scheduler {
    /// Hears what the worker says and sees to its end.
    func watch(_ entry: Running) {
        let tenant = entry.lease.tenant
        let lines = Locked(LineBuffer())
        watcher.watch(entry.child.control) { [self] in hear(entry, lines) }
        watcher.watch(entry.child.pidfd) { [self] in
            var status: Int32 = 0
            if cf_reap(entry.child.pid, &status) == 0 { return true }
            // Its last words tell what it had in hand.
            while hear(entry, lines, untilEmpty: true) { continue }
            let exitCode = cf_exited(status) != 0 ? cf_exit_code(status) : nil
            let vigil: Vigil? = running.with { running in
                guard running[tenant]?.lease == entry.lease else { return nil }
                running[tenant]?.over = true
                return running[tenant]?.vigil
            }
            watcher.close([entry.child.pidfd, entry.child.control])
            let ending = (vigil ?? entry.vigil).ended(exitCode: exitCode, signal: cf_term_signal(status))
            Task.detached { await self.ended(entry, vigil ?? entry.vigil, ending) }
            return false
        }
    }

    /// Reads what is there. `false`: nothing more will come, or, with `untilEmpty`, nothing more is there.
    private func hear(_ entry: Running, _ lines: Locked<LineBuffer>, untilEmpty: Bool = false) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        let n = chunk.withUnsafeMutableBytes { recv(entry.child.control, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
        if n <= 0 { return n < 0 && (errno == EINTR || (errno == EAGAIN && !untilEmpty)) }
        let bytes = Array(chunk.prefix(n))
        for report in lines.with({ $0.feed(bytes) }).compactMap({ WorkerReport(line: $0) }) {
            if case .metrics(let counters) = report { for line in counters { metrics.absorb(line) } }
            let now = clocks.monotonic()
            let fellAsleep = running.with { running in
                guard running[entry.lease.tenant]?.lease == entry.lease else { return false }
                return running[entry.lease.tenant]?.vigil.hear(report, at: now) ?? false
            }
            // Something may have been asked for since it looked.
            if fellAsleep { bell.ring() }
        }
        return true
    }

    /// The worker is reaped: whatever it was doing has ended, so its lease may pass on at once.
    private func ended(_ entry: Running, _ vigil: Vigil, _ ending: Vigil.Ending) async {
        let tenant = entry.lease.tenant
        metrics.set(.workers, to: Double(running.with { $0.values.count { !$0.over } }))
        metrics.count(.workerRuns, ("result", ending.word))
        log.info(
            .workerEnded, ("tenant", tenant.description), ("pid", "\(entry.child.pid)"), ("ending", "\(ending)"), ("killed", vigil.killed?.rawValue ?? ""),
            ("job", vigil.hand?.job.description ?? ""), ("items", "\(vigil.hand?.items.count ?? 0)"))
        let blamed = ending.blames ? vigil.hand : nil
        var settled = blamed == nil
        for attempt in 0 ..< 20 {
            do throws(Fault) {
                try await store.closeRole(entry.lease, holder: holder)
                if let blamed, !settled {
                    try await settle(blamed, of: tenant, stuck: ending == .stuck)
                    settled = true
                }
                let served = clocks.monotonic() - vigil.started
                let most = pacing.with { $0.most }
                let crashes = try await store.release(entry.lease, holder: holder, served: served, crashed: !ending.isClean, named: blamed != nil, most: most)
                pacing.with { $0.ended(tenant, ending, crashes: crashes, named: blamed != nil, at: clocks.monotonic()) }
                break
            } catch {
                note(error)
                do { try await clocks.sleep(for: .milliseconds(100 << min(attempt, 5))) } catch { break }
            }
        }
        running.with { running in
            if running[tenant]?.lease == entry.lease { running[tenant] = nil }
        }
        bell.ring()
    }

    /// The crash is an event of this tenant, and of this job of it.
    private func settle(_ hand: Vigil.Hand, of tenant: TenantID, stuck: Bool) async throws(Fault) {
        let settlement = try await store.settleCrash(tenant, hand.job) { before, canHold in
            CrashRules.settle(hand.job, before, hand.items, stuck: stuck, canHold: canHold)
        }
        log.warning(
            .jobFailed, ("tenant", tenant.description), ("job", hand.job.description), ("crashes", "\(settlement.suspicion.crashes)"),
            ("held", settlement.hold ?? ""), ("quarantined", "\(settlement.suspicion.quarantined != nil)"))
    }

    /// Renews every lease and tells its worker; kills what hangs and what is past its lease.
    func beat() async throws(Fault) {
        for tenant in running.with({ $0.keys.sorted() }) {
            let now = clocks.monotonic()
            let (entry, step): (Running?, Vigil.Step) = running.with { running in
                guard var entry = running[tenant], !entry.over else { return (nil, .leave) }
                let step = entry.vigil.beat(at: now)
                running[tenant] = entry
                return (entry, step)
            }
            guard let entry else { continue }
            switch step {
            case .leave: continue
            case .kill(let reason):
                end(tenant, entry.lease, reason)
                log.warning(.workerKilled, ("tenant", tenant.description), ("pid", "\(entry.child.pid)"), ("reason", reason.rawValue))
            case .renew: await renew(entry, askedAt: now)
            }
        }
    }

    private func renew(_ entry: Running, askedAt now: Duration) async {
        let tenant = entry.lease.tenant
        do throws(Fault) {
            guard try await store.renew(entry.lease, holder: holder, seconds: Limits.leaseSeconds) else {
                end(tenant, entry.lease, .leaseLost)
                return
            }
            let ends: Duration? = running.with { running in
                guard running[tenant]?.lease == entry.lease else { return nil }
                running[tenant]?.vigil.renewed(askedAt: now)
                return running[tenant]?.vigil.ends
            }
            if let ends { tell(tenant, entry.lease, .object([("lease_ends_ns", .number("\(ends.wholeNanoseconds)"))])) }
        } catch {
            note(error)
            let late = clocks.monotonic()
            running.with { running in
                if running[tenant]?.lease == entry.lease { running[tenant]?.vigil.renewalFailed(at: late) }
            }
        }
    }

    /// Kills what still runs and waits, for a while, until each is reaped and its lease given back.
    func stopAll() async {
        for (tenant, entry) in running.with({ $0 }) { end(tenant, entry.lease, .stopping) }
        // Not cancelled with the rest.
        await Task.detached { [running, clocks] in
            for _ in 0 ..< 500 where !running.with({ $0.isEmpty }) {
                do { try await clocks.sleep(for: .milliseconds(10)) } catch { return }
            }
        }.value
    }
}
