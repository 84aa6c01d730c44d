public import Kernel
public import TwinKit
public import Wire

/// How much the twin lets through, and how long things take.
/// - Source: the vendor publishes no rate limits: these are the twin's, above the ten a second that a careful client keeps to. That fees and refunds
/// come seconds after is the vendor's (developer.squareup.com/docs/payments-api/webhooks); how many is the twin's.
public struct SquareLimits: Sendable {
    /// Requests for one merchant.
    public var perSecond: Int
    /// Requests to the token endpoint.
    public var tokensPerSecond: Int
    /// How long the answer under an idempotency key is told again.
    public var keySeconds: Int64
    /// From the capture of a payment to its fee.
    public var feeDelay: Duration
    /// From a refund's making to its completion.
    public var refundDelay: Duration

    public init(
        perSecond: Int = 20, tokensPerSecond: Int = 5, keySeconds: Int64 = 45 * 86_400, feeDelay: Duration = .seconds(45), refundDelay: Duration = .seconds(5)
    ) {
        self.perSecond = perSecond
        self.tokensPerSecond = tokensPerSecond
        self.keySeconds = keySeconds
        self.feeDelay = feeDelay
        self.refundDelay = refundDelay
    }

    /// The minutes until a fee are a rehearsal's seconds.
    public static let rehearsal = SquareLimits(feeDelay: .seconds(5), refundDelay: .seconds(2))
}

/// When a webhook that nobody acknowledged is sent again: the wait doubles each time.
public struct SquareRetries: Sendable {
    public var first: Duration
    /// The longest wait.
    public var longest: Duration
    /// Attempts in all before the vendor gives up.
    public var attempts: Int

    public init(first: Duration, longest: Duration, attempts: Int) {
        self.first = first
        self.longest = longest
        self.attempts = attempts
    }

    /// As the vendor does it: growing waits for up to 24 hours.
    /// - Source: developer.squareup.com/docs/webhooks/troubleshooting. It says how long, not at which minutes: those are the twin's.
    public static let vendor = SquareRetries(first: .seconds(60), longest: .seconds(6 * 3600), attempts: 12)
    /// Hours are a rehearsal's seconds, and it does not give up.
    public static let rehearsal = SquareRetries(first: .milliseconds(250), longest: .seconds(10), attempts: .max)

    /// The wait after so many attempts, `nil` where that was the last.
    func wait(after attempts: Int) -> Duration? {
        guard attempts < self.attempts else { return nil }
        return min(longest, first * (1 << min(attempts - 1, 20)))
    }
}

/// Square's Connect API v2 for an application and three merchants that have authorised it, with double-entry books underneath.
///
/// `/square/v2/…` stands for `https://connect.squareup.com/v2/…` and `/square/oauth2/…` for `https://connect.squareup.com/oauth2/…`. Tokens and
/// merchants are at `SquareSeed`. Everything it answered, and everything that happened, is in the journal before it says so.
/// - Source: square/connect-api-specification of 2025-08-20; squareup 46.0.0 for Python; developer.squareup.com.
public final class SquareTwin: SourceTwin {
    public let prefix = "/square"
    /// The merchants: two locations and sales tax on top; one location and VAT inside; one location, tax on top and cash in five-cent coins.
    public static let american = SquareSeed.american
    public static let british = SquareSeed.british
    public static let canadian = SquareSeed.canadian

    private let random: any RandomSource
    private let state: Remembered<SquareState>

    /// Opens the twin on what `journal` remembers.
    /// - Parameter retries: when webhooks are sent again.
    /// - Throws: the journal's faults, `unknown_time_zone`.
    public init(
        journal: TwinJournal, limits: SquareLimits = SquareLimits(), retries: SquareRetries = .vendor, random: any RandomSource = SystemRandom()
    ) throws(Fault) {
        self.random = random
        state = try Remembered(SquareState(merchants: try SquareSeed.merchants(), limits: limits, retries: retries), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        state.change { [random] state in
            state.advance(to: now, random: random)
            return state.respond(request, at: now, random: random)
        } ifLost: { _, _ in
            Self.outOfOrder(500, "INTERNAL_SERVER_ERROR", "An internal error has occurred.")
        }
    }

    // MARK: The world

    /// Lets something happen: `{"do": "sells", "merchant": …, …}`. What can happen, and with which members, is listed in `SquareState.happen`.
    /// - Returns: the ids of what came of it: `order` and `payments`, `refunds`, `dispute`, `payouts` or `payout`, `shift`.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let merchant = happening.text("merchant") ?? SquareSeed.american
        return try state.happen { [random] state throws(Fault) in
            guard state.merchants[merchant] != nil else { throw Happening.refused("there is no such merchant", "merchant") }
            state.advance(to: now, random: random)
            do throws(SquareProblem) {
                return .object(try state.happen(SquareBody(happening), SquareMoment(merchant: merchant, at: now, random: random)))
            } catch { throw Happening.refused(error.detail, error.field ?? "") }
        }
    }

    public func expectedMoney() -> [ExpectedMoney] { state.look { $0.expectedMoney() } }

    /// What the twin's books say Square owes a merchant now: the sum of all its expected money.
    public func owed(_ merchant: String) -> Int64 { state.look { $0.owed(merchant) } }

    // MARK: Webhooks

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        state.change { [random] state in
            state.advance(to: now, random: random)
            return state.takeDeliveries(at: now, most: most)
        } ifLost: { state, taken in
            for webhook in taken { state.underway.remove(webhook.id) }
            return []
        }
    }

    // What the disk refused is sent once more.
    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) { state.change { $0.settleDelivery(id, status: status, at: now) } }

    /// Also when something is due to happen by itself: a fee, a refund's end. A webhook comes of it.
    public func nextWebhook() -> Timestamp? { state.look { state in [state.nextDelivery(), state.nextTimer()].compactMap { $0 }.min() } }

    // MARK: Answers of the fault plan

    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = HTTPResponse.json(429, SquareProblem.limited.json)
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    public func unavailable() -> HTTPResponse {
        Self.outOfOrder(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable.")
    }

    private static func outOfOrder(_ status: Int, _ code: String, _ detail: String) -> HTTPResponse {
        .json(status, SquareProblem(status, "API_ERROR", code, detail).json)
    }
}
