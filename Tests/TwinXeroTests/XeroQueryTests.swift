import Kernel
import Testing
import Wire

@testable import TwinXero

@Suite struct XeroQueryTests {
    /// The numbers (or references) a list call gives back, in order.
    static func found(_ desk: XeroDesk, _ query: String, field: String = "InvoiceNumber") throws -> [String] {
        try (desk.call(.get, "Invoices?" + query)["Invoices"]?.array ?? []).compactMap { $0[field]?.string }
    }

    static func stocked() throws -> XeroDesk {
        let desk = try XeroDesk()
        for (i, amount) in ["30.00", "10.00", "20.00"].enumerated() {
            try desk.invoice("so-\(i + 1)", amount)
            desk.now = desk.now + .seconds(60)
        }
        return desk
    }

    @Test("a filter finds by reference, whatever its letters' case, and only that")
    func reference() throws {
        let desk = try Self.stocked()
        let where1 = Form.percent(#"Reference=="cf:so-2 order 1""#)
        #expect(try Self.found(desk, "where=" + where1) == ["so-2"])
        #expect(try Self.found(desk, "where=" + Form.percent(#"Reference=="cf:so-9 order 1""#)) == [])
    }

    @Test(
        "filters combine, compare numbers and dates, and look into texts",
        arguments: [
            (#"Total > 10 AND Total <= 30"#, ["so-1", "so-3"]),
            (#"Total == 10 OR InvoiceNumber == "SO-3""#, ["so-2", "so-3"]),
            (#"Type=="ACCREC" && (Total=10 || Total=20)"#, ["so-2", "so-3"]),
            (#"InvoiceNumber.Contains("-2")"#, ["so-2"]),
            (#"Reference.StartsWith("cf:so-3")"#, ["so-3"]), (#"Reference.EndsWith("9")"#, []),
            (#"Date >= DateTime(2026, 11, 14) AND Date < DateTime(2026,11,15)"#, ["so-1", "so-2", "so-3"]),
            (#"Date > DateTime.Parse("2026-11-14")"#, []),
            (#"Contact.Name=="shop customers" and Status!="PAID""#, ["so-1", "so-2", "so-3"]),
            (#"FullyPaidOnDate != null"#, []), (#"FullyPaidOnDate == null && AmountDue >= 20.00"#, ["so-1", "so-3"]),
        ])
    func filters(_ text: String, _ expected: [String]) throws {
        #expect(try Self.found(try Self.stocked(), "where=" + Form.percent(text)) == expected)
    }

    @Test(
        "a filter that can't be read, an unknown field and a GUID compared with a text get ErrorNumber 16",
        arguments: [
            "Total >", "Total ! 5", "Colour == \"red\"", "InvoiceID == \"x\"", "(Total == 1", "Total == 1 Total == 2",
            "\"x\" == Total",
            "Reference == 5", "Name.Explode(\"x\")", "Reference == \"open", "Date == DateTime(2026, 13, 1)",
            "InvoiceID==guid(\"7\")",
            "Total == 99999999999999999999999999999999999999",
        ])
    func broken(_ text: String) throws {
        let desk = try Self.stocked()
        let answer = try desk.call(.get, "Invoices?where=" + Form.percent(text), status: 400)
        #expect(xeroMissing(["ErrorNumber": 16, "Type": "QueryParseException"], in: answer) == [])
    }

    @Test("nesting without end is refused")
    func nesting() throws {
        let desk = try Self.stocked()
        try desk.call(.get, "Invoices?where=" + Form.percent(String(repeating: "(", count: 5000)), status: 400)
    }

    @Test("ids, numbers, statuses and contacts narrow the list; a search looks into numbers, references and names")
    func parameters() throws {
        let desk = try Self.stocked()
        let id = try #require(try desk.call(.get, "Invoices/so-2").member("Invoices")?[0]?["InvoiceID"]?.string)
        let contact = try #require(try desk.call(.get, "Contacts").member("Contacts")?[0]?["ContactID"]?.string)
        #expect(try Self.found(desk, "IDs=\(id.uppercased())") == ["so-2"])
        #expect(try Self.found(desk, "InvoiceNumbers=so-1,SO-3,so-9") == ["so-1", "so-3"])
        #expect(try Self.found(desk, "Statuses=PAID,VOIDED") == [])
        #expect(try Self.found(desk, "Statuses=AUTHORISED&ContactIDs=\(contact)").count == 3)
        #expect(try Self.found(desk, "searchTerm=ORDER") == ["so-1", "so-2", "so-3"])
        #expect(try Self.found(desk, "searchTerm=so-3&createdByMyApp=true") == ["so-3"])
    }

    @Test("pages carry lines and their own description; a list without a page leaves lines out")
    func pages() throws {
        let desk = try Self.stocked()
        let plain = try desk.call(.get, "Invoices")
        #expect(plain["pagination"] == nil)
        #expect(plain["Invoices"]?.array?.allSatisfy { $0["LineItems"] == [] } == true)
        let page = try desk.call(.get, "Invoices?page=2&pageSize=2&order=" + Form.percent("Total DESC"))
        #expect(page["pagination"] == ["page": 2, "pageSize": 2, "pageCount": 2, "itemCount": 3])
        #expect(page["Invoices"]?.array?.count == 1)
        #expect(page["Invoices"]?[0]?["InvoiceNumber"]?.string == "so-2")
        #expect(page["Invoices"]?[0]?["LineItems"]?.array?.count == 1)
        #expect(try desk.call(.get, "Invoices?page=1&summaryOnly=true").member("Invoices")?[0]?["LineItems"] == [])
        try desk.call(.get, "Invoices?page=0", status: 400)
        try desk.call(.get, "Invoices?page=1&pageSize=1001", status: 400)
    }

    @Test("lists are ordered as asked, both ways, and refuse unknown columns")
    func order() throws {
        let desk = try Self.stocked()
        #expect(try Self.found(desk, "order=Total") == ["so-2", "so-3", "so-1"])
        #expect(try Self.found(desk, "order=" + Form.percent("UpdatedDateUTC DESC")) == ["so-3", "so-2", "so-1"])
        try desk.call(.get, "Invoices?order=Colour", status: 400)
    }

    @Test("If-Modified-Since leaves out what has not changed since, and payments count as changes")
    func modifiedSince() throws {
        let desk = try Self.stocked()
        var request = try desk.request(.get, "Invoices")
        request.fields["If-Modified-Since"] = "2026-11-20T09:01:00"
        func numbers() throws -> [String] {
            (try JSON(parsing: desk.send(request).body)["Invoices"]?.array ?? []).compactMap {
                $0["InvoiceNumber"]?.string
            }
        }
        #expect(try numbers() == ["so-2", "so-3"])
        request.fields["If-Modified-Since"] = "2026-11-20T09:03:00"
        #expect(try numbers() == [])
        let id = try #require(try desk.call(.get, "Invoices/so-1").member("Invoices")?[0]?["InvoiceID"]?.string)
        try desk.pay(id, "1.00")
        #expect(try numbers() == ["so-1"])
    }

    @Test("payments are found by reference and by invoice id")
    func payments() throws {
        let desk = try Self.stocked()
        let id = try #require(try desk.call(.get, "Invoices/so-1").member("Invoices")?[0]?["InvoiceID"]?.string)
        let payment = try #require(try desk.pay(id, "1.00")["PaymentID"]?.string)
        for text in [
            #"Reference=="cf:aaaabbbbccccdddd transaction 1""#, "Invoice.InvoiceID==guid(\"\(id)\")",
            #"PaymentType=="ACCRECPAYMENT" AND Amount==1"#,
            #"Status=="AUTHORISED""#,
        ] {
            let list = try desk.call(.get, "Payments?where=" + Form.percent(text))["Payments"]?.array ?? []
            #expect(list.compactMap { $0["PaymentID"]?.string } == [payment], "\(text)")
        }
        let none = try desk.call(.get, "Payments?where=" + Form.percent("Invoice.InvoiceID==guid(\"\(payment)\")"))
        #expect(none["Payments"] == [])
    }
}
