#if SABOTAGE
import Kernel
import Testing

/// The simulation's teeth: with a wall of the protocol taken out it has to notice, and soon.
@Suite("Simulation with a wall taken out") struct SabotageTests {
    /// Seeds it may take to notice.
    private static let seedsMost: UInt64 = 4000

    private func failure(_ wall: Sabotage) async -> Simulation.Outcome? {
        await onOwnThread {
            Sabotage.$chosen.withValue(wall) {
                for seed in 0 ..< SabotageTests.seedsMost {
                    let outcome = Simulation.run(seed)
                    if let why = outcome.violation {
                        print("without \(wall.rawValue): seed \(seed): \(why)")
                        return outcome
                    }
                }
                return nil
            }
        }
    }

    @Test("recovery that does not look is caught") func skipFind() async {
        let found = await failure(.skipFind)
        #expect(found?.violation?.contains("two live documents") ?? false, "\(found?.violation ?? "nothing noticed")")
    }

    @Test("an intent without a lease is caught") func skipEpoch() async {
        let found = await failure(.skipEpoch)
        #expect(found?.violation?.contains("without a live lease") ?? false, "\(found?.violation ?? "nothing noticed")")
    }

    @Test("a send that may outlast its lease is caught") func skipDeadline() async {
        let found = await failure(.skipDeadline)
        #expect(found?.violation?.contains("the lease ends") ?? false, "\(found?.violation ?? "nothing noticed")")
    }

    @Test("a second send while the first is unknown is caught") func doubleIntent() async {
        let found = await failure(.doubleIntent)
        #expect(found?.violation?.contains("sent again while") ?? false, "\(found?.violation ?? "nothing noticed")")
    }
}
#endif
