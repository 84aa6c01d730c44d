internal import Kernel

extension DayOrderBuilder {
    private static let firstNames = [
        "Mara", "Jonas", "Priya", "Elliot", "Rosa", "Tomasz", "Hana", "Gwen", "Otis", "Leila", "Ivor", "Nadia",
    ]
    private static let lastNames = [
        "Lind", "Okafor", "Marsh", "Tanaka", "Reyes", "Novak", "Hughes", "Quinn", "Barlow", "Sato", "Dunne", "Weiss",
    ]
    private static let streets = ["Pier Rd", "Mill Lane", "Oak St", "Station Rd", "Harbour Way", "Elm Ave"]

    func instant(_ second: Int) -> Timestamp { shop.zone.instant(of: DayFacts.date, secondOfDay: second) }

    /// The order as placed, without transactions.
    mutating func placed() -> ShopOrder {
        let created = instant(second)
        let processed =
            switch slot.role {
            case .closedPeriod: shop.zone.instant(of: DayFacts.closedDate, secondOfDay: 54_000)
            case .late: shop.zone.instant(of: DayFacts.lateDate, secondOfDay: 54_000)
            default: created - .seconds(2)
            }
        let customer = ShopCustomer(
            id: 8_120_000_000_000 + idOffset, first: dice.pick(Self.firstNames), last: dice.pick(Self.lastNames),
            street: "\(dice.between(1, 180)) \(dice.pick(Self.streets))", city: town.city, province: town.province,
            zip: town.zip,
            country: slot.american ? "US" : "GB")
        return ShopOrder(
            id: 6_120_000_000_000 + idOffset, number: 1001 + slot.shopIndex, createdAt: created, processedAt: processed,
            updatedAt: created + .seconds(1), cancelledAt: nil, presentmentCurrency: euro ? "EUR" : shop.currency,
            sourceName: slot.role == .tip ? "pos" : "web", customer: customer, lines: lines, placedLines: lines.count,
            shipping: shipping, discounts: discounts,
            tip: slot.role == .tip ? priced(Int64(dice.between(4, 30)) * 25) : .zero,
            transactions: [], refunds: [], edits: [], taxesIncluded: shop.taxesIncluded)
    }

    mutating func transaction(
        _ kind: ShopTransaction.Kind, _ amount: MoneyBag, gateway: String, at: Timestamp, parent: Int64? = nil,
        status: String = "success"
    ) -> ShopTransaction {
        ShopTransaction(
            id: id(7_300_400_000_000), parent: parent, kind: kind, status: status, gateway: gateway, amount: amount,
            processedAt: at)
    }

    /// How the order is paid at checkout; a capture that comes later is an event of its own.
    mutating func checkout(of order: ShopOrder) -> [ShopTransaction] {
        let total = order.total
        let at = order.processedAt
        if total.isZero { return [] }
        let card = !euro && dice.perMille(200) ? "paypal" : "shopify_payments"
        switch slot.role {
        case .giftCardPays: return [transaction(.sale, total, gateway: "gift_card", at: at)]
        case .giftCardPaysPart:
            let part = total.each { $0 / 3 }
            return [
                transaction(.sale, part, gateway: "gift_card", at: at),
                transaction(.sale, total - part, gateway: card, at: at + .seconds(1)),
            ]
        case .cancelled: return [transaction(.authorization, total, gateway: "shopify_payments", at: at)]
        case .closedPeriod, .late, .editUp, .editDown: return [transaction(.sale, total, gateway: "shopify_payments", at: at)]
        default: break
        }
        var list: [ShopTransaction] = []
        if dice.perMille(20) {
            list.append(transaction(.sale, total, gateway: card, at: at - .seconds(40), status: "failure"))
        }
        let kind: ShopTransaction.Kind = card == "shopify_payments" && dice.perMille(200) ? .authorization : .sale
        return list + [transaction(kind, total, gateway: card, at: at)]
    }

    // MARK: Later in the day

    mutating func addLaterEvents(to day: inout DayOrder) {
        switch slot.role {
        case .cancelled: cancel(&day)
        case .editUp: editUp(&day)
        case .editDown: editDown(&day)
        default:
            capture(&day)
            if slot.refunded { refund(&day) }
        }
    }

