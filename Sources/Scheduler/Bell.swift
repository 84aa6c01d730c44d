internal import Kernel

/// Something that can be rung from anywhere and waited for, with a limit.
final class Bell: Sendable {
    private struct State {
        var rung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    func ring() {
        let waiter = state.with { state in
            state.rung = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when rung since the last wait, after `limit`, or when cancelled. One waiter at a time.
    func wait(_ limit: Duration) async {
        let timer = Task {
            do { try await Task.sleep(for: limit) } catch { return }
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
        state.with { $0.rung = false }
    }
}
