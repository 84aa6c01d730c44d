internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

extension ShopifyConnector {
    /// A swept or fetched order: everything about it, in the order in which it is told best.
    func normalizeNode(_ node: JSONView, _ settings: ShopifySettings) throws(Fault) -> Normalized {
        let fields = Fields(subject: subject(node))
        let reader = GraphQLReader(fields: fields, settings: settings)
        var order = try reader.order(node)
        if order.test { return Normalized(documents: []) }
        let listed = Set(order.lines.map(\.id))
        order.dropTipLines()
        guard reader.hasWholeRefunds(node), reader.hasWholeEdits(node), reader.hasWholeFulfilments(node) else {
            // A record that was cut short says nothing for sure.
            return Normalized(documents: [], fetch: [order.id])
        }
        let edits = OrderEdits(order, try reader.edits(node, order.side))
        let placed = try edits.placed(fields)
        let documents = OrderDocuments(order, placed: placed)
        var out = [documents.sale(placed)]
        for transaction in try reader.transactions(node, order.side) {
            if let payment = try transaction.payment(of: order.id, fields: fields) { out.append(payment) }
        }
        let refunds = try reader.refunds(node, order).filter { !$0.isTest }
        let carried = edits.carried(refunds)
        var context = RefundContext(documents: documents, splits: edits.remainingTaxes())
        for refund in refunds {
            let document = RefundDocument(refund, readsNotes: settings.readsNotes)
            // An edit's refund is told too, as nothing: a webhook may have told it too soon, and a sweep that lists
            // it must find it known.
            out.append(carried.refunds.contains(refund.id) ? document.retraction() : document.within(&context))
        }
        out += try edits.notes(documents, money: carried.money, fields)
        if let note = documents.cancellation { out.append(note) }
        for fulfilment in try reader.fulfilments(node) { out += fulfilment.documents(of: order.id, without: listed.subtracting(order.lines.map(\.id))) }
        return Normalized(documents: out)
    }
}
