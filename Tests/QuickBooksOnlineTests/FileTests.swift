import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Files for the importers of QuickBooks") struct FileTests {
    private let named = ConnectionFacts(account: "9130350000000001", settings: ["tax_name_5": "HST ON"])

    /// The invoice of a shop outside the United States: its taxed line has a tax code.
    private func coded(_ n: Int = 1) -> LedgerDocument {
        var document = Desk.invoice(n)
        document.lines[1].taxCode = "5"
        return document
    }

    private func files(
        _ form: ManualForm, _ documents: [LedgerDocument], _ facts: ConnectionFacts, before: LedgerDocument? = nil
    ) -> (text: String, codes: [String]) {
        let wants = documents.map { ManualFile.Want(document: $0, before: before, party: "Shop customers", source: "shopify") }
        let (files, left) = ManualFile.files(form, wants, first: 1, facts)
        return (files.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(), left.map(\.fault.code))
    }

    @Test("an invoice is a row a line under its key, with item, quantity, rate, tax code and the tax of its line") func invoice() throws {
        let file = try #require(ManualFile.files(
            QuickBooksOnlineConnector.invoices, [ManualFile.Want(document: coded(), party: "Shop customers", source: "shopify")], first: 1, named).files.first)
        let key = Desk.key(1).text
        #expect(String(decoding: file.bytes, as: UTF8.self) == [
            "*InvoiceNo,*Customer,*InvoiceDate,*DueDate,Terms,Location,Memo,Item(Product/Service),ItemDescription,ItemQuantity,ItemRate,*ItemAmount,"
                + "*ItemTaxCode,ItemTaxAmount",
            "\(key),Shop customers,11/14/2026,11/14/2026,,,order 6120034117000,\"Mug (MUG-1, 4010)\",Mug,2,20,40.00,HST ON,3.28",
            "\(key),Shop customers,11/14/2026,11/14/2026,,,order 6120034117000,Shipping income (4100),Post,1,5,5.00,,", "",
        ].joined(separator: "\r\n"))
        #expect(file.items.map(\.figure_minor) == [4_500] && file.items.allSatisfy(\.findable))
    }

    @Test("what the columns can't say exactly stays out with its reason") func refusals() {
        let form = QuickBooksOnlineConnector.invoices
        #expect(files(form, [coded()], Desk.facts).codes == ["manual_tax_unnamed"])
        #expect(files(form, [Desk.invoice()], named).codes == ["manual_document_unfit"], "tax without a code")
        var discounted = coded()
        discounted.lines.append(Desk.line(.discount, "discounts", "4910", "5.00"))
        discounted.lines[0] = Desk.line(.control, "receivable:shop", "1200", "43.28")
        discounted.plan.total = Desk.usd("43.28")
        #expect(files(form, [discounted], named).codes == ["manual_document_unfit"])
        var lame = coded()
        lame.plan.total = Desk.usd("48.29")
        #expect(files(form, [lame], named).codes == ["manual_document_unfit"])
        var foreign = coded()
        foreign.plan.rate = ExactDecimal("1.1")
        #expect(files(form, [foreign], named).codes == ["manual_document_unfit"])
        #expect(files(form, [Desk.payment()], named).codes == ["manual_form_unsupported"])
        #expect(files(form, [coded()], named, before: coded()).codes == ["manual_change_unfit"])
    }

    @Test("a journal is named by the number that the API would give it, and a change of it by another") func journals() {
        let form = QuickBooksOnlineConnector.journals, key = Desk.key(1).text
        #expect(files(form, [Desk.invoice()], Desk.facts).text.contains("\r\n\(key),11/14/2026,account 1200,48.28,,receivable:shop,Shop customers,,,\r\n"))
        var change = Desk.invoice()
        change.revision = 2
        #expect(files(form, [change], Desk.facts, before: Desk.invoice()).text.contains("\r\n\(key.uppercased())-R2,"))
    }
}
