internal import Glibc
internal import Kernel
internal import Wire

/// One floor measured beside a ceiling (as fast as C can) and a peer (what others would use), in rounds that take turns.
protocol Bench: SendableMetatype {
    static var name: String { get }
    /// What is measured against what, in one line.
    static var summary: String { get }
    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar]
}

/// One thing a bench demands, with what came of it.
struct Bar: Sendable {
    var name: String
    /// Achieved over required; 1 and more passes.
    var ratio: Double
    var ours: Double
    var required: Double
    var ceiling: Double?
    var peer: Double?
    var unit: String

    var passes: Bool { ratio >= 1 }

    /// More is better: `ours` against a share of what the ceiling did in the same rounds.
    static func share(_ name: String, of share: Double, _ rounds: Rounds, ours: String, ceiling: String, peer: String? = nil, unit: String) -> Bar {
        let ratio = rounds.median(of: ours, over: ceiling) / share
        let top = rounds.median(ceiling)
        return Bar(name: name, ratio: ratio, ours: rounds.median(ours), required: top * share, ceiling: top, peer: peer.map { rounds.median($0) }, unit: unit)
    }

    /// More is better: `ours` against a share of the peer's.
    static func ahead(_ name: String, of peer: String, by share: Double = 1, _ rounds: Rounds, ours: String, ceiling: String? = nil, unit: String) -> Bar {
        let theirs = rounds.median(peer)
        return Bar(
            name: name, ratio: rounds.median(of: ours, over: peer) / share, ours: rounds.median(ours), required: theirs * share,
            ceiling: ceiling.map { rounds.median($0) }, peer: theirs, unit: unit)
    }

    /// More is better: an absolute figure.
    static func atLeast(_ name: String, _ required: Double, _ rounds: Rounds, ours: String, ceiling: String? = nil, peer: String? = nil, unit: String) -> Bar {
        let value = rounds.median(ours)
        return Bar(
            name: name, ratio: value / required, ours: value, required: required, ceiling: ceiling.map { rounds.median($0) }, peer: peer.map { rounds.median($0) },
            unit: unit)
    }

    /// Less is better: an absolute figure, and where a peer is given also less than the peer's.
    static func atMost(_ name: String, _ required: Double, _ rounds: Rounds, ours: String, ceiling: String? = nil, peer: String? = nil, unit: String) -> Bar {
        let value = rounds.median(ours)
        let limit = min(required, peer.map { rounds.median($0) } ?? .infinity)
        return Bar(
            name: name, ratio: limit / max(value, limit / 100), ours: value, required: limit, ceiling: ceiling.map { rounds.median($0) },
            peer: peer.map { rounds.median($0) }, unit: unit)
    }

    var json: JSON {
        .object([
            ("name", .string(name)), ("ratio", figure(ratio)), ("ours", figure(ours)), ("required", figure(required)),
            ("ceiling", ceiling.map(figure) ?? .null), ("peer", peer.map(figure) ?? .null), ("unit", .string(unit)),
        ])
    }
}

/// What a bench came to: its ratio is that of its worst bar.
struct BenchResult: Sendable {
    var bench: String
    var bars: [Bar]

    var ratio: Double { bars.map(\.ratio).min() ?? 0 }

    var json: JSON {
        .object([("bench", .string(bench)), ("ratio", figure(ratio)), ("parts", .array(bars.map(\.json)))])
    }
}

/// Measurements by name, one a round. Rates are compared round by round: both sides of a round had the same neighbours.
struct Rounds: Sendable {
    private var samples: [String: [Double]] = [:]

    mutating func add(_ name: String, _ value: Double) { samples[name, default: []].append(value) }

    func median(_ name: String) -> Double { middle(samples[name] ?? []) }

    func median(of name: String, over other: String) -> Double {
        // Beside nothing, nothing passes.
        middle(zip(samples[name] ?? [], samples[other] ?? []).map { $1 > 0 ? $0 / $1 : 0 })
    }

    private func middle(_ values: [Double]) -> Double {
        precondition(!values.isEmpty, "a bench compares what none of its rounds has measured")
        let sorted = values.sorted()
        let half = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
    }
}

/// The value below which `share` of the sorted samples lie.
func percentile(_ sorted: [Double], _ share: Double) -> Double {
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}

/// A JSON number with as many digits as a figure deserves.
func figure(_ value: Double) -> JSON { .number(figureText(value)) }

func figureText(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "0" }
    if value.magnitude >= 1000 { return String(Int(value.rounded())) }
    let thousandths = Int((value * 1000).rounded())
    let fraction = String(thousandths.magnitude % 1000)
    return (thousandths < 0 ? "-" : "") + "\(thousandths.magnitude / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
}

/// Seconds on the monotonic clock.
func secondsNow() -> Double { SystemClocks().monotonic().inSeconds }

/// Seconds that this thread has been on a core: what neighbours took does not count.
func coreSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
