import Books
import Kernel
@testable import Store

/// One run of one seed.
struct Simulation {
    struct Outcome: Sendable {
        var seed: UInt64
        var violation: String?
        var digest: UInt64
        var steps: Int
        /// Simulated time it took to come to rest, milliseconds.
        var lasted: Int
        var counts: World.Counts
        var trace: [String]
    }

    /// Jobs and events of one run at most.
    private static let stepsMost = 60_000
    /// Simulated time of one run at most: two hours.
    private static let lastsMost = 7_200_000

    /// Tables with a connection and nothing else.
    static func emptyTables() -> Tables {
        Tables(
            flow: World.flow,
            connection: ConnectionRow(
                id: World.connection, slug: "sim", platform: "sim", account: "sim", baseURL: "http://sim", settings: [], state: "live",
                credential: World.credential(1), credentialBefore: nil, credentialVersion: 1, watermark: nil))
    }

    static func run(_ seed: UInt64, traces: Bool = false) -> Outcome {
        let world = World.make(seed, traces: traces)
        world.open()
        var steps = 0
        var rested = false
        while !rested, world.with({ $0.violation }) == nil {
            steps += 1
            if steps > stepsMost || world.with({ $0.now }) > lastsMost {
                world.violate("it never rests: \(world.with { state in state.atRest() ?? "but all is settled" })")
                break
            }
            switch world.choose() {
            case .run(let lane, let index): lane.run(index)
            case .befall(let mishap, let proc): world.befall(mishap, proc)
            case .happen(let due): due.happen(false)
            case .rest: rested = true
            }
        }
        if rested, let why = world.with({ $0.atRest() }) { world.violate(why) }
        world.dismiss()
        return world.with { state in
            Outcome(
                seed: seed, violation: state.violation, digest: state.digest, steps: steps, lasted: state.now, counts: state.counts, trace: state.trace)
        }
    }
}

extension World {
    enum Step: Sendable {
        case run(Lane, Int)
        case befall(Mishap, Int)
        case happen(Due)
        case rest
    }

    /// What happens next: a job of some process, or, when none can go on (and at times before that), the next event.
    func choose() -> Step {
        next { state in
            var ready = 0, chosen = -1, jobs = 0
            for id in state.alive where !state.procs[id].frozen {
                let waiting = state.procs[id].lane.waiting
                if waiting == 0 { continue }
                ready += 1
                // Each of those that are ready with the same chance.
                if ready == 1 || state.dice.below(ready) == 0 { (chosen, jobs) = (id, waiting) }
            }
            if ready > 0 {
                state.jobsRun += 1
                if let mishap = state.mishaps.last, mishap.after <= state.jobsRun {
                    state.mishaps.removeLast()
                    return .befall(mishap, chosen)
                }
                // A busy machine: something else happens first.
                if state.dice.below(16) == 0, let next = state.due.last, next.at - state.now < 2000 { return state.advance() }
                return .run(state.procs[chosen].lane, jobs == 1 ? 0 : state.dice.below(jobs))
            }
            state.looks += 1
            if state.looks % 8 == 0, state.isSettled, state.alive.allSatisfy({ state.procs[$0].lane.waiting == 0 }),
                state.tables.intents.allSatisfy({ $0.state != "open" }) { return .rest }
            return state.due.isEmpty ? .rest : state.advance()
        }
    }

    /// Lets everybody go: whoever waits hears that it is over and every task ends.
    func dismiss() {
        var left: [Due] = with { state in
            state.over = true
            defer { state.due = [] }
            return state.due
        }
        let lanes = with { $0.procs.map(\.lane) }
        for _ in 0 ..< 1000 {
            for due in left { due.happen(true) }
            for lane in lanes {
                while lane.waiting > 0 { lane.run(0) }
            }
            left = with { state in
                defer { state.due = [] }
                return state.due
            }
            if left.isEmpty { return }
        }
    }
}

extension World.State {
    mutating func advance() -> World.Step {
        guard let next = due.popLast() else { return .rest }
        now = max(now, next.at)
        return .happen(next)
    }
}