    /// A moment after everything that happened so far, at most until ten to midnight.
    private mutating func later(_ low: Int, _ high: Int) -> Timestamp {
        second = max(second + 1, min(second + dice.between(low, high), 85_800))
        return instant(second)
    }

    private func event(_ day: DayOrder, _ at: Timestamp, _ change: ShopEvent.Change) -> ShopEvent {
        ShopEvent(shop: shop.name, orderID: day.order.id, at: at, change: change)
    }

    private mutating func capture(_ day: inout DayOrder) {
        guard let authorization = day.order.transactions.first(where: { $0.kind == .authorization }) else { return }
        let at = later(60, 5400)
        let capture = transaction(
            .capture, authorization.amount, gateway: authorization.gateway, at: at - .seconds(1),
            parent: authorization.id)
        day.events.append(event(day, at, .paid(capture)))
    }

    private mutating func cancel(_ day: inout DayOrder) {
        guard let authorization = day.order.transactions.first else { return }
        let at = later(600, 7200)
        let void = transaction(
            .void, authorization.amount, gateway: authorization.gateway, at: at, parent: authorization.id)
        day.events.append(event(day, at, .cancelled(void: void)))
    }

    private mutating func editUp(_ day: inout DayOrder) {
        let held = Set(lines.map(\.product.sku))
        var line = newLine(
            dice.pick(catalogue.everyday.filter { !held.contains($0.sku) }), quantity: dice.between(1, 2))
        line.taxes = taxes(on: line.net, product: line.product)
        let at = later(600, 5400)
        let edit = ShopEdit(id: id(78_900_000_000), at: at, added: [line], removed: [])
        let owed = shop.taxesIncluded ? line.net : line.net + line.tax
        let paidAt = later(60, 180)
        let sale = transaction(.sale, owed, gateway: "shopify_payments", at: paidAt - .seconds(1))
        day.events.append(event(day, at, .edited(edit)))
        day.events.append(event(day, paidAt, .paid(sale)))
    }

    /// Takes units of one line out: the whole line, or one unit of several.
    private mutating func editDown(_ day: inout DayOrder) {
        let index = dice.roll(lines.count)
        let line = lines[index]
        let units = line.quantity > 1 && dice.perMille(600) ? 1 : line.quantity
        let net = line.net.each { DayArithmetic.part($0, units: units, before: 0, of: line.quantity) }
        let tax = line.taxes.total { tax in
            tax.price.each { DayArithmetic.part($0, units: units, before: 0, of: line.quantity) }
        }
        let at = later(600, 5400)
        let edit = ShopEdit(
            id: id(78_900_000_000), at: at, added: [],
            removed: [(line: index, quantity: units, net: net, tax: tax, discount: .zero)])
        let back = shop.taxesIncluded ? net : net + tax
        let paidAt = later(60, 180)
        let money = transaction(
            .refund, back, gateway: "shopify_payments", at: paidAt, parent: day.order.transactions.first?.id)
        let refund = ShopRefund(
            id: id(939_100_000_000), at: paidAt, note: RefundNote.orderEdit, lines: [], adjustments: [],
            transactions: [money])
        day.events.append(event(day, at, .edited(edit)))
        day.events.append(event(day, paidAt, .refunded(refund)))
    }

    // MARK: Refunds

    private mutating func refund(_ day: inout DayOrder) {
        var given = [Int](repeating: 0, count: lines.count)
        let goods = lines.indices.filter { !lines[$0].product.isGiftCard && !lines[$0].net.isZero }
        guard !goods.isEmpty else { return }
        var received = day.order.transactions.filter(\.isReceipt)
        for case .paid(let payment) in day.events.map(\.change) where payment.isReceipt { received.append(payment) }
        if dice.perMille(400), !slot.unknownReason {
            let whole = goods.map { (line: $0, units: lines[$0].quantity) }
            addRefund(&day, whole, given: &given, received: &received, withShipping: dice.perMille(500))
            return
        }
        let index = dice.pick(goods)
        let units = lines[index].quantity > 1 ? dice.between(1, lines[index].quantity - 1) : 1
        addRefund(&day, [(index, units)], given: &given, received: &received, withShipping: false)
        if given[index] < lines[index].quantity, !slot.unknownReason, dice.perMille(400) {
            let rest = lines[index].quantity - given[index]
            addRefund(&day, [(index, rest)], given: &given, received: &received, withShipping: false)
        }
    }

