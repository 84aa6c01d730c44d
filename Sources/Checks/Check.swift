public import Books

/// What checks may look at. A value: reading the ledger is the caller's.
public struct CheckContext: Sendable {
    public var organisation: Organisation
    public var policies: Policies
    /// The lock date and what of the case the ledger already has.
    public var ledger: LedgerState
    /// The account that mapping binds a line to; `nil` where nothing binds it.
    public var account: @Sendable (PostingLine, PlannedPosting) -> BoundAccount?
    public var ledgerLimits: LedgerLimits
    /// Currencies that the ledger may post; `nil`: any.
    public var currencies: Set<Currency>?
    /// Revisions as last read from the ledger, where it counts them as we do.
    public var ledgerRevisions: [PlannedPosting.Reference: Int]
    /// Postings found changed in the ledger.
    public var drifted: Set<PlannedPosting.Reference>

    public init(
        organisation: Organisation, policies: Policies, ledger: LedgerState,
        ledgerLimits: LedgerLimits = LedgerLimits(),
        currencies: Set<Currency>? = nil, ledgerRevisions: [PlannedPosting.Reference: Int] = [:],
        drifted: Set<PlannedPosting.Reference> = [],
        account: @escaping @Sendable (PostingLine, PlannedPosting) -> BoundAccount?
    ) {
        self.organisation = organisation
        self.policies = policies
        self.ledger = ledger
        self.ledgerLimits = ledgerLimits
        self.currencies = currencies
        self.ledgerRevisions = ledgerRevisions
        self.drifted = drifted
        self.account = account
    }
}

/// One named reason for which a posting does not go to the ledger.
public protocol Check: Sendable {
    /// Stable, snake_case; what held items are listed under.
    static var name: String { get }
    /// Empty when the posting passes. Called for postings that would change the ledger only.
    static func findings(for posting: PlannedPosting, in context: CheckContext) -> [Finding]
}

public enum Checks {
    /// Every check, in the order in which findings are listed.
    public static let all: [any Check.Type] = [
        ClosedPeriod.self, Drift.self, StaleRevision.self, UnknownAccount.self, InactiveAccount.self,
        CurrencyMismatch.self, NoRate.self,
        MissingTaxJurisdiction.self, MissingParty.self, FieldTooLong.self, ZeroTotal.self, Unbalanced.self,
    ]

    /// The findings of every posting that is held: the plan's own and those of all checks, all of them, not the first
    /// alone. Postings that the ledger already has as planned are not looked at. Whatever depends on a held posting
    /// is then held as `waits_for_original` and as nothing else.
    public static func run(_ postings: [PlannedPosting], in context: CheckContext) -> [PlannedPosting.Reference:
        [Finding]]
    {
        var held: [PlannedPosting.Reference: [Finding]] = [:]
        let changing = postings.filter { posting in
            switch context.ledger.action(for: posting) {
            case .unchanged, .nothing: false
            case .create, .revise, .void: true
            }
        }
        for posting in changing {
            let found = posting.findings + all.flatMap { $0.findings(for: posting, in: context) }
            if !found.isEmpty { held[posting.id] = found }
        }
        waits(changing, all: postings, context, &held)
        return held
    }

    /// Dependants of held postings, and theirs, to the end of the chain.
    private static func waits(
        _ changing: [PlannedPosting], all: [PlannedPosting], _ context: CheckContext,
        _ held: inout [PlannedPosting.Reference: [Finding]]
    ) {
        let first = held
        var waiting: Set<PlannedPosting.Reference> = []
        var more = true
        while more {
            more = false
            for posting in changing where !waiting.contains(posting.id) {
                guard let original = posting.appliesTo, held[original] != nil, original != posting.id else { continue }
                guard depends(posting, on: all.first { $0.id == original }, context) else { continue }
                let orphan = first[original]?.contains { $0.check == "waits_for_original" } ?? false
                held[posting.id] = [
                    Finding(
                        check: "waits_for_original",
                        why: "its \(original.form.rawValue.replacing("_", with: " ")) \(original.subject) is held"
                            + (orphan ? " for an unknown order" : ""),
                        remedy: "released with \(original.form.rawValue) \(original.subject)")
                ]
                waiting.insert(posting.id)
                more = true
            }
        }
    }

    /// On a document that is not in the ledger everything waits; on a held change only what comes of the change itself.
    private static func depends(_ posting: PlannedPosting, on original: PlannedPosting?, _ context: CheckContext)
        -> Bool
    {
        guard let original, let posted = context.ledger.posted[original.id], !posted.voided else { return true }
        let change = Set(original.covers).subtracting(posted.plan.covers)
        return posting.covers.contains { change.contains($0) }
    }
}

extension String {
    fileprivate func replacing(_ one: Character, with other: Character) -> String {
        String(map { $0 == one ? other : $0 })
    }
}
