import Kernel
import Store
import Testing

@testable import Scheduler

@Suite("Watching one worker")
struct VigilTests {
    private let job = JobName(.normalize, "c-1")
    private func vigil() -> Vigil { Vigil(started: .zero, ends: .seconds(30)) }

    @Test("a lease is renewed until the worker's life is over, and counted from when it was asked for")
    func renewal() {
        var v = vigil()
        #expect(v.beat(at: .seconds(5)) == .renew)
        v.renewed(askedAt: .seconds(5))
        #expect(v.ends == .seconds(35))
        // An answer that came late moves nothing back.
        v.renewed(askedAt: .seconds(1))
        #expect(v.ends == .seconds(35))
        v.hear(.beat, at: .seconds(34))
        #expect(v.beat(at: .seconds(35)) == .renew)
        #expect(v.beat(at: .seconds(35) + .nanoseconds(1)) == .kill(.leaseEnded))
    }

    @Test("a worker past its life is left alone until its lease ends, and killed then")
    func life() {
        var v = Vigil(started: .zero, ends: .seconds(Limits.workerLifeSeconds + 10))
        v.hear(.beat, at: .seconds(Limits.workerLifeSeconds))
        #expect(v.beat(at: .seconds(Limits.workerLifeSeconds)) == .leave)
        #expect(v.beat(at: .seconds(Limits.workerLifeSeconds + 11)) == .kill(.leaseEnded))
    }

    @Test("silence beyond the limit is a hang, whatever the lease says; any word of progress puts it off")
    func silence() {
        var v = Vigil(started: .zero, ends: .seconds(1000))
        let most = Vigil.silenceMost, first = Duration.seconds(10), second = first + most
        v.hear(.job(job), at: first)
        #expect(v.beat(at: second) == .renew)
        v.hear(.items(["event 1"]), at: second)
        #expect(v.beat(at: second + most) == .renew)
        #expect(v.beat(at: second + most + .seconds(1)) == .kill(.stuck))
        #expect(v.ended(exitCode: nil, signal: 9) == .stuck)
        // Once decided it stays so, though the worker speaks again.
        v.hear(.beat, at: second + most + .seconds(1))
        #expect(v.beat(at: second + most + .seconds(2)) == .kill(.stuck))
    }

    @Test("counters are no progress")
    func counters() {
        var v = Vigil(started: .zero, ends: .seconds(1000))
        v.hear(.metrics(["x"]), at: Vigil.silenceMost)
        #expect(v.beat(at: Vigil.silenceMost + .seconds(1)) == .kill(.stuck))
    }

    @Test("while the database does not answer the scheduler, a worker that waits for it is not called stuck")
    func databaseDown() {
        var v = Vigil(started: .zero, ends: .seconds(1000))
        v.renewalFailed(at: .seconds(50))
        #expect(v.beat(at: .seconds(50) + Vigil.silenceMost) == .renew)
        #expect(v.beat(at: .seconds(51) + Vigil.silenceMost) == .kill(.stuck))
    }

    @Test("what is in hand is the last job begun, and the last rows begun of it")
    func hand() {
        var v = vigil()
        v.hear(.items(["event 9"]), at: .seconds(1))
        #expect(v.hand == nil)
        v.hear(.job(job), at: .seconds(1))
        v.hear(.items(["event 1", "event 2"]), at: .seconds(1))
        v.hear(.items(["event 3"]), at: .seconds(2))
        v.hear(.beat, at: .seconds(2))
        #expect(v.hand == Vigil.Hand(job: job, items: ["event 3"]))
        v.hear(.job(JobName(.map, "f-1")), at: .seconds(3))
        #expect(v.hand == Vigil.Hand(job: JobName(.map, "f-1")))
        v.hear(.idle, at: .seconds(3))
        #expect(v.hand == nil)
    }

    @Test("only a trap or a hang is held against what was in hand", arguments: [
        (Int32(0), Int32(0), Vigil.Ending.ended, false), (75, 0, .failed(75), false), (nil, 11, .crashed(11), true), (nil, 4, .crashed(4), true),
        (nil, 6, .crashed(6), true), (nil, 5, .crashed(5), true), (nil, 9, .killed, false), (nil, 15, .killed, false), (nil, 1, .killed, false),
    ] as [(Int32?, Int32, Vigil.Ending, Bool)])
    func endings(code: Int32?, signal: Int32, ending: Vigil.Ending, blames: Bool) {
        #expect(vigil().ended(exitCode: code, signal: signal) == ending)
        #expect(ending.blames == blames)
    }

    @Test("a worker that we kill for its lease's sake is not to blame, not even with a trap's signal", arguments: [Vigil.Reason.leaseEnded, .leaseLost, .stopping, .notStarted])
    func killedByUs(reason: Vigil.Reason) {
        var v = vigil()
        v.kill(reason)
        v.kill(.stuck)
        #expect(v.ended(exitCode: nil, signal: 9) == .killed)
        #expect(v.ended(exitCode: nil, signal: 11) == .killed)
        #expect(v.ended(exitCode: 0, signal: 0) == .ended)
    }
}

