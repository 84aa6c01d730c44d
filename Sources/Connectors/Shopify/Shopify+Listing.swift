internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a sweep lists of one order: its parts by the ids that `normalize` gives their documents and notes. A part that
/// `normalize` never makes would look unknown for ever, and the order would be fetched at every sweep.
struct OrderListing {
    /// The tail of its gid.
    let id: String
    let updatedAt: Timestamp?
    /// Some list did not fit: what there is of the order, only the whole order tells.
    let isCut: Bool
    /// Empty for a test.
    private(set) var parts: [ListedCase.Part] = []

    /// - Throws: `unreadable_answer` (retry).
    init(_ node: JSONView) throws(Fault) {
        guard let id = node["id"].string.flatMap(Fields.tail) else {
            throw OrderGathering.unreadable("an order without an id")
        }
        self.id = id
        updatedAt = node["updatedAt"].string.flatMap { Timestamp(rfc3339: $0) }
        let (transactions, refunds) = (node["transactions"].elements, node["refunds"].elements)
        let agreements = node["agreements"]
        isCut =
            transactions.count >= ShopifyQueries.listedTransactions || refunds.count >= ShopifyQueries.listedRefunds
            || node["fulfillments"].elements.count >= ShopifyQueries.listedFulfilments || agreements["pageInfo"]["hasNextPage"].bool == true
        if node["test"].bool == true { return }
        add("sale", id)
        for transaction in transactions {
            let kind = TransactionRecord.kind(transaction["kind"].string ?? "")
            let outcome = TransactionRecord.outcome(transaction["status"].string ?? "")
            guard TransactionRecord.isPayment(kind, outcome, test: transaction["test"].bool ?? false) else { continue }
            add("payment", try Self.tail(transaction))
        }
        // Each refund becomes a document, an edit's too: one of nothing.
        for refund in refunds { add("refund", try Self.tail(refund)) }
        for fulfilment in node["fulfillments"].elements {
            let id = try Self.tail(fulfilment)
            for part in FulfilmentRecord.parts(id, FulfilmentRecord.state(fulfilment["status"].string ?? "")) { add("fulfilment", part) }
        }
        for number in try Self.edits(agreements["nodes"]) { add("edit", "\(id)-edit-\(number)") }
        if !node["cancelledAt"].isNull { add("cancellation", "\(id)-cancelled") }
    }

    private mutating func add(_ kind: String, _ id: String) { parts.append(ListedCase.Part(kind: kind, id: id)) }

    private static func tail(_ node: JSONView) throws(Fault) -> String {
        guard let tail = node["id"].string.flatMap(Fields.tail) else {
            throw OrderGathering.unreadable("a part of an order without an id")
        }
        return tail
    }

    /// Numbers of the edits that sold or took back anything; the others have a number, but no note.
    private static func edits(_ nodes: JSONView) throws(Fault) -> [Int] {
        var edits: [(at: Timestamp, id: String, tells: Bool)] = []
        for node in nodes.elements where GraphQLReader.isEdit(node) {
            guard let at = node["happenedAt"].string.flatMap({ Timestamp(rfc3339: $0) }) else {
                throw OrderGathering.unreadable("an edit without its time")
            }
            edits.append((at, try tail(node), !node["sales"]["nodes"].elements.isEmpty))
        }
        edits.sort { AgreementRecord.isEarlier(($0.at, $0.id), ($1.at, $1.id)) }
        return edits.indices.filter { edits[$0].tells }.map { $0 + 1 }
    }
}
