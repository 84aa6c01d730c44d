public import Kernel
public import Wire

/// How a list goes on. What an answer says of the next page becomes a query behind the path that was asked for, and nothing else of it is
/// used: neither a host nor a path of the platform's choice gets the credential.
public enum Paging: Sendable, Equatable {
    /// A whole address at this place of a JSON answer: OData's `@odata.nextLink`.
    case nextLink([String])
    /// A `Link` header with `rel="next"` (RFC 8288).
    case linkHeader
    /// An opaque word at this place of a JSON answer goes into this member of the query.
    case cursor(at: [String], query: String)
    /// As many rows as one page has are skipped next time; a page with fewer is the last.
    case offset(query: String, size: Int)
    /// Pages by number, from 1; a page with fewer rows is the last.
    case number(query: String, size: Int)
    /// The last row's id goes into this member of the query, as long as the answer says that there is more.
    case lastID(at: [String], query: String, more: [String])

    /// Longest query that a page is asked for with.
    static let queryBytesMost = 6_000

    /// The request for the page after this answer; `nil` after the last page.
    /// - Throws: `unreadable_answer` (retry) for a next page that leads elsewhere: a list must not end early.
    public func next(after response: HTTPResponse, to request: HTTPRequest, json: JSON?, rows: [JSON]) throws(Fault) -> HTTPRequest? {
        switch self {
        case .nextLink(let path): return try json?.at(path)?.string.flatMap { link throws(Fault) in try Paging.follow(link, from: request) }
        case .linkHeader: return try Paging.nextLink(response).flatMap { link throws(Fault) in try Paging.follow(link, from: request) }
        case .cursor(let path, let query):
            guard let word = json?.at(path)?.string, !word.isEmpty else { return nil }
            return try request.with(query, word)
        case .offset(let query, let size):
            guard rows.count >= size else { return nil }
            return try request.with(query, "\((request.query(query).flatMap { Int($0) } ?? 0) + rows.count)")
        case .number(let query, let size):
            guard rows.count >= size else { return nil }
            return try request.with(query, "\((request.query(query).flatMap { Int($0) } ?? 1) + 1)")
        case .lastID(let path, let query, let more):
            guard json?.at(more)?.bool == true else { return nil }
            guard let id = rows.last?.at(path)?.string, !id.isEmpty else { throw Paging.astray("there is more, and the last row has no id") }
            return try request.with(query, id)
        }
    }

    /// An address's query behind the path that was asked for, when it is of the same thing.
    static func follow(_ link: String, from request: HTTPRequest) throws(Fault) -> HTTPRequest? {
        guard !link.isEmpty else { return nil }
        let next = HTTPRequest(.get, link)
        guard let own = last(of: request.path), last(of: next.path) == own || next.path.isEmpty, let mark = link.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            throw astray("the next page is not of the same list")
        }
        var out = request
        out.target = try checked(request.path + String(Substring(link.utf8[mark...].prefix { $0 != UInt8(ascii: "#") })), request)
        return out
    }

    private static func last(of path: String) -> String? { path.split(separator: "/").last.map { Form.unpercent($0) } }

    /// The address of `<…>; rel="next"`.
    static func nextLink(_ response: HTTPResponse) -> String? {
        for field in response.fields.all("Link") {
            for piece in field.split(separator: "<", omittingEmptySubsequences: false).dropFirst() {
                let halves = piece.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false)
                guard halves.count == 2 else { continue }
                // The parameters end where the next link begins.
                let words = halves[1].split(whereSeparator: { ";, \"=".contains($0) }).map { $0.lowercased() }
                guard let rel = words.firstIndex(of: "rel") else { continue }
                if words[(rel + 1)...].prefix(while: { !["title", "type", "hreflang", "anchor"].contains($0) }).contains("next") { return String(halves[0]) }
            }
        }
        return nil
    }

    static func astray(_ why: String) -> Fault {
        Fault("unreadable_answer", stage: .courier, disposition: .retry, summary: "a list can't be read to its end: \(why)")
    }

    /// A target as it may be sent, and another one than before.
    static func checked(_ target: String, _ before: HTTPRequest) throws(Fault) -> String {
        guard target.utf8.count <= queryBytesMost, target.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 34 && $0 != 92 }) else {
            throw astray("the next page's query can't be sent")
        }
        guard target != before.target else { throw astray("the next page is the one that was just read") }
        return target
    }
}

extension HTTPRequest {
    /// The request with one member of its query set; the others stay as they are.
    /// - Throws: `unreadable_answer` when that changes nothing or can't be sent.
    public func with(_ name: String, _ value: String) throws(Fault) -> HTTPRequest {
        var out = self
        let own = Form.percent(name)
        let raw = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { String(Substring(target.utf8[target.utf8.index(after: $0)...])) } ?? ""
        // The others as they were written: platforms differ in how they read `+` and `%20`.
        let others = raw.split(separator: "&").filter { pair in Form.unpercent(pair.prefix { $0 != "=" }, plus: true) != name }
        out.target = try Paging.checked(path + "?" + (others + [Substring(own + "=" + Form.percent(value))]).joined(separator: "&"), self)
        return out
    }
}

extension JSON {
    /// The value at that place: names of members, and numbers that pick from a list. `null` counts as absent.
    public func at(_ path: [String]) -> JSON? {
        var value = self
        for step in path {
            guard let next = value.array == nil ? value[step] : Int(step).flatMap({ value[$0] }) else { return nil }
            value = next
        }
        if case .null = value { return nil }
        return value
    }
}

extension Exchange where Output == [JSON] {
    /// All rows of a list, page by page.
    /// - Parameters:
    ///   - records: where the rows stand in an answer; empty when the answer is the list.
    ///   - most: pages; a list that is longer fails with `list_too_long`.
    public static func pages(_ call: Call, _ paging: Paging, records: [String], most: Int) -> Exchange {
        page(call, paging, records, most: most, [])
    }

    private static func page(_ call: Call, _ paging: Paging, _ records: [String], most: Int, _ before: [JSON]) -> Exchange {
        .send(call) { response in
            do throws(Fault) {
                let json = try response.json()
                guard let rows = (records.isEmpty ? json : json.at(records))?.array else {
                    throw Paging.astray("a page has no rows at \(records.joined(separator: "."))")
                }
                let all = before + rows
                guard let next = try paging.next(after: response, to: call.request, json: json, rows: rows) else { return .finish(all) }
                guard most > 1 else {
                    throw Fault("list_too_long", stage: .courier, disposition: .hold, summary: "a list has more pages than are read of one",
                        remedy: "Narrow what is asked for, or raise the connector's limit.")
                }
                var following = call
                following.request = next
                return page(following, paging, records, most: most - 1, all)
            } catch { return .fail(error) }
        }
    }
}

extension HTTPResponse {
    /// The body as JSON.
    /// - Throws: `unreadable_answer` (retry).
    public func json() throws(Fault) -> JSON {
        do throws(Fault) { return try JSON(parsing: body) } catch { throw unreadable("no JSON", error) }
    }

    /// The body as an XML document.
    /// - Throws: `unreadable_answer` (retry).
    public func xml() throws(Fault) -> XMLElement {
        do throws(Fault) { return try XMLElement(parsing: body) } catch { throw unreadable("no XML", error) }
    }

    private func unreadable(_ why: String, _ cause: Fault) -> Fault {
        Fault("unreadable_answer", stage: .courier, disposition: .retry, summary: "an answer with status \(status) is \(why)", underlying: cause.code)
    }
}
