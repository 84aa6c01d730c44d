import Kernel
import Testing
import Wire

@testable import TwinXero

@Suite struct XeroInvoiceTests {
    /// The sample of the API's documentation: two Inclusive lines, tracking, an item, a link.
    static let sample = """
        {Invoices: [{Type: "ACCREC", Status: "AUTHORISED", Contact: {Name: "Great Client"}, InvoiceNumber: "SO-10231",
         Reference: "shop-a / 10231", Date: "2026-11-20", DueDate: "2026-12-20", LineAmountTypes: "Inclusive",
         CurrencyCode: "GBP", Url: "https://app.example/o/10231", LineItems: [
          {Description: "Mug", ItemCode: "MUG-1", Quantity: 2, UnitAmount: 12.00, AccountCode: "200", TaxType: "OUTPUT2",
           TaxAmount: 4.00, Tracking: [{Name: "Region", Option: "North"}]},
          {Description: "Shipping", Quantity: 1, UnitAmount: 5.00, AccountCode: "210", TaxType: "OUTPUT2"}]}]}
        """

    static func prepared() throws -> XeroDesk {
        let desk = try XeroDesk()
        try desk.call(
            .put, "Items",
            #"{Items: [{Code: "MUG-1", Name: "Mug", SalesDetails: {UnitPrice: 12, AccountCode: "200"}}]}"#)
        let made = try desk.call(.put, "TrackingCategories", #"{Name: "Region"}"#)
        let id = try #require(made.member("TrackingCategories")?[0]?["TrackingCategoryID"]?.string)
        try desk.call(.put, "TrackingCategories/\(id)/Options", #"{Name: "North"}"#)
        return desk
    }

    @Test("the documented sample gets the documented answer, to the digit")
    func golden() throws {
        let desk = try Self.prepared()
        let answer = try desk.call(.put, "Invoices?summarizeErrors=false&unitdp=4", Self.sample)
        let expected = try JSON(
            json5: """
                {Status: "OK", Invoices: [{Type: "ACCREC", InvoiceNumber: "SO-10231", Reference: "shop-a / 10231",
                  Payments: [], CreditNotes: [], Prepayments: [], Overpayments: [], AmountDue: 29.00, AmountPaid: 0.00,
                  AmountCredited: 0.00, CurrencyRate: 1.000000, SentToContact: false, IsDiscounted: false, HasAttachments: false,
                  HasErrors: false, StatusAttributeString: "OK", Contact: {Name: "Great Client", ContactStatus: "ACTIVE"},
                  DateString: "2026-11-20T00:00:00", Date: "/Date(1795132800000+0000)/", DueDate: "/Date(1797724800000+0000)/",
                  Status: "AUTHORISED", LineAmountTypes: "Inclusive", Url: "https://app.example/o/10231", LineItems: [
                   {Description: "Mug", ItemCode: "MUG-1", Quantity: 2.0000, UnitAmount: 12.0000, LineAmount: 24.00, TaxAmount: 4.00,
                    TaxType: "OUTPUT2", AccountCode: "200", Tracking: [{Name: "Region", Option: "North"}]},
                   {Description: "Shipping", Quantity: 1.0000, UnitAmount: 5.0000, LineAmount: 5.00, TaxAmount: 0.83}],
                  SubTotal: 24.17, TotalTax: 4.83, Total: 29.00, CurrencyCode: "GBP"}]}
                """)
        #expect(xeroMissing(expected, in: answer) == [])
        #expect(desk.twin.unknownProperties.isEmpty)
    }

    @Test("without unitdp a unit amount is cut to two digits before anything is computed")
    func unitDigits() throws {
        let desk = try XeroDesk()
        let body = """
            {Invoices: [{Type: "ACCREC", Contact: {Name: "c"}, LineItems: [{Description: "x", Quantity: 1000, UnitAmount: 0.1234,
              AccountCode: "200", TaxType: "NONE"}]}]}
            """
        let two = try desk.call(.put, "Invoices", body).member("Invoices")?[0]
        #expect(two?["Total"] == .number("120.00"))
        let four = try desk.call(.put, "Invoices?unitdp=4", body).member("Invoices")?[0]
        #expect(four?["Total"] == .number("123.40"))
        #expect(four?["LineItems"]?[0]?["UnitAmount"] == .number("0.1234"))
    }

    // 5 % of 0.31: two lines rounded on their own give 0.04 (0.02 with the tax inside), their sum would give 0.03 both
    // times.
    @Test(
        "tax is computed and rounded line by line, in each of the three ways",
        arguments: [
            ("Exclusive", "0.04", "0.62", "0.66"), ("Inclusive", "0.02", "0.60", "0.62"),
            ("NoTax", "0.00", "0.62", "0.62"),
        ])
    func taxByLine(_ way: String, _ tax: String, _ net: String, _ total: String) throws {
        let desk = try XeroDesk()
        let line = #"{Description: "x", Quantity: 1, UnitAmount: 0.31, AccountCode: "200", TaxType: "RROUTPUT"}"#
        let invoice = try desk.call(
            .put, "Invoices",
            """
            {Invoices: [{Type: "ACCREC", LineAmountTypes: "\(way)", Contact: {Name: "c"}, LineItems: [\(line), \(line)]}]}
            """
        ).member("Invoices")?[0]
        #expect(invoice?["TotalTax"] == .number(tax))
        #expect(invoice?["SubTotal"] == .number(net))
        #expect(invoice?["Total"] == .number(total))
    }

    @Test("a sent tax amount is honoured, except where the rate is nothing")
    func forcedTax() throws {
        let desk = try XeroDesk()
        let invoice = try desk.call(
            .put, "Invoices",
            """
            {Invoices: [{Type: "ACCREC", Contact: {Name: "c"}, LineItems: [
              {Description: "x", Quantity: 1, UnitAmount: 10, AccountCode: "200", TaxType: "OUTPUT2", TaxAmount: 1.99},
              {Description: "y", Quantity: 1, UnitAmount: 10, AccountCode: "200", TaxType: "ZERORATEDOUTPUT", TaxAmount: 1}]}]}
            """
        ).member("Invoices")?[0]
        #expect(invoice?["TotalTax"] == .number("1.99"))
        #expect(invoice?["Total"] == .number("21.99"))
    }

    @Test("an approved invoice of nothing is paid by itself")
    func zero() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("zero-1", "0")
        let invoice = try desk.call(.get, "Invoices/\(id)").member("Invoices")?[0]
        #expect(invoice?["Status"]?.string == "PAID")
        #expect(invoice?["FullyPaidOnDate"] == invoice?["Date"])
    }

    @Test("PUT with a used number is refused, also for voided invoices and in another case")
    func uniqueNumber() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        let body =
            #"{Invoices: [{Type: "ACCREC", InvoiceNumber: "SO-1", Contact: {Name: "c"}, LineItems: [{Description: "x"}]}]}"#
        #expect(try desk.refusal(.put, "Invoices", body) == ["Invoice # must be unique."])
        try desk.call(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#)
        #expect(try desk.refusal(.put, "Invoices", body) == ["Invoice # must be unique."])
        #expect(desk.twin.entries().count == 1)
    }

    @Test("POST to the collection with a used number silently changes that invoice")
    func upsert() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        let body = """
            {Invoices: [{Type: "ACCREC", InvoiceNumber: "so-1", LineItems: [{Description: "x", Quantity: 1, UnitAmount: 7,
              AccountCode: "201", TaxType: "NONE"}]}]}
            """
        let answer = try desk.call(.post, "Invoices", body).member("Invoices")?[0]
        #expect(answer?["InvoiceID"]?.string == id)
        #expect(answer?["Total"] == .number("7.00"))
        #expect(desk.twin.entries().count == 1)
    }

    @Test("an update without lines keeps them; one with lines replaces them, ids kept where they are named")
    func updateLines() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        let kept = try desk.call(.post, "Invoices/\(id)", #"{Invoices: [{Reference: "new"}]}"#).member("Invoices")?[0]
        let line = try #require(kept?["LineItems"]?[0]?["LineItemID"]?.string)
        #expect(kept?["Reference"]?.string == "new" && kept?["Total"] == .number("10.00"))
        let lines = """
            [{LineItemID: "\(line)", Description: "Mug", Quantity: 1, UnitAmount: 4, AccountCode: "200", TaxType: "NONE"},
             {Description: "Cup", Quantity: 1, UnitAmount: 5, AccountCode: "200", TaxType: "NONE"}]
            """
        let changed = try desk.call(.post, "Invoices/\(id)", "{Invoices: [{LineItems: \(lines)}]}").member("Invoices")?[
            0]
        #expect(changed?["LineItems"]?[0]?["LineItemID"]?.string == line)
        #expect(changed?["LineItems"]?[1]?["LineItemID"]?.string != line)
        #expect(changed?["Total"] == .number("9.00"))
    }

    @Test("an approved invoice can be voided but not deleted, a draft deleted but not voided, and neither comes back")
    func statuses() throws {
        let desk = try XeroDesk()
        let wrong = ["Invoice not of valid status for modification"]
        let approved = try desk.invoice("so-1", "10.00")
        #expect(try desk.refusal(.post, "Invoices/\(approved)", #"{Invoices: [{Status: "DELETED"}]}"#) == wrong)
        #expect(try desk.refusal(.post, "Invoices/\(approved)", #"{Invoices: [{Status: "DRAFT"}]}"#) == wrong)
        let voided = try desk.call(.post, "Invoices/\(approved)", #"{Invoices: [{Status: "VOIDED"}]}"#).member(
            "Invoices")?[0]
        #expect(voided?["Status"]?.string == "VOIDED" && voided?["AmountDue"] == .number("0.00"))
        #expect(try desk.refusal(.post, "Invoices/\(approved)", #"{Invoices: [{Status: "AUTHORISED"}]}"#) == wrong)
        let draft = try desk.call(
            .put, "Invoices", #"{Type: "ACCREC", Contact: {Name: "c"}, LineItems: [{Description: "x"}]}"#)
        let id = try #require(draft.member("Invoices")?[0]?["InvoiceID"]?.string)
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#) == wrong)
        #expect(
            try desk.call(.post, "Invoices/\(id)", #"{Invoices: [{Status: "DELETED"}]}"#).member("Invoices")?[0]?[
                "Status"]?.string == "DELETED")
    }

    @Test("once money hangs on an invoice it can't be voided and takes only fields that change no amount")
    func paidInvoice() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        try desk.pay(id, "4.00")
        let blocked = ["This document cannot be edited as it has a payment or credit note allocated to it."]
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#) == blocked)
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Date: "2026-11-15"}]}"#) == blocked)
        try desk.call(.post, "Invoices/\(id)", #"{Invoices: [{Reference: "r", DueDate: "2026-12-24"}]}"#)
        try desk.pay(id, "6.00")
        #expect(
            try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Reference: "q"}]}"#)
                == ["Invoice not of valid status for modification"])
    }

    @Test("an approval checks the lines the draft had, and an invoice without a number gets the next free one")
    func approval() throws {
        let desk = try XeroDesk()
        try desk.invoice("INV-0001", "1.00")
        let draft = try desk.call(
            .put, "Invoices",
            """
            {Type: "ACCREC", Contact: {Name: "c"}, DueDate: "2026-12-01", LineItems: [{Description: "x", Quantity: 1, UnitAmount: 3}]}
            """
        ).member("Invoices")?[0]
        #expect(draft?["InvoiceNumber"]?.string == "INV-0002")
        let id = try #require(draft?["InvoiceID"]?.string)
        #expect(
            try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Status: "AUTHORISED"}]}"#)
                == ["Account code or ID must be specified"])
    }

    @Test("discounts by rate and by amount lower the line; a line of words only has no amounts")
    func discounts() throws {
        let desk = try XeroDesk()
        let invoice = try desk.call(
            .put, "Invoices",
            """
            {Type: "ACCREC", Contact: {Name: "c"}, LineItems: [
              {Description: "a", Quantity: 3, UnitAmount: 3.33, DiscountRate: 10, AccountCode: "200", TaxType: "NONE"},
              {Description: "b", Quantity: 1, UnitAmount: 5, DiscountAmount: 1.50, AccountCode: "200", TaxType: "NONE"},
              {Description: "Thank you"}]}
            """
        ).member("Invoices")?[0]
        #expect(invoice?["LineItems"]?[0]?["LineAmount"] == .number("8.99"))
        #expect(invoice?["LineItems"]?[1]?["LineAmount"] == .number("3.50"))
        #expect(invoice?["LineItems"]?[2]?["Quantity"] == nil)
        #expect(invoice?["IsDiscounted"]?.bool == true)
        #expect(invoice?["Total"] == .number("12.49"))
    }

    @Test("an item lends its account, price and words to a line that names only its code")
    func itemDefaults() throws {
        let desk = try Self.prepared()
        let invoice = try desk.call(
            .put, "Invoices",
            """
            {Type: "ACCREC", Contact: {Name: "c"}, LineItems: [{ItemCode: "MUG-1", Quantity: 2}]}
            """
        ).member("Invoices")?[0]
        #expect(invoice?["SubTotal"] == .number("24.00"))
        #expect(invoice?["TotalTax"] == .number("4.80"))
        #expect(invoice?["LineItems"]?[0]?["AccountCode"]?.string == "200")
    }
}
