internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// Lines go by account code: no items.
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    /// The contact of a document that has one; it takes documents in any currency, and who sells to us may buy as well. Payments and journals
    /// name none.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        guard let endpoint = Endpoint(document), endpoint.hasContact else { return [] }
        let party = document.plan.party
        return [ReferenceWant(kind: document.plan.form.isPurchase ? .vendor : .party, key: party, name: party, text: party)]
    }

    /// Active contacts by their exact name, else by the name in another case.
    public func findReferences(_ wants: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind != .item }
        return rows(Self.queries(parties)) { .finish(Self.match(parties, $0)) }
    }

    /// By `where`; a name with a quote or backslash by its longest plain piece, because how `where` escapes them is
    /// not published.
    private static func queries(_ wants: [ReferenceWant]) -> [Query] {
        var conditions: [String] = []
        var searches: [Query] = []
        for want in wants {
            let name = contactName(want)
            if name.unicodeScalars.contains(where: { $0 == "\"" || $0 == "\\" }) {
                searches += search(name)
            } else {
                conditions.append("Name==\"\(name)\"")
            }
        }
        return Query.anyOf(conditions, of: "Contacts") + searches
    }

    private static func search(_ name: String) -> [Query] {
        let pieces = name.split { $0 == "\"" || $0 == "\\" }.map { plain(String($0)) }
        guard let longest = pieces.max(by: { $0.count < $1.count }), !longest.isEmpty else { return [] }
        return [Query("Contacts", [("searchTerm", longest)])]
    }

    static func contactName(_ want: ReferenceWant) -> String {
        var limit = XeroLimits.partyName
        let name = plain(want.name)
        var out = shortName(name, limit: limit)
        // The limit may be counted in UTF-16 units.
        while out.utf16.count > XeroLimits.partyName, limit > 10 {
            limit = max(10, limit - max(1, (out.utf16.count - XeroLimits.partyName) / 2))
            out = shortName(name, limit: limit)
        }
        return cut(out, utf16: XeroLimits.partyName)
    }

    private static func match(_ wants: [ReferenceWant], _ rows: [JSONView]) -> [String: String] {
        var exact: [String: String] = [:]
        var folded: [String: String] = [:]
        for row in rows {
            guard let id = row["ContactID"].string, !id.isEmpty, let name = row["Name"].string else { continue }
            // An archived contact can't be used; its name is free again.
            guard row["ContactStatus"].string.map({ $0 == "ACTIVE" }) ?? true else { continue }
            exact[name] = exact[name] ?? id
            folded[name.lowercased()] = folded[name.lowercased()] ?? id
        }
        var found: [String: String] = [:]
        for want in wants {
            let name = contactName(want)
            if let id = exact[name] ?? folded[name.lowercased()] { found[want.key] = id }
        }
        return found
    }

    // MARK: Creating

    /// Creates contacts, 50 a call. A name that is taken after all is looked up and used. What succeeded is given
    /// back even where others failed; the call fails when none succeeded.
    public func createReferences(_ wants: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> {
        create(Making(open: wants.filter { $0.kind != .item }))
    }

    /// Where the making of contacts stands.
    private struct Making: Sendable {
        var open: [ReferenceWant]
        var made: [String: String] = [:]
        var taken: [ReferenceWant] = []
        var fault: Fault?
    }

    private func create(_ making: Making) -> Exchange<[String: String]> {
        let part = Array(making.open.prefix(XeroLimits.batchDocuments))
        guard !part.isEmpty else { return lookUpTaken(making) }
        let contacts: [JSON] = part.map { .object([("Name", .string(Self.contactName($0)))]) }
        // PUT only creates: POST would change a contact of that name.
        let call = Self.write(
            .put, "Contacts", [("summarizeErrors", "false")], key: nil, ["Contacts": .array(contacts)])
        return .send(call) { answer in
            var next = making
            next.open.removeFirst(part.count)
            for (want, result) in zip(part, Self.results(answer, part)) {
                switch result {
                case .success(let id): next.made[want.key] = id
                case .failure(let fault) where fault.code == "ledger_name_taken": next.taken.append(want)
                case .failure(let fault): next.fault = next.fault ?? fault
                }
            }
            return self.create(next)
        }
    }

    private static func results(_ answer: HTTPResponse, _ wants: [ReferenceWant]) -> [Result<String, Fault>] {
        let elements: [JSONView]
        do throws(Fault) {
            elements = try JSONDocument(parsing: answer.body).root["Contacts"].elements
        } catch {
            return wants.map { _ in .failure(unreadable("what became of the contacts")) }
        }
        return wants.enumerated().map { index, want in
            let name = contactName(want)
            let named = elements.first { $0["Name"].string == name }
            guard let element = named ?? (elements.count == wants.count ? elements[index] : nil) else {
                return .failure(unreadable("the answer leaves out a contact"))
            }
            let messages = Refusal.messages(of: element)
            if messages.isEmpty, let id = element["ContactID"].string, isGUID(id), !isZero(id) { return .success(id) }
            let text = messages.joined(separator: "; ").lowercased()
            if text.contains("already") || text.contains("unique") {
                return .failure(nameTaken(want))
            }
            return .failure(Refusal(messages).fault())
        }
    }

    private func lookUpTaken(_ making: Making) -> Exchange<[String: String]> {
        guard !making.taken.isEmpty else { return Self.end(making) }
        // The search ignores case, `where` does not.
        return rows(making.taken.flatMap { Self.search(Self.contactName($0)) }) { rows in
            var next = making
            let found = Self.match(making.taken, rows)
            for want in making.taken {
                if let id = found[want.key] { next.made[want.key] = id; continue }
                next.fault = next.fault ?? Self.nameTaken(want)
            }
            return Self.end(next)
        }
    }

    private static func nameTaken(_ want: ReferenceWant) -> Fault {
        Fault(
            "ledger_name_taken", stage: .post, disposition: .hold,
            summary: "a contact that can't be used has the name \"\(contactName(want))\" in Xero",
            remedy: "Rename or restore the contact of that name in Xero.")
    }

    private static func end(_ making: Making) -> Exchange<[String: String]> {
        if making.made.isEmpty, let fault = making.fault { return .fail(fault) }
        return .finish(making.made)
    }
}
