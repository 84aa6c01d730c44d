import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Payouts, deposits, summaries and payments with a rest")
struct GatheredTests {
    private let connector = Desk.connector

    private func payout(_ n: Int = 6, remoteID: String? = nil) -> LedgerDocument {
        Desk.document(
            .payout, n, total: "45.80", party: nil, reference: "payout PO-1", remoteID: remoteID,
            [
                Desk.line(.tender, "bank:USD", "1000", "45.80"), Desk.line(.control, "clearing:card:USD", "1310", "-50.00"),
                Desk.line(.fee, "processor_fees", "6100", "4.20"),
            ])
    }

    /// 100.00 paid by bank, of which the bank kept 0.15.
    private func bankPayment(_ n: Int = 7, fee: Bool = true, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
        var lines = [Desk.line(.tender, "bank:USD", "1000", fee ? "99.85" : "100.00"), Desk.line(.control, "receivable:shop", "1200", "-100.00")]
        if fee { lines.append(Desk.line(.fee, "bank_fees", "6200", "0.15")) }
        return Desk.document(.payment, n, total: "100.00", appliesTo: "145", reference: "transaction 1", remoteID: remoteID, effect: effect, lines)
    }

    @Test("a payout is a journal over bank, clearing and fees, found by its number and read back line by line")
    func payoutJournal() throws {
        let expected = try Desk.json(
            """
            {"DocNumber":"k7q2m9x4wz3r8t06","TxnDate":"2026-11-14","CurrencyRef":{"value":"USD"},
             "PrivateNote":"cf:k7q2m9x4wz3r8t06 payout PO-1",
             "Line":[{"Description":"payout PO-1","Amount":45.80,"DetailType":"JournalEntryLineDetail",
               "JournalEntryLineDetail":{"PostingType":"Debit","AccountRef":{"value":"A1000"}}},
              {"Description":"payout PO-1","Amount":50.00,"DetailType":"JournalEntryLineDetail",
               "JournalEntryLineDetail":{"PostingType":"Credit","AccountRef":{"value":"A1310"}}},
              {"Description":"payout PO-1","Amount":4.20,"DetailType":"JournalEntryLineDetail",
               "JournalEntryLineDetail":{"PostingType":"Debit","AccountRef":{"value":"A6100"}}}]}
            """)
        let body = try Desk.sent(payout())
        #expect(body == expected)
        #expect(connector.references(for: payout()) == [])
        let row = #"{"Id":"300","SyncToken":"0",\#(String(decoding: body.bytes, as: UTF8.self).dropFirst())"#
        let found = try Desk.finished(
            connector.find([payout()], Desk.facts), [Desk.answer(#"{"QueryResponse":{"JournalEntry":[\#(row)]}}"#)])
        let seen = try #require(found[payout().key])
        let meant = connector.meant(payout())
        #expect(seen.accounts == meant.accounts && seen.accounts == ["A1000": 4_580, "A1310": -5_000, "A6100": 420])
        #expect(seen.total_minor == meant.total_minor && seen.total_minor == 5_000)
        #expect(seen.party == nil && meant.party == nil)
    }

    @Test("a deposit and a day's summary are journals, the summary with one customer for what stays open")
    func others() throws {
        let deposit = Desk.document(
            .deposit, 8, total: "50.00", party: nil,
            [Desk.line(.tender, "clearing:card:USD", "1310", "50.00"), Desk.line(.control, "customer_deposits", "2330", "-50.00")])
        #expect(try Desk.sent(deposit)["Line"]?.array?.count == 2)
        #expect(connector.objections(to: deposit, Desk.facts) == [])
        let summary = Desk.document(
            .summary, 9, total: "150.00",
            [
                Desk.line(.control, "receivable:shop", "1200", "50.00"), Desk.line(.goods, "sales:cups", "4010", "-150.00"),
                Desk.line(.tender, "clearing:card:USD", "1310", "100.00"),
            ])
        let details = try Desk.sent(summary)["Line"]?.array?.compactMap { $0["JournalEntryLineDetail"] } ?? []
        #expect(details[0]["Entity"]?["EntityRef"]?["value"] == "58")
        #expect(connector.meant(summary).accounts == ["A1200": 5_000, "A4010": -15_000, "A1310": 10_000])
        #expect(connector.references(for: summary).map(\.kind) == [.party])
        #expect(connector.objections(to: summary, Desk.facts) == [])
    }

    @Test("what can't be a journal is told before it is cleared, each by its name")
    func objections() {
        func codes(_ document: LedgerDocument) -> [String] { connector.objections(to: document, Desk.facts).map(\.code) }
        let owed = Desk.document(
            .summary, 9, total: "50.00",
            [Desk.line(.control, "receivable:acme", "1200", "50.00"), Desk.line(.goods, "sales:cups", "4010", "-50.00")])
        #expect(codes(owed) == ["receivable_of_many"])
        let mixed = Desk.document(
            .payout, 9, total: "10.00", rate: "1.1", currency: .eur,
            [
                Desk.line(.tender, "bank:EUR", "1000", "10.00", currency: .eur), Desk.line(.control, "clearing:card:EUR", "1310", "-10.00", currency: .eur),
                Desk.line(.other, "fx_gain_loss", "7000", "0.00"),
            ])
        #expect(codes(mixed) == ["lines_in_currencies"])
        #expect(codes(Desk.document(.memo, total: "1.00", [])) == ["unsupported_form"])
        #expect(codes(Desk.invoice()) == [])
        #expect(codes(Desk.payment()) == [])
    }

    @Test("sales in another currency leave clearing at the value the books carry them at")
    func converted() throws {
        var document = payout()
        document.lines[1].plan.amount = Money(minor: -4_500, .eur)
        document.lines[1].plan.base = Desk.usd("-50.00")
        document.plan.lines = document.lines.map(\.plan)
        #expect(try Desk.sent(document)["Line"]?[1]?["Amount"] == .number("50.00"))
        #expect(connector.meant(document).accounts["A1310"] == -5_000)
    }

    @Test("a payment of which the bank kept something is a journal, and so is one that coins could not say")
    func rest() throws {
        let details = try Desk.sent(bankPayment())["Line"]?.array?.compactMap { $0["JournalEntryLineDetail"] } ?? []
        #expect(details.map { $0["AccountRef"]?["value"] } == ["A1000", "A1200", "A6200"])
        #expect(details.map { $0["PostingType"] } == ["Debit", "Credit", "Debit"])
        #expect(try Desk.sent(bankPayment(fee: false))["TotalAmt"] == .number("100.00"))
    }

    // MARK: What becomes another kind of document

    private static let nothing = Desk.answer(#"{"QueryResponse":{}}"#)
    private static func payment(voided: Bool) -> String {
        #"{"QueryResponse":{"Payment":[{"Id":"146","SyncToken":"3","TotalAmt":\#(voided ? "0" : "100.00"),"PrivateNote":"cf:k7q2m9x4wz3r8t07\#(voided ? " Voided" : "")"}]}}"#
    }
    private static let written = Desk.answer(#"{"JournalEntry":{"Id":"310","SyncToken":"0"}}"#)

    private func targets(_ calls: [Call]) -> [String] {
        calls.map { call in
            let path = String(call.request.path.dropFirst(Desk.base.count))
            return path == "/query" ? "query \(call.request.query("query")?.split(separator: " ")[3] ?? "")" : "\(path) \(call.request.query("include") ?? "")"
        }
    }

    @Test("a payment whose fee is told later is voided and written as a journal, once")
    func becomesJournal() throws {
        let (ending, calls) = Desk.play(
            connector.update(bankPayment(remoteID: "146"), attempt: "a", Desk.facts),
            [
                Self.nothing, Desk.answer(Self.payment(voided: false)), Self.nothing, Desk.answer(#"{"Payment":{"Id":"146","SyncToken":"4"}}"#), Self.written,
            ])
        #expect(targets(calls) == ["query JournalEntry", "query Payment", "query JournalEntry", "/payment void", "/journalentry "])
        guard case .finished(let outcome) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcome == .posted(remoteID: "310", version: "0"))
        #expect(calls[3].request.query("requestid") != calls[4].request.query("requestid"))
    }

    @Test("a change that broke off after the void goes on, and after the write it is not written again")
    func goesOn() throws {
        let first = Desk.play(
            connector.update(bankPayment(remoteID: "146"), attempt: "b", Desk.facts),
            [Self.nothing, Desk.answer(Self.payment(voided: true)), Self.nothing, Self.written])
        #expect(targets(first.calls).suffix(1) == ["/journalentry "])
        let there = Desk.answer(
            #"{"QueryResponse":{"JournalEntry":[{"Id":"310","SyncToken":"0","DocNumber":"k7q2m9x4wz3r8t07","Line":[]}]}}"#)
        let (_, calls) = Desk.play(
            connector.update(bankPayment(remoteID: "146"), attempt: "c", Desk.facts),
            [Self.nothing, Desk.answer(Self.payment(voided: true)), there, Self.written])
        #expect(try JSON(parsing: calls[3].request.body)["Id"] == "310")
    }

    @Test("what is neither there nor what it was before is said to be gone, not written anew")
    func gone() throws {
        let outcome = try Desk.finished(
            connector.update(bankPayment(remoteID: "146"), attempt: "a", Desk.facts), [Self.nothing, Self.nothing, Self.nothing])
        guard case .rejected(let fault) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(fault.code == "object_not_found")
    }

    @Test("a row of another kind that has the id by chance is nobody's to change: ours bears our key")
    func anothersRow() throws {
        func payment(_ note: String) -> HTTPResponse { Desk.answer(#"{"QueryResponse":{"Payment":[{"Id":"146","SyncToken":"3","TotalAmt":100.00,"PrivateNote":"\#(note)"}]}}"#) }
        func end(_ exchange: Exchange<PostOutcome>, _ note: String) throws -> (outcome: PostOutcome, writes: Int) {
            let (ending, calls) = Desk.play(exchange, [Self.nothing, payment(note), Self.nothing])
            guard case .finished(let outcome) = ending else { throw Fault("unfinished", stage: .post, disposition: .bug, summary: "unfinished") }
            return (outcome, calls.count { $0.kind == .write })
        }
        let change = connector.update(bankPayment(remoteID: "146"), attempt: "a", Desk.facts), void = connector.void(bankPayment(remoteID: "146", effect: .void), attempt: "a", Desk.facts)
        // Another posting's: ours is gone.
        let others = try end(change, "cf:k7q2m9x4wz3r8t08 x")
        guard case .rejected(let fault) = others.outcome else {
            Issue.record("\(others)")
            return
        }
        #expect(fault.code == "object_not_found" && others.writes == 0)
        let gone = try end(void, "cf:k7q2m9x4wz3r8t08 x")
        #expect(gone.outcome == .posted(remoteID: "146", version: nil) && gone.writes == 0)
        // Nobody's: it may be ours without its reference, so a person looks.
        for exchange in [change, void] {
            let unmarked = try end(exchange, "rent")
            guard case .rejected(let fault) = unmarked.outcome else {
                Issue.record("\(unmarked)")
                continue
            }
            #expect(fault.code == "ledger_document_unmarked" && fault.disposition == .hold && unmarked.writes == 0)
        }
    }

    @Test("a void finds a payment that stands as what it was before")
    func voidFormer() throws {
        let (ending, calls) = Desk.play(
            connector.void(bankPayment(remoteID: "146", effect: .void), attempt: "a", Desk.facts),
            [Self.nothing, Desk.answer(Self.payment(voided: false)), Desk.answer(#"{"Payment":{"Id":"146","SyncToken":"4"}}"#)])
        #expect(targets(calls) == ["query JournalEntry", "query Payment", "/payment void"])
        guard case .finished(let outcome) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcome == .posted(remoteID: "146", version: "4"))
    }
}
