internal import Kernel
internal import Wire

/// What requests give, and the masters that they make and change.
extension B1Company {
    // MARK: - Reading a body

    /// The properties of a body as they are kept. Annotations and what is read-only are left out; nulls stay, for they blank what is there.
    func input(_ type: B1Type, _ json: JSON, _ set: B1Set?) throws(B1Problem) -> [String: JSON] {
        guard let members = json.object else { throw .value("value", type.name) }
        let extra = userFields(set, type)
        var out: [String: JSON] = [:]
        for (name, value) in members where !name.contains("@") && !name.hasPrefix("odata.") {
            guard let property = type.property(name) ?? extra.first(where: { $0.name == name }) else { throw .property(name, type.name) }
            if property.isReadOnly { continue }
            out[name] = try kept(property, value, type)
        }
        return out
    }

    private func kept(_ property: B1Property, _ value: JSON, _ type: B1Type) throws(B1Problem) -> JSON {
        if value.isNull { return .null }
        let wrong = B1Problem.value(property.name, type.name)
        switch property.kind {
        case .text(let most):
            // Numbers are taken as their digits.
            guard let text = value.string ?? value.decimal?.description else { throw wrong }
            guard most == 0 || text.unicodeScalars.count <= most else { throw .long(property.name, type.name) }
            return .string(text)
        case .int:
            guard let number = value.int ?? value.string.flatMap({ Int($0) }), abs(number) <= Int(Int32.max) else { throw wrong }
            return .int(number)
        case .double:
            guard let decimal = value.decimal, abs(decimal.coefficient) < 1_000_000_000_000_000_000, decimal.scale <= 18 else { throw wrong }
            return .decimal(decimal)
        case .date:
            guard let day = value.string.flatMap({ B1Time.day($0) }) else { throw wrong }
            return .string(day.description)
        case .time:
            guard let time = value.string.flatMap({ B1Time.time($0) }) else { throw wrong }
            return .string(time)
        case .choice(let list):
            guard let name = value.string.flatMap({ B1Schema.choice(list, $0) }) else { throw wrong }
            return .string(name)
        case .list(let name):
            guard let rows = value.array, rows.count <= 10_000 else { throw wrong }
            let inner = B1Schema.type(name)
            var out: [JSON] = []
            for row in rows { out.append(B1Row(try input(inner, row, nil)).json) }
            return .array(out)
        }
    }

    // MARK: - Making

