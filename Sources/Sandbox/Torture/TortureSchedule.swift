internal import Kernel

/// The faults of one run and their order, drawn from a seed: the same seed and size give the same schedule.
public struct TortureSchedule: Sendable, Equatable {
    /// The two ledgers under torture, by their twins' names.
    public static let ledgers = ["qbo", "xero"]

    /// One fault, on one ledger.
    public struct Step: Sendable, Equatable, CustomStringConvertible {
        public var fault: TortureFault
        /// Only of faults that strike at points.
        public var point: ProtocolPoint?
        public var ledger: String

        public init(_ fault: TortureFault, at point: ProtocolPoint? = nil, _ ledger: String) {
            self.fault = fault
            self.point = point
            self.ledger = ledger
        }

        public var description: String { fault.rawValue + (point.map { " at \($0.rawValue)" } ?? "") + " on \(ledger)" }
    }

    /// How much is tortured.
    public enum Size: Sendable, Equatable {
        /// What fits a small day: every point once by a kill, the rest once where it costs little time.
        case small
        /// Every pair of fault and point, `rounds` times.
        case full(rounds: Int)
        /// Only these, in this order: for a run with a wall taken out on purpose.
        case only([TortureFault])
    }

    public let seed: UInt64
    public let size: Size
    /// Aimed before the first event: what befalls the making of references.
    public private(set) var first: [Step] = []
    public private(set) var morning: [Step] = []
    public private(set) var afternoon: [Step] = []
    /// At the end of each half, because they make a ledger's connection pause.
    public private(set) var morningPauses: [Step] = []
    public private(set) var afternoonPauses: [Step] = []
    public private(set) var required: [Step] = []

    /// Fewest documents of a run that has to hit every pair.
    public static let fullFrom = 200

    /// The size that fits so many documents.
    public static func size(for documents: Int) -> Size { documents < fullFrom ? .small : .full(rounds: min(8, 1 + documents / 1000)) }

    public init(seed: UInt64, size: Size) {
        self.seed = seed
        self.size = size
        let dice = Dice(seed: seed, stream: 0x70_72_74)
        switch size {
        case .only(let faults): drawOnly(faults)
        case .small: drawSmall(dice)
        case .full(let rounds): for round in 0 ..< rounds { drawRound(round, dice) }
        }
        if size != .small, case .full = size {
            morning = dice.shuffled(morning)
            afternoon = dice.shuffled(afternoon)
            required = TortureFault.allCases.flatMap { fault in fault.points.map { Step(fault, at: $0, "") } }
        }
    }

    /// Every pair that has to be hit.
    public var requiredPairs: [(fault: TortureFault, point: ProtocolPoint)] { required.compactMap { step in step.point.map { (step.fault, $0) } } }

    public var steps: [Step] { first + morning + morningPauses + afternoon + afternoonPauses }

    private mutating func drawOnly(_ faults: [TortureFault]) {
        for fault in faults {
            switch fault {
            case .tornReply: morning += Self.ledgers.flatMap { [Step(fault, at: .sendReply, $0), Step(fault, at: .sendReply, $0)] }
            case .stopPastLease: morning.append(Step(fault, at: .intentSend, "qbo"))
            case .leaseTaken: morning.append(Step(fault, at: .sendReply, "qbo"))
            default: morning += Self.ledgers.map { Step(fault, $0) }
            }
        }
    }

    private mutating func drawSmall(_ dice: Dice) {
        func any() -> String { dice.pick(Self.ledgers) }
        let kills = ProtocolPoint.allCases.map { Step(.kill, at: $0, any()) }
        let others = [
            Step(.stop, at: .intentSend, any()), Step(.tornReply, at: .sendReply, "qbo"), Step(.tornReply, at: .sendReply, "xero"),
            Step(.lostRequest, at: .sendReply, any()), Step(.postgresCrash, at: .replyCommit, any()),
        ]
        required = kills + others
        let rest = [Step(.leaseTaken, at: .sendReply, any()), Step(.tokenRevoked, "qbo"), Step(.tokenRevoked, "xero"), Step(.errorInSuccess, any()), Step(.killScheduler, any())]
        let all = dice.shuffled(kills + others + rest)
        morning = Array(all.prefix(all.count * 3 / 5))
        afternoon = Array(all.dropFirst(all.count * 3 / 5))
        afternoonPauses = [Step(.throttled, "xero"), Step(.unavailableStorm, any())]
    }

    private mutating func drawRound(_ round: Int, _ dice: Dice) {
        let swap = round % 2 == 1
        if round == 0 {
            first = [
                Step(.tornReply, at: .beforeIntent, "qbo"), Step(.lostRequest, at: .beforeIntent, "qbo"), Step(.lostRequest, at: .beforeIntent, "xero"),
                Step(.tornReply, at: .beforeIntent, "xero"),
            ]
        }
        var pairs: [Step] = []
        for (index, fault) in [TortureFault.kill, .stop, .postgresCrash, .tornReply, .lostRequest].enumerated() {
            for (place, point) in fault.points.enumerated() where point != .beforeIntent || [.kill, .stop, .postgresCrash].contains(fault) {
                pairs.append(Step(fault, at: point, Self.ledgers[(index + place + (swap ? 1 : 0)) % 2]))
            }
        }
        // What is found again and what is not, on both sides, whatever the round.
        pairs += [Step(.tornReply, at: .sendReply, swap ? "xero" : "qbo"), Step(.kill, at: .sendReply, swap ? "qbo" : "xero")]
        pairs += [Step(.errorInSuccess, "qbo"), Step(.errorInSuccess, "xero")]
        pairs += [Step(.tokenRevoked, "qbo"), Step(.tokenRevoked, "xero"), Step(.lostRefreshAnswer, swap ? "xero" : "qbo"), Step(.secondRefresher, swap ? "qbo" : "xero")]
        pairs += [Step(.leaseTaken, at: .sendReply, swap ? "qbo" : "xero"), Step(.killScheduler, "qbo"), Step(.killControlPlane, "xero")]
        pairs += [Step(.stopPastLease, at: .intentSend, swap ? "xero" : "qbo")]
        let mixed = dice.shuffled(pairs)
        // As the day's events are: three fifths before noon.
        morning += mixed.prefix(mixed.count * 3 / 5)
        afternoon += mixed.dropFirst(mixed.count * 3 / 5)
        morningPauses += [Step(.throttledSilently, "xero"), Step(.retryAfterNegative, "xero"), Step(.unavailableStorm, "qbo")]
        if round == 0 { morningPauses.append(Step(.throttledSilently, "qbo")) }
        afternoonPauses += [Step(.throttled, "xero"), Step(.retryAfterPast, "xero"), Step(.unavailableStorm, "xero")]
        // A ledger that asks for the absurd is given five minutes: only where the day is long. The shop is given seconds.
        afternoonPauses.append(Step(.retryAfterAbsurd, round == 0 ? "shopify" : swap ? "xero" : "qbo"))
    }
}
