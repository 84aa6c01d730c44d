import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

@Suite("Money on bank accounts")
struct MoneyTests {
    private func refused(_ document: LedgerDocument) -> String? {
        let (output, calls, _, _) = drive(connector.create([document], attempt: "a", facts))
        guard calls.isEmpty else { return "sent" }
        switch output?.first {
        case .rejected(let fault), .throttled(let fault): return fault.code
        default: return nil
        }
    }

    private func bodies(_ document: LedgerDocument) throws -> [JSON] {
        let form = try MoneyForm(document)
        return form.parts.enumerated().compactMap { form.body(of: $1, number: $0 + 1, document, facts).member("bank_transaction_explanation") }
    }

    /// - Source: bank_transaction_explanations.md: paid_invoice, gross_value, bank_account makes the transaction too.
    @Test("a payment explains money on the tender's bank account by its invoice") func paid() throws {
        let made = one("bank_transaction_explanation", explanation(), status: 201, at: "bank_transaction_explanations/12")
        let (output, calls, _, _) = drive(connector.create([payment()], attempt: "a", facts), [made])
        #expect(output == [.posted(remoteID: "12@8", version: "2026-11-14T10:00:00.000Z")])
        #expect(calls.map(\.cost) == [["minute": 1, "hour": 1]])
        #expect(try body(calls[0]) == [
            "bank_transaction_explanation": [
                "bank_account": "https://api.freeagent.com/v2/bank_accounts/5", "dated_on": "2026-11-14", "description": "cf:0000000000000001 1/1 order 1",
                "gross_value": "120.00", "paid_invoice": "https://api.freeagent.com/v2/invoices/3",
            ]
        ])
    }

    @Test("money back is below zero and about the credit note") func refund() throws {
        let document = document(
            .refundPayment, [owed(12_000), line(.tender, "clearing:card:GBP", -12_000, bank(5))], against: .creditNote, appliesTo: "4")
        let body = try #require(bodies(document).first)
        #expect(body["gross_value"] == "-120.00" && body["paid_invoice"] == "https://api.freeagent.com/v2/credit_notes/4")
    }

    @Test("a fee beside a payment is an explanation of its own, out of the scope of tax") func fee() throws {
        let bodies = try bodies(payment(fee: 300))
        #expect(bodies.map { $0["gross_value"]?.string } == ["120.00", "-3.00"])
        #expect(bodies[1]["category"] == "https://api.freeagent.com/v2/categories/363" && bodies[1]["sales_tax_status"] == "OUT_OF_SCOPE")
        let form = try MoneyForm(payment(fee: 300))
        #expect(form.accounts == ["bank_accounts/5": 11_700, "363": 300] && form.total == 12_000 && form.settles == "3")
    }

    @Test("a payout leaves the processor's account as a transfer to the bank and its fees") func paidOut() throws {
        let bodies = try bodies(payout())
        #expect(bodies.map { $0["bank_account"]?.string } == Array(repeating: "https://api.freeagent.com/v2/bank_accounts/5", count: 2))
        #expect(bodies.map { $0["gross_value"]?.string } == ["-117.00", "-3.00"])
        #expect(bodies[0]["transfer_bank_account"] == "https://api.freeagent.com/v2/bank_accounts/1")
        #expect(bodies.map { $0["description"]?.string } == ["cf:0000000000000001 1/2 order 1", "cf:0000000000000001 2/2 order 1"])
        #expect(try MoneyForm(payout()).accounts == ["bank_accounts/1": 11_700, "bank_accounts/5": -12_000, "363": 300])
    }

    @Test("a deposit goes to a category, and an invoice uses it up where it stands on a bank account of its own") func deposits() throws {
        let taken = document(.deposit, [line(.tender, "clearing:card:GBP", 5_000, bank(5)), line(.control, "customer_deposits", -5_000, category("731", type: "general"))])
        #expect(try bodies(taken).first?["category"] == "https://api.freeagent.com/v2/categories/731")
        let used = document(.journal, [line(.control, "customer_deposits", 5_000, bank(6)), owed(-5_000)], against: .invoice, appliesTo: "3")
        #expect(try bodies(used).first?["paid_invoice"] == "https://api.freeagent.com/v2/invoices/3")
        let homeless = document(.journal, [line(.control, "customer_deposits", 5_000, category("731", type: "general")), owed(-5_000)], against: .invoice, appliesTo: "3")
        #expect(refused(homeless) == "receivable_line")
    }

    @Test("foreign money states both amounts where its bank account is kept in the books' currency, one where it is kept in the document's") func foreign() throws {
        func paid(_ account: BoundAccount) -> LedgerDocument {
            document(
                .payment, [line(.tender, "clearing:card:EUR", 12_000, account, .eur, base: 10_000), owed(-12_000, .eur, base: -10_000)], currency: .eur,
                rate: ExactDecimal("0.8333333333"), against: .invoice, appliesTo: "3")
        }
        let booked = try #require(bodies(paid(bank(5))).first)
        #expect(booked["gross_value"] == "100.00" && booked["foreign_currency_value"] == "120.00")
        let own = try #require(bodies(paid(bank(5, .eur))).first)
        #expect(own["gross_value"] == "120.00" && own["foreign_currency_value"] == nil)
        #expect(refused(paid(bank(5, .usd))) == "bank_currency_differs")
    }

    @Test("what FreeAgent can't say is refused before anything is sent, and told by the objections") func refusals() throws {
        let cash = document(.payment, [line(.tender, "clearing:cash:GBP", 100, category("740", type: "general")), owed(-100)], against: .invoice, appliesTo: "3")
        let direct = document(.refundPayment, [owed(100), line(.tender, "clearing:card:GBP", -100, bank(5))], against: .invoice, appliesTo: "3")
        let loose = document(.payment, [line(.tender, "clearing:card:GBP", 100, bank(5)), owed(-100)])
        let lame = document(.deposit, [line(.tender, "clearing:card:GBP", 100, bank(5)), line(.control, "customer_deposits", -99, category("731"))])
        let dinar = try #require(Currency("KWD"))
        let kuwaiti = document(.deposit, [
            line(.tender, "clearing:card:KWD", 100, bank(5, dinar), dinar), line(.control, "customer_deposits", -100, category("731"), dinar),
        ], currency: dinar)
        for (document, code) in [
            (cash, "payment_not_bank"), (direct, "refund_without_credit_note"), (loose, "receivable_line"), (lame, "document_unbalanced"), (kuwaiti, "currency_precision"),
        ] {
            #expect(refused(document) == code)
            #expect(connector.objections(to: document, facts).map(\.code) == [code])
        }
        var early = payment()
        early.appliesTo = nil
        #expect(refused(early) == "waits_for_document" && connector.objections(to: early, facts).isEmpty)
    }

    // MARK: On the way

    @Test("what was written of a document is taken back when the rest is refused, with its bank transaction") func takenBack() {
        let first = one("bank_transaction_explanation", explanation(12, "-117.0", mark: "cf:0000000000000001 1/2 order 1"), status: 201)
        let bare = one("bank_transaction", #"{"amount":"-117.0","unexplained_amount":"-117.0","is_manual":true,"bank_transaction_explanations":[]}"#)
        let (output, calls, _, _) = drive(connector.create([payout()], attempt: "a", facts), [first, refusal("category is invalid"), nothing, bare, nothing])
        let fault = rejected(output?.first)
        #expect(fault?.code == "ledger_account_invalid")
        #expect(said(calls) == [
            "POST /v2/bank_transaction_explanations", "POST /v2/bank_transaction_explanations", "DELETE /v2/bank_transaction_explanations/12",
            "GET /v2/bank_transactions/8", "DELETE /v2/bank_transactions/8",
        ])
        #expect(calls[0].cost == ["minute": 2, "hour": 2] && calls.dropFirst().allSatisfy { $0.cost.isEmpty })
        let (left, _, _, _) = drive(connector.create([payout()], attempt: "a", facts), [first, refusal("category is invalid"), refusal("is locked")])
        #expect(isUnknown(left?.first))
    }

    @Test("a change keeps what is right, takes away what is not and writes what is missing") func changed() throws {
        let transfer = explanation(12, "-117.0", mark: "cf:0000000000000001 1/2 order 1", #""transfer_bank_account":"https://api.freeagent.com/v2/bank_accounts/1""#)
        let fee = explanation(13, "-2.0", mark: "cf:0000000000000001 2/2 order 1", #""category":"https://api.freeagent.com/v2/categories/363","sales_tax_value":"0.0""#)
        let half = explanation(14, on: 1, "117.0", mark: "cf:0000000000000001 1/2 order 1", #""linked_transfer_account":"https://api.freeagent.com/v2/bank_accounts/5""#)
        let made = one("bank_transaction_explanation", explanation(15, "-3.0", mark: "cf:0000000000000001 2/2 order 1"), status: 201)
        let (output, calls, _, _) = drive(
            connector.update(payout(remoteID: "12@8,13@9"), attempt: "a", facts),
            [list("bank_transaction_explanations", [transfer, fee, half]), nothing, HTTPResponse(404), made])
        #expect(output == .posted(remoteID: "12@8,15@11", version: "2026-11-14T10:00:00.000Z"))
        #expect(said(calls)[1...] == ["DELETE /v2/bank_transaction_explanations/13", "GET /v2/bank_transactions/9", "POST /v2/bank_transaction_explanations"])
        #expect(try body(calls[3]).member("bank_transaction_explanation", "gross_value")?.string == "-3.00")
        let (same, asked, _, _) = drive(
            connector.update(payment(1, remoteID: "12@8"), attempt: "a", facts), [list("bank_transaction_explanations", [explanation()])])
        #expect(same == .posted(remoteID: "12@8", version: "2026-11-14T10:00:00.000Z") && asked.count == 1, "nothing to be done")
    }

    @Test("a change that is refused once what stood there is gone says so: nobody else would know") func refusedAfter() {
        let old = explanation(12, "90.0", #""paid_invoice":"https://api.freeagent.com/v2/invoices/3""#)
        let (output, calls, _, _) = drive(
            connector.update(payment(1, remoteID: "12@8"), attempt: "a", facts),
            [list("bank_transaction_explanations", [old]), nothing, HTTPResponse(404), refusal("category is invalid")])
        let fault = rejected(output)
        #expect(said(calls).last == "POST /v2/bank_transaction_explanations")
        #expect(fault?.code == "ledger_account_invalid" && fault?.summary.contains("was taken away for the change") == true)
        #expect(fault?.remedy.hasSuffix("Then release the posting: it is written anew.") == true)
    }

    @Test("a locked explanation is left alone") func locked() {
        let fixed = explanation(12, "100.0", #""is_locked":true,"paid_invoice":"https://api.freeagent.com/v2/invoices/3""#)
        let (output, calls, _, _) = drive(connector.update(payment(1, remoteID: "12@8"), attempt: "a", facts), [list("bank_transaction_explanations", [fixed])])
        let fault = rejected(output)
        #expect(fault?.code == "ledger_document_fixed" && calls.count == 1)
    }

    @Test("a void takes the explanation and its transaction; one that broke off between both goes on") func void() {
        let bare = one("bank_transaction", #"{"amount":"120.0","unexplained_amount":"120.0","is_manual":true,"bank_transaction_explanations":[]}"#)
        let document = payment(1, remoteID: "12@8")
        let (output, calls, _, _) = drive(
            connector.void(document, attempt: "a", facts), [one("bank_transaction_explanation", explanation()), nothing, bare, nothing])
        #expect(output == .posted(remoteID: "12@8", version: nil) && said(calls).last == "DELETE /v2/bank_transactions/8")
        let (again, rest, _, _) = drive(connector.void(document, attempt: "a", facts), [HTTPResponse(404), bare, nothing])
        #expect(again == .posted(remoteID: "12@8", version: nil) && said(rest).last == "DELETE /v2/bank_transactions/8")
        let (gone, _, _, _) = drive(connector.void(document, attempt: "a", facts), [HTTPResponse(404), HTTPResponse(404)])
        #expect(gone == .posted(remoteID: "12@8", version: nil))
    }

    @Test("a statement's own line stays when its explanation goes") func statement() {
        let line = one("bank_transaction", #"{"amount":"120.0","unexplained_amount":"120.0","is_manual":false,"bank_transaction_explanations":[]}"#)
        let (output, calls, _, _) = drive(
            connector.void(payment(1, remoteID: "12@8"), attempt: "a", facts), [one("bank_transaction_explanation", explanation()), nothing, line])
        #expect(output == .posted(remoteID: "12@8", version: nil) && said(calls).last == "GET /v2/bank_transactions/8")
    }

    // MARK: Files

    private let receipt = LedgerFile(name: "payout.pdf", contentType: "application/x-pdf", bytes: [1, 2, 3])

    @Test("a file goes beside the first explanation, once") func attached() throws {
        let exchange = try #require(connector.attach(receipt, to: payout(remoteID: "12@8,13@9"), attempt: "a", facts))
        let (output, calls, _, _) = drive(exchange, [one("bank_transaction_explanation", explanation()), nothing])
        #expect(output == .posted(remoteID: "12@8,13@9", version: nil) && said(calls) == ["GET /v2/bank_transaction_explanations/12", "PUT /v2/bank_transaction_explanations/12"])
        #expect(try body(calls[1]) == [
            "bank_transaction_explanation": ["attachment": ["data": "AQID", "file_name": "payout.pdf", "content_type": "application/x-pdf"]]
        ])
        let there = one("bank_transaction_explanation", explanation(12, "120.0", mark: "x", #""attachment":{"file_name":"payout.pdf"}"#))
        #expect(drive(try #require(connector.attach(receipt, to: payout(remoteID: "12@8"), attempt: "a", facts)), [there]).calls.count == 1)
    }

    @Test("invoices and journals have no place for files; others than pictures and PDF, and a second one, are refused") func unfit() throws {
        #expect(connector.attach(receipt, to: sale(remoteID: "3"), attempt: "a", facts) == nil)
        #expect(connector.attach(receipt, to: tips(remoteID: "3"), attempt: "a", facts) == nil)
        var text = receipt
        text.contentType = "text/csv"
        let other = one("bank_transaction_explanation", explanation(12, "120.0", mark: "x", #""attachment":{"file_name":"other.pdf"}"#))
        for (file, answers, code) in [(text, [], "file_unfit"), (receipt, [other], "file_taken")] as [(LedgerFile, [HTTPResponse], String)] {
            #expect(rejected(drive(try #require(connector.attach(file, to: payout(remoteID: "12@8"), attempt: "a", facts)), answers).output)?.code == code)
        }
    }
}
