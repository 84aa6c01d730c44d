public import Kernel
public import Postgres

/// An audit row as the chain covers it.
public struct UnsealedRow: Sendable {
    public var tenant: TenantID
    public var id: Int64
    public var at: Timestamp
    public var actor: String
    public var action: String
    public var subject: String
    public var detail: [UInt8]
    public var xid: String
    public var beforeXID: String
}

public struct SealRow: Sendable {
    public var number: Int64
    public var digest: [UInt8]
}

public enum SealStatements {
    public static func last(_ tenants: [TenantID]) -> SQL {
        """
        SELECT DISTINCT ON (tenant_id) tenant_id, number, digest FROM app.audit_seals WHERE tenant_id = ANY (\(tenants)) ORDER BY tenant_id, number DESC
        """
    }

    public static func add(_ tenant: TenantID, number: Int64, beforeXID: String, rows: Int, digest: [UInt8]) -> SQL {
        """
        INSERT INTO app.audit_seals (tenant_id, number, before_xid, rows, digest)
        VALUES (\(tenant), \(number), \(beforeXID)::xid8, \(Int32(rows)), \(digest))
        """
    }
}

extension Store {
    public func unsealed(limit: Int) async throws(Fault) -> [UnsealedRow] {
        var out: [UnsealedRow] = []
        for row in try await pool.query(AuditStatements.unsealed(limit: limit)) {
            out.append(UnsealedRow(
                tenant: try row.get("tenant_id"), id: try row.get("id"), at: try row.get("at"), actor: try row.get("actor"), action: try row.get("action"),
                subject: try row.get("subject"), detail: try row.get("detail", as: PostgresJSON.self).bytes, xid: try row.get("xid"), beforeXID: try row.get("before_xid")))
        }
        return out
    }

    public func lastSeals(_ tenants: [TenantID]) async throws(Fault) -> [TenantID: SealRow] {
        var out: [TenantID: SealRow] = [:]
        for row in try await pool.query(SealStatements.last(tenants)) {
            out[try row.get("tenant_id")] = SealRow(number: try row.get("number"), digest: try row.get("digest"))
        }
        return out
    }

    public func addSeal(_ tenant: TenantID, number: Int64, beforeXID: String, rows: Int, digest: [UInt8]) async throws(Fault) {
        _ = try await pool.query(SealStatements.add(tenant, number: number, beforeXID: beforeXID, rows: rows, digest: digest))
    }
}
