internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Bills, and files beside them.
/// - Source: dev.freeagent.com/docs/bills, attachments and sales_tax, "Expenses, Bills and Bill items".
extension FAState {
    /// - Source: dev.freeagent.com/docs/bills, `bill_items`.
    private static let itemsMost = 40

    mutating func bills(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.bills)
        switch (call.method, call.path.count) {
        case (.get, 1):
            var rows = try call.selected(all(.bill))
            if let contact = try named(.contact, "contact", call) { rows = rows.filter { $0.text("contact") == contact.name } }
            if call.query("project") != nil { rows = [] }
            rows = try rows.filter(view(call.query("view") ?? "all", .bill, call))
            let nested = call.query("nested_bill_items") == "true"
            return call.page(try call.sorted(rows, by: ["created_at", "updated_at"]), as: "bills") { billJSON($0, withItems: nested, call) }
        case (.get, 2):
            let row = try required(.bill, call.id)
            return call.shown(row, billJSON(row, withItems: true, call))
        case (.post, 1):
            var row = FARow(.bill, next(.bill, at: call.now), at: call.now)
            try fill(&row, isNew: true, call)
            return call.created(row, billJSON(row, withItems: true, call))
        case (.put, 2):
            var row = try required(.bill, call.id)
            try fill(&row, isNew: false, call)
            return FACall.done
        case (.delete, 2):
            let row = try required(.bill, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
            if row.cents("paid") != 0 { throw .invalid("Bill cannot be deleted as it has been paid") }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    // MARK: - Writing

    private mutating func fill(_ row: inout FARow, isNew: Bool, _ call: FACall) throws(FAProblem) {
        let sent = try call.sent(.bill)
        var fields = FAFields(sent)
        if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
        if fields.sent("contact") {
            guard let contact = self.row(.contact, named: sent["contact"]) else { throw .notFound }
            row.set("contact", .string(contact.name))
        }
        for key in ["dated_on", "due_on"] { if let date = fields.date(key) { row.set(key, date) } }
        if isLocked(row.date("dated_on")) { fields.note("dated_on", "is in a locked accounting period") }
        fields.copy(texts: ["reference", "comments"], flags: ["input_total_values_inc_tax"], into: &row, most: 65_535)
        currency(&row, &fields)
        let items = try fields.list("bill_items")
        for key in ["contact", "reference", "dated_on", "due_on"] where !row.has(key) { fields.blank(key) }
        if isNew, items == nil { fields.blank("bill_items") }
        var lines = row.list("lines")
        for item in items ?? [] { try line(item, &lines, &fields, call) }
        if lines.count > Self.itemsMost { fields.note("bill_items", "is too long (maximum is \(Self.itemsMost) items)") }
        if let file = sent.member("attachment") { try attach(file, to: &row, &fields, call) }
        let (total, tax) = lines.reduce((Int64(0), Int64(0))) { ($0.0 + Int64($1["total"]?.int ?? 0), $0.1 + Int64($1["tax"]?.int ?? 0)) }
        try fields.check()
        row.set("lines", .array(lines))
        row.set("total", cents: total)
        row.set("tax", cents: tax)
        row.updated = call.now
        rows.put(row)
    }

    private func currency(_ row: inout FARow, _ fields: inout FAFields) {
        if let currency = fields.text("currency") { row.set("currency", .string(currency)) }
        if row.text("currency").isEmpty { row.set("currency", .string(FASeed.currency)) }
        guard let rate = FASeed.rate(of: row.text("currency")) else { return fields.note("currency", "is not included in the list") }
        let sent = row.text("currency") == FASeed.currency ? nil : fields.decimal("exchange_rate")
        if let sent, sent <= .zero { return fields.note("exchange_rate", "must be greater than 0") }
        if sent != nil || fields.sent("currency") || !row.has("exchange_rate") { row.set("exchange_rate", FANumber.json(sent ?? rate)) }
    }

    /// Gross, or net with the tax on top; the tax as it is said, or by rate.
    private mutating func line(_ item: JSON, _ lines: inout [JSON], _ fields: inout FAFields, _ call: FACall) throws(FAProblem) {
        var reader = FAFields(item, prefix: "bill_items.")
        let url = item.member("url")?.string ?? ""
        let id = url.split(separator: "/").last.map(String.init)
        let place = id.flatMap { id in lines.firstIndex { $0["id"]?.string == id } }
        if id != nil, place == nil { throw .notFound }
        if reader.flag("_destroy") == true {
            if let place { lines.remove(at: place) }
            return
        }
        var line = place.map { lines[$0] } ?? .object([("id", .string(next(.billItem, at: call.now))), ("status", "TAXABLE")])
        if item.member("category") != nil {
            guard let category = row(.category, named: item["category"]) else { throw .notFound }
            line = line.setting("category", .string(category.name))
        }
        if line.member("category") == nil { reader.blank("category") }
        if let text = reader.text("description", most: 65_535) { line = line.setting("description", .string(text)) }
        if let status = reader.choice("sales_tax_status", ["TAXABLE", "EXEMPT", "OUT_OF_SCOPE"]) { line = line.setting("status", .string(status)) }
        line = amounts(line, &reader)
        fields.add(reader.findings)
        if !reader.findings.isEmpty { fields.add(["bill_items contain errors"]) }
        if let place { lines[place] = line } else { lines.append(line) }
    }

    private func amounts(_ old: JSON, _ reader: inout FAFields) -> JSON {
        var line = old
        let category = line["category"]?.string.flatMap { find(.category, $0) }
        let isAutomatic = reader.json.member("sales_tax_rate")?.string?.lowercased() == "auto"
        let sent = isAutomatic ? nil : reader.decimal("sales_tax_rate")
        let manual = reader.cents("manual_sales_tax_amount")
        if let manual { line = line.setting("manual", .number("\(manual)")) } else if sent != nil || isAutomatic { line = line.setting("manual", .null) }
        if let sent, !FASeed.taxRates.contains(sent.shortest.description) { reader.note("sales_tax_rate", "is not a valid sales tax rate") }
        let isTaxed = line["status"]?.string == "TAXABLE"
        let rate = isTaxed ? sent ?? (isAutomatic ? nil : line.member("rate")?.decimal) ?? category.flatMap { FACategory.percent($0) } ?? .zero : .zero
        line = line.setting("rate", .string(rate.description))
        let forced = isTaxed ? line.member("manual")?.int.map { Int64($0) } : 0
        if let gross = reader.cents("total_value") {
            line = line.setting("total", .number("\(gross)"))
        } else if let net = reader.cents("total_value_ex_tax") {
            line = line.setting("total", .number("\(net + (forced ?? FANumber.share(net, percent: rate)))"))
        }
        guard let total = line.member("total")?.int else {
            reader.blank("total_value")
            return line
        }
        let tax = forced ?? FANumber.taxWithin(Int64(total), percent: rate)
        if abs(tax) > abs(Int64(total)) { reader.note("manual_sales_tax_amount", "is greater than total_value") }
        return line.setting("tax", .number("\(tax)"))
    }

    // MARK: - Answers

    /// Net and tax of a bill are shown as money that goes out, its total as what is owed.
    /// - Source: dev.freeagent.com/docs/bills, the samples of the lists and of a single bill.
    private func billJSON(_ row: FARow, withItems: Bool, _ call: FACall) -> JSON {
        let (total, tax) = (row.cents("total"), row.cents("tax"))
        var out = FAMembers()
        out.text("url", call.url(row))
        out.text("contact", call.url(.contact, row.text("contact")))
        out.text("reference", row.text("reference"))
        out.date("dated_on", row.date("dated_on"))
        out.date("due_on", row.date("due_on"))
        out.text("currency", row.text("currency"))
        out.cents("total_value", total)
        out.cents("net_value", tax - total)
        out.verbatim(row, ["exchange_rate"])
        out.cents("paid_value", row.cents("paid"))
        out.cents("due_value", due(row))
        out.cents("native_due_value", FANumber.times(due(row), row.decimal("exchange_rate") ?? .one))
        out.cents("sales_tax_value", -tax)
        out.text("status", status(row, on: call.today))
        out.text("long_status", longStatus(row, on: call.today))
        out.date("paid_on", row.date("paid_on"))
        out.verbatim(row, ["comments"])
        out.set("is_paid_by_hire_purchase", false)
        out.moments(row)
        if let file = find(.attachment, row.text("attachment")) { out.set("attachment", attachmentJSON(file, call)) }
        if withItems { out.set("bill_items", .array(row.list("lines").map { itemJSON($0, of: row, call) })) }
        return out.json
    }

    private func itemJSON(_ line: JSON, of row: FARow, _ call: FACall) -> JSON {
        let (total, tax) = (Int64(line["total"]?.int ?? 0), Int64(line["tax"]?.int ?? 0))
        var out = FAMembers()
        out.text("url", call.url(.billItem, line["id"]?.string ?? ""))
        out.text("bill", call.url(row))
        out.text("description", line.member("description")?.string)
        out.text("category", call.url(.category, line["category"]?.string ?? ""))
        out.text("quantity", "1.0")
        out.text("unit", "-no unit-")
        out.cents("total_value", total)
        out.cents("total_value_ex_tax", total - tax)
        out.text("sales_tax_status", line["status"]?.string)
        if let manual = line.member("manual")?.int {
            out.cents("manual_sales_tax_amount", Int64(manual))
        } else {
            out.decimal("sales_tax_rate", line["rate"]?.decimal)
        }
        out.cents("sales_tax_value", -tax)
        return out.json
    }

    // MARK: - Attachments

    private static let fileTypes: Set<String> = ["image/png", "image/x-png", "image/jpeg", "image/jpg", "image/gif", "application/x-pdf", "application/pdf"]
    private static let fileBytes = 5 << 20

    /// Keeps a file's description; its bytes nobody reads again.
    mutating func attach(_ json: JSON, to row: inout FARow, _ fields: inout FAFields, _ call: FACall) throws(FAProblem) {
        guard json.object != nil else { throw .type("attachment", "hash") }
        var reader = FAFields(json, prefix: "attachment.")
        var file = FARow(.attachment, next(.attachment, at: call.now), at: call.now)
        reader.copy(texts: ["file_name", "description"], flags: [], into: &file)
        if !file.has("file_name") { reader.blank("file_name") }
        let type = reader.text("content_type") ?? ""
        if !Self.fileTypes.contains(type) { reader.note("content_type", "is not included in the list") }
        file.set("content_type", .string(type))
        let lines = json.member("data")?.string?.split(whereSeparator: \.isNewline).joined() ?? ""
        guard let data = Base64.decode(lines), !data.isEmpty else {
            reader.blank("data")
            return fields.add(reader.findings)
        }
        if data.count > Self.fileBytes { reader.note("data", "is too large (maximum is 5 MB)") }
        file.set("file_size", .number("\(data.count)"))
        file.set("owner", .string(row.kind.rawValue))
        fields.add(reader.findings)
        if let old = find(.attachment, row.text("attachment")) { delete(old, at: call.now) }
        rows.put(file)
        row.set("attachment", .string(file.name))
    }

    mutating func attachments(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard call.path.count == 2 else { throw .notFound }
        let file = try required(.attachment, call.id)
        // Source: dev.freeagent.com/docs/changes, 12 August 2025.
        try call.needs(file.text("owner") == FAKind.bill.rawValue ? .bills : .banking)
        switch call.method {
        case .get: return call.shown(file, attachmentJSON(file, call))
        case .delete:
            delete(file, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    func attachmentJSON(_ file: FARow, _ call: FACall) -> JSON {
        var out = FAMembers()
        out.text("url", call.url(file))
        out.text("content_src", "\(call.base)/files/\(file.name)/original")
        out.text("expires_at", FADate.text(call.now + .seconds(300)))
        out.verbatim(file, ["content_type", "file_name", "file_size", "description"])
        return out.json
    }
}
