import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import TwinKit
import TwinReturns
import Wire

@testable import Returns

private let words = "Xero: credit note for order #1001, 73.30 USD, 2026-11-14, is posted. [counterfoil:0123456789abcdef.2]"

private func state(of id: String = "55120", _ state: ReflectedState.State = .credited, number: Int = 2, reference: String = "order #1001") throws -> ReflectedState {
    ReflectedState(
        key: try #require(PostKey("0123456789abcdef")), number: number, subject: id, caseID: "5512345678901", form: .creditNote, reference: reference,
        ledger: "Xero", remoteID: "1", state: state, total: usd(7_330), paid: state == .paid ? usd(7_330) : nil, date: try #require(LocalDate("2026-11-14")))
}

private func tell(_ state: ReflectedState, _ answer: (String) -> HTTPResponse) throws -> Played<PostOutcome> {
    loop.play(try #require(loop.reflect(state, attempt: "a", facts())), answer)
}

private let none = HTTPResponse(422, body: Array("false".utf8))

@Suite("Notes beside Loop's returns") struct ReflectTests {
    @Test("a note is written where none has its mark; that there are none is said in Loop's way, with quotes or without", arguments: ["false", "\"false\"", "notes"])
    func written(first: String) throws {
        let empty = first == "notes"
            ? HTTPResponse.json(200, ["notes": [["id": 7, "content": "Parcel was wet [counterfoil:0123456789abcdef.1]", "created_at": "2026-11-13T09:00:00Z"]]])
            : HTTPResponse(422, body: Array(first.utf8))
        let played = try tell(try state()) { $0.hasSuffix("/notes") ? empty : .json(200, "true") }
        #expect(played.output == .posted(remoteID: "counterfoil:0123456789abcdef.2", version: nil))
        #expect(played.targets == ["/api/v1/warehouse/return/55120/notes", "/api/v1/warehouse/return/55120/note"])
        #expect(played.calls.map(\.kind) == [.read, .write] && played.calls.map(\.cost) == [["minute": 1], ["minute": 1]])
        #expect(try JSON(parsing: played.calls[1].request.body) == ["content": .string(words)])
    }

    @Test("a note that is there already is found by its mark and not written again; another state's is no sign of it") func found() throws {
        let there = HTTPResponse.json(200, ["notes": [["id": 701, "content": .string(words)]]])
        let played = try tell(try state()) { _ in there }
        #expect(played.output == .posted(remoteID: "701", version: nil) && played.calls.count == 1)
        let other = try tell(try state(number: 20)) { $0.hasSuffix("/notes") ? there : HTTPResponse(200, body: Array("true".utf8)) }
        #expect(other.output == .posted(remoteID: "counterfoil:0123456789abcdef.20", version: nil) && other.calls.count == 2)
    }

    @Test("a note is shorter than 255 characters and keeps its mark, whatever the order is called") func length() throws {
        for name in [String(repeating: "n", count: 400), String(repeating: "👩‍👩‍👧‍👦", count: 60), "two\nlines"] {
            let text = LoopNotes.text(try state(reference: name))
            #expect(text.utf16.count < 255 && text.hasSuffix(" [counterfoil:0123456789abcdef.2]") && !text.contains("\n"))
        }
    }

    @Test("an answer that does not say that the note is written leaves that open", arguments: ["false", "", "{}", "{\"message\":\"queued\"}", "<html>", "[true]"])
    func vague(body: String) throws {
        let played = try tell(try state()) { $0.hasSuffix("/notes") ? none : HTTPResponse(200, body: Array(body.utf8)) }
        guard case .outcomeUnknown? = played.verdict else { return #expect(Bool(false), "\(played.end)") }
    }

    @Test("what the notes are can't be guessed: a list that can't be read is asked for again, and nothing is written", arguments: ["{}", "[]", "{\"notes\":null}", "{\"notes\":[1]}"])
    func unreadable(body: String) throws {
        let played = try tell(try state()) { _ in HTTPResponse(200, body: Array(body.utf8)) }
        #expect(played.calls.count == 1 && played.output == nil)
        let broken = try tell(try state()) { $0.hasSuffix("/notes") ? HTTPResponse(503) : .json(200, "true") }
        guard case .unavailable? = broken.verdict else { return #expect(Bool(false), "\(broken.end)") }
        let lost = try tell(try state()) { $0.hasSuffix("/notes") ? none : HTTPResponse(500) }
        guard case .outcomeUnknown? = lost.verdict else { return #expect(Bool(false), "\(lost.end)") }
    }

    @Test("a refusal is Loop's own words; a return that is gone is named; neither is an open question") func refused() throws {
        let long: JSON = ["errors": ["message": "Content is required and must be less than 255 characters."]]
        for status in [422, 200] {
            let played = try tell(try state()) { $0.hasSuffix("/notes") ? none : .json(status, long) }
            guard case .rejected(let fault)? = played.verdict else { return #expect(Bool(false), "\(played.end)") }
            #expect(fault.description.contains("less than 255 characters"))
        }
        let gone = try tell(try state()) { _ in .json(404, ["error": ["code": "404", "http_code": "GEN-NOT-FOUND", "message": "Return not found."]]) }
        guard case .rejected(let fault)? = gone.output else { return #expect(Bool(false), "\(gone.end)") }
        #expect(fault.code == "return_gone")
    }

    @Test("a key that may not do it is refused there and goes on reading", arguments: ["/notes", "/note"]) func denied(path: String) throws {
        let answer = HTTPResponse.json(403, ["error": ["code": "403", "http_code": "GEN-FORBIDDEN", "message": "This action is unauthorized."]])
        let played = try tell(try state()) { $0.hasSuffix(path) ? answer : none }
        guard case .rejected(let fault)? = played.verdict else { return #expect(Bool(false), "\(played.end)") }
        #expect(fault.code == "write_denied")
        guard case .reauthorize = loop.judge(answer, to: Call(.read, HTTPRequest(.get, "/api/v1/warehouse/return/list"))) else { return #expect(Bool(false)) }
    }

    @Test("what is no id of Loop's has no place, and AfterShip has none at all") func places() throws {
        for id in ["", "0", "-1", "055", "return:55120", "55120/../1", "b3eedf69"] { #expect(loop.reflect(try state(of: id), attempt: "a", facts()) == nil, "\(id)") }
        #expect(loop.reflectionPlace == .written && afterShip.reflectionPlace == .none)
        #expect(afterShip.reflect(try state(), attempt: "a", facts()) == nil)
    }

    @Test("at the twin, a note is there once, whichever answer was lost, and what the return says afterwards is what it said") func twin() throws {
        let twin = try ReturnsTwin(.loop, journal: TwinJournal(inMemory: []))
        var now = Timestamp(seconds: 1_794_700_000)
        _ = try twin.happen(
            ["do": "requested", "store": "widgets", "id": "55120", "order": "5512345678901", "lines": [["line": "1234", "sku": "W-1", "price": 8_000]]], at: now)
        _ = try twin.happen(["do": "settled", "store": "widgets", "id": "55120", "refund_id": "9001"], at: now)
        func ask(_ call: Call) -> HTTPResponse {
            var request = loop.prepare(call.request, for: facts())
            request.fields["X-Authorization"] = "returns_widgets"
            now = now + .seconds(1)
            return twin.respond(request, at: now)
        }
        func run(losing isLost: @escaping (Call) -> Bool = { _ in false }, hearing: Bool = true) throws -> (end: Ended<PostOutcome>, calls: [Call]) {
            loop.drive(try #require(loop.reflect(try state(), attempt: "a", facts()))) { call in
                if isLost(call) {
                    if hearing { _ = ask(call) }
                    return HTTPResponse(502)
                }
                return ask(call)
            }
        }
        func read() throws -> JSON { try JSON(parsing: ask(Call(.read, LoopDialect().detail(of: "55120"))).body) }
        let before = try read()
        // Lost before it came there, then behind it.
        guard case .outcomeUnknown? = try run(losing: { $0.kind == .write }, hearing: false).end.verdict else { return #expect(Bool(false)) }
        guard case .outcomeUnknown? = try run(losing: { $0.kind == .write }).end.verdict else { return #expect(Bool(false)) }
        let again = try run()
        #expect(again.calls.map(\.kind) == [.read])
        guard case .posted(let id, _)? = again.end.output else { return #expect(Bool(false), "\(again.end)") }
        #expect(Int(id) != nil)
        let notes = try JSON(parsing: ask(Call(.read, HTTPRequest(.get, "/api/v1/warehouse/return/55120/notes"))).body)["notes"]?.array ?? []
        #expect(notes.compactMap { $0["content"]?.string } == [words])
        // The twin moves the time of change, as Loop may: the document says what it said.
        let after = try read()
        #expect(before["updated_at"] != after["updated_at"])
        let (one, two) = (try documents(before, loop), try documents(after, loop))
        #expect(one.map(\.body) == two.map(\.body) && zip(one, two).allSatisfy { $0.version < $1.version })
    }
}
