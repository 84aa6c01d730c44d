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
    /// The seal that the row comes after, read in the same statement: a seal that another sealer adds meanwhile must not be built upon.
    public var last: SealRow?
}

public struct SealRow: Sendable, Equatable {
    public var number: Int64
    public var digest: [UInt8]

    public init(number: Int64, digest: [UInt8]) {
        self.number = number
        self.digest = digest
    }
}

public enum SealStatements {
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
            let number: Int64? = try row.get("number")
            let digest: [UInt8]? = try row.get("digest")
            var last: SealRow?
            if let number, let digest { last = SealRow(number: number, digest: digest) }
            out.append(UnsealedRow(
                tenant: try row.get("tenant_id"), id: try row.get("id"), at: try row.get("at"), actor: try row.get("actor"), action: try row.get("action"),
                subject: try row.get("subject"), detail: try row.get("detail", as: PostgresJSON.self).bytes, xid: try row.get("xid"), beforeXID: try row.get("before_xid"),
                last: last))
        }
        return out
    }

    public func addSeal(_ tenant: TenantID, number: Int64, beforeXID: String, rows: Int, digest: [UInt8]) async throws(Fault) {
        _ = try await pool.query(SealStatements.add(tenant, number: number, beforeXID: beforeXID, rows: rows, digest: digest))
    }
}
