internal import Kernel

/// Makes the orders of a day from a seed. Same seed and count: same orders, to the byte.
struct DayGenerator: Sendable {
    let seed: UInt64
    let orders: Int
    /// The ledgers' lock dates move at noon.
    let lockMoves: Bool
    let american: Shop
    let british: Shop

    /// - Throws: `day_refused` for a count outside `DayFacts.orders`; `unknown_time_zone`.
    init(seed: UInt64, orders: Int, lockMoves: Bool = false) throws(Fault) {
        guard DayFacts.orders.contains(orders) else {
            throw Fault(
                "day_refused", stage: .sandbox, disposition: .reject, summary: "a day has 40 to 20,000 orders",
                remedy: "Ask for a number in that range.", position: "orders")
        }
        let shops = try ShopifyTwin.shops()
        self.seed = seed
        self.orders = orders
        self.lockMoves = lockMoves
        american = shops[0]
        british = shops[1]
    }

    func day() -> [DayOrder] { DayReturns.explained(DayPlan(seed: seed, orders: orders, lockMoves: lockMoves).slots.map(order)) }

    /// The expected entries of a day, in order of the shops' names.
    func expected(_ day: [DayOrder]) -> [(shop: Shop, entries: [ExpectedEntry])] {
        [american, british].map { shop in (shop, day.filter { $0.shop == shop.name }.flatMap { ExpectedBooks($0, shop: shop).entries() }) }
    }

    /// The smallest day, in steps of ten orders, that brings at least so many ledger documents.
    /// - Throws: `day_refused` where no day is that large.
    static func orders(for documents: Int, seed: UInt64, lockMoves: Bool) throws(Fault) -> Int {
        var orders = max(DayFacts.orders.lowerBound, documents * 10 / 26 / 10 * 10)
        while true {
            let generator = try DayGenerator(seed: seed, orders: orders, lockMoves: lockMoves)
            let count = generator.expected(generator.day()).reduce(0) { $0 + $1.entries.count { $0.effect != .none } }
            if count >= documents { return orders }
            orders += max(10, orders * (documents - count) / max(count, 1) / 10 * 10)
        }
    }

    func order(_ slot: DayPlan.Slot) -> DayOrder {
        var builder = DayOrderBuilder(slot: slot, shop: slot.american ? american : british, seed: seed)
        return builder.build()
    }
}

/// One order, step by step: goods, discount, tax, charges, money, then what happens later in the day.
struct DayOrderBuilder {
    let slot: DayPlan.Slot
    let shop: Shop
    let dice: Dice
    let catalogue: Catalogue
    let town: Town
    /// Distance of this order's ids from the first id of each kind; a thousand ids of each kind are its own.
    let idOffset: Int64
    var nextID: Int64 = 1
    var lines: [ShopLine] = []
    var shipping: [ShopShipping] = []
    var discounts: [ShopDiscount] = []
    var second = 0

    init(slot: DayPlan.Slot, shop: Shop, seed: UInt64) {
        self.slot = slot
        self.shop = shop
        dice = Dice(seed: seed, stream: UInt64(slot.index) + 1000)
        catalogue = slot.american ? .prairie : .thames
        let towns = slot.american ? Town.american : Town.british
        town = dice.pick(slot.role == .taxOverride ? towns.filter { !$0.taxes.isEmpty } : towns)
        idOffset = Int64(seed % 900) * 100_000_000 + Int64(slot.index) * 1000
    }

    var euro: Bool { slot.role == .euro }

    mutating func id(_ first: Int64) -> Int64 {
        defer { nextID += 1 }
        return first + idOffset + nextID
    }

    /// A price of the catalogue in both currencies: the euro price is rounded once, here, and is exact from then on.
    func priced(_ minor: Int64) -> MoneyBag {
        MoneyBag(shop: minor, presentment: euro ? dividedHalfUp(minor * DayFacts.euroPer10000, 10_000) : minor)
    }

