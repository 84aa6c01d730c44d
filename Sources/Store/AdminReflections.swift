public import FoundationEssentials
public import Kernel
public import Postgres

/// What sources are told of their documents, as people and the sources themselves see it.
public enum AdminReflectionStatements {
    static let reflection = """
        json_build_object('id', r.id, 'tenant', r.tenant_id, 'flow', r.flow_id, 'connection', r.connection_id, 'posting', r.post_key, 'number', r.number,
          'says', r.says, 'state', r.state, 'finding', r.finding, 'fault', r.fault, 'attempts', r.attempts, 'remote_id', r.remote_id, 'seq', r.seq,
          'planned_minor', (SELECT p.total_minor FROM app.postings p WHERE p.tenant_id = r.tenant_id AND p.post_key = r.post_key),
          'created_at', \(AdminSQL.utc("r.created_at")), 'sent_at', \(AdminSQL.utc("r.sent_at")), 'settled_at', \(AdminSQL.utc("r.settled_at")))
        """

    /// The check that holds it, or the code of the fault that it was refused with.
    static let cause = "CASE WHEN r.state = 'held' THEN coalesce(r.finding->>'check', 'reflection') ELSE coalesce(r.fault->>'code', 'reflection') END"

    /// Newest first.
    /// - Parameter code: of those that wait for a person, the ones with this cause.
    public static func list(_ tenant: TenantID, state: String?, code: String?, flow: FlowID?, source: ConnectionID?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT r.tenant_id, \(unsafe: reflection) AS json, ARRAY[\(unsafe: AdminSQL.utc("r.created_at")), r.id::text] AS cursor FROM app.reflections r
            WHERE r.tenant_id = \(tenant)
            """
        if let at = Timestamp(rfc3339: page.text(0)) { sql += " AND (r.created_at, r.id::text) < (\(at), \(page.text(1)))" }
        if let state { sql += " AND r.state = \(state)" }
        if let code { sql += " AND r.state IN ('held', 'refused') AND \(unsafe: cause) = \(code)" }
        if let flow { sql += " AND r.flow_id = \(flow)" }
        if let source { sql += " AND r.connection_id = \(source)" }
        return sql + " ORDER BY r.created_at DESC, r.id::text DESC LIMIT \(page.limit)"
    }

    /// What a source fetches: what lies in its list after a place, in order.
    public static func fetched(_ tenant: TenantID, _ connection: ConnectionID, after: Int64, limit: Int) -> SQL {
        """
        SELECT r.tenant_id, (jsonb_build_object('seq', r.seq, 'id', r.id, 'at', \(unsafe: AdminSQL.utc("r.settled_at"))) || r.says)::json AS json,
          ARRAY[r.seq::text] AS cursor
        FROM app.reflections r WHERE r.tenant_id = \(tenant) AND r.connection_id = \(connection) AND r.seq > \(after) ORDER BY r.seq LIMIT \(limit)
        """
    }

    public static func one(_ id: UUID, _ sees: Visibility) -> SQL {
        """
        SELECT r.tenant_id, \(unsafe: reflection) AS json FROM app.tenants t
        CROSS JOIN LATERAL (SELECT * FROM app.reflections x WHERE x.tenant_id = t.tenant_id AND x.id = \(id) LIMIT 1) r WHERE \(sees.condition("t"))
        """
    }

    /// A person says that the source is to be told.
    public static func tell(_ tenant: TenantID, _ id: UUID) -> SQL {
        """
        UPDATE app.reflections r SET state = 'due', settled_at = NULL, fault = NULL, next_attempt_at = \(unsafe: ReflectionStatements.inTurn)
        WHERE tenant_id = \(tenant) AND id = \(id) AND state IN ('held', 'refused') AND \(unsafe: ReflectionStatements.isWanted) RETURNING flow_id, post_key
        """
    }

    /// A person says that it is not.
    public static func dismiss(_ tenant: TenantID, _ id: UUID) -> SQL {
        """
        UPDATE app.reflections SET state = 'dismissed', settled_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND id = \(id) AND state IN ('held', 'refused') RETURNING flow_id, post_key
        """
    }
}

/// What a person may do with a reflection that is held or was refused.
public enum ReflectionOrder: String, Sendable, CaseIterable { case tell, dismiss }

extension PostgresTransaction {
    /// - Throws: `wrong_state` where nobody is asked about it.
    public func order(_ order: ReflectionOrder, _ tenant: TenantID, _ id: UUID, actor: String) async throws(Fault) {
        let sql = order == .tell ? AdminReflectionStatements.tell(tenant, id) : AdminReflectionStatements.dismiss(tenant, id)
        guard let row = try await query(sql).first else {
            throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "nobody is asked about this reflection, or its flow tells its source nothing",
                remedy: "Read it again: only what is held or was refused can be told or dismissed, and told only under the flow's policy reflect: on.")
        }
        let flow: FlowID = try row.get("flow_id")
        _ = try await query(JobStatements.ask(tenant, [Job(.reflect, flow.description, lane: .interactive)]))
        try await over(tenant, flow)
        let key: String = try row.get("post_key")
        try await audit(tenant, [AuditEntry(actor: actor, action: "reflection.\(order.rawValue)", subject: "posting \(key)")])
        _ = try await query(JobStatements.wake())
    }
}

extension Store {
    public func adminReflections(
        _ tenant: TenantID, state: String?, code: String?, flow: FlowID?, source: ConnectionID?, _ page: PageRequest
    ) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminReflectionStatements.list(tenant, state: state, code: code, flow: flow, source: source, page))
    }

    public func fetchedReflections(_ tenant: TenantID, _ connection: ConnectionID, after: Int64, limit: Int) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminReflectionStatements.fetched(tenant, connection, after: after, limit: limit))
    }

    public func adminReflection(_ id: UUID, _ sees: Visibility) async throws(Fault) -> AdminRow? { try await adminRow(AdminReflectionStatements.one(id, sees)) }
}
