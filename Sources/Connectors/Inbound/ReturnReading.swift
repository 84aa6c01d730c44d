internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A return as an event tells it.
extension EventReading {
    /// - Throws: `unreadable_record`; `unbalanced_record` where lines do not come to the total, or the settlement is not what the return is worth.
    func goodsReturn() throws(Fault) -> [SourceDocument] {
        let order = try body.needed("order")
        guard !isDeleted else {
            let nothing = GoodsReturn(state: ToldReturn.State.cancelled.rawValue, refundRef: nil, lines: [], fees: [])
            return [SourceDocument(id: "return:\(id)", caseID: order, version: version, at: occurred, body: .goodsReturn(nothing))]
        }
        guard let state = ToldReturn.State(rawValue: try body.needed("status")) else { throw body.unreadable("status", "is not known", "Send open or closed.") }
        var told = ToldReturn(
            id: id, order: order, number: try body.needed("number"), state: state, version: version,
            at: body.text("settled_on") == nil ? occurred : try body.moment("settled_on"), currency: try body.currency())
        told.taxIncluded = body.flag("tax_included")
        try returned(&told)
        try exchanged(&told)
        try given(&told)
        let place = body
        return try told.documents(ownExchanges: true) { place.unbalanced("total", $0) }
    }

    private func returned(_ told: inout ToldReturn) throws(Fault) {
        let currency = told.currency
        var sum = Money.zero(currency), seen: Set<String> = []
        for part in body.list("lines") {
            let own = try part.needed("id"), net = try part.money("net", currency), taxes = try SaleReading.taxes(part, currency)
            guard seen.insert(own).inserted else { throw part.unreadable("id", "is there twice", "Give each line an id of its own.") }
            sum += told.taxIncluded ? net : net + taxes.map(\.amount).total(currency)
            told.lines.append(
                ReturnedLine(
                    line: try part.needed("order_line"), quantity: try part.decimal("quantity") ?? .one, reasonCode: part.text("reason_code"), net: net,
                    tax: taxes.map(\.amount).total(currency), disposition: part.text("disposition"), id: own, taxes: taxes))
        }
        if body.json.member("shipping")?.object != nil {
            let part = body.part("shipping"), net = try part.money("net", currency), taxes = try SaleReading.taxes(part, currency)
            sum += told.taxIncluded ? net : net + taxes.map(\.amount).total(currency)
            told.shipping = [ShippingLine(id: "shipping", title: "Delivery", amount: net, discount: .zero(currency), net: net, taxes: taxes)]
        }
        told.worth = try body.money("total", currency)
        guard sum == told.worth else { throw body.unbalanced("total", "is \(told.worth.text), its lines come to \(sum.text)") }
        for part in body.list("fees") {
            guard let kind = ReturnFee.Kind(rawValue: try part.needed("type")) else { throw part.unreadable("type", "is not known", "Send restocking.") }
            let tax = part.text("tax") == nil ? nil : try part.money("tax", currency)
            told.fees.append(ReturnFee(id: try part.needed("id"), kind: kind, amount: try part.money("amount", currency), tax: tax))
        }
    }

    private func exchanged(_ told: inout ToldReturn) throws(Fault) {
        let currency = told.currency
        told.exchanged = try body.money("exchanged", currency)
        told.exchangeOrder = body.text("exchange_order")
        for part in body.list("exchange_lines") { told.exchangeLines.append(try SaleReading.line(part, currency, isTaxed: true)) }
        guard !told.exchangeLines.isEmpty else { return }
        guard told.exchangeOrder == nil else {
            throw body.unreadable("exchange_lines", "and exchange_order exclude each other", "Name the shop's order, or send its lines where no shop tells of it.")
        }
        let sum = told.exchangeLines.map { line in
            let net = line.net ?? line.gross
            return told.taxIncluded ? net : net + (line.taxes ?? []).map(\.amount).total(currency)
        }.total(currency)
        guard sum == told.exchanged else { throw body.unbalanced("exchanged", "is \(told.exchanged.text), its lines come to \(sum.text)") }
    }

    private func given(_ told: inout ToldReturn) throws(Fault) {
        let currency = told.currency
        for part in body.list("refunds") {
            told.refunds.append(
                MoneyMovement(
                    id: try part.needed("id"), gateway: try part.needed("method"), amount: try part.money("amount", currency), status: .success,
                    at: part.text("paid_on") == nil ? nil : try part.moment("paid_on")))
        }
        told.refundRef = body.text("refund")
        told.storeCredit = try body.money("store_credit", currency)
        told.giftCard = try body.money("gift_card", currency)
        told.creditReference = body.text("credit_reference")
        told.shopperPays = try body.money("shopper_pays", currency)
        told.paidBy = body.text("paid_by") ?? "unknown"
        told.statedBonus = [try body.money("bonus", currency)]
    }
}