    mutating func build() -> DayOrder {
        second = slot.morning ? dice.between(600, 42_600) : dice.between(43_260, 79_200)
        fillLines()
        if slot.role == .free { giveAway() } else { discount() }
        taxLines()
        if slot.role != .tip, slot.role != .free, !lines.allSatisfy(\.product.isGiftCard) { ship() }
        if slot.role == .taxOverride { overrideTax() }
        var order = placed()
        order.transactions = checkout(of: order)
        var day = DayOrder(shop: shop.name, role: slot.role, morning: slot.morning, order: order, events: [])
        day.events = [ShopEvent(shop: shop.name, orderID: order.id, at: order.updatedAt, change: .created(order))]
        day.unknownReason = slot.unknownReason
        addLaterEvents(to: &day)
        return day
    }

    // MARK: Goods

    private mutating func fillLines() {
        switch slot.role {
        case .garden:
            add(dice.pick(catalogue.group("GAR")), quantity: dice.between(1, 2))
            if dice.perMille(500) { add(dice.pick(catalogue.everyday), quantity: 1) }
        case .longTitle:
            add(catalogue.longTitled[slot.shopIndex % 2], quantity: 1)
            if dice.perMille(300) { add(catalogue.longTitled[(slot.shopIndex + 1) % 2], quantity: 1) }
        case .giftCardSold:
            add(dice.pick(catalogue.giftCards), quantity: 1)
            if dice.perMille(500) { add(dice.pick(catalogue.everyday), quantity: dice.between(1, 2)) }
        case .editDown:
            for product in dice.shuffled(catalogue.everyday).prefix(2) { add(product, quantity: dice.between(1, 3)) }
        case .taxOverride: add(dice.pick(catalogue.everyday), quantity: dice.between(1, 3))
        default:
            let count = dice.pick([1, 1, 1, 2, 2, 2, 3, 3, 4])
            for product in dice.shuffled(catalogue.everyday).prefix(count) {
                add(product, quantity: dice.pick([1, 1, 1, 2, 2, 3]))
            }
        }
    }

    private mutating func add(_ product: ShopProduct, quantity: Int) {
        lines.append(newLine(product, quantity: quantity))
    }

    mutating func newLine(_ product: ShopProduct, quantity: Int) -> ShopLine {
        ShopLine(
            id: id(15_600_000_000_000), product: product, quantity: quantity, currentQuantity: quantity,
            unitPrice: priced(product.price), allocations: [], taxes: [])
    }

    // MARK: Discounts

    /// Everything for nothing: the discount is what the goods cost.
    private mutating func giveAway() {
        let all = lines.total(\.gross)
        for index in lines.indices { lines[index].allocations = [(lines[index].gross, 0)] }
        discounts = [
            ShopDiscount(
                label: "SAMPLE100", isCode: true, value: "100.0", isPercentage: true, target: "line_item",
                selection: "all", amount: all)
        ]
    }

    private mutating func discount() {
        // Edited orders stay without discount, so that what an edit takes out has one price.
        if [.editUp, .editDown, .closedPeriod].contains(slot.role) { return }
        let goods = lines.indices.filter { !lines[$0].product.isGiftCard }
        guard !goods.isEmpty else { return }
        let kind = dice.roll(100)
        if kind < 20 {
            orderDiscount(goods, percent: dice.pick([10, 15, 20]))
        } else if kind < 26, goods.total({ lines[$0].gross }).shop >= 2000 {
            let amount = priced(500)
            let label = "FIVER"
            share(amount, over: goods)
            discounts.append(
                ShopDiscount(
                    label: label, isCode: true, value: "5.00", isPercentage: false, target: "line_item",
                    selection: "all",
                    amount: amount))
        } else if kind < 34 {
            let index = dice.pick(goods)
            let amount = lines[index].gross.each { dividedHalfUp($0 * 25, 100) }
            lines[index].allocations.append((amount, discounts.count))
            discounts.append(
                ShopDiscount(
                    label: "Shop-soiled", isCode: false, value: "25.0", isPercentage: true, target: "line_item",
                    selection: "explicit", amount: amount))
        }
    }

