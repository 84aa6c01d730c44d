internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension OdooConnector {
    /// Lines go by account: no products.
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    /// The contact of a sale, and of an entry with a line on the receivable. One contact takes documents in any currency.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        guard let form = OdooForm(document.plan.form), form.isSales || document.lines.contains(where: \.isReceivable) else { return [] }
        return [ReferenceWant(kind: .party, key: document.plan.party, name: document.plan.party, text: document.plan.party)]
    }

    /// Active contacts by their exact name, the oldest of several.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }
        if parties.isEmpty { return .finish([:]) }
        return speaking(connection) { dialect in
            let lists = Set(parties.map(Self.name)).sorted().parts(of: OdooLimits.listed).map { names in
                var domain: [JSON] = [["name", "in", .array(names.map { .string($0) })], ["parent_id", "=", false]]
                if let company = dialect.company { domain.append(["company_id", "in", [false, .id(company)]]) }
                return Listing("res.partner", .array(domain), ["id", "name"])
            }
            return rows(lists, dialect) { rows in
                var known: [String: Int] = [:]
                for row in rows {
                    guard let id = row["id"]?.id, let name = row["name"]?.words else { continue }
                    known[name] = known[name] ?? id
                }
                var found: [String: String] = [:]
                for want in parties { if let id = known[Self.name(want)] { found[want.key] = String(id) } }
                return .finish(found)
            }
        }
    }

    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name)
        return shortName(name.isEmpty ? plain(want.key) : name, limit: OdooLimits.partyName)
    }

    /// Creates contacts, all in one call: names need not be unique there, so nothing but the search before keeps them single.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }.unique(by: \.key)
        return speaking(connection) { dialect in create(parties.parts(of: OdooLimits.batchDocuments)[...], dialect, [:]) }
    }

    private func create(_ parts: ArraySlice<[ReferenceWant]>, _ dialect: Dialect, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let part = parts.first else { return .finish(made) }
        // Two wants of one name are one contact.
        let names = Set(part.map(Self.name)).sorted()
        let values: [JSON] = names.map { ["name": .string($0), "customer_rank": 1] }
        return .send(dialect.call(Asking(.write, "res.partner", "create", [("vals_list", .array(values))]))) { answer in
            guard let ids = Self.created(answer, dialect, names.count) else { return .fail(Self.unreadable("what became of the contacts")) }
            let known = Dictionary(uniqueKeysWithValues: zip(names, ids))
            var next = made
            for want in part { if let id = known[Self.name(want)] { next[want.key] = String(id) } }
            return self.create(parts.dropFirst(), dialect, next)
        }
    }
}
