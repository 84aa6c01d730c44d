import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("Create, change, cancel") struct PostTests {
    private func create(_ document: LedgerDocument, _ answers: [HTTPResponse]) -> (outcomes: [String]?, calls: [String]) {
        let (end, calls) = drive(connector.create([document], attempt: "a", facts), answers)
        return (end.output?.map(word), names(calls))
    }

    private func update(_ document: LedgerDocument, _ answers: [HTTPResponse]) -> (outcome: String?, calls: [String], bodies: [JSON?]) {
        let (end, calls) = drive(connector.update(document, attempt: "a", facts), answers)
        return (end.output.map(word), names(calls), calls.map { try? body($0) })
    }

    private func void(_ document: LedgerDocument, _ answers: [HTTPResponse]) -> (outcome: String?, calls: [String], bodies: [JSON?]) {
        let (end, calls) = drive(connector.void(document, attempt: "a", facts), answers)
        return (end.output.map(word), names(calls), calls.map { try? body($0) })
    }

    @Test("one call, and the number that it names is the document's") func created() {
        let one = create(simple(), [answer(sale(812), status: 201)])
        #expect(one.outcomes == ["posted 812"] && one.calls == ["POST Invoices"])
        #expect(create(payment(), [answer(paid(31), status: 201)]).outcomes == ["posted 31"])
        #expect(create(payment(fee: 30), [answer(#"{"JdtNum":99}"#, status: 201)]).outcomes == ["posted JournalEntries/99"])
        #expect(create(payout(), [answer(entry(99, payoutLines), status: 201)]).outcomes == ["posted 99"])
    }

    @Test("a success that names no number is neither yes nor no: an approval makes a draft of it", arguments: [
        HTTPResponse(204), HTTPResponse(200), answer("{}", status: 201), answer(#"{"DocEntry":0}"#, status: 201), answer(#"{"DocEntry":"812"}"#, status: 201),
        answer("<html>", status: 200),
    ])
    func noNumber(_ response: HTTPResponse) { #expect(create(simple(), [response]).outcomes == ["unknown outcome_unknown"]) }

    @Test("a document that comes to another sum than the source's is cancelled at once") func differs() {
        let wrong = answer(sale(812, total: "21.61", tax: "3.61", lines: [("400000", "20.0"), ("400100", "-2.0")]), status: 201)
        let (outcomes, calls) = create(taxed(), [wrong, done])
        #expect(outcomes == ["rejected tax_differs"] && calls == ["POST Invoices", "POST Invoices(812)/Cancel"])
        // Where that is refused it stands, and reading it back tells the difference.
        #expect(create(taxed(), [wrong, refusal("Document cannot be cancelled")]).outcomes == ["posted 812"])
        let right = answer(sale(812, total: "21.6", tax: "3.6", lines: [("400000", "20.0"), ("400100", "-2.0")]), status: 201)
        #expect(create(taxed(), [right]).outcomes == ["posted 812"])
    }

    @Test("a foreign document at another value than the rate makes is cancelled at once: the company states rates the other way round") func rates() {
        let usd = document(
            .invoice, [control(1000, currency: .usd, base: 800), line(.goods, "sales:homeware", -1000, "400000", text: "Mug", currency: .usd, base: -800)],
            currency: .usd, rate: "0.8")
        func made(_ local: String) -> HTTPResponse {
            answer(sale(812, currency: "USD").replacing("\"DocTotal\":10.0", with: "\"DocTotal\":\(local)"), status: 201)
        }
        let (outcomes, calls) = create(usd, [made("12.5"), done])
        #expect(outcomes == ["rejected rate_differs"] && calls == ["POST Invoices", "POST Invoices(812)/Cancel"])
        for near in ["8.0", "8.03", "7.97"] { #expect(create(usd, [made(near)]).outcomes == ["posted 812"]) }
        #expect(create(usd, [made("8.06"), refusal("Document cannot be cancelled")]).outcomes == ["posted 812"])
    }

    @Test("several go one after the other, each with its own outcome") func several() {
        let (end, calls) = drive(
            connector.create([simple(1), document(.memo, []), simple(2)], attempt: "a", facts),
            [answer(sale(812), status: 201), answer(sale(813, key: 2), status: 201)])
        #expect(end.output?.map(word) == ["posted 812", "rejected form_unsupported", "posted 813"] && calls.count == 2)
    }

    // MARK: Changing

    @Test("a change cancels what stands and writes anew under the same key") func changed() throws {
        let made = answer(sale(42, total: "15.0", lines: [("400000", "15.0")]), status: 201)
        let (outcome, calls, bodies) = update(simple(amount: 1500, remoteID: "41"), [list(sale(41)), done, made])
        #expect(outcome == "posted 42" && calls == ["GET Invoices", "POST Invoices(41)/Cancel", "POST Invoices"])
        #expect(bodies[2]?["NumAtCard"] == "cf:0000000000000001 order 1001")
        let asked = drive(connector.update(simple(remoteID: "41"), attempt: "a", facts)).calls
        #expect(filter(asked[0]) == "startswith(NumAtCard,'cf:0000000000000001') or DocEntry eq 41")
    }

    @Test("a change that broke off is gone on with from wherever it stopped") func resumed() {
        let new = simple(amount: 1500, remoteID: "41")
        let (old, made) = (sale(41), sale(42, total: "15.0", lines: [("400000", "15.0")]))
        let gone = sale(41, cancelled: "tYES", status: "csYes")
        // Cancelled already, and the document that did it has the same references.
        #expect(update(new, [list(gone, sale(43, status: "csCancellation")), list(), answer(made, status: 201)]).outcome == "posted 42")
        // Written already.
        let written = update(new, [list(gone, made)])
        #expect(written.outcome == "posted 42" && written.calls == ["GET Invoices"])
        // Neither is cancelled by a guess: a change never leaves both.
        let both = update(new, [list(old, made)])
        #expect(both.outcome == "rejected ledger_document_doubled" && both.calls == ["GET Invoices"])
    }

    @Test("a copy that a person made of ours has its reference too, and neither a change nor a void touches it") func duplicated() {
        let both = list(sale(41), sale(42))
        for outcome in [update(simple(amount: 1500, remoteID: "41"), [both]), update(simple(remoteID: "41"), [both]), void(simple(remoteID: "41", effect: .void), [both])] {
            #expect(outcome.outcome == "rejected ledger_document_doubled" && outcome.calls == ["GET Invoices"])
        }
        let twice = [list(entry(91, payoutLines), entry(92, payoutLines))]
        #expect(void(payout(remoteID: "91"), twice).outcome == "rejected ledger_document_doubled")
        // Once the copy is cancelled there, ours is.
        let alone = void(simple(remoteID: "41", effect: .void), [list(sale(41), sale(42, cancelled: "tYES", status: "csYes")), done])
        #expect(alone.outcome == "posted 41" && alone.calls.last == "POST Invoices(41)/Cancel")
    }

    @Test("what can't be cancelled stays, and nothing is written beside it") func stuck() {
        let (outcome, calls, _) = update(simple(amount: 1500, remoteID: "41"), [list(sale(41)), refusal("This document has already been closed", -5002)])
        #expect(outcome == "rejected ledger_document_fixed" && calls.last == "POST Invoices(41)/Cancel")
    }

    @Test("what can't be written does not cost what stands") func invalid() {
        let bad = document(.invoice, simple().lines, total: 1001, remoteID: "41")
        let told = update(bad, [])
        #expect(told.outcome == "rejected document_unbalanced" && told.calls.isEmpty)
    }

    @Test("a payment that gets a fee becomes an entry, and the payment is cancelled") func moved() {
        let (outcome, calls, _) = update(payment(remoteID: "31", fee: 30), [list(paid(31)), list(), done, answer(#"{"JdtNum":99}"#, status: 201)])
        #expect(outcome == "posted JournalEntries/99")
        #expect(calls == ["GET IncomingPayments", "GET JournalEntries", "POST IncomingPayments(31)/Cancel", "POST JournalEntries"])
    }

    @Test("an entry is reversed by another one under the same key, and written anew") func entryChanged() throws {
        let new = document(
            .payout, [line(.tender, "bank:GBP", 9600, "161500"), line(.fee, "fees:card", 400, "620000"), line(.other, "clearing:card:GBP", -10_000, "161000")],
            total: 10_000, reference: "payout 55", remoteID: "91")
        let answers = [list(entry(91, payoutLines)), answer(#"{"JdtNum":92}"#, status: 201), answer(#"{"JdtNum":93}"#, status: 201)]
        let (outcome, calls, bodies) = update(new, answers)
        #expect(outcome == "posted 93" && calls == ["GET JournalEntries", "POST JournalEntries", "POST JournalEntries"])
        #expect(try bodies[1] == json(#"""
            {"ReferenceDate":"2026-11-20","DueDate":"2026-11-20","TaxDate":"2026-11-20","Memo":"Reversal of 91: payout 55","Reference":"cf:0000000000000001",
             "JournalEntryLines":[{"AccountCode":"161500","Credit":97.0},{"AccountCode":"620000","Credit":3.0},{"AccountCode":"161000","Debit":100.0}]}
            """#))
        // Reversed already.
        let resumed = update(new, [list(entry(91, payoutLines), entry(92, payoutBack)), answer(#"{"JdtNum":93}"#, status: 201)])
        #expect(resumed.outcome == "posted 93" && resumed.calls.count == 2)
    }

    // MARK: Cancelling

    @Test("a void cancels; what is cancelled already stays so") func voided() {
        let once = void(simple(remoteID: "41", effect: .void), [list(sale(41)), done])
        #expect(once.outcome == "posted 41" && once.calls == ["GET Invoices", "POST Invoices(41)/Cancel"])
        let again = void(simple(remoteID: "41", effect: .void), [list(sale(41, cancelled: "tYES", status: "csYes")), list()])
        #expect(again.outcome == "posted 41" && again.calls == ["GET Invoices", "GET Drafts"])
        #expect(void(simple(remoteID: "41", effect: .void), [list(), list()]).outcome == "rejected ledger_document_missing")
        #expect(void(simple(effect: .void), []).outcome == "rejected remote_id_missing")
    }

    @Test("a refused cancellation is told as it is meant") func refusedVoid() {
        let no = refusal("Date deviates from permissible range [OINV.DocDate]")
        #expect(void(simple(remoteID: "41", effect: .void), [list(sale(41)), no]).outcome == "rejected ledger_period_closed")
    }

    @Test("an entry of a customer is reversed on the customer") func voidedPartner() throws {
        let rows = [("161000", "161000", "9.7", "0.0"), ("120000", "C20000", "0.0", "10.0"), ("620000", "620000", "0.3", "0.0")]
        let answers = [list(), list(entry(91, rows)), answer(#"{"JdtNum":92}"#, status: 201)]
        let (outcome, _, bodies) = void(payment(remoteID: "JournalEntries/91", fee: 30), answers)
        #expect(outcome == "posted JournalEntries/91")
        #expect(try bodies[2]?["JournalEntryLines"] == json(#"""
            [{"AccountCode":"161000","Credit":9.7},{"ShortName":"C20000","Debit":10.0},{"AccountCode":"620000","Credit":0.3}]
            """#))
    }

    @Test("what waits for an approval is neither written again nor cancelled") func approval() {
        let draft = list(#"{"DocEntry":7,"DocumentStatus":"bost_Open","NumAtCard":"cf:0000000000000001 order 1001"}"#)
        #expect(update(simple(remoteID: "Drafts/7"), [list(), draft]).outcome == "rejected ledger_approval_pending")
        #expect(void(simple(remoteID: "Drafts/7", effect: .void), [list(), draft]).outcome == "rejected ledger_approval_pending")
        let paymentDraft = list(#"{"DocEntry":8,"AuthorizationStatus":"pasPending","Cancelled":"tNO","TransferReference":"cf:0000000000000001"}"#)
        #expect(update(payment(remoteID: "PaymentDrafts/8"), [list(), list(), paymentDraft]).outcome == "rejected ledger_approval_pending")
        // Once somebody deleted it there is nothing to take back, and a change is written.
        #expect(void(simple(remoteID: "Drafts/7", effect: .void), [list(), list()]).outcome == "posted Drafts/7")
        #expect(void(payment(remoteID: "PaymentDrafts/8", effect: .void), [list(), list(), list()]).outcome == "posted PaymentDrafts/8")
        #expect(update(simple(remoteID: "Drafts/7"), [list(), list(), answer(sale(41), status: 201)]).outcome == "posted 41")
        // One whose number is told as the document's is no document.
        for made in [#""dasPending""#, #""pasPending""#] {
            let told = create(simple(), [answer(#"{"DocEntry":7,"AuthorizationStatus":\#(made)}"#, status: 201)])
            #expect(told.outcomes?.first?.hasPrefix("unknown ") == true)
        }
        // Once it is approved and added it is the document that was meant.
        #expect(update(simple(remoteID: "Drafts/7"), [list(sale(41))]).outcome == "posted 41")
    }
}