    private mutating func orderDiscount(_ goods: [Int], percent: Int64) {
        let amount = goods.total { lines[$0].gross }.each { dividedHalfUp($0 * percent, 100) }
        share(amount, over: goods)
        discounts.append(
            ShopDiscount(
                label: "WELCOME\(percent)", isCode: true, value: "\(percent).0", isPercentage: true,
                target: "line_item",
                selection: "all", amount: amount))
    }

    private mutating func share(_ amount: MoneyBag, over goods: [Int]) {
        let shop = DayArithmetic.shares(of: amount.shop, weights: goods.map { lines[$0].gross.shop })
        let seen = DayArithmetic.shares(of: amount.presentment, weights: goods.map { lines[$0].gross.presentment })
        for (position, index) in goods.enumerated() {
            lines[index].allocations.append(
                (MoneyBag(shop: shop[position], presentment: seen[position]), discounts.count))
        }
    }

    // MARK: Tax and shipping

    private mutating func taxLines() {
        for index in lines.indices { lines[index].taxes = taxes(on: lines[index].net, product: lines[index].product) }
    }

    func taxes(on net: MoneyBag, product: ShopProduct) -> [ShopTax] {
        if product.isGiftCard { return [] }
        return shop.taxesIncluded ? [vat(in: net, rate: product.vat)] : salesTaxes(on: net)
    }

    private func vat(in amount: MoneyBag, rate: Int64) -> ShopTax {
        ShopTax(title: "GB VAT", rate: rate, price: amount.each { DayArithmetic.taxWithin($0, rate: rate) })
    }

    private func salesTaxes(on net: MoneyBag) -> [ShopTax] {
        town.taxes.map { tax in
            ShopTax(title: tax.title, rate: tax.rate, price: net.each { DayArithmetic.taxOnTop($0, rate: tax.rate) })
        }
    }

    private mutating func ship() {
        let express = dice.perMille(200)
        let price = priced(slot.american ? (express ? 1495 : 795) : (express ? 695 : 395))
        var line = ShopShipping(
            id: id(5_100_000_000_000), title: express ? "Express" : "Standard", price: price, discount: .zero, taxes: []
        )
        if ![.editUp, .editDown, .closedPeriod].contains(slot.role), dice.perMille(120) {
            let amount = dice.perMille(300) ? price : priced(200)
            line.discount = amount
            discounts.append(
                ShopDiscount(
                    label: "SHIPLESS", isCode: true, value: paddedAmount(amount.shop), isPercentage: false,
                    target: "shipping_line",
                    selection: "all", amount: amount))
        }
        if slot.role == .taxOverride {
            line.taxes = []
        } else if shop.taxesIncluded {
            line.taxes = [vat(in: line.net, rate: 200_000)]
        } else if town.taxesShipping {
            line.taxes = salesTaxes(on: line.net)
        }
        shipping = [line]
    }

    /// A person overrode one tax by 1 to 5 cents. These orders have one line and no taxed shipping, so the difference
    /// per jurisdiction is exactly that.
    private mutating func overrideTax() {
        guard var tax = lines[0].taxes.first else { return }
        let exact = lines[0].net.shop * tax.rate
        var cents = Int64(dice.between(1, 5)) * (dice.perMille(500) ? 1 : -1)
        if tax.price.shop + cents < 0 { cents = -cents }
        // Five cents off the rounded tax can be more than five off the exact one.
        if ((tax.price.shop + cents) * 1_000_000 - exact).magnitude > 5_000_000 { cents += cents > 0 ? -1 : 1 }
        tax.price += MoneyBag(shop: cents, presentment: cents)
        lines[0].taxes[0] = tax
    }
}
