internal import Kernel
internal import Wire

/// What documents refer to: customers, accounts, dimensions.
extension IntacctCompany {
    private static let masters: Set<String> = [
        "GLACCOUNT", "JOURNAL", "CHECKINGACCOUNT", "ARTERM", "APTERM", "ARACCOUNTLABEL", "APACCOUNTLABEL", "CUSTOMER", "VENDOR", "CONTACT", "ITEM",
        "DEPARTMENT",
        "LOCATION", "CLASS", "PROJECT", "EMPLOYEE", "WAREHOUSE",
    ]

    /// - Source: general knowledge; Sage publishes no list.
    private static let lengths: [String: Int] = [
        "CUSTOMERID": 20, "VENDORID": 20, "ITEMID": 30, "CLASSID": 20, "DEPARTMENTID": 20, "LOCATIONID": 20, "PROJECTID": 20, "ACCOUNTNO": 24,
        "NAME": 100, "TITLE": 80,
        "CONTACTNAME": 200, "PRINTAS": 200,
    ]

    private static let links: [(field: String, object: String, label: String)] = [
        ("OFFSETGLACCOUNTNO", "GLACCOUNT", "GL account number"), ("GLACCOUNTNO", "GLACCOUNT", "GL account number"), ("LOCATIONID", "LOCATION", "Location"),
        ("DEPARTMENTID", "DEPARTMENT", "Department"), ("CUSTOMERID", "CUSTOMER", "customer"), ("VENDORID", "VENDOR", "vendor"),
    ]

    // MARK: - create, update, delete

    /// `create`: all objects of the function, or none.
    mutating func create(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        var made: [XMLElement] = []
        guard call.body.children.count <= Self.keysMost else { throw .rule("At most \(Self.keysMost) objects can be created at once.") }
        for element in call.body.children {
            let object = try IntacctSchema.object(element.name.local)
            do throws(IntacctProblem) {
                // The number first: a call on `self` would look at the company as it was before.
                let no = try create(object, element)
                made.append(self.made(object, no))
            } catch {
                throw error.keeping("Could not create \(object.label) record!")
            }
        }
        return [.node("data", made, [("listtype", "objects"), ("count", "\(made.count)")])]
    }

    /// What the functions say of a record that they wrote.
    private func made(_ object: IntacctObject, _ no: Int) -> XMLElement {
        var leaves: [XMLElement] = [.leaf("RECORDNO", "\(no)")]
        if !object.id.isEmpty, let record = record(object.name, no) { leaves.append(.leaf(object.id, record[object.id])) }
        return .node(object.name.lowercased(), leaves)
    }

    private mutating func create(_ object: IntacctObject, _ element: XMLElement) throws(IntacctProblem) -> Int {
        switch object.name {
        case "GLBATCH": return try saveBatch(element, onto: nil)
        case "ARINVOICE", "APBILL", "ARADJUSTMENT", "APADJUSTMENT":
            var draft = IntacctDraft(object: object.name)
            draft.take(generic: element)
            return try save(draft, onto: nil)
        case "ARPYMT": return try pay(IntacctPaymentDraft(generic: element, .sales))
        case "APPYMT": return try pay(IntacctPaymentDraft(generic: element, .purchases))
        case "ARADVANCE": return try advance(element)
        default: break
        }
        guard Self.masters.contains(object.name) else { throw .permission("CREATE_\(object.name)") }
        return try createMaster(object, flat(object, element))
    }

    mutating func update(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        var made: [XMLElement] = []
        guard call.body.children.count <= Self.keysMost else { throw .rule("At most \(Self.keysMost) objects can be updated at once.") }
        for element in call.body.children {
            let object = try IntacctSchema.object(element.name.local)
            do throws(IntacctProblem) {
                let no = try update(object, element)
                made.append(self.made(object, no))
            } catch {
                throw error.keeping("Could not update \(object.label) record!")
            }
        }
        return [.node("data", made, [("listtype", "objects"), ("count", "\(made.count)")])]
    }

