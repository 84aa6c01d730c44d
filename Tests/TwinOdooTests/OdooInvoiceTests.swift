import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: invoices and entries")
struct OdooInvoiceTests {
    /// - Source: the figures of the sheet's example: 2 × 19.99 and 5.00; 8 % here.
    @Test("an invoice is worked out from its lines and debits the receivable account", arguments: 14...19)
    func invoice(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try bench.create(
            "account.move",
            """
            {move_type: "out_invoice", partner_id: 7, invoice_date: "2026-11-20", invoice_date_due: "2026-12-20", ref: "SHOP-INV-1001", invoice_origin: "#1001",
             invoice_line_ids: [[0, 0, {product_id: 1, quantity: 2}], [0, 0, {name: "Shipping", quantity: 1, price_unit: 5.0, account_id: 19, tax_ids: [[6, 0, [1]]]}],
              [0, 0, {display_type: "line_note", name: "Thank you"}]]}
            """)
        let draft = try bench.read("account.move", id, "name", "state", "amount_untaxed", "amount_tax", "amount_total")
        #expect(draft["name"] == (version <= 16 ? "/" : false) && draft["state"] == "draft")
        #expect(draft["amount_untaxed"] == .number("44.98") && draft["amount_tax"] == .number("3.6") && draft["amount_total"] == .number("48.58"))
        #expect(try bench.call("account.move", "action_post", "[[\(id)]]") == false)
        let posted = try bench.read("account.move", id, "name", "state", "payment_state", "amount_residual", "amount_total_signed", "payment_reference", "date")
        let number = version == 14 ? "INV/2026/11/0001" : "INV/2026/00001"
        #expect(posted["name"] == .string(number) && posted["payment_reference"] == .string(number) && posted["date"] == "2026-11-20")
        #expect(posted["payment_state"] == "not_paid" && posted["amount_residual"] == .number("48.58") && posted["amount_total_signed"] == .number("48.58"))
        #expect(bench.lines(id) == ["400100: -3998", "400500: -500", "251000: -360", "121000: 4858"])
        #expect(try bench.read("account.move", id, "invoice_line_ids")["invoice_line_ids"]?.array?.count == 3)
        #expect(try bench.read("res.partner", 7, "credit", "customer_rank")["credit"] == .number("48.58"))
    }

    @Test("journal items show their kind as the version does")
    func displayTypes() throws {
        for version in [15, 16] {
            let bench = try OdooBench(version)
            let id = try bench.invoice()
            let lines = try bench.call("account.move.line", "search_read", "[[[\"move_id\", \"=\", \(id)]], [\"display_type\", \"debit\", \"credit\", \"balance\"]]", "{order: \"id\"}")
            let types = (lines.array ?? []).compactMap { $0["display_type"] }
            #expect(types == (version == 15 ? [false, false, false] : ["product", "tax", "payment_term"]))
            #expect((lines.array ?? []).compactMap { $0["balance"]?.text } == ["-100.0", "-8.0", "108.0"])
        }
    }

    @Test("prices with taxes in them stay what they are", arguments: [("120.0", "100.0", "20.0"), ("9.99", "8.32", "1.67"), ("0.01", "0.01", "0.0"), ("-6.0", "-5.0", "-1.0")])
    func included(price: String, net: String, tax: String) throws {
        let bench = try OdooBench(17)
        let id = try bench.invoice(price, taxes: "[2]")
        let row = try bench.read("account.move", id, "amount_untaxed", "amount_tax", "amount_total")
        #expect(row["amount_untaxed"]?.text == net && row["amount_tax"]?.text == tax && row["amount_total"]?.decimal == ExactDecimal(price))
    }

    @Test("taxes are rounded line by line, or once for the whole invoice")
    func rounding() throws {
        let bench = try OdooBench(17)
        let lines = (0 ..< 3).map { _ in "[0, 0, {name: \"x\", quantity: 1, price_unit: 0.06, tax_ids: [[6, 0, [1]]]}]" }.joined(separator: ",")
        let vals = "{move_type: \"out_invoice\", partner_id: 7, invoice_line_ids: [\(lines)]}"
        #expect(try bench.read("account.move", bench.create("account.move", vals), "amount_tax")["amount_tax"] == .number("0.0"))
        try bench.call("res.company", "write", "[[1], {tax_calculation_rounding_method: \"round_globally\"}]")
        #expect(try bench.read("account.move", bench.create("account.move", vals), "amount_tax")["amount_tax"] == .number("0.01"))
    }

