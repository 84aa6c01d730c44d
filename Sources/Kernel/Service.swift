/// One start/stop contract for everything that runs: `run` returns after cancellation, when all it started has ended.
public protocol Service: Sendable {
    /// Shown in logs and in the supervisor's table.
    var name: String { get }
    /// Runs until cancelled.
    /// - Throws: a fault when it can't go on.
    func run() async throws
}
