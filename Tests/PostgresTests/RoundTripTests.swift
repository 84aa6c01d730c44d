import FoundationEssentials
import Kernel
import Postgres
import Testing

private enum Colour: String, PostgresEncodable, PostgresDecodable { case red, green }

@Suite("values to PostgreSQL and back", .timeLimit(.minutes(2))) struct RoundTripTests {
    private func echo<T: PostgresEncodable & PostgresDecodable & Equatable>(_ values: [T], _ pool: PostgresPool) async throws {
        for value in values {
            let rows = try await pool.query("select \(value) as v, pg_typeof(\(value))::text as t")
            #expect(try rows[0].get("v", as: T.self) == value)
        }
    }

    @Test("injection text comes back as it went") func injection() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (v text)")
        let evil = ["'; drop table \(table); --", "$1", "\\'; select 1", "a\"b", "%s\u{1}", "😀 ü\n\t"]
        for text in evil { try await pool.query("insert into \(unsafe: table) values (\(text))") }
        let rows = try await pool.query("select v from \(unsafe: table) where v = any(\(evil))")
        #expect(try rows.map { try $0.get("v", as: String.self) }.sorted() == evil.sorted())
    }

    @Test("scalars keep their value to the extremes") func scalars() async throws {
        let pool = try testPool(size: 1)
        try await echo([true, false], pool)
        try await echo([Int.min, -1, 0, Int.max], pool)
        try await echo([Int64.min, Int64.max], pool)
        try await echo([Int32.min, Int32.max], pool)
        try await echo(["", "a", String(repeating: "é\"\\", count: 5_000)], pool)
        try await echo([[UInt8](), [0], Array(0 ... 255)], pool)
        try await echo([UUID(), SystemRandom().uuid()], pool)
        try await echo([SystemRandom().identifier(TenantKind.self)], pool)
        try await echo([Timestamp(microseconds: 0), Timestamp(microseconds: -1), Timestamp(seconds: 253_402_300_799)], pool)
        try await echo([Timestamp(microseconds: 946_684_800_000_000), Timestamp(seconds: -62_135_596_800)], pool)
        let days = [LocalDate(year: 0, month: 1, day: 1), LocalDate(year: 9999, month: 12, day: 31), LocalDate("2024-02-29")]
        try await echo(days.compactMap { $0 }, pool)
        try await echo([PostgresJSON(Array(#"{"a": [1, 2.50, "é\""]}"#.utf8))], pool)
    }

    @Test("decimals keep every digit and their scale", arguments: [
        "0", "0.00", "1", "-1", "10000", "9999.9999", "0.0001", "-0.00000001", "12345678901234567890123456789012345.67",
        "9999999999999999999999999999999999999", "-100000000", "1000.10", "0.000000000000000000000000000001",
    ])
    func decimals(_ text: String) async throws {
        let pool = try testPool(size: 1)
        let value = try #require(ExactDecimal(text))
        let rows = try await pool.query("select \(value) as v, \(value)::text as t, \([value, nil]) as list")
        #expect(try rows[0].get("v", as: ExactDecimal.self).description == value.description)
        #expect(try rows[0].get("t", as: String.self) == value.description)
        #expect(try rows[0].get("list", as: [ExactDecimal?].self) == [value, nil])
    }

    @Test("a numeric that is not a number or too long is a fault that names the column", arguments: ["'NaN'", "'Infinity'", "1e38", "1e-31"])
    func badDecimals(_ text: String) async throws {
        let pool = try testPool(size: 1)
        let rows = try await pool.query("select \(unsafe: text)::numeric as price")
        let found = await fault { _ = try rows[0].get("price", as: ExactDecimal.self) }
        #expect(found?.code == "column_type")
        #expect(found?.position == "price")
    }

    @Test("nulls travel with their type, and come back as nil") func nulls() async throws {
        let pool = try testPool(size: 1)
        let none: Int64? = nil
        let noText: String? = nil
        let noList: [String]? = nil
        let rows = try await pool.query(
            "select \(none) as a, pg_typeof(\(none))::text as ta, \(noText) as b, pg_typeof(\(noList))::text as tc, \(noList) as c, \(Optional(5)) as d")
        let row = rows[0]
        #expect(try row.get("a", as: Int64?.self) == nil)
        #expect(try row.get("ta", as: String.self) == "bigint")
        #expect(try row.get("b", as: String?.self) == nil)
        #expect(try row.get("tc", as: String.self) == "text[]")
        #expect(try row.get("c", as: [String]?.self) == nil)
        #expect(try row.get("d", as: Int?.self) == 5)
        let missing = await fault { _ = try row.get("a", as: Int64.self) }
        #expect(missing?.code == "column_type")
        #expect(missing?.position == "a")
    }

    @Test("arrays keep quotes, backslashes, nulls, braces and unicode") func arrays() async throws {
        let pool = try testPool(size: 1)
        try await echo([[String](), ["", "a,b", "{}", "\"q\"", "back\\slash", "NULL", "null", " sp ", "ü😀\n"]], pool)
        try await echo([[String?](), ["x", nil, "NULL", ""]], pool)
        try await echo([[Int64](), [.min, 0, .max]], pool)
        try await echo([[Int64?](), [nil, 7, nil]], pool)
        try await echo([[1, 2, 3]], pool)
        try await echo([[Int32.min, 5]], pool)
        try await echo([[UUID(), UUID()]], pool)
        try await echo([[SystemRandom().identifier(FlowKind.self)]], pool)
        try await echo([[[UInt8]](), [[], [0, 255, 34, 92], Array(0 ... 255)]], pool)
        try await echo([[LocalDate(daysSince1970: -1), LocalDate(daysSince1970: 20_000)]], pool)
        try await echo([[Timestamp(microseconds: 1), Timestamp(microseconds: -7)]], pool)
        try await echo([[true, false], []], pool)
        try await echo([[true, nil]], pool)
        try await echo([[PostgresJSON(Array("[1]".utf8)), PostgresJSON(Array(#"{"k": "\""}"#.utf8))]], pool)
    }

    @Test("unnest of arrays loads rows") func unnest() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        let ids = (0 ..< 500).map { _ in SystemRandom().uuid() }
        let names = (0 ..< 500).map { $0 % 7 == 0 ? nil : "name \($0)" as String? }
        let bodies = (0 ..< 500).map { [UInt8](repeating: UInt8($0 % 256), count: $0) }
        try await pool.query("create table \(unsafe: table) (id uuid primary key, name text, body bytea)")
        let done = try await pool.query("insert into \(unsafe: table) select * from unnest(\(ids), \(names), \(bodies))")
        #expect(done.affected == 500)
        let rows = try await pool.query("select name, body from \(unsafe: table) where id = \(ids[8])")
        #expect(try rows[0].get(0, as: String?.self) == "name 8")
        #expect(try rows[0].get(1, as: [UInt8].self) == bodies[8])
    }

    @Test("a wrong type names the column and what it holds") func wrongType() async throws {
        let pool = try testPool(size: 1)
        let row = try await pool.query("select 'x'::text as label, 3000000000::int8 as big, array[1]::int4[] as list")[0]
        let label = await fault { _ = try row.get("label", as: Int.self) }
        #expect(label?.code == "column_type")
        #expect(label?.disposition == .bug)
        #expect(label?.position == "label")
        #expect(label?.summary.contains("text") == true)
        #expect(await fault { _ = try row.get("big", as: Int32.self) }?.position == "big")
        #expect(await fault { _ = try row.get("list", as: [String].self) }?.position == "list")
        #expect(await fault { _ = try row.get("nothing", as: Int.self) }?.code == "column_missing")
        #expect(await fault { _ = try row.get(9, as: Int.self) }?.code == "column_missing")
        let sugar: Int? = row["label"]
        #expect(sugar == nil)
    }

    @Test("small integers widen, enums and database enums read as text") func looseReads() async throws {
        let pool = try testPool(size: 1)
        let type = freshName("mood")
        try await pool.query("create type \(unsafe: type) as enum ('red', 'green')")
        let row = try await pool.query(
            "select 7::int2 as a, 8::int4 as b, 'green'::\(unsafe: type) as c, \(Colour.red) as d, row(1, 'x') as e, 5::int4 as f, 'n'::name as g")[0]
        #expect(try row.get("a", as: Int.self) == 7)
        #expect(try row.get("b", as: Int64.self) == 8)
        #expect(try row.get("c", as: Colour.self) == .green)
        #expect(try row.get("d", as: Colour.self) == .red)
        #expect(await fault { _ = try row.get("e", as: String.self) }?.code == "column_type")
        #expect(try row.get("f", as: ExactDecimal.self) == ExactDecimal(5))
        #expect(try row.get("g", as: String.self) == "n")
    }

    @Test("five megabytes go there and back") func large() async throws {
        let pool = try testPool(size: 1)
        let body = SeededRandom(seed: 5).bytes(5 << 20)
        let rows = try await pool.query("select \(body) as v, length(\(body)) as n")
        #expect(try rows[0].get("v", as: [UInt8].self) == body)
        #expect(try rows[0].get("n", as: Int.self) == body.count)
    }

    @Test("a NUL in text is refused, not cut") func nul() async throws {
        let pool = try testPool(size: 1)
        #expect(await fault { try await pool.query("select \("a\0b")") }?.code == "sql_22021")
        #expect(await fault { try await pool.query(SQL("select '\0'", binds: [])) }?.code == "sql_statement")
    }

    @Test("many rows come in order, and rows keep their bounds") func manyRows() async throws {
        let pool = try testPool(size: 1)
        let rows = try await pool.query("select n, n::text as t, case when n % 2 = 0 then n end as e from generate_series(1, 20000) n")
        #expect(rows.count == 20_000)
        #expect(rows.columns == ["n", "t", "e"])
        for (index, row) in rows.enumerated() {
            #expect(try row.get("n", as: Int.self) == index + 1 && row.get("t", as: String.self) == String(index + 1))
            #expect(try row.get("e", as: Int?.self) == ((index + 1) % 2 == 0 ? index + 1 : nil))
        }
        #expect(try await pool.query("select 1 where false").first == nil)
    }
}
