internal import Kernel
internal import Wire

/// An account of the chart.
struct XeroAccount: XeroRow {
    static let kind = "Account"
    var id: String
    var code: String
    var name: String
    var type: String
    var taxType: String
    var system: String?
    var currency: String?
    var description: String?
    var paymentsEnabled = false
    var active = true
    var updated: Timestamp

    var indexKeys: [String] { ["code:" + code.lowercased()] }
    var isBank: Bool { type == "BANK" }
    var takesPayments: Bool { active && (isBank || paymentsEnabled) }
    /// Debtors, creditors, bank and the VAT account can't be coded to by hand.
    var takesLines: Bool { !isBank && !["DEBTORS", "CREDITORS", "GST", "REALISEDCURRENCYGAIN"].contains(system ?? "") }

    /// - Source: xero_accounting.yaml, Account.Class.
    var accountClass: String {
        switch type {
        case "BANK", "CURRENT", "FIXED", "INVENTORY", "NONCURRENT", "PREPAYMENT": "ASSET"
        case "EQUITY": "EQUITY"
        case "DEPRECIATN", "DIRECTCOSTS", "EXPENSE", "OVERHEADS": "EXPENSE"
        case "CURRLIAB", "LIABILITY", "TERMLIAB", "PAYG": "LIABILITY"
        default: "REVENUE"
        }
    }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("code", code)
        out.text("name", name)
        out.text("type", type)
        out.text("tax", taxType)
        out.text("system", system)
        out.text("currency", currency)
        out.text("description", description)
        out.flag("payments", paymentsEnabled)
        out.flag("active", active)
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init(id: String, code: String, name: String, type: String, taxType: String, updated: Timestamp) {
        self.id = id
        self.code = code
        self.name = name
        self.type = type
        self.taxType = taxType
        self.updated = updated
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let code = stored["code"]?.string, let name = stored["name"]?.string,
            let type = stored["type"]?.string, let tax = stored["tax"]?.string
        else { return nil }
        self.init(id: id, code: code, name: name, type: type, taxType: tax, updated: stored.xeroMoment("updated"))
        system = stored["system"]?.string
        currency = stored["currency"]?.string
        description = stored["description"]?.string
        paymentsEnabled = stored["payments"]?.bool ?? false
        active = stored["active"]?.bool ?? true
    }
}

/// A customer or supplier. Only what the twin understands is kept; addresses and phones come back as they were sent.
struct XeroContact: XeroRow {
    static let kind = "Contact"
    /// Text members that are stored and given back as they are, with their greatest length.
    static let plain: [(name: String, length: Int)] = [
        ("AccountNumber", 50), ("FirstName", 255), ("LastName", 255), ("CompanyNumber", 50), ("EmailAddress", 255),
        ("BankAccountDetails", 255), ("TaxNumber", 50), ("AccountsReceivableTaxType", 50),
        ("AccountsPayableTaxType", 50),
        ("DefaultCurrency", 3), ("SalesDefaultAccountCode", 10), ("PurchasesDefaultAccountCode", 10),
    ]
    /// Arrays kept whole.
    static let lists = ["Addresses", "Phones", "ContactPersons"]

    var id: String
    var name: String
    var number: String?
    var archived = false
    /// The contact that it was merged into, by hand.
    var mergedInto: String?
    var members: [String: JSON] = [:]
    var updated: Timestamp

    init(id: String, name: String, number: String?, updated: Timestamp) {
        self.id = id
        self.name = name
        self.number = number
        self.updated = updated
    }

    var indexKeys: [String] {
        var keys = ["name:" + name.lowercased()]
        if let number { keys.append("number:" + number.lowercased()) }
        return keys
    }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("name", name)
        out.text("number", number)
        out.flag("archived", archived)
        out.text("merged", mergedInto)
        for key in members.keys.sorted() { out.set("m." + key, members[key]) }
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let name = stored["name"]?.string else { return nil }
        self.init(id: id, name: name, number: stored["number"]?.string, updated: stored.xeroMoment("updated"))
        archived = stored["archived"]?.bool ?? false
        mergedInto = stored["merged"]?.string
        for (key, value) in stored.object ?? [] where key.hasPrefix("m.") { members[String(key.dropFirst(2))] = value }
    }
}

/// Something sold or bought.
struct XeroItem: XeroRow {
    static let kind = "Item"
    var id: String
    var code: String
    var name: String?
    var description: String?
    var purchaseDescription: String?
    var sold = true
    var purchased = true
    var salesPrice: ExactDecimal?
    var salesAccount: String?
    var salesTax: String?
    var purchase: JSON = .object([])
    var updated: Timestamp

