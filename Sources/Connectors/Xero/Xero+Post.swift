internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// Documents of one endpoint go together.
    public func batchGroup(of document: LedgerDocument) -> String {
        Endpoint(document)?.rawValue ?? "unsupported"
    }

    // MARK: Create

    /// One call for all of them (more only where the body would grow too big), after a look at the tracking categories where lines name any.
    /// A document that can't be said in Xero's words is rejected here and not sent.
    public func create(_ documents: [LedgerDocument], attempt: String, _ connection: ConnectionFacts) -> Exchange<
        [PostOutcome]
    > {
        tracked(documents, connection) { self.created(documents, $0, attempt: attempt, connection) }
    }

    /// `refused`: what is not sent, by its place.
    func created(_ documents: [LedgerDocument], _ refused: [Int: Fault], attempt: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        guard let endpoint = documents.lazy.compactMap({ Endpoint($0) }).first else {
            return .finish(documents.map { .rejected(Self.unsupported($0.plan.form)) })
        }
        var sending = Sending(endpoint: endpoint, documents: documents, attempt: attempt)
        for (index, document) in documents.enumerated() {
            do throws(Fault) {
                if let fault = refused[index] { throw fault }
                guard Endpoint(document) == endpoint else { throw Self.unsupported(document.plan.form) }
                sending.add(index, try Self.body(of: document, connection))
            } catch {
                sending.outcomes[index] = .unsent(error)
            }
        }
        return send(sending)
    }

    /// Where a create stands.
    private struct Sending: Sendable {
        let endpoint: Endpoint
        let documents: [LedgerDocument]
        let attempt: String
        /// Per document; `nil` until known.
        var outcomes: [PostOutcome?]
        /// Calls to come: the documents of each and their bodies.
        var parts: [[(index: Int, body: JSON)]] = []
        private var bytes = 0
        var sent = 0

        init(endpoint: Endpoint, documents: [LedgerDocument], attempt: String) {
            self.endpoint = endpoint
            self.documents = documents
            self.attempt = attempt
            outcomes = Array(repeating: nil, count: documents.count)
        }

        mutating func add(_ index: Int, _ body: JSON) {
            let size = body.bytes.count + 1
            if let last = parts.indices.last, bytes + size <= XeroLimits.bodyBytes,
                parts[last].count < XeroLimits.batchDocuments
            {
                parts[last].append((index, body))
                bytes += size
            } else {
                parts.append([(index, body)])
                bytes = size
            }
        }
    }

    private func send(_ sending: Sending) -> Exchange<[PostOutcome]> {
        guard let part = sending.parts.first else {
            return .finish(sending.outcomes.map { $0 ?? .unknown(Self.unreadable("a document was left out")) })
        }
        // The same key with another body would be an error.
        let key = sending.sent == 0 ? sending.attempt : "\(sending.attempt)-\(sending.sent)"
        let body = JSON.object([(sending.endpoint.rawValue, .array(part.map(\.body)))])
        return .send(Self.put(sending.endpoint, key: key, body)) { answer in
            var next = sending
            next.parts.removeFirst()
            next.sent += 1
            let keys = part.map { sending.documents[$0.index].key }
            for (item, outcome) in zip(part, Self.outcomes(answer, sending.endpoint, keys)) {
                next.outcomes[item.index] = outcome
            }
            return self.send(next)
        }
    }

    // MARK: Change

    /// All lines anew. Payments and bank transactions can't be changed and are replaced.
    public func update(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<
        PostOutcome
    > {
        tracked([document], connection) { refused in
            if let fault = refused[0] { return .finish(.unsent(fault)) }
            if let endpoint = Endpoint(document), document.mayHaveMoved { return self.moved(document, to: endpoint, attempt: attempt, connection) }
            return self.updated(document, attempt: attempt, connection)
        }
    }

    /// As what it was before.
    func updated(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        if let endpoint = Endpoint(document), endpoint.isReplaced { return replace(document, endpoint, attempt: attempt, connection) }
        return change(document, attempt) { endpoint, id throws(Fault) in
            let body = try Self.body(of: document, connection)
            return .object([
                (endpoint.rawValue, .array([.object([(endpoint.idField, .string(id))] + (body.object ?? []))]))
            ])
        }
    }

    /// Invoices, credit notes and journals become VOIDED, payments, bank transactions and purchase orders DELETED.
    public func void(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<
        PostOutcome
    > {
        if let endpoint = Endpoint(document), document.mayHaveMoved { return moved(document, to: endpoint, attempt: attempt, connection) }
        return voided(document, attempt: attempt, connection)
    }

    func voided(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        if let endpoint = Endpoint(document), endpoint.isReplaced { return replace(document, endpoint, attempt: attempt, connection) }
        return change(document, attempt) { endpoint, id in Self.withdrawal(of: document, endpoint, id) }
    }

    /// What takes the effect of a document away that keeps its place.
    static func withdrawal(of document: LedgerDocument, _ endpoint: Endpoint, _ id: String) -> JSON {
        var members: [(key: String, value: JSON)] = [(endpoint.idField, .string(id)), ("Status", .string(endpoint.voidStatus))]
        // The only field that the schema requires.
        if endpoint == .manualJournals { members.append(("Narration", .string(reference(document)))) }
        return .object([(endpoint.rawValue, .array([.object(members)]))])
    }

    private func change(
        _ document: LedgerDocument, _ attempt: String, _ body: (Endpoint, String) throws(Fault) -> JSON
    ) -> Exchange<PostOutcome> {
        do throws(Fault) {
            guard let endpoint = Endpoint(document) else { throw Self.unsupported(document.plan.form) }
            guard let id = document.remoteID, isGUID(id) else {
                throw Self.refused("remote_id_missing", "Xero's id of the document is not known", "Report it.")
            }
            let json = try body(endpoint, id)
            let call = Self.write(.post, "\(endpoint.rawValue)/\(id)", endpoint.decimals, key: attempt, json)
            return .send(call) { .finish(Self.outcome($0, endpoint, document.key, id: id)) }
        } catch {
            return .finish(.unsent(error))
        }
    }

    /// Creates and nothing else: POST with a number that is used would change the other document.
    static func put(_ endpoint: Endpoint, key: String, _ body: JSON, cost: [String: Int] = Budget.one) -> Call {
        write(.put, endpoint.rawValue, [("summarizeErrors", "false")] + endpoint.decimals, key: key, body, cost: cost)
    }

    // MARK: Answers

    /// What became of each, in the order of `keys`. Elements are known by our key where they carry it, else by their
    /// place, where all are there.
    static func outcomes(_ answer: HTTPResponse, _ endpoint: Endpoint, _ keys: [PostKey]) -> [PostOutcome] {
        let elements: [JSONView]
        do throws(Fault) {
            elements = try JSONDocument(parsing: answer.body).root[endpoint.rawValue].elements
        } catch {
            return keys.map { _ in .unknown(lost("it can't be read")) }
        }
        let found = elements.map { key(of: $0, endpoint) }
        return keys.enumerated().map { index, key in
            if let at = found.firstIndex(of: key) { return outcome(elements[at]) }
            guard elements.count == keys.count, found[index] == nil else {
                return .unknown(lost("it leaves out a document"))
            }
            return outcome(elements[index])
        }
        func outcome(_ element: JSONView) -> PostOutcome { Self.outcome(element, endpoint, changing: false) }
    }

    static func outcome(_ answer: HTTPResponse, _ endpoint: Endpoint, _ key: PostKey, id: String) -> PostOutcome {
        do throws(Fault) {
            let elements = try JSONDocument(parsing: answer.body).root[endpoint.rawValue].elements
            let ours = elements.first {
                $0[endpoint.idField].string.map { $0.lowercased() == id.lowercased() } ?? false
            }
            guard let element = ours ?? (elements.count == 1 ? elements[0] : nil) else {
                return .unknown(lost("it leaves out the document"))
            }
            return outcome(element, endpoint, changing: true)
        } catch {
            return .unknown(lost("it can't be read"))
        }
    }

    /// One element: `StatusAttributeString` decides; without it a real id says yes, messages say no, and both
    /// together nothing.
    private static func outcome(_ element: JSONView, _ endpoint: Endpoint, changing: Bool) -> PostOutcome {
        let messages = Refusal.messages(of: element)
        let id = element[endpoint.idField].string.flatMap { isGUID($0) && !isZero($0) ? $0 : nil }
        let version = element["UpdatedDateUTC"].string.map { String($0.prefix(64)) }
        switch element["StatusAttributeString"].string?.uppercased() {
        case "ERROR": return Refusal(messages).outcome
        case "OK", "WARNING":
            if let id { return .posted(remoteID: id, version: version) }
            return .unknown(lost("it has no id of the document"))
        default:
            switch (id, messages.isEmpty) {
            case (let id?, true): return .posted(remoteID: id, version: version)
            case (nil, false): return Refusal(messages).outcome
            // A changed document keeps its id whether or not the change was taken.
            case (_?, false) where changing: return Refusal(messages).outcome
            default: return .unknown(lost("it says neither yes nor no"))
            }
        }
    }

    static func isZero(_ id: String) -> Bool {
        id.utf8.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "-") }
    }

    static func lost(_ why: String) -> Fault {
        Fault(
            "outcome_unknown", stage: .post, disposition: .retry,
            summary: "Xero's answer does not tell what became of the document: \(why)",
            remedy: "None needed: it is looked up.")
    }
}

extension PostOutcome {
    /// Of what was not sent for this reason.
    static func unsent(_ fault: Fault) -> PostOutcome { fault.disposition == .reject ? .rejected(fault) : .throttled(fault) }
}
