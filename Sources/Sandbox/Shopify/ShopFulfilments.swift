internal import Kernel
internal import TwinKit
internal import Wire

/// Goods of an order that were sent.
struct ShopFulfilment: Sendable {
    var id: Int64
    /// `success` or `cancelled`.
    var status: String
    var createdAt: Timestamp
    var updatedAt: Timestamp
    /// The order's lines by their ids, and the units of each.
    var lines: [(line: Int64, quantity: Int)]
}

extension ShopOrder {
    /// Units of a line that left.
    func left(_ line: Int64) -> Int {
        fulfilments.filter { $0.status == "success" }.flatMap(\.lines).filter { $0.line == line }.map(\.quantity).reduce(0, +)
    }

    /// REST's word for how much of it has left.
    var fulfilmentStatus: String? {
        guard lines.contains(where: { left($0.id) > 0 }) else { return nil }
        return lines.allSatisfy { left($0.id) >= $0.currentQuantity } ? "fulfilled" : "partial"
    }
}

extension ShopStore {
    /// The order's fulfilments after what happened.
    static func fulfil(_ order: inout ShopOrder, _ change: ShopEvent.Change, at now: Timestamp) -> ShopFulfilment? {
        switch change {
        case .fulfilled(let made):
            guard !order.fulfilments.contains(where: { $0.id == made.id }) else { return nil }
            order.fulfilments.append(made)
            return made
        case .fulfilmentCancelled(let id):
            guard let place = order.fulfilments.firstIndex(where: { $0.id == id }), order.fulfilments[place].status == "success" else { return nil }
            (order.fulfilments[place].status, order.fulfilments[place].updatedAt) = ("cancelled", now)
            return order.fulfilments[place]
        default: return nil
        }
    }
}

extension ShopREST {
    /// The fulfilment resource; its lines are the order's lines, each with the units of this fulfilment.
    /// - Source: Shopify Admin REST API, Fulfillment resource.
    func fulfilment(_ fulfilment: ShopFulfilment, _ order: ShopOrder) -> JSON {
        let lines = fulfilment.lines.compactMap { part in
            order.lines.first { $0.id == part.line }.map { line($0, order).setting("quantity", .number("\(part.quantity)")) }
        }
        let place = order.fulfilments.firstIndex { $0.id == fulfilment.id } ?? 0
        return .object([
            ("id", .number("\(fulfilment.id)")), ("admin_graphql_api_id", .string("gid://shopify/Fulfillment/\(fulfilment.id)")),
            ("order_id", .number("\(order.id)")), ("name", .string("\(order.name).\(place + 1)")), ("status", .string(fulfilment.status)),
            ("created_at", .string(shop.text(fulfilment.createdAt))), ("updated_at", .string(shop.text(fulfilment.updatedAt))),
            ("service", "manual"), ("shipment_status", .null), ("location_id", 70_100_200_300), ("tracking_number", .null), ("line_items", .array(lines)),
        ])
    }
}

extension ShopGraph {
    /// - Source: Shopify Admin GraphQL API, objects Fulfillment and FulfillmentLineItem.
    func fulfilment(_ fulfilment: ShopFulfilment, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "Fulfillment") { name in
            switch name {
            case "id": gid("Fulfillment", fulfilment.id)
            case "legacyResourceId": text(String(fulfilment.id))
            case "name": text("\(order.name).\((order.fulfilments.firstIndex { $0.id == fulfilment.id } ?? 0) + 1)")
            case "status": text(fulfilment.status.uppercased())
            case "displayStatus": text(fulfilment.status == "success" ? "FULFILLED" : "CANCELED")
            case "createdAt": time(fulfilment.createdAt)
            case "updatedAt": time(fulfilment.updatedAt)
            case "totalQuantity": number(fulfilment.lines.map(\.quantity).reduce(0, +))
            case "fulfillmentLineItems":
                .all(
                    fulfilment.lines.enumerated().compactMap { place, part in
                        order.lines.first { $0.id == part.line }.map { left(fulfilment.id * 100 + Int64(place), $0, part.quantity, order) }
                    })
            case "order": .node(self.order(order))
            default: nil
            }
        }
    }

    private func left(_ id: Int64, _ line: ShopLine, _ quantity: Int, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "FulfillmentLineItem") { name in
            switch name {
            case "id": gid("FulfillmentLineItem", id)
            case "quantity": number(quantity)
            case "lineItem": .node(self.line(line, order))
            default: nil
            }
        }
    }
}

