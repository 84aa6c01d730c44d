internal import Wire

/// Where a column's cell goes in the event.
enum Target: Sendable, Equatable {
    case envelope(String)
    /// A member of `data`; two names for one of an object in it.
    case head([String])
    /// A member of the row's line, and of one of its taxes.
    case line(String)
    case tax(String)
    /// A member of an entry of another list of `data`.
    case entry(list: String, String)
    /// A member of one of the document's own taxes.
    case headTax(String)
}

/// How a cell's text becomes JSON.
enum Cell: Sendable { case text, flag, version }

struct Column: Sendable {
    var name: String
    var target: Target
    var cell: Cell

    init(_ name: String, _ target: Target, _ cell: Cell = .text) {
        self.name = name
        self.target = target
        self.cell = cell
    }
}

/// One file's form: a row is a document's line, entry or further tax, with the document's own cells in its first row at least.
struct Layout: Sendable {
    var name: String
    var object: InboundObject
    var columns: [Column]

    /// A document without any line says something else than one with an empty list.
    var needsLines: Bool { object != .fulfilment }
    var hasLines: Bool { columns.contains { if case .line = $0.target { true } else { false } } }

    static func all(_ profile: InboundConnector.Profile) -> [Layout] { profile.objects.map { Layout($0) } }

    init(_ object: InboundObject) {
        self.object = object
        name = object.rawValue
        var columns = Self.envelope
        switch object {
        case .salesOrder, .job:
            columns += Self.heads(["number", "status", "placed_on", "currency", "rate", "tax_included", "tax_relief"]) + Self.customer
            columns += Self.heads(["po_number", "tip", "total"]) + Self.lines + Self.headTaxes
        case .invoice:
            columns += Self.heads(["number", "status", "issued_on", "due_on", "voided_on", "currency", "rate"])
            columns += Self.heads(["tax_included", "tax_exempt", "tax_relief"]) + Self.customer
            columns += Self.heads(["po_number", "job", "order", "tip", "total"]) + Self.lines + Self.headTaxes
            columns += Self.entries("deposits_applied", "deposit", ["id", "deposit", "amount"])
        case .payment: columns += Self.heads(["invoice", "order", "status", "received_on", "currency", "amount", "method", "reference"])
        case .deposit:
            columns += Self.heads(["status", "received_on", "currency", "rate", "amount", "method"]) + Self.customer + Self.heads(["job", "reference"])
        case .fulfilment:
            columns += Self.heads(["invoice", "order", "status", "left_on"]) + Self.lineColumns(["line", "quantity"])
        case .creditNote:
            columns += Self.heads(["invoice", "order", "number", "status", "issued_on", "currency", "tax_included", "total"])
            columns += Self.lineColumns(["id", "invoice_line", "description", "quantity", "net", "reason_code"])
            columns += [Column("restocked", .line("restocked"), .flag)] + Self.taxes
            columns += Self.entries("refunds", "refund", ["id", "method", "amount", "status", "paid_on"])
        case .registerClosure:
            columns += Self.heads(["number", "register", "closed_at", "currency", "tax_included", "tip", "total"]) + Self.lines + Self.headTaxes
            columns += Self.entries("tenders", "tender", ["method", "counted", "expected"])
        case .goodsReturn:
            columns += Self.heads(["order", "number", "status", "settled_on", "currency", "tax_included", "exchange_order", "exchanged", "refund"])
            columns += Self.heads(["store_credit", "gift_card", "credit_reference", "bonus", "shopper_pays", "paid_by", "total"])
            columns += Self.lineColumns(["id", "order_line", "description", "quantity", "net", "reason_code", "condition", "disposition"]) + Self.taxes
            columns += Self.entries("fees", "fee", ["id", "type", "amount", "tax"]) + Self.entries("refunds", "refund", ["id", "method", "amount", "paid_on"])
        case .bill: columns += Self.heads(["number", "status", "issued_on", "due_on", "currency", "rate", "supplier", "total"]) + Self.lines
        case .inventoryThreshold: columns += 
                Self.heads(["sku", "location", "threshold", "on_hand", "reorder_quantity", "description", "unit_cost", "currency", "rate", "supplier"])
        }
        self.columns = columns
    }

    private static let envelope = [
        Column("object_id", .envelope("object_id")), Column("object_version", .envelope("object_version"), .version),
        Column("occurred_at", .envelope("occurred_at")), Column("event", .envelope("event")),
    ]
    private static let customer = [
        Column("customer_id", .head(["customer", "id"])), Column("customer_name", .head(["customer", "name"])),
        Column("customer_tax_number", .head(["customer", "tax_number"])),
    ]
    private static let taxes = ["jurisdiction", "rate", "amount"].map { Column("tax_\($0)", .tax($0)) }
    private static let headTaxes = ["jurisdiction", "rate", "amount"].map { Column("document_tax_\($0)", .headTax($0)) }
    private static let lines =
        lineColumns(["id", "sku", "description", "group", "quantity", "unit_price", "discount", "net", "location", "tax_code"]) + taxes

    private static func heads(_ names: [String]) -> [Column] {
        names.map { Column($0, .head([$0]), ["tax_included", "tax_exempt"].contains($0) ? .flag : .text) }
    }

    /// `id` alone would be taken for the document's.
    private static func lineColumns(_ names: [String]) -> [Column] { names.map { Column($0 == "id" ? "line_id" : $0, .line($0)) } }

    private static func entries(_ list: String, _ prefix: String, _ names: [String]) -> [Column] {
        names.map { Column($0 == prefix ? "\(prefix)_ref" : "\(prefix)_\($0)", .entry(list: list, $0)) }
    }
}
