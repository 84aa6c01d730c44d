import Books
import Kernel
import Testing

@Suite("Allocation and tax arithmetic")
struct AllocationTests {
    @Test("shares sum to the amount and each is within one unit of its exact share", arguments: 1 ... 200)
    func shares(seed: Int) {
        var chance = Seeded(UInt64(seed))
        let amount = Int64(chance.int(-100_000 ... 100_000))
        let weights: [Int64] = (0 ..< chance.int(1 ... 12)).map { _ in
            Int64(chance.flip(5) ? 0 : chance.int(0 ... 50_000))
        }
        let shares = Allocation.shares(of: amount, weights: weights)
        #expect(shares.reduce(0, +) == amount && shares.count == weights.count)
        let sum = weights.reduce(0, +)
        guard sum > 0 else { return }
        for (share, weight) in zip(shares, weights) {
            // |share - amount × weight / sum| < 1, in whole numbers.
            #expect(abs(share * sum - amount * weight) < sum)
            if weight == 0 { #expect(share == 0) }
        }
    }

    @Test("a tie goes to the earlier line")
    func tie() {
        #expect(Allocation.shares(of: 502, weights: [2000, 1500, 1500]) == [201, 151, 150])
        #expect(Allocation.shares(of: 1, weights: [1, 1]) == [1, 0])
        #expect(Allocation.shares(of: -1, weights: [1, 1]) == [-1, 0])
    }

    @Test("weights of nothing count as equal, no lines take nothing")
    func degenerate() {
        #expect(Allocation.shares(of: 5, weights: [0, 0]) == [3, 2])
        #expect(Allocation.shares(of: 5, weights: []).isEmpty)
    }

    @Test("a running total ends at the whole, whatever the steps", arguments: 1 ... 100)
    func running(seed: Int) {
        var chance = Seeded(UInt64(seed))
        let (n, amount) = (chance.int(1 ... 30), Money(minor: Int64(chance.int(0 ... 99_999)), .usd))
        var last = Money.zero(.usd)
        for k in 1 ... n {
            let now = Allocation.upTo(ExactDecimal(k), of: ExactDecimal(n), amount: amount)
            #expect(now.minor >= last.minor)
            last = now
        }
        #expect(last == amount)
        #expect(Allocation.upTo(ExactDecimal(n + 1), of: ExactDecimal(n), amount: amount) == amount)
    }

    @Test("fractional units work as whole ones do")
    func fractions() {
        let amount = Money(minor: 1_000, .usd)
        #expect(Allocation.upTo(d("0.5"), of: d("1.50"), amount: amount).minor == 333)
        #expect(Allocation.upTo(d("1.5"), of: d("1.50"), amount: amount).minor == 1_000)
    }

    @Test("contained tax rounds half up where half even would not: 19.47 at 20 % holds 3.25")
    func contained() {
        #expect(Tax.contained(in: Money(minor: 1_947, .gbp), rate: d("0.2"), sum: d("0.2")).text == "3.25")
        #expect(Tax.charged(on: Money(minor: 5_697, .usd), rate: d("0.029")).text == "1.65")
        #expect(Tax.stripped(Money(minor: 503, .gbp), sum: d("0.2")).text == "4.19")
        #expect(Tax.code("US-NY-MCTD", rate: d("0.00375")) == "US-NY-MCTD@0.375")
        #expect(Tax.code("GB", rate: .zero) == "GB@0")
        #expect(Tax.code("GB", rate: nil) == "GB")
    }

    @Test("short names differ where titles differ only at the end, keep whole characters, and stay the same")
    func names() {
        let a = String(repeating: "Hand-thrown platter ", count: 8) + "gift boxed – Édition"
        let b = String(repeating: "Hand-thrown platter ", count: 8) + "without box – Édition"
        let (x, y) = (shortName(a, limit: 100), shortName(b, limit: 100))
        #expect(x != y && x.count <= 100 && y.count <= 100)
        #expect(x == shortName(a, limit: 100))
        #expect(x.hasPrefix("Hand-thrown platter Hand-thrown"))
        #expect(shortName("Short", limit: 5) == "Short")
        let flags = String(repeating: "👩‍👩‍👧‍👦", count: 40)
        #expect(shortName(flags, limit: 20).count <= 20)
        #expect(shortName(flags, limit: 20).hasPrefix("👩‍👩‍👧‍👦"))
        #expect(shortName("abcdefghijklm", limit: 4).count == 4)
    }

    @Test("ten thousand titles that share a beginning get ten thousand names")
    func manyNames() {
        let head = String(repeating: "x", count: 120)
        let names = Set((0 ..< 10_000).map { shortName(head + String($0), limit: 50) })
        #expect(names.count == 10_000)
    }
}
