public import Kernel
public import Postgres

/// Which tenants somebody may see: all of them without either limit.
public struct Visibility: Sendable, Hashable {
    public var consultancy: ConsultancyID?
    public var tenant: TenantID?

    public init(consultancy: ConsultancyID? = nil, tenant: TenantID? = nil) {
        self.consultancy = consultancy
        self.tenant = tenant
    }

    /// The operator's: everything.
    public static let all = Visibility()

    /// A condition on the tenants table under this alias. Every statement of the control plane that takes an id from outside holds it.
    func condition(_ alias: String) -> SQL {
        var out: SQL = "true"
        if let consultancy { out += " AND \(unsafe: alias).consultancy_id = \(consultancy)" }
        if let tenant { out += " AND \(unsafe: alias).tenant_id = \(tenant)" }
        return out
    }
}

/// A row as the API shows it.
public struct AdminRow: Sendable {
    /// Whose it is; the consultancy's own rows have none.
    public var tenant: TenantID?
    /// What the next page starts after.
    public var cursor: [String]
    /// JSON object.
    public var json: [UInt8]
}

/// Where a page begins and how long it is.
public struct PageRequest: Sendable {
    /// The last row's cursor of the page before; `nil` for the first page.
    public var after: [String]?
    /// 1 ... `Limits.pageRows`.
    public var limit: Int

    public init(after: [String]? = nil, limit: Int) {
        self.after = after
        self.limit = limit
    }

    /// The n-th member of the cursor, empty where it has none.
    func text(_ n: Int) -> String { after.map { n < $0.count ? $0[n] : "" } ?? "" }
}

enum AdminSQL {
    /// RFC 3339 in UTC of a timestamptz expression of our own making.
    static func utc(_ expression: String) -> String {
        "to_char(\(expression) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    }
}

extension Store {
    /// Rows of a statement that gives `json` (an object), and optionally `tenant_id` and `cursor` (text array).
    func adminRows(_ sql: SQL) async throws(Fault) -> [AdminRow] { try (try await looks.query(sql)).adminRows() }

    func adminRow(_ sql: SQL) async throws(Fault) -> AdminRow? { try await adminRows(sql).first }
}

extension PostgresRows {
    public func adminRows() throws(Fault) -> [AdminRow] {
        let hasTenant = columns.contains("tenant_id")
        let hasCursor = columns.contains("cursor")
        var out: [AdminRow] = []
        out.reserveCapacity(count)
        for row in self {
            out.append(AdminRow(
                tenant: hasTenant ? try row.get("tenant_id") : nil, cursor: hasCursor ? try row.get("cursor") : [],
                json: try row.get("json", as: PostgresJSON.self).bytes))
        }
        return out
    }

    /// The one row that an insert or update returned.
    /// - Throws: `no_such_row` when it touched none.
    public func adminRow() throws(Fault) -> AdminRow {
        guard let row = try adminRows().first else {
            throw Fault("not_found", stage: .api, disposition: .reject, summary: "there is no such thing, or not for this key")
        }
        return row
    }
}
