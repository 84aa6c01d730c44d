import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Writing documents")
struct PostTests {
    let connector = Desk.connector

    @Test("one document goes to its own endpoint under the attempt's id")
    func single() throws {
        let answer = Desk.answer(
            #"{"Invoice":{"Id":"145","SyncToken":"0","domain":"QBO"},"time":"2026-11-20T10:00:00-08:00"}"#)
        let (ending, calls) = Desk.play(connector.create([Desk.invoice()], attempt: "7f0c a/b", Desk.facts), [answer])
        #expect(calls.count == 1)
        #expect(calls[0].request.target == Desk.base + "/invoice?minorversion=75&requestid=7f0c%20a%2Fb")
        #expect(calls[0].kind == .write)
        #expect(calls[0].cost == ["minute": 1, "second": 1])
        guard case .finished(let outcomes) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcomes == [.posted(remoteID: "145", version: "0")])
    }

    @Test("an answer that names no document leaves its outcome unknown")
    func silentAnswer() throws {
        let outcomes = try Desk.finished(
            connector.create([Desk.invoice()], attempt: "a", Desk.facts), [Desk.answer("{}")])
        guard case .unknown = outcomes[0] else {
            Issue.record("\(outcomes[0])")
            return
        }
    }

    @Test("twenty-five documents go in one batch call, each under its own id")
    func fullBatch() throws {
        let documents = (0 ..< 25).map { n in n % 2 == 0 ? Desk.invoice(n) : Desk.payment(n) }
        let items = (1 ... 25).reversed().map { n in
            n % 2 == 1
                ? #"{"bId":"b\#(n)","Invoice":{"Id":"\#(100 + n)","SyncToken":"0"}}"#
                : #"{"bId":"b\#(n)","Payment":{"Id":"\#(100 + n)","SyncToken":"0"}}"#
        }
        let answer = Desk.answer(#"{"BatchItemResponse":[\#(items.joined(separator: ","))]}"#)
        let (ending, calls) = Desk.play(connector.create(documents, attempt: "attempt-1", Desk.facts), [answer])
        #expect(calls.count == 1)
        #expect(calls[0].request.target == Desk.base + "/batch?minorversion=75&requestid=attempt-1")
        #expect(calls[0].cost == ["minute": 25, "second": 1, "batch": 1])
        let body = try JSON(parsing: calls[0].request.body)
        #expect(body["BatchItemRequest"]?.array?.count == 25)
        #expect(body["BatchItemRequest"]?[0]?["bId"] == "b1")
        #expect(body["BatchItemRequest"]?[1]?["operation"] == "create")
        #expect(body["BatchItemRequest"]?[1]?["Payment"]?["PaymentRefNum"] == .string(Desk.key(1).text))
        guard case .finished(let outcomes) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcomes == (1 ... 25).map { .posted(remoteID: "\(100 + $0)", version: "0") })
    }

