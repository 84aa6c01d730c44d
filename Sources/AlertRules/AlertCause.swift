/// What an alert can be about: the first word of its key, and the word that rules, labels and metrics name it by.
public enum AlertCause: String, Sendable, CaseIterable {
    // What stops a document
    case held, rejected, unknown, variance, event, fetch
    case changedInHand = "changed_in_hand"
    case differsByHand = "differs_by_hand"
    // What the books say
    case unexplained
    case returnsDiffer = "returns_differ"
    // What lies between us and a platform
    case credential, quota, silent, down, attachment, webhooks, clock, account, reflection
    case quotaSpent = "quota_spent"
    /// A document of ours in a ledger, of which a restored database knows nothing.
    case orphaned
    // What goes wrong here
    case lag, crash, quarantined, configuration, undelivered, schedule
    case documentQuarantined = "document_quarantined"

    /// Who says that the cause is gone.
    public enum Upkeep: Sendable {
        /// It is counted again every few seconds, and gone when there is nothing to count.
        case surveyed
        /// Whoever raised it takes it back.
        case kept
        /// Nobody can tell: it is over when it has not come again for a day.
        case fades
    }

    public var upkeep: Upkeep {
        switch self {
        case .held, .rejected, .unknown, .variance, .event, .credential, .quota, .silent, .down, .webhooks, .clock, .lag, .crash, .undelivered, .documentQuarantined, .schedule: .surveyed
        case .unexplained, .returnsDiffer, .reflection, .quarantined, .changedInHand, .differsByHand: .kept
        case .fetch, .configuration, .attachment, .account, .quotaSpent, .orphaned: .fades
        }
    }

    /// What an alert with this key is about; `nil` for a word that is not in the list.
    public init?(key: String) {
        self.init(rawValue: String(key.prefix { $0 != "/" }))
    }
}

/// How bad it is; the same words as in the database.
public enum AlertSeverity: String, Sendable, CaseIterable, Comparable {
    /// Worth knowing, and nothing to do.
    case information
    /// Somebody should look into it within the day.
    case warning
    /// Money may be wrong, or nothing moves until somebody acts.
    case critical

    private var rank: Int {
        switch self {
        case .information: 0
        case .warning: 1
        case .critical: 2
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}
