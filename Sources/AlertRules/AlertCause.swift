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
    case credential, company, quota, silent, down, attachment, webhooks, clock, account, reflection
    case quotaSpent = "quota_spent"
    /// A document of ours in a ledger, of which a restored database knows nothing.
    case orphaned
    // What goes wrong here
    case lag, crash, quarantined, configuration, undelivered, schedule
    case documentQuarantined = "document_quarantined"

    /// Who says that the cause is gone.
    public enum Upkeep: Sendable, Equatable {
        /// It is counted again every few seconds, and gone when there is nothing to count.
        case surveyed
        /// Whoever raised it takes it back.
        case kept
        /// It is seen only when something is tried: it is over when it has not come again for so long and nothing that stands there shows it.
        case fades(after: Duration)
    }

    public var upkeep: Upkeep {
        switch self {
        case .held, .rejected, .unknown, .variance, .event, .credential, .quota, .silent, .down, .webhooks, .clock, .lag, .crash, .undelivered, .documentQuarantined, .schedule: .surveyed
        case .unexplained, .returnsDiffer, .reflection, .quarantined, .changedInHand, .differsByHand, .account, .attachment, .company: .kept
        // Longer than whoever tries waits between two tries.
        case .fetch: .fades(after: .seconds(2 * 3600))
        case .configuration, .quotaSpent: .fades(after: .seconds(900))
        // What a restore left is told of whenever the ledger lists it again.
        case .orphaned: .fades(after: .seconds(86_400))
        }
    }

    /// Words of the causes that whoever raised them takes back.
    public static let kept: [String] = allCases.filter { $0.upkeep == .kept }.map(\.rawValue)

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
