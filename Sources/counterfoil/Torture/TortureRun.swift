internal import Kernel
internal import Wire

/// A run that breaks things has an end, whether it comes to its own or not.
protocol TortureRun: Sendable {
    var stop: Stop { get }
    /// Monotonic: when it must be over.
    var until: Duration { get }
    var clocks: SystemClocks { get }
}

extension TortureRun {
    /// - Throws: `torture_ended` when it was told to stop or its time is over.
    func check() throws(Fault) {
        let over = clocks.monotonic() > until
        if over || stop.isSet {
            throw Fault("torture_ended", stage: .sandbox, disposition: .hold, summary: over ? "the run is not over in the time it was given" : "the run was stopped")
        }
    }

    /// Waits; not to the end when the process is told to stop.
    func pause(_ time: Duration) async { do { try await clocks.sleep(for: time) } catch { return } }

    /// How often each thing goes wrong by itself, as the sandbox takes it.
    func rates(_ pairs: [(String, Int)]) -> JSON { .object(pairs.map { (key: $0.0, value: JSON.number("\($0.1)")) }) }
}
