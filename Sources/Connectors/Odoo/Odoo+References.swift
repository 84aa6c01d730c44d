internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension OdooConnector {
    /// The SKU of what is ordered; all other lines go by account.
    public func itemKey(of line: LedgerDocument.Line) -> String? {
        let sku = plain(line.plan.sku)
        return line.plan.part == .goods && line.plan.role.family == "inventory" && !sku.isEmpty ? sku : nil
    }

    /// The contact of a sale or bill, and of an entry with a line on the receivable; of an order its products too. One contact takes documents in any
    /// currency.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        let plan = document.plan
        guard let form = OdooForm(plan.form), form != .entry || document.lines.contains(where: \.isReceivable) else { return [] }
        let party = ReferenceWant(kind: plan.form.isPurchase ? .vendor : .party, key: plan.party, name: plan.party, text: plan.party)
        guard form == .order else { return [party] }
        let products = document.lines.compactMap { line in itemKey(of: line).map { ReferenceWant(kind: .item, key: $0, name: $0, text: plain(line.plan.text)) } }
        return [party] + products.unique(by: \.key)
    }

    /// Active contacts by their exact name, and products by their internal reference; the oldest of several.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let products = wants.filter { $0.kind == .item }
        return contacts(wants.filter { $0.kind == .party || $0.kind == .vendor }, connection).next { found in
            if products.isEmpty { return .finish(found) }
            return self.products(products, connection).map { found.merging($0) { one, _ in one } }
        }
    }

    private func products(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        speaking(connection) { dialect in
            let lists = Set(wants.map(\.key)).sorted().parts(of: OdooLimits.listed).map { codes in
                var domain: [JSON] = [["default_code", "in", .array(codes.map { .string($0) })]]
                if let company = dialect.company { domain.append(["company_id", "in", [false, .id(company)]]) }
                return Listing("product.product", .array(domain), ["id", "default_code"])
            }
            return rows(lists, dialect) { rows in
                var found: [String: String] = [:]
                for row in rows { if let id = row["id"]?.id, let code = row["default_code"]?.words { found[code] = found[code] ?? String(id) } }
                return .finish(found)
            }
        }
    }

    private func contacts(_ parties: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
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

    /// Creates contacts and products, all of a kind in one call: names and references need not be unique there, so nothing but the search before keeps
    /// them single.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let parties = wants.filter { $0.kind == .party || $0.kind == .vendor }.unique(by: \.key)
        let products = wants.filter { $0.kind == .item }.unique(by: \.key)
        return speaking(connection) { dialect in
            create(parties.parts(of: OdooLimits.batchDocuments)[...], dialect, [:]).next { made in
                self.create(products: products.parts(of: OdooLimits.batchDocuments)[...], dialect, made)
            }
        }
    }

    /// Goods that nobody keeps stock of until somebody says so there, and that are not for sale.
    private func create(products parts: ArraySlice<[ReferenceWant]>, _ dialect: Dialect, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let part = parts.first else { return .finish(made) }
        let values: [JSON] = part.map { want in
            [
                "name": .string(cut(want.text.isEmpty ? want.key : want.text, characters: OdooLimits.partyName)), "default_code": .string(want.key), "type": "consu",
                "purchase_ok": true, "sale_ok": false,
            ]
        }
        return .send(dialect.call(Asking(.write, "product.product", "create", [("vals_list", .array(values))]))) { answer in
            guard let ids = Self.created(answer, dialect, part.count) else { return .fail(Self.unreadable("what became of the products")) }
            let known = Dictionary(uniqueKeysWithValues: zip(part.map(\.key), ids.map(String.init)))
            return self.create(products: parts.dropFirst(), dialect, made.merging(known) { one, _ in one })
        }
    }

    private func create(_ parts: ArraySlice<[ReferenceWant]>, _ dialect: Dialect, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let part = parts.first else { return .finish(made) }
        // Two wants of one name are one contact.
        let names = Set(part.map(Self.name)).sorted()
        let sellers = Set(part.filter { $0.kind == .vendor }.map(Self.name))
        let values: [JSON] = names.map { .object([("name", .string($0)), (sellers.contains($0) ? "supplier_rank" : "customer_rank", 1)]) }
        return .send(dialect.call(Asking(.write, "res.partner", "create", [("vals_list", .array(values))]))) { answer in
            guard let ids = Self.created(answer, dialect, names.count) else { return .fail(Self.unreadable("what became of the contacts")) }
            let known = Dictionary(uniqueKeysWithValues: zip(names, ids))
            var next = made
            for want in part { if let id = known[Self.name(want)] { next[want.key] = String(id) } }
            return self.create(parts.dropFirst(), dialect, next)
        }
    }
}