    private mutating func update(_ object: IntacctObject, _ element: XMLElement) throws(IntacctProblem) -> Int {
        let key = element.value("RECORDNO") ?? (object.id.isEmpty ? "" : element.value(object.id) ?? "")
        guard let old = record(object.name, Int(element.value("RECORDNO") ?? "")) ?? named(object.name, key) else {
            throw .rule("Cannot find \(object.name.lowercased()) with key '\(key)' to update.")
        }
        switch object.name {
        case "GLBATCH": return try saveBatch(element, onto: old)
        case "ARINVOICE", "APBILL", "ARADJUSTMENT", "APADJUSTMENT":
            let sent = element.children.map(\.name.local).filter { $0 != "RECORDNO" }
            // An attachment changes nothing in the books, so it may come at any time.
            if sent == ["SUPDOCID"] {
                try guardSupdoc(element.value("SUPDOCID"))
                update(object.name, old.no, ["SUPDOCID": element.value("SUPDOCID") ?? ""])
                return old.no
            }
            return try change(object.name, key: "\(old.no)") { $0.take(generic: element) }
        default: break
        }
        guard Self.masters.contains(object.name) else { throw .permission("UPDATE_\(object.name)") }
        var values = flat(object, element)
        if !object.id.isEmpty, let id = values[object.id], id != old[object.id] { throw .rule("\(object.id) can't be changed.") }
        values["RECORDNO"] = nil
        if !object.id.isEmpty { values[object.id] = old[object.id] }
        for name in object.required where values[name]?.isEmpty == true { throw .missing(name) }
        try guardMaster(object, values)
        update(object.name, old.no, values)
        if object.name == "CUSTOMER" || object.name == "VENDOR" { updateContact(values, old["DISPLAYCONTACT.CONTACTNAME"]) }
        return old.no
    }

    mutating func delete(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let object = try IntacctSchema.object(call.body.value("object") ?? "")
        let keys = (call.body.value("keys") ?? "").split(separator: ",").map { XMLElement.leaf("key", String($0)).value }
        for key in keys {
            switch object.name {
            case "GLBATCH": try removeBatch(key: key)
            case "ARINVOICE", "APBILL", "ARADJUSTMENT", "APADJUSTMENT": _ = try remove(object.name, key: key)
            case "OTHERRECEIPTS": _ = try deleteReceipt(key: key)
            default:
                guard Self.masters.contains(object.name) else { throw .permission("DELETE_\(object.name)") }
                try deleteMaster(object, key)
            }
        }
        return []
    }

    // MARK: - Masters

    /// The fields that the object has, nested ones with points. Others are left out, as the vendor does.
    private func flat(_ object: IntacctObject, _ element: XMLElement, _ prefix: String = "") -> [String: String] {
        var out: [String: String] = [:]
        for child in element.children {
            let name = prefix + child.name.local
            if child.children.isEmpty {
                if object.kind(name) != nil { out[name] = child.value }
            } else if prefix.utf8.count < 200 {
                out.merge(flat(object, child, name + ".")) { $1 }
            }
        }
        return out
    }

    private func guardMaster(_ object: IntacctObject, _ values: [String: String]) throws(IntacctProblem) {
        for (field, value) in values.sorted(by: { $0.key < $1.key }) where !value.isEmpty {
            let last = String(field.split(separator: ".").last ?? "")
            if let most = Self.lengths[last] { try Self.guardLength(field, value, most) }
            if let kind = object.kind(field), !IntacctValue.isReadable(value, kind) { throw .invalid(field, value) }
        }
        if let status = values["STATUS"]?.filled, !["active", "inactive"].contains(status) { throw .invalid("status", status) }
        if let currency = values["CURRENCY"]?.filled, !Self.currencies.contains(currency) { throw .invalid("currency", currency) }
        for link in Self.links where link.field != object.id {
            if let id = values[link.field]?.filled, named(link.object, id) == nil { throw .invalid(link.label, id) }
        }
        if let parent = values["PARENTID"]?.filled {
            guard named(object.name, parent) != nil, parent != values[object.id] else { throw .invalid("parent", parent) }
            if object.name == "LOCATION", let id = values[object.id], entity(of: parent) == id { throw .invalid("parent", parent) }
        }
        let terms = ["CUSTOMER": "ARTERM", "VENDOR": "APTERM"]
        if let term = values["TERMNAME"]?.filled, let list = terms[object.name], named(list, term) == nil { throw .invalid("term", term) }
        if object.name == "GLACCOUNT" {
            if let type = values["ACCOUNTTYPE"]?.filled, !["balancesheet", "incomestatement"].contains(type) { throw .invalid("account type", type) }
            if let balance = values["NORMALBALANCE"]?.filled, !["debit", "credit"].contains(balance) { throw .invalid("normal balance", balance) }
        }
    }

