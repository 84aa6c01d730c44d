internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension FreeAgentConnector {
    /// Lines go by category: price list items are not referred to by invoices.
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    /// The contact of a sale. One contact takes documents in any currency. Money and journals have none.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        guard case .sales? = PostedAs(document) else { return [] }
        return [ReferenceWant(kind: .party, key: document.plan.party, name: document.plan.party, text: document.plan.party)]
    }

    /// By the exact name, else by the name in another case; active ones first, then hidden ones. There is no search: all contacts are listed.
    public func findReferences(_ wants: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }
        if parties.isEmpty { return .finish([:]) }
        return Self.whole(.contacts, [("view", "all")]).map { rows in
            var known: [String: String] = [:]
            for isHidden in [false, true] {
                for row in rows where (row["status"]?.string == "Hidden") == isHidden {
                    guard let id = Kind.contacts.id(of: row["url"]?.string), let name = Self.name(of: row) else { continue }
                    for name in [name, "\n" + name.lowercased()] { known[name] = known[name] ?? id }
                }
            }
            var found: [String: String] = [:]
            for want in parties {
                let name = Self.name(want)
                if let id = known[name] ?? known["\n" + name.lowercased()] { found[want.key] = id }
            }
            return found
        }
    }

    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name)
        return cut(name.isEmpty ? plain(want.key) : name, characters: FreeAgentLimits.name)
    }

    /// As it is shown: the organisation's, else the person's.
    private static func name(of row: JSON) -> String? {
        if let name = row.member("organisation_name")?.string.map(plain), !name.isEmpty { return name }
        let name = [row.member("first_name")?.string, row.member("last_name")?.string].compactMap(\.self).map(plain).filter { !$0.isEmpty }
        return name.isEmpty ? nil : name.joined(separator: " ")
    }

    /// Names need not be unique there, so nothing but the search before keeps contacts single. Rates of tax are stated on each line, whatever the
    /// contact's `charge_sales_tax` says.
    public func createReferences(_ wants: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }
        // Two wants of one name are one contact.
        return .each(parties.unique(by: Self.name)[...], [:]) { want, before in
            let body: JSON = ["contact": ["organisation_name": .string(Self.name(want))]]
            return .one(Self.write(.post, "/v2/\(Kind.contacts.rawValue)", body, calls: 1)) { answer throws(Fault) in
                guard let id = Kind.contacts.created(answer, try answer.json()[Kind.contacts.root]) else { throw Self.judging.notTold("the contact has no url") }
                var made = before
                for other in parties where Self.name(other) == Self.name(want) { made[other.key] = id }
                return made
            }
        }
    }
}
