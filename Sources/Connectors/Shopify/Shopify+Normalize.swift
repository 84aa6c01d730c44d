internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension ShopifyConnector {
    /// Topics whose bodies are whole orders.
    static let orderTopics: Set<String> = [
        createdTopic, "orders/updated", "orders/paid", "orders/cancelled", "orders/partially_fulfilled", "orders/fulfilled",
    ]
    private static let createdTopic = "orders/create"
    /// Topic of swept and fetched orders.
    static let sweptTopic = "orders"
    /// The other topics that `normalize` reads.
    static let partTopics: Set<String> = ["orders/edited", "order_transactions/create", "refunds/create"]

    public func tells(of topic: String) -> Bool { topic == Self.sweptTopic }

    public func uses(topic: String) -> Bool { Self.orderTopics.contains(topic) || Self.partTopics.contains(topic) }

    /// - Throws: `malformed_json`, `unreadable_record` (hold) naming field and order, `invalid_setting` (hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try ShopifySettings(connection.settings)
        let root = try JSONDocument(parsing: record.body).root
        switch record.topic {
        // By far the most frequent one.
        case Self.createdTopic: return try normalizeOrder(root, record.topic, settings)
        case Self.sweptTopic: return try normalizeNode(root, settings)
        case "orders/edited": return try normalizeEdited(root)
        case "order_transactions/create": return try normalizeTransaction(root, settings)
        case "refunds/create": return try normalizeRefund(root, settings)
        case let topic where Self.orderTopics.contains(topic): return try normalizeOrder(root, topic, settings)
        // Other topics are subscribed for other reasons; they sell nothing.
        default: return Normalized(documents: [])
        }
    }

    private func normalizeOrder(_ root: JSONView, _ topic: String, _ settings: ShopifySettings) throws(Fault)
        -> Normalized
    {
        let reader = RESTReader(fields: Fields(subject: subject(root)), settings: settings)
        var order = try reader.order(root)
        if order.test { return Normalized(documents: []) }
        let listed = Set(order.lines.map(\.id))
        order.dropTipLines()
        let isNew = topic == Self.createdTopic
        let refunded = try reader.refundedUnits(root)
        let edited = order.lines.indices.contains { i in
            guard let current = order.lines[i].current else { return false }
            return order.lines[i].quantity - current != refunded[order.lines[i].id, default: 0]
        }
        // A new order is as placed. A later body is so only while its parts come to the placed order's total: lines
        // added since then don't say that they were.
        let asPlaced = isNew || (order.comesToListedGross && order.sumOfParts == order.total)
        let documents = OrderDocuments(asPlaced: order)
        var out: [SourceDocument] = []
        if asPlaced { out.append(documents.sale(order)) }
        if let note = documents.cancellation { out.append(note) }
        for fulfilment in try reader.fulfilments(root) { out += fulfilment.documents(of: order.id, without: listed.subtracting(order.lines.map(\.id))) }
        if !isNew { out += try refundsAgain(root, settings) }
        let hinted = !isNew && (edited || !asPlaced)
        return Normalized(documents: out, fetch: hinted ? [order.id] : [])
    }

    /// The refunds in an order's body, as far as each can be told from itself: a refund's money may settle after its own
    /// webhook, and nothing but the order's changes then.
    private func refundsAgain(_ root: JSONView, _ settings: ShopifySettings) throws(Fault) -> [SourceDocument] {
        var out: [SourceDocument] = []
        for refund in root["refunds"].elements where refund["order_id"].exists {
            out += try normalizeRefund(refund, settings).documents
        }
        return out
    }

    /// The body tells what changed, not what it was worth: the order's agreements do.
    private func normalizeEdited(_ root: JSONView) throws(Fault) -> Normalized {
        let edit = root["order_edit"].isNull ? root : root["order_edit"]
        let fields = Fields(subject: "an edited order")
        return Normalized(documents: [], fetch: [try fields.id(edit["order_id"], "order_edit.order_id")])
    }

    private func normalizeTransaction(_ root: JSONView, _ settings: ShopifySettings) throws(Fault) -> Normalized {
        let fields = Fields(subject: "transaction \(shown(root["id"])) of order \(shown(root["order_id"]))")
        let read = try RESTReader(fields: fields, settings: settings).transaction(root)
        guard let record = read.record else { return Normalized(documents: [], fetch: [read.order]) }
        guard let payment = try record.payment(of: read.order, fields: fields) else { return Normalized(documents: []) }
        return Normalized(documents: [payment])
    }

    private func normalizeRefund(_ root: JSONView, _ settings: ShopifySettings) throws(Fault) -> Normalized {
        let fields = Fields(subject: "refund \(shown(root["id"])) of order \(shown(root["order_id"]))")
        if try fields.list(root["transactions"], "transactions").isEmpty {
            // No money moved: an edit's removed units, or an unpaid order's cancellation. Only the order tells which.
            return Normalized(documents: [], fetch: [try fields.id(root["order_id"], "order_id")])
        }
        let reader = RESTReader(fields: fields, settings: settings)
        guard try reader.tellsCurrency(root) else {
            return Normalized(documents: [], fetch: [try fields.id(root["order_id"], "order_id")])
        }
        let refund = try reader.refund(root)
        if refund.isTest { return Normalized(documents: []) }
        guard let document = RefundDocument(refund, readsNotes: settings.readsNotes).alone() else {
            return Normalized(documents: [], fetch: [refund.order])
        }
        return Normalized(documents: [document])
    }

    /// What people call the order, as far as the record says it.
    func subject(_ root: JSONView) -> String {
        root["name"].string.map { "order \(plain($0, 40))" } ?? "order \(shown(root["id"]))"
    }

    private func shown(_ id: JSONView) -> String {
        id.int.map(String.init) ?? id.string.map { plain($0, 60) } ?? "without id"
    }

    /// Faults are shown on terminals: control characters and ends of lines are left out.
    private func plain(_ text: String, _ most: Int) -> String {
        var out = ""
        for scalar in text.unicodeScalars.prefix(most) where scalar.properties.generalCategory != .control {
            if scalar.value != 0x2028, scalar.value != 0x2029 { out.unicodeScalars.append(scalar) }
        }
        return out
    }
}
