import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Files beside documents")
struct AttachTests {
    let connector = Desk.connector
    private let file = LedgerFile(name: "counterfoil-k-r1.csv", contentType: "text/csv", bytes: Array("a,b\r\n1,2\r\n".utf8))

    private func play(_ answers: HTTPResponse...) throws -> (ending: Desk.Ending<PostOutcome>, calls: [Call]) {
        Desk.play(try #require(connector.attach(file, to: Desk.refund(remoteID: "145"), attempt: "7f0c", Desk.facts)), answers)
    }

    private let none = Desk.answer(#"{"QueryResponse":{},"time":"x"}"#)

    @Test("a file is looked for by its name first, and one that is there is not sent again")
    func there() throws {
        let (ending, calls) = try play(Desk.answer(
            #"{"QueryResponse":{"Attachable":[{"Id":"8","FileName":"scan.pdf"},{"Id":"9","SyncToken":"0","FileName":"counterfoil-k-r1.csv"}]}}"#))
        #expect(calls.count == 1)
        #expect(
            calls[0].request.query("query")
                == "select * from Attachable where AttachableRef.EntityRef.Type = 'JournalEntry' and AttachableRef.EntityRef.value = '145' orderby Id startposition 1 maxresults 1000")
        guard case .finished(let outcome) = ending else { throw Desk.Unfinished() }
        #expect(outcome == .posted(remoteID: "9", version: "0"))
    }

    @Test("an upload has two parts: what it is and where it belongs, and its bytes")
    func upload() throws {
        let (ending, calls) = try play(none, Desk.answer(#"{"AttachableResponse":[{"Attachable":{"Id":"10","SyncToken":"0","FileName":"f"}}],"time":"x"}"#))
        let request = calls[1].request
        #expect(request.target == Desk.base + "/upload?minorversion=75&requestid=7f0c")
        #expect(calls[1].kind == .write && calls[1].cost == ["minute": 1, "second": 1])
        let boundary = try #require(Multipart.boundary(of: request.fields["Content-Type"] ?? ""))
        let parts = try Multipart.read(request.body, boundary: boundary)
        #expect(parts.map(\.name) == ["file_metadata_01", "file_content_01"])
        #expect(parts[1].filename == "counterfoil-k-r1.csv" && parts[1].fields["Content-Type"] == "text/csv" && parts[1].body == file.bytes)
        #expect(try JSON(parsing: parts[0].body) == Desk.json(
            #"{"AttachableRef":[{"EntityRef":{"type":"JournalEntry","value":"145"},"IncludeOnSend":false}],"FileName":"counterfoil-k-r1.csv","ContentType":"text/csv"}"#))
        guard case .finished(let outcome) = ending else { throw Desk.Unfinished() }
        #expect(outcome == .posted(remoteID: "10", version: "0"))
    }

    @Test("a fault of the file is a refusal, an answer without a word of it leaves its outcome unknown")
    func refused() throws {
        let fault = Desk.fault("4001", "The file type is not supported").dropFirst().dropLast()
        guard case .finished(.rejected(let said)) = try play(none, Desk.answer(#"{"AttachableResponse":[{\#(fault)}]}"#)).ending else {
            Issue.record("not refused")
            return
        }
        #expect(said.summary.contains("not supported"))
        for text in ["{}", #"{"AttachableResponse":[{}]}"#] {
            guard case .finished(.unknown) = try play(none, Desk.answer(text)).ending else {
                Issue.record("\(text)")
                return
            }
        }
        guard case .judged(.outcomeUnknown) = try play(none, Desk.answer("", 503)).ending else {
            Issue.record("a lost answer")
            return
        }
    }
}
