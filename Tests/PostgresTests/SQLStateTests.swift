import Kernel
import Testing

@testable import Postgres

/// One state of each class, and those of it that are judged apart.
/// - Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes", versions 15 to 18.
private let table: [(state: String, code: String, disposition: Fault.Disposition)] = [
    ("01000", "sql_01000", .bug), ("02000", "sql_02000", .bug), ("03000", "sql_03000", .bug),
    ("08000", "connection_lost", .retry), ("08006", "connection_lost", .retry), ("08007", "commit_unknown", .retry), ("08P01", "connection_lost", .retry),
    ("09000", "sql_09000", .bug), ("0A000", "sql_0A000", .bug), ("0B000", "sql_0B000", .bug), ("0F001", "sql_0F001", .bug), ("0L000", "sql_0L000", .bug),
    ("0P000", "sql_0P000", .bug), ("0Z002", "sql_0Z002", .bug), ("10608", "sql_10608", .bug), ("20000", "sql_20000", .bug), ("21000", "sql_21000", .bug),
    ("22012", "sql_22012", .bug), ("22P02", "sql_22P02", .bug),
    ("23000", "sql_23000", .bug), ("23502", "sql_23502", .bug), ("23503", "foreign_key_violation", .bug), ("23505", "unique_violation", .bug),
    ("23514", "check_violation", .bug), ("23P01", "sql_23P01", .bug), ("24000", "sql_24000", .bug),
    ("25001", "sql_25001", .bug), ("25006", "database_refuses_writes", .wait), ("25P02", "transaction_aborted", .retry),
    ("25P03", "transaction_aborted", .retry), ("25P04", "transaction_aborted", .retry),
    ("26000", "stale_statement", .retry), ("27000", "sql_27000", .bug), ("28000", "login_refused", .reauthorise), ("28P01", "login_refused", .reauthorise),
    ("2B000", "sql_2B000", .bug), ("2D000", "sql_2D000", .bug), ("2F000", "sql_2F000", .bug), ("34000", "sql_34000", .bug), ("38000", "sql_38000", .bug),
    ("39000", "sql_39000", .bug), ("3B000", "sql_3B000", .bug), ("3D000", "sql_3D000", .bug), ("3F000", "sql_3F000", .bug),
    ("40000", "serialization", .retry), ("40001", "serialization", .retry), ("40002", "serialization", .retry), ("40003", "commit_unknown", .retry),
    ("40P01", "serialization", .retry), ("42501", "permission_denied", .bug), ("42601", "sql_42601", .bug), ("42P01", "sql_42P01", .bug), ("44000", "sql_44000", .bug),
    ("53000", "database_refuses_writes", .wait), ("53100", "database_refuses_writes", .wait), ("53200", "database_refuses_writes", .wait),
    ("53300", "database_refuses_writes", .wait), ("53400", "database_refuses_writes", .wait), ("54000", "sql_54000", .bug),
    ("55000", "sql_55000", .bug), ("55006", "sql_55006", .retry), ("55P03", "sql_55P03", .retry),
    ("57014", "sql_57014", .retry), ("57P01", "database_down", .retry), ("57P02", "database_down", .retry), ("57P03", "database_down", .retry),
    ("57P04", "database_down", .retry), ("57P05", "database_down", .retry), ("58000", "sql_58000", .retry), ("58030", "sql_58030", .retry),
    ("72000", "sql_72000", .retry), ("F0000", "sql_F0000", .bug), ("HV000", "sql_HV000", .bug), ("P0000", "sql_P0000", .bug), ("P0001", "sql_P0001", .bug),
    ("XX000", "sql_XX000", .bug), ("XX001", "sql_XX001", .bug),
]

/// Classes of the appendix but "Successful Completion", which is no error.
private let classes = """
    01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX
    """.split(whereSeparator: \.isWhitespace).map(String.init)

private func failing(_ state: String) -> SQL { "do \(unsafe: "$body$ begin raise exception 'words' using errcode = '\(state)'; end $body$")" }

@Suite("every class of SQLSTATE", .timeLimit(.minutes(1))) struct SQLStateTests {
    @Test("each class of the manual's appendix A has its verdict, and the database's words are in the summary") func verdicts() {
        #expect(Set(table.map { String($0.state.prefix(2)) }) == Set(classes))
        for row in table {
            let found = ServerError(sqlstate: row.state, message: "words").fault
            #expect(found.code == row.code, "\(row.state)")
            #expect(found.disposition == row.disposition, "\(row.state)")
            #expect(found.underlying == "SQLSTATE \(row.state)" && found.summary == "words")
            // Who has to wait is told for how long.
            #expect((found.retryAfter != nil) == (row.disposition == .wait), "\(row.state)")
        }
    }

    @Test("a statement that fails by any of them leaves its connection to the others, inside and outside of transactions") func survived() async throws {
        let pool = try testPool(size: 1)
        let first = try await pool.query("select pg_backend_pid() as pid")[0].get("pid", as: Int.self)
        for row in table {
            // A server that says that the statement is unknown is asked again by its text, and says it again.
            #expect(await fault { try await pool.query(failing(row.state)) }?.code == row.code, "\(row.state)")
            let within = await fault {
                try await pool.transaction { tx throws(Fault) in
                    try await tx.query("select 1")
                    try await tx.query(failing(row.state))
                }
            }
            #expect(within?.code == row.code, "\(row.state) in a transaction")
            #expect(try await pool.query("select \(7) as n")[0].get("n", as: Int.self) == 7, "\(row.state)")
        }
        let last = try await pool.query("select pg_backend_pid() as pid")[0].get("pid", as: Int.self)
        #expect(first == last, "on one connection throughout")
    }
}
