internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Wire

/// An order on its way in: its node as the first answer gave it, and what is still to be asked for.
struct OrderGathering: Sendable {
    enum Step: Sendable, Equatable {
        case rest(owner: String, id: String, list: String, after: String)
        case transactions, refunds
        case refund(String)
        case fulfilments
        case fulfilment(String)
        case agreement(after: String?, salesAfter: String?)
    }

    let id: String
    private var node: JSON
    /// The node's own bytes while nothing was added to it.
    private var bytes: [UInt8]
    private var changed = false
    private var steps: [Step] = []
    private var taken = 0
    /// Refunds and fulfilments as they were asked for.
    private var refundNodes: [(id: String, node: JSON)] = []
    private var fulfilmentNodes: [(id: String, node: JSON)] = []
    private var agreements: [JSON] = []

    /// - Throws: `unreadable_answer` (retry) where the node has no id.
    init(_ view: JSONView, transactions: Int, refunds: Int) throws(Fault) {
        guard let id = view["id"].string, Fields.tail(id) != nil else {
            throw OrderGathering.unreadable("an order without an id")
        }
        self.id = id
        bytes = Array(view.rawBytes)
        node = view.tree
        for list in ["lineItems", "shippingLines"] { follow(view[list], owner: "order", id: id, list: list) }
        if view["transactions"].elements.count >= transactions { steps.append(.transactions) }
        let refundIDs = view["refunds"].elements.compactMap { $0["id"].string }
        if refundIDs.count >= refunds { steps.append(.refunds) } else { steps += refundIDs.map(Step.refund) }
        let leftIDs = view["fulfillments"].elements.compactMap { $0["id"].string }
        if leftIDs.count >= ShopifyQueries.fetchedFulfilments { steps.append(.fulfilments) } else { steps += leftIDs.map(Step.fulfilment) }
        let listed = view["agreements"]
        let edited = listed["nodes"].elements.contains { GraphQLReader.isEdit($0) }
        if edited || listed["pageInfo"]["hasNextPage"].bool == true {
            steps.append(.agreement(after: nil, salesAfter: nil))
        }
    }