    @Test("discounts and quantities with fractions are exact")
    func discounts() throws {
        let bench = try OdooBench()
        let id = try bench.create(
            "account.move", "{move_type: \"out_invoice\", partner_id: 7, invoice_line_ids: [[0, 0, {name: \"x\", quantity: 1.5, price_unit: 3.333, discount: 12.5, tax_ids: []}]]}")
        #expect(try bench.read("account.move", id, "amount_total")["amount_total"] == .number("4.37"))
        #expect(try bench.refusal("account.move", "create", "[{move_type: \"out_invoice\", invoice_line_ids: [[0, 0, {quantity: 1e12, price_unit: 1e12}]]}]").message == "numeric field overflow")
    }

    @Test("a forced tax moves the receivable line, until a line is changed")
    func forcedTax() throws {
        let bench = try OdooBench()
        let id = try bench.invoice()
        let tax = try #require(try bench.call("account.move.line", "search", "[[[\"move_id\", \"=\", \(id)], [\"tax_line_id\", \"!=\", false]]]")[0]?.int)
        try bench.call("account.move", "write", "[[\(id)], {line_ids: [[1, \(tax), {balance: -8.05, amount_currency: -8.05}]]}]")
        #expect(try bench.read("account.move", id, "amount_tax", "amount_total")["amount_total"] == .number("108.05"))
        try bench.post(id)
        #expect(bench.lines(id) == ["400100: -10000", "251000: -805", "121000: 10805"])
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        let line = try #require(try bench.read("account.move", id, "invoice_line_ids")["invoice_line_ids"]?[0]?.int)
        try bench.call("account.move", "write", "[[\(id)], {invoice_line_ids: [[1, \(line), {price_unit: 200}]]}]")
        #expect(try bench.read("account.move", id, "amount_tax")["amount_tax"] == .number("16.0"))
    }

    @Test("lines are added, changed and taken out of a draft")
    func lineCommands() throws {
        let bench = try OdooBench()
        let id = try bench.invoice()
        let line = try #require(try bench.read("account.move", id, "invoice_line_ids")["invoice_line_ids"]?[0]?.int)
        try bench.call("account.move", "write", "[[\(id)], {invoice_line_ids: [[0, 0, {name: \"b\", price_unit: 50, tax_ids: []}], [1, \(line), {quantity: 3}]]}]")
        #expect(try bench.read("account.move", id, "amount_total")["amount_total"] == .number("374.0"))
        try bench.call("account.move", "write", "[[\(id)], {invoice_line_ids: [[2, \(line)]]}]")
        #expect(try bench.read("account.move", id, "amount_total", "amount_tax")["amount_tax"] == .number("0.0"))
        #expect(bench.lines(id).sorted() == ["121000: 5000", "400000: -5000"])
    }

