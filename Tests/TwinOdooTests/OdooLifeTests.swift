import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: posting, locks and numbers")
struct OdooLifeTests {
    @Test("what can't be posted is refused in Odoo's words", arguments: [
        ("{move_type: \"out_invoice\", partner_id: 7}", "You need to add a line before posting."),
        ("{move_type: \"out_invoice\", invoice_line_ids: [[0, 0, {name: \"x\", price_unit: 1}]]}", "The field 'Customer' is required, please complete it to validate the Customer Invoice."),
        ("{move_type: \"in_invoice\", invoice_date: \"2026-11-14\", invoice_line_ids: [[0, 0, {name: \"x\", price_unit: 1}]]}", "The field 'Vendor' is required, please complete it to validate the Vendor Bill."),
        ("{move_type: \"in_invoice\", partner_id: 8, invoice_line_ids: [[0, 0, {name: \"x\", price_unit: 1}]]}", "The Bill/Refund date is required to validate this document."),
        ("{move_type: \"out_invoice\", partner_id: 7, currency_id: 25, invoice_line_ids: [[0, 0, {name: \"x\", price_unit: 1}]]}", "You cannot validate a document with an inactive currency: JPY"),
    ])
    func refused(vals: String, message: String) throws {
        let bench = try OdooBench()
        let id = try bench.create("account.move", vals)
        #expect(try bench.refusal("account.move", "action_post", "[[\(id)]]") == ("odoo.exceptions.UserError", message))
        #expect(try bench.read("account.move", id, "state")["state"] == "draft")
    }

    @Test("a negative invoice is refused, and one of nothing is paid at once")
    func totals() throws {
        let bench = try OdooBench()
        #expect(try bench.refusal("account.move", "action_post", "[[\(try bench.invoice("-5"))]]").message.hasPrefix("You cannot validate an invoice with a negative total amount."))
        let zero = try bench.post(try bench.invoice("0"))
        #expect(try bench.read("account.move", zero, "payment_state", "state")["payment_state"] == "paid")
    }

    @Test("an entry is posted once, whether refused alone or together", arguments: [(14, "The entry INV/2026/11/0001 (id 1) is already posted."), (19, "The entry INV/2026/00001 (id 1) must be in draft.")])
    func twice(version: Int, message: String) throws {
        let bench = try OdooBench(version)
        let id = try bench.post(try bench.invoice())
        let other = try bench.invoice()
        #expect(try bench.refusal("account.move", "action_post", "[[\(other), \(id)]]").message == message)
        #expect(try bench.read("account.move", other, "state")["state"] == "draft")
    }

    @Test("an account that was ended stops posting, until it is opened again", arguments: [(17, "deprecated"), (19, "archived")])
    func endedAccount(version: Int, word: String) throws {
        let bench = try OdooBench(version)
        let id = try bench.invoice()
        bench.twin.setAccountActive("400100", false)
        #expect(try bench.refusal("account.move", "action_post", "[[\(id)]]").message == "A line of this move is using a \(word) account, you cannot post it.")
        bench.twin.setAccountActive("400100", true)
        try bench.post(id)
    }

    // MARK: - Numbers

    @Test("numbers follow each other in their journal and year; the last one can be given back")
    func numbers() throws {
        let bench = try OdooBench()
        let ids = try (0 ..< 3).map { _ in try bench.post(try bench.invoice()) }
        #expect(try bench.read("account.move", ids[2], "name", "sequence_prefix", "sequence_number").text == "{\"id\":\(ids[2]),\"name\":\"INV/2026/00003\",\"sequence_prefix\":\"INV/2026/\",\"sequence_number\":3}")
        try bench.call("account.move", "button_draft", "[\(ids)]")
        #expect(try bench.refusal("account.move", "unlink", "[[\(ids[0])]]").message.hasPrefix("You cannot delete this entry, as it has already consumed a sequence number"))
        #expect(try bench.call("account.move", "unlink", "[[\(ids[2])]]") == true)
        #expect(try bench.read("account.move", bench.post(bench.invoice()), "name")["name"] == "INV/2026/00003")
        // Posted again, a draft keeps its number.
        #expect(try bench.read("account.move", bench.post(ids[0]), "name")["name"] == "INV/2026/00001")
    }

    @Test("version 14 deletes nothing that was posted once, and no version what is posted now")
    func unlink() throws {
        let bench = try OdooBench(14)
        let id = try bench.post(try bench.invoice())
        #expect(try bench.refusal("account.move", "unlink", "[[\(id)]]").message == "You cannot delete an item linked to a posted entry.")
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        #expect(try bench.refusal("account.move", "unlink", "[[\(id)]]").message == "You cannot delete an entry which has been posted once.")
        let draft = try bench.invoice()
        try bench.call("account.move", "unlink", "[[\(draft)]]")
        #expect(try bench.call("account.move.line", "search_count", "[[[\"move_id\", \"=\", \(draft)]]]") == 0)
    }

    @Test("a number of one's own is kept, counted on from, and not taken twice")
    func ownNumber() throws {
        let bench = try OdooBench()
        let id = try bench.post(try bench.invoice(more: "name: \"INV/2026/00041\","))
        #expect(try bench.read("account.move", id, "name")["name"] == "INV/2026/00041")
        #expect(try bench.read("account.move", bench.post(bench.invoice()), "name")["name"] == "INV/2026/00042")
        let again = try bench.invoice(more: "name: \"INV/2026/00041\",")
        #expect(try bench.refusal("account.move", "action_post", "[[\(again)]]") == ("odoo.exceptions.ValidationError", "Another entry with the same name already exists."))
    }

