import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

/// Bills, orders, tracking.
@Suite("Xero: what is bought")
struct XeroPurchaseTests {
    private func bill(_ desk: XeroDesk, _ number: String = "SUP-77", more: String = "") throws -> JSON {
        let body = """
            {Invoices: [{Type: "ACCPAY", Status: "AUTHORISED", Contact: {Name: "Clay Supplies"}, InvoiceNumber: "\(number)", Reference: "ours",
              Date: "2026-11-14", DueDate: "2026-12-14", PlannedPaymentDate: "2026-12-01", LineAmountTypes: "Exclusive", \(more)
              LineItems: [{Description: "Clay", Quantity: 4, UnitAmount: 25, AccountCode: "310", TaxType: "INPUT2"}]}]}
            """
        return try #require(try desk.call(.put, "Invoices", body).member("Invoices")?[0])
    }

    @Test("a bill owes its supplier with the VAT that comes back, takes no reference but its number, and numbers may repeat")
    func bill() throws {
        let desk = try XeroDesk()
        let made = try bill(desk)
        let shape = """
            {Type: "ACCPAY", SubTotal: 100.00, TotalTax: 20.00, Total: 120.00, AmountDue: 120.00, InvoiceNumber: "SUP-77", Reference: "",
             PlannedPaymentDate: "/Date(1796083200000+0000)/"}
            """
        #expect(xeroMissing(try JSON(json5: shape), in: made) == [])
        #expect(made["ExpectedPaymentDate"] == nil)
        let entry = try #require(desk.twin.entries().first)
        #expect(entry.kind == "bill" && entry.reference == "SUP-77")
        #expect(entry.lines.map { "\($0.account) \($0.minor)" } == ["800 -12000", "310 10000", "820 2000"])
        #expect(try bill(desk)["InvoiceID"] != made["InvoiceID"])
        #expect(try desk.call(.get, "Invoices?where=" + Form.percent(#"Type=="ACCPAY""#)).member("Invoices")?.array?.count == 2)
        #expect(try desk.call(.get, "Contacts").member("Contacts")?[0]?["IsSupplier"]?.bool == true)
        let line = #"[{Description: "Clay", Quantity: 1, UnitAmount: 5, AccountCode: "310", TaxType: "OUTPUT2"}]"#
        let sold = #"{Type: "ACCPAY", Status: "AUTHORISED", Contact: {Name: "C"}, DueDate: "2026-12-01", LineItems: \#(line)}"#
        let wrong = try desk.refusal(.put, "Invoices", "{Invoices: [\(sold)]}")
        #expect(wrong == ["The TaxType code 'OUTPUT2' cannot be used with account code '310'."])
    }

