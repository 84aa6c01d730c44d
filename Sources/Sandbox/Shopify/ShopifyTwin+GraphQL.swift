internal import Crypto
internal import Kernel
internal import Wire

extension ShopifyTwin {
    /// Most points one query may ask for.
    static let queryCost = 1000

    /// - Parameter writes: the token has `write_orders`.
    func graph(_ request: HTTPRequest, shop: Shop, writes: Bool, at now: Timestamp) -> HTTPResponse {
        guard request.method == .post else { return HTTPResponse(405) }
        guard let body = try? JSON(parsing: request.body), let query = body["query"]?.string else {
            return .json(400, .object([("errors", .object([("query", "Required parameter missing or invalid")]))]))
        }
        let executor: GraphQLExecutor
        let operation: GraphQL.Operation
        do {
            let document = try GraphQL.parse(query)
            operation = try Self.operation(document, named: body["operationName"]?.string)
            executor = try GraphQLExecutor(
                schema: .admin, document: document, operation: operation, variables: body["variables"],
                root: { name, arguments throws(GraphQL.Problem) in
                    name == "metafieldsSet"
                        ? self.setMetafields(arguments, shop: shop, at: now) : try self.root(name, arguments, shop: shop)
                })
        } catch {
            return Self.refused([error])
        }
        let (problems, cost) = executor.check(operation.selections, type: executor.rootType, path: [operation.kind])
        guard problems.isEmpty else { return Self.refused(problems) }
        let requested = operation.kind == "mutation" ? 10 : max(1, cost)
        guard requested <= Self.queryCost else { return Self.tooCostly(requested) }
        let (admitted, left) = spend(requested, of: shop, at: now)
        guard admitted else { return Self.throttledQuery(requested: requested, left: left) }
        guard writes || operation.kind == "query" else { return Self.denied(operation) }
        var running = executor
        do {
            let result = try running.run(operation.selections)
            // A tenth of a point an object: a page of orders costs a small part of what it reserved, as at the vendor.
            let actual = min(requested, 2 + running.objects / 10)
            let remaining = state.with { state in
                state.graph[shop.name]?.giveBack(Int64(requested - actual))
                return state.graph[shop.name]?.points(at: now) ?? 0
            }
            let cost = Self.cost(requested: requested, actual: actual, left: remaining)
            return .json(200, .object([("data", result), ("extensions", .object([("cost", cost)]))]))
        } catch {
            return Self.refused([error])
        }
    }

    private static func operation(_ document: GraphQL.Document, named name: String?) throws(GraphQL.Problem)
        -> GraphQL.Operation
    {
        let matching = document.operations.filter { name == nil || $0.name == name }
        guard let operation = matching.first, matching.count == 1 else {
            throw GraphQL.Problem(
                message: name.map { "No operation named \"\($0)\"" } ?? "An operation name is required",
                location: GraphQL.Location(line: 1, column: 1))
        }
        guard operation.kind != "subscription" else {
            throw GraphQL.Problem(
                message: "Schema is not configured for \(operation.kind)s", location: operation.location,
                code: "missingSchema")
        }
        return operation
    }

    private func spend(_ cost: Int, of shop: Shop, at now: Timestamp) -> (admitted: Bool, left: Int64) {
        state.with { state in
            let admitted = state.graph[shop.name]?.take(Int64(cost), at: now) ?? false
            return (admitted, state.graph[shop.name]?.points(at: now) ?? 0)
        }
    }

    // MARK: Error bodies

    private static func refused(_ problems: [GraphQL.Problem]) -> HTTPResponse {
        let errors = problems.map { problem -> JSON in
            var members: [(key: String, value: JSON)] = [
                ("message", .string(problem.message)),
                (
                    "locations",
                    [
                        .object([
                            ("line", .number(String(problem.location.line))),
                            ("column", .number(String(problem.location.column))),
                        ])
                    ]
                ),
            ]
            if !problem.path.isEmpty { members.append(("path", .array(problem.path.map { .string($0) }))) }
            if let code = problem.code {
                let extensions = problem.extensions.map { (key: $0.0, value: JSON.string($0.1)) }
                members.append(("extensions", .object([("code", .string(code))] + extensions)))
            }
            return .object(members)
        }
        return .json(200, .object([("errors", .array(errors))]))
    }

