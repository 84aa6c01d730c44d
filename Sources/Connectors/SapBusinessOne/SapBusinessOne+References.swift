internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension SapBusinessOneConnector {
    /// The SKU, or the role of what has none. Needed only where lines are items, which the connection's settings say; otherwise nothing is asked.
    public func itemKey(of line: LedgerDocument.Line) -> String? {
        guard line.plan.part != .control, line.plan.part != .tender else { return nil }
        return line.plan.sku.isEmpty ? line.plan.role.text : line.plan.sku
    }

    /// The customer of a document with a line on the receivable, and the items of a sale; the supplier of what is bought. One partner takes documents
    /// in any currency.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        guard let set = EntitySet(document) else { return [] }
        var wants: [ReferenceWant] = []
        if set.isPurchase { return [ReferenceWant(kind: .vendor, key: document.plan.party, name: document.plan.party, text: document.plan.party)] }
        if set != .journalEntries || document.lines.contains(where: \.isReceivable) {
            wants.append(ReferenceWant(kind: .party, key: document.plan.party, name: document.plan.party, text: document.plan.party))
        }
        guard set.isDocument, let form = try? SalesForm(document) else { return wants }
        var seen: Set<String> = []
        for line in form.lines.map(\.source) {
            guard let key = itemKey(of: line), seen.insert(key).inserted else { continue }
            wants.append(ReferenceWant(kind: .item, key: key, name: Self.description(line.plan), text: line.plan.text, account: line.account.remoteID))
        }
        return wants
    }

    /// Customers and suppliers by their exact name or by the code that we would give them, items by their code.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        if wants.isEmpty { return .finish([:]) }
        return speaking(connection) { dialect in
            let parties = wants.filter { $0.kind == .party }, vendors = wants.filter { $0.kind == .vendor }
            // Lines by account name no item.
            let items = dialect.lines == .items ? wants.filter { $0.kind == .item } : []
            let queries = Self.partnerQueries(parties, type: Self.customerType) + Self.partnerQueries(vendors, type: Self.supplierType)
            return rows(queries + Self.itemQueries(items), dialect) { pages in
                do throws(Fault) {
                    var found = try Self.found(items, in: pages)
                    let partners = pages.joined().filter { $0["CardCode"] != nil }
                    for want in parties + vendors {
                        let type = Self.type(want)
                        // Not every answer says what it was asked for.
                        let rows = partners.filter { ($0["CardType"]?.string ?? type) == type }
                        let (name, code) = (Self.name(want), Self.cardCode(want))
                        let named = rows.first { $0["CardName"]?.string == name && $0["Frozen"]?.string != "tYES" }
                        let own = rows.first { $0["CardCode"]?.string == code } ?? named
                        if let known = own?["CardCode"]?.words { found[want.key] = known }
                    }
                    return .finish(found)
                } catch {
                    return .fail(error)
                }
            }
        }
    }

    private static let (customerType, supplierType) = ("cCustomer", "cSupplier")

    private static func type(_ want: ReferenceWant) -> String { want.kind == .vendor ? supplierType : customerType }

    private static func partnerQueries(_ partners: [ReferenceWant], type: String) -> [Query] {
        let conditions = partners.map { "CardName eq \(Query.text(name($0))) or CardCode eq \(Query.text(cardCode($0)))" }
        return conditions.parts(of: 3).map { part in
            Query("BusinessPartners", ["CardCode", "CardName", "CardType", "Frozen"], filter: "CardType eq '\(type)' and (\(Query.anyOf(part)))", order: "CardCode")
        }
    }

    private static func itemQueries(_ items: [ReferenceWant]) -> [Query] {
        let conditions = Set(items.map(itemCode)).sorted().map { "ItemCode eq \(Query.text($0))" }
        return conditions.parts(of: 5).map { Query("Items", ["ItemCode", "InventoryItem"], filter: Query.anyOf($0), order: "ItemCode") }
    }

    /// - Throws: `item_stocked` (hold): an item that is kept in stock there would have its cost of sales posted twice.
    private static func found(_ items: [ReferenceWant], in pages: [[JSON]]) throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        for row in pages.joined() {
            guard let code = row["ItemCode"]?.words, let want = items.first(where: { itemCode($0) == code }) else { continue }
            guard row["InventoryItem"]?.string != "tYES" else {
                throw Fault(
                    "item_stocked", stage: .post, disposition: .hold, summary: "SAP Business One keeps the item \(cut(plain(code), utf16: 60)) in stock",
                    remedy: "Make it no inventory item there, or set the connection's lines to service: its cost of sales would be posted twice.")
            }
            out[want.key] = code
        }
        return out
    }

    // MARK: Names

    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name)
        return fitted(name.isEmpty ? plain(want.key) : name, limit: B1Limits.name)
    }

    /// `CF` and our key, or a mark of it where it is long or has other characters: the same at every run. A supplier's code is another than that of a
    /// customer with the same key.
    static func cardCode(_ want: ReferenceWant) -> String {
        let head = want.kind == .vendor ? "CFV-" : "CF-"
        let isPlain = want.key.utf8.allSatisfy { $0 == 45 || (48 ... 57).contains($0) || (97 ... 122).contains($0 | 32) }
        if isPlain, (1 ... B1Limits.cardCode - head.utf8.count).contains(want.key.utf8.count) { return head + want.key }
        // Padded, so that a short key has a mark too.
        return head + shortName(want.key + String(repeating: " ", count: 10), limit: 9)
    }

    static func itemCode(_ want: ReferenceWant) -> String { fitted(plain(want.key), limit: B1Limits.itemCode) }

    // MARK: Creating

    /// One call each. Their codes are made of our keys, so one that is there already was made by a call whose answer was lost.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        speaking(connection) { dialect in
            let open = wants.filter { dialect.lines == .items || $0.kind != .item }.unique { "\($0.kind)/\($0.key)" }
            return create(open[...], dialect, [:])
        }
    }

    private func create(_ wants: ArraySlice<ReferenceWant>, _ dialect: Dialect, _ made: [String: String]) -> Exchange<[String: String]> {
        guard let want = wants.first else { return .finish(made) }
        let (set, field, code, body) = want.kind == .item ? Self.item(want) : Self.partner(want, dialect)
        return .send(Self.post(set, .object(body), dialect)) { answer in
            var next = made
            if (200 ..< 300).contains(answer.status) {
                guard let code = (try? JSON(parsing: answer.body))?[field]?.words else { return .fail(Self.unreadable("what became of \(set)")) }
                next[want.key] = code
            } else {
                // Numbers of a series are not ours: which one is there already can't be told.
                guard want.kind == .item || Self.series(want, dialect) == nil else {
                    return .fail(Problem(answer)?.fault ?? Self.unreadable("what became of \(set)"))
                }
                next[want.key] = code
            }
            return self.create(wants.dropFirst(), dialect, next)
        }
    }

    private static func series(_ want: ReferenceWant, _ dialect: Dialect) -> Int? { want.kind == .vendor ? dialect.supplierSeries : dialect.customerSeries }

    private static func partner(
        _ want: ReferenceWant, _ dialect: Dialect
    ) -> (set: String, field: String, code: String, body: [(key: String, value: JSON)]) {
        let code = cardCode(want)
        // `##`: any currency.
        var body: [(key: String, value: JSON)] = [("CardCode", .string(code)), ("CardName", .string(name(want))), ("CardType", .string(type(want))), ("Currency", "##")]
        if let series = series(want, dialect) { body[0] = ("Series", .id(series)) }
        return ("BusinessPartners", "CardCode", code, body)
    }

    private static func item(_ want: ReferenceWant) -> (set: String, field: String, code: String, body: [(key: String, value: JSON)]) {
        let code = itemCode(want)
        let body: [(key: String, value: JSON)] = [
            ("ItemCode", .string(code)), ("ItemName", .string(name(want))), ("InventoryItem", "tNO"), ("SalesItem", "tYES"), ("PurchaseItem", "tNO"),
        ]
        return ("Items", "ItemCode", code, body)
    }
}
