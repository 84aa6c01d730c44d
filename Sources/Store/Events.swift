public import Kernel
public import Postgres

/// A raw record to be kept: its body already sealed for the tenant.
public struct NewEvent: Sendable {
    public var tenant: TenantID
    public var connection: ConnectionID
    public var topic: String
    public var deliveryID: String
    public var sealedBody: [UInt8]
    /// A sweep found what a webhook should have told of.
    public var isMissed: Bool

    public init(tenant: TenantID, connection: ConnectionID, topic: String, deliveryID: String, sealedBody: [UInt8], isMissed: Bool = false) {
        self.tenant = tenant
        self.connection = connection
        self.topic = topic
        self.deliveryID = deliveryID
        self.sealedBody = sealedBody
        self.isMissed = isMissed
    }
}

public struct EventRow: Sendable {
    public var id: Int64
    public var connection: ConnectionID
    public var topic: String
    public var deliveryID: String
    public var sealedBody: [UInt8]
    public var attempts: Int
}

public enum EventStatements {
    /// Keeps what is new, forgets what was delivered before, and asks for normalisation: one statement, so one effect. Returns the number kept.
    public static func ingest(_ events: [NewEvent], lane: Job.Lane) -> SQL {
        keep(events, lane: lane, gives: "SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM asked) AS asked")
    }

    /// The same, and names what was new: `delivery_id`. Of one connection's events.
    public static func ingestNaming(_ events: [NewEvent], lane: Job.Lane) -> SQL { keep(events, lane: lane, gives: "SELECT delivery_id FROM fresh") }

    /// Remembers what deliveries said, each as its id, a number sign and a digest: in the same table, which deliveries of platforms then pay nothing for.
    public static func said(_ tenant: TenantID, _ connection: ConnectionID, _ marks: [String]) -> SQL {
        """
        INSERT INTO app.deliveries (tenant_id, connection_id, delivery_id)
        SELECT \(tenant)::uuid, \(connection)::uuid, mark FROM unnest(\(marks)) AS mark ORDER BY mark
        ON CONFLICT DO NOTHING
        """
    }

    /// Those of the marks that are remembered: `delivery_id`.
    public static func remembered(_ tenant: TenantID, _ connection: ConnectionID, _ marks: [String]) -> SQL {
        "SELECT delivery_id FROM app.deliveries WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND delivery_id = ANY (\(marks))"
    }

    private static func keep(_ events: [NewEvent], lane: Job.Lane, gives result: String) -> SQL {
        """
        WITH input AS (
          SELECT DISTINCT ON (t, c, d) t, c, p, d, b, m FROM unnest(\(events.map(\.tenant)), \(events.map(\.connection)), \(events.map(\.topic)),
            \(events.map(\.deliveryID)), \(events.map(\.sealedBody)), \(events.map(\.isMissed))) AS i(t, c, p, d, b, m)
        ), fresh AS (
          INSERT INTO app.deliveries (tenant_id, connection_id, delivery_id) SELECT t, c, d FROM input ORDER BY t, c, d
          ON CONFLICT DO NOTHING RETURNING tenant_id, connection_id, delivery_id
        ), kept AS (
          INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, missed)
          SELECT t, c, p, d, b, m FROM input JOIN fresh ON tenant_id = t AND connection_id = c AND delivery_id = d
          RETURNING tenant_id, connection_id
        ), asked AS (
          INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
          SELECT DISTINCT tenant_id, 'normalize', connection_id::text, \(lane.rawValue) FROM kept ORDER BY 1, 3
          ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at)
          RETURNING 1
        )
        \(unsafe: result)
        """
    }

    public static func ingested(_ tenant: TenantID, _ connection: ConnectionID, limit: Int) -> SQL {
        """
        SELECT id, connection_id, topic, delivery_id, body, attempts FROM app.events
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND state = 'ingested' ORDER BY id LIMIT \(limit)
        """
    }

    public static func normalized(_ tenant: TenantID, ids: [Int64]) -> SQL {
        """
        UPDATE app.events SET state = 'normalized', normalized_at = clock_timestamp(), fault = NULL
        WHERE tenant_id = \(tenant) AND id = ANY (\(ids)) AND state = 'ingested'
        """
    }

    /// What was read for other flows is read again: a flow that comes later gets the past too. Versions keep the others as they are.
    public static func reread(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        UPDATE app.events SET state = 'ingested', normalized_at = NULL
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND state = 'normalized'
        """
    }

    public static func held(_ tenant: TenantID, id: Int64, fault: [UInt8]) -> SQL {
        """
        UPDATE app.events SET state = 'held', fault = \(PostgresJSON(fault)), attempts = attempts + 1
        WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'ingested'
        """
    }
}

extension Store {
    /// Number of events that were new. Durable when this returns.
    public func ingest(_ events: [NewEvent], lane: Job.Lane) async throws(Fault) -> Int {
        guard !events.isEmpty else { return 0 }
        let kept: Int64 = try await pool.query(EventStatements.ingest(events, lane: lane)).first?.get("kept") ?? 0
        return Int(kept)
    }

    public func ingested(_ tenant: TenantID, _ connection: ConnectionID, limit: Int) async throws(Fault) -> [EventRow] {
        var out: [EventRow] = []
        for row in try await pool.query(EventStatements.ingested(tenant, connection, limit: Batches.current.limit(limit))) {
            out.append(EventRow(
                id: try row.get("id"), connection: try row.get("connection_id"), topic: try row.get("topic"), deliveryID: try row.get("delivery_id"),
                sealedBody: try row.get("body"), attempts: Int(try row.get("attempts", as: Int32.self))))
        }
        Batches.current.takes(out.map { "event \($0.id)" })
        return out
    }
}
