internal import Books
internal import ConnectorKit
internal import Kernel

extension Bookkeeping {
    // MARK: Identity

    /// The subsidiary's name, country and currency where the settings name one; the account's currency otherwise.
    func identify(_ account: String) -> Exchange<AccountIdentity> {
        currencies().next { currencies in
            guard let subsidiary = link.settings.subsidiary else {
                return .finish(AccountIdentity(account: account, name: "NetSuite \(account)", currency: Self.base(currencies)))
            }
            return self.subsidiary(subsidiary).reading { row throws(Fault) in
                guard let name = row["name"], !name.isEmpty else { throw NetSuite.unreadable("the subsidiary has no name") }
                let currency = currencies.first { $0["id"] == row["currency"] }
                let country = row["country"].flatMap { $0.isEmpty ? nil : $0 }
                return AccountIdentity(account: account, name: name, country: country, currency: currency?["code"] ?? Self.base(currencies))
            }
        }
    }

    private func subsidiary(_ id: String) -> Exchange<Row> {
        link.rows(.subsidiary(id)).reading { rows throws(Fault) in
            guard let row = rows.first(where: { $0["id"] == id }) else {
                throw NetSuite.refused(
                    "company_unknown", "NetSuite shows no subsidiary \(id) to this role", "Set the connection's subsidiary to one that the role may work for.",
                    position: "subsidiary")
            }
            return row
        }
    }

    private static func base(_ currencies: [Row]) -> String? { currencies.first { $0["base"] == "T" }?["code"] }

    // MARK: Chart

    /// All accounts (those too that are out of use), tax codes, currencies, and the last closed day: four lists, and the subsidiary's.
    func chart() -> Exchange<Chart> {
        currencies().next { currencies in
            guard let id = link.settings.subsidiary else { return self.chart(Self.base(currencies), currencies) }
            return self.subsidiary(id).next { row in
                self.chart(currencies.first { $0["id"] == row["currency"] }?["code"] ?? Self.base(currencies), currencies)
            }
        }
    }

    private func chart(_ base: String?, _ currencies: [Row]) -> Exchange<Chart> {
        guard let base, !base.isEmpty else { return .fail(NetSuite.unreadable("no currency is the base currency")) }
        return link.rows(.accounts).next { accounts in
            self.taxCodes().next { codes in
                link.rows(.closedPeriods).reading { periods throws(Fault) in
                    var chart = Chart(accounts: [], taxCodes: codes, lockDate: try Self.lockDate(periods), baseCurrency: base, currencies: [base])
                    let names = Dictionary(currencies.compactMap { row in row["id"].flatMap { id in row["code"].map { (id, $0) } } }) { one, _ in one }
                    for row in accounts { chart.accounts.append(try Self.account(row, base, names)) }
                    for row in currencies where row["inactive"] != "T" {
                        if let code = row["code"], !code.isEmpty, !chart.currencies.contains(code) { chart.currencies.append(code) }
                    }
                    return chart
                }
            }
        }
    }

    /// What lines take: ids, with SuiteTax behind their type's. Accounts of the United States without SuiteTax take none.
    private func taxCodes() -> Exchange<[String]> {
        guard link.settings.tax != .legacyUS else { return .finish([TaxCode.none]) }
        let typed = link.settings.tax == .suiteTax
        return link.rows(.taxCodes).map { rows in
            [TaxCode.none] + rows.filter { $0["inactive"] != "T" }.compactMap { row in
                guard let id = row["id"], typed else { return row["id"] }
                return row["type"].map { "\($0)/\(id)" }
            }
        }
    }

    /// Guessing a day that is there but unreadable would post into a closed period.
    private static func lockDate(_ periods: [Row]) throws(Fault) -> LocalDate? {
        var last: LocalDate?
        for row in periods {
            guard let day = row["end"].flatMap({ LocalDate($0) }) else { throw NetSuite.unreadable("a closed period's end is no date") }
            last = max(last ?? day, day)
        }
        return last
    }

    private static func account(_ row: Row, _ base: String, _ names: [String: String]) throws(Fault) -> LedgerAccount {
        guard let id = row["id"], isID(id), let name = row["name"], !name.isEmpty else { throw NetSuite.unreadable("an account has no id or name") }
        let number = row["number"] ?? "", currency = row["currency"].flatMap { names[$0] }
        return LedgerAccount(
            code: number.isEmpty ? name : number, remoteID: id, name: name, type: row["type"] ?? "", active: row["inactive"] != "T",
            currency: currency == base ? nil : currency)
    }

    // MARK: Parties and items

    /// By name, case aside. An item of the right name whose income account is another one is not the item; for an order it must be one that is bought.
    func findReferences(_ wants: [ReferenceWant]) -> Exchange<[String: String]> { search(wants).map(\.found) }

