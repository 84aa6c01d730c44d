/// Visits every state that can be reached from one, breadth first.
struct Explorer<State> {
    /// Two states with the same name are one.
    var name: (State) -> String
    var moves: (State) -> [(what: String, state: State)]
    /// What is broken in a state; `nil`: nothing.
    var broken: (State) -> String?
    /// Where a run may end.
    var isGoal: (State) -> Bool = { _ in true }
    /// More than this is a mistake in the model.
    var statesMost = 400_000

    struct Result {
        var states = 0
        var moves = 0
        /// The shortest way to something broken, or to a state from where no goal can be reached.
        var failure: [String]?
    }

    func explore(from first: State) -> Result {
        var result = Result()
        var states = [first]
        var places = [name(first): 0]
        var back: [(from: Int, what: String)] = [(-1, "start")]
        var edges: [(from: Int, to: Int)] = []
        func way(to i: Int, _ end: String) -> [String] {
            var out = [end], at = i
            while at >= 0 {
                out.append("\(back[at].what): \(name(states[at]))")
                at = back[at].from
            }
            return out.reversed()
        }
        var at = 0
        while at < states.count {
            if let why = broken(states[at]) {
                result.failure = way(to: at, why)
                return result
            }
            for (what, next) in moves(states[at]) {
                result.moves += 1
                let key = name(next)
                if let known = places[key] {
                    edges.append((at, known))
                    continue
                }
                guard states.count < statesMost else {
                    result.failure = ["more than \(statesMost) states"]
                    return result
                }
                places[key] = states.count
                edges.append((at, states.count))
                back.append((at, what))
                states.append(next)
            }
            at += 1
        }
        result.states = states.count
        if let stuck = stuck(states, edges) { result.failure = way(to: stuck, "no goal can be reached from here") }
        return result
    }

    /// A state from which no goal can be reached.
    private func stuck(_ states: [State], _ edges: [(from: Int, to: Int)]) -> Int? {
        var into = [[Int]](repeating: [], count: states.count)
        for (from, to) in edges { into[to].append(from) }
        var good = states.map(isGoal)
        var open = good.indices.filter { good[$0] }
        while let to = open.popLast() {
            for from in into[to] where !good[from] {
                good[from] = true
                open.append(from)
            }
        }
        return good.firstIndex(of: false)
    }
}
