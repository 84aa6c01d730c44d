internal import Kernel
internal import Wire

/// How invoices and credit notes are shown.
extension FAState {
    /// - Source: dev.freeagent.com/docs/invoices, credit_notes and bills, `status`.
    func status(_ row: FARow, on today: LocalDate) -> String {
        switch row.text("state") {
        case "draft": return "Draft"
        case "scheduled": return "Scheduled To Email"
        case "cancelled": return row.cents("paid") == 0 ? "Written-off" : "Part written-off"
        default: break
        }
        let (total, due) = (row.cents("total"), due(row))
        if total == 0, row.kind != .creditNote { return "Zero Value" }
        if due == 0 { return total < 0 || row.kind == .creditNote ? "Refunded" : "Paid" }
        if (due < 0) != (total < 0) { return "Overpaid" }
        return row.date("due_on").map { $0 < today } ?? false ? "Overdue" : "Open"
    }

    func longStatus(_ row: FARow, on today: LocalDate) -> String {
        let status = status(row, on: today)
        switch status {
        case "Open", "Overdue":
            let days = (row.date("due_on") ?? today).daysSince1970 - today.daysSince1970
            if days == 0 { return "\(status) – due today" }
            let span = Self.span(abs(days))
            return days > 0 ? "\(status) – due in \(span)" : "\(status) – due \(span) ago"
        case "Paid", "Refunded": return row.date("paid_on").map { "\(status) on – \(Self.short($0))" } ?? status
        default: return status
        }
    }

    private static func span(_ days: Int) -> String {
        switch days {
        case 1: "1 day"
        case ..<28: "\(days) days"
        case ..<46: "about 1 month"
        default: "\((days + 15) / 30) months"
        }
    }

    /// `21 Mar 20`.
    private static func short(_ date: LocalDate) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (year, month, day) = date.civil
        let text = "0\(year % 100)".suffix(2)
        return "\("0\(day)".suffix(2)) \(months[month - 1]) \(text)"
    }

    func documentJSON(_ row: FARow, withLines: Bool, _ call: FACall) -> JSON {
        let isInvoice = row.kind == .invoice
        var out = FAMembers()
        out.text("url", call.url(row))
        out.text("contact", call.url(.contact, row.text("contact")))
        out.date("dated_on", row.date("dated_on"))
        out.date("due_on", row.date("due_on"))
        out.text("reference", row.text("reference"))
        out.text("currency", row.text("currency"))
        out.verbatim(row, ["exchange_rate", "discount_percent"])
        out.cents("net_value", row.cents("net"))
        out.cents("sales_tax_value", row.cents("tax"))
        out.set("involves_sales_tax", .bool(row.list("lines").contains { $0.member("rate") != nil }))
        out.set("is_interim_uk_vat", false)
        out.cents("total_value", row.cents("total"))
        out.cents(isInvoice ? "paid_value" : "refunded_value", row.cents("paid"))
        out.cents("due_value", due(row))
        out.text("status", status(row, on: call.today))
        out.text("long_status", longStatus(row, on: call.today))
        out.date(isInvoice ? "paid_on" : "refunded_on", row.date("paid_on"))
        out.date("written_off_date", row.date("cancelled_on"))
        out.verbatim(row, ["comments", "client_contact_name", "payment_terms", "po_reference", "place_of_supply"])
        out.set("omit_header", row.fields.member("omit_header") ?? false)
        out.set("always_show_bic_and_iban", row.fields.member("always_show_bic_and_iban") ?? false)
        if isInvoice {
            for key in ["send_thank_you_emails", "send_reminder_emails", "send_new_invoice_emails"] { out.set(key, row.fields.member(key) ?? false) }
            out.set("payment_methods", .object([("paypal", false)]))
        }
        out.text("bank_account", call.url(.bankAccount, row.has("bank_account") ? row.text("bank_account") : "1"))
        out.set("payment_terms_in_days", .number("\(row.cents("payment_terms_in_days"))"))
        out.text("ec_status", row.text("ec_status"))
        out.moments(row)
        out.text("contact_name", find(.contact, row.text("contact")).map { contactName($0) })
        if withLines {
            let lines = row.list("lines").enumerated().map { FALine(stored: $0.element).json(position: $0.offset + 1, call) }
            out.set("\(row.kind.rawValue)_items", .array(lines))
        }
        return out.json
    }

    func listDocuments(_ call: FACall, _ kind: FAKind) throws(FAProblem) -> HTTPResponse {
        var rows = try call.selected(all(kind))
        if let contact = try named(.contact, "contact", call) { rows = rows.filter { $0.text("contact") == contact.name } }
        if call.query("project") != nil { rows = [] }
        rows = try rows.filter(view(call.query("view") ?? "all", kind, call))
        let nested = call.query("nested_\(kind.rawValue)_items") == "true"
        return call.page(try call.sorted(rows, by: ["created_at", "updated_at"]), as: kind.plural) { documentJSON($0, withLines: nested, call) }
    }

    /// Which documents a view shows.
    func view(_ name: String, _ kind: FAKind, _ call: FACall) throws(FAProblem) -> (FARow) -> Bool {
        let today = call.today
        func has(_ statuses: Set<String>) -> (FARow) -> Bool { { row in statuses.contains(status(row, on: today)) } }
        switch name {
        case "all": return { _ in true }
        case "open": return has(["Open"])
        case "overdue": return has(["Overdue"])
        case "open_or_overdue": return has(["Open", "Overdue"])
        case "recent_open_or_overdue":
            let open = has(["Open", "Overdue"])
            return { row in open(row) || (row.date("dated_on").map { $0 > today.adding(days: -30) } ?? false) }
        case "draft": return has(["Draft"])
        case "paid": return has(["Paid", "Overpaid", "Refunded"])
        case "refunded": return has(["Refunded"])
        case "scheduled_to_email": return has(["Scheduled To Email"])
        case "thank_you_emails": return { $0.flag("send_thank_you_emails") }
        case "reminder_emails": return { $0.flag("send_reminder_emails") }
        case "open_or_overdue_payments": return { row in row.cents("total") > 0 && ["Open", "Overdue"].contains(status(row, on: today)) }
        case "open_or_overdue_refunds": return { row in row.cents("total") < 0 && ["Open", "Overdue"].contains(status(row, on: today)) }
        case "recurring", "hire_purchase", "cis": return { _ in false }
        default:
            let parts = name.split(separator: "_")
            guard parts.count == 3, parts[0] == "last", parts[2] == "months", let months = Int(parts[1]), (1 ... 1200).contains(months) else {
                throw FAProblem(400, "view is not valid")
            }
            let since = today.adding(days: -31 * months)
            return { row in row.date("dated_on").map { $0 >= since } ?? false }
        }
    }
}
