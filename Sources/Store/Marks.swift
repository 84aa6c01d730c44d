public import Kernel
public import Postgres

/// How far the keepers of a database's mark have come: what of it is also kept outside of it.
public struct Standing: Sendable, Hashable {
    /// Tells the database from others; copies have the same until one of them is declared restored.
    public var lineage: LineageID
    /// By keeper: a number that only that keeper raises.
    public var marks: [KeeperID: Int64]
    /// Since when somebody is known to have seen more of the database than it has.
    public var olderSince: Timestamp?

    public init(lineage: LineageID, marks: [KeeperID: Int64], olderSince: Timestamp? = nil) {
        self.lineage = lineage
        self.marks = marks
        self.olderSince = olderSince
    }
}

public enum LineageKind {}
public enum KeeperKind {}
public typealias LineageID = Identifier<LineageKind>
public typealias KeeperID = Identifier<KeeperKind>

public enum MarkStatements {
    /// Keepers besides those that are asked for: state directories come and go.
    private static let keepersMost = 50

    /// One row for each of these keepers and the last others, or one without any.
    public static func standing(with keepers: [KeeperID]) -> SQL {
        """
        SELECT l.id, l.older_since, m.keeper, m.mark FROM adm.lineage l LEFT JOIN (
          (SELECT keeper, mark FROM adm.marks ORDER BY at DESC, keeper LIMIT \(keepersMost))
          UNION SELECT keeper, mark FROM adm.marks WHERE keeper = ANY (\(keepers))) m ON true
        """
    }

    public static func raise(_ keeper: KeeperID) -> SQL {
        """
        INSERT INTO adm.marks AS m (keeper, mark, at) VALUES (\(keeper), 1, clock_timestamp())
        ON CONFLICT (keeper) DO UPDATE SET mark = m.mark + 1, at = EXCLUDED.at RETURNING mark
        """
    }

    /// Once said, it stays until the database is declared restored.
    public static func older() -> SQL { "UPDATE adm.lineage SET older_since = coalesce(older_since, clock_timestamp())" }

    public static func isOlder() -> SQL { "SELECT older_since IS NOT NULL AS older FROM adm.lineage" }
}

extension Store {
    /// - Parameter keepers: whose marks are wanted, however long ago they were raised.
    public func standing(with keepers: [KeeperID] = []) async throws(Fault) -> Standing {
        var out: Standing?
        for row in try await pool.query(MarkStatements.standing(with: keepers)) {
            if out == nil { out = Standing(lineage: try row.get("id"), marks: [:], olderSince: try row.get("older_since")) }
            if let keeper: KeeperID = try row.get("keeper") { out?.marks[keeper] = try row.get("mark") }
        }
        guard let out else {
            throw Fault("database_empty", stage: .database, disposition: .hold, summary: "the database has no lineage", remedy: "Run `counterfoil migrate`.")
        }
        return out
    }

    /// Raises a keeper's mark, and commits.
    public func raiseMark(_ keeper: KeeperID) async throws(Fault) -> Int64 { try await pool.query(MarkStatements.raise(keeper)).first?.get("mark") ?? 0 }

    /// Tells everybody that somebody has seen more of the database than it has.
    public func sayOlder() async throws(Fault) { _ = try await pool.query(MarkStatements.older()) }
}

extension PostgresTransaction {
    /// - Throws: `database_older`.
    public func refuseOlder() async throws(Fault) {
        if try await query(MarkStatements.isOlder()).first?.get("older") ?? false { throw Standing.fault }
    }
}

extension Standing {
    /// Nothing may be sent from it as it is.
    public static var fault: Fault {
        Fault(
            "database_older", stage: .scheduler, disposition: .hold, summary: "the database is older than what was seen of it: it was brought back to an older state, and ledgers may hold what it does not know of",
            remedy: "Run `counterfoil restored`, which has everything looked for before it is sent: docs/installing.md#to-an-older-state.")
    }
}
