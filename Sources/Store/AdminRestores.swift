public import Kernel
public import Postgres

/// What was done to a database that was declared restored.
public struct RestoreReport: Sendable {
    /// A batch of a file: whose, in which connection, its number.
    public struct Batch: Sendable, Equatable {
        public var tenant: String
        public var connection: String
        public var number: Int
    }

    /// How old the state is, at most.
    public var restoredTo: Timestamp
    public var lineage: LineageID
    public var tenants = 0
    public var flows = 0
    /// Connections that are read again from the state's time on.
    public var connections = 0
    /// Postings that were about to be sent, and are checked anew.
    public var cleared = 0
    /// Files that were not handed over as far as the database knows, and are given out no more.
    public var withdrawn: [Batch] = []
    /// Files that were handed over before, and wait for a word.
    public var handedOver: [Batch] = []
}

public enum AdminRestoreStatements {
    /// Up to when the database knows of work: marks move while workers run. Only one at a time declares.
    public static func state() -> SQL {
        """
        SELECT coalesce((SELECT max(at) FROM adm.marks), (SELECT max(at) FROM app.audit), clock_timestamp()) AS at FROM adm.lineage FOR UPDATE OF lineage
        """
    }

    public static func renew(_ lineage: LineageID) -> SQL { "UPDATE adm.lineage SET id = \(lineage), older_since = NULL" }

    /// The oldest state that was ever said counts: what was sent since is looked for from there on, and to look too far back loses nothing. Where nobody said how old
    /// the state is (`nil`), everything is looked through: the database's own word may be of work that was done after the restore.
    public static func flows(to state: Timestamp?) -> SQL {
        """
        UPDATE app.flows SET restored_at = clock_timestamp(), restored_to = least(restored_to, coalesce(\(state)::timestamptz, to_timestamp(0))) RETURNING tenant_id
        """
    }

    /// Sources are read again at once, ledgers' changes once sources have been: what we changed in the lost time is then known again, and nobody else's doing.
    public static func cursors(to state: Timestamp) -> SQL {
        """
        UPDATE app.connections SET swept_at = NULL, watermark = CASE WHEN watermark IS NOT NULL THEN least(watermark, \(state)) END,
          changes_watermark = CASE WHEN changes_watermark IS NOT NULL THEN least(changes_watermark, \(state)) END,
          changes_due_at = CASE WHEN changes_watermark IS NOT NULL THEN clock_timestamp() + interval '40 minutes' END
        WHERE state <> 'new' OR credential IS NOT NULL
        """
    }

    /// What was about to be sent is checked anew.
    public static func uncleared() -> SQL {
        """
        UPDATE app.postings p SET state = 'mapped', updated_at = clock_timestamp() FROM (
          SELECT tenant_id, post_key FROM app.postings WHERE state = 'cleared' ORDER BY tenant_id, post_key FOR NO KEY UPDATE) c
        WHERE p.tenant_id = c.tenant_id AND p.post_key = c.post_key AND p.state = 'cleared'
        """
    }

    /// Files that are not settled.
    public static func batches() -> SQL {
        """
        SELECT b.tenant_id, b.id, b.state, b.number, t.slug AS tenant, c.slug AS connection FROM app.batches b JOIN app.tenants t ON t.tenant_id = b.tenant_id
        JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id WHERE b.state IN ('open', 'handed_over') ORDER BY t.slug, c.slug, b.number
        """
    }
}

extension Store {
    /// Declares that the database was brought back to an older state: from here on nothing is sent, changed or taken back in a ledger before it was looked at. All or
    /// nothing; said again it begins anew.
    /// - Parameter state: how old it is where somebody knows it; what the database itself says where that is older, or `nil`.
    public func declareRestored(to state: Timestamp?, lineage: LineageID, actor: String) async throws(Fault) -> RestoreReport {
        try await transaction { tx throws(Fault) in
            guard let known: Timestamp = try await tx.query(AdminRestoreStatements.state()).first?.get("at") else {
                throw Fault("database_empty", stage: .database, disposition: .hold, summary: "the database has no lineage", remedy: "Run `counterfoil migrate`.")
            }
            var report = RestoreReport(restoredTo: state.map { min($0, known) } ?? known, lineage: lineage)
            _ = try await tx.query(AdminRestoreStatements.renew(lineage))
            var tenants: Set<TenantID> = []
            for row in try await tx.query(AdminRestoreStatements.flows(to: state.map { min($0, known) })) {
                tenants.insert(try row.get("tenant_id"))
                report.flows += 1
            }
            report.tenants = tenants.count
            report.connections = try await tx.query(AdminRestoreStatements.cursors(to: report.restoredTo)).affected
            try await tx.withdrawOpen(&report, actor: actor)
            report.cleared = try await tx.query(AdminRestoreStatements.uncleared()).affected
            let detail = Array("{\"restored_to\": \"\(report.restoredTo)\", \"lineage\": \"\(lineage)\"}".utf8)
            for tenant in tenants.sorted() {
                try await tx.audit(tenant, [AuditEntry(actor: actor, action: "database.restored", subject: "database", detail: detail)])
            }
            _ = try await tx.query(JobStatements.wake())
            return report
        }
    }
}

extension PostgresTransaction {
    /// A file that was open then may have been handed over and imported since: what stands in it is planned anew, and looked for or held.
    fileprivate func withdrawOpen(_ report: inout RestoreReport, actor: String) async throws(Fault) {
        for row in try await query(AdminRestoreStatements.batches()) {
            let batch = RestoreReport.Batch(tenant: try row.get("tenant"), connection: try row.get("connection"), number: Int(try row.get("number", as: Int32.self)))
            guard try row.get("state", as: String.self) == "open" else {
                report.handedOver.append(batch)
                continue
            }
            let tenant: TenantID = try row.get("tenant_id")
            let head = try await self.batch(tenant, try row.get("id"))
            try await withdraw(tenant, head, try await inHand(tenant, head), doubted: [], actor: actor, detail: Array(#"{"why": "restored"}"#.utf8))
            report.withdrawn.append(batch)
        }
    }
}
