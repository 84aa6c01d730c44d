internal import Kernel

/// Leaves a platform alone that does not answer, as a pure machine for one connection: closed, open after several faults in a row, and then one
/// probe at a time until one is answered. Whatever is an answer closes it, a rejection too: it is about the platform, not about a document.
///
/// The pause itself lies in the connection's budgets in the database, where it binds whoever works for the tenant next; what is counted here
/// is soon learned again and ends with the worker.
struct Circuit: Sendable, Equatable {
    /// How a call was let through.
    enum Passage: Sendable, Equatable {
        case normal
        /// Alone, to see whether the platform is back.
        case probe
    }

    static let faultsToOpen = 5
    static let pauseFirst = Duration.seconds(5)
    static let pauseMost = Duration.seconds(300)

    /// Faults in a row while closed.
    private(set) var faults = 0
    /// Pauses in a row; 0 while closed.
    private(set) var trips = 0
    private(set) var probing = false

    var isOpen: Bool { trips > 0 }

    /// Right before a send. `nil`: another call is probing, and this one waits for what becomes of it. Each passage ends with `answered`, `failed`
    /// or `released`.
    mutating func ask() -> Passage? {
        guard isOpen else { return .normal }
        guard !probing else { return nil }
        probing = true
        return .probe
    }

    mutating func answered(_ passage: Passage) {
        // What was sent before the pause says nothing about after it.
        guard passage == .probe || !isOpen else { return }
        self = Circuit()
    }

    /// What stopped the call says nothing about the platform.
    mutating func released(_ passage: Passage) {
        if passage == .probe { probing = false }
    }

    /// The pause to make when this fault opens the circuit or keeps it open. `counts`: not for a further fault of one call's own repeats, as long
    /// as the circuit is closed.
    mutating func failed(_ passage: Passage, counts: Bool = true, random: any RandomSource) -> Duration? {
        switch passage {
        case .probe:
            probing = false
            trips += 1
        case .normal:
            guard !isOpen, counts else { return nil }
            faults += 1
            guard faults >= Circuit.faultsToOpen else { return nil }
            faults = 0
            trips = 1
        }
        return Backoff.jittered(Backoff.doubled(Circuit.pauseFirst, times: trips - 1, most: Circuit.pauseMost), random)
    }

    /// Whether the fault says something about the platform, rather than about us or the request.
    static func blames(_ fault: Fault) -> Bool {
        fault.disposition == .retry && !["cancelled", "http_client_busy", "http_client_stopped"].contains(fault.code)
    }
}
