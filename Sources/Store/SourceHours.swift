public import Kernel
public import Postgres

/// A source that has not said anything for an hour, or never, and the hours of the week in which it usually does.
public struct QuietSource: Sendable, Equatable {
    public var tenant: TenantID
    public var connection: ConnectionID
    public var slug: String
    public var platform: String
    /// Its last event; where there was none, when it was first known who is at the other end.
    public var lastAt: Timestamp
    public var hasSpoken: Bool
    /// Since when its hours are counted.
    public var knownSince: Timestamp
    /// In how many of the four weeks up to its last event something came, by hour of the week in UTC: 0 is Sunday's first.
    public var weeks: [Int: Int]
    /// The longest time that nothing came within those weeks, to the hour; `nil` where there are too few hours to tell.
    public var longestGap: Duration?

    public init(
        tenant: TenantID, connection: ConnectionID, slug: String, platform: String, lastAt: Timestamp, hasSpoken: Bool = true, knownSince: Timestamp,
        weeks: [Int: Int], longestGap: Duration? = nil
    ) {
        self.tenant = tenant
        self.connection = connection
        self.slug = slug
        self.platform = platform
        self.lastAt = lastAt
        self.hasSpoken = hasSpoken
        self.knownSince = knownSince
        self.weeks = weeks
        self.longestGap = longestGap
    }
}

public enum SourceHourStatements {
    /// Adds the events since the last time to their hours. Ids are handed out before commits: the newest minute waits for the next time.
    static func count() -> SQL {
        """
        WITH news AS (
          SELECT e.tenant_id, e.connection_id, e.id, e.received_at FROM app.tenants t LEFT JOIN app.source_marks m ON m.tenant_id = t.tenant_id
          JOIN app.events e ON e.tenant_id = t.tenant_id AND e.id > coalesce(m.last_event, 0)
          WHERE e.received_at < clock_timestamp() - interval '1 minute'
        ), hours AS (
          INSERT INTO app.source_hours AS h (tenant_id, connection_id, hour, events, last_at)
          SELECT tenant_id, connection_id, date_trunc('hour', received_at, 'UTC'), count(*), max(received_at) FROM news GROUP BY 1, 2, 3
          ON CONFLICT (tenant_id, connection_id, hour) DO UPDATE SET events = h.events + EXCLUDED.events, last_at = greatest(h.last_at, EXCLUDED.last_at)
        )
        INSERT INTO app.source_marks AS m (tenant_id, last_event) SELECT tenant_id, max(id) FROM news GROUP BY tenant_id
        ON CONFLICT (tenant_id) DO UPDATE SET last_event = greatest(m.last_event, EXCLUDED.last_event)
        """
    }

    /// A connection `c` that an active flow reads, or whose returns belong to one.
    private static let isRead = """
        EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = c.tenant_id AND f.state = 'active' AND (f.source_id = c.id OR f.policies->>'returns.from' = c.slug))
        """

    /// Sources of active flows (live ones, and those that nobody has to connect because they send by themselves) whose last event is over an hour old, a row for each hour of the week in which something came within the four weeks before it.
    static func quiet() -> SQL {
        """
        SELECT h.tenant_id, h.connection_id, c.slug, c.platform, x.last_at, x.known_since,
          (extract(dow FROM h.hour AT TIME ZONE 'UTC') * 24 + extract(hour FROM h.hour AT TIME ZONE 'UTC'))::int AS slot, count(*) AS weeks, g.gap_ms, g.hours
        FROM (SELECT s.tenant_id, s.connection_id, max(s.last_at) AS last_at, min(s.hour) AS known_since FROM app.source_hours s GROUP BY 1, 2) x
        JOIN app.connections c ON c.tenant_id = x.tenant_id AND c.id = x.connection_id JOIN app.tenants t ON t.tenant_id = x.tenant_id
        JOIN app.source_hours h ON h.tenant_id = x.tenant_id AND h.connection_id = x.connection_id AND h.hour >= x.last_at - interval '28 days'
        CROSS JOIN LATERAL (SELECT (max(extract(epoch FROM y.gap)) * 1000)::bigint AS gap_ms, count(*) AS hours FROM (
          SELECT s.hour - lag(s.last_at) OVER (ORDER BY s.hour) AS gap FROM app.source_hours s
          WHERE s.tenant_id = x.tenant_id AND s.connection_id = x.connection_id AND s.hour >= x.last_at - interval '28 days') y) g
        WHERE t.state = 'active' AND (\(unsafe: AlertSurveyStatements.inUse) OR (c.state = 'new' AND c.credential IS NULL)) AND x.last_at < clock_timestamp() - interval '1 hour'
          AND \(unsafe: isRead)
        GROUP BY h.tenant_id, h.connection_id, c.slug, c.platform, x.last_at, x.known_since, g.gap_ms, g.hours, slot
        ORDER BY h.tenant_id, h.connection_id, slot
        """
    }

