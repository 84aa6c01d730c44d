import Kernel
import Testing

/// Whose sleeps end when told to, once for all, or when cancelled.
private final class HeldClocks: Clocks {
    private struct State {
        var passed = false
        var sleepers: [AsyncStream<Void>.Continuation] = []
        var slept: [Duration] = []
    }

    private let state = Locked(State())

    var slept: [Duration] { state.with { $0.slept } }

    func now() -> Timestamp { Timestamp(seconds: 0) }
    func monotonic() -> Duration { .zero }

    func pass() {
        let sleepers = state.with { state in
            state.passed = true
            return state.sleepers
        }
        for sleeper in sleepers { sleeper.yield() }
    }

    func sleep(for duration: Duration) async throws {
        let gate = AsyncStream<Void>.makeStream()
        let passed = state.with { state in
            state.slept.append(duration)
            state.sleepers.append(gate.continuation)
            return state.passed
        }
        if passed { return }
        for await _ in gate.stream { return }
        throw CancellationError()
    }
}

@Suite("a bell", .timeLimit(.minutes(1))) struct BellTests {
    @Test("what was rung before somebody waits is not lost, and counts once however often it was rung") func before() async {
        let bell = Bell(), clocks = HeldClocks()
        bell.ring()
        bell.ring()
        await bell.wait(.seconds(60), clocks: clocks)
        let waits = Task { await bell.wait(.seconds(60), clocks: clocks) }
        // The second wait is not over by what was rung before the first: its time has to pass.
        clocks.pass()
        await waits.value
    }

    @Test("a ring, the end of the time and a cancellation each end the wait") func ends() async {
        let bell = Bell(), clocks = HeldClocks()
        let rung = Task { await bell.wait(.seconds(60), clocks: clocks) }
        bell.ring()
        await rung.value
        let late = Task { await bell.wait(.milliseconds(7), clocks: clocks) }
        clocks.pass()
        await late.value
        #expect(clocks.slept.allSatisfy { $0 == .seconds(60) || $0 == .milliseconds(7) })
        let cancelled = Task { await bell.wait(.seconds(60), clocks: HeldClocks()) }
        cancelled.cancel()
        await cancelled.value
    }

    @Test("of rings beside waits none is lost: who looks after each wait sees all that was put down before a ring") func many() async {
        let bell = Bell(), clocks = HeldClocks()
        let put = Locked(0), seen = Locked(0)
        let puts = Task {
            for _ in 0 ..< 2_000 {
                put.with { $0 += 1 }
                bell.ring()
                await Task.yield()
            }
        }
        while seen.with({ $0 }) < 2_000 {
            await bell.wait(.seconds(60), clocks: clocks)
            let now = put.with { $0 }
            seen.with { $0 = now }
        }
        await puts.value
    }
}
