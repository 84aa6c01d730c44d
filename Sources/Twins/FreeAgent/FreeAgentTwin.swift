public import Kernel
public import TwinKit
public import Wire

/// How much the twin lets through, for each user of the integration; counters begin anew with each minute and hour of the clock.
/// - Source: dev.freeagent.com/docs/introduction, "Rate Limits": 120 requests a minute, 3600 an hour, 15 token refreshes a minute; 5 a minute with
///   `X-RateLimit-Test`.
public struct FreeAgentLimits: Sendable {
    public var callsPerMinute: Int
    public var callsPerHour: Int
    public var refreshesPerMinute: Int
    public var testCallsPerMinute: Int

    public init(callsPerMinute: Int = 120, callsPerHour: Int = 3600, refreshesPerMinute: Int = 15, testCallsPerMinute: Int = 5) {
        self.callsPerMinute = callsPerMinute
        self.callsPerHour = callsPerHour
        self.refreshesPerMinute = refreshesPerMinute
        self.testCallsPerMinute = testCallsPerMinute
    }
}

/// FreeAgent's API v2 for one company in the United Kingdom, with double-entry books underneath.
///
/// Speaks JSON below `/freeagent/v2`, OAuth 2.0 at `approve_app` and `token_endpoint` there. Resources are named by their URLs on the host that was
/// asked. FreeAgent publishes no webhooks, so there are none. Everything answered is in the journal before the answer.
/// - Source: dev.freeagent.com/docs; staff's answers at api-discuss.freeagent.com, named where they are used.
public final class FreeAgentTwin: LedgerTwin {
    public let prefix = "/freeagent"
    public static let clientID = "sandbox-client"
    public static let clientSecret = "sandbox-secret"
    /// The director's grant, which may do everything, and that of an assistant who may do no more than invoices.
    public static let refreshToken = "freeagent-refresh-0"
    public static let assistantRefreshToken = "freeagent-refresh-4"

    private let random: any RandomSource
    private let state: Remembered<FAState>

    /// Opens the company as the journal left it.
    /// - Throws: the journal's faults.
    public init(journal: TwinJournal, limits: FreeAgentLimits = FreeAgentLimits(), random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(FAState(limits: limits), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        state.change { [random] state in
            state.respond(request, at: now, random: random)
        } ifLost: { _, _ in
            FAProblem(500, "Something went wrong").response
        }
    }

    // MARK: - The bookkeeper's own doings

    public func entries() -> [LedgerEntry] { state.look { $0.entries() } }

    /// A category that is not active can't be found any more; a bank account (`750-2`) is hidden.
    public func setAccountActive(_ code: String, _ active: Bool) { state.change { $0.setActive(code, active) } }

    public func setLockDate(_ date: LocalDate?) { state.change { $0.lock(until: date) } }

    public func revokeAccessTokens() { state.change { $0.revokeSessions() } }

    // MARK: - Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = FAMeter.refusal(most: 120, seconds: 60)
        response.fields["Retry-After"] = retryAfterSeconds.map { "\($0)" }
        return response
    }

    public func unavailable() -> HTTPResponse { .text(503, "Service Unavailable") }
}
