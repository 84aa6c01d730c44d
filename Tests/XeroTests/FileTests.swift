import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite("Files for Xero's importers") struct FileTests {
    private let named = ConnectionFacts(account: facts.account, settings: ["tax_name_OUTPUT2": "20% (VAT on Income)"])

    private func taxed() -> LedgerDocument {
        document([
            control(1_700), line(.goods, "sales:homeware", -1_000, "200", tax: "GB@20", type: "OUTPUT2", group: "L1", text: "Mug, blue"),
            vat(-200, group: "L1"), line(.shipping, "shipping_income", -500, "230", group: "S1", text: "Post"),
        ])
    }

    private func files(_ document: LedgerDocument, _ facts: ConnectionFacts, before: LedgerDocument? = nil) -> (text: String, codes: [String]) {
        let want = ManualFile.Want(document: document, before: before, party: "Shop customers", source: "shopify")
        let (files, left) = ManualFile.files(XeroConnector.invoices, [want], first: 1, facts)
        return (files.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(), left.map(\.fault.code))
    }

    @Test("an invoice is a row a line in the template's own columns, with tax rates as people see them") func invoice() throws {
        let rows = files(taxed(), named).text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        #expect(rows.count == 4 && rows[0].hasPrefix("*ContactName,EmailAddress,POAddressLine1,"))
        #expect(rows[0].split(separator: ",", omittingEmptySubsequences: false).count == 29)
        let head = "Shop customers,,,,,,,,,,\(key()),cf:\(key()) order 6120034117000,14/11/2026,14/11/2026,,,"
        #expect(rows[1] == head + "\"Mug, blue\",1,10.00,,200,20% (VAT on Income),2.00,,,,,GBP,")
        #expect(rows[2] == head + "Post,1,5.00,,230,No VAT,,,,,,GBP,")
    }

    @Test("a tax rate without a name, a foreign currency and a change stay out with their reason") func refusals() {
        #expect(files(taxed(), facts).codes == ["manual_tax_unnamed"])
        var foreign = simple()
        foreign.plan.rate = decimal("1.2")
        #expect(files(foreign, named).codes == ["manual_currency"])
        #expect(files(simple(), named, before: simple()).codes == ["manual_change_unfit"])
        #expect(files(payment(), named).codes == ["manual_form_unsupported"])
    }
}
