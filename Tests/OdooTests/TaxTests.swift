import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("Tax to the cent") struct TaxTests {
    private func ids(_ values: JSON) -> [[Int]] {
        values["invoice_line_ids"]?.array?.map { $0[2]?["tax_ids"]?[0]?[2]?.array?.compactMap(\.int) ?? [] } ?? []
    }

    @Test("where only the tax knows its code, it goes to the lines it was charged on: not to gift cards and tips, not to other lines") func byGroup() throws {
        let document = document(
            .invoice,
            [
                control(3290), line(.goods, "sales", -1000, 200, group: "L1"), line(.goods, "sales", -1000, 200, group: "L2"),
                line(.giftCard, "gift_cards", -1000, 240, group: "L1"), line(.tax, "tax_payable:US-CO", -290, 82, tax: "US-CO@2.9", code: "7", group: "L1"),
            ])
        #expect(ids(try sent(document)) == [[7], [], []])
    }

    @Test("a tax that is bound to nothing, where no line has one, is a line of its own on its account") func ownLine() throws {
        let document = document(
            .invoice,
            [control(1029), line(.goods, "sales", -1000, 200, group: "L1"), line(.tax, "tax_payable:US-CO", -29, 82, tax: "US-CO@2.9", group: "L1", text: "Tax")])
        let values = try sent(document)
        #expect(ids(values) == [[], []] && values["invoice_line_ids"]?[1]?[2]?["account_id"] == 82)
        #expect(connector.meant(document).tax_minor == 0 && connector.meant(document).accounts == ["200": -1000, "82": -29])
    }

    @Test("several of Odoo's taxes on a line are joined by +, and each of the source's goes to its own") func several() throws {
        let document = document(
            .invoice,
            [
                control(1077), line(.goods, "sales", -1000, 200, tax: "US-CO@2.9+US-DEN@4.8", code: "7+8", group: "L1"),
                line(.tax, "tax_payable:US-CO", -29, 82, tax: "US-CO@2.9", code: "7", group: "L1"),
                line(.tax, "tax_payable:US-DEN", -48, 83, tax: "US-DEN@4.8", code: "8", group: "L1"),
            ])
        #expect(ids(try sent(document)) == [[7, 8]])
        #expect(connector.meant(document).tax_minor == 77)
    }

    @Test("what no tax of Odoo's can say is refused") func refusals() {
        func refusal(goods: String? = "5", plan: String? = "GB@20", tax: String? = "5", group: String = "L1") -> String {
            refused(document(
                .invoice, [control(1200), line(.goods, "sales", -1000, 200, tax: plan, code: goods, group: "L1"), line(.tax, "tax", -200, 82, tax: "GB@20", code: tax, group: group)]))
        }
        #expect(refusal(goods: nil) == "rejected tax_code_unbound")
        #expect(refusal(tax: nil) == "rejected tax_code_unbound")
        #expect(refusal(goods: "20% S") == "rejected tax_code_invalid" && refusal(tax: "5+6") == "rejected tax_code_invalid" && refusal(goods: "5+") == "rejected tax_code_invalid")
        #expect(refusal(goods: nil, plan: nil, group: "elsewhere") == "rejected tax_without_line")
        #expect(taxIDs("NONE") == [] && taxIDs(" 5 + 7") == [5, 7] && taxIDs("") == nil && taxIDs("0") == nil)
    }

    private func amended(_ items: [String], _ document: LedgerDocument = taxed(), version: String = "19") throws -> JSON? {
        try Amendment(document, items.map { try json($0) }, Dialect(facts(["version": version]))).values.map { .object($0) }
    }

    private func items(net: String = "-20.0", tax: String, gross: String, account: Int = 61) -> [String] {
        [
            item(1, move: 41, account: 200, net), item(2, move: 41, account: 201, "2.0"), item(3, move: 41, account: 82, tax, tax: 5, display: "tax"),
            receivable(4, move: 41, gross, account: account), item(5, move: 41, account: 200, "0.0", display: "line_note"),
        ]
    }

    @Test("nothing is written where Odoo computed the same") func same() throws {
        #expect(try amended(items(tax: "-3.6", gross: "21.6")) == nil)
        // A sum of binary fractions.
        #expect(try amended(items(tax: "-3.6000000000000005", gross: "21.599999999999998")) == nil)
    }

    @Test("a tax of other cents is set, and before version 16 the receivable with it") func cents() throws {
        let off = items(tax: "-3.61", gross: "21.61")
        #expect(try amended(off) == json(#"{"line_ids":[[1,3,{"balance":-3.60,"amount_currency":-3.60}]]}"#))
        #expect(try amended(off, version: "14") == json(
            """
            {"line_ids":[[1,3,{"debit":0.00,"credit":3.60,"amount_currency":-3.60}],[1,4,{"debit":21.60,"credit":0.00,"amount_currency":21.60}]]}
            """))
    }

    @Test("of several lines of one tax the largest takes the difference; a tax that the source did not charge comes to nothing") func spread() throws {
        let rows = [
            item(1, move: 41, account: 200, "-18.0"), item(3, move: 41, account: 82, "-1.0", tax: 5, display: "tax"),
            item(4, move: 41, account: 83, "-2.5", tax: 5, display: "tax"), item(5, move: 41, account: 84, "-0.9", tax: 9, display: "tax"), receivable(6, move: 41, "22.4"),
        ]
        #expect(try amended(rows) == json(
            #"{"line_ids":[[1,4,{"balance":-2.60,"amount_currency":-2.60}],[1,5,{"balance":0.00,"amount_currency":0.00}]]}"#))
    }

    @Test("the receivable of the contact gives way to the one that is bound") func otherReceivable() throws {
        #expect(try amended(items(tax: "-3.6", gross: "21.6", account: 62)) == json(#"{"line_ids":[[1,4,{"account_id":61}]]}"#))
    }

    @Test("in a foreign currency the tax has its base value of the plan") func foreign() throws {
        let document = document(
            .invoice,
            [
                control(1200, currency: .eur, base: 1032), line(.goods, "sales", -1000, 200, tax: "GB@20", code: "5", group: "L1", currency: .eur, base: -860),
                line(.tax, "tax", -200, 82, tax: "GB@20", code: "5", group: "L1", currency: .eur, base: -172),
            ], currency: .eur, rate: "0.86")
        let rows = [
            item(1, move: 41, account: 200, "-10.0", balance: "-8.6", currency: "EUR"),
            item(3, move: 41, account: 82, "-1.99", tax: 5, display: "tax", balance: "-1.71", currency: "EUR"),
            receivable(4, move: 41, "11.99", balance: "10.31", currency: "EUR"),
        ]
        #expect(try amended(rows, document) == json(#"{"line_ids":[[1,3,{"balance":-1.72,"amount_currency":-2.00}]]}"#))
    }

    @Test("a tax that is part of its price, or that Odoo does not charge at all, is refused and not bent") func refusedDrafts() throws {
        #expect(throws: Fault.self) { try amended(items(net: "-16.67", tax: "-3.0", gross: "17.67")) }
        let none = [item(1, move: 41, account: 200, "-20.0"), item(2, move: 41, account: 201, "2.0"), receivable(4, move: 41, "18.0")]
        do { _ = try amended(none); Issue.record("taken") } catch let fault as Fault { #expect(fault.code == "tax_differs" && fault.disposition == .reject) }
    }

    @Test("amounts that are none stop it", arguments: ["\"x\"", "false", "null", "1e30", "-3.605", "99999999999999999", "[]"])
    func unreadable(_ amount: String) throws {
        do { _ = try amended(items(tax: amount, gross: "21.6")); Issue.record("taken") } catch let fault as Fault { #expect(fault.code == "unreadable_answer") }
    }
}
