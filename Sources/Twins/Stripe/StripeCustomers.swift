internal import Wire

extension StripeState {
    private static let customerParams: Set<String> = [
        "address", "balance", "coupon", "description", "email", "invoice_prefix", "invoice_settings", "metadata", "name", "next_invoice_sequence",
        "payment_method", "phone", "preferred_locales", "promotion_code", "shipping", "source", "tax", "tax_exempt", "tax_id_data", "test_clock",
    ]

    mutating func customers(_ call: StripeCall) throws(StripeProblem) -> JSON {
        switch (call.method, call.path.count) {
        case (.get, 1): return try page(.customer, call, filters: ["email": "email"])
        case (.get, 2) where call.id == "search":
            return try search(.customer, call, fields: ["created", "email", "metadata", "name", "phone"])
        case (.get, 2): return try find(.customer, call.id, call.moment).shown
        case (.get, 3) where call.action == "payment_methods":
            let customer = try find(.customer, call.id, call.moment)
            return try page(.paymentMethod, call, filters: ["type": "type"]) { $0.shown.text("customer") == customer.id }
        case (.post, 1): return try createCustomer(call)
        case (.post, 2) where shown(call.id).flag("deleted"): throw .noSuch(.customer, call.id, param: "id", isReference: false)
        case (.post, 2): return try updateCustomer(call)
        case (.delete, 2):
            let customer = try find(.customer, call.id, call.moment)
            guard !customer.shown.flag("deleted") else { throw .noSuch(.customer, call.id, param: "id", isReference: false) }
            emit("customer.deleted", customer.shown, call.moment)
            rows.put(gone(customer))
            return shown(customer.id)
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    /// What is left of a deleted object.
    private func gone(_ row: StripeRow) -> StripeRow {
        var row = row
        row.shown = .object([("id", .string(row.id)), ("object", .string(row.kind.rawValue)), ("deleted", true)])
        return row
    }

    private mutating func createCustomer(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(Self.customerParams)
        let m = call.moment
        let id = "cus_" + StripeMoment.letters(m.random, 14)
        var o = StripeFields(.customer, id)
        o.set("address", try Self.address(call.params, "address") ?? JSON.null)
        o.int("balance", try call.params.int("balance") ?? 0)
        o.int("created", m.seconds)
        o.nulls("currency", "default_source")
        o.flag("delinquent", false)
        o.text("description", try call.params.text("description"))
        o.nulls("discount")
        o.text("email", try call.params.text("email"))
        o.text("invoice_prefix", StripeMoment.letters(m.random, 8).uppercased())
        o.set("invoice_settings", .object([("custom_fields", .null), ("default_payment_method", .null), ("footer", .null), ("rendering_options", .null)]))
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", try call.params.metadata())
        o.text("name", try call.params.text("name"))
        o.int("next_invoice_sequence", 1)
        o.text("phone", try call.params.text("phone"))
        o.set("preferred_locales", .array(try call.params.list("preferred_locales").map { $0.map(JSON.string) } ?? []))
        o.nulls("shipping")
        o.text("tax_exempt", try call.params.choice("tax_exempt", of: ["none", "exempt", "reverse"]) ?? "none")
        o.nulls("test_clock")
        insert(.customer, id, o.json, m)
        emit("customer.created", o.json, m)
        return o.json
    }

    private mutating func updateCustomer(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(Self.customerParams)
        let old = try find(.customer, call.id, call.moment)
        var changes: [(String, JSON)] = []
        for name in ["description", "email", "name", "phone"] where call.params.has(name) { changes.append((name, .optional(try call.params.text(name)))) }
        if let balance = try call.params.int("balance") { changes.append(("balance", .minor(balance))) }
        if let exempt = try call.params.choice("tax_exempt", of: ["none", "exempt", "reverse"]) { changes.append(("tax_exempt", .string(exempt))) }
        if call.params.has("address") { changes.append(("address", try Self.address(call.params, "address") ?? JSON.null)) }
        if call.params.has("metadata") { changes.append(("metadata", try call.params.metadata(old.shown["metadata"] ?? JSON.null))) }
        return alter(old, changes, "customer.updated", call.moment)
    }

    /// Changes a row and tells of it, where anything is different.
    mutating func alter(_ old: StripeRow, _ changes: [(String, JSON)], _ event: String, _ m: StripeMoment) -> JSON {
        let real = changes.filter { change in old.shown[change.0].map { $0 != change.1 } ?? true }
        guard !real.isEmpty else { return old.shown }
        let new = change(old.id, real)
        emit(event, new, previous: old.shown.only(real.map(\.0)), m)
        return new
    }

    static func address(_ params: StripeParams, _ name: String) throws(StripeProblem) -> JSON? {
        guard let given = try params.members(name), !given.isEmpty else { return nil }
        let known = ["city", "country", "line1", "line2", "postal_code", "state"]
        for (key, _) in given where !known.contains(key) { throw .unknown("\(name)[\(key)]") }
        return .object(known.map { key in
            let value = given.first { $0.key == key }?.value ?? ""
            return (key: key, value: value.isEmpty ? JSON.null : .string(value))
        })
    }
}
