import Books
import Courier
import Kernel
@testable import Store
import Wire

/// One process's way to the database: `Tables`, with the time it takes and what goes wrong on the way.
struct MemoryStore: PostingStore, CourierStore {
    let world: World
    let proc: Int

    private enum Way<R: Sendable>: Sendable { case done(Result<R, Fault>), slow(Int), answerLost }

    private static func fault(_ code: String) -> Fault { Fault(code, stage: .database, disposition: .retry, summary: "the database") }
    private static let over = fault("over")
    private static let refused = fault("connection_lost")

    /// One statement: mostly at once, at times late, not at all, or without its answer.
    func run<R: Sendable>(_ name: StaticString, _ body: @escaping @Sendable (inout World.State) -> Result<R, Fault>) async throws(Fault) -> R {
        let (proc, traces) = (proc, world.traces)
        let work: @Sendable (inout World.State) -> Result<R, Fault> = { state in
            let result = body(&state)
            state.note(name, proc, traces ? String("\(result)".prefix(200)) : nil)
            return result
        }
        let way: Way<R> = world.with { state in
            if state.over { return .done(.failure(MemoryStore.over)) }
            var roll = state.dice.below(100)
            if state.now < state.faults.calm {
                let f = state.faults
                if roll < f.storeRefused { return .done(.failure(MemoryStore.refused)) }
                roll -= f.storeRefused
                if roll < f.storeAnswerLost { return .answerLost }
                roll -= f.storeAnswerLost
                if roll < f.storeSlow { return .slow(state.dice.below(12_000)) }
                roll -= f.storeSlow
            }
            return roll % 5 < 4 ? .done(work(&state)) : .slow(1 + roll % 7)
        }
        switch way {
        case .done(let result): return try result.get()
        case .slow(let ms):
            let world = world
            return try await world.wait(ms, over: .failure(MemoryStore.over)) { world.with(work) }.get()
        case .answerLost:
            let world = world
            _ = await world.wait(5, over: .failure(MemoryStore.over)) { world.with(work) }
            throw MemoryStore.fault("commit_unknown")
        }
    }

    // MARK: Posting

    func duePostings(_: TenantID, _: FlowID, limit: Int) async throws(Fault) -> [PostingRow] {
        try await run("due") { .success($0.tables.due($0.now, limit: limit)) }
    }

    func nextAttempt(_: TenantID, _: FlowID) async throws(Fault) -> Duration? {
        try await run("next") { .success($0.tables.nextAttempt($0.now).map { .milliseconds($0) }) }
    }

    func writeIntents(_: TenantID, epoch: Int64, _ intents: [NewIntent], audit _: [AuditEntry]) async throws(Fault) {
        let broken: String? = try await run("intend") { state in
            do throws(Fault) {
                try state.tables.write(intents, epoch: epoch, state.now)
                return .success(state.written(epoch))
            } catch { return .failure(error) }
        }
        if let broken { world.violate(broken) }
    }

    func settle(_: TenantID, _ rows: [Settlement], jobs: [Job], audit _: [PostKey: AuditEntry], alerts: [AlertRow]) async throws(Fault) {
        try await run("settle") { state in
            state.tables.settle(rows, state.now)
            for s in rows {
                if s.outcome == .posted { state.counts.posted += 1 }
                if s.outcome == .rejected { state.counts.rejected += 1 }
            }
            // The map job that follows.
            state.tables.recheckMapped(state.now)
            if jobs.contains(where: { $0.kind == .post || $0.kind == .map }) { state.tables.ask(state.now) }
            state.tables.alerts.formUnion(alerts.map(\.key))
            return .success(())
        }
    }

    func orphanIntents(_: TenantID, epoch: Int64) async throws(Fault) -> Int {
        try await run("orphan") { .success($0.tables.orphan(epoch, $0.now)) }
    }

    func unsettled(_: TenantID, _: FlowID, limit: Int) async throws(Fault) -> [UnsettledRow] {
        try await run("unsettled") { .success($0.tables.unsettled($0.now, limit: limit)) }
    }

