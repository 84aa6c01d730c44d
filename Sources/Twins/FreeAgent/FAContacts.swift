internal import Kernel
internal import TwinKit
internal import Wire

/// Company, users, contacts and the price list.
extension FAState {
    /// - Source: dev.freeagent.com/docs/company.
    func company(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard call.method == .get, call.path.count == 1 else { throw .notFound }
        try call.needs(.time)
        let year = call.today.civil.year
        let periods: [JSON] = [year - 1, year].map { .object([("starts_on", .string("\($0)-01-01")), ("ends_on", .string("\($0)-12-31"))]) }
        return .json(
            200,
            .object([
                (
                    "company",
                    .object([
                        ("url", .string("\(call.base)/company")), ("id", "204117"), ("name", "Thames Pottery Ltd"), ("subdomain", "thamespottery"),
                        ("type", "UkLimitedCompany"), ("currency", .string(FASeed.currency)), ("mileage_units", "miles"),
                        ("company_start_date", .string(FASeed.begins)), ("freeagent_start_date", .string(FASeed.begins)),
                        ("first_accounting_year_end", "2011-12-31"), ("annual_accounting_periods", .array(periods)),
                        ("country", "United Kingdom"), ("company_registration_number", "07581204"), ("sales_tax_name", "VAT"),
                        ("sales_tax_registration_status", "Registered"), ("sales_tax_registration_number", "123456789"),
                        ("sales_tax_rates", ["20.0", "5.0", "0.0"]), ("sales_tax_is_value_added", true), ("supports_auto_sales_tax_on_purchases", true),
                        ("cis_enabled", false), ("cis_subcontractor", false), ("cis_contractor", false), ("locked_attributes", ["currency"]),
                        ("created_at", .string(FADate.text(FASeed.founded))), ("updated_at", .string(FADate.text(FASeed.founded))),
                    ])
                )
            ]))
    }

    /// What is locked is told, and who did it; how a user sets a lock by the API is not played.
    /// - Source: dev.freeagent.com/docs/account_locks, "List Account Locks for a company".
    func accountLocks(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard call.method == .get, call.path.count == 1 else { throw .notFound }
        try call.needs(.full)
        var locks: [JSON] = []
        if let day = lockedUntil {
            locks.append(.object([("locked_to_date", .string("\(day)")), ("locked_by_description", .string("VAT Return to \(day)"))]))
        }
        return .json(200, .object([("account_locks", .array(locks))]))
    }

    /// - Source: dev.freeagent.com/docs/users.
    func users(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard call.method == .get else { throw .notFound }
        if call.path.count == 2, call.id == "me" { return call.shown(call.user, userJSON(call.user, call)) }
        try call.needs(.accounting)
        guard call.path.count > 1 else { return call.page(all(.user), as: "users") { userJSON($0, call) } }
        let row = try required(.user, call.id)
        return call.shown(row, userJSON(row, call))
    }

    private func userJSON(_ row: FARow, _ call: FACall) -> JSON {
        var out = FAMembers()
        out.text("url", call.url(row))
        out.verbatim(row, ["first_name", "last_name", "email", "role", "permission_level"])
        out.set("opening_mileage", 0)
        out.moments(row)
        return out.json
    }

    // MARK: - Contacts

    private static let contactTexts = [
        "first_name", "last_name", "organisation_name", "email", "billing_email", "phone_number", "mobile", "address1", "address2", "address3", "town",
        "region", "postcode", "country", "sales_tax_registration_number", "locale", "direct_debit_mandate_state",
    ]

