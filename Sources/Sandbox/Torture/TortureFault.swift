/// Where in the posting protocol a fault strikes.
public enum ProtocolPoint: String, Sendable, CaseIterable, Comparable {
    /// Work is planned, nothing of it written.
    case beforeIntent = "before_intent"
    /// The intent is committed, nothing is sent.
    case intentSend = "intent_send"
    /// The ledger has the request, the worker has no answer.
    case sendReply = "send_reply"
    /// The worker has the answer, and it is not committed.
    case replyCommit = "reply_commit"
    /// The document is posted and is read back.
    case confirm

    public static func < (a: Self, b: Self) -> Bool { allCases.firstIndex(of: a) ?? 0 < allCases.firstIndex(of: b) ?? 0 }
}

/// Everything that goes wrong in a torture run, by its name in the result.
public enum TortureFault: String, Sendable, CaseIterable {
    // At points of the protocol
    /// `kill -9` of the worker.
    case kill
    /// The worker is stopped for a few seconds, and the world goes on.
    case stop
    /// The database server ends at once, as in a power cut, and starts again.
    case postgresCrash = "postgres_crash"
    case tornReply = "torn_reply"
    case lostRequest = "lost_request"

    // At one place each
    /// Worker and scheduler are stopped until the lease is over; then the worker alone goes on, between intent and send.
    case stopPastLease = "stop_past_lease"
    /// Somebody else has the lease while the worker works on.
    case leaseTaken = "lease_taken"
    case killScheduler = "kill_scheduler"
    case killControlPlane = "kill_control_plane"
    case tokenRevoked = "token_revoked"
    /// The worker is killed after its refresh was granted and before it knows: its successor refreshes again.
    case lostRefreshAnswer = "lost_refresh_answer"
    /// Another client of the same grant refreshes behind the worker's back.
    case secondRefresher = "second_refresher"
    case throttled
    case throttledSilently = "throttled_without_header"
    case retryAfterAbsurd = "retry_after_absurd"
    case retryAfterNegative = "retry_after_negative"
    case retryAfterPast = "retry_after_past"
    case unavailableStorm = "unavailable_storm"
    case errorInSuccess = "error_in_success"
    case staleSearch = "stale_search"
    case clockSkew = "clock_skew"
    case lockDateMoved = "lock_date_moved"
    case tenantRemoved = "tenant_removed"
    case webhookLost = "webhook_lost"
    case webhookDuplicated = "webhook_duplicated"
    case webhookReordered = "webhook_reordered"

    /// The points at which it can strike: those where the thing exists that it strikes. A request is under way while references are made, between
    /// send and reply, and while a document is read back.
    public var points: [ProtocolPoint] {
        switch self {
        case .kill, .stop, .postgresCrash: ProtocolPoint.allCases
        case .tornReply, .lostRequest: [.beforeIntent, .sendReply, .confirm]
        default: []
        }
    }

    /// `Retry-After` of an answer that asks to slow down.
    public var retryAfter: String? {
        switch self {
        case .throttled: "1"
        case .retryAfterAbsurd: "999999999"
        case .retryAfterNegative: "-5"
        case .retryAfterPast: "Wed, 21 Oct 2015 07:28:00 GMT"
        default: nil
        }
    }
}

/// How often each fault struck at each point.
public struct HitTable: Sendable, Equatable {
    private var hits: [TortureFault: [ProtocolPoint: Int]] = [:]

    public init() {}

    public mutating func add(_ fault: TortureFault, _ point: ProtocolPoint, _ count: Int = 1) { hits[fault, default: [:]][point, default: 0] += count }

    public subscript(_ fault: TortureFault, _ point: ProtocolPoint) -> Int { hits[fault]?[point] ?? 0 }

    /// Pairs of the required ones that were never hit, as `kill at before_intent`.
    public func missing(_ required: [(fault: TortureFault, point: ProtocolPoint)]) -> [String] {
        required.filter { self[$0.fault, $0.point] == 0 }.map { "\($0.fault.rawValue) at \($0.point.rawValue)" }
    }

    /// Rows of a table: the fault, then its count at each point, `nil` where it can't strike.
    public var rows: [(fault: TortureFault, counts: [Int?])] {
        TortureFault.allCases.filter { !$0.points.isEmpty }.map { fault in
            (fault, ProtocolPoint.allCases.map { fault.points.contains($0) ? self[fault, $0] : nil })
        }
    }
}
