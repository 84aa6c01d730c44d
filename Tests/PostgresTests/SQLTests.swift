import Kernel
import Testing

@testable import Postgres

@Suite("SQL text and binds") struct SQLTests {
    @Test("an interpolated value becomes a bind, never text") func binds() {
        let evil = "'; drop table t; --"
        let sql: SQL = "select \(evil), \(7) from \(unsafe: "t_1")"
        #expect(sql.text == "select $1, $2 from t_1")
        #expect(sql.binds.map(\.oid) == [25, 20])
        #expect(sql.binds[0].bytes == Array(evil.utf8))
    }

    @Test("parts are renumbered, and only placeholders are") func renumbering() {
        let part = SQL("a = $1 and b = '$1' and \"$1\" = $2 -- $1\n and /* $1 /* $2 */ */ $q$ $1 $q$ = x$1 and E'\\'$1' = $10", binds: [])
        let sql: SQL = "\(1) \(part)"
        let expected = "$1 a = $2 and b = '$1' and \"$1\" = $3 -- $1\n and /* $1 /* $2 */ */ $q$ $1 $q$ = x$1 and E'\\'$1' = $11"
        #expect(sql.text == expected)
        let joined: SQL = SQL("\(1), \(2)") + " , \("x")"
        #expect(joined.text == "$1, $2 , $3")
        #expect(joined.binds.count == 3)
    }

    @Test("a statement and a bind print no values") func printing() {
        let sql: SQL = "select \("geheim")"
        #expect(!"\(sql)".contains("geheim"))
        #expect(!"\(sql.binds[0])".contains("geheim"))
    }
}
