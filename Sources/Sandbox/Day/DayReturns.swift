internal import Kernel
internal import Wire

/// A return of the day, as a returns system has it, and what it must lead to where it is its business's only word.
struct DayReturn: Sendable {
    /// The twin's name.
    var system: String
    var id: String
    /// What happens to it there, in order of time.
    var steps: [(at: Timestamp, happening: JSON)]
    /// Empty for one that explains a shop's refund: what comes of both is expected of the refund.
    var entries: [ExpectedEntry] = []
}

/// The day's returns: of the British shop, whose refunds stay the shop's own and are explained in AfterShip; and of a business that has its returns in
/// Loop and no shop at all.
enum DayReturns {
    static let britishStore = "thames-pottery"
    static let ownStore = "mesa-outfitters"
    static let most = 24

    static func all(_ generator: DayGenerator, _ day: [DayOrder]) throws(Fault) -> [DayReturn] {
        try british(day) + own(seed: generator.seed, count: min(most, max(12, generator.orders / 20)))
    }

    // MARK: The British shop's

    /// Of a refund of goods alone, in pounds, whose fee is for the way back if there is one, the shop says nothing but the money: why, and what was kept, is
    /// the returns system's to tell.
    static func explained(_ day: [DayOrder]) -> [DayOrder] {
        var left = most
        return day.map { order in
            var order = order
            guard order.shop == britishStore, order.role != .euro, !order.unknownReason else { return order }
            for n in order.events.indices {
                guard left > 0, case .refunded(var refund) = order.events[n].change, let note = RefundNote(refund.note), note.restocking == 0,
                    !refund.lines.isEmpty, refund.adjustments.allSatisfy({ $0.kind == "refund_discrepancy" })
                else { continue }
                (refund.told, refund.note) = (note, "")
                order.events[n].change = .refunded(refund)
                left -= 1
            }
            return order
        }
    }

    private static func british(_ day: [DayOrder]) -> [DayReturn] {
        day.flatMap { order in
            order.events.compactMap { event -> DayReturn? in
                guard case .refunded(let refund) = event.change, let note = refund.told else { return nil }
                let id = "rt\(refund.id)"
                let lines = refund.lines.enumerated().map { n, part -> JSON in
                    let line = order.order.lines[part.line]
                    return [
                        "line": .string("\(line.id)"), "sku": .string(line.product.sku), "title": .string(line.product.title), "quantity": .number("\(part.quantity)"),
                        "price": .number("\(part.subtotal.shop)"), "tax": .number("\(part.tax.shop)"), "reason": .string(words(note.reasons[min(n, note.reasons.count - 1)])),
                    ]
                }
                let asked: JSON = [
                    "do": "requested", "store": .string(britishStore), "id": .string(id), "order": .string("\(order.order.id)"),
                    "order_name": .string("#\(order.order.number)"), "currency": "GBP", "tax_included": true, "fee": .number("\(note.returnShipping)"), "lines": .array(lines),
                ]
                let settled: JSON = [
                    "do": "settled", "store": .string(britishStore), "id": .string(id), "refund_id": .string("\(refund.id)"),
                    "gateway": .string(refund.transactions.first?.gateway ?? "shopify_payments"),
                ]
                return DayReturn(system: "aftership", id: id, steps: [(refund.at - .seconds(60), asked), (refund.at, settled)])
            }
        }
    }

    /// A reason as people write it.
    private static func words(_ code: String) -> String {
        let text = code.split(separator: "_").joined(separator: " ")
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    // MARK: Of the business without a shop

    private static func own(seed: UInt64, count: Int) throws(Fault) -> [DayReturn] {
        let zone = try Zone.named("America/Denver")
        return (0 ..< count).map { n in
            var maker = OwnReturn(number: n, seed: seed, zone: zone)
            return maker.make()
        }
    }
}

/// One return of the business without a shop, with the books that it must lead to.
private struct OwnReturn {
    /// What becomes of the value, dealt in turn, so that each kind is there every day.
    enum Kind: CaseIterable { case refund, keptBack, giftCard, cheaper, dearer, bonus, open, cancelled }

    static let accounts = DayAccounts.own
    /// Colorado, county and city together, in millionths.
    static let rate: Int64 = 88_100

    let number: Int
    let kind: Kind
    let dice: Dice
    let zone: Zone
    let id: String
    let refundID: String
    let at: Timestamp
    /// Of the returned goods, and of the new ones.
    var net: Int64 = 0
    var tax: Int64 = 0
    var fee: Int64 = 0
    var bonus: Int64 = 0
    var sales: [String: Int64] = [:]
    var newTax: Int64 = 0

    init(number: Int, seed: UInt64, zone: Zone) {
        self.number = number
        self.zone = zone
        dice = Dice(seed: seed, stream: UInt64(number) + 900_000)
        kind = Kind.allCases[number % Kind.allCases.count]
        id = "\(550_000 + Int(seed % 400) * 1_000 + number)"
        refundID = "\(9_397_000_000_000 + Int64(seed % 900) * 1_000_000 + Int64(number))"
        at = zone.instant(of: DayFacts.date, secondOfDay: dice.between(25_200, 75_600))
    }

