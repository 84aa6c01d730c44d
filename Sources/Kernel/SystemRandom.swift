internal import CSystem

/// The kernel's random bytes (getrandom(2)).
public struct SystemRandom: RandomSource {
    public init() {}

    public func bytes(_ count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let code = buffer.withUnsafeMutableBytes { cf_random($0.baseAddress, $0.count) }
        precondition(code == 0, "getrandom failed with error \(-code)")
        return buffer
    }
}

/// SplitMix64: the same bytes for the same seed, on every machine. For simulations, demos and tests only.
public final class SeededRandom: RandomSource {
    private let state: Locked<UInt64>

    public init(seed: UInt64) { state = Locked(seed) }

    public func next() -> UInt64 {
        state.with { value in
            value &+= 0x9e37_79b9_7f4a_7c15
            var z = value
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

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