    /// - Source: shopify.dev, GraphQL status and error codes: `ACCESS_DENIED`; the words are general knowledge.
    private static func denied(_ operation: GraphQL.Operation) -> HTTPResponse {
        var name = "metafieldsSet"
        if case .field(let field)? = operation.selections.first { name = field.key }
        let extensions: JSON = .object([
            ("code", "ACCESS_DENIED"), ("documentation", "https://shopify.dev/api/usage/access-scopes"),
            ("requiredAccess", "`write_orders` access scope."),
        ])
        let error: JSON = .object([
            ("message", .string("Access denied for \(name) field. Required access: `write_orders` access scope.")),
            ("extensions", extensions), ("path", [.string(name)]),
        ])
        return .json(200, .object([("data", .object([(name, .null)])), ("errors", [error])]))
    }

    private static func tooCostly(_ cost: Int) -> HTTPResponse {
        let message = "Query cost is \(cost), which exceeds the single query max cost limit (\(queryCost))."
        let extensions: JSON = .object([
            ("code", "MAX_COST_EXCEEDED"), ("cost", .number(String(cost))), ("maxCost", .number(String(queryCost))),
            ("documentation", "https://shopify.dev/api/usage/rate-limits"),
        ])
        return .json(
            200, .object([("errors", [.object([("message", .string(message)), ("extensions", extensions)])])]))
    }

    private static func throttledQuery(requested: Int, left: Int64) -> HTTPResponse {
        let extensions: JSON = .object([
            ("code", "THROTTLED"), ("documentation", "https://shopify.dev/api/usage/rate-limits"),
        ])
        let error: JSON = .object([("message", "Throttled"), ("extensions", extensions)])
        let cost = cost(requested: requested, actual: nil, left: left)
        return .json(200, .object([("errors", [error]), ("extensions", .object([("cost", cost)]))]))
    }

    private static func cost(requested: Int, actual: Int?, left: Int64) -> JSON {
        let status: JSON = .object([
            ("maximumAvailable", .number("2000.0")), ("currentlyAvailable", .number(String(left))),
            ("restoreRate", .number("100.0")),
        ])
        return .object([
            ("requestedQueryCost", .number(String(requested))),
            ("actualQueryCost", actual.map { .number(String($0)) } ?? .null), ("throttleStatus", status),
        ])
    }

    // MARK: The root's fields

    private func root(_ name: String, _ arguments: GraphQLExecutor.Arguments, shop: Shop) throws(GraphQL.Problem)
        -> GraphValue?
    {
        let graph = ShopGraph(shop: shop)
        switch name {
        case "shop": return .node(graph.node())
        case "orders": return try orders(arguments, shop: shop)
        case "order":
            return .node(
                number(in: arguments["id"], of: "Order").flatMap { order($0, of: shop.name) }
                    .map { withMetafields(graph.order($0), of: $0.id, shop: shop) })
        case "refund": return .node(refund(number(in: arguments["id"], of: "Refund"), shop: shop))
        case "fulfillment":
            let id = number(in: arguments["id"], of: "Fulfillment")
            let owner = id.flatMap { id in state.with { $0.stores[shop.name]?.order(ofFulfilment: id) } }
            return .node(owner.flatMap { order in order.fulfilments.first { $0.id == id }.map { graph.fulfilment($0, order) } })
        case "node":
            if let id = number(in: arguments["id"], of: "Order") {
                return .node(order(id, of: shop.name).map(graph.order))
            }
            return .node(refund(number(in: arguments["id"], of: "Refund"), shop: shop))
        default: return nil
        }
    }

    private func number(in id: JSON?, of type: String) -> Int64? {
        guard let text = id?.string, text.hasPrefix("gid://shopify/\(type)/") else { return nil }
        return text.split(separator: "/").last.flatMap { Int64($0) }
    }

