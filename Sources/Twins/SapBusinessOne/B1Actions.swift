internal import Kernel
internal import Wire

/// Actions bound to an entity, and changes of what is posted.
extension B1Company {
    mutating func action(_ name: String, _ key: String, _ action: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let set = B1Schema.sets[name], let record = record(name, key) else { throw .missing }
        let done = B1Answer.empty(call.version)
        switch (set.type.name, action) {
        case ("Document", "Cancel") where name != "Drafts":
            if ["Orders", "PurchaseOrders"].contains(name) { try withdraw(record, set) } else { try cancel(record, set, on: record.day("DocDate") ?? today, B1Row()) }
        case ("Document", "Close") where name != "Drafts": try close(record, set)
        case ("Document", "Reopen") where ["Orders", "PurchaseOrders"].contains(name): try reopen(record, set)
        case ("Document", "CreateCancellationDocument") where name != "Drafts": return try cancellation(record, set, call)
        case ("Document", "SaveDraftToDocument") where name == "Drafts": throw .unsupported
        case ("Payment", "Cancel") where name != "PaymentDrafts": try cancelPayment(record, set)
        case ("JournalEntry", "Cancel"): try cancelJournal(record)
        default: throw .unsupported
        }
        return done
    }

    private func isOpen(_ record: B1Record) -> Bool { record.text("DocumentStatus") == "bost_Open" && record.text("CancelStatus") == "csNo" }

    /// Another document was made of it, or of a part. Lines of services have no quantity: they go as a whole.
    private func isDrawn(_ record: B1Record) -> Bool {
        record.rows("DocumentLines").contains { $0.decimal("RemainingOpenQuantity") != ($0.decimal("Quantity") ?? .one) }
    }

    // MARK: - Orders

    private mutating func withdraw(_ record: B1Record, _ set: B1Set) throws(B1Problem) {
        guard isOpen(record) else { throw .invalid("Document is already closed", "\(set.table).DocStatus") }
        if isDrawn(record) { throw .invalid("Document is drawn into another; it cannot be cancelled", "\(set.table).DocStatus") }
        var values = record.values
        for (name, value) in [("DocumentStatus", "bost_Close"), ("Cancelled", "tYES"), ("CancelStatus", "csYes")] { values[name] = .string(value) }
        values["CancelDate"] = .string(today.description)
        values["DocumentLines"] = lines(record, "bost_Close")
        put(set.name, record.key, values)
    }

    private mutating func close(_ record: B1Record, _ set: B1Set) throws(B1Problem) {
        guard isOpen(record) else { throw .invalid("Document is already closed", "\(set.table).DocStatus") }
        guard !Self.booked.contains(set.name) else { throw .unsupported }
        var values = record.values
        values["DocumentStatus"] = "bost_Close"
        values["ClosingDate"] = .string(today.description)
        values["DocumentLines"] = lines(record, "bost_Close")
        put(set.name, record.key, values)
    }

    private mutating func reopen(_ record: B1Record, _ set: B1Set) throws(B1Problem) {
        guard record.text("DocumentStatus") == "bost_Close", record.text("CancelStatus") == "csNo" else {
            throw .invalid("Document is not closed", "\(set.table).DocStatus")
        }
        var values = record.values
        values["DocumentStatus"] = "bost_Open"
        values["DocumentLines"] = lines(record, "bost_Open")
        put(set.name, record.key, values)
    }

    private func lines(_ record: B1Record, _ status: String) -> JSON {
        .array(record.rows("DocumentLines").map { row in
            var row = row
            let isDone = row.decimal("RemainingOpenQuantity")?.isZero ?? false
            row["LineStatus"] = .string(isDone ? "bost_Close" : status)
            return row.json
        })
    }

    // MARK: - Posted documents

    private func guardCancel(_ record: B1Record, _ set: B1Set) throws(B1Problem) {
        guard record.text("CancelStatus") == "csNo" else { throw .invalid("Document is already cancelled", "\(set.table).CANCELED") }
        guard record.minor("PaidToDate") == 0, isOpen(record) else {
            throw .invalid("You cannot cancel this document; it is closed, or paid in part", "\(set.table).DocStatus")
        }
        if isDrawn(record) { throw .invalid("Document is drawn into another; it cannot be cancelled", "\(set.table).DocStatus") }
    }

