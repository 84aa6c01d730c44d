public import ConnectorKit
internal import Kernel
internal import Wire

extension SquareConnector {
    /// What belongs to an id, whole: an order with the sale that it takes back, its refunds and what else decides about its money; or `payment:`,
    /// `refund:`, `dispute:`, `payout:` and an id of that.
    public func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?> {
        guard let wanted = FetchedID(id) else { return .fail(Self.invalidID) }
        let settings: SquareSettings
        do throws(Fault) { settings = try SquareSettings(connection.settings) } catch { return .fail(error) }
        let gathering = Gathering(settings: settings)
        switch wanted.kind {
        case .order: return gathering.order(wanted.id)
        case .payment: return gathering.payment(wanted.id)
        case .refund: return gathering.refund(wanted.id)
        case .dispute: return gathering.dispute(wanted.id)
        case .payout: return gathering.payout(wanted.id)
        }
    }

    private static var invalidID: Fault {
        Fault(
            "invalid_id", stage: .ingest, disposition: .reject,
            summary: "that is no id of a Square order, and no payment:, refund:, dispute: or payout: with an id",
            remedy: "Give the id as Square's API shows it, such as CAISENgvlJ6jLWAzERDzjyHVybY or payout:po_….")
    }
}

/// The conversations that read one thing whole.
struct Gathering: Sendable {
    typealias Members = [(key: String, value: JSON)]

    let settings: SquareSettings

    // MARK: Orders

    /// What an order's own object does not tell has to be read besides: of a return, of gift cards, of money that is under way.
    static func needsMore(_ order: JSONView) -> Bool {
        if order["returns"].count > 0 { return true }
        if order["line_items"].elements.contains(where: { $0["item_type"].string == "GIFT_CARD" }) { return true }
        return order["tenders"].elements.contains { $0["type"].string == "SQUARE_GIFT_CARD" || Tendering.isUncertain($0) }
    }

    func order(_ id: String) -> Exchange<RawRecord?> {
        SquareCalls.object("orders/\(id)", "order").next { order in
            guard let order, settings.wants(SquareID.named(order["location_id"])) else { return .finish(nil) }
            return source(of: order).next { source in
                payments(of: [order] + [source].compactMap(\.self)).next { payments in
                    refunds(of: order).next { refunds in
                        cards(of: order).next { cards in
                            let more: Members = [("source", source.map { [$0] } ?? []), ("payments", payments), ("refunds", refunds), ("cards", cards)]
                                .filter { !$0.1.isEmpty }.map { ($0.0, $0.0 == "source" ? $0.1[0] : .array($0.1)) }
                            return located(order, source).map { SquareCalls.record(Topic.order, id, [("order", order)] + $0 + more) }
                        }
                    }
                }
            }
        }
    }

    /// The sale that a return takes back; `nil` where it names none, or several.
    private func source(of order: JSON) -> Exchange<JSON?> {
        let named = Set((order["returns"]?.array ?? []).compactMap { SquareID.named($0["source_order_id"]) })
        guard named.count == 1, let id = named.first, id != SquareID.of(order) else { return .finish(nil) }
        return SquareCalls.object("orders/\(id)", "order")
    }

    /// Payments whose tenders do not say that they have their money.
    private func payments(of orders: [JSON]) -> Exchange<[JSON]> {
        let uncertain = orders.flatMap { $0["tenders"]?.array ?? [] }.filter { Tendering.isUncertain($0) }
        let ids = uncertain.compactMap { SquareID.named($0["payment_id"]) ?? SquareID.of($0) }
        return read(ids, "payments", "payment")
    }

    /// Refunds as they are now: their order does not change with them.
    private func refunds(of order: JSON) -> Exchange<[JSON]> {
        let ids = (order["refunds"]?.array ?? []).compactMap { refund in
            SquareID.of(refund).map { RefundFacts.whole($0, tender: SquareID.named(refund["tender_id"])) }
        }
        return read(ids, "refunds", "refund")
    }

    private func read(_ ids: [String], _ path: String, _ name: String) -> Exchange<[JSON]> {
        if ids.count > SquareLimits.followUps { return .fail(Self.tooMany(path, of: "an order", SquareLimits.followUps)) }
        return Exchange<[JSON]>.each(ids[...], []) { id, before in
            SquareCalls.object("\(path)/\(id)", name).map { found in before + [found].compactMap(\.self) }
        }
    }

