internal import Kernel
internal import Wire

/// One line of an invoice or a credit note, as the twin keeps it.
/// - Source: dev.freeagent.com/docs/invoices, "Invoice Item Attributes"; docs/sales_tax, "Invoices".
struct FALine: Sendable {
    static let timeTypes: Set<String> = ["Hours", "Days", "Weeks", "Months", "Years"]
    /// What can't be changed of the lines of a document that is sent.
    static let locked = ["description", "item_type", "price", "quantity", "sales_tax_rate", "sales_tax_status"]

    var id: String
    var type = ""
    var description = ""
    var price: ExactDecimal = .zero
    /// Nothing unless somebody says so.
    var quantity: ExactDecimal = .zero
    /// In percent; `nil` where the line bears no tax.
    var rate: ExactDecimal?
    var status = "TAXABLE"
    var category = "001"
    var stockItem: String?

    init(id: String) { self.id = id }

    init(stored json: JSON) {
        id = json["id"]?.string ?? ""
        type = json["type"]?.string ?? ""
        description = json["description"]?.string ?? ""
        price = json["price"]?.decimal ?? .zero
        quantity = json["quantity"]?.decimal ?? .zero
        rate = json.member("rate")?.decimal
        status = json["status"]?.string ?? ""
        category = json["category"]?.string ?? ""
    }

    var stored: JSON {
        .object([
            ("id", .string(id)), ("type", .string(type)), ("description", .string(description)), ("price", .string(price.description)),
            ("quantity", .string(quantity.description)), ("rate", .optional(rate?.description)), ("status", .string(status)), ("category", .string(category)),
        ])
    }

    /// Hundredths, after a discount in percent.
    func net(discount: ExactDecimal) -> Int64 {
        let gross = price.multiplied(by: quantity)
        // A hundred times the amount, in units: that many hundredths.
        guard let exact = gross?.multiplied(by: ExactDecimal(100) - discount), let cents = exact.rescaled(toScale: 0) else { return 0 }
        return Int64(clamping: cents.coefficient)
    }

    func tax(discount: ExactDecimal) -> Int64 {
        guard let rate, status == "TAXABLE" else { return 0 }
        return FANumber.share(net(discount: discount), percent: rate)
    }

    func json(position: Int, _ call: FACall) -> JSON {
        var out = FAMembers()
        out.text("url", call.url(.invoiceItem, id))
        out.set("position", .number("\(position)"))
        out.text("description", description)
        out.text("item_type", type)
        out.decimal("price", price)
        out.decimal("quantity", quantity)
        out.decimal("sales_tax_rate", rate)
        out.set("suffers_cis_deduction", false)
        out.text("sales_tax_status", status)
        out.text("category", call.url(.category, category))
        return out.json
    }
}

extension FAState {
    /// The lines of a document with what was sent changed, added or taken away.
    /// - Throws: 400 for what is no list; 404 for a category that is not there.
    mutating func lines(
        _ sent: [JSON], onto old: [FALine], _ kind: FAKind, contact: FARow?, isMOSS: Bool, _ fields: inout FAFields, at now: Timestamp
    ) throws(FAProblem) -> [FALine] {
        var lines = old
        var wrong = false
        for item in sent {
            var reader = FAFields(item, prefix: "\(kind.rawValue)_items.")
            let id = item.member("id").map { $0.string ?? "\($0.int ?? 0)" }
            let place = id.flatMap { id in lines.firstIndex { $0.id == id } }
            if id != nil, place == nil { throw .notFound }
            if reader.flag("_destroy") == true {
                if let place { lines.remove(at: place) }
                continue
            }
            let line = place.map { lines[$0] } ?? FALine(id: next(.invoiceItem, at: now))
            let filled = try fill(line, &reader, isNew: place == nil, contact: contact, isMOSS: isMOSS)
            if let place { lines[place] = filled } else { lines.append(filled) }
            fields.add(reader.findings)
            wrong = wrong || !reader.findings.isEmpty
        }
        if wrong { fields.add(["\(kind.rawValue)_items contain errors"]) }
        return lines
    }

    private func fill(_ old: FALine, _ fields: inout FAFields, isNew: Bool, contact: FARow?, isMOSS: Bool) throws(FAProblem) -> FALine {
        var line = old
        if fields.sent("item_type") { line.type = fields.choice("item_type", Self.itemTypes) ?? "" }
        if fields.sent("description") || isNew { line.description = fields.text("description", most: 65_535) ?? "" }
        if let price = fields.decimal("price") {
            line.price = price
        } else if isNew, !FALine.timeTypes.contains(line.type), line.type != "Comment" {
            fields.blank("price")
        }
        if let quantity = fields.decimal("quantity") { line.quantity = quantity }
        if line.description.isEmpty { fields.blank("description") }
        var category = find(.category, line.category)
        if fields.sent("category"), fields.json.member("category") != nil {
            category = row(.category, named: fields.json["category"])
            guard let category else { throw .notFound }
            line.category = category.name
        }
        if category?.text("group") != "income" { fields.note("category", "is not an income category") }
        tax(&line, &fields, category, isNew: isNew, contact: contact, isMOSS: isMOSS)
        return line
    }

    private func tax(_ line: inout FALine, _ fields: inout FAFields, _ category: FARow?, isNew: Bool, contact: FARow?, isMOSS: Bool) {
        if let status = fields.choice("sales_tax_status", ["TAXABLE", "EXEMPT", "OUT_OF_SCOPE"]) { line.status = status }
        if let rate = fields.decimal("sales_tax_rate") {
            if !isMOSS, !FASeed.taxRates.contains(rate.shortest.description) { fields.note("sales_tax_rate", "is not a valid sales tax rate") }
            line.rate = rate
        } else if isNew {
            line.rate = automatic(category, contact)
        }
        if line.status != "TAXABLE" { line.rate = nil }
    }

    /// - Source: dev.freeagent.com/docs/sales_tax, "Invoices": what the contact's `charge_sales_tax` does where no rate is sent.
    private func automatic(_ category: FARow?, _ contact: FARow?) -> ExactDecimal? {
        let rate = category.flatMap { FACategory.percent($0) }
        switch contact?.text("charge_sales_tax") ?? "" {
        case "Never": return .zero
        case "Always": return rate
        default: return ["", "United Kingdom"].contains(contact?.text("country") ?? "") ? rate : .zero
        }
    }
}
