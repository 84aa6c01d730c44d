internal import Crypto
internal import Kernel
internal import Wire

extension ShopifyTwin {
    private static let notFound: JSON = .object([("errors", "Not Found")])

    func rest(_ request: HTTPRequest, shop: Shop, version: String, resource: [String], at now: Timestamp)
        -> HTTPResponse
    {
        let (admitted, left) = state.with { state -> (Bool, Int64) in
            let admitted = state.rest[shop.name]?.take(1, at: now) ?? false
            return (admitted, state.rest[shop.name]?.points(at: now) ?? 0)
        }
        guard admitted else { return throttled(retryAfterSeconds: 2) }
        var response =
            request.method == .get
            ? read(request, shop: shop, version: version, resource: resource) : HTTPResponse.json(404, Self.notFound)
        response.fields["X-Shopify-Shop-Api-Call-Limit"] = "\(40 - left)/40"
        return response
    }

    private func read(_ request: HTTPRequest, shop: Shop, version: String, resource: [String]) -> HTTPResponse {
        let rest = ShopREST(shop: shop)
        if resource == ["shop.json"] { return .json(200, .object([("shop", resourceOf(shop))])) }
        if resource == ["orders.json"] { return list(request, shop: shop, version: version) }
        guard resource.count >= 2, resource[0] == "orders",
            let id = Int64(resource[1].hasSuffix(".json") ? String(resource[1].dropLast(5)) : resource[1]),
            let order = order(id, of: shop.name)
        else { return .json(404, Self.notFound) }
        if resource.count == 2, resource[1].hasSuffix(".json") {
            return .json(200, .object([("order", rest.order(order))]))
        }
        switch resource.dropFirst(2) {
        case ["fulfillments.json"]:
            return .json(200, .object([("fulfillments", .array(order.fulfilments.map { rest.fulfilment($0, order) }))]))
        case ["refunds.json"]:
            return .json(200, .object([("refunds", .array(order.refunds.map { rest.refund($0, order) }))]))
        case ["transactions.json"]:
            return .json(
                200, .object([("transactions", .array(order.transactions.map { rest.transaction($0, order) }))]))
        default: return .json(404, Self.notFound)
        }
    }

    private func resourceOf(_ shop: Shop) -> JSON {
        .object([
            ("id", .number(String(shop.id))), ("name", .string(shop.name)), ("domain", .string(shop.domain)),
            ("myshopify_domain", .string(shop.domain)), ("currency", .string(shop.currency)),
            ("iana_timezone", .string(shop.zone.name)), ("taxes_included", .bool(shop.taxesIncluded)),
        ])
    }

    /// One page of `orders.json`, oldest change first. A `page_info` carries the filters of the first page, and may
    /// stand with `limit` and `fields` only.
    private func list(_ request: HTTPRequest, shop: Shop, version: String) -> HTTPResponse {
        var filters: [String: String] = [:]
        for (name, value) in request.query { filters[name] = value }
        var after: ShopOrder.Place?
        if let text = filters["page_info"] {
            guard Set(filters.keys).isSubset(of: ["page_info", "limit", "fields"]), let page = Self.page(text) else {
                return .json(400, .object([("errors", .object([("page_info", "Invalid value.")]))]))
            }
            let limit = filters["limit"]
            filters = page.filters
            filters["limit"] = limit
            after = page.after
        }
        guard let limit = Int(filters["limit"] ?? "50"), (1...250).contains(limit) else {
            return .json(400, .object([("errors", .object([("limit", "Limit must be between 1 and 250")]))]))
        }
        let search: OrderSearch
        do {
            search = try Self.search(filters, zone: shop.zone)
        } catch {
            return .json(400, .object([("errors", .string(error.message))]))
        }
        let found = state.with { state in
            state.stores[shop.name]?.page(
                search: search, sortKey: "UPDATED_AT", after: after, reverse: false, size: limit + 1
            )
            .map { (place: $0.place, order: $0.order) } ?? []
        }
        let rest = ShopREST(shop: shop)
        var response = HTTPResponse.json(
            200, .object([("orders", .array(found.prefix(limit).map { rest.order($0.order) }))]))
        if found.count > limit {
            let host = request.fields["Host"].map { "http://\($0)\(prefix)/\(shop.name)" } ?? "https://\(shop.domain)"
            filters["limit"] = nil
            let info = Self.pageInfo(filters: filters, after: found[limit - 1].place)
            response.fields["Link"] =
                "<\(host)/admin/api/\(version)/orders.json?limit=\(limit)&page_info=\(info)>; rel=\"next\""
        }
        return response
    }

    private static func search(_ filters: [String: String], zone: Zone) throws(GraphQL.Problem) -> OrderSearch {
        var terms = ["status:\(filters["status"] ?? "open")"]
        for field in ["updated_at", "created_at", "processed_at"] {
            if let time = filters[field + "_min"] { terms.append("\(field):>='\(time)'") }
            if let time = filters[field + "_max"] { terms.append("\(field):<='\(time)'") }
        }
        if let name = filters["name"] { terms.append("name:\(name)") }
        if let status = filters["financial_status"], status != "any" { terms.append("financial_status:\(status)") }
        return try OrderSearch(terms.joined(separator: " "), zone: zone)
    }

    private static func pageInfo(filters: [String: String], after: ShopOrder.Place) -> String {
        let kept = filters.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) }
        let json: JSON = .object([
            ("filters", .object(kept)), ("last_id", .number(String(after.id))),
            ("last_value", .string(String(after.value.microseconds))),
        ])
        return Base64.encodeURL(json.bytes)
    }

    private static func page(_ text: String) -> (filters: [String: String], after: ShopOrder.Place)? {
        guard let bytes = Base64.decodeURL(text), let json = try? JSON(parsing: bytes), let id = json["last_id"]?.int,
            let value = json["last_value"]?.string.flatMap({ Int64($0) })
        else { return nil }
        var filters: [String: String] = [:]
        for (key, value) in json["filters"]?.object ?? [] { filters[key] = value.string }
        return (filters, ShopOrder.Place(value: Timestamp(microseconds: value), id: Int64(id)))
    }
}
