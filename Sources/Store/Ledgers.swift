public import Kernel
public import Postgres

/// A ledger's chart as last read.
public struct ChartRow: Sendable {
    public var lockDate: LocalDate?
    public var baseCurrency: String
    public var currencies: [String]
    public var taxCodes: [String]
    /// JSON array of accounts.
    public var accounts: [UInt8]
    public var readAt: Timestamp

    public init(lockDate: LocalDate?, baseCurrency: String, currencies: [String], taxCodes: [String], accounts: [UInt8], readAt: Timestamp) {
        self.lockDate = lockDate
        self.baseCurrency = baseCurrency
        self.currencies = currencies
        self.taxCodes = taxCodes
        self.accounts = accounts
        self.readAt = readAt
    }
}

/// A party or item that the ledger is known to have.
public struct ReferenceRow: Sendable {
    public var kind: String
    public var key: String
    public var name: String
    public var remoteID: String

    public init(kind: String, key: String, name: String, remoteID: String) {
        self.kind = kind
        self.key = key
        self.name = name
        self.remoteID = remoteID
    }
}

public enum LedgerStatements {
    public static func saveChart(_ tenant: TenantID, _ connection: ConnectionID, _ chart: ChartRow) -> SQL {
        """
        INSERT INTO app.ledger_charts AS c (tenant_id, connection_id, lock_date, base_currency, currencies, tax_codes, accounts, read_at)
        VALUES (\(tenant), \(connection), \(chart.lockDate), \(chart.baseCurrency), \(chart.currencies), \(chart.taxCodes),
          \(PostgresJSON(chart.accounts)), \(chart.readAt))
        ON CONFLICT (tenant_id, connection_id) DO UPDATE SET lock_date = EXCLUDED.lock_date, base_currency = EXCLUDED.base_currency,
          currencies = EXCLUDED.currencies, tax_codes = EXCLUDED.tax_codes, accounts = EXCLUDED.accounts, read_at = EXCLUDED.read_at
        """
    }

    public static func chart(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT lock_date, base_currency, currencies, tax_codes, accounts, read_at FROM app.ledger_charts
        WHERE tenant_id = \(tenant) AND connection_id = \(connection)
        """
    }

    public static func references(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT kind, key, name, remote_id FROM app.ledger_references WHERE tenant_id = \(tenant) AND connection_id = \(connection)
        """
    }

    public static func saveReferences(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReferenceRow]) -> SQL {
        """
        INSERT INTO app.ledger_references (tenant_id, connection_id, kind, key, name, remote_id)
        SELECT \(tenant), \(connection), k, y, n, r FROM unnest(\(rows.map(\.kind)), \(rows.map(\.key)), \(rows.map(\.name)), \(rows.map(\.remoteID)))
          AS t(k, y, n, r)
        ON CONFLICT (tenant_id, connection_id, kind, key) DO UPDATE SET name = EXCLUDED.name, remote_id = EXCLUDED.remote_id
        """
    }
}

extension Store {
    public func chart(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> ChartRow? {
        guard let row = try await pool.query(LedgerStatements.chart(tenant, connection)).first else { return nil }
        return ChartRow(
            lockDate: try row.get("lock_date"), baseCurrency: try row.get("base_currency"), currencies: try row.get("currencies"),
            taxCodes: try row.get("tax_codes"), accounts: try row.get("accounts", as: PostgresJSON.self).bytes, readAt: try row.get("read_at"))
    }

    /// - Parameter isNews: whether it says something else than the one before; one that does not is no entry in the trail each quarter of an hour.
    public func saveChart(_ tenant: TenantID, _ connection: ConnectionID, _ chart: ChartRow, isNews: Bool = true) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(LedgerStatements.saveChart(tenant, connection, chart))
            guard isNews else { return }
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "chart.read", subject: "connection \(connection)")])
        }
    }

    public func references(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> [ReferenceRow] {
        var out: [ReferenceRow] = []
        for row in try await pool.query(LedgerStatements.references(tenant, connection)) {
            out.append(ReferenceRow(kind: try row.get("kind"), key: try row.get("key"), name: try row.get("name"), remoteID: try row.get("remote_id")))
        }
        return out
    }

    public func saveReferences(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReferenceRow]) async throws(Fault) {
        guard !rows.isEmpty else { return }
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(LedgerStatements.saveReferences(tenant, connection, rows))
            try await tx.audit(tenant, rows.map { AuditEntry(actor: "worker", action: "reference.known", subject: "\($0.kind) \($0.key)") })
        }
    }
}
