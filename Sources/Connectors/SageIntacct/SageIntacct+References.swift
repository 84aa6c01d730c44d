internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SageIntacctConnector {
    /// Lines go by account; an item is a dimension of theirs, if a rule says so.
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    /// The customer of receivables, and of an entry with a line on them. One customer takes documents in any currency.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        let needs: Bool =
            switch Record(document) {
            case .invoice, .adjustment, .payment: true
            case .entry: document.lines.contains(where: \.isReceivable)
            case .receipt, nil: false
            }
        guard needs else { return [] }
        return [ReferenceWant(kind: .party, key: document.plan.party, name: document.plan.party, text: document.plan.party)]
    }

    /// Customers in use by their exact name, the oldest of several.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }
        if parties.isEmpty { return .finish([:]) }
        return configured(connection) { _ in
            let queries = Set(parties.map(Self.name)).sorted().parts(of: IntacctLimits.listed).map { names in
                Query("CUSTOMER", ["RECORDNO", "CUSTOMERID", "NAME", "STATUS"], .any("NAME", names))
            }
            return rows(queries) { found in
                var known: [String: String] = [:]
                for row in found["CUSTOMER"] ?? [] where row["STATUS"]?.lowercased() != "inactive" {
                    guard let id = row["CUSTOMERID"], let name = row["NAME"] else { continue }
                    known[name] = known[name] ?? id
                }
                var out: [String: String] = [:]
                for want in parties { out[want.key] = known[Self.name(want)] }
                return .finish(out)
            }
        }
    }

    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name)
        return plain(shortName(name.isEmpty ? plain(want.key) : name, limit: IntacctLimits.partyName))
    }

    /// `CF-shop-3kd02mzx`: an id of our own, the same one at every run and another for another name. It is unique there, so a customer is created once
    /// however often it is asked.
    static func customerID(_ want: ReferenceWant) -> String {
        let letters = want.key.utf8.filter { (48 ... 57).contains($0) || (65 ... 90).contains($0) || (97 ... 122).contains($0) }
        let mark = shortName("\(want.key)\u{0}\(name(want))", limit: 8)
        return "CF-\(String(decoding: letters.prefix(IntacctLimits.partyID - 12), as: UTF8.self))-\(mark)"
    }

    /// Creates customers, each by a function of its own.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party }.unique(by: \.key)
        return configured(connection) { settings in create(parties.parts(of: IntacctLimits.batchDocuments)[...], settings, [:]) }
    }

    private func create(_ parts: ArraySlice<[ReferenceWant]>, _ settings: Settings, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let part = parts.first else { return .finish(made) }
        // Two wants of one name are one customer.
        var byName: [String: ReferenceWant] = [:]
        for want in part where byName[Self.name(want)] == nil { byName[Self.name(want)] = want }
        let firsts = byName.sorted { $0.key < $1.key }.map(\.value)
        let functions = firsts.map { Function(Self.customerID($0) + Asked.customer, Self.customer($0, settings)) }
        return .send(Gateway.call(.write, functions)) { response in
            guard let answers = Answers(response) else { return .fail(Self.unreadable("what became of the customers")) }
            var next = made
            for (want, function) in zip(firsts, functions) {
                guard let result = answers.result(function.controlID) else { return .fail(Self.unreadable("what became of a customer")) }
                if let problem = result.problem { return .fail(Self.untold(problem)) }
                guard let id = result.data?.children.lazy.compactMap({ $0["CUSTOMERID"]?.words }).first else {
                    return .fail(Self.unreadable("a new customer has no id"))
                }
                for other in part where Self.name(other) == Self.name(want) { next[other.key] = id }
            }
            return self.create(parts.dropFirst(), settings, next)
        }
    }

    /// Somebody else's customer may have our id; with a name of another it is not ours to use.
    private static func untold(_ problem: Problem) -> Fault {
        guard problem.kind == .duplicate else { return problem.fault }
        return Fault(
            "ledger_name_taken", stage: .post, disposition: .hold, 
            summary: "Sage Intacct has a customer with our id and another name, or one that is not in use",
            remedy: "Give that customer its name back, or activate it, in Sage Intacct.", underlying: problem.number)
    }

    /// - Source: developer.intacct.com, Customers: Create Customer.
    private static func customer(_ want: ReferenceWant, _ settings: Settings) -> Function.Content {
        let name = name(want)
        return Function.Content("create") { writer in
            writer.start("CUSTOMER")
            if !settings.numbersCustomers { writer.element("CUSTOMERID", customerID(want)) }
            writer.element("NAME", name)
            writer.start("DISPLAYCONTACT")
            writer.element("PRINTAS", name)
            writer.element("COMPANYNAME", name)
            writer.element("TAXABLE", "true")
            writer.end()
            writer.element("STATUS", "active")
            writer.end()
        }
    }
}