    /// What a client may post to cancel a document; nothing has changed yet.
    private func cancellation(_ record: B1Record, _ set: B1Set, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        try guardCancel(record, set)
        var values = record.values
        for name in ["DocEntry", "DocNum", "TransNum"] { values[name] = .null }
        values["CancelStatus"] = "csCancellation"
        values["DocumentLines"] = .array(record.rows("DocumentLines").map { row in
            var row = row
            (row["BaseType"], row["BaseEntry"], row["BaseLine"], row["DocEntry"]) = (.int(set.object), record["DocEntry"], row["LineNum"], nil)
            return row.json
        })
        let context: (key: String, value: JSON) = (call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#SAPB1.Document"))
        return B1Answer.json(200, .object([context] + body(set, B1Record(key: "", values: values), call.version)), call.version)
    }

    /// A cancellation document that a client posts.
    mutating func cancelBy(_ head: B1Row, _ set: B1Set) throws(B1Problem) -> String {
        let lines = (head["DocumentLines"]?.array ?? []).map { B1Row($0) }
        guard let first = lines.first, first.int("BaseType") == set.object, let record = record(set.name, first.int("BaseEntry")),
            record.text("CardCode") == head.text("CardCode")
        else { throw .missing }
        return try cancel(record, set, on: head.text("DocDate").filled.flatMap { LocalDate($0) } ?? today, head)
    }

    /// Posts the document that takes another back; its key.
    @discardableResult
    private mutating func cancel(_ record: B1Record, _ set: B1Set, on date: LocalDate, _ more: B1Row) throws(B1Problem) -> String {
        try guardCancel(record, set)
        try guardOpen(date)
        let entry = next(set.name)
        var values = record.values
        let number = record.int("DocEntry") ?? 0
        if let comments = more["Comments"] { values["Comments"] = comments }
        (values["DocEntry"], values["DocNum"], values["DocDate"]) = (.int(entry), .int(next("\(set.name)#")), .string(date.description))
        for (name, value) in [("DocumentStatus", "bost_Close"), ("Cancelled", "tYES"), ("CancelStatus", "csCancellation")] { values[name] = .string(value) }
        values["DocumentLines"] = .array(record.rows("DocumentLines").map { row in
            var row = row
            (row["BaseType"], row["BaseEntry"], row["BaseLine"]) = (.int(set.object), .int(number), row["LineNum"])
            (row["DocEntry"], row["LineStatus"]) = (.int(entry), "bost_Close")
            return row.json
        })
        if let booked = record.int("TransNum") { values["TransNum"] = .int(try reverse(booked, on: date, set.name, entry)) }
        put(set.name, "\(entry)", values)
        var old = record.values
        for (name, value) in [("DocumentStatus", "bost_Close"), ("Cancelled", "tYES"), ("CancelStatus", "csYes")] { old[name] = .string(value) }
        old["CancelDate"] = .string(date.description)
        put(set.name, record.key, old)
        try draw(B1Row(record.values), set, number, isBack: true)
        returnStock(record, set)
        return "\(entry)"
    }

    /// What the document moved goes back.
    private mutating func returnStock(_ record: B1Record, _ set: B1Set) {
        let isOut = ["Invoices", "DeliveryNotes", "PurchaseCreditNotes"].contains(set.name)
        for line in record.rows("DocumentLines") where ![15, 16].contains(line.int("BaseType") ?? -1) {
            guard var item = self.record("Items", line.text("ItemCode")), item.isYes("InventoryItem"), let quantity = line.decimal("Quantity") else { continue }
            var rows = item.rows("ItemWarehouseInfoCollection")
            guard let place = rows.firstIndex(where: { $0.text("WarehouseCode") == line.text("WarehouseCode") }) else { continue }
            let moved = isOut ? quantity : -quantity
            rows[place]["InStock"] = .decimal((rows[place].decimal("InStock") ?? .zero).adding(moved) ?? .zero)
            item["QuantityOnStock"] = .decimal((item.decimal("QuantityOnStock") ?? .zero).adding(moved) ?? .zero)
            item["ItemWarehouseInfoCollection"] = .array(rows.map(\.json))
            put("Items", item.key, item.values)
        }
    }

    // MARK: - Payments and journals

    private mutating func cancelPayment(_ record: B1Record, _ set: B1Set) throws(B1Problem) {
        guard record.text("Cancelled") == "tNO" else { throw .invalid("Payment is already cancelled", "\(set.table).Canceled") }
        let date = record.day("DocDate") ?? today
        try guardOpen(date)
        for part in record["_APPLIED"]?.array ?? [] {
            guard let name = part["set"]?.string, let entry = part["entry"]?.int else { continue }
            settle(name, entry, -(B1Amount.minor(part["amount"]) ?? 0), -(B1Amount.minor(part["local"]) ?? 0))
        }
        if let booked = record.int("_JDT") { _ = try reverse(booked, on: date, set.name, record.int("DocEntry") ?? 0) }
        var values = record.values
        (values["Cancelled"], values["CancelStatus"]) = ("tYES", "csYes")
        put(set.name, record.key, values)
    }

    private mutating func cancelJournal(_ record: B1Record) throws(B1Problem) {
        // What a document wrote is cancelled with the document.
        guard record.text("OriginalJournal") == "ttJournalEntry" else { throw .unsupported }
        guard record["_REVERSED"] == nil, record["_REVERSES"] == nil else { throw .invalid("Journal entry is already reversed", "OJDT.StornoToTr") }
        let date = record.day("ReferenceDate") ?? today
        try guardOpen(date)
        let number = record.int("JdtNum") ?? 0
        let made = try reverse(number, on: date, "JournalEntries", number)
        var values = record.values
        values["_REVERSED"] = .int(made)
        put("JournalEntries", record.key, values)
    }

    // MARK: - Changes of what is posted

    private static let changeable: [String: Set<String>] = [
        "Document": [
            "Comments", "DocDueDate", "NumAtCard", "Reference1", "Reference2", "JournalMemo", "SalesPersonCode", "Address", "Address2", "TrackingNumber", "AttachmentEntry",
            "OpeningRemarks", "ClosingRemarks", "ContactPersonCode", "PaymentMethod", "Indicator", "DocumentsOwner", "Confirmed",
        ],
        "Payment": ["Remarks", "JournalRemarks", "Reference1", "Reference2", "CounterReference", "AttachmentEntry"],
        "JournalEntry": ["Memo", "Reference", "Reference2", "Reference3", "DueDate", "TransactionCode", "ProjectCode", "AttachmentEntry"],
    ]

    /// Remarks, due days, references and user fields; the lines of an open order too.
    mutating func updatePosted(_ set: B1Set, _ old: B1Record, _ changes: [String: JSON], isReplacing: Bool) throws(B1Problem) {
        let known = Self.changeable[set.type.name] ?? []
        let isOrder = ["Orders", "PurchaseOrders"].contains(set.name)
        if isOrder, old.text("DocumentStatus") == "bost_Close" { throw .invalid("Document is already closed", "\(set.table).DocStatus") }
        var values = old.values
        for (name, value) in changes {
            if name.hasPrefix("U_") || known.contains(name) {
                values[name] = value
            } else if isOrder, name == "DocumentLines" {
                continue
            } else if value != old.values[name] ?? .null {
                throw .fixed
            }
        }
        guard isOrder, let lines = changes["DocumentLines"] else { return put(set.name, old.key, values) }
        guard !isDrawn(old) else { throw .fixed }
        let kept = isReplacing ? lines : merged(.array(old.rows("DocumentLines").map { Self.asked($0).json }), lines, by: ["LineNum"])
        try rework(set, old, values, kept)
    }

    /// A line without what was worked out of it.
    private static func asked(_ row: B1Row) -> B1Row {
        var out = row
        for name in ["LineTotal", "RowTotalFC", "TaxTotal", "NetTaxAmount", "NetTaxAmountFC", "GrossTotal", "GrossTotalFC", "Price", "PriceAfterVAT", "GrossPrice", "TaxPercentagePerRow"] {
            out[name] = nil
        }
        return out
    }

    /// An order's lines anew, under its own numbers.
    private mutating func rework(_ set: B1Set, _ old: B1Record, _ values: [String: JSON], _ lines: JSON) throws(B1Problem) {
        var given = values
        for name in ["DocTotal", "DocTotalFc", "TotalDiscount", "TotalDiscountFC", "DocNum", "HandWritten"] { given[name] = nil }
        given["DocumentLines"] = lines
        let made = try createDocument(set, given)
        guard made.set == set.name, let fresh = record(set.name, made.key) else { throw .missing }
        var kept = fresh.values
        for name in ["DocEntry", "DocNum", "CreationDate", "DocTime", "DataVersion", "HandWritten"] { kept[name] = old.values[name] }
        delete(set.name, made.key)
        put(set.name, old.key, kept)
    }
}
