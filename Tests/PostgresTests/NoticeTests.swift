import FoundationEssentials
import Glibc
import Kernel
import Testing

@testable import Postgres

/// Standard error of the process while it is looked at; what others write meanwhile is passed on at the end.
private func standardError(during body: () async throws -> Void) async throws -> String {
    var path = Array("/tmp/cfnotice-XXXXXX".utf8CString)
    let file = mkstemp(&path)
    let before = dup(2)
    try #require(file >= 0 && before >= 0)
    dup2(file, 2)
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    dup2(before, 2)
    close(before)
    close(file)
    let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let bytes = try Data(contentsOf: URL(filePath: name))
    unlink(name)
    bytes.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    try result.get()
    return String(decoding: bytes, as: UTF8.self)
}

@Suite("floods of notices", .serialized, .timeLimit(.minutes(2))) struct NoticeTests {
    private static let secret = "card 4111-1111"

    /// A function of its own that says a hundred things, with a value in each, before it answers.
    private func talkative(_ pool: PostgresPool) async throws -> String {
        let name = freshName()
        let body = """
            begin for i in 1 .. 100 loop raise notice '\(Self.secret) %', i; raise warning '\(Self.secret) % %', n, i; raise info '\(Self.secret)'; end loop; return n; end
            """
        try await pool.query("create function \(unsafe: name)(n int8) returns int8 language plpgsql as \(unsafe: "$body$ \(body) $body$")")
        return name
    }

    @Test("pipelined selects and transactions among thousands of notices get their own answers, and nothing of a notice is printed") func selects() async throws {
        let pool = try testPool(size: 2)
        let name = try await talkative(pool)
        let printed = try await standardError {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0 ..< 120 {
                    group.addTask {
                        if n % 10 == 9 {
                            let sum = try await pool.transaction { tx throws(Fault) in
                                let rows = try await tx.batch(["select \(unsafe: name)(\(n)) as n", "select \(unsafe: name)(\(n + 1)) as n"])
                                return try rows[0][0].get("n", as: Int.self) + rows[1][0].get("n", as: Int.self)
                            }
                            #expect(sum == 2 * n + 1)
                        } else if n % 10 == 4 {
                            #expect(await fault { try await pool.query("select \(unsafe: name)(\(n)) / 0") }?.code == "sql_22012")
                        } else {
                            #expect(try await pool.query("select \(unsafe: name)(\(n)) as n")[0].get("n", as: Int.self) == n)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(!printed.contains(Self.secret))
    }

    @Test("a copy among notices has all its rows and nothing else, and a listener hears through them") func copies() async throws {
        let pool = try testPool(size: 1)
        let name = try await talkative(pool)
        let text = Locked("")
        let printed = try await standardError {
            let copy = PostgresCopy(try Cluster.shared.get().configuration, "copy (select \(unsafe: name)(n) from generate_series(1, 200) n) to stdout")
            while let piece = try await copy.next() { text.with { $0 += String(decoding: piece, as: UTF8.self) } }
        }
        #expect(text.with { $0 } == (1 ... 200).map { "\($0)\n" }.joined())
        #expect(!printed.contains(Self.secret))
        // The connection is used again by the next.
        let next = PostgresCopy(try Cluster.shared.get().configuration, "copy (select \(unsafe: name)(7)) to stdout")
        #expect(try await next.next().map { String(decoding: $0, as: UTF8.self) } == "7\n")
    }

    @Test("a notice as long as a message may be is passed over") func long() async throws {
        let pool = try testPool(size: 1)
        let printed = try await standardError {
            try await pool.query("do \(unsafe: "$body$ begin raise notice '%', repeat('\(Self.secret)', 200000); end $body$")")
        }
        #expect(!printed.contains(Self.secret))
        #expect(try await pool.query("select 1 as n").count == 1)
    }
}
