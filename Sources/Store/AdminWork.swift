public import Kernel
public import Postgres

/// What came in and what is to be done, as people see it: raw events and jobs, with what stops them.
public enum AdminWorkStatements {
    static let event = """
        json_build_object('id', e.id, 'connection', e.connection_id, 'topic', e.topic, 'delivery', e.delivery_id, 'state', e.state, 'fault', e.fault,
          'attempts', e.attempts, 'received_at', \(AdminSQL.utc("e.received_at")), 'normalized_at', \(AdminSQL.utc("e.normalized_at")))
        """

    /// Newest first. Bodies are sealed for the tenant and not shown.
    public static func events(_ tenant: TenantID, state: String?, code: String?, _ page: PageRequest) -> SQL {
        let before = Int64(page.text(0)) ?? .max
        var sql: SQL = """
            SELECT e.tenant_id, \(unsafe: event) AS json, ARRAY[e.id::text] AS cursor FROM app.events e
            WHERE e.tenant_id = \(tenant) AND e.id < \(before)
            """
        if let state { sql += " AND e.state = \(state)" }
        if let code { sql += " AND e.fault->>'code' = \(code)" }
        return sql + " ORDER BY e.id DESC LIMIT \(page.limit)"
    }

    /// A held event is read again; none when it is not held.
    public static func retryEvent(_ tenant: TenantID, _ id: Int64) -> SQL {
        """
        UPDATE app.events AS e SET state = 'ingested', fault = NULL WHERE e.tenant_id = \(tenant) AND e.id = \(id) AND e.state = 'held'
        RETURNING e.tenant_id, \(unsafe: event) AS json, e.connection_id
        """
    }

    public static func jobs(_ tenant: TenantID, _ page: PageRequest) -> SQL {
        """
        SELECT j.tenant_id, json_build_object('kind', j.kind, 'subject', j.subject, 'lane', j.lane, 'due_at', \(unsafe: AdminSQL.utc("j.due_at")),
          'attempts', j.attempts, 'fault', j.fault, 'crashes', coalesce(c.crashes, 0), 'batch', c.batch,
          'quarantined_until', \(unsafe: AdminSQL.utc("c.quarantined_until"))) AS json, ARRAY[j.kind, j.subject] AS cursor
        FROM app.jobs j LEFT JOIN app.crashes c ON c.tenant_id = j.tenant_id AND c.kind = j.kind AND c.subject = j.subject
        WHERE j.tenant_id = \(tenant) AND (j.kind, j.subject) > (\(page.text(0)), \(page.text(1))) ORDER BY j.kind, j.subject LIMIT \(page.limit)
        """
    }
}

extension Store {
    public func adminEvents(_ tenant: TenantID, state: String?, code: String? = nil, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminWorkStatements.events(tenant, state: state, code: code, page))
    }

    public func adminJobs(_ tenant: TenantID, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminWorkStatements.jobs(tenant, page))
    }
}

extension PostgresTransaction {
    /// Has a held event read again, at once. `nil` when there is no such event or it is not held.
    public func retryEvent(_ tenant: TenantID, _ id: Int64, actor: String) async throws(Fault) -> AdminRow? {
        let rows = try await query(AdminWorkStatements.retryEvent(tenant, id))
        guard let first = rows.first, let row = try rows.adminRows().first else { return nil }
        let connection: ConnectionID = try first.get("connection_id")
        _ = try await query(JobStatements.ask(tenant, [Job(.normalize, connection.description, lane: .interactive)]))
        _ = try await query(JobStatements.wake())
        try await audit(tenant, [AuditEntry(actor: actor, action: "event.released", subject: "event \(id)")])
        return row
    }
}