@Suite("Back-off of a tenant")
struct PacingTests {
    private let a = TenantID(SeededRandom(seed: 1).uuid()), b = TenantID(SeededRandom(seed: 2).uuid())

    @Test("a clean end and a crash that names its job let the tenant start at once; its other jobs go on")
    func atOnce() {
        for crashes in 0 ... 8 { #expect(Pacing.rest(after: .crashed(11), crashes: crashes, named: true) == nil) }
        #expect(Pacing.rest(after: .crashed(11), crashes: 9, named: true) == .seconds(2))
        #expect(Pacing.rest(after: .ended, crashes: 0, named: false) == nil)
    }

    @Test("a crash that names nothing rests the tenant longer each time, up to half a minute")
    func unnamed() {
        let rests = (0 ... 40).map { Pacing.rest(after: .failed(75), crashes: $0, named: false) ?? .zero }
        #expect(rests[0 ... 2].allSatisfy { $0 == .zero })
        #expect(rests[3] == .milliseconds(1600))
        #expect(zip(rests, rests.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(rests[40] == .seconds(30))
    }

    @Test("a worker that somebody kills again and again starts again within half a second")
    func killed() {
        for crashes in 0 ... 100 { #expect((Pacing.rest(after: .killed, crashes: crashes, named: false) ?? .zero) <= .milliseconds(500)) }
    }

    @Test("one tenant's rest is no other's, and is over when its time is")
    func alone() {
        var pacing = Pacing()
        pacing.ended(a, .crashed(11), crashes: 7, named: false, at: .seconds(100))
        pacing.startFailed(b, at: .seconds(100))
        #expect(pacing.resting(at: .seconds(101)) == [a, b])
        #expect(pacing.resting(at: .seconds(105)) == [a])
        pacing.ended(a, .ended, crashes: 0, named: false, at: .seconds(106))
        #expect(pacing.resting(at: .seconds(106)).isEmpty)
    }

    @Test("more are asked for than there is room for, and nobody when there is none")
    func asked() {
        #expect(Pacing.asked(room: 3) == 7)
        #expect(Pacing.asked(room: 0) == 0)
        #expect(Pacing.asked(room: -1) == 0)
    }
}

@Suite("What a worker says")
struct WorkerReportTests {
    private func read(_ text: String) -> WorkerReport? { WorkerReport(line: Array(text.utf8)) }

    @Test("each line of a worker is read as what it says")
    func read() {
        #expect(read(#"{"job":{"kind":"normalize","subject":"c-1"}}"#) == .job(JobName(.normalize, "c-1")))
        #expect(read(#"{"items":["event 1","event 2"]}"#) == .items(["event 1", "event 2"]))
        #expect(read(#"{"idle":true}"#) == .idle)
        #expect(read(#"{"beat":true}"#) == .beat)
        #expect(read(#"{"asleep":true}"#) == .asleep)
        #expect(read(#"{"metrics":["a{} 1"]}"#) == .metrics(["a{} 1"]))
    }

    @Test("what is not one of them is passed over", arguments: [
        "", "{", "[]", "null", #"{"beat":false}"#, #"{"idle":1}"#, #"{"job":"normalize"}"#, #"{"job":{"kind":"dance","subject":"x"}}"#, #"{"job":{"kind":"map"}}"#,
        #"{"items":"event 1"}"#, #"{"other":1}"#,
    ])
    func garbage(text: String) { #expect(read(text) == nil) }

    @Test("names of endless length and endless lists are cut")
    func limits() {
        let long = String(repeating: "x", count: WorkerReport.itemCharactersMost + 1)
        #expect(read(#"{"job":{"kind":"map","subject":"\#(long)"}}"#) == nil)
        #expect(read(#"{"items":["\#(long)","event 1"]}"#) == .items(["event 1"]))
        let many = (0 ..< 5000).map { "\"\($0)\"" }.joined(separator: ",")
        guard case .items(let items)? = read("{\"items\":[\(many)]}") else { return #expect(Bool(false), "not read") }
        #expect(items.count == WorkerReport.itemsMost)
    }

    @Test("lines come whole however the bytes are cut, and one without end is dropped alone")
    func lines() {
        let text = Array("one\ntwo\n\nthree".utf8)
        for cut in 0 ... text.count {
            var buffer = LineBuffer()
            #expect(buffer.feed(text[..<cut]) + buffer.feed(text[cut...]) == [Array("one".utf8), Array("two".utf8), []])
            #expect(buffer.feed([10]) == [Array("three".utf8)])
        }
        var buffer = LineBuffer()
        #expect(buffer.feed(Array(repeating: UInt8(120), count: LineBuffer.lineBytesMost * 2)).isEmpty)
        #expect(buffer.feed(Array("tail\nnext\n".utf8)) == [Array("next".utf8)])
    }
}