    init(id: String, code: String, updated: Timestamp) {
        self.id = id
        self.code = code
        self.updated = updated
    }

    var indexKeys: [String] { ["code:" + code.lowercased()] }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("code", code)
        out.text("name", name)
        out.text("description", description)
        out.text("purchaseDescription", purchaseDescription)
        out.flag("sold", sold)
        out.flag("purchased", purchased)
        out.set("salesPrice", salesPrice.map { JSON.decimal($0) })
        out.text("salesAccount", salesAccount)
        out.text("salesTax", salesTax)
        out.set("purchase", purchase)
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let code = stored["code"]?.string else { return nil }
        self.init(id: id, code: code, updated: stored.xeroMoment("updated"))
        name = stored["name"]?.string
        description = stored["description"]?.string
        purchaseDescription = stored["purchaseDescription"]?.string
        sold = stored["sold"]?.bool ?? true
        purchased = stored["purchased"]?.bool ?? true
        salesPrice = stored["salesPrice"]?.decimal
        salesAccount = stored["salesAccount"]?.string
        salesTax = stored["salesTax"]?.string
        purchase = stored["purchase"] ?? .object([])
    }
}

/// A tracking category with its options.
struct XeroTracking: XeroRow {
    static let kind = "TrackingCategory"
    var id: String
    var name: String
    var status = "ACTIVE"
    var options: [(id: String, name: String, status: String)] = []

    init(id: String, name: String) {
        self.id = id
        self.name = name
    }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("name", name)
        out.text("status", status)
        out.set(
            "options",
            .array(
                options.map { option in
                    .object([
                        ("id", .string(option.id)), ("name", .string(option.name)), ("status", .string(option.status)),
                    ])
                }))
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let name = stored["name"]?.string else { return nil }
        self.init(id: id, name: name)
        status = stored["status"]?.string ?? "ACTIVE"
        options = (stored["options"]?.array ?? []).compactMap { option in
            guard let id = option["id"]?.string, let name = option["name"]?.string else { return nil }
            return (id, name, option["status"]?.string ?? "ACTIVE")
        }
    }
}

/// A currency the organisation deals in.
struct XeroCurrency: XeroRow {
    static let kind = "Currency"
    var code: String
    var name: String
    var id: String { code }

    var stored: JSON { .object([("code", .string(code)), ("name", .string(name))]) }

    init(code: String, name: String) {
        self.code = code
        self.name = name
    }

    init?(stored: JSON) {
        guard let code = stored["code"]?.string, let name = stored["name"]?.string else { return nil }
        self.init(code: code, name: name)
    }
}

/// What is set for the organisation as a whole, and the counters behind automatic numbers.
struct XeroSettings: XeroRow {
    static let kind = "Settings"
    var id: String { "settings" }
    var lockDate: LocalDate?
    /// The end of the last year that is closed for everybody.
    var yearEndLock: LocalDate?
    var connected = true
    var otherConnected = false
    var invoiceCounter = 0
    var creditNoteCounter = 0
    var orderCounter = 0
    /// The organisation behaves as one of very many rows.
    var highVolume = false

    init() { lockDate = XeroSeed.lockDate }

    var stored: JSON {
        var out = XeroMembers()
        out.text("lockDate", lockDate?.description)
        out.text("yearEnd", yearEndLock?.description)
        out.set("orders", .number(String(orderCounter)))
        out.flag("highVolume", highVolume)
        out.flag("connected", connected)
        out.flag("otherConnected", otherConnected)
        out.set("invoices", .number(String(invoiceCounter)))
        out.set("creditNotes", .number(String(creditNoteCounter)))
        return out.json
    }

    init?(stored: JSON) {
        lockDate = stored["lockDate"]?.string.flatMap { LocalDate($0) }
        yearEndLock = stored["yearEnd"]?.string.flatMap { LocalDate($0) }
        orderCounter = stored["orders"]?.int ?? 0
        highVolume = stored["highVolume"]?.bool ?? false
        connected = stored["connected"]?.bool ?? true
        otherConnected = stored["otherConnected"]?.bool ?? false
        invoiceCounter = stored["invoices"]?.int ?? 0
        creditNoteCounter = stored["creditNotes"]?.int ?? 0
    }
}

extension JSON {
    /// A stored moment (microseconds); the beginning of time when absent.
    func xeroMoment(_ key: String) -> Timestamp { Timestamp(microseconds: Int64(self[key]?.int ?? 0)) }
}
