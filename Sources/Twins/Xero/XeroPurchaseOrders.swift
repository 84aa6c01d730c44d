internal import Kernel
internal import Wire

/// What was ordered from a supplier. Never in the books.
struct XeroPurchaseOrder: XeroRow {
    static let kind = "PurchaseOrder"
    /// Text members that are stored and given back as they are, with their greatest length.
    static let plain: [(name: String, length: Int)] = [
        ("DeliveryAddress", 4000), ("AttentionTo", 255), ("Telephone", 50), ("DeliveryInstructions", 500), ("BrandingThemeID", 36),
    ]
    /// The lines, their totals and the contact, held as a document of this type.
    static let type = "PURCHASEORDER"

    var document: XeroDocument
    var delivery: LocalDate?
    var arrival: LocalDate?
    var members: [String: JSON] = [:]
    var id: String { document.id }

    var indexKeys: [String] { document.number.isEmpty ? [] : ["number:" + document.number.lowercased()] }

    init(document: XeroDocument) { self.document = document }

    var stored: JSON {
        var out = XeroMembers()
        out.set("document", document.stored)
        out.text("delivery", delivery?.description)
        out.text("arrival", arrival?.description)
        for key in members.keys.sorted() { out.set("m." + key, members[key]) }
        return out.json
    }

    init?(stored: JSON) {
        guard let document = stored["document"].flatMap({ XeroDocument(stored: $0) }) else { return nil }
        self.init(document: document)
        delivery = stored["delivery"]?.string.flatMap { LocalDate($0) }
        arrival = stored["arrival"]?.string.flatMap { LocalDate($0) }
        for (key, value) in stored.object ?? [] where key.hasPrefix("m.") { members[String(key.dropFirst(2))] = value }
    }
}

/// Purchase orders.
/// - Source: xero_accounting.yaml, PurchaseOrder.
extension XeroState {
    mutating func purchaseOrders(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let name = "PurchaseOrders"
        switch (call.method, call.path.count) {
        case (.get, 1): return try listOrders(call)
        case (.get, 2): return Self.envelope(name, [json(try order(named: call.path[1]), call, alone: true)], call)
        case (.put, 1):
            return try write(call, name, kind: "PurchaseOrder") { (state, element) throws(XeroProblem) in
                try state.put(order: element, onto: nil, call)
            }
        case (.post, 1):
            return try write(call, name, kind: "PurchaseOrder") { (state, element) throws(XeroProblem) in
                let id = try element.id("PurchaseOrderID")
                if let id, state.orders[id] == nil { throw .notFound }
                return try state.put(order: element, onto: id.flatMap { state.orders[$0] }, call)
            }
        case (.post, 2):
            let existing = try order(named: call.path[1])
            return try write(call, name, kind: "PurchaseOrder") { (state, element) throws(XeroProblem) in
                try state.put(order: element, onto: existing, call)
            }
        default: throw .notFound
        }
    }

    private func order(named name: String) throws(XeroProblem) -> XeroPurchaseOrder {
        if let id = XeroID(name), let found = orders[id.description] { return found }
        guard let found = orders.find("number:" + name.lowercased()).first else { throw .notFound }
        return found
    }

    private func listOrders(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        var rows = orders.all
        if let status = call.query("status"), !status.isEmpty { rows = rows.filter { $0.document.status == status.uppercased() } }
        if let from = call.query("dateFrom").flatMap({ XeroDate.parse($0) }) { rows = rows.filter { $0.document.date >= from } }
        if let to = call.query("dateTo").flatMap({ XeroDate.parse($0) }) { rows = rows.filter { $0.document.date <= to } }
        rows = try select(rows, call, updated: { $0.document.updated }, field: { self.field(of: $0, $1) })
        let (part, pagination) = try page(rows, call)
        return Self.envelope("PurchaseOrders", part.map { json($0, call) }, call, pagination: pagination)
    }

    private func field(of row: XeroPurchaseOrder, _ path: String) -> XeroValue? {
        switch path {
        case "purchaseorderid": .guid(row.id)
        case "purchaseordernumber": .text(row.document.number)
        case "reference": .text(row.document.reference)
        case "status": .text(row.document.status)
        case "date": .date(row.document.date)
        case "deliverydate": .date(row.delivery)
        case "total": .money(row.document.total)
        case "updateddateutc": .moment(row.document.updated)
        case "contact.contactid": .guid(row.document.contact)
        default: nil
        }
    }

    // MARK: Writing

