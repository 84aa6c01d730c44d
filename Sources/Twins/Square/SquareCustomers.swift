internal import Kernel
internal import Wire

/// The customer directory.
/// - Source: developer.squareup.com/docs/customers-api; square/connect-api-specification.
extension SquareState {
    private static let names = ["given_name", "family_name", "nickname", "company_name", "email_address", "phone_number"]
    private static let plain = names + ["reference_id", "note", "birthday"]

    mutating func customers(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1):
            let limit = try call.limit(100, most: 100)
            let field = call.parameter("sort_field") ?? "DEFAULT"
            guard ["DEFAULT", "CREATED_AT"].contains(field) else { throw .choice(field, "sort_field") }
            let found = sorted(.customer, m) { _ in true }
            return try page("customers", call, found, ascending: try call.ascending(otherwise: true), limit: limit, cursor: call.cursor)
        case (.get, 2): return .object([("customer", try customer(call.id, m).shown)])
        case (.post, 1): return .object([("customer", try createCustomer(call))])
        case (.post, 2) where call.id == "search": return try searchCustomers(call)
        case (.put, 2): return .object([("customer", try updateCustomer(call))])
        case (.delete, 2):
            let row = try customer(call.id, m)
            rows.remove(row.id)
            emitCustomer("customer.deleted", row.shown, m)
            return .object([])
        default: throw .notFound()
        }
    }

    private func customer(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareRow {
        guard let row = find(.customer, id, m) else { throw .notFound("Customer with ID `\(id)` not found.", "customer_id") }
        return row
    }

    private func read(_ body: SquareBody) throws(SquareProblem) -> [(String, JSON)] {
        var out: [(String, JSON)] = []
        for name in Self.plain where body.json[name] != nil { out.append((name, JSON.optional(try body.text(name)))) }
        if let email = try body.text("email_address"), !email.contains("@") {
            throw .invalid("INVALID_EMAIL_ADDRESS", "Expected email_address to be a valid email address.", "email_address")
        }
        if let phone = try body.text("phone_number"), !phone.allSatisfy({ $0.isNumber || "+ ()-.".contains($0) }) {
            throw .invalid("INVALID_PHONE_NUMBER", "Expected phone_number to be a valid phone number.", "phone_number")
        }
        for name in ["address", "tax_ids"] where body.json[name] != nil { out.append((name, try body.object(name)?.json ?? JSON.null)) }
        return out
    }

    private mutating func createCustomer(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let changes = try read(call.body)
        let isNamed = Self.names.filter { $0 != "nickname" }.contains { !(call.body.json.text($0) ?? "").isEmpty }
        guard isNamed else {
            throw .bad("At least one of `given_name`, `family_name`, `company_name`, `email_address`, or `phone_number` is required.")
        }
        var o = SquareFields()
        let id = m.capitals(26)
        o.text("id", id)
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        for (name, value) in changes { o.set(name, value) }
        o.set("preferences", .object([("email_unsubscribed", false)]))
        o.text("creation_source", "THIRD_PARTY")
        o.int("version", 0)
        insert(.customer, id, o.json, m)
        emitCustomer("customer.created", o.json, m)
        return o.json
    }

    private mutating func updateCustomer(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let row = try customer(call.id, m)
        if let version = try call.body.int("version"), version != row.shown.minor("version") {
            throw .conflict("Data version mismatch.", "version")
        }
        let changes = try read(call.body) + [("updated_at", .string(m.text)), ("version", .minor(row.shown.minor("version") + 1))]
        let shown = change(row.id, changes)
        emitCustomer("customer.updated", shown, m)
        return shown
    }

    private func searchCustomers(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let body = call.body
        let query = try body.object("query")
        let filter = try query?.object("filter")
        var tests: [(JSON) -> Bool] = []
        for name in ["email_address", "phone_number", "reference_id"] {
            guard let text = try filter?.object(name) else { continue }
            let exact = try text.text("exact")?.lowercased(), fuzzy = try text.text("fuzzy")?.lowercased()
            tests.append { customer in
                let own = customer.text(name)?.lowercased() ?? ""
                return (exact == nil || own == exact) && (fuzzy.map { own.contains($0) } ?? true)
            }
        }
        for name in ["created_at", "updated_at"] {
            guard let span = try filter?.object(name) else { continue }
            let times = try SquareSpan(span)
            tests.append { $0.text(name).flatMap { Timestamp(rfc3339: $0) }.map(times.contains) ?? false }
        }
        let ascending = try query?.object("sort")?.choice("order", of: ["ASC", "DESC"]) != "DESC"
        let limit = try body.int("limit") ?? 100
        guard (1...100).contains(limit) else { throw .invalid("VALUE_TOO_HIGH", "`limit` must be from 1 to 100.", "limit") }
        let found = sorted(.customer, call.moment) { row in tests.allSatisfy { $0(row.shown) } }
        return try page("customers", call, found, ascending: ascending, limit: Int(limit), cursor: try body.text("cursor"))
    }
}

/// Merchants and their locations.
extension SquareState {
    func merchants(_ call: SquareCall) throws(SquareProblem) -> JSON {
        guard call.method == .get else { throw .method }
        let own = merchant(call.moment)
        guard call.path.count > 1 else { return .object([("merchant", .array([Self.shown(own)]))]) }
        guard call.path.count == 2, call.id == "me" || call.id == own.id else { throw .notFound("Could not find merchant \(call.id).") }
        return .object([("merchant", Self.shown(own))])
    }

    func locations(_ call: SquareCall) throws(SquareProblem) -> JSON {
        guard call.method == .get else { throw .method }
        let own = merchant(call.moment)
        guard call.path.count > 1 else { return .object([("locations", .array(own.locations.map { Self.shown($0, own) }))]) }
        guard call.path.count == 2, let found = call.id == "main" ? own.main : own.locations.first(where: { $0.id == call.id }) else {
            throw .notFound("Location `\(call.id)` not found.", "location_id")
        }
        return .object([("location", Self.shown(found, own))])
    }

    private static func shown(_ merchant: SquareMerchant) -> JSON {
        .object([
            ("id", .string(merchant.id)), ("business_name", .string(merchant.name)), ("country", .string(merchant.country)),
            ("language_code", .string(merchant.language)), ("currency", .string(merchant.currency)), ("status", "ACTIVE"),
            ("main_location_id", .string(merchant.main.id)), ("created_at", "2024-02-05T17:00:00.000Z"),
        ])
    }

    private static func shown(_ location: SquareLocation, _ merchant: SquareMerchant) -> JSON {
        .object([
            ("id", .string(location.id)), ("name", .string(location.name)), ("timezone", .string(location.zone.name)),
            ("capabilities", ["CREDIT_CARD_PROCESSING", "AUTOMATIC_TRANSFERS"]), ("status", "ACTIVE"), ("created_at", "2024-02-05T17:00:00Z"),
            ("merchant_id", .string(merchant.id)), ("country", .string(merchant.country)), ("language_code", .string(merchant.language)),
            ("currency", .string(merchant.currency)), ("business_name", .string(merchant.name)), ("type", "PHYSICAL"), ("mcc", .string(location.mcc)),
        ])
    }
}
