import Dispatch
import Glibc
import Kernel
import Testing

/// Runs away from the cooperative pool: the driver never waits, and a simulation must not starve the tests beside it.
func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        DispatchQueue(label: "simulation").async { continuation.resume(returning: body()) }
    }
}

/// What a batch of seeds came to.
struct Batch: Sendable {
    var runs = 0
    var steps = 0
    var lasted = 0
    var counts = World.Counts()
    var failure: Simulation.Outcome?

    /// `COUNTERFOIL_SEEDS=5753` or `0-1000000`: other seeds than the usual ones, to replay one or to search for longer.
    static let asked: [Range<UInt64>] = {
        guard let text = getenv("COUNTERFOIL_SEEDS").map({ String(cString: $0) }) else { return [0 ..< 10_000, 10_000 ..< 20_000] }
        let ends = text.split(separator: "-").compactMap { UInt64($0) }
        guard let first = ends.first else { return [] }
        return [first ..< max(first + 1, ends.last ?? first)]
    }()

    /// Runs seeds until one breaks something; that one runs again with its trace.
    static func run(_ seeds: Range<UInt64>) async -> Batch {
        await onOwnThread {
            var batch = Batch()
            for seed in seeds {
                let outcome = Simulation.run(seed)
                batch.runs += 1
                batch.steps += outcome.steps
                batch.lasted += outcome.lasted
                batch.counts += outcome.counts
                if outcome.violation != nil {
                    batch.failure = Simulation.run(seed, traces: true)
                    break
                }
            }
            return batch
        }
    }

    func report(_ failure: Simulation.Outcome) -> Comment {
        "seed \(failure.seed): \(failure.violation ?? "it does not replay")\n\(failure.trace.suffix(400).joined(separator: "\n"))"
    }
}

@Suite("Simulation of the posting protocol") struct SimulationTests {
    @Test("any seed of faults, crashes, freezes and takeovers leaves each document in the ledger once, with the right amount", arguments: Batch.asked)
    func seeds(_ seeds: Range<UInt64>) async {
        let began = ContinuousClock.now
        let batch = await Batch.run(seeds)
        let size = "\(batch.runs) runs, \(batch.steps) steps, \(batch.lasted / 3_600_000) simulated hours"
        print("simulation: \(size), \(batch.counts) in \(ContinuousClock.now - began)")
        #expect(batch.counts.late > 0, "no process stood still right before a request")
        if let failure = batch.failure { Issue.record(batch.report(failure)) }
    }

    @Test("a seed replays identically") func replays() async {
        let pairs = await onOwnThread { (0 ..< 50 as Range<UInt64>).map { (Simulation.run($0), Simulation.run($0, traces: true)) } }
        for (one, two) in pairs {
            #expect(one.digest == two.digest, "seed \(one.seed)")
            #expect(one.steps == two.steps && one.lasted == two.lasted, "seed \(one.seed)")
        }
        #expect(Set(pairs.map(\.0.digest)).count > 45)
    }
}
