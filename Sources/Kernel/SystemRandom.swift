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
