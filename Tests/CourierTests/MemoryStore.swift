import ConnectorKit
import Courier
import Kernel
import Store

/// What Courier keeps, in memory, with faults on order.
final class MemoryStore: CourierStore {
    enum SaveFault: Sendable {
        /// Nothing was saved.
        case lost
        /// It was saved, and the answer did not arrive.
        case unanswered
    }

    struct State: Sendable {
        var row: ConnectionRow
        var alerts: [AlertRow] = []
        /// Why the platform was said to be down, `nil` for up again, in order.
        var downs: [String?] = []
        var ahead: [Int?] = []
        var states: [String] = []
        var charges = 0
        /// What the last call was charged, and of what amount of the operator's own budgets.
        var lastCharges: [BudgetCharge] = []
        var appAmounts: [Int] = []
        var pausedUntil: [String: Duration] = [:]
        var corrected: [String: Int] = [:]
        /// Answers of the next charges: how long to wait; `.zero` for none.
        var waits: [Duration] = []
        var appWaits: [Duration] = []
        var saveFaults: [SaveFault] = []
        var readFaults = 0
        var stateFaults = 0
        var forgotten: [Int] = []
        /// Every access token that the database ever held.
        var savedTokens: Set<String> = []
    }

    let state: Locked<State>
    private let journal: Journal
    private let clocks: SteppingClocks
    private let beforeSave = Locked<(@Sendable () async -> Void)?>(nil)
    private let beforeState = Locked<(@Sendable () -> Void)?>(nil)

    init(_ row: ConnectionRow, _ journal: Journal, _ clocks: SteppingClocks) {
        state = Locked(State(row: row))
        self.journal = journal
        self.clocks = clocks
        note()
    }

    static let down = Fault("database_down", stage: .database, disposition: .retry, summary: "the database does not answer")

    var row: ConnectionRow { state.with { $0.row } }
    var alerts: [AlertRow] { state.with { $0.alerts } }
    var downs: [String?] { state.with { $0.downs } }
    var ahead: [Int?] { state.with { $0.ahead } }
    var states: [String] { state.with { $0.states } }
    func change(_ body: @Sendable (inout State) -> Void) { state.with { body(&$0) } }
    /// Runs once, right before the next change of the connection's state.
    func onState(_ body: (@Sendable () -> Void)?) { beforeState.with { $0 = body } }
    func onSave(_ body: (@Sendable () async -> Void)?) { beforeSave.with { $0 = body } }

    /// As the control plane does it when a person gives a credential.
    func connect(_ credential: Credential) {
        state.with { state in
            state.row.credential = Bench.sealed(credential)
            state.row.credentialBefore = nil
            state.row.credentialVersion += 1
            if state.row.state == "dead" { state.row.state = "new" }
        }
        journal.add("person v\(row.credentialVersion)")
        note()
    }

    /// The same, of which nobody knows yet whose account it opens.
    func give(_ credential: Credential) {
        connect(credential)
        state.with { state in
            state.row.given += 1
            state.row.state = "new"
        }
    }

    /// As the worker does it once the account is identified.
    func identified() {
        state.with { state in
            state.row.state = "live"
            state.alerts.removeAll { $0.key.hasPrefix("credential/") }
        }
    }

    private func note() {
        if let set = Bench.opened(row.credential) { state.with { _ = $0.savedTokens.insert(set.accessToken.revealText()) } }
    }

    // MARK: - CourierStore

    func take(_: TenantID, _: ConnectionID, _ charges: [BudgetCharge]) async throws(Fault) -> Duration? {
        let now = clocks.monotonic()
        return state.with { state in
            if !state.waits.isEmpty {
                let wait = state.waits.removeFirst()
                if wait > .zero { return wait }
            }
            let pause = charges.compactMap { state.pausedUntil[$0.name] }.map { $0 - now }.max() ?? .zero
            if pause > .zero { return pause }
            state.charges += 1
            state.lastCharges = charges
            return nil
        }
    }

    func takeApp(platform _: String, name _: String, amount: Int, window _: Duration, cost _: Int) async throws(Fault) -> Duration? {
        state.with { state in
            state.appAmounts.append(amount)
            guard !state.appWaits.isEmpty else { return nil }
            let wait = state.appWaits.removeFirst()
            return wait > .zero ? wait : nil
        }
    }

    func pause(_: TenantID, _: ConnectionID, name: String, for duration: Duration) async throws(Fault) {
        journal.add("pause \(name) \(duration.wholeMilliseconds)")
        let until = clocks.monotonic() + duration
        state.with { $0.pausedUntil[name] = max($0.pausedUntil[name] ?? .zero, until) }
    }

    func correct(_: TenantID, _: ConnectionID, name: String, remaining: Int) async throws(Fault) { state.with { $0.corrected[name] = remaining } }

    func connection(_: TenantID, _ id: ConnectionID) async throws(Fault) -> ConnectionRow? {
        let fails = state.with { state in
            guard state.readFaults > 0 else { return false }
            state.readFaults -= 1
            return true
        }
        if fails { throw MemoryStore.down }
        let row = row
        return row.id == id ? row : nil
    }

    func saveCredential(_: TenantID, _: ConnectionID, sealed: [UInt8], expecting version: Int) async throws(Fault) -> Int {
        await beforeSave.with { $0 }?()
        let fault = state.with { state in state.saveFaults.isEmpty ? nil : state.saveFaults.removeFirst() }
        if case .lost = fault {
            journal.add("save failed")
            throw MemoryStore.down
        }
        let saved: Int? = state.with { state in
            guard state.row.credentialVersion == version else { return nil }
            state.row.credentialBefore = state.row.credential
            state.row.credential = sealed
            state.row.credentialVersion += 1
            return state.row.credentialVersion
        }
        guard let saved else {
            journal.add("save refused")
            throw Fault("credential_conflict", stage: .database, disposition: .retry, summary: "the credential was changed by somebody else meanwhile")
        }
        note()
        journal.add("save v\(saved) \(Bench.opened(sealed)?.accessToken.revealText() ?? "?")")
        if case .unanswered = fault { throw MemoryStore.down }
        return saved
    }

    func forgetOldCredential(_: TenantID, _: ConnectionID, version: Int) async throws(Fault) {
        state.with { state in
            guard state.row.credentialVersion == version else { return }
            state.row.credentialBefore = nil
            state.forgotten.append(version)
        }
    }

    func setConnectionState(_: TenantID, _: ConnectionID, state new: String, reason _: String?, actor _: String) async throws(Fault) {
        let fails = state.with { state in
            guard state.stateFaults > 0 else { return false }
            state.stateFaults -= 1
            return true
        }
        if fails { throw MemoryStore.down }
        let before = beforeState.with { hook in
            defer { hook = nil }
            return hook
        }
        before?()
        state.with { state in
            guard state.row.state != new, state.row.state != "paused" || !["dead", "new"].contains(new) else { return }
            state.row.state = new
            state.states.append(new)
        }
        journal.add("state \(new)")
    }

    func setDown(_: TenantID, _: ConnectionID, reason: String?) async throws(Fault) {
        state.with { state in
            state.downs.append(reason)
            state.row.downSince = reason.map { _ in Timestamp(seconds: 1) }
        }
    }

    func setClock(_: TenantID, _: ConnectionID, ahead_s: Int?) async throws(Fault) {
        state.with { state in
            state.ahead.append(ahead_s)
            state.row.clockAhead_s = ahead_s
        }
    }

    func raise(_: TenantID, _ alerts: [AlertRow]) async throws(Fault) {
        journal.add("alert")
        state.with { $0.alerts += alerts }
    }
}