extension World {
    /// A world of this seed: how the ledger behaves, what goes wrong and when, which documents there are.
    static func make(_ seed: UInt64, traces: Bool) -> World {
        var dice = Seeded(seed)
        let keys = (0 ..< dice.pick([1, 1, 2, 2, 3])).map { i in String(repeating: "0", count: 15) + String(i) }
        var nature = RemoteLedger.Nature()
        nature.batch = dice.pick([1, 1, 3])
        nature.uniqueNumbers = dice.percent(30)
        nature.nativeKeys = dice.percent(30)
        nature.searchable = !dice.percent(8)
        nature.settles = dice.pick([0, 0, 2000, 30_000])
        nature.refusesBatches = dice.percent(50)
        if dice.percent(15) { nature.poison = [dice.pick(keys)] }
        nature.oauth = dice.percent(40)
        nature.perMinute = dice.pick([8, 60, 60])
        nature.perSecond = dice.pick([2, 10])
        nature.tells = dice.percent(10)
        var faults = FaultRates()
        if dice.percent(85) {
            faults.calm = dice.within(5000 ... 120_000)
            func rate(_ most: Int) -> Int { dice.percent(50) ? dice.below(most + 1) : 0 }
            faults = FaultRates(
                calm: faults.calm, lost: rate(25), slow: rate(25), torn: rate(30), tooMany: rate(15), down: rate(10), broken: rate(15), notSent: rate(10),
                storeSlow: rate(15), storeRefused: rate(5), storeAnswerLost: rate(8))
        }
        var mishaps: [Mishap] = []
        for _ in 0 ..< dice.pick([0, 1, 1, 2, 3]) {
            mishaps.append(Mishap(after: dice.below(dice.pick([30, 80, 200])), kind: dice.pick(Mishap.Kind.allCases), lasts: dice.within(1000 ... 110_000)))
        }
        mishaps.sort { $0.after > $1.after }
        var state = State(
            dice: dice, tables: Simulation.emptyTables(), ledger: RemoteLedger(nature),
            provider: TokenProvider(life: dice.pick([50_000, 120_000, 3_600_000])), faults: faults, mishaps: mishaps, plans: 0)
        state.guards.savedTokens = ["a1", "r1"]
        for (i, text) in keys.enumerated() {
            guard let key = PostKey(text) else { continue }
            let appliesTo = i > 0 && state.dice.percent(25) ? PostKey(keys[0]) : nil
            _ = state.tables.clear(World.row(key, form: appliesTo == nil ? "invoice" : "payment", amount: state.dice.within(1 ... 999), appliesTo: appliesTo), 0)
        }
        state.plans = state.dice.pick([0, 0, 1, 2])
        return World(state, traces: traces)
    }

    static func row(_ key: PostKey, form: String = "invoice", effect: String = "post", revision: Int = 1, amount: Int, appliesTo: PostKey? = nil) -> PostingRow {
        PostingRow(
            key: key, flow: World.flow, ledger: World.connection, caseID: "case", subject: key.text, form: form, generation: 0, revision: revision,
            effect: effect, state: "mapped", plan: [123, 125], planDigest: [UInt8(amount & 255)], sent: nil, sentDigest: nil, reference: key.text,
            date: LocalDate(daysSince1970: 20_000), currency: "USD", totalMinor: Int64(amount), appliesTo: appliesTo, findings: [91, 93],
            attempts: 0, remoteID: nil, remoteVersion: nil)
    }

    /// The first job is asked for, and what is to come is planned.
    func open() {
        note("nature", 0, "\(with { "\($0.ledger.nature) \($0.faults) \($0.mishaps)" })")
        with { $0.tables.ask(0) }
        for _ in 0 ..< with({ $0.plans }) { change(after: with { $0.dice.below(60_000) }) }
        if with({ $0.ledger.nature.oauth && $0.dice.percent(40) }) {
            plan(with { $0.dice.below(20_000) }) { if !$0 { self.with { $0.provider.revoke() } } }
        }
        wake(at: 0)
    }

    /// Some posting gets another plan; what is under way is waited for.
    private func change(after: Int) {
        plan(after) { ended in
            if ended { return }
            let changed: Bool = self.with { state in
                let keys = state.tables.postings.keys.sorted()
                guard var row = state.tables.postings[keys[state.dice.below(keys.count)]]?.row else { return true }
                defer { state.plans -= 1 }
                switch row.state {
                case "posting", "unknown":
                    state.plans += 1
                    return false
                case "superseded", "held", "mapped": return true
                default: break
                }
                let kind = state.dice.below(3)
                if kind == 0, row.remoteID == nil {
                    if state.tables.supersede(row.key) { state.tables.supersedeDependants(of: row.key) }
                    return true
                }
                row.revision += 1
                row.totalMinor += 1
                row.planDigest = [UInt8(row.totalMinor & 255)]
                if kind == 1, row.remoteID != nil, row.state == "posted", row.appliesTo == nil, row.effect == "post",
                    !state.tables.postings.values.contains(where: { $0.row.appliesTo == row.key }) { row.effect = "void" }
                if row.effect == "void", row.totalMinor % 2 == 0 { return true }
                _ = state.tables.clear(row, state.now)
                state.tables.ask(state.now)
                return true
            }
            self.note("change", changed ? 1 : 0)
            if changed { self.wake(at: 0) } else if !self.with({ !$0.ledger.nature.searchable }) { self.change(after: 5000) } else { self.with { $0.plans -= 1 } }
        }
    }
}
