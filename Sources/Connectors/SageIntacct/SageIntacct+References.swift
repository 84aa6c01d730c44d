internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SageIntacctConnector {
    /// Lines go by account; an item is a dimension of theirs, if a rule says so.
    public func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    /// The customer of receivables, and of an entry with a line on them; the supplier of a bill. One takes documents in any currency.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        let needs: Bool =
            switch Record(document) {
            case .invoice, .adjustment, .payment, .bill: true
            case .entry: document.lines.contains(where: \.isReceivable)
            case .receipt, nil: false
            }
        guard needs else { return [] }
        let kind: ReferenceWant.Kind = document.plan.form.isPurchase ? .vendor : .party
        return [ReferenceWant(kind: kind, key: document.plan.party, name: document.plan.party, text: document.plan.party)]
    }

    /// Customers and suppliers in use by their exact name, the oldest of several.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { Self.object($0) != nil }
        if parties.isEmpty { return .finish([:]) }
        return configured(connection) { _ in
            var queries: [Query] = []
            for object in ["CUSTOMER", "VENDOR"] {
                let names = Set(parties.filter { Self.object($0) == object }.map(Self.name)).sorted()
                queries += names.parts(of: IntacctLimits.listed).map { Query(object, ["RECORDNO", "\(object)ID", "NAME", "STATUS"], .any("NAME", $0)) }
            }
            return rows(queries) { found in
                var known: [String: [String: String]] = [:]
                for (object, rows) in found {
                    for row in rows where row["STATUS"]?.lowercased() != "inactive" {
                        guard let id = row["\(object)ID"], let name = row["NAME"] else { continue }
                        known[object, default: [:]][name] = known[object]?[name] ?? id
                    }
                }
                var out: [String: String] = [:]
                for want in parties { out[want.key] = Self.object(want).flatMap { known[$0]?[Self.name(want)] } }
                return .finish(out)
            }
        }
    }

    /// What a want becomes there; `nil` for what is none of both.
    private static func object(_ want: ReferenceWant) -> String? {
        switch want.kind {
        case .party: "CUSTOMER"
        case .vendor: "VENDOR"
        case .item, .dimension: nil
        }
    }

    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name)
        return plain(shortName(name.isEmpty ? plain(want.key) : name, limit: IntacctLimits.partyName))
    }

    /// `CF-shop-3kd02mzx`, a supplier's `CV-…`: an id of our own, the same one at every run and another for another name. It is unique there, so nobody is
    /// created twice however often it is asked.
    static func partyID(_ want: ReferenceWant) -> String {
        let letters = want.key.utf8.filter { (48 ... 57).contains($0) || (65 ... 90).contains($0) || (97 ... 122).contains($0) }
        let mark = shortName("\(want.key)\u{0}\(name(want))", limit: 8)
        return "\(want.kind == .vendor ? "CV" : "CF")-\(String(decoding: letters.prefix(IntacctLimits.partyID - 12), as: UTF8.self))-\(mark)"
    }

    /// Creates customers and suppliers, each by a function of its own.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { Self.object($0) != nil }.unique { "\($0.kind)/\($0.key)" }
        return configured(connection) { settings in create(parties.parts(of: IntacctLimits.batchDocuments)[...], settings, [:]) }
    }

    private func create(_ parts: ArraySlice<[ReferenceWant]>, _ settings: Settings, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let part = parts.first else { return .finish(made) }
        // Two wants of one name are one customer, or one supplier.
        let own: @Sendable (ReferenceWant) -> String = { "\($0.kind)/\(Self.name($0))" }
        var byName: [String: ReferenceWant] = [:]
        for want in part where byName[own(want)] == nil { byName[own(want)] = want }
        let firsts = byName.sorted { $0.key < $1.key }.map(\.value)
        let functions = firsts.map { Function(Self.partyID($0) + Asked.customer, Self.party($0, settings)) }
        return .send(Gateway.call(.write, functions)) { response in
            guard let answers = Answers(response) else { return .fail(Self.unreadable("what became of the customers and suppliers")) }
            var next = made
            for (want, function) in zip(firsts, functions) {
                guard let result = answers.result(function.controlID) else { return .fail(Self.unreadable("what became of a customer or supplier")) }
                if let problem = result.problem { return .fail(Self.untold(problem, want)) }
                let field = "\(Self.object(want) ?? "")ID"
                guard let id = result.data?.children.lazy.compactMap({ $0[field]?.words }).first else {
                    return .fail(Self.unreadable("a new customer or supplier has no id"))
                }
                for other in part where own(other) == own(want) { next[other.key] = id }
            }
            return self.create(parts.dropFirst(), settings, next)
        }
    }

    /// Somebody else's customer may have our id; with a name of another it is not ours to use.
    private static func untold(_ problem: Problem, _ want: ReferenceWant) -> Fault {
        let who = want.kind == .vendor ? "vendor" : "customer"
        guard problem.kind == .duplicate else { return problem.fault }
        return Fault(
            "ledger_name_taken", stage: .post, disposition: .hold, 
            summary: "Sage Intacct has a \(who) with our id and another name, or one that is not in use",
            remedy: "Give that \(who) its name back, or activate it, in Sage Intacct.", underlying: problem.number)
    }

    /// - Source: developer.intacct.com, Customers: Create Customer; Vendors: Create Vendor.
    private static func party(_ want: ReferenceWant, _ settings: Settings) -> Function.Content {
        let name = name(want), object = object(want) ?? "CUSTOMER"
        let isNumbered = want.kind == .vendor ? settings.numbersVendors : settings.numbersCustomers
        return Function.Content("create") { writer in
            writer.start(object)
            if !isNumbered { writer.element("\(object)ID", partyID(want)) }
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
