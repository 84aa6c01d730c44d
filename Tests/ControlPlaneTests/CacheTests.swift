import Kernel
import TestKit
import Testing

@testable import ControlPlane

/// Looks that a test lets go on one by one.
private final class Looks: Sendable {
    private struct State: Sendable {
        var begun = 0
        var answers: [CheckedContinuation<Result<Int, Fault>, Never>] = []
    }

    private let state = Locked(State())
    var begun: Int { state.with { $0.begun } }

    func look() async throws(Fault) -> Int {
        let result = await withCheckedContinuation { continuation in
            state.with { state in
                state.begun += 1
                state.answers.append(continuation)
            }
        }
        return try result.get()
    }

    /// Waits for the next look and answers it.
    func answer(_ result: Result<Int, Fault>) async {
        while true {
            let next = state.with { $0.answers.isEmpty ? nil : $0.answers.removeFirst() }
            if let next { return next.resume(returning: result) }
            await Task.yield()
        }
    }

    func waitFor(_ count: Int) async { while begun < count { await Task.yield() } }
}

private func cache(_ looks: Looks, _ clocks: SteppedClocks) -> Cache<String, Int> {
    Cache(clocks: clocks, lasting: .seconds(4)) { _ throws(Fault) in try await looks.look() }
}

private let down = Fault("database_down", stage: .database, disposition: .retry, summary: "away")

@Suite("what is remembered for a while") struct CacheTests {
    @Test("however many ask at once, one looks") func single() async throws {
        let looks = Looks(), cache = cache(looks, SteppedClocks())
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0 ..< 50 { group.addTask { try await cache.value("a") } }
            await looks.answer(.success(2))
            return try await group.reduce(0, +)
        }
        #expect(sum == 100)
        #expect(looks.begun == 1)
        #expect(cache.remembered("a") == 2)
        #expect(cache.remembered("b") == nil)
    }

    @Test("a look that fails fails all who waited for it, and the next one looks again") func failed() async throws {
        let looks = Looks(), cache = cache(looks, SteppedClocks())
        let first = Task { try await cache.value("a") }
        await looks.waitFor(1)
        await looks.answer(.failure(down))
        await #expect(throws: Fault.self) { try await first.value }
        let second = Task { try await cache.value("a") }
        await looks.answer(.success(3))
        #expect(try await second.value == 3)
    }

    @Test("in the second half of its while it is looked up anew, by one, and nobody waits; after its end everybody does") func ageing() async throws {
        let looks = Looks(), clocks = SteppedClocks(), cache = cache(looks, clocks)
        let first = Task { try await cache.value("a") }
        await looks.answer(.success(1))
        #expect(try await first.value == 1)
        clocks.step(.seconds(1))
        #expect(cache.remembered("a") == 1)
        #expect(looks.begun == 1)
        clocks.step(.seconds(2))
        for _ in 0 ..< 10 { #expect(cache.remembered("a") == 1) }
        await looks.waitFor(2)
        await looks.answer(.success(2))
        while cache.remembered("a") != 2 { await Task.yield() }
        #expect(looks.begun == 2)
        clocks.step(.seconds(5))
        #expect(cache.remembered("a") == nil)
    }

    @Test("a refreshing look that fails takes nothing away before its end") func refreshFails() async throws {
        let looks = Looks(), clocks = SteppedClocks(), cache = cache(looks, clocks)
        let first = Task { try await cache.value("a") }
        await looks.answer(.success(1))
        _ = try await first.value
        clocks.step(.seconds(3))
        #expect(cache.remembered("a") == 1)
        await looks.waitFor(2)
        await looks.answer(.failure(down))
        #expect(cache.remembered("a") == 1)
        clocks.step(.seconds(2))
        #expect(cache.remembered("a") == nil)
    }

    @Test("what was found before it was forgotten is not remembered after") func forgotten() async throws {
        let looks = Looks(), cache = cache(looks, SteppedClocks())
        let old = Task { try await cache.value("a") }
        await looks.waitFor(1)
        cache.forget("a")
        let new = Task { try await cache.value("a") }
        await looks.waitFor(2)
        await looks.answer(.success(1))
        #expect(try await old.value == 1)
        #expect(cache.remembered("a") == nil)
        await looks.answer(.success(2))
        #expect(try await new.value == 2)
        #expect(cache.remembered("a") == 2)
    }
}
