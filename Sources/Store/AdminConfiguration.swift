public import Kernel
public import Postgres

/// The two things a tenant has versions of.
public enum VersionedKind: String, Sendable, CaseIterable {
    case structure, rules

    var table: String { self == .structure ? "app.structures" : "app.rule_sets" }
}

/// A flow to be made.
public struct NewFlow: Sendable {
    public var id: FlowID
    public var slug: String
    public var organisation: OrganisationID
    public var source: ConnectionID
    public var ledger: ConnectionID
    /// JSON object of strings.
    public var policies: [UInt8]
    public var cutOver: LocalDate?
    public var pollSeconds: Int

    public init(
        id: FlowID, slug: String, organisation: OrganisationID, source: ConnectionID, ledger: ConnectionID, policies: [UInt8],
        cutOver: LocalDate?, pollSeconds: Int
    ) {
        self.id = id
        self.slug = slug
        self.organisation = organisation
        self.source = source
        self.ledger = ledger
        self.policies = policies
        self.cutOver = cutOver
        self.pollSeconds = pollSeconds
    }
}

public enum AdminConfigurationStatements {
    // MARK: Structures and rules

    private static func version(_ kind: VersionedKind, body: Bool) -> String {
        "json_build_object('tenant', v.tenant_id, 'version', v.version, 'created_at', \(AdminSQL.utc("v.created_at")), 'actor', v.actor"
            + (body ? ", '\(kind.rawValue)', v.body)" : ")")
    }

    /// The next version, unless the newest says the same in the same order (spaces do not count). The tenant's row is locked: versions follow each
    /// other. The body travels as text: a `jsonb` bind would sort its keys, and the first pattern that fits wins.
    public static func insertVersion(_ kind: VersionedKind, _ tenant: TenantID, body: [UInt8], actor: String) -> SQL {
        """
        WITH given AS (SELECT \(String(decoding: body, as: UTF8.self))::json AS body), newest AS (
          SELECT version, body FROM \(unsafe: kind.table) WHERE tenant_id = \(tenant) ORDER BY version DESC LIMIT 1
        )
        INSERT INTO \(unsafe: kind.table) AS v (tenant_id, version, body, actor)
        SELECT \(tenant), coalesce((SELECT version FROM newest), 0) + 1, given.body, \(actor) FROM given
        WHERE NOT EXISTS (SELECT FROM newest WHERE newest.body::jsonb = given.body::jsonb
          AND json_strip_nulls(newest.body)::text = json_strip_nulls(given.body)::text)
        RETURNING v.tenant_id, \(unsafe: version(kind, body: true)) AS json
        """
    }

    /// `structure` and `rules`: the newest versions' numbers, 0 where there is none.
    public static func newestNumbers(_ tenant: TenantID) -> SQL {
        """
        SELECT coalesce((SELECT max(version) FROM app.structures WHERE tenant_id = \(tenant)), 0)::bigint AS structure,
          coalesce((SELECT max(version) FROM app.rule_sets WHERE tenant_id = \(tenant)), 0)::bigint AS rules
        """
    }

    public static func newestVersion(_ kind: VersionedKind, _ tenant: TenantID) -> SQL {
        """
        SELECT v.tenant_id, \(unsafe: version(kind, body: true)) AS json FROM \(unsafe: kind.table) v
        WHERE v.tenant_id = \(tenant) ORDER BY v.version DESC LIMIT 1
        """
    }

    public static func oneVersion(_ kind: VersionedKind, _ tenant: TenantID, _ number: Int) -> SQL {
        """
        SELECT v.tenant_id, \(unsafe: version(kind, body: true)) AS json FROM \(unsafe: kind.table) v
        WHERE v.tenant_id = \(tenant) AND v.version = \(Int32(clamping: number))
        """
    }

    /// Newest first, without bodies.
    public static func versions(_ kind: VersionedKind, _ tenant: TenantID, _ page: PageRequest) -> SQL {
        let before = Int32(page.text(0)) ?? .max
        return """
            SELECT v.tenant_id, \(unsafe: version(kind, body: false)) AS json, ARRAY[v.version::text] AS cursor FROM \(unsafe: kind.table) v
            WHERE v.tenant_id = \(tenant) AND v.version < \(before) ORDER BY v.version DESC LIMIT \(page.limit)
            """
    }

    // MARK: Flows

    static let flow = """
        json_build_object('id', f.id, 'tenant', f.tenant_id, 'slug', f.slug, 'organisation', f.organisation_id, 'source', f.source_id,
          'ledger', f.ledger_id, 'policies', f.policies, 'state', f.state, 'cut_over', f.cut_over, 'poll_seconds', f.poll_seconds,
          'created_at', \(AdminSQL.utc("f.created_at")))
        """

    public static func insertFlow(_ tenant: TenantID, _ new: NewFlow) -> SQL {
        """
        INSERT INTO app.flows AS f (tenant_id, id, slug, organisation_id, source_id, ledger_id, policies, cut_over, poll_seconds)
        VALUES (\(tenant), \(new.id), \(new.slug), \(new.organisation), \(new.source), \(new.ledger), \(PostgresJSON(new.policies)),
          \(new.cutOver), \(Int32(new.pollSeconds)))
        RETURNING f.tenant_id, \(unsafe: flow) AS json
        """
    }

