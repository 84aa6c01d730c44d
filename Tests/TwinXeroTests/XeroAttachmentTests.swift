import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

@Suite("Xero: attachments")
struct XeroAttachmentTests {
    private func attach(
        _ desk: XeroDesk, _ path: String, _ bytes: [UInt8] = [0, 255, 13, 10], type: String = "image/jpg", method: HTTPMethod = .put
    ) throws -> HTTPResponse {
        var request = try desk.request(method, path)
        request.fields["Content-Type"] = type
        request.body = bytes
        return desk.send(request)
    }

    /// - Source: xero_accounting.yaml, PUT and GET of /Invoices/{InvoiceID}/Attachments.
    @Test("the documented attachment is answered in the documented shape, and comes back byte for byte by name and id, also after a restart")
    func sample() throws {
        let desk = try XeroDesk()
        let invoice = try desk.invoice("A1", "10")
        #expect(try desk.call(.get, "Invoices/\(invoice)").member("Invoices")?[0]?["HasAttachments"]?.bool == false)
        let answer = try attach(desk, "Invoices/\(invoice)/Attachments/sample5.jpg?IncludeOnline=true")
        let made = try #require(try JSON(parsing: answer.body).member("Attachments")?[0])
        let url = "https://api.xero.com/api.xro/2.0/Invoices/\(invoice)/Attachments/sample5.jpg"
        let shape: JSON = ["FileName": "sample5.jpg", "Url": .string(url), "MimeType": "image/jpg", "ContentLength": 4, "IncludeOnline": true]
        #expect(answer.status == 200 && xeroMissing(shape, in: made) == [])
        let later = try desk.reopened()
        #expect(try later.call(.get, "Invoices/\(invoice)/Attachments").member("Attachments") == [made])
        let id = try #require(made["AttachmentID"]?.string)
        for name in ["sample5.jpg", id] {
            let file = try later.raw(.get, "Invoices/\(invoice)/Attachments/\(name)")
            #expect(file.body == [0, 255, 13, 10] && file.fields["Content-Type"] == "image/jpg")
        }
        let read = try #require(try later.call(.get, "Invoices/\(invoice)").member("Invoices")?[0])
        #expect(read["HasAttachments"]?.bool == true && read["Attachments"] == [made])
        #expect(try later.raw(.get, "Invoices/\(invoice)/Attachments/other.jpg").status == 404)
        let again = try attach(later, "Invoices/\(invoice)/Attachments/Sample5.jpg", [9], type: "image/png; q=1", method: .post)
        let second = try #require(try JSON(parsing: again.body).member("Attachments")?[0])
        #expect(second["AttachmentID"]?.string == id && second["ContentLength"]?.int == 1 && second["MimeType"]?.string == "image/png")
        #expect(try later.raw(.get, "Invoices/\(invoice)/Attachments/sample5.jpg").body == [9])
    }

    @Test("every kind of document takes files; an eleventh, an empty or an ill-named one is refused")
    func limits() throws {
        let desk = try XeroDesk()
        let invoice = try desk.invoice("A1", "10")
        let note = try desk.creditNote("C1", "5")
        let sides = #"[{LineAmount: 1, AccountCode: "200"}, {LineAmount: -1, AccountCode: "201"}]"#
        let journal = #"{ManualJournals: [{Narration: "n", Date: "2026-11-20", JournalLines: \#(sides)}]}"#
        let journalID = try #require(try desk.call(.put, "ManualJournals", journal).member("ManualJournals")?[0]?["ManualJournalID"]?.string)
        let order = #"{PurchaseOrders: [{Contact: {Name: "C"}, LineItems: [{Description: "d", Quantity: 1, UnitAmount: 1}]}]}"#
        let orderID = try #require(try desk.call(.put, "PurchaseOrders", order).member("PurchaseOrders")?[0]?["PurchaseOrderID"]?.string)
        let contact = try #require(try desk.call(.get, "Contacts").member("Contacts")?[0]?["ContactID"]?.string)
        let account = XeroSeed.id("xero account 200")
        for path in ["CreditNotes/\(note)", "ManualJournals/\(journalID)", "PurchaseOrders/\(orderID)", "Contacts/\(contact)", "Accounts/\(account)"] {
            #expect(try attach(desk, path + "/Attachments/a.pdf").status == 200, "\(path)")
            let answer = try desk.call(.get, path)
            #expect(answer.object?.first { $0.value.array != nil }?.value[0]?["HasAttachments"]?.bool == true, "\(path)")
        }
        for n in 1 ... 10 { #expect(try attach(desk, "Invoices/\(invoice)/Attachments/f\(n).pdf").status == 200) }
        for (path, bytes) in [("f11.pdf", [1]), ("f1", [1]), ("f%3C1.pdf", [1]), ("f1.pdf", []), ("f1.pdf?IncludeOnline=true", [])] as [(String, [UInt8])] {
            let answer = try attach(desk, "Invoices/\(invoice)/Attachments/\(path)", bytes)
            #expect(answer.status == 400 && answer.bodyText.contains("ValidationErrors"), "\(path)")
        }
        #expect(try attach(desk, "PurchaseOrders/\(orderID)/Attachments/b.pdf?includeOnline=true").status == 400)
        for path in ["Invoices/\(note)", "Invoices/\(XeroSeed.zeroID)", "Items/\(invoice)", "Invoices/nobody"] {
            #expect(try attach(desk, path + "/Attachments/a.pdf").status == 404, "\(path)")
        }
        let large = [UInt8](repeating: 1, count: 4_000_000)
        #expect(try attach(desk, "Invoices/\(invoice)/Attachments/f1.pdf", large).status == 200, "larger than other bodies may be")
        let small = try XeroDesk(limits: XeroLimits(attachmentBytes: 10))
        #expect(try attach(small, "Invoices/\(try small.invoice("A1", "1"))/Attachments/a.pdf", [UInt8](repeating: 1, count: 11)).status == 413)
    }
}
