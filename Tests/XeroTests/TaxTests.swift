import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct TaxTests {
    private func taxes(_ document: LedgerDocument) throws -> [Int64] { try SalesLines(document).lines.map(\.tax) }

    private func goods(_ amount: Int64, _ code: String = "GB@20", _ type: String = "OUTPUT2", group: String = "L1")
        -> LedgerDocument.Line
    {
        line(.goods, "sales:x", amount, "200", tax: code, type: type, group: group)
    }

    @Test("two lines of one source line share its tax by size")
    func shares() throws {
        let note = document(.creditNote, [goods(1000), goods(2000), vat(601, group: "L1")], total: 3601)
        #expect(try taxes(note) == [200, 401])
    }

    @Test("two rates in one group go to the lines of their rate")
    func rates() throws {
        let note = document(
            .creditNote,
            [goods(1000), goods(1000, "GB@5", "RROUTPUT"), vat(200, group: "L1"), vat(50, "GB@5", group: "L1")],
            total: 2250)
        #expect(try taxes(note) == [200, 50])
    }

    @Test("a line with two taxes carries both")
    func compound() throws {
        let sale = document(
            [
                goods(-1000, "CA@5+CA-QC@9.975", "TAX001"), vat(-50, "CA@5", group: "L1"),
                vat(-100, "CA-QC@9.975", group: "L1"),
            ], total: 1150)
        #expect(try taxes(sale) == [150])
    }

    @Test("tax given back without goods goes to the lines of that rate elsewhere in the document")
    func adjustment() throws {
        let note = document(.creditNote, [goods(1000), vat(200, group: "L1"), vat(7, group: "A1")], total: 1207)
        #expect(try taxes(note) == [207])
    }

    @Test("a discount without a percent takes no tax")
    func noPercent() throws {
        let discount = line(
            .discount, "sales_discounts", 200, "205", tax: "GB-EXEMPT", type: "EXEMPTOUTPUT", group: "L1")
        let sale = document([goods(-1000, "GB-EXEMPT", "EXEMPTOUTPUT"), discount], total: 800)
        #expect(try taxes(sale) == [0, 0])
    }

    @Test("whatever the lines are, the tax on them sums to the plan's tax and the document to its total")
    func sums() throws {
        for seed in 0 ..< UInt64(600) {
            var random = Seeded(seed)
            let sign: Int64 = Bool.random(using: &random) ? 1 : -1
            var lines: [LedgerDocument.Line] = []
            for group in 0 ..< Int.random(in: 1 ... 5, using: &random) {
                let code =
                    ["GB@20", "GB@5", "GB@0", "GB@17.5", "GB", "CA@5+CA-QC@9.975"].randomElement(using: &random)
                    ?? "GB@20"
                let name = "L\(group)"
                for _ in 0 ..< Int.random(in: 1 ... 3, using: &random) {
                    lines.append(goods(sign * Int64.random(in: 0 ... 100_000, using: &random), code, group: name))
                }
                if Bool.random(using: &random) {
                    let off = -sign * Int64.random(in: 1 ... 50_000, using: &random)
                    lines.append(
                        line(.discount, "sales_discounts", off, "205", tax: code, type: "OUTPUT2", group: name))
                }
                for part in code.split(separator: "+") where Int.random(in: 0 ... 4, using: &random) > 0 {
                    lines.append(
                        vat(sign * Int64.random(in: -20 ... 20_000, using: &random), String(part), group: name))
                }
                if Bool.random(using: &random) {
                    lines.append(line(.tip, "tips_payable", sign * 100, "832", group: name))
                }
            }
            lines.shuffle(using: &random)
            let total = sign * lines.map(\.plan.amount.minor).reduce(0, +)
            let tax = sign * lines.filter { $0.plan.part == .tax }.map(\.plan.amount.minor).reduce(0, +)
            let some = document(sign > 0 ? .creditNote : .invoice, lines, total: total)
            guard total >= 0 else {
                #expect(throws: Fault.self) { try SalesLines(some) }
                continue
            }
            let placed = try SalesLines(some)
            #expect(placed.tax == tax, "seed \(seed)")
            #expect(placed.lines.map(\.tax).reduce(0, +) == tax, "seed \(seed)")
            #expect(placed.lines.filter { $0.source.plan.part == .tip }.allSatisfy { $0.tax == 0 }, "seed \(seed)")
            #expect(connector.meant(some).tax_minor == tax, "seed \(seed)")
        }
    }

    @Test("tax as the planner charges it stays within a cent of each line's own rate")
    func withinCents() throws {
        for seed in 0 ..< UInt64(300) {
            var random = Seeded(seed)
            let gross = Int64.random(in: 1 ... 50_000, using: &random)
            let off = Int64.random(in: 0 ... gross, using: &random)
            let tax = Tax.charged(on: Money(minor: gross - off, .gbp), rate: ExactDecimal(coefficient: 2, scale: 1))
                .minor
            var lines = [goods(-gross), vat(-tax, group: "L1")]
            if off > 0 {
                lines.append(line(.discount, "sales_discounts", off, "205", tax: "GB@20", type: "OUTPUT2", group: "L1"))
            }
            for placed in try SalesLines(document(lines, total: gross - off + tax)).lines {
                let own = Tax.charged(on: Money(minor: placed.net, .gbp), rate: ExactDecimal(coefficient: 2, scale: 1))
                    .minor
                #expect(abs(own - placed.tax) <= 1, "seed \(seed)")
            }
        }
    }
}
