internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension QuickBooksOnlineConnector {
    /// The customer, by `plan.party` (behind it `@EUR` for a document in a foreign currency: a customer has one
    /// currency for good), and one item for each distinct SKU or role and account (`MUG-1@4010`,
    /// `shipping_income@4100`): a sales line names an item, and the item names the account.
    public func references(for document: LedgerDocument) -> [ReferenceWant] {
        guard let entity = entity(of: document) else { return [] }
        var wants: [ReferenceWant] = []
        if needsParty(document, entity) {
            let foreign = document.plan.rate != nil
            let currency = document.plan.currency.code
            wants.append(
                ReferenceWant(
                    kind: entity.isPurchase ? .vendor : .party, key: foreign ? "\(document.plan.party)@\(currency)" : document.plan.party,
                    name: document.plan.party, text: document.plan.party, currency: foreign ? currency : nil))
        }
        wants += Dimensions.wants(document)
        guard let form = SalesForm(document, entity) else { return wants }
        var seen: Set<String> = []
        for line in form.lines.map(\.source) {
            guard let key = itemKey(of: line), seen.insert(key).inserted else { continue }
            wants.append(
                ReferenceWant(
                    kind: .item, key: key, name: Self.itemName(line), text: line.plan.sku.isEmpty ? "" : line.plan.text,
                    account: line.account.remoteID))
        }
        return wants
    }

    /// `MUG-1@4010`: the SKU, or the role of what has none, and the account.
    public func itemKey(of line: LedgerDocument.Line) -> String? {
        guard line.plan.part != .control, line.plan.part != .tax else { return nil }
        return "\(line.plan.sku.isEmpty ? line.plan.role.text : line.plan.sku)@\(line.account.code)"
    }

    /// `Stoneware mug (MUG-1, 4010)`, `Shipping income (4100)`: the account in the name, because the name alone decides
    /// which item is found again, and the item decides the account.
    static func itemName(_ line: LedgerDocument.Line) -> String {
        let plan = line.plan
        var head = plan.text
        var mark = " (\(plan.sku), \(line.account.code))"
        if plan.sku.isEmpty || plan.text.isEmpty {
            mark = " (\(line.account.code))"
            head = plan.sku.isEmpty ? spoken(plan.role) : plan.sku
        }
        let whole = cleaned(head + mark)
        let room = QuickBooksLimits.itemName - cleaned(mark).utf16.count - 1
        guard whole.utf16.count > QuickBooksLimits.itemName, room >= 40 else {
            return fitted(whole, limit: QuickBooksLimits.itemName)
        }
        return fitted(cleaned(head), limit: room) + " " + cleaned(mark)
    }

    /// `sales:homeware` -> `Sales - homeware`.
    private static func spoken(_ role: Role) -> String {
        let family = role.family.split(separator: "_").joined(separator: " ")
        let first = family.prefix(1).uppercased() + family.dropFirst()
        return role.detail.isEmpty ? first : first + " - " + role.detail
    }

    /// Without what names of items and customers can't have: colons (they mean a sub-item), control characters,
    /// backslashes (they escape in queries), spaces at the ends.
    static func cleaned(_ name: String) -> String {
        var out = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case ":": out.unicodeScalars.append("-")
            case "\\": out.unicodeScalars.append("/")
            case _ where scalar.value < 32 || (127 ..< 160).contains(scalar.value): out.unicodeScalars.append(" ")
            default: out.unicodeScalars.append(scalar)
            }
        }
        let trimmed = out.unicodeScalars.drop { $0.properties.isWhitespace }
        let end = trimmed.lastIndex { !$0.properties.isWhitespace }
        return end.map { String(trimmed[...$0]) } ?? ""
    }

    /// The names under which the want may stand there, first choice first.
    /// - Source: a customer's name must differ from every vendor's and employee's too; `(C)` is Intuit's own advice, and a
    ///   vendor's gets `(V)` likewise.
    static func names(of want: ReferenceWant) -> [String] {
        switch want.kind {
        case .item: return [fitted(cleaned(want.name), limit: QuickBooksLimits.itemName)]
        case .dimension: return [want.name]
        case .party, .vendor:
            let mark = want.currency.map { " (\($0))" } ?? ""
            let room = QuickBooksLimits.partyName - mark.utf16.count - 4
            let name = fitted(cleaned(want.name), limit: room) + mark
            return [name, name + (want.kind == .party ? " (C)" : " (V)")]
        }
    }

    // MARK: Finding

    /// Looks them up by name: a query for customers and one for items, or a few where the names are long. An item of
    /// the right name whose income account is another one is not the item.
    public func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let dimensions = wants.filter { $0.kind == .dimension }
        return find(wants.filter { $0.kind != .dimension }, connection).next { search in
            self.findDimensions(dimensions, connection).map { search.found.merging($0) { one, _ in one } }
        }
    }

    /// What a search by name found.
    struct Search: Sendable {
        var found: [String: String] = [:]
        /// Keys of wants whose name is taken by an item with another income account.
        var taken: Set<String> = []
    }

    private func find(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<Search> {
        let parties = wants.filter { $0.kind == .party }.flatMap(Self.names)
        let vendors = wants.filter { $0.kind == .vendor }.flatMap(Self.names)
        let items = wants.filter { $0.kind == .item }.flatMap(Self.names)
        let queries =
            Query.anyOf(parties.unique(by: \.self), field: "DisplayName", of: "Customer")
            + Query.anyOf(vendors.unique(by: \.self), field: "DisplayName", of: "Vendor")
            + Query.anyOf(items.unique(by: \.self), field: "Name", of: "Item")
        return rows(queries, connection) { rows in .finish(Self.match(wants, rows)) }
    }

    private static func match(_ wants: [ReferenceWant], _ rows: [Row]) -> Search {
        // Names are one whatever their case.
        var parties: [String: String] = [:], vendors: [String: String] = [:]
        var items: [String: (id: String, account: String?)] = [:]
        for row in rows {
            guard let id = row.fields["Id"].string, !id.isEmpty, row.fields["Active"].bool ?? true else { continue }
            if row.entity == "Customer", let name = row.fields["DisplayName"].string { parties[name.lowercased()] = id }
            if row.entity == "Vendor", let name = row.fields["DisplayName"].string { vendors[name.lowercased()] = id }
            if row.entity == "Item", let name = row.fields["Name"].string {
                items[name.lowercased()] = (id, row.fields["IncomeAccountRef"]["value"].string)
            }
        }
        var search = Search()
        for want in wants {
            for name in names(of: want).map({ $0.lowercased() }) where search.found[want.key] == nil {
                if want.kind != .item {
                    search.found[want.key] = want.kind == .party ? parties[name] : vendors[name]
                } else if let item = items[name] {
                    if item.account == want.account {
                        search.found[want.key] = item.id
                    } else {
                        search.taken.insert(want.key)
                    }
                }
            }
        }
        return search
    }

    // MARK: Creating

    /// Creates them, 25 a call. A name that is taken is looked up and used; a customer whose name a vendor has gets `
    /// (C)`. What succeeded is given back even where others failed; the call fails when none succeeded.
    public func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]>
    {
        // A product whose title differs between two documents is one product.
        var seen: Set<String> = []
        let open = wants.filter { $0.kind != .dimension && seen.insert("\($0.kind)/\($0.key)").inserted }
        // Classes and departments are the company's own: none is made, and the search says why one is not there.
        return create(Making(open: open), connection).next { made in
            self.findDimensions(wants.filter { $0.kind == .dimension }, connection).map { made.merging($0) { one, _ in one } }
        }
    }

    /// Where the making of references stands.
    struct Making: Sendable {
        var open: [ReferenceWant]
        var made: [String: String] = [:]
        var doubled: [ReferenceWant] = []
        var fault: Fault?
        /// Which of a customer's names is being tried.
        var attempt = 0
    }

    private func create(_ making: Making, _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        let part = Array(making.open.prefix(QuickBooksLimits.batchItems))
        guard !part.isEmpty else { return lookUpDoubles(making, connection) }
        let items = part.map { [(key: $0.entityName, value: Self.body(of: $0, name: making.attempt))] }
        return .send(batch(items, attempt: nil, connection)) { answer in
            var next = making
            next.open.removeFirst(part.count)
            let answers = BatchAnswer(answer)
            for (index, want) in part.enumerated() {
                switch answers.result(self.bID(index), want.entityName) {
                case .written(let id, _): next.made[want.key] = id
                case .problem(let problem) where problem.code == "6240": next.doubled.append(want)
                case .problem(let problem): next.fault = next.fault ?? problem.reading(status: nil).fault
                case .silent: next.fault = next.fault ?? Problem.outcomeUnknown("the batch answer leaves out an item")
                }
            }
            return self.create(next, connection)
        }
    }

    private func lookUpDoubles(_ making: Making, _ connection: ConnectionFacts) -> Exchange<[String: String]> {
        guard !making.doubled.isEmpty else { return Self.end(making) }
        return find(making.doubled, connection).next { search in
            var next = making
            next.doubled = []
            for want in making.doubled {
                if let id = search.found[want.key] {
                    next.made[want.key] = id
                } else if want.kind != .item, making.attempt == 0 {
                    next.open.append(want)
                } else {
                    next.fault = next.fault ?? Self.nameTaken(want, byOurKind: search.taken.contains(want.key))
                }
            }
            guard !next.open.isEmpty else { return Self.end(next) }
            next.attempt = 1
            return self.create(next, connection)
        }
    }

    private static func end(_ making: Making) -> Exchange<[String: String]> {
        if making.made.isEmpty, let fault = making.fault { return .fail(fault) }
        return .finish(making.made)
    }

    private static func body(of want: ReferenceWant, name attempt: Int) -> JSON {
        let names = names(of: want)
        let name = names[min(attempt, names.count - 1)]
        switch want.kind {
        case .party, .vendor, .dimension:
            var members: [(key: String, value: JSON)] = [("DisplayName", .string(name))]
            if let currency = want.currency { members.append(("CurrencyRef", reference(currency))) }
            return .object(members)
        case .item:
            var members: [(key: String, value: JSON)] = [("Name", .string(name)), ("Type", "Service")]
            if !want.text.isEmpty {
                members.append(("Description", .string(cut(want.text, utf16: QuickBooksLimits.lineNote))))
            }
            if let account = want.account { members.append(("IncomeAccountRef", reference(account))) }
            return .object(members)
        }
    }

    private static func nameTaken(_ want: ReferenceWant, byOurKind: Bool) -> Fault {
        let name = names(of: want)[0]
        let summary =
            byOurKind
            ? "the item \"\(name)\" has another income account than the one its lines are bound to"
            : "the name \"\(name)\" is taken in QuickBooks Online by something that can't be used"
        let remedy =
            byOurKind
            ? "Give the item that income account again in QuickBooks Online, or rename it."
            : "Rename or reactivate whatever has this name in QuickBooks Online."
        return Fault(
            byOurKind ? "item_account_mismatch" : "name_taken", stage: .post, disposition: .hold, summary: summary,
            remedy: remedy)
    }
}

extension ReferenceWant {
    var entityName: String {
        switch kind {
        case .party: "Customer"
        case .vendor: "Vendor"
        case .dimension: Dimensions.entity(Dimensions.name(of: self))
        case .item: "Item"
        }
    }
}