extension ShopifyTwin {
    /// Somebody in the shop sends goods, or takes back that they were sent: `{"do": "fulfils", "shop", "order", "lines": [{"line", "quantity"}]}`, all that has
    /// not left where no lines are given; `{"do": "undoes", "shop", "order", "fulfilment"}`. Kept over a restart.
    /// - Throws: `happening_refused`, `unknown_shop`, `journal_unusable`.
    func happen(_ body: JSON, at now: Timestamp) throws(Fault) -> (outcome: JSON, webhooks: [ShopWebhook]) {
        guard let shop = shop(body["shop"]?.string ?? "") else {
            throw Fault("unknown_shop", stage: .sandbox, disposition: .reject, summary: "the sandbox has no such shop")
        }
        guard let id = body["order"]?.string.flatMap({ Int64($0) }), let order = order(id, of: shop.name) else { throw Self.refused("no such order", "order") }
        let record: JSON, fulfilment: Int64
        switch body["do"]?.string {
        case "fulfils":
            let lines = try Self.leaving(body["lines"]?.array, of: order)
            fulfilment = id * 10 + Int64(order.fulfilments.count) + 1
            record = .object([
                ("t", "fulfilled"), ("shop", .string(shop.name)), ("order", .string("\(id)")), ("id", .string("\(fulfilment)")), ("at", .string("\(now)")),
                ("lines", .array(lines.map { ["line": .string("\($0.line)"), "quantity": .number("\($0.quantity)")] })),
            ])
        case "undoes":
            fulfilment = body["fulfilment"]?.string.flatMap { Int64($0) } ?? 0
            guard order.fulfilments.contains(where: { $0.id == fulfilment && $0.status == "success" }) else { throw Self.refused("nothing of it left", "fulfilment") }
            record = .object([
                ("t", "undone"), ("shop", .string(shop.name)), ("order", .string("\(id)")), ("id", .string("\(fulfilment)")), ("at", .string("\(now)")),
            ])
        default: throw Self.refused("say fulfils or undoes", "do")
        }
        try journal.append([record])
        guard let event = ShopEvent(record) else { throw Self.refused("the record says nothing", "do") }
        return (.object([("fulfilment", .string("\(fulfilment)"))]), apply(event))
    }

    private static func leaving(_ asked: [JSON]?, of order: ShopOrder) throws(Fault) -> [(line: Int64, quantity: Int)] {
        let open = order.lines.map { (line: $0.id, quantity: $0.currentQuantity - order.left($0.id)) }.filter { $0.quantity > 0 }
        var out: [(line: Int64, quantity: Int)] = []
        for part in asked ?? [] {
            guard let line = part["line"]?.string.flatMap({ Int64($0) }), let quantity = part["quantity"]?.int, quantity > 0,
                let most = open.first(where: { $0.line == line })?.quantity, quantity <= most, !out.contains(where: { $0.line == line })
            else { throw refused("a line is not the order's, or so many of it have not to leave", "lines") }
            out.append((line, quantity))
        }
        if asked == nil { out = open }
        guard !out.isEmpty else { throw refused("nothing of it is to leave", "lines") }
        return out
    }

    private static func refused(_ summary: String, _ position: String) -> Fault {
        Fault(
            "happening_refused", stage: .sandbox, disposition: .reject, summary: summary,
            remedy: "Name a shop, one of its orders and what of it leaves.", position: position)
    }
}

extension ShopEvent {
    /// What a record of the twin's own journal says that happened.
    init?(_ record: JSON) {
        guard let shop = record["shop"]?.string, let order = record["order"]?.string.flatMap({ Int64($0) }),
            let id = record["id"]?.string.flatMap({ Int64($0) }), let at = record["at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        switch record["t"]?.string {
        case "fulfilled":
            let lines = (record["lines"]?.array ?? []).map { (line: $0["line"]?.string.flatMap { Int64($0) } ?? 0, quantity: $0["quantity"]?.int ?? 0) }
            let made = ShopFulfilment(id: id, status: "success", createdAt: at, updatedAt: at, lines: lines)
            self.init(shop: shop, orderID: order, at: at, change: .fulfilled(made))
        case "undone": self.init(shop: shop, orderID: order, at: at, change: .fulfilmentCancelled(id))
        default: return nil
        }
    }
}
