public import Kernel
public import Postgres

/// The right to work for a tenant, for a while. The epoch grows with each holder.
public struct Lease: Sendable, Hashable {
    public var tenant: TenantID
    public var epoch: Int64

    public init(tenant: TenantID, epoch: Int64) {
        self.tenant = tenant
        self.epoch = epoch
    }
}

/// A tenant that has due work and nobody working for it.
public struct DueTenant: Sendable {
    public var tenant: TenantID
    public var wrappedPrivateKey: [UInt8]
    /// What the most served of all that are due has had, over its weight; the same for each of one answer.
    public var most: Duration
}

public enum LeaseStatements {
    /// Takes the lease when it is free, or when it ended longer ago than any request of its holder can still be under way. NULL otherwise.
    public static func acquire(_ tenant: TenantID, holder: String, seconds: Int) -> SQL {
        """
        INSERT INTO app.leases AS l (tenant_id, epoch, holder, state, acquired_at, expires_at)
        VALUES (\(tenant), 1, \(holder), 'held', clock_timestamp(), clock_timestamp() + \(Int64(seconds)) * interval '1 second')
        ON CONFLICT (tenant_id) DO UPDATE SET epoch = l.epoch + 1, holder = EXCLUDED.holder, pid = NULL, state = 'held',
          acquired_at = EXCLUDED.acquired_at, expires_at = EXCLUDED.expires_at
          WHERE l.state = 'free' OR l.expires_at + \(takeoverWaitSeconds) * interval '1 second' < clock_timestamp()
        RETURNING epoch
        """
    }

    /// Longer than any request of a holder may still be under way after its lease's end.
    private static var takeoverWaitSeconds: Int64 {
        #if SABOTAGE
        if Sabotage.skipEpoch.isOn { return 0 }
        #endif
        return 25
    }

    /// Not for a tenant that was paused or removed meanwhile.
    public static func renew(_ lease: Lease, holder: String, seconds: Int) -> SQL {
        """
        UPDATE app.leases SET expires_at = clock_timestamp() + \(Int64(seconds)) * interval '1 second'
        WHERE tenant_id = \(lease.tenant) AND epoch = \(lease.epoch) AND holder = \(holder) AND state = 'held'
          AND EXISTS (SELECT FROM app.tenants WHERE tenant_id = \(lease.tenant) AND state = 'active')
        """
    }

    /// Nobody is counted as further behind the most served that waits than this, over the weights, longer than most things that a worker has in hand: one that was
    /// served little in a year would else go before all others until it has caught up.
    static let behindMost = Duration.seconds(60)

    /// Gives the lease back and counts what the tenant was given.
    /// - named: a job is blamed for the crash, and tells of it.
    /// - most: what the most served of those that wait has had, over its weight.
    public static func release(_ lease: Lease, holder: String, served: Duration, crashed: Bool, named: Bool = false, most: Duration = .zero) -> SQL {
        let least = max(.zero, most - behindMost).wholeMilliseconds
        return """
        WITH freed AS (
          UPDATE app.leases SET state = 'free', crashes = CASE WHEN \(crashed) THEN crashes + 1 ELSE 0 END,
            nameless = CASE WHEN NOT \(crashed) THEN 0 WHEN \(named) THEN nameless ELSE nameless + 1 END
          WHERE tenant_id = \(lease.tenant) AND epoch = \(lease.epoch) AND holder = \(holder) RETURNING tenant_id, crashes
        ), share AS (
          INSERT INTO app.tenant_shares AS s (tenant_id, served_ms)
          SELECT tenant_id, \(least) * (SELECT weight FROM app.tenants WHERE tenant_id = \(lease.tenant)) + \(served.wholeMilliseconds) FROM freed
          ON CONFLICT (tenant_id) DO UPDATE SET served_ms = greatest(s.served_ms + \(served.wholeMilliseconds), EXCLUDED.served_ms)
        )
        SELECT crashes FROM freed
        """
    }

    public static func openRole(_ tenant: TenantID, verifier: String, until: Timestamp) -> SQL {
        "SELECT adm.open_tenant(\(tenant), \(verifier), \(until))::text AS role"
    }

    public static func closeRole(_ tenant: TenantID) -> SQL { "SELECT adm.close_tenant(\(tenant)) AS ended" }

    /// Tenants created but without keys.
    public static func keyless(limit: Int) -> SQL { "SELECT tenant_id FROM app.tenants WHERE state = 'new' LIMIT \(limit)" }

