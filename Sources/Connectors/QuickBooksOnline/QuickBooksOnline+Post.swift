internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension QuickBooksOnlineConnector {
    /// Everything goes with everything: nothing in a call refers to something that the same call creates.
    public func batchGroup(of document: LedgerDocument) -> String { "batch" }

    /// One document goes to its own endpoint, several go in one batch call. A document that can't be written is refused
    /// without being sent.
    public func create(
        _ documents: [LedgerDocument], attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<[PostOutcome]> {
        taxed(documents, connection) { self.create(documents, $0, attempt: attempt, connection) }
    }

    private func create(
        _ documents: [LedgerDocument], _ taxes: Taxation, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<[PostOutcome]> {
        var outcomes: [PostOutcome?] = Array(repeating: nil, count: documents.count)
        var ready: [Ready] = []
        for (index, document) in documents.enumerated() {
            guard ready.count < QuickBooksLimits.batchItems else {
                // A second call would put the outcomes of the first at risk.
                outcomes[index] = .throttled(Self.tooMany)
                continue
            }
            do throws(Fault) {
                guard document.plan.effect == .post else { throw Self.voided }
                let (entity, body) = try body(of: document, taxes)
                ready.append(Ready(index: index, entity: entity, body: body))
            } catch {
                outcomes[index] = .rejected(error)
            }
        }
        guard let first = ready.first else { return .finish(outcomes.compactMap(\.self)) }
        let known = outcomes
        if ready.count == 1 {
            let call = write(first.entity.path, [], attempt: attempt, first.body, connection)
            return .send(call) { answer in
                .finish(Self.complete(known, [first.index: Self.outcome(answer, first.entity)]))
            }
        }
        let sent = ready
        let items = sent.map { [(key: $0.entity.rawValue, value: $0.body)] }
        return .send(batch(items, attempt: attempt, connection)) { answer in
            let answers = BatchAnswer(answer)
            var told: [Int: PostOutcome] = [:]
            for (place, item) in sent.enumerated() {
                told[item.index] = answers.result(self.bID(place), item.entity.rawValue).outcome
            }
            return .finish(Self.complete(known, told))
        }
    }

    private struct Ready: Sendable {
        var index: Int
        var entity: Entity
        var body: JSON
    }

    private static let voided = Fault(
        "void_not_created", stage: .post, disposition: .bug,
        summary: "a document that is void was never in QuickBooks Online",
        remedy: "Report it: nothing is to be sent.")

    private static let tooMany = Fault(
        "batch_too_large", stage: .post, disposition: .retry,
        summary: "more than \(QuickBooksLimits.batchItems) documents were handed over for one call",
        remedy: "None needed: the rest goes with the next call.")

    private static func complete(_ known: [PostOutcome?], _ told: [Int: PostOutcome]) -> [PostOutcome] {
        known.enumerated().map { index, outcome in
            outcome ?? told[index] ?? .unknown(Problem.outcomeUnknown("no word of this document"))
        }
    }

    /// The same document with other figures. Sparse: what people added to it (an e-mail address, a message) stays;
    /// its lines are replaced as a whole.
    public func update(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<
        PostOutcome
    > {
        taxed([document], connection) { self.update(document, $0, attempt: attempt, connection) }
    }

    private func update(_ document: LedgerDocument, _ taxes: Taxation, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        let prepared: (entity: Entity, body: JSON)
        do throws(Fault) { prepared = try body(of: document, taxes) } catch { return .finish(.rejected(error)) }
        let (entity, body) = prepared
        return asItIs(document, entity, connection) { id, now in
            guard let now else {
                guard let former = document.former(entity) else { return .finish(.rejected(Self.gone)) }
                return self.rewrite(document, from: former, to: entity, body, attempt: attempt, connection)
            }
            return self.change(now, entity, body, attempt: attempt, connection)
        }
    }

    private static let gone = refusal(
        "object_not_found", "the document to change is not in QuickBooks Online any more", "Look for it there. What was deleted there, by us or by hand, does not come back to life: have the source send it under another id.")

    private func change(
        _ now: JSONView, _ entity: Entity, _ body: JSON, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<PostOutcome> {
        guard let (id, version) = Self.identity(now), let version else { return .fail(Self.unreadable("it has no SyncToken")) }
        let whole = body.setting("Id", .string(id)).setting("SyncToken", .string(version)).setting("sparse", true)
        return .one(write(entity.path, [], attempt: attempt, whole, connection)) { Self.outcome($0, entity) }
    }

    /// What became another kind of document: the old one is taken back, the new one written under the same number. What an earlier, interrupted
    /// attempt left is looked for first, so that nothing is written twice.
    private func rewrite(
        _ document: LedgerDocument, from former: Entity, to entity: Entity, _ body: JSON, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<PostOutcome> {
        asItIs(document, former, connection) { _, old in
            self.rows(Self.queries(document, entity), connection) { rows in
                let all = rows.filter { Self.key(of: $0.fields, entity) == document.key && !Self.isVoided($0.fields, entity) }
                let ids = all.compactMap { Self.identity($0.fields)?.id }.unique(by: \.self)
                guard ids.count < 2 else { return .finish(.rejected(Self.doubled(ids, in: "QuickBooks Online"))) }
                let standing = all.first
                guard let old, !Self.isVoided(old, former) else {
                    if let standing { return self.change(standing.fields, entity, body, attempt: attempt, connection) }
                    // Neither of the two is there, and neither was taken back by us: somebody deleted it.
                    guard old != nil || former == .journalEntry else { return .finish(.rejected(Self.gone)) }
                    return .one(self.write(entity.path, [], attempt: attempt, body, connection)) { Self.outcome($0, entity) }
                }
                guard let (id, version) = Self.identity(old), let version else { return .fail(Self.unreadable("it has no SyncToken")) }
                return self.takeBack(id, version, former, attempt: "\(attempt)-old", connection).next { outcome in
                    guard case .posted = outcome else { return .finish(outcome) }
                    if let standing { return self.change(standing.fields, entity, body, attempt: attempt, connection) }
                    return .one(self.write(entity.path, [], attempt: attempt, body, connection)) { Self.outcome($0, entity) }
                }
            }
        }
    }

    private func takeBack(
        _ id: String, _ version: String, _ entity: Entity, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<PostOutcome> {
        var body: JSON = .object([("Id", .string(id)), ("SyncToken", .string(version))])
        let parameters: [(String, String)]
        switch entity {
        case .invoice: parameters = [("operation", "void")]
        case .salesReceipt, .payment:
            parameters = [("operation", "update"), ("include", "void")]
            body = body.setting("sparse", true)
        case .creditMemo, .journalEntry, .bill, .purchaseOrder: parameters = [("operation", "delete")]
        }
        return .one(write(entity.path, parameters, attempt: attempt, body, connection)) { Self.outcome($0, entity) }
    }

    /// Without effect in the books: invoices, sales receipts and payments are voided and stay with zero amounts;
    /// credit memos, journals, bills and purchase orders can't be voided, only deleted.
    public func void(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<
        PostOutcome
    > {
        guard let entity = entity(of: document) else { return .finish(.rejected(Self.unsupported(document.plan.form))) }
        return asItIs(document, entity, connection) { id, now in
            guard let now else {
                // Deleted there already: that is what was wanted. Unless it stands as what it was before.
                guard let former = document.former(entity) else { return .finish(.posted(remoteID: id, version: nil)) }
                return self.asItIs(document, former, connection) { id, old in
                    guard let old else { return .finish(.posted(remoteID: id, version: nil)) }
                    return self.takeBack(old, id, former, attempt: attempt, connection)
                }
            }
            return self.takeBack(now, id, entity, attempt: attempt, connection)
        }
    }

    private func takeBack(
        _ now: JSONView, _ id: String, _ entity: Entity, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<PostOutcome> {
        guard let version = Self.identity(now)?.version else { return .fail(Self.unreadable("it has no SyncToken")) }
        if Self.isVoided(now, entity) { return .finish(.posted(remoteID: id, version: version)) }
        return takeBack(id, version, entity, attempt: attempt, connection)
    }

    /// The document as it is there now, `nil` where it is gone. Always read: a payment moves its invoice's version
    /// on, so a version we remember proves nothing.
    private func asItIs(
        _ document: LedgerDocument, _ entity: Entity, _ connection: ConnectionFacts,
        then next: @escaping @Sendable (String, JSONView?) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        guard let id = document.remoteID, !id.isEmpty else {
            return .finish(
                .rejected(
                    Fault(
                        "no_remote_id", stage: .post, disposition: .bug,
                        summary: "the document to change has no id in QuickBooks Online")))
        }
        return rows(Query.anyOf([id], field: "Id", of: entity.rawValue), connection) { rows in
            let row = rows.first { $0.fields["Id"].string == id }?.fields
            // Ids are each kind's own: of what may have been of another kind, a row is ours by our key.
            guard let row, document.former(entity) != nil else { return next(id, row) }
            guard let key = Self.key(of: row, entity) else { return .finish(.rejected(Self.unmarked(id, entity))) }
            return next(id, key == document.key ? row : nil)
        }
    }

    private static func unmarked(_ id: String, _ entity: Entity) -> Fault {
        refusal(
            "ledger_document_unmarked", "the \(entity.rawValue) \(cut(id, utf16: 40)) in QuickBooks Online does not bear the posting's reference any more",
            "Look at it there. Where it is the one that was written, put the reference back into its number or memo, then release; else correct it there by hand.")
    }

    // MARK: Answers

    /// What became of a single write.
    static func outcome(_ response: HTTPResponse, _ entity: Entity) -> PostOutcome {
        if let problem = Answer(response).problem { return problem.reading(status: response.status).outcome }
        guard let written = written(response, entity) else {
            return .unknown(Problem.outcomeUnknown("its answer names no \(entity.rawValue)"))
        }
        return .posted(remoteID: written.id, version: written.version)
    }

    private static func written(_ response: HTTPResponse, _ entity: Entity) -> (id: String, version: String?)? {
        guard let document = try? JSONDocument(parsing: response.body) else { return nil }
        return identity(document.root[entity.rawValue])
    }

    static func identity(_ object: JSONView) -> (id: String, version: String?)? {
        guard let id = object["Id"].string, !id.isEmpty else { return nil }
        return (id, object["SyncToken"].string ?? object["SyncToken"].int.map { String($0) })
    }
}

/// A batch's answer, by item.
struct BatchAnswer: Sendable {
    enum Item: Sendable {
        case written(id: String, version: String?)
        case problem(Problem)
        /// Left out, or without a word of what was done.
        case silent
    }

    private var items: [String: JSONView] = [:]

    init(_ response: HTTPResponse) {
        guard let document = try? JSONDocument(parsing: response.body) else { return }
        for item in document.root["BatchItemResponse"].elements {
            if let id = item["bId"].string, items[id] == nil { items[id] = item }
        }
    }

    func result(_ bID: String, _ entity: String) -> Item {
        guard let item = items[bID] else { return .silent }
        if let problem = Problem(item) { return .problem(problem) }
        guard let written = QuickBooksOnlineConnector.identity(item[entity]) else { return .silent }
        return .written(id: written.id, version: written.version)
    }
}

extension BatchAnswer.Item {
    var outcome: PostOutcome {
        switch self {
        case .written(let id, let version): .posted(remoteID: id, version: version)
        case .problem(let problem): problem.reading(status: nil).outcome
        case .silent: .unknown(Problem.outcomeUnknown("the batch answer leaves the document out"))
        }
    }
}
