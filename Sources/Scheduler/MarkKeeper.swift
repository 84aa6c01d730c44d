public import Kernel
public import Store
public import Telemetry

/// Notices a database that was brought back to an older state: it keeps what it saw of the database outside of it, and compares. The mark is raised in the
/// database first and kept when that is committed, so a crash of either leaves the database ahead, never behind.
public final class MarkKeeper: Sendable {
    /// Where the memory is kept: beside the process's keys.
    public struct Place: Sendable {
        /// `nil` where there is none yet.
        public var read: @Sendable () throws(Fault) -> [UInt8]?
        /// Replaces it, all or nothing.
        public var write: @Sendable ([UInt8]) throws(Fault) -> Void

        public init(read: @escaping @Sendable () throws(Fault) -> [UInt8]?, write: @escaping @Sendable ([UInt8]) throws(Fault) -> Void) {
            self.read = read
            self.write = write
        }
    }

    private struct State {
        var kept: KeptMarks
        /// When it was last told in the log that the database is older, or that nothing can be kept.
        var told: Duration?
    }

    private static let toldEvery = Duration.seconds(60)

    private let store: Store
    private let place: Place
    private let clocks: any Clocks
    private let log: Log
    private let metrics: Metrics
    private let state: Locked<State>
    private let writing = Locked(())

    /// What can't be read as a memory is one that was lost: it is begun anew, and the log says so.
    /// - Throws: what reading the place throws.
    public init(store: Store, place: Place, clocks: any Clocks, random: any RandomSource, log: Log, metrics: Metrics) throws(Fault) {
        self.store = store
        self.place = place
        self.clocks = clocks
        self.log = log
        self.metrics = metrics
        let bytes = try place.read()
        let kept = bytes.flatMap { KeptMarks($0) }
        if bytes != nil, kept == nil { log.fault(.failed, MarkKeeper.notKept("what was kept can't be read, and is begun anew")) }
        state = Locked(State(kept: kept ?? KeptMarks(keeper: random.identifier())))
    }

    /// Compares what was seen of the database with what it has. `raising`: something is about to be done that must not be lost unseen.
    /// - Throws: `database_older`, said to everybody who works with the database.
    public func look(raising: Bool) async throws(Fault) {
        // Before the database is asked: a look beside this one may raise the mark meanwhile.
        let kept = state.with { $0.kept }
        var standing = try await store.standing(with: kept.keepers)
        if kept.isAhead(of: standing), standing.olderSince == nil {
            try await store.sayOlder()
            standing.olderSince = clocks.now()
        }
        guard standing.olderSince == nil else {
            metrics.count(.databaseFaults, ("code", Standing.fault.code))
            tell(Standing.fault)
            throw Standing.fault
        }
        if raising { standing.marks[kept.keeper] = try await store.raiseMark(kept.keeper) }
        let now = standing
        let changed: Bool = state.with { state in
            let before = state.kept
            state.kept.note(now)
            return state.kept != before
        }
        guard changed else { return }
        // One at a time, and what is newest then: two looks would write over each other's file.
        let failed: Fault? = writing.with { _ in
            do throws(Fault) {
                try place.write(state.with { $0.kept.bytes })
                return nil
            } catch { return error }
        }
        if let failed { tell(MarkKeeper.notKept(failed.summary)) }
    }

    /// Work goes on: nothing is known to be lost. Who would notice a loss is told.
    private static func notKept(_ why: String) -> Fault {
        Fault(
            "mark_not_kept", stage: .scheduler, disposition: .retry, summary: "what was seen of the database can't be kept outside of it: \(why)",
            remedy: "Make the folder of COUNTERFOIL_VAR writable. Until then a database that is brought back to an older state is not noticed here.")
    }

    private func tell(_ fault: Fault) {
        let now = clocks.monotonic()
        let due: Bool = state.with { state in
            if let told = state.told, now - told < MarkKeeper.toldEvery { return false }
            state.told = now
            return true
        }
        if due { log.fault(.failed, fault) }
    }
}

/// Looks from time to time, beside a service that sends nothing itself: one witness more.
public struct MarkWatch: Service {
    public let name = "mark"
    private let keeper: MarkKeeper
    private let clocks: any Clocks

    public init(_ keeper: MarkKeeper, clocks: any Clocks) {
        self.keeper = keeper
        self.clocks = clocks
    }

    public func run() async throws {
        while !Task.isCancelled {
            // Whatever it finds it has told; a database that does not answer is told by those who need it.
            _ = try? await keeper.look(raising: false)
            do { try await clocks.sleep(for: .seconds(10)) } catch { return }
        }
    }
}

extension Scheduler {
    /// Whether anybody may be given work from this database as it is.
    func mayWork() async throws(Fault) -> Bool {
        guard let mark = configuration.mark else { return true }
        do throws(Fault) {
            try await mark.look(raising: true)
            return true
        } catch {
            if error.code == Standing.fault.code { return false }
            throw error
        }
    }

    /// While workers run, what they send must not be lost unseen either. A database that was brought back under them ends them.
    func keepMark() async throws(Fault) {
        let all = running.with { $0 }
        guard !all.isEmpty, try await !mayWork() else { return }
        for (tenant, entry) in all { end(tenant, entry.lease, .leaseLost) }
    }
}
