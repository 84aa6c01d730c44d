public import Kernel
public import Postgres

/// An audit row as the chain covers it.
public struct AuditRow: Sendable, Equatable {
    /// The tenant; what concerns a whole consultancy or the operator is kept under that id or the key's.
    public var tenant: TenantID
    public var id: Int64
    public var at: Timestamp
    public var actor: String
    public var action: String
    public var subject: String
    /// The text of a JSON object, exactly as the database prints it.
    public var detail: [UInt8]
    /// The transaction that wrote it: the chain's order is by transaction and id.
    public var xid: UInt64

    public init(
        tenant: TenantID, id: Int64, at: Timestamp, actor: String, action: String, subject: String, detail: [UInt8] = Array("{}".utf8), xid: UInt64
    ) {
        self.tenant = tenant
        self.id = id
        self.at = at
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
        self.xid = xid
    }
}

/// A committed row that no seal covers yet.
public struct UnsealedRow: Sendable {
    public var row: AuditRow
    /// Transactions before this one have ended: a row of theirs can gain no neighbour any more.
    public var beforeXID: UInt64
    /// The seal that the row comes after, read in the same statement: a seal that another sealer adds meanwhile must not be built upon.
    public var last: SealRow?

    public init(row: AuditRow, beforeXID: UInt64, last: SealRow?) {
        self.row = row
        self.beforeXID = beforeXID
        self.last = last
    }
}

/// The end of a chain: what to note down elsewhere, so that nobody can cut or rewrite the chain unnoticed.
public struct SealRow: Sendable, Equatable {
    public var number: Int64
    public var digest: [UInt8]

    public init(number: Int64, digest: [UInt8]) {
        self.number = number
        self.digest = digest
    }
}

/// One seal: covers all rows of its owner from the seal before up to, not including, transaction `beforeXID`.
public struct AuditSeal: Sendable, Equatable {
    public var tenant: TenantID
    public var number: Int64
    public var beforeXID: UInt64
    public var rows: Int
    /// SHA-256, 32 bytes.
    public var digest: [UInt8]
    /// The first `AuditChain.markBytes` bytes of each row's own digest, in order: they prove nothing, they name what was changed. Empty in seals
    /// of before there were any.
    public var marks: [UInt8]

    public init(tenant: TenantID, number: Int64, beforeXID: UInt64, rows: Int, digest: [UInt8], marks: [UInt8]) {
        self.tenant = tenant
        self.number = number
        self.beforeXID = beforeXID
        self.rows = rows
        self.digest = digest
        self.marks = marks
    }
}

public enum SealStatements {
    public static func add(_ tenant: TenantID, number: Int64, beforeXID: String, rows: Int, digest: [UInt8], marks: [UInt8] = []) -> SQL {
        """
        INSERT INTO app.audit_seals (tenant_id, number, before_xid, rows, digest, marks)
        VALUES (\(tenant), \(number), \(beforeXID)::xid8, \(Int32(rows)), \(digest), \(marks))
        """
    }

    /// Every id that audit rows are kept under, tenants' and others', each found by one step in the index.
    private static let owners = """
        WITH RECURSIVE owners AS (
          (SELECT tenant_id FROM app.audit ORDER BY tenant_id LIMIT 1)
          UNION ALL
          SELECT (SELECT a.tenant_id FROM app.audit a WHERE a.tenant_id > o.tenant_id ORDER BY a.tenant_id LIMIT 1)
          FROM owners o WHERE o.tenant_id IS NOT NULL)
        """

    static func auditOwners() -> SQL {
        "\(unsafe: owners) SELECT tenant_id FROM owners WHERE tenant_id IS NOT NULL ORDER BY tenant_id"
    }

    /// Rows not yet sealed that can no longer gain an earlier neighbour, in chain order, of every owner: so many of each, that none waits for another.
    static func unsealed(limit: Int) -> SQL {
        """
        \(unsafe: owners)
        SELECT a.tenant_id, a.id, a.at, a.actor, a.action, a.subject, a.detail, a.xid::text AS xid,
               pg_snapshot_xmin(pg_current_snapshot())::text AS before_xid, s.number, s.digest
        FROM owners t
        LEFT JOIN LATERAL (SELECT before_xid, number, digest FROM app.audit_seals s WHERE s.tenant_id = t.tenant_id ORDER BY number DESC LIMIT 1) s ON true
        JOIN LATERAL (
          SELECT * FROM app.audit x WHERE x.tenant_id = t.tenant_id AND x.xid >= coalesce(s.before_xid, '0'::xid8)
            AND x.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY x.xid, x.id LIMIT \(limit)) a ON true
        ORDER BY a.tenant_id, a.xid, a.id
        """
    }

    /// How long the oldest row waits for its seal, in seconds: `label`, `value`.
    static func unsealedAge() -> SQL {
        """
        \(unsafe: owners)
        SELECT 'worst' AS label, greatest(0, coalesce(max(extract(epoch FROM clock_timestamp() - a.at)), 0))::bigint AS value
        FROM owners t
        LEFT JOIN LATERAL (SELECT before_xid FROM app.audit_seals s WHERE s.tenant_id = t.tenant_id ORDER BY number DESC LIMIT 1) s ON true
        JOIN LATERAL (
          SELECT at FROM app.audit x WHERE x.tenant_id = t.tenant_id AND x.xid >= coalesce(s.before_xid, '0'::xid8) ORDER BY x.xid, x.id LIMIT 1) a ON true
        """
    }

