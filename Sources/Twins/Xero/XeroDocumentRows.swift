internal import Kernel
internal import Wire

/// One line of an invoice, a credit note or a bank transaction, computed.
struct XeroLine: Sendable {
    var id: String
    var description: String?
    var quantity: ExactDecimal?
    var unitAmount: ExactDecimal?
    var itemCode: String?
    var account: String?
    var taxType: String?
    /// Hundredths; signed like the line.
    var tax: Int64 = 0
    /// Hundredths, after discount; with tax in it when the document is Inclusive.
    var amount: Int64 = 0
    var discountRate: ExactDecimal?
    var discount: Int64?
    var tracking: [(category: String, option: String)] = []

    init(id: String) { self.id = id }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("description", description)
        out.set("quantity", quantity.map { JSON.decimal($0) })
        out.set("unit", unitAmount.map { JSON.decimal($0) })
        out.text("item", itemCode)
        out.text("account", account)
        out.text("taxType", taxType)
        out.set("tax", .number(String(tax)))
        out.set("amount", .number(String(amount)))
        out.set("discountRate", discountRate.map { JSON.decimal($0) })
        out.set("discount", discount.map { JSON.number(String($0)) })
        if !tracking.isEmpty {
            out.set("tracking", .array(tracking.map { .array([.string($0.category), .string($0.option)]) }))
        }
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string else { return nil }
        self.id = id
        description = stored["description"]?.string
        quantity = stored["quantity"]?.decimal
        unitAmount = stored["unit"]?.decimal
        itemCode = stored["item"]?.string
        account = stored["account"]?.string
        taxType = stored["taxType"]?.string
        tax = Int64(stored["tax"]?.int ?? 0)
        amount = Int64(stored["amount"]?.int ?? 0)
        discountRate = stored["discountRate"]?.decimal
        discount = stored["discount"]?.int.map { Int64($0) }
        tracking = (stored["tracking"]?.array ?? []).compactMap { pair in
            guard let category = pair[0]?.string, let option = pair[1]?.string else { return nil }
            return (category, option)
        }
    }
}

/// A credit note's money set against an invoice.
struct XeroAllocation: Sendable {
    var id: String
    var invoice: String
    var amount: Int64
    var date: LocalDate
}

/// The two families of documents with lines; they share their rules.
enum XeroFamily: Sendable {
    case invoice, creditNote

    var envelope: String { self == .invoice ? "Invoices" : "CreditNotes" }
    var kind: String { self == .invoice ? "Invoice" : "CreditNote" }
    var idName: String { self == .invoice ? "InvoiceID" : "CreditNoteID" }
    var numberName: String { self == .invoice ? "InvoiceNumber" : "CreditNoteNumber" }
    var noun: String { self == .invoice ? "Invoice" : "Credit Note" }
    var types: [String] { self == .invoice ? ["ACCREC", "ACCPAY"] : ["ACCRECCREDIT", "ACCPAYCREDIT"] }
}

/// An invoice, a bill or a credit note.
struct XeroDocument: XeroRow {
    static let kind = "Document"
    var id: String
    var type: String
    var number = ""
    var reference = ""
    var status = "DRAFT"
    var contact = ""
    var date: LocalDate
    var dueDate: LocalDate?
    var expectedPayment: LocalDate?
    var amountTypes = "Exclusive"
    var currency = XeroSeed.baseCurrency
    var rate = ExactDecimal.one
    var url: String?
    var sentToContact = false
    var lines: [XeroLine] = []
    var allocations: [XeroAllocation] = []
    var paidOn: LocalDate?
    var updated: Timestamp

    init(id: String, type: String, date: LocalDate, updated: Timestamp) {
        self.id = id
        self.type = type
        self.date = date
        self.updated = updated
    }

    var family: XeroFamily { type.hasSuffix("CREDIT") ? .creditNote : .invoice }
    /// Receivable (customers) or payable (suppliers).
    var isSales: Bool { type.hasPrefix("ACCREC") }
    /// Numbers of customers' documents are unique, suppliers' are not.
    var numberKey: String { Self.numberKey(type, number) }
    static func numberKey(_ type: String, _ number: String) -> String { "number:\(type):\(number.lowercased())" }
    var indexKeys: [String] {
        (isSales && !number.isEmpty ? [numberKey] : []) + Set(allocations.map { "credits:" + $0.invoice })
    }
    var isApproved: Bool { status == "AUTHORISED" || status == "PAID" }

    var lineSum: Int64 { lines.reduce(0) { $0 + $1.amount } }
    var totalTax: Int64 { amountTypes == "NoTax" ? 0 : lines.reduce(0) { $0 + $1.tax } }
    var total: Int64 { amountTypes == "Exclusive" ? lineSum + totalTax : lineSum }
    var subTotal: Int64 { total - totalTax }
    var allocated: Int64 { allocations.reduce(0) { $0 + $1.amount } }
    /// A line's amount without tax.
    func net(_ line: XeroLine) -> Int64 { amountTypes == "Inclusive" ? line.amount - line.tax : line.amount }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("type", type)
        out.text("number", number)
        out.text("reference", reference)
        out.text("status", status)
        out.text("contact", contact)
        out.text("date", date.description)
        out.text("due", dueDate?.description)
        out.text("expected", expectedPayment?.description)
        out.text("amounts", amountTypes)
        out.text("currency", currency)
        out.set("rate", .decimal(rate))
        out.text("url", url)
        out.flag("sent", sentToContact)
        out.set("lines", .array(lines.map(\.stored)))
        out.set(
            "allocations",
            .array(
                allocations.map { allocation in
                    .object([
                        ("id", .string(allocation.id)), ("invoice", .string(allocation.invoice)),
                        ("amount", .number(String(allocation.amount))), ("date", .string(allocation.date.description)),
                    ])
                }))
        out.text("paidOn", paidOn?.description)
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let type = stored["type"]?.string,
            let date = stored["date"]?.string.flatMap({ LocalDate($0) })
        else { return nil }
        self.init(id: id, type: type, date: date, updated: stored.xeroMoment("updated"))
        number = stored["number"]?.string ?? ""
        reference = stored["reference"]?.string ?? ""
        status = stored["status"]?.string ?? "DRAFT"
        contact = stored["contact"]?.string ?? ""
        dueDate = stored["due"]?.string.flatMap { LocalDate($0) }
        expectedPayment = stored["expected"]?.string.flatMap { LocalDate($0) }
        amountTypes = stored["amounts"]?.string ?? "Exclusive"
        currency = stored["currency"]?.string ?? XeroSeed.baseCurrency
        rate = stored["rate"]?.decimal ?? .one
        url = stored["url"]?.string
        sentToContact = stored["sent"]?.bool ?? false
        lines = (stored["lines"]?.array ?? []).compactMap { XeroLine(stored: $0) }
        allocations = (stored["allocations"]?.array ?? []).compactMap { value in
            guard let id = value["id"]?.string, let invoice = value["invoice"]?.string,
                let amount = value["amount"]?.int,
                let date = value["date"]?.string.flatMap({ LocalDate($0) })
            else { return nil }
            return XeroAllocation(id: id, invoice: invoice, amount: Int64(amount), date: date)
        }
        paidOn = stored["paidOn"]?.string.flatMap { LocalDate($0) }
    }
}