    private func refund(_ id: Int64?, shop: Shop) -> GraphNode? {
        guard let id, let order = state.with({ $0.stores[shop.name]?.order(ofRefund: id) }),
            let refund = order.refunds.first(where: { $0.id == id })
        else { return nil }
        return ShopGraph(shop: shop).refund(refund, order)
    }

    private func orders(_ arguments: GraphQLExecutor.Arguments, shop: Shop) throws(GraphQL.Problem) -> GraphValue {
        let start = GraphQL.Location(line: 1, column: 1)
        let field = GraphQL.Field(
            alias: nil, name: "orders", arguments: [], directives: [], selections: [], location: start)
        let size = try GraphQLExecutor.pageSize(arguments, field)
        let search = try OrderSearch(arguments["query"]?.string ?? "", zone: shop.zone)
        let sortKey = arguments["sortKey"]?.string ?? "PROCESSED_AT"
        guard ["UPDATED_AT", "CREATED_AT", "PROCESSED_AT", "ID", "ORDER_NUMBER"].contains(sortKey) else {
            throw GraphQL.Problem(
                message:
                    "Argument 'sortKey' on Field 'orders' has an invalid value (\(sortKey)). Expected type 'OrderSortKeys'.",
                location: start, code: "argumentLiteralsIncompatible", path: ["query", "orders", "sortKey"])
        }
        let after = try arguments["after"]?.string.map { cursor throws(GraphQL.Problem) in
            guard let place = Self.place(ofCursor: cursor) else {
                throw GraphQL.Problem(
                    message: "`after` invalid cursor", location: start, code: "BAD_REQUEST", path: ["orders", "after"])
            }
            return place
        }
        let found = state.with { state -> [(place: ShopOrder.Place, order: ShopOrder)] in
            state.stores[shop.name]?.page(
                search: search, sortKey: sortKey, after: after, reverse: arguments["reverse"]?.bool ?? false,
                size: size + 1)
                ?? []
        }
        let graph = ShopGraph(shop: shop)
        let shown = found.prefix(size)
        return .page(
            nodes: shown.map { graph.order($0.order) }, cursors: shown.map { Self.cursor($0.place) },
            hasNext: found.count > size,
            hasPrevious: after != nil)
    }

    private static func cursor(_ place: ShopOrder.Place) -> String {
        Base64.encode(Array("{\"last_id\":\(place.id),\"last_value\":\"\(place.value.microseconds)\"}".utf8))
    }

    private static func place(ofCursor cursor: String) -> ShopOrder.Place? {
        guard let bytes = Base64.decode(cursor), let json = try? JSON(parsing: bytes), let id = json["last_id"]?.int,
            let value = json["last_value"]?.string.flatMap({ Int64($0) })
        else { return nil }
        return ShopOrder.Place(value: Timestamp(microseconds: value), id: Int64(id))
    }
}

extension ShopStore {
    /// Up to `size` orders that match, in order of the key, after `after`.
    mutating func page(
        search: OrderSearch, sortKey: String, after: ShopOrder.Place?, reverse: Bool, size: Int
    ) -> [(place: ShopOrder.Place, order: ShopOrder)] {
        var places: [ShopOrder.Place]
        switch sortKey {
        case "UPDATED_AT": places = byUpdate()
        case "CREATED_AT": places = orders.values.map { ShopOrder.Place(value: $0.createdAt, id: $0.id) }.sorted()
        case "PROCESSED_AT": places = orders.values.map { ShopOrder.Place(value: $0.processedAt, id: $0.id) }.sorted()
        default: places = orders.values.map { ShopOrder.Place(value: Timestamp(microseconds: 0), id: $0.id) }.sorted()
        }
        if reverse { places.reverse() }
        var found: [(place: ShopOrder.Place, order: ShopOrder)] = []
        for place in places {
            if let after, reverse ? place >= after : place <= after { continue }
            guard let order = orders[place.id], search.matches(order) else { continue }
            found.append((place, order))
            if found.count == size { break }
        }
        return found
    }
}