    /// Which gift cards the order sold, loaded or took.
    /// - Source: api.json, ListGiftCardActivities.
    private func cards(of order: JSON) -> Exchange<[JSON]> {
        let sells = (order["line_items"]?.array ?? []).contains { $0["item_type"]?.string == "GIFT_CARD" }
        let taken = (order["tenders"]?.array ?? []).filter { $0["type"]?.string == "SQUARE_GIFT_CARD" }
        guard sells || !taken.isEmpty, let location = SquareID.named(order["location_id"]), let id = SquareID.of(order),
            let from = order["created_at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return .finish([]) }
        let until = (order["closed_at"] ?? order["updated_at"])?.string.flatMap { Timestamp(rfc3339: $0) } ?? from
        let query: SquareCalls.Query = [
            ("location_id", location), ("begin_time", (from - .seconds(60)).description), ("end_time", (until + .seconds(600)).description),
            ("sort_order", "ASC"), ("limit", "\(SquareLimits.pageRows)"),
        ]
        let payments = Set(taken.compactMap { SquareID.named($0["payment_id"]) ?? SquareID.of($0) })
        return SquareCalls.list("gift-cards/activities", "gift_card_activities", query).map { rows in
            rows.filter { row in
                let sold = [row.member("activate_activity_details", "order_id"), row.member("load_activity_details", "order_id")]
                return sold.contains { $0?.string == id } || row.member("redeem_activity_details", "payment_id")?.string.map(payments.contains) ?? false
            }
        }
    }

    /// The location whose taxes they are, where the settings do not say.
    private func located(_ order: JSON, _ source: JSON?) -> Exchange<Members> {
        guard let location = SquareID.named((source ?? order)["location_id"]), Self.isTaxed(order) || source.map(Self.isTaxed) ?? false,
            settings.place(of: location) == nil
        else { return .finish([]) }
        return SquareCalls.locations(settings).map { all in all.first { SquareID.of($0) == location }.map { [("location", $0)] } ?? [] }
    }

    static func isTaxed(_ order: JSON) -> Bool { order["taxes"]?.array?.isEmpty == false || order["returns"]?.array?.isEmpty == false }

    // MARK: What has no order

    func payment(_ id: String) -> Exchange<RawRecord?> {
        SquareCalls.object("payments/\(id)", "payment").next { payment in
            guard let payment else { return .finish(nil) }
            if let own = SquareID.named(payment["order_id"]) { return order(own) }
            return .finish(SquareCalls.record(Topic.payment, id, [("payment", payment)]))
        }
    }

    func refund(_ id: String) -> Exchange<RawRecord?> {
        SquareCalls.object("refunds/\(id)", "refund").next { refund in
            guard let refund else { return .finish(nil) }
            if let own = SquareID.named(refund["order_id"]) { return order(own) }
            return paid(refund["payment_id"]).map { SquareCalls.record(Topic.refund, id, [("refund", refund)] + $0) }
        }
    }

    func dispute(_ id: String) -> Exchange<RawRecord?> {
        SquareCalls.object("disputes/\(id)", "dispute").next { dispute in
            guard let dispute, settings.wants(SquareID.named(dispute["location_id"])) else { return .finish(nil) }
            return paid(dispute.member("disputed_payment", "payment_id")).map { SquareCalls.record(Topic.dispute, id, [("dispute", dispute)] + $0) }
        }
    }

    private func paid(_ id: JSON?) -> Exchange<Members> {
        guard let id = SquareID.named(id) else { return .finish([]) }
        return SquareCalls.object("payments/\(id)", "payment").map { $0.map { [("payment", $0)] } ?? [] }
    }

    // MARK: Payouts

    /// With its entries, and the orders of the refunds among them: an entry names the refund alone.
    func payout(_ id: String) -> Exchange<RawRecord?> {
        SquareCalls.object("payouts/\(id)", "payout").next { payout in
            guard let payout else { return .finish(nil) }
            if payout["type"]?.string == "SIMPLE" { return .finish(SquareCalls.record(Topic.payout, id, [("payout", payout), ("entries", .array([]))])) }
            let query: SquareCalls.Query = [("limit", "\(SquareLimits.pageRows)"), ("sort_order", "ASC")]
            return SquareCalls.list("payouts/\(id)/payout-entries", "payout_entries", query, pages: SquareLimits.payoutPages).next { entries in
                returned(entries).map { orders in
                    SquareCalls.record(Topic.payout, id, [("payout", payout), ("entries", .array(entries)), ("refunds", .object(orders))])
                }
            }
        }
    }

    private func returned(_ entries: [JSON]) -> Exchange<Members> {
        let ids = Set(entries.compactMap { SquareID.named($0.member("type_refund_details", "refund_id")) }).sorted()
        if ids.count > SquareLimits.payoutRefunds { return .fail(Self.tooMany("refunds", of: "a payout", SquareLimits.payoutRefunds)) }
        return Exchange<Members>.each(ids[...], []) { id, before in
            SquareCalls.object("refunds/\(id)", "refund").map { refund in before + (SquareID.named(refund?["order_id"]).map { [(id, .string($0))] } ?? []) }
        }
    }

    private static func tooMany(_ what: String, of whole: String, _ most: Int) -> Fault {
        Fault(
            "too_many_parts", stage: .ingest, disposition: .hold, summary: "\(whole) has more than \(most) \(what)",
            remedy: "Enter it by hand.", position: what)
    }
}

extension Tendering {
    static func isUncertain(_ tender: JSON) -> Bool {
        if tender["type"]?.string == "BANK_ACCOUNT" { return true }
        return ["card_details", "buy_now_pay_later_details", "square_account_details"].contains { name in
            tender.member(name, "status").map { !$0.isNull && $0.string != "CAPTURED" } ?? false
        }
    }
}
