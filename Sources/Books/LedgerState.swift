public import Kernel

/// What a posting already is in the ledger.
public struct PostedState: Sendable, Equatable {
    public var plan: PlannedPosting
    /// Counts from 1.
    public var revision: Int
    /// It stands there with zero effect.
    public var voided: Bool

    public init(plan: PlannedPosting, revision: Int = 1, voided: Bool = false) {
        self.plan = plan
        self.revision = revision
        self.voided = voided
    }
}

/// What of the ledger matters to planning: its closed period and the postings of the case that it already has.
public struct LedgerState: Sendable {
    /// The last closed day.
    public var lockDate: LocalDate?
    public var posted: [PlannedPosting.Reference: PostedState]
    /// What is there, or on its way, within another document, as it is there: parts of a summary or settlement that stands. A part is brought there by its
    /// whole, so it calls for no action of its own; but it keeps its day and its word like what stands by itself.
    public var within: [PlannedPosting.Reference: PostedState]
    /// What a person has in hand in a file, and may have brought there: it keeps its word until that is settled. That it says something else by now is told.
    public var inHand: Set<PlannedPosting.Reference>
    /// The ledger cannot revise a document that has payments: edits become further documents.
    public var forbidsRevision: Bool

    public init(
        lockDate: LocalDate? = nil, posted: [PlannedPosting.Reference: PostedState] = [:], forbidsRevision: Bool = false,
        within: [PlannedPosting.Reference: PostedState] = [:], inHand: Set<PlannedPosting.Reference> = []
    ) {
        self.lockDate = lockDate
        self.posted = posted
        self.forbidsRevision = forbidsRevision
        self.within = within
        self.inHand = inHand
    }

    /// What stands there under that name, by itself or within another document; `nil` also for what was voided.
    public func standing(_ id: PlannedPosting.Reference) -> PostedState? {
        (posted[id] ?? within[id]).flatMap { $0.voided ? nil : $0 }
    }

    /// The day is on or before the lock date.
    public func isClosed(_ date: LocalDate) -> Bool { lockDate.map { date <= $0 } ?? false }
}

/// What brings the ledger from what it has to what a plan calls for.
public enum PostingAction: Sendable, Equatable {
    case create
    /// The ledger already has it as planned.
    case unchanged
    /// Revise; the revision to become.
    case revise(Int)
    /// Void; the revision to become.
    case void(Int)
    /// Never got there and should not.
    case nothing
}

extension LedgerState {
    /// What is to be done for `plan`. A posting without journal effect and one with are told apart by their lines
    /// alone.
    public func action(for plan: PlannedPosting) -> PostingAction {
        guard let posted = posted[plan.id] else { return plan.effect == .void ? .nothing : .create }
        if plan.effect == .void { return posted.voided ? .unchanged : .void(posted.revision + 1) }
        return !posted.voided && plan.hasSameContent(as: posted.plan) ? .unchanged : .revise(posted.revision + 1)
    }

    /// The source document that calls for the action: of a change the first one that the posted revision does not
    /// stand for.
    public func cause(of plan: PlannedPosting) -> String {
        let known = Set(posted[plan.id]?.plan.covers ?? [])
        return plan.covers.first { !known.contains($0) } ?? plan.covers.last ?? plan.subject
    }
}

extension PlannedPosting {
    /// The same entry in the books: what people or sums could tell apart is equal. Findings, coverage and timing do
    /// not count.
    public func hasSameContent(as other: PlannedPosting) -> Bool {
        date == other.date && due == other.due && currency == other.currency && total == other.total && lines == other.lines
            && party == other.party
            && appliesTo == other.appliesTo && reference == other.reference && memo == other.memo && isClosed == other.isClosed
            && closedBehind == other.closedBehind
    }
}
