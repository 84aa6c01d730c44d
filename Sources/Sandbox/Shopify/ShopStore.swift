internal import Crypto
internal import Kernel
internal import Wire

/// One thing that happens in a shop.
struct ShopEvent: Sendable {
    enum Change: Sendable {
        case created(ShopOrder)
        case paid(ShopTransaction)
        case edited(ShopEdit)
        case refunded(ShopRefund)
        case cancelled(void: ShopTransaction?)
        case fulfilled(ShopFulfilment)
        case fulfilmentCancelled(Int64)
    }

    var shop: String
    var orderID: Int64
    var at: Timestamp
    var change: Change
}

/// A webhook that an event calls for; its bytes are those of the moment of the event, whenever it is delivered.
struct ShopWebhook: Sendable {
    /// `X-Shopify-Webhook-Id`: one per delivery, the same over retries.
    var id: String
    /// `X-Shopify-Event-Id`: one per merchant action, over all topics.
    var eventID: String
    var topic: String
    var shop: String
    var triggeredAt: Timestamp
    var body: [UInt8]
}

/// The orders of one shop.
struct ShopStore: Sendable {
    let shop: Shop
    private(set) var orders: [Int64: ShopOrder] = [:]
    private var orderOfRefund: [Int64: Int64] = [:]
    private var orderOfFulfilment: [Int64: Int64] = [:]
    /// What the twin's journal tells of orders that the day has still to bring back after a restart.
    private var remembered: [Int64: [ShopEvent]] = [:]
    private var sortedByUpdate: [ShopOrder.Place]?

    init(shop: Shop) { self.shop = shop }

    /// Changes the stored order and says which webhooks go out, in the order Shopify tends to send them.
    mutating func apply(_ event: ShopEvent) -> [ShopWebhook] {
        sortedByUpdate = nil
        var webhooks = Webhooks(event: event, shop: shop)
        if case .created(let order) = event.change {
            orders[order.id] = order
            webhooks.add("orders/create", webhooks.rest.order(order))
            for transaction in order.transactions {
                webhooks.add("order_transactions/create", webhooks.rest.transaction(transaction, order))
            }
            for later in remembered.removeValue(forKey: order.id) ?? [] { _ = apply(later) }
            return webhooks.list
        }
        guard var order = orders[event.orderID] else { return [] }
        order.updatedAt = max(order.updatedAt, event.at)
        switch event.change {
        case .created: break
        case .paid(let transaction):
            order.transactions.append(transaction)
            webhooks.add("order_transactions/create", webhooks.rest.transaction(transaction, order))
        case .edited(let edit):
            for part in edit.removed { order.lines[part.line].currentQuantity -= part.quantity }
            order.lines += edit.added
            order.edits.append(edit)
            webhooks.add("orders/edited", webhooks.rest.edit(edit, order))
        case .refunded(let refund):
            for part in refund.lines { order.lines[part.line].currentQuantity -= part.quantity }
            order.refunds.append(refund)
            order.transactions += refund.transactions
            orderOfRefund[refund.id] = order.id
            webhooks.add("refunds/create", webhooks.rest.refund(refund, order))
            for transaction in refund.transactions {
                webhooks.add("order_transactions/create", webhooks.rest.transaction(transaction, order))
            }
        case .cancelled(let void):
            order.cancelledAt = event.at
            for index in order.lines.indices { order.lines[index].currentQuantity = 0 }
            if let void { order.transactions.append(void) }
            webhooks.add("orders/cancelled", webhooks.rest.order(order))
            if let void { webhooks.add("order_transactions/create", webhooks.rest.transaction(void, order)) }
        case .fulfilled, .fulfilmentCancelled:
            guard let changed = Self.fulfil(&order, event.change, at: event.at) else { return [] }
            orderOfFulfilment[changed.id] = order.id
            let isNew = changed.status == "success"
            webhooks.add(isNew ? "fulfillments/create" : "fulfillments/update", webhooks.rest.fulfilment(changed, order))
            if isNew { webhooks.add(order.fulfilmentStatus == "fulfilled" ? "orders/fulfilled" : "orders/partially_fulfilled", webhooks.rest.order(order)) }
        }
        orders[order.id] = order
        webhooks.add("orders/updated", webhooks.rest.order(order))
        return webhooks.list
    }

    /// Something that is no part of the order's story changed on it.
    mutating func touch(_ id: Int64, at now: Timestamp) {
        guard let order = orders[id], order.updatedAt < now else { return }
        orders[id]?.updatedAt = now
        sortedByUpdate = nil
    }

    /// Keeps what happened until its order is there again.
    mutating func remember(_ event: ShopEvent) {
        if orders[event.orderID] == nil { remembered[event.orderID, default: []].append(event) } else { _ = apply(event) }
    }

    func order(ofFulfilment id: Int64) -> ShopOrder? { orderOfFulfilment[id].flatMap { orders[$0] } }

    func order(ofRefund id: Int64) -> ShopOrder? { orderOfRefund[id].flatMap { orders[$0] } }

    /// All orders by time of their last change, then by id: the one order in which a reader can go on where it stopped.
    mutating func byUpdate() -> [ShopOrder.Place] {
        if let sortedByUpdate { return sortedByUpdate }
        let sorted = orders.values.map { ShopOrder.Place(value: $0.updatedAt, id: $0.id) }.sorted()
        sortedByUpdate = sorted
        return sorted
    }

    private struct Webhooks {
        let event: ShopEvent
        let shop: Shop
        let rest: ShopREST
        let seed: String
        var list: [ShopWebhook] = []

        init(event: ShopEvent, shop: Shop) {
            self.event = event
            self.shop = shop
            rest = ShopREST(shop: shop)
            seed = "\(shop.name)/\(event.orderID)/\(event.at.microseconds)"
        }

        mutating func add(_ topic: String, _ body: JSON) {
            list.append(
                ShopWebhook(
                    id: stableUUID("\(seed)/\(topic)/\(list.count)"), eventID: stableUUID(seed), topic: topic,
                    shop: shop.name,
                    triggeredAt: event.at, body: body.bytes))
        }
    }
}

extension ShopOrder {
    /// A place in a sorted list of orders.
    struct Place: Sendable, Comparable {
        var value: Timestamp
        var id: Int64

        static func < (a: Self, b: Self) -> Bool { a.value == b.value ? a.id < b.id : a.value < b.value }
    }
}

/// The same UUID for the same text, so that a restart gives a delivery the id it had.
func stableUUID(_ text: String) -> String {
    var bytes = Array(Digest.sha256(Array(text.utf8)).prefix(16))
    bytes[6] = (bytes[6] & 0x0f) | 0x40
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    let hex = Array(bytes.hexText)
    let parts: [ArraySlice<Character>] = [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]]
    return parts.map { String($0) }.joined(separator: "-")
}
