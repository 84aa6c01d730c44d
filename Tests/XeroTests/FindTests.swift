import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct FindTests {
    /// Xero's own sample of an invoice, with our number, contact and account.
    static func invoice(_ n: Int = 1, id: Int = 41, total: String = "10.00", more: String = "\"Status\":\"AUTHORISED\"")
        -> String
    {
        """
        {"Type":"ACCREC","InvoiceID":"\(guid(id))","InvoiceNumber":"\(key(n))","Reference":"cf:\(key(n)) order 1","Payments":[],
        "AmountDue":\(total),"CurrencyRate":1.000000,"HasErrors":false,"Contact":{"ContactID":"\(contact)","Name":"Shop customers"},
        "DateString":"2026-11-14T00:00:00","Date":"/Date(1794614400000+0000)/","DueDate":"/Date(1794614400000+0000)/",
        "LineAmountTypes":"Exclusive","LineItems":[{"LineItemID":"\(guid(1))","Description":"Mug","Quantity":1.0000,"UnitAmount":10.0000,
        "LineAmount":\(total),"TaxAmount":0.00,"TaxType":"NONE","AccountCode":"200","Tracking":[]}],
        "SubTotal":\(total),"TotalTax":0.00,"Total":\(total),"UpdatedDateUTC":"/Date(1763640000000+0000)/","CurrencyCode":"GBP",\(more)}
        """
    }

    static func list(_ collection: String, _ rows: [String]) -> HTTPResponse {
        answer("{\"Id\":\"x\",\"Status\":\"OK\",\"\(collection)\":[\(rows.joined(separator: ","))]}")
    }

    static func paid(
        _ n: Int, id: Int, amount: String = "10.00", type: String = "ACCRECPAYMENT", status: String = "AUTHORISED"
    ) -> String {
        """
        {"PaymentID":"\(guid(id))","Date":"/Date(1794614400000+0000)/","BankAmount":\(amount),"Amount":\(amount),"Reference":"cf:\(key(n)) transaction \(n)",
        "CurrencyRate":1.000000,"PaymentType":"\(type)","Status":"\(status)","HasAccount":true,"Account":{"AccountID":"\(guid(6))","Code":"611"},
        "Invoice":{"InvoiceID":"\(guid(77))","CurrencyCode":"GBP","LineItems":[]}}
        """
    }

    /// What a person would call different, as confirm sees it.
    static func differences(_ a: LedgerReadback, _ b: LedgerReadback) -> [String] {
        var out: [String] = []
        if a.voided != b.voided { out.append("voided") }
        if a.total_minor != b.total_minor { out.append("total") }
        if let x = a.tax_minor, let y = b.tax_minor, x != y { out.append("tax") }
        if a.date != b.date { out.append("date") }
        if let x = a.currency, let y = b.currency, x != y { out.append("currency") }
        if let x = a.party, let y = b.party, x != y { out.append("party") }
        if a.key != b.key { out.append("key") }
        for account in Set(a.accounts.keys).union(b.accounts.keys)
        where a.accounts[account] ?? 0 != b.accounts[account] ?? 0 { out.append(account) }
        return out
    }

    @Test("what credit settles of an invoice is told from what was paid on it")
    func credited() throws {
        let row = Self.invoice(more: "\"Status\":\"PAID\",\"AmountPaid\":4.00,\"AmountCredited\":6.00").replacing("\"AmountDue\":10.00", with: "\"AmountDue\":0.00")
        let (end, _) = drive(connector.find([simple(1)], facts), [Self.list("Invoices", [row])])
        let seen = try #require(end.output?[key(1)])
        #expect(seen.open_minor == 0 && seen.credited_minor == 600 && seen.total_minor == 1_000)
    }

    @Test("an invoice is found by its number and reads back as it was meant")
    func findsInvoice() throws {
        let (end, calls) = drive(
            connector.find([simple(1), simple(2)], facts), [Self.list("Invoices", [Self.invoice()])])
        let call = try #require(calls.first)
        #expect(call.kind == .read)
        #expect(call.request.path == "/api.xro/2.0/Invoices")
        #expect(call.request.query("InvoiceNumbers") == "0000000000000001,0000000000000002")
        #expect(call.request.query("page") == "1")
        let found = try #require(end.output)
        #expect(found.count == 1)
        let seen = try #require(found[key(1)])
        #expect(seen.remoteID == guid(41))
        #expect(seen.date == day)
        #expect(seen.accounts == ["200": -1000])
        #expect(Self.differences(connector.meant(simple(1)), seen) == [])
        var other = simple(1)
        other.lines[1].account.code = "201"
        #expect(Self.differences(connector.meant(other), seen).sorted() == ["200", "201"])
    }

    @Test("what is owed on an invoice and what is left of a credit note are told; where Xero does not say, nobody knows")
    func owed() throws {
        let note = document(.creditNote, [line(.goods, "returns_allowances", 1000, "206"), control(-1000)])
        func left(_ more: String) throws -> Int64? {
            let row = Self.invoice(more: "\"CreditNoteID\":\"\(guid(41))\",\"CreditNoteNumber\":\"\(key(1))\",\"Status\":\"AUTHORISED\"\(more)")
            return try XeroConnector.readback(try JSONDocument(parsing: Array(row.utf8)).root, .creditNotes, of: note).open_minor
        }
        #expect(try left(",\"RemainingCredit\":2.50") == 250)
        #expect(try left(",\"RemainingCredit\":0.00") == 0)
        #expect(try left("") == nil)
        let invoice = try XeroConnector.readback(try JSONDocument(parsing: Array(Self.invoice().utf8)).root, .invoices, of: simple(1))
        #expect(invoice.open_minor == 1_000)
    }

    @Test("tax, discount and fees read back to the account")
    func readsTax() throws {
        let note = document(
            .creditNote,
            [
                line(.goods, "returns_allowances", 2000, "206", tax: "GB@20", type: "OUTPUT2", group: "L1"),
                vat(400, group: "L1"),
                line(.fee, "restocking_fee_income", -250, "211", tax: "GB@20", type: "OUTPUT2", group: "fee"),
                vat(-50, group: "fee"), control(-2100),
            ], remoteID: guid(61))
        let row = """
            {"CreditNoteID":"\(guid(61))","CreditNoteNumber":"\(key())","Type":"ACCRECCREDIT","Status":"AUTHORISED","Date":"/Date(1794614400000+0000)/",
            "CurrencyCode":"GBP","Contact":{"ContactID":"\(contact)"},"SubTotal":17.5,"TotalTax":3.5,"Total":21.0,"LineAmountTypes":"Exclusive",
            "LineItems":[{"LineAmount":20.00,"TaxAmount":4.00,"AccountCode":"206"},{"LineAmount":-2.50,"TaxAmount":-0.5,"AccountCode":"211"}]}
            """
        let (end, calls) = drive(connector.fetch([note], facts), [Self.list("CreditNotes", [row])])
        #expect(calls.first?.request.path == "/api.xro/2.0/CreditNotes/\(guid(61))")
        let seen = try #require(end.output?[key()])
        #expect(seen.tax_minor == 350)
        #expect(seen.accounts == ["206": 2000, "211": -250])
        #expect(Self.differences(connector.meant(note), seen) == [])
        // Somebody switched it to amounts with tax: the net is still the net.
        let inclusive = row.replacing("\"Exclusive\"", with: "\"Inclusive\"").replacing("20.00,", with: "24.00,")
            .replacing("-2.50", with: "-3.00")
        #expect(
            drive(connector.fetch([note], facts), [Self.list("CreditNotes", [inclusive])]).end.output?[key()]?.accounts
                == ["206": 2000, "211": -250])
    }

    @Test("one credit note is asked for by its number, and 404 means that it is not there")
    func creditNoteByNumber() throws {
        let note = document(.creditNote, [line(.goods, "returns_allowances", 1000, "206"), control(-1000)])
        let (end, calls) = drive(
            connector.find([note], facts), [answer("The resource you're looking for cannot be found", status: 404)])
        #expect(calls.first?.request.path == "/api.xro/2.0/CreditNotes/0000000000000001")
        #expect(try #require(end.output).isEmpty)
    }

    @Test("several credit notes are asked for ten in a call, payments each alone, because their references have no index for more")
    func conditions() throws {
        let notes = (1 ... 11).map {
            document(.creditNote, [line(.goods, "r", 1000, "206"), control(-1000)], key: key($0))
        }
        let empty = Self.list("CreditNotes", [])
        let (end, calls) = drive(connector.find(notes, facts), [empty, empty])
        #expect(try #require(end.output).isEmpty)
        #expect(calls.map { $0.request.query("where")?.split(separator: " OR ").count } == [10, 1])
        #expect(calls[1].request.query("where") == "CreditNoteNumber==\"0000000000000011\"")
        let pays = drive(connector.find([payment(1), payment(2)], facts), [Self.list("Payments", [])]).calls
        #expect(
            pays.map { $0.request.query("where") } == [
                "Reference==\"cf:0000000000000001 transaction 1\"", "Reference==\"cf:0000000000000002 transaction 2\"",
            ])
        #expect(pays[0].request.target.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "\"") })
    }

    @Test("payments are found by their reference and read back with their account's side")
    func payments() throws {
        let rows = [Self.list("Payments", [Self.paid(1, id: 51)]), Self.list("Payments", [Self.paid(2, id: 52, type: "ARCREDITPAYMENT")])]
        let back = refund(2)
        let found = try #require(drive(connector.find([payment(1), back], facts), rows).end.output)
        #expect(found[key(1)]?.accounts == ["611": 1000])
        #expect(found[key(2)]?.accounts == ["611": -1000])
        #expect(found[key(1)]?.party == nil)
        #expect(Self.differences(connector.meant(payment(1)), try #require(found[key(1)])) == [])
        #expect(Self.differences(connector.meant(back), try #require(found[key(2)])) == [])
        // Money that went the other way is a difference.
        let wrong = try #require(
            drive(
                connector.find([payment(1)], facts),
                [Self.list("Payments", [Self.paid(1, id: 5, type: "ARCREDITPAYMENT")])]
            ).end.output)
        #expect(Self.differences(connector.meant(payment(1)), try #require(wrong[key(1)])) == ["611"])
    }

    @Test("a live document is preferred to a voided one with the same number, and bills with our number are not ours")
    func live() throws {
        let voided = Self.invoice(id: 40, more: "\"Status\":\"VOIDED\"")
        let bill = Self.invoice(id: 39).replacing("ACCREC", with: "ACCPAY")
        let found = drive(connector.find([simple()], facts), [Self.list("Invoices", [bill, voided, Self.invoice()])])
            .end.output
        #expect(found?[key()]?.remoteID == guid(41))
        #expect(found?[key()]?.voided == false)
        let only = drive(connector.find([simple()], facts), [Self.list("Invoices", [voided])]).end.output
        #expect(only?[key()]?.voided == true)
        #expect(drive(connector.find([simple()], facts), [Self.list("Invoices", [bill])]).end.output?.isEmpty == true)
        // What we know by its id is ours even if another one has effect.
        let known = drive(
            connector.find([simple(remoteID: guid(40))], facts), [Self.list("Invoices", [Self.invoice(), voided])]
        ).end.output
        #expect(known?[key()]?.remoteID == guid(40))
    }

    @Test("documents are fetched by id, forty in a call, with a page so that lines come with them")
    func fetches() throws {
        let many = (1 ... 41).map { simple($0, remoteID: guid($0)) }
        let (end, calls) = drive(
            connector.fetch(many, facts),
            [
                Self.list("Invoices", (1 ... 40).map { Self.invoice($0, id: $0) }), Self.list("Invoices", []),
            ])
        #expect(calls.map { $0.request.query("IDs")?.split(separator: ",").count } == [40, 1])
        #expect(calls.allSatisfy { $0.request.query("page") == "1" && $0.request.query("pageSize") == "100" })
        let found = try #require(end.output)
        #expect(found.count == 40)
        #expect(found[key(41)] == nil)
        let pays = drive(connector.fetch([payment(1, remoteID: guid(51)), payment(2, remoteID: guid(52))], facts)).calls
        #expect(
            pays[0].request.query("where") == "PaymentID==guid(\"\(guid(51))\") OR PaymentID==guid(\"\(guid(52))\")")
        let one = drive(
            connector.fetch([payment(1, remoteID: guid(51))], facts),
            [Self.list("Payments", [Self.paid(1, id: 51, status: "DELETED")])])
        #expect(one.calls[0].request.target == "/api.xro/2.0/Payments/\(guid(51))")
        #expect(one.end.output?[key(1)]?.voided == true)
    }

    @Test("documents of several kinds are asked for one kind after the other")
    func kinds() throws {
        let note = document(
            .creditNote, [line(.goods, "r", 1000, "206"), control(-1000)], key: key(2), remoteID: guid(2))
        let (end, calls) = drive(
            connector.fetch([payment(3, remoteID: guid(3)), note, simple(1, remoteID: guid(1))], facts),
            [
                Self.list("Invoices", [Self.invoice(1, id: 1)]), answer("", status: 404),
                Self.list("Payments", [Self.paid(3, id: 3)]),
            ])
        #expect(calls.map { $0.request.path.split(separator: "/")[2] } == ["Invoices", "CreditNotes", "Payments"])
        #expect(Set(try #require(end.output).keys) == [key(1), key(3)])
    }

    @Test("journals are found by their day and narration, page after page")
    func journals() throws {
        let tips = document(
            .journal, [line(.control, "tips_payable", 500, "832"), line(.tender, "cash", -500, "612")], total: 500)
        let row = """
            {"ManualJournalID":"\(guid(71))","Narration":"cf:\(key()) tips","Date":"/Date(1794614400000+0000)/","Status":"POSTED",
            "JournalLines":[{"LineAmount":5.00,"AccountCode":"832"},{"LineAmount":-5.00,"AccountCode":"612"}]}
            """
        let other =
            "{\"ManualJournalID\":\"\(guid(70))\",\"Narration\":\"rent\",\"Date\":\"/Date(1794614400000+0000)/\",\"JournalLines\":[]}"
        let (end, calls) = drive(
            connector.find([tips], facts),
            [
                Self.list("ManualJournals", Array(repeating: other, count: 100)), Self.list("ManualJournals", [row]), Self.list("BankTransactions", []),
            ])
        #expect(calls.map { $0.request.query("page") } == ["1", "2", "1"])
        #expect(calls[0].request.query("where") == "Date==DateTime(2026,11,14)")
        #expect(Self.differences(connector.meant(tips), try #require(end.output?[key()])) == [])
    }

    @Test(
        "an answer that does not say that nothing is there is not taken for it",
        arguments: [
            "", "{}", "{\"Invoices\":null}", "{\"Invoices\":{}}", "[]", "{\"Status\":\"OK\"}",
        ])
    func notEmpty(_ text: String) {
        let fault = drive(connector.find([simple()], facts), [answer(text)]).end.fault
        #expect(fault?.disposition == .retry || fault?.code == "malformed_json")
    }

    @Test(
        "amounts are read exactly or not at all",
        arguments: [
            ("10.001", false), ("1e3", true), ("10.0", true), ("10", true), ("\"10.00\"", true),
            ("99999999999999999999.00", false), ("null", false),
            ("true", false), ("1e30", false), ("10000000000.01", false),
        ])
    func amounts(_ text: String, _ readable: Bool) {
        let row = Self.invoice().replacing("\"Total\":10.00", with: "\"Total\":\(text)")
        let end = drive(connector.find([simple()], facts), [Self.list("Invoices", [row])]).end
        #expect((end.output != nil) == readable)
        if !readable { #expect(end.fault?.code == "unreadable_answer") }
    }

    @Test("paging stops where the answer says so, and gives up on a list without end")
    func pages() {
        let row = "{\"Type\":\"ACCREC\",\"InvoiceID\":\"\(guid(1))\",\"InvoiceNumber\":\"x\"}"
        let two = { (page: Int) in
            answer(
                "{\"pagination\":{\"page\":\(page),\"pageSize\":100,\"pageCount\":2,\"itemCount\":2},\"Invoices\":[\(row)]}"
            )
        }
        #expect(drive(connector.find([simple()], facts), [two(1), two(2)]).calls.count == 2)
        let endless = Self.list("Invoices", Array(repeating: row, count: 100))
        let (end, calls) = drive(connector.find([simple()], facts), Array(repeating: endless, count: 200))
        #expect(calls.count == XeroLimits.pages)
        #expect(end.fault?.code == "unreadable_answer")
    }

    @Test(
        "only what starts with our mark is a key",
        arguments: [
            ("cf:0000000000000001", true), ("cf:0000000000000001 order", true), ("cf:0000000000000001x", false),
            ("xcf:0000000000000001", false),
            ("cf:000000000000000I order", false), ("cf:", false), ("", false),
        ])
    func keys(_ text: String, _ ours: Bool) throws {
        let view = try JSONDocument(parsing: JSON.object([("Reference", .string(text))]).bytes).root
        #expect((XeroConnector.key(of: view, .payments) != nil) == ours)
    }
}
