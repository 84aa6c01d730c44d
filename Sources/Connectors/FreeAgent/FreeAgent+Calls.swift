internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension FreeAgentConnector {
    static let judging = Judging("FreeAgent")

    // MARK: One call

    /// - Parameter paid: a write before it paid for it.
    static func get(_ path: String, _ query: [(name: String, value: String)] = [], paid: Bool = false) -> Call {
        let words = query.map { "\($0.name)=\(Form.percent($0.value))" }.joined(separator: "&")
        return Call(.read, HTTPRequest(.get, words.isEmpty ? path : "\(path)?\(words)"), cost: Budget.of(paid ? 0 : 1))
    }

    /// - Parameter calls: what it pays for, itself included; 0 for a step that was paid for.
    static func write(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil, calls: Int) -> Call {
        Call(.write, HTTPRequest(method, path, body: body?.bytes ?? []), cost: Budget.of(calls))
    }

    // MARK: Steps

    /// What came of a write behind another one.
    enum Step: Sendable {
        case done(HTTPResponse)
        case refused(Fault)
    }

    /// A write whose refusal the exchange reads itself, because something may have to be taken back.
    static func step(_ call: Call) -> Exchange<Step> {
        .send(call) { answer in .finish((200 ..< 300).contains(answer.status) ? .done(answer) : .refused(Problem(answer).fault)) }
    }

    /// One record by its id; `nil` when there is none.
    static func record(_ kind: Kind, _ id: String, paid: Bool = false) -> Exchange<JSON?> {
        .one(get(kind.path(id), paid: paid)) { answer throws(Fault) in
            if answer.status == 404 { return nil }
            guard let record = try answer.json().member(kind.root), record.object != nil else { throw judging.notRead("there is no \(kind.root) in it") }
            return record
        }
    }

    // MARK: Lists

    /// Rows of a list, and whether these are all there are.
    struct Rows: Sendable {
        var all: [JSON] = []
        var isWhole = false
    }

    /// A list, page by page, at most so many. A page that is full or names a next one is not the last, whatever else is missing in the answer: a
    /// document believed missing would be written again.
    static func list(_ kind: Kind, _ query: [(name: String, value: String)], most: Int = FreeAgentLimits.pages) -> Exchange<Rows> {
        page(kind, query, 1, most: most, [])
    }

    private static func page(_ kind: Kind, _ query: [(name: String, value: String)], _ number: Int, most: Int, _ before: [JSON]) -> Exchange<Rows> {
        let asked = query + [("per_page", "\(FreeAgentLimits.pageRows)"), ("page", "\(number)")]
        return .send(get("/v2/\(kind.rawValue)", asked)) { answer in
            .trying { () throws(Fault) in
                let (rows, isLast) = try read(answer, kind)
                if isLast { return .finish(Rows(all: before + rows, isWhole: true)) }
                guard number < most else { return .finish(Rows(all: before + rows)) }
                return page(kind, query, number + 1, most: most, before + rows)
            }
        }
    }

    /// The rows of one page, and whether no other follows.
    /// - Throws: `unreadable_answer`.
    static func read(_ answer: HTTPResponse, _ kind: Kind) throws(Fault) -> (rows: [JSON], isLast: Bool) {
        guard let rows = try answer.json()[kind.rawValue]?.array, rows.allSatisfy({ $0.object != nil }) else {
            throw judging.notRead("it gives no list of \(kind.rawValue)")
        }
        let names = answer.fields.all("Link").contains { $0.contains("rel=\"next\"") || $0.contains("rel=next") || $0.contains("rel='next'") }
        return (rows, rows.isEmpty || (!names && rows.count < FreeAgentLimits.pageRows))
    }

    /// All of a list.
    static func whole(_ kind: Kind, _ query: [(name: String, value: String)]) -> Exchange<[JSON]> {
        list(kind, query).reading { rows throws(Fault) in
            guard rows.isWhole else {
                throw Fault(
                    "list_too_long", stage: .post, disposition: .hold, summary: "FreeAgent's list of \(kind.rawValue) has more pages than are read of one",
                    remedy: "Look for the document in FreeAgent by its reference.")
            }
            return rows.all
        }
    }

    /// `2026-11-20T10:00:00.000Z`.
    static func since(_ time: Timestamp) -> String {
        let whole = Timestamp(seconds: time.seconds).text(offsetSeconds: 0)
        return (whole.hasSuffix("Z") ? String(whole.dropLast()) : whole) + ".000Z"
    }

    // MARK: Names

    /// `cf:<key>`: how `find` knows a document again.
    static func mark(_ key: PostKey) -> String { "cf:\(key)" }

    /// Our key at the head of a text.
    static func key(at text: String?) -> PostKey? {
        guard let text, text.hasPrefix("cf:") else { return nil }
        let rest = text.dropFirst(3)
        guard rest.dropFirst(16).first.map({ $0 == " " }) ?? true else { return nil }
        return PostKey(rest.prefix(16))
    }
}