    private mutating func addRefund(
        _ day: inout DayOrder, _ parts: [(line: Int, units: Int)], given: inout [Int],
        received: inout [ShopTransaction],
        withShipping: Bool
    ) {
        let at = later(900, 14_400)
        var refunded: [ShopRefundLine] = []
        for part in parts {
            let line = lines[part.line]
            let before = given[part.line]
            func share(_ money: MoneyBag) -> MoneyBag {
                money.each { DayArithmetic.part($0, units: part.units, before: before, of: line.quantity) }
            }
            refunded.append(
                ShopRefundLine(
                    id: id(620_300_000_000), line: part.line, quantity: part.units, subtotal: share(line.net),
                    tax: line.taxes.total { share($0.price) }, restocked: dice.perMille(700)))
            given[part.line] += part.units
        }
        var adjustments: [ShopAdjustment] = []
        var shippingBack = MoneyBag.zero
        if withShipping, let charge = shipping.first, !charge.net.isZero {
            shippingBack = shop.taxesIncluded ? charge.net : charge.net + charge.tax
            adjustments.append(
                ShopAdjustment(
                    id: id(440_100_000_000), kind: "shipping_refund", amount: -charge.net, tax: -charge.tax,
                    reason: "Shipping refund"))
        }
        let reasons = refunded.map { _ in slot.unknownReason ? DayFacts.unknownReason : dice.pick(DayFacts.reasonCodes)
        }
        var note = RefundNote(reasons: reasons)
        keepFees(&note, of: refunded)
        let kept = note.restocking + note.returnShipping
        if kept > 0 {
            adjustments.append(
                ShopAdjustment(
                    id: id(440_100_000_000), kind: "refund_discrepancy",
                    amount: MoneyBag(shop: -kept, presentment: -kept), tax: .zero,
                    reason: "Refund discrepancy"))
        }
        let goods = refunded.total(\.subtotal) + (shop.taxesIncluded ? .zero : refunded.total(\.tax))
        let back = goods + shippingBack - MoneyBag(shop: kept, presentment: kept)
        let transactions = payBack(back, received: &received, at: at)
        let refund = ShopRefund(
            id: id(939_100_000_000), at: at, note: note.text, lines: refunded, adjustments: adjustments,
            transactions: transactions)
        day.events.append(event(day, at, .refunded(refund)))
    }

    /// Three refunds in ten of a single line keep a fee; never of euro orders, where the note's currency would be in
    /// doubt.
    private func keepFees(_ note: inout RefundNote, of refunded: [ShopRefundLine]) {
        guard refunded.count == 1, !euro, refunded[0].subtotal.shop >= 2000, dice.perMille(300) else { return }
        let kind = dice.roll(3)
        if kind != 1 { note.restocking = Int64(dice.between(2, 7)) * 50 }
        if kind != 0 { note.returnShipping = 450 }
    }

    /// Money goes back the way it came, cards before gift cards.
    private mutating func payBack(_ amount: MoneyBag, received: inout [ShopTransaction], at: Timestamp)
        -> [ShopTransaction]
    {
        var left = amount
        var list: [ShopTransaction] = []
        for index in received.indices.sorted(by: { a, b in
            received[a].gateway != "gift_card" && received[b].gateway == "gift_card"
        }) {
            let there = received[index].amount
            let part = MoneyBag(shop: min(left.shop, there.shop), presentment: min(left.presentment, there.presentment))
            guard part.shop > 0 else { continue }
            list.append(
                transaction(.refund, part, gateway: received[index].gateway, at: at, parent: received[index].id))
            received[index].amount -= part
            left -= part
        }
        return list
    }
}
