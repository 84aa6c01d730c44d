internal import ConnectorKit
internal import Kernel
internal import Store
internal import Telemetry

extension Courier {
    /// The platform's own count. The answer is there already: whatever goes wrong here must not change what it means.
    func book(_ readings: [BudgetReading], _ trip: Trip) async {
        for reading in readings {
            do throws(Fault) {
                try await store.correct(tenant, trip.id, name: reading.name, remaining: reading.remaining)
            } catch { log.fault(.failed, error) }
        }
    }

    /// The budget of calls that cost none: there only to be paused.
    private static let uncosted = "calls"

    /// Every budget of the connection that a call can be charged to.
    func allNames(_ spec: PlatformSpec) -> [String] { spec.limits.filter { $0.scope == .connection }.map(\.name) + [Courier.uncosted] }

    /// Of budgets that last a day or longer, calls that can wait leave one part in so many.
    private static let reserve = 10

    /// What the call costs of the connection's own budgets; a call that costs none is counted all the same, so that it can be paused. A long budget of the
    /// whole app is one of them too: what is refused for its sake rests by itself, while calls that do not cost of it go on.
    func charges(_ call: Call, _ spec: PlatformSpec, canWait: Bool = false) -> [BudgetCharge] {
        // Our windows and the platform's begin at different moments: two of ours may fall into one of theirs. Where being wrong costs far more
        // than the window lasts, only half is spent.
        let own = spec.limits.filter { ($0.scope == .connection || $0.isShared) && (call.cost[$0.name] ?? 0) > 0 }
            .map { limit in
                BudgetCharge(
                    name: limit.name, amount: limit.window < .seconds(5) ? max(1, limit.amount / 2) : limit.amount, window: limit.window,
                    cost: call.cost[limit.name] ?? 0, reserve: canWait && limit.isLong ? limit.amount / Courier.reserve : 0)
            }
        return own.isEmpty ? [BudgetCharge(name: Courier.uncosted, amount: 1_000_000, window: .seconds(60), cost: 1)] : own
    }

    /// Rounds of waiting for room in a budget: where others are always faster, it goes back to the queue.
    private static let roundsMost = 100

    /// Takes the call's units from every budget, waiting for short windows; longer waits go back to the queue.
    func charge(_ call: Call, _ trip: Trip) async throws(Fault) {
        let own = charges(call, trip.spec, canWait: trip.canWait)
        var rounds = 0
        while let wait = try await store.take(tenant, trip.id, own) { try await hold(wait, &rounds, trip) }
        for limit in trip.spec.limits where limit.scope == .app {
            guard let cost = call.cost[limit.name], cost > 0 else { continue }
            let amount = trip.canWait && limit.isLong ? limit.amount - limit.amount / Courier.reserve : limit.amount
            while let wait = try await store.takeApp(
                platform: trip.spec.id, name: limit.name, amount: amount, window: limit.window, cost: cost) { try await hold(wait, &rounds, trip) }
        }
    }

    private func hold(_ wait: Duration, _ rounds: inout Int, _ trip: Trip) async throws(Fault) {
        metrics.count(.throttled, ("platform", trip.spec.id))
        rounds += 1
        guard wait <= Backoff.insideMost, rounds <= Courier.roundsMost, clocks.monotonic() + wait < deadline() else {
            if lines[trip.id]?.circuit.isOpen == true { throw Courier.circuitOpen(trip.spec, wait) }
            throw Fault(
                "budget_spent", stage: .courier, disposition: .wait, summary: "the request budget of \(trip.spec.name) is spent",
                remedy: "Nothing to do: work goes on when the window turns.", retryAfter: wait)
        }
        try await pause(wait)
    }
}
