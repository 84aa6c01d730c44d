import Kernel
import Testing
import TwinKit

@Suite("How much a twin lets through") struct MeterTests {
    /// Whether each call was let through.
    private func calls(_ count: Int, _ bucket: inout CallBucket, at now: Timestamp) -> [Bool] { (0 ..< count).map { _ in bucket.admits(now) } }

    @Test("so many a second, each thing for itself, and the next second begins anew")
    func seconds() {
        var meter = SecondMeter()
        let ann = (0 ..< 3).map { _ in meter.admits("ann", at: 7, most: 2) }
        let bob = meter.admits("bob", at: 7, most: 2)
        #expect(ann == [true, true, false] && bob)
        #expect(meter.used("ann", at: 7) == 2 && meter.used("ann", at: 8) == 0 && meter.used("eve", at: 7) == 0)
        let next = meter.admits("ann", at: 8, most: 2), none = meter.admits("eve", at: 8, most: 0)
        #expect(next && !none && meter.used("ann", at: 8) == 1)
    }

    @Test("what is refused is not counted, and thousands of names keep this second's counts")
    func many() {
        var meter = SecondMeter()
        for n in 0 ..< 3_000 { meter.count("old \(n)", at: 6) }
        for _ in 0 ..< 5 { _ = meter.admits("ann", at: 7, most: 2) }
        #expect(meter.used("ann", at: 7) == 2)
        for n in 0 ..< 3_000 { meter.count("new \(n)", at: 7) }
        #expect(meter.used("ann", at: 7) == 2 && meter.used("new 0", at: 7) == 1 && meter.used("old 0", at: 7) == 0)
    }

    @Test("a bucket gives its burst at once and fills by the second, never beyond its brim")
    func bucket() {
        var bucket = CallBucket(perSecond: 2, burst: 3)
        let start = Timestamp(seconds: 1_000)
        #expect(calls(4, &bucket, at: start) == [true, true, true, false])
        #expect(calls(1, &bucket, at: start + .milliseconds(499)) == [false])
        #expect(calls(2, &bucket, at: start + .milliseconds(500)) == [true, false])
        #expect(calls(4, &bucket, at: start + .seconds(3_600)) == [true, true, true, false])
        #expect(calls(1, &bucket, at: Timestamp(seconds: 9_000_000_000)) == [true], "centuries don't overflow it")
    }

    @Test("a clock that goes back fills nothing")
    func back() {
        var bucket = CallBucket(perSecond: 1, burst: 1)
        let start = Timestamp(seconds: 1_000)
        #expect(calls(2, &bucket, at: start) == [true, false])
        #expect(calls(1, &bucket, at: start - .seconds(60)) == [false])
        #expect(calls(1, &bucket, at: start) == [false])
        #expect(calls(1, &bucket, at: start + .seconds(1)) == [true])
    }
}
