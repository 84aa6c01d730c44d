import AccountEdge
import Books
import ConnectorKit
import Kernel
import Testing

private func line(_ role: Role, _ minor: Int64, _ code: String, _ text: String, _ dimensions: [String: String] = [:]) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(.other, role: role, amount: Money(minor: minor, .usd), derivedFrom: ["D"], text: text),
        account: BoundAccount(code: code, remoteID: code, name: text, active: true, rule: "test"), dimensions: dimensions)
}

private func day(_ n: Int, dimensions: [String: String] = [:]) throws -> ManualFile.Want {
    let lines = [
        line("clearing:card", 22_600, "1-1180", "Card clearing", dimensions), line("sales", -20_000, "4-1100", "Sales"),
        line("tax_payable", -2_600, "2-2210", "Sales tax"),
    ]
    let date = try #require(LocalDate("2026-03-04"))
    let plan = PlannedPosting(
        subject: "D\(n)", form: .summary, caseID: "D\(n)", covers: ["D\(n)"], date: date, currency: .usd, total: Money(minor: 22_600, .usd),
        lines: lines.map(\.plan), party: "shop")
    let key = try #require(PostKey("000000000000000\(n)"))
    return ManualFile.Want(
        document: LedgerDocument(key: key, revision: 1, plan: plan, lines: lines, reference: "Shop sales 2026-03-04"), party: "Shop", source: "shopify")
}

@Suite("AccountEdge") struct AccountEdgeTests {
    private let connector = AccountEdgeConnector()
    private var form: ManualForm { connector.manualForms[0] }

    @Test("journal entries are tab-delimited with a header, one number an entry, an empty line between entries")
    func journal() throws {
        let file = try #require(ManualFile.files(form, [try day(1), try day(2)], first: 1, ConnectionFacts(account: "a")).files.first)
        let heading = "Journal Number\tDate\tMemo\tAccount Number\tDebit Amount\tCredit Amount\tJob\tCurrency Code\tExchange Rate\tAllocation Memo\tCategory"
        func rows(_ number: String) -> [String] {
            [
                "\(number)\t03/04/2026\tShop sales 2026-03-04\t1-1180\t226.00\t\t\t\t\tCard clearing\t",
                "\(number)\t03/04/2026\tShop sales 2026-03-04\t4-1100\t\t200.00\t\t\t\tSales\t",
                "\(number)\t03/04/2026\tShop sales 2026-03-04\t2-2210\t\t26.00\t\t\t\tSales tax\t",
            ]
        }
        let expected = ([heading] + rows("CF001001") + [""] + rows("CF001002") + [""]).joined(separator: "\r\n")
        #expect(String(decoding: file.bytes, as: UTF8.self) == expected)
        #expect(file.items.map(\.figure_minor) == [22_600, 22_600] && file.items.allSatisfy { !$0.findable })
    }

    @Test("dates follow the importing computer; a job too long keeps its entry out")
    func settings() throws {
        let dmy = ConnectionFacts(account: "a", settings: ["import_dates": "dmy"])
        let file = try #require(ManualFile.files(form, [try day(1)], first: 1, dmy).files.first)
        #expect(String(decoding: file.bytes, as: UTF8.self).contains("\t04/03/2026\t"))
        let left = ManualFile.files(form, [try day(1, dimensions: ["job": "TOOLONG"])], first: 1, dmy).left
        #expect(left.map(\.fault.code) == ["manual_text_unfit"])
        let job = try #require(ManualFile.files(form, [try day(1, dimensions: ["job": "J1", "category": "Web"])], first: 1, dmy).files.first)
        #expect(String(decoding: job.bytes, as: UTF8.self).contains("\tJ1\t\t\tCard clearing\tWeb\r\n"))
    }

    @Test("numbers have eight characters, whatever the batch and the entry")
    func numbers() throws {
        let key = try #require(PostKey("0000000000000001"))
        var seen: Set<String> = []
        for (batch, entry) in [(1, 1), (1, 2), (2, 1), (32, 33), (1_024, 1), (32_767, 32_767), (33, 32)] {
            let short = ManualPlace(batch: batch, entry: entry, key: key, revision: 1, isChange: false).short
            #expect(short.count == 8 && seen.insert(short).inserted, "\(short)")
        }
    }

    @Test("accounts come from the exported list; headers can't be posted to; a list without names is refused")
    func accounts() throws {
        let text = "Account Number\tAccount Name\tHeader\tAccount Type\r\n1-0000\tAssets\tH\tAsset\r\n1-1180\tCard Clearing\t\tBank\r\n"
        let accounts = try connector.accounts(Array(text.utf8))
        #expect(accounts.map { "\($0.code) \($0.name) \($0.active)" } == ["1-0000 Assets false", "1-1180 Card Clearing true"])
        let heading = "Account Number\tAccount Name\r\n"
        for bad in ["", "Account Number\r\n1-1\r\n", heading, "\(heading)1\tA\r\n1\tB\r\n", "\(heading)\tA\r\n"] {
            #expect(throws: Fault.self) { try connector.accounts(Array(bad.utf8)) }
        }
    }
}