    /// Live sources of active flows of which nothing has ever come, with when it was first known who is at the other end.
    static func mute() -> SQL {
        """
        SELECT c.tenant_id, c.id AS connection_id, c.slug, c.platform, i.since FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        CROSS JOIN LATERAL (SELECT min(u.at) AS since FROM app.audit u
          WHERE u.tenant_id = c.tenant_id AND u.subject = 'connection ' || c.id AND u.action = 'connection.identified') i
        WHERE t.state = 'active' AND \(unsafe: AlertSurveyStatements.inUse) AND i.since IS NOT NULL AND \(unsafe: isRead)
          AND NOT EXISTS (SELECT FROM app.source_hours s WHERE s.tenant_id = c.tenant_id AND s.connection_id = c.id)
          AND NOT EXISTS (SELECT FROM app.events e WHERE e.tenant_id = c.tenant_id AND e.connection_id = c.id)
        ORDER BY c.tenant_id, c.id
        """
    }

    /// A source that is silent keeps the rhythm that it had.
    static func prune() -> SQL {
        """
        DELETE FROM app.source_hours s USING (SELECT tenant_id, connection_id, max(hour) AS newest FROM app.source_hours GROUP BY 1, 2) x
        WHERE s.tenant_id = x.tenant_id AND s.connection_id = x.connection_id AND s.hour < x.newest - interval '35 days'
        """
    }
}

extension PostgresTransaction {
    /// Counts what came since the last time, and forgets what is five weeks older than the newest.
    public func countSourceHours() async throws(Fault) {
        _ = try await batch([SourceHourStatements.count(), SourceHourStatements.prune()])
    }

    public func quietSources() async throws(Fault) -> [QuietSource] {
        var out: [QuietSource] = []
        for row in try await query(SourceHourStatements.quiet()) {
            let tenant: TenantID = try row.get("tenant_id"), connection: ConnectionID = try row.get("connection_id")
            if out.last?.tenant != tenant || out.last?.connection != connection {
                out.append(QuietSource(
                    tenant: tenant, connection: connection, slug: try row.get("slug"), platform: try row.get("platform"), lastAt: try row.get("last_at"),
                    knownSince: try row.get("known_since"), weeks: [:], longestGap: try SourceHourStatements.gap(row)))
            }
            out[out.count - 1].weeks[Int(try row.get("slot", as: Int32.self))] = Int(try row.get("weeks", as: Int64.self))
        }
        for row in try await query(SourceHourStatements.mute()) {
            let since: Timestamp = try row.get("since")
            out.append(QuietSource(
                tenant: try row.get("tenant_id"), connection: try row.get("connection_id"), slug: try row.get("slug"), platform: try row.get("platform"),
                lastAt: since, hasSpoken: false, knownSince: since, weeks: [:]))
        }
        return out
    }
}

extension SourceHourStatements {
    /// Hours without which nothing is said of how long it is quiet at most.
    private static let hoursLeast: Int64 = 5

    fileprivate static func gap(_ row: PostgresRow) throws(Fault) -> Duration? {
        let ms: Int64? = try row.get("gap_ms"), hours: Int64 = try row.get("hours")
        return hours >= hoursLeast ? ms.map { .milliseconds(max(0, $0)) } : nil
    }
}
