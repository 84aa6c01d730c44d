import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Odoo

@Suite("Changing what stands") struct ChangeTests {
    private func update(_ document: LedgerDocument, _ answers: [HTTPResponse], _ connection: ConnectionFacts = facts) -> (outcome: String?, calls: [String], fault: Fault?) {
        let (end, calls) = drive(connector.update(document, attempt: "a", connection), answers)
        var fault: Fault?
        if case .rejected(let no)? = end.output { fault = no }
        return (end.output.map(word), names(calls), fault)
    }

    private func void(_ document: LedgerDocument, _ answers: [HTTPResponse], _ connection: ConnectionFacts = facts) -> (outcome: String?, calls: [String]) {
        let (end, calls) = drive(connector.void(document, attempt: "a", connection), answers)
        return (end.output.map(word), names(calls).map { String($0.drop { $0 != "/" }.dropFirst()) })
    }

    private static let items = list(item(1, move: 41, account: 200, "-10.0"), receivable(2, move: 41, "10.0"))
    private static let ok = answer("true")

    @Test("back to draft, all lines anew, compared, posted again") func posted() throws {
        let (end, calls) = drive(connector.update(simple(remoteID: "41"), attempt: "a", facts), [list(move(41)), Self.ok, Self.ok, Self.items, Self.ok])
        #expect(end.output.map(word) == "posted 41")
        #expect(names(calls) == [
            "account.move/search_read", "account.move/button_draft", "account.move/write", "account.move.line/search_read", "account.move/action_post",
        ])
        let values = try #require(try body(calls[2])["vals"])
        #expect(values["invoice_line_ids"]?[0] == [5, 0, 0] && values["invoice_line_ids"]?.array?.count == 2)
        #expect(values["move_type"] == nil && values["ref"]?.string?.hasPrefix("cf:0000000000000001 ") == true)
    }

    @Test("a change that broke off is gone on with: a draft needs no reset, a cancelled one does") func goesOn() {
        #expect(update(simple(remoteID: "41"), [list(move(41, state: "draft")), Self.ok, Self.items, Self.ok]).outcome == "posted 41")
        let cancelled = update(simple(remoteID: "41"), [list(move(41, state: "cancel")), Self.ok, Self.ok, Self.items, Self.ok])
        #expect(cancelled.outcome == "posted 41" && cancelled.calls[1] == "account.move/button_draft")
    }

    @Test("a payment is settled again after it") func payments() {
        let lines = list(receivable(11, move: 41, "-10.0"), receivable(12, move: 77, "10.0"))
        let out = update(payment(remoteID: "41"), [list(move(41, type: "entry")), Self.ok, Self.ok, Self.ok, lines, Self.ok])
        #expect(out.outcome == "posted 41" && out.calls.suffix(2) == ["account.move.line/search_read", "account.move.line/reconcile"])
    }

    @Test("what has money on it, is of another type or is gone is left alone") func leftAlone() {
        #expect(update(simple(remoteID: "41"), [list(move(41, residual: "4.0", payment: "partial"))]).outcome == "rejected ledger_document_fixed")
        #expect(update(simple(remoteID: "41"), [list(move(41, type: "out_refund"))]).outcome == "rejected ledger_document_fixed")
        #expect(update(simple(remoteID: "41"), [list()]).outcome == "rejected ledger_document_missing")
        #expect(void(simple(remoteID: "41"), [list(move(41, residual: "0.0", payment: "paid"))]).outcome == "rejected ledger_document_fixed")
        #expect(update(simple(remoteID: "D1"), []).outcome == "rejected remote_id_missing")
        #expect(update(simple(), []).calls.isEmpty)
        // What can't be written must not cost what stands.
        var bad = simple(remoteID: "41")
        bad.party = nil
        #expect(update(bad, []).outcome == "rejected party_missing")
    }

    @Test("a refused change gives the old document its effect back; a refused post says that it is a draft") func refusals() {
        let restored = update(simple(remoteID: "41"), [list(move(41)), Self.ok, refusal("The account is deprecated."), Self.ok])
        #expect(restored.outcome == "rejected ledger_account_invalid" && restored.calls.last == "account.move/action_post")
        #expect(restored.fault?.summary.contains("draft") == false)
        let left = update(simple(remoteID: "41"), [list(move(41)), Self.ok, Self.ok, Self.items, refusal("lock date")])
        #expect(left.outcome == "rejected ledger_period_closed" && left.fault?.summary.hasSuffix("left as a draft") == true)
        #expect(update(simple(remoteID: "41"), [list(move(41)), refusal("the lock date 10/31/2026")]).outcome == "rejected ledger_period_closed")
    }

    @Test("a state that nobody knows stops it", arguments: ["null", "\"approved\"", "7"]) func states(_ state: String) {
        let row = answer("[{\"id\":41,\"move_type\":\"out_invoice\",\"state\":\(state)}]")
        #expect(drive(connector.update(simple(remoteID: "41"), attempt: "a", facts), [row]).end.fault?.code == "unreadable_answer")
    }

    // MARK: Voids

    @Test("a void: draft, then cancelled; done once is done") func voids() {
        #expect(void(simple(remoteID: "41"), [list(move(41)), Self.ok, Self.ok]) == ("posted 41", ["search_read", "button_draft", "button_cancel"]))
        #expect(void(simple(remoteID: "41"), [list(move(41, state: "draft")), Self.ok]) == ("posted 41", ["search_read", "button_cancel"]))
        #expect(void(simple(remoteID: "41"), [list(move(41, state: "cancel"))]) == ("posted 41", ["search_read"]))
    }

    @Test("a void is done where a reversal took all of it back, and refused where Odoo calls reversed what a credit note and money settle") func voidReversed() {
        let (sale, partials) = (list(move(41, residual: "0.0", payment: "reversed")), list(#"{"id":1,"debit_move_id":[2,"x"],"credit_move_id":[70,"y"]}"#))
        let other = list(#"{"id":70,"move_id":[50,"RINV"],"amount_currency":-10.0}"#)
        let done = void(simple(remoteID: "41"), [sale, Self.items, partials, other, list(#"{"id":50,"reversed_entry_id":[41,"INV"]}"#)])
        #expect(done.outcome == "posted 41" && Set(done.calls) == ["search_read"])
        let stands = void(simple(remoteID: "41"), [sale, Self.items, partials, other, list()])
        #expect(stands.outcome == "rejected ledger_document_fixed" && Set(stands.calls) == ["search_read"])
        // A change never takes such a document for one without effect.
        #expect(update(simple(remoteID: "41"), [sale]).outcome == "rejected ledger_document_fixed")
    }

    @Test("a reversal whose posting was lost is a draft without our key: it is posted, and no second one is made") func reversalResumed() {
        let sealed = refusal("You cannot modify a posted entry of this journal because it is in strict mode (inalterable hash).")
        let own = list(#"{"id":41,"journal_id":[7,"Sales"],"amount_total":10.0,"ref":"cf:x","date":"2026-11-14","state":"posted"}"#)
        let standing = list(move(41))
        func tried(_ others: String...) -> (outcome: String?, calls: [Call], fault: Fault?) {
            let list = answer("[\(others.joined(separator: ","))]")
            let (end, calls) = drive(connector.void(simple(remoteID: "41"), attempt: "a", facts), [standing, sealed, own, list, answer("false")])
            var fault: Fault?
            if case .rejected(let no)? = end.output { fault = no }
            return (end.output.map(word), calls, fault)
        }
        func reversal(_ id: Int = 50, total: String = "10.0", ref: String = "Reversal of: INV/2026/00042, cancelled by its source", date: String = "2026-11-14", state: String = "draft") -> String {
            #"{"id":\#(id),"amount_total":\#(total),"ref":"\#(ref)","date":"\#(date)","state":"\#(state)"}"#
        }
        let (outcome, calls, _) = tried(reversal())
        #expect(outcome == "posted 41")
        #expect(names(calls).suffix(2) == ["account.move/search_read", "account.move/action_post"] && String(decoding: calls[4].request.body, as: UTF8.self).contains("[50]"))
        // What a person began, of all of it or of a part, is theirs: neither posted nor joined by another one.
        for draft in [reversal(ref: "Reversal of: INV/2026/00042, goodwill"), reversal(total: "4.0"), reversal(date: "2026-11-20"), reversal(ref: "false"), reversal() + "," + reversal(51)] {
            let (outcome, calls, fault) = tried(draft)
            #expect(outcome == "rejected ledger_document_fixed" && names(calls).last == "account.move/search_read")
            #expect(fault?.summary.contains("draft reversal") == true && fault?.remedy == "Post or delete it in Odoo, then release the posting.")
        }
        // Posted, and taken apart again by somebody.
        let apart = tried(reversal(state: "posted"))
        #expect(apart.outcome == "rejected ledger_document_fixed" && apart.fault?.remedy.hasPrefix("Reconcile or cancel it") == true)
    }

    @Test("where the journal is sealed, a reversal takes the effect back: by its version's own way", arguments: [("19", "refund_moves"), ("16", "reverse_moves")])
    func reversal(version: String, method: String) throws {
        func said(_ result: String) -> HTTPResponse { answer(version == "19" ? result : "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\(result)}") }
        let sealed = refusal("You cannot modify a posted entry of this journal because it is in strict mode (inalterable hash).")
        let no = version == "19" ? sealed : answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":200,\"message\":\"Odoo Server Error\",\"data\":\(sealed.bodyText)}}")
        let (end, calls) = drive(
            connector.void(simple(remoteID: "41"), attempt: "a", facts(["version": version])),
            [said("[\(move(41))]"), no, said("[{\"id\":41,\"journal_id\":[7,\"Sales\"]}]"), said("[]"), said("[3]"), said("{\"res_id\":50}"), said("false")])
        #expect(end.output.map(word) == "posted 41")
        let asked = names(calls).dropFirst(4)
        #expect(asked.prefix(2) == ["account.move.reversal/create", "account.move.reversal/\(method)"])
        #expect(asked.dropFirst(2) == (version == "19" ? ["account.move/action_post"] : []))
        let text = String(decoding: calls[4].request.body, as: UTF8.self)
        #expect(text.contains("\"refund_method\"") == (version == "16") && text.contains("\"active_ids\":[41]"))
        // An entry's reversal would not show what it did to its settlement.
        let entry = drive(connector.void(payment(remoteID: "41"), attempt: "a", facts), [list(move(41, type: "entry")), sealed])
        #expect(entry.end.output.map(word) == "rejected ledger_document_fixed")
    }
}
