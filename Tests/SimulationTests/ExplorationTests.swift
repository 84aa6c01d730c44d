import Books
@testable import Courier
import Kernel
@testable import Pipeline
@testable import Store
import Testing

/// Every interleaving of the small machines, to a bounded depth. Decisions are the production code's (`Recover`, `TokenRefresh`); what the
/// database does is `Tables`, which `DifferentialTests` holds against it.
@Suite("Exhaustive exploration") struct ExplorationTests {
    private func report<S>(_ what: String, _ result: Explorer<S>.Result) {
        print("exploration of \(what): \(result.states) states, \(result.moves) moves")
        #expect(result.failure == nil, "\(result.failure?.joined(separator: "\n") ?? "")")
    }

    @Test("intent: at most one live document, never two requests under way, and every state can still come to posted") func intent() {
        report("intent", IntentMachine.explorer(unique: false).explore(from: IntentMachine()))
        report("intent, unique numbers", IntentMachine.explorer(unique: true).explore(from: IntentMachine()))
    }

    #if SABOTAGE
    @Test("intent: recovery that does not look is found by exploration too") func intentSabotaged() {
        let result = Sabotage.$chosen.withValue(.skipFind) { IntentMachine.explorer(unique: false).explore(from: IntentMachine()) }
        #expect(result.failure?.last?.contains("two requests are under way") ?? false)
    }
    #endif

    @Test("lease: no two holders have a request under way, and the tenant never stays without a worker") func lease() {
        report("lease", LeaseMachine.explorer.explore(from: LeaseMachine()))
    }

    #if SABOTAGE
    @Test("lease: an intent without a lease is found by exploration too") func leaseSabotaged() {
        let result = Sabotage.$chosen.withValue(.skipEpoch) { LeaseMachine.explorer.explore(from: LeaseMachine()) }
        #expect(result.failure?.last?.contains("without a lease") ?? false)
    }
    #endif

    @Test("refresh: no token is used before it is saved, and neither a lost answer nor a second owner costs the grant") func refresh() {
        report("refresh, one owner and a misfortune", RefreshMachine.explorer.explore(from: RefreshMachine(owners: 1, misfortunes: 1)))
        report("refresh, two owners", RefreshMachine.explorer.explore(from: RefreshMachine(owners: 2, misfortunes: 0)))
    }

    @Test("budget: never more than the limit in a window nor twice that in any, and whoever waits as told is served") func budget() {
        report("budget", BudgetMachine.explorer.explore(from: BudgetMachine()))
    }
}
