internal import Crypto
internal import Kernel
internal import Wire

/// All the twin remembers.
struct StripeState: Sendable {
    let businesses: [String: StripeBusiness]
    let limits: StripeLimits
    let retries: StripeRetries
    var rows = StripeTable()
    var meter = StripeMeter()
    /// Codes of the consent page, each good for one exchange; they live for minutes and are in no journal.
    var codes: [String: String] = [:]
    /// Webhooks that are under way.
    var underway: Set<String> = []
    /// What a test card does after the answer: it is done when the answer is made.
    var afterwards: [StripeAfterwards] = []

    init(businesses: [String: StripeBusiness], limits: StripeLimits, retries: StripeRetries) {
        self.businesses = businesses
        self.limits = limits
        self.retries = retries
    }

    /// Both businesses have connected to the platform before the first request.
    func isConnected(_ account: String) -> Bool {
        guard account != StripeSeed.platform, businesses[account] != nil else { return false }
        return rows["grant/\(account)"]?.shown.flag("connected") ?? true
    }

    mutating func setConnected(_ account: String, _ connected: Bool, at now: Timestamp) {
        let scope = StripeScope(account: account, isLive: true)
        rows.put(
            StripeRow(id: "grant/\(account)", scope: scope, kind: .grant, created: now.seconds, shown: .object([("connected", .bool(connected))])))
    }

    // MARK: Rows

    mutating func insert(_ kind: StripeKind, _ id: String, _ shown: JSON, inner: JSON = .object([]), _ m: StripeMoment) {
        rows.put(StripeRow(id: id, scope: m.scope, kind: kind, created: m.seconds, shown: shown, inner: inner))
    }

    /// Changes a row and returns it as it is now.
    @discardableResult
    mutating func change(_ id: String, _ changes: [(String, JSON)]) -> JSON {
        guard var row = rows[id] else { return .null }
        row.shown = row.shown.setting(changes)
        rows.put(row)
        return row.shown
    }

    mutating func changeInner(_ id: String, _ key: String, _ value: JSON) {
        guard var row = rows[id] else { return }
        row.inner = row.inner.setting(key, value)
        rows.put(row)
    }

    func shown(_ id: String) -> JSON { rows[id]?.shown ?? .null }

    /// The row of that kind in the caller's account and mode.
    /// - Parameter param: the parameter that names it; `nil` when the address does.
    func find(_ kind: StripeKind, _ id: String, _ m: StripeMoment, param: String? = nil) throws(StripeProblem) -> StripeRow {
        if let row = rows[id], row.kind == kind {
            if row.scope == m.scope, !row.shown.flag("deleted") || param == nil { return row }
            if row.scope == m.scope.other {
                throw .noSuch(
                    kind, id, param: param ?? kind.addressParam, isReference: param != nil, otherMode: row.scope.isLive ? "live" : "test")
            }
        }
        throw .noSuch(kind, id, param: param ?? kind.addressParam, isReference: param != nil)
    }

    func business(_ scope: StripeScope) -> StripeBusiness? { businesses[scope.account] }

    /// The object as it is shown at that time: the status of a balance transaction follows the clock.
    func render(_ row: StripeRow, at now: Timestamp) -> JSON {
        guard row.kind == .balanceTransaction else { return row.shown }
        return row.shown.setting("status", row.shown.minor("available_on") <= now.seconds ? "available" : "pending")
    }
}

/// Something that follows an answer without anybody asking.
enum StripeAfterwards: Sendable {
    case refundFails(String, StripeMoment)
    case dispute(charge: String, reason: String, inquiry: Bool, StripeMoment)
    case endDispute(String, won: Bool, StripeMoment)
}

extension StripeState {
    mutating func doWhatFollows() {
        // A bound: what follows may itself be followed by something, once.
        for _ in 0..<8 where !afterwards.isEmpty {
            let now = afterwards
            afterwards = []
            for step in now {
                switch step {
                case .refundFails(let refund, let m): failRefund(refund, reason: "lost_or_stolen_card", m)
                case .dispute(let charge, let reason, let inquiry, let m): _ = openDispute(charge, amount: nil, reason: reason, inquiry: inquiry, m)
                case .endDispute(let dispute, let won, let m): endDispute(dispute, won: won, m)
                }
            }
        }
    }
}
