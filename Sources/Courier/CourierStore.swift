public import Kernel
public import Store

/// What Courier keeps in the database: budgets, token sets, the state of connections, alerts. `Store` in production; in memory in tests and
/// simulations.
public protocol CourierStore: Sendable {
    /// Charges all budgets of a connection or none: how long to wait before they fit; `nil` when they were charged.
    func take(_ tenant: TenantID, _ connection: ConnectionID, _ charges: [BudgetCharge]) async throws(Fault) -> Duration?

    /// Charges a budget that all connections of the operator's app share: how long to wait before it fits; `nil` when it was charged.
    func takeApp(platform: String, name: String, amount: Int, window: Duration, cost: Int) async throws(Fault) -> Duration?

    /// Nothing is charged to the budget before the pause ends. A shorter pause does not end a longer one.
    func pause(_ tenant: TenantID, _ connection: ConnectionID, name: String, for duration: Duration) async throws(Fault)

    /// What the platform says is left of a budget.
    func correct(_ tenant: TenantID, _ connection: ConnectionID, name: String, remaining: Int) async throws(Fault)

    /// The connection as it is now; `nil` when it is gone.
    func connection(_ tenant: TenantID, _ id: ConnectionID) async throws(Fault) -> ConnectionRow?

    /// Persists a token set beside the one before it. The new version.
    /// - Throws: `credential_conflict` when the version in force is not the one expected; whatever the database says, and then nobody knows
    ///   whether it was saved.
    func saveCredential(_ tenant: TenantID, _ id: ConnectionID, sealed: [UInt8], expecting version: Int) async throws(Fault) -> Int

    /// The token set of this version has worked: the one before it goes.
    func forgetOldCredential(_ tenant: TenantID, _ id: ConnectionID, version: Int) async throws(Fault)

    /// Changes a connection's state, with its audit row; nothing happens when it is in that state already.
    func setConnectionState(_ tenant: TenantID, _ id: ConnectionID, state: String, reason: String?, actor: String) async throws(Fault)

    /// Notes since when the platform has not answered this connection; without a reason: that it answers again.
    func setDown(_ tenant: TenantID, _ id: ConnectionID, reason: String?) async throws(Fault)

    /// Notes how far the platform's clock is ahead of ours, seconds; `nil`: no more than it should be.
    func setClock(_ tenant: TenantID, _ id: ConnectionID, ahead_s: Int?) async throws(Fault)

    /// Opens alerts, or counts them up.
    func raise(_ tenant: TenantID, _ alerts: [AlertRow]) async throws(Fault)
}

extension Store: CourierStore {}
