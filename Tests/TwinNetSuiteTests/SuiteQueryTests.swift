import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinNetSuite

@Suite("NetSuite: SuiteQL")
struct SuiteQueryTests {
    private func bench() throws -> SuiteBench {
        let bench = try SuiteBench()
        for n in 1...5 { try bench.invoice("\(n * 10).00", external: "E-\(n)", date: "2026-11-1\(n)") }
        _ = try bench.create("journalEntry", "{subsidiary: {id: \"1\"}, line: {items: [{account: {id: \"101\"}, debit: 7}, {account: {id: \"126\"}, credit: 7}]}}")
        return bench
    }

    /// - Source: the sheet's sample of a query and its answer.
    @Test("answers are texts, without what is null")
    func sample() throws {
        let answer = try bench().suiteQL("SELECT id, tranid, externalid, foreigntotal, otherrefnum, trandate FROM transaction WHERE type='CustInvc' AND externalid = 'E-2'")
        let row = answer["items"]?[0]
        #expect(row?["id"] == "9002" && row?["foreigntotal"] == "21.6" && row?["otherrefnum"] == nil && row?["trandate"] == "11/12/2026")
        #expect(answer["count"] == 1 && answer["hasMore"] == false && answer["totalResults"] == 1 && row?["links"] == .array([]))
    }

    @Test("conditions, orders and functions", arguments: [
        ("SELECT id FROM transaction WHERE id IN (9001, '9003') ORDER BY id DESC", ["9003", "9001"]),
        ("SELECT id FROM transaction WHERE externalid LIKE 'E-%' AND NOT externalid = 'E-1' AND trandate <= TO_DATE('2026-11-13','YYYY-MM-DD')",
            ["9002", "9003"]),
        ("SELECT t.id FROM transaction t WHERE t.lastmodifieddate >= TO_TIMESTAMP('2026-11-20 10:00:00','YYYY-MM-DD HH24:MI:SS')", []),
        ("SELECT id FROM transaction WHERE externalid IS NULL", ["9006"]),
        ("SELECT id FROM transaction WHERE (type = 'Journal' OR foreigntotal BETWEEN 50 AND 60) AND id > 9004", ["9005", "9006"]),
        ("SELECT DISTINCT tl.transaction AS id FROM transactionline tl JOIN transaction t ON t.id = tl.transaction WHERE t.externalid = 'E-4'", ["9004"]),
        ("SELECT COUNT(*) AS id FROM transaction", ["6"]), ("SELECT id FROM transaction FETCH FIRST 1 ROWS ONLY", ["9001"]),
        ("SELECT SUM(amount) AS id FROM transactionaccountingline", ["0"]), ("SELECT BUILTIN.DF(entity) AS id FROM transaction WHERE id = 9001", ["Ann Doe"]),
        ("SELECT TO_CHAR(lastmodifieddate, 'YYYY-MM-DD\"T\"HH24:MI:SS') AS id FROM transaction WHERE id = 9001", ["2026-11-20T09:00:00"]),
        ("SELECT a.acctnumber AS id FROM transactionaccountingline l INNER JOIN account a ON a.id = l.account WHERE l.transaction = 9006", ["1000", "6200"]),
        ("SELECT acctnumber AS id FROM account WHERE UPPER(accttype) = 'ACCTREC'", ["1100"]),
    ])
    func queries(text: String, ids: [String]) throws {
        #expect(try bench().column(text, "id") == ids)
    }

    @Test("groups are summed")
    func groups() throws {
        let rows = try bench().suiteQL("SELECT type, COUNT(*) n, SUM(foreigntotal) total FROM transaction GROUP BY type ORDER BY n DESC")["items"]
        #expect(rows?[0]?["type"] == "CustInvc" && rows?[0]?["n"] == "5" && rows?[0]?["total"] == "162" && rows?[1]?["n"] == "1")
    }

    @Test("pages are told apart by their offset")
    func pages() throws {
        let bench = try bench()
        let page = try bench.suiteQL("SELECT id FROM transaction ORDER BY id", "?limit=4&offset=4")
        #expect((page["items"]?.array ?? []).compactMap { $0["id"]?.string } == ["9005", "9006"] && page["hasMore"] == false && page["totalResults"] == 6)
        #expect(try bench.refusal(.post, "/query/v1/suiteql?limit=4&offset=3", "{q: \"SELECT id FROM transaction\"}",
            ["Prefer": "transient"]).code == "INVALID_PARAMETER")
        #expect(try bench.refusal(.post, "/query/v1/suiteql", "{q: \"SELECT id FROM transaction\"}").code == "INVALID_HEADER")
    }

    @Test("what is deleted is told")
    func deleted() throws {
        let bench = try bench()
        #expect(try bench.send(.delete, "/record/v1/invoice/9003").status == 204)
        #expect(try bench.column("SELECT recordid FROM deletedrecord WHERE type = 'Invoice'", "recordid") == ["9003"])
        #expect(try bench.column("SELECT id FROM transaction WHERE id = 9003", "id").isEmpty)
    }

    @Test("what is no query is refused", arguments: [
        "", "SELECT", "SELECT id", "SELECT id FROM nothing", "SELECT nothing FROM transaction", "SELECT id FROM transaction WHERE", "SELECT id FROM transaction WHERE id =",
        "SELECT id FROM transaction WHERE (id = 1", "SELECT id FROM transaction WHERE id = 'x", "SELECT FROB(id) FROM transaction", "DELETE FROM transaction",
        "SELECT id FROM transaction; DROP TABLE x", "SELECT id FROM transaction WHERE id IN ()", "SELECT ((((((((((((((((((((((((((((((((((((((((((((1", "§",
        "SELECT TO_DATE('x') FROM transaction",
    ])
    func refused(text: String) throws {
        let answer = try bench().send(.post, "/query/v1/suiteql", JSON.object([("q", .string(text))]).text, ["Prefer": "transient"])
        #expect(answer.status == 400 && answer.bodyText.contains("INVALID_PARAMETER"), "\(answer.bodyText)")
    }
}
