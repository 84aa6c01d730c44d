public import ConnectorKit
public import Kernel
internal import Wire

extension XeroConnector {
    /// Documents of ours by the time of their last change, one kind after the other, a list of one kind in each call; those that were voided or
    /// deleted are in the lists too.
    public func changes(since: Timestamp, cursor: String?, _: ConnectionFacts) -> Exchange<LedgerChanges>? {
        let mark = cursor.flatMap { ChangeMark($0) } ?? ChangeMark(start: since - XeroLimits.changesOverlap)
        var call = mark.query.call(page: mark.page)
        call.request.fields["If-Modified-Since"] = String(mark.since.text(offsetSeconds: 0).prefix(19))
        return .one(call) { answer throws(Fault) in try Self.changes(answer, mark) }
    }

    private static func changes(_ answer: HTTPResponse, _ mark: ChangeMark) throws(Fault) -> LedgerChanges {
        let (rows, isLast) = try page(answer, of: mark.query, mark.page)
        var out = LedgerChanges(keys: [], next: nil, watermark: nil)
        for row in rows {
            if let key = key(of: row, mark.endpoint) {
                if !out.keys.contains(key) { out.keys.append(key) }
            } else if let id = row[mark.endpoint.idField].string {
                // Somebody else's, or one of ours whose number was edited away.
                out.remoteIDs.append(id)
            }
        }
        var mark = mark
        // What changes while the lists are read is to be in one of them next time: from when the first was read by Xero's own clock.
        if mark.read == nil, answer.status != 304 { mark.read = XeroDate.time(try JSONDocument(parsing: answer.body).root["DateTimeUTC"]) }
        guard let next = isLast ? mark.after : try mark.following(rows.map { XeroDate.time($0["UpdatedDateUTC"]) }) else {
            out.watermark = mark.read
            return out
        }
        out.next = next.text
        return out
    }
}

/// How far the changes were read.
struct ChangeMark: Sendable, Equatable {
    var endpoint: Endpoint
    var page = 1
    /// Where the current list begins, in whole seconds.
    var since: Timestamp
    /// Where the lists of all kinds begin.
    let start: Timestamp
    /// When the first list was read; `nil` where Xero did not say.
    var read: Timestamp?

    init(start: Timestamp) {
        endpoint = Endpoint.allCases[0]
        self.start = Timestamp(seconds: start.seconds)
        since = self.start
    }

    /// `Payments/1/1763640000/1763640000/1763640100`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, let endpoint = Endpoint(rawValue: parts[0]), let page = Int(parts[1]), (1 ... XeroLimits.pages).contains(page) else { return nil }
        let times = parts[2...].map { Int64($0).flatMap { ChangeMark.seconds.contains($0) ? Timestamp(seconds: $0) : nil } }
        guard let since = times[0], let start = times[1], times[2] != nil || parts[4].isEmpty else { return nil }
        self.endpoint = endpoint
        self.page = page
        self.since = since
        self.start = start
        read = times[2]
    }

    /// Years 1 to 9999.
    private static let seconds: ClosedRange<Int64> = -62_135_596_800 ... 253_402_300_799

    var text: String { "\(endpoint.rawValue)/\(page)/\(since.seconds)/\(start.seconds)/\(read.map { String($0.seconds) } ?? "")" }

    var query: Query {
        var parameters: [(name: String, value: String)] = [("order", "UpdatedDateUTC ASC")]
        // Numbers and times are all that is wanted.
        if endpoint == .invoices { parameters += [("summaryOnly", "true"), ("includeArchived", "true")] }
        return Query(endpoint.rawValue, parameters)
    }

    /// The next kind of document; `nil` behind the last.
    var after: ChangeMark? {
        guard let at = Endpoint.allCases.firstIndex(of: endpoint), at + 1 < Endpoint.allCases.count else { return nil }
        var next = ChangeMark(start: start)
        next.endpoint = Endpoint.allCases[at + 1]
        next.read = read
        return next
    }

    /// Where the list goes on behind a full page with these times. A document that changes meanwhile goes to the list's end, and one that was on
    /// the next page moves up to this one: so each page begins with the second that the one before ended in, and pages are counted only where
    /// one second fills them, or where they are in no order.
    /// - Throws: `unreadable_answer` for a list without end.
    func following(_ times: [Timestamp?]) throws(Fault) -> ChangeMark {
        var next = self
        let known = times.compactMap(\.self)
        // `If-Modified-Since` may mean later than, or not before.
        let last = known.last.map { Timestamp(seconds: $0.seconds - 1) }
        if let last, last > since, known.count == times.count, known == known.sorted() {
            next.since = last
            next.page = 1
        } else {
            next.page += 1
        }
        guard next.page <= XeroLimits.pages else {
            throw XeroConnector.unreadable("a list of \(endpoint.rawValue) has more than \(XeroLimits.pages) pages")
        }
        return next
    }
}
