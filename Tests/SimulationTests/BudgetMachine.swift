import Kernel
@testable import Store

/// Two budgets of one connection, taken from by whoever comes, in steps of a second.
struct BudgetMachine {
    static let charges = [
        BudgetCharge(name: "short", amount: 2, window: .seconds(3), cost: 1), BudgetCharge(name: "long", amount: 4, window: .seconds(7), cost: 1),
    ]
    static let horizon = 11

    var tables = Simulation.emptyTables()
    var now = 0
    /// When charges were made, in the last longest window.
    var granted: [Int] = []
    var pausedUntil = 0
    var pauses = 0
    var wrong: String?

    static var explorer: Explorer<BudgetMachine> {
        Explorer(
            name: { m in
                let budgets = m.tables.budgets.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.used) \($0.value.start) \($0.value.paused ?? 0)" }
                return "\(m.now) \(budgets) \(m.granted) \(m.pausedUntil) \(m.wrong ?? "")"
            },
            moves: { $0.moves() },
            broken: { m in
                if let wrong = m.wrong { return wrong }
                for c in charges {
                    if let b = m.tables.budgets[c.name], b.used > c.amount { return "\(c.name): \(b.used) of \(c.amount)" }
                    let window = Int(c.window.wholeMilliseconds) / 1000
                    for end in m.granted where m.granted.filter({ $0 > end - window && $0 <= end }).count > 2 * c.amount {
                        return "\(c.name): too many within one window"
                    }
                }
                return nil
            })
    }

    private func with(_ what: String, _ change: (inout BudgetMachine) -> Void) -> (what: String, state: BudgetMachine) {
        var next = self
        change(&next)
        return (what, next)
    }

    func moves() -> [(what: String, state: BudgetMachine)] {
        guard wrong == nil, now < BudgetMachine.horizon else { return [] }
        var out = [
            with("a second passes") { m in
                m.now += 1
                m.granted.removeAll { $0 <= m.now - 7 }
            },
            with("somebody takes") { m in
                guard let wait = m.tables.take(BudgetMachine.charges, m.now * 1000) else {
                    if m.now < m.pausedUntil { m.wrong = "charged during a pause" }
                    m.granted.append(m.now)
                    return
                }
                // Alone, whoever waits as told is served.
                var later = m.tables
                if later.take(BudgetMachine.charges, m.now * 1000 + wait) != nil { m.wrong = "told to wait \(wait) ms, and not served then" }
            },
        ]
        if pauses < 2 {
            out.append(with("the platform says stop") { m in
                m.pauses += 1
                m.tables.pause("short", 2000, m.now * 1000)
                m.pausedUntil = m.now + 2
            })
        }
        return out
    }
}
