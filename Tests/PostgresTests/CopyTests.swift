import Kernel
import Testing

@testable import Postgres

@Suite("a copy out of a real server", .timeLimit(.minutes(2))) struct CopyTests {
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
}