    public static func giveKeys(_ tenant: TenantID, publicKey: [UInt8], wrapped: [UInt8]) -> SQL {
        """
        UPDATE app.tenants SET public_key = \(publicKey), wrapped_private_key = \(wrapped), state = 'active'
        WHERE tenant_id = \(tenant) AND state = 'new'
        """
    }
}

extension Store {
    /// Tenants with due work, fairest first.
    public func dueTenants(limit: Int, except: [TenantID] = []) async throws(Fault) -> [DueTenant] {
        var out: [DueTenant] = []
        for row in try await pool.query(JobStatements.dueTenants(limit: limit, except: except)) {
            out.append(DueTenant(
                tenant: try row.get("tenant_id"), wrappedPrivateKey: try row.get("wrapped_private_key"), most: .milliseconds(try row.get("most", as: Int64.self))))
        }
        return out
    }

    /// `nil` when somebody else holds it.
    public func acquire(_ tenant: TenantID, holder: String, seconds: Int) async throws(Fault) -> Lease? {
        guard let epoch: Int64 = try await pool.query(LeaseStatements.acquire(tenant, holder: holder, seconds: seconds)).first?.get("epoch")
        else { return nil }
        return Lease(tenant: tenant, epoch: epoch)
    }

    /// Whether the lease is still ours.
    public func renew(_ lease: Lease, holder: String, seconds: Int) async throws(Fault) -> Bool {
        try await pool.query(LeaseStatements.renew(lease, holder: holder, seconds: seconds)).affected == 1
    }

    /// Number of crashes in a row, for back-off.
    /// - named: a job is blamed for the crash.
    /// - most: what the most served of those that wait has had, as `dueTenants` told it.
    public func release(
        _ lease: Lease, holder: String, served: Duration, crashed: Bool, named: Bool = false, most: Duration = .zero
    ) async throws(Fault) -> Int {
        let freed = LeaseStatements.release(lease, holder: holder, served: served, crashed: crashed, named: named, most: most)
        let n: Int32 = try await pool.query(freed).first?.get("crashes") ?? 0
        return Int(n)
    }

    /// The tenant's login role, open until the lease ends.
    public func openRole(_ tenant: TenantID, verifier: String, until: Timestamp) async throws(Fault) -> String {
        guard let row = try await pool.query(LeaseStatements.openRole(tenant, verifier: verifier, until: until)).first else {
            throw Fault("role_not_opened", stage: .database, disposition: .retry, summary: "the tenant's database role could not be opened")
        }
        return try row.get("role")
    }

    /// No new sessions of the tenant's role, and the end of those there are: returns when none is left.
    /// - Throws: `sessions_remain` when some do not end.
    public func closeRole(_ tenant: TenantID) async throws(Fault) { try await closeRole(LeaseStatements.closeRole(tenant)) }

    func closeRole(_ close: SQL) async throws(Fault) {
        // Ending a session is a signal: the session is gone a moment later.
        for attempt in 0 ..< 50 {
            let ended: Int32 = try await pool.query(close).first?.get("ended") ?? 0
            if ended == 0 { return }
            do { try await Task.sleep(for: .milliseconds(1 << min(attempt, 6))) } catch { throw Fault.wrapping(error, stage: .database) }
        }
        throw Fault("sessions_remain", stage: .database, disposition: .retry, summary: "database sessions of a tenant's role do not end")
    }

    public func keylessTenants(limit: Int) async throws(Fault) -> [TenantID] {
        var out: [TenantID] = []
        for row in try await pool.query(LeaseStatements.keyless(limit: limit)) { out.append(try row.get("tenant_id")) }
        return out
    }

    public func giveKeys(_ tenant: TenantID, publicKey: [UInt8], wrapped: [UInt8]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            let changed = try await tx.query(LeaseStatements.giveKeys(tenant, publicKey: publicKey, wrapped: wrapped)).affected
            if changed > 0 { try await tx.audit(tenant, [AuditEntry(actor: "scheduler", action: "tenant.keyed", subject: "tenant \(tenant)")]) }
        }
    }

    /// Milliseconds until anybody's next job.
    public func nextDueOfAll() async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(JobStatements.nextDueOfAll()).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    /// Whether there were any.
    @discardableResult
    public func askDueSweeps() async throws(Fault) -> Bool { try await pool.query(JobStatements.askDueSweeps()).affected > 0 }
    /// Whether there were any.
    @discardableResult
    public func askDueChanges() async throws(Fault) -> Bool { try await pool.query(JobStatements.askDueChanges()).affected > 0 }
    public func askForgotten() async throws(Fault) { _ = try await pool.query(JobStatements.askForgotten()) }
    public func wake() async throws(Fault) { _ = try await pool.query(JobStatements.wake()) }
}
