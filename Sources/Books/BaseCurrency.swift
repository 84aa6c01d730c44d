internal import Kernel

/// Base-currency values are cumulative: what was rounded before is taken off what is rounded now, so that base ends
/// at zero with the foreign amount.
struct BaseRunning {
    private var foreign: [String: Int64] = [:]
    private var base: [String: Int64] = [:]
    /// Taxes of the sale by code, in both currencies: the last refund takes what is left.
    private var charged: [String: (foreign: Int64, base: Int64)] = [:]

    /// The base value of the next `amount` under `key`.
    mutating func next(_ amount: Money, _ key: String, rate: ExactDecimal, _ currency: Currency) -> Money {
        let total = foreign[key, default: 0] + amount.minor
        let before = base[key, default: 0]
        var upTo = Money(rounding: Money(minor: total, amount.currency).decimal * rate, currency).minor
        if let whole = charged[key], whole.foreign == total { upTo = whole.base }
        foreign[key] = total
        base[key] = upTo
        return Money(minor: upTo - before, currency)
    }

    /// Remembers the taxes of a sale document, credited.
    mutating func charge(_ lines: [PostingLine]) {
        for line in lines where line.part == .tax {
            guard let base = line.base else { continue }
            let known = charged[BaseRunning.tax(line), default: (0, 0)]
            charged[BaseRunning.tax(line)] = (known.foreign - line.amount.minor, known.base - base.minor)
        }
    }

    static func tax(_ line: PostingLine) -> String { "tax:\(line.role.text):\(line.taxCode ?? "")" }
}

extension [PostingLine] {
    /// Gives every line its base value. Lines that have one keep it; the others take what balances the document:
    /// exact values floored towards minus infinity, left-over units by largest remainder. The unit that is floored is
    /// the sum per role, side, tax code and dimension.
    mutating func addBase(rate: ExactDecimal, currency: Currency) {
        let given: Int64 = compactMap(\.base?.minor).reduce(0, +)
        var units: [(key: Unit, lines: [Int])] = []
        for i in indices where self[i].base == nil {
            if self[i].amount.isZero {
                self[i].base = .zero(currency)
                continue
            }
            let key = Unit(self[i])
            if let at = units.firstIndex(where: { $0.key == key }) {
                units[at].lines.append(i)
            } else {
                units.append((key, [i]))
            }
        }
        guard !units.isEmpty else { return }
        // Signed so that they sum to a positive total: discounts count negative.
        let flip: Int64 = given > 0 ? -1 : 1
        let shortest = rate.shortest
        let from = first?.amount.currency.decimals ?? 2
        let (up, down) = (power(Swift.max(0, currency.decimals - from)), power(Swift.max(0, from - currency.decimals)))
        let numerators: [Int128] = units.map { unit in
            let sum: Int64 = unit.lines.map { self[$0].amount.minor }.reduce(0, +)
            return Int128(sum * flip) * shortest.coefficient * up
        }
        let shares = Allocation.signedShares(
            total: Int128(-given * flip), numerators: numerators, denominator: power(shortest.scale) * down)
        for (unit, share) in zip(units, shares) {
            let parts = Allocation.shares(of: share, weights: unit.lines.map { abs(self[$0].amount.minor) })
            for (i, part) in zip(unit.lines, parts) { self[i].base = Money(minor: part * flip, currency) }
        }
    }

    private func power(_ n: Int) -> Int128 { (0 ..< n).reduce(Int128(1)) { product, _ in product * 10 } }

    private struct Unit: Equatable {
        var role: Role
        var debit: Bool
        var code: String?
        var dimension: [String: String]

        init(_ line: PostingLine) {
            role = line.role
            debit = line.amount.minor > 0
            code = line.taxCode
            dimension = line.dimension
        }
    }
}
