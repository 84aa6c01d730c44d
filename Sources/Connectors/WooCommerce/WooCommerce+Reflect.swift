public import ConnectorKit
internal import Kernel
internal import Wire

extension WooCommerceConnector {
    public var reflectionPlace: ReflectionPlace { .written }

    /// A private note beside the order, which customers do not see; writing one does not change the order. The mark in it says that it is there: notes
    /// are listed without pages, all of them.
    /// - Source: woocommerce-rest-api-docs, wp-api-v3, `_order-notes.md`: `GET` and `POST orders/{id}/notes`, `note`, `customer_note`.
    public func reflect(_ state: ReflectedState, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>? {
        // What stands for no order has no page of its own: a day's deposit.
        guard let number = Int(state.caseID), number > 0, "\(number)" == state.caseID else { return nil }
        let site: WooSite
        do throws(Fault) { site = WooSite(settings: try WooSettings(connection.settings)) } catch { return .fail(error) }
        let route = "/wc/v3/orders/\(state.caseID)/notes"
        // A page cache would show the notes of yesterday.
        return .send(site.get(route, [("_", state.mark)])) { answer in
            .trying { () throws(Fault) in
                if answer.status == 404 { return .finish(.rejected(Self.orderGone)) }
                if let there = try WooBody.rows(answer).first(where: { ($0["note"]?.string ?? "").contains("[\(state.mark)]") }) {
                    return .finish(.posted(remoteID: WooBody.id(there["id"]) ?? state.mark, version: nil))
                }
                let body: JSON = .object([("note", .string("\(state.words) [\(state.mark)]")), ("customer_note", .bool(false))])
                return .send(site.post(route, body)) { made in
                    guard let id = WooBody.id(WooBody.json(made)?["id"]) else { return .finish(.unknown(Judging("WooCommerce").notTold("a note without an id"))) }
                    return .finish(.posted(remoteID: id, version: nil))
                }
            }
        }
    }

    private static let orderGone = Fault(
        "order_gone", stage: .post, disposition: .reject, summary: "the shop no longer has the order that was to be told",
        remedy: "Dismiss it, or restore the order and tell it again.")
}
