internal import Kernel
internal import Wire

/// Contacts.
extension XeroState {
    static let archivedContact = "The specified contact details matched an archived contact. "
        + "Archived contacts cannot currently be edited via the API."
    static let unnamedContact = "The Contact must contain at least 1 of the following elements to identify "
        + "the contact: Name, ContactID, ContactNumber"

    mutating func contacts(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1): return try listContacts(call)
        case (.get, 2): return Self.envelope("Contacts", [json(try contact(named: call.path[1]))], call)
        case (.put, 1):
            return try write(call, "Contacts", kind: "Contact") { (state, element) throws(XeroProblem) in
                try state.put(contact: element, onto: nil, call)
            }
        case (.post, 1):
            return try write(call, "Contacts", kind: "Contact") { (state, element) throws(XeroProblem) in
                try state.put(contact: element, onto: try state.matched(element), call)
            }
        case (.post, 2):
            let existing = try contact(named: call.path[1])
            return try write(call, "Contacts", kind: "Contact") { (state, element) throws(XeroProblem) in
                try state.put(contact: element, onto: existing, call)
            }
        default: throw .notFound
        }
    }

    private func contact(named name: String) throws(XeroProblem) -> XeroContact {
        if let id = XeroID(name), let found = contacts[id.description] { return found }
        guard let found = contacts.find("number:" + name.lowercased()).first else { throw .notFound }
        return found
    }

    /// What a POST to the collection changes: by id, then number, then the name of an active contact.
    private func matched(_ element: XeroElement) throws(XeroProblem) -> XeroContact? {
        if let id = try element.id("ContactID") {
            guard let found = contacts[id] else { throw .notFound }
            return found
        }
        if let number = try element.filled("ContactNumber"),
            let found = contacts.find("number:" + number.lowercased()).first
        {
            return found
        }
        guard let name = try element.filled("Name") else { return nil }
        return contacts.find("name:" + name.lowercased()).first { !$0.archived }
    }

    private func listContacts(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        var rows = contacts.all
        if call.query("includeArchived")?.lowercased() != "true" { rows = rows.filter { !$0.archived } }
        if let ids = call.list("IDs") { rows = rows.filter { ids.contains($0.id) } }
        if let term = call.query("searchTerm")?.lowercased(), !term.isEmpty {
            rows = rows.filter { row in
                let texts = ["FirstName", "LastName", "CompanyNumber", "EmailAddress"].map {
                    row.members[$0]?.string ?? ""
                }
                return (texts + [row.name, row.number ?? ""]).contains { $0.lowercased().contains(term) }
            }
        }
        rows = try select(rows, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
        let (part, pagination) = try page(rows, call)
        return Self.envelope("Contacts", part.map { json($0) }, call, pagination: pagination)
    }

    private func field(of row: XeroContact, _ path: String) -> XeroValue? {
        switch path {
        case "contactid": return .guid(row.id)
        case "name": return .text(row.name)
        case "contactnumber": return .optional(row.number)
        case "contactstatus": return .text(row.archived ? "ARCHIVED" : "ACTIVE")
        case "updateddateutc": return .moment(row.updated)
        case "iscustomer", "issupplier":
            return .flag(documents.all.contains { $0.contact == row.id && $0.isSales == (path == "iscustomer") })
        default:
            guard let name = XeroContact.plain.first(where: { $0.name.lowercased() == path })?.name else { return nil }
            return .optional(row.members[name]?.string)
        }
    }

    private mutating func put(
        contact element: XeroElement, onto existing: XeroContact?, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        let name = try element.filled("Name") ?? existing?.name
        let number = try element.filled("ContactNumber") ?? existing?.number
        let status = try element.filled("ContactStatus")
        if existing?.archived ?? false { problems.append(Self.archivedContact) }
        if name == nil {
            problems.append(Self.unnamedContact)
        }
        if let name,
            contacts.find("name:" + name.lowercased()).contains(where: { !$0.archived && $0.id != existing?.id })
        {
            problems.append(
                "The contact name \(name) is already assigned to another contact. "
                    + "The contact name must be unique across all active contacts."
            )
        }
        if let number, contacts.find("number:" + number.lowercased()).contains(where: { $0.id != existing?.id }) {
            problems.append(
                "The contact number \(number) is already assigned to another contact. "
                    + "The contact number must be unique across all contacts."
            )
        }
        if name?.count ?? 0 > Self.textCharacters {
            problems.append("Name must not exceed \(Self.textCharacters) characters")
        }
        if number?.count ?? 0 > 50 { problems.append("ContactNumber must not exceed 50 characters") }
        if let status, !["ACTIVE", "ARCHIVED"].contains(status) { problems.append("ContactStatus is not valid") }
        var row = existing ?? XeroContact(id: call.newID(), name: name ?? "", number: number, updated: call.now)
        row.name = name ?? ""
        row.number = number
        row.updated = call.now
        row.archived = status == "ARCHIVED"
        for (key, length) in XeroContact.plain {
            guard let text = try element.text(key) else { continue }
            if text.count > length { problems.append("\(key) must not exceed \(length) characters") }
            row.members[key] = .string(text)
        }
        for key in XeroContact.lists {
            if let list = try element.children(key) { row.members[key] = .array(list.map(\.json)) }
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "ContactID", id: existing?.id, problems: problems, payment: true)
        }
        contacts.put(row)
        return .saved(json(row))
    }

    private func json(_ row: XeroContact) -> JSON {
        var out = XeroMembers()
        out.text("ContactID", row.id)
        out.text("MergedToContactID", row.mergedInto)
        out.text("ContactNumber", row.number)
        out.text("ContactStatus", row.archived ? "ARCHIVED" : "ACTIVE")
        out.text("Name", row.name)
        for (key, _) in XeroContact.plain { out.set(key, row.members[key]) }
        for key in XeroContact.lists { out.set(key, row.members[key] ?? .array([])) }
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.empty("ContactGroups", "SalesTrackingCategories", "PurchasesTrackingCategories")
        out.flag("IsSupplier", documents.all.contains { $0.contact == row.id && !$0.isSales })
        out.flag("IsCustomer", documents.all.contains { $0.contact == row.id && $0.isSales })
        tell(attachments: "Contacts", row.id, alone: false, &out)
        out.flag("HasValidationErrors", false)
        return out.json
    }

    /// A contact as documents show it.
    func brief(contact id: String) -> JSON {
        var out = XeroMembers()
        out.text("ContactID", id)
        if let row = contacts[id] {
            out.text("ContactStatus", row.archived ? "ARCHIVED" : "ACTIVE")
            out.text("ContactNumber", row.number)
            out.text("Name", row.name)
        }
        out.empty("Addresses", "Phones", "ContactGroups", "ContactPersons")
        out.flag("HasValidationErrors", false)
        return out.json
    }
}
