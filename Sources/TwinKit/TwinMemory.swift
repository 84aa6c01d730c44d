public import Kernel
public import Wire

/// What a twin remembers, with the changes of the request under way: they are committed together or taken back together.
public protocol TwinMemory: Sendable {
    /// What changed since the last commit, as journal records.
    var changes: [JSON] { get }
    mutating func commit()
    /// Takes back what changed since the last commit.
    mutating func rollback()
    /// Takes a journal record in.
    mutating func replay(_ record: JSON)
}

/// A twin's memory, and the journal that it survives in, behind one lock: nothing that changed is shown to anybody before it is in the journal.
public final class Remembered<Memory: TwinMemory>: Sendable {
    private let journal: TwinJournal
    private let memory: Locked<Memory>

    /// The memory as the journal left it.
    /// - Throws: the journal's faults.
    public init(_ memory: Memory, in journal: TwinJournal) throws(Fault) {
        var memory = memory
        try journal.replay { memory.replay($0) }
        self.journal = journal
        self.memory = Locked(memory)
    }

    /// Something about it as it is.
    public func look<Outcome: Sendable>(_ work: (Memory) -> Outcome) -> Outcome { memory.with { work($0) } }

    /// Changes it. What the journal can't keep is taken back, and `work` has been for nothing.
    @discardableResult
    public func change<Outcome: Sendable>(_ work: (inout Memory) -> Outcome) -> Outcome { change(work) { _, outcome in outcome } }

    /// The same with another outcome where the journal can't keep it.
    public func change<Outcome: Sendable>(
        _ work: (inout Memory) -> Outcome, ifLost lost: (inout Memory, Outcome) -> Outcome
    ) -> Outcome {
        memory.with { [journal] memory in
            let outcome = work(&memory)
            return Self.keep(&memory, journal) ? outcome : lost(&memory, outcome)
        }
    }

    /// Lets something happen, or nothing of it.
    /// - Throws: what `work` throws; `journal_unusable`.
    public func happen<Outcome: Sendable>(_ work: (inout Memory) throws(Fault) -> Outcome) throws(Fault) -> Outcome {
        let outcome: Result<Outcome, Fault> = memory.with { [journal] memory in
            do throws(Fault) {
                let outcome = try work(&memory)
                return Self.keep(&memory, journal) ? .success(outcome) : .failure(TwinJournal.unwritten)
            } catch {
                memory.rollback()
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// Commits what changed, or takes it back when the journal can't keep it.
    private static func keep(_ memory: inout Memory, _ journal: TwinJournal) -> Bool {
        let records = memory.changes
        guard !records.isEmpty else { return true }
        do throws(Fault) {
            try journal.append(records)
            memory.commit()
            return true
        } catch {
            memory.rollback()
            return false
        }
    }
}