    mutating func make() -> DayReturn {
        let store: JSON = .string(DayReturns.ownStore)
        let goods = dice.shuffled(Catalogue.prairie.everyday)
        let lines = goods.prefix(dice.between(1, 2)).enumerated().map { n, product in line(product, dice.between(1, 2), n) }
        if [.keptBack, .cheaper].contains(kind) { fee = Int64(dice.between(2, 7)) * 50 }
        if kind == .bonus { bonus = 500 }
        let asked: JSON = [
            "do": "requested", "store": store, "id": .string(id), "order": .string("\(6_130_000_000_000 + Int64(number))"), "order_name": .string("#M\(number + 1)"),
            "lines": .array(lines), "fee": .number("\(fee)"), "bonus": .number("\(bonus)"),
        ]
        var steps = [(at: at - .seconds(7_200), happening: asked)]
        switch kind {
        case .open: return DayReturn(system: "loop", id: id, steps: steps)
        case .cancelled:
            steps.append((at: at, happening: ["do": "cancelled", "store": store, "id": .string(id)]))
            return DayReturn(system: "loop", id: id, steps: steps)
        default: break
        }
        var settled: JSON = ["do": "settled", "store": store, "id": .string(id), "refund_id": .string(refundID), "to": kind == .giftCard ? "credit" : "refund"]
        if [.cheaper, .dearer, .bonus].contains(kind) { settled = settled.setting("exchange", .array([swap(for: goods)])) }
        steps.append((at: at, happening: settled))
        return DayReturn(system: "loop", id: id, steps: steps, entries: entries())
    }

    /// Units of one price; Loop has a tax for each, the first ones a cent more where it does not divide.
    private mutating func line(_ product: ShopProduct, _ units: Int, _ n: Int) -> JSON {
        let price = product.price * Int64(units), tax = DayArithmetic.taxOnTop(price, rate: Self.rate)
        net += price
        self.tax += tax
        return [
            "line": .string("\(15_700_000_000_000 + Int64(number) * 10 + Int64(n))"), "sku": .string(product.sku), "title": .string(product.title),
            "quantity": .number("\(units)"), "price": .number("\(price)"), "tax": .number("\(tax)"), "reason": .string(dice.pick(["Wrong size", "Changed mind", "Damaged"])),
        ]
    }

    /// What is bought instead, from the other end of the shuffled goods: worth less, or more, than what came back.
    private mutating func swap(for goods: [ShopProduct]) -> JSON {
        let room = net + tax - fee
        let sorted = goods.sorted { ($0.price, $0.sku) < ($1.price, $1.sku) }
        let dear = sorted[sorted.count - 1]
        let product = kind == .cheaper ? sorted[0] : dear
        let units = kind == .cheaper ? 1 : Int(room / dear.price) + 1
        let price = product.price * Int64(units)
        newTax = DayArithmetic.taxOnTop(price, rate: Self.rate)
        sales[product.group, default: 0] += price
        return ["sku": .string(product.sku), "title": .string(product.title), "quantity": .number("\(units)"), "price": .number("\(price)"), "tax": .number("\(newTax)")]
    }

    // MARK: The books

    private func entries() -> [ExpectedEntry] {
        let bought = sales.values.reduce(0, +) + newTax, due = net + tax + bonus - fee - bought, accounts = Self.accounts
        var list = [
            entry("refund return:\(id)", "credit_note", [
                accounts.returns: net, accounts.tax: tax, accounts.restocking: -fee, accounts.discounts: bonus, accounts.receivable: -(net + tax - fee + bonus),
            ])
        ]
        if bought > 0 {
            var sums = [accounts.receivable: bought, accounts.tax: -newTax]
            for (group, amount) in sales { sums[accounts.sales[group] ?? "unknown group \(group)", default: 0] -= amount }
            list.append(entry("order exchange:\(id)", "invoice", sums))
        }
        if due < 0 {
            list.append(entry("transaction exchange:\(id)-paid", "payment", [accounts.clearing["shopify_payments"] ?? "": -due, accounts.receivable: due]))
        } else if due > 0, kind == .giftCard {
            list.append(entry("transaction return:\(id)", "refund_payment", [accounts.giftCards: -due, accounts.receivable: due]))
        } else if due > 0 {
            list.append(entry("transaction \(refundID)", "refund_payment", [accounts.clearing["shopify_payments"] ?? "": -due, accounts.receivable: due]))
        }
        return list
    }

    private func entry(_ ref: String, _ kind: String, _ sums: [String: Int64]) -> ExpectedEntry {
        let lines = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ExpectedEntry.Line(account: $0.key, minor: $0.value) }
        return ExpectedEntry(ledger: Self.accounts.ledger, ref: ref, kind: kind, date: zone.date(of: at), currency: "USD", lines: lines, effect: .posted)
    }
}
