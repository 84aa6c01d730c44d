import Kernel
import Testing
import Wire

@testable import TwinXero

@Suite struct XeroValidationTests {
    /// One rule: what is changed in a good invoice, and what Xero says.
    struct Rule: Sendable, CustomTestStringConvertible {
        var name: String
        var document = ""
        var line = ""
        var says: [String]
        var testDescription: String { name }
    }

    static let rules: [Rule] = [
        Rule(
            name: "an unknown account", line: #"AccountCode: "999""#,
            says: ["Account code '999' is not a valid code for this document."]),
        Rule(
            name: "the receivable account", line: #"AccountCode: "610""#,
            says: ["Account code '610' is not a valid code for this document."]),
        Rule(
            name: "a bank account", line: #"AccountCode: "090""#,
            says: ["Account code '090' is not a valid code for this document."]),
        Rule(
            name: "the VAT account", line: #"AccountCode: "820""#,
            says: ["Account code '820' is not a valid code for this document."]),
        Rule(name: "no account", line: "AccountCode: null", says: ["Account code or ID must be specified"]),
        Rule(
            name: "an unknown tax type", line: #"TaxType: "OUTPUT9""#,
            says: ["The TaxType code 'OUTPUT9' does not exist or cannot be used with this type of document."]),
        Rule(
            name: "a purchases tax on income", line: #"TaxType: "INPUT2""#,
            says: ["The TaxType code 'INPUT2' cannot be used with account code '200'."]),
        Rule(
            name: "a wrong line total", line: "LineAmount: 9.99",
            says: ["The line total 9.99 does not match the expected line total 10.00"]),
        Rule(name: "no words", line: "Description: null", says: ["Description is required"]),
        Rule(
            name: "too many words", line: "Description: \"\(String(repeating: "x", count: 4001))\"",
            says: ["Description must not exceed 4000 characters"]),
        Rule(name: "no quantity", line: "Quantity: null", says: ["Quantity is required"]),
        Rule(name: "an unknown item", line: #"ItemCode: "nope""#, says: ["Item code 'nope' is not valid"]),
        Rule(
            name: "an unknown tracking option", line: #"Tracking: [{Name: "Region", Option: "Mars"}]"#,
            says: ["The tracking option 'Mars' of 'Region' does not exist"]),
        Rule(
            name: "no contact", document: "Contact: null",
            says: ["A Contact must be specified for this type of transaction"]),
        Rule(
            name: "a contact without a name", document: "Contact: {}",
            says: [
                "The Contact must contain at least 1 of the following elements to identify the contact: Name, ContactID, ContactNumber"
            ]),
        Rule(name: "no due date", document: "DueDate: null", says: ["DueDate is required"]),
        Rule(
            name: "the last locked day", document: #"Date: "2026-10-31""#,
            says: ["The document date cannot be before the period lock date, currently set at 31-Oct-2026"]),
        Rule(
            name: "a currency that is not dealt in", document: #"CurrencyCode: "USD""#,
            says: ["Organisation is not subscribed to currency USD"]),
        Rule(
            name: "a rate of nothing", document: #"CurrencyCode: "EUR", CurrencyRate: 0"#,
            says: ["CurrencyRate must be greater than zero"]),
        Rule(
            name: "a link that is none", document: #"Url: "app.example/1""#, says: ["Url must be a valid absolute URL"]),
        Rule(
            name: "a long number", document: "InvoiceNumber: \"\(String(repeating: "9", count: 256))\"",
            says: ["InvoiceNumber must not exceed 255 characters"]),
        Rule(
            name: "a long reference", document: "Reference: \"\(String(repeating: "r", count: 256))\"",
            says: ["Reference must not exceed 255 characters"]),
        Rule(
            name: "a status to begin with", document: #"Status: "VOIDED""#,
            says: ["Invoice not of valid status for creation"]),
        Rule(name: "a type of its own", document: #"Type: "SALE""#, says: ["Invoice type is not valid"]),
        Rule(name: "no lines", document: "LineItems: []", says: ["One or more line items must be specified"]),
        Rule(
            name: "a negative total", line: "UnitAmount: -10",
            says: ["The document total cannot be negative. Use a credit note instead."]),
        Rule(
            name: "a discount beyond all", line: "DiscountRate: 101", says: ["DiscountRate must be between 0 and 100"]),
    ]

    /// A good invoice with members replaced: the changes come first, and of repeated keys JSON5 would refuse, so they
    /// are merged.
    static func body(document: String, line: String) throws -> String {
        var lineJSON = try JSON(
            json5: #"{Description: "Mug", Quantity: 1, UnitAmount: 10, AccountCode: "200", TaxType: "NONE"}"#)
        for (key, value) in try JSON(json5: "{\(line)}").object ?? [] { lineJSON = lineJSON.setting(key, value) }
        var invoice = try JSON(
            json5: """
                {Type: "ACCREC", Status: "AUTHORISED", Contact: {Name: "c"}, Date: "2026-11-14", DueDate: "2026-11-14"}
                """
        ).setting("LineItems", .array([lineJSON]))
        for (key, value) in try JSON(json5: "{\(document)}").object ?? [] { invoice = invoice.setting(key, value) }
        return JSON.object([("Invoices", .array([invoice]))]).text
    }

    @Test("each rule refuses in Xero's words and leaves nothing behind", arguments: rules)
    func provoked(_ rule: Rule) throws {
        let desk = try XeroDesk()
        let body = try Self.body(document: rule.document, line: rule.line)
        #expect(try desk.refusal(.put, "Invoices", body) == rule.says)
        #expect(desk.twin.entries().isEmpty)
        #expect(try desk.call(.get, "Contacts")["Contacts"]?.array?.isEmpty == true)
    }

    @Test("the invoice that the rules are tried on is good as it stands")
    func good() throws {
        let desk = try XeroDesk()
        try desk.call(.put, "Invoices", try Self.body(document: "", line: ""))
        try desk.call(.put, "Invoices", try Self.body(document: #"Date: "2026-11-01""#, line: "LineAmount: 10"))
    }

    @Test("several faults of one document are all told")
    func all() throws {
        let desk = try XeroDesk()
        let body = try Self.body(document: "DueDate: null", line: #"AccountCode: "999", LineAmount: 1"#)
        #expect(Set(try desk.refusal(.put, "Invoices", body)).count == 3)
    }

    @Test("an archived account is refused by name, and works again once restored")
    func archivedAccount() throws {
        let desk = try XeroDesk()
        desk.twin.setAccountActive("202", false)
        let body = try Self.body(document: "", line: #"AccountCode: "202""#)
        #expect(
            try desk.refusal(.put, "Invoices", body) == [
                "Account code '202' has been archived, or has been deleted. Each line item must reference a valid account."
            ])
        #expect(try desk.reopened().refusal(.put, "Invoices", body).count == 1)
        desk.twin.setAccountActive("202", true)
        try desk.call(.put, "Invoices", body)
    }

    @Test("the lock date moves for create, change, void and payment, and can be lifted")
    func lockDate() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("so-1", "10.00")
        desk.twin.setLockDate(LocalDate("2026-11-14"))
        let said = "The document date cannot be before the period lock date, currently set at 14-Nov-2026"
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Reference: "x"}]}"#) == [said])
        #expect(try desk.refusal(.post, "Invoices/\(id)", #"{Invoices: [{Status: "VOIDED"}]}"#) == [said])
        let payment =
            #"{Payments: [{Invoice: {InvoiceID: "\#(id)"}, Account: {Code: "611"}, Date: "2026-11-14", Amount: 1}]}"#
        #expect(try desk.refusal(.put, "Payments", payment) == [said])
        #expect(try desk.refusal(.put, "Invoices", try Self.body(document: "", line: "")) == [said])
        let organisation = try desk.reopened().call(.get, "Organisation").member("Organisations")?[0]
        #expect(organisation?["PeriodLockDate"] == "/Date(1794614400000+0000)/")
        desk.twin.setLockDate(nil)
        try desk.call(.put, "Payments", payment)
        #expect(try desk.call(.get, "Organisation").member("Organisations")?[0]?["PeriodLockDate"] == nil)
    }

    @Test("with summarizeErrors=false the good elements are saved and each one answers in its place")
    func partial() throws {
        let desk = try XeroDesk()
        let good = #"{Type: "ACCREC", Contact: {Name: "c"}, InvoiceNumber: "a", LineItems: [{Description: "x"}]}"#
        let bad = #"{Type: "ACCREC", Contact: {Name: "d"}, InvoiceNumber: "b", Date: "2026-11-14", LineItems: []}"#
        let other = #"{Type: "ACCREC", Contact: {Name: "c"}, InvoiceNumber: "c", LineItems: [{Description: "x"}]}"#
        let answer = try desk.call(.put, "Invoices?summarizeErrors=false", "{Invoices: [\(good), \(bad), \(other)]}")
        let expected = try JSON(
            json5: """
                [{InvoiceNumber: "a", StatusAttributeString: "OK", HasErrors: false},
                 {InvoiceNumber: "b", StatusAttributeString: "ERROR", HasErrors: true, InvoiceID: "00000000-0000-0000-0000-000000000000",
                  Date: "/Date(1794614400000+0000)/", ValidationErrors: [{Message: "One or more line items must be specified"}]},
                 {InvoiceNumber: "c", StatusAttributeString: "OK", HasErrors: false}]
                """)
        #expect(xeroMissing(expected, in: answer["Invoices"]) == [])
        #expect(desk.twin.entries().count == 2)
    }

    @Test("by default one bad element refuses the call and takes the good ones back, contacts too")
    func whole() throws {
        let desk = try XeroDesk()
        let good = #"{Type: "ACCREC", Contact: {Name: "New one"}, InvoiceNumber: "a", LineItems: [{Description: "x"}]}"#
        let bad = #"{Type: "ACCREC", Contact: {Name: "d"}, InvoiceNumber: "b", LineItems: []}"#
        let answer = try desk.call(.put, "Invoices", "{Invoices: [\(good), \(bad)]}", status: 400)
        let expected = try JSON(
            json5: """
                {ErrorNumber: 10, Type: "ValidationException", Message: "A validation exception occurred", Elements: [
                  {InvoiceNumber: "b", LineItems: [], ValidationErrors: [{Message: "One or more line items must be specified"}]}]}
                """)
        #expect(xeroMissing(expected, in: answer) == [])
        #expect(desk.twin.entries().isEmpty)
        #expect(try desk.call(.get, "Contacts")["Contacts"] == [])
        try desk.call(.put, "Invoices", "{Invoices: [\(good)]}")
    }

    @Test("a number used twice in one batch is refused the second time")
    func batchDuplicate() throws {
        let desk = try XeroDesk()
        let one = #"{Type: "ACCREC", Contact: {Name: "c"}, InvoiceNumber: "a", LineItems: [{Description: "x"}]}"#
        let answer = try desk.call(.put, "Invoices?summarizeErrors=false", "{Invoices: [\(one), \(one)]}")
        #expect(answer["Invoices"]?[0]?["HasErrors"]?.bool == false)
        #expect(answer["Invoices"]?[1]?["ValidationErrors"]?[0]?["Message"] == "Invoice # must be unique.")
    }

    @Test(
        "enormous numbers are refused, not trapped over",
        arguments: [
            "Quantity: 9999999999, UnitAmount: 9999999999", "Quantity: 10000000000, UnitAmount: 1",
            "Quantity: 1e30, UnitAmount: 1",
            "Quantity: 1, UnitAmount: 10, TaxAmount: 99999999999999, TaxType: \"OUTPUT2\"",
            "Quantity: 1, UnitAmount: 10, LineAmount: 123456789012345678901234567890",
        ])
    func enormous(_ line: String) throws {
        let desk = try XeroDesk()
        #expect(try desk.raw(.put, "Invoices", try Self.body(document: "", line: line)).status == 400)
        let tiny = try Self.body(
            document: #"CurrencyCode: "EUR", CurrencyRate: 0.000001"#, line: "Quantity: 99999, UnitAmount: 9999999")
        #expect(try desk.raw(.put, "Invoices", tiny).status == 400)
    }
}