    func hold(_: TenantID, _: FlowID, _ key: PostKey, findings: [UInt8], alert: AlertRow) async throws(Fault) {
        try await run("hold") { state in
            if state.tables.hold(key, findings) { state.tables.alerts.insert(alert.key) }
            return .success(())
        }
    }

    func retryLater(_: TenantID, _ keys: [PostKey], by delay: Duration, fault: [UInt8]?) async throws(Fault) {
        try await run("later") { state in
            do throws(Fault) {
                return .success(try state.tables.later(keys, by: Int(delay.wholeMilliseconds), state.now, fault: fault != nil))
            } catch { return .failure(error) }
        }
    }

    func replanRejected(_: TenantID, _: FlowID, beside _: [PostKey]) async throws(Fault) { try await run("replan") { _ in .success(()) } }

    // MARK: Courier

    func take(_: TenantID, _: ConnectionID, _ charges: [BudgetCharge]) async throws(Fault) -> Duration? {
        let (wait, broken): (Int?, String?) = try await run("take") { state in
            let wait = state.tables.take(charges, state.now)
            return .success((wait, wait == nil ? state.charged(charges) : nil))
        }
        if let broken { world.violate(broken) }
        return wait.map { .milliseconds($0) }
    }

    func takeApp(platform _: String, name: String, amount: Int, window: Duration, cost: Int) async throws(Fault) -> Duration? {
        try await run("take app") { .success($0.tables.takeApp(name, amount, Int(window.wholeMilliseconds), cost, $0.now).map { .milliseconds($0) }) }
    }

    func pause(_: TenantID, _: ConnectionID, name: String, for duration: Duration) async throws(Fault) {
        try await run("pause") { state in
            state.tables.pause(name, Int(duration.wholeMilliseconds), state.now)
            return .success(())
        }
    }

    func correct(_: TenantID, _: ConnectionID, name: String, remaining: Int) async throws(Fault) {
        try await run("correct") { state in
            state.tables.correct(name, remaining: remaining)
            return .success(())
        }
    }

    func connection(_: TenantID, _: ConnectionID) async throws(Fault) -> ConnectionRow? { try await run("connection") { .success($0.tables.connection) } }

    func saveCredential(_: TenantID, _: ConnectionID, sealed: [UInt8], expecting version: Int) async throws(Fault) -> Int {
        let tokens = try Credential(json: sealed)
        return try await run("save") { state in
            do throws(Fault) {
                let new = try state.tables.saveCredential(sealed, expecting: version)
                state.guards.savedTokens.insert(tokens.accessToken.revealText())
                if let refresh = tokens.refreshToken { state.guards.savedTokens.insert(refresh.revealText()) }
                return .success(new)
            } catch { return .failure(error) }
        }
    }

    func forgetOldCredential(_: TenantID, _: ConnectionID, version: Int) async throws(Fault) {
        try await run("forget") { state in
            state.tables.forgetOldCredential(version: version)
            return .success(())
        }
    }

    func setConnectionState(_: TenantID, _: ConnectionID, state name: String, reason _: String?, actor _: String) async throws(Fault) {
        let world = world
        try await run("state") { state in
            guard state.tables.connection.state != name else { return .success(()) }
            state.tables.connection.state = name
            if name == "dead" { state.plan(5000 + state.dice.below(30_000)) { if !$0 { world.connectAnew() } } }
            // The account is identified anew.
            if name == "new" { state.plan(1000) { if !$0 { world.identify() } } }
            return .success(())
        }
    }

    /// For people's eyes alone: nothing follows from it.
    func setDown(_: TenantID, _: ConnectionID, reason _: String?) async throws(Fault) {}
    func setClock(_: TenantID, _: ConnectionID, ahead_s _: Int?) async throws(Fault) {}

    func raise(_: TenantID, _ alerts: [AlertRow]) async throws(Fault) {
        try await run("raise") { state in
            state.tables.alerts.formUnion(alerts.map(\.key))
            return .success(())
        }
    }
}