    /// - Source: dev.freeagent.com/docs/contacts.
    mutating func contacts(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.time)
        switch (call.method, call.path.count) {
        case (.get, 1): return try listContacts(call)
        case (.get, 2):
            let row = try required(.contact, call.id)
            return call.shown(row, contactJSON(row, call))
        case (.post, 1):
            try call.needs(.contacts)
            let row = try contact(FARow(.contact, next(.contact, at: call.now), at: call.now), call)
            return call.created(row, contactJSON(row, call))
        case (.put, 2):
            try call.needs(.contacts)
            _ = try contact(try required(.contact, call.id), call)
            return FACall.done
        case (.delete, 2):
            try call.needs(.contacts)
            let row = try required(.contact, call.id)
            let documents = all(.invoice) + all(.creditNote) + all(.bill)
            if documents.contains(where: { $0.text("contact") == row.name }) {
                throw .invalid("Contact cannot be deleted as it has items associated with it")
            }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    private mutating func contact(_ old: FARow, _ call: FACall) throws(FAProblem) -> FARow {
        var fields = FAFields(try call.sent(.contact))
        var row = old
        row.updated = call.now
        fields.copy(texts: Self.contactTexts, flags: ["contact_name_on_invoices", "uses_contact_invoice_sequence"], into: &row)
        if let charge = fields.choice("charge_sales_tax", ["Auto", "Always", "Never"]) { row.set("charge_sales_tax", .string(charge)) }
        if let status = fields.choice("status", ["Active", "Hidden"]) { row.set("status", .string(status)) }
        if let days = fields.whole("default_payment_terms_in_days", in: 0 ... 1000) { row.set("default_payment_terms_in_days", .number("\(days)")) }
        if row.text("organisation_name").isEmpty, row.text("first_name").isEmpty || row.text("last_name").isEmpty {
            fields.add(["organisation_name can't be blank if first_name and last_name are blank"])
        }
        try fields.check()
        rows.put(row)
        return row
    }

    private func listContacts(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        let rows = all(.contact)
        let isHidden: (FARow) -> Bool = { $0.text("status") == "Hidden" }
        let sells: (FARow, FAKind) -> Bool = { row, kind in all(kind).contains { $0.text("contact") == row.name } }
        let shown: [FARow]
        switch call.query("view") ?? "active" {
        case "all": shown = rows
        case "active": shown = rows.filter { !isHidden($0) }
        case "hidden": shown = rows.filter(isHidden)
        case "clients": shown = rows.filter { sells($0, .invoice) }
        case "suppliers": shown = rows.filter { !isHidden($0) && sells($0, .bill) }
        case "open_clients": shown = rows.filter { row in all(.invoice).contains { $0.text("contact") == row.name && due($0) != 0 && isPosted($0) } }
        case "open_suppliers": shown = rows.filter { row in all(.bill).contains { $0.text("contact") == row.name && due($0) != 0 } }
        case "active_projects", "completed_projects": shown = []
        default: throw FAProblem(400, "view is not valid")
        }
        let picked = try call.selected(shown, byDay: false)
        let ordered = try call.sorted(picked, by: ["name", "created_at", "updated_at"]) { contactName($0) }
        return call.page(ordered, as: "contacts") { contactJSON($0, call) }
    }

    /// The organisation, or the person.
    func contactName(_ row: FARow) -> String {
        let organisation = row.text("organisation_name")
        return organisation.isEmpty ? "\(row.text("first_name")) \(row.text("last_name"))" : organisation
    }

    private func contactJSON(_ row: FARow, _ call: FACall) -> JSON {
        var balance: Int64 = 0
        for kind in [FAKind.invoice, .creditNote, .bill] {
            for document in all(kind) where document.text("contact") == row.name && isPosted(document) { balance += (kind == .bill ? -1 : 1) * due(document) }
        }
        var out = FAMembers()
        out.text("url", call.url(row))
        out.verbatim(row, Self.contactTexts.filter { $0 != "locale" })
        out.set("contact_name_on_invoices", row.fields.member("contact_name_on_invoices") ?? true)
        out.verbatim(row, ["default_payment_terms_in_days"])
        out.set("locale", row.fields.member("locale") ?? "en")
        out.cents("account_balance", balance)
        out.set("uses_contact_invoice_sequence", row.fields.member("uses_contact_invoice_sequence") ?? false)
        out.set("charge_sales_tax", row.fields.member("charge_sales_tax") ?? "Auto")
        out.set("active_projects_count", 0)
        out.set("status", row.fields.member("status") ?? "Active")
        out.moments(row)
        return out.json
    }

    // MARK: - Price list

    static let itemTypes = [
        "Hours", "Days", "Weeks", "Months", "Years", "Products", "Services", "Training", "Expenses", "Comment", "Bills", "Discount", "Credit", "VAT", "Stock",
    ]

    /// - Source: dev.freeagent.com/docs/price_list_items.
    mutating func priceList(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.invoices)
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try call.sorted(try call.selected(all(.priceListItem), byDay: false), by: ["created_at", "code", "updated_at"])
            return call.page(rows, as: "price_list_items") { priceJSON($0, call) }
        case (.get, 2):
            let row = try required(.priceListItem, call.id)
            return call.shown(row, priceJSON(row, call))
        case (.post, 1):
            let row = try price(FARow(.priceListItem, next(.priceListItem, at: call.now), at: call.now, ["vat_status": "out_of_scope"]), call)
            return call.created(row, priceJSON(row, call))
        case (.put, 2):
            _ = try price(try required(.priceListItem, call.id), call)
            return FACall.done
        case (.delete, 2):
            delete(try required(.priceListItem, call.id), at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    private mutating func price(_ old: FARow, _ call: FACall) throws(FAProblem) -> FARow {
        var fields = FAFields(try call.sent(.priceListItem))
        var row = old
        row.updated = call.now
        fields.copy(texts: ["code", "description"], flags: [], into: &row)
        if let type = fields.choice("item_type", Self.itemTypes) { row.set("item_type", .string(type)) }
        if let status = fields.choice("vat_status", ["out_of_scope", "reduced", "standard", "zero"]) { row.set("vat_status", .string(status)) }
        for key in ["quantity", "price"] { if let number = fields.decimal(key) { row.set(key, FANumber.json(number)) } }
        if fields.sent("category") {
            guard let category = self.row(.category, named: fields.json["category"]), category.text("group") == "income" else { throw .notFound }
            row.set("category", .string(category.name))
        }
        for key in ["code", "quantity", "item_type", "description", "price"] where row.text(key).isEmpty { fields.blank(key) }
        let isTaken = all(.priceListItem).contains { $0.name != row.name && $0.text("code") == row.text("code") }
        if isTaken { fields.note("code", "has already been taken") }
        try fields.check()
        rows.put(row)
        return row
    }

    private func priceJSON(_ row: FARow, _ call: FACall) -> JSON {
        var out = FAMembers()
        out.text("url", call.url(row))
        out.verbatim(row, ["code", "item_type", "quantity", "price", "description"])
        out.text("sales_tax_rate", "0.0")
        out.text("second_sales_tax_rate", "0.0")
        out.verbatim(row, ["vat_status"])
        out.text("category", call.url(.category, row.has("category") ? row.text("category") : "001"))
        out.moments(row)
        return out.json
    }
}
