/// SplitMix64: the same numbers for the same seed, on every machine. For simulations, demos and tests only.
/// - Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public struct Seeded: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(_ seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    public mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in `oneIn` on average.
    public mutating func flip(_ oneIn: Int = 2) -> Bool { int(1 ... oneIn) == 1 }

    /// - Parameter list: not empty.
    public mutating func pick<T>(_ list: [T]) -> T { list[int(0 ... list.count - 1)] }
}

/// A source of bytes from a seed that many tasks may share.
public final class SeededRandom: RandomSource {
    private let state: Locked<Seeded>

    public init(seed: UInt64) { state = Locked(Seeded(seed)) }

    public func next() -> UInt64 { state.with { $0.next() } }

    public func bytes(_ count: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(count + 8)
        while out.count < count {
            let word = next()
            for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
        }
        return Array(out.prefix(count))
    }
}
