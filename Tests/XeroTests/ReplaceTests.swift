import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

/// Payments of an organisation, as far as replacing one needs them: deleted ones stay in lists, none can be changed, and
/// no invoice takes more than it owes.
private struct PaymentBook {
    struct Row {
        var id: String
        var reference: String
        var amount: String
        var account: String
        var target: String
        var form = "Invoice"
        var live = true
    }

    var rows: [Row] = []
    /// What an invoice still takes, in cents; no limit where there is none.
    var open: [String: Int64] = [:]
    var calls: [String] = []

    var live: [Row] { rows.filter(\.live) }

    mutating func handle(_ call: Call) throws -> HTTPResponse {
        let path = call.request.path.split(separator: "/").map(String.init)
        calls.append("\(call.request.method.rawValue) \(path.dropFirst(2).joined(separator: "/"))")
        switch (call.request.method, path.count) {
        case (.get, _):
            // Whatever is asked for, all is shown: it is the connector's to know what is its own.
            return FindTests.list("Payments", rows.map(text))
        case (.post, 4): return try delete(path[3], call)
        case (.put, 3): return try create(call)
        default: return answer("", status: 404)
        }
    }

    private func cents(_ amount: String) throws -> Int64 { try #require(Money(amount, .gbp)).minor }

    private mutating func delete(_ id: String, _ call: Call) throws -> HTTPResponse {
        #expect(try JSON(parsing: call.request.body) == ["Status": "DELETED"])
        guard let at = rows.firstIndex(where: { $0.id == id && $0.live }) else {
            return answer(
                "{\"ErrorNumber\":10,\"Elements\":[{\"ValidationErrors\":[{\"Message\":\"Payment not of valid status for modification\"}]}]}",
                status: 400)
        }
        rows[at].live = false
        if let left = open[rows[at].target] { open[rows[at].target] = left + (try cents(rows[at].amount)) }
        return FindTests.list("Payments", [text(rows[at])])
    }

    private mutating func create(_ call: Call) throws -> HTTPResponse {
        let sent = try #require(try JSON(parsing: call.request.body)["Payments"]?[0])
        let form = sent["Invoice"] == nil ? "CreditNote" : "Invoice"
        let row = Row(
            id: guid(100 + rows.count), reference: try #require(sent["Reference"]?.string),
            amount: try #require(sent["Amount"]?.text), account: try #require(sent["Account"]?["Code"]?.string),
            target: try #require(sent[form]?["\(form)ID"]?.string), form: form)
        if let left = open[row.target] {
            guard try cents(row.amount) <= left else {
                let why = "Payment amount exceeds the amount outstanding on this document"
                return FindTests.list(
                    "Payments",
                    ["{\"PaymentID\":\"\(guid(0))\",\"StatusAttributeString\":\"ERROR\",\"ValidationErrors\":[{\"Message\":\"\(why)\"}]}"])
            }
            open[row.target] = left - (try cents(row.amount))
        }
        rows.append(row)
        return FindTests.list("Payments", [text(row)])
    }

    private func text(_ row: Row) -> String {
        """
        {"PaymentID":"\(row.id)","Date":"/Date(1794614400000+0000)/","BankAmount":\(row.amount),"Amount":\(row.amount),"Reference":"\(row.reference)",
        "CurrencyRate":1.000000,"PaymentType":"\(row.form == "Invoice" ? "ACCRECPAYMENT" : "ARCREDITPAYMENT")","Status":"\(row.live ? "AUTHORISED" : "DELETED")",
        "Account":{"Code":"\(row.account)"},"\(row.form)":{"\(row.form)ID":"\(row.target)","CurrencyCode":"GBP"}}
        """
    }
}

/// Where an exchange breaks off.
private enum Cut: Sendable, CaseIterable {
    case never, requestLost, answerLost, status500

    /// How a cut write ends for the courier; `nil` where it does not end here.
    var unknown: Bool { self != .never }
}

/// What the courier makes of an exchange, with the `at`-th write cut off.
private enum Ending: Equatable { case outcome(PostOutcome), refused(String), unknown }

private func play(_ exchange: Exchange<PostOutcome>, _ book: inout PaymentBook, cut: Cut = .never, at: Int = 0) throws -> Ending {
    var step = exchange
    var writes = 0
    while true {
        switch step {
        case .finish(let outcome): return .outcome(outcome)
        case .fail(let fault): return writes > 0 ? .unknown : .refused(fault.code)
        case .send(let call, let then):
            if call.kind == .write, writes == at, cut != .never {
                if cut == .answerLost { _ = try book.handle(call) }
                return .unknown
            }
            let reply = try book.handle(call)
            guard case .accepted = connector.judge(reply, to: call) else { return writes > 0 ? .unknown : .refused("refused") }
            if call.kind == .write { writes += 1 }
            step = then(reply)
        }
    }
}

@Suite struct ReplaceTests {
    private func row(_ n: Int, id: Int, amount: String = "10.00", on target: Int = 77, live: Bool = true) -> PaymentBook.Row {
        PaymentBook.Row(
            id: guid(id), reference: "cf:\(key(n)) transaction \(n)", amount: amount, account: "611", target: guid(target), live: live)
    }

    private func update(_ document: LedgerDocument, attempt: String = "a") -> Exchange<PostOutcome> {
        connector.update(document, attempt: attempt, facts)
    }

    @Test("a changed payment is read, deleted and written anew, and the outcome names the new one")
    func replaces() throws {
        let moved = payment(1, on: 78, remoteID: guid(51))
        var book = PaymentBook(rows: [row(1, id: 51), row(2, id: 52)])
        #expect(try play(update(moved), &book) == .outcome(.posted(remoteID: guid(102), version: nil)))
        #expect(book.calls == ["GET Payments/\(guid(51))", "GET Payments", "POST Payments/\(guid(51))", "PUT Payments"])
        #expect(book.live.map(\.id) == [guid(52), guid(102)])
        #expect(book.live.last?.target == guid(78))
        #expect(book.live.last?.reference == "cf:\(key(1)) transaction 1")
    }

    @Test("the search asks by id and by key, the calls carry a key each, and the delete pays for the create")
    func requests() throws {
        let (_, calls) = drive(
            update(payment(1, on: 78, remoteID: guid(51))),
            [
                FindTests.list("Payments", [FindTests.paid(1, id: 51)]), FindTests.list("Payments", [FindTests.paid(1, id: 51)]),
                FindTests.list("Payments", [FindTests.paid(1, id: 51, status: "DELETED")]),
            ])
        #expect(calls.map(\.kind) == [.read, .read, .write, .write])
        #expect(calls[0].request.target == "/api.xro/2.0/Payments/\(guid(51))")
        #expect(calls[1].request.query("where") == "Reference==\"cf:\(key(1)) transaction 1\"")
        #expect(calls[2].request.target == "/api.xro/2.0/Payments/\(guid(51))")
        #expect(calls[3].request.target == "/api.xro/2.0/Payments?summarizeErrors=false")
        #expect(calls.dropFirst(2).map { $0.request.fields["Idempotency-Key"] } == ["a-delete", "a"])
        #expect(calls.map { $0.cost["minute"] ?? 0 } == [1, 1, 2, 0])
        #expect(try JSON(parsing: calls[3].request.body)["Payments"]?[0]?["Invoice"]?["InvoiceID"] == .string(guid(78)))
    }

    @Test("a refund's payment is replaced on its credit note")
    func refunds() throws {
        var book = PaymentBook(rows: [row(2, id: 51, on: 88)])
        book.rows[0].form = "CreditNote"
        book.rows[0].reference = "cf:\(key(2)) refund 2"
        let smaller = refund(2, amount: 700, remoteID: guid(51))
        #expect(try play(update(smaller), &book) == .outcome(.posted(remoteID: guid(101), version: nil)))
        #expect(book.live.map(\.amount) == ["7.00"])
        #expect(book.live.map(\.form) == ["CreditNote"])
    }

    @Test("wherever a replacement breaks off, doing it again ends with exactly one payment", arguments: Cut.allCases, [0, 1])
    private func brokenOff(_ cut: Cut, at write: Int) throws {
        let moved = payment(1, amount: 800, on: 78, remoteID: guid(51))
        var book = PaymentBook(rows: [row(1, id: 51)])
        let ending = try play(update(moved), &book, cut: cut, at: write)
        #expect((ending == .unknown) == cut.unknown)
        let found = try #require(try finds(moved, book))
        let done = cut == .never || (cut == .answerLost && write == 1)
        // What a search shows tells whether it must be done again.
        #expect((FindTests.differences(connector.meant(moved), found) == [] && found.appliesTo == guid(78)) == done)
        if done { #expect(found.remoteID == guid(101) && !found.voided) }
        let again = try play(update(moved, attempt: "b"), &book)
        #expect(again == .outcome(.posted(remoteID: guid(101), version: nil)))
        #expect(book.live.map(\.amount) == ["8.00"])
        #expect(book.live.map(\.target) == [guid(78)])
        #expect(book.rows.count == 2)
        // Once more, now by its new id: nothing is written.
        let writes = book.calls.filter { !$0.hasPrefix("GET") }.count
        #expect(try play(update(payment(1, amount: 800, on: 78, remoteID: guid(101))), &book) == again)
        #expect(book.calls.filter { !$0.hasPrefix("GET") }.count == writes)
    }

    private func finds(_ document: LedgerDocument, _ book: PaymentBook) throws -> LedgerReadback? {
        var copy = book
        let probe = connector.find([document], facts)
        guard case .send(let call, _) = probe else { return nil }
        return drive(probe, [try copy.handle(call)]).end.output?[document.key]
    }

    @Test("a payment that was taken back is written anew when it is wanted again")
    func revives() throws {
        var book = PaymentBook(rows: [row(1, id: 51, live: false)])
        #expect(try play(update(payment(remoteID: guid(51))), &book) == .outcome(.posted(remoteID: guid(101), version: nil)))
        #expect(book.calls == ["GET Payments/\(guid(51))", "GET Payments", "PUT Payments"])
    }

    @Test("of two that stand none is deleted: one may be a copy that a person made, reference and all")
    func doubled() throws {
        let moved = payment(1, on: 78, remoteID: guid(51))
        for exchange in [update(moved), update(payment(1, remoteID: guid(51))), connector.void(payment(1, remoteID: guid(51), effect: .void), attempt: "a", facts)] {
            var book = PaymentBook(rows: [row(1, id: 51), row(1, id: 53, on: 78)])
            guard case .outcome(.rejected(let fault)) = try play(exchange, &book) else {
                Issue.record("not held")
                continue
            }
            #expect(fault.code == "ledger_document_doubled" && fault.summary.contains(guid(51)) && fault.summary.contains(guid(53)))
            #expect(book.live.map(\.id) == [guid(51), guid(53)] && book.calls.allSatisfy { $0.hasPrefix("GET") })
        }
    }

    @Test("a new payment that Xero refuses says that the old one is deleted, and is written once the cause is mended")
    func refused() throws {
        var book = PaymentBook(rows: [row(1, id: 51)])
        book.open[guid(78)] = 500
        let moved = payment(1, on: 78, remoteID: guid(51))
        guard case .outcome(.rejected(let fault)) = try play(update(moved), &book) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.summary.contains("amount outstanding"))
        #expect(fault.summary.contains("is deleted"))
        #expect(book.live.isEmpty)
        book.open[guid(78)] = 1000
        #expect(try play(update(moved, attempt: "b"), &book) == .outcome(.posted(remoteID: guid(101), version: nil)))
        #expect(book.live.count == 1)
    }

    @Test("a payment that moves to a day that is closed stays where it is; one that stays on its day is Xero's to refuse")
    func lockedDay() throws {
        func lock(_ date: String) -> HTTPResponse { answer("{\"Organisations\":[{\"PeriodLockDate\":null,\"EndOfYearLockDate\":\"\(date)\"}]}") }
        let there = FindTests.list("Payments", [FindTests.paid(1, id: 51)])
        var later = payment(1, remoteID: guid(51))
        later.plan.date = day.adding(days: -1)
        let (end, calls) = drive(update(later), [there, there, lock("2026-11-13T00:00:00")])
        #expect(calls.map { String($0.request.path.dropFirst(13)) } == ["Payments/\(guid(51))", "Payments", "Organisation"])
        guard case .rejected(let fault)? = end.output else {
            Issue.record("\(end)")
            return
        }
        #expect(fault.code == "ledger_period_closed" && fault.summary.contains("2026-11-13"))
        #expect(drive(update(later), [there, there, lock("2026-11-12T00:00:00")]).calls.last?.kind == .write)
        #expect(drive(update(later), [there, there, lock("soon")]).end.fault?.code == "unreadable_answer")
        // A void goes nowhere, and a change on the same day asks nothing more.
        later.plan.effect = .void
        #expect(drive(connector.void(later, attempt: "a", facts), [there, there]).calls.last?.kind == .write)
        #expect(drive(update(payment(1, on: 78, remoteID: guid(51))), [there, there]).calls.last?.kind == .write)
    }

    @Test("what can't be written in Xero's words leaves the old payment where it is")
    func unspeakable() throws {
        var book = PaymentBook(rows: [row(1, id: 51)])
        var homeless = payment(1, remoteID: guid(51))
        homeless.appliesTo = nil
        guard case .outcome(.throttled(let fault)) = try play(update(homeless), &book) else {
            Issue.record("not put off")
            return
        }
        #expect(fault.code == "waits_for_document")
        #expect(book.calls.isEmpty && book.live.count == 1)
    }

    @Test("a void deletes what stands under any id, and finds a deleted one done")
    func voids() throws {
        func void(_ id: Int) -> Exchange<PostOutcome> {
            connector.void(payment(1, remoteID: guid(id), effect: .void), attempt: "a", facts)
        }
        var book = PaymentBook(rows: [row(1, id: 51), row(2, id: 52)])
        #expect(try play(void(51), &book) == .outcome(.posted(remoteID: guid(51), version: nil)))
        #expect(book.live.map(\.id) == [guid(52)])
        #expect(try play(void(51), &book) == .outcome(.posted(remoteID: guid(51), version: nil)))
        #expect(book.calls.filter { $0.hasPrefix("POST") }.count == 1)
        // An interrupted change had written another one.
        var moved = PaymentBook(rows: [row(1, id: 51, live: false), row(1, id: 53)])
        _ = try play(void(51), &moved)
        #expect(moved.live.isEmpty)
    }

    @Test(
        "an answer that does not show the payment deleted leaves the outcome unknown",
        arguments: [
            "", "{}", "{\"Payments\":[]}",
            "{\"Payments\":[{\"PaymentID\":\"00000000-0000-4000-8000-000000000051\",\"Status\":\"AUTHORISED\"}]}",
            "{\"Payments\":[{\"PaymentID\":\"00000000-0000-4000-8000-000000000051\"}]}",
            "{\"Payments\":[{\"PaymentID\":\"00000000-0000-4000-8000-000000000052\",\"Status\":\"DELETED\"}]}",
        ])
    func undeleted(_ text: String) {
        let (end, calls) = drive(
            update(payment(1, on: 78, remoteID: guid(51))),
            [FindTests.list("Payments", []), FindTests.list("Payments", [FindTests.paid(1, id: 51)]), answer(text)])
        #expect(calls.count == 3)
        guard case .unknown? = end.output else {
            Issue.record("not unknown")
            return
        }
    }

    @Test("a list in which a payment does not say whether it stands is not acted on")
    func statusless() {
        let bare = FindTests.paid(1, id: 51).replacing("\"Status\":\"AUTHORISED\",", with: "")
        let (end, calls) = drive(update(payment(1, on: 78, remoteID: guid(51))), [answer("", status: 404), FindTests.list("Payments", [bare])])
        #expect(calls.count == 2)
        #expect(end.fault?.code == "unreadable_answer")
    }

    @Test("another rate of the day is another payment")
    func rates() throws {
        func euro(_ rate: String) -> LedgerDocument {
            document(
                .payment,
                [
                    line(.tender, "clearing:card:EUR", 1000, "611", currency: .eur, base: 800),
                    line(.control, "receivable:shop", -1000, "610", currency: .eur, base: -800),
                ], currency: .eur, rate: decimal(rate), reference: "transaction 1", appliesTo: guid(77), against: .invoice,
                remoteID: guid(51))
        }
        let there = FindTests.paid(1, id: 51).replacing("\"GBP\"", with: "\"EUR\"")
            .replacing("\"CurrencyRate\":1.000000", with: "\"CurrencyRate\":1.250000")
        let list = FindTests.list("Payments", [there])
        #expect(drive(update(euro("0.8")), [list, list]).calls.count == 2)
        #expect(drive(update(euro("0.5")), [list, list]).calls.count == 3)
    }

    @Test("of payments the one that stands is found, of others the one that is known")
    func prefersLive() throws {
        let known = payment(1, remoteID: guid(51))
        let rows = [FindTests.paid(1, id: 51, status: "DELETED"), FindTests.paid(1, id: 53)]
        for list in [rows, rows.reversed()] {
            let found = drive(connector.find([known], facts), [FindTests.list("Payments", list)]).end.output?[key(1)]
            #expect(found?.remoteID == guid(53))
            #expect(found?.appliesTo == guid(77))
        }
        let only = drive(connector.find([known], facts), [FindTests.list("Payments", [rows[0]])]).end.output?[key(1)]
        #expect(only?.voided == true)
    }
}
