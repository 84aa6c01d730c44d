internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Goods that left, as either form of a record tells it.
struct FulfilmentRecord: Sendable {
    enum State: Sendable {
        /// Being prepared by whoever sends it: nothing has left yet.
        case underWay
        case left
        /// Given up, whether it had left before or not.
        case undone
    }

    var id: String
    var at: Timestamp
    var updatedAt: Timestamp
    var state: State
    var lines: [Fulfilment.Line]

    /// REST writes `success`, GraphQL `SUCCESS`. A status nobody knows yet says nothing.
    /// - Source: GraphQL Admin API schema 2025-01, `FulfillmentStatus`.
    static func state(_ text: String) -> State {
        switch text.lowercased() {
        case "success": .left
        case "cancelled", "error", "failure": .undone
        default: .underWay
        }
    }

    /// What a sweep lists it by: one that was undone is another note beside, so that a sweep sees that it was.
    static func parts(_ id: String, _ state: State) -> [String] {
        switch state {
        case .underWay: []
        case .left: [id]
        case .undone: [id, "\(id)-undone"]
        }
    }

    /// Notes on the order; of what was undone nothing left.
    /// - Parameter passedOver: lines that the sale does not have, such as a tip's.
    func documents(of order: String, without passedOver: Set<String>) -> [SourceDocument] {
        let body = Fulfilment(lines: state == .left ? lines.filter { !passedOver.contains($0.line) && !$0.quantity.isZero } : [])
        return Self.parts(id, state).map {
            SourceDocument(id: $0, caseID: order, version: updatedAt.microseconds, at: at, body: .fulfilment(body))
        }
    }
}

extension GraphQLReader {
    /// Whether all of the order's fulfilments came with their lines; a bare list of ids tells nothing.
    func hasWholeFulfilments(_ node: JSONView) -> Bool {
        node["fulfillments"].elements.allSatisfy { $0["fulfillmentLineItems"]["nodes"].exists }
    }

    /// - Source: GraphQL Admin API schema 2025-01, `Fulfillment`, `FulfillmentLineItem`.
    func fulfilments(_ node: JSONView) throws(Fault) -> [FulfilmentRecord] {
        try fields.each(node["fulfillments"], "fulfillments") { (view, path) throws(Fault) in
            let at = try fields.instant(view["createdAt"], path + ".createdAt"), own = path + ".fulfillmentLineItems"
            return FulfilmentRecord(
                id: try fields.id(view["id"], path + ".id"), at: at,
                updatedAt: try fields.optionalInstant(view["updatedAt"], path + ".updatedAt") ?? at,
                state: FulfilmentRecord.state(try fields.text(view["status"], path + ".status")),
                lines: try fields.each(view["fulfillmentLineItems"]["nodes"], own) { (line, own) throws(Fault) in
                    let units = line["quantity"].isNull ? 0 : try fields.units(line["quantity"], own + ".quantity")
                    return Fulfilment.Line(line: try fields.id(line["lineItem"]["id"], own + ".lineItem.id"), quantity: ExactDecimal(units))
                })
        }
    }
}

extension RESTReader {
    /// Those of an order's body, which has all there are. Their lines have the ids of the order's lines, and the units of this fulfilment.
    /// - Source: shopify.dev, REST Admin API resource Fulfillment.
    func fulfilments(_ root: JSONView) throws(Fault) -> [FulfilmentRecord] {
        try fields.each(root["fulfillments"], "fulfillments") { (view, path) throws(Fault) in
            let at = try fields.instant(view["created_at"], path + ".created_at")
            return FulfilmentRecord(
                id: try fields.id(view["id"], path + ".id"), at: at,
                updatedAt: try fields.optionalInstant(view["updated_at"], path + ".updated_at") ?? at,
                state: FulfilmentRecord.state(try fields.text(view["status"], path + ".status")),
                lines: try fields.each(view["line_items"], path + ".line_items") { (line, own) throws(Fault) in
                    Fulfilment.Line(line: try fields.id(line["id"], own + ".id"), quantity: ExactDecimal(try fields.units(line["quantity"], own + ".quantity")))
                })
        }
    }
}
