import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

@Suite("Tax by rate")
struct TaxTests {
    private func form(_ lines: [LedgerDocument.Line], total: Int64, _ form: PostingForm = .invoice) throws -> SalesForm {
        try SalesForm(document(form, [owed(form == .invoice ? total : -total)] + lines))
    }

    private func code(_ lines: [LedgerDocument.Line], total: Int64) -> String? {
        do throws(Fault) {
            _ = try SalesForm(document(.invoice, [owed(total)] + lines, total: total))
            return nil
        } catch { return error.code }
    }

    @Test("tax that the rate makes needs no other line") func plain() throws {
        let form = try form([goods(-9_99), vat(-2_00)], total: 11_99)
        #expect(form.lines.count == 1 && form.tax == 200)
    }

    @Test("a cent of the source's own rounding is a net of its own, taken back untaxed: category, tax and total come out", arguments: [
        (10_000, 2_001, 5), (10_000, 1_999, -5), (33_33, 6_68, 5),
    ] as [(Int64, Int64, Int64)])
    func penny(net: Int64, tax: Int64, moved: Int64) throws {
        let form = try form([goods(-net), vat(-tax)], total: net + tax)
        #expect(form.lines.map(\.net) == [net, moved, -moved])
        #expect(form.lines.map(\.rate.code) == ["20", "20", "0"] && Set(form.lines.map(\.category)) == ["001"])
        #expect(form.lines.map { $0.rate.tax(on: $0.net) }.reduce(0, +) == tax && form.lines.map(\.net).reduce(0, +) == net)
    }

    @Test("shops round an order once, FreeAgent each line: the difference is mended for each rate") func perOrder() throws {
        let lines = (1 ... 3).map { goods(-1_04, group: "L\($0)") } + [vat(-21, group: "L1"), vat(-21, group: "L2"), vat(-20, group: "L3")]
        let form = try form(lines, total: 312 + 62)
        #expect(form.tax == 62 && form.lines.map { $0.rate.tax(on: $0.net) }.reduce(0, +) == 62 && form.lines.map(\.net).reduce(0, +) == 312)
        #expect(form.lines.count == 5)
    }

    @Test("whatever cents are off, what is written adds up to them, or is refused") func always() throws {
        for rate in ["20", "5", "17.5", "8.25", "0.1", "2.9"] {
            let percent = try #require(TaxRate(rate))
            for net in [1, 7, 99, 12_345, 1_000_001] as [Int64] {
                for off in -2 ... 2 as ClosedRange<Int64> {
                    let tax = percent.tax(on: net) + off
                    guard tax >= 0 else { continue }
                    guard let form = try? form([goods(-net, rate: rate), vat(-tax, rate: rate)], total: net + tax) else {
                        Issue.record("\(rate) \(net) \(off) is refused")
                        continue
                    }
                    #expect(form.lines.map { $0.rate.tax(on: $0.net) }.reduce(0, +) == tax && form.lines.map(\.net).reduce(0, +) == net)
                }
            }
        }
    }

    @Test("more than rounding is refused before anything is sent", arguments: [25_00, 15_00, 20_03] as [Int64]) func notByRate(tax: Int64) {
        #expect(code([goods(-10_000), vat(-tax)], total: 10_000 + tax) == "tax_not_by_rate")
        #expect(connector.objections(to: document(.invoice, [owed(10_000 + tax), goods(-10_000), vat(-tax)]), facts).map(\.code) == ["tax_not_by_rate"])
    }

    @Test("discounts and a credit note bear their share; a fee kept is a line below zero") func signs() throws {
        let discount = line(.discount, "sales_discounts", 1_000, category("001"), tax: "GB@20", rate: "20", group: "L1", text: "Discount")
        let sold = try form([goods(-10_000), discount, vat(-1_800)], total: 10_800)
        #expect(sold.lines.map(\.net) == [10_000, -1_000])
        let back = try form([goods(10_000), line(.fee, "restocking", -500, category("002"), text: "Kept"), vat(2_000)], total: 11_500, .creditNote)
        #expect(back.lines.map(\.net) == [10_000, -500] && back.lines.map(\.rate) == [.percent(ExactDecimal(20)), .none] && back.tax == 2_000)
    }

    @Test("gift cards and tips bear none; a zero rate and an exemption are stated, since they are other boxes of the return") func untaxed() throws {
        let card = line(.giftCard, "gift_card_liability", -2_000, category("731"), group: "L2", text: "Gift card")
        let form = try form([goods(-10_000), vat(-2_000), card, goods(-100, rate: "0", group: "L3"), goods(-100, rate: "exempt", group: "L4")], total: 14_200)
        #expect(form.lines.map(\.rate) == [.percent(ExactDecimal(20)), .none, .percent(ExactDecimal(0)), .exempt])
        #expect(JSON.object(TaxRate.none.members) == ["sales_tax_status": "OUT_OF_SCOPE", "sales_tax_rate": "0"])
    }

    @Test("a line without a code of its own takes that of the taxes charged on it") func fromTaxes() throws {
        let line = goods(-10_000, rate: nil)
        #expect(try form([line, vat(-2_000)], total: 12_000).lines[0].rate == .percent(ExactDecimal(20)))
        #expect(code([line, vat(-1_000), vat(-500, rate: "5")], total: 11_500) == "tax_several")
    }

    @Test("what names no rate, no line or no category is refused", arguments: [
        ("tax_code_unbound", [line(.goods, "sales", -100, category("001"), tax: "GB@20")], 100),
        ("tax_code_invalid", [goods(-100, rate: "OUTPUT2")], 100), ("tax_code_invalid", [goods(-100, rate: "-5")], 100),
        ("tax_without_line", [goods(-100, rate: nil), vat(-20, group: "L9")], 120), ("tax_without_line", [goods(-100, rate: "exempt"), vat(-20)], 120),
        ("bank_account_line", [line(.goods, "sales", -100, bank(1))], 100), ("document_unbalanced", [goods(-100, rate: nil)], 101),
        ("document_empty", [], 0), ("total_negative", [goods(100, rate: nil)], -100),
        ("account_not_bound", [line(.goods, "sales", -100, BoundAccount(code: "9", remoteID: nil, name: "", active: false, rule: ""))], 100),
    ] as [(String, [LedgerDocument.Line], Int64)])
    func refused(_ expected: String, lines: [LedgerDocument.Line], total: Int64) {
        #expect(code(lines, total: total) == expected)
    }

    @Test("codes are rates as people write them", arguments: [
        ("20", "20"), ("20.0", "20"), ("17.5%", "17.5"), ("none", "none"), ("NONE", "none"), ("Exempt", "exempt"), ("", nil), ("20 %", nil), ("1000", nil), ("x", nil),
    ] as [(String, String?)])
    func codes(text: String, code: String?) { #expect(TaxRate(text)?.code == code) }
}
