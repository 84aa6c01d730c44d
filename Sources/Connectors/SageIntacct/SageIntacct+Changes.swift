internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension SageIntacctConnector {
    /// Documents of ours by the time of their last change, oldest first, of all kinds in one request. Times are kept in seconds, so each page begins with
    /// the second that the one before ended in, and the first one reaches back some minutes: what is told twice is told twice.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        configured(connection) { _ in
            let start = ChangeMark(time: since - IntacctLimits.changesOverlap, skip: 0)
            let marks = cursor.flatMap { ChangeMark.read($0) } ?? Record.allCases.map { _ in start }
            var queries: [Query] = []
            for (record, mark) in zip(Record.allCases, marks) {
                guard let mark else { continue }
                let filter = Query.Filter.all([.like(record.wordsField, "\(Self.mark)%"), .from("WHENMODIFIED", Self.datetime(mark.time))])
                var query = Query(record.rawValue, ["RECORDNO", record.wordsField, "WHENMODIFIED"], filter, order: ["WHENMODIFIED", "RECORDNO"])
                query.offset = mark.skip
                // A user without rights to payables, in a company that gets no bills from us, hears of the rest.
                query.isOptional = record == .bill
                queries.append(query)
            }
            let asked = queries
            return .send(Gateway.call(.read, asked.map { $0.function($0.label) })) { response in
                guard let answers = Answers(response) else { return .fail(Self.unreadable("it gives no list of changes")) }
                do throws(Fault) { return .finish(try Self.changes(asked, answers, marks)) } catch { return .fail(error) }
            }
        }
    }

    private static func changes(_ queries: [Query], _ answers: Answers, _ marks: [ChangeMark?]) throws(Fault) -> LedgerChanges {
        var out = LedgerChanges(keys: [], next: nil, watermark: nil)
        var seen: Set<PostKey> = []
        var next: [ChangeMark?] = marks.map { _ in nil }
        for query in queries {
            let (rows, rest) = try page(query, answers.result(query.label))
            var first: Timestamp?
            var last: Timestamp?
            for row in rows {
                guard let time = row["WHENMODIFIED"].flatMap(timestamp) else { throw unreadable("a change has no time") }
                let words = row["DESCRIPTION"] ?? row["BATCH_TITLE"]
                if let key = key(ofWords: words), seen.insert(key).inserted { out.keys.append(key) }
                first = first ?? time
                last = max(last ?? time, time)
                out.watermark = max(out.watermark ?? time, time)
            }
            guard rest != nil, let last, let place = Record.allCases.firstIndex(where: { $0.rawValue == query.label }) else { continue }
            // A second that fills a page by itself is gone through by number.
            let isOneSecond = first == last
            let before = marks[place].map { $0.time == last ? $0.skip : 0 } ?? 0
            next[place] = ChangeMark(time: last, skip: isOneSecond ? before + rows.count : 0)
        }
        if next.contains(where: { $0 != nil }) { out.next = ChangeMark.text(next) }
        return out
    }

    /// `11/20/2026 10:00:00`, GMT.
    static func datetime(_ time: Timestamp) -> String {
        let text = Timestamp(seconds: time.seconds).text(offsetSeconds: 0)
        let day = LocalDate(text.prefix(10)).map(slashed) ?? ""
        return "\(day) \(text.dropFirst(11).prefix(8))"
    }

    static func timestamp(_ text: String) -> Timestamp? {
        guard let day = day(slashed: text), text.utf8.count >= 19 else { return nil }
        return Timestamp(rfc3339: "\(day)T\(text.dropFirst(11).prefix(8))Z")
    }
}

/// How far the changes of one kind of document were read.
struct ChangeMark: Sendable, Equatable {
    var time: Timestamp
    var skip: Int

    /// One for each kind, in order, empty where there are no more: `11/20/2026 10:00:00/0;;…`.
    static func text(_ marks: [ChangeMark?]) -> String {
        marks.map { mark in mark.map { "\(SageIntacctConnector.datetime($0.time))|\($0.skip)" } ?? "" }.joined(separator: ";")
    }

    static func read(_ text: String) -> [ChangeMark?]? {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == Record.allCases.count else { return nil }
        var out: [ChangeMark?] = []
        for part in parts {
            if part.isEmpty {
                out.append(nil)
                continue
            }
            let halves = part.split(separator: "|").map(String.init)
            guard halves.count == 2, let time = SageIntacctConnector.timestamp(halves[0]), let skip = Int(halves[1]),
                (0 ... IntacctLimits.pageRows * IntacctLimits.pages).contains(skip)
            else { return nil }
            out.append(ChangeMark(time: time, skip: skip))
        }
        return out.contains { $0 != nil } ? out : nil
    }
}
