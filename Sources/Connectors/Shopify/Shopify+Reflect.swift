internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension ShopifyConnector {
    public var reflectionPlace: ReflectionPlace { .written }

    /// One metafield of the order, `counterfoil.ledger`, with a line for each of its documents. The order's note and tags are people's, and are left alone.
    /// The mark in a line says that it is there. It is written only over what was read: a write that comes late, or crosses another's, changes nothing.
    /// - Source: GraphQL Admin API schema 2025-01: `Order.metafield`, `Metafield.compareDigest`, `metafieldsSet`; a digest of `null` lets nothing be there.
    public func reflect(_ state: ReflectedState, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>? {
        // What stands for no order has no page of its own: a payout.
        guard let number = Int64(state.caseID), number > 0, "\(number)" == state.caseID else { return nil }
        let order = "gid://shopify/Order/\(number)"
        return .send(ShopifyQueries.told.call(["id": .string(order)])) { answer in
            .trying { () throws(Fault) in
                let found = try JSONDocument(parsing: answer.body).root["data"]["order"]
                guard found.exists else { throw OrderGathering.unreadable("no order") }
                if found.isNull { return .finish(.rejected(Self.orderGone)) }
                let there = found["metafield"], lines = OrderLines(there["value"].string ?? "")
                guard there.isNull || (there["value"].string != nil && there["compareDigest"].string != nil) else {
                    throw OrderGathering.unreadable("a metafield without its value")
                }
                if lines.says(state) { return .finish(.posted(remoteID: there["id"].string ?? state.mark, version: nil)) }
                let value = lines.saying(state)
                guard value.utf8.count <= OrderLines.bytes else { return .finish(.rejected(Self.placeFull)) }
                let field: JSON = [
                    "ownerId": .string(order), "namespace": .string(OrderLines.namespace), "key": .string(OrderLines.key), "type": .string(OrderLines.type),
                    "value": .string(value), "compareDigest": .optional(there["compareDigest"].string),
                ]
                return .send(ShopifyQueries.tell.call(["metafields": [field]], .write)) { Self.written($0) }
            }
        }
    }

    private static func written(_ answer: HTTPResponse) -> Exchange<PostOutcome> {
        let vague = Judging("Shopify").notTold("a metafield without an id")
        do throws(Fault) {
            let fields = try JSONDocument(parsing: answer.body).root["data"]["metafieldsSet"]["metafields"]
            guard let id = fields.elements.first?["id"].string else { return .finish(.unknown(vague)) }
            return .finish(.posted(remoteID: id, version: nil))
        } catch { return .finish(.unknown(vague)) }
    }

    private static let orderGone = Fault(
        "order_gone", stage: .post, disposition: .reject, summary: "the shop no longer has the order that was to be told",
        remedy: "Dismiss it: the order was deleted, or is older than 60 days and the app may not read it.")

    private static let placeFull = Fault(
        "place_full", stage: .post, disposition: .reject, summary: "the order's metafield counterfoil.ledger has no room for another line",
        remedy: "Remove lines from it that nobody needs, and tell it again.")
}

/// What the metafield holds: a line for each document, told last, each ending in its mark. Lines that others wrote stay as they are.
struct OrderLines: Equatable {
    static let namespace = "counterfoil"
    static let key = "ledger"
    static let type = "multi_line_text_field"
    /// Our choice, below the 64 KiB that Shopify keeps of a text.
    static let bytes = 60_000
    /// Of one line without its mark.
    static let characters = 500

    private var lines: [Substring]

    init(_ value: String) { lines = value.isEmpty ? [] : value.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) }

    /// Whether this very state stands there.
    func says(_ state: ReflectedState) -> Bool { lines.contains { $0.hasSuffix("[\(state.mark)]") } }

    /// With the state in the place of what was said of the same document.
    func saying(_ state: ReflectedState) -> String {
        let line = "\(cut(plain(state.words), characters: Self.characters)) [\(state.mark)]"
        var out = lines.map(String.init)
        if let at = lines.firstIndex(where: { Self.isOf(state, $0) }) {
            out[at] = line
        } else {
            out.append(line)
        }
        return out.joined(separator: "\n")
    }

    /// `… [counterfoil:0123456789abcdef.2]`, whichever of its states.
    private static func isOf(_ state: ReflectedState, _ line: Substring) -> Bool {
        guard line.hasSuffix("]"), let mark = line.lastIndex(of: "[") else { return false }
        return line[mark...].hasPrefix("[counterfoil:\(state.key.text).")
    }
}
