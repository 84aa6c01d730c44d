public import Kernel
public import Postgres

/// What to list of a tenant's documents; `nil` does not filter.
public struct DocumentFilter: Sendable {
    public var flow: FlowID?
    public var kind: String?
    /// Derived from the postings: `held`, `in_progress`, `confirmed` …
    public var state: String?
    public var caseID: String?
    /// Of the fault that keeps its case from being planned.
    public var code: String?

    public init(flow: FlowID? = nil, kind: String? = nil, state: String? = nil, caseID: String? = nil, code: String? = nil) {
        self.flow = flow
        self.kind = kind
        self.state = state
        self.caseID = caseID
        self.code = code
    }
}

public enum AdminDocumentStatements {
    /// Joins a document `d` with what became of it: `s` counts its postings by state, `c` is its case. A posting of another flow is not its own.
    static let fate = """
        LEFT JOIN app.cases c ON c.tenant_id = d.tenant_id AND c.flow_id = d.flow_id AND c.case_id = d.case_id
        LEFT JOIN LATERAL (
          SELECT \(counts) FROM app.posting_documents pd
          JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key AND p.flow_id = d.flow_id
          WHERE pd.tenant_id = d.tenant_id AND pd.source_id = d.source_id
        ) s ON true
        """

    /// The same for all documents of the tenants `t`, counted in one go instead of document by document.
    static let fates = """
        LEFT JOIN app.cases c ON c.tenant_id = d.tenant_id AND c.flow_id = d.flow_id AND c.case_id = d.case_id
        LEFT JOIN (
          SELECT p.flow_id, pd.source_id, \(counts) FROM app.posting_documents pd
          JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
          WHERE pd.tenant_id = t.tenant_id GROUP BY p.flow_id, pd.source_id
        ) s ON s.flow_id = d.flow_id AND s.source_id = d.source_id
        """

    private static let counts = """
        count(*) AS n, count(*) FILTER (WHERE p.state = 'held') AS held, count(*) FILTER (WHERE p.state = 'rejected') AS rejected,
            count(*) FILTER (WHERE p.state = 'unknown') AS unknown, count(*) FILTER (WHERE p.state = 'manual') AS manual,
            count(*) FILTER (WHERE p.state IN ('mapped', 'cleared', 'posting', 'posted') OR (p.state = 'gathered' AND p.part_of = '')) AS open,
            count(*) FILTER (WHERE p.state IN ('confirmed', 'reconciled')) AS confirmed,
            count(*) FILTER (WHERE p.state = 'voided') AS voided, count(*) FILTER (WHERE p.state = 'superseded') AS superseded
        """

    /// A document's state, derived from its postings. Without any it is held when its case cannot be planned, in progress until its case
    /// has been planned, and skipped when the plan calls for nothing.
    static let state = """
        CASE WHEN s.held > 0 OR (coalesce(s.n, 0) = 0 AND c.fault IS NOT NULL AND NOT c.dirty) THEN 'held' WHEN s.rejected > 0 THEN 'rejected'
          WHEN s.unknown > 0 THEN 'unknown' WHEN s.manual > 0 THEN 'manual' WHEN s.open > 0 THEN 'in_progress'
          WHEN coalesce(s.n, 0) = 0 AND (c.dirty OR c.planned_at IS NULL OR d.state = 'normalized') THEN 'in_progress'
          WHEN s.confirmed > 0 THEN 'confirmed' WHEN s.voided > 0 THEN 'voided' WHEN s.superseded > 0 THEN 'superseded' ELSE 'skipped' END
        """

    private static func document(_ more: String = "") -> String {
        """
        json_build_object('id', d.id, 'tenant', d.tenant_id, 'flow', d.flow_id, 'kind', d.kind, 'source_id', d.source_id, 'case', d.case_id,
          'version', d.version, 'happened_at', \(AdminSQL.utc("d.happened_at")), 'state', \(state), 'fault', c.fault,
          'created_at', \(AdminSQL.utc("d.created_at")), 'updated_at', \(AdminSQL.utc("d.updated_at"))\(more))
        """
    }

    public static func list(_ tenant: TenantID, _ filter: DocumentFilter, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT d.tenant_id, \(unsafe: document()) AS json, ARRAY[d.flow_id::text, d.kind, d.source_id] AS cursor
            FROM app.documents d \(unsafe: fate) WHERE d.tenant_id = \(tenant)
            """
        if let flow = FlowID(page.text(0)) { sql += " AND (d.flow_id, d.kind, d.source_id) > (\(flow), \(page.text(1)), \(page.text(2)))" }
        if let flow = filter.flow { sql += " AND d.flow_id = \(flow)" }
        if let kind = filter.kind { sql += " AND d.kind = \(kind)" }
        if let id = filter.caseID { sql += " AND d.case_id = \(id)" }
        if let code = filter.code { sql += " AND c.fault->>'code' = \(code)" }
        if let wanted = filter.state { sql += " AND \(unsafe: state) = \(wanted)" }
        return sql + " ORDER BY d.flow_id, d.kind, d.source_id LIMIT \(page.limit)"
    }

    /// With its body and its postings. Looked up tenant by tenant: every index of documents begins with the tenant.
    public static func one(_ id: DocumentID, _ sees: Visibility) -> SQL {
        let more = """
            , 'body', d.body, 'postings', (SELECT coalesce(json_agg(\(AdminPostingStatements.posting) ORDER BY p.post_key), '[]')
              FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
              WHERE pd.tenant_id = d.tenant_id AND pd.source_id = d.source_id AND p.flow_id = d.flow_id)
            """
        return """
            SELECT d.tenant_id, \(unsafe: document(more)) AS json
            FROM app.tenants t CROSS JOIN LATERAL (SELECT * FROM app.documents x WHERE x.tenant_id = t.tenant_id AND x.id = \(id) LIMIT 1) d
            \(unsafe: fate) WHERE \(sees.condition("t"))
            """
    }

    /// Keys of a document's postings.
    public static func keys(_ tenant: TenantID, _ id: DocumentID) -> SQL {
        """
        SELECT p.post_key FROM app.documents d JOIN app.posting_documents pd ON pd.tenant_id = d.tenant_id AND pd.source_id = d.source_id
        JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key AND p.flow_id = d.flow_id
        WHERE d.tenant_id = \(tenant) AND d.id = \(id) AND p.state <> 'superseded' ORDER BY p.post_key
        """
    }
}

extension Store {
    public func adminDocuments(_ tenant: TenantID, _ filter: DocumentFilter, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminDocumentStatements.list(tenant, filter, page))
    }

    public func adminDocument(_ id: DocumentID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminDocumentStatements.one(id, sees))
    }

    public func postingKeys(_ tenant: TenantID, of document: DocumentID) async throws(Fault) -> [String] {
        var out: [String] = []
        for row in try await pool.query(AdminDocumentStatements.keys(tenant, document)) { out.append(try row.get("post_key")) }
        return out
    }
}