    static func seals(_ tenant: TenantID, after number: Int64, limit: Int) -> SQL {
        """
        SELECT number, before_xid::text AS before_xid, rows, digest, marks FROM app.audit_seals
        WHERE tenant_id = \(tenant) AND number > \(number) ORDER BY number LIMIT \(limit)
        """
    }

    /// Rows after `(xid, id)` and before a transaction, `nil`: to the end.
    static func rows(_ tenant: TenantID, afterXID: UInt64, id: Int64, before: UInt64?, limit: Int) -> SQL {
        var sql: SQL = """
            SELECT tenant_id, id, at, actor, action, subject, detail, xid::text AS xid FROM app.audit
            WHERE tenant_id = \(tenant) AND (xid, id) > (\("\(afterXID)")::xid8, \(id))
            """
        if let before { sql += " AND xid < \("\(before)")::xid8" }
        // By the columns, not by the text that goes by the name of one: as text 1000 comes before 999.
        return sql + " ORDER BY audit.xid, audit.id LIMIT \(limit)"
    }
}

extension AuditRow {
    init(_ row: PostgresRow) throws(Fault) {
        self.init(
            tenant: try row.get("tenant_id"), id: try row.get("id"), at: try row.get("at"), actor: try row.get("actor"), action: try row.get("action"),
            subject: try row.get("subject"), detail: try row.get("detail", as: PostgresJSON.self).bytes, xid: UInt64(try row.get("xid", as: String.self)) ?? 0)
    }
}

/// A part of an owner's trail in chain order: the rows of a seal come before the seal, what no seal covers comes last.
public enum AuditPart: Sendable, Equatable {
    case row(AuditRow)
    case seal(AuditSeal)
}

extension Store {
    /// Rows without a seal, at most so many of each owner.
    public func unsealed(limit: Int) async throws(Fault) -> [UnsealedRow] {
        var out: [UnsealedRow] = []
        for row in try await pool.query(SealStatements.unsealed(limit: limit)) {
            let number: Int64? = try row.get("number")
            let digest: [UInt8]? = try row.get("digest")
            var last: SealRow?
            if let number, let digest { last = SealRow(number: number, digest: digest) }
            out.append(UnsealedRow(row: try AuditRow(row), beforeXID: UInt64(try row.get("before_xid", as: String.self)) ?? 0, last: last))
        }
        return out
    }

    /// The seal of a transaction that is too large for a page: its rows are read page by page, and none is kept. `first`: its first row.
    public func seal(ofTransaction first: UnsealedRow) async throws(Fault) -> AuditSeal {
        var digest = first.last?.digest ?? AuditChain.start
        var marks: [UInt8] = [], rows = 0
        var at: (xid: UInt64, id: Int64) = (first.row.xid, first.row.id - 1)
        try await readRows(first.row.tenant, after: &at, before: first.row.xid + 1) { part in
            guard case .row(let row) = part else { return }
            let own = AuditChain.digest(row)
            digest = AuditChain.extend(digest, [own])
            marks += own.prefix(AuditChain.markBytes)
            rows += 1
        }
        return AuditSeal(
            tenant: first.row.tenant, number: (first.last?.number ?? 0) + 1, beforeXID: first.row.xid + 1, rows: rows, digest: digest, marks: marks)
    }

    /// - Throws: `unique_violation` when another sealer was first with this number.
    public func addSeal(_ seal: AuditSeal) async throws(Fault) {
        _ = try await pool.query(SealStatements.add(
            seal.tenant, number: seal.number, beforeXID: "\(seal.beforeXID)", rows: seal.rows, digest: seal.digest, marks: seal.marks))
    }

    /// Every id that audit rows are kept under.
    public func auditOwners() async throws(Fault) -> [TenantID] {
        var out: [TenantID] = []
        for row in try await pool.query(SealStatements.auditOwners()) { out.append(try row.get("tenant_id")) }
        return out
    }

    private static let auditPage = 2000

    /// Hands over an owner's whole trail, a page at a time. Rows and seals are only ever added, and a seal covers nothing that can still gain a row:
    /// no snapshot is needed.
    public func readAudit(_ tenant: TenantID, _ part: (AuditPart) throws(Fault) -> Void) async throws(Fault) {
        var at: (xid: UInt64, id: Int64) = (0, 0)
        var number: Int64 = 0
        while true {
            let page = try await pool.query(SealStatements.seals(tenant, after: number, limit: 100))
            if page.isEmpty { break }
            for row in page {
                let seal = AuditSeal(
                    tenant: tenant, number: try row.get("number"), beforeXID: UInt64(try row.get("before_xid", as: String.self)) ?? 0,
                    rows: Int(try row.get("rows", as: Int32.self)), digest: try row.get("digest"), marks: try row.get("marks"))
                number = seal.number
                try await readRows(tenant, after: &at, before: seal.beforeXID, part)
                try part(.seal(seal))
            }
        }
        try await readRows(tenant, after: &at, before: nil, part)
    }

    private func readRows(
        _ tenant: TenantID, after at: inout (xid: UInt64, id: Int64), before: UInt64?, _ part: (AuditPart) throws(Fault) -> Void
    ) async throws(Fault) {
        while true {
            let page = try await pool.query(SealStatements.rows(tenant, afterXID: at.xid, id: at.id, before: before, limit: Store.auditPage))
            for row in page {
                let row = try AuditRow(row)
                at = (row.xid, row.id)
                try part(.row(row))
            }
            if page.count < Store.auditPage { return }
        }
    }
}