    @Test("one failure in a batch is that document's alone, and what the answer leaves out is unknown")
    func partialBatch() throws {
        let answer = Desk.answer(
            """
            {"BatchItemResponse":[
             {"bId":"b1","Invoice":{"Id":"1","SyncToken":"0"}},
             {"bId":"b2",\(Desk.fault("6140", "Duplicate Document Number Error").dropFirst().dropLast())},
             {"bId":"b3",\(Desk.fault("6210", "Account Period Closed").dropFirst().dropLast())},
             {"bId":"b4",\(Desk.fault("003001", "Too fast", type: "SERVICE").dropFirst().dropLast())},
             {"bId":"b5",\(Desk.fault("10000", "An error", type: "SystemFault").dropFirst().dropLast())},
             {"bId":"b6",\(Desk.fault("5010", "Stale Object Error").dropFirst().dropLast())},
             {"bId":"b7",\(Desk.fault("9999", "New in town", type: "").dropFirst().dropLast())},
             {"bId":"b8",\(Desk.fault("3200", "expired", type: "AUTHENTICATION").dropFirst().dropLast())}]}
            """)
        let outcomes = try Desk.finished(
            connector.create((0 ..< 9).map { Desk.invoice($0) }, attempt: "a", Desk.facts), [answer])
        let words = outcomes.map { outcome in
            switch outcome {
            case .posted(let id, _): "posted \(id)"
            case .duplicate(let fault): "duplicate \(fault.code)"
            case .rejected(let fault): "rejected \(fault.code)"
            case .throttled(let fault): "throttled \(fault.code)"
            case .stale(let fault): "stale \(fault.code)"
            case .unknown(let fault): "unknown \(fault.code)"
            }
        }
        #expect(
            words == [
                "posted 1", "duplicate duplicate_number", "rejected period_closed", "throttled throttled",
                "unknown outcome_unknown",
                "stale stale_version", "unknown outcome_unknown", "throttled credential_rejected",
                "unknown outcome_unknown",
            ])
    }

    @Test("a document that can't be written does not keep the others from being written")
    func mixedBatch() throws {
        let bad = Desk.document(.bill, 9, total: "1.00", [])
        let (ending, calls) = Desk.play(
            connector.create([bad, Desk.invoice()], attempt: "a", Desk.facts),
            [Desk.answer(#"{"Invoice":{"Id":"7","SyncToken":"3"}}"#)])
        #expect(calls[0].request.path == Desk.base + "/invoice")
        guard case .finished(let outcomes) = ending, outcomes.count == 2, case .rejected = outcomes[0] else {
            Issue.record("unfinished")
            return
        }
        #expect(outcomes[1] == .posted(remoteID: "7", version: "3"))
    }

    @Test("more documents than a batch holds wait for the next call")
    func tooMany() throws {
        let (_, calls) = Desk.play(connector.create((0 ..< 27).map { Desk.invoice($0) }, attempt: "a", Desk.facts), [])
        let items = try JSON(parsing: calls[0].request.body)["BatchItemRequest"]?.array ?? []
        #expect(items.count == 25)
        let answer = Desk.answer(#"{"BatchItemResponse":[]}"#)
        let outcomes = try Desk.finished(
            connector.create((0 ..< 27).map { Desk.invoice($0) }, attempt: "a", Desk.facts), [answer])
        #expect(outcomes.count == 27)
        guard case .throttled = outcomes[26], case .unknown = outcomes[24] else {
            Issue.record("\(outcomes)")
            return
        }
    }

    @Test("ids of attempts that are too long are shortened, and stay apart")
    func longAttempts() {
        let long = String(repeating: "a", count: 80)
        func ids(_ attempt: String) -> [String] {
            [[Desk.invoice()], [Desk.invoice(), Desk.invoice(2)]].map { documents in
                Desk.play(connector.create(documents, attempt: attempt, Desk.facts), []).calls[0].request.query(
                    "requestid") ?? ""
            }
        }
        let (a, b) = (ids(long + "1"), ids(long + "2"))
        #expect(a.map(\.count) == [50, 36])
        #expect(a[0] != b[0] && a[1] != b[1])
        #expect(a == ids(long + "1"))
    }

    @Test("a change reads the version first, replaces the lines and leaves the rest")
    func update() throws {
        let answers = [
            Desk.answer(#"{"QueryResponse":{"Invoice":[{"Id":"145","SyncToken":"4","TotalAmt":48.28}]}}"#),
            Desk.answer(#"{"Invoice":{"Id":"145","SyncToken":"5"}}"#),
        ]
        let (ending, calls) = Desk.play(
            connector.update(Desk.invoice(remoteID: "145"), attempt: "a", Desk.facts), answers)
        #expect(calls.map(\.kind) == [.read, .write])
        let body = try JSON(parsing: calls[1].request.body)
        #expect(body["Id"] == "145")
        #expect(body["SyncToken"] == "4")
        #expect(body["sparse"] == true)
        #expect(body["Line"]?.array?.count == 2)
        guard case .finished(let outcome) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcome == .posted(remoteID: "145", version: "5"))
    }

    @Test("a version that moved on in between is stale, not refused")
    func stale() throws {
        let answers = [
            Desk.answer(#"{"QueryResponse":{"Invoice":[{"Id":"145","SyncToken":"4"}]}}"#),
            Desk.answer(Desk.fault("5010", "Stale Object Error"), 400),
        ]
        let outcome = try Desk.finished(
            connector.update(Desk.invoice(remoteID: "145"), attempt: "a", Desk.facts), answers)
        guard case .stale = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test("a change to a document that is gone is refused")
    func updateGone() throws {
        let outcome = try Desk.finished(
            connector.update(Desk.invoice(remoteID: "145"), attempt: "a", Desk.facts),
            [Desk.answer(#"{"QueryResponse":{}}"#)])
        guard case .rejected(let fault) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(fault.code == "object_not_found")
    }

    @Test(
        "voiding takes the way that the kind of document knows",
        arguments: [
            (Desk.invoice(remoteID: "9"), "Invoice", "/invoice", "operation=void", false),
            (Desk.payment(remoteID: "9"), "Payment", "/payment", "operation=update&include=void", true),
            (Desk.credit(remoteID: "9"), "CreditMemo", "/creditmemo", "operation=delete", false),
            (Desk.refund(remoteID: "9"), "JournalEntry", "/journalentry", "operation=delete", false),
            (
                Desk.document(.salesReceipt, total: "0.00", remoteID: "9", []), "SalesReceipt", "/salesreceipt",
                "operation=update&include=void", true
            ),
        ])
    func void(_ document: LedgerDocument, _ name: String, _ path: String, _ parameters: String, _ sparse: Bool) throws {
        let answers = [
            Desk.answer(#"{"QueryResponse":{"\#(name)":[{"Id":"9","SyncToken":"2","TotalAmt":5,"PrivateNote":"cf:\#(document.key) order 1"}]}}"#),
            Desk.answer(#"{"\#(name)":{"Id":"9","status":"Deleted","domain":"QBO"}}"#),
        ]
        let (ending, calls) = Desk.play(connector.void(document, attempt: "a", Desk.facts), answers)
        #expect(calls.count == 2)
        #expect(calls[1].request.target == Desk.base + "\(path)?minorversion=75&\(parameters)&requestid=a")
        let body = try JSON(parsing: calls[1].request.body)
        #expect(body["Id"] == "9" && body["SyncToken"] == "2" && body["sparse"] == (sparse ? true : nil))
        guard case .finished(let outcome) = ending else {
            Issue.record("unfinished")
            return
        }
        #expect(outcome == .posted(remoteID: "9", version: nil))
    }

    @Test("voiding what is gone or void already changes nothing and succeeds")
    func voidTwice() throws {
        let gone = Desk.play(
            connector.void(Desk.refund(remoteID: "9"), attempt: "a", Desk.facts),
            [Desk.answer(#"{"QueryResponse":{}}"#)])
        let done = Desk.play(
            connector.void(Desk.invoice(remoteID: "9"), attempt: "a", Desk.facts),
            [
                Desk.answer(
                    #"{"QueryResponse":{"Invoice":[{"Id":"9","SyncToken":"3","TotalAmt":0,"PrivateNote":"Voided - cf"}]}}"#
                )
            ])
        #expect(gone.calls.count == 1 && done.calls.count == 1)
        guard case .finished(let a) = gone.ending, case .finished(let b) = done.ending else {
            Issue.record("unfinished")
            return
        }
        #expect(a == .posted(remoteID: "9", version: nil))
        #expect(b == .posted(remoteID: "9", version: "3"))
    }

    @Test("a change without an id to change is refused without a call")
    func noID() throws {
        let played = Desk.play(connector.void(Desk.invoice(), attempt: "a", Desk.facts), [])
        #expect(played.calls.isEmpty)
    }
}
