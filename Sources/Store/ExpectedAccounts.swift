public import Kernel
internal import Postgres

/// What is expected of the account at a connection's other end.
public struct ExpectedAccounts: Sendable, Equatable {
    /// JSON: the account as it was when it was last asked; `nil` where it never was, there.
    public var identity: [UInt8]?
    /// JSON, what the alert of the company was raised with: `account`, and `expected`, the organisations. `nil` where none is open and nobody said yes to one.
    public var told: [UInt8]?
    /// JSON array: the accounts among which a person last said yes in a browser.
    public var confirmed: [UInt8]?
    /// JSON array of `{name, country, currency}`: the organisations that the connection is for, all of the tenant's where no flow uses it yet.
    public var organisations: [UInt8]
}

public enum ExpectedAccountStatements {
    /// Of the connection `c`: the organisations of its flows, or, without any, the tenant's.
    static let organisations = """
        coalesce((SELECT jsonb_agg(jsonb_build_object('name', o.name, 'country', o.country, 'currency', o.base_currency) ORDER BY o.slug)
            FROM app.organisations o WHERE o.tenant_id = c.tenant_id AND (
              EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = o.tenant_id AND f.organisation_id = o.id AND (f.source_id = c.id OR f.ledger_id = c.id))
              OR NOT EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = c.tenant_id AND (f.source_id = c.id OR f.ledger_id = c.id)))), '[]')
        """

    /// The alert of the company of the connection `c` that is open or that somebody said yes to.
    static let told = """
        (SELECT a.detail FROM app.alerts a WHERE a.tenant_id = c.tenant_id AND a.key = 'company/' || c.id AND (a.state = 'open' OR a.acknowledged_at IS NOT NULL))
        """

    static func expected(_ tenant: TenantID, _ id: ConnectionID) -> SQL {
        """
        SELECT c.identity, \(unsafe: organisations) AS organisations, \(unsafe: told) AS told,
          (SELECT s.found FROM app.consents s WHERE s.tenant_id = c.tenant_id AND s.connection_id = c.id AND s.state = 'confirmed' ORDER BY s.settled_at DESC LIMIT 1) AS confirmed
        FROM app.connections c WHERE c.tenant_id = \(tenant) AND c.id = \(id)
        """
    }
}

extension Store {
    /// `nil` where there is no such connection.
    public func expectedAccounts(_ tenant: TenantID, _ id: ConnectionID) async throws(Fault) -> ExpectedAccounts? {
        guard let row = try await pool.query(ExpectedAccountStatements.expected(tenant, id)).first else { return nil }
        return ExpectedAccounts(
            identity: try row.get("identity", as: PostgresJSON?.self)?.bytes, told: try row.get("told", as: PostgresJSON?.self)?.bytes, confirmed: try row.get("confirmed", as: PostgresJSON?.self)?.bytes,
            organisations: try row.get("organisations", as: PostgresJSON.self).bytes)
    }
}
