import Kernel
import TwinQuickBooksOnline
import Testing
import Wire

@Suite struct QuickBooksOnlineQueryTests {
    /// Five customers, Ann to Eve, the last inactive.
    private func bench() throws -> QuickBooksOnlineBench {
        let bench = try QuickBooksOnlineBench()
        for name in ["Ann O\\'Hara", "Bob", "Cid", "Dan", "Eve"] { _ = try bench.customer(name) }
        let eve = try bench.query("select * from Customer where DisplayName = 'Eve'")
        let id = eve.shown("QueryResponse", "Customer", "0", "Id")
        _ = try bench.make("Customer", "{Id: '\(id)', SyncToken: '0', sparse: true, Active: false}")
        return bench
    }

    private func names(_ bench: QuickBooksOnlineBench, _ query: String) throws -> [String] {
        (try bench.query(query)["QueryResponse"]?["Customer"]?.array ?? []).map { $0.shown("DisplayName") }
    }

    @Test(
        "queries filter, order and page as the grammar says",
        arguments: [
            ("select * from Customer", ["Ann O'Hara", "Bob", "Cid", "Dan"]),
            ("select * from customer where DisplayName = 'bob'", ["Bob"]),
            ("select * from Customer where DisplayName = 'Ann O\\'Hara'", ["Ann O'Hara"]),
            ("select * from Customer where DisplayName IN ('Bob', 'Dan', 'Zoe')", ["Bob", "Dan"]),
            ("select * from Customer where DisplayName LIKE '%a%'", ["Ann O'Hara", "Dan"]),
            ("select * from Customer where DisplayName like 'B%'", ["Bob"]),
            ("select * from Customer where DisplayName > 'B' AND DisplayName <= 'Cid'", ["Bob", "Cid"]),
            ("select * from Customer ORDERBY DisplayName DESC", ["Dan", "Cid", "Bob", "Ann O'Hara"]),
            ("select * from Customer ORDER BY DisplayName ASC MAXRESULTS 1", ["Ann O'Hara"]),
            ("select *, Notes from Customer STARTPOSITION 2 MAXRESULTS 2", ["Bob", "Cid"]),
            ("select * from Customer where Active in (true,false)", ["Ann O'Hara", "Bob", "Cid", "Dan", "Eve"]),
            ("select * from Customer where Active = false", ["Eve"]),
            ("select * from Customer where Id IN ('2','4')", ["Bob", "Dan"]),
            (
                "select * from Customer where MetaData.LastUpdatedTime > '2026-11-14T09:00:00-08:00' "
                    + "orderby MetaData.LastUpdatedTime",
                ["Ann O'Hara", "Bob", "Cid", "Dan"]
            ),
            ("select * from Customer where MetaData.LastUpdatedTime > '2026-11-14T19:00:00Z'", []),
            ("select * from Customer startposition 100", []),
        ])
    func grammar(query: String, expected: [String]) throws {
        #expect(try names(bench(), query) == expected)
    }

    @Test(
        "what the grammar does not know is refused",
        arguments: [
            ("", "4000"), ("select from Customer", "4000"), ("select * Customer", "4000"),
            ("delete * from Customer", "4000"),
            ("select * from Customer where DisplayName = 'a' OR DisplayName = 'b'", "4000"),
            ("select * from Customer where Id = 2", "4000"), ("select * from Customer where Id = '2", "4000"),
            ("select * from Customer where Id", "4000"), ("select * from Customer group by Id", "4000"),
            ("select * from Customer where Id = '2' %", "4000"), ("select * from Customer maxresults '5'", "4000"),
            ("select * from Nothing", "4001"), ("select * from Invoice where PrivateNote = 'x'", "4001"),
            ("select * from Invoice where PrivateNote LIKE '%x%'", "4001"),
            ("select * from Payment where PaymentRefNum = 'x'", "4001"),
            ("select * from Payment where DocNumber = 'x'", "4001"), ("select * from Invoice orderby Line", "4001"),
            ("select * from Customer maxresults 1001", "4001"), ("select * from Customer startposition 0", "4001"),
        ])
    func refused(query: String, code: String) throws {
        let body = try bench().query(query)
        #expect(body.shown("Fault", "Error", "0", "code") == code, "\(query)")
    }

    @Test("payments are found by customer, day and amount")
    func payments() throws {
        let bench = try QuickBooksOnlineBench()
        let customer = try bench.customer()
        for amount in ["10.00", "20.5", "20.50"] {
            _ = try bench.make(
                "Payment", "{CustomerRef: {value: '\(customer)'}, TotalAmt: \(amount), TxnDate: '2026-11-14'}")
        }
        let found = try bench.query(
            "select * from Payment where CustomerRef = '\(customer)' and TxnDate = '2026-11-14' and TotalAmt = '20.50'")
        #expect(found.shown("QueryResponse", "totalCount") == "2")
    }

    @Test("without MAXRESULTS a page has 100 rows")
    func defaultPage() throws {
        let bench = try QuickBooksOnlineBench()
        for n in 0 ..< 105 { _ = try bench.customer("c\(n)") }
        #expect(try bench.query("select * from Customer").shown("QueryResponse", "maxResults") == "100")
        #expect(try bench.query("select * from Customer startposition 101").shown("QueryResponse", "maxResults") == "5")
    }
}