    // MARK: - Back

    @Test("a posted invoice goes back to draft or is cancelled, and its books are live only while posted")
    func back() throws {
        let bench = try OdooBench()
        let id = try bench.invoice()
        #expect(try bench.refusal("account.move", "button_draft", "[[\(id)]]").message == "Only posted/cancelled journal entries can be reset to draft.")
        #expect(bench.twin.entries().map(\.live) == [false])
        try bench.post(id)
        #expect(bench.twin.entries().map(\.live) == [true])
        try bench.call("account.move", "button_cancel", "[[\(id)]]")
        #expect(try bench.read("account.move", id, "state")["state"] == "cancel")
        #expect(bench.twin.entries().map(\.live) == [false])
        try bench.call("account.move", "button_draft", "[[\(id)]]")
        #expect(try bench.read("account.move", bench.post(id), "state", "name")["name"] == "INV/2026/00001")
    }

    @Test("a posted invoice's note may change, its lines may not", arguments: [16, 19])
    func posted(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try bench.post(try bench.invoice())
        try bench.call("account.move", "write", "[[\(id)], {ref: \"other\", narration: \"Thanks\"}]")
        #expect(try bench.read("account.move", id, "narration")["narration"] == "<p>Thanks</p>")
        let refusal = try bench.refusal("account.move", "write", "[[\(id)], {invoice_date: \"2026-11-15\"}]")
        #expect(refusal.message.contains(version >= 17 ? "You cannot modify the following readonly fields on a posted move: invoice_date" : "You must revert the journal entry to draft."))
        let line = try #require(try bench.read("account.move", id, "invoice_line_ids")["invoice_line_ids"]?[0]?.int)
        #expect(try bench.refusal("account.move.line", "write", "[[\(line)], {price_unit: 1}]").name == "odoo.exceptions.UserError")
        #expect(try bench.refusal("account.move.line", "unlink", "[[\(line)]]").message == "You cannot delete an item linked to a posted entry.")
        #expect(try bench.refusal("account.move", "create", "[{state: \"posted\"}]").message.hasPrefix("You cannot create a move already in the posted state."))
    }

    // MARK: - Locks

    private func october(_ bench: OdooBench) throws -> Int {
        try bench.create("account.move", "{journal_id: 3, date: \"2026-10-15\", line_ids: [[0, 0, {account_id: 26, debit: 1}], [0, 0, {account_id: 6, credit: 1}]]}")
    }

    @Test("an entry in a closed period is refused in each version's words", arguments: [
        (14, "You cannot add/modify entries prior to and inclusive of the lock date 10/31/2026."), (17, "You cannot add/modify entries prior to and inclusive of the lock date 10/31/2026."),
        (18, "You cannot add/modify entries prior to and inclusive of: Global Lock Date (10/31/2026)."),
    ])
    func locked(version: Int, message: String) throws {
        let bench = try OdooBench(version)
        let id = try october(bench)
        #expect(try bench.refusal("account.move", "action_post", "[[\(id)]]") == ("odoo.exceptions.UserError", message))
        bench.twin.setLockDate(nil)
        try bench.post(id)
        bench.twin.setLockDate(LocalDate("2026-10-31"))
        #expect(try bench.refusal("account.move", "button_draft", "[[\(id)]]").message == message)
    }

    @Test("a sale in a closed period moves to the first open day that it may have")
    func movedSale() throws {
        let bench = try OdooBench()
        let id = try bench.invoice()
        bench.twin.setLockDate(LocalDate("2026-11-30"))
        bench.now = try #require(Timestamp(rfc3339: "2026-12-03T10:00:00Z"))
        try bench.post(id)
        #expect(try bench.read("account.move", id, "date", "invoice_date").text == "{\"id\":\(id),\"date\":\"2026-12-03\",\"invoice_date\":\"2026-11-14\"}")
        #expect(bench.twin.entries().first?.date == LocalDate("2026-12-03"))
        // Nothing is open yet.
        bench.twin.setLockDate(LocalDate("2026-12-31"))
        #expect(try bench.refusal("account.move", "action_post", "[[\(try bench.invoice())]]").name == "odoo.exceptions.UserError")
    }

    @Test("version 18 has locks of its own for sales, taxes and for good")
    func moreLocks() throws {
        let bench = try OdooBench(18)
        bench.twin.setLockDate(nil)
        try bench.call("res.company", "write", "[[1], {hard_lock_date: \"2026-10-20\"}]")
        #expect(try bench.refusal("account.move", "action_post", "[[\(try october(bench))]]").message.hasSuffix("Hard Lock Date (10/20/2026)."))
        #expect(try bench.refusal("res.company", "write", "[[1], {hard_lock_date: false}]").message == "The Hard Lock Date cannot be removed.")
        #expect(try bench.refusal("res.company", "write", "[[1], {hard_lock_date: \"2026-10-19\"}]").name == "odoo.exceptions.UserError")
        try bench.call("res.company", "write", "[[1], {sale_lock_date: \"2026-11-15\"}]")
        let sale = try bench.post(try bench.invoice())
        #expect(try bench.read("account.move", sale, "date")["date"] == "2026-11-20")
        #expect(try bench.refusal("account.move", "button_draft", "[[\(sale)]]", "{context: {allowed_company_ids: [2]}}").name == "odoo.exceptions.AccessError")
    }

    @Test("the lock date holds in databases that are opened later, and after a restart")
    func lockKept() throws {
        let bench = try OdooBench()
        bench.twin.setLockDate(LocalDate("2026-09-30"))
        let again = try OdooBench(16, journal: bench.journal)
        try again.post(try october(again))
    }
}
