import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

@Suite("Finding and reading back")
struct FindTests {
    private let sent = Timestamp(rfc3339: "2026-11-14T10:00:00Z")

    private func lookedFor(_ document: LedgerDocument) -> LedgerDocument {
        var out = document
        out.since = sent
        return out
    }

    @Test("an invoice is looked for in the list of what changed since it was sent, some minutes earlier for the clocks' sake") func window() {
        let (_, calls, _, _) = drive(connector.find([lookedFor(sale()), lookedFor(sale(2))], facts))
        #expect(said(calls) == ["GET /v2/invoices?nested_invoice_items=true&updated_since=2026-11-14T09%3A50%3A00.000Z&per_page=100&page=1"])
        let (_, all, _, _) = drive(connector.find([lookedFor(sale()), sale(2)], facts))
        #expect(said(all) == ["GET /v2/invoices?nested_invoice_items=true&per_page=100&page=1"], "one whose send nobody dates is looked for everywhere")
    }

    @Test("what is found reads as it was meant") func found() throws {
        let (output, _, _, _) = drive(connector.find([sale()], facts), [list("invoices", [shown(id: "9", n: 2), shown(status: "Open")])])
        let seen = try #require(output?[key()])
        var meant = connector.meant(sale())
        (meant.remoteID, meant.version) = ("3", "2026-11-14T10:00:00Z")
        meant.open_minor = 12_000
        #expect(seen == meant)
        let paid = shown(status: "Written-off", due: "0.0").replacing(#""paid_value":"0.0""#, with: #""paid_value":"50.0""#)
        #expect(drive(connector.find([sale()], facts), [list("invoices", [paid])]).output?[key()]?.open_minor == 7_000, "what is written off was paid by nobody")
        #expect(seen.accounts == ["001": -10_000] && seen.tax_minor == 2_000 && seen.party == "2")
    }

    @Test("a draft is unfinished and has no effect, and one that stands goes before it") func drafts() {
        let (output, _, _, _) = drive(connector.find([sale()], facts), [list("invoices", [shown()])])
        #expect(output?[key()]?.unfinished == true && output?[key()]?.voided == true && output?[key()]?.remoteID == "3")
        let (both, _, _, _) = drive(connector.find([sale()], facts), [list("invoices", [shown(), shown(id: "4", status: "Open")])])
        #expect(both?[key()]?.remoteID == "4" && both?[key()]?.unfinished == false)
    }

    @Test("a full page, or one that names a next, is not the last one") func pages() {
        let full = list("invoices", Array(repeating: shown(id: "8", status: "Open", n: 9), count: 100))
        let (output, calls, _, _) = drive(connector.find([sale()], facts), [full, list("invoices", [shown(status: "Open")])])
        #expect(output?[key()]?.remoteID == "3" && said(calls).last == "GET /v2/invoices?nested_invoice_items=true&per_page=100&page=2")
        // introduction.md, Pagination.
        let link = #"<https://api.freeagent.com/v2/invoices?page=4&per_page=50>; rel="prev", <https://api.freeagent.com/v2/invoices?page=6&per_page=50>; rel="next""#
        let (more, _, _, _) = drive(
            connector.find([sale()], facts), [list("invoices", [shown(id: "8", n: 9)], ["Link": link]), list("invoices", [shown(status: "Open")])])
        #expect(more?[key()]?.remoteID == "3")
    }

    @Test("a list that is missing in an answer is no empty one", arguments: ["{}", #"{"invoices":null}"#, #"{"invoices":[7]}"#, #"{"invoice":[]}"#]) func missing(text: String) {
        let (output, _, fault, _) = drive(connector.find([sale()], facts), [answer(text)])
        #expect(output == nil && fault?.code == "unreadable_answer")
    }

    @Test("a list without an end is given up, never taken for read") func endless() {
        let full = list("invoices", Array(repeating: shown(id: "8", n: 9), count: 100))
        let (output, calls, fault, _) = drive(connector.find([sale()], facts), Array(repeating: full, count: 100))
        #expect(output == nil && calls.count == 100 && fault?.code == "list_too_long")
    }

    @Test("an invoice whose id is known and that did not change is read by its id") func known() {
        let (output, calls, _, _) = drive(connector.find([sale(remoteID: "3")], facts), [list("invoices"), one("invoice", shown(status: "Open"))])
        #expect(said(calls).last == "GET /v2/invoices/3" && output?[key()]?.voided == false)
        #expect(drive(connector.find([sale(remoteID: "3")], facts), [list("invoices"), HTTPResponse(404)]).output?.isEmpty == true)
    }

    // MARK: Money

    private let banks = list("bank_accounts", [#"{"url":"https://api.freeagent.com/v2/bank_accounts/1"}"#, #"{"url":"https://api.freeagent.com/v2/bank_accounts/5"}"#])

    @Test("money is looked for on every bank account, by our mark") func money() throws {
        let (output, calls, _, _) = drive(
            connector.find([lookedFor(payment())], facts),
            [banks, list("bank_transaction_explanations"), list("bank_transaction_explanations", [explanation()])])
        #expect(said(calls)[0] == "GET /v2/bank_accounts?per_page=100&page=1")
        #expect(said(calls)[2] == "GET /v2/bank_transaction_explanations?bank_account=https%3A%2F%2Fapi.freeagent.com%2Fv2%2Fbank_accounts%2F5&updated_since=2026-11-14T09%3A50%3A00.000Z&per_page=100&page=1")
        var meant = connector.meant(payment())
        (meant.remoteID, meant.version) = ("12@8", "2026-11-14T10:00:00.000Z")
        #expect(output?[key()] == meant && meant.appliesTo == "3" && meant.accounts == ["bank_accounts/5": 12_000])
        let (_, undated, _, _) = drive(connector.find([payment()], facts), [banks])
        #expect(said(undated)[1].contains("from_date=2026-11-14&to_date=2026-11-14"))
    }

    @Test("a payment without our mark, of the same amount for the same invoice on that day, leaves it undecided: neither found nor missing") func undecided() {
        let none = list("bank_transaction_explanations")
        let (output, _, fault, _) = drive(connector.find([payment()], facts), [banks, none, list("bank_transaction_explanations", [explanation(mark: nil)])])
        #expect(output == nil && fault?.code == "ledger_lookup_undecided" && fault?.disposition == .hold)
        let others = [explanation(12, "119.0", mark: nil), explanation(13, mark: nil, #""paid_invoice":"https://api.freeagent.com/v2/invoices/4""#), explanation(14, mark: "cf:0000000000000002 1/1 other")]
        #expect(drive(connector.find([payment()], facts), [banks, none, list("bank_transaction_explanations", others)]).output?.isEmpty == true)
    }

    @Test("a payout that is there in part is unfinished; the other half of its transfer is no part of it") func parts() throws {
        let transfer = explanation(12, "-117.0", mark: "cf:0000000000000001 1/2 order 1", #""transfer_bank_account":"https://api.freeagent.com/v2/bank_accounts/1""#)
        let half = explanation(14, on: 1, "117.0", mark: "cf:0000000000000001 1/2 order 1", #""transfer_bank_account":"https://api.freeagent.com/v2/bank_accounts/5""#)
        let fee = explanation(13, "-3.0", mark: "cf:0000000000000001 2/2 order 1", #""category":"https://api.freeagent.com/v2/categories/363""#)
        let (begun, _, _, _) = drive(
            connector.find([payout()], facts), [banks, list("bank_transaction_explanations", [half]), list("bank_transaction_explanations", [transfer]), list("journal_sets")])
        #expect(begun?[key()]?.unfinished == true && begun?[key()]?.remoteID == "12@8")
        let (whole, _, _, _) = drive(
            connector.find([payout()], facts), [banks, list("bank_transaction_explanations", [half]), list("bank_transaction_explanations", [transfer, fee])])
        var meant = connector.meant(payout())
        (meant.remoteID, meant.version) = ("12@8,13@9", "2026-11-14T10:00:00.000Z")
        #expect(whole?[key()] == meant)
    }

    @Test("tax that FreeAgent took out of a fee shows on its account") func carvedOut() {
        let fee = explanation(13, "-3.0", mark: "cf:0000000000000001 2/2 order 1", #""category":"https://api.freeagent.com/v2/categories/363","sales_tax_value":"-0.5""#)
        let transfer = explanation(12, "-117.0", mark: "cf:0000000000000001 1/2 order 1", #""transfer_bank_account":"https://api.freeagent.com/v2/bank_accounts/1""#)
        let (output, _, _, _) = drive(connector.fetch([payout(remoteID: "12@8,13@9")], facts), [one("bank_transaction_explanation", transfer), one("bank_transaction_explanation", fee)])
        #expect(output?[key()]?.accounts["363"] == 250)
    }

    @Test("a void that broke off between explanation and transaction is unfinished") func leftover() {
        let bare = one("bank_transaction", #"{"amount":"120.0","unexplained_amount":"120.0","is_manual":true}"#)
        let none = list("bank_transaction_explanations")
        let (output, _, _, _) = drive(connector.find([payment(remoteID: "12@8")], facts), [banks, none, none, HTTPResponse(404), bare])
        #expect(output?[key()]?.unfinished == true && output?[key()]?.remoteID == "12@8")
        #expect(drive(connector.find([payment(remoteID: "12@8")], facts), [banks, none, none, HTTPResponse(404), HTTPResponse(404)]).output?.isEmpty == true)
    }

    // MARK: Journals

    private let journal = """
        {"url":"https://api.freeagent.com/v2/journal_sets/7","dated_on":"2026-11-14","tag":"cf:0000000000000001","updated_at":"2026-11-14T10:00:00Z","journal_entries":[
        {"url":"/v2/journal_sets/7/journal_entries/1","category":"https://api.freeagent.com/v2/categories/731","debit_value":"5.0"},
        {"url":"/v2/journal_sets/7/journal_entries/2","category":"https://api.freeagent.com/v2/categories/401","debit_value":"-5.0"}]}
        """

    @Test("a journal is found by its tag, after money was not") func journals() throws {
        let none = list("bank_transaction_explanations")
        let (output, calls, _, _) = drive(connector.find([tips()], facts), [banks, none, none, list("journal_sets", [journal])])
        #expect(said(calls).last == "GET /v2/journal_sets?tag=cf%3A0000000000000001&per_page=100&page=1")
        var meant = connector.meant(tips())
        (meant.remoteID, meant.version) = ("7", "2026-11-14T10:00:00Z")
        #expect(output?[key()] == meant && meant.accounts == ["731": 500, "401": -500])
    }

    @Test("where a journal is gone and two have its tag, neither is written over") func doubledJournal() {
        let other = journal.split(separator: "journal_sets/7").joined(separator: "journal_sets/8")
        let (output, calls, _, _) = drive(connector.update(tips(remoteID: "6"), attempt: "a", facts), [HTTPResponse(404), list("journal_sets", [journal, other])])
        #expect(rejected(output)?.code == "ledger_document_doubled" && calls.allSatisfy { $0.kind == .read })
    }

    @Test("a journal stays a journal when its account becomes a bank account: nothing of another kind with its number is read, changed or deleted")
    func journalRebound() {
        var rebound = tips(remoteID: "7")
        rebound.lines[0].account = bank(5)
        let (seen, reads, _, _) = drive(connector.fetch([rebound], facts), [one("journal_set", journal)])
        #expect(said(reads).map { $0.prefix { $0 != "?" } } == ["GET /v2/journal_sets/7"])
        #expect(seen?[key()]?.accounts == ["731": 500, "401": -500])
        let (outcome, writes, _, _) = drive(connector.update(rebound, attempt: "a", facts), [one("journal_set", journal)])
        #expect(!writes.contains { $0.kind == .write || $0.request.target.contains("bank") })
        if case .rejected(let fault)? = outcome { #expect(fault.code == "bank_account_line") } else { Issue.record("\(String(describing: outcome))") }
        rebound.plan.effect = .void
        let (gone, voids, _, _) = drive(connector.void(rebound, attempt: "a", facts), [one("journal_set", journal), HTTPResponse(200, body: [])])
        #expect(gone == .posted(remoteID: "7", version: nil))
        #expect(voids.allSatisfy { $0.request.target.hasPrefix("/v2/journal_sets/7") })
    }

    @Test("a journal without the document's tag is somebody else's, whatever its number: it is neither changed nor deleted", arguments: [
        #""tag":"cf:0000000000000002","#, #""tag":null,"#, "",
    ])
    func foreignJournal(tag: String) throws {
        let foreign = journal.split(separator: #""tag":"cf:0000000000000001","#).joined(separator: tag)
        for outcome in [
            drive(connector.update(tips(remoteID: "7"), attempt: "a", facts), [one("journal_set", foreign)]),
            drive(connector.void(tips(remoteID: "7"), attempt: "a", facts), [one("journal_set", foreign)]),
        ] {
            #expect(!outcome.calls.contains { $0.kind == .write })
            if case .rejected(let fault)? = outcome.output { #expect(fault.code == "remote_id_missing") } else { Issue.record("\(String(describing: outcome.output))") }
        }
    }

    @Test("an explanation of which FreeAgent names no bank transaction is known as money all the same") func withoutTransaction() {
        #expect(Seen.remoteID("12", nil) == "12@" && Seen.isMoney("12@") && !Seen.isMoney("12"))
        #expect(Seen.ids("12@,13@9").map(\.id) == ["12", "13"] && Seen.ids("12@,13@9").map(\.transaction) == [nil, "9"])
        #expect(PostedAs(tips(remoteID: "12@")) == .money && PostedAs(payout(remoteID: "12")) == .journal)
        #expect(PostedAs(payout()) == .money && PostedAs(tips()) == .journal)
    }

    @Test("a journal is one write with its key as tag; a change replaces all entries") func journalWrites() throws {
        let (output, calls, _, _) = drive(connector.create([tips()], attempt: "a", facts), [one("journal_set", journal, status: 201, at: "journal_sets/12")])
        // The vendor's own sample has another number in its body than in its Location.
        #expect(output == [.posted(remoteID: "12", version: "2026-11-14T10:00:00Z")])
        #expect(try body(calls[0]) == [
            "journal_set": [
                "dated_on": "2026-11-14", "description": "order 1", "tag": "cf:0000000000000001",
                "journal_entries": [
                    ["category": "https://api.freeagent.com/v2/categories/731", "description": "Tips payable", "debit_value": "5.00"],
                    ["category": "https://api.freeagent.com/v2/categories/401", "description": "Wages", "debit_value": "-5.00"],
                ],
            ]
        ])
        let (_, changed, _, _) = drive(connector.update(tips(remoteID: "7"), attempt: "a", facts), [one("journal_set", journal), nothing])
        let entries = try body(changed[1]).member("journal_set", "journal_entries")?.array
        #expect(entries?.count == 4 && entries?[0] == ["url": "/v2/journal_sets/7/journal_entries/1", "_destroy": true])
        #expect(drive(connector.void(tips(remoteID: "7"), attempt: "a", facts), [one("journal_set", journal), nothing]).output == .posted(remoteID: "7", version: nil))
    }

    @Test("journals take no receivable and no sub account that wants more", arguments: [
        ("receivable_line", [owed(-500), line(.control, "customer_deposits", 500, category("731"))]),
        ("account_needs_more", [line(.control, "stock", -500, category("609-1", type: "stock")), line(.other, "cost_of_goods", 500, category("101"))]),
        ("account_needs_more", [line(.control, "owner", -500, category("900-1", type: "user")), line(.other, "x", 500, category("101"))]),
        ("document_unbalanced", [line(.other, "x", -500, category("401")), line(.other, "y", 499, category("101"))]),
    ] as [(String, [LedgerDocument.Line])])
    func refused(code: String, lines: [LedgerDocument.Line]) {
        let (output, calls, _, _) = drive(connector.create([document(.journal, lines)], attempt: "a", facts))
        let fault = rejected(output?.first)
        #expect(fault?.code == code && calls.isEmpty)
    }

    // MARK: Fetch

    @Test("a few are read one by one, many from the list of what changed since the oldest was written, the rest by id") func many() throws {
        func written(_ n: Int) -> LedgerDocument {
            var out = sale(n, remoteID: "\(n)")
            out.remoteVersion = "2026-11-14T1\(n):00:00Z"
            return out
        }
        let rows = (1 ... 3).map { shown(id: "\($0)", status: "Open", n: $0) }
        let (output, calls, _, _) = drive(connector.fetch((1 ... 4).map(written), facts), [list("invoices", rows), one("invoice", shown(id: "4", status: "Open", n: 4))])
        #expect(output?.count == 4 && said(calls) == [
            "GET /v2/invoices?nested_invoice_items=true&updated_since=2026-11-14T10%3A59%3A59.000Z&per_page=100&page=1", "GET /v2/invoices/4",
        ])
        #expect(drive(connector.fetch([written(1), written(2)], facts), [one("invoice", shown(id: "1", status: "Open")), HTTPResponse(404)]).output?.count == 1)
    }

    @Test("payments of a day on one account are read together") func paymentsTogether() {
        let rows = (1 ... 4).map { explanation(10 + $0, mark: "cf:\(key($0)) 1/1 order") }
        let (output, calls, _, _) = drive(
            connector.fetch((1 ... 4).map { payment($0, remoteID: "\(10 + $0)@\(6 + $0)") }, facts), [list("bank_transaction_explanations", rows)])
        #expect(output?.count == 4 && calls.count == 1 && output?[key(3)]?.remoteID == "13@9")
    }

    @Test("what can't be read is told, never guessed", arguments: [
        shown(status: "Half open"), shown(status: "Open", total: "many"), shown(status: "Open", total: "1e30"), shown(status: "Open", items: #"{"price":"x"}"#),
    ])
    func unreadable(record: String) {
        let (output, _, fault, _) = drive(connector.fetch([sale(remoteID: "3")], facts), [one("invoice", record)])
        #expect(output == nil && fault?.code == "unreadable_answer")
    }
}
