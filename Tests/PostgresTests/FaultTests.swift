import Kernel
import Testing

@testable import Postgres

@Suite("what the server refuses", .timeLimit(.minutes(2))) struct FaultTests {
    @Test("a unique violation carries the constraint's name") func unique() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8, s text, constraint \(unsafe: table)_key unique (s))")
        try await pool.query("insert into \(unsafe: table) values (1, \("kundennummer-4711"))")
        let found = await fault { try await pool.query("insert into \(unsafe: table) values (1, \("kundennummer-4711"))") }
        #expect(found?.code == "unique_violation")
        #expect(found?.position == "\(table)_key")
        #expect(found.map { "\($0)".contains("4711") } == false)
    }

    @Test("a fault's description never holds a value", arguments: [
        "select \("geheim-1")::int8", "select \("geheim-1")::timestamptz", "select \("{geheim-1")::jsonb", "select \("geheim-1")::uuid",
        "select \("a\"geheim-1\"b")::numeric", "select ('x' || \("geheim-1"))::bool", "select cast(\("geheim-1") as date)",
        "select \("[geheim-1")::int4range",
    ] as [SQL])
    func redaction(_ sql: SQL) async throws {
        let pool = try testPool(size: 1)
        let found = await fault { try await pool.query(sql) }
        #expect(found?.code.hasPrefix("sql_22") == true)
        #expect(found.map { "\($0)".contains("geheim") } == false)
    }

    // As PostgreSQL 15 says them where `lc_messages` is de_DE, fr_FR, sv_SE and it_IT.
    @Test("a server that speaks another language tells no value either", arguments: [
        ("ungültige Eingabesyntax für Typ integer: »geheim«", "the database refused a value"),
        ("ungültige Eingabesyntax für Typ integer: »a\"geheim\"b«", "the database refused a value"),
        ("syntaxe en entrée invalide pour le type integer : « geheim »", "the database refused a value"),
        ("ogiltig indatasyntax för type integer: \"geheim\"", "the database refused a value"),
        ("värdet \"geheim\" är utanför giltigt intervall för typen integer", "the database refused a value"),
        ("sintassi di input non valida per il tipo integer: \"geheim\"", "sintassi di input non valida per il tipo integer: \"…\""),
        ("invalid input syntax for type integer: \"gehéim\"", "invalid input syntax for type integer: \"…\""),
        ("value too long for type character varying(3)", "value too long for type character varying(3)"),
    ])
    func otherLanguages(_ message: String, _ told: String) {
        let found = ServerError(sqlstate: "22P02", message: message).fault
        #expect(found.summary.hasPrefix(told))
        #expect(!"\(found)".contains("geh"))
        #expect(found.underlying == "SQLSTATE 22P02")
        #expect(ServerError(sqlstate: "42P01", message: "Relation »orders« existiert nicht").fault.summary == "Relation »orders« existiert nicht")
    }

    @Test("a stale plan is known by where it comes from, in any language; nothing else unsupported is") func stalePlan() {
        let words = "gecachter Plan darf den Ergebnistyp nicht ändern"
        let stale = ServerError(sqlstate: "0A000", message: words, routine: "RevalidateCachedQuery").fault
        #expect(stale.code == "stale_statement" && stale.disposition == .retry)
        #expect(ServerError(sqlstate: "0A000", message: words, routine: "transformLockingClause").fault.code == "sql_0A000")
        #expect(ServerError(sqlstate: "26000", message: "vorbereitete Anweisung »cf1« existiert nicht").fault.code == "stale_statement")
    }

    @Test("DETAIL with row values stays behind") func details() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (s text not null, n int8 check (n < 10), ref text references \(unsafe: table) (s), primary key (s))")
        let failing: [(SQL, String)] = [
            ("insert into \(unsafe: table) values (\("geheim"), 11, null)", "check_violation"),
            ("insert into \(unsafe: table) values (\("x"), 1, \("geheim"))", "foreign_key_violation"),
            ("insert into \(unsafe: table) values (null, 1, \("geheim"))", "sql_23502"),
        ]
        for (sql, code) in failing {
            let found = await fault { try await pool.query(sql) }
            #expect(found?.code == code)
            #expect(found.map { "\($0)".contains("geheim") } == false)
        }
    }

    @Test("a serialization failure is to be retried") func serialization() async throws {
        let pool = try testPool(size: 2)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (n int8)")
        try await pool.query("insert into \(unsafe: table) values (0)")
        let found = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("set transaction isolation level repeatable read")
                try await tx.query("select n from \(unsafe: table)")
                try await pool.query("update \(unsafe: table) set n = n + 1")
                try await tx.query("update \(unsafe: table) set n = n + 1")
            }
        }
        #expect(found?.code == "serialization")
        #expect(found?.disposition == .retry)
    }

    @Test("a deadlock is to be retried, and one side wins") func deadlock() async throws {
        let pool = try testPool(size: 3)
        let table = freshName()
        try await pool.query("create table \(unsafe: table) (k int8 primary key, n int8)")
        try await pool.query("insert into \(unsafe: table) values (1, 0), (2, 0)")
        let held = (AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream())
        // Each holds its row before it asks for the other's. PostgreSQL looks once, when a wait has lasted deadlock_timeout: either may be the one it ends.
        func side(_ mine: Int, _ others: Int, _ holding: AsyncStream<Void>.Continuation, _ otherHolds: AsyncStream<Void>) async -> Fault? {
            await fault {
                try await pool.transaction { tx throws(Fault) in
                    try await tx.query("set local deadlock_timeout = '50ms'")
                    try await tx.query("update \(unsafe: table) set n = \(mine) where k = \(mine)")
                    holding.finish()
                    for await _ in otherHolds {}
                    try await tx.query("update \(unsafe: table) set n = \(mine) where k = \(others)")
                }
            }
        }
        async let first = side(1, 2, held.0.continuation, held.1.stream)
        async let second = side(2, 1, held.1.continuation, held.0.stream)
        let lost = [await first, await second].compactMap { $0 }
        #expect(lost.map(\.code) == ["serialization"])
        #expect(lost.map(\.disposition) == [.retry])
    }

    @Test("a read-only transaction refuses writes and says wait") func readOnly() async throws {
        let pool = try testPool(size: 1)
        let table = freshName()
        let found = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("set transaction read only")
                try await tx.query("create table \(unsafe: table) (n int8)")
            }
        }
        #expect(found?.code == "database_refuses_writes")
        #expect(found?.disposition == .wait)
    }

    @Test("missing rights are a bug, a statement time-out is not") func rightsAndTime() async throws {
        let pool = try testPool(size: 1)
        let role = freshName("r")
        try await pool.query("create role \(unsafe: role)")
        let rights = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("set local role \(unsafe: role)")
                try await tx.query("select * from pg_authid")
            }
        }
        #expect(rights?.code == "permission_denied")
        #expect(rights?.disposition == .bug)
        let time = await fault {
            try await pool.transaction { tx throws(Fault) in
                try await tx.query("set local statement_timeout = 20")
                try await tx.query("select pg_sleep(30)")
            }
        }
        #expect(time?.code == "sql_57014")
        #expect(time?.disposition == .retry)
    }

    @Test("a refused login fails at once and asks for a new one") func login() async throws {
        let admin = try testPool(size: 1)
        _ = await fault { try await admin.query("create role guarded login password 'right'") }
        var configuration = try Cluster.shared.get().configuration
        configuration.user = "guarded"
        configuration.password = Secret("wrong-geheim")
        let refused = PostgresPool(configuration, size: 2)
        let found = await fault { try await refused.query("select 1") }
        #expect(found?.code == "login_refused")
        #expect(found?.disposition == .reauthorise)
        #expect(found.map { "\($0)".contains("geheim") } == false)
        configuration.password = Secret("right")
        #expect(try await PostgresPool(configuration, size: 1).query("select 1 as n").count == 1)
        configuration.database = "no_such_database"
        #expect(await fault { try await PostgresPool(configuration, size: 1).query("select 1") }?.code == "sql_3D000")
    }

    @Test("a server that is not there is reported after the pool's patience") func absent() async throws {
        let pool = PostgresPool(PostgresConfiguration(host: "/nonexistent", user: "x"), size: 2, patience: .milliseconds(200))
        let found = await fault { try await pool.query("select 1") }
        #expect(found?.code == "database_down")
        #expect(found?.disposition == .retry)
    }

    @Test("SQLSTATEs lead to their codes", arguments: [
        ("23505", "unique_violation", Fault.Disposition.bug), ("40001", "serialization", .retry), ("40P01", "serialization", .retry),
        ("40002", "serialization", .retry), ("25P02", "transaction_aborted", .retry), ("25P03", "transaction_aborted", .retry), ("25P04", "transaction_aborted", .retry),
        ("25006", "database_refuses_writes", .wait), ("53100", "database_refuses_writes", .wait),
        ("53300", "database_refuses_writes", .wait), ("57P01", "database_down", .retry), ("57P03", "database_down", .retry),
        ("28P01", "login_refused", .reauthorise), ("28000", "login_refused", .reauthorise), ("42501", "permission_denied", .bug),
        ("08006", "connection_lost", .retry), ("42P01", "sql_42P01", .bug), ("57014", "sql_57014", .retry), ("XX001", "sql_XX001", .bug),
    ])
    func mapping(_ state: String, _ code: String, _ disposition: Fault.Disposition) {
        let found = ServerError(sqlstate: state, message: "m").fault
        #expect(found.code == code)
        #expect(found.disposition == disposition)
        #expect((found.retryAfter != nil) == (disposition == .wait))
    }

    @Test("a failed connection's text yields its SQLSTATE, in any language") func connectText() {
        let text = "connection to server at \"db\" (10.0.0.1), port 5432 failed: SCHWERWIEGEND:  28P01: Passwort falsch\nORT:  auth_failed, auth.c:335\n"
        let error = ServerError(connecting: text)
        #expect(error.sqlstate == "28P01")
        #expect(error.message == "Passwort falsch")
        #expect(error.isRefusal)
        let absent = ServerError(connecting: "connection to server on socket \"/x/.s.PGSQL.5432\" failed: No such file or directory\n\tIs it running?\n")
        #expect(absent.sqlstate.isEmpty)
        #expect(!absent.isRefusal)
        #expect(ServerError(connecting: "").message == "the database can't be reached")
    }
}