    mutating func create(_ name: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name] else { throw .path }
        let values = try input(set.type, try call.object(), set)
        let made: (set: String, key: String)
        if B1Schema.documents.contains(name) {
            made = try createDocument(set, values)
        } else if B1Schema.payments.contains(name) {
            made = try createPayment(set, values)
        } else if name == "JournalEntries" {
            made = (name, try createJournal(values))
        } else {
            made = (name, try createMaster(set, values))
        }
        // Somebody must approve it first: a draft is what there is.
        guard made.set == name else {
            var answer = B1Answer.empty(call.version)
            answer.fields["Location"] = "\(call.root)\(made.set)(\(made.key))"
            return answer
        }
        let key = made.key
        guard let record = record(name, key) else { throw .missing }
        let literal = set.type.property(set.keys[0])?.kind == .int || set.keys.count > 1 ? key : "'\(key)'"
        if call.preference("return-no-content") != nil {
            var answer = B1Answer.empty(call.version)
            answer.fields["Location"] = "\(call.root)\(name)(\(literal))"
            answer.fields["Preference-Applied"] = "return-no-content"
            return answer
        }
        var answer = entity(201, set, record, call)
        answer.fields["Location"] = "\(call.root)\(name)(\(literal))"
        return answer
    }

    private mutating func createMaster(_ set: B1Set, _ given: [String: JSON]) throws(B1Problem) -> String {
        var values = given
        switch set.name {
        case "BusinessPartners": return try createPartner(set, given)
        case "Items": return try createItem(set, given)
        case "UserFieldsMD": return try createUserField(given)
        case "Projects", "ProfitCenters", "DistributionRules": values["Active"] = values["Active"] ?? "tYES"
        case "ChartOfAccounts":
            for (name, value) in [("ActiveAccount", "tYES"), ("LockManualTransaction", "tNO"), ("FrozenFor", "tNO"), ("ValidFor", "tYES"), ("AcctCurrency", "##")] {
                values[name] = values[name] ?? .string(value)
            }
        case "VatGroups", "SalesTaxCodes": values["Inactive"] = values["Inactive"] ?? "tNO"
        case "Warehouses", "Currencies", "BusinessPlaces", "BusinessPartnerGroups", "PaymentTermsTypes", "AdditionalExpenses", "CreditCards": break
        default: throw .unsupported
        }
        let name = set.keys[0]
        let key: String
        if set.type.property(name)?.kind == .int {
            key = "\(next(set.name))"
            values[name] = .number(key)
        } else {
            guard let code = values[name]?.string?.filled else { throw .invalid("Enter valid code", "\(set.table).\(name)") }
            guard record(set.name, code) == nil else { throw .duplicate }
            key = code
        }
        put(set.name, key, values)
        return key
    }

    private mutating func createPartner(_ set: B1Set, _ given: [String: JSON]) throws(B1Problem) -> String {
        var values = given
        var code = values["CardCode"]?.string?.filled
        if code == nil, values["Series"]?.int != nil {
            let number = next("_PARTNER")
            code = (values["CardType"]?.string == "cSupplier" ? "V" : "C") + String("\(1_000_000 + number)".dropFirst())
        }
        guard let code else { throw .invalid("Enter valid code", "OCRD.CardCode") }
        guard record(set.name, code) == nil else {
            throw B1Problem(-10, "1320000140 - Business partner code '\(code)' already assigned to a business partner; enter a unique business partner code")
        }
        let isSupplier = values["CardType"]?.string == "cSupplier"
        values["CardCode"] = .string(code)
        let defaults: [(String, JSON)] = [
            ("CardType", "cCustomer"), ("GroupCode", isSupplier ? 101 : 100), ("Currency", .string(localCurrency)), ("PayTermsGrpCode", -1), ("Valid", "tYES"), ("Frozen", "tNO"),
            ("DebitorAccount", .string(B1Seed.account(isSupplier ? "20000" : "12000", self))), ("BPAddresses", .array([])), ("ContactEmployees", .array([])),
        ]
        for (name, value) in defaults where values[name] == nil { values[name] = value }
        try guardPartner(values)
        values["BPAddresses"] = numbered(values["BPAddresses"], "RowNum", ["BPCode": .string(code)])
        put(set.name, code, values)
        return code
    }

    private func guardPartner(_ values: [String: JSON]) throws(B1Problem) {
        if let group = values["GroupCode"]?.int, record("BusinessPartnerGroups", group) == nil { throw B1Problem(-10, "Invalid 'GroupCode'  [OCRD.GroupCode]") }
        if let terms = values["PayTermsGrpCode"]?.int, record("PaymentTermsTypes", terms) == nil { throw .invalid("Invalid payment terms", "OCRD.GroupNum") }
        if let currency = values["Currency"]?.string, currency != "##", record("Currencies", currency) == nil {
            throw .invalid("Invalid currency", "OCRD.Currency", value: currency)
        }
        if let account = values["DebitorAccount"]?.string {
            guard record("ChartOfAccounts", account)?.isYes("LockManualTransaction") == true else { throw .invalid("Invalid control account", "OCRD.DebPayAcct", value: account) }
        }
    }

    /// Rows with numbers from 0, where they have none.
    func numbered(_ rows: JSON?, _ name: String, _ more: [String: JSON] = [:]) -> JSON {
        .array((rows?.array ?? []).enumerated().map { place, json in
            var row = B1Row(json)
            row[name] = row[name] ?? .int(place)
            for (name, value) in more { row[name] = value }
            return row.json
        })
    }

    private mutating func createItem(_ set: B1Set, _ given: [String: JSON]) throws(B1Problem) -> String {
        var values = given
        guard let code = values["ItemCode"]?.string?.filled else { throw .invalid("Enter valid code", "OITM.ItemCode") }
        guard record(set.name, code) == nil else { throw B1Problem(-10, "Item code '\(code)' already exists") }
        let defaults: [(String, JSON)] = [
            ("ItemsGroupCode", 100), ("VatLiable", "tYES"), ("PurchaseItem", "tYES"), ("SalesItem", "tYES"), ("InventoryItem", "tYES"), ("ItemType", "itItems"),
            ("Valid", "tYES"), ("Frozen", "tNO"), ("AvgStdPrice", 0), ("ItemPrices", .array([])),
            ("ItemWarehouseInfoCollection", .array([.object([("WarehouseCode", "01"), ("InStock", 0), ("Committed", 0), ("Ordered", 0), ("StandardAveragePrice", 0)])])),
        ]
        for (name, value) in defaults where values[name] == nil { values[name] = value }
        for name in ["IncomeAccount", "ExpanseAccount"] {
            if let account = values[name]?.string { try guardAccount(account, "OITM.\(name)") }
        }
        values["QuantityOnStock"] = 0
        put(set.name, code, values)
        return code
    }

    private mutating func createUserField(_ given: [String: JSON]) throws(B1Problem) -> String {
        guard let table = given["TableName"]?.string?.filled, let name = given["Name"]?.string?.filled, given["Type"] != nil else {
            throw .invalid("Enter valid name", "CUFD.AliasID")
        }
        guard name.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 95 }) else {
            throw .invalid("Invalid field name", "CUFD.AliasID", value: name)
        }
        // What one marketing document has, all have.
        let documents = Set(B1Schema.sets.values.filter { $0.type.name == "Document" }.map(\.table))
        let shared = documents.contains(table) ? "OINV" : documents.contains("O" + table.dropLast()) ? "INV1" : table == "OVPM" ? "ORCT" : table
        guard !all("UserFieldsMD").contains(where: { $0.text("TableName") == shared && $0.text("Name") == name }) else { throw .duplicate }
        let number = 100 + next("_FIELD")
        var values = given
        values["TableName"] = .string(shared)
        values["FieldID"] = .int(number)
        values["Mandatory"] = values["Mandatory"] ?? "tNO"
        // Sessions that are open keep the metadata they began with.
        values["_SINCE"] = .int(Int(now.seconds) + 1)
        put("UserFieldsMD", "\(shared),\(number)", values)
        return "\(shared),\(number)"
    }

    // MARK: - Changing and removing

    mutating func update(_ name: String, _ key: String, _ call: B1Call) throws(B1Problem) {
        guard let set = B1Schema.sets[name], let old = record(name, key) else { throw .missing }
        var changes = try input(set.type, try call.object(), set)
        for name in set.keys { changes[name] = nil }
        let isReplacing = call.header("B1S-ReplaceCollectionsOnPatch")
        if set.type.name == "Document" || set.type.name == "Payment" || name == "JournalEntries" {
            return try updatePosted(set, old, changes, isReplacing: isReplacing)
        }
        if name == "BusinessPartners" { try guardPartner(changes) }
        var values = old.values
        for (name, value) in changes {
            guard case .list = set.type.property(name)?.kind else {
                values[name] = value
                continue
            }
            values[name] = isReplacing ? value : merged(old.values[name], value, by: Self.rowKey(name))
        }
        if name == "BusinessPartners" { values["BPAddresses"] = numbered(values["BPAddresses"], "RowNum", ["BPCode": .string(key)]) }
        put(name, key, values)
    }

    private static func rowKey(_ collection: String) -> [String] {
        switch collection {
        case "BPAddresses": ["AddressName", "AddressType"]
        case "ItemPrices": ["PriceList"]
        case "ItemWarehouseInfoCollection": ["WarehouseCode"]
        case "ContactEmployees": ["Name"]
        case "DocumentLines": ["LineNum"]
        default: ["LineNum"]
        }
    }

    /// Rows that are known change, others are added.
    func merged(_ old: JSON?, _ new: JSON, by names: [String]) -> JSON {
        var rows = (old?.array ?? []).map { B1Row($0) }
        for json in new.array ?? [] {
            let row = B1Row(json)
            let place = rows.firstIndex { known in names.allSatisfy { row[$0] != nil && row[$0] == known[$0] } }
            if let place { rows[place].values.merge(row.values) { _, last in last } } else { rows.append(row) }
        }
        return .array(rows.map(\.json))
    }

    mutating func remove(_ name: String, _ key: String) throws(B1Problem) {
        guard let set = B1Schema.sets[name] else { throw .path }
        guard record(name, key) != nil else { throw .missing }
        guard !["Payment", "Document"].contains(set.type.name) || name.hasSuffix("Drafts"), name != "JournalEntries" else { throw .unsupported }
        if isUsed(name, key) { throw .invalid("Cannot remove; transactions are linked to it", "\(set.table).\(set.keys[0])", value: key) }
        delete(name, key)
    }

    private func isUsed(_ name: String, _ key: String) -> Bool {
        switch name {
        case "BusinessPartners":
            return (B1Schema.documents + B1Schema.payments).contains { set in all(set).contains { $0.text("CardCode") == key } }
        case "Items":
            return B1Schema.documents.contains { set in all(set).contains { $0.rows("DocumentLines").contains { $0.text("ItemCode") == key } } }
        case "ChartOfAccounts":
            return all("JournalEntries").contains { $0.rows("JournalEntryLines").contains { $0.text("AccountCode") == key } }
        default: return false
        }
    }
}
