internal import TwinKit
internal import Wire

/// Goods that are handed over.
/// - Source: square/connect-api-specification, Fulfillment and its details: the time is set when the state changes to COMPLETED.
extension SquareState {
    private static let times = [
        "SHIPMENT": ("shipment_details", "shipped_at"), "PICKUP": ("pickup_details", "picked_up_at"), "DELIVERY": ("delivery_details", "completed_at"),
    ]

    /// `fulfils`: `order`, and the uid of one `fulfillment`, or all of them; what was asked to leave has left.
    mutating func handOver(_ body: SquareBody, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        let row = try order(try body.need("order"), m), wanted = try body.text("fulfillment")
        var isDone = false
        let parts = row.shown.list("fulfillments").map { part -> JSON in
            let isOpen = !["COMPLETED", "CANCELED", "FAILED"].contains(part.text("state") ?? "PROPOSED")
            guard isOpen, wanted == nil || part.text("uid") == wanted else { return part }
            isDone = true
            return part.setting("state", "COMPLETED")
        }
        guard isDone else { throw .value("nothing of that order is to be handed over", "order") }
        let changed = Self.timed(row.shown.setting("fulfillments", .array(parts)), m.text)
        let kept = keepOrder(closing(changed, m), m)
        return [("order", .string(row.id)), ("state", .string(kept.text("state") ?? ""))]
    }

    /// The order with the time of each fulfilment that is completed.
    static func timed(_ order: JSON, _ now: String) -> JSON {
        guard !order.list("fulfillments").isEmpty else { return order }
        let parts = order.list("fulfillments").map { part -> JSON in
            guard part.text("state") == "COMPLETED", let (details, time) = times[part.text("type") ?? ""], part[details]?.text(time) == nil else { return part }
            return part.setting(details, (part[details] ?? .object([])).setting(time, .string(now)))
        }
        return order.setting("fulfillments", .array(parts))
    }
}
