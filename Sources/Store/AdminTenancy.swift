public import Kernel
public import Postgres

/// Consultancies, tenants and organisations as the API reads and writes them.
public enum AdminTenancyStatements {
    static let consultancy = "json_build_object('id', c.id, 'slug', c.slug, 'name', c.name, 'created_at', \(AdminSQL.utc("c.created_at")))"

    static let tenant = """
        json_build_object('id', t.tenant_id, 'consultancy', t.consultancy_id, 'slug', t.slug, 'name', t.name, 'state', t.state,
          'weight', t.weight, 'keys_ready', t.public_key IS NOT NULL, 'created_at', \(AdminSQL.utc("t.created_at")))
        """

    static let organisation = """
        json_build_object('id', o.id, 'tenant', o.tenant_id, 'slug', o.slug, 'name', o.name, 'country', o.country,
          'base_currency', o.base_currency, 'time_zone', o.time_zone)
        """

    // MARK: Consultancies

    public static func insertConsultancy(_ id: ConsultancyID, slug: String, name: String) -> SQL {
        """
        INSERT INTO app.consultancies AS c (id, slug, name) VALUES (\(id), \(slug), \(name)) RETURNING \(unsafe: consultancy) AS json
        """
    }

    public static func consultancies(_ sees: Visibility, slug: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT \(unsafe: consultancy) AS json, ARRAY[c.slug] AS cursor FROM app.consultancies c WHERE c.slug > \(page.text(0))
            """
        if let slug { sql += " AND c.slug = \(slug)" }
        return sql + seen(sees) + " ORDER BY c.slug LIMIT \(page.limit)"
    }

    public static func consultancy(_ id: ConsultancyID, _ sees: Visibility) -> SQL {
        "SELECT \(unsafe: consultancy) AS json FROM app.consultancies c WHERE c.id = \(id)" + seen(sees)
    }

    /// A tenant's key sees the consultancy it belongs to.
    private static func seen(_ sees: Visibility) -> SQL {
        var sql: SQL = ""
        if let own = sees.consultancy { sql += " AND c.id = \(own)" }
        if let tenant = sees.tenant { sql += " AND c.id = (SELECT t.consultancy_id FROM app.tenants t WHERE t.tenant_id = \(tenant))" }
        return sql
    }

    // MARK: Tenants

    public static func insertTenant(_ id: TenantID, consultancy: ConsultancyID, slug: String, name: String, weight: Int) -> SQL {
        """
        INSERT INTO app.tenants AS t (tenant_id, consultancy_id, slug, name, weight)
        VALUES (\(id), \(consultancy), \(slug), \(name), \(Int32(weight))) RETURNING t.tenant_id, \(unsafe: tenant) AS json
        """
    }

    public static func tenants(_ sees: Visibility, consultancy: ConsultancyID?, slug: String?, state: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT t.tenant_id, \(unsafe: tenant) AS json, ARRAY[t.slug, t.tenant_id::text] AS cursor FROM app.tenants t
            WHERE \(sees.condition("t")) AND (t.slug, t.tenant_id::text) > (\(page.text(0)), \(page.text(1)))
            """
        if let consultancy { sql += " AND t.consultancy_id = \(consultancy)" }
        if let slug { sql += " AND t.slug = \(slug)" }
        if let state { sql += " AND t.state = \(state)" }
        return sql + " ORDER BY t.slug, t.tenant_id::text LIMIT \(page.limit)"
    }

    public static func tenant(_ id: TenantID, _ sees: Visibility) -> SQL {
        "SELECT t.tenant_id, \(unsafe: tenant) AS json FROM app.tenants t WHERE t.tenant_id = \(id) AND \(sees.condition("t"))"
    }

    /// What others seal for the tenant with; NULL until the scheduler has given it keys.
    public static func publicKey(_ id: TenantID) -> SQL { "SELECT public_key FROM app.tenants WHERE tenant_id = \(id)" }

    /// Only from `active` and `paused`: a tenant without keys becomes active by getting them, and a removed one stays removed.
    public static func updateTenant(_ id: TenantID, name: String?, state: String?, weight: Int?) -> SQL {
        """
        UPDATE app.tenants AS t SET name = coalesce(\(name), t.name), state = coalesce(\(state), t.state),
          weight = coalesce(\(weight.map { Int32($0) }), t.weight)
        WHERE t.tenant_id = \(id) AND (\(state) IS NULL OR t.state IN ('active', 'paused')) RETURNING t.tenant_id, \(unsafe: tenant) AS json
        """
    }

    /// Orders whoever changes this tenant's configuration one after another.
    public static func lockTenant(_ id: TenantID) -> SQL { "SELECT 1 AS one FROM app.tenants WHERE tenant_id = \(id) FOR UPDATE" }

    // MARK: Organisations

    public static func insertOrganisation(_ tenant: TenantID, _ o: OrganisationRow) -> SQL {
        """
        INSERT INTO app.organisations AS o (tenant_id, id, slug, name, country, base_currency, time_zone)
        VALUES (\(tenant), \(o.id), \(o.slug), \(o.name), \(o.country), \(o.baseCurrency), \(o.timeZone))
        RETURNING o.tenant_id, \(unsafe: organisation) AS json
        """
    }

    public static func organisations(_ tenant: TenantID, slug: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT o.tenant_id, \(unsafe: organisation) AS json, ARRAY[o.slug] AS cursor FROM app.organisations o
            WHERE o.tenant_id = \(tenant) AND o.slug > \(page.text(0))
            """
        if let slug { sql += " AND o.slug = \(slug)" }
        return sql + " ORDER BY o.slug LIMIT \(page.limit)"
    }

    public static func organisation(_ id: OrganisationID, _ sees: Visibility) -> SQL {
        """
        SELECT o.tenant_id, \(unsafe: organisation) AS json FROM app.tenants t JOIN app.organisations o ON o.tenant_id = t.tenant_id
        WHERE o.id = \(id) AND \(sees.condition("t"))
        """
    }
}

extension OrganisationRow {
    public init(id: OrganisationID, named slug: String, name: String, country: String, baseCurrency: String, timeZone: String) {
        self.init(id: id, slug: slug, name: name, country: country, baseCurrency: baseCurrency, timeZone: timeZone)
    }
}

extension Store {
    public func adminConsultancies(_ sees: Visibility, slug: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminTenancyStatements.consultancies(sees, slug: slug, page))
    }

    public func adminConsultancy(_ id: ConsultancyID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminTenancyStatements.consultancy(id, sees))
    }

    public func adminTenants(
        _ sees: Visibility, consultancy: ConsultancyID? = nil, slug: String? = nil, state: String? = nil, _ page: PageRequest
    ) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminTenancyStatements.tenants(sees, consultancy: consultancy, slug: slug, state: state, page))
    }

    public func adminTenant(_ id: TenantID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminTenancyStatements.tenant(id, sees))
    }

    /// 32 bytes; `nil` while the tenant has no keys.
    public func publicKey(_ tenant: TenantID) async throws(Fault) -> [UInt8]? {
        try await pool.query(AdminTenancyStatements.publicKey(tenant)).first?.get("public_key", as: [UInt8]?.self) ?? nil
    }

    public func adminOrganisations(_ tenant: TenantID, slug: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminTenancyStatements.organisations(tenant, slug: slug, page))
    }

    public func adminOrganisation(_ id: OrganisationID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminTenancyStatements.organisation(id, sees))
    }
}
