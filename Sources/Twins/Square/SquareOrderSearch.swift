internal import Kernel
internal import Wire

/// `POST /v2/orders/search`.
/// - Source: square/connect-api-specification, `SearchOrdersRequest`; developer.squareup.com/docs/orders-api/manage-orders/search-orders.
extension SquareState {
    static let searchLocations = 10
    static let searchDefault = 500
    static let searchMost: Int64 = 1000

    private static let timeFields: [(sort: String, filter: String)] = [
        ("CREATED_AT", "created_at"), ("UPDATED_AT", "updated_at"), ("CLOSED_AT", "closed_at"),
    ]

    func searchOrders(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let body = call.body
        guard let ids = try body.texts("location_ids") else { throw .missing("location_ids") }
        guard !ids.isEmpty else { throw .invalid("ARRAY_EMPTY", "Array must not be empty.", "location_ids") }
        guard ids.count <= Self.searchLocations else {
            throw .invalid("ARRAY_LENGTH_TOO_LONG", "Array must not contain more than \(Self.searchLocations) elements.", "location_ids")
        }
        for id in ids { _ = try location(id, m, field: "location_ids") }
        let limit = try body.int("limit") ?? Int64(Self.searchDefault)
        guard limit >= 1 else { throw .invalid("VALUE_TOO_LOW", "`limit` must be greater than or equal to 1.", "limit") }
        guard limit <= Self.searchMost else { throw .invalid("VALUE_TOO_HIGH", "`limit` must be less than or equal to \(Self.searchMost).", "limit") }
        let query = try body.object("query")
        let filter = try query?.object("filter")
        let sort = try query?.object("sort")
        let field = try sort?.choice("sort_field", of: Set(Self.timeFields.map(\.sort)))
        if sort != nil, field == nil { throw .missing("query.sort.sort_field") }
        let ascending = try sort?.choice("sort_order", of: ["ASC", "DESC"]) == "ASC"
        let belongs = try belongs(filter, sort: field)
        let member = Self.timeFields.first { $0.sort == field ?? "CREATED_AT" }?.filter ?? "created_at"
        let found = sorted(.order, m, by: { $0.time(member) }) { row in
            ids.contains(row.shown.text("location_id") ?? "") && (member != "closed_at" || row.shown.text(member) != nil) && belongs(row.shown)
        }
        let isBrief = try body.flag("return_entries") ?? false
        let cursor = try body.text("cursor")
        return try page(isBrief ? "order_entries" : "orders", call, found, ascending: ascending, limit: Int(limit), cursor: cursor) { row in
            isBrief ? Self.entry(row.shown) : row.shown
        }
    }

    private static func entry(_ order: JSON) -> JSON {
        .object([("order_id", order["id"] ?? JSON.null), ("version", order["version"] ?? 1), ("location_id", order["location_id"] ?? JSON.null)])
    }

    /// What the filter lets through.
    private func belongs(_ filter: SquareBody?, sort: String?) throws(SquareProblem) -> (JSON) -> Bool {
        let states = try filter?.object("state_filter")?.texts("states")
        for state in states ?? [] where !["OPEN", "COMPLETED", "CANCELED", "DRAFT"].contains(state) {
            throw .choice(state, "query.filter.state_filter.states")
        }
        let customers = try filter?.object("customer_filter")?.texts("customer_ids")
        let sources = try filter?.object("source_filter")?.texts("source_names")
        let kinds = try filter?.object("fulfillment_filter")?.texts("fulfillment_types")
        let times = try times(filter?.object("date_time_filter"), sort: sort, states: states)
        return { order in
            if let states, !states.contains(order.text("state") ?? "") { return false }
            if let customers, !customers.contains(order.text("customer_id") ?? "") { return false }
            if let sources, !sources.contains(order["source"]?.text("name") ?? "") { return false }
            if let kinds, !order.list("fulfillments").contains(where: { kinds.contains($0.text("type") ?? "") }) { return false }
            guard let times else { return true }
            guard let text = order.text(times.member), let time = Timestamp(rfc3339: text) else { return false }
            return times.span.contains(time)
        }
    }

    /// One of the three times, which must be the one that is sorted by.
    private func times(_ filter: SquareBody?, sort: String?, states: [String]?) throws(SquareProblem) -> (member: String, span: SquareSpan)? {
        guard let filter else { return nil }
        let given = Self.timeFields.filter { filter.has($0.filter) }
        guard given.count <= 1 else { throw .bad("Only one of `created_at`, `updated_at` and `closed_at` can be filtered by.", filter.path) }
        guard let field = given.first else { return nil }
        guard field.sort == sort else {
            throw .bad(
                "The sort_field must match the date_time_filter: `\(field.filter)` is filtered by, sorted is by `\(sort ?? "CREATED_AT")`.",
                "query.sort.sort_field")
        }
        if field.sort == "CLOSED_AT" {
            guard let states, !states.isEmpty, Set(states).isSubset(of: ["COMPLETED", "CANCELED"]) else {
                throw .bad("Filtering by closed_at needs a state_filter of COMPLETED or CANCELED.", "query.filter.state_filter")
            }
        }
        return (field.filter, try SquareSpan(try filter.object(field.filter)))
    }
}
