public import Kernel
public import Postgres

/// What the administrator of a database sees of the posting protocol from outside, and how a worker is kept waiting at one of its points: for trials of the
/// protocol on a database of their own. The program that is tried knows nothing of it.
public struct Vantage: Sendable {
    /// A place in the protocol where a worker writes something, and can be kept from it.
    public enum Gate: Int32, Sendable, CaseIterable {
        case beforeIntent = 7_701
        case intentSend = 7_702
        case replyCommit = 7_703
        case confirm = 7_704
    }

    /// A tenant's lease as it stands.
    public struct LeaseState: Sendable {
        public var epoch: Int64
        public var held: Bool
        /// The worker's process.
        public var pid: Int32?
    }

    private let pool: PostgresPool
    private let configuration: PostgresConfiguration

    /// `administrator`: may do everything in this database.
    public init(_ administrator: PostgresConfiguration) {
        configuration = administrator
        pool = PostgresPool(administrator, size: 6)
    }

    public func close() async { await pool.close() }

    /// Sets the gates up: triggers that wait for a lock which nobody holds but a trial.
    public func install() async throws(Fault) { try await postgresScript(configuration, VantageStatements.gates) }

    public func lease(_ tenant: TenantID) async throws(Fault) -> LeaseState? {
        guard let row = try await pool.query(VantageStatements.lease(tenant)).first else { return nil }
        return LeaseState(epoch: try row.get("epoch"), held: try row.get("held"), pid: try row.get("pid"))
    }

    /// Closes the gate for the tenant while `body` runs.
    public func close<T: Sendable>(_ gate: Gate, for tenant: TenantID, while body: @Sendable () async throws(Fault) -> T) async throws(Fault) -> T {
        try await pool.transaction { tx throws(Fault) in
            try await tx.query(VantageStatements.shut(gate, tenant))
            return try await body()
        }
    }

    /// The server process of the tenant's worker that waits at the gate; `nil` while none does.
    public func waiting(at gate: Gate) async throws(Fault) -> Int32? { try await pool.query(VantageStatements.waiting(gate)).first?.get("pid") }

    /// Postings of the tenant that could be sent now.
    public func ready(_ tenant: TenantID) async throws(Fault) -> Int {
        Int(try await pool.query(VantageStatements.ready(tenant))[0].get("count", as: Int64.self))
    }

    /// Gives the lease to somebody else, for `seconds`, whoever has it.
    public func takeLease(_ tenant: TenantID, seconds: Int) async throws(Fault) { try await pool.query(VantageStatements.takeLease(tenant, seconds: seconds)) }

    public func freeLease(_ tenant: TenantID) async throws(Fault) { try await pool.query(VantageStatements.freeLease(tenant)) }

    /// Whether the server answers.
    public func answers() async -> Bool { (try? await pool.query("SELECT 1")) != nil }
}

enum VantageStatements {
    /// The function runs as the administrator: workers may not touch advisory locks.
    static let gates = """
        CREATE SCHEMA IF NOT EXISTS trial;
        CREATE OR REPLACE FUNCTION trial.gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
          IF TG_ARGV[0]::int = 7702 AND NOT EXISTS (SELECT FROM app.intents WHERE tenant_id = NEW.tenant_id AND state = 'open') THEN RETURN NEW; END IF;
          PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int, hashtext(NEW.tenant_id::text));
          RETURN NEW;
        END $$;
        CREATE OR REPLACE TRIGGER trial_before_intent BEFORE INSERT ON app.intents FOR EACH ROW EXECUTE FUNCTION trial.gate('7701');
        CREATE OR REPLACE TRIGGER trial_intent_send BEFORE INSERT ON app.budgets FOR EACH ROW EXECUTE FUNCTION trial.gate('7702');
        CREATE OR REPLACE TRIGGER trial_reply_commit BEFORE UPDATE ON app.intents FOR EACH ROW
          WHEN (OLD.state = 'open' AND NEW.state = 'posted') EXECUTE FUNCTION trial.gate('7703');
        CREATE OR REPLACE TRIGGER trial_confirm BEFORE UPDATE ON app.postings FOR EACH ROW
          WHEN (OLD.state = 'posted' AND NEW.state IN ('confirmed', 'voided')) EXECUTE FUNCTION trial.gate('7704');
        """

    static func shut(_ gate: Vantage.Gate, _ tenant: TenantID) -> SQL {
        "SELECT pg_advisory_xact_lock(\(gate.rawValue), hashtext(\(tenant.description)))"
    }

    static func waiting(_ gate: Vantage.Gate) -> SQL {
        """
        SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock' AND classid = \(Int64(gate.rawValue))::oid LIMIT 1
        """
    }

    static func lease(_ tenant: TenantID) -> SQL {
        "SELECT epoch, state = 'held' AS held, pid FROM app.leases WHERE tenant_id = \(tenant)"
    }

    static func ready(_ tenant: TenantID) -> SQL {
        """
        SELECT count(*) AS count FROM app.postings p
        WHERE p.tenant_id = \(tenant) AND p.state = 'cleared' AND p.findings = '[]' AND p.next_attempt_at <= clock_timestamp() AND \(unsafe: PostingStatements.free)
        """
    }

    static func takeLease(_ tenant: TenantID, seconds: Int) -> SQL {
        """
        UPDATE app.leases SET epoch = epoch + 1, holder = 'trial', pid = NULL, state = 'held', acquired_at = clock_timestamp(),
          expires_at = clock_timestamp() + \(Int64(seconds)) * interval '1 second' WHERE tenant_id = \(tenant)
        """
    }

    static func freeLease(_ tenant: TenantID) -> SQL {
        "UPDATE app.leases SET state = 'free' WHERE tenant_id = \(tenant) AND holder = 'trial'"
    }
}
