import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: payments and reversals")
struct OdooPaymentTests {
    private func state(_ bench: OdooBench, _ id: Int) throws -> String {
        let row = try bench.read("account.move", id, "payment_state", "amount_residual")
        return "\(row["payment_state"]?.string ?? "") \(row["amount_residual"]?.text ?? "")"
    }

    @Test("the wizard pays an invoice, in part and in full", arguments: 14...19)
    func wizard(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try bench.post(try bench.invoice())
        let action = try bench.pay([id], "{payment_date: \"2026-11-15\", amount: 30, journal_id: 8, communication: \"cf:zzzz456789abcdef transaction 1\"}")
        #expect(try state(bench, id) == "partial 78.0")
        let payment = try #require(action["res_id"]?.int)
        let row = try bench.read("account.payment", payment, "state", "amount", "payment_type", "is_matched", "reconciled_invoice_ids", version >= 18 ? "memo" : "ref")
        #expect(row["state"] == (version >= 18 ? "paid" : "posted") && row["is_matched"] == true && row["reconciled_invoice_ids"] == .array([.int(id)]))
        #expect(row[version >= 18 ? "memo" : "ref"] == "cf:zzzz456789abcdef transaction 1")
        let entry = try #require(bench.twin.entries().last)
        #expect(entry.kind == "payment" && entry.key == "zzzz456789abcdef" && entry.reference == "cf:zzzz456789abcdef transaction 1")
        #expect(entry.lines.map(\.account) == ["101601", "121000"] && entry.lines.map(\.minor) == [3000, -3000])
        try bench.pay([id])
        #expect(try state(bench, id) == "paid 0.0")
        #expect(try bench.refusal("account.payment.register", "create", "[{}]", "{context: {active_model: \"account.move\", active_ids: [\(id)]}}").message.hasPrefix("You can't register a payment because there is nothing left to pay"))
    }

    @Test("money that is still on its way to the bank leaves an invoice in payment")
    func inPayment() throws {
        let bench = try OdooBench(18)
        let id = try bench.post(try bench.invoice())
        let payment = try #require(try bench.pay([id], "{journal_id: 6}")["res_id"]?.int)
        #expect(try state(bench, id) == "in_payment 0.0")
        #expect(try bench.read("account.payment", payment, "state", "name").text == "{\"id\":\(payment),\"state\":\"in_process\",\"name\":\"PBNK1/2026/00001\"}")
        #expect(bench.lines(try #require(try bench.read("account.payment", payment, "move_id")["move_id"]?[0]?.int)) == ["101403: 10800", "121000: -10800"])
    }

