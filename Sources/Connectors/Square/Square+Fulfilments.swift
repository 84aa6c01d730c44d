internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What of an order has left: its fulfilments that are completed, and the rest of it once it is closed. What is paid at a till leaves with its money.
/// - Source: api.json, Fulfillment, FulfillmentFulfillmentEntry, FulfillmentState.
struct FulfilmentReading {
    let facts: OrderFacts
    let lines: [SaleLine]
    /// When its money came first.
    let paid: Timestamp?

    private var order: Field { facts.field }

    func documents() throws(Fault) -> [SourceDocument] {
        guard facts.state != .cancelled else { return [] }
        var out: [SourceDocument] = []
        // Units that left, or that are not going to.
        var gone: [String: ExactDecimal] = [:]
        let told = try order["fulfillments"].list()
        for (n, part) in told.enumerated() {
            let state = try part["state"].optionalWord() ?? "PROPOSED", units = try units(of: part)
            guard ["COMPLETED", "CANCELED", "FAILED"].contains(state) else { continue }
            for line in units { gone[line.line] = (gone[line.line] ?? .zero) + line.quantity }
            guard state == "COMPLETED", !units.isEmpty else { continue }
            out.append(document("\(facts.id)-fulfilment-\(try part["uid"].optionalText() ?? "\(n)")", try time(of: part), units))
        }
        guard facts.state == .closed else { return out }
        let rest = lines.compactMap { line -> Fulfilment.Line? in
            let left = line.quantity - (gone[line.id] ?? .zero)
            return left.isZero || left.isNegative ? nil : Fulfilment.Line(line: line.id, quantity: left)
        }
        let closed = try order["closed_at"].optionalInstant() ?? facts.at
        if !rest.isEmpty { out.append(document("\(facts.id)-completed", told.isEmpty ? min(paid ?? closed, closed) : closed, rest)) }
        return out
    }

    private func document(_ id: String, _ at: Timestamp, _ lines: [Fulfilment.Line]) -> SourceDocument {
        SourceDocument(id: id, caseID: facts.id, version: facts.version, at: at, body: .fulfilment(Fulfilment(lines: lines)))
    }

    /// All lines of the order, or those of its entries; charges leave with the rest.
    private func units(of part: Field) throws(Fault) -> [Fulfilment.Line] {
        guard try part["line_item_application"].optionalWord() == "ENTRY_LIST" else {
            // Those of its items come first.
            return lines.prefix(order["line_items"].view.count).filter { !$0.quantity.isZero }.map { Fulfilment.Line(line: $0.id, quantity: $0.quantity) }
        }
        var out: [Fulfilment.Line] = []
        for entry in try part["entries"].list() { out.append(Fulfilment.Line(line: try entry["line_item_uid"].id(), quantity: try entry["quantity"].quantity())) }
        return out
    }

    /// When it was handed over, as its kind says it; else when the order changed last.
    private func time(of part: Field) throws(Fault) -> Timestamp {
        for (details, name) in [
            ("shipment_details", "shipped_at"), ("pickup_details", "picked_up_at"), ("delivery_details", "completed_at"), ("delivery_details", "delivered_at"),
        ] as [(StaticString, StaticString)] {
            if let at = try part[details][name].optionalInstant() { return at }
        }
        return Timestamp(microseconds: facts.version)
    }
}