    private struct Search: Sendable {
        var found: [String: String] = [:]
        var mismatched: [ReferenceWant] = []
    }

    private func search(_ wants: [ReferenceWant]) -> Exchange<Search> {
        list(Reference.names(wants, .party), List.customers).next { customers in
            self.list(Reference.names(wants, .vendor), List.vendors).next { vendors in
                self.list(Reference.names(wants, .item), List.items).map { items in Self.search(wants, customers: customers, vendors: vendors, items: items) }
            }
        }
    }

    private static func search(_ wants: [ReferenceWant], customers: [Row], vendors: [Row], items: [Row]) -> Search {
        var search = Search()
        for want in wants {
            let name = Reference.name(want).lowercased()
            let list = want.kind == .item ? items : want.kind == .vendor ? vendors : customers
            let rows = list.filter { $0["name"]?.lowercased() == name && $0["inactive"] != "T" }
            let fitting = want.kind != .item ? rows.first : rows.first { want.isBought ? Reference.isBought($0) : $0["account"] == want.account }
            if let id = fitting?["id"] { search.found[want.key] = id } else if !rows.isEmpty { search.mismatched.append(want) }
        }
        return search
    }

    private func list(_ names: [String], _ list: @escaping @Sendable ([String]) -> List) -> Exchange<[Row]> {
        names.isEmpty ? .finish([]) : link.rows(list(names))
    }

    /// Creates what is not there, looked for once more; two wants of one name are one record.
    func createReferences(_ wants: [ReferenceWant]) -> Exchange<[String: String]> {
        // What is ordered and has no item stands on its account.
        let open = wants.filter { !$0.isBought }.unique { "\($0.kind)/\($0.key)" }
        guard open.contains(where: { $0.kind != .item && $0.currency != nil }) else { return create(open[...], [:], [:], [:]) }
        return currencies().next { rows in
            let ids = Dictionary(rows.compactMap { row in row["code"].flatMap { code in row["id"].map { (code, $0) } } }) { one, _ in one }
            return self.create(open[...], ids, [:], [:])
        }
    }

    private func create(
        _ wants: ArraySlice<ReferenceWant>, _ currencies: CurrencyIDs, _ made: [String: String], _ names: [String: String]
    ) -> Exchange<[String: String]> {
        guard let want = wants.first else { return .finish(made) }
        let mark = "\(want.kind) \(Reference.name(want).lowercased())"
        var next = made
        if let id = names[mark] {
            next[want.key] = id
            return create(wants.dropFirst(), currencies, next, names)
        }
        let record: Record
        do throws(Fault) { record = try Reference.record(want, link.settings, currencies) } catch { return .fail(error) }
        let before = made
        return link.add([record]).next { outcomes in
            switch outcomes.first {
            case .posted(let id, _)?:
                var known = names, out = before
                known[mark] = id
                out[want.key] = id
                return self.create(wants.dropFirst(), currencies, out, known)
            case .duplicate(let fault)?: return self.taken(want, fault)
            case .rejected(let fault)?, .throttled(let fault)?, .stale(let fault)?, .unknown(let fault)?: return .fail(fault)
            case nil: return .fail(NetSuite.lost("it names nothing that was created"))
            }
        }
    }

    /// The name is somebody else's, or another item's.
    private func taken(_ want: ReferenceWant, _ fault: Fault) -> Exchange<[String: String]> {
        search([want]).reading { search throws(Fault) in
            if let id = search.found[want.key] { return [want.key: id] }
            let name = cut(Reference.name(want), utf16: 80)
            guard search.mismatched.isEmpty else {
                throw NetSuite.refused(
                    "item_account_mismatch", "the item \"\(name)\" has another income account than the one its lines are bound to",
                    "Give the item that income account again in NetSuite, or rename it.")
            }
            throw NetSuite.refused(
                "name_taken", "the name \"\(name)\" is taken in NetSuite by something that can't be used",
                "Rename or reactivate whatever has this name in NetSuite.")
        }
    }
}

/// Customers, vendors and items that documents need.
enum Reference {
    /// The customer or vendor, by `plan.party` (behind it `@EUR` for a document in a foreign currency), and one item for each distinct SKU or role and account:
    /// a sales line names an item, and the item names the account.
    static func wants(_ document: LedgerDocument) -> [ReferenceWant] {
        guard let kind = document.kind else { return [] }
        var out: [ReferenceWant] = []
        if kind != .journalEntry || document.lines.contains(where: \.isReceivable) {
            let code = document.plan.rate == nil ? nil : document.plan.currency.code
            let party = document.plan.party
            out.append(ReferenceWant(
                kind: kind.isPurchase ? .vendor : .party, key: code.map { "\(party)@\($0)" } ?? party, name: code.map { "\(party) (\($0))" } ?? party, text: party, currency: code))
        }
        if kind == .purchaseOrder {
            for line in document.lines {
                guard let key = itemKey(line), key.hasPrefix(bought) else { continue }
                out.append(ReferenceWant(kind: .item, key: key, name: String(key.dropFirst(bought.count)), text: line.plan.text))
            }
            return out.unique { "\($0.kind)/\($0.key)" }
        }
        guard kind.isSales, let form = try? SalesForm(document, kind) else { return out }
        var seen: Set<String> = []
        for line in form.lines.map(\.source) {
            guard let key = itemKey(line), seen.insert(key).inserted else { continue }
            out.append(ReferenceWant(kind: .item, key: key, name: key, text: line.plan.sku.isEmpty ? "" : line.plan.text, account: line.account.remoteID))
        }
        return out
    }

