internal import Kernel

/// Why an order of the day is as it is.
enum DayRole: String, Sendable, CaseIterable {
    case plain
    /// American garden goods: their account goes inactive at noon.
    case garden
    /// Dated before the lock date.
    case closedPeriod
    /// Dated into a period that closes at noon; only on days whose lock date moves.
    case late
    /// All given away by a discount of 100 %.
    case free
    /// One tax line a few cents off rate × base.
    case taxOverride
    /// Holds an article with a title longer than 100 characters.
    case longTitle
    case giftCardSold
    /// Paid wholly, or in part, by gift card.
    case giftCardPays, giftCardPaysPart
    case tip
    /// The customer sees and pays euros.
    case euro
    /// Authorised, cancelled, voided.
    case cancelled
    case editUp, editDown
}

/// One order of the day and what becomes of it.
struct DayOrder: Sendable {
    var shop: String
    var role: DayRole
    /// Before local noon.
    var morning: Bool
    /// As placed, with the transactions of checkout.
    var order: ShopOrder
    /// What happens to it, in order of time; the first event is its creation.
    var events: [ShopEvent]
    /// The one refund with a reason nobody knows.
    var unknownReason = false
}

/// Which order plays which role: quotas per shop, dealt to a seeded shuffle of the shop's orders.
struct DayPlan: Sendable {
    struct Slot: Sendable {
        /// Index over the whole day, and within the shop.
        var index: Int
        var shopIndex: Int
        var american: Bool
        var morning: Bool
        var role: DayRole = .plain
        var refunded = false
        var unknownReason = false
    }

    private(set) var slots: [Slot]

    /// - lockMoves: the ledgers' lock dates move at noon.
    init(seed: UInt64, orders: Int, lockMoves: Bool = false) {
        // 60 % of every five orders are American, and 60 % of every five such fives are placed in the morning.
        var counts = [true: 0, false: 0]
        slots = (0..<orders).map { index in
            let american = index % 5 < 3
            let shopIndex = counts[american] ?? 0
            counts[american] = shopIndex + 1
            return Slot(index: index, shopIndex: shopIndex, american: american, morning: index / 5 % 5 < 3)
        }
        let dice = Dice(seed: seed, stream: 1)
        deal(american: true, lockMoves: lockMoves, dice)
        deal(american: false, lockMoves: lockMoves, dice)
        dealRefunds(of: orders, dice)
    }

    private mutating func deal(american: Bool, lockMoves: Bool, _ dice: Dice) {
        var free = dice.shuffled(slots.indices.filter { slots[$0].american == american })
        let count = free.count
        func quota(_ perMille: Int, least: Int = 1) -> Int { max(least, count * perMille / 1000) }
        func take(_ role: DayRole, _ wanted: Int, where fits: (Slot) -> Bool = { _ in true }) {
            var left = wanted
            while left > 0, let at = free.firstIndex(where: { fits(slots[$0]) }) {
                slots[free.remove(at: at)].role = role
                left -= 1
            }
        }
        if american {
            take(.closedPeriod, 1, where: \.morning)
            take(.garden, 1, where: \.morning)
            take(.garden, 1, where: { !$0.morning })
            take(.garden, quota(30, least: 2) - 2)
            take(.taxOverride, quota(10))
        } else {
            take(.euro, quota(100))
        }
        take(.free, 1)
        take(.longTitle, quota(20, least: 2))
        take(.giftCardSold, quota(20))
        take(.giftCardPays, quota(10))
        take(.giftCardPaysPart, quota(20))
        take(.tip, quota(30))
        take(.cancelled, quota(15))
        take(.editUp, quota(12))
        take(.editDown, quota(13))
        if lockMoves {
            take(.late, 1, where: \.morning)
            take(.late, 1, where: { !$0.morning })
        }
    }

    /// About 16 % of all orders; at least one of them of the morning's garden goods, and one British with the unknown
    /// reason.
    private mutating func dealRefunds(of orders: Int, _ dice: Dice) {
        let refundable: Set<DayRole> = [
            .plain, .garden, .taxOverride, .longTitle, .giftCardPays, .giftCardPaysPart, .tip, .euro, .giftCardSold,
        ]
        var candidates = dice.shuffled(slots.indices.filter { refundable.contains(slots[$0].role) })
        if let garden = candidates.firstIndex(where: { slots[$0].role == .garden && slots[$0].morning }) {
            candidates.insert(candidates.remove(at: garden), at: 0)
        }
        for index in candidates.prefix(max(2, orders * 160 / 1000)) { slots[index].refunded = true }
        let unknown = candidates.first { !slots[$0].american && slots[$0].role == .plain }
        if let unknown {
            slots[unknown].refunded = true
            slots[unknown].unknownReason = true
        }
    }
}