    @Test("a difference is written off where the wizard is told to")
    func writeOff() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice())
        try bench.pay([id], "{amount: 107.5, journal_id: 8, payment_difference_handling: \"reconcile\", writeoff_account_id: 28, writeoff_label: \"Rounding\"}")
        #expect(try state(bench, id) == "paid 0.0")
        #expect(bench.twin.entries().last?.lines.map { "\($0.account): \($0.minor)" } == ["101601: 10750", "121000: -10800", "999000: 50"])
    }

    @Test("several invoices are paid one by one, or together when grouped")
    func several() throws {
        let bench = try OdooBench()
        let apart = try (0 ..< 2).map { _ in try bench.post(try bench.invoice()) }
        #expect(try bench.pay(apart)["domain"]?[0]?[2]?.array?.count == 2)
        let together = try (0 ..< 2).map { _ in try bench.post(try bench.invoice()) }
        let payment = try #require(try bench.pay(together, "{journal_id: 8, group_payment: true}")["res_id"]?.int)
        #expect(try bench.read("account.payment", payment, "amount", "reconciled_invoices_count").text == "{\"id\":\(payment),\"amount\":216.0,\"reconciled_invoices_count\":2}")
        for id in apart + together { #expect(try state(bench, id) == "paid 0.0") }
    }

    @Test("the wizard wants posted entries of one direction, and a context")
    func wizardRefusals() throws {
        let bench = try OdooBench()
        let draft = try bench.invoice()
        func refusal(_ context: String) throws -> String { try bench.refusal("account.payment.register", "create", "[{}]", "{context: \(context)}").message }
        #expect(try refusal("{active_model: \"account.move\", active_ids: [\(draft)]}") == "You can only register payment for posted journal entries.")
        #expect(try refusal("{}") == "The register payment wizard should only be called on account.move or account.move.line records.")
        let sale = try bench.post(draft)
        let bill = try bench.post(try bench.invoice(taxes: "[]", type: "in_invoice"))
        #expect(try refusal("{active_model: \"account.move\", active_ids: [\(sale), \(bill)]}") == "You can't register payments for journal items being either all inbound, either all outbound.")
    }

    @Test("a payment made apart is put onto an invoice, and taken off again", arguments: [14, 19])
    func outstanding(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try bench.post(try bench.invoice())
        let note = version >= 18 ? "memo" : "ref"
        let payment = try bench.create("account.payment", "{payment_type: \"inbound\", partner_type: \"customer\", partner_id: 7, amount: 50, date: \"2026-11-16\", journal_id: 9, \(note): \"p\"}")
        #expect(try bench.read("account.payment", payment, "state", "move_id")["state"] == "draft")
        #expect(try bench.read("account.payment", payment, "move_id")["move_id"]?.array == nil || version <= 17)
        try bench.call("account.payment", "action_post", "[[\(payment)]]")
        #expect(try bench.read("account.payment", payment, "is_reconciled")["is_reconciled"] == false)
        let lines = try bench.call("account.move.line", "search", "[[[\"payment_id\", \"=\", \(payment)], [\"account_id.code\", \"=\", \"121000\"]]]")
        let line = try #require(lines[0]?.int)
        let kind = version >= 16 ? "[\"account_type\", \"=\", \"asset_receivable\"]" : "[\"account_internal_type\", \"=\", \"receivable\"]"
        #expect(try bench.call("account.move.line", "search", "[[[\"payment_id\", \"=\", \(payment)], \(kind), [\"reconciled\", \"=\", false]]]") == lines)
        try bench.call("account.move", "js_assign_outstanding_line", "[[\(id)], \(line)]")
        #expect(try state(bench, id) == "partial 58.0")
        let part = try #require(try bench.read("account.move.line", line, "matched_debit_ids")["matched_debit_ids"]?[0]?.int)
        #expect(try bench.read("account.partial.reconcile", part, "amount", "max_date").text == "{\"id\":\(part),\"amount\":50.0,\"max_date\":\"2026-11-16\"}")
        try bench.call("account.move", "js_remove_outstanding_partial", "[[\(id)], \(part)]")
        #expect(try state(bench, id) == "not_paid 108.0")
        #expect(bench.twin.entries().map(\.kind) == ["invoice", "payment"])
    }

    @Test("lines are reconciled on one account, when posted and open")
    func reconcile() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice())
        let lines = (try bench.read("account.move", id, "line_ids")["line_ids"]?.idList ?? []).sorted()
        #expect(try bench.refusal("account.move.line", "reconcile", "[[\(lines[0])]]").message == "Account 400100 Homeware sales does not allow reconciliation. First change the configuration of this account to allow it.")
        let payable = try bench.post(try bench.create("account.move", "{journal_id: 3, date: \"2026-11-14\", line_ids: [[0, 0, {account_id: 10, credit: 5}], [0, 0, {account_id: 8, debit: 5}]]}"))
        let other = try #require(try bench.call("account.move.line", "search", "[[[\"move_id\", \"=\", \(payable)], [\"credit\", \">\", 0]]]")[0]?.int)
        let term = try #require(lines.last)
        #expect(try bench.refusal("account.move.line", "reconcile", "[[\(term), \(other)]]").message == "Entries are not from the same account: 121000 Account Receivable != 211000 Account Payable")
        try bench.pay([id])
        #expect(try bench.refusal("account.move.line", "reconcile", "[[\(term)]]").message == "You are trying to reconcile some entries that are already reconciled.")
        let settled = try bench.read("account.move.line", term, "reconciled", "full_reconcile_id", "matching_number", "amount_residual")
        #expect(settled["reconciled"] == true && settled["matching_number"]?.string?.isEmpty == false && settled["amount_residual"] == .number("0.0"))
        try bench.call("account.move.line", "remove_move_reconcile", "[[\(term)]]")
        #expect(try state(bench, id) == "not_paid 108.0")
    }

    @Test("a payment is refused, changed, cancelled and removed as its state allows", arguments: [17, 19])
    func paymentLife(version: Int) throws {
        let bench = try OdooBench(version)
        #expect(try bench.refusal("account.payment", "create", "[{partner_id: 7, amount: -1, journal_id: 8}]").message == "The payment amount cannot be negative.")
        #expect(try bench.refusal("account.payment", "create", "[{partner_id: 7, amount: 1, journal_id: 1}]").name == "odoo.exceptions.ValidationError")
        #expect(try bench.refusal("account.payment", "create", "[{partner_id: 7, amount: 1, journal_id: 8, payment_method_line_id: 2}]").name == "odoo.exceptions.ValidationError")
        let id = try bench.create("account.payment", "{partner_id: 7, amount: 5, journal_id: 8, date: \"2026-11-14\"}")
        try bench.call("account.payment", "write", "[[\(id)], {amount: 6}]")
        try bench.call("account.payment", "action_post", "[[\(id)]]")
        #expect(bench.twin.entries().last?.lines.map(\.minor) == [600, -600])
        #expect(try bench.refusal("account.payment", "write", "[[\(id)], {amount: 7}]").name == "odoo.exceptions.UserError")
        #expect(try bench.refusal("account.payment", "unlink", "[[\(id)]]").message == "You cannot delete an item linked to a posted entry.")
        try bench.call("account.payment", "action_draft", "[[\(id)]]")
        #expect(try bench.read("account.payment", id, "state")["state"] == "draft")
        try bench.call("account.payment", "action_cancel", "[[\(id)]]")
        #expect(try bench.read("account.payment", id, "state")["state"] == (version >= 18 ? "canceled" : "cancel"))
        #expect(bench.twin.entries().map(\.live) == [false])
    }

    @Test("money given back is an outbound payment on a credit note")
    func refund() throws {
        let bench = try OdooBench()
        let note = try bench.post(try bench.invoice(type: "out_refund"))
        try bench.pay([note])
        #expect(try state(bench, note) == "paid 0.0")
        let entry = try #require(bench.twin.entries().last)
        #expect(entry.kind == "refund_payment" && entry.lines.map { "\($0.account): \($0.minor)" } == ["101601: -10800", "121000: 10800"])
    }

    @Test("an invoice in another currency that is paid at another rate leaves its difference on the exchange account")
    func exchange() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice("92.0", taxes: "[]", more: "currency_id: 125,"))
        try bench.create("res.currency.rate", "{name: \"2026-11-15\", currency_id: 125, rate: 0.8}")
        try bench.pay([id])
        #expect(try state(bench, id) == "paid 0.0")
        #expect(bench.lines(id) == ["400100: -10000", "121000: 10000"])
        let last = try #require(bench.twin.entries().last)
        #expect(last.kind == "journal" && last.lines.map { "\($0.account): \($0.minor) \($0.baseMinor)" } == ["121000: 0 1500", "441000: 0 -1500"])
        let open = try bench.call("account.move.line", "search_count", "[[[\"account_id.code\", \"=\", \"121000\"], [\"amount_residual\", \"!=\", 0]]]")
        #expect(open == 0)
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        let sums = bench.twin.entries().filter(\.live).flatMap(\.lines).filter { $0.account == "441000" }.reduce(Int64(0)) { $0 + $1.baseMinor }
        #expect(sums == 0)
    }

    // MARK: - Reversals

    private func reverse(_ bench: OdooBench, _ id: Int, _ vals: String, _ method: String) throws -> Int {
        let wizard = try bench.create("account.move.reversal", vals, context: "{active_model: \"account.move\", active_ids: [\(id)]}")
        return try #require(try bench.call("account.move.reversal", method, "[[\(wizard)]]")["res_id"]?.int)
    }

    @Test("a reversal is a draft credit note that settles its invoice when it is posted", arguments: [14, 16, 17, 19])
    func reversal(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try bench.post(try bench.invoice())
        let method = version <= 16 ? ", refund_method: \"refund\"" : ""
        let note = try reverse(bench, id, "{reason: \"broken\", date: \"2026-11-16\", journal_id: 1\(method)}", version <= 16 ? "reverse_moves" : "refund_moves")
        let row = try bench.read("account.move", note, "move_type", "state", "ref", "amount_total", "reversed_entry_id")
        let name = try #require(try bench.read("account.move", id, "name")["name"]?.string)
        #expect(row["move_type"] == "out_refund" && row["state"] == "draft" && row["ref"] == .string("Reversal of: \(name), broken"))
        #expect(row["amount_total"] == .number("108.0") && row["reversed_entry_id"]?[0] == .int(id))
        try bench.post(note)
        #expect(try state(bench, id) == "reversed 0.0")
        #expect(try bench.read("account.move", id, version >= 18 ? "reversal_move_ids" : "reversal_move_id").object?.last?.value == .array([.int(note)]))
        if version <= 16 { #expect(try bench.refusal("account.move.reversal", "refund_moves", "[[1]]").name == "builtins.AttributeError") }
    }

    @Test("a credit note whose money an entry gave back is called reversed from 16 on, and paid before", arguments: [14, 15, 16, 19])
    func refundedByEntry(version: Int) throws {
        let bench = try OdooBench(version)
        let note = try bench.post(try bench.invoice(type: "out_refund"))
        let kind = version >= 16 ? "[\"account_type\", \"=\", \"asset_receivable\"]" : "[\"account_internal_type\", \"=\", \"receivable\"]"
        func term(_ id: Int) throws -> Int { try #require(try bench.call("account.move.line", "search", "[[[\"move_id\", \"=\", \(id)], \(kind)]]")[0]?.int) }
        let account = try #require(try bench.read("account.move.line", try term(note), "account_id")["account_id"]?[0]?.int)
        let vals = "{journal_id: 3, date: \"2026-11-14\", line_ids: [[0, 0, {account_id: \(account), debit: 108, partner_id: 7}], [0, 0, {account_id: 6, credit: 108}]]}"
        let entry = try bench.post(try bench.create("account.move", vals))
        try bench.call("account.move.line", "reconcile", "[[\(try term(note)), \(try term(entry))]]")
        #expect(try state(bench, note) == (version >= 16 ? "reversed 0.0" : "paid 0.0"))
    }

    @Test("a journal that seals what is posted lets nothing back to draft; a person's reversal of it is a draft with the person's reason")
    func sealed() throws {
        let bench = try OdooBench()
        try bench.call("account.journal", "write", "[[1], {restrict_mode_hash_table: true}]")
        let id = try bench.post(try bench.invoice())
        #expect(try bench.refusal("account.move", "button_draft", "[[\(id)]]").message == "You cannot reset to draft a locked journal entry.")
        let note = try reverse(bench, id, "{reason: \"goodwill\", date: \"2026-11-14\", journal_id: 1}", "refund_moves")
        let row = try bench.read("account.move", note, "state", "ref", "date")
        #expect(row["state"] == "draft" && row["ref"]?.string?.hasSuffix(", goodwill") == true && row["date"] == "2026-11-14")
        #expect(try state(bench, id) == "not_paid 108.0")
        try bench.call("account.move", "unlink", "[[\(note)]]")
        #expect(try bench.call("account.move", "search_count", "[[[\"reversed_entry_id\", \"=\", \(id)]]]") == 0)
    }

    @Test("an entry's reversal is posted at once, and only posted ones are reversed")
    func entryReversal() throws {
        let bench = try OdooBench()
        let vals = "{journal_id: 3, date: \"2026-11-14\", line_ids: [[0, 0, {account_id: 26, debit: 4}], [0, 0, {account_id: 6, credit: 4}]]}"
        let id = try bench.create("account.move", vals)
        #expect(try bench.refusal("account.move.reversal", "create", "[{move_ids: [[6, 0, [\(id)]]]}]").message == "You can only reverse posted moves.")
        try bench.post(id)
        let back = try reverse(bench, id, "{date: \"2026-11-15\"}", "reverse_moves")
        #expect(try bench.read("account.move", back, "state")["state"] == "posted")
        #expect(bench.lines(back) == ["620000: -400", "101601: 400"])
        let corrected = try reverse(bench, id, "{date: \"2026-11-15\"}", "modify_moves")
        #expect(try bench.read("account.move", corrected, "state")["state"] == "draft")
    }

    @Test("resetting a paid invoice takes the payment off it")
    func resetPaid() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice())
        let payment = try #require(try bench.pay([id])["res_id"]?.int)
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        #expect(try bench.read("account.payment", payment, "is_reconciled", "reconciled_invoice_ids").text == "{\"id\":\(payment),\"is_reconciled\":false,\"reconciled_invoice_ids\":[]}")
        #expect(try bench.call("account.full.reconcile", "search_count", "[[]]") == 0)
    }

    @Test("everything posted balances, in both currencies' cents, whatever was done to it")
    func balanced() throws {
        let bench = try OdooBench()
        let random = SeededRandom(seed: 7)
        func draw(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
        try bench.create("res.currency.rate", "{name: \"2026-11-15\", currency_id: 125, rate: 0.87}")
        for _ in 0 ..< 60 {
            let price = "\(draw(9000)).\(10 + draw(89))"
            let id = try bench.invoice(price, taxes: ["[]", "[1]", "[2]", "[1, 2]"][draw(4)], more: draw(2) == 0 ? "currency_id: 125," : "", type: draw(4) == 0 ? "out_refund" : "out_invoice")
            try bench.post(id)
            switch draw(4) {
            case 0: try bench.pay([id])
            case 1: try bench.pay([id], "{amount: \(1 + draw(40)), journal_id: 6, currency_id: \(draw(2) == 0 ? 1 : 125)}")
            case 2: try bench.call("account.move", "button_cancel", "[[\(id)]]")
            default: break
            }
        }
        let live = bench.twin.entries().filter(\.live)
        #expect(live.count > 60)
        for entry in live {
            #expect(entry.lines.reduce(Int64(0)) { $0 + $1.baseMinor } == 0, "\(entry.id)")
            #expect(entry.lines.reduce(Int64(0)) { $0 + $1.minor } == 0, "\(entry.id)")
        }
    }
}