    /// What the keys of items begin with that are ordered.
    static let bought = "bought:"

    /// Whether a row of items is one that can stand on an order: stock, or what is not for sale alone.
    /// - Source: item.itemtype and item.subtype of SuiteQL are general knowledge.
    static func isBought(_ row: Row) -> Bool {
        ["InvtPart", "Assembly"].contains(row["type"] ?? "") || ["Purchase", "Resale"].contains(row["subtype"] ?? "")
    }

    /// `MUG-1@4010`, `shipping_income@4100`: the SKU, or the role of what has none, and the account. `bought:PEN-1` of what is ordered.
    static func itemKey(_ line: LedgerDocument.Line) -> String? {
        if line.plan.part == .goods, line.plan.role.family == "inventory", !line.plan.sku.isEmpty { return bought + line.plan.sku }
        guard line.plan.part != .control, line.plan.part != .tax || line.boundTaxCode == nil else { return nil }
        return "\(line.plan.sku.isEmpty ? line.plan.role.text : line.plan.sku)@\(line.account.code)"
    }

    /// As it stands there. A colon would make a sub-item.
    static func name(_ want: ReferenceWant) -> String {
        let name = plain(want.name).replacing(":", with: "-")
        return fitted(name.isEmpty ? plain(want.key) : name, limit: want.kind == .item ? NetSuiteLimits.itemName : NetSuiteLimits.partyName)
    }

    /// Text that fits a field however its characters are counted; a longer one is shortened and marked, so that two texts stay two.
    private static func fitted(_ text: String, limit: Int) -> String {
        var characters = limit
        var out = shortName(text, limit: characters)
        while out.utf16.count > limit, characters > 10 {
            characters = max(10, characters - max(1, (out.utf16.count - limit) / 2))
            out = shortName(text, limit: characters)
        }
        // A single character can be longer than any field: its mark stands for it.
        return out.utf16.count <= limit ? out : shortName(text + "~~~~~~~~~~", limit: 9)
    }

    static func names(_ wants: [ReferenceWant], _ kind: ReferenceWant.Kind) -> [String] {
        wants.filter { $0.kind == kind }.map(name).unique { $0.lowercased() }
    }

    /// - Throws: `currency_inactive`, `account_not_bound` (hold).
    static func record(_ want: ReferenceWant, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) -> Record {
        switch want.kind {
        case .dimension: throw NetSuite.refused("unsupported_form", "dimensions are not written to NetSuite", "Create them there by hand.")
        case .party, .vendor:
            var out = Record(kind: want.kind == .vendor ? .vendor : .customer, fields: Fields([("isPerson", .flag(false)), ("companyName", .text(name(want)))]))
            out.fields.add("subsidiary", settings.subsidiary.map { .ref($0) })
            if let code = want.currency {
                guard let id = currencies[code] else {
                    throw NetSuite.refused("currency_inactive", "\(code) is not active in NetSuite", "Activate the currency in NetSuite.")
                }
                out.fields.add("currency", .ref(id))
            }
            return out
        case .item:
            guard let account = want.account, isID(account) else {
                throw NetSuite.refused("account_not_bound", "an item's account is not in NetSuite", "Create the account or bind the role anew.")
            }
            // Only goods have a title of their own.
            var out = Record(kind: want.text.isEmpty ? .otherChargeSaleItem : .nonInventorySaleItem, fields: Fields([("itemId", .text(name(want)))]))
            let title = cut(plain(want.text), utf16: NetSuiteLimits.itemText)
            if !title.isEmpty { out.fields.add("displayName", .text(title)) }
            out.fields.add("incomeAccount", .ref(account))
            out.fields.add("taxSchedule", settings.taxSchedule.map { .ref($0) })
            if let subsidiary = settings.subsidiary {
                out.fields.add("includeChildren", .flag(true))
                out.fields.add("subsidiary", .refs([subsidiary]))
            }
            return out
        }
    }
}

extension ReferenceWant {
    /// An item for an order: looked for, never created.
    var isBought: Bool { kind == .item && key.hasPrefix(Reference.bought) }
}