    public static func flows(_ tenant: TenantID, slug: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT f.tenant_id, \(unsafe: flow) AS json, ARRAY[f.slug] AS cursor FROM app.flows f
            WHERE f.tenant_id = \(tenant) AND f.slug > \(page.text(0))
            """
        if let slug { sql += " AND f.slug = \(slug)" }
        return sql + " ORDER BY f.slug LIMIT \(page.limit)"
    }

    public static func flowIDs(_ tenant: TenantID) -> SQL { "SELECT id FROM app.flows WHERE tenant_id = \(tenant) ORDER BY id" }

    public static func oneFlow(_ id: FlowID, _ sees: Visibility) -> SQL {
        """
        SELECT f.tenant_id, \(unsafe: flow) AS json FROM app.tenants t JOIN app.flows f ON f.tenant_id = t.tenant_id
        WHERE f.id = \(id) AND \(sees.condition("t"))
        """
    }

    public static func updateFlow(
        _ tenant: TenantID, _ id: FlowID, policies: [UInt8]?, state: String?, pollSeconds: Int?, cutOver: LocalDate??
    ) -> SQL {
        var sql: SQL = "UPDATE app.flows AS f SET slug = f.slug"
        if let policies { sql += ", policies = \(PostgresJSON(policies))" }
        if let state { sql += ", state = \(state)" }
        if let pollSeconds { sql += ", poll_seconds = \(Int32(pollSeconds))" }
        if let cutOver { sql += ", cut_over = \(cutOver)" }
        return sql + " WHERE f.tenant_id = \(tenant) AND f.id = \(id) RETURNING f.tenant_id, \(unsafe: flow) AS json"
    }
}

extension Store {
    public func adminVersion(_ kind: VersionedKind, _ tenant: TenantID, _ number: Int?) async throws(Fault) -> AdminRow? {
        guard let number else { return try await adminRow(AdminConfigurationStatements.newestVersion(kind, tenant)) }
        return try await adminRow(AdminConfigurationStatements.oneVersion(kind, tenant, number))
    }

    public func adminVersions(_ kind: VersionedKind, _ tenant: TenantID, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminConfigurationStatements.versions(kind, tenant, page))
    }

    public func adminFlows(_ tenant: TenantID, slug: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminConfigurationStatements.flows(tenant, slug: slug, page))
    }

    public func adminFlow(_ id: FlowID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminConfigurationStatements.oneFlow(id, sees))
    }
}

extension PostgresTransaction {
    /// The newest versions' numbers, 0 where there is none; until the transaction ends nobody makes another.
    public func lockVersions(_ tenant: TenantID) async throws(Fault) -> (structure: Int, rules: Int) {
        _ = try await query(AdminTenancyStatements.lockTenant(tenant))
        guard let row = try await query(AdminConfigurationStatements.newestNumbers(tenant)).first else { return (0, 0) }
        return (Int(try row.get("structure", as: Int64.self)), Int(try row.get("rules", as: Int64.self)))
    }

    /// Stores the next version and has what is not yet in the ledger planned anew. `nil` in `changed` when the newest said the same.
    public func putVersion(_ kind: VersionedKind, _ tenant: TenantID, body: [UInt8], actor: String) async throws(Fault) -> (row: AdminRow, changed: Bool) {
        _ = try await query(AdminTenancyStatements.lockTenant(tenant))
        guard let row = try (try await query(AdminConfigurationStatements.insertVersion(kind, tenant, body: body, actor: actor))).adminRows().first else {
            return (try (try await query(AdminConfigurationStatements.newestVersion(kind, tenant))).adminRow(), false)
        }
        try await audit(tenant, [AuditEntry(actor: actor, action: "\(kind.rawValue).changed", subject: "tenant \(tenant)")])
        try await replan(tenant)
        return (row, true)
    }

    /// A new flow reads what its source sent before there was the flow, and has the source asked for what it did not send; its cut-over date decides
    /// what of it counts.
    public func rereadEvents(_ tenant: TenantID, _ source: ConnectionID) async throws(Fault) {
        var jobs = [Job(.sweep, source.description, lane: .poll)]
        if try await query(EventStatements.reread(tenant, source)).affected > 0 { jobs.append(Job(.normalize, source.description, lane: .interactive)) }
        _ = try await query(JobStatements.ask(tenant, jobs))
    }

    /// Whatever has not reached a ledger is planned again, of every flow of the tenant or of one.
    public func replan(_ tenant: TenantID, only flow: FlowID? = nil) async throws(Fault) {
        var jobs: [Job] = []
        for row in try await query(AdminConfigurationStatements.flowIDs(tenant)) {
            let id: FlowID = try row.get("id")
            if let flow, flow != id { continue }
            _ = try await query(DocumentStatements.dirtyHeld(tenant, id))
            jobs.append(Job(.map, id.description, lane: .interactive))
        }
        if !jobs.isEmpty { _ = try await query(JobStatements.ask(tenant, jobs)) }
        _ = try await query(AdminConnectionStatements.hurry(tenant))
        _ = try await query(JobStatements.wake())
    }
}
