import Glibc
import Kernel
import Store
import Testing

@testable import Worker

/// Both ends of a control pipe.
private struct Ends {
    let scheduler: Int32
    let worker: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        (scheduler, worker) = (ends[0], ends[1])
    }

    func say(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(scheduler, $0.baseAddress, $0.count) } }

    func heard() -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let n = recv(scheduler, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return String(decoding: bytes.prefix(max(0, n)), as: UTF8.self)
    }
}

private func text(_ line: [UInt8]?) -> String? { line.map { String(decoding: $0, as: UTF8.self) } }

@Suite("The control pipe, a worker's end")
struct ControlPipeTests {
    @Test("lines come whole and in order, however they were cut")
    func lines() async throws {
        let ends = try Ends()
        let pipe = ControlPipe(descriptor: ends.worker)
        ends.say("on")
        ends.say("e\ntwo\n\nthr")
        #expect(text(await pipe.line()) == "one")
        #expect(text(await pipe.line()) == "two")
        #expect(text(await pipe.line()) == "")
        ends.say("ee\n")
        #expect(text(await pipe.line()) == "three")
    }

    @Test("when the scheduler is gone what it said last is still heard, and then nothing more is waited for")
    func closed() async throws {
        let ends = try Ends()
        let pipe = ControlPipe(descriptor: ends.worker)
        ends.say("last\nhalf")
        close(ends.scheduler)
        #expect(text(await pipe.line()) == "last")
        #expect(await pipe.line() == nil)
        #expect(await pipe.line() == nil)
        #expect(pipe.isClosed)
    }

    @Test("a line without end is taken for a broken pipe")
    func endless() async throws {
        let ends = try Ends()
        let pipe = ControlPipe(descriptor: ends.worker)
        let scheduler = Task.detached {
            let piece = [UInt8](repeating: 120, count: 1 << 14)
            while send(ends.scheduler, piece, piece.count, Int32(MSG_NOSIGNAL)) > 0 {}
        }
        #expect(await pipe.line() == nil)
        #expect(pipe.isClosed)
        // The reader has given up; so does who still writes.
        shutdown(ends.scheduler, Int32(SHUT_RDWR))
        await scheduler.value
        close(ends.scheduler)
    }

    @Test("writing to a scheduler that is gone harms nobody")
    func deaf() async throws {
        signal(SIGPIPE, SIG_IGN)
        let ends = try Ends()
        let pipe = ControlPipe(descriptor: ends.worker)
        close(ends.scheduler)
        pipe.write(Array("anybody?\n".utf8))
        #expect(await pipe.line() == nil)
    }

    @Test("what a worker has in hand is said before it is looked at, word for word as the scheduler reads it")
    func progress() throws {
        let ends = try Ends()
        let pipe = ControlPipe(descriptor: ends.worker)
        let progress = Progress(clocks: ManualClocks(Timestamp(seconds: 0))) { pipe.write($0) }
        progress.begin(Job(.normalize, "c-1", lane: .webhook))
        #expect(ends.heard() == "{\"job\":{\"kind\":\"normalize\",\"subject\":\"c-1\"}}\n")
        progress.begin(["event 1", "event 2"])
        #expect(ends.heard() == "{\"items\":[\"event 1\",\"event 2\"]}\n")
        progress.idle()
        #expect(ends.heard() == "{\"idle\":true}\n")
        progress.report(["a{} 1.0"])
        #expect(ends.heard() == "{\"metrics\":[\"a{} 1.0\"]}\n")
        progress.report([])
        #expect(ends.heard() == "")
        close(ends.scheduler)
    }

    @Test("a busy worker says that it gets on once a second, not at every step")
    func beats() {
        let clocks = ManualClocks(Timestamp(seconds: 0))
        let said = Locked<[String]>([])
        let progress = Progress(clocks: clocks) { line in said.with { $0.append(String(decoding: line, as: UTF8.self)) } }
        for _ in 0 ..< 1000 { progress.touch() }
        #expect(said.with { $0 } == ["{\"beat\":true}\n"])
        clocks.advance(by: .milliseconds(999))
        progress.touch()
        #expect(said.with { $0.count } == 1)
        clocks.advance(by: .milliseconds(1))
        progress.touch()
        #expect(said.with { $0.count } == 2)
        // Whatever is said counts as a word of progress.
        clocks.advance(by: .milliseconds(900))
        progress.begin(["event 1"])
        clocks.advance(by: .milliseconds(900))
        progress.touch()
        #expect(said.with { $0.count } == 3)
    }

    @Test("many rows at once are named as far as one write goes")
    func many() {
        let said = Locked<[Int]>([])
        Progress(clocks: ManualClocks(Timestamp(seconds: 0))) { line in said.with { $0.append(line.count) } }.begin((0 ..< 5000).map { "event \($0)" })
        #expect(said.with { $0.count } == 1)
        #expect(said.with { $0[0] } < 8 << 10)
    }
}

@Suite("The lease's end as a worker knows it")
struct LeaseDeadlineTests {
    @Test("a later end is taken, an earlier one never: what was promised was promised")
    func later() {
        let deadline = LeaseDeadline(.seconds(30))
        deadline.take(Array(#"{"lease_ends_ns":35000000000}"#.utf8))
        #expect(deadline.value == .seconds(35))
        deadline.take(Array(#"{"lease_ends_ns":31000000000}"#.utf8))
        #expect(deadline.value == .seconds(35))
    }

    @Test("a line of another kind moves nothing", arguments: [
        "", "{", "[]", "null", "{}", #"{"lease_ends_ns":"35000000000"}"#, #"{"lease_ends_ns":null}"#, #"{"lease_ends_ns":-1}"#, #"{"lease_ends_ns":3.5e10.1}"#,
        #"{"lease_ends_ns":99999999999999999999999999}"#, #"{"ends":99000000000}"#,
    ])
    func garbage(text: String) {
        let deadline = LeaseDeadline(.seconds(30))
        deadline.take(Array(text.utf8))
        #expect(deadline.value == .seconds(30))
    }
}

@Suite("When a failed job is tried again")
struct JobDelayTests {
    private func fault(_ disposition: Fault.Disposition, _ after: Duration? = nil) -> Fault {
        Fault("x", stage: .worker, disposition: disposition, summary: "x", retryAfter: after)
    }

    @Test("what may pass is tried again sooner than what a person must mend, and each time later, up to a limit")
    func backoff() {
        for disposition in Fault.Disposition.allCases {
            let delays = (0 ... 60).map { JobDelay.after(fault(disposition), attempts: $0, chance: 0) }
            #expect(zip(delays, delays.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(delays[0] >= (disposition == .retry || disposition == .wait ? .milliseconds(Limits.backoffFirst_ms) : .seconds(60)))
            #expect(delays[60] <= .seconds(3600))
        }
    }

    @Test("the other side's own time is kept, never undercut")
    func wait() {
        #expect(JobDelay.after(fault(.wait, .seconds(40)), attempts: 9, chance: 0) == .seconds(40))
        for chance in [0, 500, 999] { #expect(JobDelay.after(fault(.wait, .seconds(40)), attempts: 9, chance: chance) >= .seconds(40)) }
    }

    @Test("chance adds at most a quarter")
    func jitter() {
        let least = JobDelay.after(fault(.retry), attempts: 4, chance: 0), most = JobDelay.after(fault(.retry), attempts: 4, chance: 999)
        #expect(least < most)
        #expect(most <= least * 5 / 4)
    }
}