    static func unreadable(_ what: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .ingest, disposition: .retry,
            summary: "Shopify's answer holds \(what)", remedy: "Tried again by itself; report it if it stays.")
    }

    private mutating func follow(_ connection: JSONView, owner: String, id: String, list: String) {
        guard connection["pageInfo"]["hasNextPage"].bool == true, let after = connection["pageInfo"]["endCursor"].string
        else { return }
        steps.append(.rest(owner: owner, id: id, list: list, after: after))
    }

    /// Asks for all that is missing, then gives the whole record; `nil` where the order went away meanwhile.
    func run(source: String) -> Exchange<RawRecord?> {
        guard let step = steps.first else { return .finish(record(source)) }
        guard taken < ShopifyLimits.followUps else {
            return .fail(
                Fault(
                    "too_many_parts", stage: .ingest, disposition: .hold,
                    summary: "an order needs more than \(ShopifyLimits.followUps) calls to be read whole",
                    remedy: "Enter this order by hand.", position: id))
        }
        guard let call = call(step) else { return .fail(Self.unreadable("an unknown list")) }
        return .send(call) { response in
            do throws(Fault) {
                let root = try JSONDocument(parsing: response.body).root["data"]
                var next = self
                next.steps.removeFirst()
                next.taken += 1
                guard try next.apply(step, root) else { return .finish(nil) }
                return next.run(source: source)
            } catch { return .fail(error) }
        }
    }

    private func call(_ step: Step) -> Call? {
        switch step {
        case .rest(let owner, let id, let list, let after):
            ShopifyQueries.rest(owner, list)?.call(["id": .string(id), "after": .string(after)])
        case .transactions: ShopifyQueries.transactions.call(["id": .string(id)])
        case .refunds: ShopifyQueries.refunds.call(["id": .string(id)])
        case .refund(let refund): ShopifyQueries.refund.call(["id": .string(refund)])
        case .fulfilments: ShopifyQueries.fulfilments.call(["id": .string(id)])
        case .fulfilment(let left): ShopifyQueries.fulfilment.call(["id": .string(left)])
        case .agreement(let after, let sales):
            ShopifyQueries.agreement.call([
                "id": .string(id), "after": .optional(after), "salesAfter": .optional(sales),
            ])
        }
    }

    /// Takes in an answer; `false` where the order is there no longer.
    private mutating func apply(_ step: Step, _ data: JSONView) throws(Fault) -> Bool {
        changed = true
        let owner = ownerName(step)
        let found = data[owner]
        guard found.exists else { throw Self.unreadable("no \(owner)") }
        if found.isNull {
            if owner != "order" { throw Self.unreadable("no \(owner) where the order lists one") }
            return false
        }
        switch step {
        case .rest(let owner, let id, let list, let after):
            guard found[list]["pageInfo"]["endCursor"].string != after else {
                throw Self.unreadable("a page that leads to itself")
            }
            append(found[list]["nodes"], to: list, of: owner == "order" ? nil : id)
            follow(found[list], owner: owner, id: id, list: list)
        case .transactions:
            let all = found["transactions"]
            guard all.elements.count < ShopifyQueries.mostTransactions else { throw tooMany("transactions") }
            node = node.setting("transactions", all.tree)
        case .refunds:
            let ids = found["refunds"].elements.compactMap { $0["id"].string }
            guard ids.count < ShopifyQueries.mostRefunds else { throw tooMany("refunds") }
            steps += ids.map(Step.refund)
        case .refund(let id):
            refundNodes.append((id, found.tree))
            for list in ["refundLineItems", "refundShippingLines", "orderAdjustments", "transactions"] {
                follow(found[list], owner: "refund", id: id, list: list)
            }
        case .fulfilments:
            let ids = found["fulfillments"].elements.compactMap { $0["id"].string }
            guard ids.count < ShopifyQueries.mostFulfilments else { throw tooMany("fulfilments") }
            steps += ids.map(Step.fulfilment)
        case .fulfilment(let id):
            fulfilmentNodes.append((id, found.tree))
            follow(found["fulfillmentLineItems"], owner: "fulfillment", id: id, list: "fulfillmentLineItems")
        case .agreement(let after, let salesAfter): try apply(found["agreements"], after, salesAfter)
        }
        return true
    }

    private func ownerName(_ step: Step) -> String {
        switch step {
        case .rest(let owner, _, _, _): owner
        case .refund: "refund"
        case .fulfilment: "fulfillment"
        default: "order"
        }
    }

    private mutating func append(_ more: JSONView, to list: String, of part: String?) {
        let nodes = more.elements.map(\.tree)
        if let part {
            if let at = refundNodes.firstIndex(where: { $0.id == part }) { refundNodes[at].node = Self.appending(nodes, to: list, in: refundNodes[at].node) }
            if let at = fulfilmentNodes.firstIndex(where: { $0.id == part }) {
                fulfilmentNodes[at].node = Self.appending(nodes, to: list, in: fulfilmentNodes[at].node)
            }
        } else {
            node = Self.appending(nodes, to: list, in: node)
        }
    }

    private static func appending(_ nodes: [JSON], to list: String, in owner: JSON) -> JSON {
        let whole = (owner.member(list, "nodes")?.array ?? []) + nodes
        return owner.setting(list, ["nodes": .array(whole)])
    }

    private mutating func apply(_ connection: JSONView, _ after: String?, _ salesAfter: String?) throws(Fault) {
        for agreement in connection["nodes"].elements {
            let own = agreement["id"].string
            if salesAfter != nil, let at = agreements.firstIndex(where: { $0["id"]?.string == own }) {
                agreements[at] = Self.appending(
                    agreement["sales"]["nodes"].elements.map(\.tree), to: "sales", in: agreements[at])
            } else if !agreements.contains(where: { $0["id"]?.string == own }) {
                agreements.append(agreement.tree)
            }
            let sales = agreement["sales"]["pageInfo"]
            if sales["hasNextPage"].bool == true, let cursor = sales["endCursor"].string {
                guard cursor != salesAfter else { throw Self.unreadable("a page that leads to itself") }
                steps.insert(.agreement(after: after, salesAfter: cursor), at: 0)
                return
            }
        }
        guard connection["pageInfo"]["hasNextPage"].bool == true,
            let cursor = connection["pageInfo"]["endCursor"].string
        else { return }
        guard cursor != after else { throw Self.unreadable("a page that leads to itself") }
        steps.insert(.agreement(after: cursor, salesAfter: nil), at: 0)
    }

    private func tooMany(_ what: String) -> Fault {
        Fault(
            "too_many_parts", stage: .ingest, disposition: .hold,
            summary: "an order has more \(what) than one query can bring",
            remedy: "Enter this order by hand.", position: id)
    }

    /// The order's own bytes; where parts had to be asked for, the node with them put in.
    private func record(_ source: String) -> RawRecord {
        var body = bytes
        if changed {
            var whole = node
            if !refundNodes.isEmpty { whole = whole.setting("refunds", .array(refundNodes.map(\.node))) }
            if !fulfilmentNodes.isEmpty { whole = whole.setting("fulfillments", .array(fulfilmentNodes.map(\.node))) }
            if !agreements.isEmpty { whole = whole.setting("agreements", ["nodes": .array(agreements)]) }
            body = whole.bytes
        }
        // Shopify's times are whole seconds: two states of one second differ in their digest only.
        let digest = Digest.sha256(body).prefix(6).hexText
        let updated = String((node["updatedAt"]?.string ?? "").prefix(40))
        return RawRecord(
            topic: ShopifyConnector.sweptTopic, deliveryID: "\(source)/\(id)/\(updated)/\(digest)", body: body)
    }
}
