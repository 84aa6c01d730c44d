public import Kernel
internal import Postgres

/// A lease that some scheduler of this machine holds.
public struct HeldLease: Sendable {
    public var lease: Lease
    public var holder: String
    /// The worker's process; `nil`: none has got its assignment yet.
    public var pid: Int32?
    /// Nobody renewed it in time.
    public var expired: Bool
}

/// What a scheduler does under a lease it may have lost meanwhile, when it was stopped in between: each statement holds the lease's row while it works, and
/// does nothing when the lease is another's.
enum TakeoverStatements {
    private static func mine(_ lease: Lease, _ holder: String) -> SQL {
        """
        SELECT tenant_id FROM app.leases
        WHERE tenant_id = \(lease.tenant) AND epoch = \(lease.epoch) AND holder = \(holder) AND state = 'held' FOR UPDATE
        """
    }

    static func openRole(_ lease: Lease, holder: String, verifier: String, seconds: Int) -> SQL {
        """
        WITH mine AS MATERIALIZED (\(mine(lease, holder)))
        SELECT adm.open_tenant(tenant_id, \(verifier), clock_timestamp() + \(Int64(seconds)) * interval '1 second')::text AS role FROM mine
        """
    }

    static func closeRole(_ lease: Lease, holder: String) -> SQL {
        "WITH mine AS MATERIALIZED (\(mine(lease, holder))) SELECT adm.close_tenant(tenant_id) AS ended FROM mine"
    }

    static func setWorker(_ lease: Lease, holder: String, pid: Int32) -> SQL {
        """
        UPDATE app.leases SET pid = \(pid)
        WHERE tenant_id = \(lease.tenant) AND epoch = \(lease.epoch) AND holder = \(holder) AND state = 'held'
        """
    }

    /// Leases of schedulers of this very machine, boot and process table, this one's own left out.
    static func held(on host: String, notBy holder: String) -> SQL {
        """
        SELECT tenant_id, epoch, holder, pid, expires_at < clock_timestamp() AS expired FROM app.leases
        WHERE state = 'held' AND starts_with(holder, \(host)) AND holder <> \(holder)
        """
    }

    /// Passes a lease on whose worker is proven dead.
    static func free(_ lease: Lease, holder: String, pid: Int32?) -> SQL {
        """
        UPDATE app.leases SET state = 'free' WHERE tenant_id = \(lease.tenant) AND epoch = \(lease.epoch) AND holder = \(holder) AND state = 'held'
          AND pid IS NOT DISTINCT FROM \(pid)
        """
    }
}

extension Store {
    private func lost() -> Fault {
        Fault("lease_lost", stage: .scheduler, disposition: .retry, summary: "this scheduler no longer holds the tenant's lease")
    }

    /// The tenant's login role, open this long by the database's clock: the hosts' clocks differ.
    /// - Throws: `lease_lost`.
    public func openRole(_ lease: Lease, holder: String, verifier: String, seconds: Int) async throws(Fault) -> String {
        let opened = try await pool.query(TakeoverStatements.openRole(lease, holder: holder, verifier: verifier, seconds: seconds))
        guard let row = opened.first else { throw lost() }
        return try row.get("role")
    }

    /// No new sessions of the tenant's role, and the end of those there are: returns when none is left, or when the lease is another's.
    /// - Throws: `sessions_remain` when some do not end.
    public func closeRole(_ lease: Lease, holder: String) async throws(Fault) {
        try await closeRole(TakeoverStatements.closeRole(lease, holder: holder))
    }

    /// Notes which process works under the lease. Before this nobody may hand that process its assignment: a takeover looks for it by this number.
    /// - Throws: `lease_lost`.
    public func setWorker(_ lease: Lease, holder: String, pid: Int32) async throws(Fault) {
        guard try await pool.query(TakeoverStatements.setWorker(lease, holder: holder, pid: pid)).affected == 1 else { throw lost() }
    }

    /// Leases that other schedulers of this machine hold, or left held when they ended.
    public func leasesHeld(on host: String, notBy holder: String) async throws(Fault) -> [HeldLease] {
        var out: [HeldLease] = []
        for row in try await pool.query(TakeoverStatements.held(on: host, notBy: holder)) {
            out.append(HeldLease(
                lease: Lease(tenant: try row.get("tenant_id"), epoch: try row.get("epoch")), holder: try row.get("holder"), pid: try row.get("pid"),
                expired: try row.get("expired")))
        }
        return out
    }

    /// Passes a lease on whose worker is proven dead, and that nobody touched since it was read. Whether it did.
    public func free(_ held: HeldLease) async throws(Fault) -> Bool {
        try await closeRole(held.lease, holder: held.holder)
        return try await pool.query(TakeoverStatements.free(held.lease, holder: held.holder, pid: held.pid)).affected == 1
    }
}
