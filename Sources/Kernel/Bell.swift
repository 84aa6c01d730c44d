/// Something that can be rung from anywhere and waited for, with a limit. A ring is kept until somebody waits: who looks, finds nothing and then waits is woken by
/// whatever was rung since it began to look.
public final class Bell: Sendable {
    private struct State {
        var rung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    public init() {}

    public func ring() {
        let waiter = state.with { state in
            state.rung = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when rung since the last wait, after `limit` by these clocks, or when cancelled. One waiter at a time.
    public func wait(_ limit: Duration, clocks: any Clocks = SystemClocks()) async {
        let timer = Task {
            do { try await clocks.sleep(for: limit) } catch { return }
            self.ring()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Bool = state.with { state in
                    if state.rung || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if now { continuation.resume() }
            }
        } onCancel: {
            self.ring()
        }
        timer.cancel()
        // What is rung between the end of the wait and here has its cause before here: who waited looks from here on.
        state.with { $0.rung = false }
    }
}
