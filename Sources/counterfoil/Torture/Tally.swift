internal import Glibc
internal import Kernel
internal import Sandbox

/// What a run has done and seen so far.
final class Tally: Sendable {
    struct State {
        var faults: [TortureFault: Int] = [:]
        var hits = HitTable()
        var kills = 0
        /// From each kill, stop or crash to the tenant's next sign of life, and after what.
        var resumes: [(after: String, seconds: Double)] = []
        /// Walls that did not hold, in words.
        var violations: [String] = []
    }

    private let state = Locked(State())
    private let began = SystemClocks().monotonic()
    private let descriptor: Int32

    /// `log`: where every fault is written down when it strikes.
    init(log: String) { descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }

    deinit { close(descriptor) }

    func struck(_ step: TortureSchedule.Step, _ count: Int = 1) {
        note("\(step)")
        state.with { state in
            state.faults[step.fault, default: 0] += count
            if let point = step.point, step.fault.points.contains(point) { state.hits.add(step.fault, point, count) }
        }
    }

    func count(_ fault: TortureFault, _ count: Int) { state.with { $0.faults[fault, default: 0] += count } }
    func killed() { state.with { $0.kills += 1 } }

    /// A worker, while it waited at the point.
    func killed(at point: ProtocolPoint) {
        note("kill at \(point.rawValue)")
        state.with { state in
            state.kills += 1
            state.hits.add(.kill, point, 1)
        }
    }

    func resumed(after what: String, _ time: Duration) {
        note("  went on after \(time.wholeMilliseconds) ms: \(what)")
        state.with { $0.resumes.append((what, time.inSeconds)) }
    }

    func violated(_ text: String) {
        note("WALL: \(text)")
        state.with { $0.violations.append(text) }
    }

    func note(_ text: String) {
        let line = Array("\((SystemClocks().monotonic() - began).wholeMilliseconds) ms  \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    var now: State { state.with { $0 } }
}
