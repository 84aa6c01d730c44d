public import Kernel
public import TwinKit
public import Wire

/// How much the twin lets through, and how long it remembers.
/// - Source: docs.stripe.com/rate-limits: 100 requests a second live, 25 in a sandbox, 25 to one endpoint; docs.stripe.com/api/idempotent_requests:
///   keys are kept for at least 24 hours. The limiter of requests in flight can't show here: `respond` is synchronous.
public struct StripeLimits: Sendable {
    public var livePerSecond: Int
    public var testPerSecond: Int
    public var endpointPerSecond: Int
    /// How long the answer under an idempotency key is told again.
    public var keySeconds: Int64

    public init(livePerSecond: Int = 100, testPerSecond: Int = 25, endpointPerSecond: Int = 25, keySeconds: Int64 = 86_400) {
        self.livePerSecond = livePerSecond
        self.testPerSecond = testPerSecond
        self.endpointPerSecond = endpointPerSecond
        self.keySeconds = keySeconds
    }
}

/// When a webhook that nobody acknowledged is sent again: the wait doubles each time.
public struct StripeRetries: Sendable {
    public var first: Duration
    /// The longest wait.
    public var longest: Duration
    /// Attempts in all before the vendor gives up.
    public var testAttempts: Int
    public var liveAttempts: Int

    public init(first: Duration, longest: Duration, testAttempts: Int, liveAttempts: Int) {
        self.first = first
        self.longest = longest
        self.testAttempts = testAttempts
        self.liveAttempts = liveAttempts
    }

    /// As the vendor does it: three attempts over some hours in test mode, three days live.
    /// - Source: docs.stripe.com/webhooks, "Delivery behaviors". It says how long, not at which minutes: those are the twin's.
    public static let vendor = StripeRetries(first: .seconds(3600), longest: .seconds(12 * 3600), testAttempts: 3, liveAttempts: 10)
    /// Days are a rehearsal's minutes, and it does not give up.
    public static let rehearsal = StripeRetries(first: .milliseconds(250), longest: .seconds(10), testAttempts: .max, liveAttempts: .max)

    /// The wait after so many attempts, `nil` where that was the last.
    func wait(after attempts: Int, isLive: Bool) -> Duration? {
        guard attempts < (isLive ? liveAttempts : testAttempts) else { return nil }
        return min(longest, first * (1 << min(attempts - 1, 20)))
    }
}

/// Stripe's API v1 for a platform and two businesses that have connected to it, in live and in test mode, with double-entry books underneath.
///
/// `/stripe/v1/…` stands for `https://api.stripe.com/v1/…` and `/stripe/oauth/…` for `https://connect.stripe.com/oauth/…`. Keys and accounts are at
/// `StripeSeed`. Everything it answered, and everything that happened, is in the journal before it says so.
/// - Source: stripe/openapi spec3 and fixtures3; stripe-python 16.1.0; docs.stripe.com/api.
public final class StripeTwin: SourceTwin {
    public let prefix = "/stripe"
    /// The platform, and the two businesses.
    public static let platform = StripeSeed.platform
    public static let american = StripeSeed.american
    public static let british = StripeSeed.british

    private let random: any RandomSource
    private let state: Remembered<StripeState>

    /// Opens the twin on what `journal` remembers.
    /// - Parameter retries: when webhooks are sent again.
    /// - Throws: the journal's faults, `unknown_time_zone`.
    public init(
        journal: TwinJournal, limits: StripeLimits = StripeLimits(), retries: StripeRetries = .vendor, random: any RandomSource = SystemRandom()
    ) throws(Fault) {
        self.random = random
        state = try Remembered(StripeState(businesses: try StripeSeed.businesses(), limits: limits, retries: retries), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        state.change { [random] state in
            if request.path == "/oauth/authorize", request.method == .get || request.method == .post { return state.consent(request, random: random) }
            return state.respond(request, at: now, random: random)
        } ifLost: { _, _ in
            Self.outOfOrder(500)
        }
    }

    // MARK: The world

    /// Lets something happen in an account.
    /// - Returns: the ids of what came of it: `intent` and `charge`, `refund`, `dispute`, `payouts` or `payout`, `secret`; `refused` with the code of a card
    ///   that was declined.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: StripeHappening, account: String, isLive: Bool = false, at now: Timestamp) throws(Fault) -> JSON {
        let scope = StripeScope(account: account, isLive: isLive)
        return try state.happen { [random] state throws(Fault) in
            guard state.businesses[account] != nil else { throw Happening.refused("there is no such account", "account") }
            return .object(try state.happen(happening, StripeMoment(scope: scope, at: now, random: random)))
        }
    }

    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let parsed = try StripeHappening(happening)
        return try happen(parsed, account: happening.text("account") ?? StripeSeed.american, isLive: happening.flag("live"), at: now)
    }

    public func expectedMoney() -> [ExpectedMoney] { state.look { $0.expectedMoney() } }

    /// What the twin's books say Stripe owes an account now, by currency in lower case: the sum of all its expected money.
    public func owed(_ account: String, isLive: Bool = false) -> [String: Int64] {
        state.look { $0.owed(StripeScope(account: account, isLive: isLive)) }
    }

    // MARK: Webhooks

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] { state.change { $0.takeDeliveries(at: now, most: most) } }

    // What the disk refused is sent once more.
    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) { state.change { $0.settleDelivery(id, status: status, at: now) } }

    public func nextWebhook() -> Timestamp? { state.look { $0.nextDelivery() } }

    // MARK: Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        let answer = StripeState.limited("global-rate")
        var response = HTTPResponse.json(answer.status, answer.body)
        response.fields["Stripe-Rate-Limited-Reason"] = answer.limited
        response.fields["Stripe-Should-Retry"] = "true"
        response.fields["Request-Id"] = "req_" + StripeMoment.letters(random, 14)
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse { Self.outOfOrder(503) }

    private static func outOfOrder(_ status: Int) -> HTTPResponse {
        let error: JSON = .object([
            ("message", "An error occurred while connecting to Stripe. Please try again."), ("type", "api_error"),
        ])
        return .json(status, .object([("error", error)]))
    }
}
