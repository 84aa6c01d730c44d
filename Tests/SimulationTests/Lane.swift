import Kernel
import Synchronization

/// The threads of one simulated process: jobs wait here until the driver runs one, so that who goes first is drawn from the seed.
/// Nothing else runs them: a lane that is left alone is a process that stands still.
final class Lane: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    var waiting: Int { jobs.withLock { $0.count } }

    func run(_ index: Int) {
        let job = jobs.withLock { $0.remove(at: index) }
        job.runSynchronously(on: asUnownedTaskExecutor())
    }
}

extension Seeded {
    /// A number in `0 ..< bound`.
    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() >> 33) % bound }
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.upperBound - range.lowerBound + 1) }
    mutating func percent(_ n: Int) -> Bool { below(100) < n }
}
