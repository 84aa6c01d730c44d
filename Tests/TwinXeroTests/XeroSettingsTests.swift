import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

@Suite struct XeroSettingsTests {
    @Test("the organisation is British, deals in pounds and is locked to the end of October")
    func organisation() throws {
        let expected = try JSON(
            json5: """
                {Organisations: [{Name: "Thames Pottery Ltd", Version: "UK", BaseCurrency: "GBP", CountryCode: "GB", Timezone: "GMTSTANDARDTIME",
                  OrganisationID: "aef86862-2015-4b6b-88bc-d89032cecc50", PeriodLockDate: "/Date(1793404800000+0000)/"}]}
                """)
        #expect(xeroMissing(expected, in: try XeroDesk().call(.get, "Organisation")) == [])
    }

    @Test("the chart of accounts is the sandbox's, with the same ids in every run")
    func chart() throws {
        let accounts = try XeroDesk(seed: 1).call(.get, "Accounts")["Accounts"]?.array ?? []
        let codes = Set(accounts.compactMap { $0["Code"]?.string })
        let agreed: Set<String> = [
            "090", "091", "610", "611", "612", "820", "831", "832", "200", "201", "202", "203", "205", "206", "210",
            "211", "212", "860",
        ]
        #expect(codes.isSuperset(of: agreed))
        let again = try XeroDesk(seed: 2).call(.get, "Accounts")["Accounts"]?.array ?? []
        #expect(accounts.compactMap { $0["AccountID"]?.string } == again.compactMap { $0["AccountID"]?.string })
        func account(_ code: String) -> JSON? { accounts.first { $0["Code"]?.string == code } }
        let clearing: JSON = ["Type": "CURRENT", "EnablePaymentsToAccount": true, "Class": "ASSET", "Status": "ACTIVE"]
        #expect(xeroMissing(clearing, in: account("611")) == [])
        #expect(xeroMissing(["Type": "BANK", "CurrencyCode": "EUR"], in: account("091")) == [])
        #expect(xeroMissing(["SystemAccount": "DEBTORS", "Type": "CURRENT"], in: account("610")) == [])
        #expect(xeroMissing(["SystemAccount": "GST", "Class": "LIABILITY"], in: account("820")) == [])
        #expect(xeroMissing(["SystemAccount": "ROUNDING"], in: account("860")) == [])
    }

