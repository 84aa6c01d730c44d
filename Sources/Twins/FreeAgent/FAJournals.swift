internal import Kernel
internal import TwinKit
internal import Wire

/// Sets of journal entries.
/// - Source: dev.freeagent.com/docs/journal_sets.
extension FAState {
    mutating func journalSets(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.accounting)
        switch (call.method, call.path.count) {
        case (.get, 1):
            var rows = try call.selected(all(.journalSet))
            if let tag = call.query("tag") { rows = rows.filter { $0.text("tag") == tag } }
            return call.page(rows, as: "journal_sets") { journalJSON($0, call) }
        case (.get, 2) where call.id == "opening_balances": return openingBalances(call)
        case (.get, 2):
            let row = try required(.journalSet, call.id)
            return call.shown(row, journalJSON(row, call))
        case (.post, 1):
            var row = FARow(.journalSet, next(.journalSet, at: call.now), at: call.now)
            try journal(&row, isNew: true, call)
            return call.created(row, journalJSON(row, call))
        case (.put, 2):
            var row = try required(.journalSet, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
            try journal(&row, isNew: false, call)
            return call.shown(row, journalJSON(row, call))
        case (.delete, 2):
            let row = try required(.journalSet, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    private mutating func journal(_ row: inout FARow, isNew: Bool, _ call: FACall) throws(FAProblem) {
        var fields = FAFields(try call.sent(.journalSet))
        if let date = fields.date("dated_on") { row.set("dated_on", date) }
        if !row.has("dated_on") { fields.blank("dated_on") }
        if isLocked(row.date("dated_on")) { fields.note("dated_on", "is in a locked accounting period") }
        fields.copy(texts: ["description", "tag"], flags: [], into: &row, most: 65_535)
        if row.text("description").isEmpty { fields.blank("description") }
        var entries = row.list("lines")
        let sent = try fields.list("journal_entries")
        if isNew, sent?.isEmpty ?? true { fields.blank("journal_entries") }
        for item in sent ?? [] { try entry(item, &entries, &fields, call) }
        let sum = entries.reduce(Int64(0)) { $0 + Int64($1["debit"]?.int ?? 0) }
        if sum != 0 { fields.add(["journal_entries must balance"]) }
        try fields.check()
        row.set("lines", .array(entries))
        row.updated = call.now
        rows.put(row)
    }

    /// Adds, changes or takes away one entry; it is named by its URL.
    private mutating func entry(_ item: JSON, _ entries: inout [JSON], _ fields: inout FAFields, _ call: FACall) throws(FAProblem) {
        var reader = FAFields(item, prefix: "journal_entries.")
        let id = item.member("url")?.string.flatMap { $0.split(separator: "/").last.map(String.init) }
        let place = id.flatMap { id in entries.firstIndex { $0["id"]?.string == id } }
        if id != nil, place == nil { throw .notFound }
        if reader.flag("_destroy") == true {
            if let place { entries.remove(at: place) }
            return
        }
        var entry = place.map { entries[$0] } ?? .object([("id", .string(next(.journalEntry, at: call.now)))])
        if item.member("category") != nil {
            // Sub accounts are named by their category and what stands beside it.
            guard let category = row(.category, named: item["category"]) else { throw .notFound }
            entry = entry.setting("category", .string(category.name))
        }
        if item.member("user") != nil {
            guard let user = row(.user, named: item["user"]) else { throw .notFound }
            entry = entry.setting("user", .string(user.name))
        }
        if let text = reader.text("description", most: 65_535) { entry = entry.setting("description", .string(text)) }
        if let debit = reader.cents("debit_value") { entry = entry.setting("debit", .number("\(debit)")) }
        check(entry, &reader)
        fields.add(reader.findings)
        if let place { entries[place] = entry } else { entries.append(entry) }
    }

    /// - Source: dev.freeagent.com/docs/journal_sets: no bank accounts any more; users, stock and assets must be named.
    private func check(_ entry: JSON, _ reader: inout FAFields) {
        if entry.member("debit") == nil { reader.blank("debit_value") }
        guard let code = entry["category"]?.string else { return reader.blank("category") }
        switch Int(code) ?? 0 {
        case 750: reader.note("category", "is a bank account, which can no longer be journalled to or from")
        case 601 ... 607: reader.blank("capital_asset_type")
        case 609: reader.blank("stock_item")
        case 900 ... 910: if entry.member("user") == nil { reader.blank("user") }
        default: break
        }
    }

    private func openingBalances(_ call: FACall) -> HTTPResponse {
        let accounts = all(.bankAccount).map { account in
            JSON.object([
                ("url", .string(call.url(account))), ("description", .string(account.text("name"))),
                ("debit_value", FANumber.json(account.cents("opening_balance"))),
            ])
        }
        return .json(
            200,
            .object([
                (
                    "journal_set",
                    .object([
                        ("url", .string(call.url(.journalSet, "opening_balances"))), ("description", "Opening Balances Journal Set"),
                        ("updated_at", .string(FADate.text(FASeed.founded))), ("journal_entries", []), ("bank_accounts", .array(accounts)), ("stock_items", []),
                    ])
                )
            ]))
    }

    private func journalJSON(_ row: FARow, _ call: FACall) -> JSON {
        var out = FAMembers()
        out.text("url", call.url(row))
        out.date("dated_on", row.date("dated_on"))
        out.text("description", row.text("description"))
        out.text("updated_at", FADate.text(row.updated))
        out.filled("tag", row.text("tag"))
        let entries = row.list("lines").map { entry -> JSON in
            var line = FAMembers()
            line.text("url", call.url(.journalEntry, entry["id"]?.string ?? ""))
            line.text("category", call.url(.category, entry["category"]?.string ?? ""))
            line.text("user", entry.member("user")?.string.map { call.url(.user, $0) })
            line.text("description", entry.member("description")?.string)
            line.cents("debit_value", Int64(entry["debit"]?.int ?? 0))
            return line.json
        }
        out.set("journal_entries", .array(entries))
        return out.json
    }
}