    @Test("a payment settles a bill from the bank, a supplier's credit note is set off against it, and both can be taken back")
    func paid() throws {
        let desk = try XeroDesk()
        let id = try #require(try bill(desk)["InvoiceID"]?.string)
        let note = """
            {CreditNotes: [{Type: "ACCPAYCREDIT", Status: "AUTHORISED", Contact: {Name: "Clay Supplies"}, CreditNoteNumber: "CR-1", Date: "2026-11-15",
              LineItems: [{Description: "Clay back", Quantity: 1, UnitAmount: 25, AccountCode: "310", TaxType: "INPUT2"}]}]}
            """
        let credit = try #require(try desk.call(.put, "CreditNotes", note).member("CreditNotes")?[0]?["CreditNoteID"]?.string)
        let allocation = #"{Allocations: [{Invoice: {InvoiceID: "\#(id)"}, Amount: 30, Date: "2026-11-15"}]}"#
        try desk.call(.put, "CreditNotes/\(credit)/Allocations", allocation)
        let payment = try desk.pay(id, "90", account: "090")
        #expect(payment["PaymentType"]?.string == "ACCPAYPAYMENT")
        #expect(try desk.call(.get, "Invoices/\(id)").member("Invoices")?[0]?["Status"]?.string == "PAID")
        let entries = desk.twin.entries()
        #expect(entries.map(\.kind) == ["bill", "vendor_credit", "bill_payment"])
        #expect(entries[1].lines.map { "\($0.account) \($0.minor)" } == ["800 3000", "310 -2500", "820 -500"])
        #expect(entries[2].lines.map { "\($0.account) \($0.minor)" } == ["090 -9000", "800 9000"])
        let settled = ["This document cannot be edited as it has a payment or credit note allocated to it."]
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#) == settled)
        let paymentID = try #require(payment["PaymentID"]?.string)
        try desk.call(.post, "Payments/\(paymentID)", #"{Payments: [{Status: "DELETED"}]}"#)
        #expect(try desk.call(.get, "Invoices/\(id)").member("Invoices")?[0]?["AmountDue"] == .number("90.00"))
    }

    /// - Source: xero_accounting.yaml, PUT /PurchaseOrders, request and answer (amounts by this organisation's rates).
    @Test("the documented order is answered in the documented shape and is in no books")
    func orderSample() throws {
        let desk = try XeroDesk()
        let person = try desk.call(.put, "Contacts", #"{Contacts: [{Name: "Liam Gallagher"}]}"#)
        let contact = try #require(person.member("Contacts")?[0]?["ContactID"]?.string)
        let line = #"{Description: "Foobar", Quantity: 1, UnitAmount: 20, AccountCode: "429"}"#
        let body = #"{PurchaseOrders: [{Contact: {ContactID: "\#(contact)"}, LineItems: [\#(line)], Date: "2019-03-13"}]}"#
        let made = try #require(try desk.call(.put, "PurchaseOrders", body).member("PurchaseOrders")?[0])
        let shape = """
            {PurchaseOrderNumber: "PO-0001", DateString: "2019-03-13 00:00:00", Date: "/Date(1552435200000+0000)/", HasErrors: false, IsDiscounted: false,
             SentToContact: false, Type: "PURCHASEORDER", CurrencyRate: 1.000000, CurrencyCode: "GBP", Contact: {Name: "Liam Gallagher"}, Status: "DRAFT",
             LineAmountTypes: "Exclusive", SubTotal: 20.00, TotalTax: 4.00, Total: 24.00, HasAttachments: false,
             LineItems: [{Description: "Foobar", UnitAmount: 20.00, TaxType: "INPUT2", TaxAmount: 4.00, LineAmount: 20.00, AccountCode: "429", Quantity: 1.0000}]}
            """
        #expect(xeroMissing(try JSON(json5: shape), in: made) == [])
        #expect(desk.twin.entries().map(\.kind) == ["purchase_order"] && desk.twin.entries()[0].lines.isEmpty)
        // - Source: xero_accounting.yaml, POST /PurchaseOrders/{PurchaseOrderID}: empty lines and contact leave what is there.
        let id = try #require(made["PurchaseOrderID"]?.string)
        let changed = try desk.call(.post, "PurchaseOrders/\(id)", #"{PurchaseOrders: [{AttentionTo: "Peter Parker", LineItems: [], Contact: {}}]}"#)
        #expect(changed.member("PurchaseOrders")?[0]?["AttentionTo"]?.string == "Peter Parker")
        #expect(changed.member("PurchaseOrders")?[0]?["Total"] == .number("24.00"))
        #expect(try desk.reopened().call(.get, "PurchaseOrders/po-0001").member("PurchaseOrders")?[0]?["PurchaseOrderID"]?.string == id)
    }

    @Test("orders go from draft to billed or deleted and no further, their numbers are unique, and what can't be said now is a warning")
    func orderStates() throws {
        let desk = try XeroDesk()
        func order(_ more: String) -> String {
            let line = #"{Description: "Clay", Quantity: 2, UnitAmount: 10, DiscountRate: 10}"#
            return #"{PurchaseOrders: [{Contact: {Name: "Clay Supplies"}, LineItems: [\#(line)], \#(more)}]}"#
        }
        let first = try desk.call(.put, "PurchaseOrders", order(#"PurchaseOrderNumber: "A1", SentToContact: true"#))
        let made = try #require(first.member("PurchaseOrders")?[0])
        #expect(made["Warnings"]?[0]?["Message"]?.string == "Only AUTHORISED and BILLED purchase orders may have SentToContact updated.")
        #expect(made["Total"] == .number("18.00") && made["IsDiscounted"]?.bool == true)
        let id = try #require(made["PurchaseOrderID"]?.string)
        #expect(try desk.refusal(.put, "PurchaseOrders", order(#"PurchaseOrderNumber: "a1""#)) == ["Order number must be unique"])
        #expect(try desk.refusal(.put, "PurchaseOrders", order(#"Status: "DELETED""#)) == ["Purchase Order not of valid status for creation"])
        #expect(try desk.refusal(.put, "PurchaseOrders", order(#"DeliveryInstructions: "\#(String(repeating: "x", count: 501))""#)).count == 1)
        #expect(try desk.raw(.put, "PurchaseOrders", order(#"Status: "PAID""#)).status == 400)
        for status in ["SUBMITTED", "AUTHORISED", "BILLED"] {
            try desk.call(.post, "PurchaseOrders/\(id)", #"{PurchaseOrders: [{Status: "\#(status)"}]}"#)
        }
        let deleted = #"{PurchaseOrders: [{Status: "DELETED"}]}"#
        #expect(try desk.refusal(.post, "PurchaseOrders/\(id)", deleted) == ["Purchase Order not of valid status for modification"])
        let second = try desk.call(.put, "PurchaseOrders", order(#"Date: "2026-12-05", DeliveryDate: "2026-12-24""#))
        let other = try #require(second.member("PurchaseOrders")?[0]?["PurchaseOrderID"]?.string)
        try desk.call(.post, "PurchaseOrders", #"{PurchaseOrders: [{PurchaseOrderID: "\#(other)", Status: "DELETED"}]}"#)
        func numbers(_ query: String) throws -> [String?] {
            try desk.call(.get, "PurchaseOrders?" + query).member("PurchaseOrders")?.array?.map { $0["PurchaseOrderNumber"]?.string } ?? []
        }
        #expect(try numbers("status=DELETED") == ["PO-0001"])
        #expect(try numbers("dateFrom=2026-12-01&dateTo=2026-12-31") == ["PO-0001"])
        #expect(try numbers("order=PurchaseOrderNumber%20DESC&page=1") == ["PO-0001", "A1"])
        #expect(desk.twin.entries().map(\.live) == [true, false])
    }

    @Test("tracking categories and options are renamed, archived and deleted, unless used; archived ones show when asked for")
    func tracking() throws {
        let desk = try XeroDesk()
        func made(_ path: String, _ name: String, _ id: String) throws -> String {
            let answer = try desk.call(.put, path, #"{name: "\#(name)"}"#)
            return try #require((answer.member("TrackingCategories") ?? answer.member("Options"))?[0]?[id]?.string)
        }
        let region = try made("TrackingCategories", "Region", "TrackingCategoryID")
        let team = try made("TrackingCategories", "Team", "TrackingCategoryID")
        let north = try made("TrackingCategories/\(region)/Options", "North", "TrackingOptionID")
        let south = try made("TrackingCategories/\(region)/Options", "South", "TrackingOptionID")
        let line = #"{Description: "Mug", Quantity: 1, UnitAmount: 1, AccountCode: "200", Tracking: [{Name: "region", Option: "north"}]}"#
        let body = #"{Invoices: [{Type: "ACCREC", Contact: {Name: "S"}, LineItems: [\#(line)]}]}"#
        try desk.call(.put, "Invoices", body)
        // - Source: xero_accounting.yaml, DELETE of an option.
        let gone = try desk.call(.delete, "TrackingCategories/\(region)/Options/\(south)").member("Options")?[0]
        let shape: JSON = [
            "Name": "South", "Status": "DELETED", "HasValidationErrors": false, "IsDeleted": true, "IsArchived": false, "IsActive": false,
        ]
        #expect(xeroMissing(shape, in: gone) == [])
        for path in ["TrackingCategories/\(region)", "TrackingCategories/\(region)/Options/\(north)"] {
            #expect(try desk.refusal(.delete, path, "").count == 1)
        }
        try desk.call(.post, "TrackingCategories/\(region)/Options/\(north)", #"{Name: "Far north", Status: "ARCHIVED"}"#)
        #expect(try desk.refusal(.put, "Invoices", body).first?.contains("does not exist") == true, "an archived option takes no line")
        try desk.call(.post, "TrackingCategories/\(team)", #"{Name: "Crew", Status: "ARCHIVED"}"#)
        func names(_ query: String) throws -> [String?] {
            try desk.call(.get, "TrackingCategories" + query).member("TrackingCategories")?.array?.map { $0["Name"]?.string } ?? []
        }
        #expect(try names("") == ["Region"])
        #expect(try names("?includeArchived=true") == ["Region", "Crew"])
        #expect(try names("?includeArchived=true&where=" + Form.percent(#"Status=="ARCHIVED""#)) == ["Crew"])
        for name in ["Third", "Fourth"] {
            let id = try made("TrackingCategories", name, "TrackingCategoryID")
            try desk.call(.post, "TrackingCategories/\(id)", #"{Status: "ARCHIVED"}"#)
        }
        #expect(try desk.refusal(.put, "TrackingCategories", #"{Name: "Fifth"}"#) == ["Only 4 tracking categories are allowed"])
        try desk.call(.delete, "TrackingCategories/\(team)")
        #expect(try desk.raw(.get, "TrackingCategories/\(team)").status == 404)
    }

    @Test("what was changed since is listed for every list that knows the header, and the header changes nothing for those that don't")
    func modifiedSince() throws {
        let desk = try XeroDesk()
        func since(_ path: String, _ time: String) throws -> Int? {
            var request = try desk.request(.get, path)
            request.fields["If-Modified-Since"] = time
            let answer = desk.send(request)
            #expect(answer.status == 200)
            return try JSON(parsing: answer.body).object?.first { $0.value.array != nil }?.value.array?.count
        }
        let line = #"{Description: "Clay", Quantity: 2, UnitAmount: 10}"#
        try desk.call(.put, "PurchaseOrders", #"{PurchaseOrders: [{Contact: {Name: "Clay Supplies"}, LineItems: [\#(line)]}]}"#)
        try desk.call(.put, "Items", #"{Items: [{Code: "MUG"}]}"#)
        for path in ["PurchaseOrders", "Items", "Contacts"] {
            #expect(try since(path, "2026-11-20T09:00:00") == 1 && since(path, "2026-11-20T09:00:01") == 0, "\(path)")
        }
        #expect(try since("TaxRates", "2030-01-01T00:00:00") == XeroSeed.taxRates.count)
        #expect(try since("Currencies", "2030-01-01T00:00:00") == 2)
        #expect(try since("Accounts", "2026-11-20T09:00:00") == 0)
        desk.twin.setAccountActive("202", false)
        #expect(try since("Accounts", "2026-11-20T09:00:00") == 1)
    }

    @Test("both lock dates refuse creating, changing, voiding and paying, each in its words")
    func locks() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("L1", "10")
        let payment = try #require(try desk.pay(id, "4")["PaymentID"]?.string)
        let bill = try #require(try bill(desk)["InvoiceID"]?.string)
        _ = try desk.twin.happen(["do": "locks", "year_end": "2026-11-14", "period": "2026-11-30"], at: desk.now)
        let message = "The document date cannot be before the end of year lock date, currently set at 14-Nov-2026"
        #expect(try desk.refusal(.post, "Invoices/\(bill)", #"{Invoices: [{Status: "VOIDED"}]}"#) == [message])
        #expect(try desk.refusal(.post, "Invoices/\(bill)", #"{Invoices: [{DueDate: "2026-12-20"}]}"#) == [message])
        #expect(try desk.refusal(.post, "Payments/\(payment)", #"{Payments: [{Status: "DELETED"}]}"#) == [message])
        let later = #"{Payments: [{Invoice: {InvoiceID: "\#(id)"}, Account: {Code: "611"}, Date: "2026-11-20", Amount: 1}]}"#
        let period = "The document date cannot be before the period lock date, currently set at 30-Nov-2026"
        #expect(try desk.refusal(.put, "Payments", later) == [period])
        let organisation = try #require(try desk.reopened().call(.get, "Organisation").member("Organisations")?[0])
        #expect(organisation["EndOfYearLockDate"]?.string == "/Date(1794614400000+0000)/" && organisation["PeriodLockDate"] != nil)
        _ = try desk.twin.happen(["do": "locks", "year_end": "", "period": ""], at: desk.now)
        try desk.call(.post, "Invoices/\(bill)", #"{Invoices: [{Status: "VOIDED"}]}"#)
    }
}
