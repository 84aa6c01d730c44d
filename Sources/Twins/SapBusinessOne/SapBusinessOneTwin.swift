public import Kernel
public import TwinKit
public import Wire

/// How much the nodes let through, and for how long they know who is logged in.
///
/// SAP publishes no quota: workers, the database and licences are the bounds. Page size and session are the defaults of `b1s.conf`; the rest is our choice.
/// - Source: "Working with SAP Business One Service Layer", "Paginate the Selected Orders", "Session".
public struct SapBusinessOneLimits: Sendable {
    /// Rows of a page where nothing else is preferred.
    public var pageSize: Int
    /// How long a session lives without being used; whole minutes.
    public var session: Duration
    /// Sessions at once, each with a licensed user's place.
    public var sessions: Int
    /// Largest body, bytes.
    public var bodyBytes: Int
    /// Parts of one batch.
    public var batch: Int
    /// Every how many writes two of them meet and this one loses; `nil` for never.
    public var conflictsEvery: Int?
    /// Local minor units from which on a clerk's document waits for somebody's approval.
    public var approvalsFrom: Int64
    /// More may be drawn from an order than was ordered: companies can allow it.
    public var overdraws: Bool

    public init(
        pageSize: Int = 20, session: Duration = .seconds(30 * 60), sessions: Int = 100, bodyBytes: Int = 16 << 20, batch: Int = 100, conflictsEvery: Int? = nil,
        approvalsFrom: Int64 = 1_000_000, overdraws: Bool = false
    ) {
        self.pageSize = pageSize
        self.session = session
        self.sessions = sessions
        self.bodyBytes = bodyBytes
        self.batch = batch
        self.conflictsEvery = conflictsEvery
        self.approvalsFrom = approvalsFrom
        self.overdraws = overdraws
    }
}

/// SAP Business One's Service Layer, OData 3 at `/b1s/v1` and OData 4 at `/b1s/v2`, with the double-entry books of every company database behind it.
///
/// Databases are there as soon as somebody logs in to them: `SBODemoUS` and whatever begins so keeps US dollars with sales tax codes, `SBODemoGB` and
/// whatever begins so pounds with VAT groups; with `Branches` in its name every document says to which branch it belongs. What they hold from the
/// beginning stands at `B1Seed`. Everything answered is in the journal before the answer.
/// - Source: SAP, "Working with SAP Business One Service Layer" (1.29); SoftwareDesign-Solution/b1slayer-model-generator-node, metadata of version 10.0.
public final class SapBusinessOneTwin: LedgerTwin {
    static let path = "/sapb1"
    public let prefix = SapBusinessOneTwin.path
    /// The superuser of every company.
    public static let user = "manager"
    /// A user who may only look, and one whose large documents wait for approval; the same password.
    public static let reader = "reader"
    public static let clerk = "clerk"
    public static let password = "b1-manager-7"
    public static let company = "SBODemoUS"

    private let random: any RandomSource
    private let state: Remembered<B1State>
    /// The last time at which anybody called: what the bookkeeper does happens then.
    private let clock = Locked(Timestamp(seconds: 1_767_225_600))

    /// Opens the companies as the journal left them.
    /// - Throws: the journal's faults.
    public init(journal: TwinJournal, limits: SapBusinessOneLimits = SapBusinessOneLimits(), random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(B1State(limits: limits), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        clock.with { $0 = now }
        // A node that can't write its database is gone: the balancer answers for it.
        return state.change { [random] in $0.respond(request, at: now, random: random) } ifLost: { _, _ in B1Answer.badGateway }
    }

    func change<Outcome: Sendable>(_ body: (inout B1State) -> Outcome) -> Outcome {
        let now = clock.with { $0 }
        return state.change { state in
            state.each { $0.now = now }
            return body(&state)
        }
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] {
        state.look { state in state.books.keys.sorted().flatMap { state.books[$0]?.entries() ?? [] } }
    }

    public func setAccountActive(_ code: String, _ active: Bool) { change { $0.setActive(code, active) } }

    public func setLockDate(_ date: LocalDate?) { change { $0.lock(date) } }

    /// Ends every session.
    public func revokeAccessTokens() { change { $0.sessions = [:] } }

    // MARK: - Answers of the fault plan

    /// The platform has no quota of its own: what is too much for its nodes is the balancer's to refuse.
    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = B1Answer.unavailable
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { B1Answer.unavailable }
}
