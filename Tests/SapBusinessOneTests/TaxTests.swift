import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("Tax on lines") struct TaxTests {
    private func goods(_ amount: Int64, tax: String? = nil, code: String? = nil, group: String = "L1") -> LedgerDocument.Line {
        line(.goods, "sales:homeware", -amount, "400000", tax: tax, code: code, group: group, text: "Mug")
    }

    private func tax(_ amount: Int64, _ tax: String, code: String?, group: String = "L1") -> LedgerDocument.Line {
        line(.tax, "tax_payable:US", -amount, "220000", tax: tax, code: code, group: group)
    }

    private func lines(_ document: LedgerDocument, _ connection: ConnectionFacts = facts(["tax_codes": "sales_tax_codes"])) throws -> [JSON] {
        try #require(try sent(document, connection)["DocumentLines"]?.array)
    }

    @Test("where only taxes know their code, the lines that they were charged on get it") func us() throws {
        let rows = try lines(document(.invoice, [control(1083), goods(1000), tax(83, "US-CA@8.25", code: "CA")]))
        #expect(rows.count == 1 && rows[0]["TaxCode"] == "CA" && rows[0]["TaxTotal"] == .number("0.83") && rows[0]["LineTotal"] == .number("10.00"))
    }

    @Test("several taxes of one line need one code that stands for all of them") func several() throws {
        let same = document(.invoice, [control(1083), goods(1000), tax(60, "US-CA@6", code: "CA"), tax(23, "US-LA@2.25", code: "CA")])
        #expect(try lines(same)[0]["TaxTotal"] == .number("0.83"))
        let other = document(.invoice, [control(1083), goods(1000), tax(60, "US-CA@6", code: "CA"), tax(23, "US-LA@2.25", code: "LA")])
        #expect(refused(other) == "rejected tax_codes_differ")
    }

    @Test("a tax without a code on lines without one is a line of its own") func unbound() throws {
        let rows = try lines(document(.invoice, [control(1083), goods(1000), tax(83, "US-CA@8.25", code: nil)]))
        #expect(rows.count == 2 && rows[1]["AccountCode"] == "220000" && rows[1]["LineTotal"] == .number("0.83") && rows[1]["TaxCode"] == nil)
    }

    @Test("a tax whose lines are not there is refused, one of nothing is left out") func astray() throws {
        let tip = line(.tip, "tips_payable", -1000, "240000", group: "L1", text: "Tip")
        #expect(refused(document(.invoice, [control(1083), tip, tax(83, "US-CA@8.25", code: "CA")])) == "rejected tax_without_line")
        #expect(try lines(document(.invoice, [control(1000), tip, tax(0, "US-CA@8.25", code: "CA")])).count == 1)
    }

    @Test("a code that is bound to nothing is said, and none means none") func codes() throws {
        #expect(refused(document(.invoice, [control(1000), goods(1000, tax: "GB@20")])) == "rejected tax_code_unbound")
        let free = document(.invoice, [control(1000), goods(1000, tax: "GB@0", code: "none")])
        #expect(try lines(free)[0]["TaxCode"] == nil)
        #expect(try lines(free, facts(["exempt_code": "O0"]))[0]["VatGroup"] == "O0")
    }

    @Test("shares follow the nets, a discount's with its sign, and add up to the cent", arguments: [
        (360, [2000, -200], [400, -40]), (100, [333, 333, 334], [33, 33, 34]), (1, [1000, 1000], [0, 1]), (-360, [-2000, 200], [-400, 40]),
        (5, [1000, -1000], [5, 0]), (5, [1000, -999], [5, 0]), (0, [7], [0]), (9, [0, 0], [9, 0]),
    ] as [(Int64, [Int64], [Int64])])
    func shares(amount: Int64, nets: [Int64], expected: [Int64]) {
        let shares = SalesForm.spread(amount, nets)
        #expect(shares.reduce(0, +) == amount)
        #expect(shares == expected)
    }

    @Test("shares of anything add up") func sums() {
        for amount in [-1, 1, 7, 999_983, 1_000_000_000_000] as [Int64] {
            for nets in [[1], [1, 2, 3], [5, -1, 7], [-3, -3, -3], [1, -1], [999_999_999_999, 1]] as [[Int64]] {
                #expect(SalesForm.spread(amount, nets).reduce(0, +) == amount)
            }
        }
        #expect(SalesForm.spread(5, []) == [])
    }
}