    private mutating func createMaster(_ object: IntacctObject, _ given: [String: String]) throws(IntacctProblem) -> Int {
        var values = given
        values["RECORDNO"] = nil
        for name in object.required where values[name]?.filled == nil { throw .missing(name) }
        if object.name != "CONTACT" || values["STATUS"]?.filled == nil { values["STATUS"] = values["STATUS"]?.filled ?? "active" }
        try guardMaster(object, values)
        let id = values[object.id] ?? ""
        guard named(object.name, id) == nil else { throw .duplicate(object.label, id) }
        if object.name == "GLACCOUNT" {
            values["ACCOUNTTYPE"] = values["ACCOUNTTYPE"] ?? "balancesheet"
            values["NORMALBALANCE"] = values["NORMALBALANCE"] ?? "debit"
        }
        if object.name == "CUSTOMER" || object.name == "VENDOR" { try addContact(object, &values) }
        return insert(object.name, values)
    }

    /// A customer's or vendor's own contact, which is an object too.
    private mutating func addContact(_ object: IntacctObject, _ values: inout [String: String]) throws(IntacctProblem) {
        let name = values["NAME"] ?? ""
        values["DISPLAYCONTACT.PRINTAS"] = values["DISPLAYCONTACT.PRINTAS"]?.filled ?? name
        let contact = values["DISPLAYCONTACT.CONTACTNAME"]?.filled ?? "\(name)(\(object.name.prefix(1))\(values[object.id] ?? ""))"
        guard named("CONTACT", contact) == nil else { throw .duplicate("Contact", contact) }
        values["DISPLAYCONTACT.CONTACTNAME"] = contact
        values["ENTITY"] = String(object.name.prefix(1)) + (values[object.id] ?? "")
        insert("CONTACT", contactValues(values).merging(["STATUS": "active"]) { $1 })
    }

    private func contactValues(_ values: [String: String]) -> [String: String] {
        let prefix = "DISPLAYCONTACT."
        var out: [String: String] = [:]
        for (field, value) in values where field.hasPrefix(prefix) { out[String(field.dropFirst(prefix.count))] = value }
        return out
    }

    private mutating func updateContact(_ values: [String: String], _ name: String) {
        var changes = contactValues(values)
        changes["CONTACTNAME"] = nil
        guard !changes.isEmpty, let contact = named("CONTACT", name) else { return }
        update("CONTACT", contact.no, changes)
    }

    private mutating func deleteMaster(_ object: IntacctObject, _ key: String) throws(IntacctProblem) {
        guard let found = record(object.name, Int(key)) else { throw .rule("Cannot find \(object.name.lowercased()) with key '\(key)' to delete.") }
        let field = object.name == "GLACCOUNT" ? "ACCOUNTNO" : object.id
        let id = found[object.id]
        let users = ["ARINVOICE", "ARADJUSTMENT", "ARPYMT", "ARADVANCE", "APBILL", "APADJUSTMENT", "APPYMT"].filter {
            IntacctSchema.objects[$0]?.kinds[field] != nil
        }
        let lines = ["ARINVOICEITEM", "ARADJUSTMENTITEM", "OTHERRECEIPTSENTRY", "APBILLITEM", "APADJUSTMENTITEM", "GLENTRY"]
        let isUsed = users.contains { !records($0, where: field, is: id).isEmpty } || lines.contains { list in all(list).contains { $0[field] == id } }
        guard !isUsed else { throw .rule("The \(object.label) '\(id)' is used by transactions and can't be deleted.", correction: "Make it inactive.") }
        delete(object.name, found.no)
        if let contact = named("CONTACT", found["DISPLAYCONTACT.CONTACTNAME"]) { delete("CONTACT", contact.no) }
    }
}
