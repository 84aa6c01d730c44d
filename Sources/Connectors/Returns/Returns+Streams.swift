internal import Books
public import ConnectorKit
internal import Crypto
public import Kernel
internal import Wire

extension ReturnsConnector {
    /// Neither system says whose key it is: that it may read returns is all that can be asked, so the account is what the connection says it is.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        let dialect = dialect, platform = platform
        return .one(call(dialect.list(since: Timestamp(seconds: 0), rows: 1))) { response throws(Fault) in
            guard let body = Self.object(response), body.at(dialect.rows)?.array != nil else { throw Self.unreadable(dialect, "no list of returns") }
            return AccountIdentity(account: connection.account, name: "\(connection.account) at \(platform.rawValue)")
        }
    }

    /// Returns that changed since then (AfterShip's list is by when they were made, so it reaches back further), each whole. A span that was over when the
    /// platform answered is done with: the next one is asked for, and the sweep after this begins there, also where nothing was found.
    public func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        page(since: since - dialect.overlap, cursor, connection)
    }

    /// The same list, as far back: what was made long before may have changed since. A record that can't be read, or whose own sums do not agree, has no
    /// figure: it is held where it is normalised.
    public func returnFigures(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<ReturnFigures>? {
        page(since: since - dialect.overlap, cursor, connection).leadingTo { page in
            .finish(ReturnFigures(figures: page.records.compactMap { returnFigure($0, connection) }, next: page.next))
        }
    }

    public func returnFigure(_ record: RawRecord, _ connection: ConnectionFacts) -> ReturnFigure? {
        do throws(Fault) {
            let dialect = dialect
            let field = try Field(try JSONDocument(parsing: record.body).root, of: "a return", dialect.rules).object()
            let settings = try ReturnsSettings(connection.settings), told = try dialect.reading(field, settings)
            _ = try told.documents(ownExchanges: settings.ownExchanges) { field.unbalanced($0) }
            return told.figure
        } catch { return nil }
    }

    private func page(since: Timestamp, _ cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        let dialect = dialect
        let settings: ReturnsSettings
        do throws(Fault) { settings = try ReturnsSettings(connection.settings) } catch { return .fail(error) }
        var request = dialect.list(since: since, rows: settings.pageRows)
        if let cursor { request = Self.continued(request, cursor) }
        let asked = request
        return .send(call(asked)) { response in
            do throws(Fault) {
                guard let body = Self.object(response), let rows = body.at(dialect.rows)?.array else { throw Self.unreadable(dialect, "no list of returns") }
                var next = try dialect.paging.next(after: response, to: asked, json: body, rows: rows)
                var newest = rows.compactMap { Self.changed($0) }.max()
                if next == nil, let end = dialect.end(of: asked), let now = response.date, end <= now {
                    next = dialect.list(since: end - ReturnsLimits.seam, rows: settings.pageRows)
                    newest = max(newest ?? end, end)
                }
                return whole(rows[...], SweepPage(records: [], next: next.map(Self.cursor), watermark: newest))
            } catch { return .fail(error) }
        }
    }

    /// One return after the other: a page is handed over whole.
    private func whole(_ left: ArraySlice<JSON>, _ page: SweepPage) -> Exchange<SweepPage> {
        guard let row = left.first else { return .finish(page) }
        guard let id = ReturnID.of(row["id"]) else { return .fail(Self.unreadable(dialect, "a return without an id")) }
        var page = page
        if dialect.isWhole(row) {
            page.records.append(record(row, id))
            return whole(left.dropFirst(), page)
        }
        let known = page
        return detail(id).leadingTo { found in
            var page = known
            if let found { page.records.append(found) }
            return whole(left.dropFirst(), page)
        }
    }

    /// - Throws: (as a failed exchange) `invalid_id` for what is no id of a return.
    public func fetch(_ id: String, _: ConnectionFacts) -> Exchange<RawRecord?> {
        guard ReturnID.checked(id) != nil else {
            return .fail(Fault(
                "invalid_id", stage: .ingest, disposition: .reject, summary: "that is no id of a return of \(dialect.name)",
                remedy: "Give the return's own id; the RMA number that customers see is another."))
        }
        return detail(id)
    }

    private func detail(_ id: String) -> Exchange<RawRecord?> {
        let dialect = dialect
        return .one(call(dialect.detail(of: id))) { response throws(Fault) in
            if response.status == 404 { return nil }
            guard let row = Self.object(response)?.at(dialect.detail), row.object != nil else { throw Self.unreadable(dialect, "no return") }
            guard ReturnID.of(row["id"]) == id else { throw Self.unreadable(dialect, "another return than \(id)") }
            return record(row, id)
        }
    }

    /// Named by what it holds: the same state read twice is one record.
    private func record(_ row: JSON, _ id: String) -> RawRecord {
        let body = JSON.object((row.object ?? []).filter { dialect.kept.contains($0.key) }).bytes
        return RawRecord(topic: ReturnsTopic.told, deliveryID: "return:\(id):\(Digest.sha256(body).hexText.prefix(24))", body: body)
    }

    private func call(_ request: HTTPRequest) -> Call { Call(.read, request, cost: [dialect.limit.name: 1]) }

    /// When a row changed last, or was made.
    private static func changed(_ row: JSON) -> Timestamp? {
        (row["updated_at"]?.string ?? row["created_at"]?.string).flatMap { Timestamp(rfc3339: $0) }
    }

    private static func unreadable(_ dialect: any Dialect, _ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .ingest, disposition: .retry, summary: "an answer of \(dialect.name) can't be read: \(why)",
            remedy: "Tried again by itself; report it if it stays.")
    }

    // MARK: A place in a list, as text: the next page's query

    private static func cursor(_ request: HTTPRequest) -> String {
        String(request.target.drop { $0 != "?" }.dropFirst())
    }

    /// What is no query of ours goes along as a word.
    private static func continued(_ request: HTTPRequest, _ cursor: String) -> HTTPRequest {
        let isQuery = cursor.contains("=") && cursor.utf8.count <= 2_000
            && cursor.utf8.allSatisfy { $0 > 32 && $0 < 127 && ![34, 35, 60, 62, 92, 94, 96, 123, 124, 125].contains($0) }
        let query = isQuery ? cursor : Form.encode([("cursor", String(cursor.prefix(1_000)))])
        return HTTPRequest(.get, request.path + "?" + query)
    }
}

extension Exchange {
    /// The same conversation, and what follows from its result.
    fileprivate func leadingTo<Other>(_ next: @escaping @Sendable (Output) -> Exchange<Other>) -> Exchange<Other> {
        switch self {
        case .send(let call, let then): .send(call) { then($0).leadingTo(next) }
        case .finish(let output): next(output)
        case .fail(let fault): .fail(fault)
        }
    }
}
