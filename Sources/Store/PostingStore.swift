public import Books
public import Kernel
internal import Postgres

/// What the posting protocol keeps in the database, and nothing besides. `Store` in production; in memory in simulations.
public protocol PostingStore: Sendable {
    /// Cleared postings that may go now, what others depend on first.
    func duePostings(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [PostingRow]

    /// How long until the next posting of the flow may be sent or looked for; `nil` for none.
    func nextAttempt(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Duration?

    /// Writes the intents and moves the postings to `posting`, all or none; nothing may be sent before this returns.
    /// - Throws: `lease_lost`; `posting_moved`; `unique_violation` when a send is unsettled.
    func writeIntents(_ tenant: TenantID, epoch: Int64, _ intents: [NewIntent], audit: [AuditEntry]) async throws(Fault)

    /// Commits outcomes with what follows from them. An intent that is settled already stays as it is.
    func settle(_ tenant: TenantID, _ rows: [Settlement], jobs: [Job], audit: [PostKey: AuditEntry], alerts: [AlertRow]) async throws(Fault)

    /// Turns the open intents of epochs before this one into unknown outcomes; returns how many.
    func orphanIntents(_ tenant: TenantID, epoch: Int64) async throws(Fault) -> Int

    /// Postings whose last send has no settled outcome and that are due to be looked for.
    func unsettled(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [UnsettledRow]

    /// Holds one posting by name; what depends on it is checked again.
    func hold(_ tenant: TenantID, _ flow: FlowID, _ key: PostKey, findings: [UInt8], alert: AlertRow) async throws(Fault)

    /// Puts postings off, with the fault (JSON) that made it so. Those that are being sent, or are settled, stay as they are.
    func retryLater(_ tenant: TenantID, _ keys: [PostKey], by delay: Duration, fault: [UInt8]?) async throws(Fault)

    /// Cases with a rejected posting beside one of these are planned anew.
    func replanRejected(_ tenant: TenantID, _ flow: FlowID, beside keys: [PostKey]) async throws(Fault)
}

extension Store: PostingStore {
    public func retryLater(_ tenant: TenantID, _ keys: [PostKey], by delay: Duration, fault: [UInt8]?) async throws(Fault) {
        _ = try await pool.query(PostingStatements.retryLater(tenant, keys, by: delay, fault: fault))
    }

    public func replanRejected(_ tenant: TenantID, _ flow: FlowID, beside keys: [PostKey]) async throws(Fault) {
        _ = try await pool.query(DocumentStatements.dirtyRejected(tenant, flow, beside: keys.map(\.text)))
    }
}
