import Books
import ConnectorKit
import Kernel
import Patriot
import Testing

private func want(_ legs: [(code: String, minor: Int64, name: String)], currency: Currency = .usd) throws -> ManualFile.Want {
    let lines = legs.map { leg in
        LedgerDocument.Line(
            plan: PostingLine(.other, role: "sales", amount: Money(minor: leg.minor, currency), derivedFrom: ["D"], text: leg.name),
            account: BoundAccount(code: leg.code, remoteID: leg.code, name: leg.name, active: true, rule: "test"))
    }
    let date = try #require(LocalDate("2026-03-04")), key = try #require(PostKey("00000000000000a1"))
    let plan = PlannedPosting(
        subject: "D", form: .summary, caseID: "D", covers: ["D"], date: date, currency: currency, total: Money(minor: 21_650, currency),
        lines: lines.map(\.plan), party: "shop")
    return ManualFile.Want(document: LedgerDocument(key: key, revision: 1, plan: plan, lines: lines, reference: "day 2026-03-04"), party: "Shop",
        source: "shopify")
}

private let sales: [(code: String, minor: Int64, name: String)] = [("1050", 21_650, "Card Clearing"), ("4010", -20_000, "Shop Sales"),
    ("2200", -1_650, "Sales Tax Collected")]

@Suite("Patriot Accounting") struct PatriotTests {
    private let connector = PatriotConnector()
    private let facts = ConnectionFacts(account: "a", settings: ["clearing_account": "1050"])

    @Test("each leg but the clearing account's own is a row of its bank account: money in is positive, and the rows are what the clearing account moves by")
    func bankRows() throws {
        let refund: [(code: String, minor: Int64, name: String)] = [("1050", -3_999, "Card Clearing"), ("4090", 3_999, "Shop Returns")]
        let file = try #require(ManualFile.files(connector.manualForms[0], [try want(sales), try want(refund)], first: 3, facts).files.first)
        #expect(String(decoding: file.bytes, as: UTF8.self) == [
            "Post Date,Description,Amount", "03/04/2026,CF003001-01 4010 Shop Sales: day 2026-03-04,200.00",
            "03/04/2026,CF003001-02 2200 Sales Tax Collected: day 2026-03-04,16.50", "03/04/2026,CF003002-01 4090 Shop Returns: day 2026-03-04,-39.99", "",
        ].joined(separator: "\r\n"))
        #expect(file.items.map(\.figure_minor) == [21_650, 3_999])
        let list = try ManualList.read(file.bytes, connector.manualForms[0])
        #expect(list.rows.keys.sorted() == ["CF003001", "CF003002"] && list.finding("CF003002", figure_minor: 3_999, .usd) == .some(.none))
    }

    @Test("without its clearing account, in another currency or with nothing beside the clearing account nothing is written")
    func refusals() throws {
        func codes(_ want: ManualFile.Want, _ facts: ConnectionFacts) -> [String] {
            ManualFile.files(connector.manualForms[0], [want], first: 1, facts).left.map(\.fault.code)
        }
        #expect(codes(try want(sales), ConnectionFacts(account: "a")) == ["clearing_account_missing"])
        let cad = try #require(Currency("CAD"))
        #expect(codes(try want(sales, currency: cad), facts) == ["manual_currency"])
        #expect(codes(try want([("1050", 5, "Card Clearing"), ("1050", -5, "Card Clearing")]), facts) == ["manual_nothing"])
    }

    @Test("descriptions have sixty characters at most and begin with the reference")
    func lengths() throws {
        let long: [(code: String, minor: Int64, name: String)] = [("1050", 100, "Card"), ("4010", -100, String(repeating: "Long name ", count: 20))]
        let file = try #require(ManualFile.files(connector.manualForms[0], [try want(long)], first: 1, facts).files.first)
        let row = try #require(String(decoding: file.bytes, as: UTF8.self).split(separator: "\r\n").last)
        #expect(row.split(separator: ",")[1].count == 60 && row.contains(",CF001001-01 4010 Long name") && file.notes.count == 1)
    }

    @Test("the journal sheet has a row a line, with debit and credit apart")
    func sheet() throws {
        let file = try #require(ManualFile.files(connector.manualForms[1], [try want(sales)], first: 1, facts).files.first)
        #expect(String(decoding: file.bytes, as: UTF8.self) == [
            "journal_ref,line,date,account_number,account_name,debit,credit,memo", "00000000000000A1,1,2026-03-04,1050,Card Clearing,216.50,,Card Clearing",
            "00000000000000A1,2,2026-03-04,4010,Shop Sales,,200.00,Shop Sales",
            "00000000000000A1,3,2026-03-04,2200,Sales Tax Collected,,16.50,Sales Tax Collected", "",
        ].joined(separator: "\r\n"))
    }

    @Test("accounts come from the chart's list; one without numbers is known by its names")
    func accounts() throws {
        let text = "Account Name,Type,Subtype,Account Number\r\nCard Clearing,Asset,Bank Account,1050\r\nShop Sales,Income,Income,4010\r\n"
        #expect(try connector.accounts(Array(text.utf8)).map { "\($0.code) \($0.name) \($0.type)" } == ["1050 Card Clearing Bank Account",
            "4010 Shop Sales Income"])
        #expect(try connector.accounts(Array("Account Name,Type\r\nShop Sales,Income\r\n".utf8)).map(\.code) == ["Shop Sales"])
        #expect(throws: Fault.self) { try connector.accounts(Array("Name only\r\nx\r\n".utf8)) }
    }
}
