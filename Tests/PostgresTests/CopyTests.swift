import Kernel
import Testing

@testable import Postgres

@Suite("a copy out of a real server", .timeLimit(.minutes(2)), .serialized) struct CopyTests {
    private func copy(_ sql: SQL) throws -> PostgresCopy { PostgresCopy(try Cluster.shared.get().configuration, sql) }

    private func text(_ copy: PostgresCopy) async throws(Fault) -> String {
        var bytes: [UInt8] = []
        while let piece = try await copy.next() { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("all rows come, whole and in order, in pieces that end with a row") func rows() async throws {
        let reader = try copy("copy (select n, repeat('x', 50) from generate_series(1, 30000) n order by n) to stdout")
        var lines: [Substring] = []
        var pieces = 0
        while let piece = try await reader.next() {
            pieces += 1
            #expect(piece.last == 10)
            #expect(piece.count < PostgresLimits.copyPieceBytes + 100)
            lines += String(decoding: piece, as: UTF8.self).split(separator: "\n")
        }
        #expect(pieces > 1)
        #expect(lines.count == 30_000)
        #expect(lines.first?.hasPrefix("1\tx") == true && lines.last?.hasPrefix("30000\tx") == true)
        #expect(try await reader.next() == nil)
    }

    @Test("an empty copy ends at once") func empty() async throws {
        #expect(try await text(try copy("copy (select 1 where false) to stdout")) == "")
    }

    @Test("what fails before the first row, or after many, is told") func failures() async throws {
        let missing = try copy("copy no_such_table to stdout")
        #expect(await fault { _ = try await text(missing) }?.code == "sql_42P01")
        let late = try copy("copy (select 1 / (100000 - n) from generate_series(1, 200000) n) to stdout")
        #expect(await fault { _ = try await text(late) }?.code == "sql_22012")
    }

    @Test("a statement that is no copy out is refused") func others() async throws {
        for sql: SQL in ["select 1", "create temporary table t (a int)"] {
            let reader = try copy(sql)
            #expect(await fault { _ = try await text(reader) }?.code == "sql_statement")
        }
    }

    @Test("a server that is not there is told") func noServer() async throws {
        var configuration = try Cluster.shared.get().configuration
        configuration.host = "/nowhere"
        let reader = PostgresCopy(configuration, "copy (select 1) to stdout")
        #expect(await fault { _ = try await text(reader) }?.code == "database_down")
    }

    @Test("a reader that is let go hangs up; others are not disturbed") func letGo() async throws {
        for _ in 0 ..< 20 { _ = try await copy("copy (select n from generate_series(1, 1000000) n) to stdout").next() }
        #expect(try await text(try copy("copy (select 7) to stdout")) == "7\n")
    }

    /// Of this test alone: connections are kept for those who log in the same way.
    private func configuration(_ name: String) throws -> PostgresConfiguration {
        var configuration = try Cluster.shared.get().configuration
        configuration.applicationName = name
        return configuration
    }

    private let backend: SQL = "copy (select pg_backend_pid()) to stdout"

    @Test("a copy takes the connection of the one before, cleared, and nobody else does") func kept() async throws {
        let mine = try configuration("copies in a row")
        let first = try await text(PostgresCopy(mine, backend))
        _ = try await text(PostgresCopy(mine, "copy (select set_config('counterfoil.left', 'behind', false), pg_advisory_lock(71)) to stdout"))
        #expect(try await text(PostgresCopy(mine, "copy (select coalesce(current_setting('counterfoil.left', true), ''), pg_backend_pid()) to stdout")) == "\t" + first)
        #expect(try await text(PostgresCopy(mine, "copy (select count(*) from pg_locks where locktype = 'advisory' and objid = 71) to stdout")) == "0\n")
        #expect(try await text(PostgresCopy(try configuration("another login"), backend)) != first)
        #expect(try await text(PostgresCopy(mine, backend)) == first)
    }

    @Test("a copy that failed or was not read to its end leaves no connection") func notKept() async throws {
        let mine = try configuration("copies that fail")
        let first = try await text(PostgresCopy(mine, backend))
        #expect(await fault { _ = try await text(PostgresCopy(mine, "copy no_such_table to stdout")) }?.code == "sql_42P01")
        let second = try await text(PostgresCopy(mine, backend))
        #expect(second != first)
        _ = try await PostgresCopy(mine, "copy (select n from generate_series(1, 1000000) n) to stdout").next()
        #expect(try await text(PostgresCopy(mine, backend)) != second)
    }

    @Test("a kept connection that the server has ended is noticed, and the next copy has another") func ended() async throws {
        let mine = try configuration("copies with an end")
        let first = try await text(PostgresCopy(mine, backend))
        let pool = PostgresPool(try Cluster.shared.get().configuration, size: 1)
        guard let pid = Int(first.dropLast()) else { throw Fault("test", stage: .database, disposition: .bug, summary: first) }
        #expect(try await pool.query("select pg_terminate_backend(\(Int32(pid)), 5000)").count == 1)
        await pool.close()
        let second = try await text(PostgresCopy(mine, backend))
        #expect(!second.isEmpty && second != first)
    }
}
