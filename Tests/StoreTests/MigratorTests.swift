import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Migrations", .serialized, .timeLimit(.minutes(2))) struct MigratorTests {
    private func file(_ name: String, _ text: String) -> Migration { Migration(name: name, text: "-- why: a test\n-- locks: none\n-- undo: none\n" + text) }
    private var one: Migration { file("0001_one", "CREATE TABLE public.one (x int);") }
    private var two: Migration { file("0002_two", "CREATE TABLE public.two (x int); INSERT INTO public.two VALUES (2);") }

    /// An empty database, gone after the body.
    private func withDatabase(_ body: (PostgresConfiguration, PostgresPool) async throws -> Void) async throws {
        let server = try Cluster.shared.get()
        let name = "empty_\(SystemRandom().bytes(6).hexText)"
        try await postgresScript(server.configuration(), "CREATE DATABASE \(name)")
        let configuration = server.configuration(database: name)
        let pool = PostgresPool(configuration, size: 1)
        let result: Result<Void, any Error>
        do { result = .success(try await body(configuration, pool)) } catch { result = .failure(error) }
        await pool.close()
        try await postgresScript(server.configuration(), "DROP DATABASE \(name) WITH (FORCE)")
        try result.get()
    }

    private func tables(_ pool: PostgresPool) async throws -> [String] {
        try await pool.texts("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname IN ('one', 'two') ORDER BY 1")
    }

    private func recorded(_ pool: PostgresPool) async throws -> [String] { try await pool.texts("SELECT name FROM public.counterfoil_migrations ORDER BY name") }

    @Test("each file is applied once, in order, and what came later is added") func applied() async throws {
        try await withDatabase { database, pool async throws in
            #expect(try await Migrator.migrate(database, [one]) == ["0001_one"])
            #expect(try await Migrator.migrate(database, [one, two]) == ["0002_two"])
            #expect(try await Migrator.migrate(database, [one, two]) == [])
            #expect(try await tables(pool) == ["one", "two"])
            #expect(try await pool.texts("SELECT hash FROM public.counterfoil_migrations ORDER BY name") == [one.hash, two.hash])
        }
    }

    @Test("a file changed after it was applied stops everything, before anything is done") func changed() async throws {
        try await withDatabase { database, pool async throws in
            _ = try await Migrator.migrate(database, [one])
            let other = file("0001_one", "CREATE TABLE public.one (x int); ")
            let fault = await #expect(throws: Fault.self) { try await Migrator.migrate(database, [other, two]) }
            #expect(fault?.code == "migration_changed")
            #expect(fault?.summary.contains("0001_one") == true)
            #expect(try await tables(pool) == ["one"])
        }
    }

    @Test("a database newer than the program is left alone") func newer() async throws {
        try await withDatabase { database, pool async throws in
            _ = try await Migrator.migrate(database, [one, two])
            let fault = await #expect(throws: Fault.self) { try await Migrator.migrate(database, [one]) }
            #expect(fault?.code == "migration_unknown")
            #expect(fault?.summary.contains("0002_two") == true)
        }
    }

    @Test("a file that fails leaves nothing of itself; those before it stay, and mended it goes on") func partial() async throws {
        try await withDatabase { database, pool async throws in
            let torn = file("0002_two", "CREATE TABLE public.two (x int); INSERT INTO public.two VALUES ('word');")
            let fault = await #expect(throws: Fault.self) { try await Migrator.migrate(database, [one, torn]) }
            #expect(fault?.code == "script_failed")
            #expect(try await tables(pool) == ["one"])
            #expect(try await recorded(pool) == ["0001_one"])
            #expect(try await Migrator.migrate(database, [one, two]) == ["0002_two"])
            #expect(try await tables(pool) == ["one", "two"])
        }
    }

    @Test("a file that comes between two that were applied is applied then") func between() async throws {
        try await withDatabase { database, pool async throws in
            let three = file("0003_three", "CREATE TABLE public.three (x int);")
            #expect(try await Migrator.migrate(database, [one, three]) == ["0001_one", "0003_three"])
            #expect(try await Migrator.migrate(database, [one, two, three]) == ["0002_two"])
            #expect(try await recorded(pool) == ["0001_one", "0002_two", "0003_three"])
        }
    }

    @Test("of several migrators at once each file is applied by one, and none of them fails") func concurrent() async throws {
        try await withDatabase { database, pool async throws in
            let files = [one, two, file("0003_three", "INSERT INTO public.one VALUES (3);")]
            let done = try await sideBySide(5) { _ in try await Migrator.migrate(database, files) }
            #expect(done.flatMap { $0 }.sorted() == files.map(\.name))
            #expect(try await pool.texts("SELECT x::text FROM public.one") == ["3"])
            #expect(try await recorded(pool).count == 3)
        }
    }

    @Test("a database of four files keeps its structures and rules through the fifth") func fifth() async throws {
        try await withDatabase { database, pool async throws in
            let files = try TemporaryDatabase.migrations()
            #expect(files.count >= 5)
            _ = try await Migrator.migrate(database, Array(files.prefix(4)))
            let id: TenantID = SystemRandom().identifier()
            try await pool.batch([
                "INSERT INTO app.consultancies (id, slug, name) VALUES (\(id), 'firm', 'A firm')",
                "INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name) VALUES (\(id), \(id), 'client', 'A client')",
                "INSERT INTO app.structures (tenant_id, version, body, actor) VALUES (\(id), 1, '{\"bb\": 1, \"a\": {\"c\": null}}', 'test')",
            ])
            #expect(try await Migrator.migrate(database, files).first == "0005_kept_as_written")
            #expect(try await pool.texts("SELECT body::text FROM app.structures") == [#"{"a": {"c": null}, "bb": 1}"#], "what jsonb made of it")
        }
    }

    @Test("a folder is read in order, and refused where a number, a heading or everything is missing") func folder() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "migrations-\(SystemRandom().bytes(6).hexText)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func read() -> String {
            do throws(Fault) { return try Migration.read(folder: folder.path).map(\.name).joined(separator: " ") } catch { return error.code }
        }
        #expect(read() == "migrations_missing")
        try Data(one.text.utf8).write(to: folder.appending(path: "0001_one.sql"))
        try Data(two.text.utf8).write(to: folder.appending(path: "0002_two.sql"))
        try Data("nothing".utf8).write(to: folder.appending(path: "README"))
        #expect(read() == "0001_one 0002_two")
        try Data(two.text.utf8).write(to: folder.appending(path: "0004_four.sql"))
        #expect(read() == "0001_one 0002_two 0004_four", "the third may still come")
        for name in ["0004_also_four.sql", "four.sql", "004_four.sql", "00x5_five.sql"] {
            try Data(two.text.utf8).write(to: folder.appending(path: name))
            #expect(read() == "migration_malformed", "\(name)")
            try FileManager.default.removeItem(at: folder.appending(path: name))
        }
        try FileManager.default.removeItem(at: folder.appending(path: "0004_four.sql"))
        try Data("-- why: a test\n-- undo: none\nSELECT 1;".utf8).write(to: folder.appending(path: "0003_three.sql"))
        #expect(read() == "migration_malformed")
    }
}