    @Test("an account archived by the bookkeeper shows as archived, also after a restart")
    func archived() throws {
        let desk = try XeroDesk()
        desk.twin.setAccountActive("202", false)
        let query = "Accounts?where=" + Form.percent(#"Status=="ARCHIVED""#)
        #expect(xeroMissing([["Code": "202"]], in: try desk.call(.get, query)["Accounts"]) == [])
        #expect(xeroMissing([["Code": "202"]], in: try desk.reopened().call(.get, query)["Accounts"]) == [])
    }

    @Test("accounts can be made and archived by the API, system accounts not")
    func accountCalls() throws {
        let desk = try XeroDesk()
        let made = try desk.call(
            .put, "Accounts", #"{Code: "213", Name: "Gift wrap", Type: "REVENUE", TaxType: "OUTPUT2"}"#)
        let id = try #require(made.member("Accounts")?[0]?["AccountID"]?.string)
        try desk.call(.post, "Accounts/\(id)", #"{Accounts: [{Status: "ARCHIVED"}]}"#)
        #expect(
            try desk.refusal(.put, "Accounts", #"{Code: "213", Name: "Other", Type: "REVENUE"}"#) == [
                "Please enter a unique Code."
            ])
        let system = XeroSeed.id("xero account 610")
        #expect(
            try desk.refusal(.post, "Accounts/\(system)", #"{Status: "ARCHIVED"}"#) == [
                "You cannot archive a system account"
            ])
    }

    @Test("the tax rates are the United Kingdom's")
    func taxRates() throws {
        let rates = try XeroDesk().call(.get, "TaxRates")["TaxRates"]?.array ?? []
        func rate(_ type: String) -> JSON? { rates.first { $0["TaxType"]?.string == type } }
        #expect(rate("OUTPUT2")?["EffectiveRate"] == .number("20.0000"))
        #expect(rate("RROUTPUT")?["EffectiveRate"] == .number("5.0000"))
        #expect(rate("ZERORATEDOUTPUT")?["EffectiveRate"] == .number("0.0000"))
        #expect(xeroMissing(["CanApplyToExpenses": true, "CanApplyToRevenue": true], in: rate("NONE")) == [])
        #expect(xeroMissing(["CanApplyToExpenses": false, "CanApplyToRevenue": true], in: rate("OUTPUT2")) == [])
    }

    @Test("pounds and euros are dealt in; a further currency is added once")
    func currencies() throws {
        let desk = try XeroDesk()
        try desk.call(.put, "Currencies", #"{Code: "USD"}"#)
        try desk.call(.put, "Currencies", #"{Code: "USD"}"#)
        let codes = (try desk.reopened().call(.get, "Currencies")["Currencies"]?.array ?? []).compactMap {
            $0["Code"]?.string
        }
        #expect(codes == ["GBP", "EUR", "USD"])
    }

    @Test("a third tracking category and a second option of one name are refused")
    func tracking() throws {
        let desk = try XeroDesk()
        let made = try desk.call(.put, "TrackingCategories", #"{Name: "Region"}"#)
        try desk.call(.put, "TrackingCategories", #"{Name: "Team"}"#)
        #expect(
            try desk.refusal(.put, "TrackingCategories", #"{Name: "Third"}"#) == [
                "Only 2 active tracking categories are allowed"
            ])
        let id = try #require(made.member("TrackingCategories")?[0]?["TrackingCategoryID"]?.string)
        try desk.call(.put, "TrackingCategories/\(id)/Options", #"{Name: "North"}"#)
        #expect(try desk.refusal(.put, "TrackingCategories/\(id)/Options", #"{Name: "NORTH"}"#).count == 1)
        let options = try desk.reopened().call(.get, "TrackingCategories/\(id)").member("TrackingCategories")?[0]?[
            "Options"]
        #expect(xeroMissing([["Name": "North", "Status": "ACTIVE"]], in: options) == [])
    }

    @Test("contact names are unique among the active, numbers among all")
    func contacts() throws {
        let desk = try XeroDesk()
        let made = try desk.call(
            .put, "Contacts", #"{Contacts: [{Name: "Ann", ContactNumber: "c-1", EmailAddress: "ann@example.org"}]}"#)
        let id = try #require(made.member("Contacts")?[0]?["ContactID"]?.string)
        #expect(
            try desk.refusal(.put, "Contacts", #"{Contacts: [{Name: "ANN"}]}"#) == [
                "The contact name ANN is already assigned to another contact. The contact name must be unique across all active contacts."
            ])
        #expect(try desk.refusal(.put, "Contacts", #"{Contacts: [{Name: "Bob", ContactNumber: "C-1"}]}"#).count == 1)
        #expect(try desk.call(.get, "Contacts/c-1").member("Contacts")?[0]?["ContactID"]?.string == id)
        let upserted = try desk.call(.post, "Contacts", #"{Contacts: [{Name: "ann", FirstName: "Ann"}]}"#).member(
            "Contacts")?[0]
        #expect(
            xeroMissing(["ContactID": .string(id), "FirstName": "Ann", "EmailAddress": "ann@example.org"], in: upserted)
                == [])
        #expect(try desk.call(.get, "Contacts?searchTerm=EXAMPLE.org")["Contacts"]?.array?.count == 1)
        #expect(
            try desk.call(.get, "Contacts?where=" + Form.percent("ContactNumber==\"c-1\""))["Contacts"]?.array?.count
                == 1)
        try desk.call(.post, "Contacts/\(id)", #"{Contacts: [{ContactStatus: "ARCHIVED"}]}"#)
        #expect(try desk.call(.get, "Contacts")["Contacts"] == [])
        #expect(try desk.call(.get, "Contacts?includeArchived=true")["Contacts"]?.array?.count == 1)
        #expect(
            try desk.refusal(.post, "Contacts/\(id)", #"{Contacts: [{Name: "Eve"}]}"#) == [
                "The specified contact details matched an archived contact. Archived contacts cannot currently be edited via the API."
            ])
        try desk.call(.put, "Contacts", #"{Contacts: [{Name: "Ann"}]}"#)
    }

    @Test("an archived contact can't be on a document; a contact given by name is found or made once")
    func contactOfDocument() throws {
        let desk = try XeroDesk()
        try desk.invoice("a", "1.00")
        try desk.invoice("b", "1.00")
        let rows = try desk.call(.get, "Contacts")["Contacts"]?.array ?? []
        #expect(rows.compactMap { $0["Name"]?.string } == ["Shop customers"])
        #expect(rows[0]["IsCustomer"]?.bool == true)
        let id = try #require(rows[0]["ContactID"]?.string)
        try desk.call(.post, "Contacts/\(id)", #"{Contacts: [{ContactStatus: "ARCHIVED"}]}"#)
        let body = #"{Type: "ACCREC", Contact: {ContactID: "\#(id)"}, LineItems: [{Description: "x"}]}"#
        #expect(try desk.refusal(.put, "Invoices", body) == [XeroState.archivedContact])
    }

    @Test("item codes are unique and short; POST changes the item of that code")
    func items() throws {
        let desk = try XeroDesk()
        try desk.call(
            .put, "Items",
            #"{Items: [{Code: "abc", Name: "Mug", SalesDetails: {UnitPrice: 5.5, AccountCode: "200", TaxType: "OUTPUT2"}}]}"#
        )
        #expect(
            try desk.refusal(.put, "Items", #"{Items: [{Code: "abc"}]}"#) == [
                "Price List Item with Code 'abc' already exists"
            ])
        let changed = try desk.call(.post, "Items", #"{Items: [{Code: "abc", Name: "Cup"}]}"#).member("Items")?[0]
        #expect(changed?["Name"]?.string == "Cup" && changed?["SalesDetails"]?["UnitPrice"] == .number("5.50"))
        let long = String(repeating: "c", count: 31)
        #expect(
            try desk.refusal(.put, "Items", #"{Items: [{Code: "\#(long)"}]}"#) == ["Code must not exceed 30 characters"]
        )
        #expect(
            try desk.refusal(.put, "Items", #"{Items: [{Code: "d", Name: "\#(long)\#(long)"}]}"#) == [
                "Name must not exceed 50 characters"
            ])
        #expect(try desk.reopened().call(.get, "Items/abc").member("Items")?[0]?["Code"]?.string == "abc")
    }

    @Test("a manual journal balances, has words, and stays off bank, debtors and creditors")
    func journals() throws {
        let desk = try XeroDesk()
        func body(_ a: String, _ b: String, account: String = "611", narration: String = "Daily sales 2026-11-20")
            -> String
        {
            """
            {ManualJournals: [{Narration: "\(narration)", Date: "2026-11-20", Status: "POSTED", LineAmountTypes: "NoTax", JournalLines: [
              {LineAmount: \(a), AccountCode: "\(account)", Description: "Cash", TaxType: "NONE"}, {LineAmount: \(b), AccountCode: "200"}]}]}
            """
        }
        let posted = try desk.call(.put, "ManualJournals", body("100.00", "-100.00")).member("ManualJournals")?[0]
        let expected = try JSON(
            json5: """
                {Status: "POSTED", LineAmountTypes: "NoTax", Narration: "Daily sales 2026-11-20", ShowOnCashBasisReports: true,
                 Date: "/Date(1795132800000+0000)/", JournalLines: [{LineAmount: 100.00, AccountCode: "611", Description: "Cash", TaxType: "NONE"},
                 {LineAmount: -100.00, AccountCode: "200"}]}
                """)
        #expect(xeroMissing(expected, in: posted) == [])
        #expect(
            try desk.refusal(.put, "ManualJournals", body("100.00", "-10.00"))
                == ["The total debits (100.00) must equal total credits (-10.00)"])
        #expect(try desk.refusal(.put, "ManualJournals", body("1", "-1", narration: "")) == ["Narration is required"])
        for code in ["090", "610", "800", "999"] {
            #expect(
                try desk.refusal(.put, "ManualJournals", body("1", "-1", account: code))
                    == ["Account code '\(code)' is not a valid code for this document."])
        }
        try desk.call(.put, "ManualJournals", body("0", "0"))
        let id = try #require(posted?["ManualJournalID"]?.string)
        #expect(try desk.refusal(.post, "ManualJournals/\(id)", #"{ManualJournals: [{Status: "DELETED"}]}"#).count == 1)
        try desk.call(.post, "ManualJournals/\(id)", #"{ManualJournals: [{Status: "VOIDED"}]}"#)
        #expect(desk.twin.entries().first { $0.id == id }?.live == false)
    }

    @Test("money received goes into the bank with its tax, and can be deleted")
    func bankTransactions() throws {
        let desk = try XeroDesk()
        let body = """
            {BankTransactions: [{Type: "RECEIVE", Contact: {Name: "Shop customers"}, BankAccount: {Code: "090"}, Reference: "SO-1",
              Date: "2026-11-20", LineAmountTypes: "Inclusive", LineItems: [
               {Description: "Mug", Quantity: 1, UnitAmount: 12, AccountCode: "200", TaxType: "OUTPUT2"}]}]}
            """
        let made = try desk.call(.put, "BankTransactions", body).member("BankTransactions")?[0]
        #expect(xeroMissing(["Type": "RECEIVE", "Status": "AUTHORISED", "Reference": "SO-1"], in: made) == [])
        let entry = try #require(desk.twin.entries().first)
        #expect(entry.lines.map(\.account) == ["090", "200", "820"])
        #expect(entry.lines.map(\.minor) == [1200, -1000, -200])
        let id = try #require(made?["BankTransactionID"]?.string)
        try desk.call(.post, "BankTransactions/\(id)", #"{Status: "DELETED"}"#)
        #expect(desk.twin.entries().first?.live == false)
        #expect(
            try desk.refusal(.put, "BankTransactions", body.replacing("\"090\"", with: "\"611\""))
                == ["BankAccount must be an active bank account"])
    }
}
