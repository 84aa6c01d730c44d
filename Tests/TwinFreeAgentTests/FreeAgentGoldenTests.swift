import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

/// The vendor's own samples: what is sent is theirs, and so is what must come back, but for numbers that depend on what was there before.
@Suite struct FreeAgentGoldenTests {
    private func differences(_ desk: FreeAgentDesk, _ answer: JSON, _ expected: String) throws -> [String] { freeAgentMissing(try JSON(json5: expected), in: answer) }

    /// Source: dev.freeagent.com/docs/credit_notes, "Create a credit note".
    @Test("a credit note comes back as in the vendor's sample, and opens when it is sent")
    func creditNote() throws {
        let desk = try FreeAgentDesk()
        desk.now = try #require(Timestamp(rfc3339: "2020-01-01T11:42:38Z"))
        try desk.connect()
        let sent = """
            {credit_note: {contact: "https://api.freeagent.com/v2/contacts/2", dated_on: "2020-01-01", reference: "001", payment_terms_in_days: 0,
              credit_note_items: [{description: "Refund", item_type: "Hours", price: "-100.0", quantity: "1.0", sales_tax_rate: "20.0",
                category: "https://api.freeagent.com/v2/categories/001"}]}}
            """
        let answer = try desk.call(.post, "credit_notes", sent)
        let expected = """
            {credit_note: {url: "https://api.freeagent.com/v2/credit_notes/1", contact: "https://api.freeagent.com/v2/contacts/2", dated_on: "2020-01-01",
              due_on: "2020-01-01", reference: "001", currency: "GBP", exchange_rate: "1.0", net_value: "-100.0", sales_tax_value: "-20.0",
              involves_sales_tax: true, is_interim_uk_vat: false, total_value: "-120.0", refunded_value: "0.0", due_value: "-120.0", status: "Draft",
              long_status: "Draft", omit_header: false, payment_terms_in_days: 0, created_at: "2020-01-01T11:42:38.000Z",
              bank_account: "https://api.freeagent.com/v2/bank_accounts/1", credit_note_items: [{url: "https://api.freeagent.com/v2/invoice_items/1",
                position: 1, description: "Refund", item_type: "Hours", price: "-100.0", quantity: "1.0", sales_tax_rate: "20.0",
                suffers_cis_deduction: false, sales_tax_status: "TAXABLE", category: "https://api.freeagent.com/v2/categories/001"}]}}
            """
        #expect(try differences(desk, answer, expected) == [])
        try desk.call(.put, "credit_notes/1/transitions/mark_as_sent")
        let open = try differences(desk, try desk.shown("credit_note", "1"), #"{status: "Open", long_status: "Open – due today"}"#)
        #expect(open == [])
    }

    /// Source: dev.freeagent.com/docs/sales_tax, "Invoices".
    @Test("tax is what the rate of each line says, and a sum that is sent for the header counts for nothing")
    func salesTax() throws {
        let desk = try FreeAgentDesk()
        let sent = """
            {invoice: {contact: "https://api.freeagent.com/v2/contacts/2", dated_on: "2019-12-12T00:00:00+00:00", due_on: "2019-12-17T00:00:00+00:00",
              reference: "003", currency: "GBP", exchange_rate: "1.0", net_value: "0.0", status: "Draft", comments: "An example invoice comment.",
              omit_header: false, payment_terms_in_days: 5, ec_status: "EC Goods", sales_tax_value: "99.0",
              invoice_items: [{description: "Test InvoiceItem", item_type: "Hours", price: "100.0", quantity: "1.0", sales_tax_rate: "20"}]}}
            """
        let answer = try desk.call(.post, "invoices", sent)
        let expected = """
            {invoice: {dated_on: "2019-12-12", due_on: "2019-12-17", net_value: "100.0", sales_tax_value: "20.0", total_value: "120.0", paid_value: "0.0",
              due_value: "120.0", status: "Draft", ec_status: "EC Goods", comments: "An example invoice comment."}}
            """
        #expect(try differences(desk, answer, expected) == [])
    }

    /// Source: api-discuss.freeagent.com, topic 335, "Setting the category of an invoice item".
    @Test("an attribute that there is none of is passed over, a date may begin with the day, and the category is Sales where none is named")
    func unknownAttribute() throws {
        let desk = try FreeAgentDesk()
        try desk.call(.put, "contacts/2", #"{contact: {charge_sales_tax: "Never"}}"#)
        let sent = """
            {invoice: {contact: "https://api.freeagent.com/v2/contacts/2", dated_on: "16-11-2015", payment_terms_in_days: "29", ec_status: "UK/Non-EC",
              invoice_items: [{description: "Test InvoiceItem", item_type: "Hours", price: "1.0", quantity: "1.0", category_id: "299087"}]}}
            """
        let expected = """
            {invoice: {always_show_bic_and_iban: false, send_reminder_emails: false, exchange_rate: "1.0", due_on: "2015-12-15", is_interim_uk_vat: false,
              payment_terms_in_days: 29, net_value: "1.0", status: "Draft", total_value: "1.0", dated_on: "2015-11-16", currency: "GBP",
              invoice_items: [{category: "https://api.freeagent.com/v2/categories/001", description: "Test InvoiceItem", price: "1.0", item_type: "Hours",
                position: 1, quantity: "1.0"}]}}
            """
        #expect(try differences(desk, try desk.call(.post, "invoices", sent), expected) == [])
    }

    /// Source: dev.freeagent.com/docs/credit_note_reconciliations, "Create"; api-discuss.freeagent.com, topic 2386, for the way there.
    @Test("a credit note settles an invoice as the vendor's staff show it")
    func reconciliation() throws {
        let desk = try FreeAgentDesk()
        for (kind, price, reference) in [("invoice", "100.0", "API_REF_001"), ("credit_note", "-50.0", "CREDIT API_REF_001")] {
            let sent = """
                {\(kind): {contact: "https://api.freeagent.com/v2/contacts/1", dated_on: "2021-03-10", due_on: "2021-04-10", reference: "\(reference)",
                  \(kind)_items: [{description: "Hammers", item_type: "Hours", price: "\(price)", quantity: "1.0", sales_tax_rate: "0.0"}]}}
                """
            try desk.call(.post, "\(kind)s", sent)
            try desk.call(.put, "\(kind)s/1/transitions/mark_as_sent")
        }
        let answer = try desk.call(
            .post, "credit_note_reconciliations",
            """
            {credit_note_reconciliation: {gross_value: "3.0", dated_on: "2020-08-10", currency: "GBP", exchange_rate: "1.0",
              invoice: "https://api.freeagent.com/v2/invoices/1", credit_note: "https://api.freeagent.com/v2/credit_notes/1"}}
            """)
        let expected = """
            {credit_note_reconciliation: {url: "https://api.freeagent.com/v2/credit_note_reconciliations/1", gross_value: "3.0", dated_on: "2020-08-10",
              currency: "GBP", exchange_rate: "1.0", invoice: "https://api.freeagent.com/v2/invoices/1",
              credit_note: "https://api.freeagent.com/v2/credit_notes/1", updated_at: "2026-11-20T09:00:00.000Z", created_at: "2026-11-20T09:00:00.000Z"}}
            """
        #expect(try differences(desk, answer, expected) == [])
        #expect(try desk.shown("invoice", "1")["due_value"] == "97.0")
        #expect(try desk.shown("credit_note", "1")["due_value"] == "-47.0")
    }

    /// Source: dev.freeagent.com/docs/bank_transaction_explanations, "Create a bank transaction explanation".
    @Test("an explanation with a category bears the tax that its gross value contains")
    func explanation() throws {
        let desk = try FreeAgentDesk()
        let sent = """
            {bank_transaction_explanation: {bank_account: "https://api.freeagent.com/v2/bank_accounts/1", dated_on: "2019-05-01",
              description: "harness end-to-end e-business", category: "https://api.freeagent.com/v2/categories/285", gross_value: "-730.0"}}
            """
        let answer = try desk.call(.post, "bank_transaction_explanations", sent)
        let expected = """
            {bank_transaction_explanation: {bank_transaction: "https://api.freeagent.com/v2/bank_transactions/1",
              bank_account: "https://api.freeagent.com/v2/bank_accounts/1", dated_on: "2019-05-01", description: "harness end-to-end e-business",
              category: "https://api.freeagent.com/v2/categories/285", gross_value: "-730.0", sales_tax_status: "TAXABLE", sales_tax_rate: "20.0",
              sales_tax_value: "-121.67", is_deletable: true}}
            """
        #expect(try differences(desk, answer, expected) == [])
        #expect(desk.lines("bank_transaction_explanations/1") == ["285 60833", "750-1 -73000", "818 12167"])
    }

    /// Source: dev.freeagent.com/docs/journal_sets, "Create a journal set".
    @Test("a journal set comes back as in the vendor's sample")
    func journalSet() throws {
        let desk = try FreeAgentDesk()
        let entries = """
            [{category: "https://api.freeagent.com/v2/categories/001", description: "A Sales Correction", debit_value: "-123.45"},
             {category: "https://api.freeagent.com/v2/categories/901", user: "https://api.freeagent.com/v2/users/1",
              description: "Director's Capital Introduced", debit_value: "123.45"}]
            """
        let answer = try desk.call(
            .post, "journal_sets", #"{journal_set: {dated_on: "2011-07-28", description: "An example journal set", tag: "MYAPPTAG", journal_entries: \#(entries)}}"#)
        let expected = """
            {journal_set: {url: "https://api.freeagent.com/v2/journal_sets/1", dated_on: "2011-07-28", description: "An example journal set", tag: "MYAPPTAG",
              journal_entries: [{url: "https://api.freeagent.com/v2/journal_entries/1", category: "https://api.freeagent.com/v2/categories/001",
                description: "A Sales Correction", debit_value: "-123.45"}, {url: "https://api.freeagent.com/v2/journal_entries/2",
                category: "https://api.freeagent.com/v2/categories/901", user: "https://api.freeagent.com/v2/users/1",
                description: "Director's Capital Introduced", debit_value: "123.45"}]}}
            """
        #expect(try differences(desk, answer, expected) == [])
    }

    /// Source: dev.freeagent.com/docs/bills, "Get a single bill", with a category that is no stock.
    @Test("a bill's tax is in its gross value, and its net is shown as money that goes out")
    func bill() throws {
        let desk = try FreeAgentDesk()
        let sent = """
            {bill: {contact: "https://api.freeagent.com/v2/contacts/1", reference: "REF100", dated_on: "2020-09-14", due_on: "2020-10-14",
              bill_items: [{category: "https://api.freeagent.com/v2/categories/285", description: "Alex Gregory - Bill REF100", sales_tax_rate: "20.0",
                total_value: "100.0"}]}}
            """
        try desk.call(.post, "bills", sent)
        let expected = """
            {url: "https://api.freeagent.com/v2/bills/1", contact: "https://api.freeagent.com/v2/contacts/1", reference: "REF100", dated_on: "2020-09-14",
              due_on: "2020-10-14", currency: "GBP", total_value: "100.0", net_value: "-83.33", sales_tax_value: "-16.67", due_value: "100.0",
              is_paid_by_hire_purchase: false, bill_items: [{url: "https://api.freeagent.com/v2/bill_items/1", bill: "https://api.freeagent.com/v2/bills/1",
                description: "Alex Gregory - Bill REF100", quantity: "1.0", total_value: "100.0", total_value_ex_tax: "83.33", sales_tax_status: "TAXABLE",
                sales_tax_rate: "20.0", sales_tax_value: "-16.67"}]}
            """
        #expect(try differences(desk, try desk.shown("bill", "1"), expected) == [])
        #expect(desk.lines("bills/1") == ["285 8333", "796 -10000", "818 1667"])
    }

    /// Source: dev.freeagent.com/docs/price_list_items, "Create a price list item".
    @Test("a price list item comes back as in the vendor's sample")
    func priceListItem() throws {
        let desk = try FreeAgentDesk()
        let sent = #"{price_list_item: {code: "A001", description: "Apple", vat_status: "standard", price: "1.99", item_type: "Products", quantity: "1"}}"#
        let expected = """
            {price_list_item: {category: "https://api.freeagent.com/v2/categories/001", code: "A001", vat_status: "standard", description: "Apple",
              url: "https://api.freeagent.com/v2/price_list_items/1", sales_tax_rate: "0.0", price: "1.99", item_type: "Products",
              second_sales_tax_rate: "0.0", quantity: "1.0"}}
            """
        #expect(try differences(desk, try desk.call(.post, "price_list_items", sent), expected) == [])
        #expect(try desk.refusal(.post, "price_list_items", sent) == ["code has already been taken"])
    }

    /// Source: dev.freeagent.com/docs/categories, "Create an income category" and "Create a cost of sales category".
    @Test("categories are made in their ranges and come back as in the vendor's samples")
    func categories() throws {
        let desk = try FreeAgentDesk()
        let income = try desk.call(
            .post, "categories", #"{category: {description: "Custom Income Category", nominal_code: "047", category_group: "income"}}"#)
        let expected = """
            {income_categories: {url: "https://api.freeagent.com/v2/categories/047", description: "Custom Income Category",
              group_description: "Income (normally VATable)", nominal_code: "047", auto_sales_tax_rate: "Standard rate"}}
            """
        #expect(try differences(desk, income, expected) == [])
        let cost = try desk.call(
            .post, "categories",
            """
            {category: {description: "Custom Cost of Sales Category", nominal_code: "104", tax_reporting_name: "purchases", allowable_for_tax: true,
              auto_sales_tax_rate: "Standard rate", category_group: "cost_of_sales"}}
            """)
        let sample = """
            {cost_of_sales_categories: {description: "Custom Cost of Sales Category", group_description: "Cost of sales (normally VATable)",
              allowable_for_tax: true, tax_reporting_name: "Purchases", auto_sales_tax_rate: "Standard rate"}}
            """
        #expect(try differences(desk, cost, sample) == [])
    }

    /// Source: dev.freeagent.com/docs/bank_transactions, "Example cURL Request".
    @Test("a statement's rows are kept once, and one without rows is not acceptable")
    func statement() throws {
        let desk = try FreeAgentDesk()
        let path = "bank_transactions/statement?bank_account=" + Form.percent(desk.url("bank_accounts/1"))
        let rows = """
            {statement: [
              {dated_on: "2019-07-01", amount: -100, description: "Local Council", fitid: "049b807d-83ea-4d98-854c-e84b18775d31"},
              {dated_on: "2019-07-05", amount: 3560, description: "Sales", fitid: "8956efc9-549a-45e4-b3e9-fadb8f070ec6"}]}
            """
        for _ in 0..<2 { try desk.call(.post, path, rows) }
        let listed = try desk.call(.get, "bank_transactions?bank_account=1")
        let expected = """
            {bank_transactions: [
              {amount: "-100.0", dated_on: "2019-07-01", description: "Local Council", full_description: "Local Council/OTHER/£100.0",
               unexplained_amount: "-100.0", is_manual: false, transaction_id: "049b807d-83ea-4d98-854c-e84b18775d31", bank_transaction_explanations: []},
              {amount: "3560.0", description: "Sales"}]}
            """
        #expect(try differences(desk, listed, expected) == [])
        #expect(try desk.raw(.post, path, "{statement: []}").status == 406)
        #expect(try desk.raw(.post, path, #"{statement: [{amount: 5}]}"#).status == 400)
        #expect(try desk.raw(.post, "bank_transactions/statement?bank_account=77", rows).status == 404)
    }

    /// Source: dev.freeagent.com/docs/introduction, "Respecting the Rate Limits".
    @Test("the sixteenth refresh of a minute is refused in the vendor's words")
    func refreshLimit() throws {
        let desk = try FreeAgentDesk(limits: FreeAgentLimits(), connected: false)
        let request = FreeAgentDesk.tokenRequest([("grant_type", "refresh_token"), ("refresh_token", FreeAgentTwin.refreshToken)])
        for _ in 0..<15 { #expect(desk.send(request).status == 200) }
        let refused = desk.send(request)
        #expect(refused.status == 429)
        #expect(refused.fields["Retry-After"] == "60")
        #expect(refused.bodyText == "You must not exceed 15 requests per 60 seconds")
    }

    /// Source: api-discuss.freeagent.com, topic 819.
    @Test("a line that is sent again without its id to an invoice that is sent is refused in the vendor's words")
    func locked() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        let sent = """
            {invoice: {invoice_items: [{category: "https://api.freeagent.com/v2/categories/002", url: "https://api.freeagent.com/v2/invoice_items/1",
              description: "Taxi for Email subscription"}]}}
            """
        #expect(
            try desk.refusal(.put, "invoices/\(id)", sent) == [
                "invoice_items.description is locked and cannot be changed", "invoice_items.item_type is locked and cannot be changed",
                "invoice_items.invoice_id is locked and cannot be changed", "invoice_items contain errors",
            ])
    }

    /// Source: dev.freeagent.com/docs/account_locks.
    @Test("locks are told to users with full access alone")
    func locks() throws {
        let desk = try FreeAgentDesk()
        #expect(try desk.call(.get, "account_locks") == ["account_locks": []])
        desk.twin.setLockDate(LocalDate("2026-09-30"))
        let told = try desk.call(.get, "account_locks")
        #expect(told["account_locks"]?.array?.map { $0["locked_to_date"]?.string } == ["2026-09-30"])
    }

    /// Source: api-discuss.freeagent.com, topic 2877.
    @Test("nothing is sent into a period that is locked")
    func lockedPeriod() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.draft("INV-1", "10.00")
        desk.twin.setLockDate(LocalDate("2026-11-14"))
        let answer = try desk.call(.put, "invoices/\(id)/transitions/mark_as_sent", status: 403)
        #expect(answer == ["errors": ["error": ["message": "Invoice is locked."]]])
        desk.twin.setLockDate(LocalDate("2026-11-13"))
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_sent")
    }

    /// Source: api-discuss.freeagent.com, topic 5854.
    @Test("a receipt of an invoice bears no tax of its own")
    func receiptTax() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "29.90")
        let sent = """
            {bank_transaction_explanation: {bank_account: "\(desk.url("bank_accounts/1"))", dated_on: "2026-11-20", gross_value: 29.9,
              paid_invoice: "\(desk.url("invoices/\(id)"))", sales_tax_status: "TAXABLE", sales_tax_rate: 20}}
            """
        #expect(
            try desk.refusal(.post, "bank_transaction_explanations", sent) == ["sales_tax_rate must be the AUTO rate or a rate less than or equal to 0"])
    }
}
