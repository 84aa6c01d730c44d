import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("Tax in NetSuite") struct TaxTests {
    private func items(_ document: LedgerDocument, _ tax: String) throws -> [JSON] {
        let values = try sent(document, facts(["tax": tax]))
        return try #require(values["item"]?["items"]?.array)
    }

    @Test("each line states its code and its tax to the cent, none of it below zero; what has no code says none") func legacy() throws {
        let lines = try items(taxed(), "legacy")
        #expect(lines.map { $0["taxCode"]?["id"]?.string } == ["7", "7"])
        #expect(lines.map { $0["tax1Amt"]?.decimal } == [decimal("3.6"), .zero] && lines.map { $0["grossAmt"]?.decimal } == [decimal("23.6"), decimal("-2")])
        #expect(try items(simple(), "legacy")[0]["taxCode"] == nil)
        #expect(rest.meant(taxed()).tax_minor == 360 && rest.meant(taxed()).accounts == ["item:19": -2000, "item:31": 200])
    }

    @Test("with SuiteTax the details are overridden, a row for each line and tax, by REST's and SOAP's names") func suiteTax() throws {
        let values = try sent(taxed("5/9"), facts(["tax": "suitetax"]))
        #expect(values["taxDetailsOverride"] == true)
        #expect(try values["taxDetails"]?["items"]?[0] == json(
            #"{"taxDetailsReference":{"id":"L1"},"taxType":"5","taxCode":{"id":"9"},"taxBasis":20.00,"taxRate":20,"taxAmount":3.60}"#))
        #expect(values["taxDetails"]?["items"]?[1]?["taxAmount"]?.decimal == .zero)
        #expect(values["item"]?["items"]?.array?.compactMap { $0["taxDetailsReference"]?.string } == ["L1", "L2"])
        let record = sketch(try soapSent(taxed("5/9"), facts(["tax": "suitetax"])))
        #expect(record.hasPrefix("record(taxDetailsOverride=true entity#58"))
        #expect(record.contains("taxDetailsList(taxDetails(taxDetailsReference=L1 taxType#5 taxCode#9 taxBasis=20.00 taxRate=20 taxAmount=3.60)"))
        #expect(try sent(simple(), facts(["tax": "suitetax"]))["taxDetails"] == ["items": []])
    }

    @Test("tax that is bound to NONE is a line on its own account, with an item, in every engine", arguments: ["legacy", "legacy_us", "suitetax"])
    func unbound(engine: String) throws {
        let sale = taxed("NONE")
        let lines = try items(sale, engine)
        #expect(lines.map { $0["amount"]?.decimal } == [decimal("20"), decimal("-2"), decimal("3.6")] && lines.map { $0["item"]?["id"]?.string } == ["19", "31", "82"])
        #expect(lines.allSatisfy { $0["taxCode"] == nil && ($0["isTaxable"] == false) == (engine == "legacy_us") })
        #expect(rest.meant(sale).tax_minor == 0 && rest.meant(sale).accounts["item:82"] == -360)
        let wants = rest.references(for: sale).filter { $0.kind == .item }
        #expect(wants.map(\.key) == ["MUG@2000", "discounts@2010", "tax_payable:GB@820"] && wants.map(\.account) == ["200", "201", "82"])
    }

    @Test("taxes that know their code alone go to the lines that they were charged on, in proportion, to the cent") func shares() throws {
        let sale = document(
            .invoice,
            [
                control(3250), line(.goods, "sales", -1000, 200, group: "L1"), line(.goods, "sales", -1999, 200, group: "L1"), line(.tip, "tips", -1, 210, group: "L1"),
                line(.tax, "tax_payable:CO", -250, 82, tax: "US-CO@8.34", code: "5/9", group: "L1"),
            ])
        let values = try sent(sale, facts(["tax": "suitetax"]))
        let details = try #require(values["taxDetails"]?["items"]?.array)
        #expect(details.compactMap { $0["taxAmount"]?.decimal } == [decimal("0.83"), decimal("1.67")] && details[0]["taxRate"]?.decimal == decimal("8.34"))
        #expect(rest.meant(sale).tax_minor == 250)
    }

    @Test("codes that NetSuite can't take are refused, with what to bind instead") func refusals() {
        var unbound = taxed(), several = taxed(), typed = taxed("5/9"), odd = taxed("VAT")
        for index in 1 ... 3 { unbound.lines[index].taxCode = nil }
        several.lines[3].taxCode = "8"
        #expect(refused(unbound) == "rejected tax_code_unbound" && refused(several) == "rejected tax_code_invalid")
        #expect(refused(typed) == "rejected tax_code_invalid" && refused(odd) == "rejected tax_code_invalid")
        #expect(refused(taxed(), facts(["tax": "suitetax"])) == "rejected tax_code_invalid" && refused(taxed(), facts(["tax": "legacy_us"])) == "rejected tax_code_invalid")
        typed.lines = [control(100), line(.tip, "tips", 0, 210), line(.tax, "tax_payable", -100, 82, tax: "X@1", code: "7", group: "L9")]
        odd.lines = typed.lines
        #expect(refused(document(.invoice, odd.lines)) == "rejected tax_without_line")
    }

    @Test("a document-wide tax stands on the lines of its own code") func whole() throws {
        let sale = document(
            .invoice,
            [
                control(1200), line(.goods, "sales", -1000, 200, tax: "GB@20", code: "7", group: "L1"), line(.goods, "sales", 0, 200, group: "L2"),
                line(.tax, "tax_payable:GB", -200, 82, tax: "GB@20", code: "7"),
            ])
        #expect(try items(sale, "legacy").map { $0["tax1Amt"]?.decimal } == [decimal("2"), nil])
    }
}
