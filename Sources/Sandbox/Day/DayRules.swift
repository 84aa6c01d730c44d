internal import Kernel

/// Chance for one order: small rolls from a seed, the same on every machine.
struct Dice: Sendable {
    private let random: SeededRandom

    init(seed: UInt64, stream: UInt64) {
        let start = SeededRandom(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ stream)
        random = SeededRandom(seed: start.next())
    }

    /// 0 ..< n.
    func roll(_ n: Int) -> Int { Int(random.next() % UInt64(max(1, n))) }
    func between(_ low: Int, _ high: Int) -> Int { low + roll(high - low + 1) }
    func perMille(_ chance: Int) -> Bool { roll(1000) < chance }
    func pick<T>(_ list: [T]) -> T { list[roll(list.count)] }

    func shuffled<T>(_ list: [T]) -> [T] {
        var list = list
        for index in stride(from: list.count - 1, to: 0, by: -1) { list.swapAt(index, roll(index + 1)) }
        return list
    }
}

/// The arithmetic of the day, in minor units; written apart from the product's, and short enough to check by reading.
enum DayArithmetic {
    /// Tax on top of a net amount: `round(net × rate)`, half away from zero. Rates are millionths.
    static func taxOnTop(_ net: Int64, rate: Int64) -> Int64 { dividedHalfUp(net * rate, 1_000_000) }

    /// Tax contained in an amount: `round(amount × rate / (1 + rate))`.
    static func taxWithin(_ amount: Int64, rate: Int64) -> Int64 { dividedHalfUp(amount * rate, 1_000_000 + rate) }

    /// An amount that contains tax, without it: `round(amount / (1 + rate))`.
    static func without(tax rate: Int64, _ amount: Int64) -> Int64 {
        dividedHalfUp(amount * 1_000_000, 1_000_000 + rate)
    }

    /// Shares of `amount` by weight: floors first, then one unit each to the largest remainders, the earlier line first
    /// in a tie.
    static func shares(of amount: Int64, weights: [Int64]) -> [Int64] {
        let sum = weights.reduce(0, +)
        guard sum > 0 else { return weights.map { _ in 0 } }
        var shares = weights.map { amount * $0 / sum }
        let byRemainder = weights.indices.sorted { a, b in
            let (left, right) = (amount * weights[a] % sum, amount * weights[b] % sum)
            return left == right ? a < b : left > right
        }
        for index in byRemainder.prefix(Int(amount - shares.reduce(0, +))) { shares[index] += 1 }
        return shares
    }

    /// What `units` more of `of` units give back when `before` were given back already: the running total is
    /// `round(amount × k / n)`, so the last unit clears the line.
    static func part(_ amount: Int64, units: Int, before: Int, of all: Int) -> Int64 {
        dividedHalfUp(amount * Int64(before + units), Int64(all)) - dividedHalfUp(amount * Int64(before), Int64(all))
    }
}

/// Whole-day facts of the demonstration.
enum DayFacts {
    static let orders = 40...20_000
    /// The day that is played.
    static let date = LocalDate(daysSince1970: 20_771)
    /// The date of the one order in a closed period; both ledgers are closed up to 2026-10-31.
    static let closedDate = LocalDate(daysSince1970: 20_756)
    /// The date of orders that came late, and up to where both ledgers are closed at noon of a day whose lock date moves.
    static let lateDate = LocalDate(daysSince1970: 20_760)
    static let movedLockDate = LocalDate(daysSince1970: 20_762)
    static let noon = 43_200
    /// Euro cents per 10,000 pence: the day's rate, used on unit prices and charges only.
    static let euroPer10000: Int64 = 11_734
    /// Account that the bookkeeper of the American shop makes inactive at noon.
    static let inactiveAccount = "4030"
    static let reasonCodes = ["damaged", "changed_mind", "wrong_size", "not_as_described", "late_delivery"]
    static let unknownReason = "moon_phase"

    /// Per mille of webhooks.
    static let duplicate = 30
    static let reordered = 50
    static let lost = 20
}

/// The note of a refund. Shopify's refund has no field for reasons or kept fees, so its note carries them:
///
///     note   = part *( "; " part )
///     part   = "reason=" code *( "," code )      one code for every line, or one per refund line in their order
///            | "restocking=" amount              kept for putting the goods back on the shelf
///            | "return_shipping=" amount         kept for the way back
///     code   = 1*( a-z / 0-9 / "_" )
///     amount = 1*digit "." 2digit                in the shop's currency; contains tax where the shop's prices do
///
/// The kept amounts together are the refund's `refund_discrepancy`. A refund that an order edit brings carries the note
/// `order edit` and has neither lines nor adjustments.
struct RefundNote: Sendable, Equatable {
    var reasons: [String]
    var restocking: Int64 = 0
    var returnShipping: Int64 = 0

    static let orderEdit = "order edit"

    var text: String {
        let same = Set(reasons).count == 1
        var parts = ["reason=" + (same ? reasons[0] : reasons.joined(separator: ","))]
        if restocking > 0 { parts.append("restocking=" + paddedAmount(restocking)) }
        if returnShipping > 0 { parts.append("return_shipping=" + paddedAmount(returnShipping)) }
        return parts.joined(separator: "; ")
    }

    init(reasons: [String], restocking: Int64 = 0, returnShipping: Int64 = 0) {
        self.reasons = reasons
        self.restocking = restocking
        self.returnShipping = returnShipping
    }

    /// Reads a note back; `nil` when it is not in this grammar.
    init?(_ text: String) {
        var note = RefundNote(reasons: [])
        for part in text.split(separator: ";") {
            let halves = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            guard halves.count == 2 else { return nil }
            switch halves[0] {
            case "reason": note.reasons = halves[1].split(separator: ",").map(String.init)
            case "restocking":
                guard let amount = minorUnits(halves[1]) else { return nil }
                note.restocking = amount
            case "return_shipping":
                guard let amount = minorUnits(halves[1]) else { return nil }
                note.returnShipping = amount
            default: return nil
            }
        }
        guard !note.reasons.isEmpty else { return nil }
        self = note
    }
}