    @Test("another currency is converted by the day's rate or by the invoice's own, and balances to the cent")
    func currencies() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice("100.0", taxes: "[1]", more: "currency_id: 125,"))
        // 0.92 euros for a dollar: 108.70, 8.70 and the rest.
        #expect(bench.lines(id) == ["400100: -10870", "251000: -870", "121000: 11740"])
        let row = try bench.read("account.move", id, "amount_total", "amount_total_signed", "currency_id", "invoice_currency_rate")
        #expect(row["amount_total"] == .number("108.0") && row["amount_total_signed"] == .number("117.4") && row["currency_id"] == [125, "EUR"])
        let own = try bench.post(try bench.invoice("100.0", taxes: "[]", more: "currency_id: 125, invoice_currency_rate: 0.8,"))
        #expect(bench.lines(own) == ["400100: -12500", "121000: 12500"])
        #expect(bench.twin.entries().last?.currency == "EUR" && bench.twin.entries().last?.lines.map(\.minor) == [-10000, 10000])
    }

    @Test("credit notes and bills go the other way")
    func otherTypes() throws {
        let bench = try OdooBench()
        let note = try bench.post(try bench.invoice(type: "out_refund"))
        #expect(bench.lines(note) == ["400100: 10000", "251000: 800", "121000: -10800"])
        #expect(try bench.read("account.move", note, "name", "amount_total_signed").text == "{\"id\":\(note),\"name\":\"RINV/2026/00001\",\"amount_total_signed\":-108.0}")
        let bill = try bench.post(try bench.invoice(taxes: "[3]", type: "in_invoice"))
        #expect(bench.lines(bill) == ["400100: 10000", "131000: 800", "211000: -10800"])
        #expect(try bench.read("account.move", bill, "name")["name"] == "BILL/2026/11/0001")
        #expect(try bench.refusal("account.move", "action_post", "[[\(try bench.invoice(taxes: "[3]", type: "in_invoice"))]]").message.hasPrefix("Duplicated vendor reference detected."))
        #expect(bench.twin.entries().map(\.kind) == ["credit_note", "bill", "bill"])
    }

    // MARK: - Entries

    private func entry(_ debit: String, _ credit: String) -> String {
        "{move_type: \"entry\", journal_id: 3, date: \"2026-11-14\", ref: \"cf:0123456789abcdef fee\", line_ids: [[0, 0, {account_id: 26, debit: \(debit), name: \"a\"}], [0, 0, {account_id: 6, credit: \(credit)}]]}"
    }

    @Test("an entry must balance when it is made")
    func balance() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.create("account.move", entry("10.10", "10.1")))
        #expect(bench.lines(id) == ["620000: 1010", "101601: -1010"])
        #expect(try bench.read("account.move", id, "name", "amount_total")["name"] == "MISC/2026/11/0001")
        let new = try bench.refusal("account.move", "create", "[\(entry("10", "9"))]")
        #expect(new.name == "odoo.exceptions.UserError" && new.message.contains("The total of debits equals $\u{A0}10.00 and the total of credits equals $\u{A0}9.00."))
        let old = try OdooBench(14).refusal("account.move", "create", "[\(entry("10", "9"))]")
        #expect(old.message == "Cannot create unbalanced journal entry. Ids: [1]\nDifferences debit - credit: [1.0]")
        #expect(try bench.call("account.move", "search_count", "[[]]") == 1)
        let both = "{line_ids: [[0, 0, {account_id: 26, debit: 1, credit: 1}]]}"
        #expect(try bench.refusal("account.move", "create", "[\(both)]").message == "Wrong credit or debit value in accounting entry !")
        #expect(try bench.refusal("account.move", "create", "[{line_ids: [[0, 0, {debit: 1}]]}]").message == "Missing required account on accountable line.")
    }

    @Test("a line in another currency carries both amounts")
    func foreignLine() throws {
        let bench = try OdooBench()
        let id = try bench.create(
            "account.move",
            """
            {journal_id: 3, date: "2026-11-14", line_ids: [[0, 0, {account_id: 26, currency_id: 125, amount_currency: 92}], [0, 0, {account_id: 6, credit: 100}]]}
            """)
        #expect(bench.lines(id) == ["620000: 10000", "101601: -10000"])
    }

    @Test("analytic shares become analytic lines when posted, and go when reset", arguments: [15, 19])
    func analytic(version: Int) throws {
        let bench = try OdooBench(version)
        let field = version >= 16 ? "analytic_distribution: {\"1\": 75, \"2\": 25}" : "analytic_account_id: 1"
        let id = try bench.post(try bench.create("account.move", "{move_type: \"out_invoice\", partner_id: 7, invoice_line_ids: [[0, 0, {name: \"x\", price_unit: 80, tax_ids: [], \(field)}]]}"))
        #expect(try bench.read("account.analytic.account", 1, "balance")["balance"]?.text == (version >= 16 ? "60.0" : "80.0"))
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        #expect(try bench.call("account.analytic.line", "search_count", "[[]]") == 0)
    }

    @Test("defaults of the context stand in for what is not sent")
    func contextDefaults() throws {
        let bench = try OdooBench()
        let id = try bench.create("account.move", "{partner_id: 7}", context: "{default_move_type: \"out_refund\", default_ref: \"r\"}")
        #expect(try bench.read("account.move", id, "move_type", "ref", "journal_id").text == "{\"id\":\(id),\"move_type\":\"out_refund\",\"ref\":\"r\",\"journal_id\":[1,\"Customer Invoices\"]}")
    }
}
