internal import Kernel
internal import Wire

/// Items.
extension XeroState {
    mutating func items(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(items.all, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
            return Self.envelope("Items", rows.map { json($0, call) }, call)
        case (.get, 2): return Self.envelope("Items", [json(try item(named: call.path[1]), call)], call)
        case (.put, 1):
            return try write(call, "Items", kind: "Item") { (state, element) throws(XeroProblem) in
                try state.put(item: element, onto: nil, call)
            }
        case (.post, 1):
            return try write(call, "Items", kind: "Item") { (state, element) throws(XeroProblem) in
                let id = try element.id("ItemID")
                if let id, state.items[id] == nil { throw .notFound }
                let byCode = try element.filled("Code").flatMap { state.items.find("code:" + $0.lowercased()).first }
                return try state.put(item: element, onto: id.flatMap { state.items[$0] } ?? byCode, call)
            }
        case (.post, 2):
            let existing = try item(named: call.path[1])
            return try write(call, "Items", kind: "Item") { (state, element) throws(XeroProblem) in
                try state.put(item: element, onto: existing, call)
            }
        default: throw .notFound
        }
    }

    private func item(named name: String) throws(XeroProblem) -> XeroItem {
        if let id = XeroID(name), let found = items[id.description] { return found }
        guard let found = items.find("code:" + name.lowercased()).first else { throw .notFound }
        return found
    }

    private func field(of row: XeroItem, _ path: String) -> XeroValue? {
        switch path {
        case "itemid": .guid(row.id)
        case "code": .text(row.code)
        case "name": .optional(row.name)
        case "description": .optional(row.description)
        case "issold": .flag(row.sold)
        case "ispurchased": .flag(row.purchased)
        case "updateddateutc": .moment(row.updated)
        default: nil
        }
    }

    private mutating func put(item element: XeroElement, onto existing: XeroItem?, _ call: XeroCall) throws(XeroProblem)
        -> XeroOutcome
    {
        var problems: [String] = []
        let code = try element.filled("Code") ?? existing?.code ?? ""
        var row = existing ?? XeroItem(id: call.newID(), code: code, updated: call.now)
        row.code = code
        row.updated = call.now
        row.name = try element.text("Name") ?? row.name
        row.description = try element.text("Description") ?? row.description
        row.purchaseDescription = try element.text("PurchaseDescription") ?? row.purchaseDescription
        row.sold = try element.flag("IsSold") ?? row.sold
        row.purchased = try element.flag("IsPurchased") ?? row.purchased
        if code.isEmpty { problems.append("Code is required") }
        if items.find("code:" + code.lowercased()).contains(where: { $0.id != row.id }) {
            problems.append("Price List Item with Code '\(code)' already exists")
        }
        let lengths: [(name: String, text: String?, most: Int)] = [
            ("Code", code, 30), ("Name", row.name, 50), ("Description", row.description, Self.descriptionCharacters),
            ("PurchaseDescription", row.purchaseDescription, Self.descriptionCharacters),
        ]
        for (name, text, most) in lengths where text?.count ?? 0 > most {
            problems.append("\(name) must not exceed \(most) characters")
        }
        if let sales = try element.child("SalesDetails") {
            count(sales, "Purchase")
            if let price = try sales.decimal("UnitPrice") {
                guard let bounded = XeroNumber.bounded(price, scale: call.unitDigits) else {
                    throw .badData("'UnitPrice' is out of range.")
                }
                row.salesPrice = bounded
            }
            row.salesAccount = try sales.filled("AccountCode") ?? row.salesAccount
            row.salesTax = try sales.filled("TaxType") ?? row.salesTax
        }
        if let purchase = try element.child("PurchaseDetails") {
            count(purchase, "Purchase")
            row.purchase = purchase.json
        }
        if let code = row.salesAccount, account(code: code).map({ $0.active && $0.takesLines }) != true {
            problems.append("Account code '\(code)' is not a valid code for this document.")
        }
        if let type = row.salesTax, XeroSeed.taxRate(type) == nil {
            problems.append("The TaxType code '\(type)' does not exist or cannot be used with this type of document.")
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "ItemID", id: existing?.id, problems: problems)
        }
        items.put(row)
        return .saved(json(row, call))
    }

    private func json(_ row: XeroItem, _ call: XeroCall) -> JSON {
        var out = XeroMembers()
        out.text("ItemID", row.id)
        out.text("Code", row.code)
        out.text("Name", row.name)
        out.text("Description", row.description)
        out.text("PurchaseDescription", row.purchaseDescription)
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.set("PurchaseDetails", row.purchase)
        var sales = XeroMembers()
        sales.decimal("UnitPrice", row.salesPrice, scale: call.unitDigits)
        sales.text("AccountCode", row.salesAccount)
        sales.text("TaxType", row.salesTax)
        out.set("SalesDetails", sales.json)
        out.flag("IsTrackedAsInventory", false)
        out.flag("IsSold", row.sold)
        out.flag("IsPurchased", row.purchased)
        return out.json
    }
}
