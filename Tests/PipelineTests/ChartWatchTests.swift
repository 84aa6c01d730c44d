import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Store
import Testing

@Suite("Accounts that somebody changes in the ledger") struct ChartWatchTests {
    private let sales = LedgerAccount(code: "4010", remoteID: "79", name: "Sales", type: "income", active: true)

    private func alerts(_ old: [LedgerAccount], _ new: [LedgerAccount], bound: Set<String> = ["4010"]) throws -> [AlertRow] {
        func chart(_ accounts: [LedgerAccount]) -> Chart { Chart(accounts: accounts, taxCodes: [], lockDate: nil, baseCurrency: "USD", currencies: ["USD"]) }
        let connection = ConnectionRow(
            id: try #require(ConnectionID("0193a1b2-0000-7000-8000-000000000001")), slug: "books", platform: "p", account: "a", baseURL: nil, settings: [], state: "live",
            credential: nil, credentialBefore: nil, credentialVersion: 0, watermark: nil)
        return ChartWatch.alerts(from: chart(old), to: chart(new), bound: bound, connection)
    }

    private func changed(_ change: (inout LedgerAccount) -> Void) -> LedgerAccount {
        var out = sales
        change(&out)
        return out
    }

    @Test("a new name, number, type or currency is told with what it was and what it is") func told() throws {
        let cases: [(LedgerAccount, String)] = [
            (changed { $0.name = "Old sales" }, "it is called Old sales"), (changed { $0.code = "4999" }, "its number is 4999"),
            (changed { $0.type = "liability" }, "it is of the type liability"), (changed { $0.currency = "EUR" }, "its currency is EUR"),
            (changed { $0.active = false }, "it is inactive, and what needs it is held"),
        ]
        for (now, words) in cases {
            let found = try alerts([sales], [now])
            #expect(found.map(\.cause) == ["somebody changed the account 4010 Sales in books, which documents are posted to: \(words)"])
            #expect(found.first?.key.hasPrefix("account/") == true && found.first?.key.hasSuffix("/79") == true && found.first?.remedy.isEmpty == false)
        }
    }

    @Test("an account that is gone is told; one that is new, one that nothing is bound to and one that takes documents again are not") func others() throws {
        #expect(try alerts([sales], []).map(\.cause) == ["the account 4010 Sales is no longer in books, and documents are posted to it"])
        #expect(try alerts([], [sales]).isEmpty)
        #expect(try alerts([sales], [changed { $0.name = "x" }], bound: ["1200"]).isEmpty)
        #expect(try alerts([changed { $0.active = false }], [sales]).isEmpty)
        #expect(try alerts([sales], [sales]).isEmpty)
    }

    @Test("an account without a number is bound by its name, and a new name is one change") func named() throws {
        let plain = LedgerAccount(code: "Sales", remoteID: "79", name: "Sales", type: "income", active: true)
        let now = LedgerAccount(code: "Takings", remoteID: "79", name: "Takings", type: "income", active: true)
        #expect(try alerts([plain], [now], bound: ["Sales"]).map(\.cause) == [
            "somebody changed the account Sales in books, which documents are posted to: it is called Takings"
        ])
    }
}
