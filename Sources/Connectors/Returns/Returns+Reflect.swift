internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension ReturnsConnector {
    /// Loop has notes beside a return. AfterShip's API lets nobody write what changes nothing of a return: it approves, rejects, resolves and receives,
    /// and tags items from a fixed list.
    /// - Source: docs.loopreturns.com, Return Actions; aftership.com/docs/returns, API Overview.
    public var reflectionPlace: ReflectionPlace { platform == .loop ? .written : .none }

    /// A note for the store's staff, which customers do not see and which leaves the return's state alone. The mark in it says that it is there: notes
    /// are listed without pages. Writing one tells no id.
    /// - Source: docs.loopreturns.com, Get Return Notes, Create Return Note: `content`, required and less than 255 characters.
    public func reflect(_ state: ReflectedState, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome>? {
        guard platform == .loop, let notes = LoopNotes(of: state.subject, budget: dialect.limit.name) else { return nil }
        return .send(notes.list) { answer in
            .trying { () throws(Fault) in
                if answer.status == 404 { return .finish(.rejected(Self.returnGone)) }
                if let there = try LoopNotes.read(answer).first(where: { $0.content.contains("[\(state.mark)]") }) {
                    return .finish(.posted(remoteID: there.id ?? state.mark, version: nil))
                }
                return .send(notes.write(LoopNotes.text(state))) { made in
                    guard LoopNotes.isDone(made) else { return .finish(.unknown(Judging("Loop Returns").notTold("no word that the note is written"))) }
                    return .finish(.posted(remoteID: state.mark, version: nil))
                }
            }
        }
    }

    private static let returnGone = Fault(
        "return_gone", stage: .post, disposition: .reject, summary: "Loop Returns no longer has the return that was to be told",
        remedy: "Dismiss it: nobody reads notes of a return that is gone.")
}

/// Notes beside one of Loop's returns.
struct LoopNotes {
    /// Less than 255, as Loop counts them.
    static let characters = 254

    let list: Call
    private let path: String
    private let budget: String

    /// `nil` for what is no id of Loop's, which are whole numbers.
    init?(of id: String, budget: String) {
        guard let number = Int64(id), number > 0, "\(number)" == id else { return nil }
        path = "/api/v1/warehouse/return/\(id)"
        self.budget = budget
        list = Call(.read, HTTPRequest(.get, path + "/notes"), cost: [budget: 1])
    }

    func write(_ text: String) -> Call {
        let body: JSON = ["content": .string(text)]
        return Call(.write, HTTPRequest(.post, path + "/note", fields: ["Content-Type": "application/json"], body: body.bytes), cost: [budget: 1])
    }

    /// What people read first, and the mark.
    static func text(_ state: ReflectedState) -> String {
        let mark = " [\(state.mark)]"
        return cut(plain(state.words), utf16: characters - mark.utf16.count) + mark
    }

    /// Calls about notes: a right that a key lacks for them says nothing of its right to read returns.
    static func isAbout(_ call: Call) -> Bool { call.request.path.hasSuffix("/note") || call.request.path.hasSuffix("/notes") }

    /// A return without notes is answered by status 422 and `false`.
    static func isNone(_ answer: HTTPResponse) -> Bool { answer.status == 422 && word(answer) == "false" }

    /// A note that was written is answered by `true` and nothing else.
    static func isDone(_ answer: HTTPResponse) -> Bool { answer.status == 200 && word(answer) == "true" }

    /// - Throws: `unreadable_answer`: what can't be looked through is not taken for empty.
    static func read(_ answer: HTTPResponse) throws(Fault) -> [(id: String?, content: String)] {
        if isNone(answer) { return [] }
        let vague = Judging("Loop Returns").notRead("no list of notes")
        guard let rows = try JSON(parsing: answer.body)["notes"]?.array else { throw vague }
        var out: [(id: String?, content: String)] = []
        for row in rows {
            guard row.object != nil else { throw vague }
            // A note may be a picture's, without words.
            out.append((ReturnID.of(row["id"]), row["content"]?.string ?? ""))
        }
        return out
    }

    /// A bare word, in quotes or not.
    private static func word(_ answer: HTTPResponse) -> String? {
        guard answer.body.count <= 64 else { return nil }
        let text = answer.bodyText.filter { !$0.isWhitespace }
        return text.hasPrefix("\"") && text.hasSuffix("\"") && text.utf8.count > 2 ? String(text.dropFirst().dropLast()) : text
    }
}
