internal import Crypto
internal import FoundationEssentials
public import Kernel
public import Postgres

/// One numbered file of `migrations/`.
public struct Migration: Sendable {
    /// `0001_roles`.
    public var name: String
    public var text: String

    public var hash: String { Digest.sha256(Array(text.utf8)).hexText }

    /// Files `NNNN_snake_case.sql` of a folder, in order; each begins with `-- why:`, `-- locks:` and `-- undo:`.
    /// - Throws: `migration_malformed` naming the file; `migrations_missing` for a folder without any.
    public static func read(folder: String) throws(Fault) -> [Migration] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".sql") }.sorted()
        guard !names.isEmpty else {
            throw Fault("migrations_missing", stage: .configuration, disposition: .hold, summary: "there are no migrations in \(folder)",
                remedy: "Run the program in its checkout, or name the folder in COUNTERFOIL_MIGRATIONS.")
        }
        var out: [Migration] = []
        var last = 0
        for name in names {
            // A number may be missing: two that were written side by side need not arrive together. None is there twice.
            let digits = name.prefix(4)
            guard name.dropFirst(4).first == "_", digits.utf8.allSatisfy({ (48 ... 57).contains($0) }), let number = Int(digits), number > last,
                let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
            else {
                throw Fault("migration_malformed", stage: .configuration, disposition: .bug, summary: "migration \(name) is unreadable, or its number is not one after \(last)")
            }
            last = number
            let text = String(decoding: data, as: UTF8.self)
            for word in ["-- why:", "-- locks:", "-- undo:"] where !text.contains(word) {
                throw Fault("migration_malformed", stage: .configuration, disposition: .bug, summary: "migration \(name) has no line '\(word)'")
            }
            out.append(Migration(name: String(name.dropLast(4)), text: text))
        }
        return out
    }
}

public enum Migrator {
    /// Applies what is missing, each file in one transaction with its record. An applied file whose text changed is refused. Of several at once one
    /// works and the others wait for it, and find nothing left to do.
    /// `configuration` logs in as somebody who may create roles and schemas.
    /// - Throws: `migration_changed`, `migration_unknown` (the database is newer than the program), `script_failed`.
    /// - Returns: the names applied now.
    public static func migrate(_ configuration: PostgresConfiguration, _ migrations: [Migration]) async throws(Fault) -> [String] {
        // This transaction holds the lock and reads; the files run on connections of their own.
        let pool = PostgresPool(configuration, size: 1)
        do throws(Fault) {
            let done = try await pool.transaction { tx throws(Fault) in
                try await tx.batch(["SET LOCAL idle_in_transaction_session_timeout = 0", "SELECT pg_advisory_xact_lock(4711)"])
                try await postgresScript(configuration, """
                    CREATE TABLE IF NOT EXISTS public.counterfoil_migrations (
                      name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
                    """)
                var applied: [String: String] = [:]
                for row in try await tx.query("SELECT name, hash FROM public.counterfoil_migrations") { applied[try row.get("name")] = try row.get("hash") }
                return try await apply(migrations, to: configuration, having: applied)
            }
            await pool.close()
            return done
        } catch {
            await pool.close()
            throw error
        }
    }

    private static func apply(
        _ migrations: [Migration], to configuration: PostgresConfiguration, having applied: [String: String]
    ) async throws(Fault) -> [String] {
        for name in applied.keys.sorted() where !migrations.contains(where: { $0.name == name }) {
            throw Fault("migration_unknown", stage: .database, disposition: .hold, summary: "the database has migration \(name), which this program does not know",
                remedy: "Run the program that made it, or a newer one.")
        }
        for migration in migrations {
            guard let hash = applied[migration.name], hash != migration.hash else { continue }
            throw Fault("migration_changed", stage: .database, disposition: .hold, summary: "migration \(migration.name) was changed after it was applied",
                remedy: "Restore the file; put changes into a new migration.")
        }
        var done: [String] = []
        for migration in migrations where applied[migration.name] == nil {
            try await postgresScript(configuration, """
                BEGIN;
                \(migration.text)
                INSERT INTO public.counterfoil_migrations (name, hash) VALUES ('\(migration.name)', '\(migration.hash)');
                COMMIT;
                """)
            done.append(migration.name)
        }
        return done
    }
}