    private static let statuses = ["DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "DELETED"]

    private mutating func put(
        order element: XeroElement, onto existing: XeroPurchaseOrder?, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        var warnings: [String] = []
        let fresh = XeroDocument(id: call.newID(), type: XeroPurchaseOrder.type, date: call.today, updated: call.now)
        var row = existing ?? XeroPurchaseOrder(document: fresh)
        row.document.updated = call.now
        try status(&row, element, existing, &problems)
        if problems.isEmpty, row.document.status == "DELETED" {
            orders.put(row)
            return .saved(json(row, call, written: true))
        }
        try plain(&row, element, existing, &problems, &warnings)
        var made: XeroContact?
        // An empty contact on an update is none: the vendor's own sample sends one.
        let isNamed = try element.child("Contact").map { !($0.json.object ?? []).isEmpty } ?? false
        if existing == nil || isNamed { made = try contact(for: &row.document, element, existing: existing?.document, call, &problems) }
        let rules = XeroLineRules(
            documentType: XeroPurchaseOrder.type, complete: row.document.status != "DRAFT", amountTypes: row.document.amountTypes,
            unitDigits: call.unitDigits, needsAccount: false)
        if let sent = try element.children("LineItems"), !sent.isEmpty {
            row.document.lines = try lines(sent, rules, old: row.document.lines, call, &problems)
        } else if existing == nil {
            problems.append("One or more line items must be specified")
        }
        if row.document.total < 0 { problems.append("The document total cannot be negative.") }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "PurchaseOrderID", id: existing?.id, problems: problems)
        }
        if let made { contacts.put(made) }
        if row.document.number.isEmpty { row.document.number = nextOrderNumber() }
        orders.put(row)
        return .saved(json(row, call, written: true, warnings: warnings))
    }

    private func status(
        _ row: inout XeroPurchaseOrder, _ element: XeroElement, _ existing: XeroPurchaseOrder?, _ problems: inout [String]
    ) throws(XeroProblem) {
        let wanted = try element.filled("Status") ?? row.document.status
        guard Self.statuses.contains(wanted) else { throw .badData("Error converting value \"\(wanted)\" to type 'PurchaseOrderStatus'.") }
        switch (existing?.document.status, wanted) {
        case (nil, "DRAFT"), (nil, "SUBMITTED"), (nil, "AUTHORISED"), (nil, "BILLED"): break
        case (nil, _): problems.append("Purchase Order not of valid status for creation")
        case ("DELETED"?, _), ("BILLED"?, _): problems.append("Purchase Order not of valid status for modification")
        default: break
        }
        row.document.status = wanted
    }

    private func plain(
        _ row: inout XeroPurchaseOrder, _ element: XeroElement, _ existing: XeroPurchaseOrder?, _ problems: inout [String], _ warnings: inout [String]
    ) throws(XeroProblem) {
        row.document.number = try element.filled("PurchaseOrderNumber") ?? row.document.number
        row.document.reference = try element.text("Reference") ?? row.document.reference
        row.document.date = try element.date("Date") ?? row.document.date
        row.delivery = try element.date("DeliveryDate") ?? row.delivery
        row.arrival = try element.date("ExpectedArrivalDate") ?? row.arrival
        row.document.amountTypes = try amountTypes(element) ?? row.document.amountTypes
        if let sent = try element.flag("SentToContact") {
            if ["AUTHORISED", "BILLED"].contains(row.document.status) {
                row.document.sentToContact = sent
            } else {
                warnings.append("Only AUTHORISED and BILLED purchase orders may have SentToContact updated.")
            }
        }
        for (key, length) in XeroPurchaseOrder.plain {
            guard let text = try element.text(key) else { continue }
            if text.count > length { problems.append("\(key) must not exceed \(length) characters") }
            row.members[key] = .string(text)
        }
        try currency(&row.document, element, existing: existing?.document, &problems)
        if !row.document.number.isEmpty, orders.find("number:" + row.document.number.lowercased()).contains(where: { $0.id != row.id }) {
            problems.append("Order number must be unique")
        }
        for (name, text) in [("PurchaseOrderNumber", row.document.number), ("Reference", row.document.reference)] where text.count > Self.textCharacters {
            problems.append("\(name) must not exceed \(Self.textCharacters) characters")
        }
    }

    private mutating func nextOrderNumber() -> String {
        var settings = settings
        defer { settingsTable.put(settings) }
        while true {
            settings.orderCounter += 1
            let digits = String(settings.orderCounter)
            let number = "PO-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            if orders.find("number:" + number.lowercased()).isEmpty { return number }
        }
    }

    // MARK: Answers

    private func json(
        _ row: XeroPurchaseOrder, _ call: XeroCall, written: Bool = false, alone: Bool = false, warnings: [String] = []
    ) -> JSON {
        let document = row.document
        var out = XeroMembers()
        out.text("PurchaseOrderID", row.id)
        out.text("PurchaseOrderNumber", document.number)
        out.text("DateString", "\(document.date) 00:00:00")
        out.date("Date", document.date)
        out.text("DeliveryDateString", row.delivery.map { "\($0) 00:00:00" })
        out.date("DeliveryDate", row.delivery)
        out.date("ExpectedArrivalDate", row.arrival)
        for (key, _) in XeroPurchaseOrder.plain { out.set(key, row.members[key]) }
        out.flag("HasErrors", false)
        out.flag("IsDiscounted", document.lines.contains { $0.discountRate != nil || $0.discount != nil })
        out.flag("SentToContact", document.sentToContact)
        if !document.reference.isEmpty { out.text("Reference", document.reference) }
        out.text("Type", XeroPurchaseOrder.type)
        out.decimal("CurrencyRate", document.rate, scale: 6)
        out.text("CurrencyCode", document.currency)
        out.set("Contact", brief(contact: document.contact))
        out.text("Status", document.status)
        out.text("LineAmountTypes", document.amountTypes)
        out.set("LineItems", .array(document.lines.map { json($0, unitDigits: call.unitDigits) }))
        out.money("SubTotal", document.subTotal)
        out.money("TotalTax", document.totalTax)
        out.money("Total", document.total)
        out.set("UpdatedDateUTC", XeroDate.json(document.updated))
        tell(attachments: "PurchaseOrders", row.id, alone: alone, &out)
        if written { out.text("StatusAttributeString", "OK") }
        if !warnings.isEmpty { out.set("Warnings", .array(warnings.map { .object([("Message", .string($0))]) })) }
        return out.json
    }
}
