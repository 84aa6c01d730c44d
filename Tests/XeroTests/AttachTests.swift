import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

private func file(_ name: String = "summary.csv", bytes: Int = 5, type: String = "text/csv") -> LedgerFile {
    LedgerFile(name: name, contentType: type, bytes: Array(repeating: 65, count: bytes))
}

/// As in OpenAPI's samples.
private func there(_ files: [(name: String, bytes: Int)]) -> HTTPResponse {
    let rows = files.enumerated().map { n, one in
        #"{"AttachmentID":"\#(guid(n + 1))","FileName":"\#(one.name)","Url":"https://api.xero.com/x","MimeType":"text/csv","ContentLength":\#(one.bytes)}"#
    }
    return FindTests.list("Attachments", rows)
}

private let sale = simple(remoteID: guid(41))

@Suite("Files beside documents")
struct AttachTests {
    private func attach(_ file: LedgerFile, _ document: LedgerDocument = sale, _ answers: [HTTPResponse]) throws -> (end: Ended<PostOutcome>, calls: [Call]) {
        drive(try #require(connector.attach(file, to: document, attempt: "a", facts)), answers)
    }

    private func refusal(_ end: Ended<PostOutcome>) -> String? {
        guard case .rejected(let fault)? = end.output else { return nil }
        #expect(fault.disposition == .reject)
        return fault.code
    }

    @Test("a file is looked for by its name and put there once, as the bytes that it is")
    func puts() throws {
        let (end, calls) = try attach(file("July & August.csv"), sale, [there([]), there([("July - August.csv", 5)])])
        #expect(calls.map(\.request.target) == ["/api.xro/2.0/Invoices/\(guid(41))/Attachments", "/api.xro/2.0/Invoices/\(guid(41))/Attachments/July%20-%20August.csv"])
        #expect(calls.map(\.request.method) == [.get, .put] && calls.map(\.kind) == [.read, .write])
        #expect(calls[1].request.body == Array("AAAAA".utf8) && calls[1].request.fields["Content-Type"] == "text/csv")
        #expect(calls[1].request.fields["Idempotency-Key"] == "a" && calls[1].request.query.isEmpty)
        #expect(end.output == .posted(remoteID: guid(1), version: nil))
    }

    @Test("one of that name with as many bytes is left, one with others is changed by its name, even where there are ten")
    func again() throws {
        let (end, calls) = try attach(file("Summary.CSV"), sale, [there([("other.csv", 5), ("summary.csv", 5)])])
        #expect(calls.count == 1 && end.output == .posted(remoteID: guid(2), version: nil))
        let ten = [("summary.csv", 4)] + (1 ... 9).map { ("f\($0).csv", 5) }
        let changed = try attach(file(), sale, [there(ten)])
        #expect(changed.calls.last?.request.method == .post && changed.calls.last?.request.target.hasSuffix("/Attachments/summary.csv") == true)
    }

    @Test("ten files are all that a document takes, and 25 MB all that a file may have")
    func limits() throws {
        let ten = (0 ..< 10).map { ("f\($0).csv", 5) }
        #expect(refusal(try attach(file(), sale, [there(ten)]).end) == "attachment_refused")
        #expect(try attach(file(), sale, [there(Array(ten.dropLast()))]).calls.count == 2)
        for size in [0, 25_000_001] {
            let (end, calls) = try attach(file(bytes: size), sale, [])
            #expect(calls.isEmpty && refusal(end) == "attachment_refused")
        }
    }

    @Test("each kind of document has its place, payments have none, and without an id there is none")
    func places() throws {
        let note = document(.creditNote, [line(.goods, "r", 1000, "206"), control(-1000)], remoteID: guid(2))
        let tips = document(.journal, [line(.control, "t", 500, "832"), line(.tender, "c", -500, "612")], total: 500, remoteID: guid(3))
        let order = document(.purchaseOrder, [line(.goods, "inventory", 500, "630"), line(.control, "payable:x", -500, "800")], remoteID: guid(4))
        for (document, place) in [(note, "CreditNotes"), (tips, "ManualJournals"), (order, "PurchaseOrders")] {
            let calls = try attach(file(), document, [there([])]).calls
            #expect(calls.allSatisfy { $0.request.path.hasPrefix("/api.xro/2.0/\(place)/") } && calls.count == 2)
        }
        #expect(connector.attach(file(), to: payment(remoteID: guid(5)), attempt: "a", facts) == nil)
        #expect(connector.attach(file(), to: document(.salesReceipt, []), attempt: "a", facts) == nil)
        for id in [nil, "", "1/../2"] as [String?] {
            let (end, calls) = try attach(file(), simple(remoteID: id), [])
            #expect(calls.isEmpty && refusal(end) == "remote_id_missing")
        }
    }

    @Test(
        "a name stays inside of its place in the address, and is looked for as it was written there",
        arguments: [
            ("../../Payments/1", "..-..-Payments-1"), ("a?b=c#d", "a-b=c-d"), ("ä\r\nX: 1.csv", "%C3%A4%20X-%201.csv"), ("100%.csv", "100-.csv"),
            ("..", "file"), ("", "file"), (" . ", "file"), ("a+b;c|d<e>f*.pdf", "a-b-c-d-e-f-.pdf"),
        ])
    func names(_ name: String, _ path: String) throws {
        let calls = try attach(file(name), sale, [there([])]).calls
        #expect(calls.last?.request.target.replacing("%3D", with: "=") == "/api.xro/2.0/Invoices/\(guid(41))/Attachments/\(path)")
        let again = try attach(file(name), sale, [there([(XeroConnector.attachmentName(name), 5)])])
        #expect(again.calls.count == 1)
    }

    @Test("a type that could not stand in a header goes as bytes", arguments: ["", "csv", "text/csv\r\nX: 1", "text/ü", String(repeating: "a/", count: 60)])
    func types(_ type: String) throws {
        #expect(try attach(file(type: type), sale, [there([])]).calls.last?.request.fields["Content-Type"] == "application/octet-stream")
    }

    @Test("an answer without the file's id leaves open whether it is there", arguments: ["", "{}", #"{"Attachments":[]}"#, #"{"Attachments":[{"AttachmentID":"0"}]}"#])
    func unclear(_ text: String) throws {
        guard case .unknown? = try attach(file(), sale, [there([]), answer(text)]).end.output else {
            Issue.record("not unknown")
            return
        }
    }

    @Test("a list that can't be read writes nothing, and a right that is missing concerns the file alone")
    func refused() throws {
        for text in ["", "{}", #"{"Attachments":null}"#] {
            let (end, calls) = try attach(file(), sale, [answer(text)])
            #expect(calls.count == 1 && end.fault != nil)
        }
        let (end, _) = try attach(file(), sale, [HTTPResponse(403)])
        #expect(end.fault?.code == "attachment_refused" && end.fault?.disposition == .reject)
        // A list of values in a file is no batch.
        let json = LedgerFile(name: "a.json", contentType: "application/json", bytes: Array(#"{"a":[1,2]}"#.utf8))
        let body = answer(#"{"ErrorNumber":10,"Message":"The file is not allowed"}"#, status: 400)
        #expect(try attach(json, sale, [there([]), body]).end.fault?.code == "ledger_refused")
    }
}
